//! Candidate edges by comparing every pair, how prolific a value is, and the partition: Kruskal over the whole set at once.
//!
//! scenarios.md 2.2, 2.7 and guards G2 to G8, G10. Where a value has many findings the contract (docs/adr/0004) names which pairs are
//! candidates; [`Pairs::All`] takes every pair instead, and must connect the same where no guard refuses anything.

use crate::decided::{Decided, Order, Told};
use crate::known::{Finding, Known};
use crate::values::{Bound, Counts, Rule, Value, common, is_personal, rule};
use caponier_correlate::Settings;
use caponier_model::{AccountKey, Act, DecisionId, EdgeKind, EventTime, FindingKey, MergePolicy, Policy, TenantId};
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
    /// The shared value, or the decision.
    pub why: Why,
    pub accounts: (Option<AccountKey>, Option<AccountKey>),
}

/// What makes an edge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    Shared(Value),
    Decided(DecisionId),
}

/// What a union is made by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    Closure(Order),
    Person(Order),
    Edge,
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
    pub is_closed: bool,
}

/// The world, bound: everything a question about values needs.
pub struct Set<'a> {
    pub findings: &'a [Finding],
    pub bound: &'a [Bound],
    pub settings: &'a Settings,
    pub policy: &'a Policy,
    pub decided: &'a Decided,
    pub told: Vec<Told>,
    /// Whose detector is common.
    pub common: Vec<bool>,
    pub values: BTreeMap<Value, Vec<Entry>>,
}

impl<'a> Set<'a> {
    pub fn new(known: &'a Known, bound: &'a [Bound], settings: &'a Settings, policy: &'a Policy) -> Self {
        let (findings, decided) = (&known.findings[..], &known.decided);
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
        let told = findings.iter().map(|f| decided.told(&f.key)).collect();
        let common = common(findings, bound, settings);
        Self { findings, bound, settings, policy, decided, told, common, values }
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
        let rule = self.rule(value);
        // What has no cap is no value that many may share.
        let Some(cap) = rule.cap else { return Level::Open };
        let shared = self.settings.shared_values.contains(&crate::values::shown(value).1);
        let least = if shared { Level::Attach } else { Level::Open };
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

    /// G12: so many findings of this value are before this one in its hour of the clock that it is beyond the budget.
    pub fn is_surplus(&self, value: &Value, finding: usize) -> bool {
        let Some(rate) = self.rule(value).rate else { return false };
        let before = self.values[value].iter().map(|e| e.finding).filter(|f| *f < finding);
        before.filter(|f| self.hour(*f) == self.hour(finding)).collect::<BTreeSet<_>>().len() >= rate as usize
    }

    fn hour(&self, finding: usize) -> i64 {
        self.findings[finding].first.nanos().div_euclid(3_600_000_000_000)
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
            // What common detectors say of accounts and devices joins nothing, and what is beyond a budget does not by that value.
            let joins =
                |e: &&Entry| (!is_personal(value) || !self.common[e.finding]) && !self.is_surplus(value, e.finding);
            let entries: &[Entry] = &entries.iter().filter(joins).cloned().collect::<Vec<_>>();
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
        // Two accounts of one person, a detection and an alert; one account of its own is E1.
        if a == b || by_account(value) && x.account == y.account {
            return None;
        }
        if rule.window.is_some_and(|w| gap > w) || self.level(value, a, b) != Level::Open {
            return None;
        }
        if let Value::At(who, ip) = value {
            let halves = [Value::Person(*who), Value::Weak(caponier_model::EntityKind::Ip, ip.clone())];
            let open = halves.iter().all(|half| self.level(half, a, b) == Level::Open);
            if !open || !self.common[a] && !self.common[b] {
                return None;
            }
        }
        if let Value::Movement(ip) = value
            && self.level(&Value::Weak(caponier_model::EntityKind::Ip, ip.clone()), a, b) != Level::Open
        {
            return None;
        }
        if let Value::Pair(ip, kind, text) = value {
            let halves = [Value::Weak(caponier_model::EntityKind::Ip, ip.clone()), Value::Weak(*kind, text.clone())];
            if halves.iter().any(|half| self.level(half, a, b) != Level::Open) {
                return None;
            }
        }
        let strength = match (value, x.account, y.account) {
            (Value::Person(_) | Value::At(..), Some(one), Some(other)) => {
                rule.strength.min(self.confidence(a, one)).min(self.confidence(b, other))
            }
            (Value::Tool(..), ..) if gap <= 60 => 900_000,
            _ => rule.strength,
        };
        let accounts = (x.account, y.account);
        let why = Why::Shared(value.clone());
        Some(Edge { strength: Reverse(strength), gap, kind: rule.kind, a, b, why, accounts })
    }

    /// Confidence that the account which a finding names is the person.
    pub fn confidence(&self, finding: usize, account: AccountKey) -> u32 {
        let via = self.bound[finding].accounts.get(&account).and_then(|b| b.via.as_ref());
        via.map_or(1_000_000, |link| link.confidence)
    }

    /// The partition: what people decided, then Kruskal's algorithm over the edges in canonical order.
    pub fn cores(&self, edges: &[Edge]) -> Vec<Core> {
        let mut forest =
            Forest { set: self, edges, of: (0..self.findings.len()).collect(), tree: Vec::new(), refused: Vec::new() };
        forest.decide();
        for edge in edges {
            forest.join(edge, By::Edge);
        }
        forest.cores()
    }

    /// G10: what the strictest pair of tenants says, where that is not `merge`.
    pub fn policy_between(&self, a: &BTreeSet<TenantId>, b: &BTreeSet<TenantId>) -> Option<&'static str> {
        // A pair that one of the sets holds already was allowed, or a person joined it.
        let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x, y)));
        let fresh = pairs.filter(|(x, y)| ![a, b].iter().any(|set| set.contains(x) && set.contains(y)));
        match fresh.map(|(x, y)| self.policy.between(*x, *y)).min()? {
            MergePolicy::Merge => None,
            MergePolicy::Suggest => Some("policy_suggest"),
            MergePolicy::Forbid => Some("policy_forbid"),
        }
    }
}

/// A partition in the making.
struct Forest<'a> {
    set: &'a Set<'a>,
    edges: &'a [Edge],
    /// The set of each finding, named by one of its members.
    of: Vec<usize>,
    tree: Vec<Edge>,
    refused: Vec<(Edge, &'static str)>,
}

impl Forest<'_> {
    /// Rounds one to three of docs/adr/0010: closures, pins, merges.
    fn decide(&mut self) {
        let place = |key: &FindingKey| self.set.findings.iter().position(|f| f.key == *key);
        let closures: BTreeSet<Order> = self.set.told.iter().flat_map(|t| &t.closures).copied().collect();
        let mut pins: Vec<(Order, usize, usize)> = Vec::new();
        let mut merges: Vec<(Order, usize, usize)> = Vec::new();
        for (at, finding) in self.set.findings.iter().enumerate() {
            let pin = self.set.decided.pin(&finding.key, |key| place(key).is_some());
            pins.extend(pin.and_then(|(order, to)| Some((order, at, place(&to)?))));
        }
        for (order, decision) in self.set.decided.in_force() {
            if let Act::Merge { findings } = &decision.act {
                let held: BTreeSet<usize> = findings.iter().filter_map(place).collect();
                let first = held.first().copied();
                merges.extend(held.iter().skip(1).filter_map(|at| Some((order, first?, *at))));
            }
        }
        for closure in closures {
            let members: Vec<usize> =
                (0..self.set.told.len()).filter(|f| self.set.told[*f].closures.contains(&closure)).collect();
            for edge in self.edges.iter().filter(|e| members.contains(&e.a) && members.contains(&e.b)) {
                self.join(edge, By::Closure(closure));
            }
            for member in &members[1..] {
                self.join(&self.decided(closure, members[0], *member), By::Closure(closure));
            }
        }
        pins.sort_by_key(|(order, at, _)| Reverse((*order, *at)));
        merges.sort_by_key(|(order, _, at)| (Reverse(*order), *at));
        for (order, a, b) in pins.into_iter().chain(merges) {
            self.join(&self.decided(order, a, b), By::Person(order));
        }
    }

    fn decided(&self, order: Order, a: usize, b: usize) -> Edge {
        let (a, b) = (a.min(b), a.max(b));
        Edge {
            strength: Reverse(1_000_000),
            gap: self.set.gap(a, b),
            kind: EdgeKind::Decision,
            a,
            b,
            why: Why::Decided(order.1),
            accounts: (None, None),
        }
    }

    /// Unites the sets of both ends, or writes down why not.
    fn join(&mut self, edge: &Edge, by: By) {
        let (x, y) = (self.of[edge.a], self.of[edge.b]);
        if x == y {
            return;
        }
        match self.refusal((x, y), edge, by) {
            // An edge that a closure does not take comes again at its turn.
            Some(_) if by != By::Edge && edge.kind != EdgeKind::Decision => {}
            Some(reason) => self.refused.push((edge.clone(), reason)),
            None => {
                self.tree.push(edge.clone());
                self.of.iter_mut().filter(|set| **set == y).for_each(|set| *set = x);
            }
        }
    }

    /// The first reason in the table of docs/adr/0010 that keeps two sets apart.
    fn refusal(&self, (x, y): (usize, usize), edge: &Edge, by: By) -> Option<&'static str> {
        let members = |set: usize| (0..self.of.len()).filter(|f| self.of[*f] == set).collect::<BTreeSet<_>>();
        let (one, other) = (members(x), members(y));
        if let Some(reason) = self.set.said(&one, &other, by) {
            return Some(reason);
        }
        if by != By::Edge {
            return None;
        }
        let place = |key: &FindingKey| self.set.findings.iter().any(|f| f.key == *key);
        if [edge.a, edge.b].iter().any(|f| self.set.decided.pin(&self.set.findings[*f].key, place).is_some()) {
            return Some("pinned");
        }
        if let Some(reason) = self.set.policy_of(&one, &other) {
            return Some(reason);
        }
        if self.set.told_all(&one).disputes(&self.set.told_all(&other)) {
            return Some("owner_conflict");
        }
        self.outgrown(&one, &other, edge)
    }

    /// G6, G7, G12, G8.
    fn outgrown(&self, one: &BTreeSet<usize>, other: &BTreeSet<usize>, edge: &Edge) -> Option<&'static str> {
        let (set, limits) = (self.set, &self.set.settings.limits);
        let both: BTreeSet<usize> = one | other;
        let values: BTreeSet<&Value> = both.iter().flat_map(|f| &set.bound[*f].counted).collect();
        if both.len() > limits.findings as usize || values.len() > limits.values as usize {
            return Some("incident_size");
        }
        let first = both.iter().map(|f| set.findings[*f].first).min()?;
        let last = both.iter().map(|f| set.findings[*f].last).max()?;
        if last.seconds_since(first) > limits.span {
            return Some("incident_span");
        }
        let mut hours: BTreeMap<i64, u32> = BTreeMap::new();
        for finding in &both {
            *hours.entry(set.hour(*finding)).or_default() += 1;
        }
        if hours.values().any(|n| *n > limits.incident_rate) {
            return Some("incident_rate");
        }
        let big = one.len().min(other.len()) >= limits.cut_findings as usize;
        if big && edge.strength.0 < limits.cut_confidence {
            let joins =
                |e: &Edge| one.contains(&e.a) && other.contains(&e.b) || one.contains(&e.b) && other.contains(&e.a);
            if !self.edges.iter().any(|e| e.why != edge.why && joins(e)) {
                return Some("cut_check");
            }
        }
        None
    }

    fn cores(self) -> Vec<Core> {
        let Self { set, edges, of, tree, refused } = self;
        let mut cores: BTreeMap<usize, Core> = BTreeMap::new();
        for (finding, name) in of.iter().enumerate() {
            let core = cores.entry(*name).or_default();
            core.members.push(finding);
            core.is_closed |= !set.told[finding].closures.is_empty();
        }
        let inside = |e: &Edge| of[e.a] == of[e.b];
        // What is inside and explains nothing: edges beside the tree, and decisions that came to nothing and then did.
        let later = refused.iter().map(|(e, _)| e).filter(|e| e.kind == EdgeKind::Decision);
        for edge in edges.iter().chain(later).filter(|e| inside(e) && !tree.contains(e)) {
            *cores.entry(of[edge.a]).or_default().more.entry(edge.kind).or_default() += 1;
        }
        for edge in tree {
            cores.entry(of[edge.a]).or_default().tree.push(edge);
        }
        for (edge, reason) in refused.iter().filter(|(e, _)| !inside(e)) {
            for end in [edge.a, edge.b] {
                cores.entry(of[end]).or_default().refused.push((edge.clone(), *reason));
            }
        }
        let mut cores: Vec<Core> = cores.into_values().collect();
        cores.sort_by_key(|c| c.members[0]);
        cores
    }
}

impl Set<'_> {
    /// What all members of a set are told.
    pub fn told_all(&self, members: &BTreeSet<usize>) -> Told {
        let mut told = members.iter().map(|f| self.told[*f].clone()).fold(Told::default(), Told::and);
        if !self.settings.guards.g9 {
            told.verdicts.clear();
        }
        told
    }

    /// G10 between two sets of findings.
    pub fn policy_of(&self, one: &BTreeSet<usize>, other: &BTreeSet<usize>) -> Option<&'static str> {
        let tenants = |set: &BTreeSet<usize>| set.iter().map(|f| self.findings[*f].key.tenant).collect();
        self.policy_between(&tenants(one), &tenants(other))
    }

    /// What people said against uniting two sets, and policies that nobody may pass.
    pub fn said(&self, one: &BTreeSet<usize>, other: &BTreeSet<usize>, by: By) -> Option<&'static str> {
        let (mine, theirs) = (self.told_all(one), self.told_all(other));
        let closing = matches!(by, By::Closure(_));
        if !closing && mine.closures != theirs.closures {
            return Some("closed");
        }
        if self.policy_of(one, other) == Some("policy_forbid") {
            return Some("policy_forbid");
        }
        if !closing && mine.contradicts(&theirs) {
            return Some("verdict_conflict");
        }
        let since = match by {
            By::Closure(order) | By::Person(order) => Some(order),
            By::Edge => None,
        };
        mine.parted(&theirs, since).then_some("split")
    }
}

/// Values that join only what stands under them by different accounts.
fn by_account(value: &Value) -> bool {
    matches!(value, Value::Person(_) | Value::Detection(..))
}

/// True for the two of each lane before `j` that docs/adr/0004 ties it to: the nearest in order, and the one that lasted longest.
fn is_neighbour(value: &Value, entries: &[Entry], i: usize, j: usize) -> bool {
    let person = by_account(value);
    let same_lane = |k: &usize| {
        let (a, b) = (&entries[i], &entries[*k]);
        a.tenant == b.tenant && (!person || a.account == b.account)
    };
    let lane: Vec<usize> = (0..j).filter(same_lane).collect();
    let longest = lane.iter().map(|k| entries[*k].last).max();
    lane.last() == Some(&i) || lane.iter().find(|k| Some(entries[**k].last) == longest) == Some(&i)
}
