//! What analysts decide of incidents, on its way in and out: one JSON object a line (`schemas/decision/schema.json`, kinds
//! `incident.…`). Knows how it is written and when in the journal it takes its place; what follows from it is the engine's.

pub use caponier_model::Call;
use caponier_model::{Act, Decision, DecisionId, EventTime, FindingKey, TenantId};
use caponier_wire as wire;
use serde::{Deserialize, Serialize};

/// What the kinds of these lines begin with.
pub const PREFIX: &str = "incident.";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    schema_version: String,
    kind: String,
    at: String,
    author: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    incidents: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Key>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    these: Vec<Key>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    those: Vec<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finding: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
}

/// The key of a finding, as it stands in an incident's `findings`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    tenant: String,
    product: String,
    id: String,
}

/// The words of a verdict, as an incident has them.
const VERDICTS: [(&str, bool); 2] = [("truePositive", true), ("falsePositive", false)];

/// One decision as one line, without its end.
pub fn line(call: &Call, version: &str) -> String {
    let Decision { at, author, reason, act } = &call.decision;
    let keys = |list: &[FindingKey]| list.iter().map(key).collect();
    let mut line = Line {
        schema_version: version.into(),
        kind: format!("{PREFIX}{}", act.code()),
        at: at.to_string(),
        author: author.to_string(),
        reason: reason.to_string(),
        incidents: call.incidents.clone(),
        findings: Vec::new(),
        these: Vec::new(),
        those: Vec::new(),
        finding: None,
        to: None,
        owner: None,
        verdict: None,
        decision: None,
    };
    let word = |v: Option<bool>| v.map(|v| VERDICTS[usize::from(!v)].0.to_owned());
    match act {
        Act::Merge { findings } => line.findings = keys(findings),
        Act::Split { these, those } => (line.these, line.those) = (keys(these), keys(those)),
        Act::Pin { finding, to } => (line.finding, line.to) = (Some(key(finding)), Some(key(to))),
        Act::Close { findings, verdict } | Act::Verdict { findings, verdict } => {
            (line.findings, line.verdict) = (keys(findings), word(*verdict));
        }
        Act::Assign { findings, owner } => {
            (line.findings, line.owner) = (keys(findings), owner.as_ref().map(ToString::to_string));
        }
        Act::Withdraw { decision } => line.decision = Some(decision.to_string()),
    }
    // Texts and nothing else: this cannot fail.
    serde_json::to_string(&line).unwrap_or_default()
}

fn key(key: &FindingKey) -> Key {
    Key { tenant: key.tenant.to_string(), product: key.product.to_string(), id: key.id.to_string() }
}

/// Reads what [`line`] writes.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(text: &str, version: &str) -> Result<Call, String> {
    let line: Line = serde_json::from_str(text).map_err(|e| e.to_string().replace(" at line 1 column", ", column"))?;
    if line.schema_version != version {
        return Err(format!("schema_version {:?} is not {version:?}", line.schema_version));
    }
    let at = wire::parse_time(&line.at)
        .ok_or_else(|| format!("at {:?} is no time; write it like 2026-03-02T12:00:00Z", line.at))?;
    let act = act(&line)?;
    let decision = Decision { at, author: line.author.into(), reason: line.reason.into(), act };
    let call = Call { decision, incidents: line.incidents };
    check(&call).map(|()| call)
}

fn act(line: &Line) -> Result<Act, String> {
    let findings = || read_keys("findings", &line.findings);
    let verdict = match line.verdict.as_deref() {
        None => None,
        Some(word) => Some(
            VERDICTS
                .iter()
                .find(|(w, _)| *w == word)
                .map(|(_, v)| *v)
                .ok_or_else(|| format!("verdict {word:?} is neither truePositive nor falsePositive"))?,
        ),
    };
    let single = |name: &str, key: &Option<Key>| match key {
        Some(key) => read_key(name, key),
        None => Err(format!("{} needs {name}", line.kind)),
    };
    Ok(match line.kind.strip_prefix(PREFIX).unwrap_or_default() {
        "merge" => Act::Merge { findings: findings()? },
        "split" => Act::Split { these: read_keys("these", &line.these)?, those: read_keys("those", &line.those)? },
        "pin" => {
            let finding = single("finding", &line.finding)?;
            // Where an incident is named instead, its first finding takes this place when the journal comes to it.
            let to = if line.incidents.is_empty() { single("to", &line.to)? } else { finding.clone() };
            Act::Pin { finding, to }
        }
        "close" => Act::Close { findings: findings()?, verdict },
        "assign" => Act::Assign { findings: findings()?, owner: line.owner.as_deref().map(Into::into) },
        "verdict" => Act::Verdict { findings: findings()?, verdict },
        "withdraw" => {
            let told = line.decision.as_deref().unwrap_or_default();
            let decision =
                DecisionId::parse(told).ok_or_else(|| format!("decision {told:?} is no id of a decision"))?;
            Act::Withdraw { decision }
        }
        _ => {
            let known: Vec<String> = Act::CODES.iter().map(|c| format!("{PREFIX}{c}")).collect();
            return Err(format!("kind {:?} is none of {}", line.kind, known.join(", ")));
        }
    })
}

fn read_keys(name: &str, list: &[Key]) -> Result<Vec<FindingKey>, String> {
    list.iter().enumerate().map(|(i, k)| read_key(&format!("{name}[{i}]"), k)).collect()
}

fn read_key(name: &str, key: &Key) -> Result<FindingKey, String> {
    let tenant =
        TenantId::parse(&key.tenant).ok_or_else(|| format!("{name}.tenant {:?} is no tenant id", key.tenant))?;
    if key.product.is_empty() || key.id.is_empty() {
        return Err(format!("{name} names no finding: product or id is empty"));
    }
    Ok(FindingKey { tenant, product: key.product.as_str().into(), id: key.id.as_str().into() })
}

/// What no decision may be, wherever it comes from.
///
/// # Errors
/// What is wrong with it and what to do, in words.
pub fn check(call: &Call) -> Result<(), String> {
    let Decision { author, reason, act, .. } = &call.decision;
    for (name, text) in [("author", author), ("reason", reason)] {
        if text.trim().is_empty() {
            return Err(format!("the {name} is blank; whoever reads this later wants to know who said it and why"));
        }
    }
    let named = call.incidents.len();
    match act {
        Act::Merge { findings } if findings.len() + named < 2 => {
            Err("a merge needs two findings or incidents at least".into())
        }
        Act::Split { these, .. } if these.is_empty() => Err("a split needs the findings to take out, in these".into()),
        Act::Split { those, .. } if those.is_empty() && named == 0 => {
            Err("a split needs what they are taken out of: those, or an incident".into())
        }
        Act::Close { findings, .. } | Act::Assign { findings, .. } | Act::Verdict { findings, .. }
            if findings.is_empty() && named == 0 =>
        {
            Err("it names neither findings nor an incident".into())
        }
        Act::Pin { finding, to } if finding == to && named == 0 => Err("a finding is not pinned to itself".into()),
        _ => Ok(()),
    }
}

/// Calls by their place in the journal.
pub fn in_order(mut calls: Vec<Call>) -> Vec<Call> {
    calls.sort_by_cached_key(|c| (c.decision.at, c.decision.id(), c.incidents.clone()));
    calls.dedup();
    calls
}

/// The instant of a decision that is made now, after every other that stands already.
pub fn now(after: &[Call]) -> EventTime {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = EventTime::from_nanos(i64::try_from(clock.as_nanos()).unwrap_or(i64::MAX));
    let last = after.iter().map(|c| c.decision.at).max();
    last.map_or(now, |last| now.max(EventTime::from_nanos(last.nanos().saturating_add(1))))
}
