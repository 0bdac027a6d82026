//! Where a record came from, what became of it, and why it was refused.

use compact_str::CompactString;
use std::fmt;
use std::sync::Arc;

/// The place of one record in its source. Ordered: source, then offset, then index.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// File path (relative to what was named on the command line) or `topic/partition`.
    pub source: Arc<str>,
    /// Line number, 1-based, in text; ordinal of the message elsewhere; Kafka offset live.
    pub offset: u64,
    /// Index of the record inside its payload, 0-based.
    pub index: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.offset)?;
        if self.index > 0 { write!(f, "#{}", self.index) } else { Ok(()) }
    }
}

/// What became of a record; each record read has exactly one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// A finding, a signal or identity evidence came of it.
    Used,
    /// Understood, and nothing came of it.
    Quiet,
    /// An exact copy of another record.
    Duplicate,
    /// Beyond retention when it came.
    Late,
    /// Refused; kept with its raw bytes and the reason.
    DeadLetter,
}

impl Class {
    /// The word used in counters and documents.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Quiet => "quiet",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::DeadLetter => "dead_letter",
        }
    }
}

/// Why a record was refused: a closed list that counters and dead letters share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RejectReason {
    /// Not JSON, or cut off.
    Malformed,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// Valid JSON, but not an object.
    NotARecord,
    /// Nothing says which export this is, or no row of the format table names it.
    UnknownFormat,
    /// The format is known and a field it cannot do without is missing or unreadable.
    MissingField,
    /// An event time that no known form reads.
    BadTime,
    /// An event time later than the capture allows.
    FutureTime,
    /// No folder, topic, workspace, subscription or field says whose record this is.
    UnknownTenant,
    /// The record names another tenant than its folder or topic.
    TenantMismatch,
    /// Larger than the configured limit.
    TooLarge,
    /// Nested deeper than the configured limit.
    TooDeep,
    /// A container (gzip, zstd, Avro, Parquet, CSV) that cannot be opened or inflates beyond its limit.
    BadContainer,
    /// A file or folder that cannot be read.
    Unreadable,
    /// A message of the decisions' topic that is no decision, or one that nobody may make.
    BadDecision,
    /// A decision about an incident that is not held where the decision stands in the journal.
    UnplacedDecision,
    /// Further back than findings are held: it goes to the late lane, and is no dead letter.
    Late,
}

impl RejectReason {
    /// The word used in counters, dead letters and documents.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NotARecord => "not_a_record",
            Self::UnknownFormat => "unknown_format",
            Self::MissingField => "missing_field",
            Self::BadTime => "bad_time",
            Self::FutureTime => "future_time",
            Self::UnknownTenant => "unknown_tenant",
            Self::TenantMismatch => "tenant_mismatch",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::BadContainer => "bad_container",
            Self::Unreadable => "unreadable",
            Self::BadDecision => "bad_decision",
            Self::UnplacedDecision => "unplaced_decision",
            Self::Late => "late",
        }
    }
}

/// A refusal, with words for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    /// The counted reason.
    pub reason: RejectReason,
    /// The format, where routing got that far.
    pub format: Option<&'static str>,
    /// What exactly, in lower case, without a final stop.
    pub detail: CompactString,
}

impl Reject {
    /// A refusal before the format is known.
    pub fn new(reason: RejectReason, detail: impl Into<CompactString>) -> Self {
        Self { reason, format: None, detail: detail.into() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.code(), self.detail)
    }
}

/// A refused record, kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    /// Where it stood.
    pub position: Position,
    /// Why.
    pub reject: Reject,
    /// Its bytes, cut at the configured limit.
    pub raw: Vec<u8>,
    /// True where `raw` was cut.
    pub truncated: bool,
}
