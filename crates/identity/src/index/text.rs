//! Texts in few bytes: what many accounts share (a mail domain, the domain part of a SID, the path of a resource) is kept
//! once and named by number, ids are kept as the bytes that they spell. Knows nothing of accounts.

use super::table::Table;
use caponier_model::Guid;
use compact_str::{CompactString, ToCompactString, format_compact};
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

/// Reads what was written, in one run of bytes or in two, where nothing that is read at once stands in both; every answer is
/// `None` past the end or where bytes make no sense.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    then: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest, then: &[] }
    }

    /// `then` goes on where `first` ends.
    pub(super) const fn of_two(first: &'a [u8], then: &'a [u8]) -> Self {
        Self { rest: first, then }
    }

    /// How many bytes are left.
    pub(super) const fn left(&self) -> usize {
        self.rest.len() + self.then.len()
    }

    /// Goes on to the second run where the first is read.
    const fn turn(&mut self) {
        if self.rest.is_empty() {
            self.rest = self.then;
            self.then = &[];
        }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        self.turn();
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next `count` bytes, for a reader of their own.
    pub(super) fn portion(&mut self, count: usize) -> Option<Self> {
        if let Some((taken, rest)) = self.rest.split_at_checked(count) {
            self.rest = rest;
            return Some(Self::new(taken));
        }
        let (taken, rest) = self.then.split_at_checked(count - self.rest.len())?;
        let portion = Self::of_two(self.rest, taken);
        *self = Self::new(rest);
        Some(portion)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.turn();
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        self.number().and_then(|n| u32::try_from(n).ok())
    }
}

/// Writes what [`Cursor::number`] reads.
pub(super) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Parts that many texts share, each kept once, numbered in order of arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    text: String,
    ends: Vec<u32>,
    by_hash: Table,
}

impl Parts {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>() + self.by_hash.bytes()
    }

    pub(super) fn get(&self, number: u32) -> Option<&str> {
        self.text.get(self.range(number)?)
    }

    /// The same for who compares bytes only.
    pub(super) fn bytes_of(&self, number: u32) -> Option<&[u8]> {
        self.text.as_bytes().get(self.range(number)?)
    }

    fn range(&self, number: u32) -> Option<Range<usize>> {
        let number = number as usize;
        let end = *self.ends.get(number)? as usize;
        let start = if number == 0 { 0 } else { *self.ends.get(number - 1)? as usize };
        Some(start..end)
    }

    /// Brings the first parts, which most texts share, into the cache.
    pub(super) fn touch(&self) -> u32 {
        let byte = self.text.as_bytes().first().copied().unwrap_or_default();
        self.ends.first().copied().unwrap_or_default() ^ u32::from(byte)
    }

    /// The number of a part, which is new where it was never seen; `None` when the four gigabytes of parts are full.
    pub(super) fn intern(&mut self, part: &str) -> Option<u32> {
        let hash = hash(part);
        if let Some(known) = self.by_hash.find(hash).find(|n| self.get(*n) == Some(part)) {
            return Some(known);
        }
        let number = u32::try_from(self.ends.len()).ok().filter(|n| *n < u32::MAX)?;
        let end = u32::try_from(self.text.len() + part.len()).ok()?;
        self.text.push_str(part);
        self.ends.push(end);
        self.by_hash.insert(hash, number);
        Some(number)
    }
}

fn hash(part: &str) -> u32 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(part.as_bytes());
    let hash = hasher.finish();
    (hash ^ hash >> 32) as u32
}

/// A text as it is kept. A text has one form only, so equal texts are equal bytes under equal numbers of parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece<'a> {
    /// As it is. Texts are looked at as bytes until somebody wants to read them.
    Plain(&'a [u8]),
    /// `local@part`.
    Mail(&'a [u8], u32),
    /// `part/rest`.
    Path(u32, &'a [u8]),
    /// `part-number`, of a SID.
    Sid(u32, u32),
    /// The cloud SID of the account it belongs to.
    OwnSid,
    /// A GUID in lower case with dashes.
    Id(Guid),
    /// Pairs of hexadecimal digits, in upper case (also digits alone).
    Upper(&'a [u8]),
    /// Pairs of hexadecimal digits, in lower case.
    Lower(&'a [u8]),
}

/// Lengths from here on follow as a number of their own.
const LONG: usize = 31;

impl<'a> Piece<'a> {
    pub(super) fn read(from: &mut Cursor<'a>) -> Option<Self> {
        let head = from.byte()?;
        let mut length = usize::from(head & 31);
        if length == LONG {
            length = length.checked_add(usize::try_from(from.number()?).ok()?)?;
        }
        Some(match head >> 5 {
            0 => Self::Plain(from.bytes(length)?),
            1 => {
                let part = from.small()?;
                Self::Mail(from.bytes(length)?, part)
            }
            2 => {
                let part = from.small()?;
                Self::Path(part, from.bytes(length)?)
            }
            3 => Self::Sid(from.small()?, from.small()?),
            4 => Self::OwnSid,
            5 => Self::Id(Guid::from_u128(u128::from_be_bytes(from.array()?))),
            6 => Self::Upper(from.bytes(length)?),
            _ => Self::Lower(from.bytes(length)?),
        })
    }

    /// Writes the piece, its part under the number that `renumber` gives.
    pub(super) fn write(self, out: &mut Vec<u8>, renumber: &mut impl FnMut(u32) -> u32) {
        let head = |out: &mut Vec<u8>, tag: u8, length: usize| {
            out.push(tag << 5 | length.min(LONG) as u8);
            if length >= LONG {
                put_number(out, (length - LONG) as u64);
            }
        };
        match self {
            Self::Plain(text) => {
                head(out, 0, text.len());
                out.extend_from_slice(text);
            }
            Self::Mail(text, part) | Self::Path(part, text) => {
                head(out, if matches!(self, Self::Mail(..)) { 1 } else { 2 }, text.len());
                put_number(out, u64::from(renumber(part)));
                out.extend_from_slice(text);
            }
            Self::Sid(part, number) => {
                head(out, 3, 0);
                put_number(out, u64::from(renumber(part)));
                put_number(out, u64::from(number));
            }
            Self::OwnSid => head(out, 4, 0),
            Self::Id(id) => {
                head(out, 5, 0);
                out.extend_from_slice(&id.as_u128().to_be_bytes());
            }
            Self::Upper(bytes) | Self::Lower(bytes) => {
                head(out, if matches!(self, Self::Upper(_)) { 6 } else { 7 }, bytes.len());
                out.extend_from_slice(bytes);
            }
        }
    }

    /// Is it this text? Allocates nothing for the forms of names.
    pub(super) fn is(self, text: &str, owner: Guid, parts: &Parts) -> bool {
        let within = |start: &[u8], between: u8, end: &[u8]| {
            text.len() == start.len() + 1 + end.len()
                && text.as_bytes().split_at_checked(start.len()).is_some_and(|(before, behind)| {
                    behind.split_first().is_some_and(|(b, behind)| *b == between && behind == end) && before == start
                })
        };
        match self {
            Self::Plain(plain) => plain == text.as_bytes(),
            Self::Mail(local, part) => parts.get(part).is_some_and(|part| within(local, b'@', part.as_bytes())),
            Self::Path(part, rest) => parts.get(part).is_some_and(|part| within(part.as_bytes(), b'/', rest)),
            Self::Upper(bytes) | Self::Lower(bytes) => {
                let digits = if matches!(self, Self::Upper(_)) { UPPER } else { LOWER };
                let spelled = bytes.iter().flat_map(|b| digit_pair(*b, digits));
                text.len() == bytes.len() * 2 && spelled.eq(text.bytes())
            }
            Self::Sid(..) | Self::OwnSid | Self::Id(_) => self.text(owner, parts).is_some_and(|t| t == text),
        }
    }

    /// The text; `None` where its part is unknown, or bytes are no text.
    pub(super) fn text(self, owner: Guid, parts: &Parts) -> Option<CompactString> {
        Some(match self {
            Self::Plain(text) => CompactString::from_utf8(text).ok()?,
            Self::Mail(local, part) => joined(str::from_utf8(local).ok()?, '@', parts.get(part)?),
            Self::Path(part, rest) => joined(parts.get(part)?, '/', str::from_utf8(rest).ok()?),
            Self::Sid(part, number) => format_compact!("{}-{number}", parts.get(part)?),
            Self::OwnSid => owner.cloud_sid().into(),
            Self::Id(id) => id.to_compact_string(),
            Self::Upper(bytes) => bytes.iter().flat_map(|b| digit_pair(*b, UPPER)).map(char::from).collect(),
            Self::Lower(bytes) => bytes.iter().flat_map(|b| digit_pair(*b, LOWER)).map(char::from).collect(),
        })
    }
}

/// Writes a text in its one form; `owner` is the object that it belongs to. What finds no room among the parts stays plain.
pub(super) fn put_text(text: &str, owner: Guid, parts: &mut Parts, out: &mut Vec<u8>) {
    let mut same = |number| number;
    if text.len() == 36
        && let Some(id) = Guid::parse(text)
        && id.to_compact_string() == text
    {
        return Piece::Id(id).write(out, &mut same);
    }
    if text.len() >= 8
        && let Some((bytes, upper)) = spelled(text)
    {
        let piece = if upper { Piece::Upper(&bytes) } else { Piece::Lower(&bytes) };
        return piece.write(out, &mut same);
    }
    split(text, owner, parts).unwrap_or(Piece::Plain(text.as_bytes())).write(out, &mut same);
}

fn split<'t>(text: &'t str, owner: Guid, parts: &mut Parts) -> Option<Piece<'t>> {
    if let Some((local, domain)) = text.rsplit_once('@') {
        return parts.intern(domain).map(|part| Piece::Mail(local.as_bytes(), part));
    }
    if let Some((path, rest)) = text.rsplit_once('/') {
        return parts.intern(path).map(|part| Piece::Path(part, rest.as_bytes()));
    }
    if !text.starts_with("S-") {
        return None;
    }
    if text.starts_with("S-1-12-1-") && owner.cloud_sid() == text {
        return Some(Piece::OwnSid);
    }
    let (domain, tail) = text.rsplit_once('-')?;
    let number = tail.parse::<u32>().ok().filter(|n| n.to_compact_string() == tail)?;
    parts.intern(domain).map(|part| Piece::Sid(part, number))
}

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

fn digit_pair(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// The bytes that a text of hexadecimal digits spells, and whether it does so in upper case.
fn spelled(text: &str) -> Option<(Vec<u8>, bool)> {
    let upper = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if !upper && !lower {
        return None;
    }
    let digit = |b: u8| if b.is_ascii_digit() { b - b'0' } else { (b | 0x20) - b'a' + 10 };
    Some((pairs.iter().map(|[a, b]| digit(*a) << 4 | digit(*b)).collect(), upper))
}

fn joined(start: &str, between: char, end: &str) -> CompactString {
    let mut out = CompactString::with_capacity(start.len() + 1 + end.len());
    out.push_str(start);
    out.push(between);
    out.push_str(end);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Guid = Guid::from_u128(0x5289_e9c7_3945_4ffd_8fd3_d561_24ba_f45d);

    #[test]
    fn every_text_comes_back_in_few_bytes() {
        let own = OWNER.cloud_sid();
        let long = "x".repeat(300);
        let cases: [(&str, usize); 22] = [
            ("", 1),
            ("Adele Vance", 12),
            ("adele@contoso.com", 7),
            ("adele_contoso.com#ext#@fabrikam.com", 24),
            ("@", 2),
            ("a@b@c", 5),
            ("S-1-5-21-1-2-3-1104", 4),
            ("S-1-5-21-1-2-3-01104", 21),
            (&own, 1),
            ("S-1-12-1-1-2-3-4", 3),
            ("S-", 3),
            ("5289e9c7-3945-4ffd-8fd3-d56124baf45d", 17),
            ("5289E9C7-3945-4ffd-8fd3-d56124baf45d", 38),
            ("10032001A7F3C9D4", 9),
            ("0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d", 21),
            ("12345678", 5),
            ("0a1B2c3d", 9),
            ("123456789", 10),
            ("/subscriptions/a/virtualmachines/vm1", 5),
            ("Zoë Ångström", 16),
            (&long, 303),
            ("/", 2),
        ];
        let mut parts = Parts::default();
        for (text, size) in cases {
            let mut out = Vec::new();
            put_text(text, OWNER, &mut parts, &mut out);
            assert_eq!(out.len(), size, "{text}");
            let mut cursor = Cursor::new(&out);
            let piece = Piece::read(&mut cursor).unwrap();
            assert_eq!(cursor.left(), 0);
            assert_eq!(piece.text(OWNER, &parts).as_deref(), Some(text));
            for (other, _) in cases {
                assert_eq!(piece.is(other, OWNER, &parts), other == text, "{text} {other}");
            }
            let mut again = Vec::new();
            piece.write(&mut again, &mut |part| part);
            assert_eq!(again, out);
            (0..out.len()).for_each(|cut| assert_eq!(Piece::read(&mut Cursor::new(&out[..cut])), None, "{text} {cut}"));
        }
    }

    #[test]
    fn numbers_come_back_and_overlong_ones_do_not() {
        for value in [0, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, value);
            assert_eq!(Cursor::new(&out).number(), Some(value));
        }
        assert_eq!(Cursor::new(&[0xff; 11]).number(), None);
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).number(), None);
    }
}
