//! Exact repeats among fingerprints, in bounded memory: records are counted twice only where somebody wrote them twice.
//! Must not know what a fingerprint is of.

use crate::Limits;
use crate::runs::{Entry, Merge, Runs, Source};
use std::io::{self, Read, Write};

/// Counts how often each fingerprint came. The result is a function of the multiset pushed.
pub struct Distinct {
    buffer: Vec<u128>,
    /// Buffers of merged counters.
    others: Vec<Vec<u128>>,
    runs: Runs,
    capacity: usize,
    total: u64,
}

/// A fingerprint and how often it came.
type Count = (u128, u64);

impl Distinct {
    /// Empty; `limits.sort_bytes` is its budget, `limits.temp_dir` the place of its runs.
    pub fn new(limits: &Limits) -> Self {
        Self {
            buffer: Vec::new(),
            others: Vec::new(),
            runs: Runs::new(limits.temp_dir.clone()),
            capacity: (limits.sort_bytes / size_of::<u128>()).max(1),
            total: 0,
        }
    }

    /// Adds a fingerprint.
    ///
    /// # Errors
    /// Spilling fails.
    pub fn push(&mut self, fingerprint: u128) -> io::Result<()> {
        if self.buffer.len() >= self.capacity {
            self.buffer.sort_unstable();
            let buffer = &self.buffer;
            self.runs.add::<Count>(|out| counts(buffer).try_for_each(|count| count.write(out)))?;
            self.buffer.clear();
        }
        self.total += 1;
        self.buffer.push(fingerprint);
        Ok(())
    }

    /// The number of fingerprints pushed, repeats included.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Several counters as one: of several threads, for instance.
    #[must_use]
    pub fn merge(counters: Vec<Self>) -> Self {
        let mut counters = counters.into_iter();
        let Some(mut first) = counters.next() else { return Self::new(&Limits::default()) };
        for counter in counters {
            first.total += counter.total;
            first.runs.append(counter.runs);
            first.others.extend(counter.others);
            first.others.push(counter.buffer);
        }
        first
    }

    /// Calls `each` with every fingerprint that came more than once and the number of times beyond the first, in order of
    /// fingerprints; returns the sum, which is the total less the distinct.
    ///
    /// # Errors
    /// The spilled runs cannot be read.
    pub fn repeats(self, mut each: impl FnMut(u128, u64)) -> io::Result<u64> {
        let mut sources = self.runs.open::<Count>()?;
        for mut buffer in self.others.into_iter().chain([self.buffer]) {
            buffer.sort_unstable();
            sources.push(source(buffer));
        }
        let mut merge = Merge::new(sources)?;
        let (mut last, mut repeats): (Option<Count>, u64) = (None, 0);
        loop {
            let next = merge.next()?;
            match (&mut last, next) {
                (Some((fingerprint, count)), Some((same, more))) if *fingerprint == same => *count += more,
                (_, next) => {
                    if let Some((fingerprint, count)) = last.filter(|(_, count)| *count > 1) {
                        repeats += count - 1;
                        each(fingerprint, count - 1);
                    }
                    if next.is_none() {
                        return Ok(repeats);
                    }
                    last = next;
                }
            }
        }
    }
}

/// The values of a sorted slice with their counts.
fn counts(sorted: &[u128]) -> impl Iterator<Item = Count> {
    sorted.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len() as u64)))
}

fn source(sorted: Vec<u128>) -> Source<'static, Count> {
    let mut values = sorted.into_iter();
    Box::new(move || Ok(values.next().map(|value| (value, 1))))
}

impl Entry for Count {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.0.to_le_bytes())?;
        out.write_all(&self.1.to_le_bytes())
    }

    fn read(from: &mut dyn Read) -> io::Result<Option<Self>> {
        let (mut value, mut count) = ([0; 16], [0; 8]);
        if from.read(&mut value[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut value[1..])?;
        from.read_exact(&mut count)?;
        Ok(Some((u128::from_le_bytes(value), u64::from_le_bytes(count))))
    }
}
