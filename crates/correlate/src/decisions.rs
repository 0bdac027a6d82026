//! The decisions held: which are in force, what each finding is told, and which findings must stand together.
//!
//! Knows findings by key and nothing of edges or guards: `partition` weighs what is gathered here. The semantics are those of
//! docs/adr/0010; everything is ordered by (time of the decision, id), never by arrival.

use crate::slab::Slab;
use caponier_model::{Act, Decision, DecisionId, EventTime, FindingKey};
use compact_str::CompactString;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// A decision's place in the slab.
pub(crate) type DecisionIx = u32;
/// The place of a decision among all: the later holds.
pub(crate) type Order = (EventTime, DecisionId);

/// On the side of `these` in a split.
pub(crate) const THESE: u8 = 1;
/// On the side of `those`.
pub(crate) const THOSE: u8 = 2;

/// What decisions say of a finding, or of a set of findings: a set of one says what its finding says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Standing {
    /// The close that froze it.
    pub closure: Option<Order>,
    /// Who works on it, as the last word says.
    pub owner: Option<(Order, CompactString)>,
    /// The last word on what it is.
    pub verdict: Option<(Order, bool)>,
    /// Every verdict of its members: bit 0 true, bit 1 false.
    pub verdicts: u8,
    /// Splits that name its members, with the sides they stand on; sorted.
    pub sides: Vec<(Order, u8)>,
}

impl Standing {
    /// What both together say.
    pub(crate) fn together(one: Option<Box<Self>>, other: Option<Box<Self>>) -> Option<Box<Self>> {
        match (one, other) {
            (Some(mut mine), Some(theirs)) => {
                mine.unite(*theirs);
                Some(mine)
            }
            (one, other) => one.or(other),
        }
    }

    fn unite(&mut self, other: Self) {
        self.closure = self.closure.max(other.closure);
        self.owner = self.owner.take().max(other.owner);
        self.verdict = self.verdict.max(other.verdict);
        self.verdicts |= other.verdicts;
        for (order, sides) in other.sides {
            match self.sides.binary_search_by(|(o, _)| o.cmp(&order)) {
                Ok(at) => self.sides[at].1 |= sides,
                Err(at) => self.sides.insert(at, (order, sides)),
            }
        }
    }

    /// True where a split later than `since` has one of the two on one side only and the other on the other side only.
    pub(crate) fn parted(&self, other: &Self, since: Option<Order>) -> bool {
        self.sides.iter().filter(|(order, _)| since.is_none_or(|since| *order > since)).any(|(order, mine)| {
            let theirs = other.sides.binary_search_by(|(o, _)| o.cmp(order)).map(|at| other.sides[at].1);
            theirs.is_ok_and(|theirs| mine | theirs == THESE | THOSE && mine & theirs == 0)
        })
    }

    /// G9: true where one holds a verdict opposite to one of the other.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        self.verdicts & (other.verdicts >> 1) & 1 != 0 || (self.verdicts >> 1) & other.verdicts & 1 != 0
    }

    /// True where both have an owner, and not the same.
    pub(crate) fn disputes(&self, other: &Self) -> bool {
        matches!((&self.owner, &other.owner), (Some((_, a)), Some((_, b))) if a != b)
    }
}

/// Findings of one blob that decisions put together, by their places in the blob.
#[derive(Debug, Default)]
pub(crate) struct Acts {
    /// Closures by order, each with its members in the blob's order.
    pub closures: Vec<(DecisionIx, Order, Vec<usize>)>,
    /// Pins, last first, then merges, last first: (decision, order, one end, other end).
    pub joins: Vec<(DecisionIx, Order, usize, usize)>,
    /// What has a pin that acts.
    pub pinned: BTreeSet<usize>,
}

/// Every decision held.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    all: Slab<Decision>,
    order: BTreeMap<Order, DecisionIx>,
    by_finding: HashMap<FindingKey, BTreeSet<Order>, foldhash::fast::FixedState>,
    /// The place of each id.
    by_id: BTreeMap<DecisionId, Order>,
    /// What takes a decision back, whether or not that is held.
    takers: BTreeMap<DecisionId, BTreeSet<Order>>,
    /// Taken back by a decision in force.
    withdrawn: BTreeSet<Order>,
}

impl Decisions {
    /// True where no decision is held: most engines, most of the time.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All that are held, first to last.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Decision> {
        self.order.values().filter_map(|ix| self.all.get(*ix))
    }

    /// How many are held.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes one in. Returns the findings that it concerns, itself or through what it takes back; `None` where it is known.
    pub(crate) fn take(&mut self, decision: Decision) -> Option<BTreeSet<FindingKey>> {
        let decision = decision.canonical();
        let order = (decision.at, decision.id());
        if self.order.contains_key(&order) {
            return None;
        }
        let mut concerned: BTreeSet<FindingKey> = decision.act.findings().into_iter().cloned().collect();
        for key in &concerned {
            self.by_finding.entry(key.clone()).or_default().insert(order);
        }
        let taken = if let Act::Withdraw { decision } = decision.act { Some(decision) } else { None };
        let ix = self.all.insert(decision);
        self.order.insert(order, ix);
        self.by_id.insert(order.1, order);
        if let Some(taken) = taken {
            self.takers.entry(taken).or_default().insert(order);
        }
        if taken.is_some() || self.takers.contains_key(&order.1) {
            let former = self.taken_back();
            let former = std::mem::replace(&mut self.withdrawn, former);
            for changed in former.symmetric_difference(&self.withdrawn) {
                concerned.extend(self.get(*changed).into_iter().flat_map(|(_, d)| d.act.findings()).cloned());
            }
        }
        Some(concerned)
    }

    /// Those taken back by something that is not taken back itself. An id is a hash of what it takes back, so there is no circle.
    fn taken_back(&self) -> BTreeSet<Order> {
        let mut out = BTreeSet::new();
        let mut waiting: BTreeMap<DecisionId, usize> = self.takers.iter().map(|(id, by)| (*id, by.len())).collect();
        let mut judged: Vec<Order> =
            self.takers.values().flatten().filter(|order| !waiting.contains_key(&order.1)).copied().collect();
        while let Some(taker) = judged.pop() {
            let Some(Act::Withdraw { decision }) = self.get(taker).map(|(_, d)| &d.act) else { continue };
            let target = self.by_id.get(decision).copied();
            if !out.contains(&taker) {
                out.extend(target);
            }
            if let Some(left) = waiting.get_mut(decision) {
                *left -= 1;
                if *left == 0 {
                    judged.extend(target);
                }
            }
        }
        out
    }

    fn get(&self, order: Order) -> Option<(DecisionIx, &Decision)> {
        let ix = *self.order.get(&order)?;
        Some((ix, self.all.get(ix)?))
    }

    /// The decision in this place.
    pub(crate) fn at(&self, ix: DecisionIx) -> Option<&Decision> {
        self.all.get(ix)
    }

    /// Those in force that name a finding, first to last.
    pub(crate) fn naming(&self, key: &FindingKey) -> impl DoubleEndedIterator<Item = (DecisionIx, Order, &Decision)> {
        let orders = self.by_finding.get(key).into_iter().flatten().filter(|o| !self.withdrawn.contains(o));
        orders.filter_map(|order| self.get(*order).map(|(ix, d)| (ix, *order, d)))
    }

    /// What a finding is told.
    pub(crate) fn standing(&self, key: &FindingKey) -> Standing {
        let mut told = Standing::default();
        for (_, order, decision) in self.naming(key) {
            match &decision.act {
                Act::Close { verdict, .. } => {
                    told.closure = told.closure.or(Some(order));
                    told.verdict = verdict.map(|v| (order, v)).or(told.verdict);
                }
                Act::Verdict { verdict, .. } => told.verdict = verdict.map(|v| (order, v)),
                Act::Assign { owner, .. } => told.owner = owner.clone().map(|o| (order, o)),
                Act::Split { these, those } => match (these.contains(key), those.contains(key)) {
                    (true, false) => told.sides.push((order, THESE)),
                    (false, true) => told.sides.push((order, THOSE)),
                    _ => {}
                },
                Act::Merge { .. } | Act::Pin { .. } | Act::Withdraw { .. } => {}
            }
        }
        told.verdicts = told.verdict.map_or(0, |(_, v)| if v { 1 } else { 2 });
        told
    }

    /// The pin that acts on a finding, and where it puts it; `held` tells whether a finding is there.
    fn pin(&self, key: &FindingKey, held: impl Fn(&FindingKey) -> bool) -> Option<(DecisionIx, Order, &FindingKey)> {
        let mut pins = self.naming(key).filter_map(|(ix, order, decision)| match &decision.act {
            Act::Pin { finding, to } if finding == key && to != key => Some((ix, order, to)),
            _ => None,
        });
        let (ix, order, to) = pins.next_back()?;
        held(to).then_some((ix, order, to))
    }

    /// Findings that decisions put beside this one: what must be looked at with it.
    pub(crate) fn beside(&self, key: &FindingKey) -> Vec<&FindingKey> {
        let mut out = Vec::new();
        for (_, _, decision) in self.naming(key) {
            if matches!(decision.act, Act::Merge { .. } | Act::Pin { .. } | Act::Close { .. }) {
                out.extend(decision.act.findings());
            }
        }
        out
    }

    /// What decisions put together in a blob whose findings have these keys, in the blob's order. A finding that they put
    /// together with one outside the blob has no business there: the blob holds all of [`Decisions::beside`].
    pub(crate) fn acts(&self, keys: &[&FindingKey]) -> Acts {
        let mut acts = Acts::default();
        let places: BTreeMap<&FindingKey, usize> = keys.iter().enumerate().map(|(at, key)| (*key, at)).collect();
        let mut closures: BTreeMap<Order, (DecisionIx, Vec<usize>)> = BTreeMap::new();
        let mut merges: BTreeMap<Order, (DecisionIx, Vec<usize>)> = BTreeMap::new();
        let mut pins: BTreeMap<(Order, usize), (DecisionIx, usize)> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            let mut closed = false;
            for (ix, order, decision) in self.naming(key) {
                let into = match decision.act {
                    Act::Close { .. } if !closed => &mut closures,
                    Act::Merge { .. } => &mut merges,
                    _ => continue,
                };
                closed |= matches!(decision.act, Act::Close { .. });
                into.entry(order).or_insert((ix, Vec::new())).1.push(at);
            }
            if let Some((ix, order, to)) = self.pin(key, |k| places.contains_key(k))
                && let Some(to) = places.get(to)
            {
                pins.insert((order, at), (ix, *to));
                acts.pinned.insert(at);
            }
        }
        acts.closures = closures.into_iter().map(|(order, (ix, members))| (ix, order, members)).collect();
        acts.joins.extend(pins.into_iter().rev().map(|((order, at), (ix, to))| (ix, order, at, to)));
        for (order, (ix, members)) in merges.into_iter().rev() {
            let (first, rest) = members.split_first().map_or((0, &[][..]), |(f, r)| (*f, r));
            acts.joins.extend(rest.iter().map(|at| (ix, order, first, *at)));
        }
        acts
    }

    /// Lets go of what was said before `horizon` of findings that are all gone, with what nothing is left to take back.
    pub(crate) fn evict(&mut self, horizon: EventTime, held: impl Fn(&FindingKey) -> bool) {
        let gone: Vec<Order> = self
            .order
            .range(..(horizon, DecisionId::from_u128(0)))
            .filter(|(_, ix)| {
                self.all.get(**ix).is_some_and(|d| match &d.act {
                    Act::Withdraw { decision } => !self.by_id.contains_key(decision),
                    act => !act.findings().into_iter().any(&held),
                })
            })
            .map(|(order, _)| *order)
            .collect();
        self.drop(gone);
    }

    /// Lets go of these, whatever they concern.
    pub(crate) fn forget(&mut self, gone: impl Fn(&Decision) -> bool) {
        let of = |ix: &DecisionIx| self.all.get(*ix).filter(|decision| gone(decision));
        let orders: Vec<Order> = self.order.iter().filter(|(_, ix)| of(ix).is_some()).map(|(o, _)| *o).collect();
        self.drop(orders);
        self.withdrawn = self.taken_back();
    }

    fn drop(&mut self, gone: Vec<Order>) {
        for order in gone {
            let Some(decision) = self.order.remove(&order).and_then(|ix| self.all.remove(ix)) else { continue };
            self.withdrawn.remove(&order);
            self.by_id.remove(&order.1);
            if let Act::Withdraw { decision: taken } = &decision.act
                && let Some(by) = self.takers.get_mut(taken)
            {
                by.remove(&order);
                if by.is_empty() {
                    self.takers.remove(taken);
                }
            }
            for key in decision.act.findings() {
                if let Some(orders) = self.by_finding.get_mut(key) {
                    orders.remove(&order);
                    if orders.is_empty() {
                        self.by_finding.remove(key);
                    }
                }
            }
        }
    }
}
