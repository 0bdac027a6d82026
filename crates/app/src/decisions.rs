//! Decisions of people on their way in and out: one JSON object a line (`schemas/decision/schema.json`), from files and from
//! the ledger. Knows how a statement is written; weighs none.

use crate::cli::Decided;
use crate::command::tell;
use crate::config::Config;
use crate::failure::Failure;
use crate::triage::{self, Call};
use caponier_ledger::Ledger;
use caponier_model::{AccountKey, Entry, EventTime, Guid, Journalled, Statement, TenantId, Verdict};
use caponier_wire as wire;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of the lines that [`line`] writes.
const SCHEMA_VERSION: &str = "1.0";

/// A decision as it stands on a line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    schema_version: String,
    kind: String,
    at: String,
    author: String,
    reason: String,
    account: Key,
    home: Key,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    until: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    tenant: String,
    object_id: String,
}

/// Adds to the configuration what the command is told to heed, the ledger's decisions and those of files; says on stderr what
/// they were, because they change what comes out.
///
/// # Errors
/// The ledger cannot be read, or a file has faults: all of them, with file and line.
pub fn heed(args: &Decided, config: &mut Config) -> Result<(), Failure> {
    let mut said = String::new();
    if let Some(path) = ledger_to_read(args, config) {
        let (recorded, called) = (recorded(&path)?, called(&path)?);
        said += &told(recorded.len() + called.len(), &path);
        config.decisions.extend(recorded);
        config.calls.extend(called);
    }
    let mut faults = Vec::new();
    for path in &args.decisions {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Failure::Usage(format!("cannot read {}: {e}; check the path after --decisions", path.display()))
        })?;
        let before = config.decisions.len() + config.calls.len();
        for (number, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            match read_any(text) {
                Ok(Either::Statement(statement)) => config.decisions.push(*statement),
                Ok(Either::Call(call)) => config.calls.push(*call),
                // A replay remembers nobody from before.
                Ok(Either::Purge(_)) => {}
                Err(what) => faults.push(format!("{}, line {}: {what}", path.display(), number + 1)),
            }
        }
        said += &told(config.decisions.len() + config.calls.len() - before, path);
    }
    if !faults.is_empty() {
        return Err(Failure::Usage(faults.join("\n")));
    }
    tell(&said);
    Ok(())
}

/// What a ledger holds, in the order of recording.
///
/// # Errors
/// It cannot be read.
pub fn recorded(path: &Path) -> Result<Vec<Statement>, Failure> {
    let recorded = Ledger::read(path).and_then(|ledger| ledger.statements());
    recorded.map(|all| all.into_iter().map(|r| r.statement).collect()).map_err(|e| Failure::Usage(e.to_string()))
}

/// What a ledger holds of decisions about incidents, in the order of recording.
///
/// # Errors
/// It cannot be read, or a line of it is none of ours.
pub fn called(path: &Path) -> Result<Vec<Call>, Failure> {
    let lines = Ledger::read(path).and_then(|ledger| ledger.decisions()).map_err(|e| Failure::Usage(e.to_string()))?;
    let read = |(seq, line): &(u64, String)| {
        triage::read(line, SCHEMA_VERSION)
            .map_err(|what| Failure::Usage(format!("decision {seq} in {}: {what}", path.display())))
    };
    lines.iter().map(read).collect()
}

/// A decision about an incident as one line, without its end.
pub fn call_line(call: &Call) -> String {
    triage::line(call, SCHEMA_VERSION)
}

/// What a line says.
pub enum Either {
    /// Who two accounts are.
    Statement(Box<Statement>),
    /// What is decided of incidents or findings.
    Call(Box<Call>),
    /// A tenant is to be forgotten.
    Purge(Box<Purge>),
}

/// That a tenant is to be forgotten, by whom and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purge {
    /// When it was said.
    pub at: EventTime,
    /// Who answers for it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Whom.
    pub tenant: TenantId,
}

/// The kind of a line that says so.
const PURGE: &str = "tenant.purge";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeLine {
    schema_version: String,
    kind: String,
    at: String,
    author: String,
    reason: String,
    tenant: String,
}

/// A purge as one line, without its end.
pub fn purge_line(purge: &Purge) -> String {
    let Purge { at, author, reason, tenant } = purge;
    let line = PurgeLine {
        schema_version: SCHEMA_VERSION.into(),
        kind: PURGE.into(),
        at: at.to_string(),
        author: author.clone(),
        reason: reason.clone(),
        tenant: tenant.to_string(),
    };
    // Texts and nothing else: this cannot fail.
    serde_json::to_string(&line).unwrap_or_default()
}

fn read_purge(text: &str) -> Result<Purge, String> {
    let line: PurgeLine =
        serde_json::from_str(text).map_err(|e| e.to_string().replace(" at line 1 column", ", column"))?;
    let at = wire::parse_time(&line.at).ok_or_else(|| format!("at {:?} is no time", line.at))?;
    let tenant = TenantId::parse(&line.tenant).ok_or_else(|| format!("tenant {:?} is no tenant id", line.tenant))?;
    if line.author.trim().is_empty() || line.reason.trim().is_empty() {
        return Err("a purge needs an author and a reason".into());
    }
    Ok(Purge { at, author: line.author, reason: line.reason, tenant })
}

/// A line as an entry of the journal: where incidents are named by their ids, they are looked up where it stands.
///
/// # Errors
/// What is wrong with it, in words.
pub fn journalled(text: &str) -> Result<Journalled, String> {
    let (at, entry) = match read_any(text)? {
        Either::Statement(statement) => (statement.at, Entry::Statement(*statement)),
        Either::Call(call) if call.incidents.is_empty() => {
            (call.decision.at, Entry::Decision(Box::new(call.decision.canonical())))
        }
        Either::Call(call) => (call.decision.at, Entry::Call(call)),
        Either::Purge(purge) => (purge.at, Entry::Purge(purge.tenant)),
    };
    Ok(Journalled { at, position: None, entry })
}

/// Reads a line of either sort.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read_any(text: &str) -> Result<Either, String> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(default)]
        kind: String,
    }
    let kind = serde_json::from_str::<Kind>(text).map(|k| k.kind).unwrap_or_default();
    if kind == PURGE {
        return read_purge(text).map(|purge| Either::Purge(Box::new(purge)));
    }
    if kind.starts_with(triage::PREFIX) {
        triage::read(text, SCHEMA_VERSION).map(|call| Either::Call(Box::new(call)))
    } else {
        read(text).map(|statement| Either::Statement(Box::new(statement)))
    }
}

fn told(count: usize, path: &Path) -> String {
    format!("heeding {count} decision{} of {}\n", if count == 1 { "" } else { "s" }, path.display())
}

/// The files that [`heed`] reads, by their real paths: an output in their place would be a loss.
pub fn sources(args: &Decided, config: &Config) -> Vec<PathBuf> {
    let named = ledger_to_read(args, config).into_iter().chain(args.decisions.iter().cloned());
    named.filter_map(|path| path.canonicalize().ok()).collect()
}

/// The ledger that is named, else the usual one where it is there.
fn ledger_to_read(args: &Decided, config: &Config) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(config.ledger.as_str())).filter(|p| p.exists());
    args.ledger.clone().or_else(usual).filter(|_| !args.without_ledger)
}

/// One statement as one line, without its end.
pub fn line(statement: &Statement) -> String {
    let Statement { account, home, at, verdict, author, reason, from, until } = statement;
    let key = |k: &AccountKey| Key { tenant: k.tenant.to_string(), object_id: k.object.to_string() };
    let line = Line {
        schema_version: SCHEMA_VERSION.into(),
        kind: format!("identity.{}", verdict.code()),
        at: at.to_string(),
        author: author.to_string(),
        reason: reason.to_string(),
        account: key(account),
        home: key(home),
        from: (*from != EventTime::MIN).then(|| from.to_string()),
        until: (*until != EventTime::MAX).then(|| until.to_string()),
    };
    // Texts and nothing else: this cannot fail.
    serde_json::to_string(&line).unwrap_or_default()
}

/// Reads what [`line`] writes.
fn read(text: &str) -> Result<Statement, String> {
    let line: Line = serde_json::from_str(text).map_err(|e| e.to_string().replace(" at line 1 column", ", column"))?;
    if line.schema_version != SCHEMA_VERSION {
        return Err(format!("schema_version {:?} is not {SCHEMA_VERSION:?}", line.schema_version));
    }
    let verdict = line.kind.strip_prefix("identity.").and_then(Verdict::read).ok_or_else(|| {
        let known: Vec<_> = Verdict::ALL.iter().map(|v| format!("identity.{}", v.code())).collect();
        format!("kind {:?} is none of {}", line.kind, known.join(", "))
    })?;
    let time = |name: &str, text: &str| {
        wire::parse_time(text).ok_or_else(|| format!("{name} {text:?} is no time; write it like 2026-03-02T12:00:00Z"))
    };
    let bound = |name, text: &Option<String>, open| text.as_deref().map_or(Ok(open), |t| time(name, t));
    let statement = Statement {
        account: key("account", &line.account)?,
        home: key("home", &line.home)?,
        at: time("at", &line.at)?,
        verdict,
        author: line.author.into(),
        reason: line.reason.into(),
        from: bound("from", &line.from, EventTime::MIN)?,
        until: bound("until", &line.until, EventTime::MAX)?,
    };
    check(&statement).map(|()| statement)
}

fn key(name: &str, key: &Key) -> Result<AccountKey, String> {
    let tenant =
        TenantId::parse(&key.tenant).ok_or_else(|| format!("{name}.tenant {:?} is no tenant id", key.tenant))?;
    let object = Guid::parse(&key.object_id)
        .filter(|o| *o != Guid::ZERO)
        .ok_or_else(|| format!("{name}.object_id {:?} is no object id", key.object_id))?;
    Ok(AccountKey { tenant, object })
}

/// What no statement may be, wherever it comes from.
///
/// # Errors
/// What is wrong with it and what to do, in words.
pub fn check(statement: &Statement) -> Result<(), String> {
    let Statement { account, home, author, reason, from, until, .. } = statement;
    if account == home {
        return Err("an account is not linked to itself: name the guest (or twin) and its home account".into());
    }
    if account.tenant == home.tenant {
        return Err(
            "both accounts are of one tenant; a link runs from an account of one tenant to its home in another".into(),
        );
    }
    for (name, text) in [("author", author), ("reason", reason)] {
        if text.trim().is_empty() {
            return Err(format!("the {name} is blank; whoever reads this later wants to know who said it and why"));
        }
    }
    if from >= until {
        return Err(format!("it would hold from {from} until {until}, which is never; the end is exclusive"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/decision"))
    }

    #[test]
    fn the_examples_read_and_write_back_to_themselves() {
        let (mut verdicts, mut acts) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(examples().join("examples")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let written = match read_any(&text).unwrap() {
                Either::Statement(statement) => {
                    verdicts.push(statement.verdict);
                    line(&statement)
                }
                Either::Call(call) => {
                    acts.push(call.decision.act.code());
                    call_line(&call)
                }
                Either::Purge(purge) => purge_line(&purge),
            };
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&written), value(&text));
        }
        verdicts.sort_unstable();
        assert_eq!(verdicts, Verdict::ALL);
        acts.sort_by_key(|a| caponier_model::Act::CODES.iter().position(|c| c == a));
        assert_eq!(acts, caponier_model::Act::CODES);
    }

    #[test]
    fn the_schema_names_what_a_line_holds() {
        let text = std::fs::read_to_string(examples().join("schema.json")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kinds: Vec<_> = Verdict::ALL.iter().map(|v| serde_json::json!(format!("identity.{}", v.code()))).collect();
        assert_eq!(schema["properties"]["kind"]["enum"], serde_json::json!(kinds));
        let example = std::fs::read_to_string(examples().join("examples/different.json")).unwrap();
        let example: serde_json::Value = serde_json::from_str(&example).unwrap();
        let names = |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&schema["properties"]), names(&example));
    }

    #[test]
    fn a_bad_decision_about_incidents_says_what_is_wrong() {
        for (example, old, new, word) in [
            ("merge", "incident.merge", "incident.join", "none of incident.merge"),
            ("merge", "\"findings\"", "\"these\"", "two findings or incidents"),
            ("split", "\"those\"", "\"findings\"", "what they are taken out of"),
            ("pin", "\"to\"", "\"too\"", "unknown field `too`"),
            ("close", "truePositive", "true", "neither truePositive nor falsePositive"),
            ("assign", "\"ticket 4711\"", "\" \"", "the reason is blank"),
            ("withdraw", "5b1d7e90", "", "is no id of a decision"),
            ("verdict", "2026-03-04T09:30:00Z", "now", "at \"now\" is no time"),
        ] {
            let path = examples().join(format!("examples/incident-{example}.json"));
            let good = std::fs::read_to_string(path).unwrap();
            let bad = good.replace(old, new);
            assert_ne!(bad, good, "{old}");
            let told = read_any(&bad).err().unwrap_or_default();
            assert!(told.contains(word), "{example}: {told}");
        }
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        let good = std::fs::read_to_string(examples().join("examples/same.json")).unwrap();
        for (old, new, word) in [
            ("identity.same", "identity.equal", "none of identity.same"),
            ("\"1.0\"", "\"2.0\"", "schema_version"),
            ("\"author\"", "\"auhtor\"", "unknown field `auhtor`"),
            ("bbbbbbbb-2222-4222-8222-222222222222", "fabrikam", "account.tenant \"fabrikam\" is no tenant id"),
            (
                "bbbbbbbb-2222-4222-8222-222222222222",
                "aaaaaaaa-1111-4111-8111-111111111111",
                "both accounts are of one tenant",
            ),
            ("2026-03-04T09:30:00Z", "yesterday", "at \"yesterday\" is no time"),
        ] {
            let bad = good.replace(old, new);
            assert_ne!(bad, good, "{old}");
            let told = read(&bad).unwrap_err();
            assert!(told.contains(word), "{told}");
        }
    }
}
