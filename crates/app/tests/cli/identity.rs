//! What people do about identities: state them, ask who an account is, audit. Over a town of a few accounts, written by hand.

use crate::ground::{GROUND, program};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

const HOME: &str = "aaaaaaaa-1111-4111-8111-111111111111";
const RESOURCE: &str = "bbbbbbbb-2222-4222-8222-222222222222";

const ADELE: &str = "aaaaaaaa-0001-4001-8001-000000000001";
const LEE: &str = "aaaaaaaa-0002-4001-8001-000000000002";
/// Adele's guest, proved by sign-ins of both tenants.
const GUEST: &str = "bbbbbbbb-0001-4001-8001-000000000001";
/// Lee's guest: Lee's home account is disabled.
const STALE: &str = "bbbbbbbb-0002-4001-8001-000000000002";
/// A second account of Adele's that nothing shows to be hers.
const TWIN: &str = "bbbbbbbb-0003-4001-8001-000000000003";
/// From a company whose directory is not read, under a name that a spreadsheet would run.
const PARTNER: &str = "bbbbbbbb-0004-4001-8001-000000000004";

/// Two tenants' exports and the configuration.
struct Town {
    folder: TempDir,
}

/// What a command wrote and how it ended.
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

fn user(id: &str, upn: &str, name: &str, user_type: &str, enabled: bool) -> Value {
    let mail = upn.split("#EXT#").next().unwrap_or(upn).replacen("_contoso", "@contoso", 1);
    let federated = json!([{"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null}]);
    json!({
        "@odata.type": "#microsoft.graph.user", "id": id, "userPrincipalName": upn, "displayName": name, "mail": mail,
        "userType": user_type, "accountEnabled": enabled, "createdDateTime": "2026-01-12T09:00:00Z",
        "identities": if upn.contains("#EXT#") { federated } else { json!([]) },
        "externalUserState": if upn.contains("#EXT#") { json!("Accepted") } else { Value::Null },
    })
}

fn sign_in(log: &str, object: &str, upn: &str, minute: u32) -> Value {
    json!({
        "time": "2026-03-09T09:00:00Z", "resourceId": format!("/tenants/{log}/providers/Microsoft.aadiam"),
        "operationName": "Sign-in activity", "category": "SignInLogs", "tenantId": log, "resultType": "0",
        "properties": {
            "id": format!("0000000a-4c2d-4b1a-9e0f-0000{minute:04}{}", &object[32..]),
            "createdDateTime": format!("2026-03-09T08:{minute:02}:07Z"), "userPrincipalName": upn, "userId": object,
            "appId": "0d9c8b7a-6f5e-4d3c-8b2a-190817263540", "ipAddress": "203.0.113.77", "status": {"errorCode": 0},
            "resourceTenantId": RESOURCE, "homeTenantId": HOME, "crossTenantAccessType": "b2bCollaboration", "userType": "Guest",
        },
    })
}

fn risk(tenant: &str, object: &str, upn: &str, minute: u32) -> Value {
    let id = format!("9b1c{}", object.replace('-', ""));
    json!({
        "time": "2026-03-09T09:00:00Z", "resourceId": format!("/tenants/{tenant}/providers/microsoft.aadiam"),
        "operationName": "User Risk Detection", "category": "UserRiskEvents", "tenantId": tenant,
        "properties": {
            "id": id, "riskEventType": "passwordSpray", "riskState": "atRisk", "riskLevel": "high", "source": "IdentityProtection",
            "activity": "signin", "userId": object, "userPrincipalName": upn,
            "activityDateTime": format!("2026-03-09T08:{minute:02}:02Z"), "detectedDateTime": format!("2026-03-09T08:{minute:02}:40Z"),
            "lastUpdatedDateTime": format!("2026-03-09T08:{minute:02}:41Z"),
        },
    })
}

impl Town {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let put = |tenant: &str, name: &str, rows: &[Value]| {
            let at = folder.path().join("captures").join(format!("tenantId={tenant}"));
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join(name), rows.iter().map(|r| format!("{r}\n")).collect::<String>()).unwrap();
        };
        let guest = "adele_contoso.com#EXT#@fabrikam.onmicrosoft.com";
        let stale = "lee_contoso.com#EXT#@fabrikam.onmicrosoft.com";
        put(
            HOME,
            "users.json",
            &[
                user(ADELE, "adele@contoso.com", "Adele Vance", "Member", true),
                user(LEE, "lee@contoso.com", "Lee Gu", "Member", false),
            ],
        );
        put(
            RESOURCE,
            "users.json",
            &[
                user(GUEST, guest, "Adele Vance", "Guest", true),
                user(STALE, stale, "Lee Gu", "Guest", true),
                user(TWIN, "root7@fabrikam.onmicrosoft.com", "Root Seven", "Member", true),
                user(
                    PARTNER,
                    "x_partner.org#EXT#@fabrikam.onmicrosoft.com",
                    "=HYPERLINK(\"http://203.0.113.1\")",
                    "Guest",
                    true,
                ),
            ],
        );
        put(
            HOME,
            "signins.json",
            &[sign_in(HOME, ADELE, "adele@contoso.com", 10), sign_in(HOME, LEE, "lee@contoso.com", 30)],
        );
        put(
            RESOURCE,
            "signins.json",
            &[sign_in(RESOURCE, GUEST, "adele@contoso.com", 10), sign_in(RESOURCE, STALE, "lee@contoso.com", 30)],
        );
        put(HOME, "risk.json", &[risk(HOME, ADELE, "adele@contoso.com", 40)]);
        put(RESOURCE, "risk.json", &[risk(RESOURCE, TWIN, "root7@fabrikam.onmicrosoft.com", 45)]);
        let config = format!(
            "[[tenant]]\nid = \"{HOME}\"\nname = \"contoso\"\nrole = \"primary\"\ndomains = [\"contoso.com\"]\n\
             [[tenant]]\nid = \"{RESOURCE}\"\nname = \"fabrikam\"\nrole = \"secondary\"\ndomains = [\"fabrikam.onmicrosoft.com\"]\n\
             [[pair]]\nhome = \"contoso\"\nresource = \"fabrikam\"\nmerge = \"merge\"\n"
        );
        fs::write(folder.path().join("caponier.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs words; `{captures}`, `{ledger}` and other names in braces become paths in the town's folder.
    fn run(&self, words: &str) -> Told {
        let named: Vec<PathBuf> = words
            .split_whitespace()
            .map(|w| match w.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(name) => self.path(name),
                None => PathBuf::from(w.replace('_', " ").replace("@@", "_")),
            })
            .collect();
        let words = named.iter().map(|w| w.as_os_str()).chain(["--config"].map(OsStr::new));
        let Output { status, stdout, stderr } = program(words, [self.path("caponier.toml")]);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let told = Told { code: status.code(), out: text(stdout), err: text(stderr) };
        assert!(!told.err.contains("panicked") && !told.out.contains('\u{1b}'), "{}", told.err);
        told
    }

    #[track_caller]
    fn done(&self, words: &str) -> String {
        let told = self.run(words);
        assert_eq!(told.code, Some(0), "{words}: {}", told.err);
        told.out
    }

    #[track_caller]
    fn refused(&self, words: &str, because: &str) {
        let told = self.run(words);
        assert!(told.code == Some(2) && told.err.contains(because), "{words}: {:?}: {}", told.code, told.err);
    }

    /// The incidents of a replay and its summary.
    fn replay(&self, more: &str) -> (Vec<u8>, Value) {
        self.done(&format!("replay {{captures}} --out {{incidents}} --summary {{summary}} {more}"));
        (fs::read(self.path("incidents")).unwrap(), json_of(&self.path("summary")))
    }

    fn resolve(&self, words: &str) -> Value {
        serde_json::from_str(&self.done(&format!("resolve {words} --json --captures {{captures}}"))).unwrap()
    }
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The options of every statement.
const BY: &str = "--author a.nalyst --reason ticket_7 --ledger {ledger}";

#[test]
fn a_link_merges_what_it_joins_an_unlink_separates_it_and_each_replay_writes_the_same_bytes() {
    let town = Town::new();
    let (_, calm) = town.replay("");
    assert_eq!((calm["incidents"].as_u64(), calm["cross_tenant_incidents"].as_u64()), (Some(2), Some(0)), "{calm}");
    town.done(&format!("identity link fabrikam {TWIN} --home contoso {ADELE} {BY}"));
    let (merged, summary) = town.replay("--ledger {ledger}");
    assert_eq!((summary["incidents"].as_u64(), summary["decisions"].as_u64()), (Some(1), Some(1)), "{summary}");
    assert_eq!(summary["cross_tenant_incidents"], 1);
    let incident: Value = serde_json::from_slice(merged.trim_ascii()).unwrap();
    assert!(incident["persons"].to_string().contains("\"statement\""), "{incident}");
    assert_eq!(town.replay("--ledger {ledger}").0, merged);
    assert_eq!(town.replay("--without-ledger").1["incidents"], 2);
    town.refused("replay {captures} --out {ledger} --ledger {ledger}", "also an input, which would be lost");
    // The same decisions from a file, as the ledger writes them out.
    let lines = town.done("identity statements --json --ledger {ledger}");
    fs::write(town.path("decisions.ndjson"), &lines).unwrap();
    assert_eq!(town.replay("--decisions {decisions.ndjson}").0, merged);
    town.done(&format!("identity unlink fabrikam {TWIN} --home contoso {ADELE} {BY}"));
    let (apart, summary) = town.replay("--ledger {ledger}");
    assert_eq!(
        (summary["incidents"].as_u64(), summary["links"].as_u64()),
        (Some(2), calm["links"].as_u64()),
        "{summary}"
    );
    assert_eq!(town.replay("--ledger {ledger}").0, apart);
    town.done(&format!("identity withdraw fabrikam {TWIN} --home contoso {ADELE} {BY}"));
    assert_eq!(
        town.replay("--ledger {ledger}").1["incidents"],
        2,
        "a withdrawal does not bring back what was said before"
    );
}

/// The logs say adele, a statement says lee: neither is believed, and that is a finding of the guest's tenant.
#[test]
fn two_homes_at_one_time_are_a_finding() {
    let town = Town::new();
    let findings = |summary: &Value| summary["findings"].as_u64().unwrap();
    let calm = findings(&town.replay("").1);
    town.done(&format!("identity link fabrikam {GUEST} --home contoso {LEE} {BY}"));
    let (incidents, summary) = town.replay("--ledger {ledger}");
    assert_eq!((findings(&summary), summary["links_conflict"].as_u64()), (calm + 1, Some(2)), "{summary}");
    let lines = incidents.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let all: Vec<Value> = lines.map(|l| serde_json::from_slice(l).unwrap()).collect();
    let raised: Vec<&Value> = all.iter().flat_map(|i| i["findings"].as_array().unwrap()).collect();
    let raised = raised.iter().find(|f| f["key"]["product"] == "identity").unwrap_or_else(|| panic!("{all:?}"));
    assert_eq!(raised["key"]["tenant"], RESOURCE);
    let title = raised["title"].to_string();
    assert!(title.contains("2 home accounts at one time") && !title.contains(LEE) && !title.contains(ADELE), "{title}");
    assert_eq!(town.replay("--ledger {ledger}").0, incidents);
}

#[test]
fn an_unlink_overrides_the_logs_themselves() {
    let town = Town::new();
    let home = |told: &Value| told["home"]["object_id"].as_str().map(str::to_owned);
    assert_eq!(home(&town.resolve(&format!("fabrikam {GUEST}"))).as_deref(), Some(ADELE));
    let words = format!("identity unlink fabrikam {GUEST} --home contoso {ADELE} {BY} --captures {{captures}}");
    let told = town.done(&words);
    assert!(told.contains("before   adele@contoso.com: accepted") && told.contains("after    nobody else"), "{told}");
    let after = town.resolve(&format!("fabrikam {GUEST} --ledger {{ledger}}"));
    assert_eq!(home(&after).as_deref(), Some(GUEST));
    assert!(after["refusals"].to_string().contains("\"stated\""), "{after}");
    assert!(town.done(&words).contains("already stands"), "the same again is not recorded twice");
    assert_eq!(town.done("identity statements --json --ledger {ledger}").lines().count(), 1);
}

#[test]
fn statements_that_make_no_sense_are_refused_and_leave_no_ledger() {
    let town = Town::new();
    let link = |account: &str, home: &str, more: &str| format!("identity link {account} --home {home} {BY} {more}");
    let (twin, adele) = (format!("fabrikam {TWIN}"), format!("contoso {ADELE}"));
    town.refused(&link(&twin, &twin, ""), "not linked to itself");
    town.refused(&link(&twin, &format!("fabrikam {GUEST}"), ""), "both accounts are of one tenant");
    town.refused(&link(&format!("litware {TWIN}"), &adele, ""), "no tenant is called \"litware\"");
    town.refused(&link(&format!("cccccccc-2222-4222-8222-222222222222 {TWIN}"), &adele, ""), "known are contoso");
    town.refused(&link("fabrikam root7@fabrikam.onmicrosoft.com", &adele, ""), "add --captures");
    town.refused(&link(&twin, &adele, "--from 2026-03-02T00:00:00Z --until 2026-03-01T00:00:00Z"), "which is never");
    town.refused(&link(&twin, &adele, "--from yesterday"), "is no time");
    town.refused(
        &format!("identity link {twin} --home {adele} --author a --reason _ --ledger {{ledger}}"),
        "reason is blank",
    );
    town.refused(&format!("identity link {twin} --home {adele} --author a --ledger {{ledger}}"), "--reason <TEXT>");
    town.refused(&format!("identity withdraw {twin} --home {adele} {BY}"), "nothing to withdraw");
    town.refused("identity statements --ledger {ledger}", "cannot read the ledger");
    let forbidden = "[[pair]]\nhome = \"fabrikam\"\nresource = \"contoso\"\nmerge = \"forbid\"\n";
    let config = fs::read_to_string(town.path("caponier.toml")).unwrap();
    fs::write(town.path("caponier.toml"), config + forbidden).unwrap();
    town.refused(&link(&adele, &twin, ""), "the other way round");
    assert!(!town.path("ledger").exists());
}

#[test]
fn accounts_are_found_by_what_people_call_them() {
    let town = Town::new();
    let guest = "adele@@contoso.com#EXT#@fabrikam.onmicrosoft.com";
    for (tenant, name, object) in [
        ("fabrikam", guest, GUEST),
        (RESOURCE, "ADELE@@CONTOSO.COM#ext#@fabrikam.onmicrosoft.com", GUEST),
        ("fabrikam", "S-1-12-1-3149642683-1073807361-384-16777216", GUEST),
        ("contoso.com", "adele@contoso.com", ADELE),
    ] {
        assert_eq!(town.resolve(&format!("{tenant} {name}"))["account"]["object_id"], object, "{name}");
    }
    let told = town.done(&format!("identity link fabrikam root7@fabrikam.onmicrosoft.com --home contoso adele@contoso.com {BY} --captures {{captures}}"));
    assert!(told.contains("after    adele@contoso.com: accepted, confidence 1.00, by statement"), "{told}");
    let nobody = town.run("resolve fabrikam nobody@fabrikam.onmicrosoft.com --captures {captures}");
    assert!(nobody.code == Some(1) && nobody.err.contains("nothing that was read shows"), "{}", nobody.err);
}

#[test]
fn applications_and_devices_are_found_by_their_own_ids() {
    let ask = |words: &[&str]| -> Value {
        let words = words.iter().copied().chain(["--captures"]).map(OsStr::new);
        let Output { status, stdout, stderr } = program(words, [GROUND.captures()]);
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        serde_json::from_slice(&stdout).unwrap()
    };
    let all = ask(&["identity", "audit", "--accounts", "--format", "json"]);
    for (kind, handle) in [("service_principal", "/facts/app_id"), ("device", "/facts/devices/0")] {
        let account = all["accounts"].as_array().unwrap().iter().find(|a| a["kind"] == kind).unwrap();
        let part = |name: &str| account["account"][name].as_str().unwrap().to_owned();
        let (tenant, object) = (part("tenant"), part("object_id"));
        let known = ask(&["resolve", &tenant, &object, "--json"]);
        let own =
            known.pointer(handle).and_then(Value::as_str).unwrap_or_else(|| panic!("{kind}: no {handle}: {known}"));
        assert_eq!(ask(&["resolve", &tenant, own, "--json"])["account"]["object_id"], object.as_str(), "{kind} {own}");
    }
}

#[test]
fn the_page_of_an_account_tells_both_sides() {
    let town = Town::new();
    let page = town.done(&format!("resolve fabrikam {GUEST} --captures {{captures}}"));
    for part in [
        "Adele Vance",
        "external guest in fabrikam, enabled",
        "Home account",
        "adele@contoso.com, member in contoso",
        "accepted",
        "paired sign in",
        "What speaks for it",
        "What speaks against it",
    ] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
    assert!(page.lines().all(|l| l.chars().count() <= 100), "{page}");
    let page = town.done(&format!("resolve contoso {ADELE} --captures {{captures}}"));
    assert!(page.contains("Other accounts of this person") && page.contains("adele_contoso.com#ext#@"), "{page}");
    let before = town.resolve(&format!("fabrikam {GUEST} --at 2026-01-01T00:00:00Z"));
    assert_eq!(before["facts"], Value::Null, "it was not there yet");
}

#[test]
fn the_audit_names_every_foreign_account_and_what_to_look_at() {
    let town = Town::new();
    let accounts: Value =
        serde_json::from_str(&town.done("identity audit --accounts --format json --captures {captures}")).unwrap();
    let of = |object: &str| {
        let all = accounts["accounts"].as_array().unwrap();
        all.iter().find(|a| a["account"]["object_id"] == object).unwrap_or_else(|| panic!("no {object}: {accounts}"))
    };
    assert_eq!((&of(GUEST)["kind"], &of(GUEST)["state"]), (&json!("external_guest"), &json!("resolved")));
    assert_eq!(of(STALE)["flags"], json!(["stale_home_disabled"]));
    assert_eq!(
        (&of(PARTNER)["state"], &of(PARTNER)["flags"]),
        (&json!("unresolved"), &json!(["orphan_home_not_monitored"]))
    );
    assert_eq!(
        accounts["accounts"].as_array().unwrap().len(),
        3,
        "a member at home here is nobody's business: {accounts}"
    );
    town.done(&format!("identity link fabrikam {TWIN} --home contoso {ADELE} {BY}"));
    let pairs = town.done("identity audit --format json --captures {captures} --ledger {ledger}");
    let pairs: Value = serde_json::from_str(&pairs).unwrap();
    let pair = pairs["pairs"].as_array().unwrap().iter().find(|p| p["home"]["name"] == "contoso").unwrap();
    assert_eq!(pair["by_kind"]["cloud_only_twin"]["resolved_by"], json!({"statement": 1}), "{pairs}");
    assert_eq!((&pair["all"]["accounts"], &pair["all"]["stale"]), (&json!(3), &json!(1)));
    let table = town.done("identity audit --captures {captures}");
    assert!(table.contains("contoso -> fabrikam") && table.contains("stale home disabled 1"), "{table}");
    assert!(table.lines().all(|l| l.chars().count() <= 100), "{table}");
}

#[test]
fn what_the_audit_writes_for_a_spreadsheet_runs_nothing_there() {
    let town = Town::new();
    assert_eq!(town.done("identity audit --accounts --format csv --captures {captures} --out {audit.csv}"), "");
    let text = fs::read_to_string(town.path("audit.csv")).unwrap();
    let partner = text.lines().find(|l| l.contains(PARTNER)).unwrap();
    assert!(partner.contains(",\"'=HYPERLINK(\"\"http://203.0.113.1\"\")\","), "{partner}");
    town.refused("identity audit --captures {captures} --out {captures/tenantId=aaaaaaaa-1111-4111-8111-111111111111/users.json}", "also an input");
    let columns = text.lines().next().unwrap().split(',').count();
    let guest = text.lines().find(|l| l.contains(GUEST)).unwrap();
    assert_eq!(guest.split(',').count(), columns, "{guest}");
    let pairs = town.done("identity audit --format csv --captures {captures}");
    assert!(
        pairs.lines().any(|l| l.starts_with(&format!("contoso,{HOME},fabrikam,{RESOURCE},external_guest,2,2,"))),
        "{pairs}"
    );
}

#[test]
fn faults_in_a_file_of_decisions_are_named_with_their_lines() {
    let town = Town::new();
    town.done(&format!("identity link fabrikam {TWIN} --home contoso {ADELE} {BY}"));
    let good = town.done("identity statements --json --ledger {ledger}");
    let bad = good.replace("identity.same", "identity.equal");
    fs::write(town.path("decisions"), format!("{good}\n{bad}not json\n")).unwrap();
    let told = town.run("replay {captures} --out {incidents} --decisions {decisions}");
    assert_eq!(told.code, Some(2), "{}", told.err);
    assert!(
        told.err.contains("decisions, line 3: kind \"identity.equal\"") && told.err.contains("line 4: "),
        "{}",
        told.err
    );
    assert!(!town.path("incidents").exists(), "nothing is written on half of what was decided");
}

#[test]
fn a_configured_twin_is_one_person_until_an_analyst_says_otherwise() {
    let town = Town::new();
    let twin = format!(
        "[[twin]]\naccount = \"fabrikam/{TWIN}\"\nhome = \"contoso/{ADELE}\"\nreason = \"list of administrators\"\n"
    );
    let config = fs::read_to_string(town.path("caponier.toml")).unwrap();
    fs::write(town.path("caponier.toml"), format!("{config}{twin}")).unwrap();
    assert_eq!(town.resolve(&format!("fabrikam {TWIN}"))["home"]["object_id"], ADELE);
    assert_eq!(town.replay("").1["cross_tenant_incidents"], 1);
    town.done(&format!("identity unlink fabrikam {TWIN} --home contoso {ADELE} {BY}"));
    assert_eq!(town.resolve(&format!("fabrikam {TWIN} --ledger {{ledger}}"))["home"]["object_id"], TWIN);
    assert_eq!(town.replay("--ledger {ledger}").1["cross_tenant_incidents"], 0);
}
