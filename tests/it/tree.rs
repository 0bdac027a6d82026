//! The checked-out tree as the checks see it: its files, their text, and how faults are reported. Knows no rule.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates that take time, input and configuration as arguments and touch nothing else.
pub const PURE: [&str; 5] = ["model", "wire", "rules", "identity", "correlate"];

/// Folders that hold what was built or written by a run, never by a person.
const SKIPPED: [&str; 4] = ["target", "demo", "artifacts", "node_modules"];

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every file below `folder`, as a path relative to the root with `/`, sorted. Hidden files other than `.ci` are left out.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let mut names: Vec<String> =
        found.iter().map(|p| p.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")).collect();
    names.sort();
    names
}

/// The files below `folder` whose name ends in `.{extension}`.
pub fn files_of(folder: &str, extension: &str) -> Vec<String> {
    let end = format!(".{extension}");
    files(folder).into_iter().filter(|f| f.ends_with(&end)).collect()
}

/// The names of the folders directly below `folder`, sorted.
pub fn folders(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .map(Result::unwrap)
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The text of a file named relative to the root.
pub fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("cannot read {name}: {e}"))
}

/// A TOML file named relative to the root.
pub fn read_toml(name: &str) -> toml::Table {
    read(name).parse().unwrap_or_else(|e| panic!("{name} is not TOML: {e}"))
}

/// Fails with all faults at once, so that one run shows everything that is to be done.
#[track_caller]
pub fn verdict(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}\n  {}", faults.join("\n  "));
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) || (name.starts_with('.') && name != ".ci") {
            continue;
        }
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => walk(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}
