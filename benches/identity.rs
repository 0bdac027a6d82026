//! `cargo bench -p caponier-benches --bench identity`: the identity index with a million home accounts and 300,000 guests: what a
//! probe costs of the parse of the sign-in that asks, and what an account costs in memory and on disk.
//!
//! Each batch of sign-ins is parsed, and beside it as many probes are made as it has records; accounts are drawn over the whole
//! population, so that uniform draws find nothing in the cache. The limit is 15 % of the faster typed parse.
//!
//! What memory itself allows is measured beside them: a walk over as many lines as there are accounts, each naming the next. A probe
//! by name reads two lines of which the second is known only from the first (the table of names, the account), and a third where
//! the account has a link; asked one at a time it costs that much, unless the core finds the next probe to begin meanwhile.

use caponier_benches::findings::{Random, mixed};
use caponier_benches::load::{BATCH, Load};
use caponier_benches::machine::{busy, resident};
use caponier_benches::parse;
use caponier_benches::rounds::{Contestant, compare};
use caponier_identity::Index;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, EventTime, EvidenceKind, Guid, Handle, IdentityChange, Link, LinkState,
    Persons, TenantId, Tenants,
};
use caponier_wire::{Context, decode, records};
use compact_str::{CompactString, format_compact};
use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

/// People at home, and how many of them are guests elsewhere.
const PEOPLE: u64 = 1_000_000;
const GUESTS: u64 = 300_000;
/// Resource tenants.
const RESOURCES: u64 = 3;
/// Lines that a probe by name reads one after another, over accounts drawn alike.
const LINES: f64 = 2.0 + GUESTS as f64 / (PEOPLE + GUESTS) as f64;
/// Probes prepared; a contestant goes round.
const PROBES: usize = 1 << 17;
/// A probe may cost so much of the parse of its event.
const SHARE: f64 = 0.15;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let before = resident();
    let start = busy();
    let index = build();
    let built = busy() - start;
    let after = resident();
    memory(&mut out, &index, after.saturating_sub(before))?;
    let changes = (PEOPLE + 2 * GUESTS) as f64;
    writeln!(out, "build by single changes {:>30.0} changes/s ({built:.1} s)", changes / built)?;
    checkpoint(&mut out, &index)?;
    probes(&mut out, &index)
}

fn memory(out: &mut impl Write, index: &Index, resident: usize) -> io::Result<()> {
    let footprint = index.footprint();
    let accounts = index.accounts() as f64;
    writeln!(out, "{} accounts, {} links, {} handles", index.accounts(), index.links(), footprint.distinct_handles)?;
    let parts = [
        ("records and their table", footprint.accounts),
        ("links", footprint.links),
        ("table of handles", footprint.handles),
        ("names and other facts", footprint.texts),
        ("shared parts of texts", footprint.parts),
        ("all buffers at capacity", footprint.total()),
        ("resident memory gained", resident),
    ];
    for (name, bytes) in parts {
        writeln!(out, "{name:32} {:8.1} MB  {:6.1} bytes an account", bytes as f64 / 1e6, bytes as f64 / accounts)?;
    }
    Ok(())
}

fn checkpoint(out: &mut impl Write, index: &Index) -> io::Result<()> {
    let accounts = index.accounts() as f64;
    let start = busy();
    let snapshot = index.snapshot();
    let written = busy() - start;
    let start = busy();
    let restored = Index::restore(&snapshot).map_err(io::Error::other)?;
    let read = busy() - start;
    let size = snapshot.len() as f64;
    writeln!(out, "snapshot {:8.1} MB, {:.1} bytes an account", size / 1e6, size / accounts)?;
    writeln!(
        out,
        "  written {:>6.0} MB/s ({written:.2} s), restored {:.0} MB/s ({read:.2} s)",
        size / written / 1e6,
        size / read / 1e6
    )?;
    if restored.accounts() != index.accounts() || restored.links() != index.links() {
        return Err(io::Error::other("what was restored is not what was written"));
    }
    let footprint = restored.footprint();
    writeln!(out, "  restored, all buffers: {:.1} bytes an account", footprint.total() as f64 / accounts)
}

fn probes(out: &mut impl Write, index: &Index) -> io::Result<()> {
    let batches = Load::new(7, 5000).batches(100);
    let tenants = Tenants::default();
    let context = Context::discovering(&tenants);
    let decoded = |payload: &[u8]| {
        let records = records(payload, &context.limits).filter_map(Result::ok);
        records.map(|r| decode(&context, &r.bytes).map_or(0, |event| event.time.nanos() as usize & 1)).sum()
    };
    let (uniform, skewed) = (Draw::new(11, false), Draw::new(12, true));
    let mut contestants = vec![
        Contestant::new("serde_json, borrowed structs", parse::serde_json),
        Contestant::new("sonic-rs, the same structs", parse::sonic),
        Contestant::new("records + decode", decoded),
    ];
    contestants.extend(uniform.contestants(
        index,
        ["object id, uniform", "object id, uniform, by batch", "name, uniform", "name, uniform, by batch"],
    ));
    contestants.extend(skewed.contestants(
        index,
        ["object id, skewed", "object id, skewed, by batch", "name, skewed", "name, skewed, by batch"],
    ));
    let walk = Walk::new((PEOPLE + GUESTS) as usize);
    let mut at = 0;
    contestants.push(Contestant::new("one line after another", move |_| {
        at = walk.on(at, BATCH);
        at
    }));
    let rates = compare(&batches, 15, &mut contestants);
    let bytes: usize = batches.iter().map(Vec::len).sum();
    let event = bytes as f64 / (batches.len() * BATCH) as f64;
    let limit = rates.iter().take(2).copied().fold(f64::NAN, f64::max);
    let decode = rates.get(2).copied().unwrap_or(f64::NAN);
    for (contestant, rate) in contestants.iter().zip(&rates).take(3) {
        writeln!(out, "{:32} {:6.0} ns an event", contestant.name, event / rate * 1e9)?;
    }
    let last = contestants.len();
    for (number, (contestant, rate)) in (1..).zip(contestants.iter().zip(&rates)).skip(3) {
        let (share, of_decode) = (limit / rate, decode / rate);
        let said = if number == last {
            "the floor of one miss"
        } else if share <= SHARE {
            "PASS"
        } else {
            "over"
        };
        writeln!(
            out,
            "{:32} {:6.0} ns a probe   {:5.1} % of the faster typed parse, {:5.1} % of decode: {said}",
            contestant.name,
            event / rate * 1e9,
            share * 100.0,
            of_decode * 100.0
        )?;
    }
    let line = rates.last().copied().unwrap_or(f64::NAN);
    writeln!(
        out,
        "{LINES:.2} lines one after another cost {:.0} ns, {:.1} % of the faster typed parse: no probe by name over accounts drawn \
         alike is cheaper one at a time, but for what it finds in the cache and what runs beside it",
        LINES * event / line * 1e9,
        LINES * limit / line * 100.0
    )
}

/// A way through memory on which each line is known only from the one before.
struct Walk {
    lines: Vec<Line>,
}

/// A cache line.
#[repr(align(64))]
struct Line(usize);

impl Walk {
    /// One round through all of `count` lines, in an order that nothing foresees.
    fn new(count: usize) -> Self {
        let mut lines: Vec<Line> = (0..count).map(Line).collect();
        let mut random = Random(13);
        for last in (1..count).rev() {
            let other = (random.next() % last as u64) as usize;
            let (a, b) = (lines[last].0, lines[other].0);
            (lines[last].0, lines[other].0) = (b, a);
        }
        Self { lines }
    }

    /// Where `steps` steps lead to.
    fn on(&self, from: usize, steps: usize) -> usize {
        (0..steps).fold(from, |at, _| self.lines[at].0)
    }
}

/// Accounts drawn over the population, as records would name them.
struct Draw {
    accounts: Vec<(AccountKey, EventTime)>,
    /// Names one behind the other, as parsed records would have them in the cache.
    names: String,
    ends: Vec<usize>,
}

impl Draw {
    fn new(seed: u64, skewed: bool) -> Self {
        let mut random = Random(seed);
        let mut draw = Self { accounts: Vec::new(), names: String::new(), ends: vec![0] };
        for _ in 0..PROBES {
            let at = EventTime::from_seconds(1_772_000_000 + (random.next() % 5_000_000) as i64);
            let number = if skewed { zipf(&mut random, PEOPLE + GUESTS) } else { random.next() % (PEOPLE + GUESTS) };
            let (account, name) = if number < PEOPLE {
                (home(number), upn(number))
            } else {
                (guest(number - PEOPLE), mail(number - PEOPLE))
            };
            draw.accounts.push((account, at));
            draw.names.push_str(&name);
            draw.ends.push(draw.names.len());
        }
        draw
    }

    fn name(&self, probe: usize) -> (TenantId, Handle<'_>, EventTime) {
        let (account, at) = self.accounts[probe];
        (account.tenant, Handle::Name(&self.names[self.ends[probe]..self.ends[probe + 1]]), at)
    }

    fn contestants<'c>(&'c self, index: &'c Index, names: [&'static str; 4]) -> [Contestant<'c>; 4] {
        // Each begins elsewhere: no contestant finds in the cache what the one before it asked for.
        let [one, batch, named, named_batch] = [0, 1, 2, 3].map(|quarter| Rc::new(Cell::new(quarter * PROBES / 4)));
        let turn = |next: &Cell<usize>| {
            let from = next.replace(next.get() + BATCH) % (PROBES - BATCH);
            from..from + BATCH
        };
        // What is asked stands in the cache, as a record does that was just parsed.
        let ready = |next: &Rc<Cell<usize>>| {
            let next = Rc::clone(next);
            move |batches: usize| {
                let asked = (next.get()..next.get() + batches * BATCH).map(|probe| self.name(probe % (PROBES - BATCH)));
                let bytes =
                    |handle| if let Handle::Name(name) = handle { name.bytes().map(usize::from).sum() } else { 0 };
                asked.map(|(_, handle, at)| bytes(handle) ^ at.nanos() as usize).fold(0, |sum, one| sum ^ one)
            }
        };
        let [one_ready, batch_ready, named_ready, named_batch_ready] = [&one, &batch, &named, &named_batch].map(ready);
        let (mut found, mut found_named, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        let weigh = |account: AccountKey| account.object.as_u128() as usize;
        [
            Contestant::new(names[0], move |_| {
                self.accounts[turn(&one)].iter().fold(0, |sum, (account, at)| sum ^ weigh(index.person(*account, *at)))
            })
            .after(one_ready),
            Contestant::new(names[1], move |_| {
                found.clear();
                index.persons(&self.accounts[turn(&batch)], &mut found);
                found.iter().fold(0, |sum, person| sum ^ weigh(*person))
            })
            .after(batch_ready),
            Contestant::new(names[2], move |_| {
                let person = |probe| {
                    let (tenant, handle, at) = self.name(probe);
                    index.person_named(tenant, handle, at).map_or(0, weigh)
                };
                turn(&named).map(person).fold(0, |sum, person| sum ^ person)
            })
            .after(named_ready),
            Contestant::new(names[3], move |_| {
                found_named.clear();
                asked.clear();
                asked.extend(turn(&named_batch).map(|probe| self.name(probe)));
                index.persons_named(&asked, &mut found_named);
                found_named.iter().flatten().fold(0, |sum, person| sum ^ weigh(*person))
            })
            .after(named_batch_ready),
        ]
    }
}

fn build() -> Index {
    let mut index = Index::new();
    for person in 0..PEOPLE {
        index.apply(IdentityChange::Account(home_facts(person)));
        // Guests come between their hosts, as they do where directories are read side by side.
        let number = person * GUESTS / PEOPLE;
        if (person + 1) * GUESTS / PEOPLE > number {
            index.apply(IdentityChange::Account(guest_facts(number)));
            index.apply(IdentityChange::Link(link(number)));
        }
    }
    index
}

/// The home of guest `number`.
fn host(number: u64) -> u64 {
    mixed(number) % PEOPLE
}

fn home(person: u64) -> AccountKey {
    account(1, person)
}

fn guest(number: u64) -> AccountKey {
    account(2 + number % RESOURCES, PEOPLE + number)
}

fn account(tenant: u64, number: u64) -> AccountKey {
    let object = u128::from(mixed(number)) << 64 | u128::from(mixed(number ^ 0xabcd_ef01_2345));
    AccountKey {
        tenant: TenantId(Guid::from_u128(u128::from(mixed(tenant)) << 64 | u128::from(tenant))),
        object: Guid::from_u128(object),
    }
}

const GIVEN: [&str; 12] =
    ["adele", "bruno", "carla", "dmitri", "elif", "fatima", "gustav", "hana", "ines", "jonas", "katarzyna", "leo"];
const FAMILY: [&str; 12] = [
    "vance",
    "okafor",
    "lindqvist",
    "moreau",
    "yilmaz",
    "haddad",
    "berg",
    "sato",
    "ferreira",
    "novak",
    "kowalska",
    "de.vries",
];
const DOMAINS: [&str; 4] = ["contoso.com", "north.contoso.com", "south.contoso.com", "contoso.onmicrosoft.com"];

fn local(person: u64) -> CompactString {
    let pick = |list: &[&'static str; 12], of: u64| list[(of % 12) as usize];
    format_compact!("{}.{}{}", pick(&GIVEN, person), pick(&FAMILY, person / 12), person / 144)
}

fn upn(person: u64) -> CompactString {
    format_compact!("{}@{}", local(person), DOMAINS[(person % 4) as usize])
}

/// The address of guest `number` in the resource tenant: the home's.
fn mail(number: u64) -> CompactString {
    upn(host(number))
}

fn home_facts(person: u64) -> AccountFacts {
    let upn = upn(person);
    let sid = format_compact!("S-1-5-21-3623811015-3361044348-30300820-{}", 1000 + person);
    facts(home(person), AccountKind::Member, vec![upn.clone()], upn, sid, person)
}

fn guest_facts(number: u64) -> AccountFacts {
    let host = host(number);
    let mut upn = upn(host).replace('@', "_");
    upn.push_str(&format!("#ext#@resource{}.onmicrosoft.com", number % RESOURCES));
    let mut names = vec![mail(number), CompactString::from(&upn)];
    names.sort();
    facts(guest(number), AccountKind::ExternalGuest, names, upn.into(), CompactString::default(), host)
}

fn facts(
    account: AccountKey,
    kind: AccountKind,
    names: Vec<CompactString>,
    upn: CompactString,
    sid: CompactString,
    person: u64,
) -> AccountFacts {
    let sids = [sid, account.object.cloud_sid().into()].into_iter().filter(|s| !s.is_empty()).collect();
    AccountFacts {
        account,
        kind,
        upn: Some(upn),
        display: Some(local(person).replace('.', " ").into()),
        names,
        sids,
        puids: vec![format_compact!("10032{:011X}", person)],
        app: None,
        devices: Vec::new(),
        enabled: Some(true),
        from: EventTime::from_seconds(1_600_000_000 + (mixed(person) % 100_000_000) as i64),
        until: EventTime::MAX,
    }
}

fn link(number: u64) -> Link {
    Link {
        account: guest(number),
        home: home(host(number)),
        state: LinkState::Accepted,
        confidence: 990_000,
        kinds: vec![EvidenceKind::NamedSignIn, EvidenceKind::Address, EvidenceKind::ExtName],
        sources: vec![format_compact!("{}", guest(number).object)],
        from: EventTime::from_seconds(1_710_000_000 + number as i64),
        until: EventTime::MAX,
    }
}

/// Zipf-like: the account of rank r comes up in proportion to 1/r; ranks are spread over the population.
fn zipf(random: &mut Random, population: u64) -> u64 {
    let unit = (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
    let rank = (population as f64).powf(unit) as u64;
    mixed(rank) % population
}
