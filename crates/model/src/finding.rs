//! Findings: alerts and risk detections, keyed so that the same one arriving by several roads is one finding.

use crate::{Entity, EventTime, TenantId, Text};
use compact_str::{CompactString, format_compact};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The key of a finding: computable from any sighting of it.
///
/// `id` is the product's own alert id without Defender's two-letter prefix; for a Sentinel-made alert its `SystemAlertId`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FindingKey {
    /// The tenant whose evidence it is.
    pub tenant: TenantId,
    /// The product that found it, in our spelling (`mde`, `mdi`, `mdo`, `mda`, `xdr`, `idp`, `sentinel`, `defender-for-cloud`, …).
    pub product: CompactString,
    /// The product's own id.
    pub id: CompactString,
}

impl fmt::Display for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.product, self.id)
    }
}

/// Severity, ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Severity {
    /// Not said.
    #[default]
    Unknown,
    /// Informational.
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical: only our own rules say so.
    Critical,
}

impl Severity {
    /// Reads any spelling of the sources (`High`, `high`, `UnSpecified`); an unknown word is [`Severity::Unknown`].
    pub fn read(text: &str) -> Self {
        const WORDS: [(&str, Severity); 6] = [
            ("informational", Severity::Informational),
            ("information", Severity::Informational),
            ("low", Severity::Low),
            ("medium", Severity::Medium),
            ("high", Severity::High),
            ("critical", Severity::Critical),
        ];
        WORDS.iter().find(|(w, _)| text.eq_ignore_ascii_case(w)).map_or(Self::Unknown, |(_, s)| *s)
    }

    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How much a road is trusted for the fields of a finding: the greater rank wins, then the later version, then the content hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SourceRank(pub u8);

impl SourceRank {
    /// A row of evidence without its alert.
    pub const EVIDENCE: Self = Self(1);
    /// Defender's streaming tables: no status, entities apart.
    pub const STREAM: Self = Self(2);
    /// The older Defender for Endpoint REST form.
    pub const MDE_REST: Self = Self(3);
    /// Sentinel's copy: entities cut at 64 KB.
    pub const SENTINEL: Self = Self(4);
    /// Microsoft Graph: the product's own record.
    pub const GRAPH: Self = Self(5);
}

/// What a sighting tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum SightingKind {
    /// An alert.
    Alert,
    /// An Identity Protection detection on a user or a workload identity.
    Risk,
    /// Evidence of an alert that must still be seen: alone it makes no finding and is counted `unpaired`.
    Evidence,
}

/// A finding seen by one road at one version. The correlator merges the sightings of one key into one finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// The finding it belongs to.
    pub key: FindingKey,
    /// Alert, risk or evidence.
    pub kind: SightingKind,
    /// The format's name in the export table. Whoever writes a sighting down writes the name beside it, and gives it back from
    /// the names that are known.
    #[serde(skip)]
    pub format: &'static str,
    /// The id as this transport names it (`SystemAlertId` of a SecurityAlert row).
    pub id: CompactString,
    /// A portal link, where the record has one.
    pub url: Option<CompactString>,
    /// Rank of the road.
    pub rank: SourceRank,
    /// Version: the source's last-update time, else its row time.
    pub version: EventTime,
    /// A stable hash of the record's content (the envelope apart): decides between equal ranks and versions.
    pub content: u128,
    /// Title; the source's words are a parameter that its tenant owns.
    pub title: Text,
    /// Severity.
    pub severity: Severity,
    /// Resolved, dismissed or remediated at the source.
    pub closed: bool,
    /// The source's verdict: `Some(true)` a true positive, `Some(false)` false or benign.
    pub verdict: Option<bool>,
    /// First activity.
    pub first: EventTime,
    /// Last activity; never before `first`.
    pub last: EventTime,
    /// When the source handed the record over, for lag; not used to correlate.
    pub ingested: Option<EventTime>,
    /// What it names, each once, in canonical order.
    pub entities: Vec<Entity>,
    /// ATT&CK tactics in the matrix's spelling without spaces (`InitialAccess`), sorted.
    pub tactics: Vec<CompactString>,
    /// ATT&CK techniques (`T1078.004`), sorted.
    pub techniques: Vec<CompactString>,
    /// The incident that the source itself put it in, for E5.
    pub source_incident: Option<SourceIncidentKey>,
    /// The detector or rule at the source (`AlertType`, `detectorId`, `riskEventType`).
    pub detector: Option<CompactString>,
}

/// An incident of a source product.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SourceIncidentKey {
    /// Its tenant.
    pub tenant: TenantId,
    /// `sentinel` (IncidentName) or `xdr` (Defender's incident number).
    pub provider: CompactString,
    /// The id there.
    pub id: CompactString,
}

/// One version of a source incident: evidence for E5, and a source of status, owner and verdict.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceIncident {
    /// Which incident.
    pub key: SourceIncidentKey,
    /// The same incident's keys at other providers (a Sentinel row names Defender's incident).
    pub aliases: Vec<SourceIncidentKey>,
    /// The incident that absorbed it.
    pub redirect_to: Option<SourceIncidentKey>,
    /// Version: last modification.
    pub version: EventTime,
    /// First activity.
    pub first: EventTime,
    /// Last activity.
    pub last: EventTime,
    /// The sighting ids of its alerts, as the transport names them (`SystemAlertId`).
    pub alert_ids: Vec<CompactString>,
    /// Title.
    pub title: Text,
    /// Severity.
    pub severity: Severity,
    /// New, active, closed, in the source's words.
    pub status: CompactString,
    /// Verdict, as for a sighting.
    pub verdict: Option<bool>,
    /// The owner's UPN or mail.
    pub owner: Option<CompactString>,
}

/// What a finding of our own is about, for [`Sighting::operational`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matter {
    /// Which kind of finding: its detector's name.
    pub detector: &'static str,
    /// Whose evidence it is.
    pub tenant: TenantId,
    /// What it is about, once in its tenant: an object id, a value, a stream.
    pub subject: CompactString,
    /// First activity.
    pub first: EventTime,
    /// Last activity.
    pub last: EventTime,
    /// In words.
    pub title: Text,
    /// What it names.
    pub entities: Vec<Entity>,
}

impl Sighting {
    /// A finding that we make ourselves of what no record says alone. Its key is (tenant, `product`, `detector:subject`), so that the same
    /// matter is the same finding whoever computes it; its severity is medium until somebody says otherwise.
    pub fn operational(product: &str, matter: Matter) -> Self {
        let Matter { detector, tenant, subject, first, last, title, entities } = matter;
        let id = format_compact!("{detector}:{subject}");
        Self {
            key: FindingKey { tenant, product: product.into(), id: id.clone() },
            kind: SightingKind::Alert,
            format: detector,
            id,
            url: None,
            rank: SourceRank::STREAM,
            version: first,
            content: 0,
            title,
            severity: Severity::Medium,
            closed: false,
            verdict: None,
            first,
            last,
            ingested: None,
            entities,
            tactics: Vec::new(),
            techniques: Vec::new(),
            source_incident: None,
            detector: Some(CompactString::const_new(detector)),
        }
        .canonical()
    }

    /// Puts the lists in canonical order, drops repeats, and mends `last < first`; decoders call it once, last.
    pub fn canonical(mut self) -> Self {
        self.entities.sort();
        self.entities.dedup_by(|a, b| a.kind == b.kind && a.value == b.value && a.tenant == b.tenant);
        self.tactics.sort();
        self.tactics.dedup();
        self.techniques.sort();
        self.techniques.dedup();
        self.last = self.last.max(self.first);
        self
    }
}
