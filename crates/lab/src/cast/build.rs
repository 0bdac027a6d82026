//! Invents the cast, traps included (exports.md 7.4). Knows the plan, no log.

use super::names::{FIRST, LAST, TENANTS};
use super::{Account, Cast, Kind, Machine, Person, Proof, Satellite, TenantCast, kinds};
use crate::plan::{HOUR, Plan};
use crate::random::Random;
use caponier_model::{AccountKey, EventTime, Guid, TenantId};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that exists under `plan`.
pub fn build(plan: &Plan) -> Cast {
    let mut random = Random::new(plan.seed, "cast");
    let mut tenants: Vec<TenantCast> = (0..plan.tenants as usize).map(|i| tenant(plan, i, &mut random)).collect();
    let people = people(plan, &tenants[0], &mut random);
    let mut satellites = Vec::new();
    for resource in 1..tenants.len() {
        let mut maker =
            Maker { plan, tenants: &tenants, people: &people, resource, random: &mut random, known: BTreeSet::new() };
        maker.all(&mut satellites);
        let servers = plan.attacks as usize * 3 / 2 + plan.people as usize / 50 + 6;
        let made = (0..servers).map(|i| server(&tenants[resource], resource, i, &mut random)).collect();
        tenants[resource].servers = made;
    }
    let exits = (0..1 + plan.attacks / 20).map(|i| format!("198.51.100.{}", 11 + i)).collect();
    let (specials, applications) = (Vec::new(), Vec::new());
    let mut cast = Cast { tenants, people, satellites, specials, applications, start: plan.start, exits };
    cast.specials = kinds::specials(plan, &cast);
    cast.applications = kinds::applications(plan, &cast);
    cast
}

/// An address for one place only, from the range set aside for benchmarks (RFC 2544): nobody's in the real world.
pub fn place(random: &mut Random) -> String {
    format!("198.{}.{}.{}", 18 + random.below(2), random.below(256), 1 + random.below(254))
}

/// A PUID, as tokens show it.
pub fn puid(random: &mut Random) -> String {
    format!("10032000{}", random.hex(8).to_uppercase())
}

/// When an object was made: one to seven years before the capture.
fn created(plan: &Plan, random: &mut Random) -> EventTime {
    plan.start.plus_seconds(-random.range(365 * 24 * HOUR, 7 * 365 * 24 * HOUR))
}

fn tenant(plan: &Plan, index: usize, random: &mut Random) -> TenantCast {
    let name = TENANTS[index % TENANTS.len()].to_owned();
    let id = TenantId(random.guid());
    let initial = format!("{name}.onmicrosoft.com");
    let mut domains = vec![format!("{name}.example")];
    if index == 0 {
        domains.push(format!("staff.{name}.example"));
    }
    let administrators = 4 + plan.people as usize / 100;
    let mut natives = Vec::new();
    for i in 0..administrators + 3 {
        let (local, display) = if i < administrators {
            let (first, last) = (random.pick(&FIRST), random.pick(&LAST));
            (format!("adm.{}.{i}", last.to_lowercase()), format!("{first} {last} (admin)"))
        } else {
            let purpose = ["backup", "deploy", "monitor"][i - administrators];
            (format!("svc-{purpose}"), format!("Service {purpose}"))
        };
        let upn = format!("{local}@{}", domains[0]);
        natives.push(Account {
            tenant: index,
            key: AccountKey { tenant: id, object: random.guid() },
            mail: upn.clone(),
            upn,
            others: Vec::new(),
            display,
            user_type: "Member",
            sid: String::new(),
            puid: puid(random),
            employee: None,
            created: created(plan, random),
        });
    }
    let exits = if index == 0 { 1 + plan.people / 1500 } else { 1 };
    TenantCast {
        id,
        domains,
        initial,
        workspace: random.guid(),
        subscription: random.guid(),
        natives,
        first_service: administrators,
        servers: Vec::new(),
        egress: (0..exits).map(|i| format!("203.0.113.{}", 8 + index as u32 * 24 + i % 24)).collect(),
        exports_tables: index == 1,
        name,
    }
}

fn people(plan: &Plan, tenant: &TenantCast, random: &mut Random) -> Vec<Person> {
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    let domain_sid =
        format!("S-1-5-21-{}-{}-{}", random.range(1 << 28, 1 << 31), random.next() >> 33, random.next() >> 33);
    (0..plan.people as usize).map(|i| person(plan, tenant, i, &mut taken, &domain_sid, random)).collect()
}

fn person(
    plan: &Plan,
    tenant: &TenantCast,
    i: usize,
    taken: &mut BTreeMap<String, u32>,
    domain_sid: &str,
    random: &mut Random,
) -> Person {
    let (first, last) = (*random.pick(&FIRST), *random.pick(&LAST));
    let separator = if random.chance(150) { '_' } else { '.' };
    let mut local = format!("{}{separator}{}", first.to_lowercase(), last.to_lowercase());
    let count = taken.entry(local.clone()).or_insert(0);
    *count += 1;
    if *count > 1 {
        local.push_str(&count.to_string());
    }
    let mail = format!("{local}@{}", tenant.domains[0]);
    let employee = format!("{:06}", 1000 + i);
    // A fifth signs in by employee number: the guest's name is then made of the mail, which is not the UPN.
    let upn = if random.chance(200) { format!("e{employee}@{}", tenant.domains[1]) } else { mail.clone() };
    let mut others = Vec::new();
    if random.chance(300) {
        others.push(format!("{}{}{i}@{}", &first[..1].to_lowercase(), last.to_lowercase(), tenant.domains[0]));
    }
    let renamed = (i % 200 == 3).then(|| {
        let when = plan.start.plus_seconds(random.range(0, plan.hours()) * HOUR);
        (when, format!("{}.before{i}@{}", first.to_lowercase(), tenant.domains[0]))
    });
    if let Some((_, old)) = &renamed {
        others.push(old.clone());
    }
    let account = Account {
        tenant: 0,
        key: AccountKey { tenant: tenant.id, object: random.guid() },
        upn,
        mail,
        others,
        display: format!("{first} {last}"),
        user_type: "Member",
        sid: format!("{domain_sid}-{}", 1100 + i),
        puid: puid(random),
        employee: Some(employee),
        created: created(plan, random),
    };
    let machine = Machine {
        tenant: 0,
        name: format!("ws-{i:05}"),
        domain: tenant.domains[0].clone(),
        defender: random.hex(40),
        entra: random.guid(),
        azure: None,
        address: format!("10.{}.{}.{}", 16 + i / 65_536, i / 256 % 256, i % 256),
    };
    let egress = random.below(tenant.egress.len());
    Person { account, machine, home_address: place(random), egress, renamed, pace: random.range(50, 151) as u32 }
}

fn server(tenant: &TenantCast, index: usize, i: usize, random: &mut Random) -> Machine {
    let name = format!("{}-{}{i:03}", &tenant.name[..4], random.pick(&["sql", "app", "web", "file", "dc"]));
    let azure = format!(
        "/subscriptions/{}/resourcegroups/rg-{}/providers/microsoft.compute/virtualmachines/{name}",
        tenant.subscription,
        i % 7
    );
    Machine {
        tenant: index,
        domain: format!("{}.internal", tenant.name),
        defender: random.hex(40),
        entra: random.guid(),
        azure: Some(azure),
        address: format!("10.{}.{}.{}", 128 + index, i / 256 % 256, i % 256),
        name,
    }
}

/// Makes the satellites of one secondary tenant.
struct Maker<'a> {
    plan: &'a Plan,
    tenants: &'a [TenantCast],
    people: &'a [Person],
    resource: usize,
    random: &'a mut Random,
    /// People who have a guest here: no second object may bear the same `#EXT#` name.
    known: BTreeSet<usize>,
}

impl Maker<'_> {
    fn all(&mut self, out: &mut Vec<Satellite>) {
        let others = self.tenants.len() as u32 - 1;
        // Enough guests that every attack finds a victim of its own, and then as many again who are let be.
        let needed = (self.plan.attacks * 5 + 40) * 1000 / self.plan.people / others + 1;
        let (guests, synced) = (self.plan.ratios.guests.max(needed.min(700)), self.plan.ratios.synced);
        let leavers = (self.plan.people as usize / 150).max(1);
        for person in 0..self.people.len() {
            match self.random.below(1000) as u32 {
                n if n < guests => {
                    self.known.insert(person);
                    out.push(self.guest(person));
                }
                n if n < guests + synced => {
                    self.known.insert(person);
                    out.push(self.external_member(person));
                }
                n if n < guests + synced + self.plan.ratios.twins => out.push(self.twin(person)),
                _ => {}
            }
        }
        for _ in 0..(self.plan.attacks / 3 + 3) {
            let person = self.random.below(self.people.len());
            out.push(self.delegate(person));
        }
        for _ in 0..leavers {
            let person = self.random.below(self.people.len());
            if self.known.insert(person) {
                out.push(self.claimant(person, Kind::Leaver));
            }
        }
        for _ in 0..(self.plan.people / 400 + self.plan.attacks / 4).max(2) {
            let person = self.random.below(self.people.len());
            out.push(self.claimant(person, Kind::Hostile));
        }
        // Half of the impostors take the name of somebody whose real guest is here, too.
        let known: Vec<usize> = self.known.iter().copied().collect();
        for _ in 0..(self.plan.attacks / 4 + 1).min(known.len() as u32) {
            let person = *self.random.pick(&known);
            out.push(self.claimant(person, Kind::Hostile));
        }
        for _ in 0..(self.plan.people / 300).max(2) {
            out.push(self.consumer());
        }
    }

    fn account(&mut self, prefix_of: &str, mail: &str, display: &str, user_type: &'static str) -> Account {
        let tenant = &self.tenants[self.resource];
        Account {
            tenant: self.resource,
            key: AccountKey { tenant: tenant.id, object: self.random.guid() },
            upn: format!("{}#EXT#@{}", prefix_of.replace('@', "_"), tenant.initial),
            mail: mail.to_owned(),
            others: vec![mail.to_owned()],
            display: display.to_owned(),
            user_type,
            sid: String::new(),
            puid: puid(self.random),
            employee: None,
            created: created(self.plan, self.random),
        }
    }

    /// Most guests bear the trap that nature gave them: a UPN that is not the mail, an underscore, an old name.
    fn guest(&mut self, person: usize) -> Satellite {
        let home = &self.people[person];
        let proof = match self.random.below(100) {
            0..8 => Proof::Directory,
            8..22 => Proof::Redemption,
            _ => Proof::SignIns,
        };
        let (mail, display) = (home.account.mail.clone(), home.account.display.clone());
        // A guest keeps the address it was invited by, whatever happens to it at home.
        let invited = home.renamed.as_ref().map_or(mail, |(_, old)| old.clone());
        let upn = home.account.upn.clone();
        let account = self.account(&invited, &invited, &display, "Guest");
        let sign_in_name = if proof == Proof::Redemption { invited } else { upn };
        self.satellite(account, Some(person), Kind::Guest, proof, sign_in_name)
    }

    fn external_member(&mut self, person: usize) -> Satellite {
        let home = &self.people[person].account;
        let (upn, mail, display) = (home.upn.clone(), home.mail.clone(), home.display.clone());
        let mut account = self.account(&upn, &mail, &display, "Member");
        account.employee.clone_from(&home.employee);
        self.satellite(account, Some(person), Kind::ExternalMember, Proof::Provisioning, upn)
    }

    /// A second account that only its name and its bearer's habits give away.
    fn twin(&mut self, person: usize) -> Satellite {
        let home = &self.people[person].account;
        let display = home.display.clone();
        let local = format!("adm-{}", home.mail.split('@').next().unwrap_or_default());
        let mut account = self.account("", "", &display, "Member");
        account.upn = format!("{local}@{}", self.tenants[self.resource].domains[0]);
        account.mail.clone_from(&account.upn);
        account.others.clear();
        let name = account.upn.clone();
        let mut twin = self.satellite(account, Some(person), Kind::Twin, Proof::Directory, name);
        twin.home = self.tenants[self.resource].id;
        twin
    }

    fn delegate(&mut self, person: usize) -> Satellite {
        let account = self.people[person].account.clone();
        let name = account.upn.clone();
        self.satellite(account, Some(person), Kind::Delegate, Proof::Claims, name)
    }

    /// A guest that bears a living person's address and is not that person.
    fn claimant(&mut self, person: usize, kind: Kind) -> Satellite {
        let home = &self.people[person].account;
        let (mail, display) = (home.mail.clone(), home.display.clone());
        let (proof, prefix) = match kind {
            Kind::Leaver => (Proof::Directory, mail.clone()),
            _ => (Proof::Elsewhere, format!("contact{}@elsewhere.example", self.random.below(10_000))),
        };
        let mut account = self.account(&prefix, &mail, &display, "Guest");
        if kind == Kind::Hostile && self.known.contains(&person) {
            // The directory refuses one mail on two objects, but not a second address.
            account.mail = prefix;
        }
        if kind == Kind::Leaver {
            account.display = format!("{} {}", self.random.pick(&FIRST), self.random.pick(&LAST));
        }
        let mut claimant = self.satellite(account, None, kind, proof, mail);
        if kind == Kind::Hostile {
            claimant.home = TenantId(Guid::from_u128(0x0e15_e1e5_0000_4000_8000_0000_0000_0001));
        }
        claimant.claims = Some(person);
        claimant
    }

    fn consumer(&mut self) -> Satellite {
        let (first, last) = (*self.random.pick(&FIRST), *self.random.pick(&LAST));
        let number = self.random.below(100);
        let mail = format!("{}{}{number}@post.example", first.to_lowercase(), last.to_lowercase());
        let account = self.account(&mail, &mail, &format!("{first} {last}"), "Guest");
        let mut consumer = self.satellite(account, None, Kind::Consumer, Proof::Elsewhere, mail);
        // Guests without an Entra home show the resource tenant as their home (exports.md 4.4).
        consumer.home = self.tenants[self.resource].id;
        consumer
    }

    fn satellite(
        &mut self,
        account: Account,
        person: Option<usize>,
        kind: Kind,
        proof: Proof,
        sign_in_name: String,
    ) -> Satellite {
        // The proof of one in ten comes at any time: a link may come to light after what hangs on it.
        let last = if self.random.chance(100) { self.plan.hours() - 1 } else { 5 };
        Satellite {
            account,
            person,
            claims: None,
            resource: self.resource,
            kind,
            proof,
            sign_in_name,
            home: self.tenants[0].id,
            first_hour: self.random.range(0, last),
        }
    }
}
