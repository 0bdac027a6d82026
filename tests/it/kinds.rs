//! Every kind of account that the lab invents reaches the evidence rows: simulated exports in, rows out, compared with the truth
//! line by line. What the joins make of the rows is not asked here.

use caponier_identity::Observer;
use caponier_lab::{Memory, Plan, simulate};
use caponier_model::{
    Access, AccountKey, AccountRow, DeviceRow, EventTime, Guid, PrincipalRow, Rows, SignInRow, TenantId, Tenants,
};
use caponier_wire::{Context, decode, records};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

static SIMULATED: LazyLock<(Rows, Vec<Value>)> = LazyLock::new(simulated);

/// The evidence rows of a simulated folder, and its truth.
fn simulated() -> (Rows, Vec<Value>) {
    let plan = Plan { people: 120, days: 2, tenants: 3, attacks: 4, ..Plan::default() };
    let mut out = Memory::default();
    simulate(&plan, &mut out).unwrap();
    let (tenants, mut observer) = (Tenants::default(), Observer::default());
    for (path, bytes) in out.files.iter().filter(|(p, _)| p.starts_with("captures/")) {
        let folder = path.split("tenantId=").nth(1).and_then(|rest| Guid::parse(rest.get(..36)?)).map(TenantId);
        let table = path.split('/').nth(1).filter(|t| *t != "graph");
        let context = Context { folder, table, ..Context::discovering(&tenants) };
        for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            for record in records(line, &context.limits) {
                let record = record.unwrap_or_else(|b| panic!("{path}: {}", b.reject));
                let context = Context { odata: record.odata.as_deref(), ..context };
                observer.observe(&decode(&context, &record.bytes).unwrap_or_else(|r| panic!("{path}: {r}")));
            }
        }
    }
    let truth = std::str::from_utf8(&out.files["truth.ndjson"]).unwrap();
    (observer.into_rows(), truth.lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

fn key(value: &Value) -> Option<AccountKey> {
    let part = |name: &str| Guid::parse(value.get(name)?.as_str()?);
    Some(AccountKey { tenant: TenantId(part("tenant")?), object: part("object")? })
}

fn time(line: &Value, name: &str) -> Option<EventTime> {
    caponier_wire::parse_time(line.get(name)?.as_str()?)
}

/// What the rows hold of one account.
struct Seen<'r> {
    listed: Vec<&'r AccountRow>,
    sign_ins: Vec<&'r SignInRow>,
    home_listed: Vec<&'r AccountRow>,
    home_sign_ins: Vec<&'r SignInRow>,
}

fn seen<'r>(rows: &'r Rows, account: AccountKey, home: Option<AccountKey>) -> Seen<'r> {
    let listed = |key: AccountKey| rows.accounts.iter().filter(|a| a.account == key).collect();
    let sign_ins = |key: AccountKey| {
        rows.sign_ins.iter().filter(|s| s.log == key.tenant && s.object == Some(key.object)).collect()
    };
    Seen {
        listed: listed(account),
        sign_ins: sign_ins(account),
        home_listed: home.map(listed).unwrap_or_default(),
        home_sign_ins: home.map(sign_ins).unwrap_or_default(),
    }
}

/// Does every sign-in lie between these two?
fn within(sign_ins: &[&SignInRow], since: Option<EventTime>, until: Option<EventTime>) -> bool {
    sign_ins.iter().all(|s| since.is_none_or(|t| s.time >= t) && until.is_none_or(|t| s.time < t))
}

/// What must be in the rows for a truth line of this kind.
fn holds(kind: &str, line: &Value, rows: &Rows, account: AccountKey, home: Option<AccountKey>) -> bool {
    let s = seen(rows, account, home);
    let (since, until) = (time(line, "since"), time(line, "until"));
    let crossing: Vec<_> = s.sign_ins.iter().copied().filter(|r| Some(r.home) == home.map(|h| h.tenant)).collect();
    let outward = s.home_sign_ins.iter().any(|r| r.log != r.resource);
    let local = |r: &&SignInRow| r.home == account.tenant && r.resource == account.tenant;
    let guest = |a: &&AccountRow| a.upn.as_deref().is_some_and(|u| u.contains("#ext#@"));
    match kind {
        // Its own tenant is its only home: said in the log, not by a name.
        "internal_guest" => {
            s.sign_ins.iter().all(local)
                && !s.sign_ins.is_empty()
                && s.listed.iter().all(|a| !guest(a) && a.user_type.as_deref() == Some("guest"))
        }
        "consumer" | "passcode" => {
            s.sign_ins.iter().all(local)
                && !s.sign_ins.is_empty()
                && s.listed.iter().all(|a| guest(a) && !a.external_entra)
        }
        // Both names of one object, dated; sign-ins from home until then.
        "converted" => {
            s.listed.iter().any(guest)
                && s.listed.iter().any(|a| !guest(a))
                && !crossing.is_empty()
                && within(&crossing, since, until)
        }
        "direct_connect" | "service_provider" => {
            let want = if kind == "direct_connect" { Access::DirectConnect } else { Access::Delegated };
            let abroad = |r: &&SignInRow| {
                r.log != account.tenant && r.object == Some(account.object) && r.home == account.tenant
            };
            let abroad: Vec<_> = rows.sign_ins.iter().filter(abroad).collect();
            account == home.unwrap() && abroad.iter().any(|r| r.access == want)
        }
        // The home object's id, in claims of another tenant's log.
        "delegate" => rows.callers.iter().any(|c| c.caller == account && c.log != account.tenant),
        "employee_twin" => {
            let employee = s.home_listed[0].employee.as_ref();
            employee.is_some() && s.listed.iter().all(|a| a.employee.as_ref() == employee && !guest(a))
        }
        "dual_synced" => {
            let (sid, anchor) = (s.home_listed[0].onprem_sid.as_ref(), s.home_listed[0].immutable_id.as_ref());
            sid.is_some() && s.listed.iter().all(|a| a.onprem_sid.as_ref() == sid && a.immutable_id.as_ref() == anchor)
        }
        // Two objects of one name, each with a life of its own.
        "invited_again" => {
            let deleted = s.listed.iter().any(|a| a.deleted.is_some());
            deleted == until.is_some() && !crossing.is_empty() && within(&crossing, since, until) && outward
        }
        "reused_name" => {
            let gone = s.home_listed.iter().filter_map(|a| a.deleted).min();
            let name = s.home_listed[0].upn.as_ref();
            let bearers = rows.accounts.iter().filter(|a| a.upn.as_ref() == name && Some(a.account) != home);
            gone.is_some() && bearers.count() > 0 && !crossing.is_empty() && within(&crossing, None, gone) && outward
        }
        "look_alike" => s.listed.iter().all(|a| guest(a) && a.external_entra) && s.sign_ins.is_empty(),
        "typed_ids" => {
            let sid = s.listed[0].onprem_sid.as_ref();
            sid.is_some()
                && rows.accounts.iter().filter(|a| a.onprem_sid.as_ref() == sid).count() > 1
                && s.sign_ins.is_empty()
        }
        "external_member" => rows.provisioning.iter().any(|p| Some(p.source) == home && p.target == account.object),
        _ => !s.listed.is_empty(),
    }
}

#[test]
fn every_kind_of_account_reaches_the_rows() {
    let (rows, truth) = &*SIMULATED;
    let mut kinds = BTreeMap::<String, u32>::new();
    for line in truth.iter().filter(|l| l["type"] == "link") {
        let (kind, account) = (line["kind"].as_str().unwrap(), key(&line["account"]).unwrap());
        assert!(holds(kind, line, rows, account, key(&line["home"])), "{line}");
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    for kind in [
        "guest",
        "external_member",
        "delegate",
        "twin",
        "leaver",
        "hostile",
        "consumer",
        "internal_guest",
        "converted",
        "direct_connect",
        "service_provider",
        "employee_twin",
        "dual_synced",
        "passcode",
        "invited_again",
        "reused_name",
        "look_alike",
        "typed_ids",
    ] {
        assert!(kinds.contains_key(kind), "no {kind} among {kinds:?}");
    }
}

#[test]
fn every_service_principal_reaches_the_rows_with_the_owner_that_its_log_names() {
    let (rows, truth) = &*SIMULATED;
    let mut by_object = BTreeMap::<AccountKey, Vec<&PrincipalRow>>::new();
    rows.principals.iter().for_each(|p| by_object.entry(p.account).or_default().push(p));
    let (mut homes, mut managed) = (0, 0);
    for line in truth.iter().filter(|l| l["type"] == "principal") {
        let account = key(&line["account"]).unwrap();
        let shown = by_object.remove(&account).unwrap_or_else(|| panic!("nothing shows {line}"));
        let guid = |name: &str| Guid::parse(line[name].as_str().unwrap()).unwrap();
        let is_managed = line["kind"] == "managed_identity";
        assert!(shown.iter().all(|p| p.app == guid("app") && p.managed == is_managed), "{line}");
        let owners: Vec<_> = shown.iter().filter_map(|p| p.owner).collect();
        assert_eq!(owners.is_empty(), is_managed, "{line}");
        assert!(owners.iter().all(|o| *o == TenantId(guid("owner"))), "{line}");
        (homes, managed) = (homes + u32::from(line["home"].is_object()), managed + u32::from(is_managed));
    }
    assert!(by_object.is_empty(), "the truth does not know {by_object:?}");
    assert!(homes > 3 && managed > 3, "{homes} {managed}");
}

#[test]
fn every_device_is_known_by_all_its_ids() {
    let (rows, _) = &*SIMULATED;
    let whole = rows.devices.iter().filter(|d| d.defender.is_some() && d.entra.is_some() && d.azure.is_some());
    assert!(whole.count() > 10);
    // An inventory knows no object id, a directory nothing else: the Entra device id is what they share.
    let by = |has: fn(&DeviceRow) -> bool| -> BTreeSet<_> {
        rows.devices.iter().filter(|d| has(d)).map(|d| (d.tenant, d.entra.unwrap())).collect()
    };
    assert_eq!(by(|d| d.defender.is_some()), by(|d| d.object.is_some()));
}
