//! An incident of the older Microsoft 365 Defender interface (`/api/incidents`): numbers for ids, its alerts inside.

use super::super::{Record, tenant};
use super::alert::{first_time, maybe_time, tenant_of_link, word, xdr_incident};
use super::graph_incident::Alerts;
use super::security_incident::sorted;
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use crate::product;
use caponier_model::{Body, Event, Reject, Severity, SourceIncident, Text};
use compact_str::ToCompactString;

fields! {
    /// What the object says.
    struct Fields {
        id: "incidentId",
        tenant: "tenantId",
        link: "incidentUri",
        title: "incidentName",
        severity: "severity",
        status: "status",
        classification: "classification",
        assigned: "assignedTo",
        created: "createdTime",
        updated: "lastUpdateTime",
        redirect: "redirectIncidentId",
        alerts: "alerts",
    }
}

/// Reads an object.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let linked = tenant_of_link(&word(f.link));
    let claims = Claims { tenant: tenant(f.tenant).or(linked), second: linked, ..Claims::default() };
    let owner = record.owner(context, claims)?;
    let id = record.need("incidentId", f.id.text())?;
    let version = first_time(record, &[("lastUpdateTime", f.updated), ("createdTime", f.created)])?;
    let created = maybe_time(f.created).unwrap_or(version);
    let alerts = Alerts::read(f.alerts);
    let incident = SourceIncident {
        key: xdr_incident(owner, &id),
        aliases: Vec::new(),
        redirect_to: f.redirect.text().map(|to| xdr_incident(owner, &to)),
        version,
        first: alerts.first.unwrap_or(created),
        last: alerts.last.unwrap_or(created),
        alert_ids: sorted(alerts.ids),
        title: Text::quoted(&word(f.title), owner),
        severity: Severity::read(&word(f.severity)),
        status: word(f.status).to_compact_string(),
        verdict: product::verdict(&word(f.classification)),
        owner: f.assigned.text().map(|t| t.to_compact_string()),
    };
    let severity = incident.severity;
    let shared = record.event(owner, version, Json::ABSENT, Body::Incident(Box::new(incident)));
    Ok(Event { id: f.id.text(), severity, ..shared })
}
