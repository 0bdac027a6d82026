//! The table of containers: one file and one row each. Adding one is a new file here and a new row in [`ROWS`].

mod avro;
mod csv;
pub(crate) mod json;
mod line;
mod parquet;

use crate::read::{Flow, Out, Source};
use caponier_model::RejectReason;
use std::io::{self, Cursor, Read};

/// What holds the payloads of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Container {
    /// JSON Lines, or JSON documents.
    Json,
    /// Comma, semicolon or tab separated rows under a header.
    Csv,
    /// Event Hubs Capture.
    Avro,
    /// Parquet.
    Parquet,
}

/// One container.
pub(crate) struct Row {
    container: Container,
    /// Extensions that promise it, lower case, compression removed.
    extensions: &'static [&'static str],
    /// How a file of it begins; empty where it is text.
    magic: &'static [u8],
    /// Its reader.
    pub read: fn(Source<'_>, &mut Out<'_>) -> Flow,
}

/// The first row is what a name without a known extension promises.
const ROWS: &[Row] = &[
    Row { container: Container::Json, extensions: &["json", "jsonl", "ndjson", "log"], magic: b"", read: json::read },
    Row { container: Container::Csv, extensions: &["csv"], magic: b"", read: csv::read },
    Row { container: Container::Avro, extensions: &["avro"], magic: avro::MAGIC, read: avro::read },
    Row { container: Container::Parquet, extensions: &["parquet"], magic: parquet::MAGIC, read: parquet::read },
];

/// How files begin that people hand over and that are not read, with what to do about it.
const REFUSED: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "compressed twice; unpack it once"),
    (b"\x28\xb5\x2f\xfd", "compressed twice; unpack it once"),
    (b"PK\x03\x04", "a zip archive (or an Excel file); unpack it, or save it as CSV"),
    (b"\xfd7zXZ\0", "compressed with xz; unpack it, or use gzip or zstd"),
    (b"BZh", "compressed with bzip2; unpack it, or use gzip or zstd"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it"),
    (b"ElfFile\0", "a Windows event log; export it as JSON"),
];

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The row of a container.
pub(crate) fn row(container: Container) -> &'static Row {
    ROWS.iter().find(|row| row.container == container).unwrap_or(&ROWS[0])
}

impl Container {
    /// What a file's name promises, compression extensions removed.
    pub(crate) fn of_name(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let inner = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
        let extension = inner.rsplit_once('.').map_or("", |(_, e)| e);
        ROWS.iter().find(|row| row.extensions.contains(&extension)).unwrap_or(&ROWS[0]).container
    }

    /// True where a file's name promises compression.
    pub(crate) fn is_packed_name(name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        lower.ends_with(".gz") || lower.ends_with(".zst")
    }
}

/// What a file of this beginning and this promise is, or why it is refused.
pub(crate) fn of_content(
    head: &Head,
    promised: Container,
    packed: bool,
    named_packed: bool,
) -> Result<Container, (RejectReason, String)> {
    let bytes = head.bytes.as_slice();
    if let Some(row) = ROWS.iter().find(|row| !row.magic.is_empty() && bytes.starts_with(row.magic)) {
        return Ok(row.container);
    }
    if let Some((_, what)) = REFUSED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err((RejectReason::BadContainer, (*what).to_owned()));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err((RejectReason::InvalidUtf8, "text in UTF-16; convert it to UTF-8".to_owned()));
    }
    let text = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    if text.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'{' | b'[')) {
        return Ok(Container::Json);
    }
    if named_packed && !packed {
        return Err((
            RejectReason::BadContainer,
            "its name says compressed, its bytes do not; fetch it again".to_owned(),
        ));
    }
    if !row(promised).magic.is_empty() {
        let name = row(promised).extensions.first().unwrap_or(&"");
        return Err((RejectReason::BadContainer, format!("its name says {name}, its bytes do not; fetch it again")));
    }
    Ok(promised)
}

/// The first bytes of a stream, read ahead to see what it is.
pub(crate) struct Head {
    /// The bytes, up to [`Head::MOST`].
    pub bytes: Vec<u8>,
    /// What ended the reading early; whoever reads on meets it after the bytes.
    error: Option<io::Error>,
}

impl Head {
    const MOST: u64 = 4096;

    /// Reads ahead.
    pub fn of(reader: &mut dyn Read) -> Self {
        let mut bytes = Vec::with_capacity(Self::MOST as usize);
        let error = reader.take(Self::MOST).read_to_end(&mut bytes).err();
        Self { bytes, error }
    }

    /// The stream as it was before reading ahead, its UTF-8 byte order mark removed.
    pub fn without_mark<'a>(self, rest: Box<dyn Read + 'a>) -> Box<dyn Read + 'a> {
        let mark = if self.bytes.starts_with(UTF8_MARK) { UTF8_MARK.len() } else { 0 };
        self.resume(mark, rest)
    }

    /// The stream as it was before reading ahead.
    pub fn then<'a>(&mut self, rest: Box<dyn Read + 'a>) -> Box<dyn Read + 'a> {
        Self { bytes: self.bytes.clone(), error: self.error.take() }.resume(0, rest)
    }

    fn resume<'a>(self, skip: usize, rest: Box<dyn Read + 'a>) -> Box<dyn Read + 'a> {
        let mut start = Cursor::new(self.bytes);
        start.set_position(skip as u64);
        match self.error {
            Some(error) => Box::new(start.chain(Broken(Some(error)))),
            None => Box::new(start.chain(rest)),
        }
    }
}

/// A stream that only has an error to give.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
