//! A hash table of 32-bit hashes to 32-bit numbers in one flat array; what the numbers mean, and whether a hit is the one
//! that was meant, its owner knows.
//!
//! Entries stand sorted by hash, each in or soon after the group of eight that its hash scales to: a probe reads one cache line
//! (sometimes the next), any capacity will do, and growth is one pass in order without hashing anything again. 8 bytes an entry, at most
//! 80 % full, a quarter more room at each growth: 10 to 12.5 bytes an entry.

/// No entry: greater than every entry, so that a scan in order stops there.
const EMPTY: u64 = u64::MAX;
/// Entries of a group, which a probe looks at together: a cache line of them. Few stand behind their group.
const GROUP: usize = 8;
/// The smallest number of places.
const LEAST: usize = 16;

/// The table. Numbers are below `u32::MAX`.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// The hash in the upper half, the number in the lower. The last places spill over the end of `room`.
    entries: Vec<u64>,
    /// Places that hashes scale to.
    room: usize,
    /// Where the first group begins: at the first line of the buffer, which need not be its first byte.
    start: usize,
    len: usize,
}

const fn entry(hash: u32, number: u32) -> u64 {
    (hash as u64) << 32 | number as u64
}

const fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

impl Table {
    /// A table of all `pairs` of (hash, number), each once, 80 % full.
    pub(super) fn of(pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut entries: Vec<u64> = pairs.map(|(hash, number)| entry(hash, number)).collect();
        entries.sort_unstable();
        entries.dedup();
        let len = entries.len();
        let mut table = Self { entries, room: 0, start: 0, len };
        table.resize(len + len / 4 + LEAST);
        table
    }

    /// How many entries it holds.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes it occupies.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<u64>()
    }

    /// Every hash, in order.
    pub(super) fn hashes(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().filter(|e| **e != EMPTY).map(|e| hash_of(*e))
    }

    /// The entry where a probe for `hash` begins; reading it brings the line into the cache.
    pub(super) fn touch(&self, hash: u32) -> u64 {
        self.entries.get(self.place(hash)).copied().unwrap_or(EMPTY)
    }

    /// Where the least entry under a hash stands, as far as its group tells; to be read when the group is in the cache.
    pub(super) fn near(&self, hash: u32) -> usize {
        let (place, least) = (self.place(hash), entry(hash, 0));
        let window = self.entries.get(place..).and_then(<[u64]>::first_chunk::<GROUP>);
        place + window.map_or(0, |window| window.iter().filter(|e| **e < least).count())
    }

    /// The entry at a place; reading it brings the line behind a group into the cache.
    pub(super) fn at(&self, place: usize) -> u64 {
        self.entries.get(place).copied().unwrap_or(EMPTY)
    }

    /// The least number under a hash, from the place that [`Table::near`] told.
    pub(super) fn first_from(&self, place: usize, hash: u32) -> Option<u32> {
        let e = self.at(place);
        if e < entry(hash, 0) {
            return self.first_behind(hash);
        }
        (hash_of(e) == hash && e != EMPTY).then_some(e as u32)
    }

    /// The least number under a hash. Where it stands is counted, not searched: a loop that ends now here, now there, would keep a
    /// core from going on to the next probe while this one's line is on its way.
    pub(super) fn first(&self, hash: u32) -> Option<u32> {
        let place = self.place(hash);
        let least = entry(hash, 0);
        let window = self.entries.get(place..).and_then(<[u64]>::first_chunk::<GROUP>);
        let smaller = window.map_or(GROUP, |window| window.iter().filter(|e| **e < least).count());
        let at = window.and_then(|window| window.get(smaller));
        match at {
            Some(e) => (hash_of(*e) == hash && *e != EMPTY).then_some(*e as u32),
            None => self.first_behind(hash),
        }
    }

    /// The same where it stands behind its group.
    #[inline(never)]
    fn first_behind(&self, hash: u32) -> Option<u32> {
        self.find(hash).next()
    }

    /// The numbers under a hash, ascending.
    pub(super) fn find(&self, hash: u32) -> impl Iterator<Item = u32> {
        let from = self.entries.get(self.place(hash)..).unwrap_or_default();
        from.iter()
            .skip_while(move |e| hash_of(**e) < hash)
            .take_while(move |e| hash_of(**e) == hash && **e != EMPTY)
            .map(|e| *e as u32)
    }

    /// Adds an entry, unless it is there.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        if (self.len + 1) * 5 > self.room * 4 {
            self.resize(self.room + self.room / 4 + LEAST);
        }
        let new = entry(hash, number);
        let mut at = self.place(hash);
        while self.entries.get(at).is_some_and(|e| *e < new) {
            at += 1;
        }
        if self.entries.get(at) == Some(&new) {
            return;
        }
        let free = self.entries.iter().skip(at).position(|e| *e == EMPTY).map(|more| at + more);
        let free = free.unwrap_or_else(|| {
            self.entries.push(EMPTY);
            self.entries.len() - 1
        });
        self.entries.copy_within(at..free, at + 1);
        if let Some(place) = self.entries.get_mut(at) {
            *place = new;
            self.len += 1;
        }
    }

    /// Takes an entry out, if it is there.
    pub(super) fn remove(&mut self, hash: u32, number: u32) {
        let old = entry(hash, number);
        let mut at = self.place(hash);
        while self.entries.get(at).is_some_and(|e| *e < old) {
            at += 1;
        }
        if self.entries.get(at) != Some(&old) {
            return;
        }
        // What was pushed on by its neighbours moves back, so that nothing marks where entries were.
        let pushed = |(i, e): (usize, &u64)| *e != EMPTY && self.place(hash_of(*e)) < i;
        let end = (at + 1..).zip(self.entries.iter().skip(at + 1)).position(|pair| !pushed(pair));
        let end = end.map_or(self.entries.len(), |more| at + 1 + more);
        self.entries.copy_within(at + 1..end, at);
        if let Some(last) = self.entries.get_mut(end - 1) {
            *last = EMPTY;
            self.len -= 1;
        }
        if self.room > 2 * LEAST && self.len * 5 < self.room * 2 {
            self.resize(self.len + self.len / 2 + LEAST);
        }
    }

    fn place(&self, hash: u32) -> usize {
        self.start + ((u64::from(hash) * (self.room / GROUP) as u64) >> 32) as usize * GROUP
    }

    fn resize(&mut self, room: usize) {
        let old = std::mem::take(&mut self.entries);
        let room = room.next_multiple_of(GROUP);
        self.room = room;
        // Long spills at the very end are rare; a push makes room for them.
        let mut entries: Vec<u64> = Vec::with_capacity(room + LEAST + GROUP);
        self.start = entries.as_ptr().align_offset(GROUP * size_of::<u64>()).min(GROUP);
        for e in old.into_iter().filter(|e| *e != EMPTY) {
            let place = self.place(hash_of(e));
            if place > entries.len() {
                entries.resize(place, EMPTY);
            }
            entries.push(e);
        }
        entries.resize(entries.len().max(self.start + room) + 1, EMPTY);
        self.entries = entries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn it_holds_what_a_set_holds() {
        // Few distinct hashes, most of them at the ends: long runs, equal hashes and spills over the end.
        let mut seed = 3_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut table = Table::default();
        let mut model = BTreeSet::new();
        for round in 0..20_000 {
            let hash = match next(3) {
                0 => u32::MAX - next(4) as u32,
                1 => next(4) as u32,
                _ => (next(1 << 16) as u32) << 16,
            };
            let number = next(50) as u32;
            if next(10) < if round / 4000 % 2 == 0 { 7 } else { 3 } {
                table.insert(hash, number);
                model.insert((hash, number));
            } else {
                table.remove(hash, number);
                model.remove(&(hash, number));
            }
            let wanted = model.range((hash, 0)..=(hash, u32::MAX)).map(|(_, n)| *n);
            assert!(table.find(hash).eq(wanted), "round {round}");
            assert_eq!(table.first(hash), table.find(hash).next(), "round {round}");
            assert_eq!(table.len(), model.len());
        }
        let rebuilt = Table::of(model.iter().rev().copied());
        for (hash, _) in &model {
            assert!(rebuilt.find(*hash).eq(table.find(*hash)));
        }
        assert_eq!(Table::default().find(7).count(), 0);
    }
}
