//! What is usual in a group: how many signals fell into each stretch of time as long as the window, as far back as a baseline asks.
//!
//! Bounded: one number for each stretch, at most [`STRETCHES_MAX`] for a group. What was usual when a signal came stays so; a
//! signal that comes late is counted for those after it.

use crate::scenario::{Baseline, Scenario, Shape};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// A baseline looks back over at most so many windows.
pub(crate) const STRETCHES_MAX: i64 = 400;

/// One group's: (scenario, hash of the group's key), and how many signals fell into each stretch.
pub(crate) type Profile = ((u32, u128), Vec<(i64, u64)>);

/// How many signals each group had, by stretch.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    held: HashMap<(u32, u128), BTreeMap<i64, u64>, FixedState>,
}

impl Profiles {
    /// What a count must exceed at `at`; `None` while history does not cover the baseline.
    pub(crate) fn usual(&self, group: (u32, u128), at: i64, began: i64, scenario: &Scenario) -> Option<u64> {
        let Some(Baseline { over, factor }) = scenario.baseline else { return Some(0) };
        if at.saturating_sub(began) < over {
            return None;
        }
        let span = scenario.span.max(1);
        // Whole stretches that end before the window begins, and reach into the time looked back over.
        let last = at.saturating_sub(span).div_euclid(span);
        let first = at.saturating_sub(span).saturating_sub(over).div_euclid(span);
        let busiest = self.held.get(&group).and_then(|held| held.range(first..last).map(|(_, count)| *count).max());
        Some(busiest.unwrap_or(0).saturating_mul(u64::from(factor)))
    }

    /// Counts a signal.
    pub(crate) fn count(&mut self, group: (u32, u128), at: i64, scenario: &Scenario) {
        let (Some(baseline), Shape::Count(_)) = (&scenario.baseline, &scenario.shape) else { return };
        let span = scenario.span.max(1);
        let held = self.held.entry(group).or_default();
        *held.entry(at.div_euclid(span)).or_default() += 1;
        let newest = held.last_key_value().map_or(0, |(stretch, _)| *stretch);
        let oldest = newest.saturating_sub(baseline.over.div_euclid(span)).saturating_sub(2);
        while held.first_key_value().is_some_and(|(stretch, _)| *stretch < oldest) {
            held.pop_first();
        }
    }

    /// All of it, in order.
    pub(crate) fn sorted(&self) -> Vec<Profile> {
        let flat = |held: &BTreeMap<i64, u64>| held.iter().map(|(stretch, count)| (*stretch, *count)).collect();
        let mut all: Vec<_> = self.held.iter().map(|(group, held)| (*group, flat(held))).collect();
        all.sort_unstable();
        all
    }

    /// What was [`sorted`](Self::sorted).
    pub(crate) fn of(all: Vec<Profile>) -> Self {
        Self { held: all.into_iter().map(|(group, held)| (group, held.into_iter().collect())).collect() }
    }

    /// Groups held.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Forgets groups that had nothing for as long as their baseline looks back.
    pub(crate) fn forget(&mut self, now: i64, scenarios: &[Scenario]) {
        self.held.retain(|(at, _), held| {
            let Some(scenario) = scenarios.get(*at as usize) else { return false };
            let Some(baseline) = scenario.baseline else { return false };
            let oldest =
                now.saturating_sub(baseline.over).saturating_sub(scenario.span).div_euclid(scenario.span.max(1));
            held.last_key_value().is_some_and(|(stretch, _)| *stretch >= oldest)
        });
    }
}
