//! One input file, what its place in the folders says about it, and how one big file is cut for several readers.
//! Must not know what a record is.

use crate::Limits;
use crate::container::{Container, json};
use caponier_model::TenantId;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file to read, or a range of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name relative to the argument that led to it, with `/`: the same whatever the working folder. Becomes
    /// [`caponier_model::Position::source`].
    pub name: Arc<str>,
    /// The tenant that a `tenantId=<GUID>` folder on its path names; the innermost wins.
    pub tenant: Option<TenantId>,
    /// What its place says about the table: `signinlogs` of an `insights-logs-signinlogs` folder, `SecurityAlert` of
    /// `am-SecurityAlert`, else the file's stem (`SecurityAlert`, `users`); `None` for the blob layout's `PT1H`.
    pub table: Option<String>,
    /// What its extensions promise; what it holds decides when it is read.
    pub container: Container,
    /// Size on disk, in bytes.
    pub bytes: u64,
    /// The part of it to read; `None` is the whole.
    pub range: Option<Range>,
}

/// A part of a JSON Lines file, aligned to lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Number of its first line in the file, 1-based.
    pub line: u64,
}

impl Input {
    /// A file by itself, as if it had been named as an argument.
    pub fn new(path: &Path, name: &str, bytes: u64) -> Self {
        Self {
            path: path.to_path_buf(),
            name: name.into(),
            tenant: tenant_of(path),
            table: table_of(path),
            container: Container::of_name(name),
            bytes,
            range: None,
        }
    }
}

/// The tenant that the innermost `tenantId=<GUID>` folder names.
fn tenant_of(path: &Path) -> Option<TenantId> {
    path.parent()?.components().rev().find_map(|part| {
        let (key, value) = part.as_os_str().to_str()?.split_once('=')?;
        key.eq_ignore_ascii_case("tenantId").then(|| TenantId::parse(value))?
    })
}

/// The table that a container folder or the file's stem names.
fn table_of(path: &Path) -> Option<String> {
    let named = |text: &str| {
        ["insights-logs-", "am-"].iter().find_map(|prefix| {
            let head = text.get(..prefix.len())?;
            let rest = &text[prefix.len()..];
            (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then(|| rest.to_owned())
        })
    };
    let file = path.file_name()?.to_str()?;
    let stem = file.split('.').next().filter(|s| !s.is_empty())?;
    let folders = path.parent().into_iter().flat_map(Path::components).collect::<Vec<_>>();
    folders
        .iter()
        .rev()
        .find_map(|part| named(part.as_os_str().to_str()?))
        .or_else(|| named(stem))
        .or_else(|| (!stem.eq_ignore_ascii_case("PT1H")).then(|| stem.to_owned()))
}

/// Cuts one big JSON Lines file into at most `parts` ranges that begin at lines and cover it exactly, each with the right
/// number of its first line, so that several threads can read one file.
///
/// Newlines are counted up to the last cut, at the speed of the disk. Anything but uncompressed JSON Lines (and any file
/// smaller than a block per part) comes back whole.
///
/// # Errors
/// The file cannot be read; [`crate::read`] reports the same as a refusal, so a caller may read the input whole instead.
pub fn split(input: &Input, parts: usize, limits: &Limits) -> io::Result<Vec<Input>> {
    let whole = || vec![input.clone()];
    if parts < 2 || input.range.is_some() || input.container != Container::Json {
        return Ok(whole());
    }
    let mut file = File::open(&input.path)?;
    let size = file.metadata()?.len();
    if size < (limits.block_bytes as u64).saturating_mul(parts as u64) || !json::is_lines(&mut file, limits)? {
        return Ok(whole());
    }
    let cuts = (1..parts as u64).map(|part| size / parts as u64 * part);
    let mut block = vec![0; limits.block_bytes];
    let mut ranges = Vec::with_capacity(parts);
    let (mut start, mut line) = (0, 1);
    for cut in cuts.filter(|cut| *cut > 0) {
        if cut <= start {
            continue; // one line longer than a part swallowed this cut
        }
        let Some((end, lines)) = next_line(&mut file, start, cut, &mut block)? else { break };
        ranges.push(Range { start, end, line });
        (start, line) = (end, line + lines);
    }
    if start < size {
        ranges.push(Range { start, end: size, line });
    }
    Ok(ranges.into_iter().map(|range| Input { range: Some(range), ..input.clone() }).collect())
}

/// The first line start at or after `cut`, and the number of newlines between `start` and there; `None` at the file's end.
fn next_line(file: &mut File, start: u64, cut: u64, block: &mut [u8]) -> io::Result<Option<(u64, u64)>> {
    file.seek(SeekFrom::Start(start))?;
    let (mut at, mut lines) = (start, 0);
    loop {
        let got = match file.read(block) {
            Ok(0) => return Ok(None),
            Ok(got) => got,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let bytes = &block[..got];
        // A newline at `cut - 1` already ends the line before the cut.
        let skip = cut.saturating_sub(1).saturating_sub(at).min(got as u64) as usize;
        lines += memchr::memchr_iter(b'\n', &bytes[..skip]).count() as u64;
        if let Some(found) = memchr::memchr(b'\n', &bytes[skip..]) {
            return Ok(Some((at + (skip + found) as u64 + 1, lines + 1)));
        }
        at += got as u64;
    }
}
