//! One file per command. Each takes its parsed arguments and returns how the program ends.

mod audit;
mod config;
mod decide;
mod evaluate;
mod explain;
mod identity;
mod incident;
mod live;
mod pace;
mod produce;
mod purge;
mod query;
mod replay;
mod resolve;
pub(crate) mod rules;
mod simulate;
mod suppressed;
mod sweep;

pub(crate) use replay::{inputs, not_after};

use crate::cli::{Cli, Command};
use crate::failure::{Exit, Failure, failed};
use std::io::Write as _;

/// Runs what was asked.
pub fn run(cli: Cli) -> Result<Exit, Failure> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Simulate(args) => simulate::run(&args),
        Command::Replay(args) => replay::run(&args, config),
        Command::Run(args) => live::run(&args, config),
        Command::Produce(args) => produce::run(&args, config),
        Command::Resolve(args) => resolve::run(&args, config),
        Command::Query(args) => query::run(&args, config),
        Command::Identity(args) => identity::run(args.action, config),
        Command::Incident(args) => incident::run(&args.action, config),
        Command::Decide(args) => decide::run(&args.action, config),
        Command::Purge(args) => purge::run(&args, config),
        Command::Explain(args) => explain::run(&args),
        Command::Evaluate(args) => evaluate::run(&args, config),
        Command::Rules(args) => rules::run(&args.action, config),
        Command::Config(args) => config::run(args.action, config),
    }
}

/// Writes a result to stdout. A reader that went away (`| head`) is not a failure.
fn print(text: &str) -> Result<Exit, Failure> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failed("cannot write to stdout", error)),
        _ => Ok(Exit::Done),
    }
}

/// Writes a message for people to stderr.
pub(crate) fn tell(text: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = anstream::stderr().write_all(text.as_bytes());
}
