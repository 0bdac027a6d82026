//! Refused records, kept: one JSON object a line, sorted by position, whatever thread met them.

use crate::{Limits, Sorter};
use caponier_model::DeadLetter;
use serde::Serialize;
use std::io::{self, Write};

/// Collects refused records in bounded memory and writes them in order of position.
pub struct DeadLetters {
    sorter: Sorter,
    kept: usize,
}

/// One line of the dead letter file.
#[derive(Serialize)]
struct Line<'a> {
    /// File, or topic and partition.
    source: &'a str,
    /// Line or ordinal, 1-based; 0 where the whole file is meant.
    line: u64,
    /// Index of the record in its payload, 0-based.
    index: u32,
    /// The counted word.
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    truncated: bool,
}

impl DeadLetters {
    /// Empty; keeps at most `limits.kept_bytes` of each record.
    pub fn new(limits: &Limits) -> Self {
        Self { sorter: Sorter::new(limits), kept: limits.kept_bytes }
    }

    /// Adds a refused record.
    ///
    /// # Errors
    /// Spilling fails.
    pub fn push(&mut self, letter: DeadLetter) -> io::Result<()> {
        let line = line(&letter, self.kept)?;
        let position = letter.position;
        let mut key = position.source.as_bytes().to_vec();
        key.push(0); // sorts a name before the names it begins
        key.extend(position.offset.to_be_bytes());
        key.extend(position.index.to_be_bytes());
        self.sorter.push(key, line)
    }

    /// The number of letters.
    pub fn len(&self) -> u64 {
        self.sorter.len()
    }

    /// True where nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.sorter.is_empty()
    }

    /// The letters of several threads as one set.
    #[must_use]
    pub fn merge(parts: Vec<Self>) -> Self {
        let kept = parts.first().map_or(Limits::default().kept_bytes, |p| p.kept);
        Self { sorter: Sorter::merge(parts.into_iter().map(|p| p.sorter).collect()), kept }
    }

    /// Writes the letters as JSON Lines and returns their number.
    ///
    /// # Errors
    /// `out` or the spilled runs fail.
    pub fn write(self, out: &mut dyn Write) -> io::Result<u64> {
        let mut written = 0;
        for pair in self.sorter.finish()? {
            let (_, line) = pair?;
            out.write_all(&line)?;
            out.write_all(b"\n")?;
            written += 1;
        }
        Ok(written)
    }
}

/// One refused record as a line of JSON, without its line end; at most `limits.kept_bytes` of its bytes are kept.
///
/// # Errors
/// None that a letter can cause.
pub fn dead_letter_line(letter: &DeadLetter, limits: &Limits) -> io::Result<Vec<u8>> {
    line(letter, limits.kept_bytes)
}

fn line(letter: &DeadLetter, kept: usize) -> io::Result<Vec<u8>> {
    let DeadLetter { position, reject, raw, truncated } = letter;
    let cut = raw.len() > kept;
    let raw = &raw[..raw.len().min(kept)];
    let text = readable(raw, cut || *truncated);
    let line = Line {
        source: &position.source,
        line: position.offset,
        index: position.index,
        reason: reject.reason.code(),
        format: reject.format,
        detail: &reject.detail,
        raw: text,
        raw_base64: text.is_none().then(|| base64(raw)),
        truncated: cut || *truncated,
    };
    Ok(serde_json::to_vec(&line)?)
}

/// The bytes as text, where they are; a cut through a character at the end of a truncated record does not make them binary.
fn readable(raw: &[u8], truncated: bool) -> Option<&str> {
    match std::str::from_utf8(raw) {
        Ok(text) => Some(text),
        Err(error) if truncated && error.error_len().is_none() => std::str::from_utf8(&raw[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// RFC 4648 base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
