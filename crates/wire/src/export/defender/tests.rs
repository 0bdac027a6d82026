//! The roads of one invented alert lead to one finding; every road of it says the same about whom it names.

use crate::{Context, decode};
use caponier_model::{Body, EntityKind, EventTime, RejectReason, Sighting, SightingKind, TenantId, Tenants};

const TENANT: &str = "1a2b3c4d-0001-4001-8001-000000000001";
const OBJECT: &str = "0dd00000-0000-4000-8000-000000000001";
const DEVICE: &str = "5844d4a3f835919fd63772082de62951d0dab0aa";

fn sighting(text: &str) -> Sighting {
    let tenants = Tenants::default();
    let context = Context { folder: TenantId::parse(TENANT), ..Context::discovering(&tenants) };
    let event = decode(&context, text.as_bytes()).unwrap_or_else(|reject| panic!("{reject}: {text}"));
    match event.body {
        Body::Sighting(sighting) => *sighting,
        other => panic!("{other:?}"),
    }
}

fn security_alert() -> String {
    serde_json::json!({
        "Type": "SecurityAlert", "TenantId": "1a2b3c4d-5555-4555-8555-000000000001",
        "TimeGenerated": "2031-03-14T09:40:00.1234567Z", "StartTime": "2031-03-14T09:26:53.5897932Z",
        "EndTime": "2031-03-14T09:30:00Z", "ProcessingEndTime": "2031-03-14T09:39:59Z",
        "DisplayName": "Suspicious service launched", "AlertSeverity": "High", "Status": "Resolved",
        "ProviderName": "MDATP", "ProductName": "Microsoft Defender Advanced Threat Protection",
        "VendorOriginalId": "638675309000000000_-42", "SystemAlertId": "fe11aaaa-0000-4000-8000-00000000000a",
        "Tactics": "LateralMovement, Execution", "Techniques": "[\"T1021\"]", "SubTechniques": "[\"T1021.002\"]",
        "AlertLink": format!("https://security.example/alerts/da638675309000000000_-42?tid={TENANT}"),
        "ExtendedProperties": "{\"IncidentId\":\"915\",\"Classification\":\"TruePositive\"}",
        "Entities": serde_json::json!([
            {"$id": "2", "Name": "piper", "NTDomain": "NORTHWIND", "AadUserId": OBJECT, "Type": "account",
             "UserPrincipalName": "Piper@Northwind.example"},
            {"$id": "3", "HostName": "WS-7", "DnsDomain": "northwind.example", "MdatpDeviceId": DEVICE, "Type": "host"}
        ]).to_string(),
    })
    .to_string()
}

fn streamed(table: &str, properties: &serde_json::Value) -> String {
    serde_json::json!({
        "time": "2031-03-14T09:41:00Z", "tenantId": TENANT, "operationName": "Publish",
        "category": format!("AdvancedHunting-{table}"), "properties": properties,
    })
    .to_string()
}

fn alert_info() -> String {
    streamed(
        "AlertInfo",
        &serde_json::json!({
            "Timestamp": "2031-03-14T09:26:53.5897932Z", "AlertId": "da638675309000000000_-42",
            "Title": "Suspicious service launched", "Category": "LateralMovement", "Severity": "High",
            "ServiceSource": "Microsoft Defender for Endpoint", "DetectionSource": "EDR",
            "AttackTechniques": "[\"SMB/Windows Admin Shares (T1021.002)\"]",
        }),
    )
}

fn alert_evidence() -> String {
    streamed(
        "AlertEvidence",
        &serde_json::json!({
            "Timestamp": "2031-03-14T09:26:53.5897932Z", "AlertId": "da638675309000000000_-42",
            "EntityType": "Machine", "EvidenceRole": "Impacted", "DeviceId": DEVICE,
            "DeviceName": "ws-7.northwind.example", "ServiceSource": "Microsoft Defender for Endpoint",
            "AccountUpn": "piper@northwind.example", "AccountObjectId": OBJECT, "AccountName": "piper",
            "AccountDomain": "northwind", "AdditionalFields": "",
        }),
    )
}

fn graph_alert() -> String {
    serde_json::json!({
        "@odata.type": "#microsoft.graph.security.alert", "id": "da638675309000000000_-42",
        "providerAlertId": "638675309000000000_-42", "incidentId": "915", "tenantId": TENANT, "status": "resolved",
        "severity": "high", "classification": "truePositive", "serviceSource": "microsoftDefenderForEndpoint",
        "title": "Suspicious service launched", "category": "LateralMovement", "mitreTechniques": ["T1021.002"],
        "createdDateTime": "2031-03-14T09:38:00Z", "lastUpdateDateTime": "2031-03-14T11:00:00Z",
        "firstActivityDateTime": "2031-03-14T09:26:53.5897932Z", "lastActivityDateTime": "2031-03-14T09:30:00Z",
        "evidence": [
            {"@odata.type": "#microsoft.graph.security.userEvidence", "userAccount": {"accountName": "piper",
             "domainName": "NORTHWIND", "azureAdUserId": OBJECT, "userPrincipalName": "piper@northwind.example"}},
            {"@odata.type": "#microsoft.graph.security.deviceEvidence", "mdeDeviceId": DEVICE,
             "deviceDnsName": "ws-7.northwind.example", "hostName": "ws-7", "detailedRoles": ["PrimaryDevice"]}
        ],
    })
    .to_string()
}

fn mde_alert() -> String {
    serde_json::json!({
        "id": "da638675309000000000_-42", "incidentId": 915, "aadTenantId": TENANT, "detectionSource": "WindowsDefenderAtp",
        "title": "Suspicious service launched", "severity": "High", "status": "Resolved",
        "classification": "TruePositive", "category": "LateralMovement", "computerDnsName": "ws-7.northwind.example",
        "machineId": DEVICE, "firstEventTime": "2031-03-14T09:26:53.5897932Z", "lastEventTime": "2031-03-14T09:30:00Z",
        "lastUpdateTime": "2031-03-14T10:59:00Z", "mitreTechniques": ["T1021.002"],
        "relatedUser": {"userName": "piper", "domainName": "NORTHWIND"},
        "evidence": [{"entityType": "User", "accountName": "piper", "domainName": "NORTHWIND", "aadUserId": OBJECT,
                      "userPrincipalName": "piper@northwind.example", "userSid": null}],
    })
    .to_string()
}

#[test]
fn every_road_gives_the_same_key() {
    let roads = [security_alert(), alert_info(), alert_evidence(), graph_alert(), mde_alert()];
    let sightings: Vec<Sighting> = roads.iter().map(|text| sighting(text)).collect();
    let key = &sightings[0].key;
    assert_eq!((key.product.as_str(), key.id.as_str()), ("mde", "638675309000000000_-42"));
    for other in &sightings {
        assert_eq!(&other.key, key, "{}", other.format);
        assert_eq!(other.first, EventTime::from_civil((2031, 3, 14), (9, 26, 53), 589_793_200).unwrap());
    }
    let ranks: Vec<u8> = sightings.iter().map(|s| s.rank.0).collect();
    assert_eq!(ranks, [4, 2, 1, 5, 3]);
    assert_eq!(sightings[2].kind, SightingKind::Evidence);
    assert!(sightings[1].entities.is_empty());
}

#[test]
fn every_road_names_the_same_account_and_device() {
    for road in [security_alert(), alert_evidence(), graph_alert(), mde_alert()] {
        let sighting = sighting(&road);
        for (kind, value) in [
            (EntityKind::Account, OBJECT),
            (EntityKind::AccountName, "piper@northwind.example"),
            (EntityKind::AccountLocal, "northwind\\piper"),
            (EntityKind::Device, DEVICE),
            (EntityKind::HostFqdn, "ws-7.northwind.example"),
        ] {
            let found = sighting.entities.iter().find(|e| e.kind == kind && e.value == value);
            assert!(found.is_some(), "{}: no {value} in {:?}", sighting.format, sighting.entities);
        }
    }
}

#[test]
fn a_row_says_how_it_ended_and_where_it_belongs() {
    let alert = sighting(&security_alert());
    assert!(alert.closed);
    assert_eq!(alert.verdict, Some(true));
    assert_eq!(alert.id, "fe11aaaa-0000-4000-8000-00000000000a");
    assert_eq!(alert.tactics, ["Execution", "LateralMovement"]);
    assert_eq!(alert.techniques, ["T1021", "T1021.002"]);
    let incident = alert.source_incident.unwrap();
    assert_eq!((incident.provider.as_str(), incident.id.as_str()), ("xdr", "915"));
    assert_eq!(Some(incident), sighting(&graph_alert()).source_incident);
    assert_eq!(alert.title.render(|p| p.value.clone()), "Suspicious service launched");
    assert_eq!(alert.title.params[0].owner, TenantId::parse(TENANT));
}

#[test]
fn a_sentinel_alert_is_named_by_sentinel() {
    let row = security_alert()
        .replace("\"MDATP\"", "\"ASI Scheduled Alerts\"")
        .replace("Microsoft Defender Advanced Threat Protection", "Azure Sentinel");
    assert_eq!(sighting(&row).key.id, "fe11aaaa-0000-4000-8000-00000000000a");
    let streamed = alert_info()
        .replace("da638675309000000000_-42", "snfe11aaaa-0000-4000-8000-00000000000a")
        .replace("Microsoft Defender for Endpoint", "Microsoft Sentinel");
    assert_eq!(sighting(&streamed).key, sighting(&row).key);
}

#[test]
fn another_tenants_link_is_a_mismatch() {
    let other = security_alert().replace(&format!("tid={TENANT}"), "tid=5e6f7a8b-0002-4002-8002-000000000002");
    let tenants = Tenants::default();
    let context = Context { folder: TenantId::parse(TENANT), ..Context::discovering(&tenants) };
    let reject = decode(&context, other.as_bytes()).unwrap_err();
    assert_eq!(reject.reason, RejectReason::TenantMismatch);
}

#[test]
fn two_tenants_in_one_record_are_a_mismatch() {
    const OTHER: &str = "5e6f7a8b-0002-4002-8002-000000000002";
    let tenants = Tenants::default();
    let open = Context::discovering(&tenants);
    let mut graph: serde_json::Value = serde_json::from_str(&graph_alert()).unwrap();
    let diagnostic = |tenant: &str| {
        serde_json::json!({
            "time": "2031-03-14T09:41:00Z", "tenantId": TENANT, "category": "AuditLogs",
            "resourceId": format!("/tenants/{tenant}/providers/Microsoft.aadiam"), "operationName": "Add user",
            "properties": {"id": "Directory_1", "activityDateTime": "2031-03-14T09:40:00Z",
                           "activityDisplayName": "Add user"},
        })
    };
    for (tenant, fits) in [(TENANT, true), (OTHER, false)] {
        graph["alertWebUrl"] = format!("https://security.example/alerts/da1?tid={tenant}").into();
        for text in [graph.to_string(), diagnostic(tenant).to_string()] {
            assert!(decode(&open, text.as_bytes()).is_ok(), "{text}");
            let folder = Context { folder: TenantId::parse(TENANT), ..open };
            for context in [folder, Context { shared: true, ..folder }] {
                let reason = decode(&context, text.as_bytes()).err().map(|r| r.reason);
                assert_eq!(reason, (!fits).then_some(RejectReason::TenantMismatch), "{text}");
            }
        }
    }
}

#[test]
fn an_end_in_the_future_is_refused() {
    let tenants = Tenants::default();
    let limit = EventTime::from_civil((2031, 3, 15), (0, 0, 0), 0);
    let context = Context { not_after: limit, ..Context::discovering(&tenants) };
    let alert = security_alert();
    assert!(decode(&context, alert.as_bytes()).is_ok());
    let late = alert.replace("2031-03-14T09:30:00Z", "2099-01-01T00:00:00Z");
    assert_eq!(decode(&context, late.as_bytes()).unwrap_err().reason, RejectReason::FutureTime);
    let incident = |last: &str| {
        serde_json::json!({
            "Type": "SecurityIncident", "IncidentName": "fe11bbbb-0000-4000-8000-00000000000b", "IncidentNumber": 7,
            "TenantId": "1a2b3c4d-5555-4555-8555-000000000001", "LastModifiedTime": "2031-03-14T09:40:00Z",
            "CreatedTime": "2031-03-14T09:40:00Z", "LastActivityTime": last,
        })
        .to_string()
    };
    assert!(decode(&context, incident("2031-03-14T09:30:00Z").as_bytes()).is_ok());
    let reject = decode(&context, incident("2099-01-01T00:00:00Z").as_bytes()).unwrap_err();
    assert_eq!(reject.reason, RejectReason::FutureTime);
}

#[test]
fn a_bad_side_time_does_not_cost_the_alert() {
    let good = sighting(&security_alert());
    for (from, to) in [
        ("2031-03-14T09:30:00Z", "0001-01-01T00:00:00Z"),
        ("2031-03-14T09:30:00Z", "soon"),
        ("2031-03-14T09:40:00.1234567Z", "yesterday"),
        ("2031-03-14T09:39:59Z", "0001-01-01T00:00:00"),
    ] {
        let alert = sighting(&security_alert().replace(from, to));
        assert_eq!((alert.first, &alert.key), (good.first, &good.key), "{to}");
        assert!(alert.last == good.first || alert.last == good.last, "{to}");
    }
    let empty_start = security_alert().replace("2031-03-14T09:26:53.5897932Z", "0001-01-01T00:00:00Z");
    assert_eq!(Some(sighting(&empty_start).first), sighting(&empty_start).ingested);
    let tenants = Tenants::default();
    let bad_start = security_alert().replace("2031-03-14T09:26:53.5897932Z", "soon");
    let reject = decode(&Context::discovering(&tenants), bad_start.as_bytes()).unwrap_err();
    assert_eq!(reject.reason, RejectReason::BadTime);
}

/// The examples of one format, by file name.
fn examples(format: &str) -> Vec<(String, String)> {
    let folder = format!("{}/../../schemas/exports/{format}/examples", env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<(String, String)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{folder}: {e}"))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn every_row_has_a_schema_and_examples_that_lead_to_it() {
    let tenants = Tenants::default();
    let context = Context::discovering(&tenants);
    for row in super::ROWS {
        let path = format!("{}/../../schemas/exports/{}/schema.json", env!("CARGO_MANIFEST_DIR"), row.name);
        let schema = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        assert_eq!(schema["title"], row.name);
        let found = examples(row.name);
        assert!(!found.is_empty(), "{} has no example", row.name);
        for (file, text) in found {
            let event = decode(&context, text.as_bytes()).unwrap_or_else(|reject| panic!("{file}: {reject}"));
            assert_eq!(event.format, row.name, "{file}");
            assert_eq!(event, decode(&context, text.as_bytes()).unwrap(), "{file}");
        }
    }
}

#[test]
fn both_envelopes_of_a_table_say_the_same() {
    let tenants = Tenants::default();
    let context = Context { folder: TenantId::parse(TENANT), ..Context::discovering(&tenants) };
    for row in super::ROWS.iter().filter(|r| r.family == super::HUNTING) {
        let texts = examples(row.name);
        let facts: Vec<_> = texts
            .iter()
            .map(|(file, text)| {
                let e = decode(&context, text.as_bytes()).unwrap_or_else(|reject| panic!("{file}: {reject}"));
                (e.time, e.id, e.operation, e.actor, e.address, e.device, e.outcome, e.severity, e.techniques)
            })
            .collect();
        assert!(facts.len() > 1 && facts.windows(2).all(|w| w[0] == w[1]), "{}: {facts:#?}", row.name);
    }
}

#[test]
fn incidents_keep_versions_aliases_and_redirects() {
    let tenants = Tenants::default();
    let context = Context::discovering(&tenants);
    let mut seen = Vec::new();
    for format in ["SecurityIncident", "SentinelIncident", "GraphIncident", "XdrIncident"] {
        for (file, text) in examples(format) {
            let event = decode(&context, text.as_bytes()).unwrap();
            let Body::Incident(incident) = event.body else { panic!("{file} is no incident") };
            assert!(incident.first <= incident.last, "{file}");
            assert_eq!(event.time, incident.version, "{file}");
            let name = file.rsplit('/').next().unwrap_or_default().to_owned();
            let alias = incident.aliases.first().map(|a| format!("{}/{}", a.provider, a.id));
            let redirect = incident.redirect_to.map(|r| r.id.to_string());
            seen.push((name, incident.key.provider.to_string(), alias, redirect, incident.alert_ids.len()));
        }
    }
    let want = |name: &str, provider: &str, alias: Option<&str>, redirect: Option<&str>, alerts| {
        (name.to_owned(), provider.to_owned(), alias.map(str::to_owned), redirect.map(str::to_owned), alerts)
    };
    assert_eq!(
        seen,
        [
            want("dynamic-as-text.json", "sentinel", Some("xdr/915"), None, 1),
            want("new.json", "sentinel", None, None, 1),
            want("client-library.json", "sentinel", None, None, 0),
            want("flattened.json", "sentinel", None, None, 1),
            want("rest.json", "sentinel", None, None, 0),
            want("active.json", "xdr", None, None, 0),
            want("redirected-with-alerts.json", "xdr", None, Some("920"), 1),
            want("active.json", "xdr", None, None, 1),
        ]
    );
}
