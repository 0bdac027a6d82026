//! The engine: takes journal entries, keeps the partition, hands out changes.
//!
//! It performs no I/O, reads no clock, starts no thread and cannot fail.

use crate::ahead::{AHEAD_ROWS, fetch, glance};
use crate::chains::Chains;
use crate::cold::Formats;
use crate::decisions::Decisions;
use crate::detector::Detectors;
use crate::finding::{Sightings, Taken};
use crate::name::{IncidentId, id_of};
use crate::names::Names;
use crate::posting::{Changes, Dirty, FindingIx, Link, Postings, ValueIx};
use crate::prolific::Crossed;
use crate::settle::Findings;
use crate::slab::Slab;
use crate::source::SourceIncidents;
use crate::state::{Group, GroupIx, Held, Record, RecordIx};
use crate::value::Value;
use crate::{Counts, Settings};
use caponier_model::{
    Change, ChangeKind, EventTime, FindingKey, IdentityChange, Incident, Journalled, Persons, Policy, Sighting,
    SourceIncident, SourceIncidentKey, TenantId,
};
use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

type Hasher = foldhash::fast::FixedState;

/// The correlator: a state machine over the journal.
#[derive(Debug)]
pub struct Engine<P> {
    /// What the operator said, guards that are off included.
    pub(crate) asked: (Settings, Policy),
    /// What follows from it.
    pub(crate) settings: Settings,
    pub(crate) policy: Policy,
    pub(crate) persons: P,
    pub(crate) findings: Slab<Held>,
    pub(crate) groups: Slab<Group>,
    pub(crate) records: Slab<Record>,
    pub(crate) postings: Postings,
    pub(crate) sources: SourceIncidents,
    pub(crate) decisions: Decisions,
    pub(crate) chains: Chains,
    pub(crate) detectors: Detectors,
    /// Cores of more than one tenant, by each pair of theirs (E9).
    pub(crate) spans: BTreeMap<(TenantId, TenantId), BTreeSet<GroupIx>>,
    pub(crate) names: Names,
    pub(crate) by_incident: HashMap<SourceIncidentKey, BTreeSet<FindingIx>, Hasher>,
    /// Findings that name more values than are taken of one (G12).
    pub(crate) crowded: BTreeSet<FindingIx>,
    /// Evidence that has not met its alert.
    pub(crate) unpaired: BTreeMap<FindingKey, Sightings>,
    /// Every id given and not yet forgotten.
    pub(crate) ids: HashSet<IncidentId, Hasher>,
    pub(crate) redirects: BTreeMap<CompactString, CompactString>,
    /// The redirects, backwards.
    pub(crate) redirected: BTreeMap<CompactString, Vec<CompactString>>,
    /// Incidents by last activity.
    pub(crate) deadlines: BTreeSet<(EventTime, RecordIx)>,
    /// Event time so far.
    pub(crate) now: EventTime,
    pub(crate) swept: EventTime,
    pub(crate) counts: Counts,
    /// Findings that wait to be bound and settled.
    pub(crate) staged: Vec<FindingIx>,
    /// When they are, at the latest.
    pub(crate) settle_at: EventTime,
    /// Names of formats, for what lies packed.
    pub(crate) formats: Formats,
    queue: VecDeque<Queued>,
    /// Changes in the queue that are not assembled yet.
    due: usize,
}

/// A change that waits to be taken.
#[derive(Debug)]
enum Queued {
    Ready(Box<Change>),
    /// Assembled when it is taken, and at the latest before anything it shows can change.
    Due(RecordIx, ChangeKind),
}

impl<P: Persons> Engine<P> {
    /// An engine that has seen nothing yet; `persons` may already know identities.
    pub fn new(settings: Settings, policy: Policy, persons: P) -> Self {
        Self {
            policy: settings.policy_in_force(&policy),
            settings: settings.in_force(),
            asked: (settings, policy),
            persons,
            findings: Slab::default(),
            groups: Slab::default(),
            records: Slab::default(),
            postings: Postings::default(),
            sources: SourceIncidents::default(),
            decisions: Decisions::default(),
            chains: Chains::default(),
            detectors: Detectors::default(),
            spans: BTreeMap::new(),
            names: Names::default(),
            by_incident: HashMap::default(),
            crowded: BTreeSet::new(),
            unpaired: BTreeMap::new(),
            ids: HashSet::default(),
            redirects: BTreeMap::new(),
            redirected: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            now: EventTime::MIN,
            swept: EventTime::MIN,
            counts: Counts::default(),
            staged: Vec::new(),
            settle_at: EventTime::MAX,
            formats: Formats::default(),
            queue: VecDeque::new(),
            due: 0,
        }
    }

    /// Takes one entry. Call [`Engine::poll_change`] afterwards until it returns `None`.
    ///
    /// What it changes is settled together with what comes after it: when event time has moved on by
    /// [`crate::Limits::settle_seconds`], or as many findings wait as [`crate::Limits::staged`] says. Both are facts of the journal.
    pub fn handle(&mut self, entry: Journalled) {
        self.assemble_due();
        match entry.entry {
            caponier_model::Entry::Sighting(sighting) => self.take_sighting(*sighting),
            caponier_model::Entry::Incident(incident) => self.take_incident(*incident),
            caponier_model::Entry::Identity(change) => self.take_identity(change),
            // Their effects come as identity changes, as findings of rules and as decisions about findings; here they only have their
            // places in the order.
            caponier_model::Entry::Evidence(_)
            | caponier_model::Entry::Statement(_)
            | caponier_model::Entry::Rules(_)
            | caponier_model::Entry::Call(_)
            | caponier_model::Entry::Configuration(_)
            | caponier_model::Entry::Purge(_)
            | caponier_model::Entry::Streams(_)
            | caponier_model::Entry::Signal(_) => {}
            caponier_model::Entry::Policy(policy) => self.take_policy(policy),
            caponier_model::Entry::Setting(setting) => self.take_setting(&setting),
            caponier_model::Entry::Decision(decision) => self.take_decision(*decision),
            caponier_model::Entry::Chain(chain) => self.take_chain(*chain),
            caponier_model::Entry::Withdrawn(key) => self.take_withdrawn(&key),
            caponier_model::Entry::Watermark(now) => self.handle_time(now),
        }
    }

    /// Moves event time forward: nothing earlier than `now` is expected any more. Lets go of what retention no longer holds.
    pub fn handle_time(&mut self, now: EventTime) {
        if now <= self.now {
            return;
        }
        self.now = now;
        if now >= self.settle_at {
            self.flush();
        }
        if self.next_eviction().is_some_and(|due| due <= now) {
            // Nobody can say whom a finding that waits would keep.
            self.flush();
            self.assemble_due();
            self.evict();
        }
        self.sweep();
    }

    /// Settles what waits: at the end of input, or where somebody wants to see [`Engine::incidents`] as they are now. Live and in
    /// replay it must stand at the same place of the journal, like an entry.
    pub fn flush(&mut self) {
        self.assemble_due();
        self.settle_staged();
        if self.is_overfull() {
            // What was quiet longest is told of once more, and goes.
            self.assemble_due();
            self.shed();
        }
    }

    /// The next change to hand on, in order.
    pub fn poll_change(&mut self) -> Option<Change> {
        loop {
            match self.queue.pop_front()? {
                Queued::Ready(change) => return Some(*change),
                Queued::Due(record, kind) => {
                    self.due -= 1;
                    if let Some(change) = self.render(record, kind) {
                        self.counts.changes += 1;
                        return Some(change);
                    }
                }
            }
        }
    }

    /// The next value that came above its cap (G2), once while it is held. It is history, not part of the partition: after a restart it may
    /// be told again. Who does not ask lets at most one for each value held wait.
    pub fn poll_prolific(&mut self) -> Option<Crossed> {
        self.postings.crossed.pop_front()
    }

    /// Drops the changes that wait, without assembling them, and returns how many they were: for who follows a journal only to
    /// have its state. An incident dropped so is new to whoever polls later.
    pub fn skip_changes(&mut self) -> usize {
        self.due = 0;
        let dropped = self.queue.len();
        self.queue.clear();
        dropped
    }

    /// When [`Engine::handle_time`] would next have something to do; `None` while nothing waits, and nothing is held or retention
    /// is off.
    pub fn next_deadline(&self) -> Option<EventTime> {
        let settle = (!self.staged.is_empty()).then_some(self.settle_at);
        [settle, self.next_eviction()].into_iter().flatten().min()
    }

    fn next_eviction(&self) -> Option<EventTime> {
        let days = self.settings.retention_days?;
        self.deadlines.first().map(|(last, _)| last.plus_seconds(i64::from(days) * 86_400 + 1))
    }

    /// Every live incident in its present form, by (first activity, id), each equal to the last change of its id. An
    /// incident that retention has let go is not here: whoever needs it keeps the last change of its id.
    pub fn incidents(&self) -> impl Iterator<Item = Incident> {
        let mut order: Vec<(EventTime, IncidentId, RecordIx)> = self
            .records
            .iter()
            .filter_map(|(ix, r)| Some((self.findings.get(*r.members.first()?)?.merged.first, r.id, ix)))
            .collect();
        order.sort();
        order.into_iter().filter_map(|(_, _, ix)| self.assemble(ix))
    }

    /// The id under which an incident lives now, after redirects.
    pub fn resolve<'a>(&'a self, id: &'a str) -> &'a str {
        let mut id = id;
        while let Some(next) = self.redirects.get(id) {
            id = next;
        }
        id
    }

    /// The members of a live incident, by its id or one that redirects to it; `None` where no such incident is held.
    /// What waits to be settled is not in it: [`Engine::flush`] first.
    pub fn members(&self, id: &str) -> Option<Vec<FindingKey>> {
        let id = id_of(self.resolve(id))?;
        let (_, record) = self.records.iter().find(|(_, record)| record.id == id)?;
        Some(record.members.iter().filter_map(|f| Some(self.findings.get(*f)?.key.clone())).collect())
    }

    /// Counters, those of the present partition computed now.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        counts.findings = self.findings.len() as u64;
        counts.unpaired = self.unpaired.len() as u64;
        counts.decisions_held = self.decisions.len() as u64;
        counts.incidents = self.records.len() as u64;
        counts.values_cut = self.findings.iter().map(|(_, h)| u64::from(h.cut)).sum();
        counts.values_stopped = self.findings.iter().map(|(_, h)| u64::from(h.stopped)).sum();
        counts.common = self.findings.iter().filter(|(_, h)| h.common).count() as u64;
        counts.unlisted = self.findings.iter().filter(|(_, h)| h.unlisted).count() as u64;
        for posting in self.postings.iter().filter(|p| p.has_surplus()) {
            let place = if posting.value.is_who() { &mut counts.over_person } else { &mut counts.over_value };
            *place += u64::from(posting.surplus());
        }
        counts.attached = self.findings.iter().filter(|(_, h)| h.attached).count() as u64;
        for (_, record) in self.records.iter() {
            let mut tenants = record.members.iter().filter_map(|f| self.findings.get(*f)).map(|h| h.key.tenant);
            let first = tenants.next();
            counts.cross_tenant_incidents += u64::from(tenants.any(|t| Some(t) != first));
        }
        for (ix, group) in self.groups.iter() {
            for link in &group.core.tree {
                *counts.edges.entry(link.kind).or_insert(0) += 1;
            }
            for finding in &group.attached {
                let value = self.findings.get(*finding).and_then(|h| Some(h.prefers.as_deref()?.value));
                if let Some(posting) = value.and_then(|v| self.postings.get(v)) {
                    *counts.edges.entry(posting.rule.kind).or_insert(0) += 1;
                }
            }
            // Both sides hold a refused edge: the one that holds its earlier end counts it.
            let own = |f: FindingIx| self.findings.get(f).is_some_and(|h| h.group == Some(ix));
            for (_, reason) in group.core.refused.iter().filter(|(link, _)| own(link.a)) {
                *counts.refused.entry(reason.code()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// What the operator asked for, as configured or as the journal said later.
    pub fn asked(&self) -> (&Settings, &Policy) {
        (&self.asked.0, &self.asked.1)
    }

    /// The identity index.
    pub fn persons(&self) -> &P {
        &self.persons
    }

    pub(crate) fn push(&mut self, change: Change) {
        self.counts.changes += 1;
        self.queue.push_back(Queued::Ready(Box::new(change)));
    }

    /// Queues an incident to be assembled.
    pub(crate) fn push_due(&mut self, record: RecordIx, kind: ChangeKind) {
        self.due += 1;
        self.queue.push_back(Queued::Due(record, kind));
    }

    /// Assembles what is queued, before what it shows can change: what is handed on does not depend on when it is polled.
    pub(crate) fn assemble_due(&mut self) {
        if self.due == 0 {
            return;
        }
        self.due = 0;
        for queued in std::mem::take(&mut self.queue) {
            match queued {
                Queued::Ready(_) => self.queue.push_back(queued),
                Queued::Due(record, kind) => {
                    if let Some(change) = self.render(record, kind) {
                        self.push(change);
                    }
                }
            }
        }
    }

    /// Everything whose last activity lies before this instant is let go; `None` without retention.
    pub(crate) fn horizon(&self) -> Option<EventTime> {
        let days = self.settings.retention_days?;
        Some(self.now.plus_seconds(-i64::from(days) * 86_400))
    }

    fn take_sighting(&mut self, sighting: Sighting) {
        self.counts.sightings += 1;
        if self.horizon().is_some_and(|horizon| sighting.last < horizon) {
            self.counts.late += 1;
            return;
        }
        let late = sighting.first < self.now;
        let limit = self.settings.limits.finding_sightings;
        let ix = match self.names.find(&sighting.key, &self.findings).filter(|ix| !self.is_leaving(*ix, &sighting)) {
            Some(ix) => {
                self.keep_told(ix);
                self.take_up(ix);
                let (tenant, id) = (sighting.key.tenant, sighting.id.clone());
                let taken = self.findings.get_mut(ix).map(|held| held.take(sighting, limit));
                if !self.is_news(taken.as_ref()) {
                    return;
                }
                self.names.enter(tenant, &id, ix);
                if let (Some(Taken::Cut(gone)), Some(held)) = (taken, self.findings.get(ix)) {
                    self.names.leave(held, &gone, ix);
                }
                ix
            }
            None => {
                let key = sighting.key.clone();
                // Evidence that came before its alert waits; most findings have none.
                let mut sightings = self.unpaired.remove(&key).unwrap_or_default();
                let taken = sightings.take(sighting, limit);
                let Some(brief) = sightings.brief() else {
                    self.unpaired.insert(key, sightings);
                    self.is_news(Some(&taken));
                    return;
                };
                self.is_news(Some(&taken));
                self.enter(Held::new(key, sightings, brief))
            }
        };
        self.stage(&[ix], late);
    }

    fn enter(&mut self, held: Held) -> FindingIx {
        let ix = self.findings.insert(held);
        if let Some(held) = self.findings.get(ix) {
            self.names.enter_all(held, ix);
        }
        ix
    }

    /// Holds a finding of a snapshot; `None` where it is held, or where there is only evidence.
    pub(crate) fn hold(&mut self, key: FindingKey, sightings: Sightings) -> Option<FindingIx> {
        let brief = sightings.brief().filter(|_| self.names.find(&key, &self.findings).is_none())?;
        Some(self.enter(Held::new(key, sightings, brief)))
    }

    fn is_news(&mut self, taken: Option<&Taken>) -> bool {
        match taken {
            None | Some(Taken::Known) => {
                self.counts.duplicates += 1;
                false
            }
            Some(Taken::Cut(_)) => {
                self.counts.sightings_cut += 1;
                true
            }
            Some(Taken::Changed) => true,
        }
    }

    fn take_incident(&mut self, incident: SourceIncident) {
        self.counts.source_incidents += 1;
        if self.horizon().is_some_and(|horizon| incident.last.max(incident.version) < horizon) {
            self.counts.late += 1;
            return;
        }
        let tenant = incident.key.tenant;
        let late = incident.first < self.now;
        let (alerts, names) = self.sources.take(incident);
        let mut concerned: BTreeSet<FindingIx> = BTreeSet::new();
        for alert in alerts {
            concerned.extend(self.names.alert(tenant, &alert, &self.findings));
        }
        for name in names {
            concerned.extend(self.by_incident.get(&name).into_iter().flatten());
        }
        let concerned: Vec<FindingIx> = concerned.into_iter().collect();
        self.stage(&concerned, late);
    }

    fn take_identity(&mut self, change: IdentityChange) {
        self.counts.identity_changes += 1;
        let mut values: Vec<Value> = Vec::new();
        // What the account was called until now matters too: a name that two bore means one of them again.
        let (before, after) = match &change {
            IdentityChange::Account(facts) => (self.persons.facts(facts.account, facts.from), Some(facts.clone())),
            IdentityChange::Forget(account, from) => (self.persons.facts(*account, *from), None),
            IdentityChange::Link(_) | IdentityChange::Unlink(..) => (None, None),
        };
        for facts in before.iter().chain(&after) {
            let tenant = facts.account.tenant;
            values.extend(facts.names.iter().map(|name| Value::Name(tenant, name.clone())));
            values.extend(facts.upn.iter().map(|name| Value::Name(tenant, name.clone())));
            values.extend(facts.sids.iter().map(|sid| Value::Sid(tenant, sid.clone())));
        }
        for account in self.persons.apply(change) {
            values.extend([Value::Account(account), Value::Person(account), Value::Possible(account)]);
        }
        let mut concerned: BTreeSet<FindingIx> = BTreeSet::new();
        for posting in values.iter().filter_map(|v| self.postings.get(self.postings.find(v)?)) {
            concerned.extend(posting.entries.iter().map(|e| e.finding));
        }
        // A finding with more values than are taken is not posted under all of them.
        concerned.extend(&self.crowded);
        let concerned: Vec<FindingIx> = concerned.into_iter().collect();
        self.stage(&concerned, true);
    }

    /// Findings to bind anew, after their sightings, their source incidents or the identity index changed.
    pub(crate) fn stage(&mut self, findings: &[FindingIx], corrected: bool) {
        if self.staged.is_empty() {
            self.settle_at = self.now.plus_seconds(self.settings.limits.settle_seconds);
        }
        for finding in findings {
            self.keep_told(*finding);
            let Some(held) = self.findings.get_mut(*finding) else { continue };
            held.corrected |= corrected;
            if !std::mem::replace(&mut held.staged, true) {
                self.staged.push(*finding);
            }
        }
        if self.staged.len() >= self.settings.limits.staged.max(1) as usize {
            self.flush();
        }
    }

    /// Binds what is staged anew and settles it.
    fn settle_staged(&mut self) {
        let staged = std::mem::take(&mut self.staged);
        if staged.is_empty() {
            return;
        }
        let mut batch = Batch { eased: false, ..Batch::default() };
        for finding in &staged {
            let Some(held) = self.findings.get_mut(*finding) else { continue };
            held.staged = false;
            // A finding that is new can only make values more prolific. Where those are weak, it concerns who prefers some
            // core; a bridge that becomes prolific begins to attach.
            batch.eased |= held.group.is_some();
            if std::mem::take(&mut held.corrected) {
                batch.corrected.insert(*finding);
                batch.suspects.extend(held.posted.values());
            }
        }
        let (gone, staged): (Vec<FindingIx>, Vec<FindingIx>) =
            staged.into_iter().partition(|f| self.findings.get(*f).is_some_and(|h| h.withdrawn));
        for finding in &gone {
            self.unpost(*finding, &mut batch);
        }
        self.post_all(&staged, &mut batch);
        // What is new was in no core that it could have left.
        let held = staged.iter().copied().filter(|f| self.findings.get(*f).is_some_and(|h| h.group.is_some()));
        let mut rebound: Findings = held.collect();
        let mut dirty = staged;
        for finding in self.detectors.settle(self.settings.caps.window, self.settings.caps.detector) {
            let stood = self.findings.get(finding).is_some_and(|held| held.group.is_some());
            if self.judge_again(finding) && stood && rebound.insert(finding) {
                dirty.push(finding);
                batch.eased = true;
            }
        }
        self.refresh_changed(&mut batch, &mut dirty);
        self.settle(&gone, dirty, batch.loose, &rebound, &batch.corrected);
    }

    /// Brings every posting that changed up to date, and the links with them.
    pub(crate) fn refresh_changed(&mut self, batch: &mut Batch, dirty: &mut Vec<FindingIx>) {
        let (plain, pairs) = self.postings.changed();
        self.refresh(&plain, batch);
        // What a level changed for a pair comes on top.
        let (_, more) = self.postings.changed();
        self.refresh(&pairs, batch);
        self.refresh(&more, batch);
        for dirty in plain.iter().chain(&pairs).chain(&more) {
            self.postings.release(dirty.value());
        }
        self.relink(batch, dirty);
    }

    /// Gives findings the links they had, for those that a value would make of them.
    pub(crate) fn adopt_links(&mut self, removed: Vec<Link>, added: Vec<Link>) {
        self.relink(&mut Batch { removed, added, ..Batch::default() }, &mut Vec::new());
    }

    /// The names by which a finding's source incidents stand, as they are known now.
    pub(crate) fn names_of(&self, incidents: &[SourceIncidentKey]) -> Vec<SourceIncidentKey> {
        let mut names: Vec<SourceIncidentKey> =
            incidents.iter().filter_map(|key| self.sources.names(key).into_iter().next()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Brings postings up to date, and collects what that changes.
    fn refresh(&mut self, all: &[Dirty], batch: &mut Batch) {
        let mut changes = Changes::default();
        for (at, dirty) in all.iter().enumerate() {
            if at.is_multiple_of(AHEAD_ROWS) {
                glance(all[at..].iter().take(AHEAD_ROWS).map(Dirty::value), &self.postings);
            }
            self.postings.refresh(dirty, &self.settings, &self.findings, &mut changes);
            if let Some((low, high)) = changes.levels
                && let Some(posting) = self.postings.get(dirty.value())
            {
                let wooing = |f| self.findings.get(f).is_some_and(|h| h.prefers.is_some());
                let all = batch.eased || posting.rule.bridges;
                let concerned = |f: &FindingIx| if all { self.is_loose(*f) } else { wooing(*f) };
                let found = posting.entries[low..=high].iter().map(|e| e.finding).filter(concerned);
                let from = batch.loose.len();
                batch.loose.extend(found);
                if batch.suspects.contains(&dirty.value()) {
                    batch.corrected.extend(batch.loose.iter().skip(from));
                }
            }
        }
        batch.removed.extend(changes.removed);
        batch.added.extend(changes.added);
    }

    /// Gives findings their links; the ends of those that went or came are to be settled.
    fn relink(&mut self, batch: &mut Batch, dirty: &mut Vec<FindingIx>) {
        for list in [&mut batch.removed, &mut batch.added] {
            list.sort_unstable();
            list.dedup();
        }
        fetch(batch.removed.iter().chain(&batch.added).flat_map(|link| [link.a, link.b]), &self.findings);
        for link in &batch.removed {
            if batch.added.binary_search(link).is_err() {
                for end in [link.a, link.b] {
                    dirty.push(end);
                    if let Some(held) = self.findings.get_mut(end) {
                        held.links.retain(|l| l != link);
                    }
                }
            }
        }
        for link in &batch.added {
            if batch.removed.binary_search(link).is_err() {
                for end in [link.a, link.b] {
                    dirty.push(end);
                    if let Some(held) = self.findings.get_mut(end) {
                        if held.links.capacity() == 0 {
                            held.links.reserve_exact(1);
                        }
                        held.links.push(*link);
                    }
                }
            }
        }
        if !batch.suspects.is_empty() {
            let changed = batch.removed.iter().chain(&batch.added);
            let late = changed.filter(|link| batch.suspects.contains(&link.value));
            batch.corrected.extend(late.flat_map(|link| [link.a, link.b]));
        }
    }

    /// Lets a finding go from every index.
    pub(crate) fn drop_finding(&mut self, ix: FindingIx) {
        let Some(held) = self.findings.remove(ix) else { return };
        if let Some(slot) = held.slot {
            self.detectors.take(ix, slot, true);
        }
        self.counts.evicted += 1;
        self.names.forget(&held, ix);
        self.crowded.remove(&ix);
        for value in held.posted.values() {
            self.postings.forget(*value, ix, held.merged.first);
        }
        for value in held.posted.values() {
            self.postings.release(*value);
        }
        for key in &held.incidents {
            forget(&mut self.by_incident, key, ix);
        }
    }
}

/// What one settlement collects.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// A finding that was held before is among them.
    pub eased: bool,
    /// Findings whose attachment must be looked at again.
    loose: Vec<FindingIx>,
    pub removed: Vec<Link>,
    added: Vec<Link>,
    /// Findings that changed because something came late.
    pub corrected: Findings,
    /// Values of findings that came late: what they change is a correction.
    pub suspects: HashSet<ValueIx, Hasher>,
}

pub(crate) fn forget<K: std::hash::Hash + Eq>(
    index: &mut HashMap<K, BTreeSet<FindingIx>, Hasher>,
    key: &K,
    ix: FindingIx,
) {
    if let Some(set) = index.get_mut(key) {
        set.remove(&ix);
        if set.is_empty() {
            index.remove(key);
        }
    }
}
