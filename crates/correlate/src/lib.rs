//! Findings, links and event time become incidents: a state machine without I/O, clock, threads or errors.
//!
//! The partition of findings into incidents is a function of the *set* of findings, links and settings, never of their
//! order (scenarios.md 2.7); ids and sequences are history. This crate knows `model` only: no wire format, no SQL, no file.
//!
//! ```text
//! Journalled -> Engine::handle -> finding (sightings merged) -> persons bound -> values -> postings -> candidate edges
//!            -> cores (Kruskal, guards) -> loose findings attach -> incidents -> changes (Engine::poll_change)
//! ```

mod ahead;
mod assemble;
mod attach;
mod bind;
mod chains;
mod cold;
mod counts;
mod decide;
#[cfg(test)]
mod decide_tests;
mod decisions;
mod detector;
mod digest;
mod digits;
#[cfg(test)]
mod edge_tests;
mod engine;
mod entries;
mod evict;
mod explain;
mod few;
mod fill;
mod finding;
#[cfg(test)]
mod guard_tests;
mod history;
#[cfg(test)]
mod lifecycle_tests;
mod meant;
mod name;
mod names;
mod partition;
mod place;
mod post;
mod posted;
mod posting;
mod prolific;
mod purge;
mod second;
mod settings;
mod settle;
mod slab;
mod snapshot;
mod source;
mod state;
mod surplus;
#[cfg(test)]
mod tests;
mod value;
#[cfg(test)]
mod window_tests;
mod withdraw;

pub use counts::Counts;
pub use engine::Engine;
pub use name::incident_id;
pub use prolific::Crossed;
pub use settings::{Caps, Edges, Guards, Limits, Settings, Windows};
pub use snapshot::{SnapshotError, seal};
