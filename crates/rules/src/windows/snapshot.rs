//! Windows as bytes, and windows that go on from them as if they had never stopped. Places keep their numbers: the order in which
//! things are said depends on them, and the same journal must give the same bytes after a restart.

use super::{Counts, Kept, Keyed, Limits, Windows};
use crate::group::Group;
use crate::profile::{Profile, Profiles};
use crate::set::RuleSet;
use caponier_model::Signal;
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The layout. A change of it, or of what the windows would compute from it, takes the next number.
const VERSION: u32 = 5;

/// A memory: (scenario, which of its memories, group and values), first and last seen.
type Remembered = ((u32, u32, u128), (i64, i64));

/// Why bytes are no snapshot to go on from.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The bytes cannot be read.
    #[error("not a snapshot of rule windows, or a damaged one: {0}; take the one before it")]
    Damaged(String),
    /// Another version wrote it.
    #[error("rule windows of version {found}, and only version {VERSION} is read: read the journal from its start")]
    Version {
        /// The version it names.
        found: u32,
    },
    /// Other rules were loaded when it was taken.
    #[error(
        "the rules have changed since the snapshot of their windows: read the journal from as far back as the widest window"
    )]
    Rules,
}

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    rules: u128,
    counts: Counts,
    pending: Vec<Signal>,
    kept: Vec<Option<(Signal, Vec<u32>)>>,
    free: Vec<u32>,
    groups: Vec<(u32, Group)>,
    free_groups: Vec<u32>,
    due: BTreeSet<(i64, u32)>,
    memory: Vec<Remembered>,
    profiles: Vec<Profile>,
    began: Option<i64>,
    now: i64,
}

/// [`State`] without taking it away from the windows; field by field the same.
#[derive(Serialize)]
struct Seen<'w> {
    version: u32,
    rules: u128,
    counts: Counts,
    pending: Vec<&'w Signal>,
    kept: Vec<Option<(&'w Signal, &'w [u32])>>,
    free: &'w [u32],
    groups: &'w [(u32, Group)],
    free_groups: &'w [u32],
    due: &'w BTreeSet<(i64, u32)>,
    memory: Vec<Remembered>,
    profiles: Vec<Profile>,
    began: Option<i64>,
    now: i64,
}

impl Windows {
    /// What is held, in few bytes. Emissions that were not polled yet are not in it: poll them first. Cost in proportion to what is held.
    ///
    /// # Errors
    /// Never for what windows hold; the codec's own word where it fails all the same.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        // Named one by one: a new part of the state is written, or said here to be computed.
        let Self {
            rules, limits: _, counts, readers: _, terms: _, pending, kept, free, by_key: _, by_account: _, ..
        } = self;
        let Self {
            by_name: _,
            group_of: _,
            groups,
            free_groups,
            due,
            memory,
            profiles,
            touched: _,
            keys: _,
            brought: _,
            out: _,
            began,
            now,
            ..
        } = self;
        let profiles = profiles.sorted();
        let mut memory: Vec<_> = memory.iter().map(|(key, seen)| (*key, *seen)).collect();
        memory.sort_unstable();
        let seen = Seen {
            version: VERSION,
            rules: rules.digest,
            counts: *counts,
            pending: pending.iter().map(|keyed| &*keyed.signal).collect(),
            kept: kept.iter().map(|kept| kept.as_ref().map(|k| (&*k.signal, &k.groups[..]))).collect(),
            free,
            groups,
            free_groups,
            due,
            memory,
            profiles,
            began: *began,
            now: *now,
        };
        postcard::to_stdvec(&seen).map_err(|e| SnapshotError::Damaged(e.to_string()))
    }

    /// Windows that go on from a snapshot, over the rules that it was taken with.
    ///
    /// # Errors
    /// The bytes are not a whole snapshot of this version, or of other rules.
    pub fn restore(bytes: &[u8], rules: Arc<RuleSet>, limits: Limits) -> Result<Self, SnapshotError> {
        let damaged = |e: postcard::Error| SnapshotError::Damaged(e.to_string());
        let (found, _) = postcard::take_from_bytes::<u32>(bytes).map_err(damaged)?;
        if found != VERSION {
            return Err(SnapshotError::Version { found });
        }
        let state: State = postcard::from_bytes(bytes).map_err(damaged)?;
        if state.rules != rules.digest {
            return Err(SnapshotError::Rules);
        }
        sound(&state, &rules)?;
        let mut windows = Self::new(Arc::clone(&rules), limits);
        for (at, group) in windows.take_state(state) {
            group.revive(&rules.scenarios[*at as usize]);
        }
        Ok(windows)
    }

    /// Puts the parts in their places and makes the indexes over them anew; the groups, whose machines are not alive yet.
    fn take_state(&mut self, state: State) -> &mut Vec<(u32, Group)> {
        self.counts = state.counts;
        self.pending = state.pending.into_iter().map(Keyed::from).collect();
        for (place, held) in state.kept.into_iter().enumerate() {
            let held = held.map(|(signal, groups)| (Keyed::from(signal), groups));
            let held = held.map(|(keyed, groups)| {
                let signal = Arc::clone(&keyed.signal);
                self.index(place as u32, &signal.mentions);
                self.by_key.insert(keyed, place as u32);
                Kept { signal, groups }
            });
            self.kept.push(held);
        }
        let free: HashSet<u32, FixedState> = state.free_groups.iter().copied().collect();
        self.groups = state.groups;
        (0..self.groups.len() as u32)
            .filter(|number| !free.contains(number))
            .for_each(|number| self.name_group(number));
        (self.free, self.free_groups, self.due) = (state.free, state.free_groups, state.due);
        self.memory = state.memory.into_iter().collect();
        self.profiles = Profiles::of(state.profiles);
        (self.began, self.now) = (state.began, state.now);
        &mut self.groups
    }
}

/// Numbers that point outside of what was read would stop the program later.
fn sound(state: &State, rules: &RuleSet) -> Result<(), SnapshotError> {
    let (kept, groups, scenarios) = (state.kept.len(), state.groups.len(), rules.scenarios.len());
    let inside = |number: &u32, of: usize| (*number as usize) < of;
    let whole = state.free.iter().all(|n| inside(n, kept))
        && state.free_groups.iter().all(|n| inside(n, groups))
        && state.due.iter().all(|(_, n)| inside(n, groups))
        && state.kept.iter().flatten().all(|(_, into)| into.iter().all(|n| inside(n, groups)))
        && state.groups.iter().all(|(at, group)| {
            inside(at, scenarios) && group.is_sound(kept, rules.scenarios[*at as usize].steps.len())
        });
    if whole { Ok(()) } else { Err(SnapshotError::Damaged("a number points outside of it".into())) }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
pub(super) mod tests;
