//! What must survive a crash: output files that appear whole or not at all, and snapshots that are checked when loaded.
//!
//! It knows paths and bytes, no incident and no JSON. Standard output is not its business. Incident history, decisions and
//! audit come with the issue that needs them; they will live in SQLite, and only this crate will name it.
//!
//! ```text
//! publish(&Path, |&mut dyn Write| -> io::Result<()>) -> Result<Published { bytes, sha256 }, LedgerError>
//! Snapshot::save(&Path, version, body) -> Result<Published, LedgerError>
//! Snapshot::load(&Path, version) -> Result<Snapshot { version, body }, LedgerError>
//! ```

mod publish;
mod snapshot;

pub use publish::{LedgerError, Published, publish};
pub use snapshot::Snapshot;
