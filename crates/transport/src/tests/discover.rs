//! Finding inputs: order, names, tenants, loops and faults.

use crate::{Container, Discovery, discover};
use caponier_model::{RejectReason, TenantId};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const TENANT: &str = "6f0e2b1c-9d3a-4c57-8e21-0a4b5c6d7e8f";

fn tree(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}\n").unwrap();
    }
    dir
}

fn found(paths: &[&Path]) -> Discovery {
    discover(&paths.iter().map(|p| p.to_path_buf()).collect::<Vec<_>>())
}

fn names(found: &Discovery) -> Vec<&str> {
    found.inputs.iter().map(|i| &*i.name).collect()
}

#[test]
fn the_order_of_arguments_never_shows() {
    let dir = tree(&["b/SecurityAlert.json", "a/users.jsonl", "a/c/x.json.gz", "z.log"]);
    let [a, b, z] = ["a", "b", "z.log"].map(|n| dir.path().join(n));
    let want = ["SecurityAlert.json", "c/x.json.gz", "users.jsonl", "z.log"];
    for order in [[&a, &b, &z], [&z, &b, &a], [&b, &a, &z]] {
        let paths: Vec<&Path> = order.iter().map(|p| p.as_path()).collect();
        let got = found(&paths);
        assert_eq!(names(&got), want);
        assert_eq!(got, found(&[&a, &b, &z]));
    }
}

#[test]
fn a_place_names_tenant_and_table() {
    let blob = format!("insights-logs-signinlogs/tenantId={TENANT}/y=2026/m=07/d=18/h=14/m=00/PT1H.json");
    let nested =
        format!("TENANTID=11111111-1111-4111-8111-111111111111/tenantid={TENANT}/am-SecurityAlert/part-0.json");
    let cases = [
        (blob.as_str(), true, Some("signinlogs")),
        (nested.as_str(), true, Some("SecurityAlert")),
        ("tenantId=nonsense/users.json", false, Some("users")),
        ("plain/PT1H.json", false, None),
        ("am-AuditLogs.csv", false, Some("AuditLogs")),
        ("deep/signins.2026-07-18.json.gz", false, Some("signins")),
    ];
    for (name, tenant, table) in cases {
        let dir = tree(&[name]);
        let got = found(&[dir.path()]);
        assert_eq!(names(&got), [name]);
        assert_eq!(got.inputs[0].tenant, tenant.then(|| TenantId::parse(TENANT).unwrap()), "{name}");
        assert_eq!(got.inputs[0].table.as_deref(), table, "{name}");
    }
    // The folder counts even where it lies above the argument.
    let dir = tree(&[&blob]);
    let file = dir.path().join(&blob);
    let got = found(&[&file]);
    assert_eq!(names(&got), ["PT1H.json"]);
    assert!(got.inputs[0].tenant.is_some());
    assert_eq!(got.inputs[0].container, Container::Json);
}

#[test]
fn equal_names_are_told_apart_by_their_folders() {
    let dir = tree(&["t1/in/alerts.json", "t2/in/alerts.json", "t2/in/other.json"]);
    let [one, two] = ["t1/in", "t2/in"].map(|n| dir.path().join(n));
    let got = found(&[&two, &one]);
    assert_eq!(names(&got), ["other.json", "t1/in/alerts.json", "t2/in/alerts.json"]);
    assert_eq!(got, found(&[&one, &two]));
}

#[test]
fn a_file_reached_twice_is_read_once() {
    let dir = tree(&["a/x.json", "a/y.json"]);
    symlink(dir.path().join("a/x.json"), dir.path().join("a/zlink.json")).unwrap();
    let (all, sub) = (dir.path().join("a"), dir.path().join("a/x.json"));
    let got = found(&[&sub, &all, &all]);
    assert_eq!(names(&got), ["x.json", "y.json"]);
    assert!(got.skipped.iter().any(|s| s.name == "zlink.json" && s.why.contains("same file")));
}

#[test]
fn loops_dead_links_and_special_files_are_faults_and_the_rest_is_read() {
    let dir = tree(&["a/b/x.json"]);
    symlink(dir.path().join("a"), dir.path().join("a/b/loop")).unwrap();
    symlink(dir.path().join("nowhere"), dir.path().join("a/dead.json")).unwrap();
    symlink("/dev/null", dir.path().join("a/null.json")).unwrap();
    let got = found(&[dir.path()]);
    assert_eq!(names(&got), ["a/b/x.json"]);
    let faults: Vec<_> = got.faults.iter().map(|f| (&*f.position.source, f.reject.reason)).collect();
    let unreadable = RejectReason::Unreadable;
    assert_eq!(faults, [("a/b/loop", unreadable), ("a/dead.json", unreadable), ("a/null.json", unreadable)]);
    assert!(got.faults[0].reject.detail.contains("loop"));
    assert!(got.missing.is_empty());
}

#[test]
fn a_missing_argument_is_not_a_fault_of_the_data() {
    let dir = tree(&["x.json"]);
    let got = discover(&[PathBuf::from("/nonexistent/capture"), dir.path().to_path_buf()]);
    assert_eq!(names(&got), ["x.json"]);
    assert!(got.faults.is_empty());
    assert_eq!(&*got.missing[0].position.source, "/nonexistent/capture");
}

#[test]
fn what_is_no_export_is_listed() {
    let dir = tree(&["README.md", "a.yml", "g.graphml", ".git/config", ".DS_Store", "list.tsv", "x.json", "j.txt"]);
    fs::write(dir.path().join("notes.txt"), "hello").unwrap();
    let got = found(&[dir.path()]);
    assert_eq!(names(&got), ["j.txt", "x.json"]);
    let skipped: Vec<_> = got.skipped.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(skipped, [".DS_Store", ".git", "README.md", "a.yml", "g.graphml", "list.tsv", "notes.txt"]);
    // Named as an argument, a file is read whatever it is called.
    assert_eq!(names(&found(&[&dir.path().join("README.md")])), ["README.md"]);
}
