//! The partition of one blob of findings into cores: Kruskal's algorithm over candidate edges in canonical order, with guards.
//!
//! The result is a function of the set: the blob's findings, their edges, the policy and the settings. Nothing here knows
//! what the partition was before.

use crate::Limits;
use crate::posting::{FindingIx, Link, ValueIx};
use caponier_model::{EdgeKind, EventTime, MergePolicy, Policy, TenantId};
use hashbrown::HashMap;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What the guards must know of a finding.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub finding: FindingIx,
    pub first: EventTime,
    pub last: EventTime,
    pub tenant: TenantId,
    /// Values counted by G6.
    pub counted: &'a [ValueIx],
}

/// Why two findings with a candidate edge are not in one incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Refusal {
    /// G6.
    Size,
    /// G7.
    Span,
    /// G8.
    Cut,
    /// G10: the pair of tenants may only be shown together.
    Suggest,
    /// G10: the pair of tenants may not even be shown together.
    Forbid,
}

impl Refusal {
    /// The word used on the wire.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Size => "incident_size",
            Self::Span => "incident_span",
            Self::Cut => "cut_check",
            Self::Suggest => "policy_suggest",
            Self::Forbid => "policy_forbid",
        }
    }
}

/// Findings joined by bridge edges; one finding alone is a core of one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Core {
    /// By (first, key).
    pub members: Vec<FindingIx>,
    /// The edges that join them, one fewer than members, strongest first.
    pub tree: Vec<Link>,
    /// Candidate edges between members that are not in the tree, by kind.
    pub more: BTreeMap<EdgeKind, u32>,
    /// Edges to findings of other cores that a guard refused, strongest first.
    pub refused: Vec<(Link, Refusal)>,
}

struct Set {
    parent: usize,
    findings: u32,
    first: EventTime,
    last: EventTime,
    tenants: Vec<TenantId>,
    values: Vec<ValueIx>,
}

/// Joins the nodes of a blob. `nodes` are in the order of (first, key), `links` in any order.
///
/// `by_value` orders values by what they are: their places in the arena are history.
pub(crate) fn cores(
    nodes: &[Node<'_>],
    links: &[Link],
    (limits, policy): (&Limits, &Policy),
    by_value: impl Fn(ValueIx, ValueIx) -> Ordering,
) -> Vec<Core> {
    let places: HashMap<FindingIx, usize, foldhash::fast::FixedState> =
        nodes.iter().enumerate().map(|(i, n)| (n.finding, i)).collect();
    let mut edges: Vec<(usize, usize, &Link)> = links
        .iter()
        .filter_map(|link| {
            let (a, b) = (*places.get(&link.a)?, *places.get(&link.b)?);
            Some((a.min(b), a.max(b), link))
        })
        .collect();
    edges.sort_by(|(a, b, l), (c, d, m)| {
        let order = (m.strength, l.gap, l.kind, a, b).cmp(&(l.strength, m.gap, m.kind, c, d));
        order.then_with(|| by_value(l.value, m.value)).then_with(|| l.cmp(m))
    });
    let mut sets: Vec<Set> = nodes.iter().enumerate().map(|(i, n)| Set::of(i, n)).collect();
    let mut tree: Vec<(usize, Link)> = Vec::new();
    let mut spare: Vec<(usize, EdgeKind)> = Vec::new();
    let mut refused: Vec<(usize, usize, Link, Refusal)> = Vec::new();
    for (at, (a, b, link)) in edges.iter().enumerate() {
        let (x, y) = (find(&mut sets, *a), find(&mut sets, *b));
        if x == y {
            spare.push((*a, link.kind));
            continue;
        }
        match refusal(&mut sets, (x, y), at, &edges, limits, policy) {
            Some(reason) => refused.push((*a, *b, **link, reason)),
            None => {
                unite(&mut sets, x, y);
                tree.push((*a, **link));
            }
        }
    }
    collect(nodes, &mut sets, tree, spare, refused)
}

fn collect(
    nodes: &[Node<'_>],
    sets: &mut [Set],
    tree: Vec<(usize, Link)>,
    spare: Vec<(usize, EdgeKind)>,
    refused: Vec<(usize, usize, Link, Refusal)>,
) -> Vec<Core> {
    let mut cores: BTreeMap<usize, Core> = BTreeMap::new();
    for (i, node) in nodes.iter().enumerate() {
        cores.entry(find(sets, i)).or_default().members.push(node.finding);
    }
    for (a, link) in tree {
        cores.entry(find(sets, a)).or_default().tree.push(link);
    }
    for (a, kind) in spare {
        *cores.entry(find(sets, a)).or_default().more.entry(kind).or_insert(0) += 1;
    }
    for (a, b, link, reason) in refused {
        let (x, y) = (find(sets, a), find(sets, b));
        if x == y {
            // Refused at its turn, joined later through others.
            *cores.entry(x).or_default().more.entry(link.kind).or_insert(0) += 1;
            continue;
        }
        for side in [x, y] {
            cores.entry(side).or_default().refused.push((link, reason));
        }
    }
    cores.into_values().collect()
}

impl Set {
    fn of(place: usize, node: &Node<'_>) -> Self {
        Self {
            parent: place,
            findings: 1,
            first: node.first,
            last: node.last,
            tenants: vec![node.tenant],
            values: node.counted.to_vec(),
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
    let Set { findings, first, last, tenants, values, .. } = std::mem::replace(
        &mut sets[small],
        Set {
            parent: large,
            findings: 0,
            first: EventTime::MAX,
            last: EventTime::MIN,
            tenants: vec![],
            values: vec![],
        },
    );
    let set = &mut sets[large];
    set.findings += findings;
    set.first = set.first.min(first);
    set.last = set.last.max(last);
    set.tenants = union(&set.tenants, &tenants);
    set.values = union(&set.values, &values);
}

/// The union of two sorted lists.
fn union<T: Ord + Copy>(a: &[T], b: &[T]) -> Vec<T> {
    let mut out: Vec<T> = a.iter().chain(b).copied().collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// The guard that forbids to join two sets, if any; policy first, since it is what an operator would want to read.
fn refusal(
    sets: &mut [Set],
    (x, y): (usize, usize),
    at: usize,
    edges: &[(usize, usize, &Link)],
    limits: &Limits,
    policy: &Policy,
) -> Option<Refusal> {
    if let Some(reason) = policy_refusal(policy, &sets[x].tenants, &sets[y].tenants) {
        return Some(reason);
    }
    let (a, b) = (&sets[x], &sets[y]);
    let room = limits.values as usize;
    let crowded = a.values.len() + b.values.len() > room && union(&a.values, &b.values).len() > room;
    if a.findings + b.findings > limits.findings || crowded {
        return Some(Refusal::Size);
    }
    if a.last.max(b.last).seconds_since(a.first.min(b.first)) > limits.span {
        return Some(Refusal::Span);
    }
    let big = a.findings.min(b.findings) >= limits.cut_findings;
    let link = edges[at].2;
    if big && link.strength < limits.cut_confidence {
        let second = edges.iter().any(|(a, b, l)| {
            let pair = (find(sets, *a), find(sets, *b));
            l.value != link.value && (pair == (x, y) || pair == (y, x))
        });
        return (!second).then_some(Refusal::Cut);
    }
    None
}

/// G10: every pair of tenants must allow it.
pub(crate) fn policy_refusal(policy: &Policy, a: &[TenantId], b: &[TenantId]) -> Option<Refusal> {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (*x, *y)));
    match pairs.map(|(x, y)| policy.between(x, y)).min() {
        None | Some(MergePolicy::Merge) => None,
        Some(MergePolicy::Suggest) => Some(Refusal::Suggest),
        Some(MergePolicy::Forbid) => Some(Refusal::Forbid),
    }
}
