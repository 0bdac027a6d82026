//! `replay --operational` tells what is wrong with the watching, one line each, the same for every order of files; a suppression silences it.

use crate::ground::program;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const CONTOSO: &str = "11111111-0000-4000-8000-000000000001";
const FABRIKAM: &str = "22222222-0000-4000-8000-000000000002";

/// A guest of a tenant that nobody reads signs in every hour for ten days; the other tenant's sign-ins stop a day earlier.
fn capture(folder: &Path, name: &str) {
    for (tenant, hours, home) in [(CONTOSO, 210, CONTOSO), (FABRIKAM, 240, "99999999-0000-4000-8000-000000000009")] {
        let own = folder.join(format!("{name}{}", &tenant[..2])).join(format!("tenantId={tenant}"));
        fs::create_dir_all(&own).unwrap();
        let row = |hour: usize| {
            let time = format!("2026-03-{:02}T{:02}:00:00Z", 2 + hour / 24, hour % 24);
            format!(
                "{{\"time\":\"{time}\",\"category\":\"SignInLogs\",\"operationName\":\"Sign-in activity\",\"tenantId\":\"{tenant}\",\
                 \"properties\":{{\"id\":\"{hour}\",\"createdDateTime\":\"{time}\",\"userId\":\"55555555-0000-4000-8000-000000000005\",\
                 \"userPrincipalName\":\"kim@x.example\",\"status\":{{\"errorCode\":0}},\"homeTenantId\":\"{home}\",\
                 \"resourceTenantId\":\"{tenant}\",\"crossTenantAccessType\":\"b2bCollaboration\"}}}}\n"
            )
        };
        fs::write(own.join("rows.ndjson"), (0..hours).map(row).collect::<String>()).unwrap();
    }
    let lines = [(CONTOSO, "contoso", "primary"), (FABRIKAM, "fabrikam", "secondary")].map(|(id, name, role)| {
        format!("[[tenant]]\nid = \"{id}\"\nname = \"{name}\"\nrole = \"{role}\"\ndomains = []\n\n")
    });
    fs::write(folder.join("caponier.toml"), lines.concat()).unwrap();
}

fn told(folder: &Path, more: &str) -> (Vec<Value>, Value) {
    let config = folder.join("with.toml");
    fs::write(&config, fs::read_to_string(folder.join("caponier.toml")).unwrap() + more).unwrap();
    let (out, summary, incidents) = (folder.join("operational"), folder.join("summary"), folder.join("incidents"));
    let mut paths = vec!["--config".as_ref(), config.as_os_str(), "replay".as_ref()];
    let mut inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    inputs.sort();
    paths.extend(inputs.iter().map(|p| p.as_os_str()));
    let files =
        ["--operational".as_ref(), out.as_os_str(), "--summary".as_ref(), summary.as_os_str(), "--out".as_ref()];
    let run = program(paths.into_iter().chain(files), [&incidents]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let lines = fs::read_to_string(&out).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap())
}

#[test]
fn what_is_wrong_with_the_watching_is_told_and_can_be_silenced() {
    let folder = TempDir::new().unwrap();
    capture(folder.path(), "a");
    let (lines, summary) = told(folder.path(), "");
    let rules: Vec<_> = lines.iter().map(|l| l["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["orphan_guest", "source_silence"], "{lines:#?}");
    assert_eq!(lines[1]["key"]["tenant"], CONTOSO);
    assert_eq!(
        (&lines[1]["first_activity"], &lines[1]["severity"]),
        (&"2026-03-10T17:00:00Z".into(), &"medium".into())
    );
    assert_eq!(lines[1]["sentence"], "no record of signin for 1 d 6 h, while another tenant's went on");
    assert_eq!(summary["operational"]["source_silence"], 1);
    let row = "[[suppress]]\nrule = \"source_silence\"\nowner = \"soc\"\nreason = \"moved\"\nexpires = 2199-01-01\n";
    let (lines, summary) = told(folder.path(), row);
    assert_eq!((lines.len(), &summary["silenced"]["source_silence"]), (1, &1.into()), "{lines:#?}");
    let again = TempDir::new().unwrap();
    // The folders' names, and so the order in which they are read, say nothing.
    capture(again.path(), "z");
    fs::rename(again.path().join("z11"), again.path().join("zz")).unwrap();
    assert_eq!(told(folder.path(), "").0, told(again.path(), "").0);
}
