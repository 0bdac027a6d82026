//! The journal: the correlator's only input, in one order.

use crate::{EventTime, IdentityChange, Position, Sighting, SourceIncident, Statement};

/// One entry of the journal.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// A finding, seen by one road.
    Sighting(Box<Sighting>),
    /// A source incident's version.
    Incident(Box<SourceIncident>),
    /// A change of what is known about identities.
    Identity(IdentityChange),
    /// A statement about two accounts: journalled so that whoever reads the journal knows who said what. The links that follow
    /// from it are identity changes of their own.
    Statement(Statement),
    /// Nothing earlier than this is expected any more.
    Watermark(EventTime),
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
