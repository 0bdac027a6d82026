//! Snapshots of a course: one file each, checked when read, named after the offset of the journal at which it goes on.
//!
//! The newest good one that is not ahead of what is delivered is taken; a damaged one is told of and passed over. A snapshot ahead of
//! the committed journal was made of pages that may come otherwise: it is thrown away.

use super::Metrics;
use super::course::Course;
use crate::command::tell;
use crate::config::Config;
use crate::failure::{Failure, failed};
use caponier_ledger::Snapshot;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Layout of the body.
const VERSION: u32 = 1;
/// So many are kept: the newest may turn out to be damaged.
const KEPT: usize = 3;

/// The folder of snapshots.
pub struct Snapshots<'s> {
    config: &'s Config,
    folder: PathBuf,
    every: Duration,
    last: Instant,
    metrics: &'s Metrics,
}

impl<'s> Snapshots<'s> {
    /// The folder that the configuration names, made where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(config: &'s Config, metrics: &'s Metrics) -> Result<Self, Failure> {
        let folder = PathBuf::from(config.live.state.as_str());
        std::fs::create_dir_all(&folder)
            .map_err(|e| failed(&format!("cannot make the folder of snapshots {}", folder.display()), e))?;
        let every = Duration::from_secs(config.live.snapshot_seconds);
        Ok(Self { config, folder, every, last: Instant::now(), metrics })
    }

    /// The course of the newest good snapshot that lies between the beginning of the journal and what is delivered; with the offset
    /// at which it goes on.
    pub fn newest(&self, begins: i64, delivered: i64) -> Option<(Course, i64)> {
        let mut found = self.all();
        found.reverse();
        for (next, path) in found {
            if next > delivered {
                tell(&format!("{}: ahead of what was delivered ({delivered}); thrown away\n", path.display()));
                drop(std::fs::remove_file(&path));
                continue;
            }
            if next < begins {
                continue;
            }
            match self.load(&path) {
                Ok(course) => return Some((course, next)),
                Err(failure) => tell(&format!("{}: {failure}; the one before it is tried\n", path.display())),
            }
        }
        None
    }

    fn load(&self, path: &Path) -> Result<Course, Failure> {
        let snapshot = Snapshot::load(path, VERSION).map_err(|e| Failure::Failed(e.to_string()))?;
        Course::restore(self.config, &snapshot.body)
    }

    /// Writes one where it is time for it, and lets the oldest go.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&mut self, course: &mut Course, next: i64) -> Result<(), Failure> {
        if self.last.elapsed() < self.every {
            return Ok(());
        }
        self.save(course, next)
    }

    /// Writes one now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&mut self, course: &mut Course, next: i64) -> Result<(), Failure> {
        let begun = Instant::now();
        self.last = begun;
        let path = self.folder.join(format!("{next:020}.snapshot"));
        let body = course.snapshot()?;
        Snapshot::save(&path, VERSION, &body).map_err(|e| failed("cannot write a snapshot", e))?;
        self.metrics.checkpointed(begun.elapsed(), body.len());
        let all = self.all();
        for (_, old) in all.iter().take(all.len().saturating_sub(KEPT)) {
            drop(std::fs::remove_file(old));
        }
        Ok(())
    }

    /// Offsets and files, the oldest first.
    fn all(&self) -> Vec<(i64, PathBuf)> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut all: Vec<(i64, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.path();
                let name = path.file_name()?.to_str()?.strip_suffix(".snapshot")?.parse().ok()?;
                Some((name, path))
            })
            .collect();
        all.sort_unstable();
        all
    }
}
