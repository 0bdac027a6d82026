//! A snapshot: one file with its version and checksum, written whole and verified when loaded.
//! Must not know what the body means.

use crate::publish::{LedgerError, Published, publish};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A snapshot, loaded and verified.
///
/// The file is: `CAPSNAP\n`, the version (4 bytes), the body's length (8 bytes), both big-endian, the SHA-256 of those twelve
/// bytes and the body (32 bytes), the body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Version of the body's layout, which its writer chose.
    pub version: u32,
    /// What was saved.
    pub body: Vec<u8>,
}

const MAGIC: &[u8; 8] = b"CAPSNAP\n";
const HEADER_BYTES: usize = 8 + 4 + 8 + 32;

impl Snapshot {
    /// Writes a snapshot, replacing the one at `path` only once the new one is whole.
    ///
    /// # Errors
    /// As [`publish`].
    pub fn save(path: &Path, version: u32, body: &[u8]) -> Result<Published, LedgerError> {
        publish(path, |out| {
            out.write_all(&header(version, body))?;
            out.write_all(body)
        })
    }

    /// Loads a snapshot of this version and verifies it.
    ///
    /// # Errors
    /// It cannot be read, is none, has another version, ends early or is damaged.
    pub fn load(path: &Path, version: u32) -> Result<Self, LedgerError> {
        let failed = |source: io::Error| LedgerError::Read { path: path.to_path_buf(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mut head = Vec::with_capacity(HEADER_BYTES);
        (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut head).map_err(failed)?;
        // What is none, or of another version, is not read to its end.
        let head = Head::read(path, &head, version)?;
        let mut body = Vec::new();
        file.read_to_end(&mut body).map_err(failed)?;
        head.verify(path, &body)?;
        Ok(Self { version, body })
    }

    /// Reads a snapshot of this version out of bytes and verifies it; `path` is how it is called.
    ///
    /// # Errors
    /// They are none, of another version, end early or are damaged.
    pub(crate) fn read(path: &Path, bytes: &[u8], version: u32) -> Result<Self, LedgerError> {
        let (head, body) = bytes.split_at(bytes.len().min(HEADER_BYTES));
        Head::read(path, head, version)?.verify(path, body)?;
        Ok(Self { version, body: body.to_vec() })
    }
}

/// What stands before the body.
pub(crate) fn header(version: u32, body: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(version.to_be_bytes());
    header.extend((body.len() as u64).to_be_bytes());
    header.extend(checksum(version, body));
    header
}

/// What a header announces.
struct Head {
    version: u32,
    length: u64,
    sum: [u8; 32],
}

impl Head {
    fn read(path: &Path, header: &[u8], wanted: u32) -> Result<Self, LedgerError> {
        if !header.starts_with(&MAGIC[..header.len().min(MAGIC.len())]) || header.is_empty() {
            return Err(LedgerError::WrongMagic { path: path.to_path_buf() });
        }
        let Some((version, length, sum)) = fields(header) else {
            let (path, found) = (path.to_path_buf(), header.len() as u64);
            return Err(LedgerError::Truncated { path, found, wanted: HEADER_BYTES as u64 });
        };
        if version != wanted {
            return Err(LedgerError::UnsupportedVersion { path: path.to_path_buf(), found: version, wanted });
        }
        Ok(Self { version, length, sum })
    }

    fn verify(&self, path: &Path, body: &[u8]) -> Result<(), LedgerError> {
        let (path, found) = (path.to_path_buf(), body.len() as u64);
        if found < self.length {
            let head = HEADER_BYTES as u64;
            return Err(LedgerError::Truncated { path, found: found + head, wanted: self.length.saturating_add(head) });
        }
        if found != self.length || checksum(self.version, body) != self.sum {
            return Err(LedgerError::ChecksumMismatch { path });
        }
        Ok(())
    }
}

/// Version, length of the body and checksum.
fn fields(header: &[u8]) -> Option<(u32, u64, [u8; 32])> {
    let rest = header.get(MAGIC.len()..)?;
    let (version, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*version), u64::from_be_bytes(*length), *rest.first_chunk()?))
}

fn checksum(version: u32, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(version.to_be_bytes());
    digest.update((body.len() as u64).to_be_bytes());
    digest.update(body);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        for body in [&b""[..], b"body", &vec![7; 100_000]] {
            let saved = Snapshot::save(&path, 3, body).unwrap();
            assert_eq!(saved.bytes, (HEADER_BYTES + body.len()) as u64);
            assert_eq!(Snapshot::load(&path, 3).unwrap(), Snapshot { version: 3, body: body.to_vec() });
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        Snapshot::save(&path, 3, b"a body").unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                fs::write(&path, &bytes).unwrap();
                let error = Snapshot::load(&path, 3).unwrap_err();
                let right = match at {
                    0..8 => matches!(error, LedgerError::WrongMagic { .. }),
                    8..12 => matches!(error, LedgerError::UnsupportedVersion { wanted: 3, .. }),
                    12..20 => matches!(error, LedgerError::Truncated { .. } | LedgerError::ChecksumMismatch { .. }),
                    _ => matches!(error, LedgerError::ChecksumMismatch { .. }),
                };
                assert!(right, "byte {at}: {error}");
            }
        }
        for keep in 0..whole.len() {
            fs::write(&path, &whole[..keep]).unwrap();
            let error = Snapshot::load(&path, 3).unwrap_err();
            let right = match keep {
                0 => matches!(error, LedgerError::WrongMagic { .. }),
                _ => matches!(error, LedgerError::Truncated { .. }),
            };
            assert!(right, "cut at {keep}: {error}");
        }
        fs::write(&path, [&whole[..], b"!"].concat()).unwrap();
        assert!(matches!(Snapshot::load(&path, 3), Err(LedgerError::ChecksumMismatch { .. })));
    }

    #[test]
    fn a_missing_snapshot_and_a_foreign_file_say_which_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let missing = Snapshot::load(&path, 1).unwrap_err();
        assert!(matches!(missing, LedgerError::Read { .. }) && missing.to_string().contains("state"), "{missing}");
        fs::write(&path, "{\"json\":1}").unwrap();
        let foreign = Snapshot::load(&path, 1).unwrap_err();
        assert!(foreign.to_string().contains("not a snapshot"), "{foreign}");
    }
}
