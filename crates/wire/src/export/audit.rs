//! Directory audit rows, and the invitations in them. Must not judge an invitation, only read it.

mod change;

use super::{Record, diagnostic_or_row, given, own};
use crate::context::Context;
use crate::json::{Dynamic, Json, fields};
use caponier_model::{Actor, Audit, AuditTarget, Body, DeviceRef, Event, Guid, Invitation, Outcome, Reject};
use std::borrow::Cow;

fields! {
    /// What an audit row says.
    struct Fields {
        envelope_time: "time" | "TimeGenerated" | "TimeGenerated [UTC]",
        tenant_id: "tenantId",
        resource_id: "resourceId",
        aad_tenant: "AADTenantId" | "properties/tenantId",
        operation: "properties/activityDisplayName" | "activityDisplayName" | "operationName",
        caller: "callerIpAddress",
        properties: "properties",
        id: "properties/id" | "id",
        time: "properties/activityDateTime" | "activityDateTime" | "ActivityDateTime [UTC]",
        service: "properties/loggedByService" | "loggedByService",
        result: "properties/result" | "result",
        initiator: "properties/initiatedBy" | "initiatedBy",
        targets: "properties/targetResources" | "targetResources" | "targetResource",
        details: "properties/additionalDetails" | "additionalDetails",
        intune: "properties/AuditEventId",
    }
}

/// Reads an audit row in any of the three envelopes.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    if !f.intune.is_absent() {
        // Intune's audit shares the category and nothing else.
        return super::platform::decode_intune(record, context);
    }
    let owner = record.owner(context, diagnostic_or_row(f.properties, f.tenant_id, f.resource_id, f.aad_tenant))?;
    let time = record.time("activityDateTime", if f.time.is_absent() { f.envelope_time } else { f.time })?;
    let initiator = read(f.initiator, initiator, Initiator::into_owned).unwrap_or_default();
    let audit = Audit {
        service: f.service.text(),
        targets: targets(f.targets),
        invitation: if failed(f.result) { None } else { invitation(&f, initiator.actor.name.as_deref()) },
        role: if failed(f.result) { None } else { change::role(f.operation, f.targets) },
        partner: if failed(f.result) { None } else { change::partner(f.operation, f.targets) },
    };
    let is_device = |t: &&AuditTarget<'_>| t.kind.as_deref().is_some_and(|k| k.eq_ignore_ascii_case("device"));
    let device = audit.targets.iter().find(is_device);
    let device = device.map(|d| DeviceRef { id: d.id.clone(), name: d.display.clone() }).unwrap_or_default();
    Ok(Event {
        id: f.id.text(),
        operation: f.operation.text(),
        device,
        address: given(f.caller.text()).or(initiator.address),
        actor: initiator.actor,
        outcome: outcome(f.result),
        ..record.event(owner, time, f.properties, Body::Audit(audit))
    })
}

fn outcome(result: Json<'_>) -> Option<Outcome> {
    match result.text()?.as_ref() {
        "success" | "Success" | "0" => Some(Outcome::Success),
        "failure" | "Failure" | "clientError" | "ClientError" | "timeout" | "Timeout" => Some(Outcome::Failure),
        _ => None,
    }
}

fn failed(result: Json<'_>) -> bool {
    outcome(result) == Some(Outcome::Failure)
}

/// Reads a dynamic column in place, or from its text and then owned.
fn read<'a, T>(column: Json<'a>, read: impl Fn(Json<'a>) -> T, unpack: impl Fn(Json<'_>) -> T) -> Option<T> {
    match column.dynamic()? {
        Dynamic::Here(json) => Some(read(json)),
        unpacked @ Dynamic::Unpacked(_) => Some(unpack(unpacked.json())),
    }
}

#[derive(Default)]
struct Initiator<'a> {
    actor: Actor<'a>,
    address: Option<Cow<'a, str>>,
}

fn initiator<'a>(by: Json<'a>) -> Initiator<'a> {
    let (user, app) = (by.get("user"), by.get("app"));
    let actor = if user.is_object() {
        Actor {
            id: super::guid(user.get("id")),
            name: user.get("userPrincipalName").text(),
            display: user.get("displayName").text(),
            ..Actor::default()
        }
    } else {
        Actor {
            id: super::guid(app.get("servicePrincipalId")),
            display: app.get("displayName").text().or_else(|| app.get("servicePrincipalName").text()),
            ..Actor::default()
        }
    };
    Initiator { actor, address: given(user.get("ipAddress").text()) }
}

impl Initiator<'_> {
    fn into_owned<'a>(by: Json<'_>) -> Initiator<'a> {
        let Initiator { actor, address } = initiator(by);
        let actor = Actor {
            id: actor.id,
            name: own(actor.name),
            display: own(actor.display),
            sid: own(actor.sid),
            domain: own(actor.domain),
        };
        Initiator { actor, address: own(address) }
    }
}

fn targets<'a>(column: Json<'a>) -> Vec<AuditTarget<'a>> {
    let owned = |json: Json<'_>| {
        let own = |t: AuditTarget<'_>| AuditTarget {
            id: own(t.id),
            kind: own(t.kind),
            name: own(t.name),
            display: own(t.display),
        };
        json.items().map(target).map(own).collect()
    };
    read(column, |json| json.items().map(target).collect(), owned).unwrap_or_default()
}

fn target(json: Json<'_>) -> AuditTarget<'_> {
    AuditTarget {
        id: json.get("id").text(),
        kind: json.get("type").text(),
        name: json.get("userPrincipalName").text(),
        display: json.get("displayName").text(),
    }
}

/// The invitation or redemption that a row records (exports.md 4.6).
fn invitation<'a>(f: &Fields<'a>, initiator: Option<&str>) -> Option<Invitation<'a>> {
    let operation = f.operation.text()?;
    let found = if starts(&operation, "invite external user") || starts(&operation, "invite internal user to b2b") {
        invited(f)
    } else if starts(&operation, "redeem external user invite") {
        redeemed(f, initiator)
    } else if starts(&operation, "add user") || starts(&operation, "update user") {
        changed(f)
    } else {
        None
    };
    found.map(|(guest, address, redeemed)| Invitation { guest, address: Cow::Owned(address), redeemed })
}

fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The user that the row is about: its id, and what else stands at it.
fn user<T>(column: Json<'_>, then: impl FnOnce(Guid, Json<'_>) -> Option<T>) -> Option<T> {
    let dynamic = column.dynamic()?;
    let targets = dynamic.json();
    let is_user = |t: &Json<'_>| t.get("type").text().is_none_or(|kind| kind.eq_ignore_ascii_case("user"));
    let target = targets.items().find(is_user)?;
    then(super::guid(target.get("id"))?, target)
}

fn invited(f: &Fields<'_>) -> Option<(Guid, String, bool)> {
    let details = f.details.dynamic()?;
    let is_address =
        |d: &Json<'_>| d.get("key").text().is_some_and(|k| k.eq_ignore_ascii_case("invitedUserEmailAddress"));
    let address = details.json().items().find(is_address)?.get("value").text()?.into_owned();
    user(f.targets, |guest, _| is_address_text(&address).then_some((guest, address, false)))
}

/// `UPN: …#EXT#@…, Email: a@b, InvitationId: …, Source: …`; the initiator is the invited address.
fn redeemed(f: &Fields<'_>, initiator: Option<&str>) -> Option<(Guid, String, bool)> {
    user(f.targets, |guest, target| {
        let text = target.get("displayName").text();
        let part = |t: &str| t.split(',').find_map(|p| p.trim().strip_prefix("Email:")).map(|e| e.trim().to_owned());
        let address = text.as_deref().and_then(part).filter(|a| is_address_text(a));
        let address = address.or_else(|| initiator.filter(|a| is_address_text(a)).map(str::to_owned))?;
        Some((guest, address, true))
    })
}

/// `Add user` with `CreationType` = `Invitation` and a mail; `Update user` whose state became `Accepted` with the address
/// it was accepted as.
fn changed(f: &Fields<'_>) -> Option<(Guid, String, bool)> {
    user(f.targets, |guest, target| {
        let properties = target.get("modifiedProperties");
        let value = |name: &str| {
            let named = |p: &Json<'_>| p.get("displayName").text().is_some_and(|n| n.eq_ignore_ascii_case(name));
            let text = properties.items().find(named)?.get("newValue").text()?;
            let value = text.trim_matches(['[', ']', '"', ' ', '\\']).to_owned();
            (!value.is_empty()).then_some(value)
        };
        let is = |name: &str, word: &str| value(name).is_some_and(|v| v.eq_ignore_ascii_case(word));
        if is("UserState", "Accepted") {
            return value("AcceptedAs").filter(|a| is_address_text(a)).map(|address| (guest, address, true));
        }
        if !is("CreationType", "Invitation") {
            return None;
        }
        value("Mail").filter(|a| is_address_text(a)).map(|address| (guest, address, false))
    })
}

fn is_address_text(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
        && !text.to_ascii_lowercase().contains("#ext#")
}
