//! Lines out of large blocks. A complete line is handed out where it was read, without a copy; memory never grows beyond
//! the longest line allowed. Must not know what a line holds.

use crate::Limits;
use std::io::{self, Read};

/// Reads lines.
pub(super) struct Lines<R> {
    reader: R,
    buf: Vec<u8>,
    /// Where the next line begins in `buf`.
    start: usize,
    /// Up to here `buf` is known to hold no newline.
    seen: usize,
    /// End of the bytes read into `buf`.
    end: usize,
    /// Number of the next line.
    number: u64,
    block: usize,
    longest: usize,
    kept: usize,
    ended: bool,
}

/// A line without its end.
pub(super) enum Line<'a> {
    /// All of it; may be empty.
    Whole(&'a [u8]),
    /// The beginning of a line longer than allowed, and its length.
    TooLong(&'a [u8], u64),
}

/// Everything up to the end of the stream.
pub(super) enum Rest<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It does not fit; this is as much of it as was read.
    TooLong(&'a [u8]),
    /// The stream broke after these bytes.
    Broken(&'a [u8], io::Error),
}

impl<R: Read> Lines<R> {
    /// Lines of a stream whose first line has this number.
    pub fn new(reader: R, first: u64, limits: &Limits) -> Self {
        let block = limits.block_bytes.max(16);
        Self {
            reader,
            buf: vec![0; block],
            start: 0,
            seen: 0,
            end: 0,
            number: first,
            block,
            longest: limits.line_bytes,
            kept: limits.kept_bytes,
            ended: false,
        }
    }

    /// The next line and its number; `None` at the end.
    ///
    /// # Errors
    /// The stream broke; [`Lines::partial`] then gives what was read of the line.
    #[inline]
    pub fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buf[self.seen..self.end]) {
                let (from, to) = (self.start, self.seen + found);
                self.start = to + 1;
                self.seen = self.start;
                let number = self.number;
                self.number += 1;
                if to - from > self.longest {
                    return Ok(Some((
                        number,
                        Line::TooLong(&self.buf[from..to.min(from + self.kept)], (to - from) as u64),
                    )));
                }
                return Ok(Some((number, Line::Whole(without_return(&self.buf[from..to])))));
            }
            self.seen = self.end;
            if self.end - self.start > self.longest {
                return self.skip_line().map(Some);
            }
            if self.ended {
                let (from, to) = (self.start, self.end);
                self.start = to;
                let number = self.number;
                self.number += 1;
                return Ok((from < to).then(|| (number, Line::Whole(without_return(&self.buf[from..to])))));
            }
            self.fill()?;
        }
    }

    /// Number of the next line, or of the one that broke.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What was read of the line that broke.
    pub fn partial(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// Gives the line just handed out back, so that it is read again. Only valid right after a [`Line::Whole`].
    pub fn unread(&mut self, line: usize) {
        // The line's end (`\n`, `\r\n`, or none at the end of the stream) lies between its bytes and `start`.
        let mut from = self.start;
        for end in [b'\n', b'\r'] {
            if from > 0 && self.buf[from - 1] == end {
                from -= 1;
            }
        }
        self.start = from.saturating_sub(line);
        self.seen = self.start;
        self.number = self.number.saturating_sub(1);
    }

    /// Everything from the next line on, at most `most` bytes. Nothing is consumed: lines can still be read afterwards.
    pub fn rest(&mut self, most: usize) -> Rest<'_> {
        while !self.ended && self.end - self.start <= most {
            if let Err(error) = self.fill() {
                return Rest::Broken(&self.buf[self.start..self.end], error);
            }
        }
        let all = &self.buf[self.start..self.end];
        if all.len() > most { Rest::TooLong(all) } else { Rest::Whole(all) }
    }

    /// Reads one block behind what is there, after moving the unfinished line to the front.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.seen -= self.start;
            self.start = 0;
        }
        if self.buf.len() - self.end < self.block / 2 {
            let grown = (self.buf.len() * 2).max(self.end + self.block);
            self.buf.resize(grown, 0);
        }
        loop {
            match self.reader.read(&mut self.buf[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(got) => self.end += got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            return Ok(());
        }
    }

    /// Drops a line that is too long up to its end, keeping its beginning.
    fn skip_line(&mut self) -> io::Result<(u64, Line<'_>)> {
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let kept = self.kept.min(self.end);
        let mut length = self.end as u64;
        let number = self.number;
        // Blocks now land behind the part that is kept, over the bytes that are given up.
        if self.buf.len() < kept + self.block {
            self.buf.resize(kept + self.block, 0);
        }
        loop {
            self.start = kept;
            self.end = kept;
            let got = match self.reader.read(&mut self.buf[kept..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.start = 0;
                    return Err(e);
                }
            };
            self.end = kept + got;
            if let Some(found) = memchr::memchr(b'\n', &self.buf[kept..self.end]) {
                length += found as u64;
                self.start = kept + found + 1;
                break;
            }
            length += got as u64;
        }
        self.seen = self.start;
        self.number += 1;
        Ok((number, Line::TooLong(&self.buf[..kept], length)))
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
