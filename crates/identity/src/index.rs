//! The identity index: who an account is at an instant, and which account a name or SID means. Built only from changes;
//! knows nothing of evidence, SQL or incidents.
//!
//! Changes of different things commute: any order of the same changes gives the same answers and the same snapshot. Two forms of
//! the *same* thing (an account's fact with one beginning; a link of one satellite, home and beginning) replace each other, so
//! the later wins.
//!
//! What a probe touches lies together: tables of hashes (8 bytes an entry), those of names apart from the rest; a record of one
//! cache line for each account, in which its history begins, dates and first name, so that a probe by name is exact without a look
//! elsewhere; a row of one cache line for each link, which names the home itself. What follows in a history lies in one arena without
//! an allocation of its own, domains kept once. Most accounts have no link, which a sieve of a few bits an account tells without a
//! cache miss; the person behind a link is known after three, by object id and by name alike. Where many probes come at once,
//! [`Index::persons`] and [`Index::persons_named`] let those misses run side by side.
//!
//! What that costs `cargo bench -p caponier-benches --bench identity` prints and docs/identity-cost.md tells: 184 bytes an account in
//! memory, every buffer at its capacity, 93 in the snapshot.

mod arena;
mod change;
mod fact;
mod handles;
mod linked;
mod links;
mod probe;
mod record;
mod snapshot;
mod table;
mod text;

pub use snapshot::SnapshotError;

use arena::{Arena, NONE};
use caponier_model::{
    AccountFacts, AccountKey, Binding, EventTime, Guid, Handle, IdentityChange, Link, Persons, TenantId,
};
use compact_str::CompactString;
use fact::RawFact;
use foldhash::fast::FixedState;
use handles::{Handles, hash_account, mark};
use hashbrown::HashMap;
use linked::Linked;
use links::{Links, Row};
use record::Record;
use table::Table;
use text::{Cursor, Parts, Piece};

/// Accounts, their names and their links. See [`Persons`] for the questions it answers. Room for 2^31 accounts and 16 GiB of
/// names; facts beyond are not kept.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Tenants by the number that stands for them.
    tenants: Vec<TenantId>,
    numbers: HashMap<TenantId, u32, FixedState>,
    /// Accounts by slot. No answer depends on the number of a slot.
    records: Vec<Record>,
    free: Vec<u32>,
    /// Slots by the hash of the account's key.
    slots: Table,
    /// The same for accounts that have a link: most have none, and are their own person without a look at anything else.
    linked: Linked,
    links: Links,
    handles: Handles,
    /// Histories of accounts, where they go on after the record, and sources of links.
    arena: Arena,
    parts: Parts,
    compactions: u64,
}

/// Bytes of memory that an index occupies, counting the capacity of every buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Footprint {
    /// Records of accounts and the table that finds them.
    pub accounts: usize,
    /// Rows of links.
    pub links: usize,
    /// The table of names and other handles.
    pub handles: usize,
    /// The arena of names, other facts and sources of links, with what is dead in it.
    pub texts: usize,
    /// Parts of texts that are kept once.
    pub parts: usize,
    /// Distinct handles, for comparison.
    pub distinct_handles: usize,
    /// How often the arena was copied to be rid of what was dead.
    pub compactions: u64,
}

impl Footprint {
    /// All bytes.
    pub const fn total(&self) -> usize {
        self.accounts + self.links + self.handles + self.texts + self.parts
    }
}

impl Index {
    /// An index that knows nobody: every account is its own person.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many accounts it knows something of.
    pub const fn accounts(&self) -> usize {
        self.slots.len()
    }

    /// How many links it holds, in any state.
    pub const fn links(&self) -> usize {
        self.links.len()
    }

    /// Every link of one account, in any state, sorted.
    pub fn links_of(&self, account: AccountKey) -> Vec<Link> {
        let first = self.slot(account).and_then(|slot| self.record(slot)).map_or(NONE, |r| r.link);
        let mut out: Vec<Link> = self.links.of(first).filter_map(|(_, row)| self.open(row)).collect();
        out.sort_unstable();
        out
    }

    /// The accounts that some link, in any state and at any time, joins to `home`; sorted.
    pub fn satellites_of(&self, home: AccountKey) -> Vec<AccountKey> {
        let first = self.slot(home).and_then(|slot| self.record(slot)).map_or(NONE, |r| r.satellites);
        let mut out: Vec<AccountKey> = self.links.to(first).filter_map(|row| self.key(row.account)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Every fact of one account, in order of time.
    pub fn history_of(&self, account: AccountKey) -> Vec<AccountFacts> {
        self.slot(account).map_or_else(Vec::new, |slot| self.history(slot))
    }

    /// Every account of the tenant that ever bore the handle, sorted.
    pub fn bearers(&self, tenant: TenantId, handle: Handle<'_>) -> Vec<AccountKey> {
        let own = match handle {
            Handle::Sid(sid) => Guid::from_cloud_sid(sid).and_then(|object| self.slot(AccountKey { tenant, object })),
            _ => None,
        };
        let mut out: Vec<AccountKey> = self
            .handles
            .slots(mark(tenant, handle))
            .chain(own)
            .filter(|slot| self.facts_of(*slot).any(|f| self.bears(*slot, &f, tenant, handle)))
            .filter_map(|slot| self.key(slot))
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Every account it knows something of, in no order that means anything.
    pub fn all(&self) -> impl Iterator<Item = AccountKey> {
        (0..self.records.len()).filter_map(|slot| self.key(slot as u32))
    }

    /// What it costs to hold.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            accounts: self.records.capacity() * size_of::<Record>()
                + self.free.capacity() * size_of::<u32>()
                + self.slots.bytes()
                + self.linked.bytes(),
            links: self.links.bytes(),
            handles: self.handles.bytes(),
            texts: self.arena.bytes(),
            parts: self.parts.bytes(),
            distinct_handles: self.handles.len(),
            compactions: self.compactions,
        }
    }

    fn record(&self, slot: u32) -> Option<&Record> {
        self.records.get(slot as usize)
    }

    fn slot(&self, account: AccountKey) -> Option<u32> {
        let mut found = self.slots.find(hash_account(account));
        found.find(|slot| self.holds(*slot, account))
    }

    /// The slot of an account that has a link.
    fn linked_slot(&self, hash: u32, account: AccountKey) -> Option<u32> {
        self.linked.find(hash).find(|slot| self.holds(*slot, account))
    }

    fn holds(&self, slot: u32, account: AccountKey) -> bool {
        self.record(slot)
            .is_some_and(|r| r.object == account.object && self.tenants.get(r.tenant as usize) == Some(&account.tenant))
    }

    /// The key of the account in a slot; `None` for a slot that is free.
    fn key(&self, slot: u32) -> Option<AccountKey> {
        let record = self.record(slot)?;
        Some(AccountKey { tenant: *self.tenants.get(record.tenant as usize)?, object: record.object })
    }

    fn facts_of(&self, slot: u32) -> impl Iterator<Item = RawFact<'_>> {
        let history = self.record(slot).and_then(|record| record.history(&self.arena));
        history.into_iter().flat_map(fact::all).flatten()
    }

    fn bears(&self, slot: u32, fact: &RawFact<'_>, tenant: TenantId, handle: Handle<'_>) -> bool {
        self.key(slot).is_some_and(|key| key.tenant == tenant && fact.bears(handle, key.object, &self.parts))
    }

    fn history(&self, slot: u32) -> Vec<AccountFacts> {
        let Some(account) = self.key(slot) else { return Vec::new() };
        self.facts_of(slot).filter_map(|fact| fact.open(account, &self.parts)).collect()
    }

    fn open(&self, row: &Row) -> Option<Link> {
        let account = self.key(row.account)?;
        let home = AccountKey { tenant: *self.tenants.get(row.tenant as usize)?, object: row.home };
        let (state, kinds) = links::unpack(row.what)?;
        let sources = self.sources(row, account.object)?;
        let (from, until) = (row.span.from, row.span.until);
        Some(Link { account, home, state, confidence: row.confidence, kinds, sources, from, until })
    }

    fn sources(&self, row: &Row, owner: Guid) -> Option<Vec<CompactString>> {
        if row.sources == NONE {
            return Some(Vec::new());
        }
        let mut from = Cursor::new(self.arena.get(row.sources));
        let count = from.small()?;
        (0..count).map(|_| Piece::read(&mut from)?.text(owner, &self.parts)).collect()
    }
}

impl Persons for Index {
    /// A cloud SID is computed from the object id, so it names its account even where no directory was seen.
    fn account(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<AccountKey> {
        match self.meant(tenant, handle, at)? {
            probe::Meant::Slot(slot) => self.key(slot),
            probe::Meant::Computed(account) => Some(account),
        }
    }

    fn person(&self, account: AccountKey, at: EventTime) -> AccountKey {
        self.linked_slot(hash_account(account), account).and_then(|slot| self.home_of(slot, at)).unwrap_or(account)
    }

    fn bind(&self, account: AccountKey, at: EventTime) -> Binding {
        self.binding(account, at)
    }

    fn facts(&self, account: AccountKey, at: EventTime) -> Option<AccountFacts> {
        let slot = self.slot(account)?;
        self.facts_of(slot).filter(|f| f.span.holds(at)).last()?.open(account, &self.parts)
    }

    /// For facts the result also names every other account for which one of the names may mean something else now.
    fn apply(&mut self, change: IdentityChange) -> Vec<AccountKey> {
        match change {
            IdentityChange::Account(facts) => self.apply_facts(facts),
            IdentityChange::Link(link) => self.apply_link(link),
            IdentityChange::Forget(account, from) => self.forget(account, from),
            IdentityChange::Unlink(account, home, from) => self.unlink(account, home, from),
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "index/model_tests.rs"]
mod model_tests;
