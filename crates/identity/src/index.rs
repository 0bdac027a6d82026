//! The identity index: who an account is at an instant, and which account a name or SID means. Built only from changes;
//! knows nothing of evidence, SQL or incidents.
//!
//! Changes of different things commute: any order of the same changes gives the same answers. Two forms of the *same* thing
//! (an account's fact with one beginning; a link of one satellite, home and beginning) replace each other, so the later wins.

use crate::span::Span;
use caponier_model::{
    AccountFacts, AccountKey, Binding, EventTime, Guid, Handle, IdentityChange, Link, LinkState, Persons, TenantId,
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

/// Accounts, their names and their links. See [`Persons`] for the questions it answers.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Slot by account. Slots are numbered in order of arrival; no answer depends on the number.
    slots: HashMap<AccountKey, u32, FixedState>,
    entries: Vec<Entry>,
    /// Slots by the hash of (tenant, handle): the text itself stands only in the facts, where a probe checks it.
    handles: HashMap<u64, Few, FixedState>,
    links: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    account: AccountKey,
    /// Sorted by beginning.
    facts: Vec<AccountFacts>,
    /// Links from this account, sorted.
    links: Vec<Link>,
    /// Accounts that have a link to this one, sorted, one per link.
    satellites: Vec<AccountKey>,
}

/// The slots that one handle may mean: nearly always one.
#[derive(Clone, Debug)]
enum Few {
    One(u32),
    Many(Vec<u32>),
}

impl Few {
    fn slots(&self) -> &[u32] {
        match self {
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Many(slots) => slots,
        }
    }

    fn add(&mut self, slot: u32) {
        if self.slots().contains(&slot) {
            return;
        }
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, slot]),
            Self::Many(slots) => slots.push(slot),
        }
    }
}

impl Index {
    /// An index that knows nobody: every account is its own person.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many accounts it has heard of.
    pub fn accounts(&self) -> usize {
        self.entries.len()
    }

    /// How many links it holds, in any state.
    pub fn links(&self) -> usize {
        self.links
    }

    /// Every link of one account, in any state, sorted.
    pub fn links_of(&self, account: AccountKey) -> &[Link] {
        self.entry(account).map_or(&[], |e| &e.links)
    }

    /// The accounts that some link, in any state and at any time, joins to `home`; sorted.
    pub fn satellites_of(&self, home: AccountKey) -> Vec<AccountKey> {
        let mut out = self.entry(home).map_or_else(Vec::new, |e| e.satellites.clone());
        out.dedup();
        out
    }

    /// Every fact of one account, in order of time.
    pub fn history_of(&self, account: AccountKey) -> &[AccountFacts] {
        self.entry(account).map_or(&[], |e| &e.facts)
    }

    /// Every account of the tenant that ever bore the handle, sorted.
    pub fn bearers(&self, tenant: TenantId, handle: Handle<'_>) -> Vec<AccountKey> {
        let bears = |e: &&Entry| e.account.tenant == tenant && e.facts.iter().any(|f| names(f, handle));
        let mut out: Vec<_> = self.candidates(tenant, handle).filter(bears).map(|e| e.account).collect();
        out.sort_unstable();
        out
    }

    fn entry(&self, account: AccountKey) -> Option<&Entry> {
        self.slots.get(&account).and_then(|slot| self.entries.get(*slot as usize))
    }

    fn candidates(&self, tenant: TenantId, handle: Handle<'_>) -> impl Iterator<Item = &Entry> {
        let slots = self.handles.get(&hash(tenant, handle)).map_or(&[][..], Few::slots);
        slots.iter().filter_map(|slot| self.entries.get(*slot as usize))
    }

    fn slot(&mut self, account: AccountKey) -> u32 {
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let slot = *self.slots.entry(account).or_insert(next);
        if slot == next {
            self.entries.push(Entry { account, facts: Vec::new(), links: Vec::new(), satellites: Vec::new() });
        }
        slot
    }

    fn apply_facts(&mut self, facts: AccountFacts) -> Vec<AccountKey> {
        let slot = self.slot(facts.account);
        let known = &mut self.entries[slot as usize].facts;
        let at = known.partition_point(|f| f.from < facts.from);
        let old = match known.get_mut(at).filter(|f| f.from == facts.from) {
            Some(same) if *same == facts => return Vec::new(),
            Some(same) => Some(std::mem::replace(same, facts.clone())),
            None => {
                known.insert(at, facts.clone());
                None
            }
        };
        let tenant = facts.account.tenant;
        let mut affected = vec![facts.account];
        for handle in handles(&facts) {
            self.handles.entry(hash(tenant, handle)).or_insert(Few::One(slot)).add(slot);
        }
        // Whoever else bears one of these names becomes ambiguous, or stops being so.
        for handle in old.iter().chain([&facts]).flat_map(handles) {
            let others = self.candidates(tenant, handle);
            affected.extend(others.filter(|e| e.facts.iter().any(|f| names(f, handle))).map(|e| e.account));
        }
        affected.sort_unstable();
        affected.dedup();
        affected
    }

    fn forget(&mut self, account: AccountKey, from: EventTime) -> Vec<AccountKey> {
        let Some(&slot) = self.slots.get(&account) else { return Vec::new() };
        let known = &mut self.entries[slot as usize].facts;
        let Some(at) = known.iter().position(|f| f.from == from) else { return Vec::new() };
        let gone = known.remove(at);
        let mut affected = vec![account];
        for handle in handles(&gone) {
            let others = self.candidates(account.tenant, handle);
            affected.extend(others.filter(|e| e.facts.iter().any(|f| names(f, handle))).map(|e| e.account));
        }
        affected.sort_unstable();
        affected.dedup();
        affected
    }

    fn apply_link(&mut self, link: Link) -> Vec<AccountKey> {
        let affected = pair(link.account, link.home);
        let home = self.slot(link.home);
        let slot = self.slot(link.account);
        let links = &mut self.entries[slot as usize].links;
        match links.iter_mut().find(|l| l.home == link.home && l.from == link.from) {
            Some(same) if *same == link => return Vec::new(),
            Some(same) => *same = link,
            None => {
                self.links += 1;
                let satellites = &mut self.entries[home as usize].satellites;
                satellites.insert(satellites.partition_point(|s| *s < link.account), link.account);
                self.entries[slot as usize].links.push(link);
            }
        }
        self.entries[slot as usize].links.sort_unstable();
        affected
    }

    fn unlink(&mut self, account: AccountKey, home: AccountKey, from: EventTime) -> Vec<AccountKey> {
        let (Some(&slot), Some(&home_slot)) = (self.slots.get(&account), self.slots.get(&home)) else {
            return Vec::new();
        };
        let links = &mut self.entries[slot as usize].links;
        let Some(at) = links.iter().position(|l| l.home == home && l.from == from) else { return Vec::new() };
        links.remove(at);
        self.links -= 1;
        let satellites = &mut self.entries[home_slot as usize].satellites;
        if let Ok(at) = satellites.binary_search(&account) {
            satellites.remove(at);
        }
        pair(account, home)
    }
}

impl Persons for Index {
    /// A cloud SID is computed from the object id, so it names its account even where no directory was seen.
    fn account(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<AccountKey> {
        if let Handle::Sid(sid) = handle
            && let Some(object) = Guid::from_cloud_sid(sid)
        {
            return Some(AccountKey { tenant, object });
        }
        let bears = |f: &AccountFacts| Span { from: f.from, until: f.until }.holds(at) && names(f, handle);
        let mut found = self
            .candidates(tenant, handle)
            .filter(|e| e.account.tenant == tenant && e.facts.iter().any(bears))
            .map(|e| e.account);
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    fn bind(&self, account: AccountKey, at: EventTime) -> Binding {
        let links = self.links_of(account).iter().filter(|l| Span { from: l.from, until: l.until }.holds(at));
        let (mut accepted, mut possible) = (None, Vec::new());
        let mut homes = 0;
        for link in links {
            if link.state == LinkState::Accepted {
                homes += 1;
                accepted = Some(link);
            } else {
                possible.push(link.clone());
            }
        }
        if homes > 1 {
            // Never from one combination, but two combinations may meet here: one home at a time, or none.
            let all = self.links_of(account).iter().filter(|l| Span { from: l.from, until: l.until }.holds(at));
            return Binding { person: account, via: None, possible: all.cloned().collect() };
        }
        Binding { person: accepted.map_or(account, |l| l.home), via: accepted.cloned(), possible }
    }

    fn facts(&self, account: AccountKey, at: EventTime) -> Option<AccountFacts> {
        let facts = self.history_of(account);
        facts.iter().rev().find(|f| Span { from: f.from, until: f.until }.holds(at)).cloned()
    }

    /// For facts the result also names every other account that bears one of the names: what they mean may change with it.
    fn apply(&mut self, change: IdentityChange) -> Vec<AccountKey> {
        match change {
            IdentityChange::Account(facts) => self.apply_facts(facts),
            IdentityChange::Link(link) => self.apply_link(link),
            IdentityChange::Forget(account, from) => self.forget(account, from),
            IdentityChange::Unlink(account, home, from) => self.unlink(account, home, from),
        }
    }
}

fn pair(account: AccountKey, home: AccountKey) -> Vec<AccountKey> {
    let mut both = vec![account, home];
    both.sort_unstable();
    both
}

fn handles(facts: &AccountFacts) -> impl Iterator<Item = Handle<'_>> {
    let names = facts.names.iter().map(|n| Handle::Name(n)).chain(facts.sids.iter().map(|s| Handle::Sid(s)));
    let puids = facts.puids.iter().map(|p| Handle::Puid(p));
    names.chain(puids).chain(facts.app.map(Handle::App)).chain(facts.devices.iter().map(|d| Handle::Device(d)))
}

fn names(facts: &AccountFacts, handle: Handle<'_>) -> bool {
    match handle {
        Handle::Name(name) => facts.names.iter().any(|n| n == name),
        Handle::Sid(sid) => facts.sids.iter().any(|s| s == sid),
        Handle::Puid(puid) => facts.puids.iter().any(|p| p == puid),
        Handle::App(app) => facts.app == Some(app),
        Handle::Device(id) => facts.devices.iter().any(|d| d == id),
    }
}

fn hash(tenant: TenantId, handle: Handle<'_>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    tenant.hash(&mut hasher);
    match handle {
        Handle::Name(text) => (0_u8, text).hash(&mut hasher),
        Handle::Sid(text) => (1_u8, text).hash(&mut hasher),
        Handle::Puid(text) => (2_u8, text).hash(&mut hasher),
        Handle::App(app) => (3_u8, app).hash(&mut hasher),
        Handle::Device(text) => (4_u8, text).hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
