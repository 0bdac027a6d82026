//! The shape of the workspace: a star around `model`, one heavyweight per crate, one place for versions and lints.

use crate::tree::{PURE, folders, read_toml, root, verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Who may name a heavyweight. `app` names serde_json for what it writes to files; the hot path's JSON is `wire`'s;
/// `rules` because a trait of rsigma's has it in a signature.
const HEAVYWEIGHTS: [(&str, &[&str]); 17] = [
    ("datafusion", &["query"]),
    ("arrow-json", &["transport"]),
    ("parquet", &["transport"]),
    ("csv", &["transport"]),
    ("flate2", &["transport"]),
    ("zstd", &["transport"]),
    ("rdkafka", &["transport"]),
    ("rusqlite", &["ledger"]),
    ("object_store", &["ledger"]),
    ("axum", &["console"]),
    ("prometheus", &["app"]),
    ("azure_identity", &["transport"]),
    ("clap", &["app"]),
    ("rsigma-parser", &["rules"]),
    ("rsigma-eval", &["rules"]),
    ("tokio", &["query", "transport", "ledger", "console"]),
    ("serde_json", &["wire", "transport", "lab", "app", "console", "rules"]),
];

/// Edges between siblings that tests alone need. This list may only shrink.
const SIBLING_TESTS: [(&str, &str); 2] = [("query", "identity"), ("query", "lab")];

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn manifest(folder: &str) -> toml::Table {
    read_toml(&format!("crates/{folder}/Cargo.toml"))
}

fn dependencies(manifest: &toml::Table, table: &str) -> Vec<(String, toml::Value)> {
    let rows = manifest.get(table).and_then(toml::Value::as_table);
    rows.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The folder of one of our crates, from its package name.
fn ours(package: &str) -> Option<&str> {
    if package == "caponier" { Some("app") } else { package.strip_prefix("caponier-") }
}

#[test]
fn siblings_know_only_the_model_and_the_app_wires_them() {
    let mut faults = Vec::new();
    for folder in folders("crates") {
        let manifest = manifest(&folder);
        for table in TABLES {
            for (name, _) in dependencies(&manifest, table) {
                let Some(to) = ours(&name) else { continue };
                let allowed = folder == "app"
                    || (to == "model" && folder != "model")
                    || (table == "dev-dependencies" && SIBLING_TESTS.contains(&(folder.as_str(), to)));
                if !allowed {
                    faults.push(format!("crates/{folder}: [{table}] names {name}"));
                }
            }
        }
    }
    verdict("a crate may depend on caponier-model, and only the app on the others", &faults);
}

#[test]
fn a_heavyweight_is_named_by_its_crate_alone() {
    let mut faults = Vec::new();
    for folder in folders("crates") {
        for (name, _) in dependencies(&manifest(&folder), "dependencies") {
            let Some((_, allowed)) = HEAVYWEIGHTS.iter().find(|(heavy, _)| *heavy == name) else { continue };
            if !allowed.contains(&folder.as_str()) {
                faults.push(format!("crates/{folder} names {name}, which belongs to {allowed:?}"));
            }
        }
    }
    verdict("one heavyweight per crate", &faults);
}

#[test]
fn versions_lints_and_licence_come_from_the_workspace() {
    let mut faults = Vec::new();
    let members =
        folders("crates").into_iter().map(|f| format!("crates/{f}")).chain(["tests", "benches"].map(String::from));
    for member in members {
        let manifest = read_toml(&format!("{member}/Cargo.toml"));
        for table in TABLES {
            for (name, value) in dependencies(&manifest, table) {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    faults.push(format!("{member}: {name} in [{table}] does not say workspace = true"));
                }
            }
        }
        if manifest.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool) != Some(true) {
            faults.push(format!("{member}: [lints] does not say workspace = true"));
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let inherited = manifest["package"].get(key).and_then(|v| v.get("workspace"));
            if inherited.and_then(toml::Value::as_bool) != Some(true) {
                faults.push(format!("{member}: package.{key} is not the workspace's"));
            }
        }
        let package = manifest["package"]["name"].as_str().unwrap_or_default();
        if !member.ends_with(ours(package).unwrap_or("?")) {
            faults.push(format!("{member}: the package is called {package}"));
        }
    }
    verdict("the workspace decides once", &faults);
}

#[test]
fn no_workspace_dependency_is_unused() {
    let mut used = BTreeSet::new();
    let members =
        folders("crates").into_iter().map(|f| format!("crates/{f}")).chain(["tests", "benches"].map(String::from));
    for member in members {
        let manifest = read_toml(&format!("{member}/Cargo.toml"));
        used.extend(TABLES.iter().flat_map(|table| dependencies(&manifest, table)).map(|(name, _)| name));
    }
    let root = read_toml("Cargo.toml");
    let table = root["workspace"]["dependencies"].as_table().unwrap();
    let faults: Vec<_> = table.keys().filter(|name| !used.contains(*name)).cloned().collect();
    verdict("a row of [workspace.dependencies] that nobody uses", &faults);
}

#[test]
fn a_pure_crate_repeats_the_thresholds_and_bans_the_clock() {
    let root = read_toml("clippy.toml");
    let mut faults = Vec::new();
    for name in PURE {
        let own = read_toml(&format!("crates/{name}/clippy.toml"));
        for (key, value) in &root {
            if own.get(key) != Some(value) {
                faults.push(format!("crates/{name}/clippy.toml: {key} is not {value}"));
            }
        }
        let bans = own.get("disallowed-methods").map(ToString::to_string).unwrap_or_default();
        for ban in ["SystemTime::now", "Instant::now", "thread::spawn"] {
            if !bans.contains(ban) {
                faults.push(format!("crates/{name}/clippy.toml does not ban {ban}"));
            }
        }
    }
    verdict("a crate's clippy.toml replaces the root's", &faults);
}

#[test]
fn the_shared_profile_optimises_the_hot_path_and_not_datafusion() {
    let root = read_toml("Cargo.toml");
    let rows = root["profile"]["dev"]["package"].as_table().unwrap();
    let level = |name: &str| rows.get(name).and_then(|r| r.get("opt-level")).and_then(toml::Value::as_integer);
    let hot = ["model", "wire", "rules", "identity", "correlate", "transport"];
    let mut faults: Vec<_> = hot
        .iter()
        .filter(|name| level(&format!("caponier-{name}")) != Some(3))
        .map(|name| format!("caponier-{name} is not at opt-level 3"))
        .collect();
    let slow = rows.keys().filter(|n| n.starts_with("datafusion") || n.starts_with("arrow") || *n == "caponier-query");
    faults.extend(slow.map(|name| format!("{name} would take minutes to build")));
    if level("*").is_some() {
        faults.push("a level for every dependency costs a quarter of an hour".into());
    }
    verdict("[profile.dev] of the workspace", &faults);
}

/// Package and version to features, as cargo resolves them for these arguments.
fn features(arguments: &[&str]) -> BTreeMap<String, String> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let mut command = Command::new(cargo);
    command.args(["tree", "--offline", "--prefix=none", "--format={p} [{f}]"]).args(arguments).current_dir(root());
    let output = command.output().unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = text.lines().filter_map(|line| line.trim_end_matches(" (*)").rsplit_once(" ["));
    rows.map(|(package, features)| (package.to_owned(), features.trim_end_matches(']').to_owned())).collect()
}

#[test]
fn demo_and_tests_share_one_build_of_datafusion() {
    let under = features(&["--package=caponier-query", "--edges=normal,build"]);
    let demo = features(&["--package=caponier", "--edges=normal,build"]);
    let tests = features(&["--workspace", "--exclude=caponier-benches", "--edges=normal,build,dev"]);
    let mut faults = Vec::new();
    for package in under.keys().filter(|p| !p.starts_with("caponier")) {
        let (one, other) = (demo.get(package), tests.get(package));
        if one != other {
            faults.push(format!(
                "{package}: {one:?} in `cargo build -p caponier`, {other:?} in `cargo test --workspace`"
            ));
        }
    }
    verdict("other features mean another build, and DataFusion takes minutes", &faults);
}
