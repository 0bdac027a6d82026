//! Windows: signals and time in, findings out. Sans-IO, in event time, the same bytes for the same journal.
//!
//! A signal waits until the watermark has passed it (unless its scenario is early), is bound to persons as of its own time, and
//! enters one group of each scenario that reads its rule. When a link changes, the signals of its accounts are bound again.

use crate::apart;
use crate::emission::{self, Emission};
use crate::group::{self, First, Group, Instance, Turn};
use crate::profile::Profiles;
use crate::scenario::{Apart, Role, SECOND, Scenario, Shape, Term};
use crate::set::RuleSet;
use bound::Bound;
use caponier_model::{AccountKey, EventTime, IdentityChange, Mention, Persons, Signal, TenantId};
use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet, HashTable};
use keys::{Keys, Name};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Few signals enter more groups than this.
const GROUPS_USUAL: usize = 4;

/// What the windows may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Signals kept; beyond it the oldest leave first, counted.
    pub signals: usize,
    /// How far back, in seconds, a late signal counts as if it had come in time. Signals are kept for this and the widest window.
    pub retention: i64,
    /// The operator's epoch, part of every id.
    pub epoch: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { signals: 1_000_000, retention: 15 * 24 * 3_600, epoch: 0 }
    }
}

/// What the windows did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Signals taken.
    pub signals: u64,
    /// Exact copies of a signal already held.
    pub repeats: u64,
    /// Findings said for the first time.
    pub findings: u64,
    /// Findings taken back.
    pub withdrawn: u64,
    /// Signals that came when nothing could remember their time any more.
    pub late: u64,
    /// Signals that left for lack of room before their time.
    pub shed: u64,
    /// Groups not entered for lack of room: a record that names more targets than are followed.
    pub cut: u64,
}

/// A signal kept, and where it went.
#[derive(Debug)]
struct Kept {
    signal: Arc<Signal>,
    groups: Vec<u32>,
}

/// A signal in order of its key: by time, which nearly always decides, before what lies elsewhere is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Keyed {
    at: EventTime,
    signal: Arc<Signal>,
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at).then_with(|| self.signal.key.cmp(&other.signal.key))
    }
}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Signal> for Keyed {
    fn from(signal: Signal) -> Self {
        Self { at: signal.key.at, signal: Arc::new(signal) }
    }
}

/// A step that reads a rule's signals.
#[derive(Clone, Copy, Debug)]
struct Reader {
    scenario: u32,
    step: u16,
    /// Which list of terms its signals are grouped by: steps of many scenarios share one.
    terms: u16,
}

/// The readers of each rule's signals.
type Readers = HashMap<CompactString, Arc<[Reader]>, FixedState>;

/// The windows of all scenarios.
#[derive(Debug)]
pub struct Windows {
    rules: Arc<RuleSet>,
    limits: Limits,
    counts: Counts,
    /// By the rule whose signals they read.
    readers: Readers,
    /// Every list of terms that a reader groups by.
    terms: Arc<[Vec<Term>]>,
    pending: BTreeSet<Keyed>,
    kept: Vec<Option<Kept>>,
    free: Vec<u32>,
    by_key: BTreeMap<Keyed, u32>,
    by_account: HashMap<AccountKey, VecDeque<u32>, FixedState>,
    by_name: HashMap<(TenantId, CompactString), VecDeque<u32>, FixedState>,
    /// Groups by scenario and key; both stand in the group.
    group_of: HashTable<(u64, u32)>,
    groups: Vec<(u32, Group)>,
    free_groups: Vec<u32>,
    due: BTreeSet<(i64, u32)>,
    /// When values were seen first and last, by (scenario, which of its memories, group and values).
    memory: HashMap<(u32, u32, u128), (i64, i64), FixedState>,
    /// What is usual, for scenarios with a baseline.
    profiles: Profiles,
    touched: BTreeSet<u32>,
    /// Memory for the keys and the values of the signal at hand.
    keys: Keys,
    brought: Vec<i128>,
    out: VecDeque<Emission>,
    began: Option<i64>,
    now: i64,
    /// How far back any window reaches.
    reach: i64,
    /// How far back any memory reaches.
    over: i64,
}

impl Windows {
    /// Windows over a rule set; nothing has been seen.
    pub fn new(rules: Arc<RuleSet>, limits: Limits) -> Self {
        let (readers, terms) = readers(&rules.scenarios);
        let reach = rules.scenarios.iter().map(reach).max().unwrap_or(0);
        let over = rules.scenarios.iter().flat_map(|s| s.seen.iter().map(|seen| seen.over)).max().unwrap_or(0);
        Self {
            rules,
            limits,
            counts: Counts::default(),
            readers,
            terms,
            pending: BTreeSet::new(),
            kept: Vec::new(),
            free: Vec::new(),
            by_key: BTreeMap::new(),
            by_account: HashMap::default(),
            by_name: HashMap::default(),
            group_of: HashTable::new(),
            groups: Vec::new(),
            free_groups: Vec::new(),
            due: BTreeSet::new(),
            memory: HashMap::default(),
            profiles: Profiles::default(),
            touched: BTreeSet::new(),
            keys: Keys::default(),
            brought: Vec::new(),
            out: VecDeque::new(),
            began: None,
            now: i64::MIN,
            reach,
            over,
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Signals held.
    pub fn held(&self) -> usize {
        self.by_key.len() + self.pending.len()
    }

    /// The next emission, in the order in which they came about.
    pub fn poll(&mut self) -> Option<Emission> {
        self.out.pop_front()
    }

    /// Takes a signal; [`Windows::advance`] makes it count. Cost: one tree insertion.
    pub fn take(&mut self, signal: Signal, persons: &impl Persons) {
        self.counts.signals += 1;
        let signal = Keyed::from(signal);
        let at = signal.at.nanos();
        let early = self
            .readers
            .get(&signal.signal.key.rule)
            .is_some_and(|readers| readers.iter().any(|r| self.rules.scenarios[r.scenario as usize].early));
        // One that waits is in no window yet, and one that was in a window does not wait any more.
        if !early && at >= self.now {
            if self.pending.insert(signal) {
                self.begin(at);
            } else {
                self.counts.repeats += 1;
            }
            return;
        }
        if self.by_key.contains_key(&signal) {
            self.counts.repeats += 1;
        } else if at < self.latest_late() {
            self.counts.late += 1;
        } else {
            self.begin(at);
            self.enter(signal, persons);
            self.say(persons);
        }
    }

    fn begin(&mut self, at: i64) {
        self.began = Some(self.began.map_or(at, |b| b.min(at)));
    }

    /// Nothing earlier than `to` is expected any more: signals before it count, deadlines before it have passed.
    pub fn advance(&mut self, to: EventTime, persons: &impl Persons) {
        let to = to.nanos();
        if to <= self.now {
            return;
        }
        loop {
            let signal = self.pending.first().map(|signal| signal.at.nanos()).filter(|at| *at < to);
            let due = self.due.first().map(|(at, _)| *at).filter(|at| *at < to);
            match (signal, due) {
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    self.now = self.now.max(at);
                    if let Some(signal) = self.pending.pop_first() {
                        self.enter(signal, persons);
                    }
                }
                (_, Some(at)) => {
                    while let Some((_, group)) = self.due.first().filter(|(due, _)| *due == at).copied() {
                        self.due.remove(&(at, group));
                        let (scenario, held) = &mut self.groups[group as usize];
                        held.settle(at.saturating_add(1), &self.rules.scenarios[*scenario as usize]);
                        self.touched.insert(group);
                    }
                    self.now = self.now.max(at);
                }
                _ => break,
            }
            self.say(persons);
        }
        self.now = to;
        self.evict();
    }

    /// A change of what is known about identities: the signals it concerns are bound again. To be called after `persons` took it.
    pub fn rebind(&mut self, change: &IdentityChange, persons: &impl Persons) {
        let mut places = BTreeSet::new();
        let mut of = |account: &AccountKey| places.extend(self.by_account.get(account).into_iter().flatten().copied());
        match change {
            IdentityChange::Account(facts) => {
                of(&facts.account);
                for name in &facts.names {
                    let named = self.by_name.get(&(facts.account.tenant, name.clone()));
                    places.extend(named.into_iter().flatten().copied());
                }
            }
            IdentityChange::Forget(account, _) => of(account),
            IdentityChange::Link(link) => [link.account, link.home].iter().for_each(&mut of),
            IdentityChange::Unlink(account, home, _) => [*account, *home].iter().for_each(&mut of),
        }
        for place in places {
            let Some(signal) = self.kept[place as usize].as_ref().map(|kept| Arc::clone(&kept.signal)) else {
                continue;
            };
            self.leave(place);
            self.place(place, signal, persons);
        }
        self.say(persons);
    }

    /// Where the accounts that a signal names are looked up when what is known of them changes.
    fn index(&mut self, place: u32, mentions: &[Mention]) {
        for mention in mentions {
            match (mention.object, &mention.name) {
                (Some(object), _) => {
                    self.by_account.entry(AccountKey { tenant: mention.tenant, object }).or_default().push_back(place);
                }
                (None, Some(name)) => {
                    self.by_name.entry((mention.tenant, name.clone())).or_default().push_back(place);
                }
                (None, None) => {}
            }
        }
    }

    fn enter(&mut self, keyed: Keyed, persons: &impl Persons) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            (self.kept.len() - 1) as u32
        });
        let signal = Arc::clone(&keyed.signal);
        self.by_key.insert(keyed, place);
        self.index(place, &signal.mentions);
        self.place(place, signal, persons);
        while self.by_key.len() > self.limits.signals {
            let Some((_, oldest)) = self.by_key.pop_first() else { break };
            self.counts.shed += 1;
            self.shed(oldest);
        }
    }

    /// Puts a signal into its groups.
    fn place(&mut self, place: u32, signal: Arc<Signal>, persons: &impl Persons) {
        let readers = self.readers.get(&signal.key.rule).cloned();
        let (rules, terms, bound) = (Arc::clone(&self.rules), Arc::clone(&self.terms), Bound::of(&signal, persons));
        self.kept[place as usize] =
            Some(Kept { signal: Arc::clone(&signal), groups: Vec::with_capacity(GROUPS_USUAL) });
        let (mut keys, mut brought) = (std::mem::take(&mut self.keys), std::mem::take(&mut self.brought));
        keys.clear();
        for reader in readers.iter().flat_map(|readers| readers.iter()) {
            let scenario = &rules.scenarios[reader.scenario as usize];
            let reads = &scenario.steps[usize::from(reader.step)];
            if reads.side.is_some_and(|side| !bound.lies(side, &signal, scenario, reader.step)) {
                continue;
            }
            brought.clear();
            if counts_values(scenario) {
                values(&signal, scenario, reader.step, &mut brought);
            }
            if scenario.shape == Shape::Single {
                let key = &signal.key;
                let key = format!("{}/{}/{}", key.tenant, key.record, key.at.nanos());
                self.join((scenario, *reader), place, &signal, (keys::name(&key), &key), &brought);
                continue;
            }
            let (groups, cut) = keys.of(reader.terms, &terms[usize::from(reader.terms)], &bound, &signal);
            self.counts.cut += cut as u64;
            for key in groups {
                self.join((scenario, *reader), place, &signal, keys.at(key), &brought);
            }
        }
        (self.keys, self.brought) = (keys, brought);
    }

    fn join(
        &mut self,
        (scenario, reader): (&Scenario, Reader),
        place: u32,
        signal: &Signal,
        key: (Name, &str),
        brought: &[i128],
    ) {
        let (step, moment) = (reader.step, signal.key.at.nanos());
        let number = self.group(reader.scenario, scenario, key);
        let (mut fresh, mut usual) = (true, Some(0));
        if !scenario.seen.is_empty() || scenario.baseline.is_some() {
            let memory = Memory { scenario: reader.scenario, group: key.0, step, at: moment };
            fresh = self.is_fresh(scenario, memory, brought);
            self.remember(scenario, memory, brought);
            let profile = (reader.scenario, memory.group);
            usual = self.profiles.usual(profile, moment, self.began.unwrap_or(moment), scenario);
            self.profiles.count(profile, moment, scenario);
        }
        let Some(kept) = &mut self.kept[place as usize] else { return };
        if !kept.groups.contains(&number) {
            kept.groups.push(number);
        }
        let kept = &self.kept;
        let key_of = |place: u32| kept[place as usize].as_ref().map(|k| &k.signal.key);
        let later = |place: u32, step| {
            let mut out = Vec::new();
            if let Some(kept) =
                kept[place as usize].as_ref().filter(|_| scenario.apart.is_some() || counts_values(scenario))
            {
                values(&kept.signal, scenario, step, &mut out);
            }
            out
        };
        let held = &mut self.groups[number as usize].1;
        let before = held.due(scenario);
        let asked = group::Kept {
            key: key.1,
            brought: (brought, fresh, usual),
            order: &|a, b| key_of(a).cmp(&key_of(b)),
            values: &later,
        };
        held.add((moment, step, place), scenario, &asked);
        if held.is_asleep() {
            return;
        }
        let after = held.due(scenario);
        self.schedule(number, before, after);
        self.touched.insert(number);
    }

    /// The group of a key, made where there is none.
    fn group(&mut self, at: u32, scenario: &Scenario, key: (Name, &str)) -> u32 {
        let groups = &self.groups;
        let hash = group_hash(at, key.0);
        let same = |(held, number): &(u64, u32)| {
            *held == hash && groups[*number as usize].0 == at && groups[*number as usize].1.key == key.0
        };
        if let Some((_, number)) = self.group_of.find(hash, same) {
            return *number;
        }
        let group = (at, Group::new(scenario, key));
        let number = match self.free_groups.pop() {
            Some(number) => {
                self.groups[number as usize] = group;
                number
            }
            None => {
                self.groups.push(group);
                (self.groups.len() - 1) as u32
            }
        };
        self.name_group(number);
        number
    }

    /// Makes a group be found by its scenario and key.
    fn name_group(&mut self, number: u32) {
        let (at, group) = &self.groups[number as usize];
        let hash = group_hash(*at, group.key);
        self.group_of.insert_unique(hash, (hash, number), |(hash, _)| *hash);
    }

    fn schedule(&mut self, group: u32, before: Option<i64>, after: Option<i64>) {
        if let Some(at) = before.filter(|_| before != after) {
            self.due.remove(&(at, group));
        }
        if let Some(at) = after {
            self.due.insert((at, group));
        }
    }

    /// Whether what a step must be new to is new. Silent until memory reaches back far enough.
    fn is_fresh(&self, scenario: &Scenario, memory: Memory, values: &[i128]) -> bool {
        scenario.seen.iter().enumerate().filter(|(_, seen)| seen.step == usize::from(memory.step)).all(
            |(which, seen)| {
                let covered = self.began.is_some_and(|began| memory.at.saturating_sub(began) >= seen.over);
                let last = self.memory.get(&memory.key(which, values)).map(|(_, last)| *last);
                covered
                    && match last {
                        None => !seen.dormant,
                        Some(last) => last < memory.at.saturating_sub(seen.over),
                    }
            },
        )
    }

    fn remember(&mut self, scenario: &Scenario, memory: Memory, values: &[i128]) {
        for (which, _) in scenario.seen.iter().enumerate().filter(|(_, seen)| seen.memory == usize::from(memory.step)) {
            let entry = self.memory.entry(memory.key(which, values)).or_insert((memory.at, memory.at));
            *entry = (entry.0.min(memory.at), entry.1.max(memory.at));
        }
    }

    /// Takes a signal out of its groups.
    fn leave(&mut self, place: u32) {
        let Some(kept) = &mut self.kept[place as usize] else { return };
        for group in std::mem::take(&mut kept.groups) {
            let (at, held) = &mut self.groups[group as usize];
            let scenario = &self.rules.scenarios[*at as usize];
            let before = held.due(scenario);
            held.remove(place, scenario);
            if held.is_asleep() {
                continue;
            }
            let after = held.due(scenario);
            self.schedule(group, before, after);
            self.touched.insert(group);
        }
    }

    /// Says what changed in the groups that were touched; what serves other scenarios goes on as a signal of its own.
    fn say(&mut self, persons: &impl Persons) {
        while let Some(number) = self.touched.pop_first() {
            let rules = Arc::clone(&self.rules);
            let at = self.groups[number as usize].0;
            let scenario = &rules.scenarios[at as usize];
            let after = self.groups[number as usize].1.due(scenario);
            self.schedule(number, None, after);
            for turn in self.groups[number as usize].1.turns() {
                let (first, before, now) = match turn {
                    Turn::Say(first, before) => {
                        (first, before, self.groups[number as usize].1.instance(first).cloned())
                    }
                    Turn::Withdraw(first, instance) => (first, Some(instance), None),
                };
                // Some of what was said is part of it no more: it is taken back before it is said anew.
                for (instance, withdrawn) in before.map(|i| (i, true)).into_iter().chain(now.map(|i| (i, false))) {
                    self.tell((number, scenario), (first, &instance), withdrawn, persons);
                }
            }
        }
    }

    /// Says an instance of a group, or takes it back, and with it what it was to other scenarios.
    fn tell(
        &mut self,
        (number, scenario): (u32, &Scenario),
        (first, instance): (First, &Instance),
        withdrawn: bool,
        persons: &impl Persons,
    ) {
        let items = instance.items.iter();
        let held = items.filter_map(|(_, step, place)| Some((*step, &*self.kept[*place as usize].as_ref()?.signal)));
        let mut members: Vec<_> = held.collect();
        // Places are history: of what happened at one time, the records say which is first.
        members.sort_by(|(step, a), (other, b)| (a.key.at, step, &a.key).cmp(&(b.key.at, other, &b.key)));
        let tenants: BTreeSet<TenantId> = members.iter().map(|(_, signal)| signal.key.tenant).collect();
        if tenants.len() < scenario.tenants || members.is_empty() {
            return;
        }
        // It bears the name of the signal that it began with, though what completed later may have begun earlier.
        let began =
            self.kept.get(first.1 as usize).and_then(Option::as_ref).map_or(&members[0].1.key, |kept| &kept.signal.key);
        let named = (self.groups[number as usize].1.text(), self.limits.epoch, began);
        let told = emission::tell(scenario, named, &members, instance.times, withdrawn);
        // A rule that stands alone is read by its own name: its signals serve others as they are.
        let alone = scenario.steps.iter().any(|step| step.rule == scenario.name);
        let serves = self.readers.contains_key(&scenario.name) && !alone;
        let signal = serves.then(|| Keyed::from(emission::derived(scenario, &told, &members)));
        *(if withdrawn { &mut self.counts.withdrawn } else { &mut self.counts.findings }) += 1;
        self.out.push_back(told);
        match signal {
            Some(signal) if withdrawn => {
                if let Some(place) = self.by_key.remove(&signal) {
                    self.leave(place);
                    self.release(place);
                }
            }
            Some(signal) if !self.by_key.contains_key(&signal) => self.enter(signal, persons),
            _ => {}
        }
    }

    /// What is earlier than this comes too late.
    fn latest_late(&self) -> i64 {
        self.now.saturating_sub(self.limits.retention.saturating_mul(SECOND))
    }

    /// What is earlier than this no window can reach, not even that of a late signal.
    fn horizon(&self) -> i64 {
        self.latest_late().saturating_sub(self.reach)
    }

    /// Lets go of what no window can reach any more.
    fn evict(&mut self) {
        let horizon = self.horizon();
        let mut groups = HashSet::<u32, FixedState>::default();
        while let Some(first) = self.by_key.first_entry().filter(|first| first.key().at.nanos() < horizon) {
            let place = first.remove();
            groups.extend(self.kept[place as usize].iter().flat_map(|kept| kept.groups.iter().copied()));
            self.release(place);
        }
        for number in groups {
            let (at, group) = &mut self.groups[number as usize];
            group.forget(horizon);
            if group.is_empty() {
                if let Ok(named) = self.group_of.find_entry(group_hash(*at, group.key), |(_, held)| *held == number) {
                    named.remove();
                }
                self.free_groups.push(number);
            }
        }
        let forgotten = self.now.saturating_sub(self.over.saturating_mul(2));
        if self.memory.len() >= self.limits.signals {
            self.memory.retain(|_, (_, last)| *last >= forgotten);
        }
        if self.profiles.len() >= self.limits.signals {
            self.profiles.forget(self.now, &self.rules.scenarios);
        }
    }

    /// Takes a signal away before its time; no key leads to it any more.
    fn shed(&mut self, place: u32) {
        if let Some(kept) = &self.kept[place as usize] {
            let after = kept.signal.key.at.nanos().saturating_add(1);
            for group in &kept.groups {
                self.groups[*group as usize].1.keep_said(after);
            }
        }
        self.leave(place);
        self.release(place);
    }

    /// Forgets a signal that no key leads to any more.
    fn release(&mut self, place: u32) {
        let Some(kept) = self.kept[place as usize].take() else { return };
        for mention in &kept.signal.mentions {
            if let Some(object) = mention.object {
                let account = AccountKey { tenant: mention.tenant, object };
                if let Some(places) = self.by_account.get_mut(&account) {
                    forget(places, place);
                    if places.is_empty() {
                        self.by_account.remove(&account);
                    }
                }
            } else if let Some(name) = &mention.name {
                let name = (mention.tenant, name.clone());
                if let Some(places) = self.by_name.get_mut(&name) {
                    forget(places, place);
                    if places.is_empty() {
                        self.by_name.remove(&name);
                    }
                }
            }
        }
        self.free.push(place);
    }
}

/// Takes a place off a list. The oldest leave first, so it is seldom far from the front.
fn forget(places: &mut VecDeque<u32>, place: u32) {
    if let Some(at) = places.iter().position(|held| *held == place) {
        places.remove(at);
    }
}

/// The readers of each rule's signals, and every list of terms that they group by.
fn readers(scenarios: &[Scenario]) -> (Readers, Arc<[Vec<Term>]>) {
    let (mut readers, mut terms) = (BTreeMap::<&CompactString, Vec<Reader>>::new(), Vec::<Vec<Term>>::new());
    for (at, scenario) in scenarios.iter().enumerate() {
        for (step, reads) in scenario.steps.iter().enumerate() {
            let list: Vec<Term> = scenario.keys.iter().map(|key| key[step].clone()).collect();
            let known = terms.iter().position(|held| *held == list).unwrap_or_else(|| {
                terms.push(list);
                terms.len() - 1
            });
            let reader = Reader { scenario: at as u32, step: step as u16, terms: known as u16 };
            readers.entry(&reads.rule).or_default().push(reader);
        }
    }
    (readers.into_iter().map(|(rule, readers)| (rule.clone(), readers.into())).collect(), terms.into())
}

fn group_hash(scenario: u32, key: Name) -> u64 {
    // The name is a hash already.
    (key as u64).wrapping_add(u64::from(scenario).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Whether the values of its signals decide anything at once. Those that lie apart are read when two of them meet.
fn counts_values(scenario: &Scenario) -> bool {
    matches!(scenario.shape, Shape::Values(_) | Shape::Number(..)) || !scenario.seen.is_empty()
}

/// How far back a scenario looks.
fn reach(scenario: &Scenario) -> i64 {
    scenario.absent.iter().map(|a| a.within).max().unwrap_or(0).saturating_add(scenario.span)
}

/// Appends the values of a step that count, as hashes; for a number over values, as millionths.
fn values(signal: &Signal, scenario: &Scenario, step: u16, out: &mut Vec<i128>) {
    let fields = &scenario.steps[usize::from(step)].values;
    if let Some(apart) = &scenario.apart {
        return stay(signal, apart, out);
    }
    let named = signal.fields.iter().filter(|(name, _)| fields.contains(name));
    if let Shape::Number(..) = scenario.shape {
        return out.extend(named.filter_map(|(_, text)| millionths(text)));
    }
    if scenario.steps[usize::from(step)].role == Role::Match && fields.len() <= 1 {
        return out.extend(named.map(|(_, text)| hash(text.as_bytes()) as i128));
    }
    // Several fields count as one value: all of theirs together.
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for (name, text) in named {
        for part in [name, text] {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
    }
    out.push(hash.digest128() as i128);
}

/// A place, and the hashes of what must have changed, 0 where the record does not say; nothing where it names no place.
fn stay(signal: &Signal, apart: &Apart, out: &mut Vec<i128>) {
    let said = |name: &CompactString| signal.fields.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str());
    let Some(place) = said(&apart.place).and_then(apart::packed) else { return };
    let known = |name| said(name).map_or(0, |text| hash(text.as_bytes()) as i128);
    out.extend(std::iter::once(place).chain(apart.change.iter().map(known)));
}

fn millionths(text: &str) -> Option<i128> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then(|| (number * 1e6).round() as i128)
}

fn tuple(values: &[i128]) -> u128 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    values.iter().for_each(|value| hash.update(&value.to_le_bytes()));
    hash.digest128()
}

/// Where a step's values are remembered.
#[derive(Clone, Copy, Debug)]
struct Memory {
    scenario: u32,
    group: u128,
    step: u16,
    at: i64,
}

impl Memory {
    fn key(self, which: usize, values: &[i128]) -> (u32, u32, u128) {
        (self.scenario, which as u32, tuple(values) ^ self.group)
    }
}

fn hash(bytes: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(bytes)
}

mod bound;
mod keys;
mod renew;
mod snapshot;
pub use snapshot::SnapshotError;

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "windows/late_tests.rs"]
mod late_tests;
