//! JSON Lines, and JSON documents that span lines (one object or array pretty-printed, or several, one after the other).
//! Must not know what the values mean: it only needs to see where one ends.

use super::Head;
use super::line::{Line, Lines, Rest};
use crate::Limits;
use crate::read::{Flow, Out, PayloadKind, Source};
use caponier_model::RejectReason;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use std::io::{self, Read, Seek, SeekFrom};

/// Hands over each line; a first line that is only the beginning of a JSON value switches to documents.
pub(super) fn read(source: Source<'_>, out: &mut Out<'_>) -> Flow {
    let lines = Lines::new(source.reader, source.line, out.limits);
    // A range is cut from a file that was already seen to be JSON Lines.
    read_lines(lines, !source.ranged, source.packed, out)
}

fn read_lines<R: Read>(mut lines: Lines<R>, mut first: bool, packed: Option<&'static str>, out: &mut Out<'_>) -> Flow {
    let longest = out.limits.line_bytes;
    loop {
        match lines.next() {
            Ok(None) => return Ok(()),
            Ok(Some((number, Line::Whole(line)))) => {
                if is_blank(line) {
                    continue;
                }
                if first && is_opening(line) {
                    let length = line.len();
                    lines.unread(length);
                    return read_document(lines, packed, out);
                }
                first = false;
                out.payload(number, PayloadKind::Line, line)?;
            }
            Ok(Some((number, Line::TooLong(kept, length)))) => {
                first = false;
                let detail = format!("a line of {length} bytes, more than the limit line_bytes of {longest}");
                out.refuse(number, RejectReason::TooLarge, &detail, kept, true)?;
            }
            Err(error) => return out.broken(lines.number(), &error, lines.partial(), packed),
        }
    }
}

/// True where a file holds JSON Lines, judged as [`read`] does; the file is read from its beginning.
pub(crate) fn is_lines(file: &mut std::fs::File, limits: &Limits) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader: Box<dyn Read + '_> = Box::new(&mut *file);
    let head = Head::of(&mut reader);
    if crate::inflate::packing(&head.bytes).is_some()
        || !matches!(super::of_content(&head, super::Container::Json, false, false), Ok(super::Container::Json))
    {
        return Ok(false);
    }
    let mut lines = Lines::new(head.without_mark(reader), 1, limits);
    while let Some((_, line)) = lines.next()? {
        match line {
            Line::Whole(line) if is_blank(line) => {}
            Line::Whole(line) => return Ok(!is_opening(line)),
            Line::TooLong(..) => return Ok(true),
        }
    }
    Ok(true)
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// True for a line that begins a JSON value and leaves it open between two tokens. A line that stops inside a string is a
/// damaged line, since no JSON string spans lines.
fn is_opening(line: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    let open = values.find_map(Result::err).is_some_and(|error| error.classify() == Category::Eof);
    open && !ends_in_string(line)
}

fn ends_in_string(line: &[u8]) -> bool {
    let (mut inside, mut escaped) = (false, false);
    for &byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ => {}
        }
    }
    inside
}

fn read_document<R: Read>(mut lines: Lines<R>, packed: Option<&'static str>, out: &mut Out<'_>) -> Flow {
    let (line, most) = (lines.number(), out.limits.document_bytes);
    match lines.rest(most) {
        Rest::Whole(bytes) => documents(line, bytes, out),
        // Many lines of which only the first is damaged.
        Rest::TooLong(start) if reads_as_lines(start) => read_lines(lines, false, packed, out),
        Rest::TooLong(start) => {
            let detail = format!(
                "one JSON document of more than {most} bytes; write one record a line, or raise the limit document_bytes"
            );
            out.refuse(line, RejectReason::TooLarge, &detail, start, true)
        }
        Rest::Broken(bytes, error) => {
            // What came before the break is worth decoding; whoever decodes it refuses its torn end.
            if !is_blank(bytes) {
                documents(line, bytes, out)?;
            }
            out.broken(line, &error, &[], packed)
        }
    }
}

/// Hands over each top-level value of a text with the number of its first line. From the first fault on, the rest is one
/// payload, unless it reads as JSON Lines: then only its broken lines are lost.
fn documents(mut line: u64, bytes: &[u8], out: &mut Out<'_>) -> Flow {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let mut done = 0;
    loop {
        let start = done + bytes[done..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        line += newlines(&bytes[done..start]);
        match values.next() {
            None => return Ok(()),
            Some(Ok(IgnoredAny)) => {
                let end = values.byte_offset();
                out.payload(line, PayloadKind::Document, &bytes[start..end])?;
                line += newlines(&bytes[start..end]);
                done = end;
            }
            Some(Err(_)) if reads_as_lines(&bytes[start..]) => {
                for text in bytes[start..].split(|b| *b == b'\n') {
                    if !is_blank(text) {
                        out.payload(line, PayloadKind::Line, text.trim_ascii_end())?;
                    }
                    line += 1;
                }
                return Ok(());
            }
            Some(Err(_)) => return out.payload(line, PayloadKind::Document, bytes[start..].trim_ascii_end()),
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// True where at least half of the first lines are complete objects by themselves.
fn reads_as_lines(bytes: &[u8]) -> bool {
    const SAMPLE: usize = 16;
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !is_blank(l)).take(SAMPLE);
    let (mut all, mut whole) = (0, 0);
    for line in lines {
        all += 1;
        let object = line.trim_ascii_start().starts_with(b"{");
        whole += usize::from(object && serde_json::from_slice::<IgnoredAny>(line).is_ok());
    }
    all > 1 && whole * 2 >= all
}
