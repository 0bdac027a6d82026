//! Histories of accounts from rows of several exports, in any order.

use super::*;
use caponier_model::{CallerRow, DeviceRow, Guid, PrincipalRow, TenantId};

fn row(seen: Option<i64>, upn: Option<&str>) -> AccountRow {
    AccountRow {
        account: AccountKey { tenant: TenantId(Guid::from_u128(1)), object: Guid::from_u128(9) },
        seen: seen.map(EventTime::from_seconds),
        created: None,
        deleted: None,
        upn: upn.map(Into::into),
        mail: None,
        addresses: Vec::new(),
        display: None,
        user_type: Some("member".into()),
        creation_type: None,
        external_state: None,
        external_entra: false,
        employee: None,
        onprem_sid: None,
        immutable_id: None,
        home_object: None,
        enabled: None,
    }
}

/// `from..until names`, a line per fact; also checks that the order of rows does not matter.
#[track_caller]
fn check(rows: &[AccountRow], wanted: &[&str]) -> Vec<AccountFacts> {
    let found = facts(&Rows { accounts: rows.to_vec(), ..Rows::default() });
    let mut turned = rows.to_vec();
    turned.reverse();
    turned.extend_from_slice(rows);
    assert_eq!(facts(&Rows { accounts: turned, ..Rows::default() }), found);
    let when = |t: EventTime| match t {
        EventTime::MIN | EventTime::MAX => String::new(),
        t => t.seconds_since(EventTime::default()).to_string(),
    };
    let line = |f: &AccountFacts| format!("{}..{} {}", when(f.from), when(f.until), f.names.join(" "));
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), wanted);
    found
}

fn at(seconds: i64) -> Option<EventTime> {
    Some(EventTime::from_seconds(seconds))
}

#[test]
fn a_snapshot_holds_from_creation_or_always() {
    check(&[row(None, Some("a@x"))], &[".. a@x"]);
    check(&[AccountRow { created: at(5), ..row(None, Some("a@x")) }], &["5.. a@x"]);
    check(&[AccountRow { created: at(5), deleted: at(8), ..row(Some(7), Some("a@x")) }], &["5..8 a@x"]);
}

#[test]
fn only_a_change_begins_a_new_fact() {
    let renamed = [row(Some(10), Some("a@x")), row(Some(20), Some("a@x")), row(Some(30), Some("b@x"))];
    check(&renamed, &["..30 a@x", "30.. b@x"]);
    // What a row leaves out stays.
    check(&[row(Some(10), Some("a@x")), row(Some(20), None)], &[".. a@x"]);
}

#[test]
fn two_exports_of_one_account_are_one_history() {
    let graph = AccountRow { addresses: vec!["alias@x".into()], created: at(1), ..row(None, Some("a@x")) };
    let info =
        AccountRow { mail: Some("m@x".into()), onprem_sid: Some("S-1-5-21-1".into()), ..row(Some(10), Some("a@x")) };
    let facts = check(&[graph, info], &["1.. a@x alias@x m@x"]);
    let cloud = facts[0].account.object.cloud_sid();
    assert_eq!(facts[0].sids, [cloud.as_str(), "S-1-5-21-1"]);
}

#[test]
fn deletion_ends_and_restoring_undoes_it() {
    let deleted = AccountRow { deleted: at(20), ..row(Some(21), Some("a@x")) };
    check(&[row(Some(10), Some("a@x")), deleted.clone()], &["..20 a@x"]);
    check(&[row(Some(10), Some("a@x")), deleted.clone(), row(Some(30), Some("a@x"))], &[".. a@x"]);
    // Seen renamed only when it was deleted already.
    let gone = AccountRow { upn: Some("z@x".into()), ..deleted };
    check(&[row(Some(10), Some("a@x")), gone], &["..20 a@x"]);
}

#[test]
fn the_kind_comes_from_the_name_and_the_identities() {
    use AccountKind::{ConsumerGuest, ExternalGuest, ExternalMember, InternalGuest, Member, Unknown};
    for (upn, user_type, state, entra, wanted) in [
        ("a_y#ext#@x", Some("guest"), Some("accepted"), true, ExternalGuest),
        ("a_y#ext#@x", Some("guest"), Some("accepted"), false, ConsumerGuest),
        ("a_y#ext#@x", Some("guest"), Some("pendingacceptance"), false, ExternalGuest),
        ("a_y#ext#@x", Some("guest"), None, false, ExternalGuest),
        ("a_y#ext#@x", Some("member"), Some("accepted"), true, ExternalMember),
        ("a_y#ext#@x", None, None, false, ExternalGuest),
        ("a@x", Some("guest"), None, false, InternalGuest),
        ("a@x", Some("member"), None, false, Member),
        ("a@x", None, None, false, Unknown),
    ] {
        let row = AccountRow {
            user_type: user_type.map(Into::into),
            external_state: state.map(Into::into),
            external_entra: entra,
            created: at(1),
            ..row(None, Some(upn))
        };
        assert_eq!(facts(&Rows { accounts: vec![row], ..Rows::default() })[0].kind, wanted, "{upn} {user_type:?}");
    }
}

#[test]
fn a_guest_whose_identities_no_export_shows_is_not_taken_for_a_consumer() {
    let info = AccountRow {
        user_type: Some("guest".into()),
        external_state: Some("accepted".into()),
        ..row(Some(5), Some("a_y#ext#@x"))
    };
    assert_eq!(facts(&Rows { accounts: vec![info], ..Rows::default() })[0].kind, AccountKind::ExternalGuest);
}

fn account(object: u128) -> AccountKey {
    AccountKey { object: Guid::from_u128(object), ..row(None, None).account }
}

#[test]
fn a_name_that_went_from_one_to_another_means_neither_where_dates_do_not_tell() {
    // The leaver's deletion is known, when the newcomer was made is not: before the deletion both may have borne it.
    let leaver = AccountRow { deleted: at(20), ..row(Some(21), Some("a@x")) };
    let newcomer = AccountRow { account: account(10), ..row(Some(30), Some("a@x")) };
    let dated = AccountRow { created: at(25), ..newcomer.clone() };
    let bearers = |rows: &[AccountRow], seconds: i64| -> Vec<u128> {
        let time = EventTime::from_seconds(seconds);
        let facts = facts(&Rows { accounts: rows.to_vec(), ..Rows::default() });
        let then = facts.iter().filter(|f| f.from <= time && time < f.until && f.names.iter().any(|n| n == "a@x"));
        then.map(|f| f.account.object.as_u128()).collect()
    };
    assert_eq!(bearers(&[leaver.clone(), newcomer.clone()], 10), [9, 10]);
    assert_eq!(bearers(&[leaver.clone(), newcomer.clone()], 25), [10]);
    assert_eq!(bearers(&[leaver.clone(), dated.clone()], 10), [9]);
    assert_eq!(bearers(&[leaver.clone(), dated.clone()], 22), []);
    assert_eq!(bearers(&[leaver.clone(), dated], 25), [10]);
    // A directory lists who was deleted under a name that begins with the object id.
    let listed = AccountRow { upn: Some("00000000000000000000000000000009a@x".into()), seen: None, ..leaver };
    assert_eq!(bearers(&[listed.clone(), newcomer.clone()], 10), [9, 10]);
    let alive = AccountRow { deleted: None, ..listed };
    assert_eq!(bearers(&[alive, newcomer], 10), [10], "who lives bears the name as it stands");
}

#[test]
fn the_names_of_a_row_without_a_time_find_the_account_throughout() {
    let undated = AccountRow { mail: Some("m@x".into()), ..row(None, Some("new@x")) };
    check(
        &[
            undated,
            AccountRow { mail: Some("n@x".into()), ..row(Some(10), Some("old@x")) },
            row(Some(20), Some("new@x")),
        ],
        &["..20 m@x n@x new@x old@x", "20.. m@x n@x new@x"],
    );
}

#[test]
fn puids_are_those_of_tokens_of_the_account_itself() {
    let caller = |object, puid: Option<&str>, home_puid: Option<&str>| CallerRow {
        log: account(1).tenant,
        caller: account(object),
        provider: None,
        home_puid: home_puid.map(Into::into),
        puid: puid.map(Into::into),
        onprem_sid: None,
        time: EventTime::from_seconds(5),
        id: "row".into(),
    };
    let callers = vec![
        caller(9, Some("B2"), None),
        caller(9, Some("A1"), Some("C3")),
        caller(9, Some("B2"), None),
        caller(8, Some("D4"), None),
    ];
    let accounts = vec![row(Some(10), Some("a@x")), row(Some(20), Some("b@x"))];
    let found = facts(&Rows { accounts, callers, ..Rows::default() });
    assert_eq!(found.len(), 2, "who is only in a log gets no facts");
    assert!(found.iter().all(|f| f.puids == ["A1", "B2"]), "{found:?}");
}

#[test]
fn principals_and_devices_are_what_their_rows_say() {
    let principal = |object, app, managed, name: Option<&str>, time| PrincipalRow {
        account: account(object),
        app: Guid::from_u128(app),
        owner: None,
        managed,
        name: name.map(Into::into),
        time: EventTime::from_seconds(time),
        id: "row".into(),
    };
    let device =
        |entra: Option<u128>, defender: Option<&str>, azure: Option<&str>, name: Option<&str>, time| DeviceRow {
            tenant: account(1).tenant,
            defender: defender.map(Into::into),
            entra: entra.map(Guid::from_u128),
            object: entra.map(|e| Guid::from_u128(e + 1000)),
            azure: azure.map(Into::into),
            name: name.map(Into::into),
            time: EventTime::from_seconds(time),
        };
    let mut rows = Rows {
        accounts: vec![row(None, Some("a@x"))],
        principals: vec![
            principal(20, 1, false, Some("late"), 9),
            principal(20, 1, false, None, 10),
            principal(20, 1, false, Some("early"), 8),
            principal(21, 2, false, None, 8),
            principal(21, 2, true, None, 9),
            principal(22, 3, false, None, 8),
            principal(22, 4, false, None, 9),
        ],
        devices: vec![
            device(Some(30), Some("d1"), None, Some("host"), 5),
            device(Some(30), Some("d2"), Some("/vm"), None, 6),
            device(None, Some("d3"), Some("/lost"), None, 6),
        ],
        ..Rows::default()
    };
    let found = facts(&rows);
    rows.principals.reverse();
    rows.devices.reverse();
    assert_eq!(facts(&rows), found);
    let line = |f: &AccountFacts| {
        let app = f.app.map(|a| a.as_u128());
        let (object, kind, devices) = (f.account.object.as_u128(), f.kind.code(), f.devices.join(" "));
        format!("{object} {kind} {:?} {app:?} {devices}", f.display.as_deref())
    };
    let wanted = [
        "9 member None None ",
        "20 service_principal Some(\"late\") Some(1) ",
        "21 managed_identity None Some(2) ",
        "22 service_principal None None ",
        "30 device Some(\"host\") None /vm d1 d2",
    ];
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), wanted);
    assert_eq!(found[4].sids, [Guid::from_u128(1030).cloud_sid()], "of the object id, not of the device id");
}

#[test]
fn facts_of_an_account_follow_from_its_own_rows() {
    let other = AccountRow { account: account(10), created: at(3), ..row(Some(30), Some("a@x")) };
    let rows = vec![row(Some(10), Some("a@x")), row(None, Some("b@x")), other, row(Some(20), Some("c@x"))];
    let whole = facts(&Rows { accounts: rows.clone(), ..Rows::default() });
    let parts = [9, 10].map(|object| {
        let accounts = rows.iter().filter(|r| r.account == account(object)).cloned().collect();
        facts(&Rows { accounts, ..Rows::default() })
    });
    assert_eq!(parts.concat(), whole);
}
