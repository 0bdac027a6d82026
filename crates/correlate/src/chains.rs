//! Instances of scenario rules (E6): which findings matched which steps. Runs no rule; it takes what the rules found.

use caponier_model::{Chain, EventTime, FindingKey};
use compact_str::CompactString;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The chains held, by id.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    /// With the event time at which each was taken in.
    held: BTreeMap<CompactString, (Chain, EventTime)>,
    by_finding: HashMap<FindingKey, BTreeSet<CompactString>, foldhash::fast::FixedState>,
}

impl Chains {
    /// Takes in a chain in place of an earlier one of its id. Returns the findings of both.
    pub(crate) fn take(&mut self, chain: Chain, now: EventTime) -> BTreeSet<FindingKey> {
        let mut concerned = self.drop(&chain.id);
        for step in &chain.steps {
            self.by_finding.entry(step.finding.clone()).or_default().insert(chain.id.clone());
            concerned.insert(step.finding.clone());
        }
        if !chain.steps.is_empty() {
            self.held.insert(chain.id.clone(), (chain, now));
        }
        concerned
    }

    fn drop(&mut self, id: &CompactString) -> BTreeSet<FindingKey> {
        let Some((chain, _)) = self.held.remove(id) else { return BTreeSet::new() };
        for step in &chain.steps {
            if let Some(ids) = self.by_finding.get_mut(&step.finding) {
                ids.remove(id);
                if ids.is_empty() {
                    self.by_finding.remove(&step.finding);
                }
            }
        }
        chain.steps.into_iter().map(|step| step.finding).collect()
    }

    /// All that are held, by id, with the event time at which each was taken in.
    pub(crate) fn held(&self) -> impl ExactSizeIterator<Item = &(Chain, EventTime)> {
        self.held.values()
    }

    /// The chains that a finding is part of.
    pub(crate) fn of(&self, key: &FindingKey) -> Vec<CompactString> {
        if self.held.is_empty() {
            return Vec::new();
        }
        self.by_finding.get(key).into_iter().flatten().cloned().collect()
    }

    /// The rule of a chain, and the smallest of its steps that a finding matched.
    pub(crate) fn step(&self, id: &str, key: &FindingKey) -> Option<(CompactString, CompactString)> {
        let (chain, _) = self.held.get(id)?;
        let step = chain.steps.iter().filter(|s| s.finding == *key).map(|s| &s.step).min()?;
        Some((chain.rule.clone(), step.clone()))
    }

    /// Lets go of these.
    pub(crate) fn forget(&mut self, gone: impl Fn(&Chain) -> bool) {
        let ids: Vec<CompactString> =
            self.held.iter().filter(|(_, (chain, _))| gone(chain)).map(|(id, _)| id.clone()).collect();
        for id in &ids {
            self.drop(id);
        }
    }

    /// Lets go of what was taken in before `horizon` and none of whose findings is held.
    pub(crate) fn evict(&mut self, horizon: EventTime, held: impl Fn(&FindingKey) -> bool) {
        let gone =
            |(chain, taken): &(Chain, EventTime)| *taken < horizon && !chain.steps.iter().any(|s| held(&s.finding));
        let gone: Vec<CompactString> = self.held.iter().filter(|(_, c)| gone(c)).map(|(id, _)| id.clone()).collect();
        for id in &gone {
            self.drop(id);
        }
    }
}
