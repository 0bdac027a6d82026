//! The correlator: follows the journal, and while it is the one that is elected delivers what follows from it.
//!
//! Any number may follow; the one to which the group gives the journal's partition delivers. It writes changes together with the
//! offset up to which they are all written, so that whoever takes over goes on exactly there: what it has computed and nobody is
//! known to have delivered, each follower keeps. Opening the writer fences whoever wrote before.

use super::course::Course;
use super::identities::{Answer, Asking};
use super::pieces::pieces;
use super::snapshot::Snapshots;
use super::{Asked, Fault, Metrics, PATIENCE, Stop, broken, commit, formats, sources};
use crate::command::tell;
use crate::config::{Config, difference};
use crate::failure::{Failure, failed};
use caponier_model::{
    Audience, Change, Configuration, DeadLetter, Entry, EventTime, FindingKey, IdentityChange, Journalled, Link, Page,
    Position, Reject, RejectReason, TenantId,
};
use caponier_query::Join;
use caponier_transport::dead_letter_line;
use caponier_transport::kafka::{Cluster, Follower, Group, Heard, KafkaFault, Writer};
use caponier_wire as wire;
use compact_str::CompactString;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Pages taken between two writes at most.
const PAGES: usize = 512;
/// What comes within this time is written together.
const GATHER: Duration = Duration::from_millis(50);
/// Event time and identities are settled no more often than this, while there is more to read.
const SETTLE: Duration = Duration::from_millis(1000);
/// The engine is asked how it is no more often than this.
const MEASURE: Duration = Duration::from_secs(2);
/// Whoever is gone is missed after six seconds, the least that brokers grant: a standby takes over within ten.
const QUICK: [(&str, &str); 2] = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1500")];
/// Entries of one page that the correlator writes into the journal at most.
const ENTRIES: usize = 5000;

/// Which halves a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Role {
    /// Both.
    All,
    /// Only intake.
    Intake,
    /// Only the correlator.
    Correlator,
}

/// What is to be delivered of one page.
struct Due {
    offset: i64,
    /// When the oldest of what it was made of became available, in milliseconds since 1970.
    since: Option<i64>,
    changes: Vec<Told>,
    /// Decisions that could not be placed, as lines.
    dead: Vec<(String, Vec<u8>)>,
    /// What is wrong with the watching, by key, as lines.
    operational: Vec<(String, String)>,
    /// Ids of incidents that are no more, since a tenant was forgotten.
    gone: Vec<CompactString>,
}

/// A change as it is delivered: the incident, its line, and what is told of it to whoever watches.
struct Told {
    id: CompactString,
    kind: &'static str,
    line: Vec<u8>,
    headline: String,
}

/// Follows the journal.
pub struct Correlator<'r> {
    /// What the run is told.
    pub config: &'r Config,
    /// What the operator asks for from now on.
    pub asked: &'r Asked,
    /// Where the topics are.
    pub cluster: &'r Cluster,
    /// Name of this instance: another one of the same name takes its place.
    pub instance: &'r str,
    /// Partitions that are read, by `topic/partition`: in a drain all of them must end.
    pub sources: &'r [CompactString],
    /// The run ends when every partition has ended and everything is told.
    pub drain: bool,
    /// When to end.
    pub stop: &'r Stop,
    /// What is told on stderr of a change that was delivered.
    pub headline: &'r dyn Fn(&Change) -> String,
    /// What it counts of itself.
    pub metrics: &'r Metrics,
}

/// What is told after the links that an answer brings.
#[derive(Clone, Copy)]
struct Close {
    begun: Instant,
    /// Event time comes so far.
    until: Option<EventTime>,
    /// Nothing comes after it.
    over: bool,
}

/// What a follower has got.
struct State {
    course: Course,
    join: Option<Join>,
    /// The identity join is asked, and what is to be told with its answer.
    asking: Option<(Asking, Close)>,
    /// The next offset to read.
    next: i64,
    /// Delivered up to here, as far as is known.
    committed: i64,
    due: VecDeque<Due>,
    caught_up: bool,
    /// Whether it ever was: who is still reading what was, has nothing to add to it.
    knows: bool,
    settled: Instant,
    /// When it last asked what was delivered.
    asked: Instant,
    /// What this one has to say into the journal and has not.
    pages: Vec<Page>,
    /// Pages that it has written into the journal and not read back.
    awaits: usize,
    ended: bool,
    /// A tenant was forgotten, and snapshots still hold it.
    purged: bool,
    /// When the newest page of an intake that was read became available: what time makes follow, follows from that.
    since: Option<i64>,
    /// When the engine is next asked how it is.
    measures: Instant,
    /// Something failed, or another delivered: what is delivered is to be asked first.
    unsure: bool,
    /// Partitions that must end in a drain.
    sources: Vec<CompactString>,
}

impl Correlator<'_> {
    /// Follows until it is to stop; in a drain until everything is told.
    ///
    /// # Errors
    /// Kafka gives up, the journal cannot be read, or the identity join fails.
    pub fn run(&self) -> Result<(), Failure> {
        let live = &self.config.live;
        let name = format!("{}-correlator", live.group);
        let instance = format!("{name}-{}", self.instance);
        let failing = |e: &KafkaFault| broken("the correlator", e);
        let election =
            Group::join(self.cluster, &name, Some(&instance), &[&live.journal], &QUICK).map_err(|e| failing(&e))?;
        let mut snapshots = Snapshots::open(self.config, self.metrics)?;
        let committed = election.committed(&live.journal, 0, PATIENCE).map_err(|e| failing(&e))?.unwrap_or(0);
        let Some((course, next)) = self.begin(&snapshots, &election, &name, committed)? else { return Ok(()) };
        let follower = Follower::open(self.cluster, &live.journal, Some(next)).map_err(|e| failing(&e))?;
        let mut state = State::begin(course, next, committed, self.sources);
        let mut writer: Option<Writer> = None;
        // What the join was asked is told before the end: the store takes it for told.
        while !self.stop.is_asked() || state.asking.is_some() && writer.is_some() {
            self.metrics.correlator.beat();
            self.asked.refresh(self.cluster);
            match self.turn(&election, &follower, &mut writer, &mut snapshots, &mut state) {
                Ok(()) => {}
                Err(Fault::Kafka(fault)) if fault.may_pass() => {
                    self.metrics.retries.with_label_values(&["correlator"]).inc();
                    if !state.unsure {
                        tell(&format!("the correlator: {fault}; it goes on trying\n"));
                    }
                    state.unsure = true;
                }
                // What is not delivered is kept until it is known to be.
                Err(Fault::Kafka(KafkaFault::Fenced { .. })) => {
                    tell(
                        "fenced: another instance delivers, or was about to; this one delivers nothing that it had begun\n",
                    );
                    writer = None;
                }
                Err(Fault::Kafka(fault) | Fault::Expelled(fault)) => return Err(failing(&fault)),
                Err(Fault::Failure(failure)) => return Err(failure),
            }
            if self.drain && state.ended && state.due.is_empty() {
                self.stop.ask();
            }
            if state.is_whole() {
                snapshots.keep(&mut state.course, state.next);
            }
        }
        if state.is_whole() {
            snapshots.save(&mut state.course, state.next)?;
        }
        Ok(())
    }

    /// Reads on, and delivers where this is the one.
    fn turn(
        &self,
        election: &Group,
        follower: &Follower,
        writer: &mut Option<Writer>,
        snapshots: &mut Snapshots<'_>,
        state: &mut State,
    ) -> Result<(), Fault> {
        let journal = &self.config.live.journal;
        let elected = self.serve(election)?;
        if elected && writer.is_none() {
            let name = format!("{}-correlator", self.config.live.group);
            *writer = Some(Writer::open(self.cluster, &name, PATIENCE)?);
            state.unsure = true;
        }
        if !elected {
            *writer = None;
        }
        if let Some(active) = writer.as_ref().filter(|_| state.unsure) {
            active.clear(PATIENCE)?;
            state.take_over(election.committed(journal, 0, PATIENCE)?);
            state.unsure = false;
        }
        self.read(follower, state)?;
        if state.asking.as_ref().is_some_and(|(asking, _)| asking.is_over()) {
            self.hear_answer(state)?;
        }
        if state.purged && state.is_whole() && state.awaits == 0 && !state.course.asks() {
            snapshots.only(&mut state.course, state.next)?;
            state.purged = false;
        }
        self.measure(follower, state, writer.is_some());
        match writer {
            Some(active) => self.deliver(active, election, state),
            None => {
                if state.asked.elapsed() > SETTLE {
                    state.asked = Instant::now();
                    state.forget(election.committed(journal, 0, PATIENCE)?);
                }
                Ok(())
            }
        }
    }

    /// Where to go on: at the newest good snapshot, else at the beginning of the journal; none where it is to stop before.
    fn begin(
        &self,
        snapshots: &Snapshots<'_>,
        election: &Group,
        name: &str,
        committed: i64,
    ) -> Result<Option<(Course, i64)>, Failure> {
        let journal = &self.config.live.journal;
        let failing = |e: &KafkaFault| broken("cannot read the journal", e);
        let (first, _) =
            Follower::open(self.cluster, journal, None).and_then(|f| f.bounds(PATIENCE)).map_err(|e| failing(&e))?;
        if let Some((course, next)) = snapshots.newest(first, committed)? {
            tell(&format!("going on at {next} of {journal}, from a snapshot; delivered up to {committed}\n"));
            return Ok(Some((course, next)));
        }
        if first > 0 {
            tell(&format!(
                "{journal} begins at {first} and no snapshot reaches there: what came before it is forgotten; raise kafka.journal_days\n"
            ));
        }
        let Some(told) = self.foundation(election, name, first)? else { return Ok(None) };
        Ok(Some((Course::new(told, self.config)?, first)))
    }

    /// The first configuration that the journal holds: what stands before it is read under it too. Where there is none yet, the
    /// elected one says its own.
    fn foundation(&self, election: &Group, name: &str, first: i64) -> Result<Option<Configuration>, Failure> {
        let journal = &self.config.live.journal;
        let failing = |e: &KafkaFault| broken("cannot begin the journal", e);
        let follower = Follower::open(self.cluster, journal, Some(first)).map_err(|e| failing(&e))?;
        let (names, mut said, mut at_end) = (formats(), false, false);
        while !self.stop.is_asked() {
            self.metrics.correlator.beat();
            if self.serve(election).map_err(|e| failing(&e))? && at_end && !said {
                said = self.found(name)?;
            }
            match follower.hear(GATHER).map_err(|e| failing(&e))? {
                Heard::Message(message) => {
                    let page = wire::decode_page(message.payload(), &names)
                        .map_err(|e| failed(&format!("journal {journal} offset {}", message.offset()), e))?;
                    let mut entries = page.entries.into_iter();
                    let told =
                        entries.find_map(|e| if let Entry::Configuration(told) = e.entry { Some(*told) } else { None });
                    if told.is_some() {
                        return Ok(told);
                    }
                    at_end = false;
                }
                Heard::End(_) => at_end = true,
                Heard::Silence => {}
            }
        }
        Ok(None)
    }

    /// Begins the journal with what the operator asks for; false where that is to be tried again.
    fn found(&self, name: &str) -> Result<bool, Failure> {
        let failing = |e: &KafkaFault| broken("cannot begin the journal", e);
        let page = self.configuration(EventTime::MIN);
        let bytes = wire::encode_page(&page).map_err(|e| failed("cannot write a page of the journal", e))?;
        let writer = Writer::open(self.cluster, name, PATIENCE).map_err(|e| failing(&e))?;
        let written = writer.begin().and_then(|()| writer.send(&self.config.live.journal, Some(0), &[], &bytes));
        match written.and_then(|()| writer.commit(PATIENCE)) {
            Ok(()) => Ok(true),
            Err(fault) if fault.may_pass() || matches!(fault, KafkaFault::Fenced { .. }) => {
                // Whoever opens a writer of this name next takes back what is left.
                drop(writer.clear(PATIENCE));
                Ok(false)
            }
            Err(fault) => Err(failing(&fault)),
        }
    }

    /// What the operator asks for, as a page.
    fn configuration(&self, at: EventTime) -> Page {
        let entry = Entry::Configuration(Box::new(Configuration::clone(&self.asked.current().told)));
        Page { entries: vec![Journalled { at, position: None, entry }], ..Page::default() }
    }

    /// Keeps the membership alive, and tells whether this is the one.
    fn serve(&self, election: &Group) -> Result<bool, KafkaFault> {
        // The partition is held, not read: the follower reads.
        while let Heard::Message(_) = election.hear(Duration::ZERO)? {}
        let held = election.assigned()?;
        let journal = BTreeSet::from([(self.config.live.journal.to_string(), 0)]);
        if held.is_superset(&journal) {
            election.pause(&journal)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn read(&self, follower: &Follower, state: &mut State) -> Result<(), Failure> {
        let until = Instant::now() + GATHER;
        let names = formats();
        for _ in 0..PAGES {
            let wait = until.saturating_duration_since(Instant::now());
            match follower.hear(wait).map_err(|e| broken("cannot read the journal", &e))? {
                Heard::Message(message) => {
                    let (offset, since) = (message.offset(), message.since());
                    self.metrics.pages_read.inc();
                    let page = wire::decode_page(message.payload(), &names)
                        .map_err(|e| failed(&format!("journal {} offset {offset}", self.config.live.journal), e))?;
                    self.take(page, (offset, since), state)?;
                    state.caught_up = false;
                }
                Heard::End(_) => {
                    (state.caught_up, state.knows) = (true, true);
                    break;
                }
                Heard::Silence => break,
            }
        }
        Ok(())
    }

    /// How it is, for whoever looks.
    fn measure(&self, follower: &Follower, state: &mut State, active: bool) {
        self.metrics.active.set(i64::from(active));
        self.metrics.correlator.set_ready(state.knows);
        self.metrics.set_watermark(state.course.now());
        if Instant::now() > state.measures {
            let begun = Instant::now();
            self.metrics.journal_lag.set(follower.behind());
            self.metrics.set_state(&state.course.counts());
            // Counting looks at all that is held: it may have a hundredth of the time.
            state.measures = Instant::now() + MEASURE.max(begun.elapsed() * 100);
        }
    }

    fn take(&self, page: Page, (offset, since): (i64, Option<i64>), state: &mut State) -> Result<(), Failure> {
        let ours = page.source.is_empty();
        if !ours {
            state.since = since.or(state.since);
        }
        let ends = page.entries.iter().any(|e| matches!(e.entry, Entry::Watermark(EventTime::MAX)));
        let tells = page.entries.iter().any(|e| matches!(e.entry, Entry::Configuration(_)));
        let before = tells.then(|| state.course.told().clone());
        self.make_way(&page, state)?;
        let changes = state.course.page(page)?;
        if let Some(before) = before.filter(|before| before != state.course.told()) {
            let what = difference(&before, state.course.told());
            tell(&format!("from {offset} of {} on other settings hold:\n{what}", self.config.live.journal));
        }
        let unplaced = state.course.take_unplaced();
        let operational = state.course.take_operational();
        let (gone, purged) = state.course.take_purged();
        for tenant in purged {
            state.purged = true;
            let what = format!("{tenant} is forgotten from {offset} of {} on", self.config.live.journal);
            tell(&format!("{what}; {} incidents are no more\n", gone.len()));
        }
        let (tenants, policy) = (&state.course.config().tenants, &state.course.config().policy);
        let told = |change: &Change| Told {
            id: change.incident.id.clone(),
            kind: change.incident.change.code(),
            line: wire::encode(&change.incident, Audience::Operator, tenants, policy),
            headline: (self.headline)(change),
        };
        state.next = offset + 1;
        state.ended |= ends;
        if ours {
            state.awaits = state.awaits.saturating_sub(1);
        }
        if offset >= state.committed {
            let since = since.or(state.since);
            let limits = &self.config.limits;
            let line = |l: &DeadLetter| (l.position.to_string(), dead_letter_line(l, limits).unwrap_or_default());
            let dead = unplaced.iter().map(line).collect();
            let named =
                |(key, line): (FindingKey, String)| (format!("{}/{}/{}", key.tenant, key.product, key.id), line);
            let operational = operational.into_iter().map(named).collect();
            let changes = changes.iter().map(told).collect();
            state.due.push_back(Due { offset, since, changes, dead, operational, gone });
        }
        Ok(())
    }

    /// Writes what is due with the offset behind it, and what the correlator itself has to say into the journal.
    fn deliver(&self, writer: &Writer, election: &Group, state: &mut State) -> Result<(), Fault> {
        let live = &self.config.live;
        if state.pages.is_empty() {
            state.pages = self.conduct(state)?;
        }
        if state.due.is_empty() && state.pages.is_empty() {
            return Ok(());
        }
        let mut written = 0;
        writer.begin()?;
        for told in state.due.iter().flat_map(|due| &due.changes) {
            self.tell_of(writer, told)?;
        }
        for (place, line) in state.due.iter().flat_map(|due| &due.dead) {
            writer.send(&live.dead_letters, None, place.as_bytes(), line)?;
        }
        for id in state.due.iter().flat_map(|due| &due.gone) {
            writer.erase(&live.incidents, 0, id.as_bytes())?;
        }
        for (key, line) in state.due.iter().flat_map(|due| &due.operational) {
            writer.send(&live.operational, Some(0), key.as_bytes(), line.as_bytes())?;
        }
        for page in &state.pages {
            for bytes in pieces(page.clone(), writer.largest(), &mut Vec::new())? {
                writer.send_since(&live.journal, 0, state.since, &bytes)?;
                written += 1;
            }
        }
        let behind = state.due.back().map(|due| due.offset + 1);
        let next: Vec<_> = behind.map(|offset| (live.journal.to_string(), 0, offset)).into_iter().collect();
        // Intakes, which read no journal, learn from the note how far event time has come.
        let membership = election.membership();
        commit(self.cluster, writer, (election, membership.as_ref()), &next, &state.course.now().nanos().to_string())?;
        state.pages.clear();
        self.metrics.pages.with_label_values(&["correlator"]).inc_by(written as u64);
        state.awaits += written;
        state.committed = behind.unwrap_or(state.committed);
        for Due { since, changes, .. } in state.due.drain(..) {
            for told in changes {
                self.metrics.changes.with_label_values(&[told.kind]).inc();
                since.into_iter().for_each(|since| self.metrics.emitted(since));
                tell(&told.headline);
            }
        }
        Ok(())
    }

    /// What only the elected one says: links that follow from evidence, and how far event time has come. Links go first, so that
    /// whoever waited for time knows them.
    fn conduct(&self, state: &mut State) -> Result<Vec<Page>, Fault> {
        if state.asking.is_some() {
            return Ok(Vec::new());
        }
        if state.awaits > 0 || state.ended || !state.knows || !(state.caught_up || state.settled.elapsed() > SETTLE) {
            return Ok(Vec::new());
        }
        if state.course.told() != &*self.asked.current().told {
            return Ok(vec![self.configuration(state.course.now())]);
        }
        let over = self.drain && state.caught_up && state.course.all_ended(&state.sources) && self.is_all(state)?;
        let until = if over {
            Some(EventTime::MAX)
        } else {
            state.course.settled_until(&self.asked.current().config.live).filter(|_| !self.drain)
        };
        let until = until.filter(|t| *t > state.course.now().plus_seconds(1) || over);
        if until.is_none() && (self.drain || !state.course.asks()) {
            return Ok(Vec::new());
        }
        let close = Close { begun: Instant::now(), until, over };
        state.settled = close.begun;
        if !state.course.asks() {
            return Ok(Self::closed(state, Vec::new(), close));
        }
        if let Some(store) = state.course.lend() {
            let naming = state.course.config().naming.clone();
            state.asking = Some((Asking::begin(store, state.join.take(), naming)?, close));
        }
        Ok(Vec::new())
    }

    /// Waits for what the join answers, and keeps the pages that follow from it until they are written.
    fn hear_answer(&self, state: &mut State) -> Result<(), Failure> {
        let Some((asking, close)) = state.asking.take() else { return Ok(()) };
        let Answer { store, join, changes } = asking.answer()?;
        let changes = changes.map_err(|e| failed("the identity join failed", e))?;
        self.metrics.settled(close.begun.elapsed());
        state.settled = Instant::now();
        state.course.take_back(store);
        state.join = Some(join);
        let at = state.course.now();
        let entry = |change: IdentityChange| Journalled { at, position: None, entry: Entry::Identity(change) };
        let links = changes.into_iter().map(entry).collect();
        let pages = Self::closed(state, links, close);
        state.pages.extend(pages);
        Ok(())
    }

    /// Pages of links, then of what they contradict where nothing comes any more, then of time.
    fn closed(state: &mut State, mut entries: Vec<Journalled>, close: Close) -> Vec<Page> {
        if close.over {
            entries.extend(state.course.conflicts());
        }
        let at = close.until.unwrap_or(state.course.now());
        entries.extend(close.until.map(|to| Journalled { at, position: None, entry: Entry::Watermark(to) }));
        let mut pages = Vec::new();
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(ENTRIES));
            pages.push(Page { entries, ..Page::default() });
            entries = rest;
        }
        pages
    }

    /// Before a page that changes what identities rest on: the answer to what was asked before is heard, and nothing of it brings
    /// back a tenant that is forgotten.
    fn make_way(&self, page: &Page, state: &mut State) -> Result<(), Failure> {
        if !Course::needs_store(page) {
            return Ok(());
        }
        self.hear_answer(state)?;
        for entry in &page.entries {
            if let Entry::Purge(tenant) = entry.entry {
                let of_it = |e: &Journalled| matches!(&e.entry, Entry::Identity(change) if concerns(change, tenant));
                state.pages.iter_mut().for_each(|page| page.entries.retain(|e| !of_it(e)));
            }
        }
        Ok(())
    }
}

impl Correlator<'_> {
    /// True where no partition was added since the run began; else these must end, too.
    fn is_all(&self, state: &mut State) -> Result<bool, Fault> {
        let there = sources(self.config, self.cluster.topics(PATIENCE)?);
        let all = state.course.all_ended(&there);
        state.sources = there;
        Ok(all)
    }

    /// A change in a message that brokers take; where none is large enough, a dead letter says so.
    fn tell_of(&self, writer: &Writer, told: &Told) -> Result<(), Fault> {
        let live = &self.config.live;
        if told.line.len() + told.id.len() <= writer.largest() {
            writer.send(&live.changes, Some(0), told.id.as_bytes(), &told.line)?;
            writer.send(&live.incidents, Some(0), told.id.as_bytes(), &told.line)?;
            return Ok(());
        }
        let what = format!(
            "this change of incident {} has {} bytes, and a message may have {}",
            told.id,
            told.line.len(),
            writer.largest()
        );
        tell(&format!("{what}\n"));
        let letter = DeadLetter {
            position: Position { source: live.changes.as_str().into(), offset: 0, index: 0 },
            reject: Reject::new(RejectReason::TooLarge, what),
            raw: told.line[..told.line.len().min(self.config.limits.kept_bytes)].to_vec(),
            truncated: true,
        };
        let line = dead_letter_line(&letter, &self.config.limits).map_err(|e| failed("a dead letter", e))?;
        let place = format!("{}/{}", live.changes, told.id);
        writer.send(&live.dead_letters, None, place.as_bytes(), &line)?;
        Ok(())
    }
}

impl State {
    /// True where all that it computed is told and all that it has is here: what is written down now goes on from there.
    fn is_whole(&self) -> bool {
        self.due.is_empty() && self.pages.is_empty() && self.asking.is_none() && self.next > 0
    }

    /// Nothing has been read yet, and nothing said.
    fn begin(course: Course, next: i64, committed: i64, sources: &[CompactString]) -> Self {
        Self {
            course,
            join: None,
            asking: None,
            next,
            committed,
            due: VecDeque::new(),
            caught_up: false,
            knows: false,
            settled: Instant::now(),
            asked: Instant::now(),
            pages: Vec::new(),
            awaits: 0,
            ended: false,
            purged: false,
            since: None,
            measures: Instant::now(),
            unsure: false,
            sources: sources.to_vec(),
        }
    }

    /// From here on this one delivers, from where the one before stopped.
    fn take_over(&mut self, committed: Option<i64>) {
        self.forget(committed);
        self.awaits = 0;
    }

    /// What another is known to have delivered.
    fn forget(&mut self, committed: Option<i64>) {
        self.committed = committed.unwrap_or(0).max(self.committed);
        while self.due.front().is_some_and(|due| due.offset < self.committed) {
            self.due.pop_front();
        }
    }
}

/// Whether a change is about an account of this tenant.
fn concerns(change: &IdentityChange, tenant: TenantId) -> bool {
    match change {
        IdentityChange::Account(facts) => facts.account.tenant == tenant,
        IdentityChange::Forget(account, _) => account.tenant == tenant,
        IdentityChange::Link(Link { account, home, .. }) | IdentityChange::Unlink(account, home, _) => {
            account.tenant == tenant || home.tenant == tenant
        }
    }
}
