//! `caponier replay`.

use super::tell;
use crate::cli::Replay;
use crate::compare;
use crate::config::Config;
use crate::decisions;
use crate::failure::{Exit, Failure, failed};
use crate::journal::{Replayed, replay};
use caponier_ledger as ledger;
use caponier_model::{Audience, EventTime};
use caponier_rules::Operational;
use caponier_transport::{self as transport, Input};
use caponier_wire as wire;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Runs captured exports through the engine and publishes what comes out.
pub fn run(args: &Replay, config: Option<&Path>) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let mut config = Config::load(config)?;
    config.engine.edges.source_incident &= !args.without_source_incidents;
    if let Some(folder) = &args.rules {
        (config.rules, config.operational) = super::rules::chosen(folder)?;
    }
    super::suppressed::warn(&config);
    decisions::heed(&args.decided, &mut config)?;
    let earlier = args.compare.as_deref().map(compare::read).transpose()?;
    let (inputs, skipped, faults) = inputs(&args.paths)?;
    let heeded = decisions::sources(&args.decided, &config);
    check_outputs(args, &inputs.iter().map(|i| i.path.clone()).chain(heeded).collect::<Vec<_>>())?;
    let mut changes =
        args.changes.as_ref().map(|_| tempfile::tempfile()).transpose().map_err(|e| failed("no temporary file", e))?;
    let mut replayed = replay(&config, &inputs, not_after(&config), &mut |change, tenants, policy| {
        let Some(file) = &mut changes else { return Ok(()) };
        let line = wire::encode(&change.incident, Audience::Operator, tenants, policy);
        write_line(file, &line).map_err(|e| failed("cannot keep the changes", e))
    })?;
    for fault in faults {
        replayed.summary.total.count(caponier_model::Class::DeadLetter);
        replayed.summary.by_format.entry("unknown".into()).or_default().count(caponier_model::Class::DeadLetter);
        replayed.summary.refuse(fault.reject.reason);
        replayed.dead.push(fault).map_err(|e| failed("cannot keep dead letters", e))?;
    }
    replayed.summary.files = inputs.len() as u64;
    replayed.summary.skipped_files = skipped;
    replayed.summary.elapsed_s = begun.elapsed().as_secs_f64();
    let refused = replayed.summary.total.dead_letter;
    tell(&format!("{}\n\n{}", replayed.summary.table(), replayed.summary.words()));
    if let Some(earlier) = earlier {
        let comparison = compare::compare(&earlier, &compare::groups(&replayed.incidents));
        tell(&format!("\n\n{}", comparison.table()));
        replayed.summary.comparison = Some(comparison);
    }
    publish(args, &config.operational, replayed, changes)?;
    Ok(if args.strict && refused > 0 { Exit::InvalidInput } else { Exit::Done })
}

/// Faults of the outputs are found before hours of work, and no output takes the place of an input or of another output.
fn check_outputs(args: &Replay, inputs: &[PathBuf]) -> Result<(), Failure> {
    let named = [
        ("--out", &args.out),
        ("--changes", &args.changes),
        ("--final", &args.final_forms),
        ("--dead-letter", &args.dead_letter),
        ("--summary", &args.summary),
        ("--firings", &args.firings),
        ("--operational", &args.operational),
    ];
    let mut faults = Vec::new();
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for (flag, path) in named.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?))) {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(folder) = folder.canonicalize() else {
            faults.push(format!("{flag} {}: the folder {} does not exist", path.display(), folder.display()));
            continue;
        };
        let real = path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name));
        let real = real.canonicalize().unwrap_or(real);
        if real.is_dir() {
            faults.push(format!("{flag} {} is a folder; name a file", path.display()));
        } else if inputs.contains(&real) {
            faults.push(format!("{flag} {} is also an input, which would be lost", path.display()));
        } else if let Some((other, _)) = taken.iter().find(|(_, p)| *p == real && (real.is_file() || !real.exists())) {
            // A device such as /dev/null may take several.
            faults.push(format!("{flag} and {other} name one file; give each its own"));
        }
        taken.push((flag, real));
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::Usage(faults.join("\n"))) }
}

/// The inputs under the paths, how many files were skipped, and what could not be read below them.
pub fn inputs(paths: &[PathBuf]) -> Result<(Vec<Input>, u64, Vec<caponier_model::DeadLetter>), Failure> {
    let found = transport::discover(paths);
    if !found.missing.is_empty() {
        let missing: Vec<_> =
            found.missing.iter().map(|m| format!("{}: {}", m.position.source, m.reject.detail)).collect();
        return Err(Failure::Usage(missing.join("\n")));
    }
    for skipped in &found.skipped {
        tell(&format!("skipped {}: {}\n", skipped.name, skipped.why));
    }
    Ok((found.inputs, found.skipped.len() as u64, found.faults))
}

/// The latest believable event time: the one place where the clock is asked; it decides what is refused, never what is written.
pub fn not_after(config: &Config) -> EventTime {
    let minutes = i64::try_from(config.future_minutes).unwrap_or(i64::MAX);
    now().plus_seconds(minutes.saturating_mul(60))
}

/// The wall clock, for what people ask of now; no result of the engine depends on it.
pub(super) fn now() -> EventTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    EventTime::from_seconds(i64::try_from(now).unwrap_or(i64::MAX))
}

fn publish(
    args: &Replay,
    catalogue: &[Operational],
    replayed: Replayed,
    changes: Option<std::fs::File>,
) -> Result<(), Failure> {
    let Replayed { summary, incidents, dead, tenants, policy, firings, operations } = replayed;
    let all = |out: &mut dyn Write| {
        incidents.iter().try_for_each(|i| write_line(out, &wire::encode(i, Audience::Operator, &tenants, &policy)))
    };
    match &args.out {
        Some(path) => put(path, all)?,
        None => match all(&mut io::stdout().lock()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(failed("cannot write to stdout", error));
            }
            _ => {}
        },
    }
    if let Some(path) = &args.final_forms {
        let mut forms: Vec<_> = incidents.iter().map(wire::final_form).collect();
        forms.sort();
        put(path, |out| forms.iter().try_for_each(|form| write_line(out, form)))?;
    }
    if let (Some(path), Some(mut file)) = (&args.changes, changes) {
        put(path, |out| {
            io::Seek::rewind(&mut file)?;
            io::copy(&mut file, out).map(drop)
        })?;
    }
    if let Some(path) = &args.dead_letter {
        put(path, |out| dead.write(out).map(drop))?;
    }
    if let Some(path) = &args.firings {
        put(path, |out| firings.lines().iter().try_for_each(|line| write_line(out, line.as_bytes())))?;
    }
    if let Some(path) = &args.operational {
        let lines = operations.lines(catalogue, &tenants);
        put(path, |out| lines.iter().try_for_each(|line| write_line(out, line.as_bytes())))?;
    }
    if let Some(path) = &args.summary {
        let text = serde_json::to_vec_pretty(&summary).map_err(|e| failed("cannot write the summary", e))?;
        put(path, |out| write_line(out, &text))?;
    }
    Ok(())
}

fn put(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    ledger::publish(path, write).map(drop).map_err(|e| Failure::Failed(e.to_string()))
}

fn write_line(out: &mut (impl Write + ?Sized), line: &[u8]) -> io::Result<()> {
    out.write_all(line)?;
    out.write_all(b"\n")
}
