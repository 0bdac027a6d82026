//! Operational findings: what is wrong with the watching rather than with what is watched. Their conditions are in code, since they rest on
//! identities, streams and the engine's counters; what they are called, how grave they are and their figures are in files beside the rules.
//! Must not know how any of them is found.

use crate::fault::Fault;
use crate::file::RuleFile;
use crate::logsource::SOURCES;
use crate::vectors::seconds;
use caponier_model::Severity;
use compact_str::CompactString;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One operational finding as its file tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operational {
    /// Its name: one of [`KINDS`].
    pub name: CompactString,
    /// What it finds, in a few words.
    pub title: CompactString,
    /// What it finds, in sentences.
    pub about: CompactString,
    /// How grave.
    pub level: Severity,
    /// ATT&CK techniques it may be a sign of, as `T1562.008`.
    pub techniques: Vec<CompactString>,
    /// Log sources (`caponier/signin`) or the words of [`OTHER_TABLES`] that it reads.
    pub tables: Vec<CompactString>,
    /// Innocent reasons for it.
    pub false_positives: Vec<CompactString>,
    /// Pages to read.
    pub references: Vec<CompactString>,
    settings: BTreeMap<CompactString, i64>,
}

impl Operational {
    /// A figure: seconds of a duration, or a count. What a file does not say is what [`KINDS`] says; 0 where neither does.
    pub fn setting(&self, key: &str) -> i64 {
        let usual = || KINDS.iter().find(|k| k.name == self.name).and_then(|k| k.settings.iter().find(|s| s.0 == key));
        self.settings.get(key).copied().or_else(|| usual().map(|s| s.1)).unwrap_or(0)
    }

    /// The same with another figure, for asking whether its vectors notice.
    #[must_use]
    pub fn with(mut self, key: &str, figure: i64) -> Self {
        self.settings.insert(key.into(), figure);
        self
    }
}

/// A kind of operational finding that the program can make.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Its figures and what they usually are: seconds, or counts.
    pub settings: &'static [(&'static str, i64)],
}

/// Everything the program can find of this sort. A file of another name is a fault, and so is a kind without a file.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "clock_skew",
        settings: &[
            ("ahead", 600),
            ("behind", 900),
            ("behind_provisioning", 86_400),
            ("behind_risky_user", 3_600),
            ("records", 3),
        ],
    },
    Kind { name: "identity_conflict", settings: &[] },
    Kind { name: "orphan_guest", settings: &[] },
    Kind { name: "policy_gap", settings: &[] },
    Kind { name: "prolific_value", settings: &[] },
    Kind { name: "source_silence", settings: &[("history", 604_800), ("least", 21_600), ("factor", 3)] },
    Kind { name: "stale_alias", settings: &[] },
];

/// What operational findings read that is no log source of a rule.
pub const OTHER_TABLES: &[&str] = &["directory", "incidents", "links", "every stream"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: CompactString,
    name: CompactString,
    #[serde(default, rename = "status")]
    _status: Option<String>,
    description: CompactString,
    references: Vec<CompactString>,
    level: String,
    #[serde(default)]
    tags: Vec<String>,
    falsepositives: Vec<CompactString>,
    operational: Said,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    tables: Vec<CompactString>,
    #[serde(default)]
    settings: BTreeMap<CompactString, Figure>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Figure {
    Count(i64),
    Span(String),
}

/// True for the name of a file that tells an operational finding: it lies in a folder `operational`.
pub fn is_operational(file: &str) -> bool {
    file.split(['/', '\\']).rev().skip(1).any(|folder| folder == "operational")
}

/// Reads files, in any order: the findings by name, and every fault. A kind that no file tells is a fault, too.
pub fn read(files: &[RuleFile]) -> (Vec<Operational>, Vec<Fault>) {
    let (mut out, mut faults) = (BTreeMap::new(), Vec::new());
    for file in files {
        let faulty = |rule: Option<&str>, what: String| Fault {
            file: file.name.clone(),
            line: 1,
            rule: rule.map(Into::into),
            what,
            fatal: true,
        };
        match yaml_serde::from_str::<Written>(&file.text) {
            Err(error) => faults.push(faulty(None, format!("is no operational finding: {error}"))),
            Ok(written) => {
                let name = written.name.clone();
                match take(written) {
                    Ok(read) => {
                        if out.insert(name.clone(), read).is_some() {
                            faults.push(faulty(Some(&name), "is told twice; keep one".into()));
                        }
                    }
                    Err(all) => faults.extend(all.into_iter().map(|what| faulty(Some(&name), what))),
                }
            }
        }
    }
    let untold = |kind: &&Kind| faults.is_empty() && !out.contains_key(kind.name);
    let untold: Vec<_> = KINDS.iter().filter(untold).map(|kind| kind.name).collect();
    faults.extend(untold.into_iter().map(|name| Fault {
        file: "operational".into(),
        line: 1,
        rule: Some(name.into()),
        what: "no file tells it; without one it is not found".into(),
        fatal: false,
    }));
    (out.into_values().collect(), faults)
}

fn take(written: Written) -> Result<Operational, Vec<String>> {
    let mut wrong = Vec::new();
    let kind = KINDS.iter().find(|k| k.name == written.name);
    if kind.is_none() {
        let known: Vec<_> = KINDS.iter().map(|k| k.name).collect();
        wrong.push(format!("is none that the program can find; there are {}", known.join(", ")));
    }
    let level = Severity::read(&written.level);
    if level == Severity::Unknown {
        wrong.push(format!("has the level {}; write informational, low, medium, high or critical", written.level));
    }
    for table in &written.operational.tables {
        let source = |s: &&crate::logsource::Source| table.split_once('/') == Some((s.product, s.service));
        if !OTHER_TABLES.contains(&table.as_str()) && !SOURCES.iter().any(|s| source(&s)) {
            wrong.push(format!("reads the table {table}; write product/service or one of {}", OTHER_TABLES.join(", ")));
        }
    }
    let mut settings = BTreeMap::new();
    for (key, figure) in written.operational.settings {
        if kind.is_some_and(|k| !k.settings.iter().any(|s| s.0 == key)) {
            wrong.push(format!("has no setting {key}"));
        }
        match figure {
            Figure::Count(count) => drop(settings.insert(key, count)),
            Figure::Span(text) => match seconds(&text) {
                Ok(span) => drop(settings.insert(key, span)),
                Err(what) => wrong.push(format!("{key}: {what}")),
            },
        }
    }
    let technique = |tag: &String| {
        let id = tag.strip_prefix("attack.")?.to_uppercase();
        id.strip_prefix('T').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).then(|| id.into())
    };
    let techniques = written.tags.iter().filter_map(technique).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(Operational {
        name: written.name,
        title: written.title,
        about: written.description,
        level,
        techniques,
        tables: written.operational.tables,
        false_positives: written.falsepositives,
        references: written.references,
        settings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "title: t\nname: source_silence\ndescription: d\nreferences: [r]\nlevel: medium\n\
        tags: [attack.defense-evasion, attack.t1562.008]\nfalsepositives: [f]\n\
        operational: {tables: [caponier/signin], settings: {least: 2h, factor: 5}}\n";

    fn one(text: &str) -> (Vec<Operational>, Vec<String>) {
        let file = RuleFile { name: "operational/a.yml".into(), text: text.into() };
        let (read, faults) = read(&[file]);
        (read, faults.into_iter().filter(|f| f.fatal).map(|f| f.what).collect())
    }

    #[test]
    fn a_file_says_what_it_changes_and_the_rest_is_usual() {
        let (read, faults) = one(GOOD);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(["least", "factor", "history", "nothing"].map(|key| read[0].setting(key)), [7_200, 5, 604_800, 0]);
        assert_eq!((read[0].level, &read[0].techniques[..]), (Severity::Medium, &["T1562.008".into()][..]));
    }

    #[test]
    fn faults_are_told() {
        for (from, to, why) in [
            ("source_silence", "silence", "none that the program can find"),
            ("medium", "mild", "level"),
            ("caponier/signin", "signin", "table"),
            ("least: 2h", "lest: 2h", "no setting lest"),
            ("2h", "2x", "offset"),
            ("title: t", "tittle: t", "tittle"),
        ] {
            let (read, faults) = one(&GOOD.replace(from, to));
            assert!(read.is_empty() && faults.iter().any(|f| f.contains(why)), "{to}: {faults:?}");
        }
    }

    #[test]
    fn the_folder_tells_what_a_file_is() {
        assert!(is_operational("operational/a.yml") && is_operational("x/operational/a.yml"));
        assert!(!is_operational("trust/operational.yml") && !is_operational("a.yml"));
    }
}
