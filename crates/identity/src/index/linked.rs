//! Which accounts have a link: a table with a sieve of a few bits an account before it. Most accounts have none, and the sieve,
//! which stays in a core's own cache, says so without a look at the table.

use super::table::Table;

/// Bits an account where the sieve is as full as it may be.
const BITS: usize = 16;

/// Slots of linked accounts by hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Linked {
    table: Table,
    /// Two bits of one word for each hash. What was removed stays marked until the sieve is made anew.
    sieve: Vec<u64>,
    /// Marks made, and how many there may be.
    marks: usize,
    room: usize,
}

impl Linked {
    /// All of `pairs` of (hash, slot).
    pub(super) fn of(pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut linked = Self { table: Table::of(pairs), ..Self::default() };
        linked.sift();
        linked
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes() + self.sieve.capacity() * size_of::<u64>()
    }

    /// The slots under a hash.
    pub(super) fn find(&self, hash: u32) -> impl Iterator<Item = u32> {
        self.may_hold(hash).then(|| self.table.find(hash)).into_iter().flatten()
    }

    /// Brings what a probe reads into the cache, if it reads more than the sieve.
    pub(super) fn touch(&self, hash: u32) -> u64 {
        if self.may_hold(hash) { self.table.touch(hash) } else { 0 }
    }

    pub(super) fn insert(&mut self, hash: u32, slot: u32) {
        self.table.insert(hash, slot);
        self.marks += 1;
        if self.marks > self.room {
            self.sift();
        } else if let Some(word) = place(hash, self.sieve.len()).and_then(|place| self.sieve.get_mut(place)) {
            *word |= bits(hash);
        }
    }

    pub(super) fn remove(&mut self, hash: u32, slot: u32) {
        self.table.remove(hash, slot);
    }

    fn may_hold(&self, hash: u32) -> bool {
        let word = place(hash, self.sieve.len()).and_then(|place| self.sieve.get(place));
        word.is_some_and(|word| word & bits(hash) == bits(hash))
    }

    /// Makes the sieve anew, with room for half as many again.
    fn sift(&mut self) {
        self.marks = self.table.len();
        self.room = self.marks + self.marks / 2 + 64;
        self.sieve = vec![0; self.room * BITS / 64];
        for hash in self.table.hashes() {
            if let Some(word) = place(hash, self.sieve.len()).and_then(|place| self.sieve.get_mut(place)) {
                *word |= bits(hash);
            }
        }
    }
}

/// The upper bits of a hash choose the word, the lowest twelve the bits in it.
fn place(hash: u32, words: usize) -> Option<usize> {
    (words > 0).then(|| ((u64::from(hash) * words as u64) >> 32) as usize)
}

const fn bits(hash: u32) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_held_is_sifted_out_and_most_of_the_rest_is() {
        let hash = |n: u32| n.wrapping_mul(0x9e37_79b1);
        let mut linked = Linked::default();
        assert_eq!(linked.find(7).count(), 0);
        (0..5000).for_each(|n| linked.insert(hash(n), n));
        (0..1000).for_each(|n| linked.remove(hash(n), n));
        assert!((1000..5000).all(|n| linked.find(hash(n)).eq([n])));
        assert!((0..1000).all(|n| linked.find(hash(n)).count() == 0));
        let through = |linked: &Linked| (5000..105_000).filter(|n| linked.may_hold(hash(*n))).count();
        assert!(through(&linked) < 5000, "{}", through(&linked));
        let again = Linked::of((1000..5000).map(|n| (hash(n), n)));
        assert!((1000..5000).all(|n| again.find(hash(n)).eq([n])));
        assert!(through(&again) < 5000, "{}", through(&again));
    }
}
