//! Tables and folders say the same: formats and their schemas, queries and their headers.

use crate::tree::{files, files_of, folders, read, verdict};

#[test]
fn every_query_says_what_it_reads_proves_and_cannot() {
    let mut faults = Vec::new();
    for name in files_of("queries", "sql") {
        let text = read(&name);
        let header: Vec<&str> = text.lines().take_while(|l| l.starts_with("--")).collect();
        if header.len() < 3 {
            faults.push(format!("{name}: opens with {} lines of comment, three parts are asked", header.len()));
        }
    }
    verdict("a query opens with what it asks, what it rests on, and what it must not be used for", &faults);
}

#[test]
fn no_folder_is_empty_but_in_name() {
    let asked = ["queries/identity", "schemas/exports", "schemas/incident", "docs/adr"];
    let faults: Vec<_> = asked.iter().filter(|folder| files(folder).is_empty()).map(|f| (*f).to_owned()).collect();
    verdict("a folder of the design without a file", &faults);
    assert!(!folders("schemas/exports").is_empty());
}
