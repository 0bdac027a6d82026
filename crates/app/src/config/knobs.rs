//! The table of knobs: path, what it does, and the value it sets. `config init`, `show` and `check` all loop over it.

use super::Config;
use caponier_model::EvidenceKind;
use compact_str::CompactString;
use std::borrow::Cow;
use std::sync::LazyLock;

/// One settable value.
pub struct Knob {
    /// `section.key`, or `key` at the top.
    pub path: Cow<'static, str>,
    /// What it does, with its unit.
    pub says: &'static str,
    /// The greatest value that makes sense.
    pub most: u64,
    place: Place,
}

/// Finds a value in a configuration.
type Field = fn(&mut Config) -> Slot<'_>;

/// Where a knob's value lives.
enum Place {
    Field(Field),
    Confidence(EvidenceKind),
}

impl Knob {
    /// The value it sets.
    pub fn slot<'c>(&self, config: &'c mut Config) -> Slot<'c> {
        match self.place {
            Place::Field(field) => field(config),
            Place::Confidence(kind) => Slot::Small(&mut config.identity.confidence[kind as usize]),
        }
    }
}

impl Slot<'_> {
    /// The value as TOML.
    pub fn text(&self) -> String {
        match self {
            Self::Integer(v) => v.to_string(),
            Self::Small(v) => v.to_string(),
            Self::Signed(v) => v.to_string(),
            Self::Size(v) => v.to_string(),
            Self::Days(v) => v.unwrap_or(0).to_string(),
            Self::Text(v) => format!("{:?}", v.as_str()),
            Self::Texts(v) => format!("{:?}", v.iter().map(CompactString::as_str).collect::<Vec<_>>()),
            Self::Switch(v) => v.to_string(),
        }
    }
}

/// A place for a value, by type.
pub enum Slot<'c> {
    /// A whole number.
    Integer(&'c mut u64),
    /// A whole number below 2^32.
    Small(&'c mut u32),
    /// A whole number kept signed (seconds).
    Signed(&'c mut i64),
    /// A count or size in memory.
    Size(&'c mut usize),
    /// Days, where 0 means for ever.
    Days(&'c mut Option<u32>),
    /// A text that is not empty.
    Text(&'c mut CompactString),
    /// A list of texts.
    Texts(&'c mut Vec<CompactString>),
    /// Yes or no.
    Switch(&'c mut bool),
}

macro_rules! knobs {
    ($($path:literal $kind:ident $($field:ident).+ => $says:literal;)*) => {
        const FIELDS: &[(&str, &str, u64, Field)] =
            &[$(($path, $says, most($path), |c| Slot::$kind(&mut c.$($field).+)),)*];
    };
}

/// Every knob, in the order `config init` writes them: the fields below, then one confidence for each kind of evidence.
pub static KNOBS: LazyLock<Vec<Knob>> = LazyLock::new(|| {
    let fields = FIELDS.iter().map(|(path, says, most, field)| Knob {
        path: Cow::Borrowed(path),
        says,
        most: *most,
        place: Place::Field(*field),
    });
    let confidences = EvidenceKind::ALL.into_iter().map(|kind| Knob {
        path: Cow::Owned(format!("identity.confidence.{}", kind.code())),
        says: confidence(kind),
        most: CERTAIN,
        place: Place::Confidence(kind),
    });
    fields.chain(confidences).collect()
});

/// What each kind of evidence is, for whoever weighs it.
const fn confidence(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::Statement => "K1: an analyst or the configuration says so",
        EvidenceKind::Provisioning => "K2: a provisioning row names both objects",
        EvidenceKind::DelegatedCaller => "K3: claims name the home object itself (Lighthouse, GDAP)",
        EvidenceKind::Puid => "K4: the guest's token carries the home account's PUID",
        EvidenceKind::PairedSignIn => "K5: one sign-in, logged in both tenants",
        EvidenceKind::PairedSignInById => "K5 with equal ids in both rows",
        EvidenceKind::NamedSignIn => "K6: a sign-in names the home tenant and a UPN that one home user bore",
        EvidenceKind::Redemption => "K7: a redeemed invitation and a sign-in from the home tenant",
        EvidenceKind::CommonSource => "K8: one on-premises object synchronised into both tenants",
        EvidenceKind::Extension => "K9: a directory extension of the guest holds the home object id",
        EvidenceKind::EmployeeId => "K10: equal employee ids, one match",
        EvidenceKind::Address => "K11: an address of exactly one home user",
        EvidenceKind::ExtName => "K12: the decoded #EXT# name is exactly one home user's",
        EvidenceKind::NamingRule => "K13: a [[naming]] rule",
        EvidenceKind::LooksAlike => "K14: equal display name; never alone",
        EvidenceKind::Application => "a log names the application and the tenant that owns it",
    }
}

/// Ten years in seconds.
pub(super) const TEN_YEARS: u64 = 10 * 366 * 86_400;
/// Certainty, in millionths.
const CERTAIN: u64 = 1_000_000;

/// Limits by path; what is not listed has none but its type's.
const fn most(path: &str) -> u64 {
    match path.as_bytes() {
        b"kafka.journal_days" => 3660,
        b"kafka.lateness_seconds" | b"kafka.idle_seconds" | b"kafka.snapshot_seconds" => TEN_YEARS,
        b"limits.depth" => 128,
        b"intake.threads" => 64,
        b"identity.accept" | b"identity.possible" | b"guards.cut_confidence" => CERTAIN,
        b"retention.days" => 3660,
        b"guards.window" | b"guards.span" | b"engine.settle_seconds" => TEN_YEARS,
        [b'w', b'i', b'n', b'd', b'o', b'w', b's', b'.', ..] => TEN_YEARS,
        _ => u64::MAX,
    }
}

knobs! {
    "epoch" Small engine.epoch => "the operator's epoch, part of every incident id; raise it to rename all incidents on purpose";
    "intake.threads" Integer intake_threads => "threads that read and decode; 0 = one per core";
    "intake.future_minutes" Integer future_minutes => "a record later than the clock plus this many minutes is refused as future_time";
    "limits.line_bytes" Size limits.line_bytes => "longest line, row or message; a longer one is refused as too_large";
    "limits.document_bytes" Size limits.document_bytes => "largest file that is one JSON document";
    "limits.record_bytes" Size record.record_bytes => "largest single record";
    "limits.depth" Small record.depth => "levels of nesting in a record, 128 at most";
    "limits.kept_bytes" Size limits.kept_bytes => "how much of a refused record the dead letter keeps";
    "limits.inflate_ratio" Integer limits.inflate_ratio => "output bytes per compressed byte at which a stream is a bomb";
    "limits.inflate_floor" Integer limits.inflate_floor => "output bytes below which that ratio is not looked at";
    "limits.inflate_bytes" Integer limits.inflate_bytes => "most bytes that one compressed file may become";
    "limits.sort_bytes" Size limits.sort_bytes => "memory of one sorter before it spills to disk, in bytes";
    "windows.account" Signed engine.windows.account => "E1, same account: longest gap between two findings, in seconds";
    "windows.person" Signed engine.windows.person => "E2, same person by an accepted link, in seconds";
    "windows.device" Signed engine.windows.device => "E3, same device, in seconds";
    "windows.session" Signed engine.windows.session => "E4, same session, token or sign-in, in seconds";
    "windows.address" Signed engine.windows.address => "E7, same address, in seconds";
    "windows.hash" Signed engine.windows.hash => "E8, same file hash, in seconds";
    "windows.url" Signed engine.windows.url => "E8, same URL, in seconds";
    "windows.mail" Signed engine.windows.mail => "E8, same mail, in seconds";
    "windows.trust" Signed engine.windows.trust => "E9, change of trust between two tenants, in seconds";
    "windows.name" Signed engine.windows.name => "E10, same host or account name without a stable id, in seconds";
    "windows.detection" Signed engine.windows.detection => "E11, a risk detection and its alert, in seconds";
    "windows.tool" Signed engine.windows.tool => "G5, one tool in two alerts of one kind, in seconds";
    "edges.source_incident" Switch engine.edges.source_incident => "E5: use the grouping that the source products made";
    "edges.session" Switch engine.edges.session => "E4: use sessions, tokens and sign-ins";
    "edges.address" Switch engine.edges.address => "E7: use addresses";
    "edges.artefact" Switch engine.edges.artefact => "E8: use hashes, URLs and mails";
    "edges.weak_pair" Switch engine.edges.weak_pair => "G5: two different weak kinds together may bridge";
    "edges.movement" Switch engine.edges.movement => "G5: an address in two alerts of lateral movement may bridge";
    "edges.tool" Switch engine.edges.tool => "G5: one tool in two alerts of one kind may bridge";
    "edges.rule_chain" Switch engine.edges.rule_chain => "E6: use instances of scenario rules";
    "edges.trust" Switch engine.edges.trust => "E9: use changes of trust between tenants";
    "edges.name" Switch engine.edges.name => "E10: use names of hosts and accounts that have no stable id";
    "edges.detection" Switch engine.edges.detection => "E11: use risk detections and their alerts";
    "guards.g1" Switch engine.guards.g1 => "G1: stop values join nothing; each guard may be switched off to see what it prevents";
    "guards.g2" Switch engine.guards.g2 => "G2: prolific values do not bridge";
    "guards.g3" Switch engine.guards.g3 => "G3: prolific is counted around the edge, not over all that is held";
    "guards.g4" Switch engine.guards.g4 => "G4: values known to be shared do not bridge";
    "guards.g5" Switch engine.guards.g5 => "G5: a weak value alone attaches and does not bridge";
    "guards.g6" Switch engine.guards.g6 => "G6: an incident has a size";
    "guards.g7" Switch engine.guards.g7 => "G7: an incident has a span";
    "guards.g8" Switch engine.guards.g8 => "G8: large incidents merge by a strong edge or two";
    "guards.g9" Switch engine.guards.g9 => "G9: opposite verdicts of analysts keep incidents apart";
    "guards.g10" Switch engine.guards.g10 => "G10: pairs of tenants merge only as their policy allows; never off in operation";
    "guards.g12" Switch engine.guards.g12 => "G12: budgets of values and sightings, and of what one value, person or incident joins in an hour";
    "guards.stop_values" Texts engine.stop_values => "G1: values that never join anything, beside the built-in ones";
    "guards.shared_values" Texts engine.shared_values => "G4: shared accounts, devices, jump hosts: they never bridge";
    "guards.address_persons" Small engine.caps.address => "G2: persons behind one address above which it is prolific";
    "guards.device_persons" Small engine.caps.device => "G2: persons on one device";
    "guards.account_devices" Small engine.caps.account => "G2: devices of one account";
    "guards.artefact_persons" Small engine.caps.artefact => "G2: persons that one hash, URL or mail reached";
    "guards.tool_devices" Small engine.caps.tool => "G2: devices on which one kind of alert raised one tool";
    "guards.detector_persons" Small engine.caps.detector => "G2: victims of one kind of alert: beyond, an account or a device alone ties it to nothing";
    "guards.window" Signed engine.caps.window => "G3: the span over which counterparts are counted, in seconds";
    "guards.findings" Small engine.limits.findings => "G6: findings in one incident";
    "guards.values" Small engine.limits.values => "G6: distinct correlating values in one incident";
    "guards.source_alerts" Small engine.limits.source_alerts => "G6: alerts of a source incident above which it no longer bridges";
    "guards.span" Signed engine.limits.span => "G7: first to last activity of one incident, in seconds";
    "guards.cut_findings" Small engine.limits.cut_findings => "G8: incidents this large need a strong edge or two to merge";
    "guards.cut_confidence" Small engine.limits.cut_confidence => "G8: confidence, in millionths, at which one edge is enough";
    "guards.finding_values" Small engine.limits.finding_values => "G12: correlating values taken from one finding";
    "guards.finding_sightings" Small engine.limits.finding_sightings => "G12: sightings kept of one finding";
    "guards.held_findings" Small engine.limits.held_findings => "G12: findings held; beyond them what was quiet longest is let go and counted";
    "guards.held_values" Small engine.limits.held_values => "G12: distinct values held, likewise";
    "guards.held_incidents" Small engine.limits.held_incidents => "G12: incidents held, likewise";
    "guards.value_rate" Small engine.limits.value_rate => "G12: findings of one hour that one device joins; those beyond attach and are counted";
    "guards.person_rate" Small engine.limits.person_rate => "G12: findings of one hour that one person, account, name or SID joins, likewise";
    "guards.incident_rate" Small engine.limits.incident_rate => "G12: findings of one hour in the core of one incident; beyond, another continues it";
    "engine.settle_seconds" Signed engine.limits.settle_seconds => "seconds of event time within which what comes is settled together";
    "engine.staged" Small engine.limits.staged => "findings that wait to be settled together at most";
    "score.privileged" Texts engine.privileged => "accounts whose part in an incident raises its score: object ids or UPNs";
    "retention.days" Days engine.retention_days => "days a finding is held after its last activity; 0 = for ever";
    "rules.folder" Text rules_folder => "a folder of rules in place of those that come with the program; shipped = those";
    "ledger.path" Text ledger => "the file that keeps what analysts state; made by the first identity link";
    "kafka.brokers" Text live.brokers => "addresses of the brokers, host:port, comma between";
    "kafka.profile" Text live.profile => "kafka, or event-hubs for what Azure Event Hubs documents";
    "kafka.group" Text live.group => "begins the names of consumer groups and writers";
    "kafka.journal" Text live.journal => "topic of the journal, one partition";
    "kafka.changes" Text live.changes => "topic of every change of every incident";
    "kafka.incidents" Text live.incidents => "topic of the latest form of each incident, compacted";
    "kafka.dead_letters" Text live.dead_letters => "topic of refused records";
    "kafka.late" Text live.late => "topic of records that came too late for anything to follow from them";
    "kafka.operational" Text live.operational => "topic of operational findings: what is wrong with the watching";
    "kafka.decisions" Text live.decisions => "topic of decisions and identity statements, which caponier decide writes";
    "kafka.journal_days" Integer live.journal_days => "days that the journal is kept, where we make its topic";
    "kafka.state" Text live.state => "folder of snapshots, from which a restart goes on; or a bucket: s3://NAME/PREFIX, az://CONTAINER/PREFIX";
    "kafka.snapshot_seconds" Integer live.snapshot_seconds => "seconds between two snapshots";
    "kafka.lateness_seconds" Signed live.lateness_seconds => "event time waits so many seconds for what comes out of order";
    "kafka.idle_seconds" Integer live.idle_seconds => "a partition silent for so many seconds holds event time back no more";
    "operations.listen" Text operations.listen => "host:port of /metrics, /healthz and /readyz; none to have none";
    "identity.accept" Small identity.accept => "least confidence of an accepted link, in millionths";
    "identity.possible" Small identity.possible => "least confidence of a link that is shown as possible, in millionths";
}
