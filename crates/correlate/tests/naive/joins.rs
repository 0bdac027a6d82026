//! Candidate edges by comparing every pair, how prolific a value is, and the partition: Kruskal over the whole set at once.
//!
//! scenarios.md 2.2, 2.7 and guards G2 to G8, G10. Where a value has many findings the contract (docs/adr/0004) names which pairs are
//! candidates; [`Pairs::All`] takes every pair instead, and must connect the same where no guard refuses anything.

use crate::known::Finding;
use crate::values::{Bound, Counts, Rule, Value, rule};
use caponier_correlate::Settings;
use caponier_model::{AccountKey, EdgeKind, EventTime, MergePolicy, Policy, TenantId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Which pairs of findings that share a value within its window are candidates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pairs {
    /// The nearest in order and the one that lasted longest, for each tenant and account before.
    Neighbours,
    /// All of them.
    All,
}

/// One finding under one value.
#[derive(Clone, Debug)]
pub struct Entry {
    pub finding: usize,
    pub first: EventTime,
    pub last: EventTime,
    pub tenant: TenantId,
    pub account: Option<AccountKey>,
}

/// A candidate bridge edge; `a` is the earlier finding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edge {
    pub strength: Reverse<u32>,
    pub gap: i64,
    pub kind: EdgeKind,
    pub a: usize,
    pub b: usize,
    pub value: Value,
    pub accounts: (Option<AccountKey>, Option<AccountKey>),
}

/// How prolific a value is around two findings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    Open,
    Attach,
    Closed,
}

/// Findings joined by bridges.
#[derive(Clone, Debug, Default)]
pub struct Core {
    /// In order.
    pub members: Vec<usize>,
    pub tree: Vec<Edge>,
    pub more: BTreeMap<EdgeKind, u32>,
    pub refused: Vec<(Edge, &'static str)>,
}

/// The world, bound: everything a question about values needs.
pub struct Set<'a> {
    pub findings: &'a [Finding],
    pub bound: &'a [Bound],
    pub settings: &'a Settings,
    pub policy: &'a Policy,
    pub values: BTreeMap<Value, Vec<Entry>>,
}

impl<'a> Set<'a> {
    pub fn new(findings: &'a [Finding], bound: &'a [Bound], settings: &'a Settings, policy: &'a Policy) -> Self {
        let mut values: BTreeMap<Value, Vec<Entry>> = BTreeMap::new();
        for (at, (finding, bound)) in findings.iter().zip(bound).enumerate() {
            for (value, account) in &bound.uses {
                values.entry(value.clone()).or_default().push(Entry {
                    finding: at,
                    first: finding.first,
                    last: finding.last,
                    tenant: finding.key.tenant,
                    account: *account,
                });
            }
        }
        Self { findings, bound, settings, policy, values }
    }

    pub fn rule(&self, value: &Value) -> Rule {
        rule(value, self.settings)
    }

    /// Seconds between the nearest ends of two findings.
    pub fn gap(&self, a: usize, b: usize) -> i64 {
        let (a, b) = (&self.findings[a], &self.findings[b]);
        a.first.max(b.first).seconds_since(a.last.min(b.last)).max(0)
    }

    /// G2 by G3: counts the distinct counterparts of every window that holds the beginnings of both findings. G4: what the
    /// operator says is shared is at best good enough to attach.
    pub fn level(&self, value: &Value, a: usize, b: usize) -> Level {
        let shared = self.settings.shared_values.contains(&crate::values::shown(value).1);
        let least = if shared { Level::Attach } else { Level::Open };
        let rule = self.rule(value);
        let Some(cap) = rule.cap else { return least };
        let entries = &self.values[value];
        let (from, until) = {
            let (x, y) = (self.findings[a].first, self.findings[b].first);
            (x.min(y), x.max(y))
        };
        let span = self.settings.caps.window;
        let mut most = 0;
        for start in entries.iter().map(|e| e.first).filter(|s| *s <= from && until.seconds_since(*s) <= span) {
            let inside = entries.iter().filter(|e| e.first >= start && e.first.seconds_since(start) <= span);
            let parts: BTreeSet<&Value> = inside.flat_map(|e| self.counterparts(e.finding, rule.counts)).collect();
            most = most.max(parts.len());
        }
        if most > 2 * cap as usize {
            Level::Closed
        } else if most > cap as usize {
            Level::Attach
        } else {
            least
        }
    }

    fn counterparts(&self, finding: usize, what: Counts) -> &BTreeSet<Value> {
        let bound = &self.bound[finding];
        match what {
            Counts::Persons => &bound.persons,
            Counts::Devices => &bound.devices,
            Counts::Either if bound.persons.is_empty() => &bound.devices,
            Counts::Either => &bound.persons,
        }
    }

    /// Every candidate edge.
    pub fn edges(&self, pairs: Pairs) -> Vec<Edge> {
        let mut out = Vec::new();
        for (value, entries) in &self.values {
            if !self.rule(value).bridges || self.joins_nothing(value, entries) {
                continue;
            }
            for j in 0..entries.len() {
                for i in 0..j {
                    if (pairs == Pairs::All || is_neighbour(value, entries, i, j))
                        && let Some(edge) = self.edge(value, &entries[i], &entries[j])
                    {
                        out.push(edge);
                    }
                }
            }
        }
        out.sort();
        out
    }

    /// A source incident of too many alerts (G6), and a name that two accounts bore.
    fn joins_nothing(&self, value: &Value, entries: &[Entry]) -> bool {
        match value {
            Value::SourceIncident(_) => entries.len() > self.settings.limits.source_alerts as usize,
            Value::Name(..) | Value::Sid(..) => {
                entries.iter().filter_map(|e| e.account).collect::<BTreeSet<_>>().len() > 1
            }
            _ => false,
        }
    }

    fn edge(&self, value: &Value, x: &Entry, y: &Entry) -> Option<Edge> {
        let rule = self.rule(value);
        let (a, b) = (x.finding, y.finding);
        let gap = self.gap(a, b);
        // Two accounts of one person; one account of its own is E1.
        if a == b || matches!(value, Value::Person(_)) && x.account == y.account {
            return None;
        }
        if rule.window.is_some_and(|w| gap > w) || self.level(value, a, b) != Level::Open {
            return None;
        }
        if let Value::Pair(ip, kind, text) = value {
            let halves = [Value::Weak(caponier_model::EntityKind::Ip, ip.clone()), Value::Weak(*kind, text.clone())];
            if halves.iter().any(|half| self.level(half, a, b) != Level::Open) {
                return None;
            }
        }
        let strength = match (value, x.account, y.account) {
            (Value::Person(_), Some(one), Some(other)) => {
                rule.strength.min(self.confidence(a, one)).min(self.confidence(b, other))
            }
            _ => rule.strength,
        };
        let accounts = (x.account, y.account);
        Some(Edge { strength: Reverse(strength), gap, kind: rule.kind, a, b, value: value.clone(), accounts })
    }

    /// Confidence that the account which a finding names is the person.
    pub fn confidence(&self, finding: usize, account: AccountKey) -> u32 {
        let via = self.bound[finding].accounts.get(&account).and_then(|b| b.via.as_ref());
        via.map_or(1_000_000, |link| link.confidence)
    }

    /// Kruskal's algorithm: edges in canonical order, each refused or joined.
    pub fn cores(&self, edges: &[Edge]) -> Vec<Core> {
        let mut of: Vec<usize> = (0..self.findings.len()).collect();
        let (mut tree, mut spare, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for edge in edges {
            let (x, y) = (of[edge.a], of[edge.b]);
            if x == y {
                spare.push(edge);
                continue;
            }
            match self.refusal(&of, (x, y), edge, edges) {
                Some(reason) => refused.push((edge, reason)),
                None => {
                    tree.push(edge);
                    of.iter_mut().filter(|set| **set == y).for_each(|set| *set = x);
                }
            }
        }
        let mut cores: BTreeMap<usize, Core> = BTreeMap::new();
        for (finding, set) in of.iter().enumerate() {
            cores.entry(*set).or_default().members.push(finding);
        }
        for edge in tree {
            cores.entry(of[edge.a]).or_default().tree.push(edge.clone());
        }
        // What was refused at its turn and joined later through others is one edge more.
        let (later, refused): (Vec<_>, Vec<_>) = refused.into_iter().partition(|(e, _)| of[e.a] == of[e.b]);
        for edge in spare.into_iter().chain(later.into_iter().map(|(e, _)| e)) {
            *cores.entry(of[edge.a]).or_default().more.entry(edge.kind).or_default() += 1;
        }
        for (edge, reason) in refused {
            for end in [edge.a, edge.b] {
                cores.entry(of[end]).or_default().refused.push((edge.clone(), reason));
            }
        }
        let mut cores: Vec<Core> = cores.into_values().collect();
        cores.sort_by_key(|c| c.members[0]);
        cores
    }

    /// The guard that keeps two sets apart, policy first.
    fn refusal(&self, of: &[usize], (x, y): (usize, usize), edge: &Edge, all: &[Edge]) -> Option<&'static str> {
        let of_set = |set: usize| (0..of.len()).filter(move |f| of[*f] == set);
        let tenants = |set| of_set(set).map(|f| self.findings[f].key.tenant).collect::<BTreeSet<_>>();
        if let Some(reason) = self.policy_between(&tenants(x), &tenants(y)) {
            return Some(reason);
        }
        let limits = &self.settings.limits;
        let both = || of_set(x).chain(of_set(y));
        let values: BTreeSet<&Value> = both().flat_map(|f| &self.bound[f].counted).collect();
        if both().count() > limits.findings as usize || values.len() > limits.values as usize {
            return Some("incident_size");
        }
        let first = both().map(|f| self.findings[f].first).min()?;
        let last = both().map(|f| self.findings[f].last).max()?;
        if last.seconds_since(first) > limits.span {
            return Some("incident_span");
        }
        let big = of_set(x).count().min(of_set(y).count()) >= limits.cut_findings as usize;
        if big && edge.strength.0 < limits.cut_confidence {
            let joins = |e: &Edge| [(x, y), (y, x)].contains(&(of[e.a], of[e.b]));
            if !all.iter().any(|e| e.value != edge.value && joins(e)) {
                return Some("cut_check");
            }
        }
        None
    }

    /// G10: what the strictest pair of tenants says, where that is not `merge`.
    pub fn policy_between(&self, a: &BTreeSet<TenantId>, b: &BTreeSet<TenantId>) -> Option<&'static str> {
        let pairs = a.iter().flat_map(|x| b.iter().map(|y| self.policy.between(*x, *y)));
        match pairs.min()? {
            MergePolicy::Merge => None,
            MergePolicy::Suggest => Some("policy_suggest"),
            MergePolicy::Forbid => Some("policy_forbid"),
        }
    }
}

/// True for the two of each lane before `j` that docs/adr/0004 ties it to: the nearest in order, and the one that lasted longest.
fn is_neighbour(value: &Value, entries: &[Entry], i: usize, j: usize) -> bool {
    let person = matches!(value, Value::Person(_));
    let same_lane = |k: &usize| {
        let (a, b) = (&entries[i], &entries[*k]);
        a.tenant == b.tenant && (!person || a.account == b.account)
    };
    let lane: Vec<usize> = (0..j).filter(same_lane).collect();
    let longest = lane.iter().map(|k| entries[*k].last).max();
    lane.last() == Some(&i) || lane.iter().find(|k| Some(entries[**k].last) == longest) == Some(&i)
}
