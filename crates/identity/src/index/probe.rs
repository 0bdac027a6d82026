//! The questions of the hot path: they allocate nothing and touch as little memory as they can.

use super::Index;
use super::arena::NONE;
use super::fact;
use super::handles::{Mark, hash_account, mark};
use super::record::Record;
use caponier_model::{AccountKey, Binding, EventTime, Guid, Handle, TenantId};
use std::hint::black_box;

/// Probes whose cache misses run side by side: more than a core keeps under way at once, and than a payload has records.
const ABREAST: usize = 32;

/// Of so many who may bear one name the records are fetched beforehand.
const SEVERAL: usize = 4;

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
    /// another, but the memory that they need is fetched for thirty-two at once.
    pub fn persons(&self, probes: &[(AccountKey, EventTime)], out: &mut Vec<AccountKey>) {
        out.reserve(probes.len());
        for probes in probes.chunks(ABREAST) {
            let mut hashes = [0_u32; ABREAST];
            let mut slots = [NONE; ABREAST];
            let (hashes, slots) = (&mut hashes[..probes.len()], &mut slots[..probes.len()]);
            hashes.iter_mut().zip(probes).for_each(|(hash, (account, _))| *hash = hash_account(*account));
            black_box(hashes.iter().fold(0, |touched, hash| touched ^ self.linked.touch(*hash)));
            for (slot, hash) in slots.iter_mut().zip(&*hashes) {
                *slot = self.linked.find(*hash).next().unwrap_or(NONE);
            }
            self.touch_records(slots);
            self.touch_links(slots);
            out.extend(hashes.iter().zip(probes).map(|(hash, (account, at))| {
                let slot = self.linked_slot(*hash, *account);
                slot.and_then(|slot| self.home_of(slot, *at)).unwrap_or(*account)
            }));
        }
    }

    /// Brings records into the cache. What fetches does nothing else: a core looks only so many steps ahead, and what stands between
    /// two fetches keeps the second one waiting for the first.
    fn touch_records(&self, slots: &[u32]) {
        black_box(slots.iter().fold(0, |touched, slot| touched ^ self.record(*slot).map_or(0, |r| r.link)));
    }

    /// The same for the first link of each.
    fn touch_links(&self, slots: &[u32]) {
        let link = |slot: &u32| self.links.get(self.record(*slot)?.link);
        black_box(slots.iter().fold(0, |touched, slot| touched ^ link(slot).map_or(0, |row| row.tenant)));
    }

    /// Brings into the cache what all probes read, while the table is on its way: whoever parsed in between has put it out.
    fn touch_shared(&self) {
        let tenant = self.tenants.first().map_or(0, |tenant| tenant.0.as_u128());
        black_box((tenant, self.parts.touch(), self.records.len(), self.links.len(), self.arena.touch(0)));
    }

    /// Brings into the cache what the entries of marks name: a record each, or a list of slots.
    fn touch_bearers(&self, marks: &[Mark], entries: &[u32]) {
        let bearer = |(mark, entry): (&Mark, &u32)| match self.record(*entry) {
            Some(record) => record.link,
            None => self.handles.listed(*mark, *entry).len() as u32,
        };
        black_box(marks.iter().zip(entries).map(bearer).fold(0, |touched, one| touched ^ one));
    }

    /// The last that a probe by name needs: the first link of who bears the name; the rest of the facts where their beginning did not
    /// show it; the records of the first few where several may bear it.
    fn touch_last(&self, marks: &[Mark], entries: &[u32], shown: &[bool]) {
        let last = |((mark, entry), shown): ((&Mark, &u32), &bool)| {
            let Some(record) = self.record(*entry) else {
                let bearers = self.handles.listed(*mark, *entry).iter().take(SEVERAL);
                return bearers.filter_map(|slot| self.record(*slot)).fold(0, |touched, record| touched ^ record.link);
            };
            let rest = if *shown { 0 } else { record.touch(&self.arena) };
            self.links.get(record.link).map_or(0, |row| row.tenant) ^ u32::from(rest)
        };
        black_box(marks.iter().zip(entries).zip(shown).map(last).fold(0, |touched, one| touched ^ one));
    }

    /// The person that each handle means at its time, appended in order: as [`Index::person_named`], thirty-two at once.
    pub fn persons_named(&self, probes: &[(TenantId, Handle<'_>, EventTime)], out: &mut Vec<Option<AccountKey>>) {
        out.reserve(probes.len());
        for probes in probes.chunks(ABREAST) {
            let mut marks = [Mark::default(); ABREAST];
            let mut slots = [NONE; ABREAST];
            let (marks, slots) = (&mut marks[..probes.len()], &mut slots[..probes.len()]);
            marks.iter_mut().zip(probes).for_each(|(place, (tenant, handle, _))| *place = mark(*tenant, *handle));
            self.touch_shared();
            black_box(marks.iter().fold(0, |touched, mark| touched ^ self.handles.touch(*mark)));
            let mut places = [0; ABREAST];
            places.iter_mut().zip(&*marks).for_each(|(place, mark)| *place = self.handles.near(*mark));
            let behind = places.iter().zip(&*marks).map(|(place, mark)| self.handles.touch_at(*mark, *place));
            black_box(behind.fold(0, |touched, entry| touched ^ entry));
            for ((slot, mark), place) in slots.iter_mut().zip(&*marks).zip(places) {
                *slot = self.handles.entry_from(*mark, place).unwrap_or(NONE);
            }
            self.touch_bearers(marks, slots);
            // What the record does not tell is left for the end.
            let mut shown = [false; ABREAST];
            for ((shown, slot), (tenant, handle, at)) in shown.iter_mut().zip(&*slots).zip(probes) {
                *shown = self.record(*slot).is_some_and(|record| self.shows(record, *tenant, *handle, *at));
            }
            self.touch_last(marks, slots, &shown);
            out.extend(slots.iter().zip(shown).zip(probes).map(|((slot, shown), (tenant, handle, at))| {
                if shown {
                    self.home_of(*slot, *at).or_else(|| self.key(*slot))
                } else {
                    self.person_told_elsewhere(*tenant, *handle, *at)
                }
            }));
        }
    }

    /// [`Index::person_named`], apart from the code that nearly every probe runs, which is the shorter for it.
    #[cold]
    #[inline(never)]
    fn person_told_elsewhere(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<AccountKey> {
        self.person_named(tenant, handle, at)
    }

    /// The one account of the tenant that bears the handle at `at`.
    pub(super) fn meant(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<Meant> {
        if let Handle::Sid(sid) = handle
            && let Some(object) = Guid::from_cloud_sid(sid)
        {
            return Some(Meant::Computed(AccountKey { tenant, object }));
        }
        let mark = mark(tenant, handle);
        let entry = self.handles.entry(mark)?;
        if let Some(record) = self.record(entry)
            && self.shows(record, tenant, handle, at)
        {
            return Some(Meant::Slot(entry));
        }
        let bears =
            |slot: &u32| self.facts_of(*slot).any(|f| f.span.holds(at) && self.bears(*slot, &f, tenant, handle));
        let mut found = self.handles.slots(mark).filter(bears);
        let only = found.next()?;
        found.next().is_none().then_some(Meant::Slot(only))
    }

    /// Does the record itself tell that the account bears the handle then? So it does for the first name of the first fact,
    /// which is the only one of most accounts.
    fn shows(&self, record: &Record, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> bool {
        let Handle::Name(name) = handle else { return false };
        self.tenants.get(record.tenant as usize) == Some(&tenant)
            && fact::shows(record.head(), name, at, record.object, &self.parts)
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
