//! The places of the values of one finding, in one piece of memory: what it is posted under, and what guards count of it.

use crate::posting::ValueIx;

/// Lists of places, one behind the other; their lengths stand in front.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    cells: Box<[u32]>,
}

/// How many lengths.
const HEAD: usize = 4;

impl Posted {
    /// Values with the place of the account of [`crate::bind::Use`] each; what G6 counts, then persons and devices as G2 counts them.
    pub(crate) fn new(uses: &[(ValueIx, ValueIx)], lists: [&[ValueIx]; 3]) -> Self {
        let [counted, persons, devices] = lists;
        let head = [uses.len(), counted.len(), persons.len(), devices.len()].map(|n| n as u32);
        let places = uses.iter().map(|(value, _)| *value).chain(uses.iter().map(|(_, account)| *account));
        let lists = lists.into_iter().flatten().copied();
        let count = HEAD + 2 * uses.len() + counted.len() + persons.len() + devices.len();
        let mut cells = Vec::with_capacity(count);
        cells.extend(head.into_iter().chain(places).chain(lists));
        Self { cells: cells.into_boxed_slice() }
    }

    fn list(&self, at: usize) -> &[ValueIx] {
        let Some((head, cells)) = self.cells.split_first_chunk::<HEAD>() else { return &[] };
        let [uses, counted, persons, devices] = *head;
        // The uses are two lists of one length.
        let (begin, length) = match at {
            0 => (0, uses),
            1 => (uses, uses),
            2 => (2 * uses, counted),
            3 => (2 * uses + counted, persons),
            _ => (2 * uses + counted + persons, devices),
        };
        cells.get(begin as usize..(begin + length) as usize).unwrap_or_default()
    }

    /// What it is posted under, in canonical order.
    pub(crate) fn values(&self) -> &[ValueIx] {
        self.list(0)
    }

    /// The same with the places of accounts.
    pub(crate) fn uses(&self) -> impl ExactSizeIterator<Item = (ValueIx, ValueIx)> {
        self.list(0).iter().copied().zip(self.list(1).iter().copied())
    }

    /// Values that G6 counts.
    pub(crate) fn counted(&self) -> &[ValueIx] {
        self.list(2)
    }

    /// What G2 counts for devices.
    pub(crate) fn persons(&self) -> &[ValueIx] {
        self.list(3)
    }

    /// What G2 counts for accounts.
    pub(crate) fn devices(&self) -> &[ValueIx] {
        self.list(4)
    }
}
