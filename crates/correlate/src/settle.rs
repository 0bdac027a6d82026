//! Settling: after something changed, the touched blobs are partitioned anew and the difference becomes changes.
//!
//! A blob is everything that candidate edges connect. Since the partition is a function of the set, computing the
//! touched blobs alone gives what computing everything would give; the tests hold it against that.

use crate::Engine;
use crate::partition::{Core, Node, cores};
use crate::posting::FindingIx;
use crate::state::{Group, GroupIx, RecordIx};
use caponier_model::{Persons, TenantId};
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// A core before it was dissolved.
#[derive(Debug)]
struct Former {
    size: usize,
    smallest: Option<FindingIx>,
    tenants: Vec<TenantId>,
}

/// The cores that were dissolved, and of which of them a finding was.
#[derive(Debug, Default)]
struct Formers {
    cores: BTreeMap<GroupIx, Former>,
    of: BTreeMap<FindingIx, GroupIx>,
}

/// What one settlement touches.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Groups whose incident must be looked at again.
    pub groups: BTreeSet<GroupIx>,
    /// Incidents that members came from.
    pub records: BTreeSet<RecordIx>,
}

impl<P: Persons> Engine<P> {
    /// Partitions the blobs of `dirty` anew, attaches what is loose, and hands on the changes. `loose` are findings whose
    /// attachment must be looked at although their blob is unchanged; `rebound`, sorted, are those whose own
    /// values may have changed.
    pub(crate) fn settle(
        &mut self,
        dirty: Vec<FindingIx>,
        loose: Vec<FindingIx>,
        rebound: &[FindingIx],
        corrected: bool,
    ) {
        let blob = self.blob(dirty);
        let mut touched = Touched::default();
        let mut loose: BTreeSet<FindingIx> = loose.into_iter().collect();
        let mut courted: BTreeSet<GroupIx> = BTreeSet::new();
        let mut formers = Formers::default();
        let changed: Vec<Core> = self.partition(&blob).into_iter().filter(|c| !self.stands(c, rebound)).collect();
        for finding in changed.iter().flat_map(|core| &core.members) {
            self.dissolve(*finding, &mut formers, &mut loose, &mut courted, &mut touched);
        }
        let fresh = self.regroup(changed, &mut loose, &mut touched);
        for group in fresh.iter().filter_map(|g| self.groups.get(*g)).filter(|g| g.tenants.len() > 1) {
            loose.extend(self.trusting_neighbours(group));
        }
        for finding in self.newcomers(&fresh, &formers, rebound) {
            loose.extend(self.loose_neighbours(finding));
        }
        self.woo(loose, &mut courted, &mut touched);
        courted.extend(touched.groups.iter().copied());
        for group in courted {
            self.choose(group, &mut touched);
        }
        self.rename(touched, corrected);
    }

    /// Everything that candidate edges and present groups connect with these findings, by (first, key).
    fn blob(&self, dirty: Vec<FindingIx>) -> Vec<FindingIx> {
        let mut seen: HashSet<FindingIx, foldhash::fast::FixedState> = HashSet::default();
        let mut groups: HashSet<GroupIx, foldhash::fast::FixedState> = HashSet::default();
        let mut open = dirty;
        while let Some(finding) = open.pop() {
            let Some(held) = self.findings.get(finding) else { continue };
            if !seen.insert(finding) {
                continue;
            }
            let ends = held.links.iter().map(|l| if l.a == finding { l.b } else { l.a });
            open.extend(ends.filter(|f| !seen.contains(f)));
            open.extend(self.decided_beside(&held.key));
            if held.group.is_some_and(|g| groups.insert(g)) {
                let group = held.group.and_then(|g| self.groups.get(g));
                open.extend(group.into_iter().flat_map(|g| g.core.members.iter()).filter(|f| !seen.contains(*f)));
            }
        }
        let mut blob: Vec<FindingIx> = seen.into_iter().collect();
        blob.sort_by(|a, b| self.by_rank(Some(*a), Some(*b)));
        blob
    }

    /// Takes a finding out of its group; the group goes with it.
    fn dissolve(
        &mut self,
        finding: FindingIx,
        formers: &mut Formers,
        loose: &mut BTreeSet<FindingIx>,
        courted: &mut BTreeSet<GroupIx>,
        touched: &mut Touched,
    ) {
        self.leave(finding, courted, touched);
        let Some(held) = self.findings.get_mut(finding) else { return };
        touched.records.extend(held.record);
        let Some(ix) = held.group.take() else { return };
        formers.of.insert(finding, ix);
        let Some(group) = self.groups.remove(ix) else { return };
        self.leave_spans(ix, &group.tenants);
        let (size, smallest) = (group.core.members.len(), group.core.members.first().copied());
        formers.cores.insert(ix, Former { size, smallest, tenants: group.tenants });
        touched.records.extend(group.record);
        for wooer in group.wooers {
            if let Some(held) = self.findings.get_mut(wooer) {
                held.prefers = None;
                held.attached = false;
                touched.groups.extend(held.group);
            }
            loose.insert(wooer);
        }
    }

    /// A loose finding no longer prefers the core it preferred.
    fn leave(&mut self, finding: FindingIx, courted: &mut BTreeSet<GroupIx>, touched: &mut Touched) {
        let Some(held) = self.findings.get_mut(finding) else { return };
        let Some(old) = held.prefers.take() else { return };
        held.attached = false;
        touched.groups.extend(held.group);
        if let Some(group) = self.groups.get_mut(old.group) {
            group.wooers.retain(|f| *f != finding);
            courted.insert(old.group);
        }
    }

    /// The cores of a blob.
    fn partition(&self, blob: &[FindingIx]) -> Vec<Core> {
        let held = || blob.iter().filter_map(|f| Some((*f, self.findings.get(*f)?)));
        let nodes: Vec<Node<'_>> = held()
            .map(|(finding, h)| Node {
                finding,
                first: h.merged.first,
                last: h.merged.last,
                tenant: h.key.tenant,
                counted: &h.counted,
                standing: self.standing(&h.key),
            })
            .collect();
        let links: Vec<_> = held().flat_map(|(f, h)| h.links.iter().filter(move |l| l.a == f).copied()).collect();
        cores(&nodes, &links, (&self.settings.limits, &self.policy, &self.acts(blob)), |a, b| self.by_value(a, b))
    }

    /// True for a core that stands already as it is, none of whose members changed: it is left alone, as if it lay
    /// outside the blob.
    fn stands(&self, core: &Core, rebound: &[FindingIx]) -> bool {
        let group = core.members.first().and_then(|f| self.findings.get(*f)?.group);
        group.and_then(|g| self.groups.get(g)).is_some_and(|g| g.core == *core)
            && !core.members.iter().any(|f| rebound.binary_search(f).is_ok())
    }

    /// Makes the groups of new cores; returns those of more than one.
    fn regroup(&mut self, found: Vec<Core>, loose: &mut BTreeSet<FindingIx>, touched: &mut Touched) -> Vec<GroupIx> {
        let mut fresh = Vec::new();
        for core in found {
            let members = core.members.clone();
            let mut tenants: Vec<_> =
                members.iter().filter_map(|f| self.findings.get(*f)).map(|h| h.key.tenant).collect();
            tenants.sort();
            tenants.dedup();
            let group = self.groups.insert(Group { core, tenants, ..Group::default() });
            touched.groups.insert(group);
            for member in &members {
                if let Some(held) = self.findings.get_mut(*member) {
                    held.group = Some(group);
                }
            }
            match members[..] {
                [single] => {
                    loose.insert(single);
                }
                _ => {
                    self.enter_spans(group);
                    fresh.push(group);
                }
            }
        }
        fresh
    }

    /// Members whose loose neighbours must choose again. A core that only grew offers its neighbours what it offered
    /// before, except for the members that are new; those who chose it before choose again anyway.
    fn newcomers(&self, fresh: &[GroupIx], formers: &Formers, rebound: &[FindingIx]) -> Vec<FindingIx> {
        let mut out = Vec::new();
        for core in fresh.iter().filter_map(|g| self.groups.get(*g)) {
            let members = &core.core.members;
            let mut counts: BTreeMap<GroupIx, usize> = BTreeMap::new();
            for former in members.iter().filter_map(|f| formers.of.get(f)) {
                *counts.entry(*former).or_insert(0) += 1;
            }
            let main = counts.iter().max_by_key(|(_, n)| **n).map(|(former, _)| *former);
            let grew = main.filter(|ix| {
                formers.cores.get(ix).is_some_and(|f| {
                    let whole = f.size > 1 && counts.get(ix) == Some(&f.size);
                    whole && f.smallest == members.first().copied() && f.tenants == core.tenants
                })
            });
            let known = |f: &FindingIx| {
                grew.is_some() && formers.of.get(f).copied() == grew && rebound.binary_search(f).is_err()
            };
            out.extend(members.iter().copied().filter(|f| !known(f)));
        }
        out
    }

    /// Finds the preference of each loose finding and tells the cores concerned.
    fn woo(&mut self, loose: BTreeSet<FindingIx>, courted: &mut BTreeSet<GroupIx>, touched: &mut Touched) {
        for finding in loose {
            if !self.is_loose(finding) {
                continue;
            }
            let wish = self.preference(finding);
            if self.findings.get(finding).is_none_or(|h| h.prefers == wish) {
                continue;
            }
            self.leave(finding, courted, touched);
            let Some(wish) = wish else { continue };
            if let Some(held) = self.findings.get_mut(finding) {
                held.prefers = Some(wish);
            }
            if let Some(group) = self.groups.get_mut(wish.group) {
                group.wooers.push(finding);
                courted.insert(wish.group);
            }
        }
    }

    /// Lets a core take its wooers.
    fn choose(&mut self, group: GroupIx, touched: &mut Touched) {
        let Some(held) = self.groups.get(group) else { return };
        touched.groups.insert(group);
        let taken = self.taken(held);
        let wooers = held.wooers.clone();
        for wooer in wooers {
            let accepted = taken.contains(&wooer);
            let Some(held) = self.findings.get_mut(wooer) else { continue };
            if held.attached != accepted {
                held.attached = accepted;
                touched.groups.extend(held.group);
            }
        }
        if let Some(held) = self.groups.get_mut(group) {
            held.attached = taken;
        }
    }
}
