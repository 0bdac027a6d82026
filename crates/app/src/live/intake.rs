//! Intake: messages of the topics that are read to pages of the journal. Without state: what it has read and not written, it reads
//! again. It resolves nobody and keeps nothing.
//!
//! A page and the offsets that it came from are written together, so that each message is in the journal once. A round is written while
//! the next is read; a partition that is taken away is given up when the round on its way has arrived, and what was read of it since is
//! let go: it belongs to another.

use super::horizon::{Horizon, is_late};
use super::outbox::{Outbox, Way};
use super::pieces::pieces;
use super::spoken::spoken;
use super::{Asked, Fault, Metrics, PATIENCE, Stop, broken, commit, sources, subscribed, unheard};
use crate::command::tell;
use crate::config::Config;
use crate::failure::{Failure, failed};
use crate::operations::Streams;
use crate::reading::{Keep, Origin, Reading, found};
use caponier_identity as identity;
use caponier_model::{
    Body, Class, DeadLetter, Entry, Event, EventTime, Flow, Journalled, Page, Position, Reject, RejectReason,
};
use caponier_transport::dead_letter_line;
use caponier_transport::kafka::{Cluster, Group, Heard, Hold, KafkaFault, Membership, Message, Writer};
use caponier_wire::{Decoded, RawRecord};
use compact_str::format_compact;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Messages written together at most.
const MESSAGES: usize = 65_536;
/// Bytes of messages written together at most; one that is larger is written alone. A page of the journal is smaller than what it was
/// made of, and must stay below the largest message.
const BYTES: usize = 24 << 20;
/// What comes within this time is written together, and whatever else comes while the round before is on its way.
const GATHER: Duration = Duration::from_millis(100);
/// A round that is full waits so long for the one before it. From then on nothing is fetched until that has arrived: fetching anew
/// costs what was fetched ahead.
const HOLD: Duration = Duration::from_millis(500);
/// Brokers that take longer than this are away: nothing is asked of them until they have answered, least of all to join anew, which they
/// would take for another of this name when they are back.
const LONG: Duration = Duration::from_secs(2);
/// How long it listens before it looks again whether the round before has arrived.
const LOOK: Duration = Duration::from_millis(20);

/// A partition by topic and number.
type Place = (String, i32);

/// Reads topics into the journal.
pub struct IntakeLoop<'r> {
    /// What the run is told.
    pub config: &'r Config,
    /// What the operator asks for from now on: it ends where that is no longer `config`.
    pub asked: &'r Asked,
    /// Which of the configurations that were asked for this one is.
    pub generation: u64,
    /// Where the topics are.
    pub cluster: &'r Cluster,
    /// Name of this instance: another one of the same name takes its place.
    pub instance: &'r str,
    /// Every partition is read to its end and no further.
    pub drain: bool,
    /// When to end.
    pub stop: &'r Stop,
    /// Later records are not believed.
    pub not_after: &'r (dyn Fn() -> EventTime + Sync),
    /// What it counts of itself.
    pub metrics: &'r Metrics,
    /// When it last found that it was of its group no more.
    pub expelled: &'r Mutex<Option<Instant>>,
}

/// Brokers that wake up fence a writer, and who follows it, until they are done with what it left: so long at most. Whoever goes on being
/// fenced has somebody else behind it.
const FENCES: Duration = PATIENCE;
/// Who is expelled from its group twice within this time has another of its name beside it.
const EXPELLED: Duration = Duration::from_secs(60);
/// How long it waits before it opens the next writer.
const APART: Duration = Duration::from_millis(250);

/// What an intake has at hand from one round to the next.
struct Turn {
    writer: Option<Arc<Writer>>,
    outbox: Outbox<Round>,
    known: BTreeMap<Place, Known>,
    /// Something failed: what was read is to be read again.
    again: bool,
    /// Since when no writer of it has gone unfenced.
    fenced: Option<Instant>,
    /// Whether what it was given at first is known to be all there is, or was asked for once more.
    looked: bool,
    /// Partitions that were taken away, of which nobody has asked yet whether their topics are there.
    lost: BTreeSet<Place>,
    /// What is read.
    topics: BTreeSet<String>,
    /// When topics that are new were last looked for.
    sought: Instant,
}

/// What was read between two commits, on its way to be written.
struct Round {
    writer: Arc<Writer>,
    drafts: BTreeMap<Place, Draft>,
    /// As it was when they had been read.
    membership: Option<Membership>,
    /// No partition of it is given away before it is written.
    hold: Hold,
}

/// What is known of one partition while it is this intake's.
struct Known {
    heard: Instant,
    flow: Flow,
}

/// What came of one partition since the last write.
struct Draft {
    origin: Arc<str>,
    page: Page,
    observer: identity::Observer,
    streams: Streams,
    dead: Vec<DeadLetter>,
    next: i64,
    /// Records that came too late, with their bytes.
    late: Vec<DeadLetter>,
    /// When the oldest of the messages became available, in milliseconds since 1970.
    since: Option<i64>,
    tally: Tally,
}

/// What one draft was made of.
#[derive(Clone, Copy, Default)]
struct Tally {
    messages: u64,
    bytes: u64,
    used: u64,
    quiet: u64,
    late: u64,
}

impl IntakeLoop<'_> {
    /// Reads until it is to stop, or another configuration is asked for.
    ///
    /// # Errors
    /// Kafka gives up, or another instance of the same name has taken over.
    pub fn run(&self) -> Result<(), Failure> {
        let live = &self.config.live;
        let there = self.cluster.topics(PATIENCE).map_err(|e| broken("cannot ask for topics", &e))?;
        let topics = subscribed(self.config, &there);
        let name = format!("{}-intake", live.group);
        let instance = format!("{name}-{}", self.instance);
        let group = Group::join(
            self.cluster,
            &name,
            Some(&instance),
            &topics.iter().map(String::as_str).collect::<Vec<_>>(),
            &[],
        )
        .map_err(|e| broken("cannot read the topics", &e))?;
        let writer = Writer::open(self.cluster, &instance, PATIENCE).map_err(|e| broken("cannot write", &e))?;
        let mut horizon = Horizon::open(self.config, self.cluster)?;
        std::thread::scope(|scope| {
            let outbox = Outbox::open(scope, |round| self.write(&group, round));
            let (writer, known) = (Some(Arc::new(writer)), BTreeMap::new());
            let sought = Instant::now();
            let mut turn = Turn {
                writer,
                outbox,
                known,
                again: false,
                fenced: None,
                looked: false,
                lost: BTreeSet::new(),
                topics,
                sought,
            };
            while !self.stop.is_asked() && self.asked.current().generation == self.generation {
                self.metrics.intake.beat();
                self.asked.refresh(self.cluster);
                match self.turn(&group, &mut turn, &instance, horizon.at()) {
                    Err(Fault::Expelled(fault)) => return self.expelled(&fault),
                    came => self.mended(came, &mut turn)?,
                }
            }
            // What was read is written before it leaves; where that fails, it is read again when it comes back.
            match turn.outbox.wait(Duration::MAX) {
                Err(Fault::Kafka(fault)) if !fault.may_pass() && !matches!(fault, KafkaFault::Fenced { .. }) => {
                    Err(broken("intake", &fault))
                }
                Err(Fault::Failure(failure)) => Err(failure),
                _ => Ok(()),
            }
        })
    }

    /// What a round came to: a fault that may pass is mended before the next one.
    fn mended(&self, came: Result<(), Fault>, turn: &mut Turn) -> Result<(), Failure> {
        match came {
            Ok(()) => {}
            Err(Fault::Kafka(fault)) if fault.may_pass() => {
                self.metrics.retries.with_label_values(&["intake"]).inc();
                if !turn.again {
                    tell(&format!("intake: {fault}; it goes on trying\n"));
                }
                turn.again = true;
            }
            // Brokers that end a transaction for its time fence its writer, too. Whoever has taken over in truth has the membership.
            Err(Fault::Kafka(KafkaFault::Fenced { .. }))
                if turn.fenced.is_none_or(|since| since.elapsed() < FENCES) =>
            {
                turn.fenced.get_or_insert_with(Instant::now);
                turn.writer = None;
                std::thread::park_timeout(APART);
            }
            Err(Fault::Kafka(fault) | Fault::Expelled(fault)) => return Err(broken("intake", &fault)),
            Err(Fault::Failure(failure)) => return Err(failure),
        }
        Ok(())
    }

    /// Brokers that wake up may answer an old question of this very reader, and take it for another of its name: it joins anew. Of two
    /// processes of one name the older one comes here for the second time first, and ends.
    fn expelled(&self, fault: &KafkaFault) -> Result<(), Failure> {
        let mut last = self.expelled.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < EXPELLED) {
            return Err(broken("intake", fault));
        }
        *last = Some(Instant::now());
        tell("intake: brokers know another of this name; it joins once more\n");
        Ok(())
    }

    /// One round, after what failed before it is mended.
    fn turn(&self, group: &Group, turn: &mut Turn, instance: &str, horizon: Option<EventTime>) -> Result<(), Fault> {
        if turn.again || turn.writer.is_none() {
            // Whether the round on its way went through is told by what is committed.
            if turn.outbox.wait(Duration::MAX).is_ok_and(|way| way == Way::Arrived) {
                turn.fenced = None;
            }
        }
        let writer = match &turn.writer {
            Some(writer) => Arc::clone(writer),
            None => {
                turn.again = true;
                Arc::clone(turn.writer.insert(Arc::new(Writer::open(self.cluster, instance, PATIENCE)?)))
            }
        };
        if turn.again {
            // Who only waits is still of the group; what is heard meanwhile is heard again.
            drop(group.hear(Duration::ZERO).map_err(unheard)?);
            turn.lost.extend(group.lost());
            writer.clear(PATIENCE)?;
            // What was read is not written: from the last commit again.
            turn.known.clear();
            group.rewind(PATIENCE)?;
            turn.again = false;
            tell("intake goes on from what was written last\n");
        }
        self.seek(group, turn)?;
        self.round(group, writer, turn, horizon)?;
        let given = group.assigned()?.len();
        if !turn.looked && given > 0 {
            turn.looked = true;
            if given < sources(self.config, self.cluster.topics(PATIENCE)?).len() {
                group.rejoin()?;
            }
        }
        Ok(())
    }

    /// Reads topics, too, that a pattern matches and that were not there before. Brokers are asked only where there is a pattern.
    fn seek(&self, group: &Group, turn: &mut Turn) -> Result<(), Fault> {
        if !self.config.live.has_patterns() || turn.sought.elapsed() < self.config.live.looks_every() {
            return Ok(());
        }
        turn.sought = Instant::now();
        // Who does not answer is asked again: what is read meanwhile is none the worse for it.
        let Ok(there) = group.topics(PATIENCE) else { return Ok(()) };
        let topics = subscribed(self.config, &there);
        let new: Vec<&str> = topics.difference(&turn.topics).map(String::as_str).collect();
        if new.is_empty() {
            return Ok(());
        }
        tell(&format!("reading more topics: {}\n", new.join(", ")));
        group.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
        turn.topics = topics;
        Ok(())
    }

    /// Gathers what comes, and posts it.
    fn round(
        &self,
        group: &Group,
        writer: Arc<Writer>,
        turn: &mut Turn,
        horizon: Option<EventTime>,
    ) -> Result<(), Fault> {
        let (mut drafts, ends) = self.gather(group, turn, horizon)?;
        let lost = std::mem::take(&mut turn.lost);
        turn.known.retain(|place, _| !lost.contains(place));
        self.note_gone(group, lost, &mut drafts);
        self.note_flow(group, &ends, &mut turn.known, &mut drafts)?;
        self.metrics.set_lag(&group.behind());
        if drafts.is_empty() {
            return Ok(());
        }
        turn.outbox.post(Round { writer, drafts, membership: group.membership(), hold: group.hold() })
    }

    /// What comes while the round before is on its way, and for a moment at least; the partitions that ended meanwhile.
    fn gather(
        &self,
        group: &Group,
        turn: &mut Turn,
        horizon: Option<EventTime>,
    ) -> Result<(BTreeMap<Place, Draft>, BTreeSet<i32>), Fault> {
        let (mut drafts, mut ends) = (BTreeMap::new(), BTreeSet::new());
        let (mut messages, mut bytes) = (0, 0);
        let begun = Instant::now();
        let mut held = Held::new(group);
        loop {
            let full = messages >= MESSAGES || bytes >= BYTES;
            let left = GATHER.saturating_sub(begun.elapsed());
            // A round that is full has nothing else to do than to wait.
            let limit = match begun.elapsed() {
                long if long > LONG => Duration::MAX,
                _ if full && !held.is_held() => HOLD,
                _ => Duration::ZERO,
            };
            let way = turn.outbox.wait(limit)?;
            match way {
                Way::Arrived => turn.fenced = None,
                Way::Under if full => held.hold()?,
                _ => {}
            }
            if way != Way::Under && (full || left.is_zero()) {
                break;
            }
            self.metrics.intake.beat();
            let heard = group.hear(if way == Way::Under { LOOK } else { left }).map_err(unheard)?;
            // At once: a partition that is taken away and given back is read again from the last commit.
            let lost = group.lost();
            if !lost.is_empty() {
                drafts.retain(|place, _| !lost.contains(place));
                turn.lost.extend(lost);
            }
            match heard {
                Heard::Message(message) => {
                    messages += 1;
                    bytes += message.payload().len();
                    self.take(&message, &mut drafts, horizon)?;
                }
                Heard::End(partition) => drop(ends.insert(partition)),
                Heard::Silence => {}
            }
        }
        if held.is_held() {
            held.release()?;
            // That nothing was heard of them was our doing.
            turn.known.values_mut().for_each(|known| known.heard = Instant::now());
        }
        Ok((drafts, ends))
    }

    /// Reads one message: records of a topic that is listed, else decisions.
    fn take(
        &self,
        message: &Message<'_>,
        drafts: &mut BTreeMap<Place, Draft>,
        horizon: Option<EventTime>,
    ) -> Result<(), Failure> {
        let topic = self.config.live.topic(message.topic());
        let place = (message.topic().to_owned(), message.partition());
        let draft = drafts.entry(place).or_insert_with_key(Draft::new);
        let origin = Arc::clone(&draft.origin);
        draft.tally.messages += 1;
        draft.tally.bytes += message.payload().len() as u64;
        draft.since = [draft.since, message.millis()].into_iter().flatten().min();
        let offset = u64::try_from(message.offset()).unwrap_or(0);
        draft.next = message.offset() + 1;
        let Some(topic) = topic else {
            let (entries, dead) = spoken(self.config, &origin, offset, message.payload());
            draft.tally.used += entries.len() as u64;
            draft.page.entries.extend(entries);
            draft.dead.extend(dead);
            return Ok(());
        };
        let reading = Reading {
            config: self.config,
            origin: Origin { name: &origin, tenant: topic.tenant, table: message.table().or(topic.table.as_deref()) },
            not_after: (self.not_after)(),
        };
        reading.payload(offset, message.payload(), &mut Drafting { draft, config: self.config, horizon })
    }

    /// Says of partitions whose topic is gone that nothing more comes: nobody else would.
    fn note_gone(&self, group: &Group, lost: BTreeSet<Place>, drafts: &mut BTreeMap<Place, Draft>) {
        let mut there: BTreeMap<String, bool> = BTreeMap::new();
        for place in lost {
            let asked = || group.exists(&place.0, PATIENCE).unwrap_or(true);
            if !*there.entry(place.0.clone()).or_insert_with(asked) {
                tell(&format!("topic {} is gone; what was read of it stays, and nothing waits for it\n", place.0));
                let flow = if self.drain { Flow::Ended } else { Flow::Idle };
                drafts.entry(place).or_insert_with_key(Draft::new).page.flow = flow;
            }
        }
    }

    /// Says of partitions that they flow no more, or again.
    fn note_flow(
        &self,
        group: &Group,
        ends: &BTreeSet<i32>,
        known: &mut BTreeMap<Place, Known>,
        drafts: &mut BTreeMap<Place, Draft>,
    ) -> Result<(), Fault> {
        let assigned = group.assigned()?;
        // Who is given nothing stands by; that he was asked is all there is to wait for, and nothing tells it before the first partition.
        self.metrics.intake.set_ready(!assigned.is_empty());
        for place in assigned {
            let is_new = !known.contains_key(&place);
            let idle = Duration::from_secs(self.config.live.idle_of(&place.0));
            let partition =
                known.entry(place.clone()).or_insert_with(|| Known { heard: Instant::now(), flow: Flow::Flowing });
            if drafts.contains_key(&place) {
                (partition.heard, partition.flow) = (Instant::now(), Flow::Flowing);
            }
            let ended = self.drain
                && partition.flow != Flow::Ended
                && (ends.contains(&place.1) || !drafts.contains_key(&place))
                && group.is_at_end(&place.0, place.1, PATIENCE)?;
            let flow = if ended {
                Flow::Ended
            } else if partition.flow == Flow::Flowing && !self.drain && partition.heard.elapsed() > idle {
                Flow::Idle
            } else {
                partition.flow
            };
            if flow != partition.flow || is_new {
                partition.flow = flow;
                drafts.entry(place).or_insert_with_key(Draft::new).page.flow = flow;
            }
        }
        Ok(())
    }

    /// Writes pages, dead letters and offsets together.
    fn write(&self, group: &Group, round: Round) -> Result<(), Fault> {
        let Round { writer, drafts, membership, hold } = round;
        let live = &self.config.live;
        let mut next: Vec<(String, i32, i64)> = Vec::new();
        let mut written = Vec::with_capacity(drafts.len());
        writer.begin()?;
        for (place, draft) in drafts {
            if draft.next > 0 {
                next.push((place.0.clone(), place.1, draft.next));
            }
            let (tally, since) = (draft.tally, draft.since);
            let (page, mut dead, late) = draft.finish();
            for bytes in pieces(page, writer.largest(), &mut dead)? {
                writer.send_since(&live.journal, 0, since, &bytes)?;
            }
            for (topic, letters) in [(&live.dead_letters, &dead), (&live.late, &late)] {
                self.post(&writer, topic, letters)?;
            }
            written.push((place.0, Tally { late: late.len() as u64, ..tally }, dead));
        }
        commit(self.cluster, &writer, (group, membership.as_ref()), &next, "")?;
        drop(hold);
        self.metrics.pages.with_label_values(&["intake"]).inc_by(written.len() as u64);
        written.iter().for_each(|(topic, tally, dead)| self.count(topic, *tally, dead));
        Ok(())
    }

    /// Writes letters, each under a key of its own: records that one record encloses stand in one place.
    fn post(&self, writer: &Writer, topic: &str, letters: &[DeadLetter]) -> Result<(), Fault> {
        let mut times: BTreeMap<&Position, usize> = BTreeMap::new();
        for letter in letters {
            let before = times.entry(&letter.position).or_default();
            let key = format!("{}/{before}", letter.position);
            *before += 1;
            let line = dead_letter_line(letter, &self.config.limits).map_err(|e| failed("a letter", e))?;
            writer.send(topic, None, key.as_bytes(), &line)?;
        }
        Ok(())
    }

    /// Counts what was written.
    fn count(&self, topic: &str, tally: Tally, dead: &[DeadLetter]) {
        self.metrics.messages.with_label_values(&[topic]).inc_by(tally.messages);
        self.metrics.bytes.with_label_values(&[topic]).inc_by(tally.bytes);
        self.metrics.count(topic, Class::Used, tally.used);
        self.metrics.count(topic, Class::Quiet, tally.quiet);
        self.metrics.count(topic, Class::Late, tally.late);
        self.metrics.count(topic, Class::DeadLetter, dead.len() as u64);
        dead.iter().for_each(|letter| self.metrics.refuse(letter.reject.reason.code()));
    }
}

/// Partitions of which nothing is fetched while a round waits: what is already here is enough, and whoever only waits must still answer
/// the group.
struct Held<'g> {
    group: &'g Group,
    places: BTreeSet<Place>,
}

impl<'g> Held<'g> {
    const fn new(group: &'g Group) -> Self {
        Self { group, places: BTreeSet::new() }
    }

    fn is_held(&self) -> bool {
        !self.places.is_empty()
    }

    /// Holds all that are this intake's now: more may have come meanwhile.
    fn hold(&mut self) -> Result<(), KafkaFault> {
        let now = self.group.assigned()?;
        if !now.is_subset(&self.places) {
            self.group.pause(&now)?;
            self.places.extend(now);
        }
        Ok(())
    }

    /// Fetches on, also what was taken away meanwhile: the client would remember, and hold it if it came back.
    fn release(&mut self) -> Result<(), KafkaFault> {
        if self.is_held() {
            self.group.resume(&self.places)?;
            self.places.clear();
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    /// A round that failed leaves nothing held.
    fn drop(&mut self) {
        drop(self.release());
    }
}

impl Draft {
    fn new(place: &Place) -> Self {
        let source = format!("{}/{}", place.0, place.1);
        let page = Page { source: source.as_str().into(), ..Page::default() };
        let (observer, streams) = (identity::Observer::default(), Streams::default());
        let (dead, late) = (Vec::new(), Vec::new());
        Self {
            origin: source.into(),
            page,
            observer,
            streams,
            dead,
            late,
            next: 0,
            since: None,
            tally: Tally::default(),
        }
    }

    /// The page, with what all its records say about identities at its front: whoever follows learns who is who first.
    fn finish(self) -> (Page, Vec<DeadLetter>, Vec<DeadLetter>) {
        let Self { mut page, observer, streams, dead, late, .. } = self;
        let mut rows = observer.into_rows();
        if !rows.is_empty() {
            rows.canonical();
            let at = page.latest.unwrap_or(EventTime::MIN);
            page.entries.insert(0, Journalled { at, position: None, entry: Entry::Evidence(Box::new(rows)) });
        }
        let rows = streams.rows();
        if !rows.is_empty() {
            let at = page.latest.unwrap_or(EventTime::MIN);
            page.entries.push(Journalled { at, position: None, entry: Entry::Streams(rows) });
        }
        (page, dead, late)
    }
}

/// Puts what comes of records into a draft.
struct Drafting<'d> {
    draft: &'d mut Draft,
    config: &'d Config,
    /// What happened before this is late.
    horizon: Option<EventTime>,
}

impl Keep for Drafting<'_> {
    fn decoded(&mut self, offset: u64, record: &RawRecord<'_>, decoded: &Decoded<'_>) -> Result<(), Failure> {
        let (event, draft) = (&decoded.event, &mut *self.draft);
        let position = Position { source: Arc::clone(&draft.origin), offset, index: record.index };
        if is_late(event, self.horizon) {
            let (kept, raw) = (self.config.limits.kept_bytes, &record.bytes);
            let detail = format_compact!("{} lies further back than findings are held (retention.days)", event.time);
            let reject = Reject { format: Some(event.format), ..Reject::new(RejectReason::Late, detail) };
            let (raw, truncated) = (raw[..raw.len().min(kept)].to_vec(), raw.len() > kept);
            draft.late.push(DeadLetter { position, reject, raw, truncated });
            return Ok(());
        }
        let (learned, before) = (draft.observer.observe(event), draft.page.entries.len());
        draft.streams.see(event, &record.bytes);
        if moves_time(event) {
            draft.page.latest = draft.page.latest.max(Some(event.time));
        }
        entries(self.config, event, &record.bytes, &position, &mut draft.page.entries);
        let used = learned || draft.page.entries.len() > before;
        *(if used { &mut draft.tally.used } else { &mut draft.tally.quiet }) += 1;
        Ok(())
    }

    fn refused(&mut self, letter: DeadLetter) -> Result<(), Failure> {
        self.draft.dead.push(letter);
        Ok(())
    }
}

/// What a directory says is no event: it says how things are, and no log waits for it.
pub const fn moves_time(event: &Event<'_>) -> bool {
    !matches!(event.body, Body::Directory(_) | Body::Principal(_) | Body::Inventory { .. } | Body::Provisioning(_))
}

/// The entries of one event, in the order in which a replay has them.
fn entries(config: &Config, event: &Event<'_>, record: &[u8], position: &Position, out: &mut Vec<Journalled>) {
    found(config, event, record, position, out);
    let journalled = |entry| Journalled { at: event.time, position: Some(position.clone()), entry };
    match &event.body {
        Body::Sighting(sighting) => out.push(journalled(Entry::Sighting(sighting.clone()))),
        Body::Incident(incident) => out.push(journalled(Entry::Incident(incident.clone()))),
        _ => {}
    }
}
