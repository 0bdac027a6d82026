//! Sorting more than fits into memory: (key, value) pairs of bytes, by key, then value. The result is a function of the set
//! of pairs: neither the order they came in, nor the budget, nor the number of sorters shows.

use crate::Limits;
use crate::runs::{Entry, Merge, Runs, Source};
use std::io::{self, Read, Write};

/// Sorts pairs within a budget of memory, spilling sorted runs to temporary files.
pub struct Sorter {
    arena: Arena,
    /// Full arenas of merged sorters that never had to spill.
    others: Vec<Arena>,
    runs: Runs,
    budget: usize,
    pairs: u64,
}

/// The pairs of a [`Sorter`] in order. After an error it ends.
pub struct Sorted {
    merge: Option<Merge<'static, Pair>>,
}

type Pair = (Vec<u8>, Vec<u8>);

impl Sorter {
    /// Empty; `limits.sort_bytes` is its budget, `limits.temp_dir` the place of its runs.
    pub fn new(limits: &Limits) -> Self {
        let runs = Runs::new(limits.temp_dir.clone());
        Self { arena: Arena::default(), others: Vec::new(), runs, budget: limits.sort_bytes, pairs: 0 }
    }

    /// Adds a pair.
    ///
    /// # Errors
    /// Spilling fails; or a key or value has 4 GiB or more.
    pub fn push(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> io::Result<()> {
        let (key, value) = (key.as_ref(), value.as_ref());
        if self.arena.size() > 0 && self.arena.size() + Arena::size_of(key, value) > self.budget {
            let arena = std::mem::take(&mut self.arena).sorted();
            self.runs.add::<Pair>(|out| arena.iter().try_for_each(|(k, v)| write_pair(k, v, out)))?;
            self.arena = arena.emptied();
        }
        self.pairs += 1;
        self.arena.push(key, value)
    }

    /// The number of pairs pushed.
    pub fn len(&self) -> u64 {
        self.pairs
    }

    /// True where nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.pairs == 0
    }

    /// Several sorters as one: of several threads, for instance. Nothing is moved; each keeps its budget's worth of memory.
    #[must_use]
    pub fn merge(sorters: Vec<Self>) -> Self {
        let mut sorters = sorters.into_iter();
        let Some(mut first) = sorters.next() else { return Self::new(&Limits::default()) };
        for sorter in sorters {
            first.pairs += sorter.pairs;
            first.runs.append(sorter.runs);
            first.others.extend(sorter.others);
            first.others.push(sorter.arena);
        }
        first
    }

    /// The pairs in order.
    ///
    /// # Errors
    /// The spilled runs cannot be read.
    pub fn finish(self) -> io::Result<Sorted> {
        let mut sources = self.runs.open::<Pair>()?;
        for arena in self.others.into_iter().chain([self.arena]).filter(|a| a.size() > 0) {
            sources.push(arena.sorted().source());
        }
        Ok(Sorted { merge: Some(Merge::new(sources)?) })
    }
}

impl Iterator for Sorted {
    type Item = io::Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.merge.as_mut()?.next().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.merge = None;
        }
        next
    }
}

impl Entry for Pair {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_pair(&self.0, &self.1, out)
    }

    fn read(from: &mut dyn Read) -> io::Result<Option<Self>> {
        let mut lengths = [0; 8];
        if from.read(&mut lengths[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut lengths[1..])?;
        let [a, b, c, d, e, f, g, h] = lengths;
        let mut key = vec![0; u32::from_le_bytes([a, b, c, d]) as usize];
        let mut value = vec![0; u32::from_le_bytes([e, f, g, h]) as usize];
        from.read_exact(&mut key)?;
        from.read_exact(&mut value)?;
        Ok(Some((key, value)))
    }
}

fn write_pair(key: &[u8], value: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&(key.len() as u32).to_le_bytes())?;
    out.write_all(&(value.len() as u32).to_le_bytes())?;
    out.write_all(key)?;
    out.write_all(value)
}

/// Pairs one after the other in one piece of memory.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    start: usize,
    key: u32,
    value: u32,
}

impl Arena {
    fn size(&self) -> usize {
        self.bytes.len() + self.slots.len() * size_of::<Slot>()
    }

    const fn size_of(key: &[u8], value: &[u8]) -> usize {
        key.len() + value.len() + size_of::<Slot>()
    }

    fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let length = |bytes: &[u8]| {
            u32::try_from(bytes.len()).map_err(|_| io::Error::other("a sort key or value has 4 GiB or more"))
        };
        let slot = Slot { start: self.bytes.len(), key: length(key)?, value: length(value)? };
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.slots.push(slot);
        Ok(())
    }

    fn pair(&self, slot: Slot) -> (&[u8], &[u8]) {
        let key_end = slot.start + slot.key as usize;
        (&self.bytes[slot.start..key_end], &self.bytes[key_end..key_end + slot.value as usize])
    }

    fn sorted(mut self) -> Self {
        let mut slots = std::mem::take(&mut self.slots);
        slots.sort_unstable_by(|a, b| self.pair(*a).cmp(&self.pair(*b)));
        self.slots = slots;
        self
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.slots.iter().map(|slot| self.pair(*slot))
    }

    fn emptied(mut self) -> Self {
        self.bytes.clear();
        self.slots.clear();
        self
    }

    fn source(self) -> Source<'static, Pair> {
        let mut at = 0;
        Box::new(move || {
            let pair = self.slots.get(at).map(|slot| self.pair(*slot));
            at += 1;
            Ok(pair.map(|(k, v)| (k.to_vec(), v.to_vec())))
        })
    }
}
