//! Load and measuring for the benches: seeded sign-ins as Entra writes them, the two typed parses that set the limit, and
//! rounds that interleave what is compared. Must not know the application nor DataFusion: it builds in a minute.
//!
//! One bench a file beside this package's manifest: `decode.rs`, `pipeline.rs` for what comes after, `identity.rs` for
//! the index of accounts, over the same load; `correlate.rs` for the engine, over generated findings; and `rules.rs` for what
//! rules cost, over simulated exports.

pub mod findings;
pub mod load;
pub mod machine;
pub mod parse;
pub mod rounds;

use tikv_jemallocator::Jemalloc;

/// The program's own allocator: what is measured here is what runs there.
#[global_allocator]
static MEMORY: Jemalloc = Jemalloc;
