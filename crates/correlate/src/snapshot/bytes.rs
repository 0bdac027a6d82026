//! Bytes of a snapshot: integers, times and texts in few bytes; must not know what they mean.
//!
//! Whole numbers are LEB128. A time is the difference to the time before it. A text or tenant that was written before is its number;
//! GUIDs and hexadecimal digits are packed.

use crate::digits;
use crate::place::{Places, hash};
use caponier_model::{EventTime, Guid, TenantId};
use compact_str::CompactString;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::fmt;

/// Why bytes are no snapshot that this version can go on from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SnapshotError {
    /// The bytes begin as no snapshot of the engine does.
    Foreign,
    /// Another version wrote it.
    Version {
        /// The version that its header names.
        found: u32,
        /// The only one that is read.
        wanted: u32,
    },
    /// It ends early or goes on after its end.
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes that its header promises.
        wanted: u64,
    },
    /// The checksum is not that of the bytes.
    Damaged,
    /// The bytes are whole and yet say what no engine could have written.
    Malformed {
        /// The byte at which it was seen, counted from the first after the header.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// A sighting names an export format that is not among those given.
    Format {
        /// Its name.
        name: CompactString,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a snapshot of the engine"),
            Self::Version { found, wanted } => {
                write!(
                    f,
                    "a snapshot of version {found}, and only version {wanted} is read: read the journal from its start"
                )
            }
            Self::Length { found, wanted } => write!(f, "the snapshot has {found} bytes, its header promises {wanted}"),
            Self::Damaged => f.write_str("the snapshot is damaged: its checksum is not that of its bytes"),
            Self::Malformed { at, what } => write!(f, "the snapshot is malformed at byte {at}: {what}"),
            Self::Format { name } => write!(f, "the snapshot holds records of a format that nobody knows: {name}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// How a text is packed.
const RAW: u8 = 0;
const GUID: u8 = 1;
const HEX: u8 = 2;
const SHA256: u8 = 3;

/// Takes values down.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub out: Vec<u8>,
    /// Texts by number, one behind the other, with where each ends.
    said: (String, Vec<usize>),
    texts: Places,
    tenants: HashMap<TenantId, u64, foldhash::fast::FixedState>,
    clock: i64,
}

impl Writer {
    pub fn byte(&mut self, value: u8) {
        self.out.push(value);
    }

    pub fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    pub fn number(&mut self, value: impl Into<u64>) {
        let mut value = value.into();
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    pub fn signed(&mut self, value: i64) {
        self.number((value << 1 ^ value >> 63) as u64);
    }

    pub fn count(&mut self, value: usize) {
        self.number(value as u64);
    }

    pub fn time(&mut self, time: EventTime) {
        self.signed(time.nanos().wrapping_sub(self.clock));
        self.clock = time.nanos();
    }

    pub fn wide(&mut self, value: u128) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub fn tenant(&mut self, tenant: TenantId) {
        match self.tenants.get(&tenant) {
            Some(number) => self.number(*number),
            None => {
                self.tenants.insert(tenant, self.tenants.len() as u64 + 1);
                self.byte(0);
                self.wide(tenant.0.as_u128());
            }
        }
    }

    pub fn text(&mut self, text: &str) {
        let hash = hash(&text);
        let (said, ends) = &mut self.said;
        let begin = |at: usize| at.checked_sub(1).map_or(0, |before| ends[before]);
        if let Some(at) = self.texts.find(hash, |at| said[begin(at as usize)..ends[at as usize]] == *text) {
            return self.number(at + 1);
        }
        self.texts.insert(hash, ends.len() as u32);
        said.push_str(text);
        ends.push(said.len());
        self.byte(0);
        if let Some(guid) = digits::guid(text) {
            self.byte(GUID);
            self.wide(guid.as_u128());
        } else if let Some(bytes) = text.strip_prefix("sha256:").and_then(unhex) {
            self.byte(SHA256);
            self.count(bytes.len());
            self.out.extend_from_slice(&bytes);
        } else if let Some(bytes) = unhex(text) {
            self.byte(HEX);
            self.count(bytes.len());
            self.out.extend_from_slice(&bytes);
        } else {
            self.byte(RAW);
            self.count(text.len());
            self.out.extend_from_slice(text.as_bytes());
        }
    }

    pub fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.count(items.len());
        items.for_each(|item| write(self, item));
    }
}

/// The bytes of lower-case hexadecimal digits; at least four of them, or packing gains nothing.
fn unhex(text: &str) -> Option<SmallVec<[u8; 32]>> {
    if text.len() < 8 { None } else { digits::packed(text) }
}

/// Reads what a [`Writer`] took down.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    texts: Vec<CompactString>,
    tenants: Vec<TenantId>,
    clock: i64,
}

type Result<T> = std::result::Result<T, SnapshotError>;

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, texts: Vec::new(), tenants: Vec::new(), clock: 0 }
    }

    pub fn fault<T>(&self, what: &'static str) -> Result<T> {
        Err(SnapshotError::Malformed { at: self.at, what })
    }

    pub fn end(&self) -> Result<()> {
        if self.at == self.bytes.len() { Ok(()) } else { self.fault("more bytes than the state has") }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        match end {
            Some(end) => {
                let part = &self.bytes[self.at..end];
                self.at = end;
                Ok(part)
            }
            None => self.fault("the bytes end here"),
        }
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub fn flag(&mut self) -> Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.fault("neither yes nor no"),
        }
    }

    pub fn number(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.fault("a number of more than 64 bits")
    }

    pub fn small(&mut self) -> Result<u32> {
        match u32::try_from(self.number()?) {
            Ok(value) => Ok(value),
            Err(_) => self.fault("a number of more than 32 bits"),
        }
    }

    /// A count of what happened: no engine lives to see half of 64 bits.
    pub fn counter(&mut self) -> Result<u64> {
        let value = self.number()?;
        if value <= u64::MAX / 2 { Ok(value) } else { self.fault("a counter beyond what can be counted") }
    }

    pub fn signed(&mut self) -> Result<i64> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// How many items follow; each takes a byte at least, so that a wrong count cannot ask for memory that there is no need of.
    pub fn count(&mut self) -> Result<usize> {
        match usize::try_from(self.number()?) {
            Ok(count) if count <= self.bytes.len() - self.at => Ok(count),
            _ => self.fault("more items than there are bytes left"),
        }
    }

    /// A number below `bound`, which is how many of something there are.
    pub fn below(&mut self, bound: usize) -> Result<usize> {
        match usize::try_from(self.number()?) {
            Ok(number) if number < bound => Ok(number),
            _ => self.fault("the number of something that is not there"),
        }
    }

    pub fn time(&mut self) -> Result<EventTime> {
        self.clock = self.clock.wrapping_add(self.signed()?);
        Ok(EventTime::from_nanos(self.clock))
    }

    /// Refuses what ended before it began: no sighting that came in by the door does.
    pub fn lasts(&self, first: EventTime, last: EventTime) -> Result<()> {
        if last < first { self.fault("an activity that ends before it begins") } else { Ok(()) }
    }

    pub fn wide(&mut self) -> Result<u128> {
        Ok(self.take(16)?.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)))
    }

    pub fn tenant(&mut self) -> Result<TenantId> {
        match self.number()? {
            0 => {
                let tenant = TenantId(Guid::from_u128(self.wide()?));
                self.tenants.push(tenant);
                Ok(tenant)
            }
            number => match usize::try_from(number - 1).ok().and_then(|n| self.tenants.get(n)) {
                Some(tenant) => Ok(*tenant),
                None => self.fault("a tenant that was not named before"),
            },
        }
    }

    pub fn text(&mut self) -> Result<CompactString> {
        let number = self.number()?;
        if number > 0 {
            return match usize::try_from(number - 1).ok().and_then(|n| self.texts.get(n)) {
                Some(text) => Ok(text.clone()),
                None => self.fault("a text that was not written before"),
            };
        }
        let form = self.byte()?;
        let text: CompactString = match form {
            GUID => digits::guid_text(Guid::from_u128(self.wide()?)),
            HEX | SHA256 => {
                let count = self.count()?;
                digits::unpacked(if form == HEX { "" } else { "sha256:" }, self.take(count)?)
            }
            RAW => {
                let count = self.count()?;
                match std::str::from_utf8(self.take(count)?) {
                    Ok(text) => text.into(),
                    Err(_) => return self.fault("a text that is not UTF-8"),
                }
            }
            _ => return self.fault("a text packed in an unknown way"),
        };
        self.texts.push(text.clone());
        Ok(text)
    }

    pub fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(1 << 16));
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }
}
