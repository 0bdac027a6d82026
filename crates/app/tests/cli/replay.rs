//! What a replay promises: every record in one class, nothing depends on the order of files, copies change counters only.

use crate::ground::{GROUND, program};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn classes(summary: &Value) -> u64 {
    ["used", "quiet", "duplicate", "late", "dead_letter"].iter().map(|c| summary[*c].as_u64().unwrap()).sum()
}

#[test]
fn the_classes_add_up_in_total_and_for_each_format() {
    let summary = &GROUND.calm.summary;
    assert_eq!(classes(summary), summary["records"].as_u64().unwrap());
    for (format, tally) in summary["by_format"].as_object().unwrap() {
        assert_eq!(classes(tally), tally["records"].as_u64().unwrap(), "{format}");
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    let mut paths = Vec::new();
    files(&GROUND.captures(), &mut paths);
    paths.sort();
    paths.reverse();
    let run = GROUND.replay(&paths);
    assert!(run.incidents == GROUND.calm.incidents, "other incidents from the same files in another order");
}

#[test]
fn a_second_copy_of_everything_is_all_duplicates() {
    let folder = TempDir::new().unwrap();
    let mut paths = Vec::new();
    files(&GROUND.captures(), &mut paths);
    for path in &paths {
        let copy = folder.path().join("again").join(path.strip_prefix(GROUND.captures()).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, copy).unwrap();
    }
    let run = GROUND.replay_with(folder.path());
    let calm = &GROUND.calm;
    assert_eq!(run.count("records"), 2 * calm.count("records"));
    assert_eq!(run.count("duplicate"), calm.count("duplicate") + calm.count("records"));
    assert_eq!((run.count("used"), run.count("quiet")), (calm.count("used"), calm.count("quiet")));
    assert!(run.incidents == calm.incidents, "copies changed the incidents");
}

#[test]
fn the_gravest_incident_is_told_and_an_unknown_one_is_not() {
    let folder = TempDir::new().unwrap();
    let incidents = folder.path().join("incidents.ndjson");
    fs::write(&incidents, &GROUND.calm.incidents).unwrap();
    let told = program(["explain", "gravest", "--incidents"].map(OsStr::new), [&incidents]);
    let words = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success());
    for part in ["Who is who", "What happened", "Why each finding is here", "What could be done"] {
        assert!(words.contains(part), "no {part:?} in:\n{words}");
    }
    assert!(!words.contains('\u{1b}'), "colours outside a terminal");
    let told = program(["explain", "no-such-id", "--incidents"].map(OsStr::new), [&incidents]);
    assert_eq!(told.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&told.stderr).contains("no incident in"));
}

#[test]
fn evaluate_says_no_below_a_bar() {
    let folder = TempDir::new().unwrap();
    let incidents = folder.path().join("incidents.ndjson");
    fs::write(&incidents, &GROUND.calm.incidents).unwrap();
    let truth = GROUND.captures().join("../truth.ndjson");
    let judge = |bar: &str| {
        let words = ["evaluate", "--min-cross-precision", bar, "--truth"].map(OsStr::new);
        program(words, [&truth, &incidents]).status.code()
    };
    assert_eq!(judge("0.99"), Some(0));
    assert_eq!(judge("1.01"), Some(1));
}

#[test]
fn a_guest_resolves_to_its_home_with_the_evidence() {
    let incidents = String::from_utf8(GROUND.calm.incidents.clone()).unwrap();
    let link = incidents
        .lines()
        .flat_map(|line| serde_json::from_str::<Value>(line).unwrap()["persons"].as_array().unwrap().clone())
        .find_map(|person| person["links"].as_array().unwrap().first().cloned())
        .expect("an incident with a guest in it");
    let (account, home) = (&link["account"], &link["home"]);
    let part = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let (tenant, object) = (part(account, "tenant"), part(account, "object_id"));
    let words = ["resolve", &tenant, &object, "--json", "--captures"].map(OsStr::new);
    let told = program(words, [GROUND.captures()]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let answer: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(answer["home"], *home);
    assert_eq!(answer["via"]["state"], "accepted");
    assert!(!answer["evidence"].as_array().unwrap().is_empty());
}
