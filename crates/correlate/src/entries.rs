//! The findings of one value in order of time: one lies in place, since most values are named once; more lie in a list that gives up
//! its front without moving the rest. Knows nothing of edges.

use crate::posting::{FindingIx, ValueIx};
use caponier_model::EventTime;
use std::ops::{Deref, DerefMut};

/// One finding in a posting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub first: EventTime,
    pub last: EventTime,
    pub finding: FindingIx,
    /// The account that led to a person, or that a name or SID means: the place of its own value, or [`crate::posting::NOBODY`].
    pub account: ValueIx,
    /// The finding's tenant, by its place among those seen.
    pub tenant: u16,
    /// How many counterparts it has.
    pub parts: u16,
    /// Confidence in millionths that the account is the person; the top bits are how prolific the window is that starts here.
    pub marks: u32,
}

/// Bits of [`Entry::marks`] that are the confidence.
const STRENGTH_BITS: u32 = 24;
/// The bit that says that the finding's detector is common.
const COMMON: u32 = 1 << 31;
/// The bit that says that it is beyond the value's budget of its hour.
const SURPLUS: u32 = 1 << 30;
/// The bit that says that it came since the posting was brought up to date.
const NEW: u32 = 1 << 29;
const FLAGS: u32 = COMMON | SURPLUS | NEW;

impl Entry {
    /// `parts` is set when it is posted.
    pub(crate) fn new(
        (first, last): (EventTime, EventTime),
        finding: FindingIx,
        account: ValueIx,
        tenant: u16,
        strength: u32,
    ) -> Self {
        Self { first, last, finding, account, tenant, parts: 0, marks: strength }
    }

    /// How prolific the window is that starts here, as last counted.
    pub(crate) const fn over(&self) -> u8 {
        ((self.marks & !FLAGS) >> STRENGTH_BITS) as u8
    }

    pub(crate) const fn set_over(&mut self, over: u8) {
        self.marks = self.marks & FLAGS | self.strength() | (over as u32) << STRENGTH_BITS;
    }

    /// The same of a finding whose detector is common, or is not.
    pub(crate) const fn of_common(mut self, common: bool) -> Self {
        self.marks = if common { self.marks | COMMON } else { self.marks & !COMMON };
        self
    }

    /// True for a finding whose detector is common.
    pub(crate) const fn is_common(&self) -> bool {
        self.marks & COMMON != 0
    }

    /// True for a finding beyond the value's budget of its hour.
    pub(crate) const fn is_surplus(&self) -> bool {
        self.marks & SURPLUS != 0
    }

    /// True until the posting is brought up to date.
    pub(crate) const fn is_new(&self) -> bool {
        self.marks & NEW != 0
    }

    /// As it comes to others.
    pub(crate) const fn set_new(&mut self) {
        self.marks |= NEW;
    }

    /// It was looked at, and is beyond the budget or is not.
    pub(crate) const fn set_surplus(&mut self, surplus: bool) {
        self.marks = self.marks & !(NEW | SURPLUS) | if surplus { SURPLUS } else { 0 };
    }

    pub(crate) const fn strength(&self) -> u32 {
        self.marks & ((1 << STRENGTH_BITS) - 1)
    }
}

/// A list of entries.
#[derive(Debug, Default)]
pub(crate) enum Entries {
    #[default]
    None,
    One(Entry),
    Many(Many),
}

/// Entries from `head` on; those before it are gone.
#[derive(Debug)]
pub(crate) struct Many {
    list: Vec<Entry>,
    head: usize,
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        match self {
            Self::None => &[],
            Self::One(entry) => std::slice::from_ref(entry),
            Self::Many(many) => &many.list[many.head..],
        }
    }
}

impl DerefMut for Entries {
    fn deref_mut(&mut self) -> &mut [Entry] {
        match self {
            Self::None => &mut [],
            Self::One(entry) => std::slice::from_mut(entry),
            Self::Many(many) => &mut many.list[many.head..],
        }
    }
}

impl Entries {
    /// Puts an entry before the one that is at `at` now.
    pub(crate) fn insert(&mut self, at: usize, entry: Entry) {
        match self {
            Self::None => *self = Self::One(entry),
            Self::One(held) => {
                let list = if at == 0 { vec![entry, *held] } else { vec![*held, entry] };
                *self = Self::Many(Many { list, head: 0 });
            }
            Self::Many(many) => many.list.insert(many.head + at, entry),
        }
    }

    /// Takes an entry out; the front goes at once, whatever stands behind it.
    pub(crate) fn remove(&mut self, at: usize) -> Option<Entry> {
        let gone = *self.get(at)?;
        match self {
            Self::None | Self::One(_) => *self = Self::None,
            Self::Many(many) if at == 0 => {
                many.head += 1;
                if many.head * 2 > many.list.len() {
                    many.list.drain(..many.head);
                    many.head = 0;
                }
                if many.list.is_empty() {
                    *self = Self::None;
                }
            }
            Self::Many(many) => {
                many.list.remove(many.head + at);
            }
        }
        Some(gone)
    }
}

/// What `partition_point` says, looked for from the end: what comes is late as a rule, and a value may have been named for a year.
pub(crate) fn late(entries: &[Entry], mut before: impl FnMut(&Entry) -> bool) -> usize {
    let (mut low, mut high, mut step) = (0, entries.len(), 1);
    while high > 0 {
        let at = high.saturating_sub(step);
        if before(&entries[at]) {
            low = at + 1;
            break;
        }
        (high, step) = (at, 2 * step);
    }
    low + entries[low..high].partition_point(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_end_is_found_what_is_found_otherwise() {
        for count in 0..20 {
            let entry = |n| Entry::new((EventTime::MIN, EventTime::MIN), n, 0, 0, 0);
            let entries: Vec<Entry> = (0..count).map(entry).collect();
            for at in 0..=count {
                assert_eq!(late(&entries, |e| e.finding < at), at as usize, "{at} of {count}");
            }
        }
    }

    #[test]
    fn what_leaves_at_the_front_leaves_the_rest_in_order() {
        let entry = |n: u32| Entry::new((EventTime::MIN, EventTime::MIN), n, 0, 0, 0);
        let (mut entries, mut plain) = (Entries::default(), Vec::new());
        let steps =
            [(0, true), (0, true), (1, true), (3, true), (0, false), (2, false), (0, false), (0, false), (0, true)];
        for (n, (at, comes)) in (0u32..).zip(steps) {
            if comes {
                entries.insert(at, entry(n));
                plain.insert(at, entry(n));
            } else {
                assert_eq!(entries.remove(at), Some(plain.remove(at)));
            }
            assert_eq!(&entries[..], &plain[..], "after step {n}");
        }
        assert_eq!(entries.remove(7), None);
    }
}
