//! A few people with every trap that a table must show, as plain values: what the tables hold must not depend on how evidence
//! is found or weighed.

use caponier_model::{
    Access, AccountFacts, AccountKey, AccountKind, Ambiguity, CallerRow, DeviceRow, EventTime, Evidence, EvidenceKind,
    Guid, InvitationRow, Link, LinkState, PartnerRow, PrincipalRow, ProvisioningRow, Refusal, RefusalReason,
    Refutation, RoleRow, Rows, SignInRow, Statement, Tenant, TenantId, TenantRole, Tenants, Testimony, Verdict,
};
use caponier_query::Known;

/// The bytes of a label.
fn guid(label: &str) -> Guid {
    Guid::from_u128(label.bytes().fold(0, |value, byte| value << 8 | u128::from(byte)))
}

fn tenant(label: &str) -> TenantId {
    TenantId(guid(label))
}

fn account(label: &str) -> AccountKey {
    let (home, object) = label.split_once('/').unwrap();
    AccountKey { tenant: tenant(home), object: guid(object) }
}

/// A day of March 2026; 0 is the beginning of time, 99 its end.
fn day(day: u32) -> EventTime {
    match day {
        0 => EventTime::MIN,
        99 => EventTime::MAX,
        day => EventTime::from_civil((2026, 3, day), (0, 0, 0), 0).unwrap(),
    }
}

fn fact(label: &str, kind: AccountKind, upn: &str, from: u32, until: u32) -> AccountFacts {
    let upn = (!upn.is_empty()).then(|| upn.into());
    AccountFacts {
        account: account(label),
        kind,
        display: upn.as_ref().map(|_| label.rsplit(['/', '.']).next().unwrap().into()),
        names: upn.clone().into_iter().collect(),
        upn,
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: Some(true),
        from: day(from),
        until: day(until),
    }
}

fn facts() -> Vec<AccountFacts> {
    use AccountKind::{ConsumerGuest, Device, ExternalGuest, Member, ServicePrincipal};
    let guest = |name: &str| format!("{name}_contoso.example#ext#@fabrikam.example");
    let mut adele = fact("H/adele", Member, "adele@contoso.example", 0, 99);
    adele.sids = vec!["S-1-5-21-7-7-7-1104".into()];
    adele.puids = vec!["10030000AAAA0001".into()];
    adele.names.insert(0, "a.vance@contoso.example".into());
    let mut gone = fact("H/leo", Member, "leo@contoso.example", 0, 99);
    gone.enabled = Some(false);
    let mut application = fact("R/app.sp", ServicePrincipal, "", 1, 99);
    (application.app, application.display) = (Some(guid("app")), Some("=HYPERLINK(\"x\")".into()));
    let mut device = fact("R/laptop", Device, "", 0, 99);
    (device.devices, device.enabled) = (vec!["0a0b0c".into()], None);
    vec![
        adele,
        fact("R/g.adele", ExternalGuest, &guest("adele"), 2, 99),
        // carla is renamed at home; her guest is deleted and invited again as another object
        fact("H/carla", Member, "carla@contoso.example", 1, 5),
        fact("H/carla", Member, "carla.neu@contoso.example", 5, 99),
        fact("R/g.carla.1", ExternalGuest, &guest("carla"), 2, 4),
        fact("R/g.carla", ExternalGuest, &guest("carla"), 6, 99),
        // two home accounts claim one guest
        fact("H/otto", Member, "otto@contoso.example", 1, 99),
        fact("R/g.otto", ExternalGuest, &guest("otto"), 2, 99),
        // nothing is known of this one
        fact("R/g.kim", ExternalGuest, &guest("kim"), 3, 99),
        // a leaver whose guest still works
        gone,
        fact("R/g.leo", ExternalGuest, &guest("leo"), 2, 99),
        // converted on the 5th
        fact("R/quin", ConsumerGuest, "quin_post.example#ext#@fabrikam.example", 2, 5),
        fact("R/quin", Member, "quin@fabrikam.example", 5, 99),
        application,
        device,
    ]
}

fn link(satellite: &str, home: &str, state: LinkState, confidence: u32, from: u32, until: u32) -> Link {
    Link {
        account: account(satellite),
        home: account(home),
        state,
        confidence,
        kinds: vec![EvidenceKind::PairedSignIn, EvidenceKind::Address],
        sources: vec![format!("sign-in of {satellite}").into()],
        from: day(from),
        until: day(until),
    }
}

fn testimony() -> Testimony {
    let evidence = |satellite: &str, home: &str, kind, from, until| Evidence {
        account: account(satellite),
        home: account(home),
        kind,
        from: day(from),
        until: day(until),
        source: "row-7".into(),
    };
    Testimony {
        evidence: vec![
            evidence("R/g.adele", "H/adele", EvidenceKind::PairedSignIn, 3, 4),
            evidence("R/g.carla.1", "H/carla", EvidenceKind::Address, 0, 99),
        ],
        refutations: vec![Refutation {
            account: account("R/g.adele"),
            home: tenant("H"),
            from: day(3),
            until: day(4),
            source: "row-7".into(),
        }],
        ambiguities: vec![Ambiguity {
            account: account("R/g.kim"),
            home: tenant("H"),
            kind: EvidenceKind::EmployeeId,
            candidates: 2,
            from: day(0),
            until: day(99),
            source: "901".into(),
        }],
        ..Testimony::default()
    }
}

fn refusals() -> Vec<Refusal> {
    let refused = |home| Refusal {
        account: account("R/g.otto"),
        tenant: tenant("H"),
        home: Some(account(home)),
        reason: RefusalReason::TwoHomes,
        kinds: vec![EvidenceKind::PairedSignIn],
        from: day(2),
        until: day(99),
        source: "both are accepted".into(),
    };
    vec![refused("H/otto"), refused("H/olga")]
}

fn sign_in(object: &str, upn: &str, on: u32) -> SignInRow {
    SignInRow {
        log: tenant("R"),
        home: tenant("H"),
        resource: tenant("R"),
        object: Some(guid(object)),
        upn: Some(upn.into()),
        app: Some(guid("portal")),
        time: day(on).plus_seconds(60 * i64::from(on)),
        id: format!("{object}-{on}").into(),
        correlation: None,
        access: Access::Collaboration,
        success: true,
    }
}

fn roles() -> Vec<RoleRow> {
    vec![
        role("g.adele", 3, true, false),
        role("g.carla", 3, true, false),
        role("g.leo", 3, true, false),
        role("g.leo", 4, false, false),
        role("g.kim", 5, true, true),
    ]
}

fn rows() -> Rows {
    let time = day(4);
    Rows {
        sign_ins: vec![
            sign_in("g.adele", "adele@contoso.example", 31),
            sign_in("g.carla", "carla.neu@contoso.example", 1),
        ],
        invitations: vec![InvitationRow {
            guest: account("R/g.adele"),
            address: "adele@contoso.example".into(),
            redeemed: true,
            time,
            id: "invite".into(),
        }],
        provisioning: vec![ProvisioningRow {
            source: account("H/adele"),
            target: guid("g.adele"),
            target_tenant: Some(tenant("R")),
            action: "create".into(),
            time,
            id: "prov".into(),
        }],
        callers: vec![CallerRow {
            log: tenant("R"),
            caller: account("R/g.adele"),
            provider: Some(tenant("H")),
            home_puid: Some("10030000AAAA0001".into()),
            puid: Some("10030000BBBB0001".into()),
            onprem_sid: None,
            time,
            id: "call".into(),
        }],
        devices: vec![DeviceRow {
            tenant: tenant("R"),
            defender: Some("0a0b0c".into()),
            entra: None,
            object: Some(guid("laptop")),
            azure: None,
            name: Some("laptop-7".into()),
            time,
        }],
        principals: vec![PrincipalRow {
            account: account("R/app.sp"),
            app: guid("app"),
            owner: Some(tenant("H")),
            managed: false,
            name: Some("Reporting".into()),
            time,
            id: "principal".into(),
        }],
        statements: vec![Statement {
            account: account("R/g.otto"),
            home: account("H/otto"),
            at: day(9),
            verdict: Verdict::Different,
            author: "soc@contoso.example".into(),
            reason: "asked him".into(),
            from: EventTime::MIN,
            until: EventTime::MAX,
        }],
        roles: roles(),
        partners: vec![
            partner("H", "b2bCollaborationInbound", 3, ("blocked", "allowed")),
            partner("H", "inboundTrust", 5, ("none", "mfa")),
            partner("H", "inboundTrust", 4, ("mfa", "none")),
            partner("X", "b2bCollaborationInbound", 3, ("blocked", "allowed")),
            PartnerRow { setting: None, removed: true, ..partner("X", "", 6, ("", "")) },
        ],
        accounts: Vec::new(),
    }
}

fn role(object: &str, on: u32, given: bool, eligible: bool) -> RoleRow {
    RoleRow {
        account: account(&format!("R/{object}")),
        role: Some("Global Administrator".into()),
        template: Some(guid("global")),
        given,
        eligible,
        by: Some(guid("adm")),
        by_name: Some("adm@fabrikam.example".into()),
        time: day(on),
        id: format!("role-{object}-{on}").into(),
    }
}

fn partner(of: &str, setting: &str, on: u32, (before, after): (&str, &str)) -> PartnerRow {
    PartnerRow {
        tenant: tenant("R"),
        partner: Some(tenant(of)),
        setting: Some(setting.into()),
        before: Some(before.into()),
        after: Some(after.into()),
        removed: false,
        by: Some(guid("adm")),
        by_name: Some("adm@fabrikam.example".into()),
        time: day(on),
        id: format!("partner-{of}-{on}").into(),
    }
}

/// Everything, in no particular order.
pub fn people() -> Known {
    use LinkState::{Accepted, Conflict, Possible};
    let tenant = |label: &str, role, domain: &str| Tenant {
        id: tenant(label),
        name: label.into(),
        role,
        domains: vec![domain.into()],
        workspaces: vec![guid("workspace")],
        subscriptions: Vec::new(),
    };
    Known {
        tenants: Tenants {
            all: vec![
                tenant("H", TenantRole::Primary, "contoso.example"),
                tenant("R", TenantRole::Secondary, "fabrikam.example"),
            ],
        },
        facts: facts(),
        testimony: testimony(),
        links: vec![
            link("R/g.adele", "H/adele", Accepted, 970_000, 2, 99),
            link("R/g.carla.1", "H/carla", Accepted, 910_000, 2, 4),
            link("R/g.carla", "H/carla", Accepted, 910_000, 7, 99),
            link("R/g.carla", "H/carla", Possible, 600_000, 6, 7),
            link("R/g.otto", "H/otto", Conflict, 900_000, 2, 99),
            link("R/g.otto", "H/olga", Conflict, 900_000, 2, 99),
            link("R/g.leo", "H/leo", Accepted, 950_000, 2, 99),
        ],
        refusals: refusals(),
        rows: rows(),
    }
}
