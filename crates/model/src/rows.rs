//! Rows of identity evidence: what an event contributes to the tables that `queries/identity/*.sql` join.
//!
//! Owned, because they outlive the bytes; folded (addresses in lower case, SIDs in upper case), because SQL compares bytes.

use crate::{AccountKey, EventTime, Guid, Statement, TenantId};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// An account as its directory showed it at `seen`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// Which account.
    pub account: AccountKey,
    /// When this state was seen: the snapshot's or the row's time, where there is one.
    pub seen: Option<EventTime>,
    /// Created.
    pub created: Option<EventTime>,
    /// Deleted.
    pub deleted: Option<EventTime>,
    /// UPN, lower case.
    pub upn: Option<CompactString>,
    /// Mail, lower case.
    pub mail: Option<CompactString>,
    /// Other addresses, lower case, sorted.
    pub addresses: Vec<CompactString>,
    /// Display name.
    pub display: Option<CompactString>,
    /// `member` or `guest`, lower case.
    pub user_type: Option<CompactString>,
    /// Creation type, lower case.
    pub creation_type: Option<CompactString>,
    /// External state, lower case.
    pub external_state: Option<CompactString>,
    /// True when an identity says `ExternalAzureAD`.
    pub external_entra: bool,
    /// Employee id.
    pub employee: Option<CompactString>,
    /// On-premises SID, upper case.
    pub onprem_sid: Option<CompactString>,
    /// Immutable id.
    pub immutable_id: Option<CompactString>,
    /// Extension holding the home object id.
    pub home_object: Option<Guid>,
    /// Enabled?
    pub enabled: Option<bool>,
}

/// How a sign-in crosses tenants (`crossTenantAccessType`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Access {
    /// The row does not say, or says `none`.
    #[default]
    Unsaid,
    /// `b2bCollaboration`: a guest object in the resource tenant.
    Collaboration,
    /// `b2bDirectConnect`: no object in the resource tenant; the row's object is the home account.
    DirectConnect,
    /// `serviceProvider`, `microsoftSupport`: a delegate (Lighthouse, GDAP); the row's object is the home account.
    Delegated,
    /// Anything else (`passthrough`, words not known yet).
    Other,
}

impl Access {
    /// The word used in SQL.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsaid => "unsaid",
            Self::Collaboration => "collaboration",
            Self::DirectConnect => "direct_connect",
            Self::Delegated => "delegated",
            Self::Other => "other",
        }
    }
}

/// A sign-in that names two tenants.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SignInRow {
    /// The tenant whose log has the row.
    pub log: TenantId,
    /// Tenant of the account.
    pub home: TenantId,
    /// Tenant of the resource.
    pub resource: TenantId,
    /// Object id in the log's tenant.
    pub object: Option<Guid>,
    /// Sign-in name, lower case.
    pub upn: Option<CompactString>,
    /// Client application.
    pub app: Option<Guid>,
    /// When.
    pub time: EventTime,
    /// Request id.
    pub id: CompactString,
    /// Correlation id, where it is a GUID; supplied by the client.
    pub correlation: Option<Guid>,
    /// How it crosses.
    pub access: Access,
    /// Whether it worked.
    pub success: bool,
}

/// A service principal or managed identity, as a sign-in log or a directory shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PrincipalRow {
    /// The service principal object, in the tenant whose log or directory has the row.
    pub account: AccountKey,
    /// The application.
    pub app: Guid,
    /// The tenant that owns the application, where the row names it.
    pub owner: Option<TenantId>,
    /// True for a managed identity.
    pub managed: bool,
    /// Display name.
    pub name: Option<CompactString>,
    /// When.
    pub time: EventTime,
    /// The row's id.
    pub id: CompactString,
}

/// An invitation or its redemption in a resource tenant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct InvitationRow {
    /// The guest object.
    pub guest: AccountKey,
    /// The invited address, lower case.
    pub address: CompactString,
    /// Redeemed?
    pub redeemed: bool,
    /// When.
    pub time: EventTime,
    /// The audit row's id.
    pub id: CompactString,
}

/// A directory role given to an account or taken from it, as an audit row tells. No evidence of who is who.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RoleRow {
    /// The account.
    pub account: AccountKey,
    /// The role's display name, as written.
    pub role: Option<CompactString>,
    /// The role's template, the same in every tenant.
    pub template: Option<Guid>,
    /// False where it was taken.
    pub given: bool,
    /// The account may activate it, and has not yet.
    pub eligible: bool,
    /// Who did it.
    pub by: Option<Guid>,
    /// Who did it, by name, lower case.
    pub by_name: Option<CompactString>,
    /// When.
    pub time: EventTime,
    /// The audit row's id.
    pub id: CompactString,
}

/// One cross-tenant access setting that a tenant changed for a partner, as an audit row tells. No evidence of who is who.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PartnerRow {
    /// The tenant whose settings they are.
    pub tenant: TenantId,
    /// The partner, where the row names it.
    pub partner: Option<TenantId>,
    /// The setting's name, as written; `None` where the row names no setting.
    pub setting: Option<CompactString>,
    /// What it was.
    pub before: Option<CompactString>,
    /// What it became.
    pub after: Option<CompactString>,
    /// The partner's own settings went, all of them.
    pub removed: bool,
    /// Who did it.
    pub by: Option<Guid>,
    /// Who did it, by name, lower case.
    pub by_name: Option<CompactString>,
    /// When.
    pub time: EventTime,
    /// The audit row's id.
    pub id: CompactString,
}

/// A provisioning row that names both objects.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ProvisioningRow {
    /// The source object, in the tenant whose log has the row.
    pub source: AccountKey,
    /// The target object's id.
    pub target: Guid,
    /// The target tenant, where the row names it.
    pub target_tenant: Option<TenantId>,
    /// `create`, `update`, `delete`, …, lower case.
    pub action: CompactString,
    /// When.
    pub time: EventTime,
    /// The row's id.
    pub id: CompactString,
}

/// A control-plane caller whose claims say who it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CallerRow {
    /// The tenant whose subscription it acted on.
    pub log: TenantId,
    /// The calling object, in the tenant that issued its token.
    pub caller: AccountKey,
    /// The home tenant that the identity provider claim names.
    pub provider: Option<TenantId>,
    /// PUID of the home account (from `altsecid`), upper case.
    pub home_puid: Option<CompactString>,
    /// PUID of the caller, upper case.
    pub puid: Option<CompactString>,
    /// On-premises SID, upper case.
    pub onprem_sid: Option<CompactString>,
    /// When.
    pub time: EventTime,
    /// A name for the row: correlation id and operation.
    pub id: CompactString,
}

/// A device known by several ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DeviceRow {
    /// Whose inventory.
    pub tenant: TenantId,
    /// Defender device id, lower case.
    pub defender: Option<CompactString>,
    /// Entra device id.
    pub entra: Option<Guid>,
    /// Object id in the directory: another one than the device id, and the one its cloud SID is made of.
    pub object: Option<Guid>,
    /// ARM resource id, lower case.
    pub azure: Option<CompactString>,
    /// Host name, lower case.
    pub name: Option<CompactString>,
    /// When it was seen.
    pub time: EventTime,
}

/// All evidence rows of a capture or a batch. Order carries no meaning: the queries sort.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Rows {
    /// Accounts.
    pub accounts: Vec<AccountRow>,
    /// Cross-tenant sign-ins.
    pub sign_ins: Vec<SignInRow>,
    /// Invitations and redemptions.
    pub invitations: Vec<InvitationRow>,
    /// Provisioning.
    pub provisioning: Vec<ProvisioningRow>,
    /// Callers.
    pub callers: Vec<CallerRow>,
    /// Devices.
    pub devices: Vec<DeviceRow>,
    /// Service principals and managed identities.
    pub principals: Vec<PrincipalRow>,
    /// What analysts and the configuration say.
    pub statements: Vec<Statement>,
    /// Roles given and taken. Only people's questions read them: they are neither counted as evidence nor written to a journal.
    #[serde(skip)]
    pub roles: Vec<RoleRow>,
    /// Cross-tenant access settings changed. As `roles`.
    #[serde(skip)]
    pub partners: Vec<PartnerRow>,
}

impl Rows {
    /// Moves everything out of `other` into `self`.
    pub fn append(&mut self, mut other: Self) {
        self.accounts.append(&mut other.accounts);
        self.sign_ins.append(&mut other.sign_ins);
        self.invitations.append(&mut other.invitations);
        self.provisioning.append(&mut other.provisioning);
        self.callers.append(&mut other.callers);
        self.devices.append(&mut other.devices);
        self.principals.append(&mut other.principals);
        self.statements.append(&mut other.statements);
        self.roles.append(&mut other.roles);
        self.partners.append(&mut other.partners);
    }

    /// How many rows of evidence there are.
    pub fn len(&self) -> usize {
        self.accounts.len()
            + self.sign_ins.len()
            + self.invitations.len()
            + self.provisioning.len()
            + self.callers.len()
            + self.devices.len()
            + self.principals.len()
            + self.statements.len()
    }

    /// True without any row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts and drops exact repeats, so that equal sets are equal values.
    pub fn canonical(&mut self) {
        fn tidy<T: Ord>(rows: &mut Vec<T>) {
            rows.sort_unstable();
            rows.dedup();
        }
        tidy(&mut self.accounts);
        tidy(&mut self.sign_ins);
        tidy(&mut self.invitations);
        tidy(&mut self.provisioning);
        tidy(&mut self.callers);
        tidy(&mut self.devices);
        tidy(&mut self.principals);
        tidy(&mut self.statements);
        tidy(&mut self.roles);
        tidy(&mut self.partners);
    }
}
