//! An organisation by the numbers: every guest must find its home, however many there are.
//!
//! `CAPONIER_PEOPLE` makes it larger (5000 people are 100 000 sign-ins), to see what the join costs in this profile.

use caponier_identity::{Settings, combine, facts};
use caponier_model::{
    Access, AccountKey, AccountRow, EventTime, Guid, LinkState, Rows, SignInRow, Tenant, TenantId, TenantRole, Tenants,
};
use caponier_query::{Join, Queries, Question};

const HOME: TenantId = TenantId(Guid::from_u128(1));
const RESOURCE: TenantId = TenantId(Guid::from_u128(2));
const SIGN_INS: u128 = 20;

fn account(tenant: TenantId, number: u128) -> AccountKey {
    AccountKey { tenant, object: Guid::from_u128(tenant.0.as_u128() << 64 | number) }
}

fn directory_row(account: AccountKey, upn: String, mail: &str, guest: bool) -> AccountRow {
    AccountRow {
        account,
        seen: None,
        created: Some(EventTime::from_seconds(0)),
        deleted: None,
        upn: Some(upn.into()),
        mail: Some(mail.into()),
        addresses: Vec::new(),
        display: None,
        user_type: Some(if guest { "guest" } else { "member" }.into()),
        creation_type: None,
        external_state: None,
        external_entra: guest,
        employee: None,
        onprem_sid: None,
        immutable_id: None,
        home_object: None,
        enabled: Some(true),
    }
}

/// Person `n` signs in across tenants twenty times over three days; every sign-in is in both logs.
fn person(n: u128, rows: &mut Rows) {
    let mail = format!("person{n}@home.example");
    let ext = format!("person{n}_home.example#ext#@resource.example");
    rows.accounts.push(directory_row(account(HOME, n), mail.clone(), &mail, false));
    rows.accounts.push(directory_row(account(RESOURCE, n), ext, &mail, true));
    for i in 0..SIGN_INS / 2 {
        let seconds = i64::try_from(86_400 + i * 25_000 + n % 7_919).unwrap();
        for (log, lag) in [(HOME, 0), (RESOURCE, 3)] {
            rows.sign_ins.push(SignInRow {
                log,
                home: HOME,
                resource: RESOURCE,
                object: Some(account(log, n).object),
                upn: Some(mail.as_str().into()),
                app: Some(Guid::from_u128(7)),
                time: EventTime::from_seconds(seconds + lag),
                id: format!("{n}-{i}").into(),
                correlation: None,
                access: Access::Unsaid,
                success: true,
            });
        }
    }
}

fn tenant(id: TenantId, role: TenantRole) -> Tenant {
    Tenant { id, name: "".into(), role, domains: Vec::new(), workspaces: Vec::new(), subscriptions: Vec::new() }
}

#[test]
fn every_guest_of_many_finds_its_home() {
    let people: u128 = std::env::var("CAPONIER_PEOPLE").map_or(200, |n| n.parse().unwrap());
    let mut rows = Rows::default();
    (0..people).for_each(|n| person(n, &mut rows));
    let all = vec![tenant(HOME, TenantRole::Primary), tenant(RESOURCE, TenantRole::Secondary)];
    let facts = facts(&rows);
    let question = Question { rows: &rows, facts: &facts, tenants: &Tenants { all }, naming: &[] };
    let found = Join::new(Queries::embedded()).unwrap().testimony(&question).unwrap();
    let links = combine(&found, &facts, &Settings::default()).links;
    let right = |l: &&caponier_model::Link| {
        l.state == LinkState::Accepted
            && l.kinds.len() == 4
            && l.account.object.as_u128() & u128::from(u64::MAX) == l.home.object.as_u128() & u128::from(u64::MAX)
    };
    assert_eq!(links.iter().filter(right).count() as u128, people);
    assert_eq!(links.len() as u128, people);
}
