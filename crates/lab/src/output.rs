//! Where the simulator writes: a folder, or memory. The one place of this crate that touches the file system.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

/// Receives bytes for files named by relative paths with `/`; several calls for one path append.
pub trait Output {
    /// Appends `bytes` to the file at `path`, making it and its folders when they are not there yet.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// The file written last: most files are written in several runs of appends.
    open: Option<(String, fs::File)>,
}

impl Folder {
    /// Writes below `root`, which is made when needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), open: None }
    }
}

impl Output for Folder {
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        if let Some((name, file)) = &mut self.open
            && name == path
        {
            return file.write_all(bytes);
        }
        let full = self.root.join(path);
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(full)?;
        file.write_all(bytes)?;
        self.open = Some((path.to_owned(), file));
        Ok(())
    }
}

/// Files in memory, for tests and benches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Contents by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Output for Memory {
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.entry(path.to_owned()).or_default().extend_from_slice(bytes);
        Ok(())
    }
}
