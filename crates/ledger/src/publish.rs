//! Writing a file so that whoever looks sees the old one or the new one, never a part. Must not know what is written.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// Size, in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Why a file could not be written, loaded or queried; each says which path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder of the file is not there or does not let us write.
    #[error("cannot write beside {path}: {source}; create its folder, or choose another path")]
    Folder {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The path names a folder.
    #[error("{path} is a folder; name a file in it")]
    IsFolder {
        /// The path.
        path: PathBuf,
    },
    /// Writing failed; what was there before is untouched.
    #[error("cannot write {path}: {source}; what was there before is untouched, check the free space and write again")]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A snapshot cannot be read.
    #[error("cannot read the snapshot {path}: {source}; check the path and the permissions")]
    Read {
        /// The snapshot.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no snapshot.
    #[error("{path} is not a snapshot; name a file that caponier wrote as one")]
    WrongMagic {
        /// The file.
        path: PathBuf,
    },
    /// A snapshot of another version.
    #[error(
        "the snapshot {path} has version {found}, this build reads version {wanted}; replay the journal to make a new one"
    )]
    UnsupportedVersion {
        /// The snapshot.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version asked for.
        wanted: u32,
    },
    /// A snapshot that ends early.
    #[error("the snapshot {path} ends after {found} of {wanted} bytes; use an older one, or replay the journal")]
    Truncated {
        /// The snapshot.
        path: PathBuf,
        /// Bytes there.
        found: u64,
        /// Bytes its header announces.
        wanted: u64,
    },
    /// A snapshot whose bytes are not those that were written.
    #[error("the snapshot {path} is damaged: its checksum differs; use an older one, or replay the journal")]
    ChecksumMismatch {
        /// The snapshot.
        path: PathBuf,
    },
    /// A place for snapshots that cannot be one.
    #[error(
        "no snapshots can be kept at {place}: {why}; name a folder, or the URL of a bucket (s3://, az://) whose settings stand in the environment"
    )]
    NoStore {
        /// As configured.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A ledger that is to be read is not there.
    #[error("cannot read the ledger {path}: {source}; name one that caponier wrote with --ledger")]
    NoLedger {
        /// The ledger.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no ledger.
    #[error("{path} is not a ledger; name one that caponier wrote, or a new file, with --ledger")]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// A ledger whose pages are not those that were written.
    #[error("the ledger {path} is damaged: {what}; restore a copy of it, what it lost cannot be computed again")]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A ledger of a later build.
    #[error("the ledger {path} has schema {found}, this build knows {wanted} at most; use a newer build")]
    NewSchema {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The version of this build.
        wanted: usize,
    },
    /// A ledger of an earlier build that is only to be read.
    #[error(
        "the ledger {path} has schema {found}, this build reads {wanted}; a command that writes to it (identity link) brings it there"
    )]
    OldSchema {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The version of this build.
        wanted: usize,
    },
    /// Another program holds the ledger.
    #[error("the ledger {path} is held by another writer; try again when it is done")]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// The database fails otherwise.
    #[error("the ledger {path} failed: {source}; check the permissions and the free space")]
    Database {
        /// The ledger.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// What the names of files begin with that are being written.
pub(crate) const ASIDE: &str = ".caponier-";

/// Writes a file aside in the same folder, brings it to the disk and renames it into place.
///
/// Until the rename the old file stays as it was, whatever happens; a file left aside by a crash has a name that begins with
/// `.caponier-`. A link is followed, so that the file it points to is replaced and not the link. A pipe or a device (such as
/// `/dev/null`) is written straight through: there is nothing to replace.
///
/// # Errors
/// The folder is missing, the path is a folder, or `write` or the disk fails.
pub fn publish(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Published, LedgerError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let failed = |source| LedgerError::Write { path: path.to_path_buf(), source };
    match fs::metadata(&target) {
        Ok(there) if there.is_dir() => return Err(LedgerError::IsFolder { path: path.to_path_buf() }),
        Ok(there) if !there.is_file() => {
            let device = OpenOptions::new().write(true).open(&target).map_err(failed)?;
            return filled(device, write).map(|(_, published)| published).map_err(failed);
        }
        _ => {}
    }
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = aside(folder, &target).map_err(|source| LedgerError::Folder { path: path.to_path_buf(), source })?;
    let (aside, published) = filled(aside, write).map_err(failed)?;
    aside.as_file().sync_all().map_err(failed)?;
    aside.persist(&target).map_err(|error| failed(error.error))?;
    // The rename itself is only on the disk once its folder is. Some file systems cannot sync a folder; the file is whole
    // there all the same.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(published)
}

/// A new file beside the target, with the rights that the target has, or that any new file would have.
pub(crate) fn aside(folder: &Path, target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(ASIDE).suffix(".tmp");
    #[cfg(unix)]
    let rights = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666); // less the umask
    #[cfg(unix)]
    builder.permissions(rights);
    let aside = builder.tempfile_in(folder)?;
    if let Ok(there) = fs::metadata(target) {
        aside.as_file().set_permissions(there.permissions())?;
    }
    Ok(aside)
}

fn filled<W: Write>(out: W, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<(W, Published)> {
    let mut out = BufWriter::with_capacity(1 << 20, Hashed { out, digest: Sha256::new(), bytes: 0 });
    write(&mut out)?;
    let Hashed { mut out, digest, bytes } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    out.flush()?;
    Ok((out, Published { bytes, sha256: hex(&digest.finalize()) }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Counts and digests what goes by.
struct Hashed<W> {
    out: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buf)?;
        self.digest.update(&buf[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("incidents.ndjson");
        for text in ["abc", "", "a longer second version"] {
            let got = publish(&path, |out| out.write_all(text.as_bytes())).unwrap();
            assert_eq!(got.bytes, text.len() as u64);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(dir.path()), ["incidents.ndjson"]);
            if text == "abc" {
                // FIPS 180-2, appendix B.1.
                assert_eq!(got.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
            }
        }
    }

    #[test]
    fn a_writer_that_fails_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        fs::write(&path, "old").unwrap();
        let got = publish(&path, |out| {
            out.write_all(&vec![b'x'; 3 << 20])?;
            Err(io::Error::other("disk full"))
        });
        let error = got.unwrap_err().to_string();
        assert!(error.contains("out") && error.contains("disk full") && error.contains("untouched"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[test]
    fn a_missing_folder_and_a_folder_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let missing = publish(&dir.path().join("no/such/file"), |_| Ok(()));
        assert!(matches!(missing, Err(LedgerError::Folder { .. })), "{missing:?}");
        let folder = publish(dir.path(), |_| Ok(()));
        assert!(matches!(folder, Err(LedgerError::IsFolder { .. })), "{folder:?}");
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_written_through_and_links_are_followed() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let null = Path::new("/dev/null");
        assert_eq!(publish(null, |out| out.write_all(b"abc")).unwrap().bytes, 3);
        assert!(fs::metadata(null).unwrap().file_type().is_char_device());

        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&real, &link).unwrap();
        publish(&link, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
