//! Common detectors: what one kind of alert says of a person is worth little where it says the same of many others that week.
//!
//! A detector is a product and what it calls an alert. It is common on a day where some seven days in a row, that day among them, hold
//! more distinct victims than [`crate::Caps::detector`]: a fact of the set, by interval, as for values (G3). The victim of a finding is
//! the first person that it names (a device, where it names none): an alert that lists a hundred machines was raised once. A finding that a common detector raised about an account or a device says what ordinary life says of everybody: by that
//! alone it joins nothing. Knows findings by their places and victims, and nothing of what follows.

use crate::posting::{FindingIx, NOBODY, ValueIx};
use caponier_model::EventTime;
use compact_str::CompactString;
use hashbrown::{HashMap, HashSet, HashTable};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

type Hasher = foldhash::fast::FixedState;

const DAY: i64 = 86_400;

/// Where a finding is counted: its detector, by its place, its day since 1970 (a time holds no more than fit) and its victim.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Slot {
    detector: u32,
    day: i32,
    /// Or [`NOBODY`].
    victim: ValueIx,
}

/// One detector's findings.
#[derive(Debug, Default)]
struct Detector {
    product: CompactString,
    title: CompactString,
    days: BTreeMap<i32, Day>,
    /// Days on which each victim appears: while these are few, nothing is common.
    victims: HashMap<ValueIx, u32, Hasher>,
}

#[derive(Debug, Default)]
struct Day {
    findings: HashSet<FindingIx, Hasher>,
    /// Findings of each victim.
    victims: HashMap<ValueIx, u32, Hasher>,
    common: bool,
}

/// All detectors that findings held name.
#[derive(Debug, Default)]
pub(crate) struct Detectors {
    places: HashTable<(u64, u32)>,
    all: Vec<Detector>,
    free: Vec<u32>,
    /// Days, by detector, whose victims changed since they were looked at, and whether some went.
    changed: BTreeMap<(u32, i32), bool>,
}

impl Detectors {
    /// Counts a finding.
    pub(crate) fn put(
        &mut self,
        finding: FindingIx,
        (product, title): (&CompactString, &CompactString),
        first: EventTime,
        victim: Option<ValueIx>,
    ) -> Slot {
        let detector = self.place(product, title);
        let slot = Slot {
            detector,
            day: (first.nanos().div_euclid(DAY * 1_000_000_000)) as i32,
            victim: victim.unwrap_or(NOBODY),
        };
        let detector = &mut self.all[detector as usize];
        let fresh = !detector.days.contains_key(&slot.day);
        let day = detector.days.entry(slot.day).or_default();
        day.findings.insert(finding);
        let first_of = victim.is_some_and(|victim| {
            let count = day.victims.entry(victim).or_insert(0);
            *count += 1;
            if *count == 1 {
                *detector.victims.entry(victim).or_insert(0) += 1;
            }
            *count == 1
        });
        if fresh || first_of {
            self.changed.entry((slot.detector, slot.day)).or_insert(false);
        }
        slot
    }

    /// Takes a finding out again. `quiet`: it was let go, and what stays is as it was until something else changes there.
    pub(crate) fn take(&mut self, finding: FindingIx, slot: Slot, quiet: bool) {
        let Some(detector) = self.all.get_mut(slot.detector as usize) else { return };
        let Some(day) = detector.days.get_mut(&slot.day) else { return };
        day.findings.remove(&finding);
        if slot.victim != NOBODY && less(&mut day.victims, slot.victim) {
            less(&mut detector.victims, slot.victim);
            if !quiet {
                self.changed.insert((slot.detector, slot.day), true);
            }
        }
        if day.findings.is_empty() {
            detector.days.remove(&slot.day);
        }
        if detector.days.is_empty() {
            let Detector { product, title, .. } = std::mem::take(detector);
            if let Ok(place) = self.places.find_entry(hash(&product, &title), |(_, at)| *at == slot.detector) {
                place.remove();
            }
            self.changed.retain(|(detector, _), _| *detector != slot.detector);
            self.free.push(slot.detector);
        }
    }

    /// True on a day on which the detector is common.
    pub(crate) fn is_common(&self, slot: Slot) -> bool {
        self.all.get(slot.detector as usize).and_then(|d| d.days.get(&slot.day)).is_some_and(|day| day.common)
    }

    /// What the detector calls its alerts.
    pub(crate) fn title(&self, slot: Slot) -> Option<&CompactString> {
        self.all.get(slot.detector as usize).map(|d| &d.title)
    }

    /// As a snapshot says: what was counted meanwhile may have been let go.
    pub(crate) fn adopt(&mut self, slot: Slot, common: bool) {
        self.changed.clear();
        if let Some(day) = self.all.get_mut(slot.detector as usize).and_then(|d| d.days.get_mut(&slot.day)) {
            day.common = common;
        }
    }

    /// Looks at what changed; returns the findings of days that became common or are so no more.
    pub(crate) fn settle(&mut self, span: i64, cap: u32) -> Vec<FindingIx> {
        let mut out = Vec::new();
        let days = i32::try_from((span / DAY).max(1)).unwrap_or(i32::MAX);
        let changed = std::mem::take(&mut self.changed);
        let changed: Vec<((u32, i32), bool)> = changed.into_iter().collect();
        for of_one in changed.chunk_by(|((a, _), _), ((b, _), _)| a == b) {
            let Some(detector) = self.all.get_mut(of_one[0].0.0 as usize) else { continue };
            let mut around: BTreeSet<i32> = BTreeSet::new();
            for ((_, day), fewer) in of_one {
                let (low, high) = (day.saturating_sub(days - 1), day.saturating_add(days - 1));
                // Where everything is common already, more makes it no more so.
                if *fewer || detector.days.range(low..=high).any(|(_, day)| !day.common) {
                    around.extend(detector.days.range(low..=high).map(|(day, _)| *day));
                }
            }
            for (day, common) in detector.judged(&around, days, cap as usize) {
                if let Some(day) = detector.days.get_mut(&day).filter(|day| day.common != common) {
                    day.common = common;
                    out.extend(&day.findings);
                }
            }
        }
        out.sort_unstable();
        out
    }

    fn place(&mut self, product: &CompactString, title: &CompactString) -> u32 {
        let hash = hash(product, title);
        let same = |(h, at): &(u64, u32)| {
            *h == hash && self.all.get(*at as usize).is_some_and(|d| d.product == *product && d.title == *title)
        };
        if let Some((_, place)) = self.places.find(hash, same) {
            return *place;
        }
        let made = Detector { product: product.clone(), title: title.clone(), ..Detector::default() };
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
        self.places.insert_unique(hash, (hash, place), |(hash, _)| *hash);
        place
    }
}

impl Detector {
    /// Which of these days are common. A window that holds too many may begin on a day that holds something.
    fn judged(&self, around: &BTreeSet<i32>, days: i32, cap: usize) -> Vec<(i32, bool)> {
        if self.victims.len() <= cap {
            return around.iter().map(|day| (*day, false)).collect();
        }
        let mut known: BTreeMap<i32, bool> = BTreeMap::new();
        let mut judge = |day: &i32| {
            let starts = self.days.range(day.saturating_sub(days - 1)..=*day).map(|(start, _)| *start);
            starts.rev().any(|start| *known.entry(start).or_insert_with(|| self.is_over(start, days, cap)))
        };
        around.iter().map(|day| (*day, judge(day))).collect()
    }

    fn is_over(&self, start: i32, days: i32, cap: usize) -> bool {
        let mut seen: BTreeSet<ValueIx> = BTreeSet::new();
        let inside = self.days.range(start..=start.saturating_add(days - 1));
        inside.flat_map(|(_, day)| day.victims.keys()).any(|victim| seen.insert(*victim) && seen.len() > cap)
    }
}

fn hash(product: &str, title: &str) -> u64 {
    foldhash::fast::FixedState::default().hash_one((product, title))
}

/// Counts one less; true where none is left.
fn less(counts: &mut HashMap<ValueIx, u32, Hasher>, victim: ValueIx) -> bool {
    let Some(count) = counts.get_mut(&victim) else { return false };
    *count -= 1;
    let gone = *count == 0;
    if gone {
        counts.remove(&victim);
    }
    gone
}
