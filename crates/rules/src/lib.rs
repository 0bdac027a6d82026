//! What no product raises as an alert but matters on its own: rules that people write, over events and over time. Pure.
//!
//! ```text
//! rule files --RuleSet::read()--> RuleSet      event --RuleSet::signals()--> Signal --Windows--> Emission (findings, a chain)
//! ```
//!
//! Growth happens in files of rules. A base rule sees one decoded event and its record's columns, and nothing else: no clock, no state,
//! no person. Windows see signals, the watermark and who an account is; what they say is a function of these, not of arrival.
//! One rule older than the language stands in [`BASE`], in Rust: its severity is the record's own, which Sigma cannot say.

mod apart;
mod build;
mod condition;
pub mod derived;
mod emission;
mod fault;
pub mod field;
mod file;
mod filter;
mod group;
pub mod logsource;
mod machine;
mod mutant;
pub mod operational;
mod profile;
mod risky_cross_tenant_sign_in;
mod scenario;
mod set;
mod strict;
mod suppress;
mod value;
pub mod vectors;
mod view;
mod windows;

pub use emission::{Emission, FORMAT, Member, PRODUCT};
pub use fault::Fault;
pub use file::RuleFile;
pub use mutant::mutants;
pub use operational::Operational;
pub use scenario::{Absence, Aggregate, Apart, Baseline, Presence, Role, Scenario, Seen, Shape, Step, Term, Window};
pub use set::{Base, RuleSet};
pub use suppress::{Suppression, Suppressions};
pub use value::{Columns, NoColumns, Value};
pub use windows::{Counts, Limits, SnapshotError, Windows};

use caponier_model::{Event, Sighting};

/// A base rule in Rust, whose match is a finding at once.
#[derive(Clone, Copy, Debug)]
pub struct BaseRule {
    /// Its name, used as the sighting's detector.
    pub name: &'static str,
    /// What it finds, in one sentence.
    pub about: &'static str,
    /// The product of the findings it makes.
    pub product: &'static str,
    /// The question: `Some` when the event is a finding.
    pub matches: fn(&Event<'_>) -> Option<Sighting>,
}

/// Every base rule in Rust, in the order in which they are asked.
pub const BASE: &[BaseRule] = &[risky_cross_tenant_sign_in::RULE];

/// Asks every base rule in Rust of one event and appends what they find.
pub fn apply(event: &Event<'_>, out: &mut Vec<Sighting>) {
    out.extend(BASE.iter().filter_map(|rule| (rule.matches)(event)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lower_snake_case() {
        let mut names: Vec<_> = BASE.iter().map(|r| r.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BASE.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }
}
