//! `caponier evaluate --sweep`: what a change of settings would do to labelled captures, side by side.

use super::{inputs, not_after, print};
use crate::cli::Evaluate;
use crate::config::sweep::{Labelled as Named, Sweep, parse, values};
use crate::config::{Config, ConfigError};
use crate::decisions;
use crate::failure::{Exit, Failure, failed};
use crate::sheet::table;
use crate::sweep::{Labelled, Measured, measure};
use anstyle::Style;
use caponier_correlate::Counts;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const BOLD: Style = Style::new().bold();

/// A figure of a row.
#[derive(Clone, Copy)]
enum Figure {
    Ratio(f64),
    Count(u64),
}

/// A column of the table: its heading and where its figure is.
type Measure = (&'static str, fn(&Measured) -> Figure);

/// The columns, in their order.
const MEASURES: [Measure; 13] = [
    ("precision", |m| Figure::Ratio(m.scores.precision)),
    ("recall", |m| Figure::Ratio(m.scores.recall)),
    ("cross precision", |m| Figure::Ratio(m.scores.cross_precision)),
    ("cross recall", |m| Figure::Ratio(m.scores.cross_recall)),
    ("over-merged", |m| Figure::Count(m.scores.over_merged)),
    ("biggest", |m| Figure::Count(m.scores.biggest)),
    ("incidents", |m| Figure::Count(m.scores.incidents)),
    ("findings", |m| Figure::Count(m.findings)),
    ("ambient", |m| Figure::Count(m.scores.ambient_absorbed.1)),
    ("most values", |m| Figure::Count(m.counts.values_most)),
    ("against policy", |m| Figure::Count(m.against_policy)),
    ("leaks", |m| Figure::Count(m.leaks[0])),
    ("without G11", |m| Figure::Count(m.leaks[1])),
];

/// Columns that are left out where nothing stands in them.
const SELDOM: [&str; 4] = ["ambient", "against policy", "leaks", "without G11"];

/// Runs the sweep and prints it; a figure of a base row below its bar exits 1.
pub fn run(args: &Evaluate, file: &Path, config: Option<&Path>) -> Result<Exit, Failure> {
    let unreadable = |source| ConfigError::Unreadable { path: file.display().to_string(), source };
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let sweep = parse(&text).map_err(|faults| ConfigError::Faulty { path: file.display().to_string(), faults })?;
    let captures = captures(args, file, &sweep, config)?;
    let mut told = Vec::new();
    let mut short = Vec::new();
    let mut out = String::new();
    for capture in &captures {
        let heed = |config: &mut Config| decisions::heed(&args.decided, config);
        let rows = measure(&sweep, capture, not_after(&capture.config), &heed)?;
        if let Some(base) = rows.first() {
            short.extend(
                super::evaluate::bars(args, &base.scores).into_iter().map(|b| format!("{}: {b}", capture.name)),
            );
        }
        if args.json {
            told.push(as_json(&sweep, capture, &rows));
        } else {
            let _ = write!(
                out,
                "{}{BOLD}{}{BOLD:#}\n{}\n",
                if out.is_empty() { "" } else { "\n" },
                capture.name,
                shown(&sweep, &rows)
            );
        }
    }
    if args.json {
        out = format!("{:#}\n", json!({ "captures": told }));
    }
    print(&out)?;
    short.iter().for_each(|line| super::tell(&format!("below the bar: {line}\n")));
    Ok(if short.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The captures of the command line, else those of the file; every one that cannot be measured is told.
fn captures(args: &Evaluate, file: &Path, sweep: &Sweep, config: Option<&Path>) -> Result<Vec<Labelled>, Failure> {
    let beside = file.parent().unwrap_or(Path::new("."));
    let general = config.map(Path::to_path_buf).or_else(|| sweep.config.as_ref().map(|c| beside.join(c)));
    if !args.paths.is_empty() {
        let Some(truth) = &args.truth else {
            return Err(Failure::Usage("captures on the command line need --truth FILE".into()));
        };
        let name = args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ");
        return Ok(vec![labelled(name, &args.paths, truth, general)?]);
    }
    if sweep.captures.is_empty() {
        let what = format!("{} lists no [[capture]]; add one, or name captures and --truth", file.display());
        return Err(Failure::Usage(what));
    }
    let mut faults = Vec::new();
    let mut out = Vec::new();
    for Named { name, paths, truth, config } in &sweep.captures {
        let paths: Vec<PathBuf> = paths.iter().map(|p| beside.join(p)).collect();
        let config = config.as_ref().map(|c| beside.join(c)).or_else(|| general.clone());
        match labelled(name.clone(), &paths, &beside.join(truth), config) {
            Ok(capture) => out.push(capture),
            Err(fault) => faults.push(format!("capture {name}: {fault}")),
        }
    }
    if faults.is_empty() { Ok(out) } else { Err(Failure::Usage(faults.join("\n"))) }
}

fn labelled(name: String, paths: &[PathBuf], truth: &Path, config: Option<PathBuf>) -> Result<Labelled, Failure> {
    let (inputs, _, _) = inputs(paths)?;
    let bytes = std::fs::read(truth).map_err(|e| failed(&format!("cannot read {}", truth.display()), e))?;
    Ok(Labelled { name, inputs, truth: bytes, config: Config::load(config.as_deref())? })
}

/// The table of one capture: each figure beside its difference from the base row, which is marked.
fn shown(sweep: &Sweep, rows: &[Measured]) -> String {
    let Some(base) = rows.first() else { return String::new() };
    let measures: Vec<Measure> = MEASURES
        .into_iter()
        .filter(|(name, of)| !SELDOM.contains(name) || rows.iter().any(|m| matches!(of(m), Figure::Count(n) if n > 0)))
        .collect();
    let columns: Vec<Vec<String>> = measures
        .iter()
        .map(|(_, of)| {
            let differences: Vec<String> = rows.iter().map(|row| difference(of(row), of(base))).collect();
            let room = differences.iter().map(String::len).max().unwrap_or(0);
            let room = if room == 0 { 0 } else { room + 1 };
            rows.iter().zip(differences).map(|(row, d)| format!("{}{d:>room$}", figure(of(row)))).collect()
        })
        .collect();
    let lines: Vec<Vec<String>> = sweep
        .rows
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let name = if i == 0 { format!("* {}", row.name) } else { format!("  {}", row.name) };
            [name].into_iter().chain(columns.iter().map(|column| column[i].clone())).collect()
        })
        .collect();
    let headings: Vec<String> =
        ["  row".to_owned()].into_iter().chain(measures.iter().map(|(name, _)| (*name).to_owned())).collect();
    let right: Vec<bool> = (0..headings.len()).map(|i| i > 0).collect();
    table(&headings, &lines, &right, None)
}

fn figure(figure: Figure) -> String {
    match figure {
        Figure::Count(n) => n.to_string(),
        Figure::Ratio(r) if r.is_finite() => format!("{r:.4}"),
        Figure::Ratio(_) => "-".to_owned(),
    }
}

/// What changed from the base, with its sign; nothing where nothing did.
fn difference(figure: Figure, base: Figure) -> String {
    match (figure, base) {
        (Figure::Count(a), Figure::Count(b)) if a != b => format!("{:+}", i128::from(a) - i128::from(b)),
        (Figure::Ratio(a), Figure::Ratio(b)) if (a - b).abs() >= 0.00005 => format!("{:+.4}", a - b),
        _ => String::new(),
    }
}

/// Everything that is known of each row, for programs.
fn as_json(sweep: &Sweep, capture: &Labelled, rows: &[Measured]) -> Value {
    let base = rows.first();
    let told = sweep.rows.iter().zip(rows).enumerate().map(|(i, (row, measured))| {
        let scores: Value = serde_json::from_str(&measured.scores.to_json()).unwrap_or_default();
        let mut differences = Map::new();
        for (name, of) in MEASURES {
            let value = match (of(measured), base.map(of)) {
                (Figure::Ratio(a), Some(Figure::Ratio(b))) => json!(a - b),
                (Figure::Count(a), Some(Figure::Count(b))) => json!(i128::from(a) - i128::from(b)),
                _ => Value::Null,
            };
            differences.insert(name.replace([' ', '-'], "_"), value);
        }
        json!({
            "row": row.name,
            "base": i == 0,
            "set": values(row),
            "scores": scores,
            "findings": measured.findings,
            "cross_tenant_incidents": measured.cross_tenant,
            "incidents_against_policy": measured.against_policy,
            "engine": engine(&measured.counts),
            "difference": differences,
        })
    });
    json!({ "capture": capture.name, "rows": told.collect::<Vec<_>>() })
}

/// The engine's counters by name.
fn engine(counts: &Counts) -> Value {
    let edges: Map<String, Value> = counts.edges.iter().map(|(k, n)| (k.code().to_owned(), json!(n))).collect();
    let refused: Map<String, Value> = counts.refused.iter().map(|(k, n)| ((*k).to_owned(), json!(n))).collect();
    json!({
        "sightings": counts.sightings, "duplicates": counts.duplicates, "late": counts.late,
        "evicted": counts.evicted, "values_cut": counts.values_cut, "values_most": counts.values_most, "sightings_cut": counts.sightings_cut,
        "over_value": counts.over_value, "over_person": counts.over_person, "unlisted": counts.unlisted,
        "changes": counts.changes, "edges": edges, "refused": refused,
    })
}
