//! `caponier query` as its users meet it: over a capture, over incidents, in every format, with slips and traps.

use crate::ground::{GROUND, program};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// What one question left: exit code, stdout, stderr.
struct Told {
    code: i32,
    out: String,
    err: String,
}

fn ask(words: &[&str], paths: &[PathBuf]) -> Told {
    let words = ["query"].iter().chain(words).map(OsStr::new);
    let told = program(words, paths);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Told { code: told.status.code().unwrap(), out: text(&told.stdout), err: text(&told.stderr) }
}

/// The incidents of the undisturbed replay, as a file.
fn incidents(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("incidents.ndjson");
    fs::write(&file, &GROUND.calm.incidents).unwrap();
    file
}

#[test]
fn a_capture_can_be_asked_who_is_who() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("links.json");
    let sql = "SELECT l.upn, l.home_upn, l.state, l.tenant <> l.home_tenant AS crosses, l.home_tenant_id || '/' || l.home_object_id AS home, \
               home_account(l.tenant, l.object_id) AS bound, person(l.tenant_id, l.object_id) AS person \
               FROM links l WHERE l.valid_until IS NULL ORDER BY l.object_id";
    let told = ask(&[sql, "--format", "json", "--out", out.to_str().unwrap(), "--captures"], &[GROUND.captures()]);
    assert_eq!((told.code, told.out.as_str()), (0, ""), "{}", told.err);
    let rows: Vec<Value> = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    let accepted: Vec<_> = rows.iter().filter(|r| r["state"] == "accepted").collect();
    assert!(accepted.len() > 10, "{} of {}", accepted.len(), rows.len());
    for row in accepted {
        assert!(row["crosses"] == true && row["home"] == row["bound"] && row["home"] == row["person"], "{row}");
    }
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 7);
}

#[test]
fn a_named_question_is_answered() {
    let told = ask(&["@unresolved_guests", "--format", "csv", "--captures"], &[GROUND.captures()]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(told.out.lines().next().unwrap(), "tenant,kind,reason,would_be_home,accounts");
    assert!(told.out.lines().count() > 1, "{}", told.out);
    let told = ask(&["@no_such", "--incidents", "none.ndjson"], &[]);
    assert!(told.code == 2 && told.err.contains("@unresolved_guests"), "{}", told.err);
}

#[test]
fn incidents_and_findings_are_what_replay_wrote() {
    let folder = TempDir::new().unwrap();
    let sql = "SELECT i.incident, i.score, i.tenants, i.first_activity, count(*) AS findings FROM incidents i \
               JOIN findings f ON f.incident = i.incident \
               GROUP BY i.incident, i.score, i.tenants, i.first_activity ORDER BY i.first_activity, i.incident";
    let told = ask(&[sql, "--format", "ndjson", "--incidents"], &[incidents(&folder)]);
    assert_eq!(told.code, 0, "{}", told.err);
    let rows: Vec<Value> = told.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let wanted: Vec<Value> = GROUND
        .calm
        .incidents
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    assert_eq!(rows.len(), wanted.len());
    for (row, incident) in rows.iter().zip(&wanted) {
        assert_eq!(row["incident"], incident["id"]);
        assert_eq!(row["score"], incident["score"]["total"]);
        assert_eq!(row["first_activity"], incident["first_activity"]);
        assert_eq!(row["findings"], incident["findings"].as_array().unwrap().len());
        let names: Vec<_> = incident["tenants"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect();
        assert_eq!(row["tenants"], Value::Array(names));
    }
}

#[test]
fn what_commands_a_spreadsheet_or_a_terminal_is_disarmed() {
    let folder = TempDir::new().unwrap();
    let file = incidents(&folder);
    let sql = "SELECT '=cmd|''/C calc''!A0' AS formula, chr(27) || '[2J' AS escape, -1 AS number, ['+1', 'b'] AS list, NULL AS nothing";
    let csv = ask(&[sql, "--format", "csv", "--incidents"], std::slice::from_ref(&file));
    assert_eq!(csv.out, "formula,escape,number,list,nothing\n'=cmd|'/C calc'!A0,\u{1b}[2J,-1,'+1; b,\n", "{}", csv.err);
    let table = ask(&[sql, "--incidents"], std::slice::from_ref(&file));
    assert!(!table.out.contains('\u{1b}') && table.out.contains("=cmd|"), "{}", table.out);
    let json = ask(&[sql, "--format", "json", "--incidents"], &[file]);
    let rows: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(rows[0]["formula"], "=cmd|'/C calc'!A0");
    assert_eq!(rows[0]["list"], serde_json::json!(["+1", "b"]));
    assert_eq!(rows[0]["nothing"], Value::Null);
}

#[test]
fn a_faulty_question_ends_before_anything_is_read() {
    for (sql, part) in [
        ("SELECT upnn FROM accounts", "did you mean upn?"),
        ("DROP TABLE accounts", "only questions are answered"),
        ("SELECT * FROM findings", "--incidents FILE"),
        ("@nobody", "@dormant_guests"),
    ] {
        let told = ask(&[sql, "--captures"], &["no-such-folder".into()]);
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{sql}");
        assert!(told.err.contains(part) && !told.err.contains("no-such-folder"), "{}", told.err);
    }
    assert_eq!(ask(&["SELECT 1", "--captures"], &["no-such-folder".into()]).code, 2);
    assert_eq!(ask(&["SELECT 1"], &[]).code, 2, "a question needs something to be about");
}

#[test]
fn a_table_for_eyes_ends_somewhere_and_says_so() {
    let folder = TempDir::new().unwrap();
    let told = ask(&["SELECT * FROM generate_series(1, 3000)", "--incidents"], &[incidents(&folder)]);
    assert_eq!((told.code, told.out.lines().count()), (0, 1001), "{}", told.err);
    assert!(told.err.contains("only the first 1 000 rows"), "{}", told.err);
    let told =
        ask(&["SELECT * FROM generate_series(1, 3000)", "--format", "csv", "--incidents"], &[incidents(&folder)]);
    assert_eq!(told.out.lines().count(), 3001);
}

#[test]
fn an_output_does_not_take_the_place_of_an_input() {
    let folder = TempDir::new().unwrap();
    let capture = folder.path().join("sign-ins.json");
    fs::copy(GROUND.captures().join(GROUND.a_sign_in().0), &capture).unwrap();
    let incidents = incidents(&folder);
    for (file, flag) in [(capture, "--captures"), (incidents, "--incidents")] {
        let before = fs::read(&file).unwrap();
        let told = ask(&["SELECT 1", "--out", file.to_str().unwrap(), flag], std::slice::from_ref(&file));
        assert!(told.code == 2 && told.err.contains("also an input"), "{}", told.err);
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[test]
fn the_listing_names_tables_columns_functions_and_questions() {
    let told = ask(&["--tables"], &[]);
    assert_eq!(told.code, 0, "{}", told.err);
    for part in ["accounts", "home_object_id", "home_account(tenant, object_id[, at])", "@dormant_guests", "findings"] {
        assert!(told.out.contains(part), "{part}");
    }
}
