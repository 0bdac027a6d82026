//! Journal entries that change what holds for findings already held: decisions, rule chains, policies, settings.

use crate::Engine;
use crate::Settings;
use crate::decisions::{Acts, Standing};
use crate::posted::Posted;
use crate::posting::{FindingIx, Postings};
use caponier_model::{Chain, Decision, FindingKey, Persons, Policy, Setting};

impl<P: Persons> Engine<P> {
    pub(crate) fn take_decision(&mut self, decision: Decision) {
        self.counts.decisions += 1;
        // What waits is told as it was before this was said.
        self.flush();
        let Some(concerned) = self.decisions.take(decision) else {
            self.counts.duplicate_decisions += 1;
            return;
        };
        let mut concerned: Vec<FindingIx> =
            concerned.iter().filter_map(|key| self.names.find(key, &self.findings)).collect();
        concerned.sort_unstable();
        if !concerned.is_empty() {
            self.stage(&concerned, false);
            self.flush();
        }
    }

    pub(crate) fn take_chain(&mut self, chain: Chain) {
        self.counts.chains += 1;
        self.flush();
        let concerned = self.chains.take(chain, self.now);
        let mut concerned: Vec<FindingIx> =
            concerned.iter().filter_map(|key| self.names.find(key, &self.findings)).collect();
        concerned.sort_unstable();
        self.stage(&concerned, false);
    }

    pub(crate) fn take_policy(&mut self, policy: Policy) {
        self.counts.policies += 1;
        if self.asked.1 != policy {
            self.asked.1 = policy;
            self.rebuild();
        }
    }

    /// Everything that the operator asks for at once, lists and all: what [`Setting`] and [`Policy`] entries say one by one. To be called
    /// where the journal says so. Nothing happens where nothing is asked for that was not asked for before.
    pub fn reconfigure(&mut self, settings: Settings, policy: Policy) {
        let asked = (settings, policy);
        if self.asked != asked {
            self.asked = asked;
            self.rebuild();
        }
    }

    pub(crate) fn take_setting(&mut self, setting: &Setting) {
        self.counts.settings += 1;
        let before = self.asked.0.clone();
        if !self.asked.0.set(&setting.name, setting.value) {
            self.counts.settings_unknown += 1;
        } else if self.asked.0 != before {
            self.rebuild();
        }
    }

    /// Everything held, anew under what was asked: as slow as it sounds, and as rare.
    pub(crate) fn rebuild(&mut self) {
        // What waits is settled under what held when it came.
        self.flush();
        self.assemble_due();
        let (settings, policy) = &self.asked;
        self.policy = settings.policy_in_force(policy);
        self.settings = settings.in_force();
        self.postings = Postings::default();
        let all: Vec<FindingIx> = self.findings.iter().map(|(ix, _)| ix).collect();
        for finding in &all {
            if let Some(held) = self.findings.get_mut(*finding) {
                held.posted = Posted::default();
                held.links.clear();
            }
        }
        self.stage(&all, false);
        self.flush();
    }
}

impl<P> Engine<P> {
    /// What decisions say of a finding; `None` where nobody said anything, which costs nothing while nobody decided anything.
    pub(crate) fn standing(&self, key: &FindingKey) -> Option<Box<Standing>> {
        if self.decisions.is_empty() {
            return None;
        }
        let mut standing = self.decisions.standing(key);
        if !self.settings.guards.g9 {
            standing.verdicts = 0;
        }
        (standing != Standing::default()).then(|| Box::new(standing))
    }

    /// Findings held that decisions put beside this one.
    pub(crate) fn decided_beside(&self, key: &FindingKey) -> Vec<FindingIx> {
        if self.decisions.is_empty() {
            return Vec::new();
        }
        self.decisions.beside(key).into_iter().filter_map(|key| self.names.find(key, &self.findings)).collect()
    }

    /// What decisions put together in a blob.
    pub(crate) fn acts(&self, blob: &[FindingIx]) -> Acts {
        if self.decisions.is_empty() {
            return Acts::default();
        }
        let keys: Vec<&FindingKey> = blob.iter().filter_map(|f| self.findings.get(*f)).map(|h| &h.key).collect();
        self.decisions.acts(&keys)
    }
}
