//! JSON as records use it: borrowed, lazy, in one pass, without recursion. Knows nothing of formats or of the model.
//!
//! Two faces. [`Json`] is a cursor over the text of one value, read on demand. A `Plan` is a list of wanted paths that
//! one pass over a record fills, skipping everything else as fast as brackets can be matched; the `fields!` macro names
//! its slots. What is walked (the levels on a wanted path) is checked strictly; what is skipped is checked for strings
//! and brackets only, so that a cut record never passes and an unread corner never costs.

mod plan;
mod scan;
mod value;

pub(crate) use plan::{KeyTable, Plan, fields, key_and_value};
pub(crate) use scan::{DEEPEST, container_end, skip_space, string_end, value_end};
pub use scan::{Fault, FaultKind};
pub use value::{Dynamic, Entries, Items, Json};

#[cfg(test)]
mod tests;
