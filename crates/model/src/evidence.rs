//! What speaks for a link and against it: evidence, refutations, ambiguities, statements, refusals.

use crate::{AccountKey, EventTime, TenantId};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Who could have written a piece of evidence. Evidence of one writer never counts twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Writer {
    /// An analyst or the operator.
    Analyst,
    /// The home tenant's directory.
    HomeDirectory,
    /// A log that Entra itself writes.
    Log,
    /// The resource tenant's directory: anyone who administers that tenant.
    ResourceDirectory,
}

impl Writer {
    /// The word used on the wire and in SQL.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::HomeDirectory => "home_directory",
            Self::Log => "log",
            Self::ResourceDirectory => "resource_directory",
        }
    }
}

/// The kinds of evidence (scenarios.md 2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum EvidenceKind {
    /// K1: an analyst's or operator's statement.
    Statement,
    /// K2: a provisioning row names both objects.
    Provisioning,
    /// K3: claims name the home tenant and the home object: it is the home account.
    DelegatedCaller,
    /// K4: `altsecid` equals a home PUID.
    Puid,
    /// K5: one sign-in logged in both tenants.
    PairedSignIn,
    /// K5 with equal ids: both rows carry one request or correlation id.
    PairedSignInById,
    /// K6: a resource row names the home tenant and a UPN that one home user bore.
    NamedSignIn,
    /// K7: a redeemed invitation and a sign-in that names the home tenant.
    Redemption,
    /// K8: one on-premises object synchronised into both tenants.
    CommonSource,
    /// K9: a directory extension holds the home object id.
    Extension,
    /// K10: equal employee ids.
    EmployeeId,
    /// K11: an address of exactly one home user.
    Address,
    /// K12: the decoded `#EXT#` name.
    ExtName,
    /// K13: a configured naming rule.
    NamingRule,
    /// K14: looks alike; never alone.
    LooksAlike,
    /// Rule 8: a log names the application and the tenant that owns it; joins its service principals.
    Application,
}

impl EvidenceKind {
    /// All kinds: K1 to K14, K5 in its two strengths, and the application.
    pub const ALL: [Self; 16] = [
        Self::Statement,
        Self::Provisioning,
        Self::DelegatedCaller,
        Self::Puid,
        Self::PairedSignIn,
        Self::PairedSignInById,
        Self::NamedSignIn,
        Self::Redemption,
        Self::CommonSource,
        Self::Extension,
        Self::EmployeeId,
        Self::Address,
        Self::ExtName,
        Self::NamingRule,
        Self::LooksAlike,
        Self::Application,
    ];

    /// The word used on the wire and in SQL.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Provisioning => "provisioning",
            Self::DelegatedCaller => "delegated_caller",
            Self::Puid => "puid",
            Self::PairedSignIn => "paired_sign_in",
            Self::PairedSignInById => "paired_sign_in_by_id",
            Self::NamedSignIn => "named_sign_in",
            Self::Redemption => "redemption",
            Self::CommonSource => "common_source",
            Self::Extension => "extension",
            Self::EmployeeId => "employee_id",
            Self::Address => "address",
            Self::ExtName => "ext_name",
            Self::NamingRule => "naming_rule",
            Self::LooksAlike => "looks_alike",
            Self::Application => "application",
        }
    }

    /// Reads the word that [`EvidenceKind::code`] writes.
    pub fn read(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// Who could have written it.
    pub const fn writer(self) -> Writer {
        match self {
            Self::Statement => Writer::Analyst,
            Self::Provisioning
            | Self::DelegatedCaller
            | Self::Puid
            | Self::PairedSignIn
            | Self::PairedSignInById
            | Self::NamedSignIn
            | Self::Redemption
            | Self::Application => Writer::Log,
            // K8 rests on values of both directories, and the weaker pen decides: without synchronisation an immutable id
            // or a SID can be typed into the resource tenant's directory (docs/adr/0006).
            Self::CommonSource
            | Self::Extension
            | Self::EmployeeId
            | Self::Address
            | Self::ExtName
            | Self::NamingRule
            | Self::LooksAlike => Writer::ResourceDirectory,
        }
    }
}

/// One piece of evidence that `account` is `home`.
///
/// Evidence from a log spans what was observed (first to last record); combining carries it on to where something
/// contradicts it. Evidence from a directory spans the life of what it rests on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The satellite account.
    pub account: AccountKey,
    /// The home account.
    pub home: AccountKey,
    /// The kind.
    pub kind: EvidenceKind,
    /// Valid from, in event time.
    pub from: EventTime,
    /// Valid until (exclusive); `EventTime::MAX` while nothing contradicts it.
    pub until: EventTime,
    /// The record it rests on, for the reader.
    pub source: CompactString,
}

/// A log named the home tenant of an account: directory evidence for a home in any other tenant does not hold meanwhile.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Refutation {
    /// The account.
    pub account: AccountKey,
    /// The home tenant that the log names; the account's own tenant when it says that there is no other.
    pub home: TenantId,
    /// Holds from.
    pub from: EventTime,
    /// Holds until, exclusive.
    pub until: EventTime,
    /// The record it rests on, for the reader.
    pub source: CompactString,
}

/// More than one account could be meant: a query found a match, but not exactly one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Ambiguity {
    /// The account that asks for a home.
    pub account: AccountKey,
    /// The tenant in which more than one account matches.
    pub home: TenantId,
    /// The kind of evidence it would have been.
    pub kind: EvidenceKind,
    /// How many match; 2 stands for several, which are not counted.
    pub candidates: u32,
    /// Holds from.
    pub from: EventTime,
    /// Holds until, exclusive.
    pub until: EventTime,
    /// What matched (an address, an id), for the reader.
    pub source: CompactString,
}

/// What the identity join says, before anything is weighed. All lists are sorted, without repeats.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Testimony {
    /// Evidence for links.
    pub evidence: Vec<Evidence>,
    /// Where logs name the home tenant of an account.
    pub refutations: Vec<Refutation>,
    /// Matches that more than one account could be.
    pub ambiguities: Vec<Ambiguity>,
    /// What people and the configuration said of these accounts, as it came ([`crate::Rows::statements`]): who weighs needs to
    /// know of couples that are two people, and of words taken back.
    pub statements: Vec<Statement>,
}

/// Why something that speaks for a link does not make it accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum RefusalReason {
    /// Only the resource tenant's directory says so, and whoever administers it can write it.
    ResourceDirectoryAlone,
    /// The combined confidence is below the pair's threshold.
    TooWeak,
    /// A log names another home tenant at that time.
    Refuted,
    /// More than one account of the home tenant matches.
    Ambiguous,
    /// Two homes were accepted at one time: neither is.
    TwoHomes,
    /// The home is itself a satellite of another account at that time, or part of a cycle.
    HomeIsSatellite,
    /// The home account is from elsewhere itself (a guest, a personal account).
    HomeIsExternal,
    /// Somebody stated that the two are different people.
    Stated,
    /// Links may not run in this pair of tenants.
    PairNotAllowed,
    /// The evidence lies outside the account's life (deleted, converted, not yet created).
    OutsideLife,
    /// Logs name a home tenant of which no account is known.
    HomeNotMonitored,
    /// The account has no home in another Entra tenant (personal account, one-time passcode, managed identity).
    NoEntraHome,
    /// Nothing that was read names a home account for it.
    NoEvidence,
}

impl RefusalReason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
        Self::ResourceDirectoryAlone,
        Self::TooWeak,
        Self::Refuted,
        Self::Ambiguous,
        Self::TwoHomes,
        Self::HomeIsSatellite,
        Self::HomeIsExternal,
        Self::Stated,
        Self::PairNotAllowed,
        Self::OutsideLife,
        Self::HomeNotMonitored,
        Self::NoEntraHome,
        Self::NoEvidence,
    ];

    /// The word used on the wire and in SQL.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ResourceDirectoryAlone => "resource_directory_alone",
            Self::TooWeak => "too_weak",
            Self::Refuted => "refuted",
            Self::Ambiguous => "ambiguous",
            Self::TwoHomes => "two_homes",
            Self::HomeIsSatellite => "home_is_satellite",
            Self::HomeIsExternal => "home_is_external",
            Self::Stated => "stated",
            Self::PairNotAllowed => "pair_not_allowed",
            Self::OutsideLife => "outside_life",
            Self::HomeNotMonitored => "home_not_monitored",
            Self::NoEntraHome => "no_entra_home",
            Self::NoEvidence => "no_evidence",
        }
    }
}

/// A link that was not made, or not accepted, and why: what "or says why not" is made of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The account without a home.
    pub account: AccountKey,
    /// The tenant where the home would be; the account's own where nothing says which.
    pub tenant: TenantId,
    /// The home account it would have been; `None` where no single one is meant.
    pub home: Option<AccountKey>,
    /// Why not.
    pub reason: RefusalReason,
    /// The kinds of evidence refused, sorted, each once.
    pub kinds: Vec<EvidenceKind>,
    /// Holds from.
    pub from: EventTime,
    /// Holds until, exclusive.
    pub until: EventTime,
    /// What it rests on, for the reader: the refuting record, the shared address.
    pub source: CompactString,
}

/// What an analyst or the configuration says of two accounts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// One person: evidence K1.
    Same,
    /// Two people: overrides all evidence, across rebuilds.
    Different,
    /// The last statement about these two no longer holds.
    Withdrawn,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 3] = [Self::Same, Self::Different, Self::Withdrawn];

    /// The word used on the wire and in SQL.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word that [`Verdict::code`] writes.
    pub fn read(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.code() == code)
    }
}

/// A statement about two accounts, by a person who answers for it. Of several about one couple the last (by `at`, then by the
/// rest) holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// The satellite account.
    pub account: AccountKey,
    /// The home account.
    pub home: AccountKey,
    /// When it was said.
    pub at: EventTime,
    /// What.
    pub verdict: Verdict,
    /// By whom; `configuration` for a configured table.
    pub author: CompactString,
    /// Why.
    pub reason: CompactString,
    /// Holds from, in event time.
    pub from: EventTime,
    /// Holds until, exclusive.
    pub until: EventTime,
}

/// An agreed naming rule for cloud-only twins (K13): the twin's local part is `prefix` + the home user's local part + `suffix`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NamingRule {
    /// Where the people are.
    pub home: TenantId,
    /// Where the twins are.
    pub resource: TenantId,
    /// Before the local part, lower case; may be empty.
    pub prefix: CompactString,
    /// After the local part, lower case; may be empty.
    pub suffix: CompactString,
}
