//! Budgets of values (G12): of the findings that one value has within one hour of the clock, the first so many join by it; those beyond
//! attach to what the first have joined, and join nothing by it. So a flood of alerts about one account is one incident and a number.
//!
//! Which are the first is a fact of the set: by (first, key) within the hour, whenever they came. Knows one posting.

use crate::entries::late;
use crate::posting::{Dirty, FindingIx, More, NOBODY, Posting};
use caponier_model::EventTime;

const NANOS: i64 = 3_600_000_000_000;

/// The hour of the clock (UTC) in which something began, since 1970.
pub(crate) const fn hour(at: EventTime) -> i64 {
    at.nanos().div_euclid(NANOS)
}

impl Posting {
    /// How many entries are beyond the budget of their hour.
    pub(crate) fn surplus(&self) -> u32 {
        self.more.as_ref().map_or(0, |more| more.surplus)
    }

    /// True where some entry is.
    pub(crate) fn has_surplus(&self) -> bool {
        self.surplus() > 0
    }

    /// Of the entries looked at, so many were beyond the budget, and so many are.
    fn count_surplus(&mut self, before: u32, now: u32) {
        if before != now {
            let more = self.more.get_or_insert_with(|| More::of(&self.entries));
            more.surplus = (more.surplus + now).saturating_sub(before);
        }
    }

    /// Marks what is beyond the budget in the hours that changed. Returns the first and last entry whose edges that may change, apart from
    /// those that are new: what is near an entry that was marked otherwise before.
    pub(crate) fn spend(&mut self, dirty: &Dirty) -> Option<(usize, usize)> {
        let rate = self.rule.rate? as usize;
        let (low, high) = (hour(dirty.low), hour(dirty.high));
        let begin = EventTime::from_nanos(low.saturating_mul(NANOS));
        let start = late(&self.entries, |e| e.first < begin);
        let within = self.entries.len() <= rate && !self.has_surplus();
        if within {
            // Nearly always: all are looked at, and none is beyond.
            let changed = self.entries.iter_mut().skip(start).take_while(|e| e.first <= dirty.high);
            changed.for_each(|entry| entry.set_surplus(false));
            return None;
        }
        let (mut beyond, mut before) = (0, 0);
        let mut flips: Option<(usize, usize)> = None;
        let (mut here, mut count, mut former) = (low, 0, NOBODY as FindingIx);
        for (at, entry) in self.entries.iter_mut().enumerate().skip(start) {
            let hour = hour(entry.first);
            if hour > high {
                break;
            }
            if hour != here {
                (here, count, former) = (hour, 0, NOBODY);
            }
            // A finding that stands twice, with two accounts of one person, is one.
            count += usize::from(entry.finding != former);
            former = entry.finding;
            let surplus = count > rate;
            if surplus != entry.is_surplus() && !entry.is_new() {
                flips = Some(flips.map_or((at, at), |(first, _)| (first, at)));
            }
            before += u32::from(entry.is_surplus());
            beyond += u32::from(surplus);
            entry.set_surplus(surplus);
        }
        self.count_surplus(before, beyond);
        let (first, last) = flips?;
        let reach = self.rule.window.map_or(i64::MAX, |w| w.saturating_add(self.longest));
        let (from, until) = (self.entries[first].first, self.entries[last].first);
        let low = late(&self.entries, |e| from.seconds_since(e.first) > reach);
        let high = late(&self.entries, |e| e.first.seconds_since(until) <= reach);
        Some((low.min(first), high.max(last + 1) - 1))
    }

    /// Entries within reach of the one at `at` that are within their budgets: what is beyond stands last in its hour and is leapt over,
    /// since a flood may hold many thousands of them.
    pub(crate) fn within_budget(&self, at: usize) -> impl Iterator<Item = usize> {
        let here = self.entries[at];
        let window = self.rule.window.unwrap_or(i64::MAX);
        let reach = window.saturating_add(self.longest);
        let from = late(&self.entries, |e| here.first.seconds_since(e.first) > reach);
        let until = late(&self.entries, |e| e.first.seconds_since(here.last) <= window);
        let mut next = from;
        std::iter::from_fn(move || {
            loop {
                let entry = self.entries.get(next).filter(|_| next < until)?;
                if !entry.is_surplus() {
                    next += 1;
                    return Some(next - 1);
                }
                let full = hour(entry.first);
                next += self.entries[next..].partition_point(|e| hour(e.first) <= full);
            }
        })
    }
}
