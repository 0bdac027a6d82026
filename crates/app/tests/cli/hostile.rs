//! Hostile input beside an honest capture: a clear message, a counter, and nothing else lost. Sizes are scaled down by the
//! configuration; `.ci/run` repeats the large ones at full size.

use crate::ground::{GROUND, program};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// A file, the reason its records are refused for, and how many.
struct Case {
    file: &'static str,
    bytes: Vec<u8>,
    reason: &'static str,
    refused: u64,
}

fn case(file: &'static str, bytes: impl Into<Vec<u8>>, reason: &'static str, refused: u64) -> Case {
    Case { file, bytes: bytes.into(), reason, refused }
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
        case("cut.ndjson", "{\"Type\":\"SigninLogs\",\"TimeGenerated\":\"2026-03-0", "malformed", 1),
        case("words.ndjson", "this is no export\nneither is this\n", "malformed", 2),
        case("scalar.ndjson", "17\n\"text\"\n", "not_a_record", 2),
        case("line.ndjson", long, "too_large", 1),
        case("nested.ndjson", nested, "too_deep", 1),
        case(
            "bytes.ndjson",
            b"{\"Type\":\"SigninLogs\",\"UserPrincipalName\":\"\xff\xfe\"}\n".to_vec(),
            "invalid_utf8",
            1,
        ),
        case("stranger.ndjson", "{\"Type\":\"NoSuchTable_CL\",\"x\":1}\n", "unknown_format", 1),
        case("bomb.json.gz", gzip(&vec![b' '; 50_000_000]), "bad_container", 1),
        case("half.json.gz", packed[..packed.len() - 9].to_vec(), "bad_container", 1),
        case("not.parquet", "PAR1 and then nothing of the kind", "bad_container", 1),
    ]
}

/// Replays the capture beside `folder` and checks that the capture's own outcome is untouched.
#[track_caller]
fn check(folder: &Path, reason: &str, refused: u64, name: &str) {
    let (calm, run) = (&GROUND.calm, GROUND.replay_with(folder));
    assert_eq!(run.incidents, calm.incidents, "{name}: the honest capture gives other incidents: {}", run.words);
    assert_eq!(run.refused(reason) - calm.refused(reason), refused, "{name}: {}", run.words);
    for class in ["used", "quiet", "duplicate", "late"] {
        assert_eq!(run.count(class), calm.count(class), "{name}: {class}: {}", run.words);
    }
    assert_eq!(run.count("records"), calm.count("records") + refused, "{name}: {}", run.words);
    assert_eq!(run.dead.len() as u64, run.count("dead_letter"), "{name}: every refusal is kept");
    assert!(run.words.contains(reason), "{name}: the summary names {reason}: {}", run.words);
    assert!(!run.words.contains("panicked"), "{name}: {}", run.words);
}

#[test]
fn each_hostile_file_is_refused_alone() {
    for case in cases() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(case.file), &case.bytes).unwrap();
        check(folder.path(), case.reason, case.refused, case.file);
    }
}

#[test]
fn all_of_them_at_once_add_up() {
    let folder = TempDir::new().unwrap();
    let cases = cases();
    for case in &cases {
        fs::write(folder.path().join(case.file), &case.bytes).unwrap();
    }
    let run = GROUND.replay_with(folder.path());
    assert_eq!(run.incidents, GROUND.calm.incidents);
    let refused: u64 = cases.iter().map(|c| c.refused).sum();
    assert_eq!(run.count("dead_letter"), GROUND.calm.count("dead_letter") + refused);
    let classes = ["used", "quiet", "duplicate", "late", "dead_letter"];
    assert_eq!(classes.iter().map(|class| run.count(class)).sum::<u64>(), run.count("records"));
}

#[test]
fn a_record_from_the_future_is_refused() {
    let folder = TempDir::new().unwrap();
    let row = "{\"Type\":\"SigninLogs\",\"TenantId\":\"0f0f0f0f-0000-4000-8000-000000000000\",\
               \"AADTenantId\":\"abababab-0000-4000-8000-000000000000\",\"TimeGenerated\":\"2199-01-01T00:00:00Z\",\
               \"CreatedDateTime\":\"2199-01-01T00:00:00Z\",\"Id\":\"a1\",\"UserId\":\"cdcdcdcd-0000-4000-8000-000000000000\",\
               \"ResourceTenantId\":\"abababab-0000-4000-8000-000000000000\",\"ResultType\":\"0\"}\n";
    fs::write(folder.path().join("SigninLogs.ndjson"), row).unwrap();
    check(folder.path(), "future_time", 1, "a record of the year 2199");
}

#[cfg(unix)]
#[test]
fn loops_dead_links_and_closed_files_are_named_and_left() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    symlink(folder.path(), folder.path().join("in/loop")).unwrap();
    check(folder.path(), "unreadable", 1, "a directory loop");

    symlink("nowhere.json", folder.path().join("dead.json")).unwrap();
    check(folder.path(), "unreadable", 2, "a link to nothing");

    let closed = folder.path().join("closed.ndjson");
    fs::write(&closed, "{}\n").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads it all the same; then it is a record without a format.
    match fs::File::open(&closed) {
        Err(_) => check(folder.path(), "unreadable", 3, "a file without permission"),
        Ok(_) => check(folder.path(), "unknown_format", 1, "a file without permission, read by the superuser"),
    }
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
