//! The journal: the correlator's only input, in one order.

use crate::{
    Call, Decision, EventTime, FindingKey, IdentityChange, Policy, Position, Rows, Sighting, Signal, SourceIncident,
    Statement, TenantId,
};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// One entry of the journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Entry {
    /// A finding, seen by one road.
    Sighting(Box<Sighting>),
    /// A base rule matched a record: rule windows read it, incidents do not.
    Signal(Box<Signal>),
    /// A source incident's version.
    Incident(Box<SourceIncident>),
    /// What a record says about identities, before anybody asked what follows from it.
    Evidence(Box<Rows>),
    /// A change of what is known about identities: what followed from evidence.
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
    /// A decision that names incidents by their ids: it becomes one about the findings that they have where this entry stands.
    Call(Box<Call>),
    /// What the operator asks for from here on, whole: it replaces what was asked for before.
    Configuration(Box<Configuration>),
    /// Nothing of this tenant may be remembered from here on.
    Purge(TenantId),
    /// What raised this finding takes it back: it leaves its incident as if it had never been, until it is seen anew. Entries are
    /// written by number: a new one stands last, so that pages of before still mean what they said.
    Withdrawn(Box<FindingKey>),
    /// In which hours tables of tenants came, and how late: what silent sources and clocks that are off are seen by.
    Streams(Vec<StreamRow>),
}

/// What was seen of one table of one tenant. Rows of one stream add up, in any order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StreamRow {
    /// Whose.
    pub tenant: TenantId,
    /// The table, without its envelope.
    pub table: CompactString,
    /// By hour since 1970: the first and the last record.
    pub hours: Vec<(i64, EventTime, EventTime)>,
    /// Of the records that were asked: their content, when it happened, and how many seconds later it was received.
    pub asked: Vec<(u128, EventTime, i64)>,
}

/// Everything that the operator says and an outcome rests on: whoever reads the journal needs no file beside it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Configuration {
    /// The settings, tenants, pairs and suppressions in force, as the text of a configuration file.
    pub settings: String,
    /// The rule files in force, by name.
    pub rules: Vec<RuleText>,
}

/// One file of rules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RuleText {
    /// Its name.
    pub name: CompactString,
    /// What it says.
    pub text: String,
}

/// One instance of a scenario rule and the findings that matched its steps. A later one of the same id replaces it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Chain {
    /// The rule's name.
    pub rule: CompactString,
    /// The instance: unique to the rule and whom it concerns, the same in every run.
    pub id: CompactString,
    /// What matched; empty where the instance turned out to be none.
    pub steps: Vec<ChainStep>,
}

/// A finding in a chain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChainStep {
    /// Which finding.
    pub finding: FindingKey,
    /// The rule's step that it matched.
    pub step: CompactString,
}

/// A setting by the name that the configuration gives it (`windows.account`, `guards.findings`, `guards.g7`). Switches are 0 or 1;
/// a name that nobody knows changes nothing and is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
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

/// One message of the journal: what a reader of one source says at once. The order of messages is the order of the journal.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Page {
    /// `topic/partition` that was read; empty where no source was: decisions, links, what an operator changes.
    pub source: CompactString,
    /// The latest event time of the records read, of those that move time; none where there was none.
    pub latest: Option<EventTime>,
    /// Whether more is expected of the source.
    pub flow: Flow,
    /// What came of the records, in their order.
    pub entries: Vec<Journalled>,
}

/// Whether more is expected of a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Flow {
    /// It flows: time waits for it.
    #[default]
    Flowing,
    /// It was silent for longer than its idle timeout: time goes on without it until it speaks again.
    Idle,
    /// It was read to the end that it had when the run began, and the run wants no more.
    Ended,
}
