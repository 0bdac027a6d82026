//! Incidents as `replay --out` wrote them, read back for `explain`: only what the story tells.

use crate::failure::{Failure, failed};
use serde::Deserialize;
use serde_json::Value;
use std::io::BufRead as _;
use std::path::Path;

/// One incident line.
#[derive(Deserialize, Debug)]
pub struct Told {
    /// Id.
    pub id: String,
    /// State.
    #[serde(default)]
    pub state: String,
    /// Owner.
    #[serde(default)]
    pub owner: Option<String>,
    /// The incident it continues.
    #[serde(default)]
    pub continues: Option<String>,
    /// The incident it was part of.
    #[serde(default)]
    pub split_from: Option<String>,
    /// Title.
    pub title: String,
    /// Headline.
    pub headline: String,
    /// Severity.
    pub severity: String,
    /// Score.
    pub score: Score,
    /// Confidence, 0 to 1.
    pub confidence: f64,
    /// Tenants.
    pub tenants: Vec<TenantTold>,
    /// Spans tenants.
    pub cross_tenant: bool,
    /// First activity.
    pub first_activity: String,
    /// Last activity.
    pub last_activity: String,
    /// Persons.
    pub persons: Vec<PersonTold>,
    /// Tactics.
    pub tactics: Vec<String>,
    /// Techniques.
    pub techniques: Vec<String>,
    /// Findings.
    pub findings: Vec<FindingTold>,
    /// Explanations.
    pub edges: Vec<EdgeTold>,
    /// What was not merged.
    pub related: Vec<RelatedTold>,
    /// Guards that were at work.
    #[serde(default)]
    pub guards: Vec<GuardTold>,
    /// What analysts decided.
    #[serde(default)]
    pub decisions: Vec<DecisionTold>,
    /// What could be done.
    pub remediation: Vec<RemediationTold>,
    /// Digest of the final form.
    pub digest: String,
}

/// The score and its parts.
#[derive(Deserialize, Debug)]
pub struct Score {
    /// Sum.
    pub total: u32,
    /// Parts.
    pub parts: Vec<Part>,
}

/// One part.
#[derive(Deserialize, Debug)]
pub struct Part {
    /// Name.
    pub name: String,
    /// Points.
    pub points: u32,
}

/// A tenant with the name people use.
#[derive(Deserialize, Debug)]
pub struct TenantTold {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// A person.
#[derive(Deserialize, Debug)]
pub struct PersonTold {
    /// `tenant/object`.
    pub person: String,
    /// Accounts.
    pub accounts: Vec<AccountTold>,
    /// Links.
    pub links: Vec<LinkTold>,
}

/// An account.
#[derive(Deserialize, Debug)]
pub struct AccountTold {
    /// Tenant.
    pub tenant: String,
    /// Object id.
    pub object_id: String,
    /// UPN.
    pub upn: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// Kind.
    pub kind: String,
}

/// A link.
#[derive(Deserialize, Debug)]
pub struct LinkTold {
    /// Satellite.
    pub account: Key2,
    /// State.
    pub state: String,
    /// Evidence kinds.
    pub kinds: Vec<String>,
    /// Confidence, 0 to 1.
    pub confidence: f64,
}

/// (tenant, object id).
#[derive(Deserialize, Debug, PartialEq, Eq)]
pub struct Key2 {
    /// Tenant.
    pub tenant: String,
    /// Object id.
    pub object_id: String,
}

/// The key of a finding.
#[derive(Deserialize, Debug, PartialEq, Eq)]
pub struct FindingKeyTold {
    /// Tenant.
    pub tenant: String,
    /// Product.
    pub product: String,
    /// Id.
    pub id: String,
}

/// A finding.
#[derive(Deserialize, Debug)]
pub struct FindingTold {
    /// Key.
    pub key: FindingKeyTold,
    /// Core or attached.
    pub role: String,
    /// Sightings.
    pub sightings: Vec<SightingTold>,
    /// Title.
    pub title: String,
    /// Severity.
    pub severity: String,
    /// First activity.
    pub first_activity: String,
}

/// A guard that was at work.
#[derive(Deserialize, Debug)]
pub struct GuardTold {
    /// How often.
    pub count: u32,
    /// What it did.
    pub sentence: String,
}

/// A decision that takes part.
#[derive(Deserialize, Debug)]
pub struct DecisionTold {
    /// When.
    pub at: String,
    /// What.
    pub act: String,
    /// Who.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// A sighting.
#[derive(Deserialize, Debug)]
pub struct SightingTold {
    /// Format.
    pub format: String,
}

/// An explanation.
#[derive(Deserialize, Debug)]
pub struct EdgeTold {
    /// Whose membership.
    pub finding: FindingKeyTold,
    /// Reason.
    pub reason_code: String,
    /// The edge's number in the semantics.
    #[serde(default)]
    pub via_edge: Option<String>,
    /// Tenants of the two findings.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// Seconds between the two.
    #[serde(default)]
    pub gap_seconds: i64,
    /// The longest that is allowed.
    #[serde(default)]
    pub window_seconds: Option<i64>,
    /// Guards that concerned it.
    #[serde(default)]
    pub guard_decisions: Vec<String>,
    /// The sentence.
    pub sentence: String,
}

/// A related incident.
#[derive(Deserialize, Debug)]
pub struct RelatedTold {
    /// Its id.
    pub incident: String,
    /// Why not merged.
    pub reason: String,
    /// What would have joined them.
    #[serde(default)]
    pub sentence: String,
}

/// A remediation.
#[derive(Deserialize, Debug)]
pub struct RemediationTold {
    /// Who can act.
    pub tenant: String,
    /// What.
    pub action: String,
}

/// Every text without what could command a terminal or reverse what is read: control and bidirectional characters.
fn plain(value: Value) -> Value {
    let harmless = |c: char| {
        !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match value {
        Value::String(text) if text.chars().all(harmless) => Value::String(text),
        Value::String(text) => {
            text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect::<String>().into()
        }
        Value::Array(list) => list.into_iter().map(plain).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        other => other,
    }
}

/// The incident that `wanted` names: an id, the start of exactly one, or `gravest`.
pub fn find(path: &Path, wanted: &str) -> Result<Told, Failure> {
    let file = std::fs::File::open(path).map_err(|e| {
        Failure::Failed(format!("cannot read {}: {e}; write it with: caponier replay PATH --out FILE", path.display()))
    })?;
    let mut best: Option<Told> = None;
    let mut matches = 0;
    for (i, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| failed(&format!("cannot read {}", path.display()), e))?;
        if line.trim().is_empty() {
            continue;
        }
        let told: Told = serde_json::from_str(&line)
            .map(plain)
            .and_then(serde_json::from_value)
            .map_err(|e| failed(&format!("{}:{} is no incident of caponier", path.display(), i + 1), e))?;
        let gravest = wanted == "gravest";
        if gravest || told.id.starts_with(wanted) {
            matches += 1;
            if best
                .as_ref()
                .is_none_or(|b| gravest && (told.cross_tenant, told.score.total) > (b.cross_tenant, b.score.total))
            {
                best = Some(told);
            }
        }
    }
    match (best, matches) {
        (Some(told), n) if wanted == "gravest" || n == 1 || told.id == wanted => Ok(told),
        (Some(_), n) => Err(Failure::Usage(format!(
            "{n} incidents in {} begin with {wanted:?}; give more of the id",
            path.display()
        ))),
        (None, _) => Err(Failure::Failed(format!("no incident in {} begins with {wanted:?}", path.display()))),
    }
}

/// The finding with this id, in whichever incident it is.
///
/// # Errors
/// The file cannot be read, or not exactly one finding has this id.
pub fn holding(path: &Path, id: &str) -> Result<FindingKeyTold, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| failed(&format!("cannot read {}", path.display()), e))?;
    let mut found: Vec<FindingKeyTold> = Vec::new();
    for line in text.lines().filter(|l| l.contains(id)) {
        let told: Told = serde_json::from_str(line)
            .map_err(|e| failed(&format!("{} holds what is no incident of caponier", path.display()), e))?;
        found.extend(told.findings.into_iter().map(|f| f.key).filter(|k| k.id == id));
    }
    match (found.pop(), found.len()) {
        (Some(key), 0) => Ok(key),
        (None, _) => Err(Failure::Usage(format!("no incident in {} has a finding {id:?}", path.display()))),
        (_, more) => Err(Failure::Usage(format!("{} findings in {} have the id {id:?}", more + 1, path.display()))),
    }
}
