//! Directory objects: Graph users, service principals and devices, `IdentityInfo` in both forms, and `AADUserInfo` rows. Must not say who
//! is whose guest.

use super::{Record, diagnostic_or_row, guid, own, tenant};
use crate::context::{Claims, Context};
use crate::json::{Dynamic, Json, fields};
use caponier_model::{Actor, Body, DeviceRef, Directory, Event, EventTime, Guid, Principal, Reject};
use std::borrow::Cow;

fields! {
    /// What a Graph user says.
    struct User {
        object: "id" | "user/id",
        upn: "userPrincipalName" | "azure_ad/userPrincipalName",
        mail: "mail" | "azure_ad/mail",
        display: "displayName" | "azure_ad/displayName",
        other: "otherMails" | "azure_ad/otherMails",
        proxy: "proxyAddresses" | "azure_ad/proxyAddresses",
        user_type: "userType" | "azure_ad/userType",
        creation: "creationType" | "azure_ad/creationType",
        state: "externalUserState" | "azure_ad/externalUserState",
        identities: "identities" | "azure_ad/identities",
        employee: "employeeId" | "azure_ad/employeeId",
        sid: "onPremisesSecurityIdentifier" | "azure_ad/onPremisesSecurityIdentifier",
        immutable: "onPremisesImmutableId" | "azure_ad/onPremisesImmutableId",
        enabled: "accountEnabled" | "azure_ad/accountEnabled",
        created: "createdDateTime" | "azure_ad/createdDateTime",
        deleted: "deletedDateTime" | "azure_ad/deletedDateTime",
        seen: "@timestamp",
        tenant_id: "tenantId",
    }
}

/// Reads a user of Microsoft Graph. A snapshot has no time of its own: creation stands in, else the epoch.
pub(super) fn decode_user<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = User::read(record)?;
    let owner = record.owner(context, Claims { tenant: tenant(f.tenant_id), ..Claims::default() })?;
    let object = record.need("id", guid(f.object))?;
    let when = |value: Json<'_>| value.text().and_then(|t| crate::time::parse_time(&t));
    let created = when(f.created);
    let body = Directory {
        object: Some(object),
        upn: f.upn.text(),
        mail: f.mail.text(),
        addresses: addresses(&[f.other, f.proxy]),
        display: f.display.text(),
        user_type: f.user_type.text(),
        creation_type: f.creation.text(),
        external_state: f.state.text(),
        external_entra: is_external_entra(f.identities),
        employee: f.employee.text(),
        onprem_sid: f.sid.text(),
        immutable_id: f.immutable.text(),
        home_object: home_object(record.json()),
        enabled: f.enabled.boolean(),
        created,
        deleted: when(f.deleted),
    };
    let time = when(f.seen).or(created).unwrap_or_default();
    Ok(event(record, owner, time, f.object, body))
}

fields! {
    /// What an `IdentityInfo` row says, in the table's words and in Advanced Hunting's.
    struct Info {
        time: "properties/Timestamp" | "TimeGenerated" | "TimeGenerated [UTC]" | "Timestamp" | "time",
        tenant_id: "tenantId",
        account_tenant: "AccountTenantId" | "properties/TenantId",
        properties: "properties",
        object: "properties/AccountObjectId" | "AccountObjectId",
        upn: "properties/AccountUpn" | "AccountUPN",
        mail: "properties/EmailAddress" | "MailAddress" | "EmailAddress",
        other: "properties/OtherMailAddresses" | "AdditionalMailAddresses" | "OtherMailAddresses",
        display: "properties/AccountDisplayName" | "AccountDisplayName",
        user_type: "properties/TenantMembershipType" | "UserType" | "TenantMembershipType",
        state: "UserState",
        employee: "properties/EmployeeId" | "EmployeeId",
        sid: "properties/OnPremSid" | "AccountSID" | "OnPremSid",
        enabled: "properties/IsAccountEnabled" | "IsAccountEnabled",
        created: "properties/CreatedDateTime" | "AccountCreationTime" | "CreatedDateTime",
        deleted: "properties/DeletedDateTime" | "DeletedDateTime",
    }
}

/// Reads an `IdentityInfo` row.
pub(super) fn decode_info<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Info::read(record)?;
    let claims = if f.properties.is_object() {
        Claims { tenant: tenant(f.tenant_id).or_else(|| tenant(f.account_tenant)), ..Claims::default() }
    } else if record.format.ends_with("_la") {
        Claims { tenant: tenant(f.account_tenant), workspace: guid(f.tenant_id), ..Claims::default() }
    } else {
        Claims { tenant: tenant(f.tenant_id), ..Claims::default() }
    };
    let owner = record.owner(context, claims)?;
    let time = record.time("Timestamp", f.time)?;
    let when = |value: Json<'_>| value.text().and_then(|t| crate::time::parse_time(&t));
    let body = Directory {
        object: guid(f.object),
        upn: f.upn.text(),
        mail: f.mail.text(),
        addresses: addresses(&[f.other]),
        display: f.display.text(),
        user_type: f.user_type.text(),
        external_state: f.state.text(),
        employee: f.employee.text(),
        onprem_sid: f.sid.text().filter(|s| s.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("S-"))),
        enabled: f.enabled.boolean(),
        created: when(f.created),
        deleted: when(f.deleted),
        ..Directory::default()
    };
    Ok(event(record, owner, time, f.properties, body))
}

fields! {
    /// What an `AADUserInfo` row says (a custom table: every column carries its type as a suffix).
    struct Row {
        time: "TimeGenerated" | "TimeGenerated [UTC]",
        tenant_id: "TenantId",
        resource_id: "ResourceId",
        properties: "properties",
        object: "ObjectId_g" | "ObjectId_s" | "id_g",
        upn: "UserPrincipalName_s",
        mail: "Mail_s",
        other: "OtherMails_s",
        proxy: "ProxyAddresses_s",
        display: "DisplayName_s",
        user_type: "UserType_s",
        creation: "CreationType_s",
        state: "UserState_s",
        sid: "OnPremisesSecurityIdentifier_s",
        immutable: "ImmutableId_s",
        enabled: "AccountEnabled_b",
    }
}

/// Reads an `AADUserInfo` row.
pub(super) fn decode_row<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Row::read(record)?;
    let owner = record.owner(context, diagnostic_or_row(f.properties, f.tenant_id, f.resource_id, Json::ABSENT))?;
    let time = record.time("TimeGenerated", f.time)?;
    let body = Directory {
        object: Some(record.need("ObjectId_g", guid(f.object))?),
        upn: f.upn.text(),
        mail: f.mail.text(),
        addresses: addresses(&[f.other, f.proxy]),
        display: f.display.text(),
        user_type: f.user_type.text(),
        creation_type: f.creation.text(),
        external_state: f.state.text(),
        onprem_sid: f.sid.text(),
        immutable_id: f.immutable.text(),
        enabled: f.enabled.boolean(),
        ..Directory::default()
    };
    Ok(event(record, owner, time, f.properties, body))
}

fields! {
    /// What a Graph service principal says (documented by Graph's reference; no capture of one is at hand).
    struct Application {
        object: "id",
        app: "appId",
        owner: "appOwnerOrganizationId",
        kind: "servicePrincipalType",
        display: "displayName" | "appDisplayName",
        created: "createdDateTime",
        tenant_id: "tenantId",
    }
}

/// Reads a service principal of Microsoft Graph. As with users, creation stands in for the time, else the epoch.
pub(super) fn decode_principal<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Application::read(record)?;
    let owner = record.owner(context, Claims { tenant: tenant(f.tenant_id), ..Claims::default() })?;
    let body = Principal {
        object: record.need("id", guid(f.object))?,
        app: record.need("appId", guid(f.app))?,
        owner: tenant(f.owner),
        managed: f.kind.text().is_some_and(|k| k.eq_ignore_ascii_case("ManagedIdentity")),
    };
    let time = f.created.text().and_then(|t| crate::time::parse_time(&t)).unwrap_or_default();
    Ok(Event {
        id: f.object.text(),
        actor: Actor { id: Some(body.object), display: f.display.text(), ..Actor::default() },
        ..record.event(owner, time, Json::ABSENT, Body::Principal(body))
    })
}

fields! {
    /// What a Graph device says (documented by Graph's reference; no capture of one is at hand).
    struct Machine {
        object: "id",
        device: "deviceId",
        name: "displayName",
        seen: "approximateLastSignInDateTime",
        created: "registrationDateTime" | "createdDateTime",
        tenant_id: "tenantId",
    }
}

/// Reads a device of Microsoft Graph: the only export that tells a device's object id beside its device id.
pub(super) fn decode_device<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Machine::read(record)?;
    let owner = record.owner(context, Claims { tenant: tenant(f.tenant_id), ..Claims::default() })?;
    let entra = Some(record.need("deviceId", guid(f.device))?);
    let body = Body::Inventory { defender: None, entra, object: guid(f.object), azure: None };
    let when = |value: Json<'_>| value.text().and_then(|t| crate::time::parse_time(&t));
    let time = when(f.seen).or_else(|| when(f.created)).unwrap_or_default();
    Ok(Event {
        id: f.object.text(),
        device: DeviceRef { id: f.device.text(), name: f.name.text() },
        ..record.event(owner, time, Json::ABSENT, body)
    })
}

fn event<'a>(
    record: &Record<'a>,
    owner: caponier_model::TenantId,
    time: EventTime,
    content: Json<'a>,
    body: Directory<'a>,
) -> Event<'a> {
    let content = if content.is_object() { content } else { Json::ABSENT };
    let actor = Actor {
        id: body.object,
        name: body.upn.clone(),
        display: body.display.clone(),
        sid: body.onprem_sid.clone(),
        domain: None,
    };
    Event { actor, ..record.event(owner, time, content, Body::Directory(Box::new(body))) }
}

/// All addresses of some columns, `smtp:` prefixes removed; other schemes (`SIP:`, `X500:`) are no mail.
fn addresses<'a>(columns: &[Json<'a>]) -> Vec<Cow<'a, str>> {
    let mut all = Vec::new();
    for column in columns {
        match column.dynamic() {
            Some(Dynamic::Here(list)) => all.extend(list.items().filter_map(Json::text).filter_map(address)),
            Some(unpacked) => all.extend(unpacked.json().items().filter_map(|a| own(a.text())).filter_map(address)),
            None => {}
        }
    }
    all
}

fn address(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let start = match text.split_once(':') {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("smtp") => scheme.len() + 1,
        Some(_) => return None,
        None => 0,
    };
    match text {
        Cow::Borrowed(text) => text.get(start..).map(Cow::Borrowed),
        Cow::Owned(text) => text.get(start..).map(|t| Cow::Owned(t.to_owned())),
    }
    .filter(|t| t.contains('@'))
}

fn is_external_entra(identities: Json<'_>) -> bool {
    let issuer = |i: Json<'_>| i.get("issuer").text().is_some_and(|t| t.eq_ignore_ascii_case("ExternalAzureAD"));
    identities.dynamic().is_some_and(|list| list.json().items().any(issuer))
}

/// The directory extension that an operator mapped to the home object's id: `extension_<app>_<name>` whose name says so.
fn home_object(user: Json<'_>) -> Option<Guid> {
    const NAMES: [&str; 4] = ["homeobjectid", "sourceobjectid", "originalobjectid", "hometenantobjectid"];
    let is_extension = |key: &str| {
        let key = key.to_ascii_lowercase();
        key.starts_with("extension_") && NAMES.iter().any(|name| key.replace('_', "").ends_with(name))
    };
    user.entries().find(|(key, _)| is_extension(key)).and_then(|(_, value)| guid(value))
}
