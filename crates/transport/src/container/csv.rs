//! CSV as the portals and notebooks export it: each row becomes one JSON object whose values are all text.
//! Must not know which columns mean what.

use crate::read::{Flow, Out, PayloadKind, Source};
use caponier_model::RejectReason;
use csv::{ByteRecord, ErrorKind, Terminator};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

/// What separates fields, in the order in which a tie between equally frequent ones is broken.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Hands over each row as an object keyed by the header. A row whose number of fields is not the header's is refused:
/// its values would stand under the wrong names.
pub(super) fn read(source: Source<'_>, out: &mut Out<'_>) -> Flow {
    let mut raw = source.reader;
    let mut head = Vec::new();
    if let Err(error) = (&mut raw).take(HEADER_BYTES).read_to_end(&mut head) {
        return out.broken(1, &error, &head, source.packed);
    }
    let row_bytes = Rc::new(Cell::new(0));
    let most = out.limits.line_bytes as u64 + READ_AHEAD;
    let delimiter = delimiter_of(&head);
    // With a newline behind the last row too, the line after a row is known, and with it the row's own.
    let whole = Cursor::new(head).chain(raw).chain(&b"\n"[..]);
    let ended = Rc::new(Cell::new(false));
    let guarded = Guarded { inner: whole, since: row_bytes.clone(), ended: ended.clone(), most };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(READ_AHEAD as usize)
        .from_reader(guarded);
    let mut row = ByteRecord::new();
    let mut header: Option<Vec<Vec<u8>>> = None;
    let mut object = Vec::new();
    loop {
        row_bytes.set(0);
        let before = reader.position().line();
        match reader.read_byte_record(&mut row) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => return broken(before, error, &source.packed, out),
        }
        drop_return(&mut row);
        if row.len() == 1 && row.as_slice().is_empty() {
            continue;
        }
        // A quote that is never closed ends with the file, not with a line: the newline behind it is the field's.
        let terminator = u64::from(!ended.get());
        let line = reader.position().line().saturating_sub(terminator + newlines(row.as_slice()));
        let Some(names) = &header else {
            header = Some(names_of(&row));
            continue;
        };
        if row.len() != names.len() {
            let detail = format!("a row of {} fields under a header of {}", row.len(), names.len());
            out.refuse(line, RejectReason::Malformed, &detail, &as_text(&row, delimiter), false)?;
        } else if object_of(names, &row, &mut object) {
            out.payload(line, PayloadKind::Row, &object)?;
        } else {
            let raw = as_text(&row, delimiter);
            out.refuse(line, RejectReason::InvalidUtf8, "a row with bytes that are not UTF-8", &raw, false)?;
        }
    }
}

/// So much of the file is looked at to tell the delimiter.
const HEADER_BYTES: u64 = 64 << 10;

/// Buffer of the CSV reader; it may read so far beyond the row at hand.
const READ_AHEAD: u64 = 256 << 10;

/// Removes the `\r` of a line end from the last field.
fn drop_return(row: &mut ByteRecord) {
    if row.as_slice().ends_with(b"\r") {
        let fields = row.len();
        let last = row.get(fields.saturating_sub(1)).map(<[u8]>::to_vec).unwrap_or_default();
        row.truncate(fields.saturating_sub(1));
        row.push_field(&last[..last.len().saturating_sub(1)]);
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

fn broken(line: u64, error: csv::Error, packed: &Option<&'static str>, out: &mut Out<'_>) -> Flow {
    match error.into_kind() {
        ErrorKind::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<RowTooLong>()) => {
            let detail = format!(
                "a row of more than {} bytes, perhaps a quote that is never closed; the rest of the file is not read",
                out.limits.line_bytes
            );
            out.refuse(line, RejectReason::TooLarge, &detail, &[], true)
        }
        ErrorKind::Io(error) => out.broken(line, &error, &[], *packed),
        other => out.refuse(line, RejectReason::Malformed, &format!("not CSV: {other:?}"), &[], true),
    }
}

/// The delimiter that the first line holds most of, quoted text left out.
fn delimiter_of(head: &[u8]) -> u8 {
    let mut counts = [0usize; DELIMITERS.len()];
    let mut quoted = false;
    for &byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if !quoted => {
                if let Some(i) = DELIMITERS.iter().position(|d| *d == byte) {
                    counts[i] += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    counts.iter().position(|count| *count == most).map_or(b',', |i| DELIMITERS[i])
}

/// Each column's name as a JSON string with its colon. Portals write `TimeGenerated [UTC]` for `TimeGenerated`; a column
/// without a name is `column_<n>`, a name that comes again is `<name>_<n>`, n being the column's number.
fn names_of(header: &ByteRecord) -> Vec<Vec<u8>> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::with_capacity(header.len());
    for (i, field) in header.iter().enumerate() {
        let text = String::from_utf8_lossy(field);
        let text = text.trim();
        let text = text.strip_suffix("[UTC]").map_or(text, str::trim_end);
        let mut name = if text.is_empty() { format!("column_{}", i + 1) } else { text.to_owned() };
        while !taken.insert(name.clone()) {
            name = format!("{name}_{}", i + 1);
        }
        let mut quoted = Vec::with_capacity(name.len() + 3);
        push_text(&mut quoted, &name);
        quoted.push(b':');
        names.push(quoted);
    }
    names
}

/// Writes the row as a JSON object; false where it is not UTF-8.
fn object_of(names: &[Vec<u8>], row: &ByteRecord, object: &mut Vec<u8>) -> bool {
    object.clear();
    object.push(b'{');
    for (name, field) in names.iter().zip(row) {
        let Ok(text) = std::str::from_utf8(field) else { return false };
        if object.len() > 1 {
            object.push(b',');
        }
        object.extend_from_slice(name);
        push_text(object, text);
    }
    object.push(b'}');
    true
}

/// Appends a JSON string.
fn push_text(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut plain = 0;
    for (i, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..i]);
        plain = i + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

/// A refused row as CSV again.
fn as_text(row: &ByteRecord, delimiter: u8) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    // Writing to memory cannot fail, and an empty raw text would still name the row's line.
    let _ = writer.write_byte_record(row);
    let mut text = writer.into_inner().unwrap_or_default();
    text.truncate(text.trim_ascii_end().len());
    text
}

/// Stops a row that never ends: the CSV reader itself would read on as long as there is memory.
struct Guarded<R> {
    inner: R,
    /// Bytes read since the row began.
    since: Rc<Cell<u64>>,
    /// The row at hand needed more than there was.
    ended: Rc<Cell<bool>>,
    most: u64,
}

/// See [`Guarded`].
#[derive(Debug)]
struct RowTooLong;

impl std::fmt::Display for RowTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row longer than allowed")
    }
}

impl std::error::Error for RowTooLong {}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > self.most {
            return Err(io::Error::other(RowTooLong));
        }
        let got = self.inner.read(buf)?;
        self.since.set(self.since.get() + got as u64);
        self.ended.set(got == 0 && !buf.is_empty());
        Ok(got)
    }
}
