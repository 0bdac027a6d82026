//! Why each finding is here: findings that are here for one reason are told together, by their numbers in the timeline.

use super::{BOLD, DIM, wrap};
use crate::incidents::{EdgeTold, Told};
use std::fmt::Write as _;

/// Reasons told at most.
const REASONS_MAX: usize = 40;

/// Findings with one reason.
struct Reason<'t> {
    edge: &'t EdgeTold,
    /// The sentence without how far apart the findings are.
    stem: String,
    numbers: Vec<usize>,
    /// The widest gap, in seconds.
    widest: i64,
}

/// Writes the reasons in the order of their first findings; those that cross tenants are marked.
pub(super) fn write(out: &mut String, told: &Told, width: u16) {
    let _ = writeln!(out, "\n{BOLD}Why each finding is here{BOLD:#}");
    let reasons = reasons(told);
    for reason in reasons.iter().take(REASONS_MAX) {
        let edge = reason.edge;
        let numbers = ranges(&reason.numbers);
        let code = edge.via_edge.as_deref().map(|e| format!(" {e}")).unwrap_or_default();
        let crosses = if edge.tenants.len() > 1 { " across tenants" } else { "" };
        let name = format!("{}{code}{crosses}", edge.reason_code.replace('_', " "));
        let mut listed = String::new();
        wrap(&mut listed, &format!("{:1$}", "", name.chars().count() + 4), &numbers, width);
        let (bold, plain) = if edge.tenants.len() > 1 {
            (BOLD.render().to_string(), BOLD.render_reset().to_string())
        } else {
            <_>::default()
        };
        let _ = writeln!(out, "  {bold}{name}{plain}  {DIM}{}{DIM:#}", listed.trim());
        wrap(out, "      ", &super::named(told, &words(reason)), width);
    }
    if reasons.len() > REASONS_MAX {
        let left: usize = reasons[REASONS_MAX..].iter().map(|r| r.numbers.len()).sum();
        let _ = writeln!(out, "  {DIM}… and {} more reasons for {left} findings{DIM:#}", reasons.len() - REASONS_MAX);
    }
}

fn words(reason: &Reason<'_>) -> String {
    let edge = reason.edge;
    let mut text = reason.stem.clone();
    if reason.stem.len() < edge.sentence.len() {
        let most = if reason.numbers.len() > 1 && reason.widest > 0 { "at most " } else { "" };
        let _ = write!(text, ", {most}{}", apart(reason.widest));
        if let Some(window) = edge.window_seconds.filter(|_| reason.widest > 0) {
            let _ = write!(text, " ({} allowed)", length(window));
        }
    }
    let guards: Vec<String> = edge.guard_decisions.iter().map(|g| g.replace('_', " ")).collect();
    if !guards.is_empty() {
        let _ = write!(text, "; {}", guards.join(", "));
    }
    text
}

fn reasons(told: &Told) -> Vec<Reason<'_>> {
    let mut out: Vec<Reason<'_>> = Vec::new();
    for edge in &told.edges {
        let Some(at) = told.findings.iter().position(|f| f.key == edge.finding) else { continue };
        let stem = stem(edge);
        let same = |r: &&mut Reason<'_>| {
            r.edge.reason_code == edge.reason_code
                && r.stem == stem
                && r.edge.tenants == edge.tenants
                && r.edge.guard_decisions == edge.guard_decisions
        };
        match out.iter_mut().find(same) {
            Some(reason) => {
                reason.numbers.push(at + 1);
                reason.widest = reason.widest.max(edge.gap_seconds);
            }
            None => out.push(Reason { edge, stem, numbers: vec![at + 1], widest: edge.gap_seconds }),
        }
    }
    for reason in &mut out {
        reason.numbers.sort_unstable();
    }
    out
}

/// The sentence without its end where that says how far apart the two findings are.
fn stem(edge: &EdgeTold) -> String {
    let sentence = edge.sentence.as_str();
    let Some(rest) = sentence.strip_suffix(&apart(edge.gap_seconds)) else { return sentence.to_owned() };
    let rest = rest.trim_end();
    let rest = rest.strip_suffix("; the findings are").or_else(|| rest.strip_suffix("; they are")).unwrap_or(rest);
    rest.trim_end_matches([',', ';', ' ']).to_owned()
}

/// A gap as the engine's sentences write it.
fn apart(seconds: i64) -> String {
    match seconds {
        ..=0 => "at the same time".into(),
        1..120 => format!("{seconds} s apart"),
        120..7200 => format!("{} min apart", seconds / 60),
        7200..172_800 => format!("{} h apart", seconds / 3600),
        _ => format!("{} d apart", seconds / 86_400),
    }
}

fn length(seconds: i64) -> String {
    apart(seconds).trim_end_matches(" apart").to_owned()
}

/// `2, 5-8, 11`.
fn ranges(numbers: &[usize]) -> String {
    let parts = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        _ => run.first().map(ToString::to_string).unwrap_or_default(),
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_a_range() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3, 5, 7-8");
        assert_eq!(ranges(&[4]), "4");
    }
}
