//! Intake: files to events to journal entries and evidence rows, in parallel and without state that outlives a record.
//!
//! Each record gets exactly one class. Every decoded record leaves a fingerprint behind, so that exact copies are counted
//! without holding the records; those that matter leave their bytes in a sorter, to be decoded again in event-time order.

use crate::columns::Row;
use crate::config::Config;
use crate::failure::{Failure, failed};
use crate::operations::Streams;
use crate::reading::{Keep, Origin, Reading};
use crate::summary::{Summary, Tally};
use caponier_identity as identity;
use caponier_model::{Body, Class, DeadLetter, Event, EventTime, Guid, Rows, Sighting, TenantId};
use caponier_rules as rules;
use caponier_transport::{self as transport, DeadLetters, Distinct, Input, Item, Sorter};
use caponier_wire::{self as wire, Basis, Claims, RawRecord};
use indicatif::ProgressBar;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What intake leaves for the identity join and the journal.
pub struct Intake {
    /// Counters of records; findings and incidents are still zero.
    pub summary: Summary,
    /// Records that make journal entries, with their keys.
    pub sorter: Sorter,
    /// Identity evidence, in canonical order.
    pub rows: Rows,
    /// Refused records.
    pub dead: DeadLetters,
    /// Tenants whose records were read.
    pub tenants: BTreeSet<TenantId>,
    /// Whose workspaces and subscriptions they are, as records that name their tenant say; for a run without configuration.
    pub owners: Owners,
    /// When each table of each tenant came.
    pub streams: Streams,
}

/// Workspaces and subscriptions beside the tenants that records name together with them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owners {
    /// By workspace.
    pub workspaces: BTreeMap<Guid, BTreeSet<TenantId>>,
    /// By subscription.
    pub subscriptions: BTreeMap<Guid, BTreeSet<TenantId>>,
}

impl Owners {
    /// Takes in what one record says of itself.
    fn see(&mut self, claims: &Claims, tenant: TenantId) {
        let add = |map: &mut BTreeMap<Guid, BTreeSet<TenantId>>, id: Option<Guid>| {
            if let Some(id) = id {
                map.entry(id).or_default().insert(tenant);
            }
        };
        add(&mut self.workspaces, claims.workspace);
        add(&mut self.subscriptions, claims.subscription);
    }

    fn append(&mut self, other: Self) {
        for (id, tenants) in other.workspaces {
            self.workspaces.entry(id).or_default().extend(tenants);
        }
        for (id, tenants) in other.subscriptions {
            self.subscriptions.entry(id).or_default().extend(tenants);
        }
    }
}

/// Reads and decodes all inputs.
///
/// # Errors
/// The disk that spilled data goes to fails. Faults of the input are dead letters, never errors.
pub fn intake(config: &Config, inputs: &[Input], not_after: EventTime, bar: &ProgressBar) -> Result<Intake, Failure> {
    let threads = match config.intake_threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => usize::try_from(n).unwrap_or(1).min(64),
    };
    let pieces = pieces(config, inputs, threads);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Worker<'_>, Failure> {
        let mut worker = Worker::new(config, inputs, not_after);
        while let Some((index, piece)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            worker.read(*index, piece)?;
            bar.inc(piece.range.map_or(piece.bytes, |r| r.end - r.start));
        }
        Ok(worker)
    };
    let workers = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(|h| h.join().unwrap_or_else(|_| Err(failed("intake", "a reader stopped")))).collect()
    });
    gather(config, workers)
}

impl Keep for Worker<'_> {
    fn decoded(&mut self, offset: u64, record: &RawRecord<'_>, decoded: &wire::Decoded<'_>) -> Result<(), Failure> {
        self.kept(offset, record, decoded)
    }

    fn refused(&mut self, letter: DeadLetter) -> Result<(), Failure> {
        self.lose(letter)
    }
}

/// Big files are cut at lines so that every thread has work; the cut changes nothing but who reads what.
fn pieces(config: &Config, inputs: &[Input], threads: usize) -> Vec<(usize, Input)> {
    const CUT_BYTES: u64 = 8 << 20;
    let mut pieces = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let parts =
            if threads > 1 { usize::try_from(input.bytes / CUT_BYTES).unwrap_or(1).min(threads * 4) } else { 1 };
        match transport::split(input, parts.max(1), &config.limits) {
            Ok(ranges) => pieces.extend(ranges.into_iter().map(|r| (index, r))),
            // Reading it whole says what is wrong with it.
            Err(_) => pieces.push((index, input.clone())),
        }
    }
    pieces.sort_by_key(|(index, piece)| {
        (std::cmp::Reverse(piece.range.map_or(piece.bytes, |r| r.end - r.start)), *index)
    });
    pieces
}

fn gather(config: &Config, workers: Result<Vec<Worker<'_>>, Failure>) -> Result<Intake, Failure> {
    let mut summary = Summary::default();
    let mut tallies = BTreeMap::<&'static str, Tally>::new();
    let (mut sorters, mut distincts, mut deads) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tenants, mut bases) = (BTreeSet::new(), BTreeMap::<Basis, u64>::new());
    let (mut observer, mut owners) = (identity::Observer::default(), Owners::default());
    let mut streams = Streams::default();
    for worker in workers? {
        summary.bytes += worker.bytes;
        for (format, tally) in worker.tallies {
            tallies.entry(format).or_default().add(&tally);
        }
        for (basis, count) in worker.bases {
            *bases.entry(basis).or_default() += count;
        }
        for (reason, count) in worker.reasons {
            *summary.by_reason.entry(reason).or_default() += count;
        }
        observer.append(worker.observer);
        tenants.extend(worker.tenants);
        owners.append(worker.owners);
        streams.append(worker.streams);
        sorters.push(worker.sorter);
        distincts.push(worker.distinct);
        deads.push(worker.dead);
    }
    let fix = |fingerprint, extra| {
        let (format, used) = read_tag(fingerprint);
        let tally: &mut Tally = tallies.entry(format).or_default();
        *(if used { &mut tally.used } else { &mut tally.quiet }) -= extra;
        tally.duplicate += extra;
    };
    Distinct::merge(distincts).repeats(fix).map_err(|e| failed("cannot sort fingerprints on disk", e))?;
    for (format, tally) in tallies {
        summary.total.add(&tally);
        summary.by_format.insert(format.to_owned(), tally);
    }
    summary.assumed = assumptions(config, &bases);
    summary.tenants = tenants.len() as u64;
    let mut rows = observer.into_rows();
    rows.canonical();
    let dead = DeadLetters::merge(deads);
    Ok(Intake { summary, sorter: Sorter::merge(sorters), rows, dead, tenants, owners, streams })
}

/// What was assumed, in words.
fn assumptions(config: &Config, bases: &BTreeMap<Basis, u64>) -> Vec<String> {
    let mut said = Vec::new();
    if !config.configured {
        said.push("no configuration: tenants are taken from tenantId=<GUID> folders and from the records; their pairs may merge".into());
    }
    for (basis, count) in bases {
        let what = match basis {
            Basis::AssumedWorkspace => "name only a workspace; its id stands in for the tenant",
            Basis::AssumedCaller => "name no tenant; the tenant of the caller's token was taken",
            Basis::AssumedSubscription => "name only a subscription; its id stands in for the tenant",
            Basis::Unnamed => "name no tenant at all; they are held to be one unnamed tenant's",
            _ => continue,
        };
        said.push(format!("{count} records {what}"));
    }
    said
}

/// The low bits of a fingerprint carry the format's row and whether the record was used; the rest is the content's hash.
const TAG_BITS: u32 = 12;

const fn tag(content: u128, row: usize, used: bool) -> u128 {
    content >> TAG_BITS << TAG_BITS | (row as u128) << 1 | used as u128
}

fn read_tag(fingerprint: u128) -> (&'static str, bool) {
    let row = (fingerprint & ((1 << TAG_BITS) - 1)) as usize >> 1;
    (wire::exports().nth(row).map_or(UNKNOWN, |e| e.name), fingerprint & 1 == 1)
}

/// Where records stand whose format was not recognised.
const UNKNOWN: &str = "unknown";

/// One thread's share.
struct Worker<'c> {
    config: &'c Config,
    inputs: &'c [Input],
    not_after: EventTime,
    /// The input that is read now.
    index: usize,
    rules: Vec<Sighting>,
    tallies: BTreeMap<&'static str, Tally>,
    reasons: BTreeMap<&'static str, u64>,
    bases: BTreeMap<Basis, u64>,
    tenants: BTreeSet<TenantId>,
    owners: Owners,
    streams: Streams,
    observer: identity::Observer,
    sorter: Sorter,
    distinct: Distinct,
    dead: DeadLetters,
    bytes: u64,
    /// The format of the last record and its row: neighbours share their format.
    last: (&'static str, usize),
}

impl<'c> Worker<'c> {
    fn new(config: &'c Config, inputs: &'c [Input], not_after: EventTime) -> Self {
        Self {
            config,
            inputs,
            not_after,
            index: 0,
            rules: Vec::new(),
            tallies: BTreeMap::new(),
            reasons: BTreeMap::new(),
            bases: BTreeMap::new(),
            tenants: BTreeSet::new(),
            owners: Owners::default(),
            streams: Streams::default(),
            observer: identity::Observer::default(),
            sorter: Sorter::new(&config.limits),
            distinct: Distinct::new(&config.limits),
            dead: DeadLetters::new(&config.limits),
            bytes: 0,
            last: (UNKNOWN, usize::MAX),
        }
    }

    fn read(&mut self, index: usize, piece: &Input) -> Result<(), Failure> {
        let limits = &self.config.limits;
        self.index = index;
        let (config, not_after) = (self.config, self.not_after);
        let reading = Reading { config, origin: origin(&self.inputs[index]), not_after };
        let tally = transport::read(piece, limits, &mut |item| match item {
            Item::Refused(letter) => self.lose(letter),
            Item::Payload(payload) => reading.payload(payload.offset, payload.bytes, self),
        })?;
        self.bytes += tally.inflated;
        Ok(())
    }

    fn kept(&mut self, offset: u64, record: &RawRecord<'_>, decoded: &wire::Decoded<'_>) -> Result<(), Failure> {
        let event = &decoded.event;
        let journals = self.journals(event, &record.bytes);
        let used = self.observer.observe(event) || journals;
        if journals {
            let place = Place { input: self.index as u32, offset, index: record.index };
            self.sorter
                .push(key(event), value(record, place))
                .map_err(|e| failed("cannot sort findings on disk", e))?;
        }
        if self.last.0 != event.format {
            self.last = (event.format, wire::exports().position(|e| e.name == event.format).unwrap_or(0));
        }
        self.distinct
            .push(tag(event.content, self.last.1, used))
            .map_err(|e| failed("cannot keep fingerprints on disk", e))?;
        self.tallies.entry(event.format).or_default().count(if used { Class::Used } else { Class::Quiet });
        self.tenants.insert(event.tenant);
        self.streams.see(event, &record.bytes);
        if matches!(decoded.basis, Basis::Folder | Basis::Workspace | Basis::Subscription | Basis::Record) {
            self.owners.see(&decoded.claims, event.tenant);
        } else {
            *self.bases.entry(decoded.basis).or_default() += 1;
        }
        Ok(())
    }

    /// Does the event make journal entries: by itself, or because a base rule says so?
    fn journals(&mut self, event: &Event<'_>, record: &[u8]) -> bool {
        if matches!(event.body, Body::Sighting(_) | Body::Incident(_)) {
            return true;
        }
        self.rules.clear();
        rules::apply(event, &mut self.rules);
        !self.rules.is_empty() || self.config.rules.makes_signals(event, &Row::of(record, event))
    }

    fn lose(&mut self, letter: DeadLetter) -> Result<(), Failure> {
        let format = letter.reject.format.unwrap_or(UNKNOWN);
        self.tallies.entry(format).or_default().count(Class::DeadLetter);
        *self.reasons.entry(letter.reject.reason.code()).or_default() += 1;
        self.dead.push(letter).map_err(|e| failed("cannot keep dead letters on disk", e))
    }
}

/// What a file's place says of its records.
pub fn origin(input: &Input) -> Origin<'_> {
    Origin { name: &input.name, tenant: input.tenant, table: input.table.as_deref() }
}

/// Sorts by event time, then by what the record is: nothing of where it came from.
fn key(event: &Event<'_>) -> Vec<u8> {
    let mut key = Vec::with_capacity(56);
    key.extend((event.time.nanos() as u64 ^ 1 << 63).to_be_bytes());
    key.extend(event.tenant.0.as_u128().to_be_bytes());
    key.extend(event.content.to_be_bytes());
    key.extend(event.format.as_bytes());
    key
}

/// The place of a record, for the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Index of its input.
    pub input: u32,
    /// Line or ordinal.
    pub offset: u64,
    /// Index in its payload.
    pub index: u32,
}

/// The record's bytes first, so that among exact copies the choice depends on their content alone; then what it takes to
/// decode it again.
fn value(record: &RawRecord<'_>, place: Place) -> Vec<u8> {
    let odata = record.odata.as_deref().unwrap_or_default();
    let table = record.table.as_deref().unwrap_or_default();
    let mut value = Vec::with_capacity(record.bytes.len() + odata.len() + table.len() + 24);
    value.extend(&*record.bytes);
    value.extend(odata.as_bytes());
    value.extend(table.as_bytes());
    value.extend(place.input.to_be_bytes());
    value.extend(place.offset.to_be_bytes());
    value.extend(place.index.to_be_bytes());
    value.extend((odata.len() as u32).to_be_bytes());
    value.extend((table.len() as u32).to_be_bytes());
    value
}

/// What [`value`] put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept<'v> {
    /// The record's bytes.
    pub record: &'v [u8],
    /// The OData context of its response.
    pub odata: Option<&'v str>,
    /// The table that its response named.
    pub table: Option<&'v str>,
    /// Where it stood.
    pub place: Place,
}

/// Takes apart what [`value`] put together.
pub fn read_value(value: &[u8]) -> Option<Kept<'_>> {
    let (rest, table) = value.split_last_chunk::<4>()?;
    let (rest, odata) = rest.split_last_chunk::<4>()?;
    let (rest, index) = rest.split_last_chunk::<4>()?;
    let (rest, offset) = rest.split_last_chunk::<8>()?;
    let (rest, input) = rest.split_last_chunk::<4>()?;
    let (rest, table) = rest.split_at(rest.len().checked_sub(u32::from_be_bytes(*table) as usize)?);
    let (record, odata) = rest.split_at(rest.len().checked_sub(u32::from_be_bytes(*odata) as usize)?);
    let place = Place {
        input: u32::from_be_bytes(*input),
        offset: u64::from_be_bytes(*offset),
        index: u32::from_be_bytes(*index),
    };
    let text = |bytes| std::str::from_utf8(bytes).ok().filter(|t: &&str| !t.is_empty());
    Some(Kept { record, odata: text(odata), table: text(table), place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_apart_as_it_was_put_together() {
        let place = Place { input: 3, offset: 1 << 40, index: 7 };
        for (odata, table) in [(None, None), (Some("https://graph.microsoft.com/v1.0/$metadata#users"), Some("users"))]
        {
            let record = RawRecord {
                index: 7,
                bytes: b"{}"[..].into(),
                odata: odata.map(Into::into),
                table: table.map(Into::into),
            };
            assert_eq!(read_value(&value(&record, place)), Some(Kept { record: b"{}", odata, table, place }));
        }
        assert_eq!(read_value(b"short"), None);
    }

    #[test]
    fn keys_sort_by_time_across_the_epoch() {
        let sign = |nanos: i64| (nanos as u64 ^ 1 << 63).to_be_bytes();
        assert!(sign(-5) < sign(-1) && sign(-1) < sign(0) && sign(0) < sign(1));
    }

    #[test]
    fn tags_keep_format_and_use_apart() {
        let content = u128::MAX - 12_345;
        assert_ne!(tag(content, 1, true), tag(content, 1, false));
        assert_ne!(tag(content, 1, true), tag(content, 2, true));
    }
}
