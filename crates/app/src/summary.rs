//! What became of every record: the counters, their table and their JSON. The classes add up to the records read.

use crate::compare::Comparison;
use caponier_model::{Class, RejectReason};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts of one format, or of everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize)]
pub struct Tally {
    /// Records read.
    pub records: u64,
    /// A finding, a signal or identity evidence came of it.
    pub used: u64,
    /// Understood; nothing came of it.
    pub quiet: u64,
    /// Exact copies.
    pub duplicate: u64,
    /// Beyond retention when they came: always 0 in a replay, whose journal is in event-time order.
    pub late: u64,
    /// Refused and kept.
    pub dead_letter: u64,
}

impl Tally {
    /// Counts one record.
    pub fn count(&mut self, class: Class) {
        self.records += 1;
        match class {
            Class::Used => self.used += 1,
            Class::Quiet => self.quiet += 1,
            Class::Duplicate => self.duplicate += 1,
            Class::Late => self.late += 1,
            Class::DeadLetter => self.dead_letter += 1,
        }
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.used += other.used;
        self.quiet += other.quiet;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.dead_letter += other.dead_letter;
    }

    /// True when every record has exactly one class.
    pub const fn adds_up(&self) -> bool {
        self.used + self.quiet + self.duplicate + self.late + self.dead_letter == self.records
    }
}

/// The outcome of a replay (design 5, `--summary`).
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Summary {
    /// Everything.
    #[serde(flatten)]
    pub total: Tally,
    /// By format; records whose format was not recognised stand under `unknown`.
    pub by_format: BTreeMap<String, Tally>,
    /// Dead letters by reason.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// Findings.
    pub findings: u64,
    /// Evidence rows that never met their alert.
    pub unpaired: u64,
    /// Findings of rules that the configuration suppresses, by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub silenced: BTreeMap<String, u64>,
    /// How often each rule fired.
    pub firings: BTreeMap<String, u64>,
    /// Operational findings (`--operational`), by kind.
    pub operational: BTreeMap<String, u64>,
    /// Incidents.
    pub incidents: u64,
    /// Incidents whose members come from more than one tenant.
    pub cross_tenant_incidents: u64,
    /// Accepted links.
    pub links: u64,
    /// Links that are only possible.
    pub links_possible: u64,
    /// Links in conflict.
    pub links_conflict: u64,
    /// What people and the configuration said of accounts, and was heeded.
    pub decisions: u64,
    /// Tenants seen.
    pub tenants: u64,
    /// Files read.
    pub files: u64,
    /// Files that hold no export by their name (documents, pictures) and were not opened.
    pub skipped_files: u64,
    /// Bytes read, after inflation.
    pub bytes: u64,
    /// Wall-clock seconds.
    pub elapsed_s: f64,
    /// What was assumed for want of a configuration.
    pub assumed: Vec<String>,
    /// What changed from the incidents that `--compare` named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

impl Summary {
    /// Counts a refusal under its reason.
    pub fn refuse(&mut self, reason: RejectReason) {
        *self.by_reason.entry(reason.code()).or_default() += 1;
    }

    /// The table by family and format, with the sum; aligned, for a person.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["family", "format", "records", "used", "quiet", "duplicate", "late", "dead letter"]);
        let mut rows: Vec<_> = self.by_format.iter().map(|(format, tally)| (family(format), format, tally)).collect();
        rows.sort();
        let mut last = "";
        for (family, format, tally) in rows {
            table.add_row(row(if family == last { "" } else { family }, format, tally));
            last = family;
        }
        table.add_row(row("all", "", &self.total));
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }

    /// A few lines under the table: what came out, what was refused and why, what was assumed.
    pub fn words(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{} findings in {} incidents, {} of them across tenants; {} links accepted, {} possible, {} in conflict",
            grouped(self.findings),
            grouped(self.incidents),
            grouped(self.cross_tenant_incidents),
            grouped(self.links),
            grouped(self.links_possible),
            grouped(self.links_conflict)
        );
        if self.unpaired > 0 {
            let _ = writeln!(out, "{} evidence rows never met their alert (unpaired)", grouped(self.unpaired));
        }
        if !self.operational.is_empty() {
            let each: Vec<_> = self.operational.iter().map(|(k, n)| format!("{} {k}", grouped(*n))).collect();
            let _ = writeln!(out, "operational findings: {}", each.join(", "));
        }
        for (rule, count) in &self.silenced {
            let _ = writeln!(out, "suppressed: {:>6} of rule {rule}", grouped(*count));
        }
        for (reason, count) in &self.by_reason {
            let _ = writeln!(out, "refused: {:>9} {reason}", grouped(*count));
        }
        for assumption in &self.assumed {
            let _ = writeln!(out, "assumed: {assumption}");
        }
        let megabytes = self.bytes as f64 / 1e6;
        let _ = writeln!(
            out,
            "{} files, {megabytes:.1} MB, {:.2} s ({:.0} MB/s)",
            grouped(self.files),
            self.elapsed_s,
            megabytes / self.elapsed_s.max(1e-9)
        );
        out
    }
}

/// The family of a format; what has no row in the format table stands apart.
fn family(format: &str) -> &'static str {
    caponier_wire::exports().find(|e| e.name == format).map_or("not recognised", |e| e.family)
}

fn row(family: &str, format: &str, tally: &Tally) -> [String; 8] {
    let t = tally;
    [
        family.to_owned(),
        format.to_owned(),
        grouped(t.records),
        grouped(t.used),
        grouped(t.quiet),
        grouped(t.duplicate),
        grouped(t.late),
        grouped(t.dead_letter),
    ]
}

/// Thousands apart: `1 234 567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_has_one_class() {
        let mut tally = Tally::default();
        for class in [Class::Used, Class::Quiet, Class::Quiet, Class::Duplicate, Class::Late, Class::DeadLetter] {
            tally.count(class);
        }
        assert!(tally.adds_up());
        assert_eq!(tally.records, 6);
        tally.records += 1;
        assert!(!tally.adds_up());
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }
}
