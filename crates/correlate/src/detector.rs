//! Common detectors: what one kind of alert says of a person is worth little where it says the same of many others that week.
//!
//! A detector is a product and what it calls an alert. It is common on a day where some seven days in a row, that day among them, hold
//! more distinct victims than [`crate::Caps::detector`]: a fact of the set, by interval, as for values (G3). The victim of a finding is
//! the first person that it names (a device, where it names none): an alert that lists a hundred machines was raised once. A finding that a common detector raised about an account or a device says what ordinary life says of everybody: by that
//! alone it joins nothing. Knows findings by their places and victims, and nothing of what follows.

use crate::posting::{FindingIx, NOBODY, ValueIx};
use caponier_model::EventTime;
use compact_str::CompactString;
use hashbrown::HashTable;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::hint::black_box;

const DAY: i64 = 86_400;

/// Where a finding is counted: its detector, by its place, its day since 1970 (a time holds no more than fit) and its victim.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Slot {
    detector: u32,
    day: i32,
    /// Or [`NOBODY`].
    victim: ValueIx,
}

/// A finding of a detector: its day, its victim or [`NOBODY`], its place.
type Raised = (i32, ValueIx, FindingIx);

/// One detector's findings.
#[derive(Debug, Default)]
struct Detector {
    product: CompactString,
    title: CompactString,
    raised: BTreeSet<Raised>,
    /// How many of them each day holds, by day: what nearly every question is answered by.
    held: Vec<(i32, u32)>,
    /// The days on which it is common.
    common: BTreeSet<i32>,
}

/// All detectors that findings held name.
#[derive(Debug, Default)]
pub(crate) struct Detectors {
    places: HashTable<(u64, u32)>,
    all: Vec<Detector>,
    free: Vec<u32>,
    /// Days, by detector, whose victims changed since they were looked at, and whether some went; with repeats.
    changed: Vec<(u32, i32, bool)>,
}

impl Detectors {
    /// Fetches what counting findings of these detectors touches; they are given by their [`mark`]s.
    pub(crate) fn fetch(&self, marks: &[u64]) {
        let places = marks.iter().map(|mark| self.places.find(*mark, |(h, _)| h == mark).map(|(_, place)| *place));
        let places: Vec<Option<u32>> = places.collect();
        let rows = places.iter().filter_map(|place| self.all.get((*place)? as usize));
        let latest = |d: &Detector| d.held.last().map_or(0, |(_, count)| *count) ^ d.raised.last().map_or(0, |r| r.2);
        let glance = |d: &Detector| latest(d) ^ d.title.as_bytes().first().map_or(0, |byte| u32::from(*byte));
        black_box(rows.fold(0_u32, |seen, row| seen ^ glance(row)));
    }

    /// Counts a finding; `within` is what [`Detectors::settle`] is asked with.
    pub(crate) fn put(
        &mut self,
        finding: FindingIx,
        (product, title, mark): (&str, &str, u64),
        first: EventTime,
        victim: Option<ValueIx>,
        within: (i64, u32),
    ) -> Slot {
        let place = self.place(product, title, mark);
        let day = (first.nanos().div_euclid(DAY * 1_000_000_000)) as i32;
        let slot = Slot { detector: place, day, victim: victim.unwrap_or(NOBODY) };
        let detector = &mut self.all[place as usize];
        let new_day = detector.count(day, 1);
        // Where few findings lie around and nothing is common, one more changes nothing: whichever makes them too many is looked at.
        let small = detector.common.is_empty() && detector.is_small(day, spanned(within.0), within.1 as usize);
        if !small && (new_day || (slot.victim != NOBODY && !detector.names(day, slot.victim))) {
            self.changed.push((place, day, false));
        }
        detector.raised.insert((day, slot.victim, finding));
        slot
    }

    /// Takes a finding out again. `quiet`: it was let go, and what stays is as it was until something else changes there.
    pub(crate) fn take(&mut self, finding: FindingIx, slot: Slot, quiet: bool) {
        let Some(detector) = self.all.get_mut(slot.detector as usize) else { return };
        if !detector.raised.remove(&(slot.day, slot.victim, finding)) {
            return;
        }
        detector.count(slot.day, -1);
        if slot.victim != NOBODY && !quiet && !detector.names(slot.day, slot.victim) {
            self.changed.push((slot.detector, slot.day, true));
        }
        if !detector.holds(slot.day) {
            detector.common.remove(&slot.day);
        }
        if detector.raised.is_empty() {
            let Detector { product, title, .. } = std::mem::take(detector);
            if let Ok(place) = self.places.find_entry(mark(&product, &title), |(_, at)| *at == slot.detector) {
                place.remove();
            }
            self.changed.retain(|(detector, ..)| *detector != slot.detector);
            self.free.push(slot.detector);
        }
    }

    /// True on a day on which the detector is common.
    pub(crate) fn is_common(&self, slot: Slot) -> bool {
        self.all.get(slot.detector as usize).is_some_and(|d| d.common.contains(&slot.day))
    }

    /// What the detector calls its alerts.
    pub(crate) fn title(&self, slot: Slot) -> Option<&CompactString> {
        self.all.get(slot.detector as usize).map(|d| &d.title)
    }

    /// As a snapshot says: what was counted meanwhile may have been let go.
    pub(crate) fn adopt(&mut self, slot: Slot, common: bool) {
        self.changed.clear();
        if let Some(detector) = self.all.get_mut(slot.detector as usize) {
            detector.set(slot.day, common);
        }
    }

    /// Looks at what changed; returns the findings of days that became common or are so no more.
    pub(crate) fn settle(&mut self, span: i64, cap: u32) -> Vec<FindingIx> {
        let mut out = Vec::new();
        let days = spanned(span);
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for of_one in changed.chunk_by(|a, b| a.0 == b.0) {
            let Some(detector) = self.all.get_mut(of_one[0].0 as usize) else { continue };
            let mut around: BTreeSet<i32> = BTreeSet::new();
            for (_, day, fewer) in of_one {
                if detector.common.is_empty() && detector.is_small(*day, days, cap as usize) {
                    continue;
                }
                let (low, high) = (day.saturating_sub(days - 1), day.saturating_add(days - 1));
                // Where everything is common already, more makes it no more so.
                if *fewer || detector.days(low, high).any(|day| !detector.common.contains(&day)) {
                    around.extend(detector.days(low, high));
                }
            }
            for (day, common) in detector.judged(&around, days, cap as usize) {
                if detector.set(day, common) {
                    out.extend(detector.of_day(day).map(|(.., finding)| *finding));
                }
            }
        }
        out.sort_unstable();
        out
    }

    fn place(&mut self, product: &str, title: &str, mark: u64) -> u32 {
        let same = |(h, at): &(u64, u32)| {
            *h == mark && self.all.get(*at as usize).is_some_and(|d| d.product == *product && d.title == *title)
        };
        if let Some((_, place)) = self.places.find(mark, same) {
            return *place;
        }
        let made = Detector { product: product.into(), title: title.into(), ..Detector::default() };
        let place = match self.free.pop() {
            Some(place) => {
                self.all[place as usize] = made;
                place
            }
            None => {
                self.all.push(made);
                (self.all.len() - 1) as u32
            }
        };
        self.places.insert_unique(mark, (mark, place), |(mark, _)| *mark);
        place
    }
}

impl Detector {
    fn of_day(&self, day: i32) -> impl Iterator<Item = &Raised> {
        self.raised.range((day, 0, 0)..=(day, u32::MAX, u32::MAX))
    }

    fn holds(&self, day: i32) -> bool {
        self.held.binary_search_by_key(&day, |(day, _)| *day).is_ok()
    }

    /// Counts so many more on a day; true where it held nothing before.
    fn count(&mut self, day: i32, more: i32) -> bool {
        match self.held.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(at) => {
                self.held[at].1 = self.held[at].1.saturating_add_signed(more);
                if self.held[at].1 == 0 {
                    self.held.remove(at);
                }
                false
            }
            Err(at) => {
                self.held.insert(at, (day, more.unsigned_abs()));
                true
            }
        }
    }

    /// The days from one to another, both included, that hold something, and how much.
    fn between(&self, low: i32, high: i32) -> &[(i32, u32)] {
        let from = self.held.partition_point(|(day, _)| *day < low);
        let until = from + self.held[from..].partition_point(|(day, _)| *day <= high);
        &self.held[from..until]
    }

    fn names(&self, day: i32, victim: ValueIx) -> bool {
        self.raised.range((day, victim, 0)..=(day, victim, u32::MAX)).next().is_some()
    }

    /// The days from one to another, both included, that hold something.
    fn days(&self, low: i32, high: i32) -> impl Iterator<Item = i32> {
        self.between(low, high).iter().map(|(day, _)| *day)
    }

    /// Says whether it is common on a day; false where it was so already.
    fn set(&mut self, day: i32, common: bool) -> bool {
        if common { self.common.insert(day) } else { self.common.remove(&day) }
    }

    /// True where every window that a day could change holds few findings.
    fn is_small(&self, day: i32, days: i32, cap: usize) -> bool {
        let reach = (days - 1).saturating_mul(2);
        let (low, high) = (day.saturating_sub(reach), day.saturating_add(reach));
        self.is_few(low, high, cap)
    }

    fn is_few(&self, low: i32, high: i32, cap: usize) -> bool {
        self.between(low, high).iter().map(|(_, count)| *count as usize).sum::<usize>() <= cap
    }

    /// Which of these days are common. A window that holds too many may begin on a day that holds something.
    fn judged(&self, around: &BTreeSet<i32>, days: i32, cap: usize) -> Vec<(i32, bool)> {
        let mut known: BTreeMap<i32, bool> = BTreeMap::new();
        let mut judge = |day: &i32| {
            let mut starts: Vec<i32> = self.days(day.saturating_sub(days - 1), *day).collect();
            starts.reverse();
            starts.into_iter().any(|start| *known.entry(start).or_insert_with(|| self.is_over(start, days, cap)))
        };
        around.iter().map(|day| (*day, judge(day))).collect()
    }

    fn is_over(&self, start: i32, days: i32, cap: usize) -> bool {
        let end = start.saturating_add(days - 1);
        if self.is_few(start, end, cap) {
            return false;
        }
        let mut seen: BTreeSet<ValueIx> = BTreeSet::new();
        let mut at = Some((start, 0));
        // From victim to victim: one of them may have thousands.
        while let Some((day, victim)) = at.filter(|(day, _)| *day <= end) {
            let Some((day, victim, _)) = self.raised.range((day, victim, 0)..=(end, u32::MAX, u32::MAX)).next() else {
                return false;
            };
            if *victim == NOBODY {
                at = day.checked_add(1).map(|day| (day, 0));
                continue;
            }
            if seen.insert(*victim) && seen.len() > cap {
                return true;
            }
            at = Some((*day, victim + 1));
        }
        false
    }
}

/// How many days a window spans.
fn spanned(span: i64) -> i32 {
    i32::try_from((span / DAY).max(1)).unwrap_or(i32::MAX)
}

/// The hash under which a detector stands.
pub(crate) fn mark(product: &str, title: &str) -> u64 {
    foldhash::fast::FixedState::default().hash_one((product, title))
}
