//! What analysts decided: which decisions are in force, what each finding is told, and what that does to a union.
//!
//! docs/adr/0010, table by table; every question walks the whole list.

use caponier_model::{Act, Decision, DecisionId, EventTime, FindingKey};
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

/// The order of decisions: the later holds.
pub type Order = (EventTime, DecisionId);

/// Every decision that was told, by order.
#[derive(Clone, Debug, Default)]
pub struct Decided(BTreeMap<Order, Decision>);

/// What is said of a finding, or of a set of findings.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub closures: BTreeSet<Order>,
    pub owner: Option<(Order, CompactString)>,
    pub verdict: Option<(Order, bool)>,
    pub verdicts: BTreeSet<bool>,
    /// Splits and the sides (false: these, true: those) on which it stands.
    pub sides: BTreeMap<Order, BTreeSet<bool>>,
}

impl Told {
    /// What two sets are told together.
    pub fn and(mut self, other: Self) -> Self {
        self.closures.extend(other.closures);
        self.owner = self.owner.max(other.owner);
        self.verdict = self.verdict.max(other.verdict);
        self.verdicts.extend(other.verdicts);
        for (order, sides) in other.sides {
            self.sides.entry(order).or_default().extend(sides);
        }
        self
    }

    pub fn contradicts(&self, other: &Self) -> bool {
        [false, true].iter().any(|v| self.verdicts.contains(v) && other.verdicts.contains(&!v))
    }

    pub fn disputes(&self, other: &Self) -> bool {
        matches!((&self.owner, &other.owner), (Some((_, a)), Some((_, b))) if a != b)
    }

    /// Some split later than `since` has the one on exactly one side and the other on exactly the other.
    pub fn parted(&self, other: &Self, since: Option<Order>) -> bool {
        let only = |sides: &BTreeSet<bool>| sides.first().copied().filter(|_| sides.len() == 1);
        self.sides.iter().filter(|(order, _)| since.is_none_or(|since| **order > since)).any(|(order, mine)| {
            let theirs = other.sides.get(order).and_then(only);
            only(mine).zip(theirs).is_some_and(|(mine, theirs)| mine != theirs)
        })
    }
}

impl Decided {
    pub fn take(&mut self, decision: Decision) {
        let decision = decision.canonical();
        self.0.insert((decision.at, decision.id()), decision);
    }

    /// True unless something in force takes it back.
    fn is_in_force(&self, id: DecisionId) -> bool {
        let takes = |d: &Decision| matches!(&d.act, Act::Withdraw { decision } if *decision == id);
        !self.0.iter().any(|(order, d)| takes(d) && self.is_in_force(order.1))
    }

    /// Those in force, first to last.
    pub fn in_force(&self) -> Vec<(Order, &Decision)> {
        self.0.iter().filter(|(order, _)| self.is_in_force(order.1)).map(|(order, d)| (*order, d)).collect()
    }

    /// Those in force that name a finding, first to last.
    pub fn naming(&self, key: &FindingKey) -> Vec<(Order, &Decision)> {
        self.in_force().into_iter().filter(|(_, d)| d.act.findings().contains(&key)).collect()
    }

    pub fn told(&self, key: &FindingKey) -> Told {
        let mut told = Told::default();
        for (order, decision) in self.naming(key) {
            match &decision.act {
                Act::Close { verdict, .. } => {
                    if told.closures.is_empty() {
                        told.closures.insert(order);
                    }
                    if let Some(verdict) = verdict {
                        told.verdict = Some((order, *verdict));
                    }
                }
                Act::Verdict { verdict, .. } => told.verdict = verdict.map(|v| (order, v)),
                Act::Assign { owner, .. } => told.owner = owner.clone().map(|o| (order, o)),
                Act::Split { these, those } if these.contains(key) != those.contains(key) => {
                    told.sides.insert(order, BTreeSet::from([those.contains(key)]));
                }
                _ => {}
            }
        }
        told.verdicts.extend(told.verdict.map(|(_, v)| v));
        told
    }

    /// The last pin of a finding, while what it is pinned to is held.
    pub fn pin(&self, key: &FindingKey, held: impl Fn(&FindingKey) -> bool) -> Option<(Order, FindingKey)> {
        let mut pins = self.naming(key).into_iter().filter_map(|(order, d)| match &d.act {
            Act::Pin { finding, to } if finding == key && to != key => Some((order, to.clone())),
            _ => None,
        });
        pins.next_back().filter(|(_, to)| held(to))
    }
}
