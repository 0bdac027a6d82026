//! Loose findings: each looks at every finding of every core and chooses one; every core takes those who chose it in order.
//!
//! scenarios.md 2.2 (attach edges) and 2.7.

use crate::joins::{By, Core, Level, Set};
use crate::values::{Value, is_personal};
use caponier_model::{EdgeKind, TenantId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Why a loose finding would attach to a core, best first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Offer {
    pub strength: Reverse<u32>,
    pub gap: i64,
    pub peer: usize,
    pub value: Value,
    pub prolific: bool,
    pub surplus: bool,
}

/// A core, and the loose findings that hang on it.
#[derive(Clone, Debug)]
pub struct Group {
    pub core: Core,
    pub attached: BTreeMap<usize, Offer>,
    /// Those of them that are counted and not listed.
    pub unlisted: BTreeSet<usize>,
    /// What the attached findings were refused, as cores of one.
    pub refused_attached: Vec<(crate::joins::Edge, &'static str)>,
}

/// Attaches what is loose; the groups by their smallest core finding. A loose finding that nobody took is a group of its own.
pub fn attach(set: &Set<'_>, cores: Vec<Core>) -> Vec<Group> {
    let (loose, cores): (Vec<Core>, Vec<Core>) = cores.into_iter().partition(|c| c.members.len() == 1 && !c.is_closed);
    let group =
        |core: Core| Group { core, attached: BTreeMap::new(), unlisted: BTreeSet::new(), refused_attached: Vec::new() };
    let mut groups: Vec<Group> = cores.into_iter().map(group).collect();
    let mut wooers: BTreeMap<usize, Vec<(Offer, usize)>> = BTreeMap::new();
    for finding in loose.iter().map(|c| c.members[0]) {
        if let Some((core, offer)) = preference(set, &groups, finding) {
            wooers.entry(core).or_default().push((offer, finding));
        }
    }
    let mut alone: BTreeMap<usize, Core> = loose.into_iter().map(|c| (c.members[0], c)).collect();
    for (at, mut wooing) in wooers {
        wooing.sort_by_key(|(offer, finding)| (offer.strength, offer.gap, *finding));
        for (offer, finding) in wooing {
            let full = groups[at].core.members.len() + groups[at].attached.len() - groups[at].unlisted.len()
                >= set.settings.limits.findings as usize;
            if (!full || offer.surplus) && fits(set, &groups[at], finding) {
                groups[at].unlisted.extend(full.then_some(finding));
                groups[at].attached.insert(finding, offer);
            }
        }
        for finding in groups[at].attached.keys().copied().collect::<Vec<_>>() {
            if let Some(core) = alone.remove(&finding) {
                groups[at].refused_attached.extend(core.refused);
            }
        }
    }
    groups.extend(alone.into_values().map(group));
    groups.sort_by_key(|g| g.core.members[0]);
    groups
}

/// Strongest value first, then how many values it shares with the core, then the gap, then the core's smallest finding.
fn preference(set: &Set<'_>, groups: &[Group], finding: usize) -> Option<(usize, Offer)> {
    let mut best = None;
    for (at, group) in groups.iter().enumerate() {
        let core: BTreeSet<usize> = group.core.members.iter().copied().collect();
        if core.len() < 2 || is_kept_off(set, &core, finding) {
            continue;
        }
        let mut offers: Vec<Offer> = group.core.members.iter().flat_map(|peer| offers(set, finding, *peer)).collect();
        offers.extend(trust(set, &core, finding));
        let Some(offer) = offers.iter().min().cloned() else { continue };
        let values: BTreeSet<&Value> = offers.iter().map(|o| &o.value).collect();
        let suit = (offer.strength, Reverse(values.len()), offer.gap, group.core.members[0]);
        if best.as_ref().is_none_or(|(held, _, _)| suit < *held) {
            best = Some((suit, at, offer));
        }
    }
    best.map(|(_, at, offer)| (at, offer))
}

/// E9: a change of trust between two tenants of a core, by the member that is nearest in time.
fn trust(set: &Set<'_>, core: &BTreeSet<usize>, finding: usize) -> Vec<Offer> {
    let tenants: BTreeSet<TenantId> = core.iter().map(|f| set.findings[*f].key.tenant).collect();
    let values = set.bound[finding].uses.iter().map(|(v, _)| v);
    let mut out = Vec::new();
    for value in values.filter(|v| matches!(v, Value::Trust(a, b) if tenants.contains(a) && tenants.contains(b))) {
        let nearest = core.iter().map(|peer| (set.gap(finding, *peer), *peer)).min();
        if let Some((gap, peer)) = nearest.filter(|(gap, _)| set.rule(value).window.is_none_or(|w| *gap <= w)) {
            out.push(Offer {
                strength: Reverse(200_000),
                gap,
                peer,
                value: value.clone(),
                prolific: false,
                surplus: false,
            });
        }
    }
    out
}

/// Every value by which one finding may attach to another.
fn offers(set: &Set<'_>, finding: usize, peer: usize) -> Vec<Offer> {
    let mut out = Vec::new();
    let values = |f: usize| set.bound[f].uses.iter().map(|(v, _)| v).collect::<BTreeSet<_>>();
    for value in values(finding).intersection(&values(peer)) {
        let rule = set.rule(value);
        let gap = set.gap(finding, peer);
        if !rule.attaches || rule.window.is_some_and(|w| gap > w) {
            continue;
        }
        if rule.kind == EdgeKind::SameIp && set.findings[finding].key.tenant != set.findings[peer].key.tenant {
            continue;
        }
        if is_personal(value) && (set.common[finding] || set.common[peer]) {
            continue;
        }
        let level = set.level(value, finding, peer);
        let beyond = [finding, peer].map(|f| set.is_surplus(value, f));
        let surplus = level == Level::Open && beyond.contains(&true) && !(beyond[0] && beyond[1]);
        if beyond == [true, true] {
            continue;
        }
        let allowed = match level {
            Level::Open => !rule.bridges || surplus,
            Level::Attach => true,
            Level::Closed => false,
        };
        if allowed {
            let strength = Reverse(if rule.bridges { 300_000 } else { rule.strength });
            out.push(Offer { strength, gap, peer, value: (*value).clone(), prolific: level == Level::Attach, surplus });
        }
    }
    out
}

/// Span and policy of a core with what it has taken so far.
fn fits(set: &Set<'_>, group: &Group, finding: usize) -> bool {
    let limits = &set.settings.limits;
    let members: Vec<usize> = group.core.members.iter().chain(group.attached.keys()).copied().collect();
    let all = || members.iter().chain([&finding]);
    let first = all().map(|f| set.findings[*f].first).min();
    let last = all().map(|f| set.findings[*f].last).max();
    last.zip(first).is_some_and(|(last, first)| last.seconds_since(first) <= limits.span)
        && !is_kept_off(set, &members.iter().copied().collect(), finding)
}

/// True where a policy, a decision, an owner or a verdict keeps a loose finding from attaching.
fn is_kept_off(set: &Set<'_>, members: &BTreeSet<usize>, finding: usize) -> bool {
    let alone = BTreeSet::from([finding]);
    set.said(members, &alone, By::Edge).is_some()
        || set.policy_of(members, &alone).is_some()
        || set.told_all(members).disputes(&set.told_all(&alone))
}
