//! A Sentinel incident as Azure's REST interface and its client libraries give it: `{id, name, type, etag, properties}`,
//! the same flattened (`properties.title`), or in snake case (exports.md 3.4).

use super::super::{Record, segment};
use super::alert::{first_time, maybe_time, word, words};
use super::security_incident::{aliases, owner, sentinel_key, sorted};
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use crate::product;
use caponier_model::{Body, Event, Reject, Severity, SourceIncident, Text};
use compact_str::{CompactString, ToCompactString};

fields! {
    /// What the object says, in its three dresses.
    struct Fields {
        properties: "properties",
        resource: "id",
        name: "name",
        title: "properties/title" | "properties.title" | "title",
        severity: "properties/severity" | "properties.severity" | "severity",
        status: "properties/status" | "properties.status" | "status",
        classification: "properties/classification" | "properties.classification" | "classification",
        owner: "properties/owner" | "owner",
        owner_upn: "properties.owner.userPrincipalName",
        provider: "properties/providerName" | "properties.providerName" | "provider_name",
        provider_id: "properties/providerIncidentId" | "properties.providerIncidentId" | "provider_incident_id",
        first: "properties/firstActivityTimeUtc" | "properties.firstActivityTimeUtc" | "first_activity_time_utc",
        last: "properties/lastActivityTimeUtc" | "properties.lastActivityTimeUtc" | "last_activity_time_utc",
        created: "properties/createdTimeUtc" | "properties.createdTimeUtc" | "created_time_utc",
        modified: "properties/lastModifiedTimeUtc" | "properties.lastModifiedTimeUtc" | "last_modified_time_utc",
        alerts: "Alerts" | "properties/alerts",
    }
}

/// Reads an object.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let claims = Claims { subscription: segment(f.resource, "subscriptions"), ..Claims::default() };
    let tenant = record.owner(context, claims)?;
    let name = record.need("name", f.name.text())?;
    let version = first_time(record, &[("lastModifiedTimeUtc", f.modified), ("createdTimeUtc", f.created)])?;
    let created = maybe_time(f.created);
    let last = maybe_time(f.last);
    let first = maybe_time(f.first).or(created).or(last).unwrap_or(version);
    let incident = SourceIncident {
        key: sentinel_key(tenant, &name),
        aliases: aliases(tenant, f.provider, f.provider_id),
        redirect_to: None,
        version,
        first,
        last: last.unwrap_or(first).max(first),
        alert_ids: sorted(alert_ids(f.alerts)),
        title: Text::quoted(&word(f.title), tenant),
        severity: Severity::read(&word(f.severity)),
        status: word(f.status).to_compact_string(),
        verdict: product::verdict(&word(f.classification)),
        owner: owner(f.owner).or_else(|| f.owner_upn.text().map(|t| t.to_compact_string())),
    };
    let severity = incident.severity;
    let shared = record.event(tenant, version, f.properties, Body::Incident(Box::new(incident)));
    Ok(Event { id: f.name.text(), severity, ..shared })
}

/// The alerts' ids where a client put them beside the incident: `{"ID": …}` or the id itself.
fn alert_ids(column: Json<'_>) -> Vec<CompactString> {
    let mut ids = words(column);
    if let Some(dynamic) = column.dynamic() {
        let named = |item: Json<'_>| {
            item.get("ID").text().or_else(|| item.get("systemAlertId").text()).map(|t| t.to_compact_string())
        };
        ids.extend(dynamic.json().items().filter_map(named));
    }
    ids
}
