//! Signals: what a base rule saw in one record. They wait in the journal for the windows of scenario rules.

use crate::{Entity, EventTime, FindingKey, Guid, TenantId};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which end of a tenant pair a record was written at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Side {
    /// In the tenant that owns the identity.
    Home,
    /// In a tenant whose resources the identity uses.
    Resource,
}

impl Side {
    /// The word used in rules and on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Resource => "resource",
        }
    }
}

/// The part an account played in what was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Party {
    /// Who did it.
    Actor,
    /// To whom it was done.
    Target,
}

/// An account as a record names it: an object of one directory, or a name in it. Nobody is resolved yet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Mention {
    /// The part it played.
    pub party: Party,
    /// The directory that holds it.
    pub tenant: TenantId,
    /// Its object id, where the record has one.
    pub object: Option<Guid>,
    /// UPN or mail, lower case; asked only where there is no object id.
    pub name: Option<CompactString>,
}

/// What identifies a signal: the same record seen twice makes the same signal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SignalKey {
    /// When it happened. First, so that keys sort by time.
    pub at: EventTime,
    /// Whose log it is.
    pub tenant: TenantId,
    /// The record's own id, else its content's hash in hexadecimal digits.
    pub record: CompactString,
    /// The base rule that matched.
    pub rule: CompactString,
}

/// A base rule matched one record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signal {
    /// Which rule, which record, when.
    pub key: SignalKey,
    /// The finding that the record itself is, where it is an alert or a risk detection.
    pub finding: Option<FindingKey>,
    /// The side that the record itself tells; links may tell it where the record does not.
    pub side: Option<Side>,
    /// The home tenant that the record itself names.
    pub home: Option<TenantId>,
    /// Whom it names, sorted.
    pub mentions: Vec<Mention>,
    /// Values of the fields that scenario rules group by or count, by field name; a field of many values stands many times.
    pub fields: Vec<(CompactString, CompactString)>,
    /// What the finding of a scenario will name, in canonical order. The signals of one record share it.
    #[serde(with = "shared")]
    pub entities: Arc<[Entity]>,
}

/// What is shared reads and writes as what it is.
mod shared {
    use crate::Entity;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(entities: &Arc<[Entity]>, to: S) -> Result<S::Ok, S::Error> {
        entities.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Arc<[Entity]>, D::Error> {
        Vec::deserialize(from).map(Arc::from)
    }
}
