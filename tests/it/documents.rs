//! Documents that must keep up with the tree: decisions, changelog, Makefile, architecture.

use crate::tree::{files, files_of, folders, read, root, verdict};

#[test]
fn decisions_are_numbered_without_gaps_and_have_three_parts() {
    let mut faults = Vec::new();
    for (index, name) in files_of("docs/adr", "md").iter().enumerate() {
        let text = read(name);
        let number = format!("docs/adr/{:04}-", index + 1);
        if !name.starts_with(&number) {
            faults.push(format!("{name}: expected {number}…"));
        }
        for heading in ["## Context", "## Decision", "## Consequences"] {
            if !text.lines().any(|l| l.trim_end() == heading) {
                faults.push(format!("{name}: no heading `{heading}`"));
            }
        }
    }
    verdict("docs/adr", &faults);
}

#[test]
fn the_changelog_has_room_for_the_next_change() {
    assert!(read("CHANGELOG.md").lines().any(|l| l.starts_with("## Unreleased")), "CHANGELOG.md: no `## Unreleased`");
}

#[test]
fn every_make_target_is_documented_and_every_documented_one_exists() {
    let makefile = read("Makefile");
    let mut faults = Vec::new();
    let phony = makefile.lines().find_map(|l| l.strip_prefix(".PHONY: ")).unwrap_or_default();
    for target in phony.split_whitespace() {
        let rule = makefile.lines().find(|l| l.starts_with(&format!("{target}:")));
        if !rule.is_some_and(|l| l.contains(" ## ")) {
            faults.push(format!("make {target} has no `##` text"));
        }
    }
    let spoken = ["README.md", "CONTRIBUTING.md", ".ci/run"].map(read).join("\n");
    for (at, _) in spoken.match_indices("make ") {
        let word: String = spoken[at + 5..].chars().take_while(char::is_ascii_lowercase).collect();
        let quoted = spoken[..at].ends_with('`') || spoken[..at].ends_with('\n') || spoken[..at].ends_with(' ');
        let known = makefile.lines().any(|l| l.starts_with(&format!("{word}:")));
        if quoted && spoken[..at].ends_with('`') && !known {
            faults.push(format!("`make {word}` is spoken of, and there is no such target"));
        }
    }
    verdict("Makefile", &faults);
}

#[test]
fn the_architecture_names_every_crate() {
    let text = read("ARCHITECTURE.md");
    let named = |folder: &String| text.contains(&format!("`crates/{folder}`"));
    let faults: Vec<_> = folders("crates").into_iter().filter(|folder| !named(folder)).collect();
    verdict("ARCHITECTURE.md: a crate without a place in the code map", &faults);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for name in files("").into_iter().filter(|f| f.ends_with(".md")) {
        let text = read(&name);
        let folder = root().join(&name).parent().unwrap().to_path_buf();
        for (at, _) in text.match_indices("](") {
            let target: String = text[at + 2..].chars().take_while(|c| *c != ')' && *c != '#').collect();
            if !target.is_empty() && !target.contains("://") && !folder.join(&target).exists() {
                faults.push(format!("{name}: {target}"));
            }
        }
    }
    verdict("a link to a file that is not there", &faults);
}

#[test]
fn the_licence_is_the_one_the_crates_name() {
    let text = read("LICENSE");
    assert!(
        text.contains("Apache License") && text.contains("Version 2.0") && text.contains("END OF TERMS AND CONDITIONS")
    );
}
