//! Changes: each costs in proportion to itself, to the history of its account and to how many bear its names.

use super::arena::NONE;
use super::handles::{Mark, handles, hash_account, mark};
use super::links::{Row, pack};
use super::text::{Cursor, Parts, Piece, put_number, put_text};
use super::{Index, Record, fact};
use crate::span::Span;
use caponier_model::{AccountFacts, AccountKey, EventTime, Guid, Handle, Link, TenantId};
use compact_str::CompactString;

impl Index {
    pub(super) fn apply_facts(&mut self, facts: AccountFacts) -> Vec<AccountKey> {
        let slot = self.slot_or_new(facts.account);
        let mut history = self.history(slot);
        let at = history.partition_point(|f| f.from < facts.from);
        let mut old = None;
        let before = marks(&history);
        match history.get_mut(at).filter(|f| f.from == facts.from) {
            Some(same) if *same == facts => return Vec::new(),
            Some(same) => old = Some(std::mem::replace(same, facts.clone())),
            None => history.insert(at, facts.clone()),
        }
        self.rewrite(slot, &before, &history);
        self.touched(slot, old.as_ref(), Some(&facts))
    }

    pub(super) fn forget(&mut self, account: AccountKey, from: EventTime) -> Vec<AccountKey> {
        let Some(slot) = self.slot(account) else { return Vec::new() };
        let mut history = self.history(slot);
        let Some(at) = history.iter().position(|f| f.from == from) else { return Vec::new() };
        let before = marks(&history);
        let gone = history.remove(at);
        self.rewrite(slot, &before, &history);
        let touched = self.touched(slot, Some(&gone), None);
        self.release(slot);
        touched
    }

    pub(super) fn apply_link(&mut self, link: Link) -> Vec<AccountKey> {
        let touched = pair(link.account, link.home);
        let (slot, home) = (self.slot_or_new(link.account), self.slot_or_new(link.home));
        let (Some(of), Some(to)) = (self.record(slot).copied(), self.record(home).copied()) else { return touched };
        let known = self
            .links
            .of(of.link)
            .find(|(_, row)| row.home == to.object && row.tenant == to.tenant && row.span.from == link.from);
        let known = known.map(|(number, row)| (number, self.open(row)));
        if known.as_ref().is_some_and(|(_, old)| old.as_ref() == Some(&link)) {
            return Vec::new();
        }
        let number = match known {
            Some((number, _)) => {
                self.give_back_sources(number);
                number
            }
            None => {
                let row = Row::new(slot, to.tenant, to.object, Span { from: link.from, until: link.until });
                let number = self.links.insert(row, of.link, to.satellites);
                self.linked.insert(hash_account(link.account), slot);
                self.change(slot, |r| r.link = number);
                self.change(home, |r| r.satellites = number);
                number
            }
        };
        let sources = self.put_sources(&link.sources, link.account.object);
        if let Some(row) = self.links.get_mut(number) {
            row.span.until = link.until;
            row.confidence = link.confidence;
            row.what = pack(link.state, &link.kinds);
            row.sources = sources;
        }
        self.compact_if_wasteful();
        touched
    }

    pub(super) fn unlink(&mut self, account: AccountKey, home: AccountKey, from: EventTime) -> Vec<AccountKey> {
        let (Some(slot), Some(home_slot)) = (self.slot(account), self.slot(home)) else { return Vec::new() };
        let (Some(of), Some(to)) = (self.record(slot).copied(), self.record(home_slot).copied()) else {
            return Vec::new();
        };
        let (mut first, mut satellites) = (of.link, to.satellites);
        let is_meant = |row: &Row| row.home == to.object && row.tenant == to.tenant && row.span.from == from;
        let Some((number, _)) = self.links.of(first).find(|(_, row)| is_meant(row)) else { return Vec::new() };
        self.give_back_sources(number);
        self.links.remove(number, &mut first, &mut satellites);
        self.change(slot, |r| r.link = first);
        self.change(home_slot, |r| r.satellites = satellites);
        if first == NONE {
            self.linked.remove(hash_account(account), slot);
        }
        self.release(slot);
        self.release(home_slot);
        self.compact_if_wasteful();
        pair(account, home)
    }

    /// The number of a tenant, a new one where it was never heard of.
    pub(super) fn tenant(&mut self, tenant: TenantId) -> u32 {
        let next = self.tenants.len() as u32;
        let number = *self.numbers.entry(tenant).or_insert(next);
        if number == next {
            self.tenants.push(tenant);
        }
        number
    }

    fn slot_or_new(&mut self, account: AccountKey) -> u32 {
        let hash = hash_account(account);
        if let Some(slot) = self.slot(account) {
            return slot;
        }
        let tenant = self.tenant(account.tenant);
        let slot = self.place(Record::new(tenant, account.object));
        self.slots.insert(hash, slot);
        slot
    }

    fn place(&mut self, record: Record) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.change(slot, |place| *place = record);
            return slot;
        }
        super::arena::make_room(&mut self.records, 1);
        self.records.push(record);
        (self.records.len() - 1) as u32
    }

    fn change(&mut self, slot: u32, how: impl FnOnce(&mut Record)) {
        if let Some(record) = self.records.get_mut(slot as usize) {
            how(record);
        }
    }

    /// Frees the slot of an account of which nothing is known any more.
    fn release(&mut self, slot: u32) {
        let Some(account) = self.key(slot) else { return };
        if self.record(slot).is_some_and(Record::is_blank) {
            self.slots.remove(hash_account(account), slot);
            self.change(slot, |r| r.tenant = NONE);
            self.free.push(slot);
        }
    }

    /// Puts a history in the place of the old one, whose handles had the marks `before`.
    fn rewrite(&mut self, slot: u32, before: &[Mark], history: &[AccountFacts]) {
        let mut bytes = Vec::new();
        if !history.is_empty() {
            fact::put_history(history, &mut self.parts, &mut bytes);
        }
        if let Some(record) = self.records.get_mut(slot as usize) {
            record.set_history(&bytes, &mut self.arena);
        }
        let after = marks(history);
        for gone in before.iter().filter(|h| after.binary_search(h).is_err()) {
            self.handles.remove(*gone, slot);
        }
        for new in after.iter().filter(|h| before.binary_search(h).is_err()) {
            self.handles.add(*new, slot);
        }
        self.compact_if_wasteful();
    }

    /// The account itself, and every other for whom a handle of the old or the new fact may mean something else now.
    fn touched(&self, slot: u32, old: Option<&AccountFacts>, new: Option<&AccountFacts>) -> Vec<AccountKey> {
        let mut out: Vec<AccountKey> = self.key(slot).into_iter().collect();
        for (fact, other) in [(old, new), (new, old)] {
            let Some(fact) = fact else { continue };
            let span = |f: &AccountFacts| Span { from: f.from, until: f.until };
            let stays = other.filter(|o| span(o) == span(fact));
            for handle in handles(fact) {
                if !stays.is_some_and(|o| handles(o).any(|h| h == handle)) {
                    self.others(slot, handle, span(fact), &mut out);
                }
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Who else bears the handle within the span. Where two others bear it all the time, it means nobody with or without this
    /// account, so nobody is touched: a name that very many bear costs no more than one that three bear.
    fn others(&self, slot: u32, handle: Handle<'_>, span: Span, out: &mut Vec<AccountKey>) {
        let Some(tenant) = self.key(slot).map(|key| key.tenant) else { return };
        let (start, mut always) = (out.len(), 0);
        for other in self.handles.slots(mark(tenant, handle)).filter(|other| *other != slot) {
            let (mut within, mut covers) = (false, false);
            for fact in self.facts_of(other).filter(|f| f.span.overlaps(span)) {
                if self.bears(other, &fact, tenant, handle) {
                    within = true;
                    covers |= fact.span.covers(span);
                }
            }
            out.extend(self.key(other).filter(|_| within));
            always += u32::from(covers);
            if always == 2 {
                out.truncate(start);
                return;
            }
        }
    }

    fn give_back_sources(&mut self, link: u32) {
        let place = self.links.get(link).map_or(NONE, |row| row.sources);
        if place != NONE {
            let bytes = self.arena.get(place);
            let mut cursor = Cursor::new(bytes);
            let count = cursor.small().unwrap_or(0);
            (0..count).map_while(|_| Piece::read(&mut cursor)).for_each(|_| ());
            self.arena.give_back(bytes.len() - cursor.left());
        }
    }

    pub(super) fn put_sources(&mut self, sources: &[CompactString], owner: Guid) -> u32 {
        if sources.is_empty() {
            return NONE;
        }
        let mut bytes = Vec::new();
        put_number(&mut bytes, sources.len() as u64);
        sources.iter().for_each(|source| put_text(source, owner, &mut self.parts, &mut bytes));
        self.arena.put(&bytes)
    }

    fn compact_if_wasteful(&mut self) {
        if !self.arena.is_wasteful() {
            return;
        }
        self.compactions += 1;
        let (mut arena, mut parts) = (self.arena.successor(), Parts::default());
        let mut numbers = vec![NONE; self.parts.len()];
        let mut renumber = |old: u32| {
            let Some(number) = numbers.get_mut(old as usize) else { return NONE };
            if *number == NONE {
                *number = self.parts.get(old).and_then(|part| parts.intern(part)).unwrap_or(NONE);
            }
            *number
        };
        let mut bytes = Vec::new();
        for record in self.records.iter_mut().filter(|r| r.tenant != NONE) {
            bytes.clear();
            let Some(mut history) = record.history(&self.arena) else { continue };
            if fact::copy_history(&mut history, &mut bytes, &mut renumber).is_none() {
                bytes.clear();
            }
            record.keep(&bytes, &mut arena);
        }
        for row in self.links.all_mut().filter(|row| row.sources != NONE) {
            bytes.clear();
            let copied = copy_sources(&mut Cursor::new(self.arena.get(row.sources)), &mut bytes, &mut renumber);
            row.sources = copied.map_or(NONE, |()| arena.put(&bytes));
        }
        self.arena = arena;
        self.parts = parts;
    }
}

/// Copies the sources of a link, their parts under other numbers; `None` where they make no sense.
pub(super) fn copy_sources(
    from: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    renumber: &mut impl FnMut(u32) -> u32,
) -> Option<()> {
    let count = from.small()?;
    put_number(out, u64::from(count));
    (0..count).try_for_each(|_| Piece::read(from).map(|piece| piece.write(out, renumber)))
}

/// The marks of every handle of a history, sorted, each once.
pub(super) fn marks(history: &[AccountFacts]) -> Vec<Mark> {
    let each = |f: &AccountFacts| handles(f).map(move |handle| mark(f.account.tenant, handle)).collect::<Vec<_>>();
    let mut out: Vec<Mark> = history.iter().flat_map(each).collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn pair(account: AccountKey, home: AccountKey) -> Vec<AccountKey> {
    let mut both = vec![account, home];
    both.sort_unstable();
    both.dedup();
    both
}
