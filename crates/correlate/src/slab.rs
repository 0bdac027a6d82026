//! Rows with places that are stable and reused. They lie in pieces of one size, so that holding more never moves what is held.
//! Knows nothing of what it holds.

/// Rows of one piece: enough that the list of pieces stays small, few enough that an engine that holds little is little.
const PIECE: usize = 1 << 10;

/// A slab: places are stable and reused.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    pieces: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a row where one was, or behind all.
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        if let Some(ix) = self.free.pop() {
            self.put(ix, item);
            return ix;
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // The first grows as it needs to: an engine may hold ten rows.
            let room = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(room));
        }
        let at = self.pieces.len() - 1;
        let piece = &mut self.pieces[at];
        piece.push(Some(item));
        (at * PIECE + piece.len() - 1) as u32
    }

    /// Takes a row out for good; its place may be given to another.
    pub(crate) fn remove(&mut self, ix: u32) -> Option<T> {
        let item = self.lift(ix)?;
        self.free.push(ix);
        Some(item)
    }

    /// Takes a row out for as long as others are looked at; [`Slab::put`] must follow.
    pub(crate) fn lift(&mut self, ix: u32) -> Option<T> {
        self.row(ix)?.take()
    }

    /// Puts a row back where it was lifted from.
    pub(crate) fn put(&mut self, ix: u32, item: T) {
        if let Some(row) = self.row(ix) {
            *row = Some(item);
        }
    }

    fn row(&mut self, ix: u32) -> Option<&mut Option<T>> {
        self.pieces.get_mut(ix as usize / PIECE)?.get_mut(ix as usize % PIECE)
    }

    pub(crate) fn get(&self, ix: u32) -> Option<&T> {
        self.pieces.get(ix as usize / PIECE)?.get(ix as usize % PIECE)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, ix: u32) -> Option<&mut T> {
        self.row(ix)?.as_mut()
    }

    /// All rows, by place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0u32..).zip(self.pieces.iter().flatten()).filter_map(|(ix, item)| Some((ix, item.as_ref()?)))
    }

    pub(crate) fn len(&self) -> usize {
        let rows = self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len());
        rows - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_stable_over_pieces_and_reused() {
        let mut slab = Slab::default();
        let count = 2 * PIECE as u32 + 3;
        for n in 0..count {
            assert_eq!(slab.insert(n), n);
        }
        assert_eq!(
            (slab.len(), slab.get(PIECE as u32), slab.get(count)),
            (count as usize, Some(&(PIECE as u32)), None)
        );
        assert_eq!(slab.remove(PIECE as u32 + 1), Some(PIECE as u32 + 1));
        assert_eq!((slab.remove(PIECE as u32 + 1), slab.len()), (None, count as usize - 1));
        assert_eq!(slab.insert(7), PIECE as u32 + 1);
        assert_eq!(slab.lift(3), Some(3));
        slab.put(3, 9);
        assert_eq!((slab.get(3), slab.len()), (Some(&9), count as usize));
        let rows: Vec<(u32, u32)> = slab.iter().map(|(ix, n)| (ix, *n)).collect();
        assert_eq!((rows.len(), rows[PIECE + 1]), (count as usize, (PIECE as u32 + 1, 7)));
    }
}
