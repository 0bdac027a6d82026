//! What a replay promises: every record in one class, nothing depends on the order of files, copies change counters only.

use crate::ground::{GROUND, program};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn classes(summary: &Value) -> u64 {
    ["used", "quiet", "duplicate", "late", "dead_letter"].iter().map(|c| summary[*c].as_u64().unwrap()).sum()
}

#[test]
fn the_classes_add_up_in_total_and_for_each_format() {
    let summary = &GROUND.calm.summary;
    assert_eq!(classes(summary), summary["records"].as_u64().unwrap());
    for (format, tally) in summary["by_format"].as_object().unwrap() {
        assert_eq!(classes(tally), tally["records"].as_u64().unwrap(), "{format}");
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    let mut paths = Vec::new();
    files(&GROUND.captures(), &mut paths);
    paths.sort();
    paths.reverse();
    let run = GROUND.replay(&paths);
    assert!(run.incidents == GROUND.calm.incidents, "other incidents from the same files in another order");
}

#[test]
fn a_second_copy_of_everything_is_all_duplicates() {
    let folder = TempDir::new().unwrap();
    let mut paths = Vec::new();
    files(&GROUND.captures(), &mut paths);
    for path in &paths {
        let copy = folder.path().join("again").join(path.strip_prefix(GROUND.captures()).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, copy).unwrap();
    }
    let run = GROUND.replay_with(folder.path());
    let calm = &GROUND.calm;
    assert_eq!(run.count("records"), 2 * calm.count("records"));
    assert_eq!(run.count("duplicate"), calm.count("duplicate") + calm.count("records"));
    assert_eq!((run.count("used"), run.count("quiet")), (calm.count("used"), calm.count("quiet")));
    assert!(run.incidents == calm.incidents, "copies changed the incidents");
}

#[test]
fn the_gravest_incident_is_told_and_an_unknown_one_is_not() {
    let folder = TempDir::new().unwrap();
    let incidents = folder.path().join("incidents.ndjson");
    fs::write(&incidents, &GROUND.calm.incidents).unwrap();
    let told = program(["explain", "gravest", "--incidents"].map(OsStr::new), [&incidents]);
    let words = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success());
    for part in ["Who is who", "What happened", "Why each finding is here", "What could be done"] {
        assert!(words.contains(part), "no {part:?} in:\n{words}");
    }
    assert!(!words.contains('\u{1b}'), "colours outside a terminal");
    let told = program(["explain", "no-such-id", "--incidents"].map(OsStr::new), [&incidents]);
    assert_eq!(told.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&told.stderr).contains("no incident in"));
}

#[test]
fn a_sweep_tells_what_each_change_would_do() {
    let folder = TempDir::new().unwrap();
    let (sweep, truth) = (folder.path().join("sweep.toml"), GROUND.captures().join("../truth.ndjson"));
    fs::write(
        &sweep,
        "[base]\nedges.source_incident = false\n[[row]]\nname = \"apart\"\nset = { policy = \"suggest\" }\n",
    )
    .unwrap();
    let words = ["evaluate", "--without-ledger", "--json", "--sweep"].map(OsStr::new);
    let told =
        program(words, [sweep.as_os_str(), OsStr::new("--truth"), truth.as_os_str(), GROUND.captures().as_os_str()]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let rows = &told["captures"][0]["rows"];
    assert_eq!((&rows[0]["base"], &rows[1]["row"]), (&Value::from(true), &Value::from("apart")));
    assert!(rows[0]["scores"]["cross_tenant_recall"].as_f64().unwrap() > 0.8, "{rows:#}");
    assert_eq!(rows[1]["scores"]["cross_tenant_recall"].as_f64(), Some(0.0));
    assert!(rows[1]["difference"]["cross_recall"].as_f64().unwrap() < -0.8);
    assert_eq!(rows[1]["cross_tenant_incidents"], 0);

    fs::write(&sweep, "[base]\nedgse.session = true\n[grid]\nwindows.acount = [1]\n").unwrap();
    let told = program(["evaluate", "--sweep"].map(OsStr::new), [&sweep]);
    let words = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(2));
    assert!(words.contains("edges.session") && words.contains("windows.account"), "{words}");
}

#[test]
fn a_replay_compared_with_itself_is_the_same_and_with_a_part_has_gained() {
    let folder = TempDir::new().unwrap();
    let (old, summary) = (folder.path().join("old.ndjson"), folder.path().join("summary.json"));
    let captures = GROUND.captures();
    let (all, count) = (&GROUND.calm.incidents, GROUND.calm.incidents.iter().filter(|b| **b == b'\n').count() as u64);
    let first_line = all.iter().position(|b| *b == b'\n').unwrap() + 1;
    for (given, same) in [(&all[..], count), (&all[first_line..], count - 1)] {
        fs::write(&old, given).unwrap();
        let words = ["replay", "--without-ledger", "--out", "/dev/null", "--compare"].map(OsStr::new);
        let rest = [old.as_os_str(), OsStr::new("--summary"), summary.as_os_str(), captures.as_os_str()];
        let told = program(words, rest);
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let told: Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
        assert_eq!(told["comparison"]["same"].as_u64(), Some(same), "{:#}", told["comparison"]);
        let kinds: Vec<&Value> =
            told["comparison"]["differences"].as_array().unwrap().iter().map(|d| &d["kind"]).collect();
        assert_eq!(kinds.len() as u64, count - same);
        assert!(kinds.iter().all(|k| *k == "gained"));
    }
}

#[test]
fn evaluate_says_no_below_a_bar() {
    let folder = TempDir::new().unwrap();
    let incidents = folder.path().join("incidents.ndjson");
    fs::write(&incidents, &GROUND.calm.incidents).unwrap();
    let truth = GROUND.captures().join("../truth.ndjson");
    let judge = |bar: &str| {
        let words = ["evaluate", "--min-cross-precision", bar, "--truth"].map(OsStr::new);
        program(words, [&truth, &incidents]).status.code()
    };
    assert_eq!(judge("0.99"), Some(0));
    assert_eq!(judge("1.01"), Some(1));
}

#[test]
fn a_guest_resolves_to_its_home_with_the_evidence() {
    let incidents = String::from_utf8(GROUND.calm.incidents.clone()).unwrap();
    let link = incidents
        .lines()
        .flat_map(|line| serde_json::from_str::<Value>(line).unwrap()["persons"].as_array().unwrap().clone())
        .find_map(|person| person["links"].as_array().unwrap().first().cloned())
        .expect("an incident with a guest in it");
    let (account, home) = (&link["account"], &link["home"]);
    let part = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let (tenant, object) = (part(account, "tenant"), part(account, "object_id"));
    let words = ["resolve", &tenant, &object, "--json", "--captures"].map(OsStr::new);
    let told = program(words, [GROUND.captures()]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let answer: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(answer["home"], *home);
    assert_eq!(answer["via"]["state"], "accepted");
    assert!(!answer["evidence"].as_array().unwrap().is_empty());
}

const NORTH: &str = "0c7d9e5a-8f21-4b36-9d40-5e1f2a3b4c5d";
const EAST: &str = "1d8eaf6b-9032-4c47-8e51-6f203b4c5d6e";
const WORKSPACE: &str = "2e9fb07c-a143-4d58-9f62-70314c5d6e7f";

/// A Sentinel alert on one account, with or without a link that names its tenant.
fn alert(id: &str, tenant_in_link: Option<&str>, account: &str, minute: u32) -> Value {
    let entities = json!([{"$id": "1", "Type": "account", "AadUserId": account}]).to_string();
    json!({"Type": "SecurityAlert", "TenantId": WORKSPACE, "SystemAlertId": id, "VendorOriginalId": id,
        "AlertName": "Something odd", "AlertSeverity": "Medium", "ProviderName": "ASI Scheduled Alerts",
        "StartTime": format!("2026-03-02T10:{minute:02}:00Z"), "EndTime": format!("2026-03-02T10:{minute:02}:30Z"),
        "TimeGenerated": "2026-03-02T11:00:00Z", "Status": "New", "Entities": entities,
        "AlertLink": tenant_in_link.map(|t| format!("https://security.microsoft.com/alerts/{id}?tid={t}"))})
}

/// Replays one file of records and returns the summary and the incidents.
fn replay_records(records: &[(String, Vec<Value>)], config: Option<&str>) -> (Value, Vec<Value>) {
    let folder = TempDir::new().unwrap();
    for (place, values) in records {
        let path = folder.path().join("in").join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let lines: Vec<_> = values.iter().map(Value::to_string).collect();
        fs::write(path, lines.join("\n")).unwrap();
    }
    let file = |name: &str| folder.path().join(name);
    let mut paths = vec![file("summary"), file("in")];
    let mut words: Vec<&OsStr> = vec![OsStr::new("replay"), OsStr::new("--out")];
    let out = file("out");
    words.push(out.as_os_str());
    let configured = file("c.toml");
    if let Some(text) = config {
        fs::write(&configured, text).unwrap();
        words.extend([OsStr::new("--config"), configured.as_os_str()]);
    }
    words.push(OsStr::new("--summary"));
    let told = program(words, paths.drain(..));
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let text = fs::read_to_string(out).unwrap();
    let incidents = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (serde_json::from_slice(&fs::read(file("summary")).unwrap()).unwrap(), incidents)
}

#[test]
fn a_workspace_seen_with_its_tenant_is_that_tenant() {
    let account = "3fa0c18d-b254-4e69-8073-81425d6e7f80";
    let alerts = vec![alert("a-1", Some(NORTH), account, 1), alert("a-2", None, account, 5)];
    let (summary, incidents) = replay_records(&[("alerts.json".into(), alerts)], None);
    assert_eq!(summary["tenants"], 1);
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0]["tenants"][0]["id"], NORTH);
    assert_eq!(incidents[0]["cross_tenant"], false);
}

/// Two members with one immutable id, an alert on each, and perhaps the sign-in that proves them one.
fn two_members(proof: bool) -> Vec<(String, Vec<Value>)> {
    let (home, other) = ("3fa0c18d-b254-4e69-8073-81425d6e7f80", "40b1d29e-c365-4f7a-9184-92536e7f8091");
    let user = |id: &str, upn: &str| {
        json!({"@odata.type": "#microsoft.graph.user", "id": id, "userPrincipalName": upn, "userType": "Member",
            "createdDateTime": "2024-01-01T00:00:00Z", "onPremisesImmutableId": "q83vEjRWeJA="})
    };
    let mut records = Vec::new();
    for (tenant, id, upn) in [(NORTH, home, "ada@north.example"), (EAST, other, "ada@east.example")] {
        records.push((format!("graph/tenantId={tenant}/users.json"), vec![user(id, upn)]));
        let mut alert = alert(&format!("a-{upn}"), None, id, 3);
        alert["TenantId"] =
            if tenant == NORTH { WORKSPACE.into() } else { "51c2e3af-d476-408b-a295-a3647f8091a2".into() };
        records.push((format!("am-SecurityAlert/tenantId={tenant}/rows.json"), vec![alert]));
    }
    if proof {
        let sign_in = json!({"time": "2026-03-02T09:00:30Z", "category": "SignInLogs", "tenantId": EAST, "resultType": "0",
            "properties": {"id": "62d3f4b0-e587-419c-83a6-b4758091a2b3", "createdDateTime": "2026-03-02T09:00:00Z",
                "userId": other, "userPrincipalName": "ada@north.example", "homeTenantId": NORTH,
                "resourceTenantId": EAST, "appId": "73e405c1-f698-42ad-94b7-c58691a2b3c4", "status": {"errorCode": 0}}});
        records.push((format!("insights-logs-signinlogs/tenantId={EAST}/PT1H.json"), vec![sign_in]));
    }
    records
}

#[test]
fn what_two_directories_say_alone_joins_nobody() {
    let (summary, incidents) = replay_records(&two_members(false), None);
    assert_eq!((summary["links"].as_u64(), summary["links_possible"].as_u64()), (Some(0), Some(1)));
    assert!(incidents.iter().all(|i| i["cross_tenant"] == false), "a false bridge");
    let (summary, _) = replay_records(&two_members(true), None);
    assert_eq!(summary["links"], 1);
}

#[test]
fn an_unlisted_pair_suggests_and_a_forbidden_one_is_silent() {
    let tenant =
        |id: &str, name: &str, role: &str| format!("[[tenant]]\nid = \"{id}\"\nname = \"{name}\"\nrole = \"{role}\"\n");
    let tenants = tenant(NORTH, "north", "primary") + &tenant(EAST, "east", "secondary");
    let pair = |merge: &str| format!("{tenants}[[pair]]\nhome = \"north\"\nresource = \"east\"\nmerge = \"{merge}\"\n");
    for (config, merged, related) in
        [(tenants.clone(), false, true), (pair("merge"), true, false), (pair("forbid"), false, false)]
    {
        let (_, incidents) = replay_records(&two_members(true), Some(&config));
        assert_eq!(incidents.iter().any(|i| i["cross_tenant"] == true), merged, "{config}");
        let shown = incidents.iter().any(|i| !i["related"].as_array().unwrap().is_empty());
        assert_eq!(shown, related, "{config}");
    }
}

#[test]
fn an_output_never_takes_the_place_of_an_input() {
    let folder = TempDir::new().unwrap();
    let input = folder.path().join("in.json");
    fs::write(&input, "{}").unwrap();
    for (out, other, what) in [
        (input.clone(), folder.path().join("s"), "is also an input"),
        (folder.path().join("x"), folder.path().join("x"), "name one file"),
        (folder.path().join("no/x"), folder.path().join("s"), "does not exist"),
        (folder.path().to_path_buf(), folder.path().join("s"), "is a folder"),
    ] {
        let words =
            [OsStr::new("replay"), OsStr::new("--out"), out.as_os_str(), OsStr::new("--summary"), other.as_os_str()];
        let told = program(words, [&input]);
        assert_eq!(told.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&told.stderr).contains(what), "{}", String::from_utf8_lossy(&told.stderr));
    }
    assert_eq!(fs::read_to_string(&input).unwrap(), "{}");
}
