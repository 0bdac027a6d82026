//! The readings of the real incidents as folders that the program reads, each with its truth beside it. Knows no engine.

use caponier_model::{EventTime, Guid};
use caponier_wire::parse_time;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FIRST: &str = "a59fc703-72db-43e0-8a21-0494303b7220";
const SECOND: &str = "b59fc703-72db-43e0-8a21-0494303b7221";
/// What turns a home object id into its guest's.
const GUEST: u128 = 0x5ec0_0000_0000_0000_0000_0000_0000_0000;

type Row = BTreeMap<String, String>;

/// The alerts of the incidents, without what tells their incident.
pub struct Capture {
    alerts: Vec<Row>,
    /// The same with everything that they say.
    answered: Vec<Row>,
    /// Alert id -> incident number.
    pub truth: BTreeMap<String, usize>,
}

/// The alerts and their incidents, where `CAPONIER_CORPUS` names the folder that holds them.
pub fn load() -> Option<Capture> {
    let folder = PathBuf::from(std::env::var_os("CAPONIER_CORPUS")?).join("secrl-excytin");
    let mut truth = BTreeMap::new();
    for (number, row) in rows(&folder.join("SecurityIncident.csv")).iter().enumerate() {
        for id in serde_json::from_str::<Vec<String>>(&row["AlertIds"]).unwrap() {
            truth.insert(id, number);
        }
    }
    let answered = rows(&folder.join("SecurityAlert.csv"));
    let alerts: Vec<Row> = answered.iter().cloned().map(without_answer).collect();
    truth.retain(|id, _| alerts.iter().any(|a| a["SystemAlertId"] == *id));
    assert_eq!((alerts.len(), truth.len()), (126, 126));
    Some(Capture { alerts, answered, truth })
}

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// The incident's number stands inside the alert: with it left in, the answer would be given away.
fn without_answer(mut row: Row) -> Row {
    let properties = row.get_mut("ExtendedProperties").unwrap();
    if let Ok(Value::Object(mut map)) = serde_json::from_str::<Value>(properties) {
        map.retain(|key, _| !key.to_ascii_lowercase().contains("incident"));
        *properties = Value::Object(map).to_string();
    }
    row
}

/// Every object of a JSON text, children after their parents.
fn each_object(value: &mut Value, act: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            act(map);
            map.values_mut().for_each(|v| each_object(v, act));
        }
        Value::Array(list) => list.iter_mut().for_each(|v| each_object(v, act)),
        _ => {}
    }
}

fn entities(row: &mut Row, act: &mut dyn FnMut(&mut Map<String, Value>)) {
    let text = row.get_mut("Entities").unwrap();
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        each_object(&mut value, act);
        *text = value.to_string();
    }
}

fn change(map: &mut Map<String, Value>, keys: &[&str], act: impl Fn(&str) -> String) {
    for key in keys {
        if let Some(Value::String(text)) = map.get_mut(*key) {
            *text = act(text);
        }
    }
}

fn mixed(guid: &str, with: u128) -> String {
    Guid::parse(guid).map_or_else(|| guid.to_owned(), |g| Guid::from_u128(g.as_u128() ^ with).to_string())
}

/// Shifts all incidents to one start and renames accounts and devices per incident.
fn overlay(capture: &Capture) -> Vec<Row> {
    const TIMES: [&str; 4] = ["StartTime", "EndTime", "TimeGenerated", "ProcessingEndTime"];
    let time = |row: &Row, key: &str| parse_time(&row[key]).unwrap();
    let mut starts = BTreeMap::<usize, EventTime>::new();
    for row in &capture.alerts {
        let start = time(row, "StartTime");
        let entry = starts.entry(capture.truth[&row["SystemAlertId"]]).or_insert(start);
        *entry = start.min(*entry);
    }
    let origin = parse_time("2024-07-01T00:00:00Z").unwrap();
    let mut out = Vec::new();
    for row in &capture.alerts {
        let number = capture.truth[&row["SystemAlertId"]];
        let shift = origin.nanos() - starts[&number].nanos();
        let mut row = row.clone();
        for key in TIMES {
            let moved = EventTime::from_nanos(time(&row, key).nanos() + shift).to_string();
            row.insert(key.into(), moved);
        }
        rename(&mut row, number);
        out.push(row);
    }
    out
}

fn rename(row: &mut Row, number: usize) {
    let guid = |text: &str| mixed(text, (number as u128 + 1) << 64);
    let name = |text: &str| format!("i{number}-{text}");
    let sid = |text: &str| format!("{text}{number}");
    entities(row, &mut |map| {
        let kind = map.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_account = kind == "account" || map.contains_key("AccountName");
        if is_account {
            change(map, &["Name", "AccountName", "UserPrincipalName", "DisplayName"], name);
            change(map, &["AadUserId"], guid);
            change(map, &["Sid"], sid);
        }
        if kind == "host" {
            change(map, &["HostName", "NetBiosName", "FQDN"], name);
            change(map, &["AadDeviceId"], guid);
            change(map, &["MdatpDeviceId"], |text| format!("{number:02x}{}", &text[2..]));
        }
        if kind == "mailbox" {
            change(map, &["MailboxPrimaryAddress", "Upn", "DisplayName"], name);
            change(map, &["AadId"], guid);
        }
    });
    let compromised = name(&row["CompromisedEntity"]);
    row.insert("CompromisedEntity".into(), compromised);
}

/// Hosts that an alert names, folded.
fn hosts(row: &Row) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    entities(&mut row.clone(), &mut |map| {
        if map.get("Type").and_then(Value::as_str) == Some("host")
            && let Some(name) = map.get("HostName").and_then(Value::as_str)
        {
            found.insert(name.to_ascii_lowercase());
        }
    });
    found
}

/// Half of the devices. Those that one alert names stay together: a product sees the devices of its own tenant only.
fn moved_devices(capture: &Capture) -> BTreeSet<String> {
    let mut clusters: Vec<BTreeSet<String>> = Vec::new();
    for named in capture.alerts.iter().map(hosts).filter(|named| !named.is_empty()) {
        let (mut touched, apart): (Vec<_>, Vec<_>) = clusters.into_iter().partition(|c| !c.is_disjoint(&named));
        touched.push(named);
        clusters = apart;
        clusters.push(touched.into_iter().flatten().collect());
    }
    clusters.sort();
    let half = clusters.iter().map(BTreeSet::len).sum::<usize>() / 2;
    let mut moved = BTreeSet::new();
    for cluster in clusters {
        if moved.len() + cluster.len() <= half {
            moved.extend(cluster);
        }
    }
    assert_eq!(moved.len(), half);
    moved
}

/// The rows of the first and of the second tenant, and the accounts that appear as guests in the second.
fn two_tenants(capture: &Capture) -> (Vec<Row>, Vec<Row>, BTreeMap<String, String>) {
    let moved = moved_devices(capture);
    let mut accounts = BTreeMap::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for row in &capture.alerts {
        if hosts(row).is_disjoint(&moved) {
            first.push(row.clone());
        } else {
            let mut row = row.clone();
            to_guests(&mut row, &mut accounts);
            row.insert("AlertLink".into(), String::new());
            second.push(row);
        }
    }
    (first, second, accounts)
}

fn to_guests(row: &mut Row, accounts: &mut BTreeMap<String, String>) {
    entities(row, &mut |map| {
        let Some(id) = map.get("AadUserId").and_then(Value::as_str).map(str::to_owned) else { return };
        let name = map.get("Name").and_then(Value::as_str).unwrap_or("unnamed").to_ascii_lowercase();
        let upn = map.get("UserPrincipalName").and_then(Value::as_str).map(str::to_ascii_lowercase);
        let upn = upn.unwrap_or_else(|| format!("{name}@alpineskihouse.co"));
        accounts.entry(id.clone()).or_insert_with(|| upn.clone());
        map.insert("AadUserId".into(), mixed(&id, GUEST).into());
        map.insert("UserPrincipalName".into(), guest_upn(&upn).into());
        map.remove("Sid");
        map.remove("UPNSuffix");
        map.remove("AadTenantId");
        map.insert("Name".into(), guest_upn(&upn).into());
    });
}

fn guest_upn(home: &str) -> String {
    format!("{}#ext#@second.onmicrosoft.com", home.replace('@', "_"))
}

fn write_rows(folder: &Path, tenant: &str, rows: &[Row]) {
    let folder = folder.join("captures/am-SecurityAlert").join(format!("tenantId={tenant}"));
    fs::create_dir_all(&folder).unwrap();
    let lines: Vec<_> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
    fs::write(folder.join("SecurityAlert.json"), lines.join("\n")).unwrap();
}

/// The truth in the form that `caponier evaluate` reads.
fn write_truth(folder: &Path, capture: &Capture, by_tenant: &[(&str, &[Row])]) {
    let lines: Vec<_> = by_tenant
        .iter()
        .flat_map(|(tenant, rows)| rows.iter().map(move |row| (tenant, &row["SystemAlertId"])))
        .map(|(tenant, id)| {
            json!({"type": "finding", "tenant": tenant, "product": "any", "id": id, "label": "attack",
                "attack": format!("I{}", capture.truth[id]), "sightings": [{"format": "SecurityAlert", "id": id}]})
            .to_string()
        })
        .collect();
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("truth.ndjson"), lines.join("\n")).unwrap();
}

/// Writes every reading: `plain`, `overlay`, `two-tenant`, and `answered`, in which the alerts still name their incident.
/// Each folder holds `captures` and `truth.ndjson`.
pub fn write(folder: &Path, capture: &Capture) {
    let overlaid = overlay(capture);
    for (name, rows) in [("plain", &capture.alerts), ("overlay", &overlaid), ("answered", &capture.answered)] {
        write_rows(&folder.join(name), FIRST, rows);
        write_truth(&folder.join(name), capture, &[(FIRST, rows)]);
    }
    let two = folder.join("two-tenant");
    let (first, second, accounts) = two_tenants(capture);
    assert!(!first.is_empty() && !second.is_empty() && !accounts.is_empty());
    write_rows(&two, FIRST, &first);
    write_rows(&two, SECOND, &second);
    write_identities(&two.join("captures"), &accounts);
    write_truth(&two, capture, &[(FIRST, &first), (SECOND, &second)]);
}

/// Directories of both tenants, and one sign-in per guest that names its home: what proves who the guests are.
fn write_identities(folder: &Path, accounts: &BTreeMap<String, String>) {
    let user = |id: &str, upn: &str, kind: &str| {
        json!({"id": id, "userPrincipalName": upn, "userType": kind, "displayName": upn, "mail": null,
        "accountEnabled": true, "createdDateTime": "2024-01-01T00:00:00Z",
        "externalUserState": (kind == "Guest").then_some("Accepted"),
        "creationType": (kind == "Guest").then_some("Invitation"),
        "identities": if kind == "Guest" {
            json!([{"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null}])
        } else {
            json!([])
        }})
    };
    let snapshot = |tenant: &str, users: Vec<Value>| {
        let folder = folder.join("graph").join(format!("tenantId={tenant}"));
        fs::create_dir_all(&folder).unwrap();
        let context = "https://graph.microsoft.com/v1.0/$metadata#users";
        fs::write(folder.join("users.json"), json!({"@odata.context": context, "value": users}).to_string()).unwrap();
    };
    snapshot(FIRST, accounts.iter().map(|(id, upn)| user(id, upn, "Member")).collect());
    snapshot(SECOND, accounts.iter().map(|(id, upn)| user(&mixed(id, GUEST), &guest_upn(upn), "Guest")).collect());
    let sign_ins: Vec<String> = accounts
        .iter()
        .map(|(id, upn)| {
            json!({"time": "2024-06-01T08:00:30.0000000Z", "category": "SignInLogs", "operationName": "Sign-in activity",
                "tenantId": SECOND, "resourceId": format!("/tenants/{SECOND}/providers/Microsoft.aadiam"),
                "resultType": "0", "properties": {
                    "id": mixed(id, 0xffff), "createdDateTime": "2024-06-01T08:00:00.0000000+00:00",
                    "userId": mixed(id, GUEST), "userPrincipalName": upn, "userType": "Guest",
                    "homeTenantId": FIRST, "resourceTenantId": SECOND, "crossTenantAccessType": "b2bCollaboration",
                    "appId": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "ipAddress": "198.51.100.7",
                    "status": {"errorCode": 0}}})
            .to_string()
        })
        .collect();
    let folder = folder.join("insights-logs-signinlogs").join(format!("tenantId={SECOND}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("PT1H.json"), sign_ins.join("\r\n")).unwrap();
}
