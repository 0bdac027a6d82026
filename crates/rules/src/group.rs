//! One group of one scenario: its signals in order of time, the instances that came of them, and what is still to be waited for.
//!
//! The instances are a function of the signals, not of their arrival: a signal that comes in order is taken as it comes, one that
//! comes late or leaves makes the group read all it holds anew. An instance begins with the earliest signal of what completed it
//! and takes in what completes within the span from there; what completes later is the next instance.
//!
//! Most groups never complete anything: a group sleeps, and only lists where its signals are kept, until all are there that any instance
//! needs. Asleep it holds neither its key's text nor any value, and its signals stand in the order in which they came.

use crate::machine::{Hit, Item, Machine, Seat};
use crate::scenario::{Absence, Presence, Scenario, Shape, holds};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
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

/// What a group asks of whoever keeps the signals.
pub(crate) struct Kept<'k> {
    /// The key that its signals share, for the reader.
    pub key: &'k str,
    /// What the signal that comes now brings: the values that count, whether it is new, what it must exceed.
    pub brought: (&'k [i128], bool, Option<u64>),
    /// Compares two places by what the signals are.
    pub order: &'k dyn Fn(u32, u32) -> Ordering,
    /// The values of a signal that were left out while nobody asked.
    pub values: &'k dyn Fn(u32, u16) -> Vec<i128>,
}

/// What a group that sleeps has seen of what an instance needs. Signals that left may still count: waking early costs time alone.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
struct Asleep {
    /// Its signals, as they came.
    seats: Vec<Seat>,
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

    /// Takes one more, with the values that it brings; whether an instance can be now.
    fn wakes(&mut self, seat: Seat, values: &[i128], scenario: &Scenario) -> bool {
        // Most groups never hold a second signal.
        if self.seats.capacity() == 0 {
            self.seats.reserve_exact(1);
        }
        self.seats.push(seat);
        match &scenario.shape {
            Shape::Values(_) => match (values, self.value) {
                ([], _) => false,
                ([value], None) => {
                    self.value = Some(*value);
                    false
                }
                ([value], Some(held)) => *value != held,
                _ => true,
            },
            Shape::Count(test) => holds(test, self.seats.len() as f64),
            _ => {
                self.steps |= 1 << seat.1;
                scenario.pattern().all(|(step, _)| self.steps >> step & 1 == 1)
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    /// The hash of the key that its signals share.
    pub key: u128,
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
    /// The key, for the reader.
    key: CompactString,
    /// Its signals, in order of time.
    items: Vec<Item>,
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
    /// Without signals, under a key.
    pub(crate) fn new(scenario: &Scenario, (key, text): (u128, &str)) -> Self {
        let awake = || State::Awake(Box::new(Awake::new(scenario, text)));
        Self { key, state: Asleep::new(scenario).map_or_else(awake, State::Asleep) }
    }

    /// The key for the reader; nothing while it sleeps and says nothing.
    pub(crate) fn text(&self) -> &str {
        if let State::Awake(awake) = &self.state { &awake.key } else { "" }
    }

    fn awake(&mut self) -> Option<&mut Awake> {
        if let State::Awake(awake) = &mut self.state { Some(awake) } else { None }
    }

    /// The machine as its signals leave it: what it completed is known already.
    pub(crate) fn revive(&mut self, scenario: &Scenario) {
        if let State::Awake(awake) = &mut self.state {
            awake.machine = Machine::new(scenario);
            for item in &awake.items {
                awake.machine.take(item, scenario);
            }
        }
    }

    /// Every place and step it names exists.
    pub(crate) fn is_sound(&self, places: usize, steps: usize) -> bool {
        let inside = |(_, step, place): &Seat| (*place as usize) < places && usize::from(*step) < steps;
        let item = |item: &Item| inside(&(item.at, item.step, item.place));
        match &self.state {
            State::Asleep(asleep) => asleep.seats.iter().all(inside),
            State::Awake(awake) => {
                let instances = awake.instances.values().chain(awake.said.values());
                awake.items.iter().all(item)
                    && awake.waiting.iter().all(|(_, hit)| hit.items.iter().all(inside))
                    && instances.flat_map(|i| &i.items).all(inside)
            }
        }
    }

    /// Whether no instance can be yet: nothing is due, and nothing is to be said.
    pub(crate) fn is_asleep(&self) -> bool {
        matches!(self.state, State::Asleep(_))
    }

    /// Adds a signal.
    pub(crate) fn add(&mut self, seat: Seat, scenario: &Scenario, kept: &Kept<'_>) {
        match &mut self.state {
            State::Asleep(asleep) => {
                if asleep.wakes(seat, kept.brought.0, scenario) {
                    let mut seats = std::mem::take(&mut asleep.seats);
                    seats.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| (kept.order)(a.2, b.2)));
                    let mut awake = Awake::new(scenario, kept.key);
                    let values = |place, step| (kept.values)(place, step);
                    let item = |(at, step, place)| Item {
                        at,
                        step,
                        place,
                        values: values(place, step),
                        fresh: true,
                        usual: Some(0),
                    };
                    awake.items = seats.into_iter().map(item).collect();
                    awake.again(scenario);
                    self.state = State::Awake(Box::new(awake));
                }
            }
            State::Awake(awake) => awake.add(seat, scenario, kept),
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
        match &mut self.state {
            State::Asleep(asleep) => asleep.seats.retain(|(.., held)| *held != place),
            State::Awake(awake) => {
                let before = awake.items.len();
                awake.items.retain(|item| item.place != place);
                if awake.items.len() != before {
                    awake.again(scenario);
                }
            }
        }
    }

    /// Forgets signals before `horizon`, and instances that rest on them: they stay as they were said.
    pub(crate) fn forget(&mut self, horizon: i64) {
        match &mut self.state {
            State::Asleep(asleep) => asleep.seats.retain(|(at, ..)| *at >= horizon),
            State::Awake(awake) => awake.forget(horizon),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.state {
            State::Asleep(asleep) => asleep.seats.is_empty(),
            State::Awake(awake) => awake.items.is_empty() && awake.waiting.is_empty() && awake.instances.is_empty(),
        }
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
    fn new(scenario: &Scenario, key: &str) -> Self {
        Self {
            key: key.into(),
            items: Vec::new(),
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

    fn add(&mut self, seat: Seat, scenario: &Scenario, kept: &Kept<'_>) {
        let (at, step, place) = seat;
        let (values, fresh, usual) = kept.brought;
        let values = if values.is_empty() { (kept.values)(place, step) } else { values.to_vec() };
        let item = Item { at, step, place, values, fresh, usual };
        let later = |held: &Item| {
            (held.at, held.step).cmp(&(item.at, item.step)).then_with(|| (kept.order)(held.place, item.place)).is_gt()
        };
        let last = self.items.last().is_none_or(|held| !later(held));
        if last && item.at >= self.now {
            self.settle(item.at, scenario);
            self.take(&item, scenario);
            self.items.push(item);
            return;
        }
        let at = self.items.partition_point(|held| !later(held));
        self.items.insert(at, item);
        self.again(scenario);
    }

    fn forget(&mut self, horizon: i64) {
        let gone = self.items.partition_point(|item| item.at < horizon);
        if gone == 0 {
            return;
        }
        self.items.drain(..gone);
        self.kept_from = self.kept_from.max(horizon);
        self.instances.retain(|first, instance| first.0 >= horizon || !instance.closed);
        self.said.retain(|first, _| first.0 >= horizon || self.instances.contains_key(first));
        for marks in self.marks.values_mut() {
            marks.retain(|at| *at >= horizon);
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
    fn again(&mut self, scenario: &Scenario) {
        self.machine = Machine::new(scenario);
        (self.open, self.waiting) = (None, Vec::new());
        self.marks.clear();
        let kept_from = self.kept_from;
        self.instances.retain(|first, _| first.0 < kept_from);
        let now = self.now;
        self.now = i64::MIN;
        let items = std::mem::take(&mut self.items);
        for item in &items {
            self.settle(item.at, scenario);
            self.take(item, scenario);
        }
        self.items = items;
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
