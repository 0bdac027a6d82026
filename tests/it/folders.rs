//! Tables and folders say the same: formats and their schemas, queries and their headers.

use crate::tree::{files, files_of, folders, read, read_toml, verdict};
use std::collections::BTreeSet;

#[test]
fn every_query_says_what_it_proves_who_wrote_it_and_when_it_is_wrong() {
    let mut faults = Vec::new();
    for name in files_of("queries/identity", "sql") {
        let text = read(&name);
        let header: Vec<&str> = text.lines().take_while(|l| l.starts_with("--")).collect();
        for part in ["-- Proves ", "-- Written by ", "-- Wrong if "] {
            if !header.iter().any(|l| l.starts_with(part)) {
                faults.push(format!("{name}: the comment that opens it has no line `{}…`", part.trim_end()));
            }
        }
    }
    verdict("a query that joins people says what it proves, who could have written it, and when it is wrong", &faults);
}

#[test]
fn no_folder_is_empty_but_in_name() {
    let asked = ["queries/identity", "schemas/exports", "schemas/incident", "docs/adr"];
    let faults: Vec<_> = asked.iter().filter(|folder| files(folder).is_empty()).map(|f| (*f).to_owned()).collect();
    verdict("a folder of the design without a file", &faults);
    assert!(!folders("schemas/exports").is_empty());
}

#[test]
fn every_format_has_its_folder_and_every_folder_its_format() {
    let rows: BTreeSet<String> = caponier_wire::exports().map(|row| row.name.to_owned()).collect();
    let folders: BTreeSet<String> = folders("schemas/exports").into_iter().collect();
    let mut faults: Vec<_> =
        rows.difference(&folders).map(|n| format!("EXPORTS has {n}, schemas/exports/{n} is missing")).collect();
    faults.extend(folders.difference(&rows).map(|n| format!("schemas/exports/{n} has no row in EXPORTS")));
    for name in rows.intersection(&folders) {
        let at = format!("schemas/exports/{name}");
        if !files(&at).contains(&format!("{at}/schema.json")) {
            faults.push(format!("{at}/schema.json is missing"));
        }
        if files(&format!("{at}/examples")).is_empty() {
            faults.push(format!("{at}/examples holds nothing"));
        }
    }
    verdict("one row, one folder", &faults);
}

#[test]
fn a_format_name_is_a_row_once() {
    let mut seen = BTreeSet::new();
    let twice: Vec<_> =
        caponier_wire::exports().filter(|row| !seen.insert(row.name)).map(|row| row.name.to_owned()).collect();
    verdict("two rows with one name", &twice);
}

#[test]
fn every_schema_and_json_example_is_json() {
    let mut faults = Vec::new();
    for name in files_of("schemas", "json") {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&read(&name)) {
            faults.push(format!("{name}: {error}"));
        }
    }
    verdict("schemas/", &faults);
}

#[test]
fn every_format_has_a_fuzz_target() {
    let manifest = read_toml("fuzz/Cargo.toml");
    let bins = manifest["bin"].as_array().unwrap();
    let targets: BTreeSet<&str> = bins.iter().filter_map(|b| b.get("name").and_then(toml::Value::as_str)).collect();
    let rows: BTreeSet<&str> = caponier_wire::exports().map(|row| row.name).collect();
    let mut faults: Vec<_> = rows.difference(&targets).map(|n| format!("fuzz/Cargo.toml lacks [[bin]] {n}")).collect();
    let formats = bins.iter().filter(|b| b.get("path").and_then(toml::Value::as_str) == Some("fuzz_targets/format.rs"));
    let named = formats.filter_map(|b| b.get("name").and_then(toml::Value::as_str));
    faults.extend(named.filter(|n| !rows.contains(n)).map(|n| format!("fuzz/Cargo.toml: {n} is no format")));
    verdict("one fuzz target per format", &faults);
}
