//! Who and what exists: tenants, people, satellite accounts, machines. Knows no log, no attack and no wire format.

mod build;
mod kinds;
pub(crate) mod names;

use crate::random::Random;
use build::puid;
use caponier_model::{AccountKey, EventTime, Guid, TenantId};

/// Everything that exists.
#[derive(Debug)]
pub struct Cast {
    /// Tenants; the first is the primary.
    pub tenants: Vec<TenantCast>,
    /// People of the primary tenant.
    pub people: Vec<Person>,
    /// Their accounts in the secondary tenants, and accounts there that look like theirs.
    pub satellites: Vec<Satellite>,
    /// A few accounts of every rarer kind.
    pub specials: Vec<Special>,
    /// Applications with their service principals, and managed identities.
    pub applications: Vec<Application>,
    /// The first instant of the capture.
    pub start: EventTime,
    /// Addresses that many people share beyond any one tenant: exits of a commercial anonymiser.
    pub exits: Vec<String>,
}

/// One tenant.
#[derive(Debug)]
pub struct TenantCast {
    /// Entra tenant id.
    pub id: TenantId,
    /// Short name.
    pub name: String,
    /// Verified domains; the first is used for mail.
    pub domains: Vec<String>,
    /// The initial `onmicrosoft.com` domain, which guests' names end in.
    pub initial: String,
    /// Log Analytics workspace.
    pub workspace: Guid,
    /// Azure subscription.
    pub subscription: Guid,
    /// Own members that are nobody of the primary tenant: administrators and service accounts.
    pub natives: Vec<Account>,
    /// Index in `natives` where the service accounts begin.
    pub first_service: usize,
    /// Servers (secondary tenants only). The last one is the jump host.
    pub servers: Vec<Machine>,
    /// Addresses that the tenant's traffic leaves by.
    pub egress: Vec<String>,
    /// True where sign-ins arrive through Log Analytics data export instead of diagnostic settings.
    pub exports_tables: bool,
}

/// A directory object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Index of its tenant in [`Cast::tenants`].
    pub tenant: usize,
    /// Tenant and object id.
    pub key: AccountKey,
    /// User principal name as the directory shows it now.
    pub upn: String,
    /// Mail.
    pub mail: String,
    /// Other addresses.
    pub others: Vec<String>,
    /// Display name.
    pub display: String,
    /// `Member` or `Guest`.
    pub user_type: &'static str,
    /// On-premises SID; empty for a cloud account.
    pub sid: String,
    /// PUID, 16 hexadecimal digits.
    pub puid: String,
    /// Employee id.
    pub employee: Option<String>,
    /// When the object was made.
    pub created: EventTime,
}

/// Somebody of the primary tenant.
#[derive(Debug)]
pub struct Person {
    /// The home account.
    pub account: Account,
    /// The workstation.
    pub machine: Machine,
    /// Where they work from at home.
    pub home_address: String,
    /// Which of the tenant's egress addresses their office uses.
    pub egress: usize,
    /// Renamed during the capture: when, and the UPN until then.
    pub renamed: Option<(EventTime, String)>,
    /// How busy, in percent of the plan's rate.
    pub pace: u32,
}

/// A workstation or a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Index of its tenant.
    pub tenant: usize,
    /// Host name, lower case.
    pub name: String,
    /// DNS domain.
    pub domain: String,
    /// Defender device id.
    pub defender: String,
    /// Entra device id.
    pub entra: Guid,
    /// ARM resource id of a virtual machine.
    pub azure: Option<String>,
    /// Address that the sensor reports.
    pub address: String,
}

/// What a satellite account is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A guest by invitation.
    Guest,
    /// A member by cross-tenant synchronisation.
    ExternalMember,
    /// Delegated administration: the home account itself acts.
    Delegate,
    /// A separate account of the same human, with no trace that proves it.
    Twin,
    /// A guest whose home account is gone, and whose address somebody else bears now.
    Leaver,
    /// A guest of some other tenant that claims a home person's address.
    Hostile,
    /// A guest with a personal account.
    Consumer,
}

impl Kind {
    /// The word in `truth.ndjson`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::ExternalMember => "external_member",
            Self::Delegate => "delegate",
            Self::Twin => "twin",
            Self::Leaver => "leaver",
            Self::Hostile => "hostile",
            Self::Consumer => "consumer",
        }
    }
}

/// What the logs say about who a satellite account is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Proof {
    /// Sign-ins logged in both tenants, naming the home UPN.
    SignIns,
    /// A redeemed invitation, and sign-ins that name the home tenant and the mail address.
    Redemption,
    /// A provisioning row that names both objects.
    Provisioning,
    /// Claims that name the home object.
    Claims,
    /// Only what the resource tenant's directory says.
    Directory,
    /// Sign-ins that name another home tenant.
    Elsewhere,
}

/// An account in a secondary tenant.
#[derive(Debug)]
pub struct Satellite {
    /// The account; for a delegate the home account.
    pub account: Account,
    /// Whose it is, as an index of [`Cast::people`].
    pub person: Option<usize>,
    /// Whose address it bears without being theirs, as an index of [`Cast::people`].
    pub claims: Option<usize>,
    /// The secondary tenant it is used in.
    pub resource: usize,
    /// What it is.
    pub kind: Kind,
    /// What the logs say.
    pub proof: Proof,
    /// The name that sign-ins carry.
    pub sign_in_name: String,
    /// The tenant that its sign-ins name as home.
    pub home: TenantId,
    /// Hour of the capture in which its evidence is first written.
    pub first_hour: i64,
}

impl Machine {
    /// The directory's object id: another one than the device id.
    pub fn object(&self) -> Guid {
        Random::new(0, &self.defender).guid()
    }
}

impl Satellite {
    /// True when the logs prove whose it is.
    pub fn provable(&self) -> bool {
        self.person.is_some()
            && matches!(self.proof, Proof::SignIns | Proof::Redemption | Proof::Provisioning | Proof::Claims)
    }
}

impl Cast {
    /// The UPN a person bore at `at`.
    pub fn upn_at(&self, person: usize, at: EventTime) -> &str {
        let person = &self.people[person];
        match &person.renamed {
            Some((when, old)) if at < *when => old,
            _ => &person.account.upn,
        }
    }

    /// Where a person works from: mostly the office's egress, else home.
    pub fn address(&self, person: usize, random: &mut Random) -> &str {
        let person = &self.people[person];
        if random.chance(700) { &self.tenants[0].egress[person.egress] } else { &person.home_address }
    }

    /// An administrator (not a service account) of a tenant.
    pub fn administrator(&self, tenant: usize, random: &mut Random) -> &Account {
        let natives = &self.tenants[tenant].natives;
        &natives[random.below(self.tenants[tenant].first_service.min(natives.len()))]
    }
}

pub use build::{build, place as build_place};
pub use kinds::{Application, Sort, Special};
