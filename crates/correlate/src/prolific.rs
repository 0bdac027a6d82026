//! Prolific values (G2, G3): distinct counterparts in the windows of one posting, kept as findings come and not counted anew.
//!
//! A window starts at each entry and spans so many seconds forward. While entries come at the end, the windows that are still
//! open are nested, so their counts fall from the oldest start to the youngest: a new counterpart raises those since it was last
//! seen, and no count is raised beyond twice the cap and one. An entry that comes in between has the windows around it counted anew.

use crate::entries::{Entry, late};
use crate::posting::{Dirty, ValueIx};
use caponier_model::{EntityKind, EventTime, TenantId};
use compact_str::CompactString;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// A value that came above its cap (G2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crossed {
    /// What the value is, where it is one thing that a reader knows.
    pub kind: EntityKind,
    /// The value.
    pub value: CompactString,
    /// The tenant in which it means something; where it means the same in all, that of the first finding.
    pub tenant: TenantId,
    /// How many distinct counterparts are too many.
    pub cap: u32,
    /// When the first window of too many began.
    pub first: EventTime,
    /// When the last finding in it began, as far as was known.
    pub last: EventTime,
}

/// Starts from `first` to `last`, both included, whose windows hold too many; counted from the first entry ever held.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: usize,
    last: usize,
}

/// The counts of one posting.
#[derive(Debug, Default)]
pub(crate) struct Prolific {
    /// Entries that left at the front: places in `runs` and `seen` count from there.
    base: usize,
    /// Distinct counterparts in the window that starts at each entry, at most twice the cap and one.
    counts: VecDeque<u32>,
    /// Starts above the cap, and above twice the cap.
    over: [Vec<Run>; 2],
    /// Where each counterpart was seen last.
    seen: HashMap<ValueIx, usize, foldhash::fast::FixedState>,
    /// Size at which `seen` is swept.
    sweep: usize,
    /// The latest instant that was ever counted.
    high: EventTime,
    /// That some window holds too many was told.
    told: bool,
}

/// What is counted, and against what.
pub(crate) struct Measure<F> {
    /// Seconds that a window spans.
    pub span: i64,
    /// Counterparts above which the value is prolific.
    pub cap: u32,
    /// The counterparts of an entry, each once.
    pub parts: F,
}

impl Prolific {
    /// Takes in what changed; returns the first and last entry between which an edge may have changed its level.
    pub(crate) fn update<'a, F: Fn(&Entry) -> &'a [ValueIx]>(
        &mut self,
        entries: &mut [Entry],
        dirty: &Dirty,
        measure: &Measure<F>,
    ) -> Option<(usize, usize)> {
        let appended = dirty.from == self.counts.len() && entries.get(dirty.from).is_none_or(|e| e.first >= self.high);
        // What is counted for the first time is counted whole, whichever of it was noted.
        let whole = entries.last().filter(|_| self.counts.is_empty()).map(|e| e.first);
        self.high = self.high.max(dirty.high).max(whole.unwrap_or(EventTime::MIN));
        if appended {
            let from = self.count(entries, dirty.from, 0, measure)?;
            for (at, entry) in entries.iter_mut().enumerate().skip(from) {
                entry.set_over(self.marks(at));
            }
            return Some((from, entries.len() - 1));
        }
        let start = if self.counts.is_empty() {
            0
        } else {
            late(entries, |e| dirty.low.seconds_since(e.first) > measure.span).min(dirty.from)
        };
        self.forget_from(start, entries, measure);
        self.count(entries, start, start, measure);
        let changed = |at: &usize| entries[*at].over() != self.marks(*at);
        let (mut low, mut high) = ((start..entries.len()).find(changed), (start..entries.len()).rfind(changed));
        for (at, entry) in entries.iter_mut().enumerate().skip(start) {
            entry.set_over(self.marks(at));
        }
        if dirty.was_over {
            // A window that is gone reached this far.
            let reach = late(entries, |e| e.first <= dirty.high);
            low = Some(low.map_or(dirty.from, |l| l.min(dirty.from)));
            high = Some(high.unwrap_or(0).max(reach));
        }
        let (low, high) = low.zip(high)?;
        let until = entries.get(high.min(entries.len().saturating_sub(1)))?.first.max(dirty.high);
        let end = late(entries, |e| e.first.seconds_since(until) <= measure.span);
        (low < end).then(|| (low, end - 1))
    }

    /// How far an edge between two entries is above the caps: 0, 1 above the cap, 2 above twice the cap.
    pub(crate) fn level(&self, entries: &[Entry], (i, j): (usize, usize), span: i64) -> u8 {
        let over = |runs: &[Run]| {
            let at = runs.partition_point(|r| r.first <= self.base + i);
            let start = at.checked_sub(1).map(|at| runs[at].last.min(self.base + i));
            let start = start.and_then(|s| s.checked_sub(self.base));
            start.is_some_and(|k| entries[j].first.seconds_since(entries[k].first) <= span)
        };
        if over(&self.over[1]) { 2 } else { u8::from(over(&self.over[0])) }
    }

    /// The latest instant that was ever counted.
    pub(crate) const fn high(&self) -> EventTime {
        self.high
    }

    /// Goes on from where a snapshot was taken.
    pub(crate) const fn set_high(&mut self, high: EventTime) {
        self.high = high;
    }

    /// True while no window holds too many.
    pub(crate) fn is_quiet(&self) -> bool {
        self.over[0].last().is_none_or(|run| run.last < self.base)
    }

    /// True the first time that it is asked while some window holds too many.
    pub(crate) fn is_news(&mut self) -> bool {
        !self.is_quiet() && !std::mem::replace(&mut self.told, true)
    }

    /// The first entry was let go.
    pub(crate) fn pop_front(&mut self) {
        if self.counts.pop_front().is_some() {
            self.base += 1;
        }
        for runs in &mut self.over {
            let gone = runs.partition_point(|r| r.last < self.base);
            if gone > 0 {
                runs.drain(..gone);
            }
        }
    }

    fn marks(&self, at: usize) -> u8 {
        let place = self.base + at;
        let over = |runs: &[Run]| {
            let at = runs.partition_point(|r| r.first <= place);
            u8::from(at > 0 && runs[at - 1].last >= place)
        };
        over(&self.over[0]) | over(&self.over[1]) << 1
    }

    /// Forgets every start from this entry on, and remembers what was seen before it.
    fn forget_from<'a, F: Fn(&Entry) -> &'a [ValueIx]>(
        &mut self,
        start: usize,
        entries: &[Entry],
        measure: &Measure<F>,
    ) {
        self.counts.truncate(start);
        let place = self.base + start;
        for runs in &mut self.over {
            runs.truncate(runs.partition_point(|r| r.first < place));
            if let Some(run) = runs.last_mut() {
                run.last = run.last.min(place.saturating_sub(1));
            }
        }
        self.seen.clear();
        let Some(first) = entries.get(start).map(|e| e.first) else { return };
        let begin = late(entries, |e| first.seconds_since(e.first) > measure.span);
        for (at, entry) in entries.iter().enumerate().take(start).skip(begin) {
            for part in (measure.parts)(entry) {
                self.seen.insert(*part, self.base + at);
            }
        }
    }

    /// Counts the entries from `start` on; windows that start before `floor` hold them already. Returns the first start that
    /// came above a cap.
    fn count<'a, F: Fn(&Entry) -> &'a [ValueIx]>(
        &mut self,
        entries: &[Entry],
        start: usize,
        floor: usize,
        measure: &Measure<F>,
    ) -> Option<usize> {
        let limit = measure.cap.saturating_mul(2).saturating_add(1);
        let first = entries.get(start)?.first;
        let mut open = late(entries, |e| first.seconds_since(e.first) > measure.span);
        let mut changed: Option<usize> = None;
        for at in start..entries.len() {
            while entries[at].first.seconds_since(entries[open].first) > measure.span {
                open += 1;
            }
            let low = open.max(floor);
            self.counts.push_back(0);
            for part in (measure.parts)(&entries[at]) {
                let seen = self.seen.insert(*part, self.base + at);
                let since = seen.map_or(0, |place| (place + 1).saturating_sub(self.base)).max(low);
                for k in (since..=at).rev() {
                    if self.counts[k] >= limit {
                        break;
                    }
                    self.counts[k] += 1;
                }
            }
            for (which, cap) in [measure.cap, measure.cap.saturating_mul(2)].into_iter().enumerate() {
                if self.counts[low] > cap
                    && let Some(from) = self.extend(which, low, at, cap)
                {
                    changed = Some(changed.map_or(from, |c| c.min(from)));
                }
            }
            if self.seen.len() > self.sweep {
                let open = self.base + open;
                self.seen.retain(|_, place| *place >= open);
                self.sweep = 2 * self.seen.len() + 64;
            }
        }
        changed
    }

    /// Notes the starts above a cap among the open ones, of which the first is above it; returns the first that was not noted.
    fn extend(&mut self, which: usize, low: usize, at: usize, cap: u32) -> Option<usize> {
        let (mut good, mut bad) = (low, at + 1);
        while bad - good > 1 {
            let middle = good.midpoint(bad);
            if self.counts[middle] > cap { good = middle } else { bad = middle }
        }
        let (first, last) = (self.base + low, self.base + good);
        match self.over[which].last_mut() {
            Some(run) if run.last + 1 >= first => {
                let from = run.last + 1;
                if last < from {
                    return None;
                }
                run.last = last;
                Some(from - self.base)
            }
            _ => {
                self.over[which].push(Run { first, last });
                Some(low)
            }
        }
    }
}
