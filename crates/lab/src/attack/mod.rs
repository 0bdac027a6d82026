//! Draws attacks: who, when, which steps, named how. The scenarios themselves are data in `table`.
//!
//! What keeps the truth attainable: an attack uses one person's accounts, one workstation and one server, none of which
//! another attack within 49 hours or any noise outside the attack touches; two attacks on one person lie further apart
//! than any window of the engine.

mod table;

pub use table::Trace;

use crate::cast::{Account, Cast, Kind, Machine, Proof, build_place};
use crate::finding::{Finding, Label, Naming, Product, Roads, Thing};
use crate::plan::{HOUR, Plan};
use crate::random::Random;
use caponier_model::EventTime;
use std::collections::BTreeSet;
use table::{Carrier, Named, SCENARIOS, Scenario, Side, Step};

/// One attack.
#[derive(Debug)]
pub struct Attack {
    /// From 0.
    pub number: u32,
    /// What kind.
    pub scenario: &'static Scenario,
    /// Victim.
    pub person: usize,
    /// The victim's account on the other side, as an index of [`Cast::satellites`].
    pub satellite: usize,
    /// The server it reaches, as an index of the resource tenant's servers.
    pub server: usize,
    /// The attacker's address.
    pub exit: String,
    /// First step.
    pub first: EventTime,
    /// End of the last step.
    pub last: EventTime,
    /// Its findings.
    pub findings: Vec<Finding>,
    /// Raw records to write beside them.
    pub traces: Vec<(EventTime, Side, Trace)>,
}

pub use table::Side as AttackSide;

/// Two attacks on one person must be further apart than the engine's longest window (48 h), with an hour to spare.
const APART: i64 = 49 * HOUR + HOUR / 2;
/// Nothing begins before the sign-ins that prove the victims' identity.
const QUIET: i64 = 6 * HOUR;

/// All attacks of a plan.
pub fn draw(plan: &Plan, cast: &Cast) -> Vec<Attack> {
    let mut random = Random::new(plan.seed, "attacks");
    let mut used = BTreeSet::new();
    let mut attacks: Vec<Attack> = Vec::new();
    let unprovable = plan.attacks * plan.ratios.unprovable / 1000;
    let offset = random.below(SCENARIOS.len());
    for number in 0..plan.attacks {
        let scenario = &SCENARIOS[(offset + number as usize) % SCENARIOS.len()];
        let mut steps: Vec<&Step> = scenario.steps.iter().filter(|s| random.chance(s.chance)).collect();
        steps.truncate(16);
        let hidden = number >= plan.attacks - unprovable && scenario.carrier == Carrier::Guest;
        let again = matches!(number % 9, 4 | 5).then(|| second_victim(plan, &attacks, scenario)).flatten();
        let victim = again.or_else(|| victim(cast, scenario, hidden, &used, &mut random));
        let Some((satellite, earliest)) = victim else { continue };
        let Some(person) = cast.satellites[satellite].person else { continue };
        used.insert(person);
        let mut gaps: Vec<i64> = steps.iter().map(|s| random.range(s.gap.0, s.gap.1)).collect();
        let early = matches!(number % 9, 2 | 3);
        if random.chance(plan.ratios.slow) && !early {
            // Low and slow: the attacker sleeps on it once, yet within the engine's windows.
            let at = 1 + random.below(gaps.len().saturating_sub(1));
            if let Some(gap) = gaps.get_mut(at) {
                *gap += random.range(6 * HOUR, 20 * HOUR);
            }
        }
        let room = plan.end().seconds_since(earliest) - 2 * HOUR;
        // A plan of one day has no room for a slow attack: it happens faster.
        let wanted = gaps.iter().skip(1).sum::<i64>().max(1);
        if wanted > room {
            gaps.iter_mut().for_each(|g| *g = *g * room / wanted);
        }
        let span: i64 = gaps.iter().skip(1).sum::<i64>() + HOUR;
        let latest = plan.end().plus_seconds(-span);
        let mut first = earliest.plus_seconds(random.range(0, latest.seconds_since(earliest).max(1)));
        // A person who may be attacked twice is attacked early, or the second attack would not fit.
        if early {
            first = earliest.plus_seconds(random.range(0, 2 * HOUR));
        }
        let other = attacks.last().filter(|a| a.first <= latest);
        if let Some(other) = other.filter(|_| number % 5 == 1 && again.is_none() && !early) {
            // Two attacks within a minute on two persons.
            first = other.first.plus_seconds(random.range(0, 50));
        }
        let server = attacks.len();
        let exit = if random.chance(plan.ratios.shared_exit) {
            random.pick(&cast.exits).clone()
        } else {
            build_place(&mut random)
        };
        let mut attack = Attack {
            number,
            scenario,
            person,
            satellite,
            server,
            exit,
            first,
            last: first,
            findings: Vec::new(),
            traces: Vec::new(),
        };
        attack.unfold(cast, &steps, &gaps, &mut random);
        attacks.push(attack);
    }
    attacks
}

/// Somebody who was attacked once already, when there is room for a second time.
fn second_victim(plan: &Plan, attacks: &[Attack], scenario: &Scenario) -> Option<(usize, EventTime)> {
    let once = |a: &&Attack| attacks.iter().filter(|b| b.person == a.person).count() == 1;
    let fits = |a: &&Attack| a.last.plus_seconds(APART + 12 * HOUR) < plan.end();
    let same = attacks.iter().rev().filter(|a| a.scenario.carrier == scenario.carrier);
    same.filter(once).find(fits).map(|a| (a.satellite, a.last.plus_seconds(APART)))
}

fn victim(
    cast: &Cast,
    scenario: &Scenario,
    hidden: bool,
    used: &BTreeSet<usize>,
    random: &mut Random,
) -> Option<(usize, EventTime)> {
    let fits = |s: &&usize| {
        let satellite = &cast.satellites[**s];
        let kind = match scenario.carrier {
            Carrier::Guest => matches!(satellite.kind, Kind::Guest | Kind::ExternalMember),
            Carrier::Delegate => satellite.kind == Kind::Delegate,
        };
        let proof = if hidden { satellite.proof == Proof::Directory } else { satellite.provable() };
        kind && proof && satellite.person.is_some_and(|p| !used.contains(&p) && cast.people[p].renamed.is_none())
    };
    let all: Vec<usize> = (0..cast.satellites.len()).collect();
    let open: Vec<&usize> = all.iter().filter(fits).collect();
    if open.is_empty() {
        return None;
    }
    // One in three is somebody whose name an impostor bears next door.
    let claimed = |s: &&&usize| {
        let (satellite, mut others) = (&cast.satellites[***s], cast.satellites.iter());
        others.any(|o| o.claims.is_some() && o.claims == satellite.person && o.resource == satellite.resource)
    };
    let doubled: Vec<&usize> = open.iter().filter(claimed).copied().collect();
    let from = if random.chance(333) && !doubled.is_empty() { &doubled } else { &open };
    Some((**random.pick(from), cast.start.plus_seconds(QUIET)))
}

impl Attack {
    fn unfold(&mut self, cast: &Cast, steps: &[&Step], gaps: &[i64], random: &mut Random) {
        let mut at = self.first;
        for (i, (step, gap)) in steps.iter().zip(gaps).enumerate() {
            if i > 0 {
                at = at.plus_seconds(*gap);
            }
            let at = EventTime::from_nanos(at.nanos() + random.range(0, 10_000_000) * 100);
            let finding = self.finding(cast, step, at, random);
            self.last = self.last.max(finding.last);
            if step.trace != Trace::None {
                self.traces.push((at.plus_seconds(-20), step.side, step.trace));
            }
            if step.product == Product::Idp && random.chance(400) {
                let alert = alert_of(&finding, random);
                self.findings.push(alert);
            }
            self.findings.push(finding);
        }
    }

    fn finding(&self, cast: &Cast, step: &Step, at: EventTime, random: &mut Random) -> Finding {
        let tenant = self.tenant(cast, step.side);
        let things = step.names.iter().map(|n| self.thing(cast, step, *n, random)).collect();
        let delegate = self.scenario.carrier == Carrier::Delegate && step.side == Side::Resource;
        Finding {
            tenant,
            product: step.product,
            id: product_id(step.product, random),
            system_alert: random.guid(),
            title: step.title.to_owned(),
            severity: step.severity,
            tactic: step.tactic,
            techniques: step.techniques,
            detector: if step.product == Product::Idp { step.title } else { "" },
            first: at,
            last: at.plus_seconds(random.range(5, 900)),
            things,
            // Evidence rows have no column for a caller of another directory, so delegates come by Sentinel alone.
            roads: if delegate { Roads { sentinel: true, ..Roads::default() } } else { roads(step.product, random) },
            label: Label::Attack,
            attack: Some(self.number),
        }
        .sentinel_id()
    }

    /// The tenant that sees a side.
    pub fn tenant(&self, cast: &Cast, side: Side) -> usize {
        match side {
            Side::Home => 0,
            Side::Resource => cast.satellites[self.satellite].resource,
        }
    }

    /// The victim's account on a side.
    pub fn account<'a>(&self, cast: &'a Cast, side: Side) -> &'a Account {
        match side {
            Side::Home => &cast.people[self.person].account,
            Side::Resource => &cast.satellites[self.satellite].account,
        }
    }

    /// The victim's machine on a side.
    pub fn machine<'a>(&self, cast: &'a Cast, side: Side) -> &'a Machine {
        match side {
            Side::Home => &cast.people[self.person].machine,
            Side::Resource => &cast.tenants[self.tenant(cast, side)].servers[self.server],
        }
    }

    fn thing(&self, cast: &Cast, step: &Step, named: Named, random: &mut Random) -> Thing {
        let machine = self.machine(cast, step.side);
        match named {
            Named::Account => {
                let account = self.account(cast, step.side).clone();
                let naming = match (step.product, random.below(10)) {
                    (Product::Mde | Product::Mdi, 0..2) if step.side == Side::Home => Naming::Sid,
                    (Product::Sentinel | Product::Mda, 0) if account.tenant == self.tenant(cast, step.side) => {
                        Naming::Upn
                    }
                    _ => Naming::Object,
                };
                Thing::Account(account, naming)
            }
            Named::Machine => Thing::Machine(machine.clone()),
            Named::Exit => Thing::Address(self.exit.clone()),
            Named::Mail => {
                let to = self.account(cast, step.side).mail.clone();
                let id = format!("{}-lure-{}", random.hex(8), self.number);
                Thing::Mail(id, to, format!("billing{}@lure.example", self.number), "Outstanding invoice".to_owned())
            }
            Named::Link => Thing::Url(format!("https://lure{}.example/{}", self.number, random.hex(6))),
            // One tool an attack; half of the attackers use one that everybody has, which makes them nobody's accomplices.
            Named::Tool => {
                let own = if self.number.is_multiple_of(2) { &self.exit } else { "commodity" };
                Thing::File("svcupd.exe".to_owned(), Random::new(0, own).hex(64))
            }
            Named::Resource => Thing::Resource(machine.azure.clone().unwrap_or_default()),
        }
    }
}

impl Finding {
    /// A Sentinel-made alert is known by Sentinel's id.
    pub fn sentinel_id(mut self) -> Self {
        if self.product == Product::Sentinel {
            self.id = self.system_alert.to_string();
        }
        self
    }
}

/// The alert that Identity Protection makes of a detection: another id, the same account, type and time.
pub fn alert_of(detection: &Finding, random: &mut Random) -> Finding {
    Finding {
        product: Product::IdpAlert,
        id: product_id(Product::IdpAlert, random),
        system_alert: random.guid(),
        title: format!("Identity Protection: {}", detection.detector),
        roads: roads(Product::IdpAlert, random),
        ..detection.clone()
    }
}

/// An id as the product makes them (exports.md 5.4). Never a letter in front: no prefix can be imagined into it.
pub fn product_id(product: Product, random: &mut Random) -> String {
    match product {
        Product::Mde if random.chance(500) => format!("{}_1", random.guid()),
        Product::Mde | Product::Xdr => {
            format!("6389{}_{}", random.range(10_000_000_000_000, 99_999_999_999_999), random.range(1000, 1 << 31))
        }
        Product::Mdi | Product::Mdo | Product::Sentinel => random.guid().to_string(),
        Product::Mda => random.hex(24),
        Product::Idp => random.hex(64),
        Product::IdpAlert => random.hex(40),
        Product::Cloud => format!("25167{}_{}", random.range(10_000_000_000_000, 99_999_999_999_999), random.guid()),
    }
}

/// The roads by which an alert of this product is reported: at least one, often two, sometimes three.
pub fn roads(product: Product, random: &mut Random) -> Roads {
    match product {
        Product::Idp => Roads::default(),
        Product::Sentinel => Roads { sentinel: true, stream: random.chance(200), graph: false },
        Product::Cloud => Roads { sentinel: true, stream: false, graph: random.chance(150) },
        _ => {
            let sentinel = random.chance(750);
            let stream = random.chance(600);
            Roads { sentinel: sentinel || !stream, stream, graph: random.chance(150) }
        }
    }
}
