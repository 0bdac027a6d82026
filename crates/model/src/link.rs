//! Links from satellite accounts to home accounts: evidence, the combined link, and what a binding tells the correlator.

use crate::{AccountKey, EventTime, TenantId};
use compact_str::CompactString;

/// Who could have written a piece of evidence. Evidence of one writer never counts twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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
}

impl EvidenceKind {
    /// All kinds, K1 to K14.
    pub const ALL: [Self; 14] = [
        Self::Statement,
        Self::Provisioning,
        Self::DelegatedCaller,
        Self::Puid,
        Self::PairedSignIn,
        Self::NamedSignIn,
        Self::Redemption,
        Self::CommonSource,
        Self::Extension,
        Self::EmployeeId,
        Self::Address,
        Self::ExtName,
        Self::NamingRule,
        Self::LooksAlike,
    ];

    /// The word used on the wire and in SQL.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Provisioning => "provisioning",
            Self::DelegatedCaller => "delegated_caller",
            Self::Puid => "puid",
            Self::PairedSignIn => "paired_sign_in",
            Self::NamedSignIn => "named_sign_in",
            Self::Redemption => "redemption",
            Self::CommonSource => "common_source",
            Self::Extension => "extension",
            Self::EmployeeId => "employee_id",
            Self::Address => "address",
            Self::ExtName => "ext_name",
            Self::NamingRule => "naming_rule",
            Self::LooksAlike => "looks_alike",
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
            | Self::NamedSignIn
            | Self::Redemption => Writer::Log,
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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

/// What the combined evidence amounts to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LinkState {
    /// May create cross-tenant membership.
    Accepted,
    /// Shown as "possible same person".
    Possible,
    /// Two candidates were accepted: neither is.
    Conflict,
}

impl LinkState {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Possible => "possible",
            Self::Conflict => "conflict",
        }
    }
}

/// A dated link from a satellite account to its home account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Link {
    /// The satellite account.
    pub account: AccountKey,
    /// The home account.
    pub home: AccountKey,
    /// Accepted, possible or in conflict.
    pub state: LinkState,
    /// Combined confidence in millionths: an integer, so that it is the same on every machine.
    pub confidence: u32,
    /// Kinds of the evidence, sorted, each once.
    pub kinds: Vec<EvidenceKind>,
    /// Sources of the evidence, sorted, at most eight.
    pub sources: Vec<CompactString>,
    /// Valid from.
    pub from: EventTime,
    /// Valid until, exclusive.
    pub until: EventTime,
}

/// What kind of account it is, as far as evidence says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum AccountKind {
    /// Nothing is known.
    #[default]
    Unknown,
    /// A member whose home is this tenant.
    Member,
    /// A guest from another Entra tenant.
    ExternalGuest,
    /// A member from another Entra tenant (cross-tenant synchronisation).
    ExternalMember,
    /// A guest with a password here.
    InternalGuest,
    /// A guest without an Entra home (personal account, one-time passcode).
    ConsumerGuest,
}

impl AccountKind {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Member => "member",
            Self::ExternalGuest => "external_guest",
            Self::ExternalMember => "external_member",
            Self::InternalGuest => "internal_guest",
            Self::ConsumerGuest => "consumer_guest",
        }
    }
}

/// What the directories say of one account: its names and their validity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountFacts {
    /// Which account.
    pub account: AccountKey,
    /// Kind.
    pub kind: AccountKind,
    /// UPN for display, in lower case.
    pub upn: Option<CompactString>,
    /// Display name.
    pub display: Option<CompactString>,
    /// Every name that finds it: UPN, mail, other addresses; lower case, sorted.
    pub names: Vec<CompactString>,
    /// Every SID that finds it: on-premises and cloud; upper case, sorted.
    pub sids: Vec<CompactString>,
    /// Enabled?
    pub enabled: Option<bool>,
    /// Exists from.
    pub from: EventTime,
    /// Exists until, exclusive.
    pub until: EventTime,
}

/// A change of what is known about identities: an entry of the journal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IdentityChange {
    /// An account's facts.
    Account(AccountFacts),
    /// A link appears or takes a new form.
    Link(Link),
    /// A link is withdrawn: (satellite, home, from).
    Unlink(AccountKey, AccountKey, EventTime),
}

/// A handle other than an object id by which a record names an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handle<'a> {
    /// UPN or mail, in lower case.
    Name(&'a str),
    /// Security identifier, in upper case.
    Sid(&'a str),
}

/// Who an account is at one instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The person: the home account, or the account itself where no accepted link leads away.
    pub person: AccountKey,
    /// The accepted link that led there.
    pub via: Option<Link>,
    /// Links that are only possible, or in conflict.
    pub possible: Vec<Link>,
}

/// The identity index as the correlator sees it: implemented by `identity`, probed by `correlate`.
pub trait Persons {
    /// The one account of `tenant` that the handle names at `at`; `None` when nobody or more than one bears it.
    fn account(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<AccountKey>;

    /// Who `account` is at `at`.
    fn bind(&self, account: AccountKey, at: EventTime) -> Binding;

    /// What is known of the account at `at`, for the reader.
    fn facts(&self, account: AccountKey, at: EventTime) -> Option<&AccountFacts>;

    /// Takes in one change and returns the accounts whose binding it may alter (satellite and home), sorted.
    fn apply(&mut self, change: IdentityChange) -> Vec<AccountKey>;
}
