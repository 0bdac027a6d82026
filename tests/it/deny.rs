//! `deny.toml` held on every test run, over `cargo metadata`, without installing anything. Knows licences and bans, no crate of ours.

use crate::tree::{read_toml, root, verdict};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The dependency tree of this platform, from the lock file and the packages already fetched.
fn metadata() -> Value {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let arguments =
        ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", "x86_64-unknown-linux-gnu"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(tree: &Value) -> impl Iterator<Item = (&str, &Value)> {
    tree["packages"].as_array().unwrap().iter().map(|p| (p["name"].as_str().unwrap(), p))
}

/// Who depends on whom, by package name.
fn dependants(tree: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let names: BTreeMap<&str, &str> = packages(tree).map(|(name, p)| (p["id"].as_str().unwrap(), name)).collect();
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in tree["resolve"]["nodes"].as_array().unwrap() {
        let from = names[node["id"].as_str().unwrap()];
        for to in node["dependencies"].as_array().unwrap() {
            found.entry(names[to.as_str().unwrap()]).or_default().insert(from);
        }
    }
    found
}

/// Whether an SPDX expression can be satisfied from `allowed`. `/` is the older spelling of `OR`.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let answer = any(&words, &mut at, allowed);
    answer && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut answer = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        answer |= all(words, at, allowed);
    }
    answer
}

fn all(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut answer = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        answer &= one(words, at, allowed);
    }
    answer
}

fn one(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let answer = any(words, at, allowed);
        *at += 1;
        return answer;
    }
    if words.get(*at) == Some(&"WITH") {
        let licence = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return allowed.contains(&licence.as_str());
    }
    allowed.contains(word)
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
    for (expression, expected) in [
        ("MIT OR GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("Unlicense/MIT", true),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-3.0 WITH Classpath-exception-2.0", false),
        ("", false),
    ] {
        assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn every_licence_is_on_the_list() {
    let (rules, tree) = (read_toml("deny.toml"), metadata());
    let allowed: Vec<&str> =
        rules["licenses"]["allow"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    let licence = |p: &Value| p["license"].as_str().unwrap_or_default().to_owned();
    let faults: Vec<_> = packages(&tree)
        .filter(|(_, p)| !satisfied(&licence(p), &allowed))
        .map(|(name, p)| format!("{name}: {:?}", licence(p)))
        .collect();
    verdict("a licence that deny.toml does not allow", &faults);
}

#[test]
fn banned_crates_stay_out_and_wrapped_ones_inside() {
    let (rules, tree) = (read_toml("deny.toml"), metadata());
    let dependants = dependants(&tree);
    let mut faults = Vec::new();
    for ban in rules["bans"]["deny"].as_array().unwrap() {
        let name = ban["crate"].as_str().unwrap();
        let wrappers: Option<Vec<&str>> = ban
            .get("wrappers")
            .and_then(toml::Value::as_array)
            .map(|w| w.iter().filter_map(toml::Value::as_str).collect());
        let once = ban.get("deny-multiple-versions").and_then(toml::Value::as_bool) == Some(true);
        let versions = packages(&tree).filter(|(package, _)| *package == name).count();
        if once && versions > 1 {
            faults.push(format!("{name}: {versions} versions"));
        }
        if wrappers.is_none() && !once && versions > 0 {
            faults.push(format!("{name}: banned"));
        }
        for who in dependants.get(name).into_iter().flatten() {
            if wrappers.as_ref().is_some_and(|w| !w.contains(who)) {
                faults.push(format!("{name}: named by {who}, allowed is {wrappers:?}"));
            }
        }
    }
    verdict("deny.toml, bans", &faults);
}
