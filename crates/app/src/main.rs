//! The program: parse, run, print the failure once, exit with the code that tells whose turn it is.

use caponier::{Cli, run};
use clap::Parser;
use std::io::Write as _;
use std::process::ExitCode;

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
