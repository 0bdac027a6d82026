//! Histories of accounts from rows of several exports, in any order.

use super::*;
use caponier_model::{Guid, TenantId};

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
