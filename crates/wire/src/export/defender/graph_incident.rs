//! A Graph security incident (exports.md 5.7), with its alerts where they were expanded.

use super::super::{Record, tenant};
use super::alert::{first_time, maybe_time, tenant_of_link, word, xdr_incident};
use super::security_incident::sorted;
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use crate::product;
use crate::time::parse_time;
use caponier_model::{Body, Event, EventTime, Reject, Severity, SourceIncident, Text};
use compact_str::{CompactString, ToCompactString};

fields! {
    /// What the object says.
    struct Fields {
        id: "id",
        tenant: "tenantId",
        link: "incidentWebUrl",
        title: "displayName",
        severity: "severity",
        status: "status",
        classification: "classification",
        assigned: "assignedTo",
        created: "createdDateTime",
        updated: "lastUpdateDateTime",
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
    let id = record.need("id", f.id.text())?;
    let version = first_time(record, &[("lastUpdateDateTime", f.updated), ("createdDateTime", f.created)])?;
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

/// What the expanded alerts give: their ids and the span of their activity.
#[derive(Default)]
pub(super) struct Alerts {
    /// Ids as the transport names them.
    pub ids: Vec<CompactString>,
    /// Earliest first activity.
    pub first: Option<EventTime>,
    /// Latest last activity.
    pub last: Option<EventTime>,
}

impl Alerts {
    /// Reads `alerts`: an array, or (a connector's habit) one object.
    pub(super) fn read(alerts: Json<'_>) -> Self {
        let mut out = Self::default();
        if alerts.is_object() {
            out.add(alerts);
        }
        alerts.items().for_each(|alert| out.add(alert));
        out
    }

    fn add(&mut self, alert: Json<'_>) {
        let id = ["id", "alertId"].iter().find_map(|k| alert.get(k).text());
        self.ids.extend(id.map(|t| t.to_compact_string()));
        let time = |keys: [&str; 2]| keys.iter().find_map(|k| alert.get(k).text()).and_then(|t| parse_time(&t));
        let first = time(["firstActivityDateTime", "firstActivity"]);
        let last = time(["lastActivityDateTime", "lastActivity"]).or(first);
        self.first = self.first.into_iter().chain(first).min();
        self.last = self.last.into_iter().chain(last).max();
    }
}
