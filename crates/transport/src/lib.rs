//! The only input and output of records: files, folders and topics in, payload bytes out; what is refused is kept; what does not
//! fit into memory is sorted on disk.
//!
//! It moves opaque bytes: it knows JSON only as far as framing needs it, no record format, no event time, no tenant but the
//! one that a folder's name states. Everything that hits a limit ([`Limits`]) is refused and counted, never silent.
//!
//! ```text
//! discover(&[PathBuf]) -> Discovery { inputs, skipped, missing, faults }
//! split(&Input, parts, &Limits) -> io::Result<Vec<Input>>            ranges of one JSON Lines file, for several threads
//! read(&Input, &Limits, &mut dyn FnMut(Item<'_>) -> Result<(), E>) -> Result<Tally, E>
//!     Item::Payload(Payload { bytes, offset, kind }) | Item::Refused(DeadLetter)
//!
//! Sorter::new(&Limits)      .push(key, value)?   Sorter::merge(Vec<Sorter>)        .finish()? -> Iterator<io::Result<(Vec<u8>, Vec<u8>)>>
//! Distinct::new(&Limits)    .push(u128)?         Distinct::merge(Vec<Distinct>)    .repeats(|fingerprint, extra| ..)? -> u64
//! DeadLetters::new(&Limits) .push(DeadLetter)?   DeadLetters::merge(Vec<..>)       .write(&mut dyn Write)? -> u64
//! ```

mod container;
mod dead_letter;
mod discover;
mod distinct;
mod inflate;
mod input;
pub mod kafka;
mod limits;
mod read;
mod runs;
mod sort;
#[cfg(test)]
mod tests;

pub use container::Container;
pub use dead_letter::{DeadLetters, dead_letter_line};
pub use discover::{Discovery, Skipped, discover};
pub use distinct::Distinct;
pub use input::{Input, Range, split};
pub use limits::Limits;
pub use read::{Item, Payload, PayloadKind, Tally, read};
pub use sort::{Sorted, Sorter};
