//! A table that finds rows by a hash of what they hold. It keeps hashes and places only: the rows hold the texts, and whoever asks
//! compares. Equal hashes of unequal rows are met and told apart; they cost a look, never an answer.

use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash};

/// Places of rows by hash; a row may stand under several, and several rows under one.
#[derive(Debug, Default)]
pub(crate) struct Places {
    table: HashTable<(u32, u32)>,
}

/// The hash under which something stands: the same on every machine.
pub(crate) fn hash(value: &impl Hash) -> u32 {
    let hash = foldhash::fast::FixedState::default().hash_one(value);
    (hash ^ hash >> 32) as u32
}

/// As many bits as the table wants.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Places {
    /// The place under this hash that `same` takes for the one.
    pub(crate) fn find(&self, hash: u32, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        self.table.find(spread(hash), |(h, place)| *h == hash && same(*place)).map(|(_, place)| *place)
    }

    /// Some place under this hash: the one that is asked for, unless two rows have one hash.
    pub(crate) fn likely(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Every place under this hash, in no order.
    pub(crate) fn all(&self, hash: u32) -> impl Iterator<Item = u32> {
        self.table.iter_hash(spread(hash)).filter(move |(h, _)| *h == hash).map(|(_, place)| *place)
    }

    /// Enters a place; it may stand there already.
    pub(crate) fn insert(&mut self, hash: u32, place: u32) {
        if self.find(hash, |p| p == place).is_none() {
            self.insert_new(hash, place);
        }
    }

    /// Enters a place that does not stand there.
    pub(crate) fn insert_new(&mut self, hash: u32, place: u32) {
        self.table.insert_unique(spread(hash), (hash, place), |(hash, _)| spread(*hash));
    }

    /// Takes a place out.
    pub(crate) fn remove(&mut self, hash: u32, place: u32) {
        if let Ok(found) = self.table.find_entry(spread(hash), |at| *at == (hash, place)) {
            found.remove();
        }
    }

    /// How many stand there.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_under_one_hash_are_told_apart() {
        let mut places = Places::default();
        for place in [3, 1, 3, 2] {
            places.insert(7, place);
        }
        assert_eq!(places.len(), 3);
        assert_eq!(places.find(7, |p| p == 2), Some(2));
        assert_eq!(places.find(8, |_| true), None);
        places.remove(7, 2);
        places.remove(7, 2);
        let mut left: Vec<u32> = places.all(7).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 3]);
    }
}
