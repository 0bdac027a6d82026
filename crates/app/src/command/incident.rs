//! `caponier incident`: what analysts decide of incidents, recorded in the ledger with the findings that it concerns.

use super::print;
use crate::cli::{IncidentAction, Listed, Outcome, Said, Verb};
use crate::config::Config;
use crate::decisions;
use crate::failure::{Exit, Failure};
use crate::incidents::{self, FindingKeyTold, Told};
use crate::triage::{self, Call};
use caponier_ledger::Ledger;
use caponier_model::{Act, Decision, DecisionId, FindingKey, TenantId};
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Runs what was asked.
pub fn run(action: &IncidentAction, config: Option<&Path>) -> Result<Exit, Failure> {
    let config = Config::load(config)?;
    match action {
        IncidentAction::Decisions(args) => list(args, &config),
        IncidentAction::Decide(verb) => record(verb.said(), act(verb, &verb.said().incidents)?, &config),
    }
}

/// What is decided, with the findings that the incidents have in a file.
///
/// # Errors
/// The file does not tell which are meant.
pub fn act<S: Args>(verb: &Verb<S>, incidents: &Path) -> Result<Act, Failure> {
    let members = |name: &str| members(incidents, name);
    Ok(match verb {
        Verb::Merge(args) => {
            let all = args.named.iter().map(|name| members(name)).collect::<Result<Vec<_>, _>>()?;
            Act::Merge { findings: all.concat() }
        }
        Verb::Split(args) => split(incidents, &args.incident, &args.finding)?,
        Verb::Pin(args) => pin(incidents, &args.incident, &args.finding)?,
        Verb::Close(args) => Act::Close { findings: members(&args.incident)?, verdict: truth(args.verdict) },
        Verb::Verdict(args) => Act::Verdict { findings: members(&args.incident)?, verdict: truth(args.verdict) },
        Verb::Assign(args) => {
            let owner = args.owner.as_deref().map(|o| o.trim().into());
            Act::Assign { findings: members(&args.incident)?, owner }
        }
        Verb::Withdraw(args) => {
            let decision = DecisionId::parse(&args.decision).ok_or_else(|| {
                Failure::Usage(format!("{:?} is no id of a decision; see: caponier incident decisions", args.decision))
            })?;
            Act::Withdraw { decision }
        }
    })
}

fn truth(outcome: Option<Outcome>) -> Option<bool> {
    outcome.map(|o| o == Outcome::TruePositive)
}

/// The decision, said now, after those that stand at `place` already.
///
/// # Errors
/// It is one that nobody may make, or takes back what is not there.
pub fn decided(act: Act, author: &str, reason: &str, before: &[Call], place: &str) -> Result<Call, Failure> {
    if let Act::Withdraw { decision } = act
        && !before.iter().any(|c| c.decision.id() == decision)
    {
        return Err(Failure::Usage(format!("no decision {decision} is in {place}")));
    }
    let (author, reason) = (author.trim().into(), reason.trim().into());
    let decision = Decision { at: triage::now(before), author, reason, act }.canonical();
    let call = Call { decision, incidents: Vec::new() };
    triage::check(&call).map_err(Failure::Usage)?;
    Ok(call)
}

/// What was decided, in words.
pub fn words(call: &Call) -> String {
    let findings = call.decision.act.findings().len();
    let s = if findings == 1 { "" } else { "s" };
    format!("{} of {findings} finding{s}, id {}\n", call.decision.act.code(), call.decision.id())
}

fn record(said: &Said, act: Act, config: &Config) -> Result<Exit, Failure> {
    let path = ledger(said.ledger.as_ref(), config);
    let before = if path.exists() { decisions::called(&path)? } else { Vec::new() };
    let call = decided(act, &said.author, &said.reason, &before, &path.display().to_string())?;
    let line = decisions::call_line(&call);
    let mut tenants: Vec<TenantId> = call.decision.act.findings().iter().map(|k| k.tenant).collect();
    tenants.dedup();
    let number = Ledger::open(&path)
        .and_then(|mut ledger| ledger.record_decision(&call.decision, &line, &tenants))
        .map_err(|e| Failure::Failed(e.to_string()))?;
    print(&format!("recorded as decision {number} in {}\n{}", path.display(), words(&call)))
}

fn ledger(named: Option<&PathBuf>, config: &Config) -> PathBuf {
    named.cloned().unwrap_or_else(|| PathBuf::from(config.ledger.as_str()))
}

fn members(incidents: &Path, name: &str) -> Result<Vec<FindingKey>, Failure> {
    let told = incidents::find(incidents, name)?;
    told.findings.iter().map(|f| key(&f.key)).collect()
}

fn key(told: &FindingKeyTold) -> Result<FindingKey, Failure> {
    let FindingKeyTold { tenant, product, id } = told;
    let read = TenantId::parse(tenant).map(|t| FindingKey { tenant: t, product: product.into(), id: id.into() });
    read.ok_or_else(|| Failure::Failed(format!("the incident names a tenant {tenant:?} that is no id")))
}

/// The finding of an incident with this id.
fn finding(told: &Told, id: &str) -> Result<FindingKey, Failure> {
    let mut found = told.findings.iter().filter(|f| f.key.id == id);
    match (found.next(), found.next()) {
        (Some(one), None) => key(&one.key),
        (None, _) => Err(Failure::Usage(format!("incident {} has no finding {id:?}", told.id))),
        _ => Err(Failure::Usage(format!("incident {} has several findings {id:?}", told.id))),
    }
}

fn split(incidents: &Path, incident: &str, findings: &[String]) -> Result<Act, Failure> {
    let told = incidents::find(incidents, incident)?;
    let these: Vec<FindingKey> = findings.iter().map(|id| finding(&told, id)).collect::<Result<_, _>>()?;
    let all: Vec<FindingKey> = told.findings.iter().map(|f| key(&f.key)).collect::<Result<_, _>>()?;
    let those: Vec<FindingKey> = all.into_iter().filter(|k| !these.contains(k)).collect();
    if those.is_empty() {
        return Err(Failure::Usage("these are all its findings: nothing is left to take them out of".into()));
    }
    Ok(Act::Split { these, those })
}

fn pin(incidents: &Path, incident: &str, findings: &[String]) -> Result<Act, Failure> {
    let [id] = findings else {
        return Err(Failure::Usage("one finding is pinned at a time".into()));
    };
    let told = incidents::find(incidents, incident)?;
    let moved = incidents::holding(incidents, id)?;
    let to = told.findings.iter().map(|f| &f.key).find(|k| **k != moved);
    let to = to.ok_or_else(|| Failure::Usage(format!("incident {} has no other finding", told.id)))?;
    Ok(Act::Pin { finding: key(&moved)?, to: key(to)? })
}

/// What was decided, in the order of recording.
fn list(args: &Listed, config: &Config) -> Result<Exit, Failure> {
    let calls = decisions::called(&ledger(args.ledger.as_ref(), config))?;
    let mut out = String::new();
    if calls.is_empty() && !args.json {
        out.push_str("nothing was decided\n");
    }
    for call in &calls {
        let Decision { at, author, reason, act } = &call.decision;
        let _ = if args.json {
            writeln!(out, "{}", decisions::call_line(call))
        } else {
            let (id, findings) = (call.decision.id(), act.findings().len());
            writeln!(out, "{id}  {at}  {:<8} {findings:>3} findings  {author}: {reason}", act.code())
        };
    }
    print(&out)
}
