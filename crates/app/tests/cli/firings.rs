//! What the rules fire on: every staged attack and no innocent twin; and in the public captures only what is listed with its reason.

use crate::ground::program;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Replays with `--firings`; the lines that it wrote.
fn firings(folder: &Path, config: Option<&Path>, captures: &Path) -> Vec<Value> {
    let path = folder.join("firings.ndjson");
    let config: Vec<&OsStr> = config.map_or_else(Vec::new, |c| vec![OsStr::new("--config"), c.as_os_str()]);
    let incidents = folder.join("incidents.ndjson");
    let rest = [OsStr::new("--out"), incidents.as_os_str(), OsStr::new("--firings"), path.as_os_str()];
    let told = program(config.into_iter().chain([OsStr::new("replay"), captures.as_os_str()]), rest);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    fs::read_to_string(path).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn every_staged_attack_is_found_by_its_rule_and_no_twin_is() {
    let folder = TempDir::new().unwrap();
    let lab = folder.path().join("lab");
    let plan =
        ["simulate", "--people", "60", "--days", "2", "--tenants", "3", "--attacks", "2", "--scenarios", "--out"];
    let told = program(plan.map(OsStr::new), [&lab]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let fired = firings(folder.path(), Some(&lab.join("caponier.toml")), &lab.join("captures"));
    assert!(fired.len() > 30, "only {} firings", fired.len());
    let (truth, lines) = (lab.join("truth.ndjson"), folder.path().join("firings.ndjson"));
    let judged =
        program(["evaluate", "--truth"].map(OsStr::new), [truth.as_os_str(), "--firings".as_ref(), lines.as_os_str()]);
    let words = format!("{}{}", String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success(), "{words}");
    // A run whose rules find nothing is told so.
    fs::write(&lines, "").unwrap();
    let judged =
        program(["evaluate", "--truth"].map(OsStr::new), [truth.as_os_str(), "--firings".as_ref(), lines.as_os_str()]);
    assert_eq!(judged.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&judged.stderr).contains("x01 does not find its staged attack"));
}

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Rule and first record of each firing, with how many records it rests on and the list's reason.
#[test]
fn corpus_firings_are_all_listed() {
    let Some(corpus) = std::env::var_os("CAPONIER_CORPUS").map(PathBuf::from) else { return };
    let folder = TempDir::new().unwrap();
    let mut found = BTreeMap::new();
    for line in firings(folder.path(), None, &corpus) {
        let records = line["records"].as_array().unwrap();
        let first = format!("{}/{}", records[0]["tenant"].as_str().unwrap(), records[0]["record"].as_str().unwrap());
        found.insert((line["rule"].as_str().unwrap().to_owned(), first), records.len().to_string());
    }
    let listed = fs::read_to_string(root().join("tests/data/corpus_firings.tsv")).unwrap();
    let listed: Vec<Vec<&str>> = listed.lines().skip(2).map(|l| l.split('\t').collect()).collect();
    let mut rows = String::new();
    for ((rule, first), records) in &found {
        let why = listed.iter().find(|row| row[0] == rule && row[1] == first && row[2] == records).map(|row| row[3]);
        let why =
            why.unwrap_or_else(|| panic!("not listed in tests/data/corpus_firings.tsv: {rule}\t{first}\t{records}"));
        let _ = writeln!(rows, "| {rule} | {first} | {records} | {why} |");
    }
    assert_eq!(found.len(), listed.len(), "the list has lines that nothing fires on any more");
    let table = if rows.is_empty() {
        "None of the rules fires.\n".to_owned()
    } else {
        format!("| rule | first record | records | reason |\n|---|---|---|---|\n{rows}")
    };
    let page = format!("{PAGE}{table}");
    let path = root().join("docs/rules-corpus.md");
    if std::env::var_os("CAPONIER_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), page, "CAPONIER_BLESS=1 writes docs/rules-corpus.md anew");
}

const PAGE: &str = "# What the rules fire on in real records

`caponier replay CORPUS --firings FILE` over the public captures that `CAPONIER_CORPUS` names (docs/corpus.md), no configuration, all rules that come with the
program. Every firing stands here with its reason, from `tests/data/corpus_firings.tsv`; the test `corpus_firings_are_all_listed` fails on one that does not.
The captures are of single tenants, mostly of days apart and of other people each: that rules about two tenants are silent on them says little for the rules.

";
