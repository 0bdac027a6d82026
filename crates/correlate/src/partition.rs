//! The partition of one blob of findings into cores: what people decided first, then Kruskal's algorithm over candidate edges in
//! canonical order, with guards.
//!
//! The result is a function of the set: the blob's findings, their edges, the decisions, the policy and the settings. Nothing here
//! knows what the partition was before.

use crate::Limits;
use crate::decisions::{Acts, DecisionIx, Order, Standing};
use crate::few::Few;
use crate::posting::{FindingIx, Link, NOBODY, ValueIx};
use crate::state::Members;
use crate::surplus::hour;
use caponier_model::{EdgeKind, EventTime, MergePolicy, Policy, TenantId};
use hashbrown::HashMap;
use smallvec::{Array, SmallVec, smallvec};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What the guards must know of a finding.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub finding: FindingIx,
    pub first: EventTime,
    pub last: EventTime,
    pub tenant: TenantId,
    /// Values counted by G6.
    pub counted: &'a [ValueIx],
    /// What decisions say of it, where any does.
    pub standing: Option<Box<Standing>>,
}

/// Why two findings with a candidate edge are not in one incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Refusal {
    /// G6.
    Size,
    /// G7.
    Span,
    /// G12.
    Rate,
    /// G8.
    Cut,
    /// G10: the pair of tenants may only be shown together.
    Suggest,
    /// G10: the pair of tenants may not even be shown together.
    Forbid,
    /// G9: analysts hold one for true and the other for false.
    Verdict,
    /// Different people work on them.
    Owner,
    /// An analyst took them apart.
    Split,
    /// An analyst put one of them elsewhere.
    Pinned,
    /// One is closed.
    Closed,
}

impl Refusal {
    /// The word used on the wire.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Size => "incident_size",
            Self::Span => "incident_span",
            Self::Rate => "incident_rate",
            Self::Cut => "cut_check",
            Self::Suggest => "policy_suggest",
            Self::Forbid => "policy_forbid",
            Self::Verdict => "verdict_conflict",
            Self::Owner => "owner_conflict",
            Self::Split => "split",
            Self::Pinned => "pinned",
            Self::Closed => "closed",
        }
    }
}

/// Findings joined by bridge edges; one finding alone is a core of one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Core {
    /// By (first, key).
    pub members: Members,
    /// The edges that join them, one fewer than members, strongest first.
    pub tree: Few<Link>,
    /// Candidate edges between members that are not in the tree, by kind.
    pub more: Few<(EdgeKind, u32)>,
    /// Edges to findings of other cores that a guard refused, strongest first.
    pub refused: Few<(Link, Refusal)>,
    /// What decisions say of its members together, where any does.
    pub standing: Option<Box<Standing>>,
}

impl Core {
    /// True for a closed incident: nothing joins it.
    pub(crate) fn is_closed(&self) -> bool {
        self.standing.as_ref().is_some_and(|s| s.closure.is_some())
    }

    /// Counts an edge that joins nothing more.
    fn spare(&mut self, kind: EdgeKind) {
        match self.more.iter_mut().find(|(held, _)| *held == kind) {
            Some((_, count)) => *count += 1,
            None => self.more.push((kind, 1)),
        }
    }
}

struct Set {
    parent: usize,
    findings: u32,
    first: EventTime,
    last: EventTime,
    tenants: SmallVec<[TenantId; 2]>,
    values: SmallVec<[ValueIx; 8]>,
    standing: Option<Box<Standing>>,
}

/// What a union is made by, from the least to be doubted.
#[derive(Clone, Copy)]
pub(crate) enum By {
    /// A close: its members are one, whatever they have become.
    Closure(Order),
    /// A pin or a merge.
    Person(Order),
    /// A candidate edge, by its place in canonical order.
    Edge(usize),
}

type Candidate<'a> = (usize, usize, &'a Link);

/// A partition in the making.
struct Forest<'a> {
    nodes: &'a [Node<'a>],
    /// Candidate edges in canonical order, between places of nodes.
    edges: Vec<Candidate<'a>>,
    limits: &'a Limits,
    policy: &'a Policy,
    acts: &'a Acts,
    sets: Vec<Set>,
    tree: Vec<(usize, Link)>,
    spare: Vec<(usize, EdgeKind)>,
    refused: Vec<(usize, usize, Link, Refusal)>,
    /// Candidate edges that closures took: they explain, and are not counted beside what explains.
    used: BTreeSet<usize>,
}

/// Joins the nodes of a blob. `nodes` are in the order of (first, key), `links` in any order.
///
/// `by_value` orders values by what they are: their places in the arena are history.
pub(crate) fn cores(
    nodes: &[Node<'_>],
    links: &[Link],
    (limits, policy, acts): (&Limits, &Policy, &Acts),
    by_value: impl Fn(ValueIx, ValueIx) -> Ordering,
) -> Vec<Core> {
    let places: HashMap<FindingIx, usize, foldhash::fast::FixedState> =
        nodes.iter().enumerate().map(|(i, n)| (n.finding, i)).collect();
    let mut edges: Vec<(u128, Candidate<'_>)> = links
        .iter()
        .filter_map(|link| {
            let (a, b) = (*places.get(&link.a)?, *places.get(&link.b)?);
            let (a, b) = (a.min(b), a.max(b));
            Some((order(link, (a, b)), (a, b, link)))
        })
        .collect();
    edges.sort_unstable_by(|(x, (.., l)), (y, (.., m))| {
        // Two links of one value between the same ends name different accounts of one person.
        x.cmp(y)
            .then_with(|| by_value(l.value, m.value))
            .then_with(|| by_value(l.account_a, m.account_a))
            .then_with(|| by_value(l.account_b, m.account_b))
    });
    let edges = edges.into_iter().map(|(_, edge)| edge).collect();
    let sets = nodes.iter().enumerate().map(|(i, n)| Set::of(i, n)).collect();
    let (tree, spare, refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut forest = Forest { nodes, edges, limits, policy, acts, sets, tree, spare, refused, used: BTreeSet::new() };
    forest.decide();
    for at in 0..forest.edges.len() {
        if !forest.used.contains(&at) {
            let (a, b, link) = forest.edges[at];
            forest.join((a, b), *link, By::Edge(at));
        }
    }
    forest.collect()
}

/// What orders candidate edges, as one number: the strongest first, then the nearest, by kind, by their ends.
fn order(link: &Link, (a, b): (usize, usize)) -> u128 {
    // Strengths are millionths, and no gap between two times has more bits than these.
    let weakness = u128::from(0xff_ffff - link.strength.min(0xff_ffff));
    let gap = u128::from(link.gap.clamp(0, (1 << 35) - 1).unsigned_abs());
    weakness << 104 | gap << 69 | u128::from(link.kind as u8) << 64 | (a as u128) << 32 | b as u128
}

impl Forest<'_> {
    /// What people decided, before any edge: closures, then pins, then merges.
    fn decide(&mut self) {
        let acts = self.acts;
        // Closures share no member, so one walk serves all of them.
        for at in 0..if acts.closures.is_empty() { 0 } else { self.edges.len() } {
            let (a, b, link) = self.edges[at];
            if let (Some(mine), Some(theirs)) = (self.closure(a), self.closure(b))
                && mine == theirs
                && find(&mut self.sets, a) != find(&mut self.sets, b)
            {
                let before = self.tree.len();
                self.join((a, b), *link, By::Closure(mine));
                if self.tree.len() > before {
                    self.used.insert(at);
                }
            }
        }
        for (decision, order, members) in &acts.closures {
            let smallest = members.first().copied().unwrap_or_default();
            for member in members.iter().skip(1) {
                if find(&mut self.sets, smallest) != find(&mut self.sets, *member) {
                    self.join((smallest, *member), self.decided(*decision, smallest, *member), By::Closure(*order));
                }
            }
        }
        for (decision, order, a, b) in &acts.joins {
            let (a, b) = (*a.min(b), *a.max(b));
            if find(&mut self.sets, a) != find(&mut self.sets, b) {
                self.join((a, b), self.decided(*decision, a, b), By::Person(*order));
            }
        }
    }

    fn closure(&self, at: usize) -> Option<Order> {
        self.nodes[at].standing.as_ref()?.closure
    }

    /// The edge that a decision makes; `a` is the earlier end.
    fn decided(&self, decision: DecisionIx, a: usize, b: usize) -> Link {
        let (a, b) = (&self.nodes[a], &self.nodes[b]);
        Link {
            a: a.finding,
            b: b.finding,
            value: decision,
            kind: EdgeKind::Decision,
            gap: a.first.max(b.first).seconds_since(a.last.min(b.last)).max(0),
            strength: 1_000_000,
            account_a: NOBODY,
            account_b: NOBODY,
        }
    }

    /// Joins the sets of two ends, or writes down why not.
    fn join(&mut self, (a, b): (usize, usize), link: Link, by: By) {
        let (x, y) = (find(&mut self.sets, a), find(&mut self.sets, b));
        if x == y {
            self.spare.push((a, link.kind));
            return;
        }
        match self.refusal((x, y), (a, b), by) {
            // A candidate edge that a closure refuses comes again at its turn.
            Some(_) if matches!(by, By::Closure(_)) && link.kind != EdgeKind::Decision => {}
            Some(reason) => self.refused.push((a, b, link, reason)),
            None => {
                unite(&mut self.sets, x, y);
                self.tree.push((a, link));
            }
        }
    }

    /// What forbids to join two sets, if anything does: what people said first, since it is what one would want to read.
    fn refusal(&mut self, (x, y): (usize, usize), (a, b): (usize, usize), by: By) -> Option<Refusal> {
        let (one, other) = (&self.sets[x], &self.sets[y]);
        let policy = policy_refusal(self.policy, &one.tenants, &other.tenants);
        if let Some(reason) = said(one.standing.as_deref(), other.standing.as_deref(), policy, by) {
            return Some(reason);
        }
        let By::Edge(at) = by else { return None };
        if self.acts.pinned.contains(&a) || self.acts.pinned.contains(&b) {
            return Some(Refusal::Pinned);
        }
        if policy.is_some() {
            return policy;
        }
        if let (Some(mine), Some(theirs)) = (&one.standing, &other.standing)
            && mine.disputes(theirs)
        {
            return Some(Refusal::Owner);
        }
        self.outgrown((x, y), at)
    }

    /// G6, G7, G12, G8.
    fn outgrown(&mut self, (x, y): (usize, usize), at: usize) -> Option<Refusal> {
        let (a, b, limits) = (&self.sets[x], &self.sets[y], self.limits);
        let room = limits.values as usize;
        let crowded = a.values.len() + b.values.len() > room && union(&a.values, &b.values).len() > room;
        if a.findings + b.findings > limits.findings || crowded {
            return Some(Refusal::Size);
        }
        if a.last.max(b.last).seconds_since(a.first.min(b.first)) > limits.span {
            return Some(Refusal::Span);
        }
        if a.findings + b.findings > limits.incident_rate && self.rushes(x, y) {
            return Some(Refusal::Rate);
        }
        let (a, b) = (&self.sets[x], &self.sets[y]);
        let big = a.findings.min(b.findings) >= limits.cut_findings;
        let link = self.edges[at].2;
        if big && link.strength < limits.cut_confidence {
            let sets = &mut self.sets;
            let second = self.edges.iter().any(|(a, b, l)| {
                let pair = (find(sets, *a), find(sets, *b));
                l.value != link.value && (pair == (x, y) || pair == (y, x))
            });
            return (!second).then_some(Refusal::Cut);
        }
        None
    }

    /// G12: true where two sets together would hold more findings of one hour than an incident may. Asked of few: most sets hold less in
    /// all.
    fn rushes(&mut self, x: usize, y: usize) -> bool {
        let (mut here, mut count) = (i64::MIN, 0);
        for (at, node) in self.nodes.iter().enumerate() {
            let root = find(&mut self.sets, at);
            if root == x || root == y {
                let hour = hour(node.first);
                count = if hour == here { count + 1 } else { 1 };
                here = hour;
                if count > self.limits.incident_rate {
                    return true;
                }
            }
        }
        false
    }

    /// The cores, by their smallest findings.
    fn collect(mut self) -> Vec<Core> {
        let mut cores: Vec<Core> = Vec::new();
        // Where the core of each set stands, by the set's root.
        let mut places: Vec<usize> = vec![usize::MAX; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            let root = find(&mut self.sets, i);
            if places[root] == usize::MAX {
                places[root] = cores.len();
                let standing = self.sets[root].standing.take();
                cores.push(Core { standing, ..Core::default() });
            }
            cores[places[root]].members.push(node.finding);
        }
        for (a, link) in self.tree {
            cores[places[find(&mut self.sets, a)]].tree.push(link);
        }
        for (a, kind) in self.spare {
            cores[places[find(&mut self.sets, a)]].spare(kind);
        }
        for (a, b, link, reason) in self.refused {
            let (x, y) = (places[find(&mut self.sets, a)], places[find(&mut self.sets, b)]);
            if x == y {
                // Refused at its turn, joined later through others.
                cores[x].spare(link.kind);
                continue;
            }
            for side in [x, y] {
                cores[side].refused.push((link, reason));
            }
        }
        cores.iter_mut().for_each(|core| core.more.sort_unstable());
        cores
    }
}

/// What people said against joining two sets; `policy` is what the tenants' policy has against it.
pub(crate) fn said(
    one: Option<&Standing>,
    other: Option<&Standing>,
    policy: Option<Refusal>,
    by: By,
) -> Option<Refusal> {
    let closure = |s: Option<&Standing>| s.and_then(|s| s.closure);
    let freezing = matches!(by, By::Closure(_));
    if !freezing && closure(one) != closure(other) {
        return Some(Refusal::Closed);
    }
    if policy == Some(Refusal::Forbid) {
        return policy;
    }
    let (mine, theirs) = one.zip(other)?;
    if !freezing && mine.contradicts(theirs) {
        return Some(Refusal::Verdict);
    }
    let since = match by {
        By::Closure(order) | By::Person(order) => Some(order),
        By::Edge(_) => None,
    };
    mine.parted(theirs, since).then_some(Refusal::Split)
}

impl Set {
    fn of(place: usize, node: &Node<'_>) -> Self {
        Self {
            parent: place,
            findings: 1,
            first: node.first,
            last: node.last,
            tenants: smallvec![node.tenant],
            values: SmallVec::from_slice(node.counted),
            standing: node.standing.clone(),
        }
    }
}

fn find(sets: &mut [Set], mut at: usize) -> usize {
    while sets[at].parent != at {
        sets[at].parent = sets[sets[at].parent].parent;
        at = sets[at].parent;
    }
    at
}

fn unite(sets: &mut [Set], x: usize, y: usize) {
    let (small, large) = if sets[x].findings < sets[y].findings { (x, y) } else { (y, x) };
    let Set { findings, first, last, tenants, values, standing, .. } = std::mem::replace(
        &mut sets[small],
        Set {
            parent: large,
            findings: 0,
            first: EventTime::MAX,
            last: EventTime::MIN,
            tenants: SmallVec::new(),
            values: SmallVec::new(),
            standing: None,
        },
    );
    let set = &mut sets[large];
    set.findings += findings;
    set.first = set.first.min(first);
    set.last = set.last.max(last);
    set.tenants = union(&set.tenants, &tenants);
    set.values = union(&set.values, &values);
    set.standing = Standing::together(set.standing.take(), standing);
}

/// The union of two sorted lists that hold each item once.
fn union<A: Array<Item: Ord + Copy>>(a: &SmallVec<A>, b: &SmallVec<A>) -> SmallVec<A> {
    let mut out: SmallVec<A> = SmallVec::with_capacity(a.len() + b.len());
    let (mut left, mut right) = (&a[..], &b[..]);
    while let (Some((x, rest)), Some((y, others))) = (left.split_first(), right.split_first()) {
        match x.cmp(y) {
            Ordering::Less => (out.push(*x), left = rest),
            Ordering::Greater => (out.push(*y), right = others),
            Ordering::Equal => {
                out.push(*x);
                (left, right) = (rest, others);
                ((), ())
            }
        };
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
    out
}

/// What keeps a loose finding from attaching to a core with these tenants, if anything does.
pub(crate) fn unattachable(
    policy: &Policy,
    (tenants, core): (&[TenantId], Option<&Standing>),
    (tenant, loose): (TenantId, Option<&Standing>),
) -> Option<Refusal> {
    let policy = policy_refusal(policy, tenants, &[tenant]);
    said(core, loose, policy, By::Edge(0)).or(policy).or_else(|| {
        let (core, loose) = core.zip(loose)?;
        core.disputes(loose).then_some(Refusal::Owner)
    })
}

/// G10: every pair of tenants that would be new must allow it. Those that a set holds both were allowed, or a person joined them.
fn policy_refusal(policy: &Policy, a: &[TenantId], b: &[TenantId]) -> Option<Refusal> {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (*x, *y)));
    let pairs = pairs.filter(|(x, y)| !a.contains(y) && !b.contains(x));
    match pairs.map(|(x, y)| policy.between(x, y)).min() {
        None | Some(MergePolicy::Merge) => None,
        Some(MergePolicy::Suggest) => Some(Refusal::Suggest),
        Some(MergePolicy::Forbid) => Some(Refusal::Forbid),
    }
}
