//! Hostile input beside an honest capture: a clear message, a counter, and nothing else lost. Sizes are scaled down by the
//! configuration; `.ci/run` repeats the large ones at full size.

use crate::ground::{GROUND, Run, program};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// A file, and the reasons its records are refused for.
struct Case {
    file: &'static str,
    bytes: Vec<u8>,
    reasons: &'static [&'static str],
}

fn case(file: &'static str, bytes: impl Into<Vec<u8>>, reasons: &'static [&'static str]) -> Case {
    Case { file, bytes: bytes.into(), reasons }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn cases() -> Vec<Case> {
    let long = format!("{{\"Type\":\"SigninLogs\",\"x\":\"{}\"}}\n", "a".repeat(3_000_000));
    let nested = format!("{{\"Type\":\"SigninLogs\",\"x\":{}{}}}\n", "[".repeat(200_000), "]".repeat(200_000));
    let packed = gzip(b"{\"Type\":\"SigninLogs\"}\n");
    vec![
        case("cut.ndjson", "{\"Type\":\"SigninLogs\",\"TimeGenerated\":\"2026-03-0", &["malformed"]),
        case("words.ndjson", "this is no export\nneither is this\n", &["malformed", "malformed"]),
        case("scalar.ndjson", "17\n\"text\"\n", &["not_a_record", "not_a_record"]),
        case("line.ndjson", long, &["too_large"]),
        case("nested.ndjson", nested, &["too_deep"]),
        case(
            "bytes.ndjson",
            b"{\"Type\":\"SigninLogs\",\"UserPrincipalName\":\"\xff\xfe\"}\n".to_vec(),
            &["invalid_utf8"],
        ),
        case("stranger.ndjson", "{\"Type\":\"NoSuchTable_CL\",\"x\":1}\n", &["unknown_format"]),
        case("bomb.json.gz", gzip(&vec![b' '; 50_000_000]), &["bad_container"]),
        // What could be read before the stream broke is a record, if one that nobody owns.
        case("half.json.gz", packed[..packed.len() - 9].to_vec(), &["unknown_tenant", "bad_container"]),
        case("not.parquet", "PAR1 and then nothing of the kind", &["bad_container"]),
    ]
}

/// Replays the capture beside `folder`: its own outcome is untouched, and exactly `refused` comes on top.
#[track_caller]
fn check(folder: &Path, refused: &[(String, &str)]) -> Run {
    let (calm, run) = (&GROUND.calm, GROUND.replay_with(folder));
    assert_eq!(run.incidents, calm.incidents, "the honest capture gives other incidents: {}", run.words);
    for class in ["used", "quiet", "duplicate", "late"] {
        assert_eq!(run.count(class), calm.count(class), "{class}: {}", run.words);
    }
    let more = refused.len() as u64;
    assert_eq!(run.count("records"), calm.count("records") + more, "{}", run.words);
    assert_eq!(run.count("dead_letter"), calm.count("dead_letter") + more, "{}", run.words);
    assert_eq!(run.dead.len() as u64, run.count("dead_letter"), "every refusal is kept");
    for (file, reason) in refused {
        let named =
            run.dead.iter().any(|d| d["source"].as_str().is_some_and(|s| s.ends_with(file)) && d["reason"] == *reason);
        assert!(named, "no dead letter says {reason} of {file}: {:?}", run.dead);
        assert!(run.words.contains(reason) && run.refused(reason) > 0, "the summary counts {reason}: {}", run.words);
    }
    assert!(!run.words.contains("panicked"), "{}", run.words);
    run
}

#[test]
fn hostile_files_are_refused_each_for_its_reason_and_nothing_else_is_lost() {
    let folder = TempDir::new().unwrap();
    let mut refused = Vec::new();
    for case in cases() {
        fs::write(folder.path().join(case.file), &case.bytes).unwrap();
        refused.extend(case.reasons.iter().map(|reason| (case.file.to_owned(), *reason)));
    }
    let run = check(folder.path(), &refused);
    let classes = ["used", "quiet", "duplicate", "late", "dead_letter"];
    assert_eq!(classes.iter().map(|class| run.count(class)).sum::<u64>(), run.count("records"));
    for letter in &run.dead {
        assert!(letter["detail"].as_str().is_some_and(|d| !d.is_empty()), "a person is told what and where: {letter}");
    }
}

#[test]
fn a_record_from_the_future_is_refused() {
    let folder = TempDir::new().unwrap();
    let (path, line) = GROUND.a_sign_in();
    let into = folder.path().join(&path);
    fs::create_dir_all(into.parent().unwrap()).unwrap();
    fs::write(&into, line.replace("2026-", "2199-")).unwrap();
    check(folder.path(), &[("PT1H.json".to_owned(), "future_time")]);
}

#[cfg(unix)]
#[test]
fn loops_dead_links_and_closed_files_are_named_and_left() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    symlink(folder.path(), folder.path().join("in/loop")).unwrap();
    symlink("nowhere.json", folder.path().join("dead.json")).unwrap();
    let closed = folder.path().join("closed.ndjson");
    fs::write(&closed, "{}\n").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads it all the same; then it is a record without a format.
    let closed = if fs::File::open(&closed).is_err() { "unreadable" } else { "unknown_format" };
    let refused = [("in/loop", "unreadable"), ("dead.json", "unreadable"), ("closed.ndjson", closed)];
    check(folder.path(), &refused.map(|(file, reason)| (file.to_owned(), reason)));
}

#[test]
fn a_missing_path_stops_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("incidents.ndjson");
    let words = ["replay", "no-such-folder", "--out"].map(OsStr::new);
    let told = program(words, [&out]);
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("no-such-folder") && stderr.contains("check the path"), "{stderr}");
    assert!(!out.exists());
}

#[test]
fn a_configuration_with_five_faults_names_all_five() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("caponier.toml");
    let text = "epok = 2\n\n[[tenant]]\nid = \"not-a-guid\"\nname = \"a\"\nrole = \"primary\"\n\n[[tenant]]\n\
                id = \"abababab-0000-4000-8000-000000000000\"\nname = \"b\"\nrole = \"tertiary\"\n\n\
                [limits]\ndepth = \"deep\"\n\n[[pair]]\nhome = \"a\"\nresource = \"nobody\"\nmerge = \"always\"\n";
    fs::write(&config, text).unwrap();
    let told = program(["config", "check", "--config"].map(OsStr::new), [&config]);
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(2), "{stderr}");
    for part in ["did you mean \"epoch\"", "not-a-guid", "tertiary", "limits.depth", "always"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    for line in ["line 1:", "line 4:", "line 11:", "line 14:", "line 19:"] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
}
