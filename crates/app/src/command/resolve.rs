//! `caponier resolve`: who is this account, by which evidence, and what speaks against it.

use super::print;
use super::replay::{inputs, not_after};
use crate::cli::Resolve;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::intake::intake;
use crate::journal::{Identities, join};
use crate::progress;
use anstyle::Style;
use caponier_identity::Index;
use caponier_model::{
    AccountKey, Binding, EventTime, Evidence, Guid, Handle, IdentityChange, Link, LinkState, Persons, TenantId, Tenants,
};
use caponier_wire as wire;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

const BOLD: Style = Style::new().bold();

/// What is known of one account at one instant.
struct Answer<'i> {
    account: AccountKey,
    at: EventTime,
    binding: Binding,
    index: &'i Index,
    evidence: Vec<&'i Evidence>,
    tenants: &'i Tenants,
}

/// Resolves one account against captures.
pub fn run(args: &Resolve, config: Option<&Path>) -> Result<Exit, Failure> {
    let config = Config::load(config)?;
    let at = match &args.at {
        None => EventTime::MAX.plus_seconds(-1),
        Some(text) => wire::parse_time(text)
            .ok_or_else(|| Failure::Usage(format!("--at {text:?} is no time; write it like 2026-03-02T12:00:00Z")))?,
    };
    let (inputs, _, _) = inputs(&args.captures)?;
    let bar = progress::bytes(inputs.iter().map(|i| i.bytes).sum(), "reading");
    let mut taken = intake(&config, &inputs, not_after(&config), &bar)?;
    bar.finish_and_clear();
    let identities = join(&config, &mut taken)?;
    let index = index(&identities);
    let tenant = tenant(&args.tenant, &identities.tenants)?;
    let Some(account) = account(&args.account, tenant, &index, at) else {
        let name = identities.tenants.name(tenant);
        return Err(Failure::Failed(format!(
            "no account of {name} bears {:?} at that time, or more than one does",
            args.account
        )));
    };
    let binding = index.bind(account, at);
    let evidence = identities.testimony.evidence.iter().filter(|e| e.account == account).collect();
    let answer = Answer { account, at, binding, index: &index, evidence, tenants: &identities.tenants };
    print(&if args.json { format!("{}\n", as_json(&answer)) } else { in_words(&answer) })
}

fn index(identities: &Identities) -> Index {
    let mut index = Index::default();
    for facts in &identities.facts {
        index.apply(IdentityChange::Account(facts.clone()));
    }
    for link in &identities.links {
        index.apply(IdentityChange::Link(link.clone()));
    }
    index
}

fn tenant(said: &str, tenants: &Tenants) -> Result<TenantId, Failure> {
    if let Some(id) = TenantId::parse(said) {
        return Ok(id);
    }
    let folded = said.to_ascii_lowercase();
    let found =
        tenants.all.iter().find(|t| t.name.eq_ignore_ascii_case(said) || t.domains.iter().any(|d| *d == folded));
    found.map(|t| t.id).ok_or_else(|| {
        let known: Vec<_> = tenants.all.iter().map(|t| format!("{} ({})", t.name, t.id)).collect();
        Failure::Usage(format!("no tenant is called {said:?}; known are {}", known.join(", ")))
    })
}

fn account(said: &str, tenant: TenantId, index: &Index, at: EventTime) -> Option<AccountKey> {
    if let Some(object) = Guid::parse(said) {
        return Some(AccountKey { tenant, object });
    }
    let (lower, upper) = (said.to_lowercase(), said.to_ascii_uppercase());
    let handle = if upper.starts_with("S-1-") { Handle::Sid(&upper) } else { Handle::Name(&lower) };
    index.account(tenant, handle, at)
}

fn describe(answer: &Answer<'_>, account: AccountKey) -> String {
    let tenant = answer.tenants.name(account.tenant);
    let Some(facts) = answer.index.facts(account, answer.at) else {
        return format!("{} in {tenant} (no directory row)", account.object);
    };
    let name = facts.upn.as_deref().unwrap_or("no UPN");
    let display = facts.display.as_deref().map_or(String::new(), |d| format!("{d}, "));
    format!("{display}{name}, {} in {tenant} ({})", account.object, facts.kind.code().replace('_', " "))
}

fn in_words(answer: &Answer<'_>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{BOLD}account{BOLD:#}  {}", describe(answer, answer.account));
    match &answer.binding.via {
        Some(link) => {
            let _ = writeln!(out, "{BOLD}home{BOLD:#}     {}", describe(answer, link.home));
            let _ = writeln!(out, "         {}", link_words(link));
        }
        None => {
            let _ = writeln!(out, "{BOLD}home{BOLD:#}     itself: no accepted link leads to another tenant");
        }
    }
    for link in &answer.binding.possible {
        let what = if link.state == LinkState::Conflict { "in conflict with" } else { "possibly" };
        let _ = writeln!(out, "{BOLD}{what}{BOLD:#} {}\n         {}", describe(answer, link.home), link_words(link));
    }
    if !answer.evidence.is_empty() {
        let _ = writeln!(out, "{BOLD}evidence{BOLD:#}");
    }
    for evidence in &answer.evidence {
        let until = if evidence.until == EventTime::MAX { "now".to_owned() } else { evidence.until.to_string() };
        let _ = writeln!(
            out,
            "  {:<16} written by {:<18} {} to {until}  {}",
            evidence.kind.code(),
            evidence.kind.writer().code().replace('_', " "),
            evidence.from,
            evidence.source
        );
    }
    out
}

fn link_words(link: &Link) -> String {
    let kinds: Vec<_> = link.kinds.iter().map(|k| k.code()).collect();
    let confidence = f64::from(link.confidence) / 1e6;
    format!("{} by {}, confidence {confidence:.2}, since {}", link.state.code(), kinds.join(" + "), link.from)
}

fn as_json(answer: &Answer<'_>) -> Value {
    let key = |k: AccountKey| json!({"tenant": k.tenant.to_string(), "object_id": k.object.to_string()});
    let link = |l: &Link| {
        json!({
            "home": key(l.home), "state": l.state.code(), "confidence": f64::from(l.confidence) / 1e6,
            "kinds": l.kinds.iter().map(|k| k.code()).collect::<Vec<_>>(), "sources": l.sources.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
            "from": l.from.to_string(),
            "until": (l.until != EventTime::MAX).then(|| l.until.to_string()),
        })
    };
    let facts = answer.index.facts(answer.account, answer.at);
    let facts = facts.as_ref();
    json!({
        "account": key(answer.account),
        "upn": facts.and_then(|f| f.upn.as_deref()),
        "kind": facts.map(|f| f.kind.code()),
        "home": key(answer.binding.person),
        "via": answer.binding.via.as_ref().map(link),
        "possible": answer.binding.possible.iter().map(link).collect::<Vec<_>>(),
        "evidence": answer.evidence.iter().map(|e| json!({
            "kind": e.kind.code(), "writer": e.kind.writer().code(), "home": key(e.home), "source": e.source.as_str(),
            "from": e.from.to_string(),
        })).collect::<Vec<_>>(),
    })
}
