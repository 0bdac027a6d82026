//! The encoder against its schema, its examples and its promise to mask. `CAPONIER_BLESS=1` rewrites the examples.

use super::*;
use caponier_model::{
    AccountKey, AccountKind, AccountView, Attribution, ChangeKind, DecisionId, DecisionView, Edge, EdgeKind, Entity,
    EntityKind, EntityRole, EventTime, EvidenceKind, FindingKey, FindingView, GuardNote, Guid, IncidentState,
    LinkState, LinkView, Membership, MergePolicy, Pair, PersonView, ReasonCode, Related, Remediation, ScorePart,
    Severity, SightingView, SourceIncidentKey, Tenant, TenantId, TenantRole, Text,
};
use serde_json::Value;
use std::path::PathBuf;

const NORTHWIND: TenantId = TenantId(Guid::from_u128(0x1a2b_3c4d_0001_4001_8001_0000_0000_0001));
const TAILSPIN: TenantId = TenantId(Guid::from_u128(0x5e6f_7a8b_0002_4002_8002_0000_0000_0002));

fn account(tenant: TenantId, n: u128) -> AccountKey {
    AccountKey { tenant, object: Guid::from_u128(0x0dd0_0000_0000_4000_8000_0000_0000_0000 + n) }
}

fn key(tenant: TenantId, product: &str, id: &str) -> FindingKey {
    FindingKey { tenant, product: product.into(), id: id.into() }
}

fn at(minute: u32) -> EventTime {
    EventTime::from_civil((2031, 3, 14), (9, minute, 26), 535_897_900).unwrap()
}

fn risk() -> FindingKey {
    key(NORTHWIND, "idp-alert", "6f2b7c1d9e")
}

fn server() -> FindingKey {
    key(TAILSPIN, "mde", "638675309_1")
}

fn tenants() -> Tenants {
    let tenant = |id, name: &str, role| Tenant {
        id,
        name: name.into(),
        role,
        domains: vec![],
        workspaces: vec![],
        subscriptions: vec![],
    };
    Tenants {
        all: vec![
            tenant(NORTHWIND, "northwind", TenantRole::Primary),
            tenant(TAILSPIN, "tailspin", TenantRole::Secondary),
        ],
    }
}

fn policy(merge: MergePolicy) -> Policy {
    Policy { pairs: vec![(Pair { home: NORTHWIND, resource: TAILSPIN }, merge)], unlisted: MergePolicy::Suggest }
}

fn finding(key: FindingKey, title: &str, minute: u32, accounts: Vec<AccountKey>) -> FindingView {
    FindingView {
        role: Membership::Core,
        sightings: vec![SightingView {
            format: "SecurityAlert",
            id: compact_str::format_compact!("sighting-{}", key.id),
            url: Some("https://portal.example/alert/1".into()),
        }],
        title: Text::quoted(title, key.tenant),
        severity: Severity::High,
        first: at(minute),
        last: at(minute + 3),
        accounts,
        key,
    }
}

fn founder() -> Edge {
    Edge {
        finding: risk(),
        peer: None,
        membership: Membership::Core,
        reason: ReasonCode::Founder,
        entity_kind: None,
        entity_value: None,
        second: None,
        tenants: vec![NORTHWIND],
        attributions: vec![],
        confidence: 1_000_000,
        gap_seconds: 0,
        window_seconds: None,
        guards: vec![],
        rule: None,
        decision: None,
        sentence: Text::plain("The first finding of this incident."),
    }
}

fn bridge() -> Edge {
    Edge {
        finding: server(),
        peer: Some(risk()),
        reason: ReasonCode::Edge(EdgeKind::SamePerson),
        entity_kind: Some(EntityKind::Account),
        entity_value: Some(compact_str::format_compact!("{}", account(NORTHWIND, 1))),
        tenants: vec![NORTHWIND, TAILSPIN],
        attributions: vec![Attribution {
            account: account(TAILSPIN, 2),
            kinds: vec![EvidenceKind::PairedSignIn, EvidenceKind::Redemption],
            confidence: 987_654,
        }],
        confidence: 987_654,
        gap_seconds: 240,
        window_seconds: Some(86_400),
        guards: vec!["policy_merge".into()],
        sentence: Text::plain("{guest} in {tenant} is {home}.")
            .with("guest", "piper_northwind#EXT#", Some(EntityKind::AccountName), Some(TAILSPIN))
            .with("tenant", "tailspin", None, None)
            .with("home", "piper@northwind.example", Some(EntityKind::AccountName), Some(NORTHWIND)),
        ..founder()
    }
}

fn piper() -> PersonView {
    let view = |account, upn: &str, kind| AccountView {
        account,
        upn: Some(upn.into()),
        display: Some("Piper Quill".into()),
        kind,
    };
    PersonView {
        home: account(NORTHWIND, 1),
        accounts: vec![
            view(account(NORTHWIND, 1), "piper@northwind.example", AccountKind::Member),
            view(account(TAILSPIN, 2), "piper_northwind.example#EXT#@tailspin.example", AccountKind::ExternalGuest),
        ],
        links: vec![LinkView {
            account: account(TAILSPIN, 2),
            home: account(NORTHWIND, 1),
            state: LinkState::Accepted,
            kinds: vec![EvidenceKind::PairedSignIn, EvidenceKind::Redemption],
            confidence: 987_654,
            sources: vec!["sign-in 0c0ffee0".into()],
        }],
    }
}

fn held_back() -> GuardNote {
    GuardNote {
        guard: "prolific_value",
        count: 1,
        sentence: Text::plain("{value} reaches too many people to join anything by itself").with(
            "value",
            "203.0.113.9",
            Some(EntityKind::Ip),
            Some(NORTHWIND),
        ),
    }
}

fn assigned() -> DecisionView {
    DecisionView {
        at: at(30),
        id: DecisionId::from_u128(0x2f),
        act: "assign",
        author: "mara@soc.example".into(),
        reason: "mine".into(),
    }
}

fn incident() -> Incident {
    let ip = |value: &str, tenant| Entity {
        kind: EntityKind::Ip,
        value: value.into(),
        tenant,
        group: 0,
        role: EntityRole::Attacker,
    };
    let mut incident = Incident {
        epoch: 1,
        id: "cap-3f9a".into(),
        sequence: 2,
        change: ChangeKind::Updated,
        state: IncidentState::Active,
        redirect_to: None,
        continues: None,
        split_from: None,
        title: Text::plain("Risky sign-in of {who}").with("who", "Piper Quill", None, Some(NORTHWIND)),
        headline: Text::plain("2 findings in 2 tenants"),
        status: Some("New".into()),
        owner: Some("soc@tailspin.example".into()),
        verdict: None,
        score: 70,
        score_parts: vec![ScorePart { name: "severity", points: 50 }, ScorePart { name: "tenants", points: 20 }],
        severity: Severity::High,
        confidence: 987_654,
        tenants: vec![NORTHWIND, TAILSPIN],
        first: at(1),
        last: at(8),
        persons: vec![piper()],
        entities: vec![
            (ip("198.51.100.7", TAILSPIN), vec![TAILSPIN]),
            (ip("203.0.113.9", NORTHWIND), vec![NORTHWIND, TAILSPIN]),
        ],
        tactics: vec!["Discovery".into(), "InitialAccess".into()],
        techniques: vec!["T1078.004".into()],
        findings: vec![
            finding(risk(), "Unfamiliar sign-in properties", 1, vec![account(NORTHWIND, 1)]),
            finding(server(), "Discovery on srv-vault", 5, vec![account(TAILSPIN, 2)]),
        ],
        edges: vec![founder(), bridge()],
        more_edges: vec![(EdgeKind::SameIp, 1)],
        related: vec![Related {
            incident: "cap-77aa".into(),
            reason: "link_possible".into(),
            findings: (risk(), key(TAILSPIN, "mdi", "4711")),
            sentence: Text::plain("{guest} may be {home}")
                .with("guest", "piper_northwind#EXT#", Some(EntityKind::AccountName), Some(TAILSPIN))
                .with("home", "piper@northwind.example", Some(EntityKind::AccountName), Some(NORTHWIND)),
        }],
        guards: vec![held_back()],
        decisions: vec![assigned()],
        source_incidents: vec![SourceIncidentKey { tenant: TAILSPIN, provider: "xdr".into(), id: "915".into() }],
        remediation: vec![Remediation {
            tenant: NORTHWIND,
            action: Text::plain("Revoke the sessions of {who}").with("who", "Piper Quill", None, Some(NORTHWIND)),
        }],
        digest: "".into(),
    };
    incident.digest = digest(&incident);
    incident
}

fn encoded(audience: Audience, merge: MergePolicy) -> Vec<u8> {
    encode(&incident(), audience, &tenants(), &policy(merge))
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/incident"))
}

#[test]
fn the_examples_are_what_the_encoder_writes() {
    let cases = [
        ("operator", encoded(Audience::Operator, MergePolicy::Suggest)),
        ("tenant-masked", encoded(Audience::Tenant(TAILSPIN), MergePolicy::Suggest)),
        ("final-form", final_form(&incident())),
    ];
    for (name, mut bytes) in cases {
        bytes.push(b'\n');
        let path = folder().join("examples").join(format!("{name}.json"));
        if std::env::var_os("CAPONIER_BLESS").is_some() {
            std::fs::create_dir_all(folder().join("examples")).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let kept = std::fs::read(&path).unwrap();
        assert_eq!(String::from_utf8(kept), String::from_utf8(bytes), "{name}: CAPONIER_BLESS=1 rewrites it");
    }
}

#[test]
fn the_schema_holds_for_every_audience() {
    let schema = value(&std::fs::read(folder().join("schema.json")).unwrap());
    for audience in [Audience::Operator, Audience::Tenant(NORTHWIND), Audience::Tenant(TAILSPIN)] {
        let shape = value(&encoded(audience, MergePolicy::Forbid));
        let mut faults = Vec::new();
        check(&schema, &schema, &shape, "", &mut faults);
        assert_eq!(faults, Vec::<String>::new());
    }
    let mut broken = value(&encoded(Audience::Operator, MergePolicy::Merge));
    broken["findings"][0]["role"] = "anchor".into();
    broken["surprise"] = 1.into();
    let mut faults = Vec::new();
    check(&schema, &schema, &broken, "", &mut faults);
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn a_tenants_audience_never_reads_what_another_owns() {
    let secrets = [
        "Piper Quill",
        "piper@northwind.example",
        "6f2b7c1d9e",
        "Unfamiliar sign-in properties",
        "-000000000001\",\"upn",
    ];
    let masked = String::from_utf8(encoded(Audience::Tenant(TAILSPIN), MergePolicy::Suggest)).unwrap();
    // The guest's own display name is Tailspin's: it stands once, in Tailspin's account.
    assert_eq!(masked.matches("Piper Quill").count(), 1);
    for secret in &secrets[1..] {
        assert!(!masked.contains(secret), "{secret} in {masked}");
    }
    let shown = value(masked.as_bytes());
    assert_eq!(shown["title"], "Risky sign-in of [masked]");
    assert_eq!(shown["edges"][1]["sentence"], "piper_northwind#EXT# in tailspin is [masked].");
    assert_eq!(shown["entities"][1]["value"], "203.0.113.9", "its own finding names it");
    assert_eq!(shown["findings"][1]["title"], "Discovery on srv-vault");
    let places: Vec<&str> = shown["masked"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for place in &places {
        let text = shown.pointer(place).and_then(Value::as_str).unwrap_or_default();
        assert!(text.contains(MASK), "{place}: {text}");
    }
    assert_eq!(masked.matches(MASK).count(), places.len(), "every mask is listed");
}

#[test]
fn merge_and_the_operator_see_everything() {
    let operator = encoded(Audience::Operator, MergePolicy::Forbid);
    assert_eq!(encoded(Audience::Tenant(TAILSPIN), MergePolicy::Merge), operator);
    assert_eq!(value(&operator)["masked"], Value::Array(vec![]));
    assert_eq!(value(&operator)["confidence"].to_string(), "0.987654");
}

#[test]
fn the_final_form_forgets_history_and_order() {
    let one = incident();
    let mut two = incident();
    two.sequence = 9;
    two.change = ChangeKind::Merged;
    two.id = "cap-other".into();
    two.redirect_to = Some("cap-x".into());
    two.findings.reverse();
    two.edges.reverse();
    // The other finding founded it: the same edge the other way round.
    two.edges[0].finding = risk();
    two.edges[0].peer = Some(server());
    two.edges[1].finding = server();
    assert_eq!(String::from_utf8(final_form(&one)), String::from_utf8(final_form(&two)));
    two.severity = Severity::Critical;
    assert_ne!(digest(&one), digest(&two));
    assert_eq!(digest(&one).len(), 64);
}

/// As much of JSON Schema 2020-12 as the incident's schema uses; patterns are left to readers of the schema.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return check(root, root.pointer(&name[1..]).unwrap(), value, at, faults);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = |s: &Value| {
            let mut inner = Vec::new();
            check(root, s, value, at, &mut inner);
            inner.is_empty()
        };
        if !any.iter().any(fits) {
            faults.push(format!("{at}: fits none of anyOf"));
        }
        return;
    }
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<&Value> = schema["type"].as_array().map_or_else(|| vec![&schema["type"]], |a| a.iter().collect());
    if !types.iter().any(|t| *t == name || (name == "integer" && *t == "number")) {
        faults.push(format!("{at}: {name} instead of {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|e| !e.contains(value)) {
        faults.push(format!("{at}: {value} is not listed"));
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        check(root, &schema["items"], item, &format!("{at}/{i}"), faults);
    }
    let Some(object) = value.as_object() else { return };
    let keys: Vec<&str> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for key in &keys {
        match object.get(*key) {
            Some(inner) => check(root, &schema["properties"][key], inner, &format!("{at}/{key}"), faults),
            None => faults.push(format!("{at}/{key}: missing")),
        }
    }
    faults
        .extend(object.keys().filter(|k| !keys.contains(&k.as_str())).map(|k| format!("{at}/{k}: not in the schema")));
}
