//! `cargo bench -p caponier-benches --bench correlate`: what a finding costs in the engine, beside one hash-map upsert for each
//! of its correlating values into a table that holds the same values; how that grows with what is held; memory, eviction, snapshots,
//! and many findings on one account.
//!
//! The findings are generated (`caponier_benches::findings`). The engine holds `CAPONIER_FINDINGS` of them (a million), or as
//! many as fit into `CAPONIER_MEMORY` gigabytes (14), and says which. `-- growth` and `-- snapshots` run only these parts.

use caponier_benches::findings::{Findings, STEP_SECONDS, correlates};
use caponier_benches::machine::{busy, resident};
use caponier_correlate::{Engine, Settings};
use caponier_identity::Index;
use caponier_model::{Entity, EntityKind, Entry, EventTime, Journalled, MergePolicy, Policy, Sighting, TenantId};
use compact_str::CompactString;
use hashbrown::HashMap;
use std::io::{self, Write};

/// Findings between two watermarks.
const BATCH: usize = 1024;
/// Growth is measured from here.
const FEW: usize = 100_000;
/// An engine findings rate of so much of the upserts' is asked for.
const SHARE: f64 = 0.25;
/// Time per finding may grow so much from a hundred thousand held to the most.
const GROWTH: f64 = 1.5;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let asked = |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (findings, memory) = (asked("CAPONIER_FINDINGS", 1_000_000), asked("CAPONIER_MEMORY", 14));
    let only = |part: &str| std::env::args().any(|a| a == part);
    if only("snapshots") {
        return snapshots(&mut out);
    }
    if only("growth") {
        return growth(&mut out, findings, memory << 30);
    }
    writeln!(out, "generated findings, most alone, one in twelve of an attack; watermarks every {BATCH}")?;
    one_account(&mut out)?;
    polled(&mut out)?;
    growth(&mut out, findings, memory << 30)?;
    eviction(&mut out)?;
    snapshots(&mut out)
}

fn engine(retention_days: Option<u32>) -> Engine<Index> {
    let policy = Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge };
    Engine::new(Settings { retention_days, ..Settings::defaults() }, policy, Index::default())
}

fn entry(sighting: Sighting) -> Journalled {
    Journalled { at: sighting.first, position: None, entry: Entry::Sighting(Box::new(sighting)) }
}

/// The yardstick: how often each value was named.
#[derive(Default)]
struct Upserts {
    table: HashMap<(EntityKind, TenantId, CompactString), u32, foldhash::fast::FixedState>,
    made: u64,
}

impl Upserts {
    fn take(&mut self, entities: &[Entity]) {
        for Entity { kind, tenant, value, .. } in entities.iter().filter(|e| correlates(e.kind)) {
            *self.table.entry((*kind, *tenant, value.clone())).or_insert(0) += 1;
            self.made += 1;
        }
    }
}

/// One stretch of the run: findings, and seconds of work for them.
#[derive(Default, Clone, Copy)]
struct Stretch {
    findings: usize,
    upserts: f64,
    engine: f64,
}

impl Stretch {
    fn ratio(self) -> f64 {
        self.upserts / self.engine
    }
}

fn growth(out: &mut impl Write, findings: usize, memory: usize) -> io::Result<()> {
    let start = resident();
    let (mut source, mut engine, mut upserts) = (Findings::new(1), engine(None), Upserts::default());
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut held = 0;
    let mut table = 0;
    while held < findings && resident() < memory {
        let mut stretch = Stretch::default();
        while stretch.findings < FEW {
            let batch: Vec<Sighting> = (0..BATCH).map(|_| source.draw()).collect();
            let (from, before) = (resident(), busy());
            batch.iter().for_each(|s| upserts.take(&s.entities));
            let between = busy();
            table += resident().saturating_sub(from);
            stretch.upserts += between - before;
            let entries: Vec<Journalled> = batch.into_iter().map(entry).collect();
            let before = busy();
            entries.into_iter().for_each(|e| engine.handle(e));
            engine.handle_time(source.now());
            stretch.engine += busy() - before;
            stretch.findings += BATCH;
            engine.skip_changes();
        }
        held += stretch.findings;
        stretches.push(stretch);
    }
    let bytes = resident().saturating_sub(start).saturating_sub(table);
    let counts = engine.counts();
    writeln!(out, "generated findings held: {held} in {} incidents; asked were {findings}", counts.incidents)?;
    writeln!(
        out,
        "{:.1} correlating values a finding, {} distinct",
        upserts.made as f64 / held as f64,
        upserts.table.len()
    )?;
    let few = stretches.get(1).copied().unwrap_or_default();
    let many = stretches.last().copied().unwrap_or_default();
    for (name, s) in [("100,000 held", few), ("most held", many)] {
        let rate = |seconds: f64| s.findings as f64 / seconds / 1e6;
        let said = if s.ratio() >= SHARE { "PASS" } else { "under" };
        writeln!(
            out,
            "{name:14} upserts of a finding's values {:6.2} M findings/s, engine {:6.3} M findings/s: {:.3} of it, {said}",
            rate(s.upserts),
            rate(s.engine),
            s.ratio()
        )?;
    }
    let grown = many.engine / few.engine * few.findings as f64 / many.findings as f64;
    let said = if grown <= GROWTH { "PASS" } else { "over" };
    writeln!(
        out,
        "time per finding grew to {grown:.2} of what it was (upserts: {:.2}): {said}",
        many.upserts / few.upserts
    )?;
    writeln!(
        out,
        "memory {:.0} bytes a finding held with its share of all, {:.0} an open incident",
        bytes as f64 / held as f64,
        bytes as f64 / counts.incidents as f64
    )?;
    Ok(())
}

/// What it costs to write the state down and to go on from it, and how large it is.
fn snapshots(out: &mut impl Write) -> io::Result<()> {
    for held in [100_000, 400_000] {
        let (mut source, mut engine) = (Findings::new(4), engine(None));
        let mut formats: Vec<&'static str> = Vec::new();
        for _ in 0..held / BATCH {
            for _ in 0..BATCH {
                let sighting = source.draw();
                formats.push(sighting.format);
                engine.handle(entry(sighting));
            }
            formats.sort_unstable();
            formats.dedup();
            engine.handle_time(source.now());
            while engine.poll_change().is_some() {}
        }
        let before = busy();
        let bytes = engine.snapshot();
        let between = busy();
        let restored = Engine::restore(&bytes, &formats, Index::default()).map_err(io::Error::other)?;
        let after = busy();
        if restored.snapshot() != bytes {
            return Err(io::Error::other("a restored engine's snapshot differs"));
        }
        let (findings, size) = (engine.counts().findings as f64, bytes.len() as f64);
        for (what, seconds) in [("snapshot", between - before), ("restore", after - between)] {
            let (bytes, findings) = (size / seconds / 1e6, findings / seconds / 1e6);
            writeln!(out, "{what:8} of {held} held: {bytes:.0} MB/s, {findings:.2} M findings/s")?;
        }
        writeln!(out, "a snapshot has {:.0} bytes for each finding held", size / findings)?;
    }
    Ok(())
}

/// What letting go costs, and that it follows what leaves and not what is held.
fn eviction(out: &mut impl Write) -> io::Result<()> {
    for held in [100_000, 400_000] {
        let (mut source, mut engine) = (Findings::new(2), engine(Some(365)));
        for _ in 0..held / BATCH {
            (0..BATCH).for_each(|_| engine.handle(entry(source.draw())));
            engine.handle_time(source.now());
            engine.skip_changes();
        }
        // The oldest tenth is due.
        let due = EventTime::from_seconds(1_772_000_000 + held as i64 / 10 * STEP_SECONDS + 365 * 86_400);
        let before = busy();
        engine.handle_time(due);
        let seconds = busy() - before;
        let left = engine.counts().evicted;
        writeln!(out, "of {held} held {left} were let go: {:.2} us each", seconds / left as f64 * 1e6)?;
    }
    Ok(())
}

/// The engine with every change assembled and taken, as a run that writes them has it.
fn polled(out: &mut impl Write) -> io::Result<()> {
    let (mut source, mut engine) = (Findings::new(1), engine(None));
    let (mut seconds, mut changes) = (0.0, 0);
    for _ in 0..FEW / BATCH {
        let batch: Vec<Journalled> = (0..BATCH).map(|_| entry(source.draw())).collect();
        let before = busy();
        batch.into_iter().for_each(|e| engine.handle(e));
        engine.handle_time(source.now());
        while engine.poll_change().is_some() {
            changes += 1;
        }
        seconds += busy() - before;
    }
    let rate = FEW as f64 / seconds / 1e6;
    writeln!(out, "with every change taken: {rate:.3} M findings/s, {changes} changes of {FEW} findings")
}

/// Three thousand alerts on one account within two days, a minute apart, each with its own watermark and then all at once.
fn one_account(out: &mut impl Write) -> io::Result<()> {
    for each in [true, false] {
        let (mut source, mut engine) = (Findings::new(3), engine(None));
        let mut entities = Vec::new();
        while entities.is_empty() {
            entities = source.draw().entities;
            entities.retain(|e| e.kind == EntityKind::Account);
        }
        let from = source.now();
        let (mut seconds, mut half) = (0.0, 0.0);
        for n in 1..=3000 {
            let mut sighting = source.draw();
            sighting.key.tenant = entities[0].tenant;
            sighting.entities.clone_from(&entities);
            sighting.first = from.plus_seconds(n * 57);
            sighting.last = sighting.first;
            let before = busy();
            let now = sighting.first;
            engine.handle(entry(sighting));
            if each || n == 3000 {
                engine.handle_time(now);
            }
            while engine.poll_change().is_some() {}
            seconds += busy() - before;
            if n == 1500 {
                half = seconds;
            }
        }
        let incidents = engine.counts().incidents;
        if each {
            let grown = (seconds - half) / half;
            writeln!(
                out,
                "3,000 alerts on one account, a watermark each: {seconds:.3} s, {incidents} incidents; the second half took \
                 {grown:.2} of the first"
            )?;
        } else {
            writeln!(out, "3,000 alerts on one account, one watermark: {seconds:.3} s, {incidents} incidents")?;
        }
    }
    Ok(())
}
