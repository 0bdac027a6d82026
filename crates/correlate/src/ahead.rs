//! Looking ahead: what a batch will need is looked up for many findings at once before it is used.
//!
//! Nearly all that a finding touches lies somewhere in memory where nobody was for a while: the place of each of its values in the table,
//! the row, its latest entries. One after the other each of them is waited for; in a short loop over many, which does nothing else,
//! the machine fetches several at a time. A look changes nothing and decides nothing: whoever uses a spot still compares.

use crate::bind::Use;
use crate::place;
use crate::posting::{FindingIx, Postings, ValueIx};
use crate::slab::Slab;
use crate::state::Held;
use std::hint::black_box;

/// How many findings are looked at together: few enough that what was fetched for them is still near when it is used.
pub(crate) const AHEAD: usize = 64;

/// How many rows of values are.
pub(crate) const AHEAD_ROWS: usize = 256;

/// Where a value is likely to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    /// The hash under which it stands.
    pub hash: u32,
    /// The first row under that hash, which is nearly always the one; none where there was none when it was looked for.
    pub place: Option<ValueIx>,
}

/// The spots of these values, in their order, with what is there fetched.
pub(crate) fn spots<'u>(uses: impl Iterator<Item = &'u Use>, postings: &Postings, out: &mut Vec<Spot>) {
    out.clear();
    out.extend(uses.map(|used| Spot { hash: place::hash(&used.value), place: None }));
    for spot in &mut *out {
        spot.place = postings.likely(spot.hash);
    }
    glance(out.iter().filter_map(|spot| spot.place), postings);
}

/// Fetches the rows of values.
pub(crate) fn glance(values: impl Iterator<Item = ValueIx>, postings: &Postings) {
    black_box(values.filter_map(|ix| postings.get(ix)).fold(0_u32, |seen, row| seen ^ row.glance()));
}

/// Fetches the rows of findings, their links and what is counted of them.
pub(crate) fn fetch(findings: impl Iterator<Item = FindingIx> + Clone, held: &Slab<Held>) {
    let rows = findings.clone().filter_map(|finding| held.get(finding));
    black_box(rows.fold(0_u32, |seen, row| seen ^ row.group.unwrap_or_default()));
    let rows = findings.filter_map(|finding| held.get(finding));
    let glance = |row: &Held| row.links.last().map_or(0, |link| link.b) ^ row.posted.counted().len() as u32;
    black_box(rows.fold(0_u32, |seen, row| seen ^ glance(row)));
}
