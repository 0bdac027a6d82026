//! Audit rows that give roles and change settings, and rows that only look as if they did.

use crate::{Context, decode};
use caponier_model::{Audit, Body, Guid, Tenants};

const USER: &str = "bbbbbbbb-0001-4001-8001-000000000001";

fn audit(operation: &str, result: &str, targets: &str, see: impl FnOnce(&Audit<'_>)) {
    let text = format!(
        r#"{{"time":"2026-07-18T13:30:27Z","resourceId":"/tenants/bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb/providers/Microsoft.aadiam",
        "operationName":"{operation}","category":"AuditLogs","tenantId":"bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb","properties":{{"id":"x",
        "result":"{result}","activityDisplayName":"{operation}","activityDateTime":"2026-07-18T13:30:27Z","targetResources":{targets}}}}}"#
    );
    let tenants = Tenants::default();
    let event = decode(&Context::discovering(&tenants), text.as_bytes()).unwrap();
    let Body::Audit(audit) = &event.body else { panic!("{:?}", event.body) };
    see(audit);
}

fn given(value: &str, other: &str) -> String {
    format!(
        r#"[{{"id":"{USER}","type":"User","modifiedProperties":[
        {{"displayName":"Role.DisplayName","{value}":"\"Global Administrator\"","{other}":null}},
        {{"displayName":"Role.TemplateId","{value}":"\"62e90394-69f5-4237-9190-012177145e10\"","{other}":null}}]}},
        {{"id":"5b3935ed-b52d-4080-8b05-3a1832194d3a","type":"Role","displayName":"Company Administrator","modifiedProperties":[]}}]"#
    )
}

#[test]
fn roles_are_given_and_taken_by_what_was_done_and_by_nothing_else() {
    for (operation, result, wanted) in [
        ("Add member to role", "success", Some((true, false))),
        ("Add member to role.", "success", Some((true, false))),
        ("Add eligible member to role", "success", Some((true, true))),
        ("Add member to role completed (PIM activation)", "success", Some((true, false))),
        ("Add eligible member to role in PIM completed (permanent)", "success", Some((true, true))),
        ("Remove member from role", "success", Some((false, false))),
        ("Remove eligible member from role", "success", Some((false, true))),
        ("Add member to role", "failure", None),
        ("Add member to role requested (PIM activation)", "success", None),
        ("Add member to role approval requested (PIM activation)", "success", None),
        ("Update role", "success", None),
    ] {
        let targets =
            if operation.starts_with("Add") { given("newValue", "oldValue") } else { given("oldValue", "newValue") };
        audit(operation, result, &targets, |audit| {
            assert_eq!(audit.role.as_ref().map(|r| (r.given, r.eligible)), wanted, "{operation} {result}");
            let Some(role) = &audit.role else { return };
            assert_eq!((Some(role.user), role.role.as_deref()), (Guid::parse(USER), Some("Global Administrator")));
            assert_eq!(role.template, Guid::parse("62e90394-69f5-4237-9190-012177145e10"));
        });
    }
}

#[test]
fn a_role_goes_by_its_target_where_no_property_names_it_and_no_group_is_a_user() {
    let role =
        r#"{"id":"5b3935ed-b52d-4080-8b05-3a1832194d3a","type":"Role","displayName":"Reader","modifiedProperties":[]}"#;
    let user = format!(r#"[{role},{{"id":"{USER}","type":"User","modifiedProperties":[]}}]"#);
    audit("Add member to role", "success", &user, |audit| {
        let role = audit.role.as_ref().unwrap();
        assert_eq!((role.role.as_deref(), role.template), (Some("Reader"), None));
    });
    let group = format!(r#"[{role},{{"id":"{USER}","type":"Group","modifiedProperties":[]}}]"#);
    audit("Add member to role", "success", &group, |audit| assert_eq!(audit.role, None));
}

const POLICY: &str = r#"[{"id":"5cd43692-51e1-4168-9757-ec4f686ebbcb","type":"Policy","modifiedProperties":[
    {"displayName":"tenantId","oldValue":null,"newValue":"\"aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa\""},
    {"displayName":"inboundTrust","oldValue":"\"none\"","newValue":"\"mfa\""},
    {"displayName":"empty","oldValue":"[]","newValue":null}]}]"#;

#[test]
fn settings_for_a_partner_are_read_with_what_they_were_and_became() {
    for (operation, removed) in [
        ("Update a partner cross-tenant access setting", Some(false)),
        ("Add a partner to cross-tenant access setting", Some(false)),
        ("Create a partner cross-tenant identity sync setting", Some(false)),
        ("Delete partner specific cross-tenant access setting", Some(true)),
        ("Reset the cross-tenant access default setting", None),
        ("Update the company default cross-tenant access setting", None),
        ("Update policy", None),
    ] {
        audit(operation, "success", POLICY, |audit| {
            assert_eq!(audit.partner.as_ref().map(|p| p.removed), removed, "{operation}");
            let Some(change) = &audit.partner else { return };
            assert_eq!(change.partner.map(|t| t.to_string()).as_deref(), Some("aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"));
            let settings: Vec<_> =
                change.settings.iter().map(|(name, a, b)| (name.as_ref(), a.as_deref(), b.as_deref())).collect();
            assert_eq!(settings, [("inboundTrust", Some("none"), Some("mfa")), ("empty", None, None)]);
        });
    }
    audit("Update a partner cross-tenant access setting", "failure", POLICY, |audit| assert_eq!(audit.partner, None));
}

#[test]
fn a_value_of_any_length_is_cut_between_letters() {
    let long = "\u{e9}".repeat(5_000);
    let targets = format!(r#"[{{"type":"Policy","modifiedProperties":[{{"displayName":"x","newValue":"{long}"}}]}}]"#);
    audit("Update a partner cross-tenant access setting", "success", &targets, |audit| {
        let change = audit.partner.as_ref().unwrap();
        let (.., after) = &change.settings[0];
        assert!(change.partner.is_none() && after.as_ref().unwrap().len() <= super::VALUE_MAX);
    });
}
