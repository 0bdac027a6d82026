//! What each kind of event contributes, and what it does not.

use super::*;
use caponier_model::{
    Actor, DeviceRef, Entity, EntityRole, FindingKey, Invitation, Principal, Severity, SightingKind, SourceRank, Text,
};

const H: TenantId = TenantId(Guid::from_u128(1));
const R: TenantId = TenantId(Guid::from_u128(2));
const SOMEBODY: Guid = Guid::from_u128(11);
const OTHER: Guid = Guid::from_u128(12);

fn event(tenant: TenantId, body: Body<'static>) -> Event<'static> {
    Event {
        format: "test",
        tenant,
        time: EventTime::from_seconds(1_000),
        id: Some("row".into()),
        operation: Some("operation".into()),
        actor: Actor { id: Some(SOMEBODY), name: Some(" Adele.Vance@Contoso.Example ".into()), ..Actor::default() },
        address: None,
        device: DeviceRef::default(),
        outcome: Some(Outcome::Success),
        severity: Severity::Unknown,
        techniques: Vec::new(),
        content: 0,
        body,
    }
}

fn seen(event: &Event<'_>) -> Rows {
    let mut rows = Rows::default();
    assert_eq!(observe(event, &mut rows), !rows.is_empty());
    rows
}

#[test]
fn a_sign_in_counts_when_it_names_two_tenants_or_a_local_guest() {
    let sign_in = |home, resource, user_type: Option<&'static str>| {
        let user_type = user_type.map(Into::into);
        seen(&event(R, Body::SignIn(SignIn { home, resource, user_type, ..SignIn::default() }))).sign_ins.pop()
    };
    let inbound = sign_in(Some(H), Some(R), Some("Guest")).unwrap();
    assert_eq!((inbound.log, inbound.home, inbound.resource, inbound.success), (R, H, R, true));
    assert_eq!(inbound.upn.as_deref(), Some("adele.vance@contoso.example"));
    assert_eq!(sign_in(Some(H), None, None), Some(inbound), "an older row, without the resource tenant");
    assert!(sign_in(Some(R), Some(H), Some("Member")).is_some(), "outbound");
    assert!(sign_in(Some(R), Some(R), Some("guest")).is_some(), "a guest at home here has no home elsewhere");
    assert_eq!(sign_in(Some(R), Some(R), Some("Member")), None);
    assert_eq!(sign_in(Some(R), Some(R), None), None);
    assert_eq!(sign_in(None, Some(H), None), None);
    assert_eq!(sign_in(None, None, None), None);
}

#[test]
fn a_directory_row_is_folded_and_dated_only_by_a_time_of_its_own() {
    let directory = Directory {
        object: Some(OTHER),
        upn: Some("A_B.example#EXT#@R.example".into()),
        mail: Some("".into()),
        addresses: vec!["B@x".into(), "a@X".into(), "b@x".into(), " ".into()],
        onprem_sid: Some("s-1-5-21-1".into()),
        user_type: Some("Guest".into()),
        ..Directory::default()
    };
    let row = |directory: &Directory<'static>| {
        seen(&event(R, Body::Directory(Box::new(directory.clone())))).accounts.pop().unwrap()
    };
    let dated = row(&directory);
    assert_eq!(dated.account, AccountKey { tenant: R, object: OTHER });
    assert_eq!(dated.upn.as_deref(), Some("a_b.example#ext#@r.example"));
    assert_eq!((dated.mail, dated.addresses), (None, vec!["a@x".into(), "b@x".into()]));
    assert_eq!((dated.onprem_sid.as_deref(), dated.user_type.as_deref()), (Some("S-1-5-21-1"), Some("guest")));
    assert_eq!(dated.seen, Some(EventTime::from_seconds(1_000)));
    let snapshot = row(&Directory { created: Some(EventTime::from_seconds(1_000)), ..directory });
    assert_eq!(snapshot.seen, None, "a row whose only time is the creation has none of its own");
}

#[test]
fn a_caller_counts_when_it_says_more_than_who_it_is() {
    let own = Caller { tenant: Some(R), object: Some(SOMEBODY), ..Caller::default() };
    let row = |caller: &Caller<'static>| seen(&event(R, Body::Caller(caller.clone()))).callers.pop();
    assert_eq!(row(&own), None);
    assert_eq!(row(&Caller { provider: Some(R), ..own.clone() }), None);
    assert_eq!(row(&Caller { object: Some(Guid::ZERO), provider: Some(H), ..own.clone() }), None, "zeros are nobody");
    assert_eq!(row(&Caller { object: None, provider: Some(H), ..own.clone() }), None);
    assert!(row(&Caller { provider: Some(H), ..own.clone() }).is_some());
    assert_eq!(row(&Caller { puid: Some("10a".into()), ..own.clone() }).unwrap().puid.as_deref(), Some("10A"));
    let delegated = row(&Caller { tenant: Some(H), ..own }).unwrap();
    assert_eq!((delegated.log, delegated.caller), (R, AccountKey { tenant: H, object: SOMEBODY }));
}

#[test]
fn provisioning_counts_between_directories_when_it_worked() {
    let pair = Provisioning { source: Some(SOMEBODY), target: Some(OTHER), ..Provisioning::default() };
    let to = |system: &'static str| Provisioning { systems: (None, Some(system.into())), ..pair.clone() };
    let count = |row: Provisioning<'static>| seen(&event(H, Body::Provisioning(row))).provisioning.len();
    assert_eq!(count(pair.clone()), 1);
    assert_eq!(count(to("Microsoft Entra ID")), 1);
    assert_eq!(count(to("Azure Active Directory (target tenant)")), 1);
    assert_eq!(count(to("Salesforce")), 0);
    assert_eq!(count(Provisioning { target: None, ..pair.clone() }), 0);
    let failed = Event { outcome: Some(Outcome::Failure), ..event(H, Body::Provisioning(pair)) };
    assert!(seen(&failed).is_empty());
}

#[test]
fn invitations_and_devices_are_kept_and_the_rest_is_quiet() {
    let invitation = Some(Invitation { guest: OTHER, address: "Adele@Contoso.example".into(), redeemed: true });
    let audit = seen(&event(R, Body::Audit(Audit { invitation, ..Audit::default() })));
    assert_eq!((audit.invitations.len(), audit.invitations[0].address.as_str()), (1, "adele@contoso.example"));
    let inventory = Body::Inventory { defender: Some("ABC".into()), entra: Some(OTHER), object: None, azure: None };
    assert_eq!(seen(&event(H, inventory)).devices[0].defender.as_deref(), Some("abc"));
    let alone = Body::Inventory { defender: Some("ABC".into()), entra: None, object: None, azure: None };
    for body in [alone, Body::Plain, Body::Audit(Audit::default())] {
        assert!(seen(&event(H, body)).is_empty());
    }
}

#[test]
fn a_service_principal_counts_with_what_its_log_says_of_the_application() {
    let app = Guid::from_u128(13);
    let own = SignIn { principal: Some(OTHER), app: Some(app), app_owner: Some(H), ..SignIn::default() };
    let rows = |sign_in: &SignIn<'static>| seen(&event(R, Body::SignIn(sign_in.clone())));
    let row = rows(&own).principals.pop().unwrap();
    assert_eq!((row.account, row.app), (AccountKey { tenant: R, object: OTHER }, app));
    assert_eq!((row.owner, row.managed, row.id.as_str()), (Some(H), false, "row"));
    let managed = rows(&SignIn { managed: true, ..own.clone() }).principals.pop().unwrap();
    assert_eq!((managed.owner, managed.managed), (None, true), "a managed identity has no home elsewhere");
    assert_eq!(rows(&SignIn { app_owner: None, ..own.clone() }).principals[0].owner, None, "rows of 2022");
    for nothing in [SignIn { app: None, ..own.clone() }, SignIn { principal: Some(Guid::ZERO), ..own.clone() }] {
        assert!(rows(&nothing).is_empty());
    }
    // A tenant that a sign-in of no user names as home joins nobody.
    assert!(rows(&own).sign_ins.is_empty());
}

#[test]
fn a_directory_says_nothing_of_another_tenants_application() {
    let principal = |owner, managed| Body::Principal(Principal { object: OTHER, app: SOMEBODY, owner, managed });
    let owner = |owner, managed| seen(&event(R, principal(owner, managed))).principals.pop().unwrap().owner;
    assert_eq!(owner(Some(H), false), None);
    assert_eq!(owner(None, false), None);
    assert_eq!(owner(Some(R), false), Some(R));
    assert_eq!(owner(Some(R), true), None);
}

#[test]
fn the_words_of_access_are_read_in_any_case() {
    for (word, want) in [
        (None, Access::Unsaid),
        (Some(""), Access::Unsaid),
        (Some("none"), Access::Unsaid),
        (Some("b2bCollaboration"), Access::Collaboration),
        (Some("B2BDirectConnect"), Access::DirectConnect),
        (Some("serviceProvider"), Access::Delegated),
        (Some("microsoftSupport"), Access::Delegated),
        (Some("passthrough"), Access::Other),
        (Some("unknownFutureValue"), Access::Other),
        (Some("b2bCollaboration,passthrough"), Access::Other),
    ] {
        let sign_in = SignIn { home: Some(H), resource: Some(R), access: word.map(Into::into), ..SignIn::default() };
        assert_eq!(seen(&event(R, Body::SignIn(sign_in))).sign_ins[0].access, want, "{word:?}");
    }
}

#[test]
fn a_finding_tells_which_ids_are_one_host() {
    let entity =
        |kind, value: &str, group| Entity { kind, value: value.into(), tenant: R, group, role: EntityRole::Impacted };
    let (first, second) = (OTHER.to_string(), SOMEBODY.to_string());
    let rows = |entities: Vec<Entity>| {
        let sighting = Sighting {
            key: FindingKey { tenant: R, product: "mde".into(), id: "a".into() },
            kind: SightingKind::Alert,
            format: "test",
            id: "a".into(),
            url: None,
            rank: SourceRank::STREAM,
            version: EventTime::default(),
            content: 0,
            title: Text::plain(""),
            severity: Severity::Low,
            closed: false,
            verdict: None,
            first: EventTime::default(),
            last: EventTime::default(),
            ingested: None,
            entities,
            tactics: Vec::new(),
            techniques: Vec::new(),
            source_incident: None,
            detector: None,
        };
        seen(&event(R, Body::Sighting(Box::new(sighting.canonical())))).devices
    };
    let all = rows(vec![
        entity(EntityKind::Device, "d1", 1),
        entity(EntityKind::EntraDevice, &first, 1),
        entity(EntityKind::HostFqdn, "ws-1.example", 1),
        entity(EntityKind::Device, "d2", 2),
        entity(EntityKind::AzureResource, "/subscriptions/x/vm", 2),
        entity(EntityKind::Device, "d3", 3),
        entity(EntityKind::AzureResource, "/subscriptions/y", 4),
    ]);
    assert_eq!((all.len(), all[0].entra, all[0].name.as_deref()), (2, Some(OTHER), Some("ws-1.example")));
    assert_eq!((all[1].defender.as_deref(), all[1].azure.as_deref()), (Some("d2"), Some("/subscriptions/x/vm")));
    let torn = [entity(EntityKind::EntraDevice, &first, 1), entity(EntityKind::EntraDevice, &second, 1)];
    assert_eq!(rows([vec![entity(EntityKind::Device, "d1", 1)], torn.to_vec()].concat()), []);
}
