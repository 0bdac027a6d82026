//! Provisioning logs: which object of the source became which object of the target.

use super::{Record, diagnostic_or_row, guid, inner};
use crate::context::Context;
use crate::json::{Json, fields};
use caponier_model::{Actor, Body, Event, Guid, Outcome, Provisioning, Reject, TenantId};

fields! {
    /// What a provisioning row says.
    struct Fields {
        envelope_time: "time" | "TimeGenerated" | "TimeGenerated [UTC]",
        tenant_id: "tenantId",
        resource_id: "resourceId",
        aad_tenant: "AADTenantId" | "properties/tenantId",
        operation: "operationName",
        result: "resultType",
        status: "properties/provisioningStatusInfo/status" | "provisioningStatusInfo/status" | "statusInfo/status",
        status_text: "provisioningStatusInfo",
        properties: "properties",
        id: "properties/id" | "id",
        time: "properties/activityDateTime" | "activityDateTime" | "ActivityDateTime [UTC]",
        source: "properties/sourceIdentity" | "sourceIdentity",
        target: "properties/targetIdentity" | "targetIdentity",
        source_system: "properties/sourceSystem" | "sourceSystem",
        target_system: "properties/targetSystem" | "targetSystem",
        action: "properties/provisioningAction" | "provisioningAction",
        old_action: "properties/action" | "action",
        initiator: "properties/initiatedBy" | "initiatedBy",
    }
}

/// Reads a provisioning row in any of the three envelopes.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let owner = record.owner(context, diagnostic_or_row(f.properties, f.tenant_id, f.resource_id, f.aad_tenant))?;
    let time = record.time("activityDateTime", if f.time.is_absent() { f.envelope_time } else { f.time })?;
    let action = f.action.text().or_else(|| f.old_action.text());
    let body = Provisioning {
        source: identity(f.source),
        target: identity(f.target),
        target_tenant: target_tenant(f.target_system),
        systems: (system(f.source_system), system(f.target_system)),
        action: action.clone(),
    };
    let status = f.status.text().or_else(|| inner(f.status_text, "status")).or_else(|| f.result.text());
    Ok(Event {
        id: f.id.text(),
        operation: f.operation.text().or(action),
        actor: Actor {
            display: inner(f.initiator, "displayName").or_else(|| inner(f.initiator, "name")),
            ..Actor::default()
        },
        outcome: status.and_then(|s| match s.to_ascii_lowercase().as_str() {
            "success" => Some(Outcome::Success),
            "failure" => Some(Outcome::Failure),
            _ => None,
        }),
        ..record.event(owner, time, f.properties, Body::Provisioning(body))
    })
}

/// The object's id; older records have it in the details only.
fn identity(column: Json<'_>) -> Option<Guid> {
    let column = column.dynamic()?;
    guid(column.json().get("id")).or_else(|| guid(column.json().get("details").get("id")))
}

/// What kind of system it is: its name where it has one.
fn system<'a>(column: Json<'a>) -> Option<std::borrow::Cow<'a, str>> {
    inner(column, "displayName").or_else(|| inner(column, "name"))
}

fn target_tenant(system: Json<'_>) -> Option<TenantId> {
    let system = system.dynamic()?;
    let details = system.json().get("details");
    let named =
        ["tenantId", "targetTenantId", "TenantId", "OrganizationId"].iter().find_map(|key| guid(details.get(key)));
    named.or_else(|| guid(system.json().get("tenantId"))).map(TenantId)
}
