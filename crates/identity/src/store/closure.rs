//! From changed accounts to what may be said otherwise, by account and topic, and to the rows that each topic must be asked about (see
//! the parent's page for why these are enough). Asks nothing.

use super::Store;
use super::aspects::{Aspects, Footprint, footprint};
use super::change::{Change, Why};
use super::portions::{Masks, portions};
use super::postings::Two;
use super::profile::{Profile, Profiles};
use super::row::Kinds;
use super::ties::{self, Key, Of, Tie};
use caponier_model::{AccountKey, Guid, Portion, Topic, Topics};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What a change touches.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// Of whom something else may be said, and on which topics.
    pub(super) affected: BTreeMap<u32, Topics>,
    /// Accounts to be decided about again whatever is said of them: what else decides may have changed.
    pub(super) again: BTreeSet<u32>,
    /// Accounts that are nobody's home at other times than before.
    pub(super) outside: BTreeSet<AccountKey>,
    /// Accounts of which a statement came or went.
    pub(super) stated: BTreeSet<u32>,
    /// What each topic is to be asked about.
    pub(super) portions: Vec<Portion>,
    /// How many accounts are asked about.
    pub(super) asked: usize,
    /// The most bearers that one key brought in.
    pub(super) fan_out: usize,
    /// All accounts, by all topics.
    pub(super) whole: bool,
}

impl Closure {
    /// How many rows are asked about.
    pub(super) fn rows(&self) -> usize {
        self.portions.iter().map(|p| p.rows.len()).sum()
    }
}

/// Who bears the sole keys of changed accounts: hash and class to how many before, how many after.
type Counts = BTreeMap<u64, BTreeMap<u64, [usize; 2]>>;

impl Store {
    /// The closure of `changed`.
    pub(super) fn closure(&self, changed: &BTreeMap<u32, Why>, profiles: &mut Profiles) -> Closure {
        if changed.len() * 2 > self.accounts.len() {
            // Following keys would cost more than it could save.
            return self.everything();
        }
        let each = changed.iter().map(|(slot, why)| (*slot, self.change(*slot, *why, profiles)));
        let mut changes: BTreeMap<u32, Change> = each.collect();
        self.find_counterparts(&mut changes);
        let mut walk = Walk { store: self, known: HashMap::default(), profiles, fan_out: 0 };
        let mut affected: BTreeMap<u32, Topics> = BTreeMap::new();
        let mut masks: BTreeMap<u32, Masks> = BTreeMap::new();
        for topic in Topic::ALL {
            let (footprint, topics) = (footprint(topic), Topics::of(&[topic]));
            let found = walk.affected(topic, &footprint, &changes);
            let speaking: Vec<u32> =
                found.iter().copied().filter(|s| walk.may_be_said(topic, &footprint, *s)).collect();
            for slot in walk.near(&footprint, &speaking) {
                masks.entry(slot).or_default().near(topics);
            }
            speaking.into_iter().for_each(|slot| masks.entry(slot).or_default().own(topics));
            for slot in found {
                let all = affected.entry(slot).or_default();
                *all = all.or(topics);
            }
        }
        let stated = changes.iter().filter(|(_, c)| !c.stated.is_empty());
        let stated: BTreeSet<u32> =
            stated.flat_map(|(slot, c)| c.stated.iter().filter_map(|s| self.find(*s)).chain([*slot])).collect();
        let mut again = stated.clone();
        again.extend(changes.iter().filter(|(_, c)| c.directory).map(|(slot, _)| *slot));
        let mut outside = BTreeSet::new();
        for slot in changes.iter().filter(|(_, c)| c.outside).map(|(slot, _)| *slot) {
            outside.insert(self.accounts[slot as usize].key);
            walk.whoever_shares(slot, &mut again);
        }
        let fan_out = walk.fan_out;
        let portions = portions(self, &masks, profiles);
        Closure { affected, again, outside, stated, portions, asked: masks.len(), fan_out, whole: false }
    }

    fn everything(&self) -> Closure {
        let mut all = Portion { topics: Topics::ALL, ..Portion::default() };
        self.accounts.iter().for_each(|a| a.rows.read_into(&self.words, &mut all.rows));
        all.facts = crate::facts::facts(&all.rows);
        let slots = || 0..self.accounts.len() as u32;
        Closure {
            affected: slots().map(|slot| (slot, Topics::ALL)).collect(),
            again: slots().collect(),
            outside: BTreeSet::new(),
            stated: BTreeSet::new(),
            portions: vec![all],
            asked: self.accounts.len(),
            fan_out: 0,
            whole: true,
        }
    }
}

/// A walk along keys, topic by topic.
struct Walk<'a> {
    store: &'a Store,
    /// What accounts share now, of those that were looked at.
    known: HashMap<u32, Known, FixedState>,
    profiles: &'a mut Profiles,
    fan_out: usize,
}

struct Known {
    kinds: Kinds,
    ties: Vec<Tie>,
}

impl Walk<'_> {
    /// Of whom the topic may say something else than before.
    fn affected(&mut self, topic: Topic, footprint: &Footprint, changes: &BTreeMap<u32, Change>) -> BTreeSet<u32> {
        let Footprint { own, near, .. } = *footprint;
        let counts = |change: &Change| topic != Topic::PairedSignIn || change.paired;
        let concerned = |change: &Change| change.aspects.meets(own.or(near)) && counts(change);
        let mut found = BTreeSet::new();
        let (mut whole, mut objects, mut sole) = (BTreeSet::new(), BTreeSet::new(), Counts::new());
        for (slot, change) in changes.iter().filter(|(_, c)| concerned(c)) {
            if change.aspects.meets(own) {
                found.insert(*slot);
            }
            if !change.aspects.meets(near) {
                continue;
            }
            for (when, ties) in [&change.before, &change.after].into_iter().enumerate() {
                for tie in ties.iter().filter(|t| t.aspect.meets(near) && footprint.follows(t.of)) {
                    if tie.key.is_sole() {
                        let counts = sole.entry(tie.key.hash).or_default().entry(tie.key.class).or_default();
                        counts[when] += 1;
                    } else {
                        whole.insert(tie.key.hash);
                        objects.extend(tie.object);
                    }
                }
            }
            if footprint.follows(Of::Object) {
                self.named(*slot, &mut found);
            }
        }
        objects.into_iter().for_each(|o| self.object(o, &mut found));
        whole.into_iter().for_each(|hash| self.whole(hash, &mut found));
        let is_changed = |slot| changes.get(&slot).is_some_and(concerned);
        sole.iter().for_each(|(hash, counts)| self.sole(*hash, counts, is_changed, &mut found));
        found
    }

    /// Could the topic say anything of the account, by the rows that it has?
    fn may_be_said(&mut self, topic: Topic, footprint: &Footprint, slot: u32) -> bool {
        let kinds = self.known(slot).kinds;
        if footprint.needs != Kinds::NONE && !footprint.needs.meets(kinds) {
            return false;
        }
        match topic {
            Topic::Extension | Topic::ExtName => self.profile(slot).is_satellite(),
            Topic::Address => kinds.meets(Kinds::INVITATION) || self.profile(slot).is_satellite(),
            Topic::NamingRule => {
                self.store.naming.iter().any(|rule| rule.resource == self.store.accounts[slot as usize].key.tenant)
            }
            _ => true,
        }
    }

    /// Whose near aspects the topic reads for these accounts: whoever shares a key with one of them now; of the bearers of sole
    /// keys two of each class.
    fn near(&mut self, footprint: &Footprint, speaking: &[u32]) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        if footprint.near == Aspects::NONE {
            return found;
        }
        let (mut keys, mut objects): (BTreeSet<Key>, BTreeSet<Guid>) = Default::default();
        for slot in speaking {
            for tie in
                self.known(*slot).ties.iter().filter(|t| t.aspect.meets(footprint.own) && footprint.follows(t.of))
            {
                keys.insert(tie.key);
                objects.extend(tie.object);
            }
            if footprint.follows(Of::Object) {
                self.named(*slot, &mut found);
            }
        }
        objects.into_iter().for_each(|o| self.object(o, &mut found));
        let mut last = None;
        for key in keys {
            if !key.is_sole() {
                self.whole(key.hash, &mut found);
            } else if last.replace(key.hash) != Some(key.hash) {
                self.store.postings.two_of_each_class(key.hash, |_| true, |_, two| found.extend(two.slots()));
            }
        }
        found
    }

    /// Everybody whose evidence could name the account as a home.
    fn whoever_shares(&mut self, slot: u32, found: &mut BTreeSet<u32>) {
        let ties: Vec<Tie> = self.known(slot).ties.clone();
        for tie in ties.into_iter().filter(|t| !t.key.is_sole()) {
            self.whole(tie.key.hash, found);
            tie.object.into_iter().for_each(|o| self.object(o, found));
        }
        self.named(slot, found);
    }

    fn known(&mut self, slot: u32) -> &Known {
        let Self { store, known, profiles, .. } = self;
        known.entry(slot).or_insert_with(|| {
            let held = &store.accounts[slot as usize].rows;
            let (kinds, mut ties) = (held.kinds(), store.bearing(slot));
            if kinds.meets(Kinds::DIRECTORY) {
                ties.directory(profiles.now(slot, || store.profile(held)));
            }
            store.log_ties(held.each(), &mut ties);
            Known { kinds, ties: ties.sorted() }
        })
    }

    fn profile(&mut self, slot: u32) -> &Profile {
        let store = self.store;
        self.profiles.now(slot, || store.profile(&store.accounts[slot as usize].rows))
    }

    /// Whoever has this object id.
    fn object(&self, object: Guid, found: &mut BTreeSet<u32>) {
        found.extend(self.store.with_object(object));
    }

    /// Whoever has the object id of this account, or names it.
    fn named(&mut self, slot: u32, found: &mut BTreeSet<u32>) {
        let account = self.store.accounts[slot as usize].key;
        self.object(account.object, found);
        self.whole(ties::object(account), found);
    }

    fn whole(&mut self, hash: u64, found: &mut BTreeSet<u32>) {
        let before = found.len();
        let mut bearers = 0;
        found.extend(self.store.postings.bearers(hash).map(|(_, slot)| slot).inspect(|_| bearers += 1));
        if found.len() > before {
            self.fan_out = self.fan_out.max(bearers);
        }
    }

    /// The bearers of a sole key whose testimony the changed bearers may alter.
    fn sole(
        &mut self,
        hash: u64,
        counts: &BTreeMap<u64, [usize; 2]>,
        is_changed: impl Fn(u32) -> bool,
        found: &mut BTreeSet<u32>,
    ) {
        let mut others: HashMap<u64, usize, FixedState> = HashMap::default();
        let mut only = Vec::new();
        self.store.postings.two_of_each_class(
            hash,
            |slot| !is_changed(slot),
            |class, two| {
                if let Two::One(slot) = two {
                    only.push(slot);
                }
                others.insert(class, two.slots().count());
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
            self.whole(hash, found);
        } else {
            found.extend(only);
        }
    }
}
