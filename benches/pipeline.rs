//! `cargo bench -p caponier-benches --bench pipeline`: decode, resolve, correlate and the whole path from bytes to written
//! incidents, as ratios of the faster typed parse of the same bytes in the same run.
//!
//! Each step does everything the steps before it do. One sign-in in five hundred or so is a guest's at risk, which is a
//! finding. The same batches come round again, so every pass moves them on in time and gives their findings new ids:
//! the engine would otherwise see nothing but copies.

use caponier_benches::load::{self, Load, Person};
use caponier_benches::parse;
use caponier_benches::rounds::{Contestant, compare, report};
use caponier_correlate::{Engine, Settings};
use caponier_identity::{Index, observe};
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Audience, Entry, Event, EventTime, EvidenceKind, Guid, IdentityChange,
    Journalled, Link, LinkState, MergePolicy, Persons, Policy, Rows, Sighting, TenantId, Tenants,
};
use caponier_wire::{Context, decode, encode, records};
use std::io::Write;

/// Seconds by which a batch moves on at each pass: about what it spans.
const STEP_SECONDS: i64 = 40;
/// Passes between moves of event time, as watermarks come now and then.
const WATERMARK_PASSES: i64 = 16;
/// Fingerprints in one sorted block.
const BLOCK: usize = 1 << 16;

fn main() -> std::io::Result<()> {
    let mut load = Load::new(7, 5000);
    let batches = load.batches(100);
    let people: Vec<Person> = load.accounts().collect();
    let tenants = Tenants::default();
    let context = Context::discovering(&tenants);
    let known = index(&people);
    let path = || Path::new(&known);
    let (mut resolve, mut correlate, mut whole) = (path(), path(), path());
    let mut contestants = [
        Contestant::new("serde_json, borrowed structs", parse::serde_json),
        Contestant::new("sonic-rs, the same structs", parse::sonic),
        Contestant::new("decode", |payload| each(payload, &context, |event| event.time.nanos() as usize & 1)),
        Contestant::new("+ resolve", |payload| {
            resolve.rows = Rows::default();
            each(payload, &context, |event| resolve.resolve(event))
        }),
        Contestant::new("+ correlate", |payload| {
            correlate.rows = Rows::default();
            let sum = each(payload, &context, |event| correlate.resolve(event) + correlate.correlate(event));
            sum + correlate.drain(None)
        }),
        Contestant::new("whole: + copies, encode", |payload| {
            whole.rows = Rows::default();
            let sum = each(payload, &context, |event| {
                whole.copies.push(event.content);
                whole.resolve(event) + whole.correlate(event)
            });
            sum + whole.drain(Some(&tenants))
        }),
    ];
    let rates = compare(&batches, 31, &mut contestants);
    let bytes: usize = batches.iter().map(Vec::len).sum();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "sign-ins of {} bytes in batches of {}, {} people, medians of interleaved rounds",
        bytes / (batches.len() * load::BATCH),
        load::BATCH,
        people.len()
    )?;
    report(&mut out, &contestants, &rates)?;
    drop(contestants);
    let counts = whole.engine.counts();
    writeln!(out, "the whole path held {} findings and emitted {} changes", counts.findings, counts.changes)
}

fn each(payload: &[u8], context: &Context<'_>, mut act: impl FnMut(&Event<'_>) -> usize) -> usize {
    let records = records(payload, &context.limits).filter_map(Result::ok);
    records.map(|record| decode(context, &record.bytes).map_or(0, |event| act(&event))).sum()
}

/// Everything behind decode.
struct Path<'i> {
    index: &'i Index,
    engine: Engine<Index>,
    policy: Policy,
    rows: Rows,
    /// Fingerprints, as intake keeps them to count exact copies; sorted when a block is full.
    copies: Vec<u128>,
    found: Vec<Sighting>,
    pass: i64,
}

impl<'i> Path<'i> {
    fn new(index: &'i Index) -> Self {
        let policy = Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge };
        Self {
            index,
            engine: Engine::new(Settings::defaults(), policy.clone(), index.clone()),
            policy,
            rows: Rows::default(),
            copies: Vec::with_capacity(BLOCK),
            found: Vec::new(),
            pass: 0,
        }
    }

    /// What the event contributes to the identity join, and who acted.
    fn resolve(&mut self, event: &Event<'_>) -> usize {
        let used = observe(event, &mut self.rows);
        let Some(object) = event.actor.id else { return 0 };
        let account = AccountKey { tenant: event.tenant, object };
        usize::from(used) + usize::from(self.index.person(account, event.time) != account)
    }

    fn correlate(&mut self, event: &Event<'_>) -> usize {
        caponier_rules::apply(event, &mut self.found);
        for mut sighting in self.found.drain(..) {
            let moved = |time: EventTime| time.plus_seconds(self.pass * STEP_SECONDS);
            (sighting.first, sighting.last) = (moved(sighting.first), moved(sighting.last));
            sighting.key.id = compact_str::format_compact!("{}-{}", sighting.key.id, self.pass);
            let at = sighting.first;
            self.engine.handle(Journalled { at, position: None, entry: Entry::Sighting(Box::new(sighting)) });
        }
        1
    }

    /// Takes the changes out, writes them where tenants are given, and moves event time on now and then.
    fn drain(&mut self, write: Option<&Tenants>) -> usize {
        let mut sum = 0;
        while let Some(change) = self.engine.poll_change() {
            sum += match write {
                Some(tenants) => encode(&change.incident, Audience::Operator, tenants, &self.policy).len(),
                None => change.incident.findings.len(),
            };
        }
        if self.copies.len() + load::BATCH > BLOCK {
            self.copies.sort_unstable();
            self.copies.clear();
        }
        self.pass += 1;
        if self.pass % WATERMARK_PASSES == 0 {
            let begun = EventTime::from_civil((2026, 3, 9), (0, 0, 0), 0).unwrap_or_default();
            self.engine.handle_time(begun.plus_seconds(self.pass * STEP_SECONDS));
        }
        sum
    }
}

fn index(people: &[Person]) -> Index {
    let mut index = Index::default();
    for person in people {
        let Some(home) = key(&person.home) else { continue };
        index.apply(IdentityChange::Account(facts(home, AccountKind::Member, &person.name)));
        let Some(guest) = person.guest.as_ref().and_then(key) else { continue };
        let name = format!("{}#ext#@other.example", person.name.replace('@', "_"));
        index.apply(IdentityChange::Account(facts(guest, AccountKind::ExternalGuest, &name)));
        index.apply(IdentityChange::Link(Link {
            account: guest,
            home,
            state: LinkState::Accepted,
            confidence: 990_000,
            kinds: vec![EvidenceKind::Provisioning],
            sources: vec!["generated".into()],
            from: EventTime::MIN,
            until: EventTime::MAX,
        }));
    }
    index
}

fn key((tenant, object): &(&'static str, String)) -> Option<AccountKey> {
    Some(AccountKey { tenant: TenantId::parse(tenant)?, object: Guid::parse(object)? })
}

fn facts(account: AccountKey, kind: AccountKind, name: &str) -> AccountFacts {
    AccountFacts {
        account,
        kind,
        upn: Some(name.into()),
        display: None,
        names: vec![name.into()],
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: Some(true),
        from: EventTime::MIN,
        until: EventTime::MAX,
    }
}
