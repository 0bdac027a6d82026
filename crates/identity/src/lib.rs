//! Who is who across tenants: what an event contributes to the identity join, what the directories say of an account, how
//! evidence combines into dated links, and the index that the correlator probes.
//!
//! The joins themselves are SQL and live in `query`; this crate knows only `model`. It is pure: no I/O, no clock, no
//! threads, no SQL, no wire format. Equal sets of rows, evidence or changes give equal results in any order.

mod combine;
mod facts;
mod index;
mod observe;
mod observer;
mod settings;
mod span;

pub use combine::{Weighed, combine};
pub use facts::facts;
pub use index::Index;
pub use observe::observe;
pub use observer::Observer;
pub use settings::{DirectoryEvidence, PairSettings, Scale, Settings};
