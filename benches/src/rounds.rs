//! Interleaved rounds: every contestant once a round, medians over rounds, so that a drifting machine drifts for all.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

/// What a contestant does with one batch.
type Work<'c> = Box<dyn FnMut(&[u8]) -> usize + 'c>;
/// What it does before so many batches, unmeasured.
type Prepare<'c> = Box<dyn FnMut(usize) -> usize + 'c>;

/// One contestant: a name, and what it does with one batch (returning something that depends on every record).
pub struct Contestant<'c> {
    /// Shown in the table.
    pub name: &'static str,
    /// The work.
    pub work: Work<'c>,
    /// What comes before, unmeasured.
    pub prepare: Prepare<'c>,
}

impl<'c> Contestant<'c> {
    /// A contestant.
    pub fn new(name: &'static str, work: impl FnMut(&[u8]) -> usize + 'c) -> Self {
        Self { name, work: Box::new(work), prepare: Box::new(|_| 0) }
    }

    /// The same, with something done before each few batches that is not measured.
    pub fn after(self, prepare: impl FnMut(usize) -> usize + 'c) -> Self {
        Self { prepare: Box::new(prepare), ..self }
    }
}

/// Batches measured at once: so few that a shared machine seldom takes the core away in between.
const SLICE: usize = 4;

/// Median bytes per second of each contestant over `rounds` rounds of all batches, measured a few batches at a time.
pub fn compare(batches: &[Vec<u8>], rounds: usize, contestants: &mut [Contestant<'_>]) -> Vec<f64> {
    let mut rates = vec![Vec::new(); contestants.len()];
    for round in 0..=rounds {
        for slice in batches.chunks(SLICE) {
            let bytes: usize = slice.iter().map(Vec::len).sum();
            for (contestant, rates) in contestants.iter_mut().zip(&mut rates) {
                black_box((contestant.prepare)(slice.len()));
                let start = Instant::now();
                let mut sum = 0usize;
                for batch in slice {
                    sum = sum.wrapping_add((contestant.work)(black_box(batch)));
                }
                black_box(sum);
                // The first round warms caches and tables.
                if round > 0 {
                    rates.push(bytes as f64 / start.elapsed().as_secs_f64());
                }
            }
        }
    }
    rates.into_iter().map(median).collect()
}

/// A line for each contestant: its rate, and its ratio to the faster of the first two, which are the typed parses.
///
/// # Errors
/// Whatever `out` says.
pub fn report(out: &mut impl Write, contestants: &[Contestant<'_>], rates: &[f64]) -> io::Result<()> {
    let limit = rates.iter().take(2).copied().fold(f64::NAN, f64::max);
    for (contestant, rate) in contestants.iter().zip(rates) {
        writeln!(out, "{:32} {:8.0} MB/s  {:5.2} of the typed parse", contestant.name, rate / 1e6, rate / limit)?;
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
