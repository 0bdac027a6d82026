//! `caponier simulate`.

use super::tell;
use crate::cli::Simulate;
use crate::failure::{Exit, Failure, failed};
use crate::summary::grouped;
use caponier_lab as lab;

/// Writes invented tenants' exports and the truth beside them.
pub fn run(args: &Simulate) -> Result<Exit, Failure> {
    let occupied = std::fs::read_dir(&args.out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(Failure::Usage(format!("{} is not empty; name a new folder with --out", args.out.display())));
    }
    let plan = lab::Plan {
        seed: args.seed,
        people: args.people,
        days: args.days,
        tenants: args.tenants,
        attacks: args.attacks,
        herrings: args.herrings,
        scenarios: args.scenarios,
        ratios: lab::Ratios { sign_ins_per_day: args.sign_ins, ..lab::Ratios::default() },
        ..lab::Plan::default()
    };
    let mut folder = lab::Folder::new(&args.out);
    let written = lab::simulate(&plan, &mut folder).map_err(|e| failed("cannot simulate", e))?;
    tell(&format!(
        "invented {} records ({} bytes) in {} files under {}; {} attacks, {} findings\n",
        grouped(written.records),
        grouped(written.bytes),
        grouped(written.files),
        args.out.display(),
        args.attacks,
        grouped(written.findings),
    ));
    Ok(Exit::Done)
}
