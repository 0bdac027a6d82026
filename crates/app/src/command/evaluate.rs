//! `caponier evaluate`.

use super::{print, tell};
use crate::cli::Evaluate;
use crate::failure::{Exit, Failure, failed};
use caponier_lab as lab;
use comfy_table::{CellAlignment, Table, presets};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Scores incidents against the truth; a figure below its bar exits 1.
pub fn run(args: &Evaluate, config: Option<&Path>) -> Result<Exit, Failure> {
    if let Some(file) = &args.sweep {
        return super::sweep::run(args, file, config);
    }
    if let (Some(truth), Some(firings)) = (&args.truth, &args.firings) {
        return judged(args, truth, firings);
    }
    let (Some(truth), [incidents]) = (&args.truth, &args.paths[..]) else {
        return Err(Failure::Usage("evaluate takes one file of incidents; several captures need --sweep FILE".into()));
    };
    let scores = lab::score(open(truth)?, open(incidents)?).map_err(|e| failed("cannot score", e))?;
    if args.json {
        print(&format!("{}\n", scores.to_json()))?;
    } else {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(["measure", "value"]);
        for (name, value) in scores.rows() {
            table.add_row([name.to_string(), value]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        print(&format!("{}\n", table.trim_fmt()))?;
    }
    let short = bars(args, &scores);
    short.iter().for_each(|line| tell(&format!("below the bar: {line}\n")));
    Ok(if short.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Tells what the rules' firings were worth; a scenario that is not found, a twin that is, or a rule that fires at nothing more often
/// than the bar allows exits 1.
fn judged(args: &Evaluate, truth: &Path, firings: &Path) -> Result<Exit, Failure> {
    let judged = lab::judge(open(truth)?, open(firings)?).map_err(|e| failed("cannot judge the firings", e))?;
    let mut short = Vec::new();
    let mut table = plain(&[
        "rule",
        "of attacks",
        "of staged attacks",
        "ambient",
        "of twins",
        "noise",
        "false per 10,000 person-days",
    ]);
    for (rule, fired) in &judged.rules {
        let counts = [fired.attack, fired.staged, fired.ambient, fired.twin, fired.noise].map(|n| n.to_string());
        let rate = judged.rate(fired);
        table.add_row(std::iter::once(rule.clone()).chain(counts).chain([format!("{rate:.2}")]));
        if let Some(most) = args.max_false_firings.filter(|most| rate > *most) {
            short.push(format!(
                "{rule} fires falsely {rate:.2} times for every 10,000 person-days, wanted at most {most}"
            ));
        }
    }
    let mut out = aligned(table);
    if !judged.scenes.is_empty() {
        let mut table = plain(&["scenario", "attack", "twin"]);
        for (scenario, scene) in &judged.scenes {
            table.add_row([scenario.clone(), scene.attack.to_string(), scene.twin.to_string()]);
            if scene.attack == 0 {
                short.push(format!("{scenario} does not find its staged attack"));
            }
            if scene.twin > 0 {
                short.push(format!("{scenario} fires on the innocent twin of its attack"));
            }
        }
        out = format!("{out}\n\n{}", aligned(table));
    }
    print(&format!("{out}\n"))?;
    short.iter().for_each(|line| tell(&format!("below the bar: {line}\n")));
    Ok(if short.is_empty() { Exit::Done } else { Exit::Failed })
}

fn plain(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(heads.iter().copied());
    table
}

/// Names to the left, numbers to the right.
fn aligned(mut table: Table) -> String {
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.trim_fmt()
}

/// The figures below the bars that the command line sets, in words.
pub fn bars(args: &Evaluate, scores: &lab::Scores) -> Vec<String> {
    let least = |name: &str, value: f64, bar: Option<f64>| {
        bar.filter(|bar| value.is_nan() || value < *bar)
            .map(|bar| format!("{name} is {value:.4}, wanted at least {bar}"))
    };
    let over = args
        .max_over_merged
        .filter(|most| scores.over_merged > *most)
        .map(|most| format!("{} incidents hold more than one attack, wanted at most {most}", scores.over_merged));
    let median = scores.ambient_absorbed.1;
    let ambient = args
        .max_ambient
        .filter(|most| median > *most)
        .map(|most| format!("the median incident absorbs {median} ambient findings, wanted at most {most}"));
    [
        least("cross-tenant precision", scores.cross_precision, args.min_cross_precision),
        least("cross-tenant recall", scores.cross_recall, args.min_cross_recall),
        over,
        ambient,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    File::open(path).map(BufReader::new).map_err(|e| failed(&format!("cannot read {}", path.display()), e))
}
