//! Where snapshots stand in a row: a folder, or a prefix of a bucket. Each is named after a number that its writer chose (20 digits);
//! there is all of one or none of it. Must not know what the bodies mean or what the numbers count.

use crate::publish::{ASIDE, LedgerError};
use crate::snapshot::{Snapshot, header};
use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt as _, ObjectStoreScheme, PutPayload, RetryConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// What the names of snapshots end with.
const SUFFIX: &str = ".snapshot";
/// A store that does not answer is given so long for one question: whoever asks waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// A row of snapshots.
pub struct Shelf {
    place: String,
    kind: Kind,
}

enum Kind {
    Folder(PathBuf),
    Bucket { store: Arc<dyn ObjectStore>, prefix: Key, runtime: Runtime },
}

impl Shelf {
    /// The shelf at a place: a path, made where it is missing, or the URL of a bucket or container and a prefix in it (`s3://`, `az://`,
    /// `abfss://`, `https://ACCOUNT.blob.core.windows.net/…`). A store's credentials and endpoint are taken from the environment, in the
    /// variables of its own tools (`AWS_…`, `AZURE_…`), or from the identity of the machine. Nothing is asked of a store yet.
    ///
    /// # Errors
    /// The folder cannot be made; the URL names no store that is known, or its settings do not make one.
    pub fn open(place: &str) -> Result<Self, LedgerError> {
        let kind = match Url::parse(place) {
            // A path of one letter before a colon is a drive, not a scheme.
            Ok(url) if url.scheme().len() > 1 && url.scheme() != "file" => bucket(place, &url)?,
            Ok(url) if url.scheme() == "file" => folder(Path::new(url.path()))?,
            _ => folder(Path::new(place))?,
        };
        Ok(Self { place: place.trim_end_matches('/').to_owned(), kind })
    }

    /// A shelf in a store that is made already; for tests and for whoever has a store of another kind.
    ///
    /// # Errors
    /// No runtime for its questions.
    pub fn of_store(place: &str, store: Arc<dyn ObjectStore>) -> Result<Self, LedgerError> {
        let kind = Kind::Bucket { store, prefix: Key::default(), runtime: runtime(place)? };
        Ok(Self { place: place.to_owned(), kind })
    }

    /// The numbers of the snapshots that are there, the lowest first. What else lies there is passed over.
    ///
    /// # Errors
    /// The folder or the store cannot be read.
    pub fn all(&self) -> Result<Vec<u64>, LedgerError> {
        let number = |name: &str| name.strip_suffix(SUFFIX)?.parse::<u64>().ok();
        let mut all: Vec<u64> = match &self.kind {
            Kind::Folder(folder) => {
                let failed = |e| self.failed(Path::new(&self.place), e);
                let names = std::fs::read_dir(folder).map_err(failed)?.flatten().map(|entry| entry.file_name());
                names.filter_map(|name| number(name.to_str()?)).collect()
            }
            Kind::Bucket { store, prefix, runtime } => {
                let listed = runtime.block_on(store.list_with_delimiter(Some(prefix)));
                let listed = listed.map_err(|e| self.failed(Path::new(&self.place), other(e)))?;
                listed.objects.iter().filter_map(|o| number(o.location.filename()?)).collect()
            }
        };
        all.sort_unstable();
        Ok(all)
    }

    /// Takes away what a crash left half written in a folder; how many files that were. A bucket holds all of an object or none of it.
    /// Only for the one process whose folder it is: another would lose what it is writing.
    ///
    /// # Errors
    /// The folder cannot be read, or one of them cannot be taken away.
    pub fn sweep(&self) -> Result<usize, LedgerError> {
        let Kind::Folder(folder) = &self.kind else { return Ok(0) };
        let entries = std::fs::read_dir(folder).map_err(|e| self.failed(folder, e))?.flatten();
        let is_aside = |name: &str| name.starts_with(ASIDE) && name.ends_with(".tmp");
        let aside = entries.filter(|e| e.file_name().to_str().is_some_and(is_aside) && e.path().is_file());
        let mut count = 0;
        for path in aside.map(|e| e.path()) {
            match std::fs::remove_file(&path) {
                Ok(()) => count += 1,
                // It was renamed into place, or swept by another.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(LedgerError::Write { path, source }),
            }
        }
        Ok(count)
    }

    /// Puts a snapshot there; one of the same number is replaced. A store takes at most 5 GB (a single PUT).
    ///
    /// # Errors
    /// It cannot be written; what was there before is untouched then.
    pub fn save(&self, number: u64, version: u32, body: Vec<u8>) -> Result<(), LedgerError> {
        match &self.kind {
            Kind::Folder(folder) => Snapshot::save(&folder.join(name(number)), version, &body).map(drop),
            Kind::Bucket { store, prefix, runtime } => {
                let head = header(version, &body);
                let whole = PutPayload::from_iter([head, body].map(Bytes::from));
                let put = runtime.block_on(store.put(&prefix.clone().join(name(number)), whole));
                put.map(drop).map_err(|e| LedgerError::Write { path: self.path(number), source: other(e) })
            }
        }
    }

    /// The body of a snapshot of this version, verified.
    ///
    /// # Errors
    /// As [`Snapshot::load`].
    pub fn load(&self, number: u64, version: u32) -> Result<Vec<u8>, LedgerError> {
        match &self.kind {
            Kind::Folder(folder) => Snapshot::load(&folder.join(name(number)), version).map(|s| s.body),
            Kind::Bucket { store, prefix, runtime } => {
                let key = prefix.clone().join(name(number));
                let got = runtime.block_on(async { store.get(&key).await?.bytes().await });
                let bytes = got.map_err(|e| self.failed(&self.path(number), other(e)))?;
                Snapshot::read(&self.path(number), &bytes, version).map(|s| s.body)
            }
        }
    }

    /// Takes a snapshot away; one that is not there is away already.
    ///
    /// # Errors
    /// It cannot be taken away.
    pub fn remove(&self, number: u64) -> Result<(), LedgerError> {
        let removed = match &self.kind {
            Kind::Folder(folder) => std::fs::remove_file(folder.join(name(number))),
            Kind::Bucket { store, prefix, runtime } => {
                runtime.block_on(store.delete(&prefix.clone().join(name(number)))).map_err(other)
            }
        };
        match removed {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(LedgerError::Write { path: self.path(number), source: e })
            }
            _ => Ok(()),
        }
    }

    /// How a snapshot is called when it is told of.
    pub fn path(&self, number: u64) -> PathBuf {
        PathBuf::from(format!("{}/{}", self.place, name(number)))
    }

    fn failed(&self, path: &Path, source: io::Error) -> LedgerError {
        LedgerError::Read { path: path.to_path_buf(), source }
    }
}

fn name(number: u64) -> String {
    format!("{number:020}{SUFFIX}")
}

fn folder(path: &Path) -> Result<Kind, LedgerError> {
    std::fs::create_dir_all(path).map_err(|source| LedgerError::Folder { path: path.join("…"), source })?;
    Ok(Kind::Folder(path.to_path_buf()))
}

fn bucket(place: &str, url: &Url) -> Result<Kind, LedgerError> {
    let unusable = |why: String| LedgerError::NoStore { place: place.to_owned(), why };
    let (scheme, path) = ObjectStoreScheme::parse(url).map_err(|e| unusable(e.to_string()))?;
    let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: 5, retry_timeout: PATIENCE };
    let made: object_store::Result<Arc<dyn ObjectStore>> = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            AmazonS3Builder::from_env().with_url(place).with_retry(retry).build().map(|s| Arc::new(s) as _)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            MicrosoftAzureBuilder::from_env().with_url(place).with_retry(retry).build().map(|s| Arc::new(s) as _)
        }
        _ => return Err(unusable(format!("{:?} is no store that is known here", url.scheme()))),
    };
    let store = made.map_err(|e| unusable(e.to_string()))?;
    Ok(Kind::Bucket { store, prefix: path, runtime: runtime(place)? })
}

fn runtime(place: &str) -> Result<Runtime, LedgerError> {
    let made = Builder::new_current_thread().enable_all().build();
    made.map_err(|e| LedgerError::NoStore { place: place.to_owned(), why: e.to_string() })
}

fn other(error: object_store::Error) -> io::Error {
    let kind = match error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    fn shelves() -> (tempfile::TempDir, [Shelf; 2]) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Shelf::open(dir.path().join("state").to_str().unwrap()).unwrap();
        (dir, [folder, Shelf::of_store("memory:", Arc::new(InMemory::new())).unwrap()])
    }

    #[test]
    fn what_a_crash_left_is_swept_and_nothing_else() {
        let (dir, shelves) = shelves();
        let state = dir.path().join("state");
        shelves.iter().for_each(|shelf| shelf.save(7, 1, vec![1]).unwrap());
        std::fs::write(state.join(".caponier-abc.tmp"), "half of a snapshot").unwrap();
        std::fs::write(state.join("notes"), "the operator's").unwrap();
        assert_eq!(shelves.each_ref().map(|shelf| shelf.sweep().unwrap()), [1, 0]);
        assert!(!state.join(".caponier-abc.tmp").exists() && state.join("notes").exists());
        shelves.iter().for_each(|shelf| assert_eq!(shelf.all().unwrap(), [7]));
    }

    #[test]
    fn a_folder_and_a_bucket_hold_the_same() {
        let (_dir, shelves) = shelves();
        for shelf in shelves {
            assert!(shelf.all().unwrap().is_empty());
            for number in [30, 4, 200] {
                shelf.save(number, 7, vec![number as u8; 3]).unwrap();
            }
            shelf.save(4, 7, b"again".to_vec()).unwrap();
            assert_eq!(shelf.all().unwrap(), [4, 30, 200]);
            assert_eq!(shelf.load(4, 7).unwrap(), b"again");
            assert!(matches!(shelf.load(30, 8), Err(LedgerError::UnsupportedVersion { found: 7, wanted: 8, .. })));
            shelf.remove(30).unwrap();
            shelf.remove(30).unwrap();
            assert_eq!(shelf.all().unwrap(), [4, 200]);
            let gone = shelf.load(30, 7).unwrap_err().to_string();
            assert!(gone.contains("00000000000000000030.snapshot"), "{gone}");
        }
    }

    #[test]
    fn what_is_damaged_in_a_bucket_is_noticed() {
        let store = Arc::new(InMemory::new());
        let shelf = Shelf::of_store("memory:", Arc::clone(&store) as Arc<dyn ObjectStore>).unwrap();
        shelf.save(1, 7, b"a body".to_vec()).unwrap();
        let key = Key::from(name(1));
        let Kind::Bucket { runtime, .. } = &shelf.kind else { panic!("no bucket") };
        let whole = runtime.block_on(async { store.get(&key).await.unwrap().bytes().await.unwrap() }).to_vec();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            runtime.block_on(store.put(&key, bytes.into())).unwrap();
            assert!(shelf.load(1, 7).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_store_that_nobody_knows_is_named() {
        let fault = Shelf::open("gopher://hole/prefix").map(drop).unwrap_err().to_string();
        assert!(fault.contains("gopher://hole/prefix"), "{fault}");
    }
}
