//! Posting: findings that wait are bound, and put under the values that they name. Knows nothing of what comes of it.

use crate::Engine;
use crate::ahead::{AHEAD, Spot, spots};
use crate::bind::{Bindings, DEVICE, Given, PERSON, bind};
use crate::cold::Cold;
use crate::detector::mark;
use crate::engine::Batch;
use crate::entries::Entry;
use crate::finding::{Kept, Merged, Sightings};
use crate::posting::{FindingIx, NOBODY, ValueIx};
use crate::value::Value;
use caponier_model::{Persons, SourceIncidentKey, TenantId};
use smallvec::SmallVec;

/// A finding as it was bound: its source incidents, and the rest.
pub(crate) type AsBound = (Vec<SourceIncidentKey>, Bindings<'static>);

/// A finding about to be bound.
struct Ready {
    finding: FindingIx,
    tenant: TenantId,
    /// Set aside while it is read, so that nothing of it is copied.
    sightings: Sightings,
    given: Given,
}

impl<P: Persons> Engine<P> {
    /// Binds and posts what waits, in its order. What is new changes nothing that another is bound by, so that many are looked up together.
    pub(crate) fn post_all(&mut self, staged: &[FindingIx], batch: &mut Batch) {
        let (mut looked, mut room) = (Vec::new(), Vec::new());
        let new = |engine: &Self, f: FindingIx| engine.findings.get(f).is_some_and(|held| held.fresh);
        for run in staged.chunk_by(|a, b| new(self, *a) && new(self, *b)).map(<[_]>::to_vec).collect::<Vec<_>>() {
            run.chunks(AHEAD).for_each(|some| self.post(some, batch, &mut looked, &mut room));
        }
    }

    /// Binds findings and posts them.
    fn post(&mut self, findings: &[FindingIx], batch: &mut Batch, looked: &mut Vec<Spot>, room: &mut Vec<u8>) {
        let ready: SmallVec<[Ready; 1]> = findings.iter().filter_map(|ix| self.ready(*ix)).collect();
        let merged: Vec<Option<Merged<'_>>> = ready.iter().map(|one| one.sightings.merged()).collect();
        let bound: Vec<Option<Bindings<'_>>> = ready
            .iter()
            .zip(&merged)
            .map(|(one, merged)| Some(bind(merged.as_ref()?, one.tenant, &one.given, &self.persons, &self.settings)))
            .collect();
        spots(bound.iter().flatten().flat_map(|bindings| &bindings.uses), &self.postings, looked);
        let told =
            ready.iter().zip(&bound).map(|(one, bindings)| Some((one.sightings.all().first()?, bindings.as_ref()?)));
        let marks: SmallVec<[u64; 1]> =
            told.map(|told| told.map_or(0, |(first, bindings)| mark(&first.key.product, &bindings.alert))).collect();
        self.detectors.fetch(&marks);
        let mut from = 0;
        for ((one, bindings), mark) in ready.iter().zip(bound).zip(marks) {
            let Some(bindings) = bindings else { continue };
            let until = from + bindings.uses.len();
            self.post_as(one.finding, bindings, (&looked[from..until], mark), batch);
            from = until;
        }
        for Ready { finding, sightings, .. } in &ready {
            if let Some(held) = self.findings.get_mut(*finding) {
                held.kept = Kept::Cold(Cold::pack(sightings, &held.key, &mut self.formats, room));
            }
        }
    }

    /// Takes a finding out of its postings, with what it is bound by.
    fn ready(&mut self, finding: FindingIx) -> Option<Ready> {
        let held = self.findings.get_mut(finding)?;
        let former = std::mem::take(&mut held.posted);
        for value in former.values() {
            self.postings.remove(*value, finding, held.merged.first);
        }
        held.unpack();
        let incidents = self.sources.of(held.sightings().all());
        let before = std::mem::replace(&mut held.incidents, incidents.iter().cloned().collect());
        for key in before.iter().filter(|k| !incidents.contains(k)) {
            if let Some(set) = self.by_incident.get_mut(key) {
                set.remove(&finding);
            }
        }
        for key in &incidents {
            self.by_incident.entry(key.clone()).or_default().insert(finding);
        }
        if let Some(brief) = held.sightings().brief() {
            held.merged = brief;
        }
        let (tenant, sightings, chains) = (held.key.tenant, held.kept.take(), self.chains.of(&held.key));
        let given = Given { incidents: self.names_of(&incidents), chains };
        Some(Ready { finding, tenant, sightings, given })
    }

    /// Posts findings that a snapshot held and were posted when it was taken: as they were bound then, where that is written.
    /// [`Engine::post_end`] must follow the last of them.
    pub(crate) fn post_held(&mut self, findings: impl Iterator<Item = (FindingIx, Option<AsBound>)>) {
        // Nothing had links yet that could go.
        let (mut batch, mut looked, mut room) = (Batch::default(), Vec::new(), Vec::new());
        for (ix, bound) in findings {
            match bound {
                None => self.post(&[ix], &mut batch, &mut looked, &mut room),
                Some((incidents, bindings)) => {
                    for key in &incidents {
                        self.by_incident.entry(key.clone()).or_default().insert(ix);
                    }
                    if let Some(held) = self.findings.get_mut(ix) {
                        held.incidents = incidents.into();
                    }
                    spots(bindings.uses.iter(), &self.postings, &mut looked);
                    let named = self.findings.get(ix).map(|held| mark(&held.key.product, &bindings.alert));
                    self.post_as(ix, bindings, (&looked, named.unwrap_or_default()), &mut batch);
                    if let Some(held) = self.findings.get_mut(ix) {
                        held.pack(&mut self.formats, &mut room);
                    }
                }
            }
        }
    }

    /// Makes what rests on the findings posted, of common detectors or not, as the snapshot says.
    pub(crate) fn post_end(&mut self, common: Vec<(FindingIx, bool)>) {
        for (ix, was_common) in &common {
            if let Some(slot) = self.findings.get(*ix).and_then(|held| held.slot) {
                self.detectors.adopt(slot, *was_common);
            }
        }
        for (ix, _) in common {
            self.judge_again(ix);
        }
        self.refresh_changed(&mut Batch::default(), &mut Vec::new());
    }

    /// Posts a finding as it is bound.
    fn post_as(&mut self, ix: FindingIx, bindings: Bindings<'_>, (spots, detector): (&[Spot], u64), batch: &mut Batch) {
        let Some(held) = self.findings.get_mut(ix) else { return };
        let mut uses: SmallVec<[(ValueIx, ValueIx); 16]> = SmallVec::new();
        for (used, spot) in bindings.uses.iter().zip(spots) {
            // What a pair rests on stands before it, as a rule.
            let among =
                |v: &Value| bindings.uses.iter().zip(&uses).find(|(u, _)| u.value == *v).map(|(_, (ix, _))| *ix);
            let value = self.postings.intern_at(&used.value, *spot, &self.settings, among);
            // An account's own value stands before what it leads to, and is never cut while that is not.
            let account = used.account.and_then(|a| {
                let own = bindings.uses.iter().zip(&uses).find(|(u, _)| u.value == Value::Account(a));
                own.map(|(_, (ix, _))| *ix).or_else(|| self.postings.find(&Value::Account(a)))
            });
            uses.push((value, account.unwrap_or(NOBODY)));
        }
        self.counts.values_most = self.counts.values_most.max(uses.len() as u64);
        if bindings.cut > 0 {
            self.crowded.insert(ix);
        } else {
            self.crowded.remove(&ix);
        }
        if let Some(slot) = held.slot.take() {
            self.detectors.take(ix, slot, false);
        }
        if self.settings.caps.detector < u32::MAX {
            let first = |part| bindings.uses.iter().position(|used| used.part & part != 0);
            let victim = first(PERSON).or_else(|| first(DEVICE)).map(|at| uses[at].0);
            let named = (&*held.key.product, &*bindings.alert, detector);
            held.slot = Some(self.detectors.put(
                ix,
                named,
                held.merged.first,
                victim,
                (self.settings.caps.window, self.settings.caps.detector),
            ));
        }
        held.fill(bindings, &uses);
        held.common = held.is_common(&self.detectors);
        let held = &*held;
        batch.removed.extend(held.links.iter().filter(|l| !held.posted.values().contains(&l.value)));
        let times = (held.merged.first, held.merged.last);
        let tenant = self.postings.tenant(held.key.tenant);
        let suspect = batch.corrected.contains(&ix);
        let Some(held) = self.findings.get(ix) else { return };
        for (value, account) in held.posted.uses() {
            let strength = self.postings.account(account).map_or(1_000_000, |a| held.confidence(a));
            let entry = Entry::new(times, ix, account, tenant, strength).of_common(held.common);
            self.postings.insert(value, entry, &self.findings);
            if suspect {
                batch.suspects.insert(value);
            }
        }
    }

    /// Posts a finding again whose detector became common, or is so no more; false where it is what it was.
    pub(crate) fn judge_again(&mut self, ix: FindingIx) -> bool {
        let Some(held) = self.findings.get_mut(ix) else { return false };
        let common = held.is_common(&self.detectors);
        if held.common == common {
            return false;
        }
        held.common = common;
        let (first, held) = (held.merged.first, &*held);
        for value in held.posted.values() {
            self.postings.mark(*value, ix, first, common);
        }
        true
    }
}
