//! The program: parse, run, print the failure once, exit with the code that tells whose turn it is.

use caponier::{Cli, run};
use clap::Parser;
use std::io::Write as _;
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// The C library's allocator sorts all that was let go of when somebody next asks for more than a kilobyte: half of what a small
/// change of identities costs beside millions of rows (docs/identity-cost.md).
#[global_allocator]
static MEMORY: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(anstream::stderr(), "{}caponier:{} {failure}", failure.paint(), failure.unpaint());
            failure.exit().into()
        }
    }
}
