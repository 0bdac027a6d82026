//! What happened, in order of time, with a column for each tenant; what repeats at once is one line, and a long middle is counted.

use super::{BOLD, DIM, lines, named, severity_style, tenant};
use crate::incidents::{FindingTold, Told};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines shown at most, a third of them from the end.
const LINES_MAX: usize = 60;

/// A tenant's column is never narrower; where there is no room for that, the tenant stands in the line.
const NARROWEST: usize = 26;

/// Between two columns.
const GAP: usize = 2;

/// Findings that follow each other and are alike.
struct Run<'t> {
    /// Number of the first, from 1.
    number: usize,
    findings: Vec<&'t FindingTold>,
}

/// Writes the timeline.
pub(super) fn write(out: &mut String, told: &Told, width: u16) {
    let _ = writeln!(out, "\n{BOLD}What happened{BOLD:#} {DIM}(UTC; + attached, which anchors nothing){DIM:#}");
    let runs = runs(&told.findings);
    let numbers = told.findings.len().to_string().len() * 2 + 1;
    let indent = 2 + numbers + GAP + 8 + GAP;
    let severity = told.findings.iter().map(|f| brief(&f.severity).len()).max().unwrap_or(0) + 1;
    let room = usize::from(width).saturating_sub(indent).max(NARROWEST);
    let mut sheet = Sheet { told, columns: Vec::new(), numbers, severity };
    let wanted: Vec<usize> = told
        .tenants
        .iter()
        .map(|t| {
            let texts = runs.iter().filter(|r| r.findings[0].key.tenant == t.id).map(|r| sheet.text(r, r.findings[0]));
            let longest = texts.map(|text| severity + text.chars().count()).max().unwrap_or(0);
            longest.max(t.name.chars().count())
        })
        .collect();
    sheet.columns = columns(&wanted, room);
    if sheet.columns.len() > 1 {
        let names =
            told.tenants.iter().zip(&sheet.columns).map(|(t, width)| format!("{:<width$}", cut(&t.name, *width)));
        let _ = writeln!(out, "{:indent$}{DIM}{}{DIM:#}", "", names.collect::<Vec<_>>().join("  ").trim_end());
    }
    let tail = if runs.len() > LINES_MAX { LINES_MAX / 3 } else { 0 };
    let shown = if runs.len() > LINES_MAX { LINES_MAX - tail } else { runs.len() };
    let mut day = String::new();
    for run in &runs[..shown] {
        sheet.line(out, run, &mut day);
    }
    if tail > 0 {
        let middle: Vec<&FindingTold> =
            runs[shown..runs.len() - tail].iter().flat_map(|r| r.findings.iter().copied()).collect();
        super::wrap(out, &" ".repeat(indent), &format!("… {}", counted(&middle)), width);
        for run in &runs[runs.len() - tail..] {
            sheet.line(out, run, &mut day);
        }
    }
    let mut roads: BTreeMap<&str, usize> = BTreeMap::new();
    for sighting in told.findings.iter().flat_map(|f| &f.sightings) {
        *roads.entry(&sighting.format).or_default() += 1;
    }
    let seen: Vec<String> = roads.iter().map(|(format, n)| format!("{format} {n}")).collect();
    let mut text = String::new();
    super::wrap(&mut text, "  ", &format!("seen in {}", seen.join(", ")), width);
    let _ = writeln!(out, "{DIM}{}{DIM:#}", text.trim_end());
}

struct Sheet<'t> {
    told: &'t Told,
    /// Their widths; one for all where the tenants have no room beside each other.
    columns: Vec<usize>,
    numbers: usize,
    /// Columns of the severity before each title.
    severity: usize,
}

impl Sheet<'_> {
    fn line(&self, out: &mut String, run: &Run<'_>, day: &mut String) {
        let Some(first) = run.findings.first() else { return };
        let (date, time) =
            (first.first_activity.get(..10).unwrap_or(""), first.first_activity.get(11..19).unwrap_or(""));
        if date != day {
            let _ = writeln!(out, "  {:1$}{BOLD}{date}{BOLD:#}", "", self.numbers + GAP);
            date.clone_into(day);
        }
        let last = run.number + run.findings.len() - 1;
        let number = if last == run.number { last.to_string() } else { format!("{}-{last}", run.number) };
        let at = self.told.tenants.iter().position(|t| t.id == first.key.tenant).unwrap_or(0);
        let at = if self.columns.len() > 1 { at } else { 0 };
        let before: usize = self.columns.iter().take(at).map(|width| width + GAP).sum();
        let room = self.columns.get(at).map_or(NARROWEST, |width| width.saturating_sub(self.severity)).max(8);
        let style = severity_style(&first.severity);
        for (i, line) in lines(&self.text(run, first), room).into_iter().enumerate() {
            let (head, word) = match i {
                0 => (format!("{number:>0$}  {time:<8}", self.numbers), brief(&first.severity)),
                _ => (String::new(), ""),
            };
            let head = format!("  {head:<0$}  {1:before$}", self.numbers + GAP + 8, "");
            let _ = writeln!(out, "{head}{style}{word}{style:#}{:1$}{line}", "", self.severity - word.len());
        }
    }

    /// What one line says after the severity.
    fn text(&self, run: &Run<'_>, first: &FindingTold) -> String {
        let mut text = String::new();
        if self.columns.len() == 1 && self.told.tenants.len() > 1 {
            let _ = write!(text, "[{}] ", tenant(self.told, &first.key.tenant));
        }
        let plus = if first.role == "attached" { "+ " } else { "" };
        let _ = write!(text, "{plus}{} ({})", named(self.told, &first.title), first.key.product);
        if let [_, .., last] = run.findings[..] {
            let until = last.first_activity.get(11..19).unwrap_or("");
            let _ = write!(text, " ×{} until {until}", run.findings.len());
        }
        text
    }
}

/// How wide each column is: what it wants where there is room, else the widest give way; one where each would be too narrow.
fn columns(wanted: &[usize], room: usize) -> Vec<usize> {
    let room = room.saturating_sub(GAP * wanted.len().saturating_sub(1));
    let fits = |most: usize| wanted.iter().map(|w| (*w).min(most)).sum::<usize>() <= room;
    let widest = wanted.iter().copied().max().unwrap_or(0);
    match (NARROWEST.min(widest)..=widest).rev().find(|most| fits(*most)) {
        Some(most) => wanted.iter().map(|w| (*w).min(most)).collect(),
        None => vec![room],
    }
}

/// A severity in few letters.
fn brief(severity: &str) -> &str {
    if severity == "informational" { "info" } else { severity }
}

/// Neighbours of one title, tenant, product, severity, role and day are one run.
fn runs(findings: &[FindingTold]) -> Vec<Run<'_>> {
    let alike = |a: &FindingTold, b: &FindingTold| {
        let of = |f: &FindingTold| (f.title.clone(), f.key.tenant.clone(), f.key.product.clone(), f.severity.clone());
        of(a) == of(b) && a.role == b.role && a.first_activity.get(..10) == b.first_activity.get(..10)
    };
    let mut number = 1;
    findings
        .chunk_by(alike)
        .map(|run| {
            number += run.len();
            Run { number: number - run.len(), findings: run.iter().collect() }
        })
        .collect()
}

/// `27 findings (3 high, 24 low) from 10:00:00 to 12:00:00`.
fn counted(findings: &[&FindingTold]) -> String {
    let mut by: Vec<(&str, usize)> = Vec::new();
    for severity in ["critical", "high", "medium", "low", "informational", "unknown"] {
        let count = findings.iter().filter(|f| f.severity == severity).count();
        if count > 0 {
            by.push((severity, count));
        }
    }
    let by: Vec<String> = by.into_iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    let time = |f: Option<&&FindingTold>| f.map(|f| super::clock(&f.first_activity)).unwrap_or_default();
    let (from, until) = (time(findings.first()), time(findings.last()));
    format!("{} more findings ({}) from {from} to {until}", findings.len(), by.join(", "))
}

fn cut(text: &str, width: usize) -> String {
    crate::sheet::cut(text, width).into_owned()
}
