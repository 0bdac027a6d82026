//! Who is who across tenants: what an event contributes to the identity join, what the directories say of an account, how
//! evidence combines into dated links, and the index that the correlator probes.
//!
//! The joins themselves are SQL and live in `query`; this crate knows only `model`. It is pure: no I/O, no clock, no
//! threads, no SQL, no wire format. Equal sets of rows, evidence or changes give equal results in any order.

pub mod audit;
mod claim;
mod combine;
mod conflict;
mod decide;
mod facts;
mod index;
mod known;
mod observe;
mod observer;
mod refuse;
mod settings;
mod span;
mod star;
mod statement;
mod store;

pub use combine::{Weighed, combine};
pub use conflict::{DETECTOR as CONFLICT, conflicts};
pub use decide::decide;
pub use facts::facts;
pub use index::{Footprint, Index, SnapshotError};
pub use observe::observe;
pub use observer::Observer;
pub use settings::{DirectoryEvidence, PairSettings, Scale, Settings};
pub use star::star;
pub use statement::spoken;
pub use store::{RestoreError, Settled, Size, Store, domains};
