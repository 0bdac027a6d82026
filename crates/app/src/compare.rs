//! What a change of settings does to incidents: those of an earlier run beside those of this one, by the keys of their findings,
//! since ids are history. Says what was merged, split, gained and lost.

use crate::failure::{Failure, failed};
use crate::sheet::table;
use anstyle::Style;
use caponier_model::Incident;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::Path;

const BOLD: Style = Style::new().bold();

/// Rows of one kind that the table shows; the JSON has all.
const SHOWN_MAX: usize = 20;

/// The key of a finding: tenant, product, id.
type Key = (String, String, String);

/// An incident as far as a comparison needs it.
#[derive(Clone, Debug)]
pub struct Group {
    id: String,
    title: String,
    keys: BTreeSet<Key>,
}

/// How incidents of two runs that share findings relate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Several became one.
    Merged,
    /// One became several.
    Split,
    /// Several became several others.
    Regrouped,
    /// One stayed one, with other findings.
    Changed,
    /// Nothing of it was in any incident before.
    Gained,
    /// Nothing of it is in any incident now.
    Lost,
}

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// What happened.
    pub kind: Kind,
    /// The incidents before, by id.
    pub old: Vec<String>,
    /// The incidents now, by id.
    pub new: Vec<String>,
    /// Findings before and now.
    pub findings: (usize, usize),
    /// Findings that no incident here held before.
    pub findings_gained: usize,
    /// Findings that no incident here holds now.
    pub findings_lost: usize,
    /// The title of the largest.
    pub title: String,
}

/// What changed from one run to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Comparison {
    /// Incidents before and now.
    pub incidents: (usize, usize),
    /// Incidents with the same findings in both.
    pub same: usize,
    /// What is not the same, by kind, larger ones first.
    pub differences: Vec<Difference>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    state: String,
    findings: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    key: MemberKey,
}

#[derive(Deserialize)]
struct MemberKey {
    tenant: String,
    product: String,
    id: String,
}

/// Reads what `replay --out` wrote.
///
/// # Errors
/// The file cannot be read, or a line is no incident: said with its number.
pub fn read(path: &Path) -> Result<Vec<Group>, Failure> {
    let unreadable = |e: &dyn std::fmt::Display| Failure::Usage(format!("cannot read {}: {e}", path.display()));
    let file = std::fs::File::open(path).map_err(|e| unreadable(&e))?;
    let mut out = Vec::new();
    for (number, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| unreadable(&e))?;
        if line.trim().is_empty() {
            continue;
        }
        let read: Line = serde_json::from_str(&line)
            .map_err(|e| failed(&format!("{}:{} is no incident of caponier", path.display(), number + 1), e))?;
        if read.state == "redirected" {
            continue;
        }
        let keys = read.findings.into_iter().map(|m| (m.key.tenant, m.key.product, m.key.id)).collect();
        out.push(Group { id: read.id, title: read.title, keys });
    }
    Ok(out)
}

/// The incidents of this run.
pub fn groups(incidents: &[Incident]) -> Vec<Group> {
    let group = |incident: &Incident| Group {
        id: incident.id.to_string(),
        title: incident.title.render(|p| p.value.clone()),
        keys: incident
            .findings
            .iter()
            .map(|f| (f.key.tenant.to_string(), f.key.product.to_string(), f.key.id.to_string()))
            .collect(),
    };
    incidents.iter().map(group).collect()
}

/// Compares two runs. A function of the two sets: their order does not matter.
pub fn compare(old: &[Group], new: &[Group]) -> Comparison {
    let (mut same, mut differences) = (0, Vec::new());
    for (before, now) in families(old, new) {
        let keys = |groups: &[&Group]| groups.iter().flat_map(|g| g.keys.clone()).collect::<BTreeSet<Key>>();
        let (was, is) = (keys(&before), keys(&now));
        let kind = match (before.len(), now.len()) {
            (0, _) => Kind::Gained,
            (_, 0) => Kind::Lost,
            (1, 1) if was == is => {
                same += 1;
                continue;
            }
            (1, 1) => Kind::Changed,
            (_, 1) => Kind::Merged,
            (1, _) => Kind::Split,
            _ => Kind::Regrouped,
        };
        let largest = now.iter().chain(&before).max_by(|a, b| (a.keys.len(), &b.id).cmp(&(b.keys.len(), &a.id)));
        let ids = |groups: &[&Group]| {
            let mut ids: Vec<String> = groups.iter().map(|g| g.id.clone()).collect();
            ids.sort();
            ids
        };
        differences.push(Difference {
            kind,
            old: ids(&before),
            new: ids(&now),
            findings: (was.len(), is.len()),
            findings_gained: is.difference(&was).count(),
            findings_lost: was.difference(&is).count(),
            title: largest.map(|g| g.title.clone()).unwrap_or_default(),
        });
    }
    differences.sort_by(|a, b| {
        let size = |d: &Difference| std::cmp::Reverse(d.findings.0.max(d.findings.1));
        (a.kind, size(a), &a.old, &a.new).cmp(&(b.kind, size(b), &b.old, &b.new))
    });
    Comparison { incidents: (old.len(), new.len()), same, differences }
}

/// The old and the new incidents that findings connect with each other.
fn families<'g>(old: &'g [Group], new: &'g [Group]) -> Vec<(Vec<&'g Group>, Vec<&'g Group>)> {
    let all: Vec<(bool, &Group)> = old.iter().map(|g| (true, g)).chain(new.iter().map(|g| (false, g))).collect();
    let mut parent: Vec<usize> = (0..all.len()).collect();
    let find = |parent: &mut Vec<usize>, mut at: usize| {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    };
    let mut holder: BTreeMap<&Key, usize> = BTreeMap::new();
    for (at, (_, group)) in all.iter().enumerate() {
        for key in &group.keys {
            let other = *holder.entry(key).or_insert(at);
            let (x, y) = (find(&mut parent, at), find(&mut parent, other));
            parent[x] = y;
        }
    }
    let mut out: BTreeMap<usize, (Vec<&Group>, Vec<&Group>)> = BTreeMap::new();
    for (at, (was, group)) in all.iter().enumerate() {
        let family = out.entry(find(&mut parent, at)).or_default();
        (if *was { &mut family.0 } else { &mut family.1 }).push(group);
    }
    out.into_values().collect()
}

impl Comparison {
    /// The table for eyes, and a line of sums under it.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut folded = Vec::new();
        for alike in self.differences.chunk_by(|a, b| a.kind == b.kind) {
            rows.extend(alike.iter().take(SHOWN_MAX).map(Difference::row));
            if alike.len() > SHOWN_MAX {
                folded.push(format!("{} more {}", alike.len() - SHOWN_MAX, alike[0].kind.word()));
            }
        }
        let _ = writeln!(out, "{BOLD}Compared with the earlier incidents{BOLD:#}");
        if !rows.is_empty() {
            let headings = ["", "before", "now", "findings", "gained", "lost", "title"].map(String::from);
            let right = [false, false, false, true, true, true, false];
            let _ = writeln!(out, "{}", table(&headings, &rows, &right, None));
        }
        if !folded.is_empty() {
            let _ = writeln!(out, "… and {}; --summary has all", folded.join(", "));
        }
        let count = |kind| self.differences.iter().filter(|d| d.kind == kind).count();
        let kinds = [Kind::Merged, Kind::Split, Kind::Regrouped, Kind::Changed, Kind::Gained, Kind::Lost];
        let told: Vec<String> = kinds.iter().map(|k| format!("{} {}", count(*k), k.word())).collect();
        let (before, now) = self.incidents;
        let _ = writeln!(out, "{before} incidents before, {now} now: {} same, {}", self.same, told.join(", "));
        out
    }
}

impl Difference {
    fn row(&self) -> Vec<String> {
        let (before, now) = self.findings;
        let blank = |n: usize, sign: char| if n == 0 { String::new() } else { format!("{sign}{n}") };
        vec![
            self.kind.word().to_owned(),
            short(&self.old),
            short(&self.new),
            if before == now { now.to_string() } else { format!("{before} → {now}") },
            blank(self.findings_gained, '+'),
            blank(self.findings_lost, '-'),
            self.title.clone(),
        ]
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Split => "split",
            Self::Regrouped => "regrouped",
            Self::Changed => "changed",
            Self::Gained => "gained",
            Self::Lost => "lost",
        }
    }
}

/// The first ids, cut to what tells them apart, and how many more.
fn short(ids: &[String]) -> String {
    let first: Vec<&str> = ids.iter().take(3).map(|id| id.get(..8).unwrap_or(id)).collect();
    let more = if ids.len() > 3 { format!(" +{}", ids.len() - 3) } else { String::new() };
    format!("{}{more}", first.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str, keys: &[&str]) -> Group {
        let keys = keys.iter().map(|k| ("t".to_owned(), "p".to_owned(), (*k).to_owned())).collect();
        Group { id: id.into(), title: format!("incident {id}"), keys }
    }

    #[test]
    fn incidents_are_compared_by_their_findings_whatever_their_ids() {
        let old = [
            group("a", &["1", "2"]),
            group("b", &["3"]),
            group("c", &["4", "5"]),
            group("d", &["6"]),
            group("e", &["7"]),
            group("f", &["8", "9"]),
            group("x", &["20", "21"]),
            group("y", &["22", "23"]),
        ];
        let new = [
            group("n1", &["1", "2", "3"]),
            group("n2", &["4"]),
            group("n3", &["5"]),
            group("n4", &["6", "10"]),
            group("n5", &["11"]),
            group("n6", &["8", "9"]),
            group("n7", &["20", "22"]),
            group("n8", &["21", "23"]),
        ];
        let mut told = compare(&old, &new);
        let mut shuffled = new.clone();
        shuffled.reverse();
        assert_eq!(compare(&old, &shuffled), told);
        let row = |d: &Difference| (d.kind, d.old.join(" "), d.new.join(" "), d.findings_gained, d.findings_lost);
        let text = |k, o: &str, n: &str, g, l| (k, o.to_owned(), n.to_owned(), g, l);
        assert_eq!(
            told.differences.iter().map(row).collect::<Vec<_>>(),
            [
                text(Kind::Merged, "a b", "n1", 0, 0),
                text(Kind::Split, "c", "n2 n3", 0, 0),
                text(Kind::Regrouped, "x y", "n7 n8", 0, 0),
                text(Kind::Changed, "d", "n4", 1, 0),
                text(Kind::Gained, "", "n5", 1, 0),
                text(Kind::Lost, "e", "", 0, 1),
            ]
        );
        assert_eq!((told.same, told.incidents), (1, (8, 8)));
        let table = told.table();
        assert!(table.contains("8 incidents before, 8 now: 1 same, 1 merged, 1 split, 1 regrouped"), "{table}");
        let one = told.differences[0].clone();
        told.differences = vec![one; SHOWN_MAX + 5];
        assert!(told.table().contains("… and 5 more merged; --summary has all"));
    }

    #[test]
    fn a_run_compared_with_itself_is_the_same() {
        let all = [group("a", &["1", "2"]), group("b", &["3"])];
        let told = compare(&all, &all);
        assert_eq!((told.same, told.differences.len()), (2, 0));
    }
}
