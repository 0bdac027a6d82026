//! Noise: what products raise all day about people, machines and mailboxes that nobody attacks; and `ambient` noise, which
//! happens to a victim while the attack runs. Red herrings chain through service accounts and a jump host.

use crate::attack::{Attack, AttackSide, alert_of, product_id, roads};
use crate::cast::{Account, Cast, Kind, Machine, Satellite, build_place};
use crate::finding::Product::{self, Cloud, Idp, Mda, Mde, Mdi, Mdo, Sentinel};
use crate::finding::{Finding, Label, Naming, Roads, Thing};
use crate::plan::{HOUR, Plan};
use crate::random::Random;
use caponier_model::EventTime;
use caponier_model::Severity::{self, High, Informational, Low, Medium};
use std::collections::BTreeSet;

/// Whom a kind of noise is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// Somebody of the primary tenant.
    Person,
    /// A workstation, and perhaps its user.
    Workstation,
    /// An account in a secondary tenant that came from elsewhere.
    Guest,
    /// A server.
    Server,
    /// A service account: shared by everything, so it chains what is unrelated.
    Service,
    /// The jump host, with whoever was on it.
    JumpHost,
    /// Nobody: an address from outside that tries doors.
    Scanner,
}

struct NoiseKind {
    about: About,
    product: Product,
    title: &'static str,
    severity: Severity,
    tactic: &'static str,
    techniques: &'static str,
    /// In proportion to the others.
    weight: usize,
}

#[rustfmt::skip]
const fn kind(
    about: About, product: Product, title: &'static str, severity: Severity, tactic: &'static str,
    techniques: &'static str, weight: usize,
) -> NoiseKind {
    NoiseKind { about, product, title, severity, tactic, techniques, weight }
}

#[rustfmt::skip]
const KINDS: &[NoiseKind] = &[
    kind(About::Person, Idp, "anonymizedIPAddress", Low, "InitialAccess", "T1090.003", 12),
    kind(About::Person, Idp, "unfamiliarFeatures", Low, "InitialAccess", "T1078", 9),
    kind(About::Person, Idp, "newCountry", Low, "InitialAccess", "T1078", 3),
    kind(About::Person, Mdo, "Mail reported by user as junk", Low, "InitialAccess", "T1566", 14),
    kind(About::Person, Mdo, "Mail messages removed after delivery", Informational, "InitialAccess", "T1566.002", 8),
    kind(About::Person, Mda, "Impossible travel activity", Medium, "InitialAccess", "T1078", 5),
    kind(About::Person, Sentinel, "Many failed sign-ins of one user", Medium, "CredentialAccess", "T1110", 8),
    kind(About::Person, Mda, "Unusual volume of file downloads", Low, "Collection", "T1530", 4),
    kind(About::Workstation, Mde, "Unwanted software prevented", Informational, "Execution", "T1204", 12),
    kind(About::Workstation, Mde, "Suspicious script blocked", Medium, "Execution", "T1059", 5),
    kind(About::Workstation, Mde, "Malware detected and quarantined", Medium, "Execution", "T1204.002", 3),
    kind(About::Workstation, Mdi, "Weak cipher used in authentication", Low, "CredentialAccess", "T1558", 4),
    kind(About::Guest, Sentinel, "Guest sign-in outside office hours", Low, "InitialAccess", "T1078.004", 6),
    kind(About::Guest, Mda, "External user opened many files", Low, "Collection", "T1530", 4),
    kind(About::Guest, Sentinel, "Conditional access failures of a guest", Low, "InitialAccess", "T1078.004", 5),
    kind(About::Server, Mde, "Antivirus signature outdated", Informational, "DefenseEvasion", "T1562.001", 4),
    kind(About::Server, Cloud, "Management port open to the internet", Medium, "InitialAccess", "T1133", 4),
    kind(About::Server, Mde, "Scheduled task created", Low, "Persistence", "T1053.005", 5),
    kind(About::Service, Sentinel, "Service account signed in interactively", Medium, "DefenseEvasion", "T1078", 2),
    kind(About::Service, Cloud, "Unusual resource access by automation", Low, "Discovery", "T1526", 2),
    kind(About::JumpHost, Mde, "Remote session opened on the jump host", Low, "LateralMovement", "T1021.001", 3),
    kind(About::JumpHost, Mde, "Many sessions on the jump host", High, "LateralMovement", "T1021", 1),
    kind(About::Scanner, Sentinel, "Port scan from one address", Low, "Reconnaissance", "T1595", 5),
];

/// Draws one plan's noise.
struct Maker<'a> {
    plan: &'a Plan,
    cast: &'a Cast,
    random: Random,
    bystanders: Vec<usize>,
    guests: Vec<usize>,
    /// The first server that no attack reaches.
    free_server: usize,
    /// Tenants whose jump host so many people use that it says nothing about any of them.
    crowded: BTreeSet<usize>,
}

/// People who use a crowded jump host in a week: more than twice the 50 above which scenarios.md G2 calls a device prolific.
const CROWD: usize = 130;

/// All noise: for each attack finding as much as the plan says, a part of it ambient.
pub fn draw(plan: &Plan, cast: &Cast, attacks: &[Attack]) -> Vec<Finding> {
    let victims: BTreeSet<usize> = attacks.iter().map(|a| a.person).collect();
    let mut maker = Maker {
        plan,
        cast,
        random: Random::new(plan.seed, "noise"),
        bystanders: (0..cast.people.len()).filter(|p| !victims.contains(p)).collect(),
        guests: (0..cast.satellites.len())
            .filter(|s| {
                let satellite = &cast.satellites[*s];
                satellite.kind != Kind::Delegate && satellite.person.is_none_or(|p| !victims.contains(&p))
            })
            .collect(),
        free_server: attacks.len(),
        crowded: BTreeSet::new(),
    };
    let mut out = Vec::new();
    let budget = attacks.iter().map(|a| a.findings.len()).sum::<usize>() * plan.ratios.noise as usize;
    maker.crowds(budget / 4, &mut out);
    let mut ahead = out.len();
    for attack in attacks {
        let all = attack.findings.len() * plan.ratios.noise as usize;
        let ambient = all * plan.ratios.ambient as usize / 1000;
        let mut made = 0;
        while made < ambient {
            made += maker.ambient(attack, &mut out);
        }
        made += maker.impostors(attack, &mut out);
        let paid = ahead.min(all.saturating_sub(made));
        ahead -= paid;
        made += paid;
        while made < all {
            made += maker.noise(&mut out);
        }
    }
    out
}

impl Maker<'_> {
    fn any_kind(&mut self, allowed: impl Fn(&NoiseKind) -> bool) -> &'static NoiseKind {
        let total: usize = KINDS.iter().filter(|k| allowed(k)).map(|k| k.weight).sum();
        let mut left = self.random.below(total);
        for kind in KINDS.iter().filter(|k| allowed(k)) {
            if left < kind.weight {
                return kind;
            }
            left -= kind.weight;
        }
        &KINDS[0]
    }

    /// Something small that happens to the victim meanwhile. Returns how many findings it made.
    fn ambient(&mut self, attack: &Attack, out: &mut Vec<Finding>) -> usize {
        let side = if self.random.chance(550) { AttackSide::Home } else { AttackSide::Resource };
        let kind = self.any_kind(|k| match side {
            AttackSide::Home => matches!(k.about, About::Person | About::Workstation),
            AttackSide::Resource => matches!(k.about, About::Guest | About::Server),
        });
        let account = attack.account(self.cast, side).clone();
        let delegate = account.tenant != attack.tenant(self.cast, side);
        let machine = matches!(kind.about, About::Workstation | About::Server);
        let mut things = Vec::new();
        if machine {
            things.push(Thing::Machine(attack.machine(self.cast, side).clone()));
        }
        // Without the account only what the attack itself names on this side would tie a server's noise to it.
        if !machine || kind.about == About::Server || self.random.chance(500) {
            things.push(Thing::Account(account.clone(), Naming::Object));
        }
        if kind.about == About::Server && self.crowded.contains(&account.tenant) && self.random.chance(250) {
            // The victim was on the jump host, too, as everybody was: it must join nobody to anybody.
            things = self.session(account.tenant, account.clone());
        }
        self.lure(kind, &account.mail, &mut things);
        let span = attack.last.seconds_since(attack.first);
        let at = attack.first.plus_seconds(self.random.range(0, span - 60));
        let mut finding = self.finding(kind, attack.tenant(self.cast, side), at, things);
        finding.last = finding.last.min(attack.last);
        finding.label = Label::Ambient;
        finding.attack = Some(attack.number);
        if delegate {
            finding.roads = Roads { sentinel: true, ..Roads::default() };
        }
        self.keep(finding, out)
    }

    fn noise(&mut self, out: &mut Vec<Finding>) -> usize {
        let kind = self.any_kind(|_| true);
        let resource = 1 + self.random.below(self.cast.tenants.len() - 1);
        let (tenant, things) = match kind.about {
            About::Person => (0, self.person()),
            About::Workstation => (0, self.workstation()),
            About::Guest => self.guest(),
            About::Server => (resource, self.server(resource)),
            About::Service => (resource, self.service(resource)),
            About::JumpHost => (resource, self.jump_host(resource)),
            About::Scanner => (resource, self.scanner(resource)),
        };
        let mut things = things;
        let mail = things.iter().find_map(|t| match t {
            Thing::Account(a, _) => Some(a.mail.clone()),
            _ => None,
        });
        if kind.title == "anonymizedIPAddress" {
            things.retain(|t| !matches!(t, Thing::Address(_)));
            things.push(Thing::Address(self.random.pick(&self.cast.exits).clone()));
        }
        self.lure(kind, &mail.unwrap_or_default(), &mut things);
        let at = self.plan.start.plus_seconds(self.random.range(0, self.plan.hours() * HOUR - 1200));
        let finding = self.finding(kind, tenant, at, things);
        self.keep(finding, out)
    }

    /// Fills the jump hosts of tenants that have guests enough, within `budget` findings: every week a crowd.
    fn crowds(&mut self, budget: usize, out: &mut Vec<Finding>) {
        let weeks = i64::from(self.plan.days.div_ceil(7));
        let tenants = 1..self.cast.tenants.len();
        let fits = tenants.len() * CROWD * weeks as usize <= budget;
        for tenant in tenants.filter(|_| fits) {
            let here = |g: &usize| self.cast.satellites[*g].resource == tenant;
            let guests: Vec<usize> = self.guests.iter().copied().filter(here).take(CROWD).collect();
            if guests.len() < CROWD {
                continue;
            }
            self.crowded.insert(tenant);
            for week in 0..weeks {
                let hours = (self.plan.hours() - week * 168).min(168);
                let begins = self.plan.start.plus_seconds(week * 168 * HOUR);
                for guest in &guests {
                    let things = self.session(tenant, self.cast.satellites[*guest].account.clone());
                    let at = begins.plus_seconds(self.random.range(0, hours * HOUR - 1200));
                    let kind = self.any_kind(|k| k.about == About::JumpHost);
                    let finding = self.finding(kind, tenant, at, things);
                    out.push(finding);
                }
            }
        }
    }

    fn session(&self, tenant: usize, account: Account) -> Vec<Thing> {
        let servers = &self.cast.tenants[tenant].servers;
        vec![Thing::Machine(servers[servers.len() - 1].clone()), Thing::Account(account, Naming::Object)]
    }

    /// What impostors do while the victim whose address they bear is attacked: noise, and ruinous for whoever believes a
    /// directory. Returns how many findings it made.
    fn impostors(&mut self, attack: &Attack, out: &mut Vec<Finding>) -> usize {
        let cast = self.cast;
        let resource = attack.tenant(cast, AttackSide::Resource);
        let theirs = |s: &&Satellite| s.claims == Some(attack.person) && s.resource == resource;
        let mut made = 0;
        for impostor in cast.satellites.iter().filter(theirs) {
            let kind = self.any_kind(|k| k.about == About::Guest);
            let at = attack.first.plus_seconds(self.random.range(0, attack.last.seconds_since(attack.first) - 60));
            let things = vec![
                Thing::Account(impostor.account.clone(), Naming::Object),
                Thing::Address(build_place(&mut self.random)),
            ];
            let finding = self.finding(kind, resource, at, things);
            made += self.keep(finding, out);
        }
        made
    }

    fn keep(&mut self, finding: Finding, out: &mut Vec<Finding>) -> usize {
        let twice = finding.product == Idp && self.random.chance(150);
        if twice {
            out.push(alert_of(&finding, &mut self.random));
        }
        out.push(finding);
        1 + usize::from(twice)
    }

    fn finding(&mut self, kind: &NoiseKind, tenant: usize, at: EventTime, things: Vec<Thing>) -> Finding {
        let at = EventTime::from_nanos(at.nanos() + self.random.range(0, 10_000_000) * 100);
        Finding {
            tenant,
            product: kind.product,
            id: product_id(kind.product, &mut self.random),
            system_alert: self.random.guid(),
            title: kind.title.to_owned(),
            severity: kind.severity,
            tactic: kind.tactic,
            techniques: kind.techniques,
            detector: if kind.product == Idp { kind.title } else { "" },
            first: at,
            last: at.plus_seconds(self.random.range(0, 600)),
            things,
            roads: roads(kind.product, &mut self.random),
            label: Label::Noise,
            attack: None,
        }
        .sentinel_id()
    }

    /// A mail finding names a mail of its own: unrelated mails share nothing.
    fn lure(&mut self, kind: &NoiseKind, to: &str, things: &mut Vec<Thing>) {
        if kind.product == Mdo {
            let id = format!("{}-mail-{}", self.random.hex(8), self.random.hex(12));
            let from = format!("news{}@list.example", self.random.below(900));
            things.push(Thing::Mail(id, to.to_owned(), from, "Special offer".to_owned()));
        }
    }

    fn person(&mut self) -> Vec<Thing> {
        let person = *self.random.pick(&self.bystanders);
        let account = self.cast.people[person].account.clone();
        let address = self.cast.address(person, &mut self.random).to_owned();
        let naming = if self.random.chance(100) { Naming::Upn } else { Naming::Object };
        vec![Thing::Account(account, naming), Thing::Address(address)]
    }

    fn workstation(&mut self) -> Vec<Thing> {
        let person = &self.cast.people[*self.random.pick(&self.bystanders)];
        let mut things = vec![Thing::Machine(person.machine.clone())];
        if self.random.chance(600) {
            things.push(Thing::Account(person.account.clone(), Naming::Object));
        }
        if self.random.chance(300) {
            things.push(Thing::File(format!("setup{}.exe", self.random.below(5000)), self.random.hex(64)));
        }
        things
    }

    fn guest(&mut self) -> (usize, Vec<Thing>) {
        let satellite = &self.cast.satellites[*self.random.pick(&self.guests)];
        let address = match satellite.person {
            Some(person) => self.cast.address(person, &mut self.random).to_owned(),
            None => build_place(&mut self.random),
        };
        (satellite.resource, vec![Thing::Account(satellite.account.clone(), Naming::Object), Thing::Address(address)])
    }

    /// A server that no attack reaches; never the jump host, which is the last.
    fn free_server(&mut self, tenant: usize) -> Machine {
        let servers = &self.cast.tenants[tenant].servers;
        let at = self.free_server + self.random.below(servers.len() - 1 - self.free_server);
        servers[at].clone()
    }

    fn server(&mut self, tenant: usize) -> Vec<Thing> {
        let server = self.free_server(tenant);
        let resource = server.azure.clone().unwrap_or_default();
        vec![Thing::Machine(server), Thing::Resource(resource)]
    }

    fn service_account(&mut self, tenant: usize) -> Account {
        let tenant = &self.cast.tenants[tenant];
        let services = tenant.natives.len() - tenant.first_service;
        tenant.natives[tenant.first_service + self.random.below(services)].clone()
    }

    fn service(&mut self, tenant: usize) -> Vec<Thing> {
        let server = self.free_server(tenant);
        vec![Thing::Account(self.service_account(tenant), Naming::Object), Thing::Machine(server)]
    }

    fn jump_host(&mut self, tenant: usize) -> Vec<Thing> {
        let servers = &self.cast.tenants[tenant].servers;
        let mut things = vec![Thing::Machine(servers[servers.len() - 1].clone())];
        let guests: Vec<usize> =
            self.guests.iter().copied().filter(|g| self.cast.satellites[*g].resource == tenant).collect();
        if self.random.chance(700) && !guests.is_empty() {
            let guest = &self.cast.satellites[*self.random.pick(&guests)];
            things.push(Thing::Account(guest.account.clone(), Naming::Object));
        }
        things
    }

    fn scanner(&mut self, tenant: usize) -> Vec<Thing> {
        let address = format!("192.0.2.{}", 10 + self.random.below(40));
        vec![Thing::Address(address), Thing::Machine(self.free_server(tenant))]
    }
}
