//! Sorted runs on disk and their merge: what [`crate::Sorter`] and [`crate::Distinct`] share.
//! Must not know what the entries mean.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// So many runs of one size become one run of the next, so that the number of open files stays small whatever comes.
const FAN_IN: usize = 32;

/// Buffer of each run that is written or read, in bytes.
const BUFFER: usize = 64 << 10;

/// Something that runs consist of.
pub(crate) trait Entry: Ord + Sized {
    /// Writes it so that [`Entry::read`] finds its end.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
    /// Reads one; `None` at the end.
    fn read(from: &mut dyn Read) -> io::Result<Option<Self>>;
}

/// Runs in temporary files without names: they vanish with the process, however it ends.
pub(crate) struct Runs {
    tiers: Vec<Vec<File>>,
    folder: Option<PathBuf>,
}

impl Runs {
    /// None yet.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { tiers: Vec::new(), folder }
    }

    /// Writes one run, in order, and merges runs where there are too many.
    pub fn add<E: Entry>(&mut self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let run = self.write(fill)?;
        self.put::<E>(0, run)
    }

    /// Takes over another's runs.
    pub fn append(&mut self, other: Self) {
        for (tier, runs) in other.tiers.into_iter().enumerate() {
            if self.tiers.len() <= tier {
                self.tiers.push(Vec::new());
            }
            self.tiers[tier].extend(runs);
        }
    }

    /// The runs, from their beginnings.
    pub fn open<E: Entry>(self) -> io::Result<Vec<Source<'static, E>>> {
        self.tiers.into_iter().flatten().map(source).collect()
    }

    fn put<E: Entry>(&mut self, tier: usize, run: File) -> io::Result<()> {
        if self.tiers.len() <= tier {
            self.tiers.push(Vec::new());
        }
        self.tiers[tier].push(run);
        if self.tiers[tier].len() < FAN_IN {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.tiers[tier]);
        let mut merge = Merge::<E>::new(runs.into_iter().map(source).collect::<io::Result<_>>()?)?;
        let merged = self.write(|out| {
            while let Some(entry) = merge.next()? {
                entry.write(out)?;
            }
            Ok(())
        })?;
        self.put::<E>(tier + 1, merged)
    }

    fn write(&self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<File> {
        let file = match &self.folder {
            Some(folder) => tempfile::tempfile_in(folder)?,
            None => tempfile::tempfile()?,
        };
        let mut out = BufWriter::with_capacity(BUFFER, file);
        fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

fn source<E: Entry>(mut file: File) -> io::Result<Source<'static, E>> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(BUFFER, file);
    Ok(Box::new(move || E::read(&mut reader)))
}

/// Gives the entries of one run in order.
pub(crate) type Source<'a, E> = Box<dyn FnMut() -> io::Result<Option<E>> + Send + 'a>;

/// Several runs as one.
pub(crate) struct Merge<'a, E> {
    heads: BinaryHeap<Reverse<(E, usize)>>,
    sources: Vec<Source<'a, E>>,
}

impl<'a, E: Entry> Merge<'a, E> {
    /// Reads the first entry of each run.
    pub fn new(mut sources: Vec<Source<'a, E>>) -> io::Result<Self> {
        let mut heads = BinaryHeap::with_capacity(sources.len());
        for (i, source) in sources.iter_mut().enumerate() {
            if let Some(entry) = source()? {
                heads.push(Reverse((entry, i)));
            }
        }
        Ok(Self { heads, sources })
    }

    /// The least entry left; `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<E>> {
        let Some(Reverse((entry, i))) = self.heads.pop() else { return Ok(None) };
        if let Some(following) = self.sources[i]()? {
            self.heads.push(Reverse((following, i)));
        }
        Ok(Some(entry))
    }
}
