//! Reading one input: open it, look through its compression, see what it holds, and hand payloads to a sink.
//! Must not know what a payload means.

use crate::container::{self, Container, Head};
use crate::inflate::{self, Counted};
use crate::{Input, Limits};
use caponier_model::{DeadLetter, Position, Reject, RejectReason};
use std::fs::File;
use std::io::{self, Read as _, Seek, SeekFrom};
use std::sync::Arc;

/// The bytes of one line, document, row or message. They hold one or more records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload<'a> {
    /// The bytes, without line end and byte order mark. Never empty; not checked for UTF-8 nor for JSON.
    pub bytes: &'a [u8],
    /// Number of its first line in text (1-based), ordinal of the row or message elsewhere (1-based).
    pub offset: u64,
    /// How it was framed.
    pub kind: PayloadKind,
}

/// How a payload was framed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PayloadKind {
    /// A line of JSON Lines.
    Line,
    /// A JSON value that spans lines.
    Document,
    /// A row of CSV or Parquet as one JSON object; the values of CSV are all text.
    Row,
    /// The body of an Event Hubs message.
    Message,
}

/// What a reader hands to its sink, in file order.
#[derive(Debug)]
pub enum Item<'a> {
    /// Bytes to decode.
    Payload(Payload<'a>),
    /// Bytes that never become a payload; each counts as one record read.
    Refused(DeadLetter),
}

/// What reading one input came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Bytes read from disk.
    pub bytes: u64,
    /// Bytes after decompression; equal to `bytes` where nothing was compressed.
    pub inflated: u64,
    /// Payloads handed over.
    pub payloads: u64,
    /// Refusals handed over.
    pub refused: u64,
}

/// Reads an input from beginning to end with bounded memory, handing each payload and each refusal to `sink`.
///
/// Faults of the input never end in an error: what cannot be read is handed over as [`Item::Refused`], with what was
/// readable before it.
///
/// # Errors
/// Only what `sink` returns; it ends the reading.
pub fn read<E>(input: &Input, limits: &Limits, sink: &mut dyn FnMut(Item<'_>) -> Result<(), E>) -> Result<Tally, E> {
    let mut failed = None;
    let mut erased = |item: Item<'_>| {
        sink(item).map_err(|error| {
            failed = Some(error);
            Halt
        })
    };
    let mut out = Out { name: &input.name, limits, tally: Tally::default(), sink: &mut erased };
    let halted = open(input, limits, &mut out).is_err();
    let tally = out.tally;
    match failed {
        Some(error) if halted => Err(error),
        _ => Ok(tally),
    }
}

/// The sink wants no more.
pub(crate) struct Halt;

/// Whether to go on.
pub(crate) type Flow = Result<(), Halt>;

/// Where a container's reader puts what it finds.
pub(crate) struct Out<'s> {
    name: &'s Arc<str>,
    /// The limits in force.
    pub limits: &'s Limits,
    tally: Tally,
    sink: &'s mut dyn FnMut(Item<'_>) -> Flow,
}

impl Out<'_> {
    /// Hands over one payload.
    pub fn payload(&mut self, offset: u64, kind: PayloadKind, bytes: &[u8]) -> Flow {
        self.tally.payloads += 1;
        (self.sink)(Item::Payload(Payload { bytes, offset, kind }))
    }

    /// Notes that a file of this size was read by other means than its stream.
    pub fn read_whole(&mut self, bytes: u64) {
        self.tally.bytes = bytes;
    }

    /// Hands over one refusal; `raw` is cut at the limit, `cut` says that it already was.
    pub fn refuse(&mut self, offset: u64, reason: RejectReason, detail: &str, raw: &[u8], cut: bool) -> Flow {
        self.tally.refused += 1;
        let kept = &raw[..raw.len().min(self.limits.kept_bytes)];
        (self.sink)(Item::Refused(DeadLetter {
            position: Position { source: self.name.clone(), offset, index: 0 },
            reject: Reject::new(reason, detail),
            raw: kept.to_vec(),
            truncated: cut || kept.len() < raw.len(),
        }))
    }

    /// Hands over the end of a stream that cannot be read further.
    pub fn broken(&mut self, offset: u64, error: &io::Error, raw: &[u8], packed: Option<&str>) -> Flow {
        let (reason, detail) = match packed {
            // An error of the operating system below a decoder is still the disk's.
            Some(packing) if error.raw_os_error().is_none() => {
                (RejectReason::BadContainer, format!("{packing} stream cannot be read to its end: {error}"))
            }
            _ => (RejectReason::Unreadable, format!("the file cannot be read to its end: {error}")),
        };
        self.refuse(offset, reason, &detail, raw, true)
    }
}

/// What a container's reader reads from.
pub(crate) struct Source<'a> {
    /// The bytes, decompressed, byte order mark removed.
    pub reader: Box<dyn io::Read + 'a>,
    /// The name of the compression, for messages.
    pub packed: Option<&'static str>,
    /// The file itself, for containers that need to seek; only where nothing was compressed.
    pub file: Option<File>,
    /// Number of the first line.
    pub line: u64,
    /// True for a range of JSON Lines.
    pub ranged: bool,
}

fn open(input: &Input, limits: &Limits, out: &mut Out<'_>) -> Flow {
    let file = match open_file(input) {
        Ok(file) => file,
        Err(error) => {
            let detail = format!("cannot be opened: {error}; check the path and the permissions");
            return out.refuse(0, RejectReason::Unreadable, &detail, &[], false);
        }
    };
    let seekable = file.try_clone().ok();
    let on_disk = Counted::default();
    let length = input.range.map_or(u64::MAX, |r| r.end - r.start);
    let mut raw: Box<dyn io::Read> = Box::new(on_disk.of(file.take(length)));
    let inflated = Counted::default();
    let mut head = Head::of(&mut raw);
    let flow = match inflate::packing(&head.bytes) {
        None => choose(input, head, raw, None, seekable, out),
        Some(packing) => match packing.open(head.then(raw), &on_disk, limits) {
            Err(error) => out.broken(0, &error, &head.bytes, Some(packing.name)),
            Ok(decoder) => {
                let mut decoder: Box<dyn io::Read> = Box::new(inflated.of(decoder));
                let inner = Head::of(&mut decoder);
                choose(input, inner, decoder, Some(packing.name), None, out)
            }
        },
    };
    out.tally.bytes = out.tally.bytes.max(on_disk.get());
    out.tally.inflated = if inflated.get() > 0 { inflated.get() } else { out.tally.bytes };
    flow
}

fn open_file(input: &Input) -> io::Result<File> {
    let mut file = File::open(&input.path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a folder where a file was expected"));
    }
    if let Some(range) = input.range {
        file.seek(SeekFrom::Start(range.start))?;
    }
    Ok(file)
}

/// What the first bytes are decides; the name only where they leave it open.
fn choose(
    input: &Input,
    head: Head,
    rest: Box<dyn io::Read + '_>,
    packed: Option<&'static str>,
    file: Option<File>,
    out: &mut Out<'_>,
) -> Flow {
    let line = input.range.map_or(1, |r| r.line);
    let ranged = input.range.is_some();
    let promised = Container::of_name(&input.name);
    match container::of_content(&head, promised, packed.is_some(), Container::is_packed_name(&input.name)) {
        Err((reason, detail)) if !ranged => out.refuse(0, reason, &detail, &head.bytes, true),
        found => {
            let row = container::row(found.unwrap_or(Container::Json));
            let source = Source { reader: head.without_mark(rest), packed, file, line, ranged };
            (row.read)(source, out)
        }
    }
}
