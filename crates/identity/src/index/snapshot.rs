//! The index as bytes, for the checkpoint. Equal contents are equal bytes, whatever the order in which they came: everything is
//! sorted by what it says, nothing by where it stands in memory. Whoever keeps the bytes answers for their being whole; bytes that
//! are not a snapshot are refused, never believed halfway.
//!
//! Format 2: the magic word; the codes of the kinds of evidence; tenants; parts of texts; for each tenant its accounts by object
//! id, each with its history; then links by (satellite, home, beginning), accounts by their number in that order.

use super::arena::{NONE, make_room};
use super::change::{copy_sources, marks};
use super::handles::{Handles, Mark, hash_account};
use super::linked::Linked;
use super::links::{Links, Row};
use super::table::Table;
use super::text::{Cursor, Parts, Piece, put_number};
use super::{Index, Record, fact};
use crate::span::Span;
use caponier_model::{AccountFacts, AccountKey, EventTime, EvidenceKind, Guid, TenantId};
use std::fmt;

const MAGIC: &[u8; 8] = b"CAPIDX\0\x02";

/// Why bytes are no snapshot of an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotError {
    what: &'static str,
    offset: usize,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, offset } = self;
        write!(
            f,
            "the snapshot of the identity index does not hold {what} at byte {offset}; leave it and read the journal from its beginning"
        )
    }
}

impl std::error::Error for SnapshotError {}

impl Index {
    /// The whole index as bytes. Costs one pass over everything and a sort of the accounts.
    pub fn snapshot(&self) -> Vec<u8> {
        let order = self.order();
        let (part_order, part_numbers) = self.part_order(&order);
        let mut out = Vec::with_capacity(self.arena.bytes() + order.len() * 24);
        out.extend_from_slice(MAGIC);
        put_number(&mut out, EvidenceKind::ALL.len() as u64);
        EvidenceKind::ALL.iter().for_each(|kind| put_bytes(kind.code(), &mut out));
        put_number(&mut out, part_order.len() as u64);
        part_order.iter().for_each(|part| put_bytes(part, &mut out));
        let mut renumber = |old: u32| part_numbers.get(old as usize).copied().unwrap_or(NONE);
        let tenants = || order.chunk_by(|a, b| a.0.tenant == b.0.tenant);
        put_number(&mut out, tenants().count() as u64);
        for accounts in tenants() {
            let Some((first, _)) = accounts.first() else { continue };
            out.extend_from_slice(&first.tenant.0.as_u128().to_be_bytes());
            put_number(&mut out, accounts.len() as u64);
            for (account, slot) in accounts {
                out.extend_from_slice(&account.object.as_u128().to_be_bytes());
                self.put_history(*slot, &mut out, &mut renumber);
            }
        }
        self.put_links(&order, &mut out, &mut renumber);
        out
    }

    /// The index that [`Index::snapshot`] wrote down.
    ///
    /// # Errors
    /// The bytes are cut, changed, or of another format.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut reader = Reader { all: bytes.len(), from: Cursor::new(bytes) };
        let magic = reader.from.array();
        reader.require(magic.filter(|m| m == MAGIC), "the mark of its format")?;
        let kinds = reader.count("the kinds of evidence")?;
        let codes = (0..kinds).map(|_| reader.text("a kind of evidence")).collect::<Result<Vec<_>, _>>()?;
        let known = EvidenceKind::ALL.iter().map(|k| k.code()).eq(codes);
        reader.require(known.then_some(()), "the kinds of evidence of this version")?;
        let parts = reader.parts()?;
        let mut index = Self::default();
        let mut pairs = Vec::new();
        for _ in 0..reader.count("tenants")? {
            reader.tenant(&mut index, &parts, &mut pairs)?;
        }
        index.slots = Table::of((0..index.records.len() as u32).filter_map(|s| Some((hash_account(index.key(s)?), s))));
        index.handles = Handles::of(pairs);
        reader.links(&mut index, &parts)?;
        let linked = (0..).zip(&index.records).filter(|(_, r)| r.link != NONE);
        index.linked = Linked::of(linked.filter_map(|(slot, _)| Some((hash_account(index.key(slot)?), slot))));
        let used = !index.records.iter().any(Record::is_blank);
        reader.require(used.then_some(()), "accounts of which something is known")?;
        reader.require((reader.from.left() == 0).then_some(()), "its end")?;
        Ok(index)
    }

    /// Every account and its slot, sorted by account.
    fn order(&self) -> Vec<(AccountKey, u32)> {
        let slots = 0..self.records.len() as u32;
        let mut order: Vec<(AccountKey, u32)> = slots.filter_map(|slot| Some((self.key(slot)?, slot))).collect();
        order.sort_unstable();
        order
    }

    /// The parts in use, sorted, and for each old number its new one.
    fn part_order(&self, order: &[(AccountKey, u32)]) -> (Vec<&str>, Vec<u32>) {
        let mut used = vec![false; self.parts.len()];
        let mut mark = |old: u32| {
            if let Some(used) = used.get_mut(old as usize) {
                *used = true;
            }
            old
        };
        let mut scratch = Vec::new();
        for (_, slot) in order {
            scratch.clear();
            self.put_history(*slot, &mut scratch, &mut mark);
            let first = self.record(*slot).map_or(NONE, |r| r.link);
            for (_, row) in self.links.of(first) {
                self.put_sources_of(row, &mut scratch, &mut mark);
            }
        }
        let mut parts: Vec<(&str, u32)> =
            (0..).zip(&used).filter(|(_, used)| **used).filter_map(|(n, _)| Some((self.parts.get(n)?, n))).collect();
        parts.sort_unstable();
        let mut numbers = vec![NONE; used.len()];
        for (new, (_, old)) in (0..).zip(&parts) {
            if let Some(number) = numbers.get_mut(*old as usize) {
                *number = new;
            }
        }
        (parts.into_iter().map(|(part, _)| part).collect(), numbers)
    }

    fn put_history(&self, slot: u32, out: &mut Vec<u8>, renumber: &mut impl FnMut(u32) -> u32) {
        let start = out.len();
        let history = self.record(slot).and_then(|record| record.history(&self.arena));
        if history.and_then(|mut history| fact::copy_history(&mut history, out, renumber)).is_none() {
            out.truncate(start);
            put_number(out, 0);
        }
    }

    fn put_sources_of(&self, row: &Row, out: &mut Vec<u8>, renumber: &mut impl FnMut(u32) -> u32) {
        let start = out.len();
        if row.sources == NONE || copy_sources(&mut Cursor::new(self.arena.get(row.sources)), out, renumber).is_none() {
            out.truncate(start);
            put_number(out, 0);
        }
    }

    fn put_links(&self, order: &[(AccountKey, u32)], out: &mut Vec<u8>, renumber: &mut impl FnMut(u32) -> u32) {
        let mut numbers = vec![NONE; self.records.len()];
        for (number, (_, slot)) in (0..).zip(order) {
            if let Some(place) = numbers.get_mut(*slot as usize) {
                *place = number;
            }
        }
        put_number(out, self.links() as u64);
        for (number, (_, slot)) in (0_u64..).zip(order) {
            let first = self.record(*slot).map_or(NONE, |r| r.link);
            let home = |row: &Row| {
                let home = AccountKey { tenant: *self.tenants.get(row.tenant as usize)?, object: row.home };
                numbers.get(self.slot(home)? as usize).copied()
            };
            let mut rows: Vec<(u32, EventTime, &Row)> =
                self.links.of(first).filter_map(|(_, row)| Some((home(row)?, row.span.from, row))).collect();
            rows.sort_unstable_by_key(|(home, from, _)| (*home, *from));
            for (home, _, row) in rows {
                put_number(out, number);
                put_number(out, u64::from(home));
                out.push(put_span_form(row.span));
                put_span(row.span, out);
                put_number(out, u64::from(row.confidence));
                out.extend_from_slice(&row.what.to_be_bytes());
                self.put_sources_of(row, out, renumber);
            }
        }
    }
}

fn put_span_form(span: Span) -> u8 {
    fact::time_form(span.from, EventTime::MIN) | fact::time_form(span.until, EventTime::MAX) << 2
}

fn put_span(span: Span, out: &mut Vec<u8>) {
    fact::put_time(fact::time_form(span.from, EventTime::MIN), span.from, out);
    fact::put_time(fact::time_form(span.until, EventTime::MAX), span.until, out);
}

fn put_bytes(text: &str, out: &mut Vec<u8>) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads a snapshot and knows how far it is.
struct Reader<'a> {
    all: usize,
    from: Cursor<'a>,
}

impl<'a> Reader<'a> {
    fn require<T>(&self, found: Option<T>, what: &'static str) -> Result<T, SnapshotError> {
        found.ok_or(SnapshotError { what, offset: self.all - self.from.left() })
    }

    /// A number of things that follow, of which each takes a byte at least.
    fn count(&mut self, what: &'static str) -> Result<usize, SnapshotError> {
        let count = self.from.small().map(|n| n as usize);
        self.require(count.filter(|n| *n <= self.from.left()), what)
    }

    fn text(&mut self, what: &'static str) -> Result<&'a str, SnapshotError> {
        let length = self.count(what)?;
        let text = self.from.bytes(length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        self.require(text, what)
    }

    fn guid(&mut self, what: &'static str) -> Result<Guid, SnapshotError> {
        let bytes = self.from.array();
        self.require(bytes, what).map(|bytes| Guid::from_u128(u128::from_be_bytes(bytes)))
    }

    /// Parts, sorted, each once.
    fn parts(&mut self) -> Result<Parts, SnapshotError> {
        let mut parts = Parts::default();
        let mut last: Option<&str> = None;
        for _ in 0..self.count("parts of texts")? {
            let part = self.text("a part of texts")?;
            let number = parts.intern(part).filter(|_| last.is_none_or(|last| last < part));
            self.require(number, "parts of texts in order")?;
            last = Some(part);
        }
        Ok(parts)
    }

    /// The accounts of one tenant; `pairs` collects the marks of their handles.
    fn tenant(&mut self, index: &mut Index, parts: &Parts, pairs: &mut Vec<(Mark, u32)>) -> Result<(), SnapshotError> {
        let tenant = TenantId(self.guid("a tenant")?);
        let follows = index.tenants.last().is_none_or(|last| *last < tenant);
        self.require(follows.then_some(()), "tenants in order")?;
        let number = index.tenant(tenant);
        let mut last: Option<Guid> = None;
        let mut bytes = Vec::new();
        for _ in 0..self.count("accounts")? {
            let object = self.guid("an account")?;
            self.require(last.is_none_or(|last| last < object).then_some(()), "accounts in order")?;
            last = Some(object);
            let history = self.history(AccountKey { tenant, object }, parts)?;
            make_room(&mut index.records, 1);
            let slot = index.records.len() as u32;
            pairs.extend(marks(&history).into_iter().map(|mark| (mark, slot)));
            let mut record = Record::new(number, object);
            bytes.clear();
            if !history.is_empty() {
                fact::put_history(&history, &mut index.parts, &mut bytes);
            }
            record.keep(&bytes, &mut index.arena);
            index.records.push(record);
        }
        self.require(last, "a tenant with accounts").map(drop)
    }

    fn history(&mut self, account: AccountKey, parts: &Parts) -> Result<Vec<AccountFacts>, SnapshotError> {
        let facts = fact::facts(&mut self.from).map(|fact| fact?.open(account, parts)).collect::<Option<Vec<_>>>();
        let sorted = facts.filter(|facts| facts.is_sorted_by(|a, b| a.from < b.from));
        self.require(sorted, "the facts of an account")
    }

    fn links(&mut self, index: &mut Index, parts: &Parts) -> Result<(), SnapshotError> {
        let count = self.count("links")?;
        index.links = Links::with_capacity(count);
        let mut last = None;
        for _ in 0..count {
            let (mut row, home, sources) = self.link(index, parts)?;
            let order = (row.account, home, row.span.from);
            self.require(last.is_none_or(|last| last < order).then_some(()), "links in order")?;
            last = Some(order);
            let (Some(of), Some(to)) = (index.record(row.account).copied(), index.record(home).copied()) else {
                return self.require(None, "a link between its accounts");
            };
            let (satellite, owner) = (row.account, of.object);
            (row.tenant, row.home) = (to.tenant, to.object);
            row.sources = index.put_sources(&sources, owner);
            let number = index.links.insert(row, of.link, to.satellites);
            if let Some(record) = index.records.get_mut(satellite as usize) {
                record.link = number;
            }
            if let Some(record) = index.records.get_mut(home as usize) {
                record.satellites = number;
            }
        }
        Ok(())
    }

    /// A link without its home, the slot of the home, and the sources.
    fn link(
        &mut self,
        index: &Index,
        parts: &Parts,
    ) -> Result<(Row, u32, Vec<compact_str::CompactString>), SnapshotError> {
        let (account, home) = (self.from.small(), self.from.small());
        let account = self.require(account, "the satellite of a link")?;
        let home = self.require(home, "the home of a link")?;
        let owner = self.require(index.key(account), "the satellite of a link")?.object;
        let form = self.from.byte();
        let form = self.require(form, "the dates of a link")?;
        let begin = fact::time(form & 3, EventTime::MIN, &mut self.from);
        let begin = self.require(begin, "the beginning of a link")?;
        let end = fact::time(form >> 2, EventTime::MAX, &mut self.from);
        let end = self.require(end, "the end of a link")?;
        let mut row = Row::new(account, 0, Guid::ZERO, Span { from: begin, until: end });
        let confidence = self.from.small();
        row.confidence = self.require(confidence, "the confidence of a link")?;
        let what = self.from.array().map(u32::from_be_bytes).filter(|what| super::links::unpack(*what).is_some());
        row.what = self.require(what, "the kinds of a link")?;
        let sources = (0..self.count("the sources of a link")?)
            .map(|_| Piece::read(&mut self.from)?.text(owner, parts))
            .collect::<Option<Vec<_>>>();
        Ok((row, home, self.require(sources, "a source of a link")?))
    }
}
