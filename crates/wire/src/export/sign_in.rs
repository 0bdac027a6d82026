//! Sign-ins of users, service principals and managed identities: diagnostic, Log Analytics and Graph envelopes of one record.
//!
//! The hottest format: everything comes from one pass and nothing is copied. Must not decide who a guest is.
//!
//! Whose application a service principal is stands in `appOwnerTenantId` (documented for the Log Analytics tables; a capture of
//! 2026 has it, those of 2022 lack it), never in `homeTenantId`, which Graph documents as the tenant of a *user* and "not
//! applicable" here. `servicePrincipalId` is the object in the tenant that wrote the log. Which tenant's token a federated
//! credential accepted is nowhere said: `federatedCredentialId` only names the credential.

use super::{Record, diagnostic_or_row, given, guid, inner, tenant};
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use caponier_model::{Actor, Body, DeviceRef, Event, Outcome, Reject, SIGN_IN_COLUMNS, SignIn};
use std::borrow::Cow;

fields! {
    /// What a sign-in says.
    struct Fields {
        envelope_time: "time" | "TimeGenerated" | "TimeGenerated [UTC]",
        tenant_id: "tenantId",
        resource_id: "resourceId",
        aad_tenant: "AADTenantId" | "properties/tenantId",
        operation: "operationName",
        result: "resultType",
        caller: "callerIpAddress",
        properties: "properties",
        id: "properties/id" | "id",
        created: "properties/createdDateTime" | "createdDateTime" | "CreatedDateTime [UTC]",
        user_id: "properties/userId" | "userId",
        upn: "properties/userPrincipalName" | "userPrincipalName",
        display: "properties/userDisplayName" | "userDisplayName",
        principal_id: "properties/servicePrincipalId" | "servicePrincipalId",
        principal_name: "properties/servicePrincipalName" | "servicePrincipalName",
        app: "properties/appId" | "appId",
        app_owner: "properties/appOwnerTenantId" | "appOwnerTenantId",
        address: "properties/ipAddress" | "ipAddress",
        status: "properties/status" | "status" | "Status_string" | "Status_dynamic",
        error: "properties/status/errorCode" | "status/errorCode",
        device: "properties/deviceDetail" | "deviceDetail" | "DeviceDetail_string" | "DeviceDetail_dynamic",
        device_id: "properties/deviceDetail/deviceId" | "deviceDetail/deviceId",
        device_name: "properties/deviceDetail/displayName" | "deviceDetail/displayName",
        home: "properties/homeTenantId" | "homeTenantId",
        resource: "properties/resourceTenantId" | "resourceTenantId",
        access: "properties/crossTenantAccessType" | "crossTenantAccessType",
        correlation: "properties/correlationId" | "correlationId",
        session: "properties/sessionId" | "sessionId",
        token: "properties/uniqueTokenIdentifier" | "uniqueTokenIdentifier",
        user_type: "properties/userType" | "userType",
        risk: "properties/riskLevelDuringSignIn" | "riskLevelDuringSignIn",
        location: "location",
        location_below: "properties/location",
        details: "LocationDetails",
        details_below: "properties/LocationDetails",
        interactive: "isInteractive",
        interactive_below: "properties/isInteractive",
        network: "networkLocationDetails",
        network_below: "properties/networkLocationDetails",
        asn: "autonomousSystemNumber",
        asn_below: "properties/autonomousSystemNumber",
        requirement: "authenticationRequirement",
        requirement_below: "properties/authenticationRequirement",
    }
}

/// Reads a sign-in in any of the three envelopes.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let (home, resource) = (tenant(f.home), tenant(f.resource));
    let row = diagnostic_or_row(f.properties, f.tenant_id, f.resource_id, f.aad_tenant);
    // A sign-in inside one tenant can only be in that tenant's log: a last resort for Graph rows outside any folder.
    let owner = record.owner(context, Claims { caller: home.filter(|h| resource == Some(*h)), ..row })?;
    let time = record.time("createdDateTime", if f.created.is_absent() { f.envelope_time } else { f.created })?;
    let user = guid(f.user_id);
    let person = user.is_some() || !f.upn.is_absent();
    let sign_in = SignIn {
        // Documented as not applicable to service principals; where one has it all the same, it says nothing about a person.
        home: home.filter(|_| person),
        resource,
        access: f.access.text(),
        app: guid(f.app),
        principal: guid(f.principal_id).filter(|_| !person),
        app_owner: tenant(f.app_owner).filter(|_| !person),
        managed: !person && is_managed(record),
        correlation: f.correlation.text(),
        session: f.session.text(),
        token: f.token.text(),
        user_type: f.user_type.text(),
        risk: f.risk.text().filter(|r| !matches!(r.as_ref(), "none" | "hidden")),
        columns: columns(&f),
    };
    let display = if person { f.display } else { f.principal_name };
    Ok(Event {
        id: f.id.text(),
        operation: f.operation.text(),
        actor: Actor {
            id: user.or_else(|| guid(f.principal_id).filter(|_| !person)),
            name: f.upn.text(),
            display: display.text(),
            ..Actor::default()
        },
        address: given(f.address.text().or_else(|| f.caller.text())),
        device: device(&f),
        outcome: outcome(&f),
        ..record.event(owner, time, f.properties, Body::SignIn(sign_in))
    })
}

/// Managed identities have a stream and a table of their own; Graph tells them by their event type (documented, not captured).
fn is_managed(record: &Record<'_>) -> bool {
    let types = || record.json().get("signInEventTypes");
    record.format.starts_with("signin_managed_identity")
        || (record.format == "signin_graph"
            && types().items().any(|t| t.text().is_some_and(|t| t.eq_ignore_ascii_case("managedIdentity"))))
}

/// What stands in the columns that rules ask for, in the order in which the model names them.
fn columns<'a>(f: &Fields<'a>) -> Option<[(&'a str, &'a str); SIGN_IN_COLUMNS.len()]> {
    // JSON inside text is not gone through here: what lies in it is for whoever asks to find.
    let seen = f.properties.is_absent() || f.properties.is_object();
    let said = |json: Json<'a>| if json.is_absent() { "" } else { json.raw() };
    let both = |root, below| (said(root), said(below));
    seen.then(|| {
        [
            both(f.location, f.location_below),
            both(f.details, f.details_below),
            both(f.interactive, f.interactive_below),
            both(f.network, f.network_below),
            both(f.asn, f.asn_below),
            both(f.requirement, f.requirement_below),
        ]
    })
}

/// The device, unless its tenant withheld it.
fn device<'a>(f: &Fields<'a>) -> DeviceRef<'a> {
    let shown = |text: Option<Cow<'a, str>>| text.filter(|t| !t.contains("PII Removed"));
    let part = |direct: Json<'a>, key: &str| {
        if f.device.is_string() { inner(f.device, key) } else { direct.text() }
    };
    DeviceRef { id: shown(part(f.device_id, "deviceId")), name: shown(part(f.device_name, "displayName")) }
}

/// Error code 0 is success; rows without a code say nothing.
fn outcome(f: &Fields<'_>) -> Option<Outcome> {
    let code = f.result.text().or_else(|| f.error.text()).or_else(|| inner(f.status, "errorCode"))?;
    Some(if matches!(code.as_ref(), "0" | "0.0") { Outcome::Success } else { Outcome::Failure })
}
