//! Windows under other rules. What is still held of signals is read again as if it came now, so that a rule that is new finds what it
//! could have found; what was found stays found, and one that is found again is the same.

use super::{Keyed, Limits, Windows};
use crate::set::RuleSet;
use caponier_model::{EventTime, Persons, Signal};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Windows {
    /// Goes on under these rules and limits, with the signals that `keep` lets stay. Memories and what is usual begin with the
    /// earliest of them, and until they reach far enough nothing is new and nothing unusual. Emissions must have been polled.
    ///
    /// Cost: that of taking every signal held.
    pub fn renew(
        &mut self,
        rules: Arc<RuleSet>,
        limits: Limits,
        persons: &impl Persons,
        keep: impl Fn(&Signal) -> bool,
    ) {
        let (now, counts) = (self.now, self.counts);
        let old = std::mem::replace(self, Self::new(rules, limits));
        // What rules derived for other rules is derived again.
        let derived = |name: &str| old.rules.scenario(name).is_some() && old.rules.base(name).is_none();
        let all = old.by_key.keys().chain(&old.pending);
        let held: BTreeSet<&Keyed> = all.filter(|k| !derived(&k.signal.key.rule) && keep(&k.signal)).collect();
        for keyed in held {
            self.take(Signal::clone(&keyed.signal), persons);
        }
        if now > i64::MIN {
            self.advance(EventTime::from_nanos(now), persons);
        }
        self.counts.signals = counts.signals;
        self.counts.repeats = counts.repeats;
        self.counts.late += counts.late;
        self.counts.shed += counts.shed;
    }
}

#[cfg(test)]
#[path = "renew_tests.rs"]
mod tests;
