//! Rules over Rust sources that no lint expresses: documentation, length, names, purity.

use crate::tree::{PURE, files, files_of, read, verdict};

const LINES_MAX: usize = 800;

/// Files above the limit, with their length. This list may only shrink, and so may the numbers.
const LONG: [(&str, usize); 0] = [];

/// Words that name no responsibility.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "common", "helper", "helpers", "manager", "misc", "types"];

/// What a pure crate's code must not say, and why. Tests are exempt: they may read examples. A `LazyLock` is no state: it
/// holds a table that is a function of constants.
const IMPURE: [(&str, &str); 16] = [
    ("SystemTime", "event time comes from the record"),
    ("Instant", "processing time is an argument"),
    ("std::fs", "bytes are arguments"),
    ("std::io::stdin", "bytes are arguments"),
    ("File::open", "bytes are arguments"),
    ("std::net::Tcp", "no sockets"),
    ("std::net::Udp", "no sockets"),
    ("std::thread", "the caller owns threads"),
    ("std::process", "nothing is started, nobody exits"),
    ("std::env::", "configuration is an argument"),
    ("thread_local!", "no global state"),
    ("static mut", "no global state"),
    ("OnceLock", "no global state"),
    ("RandomState", "order must not depend on a random seed"),
    ("collections::HashMap", "order must not depend on a random seed: sort, or look up with a fixed hash"),
    ("collections::HashSet", "order must not depend on a random seed: sort, or look up with a fixed hash"),
];

fn rust_files() -> Vec<String> {
    ["crates", "tests", "benches", "fuzz"].iter().flat_map(|folder| files_of(folder, "rs")).collect()
}

/// True for files that hold tests only.
fn is_test(name: &str) -> bool {
    name.starts_with("tests/") || name.ends_with("/tests.rs") || name.ends_with("_tests.rs") || name.contains("/tests/")
}

/// The lines before a trailing `#[cfg(test)]` module, with their numbers, comments cut off.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines
        .windows(2)
        .rposition(|w| w[0].trim() == "#[cfg(test)]" && w[1].starts_with("mod ") && w[1].ends_with('{'))
        .unwrap_or(lines.len());
    let keep = |line: &'_ str| -> usize {
        if line.trim_start().starts_with("//") { 0 } else { line.find(" // ").unwrap_or(line.len()) }
    };
    lines.into_iter().take(end).enumerate().map(move |(n, line)| (n + 1, &line[..keep(line)]))
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let opens =
        |name: &String| read(name).lines().find(|l| !l.starts_with("#!")).is_some_and(|l| l.starts_with("//! "));
    let faults: Vec<_> = rust_files().into_iter().filter(|name| !opens(name)).collect();
    verdict("a file opens with `//!`: what it is and what it must not know", &faults);
}

#[test]
fn no_file_is_long() {
    let mut faults = Vec::new();
    for name in rust_files().into_iter().filter(|name| !is_test(name)) {
        let length = code(&read(&name)).count();
        let limit = LONG.iter().find(|(long, _)| *long == name).map_or(LINES_MAX, |(_, lines)| *lines);
        if length > limit {
            faults.push(format!("{name}: {length} lines, {limit} allowed"));
        }
    }
    for (name, lines) in LONG {
        if code(&read(name)).count() < lines {
            faults.push(format!("{name}: shorter than the {lines} lines it is allowed, so lower the number"));
        }
    }
    verdict("a file that is one idea fits in 800 lines", &faults);
}

#[test]
fn a_module_is_named_for_what_it_does() {
    let stem = |name: &str| name.rsplit('/').next().and_then(|f| f.strip_suffix(".rs")).unwrap_or_default().to_owned();
    let empty = |name: &String| {
        EMPTY_NAMES.contains(&stem(name).as_str()) || name.split('/').any(|part| EMPTY_NAMES.contains(&part))
    };
    let faults: Vec<_> = rust_files().into_iter().filter(empty).collect();
    verdict("a name that says nothing gathers everything", &faults);
}

#[test]
fn pure_crates_touch_nothing() {
    let mut faults = Vec::new();
    for name in PURE.iter().flat_map(|c| files_of(&format!("crates/{c}/src"), "rs")).filter(|name| !is_test(name)) {
        let text = read(&name);
        for (number, line) in code(&text) {
            let hit = IMPURE.iter().find(|(word, _)| line.contains(word));
            faults.extend(hit.map(|(word, why)| format!("{name}:{number}: {word}: {why}")));
        }
    }
    verdict("no clock, no I/O, no threads, no global state in a pure crate", &faults);
}

#[test]
fn every_test_runs_and_can_fail() {
    let marks = ["#[ignore", "#[should_panic", "thread::sleep"];
    let mut faults = Vec::new();
    for name in rust_files().into_iter().filter(|name| name != "tests/it/sources.rs") {
        let text = read(&name);
        for (number, line) in text.lines().enumerate() {
            // What needs the corpus cannot run without it; `make corpus` runs it.
            let hit = marks.iter().find(|mark| line.contains(*mark) && !line.contains("CAPONIER_CORPUS"));
            faults.extend(hit.map(|mark| format!("{name}:{}: {mark}", number + 1)));
        }
    }
    verdict("a test is not ignored, does not wait, and says what it expects", &faults);
}

#[test]
fn nothing_names_somebodys_machine() {
    // Examples are data: a path there belongs to an invented host.
    let ours = |name: &String| !name.starts_with("schemas/") && name != "LICENSE";
    let marks = ["work", "root", "Users"].map(|folder| format!("/{folder}/"));
    let mut faults = Vec::new();
    for name in files("").into_iter().filter(ours) {
        let Ok(text) = std::fs::read_to_string(crate::tree::root().join(&name)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    verdict("a path of one machine means nothing on another", &faults);
}
