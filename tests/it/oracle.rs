//! Agreement with two independent readers of the same records: the pipelines of Elastic and of Sekoia, whose outputs lie
//! beside their inputs in the public captures. Knows both vocabularies and nothing of how `wire` does its work.
//!
//! Values are compared after folding (GUID case, instants at the oracle's precision, address text, case of names). Every
//! difference must be listed with its reason in `tests/data/oracle_differences.tsv`; one that is not listed fails, and so
//! does a listed one that no longer occurs. The findings are written to `docs/oracles.md` (`CAPONIER_BLESS=1` rewrites it).

use caponier_model::{Body, EntityKind, Guid, Outcome, RejectReason, Severity, Tenants};
use caponier_wire::{Basis, Context, Decoded, carried, decode_full, enclosed, parse_time, records};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The least share of equal values, in each field of each oracle, that the test accepts.
const LEAST_EQUAL: f64 = 0.98;
const DIFFERENCES: &str = "tests/data/oracle_differences.tsv";
const PAGE: &str = "docs/oracles.md";

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Field {
    /// The record is read at all.
    Record,
    Time,
    Id,
    Tenant,
    UserId,
    UserName,
    FullName,
    Address,
    Host,
    Device,
    Outcome,
    Severity,
    Technique,
}

use Field::*;

const FIELDS: [(Field, &str); 13] = [
    (Record, "record"),
    (Time, "event time"),
    (Id, "record id"),
    (Tenant, "tenant"),
    (UserId, "user id"),
    (UserName, "user name"),
    (FullName, "full name"),
    (Address, "address"),
    (Host, "host"),
    (Device, "device id"),
    (Outcome, "outcome"),
    (Severity, "severity"),
    (Technique, "technique"),
];

impl Field {
    fn name(self) -> &'static str {
        FIELDS.iter().find(|(f, _)| *f == self).unwrap().1
    }
}

/// Where an oracle's outputs for one family say what our fields say: the first path with a value counts.
struct Family {
    /// Folder of the captures.
    oracle: &'static str,
    /// How the files of the family begin, below that folder.
    files: &'static str,
    paths: &'static [(Field, &'static [&'static str])],
}

const fn family(
    oracle: &'static str,
    files: &'static str,
    paths: &'static [(Field, &'static [&'static str])],
) -> Family {
    Family { oracle, files, paths }
}

const ELASTIC: &str = "elastic-integrations";
const BEATS: &str = "elastic-beats";
const SEKOIA: &str = "sekoia-intake-formats";

const FAMILIES: &[Family] = &[
    family(
        BEATS,
        "azure/activitylogs/",
        &[
            (Time, &["@timestamp"]),
            (UserName, &["user.email"]),
            (FullName, &["user.full_name"]),
            (Address, &["source.ip", "source.address"]),
            (Outcome, &["event.outcome"]),
        ],
    ),
    family(
        ELASTIC,
        "azure/activitylogs/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["azure.activitylogs.properties.id", "azure.activitylogs.event_data_id"]),
            (Tenant, &["azure.tenant_id", "azure.activitylogs.tenant_id"]),
            (UserId, &["user.id", "azure.activitylogs.properties.userId"]),
            (UserName, &["user.email", "azure.activitylogs.properties.userPrincipalName"]),
            (FullName, &["user.full_name", "azure.activitylogs.identity_name"]),
            (Address, &["source.ip", "source.address"]),
            (Device, &["azure.activitylogs.properties.deviceDetail.deviceId"]),
            (Host, &["azure.activitylogs.properties.deviceDetail.displayName"]),
            (Outcome, &["event.outcome"]),
        ],
    ),
    family(
        ELASTIC,
        "azure/auditlogs/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["azure.auditlogs.properties.id"]),
            (Tenant, &["azure.tenant_id"]),
            (
                UserId,
                &[
                    "azure.auditlogs.properties.initiated_by.user.id",
                    "azure.auditlogs.properties.initiated_by.app.servicePrincipalId",
                ],
            ),
            (UserName, &["azure.auditlogs.properties.initiated_by.user.userPrincipalName"]),
            (FullName, &["azure.auditlogs.properties.initiated_by.app.displayName"]),
            (Address, &["source.ip", "source.address"]),
            (Outcome, &["event.outcome"]),
        ],
    ),
    family(
        ELASTIC,
        "azure/graphactivitylogs/",
        &[
            (Time, &["@timestamp"]),
            (Tenant, &["azure.tenant_id"]),
            (UserId, &["user.id"]),
            (Address, &["source.ip"]),
            (Outcome, &["event.outcome"]),
        ],
    ),
    family(
        ELASTIC,
        "azure/identity_protection/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["azure.identityprotection.properties.id"]),
            (Tenant, &["azure.tenant_id"]),
            (UserId, &["azure.identityprotection.properties.user_id", "azure.identityprotection.properties.id"]),
            (UserName, &["azure.identityprotection.properties.user_principal_name"]),
            (FullName, &["azure.identityprotection.properties.user_display_name"]),
            (Severity, &["azure.identityprotection.properties.risk_level"]),
        ],
    ),
    family(
        ELASTIC,
        "azure/platformlogs/",
        &[(Time, &["@timestamp"]), (Address, &["source.ip", "source.address"]), (Outcome, &["event.outcome"])],
    ),
    family(
        ELASTIC,
        "azure/provisioning/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["azure.provisioning.properties.id"]),
            (Tenant, &["azure.tenant_id"]),
            (Outcome, &["event.outcome"]),
        ],
    ),
    family(
        ELASTIC,
        "azure/signinlogs/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["event.id"]),
            (Tenant, &["azure.tenant_id"]),
            (UserId, &["user.id"]),
            (UserName, &["azure.signinlogs.properties.user_principal_name"]),
            (FullName, &["user.full_name"]),
            (Address, &["source.ip", "source.address"]),
            (Device, &["azure.signinlogs.properties.device_detail.device_id"]),
            (Host, &["azure.signinlogs.properties.device_detail.display_name"]),
            (Outcome, &["event.outcome"]),
        ],
    ),
    family(
        ELASTIC,
        "entityanalytics_entra_id/",
        &[(Time, &["@timestamp"]), (UserId, &["user.id"]), (UserName, &["user.name"]), (FullName, &["user.full_name"])],
    ),
    family(
        ELASTIC,
        "m365_defender/event/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["event.id", "m365_defender.event.report_id"]),
            (Tenant, &["m365_defender.event.tenant.id"]),
            (UserId, &["user.id"]),
            (UserName, &["user.name"]),
            (Address, &["source.ip"]),
            (Host, &["host.name"]),
            (Device, &["host.id"]),
            (Outcome, &["event.outcome"]),
            (Severity, &["m365_defender.event.severity"]),
            (Technique, &["threat.technique.subtechnique.id", "threat.technique.id"]),
        ],
    ),
    family(
        ELASTIC,
        "m365_defender/incident/",
        &[
            (Time, &["m365_defender.incident.last_update_datetime", "@timestamp"]),
            (Id, &["event.id"]),
            (Tenant, &["m365_defender.incident.tenant_id"]),
            (UserName, &["user.id", "user.name"]),
            (Address, &["source.ip"]),
            (Host, &["host.name"]),
            (Device, &["host.id"]),
            (Technique, &["m365_defender.incident.alert.mitre_techniques"]),
            (Severity, &["m365_defender.incident.severity"]),
        ],
    ),
    family(ELASTIC, "m365_defender/log/", &[]),
    family(
        ELASTIC,
        "microsoft_defender_cloud/",
        &[
            (Time, &["@timestamp"]),
            (Host, &["host.hostname"]),
            (Severity, &["microsoft_defender_cloud.event.severity"]),
        ],
    ),
    family(
        ELASTIC,
        "microsoft_sentinel/event/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["event.id"]),
            (Severity, &["microsoft_sentinel.event.alert.severity"]),
            (Technique, &["threat.technique.id"]),
        ],
    ),
    family(
        ELASTIC,
        "microsoft_sentinel/incident/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["event.id"]),
            (Severity, &["microsoft_sentinel.incident.properties.severity"]),
            (UserName, &["microsoft_sentinel.incident.properties.owner.user_principal_name", "user.email"]),
        ],
    ),
    family(
        ELASTIC,
        "o365/audit/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["event.id"]),
            (Tenant, &["organization.id"]),
            (UserName, &["user.id", "user.email"]),
            (Address, &["source.ip"]),
            (Outcome, &["event.outcome"]),
            (Severity, &["o365.audit.Severity"]),
        ],
    ),
    family(
        SEKOIA,
        "azure-activity-logs/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["azure.activity_logs.id"]),
            (UserId, &["source.user.id"]),
            (UserName, &["source.user.name"]),
            (FullName, &["source.user.full_name"]),
            (Address, &["source.ip", "source.address"]),
        ],
    ),
    family(
        SEKOIA,
        "azure-ad/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["azuread.properties.id"]),
            (Tenant, &["azuread.tenantId"]),
            (UserId, &["user.id"]),
            (UserName, &["user.email", "user.name"]),
            (FullName, &["user.full_name"]),
            (Address, &["source.ip", "source.address"]),
            (Outcome, &["event.outcome"]),
            (Severity, &["azuread.properties.riskLevel"]),
        ],
    ),
    family(
        SEKOIA,
        "microsoft-365-defender/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["microsoft.defender.alert.id", "microsoft.defender.report.id"]),
            (Tenant, &["cloud.account.id"]),
            (UserId, &["user.id"]),
            (UserName, &["user.email", "user.name"]),
            (FullName, &["user.full_name"]),
            (Address, &["source.ip", "source.address"]),
            (Host, &["host.name"]),
            (Device, &["host.id"]),
            (Outcome, &["event.outcome"]),
            (Severity, &["microsoft.defender.alert.severity"]),
        ],
    ),
    family(
        SEKOIA,
        "microsoft-entraid-graphapi/",
        &[
            (Time, &["@timestamp"]),
            (UserId, &["user.id"]),
            (UserName, &["user.email"]),
            (FullName, &["user.full_name"]),
            (Address, &["source.ip", "source.address"]),
            (Host, &["host.name"]),
            (Device, &["host.id"]),
            (Outcome, &["event.outcome"]),
        ],
    ),
    family(
        SEKOIA,
        "microsoft-intune/",
        &[
            (Time, &["@timestamp"]),
            (Tenant, &["microsoft.intune.tenant_id"]),
            (UserId, &["user.id"]),
            (UserName, &["user.email", "user.name"]),
            (Host, &["host.name"]),
            (Device, &["host.id"]),
        ],
    ),
    family(
        SEKOIA,
        "microsoft-sentinel/",
        &[(Time, &["@timestamp"]), (UserName, &["user.email"]), (Severity, &["log.level"])],
    ),
    family(
        SEKOIA,
        "o365/",
        &[
            (Time, &["@timestamp"]),
            (Id, &["office365.record_id"]),
            (Tenant, &["organization.id"]),
            (UserId, &["user.id"]),
            (UserName, &["user.email", "user.name"]),
            (Address, &["source.ip", "source.address"]),
            (Host, &["host.name"]),
            (Device, &["office365.device.id"]),
            (Outcome, &["event.outcome"]),
            (Severity, &["office365.alert.severity", "office365.investigation.alert.severity"]),
        ],
    ),
];

/// One input record and what the oracle makes of it.
struct Pair {
    family: &'static Family,
    /// Below the oracle's folder.
    file: String,
    /// Which record of the file, 1-based.
    number: usize,
    input: Vec<u8>,
    expected: Value,
}

fn pairs(corpus: &Path) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for oracle in [BEATS, ELASTIC, SEKOIA] {
        let folder = corpus.join(oracle);
        let mut files = Vec::new();
        walk(&folder, &mut files);
        files.sort();
        for path in files {
            let file = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
            let both = if oracle == SEKOIA { one_file(&path) } else { two_files(&path) };
            let Some((inputs, expected)) = both else { continue };
            assert_eq!(inputs.len(), expected.len(), "{file}: inputs and outputs differ in number");
            let family = FAMILIES.iter().find(|f| f.oracle == oracle && file.starts_with(f.files));
            let family = family.unwrap_or_else(|| panic!("{oracle}/{file}: a family without a field map"));
            let numbered = inputs.into_iter().zip(expected).enumerate();
            pairs.extend(numbered.map(|(i, (input, expected))| Pair {
                family,
                file: file.clone(),
                number: i + 1,
                input,
                expected,
            }));
        }
    }
    pairs
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() { walk(&entry, found) } else { found.push(entry) }
    }
}

/// Words that Sekoia's publisher put where ids and names were, and what we put there instead, in input and output alike:
/// a GUID is only read where a GUID stands, so the words would hide what is compared.
const STAND_INS: [(&str, &str); 3] = [
    ("\"user1\"", "\"5e1f0a11-0000-4000-8000-0000000000a1\""),
    ("\"ANONYMIZED\"", "\"5e1f0a11-0000-4000-8000-0000000000a2\""),
    ("\"ANONYMIZED_VALUE\"", "\"someone@example.org\""),
];

/// Sekoia: the record is text beside its expectation.
fn one_file(path: &Path) -> Option<(Vec<Vec<u8>>, Vec<Value>)> {
    let value: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let named = |text: &str| STAND_INS.iter().fold(text.to_owned(), |text, (word, id)| text.replace(word, id));
    let message = named(value["input"]["message"].as_str()?).into_bytes();
    let expected = serde_json::from_str(&named(&value["expected"].to_string())).unwrap();
    Some((vec![message], vec![expected]))
}

/// Elastic: `X` and `X-expected.json`, record by record in one order; `null` where their pipeline drops the record.
fn two_files(path: &Path) -> Option<(Vec<Vec<u8>>, Vec<Value>)> {
    let outputs = path.with_file_name(format!("{}-expected.json", path.file_name()?.to_str()?));
    let outputs: Value = serde_json::from_slice(&fs::read(outputs).ok()?).unwrap();
    let outputs = outputs.get("expected").unwrap_or(&outputs).as_array().unwrap().clone();
    let bytes = fs::read(path).unwrap();
    let inputs = if path.extension().is_some_and(|e| e == "json") {
        let events: Value = serde_json::from_slice(&bytes).unwrap();
        events["events"].as_array().unwrap().iter().map(|e| e.to_string().into_bytes()).collect()
    } else {
        bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec).collect()
    };
    Some((inputs, outputs))
}

type Facts = BTreeMap<Field, BTreeSet<String>>;

/// What our decoder says of a record, as folded text.
fn ours(input: &[u8]) -> Result<Facts, RejectReason> {
    let tenants = Tenants::default();
    let context = Context::discovering(&tenants);
    let read = |bytes: &[u8]| {
        // An empty wrapper (`{"value":[]}`) holds nothing to refuse; the oracles drop it too.
        let record = records(bytes, &context.limits).next().ok_or(RejectReason::NotARecord)?;
        let record = record.map_err(|broken| broken.reject.reason)?;
        let decoded = decode_full(&context, &record.bytes).map_err(|reject| reject.reason)?;
        let mut all = facts(&decoded);
        // An incident's alerts are records of their own to us; an oracle puts what they name into the incident.
        for inner in enclosed(&context, decoded.event.format, &record.bytes) {
            let inner = facts(&decode_full(&context, inner).map_err(|reject| reject.reason)?);
            for field in [UserId, UserName, Address, Host, Device, Technique] {
                all.entry(field).or_default().extend(inner.get(&field).cloned().unwrap_or_default());
            }
        }
        Ok(all)
    };
    read(input).or_else(|reason| carried(&context, input).map_or(Err(reason), |inner| read(&inner)))
}

fn facts(decoded: &Decoded<'_>) -> Facts {
    let mut facts = Facts::new();
    let mut say = |field: Field, value: Option<&str>| {
        let folded = value.and_then(|v| fold(field, v));
        facts.entry(field).or_default().extend(folded);
    };
    let event = &decoded.event;
    say(Record, Some("read"));
    say(Time, Some(&event.time.to_string()));
    say(Id, event.id.as_deref());
    if matches!(decoded.basis, Basis::Record) {
        say(Tenant, Some(&event.tenant.to_string()));
    }
    say(UserId, event.actor.id.map(|id| id.to_string()).as_deref());
    say(UserId, event.actor.sid.as_deref());
    say(UserName, event.actor.name.as_deref());
    say(FullName, event.actor.display.as_deref());
    say(Address, event.address.as_deref());
    say(Host, event.device.name.as_deref());
    say(Device, event.device.id.as_deref());
    say(Outcome, event.outcome.map(|o| if o == Outcome::Success { "success" } else { "failure" }));
    say(Severity, Some(event.severity.code()).filter(|_| event.severity != Severity::Unknown));
    event.techniques.iter().for_each(|t| say(Technique, Some(t)));
    match &event.body {
        Body::Directory(directory) => {
            say(UserId, directory.object.map(|id| id.to_string()).as_deref());
            say(UserName, directory.upn.as_deref());
            say(UserName, directory.mail.as_deref());
            say(FullName, directory.display.as_deref());
        }
        Body::Sighting(sighting) => {
            for entity in &sighting.entities {
                if let Some(field) = field_of(entity.kind) {
                    say(field, Some(&entity.value));
                    // Ours is `domain\\name`, an oracle's often the name alone.
                    say(field, entity.value.rsplit_once('\\').map(|(_, name)| name));
                }
            }
        }
        Body::Incident(incident) => say(UserName, incident.owner.as_deref()),
        _ => {}
    }
    facts
}

/// Which field an alert's entity speaks to.
fn field_of(kind: EntityKind) -> Option<Field> {
    Some(match kind {
        EntityKind::Account | EntityKind::AccountSid => UserId,
        EntityKind::AccountName | EntityKind::AccountLocal | EntityKind::Mailbox => UserName,
        EntityKind::Device | EntityKind::EntraDevice => Device,
        EntityKind::HostFqdn | EntityKind::HostName => Host,
        EntityKind::Ip => Address,
        _ => return None,
    })
}

/// Folds a value so that equal things are equal text; nothing where it says nothing.
fn fold(field: Field, text: &str) -> Option<String> {
    let text = text.trim();
    let silent = ["", "-", "null", "none", "unknown", "n/a", "00000000-0000-0000-0000-000000000000"];
    if silent.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return None;
    }
    Some(match field {
        Time => text.to_owned(),
        Severity => severity(text)?.code().to_owned(),
        Technique => text.to_ascii_uppercase(),
        Address => text.parse::<IpAddr>().map_or_else(|_| text.to_lowercase(), |ip| ip.to_canonical().to_string()),
        _ => Guid::parse(text).map_or_else(|| text.to_lowercase(), |guid| guid.to_string()),
    })
}

fn severity(text: &str) -> Option<Severity> {
    Some(Severity::read(text)).filter(|s| *s != Severity::Unknown)
}

/// What the oracle says: the first path with a value, folded.
fn theirs(pair: &Pair, field: Field) -> BTreeSet<String> {
    if field == Record {
        return if pair.expected.is_null() { BTreeSet::new() } else { BTreeSet::from(["read".to_owned()]) };
    }
    let paths = pair.family.paths.iter().find(|(f, _)| *f == field).map_or(&[][..], |(_, paths)| paths);
    let said = |path: &&str| -> BTreeSet<String> {
        let mut found = Vec::new();
        look(&pair.expected, path, &mut found);
        found.iter().filter_map(|text| fold(field, text)).collect()
    };
    paths.iter().map(said).find(|found| !found.is_empty()).unwrap_or_default()
}

/// The values at a dotted path; keys may themselves hold dots, and arrays are looked through.
fn look(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| look(item, path, found)),
        Value::Object(map) if !path.is_empty() => {
            for (end, rest) in path.match_indices('.').map(|(at, _)| (at, at + 1)).chain([(path.len(), path.len())]) {
                if let Some(child) = map.get(&path[..end]) {
                    look(child, &path[rest..], found);
                }
            }
        }
        Value::String(text) if path.is_empty() => found.push(text.clone()),
        Value::Number(number) if path.is_empty() => found.push(number.to_string()),
        _ => {}
    }
}

fn agree(field: Field, theirs: &BTreeSet<String>, ours: &BTreeSet<String>) -> bool {
    match field {
        // An instant, at the precision that the oracle kept: cut or rounded, less than one unit of its last digit away.
        Time => theirs.iter().all(|their| {
            let digits = their.split_once('.').map_or(0, |(_, f)| f.bytes().take_while(u8::is_ascii_digit).count());
            let unit = 10i64.pow(9 - digits.min(9) as u32);
            let near = |our: &String| Some((parse_time(our)?.nanos() - parse_time(their)?.nanos()).abs() < unit);
            ours.iter().any(|our| near(our).unwrap_or(false))
        }),
        _ => theirs.is_subset(ours),
    }
}

/// A listed difference.
struct Listed {
    oracle: String,
    file: String,
    field: String,
    theirs: String,
    ours: String,
    /// `systematic`: the oracle means something else by the field. `single`: one record's peculiarity, which counts.
    kind: String,
    records: usize,
    reason: String,
    met: usize,
}

fn listed() -> Vec<Listed> {
    let text = fs::read_to_string(root().join(DIFFERENCES)).unwrap();
    let lines = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')).skip(1);
    let row = |line: &str| {
        let cells: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [oracle, file, field, theirs, ours, kind, records, reason] =
            <[String; 8]>::try_from(cells).unwrap_or_else(|_| panic!("{DIFFERENCES}: eight columns: {line}"));
        assert!(["systematic", "single"].contains(&kind.as_str()), "{DIFFERENCES}: {kind} is no kind");
        assert!(FIELDS.iter().any(|(_, name)| *name == field), "{DIFFERENCES}: {field} is no field");
        let records = records.parse().unwrap_or_else(|_| panic!("{DIFFERENCES}: a number of records: {line}"));
        Listed { oracle, file, field, theirs, ours, kind, records, reason, met: 0 }
    };
    lines.map(row).collect()
}

/// `*` stands for any text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((middle, after)) = rest.split_once('*') {
        let Some(at) = text.find(middle) else { return false };
        (text, rest) = (&text[at + middle.len()..], after);
    }
    text.ends_with(rest)
}

/// One row of the table.
#[derive(Default)]
struct Count {
    equal: usize,
    systematic: usize,
    single: usize,
    new: usize,
    ours_silent: usize,
    oracle_silent: usize,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.equal += other.equal;
        self.systematic += other.systematic;
        self.single += other.single;
        self.new += other.new;
        self.ours_silent += other.ours_silent;
        self.oracle_silent += other.oracle_silent;
    }

    /// The share of equal values where the oracle has one, systematic differences apart.
    fn share(&self) -> f64 {
        let all = self.equal + self.single + self.new;
        if all == 0 { 1.0 } else { self.equal as f64 / all as f64 }
    }
}

type Table = BTreeMap<(&'static str, &'static str, Field), Count>;

fn compare(pairs: &[Pair], listed: &mut [Listed]) -> (Table, Vec<String>) {
    let (mut table, mut new) = (Table::new(), Vec::new());
    for pair in pairs {
        let facts = ours(&pair.input);
        let refused = facts.as_ref().err().map(|reason| BTreeSet::from([reason.code().to_owned()]));
        let facts = facts.unwrap_or_default();
        for (field, name) in FIELDS {
            let theirs = theirs(pair, field);
            let ours = match &refused {
                Some(reason) if field == Record => reason,
                Some(_) => continue, // what was not read is one difference, not ten
                None => facts.get(&field).unwrap_or(const { &BTreeSet::new() }),
            };
            let count = table.entry((pair.family.oracle, pair.family.files, field)).or_default();
            if theirs.is_empty() {
                count.oracle_silent += 1;
            } else if agree(field, &theirs, ours) {
                count.equal += 1;
            } else {
                let join = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
                let (theirs, ours) = (join(&theirs), join(ours));
                count.ours_silent += usize::from(ours.is_empty());
                let hit = listed.iter_mut().find(|l| {
                    l.oracle == pair.family.oracle
                        && l.field == name
                        && matches(&l.file, &pair.file)
                        && matches(&l.theirs, &theirs)
                        && matches(&l.ours, &ours)
                });
                match hit {
                    Some(row) => {
                        row.met += 1;
                        *(if row.kind == "single" { &mut count.single } else { &mut count.systematic }) += 1;
                    }
                    None => {
                        count.new += 1;
                        let Pair { family, file, number, .. } = pair;
                        new.push(format!("{}\t{file}#{number}\t{name}\t{theirs}\t{ours}", family.oracle));
                    }
                }
            }
        }
    }
    (table, new)
}

/// One field over all families of an oracle.
fn sum(table: &Table, oracle: &str, field: Field) -> Count {
    let mut sum = Count::default();
    table.iter().filter(|((o, _, f), _)| *o == oracle && *f == field).for_each(|(_, count)| sum.add(count));
    sum
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The page: how well we agree, and where we do not.
fn page(table: &Table, listed: &[Listed]) -> String {
    let mut page = String::from(INTRODUCTION);
    let mut line = |oracle: &str, family: &str, field: &str, c: &Count| {
        let (share, differs) = (c.share() * 100.0, c.systematic + c.single + c.new);
        writeln!(
            page,
            "| {oracle} | {family} | {field} | {} | {differs} | {} | {} | {share:.1} % |",
            c.equal, c.ours_silent, c.oracle_silent
        )
        .unwrap();
    };
    for oracle in [BEATS, ELASTIC, SEKOIA] {
        for (field, name) in FIELDS {
            line(oracle, "all", name, &sum(table, oracle, field));
        }
    }
    for ((oracle, family, field), count) in table {
        if count.equal + count.systematic + count.single + count.new > 0 {
            line(oracle, family.trim_end_matches('/'), field.name(), count);
        }
    }
    page.push_str(LISTED);
    for l in listed {
        writeln!(page, "| {} | {} | {} | {} | {} | {} |", l.oracle, l.file, l.field, l.kind, l.records, l.reason)
            .unwrap();
    }
    page.push_str(MAP);
    for family in FAMILIES {
        for (field, paths) in family.paths {
            let paths = paths.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
            let files = family.files.trim_end_matches('/');
            writeln!(page, "| {} | {files} | {} | {paths} |", family.oracle, field.name()).unwrap();
        }
    }
    page
}

const INTRODUCTION: &str = "\
# Agreement with two independent readers

Two vendors read the same records and publish input and output side by side: Elastic (`elastic-integrations`, \
`elastic-beats`) and Sekoia (`sekoia-intake-formats`). The test `corpus_oracles_agree` reads the inputs our way and \
compares. It writes this page: `CAPONIER_CORPUS=… CAPONIER_BLESS=1 cargo test -p caponier-tests corpus_oracles`.

Compared after folding: GUIDs in one case, instants at the precision that the oracle kept, addresses in canonical text, \
names in lower case; words that a publisher put where ids were are replaced by ids on both sides. For an alert or an incident, whose users and hosts are lists, every value of the oracle must be among \
ours. A tenant counts as ours only where the record itself says so; what we assume counts as silence. *Share* is equal \
values per value of the oracle with systematic differences left out; single ones, and ours that are missing, count against us.

| oracle | family | field | equal | differs | of these: ours silent | oracle silent | share |
|---|---|---|---:|---:|---:|---:|---:|
";

const LISTED: &str = "
## Where we differ, and why

*Systematic*: the oracle means something else by the field, or the publisher replaced the value. *Single*: one record's \
peculiarity. The list is `tests/data/oracle_differences.tsv`; the test fails on a difference that is not in it, and on a \
line of it that no longer occurs.

| oracle | files | field | kind | records | reason |
|---|---|---|---|---:|---|
";

const MAP: &str = "
## Which field is compared with which

The first path that holds a value counts.

| oracle | family | our field | their paths |
|---|---|---|---|
";

#[test]
fn corpus_oracles_agree() {
    let Some(corpus) = std::env::var_os("CAPONIER_CORPUS").map(PathBuf::from) else { return };
    let mut listed = listed();
    let (table, new) = compare(&pairs(&corpus), &mut listed);
    let page = page(&table, &listed);
    println!("{page}");
    assert!(new.is_empty(), "{} differences are not in {DIFFERENCES}:\n{}", new.len(), new.join("\n"));
    let stale: Vec<_> = listed.iter().filter(|l| l.met != l.records).collect();
    let stale: Vec<_> = stale
        .iter()
        .map(|l| format!("{} {} {}: {} listed, {} met", l.oracle, l.file, l.field, l.records, l.met))
        .collect();
    assert!(stale.is_empty(), "{DIFFERENCES} says otherwise than the captures:\n{}", stale.join("\n"));
    for oracle in [BEATS, ELASTIC, SEKOIA] {
        for (field, name) in FIELDS {
            let share = sum(&table, oracle, field).share();
            assert!(share >= LEAST_EQUAL, "{oracle}, {name}: {share:.4} of the values are equal");
        }
    }
    if std::env::var_os("CAPONIER_BLESS").is_some() {
        fs::write(root().join(PAGE), page).unwrap();
    } else {
        let kept = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
        assert!(kept == page, "{PAGE} is out of date: run this test with CAPONIER_BLESS=1");
    }
}

#[test]
fn patterns_match_whole_texts() {
    for (pattern, text, want) in [
        ("*", "", true),
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern} {text}");
    }
}
