//! Links in rows of one cache line each, chained twice: by satellite and by home. Knows no names and no facts.

use super::arena::{NONE, make_room};
use crate::span::Span;
use caponier_model::{EventTime, EvidenceKind, Guid, LinkState};

/// A link. The home's key stands here itself, so that a probe need not go on to the home's record.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Row {
    pub(super) home: Guid,
    pub(super) span: Span,
    /// Number of the home's tenant.
    pub(super) tenant: u32,
    /// Slot of the satellite; [`NONE`] for a row that is free.
    pub(super) account: u32,
    /// The satellite's next link.
    pub(super) next: u32,
    /// The home's next and last satellite.
    forth: u32,
    back: u32,
    pub(super) confidence: u32,
    /// The kinds as bits, and the state in the two highest.
    pub(super) what: u32,
    /// Where the sources stand in the arena.
    pub(super) sources: u32,
}

const _: () = assert!(size_of::<Row>() == 64 && EvidenceKind::ALL.len() <= 30);

const STATES: [LinkState; 3] = [LinkState::Accepted, LinkState::Possible, LinkState::Conflict];
const STATE_SHIFT: u32 = 30;

pub(super) const fn state_number(state: LinkState) -> u32 {
    match state {
        LinkState::Accepted => 0,
        LinkState::Possible => 1,
        LinkState::Conflict => 2,
    }
}

/// State and kinds in one number.
pub(super) fn pack(state: LinkState, kinds: &[EvidenceKind]) -> u32 {
    let bits = (0..).zip(EvidenceKind::ALL).filter(|(_, kind)| kinds.contains(kind));
    bits.fold(state_number(state) << STATE_SHIFT, |what, (bit, _)| what | 1 << bit)
}

/// What [`pack`] packed; the kinds sorted.
pub(super) fn unpack(what: u32) -> Option<(LinkState, Vec<EvidenceKind>)> {
    let state = *STATES.get((what >> STATE_SHIFT) as usize)?;
    if (what & ((1 << STATE_SHIFT) - 1)) >> EvidenceKind::ALL.len() != 0 {
        return None;
    }
    let mut kinds: Vec<EvidenceKind> =
        (0..).zip(EvidenceKind::ALL).filter(|(bit, _)| what >> bit & 1 != 0).map(|(_, kind)| kind).collect();
    kinds.sort_unstable();
    Some((state, kinds))
}

impl Row {
    /// A row that hangs nowhere yet.
    pub(super) const fn new(account: u32, tenant: u32, home: Guid, span: Span) -> Self {
        let (next, forth, back, sources) = (NONE, NONE, NONE, NONE);
        Self { home, span, tenant, account, next, forth, back, confidence: 0, what: 0, sources }
    }

    pub(super) const fn is_accepted(&self) -> bool {
        self.what >> STATE_SHIFT == state_number(LinkState::Accepted)
    }

    pub(super) fn holds(&self, at: EventTime) -> bool {
        self.span.holds(at)
    }
}

/// All links.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    rows: Vec<Row>,
    free: Vec<u32>,
}

impl Links {
    pub(super) const fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.free.capacity() * size_of::<u32>()
    }

    /// Room for `count` rows, where the count is known.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self { rows: Vec::with_capacity(count), free: Vec::new() }
    }

    pub(super) fn get(&self, link: u32) -> Option<&Row> {
        self.rows.get(link as usize)
    }

    pub(super) fn get_mut(&mut self, link: u32) -> Option<&mut Row> {
        self.rows.get_mut(link as usize)
    }

    /// Every row in use.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Row> {
        self.rows.iter_mut().filter(|row| row.account != NONE)
    }

    /// The links of a satellite, from its first.
    pub(super) fn of(&self, first: u32) -> impl Iterator<Item = (u32, &Row)> {
        let step = |link: u32| self.get(link).map(|row| (link, row));
        std::iter::successors(step(first), move |(_, row)| step(row.next))
    }

    /// The links to a home, from its first.
    pub(super) fn to(&self, first: u32) -> impl Iterator<Item = &Row> {
        std::iter::successors(self.get(first), |row| self.get(row.forth))
    }

    /// Puts a row before the satellite's and the home's first, and returns its number, which is both's first now.
    pub(super) fn insert(&mut self, row: Row, of: u32, to: u32) -> u32 {
        let row = Row { next: of, forth: to, back: NONE, ..row };
        let link = match self.free.pop() {
            Some(link) => {
                if let Some(place) = self.rows.get_mut(link as usize) {
                    *place = row;
                }
                link
            }
            None => {
                make_room(&mut self.rows, 1);
                self.rows.push(row);
                (self.rows.len() - 1) as u32
            }
        };
        if let Some(behind) = self.rows.get_mut(to as usize) {
            behind.back = link;
        }
        link
    }

    /// Takes a row out of both chains; `of` and `to` are the satellite's and the home's first before and after.
    pub(super) fn remove(&mut self, link: u32, of: &mut u32, to: &mut u32) {
        let Some(row) = self.rows.get_mut(link as usize) else { return };
        let Row { next, forth, back, .. } = *row;
        row.account = NONE;
        self.free.push(link);
        match self.rows.get_mut(back as usize) {
            Some(before) => before.forth = forth,
            None => *to = forth,
        }
        if let Some(behind) = self.rows.get_mut(forth as usize) {
            behind.back = back;
        }
        if *of == link {
            *of = next;
            return;
        }
        let mut before = *of;
        while let Some(row) = self.rows.get_mut(before as usize) {
            if row.next == link {
                row.next = next;
                return;
            }
            before = row.next;
        }
    }
}
