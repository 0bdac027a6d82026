//! Windows: signals and time in, findings out. Sans-IO, in event time, the same bytes for the same journal.
//!
//! A signal waits until the watermark has passed it (unless its scenario is early), is bound to persons as of its own time, and
//! enters one group of each scenario that reads its rule. When a link changes, the signals of its accounts are bound again.

use crate::apart;
use crate::emission::{self, Emission};
use crate::group::{Group, Turn};
use crate::machine::Item;
use crate::profile::Profiles;
use crate::scenario::{Apart, Role, SECOND, Scenario, Shape, Term};
use crate::set::RuleSet;
use caponier_model::{
    AccountKey, EventTime, Handle, IdentityChange, Mention, Party, Persons, Side, Signal, SignalKey, TenantId,
};
use compact_str::{CompactString, format_compact};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A signal enters at most so many groups of one scenario: one for each target of a bulk operation, up to here.
const GROUPS_MAX: usize = 256;

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
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    signal: Signal,
    groups: Vec<u32>,
}

/// The windows of all scenarios.
#[derive(Debug)]
pub struct Windows {
    rules: Arc<RuleSet>,
    limits: Limits,
    counts: Counts,
    /// (scenario, step) by the rule whose signals it reads.
    readers: HashMap<CompactString, Vec<(u32, u16)>, FixedState>,
    pending: BTreeMap<SignalKey, Signal>,
    kept: Vec<Option<Kept>>,
    free: Vec<u32>,
    by_key: BTreeMap<SignalKey, u32>,
    by_account: HashMap<AccountKey, BTreeSet<u32>, FixedState>,
    by_name: HashMap<(TenantId, CompactString), BTreeSet<u32>, FixedState>,
    group_of: HashMap<(u32, CompactString), u32, FixedState>,
    groups: Vec<(u32, Group)>,
    free_groups: Vec<u32>,
    due: BTreeSet<(i64, u32)>,
    /// When values were seen first and last, by (scenario, which of its memories, group and values).
    memory: HashMap<(u32, u32, u128), (i64, i64), FixedState>,
    /// What is usual, for scenarios with a baseline.
    profiles: Profiles,
    touched: BTreeSet<u32>,
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
        let mut readers = HashMap::<CompactString, Vec<(u32, u16)>, FixedState>::default();
        for (at, scenario) in rules.scenarios.iter().enumerate() {
            for (step, reads) in scenario.steps.iter().enumerate() {
                readers.entry(reads.rule.clone()).or_default().push((at as u32, step as u16));
            }
        }
        let reach = rules.scenarios.iter().map(reach).max().unwrap_or(0);
        let over = rules.scenarios.iter().flat_map(|s| s.seen.iter().map(|seen| seen.over)).max().unwrap_or(0);
        Self {
            rules,
            limits,
            counts: Counts::default(),
            readers,
            pending: BTreeMap::new(),
            kept: Vec::new(),
            free: Vec::new(),
            by_key: BTreeMap::new(),
            by_account: HashMap::default(),
            by_name: HashMap::default(),
            group_of: HashMap::default(),
            groups: Vec::new(),
            free_groups: Vec::new(),
            due: BTreeSet::new(),
            memory: HashMap::default(),
            profiles: Profiles::default(),
            touched: BTreeSet::new(),
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
        if self.pending.contains_key(&signal.key) || self.by_key.contains_key(&signal.key) {
            self.counts.repeats += 1;
            return;
        }
        if signal.key.at.nanos() < self.latest_late() {
            self.counts.late += 1;
            return;
        }
        self.began = Some(self.began.map_or(signal.key.at.nanos(), |b| b.min(signal.key.at.nanos())));
        let early = self
            .readers
            .get(&signal.key.rule)
            .is_some_and(|readers| readers.iter().any(|(at, _)| self.rules.scenarios[*at as usize].early));
        if early || signal.key.at.nanos() < self.now {
            self.enter(signal, persons);
            self.say(persons);
        } else {
            self.pending.insert(signal.key.clone(), signal);
        }
    }

    /// Nothing earlier than `to` is expected any more: signals before it count, deadlines before it have passed.
    pub fn advance(&mut self, to: EventTime, persons: &impl Persons) {
        let to = to.nanos();
        if to <= self.now {
            return;
        }
        loop {
            let signal = self.pending.first_key_value().map(|(key, _)| key.at.nanos()).filter(|at| *at < to);
            let due = self.due.first().map(|(at, _)| *at).filter(|at| *at < to);
            match (signal, due) {
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    self.now = self.now.max(at);
                    if let Some((_, signal)) = self.pending.pop_first() {
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
            let Some(signal) = self.kept[place as usize].as_ref().map(|kept| kept.signal.clone()) else { continue };
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
                    self.by_account.entry(AccountKey { tenant: mention.tenant, object }).or_default().insert(place);
                }
                (None, Some(name)) => {
                    self.by_name.entry((mention.tenant, name.clone())).or_default().insert(place);
                }
                (None, None) => {}
            }
        }
    }

    fn enter(&mut self, signal: Signal, persons: &impl Persons) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            (self.kept.len() - 1) as u32
        });
        self.by_key.insert(signal.key.clone(), place);
        self.index(place, &signal.mentions);
        self.place(place, signal, persons);
        while self.by_key.len() > self.limits.signals {
            let Some((_, oldest)) = self.by_key.first_key_value() else { break };
            let oldest = *oldest;
            self.counts.shed += 1;
            self.shed(oldest);
        }
    }

    /// Puts a signal into its groups.
    fn place(&mut self, place: u32, signal: Signal, persons: &impl Persons) {
        let readers = self.readers.get(&signal.key.rule).cloned().unwrap_or_default();
        let (rules, bound) = (Arc::clone(&self.rules), Bound::of(&signal, persons));
        self.kept[place as usize] = Some(Kept { signal, groups: Vec::new() });
        for (at, step) in readers {
            let scenario = &rules.scenarios[at as usize];
            let Some(kept) = &self.kept[place as usize] else { continue };
            let signal = &kept.signal;
            let reads = &scenario.steps[usize::from(step)];
            if reads.side.is_some_and(|side| !bound.lies(side, signal, scenario, step)) {
                continue;
            }
            let keys = if scenario.shape == Shape::Single {
                vec![format_compact!("{}/{}/{}", signal.key.tenant, signal.key.record, signal.key.at.nanos())]
            } else {
                bound.keys(signal, scenario, step)
            };
            self.counts.cut += keys.len().saturating_sub(GROUPS_MAX) as u64;
            for key in keys.into_iter().take(GROUPS_MAX) {
                self.join(at, step, place, key);
            }
        }
    }

    fn join(&mut self, at: u32, step: u16, place: u32, key: CompactString) {
        let rules = Arc::clone(&self.rules);
        let scenario = &rules.scenarios[at as usize];
        let number = self.group(at, key);
        let Some(kept) = &self.kept[place as usize] else { return };
        let signal = &kept.signal;
        let values = values(signal, scenario, step);
        let moment = signal.key.at.nanos();
        let memory =
            Memory { scenario: at, group: hash(self.groups[number as usize].1.key.as_bytes()), step, at: moment };
        let fresh = self.is_fresh(scenario, memory, &values);
        self.remember(scenario, memory, &values);
        let profile = (at, memory.group);
        let usual = self.profiles.usual(profile, moment, self.began.unwrap_or(moment), scenario);
        self.profiles.count(profile, moment, scenario);
        let Some(kept) = &mut self.kept[place as usize] else { return };
        let item = Item { at: kept.signal.key.at.nanos(), step, place, values, fresh, usual };
        if !kept.groups.contains(&number) {
            kept.groups.push(number);
        }
        let kept = &self.kept;
        let key_of = |place: u32| kept[place as usize].as_ref().map(|k| &k.signal.key);
        let held = &mut self.groups[number as usize].1;
        let before = held.due(scenario);
        held.add(item, scenario, &|a, b| key_of(a).cmp(&key_of(b)));
        let after = held.due(scenario);
        self.schedule(number, before, after);
        self.touched.insert(number);
    }

    /// The group of a key, made where there is none.
    fn group(&mut self, at: u32, key: CompactString) -> u32 {
        if let Some(number) = self.group_of.get(&(at, key.clone())) {
            return *number;
        }
        let group = (at, Group::new(&self.rules.scenarios[at as usize], key.clone()));
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
        self.group_of.insert((at, key), number);
        number
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
                let (instance, withdrawn) = match turn {
                    Turn::Say(first) => (self.groups[number as usize].1.instances[&first].clone(), false),
                    Turn::Withdraw(_, instance) => (instance, true),
                };
                let members: Vec<_> = instance
                    .items
                    .iter()
                    .filter_map(|(_, step, place)| Some((*step, &self.kept[*place as usize].as_ref()?.signal)))
                    .collect();
                let tenants: BTreeSet<TenantId> = members.iter().map(|(_, signal)| signal.key.tenant).collect();
                if tenants.len() < scenario.tenants || members.is_empty() {
                    continue;
                }
                let key = &self.groups[number as usize].1.key;
                let told = emission::tell(scenario, key, self.limits.epoch, &members, instance.times, withdrawn);
                // A rule that stands alone is read by its own name: its signals serve others as they are.
                let alone = scenario.steps.iter().any(|step| step.rule == scenario.name);
                let next = if self.readers.contains_key(&scenario.name) && !withdrawn && !alone {
                    Some(emission::derived(scenario, &told, &members))
                } else {
                    None
                };
                *(if withdrawn { &mut self.counts.withdrawn } else { &mut self.counts.findings }) += 1;
                self.out.push_back(told);
                if let Some(signal) = next.filter(|s| !self.by_key.contains_key(&s.key)) {
                    self.enter(signal, persons);
                }
            }
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
        while let Some((key, place)) = self.by_key.first_key_value() {
            if key.at.nanos() >= horizon {
                break;
            }
            let place = *place;
            groups.extend(self.kept[place as usize].iter().flat_map(|kept| kept.groups.iter().copied()));
            self.release(place);
        }
        for number in groups {
            let (at, group) = &mut self.groups[number as usize];
            group.forget(horizon);
            if group.is_empty() {
                self.group_of.remove(&(*at, group.key.clone()));
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

    /// Takes a signal away before its time.
    fn shed(&mut self, place: u32) {
        self.leave(place);
        self.release(place);
    }

    fn release(&mut self, place: u32) {
        let Some(kept) = self.kept[place as usize].take() else { return };
        self.by_key.remove(&kept.signal.key);
        for mention in &kept.signal.mentions {
            if let Some(object) = mention.object {
                let account = AccountKey { tenant: mention.tenant, object };
                if let Some(places) = self.by_account.get_mut(&account) {
                    places.remove(&place);
                    if places.is_empty() {
                        self.by_account.remove(&account);
                    }
                }
            } else if let Some(name) = &mention.name {
                let name = (mention.tenant, name.clone());
                if let Some(places) = self.by_name.get_mut(&name) {
                    places.remove(&place);
                    if places.is_empty() {
                        self.by_name.remove(&name);
                    }
                }
            }
        }
        self.free.push(place);
    }
}

/// How far back a scenario looks.
fn reach(scenario: &Scenario) -> i64 {
    scenario.absent.iter().map(|a| a.within).max().unwrap_or(0).saturating_add(scenario.span)
}

/// The values of a step that count, as hashes; for a number over values, as millionths.
fn values(signal: &Signal, scenario: &Scenario, step: u16) -> Vec<i128> {
    let fields = &scenario.steps[usize::from(step)].values;
    if let Some(apart) = &scenario.apart {
        return stay(signal, apart);
    }
    if let Shape::Number(..) = scenario.shape {
        let named = signal.fields.iter().filter(|(name, _)| fields.contains(name));
        return named.filter_map(|(_, text)| millionths(text)).collect();
    }
    if scenario.steps[usize::from(step)].role == Role::Match && fields.len() <= 1 {
        let named = signal.fields.iter().filter(|(name, _)| fields.contains(name));
        return named.map(|(_, text)| xxhash_rust::xxh3::xxh3_128(text.as_bytes()) as i128).collect();
    }
    // Several fields count as one value: all of theirs together.
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for (name, text) in signal.fields.iter().filter(|(name, _)| fields.contains(name)) {
        for part in [name, text] {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
    }
    vec![hash.digest128() as i128]
}

/// A place, and the hashes of what must have changed, 0 where the record does not say; nothing where it names no place.
fn stay(signal: &Signal, apart: &Apart) -> Vec<i128> {
    let said = |name: &CompactString| signal.fields.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str());
    let Some(place) = said(&apart.place).and_then(apart::packed) else { return Vec::new() };
    let known = |name| said(name).map_or(0, |text| hash(text.as_bytes()) as i128);
    std::iter::once(place).chain(apart.change.iter().map(known)).collect()
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

/// Whom a signal means, as of its own time.
struct Bound {
    /// (part, account, person).
    accounts: Vec<(Party, AccountKey, AccountKey)>,
    side: Option<Side>,
    home: Option<TenantId>,
}

impl Bound {
    fn of(signal: &Signal, persons: &impl Persons) -> Self {
        let at = signal.key.at;
        let account = |mention: &Mention| match (mention.object, &mention.name) {
            (Some(object), _) => Some(AccountKey { tenant: mention.tenant, object }),
            (None, Some(name)) => persons.account(mention.tenant, Handle::Name(name), at),
            (None, None) => None,
        };
        let accounts: Vec<_> = signal
            .mentions
            .iter()
            .filter_map(|m| account(m).map(|account| (m.party, account, persons.person(account, at))))
            .collect();
        let actor = accounts.iter().find(|(party, ..)| *party == Party::Actor);
        let told =
            actor.map(|(.., person)| if person.tenant == signal.key.tenant { Side::Home } else { Side::Resource });
        let linked = actor.filter(|(_, account, person)| account != person).map(|(.., person)| person.tenant);
        let home = linked.or(signal.home).or_else(|| actor.map(|(.., person)| person.tenant));
        Self { side: signal.side.or(told), home, accounts }
    }

    /// Whether the record lies on that side of the person whom the step is about: of who acted, and where the step is grouped by whom
    /// it was done to, of one of those. Whoever removes a guest is at home where the guest is not.
    fn lies(&self, side: Side, signal: &Signal, scenario: &Scenario, step: u16) -> bool {
        if !scenario.is_about_target(usize::from(step)) {
            return self.side == Some(side);
        }
        let targets = self.accounts.iter().filter(|(party, ..)| *party == Party::Target);
        targets.into_iter().any(|(.., person)| (person.tenant == signal.key.tenant) == (side == Side::Home))
    }

    /// Every group a signal belongs to: one for each way to choose among the values of its keys, sorted.
    fn keys(&self, signal: &Signal, scenario: &Scenario, step: u16) -> Vec<CompactString> {
        let mut keys = vec![CompactString::default()];
        for key in &scenario.keys {
            let mut terms = self.terms(&key[usize::from(step)], signal);
            terms.sort();
            terms.dedup();
            keys = keys.iter().flat_map(|k| terms.iter().map(move |t| format_compact!("{k}{t}\u{1f}"))).collect();
            keys.truncate(GROUPS_MAX * 2);
        }
        keys
    }

    fn terms(&self, term: &Term, signal: &Signal) -> Vec<CompactString> {
        let text = |key: &AccountKey| format_compact!("{}/{}", key.tenant, key.object);
        let of = |party: &Party| {
            let party = *party;
            self.accounts.iter().filter(move |(p, ..)| *p == party)
        };
        match term {
            Term::Person(party) => of(party).map(|(.., person)| text(person)).collect(),
            Term::Account(party) => of(party).map(|(_, account, _)| text(account)).collect(),
            Term::HomeTenant => self.home.iter().map(|home| format_compact!("{home}")).collect(),
            Term::Pair => {
                let foreign = self.home.filter(|home| *home != signal.key.tenant);
                foreign.iter().map(|home| format_compact!("{home}>{}", signal.key.tenant)).collect()
            }
            Term::Field(name) => signal.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect(),
        }
    }
}

mod snapshot;
pub use snapshot::SnapshotError;

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
