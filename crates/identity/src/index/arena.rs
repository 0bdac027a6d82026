//! Bytes of varying length in one buffer, named by a number; what is given back counts as dead until the owner copies the rest.

/// No bytes, no link, no slot.
pub(super) const NONE: u32 = u32::MAX;
/// Places are named in steps of four bytes: 16 GiB at most.
const STEP: usize = 4;
/// Below so many dead bytes nothing is worth copying.
const WORTH: usize = 1 << 16;

/// The buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    dead: usize,
}

impl Arena {
    /// Keeps `bytes`; [`NONE`] when all sixteen gigabytes are taken.
    pub(super) fn put(&mut self, bytes: &[u8]) -> u32 {
        let place = self.bytes.len() / STEP;
        let Some(place) = u32::try_from(place).ok().filter(|p| *p != NONE) else { return NONE };
        make_room(&mut self.bytes, bytes.len() + STEP);
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(STEP), 0);
        place
    }

    /// What begins at `place`, and everything behind it.
    pub(super) fn get(&self, place: u32) -> &[u8] {
        if place == NONE {
            return &[];
        }
        self.bytes.get(place as usize * STEP..).unwrap_or_default()
    }

    /// The first byte at `place`; reading it brings the line into the cache.
    pub(super) fn touch(&self, place: u32) -> u8 {
        self.bytes.get((place as usize).saturating_mul(STEP)).copied().unwrap_or_default()
    }

    /// `length` bytes are not needed any more.
    pub(super) const fn give_back(&mut self, length: usize) {
        self.dead += length.next_multiple_of(STEP);
    }

    /// Is so much dead that the rest should move together?
    pub(super) const fn is_wasteful(&self) -> bool {
        self.dead > WORTH && self.dead > self.bytes.len() / 3
    }

    /// Room for as much as is alive.
    pub(super) fn successor(&self) -> Self {
        Self { bytes: Vec::with_capacity(self.bytes.len().saturating_sub(self.dead)), dead: 0 }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Makes room for `more` items, an eighth of what is there at least: doubling would leave a third of the memory idle.
pub(super) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 8).max(8));
    }
}
