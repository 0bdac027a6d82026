//! A guest's sign-in that the resource tenant judged risky.
//!
//! The sign-in risk of a guest is computed in the resource tenant and appears nowhere but in its sign-in log: neither
//! tenant's risk detections hold it (exports.md 6.5), so no product raises it as an alert.

use crate::BaseRule;
use caponier_model::{
    Body, Entity, EntityKind, EntityRole, Event, FindingKey, Outcome, Severity, Sighting, SightingKind, SourceRank,
    TenantId, Text,
};
use compact_str::{CompactString, ToCompactString};

/// The row of the table.
pub(crate) const RULE: BaseRule = BaseRule {
    name: "risky_cross_tenant_sign_in",
    about: "a guest's sign-in whose risk in the resource tenant is medium or high",
    product: "signin-risk",
    matches,
};

/// An entity of the sighting; all values live in the namespace of the tenant whose log it is.
struct Named {
    kind: EntityKind,
    value: CompactString,
    group: u16,
}

fn matches(event: &Event<'_>) -> Option<Sighting> {
    let Body::SignIn(sign_in) = &event.body else { return None };
    let home = sign_in.home.filter(|home| *home != event.tenant)?;
    let risk = Severity::read(sign_in.risk.as_deref()?);
    if !matches!(risk, Severity::Medium | Severity::High) {
        return None;
    }
    let id = event.id.as_deref().filter(|id| !id.is_empty())?.to_ascii_lowercase();
    Some(
        Sighting {
            key: FindingKey { tenant: event.tenant, product: RULE.product.into(), id: id.as_str().into() },
            kind: SightingKind::Risk,
            format: event.format,
            id: id.as_str().into(),
            url: None,
            rank: SourceRank::STREAM,
            version: event.time,
            content: event.content,
            title: title(event, home, risk),
            severity: risk,
            closed: false,
            verdict: None,
            first: event.time,
            last: event.time,
            ingested: None,
            entities: entities(event, &id).into_iter().map(|n| owned(n, event.tenant)).collect(),
            tactics: vec!["InitialAccess".into()],
            techniques: vec!["T1078.004".into()],
            source_incident: None,
            detector: Some(RULE.name.into()),
        }
        .canonical(),
    )
}

fn owned(named: Named, tenant: TenantId) -> Entity {
    Entity { kind: named.kind, value: named.value, tenant, group: named.group, role: EntityRole::Related }
}

/// Account first (one group: they describe one object), then address, session and the sign-in itself.
fn entities(event: &Event<'_>, id: &str) -> Vec<Named> {
    let mut out = Vec::with_capacity(6);
    let mut push = |kind, value: CompactString, group| {
        if !value.is_empty() {
            out.push(Named { kind, value, group });
        }
    };
    if let Some(object) = event.actor.id {
        push(EntityKind::Account, object.to_compact_string(), 0);
    }
    if let Some(name) = event.actor.name.as_deref().filter(|n| n.contains('@')) {
        push(EntityKind::AccountName, name.to_lowercase().into(), 0);
    }
    if let Some(address) = event.address.as_deref() {
        let address = address.parse::<std::net::IpAddr>().map_or_else(|_| address.into(), |ip| ip.to_compact_string());
        push(EntityKind::Ip, address, 1);
    }
    let Body::SignIn(sign_in) = &event.body else { return out };
    if let Some(session) = sign_in.session.as_deref() {
        push(EntityKind::Session, session.into(), 2);
    }
    if let Some(token) = sign_in.token.as_deref() {
        push(EntityKind::Session, token.into(), 3);
    }
    push(EntityKind::SignInRequest, id.into(), 4);
    out
}

fn title(event: &Event<'_>, home: TenantId, risk: Severity) -> Text {
    let template = match event.outcome {
        Some(Outcome::Failure) => "{risk}-risk sign-in of guest {account} from tenant {home} was blocked",
        Some(Outcome::Success) | None => "{risk}-risk sign-in of guest {account} from tenant {home}",
    };
    let name = event.actor.name.as_deref().map(str::to_lowercase);
    let (account, kind) = match (name, event.actor.id) {
        (Some(name), _) => (name.into(), Some(EntityKind::AccountName)),
        (None, Some(object)) => (object.to_compact_string(), Some(EntityKind::Account)),
        (None, None) => (CompactString::const_new("unknown"), None),
    };
    Text::plain(template)
        .with("risk", risk.code(), None, None)
        .with("account", &account, kind, Some(event.tenant))
        .with("home", &home.to_compact_string(), None, Some(event.tenant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{Actor, DeviceRef, EventTime, Guid, SignIn};

    const HOME: TenantId = TenantId(Guid::from_u128(1));
    const RESOURCE: TenantId = TenantId(Guid::from_u128(2));

    fn event(tenant: TenantId, home: Option<TenantId>, risk: Option<&'static str>, outcome: Outcome) -> Event<'static> {
        Event {
            format: "signin_logs",
            tenant,
            time: EventTime::from_seconds(1_000),
            id: Some("AB12".into()),
            operation: None,
            actor: Actor { id: Some(Guid::from_u128(7)), name: Some("Mara@Home.example".into()), ..Actor::default() },
            address: Some("2001:DB8::0001".into()),
            device: DeviceRef::default(),
            outcome: Some(outcome),
            severity: Severity::Unknown,
            techniques: Vec::new(),
            content: 5,
            body: Body::SignIn(SignIn {
                home,
                resource: Some(RESOURCE),
                session: Some("s-1".into()),
                risk: risk.map(Into::into),
                ..SignIn::default()
            }),
        }
    }

    #[test]
    fn only_a_guests_medium_or_high_risk_is_a_finding() {
        let cases = [
            (RESOURCE, Some(HOME), Some("medium"), true),
            (RESOURCE, Some(HOME), Some("High"), true),
            (RESOURCE, Some(HOME), Some("low"), false),
            (RESOURCE, Some(HOME), None, false),
            (RESOURCE, None, Some("high"), false),
            (HOME, Some(HOME), Some("high"), false),
        ];
        for (tenant, home, risk, want) in cases {
            for outcome in [Outcome::Success, Outcome::Failure] {
                let mut out = Vec::new();
                crate::apply(&event(tenant, home, risk, outcome), &mut out);
                assert_eq!(out.len(), usize::from(want), "{tenant} {home:?} {risk:?}");
            }
        }
    }

    #[test]
    fn the_sighting_names_everything_that_can_join_it() {
        let sighting = matches(&event(RESOURCE, Some(HOME), Some("high"), Outcome::Failure)).unwrap();
        let values: Vec<_> = sighting.entities.iter().map(|e| (e.kind, e.value.as_str())).collect();
        assert_eq!(
            values,
            [
                (EntityKind::Account, "00000000-0000-0000-0000-000000000007"),
                (EntityKind::AccountName, "mara@home.example"),
                (EntityKind::Ip, "2001:db8::1"),
                (EntityKind::Session, "s-1"),
                (EntityKind::SignInRequest, "ab12"),
            ]
        );
        assert_eq!((sighting.key.product.as_str(), sighting.key.id.as_str()), ("signin-risk", "ab12"));
        let text = sighting.title.render(|p| p.value.clone());
        assert_eq!(
            text,
            "high-risk sign-in of guest mara@home.example from tenant 00000000-0000-0000-0000-000000000001 was blocked"
        );
        assert!(sighting.title.params.iter().filter(|p| p.name != "risk").all(|p| p.owner == Some(RESOURCE)));
    }
}
