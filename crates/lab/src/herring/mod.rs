//! Plants red herrings: for each guard something that makes two attacks, or an attack and what is none, look like one. The rows are
//! data in `table`; here they become things that findings name, findings of a crowd, and times at which attacks meet.
//!
//! Only attacks that keep to themselves are used, each for one herring: a person attacked once, an account that is proved early, no
//! step that names an address alone. What was invented stays invented by the plan's seed.

mod table;

use crate::attack::{Attack, AttackSide, product_id, roads};
use crate::cast::{Account, Cast, Kind, build_place};
use crate::finding::Product::{self, Mda, Mdo, Sentinel};
use crate::finding::{Finding, Label, Naming, Roads, Thing};
use crate::plan::{HOUR, Plan};
use crate::random::Random;
use caponier_model::{AccountKey, EventTime, Severity};
use std::collections::BTreeSet;
use table::{HERRINGS, Herring, Shape};

/// One planted herring.
#[derive(Debug)]
pub struct Planted {
    /// The guard without which it misleads.
    pub guard: &'static str,
    /// One sentence.
    pub story: &'static str,
    /// The attacks it touches, by number.
    pub attacks: Vec<u32>,
    /// What an analyst found each of them to be, a true positive or a false one; empty where nobody looked.
    pub verdicts: Vec<bool>,
    /// Words that only the audience of `owner`, and who may see into it, may read.
    pub canary: Option<(usize, String)>,
}

/// Everything that was planted.
#[derive(Debug, Default)]
pub struct Plants {
    /// Each herring.
    pub herrings: Vec<Planted>,
    /// Findings beside those of the attacks: noise by their label.
    pub findings: Vec<Finding>,
    /// Accounts that are in no cast: an administrator for emergencies, automation.
    pub accounts: Vec<Account>,
    /// What the configuration must call shared (G4).
    pub shared: Vec<String>,
}

/// People of a crowd: more than twice the cap of an address (10), of a device (50).
const AT_GATEWAY: usize = 26;
const AT_KIOSK: usize = 112;
/// Alerts of the wild automation: more than two incidents may hold (G6: 150).
const FLOOD: i64 = 330;
/// Links in the alert of a campaign.
const LINKS: usize = 1000;
/// Further alerts of each of two large attacks: with its own steps more than the ten of G8.
const LARGE: usize = 12;
/// Attacks for which every row is planted once more.
const ROUND: u32 = 100;

/// Plants every herring that the plan has room for, moving attacks in time; none when the plan wants none.
pub fn plant(plan: &Plan, cast: &Cast, attacks: &mut [Attack]) -> Plants {
    let mut out = Plants::default();
    if !plan.herrings {
        return out;
    }
    let victims: BTreeSet<usize> = attacks.iter().map(|a| a.person).collect();
    let bystanders = (0..cast.people.len()).filter(|p| !victims.contains(p)).collect();
    let random = Random::new(plan.seed, "herrings");
    let mut planter = Planter { plan, cast, random, bystanders, used: BTreeSet::new(), out: &mut out };
    for _ in 0..(plan.attacks / ROUND).max(1) {
        for herring in HERRINGS.iter().filter(|h| h.days <= plan.days) {
            planter.plant(herring, attacks);
        }
    }
    out
}

struct Planter<'a> {
    plan: &'a Plan,
    cast: &'a Cast,
    random: Random,
    bystanders: Vec<usize>,
    used: BTreeSet<usize>,
    out: &'a mut Plants,
}

/// How the alerts of a herring look.
#[derive(Clone, Copy)]
struct Look {
    product: Product,
    title: &'static str,
    severity: Severity,
    tactic: &'static str,
    techniques: &'static str,
}

#[rustfmt::skip]
const fn look(
    product: Product, title: &'static str, severity: Severity, tactic: &'static str, techniques: &'static str,
) -> Look {
    Look { product, title, severity, tactic, techniques }
}

const TRAVEL: Look = look(Mda, "Impossible travel activity", Severity::Medium, "InitialAccess", "T1078");
const SESSION: Look = look(Sentinel, "Sign-in to a shared workstation", Severity::Low, "LateralMovement", "T1021");
const RUNAWAY: Look = look(Sentinel, "Automation changed many resources", Severity::Low, "Impact", "T1578");
const DRIFT: Look = look(Sentinel, "Service account used out of schedule", Severity::Low, "Persistence", "T1078.004");
const DUMP: Look =
    look(Product::Mde, "Memory of a system process read", Severity::High, "CredentialAccess", "T1003.001");
const MORE: Look =
    look(Sentinel, "Further suspicious activity of an external user", Severity::Medium, "Discovery", "T1526");
const ABROAD: Look = look(Sentinel, "Guest opened an unusual application", Severity::Low, "InitialAccess", "T1078.004");
const CAMPAIGN: Look = look(Mdo, "Mail campaign with many links", Severity::Low, "InitialAccess", "T1566.002");

impl Planter<'_> {
    fn plant(&mut self, herring: &Herring, attacks: &mut [Attack]) {
        let touched = match herring.shape {
            Shape::BuiltIn => self.pair(attacks, |me, a, b| me.built_in(a, b)),
            Shape::Gateway { crowd } => self.pair(attacks, |me, a, b| me.gateway(crowd, a, b)),
            Shape::BreakGlass => self.pair(attacks, |me, a, b| me.break_glass(a, b)),
            Shape::Neighbours => self.pair(attacks, |me, a, b| me.neighbours(a, b)),
            Shape::Flood => self.pair(attacks, |me, a, b| me.flood(a, b)),
            Shape::SlowBurn => self.pair(attacks, |me, a, b| me.slow_burn(a, b)),
            Shape::WeakBridge => self.pair(attacks, |me, a, b| me.weak_bridge(a, b)),
            Shape::Exercise => self.pair(attacks, |me, a, b| me.exercise(a, b)),
            Shape::Kiosk => self.single(attacks, |_, _| true).map(|at| self.kiosk(&mut attacks[at])),
            Shape::ThirdTenant => {
                let elsewhere = |me: &Self, a: &Attack| me.elsewhere(a).is_some();
                self.single(attacks, elsewhere).map(|at| self.third_tenant(&attacks[at]))
            }
            Shape::Canary => {
                let canaries = (1..self.cast.tenants.len()).filter_map(|t| self.canary(t, attacks)).collect::<Vec<_>>();
                for (number, canary) in canaries {
                    self.note(herring, vec![number], Some(canary));
                }
                return;
            }
            Shape::Campaign => {
                self.campaign();
                Some(Vec::new())
            }
        };
        if let Some(touched) = touched {
            self.note(herring, touched, None);
        }
    }

    fn note(&mut self, herring: &Herring, attacks: Vec<u32>, canary: Option<(usize, String)>) {
        let verdicts = if herring.shape == Shape::Exercise { vec![true, false] } else { Vec::new() };
        self.out.herrings.push(Planted { guard: herring.guard, story: herring.story, attacks, verdicts, canary });
    }

    /// An attack that keeps to itself and is in no herring yet.
    fn single(&mut self, attacks: &[Attack], wanted: impl Fn(&Self, &Attack) -> bool) -> Option<usize> {
        let at = (0..attacks.len()).find(|i| {
            !self.used.contains(i) && self.keeps_to_itself(&attacks[*i], attacks) && wanted(self, &attacks[*i])
        })?;
        self.used.insert(at);
        Some(at)
    }

    fn keeps_to_itself(&self, attack: &Attack, attacks: &[Attack]) -> bool {
        let satellite = &self.cast.satellites[attack.satellite];
        let once = attacks.iter().filter(|a| a.person == attack.person).count() == 1;
        let early = satellite.provable() && satellite.first_hour < 5 && satellite.kind != Kind::Delegate;
        let named = |f: &Finding| f.things.iter().any(|t| matches!(t, Thing::Account(..) | Thing::Machine(_)));
        once && early && attack.findings.iter().all(named) && self.abroad(attack).is_some()
    }

    /// Two such attacks in one resource tenant; `plant` says whether it had room for its herring.
    fn pair(
        &mut self,
        attacks: &mut [Attack],
        plant: impl Fn(&mut Self, &mut Attack, &mut Attack) -> bool,
    ) -> Option<Vec<u32>> {
        let open: Vec<usize> = (0..attacks.len())
            .filter(|i| !self.used.contains(i) && self.keeps_to_itself(&attacks[*i], attacks))
            .collect();
        let tenant = |i: usize| attacks[i].tenant(self.cast, AttackSide::Resource);
        let (a, b) = open
            .iter()
            .enumerate()
            .find_map(|(k, a)| open[k + 1..].iter().find(|b| tenant(*a) == tenant(**b)).map(|b| (*a, *b)))?;
        let (front, back) = attacks.split_at_mut(b);
        let (first, second) = (&mut front[a], &mut back[0]);
        if !plant(self, first, second) {
            return None;
        }
        self.used.extend([a, b]);
        Some(vec![first.number, second.number])
    }

    /// The place of the first finding in the resource tenant.
    fn abroad(&self, attack: &Attack) -> Option<usize> {
        let tenant = attack.tenant(self.cast, AttackSide::Resource);
        attack.findings.iter().position(|f| f.tenant == tenant)
    }

    /// Moves both attacks so that their first findings in the resource tenant lie `gap` seconds apart, with so many hours free before
    /// and after. False where the plan has no room.
    fn meet(&mut self, (a, b): (&mut Attack, &mut Attack), gap: i64, free: (i64, i64)) -> bool {
        let (Some(i), Some(j)) = (self.abroad(a), self.abroad(b)) else { return false };
        let (from_a, from_b) = (a.findings[i].first.seconds_since(a.first), b.findings[j].first.seconds_since(b.first));
        // Where each begins, from the instant of the meeting.
        let (begin_a, begin_b) = (-from_a, gap - from_b);
        let end_a = begin_a + a.last.seconds_since(a.first);
        let end_b = begin_b + b.last.seconds_since(b.first);
        let earliest = self.plan.start.plus_seconds((7 + free.0) * HOUR - begin_a.min(begin_b));
        let latest = self.plan.end().plus_seconds(-(3 + free.1) * HOUR - end_a.max(end_b));
        if latest < earliest {
            return false;
        }
        let at = earliest.plus_seconds(self.random.range(0, latest.seconds_since(earliest).max(1)));
        a.shift(at.plus_seconds(begin_a).seconds_since(a.first));
        b.shift(at.plus_seconds(begin_b).seconds_since(b.first));
        true
    }

    /// Adds things to the first finding in the resource tenant.
    fn names(&self, attack: &mut Attack, things: impl IntoIterator<Item = Thing>) {
        if let Some(at) = self.abroad(attack) {
            attack.findings[at].things.extend(things);
        }
    }

    fn built_in(&mut self, a: &mut Attack, b: &mut Attack) -> bool {
        if !self.meet((a, b), 600, (0, 0)) {
            return false;
        }
        let tenant = a.tenant(self.cast, AttackSide::Resource);
        let account = self.invented(tenant, "administrator", "Built-in administrator");
        for attack in [a, b] {
            self.names(attack, [Thing::Account(account.clone(), Naming::Upn)]);
        }
        true
    }

    fn gateway(&mut self, crowd: i64, a: &mut Attack, b: &mut Attack) -> bool {
        let free = (crowd.min(0).abs() + 14, crowd.max(0) + 14);
        if self.bystanders.len() < AT_GATEWAY || !self.meet((a, b), 600, free) {
            return false;
        }
        let address = build_place(&mut self.random);
        // Two tools: one alone is the weak bridge that G8 refuses between large incidents.
        let tools = ["psexec.exe", "procdump.exe"].map(|name| Thing::File(name.to_owned(), self.random.hex(64)));
        for attack in [&mut *a, &mut *b] {
            attack.leave_by(&address);
            self.names(attack, [Thing::Address(address.clone())].into_iter().chain(tools.clone()));
        }
        for person in self.crowd(AT_GATEWAY) {
            let at = a.first.plus_seconds(crowd * HOUR + self.random.range(-12 * HOUR, 12 * HOUR));
            let account = self.cast.people[person].account.clone();
            let things = vec![Thing::Account(account, Naming::Object), Thing::Address(address.clone())];
            self.add(TRAVEL, 0, at, things);
        }
        true
    }

    fn kiosk(&mut self, attack: &mut Attack) -> Vec<u32> {
        let span = attack.last.seconds_since(attack.first);
        let begin = self.plan.start.plus_seconds(7 * HOUR + self.random.range(0, 24 * HOUR));
        attack.shift(begin.seconds_since(attack.first));
        let machine = attack.machine(self.cast, AttackSide::Home).clone();
        for part in 1..3 {
            // Without an account, and not by Sentinel, whose incident would name them anyway: the machine alone ties them.
            let at = attack.first.plus_seconds(span * part / 3);
            let things = vec![Thing::Machine(machine.clone())];
            let mut finding = self.finding(DUMP, 0, at, things);
            finding.roads = Roads { sentinel: false, stream: true, graph: false };
            attack.own(finding);
        }
        // The attack's own alert of that machine, in case no step names it.
        let own = attack.account(self.cast, AttackSide::Home).clone();
        let things = vec![Thing::Machine(machine.clone()), Thing::Account(own, Naming::Object)];
        let finding = self.finding(DUMP, 0, attack.first.plus_seconds(60), things);
        attack.own(finding);
        for person in self.crowd(AT_KIOSK) {
            let at = attack.last.plus_seconds(12 * 24 * HOUR + self.random.range(0, 60 * HOUR));
            let account = self.cast.people[person].account.clone();
            let things = vec![Thing::Machine(machine.clone()), Thing::Account(account, Naming::Object)];
            self.add(SESSION, 0, at, things);
        }
        vec![attack.number]
    }

    fn break_glass(&mut self, a: &mut Attack, b: &mut Attack) -> bool {
        if !self.meet((a, b), 1800, (0, 0)) {
            return false;
        }
        let tenant = a.tenant(self.cast, AttackSide::Resource);
        let account = self.invented(tenant, "breakglass", "Emergency access");
        self.out.shared.extend([account.key.object.to_string(), account.upn.clone()]);
        for attack in [a, b] {
            self.names(attack, [Thing::Account(account.clone(), Naming::Object)]);
        }
        true
    }

    fn neighbours(&mut self, a: &mut Attack, b: &mut Attack) -> bool {
        if !self.meet((a, b), 300, (0, 0)) {
            return false;
        }
        let address = build_place(&mut self.random);
        for attack in [a, b] {
            attack.leave_by(&address);
            self.names(attack, [Thing::Address(address.clone())]);
        }
        true
    }

    fn flood(&mut self, a: &mut Attack, b: &mut Attack) -> bool {
        let span = a.last.seconds_since(a.first) + 20 * HOUR;
        if !self.meet((a, b), span, (0, 0)) {
            return false;
        }
        self.chain(RUNAWAY, "svc-runbook", (a, b), FLOOD);
        true
    }

    fn slow_burn(&mut self, a: &mut Attack, b: &mut Attack) -> bool {
        let span = a.last.seconds_since(a.first) + 18 * 24 * HOUR;
        if !self.meet((a, b), span, (0, 0)) {
            return false;
        }
        self.chain(DRIFT, "svc-archive", (a, b), 18 * 24 / 40 + 2);
        true
    }

    /// So many alerts of one account from the last finding of `a` to the first of `b`; the outermost name the servers.
    fn chain(&mut self, look: Look, local: &str, (a, b): (&mut Attack, &mut Attack), alerts: i64) {
        let tenant = a.tenant(self.cast, AttackSide::Resource);
        let account = self.invented(tenant, local, "Automation");
        let (from, until) = (a.last, b.first);
        for i in 0..alerts {
            let at = from.plus_seconds(until.seconds_since(from) * i / (alerts - 1));
            let mut things = vec![Thing::Account(account.clone(), Naming::Object)];
            if i == 0 || i == alerts - 1 {
                let attack = if i == 0 { &*a } else { &*b };
                things.push(Thing::Machine(attack.machine(self.cast, AttackSide::Resource).clone()));
            }
            self.add(look, tenant, at, things);
        }
        for attack in [a, b] {
            let machine = attack.machine(self.cast, AttackSide::Resource).clone();
            self.names(attack, [Thing::Machine(machine)]);
        }
    }

    fn weak_bridge(&mut self, a: &mut Attack, b: &mut Attack) -> bool {
        if !self.meet((a, b), 600, (0, 0)) {
            return false;
        }
        let (address, file) = (build_place(&mut self.random), self.random.hex(64));
        for attack in [a, b] {
            self.names(attack, [Thing::Address(address.clone()), Thing::File("helper.dll".to_owned(), file.clone())]);
            let tenant = attack.tenant(self.cast, AttackSide::Resource);
            let account = attack.account(self.cast, AttackSide::Resource).clone();
            let from = self.abroad(attack).map_or(attack.first, |i| attack.findings[i].first);
            for _ in 0..LARGE {
                let at = from.plus_seconds(self.random.range(60, 3 * HOUR / 2));
                let finding = self.finding(MORE, tenant, at, vec![Thing::Account(account.clone(), Naming::Object)]);
                attack.own(finding);
            }
        }
        true
    }

    fn exercise(&mut self, a: &mut Attack, b: &mut Attack) -> bool {
        if !self.meet((a, b), 1200, (0, 0)) {
            return false;
        }
        let server = a.machine(self.cast, AttackSide::Resource).clone();
        for attack in [a, b] {
            self.names(attack, [Thing::Machine(server.clone())]);
        }
        true
    }

    /// Another account of the victim, in a tenant that the attack does not touch.
    fn elsewhere(&self, attack: &Attack) -> Option<usize> {
        let here = attack.tenant(self.cast, AttackSide::Resource);
        let theirs = |s: &usize| {
            let other = &self.cast.satellites[*s];
            let kept = other.provable() && other.first_hour < 5 && other.kind != Kind::Delegate;
            other.person == Some(attack.person) && other.resource != here && kept
        };
        (0..self.cast.satellites.len()).find(theirs)
    }

    fn third_tenant(&mut self, attack: &Attack) -> Vec<u32> {
        if let Some(other) = self.elsewhere(attack) {
            let satellite = &self.cast.satellites[other];
            let at = attack.last.plus_seconds(self.random.range(HOUR, 3 * HOUR));
            let things = vec![Thing::Account(satellite.account.clone(), Naming::Object)];
            self.add(ABROAD, satellite.resource, at, things);
        }
        vec![attack.number]
    }

    fn canary(&mut self, tenant: usize, attacks: &mut [Attack]) -> Option<(u32, (usize, String))> {
        let at = self.single(attacks, |me, a| a.tenant(me.cast, AttackSide::Resource) == tenant)?;
        let word = format!("canary-{}-{}", self.cast.tenants[tenant].name, self.random.hex(8));
        let things =
            [Thing::File(format!("{word}.dll"), self.random.hex(64)), Thing::Url(format!("https://{word}.example/"))];
        self.names(&mut attacks[at], things);
        if let Some(finding) = self.abroad(&attacks[at]) {
            attacks[at].findings[finding].title = format!("Beacon to {word}");
        }
        Some((attacks[at].number, (tenant, word)))
    }

    fn campaign(&mut self) {
        let person = self.crowd(1).first().copied().unwrap_or_default();
        let mut things = vec![Thing::Account(self.cast.people[person].account.clone(), Naming::Object)];
        things.extend((0..LINKS).map(|i| Thing::Url(format!("https://offer{i}.campaign.example/"))));
        let at = self.plan.start.plus_seconds(self.random.range(7 * HOUR, self.plan.hours() * HOUR - HOUR));
        let mut finding = self.finding(CAMPAIGN, 0, at, things);
        finding.roads = Roads { sentinel: true, ..Roads::default() };
        self.out.findings.push(finding);
    }

    /// Different people, none of them attacked.
    fn crowd(&mut self, size: usize) -> Vec<usize> {
        let from = self.random.below(self.bystanders.len());
        self.bystanders.iter().cycle().skip(from).take(size.min(self.bystanders.len())).copied().collect()
    }

    /// An account that is in no cast.
    fn invented(&mut self, tenant: usize, local: &str, display: &str) -> Account {
        let home = &self.cast.tenants[tenant];
        let number = self.out.accounts.len();
        // A tenant has one built-in administrator.
        let local = if local == "administrator" { local.to_owned() } else { format!("{local}-{number}") };
        let upn = format!("{local}@{}", home.domains[0]);
        let account = Account {
            tenant,
            key: AccountKey { tenant: home.id, object: self.random.guid() },
            mail: upn.clone(),
            upn,
            others: Vec::new(),
            display: display.to_owned(),
            user_type: "Member",
            sid: String::new(),
            puid: String::new(),
            employee: None,
            created: self.plan.start.plus_seconds(-900 * 24 * HOUR),
        };
        self.out.accounts.push(account.clone());
        account
    }

    fn add(&mut self, look: Look, tenant: usize, at: EventTime, things: Vec<Thing>) {
        let finding = self.finding(look, tenant, at, things);
        self.out.findings.push(finding);
    }

    fn finding(&mut self, look: Look, tenant: usize, at: EventTime, things: Vec<Thing>) -> Finding {
        Finding {
            tenant,
            product: look.product,
            id: product_id(look.product, &mut self.random),
            system_alert: self.random.guid(),
            title: look.title.to_owned(),
            severity: look.severity,
            tactic: look.tactic,
            techniques: look.techniques,
            detector: "",
            first: at,
            last: at.plus_seconds(self.random.range(0, 60)),
            things,
            roads: roads(look.product, &mut self.random),
            label: Label::Noise,
            attack: None,
        }
        .sentinel_id()
    }
}

impl Attack {
    /// Moves everything by so many seconds.
    fn shift(&mut self, seconds: i64) {
        for time in [&mut self.first, &mut self.last] {
            *time = time.plus_seconds(seconds);
        }
        for finding in &mut self.findings {
            finding.first = finding.first.plus_seconds(seconds);
            finding.last = finding.last.plus_seconds(seconds);
        }
        for (at, ..) in &mut self.traces {
            *at = at.plus_seconds(seconds);
        }
    }

    /// Comes from another address than was drawn.
    fn leave_by(&mut self, address: &str) {
        let things = self.findings.iter_mut().flat_map(|f| &mut f.things);
        for thing in things.filter(|t| matches!(t, Thing::Address(_))) {
            *thing = Thing::Address(address.to_owned());
        }
        address.clone_into(&mut self.exit);
    }

    /// A finding becomes one of its own.
    fn own(&mut self, mut finding: Finding) {
        finding.label = Label::Attack;
        finding.attack = Some(self.number);
        self.last = self.last.max(finding.last);
        self.findings.push(finding);
    }
}
