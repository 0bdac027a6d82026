//! The keys of the groups that a signal belongs to, written into memory that is used again: most signals open no window, and
//! every one of them is asked for its keys.

use super::bound::{Bound, Part};
use crate::scenario::Term;
use caponier_model::Signal;
use std::fmt::Write as _;
use std::ops::Range;

/// A signal enters at most so many groups of one scenario: one for each target of a bulk operation, up to here.
pub(super) const GROUPS_MAX: usize = 256;

/// A group is known by this: the hash of its key's text.
pub(super) type Name = u128;

/// The keys of one signal, by the list of terms that they are made of.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Values of terms, then keys, one after the other.
    text: String,
    /// Values of one list of terms, sorted within each term.
    values: Vec<Range<usize>>,
    /// Where each term's values end.
    ends: Vec<usize>,
    /// Which value of each term is next.
    turn: Vec<usize>,
    /// (list of terms, what is hashed, hash).
    keys: Vec<(u16, Range<usize>, Name)>,
    /// (list of terms, its keys, how many there would be beyond [`GROUPS_MAX`]).
    lists: Vec<(u16, Range<usize>, usize)>,
}

impl Keys {
    /// Of a signal that nothing was asked about yet.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.keys.clear();
        self.lists.clear();
    }

    /// Every group of a list of terms that a signal belongs to, and how many were cut: one for each way to choose among the values
    /// of its terms, in order.
    pub(super) fn of(&mut self, which: u16, by: &[Term], bound: &Bound, signal: &Signal) -> (Range<usize>, usize) {
        if let Some((_, keys, cut)) = self.lists.iter().find(|(list, ..)| *list == which) {
            return (keys.clone(), *cut);
        }
        let first = self.keys.len();
        let ways = self.read(by, bound, signal);
        for _ in 0..ways.min(GROUPS_MAX) {
            self.write(which);
        }
        // More than twice as many are not even counted.
        let cut = ways.min(GROUPS_MAX * 2).saturating_sub(GROUPS_MAX);
        let keys = first..self.keys.len();
        self.lists.push((which, keys.clone(), cut));
        (keys, cut)
    }

    /// One key: its hash, and its text for the reader.
    pub(super) fn at(&self, key: usize) -> (Name, &str) {
        let (_, range, name) = &self.keys[key];
        (*name, &self.text[range.clone()])
    }

    /// Reads the values of each term; in how many ways one of each can be chosen.
    fn read(&mut self, by: &[Term], bound: &Bound, signal: &Signal) -> usize {
        self.values.clear();
        self.ends.clear();
        self.turn.clear();
        let mut ways = 1_usize;
        for term in by {
            let begins = self.values.len();
            let (text, values) = (&mut self.text, &mut self.values);
            bound.each(term, signal, |parts| {
                let begin = text.len();
                for part in parts {
                    match part {
                        Part::Text(plain) => text.push_str(plain),
                        // Writing to a String cannot fail.
                        Part::Id(id) => drop(write!(text, "{id}")),
                    }
                }
                values.push(begin..text.len());
            });
            let (text, mine) = (&self.text, &mut self.values);
            mine[begins..].sort_by(|a, b| text[a.clone()].cmp(&text[b.clone()]));
            let mut last = begins;
            for at in begins..mine.len() {
                if at == begins || text[mine[at].clone()] != text[mine[last - 1].clone()] {
                    mine.swap(last, at);
                    last += 1;
                }
            }
            mine.truncate(last);
            ways = ways.saturating_mul(last - begins);
            self.ends.push(last);
            self.turn.push(begins);
        }
        ways
    }

    /// Writes the key of this turn, and goes on to the next: the last term's values change fastest.
    fn write(&mut self, which: u16) {
        let begin = self.text.len();
        for value in &self.turn {
            self.text.extend_from_within(self.values[*value].clone());
            self.text.push('\u{1f}');
        }
        let name = name(&self.text[begin..]);
        self.keys.push((which, begin..self.text.len(), name));
        for term in (0..self.turn.len()).rev() {
            let begins = if term == 0 { 0 } else { self.ends[term - 1] };
            self.turn[term] += 1;
            if self.turn[term] < self.ends[term] {
                break;
            }
            self.turn[term] = begins;
        }
    }
}

/// What a group is known by.
pub(super) fn name(key: &str) -> Name {
    xxhash_rust::xxh3::xxh3_128(key.as_bytes())
}
