//! Findings that are taken back by what raised them: a rule whose instance turned out to be none when a record or a link came late.
//!
//! A finding that is taken back leaves as if it had never been: what it joined falls apart where nothing else joins it, and its incident is
//! closed where nothing is left. It waits with what else is to be settled, so that one that is raised anew at once is not told of twice.

use crate::Engine;
use crate::engine::{Batch, forget};
use crate::finding::Kept;
use crate::posting::FindingIx;
use caponier_model::{FindingKey, Persons, Sighting, SightingKind};

impl<P: Persons> Engine<P> {
    pub(crate) fn take_withdrawn(&mut self, key: &FindingKey) {
        self.counts.withdrawn += 1;
        self.unpaired.remove(key);
        let Some(ix) = self.names.find(key, &self.findings) else { return };
        if self.findings.get(ix).is_some_and(|held| held.fresh) {
            // Nobody was told of it.
            self.staged.retain(|f| *f != ix);
            self.let_go(ix);
            return;
        }
        if let Some(held) = self.findings.get_mut(ix) {
            held.withdrawn = true;
        }
        self.stage(&[ix], true);
    }

    /// A finding that was taken back and is raised anew before it left: what was told of it before is forgotten.
    pub(crate) fn take_up(&mut self, ix: FindingIx) {
        let Some(held) = self.findings.get_mut(ix).filter(|held| held.withdrawn) else { return };
        held.withdrawn = false;
        self.names.forget(held, ix);
        held.kept = Kept::Open(self.unpaired.remove(&held.key).unwrap_or_default());
        self.names.enter_all(held, ix);
    }

    /// True where a finding was taken back and this is only evidence of it, which waits for an alert as any does.
    pub(crate) fn is_leaving(&self, ix: FindingIx, sighting: &Sighting) -> bool {
        sighting.kind == SightingKind::Evidence && self.findings.get(ix).is_some_and(|held| held.withdrawn)
    }

    /// Takes a finding out of every posting, with its links.
    pub(crate) fn unpost(&mut self, ix: FindingIx, batch: &mut Batch) {
        let Some(held) = self.findings.get_mut(ix) else { return };
        // What was prolific by it may be so no more.
        batch.eased = true;
        batch.removed.extend(held.links.iter().copied());
        let posted = std::mem::take(&mut held.posted);
        let (first, slot) = (held.merged.first, held.slot.take());
        for value in posted.values() {
            self.postings.remove(*value, ix, first);
        }
        if let Some(slot) = slot {
            self.detectors.take(ix, slot, false);
        }
    }

    /// Lets a finding go that is posted nowhere and in no group.
    pub(crate) fn let_go(&mut self, ix: FindingIx) {
        let Some(held) = self.findings.remove(ix) else { return };
        self.names.forget(&held, ix);
        self.crowded.remove(&ix);
        for key in &held.incidents {
            forget(&mut self.by_incident, key, ix);
        }
    }
}
