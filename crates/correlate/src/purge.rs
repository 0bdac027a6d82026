//! Forgetting a tenant: everything that its own products, logs and analysts' words about them brought. What other tenants recorded about it is
//! theirs and stays.

use crate::Engine;
use crate::name::digits;
use crate::state::RecordIx;
use caponier_model::{Entry, EventTime, Journalled, Persons, Sighting, TenantId};
use compact_str::CompactString;
use std::collections::BTreeSet;

impl<P: Persons> Engine<P> {
    /// Forgets every finding, source incident, rule chain and decision of a tenant. Incidents that held a finding of it, and those that hold
    /// together with them, are no more: what of other tenants was in them makes incidents anew, under other ids, told as changes.
    /// Returns the ids that are no more, sorted; they are never given again. Changes must have been polled.
    ///
    /// Cost: that of settling everything.
    pub fn purge(&mut self, tenant: TenantId) -> Vec<CompactString> {
        self.flush();
        self.assemble_due();
        self.decisions.forget(|decision| decision.act.findings().iter().any(|key| key.tenant == tenant));
        self.chains.forget(|chain| chain.steps.iter().any(|step| step.finding.tenant == tenant));
        self.sources.forget_of(tenant);
        self.unpaired.retain(|key, _| key.tenant != tenant);
        let concerned: Vec<RecordIx> =
            self.findings.iter().filter(|(_, h)| h.key.tenant == tenant).filter_map(|(_, h)| h.record).collect();
        let mut gone: BTreeSet<RecordIx> = BTreeSet::new();
        for record in concerned {
            if !gone.contains(&record) {
                gone.extend(self.cluster(record));
            }
        }
        let members = |record: &RecordIx| self.records.get(*record).map(|r| r.members.clone()).unwrap_or_default();
        let held = gone.iter().flat_map(members).filter_map(|f| self.findings.get(f));
        let others = held.filter(|h| h.key.tenant != tenant).flat_map(|h| h.sightings().all().to_vec());
        let mut others: Vec<Sighting> = others.collect();
        others.sort_by(|a, b| (a.first, &a.key, a.version, a.content).cmp(&(b.first, &b.key, b.version, b.content)));
        let mut ids: Vec<CompactString> =
            gone.iter().filter_map(|r| self.records.get(*r)).map(|r| digits(r.id)).collect();
        ids.sort();
        // An id that was given once would otherwise be given again, and tell something else.
        let (given, counts) = (self.ids.clone(), self.counts.clone());
        gone.into_iter().for_each(|record| self.drop_record(record));
        self.ids = given;
        self.postings.remeasure(&self.settings, &self.findings);
        for sighting in others {
            self.handle(Journalled { at: EventTime::MIN, position: None, entry: Entry::Sighting(Box::new(sighting)) });
        }
        // What was said together with it holds for nobody any more, and values that were too common because of it may not be so.
        self.rebuild();
        (self.counts.evicted, self.counts.sightings) = (counts.evicted, counts.sightings);
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide_tests::decisions;
    use crate::tests::{Dice, any_policy, changes, check, engine, give, tenant, tight, truth, world};
    use caponier_model::Act;
    use std::collections::BTreeMap;

    fn concerns(entry: &Entry, gone: TenantId) -> bool {
        match entry {
            Entry::Sighting(s) => s.key.tenant == gone,
            Entry::Incident(i) => i.key.tenant == gone,
            Entry::Decision(d) => d.act.findings().iter().any(|k| k.tenant == gone),
            Entry::Chain(c) => c.steps.iter().any(|s| s.finding.tenant == gone),
            _ => false,
        }
    }

    /// Random worlds of three tenants: after a purge of one the truth is that of an engine that never saw it, and goes on so; no id is
    /// told again, and what is told of another id is what a snapshot would tell.
    #[test]
    fn a_purged_tenant_was_never_there() {
        for seed in 0..150 {
            let mut dice = Dice(seed);
            let (mut settings, policy) = (tight(&mut dice), any_policy(&mut dice));
            settings.retention_days = None;
            let gone = tenant(3);
            let mut entries = world(&mut dice, 50);
            let withdraws = |e: &Entry| matches!(e, Entry::Decision(d) if matches!(d.act, Act::Withdraw { .. }));
            entries.extend(decisions(&mut dice, 50).into_iter().filter(|e| !withdraws(e)));
            let (first, last) = entries.split_at(entries.len() * 3 / 4);
            let (mut purged, mut other) =
                (engine(settings.clone(), policy.clone()), engine(settings.clone(), policy.clone()));
            first.iter().for_each(|e| give(&mut purged, e.clone()));
            let mut told: BTreeMap<(CompactString, u64), String> = BTreeMap::new();
            let mut tell = |engine: &mut Engine<_>| {
                for change in changes(engine) {
                    let incident = change.incident;
                    let line = format!("{:?} {} {:?}", incident.change, incident.digest, incident.redirect_to);
                    let before = told.insert((incident.id.clone(), incident.sequence), line);
                    assert!(before.is_none(), "seed {seed}: {} was told before: {before:?}", incident.id);
                }
            };
            tell(&mut purged);
            let ids = purged.purge(gone);
            assert!(purged.incidents().all(|i| !ids.contains(&i.id)), "seed {seed}: an id lives on");
            check(&purged, seed);
            let rest: Vec<&Entry> = first.iter().filter(|e| !concerns(e, gone)).collect();
            rest.iter().for_each(|e| give(&mut other, (*e).clone()));
            assert_eq!(truth(&purged), truth(&other), "seed {seed}");
            tell(&mut purged);
            for entry in last.iter().filter(|e| !concerns(e, gone)) {
                give(&mut purged, entry.clone());
                give(&mut other, entry.clone());
                tell(&mut purged);
            }
            check(&purged, seed);
            assert_eq!(truth(&purged), truth(&other), "seed {seed}: afterwards");
        }
    }
}
