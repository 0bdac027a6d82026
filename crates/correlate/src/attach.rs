//! Loose findings: each attaches to at most one core, directly, and anchors nothing.

use crate::Engine;
use crate::decisions::Standing;
use crate::partition::unattachable;
use crate::posting::{FindingIx, Level, gap};
use crate::state::{Attachment, Group, GroupIx, Held};
use crate::value::Value;
use caponier_model::{EdgeKind, TenantId};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

/// What speaks for one core.
struct Suitor {
    best: Attachment,
    /// Distinct values shared with the core within their windows.
    values: u32,
}

impl<P> Engine<P> {
    /// True for a finding that no bridge joins to another.
    pub(crate) fn is_loose(&self, finding: FindingIx) -> bool {
        let group = self.findings.get(finding).and_then(|h| self.groups.get(h.group?));
        group.is_some_and(|g| g.core.members.len() == 1 && !g.core.is_closed())
    }

    /// Loose findings that share an attaching value with this one.
    pub(crate) fn loose_neighbours(&self, finding: FindingIx) -> Vec<FindingIx> {
        let mut out: Vec<FindingIx> = self.attaching(finding).map(|offer| offer.peer).collect();
        out.retain(|f| self.is_loose(*f));
        out
    }

    /// For each value of a finding that may attach it to a peer, or a peer to it, the offer of that peer's group.
    fn attaching(&self, finding: FindingIx) -> impl Iterator<Item = Attachment> {
        let span = self.settings.caps.window;
        let held = self.findings.get(finding);
        let values = held.map_or(&[][..], |h| h.posted.values());
        values.iter().flat_map(move |ix| {
            let posting = Some(*ix).filter(|ix| self.postings.may_attach(*ix)).and_then(|ix| self.postings.get(ix));
            let place = posting.zip(held).and_then(|(p, h)| p.place(finding, h.merged.first));
            let place = place.filter(|at| posting.is_some_and(|p| !p.is_closed_around(*at, span)));
            posting.zip(place).into_iter().flat_map(move |(posting, at)| {
                let lavish = posting.entries[at].is_surplus();
                let all = (!lavish).then(|| posting.near(at).map(|(i, ..)| i));
                let thrifty = lavish.then(|| posting.within_budget(at));
                let near = all.into_iter().flatten().chain(thrifty.into_iter().flatten());
                near.filter_map(move |i| {
                    let entry = &posting.entries[i];
                    let gap = gap(entry, &posting.entries[at]);
                    if entry.finding == finding || posting.rule.window.is_some_and(|w| gap > w) {
                        return None;
                    }
                    if posting.value.is_personal() && (entry.is_common() || posting.entries[at].is_common()) {
                        return None;
                    }
                    // An address alone is a coincidence too often to show one tenant's evidence to another for it.
                    if posting.rule.kind == EdgeKind::SameIp && entry.tenant != posting.entries[at].tenant {
                        return None;
                    }
                    let level = posting.level(at, i, span);
                    let surplus = level == Level::Open && (lavish || entry.is_surplus());
                    let allowed = match level {
                        Level::Open => !posting.rule.bridges || surplus,
                        Level::Attach => true,
                        Level::Closed => false,
                    };
                    if !allowed {
                        return None;
                    }
                    // A value that could have bridged but for its many counterparts is weaker than any artefact.
                    let strength = if posting.rule.bridges { 300_000 } else { posting.rule.strength };
                    let group = self.findings.get(entry.finding)?.group?;
                    let (peer, prolific) = (entry.finding, level == Level::Attach);
                    Some(Attachment { group, peer, value: *ix, strength, gap, prolific, surplus })
                })
            })
        })
    }

    /// E9: the cores of the pairs of tenants whose trust a finding says was changed.
    fn trusting(&self, finding: FindingIx) -> impl Iterator<Item = Attachment> {
        let held = self.findings.get(finding).filter(|_| self.postings.any_trust());
        let values = held.map_or(&[][..], |h| h.posted.values());
        values.iter().flat_map(move |ix| {
            let posting = self.postings.get(*ix);
            let pair = posting.and_then(|p| if let Value::Trust(a, b) = p.value { Some((a, b)) } else { None });
            let cores = pair.and_then(|pair| self.spans.get(&pair)).into_iter().flatten();
            cores.filter_map(move |group| {
                let (held, rule) = (held?, &posting?.rule);
                let members = self.groups.get(*group)?.core.members.iter();
                let near = members.filter_map(|peer| Some((held.merged.gap(&self.findings.get(*peer)?.merged), *peer)));
                let near = near.filter(|(gap, _)| rule.window.is_none_or(|w| *gap <= w));
                let (gap, peer) =
                    near.min_by(|(g, a), (h, b)| g.cmp(h).then_with(|| self.by_rank(Some(*a), Some(*b))))?;
                let strength = rule.strength;
                Some(Attachment { group: *group, peer, value: *ix, strength, gap, prolific: false, surplus: false })
            })
        })
    }

    /// Loose findings that say that the trust between two tenants of a core was changed, near enough in time.
    pub(crate) fn trusting_neighbours(&self, group: &Group) -> Vec<FindingIx> {
        let members = || group.core.members.iter().filter_map(|f| self.findings.get(*f));
        let Some(first) = members().map(|h| h.merged.first).min() else { return Vec::new() };
        let last = members().map(|h| h.merged.last).max().unwrap_or(first);
        let postings = pairs(&group.tenants).filter_map(|(a, b)| {
            let posting = self.postings.get(self.postings.find(&Value::Trust(a, b))?)?;
            Some(posting.around(first, last, posting.rule.window?).map(|(e, _)| e.finding).collect::<Vec<_>>())
        });
        postings.flatten().filter(|f| self.is_loose(*f)).collect()
    }

    /// Enters a core of several tenants where E9 looks for it.
    pub(crate) fn enter_spans(&mut self, ix: GroupIx) {
        let Some(group) = self.groups.get(ix).filter(|g| g.tenants.len() > 1) else { return };
        for pair in pairs(&group.tenants) {
            self.spans.entry(pair).or_default().insert(ix);
        }
    }

    /// Takes a core that is gone out again.
    pub(crate) fn leave_spans(&mut self, ix: GroupIx, tenants: &[TenantId]) {
        for pair in pairs(tenants) {
            if let Some(groups) = self.spans.get_mut(&pair) {
                groups.remove(&ix);
                if groups.is_empty() {
                    self.spans.remove(&pair);
                }
            }
        }
    }

    /// The best core for a loose finding: by strongest value, then number of shared values, then gap, then the core's
    /// smallest finding.
    pub(crate) fn preference(&self, finding: FindingIx) -> Option<Attachment> {
        let held = self.findings.get(finding)?;
        let standing = self.standing(&held.key);
        let mut suitors: BTreeMap<GroupIx, (Suitor, Vec<u32>)> = BTreeMap::new();
        for offer in self.attaching(finding).chain(self.trusting(finding)) {
            let Attachment { group, value, .. } = offer;
            let Some(core) = self.groups.get(group).filter(|g| g.core.members.len() > 1) else { continue };
            let there = (&core.tenants[..], core.core.standing.as_deref());
            if unattachable(&self.policy, there, (held.key.tenant, standing.as_deref())).is_some() {
                continue;
            }
            match suitors.get_mut(&group) {
                Some((suitor, values)) => {
                    if !values.contains(&value) {
                        values.push(value);
                        suitor.values += 1;
                    }
                    if self.by_offer(&offer, &suitor.best).is_lt() {
                        suitor.best = offer;
                    }
                }
                None => {
                    suitors.insert(group, (Suitor { best: offer, values: 1 }, vec![value]));
                }
            }
        }
        let by_suit = |a: &Suitor, b: &Suitor| {
            let key = |s: &Suitor| (Reverse(s.best.strength), Reverse(s.values), s.best.gap);
            key(a).cmp(&key(b)).then_with(|| self.by_rank(self.smallest(a.best.group), self.smallest(b.best.group)))
        };
        suitors.into_values().map(|(suitor, _)| suitor).min_by(by_suit).map(|s| s.best)
    }

    /// Stronger first, then nearer, then by peer and value.
    fn by_offer(&self, a: &Attachment, b: &Attachment) -> Ordering {
        let key = |x: &Attachment| (Reverse(x.strength), x.gap);
        key(a)
            .cmp(&key(b))
            .then_with(|| self.by_rank(Some(a.peer), Some(b.peer)))
            .then_with(|| self.by_value(a.value, b.value))
    }

    /// The finding with the smallest (first, key) of a core.
    fn smallest(&self, group: GroupIx) -> Option<FindingIx> {
        self.groups.get(group).and_then(|g| g.core.members.first()).copied()
    }

    /// Compares findings by (first, key).
    pub(crate) fn by_rank(&self, a: Option<FindingIx>, b: Option<FindingIx>) -> Ordering {
        let held = |f: Option<FindingIx>| f.and_then(|f| self.findings.get(f));
        match (held(a), held(b)) {
            (Some(a), Some(b)) => a.compare(b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }

    /// Findings in the order of (first, key).
    pub(crate) fn ranked(&self, findings: impl Iterator<Item = FindingIx>) -> Vec<FindingIx> {
        let first = |finding| self.findings.get(finding).map(|h| h.merged.first);
        let mut keyed: Vec<_> = findings.map(|finding| (first(finding), finding)).collect();
        keyed.sort_unstable_by(|(at, a), (then, b)| at.cmp(then).then_with(|| self.by_rank(Some(*a), Some(*b))));
        keyed.into_iter().map(|(_, finding)| finding).collect()
    }

    /// Compares values by what they are, not by their places.
    pub(crate) fn by_value(&self, a: u32, b: u32) -> Ordering {
        let value = |ix: u32| self.postings.get(ix).map(|p| &p.value);
        if a == b { Ordering::Equal } else { value(a).cmp(&value(b)) }
    }

    /// Which wooers a core takes: in canonical order, while size, span and policy allow. What is beyond a value's budget is taken beyond
    /// the size too, and is the second of the two lists: counted there and not listed.
    pub(crate) fn taken(&self, group: &Group) -> (Vec<FindingIx>, Vec<FindingIx>) {
        let mut order: Vec<(&Held, FindingIx)> =
            group.wooers.iter().filter_map(|f| Some((self.findings.get(*f)?, *f))).collect();
        let offer = |h: &Held| h.prefers.as_deref().map(|p| (Reverse(p.strength), p.gap));
        order.sort_by(|(a, _), (b, _)| offer(a).cmp(&offer(b)).then_with(|| a.compare(b)));
        let core = || group.core.members.iter().filter_map(|f| self.findings.get(*f));
        let (mut tenants, mut standing) = (group.tenants.clone(), group.core.standing.clone());
        let mut first = core().map(|h| h.merged.first).min().unwrap_or_default();
        let mut last = core().map(|h| h.merged.last).max().unwrap_or_default();
        let mut room = (self.settings.limits.findings as usize).saturating_sub(group.core.members.len());
        let (mut out, mut unlisted) = (Vec::new(), Vec::new());
        for (held, finding) in order {
            let (from, until) = (first.min(held.merged.first), last.max(held.merged.last));
            let surplus = held.prefers.as_deref().is_some_and(|p| p.surplus);
            let fits = (room > 0 || surplus) && until.seconds_since(from) <= self.settings.limits.span;
            let told = self.standing(&held.key);
            let there = (&tenants[..], standing.as_deref());
            if !fits || unattachable(&self.policy, there, (held.key.tenant, told.as_deref())).is_some() {
                continue;
            }
            standing = Standing::together(standing, told);
            if room == 0 {
                unlisted.push(finding);
            }
            (first, last, room) = (from, until, room.saturating_sub(1));
            if !tenants.contains(&held.key.tenant) {
                tenants.push(held.key.tenant);
            }
            out.push(finding);
        }
        (self.ranked(out.into_iter()), unlisted)
    }
}

/// Every pair of sorted tenants, the smaller first.
fn pairs(tenants: &[TenantId]) -> impl Iterator<Item = (TenantId, TenantId)> {
    tenants.iter().enumerate().flat_map(|(i, a)| tenants[i + 1..].iter().map(|b| (*a, *b)))
}
