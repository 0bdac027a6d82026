//! The journal: the correlator's only input, in one order.

use crate::{
    Decision, EventTime, FindingKey, IdentityChange, Policy, Position, Sighting, Signal, SourceIncident, Statement,
};
use compact_str::CompactString;

/// One entry of the journal.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// A finding, seen by one road.
    Sighting(Box<Sighting>),
    /// A base rule matched a record: rule windows read it, incidents do not.
    Signal(Box<Signal>),
    /// A source incident's version.
    Incident(Box<SourceIncident>),
    /// A change of what is known about identities.
    Identity(IdentityChange),
    /// A statement about two accounts: journalled so that whoever reads the journal knows who said what. The links that follow
    /// from it are identity changes of their own.
    Statement(Statement),
    /// A decision about findings: merge, split, pin, close, assign, verdict, or one taken back.
    Decision(Box<Decision>),
    /// Findings that matched one instance of a scenario rule (E6).
    Chain(Box<Chain>),
    /// What may be joined across tenants from here on: replaces the policy before.
    Policy(Policy),
    /// One of the engine's settings takes a new value from here on.
    Setting(Setting),
    /// The rules in force from here on, by the digest of their files: its effect comes as sightings and chains.
    Rules(CompactString),
    /// Nothing earlier than this is expected any more.
    Watermark(EventTime),
}

/// One instance of a scenario rule and the findings that matched its steps. A later one of the same id replaces it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Chain {
    /// The rule's name.
    pub rule: CompactString,
    /// The instance: unique to the rule and whom it concerns, the same in every run.
    pub id: CompactString,
    /// What matched; empty where the instance turned out to be none.
    pub steps: Vec<ChainStep>,
}

/// A finding in a chain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChainStep {
    /// Which finding.
    pub finding: FindingKey,
    /// The rule's step that it matched.
    pub step: CompactString,
}

/// A setting by the name that the configuration gives it (`windows.account`, `guards.findings`, `guards.g7`). Switches are 0 or 1;
/// a name that nobody knows changes nothing and is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Setting {
    /// Which.
    pub name: CompactString,
    /// The new value.
    pub value: i64,
}

/// An entry with its place in event time and in its source.
///
/// Replay orders entries by (`at`, position-independent key of the entry); where two files hold the same record, the position
/// of either is the same to the correlator, which never looks at it except to tell the reader.
#[derive(Clone, PartialEq, Debug)]
pub struct Journalled {
    /// Event time: first activity of a finding, validity of an identity fact.
    pub at: EventTime,
    /// Where it came from.
    pub position: Option<Position>,
    /// The entry.
    pub entry: Entry,
}
