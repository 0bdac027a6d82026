//! One group of one scenario: its signals in order of time, the instances that came of them, and what is still to be waited for.
//!
//! The instances are a function of the signals, not of their arrival: a signal that comes in order is taken as it comes, one that
//! comes late or leaves makes the group read all it holds anew. An instance begins with the earliest signal of what completed it
//! and takes in what completes within the span from there; what completes later is the next instance.
//!
//! Most groups never complete anything: a group sleeps, and only lists its signals, until all are there that any instance needs.

use crate::machine::{Hit, Item, Machine, Seat};
use crate::scenario::{Absence, Presence, Scenario, Shape, holds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An instance: what came together, and when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Instance {
    /// (when, step, place), sorted, at most [`MEMBERS_MAX`].
    pub items: Vec<(i64, u16, u32)>,
    /// How often it was completed.
    pub times: u32,
    /// It takes in no more.
    pub closed: bool,
}

/// An instance names at most so many signals.
const MEMBERS_MAX: usize = 128;

/// The first signal of an instance: (when, place).
pub(crate) type First = (i64, u32);

/// What changed in a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// An instance appeared or has something else to say; what was said of it before, where that was more.
    Say(First, Option<Instance>),
    /// An instance turned out to be none.
    Withdraw(First, Instance),
}

/// What a group that sleeps has seen of what an instance needs. Signals that left may still count: waking early costs time alone.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
struct Asleep {
    /// The steps of the pattern that are there, a bit each.
    steps: u64,
    /// The one value that all of them brought.
    value: Option<i128>,
}

impl Asleep {
    /// Of a scenario whose groups may sleep: nothing of what its signals do depends on when they came, and some of them are not enough.
    fn new(scenario: &Scenario) -> Option<Self> {
        let enough = match &scenario.shape {
            Shape::Values(test) => holds(test, 0.0) || holds(test, 1.0),
            Shape::Count(test) => holds(test, 0.0),
            Shape::Ordered | Shape::Together(Presence::All) => scenario.pattern().count() < 2,
            Shape::Single | Shape::Together(_) | Shape::Number(..) => true,
        };
        let may = !enough && scenario.seen.is_empty() && scenario.baseline.is_none() && scenario.steps.len() <= 64;
        may.then(Self::default)
    }

    /// Whether an instance can be now that there is one more. `items` are all of them.
    fn wakes(&mut self, item: &Item, items: &[Item], scenario: &Scenario) -> bool {
        match &scenario.shape {
            Shape::Values(_) => match (&item.values[..], self.value) {
                ([], _) => false,
                ([value], None) => {
                    self.value = Some(*value);
                    false
                }
                ([value], Some(held)) => *value != held,
                _ => true,
            },
            Shape::Count(test) => holds(test, items.len() as f64),
            _ => {
                self.steps |= 1 << item.step;
                scenario.pattern().all(|(step, _)| self.steps >> step & 1 == 1)
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    /// The key that its signals share, for the reader.
    pub key: compact_str::CompactString,
    items: Vec<Item>,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
enum State {
    Asleep(Asleep),
    /// Apart, because few groups ever wake.
    Awake(Box<Awake>),
}

/// A group in which an instance can be.
#[derive(Debug, Serialize, Deserialize)]
struct Awake {
    /// Made anew from the signals where a snapshot is read.
    #[serde(skip)]
    machine: Machine,
    open: Option<First>,
    waiting: Vec<(i64, Hit)>,
    marks: BTreeMap<u16, Vec<i64>>,
    instances: BTreeMap<First, Instance>,
    /// What was said of each, to tell what is new.
    said: BTreeMap<First, Instance>,
    /// Everything up to here was taken.
    now: i64,
    /// Signals before this were let go: what was said of them stays said.
    kept_from: i64,
}

impl Group {
    pub(crate) fn new(scenario: &Scenario, key: compact_str::CompactString) -> Self {
        let state = Asleep::new(scenario).map_or_else(|| State::Awake(Box::new(Awake::new(scenario))), State::Asleep);
        Self { key, items: Vec::new(), state }
    }

    fn awake(&mut self) -> Option<&mut Awake> {
        if let State::Awake(awake) = &mut self.state { Some(awake) } else { None }
    }

    /// The machine as its signals leave it: what it completed is known already.
    pub(crate) fn revive(&mut self, scenario: &Scenario) {
        if let State::Awake(awake) = &mut self.state {
            awake.machine = Machine::new(scenario);
            for item in &self.items {
                awake.machine.take(item, scenario);
            }
        }
    }

    /// Every place and step it names exists.
    pub(crate) fn is_sound(&self, places: usize, steps: usize) -> bool {
        let inside = |(_, step, place): &Seat| (*place as usize) < places && usize::from(*step) < steps;
        let item = |item: &Item| inside(&(item.at, item.step, item.place));
        let awake = match &self.state {
            State::Asleep(_) => true,
            State::Awake(awake) => {
                let instances = awake.instances.values().chain(awake.said.values());
                awake.waiting.iter().all(|(_, hit)| hit.items.iter().all(inside))
                    && instances.flat_map(|i| &i.items).all(inside)
            }
        };
        self.items.iter().all(item) && awake
    }

    /// Whether no instance can be yet: nothing is due, and nothing is to be said.
    pub(crate) fn is_asleep(&self) -> bool {
        matches!(self.state, State::Asleep(_))
    }

    /// Adds a signal; `order` compares places by what the signals are, `values` reads those that were left out while nobody asked.
    pub(crate) fn add(
        &mut self,
        item: Item,
        scenario: &Scenario,
        order: &dyn Fn(u32, u32) -> std::cmp::Ordering,
        values: &dyn Fn(u32, u16) -> Vec<i128>,
    ) {
        let later = |held: &Item| {
            (held.at, held.step).cmp(&(item.at, item.step)).then_with(|| order(held.place, item.place)).is_gt()
        };
        let complete = |item: &mut Item| {
            if item.values.is_empty() {
                item.values = values(item.place, item.step);
            }
        };
        let last = self.items.last().is_none_or(|held| !later(held));
        let at = if last { self.items.len() } else { self.items.partition_point(|held| !later(held)) };
        // Most groups never hold a second signal.
        if self.items.capacity() == 0 {
            self.items.reserve_exact(1);
        }
        self.items.insert(at, item);
        match &mut self.state {
            State::Asleep(asleep) => {
                if asleep.wakes(&self.items[at], &self.items, scenario) {
                    self.items.iter_mut().for_each(complete);
                    let mut awake = Awake::new(scenario);
                    awake.again(&self.items, scenario);
                    self.state = State::Awake(Box::new(awake));
                }
            }
            State::Awake(awake) => {
                complete(&mut self.items[at]);
                let item = &self.items[at];
                if last && item.at >= awake.now {
                    awake.settle(item.at, scenario);
                    awake.take(item, scenario);
                } else {
                    awake.again(&self.items, scenario);
                }
            }
        }
    }

    /// What was said of signals before `from` stays said when they leave.
    pub(crate) fn keep_said(&mut self, from: i64) {
        if let Some(awake) = self.awake() {
            awake.kept_from = awake.kept_from.max(from);
        }
    }

    /// Takes a signal away.
    pub(crate) fn remove(&mut self, place: u32, scenario: &Scenario) {
        let before = self.items.len();
        self.items.retain(|item| item.place != place);
        if let State::Awake(awake) = &mut self.state
            && self.items.len() != before
        {
            awake.again(&self.items, scenario);
        }
    }

    /// Forgets signals before `horizon`, and instances that rest on them: they stay as they were said.
    pub(crate) fn forget(&mut self, horizon: i64) {
        let gone = self.items.partition_point(|item| item.at < horizon);
        if gone == 0 {
            return;
        }
        self.items.drain(..gone);
        let Some(awake) = self.awake() else { return };
        awake.kept_from = awake.kept_from.max(horizon);
        awake.instances.retain(|first, instance| first.0 >= horizon || !instance.closed);
        awake.said.retain(|first, _| first.0 >= horizon || awake.instances.contains_key(first));
        for marks in awake.marks.values_mut() {
            marks.retain(|at| *at >= horizon);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let idle = match &self.state {
            State::Asleep(_) => true,
            State::Awake(awake) => awake.waiting.is_empty() && awake.instances.is_empty(),
        };
        self.items.is_empty() && idle
    }

    /// The next time at which this group has something to settle without a signal.
    pub(crate) fn due(&self, scenario: &Scenario) -> Option<i64> {
        let State::Awake(awake) = &self.state else { return None };
        let waiting = awake.waiting.iter().map(|(due, _)| *due).min();
        let closing = awake.open.map(|first| first.0.saturating_add(scenario.span));
        [waiting, closing].into_iter().flatten().min()
    }

    /// Settles what is due before `now`.
    pub(crate) fn settle(&mut self, now: i64, scenario: &Scenario) {
        if let Some(awake) = self.awake() {
            awake.settle(now, scenario);
        }
    }

    /// The instance that begins with a signal.
    pub(crate) fn instance(&self, first: First) -> Option<&Instance> {
        if let State::Awake(awake) = &self.state { awake.instances.get(&first) } else { None }
    }

    /// What there is to say since the last time: of an open instance when it appears, of a closed one if it grew.
    pub(crate) fn turns(&mut self) -> Vec<Turn> {
        self.awake().map_or_else(Vec::new, Awake::turns)
    }
}

impl Awake {
    fn new(scenario: &Scenario) -> Self {
        Self {
            machine: Machine::new(scenario),
            open: None,
            waiting: Vec::new(),
            marks: BTreeMap::new(),
            instances: BTreeMap::new(),
            said: BTreeMap::new(),
            now: i64::MIN,
            kept_from: i64::MIN,
        }
    }

    /// Settles what is due before `now`.
    fn settle(&mut self, now: i64, scenario: &Scenario) {
        self.waiting.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.items.cmp(&b.1.items)));
        while let Some((due, _)) = self.waiting.first().filter(|(due, _)| *due < now) {
            let due = *due;
            let (_, hit) = self.waiting.remove(0);
            self.close(due, scenario);
            if scenario.absent.iter().all(|absence| self.is_absent(absence, &hit)) {
                self.accept(hit, scenario);
            }
        }
        self.close(now, scenario);
        self.now = self.now.max(now);
    }

    fn close(&mut self, now: i64, scenario: &Scenario) {
        if let Some(first) = self.open.filter(|first| first.0.saturating_add(scenario.span) < now) {
            if let Some(instance) = self.instances.get_mut(&first) {
                instance.closed = true;
            }
            self.open = None;
        }
    }

    fn take(&mut self, item: &Item, scenario: &Scenario) {
        self.now = self.now.max(item.at);
        if scenario.absent.iter().any(|absence| absence.mark == usize::from(item.step)) {
            self.marks.entry(item.step).or_default().push(item.at);
        }
        let Some(hit) = self.machine.take(item, scenario) else { return };
        let due =
            scenario.absent.iter().filter(|a| !a.before).filter_map(|a| Some(from(a, &hit)?.saturating_add(a.within)));
        match due.max() {
            Some(due) => self.waiting.push((due, hit)),
            None if scenario.absent.iter().all(|absence| self.is_absent(absence, &hit)) => self.accept(hit, scenario),
            None => {}
        }
    }

    fn is_absent(&self, absence: &Absence, hit: &Hit) -> bool {
        let Some(from) = from(absence, hit) else { return true };
        let marks = self.marks.get(&(absence.mark as u16)).map_or(&[][..], Vec::as_slice);
        if absence.before {
            !marks.iter().any(|at| *at < from && *at >= from.saturating_sub(absence.within))
        } else {
            !marks.iter().any(|at| *at > from && *at <= from.saturating_add(absence.within))
        }
    }

    fn accept(&mut self, hit: Hit, scenario: &Scenario) {
        let Some((at, _, place)) = hit.items.first().copied() else { return };
        let last = hit.items.last().map_or(at, |(at, ..)| *at);
        let first = self.open.filter(|first| last <= first.0.saturating_add(scenario.span));
        let first = first.unwrap_or_else(|| {
            self.close(i64::MAX, scenario);
            (at, place)
        });
        self.open = Some(first);
        let fresh = || Instance { items: Vec::new(), times: 0, closed: false };
        let instance = self.instances.entry(first).or_insert_with(fresh);
        instance.times = instance.times.saturating_add(1);
        for item in hit.items {
            // A spray of a hundred thousand completes it a hundred thousand times.
            if instance.items.len() == MEMBERS_MAX {
                break;
            }
            if let Err(place) = instance.items.binary_search(&item) {
                instance.items.insert(place, item);
            }
        }
    }

    /// Reads everything anew; instances whose first signal is forgotten stay as they are.
    fn again(&mut self, items: &[Item], scenario: &Scenario) {
        self.machine = Machine::new(scenario);
        (self.open, self.waiting) = (None, Vec::new());
        self.marks.clear();
        let kept_from = self.kept_from;
        self.instances.retain(|first, _| first.0 < kept_from);
        let now = self.now;
        self.now = i64::MIN;
        for item in items {
            self.settle(item.at, scenario);
            self.take(item, scenario);
        }
        self.settle(now, scenario);
    }

    /// What there is to say since the last time: of an open instance when it appears, of a closed one if it grew.
    fn turns(&mut self) -> Vec<Turn> {
        let mut out = Vec::new();
        let gone: Vec<First> = self.said.keys().filter(|first| !self.instances.contains_key(*first)).copied().collect();
        for first in gone {
            if let Some(instance) = self.said.remove(&first) {
                out.push(Turn::Withdraw(first, instance));
            }
        }
        for (first, instance) in &self.instances {
            let news = match self.said.get(first) {
                None => true,
                Some(said) => instance.closed && said.items != instance.items,
            };
            if news {
                let before = self.said.insert(*first, instance.clone());
                let fewer = |said: &Instance| {
                    instance.times < said.times || said.items.iter().any(|item| !instance.items.contains(item))
                };
                out.push(Turn::Say(*first, before.filter(fewer)));
            }
        }
        out
    }
}

/// When the step that an absence counts from was met: the last time.
fn from(absence: &Absence, hit: &Hit) -> Option<i64> {
    hit.items.iter().rev().find(|(_, step, _)| usize::from(*step) == absence.from).map(|(at, ..)| *at)
}
