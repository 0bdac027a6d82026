//! What follows from the journal: pages in, changes out. A function of the pages in their order, and of nothing else: no clock, no
//! broker, no thread. Whoever reads the same journal has the same state and the same changes.

use super::identities::Identities;
use super::worries::Worries;
use crate::config::{Config, Live, heard};
use crate::course::{enter, is_silenced};
use crate::decisions;
use crate::failure::{Failure, failed};
use crate::operations::{self, Streams};
use caponier_correlate::{Counts, Engine};
use caponier_identity::{self as identity, Index, Store};
use caponier_model::{
    AccountKey, Call, Change, Configuration, DeadLetter, Entry, EventTime, FindingKey, Flow, IdentityChange,
    Journalled, Page, Persons as _, Position, Reject, RejectReason, Rows, Sighting, Statement, StreamRow, TenantId,
};
use caponier_rules::{self as rules, Suppressions, Windows};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a source has said of itself.
#[derive(Clone, Copy, Debug)]
struct Source {
    latest: Option<EventTime>,
    flow: Flow,
}

/// What streams did is remembered for so many seconds of event time: ninety days, as long as any baseline looks back.
const REMEMBERED: i64 = 90 * 86_400;

/// The state that the journal makes.
pub struct Course {
    /// What the journal told last of what the operator asks for, and as it is read.
    told: Configuration,
    config: Config,
    engine: Engine<Index>,
    windows: Windows,
    suppressions: Suppressions,
    identities: Identities,
    /// Evidence has come that nobody was asked about.
    asks: bool,
    sources: BTreeMap<CompactString, Source>,
    now: EventTime,
    /// Decisions that could not be placed, since somebody asked.
    unplaced: Vec<DeadLetter>,
    worries: Worries,
    streams: Streams,
    /// When streams were last looked at, in event time: hours since 1970.
    looked: i64,
    /// Findings of the last page that are worries too.
    raised: Vec<Sighting>,
    operational: Vec<(FindingKey, String)>,
    /// Incidents of the last page that are no more, and tenants that were forgotten.
    gone: Vec<CompactString>,
    purged: Vec<TenantId>,
}

/// What a snapshot holds.
#[derive(Serialize, Deserialize)]
struct Written {
    told: Configuration,
    worries: Worries,
    silenced: BTreeMap<CompactString, u64>,
    engine: Vec<u8>,
    windows: Vec<u8>,
    store: Vec<u8>,
    persons: Vec<IdentityChange>,
    streams: Vec<StreamRow>,
    looked: i64,
    sources: Vec<(CompactString, Option<EventTime>, Flow)>,
    now: EventTime,
    asks: bool,
}

fn limits(config: &Config) -> rules::Limits {
    rules::Limits { epoch: i64::from(config.engine.epoch), ..rules::Limits::default() }
}

fn settings(config: &Config) -> identity::Settings {
    let monitored = config.tenants.all.iter().map(|t| t.id).collect();
    identity::Settings { monitored, ..config.identity.clone() }
}

fn understood(told: &Configuration, own: &Config) -> Result<Config, Failure> {
    let what = "the journal holds a configuration that this version does not read; run the version that wrote it";
    heard(told, own).map_err(|faults| failed(what, format!("\n{faults}")))
}

impl Course {
    /// Nothing has been read yet, under the configuration that the journal tells first; what it does not tell is as `own` has it.
    ///
    /// # Errors
    /// This version does not read that configuration.
    pub fn new(told: Configuration, own: &Config) -> Result<Self, Failure> {
        let config = &understood(&told, own)?;
        let mut store = Store::new(&config.tenants, config.naming.clone(), settings(config));
        let asks = !config.twins.is_empty();
        store.insert(&Rows { statements: config.twins.clone(), ..Rows::default() });
        Ok(Self {
            config: config.clone(),
            told,
            engine: Engine::new(config.engine.clone(), config.policy.clone(), Index::default()),
            windows: Windows::new(Arc::clone(&config.rules), limits(config)),
            suppressions: Suppressions::new(config.suppressions.clone()),
            identities: Identities::new(store),
            asks,
            sources: BTreeMap::new(),
            now: EventTime::MIN,
            unplaced: Vec::new(),
            worries: Worries::default(),
            streams: Streams::default(),
            looked: i64::MIN,
            raised: Vec::new(),
            operational: Vec::new(),
            gone: Vec::new(),
            purged: Vec::new(),
        })
    }

    /// What the operator asks for, as the journal says.
    pub const fn told(&self) -> &Configuration {
        &self.told
    }

    /// The same as it is read.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Takes the next page; returns what it changes, in order.
    ///
    /// # Errors
    /// It holds a configuration that this version does not read.
    pub fn page(&mut self, page: Page) -> Result<Vec<Change>, Failure> {
        if !page.source.is_empty() {
            let source = self.sources.entry(page.source).or_insert(Source { latest: None, flow: Flow::Flowing });
            source.latest = source.latest.max(page.latest);
            source.flow = page.flow;
        }
        for journalled in page.entries {
            self.entry(journalled)?;
        }
        let crossed: Vec<_> = std::iter::from_fn(|| self.engine.poll_prolific()).collect();
        let mut changes = Vec::new();
        while let Some(mut change) = self.engine.poll_change() {
            // What leaves is digested where it is written.
            change.incident.digest.clear();
            changes.push(change);
        }
        let raised = std::mem::take(&mut self.raised);
        let told = self.worries.of_page((crossed, &changes, raised), &self.config, &mut self.suppressions);
        self.operational.extend(told);
        Ok(changes)
    }

    /// Operational findings of the last page, as lines.
    pub fn take_operational(&mut self) -> Vec<(FindingKey, String)> {
        std::mem::take(&mut self.operational)
    }

    /// Everything that the pages so far have made, in bytes. Changes must have been taken.
    ///
    /// # Errors
    /// None that a course can cause.
    pub fn snapshot(&mut self) -> Result<Vec<u8>, Failure> {
        let failing = |e: &dyn std::fmt::Display| failed("cannot write down the state", e);
        let persons = self.engine.persons();
        let mut accounts: Vec<AccountKey> = persons.all().collect();
        accounts.sort_unstable();
        let of = |account: &AccountKey| {
            let facts = persons.history_of(*account).into_iter().map(IdentityChange::Account);
            facts.chain(persons.links_of(*account).into_iter().map(IdentityChange::Link)).collect::<Vec<_>>()
        };
        let lent = || failed("cannot write down the state", "the identity join has the store");
        let store = self.identities.here().ok_or_else(lent)?.snapshot();
        let written = Written {
            told: self.told.clone(),
            worries: self.worries.clone(),
            streams: self.streams.rows(),
            looked: self.looked,
            silenced: self.suppressions.silenced().clone(),
            persons: accounts.iter().flat_map(of).collect(),
            engine: self.engine.snapshot(),
            windows: self.windows.snapshot().map_err(|e| failing(&e))?,
            store,
            asks: self.asks,
            sources: self.sources.iter().map(|(name, s)| (name.clone(), s.latest, s.flow)).collect(),
            now: self.now,
        };
        postcard::to_stdvec(&written).map_err(|e| failing(&e))
    }

    /// A course that goes on from a snapshot, under the configuration that it holds.
    ///
    /// # Errors
    /// The bytes are no snapshot, or one that this version does not read.
    pub fn restore(own: &Config, bytes: &[u8]) -> Result<Self, Failure> {
        let failing = |e: &dyn std::fmt::Display| failed("no snapshot to go on from", e);
        let Written { told, worries, silenced, engine, windows, store, persons, streams, looked, sources, now, asks } =
            postcard::from_bytes(bytes).map_err(|e| failing(&e))?;
        let mut index = Index::default();
        for change in persons {
            index.apply(change);
        }
        let mut read = Streams::default();
        read.take(streams, &super::formats());
        let fresh = Self::new(told, own)?;
        let config = fresh.config.clone();
        let (limits, settings) = (limits(&config), settings(&config));
        let store =
            Store::restore(&store, &config.tenants, config.naming.clone(), settings).map_err(|e| failing(&e))?;
        Ok(Self {
            engine: Engine::restore(&engine, &super::formats(), index).map_err(|e| failing(&e))?,
            windows: Windows::restore(&windows, Arc::clone(&config.rules), limits).map_err(|e| failing(&e))?,
            identities: Identities::new(store),
            asks,
            worries,
            streams: read,
            looked,
            suppressions: fresh.suppressions.clone().after(silenced),
            sources: sources.into_iter().map(|(name, latest, flow)| (name, Source { latest, flow })).collect(),
            now,
            ..fresh
        })
    }

    fn entry(&mut self, journalled: Journalled) -> Result<(), Failure> {
        match journalled.entry {
            Entry::Evidence(rows) => {
                self.asks = true;
                self.identities.insert(*rows);
            }
            Entry::Streams(rows) => self.streams.take(rows, &super::formats()),
            Entry::Signal(signal) => {
                self.windows.take(*signal, self.engine.persons());
                self.say();
            }
            Entry::Sighting(ref finding) if is_silenced(&mut self.suppressions, finding) => {}
            Entry::Sighting(ref finding) if finding.format == identity::CONFLICT => {
                self.raised.push((**finding).clone());
                self.engine.handle(journalled);
            }
            Entry::Identity(ref change) => {
                let told = change.clone();
                self.engine.handle(journalled);
                self.windows.rebind(&told, self.engine.persons());
                self.say();
            }
            Entry::Watermark(to) => {
                self.now = self.now.max(to);
                self.windows.advance(to, self.engine.persons());
                self.say();
                self.engine.handle_time(to);
                self.look(to);
                if let Some(days) = self.config.engine.retention_days {
                    self.worries.forget(to.plus_seconds(-i64::from(days) * 86_400));
                }
            }
            Entry::Statement(ref said) => {
                self.asks = true;
                self.identities.insert(Rows { statements: vec![said.clone()], ..Rows::default() });
                self.engine.handle(journalled);
            }
            Entry::Call(call) => self.decide(&call, journalled.position),
            Entry::Configuration(told) => self.configure(*told)?,
            Entry::Purge(tenant) => self.purge(tenant),
            _ => self.engine.handle(journalled),
        }
        Ok(())
    }

    /// Forgets a tenant: what it recorded, what follows from that, and what was said of it. Links that rested on it are taken back by the
    /// next settlement.
    fn purge(&mut self, tenant: TenantId) {
        self.gone.extend(self.engine.purge(tenant));
        let limits = limits(&self.config);
        self.windows.renew(Arc::clone(&self.config.rules), limits, self.engine.persons(), |s| s.key.tenant != tenant);
        self.say();
        if let Some(store) = self.identities.here() {
            store.purge(tenant);
        }
        self.asks = true;
        self.worries.forget_of(tenant);
        self.streams.forget_of(tenant);
        self.purged.push(tenant);
    }

    /// Once an hour of event time, and at its end: which sources fell silent, and whose clocks are off.
    fn look(&mut self, to: EventTime) {
        let hour = to.seconds_since(EventTime::from_seconds(0)).div_euclid(3_600);
        if hour <= self.looked {
            return;
        }
        self.looked = hour;
        if to < EventTime::MAX {
            self.streams.forget(to.plus_seconds(-REMEMBERED));
        }
        let told = |name| operations::told(&self.config.operational, name);
        let silences = told("source_silence").into_iter().flat_map(|t| self.streams.silences(t, to));
        let skews = told("clock_skew").into_iter().flat_map(|t| self.streams.skews(t, to));
        // What was told of is forgotten when findings are; what ended before is not told again.
        let horizon = self.config.engine.retention_days.filter(|_| to < EventTime::MAX);
        let horizon = horizon.map_or(EventTime::MIN, |days| to.plus_seconds(-i64::from(days) * 86_400));
        self.raised.extend(silences.chain(skews).filter(|finding| finding.last >= horizon));
    }

    /// Incidents of the last page that are no more, and the tenants that were forgotten.
    pub fn take_purged(&mut self) -> (Vec<CompactString>, Vec<TenantId>) {
        (std::mem::take(&mut self.gone), std::mem::take(&mut self.purged))
    }

    /// Goes on under what the operator asks for now.
    fn configure(&mut self, told: Configuration) -> Result<(), Failure> {
        if told == self.told {
            return Ok(());
        }
        let config = understood(&told, &self.config)?;
        self.engine.reconfigure(config.engine.clone(), config.policy.clone());
        if config.rules.digest != self.config.rules.digest || config.engine.epoch != self.config.engine.epoch {
            self.windows.renew(Arc::clone(&config.rules), limits(&config), self.engine.persons(), |_| true);
        }
        self.suppressions = self.suppressions.clone().under(config.suppressions.clone());
        self.say();
        let identity = |c: &Config| (c.tenants.clone(), c.naming.clone(), settings(c), c.twins.clone());
        if identity(&config) != identity(&self.config) {
            let rows = |statements: &[Statement]| Rows { statements: statements.to_vec(), ..Rows::default() };
            if let Some(store) = self.identities.here() {
                store.remove(&rows(&self.config.twins));
                store.insert(&rows(&config.twins));
                let bytes = store.snapshot();
                *store = Store::restore(&bytes, &config.tenants, config.naming.clone(), settings(&config))
                    .map_err(|e| failed("cannot ask about identities anew", e))?;
            }
            self.asks = true;
        }
        (self.told, self.config) = (told, config);
        Ok(())
    }

    /// A decision about incidents at its place: they stand for the findings that they have here.
    fn decide(&mut self, call: &Call, position: Option<Position>) {
        self.engine.flush();
        match call.placed(|id| self.engine.members(id)) {
            Ok(decision) => {
                let at = decision.at;
                self.engine.handle(Journalled { at, position, entry: Entry::Decision(Box::new(decision)) });
            }
            Err(what) => {
                let position = position.unwrap_or_else(|| Position { source: "".into(), offset: 0, index: 0 });
                let reject = Reject::new(RejectReason::UnplacedDecision, what);
                let raw = decisions::call_line(call).into_bytes();
                self.unplaced.push(DeadLetter { position, reject, raw, truncated: false });
            }
        }
    }

    /// Decisions of the last page that have no effect, and why: their authors must know.
    pub fn take_unplaced(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.unplaced)
    }

    /// What the windows found enters as if a product had said it.
    fn say(&mut self) {
        while let Some(mut emission) = self.windows.poll() {
            self.suppressions.quieten(&mut emission);
            enter(&mut self.engine, emission);
        }
    }

    /// The engine's counters.
    pub fn counts(&self) -> Counts {
        self.engine.counts()
    }

    /// Event time so far.
    pub const fn now(&self) -> EventTime {
        self.now
    }

    /// True where every one of these sources was read to its end.
    pub fn all_ended(&self, sources: &[CompactString]) -> bool {
        sources.iter().all(|s| self.sources.get(s).is_some_and(|s| s.flow == Flow::Ended))
    }

    /// Up to where nothing earlier is expected of any source that flows and has told a time; none while none has.
    /// What is read no more by this configuration holds nothing back.
    pub fn settled_until(&self, live: &Live) -> Option<EventTime> {
        let complete = |(name, source): (&CompactString, &Source)| {
            let topic = name.rsplit_once('/').map_or(name.as_str(), |(topic, _)| topic);
            Some(source.latest?.plus_seconds(-live.lateness_of(topic)))
        };
        let flowing = self.sources.iter().filter(|(name, s)| s.flow == Flow::Flowing && live.reads(name));
        let earliest = flowing.filter_map(complete).min();
        earliest.or_else(|| self.sources.iter().filter_map(complete).max())
    }

    /// True where evidence waits to be asked about.
    pub const fn asks(&self) -> bool {
        self.asks
    }

    /// Lends the store to whoever asks what follows from the evidence so far; evidence that comes meanwhile waits. None where it is lent.
    /// Nothing that is asked takes effect: it does when it is read back.
    pub const fn lend(&mut self) -> Option<Store> {
        self.asks = false;
        self.identities.lend()
    }

    /// Has the store back.
    pub fn take_back(&mut self, store: Store) {
        self.asks |= self.identities.take_back(store);
    }

    /// True for a page that cannot be read while the store is lent.
    pub fn needs_store(page: &Page) -> bool {
        page.entries.iter().any(|e| matches!(e.entry, Entry::Purge(_) | Entry::Configuration(_)))
    }

    /// Findings of links that contradict each other, over all that is known.
    pub fn conflicts(&mut self) -> Vec<Journalled> {
        let Some(store) = self.identities.here() else { return Vec::new() };
        let (testimony, weighed) = store.answers();
        let conflicts = operations::graded(identity::conflicts(&weighed.links, &testimony), &self.config.operational);
        let entry = |s: Sighting| Journalled { at: s.first, position: None, entry: Entry::Sighting(Box::new(s)) };
        conflicts.into_iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::Guid;

    const HOUR: i64 = 3_600;

    /// One table of one tenant, a record an hour in these hours.
    fn hourly(tenant: u128, hours: std::ops::Range<i64>) -> Journalled {
        let at = |hour: i64| EventTime::from_seconds(hour * HOUR);
        let row = StreamRow {
            tenant: TenantId(Guid::from_u128(tenant)),
            table: "signin".into(),
            hours: hours.clone().map(|hour| (hour, at(hour), at(hour))).collect(),
            asked: Vec::new(),
        };
        Journalled { at: at(hours.end), position: None, entry: Entry::Streams(vec![row]) }
    }

    fn until(hour: i64) -> Journalled {
        let at = EventTime::from_seconds(hour * HOUR);
        Journalled { at, position: None, entry: Entry::Watermark(at) }
    }

    fn told(course: &mut Course, entries: Vec<Journalled>) -> Vec<String> {
        course.page(Page { entries, ..Page::default() }).unwrap();
        let rule = |line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap()["rule"].to_string();
        course.take_operational().into_iter().map(|(_, line)| rule(line)).collect()
    }

    #[test]
    fn a_source_that_falls_silent_is_told_of_once_and_a_restart_knows() {
        let tenant = |n: u128, name, role| {
            format!("[[tenant]]\nid = \"{}\"\nname = \"{name}\"\nrole = \"{role}\"\n", Guid::from_u128(n))
        };
        let config =
            crate::config::parse(&[tenant(1, "home", "primary"), tenant(2, "away", "secondary")].concat()).unwrap();
        let mut course = Course::new(crate::config::told(&config), &config).unwrap();
        let mut day = 0;
        while day < 10 {
            let hours = day * 24..(day + 1) * 24;
            let page = vec![hourly(1, hours.clone()), hourly(2, hours.clone()), until(hours.end)];
            assert_eq!(told(&mut course, page), [""; 0], "both go on");
            day += 1;
        }
        assert_eq!(told(&mut course, vec![hourly(2, 240..244), until(244)]), [""; 0], "four hours are no silence");
        let mut course = Course::restore(&config, &course.snapshot().unwrap()).unwrap();
        assert_eq!(told(&mut course, vec![hourly(2, 244..250), until(250)]), ["\"source_silence\""]);
        let mut course = Course::restore(&config, &course.snapshot().unwrap()).unwrap();
        assert_eq!(told(&mut course, vec![hourly(2, 250..260), until(260)]), [""; 0], "it was told");
        let after = course.streams.rows();
        let mut later = Vec::new();
        for hour in 260..1000 {
            let own = if hour == 270 { vec![hourly(1, 270..1000)] } else { Vec::new() };
            later.extend(told(&mut course, [own, vec![hourly(2, hour..hour + 1), until(hour + 1)]].concat()));
        }
        assert_eq!(later, [""; 0], "a silence that is over is told once, however long ago it was");
        told(&mut course, vec![hourly(2, 1000..4000), until(4000)]);
        let kept = course.streams.rows();
        assert!(after.len() == 2 && kept.len() == 1 && kept[0].hours.len() == 2160, "ninety days are remembered");
    }
}
