//! The story of one incident for a person: who is who, what happened in which tenant, why each finding is here, what to do.

use crate::incidents::{FindingTold, PersonTold, Told};
use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

fn severity_style(severity: &str) -> Style {
    match severity {
        "critical" | "high" => AnsiColor::Red.on_default().bold(),
        "medium" => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// Writes the story. Colours are escape codes that a stream strips where they do not belong; `width` is in columns.
pub fn tell(told: &Told, width: u16) -> String {
    let mut out = String::new();
    head(&mut out, told, width);
    people(&mut out, told, width);
    timeline(&mut out, told, width);
    reasons(&mut out, told);
    if !told.related.is_empty() {
        let _ = writeln!(out, "\n{BOLD}Considered and refused{BOLD:#}");
        for related in &told.related {
            let _ = writeln!(out, "  {}  {}", short(&related.incident), related.reason.replace('_', " "));
        }
    }
    if !told.remediation.is_empty() {
        let _ = writeln!(out, "\n{BOLD}What could be done, and where{BOLD:#}");
        for item in &told.remediation {
            let _ = writeln!(out, "  {:<12} {}", tenant(told, &item.tenant), item.action);
        }
    }
    let _ = writeln!(out, "\n{DIM}incident {}  digest {}{DIM:#}", told.id, short(&told.digest));
    out
}

fn head(out: &mut String, told: &Told, width: u16) {
    let style = severity_style(&told.severity);
    let _ = writeln!(out, "{style}{}{style:#}  {BOLD}{}{BOLD:#}", told.severity.to_uppercase(), told.title);
    if told.headline != told.title {
        let _ = writeln!(out, "{}", told.headline);
    }
    let parts: Vec<_> =
        told.score.parts.iter().filter(|p| p.points > 0).map(|p| format!("{} {}", p.name, p.points)).collect();
    let _ = writeln!(out, "score {} ({}), confidence {:.2}", told.score.total, parts.join(", "), told.confidence);
    let _ = writeln!(out, "{} to {}", clock(&told.first_activity), clock(&told.last_activity));
    for (name, list) in [("tactics", &told.tactics), ("techniques", &told.techniques)] {
        if !list.is_empty() {
            wrap(out, &format!("{name:<11}"), &list.join(", "), width);
        }
    }
}

/// A text after `head`, broken between words at `width` columns and indented below where it began.
pub fn wrap(out: &mut String, head: &str, text: &str, width: u16) {
    let indent = head.chars().count();
    out.push_str(head);
    let mut column = indent;
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 && column + 1 + word.chars().count() > usize::from(width) {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out.push('\n');
}

fn people(out: &mut String, told: &Told, width: u16) {
    let _ = writeln!(out, "\n{BOLD}Who is who{BOLD:#}");
    for person in &told.persons {
        let _ = writeln!(out, "  {}", name_of(person));
        for account in &person.accounts {
            let name = account.upn.as_deref().unwrap_or(&account.object_id);
            let owner = tenant(told, &account.tenant);
            let _ = writeln!(out, "    {owner:<12} {name} {DIM}({}){DIM:#}", account.kind.replace('_', " "));
            let link = person
                .links
                .iter()
                .find(|l| l.account.tenant == account.tenant && l.account.object_id == account.object_id);
            if let Some(link) = link {
                let kinds: Vec<_> = link.kinds.iter().map(|k| k.replace('_', " ")).collect();
                let words = format!("{} by {}, confidence {:.2}", link.state, kinds.join(" + "), link.confidence);
                wrap(out, &format!("{:17}", ""), &words, width);
            }
        }
    }
}

fn name_of(person: &PersonTold) -> String {
    let display = person.accounts.iter().find_map(|a| a.display_name.clone());
    display.or_else(|| person.accounts.iter().find_map(|a| a.upn.clone())).unwrap_or_else(|| person.person.clone())
}

fn timeline(out: &mut String, told: &Told, width: u16) {
    let _ = writeln!(out, "\n{BOLD}What happened{BOLD:#}");
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    let mut header = vec!["when".to_owned()];
    header.extend(told.tenants.iter().map(|t| t.name.clone()));
    table.set_header(header);
    for finding in &told.findings {
        let mut row = vec![clock(&finding.first_activity)];
        row.extend(told.tenants.iter().map(|t| if t.id == finding.key.tenant { cell(finding) } else { String::new() }));
        table.add_row(row);
    }
    let _ = writeln!(out, "{table}");
}

fn cell(finding: &FindingTold) -> String {
    let mut roads: Vec<_> = finding.sightings.iter().map(|s| s.format.as_str()).collect();
    roads.dedup();
    let attached = if finding.role == "attached" { ", attached" } else { "" };
    format!(
        "{}\n{} by {}{attached}; seen in {}",
        finding.title,
        finding.severity,
        finding.key.product,
        roads.join(", ")
    )
}

fn reasons(out: &mut String, told: &Told) {
    let _ = writeln!(out, "\n{BOLD}Why each finding is here{BOLD:#}");
    for (i, edge) in told.edges.iter().enumerate() {
        let title = told.findings.iter().find(|f| f.key == edge.finding).map_or("", |f| f.title.as_str());
        let _ = writeln!(out, "  {:>2}. {title}", i + 1);
        let _ = writeln!(out, "      {} {DIM}[{}]{DIM:#}", edge.sentence, edge.reason_code);
    }
}

fn tenant<'t>(told: &'t Told, id: &'t str) -> &'t str {
    told.tenants.iter().find(|t| t.id == id).map_or(id, |t| t.name.as_str())
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// `2026-03-02T10:11:12.1234567Z` as `2026-03-02 10:11:12`.
fn clock(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}
