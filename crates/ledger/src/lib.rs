//! What must survive a crash: output files that appear whole or not at all, snapshots that are checked when loaded, and the
//! decisions of people.
//!
//! It knows paths, bytes and statements, no incident; standard output is not its business. The only crate that names SQLite
//! and object stores.
//!
//! ```text
//! publish(&Path, |&mut dyn Write| -> io::Result<()>) -> Result<Published { bytes, sha256 }, LedgerError>
//! Snapshot::save(&Path, version, body) -> Result<Published, LedgerError>
//! Snapshot::load(&Path, version) -> Result<Snapshot { version, body }, LedgerError>
//! Shelf::open(folder or URL of a bucket)  .all() .save(number, version, body) .load(number, version) .remove(number)
//! Ledger::open(&Path), Ledger::read(&Path) -> Result<Ledger, LedgerError>
//! Ledger::record(&Statement) -> Result<u64, LedgerError>
//! Ledger::record_decision(&Decision, line, tenants) -> Result<u64, LedgerError>
//! Ledger::decisions() -> Result<Vec<(u64, line)>, LedgerError>
//! Ledger::statements() -> Result<Vec<Recorded { seq, statement }>, LedgerError>
//! ```

mod database;
mod decisions;
mod publish;
mod shelf;
mod snapshot;

pub use decisions::{Ledger, Recorded};
pub use publish::{LedgerError, Published, publish};
pub use shelf::Shelf;
pub use snapshot::Snapshot;
