//! `caponier resolve`: who is this account, by which evidence, and what speaks against it; as a page or as JSON.

use super::print;
use crate::cli::Resolve;
use crate::config::Config;
use crate::decisions;
use crate::failure::{Exit, Failure};
use crate::profile::{Profile, profile};
use crate::who::{LATEST, Scene, as_of};
use caponier_model::{AccountFacts, AccountKey, EventTime, Link, Pair, Refusal, Statement};
use serde_json::{Value, json};
use std::path::Path;

/// Resolves one account against captures.
pub fn run(args: &Resolve, config: Option<&Path>) -> Result<Exit, Failure> {
    let mut config = Config::load(config)?;
    let at = as_of(args.at.as_deref())?;
    decisions::heed(&args.decided, &mut config)?;
    let scene = Scene::learn(&config, &args.captures)?;
    let tenant = scene.tenant(&args.tenant)?;
    let account = scene.account(&args.account, tenant, at)?;
    let profile = profile(&scene, &config.identity, account, at);
    print(&if args.json { format!("{:#}\n", as_json(&profile)) } else { profile.page(width()) })
}

/// Columns of the terminal, 100 where there is none.
pub fn width() -> u16 {
    comfy_table::Table::new().width().unwrap_or(100)
}

/// Everything that the page is made of, whole.
fn as_json(profile: &Profile<'_>) -> Value {
    let Profile { scene, account, at, binding, facts, others, .. } = profile;
    let named = |k: AccountKey| {
        let mut value = key(k);
        value["name"] = json!(profile.name(k));
        value["tenant_name"] = json!(scene.tenant_name(k.tenant));
        value
    };
    let confidence = |home: AccountKey, kind| {
        let pair = Pair { home: home.tenant, resource: account.tenant };
        profile.settings.scale(pair).map(|scale| share(scale.confidence(kind)))
    };
    let refusals = |list: &[&Refusal]| list.iter().map(|r| refusal(r)).collect::<Vec<_>>();
    json!({
        "account": named(*account),
        "at": (*at != LATEST).then(|| at.to_string()),
        "facts": facts.as_ref().map(self::facts),
        "home": key(binding.person),
        "home_name": profile.name(binding.person),
        "home_tenant_name": scene.tenant_name(binding.person.tenant),
        "via": binding.via.as_ref().map(link),
        "possible": binding.possible.iter().map(link).collect::<Vec<_>>(),
        "evidence": profile.evidence.iter().map(|e| json!({
            "kind": e.kind.code(), "writer": e.kind.writer().code(), "confidence": confidence(e.home, e.kind),
            "home": named(e.home), "source": e.source.as_str(), "from": begin(e.from), "until": end(e.until),
        })).collect::<Vec<_>>(),
        "refusals": refusals(&profile.refusals),
        "refutations": profile.refutations.iter().map(|r| json!({
            "home_tenant": r.home.to_string(), "source": r.source.as_str(), "from": begin(r.from), "until": end(r.until),
        })).collect::<Vec<_>>(),
        "ambiguities": profile.ambiguities.iter().map(|a| json!({
            "home_tenant": a.home.to_string(), "kind": a.kind.code(), "candidates": a.candidates,
            "source": a.source.as_str(), "from": begin(a.from), "until": end(a.until),
        })).collect::<Vec<_>>(),
        "statements": profile.statements.iter().map(|s| statement(s)).collect::<Vec<_>>(),
        "other_accounts": others.iter().map(|(account, joined)| json!({
            "account": named(*account), "facts": scene.history(*account).iter().rev().find(|f| f.from <= *at && *at < f.until).map(self::facts),
            "link": joined.map(link),
        })).collect::<Vec<_>>(),
        "refused_claims": refusals(&profile.claims),
        "links": profile.links.iter().map(|l| link(l)).collect::<Vec<_>>(),
        "history": scene.history(*account).iter().map(self::facts).collect::<Vec<_>>(),
    })
}

fn key(k: AccountKey) -> Value {
    json!({"tenant": k.tenant.to_string(), "object_id": k.object.to_string()})
}

fn share(millionths: u32) -> f64 {
    f64::from(millionths) / 1e6
}

fn begin(time: EventTime) -> Option<String> {
    (time != EventTime::MIN).then(|| time.to_string())
}

fn end(time: EventTime) -> Option<String> {
    (time != EventTime::MAX).then(|| time.to_string())
}

fn link(link: &Link) -> Value {
    json!({
        "account": key(link.account), "home": key(link.home), "state": link.state.code(), "confidence": share(link.confidence),
        "kinds": link.kinds.iter().map(|k| k.code()).collect::<Vec<_>>(),
        "sources": link.sources.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
        "from": begin(link.from), "until": end(link.until),
    })
}

fn refusal(refusal: &Refusal) -> Value {
    json!({
        "account": key(refusal.account), "home_tenant": refusal.tenant.to_string(), "home": refusal.home.map(key),
        "reason": refusal.reason.code(), "kinds": refusal.kinds.iter().map(|k| k.code()).collect::<Vec<_>>(),
        "source": refusal.source.as_str(), "from": begin(refusal.from), "until": end(refusal.until),
    })
}

fn facts(facts: &AccountFacts) -> Value {
    let texts = |list: &[compact_str::CompactString]| list.iter().map(|t| t.to_string()).collect::<Vec<_>>();
    json!({
        "kind": facts.kind.code(), "upn": facts.upn.as_deref(), "display_name": facts.display.as_deref(),
        "names": texts(&facts.names), "sids": texts(&facts.sids), "puids": texts(&facts.puids), "devices": texts(&facts.devices),
        "app_id": facts.app.map(|a| a.to_string()), "enabled": facts.enabled, "from": begin(facts.from), "until": end(facts.until),
    })
}

fn statement(said: &Statement) -> Value {
    json!({
        "account": key(said.account), "home": key(said.home), "at": begin(said.at), "verdict": said.verdict.code(),
        "author": said.author.as_str(), "reason": said.reason.as_str(), "from": begin(said.from), "until": end(said.until),
    })
}
