//! What a configuration suppresses is not seen, is counted, and comes back when the suppression has run out.

use crate::ground::{GROUND, program};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const RULE: &str = "title: A guest signs in
name: visit
logsource: {product: caponier, service: signin}
detection:
  selection:
    caponier.side: resource
    caponier.outcome: success
  condition: selection
level: low
";

/// Findings of the rule, and how many were silenced.
fn visits(folder: &Path, suppress: &str) -> (usize, u64) {
    let (rules, config) = (folder.join("rules"), folder.join("caponier.toml"));
    fs::create_dir_all(&rules).unwrap();
    fs::write(rules.join("visit.yml"), RULE).unwrap();
    fs::write(&config, fs::read_to_string(GROUND.config()).unwrap() + suppress).unwrap();
    let (out, summary) = (folder.join("incidents.ndjson"), folder.join("summary.json"));
    let told = program(
        ["--config".as_ref(), config.as_os_str(), "replay".as_ref(), "--rules".as_ref(), rules.as_os_str()],
        ["--out".as_ref(), out.as_os_str(), "--summary".as_ref(), summary.as_os_str(), GROUND.captures().as_os_str()],
    );
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let lines = fs::read_to_string(&out).unwrap();
    let incidents = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let findings = incidents.flat_map(|i| i["findings"].as_array().unwrap().clone());
    let seen = findings.filter(|f| f["key"]["id"].as_str().unwrap().starts_with("visit-")).count();
    let summary: Value = serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap();
    (seen, summary["silenced"]["visit"].as_u64().unwrap_or(0))
}

fn row(expires: &str, more: &str) -> String {
    format!("\n[[suppress]]\nrule = \"visit\"\nowner = \"soc\"\nreason = \"known\"\nexpires = {expires}\n{more}\n")
}

#[test]
fn a_suppressed_rule_is_silent_until_the_suppression_expires() {
    let folder = TempDir::new().unwrap();
    let (all, silent) = visits(folder.path(), "");
    assert!(all > 1 && silent == 0, "{all} findings, {silent} silenced");
    assert_eq!(visits(folder.path(), &row("2199-01-01", "")), (0, all as u64));
    assert_eq!(visits(folder.path(), &row("2001-01-01", "")), (all, 0), "expired long before the capture");
    assert_eq!(visits(folder.path(), &row("2199-01-01", "names = [\"nobody@nowhere.example\"]")), (all, 0));
}

#[test]
fn the_list_of_rules_shows_who_silenced_what_and_whether_it_still_holds() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("caponier.toml");
    let rows = row("2001-01-01", "") + &row("2199-01-01", "").replace("visit", "x01");
    fs::write(&config, fs::read_to_string(GROUND.config()).unwrap() + &rows).unwrap();
    let told = program(["--config".as_ref(), config.as_os_str()], ["rules", "list"].map(OsStr::new));
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let line = |rule: &str, state: &str| text.lines().any(|l| l.starts_with(rule) && l.contains(state));
    assert!(line("visit", "no such rule") && line("x01", "in force"), "{text}");
}
