//! The database file: opened, recognised, brought to this build's schema. Knows tables and versions, not what rows mean.
//!
//! SQLite in WAL mode: one writer and any number of readers at a time, in one file that any SQLite tool opens.

use crate::{LedgerError, publish};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks the file as a ledger (`PRAGMA application_id`): the letters `CAPO`.
const APPLICATION: i32 = 0x4341_504F;

/// How long a writer waits for another.
const PATIENCE: Duration = Duration::from_secs(10);

/// The schema, version by version: the n-th text leads from version n to n + 1. A released text is never changed.
pub(crate) const MIGRATIONS: [&str; 1] = [r"
CREATE TABLE decision (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,          -- order of recording; never used twice
    at     INTEGER NOT NULL,                           -- when it was said, nanoseconds since 1970 UTC
    kind   TEXT NOT NULL,                              -- identity.same, identity.different, identity.withdrawn
    author TEXT NOT NULL CHECK (trim(author) <> ''),
    reason TEXT NOT NULL CHECK (trim(reason) <> ''),
    body   TEXT NOT NULL CHECK (json_valid(body))      -- what the kind says of whom
) STRICT;
CREATE TABLE decision_tenant (                         -- the tenants that a decision touches: what a purge goes by
    tenant TEXT NOT NULL,
    seq    INTEGER NOT NULL REFERENCES decision (seq) ON DELETE CASCADE,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER decision_stands BEFORE UPDATE ON decision
BEGIN SELECT raise(ABORT, 'a decision is never changed: record another that overrides it'); END;
CREATE TRIGGER decision_stays BEFORE DELETE ON decision
BEGIN SELECT raise(ABORT, 'a decision is never removed: record another that overrides it'); END;
"];

/// Opens for writing; makes the file, or brings an older schema to this build's.
pub(crate) fn open(path: &Path) -> Result<Connection, LedgerError> {
    if path.is_dir() {
        return Err(LedgerError::IsFolder { path: path.to_path_buf() });
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(source) = fs::metadata(folder) {
        return Err(LedgerError::Folder { path: path.to_path_buf(), source });
    }
    if !path.exists() {
        make(path, folder)?;
    }
    let fresh = fs::metadata(path).map_or(true, |there| there.len() == 0);
    let failed = |source| fault(path, source);
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    if !fresh {
        recognise(&connection, path)?;
    }
    prepare(&mut connection, path)?;
    Ok(connection)
}

/// Makes a ledger aside and gives it its name once it is whole: another opener never meets half of one. Who comes second uses
/// the first one's.
fn make(path: &Path, folder: &Path) -> Result<(), LedgerError> {
    let beside = |source| LedgerError::Folder { path: path.to_path_buf(), source };
    let aside = publish::aside(folder, path).map_err(beside)?;
    let failed = |source| fault(path, source);
    let mut connection = Connection::open(aside.path()).map_err(failed)?;
    prepare(&mut connection, path)?;
    connection.close().map_err(|(_, source)| failed(source))?;
    match aside.persist_noclobber(path) {
        Err(lost) if lost.error.kind() != ErrorKind::AlreadyExists => Err(beside(lost.error)),
        _ => Ok(()),
    }
}

/// How the database keeps what it is given, and this build's schema.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |source| fault(path, source);
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    // In WAL mode the default would let the last decisions of a machine that loses power go.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    migrate(connection, path)
}

/// Opens for reading only: never makes, changes or migrates anything.
pub(crate) fn read(path: &Path) -> Result<Connection, LedgerError> {
    let there = fs::metadata(path).map_err(|source| LedgerError::NoLedger { path: path.to_path_buf(), source })?;
    if there.is_dir() {
        return Err(LedgerError::IsFolder { path: path.to_path_buf() });
    }
    let open = || -> Result<Connection, LedgerError> {
        let failed = |source| fault(path, source);
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        recognise(&connection, path)?;
        Ok(connection)
    };
    let connection =
        open().or_else(|error| if quiet(path) { unchanging(path).map_err(|_| error) } else { Err(error) })?;
    let found = version(&connection, path)?;
    if found < MIGRATIONS.len() {
        return Err(LedgerError::OldSchema { path: path.to_path_buf(), found, wanted: MIGRATIONS.len() });
    }
    Ok(connection)
}

/// A file on a medium that cannot be written has no room for the reader's locks; without a writer it needs none.
pub(crate) fn unchanging(path: &Path) -> Result<Connection, LedgerError> {
    let mut uri = String::from("file:");
    for letter in path.to_string_lossy().chars() {
        match letter {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).map_err(|source| fault(path, source))?;
    recognise(&connection, path)?;
    Ok(connection)
}

/// True when no writer left anything beside the file.
fn quiet(path: &Path) -> bool {
    let mut beside = OsString::from(path);
    beside.push("-wal");
    fs::metadata(PathBuf::from(beside)).map_or(true, |wal| wal.len() == 0)
}

/// Is it a ledger, whole, and no newer than this build?
fn recognise(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |source| fault(path, source);
    let mark: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    if mark != APPLICATION {
        return Err(LedgerError::NotALedger { path: path.to_path_buf() });
    }
    let found = version(connection, path)?;
    if found > MIGRATIONS.len() {
        return Err(LedgerError::NewSchema { path: path.to_path_buf(), found, wanted: MIGRATIONS.len() });
    }
    // SQLite takes what is missing of a last page for zeros.
    let pages: u64 =
        connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).map_err(failed)?.unsigned_abs();
    let size: u64 =
        connection.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0)).map_err(failed)?.unsigned_abs();
    let there = fs::metadata(path).map_or(0, |there| there.len());
    if quiet(path) && there < pages * size {
        let what = format!("it ends after {there} of {} bytes", pages * size);
        return Err(LedgerError::Damaged { path: path.to_path_buf(), what });
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return Err(LedgerError::Damaged { path: path.to_path_buf(), what: verdict });
    }
    Ok(())
}

fn version(connection: &Connection, path: &Path) -> Result<usize, LedgerError> {
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|source| fault(path, source))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

/// Each step is one transaction: whoever looks sees the old version or the new one. Two openers take turns.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |source| fault(path, source);
    while version(connection, path)? < MIGRATIONS.len() {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Another opener may have been first.
        let at = version(&step, path)?;
        if let Some(text) = MIGRATIONS.get(at) {
            step.execute_batch(text).map_err(failed)?;
            step.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
            step.pragma_update(None, "user_version", at as i64 + 1).map_err(failed)?;
            step.commit().map_err(failed)?;
        }
    }
    Ok(())
}

/// What SQLite says, as what a person can do about it.
pub(crate) fn fault(path: &Path, source: rusqlite::Error) -> LedgerError {
    let path = path.to_path_buf();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => LedgerError::NotALedger { path },
        Some(ErrorCode::DatabaseCorrupt) => LedgerError::Damaged { path, what: source.to_string() },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Busy { path },
        _ => LedgerError::Database { path, source },
    }
}
