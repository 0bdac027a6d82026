//! What stands of an account in one cache line: its key, where its links begin, and the beginning of its history, which is what a
//! probe by name checks. Knows no table and no change.

use super::arena::{Arena, NONE};
use super::fact;
use super::text::Cursor;
use caponier_model::Guid;

/// Bytes of the history that stand in the record: the dates and a name of twenty letters before its domain.
const HEAD: usize = 31;

/// An account.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Record {
    pub(super) object: Guid,
    /// Number of the tenant; [`NONE`] for a slot that is free.
    pub(super) tenant: u32,
    /// Its first link to a home.
    pub(super) link: u32,
    /// The first link of a satellite to it.
    pub(super) satellites: u32,
    /// Where its history goes on in the arena; [`NONE`] where the head is all of it.
    rest: u32,
    head: [u8; HEAD],
    /// Bytes of the head in use.
    length: u8,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// An account of which nothing is known yet.
    pub(super) const fn new(tenant: u32, object: Guid) -> Self {
        let (link, satellites, rest) = (NONE, NONE, NONE);
        Self { object, tenant, link, satellites, rest, head: [0; HEAD], length: 0 }
    }

    /// Is there any fact?
    pub(super) const fn has_history(&self) -> bool {
        self.length > 0 || self.rest != NONE
    }

    /// Is nothing known of it any more?
    pub(super) const fn is_blank(&self) -> bool {
        !self.has_history() && self.link == NONE && self.satellites == NONE
    }

    /// The history as [`fact::put_history`] wrote it; `None` where there is none.
    pub(super) fn history<'a>(&'a self, arena: &'a Arena) -> Option<Cursor<'a>> {
        self.has_history().then(|| Cursor::of_two(self.head(), arena.get(self.rest)))
    }

    /// The beginning of the history, as far as it stands here.
    pub(super) fn head(&self) -> &[u8] {
        self.head.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Brings what does not stand here into the cache.
    pub(super) fn touch(&self, arena: &Arena) -> u8 {
        arena.touch(self.rest)
    }

    /// Puts the bytes of a history in the place of the old one, or none.
    pub(super) fn set_history(&mut self, bytes: &[u8], arena: &mut Arena) {
        if let Some(old) = self.history(arena) {
            let rest = fact::length(old).saturating_sub(usize::from(self.length));
            arena.give_back(rest);
        }
        self.keep(bytes, arena);
    }

    /// The same where the old one stands in no arena any more.
    pub(super) fn keep(&mut self, bytes: &[u8], arena: &mut Arena) {
        let (head, rest) = bytes.split_at_checked(fact::seam(bytes, HEAD)).unwrap_or((&[], bytes));
        (self.head, self.length, self.rest) = ([0; HEAD], 0, NONE);
        if !rest.is_empty() {
            self.rest = arena.put(rest);
            if self.rest == NONE {
                return;
            }
        }
        if let Some(place) = self.head.get_mut(..head.len()) {
            place.copy_from_slice(head);
            self.length = head.len() as u8;
        }
    }
}
