//! Azure's activity log: Event Hubs records, table rows and the REST form. The caller is read from its token's claims.

use super::{Record, given, guid, own, segment, tenant};
use crate::context::{Claims, Context};
use crate::json::{Dynamic, Json, fields};
use caponier_model::{Actor, Body, Caller, Event, Guid, Outcome, Reject, TenantId};
use std::borrow::Cow;

fields! {
    /// What an activity record says.
    struct Fields {
        time: "time" | "eventTimestamp" | "event_timestamp" | "EventSubmissionTimestamp" | "EventSubmissionTimestamp [UTC]",
        row_time: "TimeGenerated" | "TimeGenerated [UTC]" | "properties/eventTimestamp",
        id: "eventDataId" | "event_data_id" | "properties/eventDataId",
        correlation: "correlationId" | "correlation_id",
        rest_operation: "operationName/value" | "operation_name/value",
        operation: "OperationNameValue" | "operationName",
        rest_result: "status/value",
        result: "resultType" | "ActivityStatusValue" | "ActivityStatus" | "status",
        address: "callerIpAddress" | "httpRequest/clientIpAddress" | "http_request/client_ip_address",
        resource: "resourceId" | "_ResourceId" | "resource_id",
        subscription: "subscriptionId" | "subscription_id",
        tenant_id: "tenantId" | "tenant_id",
        table: "Type",
        source: "SourceSystem",
        caller: "caller",
        claims: "identity/claims" | "Claims_d" | "claims",
        principal: "identity/authorization/evidence/principalId" | "authorization/evidence/principalId",
    }
}

/// Reads an activity record in any of its forms.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let said = match f.claims.dynamic() {
        Some(Dynamic::Here(json)) => Said::read(json),
        Some(unpacked) => Said::read(unpacked.json()).into_owned(),
        None => Said::default(),
    };
    let subscription = segment(f.resource, "subscriptions").or_else(|| guid(f.subscription));
    let is_row = !f.table.is_absent() || !f.source.is_absent();
    let claims = Claims {
        tenant: tenant(f.tenant_id).filter(|_| !is_row).or_else(|| segment(f.resource, "tenants").map(TenantId)),
        second: None,
        workspace: guid(f.tenant_id).filter(|_| is_row),
        subscription,
        caller: said.tenant,
    };
    let owner = record.owner(context, claims)?;
    let time = record.time("time", if f.time.is_absent() { f.row_time } else { f.time })?;
    let operation = f.rest_operation.text().or_else(|| f.operation.text());
    let result = f.rest_result.text().or_else(|| f.result.text());
    let caller = Caller {
        tenant: said.tenant,
        object: said.object,
        provider: said.provider,
        home_puid: said.home_puid,
        puid: said.puid,
        onprem_sid: said.sid.clone(),
        resource: f.resource.text().map(lower),
        subscription,
    };
    let by_name = f.caller.text().filter(|c| c.contains('@'));
    let by_id = guid(f.caller).or_else(|| guid(f.principal));
    Ok(Event {
        id: f.id.text().or_else(|| composite(f.correlation, operation.as_deref(), result.as_deref())),
        actor: Actor {
            id: said.object.or(by_id),
            name: said.name.or(by_name),
            display: said.display,
            sid: said.sid,
            domain: None,
        },
        address: given(f.address.text()).or(said.address),
        outcome: result.as_deref().and_then(outcome),
        operation,
        ..record.event(owner, time, Json::ABSENT, Body::Caller(caller))
    })
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { text }
}

/// The Event Hubs form has no id: start and end of an operation share the correlation id.
fn composite<'a>(correlation: Json<'_>, operation: Option<&str>, result: Option<&str>) -> Option<Cow<'a, str>> {
    let correlation = correlation.text()?;
    Some(Cow::Owned(format!("{correlation}/{}/{}", operation.unwrap_or_default(), result.unwrap_or_default())))
}

fn outcome(result: &str) -> Option<Outcome> {
    const WORDS: [(&str, Outcome); 7] = [
        ("success", Outcome::Success),
        ("succeeded", Outcome::Success),
        ("succeed", Outcome::Success),
        ("failure", Outcome::Failure),
        ("failed", Outcome::Failure),
        ("fail", Outcome::Failure),
        ("error", Outcome::Failure),
    ];
    WORDS.iter().find(|(word, _)| result.eq_ignore_ascii_case(word)).map(|(_, outcome)| *outcome)
}

/// What the claims of the caller's token say.
#[derive(Default)]
struct Said<'a> {
    tenant: Option<TenantId>,
    object: Option<Guid>,
    provider: Option<TenantId>,
    home_puid: Option<Cow<'a, str>>,
    puid: Option<Cow<'a, str>>,
    sid: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    display: Option<Cow<'a, str>>,
    address: Option<Cow<'a, str>>,
    /// The rank of `name`: a UPN claim beats a sign-in name, that beats a mail address.
    rank: u8,
}

impl<'a> Said<'a> {
    fn read(claims: Json<'a>) -> Self {
        let mut said = Self::default();
        for (key, value) in claims.entries() {
            // Claims are URIs in the log and short names in the token: their last segment is the same.
            let short = key.rsplit('/').next().unwrap_or(&key).to_ascii_lowercase();
            let uri = key.len() > short.len();
            match short.as_str() {
                "tenantid" | "tid" => said.tenant = said.tenant.or_else(|| trimmed(value).map(TenantId)),
                "objectidentifier" | "oid" => said.object = said.object.or_else(|| trimmed(value)),
                "identityprovider" | "idp" => said.provider = segment(value, "sts.windows.net").map(TenantId),
                "altsecid" => said.home_puid = home_puid(value),
                "puid" => said.puid = value.text(),
                "onprem_sid" => said.sid = value.text(),
                "upn" => said.named(3, value),
                "name" if uri => said.named(2, value),
                "unique_name" => said.named(2, value),
                "emailaddress" | "email" => said.named(1, value),
                "name" => said.display = value.text(),
                "ipaddr" => said.address = given(value.text()),
                _ => {}
            }
        }
        said
    }

    fn named(&mut self, rank: u8, value: Json<'a>) {
        let name = value.text().map(|name| match name.strip_prefix("live.com#") {
            Some(rest) => Cow::Owned(rest.to_owned()),
            None => name,
        });
        if rank > self.rank && name.as_ref().is_some_and(|n| n.contains('@')) {
            (self.name, self.rank) = (name, rank);
        }
    }

    fn into_owned<'b>(self) -> Said<'b> {
        Said {
            tenant: self.tenant,
            object: self.object,
            provider: self.provider,
            home_puid: own(self.home_puid),
            puid: own(self.puid),
            sid: own(self.sid),
            name: own(self.name),
            display: own(self.display),
            address: own(self.address),
            rank: self.rank,
        }
    }
}

fn trimmed(value: Json<'_>) -> Option<Guid> {
    Guid::parse(value.text()?.trim()).filter(|g| *g != Guid::ZERO)
}

/// `5::<PUID>` names an Entra home account; `1:live.com:<PUID>` a personal one, which is nobody's home.
fn home_puid(value: Json<'_>) -> Option<Cow<'_, str>> {
    match value.text()? {
        Cow::Borrowed(text) => text.strip_prefix("5::").filter(|p| !p.is_empty()).map(Cow::Borrowed),
        Cow::Owned(text) => text.strip_prefix("5::").filter(|p| !p.is_empty()).map(|p| Cow::Owned(p.to_owned())),
    }
}
