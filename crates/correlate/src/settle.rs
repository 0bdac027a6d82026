//! Settling: after something changed, the cores it touches are partitioned anew and the difference becomes changes.
//!
//! Kruskal's algorithm takes an edge or refuses it by what the two sets at its ends are at its turn. So an edge has the outcome it
//! had before unless one of these sets grew otherwise, and sets grow otherwise only where an edge came, went or changed its
//! outcome. Computed anew are the cores at the ends of such edges, with all edges of theirs, and the cores beside them as they
//! are: their own edges only, which by the same argument come out as before. Where one of those does not stay what it was after
//! all, it is one of the first kind, and the computation is made once more. The result is the partition of everything, at the cost
//! of the cores that are touched; the tests hold it against that.

use crate::Engine;
use crate::ahead::fetch;
use crate::decisions::Acts;
use crate::partition::{Core, Node, Refusal, cores};
use crate::posting::{FindingIx, Link};
use crate::state::{Group, GroupIx, RecordIx};
use caponier_model::{EdgeKind, Persons, TenantId};
use hashbrown::{HashMap, HashSet};
use smallvec::{SmallVec, smallvec};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A set of findings that is only asked for membership.
pub(crate) type Findings = HashSet<FindingIx, foldhash::fast::FixedState>;

/// The same of groups.
type Groups = HashSet<GroupIx, foldhash::fast::FixedState>;

/// A core before it was dissolved.
#[derive(Debug)]
struct Former {
    size: usize,
    smallest: Option<FindingIx>,
    tenants: SmallVec<[TenantId; 1]>,
}

/// The cores that were dissolved, and of which of them a finding was.
#[derive(Debug, Default)]
struct Formers {
    cores: BTreeMap<GroupIx, Former>,
    of: HashMap<FindingIx, GroupIx, foldhash::fast::FixedState>,
}

/// What one settlement touches.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Groups whose incident must be looked at again.
    pub groups: BTreeSet<GroupIx>,
    /// Groups of one finding each that is new: no incident of before concerns them.
    pub new: Vec<GroupIx>,
    /// Incidents that members came from.
    pub records: BTreeSet<RecordIx>,
}

impl<P: Persons> Engine<P> {
    /// Partitions anew what `dirty` touches, attaches what is loose, and hands on the changes. `loose` are findings whose
    /// attachment must be looked at although their core is unchanged; `gone` are those that were taken back; `rebound` are those whose own values may have changed, and
    /// `corrected` those that changed because something came late.
    pub(crate) fn settle(
        &mut self,
        gone: &[FindingIx],
        mut dirty: Vec<FindingIx>,
        loose: Vec<FindingIx>,
        rebound: &Findings,
        corrected: &Findings,
    ) {
        let mut touched = Touched::default();
        let mut loose: BTreeSet<FindingIx> = loose.into_iter().collect();
        let mut courted: BTreeSet<GroupIx> = BTreeSet::new();
        let mut formers = Formers::default();
        for finding in gone {
            // Who was in its core finds another, and whom a decision put beside it.
            let held = self.findings.get(*finding);
            let group = held.and_then(|h| self.groups.get(h.group?));
            dirty.extend(group.into_iter().flat_map(|g| &g.core.members));
            dirty.extend(held.map(|h| self.decided_beside(&h.key)).unwrap_or_default());
            self.dissolve(*finding, &mut formers, &mut loose, &mut courted, &mut touched);
            self.let_go(*finding);
        }
        // An end of several links is named by each of them.
        dirty.sort_unstable();
        dirty.dedup();
        let (new, dirty): (Vec<FindingIx>, Vec<FindingIx>) = dirty.into_iter().partition(|f| self.is_new_and_alone(*f));
        let (found, beside) = self.partition(dirty);
        self.correct_refusals(beside, rebound, &mut touched);
        let changed: Vec<Core> = found.into_iter().filter(|c| !self.stands(c, rebound)).collect();
        for finding in changed.iter().flat_map(|core| &core.members) {
            self.dissolve(*finding, &mut formers, &mut loose, &mut courted, &mut touched);
        }
        let fresh = self.regroup(changed, &mut loose, &mut touched);
        self.found_alone(&new, &mut touched);
        for group in fresh.iter().filter_map(|g| self.groups.get(*g)).filter(|g| g.tenants.len() > 1) {
            loose.extend(self.trusting_neighbours(group));
        }
        for finding in self.newcomers(&fresh, &formers, rebound) {
            loose.extend(self.loose_neighbours(finding));
        }
        // Most of what comes is alone: it is no core's neighbour but by what it may attach to.
        let mut loose: Vec<FindingIx> = loose.into_iter().chain(new.iter().copied()).collect();
        loose.sort_unstable();
        loose.dedup();
        self.woo(loose, &mut courted, &mut touched);
        courted.extend(touched.groups.iter().copied());
        for group in courted {
            self.choose(group, &mut touched);
        }
        self.rename(touched, corrected);
    }

    /// True for a finding that was in no core yet and that nothing joins to another.
    fn is_new_and_alone(&self, finding: FindingIx) -> bool {
        self.decisions.is_empty() && self.findings.get(finding).is_some_and(|h| h.group.is_none() && h.links.is_empty())
    }

    /// Gives each of these a core of its own.
    fn found_alone(&mut self, new: &[FindingIx], touched: &mut Touched) {
        for finding in new {
            let Some(held) = self.findings.get_mut(*finding) else { continue };
            let core = Core { members: smallvec![*finding], ..Core::default() };
            let group = self.groups.insert(Group { core, tenants: smallvec![held.key.tenant], ..Group::default() });
            held.group = Some(group);
            touched.new.push(group);
        }
    }

    /// The cores of what `dirty` touches, and the cores beside them, whose members stay: of these only what is refused between
    /// them and the first is told.
    fn partition(&self, dirty: Vec<FindingIx>) -> (Vec<Core>, Vec<Core>) {
        let (mut inside, mut whole) = (Findings::default(), Groups::default());
        let mut open = dirty;
        loop {
            while let Some(finding) = open.pop() {
                let Some(held) = self.findings.get(finding) else { continue };
                if inside.insert(finding)
                    && let Some(group) = held.group.filter(|group| whole.insert(*group))
                {
                    open.extend(self.groups.get(group).into_iter().flat_map(|g| &g.core.members));
                }
            }
            let (found, beside) = self.cores_of(&inside);
            // A core beside them that does not stay what it was is one of them.
            for core in &beside {
                let group = core.members.first().and_then(|f| self.findings.get(*f)?.group);
                if group.and_then(|g| self.groups.get(g)).is_none_or(|g| g.core.members != core.members) {
                    open.extend(&core.members);
                }
            }
            // Whom a decision puts beside them is one of them, and so is whom it puts beside those.
            let members = beside.iter().chain(&found).flat_map(|core| &core.members);
            for finding in members.filter(|_| !self.decisions.is_empty()) {
                let told = self.findings.get(*finding).map(|h| self.decided_beside(&h.key)).unwrap_or_default();
                if !told.is_empty() {
                    open.extend(told.into_iter().chain([*finding]).filter(|f| !inside.contains(f)));
                }
            }
            if open.is_empty() {
                return (found, beside);
            }
        }
    }

    /// The cores of findings, and of those that candidate edges connect them with; the second list holds all with a member that
    /// is not inside.
    fn cores_of(&self, inside: &Findings) -> (Vec<Core>, Vec<Core>) {
        let mut nodes: Vec<FindingIx> = Vec::new();
        let mut links: Vec<Link> = Vec::new();
        let mut alone: Vec<Core> = Vec::new();
        let mut beside: BTreeSet<GroupIx> = BTreeSet::new();
        fetch(inside.iter().copied(), &self.findings);
        for finding in inside {
            let Some(held) = self.findings.get(*finding) else { continue };
            if held.links.is_empty() && self.decisions.is_empty() {
                // Nothing to compute; what it was tied to before is inside and finds its own core.
                alone.push(Core { members: smallvec![*finding], ..Core::default() });
                continue;
            }
            nodes.push(*finding);
            for link in &held.links {
                let other = if link.a == *finding { link.b } else { link.a };
                let within = inside.contains(&other);
                if !within {
                    beside.extend(self.findings.get(other).and_then(|h| h.group));
                }
                if !within || link.a == *finding {
                    links.push(*link);
                }
            }
        }
        let others = beside.iter().filter_map(|group| self.groups.get(*group)).flat_map(|g| &g.core.members);
        fetch(others.copied(), &self.findings);
        for group in &beside {
            for finding in self.groups.get(*group).into_iter().flat_map(|g| &g.core.members) {
                let Some(held) = self.findings.get(*finding) else { continue };
                nodes.push(*finding);
                let own = |f: FindingIx| self.findings.get(f).is_some_and(|h| h.group == Some(*group));
                links.extend(held.links.iter().filter(|l| l.a == *finding && own(l.b)));
            }
        }
        let nodes = self.ranked(nodes.into_iter());
        let found = self.join(&nodes, &links, &self.acts(&nodes));
        let (beside, mut found): (Vec<Core>, Vec<Core>) =
            found.into_iter().partition(|core| core.members.iter().any(|f| !inside.contains(f)));
        found.extend(alone);
        found.sort_by(|a, b| self.by_rank(a.members.first().copied(), b.members.first().copied()));
        (found, beside)
    }

    /// The groups of everything that is held, where there are none yet.
    pub(crate) fn regroup_all(&mut self) {
        let held: Findings = self.findings.iter().filter(|(_, h)| !h.waits()).map(|(ix, _)| ix).collect();
        let (found, _) = self.cores_of(&held);
        self.regroup(found, &mut BTreeSet::new(), &mut Touched::default());
    }

    fn join(&self, nodes: &[FindingIx], links: &[Link], acts: &Acts) -> Vec<Core> {
        let held = nodes.iter().filter_map(|f| Some((*f, self.findings.get(*f)?)));
        let nodes: Vec<Node<'_>> = held
            .map(|(finding, h)| Node {
                finding,
                first: h.merged.first,
                last: h.merged.last,
                tenant: h.key.tenant,
                counted: h.posted.counted(),
                standing: self.standing(&h.key),
            })
            .collect();
        cores(&nodes, links, (&self.settings.limits, &self.policy, acts), |a, b| self.by_value(a, b))
    }

    /// A core whose members stay may be refused for another reason than before, or in another order where an end has another time.
    fn correct_refusals(&mut self, beside: Vec<Core>, rebound: &Findings, touched: &mut Touched) {
        for core in beside {
            let Some(ix) = core.members.first().and_then(|f| self.findings.get(*f)?.group) else { continue };
            let Some(group) = self.groups.get_mut(ix) else { continue };
            let mut refused = std::mem::take(&mut group.core.refused);
            let now: BTreeMap<Link, Refusal> = core.refused.into_iter().collect();
            let mut changed = false;
            for (link, reason) in refused.iter_mut() {
                if let Some(new) = now.get(link).filter(|new| *new != reason) {
                    *reason = *new;
                    changed = true;
                }
            }
            if now.keys().any(|l| rebound.contains(&l.a) || rebound.contains(&l.b)) {
                let before = refused.to_vec();
                refused.sort_by(|(l, _), (m, _)| self.by_canon(l, m));
                changed |= before[..] != refused[..];
            }
            if let Some(group) = self.groups.get_mut(ix) {
                group.core.refused = refused;
            }
            if changed {
                touched.groups.insert(ix);
            }
        }
    }

    /// The order in which candidate edges are taken; what somebody decided comes before them, in its own order.
    fn by_canon(&self, l: &Link, m: &Link) -> Ordering {
        let is_edge = |link: &Link| link.kind != EdgeKind::Decision;
        if !is_edge(l) || !is_edge(m) {
            return is_edge(l).cmp(&is_edge(m));
        }
        (m.strength, l.gap, l.kind)
            .cmp(&(l.strength, m.gap, m.kind))
            .then_with(|| self.by_rank(Some(l.a), Some(m.a)))
            .then_with(|| self.by_rank(Some(l.b), Some(m.b)))
            .then_with(|| self.by_value(l.value, m.value))
            .then_with(|| self.by_value(l.account_a, m.account_a))
            .then_with(|| self.by_value(l.account_b, m.account_b))
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
                (held.attached, held.unlisted) = (false, false);
                touched.groups.extend(held.group);
            }
            loose.insert(wooer);
        }
    }

    /// A loose finding no longer prefers the core it preferred.
    fn leave(&mut self, finding: FindingIx, courted: &mut BTreeSet<GroupIx>, touched: &mut Touched) {
        let Some(held) = self.findings.get_mut(finding) else { return };
        let Some(old) = held.prefers.take() else { return };
        (held.attached, held.unlisted) = (false, false);
        touched.groups.extend(held.group);
        if let Some(group) = self.groups.get_mut(old.group) {
            group.wooers.retain(|f| *f != finding);
            courted.insert(old.group);
        }
    }

    /// True for a core that stands already as it is, none of whose members changed: it is left alone, as if it lay
    /// outside the blob.
    fn stands(&self, core: &Core, rebound: &Findings) -> bool {
        let group = core.members.first().and_then(|f| self.findings.get(*f)?.group);
        group.and_then(|g| self.groups.get(g)).is_some_and(|g| g.core == *core)
            && !core.members.iter().any(|f| rebound.contains(f))
    }

    /// Makes the groups of new cores; returns those of more than one.
    fn regroup(&mut self, found: Vec<Core>, loose: &mut BTreeSet<FindingIx>, touched: &mut Touched) -> Vec<GroupIx> {
        let mut fresh = Vec::new();
        for core in found {
            let members = core.members.clone();
            let mut tenants: SmallVec<[TenantId; 1]> =
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
    fn newcomers(&self, fresh: &[GroupIx], formers: &Formers, rebound: &Findings) -> Vec<FindingIx> {
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
            let known = |f: &FindingIx| grew.is_some() && formers.of.get(f).copied() == grew && !rebound.contains(f);
            out.extend(members.iter().copied().filter(|f| !known(f)));
        }
        out
    }

    /// Finds the preference of each loose finding and tells the cores concerned.
    fn woo(&mut self, loose: Vec<FindingIx>, courted: &mut BTreeSet<GroupIx>, touched: &mut Touched) {
        for finding in loose {
            if !self.is_loose(finding) {
                continue;
            }
            let wish = self.preference(finding);
            if self.findings.get(finding).is_none_or(|h| h.prefers.as_deref() == wish.as_ref()) {
                continue;
            }
            self.leave(finding, courted, touched);
            let Some(wish) = wish else { continue };
            if let Some(held) = self.findings.get_mut(finding) {
                held.prefers = Some(Box::new(wish));
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
        let (taken, unlisted) = self.taken(held);
        let wooers = held.wooers.clone();
        // A flood woos in thousands.
        let [accepted, beyond] = [&taken, &unlisted].map(|list| list.iter().copied().collect::<Findings>());
        for wooer in wooers {
            let now = (accepted.contains(&wooer), beyond.contains(&wooer));
            let Some(held) = self.findings.get_mut(wooer) else { continue };
            if (held.attached, held.unlisted) != now {
                (held.attached, held.unlisted) = now;
                touched.groups.extend(held.group);
            }
        }
        if let Some(held) = self.groups.get_mut(group) {
            held.attached = taken.into();
        }
    }
}
