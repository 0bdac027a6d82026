//! The questions of the hot path: they allocate nothing and touch as little memory as they can.

use super::Index;
use super::arena::NONE;
use super::handles::{hash_account, hash_handle};
use caponier_model::{AccountKey, Binding, EventTime, Guid, Handle, TenantId};
use std::hint::black_box;

/// Probes whose cache misses run side by side: more than a core keeps under way at once.
const ABREAST: usize = 16;

/// What a handle means.
pub(super) enum Meant {
    Slot(u32),
    /// Nobody need know the account to know which it is.
    Computed(AccountKey),
}

impl Index {
    /// The person that a handle means at `at`: [`caponier_model::Persons::account`], then the person of that account, without
    /// looking for it twice.
    pub fn person_named(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<AccountKey> {
        let slot = match self.meant(tenant, handle, at)? {
            Meant::Slot(slot) => slot,
            Meant::Computed(account) => match self.linked_slot(hash_account(account), account) {
                Some(slot) => slot,
                None => return Some(account),
            },
        };
        self.home_of(slot, at).or_else(|| self.key(slot))
    }

    /// The person of each account at its time, appended in order: the same as one [`caponier_model::Persons::person`] after
    /// another, but the memory that they need is fetched for sixteen at once.
    pub fn persons(&self, probes: &[(AccountKey, EventTime)], out: &mut Vec<AccountKey>) {
        out.reserve(probes.len());
        for probes in probes.chunks(ABREAST) {
            let mut slots = [NONE; ABREAST];
            let mut hashes = [0_u32; ABREAST];
            let mut touched = 0_u64;
            for (hash, (account, _)) in hashes.iter_mut().zip(probes) {
                *hash = hash_account(*account);
                touched ^= self.linked.touch(*hash);
            }
            for (slot, hash) in slots.iter_mut().zip(&hashes[..probes.len()]) {
                *slot = self.linked.find(*hash).next().unwrap_or(NONE);
                touched ^= self.record(*slot).map_or(0, |r| u64::from(r.link));
            }
            for slot in &slots[..probes.len()] {
                let link = self.record(*slot).map_or(NONE, |r| r.link);
                touched ^= self.links.get(link).map_or(0, |row| u64::from(row.tenant));
            }
            black_box(touched);
            out.extend(hashes.iter().zip(probes).map(|(hash, (account, at))| {
                let slot = self.linked_slot(*hash, *account);
                slot.and_then(|slot| self.home_of(slot, *at)).unwrap_or(*account)
            }));
        }
    }

    /// The person that each handle means at its time, appended in order: as [`Index::person_named`], sixteen at once.
    pub fn persons_named(&self, probes: &[(TenantId, Handle<'_>, EventTime)], out: &mut Vec<Option<AccountKey>>) {
        out.reserve(probes.len());
        for probes in probes.chunks(ABREAST) {
            let mut slots = [NONE; ABREAST];
            let mut touched = 0_u64;
            let mut hashes = [0_u32; ABREAST];
            for (hash, (tenant, handle, _)) in hashes.iter_mut().zip(probes) {
                *hash = hash_handle(*tenant, *handle);
                touched ^= self.handles.touch(*hash);
            }
            for (slot, hash) in slots.iter_mut().zip(&hashes[..probes.len()]) {
                *slot = self.handles.slots(*hash).next().unwrap_or(NONE);
                touched ^= self.record(*slot).map_or(0, |r| u64::from(r.link));
            }
            for slot in &slots[..probes.len()] {
                if let Some(record) = self.record(*slot) {
                    touched ^= u64::from(self.arena.touch(record.history));
                    touched ^= self.links.get(record.link).map_or(0, |row| u64::from(row.tenant));
                }
            }
            black_box(touched);
            out.extend(probes.iter().map(|(tenant, handle, at)| self.person_named(*tenant, *handle, *at)));
        }
    }

    /// The one account of the tenant that bears the handle at `at`.
    pub(super) fn meant(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<Meant> {
        if let Handle::Sid(sid) = handle
            && let Some(object) = Guid::from_cloud_sid(sid)
        {
            return Some(Meant::Computed(AccountKey { tenant, object }));
        }
        let bears =
            |slot: &u32| self.facts_of(*slot).any(|f| f.span.holds(at) && self.bears(*slot, &f, tenant, handle));
        let mut found = self.handles.slots(hash_handle(tenant, handle)).filter(bears);
        let only = found.next()?;
        found.next().is_none().then_some(Meant::Slot(only))
    }

    /// The home that the one accepted link of that instant leads to.
    pub(super) fn home_of(&self, slot: u32, at: EventTime) -> Option<AccountKey> {
        let first = self.record(slot)?.link;
        let mut accepted = self.links.of(first).filter(|(_, row)| row.is_accepted() && row.holds(at));
        let (_, row) = accepted.next()?;
        if accepted.next().is_some() {
            return None;
        }
        Some(AccountKey { tenant: *self.tenants.get(row.tenant as usize)?, object: row.home })
    }

    /// Never from one combination, but two combinations may meet here: one home at a time, or none.
    pub(super) fn binding(&self, account: AccountKey, at: EventTime) -> Binding {
        let slot = self.linked_slot(hash_account(account), account);
        let first = slot.and_then(|slot| self.record(slot)).map_or(NONE, |r| r.link);
        let home = slot.and_then(|slot| self.home_of(slot, at));
        let mut binding = Binding { person: home.unwrap_or(account), via: None, possible: Vec::new() };
        for (_, row) in self.links.of(first).filter(|(_, row)| row.holds(at)) {
            let Some(link) = self.open(row) else { continue };
            if home.is_some() && row.is_accepted() {
                binding.via = Some(link);
            } else {
                binding.possible.push(link);
            }
        }
        binding.possible.sort_unstable();
        binding
    }
}
