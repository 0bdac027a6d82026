//! Package `caponier`: configuration, wiring, the command line. The one place that sees every other crate.
//!
//! Nothing is decided here that a pure crate could decide: `replay` moves bytes from `transport` through `wire`, `rules` and
//! `identity` into an ordered journal, hands that to `correlate`, and publishes what comes out through `ledger`.

mod cli;
mod columns;
mod command;
mod compare;
mod config;
mod course;
mod decisions;
mod failure;
mod firings;
mod incidents;
mod intake;
mod journal;
mod learned;
mod live;
mod operations;
mod profile;
mod progress;
mod reading;
mod rulebook;
mod sheet;
mod story;
mod summary;
mod sweep;
mod triage;
mod vectors;
mod who;

pub use cli::Cli;
pub use command::run;
pub use config::{Config, ConfigError, Fault, parse as parse_config};
pub use failure::{Exit, Failure};
pub use intake::{Intake, intake};
pub use journal::{Replayed, replay};
pub use summary::{Summary, Tally};
