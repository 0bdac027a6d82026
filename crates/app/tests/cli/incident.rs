//! Decisions about incidents through the program: recorded, heeded by the next replay, taken back.

use crate::ground::{GROUND, program};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs words in which `{name}` stands for a file on the desk; the result and what was said on stderr.
    fn run(&self, words: &str) -> (Option<i32>, String, String) {
        let words: Vec<std::ffi::OsString> = words
            .split_whitespace()
            .map(|word| match word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some("captures") => GROUND.captures().into_os_string(),
                Some("config") => GROUND.captures().join("../../caponier.toml").into_os_string(),
                Some(name) => self.path(name).into_os_string(),
                None => word.into(),
            })
            .collect();
        let told = program(words.iter().map(|w| w.as_os_str()), [] as [PathBuf; 0]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (told.status.code(), text(&told.stdout), text(&told.stderr))
    }

    fn done(&self, words: &str) -> String {
        let (code, out, err) = self.run(words);
        assert_eq!(code, Some(0), "{words}: {err}");
        out
    }

    /// The incidents of a replay.
    fn replay(&self, more: &str) -> Vec<Value> {
        self.done(&format!("replay {{captures}} --config {{config}} --out {{incidents}} {more}"));
        let text = fs::read_to_string(self.path("incidents")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const BY: &str = "--author ada --reason ticket_7 --ledger {ledger} --incidents {incidents}";

fn members(incident: &Value) -> usize {
    incident["findings"].as_array().unwrap().len()
}

fn id(incident: &Value) -> &str {
    incident["id"].as_str().unwrap()
}

#[test]
fn decisions_are_recorded_heeded_and_taken_back() {
    let desk = Desk { folder: TempDir::new().unwrap() };
    let calm = desk.replay("--without-ledger");
    let largest = |all: &[Value]| all.iter().max_by_key(|i| members(i)).unwrap().clone();
    let first = largest(&calm);
    let other = calm.iter().find(|i| i["id"] != first["id"]).unwrap().clone();
    desk.done(&format!("incident merge {} {} {BY}", id(&first), id(&other)));
    let merged = desk.replay("--ledger {ledger}");
    assert_eq!(merged.len(), calm.len() - 1);
    let one = merged.iter().find(|i| i["id"] == first["id"]).unwrap();
    assert_eq!(members(one), members(&first) + members(&other));
    assert_eq!(one["decisions"][0]["act"], "merge");
    assert!(one["edges"].to_string().contains("ada decided that both findings belong together"));
    // The same from a file, as the ledger writes it out.
    let lines = desk.done("incident decisions --json --ledger {ledger}");
    fs::write(desk.path("decisions"), &lines).unwrap();
    assert_eq!(desk.replay("--without-ledger --decisions {decisions}"), merged);
    let decision = one["decisions"][0]["id"].as_str().unwrap().to_owned();
    assert!(desk.done("incident decisions --ledger {ledger}").starts_with(&decision));
    desk.done(&format!("incident withdraw {decision} {BY}"));
    assert_eq!(desk.replay("--ledger {ledger}").len(), calm.len());

    desk.done(&format!("incident assign {} --owner bob {BY}", id(&first)));
    let finding = first["findings"][0]["key"]["id"].as_str().unwrap();
    desk.done(&format!("incident split {} --finding {finding} {BY}", id(&first)));
    let split = desk.replay("--ledger {ledger}");
    assert!(split.len() > calm.len());
    let kept = split.iter().find(|i| i["id"] == first["id"]).unwrap();
    assert_eq!((kept["owner"].as_str(), kept["state"].as_str()), (Some("bob"), Some("inProgress")));
    desk.done(&format!("incident close {} --verdict false-positive {BY}", id(kept)));
    let closed = desk.replay("--ledger {ledger}");
    let kept = closed.iter().find(|i| i["id"] == first["id"]).unwrap();
    assert_eq!((kept["verdict"].as_str(), kept["state"].as_str()), (Some("falsePositive"), Some("resolved")));

    for (words, because) in [
        (format!("incident withdraw {} {BY}", "0".repeat(32)), "no decision"),
        (format!("incident split {} --finding nothing {BY}", id(&first)), "has no finding"),
        (format!("incident merge {0} {0} {BY} --author x", id(&first)), "cannot be used multiple times"),
    ] {
        let (code, _, err) = desk.run(&words);
        assert!(code == Some(2) && err.contains(because), "{words}: {err}");
    }
}

/// A line may name incidents by id: what they hold when the journal comes to it is meant, and one that is not there is told.
#[test]
fn a_line_may_name_incidents() {
    let desk = Desk { folder: TempDir::new().unwrap() };
    let calm = desk.replay("--without-ledger");
    let line = |ids: &[&str]| {
        serde_json::json!({
            "schema_version": "1.0", "kind": "incident.merge", "at": "2099-01-01T00:00:00Z", "author": "ada",
            "reason": "one attack", "incidents": ids,
        })
    };
    fs::write(desk.path("decisions"), line(&[id(&calm[0]), id(&calm[1])]).to_string()).unwrap();
    assert_eq!(desk.replay("--without-ledger --decisions {decisions}").len(), calm.len() - 1);
    fs::write(desk.path("decisions"), line(&[id(&calm[0]), "nobody"]).to_string()).unwrap();
    let (code, _, err) =
        desk.run("replay {captures} --config {config} --out {incidents} --without-ledger --decisions {decisions}");
    assert!(code == Some(0) && err.contains("a decision has no effect: no incident nobody is held"), "{err}");
}
