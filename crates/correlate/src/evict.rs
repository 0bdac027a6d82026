//! Retention: what lies too far back is let go, with everything that rests on it and nothing else.

use crate::Engine;
use crate::name::{digits, id_of};
use crate::state::RecordIx;
use caponier_model::{EventTime, FindingKey, Persons};
use compact_str::CompactString;
use std::collections::BTreeSet;

/// Evidence without an alert and source incidents are swept once in this many seconds of event time: nobody waits for them.
const SWEEP: i64 = 86_400;

impl<P: Persons> Engine<P> {
    /// Enters an incident into the queue of those that retention will let go.
    pub(crate) fn schedule(&mut self, ix: RecordIx) {
        let Some(record) = self.records.get_mut(ix) else { return };
        let last = record.members.iter().filter_map(|f| self.findings.get(*f)).map(|h| h.merged.last).max();
        let (old, last) = (record.last, last.unwrap_or(EventTime::MIN));
        record.last = last;
        // What is new stands nowhere yet.
        if old != last && old != EventTime::MIN {
            self.deadlines.remove(&(old, ix));
        }
        self.deadlines.insert((last, ix));
    }

    /// Lets go of every cluster of incidents whose last activity lies beyond retention. Incidents that candidate edges or
    /// references connect go together or not at all, so that nothing that stays changes.
    pub(crate) fn evict(&mut self) {
        let Some(horizon) = self.horizon() else { return };
        while let Some((last, ix)) = self.deadlines.first().copied().filter(|(last, _)| *last < horizon) {
            let cluster = self.cluster(ix);
            if !self.postpone(&cluster, (last, ix)) {
                cluster.into_iter().for_each(|record| self.drop_record(record));
            }
        }
        self.postings.remeasure(&self.settings, &self.findings);
    }

    /// G12: true while more is held than may be.
    pub(crate) fn is_overfull(&self) -> bool {
        let limits = &self.settings.limits;
        self.findings.len() > limits.held_findings as usize
            || self.postings.held() > limits.held_values as usize
            || self.records.len() > limits.held_incidents as usize
    }

    /// G12: lets go of the clusters that were quiet longest, until no more is held than may be. A tenth more goes than must, so
    /// that this is seldom looked at.
    pub(crate) fn shed(&mut self) {
        let most = (self.findings.len() - self.findings.len() / 10, self.records.len() - self.records.len() / 10);
        let before = self.counts.evicted;
        while (self.is_overfull() || (self.findings.len() > most.0 && self.records.len() > most.1))
            && let Some((last, ix)) = self.deadlines.first().copied()
        {
            let cluster = self.cluster(ix);
            if !self.postpone(&cluster, (last, ix)) {
                cluster.into_iter().for_each(|record| self.drop_record(record));
            }
        }
        // Counted apart from what retention lets go.
        self.counts.shed += self.counts.evicted - before;
        self.counts.evicted = before;
        self.postings.remeasure(&self.settings, &self.findings);
    }

    /// Looks at a cluster again when its youngest is due; false where this is its youngest.
    fn postpone(&mut self, cluster: &BTreeSet<RecordIx>, (last, ix): (EventTime, RecordIx)) -> bool {
        let lives = cluster.iter().filter_map(|r| Some(self.records.get(*r)?.last)).max().unwrap_or(last);
        if lives > last {
            self.deadlines.remove(&(last, ix));
            if let Some(record) = self.records.get_mut(ix) {
                record.last = lives;
                self.deadlines.insert((lives, ix));
            }
        }
        lives > last
    }

    /// Lets go of evidence and source incidents that lie beyond retention.
    pub(crate) fn sweep(&mut self) {
        let Some(horizon) = self.horizon() else { return };
        if self.now.seconds_since(self.swept) >= SWEEP {
            self.swept = self.now;
            self.sources.evict(horizon);
            let held = |key: &FindingKey| self.names.find(key, &self.findings).is_some();
            self.chains.evict(horizon, held);
            self.decisions.evict(horizon, held);
            let old: Vec<FindingKey> =
                self.unpaired.iter().filter(|(_, s)| s.last() < horizon).map(|(key, _)| key.clone()).collect();
            for key in old {
                self.unpaired.remove(&key);
                self.counts.evicted_unpaired += 1;
            }
        }
    }

    /// The incidents that hold together: by candidate edges, attachments and references.
    pub(crate) fn cluster(&self, start: RecordIx) -> BTreeSet<RecordIx> {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(ix) = open.pop() {
            let Some(record) = self.records.get(ix) else { continue };
            if !seen.insert(ix) {
                continue;
            }
            open.extend(record.partners.iter());
            for held in record.members.iter().filter_map(|f| self.findings.get(*f)) {
                let ends = held.links.iter().flat_map(|l| [l.a, l.b]);
                // What a decision would have joined and a policy forbids is named nowhere, and is held by both all the same.
                let refused = held.group.and_then(|g| self.groups.get(g)).into_iter().flat_map(|g| &g.core.refused);
                let ends = ends.chain(refused.flat_map(|(l, _)| [l.a, l.b]));
                open.extend(ends.filter_map(|f| self.findings.get(f)?.record).filter(|r| !seen.contains(r)));
            }
        }
        seen
    }

    pub(crate) fn drop_record(&mut self, ix: RecordIx) {
        let Some(record) = self.records.remove(ix) else { return };
        self.deadlines.remove(&(record.last, ix));
        for finding in record.members {
            let wish = self.findings.get(finding).and_then(|h| Some(h.prefers.as_deref()?.group));
            if let Some(core) = wish.and_then(|group| self.groups.get_mut(group)) {
                core.wooers.retain(|f| *f != finding);
            }
            let place = self.findings.get(finding).and_then(|h| h.group);
            let group = place.and_then(|g| self.groups.remove(g));
            if let (Some(ix), Some(group)) = (place, &group) {
                self.leave_spans(ix, &group.tenants);
            }
            // Who preferred this core and was not taken stays, and prefers nobody.
            for wooer in group.into_iter().flat_map(|g| g.wooers) {
                if let Some(held) = self.findings.get_mut(wooer) {
                    held.prefers = None;
                }
            }
            self.drop_finding(finding);
        }
        self.ids.remove(&record.id);
        self.forget_id(digits(record.id));
    }

    /// Forgets an id and every id that redirects to it.
    fn forget_id(&mut self, id: CompactString) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let sources = self.redirected.remove(&id).unwrap_or_default();
            for source in &sources {
                self.redirects.remove(source);
            }
            open.extend(sources);
            if let Some(id) = id_of(&id) {
                self.ids.remove(&id);
            }
        }
    }
}
