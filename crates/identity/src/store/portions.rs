//! Which rows of which accounts a question holds: every row once, beside the topics that are asked about it. Knows footprints, no
//! keys.

use super::Store;
use super::aspects::{Aspects, readers};
use super::profile::Profiles;
use super::row::{self, Brief, Kinds, Row};
use caponier_model::{Portion, Rows, Topics};
use std::collections::BTreeMap;

/// The topics that read an account for what they say of it, and those that read it for what they say of others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masks {
    own: Topics,
    near: Topics,
}

impl Masks {
    pub(super) const fn own(&mut self, topics: Topics) {
        self.own = self.own.or(topics);
    }

    pub(super) const fn near(&mut self, topics: Topics) {
        self.near = self.near.or(topics);
    }

    const fn of(self, (own, near): (Topics, Topics)) -> Topics {
        self.own.and(own).or(self.near.and(near))
    }
}

/// Who reads rows of each sort: of an account's own, and of others'.
struct Readers {
    directory: (Topics, Topics),
    /// By the aspect of the row.
    logs: Vec<(Aspects, (Topics, Topics))>,
}

impl Readers {
    fn new() -> Self {
        use Aspects as A;
        let logs = [A::THERE, A::HERE, A::DELEGATED, A::INVITATIONS, A::PROVISIONING, A::CALLERS, A::STATEMENTS];
        // Facts may follow from principals.
        let directory = readers(A::DIRECTORY.or(A::PRINCIPALS));
        Self { directory, logs: logs.into_iter().map(|a| (a, readers(a))).collect() }
    }
}

/// The portions of a question about these accounts. `profiles` has those that are known already, and loses their rows.
pub(super) fn portions(store: &Store, masks: &BTreeMap<u32, Masks>, profiles: &mut Profiles) -> Vec<Portion> {
    let readers = Readers::new();
    let mut all = All(BTreeMap::new());
    for (slot, masks) in masks {
        let held = &store.accounts[*slot as usize].rows;
        let directory = masks.of(readers.directory);
        if !directory.is_empty() && held.kinds().meets(Kinds::DIRECTORY) {
            profiles.now(*slot, || store.profile(held));
            let portion = all.of(directory);
            let (rows, facts) = profiles.hand_over(*slot);
            portion.rows.append(rows);
            portion.facts.extend_from_slice(facts);
        }
        let logs: Vec<(Aspects, Topics)> = readers.logs.iter().map(|(a, r)| (*a, masks.of(*r))).collect();
        let readers = |aspects: Aspects| {
            let some = logs.iter().filter(|(a, _)| a.meets(aspects));
            some.fold(Topics::NONE, |all, (_, topics)| all.or(*topics))
        };
        if readers(Aspects::ALL).is_empty() {
            continue;
        }
        let mut rows = Rows::default();
        for bytes in held.each().filter(|bytes| !Kinds::DIRECTORY.meets(Kinds::of(bytes))) {
            let unread = Brief::read(bytes, &store.words).is_some_and(|brief| {
                let there = Aspects::THERE.or(Aspects::DELEGATED);
                readers(if brief.is_there() { there } else { Aspects::HERE }).is_empty()
            });
            // Written by this very store.
            if unread || row::read(bytes, &store.words, &mut rows).is_none() {
                continue;
            }
            let topics = row::each(&rows).next().map_or(Topics::NONE, |row: Row<'_>| readers(row.aspect()));
            let rows = std::mem::take(&mut rows);
            if !topics.is_empty() {
                all.of(topics).rows.append(rows);
            }
        }
    }
    all.0.into_values().collect()
}

/// Portions by topics.
struct All(BTreeMap<Topics, Portion>);

impl All {
    fn of(&mut self, topics: Topics) -> &mut Portion {
        self.0.entry(topics).or_insert_with(|| Portion { topics, ..Portion::default() })
    }
}
