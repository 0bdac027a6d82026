//! From changed accounts to those of which something else may be said, and to those whose rows must be asked about (see the
//! parent's page for why these are enough). Asks nothing.

use super::Store;
use super::keys::{self, Key, Shared};
use super::postings::Two;
use super::row::Held;
use crate::facts::facts;
use caponier_model::{AccountFacts, Guid, Rows};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What a change touches.
#[derive(Clone, Debug, Default)]
pub(super) struct Closure {
    /// Accounts of which something else may be said, sorted.
    pub(super) affected: Vec<u32>,
    /// Accounts to ask about, sorted; among them all that are affected.
    pub(super) asked: Vec<u32>,
    /// The most bearers that one key brought in.
    pub(super) fan_out: usize,
    /// What is asked about, with its facts.
    pub(super) rows: Rows,
    pub(super) facts: Vec<AccountFacts>,
}

/// Who bears the sole keys of changed accounts: (hash, class) to how many before, how many after.
type Counts = BTreeMap<u64, BTreeMap<u64, [usize; 2]>>;

impl Store {
    /// The closure of `changed`.
    pub(super) fn closure(&mut self, changed: &BTreeSet<u32>) -> Closure {
        if changed.len() * 2 > self.accounts.len() {
            // Following keys would cost more than it could save.
            let all: Vec<u32> = (0..self.accounts.len() as u32).collect();
            let rows = self.rows_of(&all);
            let facts = facts(&rows);
            return Closure { affected: all.clone(), asked: all, fan_out: 0, rows, facts };
        }
        let mut walk = Walk { store: self, found: changed.clone(), loaded: BTreeMap::new(), fan_out: 0 };
        let mut whole: BTreeSet<u64> = BTreeSet::new();
        let mut objects: BTreeSet<Guid> = BTreeSet::new();
        let mut sole = Counts::new();
        for slot in changed {
            let before = walk.store.settled(*slot);
            let now = &walk.load(*slot).shared;
            // Without an older state it is what it was.
            for (when, state) in [before.as_ref().unwrap_or(now), now].into_iter().enumerate() {
                for key in &state.keys {
                    if key.is_sole() {
                        let counts = sole.entry(key.hash).or_default().entry(key.class).or_default();
                        counts[when] += 1;
                    } else {
                        whole.insert(key.hash);
                    }
                }
                objects.extend(&state.objects);
            }
            walk.named(*slot);
        }
        objects.into_iter().for_each(|o| walk.object(o));
        whole.into_iter().for_each(|hash| walk.whole(hash));
        sole.iter().for_each(|(hash, counts)| walk.affected(*hash, counts, changed));
        let affected = std::mem::take(&mut walk.found);
        walk.found.clone_from(&affected);
        walk.neighbours(&affected);
        let Walk { store, found, mut loaded, fan_out } = walk;
        let (mut rows, mut all) = (Rows::default(), Vec::new());
        for slot in &found {
            let Loaded { rows: own, facts, .. } = loaded.remove(slot).unwrap_or_else(|| store.read(*slot));
            rows.append(own);
            all.extend(facts);
        }
        all.sort_by_key(|f: &AccountFacts| f.account);
        let (affected, asked) = (affected.into_iter().collect(), found.into_iter().collect());
        Closure { affected, asked, fan_out, rows, facts: all }
    }

    /// An account as it is now, without what it shares.
    fn read(&self, slot: u32) -> Loaded {
        let rows = self.accounts[slot as usize].rows.rows(&self.words);
        let facts = facts(&rows);
        Loaded { rows, facts, shared: Shared::default() }
    }

    /// What the account shared when it was last settled; `None` if that is what it shares now.
    fn settled(&mut self, slot: u32) -> Option<Shared> {
        let rows = self.changed.get(&slot)?.rows(&self.words);
        Some(self.shared(slot, &rows, &facts(&rows)))
    }

    /// All rows of these accounts.
    fn rows_of(&self, slots: &[u32]) -> Rows {
        let mut all = Rows::default();
        for slot in slots {
            self.accounts[*slot as usize].rows.read_into(&self.words, &mut all);
        }
        all
    }

    /// The rows of these accounts as they were when they were last settled.
    pub(super) fn settled_rows(&self, slots: &[u32]) -> Rows {
        let mut all = Rows::default();
        for slot in slots {
            let held: &Held = self.changed.get(slot).unwrap_or(&self.accounts[*slot as usize].rows);
            held.read_into(&self.words, &mut all);
        }
        all
    }
}

/// One account out of its bytes.
struct Loaded {
    rows: Rows,
    facts: Vec<AccountFacts>,
    shared: Shared,
}

/// A set of accounts that grows along keys.
struct Walk<'a> {
    store: &'a mut Store,
    found: BTreeSet<u32>,
    /// Those whose keys were looked at.
    loaded: BTreeMap<u32, Loaded>,
    fan_out: usize,
}

impl Walk<'_> {
    /// The account as it is now.
    fn load(&mut self, slot: u32) -> &Loaded {
        let Self { store, loaded, .. } = self;
        loaded.entry(slot).or_insert_with(|| {
            let mut account = store.read(slot);
            account.shared = store.shared(slot, &account.rows, &account.facts);
            account
        })
    }

    /// Whoever has this object id.
    fn object(&mut self, object: Guid) {
        self.found.extend(self.store.with_object(object));
    }

    /// Whoever has the object id of this account, or names it.
    fn named(&mut self, slot: u32) {
        let account = self.store.accounts[slot as usize].key;
        self.object(account.object);
        self.whole(keys::object(account));
    }

    fn whole(&mut self, hash: u64) {
        let before = self.found.len();
        let mut bearers = 0;
        self.found.extend(self.store.postings.bearers(hash).map(|(_, slot)| slot).inspect(|_| bearers += 1));
        if self.found.len() > before {
            self.fan_out = self.fan_out.max(bearers);
        }
    }

    /// The bearers of a sole key whose testimony the changed bearers may alter.
    fn affected(&mut self, hash: u64, counts: &BTreeMap<u64, [usize; 2]>, changed: &BTreeSet<u32>) {
        let mut others: HashMap<u64, usize, FixedState> = HashMap::default();
        let mut only = Vec::new();
        self.store.postings.two_of_each_class(
            hash,
            |slot| !changed.contains(&slot),
            |class, two| {
                let number = match two {
                    Two::None => 0,
                    Two::One(slot) => {
                        only.push(slot);
                        1
                    }
                    Two::Both(..) => 2,
                };
                others.insert(class, number);
            },
        );
        let turns = counts.iter().any(|(class, changed)| {
            if Key::is_silent(*class) {
                return false;
            }
            let others = others.get(class).copied().unwrap_or(0);
            let [before, after] = changed.map(|c| (c + others).min(2));
            before != after
        });
        if turns {
            self.whole(hash);
        } else {
            self.found.extend(only);
        }
    }

    /// Whoever shares a key with one of these accounts now; of the bearers of sole keys two of each class.
    fn neighbours(&mut self, of: &BTreeSet<u32>) {
        let mut keys: Vec<Key> = Vec::new();
        let mut objects = Vec::new();
        for slot in of {
            let Loaded { shared, .. } = self.load(*slot);
            keys.extend(&shared.keys);
            objects.extend(&shared.objects);
            self.named(*slot);
        }
        keys.sort_unstable();
        keys.dedup_by_key(|k| k.hash);
        objects.sort_unstable();
        objects.dedup();
        objects.into_iter().for_each(|o| self.object(o));
        for key in keys {
            if key.is_sole() {
                let Self { store, found, .. } = self;
                store.postings.two_of_each_class(
                    key.hash,
                    |_| true,
                    |_, two| match two {
                        Two::None => {}
                        Two::One(slot) => found.extend([slot]),
                        Two::Both(first, second) => found.extend([first, second]),
                    },
                );
            } else {
                self.whole(key.hash);
            }
        }
    }
}
