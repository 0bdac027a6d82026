//! Reasons: one explanation for each member, and what could be done; words stay templates until an audience is known.

use crate::Engine;
use crate::posting::{FindingIx, Link};
use crate::state::{Group, Held};
use crate::value::Value;
use caponier_model::{
    AccountKey, Act, Attribution, Decision, Edge, EdgeKind, EntityKind, EventTime, Membership, PersonView, Persons,
    ReasonCode, Remediation, TenantId, Text,
};
use compact_str::{CompactString, ToCompactString, format_compact};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Remedies named at most for one incident.
const REMEDIES_MAX: usize = 40;

/// What joins a member to its peer, from a tree link or an attachment.
struct Join {
    peer: FindingIx,
    membership: Membership,
    kind: EdgeKind,
    value: u32,
    gap: i64,
    strength: u32,
    prolific: bool,
    surplus: bool,
    account: Option<AccountKey>,
    peer_account: Option<AccountKey>,
}

/// One explanation for each member, in the members' order: a spanning tree from the core's smallest finding.
pub(crate) fn edges<P: Persons>(engine: &Engine<P>, group: &Group, members: &[(FindingIx, &Held)]) -> Vec<Edge> {
    let joins = joins(engine, group);
    members
        .iter()
        .map(|(finding, held)| {
            let attached = held.prefers.as_deref().filter(|_| group.attached.contains(finding)).map(|p| Join {
                peer: p.peer,
                membership: Membership::Attached,
                kind: engine.postings.get(p.value).map_or(EdgeKind::SameArtefact, |v| v.rule.kind),
                value: p.value,
                gap: p.gap,
                strength: p.strength,
                prolific: p.prolific,
                surplus: p.surplus,
                account: None,
                peer_account: None,
            });
            match attached.as_ref().or(joins.get(finding)) {
                Some(join) => joined(engine, held, join).unwrap_or_else(|| founder(held)),
                None => founder(held),
            }
        })
        .collect()
}

/// How each core member but the first is reached, breadth first along the tree.
fn joins<P: Persons>(engine: &Engine<P>, group: &Group) -> BTreeMap<FindingIx, Join> {
    let mut beside: BTreeMap<FindingIx, Vec<&Link>> = BTreeMap::new();
    for link in &group.core.tree {
        beside.entry(link.a).or_default().push(link);
        beside.entry(link.b).or_default().push(link);
    }
    let mut out: BTreeMap<FindingIx, Join> = BTreeMap::new();
    let Some(root) = group.core.members.first().copied() else { return out };
    let mut open = VecDeque::from([root]);
    while let Some(here) = open.pop_front() {
        for link in beside.get(&here).into_iter().flatten() {
            let (there, account, peer_account) = if link.a == here {
                (link.b, link.account_b, link.account_a)
            } else {
                (link.a, link.account_a, link.account_b)
            };
            if there == root || out.contains_key(&there) {
                continue;
            }
            out.insert(
                there,
                Join {
                    peer: here,
                    membership: Membership::Core,
                    kind: link.kind,
                    value: link.value,
                    gap: link.gap,
                    strength: link.strength,
                    prolific: false,
                    surplus: false,
                    account: engine.postings.account(account),
                    peer_account: engine.postings.account(peer_account),
                },
            );
            open.push_back(there);
        }
    }
    out
}

fn founder(held: &Held) -> Edge {
    Edge {
        finding: held.key.clone(),
        peer: None,
        membership: Membership::Core,
        reason: ReasonCode::Founder,
        entity_kind: None,
        entity_value: None,
        second: None,
        tenants: vec![held.key.tenant],
        attributions: Vec::new(),
        confidence: 1_000_000,
        gap_seconds: 0,
        window_seconds: None,
        guards: Vec::new(),
        rule: None,
        decision: None,
        sentence: Text::plain("the finding that this incident starts from"),
    }
}

fn joined<P: Persons>(engine: &Engine<P>, held: &Held, join: &Join) -> Option<Edge> {
    let peer = engine.findings.get(join.peer)?;
    if join.kind == EdgeKind::Decision {
        return Some(decided(engine.decisions.at(join.value)?, held, peer, join));
    }
    let posting = engine.postings.get(join.value)?;
    let (kind, value) = posting.value.shown();
    let second = match &posting.value {
        Value::Pair(pair) => Some((pair.1, pair.2.clone())),
        Value::Tool(tool) => Some((EntityKind::Other, tool.2.clone())),
        Value::At(at) => Some((EntityKind::Ip, at.1.clone())),
        _ => None,
    };
    let tenants = tenants(held, peer);
    let attributions = if join.kind == EdgeKind::SamePerson {
        let sides = [(held, join.account), (peer, join.peer_account)];
        let mut list: Vec<Attribution> = sides.into_iter().filter_map(|(h, a)| attribution(engine, h, a?)).collect();
        list.sort();
        list
    } else {
        Vec::new()
    };
    let mut guards: Vec<CompactString> = Vec::new();
    if join.membership == Membership::Attached {
        guards.push("attach_only".into());
    }
    if join.prolific {
        guards.push("prolific".into());
    }
    if join.surplus {
        guards.push("budget".into());
    }
    if tenants.len() > 1 {
        guards.push("policy_merge".into());
    }
    Some(Edge {
        finding: held.key.clone(),
        peer: Some(peer.key.clone()),
        membership: join.membership,
        reason: ReasonCode::Edge(join.kind),
        entity_kind: Some(kind),
        entity_value: Some(value),
        second,
        tenants,
        attributions,
        confidence: join.strength,
        gap_seconds: join.gap,
        window_seconds: posting.rule.window,
        guards,
        rule: match &posting.value {
            Value::Chain(id) => engine.chains.step(id, &held.key),
            _ => None,
        },
        decision: None,
        sentence: sentence(engine, held, peer, join, &posting.value),
    })
}

fn tenants(held: &Held, peer: &Held) -> Vec<TenantId> {
    let mut tenants = vec![held.key.tenant, peer.key.tenant];
    tenants.sort();
    tenants.dedup();
    tenants
}

/// A membership that somebody decided.
fn decided(decision: &Decision, held: &Held, peer: &Held, join: &Join) -> Edge {
    let template = match decision.act {
        Act::Close { .. } => "{author} closed both findings together; they are {gap}",
        Act::Pin { .. } => "{author} put this finding beside the other; they are {gap}",
        _ => "{author} decided that both findings belong together; they are {gap}",
    };
    let sentence = Text::plain(template);
    let sentence = sentence.with("author", &decision.author, None, None).with("gap", &span(join.gap), None, None);
    Edge {
        peer: Some(peer.key.clone()),
        reason: ReasonCode::Edge(EdgeKind::Decision),
        tenants: tenants(held, peer),
        confidence: join.strength,
        gap_seconds: join.gap,
        decision: Some(decision.id()),
        sentence,
        ..founder(held)
    }
}

fn attribution<P>(engine: &Engine<P>, held: &Held, account: AccountKey) -> Option<Attribution> {
    let bound = held.accounts.list(&engine.postings);
    let bound = bound.iter().find(|b| b.account == account)?;
    Some(Attribution {
        account,
        kinds: bound.via.as_ref().map_or_else(Vec::new, |l| l.kinds.clone()),
        confidence: bound.via.as_ref().map_or(1_000_000, |l| l.confidence),
    })
}

/// One sentence for a person. Values belong to the tenant of the finding that shares them.
fn sentence<P: Persons>(engine: &Engine<P>, held: &Held, peer: &Held, join: &Join, value: &Value) -> Text {
    let gap = span(join.gap);
    let owner = Some(held.key.tenant);
    let (kind, shown) = value.shown();
    let text = |template: &str| Text::plain(template).with("gap", &gap, None, None);
    let with_value = |template: &str| text(template).with("value", &shown, Some(kind), owner);
    match (join.kind, join.account, join.peer_account) {
        (EdgeKind::SamePerson, Some(account), Some(other)) => {
            let text = text("{account} and {other} are accounts of one person ({evidence}); the findings are {gap}");
            let text = with_account(engine, text, "account", account, held.merged.first);
            let text = with_account(engine, text, "other", other, peer.merged.first);
            text.with("evidence", &evidence(engine, (held, account), (peer, other)), None, None)
        }
        (EdgeKind::SamePerson | EdgeKind::SameAccount, ..) => match value {
            Value::Account(account) | Value::Person(account) => {
                let text = text("both findings name the account {value}, {gap}");
                with_account(engine, text, "value", *account, held.merged.first)
            }
            _ => with_value("both findings name the account {value}, {gap}"),
        },
        (EdgeKind::SameDevice, ..) => with_value("both findings are on the device {value}, {gap}"),
        (EdgeKind::SameSession, ..) => with_value("both findings belong to the session {value}, {gap}"),
        (EdgeKind::SourceIncident, ..) => {
            let text = Text::plain("their own product put both findings into its incident {value}");
            text.with("value", &shown, None, owner)
        }
        (EdgeKind::SameIp, ..) => with_value("both findings name the address {value}, {gap}"),
        (EdgeKind::SameArtefact, ..) => with_value("both findings name {value}, {gap}"),
        (EdgeKind::RuleChain, ..) => {
            let rule = engine.chains.step(&shown, &held.key).map_or(shown, |(rule, _)| rule);
            text("both findings are steps of one instance of the rule {rule}, {gap}").with("rule", &rule, None, None)
        }
        (EdgeKind::TrustContext, ..) => text("the trust between the two tenants of this incident changed, {gap}"),
        (EdgeKind::SameName, ..) => {
            with_value("both findings name {value}, {gap}, and no stable id says that they mean another")
        }
        (EdgeKind::SameDetection, ..) => {
            with_value("a risk detection and its alert: the same account {value} and the same kind, {gap}")
        }
        (EdgeKind::Decision, ..) => text("an analyst put both findings together; they are {gap}"),
        (EdgeKind::WeakPair, ..) => match value {
            Value::Movement(_) => {
                with_value("both findings are of lateral movement and name the address {value}, {gap}")
            }
            Value::Tool(tool) => with_value("the alert {alert} was raised for the tool {value} on both sides, {gap}")
                .with("alert", &tool.2, None, owner),
            Value::At(at) => {
                let (who, ip) = &**at;
                let text = text("both findings name {value} at the address {second}, {gap}");
                let text = with_account(engine, text, "value", *who, held.merged.first);
                text.with("second", ip, Some(EntityKind::Ip), owner)
            }
            Value::Pair(pair) => {
                let text = with_value("both findings name the address {value} and {second}, {gap}");
                text.with("second", &pair.2, Some(pair.1), owner)
            }
            _ => with_value("both findings name {value}, {gap}"),
        },
    }
}

/// The kinds of evidence behind the links of two accounts, as words.
fn evidence<P>(engine: &Engine<P>, one: (&Held, AccountKey), other: (&Held, AccountKey)) -> CompactString {
    let kinds = |(held, account)| attribution(engine, held, account).map_or_else(Vec::new, |x| x.kinds);
    let all: BTreeSet<_> = kinds(one).into_iter().chain(kinds(other)).collect();
    let words: Vec<CompactString> = all.into_iter().map(|k| k.code().replace('_', " ").into()).collect();
    words.join(", ").into()
}

/// Adds an account by its name, else by its object id; its directory owns it.
pub(crate) fn with_account<P: Persons>(
    engine: &Engine<P>,
    text: Text,
    name: &str,
    account: AccountKey,
    at: EventTime,
) -> Text {
    let upn = engine.persons.facts(account, at).and_then(|f| f.upn);
    let kind = if upn.is_some() { EntityKind::AccountName } else { EntityKind::Account };
    let shown = upn.unwrap_or_else(|| account.object.to_compact_string());
    text.with(name, &shown, Some(kind), Some(account.tenant))
}

/// Why two incidents that could be one are not, in words.
pub(crate) fn refused(reason: &str) -> Text {
    Text::plain(match reason {
        "incident_size" => "together they would be larger than one incident may be",
        "incident_span" => "together they would last longer than one incident may",
        "incident_rate" => "together they would hold more findings of one hour than one incident may",
        "cut_check" => "one edge alone is too weak to join two incidents of this size",
        "policy_suggest" => "the policy of the two tenants lets them be shown together and not be merged",
        "policy_forbid" => "the policy of the two tenants forbids it",
        "verdict_conflict" => "analysts hold the one for a true and the other for a false positive",
        "owner_conflict" => "different people work on them",
        "split" => "an analyst took them apart",
        "pinned" => "an analyst put one of the two findings elsewhere",
        "closed" => "one of them is closed, and what is closed stays as it was",
        "link_possible" => "the evidence that both name one person is not enough to act on",
        _ => "they may be parts of one attack",
    })
}

/// A distance in time, for people.
fn span(seconds: i64) -> CompactString {
    match seconds {
        0 => "at the same time".into(),
        1..120 => format_compact!("{seconds} s apart"),
        120..7200 => format_compact!("{} min apart", seconds / 60),
        7200..172_800 => format_compact!("{} h apart", seconds / 3600),
        _ => format_compact!("{} d apart", seconds / 86_400),
    }
}

/// What could be done, and which tenant can do it: only the home tenant can reset a credential, only the resource tenant
/// can remove its guest or isolate its device.
pub(crate) fn remediation<P: Persons>(
    engine: &Engine<P>,
    members: &[(FindingIx, &Held)],
    persons: &[PersonView],
) -> Vec<Remediation> {
    let at = members.first().map_or(EventTime::MIN, |(_, h)| h.merged.first);
    let mut out: Vec<Remediation> = Vec::new();
    let mut add = |tenant: TenantId, action: Text| {
        if out.len() < REMEDIES_MAX {
            out.push(Remediation { tenant, action });
        }
    };
    for person in persons {
        let text = Text::plain("reset the credentials of {account} and revoke its sessions");
        add(person.home.tenant, with_account(engine, text, "account", person.home, at));
        for satellite in person.accounts.iter().filter(|a| a.account.tenant != person.home.tenant) {
            let text = Text::plain("block or remove the account {account} of this person");
            add(satellite.account.tenant, with_account(engine, text, "account", satellite.account, at));
        }
    }
    let devices: BTreeSet<&Value> = members
        .iter()
        .flat_map(|(_, h)| h.posted.devices())
        .filter_map(|ix| Some(&engine.postings.get(*ix)?.value))
        .collect();
    for device in devices {
        if let Value::Device(tenant, kind, id) = device {
            let text = Text::plain("isolate the device {device}").with("device", id, Some(*kind), Some(*tenant));
            add(*tenant, text);
        }
    }
    out
}
