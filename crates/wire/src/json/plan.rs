//! Wanted paths, compiled once, filled by one pass over a record. Knows paths and slots, not what they mean.

use super::scan::{Fault, FaultKind, skip_space, string_end, value_end};
use super::value::{Json, unescape};

const NONE: u16 = u16::MAX;
/// Levels that a path may have.
const LEVELS: usize = 8;

/// A set of ASCII-case-folded keys, each with a value, found by a hash of their first and last eight bytes.
#[derive(Debug)]
pub(crate) struct KeyTable<T> {
    heads: Box<[u16]>,
    entries: Vec<KeyEntry<T>>,
    factor: u64,
    shift: u32,
}

#[derive(Debug)]
struct KeyEntry<T> {
    ends: Ends,
    key: Box<[u8]>,
    value: T,
    next: u16,
}

/// The first and the last eight bytes of a key, folded, and its length: up to 16 bytes that is the whole key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ends {
    first: u64,
    last: u64,
    len: usize,
}

/// Setting bit 5 of every byte makes letters lower case. A few signs become others (`@` and a backtick are one): no two
/// keys of any export differ in such a sign only.
const FOLD: u64 = 0x2020_2020_2020_2020;

impl Ends {
    /// Of the key at `start..start + len` in `text`, which may read on behind it.
    #[inline]
    fn new(text: &[u8], start: usize, len: usize) -> Self {
        let word =
            |at: usize| text.get(at..).and_then(|t| t.first_chunk::<8>()).map(|chunk| u64::from_le_bytes(*chunk));
        if len >= 8 {
            let first = word(start).unwrap_or_default() | FOLD;
            let last = word(start + len - 8).unwrap_or_default() | FOLD;
            return Self { first, last, len };
        }
        let first = word(start).unwrap_or_else(|| {
            let rest = text.get(start..).unwrap_or_default();
            rest.iter().take(7).enumerate().fold(0, |word, (i, byte)| word | u64::from(*byte) << (8 * i))
        });
        Self { first: (first | FOLD) & ((1 << (8 * len)) - 1), last: 0, len }
    }

    /// Equality in one comparison: three branches would be guessed wrong three times.
    #[inline]
    const fn same(self, other: Self) -> bool {
        (self.first ^ other.first) | (self.last ^ other.last) | (self.len ^ other.len) as u64 == 0
    }

    #[inline]
    fn bucket(self, factor: u64, shift: u32) -> usize {
        ((self.first ^ self.last.rotate_left(31) ^ self.len as u64).wrapping_mul(factor) >> shift) as usize
    }
}

impl<T> KeyTable<T> {
    /// Builds the table; of equal keys the first is found.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (String, T)>) -> Self {
        let mut entries: Vec<KeyEntry<T>> = Vec::new();
        for (key, value) in pairs {
            let key = key.to_ascii_lowercase().into_bytes();
            entries.push(KeyEntry { ends: Ends::new(&key, 0, key.len()), key: key.into(), value, next: NONE });
        }
        let bits = (entries.len().max(2) * 8).next_power_of_two().trailing_zeros().min(15);
        let shift = 64 - bits;
        let mut factor = 0x9e37_79b9_7f4a_7c15u64;
        let mut best = (usize::MAX, factor);
        for _ in 0..64 {
            let mut used = vec![false; 1 << bits];
            let clashes = entries.iter().filter(|e| std::mem::replace(&mut used[e.ends.bucket(factor, shift)], true));
            best = best.min((clashes.count(), factor));
            if best.0 == 0 {
                break;
            }
            factor = factor.wrapping_mul(0xd129_0d3f_7f4a_7c15) | 1;
        }
        let factor = best.1;
        let mut heads = vec![NONE; 1 << bits].into_boxed_slice();
        for i in (0..entries.len()).rev() {
            let head = &mut heads[entries[i].ends.bucket(factor, shift)];
            entries[i].next = *head;
            *head = i as u16;
        }
        Self { heads, entries, factor, shift }
    }

    /// The value of `key`, in any ASCII case.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&T> {
        self.get_in(key, 0, key.len())
    }

    /// The value of the key that stands at `start..start + len` in `text`.
    #[inline]
    pub(crate) fn get_in(&self, text: &[u8], start: usize, len: usize) -> Option<&T> {
        let ends = Ends::new(text, start, len);
        let mut at = *self.heads.get(ends.bucket(self.factor, self.shift))?;
        while at != NONE {
            let entry = self.entries.get(usize::from(at))?;
            if entry.ends.same(ends) && (len <= 16 || entry.has_middle(text, start)) {
                return Some(&entry.value);
            }
            at = entry.next;
        }
        None
    }
}

impl<T> KeyEntry<T> {
    #[inline]
    fn has_middle(&self, text: &[u8], start: usize) -> bool {
        let to = self.key.len() - 8;
        match (self.key.get(8..to), text.get(start + 8..start + to)) {
            (Some(mine), Some(theirs)) => mine.eq_ignore_ascii_case(theirs),
            _ => false,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Step {
    slot: u16,
    child: u16,
}

/// A compiled list of wanted paths.
#[derive(Debug)]
pub(crate) struct Plan {
    nodes: Vec<KeyTable<Step>>,
}

#[derive(Clone, Copy)]
struct Frame {
    node: u16,
    slot: u16,
    start: usize,
}

impl Plan {
    /// Compiles a list of slots, each with the paths it may be found at (`properties/id`); keys are compared without
    /// regard to ASCII case. Of several values for one slot the first that says something is kept.
    pub(crate) fn new(slots: &[&[&str]]) -> Self {
        let mut levels: Vec<Vec<(String, Step)>> = vec![Vec::new()];
        for (slot, paths) in slots.iter().enumerate() {
            for path in *paths {
                let mut node = 0;
                let mut keys = path.split('/').peekable();
                while let Some(key) = keys.next() {
                    let key = key.to_ascii_lowercase();
                    let found = levels[node].iter().position(|(k, _)| *k == key);
                    let at = found.unwrap_or_else(|| {
                        levels[node].push((key, Step { slot: NONE, child: NONE }));
                        levels[node].len() - 1
                    });
                    if keys.peek().is_none() {
                        levels[node][at].1.slot = slot as u16;
                    } else if levels[node][at].1.child == NONE {
                        levels.push(Vec::new());
                        levels[node][at].1.child = (levels.len() - 1) as u16;
                        node = levels.len() - 1;
                    } else {
                        node = usize::from(levels[node][at].1.child);
                    }
                }
            }
        }
        Self { nodes: levels.into_iter().map(KeyTable::new).collect() }
    }

    /// Fills `slots` from the object in `text`.
    pub(crate) fn extract<'a>(&self, text: &'a str, depth: u32, slots: &mut [Json<'a>]) -> Result<(), Fault> {
        let bytes = text.as_bytes();
        let mut frames = [Frame { node: 0, slot: NONE, start: 0 }; LEVELS];
        let mut level = 0;
        let mut at = skip_space(bytes, 0);
        if bytes.get(at) != Some(&b'{') {
            return Err(root_fault(bytes, at));
        }
        frames[0].start = at;
        let mut node = self.nodes.first();
        at = skip_space(bytes, at + 1);
        let mut empty = bytes.get(at) == Some(&b'}');
        loop {
            if !empty {
                let (end, value) = key_and_value(bytes, at)?;
                let step = node.and_then(|n| find(n, text, at + 1, end));
                let step = step.unwrap_or(Step { slot: NONE, child: NONE });
                if step.child != NONE && bytes.get(value) == Some(&b'{') && level + 1 < LEVELS {
                    level += 1;
                    frames[level] = Frame { node: step.child, slot: step.slot, start: value };
                    node = self.nodes.get(usize::from(step.child));
                    at = skip_space(bytes, value + 1);
                    empty = bytes.get(at) == Some(&b'}');
                    continue;
                }
                let end = match bytes.get(value) {
                    Some(b'"') => string_end(bytes, value + 1)?,
                    _ => value_end(bytes, value, depth.saturating_sub(level as u32))?,
                };
                store(slots, step.slot, text, value, end);
                at = end;
            }
            // After a value: a comma and the next key, or the ends of one or more objects.
            loop {
                at = skip_space(bytes, at);
                match bytes.get(at) {
                    Some(b',') if !empty => {
                        at = skip_space(bytes, at + 1);
                        break;
                    }
                    Some(b'}') => {
                        empty = false;
                        at += 1;
                        store(slots, frames[level].slot, text, frames[level].start, at);
                        if level == 0 {
                            let end = skip_space(bytes, at);
                            return if end == bytes.len() { Ok(()) } else { Err(Fault::here(bytes, end)) };
                        }
                        level -= 1;
                        node = self.nodes.get(usize::from(frames[level].node));
                    }
                    _ => return Err(Fault::here(bytes, at)),
                }
            }
        }
    }
}

fn root_fault(bytes: &[u8], at: usize) -> Fault {
    let whole = value_end(bytes, at, super::scan::DEEPEST).is_ok_and(|end| skip_space(bytes, end) == bytes.len());
    if whole { Fault::new(FaultKind::NotAnObject, at) } else { Fault::here(bytes, at) }
}

/// Where the inside of the key at `at` ends, and where its value starts.
#[inline]
pub(crate) fn key_and_value(bytes: &[u8], at: usize) -> Result<(usize, usize), Fault> {
    if bytes.get(at) != Some(&b'"') {
        return Err(Fault::here(bytes, at));
    }
    let end = string_end(bytes, at + 1)?;
    let colon = if bytes.get(end) == Some(&b':') { end } else { skip_space(bytes, end) };
    if bytes.get(colon) != Some(&b':') {
        return Err(Fault::here(bytes, colon));
    }
    Ok((end - 1, skip_space(bytes, colon + 1)))
}

#[inline]
fn find(node: &KeyTable<Step>, text: &str, start: usize, end: usize) -> Option<Step> {
    if let Some(step) = node.get_in(text.as_bytes(), start, end - start) {
        return Some(*step);
    }
    // A wanted key spelled with escapes: nobody writes it, JSON allows it.
    let key = text.get(start..end)?;
    if key.as_bytes().first() == Some(&b'\\') { node.get(unescape(key).as_bytes()).copied() } else { None }
}

#[inline]
fn store<'a>(slots: &mut [Json<'a>], slot: u16, text: &'a str, start: usize, end: usize) {
    if slot == NONE {
        return;
    }
    if let Some(place) = slots.get_mut(usize::from(slot))
        && (place.raw().is_empty() || place.is_absent())
    {
        *place = Json::exact(text.get(start..end).unwrap_or_default());
    }
}

/// Declares a struct of [`Json`] fields and the [`Plan`] that fills it: `name: "path" | "other/path"`.
///
/// `Name::read(&record)` makes the one pass over a record's text.
macro_rules! fields {
    ($(#[$meta:meta])* struct $name:ident { $($field:ident: $($path:literal)|+),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, Debug)]
        struct $name<'a> { $($field: $crate::json::Json<'a>),+ }

        impl<'a> $name<'a> {
            /// Fills the fields in one pass over the record.
            fn read(record: &$crate::export::Record<'a>) -> Result<Self, caponier_model::Reject> {
                static PLAN: std::sync::LazyLock<$crate::json::Plan> =
                    std::sync::LazyLock::new(|| $crate::json::Plan::new(&[$(&[$($path),+]),+]));
                const SLOTS: usize = [$(stringify!($field)),+].len();
                let mut slots = [$crate::json::Json::ABSENT; SLOTS];
                record.extract(&PLAN, &mut slots)?;
                let [$($field),+] = slots;
                Ok(Self { $($field),+ })
            }
        }
    };
}
pub(crate) use fields;
