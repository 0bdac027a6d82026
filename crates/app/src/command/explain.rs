//! `caponier explain`.

use super::print;
use crate::cli::Explain;
use crate::failure::{Exit, Failure};
use crate::{incidents, story};

/// Columns of a story that is not written to a terminal.
const PLAIN_WIDTH: u16 = 120;

/// Tells the story of one incident.
pub fn run(args: &Explain) -> Result<Exit, Failure> {
    let told = incidents::find(&args.incidents, &args.incident)?;
    let width = comfy_table::Table::new().width().unwrap_or(PLAIN_WIDTH);
    print(&story::tell(&told, width))
}
