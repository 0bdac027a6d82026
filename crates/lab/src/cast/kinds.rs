//! One of every kind of account (design: every kind of account resolves, or says why not): beside the guests, members and twins that
//! attacks use, a few of each rarer kind, and of those that only look like somebody. Knows the plan and the people, no log.
//!
//! Drawn from a stream of their own: whoever adds a kind moves no attack and no noise.

use super::{Account, Cast, puid};
use crate::plan::{HOUR, Plan};
use crate::random::Random;
use caponier_model::{AccountKey, EventTime, Guid, TenantId};
use std::collections::BTreeSet;

/// What a rarer account is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sort {
    /// A guest with a password of the resource tenant: nobody of the primary tenant.
    InternalGuest,
    /// A guest that became an account of the resource tenant: the same object, another name, no home from then on.
    Converted,
    /// B2B direct connect: the home account itself, without an object in the resource tenant.
    DirectConnect,
    /// A partner's employee (GDAP) who signs in to the resource tenant with the home account itself.
    ServiceProvider,
    /// A separate account of the same human that bears the same employee id.
    EmployeeTwin,
    /// One on-premises object, synchronised into both tenants.
    DualSynced,
    /// A guest who proves an address by a one-time passcode: without an Entra home.
    Passcode,
    /// A guest that was deleted and invited again: two objects, one after the other, of one name.
    Invited,
    /// A guest whose home account left, and whose home name somebody else bears now.
    Reused,
    /// A guest that bears a home person's names and address in the directory, and never signs in.
    LookAlike,
    /// A member whose on-premises SID and employee id were typed in: a home person's.
    Typed,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::InternalGuest,
        Self::Converted,
        Self::DirectConnect,
        Self::ServiceProvider,
        Self::EmployeeTwin,
        Self::DualSynced,
        Self::Passcode,
        Self::Invited,
        Self::Reused,
        Self::LookAlike,
        Self::Typed,
    ];

    /// The word in `truth.ndjson`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InternalGuest => "internal_guest",
            Self::Converted => "converted",
            Self::DirectConnect => "direct_connect",
            Self::ServiceProvider => "service_provider",
            Self::EmployeeTwin => "employee_twin",
            Self::DualSynced => "dual_synced",
            Self::Passcode => "passcode",
            Self::Invited => "invited_again",
            Self::Reused => "reused_name",
            Self::LookAlike => "look_alike",
            Self::Typed => "typed_ids",
        }
    }

    /// What the exports show of who it is.
    pub const fn proof(self) -> &'static str {
        match self {
            Self::Converted | Self::Invited | Self::Reused => "sign_ins",
            Self::DirectConnect | Self::ServiceProvider => "claims",
            Self::EmployeeTwin | Self::DualSynced | Self::LookAlike | Self::Typed => "directory",
            Self::InternalGuest | Self::Passcode => "elsewhere",
        }
    }

    /// True where the account signs in from another tenant than its own: its directory object is a guest's.
    pub const fn is_external(self) -> bool {
        matches!(self, Self::Converted | Self::Passcode | Self::Invited | Self::Reused | Self::LookAlike)
    }
}

/// A rarer account.
#[derive(Debug)]
pub struct Special {
    /// What it is.
    pub sort: Sort,
    /// The secondary tenant it is used in.
    pub resource: usize,
    /// The account as it is in the end; for direct connect and partners the home account.
    pub account: Account,
    /// Whose it truly is.
    pub home: Option<Account>,
    /// What stood in its place before the turn: the same object under another name, or the object that was deleted.
    pub earlier: Option<Account>,
    /// Who bears the home name after the turn.
    pub newcomer: Option<Account>,
    /// When things changed.
    pub turn: EventTime,
}

/// An application and its service principals, or a managed identity.
#[derive(Debug)]
pub struct Application {
    /// The application.
    pub app: Guid,
    /// Display name.
    pub name: String,
    /// The tenant that owns it.
    pub owner: TenantId,
    /// True for a managed identity.
    pub managed: bool,
    /// Its service principals, as (index of the tenant, object).
    pub objects: Vec<(usize, Guid)>,
}

/// A tenant that nobody here monitors: it owns the platform's own applications.
const PLATFORM: TenantId = TenantId(Guid::from_u128(0xf8cd_ef31_a31e_4b4a_93e4_5f57_1e91_255a));
/// The tenant of a vendor.
const VENDOR: TenantId = TenantId(Guid::from_u128(0x0e15_e1e5_0000_4000_8000_0000_0000_0002));

/// The rarer accounts of every secondary tenant: one of each kind, and more in large plans.
pub fn specials(plan: &Plan, cast: &Cast) -> Vec<Special> {
    let mut random = Random::new(plan.seed, "kinds");
    let mut out = Vec::new();
    for resource in 1..cast.tenants.len() {
        // A person of whom this tenant has an account already would be there twice under one name.
        let mut taken: BTreeSet<usize> =
            cast.satellites.iter().filter(|s| s.resource == resource).filter_map(|s| s.person.or(s.claims)).collect();
        let mut maker = Maker { plan, cast, resource, random: &mut random };
        for round in 0..=plan.people as usize / 2000 {
            for sort in Sort::ALL {
                let free = |p: &usize| !taken.contains(p) && cast.people[*p].renamed.is_none();
                let start = maker.random.below(cast.people.len());
                let Some(person) = (start..cast.people.len()).chain(0..start).find(free) else { continue };
                taken.insert(person);
                out.push(maker.special(sort, person, round));
            }
        }
    }
    out
}

/// Applications of several tenants, of one, of nobody we know, and managed identities.
pub fn applications(plan: &Plan, cast: &Cast) -> Vec<Application> {
    let mut random = Random::new(plan.seed, "applications");
    let everywhere = 0..cast.tenants.len();
    let mut out = Vec::new();
    let mut make = |name: String, owner: TenantId, managed: bool, tenants: Vec<usize>, random: &mut Random| {
        let objects = tenants.into_iter().map(|t| (t, random.guid())).collect();
        out.push(Application { app: random.guid(), name, owner, managed, objects });
    };
    for i in 0..2 + plan.people / 1000 {
        let owner = cast.tenants[0].id;
        make(format!("billing-connector-{i}"), owner, false, everywhere.clone().collect(), &mut random);
        // Another tenant's application under the same name joins nobody to anybody.
        make(format!("billing-connector-{i}"), VENDOR, false, everywhere.clone().skip(1).collect(), &mut random);
    }
    make("Directory reporting".to_owned(), PLATFORM, false, everywhere.clone().collect(), &mut random);
    for tenant in everywhere {
        let (id, name) = (cast.tenants[tenant].id, cast.tenants[tenant].name.clone());
        make(format!("{name}-backup"), id, false, vec![tenant], &mut random);
        for server in cast.tenants[tenant].servers.iter().take(3) {
            make(server.name.clone(), id, true, vec![tenant], &mut random);
        }
    }
    out
}

struct Maker<'a> {
    plan: &'a Plan,
    cast: &'a Cast,
    resource: usize,
    random: &'a mut Random,
}

impl Maker<'_> {
    fn special(&mut self, sort: Sort, person: usize, round: usize) -> Special {
        let home = self.cast.people[person].account.clone();
        let minute = self.random.range(0, 60) * 60;
        let turn = self.plan.start.plus_seconds(self.plan.hours() / 2 * HOUR + minute);
        let mut made = Special {
            sort,
            resource: self.resource,
            account: self.native(&home.mail, &home.display),
            home: Some(home.clone()),
            earlier: None,
            newcomer: None,
            turn,
        };
        match sort {
            Sort::InternalGuest => {
                made.account = self.native(&format!("contractor{round}"), "Contractor");
                made.account.user_type = "Guest";
                made.home = None;
            }
            Sort::Converted => {
                made.earlier = Some(Account { key: made.account.key, ..self.guest(&home.mail, &home.display) });
            }
            Sort::DirectConnect | Sort::ServiceProvider => made.account = home,
            Sort::EmployeeTwin => {
                made.account = self.native(&format!("cloud-{}", home.mail), &home.display);
                made.account.employee.clone_from(&home.employee);
            }
            Sort::DualSynced => made.account.sid = home.sid,
            Sort::Passcode => {
                made.account = self.guest(&format!("visitor{round}@post.example"), "Visitor");
                made.home = None;
            }
            Sort::Invited => {
                made.account = self.guest(&home.mail, &home.display);
                made.earlier = Some(self.guest(&home.mail, &home.display));
                made.account.created = turn.plus_seconds(HOUR);
            }
            Sort::Reused => self.reused(&mut made, round),
            Sort::LookAlike => {
                made.account = self.guest(&home.mail, &home.display);
                made.home = None;
            }
            Sort::Typed => {
                made.account.upn = format!("svc-{}", made.account.upn);
                made.account.mail.clone_from(&made.account.upn);
                (made.account.sid, made.account.employee) = (home.sid, home.employee);
                made.home = None;
            }
        }
        made
    }

    /// Somebody leaves, and a newcomer gets the name; the guest stays behind.
    fn reused(&mut self, made: &mut Special, round: usize) {
        let domain = &self.cast.tenants[0].domains[0];
        let name = format!("reception{round}.{}@{domain}", self.resource);
        let object = |random: &mut Random| AccountKey { tenant: self.cast.tenants[0].id, object: random.guid() };
        let template = self.cast.people[0].account.clone();
        let leaver = Account {
            key: object(self.random),
            upn: name.clone(),
            mail: name.clone(),
            others: Vec::new(),
            display: format!("Reception {round}"),
            sid: String::new(),
            puid: puid(self.random),
            employee: None,
            ..template
        };
        let newcomer = Account {
            key: object(self.random),
            puid: puid(self.random),
            created: made.turn.plus_seconds(2 * HOUR),
            ..leaver.clone()
        };
        made.account = self.guest(&name, &leaver.display);
        made.earlier = Some(leaver.clone());
        made.home = Some(leaver);
        made.newcomer = Some(newcomer);
    }

    /// An account of the resource tenant itself, named like `mail`.
    fn native(&mut self, mail: &str, display: &str) -> Account {
        let tenant = &self.cast.tenants[self.resource];
        let upn = format!("{}@{}", mail.split('@').next().unwrap_or_default(), tenant.domains[0]);
        Account { upn: upn.clone(), mail: upn, others: Vec::new(), user_type: "Member", ..self.guest(mail, display) }
    }

    fn guest(&mut self, mail: &str, display: &str) -> Account {
        let tenant = &self.cast.tenants[self.resource];
        Account {
            tenant: self.resource,
            key: AccountKey { tenant: tenant.id, object: self.random.guid() },
            upn: format!("{}#EXT#@{}", mail.replace('@', "_"), tenant.initial),
            mail: mail.to_owned(),
            others: vec![mail.to_owned()],
            display: display.to_owned(),
            user_type: "Guest",
            sid: String::new(),
            puid: puid(self.random),
            employee: None,
            created: self.plan.start.plus_seconds(-self.random.range(200 * 24 * HOUR, 900 * 24 * HOUR)),
        }
    }
}
