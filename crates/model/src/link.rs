//! Links from satellite accounts to home accounts, what the directories say of an account, and what a binding tells the
//! correlator.

use crate::{AccountKey, EventTime, EvidenceKind, Guid, TenantId};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// What the combined evidence amounts to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
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
    /// A service principal: an application's object in one tenant.
    ServicePrincipal,
    /// A managed identity: it lives in one tenant only and never has a home elsewhere.
    ManagedIdentity,
    /// A device.
    Device,
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
            Self::ServicePrincipal => "service_principal",
            Self::ManagedIdentity => "managed_identity",
            Self::Device => "device",
        }
    }
}

/// What the directories say of one account: its names and their validity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
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
    /// Every PUID of its own that a token showed; upper case, sorted.
    pub puids: Vec<CompactString>,
    /// The application, for a service principal.
    pub app: Option<Guid>,
    /// Defender device id and ARM resource id, for a device; lower case, sorted.
    pub devices: Vec<CompactString>,
    /// Enabled?
    pub enabled: Option<bool>,
    /// Exists from.
    pub from: EventTime,
    /// Exists until, exclusive.
    pub until: EventTime,
}

/// A change of what is known about identities: an entry of the journal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum IdentityChange {
    /// An account's facts; replaces the fact of the same account and beginning.
    Account(AccountFacts),
    /// A fact is withdrawn: (account, from).
    Forget(AccountKey, EventTime),
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
    /// PUID, in upper case.
    Puid(&'a str),
    /// Application id: its service principal in the tenant.
    App(Guid),
    /// Defender device id or ARM resource id, in lower case.
    Device(&'a str),
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

    /// The person behind `account` at `at`: [`Persons::bind`] without the reasons, for the hot path; allocates nothing.
    fn person(&self, account: AccountKey, at: EventTime) -> AccountKey {
        self.bind(account, at).person
    }

    /// Who `account` is at `at`.
    fn bind(&self, account: AccountKey, at: EventTime) -> Binding;

    /// What is known of the account at `at`, for the reader. Owned, because an index need not keep it in this shape.
    fn facts(&self, account: AccountKey, at: EventTime) -> Option<AccountFacts>;

    /// Takes in one change and returns the accounts whose binding it may alter (satellite and home), sorted.
    fn apply(&mut self, change: IdentityChange) -> Vec<AccountKey>;
}
