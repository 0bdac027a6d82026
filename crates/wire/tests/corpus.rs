//! The public captures that `CAPONIER_CORPUS` names, record by record: what decodes, and why the rest does not.
//!
//! Ignored without the folder. `cargo test -p caponier-wire --test corpus -- --ignored --nocapture` prints the table.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its own helpers too")]

use caponier_model::{Reject, RejectReason, Tenants};
use caponier_wire::{Context, carried, decode, records};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Formats and refusals of one file.
#[derive(Default)]
struct Tally {
    formats: BTreeMap<&'static str, usize>,
    refusals: Vec<Reject>,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "log" || e == "json" || e == "jsonl" || e == "txt") {
            found.push(path);
        }
    }
}

fn read(payload: &[u8], context: &Context<'_>, tally: &mut Tally) {
    for record in records(payload, &context.limits) {
        let record = match record {
            Ok(record) => record,
            Err(broken) => {
                tally.refusals.push(broken.reject);
                continue;
            }
        };
        let context = Context { odata: record.odata.as_deref(), table: record.table.as_deref(), ..*context };
        match decode(&context, &record.bytes) {
            Ok(event) => *tally.formats.entry(event.format).or_default() += 1,
            Err(reject) => match carried(&context, &record.bytes) {
                Some(inner) => read(&inner, &context, tally),
                None => tally.refusals.push(reject),
            },
        }
    }
}

#[test]
#[ignore = "needs the corpus that CAPONIER_CORPUS names"]
fn the_corpus_decodes() {
    let folder = PathBuf::from(std::env::var_os("CAPONIER_CORPUS").expect("CAPONIER_CORPUS names no folder"));
    let mut found = Vec::new();
    files(&folder, &mut found);
    assert!(!found.is_empty(), "{} holds no captures", folder.display());
    let tenants = Tenants::default();
    let context = Context::discovering(&tenants);
    let (mut decoded, mut refused) = (0, 0);
    for path in found {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        let skip = ["-expected.json", "az_mon_schema", "azure-sentinel-schemas", "graphs/", "test-common-config"];
        if skip.iter().any(|s| name.contains(s)) {
            continue;
        }
        let mut tally = Tally::default();
        read(&std::fs::read(&path).unwrap(), &context, &mut tally);
        decoded += tally.formats.values().sum::<usize>();
        refused += tally.refusals.len();
        println!("{name}: {:?}", tally.formats);
        for reject in &tally.refusals {
            println!("    {} {reject}", reject.format.unwrap_or("-"));
        }
        assert!(tally.refusals.iter().all(|r| r.reason != RejectReason::TenantMismatch), "{name}");
    }
    println!("decoded {decoded}, refused {refused}");
    // What is left is not of our families (Windows logs, invitations) or broken on purpose: the table above names each.
    assert!(refused * 50 <= decoded + refused, "more than one record in fifty was refused");
}
