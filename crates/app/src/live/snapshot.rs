//! Snapshots of a course: one file or object each, checked when read, named after the offset of the journal at which it goes on.
//!
//! The newest good one that is not ahead of what is delivered is taken; a damaged one is told of and passed over. A snapshot ahead of
//! the committed journal was made of pages that may come otherwise: it is thrown away.

use super::Metrics;
use super::course::Course;
use crate::command::tell;
use crate::config::Config;
use crate::failure::{Failure, failed};
use caponier_ledger::Shelf;
use std::time::{Duration, Instant};

/// Layout of the body.
const VERSION: u32 = 3;
/// So many are kept: the newest may turn out to be damaged.
const KEPT: usize = 3;

/// The snapshots of a run.
pub struct Snapshots<'s> {
    config: &'s Config,
    shelf: Shelf,
    every: Duration,
    last: Instant,
    metrics: &'s Metrics,
}

impl<'s> Snapshots<'s> {
    /// Where the configuration says that they are: a folder, made where it is missing, or a prefix in a bucket.
    ///
    /// # Errors
    /// The folder cannot be made or tidied, or the bucket's URL or settings are none.
    pub fn open(config: &'s Config, metrics: &'s Metrics) -> Result<Self, Failure> {
        let shelf = Shelf::open(config.live.state.as_str()).map_err(|e| failed("kafka.state", e))?;
        let left = shelf.sweep().map_err(|e| failed("kafka.state", e))?;
        if left > 0 {
            tell(&format!("{}: {left} half written by a crash, taken away\n", config.live.state));
        }
        let every = Duration::from_secs(config.live.snapshot_seconds);
        Ok(Self { config, shelf, every, last: Instant::now(), metrics })
    }

    /// The course of the newest good snapshot that lies between the beginning of the journal and what is delivered; with the offset
    /// at which it goes on.
    ///
    /// # Errors
    /// Nobody says which snapshots there are: reading the whole journal instead would be no answer to a store that is away.
    pub fn newest(&self, begins: i64, delivered: i64) -> Result<Option<(Course, i64)>, Failure> {
        let all = self.shelf.all().map_err(|e| Failure::Unavailable(e.to_string()))?;
        for number in all.into_iter().rev() {
            let next = i64::try_from(number).unwrap_or(i64::MAX);
            let path = self.shelf.path(number);
            if next > delivered {
                tell(&format!("{}: ahead of what was delivered ({delivered}); thrown away\n", path.display()));
                self.let_go(number);
                continue;
            }
            if next < begins {
                continue;
            }
            match self.load(number) {
                Ok(course) => return Ok(Some((course, next))),
                Err(failure) => tell(&format!("{}: {failure}; the one before it is tried\n", path.display())),
            }
        }
        Ok(None)
    }

    fn load(&self, number: u64) -> Result<Course, Failure> {
        let body = self.shelf.load(number, VERSION).map_err(|e| Failure::Failed(e.to_string()))?;
        Course::restore(self.config, &body)
    }

    /// Writes one where it is time for it, and lets the oldest go. One that cannot be written is told of and counted, and tried again
    /// when it is time for the next: the journal has everything.
    pub fn keep(&mut self, course: &mut Course, next: i64) {
        if self.last.elapsed() < self.every {
            return;
        }
        if let Err(failure) = self.save(course, next) {
            self.metrics.checkpoint_failures.inc();
            tell(&format!("{failure}; it is tried again in {} s\n", self.every.as_secs()));
        }
    }

    /// Writes one now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&mut self, course: &mut Course, next: i64) -> Result<(), Failure> {
        let begun = Instant::now();
        self.last = begun;
        let body = course.snapshot()?;
        let bytes = body.len();
        let failing = |e| failed("cannot write a snapshot", e);
        self.shelf.save(u64::try_from(next).unwrap_or(0), VERSION, body).map_err(failing)?;
        self.metrics.checkpointed(begun.elapsed(), bytes);
        let all = self.shelf.all().map_err(failing)?;
        all.iter().take(all.len().saturating_sub(KEPT)).for_each(|old| self.let_go(*old));
        Ok(())
    }

    /// Writes one now, and lets go of all before it: they hold what was to be forgotten.
    ///
    /// # Errors
    /// It cannot be written, or nobody says which others there are.
    pub fn only(&mut self, course: &mut Course, next: i64) -> Result<(), Failure> {
        self.save(course, next)?;
        let all = self.shelf.all().map_err(|e| failed("cannot list the snapshots", e))?;
        let own = u64::try_from(next).unwrap_or(0);
        all.into_iter().filter(|number| *number != own).for_each(|old| self.let_go(old));
        Ok(())
    }

    /// One that cannot be taken away is tried again with the next.
    fn let_go(&self, number: u64) {
        if let Err(fault) = self.shelf.remove(number) {
            tell(&format!("{fault}\n"));
        }
    }
}
