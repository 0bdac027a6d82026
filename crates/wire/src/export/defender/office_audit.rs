//! Office 365's audit: the management interface's record, the unified audit log's `AuditData`, and Sentinel's
//! `OfficeActivity` row. One vocabulary, two spellings of some names.

use super::super::{Record, guid, own, tenant};
use super::alert::{first_time, word};
use crate::context::{Claims, Context};
use crate::entity::fold;
use crate::json::{Dynamic, Json, fields};
use crate::product;
use caponier_model::{Actor, Body, DeviceRef, Event, Guid, Outcome, Reject, Severity};
use compact_str::ToCompactString;
use std::borrow::Cow;

fields! {
    /// What a record says.
    struct Fields {
        workspace: "TenantId",
        organization: "OrganizationId",
        id: "Id" | "OfficeId",
        created: "CreationTime" | "CreationDate",
        generated: "TimeGenerated" | "TimeGenerated [UTC]",
        operation: "Operation",
        user: "UserId",
        user_key: "UserKey",
        sid: "LogonUserSid",
        display: "LogonUserDisplayName",
        actors: "Actor",
        ip_address: "ClientIPAddress" | "Client_IPAddress",
        ip: "ClientIP",
        actor_ip: "ActorIpAddress",
        status: "ResultStatus",
        severity: "Severity" | "AlertSeverity",
        device: "DeviceProperties",
        device_id: "DeviceId",
    }
}

/// Reads a record.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    // Beside a workspace, `TenantId` is Sentinel's column; `OrganizationId` is the Entra tenant in both forms.
    let claims = Claims { tenant: tenant(f.organization), workspace: guid(f.workspace), ..Claims::default() };
    let owner = record.owner(context, claims)?;
    let time = first_time(record, &[("CreationTime", f.created), ("TimeGenerated", f.generated)])?;
    Ok(Event {
        id: f.id.text(),
        operation: f.operation.text(),
        actor: Actor {
            id: object(f.actors).or_else(|| f.user_key.text().and_then(|t| fold::object(&t))),
            name: f.user.text(),
            display: f.display.text(),
            sid: f.sid.text().or_else(|| f.user_key.text().filter(|key| key.starts_with("S-1-"))),
            domain: None,
        },
        address: [f.ip_address, f.ip, f.actor_ip].into_iter().find_map(address),
        device: DeviceRef {
            id: property(f.device, "Id").or_else(|| f.device_id.text()),
            name: property(f.device, "DisplayName"),
        },
        outcome: Some(outcome(&f)),
        severity: Severity::read(&word(f.severity)),
        ..record.event(owner, time, Json::ABSENT, Body::Plain)
    })
}

/// The object id among the identities of `Actor`: `User_<guid>`, or a bare GUID.
fn object(actors: Json<'_>) -> Option<Guid> {
    let dynamic = actors.dynamic()?;
    let ids: Vec<Cow<'_, str>> = dynamic.json().items().filter_map(|a| a.get("ID").text()).collect();
    let tagged = ids.iter().find_map(|id| fold::object(id.strip_prefix("User_")?));
    tagged.or_else(|| ids.iter().find_map(|id| fold::object(id)))
}

/// A value of a list of `{Name, Value}`.
fn property<'a>(list: Json<'a>, name: &str) -> Option<Cow<'a, str>> {
    let named = |item: &Json<'_>| item.get("Name").text().is_some_and(|n| n == name);
    match list.dynamic()? {
        Dynamic::Here(list) => list.items().find(named)?.get("Value").text(),
        unpacked @ Dynamic::Unpacked(_) => own(unpacked.json().items().find(named)?.get("Value").text()),
    }
}

/// An address without port and brackets, where it is one (`<null>` and prose occur).
fn address(value: Json<'_>) -> Option<Cow<'_, str>> {
    let text = value.text()?;
    let canonical = fold::parse_address(&text)?.to_compact_string();
    if canonical == *text { Some(text) } else { own(Some(Cow::Borrowed(canonical.as_str()))) }
}

/// The log holds what was done: only a word of failure says otherwise. A failed login's `ResultStatus` may still be
/// `Success`, for the request to log in was served.
fn outcome(f: &Fields<'_>) -> Outcome {
    let failed = |word: &str| ["failed", "failure", "fail", "false", "error"].contains(&word);
    let operation = product::fold(&word(f.operation));
    let status = product::fold(&word(f.status));
    if failed(&status) || operation.ends_with("failed") { Outcome::Failure } else { Outcome::Success }
}
