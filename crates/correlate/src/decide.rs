//! Journal entries that change what holds for findings already held: policies and settings.

use crate::Engine;
use crate::posting::{FindingIx, Postings};
use caponier_model::{Persons, Policy, Setting};

impl<P: Persons> Engine<P> {
    pub(crate) fn take_policy(&mut self, policy: Policy) {
        self.counts.policies += 1;
        if self.asked.1 != policy {
            self.asked.1 = policy;
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
    fn rebuild(&mut self) {
        let (settings, policy) = &self.asked;
        self.policy = settings.policy_in_force(policy);
        self.settings = settings.in_force();
        self.postings = Postings::default();
        let all: Vec<FindingIx> = self.findings.iter().map(|(ix, _)| ix).collect();
        for finding in &all {
            if let Some(held) = self.findings.get_mut(*finding) {
                held.uses.clear();
                held.links.clear();
            }
        }
        self.rebind(&all, false);
    }
}
