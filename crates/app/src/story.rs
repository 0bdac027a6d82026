//! The story of one incident for a person at three in the morning: who is who, what happened in which tenant, why each finding is
//! here, what was refused, what to do. Text for a width in columns; knows nothing of how it was found.

mod reasons;
mod timeline;

use crate::incidents::{PersonTold, Told};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Lines of one list; what is left over is counted.
const LISTED_MAX: usize = 12;

pub(crate) fn severity_style(severity: &str) -> Style {
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
    timeline::write(&mut out, told, width);
    reasons::write(&mut out, told, width);
    refused(&mut out, told, width);
    remedies(&mut out, told, width);
    let _ = writeln!(out, "\n{DIM}incident {}  digest {}{DIM:#}", told.id, short(&told.digest));
    out
}

fn head(out: &mut String, told: &Told, width: u16) {
    let style = severity_style(&told.severity);
    let word = told.severity.to_uppercase();
    let mut title = String::new();
    wrap(&mut title, &format!("{:1$}", "", word.chars().count() + 2), &told.title, width);
    let _ = writeln!(out, "{style}{word}{style:#}  {BOLD}{}{BOLD:#}", title.trim());
    if told.headline != told.title {
        wrap(out, "", &told.headline, width);
    }
    let _ = writeln!(out);
    let mut line = |name: &str, text: &str| wrap(out, &format!("{name:<12}"), text, width);
    line("when", &format!("{} UTC", period(&told.first_activity, &told.last_activity)));
    let owner = told.owner.as_ref().map(|owner| format!(", owned by {owner}")).unwrap_or_default();
    if !told.state.is_empty() {
        line("state", &format!("{}{owner}", told.state));
    }
    let parts: Vec<_> =
        told.score.parts.iter().filter(|p| p.points > 0).map(|p| format!("{} {}", p.name, p.points)).collect();
    line("score", &format!("{}: {}", told.score.total, parts.join(", ")));
    line("confidence", &format!("{:.2}, that of its weakest link", told.confidence));
    for (name, list) in [("tactics", &told.tactics), ("techniques", &told.techniques)] {
        if !list.is_empty() {
            line(name, &list.join(", "));
        }
    }
    for (name, id) in [("continues", &told.continues), ("split from", &told.split_from)] {
        if let Some(id) = id {
            line(name, short(id));
        }
    }
}

/// A text after `head`, broken between words at `width` columns and indented below where it began. A word that is longer than a
/// line is broken too.
pub fn wrap(out: &mut String, head: &str, text: &str, width: u16) {
    let indent = head.chars().count();
    let room = usize::from(width).saturating_sub(indent).max(8);
    for (i, line) in lines(text, room).into_iter().enumerate() {
        let _ = if i == 0 { writeln!(out, "{head}{line}") } else { writeln!(out, "{:indent$}{line}", "") };
    }
}

/// The lines of a text in so many columns; one empty line for an empty text.
pub(crate) fn lines(text: &str, room: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut column = 0;
    for word in text.split(' ') {
        let mut word: &str = word;
        loop {
            let length = word.chars().count();
            let gap = usize::from(column > 0);
            let Some(line) = out.last_mut() else { break };
            if column + gap + length <= room {
                line.extend((gap > 0).then_some(' '));
                line.push_str(word);
                column += gap + length;
                break;
            }
            if column > 0 {
                out.push(String::new());
                column = 0;
                continue;
            }
            let cut = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
            line.push_str(&word[..cut]);
            word = &word[cut..];
            out.push(String::new());
        }
    }
    out
}

fn people(out: &mut String, told: &Told, width: u16) {
    if told.persons.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}Who is who{BOLD:#}");
    let named = tenant_width(told);
    for person in told.persons.iter().take(LISTED_MAX) {
        let _ = writeln!(out, "  {}", name_of(person));
        for account in &person.accounts {
            let name = account.upn.as_deref().unwrap_or(&account.object_id);
            let owner = tenant(told, &account.tenant);
            let head = format!("    {owner:<named$}  ");
            wrap(out, &head, &format!("{name} ({})", account.kind.replace('_', " ")), width);
            let link = person
                .links
                .iter()
                .find(|l| l.account.tenant == account.tenant && l.account.object_id == account.object_id);
            if let Some(link) = link {
                let kinds: Vec<_> = link.kinds.iter().map(|k| k.replace('_', " ")).collect();
                let words = format!(
                    "the same person: {}, confidence {:.2}, by {}",
                    link.state,
                    link.confidence,
                    kinds.join(" + ")
                );
                wrap(out, &format!("{:1$}", "", named + 6), &words, width);
            }
        }
    }
    more(out, told.persons.len(), "people");
}

fn name_of(person: &PersonTold) -> String {
    let display = person.accounts.iter().find_map(|a| a.display_name.clone());
    display.or_else(|| person.accounts.iter().find_map(|a| a.upn.clone())).unwrap_or_else(|| person.person.clone())
}

/// What was considered and not done, by what, and what people decided.
fn refused(out: &mut String, told: &Told, width: u16) {
    if told.related.is_empty() && told.guards.is_empty() && told.decisions.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}Considered and refused{BOLD:#}");
    for related in told.related.iter().take(LISTED_MAX) {
        let reason = related.reason.replace('_', " ");
        let why =
            if related.sentence.is_empty() { String::new() } else { format!(": {}", named(told, &related.sentence)) };
        wrap(out, "  ", &format!("not one with {} ({reason}){why}", short(&related.incident)), width);
    }
    more(out, told.related.len(), "incidents that are not one with this");
    for guard in &told.guards {
        let times = if guard.count > 1 { format!(" ({} times)", guard.count) } else { String::new() };
        wrap(out, "  ", &format!("{}{times}", guard.sentence), width);
    }
    for decision in &told.decisions {
        let act = decision.act.replace('_', " ");
        let text = format!("{act} by {} on {}: {}", decision.author, clock(&decision.at), decision.reason);
        wrap(out, "  ", &text, width);
    }
}

/// What could be done, a block for each tenant that can do it.
fn remedies(out: &mut String, told: &Told, width: u16) {
    if told.remediation.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BOLD}What could be done, and where{BOLD:#}");
    let named = tenant_width(told);
    let mut tenants: Vec<&str> = told.remediation.iter().map(|r| r.tenant.as_str()).collect();
    tenants.dedup();
    let mut seen: Vec<&str> = Vec::new();
    for id in tenants {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let own: Vec<_> = told.remediation.iter().filter(|r| r.tenant == id).collect();
        for (i, item) in own.iter().take(LISTED_MAX).enumerate() {
            let owner = if i == 0 { tenant(told, id) } else { "" };
            wrap(out, &format!("  {owner:<named$}  "), &item.action, width);
        }
        more(out, own.len(), &format!("actions of {}", tenant(told, id)));
    }
}

/// Says how many of a list were left out.
fn more(out: &mut String, all: usize, what: &str) {
    if all > LISTED_MAX {
        let _ = writeln!(out, "  {DIM}… and {} more {what}{DIM:#}", all - LISTED_MAX);
    }
}

pub(crate) fn tenant<'t>(told: &'t Told, id: &'t str) -> &'t str {
    told.tenants.iter().find(|t| t.id == id).map_or(id, |t| t.name.as_str())
}

/// A text in which tenants are called by their names.
pub(crate) fn named(told: &Told, text: &str) -> String {
    told.tenants.iter().fold(text.to_owned(), |text, t| text.replace(&t.id, &t.name))
}

fn tenant_width(told: &Told) -> usize {
    told.tenants.iter().map(|t| t.name.chars().count()).max().unwrap_or(0).min(24)
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// `2026-03-02T10:11:12.1234567Z` as `2026-03-02 10:11:12`.
pub(crate) fn clock(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

/// Two times, the day once where it is one.
fn period(from: &str, until: &str) -> String {
    let (begun, ended) = (clock(from), clock(until));
    match (begun.get(..10), ended.get(..10), ended.get(11..)) {
        _ if begun == ended => begun,
        (Some(a), Some(b), Some(time)) if a == b => format!("{begun} to {time}"),
        _ => format!("{begun} to {ended}"),
    }
}

#[cfg(test)]
mod tests;
