//! The lab: a simulator of tenants that knows the truth, and the measures that score a run against it.
//!
//! `simulate` writes exports as the real products would (sign-ins, alerts, risk, audit, provisioning, inventories,
//! directories), with attacks of scenarios.md hidden in noise; `score` compares incidents with the truth; `organisation`
//! makes rows of identity evidence by the million, and `Grades` compares links with the truth. Knows no
//! engine: it must not share a single decoder with what it measures. I/O happens in [`Folder`] only.

mod attack;
mod book;
mod cast;
mod config;
mod day;
mod evidence;
mod finding;
mod herring;
mod json;
mod noise;
mod organisation;
mod output;
mod plan;
mod random;
mod rare;
mod record;
mod report;
mod score;
mod simulate;
mod stage;
mod times;
mod truth;

#[cfg(test)]
mod tests;

pub use organisation::{Answer, Change, Grade, Grades, Organisation, Shape, Story, organisation};
pub use output::{Folder, Memory, Output};
pub use plan::{LabError, Plan, Ratios, Written};
pub use score::{Fired, Judged, Scene, Scores, judge, score};
pub use simulate::simulate;
pub use stage::scenarios;
