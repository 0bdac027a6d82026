//! Which accounts may bear a handle: slots by the hash of (tenant, handle). The handle itself stands only in the facts, where
//! whoever asks checks it.

use super::table::Table;
use caponier_model::{AccountFacts, AccountKey, Guid, Handle, TenantId};
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};

/// Marks a number as that of a list; slots are below it.
const MANY: u32 = 1 << 31;

/// What stands for (tenant, handle).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Mark {
    /// Is it a name?
    is_name: bool,
    hash: u32,
}

/// Names in a table of their own: it is what nearly every probe by handle reads, and by itself it is small enough to stay near.
#[derive(Clone, Debug, Default)]
pub(super) struct Handles {
    names: Slots,
    others: Slots,
}

impl Handles {
    /// All of `pairs` at once.
    pub(super) fn of(pairs: Vec<(Mark, u32)>) -> Self {
        let (names, others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(mark, _)| mark.is_name);
        let slots =
            |pairs: Vec<(Mark, u32)>| Slots::of(pairs.into_iter().map(|(mark, slot)| (mark.hash, slot)).collect());
        Self { names: slots(names), others: slots(others) }
    }

    /// How many distinct hashes it holds.
    pub(super) const fn len(&self) -> usize {
        self.names.table.len() + self.others.table.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.names.bytes() + self.others.bytes()
    }

    /// Brings the place of a mark into the cache.
    pub(super) fn touch(&self, mark: Mark) -> u64 {
        self.among(mark).table.touch(mark.hash)
    }

    /// Where the entry of a mark stands, its line being in the cache; and brings the place itself there.
    pub(super) fn near(&self, mark: Mark) -> usize {
        self.among(mark).table.near(mark.hash)
    }

    pub(super) fn touch_at(&self, mark: Mark, place: usize) -> u64 {
        self.among(mark).table.at(place)
    }

    /// [`Handles::entry`] from the place that [`Handles::near`] told.
    pub(super) fn entry_from(&self, mark: Mark, place: usize) -> Option<u32> {
        self.among(mark).table.first_from(place, mark.hash)
    }

    /// The one slot, or the list of them, under a mark.
    pub(super) fn entry(&self, mark: Mark) -> Option<u32> {
        self.among(mark).table.first(mark.hash)
    }

    /// The slots that an entry stands for, sorted.
    pub(super) fn listed(&self, mark: Mark, entry: u32) -> &[u32] {
        if entry & MANY == 0 { &[] } else { self.among(mark).list(entry) }
    }

    /// The slots under a mark, sorted.
    pub(super) fn slots(&self, mark: Mark) -> impl Iterator<Item = u32> {
        let entry = self.entry(mark);
        let list = entry.map_or(&[][..], |entry| self.listed(mark, entry));
        entry.filter(|entry| entry & MANY == 0).into_iter().chain(list.iter().copied())
    }

    pub(super) fn add(&mut self, mark: Mark, slot: u32) {
        if mark.is_name { self.names.add(mark.hash, slot) } else { self.others.add(mark.hash, slot) }
    }

    pub(super) fn remove(&mut self, mark: Mark, slot: u32) {
        if mark.is_name { self.names.remove(mark.hash, slot) } else { self.others.remove(mark.hash, slot) }
    }

    const fn among(&self, mark: Mark) -> &Slots {
        if mark.is_name { &self.names } else { &self.others }
    }
}

/// Slots by hash; one hash has one entry, nearly always a single slot.
#[derive(Clone, Debug, Default)]
struct Slots {
    table: Table,
    /// Slots that share a hash.
    lists: Vec<List>,
    free: Vec<u32>,
}

/// Slots that share a hash, sorted. Two are the rule, and stand here themselves: one look at memory less, and no allocation.
#[derive(Clone, Debug)]
enum List {
    Pair([u32; 2]),
    /// Three at least.
    Many(Vec<u32>),
}

impl List {
    /// Of slots that are sorted already, two at least.
    fn of(slots: Vec<u32>) -> Self {
        if let [one, other] = slots[..] { Self::Pair([one, other]) } else { Self::Many(slots) }
    }

    fn slots(&self) -> &[u32] {
        match self {
            Self::Pair(pair) => pair,
            Self::Many(slots) => slots,
        }
    }

    fn insert(&mut self, slot: u32) {
        let Err(at) = self.slots().binary_search(&slot) else { return };
        match self {
            Self::Pair(pair) => {
                let mut slots = pair.to_vec();
                slots.insert(at, slot);
                *self = Self::Many(slots);
            }
            Self::Many(slots) => slots.insert(at, slot),
        }
    }

    /// Takes a slot out; returns the only one that is left, if one is.
    fn remove(&mut self, slot: u32) -> Option<u32> {
        let at = self.slots().binary_search(&slot).ok()?;
        match self {
            Self::Pair([one, other]) => Some(if at == 0 { *other } else { *one }),
            Self::Many(slots) => {
                slots.remove(at);
                if slots.len() == 2 {
                    *self = Self::of(std::mem::take(slots));
                }
                None
            }
        }
    }

    /// Bytes that it occupies elsewhere.
    const fn bytes(&self) -> usize {
        match self {
            Self::Pair(_) => 0,
            Self::Many(slots) => slots.capacity() * size_of::<u32>(),
        }
    }
}

impl Slots {
    /// All of `pairs` of (hash, slot) at once.
    fn of(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut lists: Vec<List> = Vec::new();
        let entries = pairs.chunk_by(|a, b| a.0 == b.0).filter_map(|same| {
            let (hash, slot) = *same.first()?;
            if same.len() == 1 {
                return Some((hash, slot));
            }
            lists.push(List::of(same.iter().map(|(_, slot)| *slot).collect()));
            Some((hash, MANY | (lists.len() - 1) as u32))
        });
        let table = Table::of(entries);
        Self { table, lists, free: Vec::new() }
    }

    fn bytes(&self) -> usize {
        let lists: usize = self.lists.iter().map(List::bytes).sum();
        self.table.bytes() + self.lists.capacity() * size_of::<List>() + lists
    }

    fn list(&self, number: u32) -> &[u32] {
        self.lists.get((number & !MANY) as usize).map_or(&[], List::slots)
    }

    fn add(&mut self, hash: u32, slot: u32) {
        let known = self.table.first(hash);
        match known {
            None => self.table.insert(hash, slot),
            Some(number) if number & MANY != 0 => {
                if let Some(list) = self.lists.get_mut((number & !MANY) as usize) {
                    list.insert(slot);
                }
            }
            Some(other) if other == slot => {}
            Some(other) => {
                let both = List::Pair([other.min(slot), other.max(slot)]);
                let number = match self.free.pop() {
                    Some(number) => {
                        if let Some(list) = self.lists.get_mut(number as usize) {
                            *list = both;
                        }
                        number
                    }
                    None => {
                        self.lists.push(both);
                        (self.lists.len() - 1) as u32
                    }
                };
                self.table.remove(hash, other);
                self.table.insert(hash, MANY | number);
            }
        }
    }

    fn remove(&mut self, hash: u32, slot: u32) {
        let Some(number) = self.table.first(hash) else { return };
        if number & MANY == 0 {
            self.table.remove(hash, slot);
            return;
        }
        let Some(list) = self.lists.get_mut((number & !MANY) as usize) else { return };
        if let Some(last) = list.remove(slot) {
            self.free.push(number & !MANY);
            self.table.remove(hash, number);
            self.table.insert(hash, last);
        }
    }
}

/// Every handle that names the fact but its own cloud SID, which is computed from the object id.
pub(super) fn handles(facts: &AccountFacts) -> impl Iterator<Item = Handle<'_>> {
    let own = facts.account.object;
    let names = facts.names.iter().map(|n| Handle::Name(n));
    let sids = facts.sids.iter().filter(move |s| !is_cloud_sid_of(s, own)).map(|s| Handle::Sid(s));
    let puids = facts.puids.iter().map(|p| Handle::Puid(p));
    let devices = facts.devices.iter().map(|d| Handle::Device(d));
    names.chain(sids).chain(puids).chain(facts.app.map(Handle::App)).chain(devices)
}

fn is_cloud_sid_of(sid: &str, object: Guid) -> bool {
    Guid::from_cloud_sid(sid) == Some(object)
}

pub(super) fn mark(tenant: TenantId, handle: Handle<'_>) -> Mark {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write_u128(tenant.0.as_u128());
    let (kind, text) = match handle {
        Handle::Name(text) => (0, text),
        Handle::Sid(text) => (1, text),
        Handle::Puid(text) => (2, text),
        Handle::Device(text) => (3, text),
        Handle::App(app) => {
            hasher.write_u128(app.as_u128());
            (4, "")
        }
    };
    hasher.write_u8(kind);
    hasher.write(text.as_bytes());
    Mark { is_name: kind == 0, hash: folded(hasher.finish()) }
}

pub(super) fn hash_account(account: AccountKey) -> u32 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write_u128(account.tenant.0.as_u128());
    hasher.write_u128(account.object.as_u128());
    folded(hasher.finish())
}

const fn folded(hash: u64) -> u32 {
    (hash ^ hash >> 32) as u32
}
