//! Records whose shared facts are all there is: Graph activity, resource logs, Intune.

use super::{Record, envelope_tenant, given, guid, resource_tenant, segment, tenant};
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use caponier_model::{Actor, Body, DeviceRef, Event, Outcome, Reject, RejectReason, TenantId};
use compact_str::format_compact;

fields! {
    /// What a call of Microsoft Graph says.
    struct Call {
        time: "properties/timeGenerated" | "time" | "TimeGenerated" | "TimeGenerated [UTC]",
        tenant_id: "tenantId",
        resource_id: "resourceId",
        aad_tenant: "AadTenantId" | "properties/tenantId",
        operation: "operationName",
        caller: "callerIpAddress",
        address: "properties/ipAddress" | "IPAddress",
        id: "properties/requestId" | "requestId" | "correlationId",
        user: "properties/userId" | "userId" | "properties/UserPrincipalObjectID",
        principal: "properties/servicePrincipalId" | "servicePrincipalId",
        status: "properties/responseStatusCode" | "responseStatusCode",
        properties: "properties",
    }
}

/// Reads a call of Microsoft Graph.
pub(super) fn decode_graph_call<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Call::read(record)?;
    let claims = super::diagnostic_or_row(f.properties, f.tenant_id, f.resource_id, f.aad_tenant);
    let owner = record.owner(context, claims)?;
    let time = record.time("time", f.time)?;
    Ok(Event {
        id: f.id.text(),
        operation: f.operation.text(),
        actor: Actor { id: guid(f.user).or_else(|| guid(f.principal)), ..Actor::default() },
        address: given(f.caller.text()).or_else(|| given(f.address.text())),
        outcome: f.status.integer().map(|code| if code < 400 { Outcome::Success } else { Outcome::Failure }),
        ..record.event(owner, time, f.properties, Body::Plain)
    })
}

fields! {
    /// What a resource log says.
    struct Log {
        time: "time" | "EventTimeString" | "TimeGenerated" | "eventTimestamp" | "timeStamp",
        tenant_id: "tenantId",
        resource_id: "resourceId",
        category: "category",
        operation: "operationName" | "EventName",
        caller: "callerIpAddress",
        correlation: "correlationId" | "ActivityId",
        result: "resultType" | "status",
        user: "identity/claim/oid",
        properties: "properties",
    }
}

/// Reads a log of an Azure resource.
pub(super) fn decode_resource<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Log::read(record)?;
    if !is_resource(f.resource_id) {
        // Anything may stand in an envelope: only what an Azure resource wrote is understood without knowing its category.
        let detail =
            format_compact!("category {:.80} is not in the format table", f.category.text().unwrap_or_default());
        return Err(Reject::new(RejectReason::UnknownFormat, detail));
    }
    let claims = Claims {
        tenant: envelope_tenant(f.tenant_id, f.resource_id),
        second: resource_tenant(f.resource_id),
        subscription: segment(f.resource_id, "subscriptions"),
        ..Claims::default()
    };
    let owner = record.owner(context, claims)?;
    let time = record.time("time", f.time)?;
    Ok(Event {
        id: f.correlation.text(),
        operation: f.operation.text(),
        actor: Actor { id: guid(f.user), ..Actor::default() },
        address: given(f.caller.text()),
        outcome: f.result.text().and_then(|r| match r.to_ascii_lowercase().as_str() {
            "success" | "succeeded" | "0" => Some(Outcome::Success),
            "failure" | "failed" => Some(Outcome::Failure),
            _ => None,
        }),
        ..record.event(owner, time, f.properties, Body::Plain)
    })
}

/// Is it the ARM id of something in a subscription?
fn is_resource(id: Json<'_>) -> bool {
    id.text().and_then(|t| t.get(..15).map(|p| p.eq_ignore_ascii_case("/subscriptions/"))).unwrap_or_default()
}

fields! {
    /// What an Intune record says.
    struct Intune {
        time: "time",
        resource_id: "resourceId",
        tenant_id: "tenantId",
        inner_tenant: "properties/AADTenantId",
        operation: "operationName",
        id: "properties/AuditEventId" | "correlationId",
        actor_id: "properties/Actor/ObjectId" | "properties/IntuneUserId" | "properties/UserId",
        upn: "properties/Actor/UPN" | "properties/UPN" | "identity",
        name: "properties/UserEmail" | "properties/UserName",
        display: "properties/UserDisplayName",
        device_id: "properties/IntuneDeviceId" | "properties/DeviceId",
        device_name: "properties/DeviceHostName" | "properties/DeviceName",
        result: "resultType",
        properties: "properties",
    }
}

/// Reads an Intune audit, enrolment or compliance record.
pub(super) fn decode_intune<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Intune::read(record)?;
    if is_resource(f.resource_id) {
        return decode_resource(record, context);
    }
    let named: Option<TenantId> = tenant(f.tenant_id).or_else(|| tenant(f.inner_tenant));
    let owner = record.owner(context, Claims { tenant: named, ..Claims::default() })?;
    let time = record.time("time", f.time)?;
    Ok(Event {
        id: f.id.text(),
        operation: f.operation.text(),
        actor: Actor {
            id: guid(f.actor_id),
            name: f.upn.text().or_else(|| f.name.text()),
            display: f.display.text(),
            ..Actor::default()
        },
        device: DeviceRef { id: f.device_id.text(), name: f.device_name.text() },
        outcome: f.result.text().and_then(|r| match r.to_ascii_lowercase().as_str() {
            "success" => Some(Outcome::Success),
            "failure" | "fail" => Some(Outcome::Failure),
            _ => None,
        }),
        ..record.event(owner, time, f.properties, Body::Plain)
    })
}
