//! A decoded record. It borrows from the bytes it came from: most records are quiet, and a quiet record should cost no heap.

use crate::{EventTime, Guid, Severity, Sighting, SourceIncident, TenantId};
use compact_str::CompactString;
use std::borrow::Cow;

/// One record of any export, with the facts that every format shares and a body by kind.
///
/// The shared facts are what an oracle, a rule or a hunt asks of every record; a body carries what correlation and the
/// identity join need beyond them. Accounts stay as the record names them: nobody is resolved here.
#[derive(Clone, PartialEq, Debug)]
pub struct Event<'a> {
    /// The format's name in the export table.
    pub format: &'static str,
    /// The tenant whose log this is.
    pub tenant: TenantId,
    /// When it happened.
    pub time: EventTime,
    /// The record's own id, where the format has one.
    pub id: Option<Cow<'a, str>>,
    /// What was done, in the source's words (operation, activity, action type).
    pub operation: Option<Cow<'a, str>>,
    /// Who did it.
    pub actor: Actor<'a>,
    /// The address it came from.
    pub address: Option<Cow<'a, str>>,
    /// The device it happened on.
    pub device: DeviceRef<'a>,
    /// Whether it worked.
    pub outcome: Option<Outcome>,
    /// Severity, where the format has one.
    pub severity: Severity,
    /// ATT&CK techniques named by the record.
    pub techniques: Vec<CompactString>,
    /// A stable hash of what identifies the record's content: equal for exact copies, whatever their envelope says.
    pub content: u128,
    /// The rest, by kind.
    pub body: Body<'a>,
}

/// Did it work?
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// It worked.
    Success,
    /// It did not.
    Failure,
}

/// An account as a record names it, in the directory of the record's tenant unless a body says otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Actor<'a> {
    /// Object id.
    pub id: Option<Guid>,
    /// UPN or mail, in the record's case.
    pub name: Option<Cow<'a, str>>,
    /// Display name.
    pub display: Option<Cow<'a, str>>,
    /// Security identifier.
    pub sid: Option<Cow<'a, str>>,
    /// Down-level domain or authority.
    pub domain: Option<Cow<'a, str>>,
}

/// A device as a record names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeviceRef<'a> {
    /// Defender or Entra device id, as written.
    pub id: Option<Cow<'a, str>>,
    /// Host name.
    pub name: Option<Cow<'a, str>>,
}

/// What kind of record it is.
#[expect(
    clippy::large_enum_variant,
    reason = "sign-ins are most of what is read, and a box would cost each of them an allocation"
)]
#[derive(Clone, PartialEq, Debug)]
pub enum Body<'a> {
    /// A sign-in of a user.
    SignIn(SignIn<'a>),
    /// A directory audit row.
    Audit(Audit<'a>),
    /// An Azure control-plane record.
    Caller(Caller<'a>),
    /// A provisioning (synchronisation) row.
    Provisioning(Provisioning<'a>),
    /// A directory object: an account as a snapshot or a change shows it.
    Directory(Box<Directory<'a>>),
    /// A directory object: a service principal.
    Principal(Principal),
    /// A device inventory row: its ids belong together.
    Inventory {
        /// Defender device id.
        defender: Option<Cow<'a, str>>,
        /// Entra device id.
        entra: Option<Guid>,
        /// Object id in the directory.
        object: Option<Guid>,
        /// ARM resource id of the machine.
        azure: Option<Cow<'a, str>>,
    },
    /// An alert, a risk detection, or evidence of one.
    Sighting(Box<Sighting>),
    /// A source incident.
    Incident(Box<SourceIncident>),
    /// Anything whose shared facts are all there is (telemetry, the state of a risky user).
    Plain,
}

/// The cross-tenant half of a sign-in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SignIn<'a> {
    /// Tenant of the account; `None` where absent or blank.
    pub home: Option<TenantId>,
    /// Tenant of the resource.
    pub resource: Option<TenantId>,
    /// `none`, `b2bCollaboration`, … as written.
    pub access: Option<Cow<'a, str>>,
    /// Client application; of a service principal's sign-in, its own.
    pub app: Option<Guid>,
    /// The service principal object that signed in, instead of a user.
    pub principal: Option<Guid>,
    /// The tenant that owns the application, where a service principal signed in.
    pub app_owner: Option<TenantId>,
    /// True where a managed identity signed in.
    pub managed: bool,
    /// Correlation id, supplied by the client.
    pub correlation: Option<Cow<'a, str>>,
    /// Session id.
    pub session: Option<Cow<'a, str>>,
    /// Unique token identifier.
    pub token: Option<Cow<'a, str>>,
    /// `Member` or `Guest` as written: never a test for guests.
    pub user_type: Option<Cow<'a, str>>,
    /// Risk during sign-in, in the source's words; `hidden` and `none` are `None`.
    pub risk: Option<Cow<'a, str>>,
    /// Of each of [`SIGN_IN_COLUMNS`] what the record has at its root and under `properties`, as it is spelled there and empty where it
    /// says nothing; `None` where nobody looked.
    pub columns: Option<[(&'a str, &'a str); SIGN_IN_COLUMNS.len()]>,
}

/// Columns that rules ask of nearly every sign-in: noted while it is decoded, so that nobody goes through the record again.
pub const SIGN_IN_COLUMNS: [&str; 6] = [
    "location",
    "LocationDetails",
    "isInteractive",
    "networkLocationDetails",
    "autonomousSystemNumber",
    "authenticationRequirement",
];

/// A directory audit row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audit<'a> {
    /// The service that logged it.
    pub service: Option<Cow<'a, str>>,
    /// What it was done to.
    pub targets: Vec<AuditTarget<'a>>,
    /// An invitation or its redemption, where the row is one.
    pub invitation: Option<Invitation<'a>>,
    /// A directory role given or taken, where the row says so.
    pub role: Option<RoleChange<'a>>,
    /// What became of the cross-tenant access settings for a partner, where the row is about them.
    pub partner: Option<PartnerChange<'a>>,
}

/// A directory role given to a user, or taken from one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoleChange<'a> {
    /// The user.
    pub user: Guid,
    /// The role's display name.
    pub role: Option<Cow<'a, str>>,
    /// The role's template, the same in every tenant.
    pub template: Option<Guid>,
    /// False where it was taken.
    pub given: bool,
    /// The user may activate it, and has not yet.
    pub eligible: bool,
}

/// A change of the cross-tenant access settings for one partner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartnerChange<'a> {
    /// The partner.
    pub partner: Option<TenantId>,
    /// True where the partner's own settings went.
    pub removed: bool,
    /// Settings with what they were and what they became, as written.
    pub settings: Vec<ChangedSetting<'a>>,
}

/// A setting: its name, what it was, what it became.
pub type ChangedSetting<'a> = (Cow<'a, str>, Option<Cow<'a, str>>, Option<Cow<'a, str>>);

/// A target of an audit row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditTarget<'a> {
    /// Object id as written (not always a GUID).
    pub id: Option<Cow<'a, str>>,
    /// `User`, `Role`, `ServicePrincipal`, ….
    pub kind: Option<Cow<'a, str>>,
    /// UPN.
    pub name: Option<Cow<'a, str>>,
    /// Display name.
    pub display: Option<Cow<'a, str>>,
}

/// An invitation: the address invited, the object made for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitation<'a> {
    /// The new object's id in the resource tenant.
    pub guest: Guid,
    /// The invited address.
    pub address: Cow<'a, str>,
    /// True once redeemed.
    pub redeemed: bool,
}

/// The caller of a control-plane operation, from its token's claims.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Caller<'a> {
    /// Tenant that issued the token.
    pub tenant: Option<TenantId>,
    /// Object id in that tenant.
    pub object: Option<Guid>,
    /// Home tenant that the identity provider claim names (`https://sts.windows.net/<home>/`).
    pub provider: Option<TenantId>,
    /// The PUID of the home account, from `altsecid` `5::…`.
    pub home_puid: Option<Cow<'a, str>>,
    /// The PUID of the calling object itself.
    pub puid: Option<Cow<'a, str>>,
    /// On-premises SID of the caller.
    pub onprem_sid: Option<Cow<'a, str>>,
    /// ARM resource id, lower case.
    pub resource: Option<Cow<'a, str>>,
    /// Subscription of the resource.
    pub subscription: Option<Guid>,
}

/// A provisioning row: which source object became which target object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Provisioning<'a> {
    /// Object id at the source.
    pub source: Option<Guid>,
    /// Object id at the target.
    pub target: Option<Guid>,
    /// Tenant of the target, where the row names it.
    pub target_tenant: Option<TenantId>,
    /// The kind of the two systems, as written.
    pub systems: (Option<Cow<'a, str>>, Option<Cow<'a, str>>),
    /// `create`, `update`, ….
    pub action: Option<Cow<'a, str>>,
}

/// A service principal as its directory shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Principal {
    /// Object id.
    pub object: Guid,
    /// The application.
    pub app: Guid,
    /// The tenant that owns the application, as the directory says.
    pub owner: Option<TenantId>,
    /// True for a managed identity.
    pub managed: bool,
}

/// An account as its directory shows it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Directory<'a> {
    /// Object id.
    pub object: Option<Guid>,
    /// User principal name.
    pub upn: Option<Cow<'a, str>>,
    /// Mail.
    pub mail: Option<Cow<'a, str>>,
    /// Other mails and proxy addresses, `smtp:` prefixes removed.
    pub addresses: Vec<Cow<'a, str>>,
    /// Display name.
    pub display: Option<Cow<'a, str>>,
    /// `Member` or `Guest` as written.
    pub user_type: Option<Cow<'a, str>>,
    /// `Invitation`, ….
    pub creation_type: Option<Cow<'a, str>>,
    /// `PendingAcceptance`, `Accepted`.
    pub external_state: Option<Cow<'a, str>>,
    /// True when an identity says `ExternalAzureAD`.
    pub external_entra: bool,
    /// Employee id.
    pub employee: Option<Cow<'a, str>>,
    /// On-premises SID.
    pub onprem_sid: Option<Cow<'a, str>>,
    /// Immutable id of the synchronised object.
    pub immutable_id: Option<Cow<'a, str>>,
    /// A directory extension that holds the home object id.
    pub home_object: Option<Guid>,
    /// Enabled?
    pub enabled: Option<bool>,
    /// When the object was created.
    pub created: Option<EventTime>,
    /// When it was deleted.
    pub deleted: Option<EventTime>,
}
