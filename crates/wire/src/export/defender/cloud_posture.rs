//! What Defender for Cloud's continuous export sends beside alerts: assessments, scores, compliance. No findings; kept for hunts.

use super::super::{Record, segment, tenant};
use super::alert::{first_time, word};
use crate::context::{Claims, Context};
use crate::json::fields;
use caponier_model::{Body, Event, Reject, Severity};

fields! {
    /// What a record says. Not every kind carries a time.
    struct Fields {
        properties: "properties",
        tenant: "tenantId",
        id: "id",
        kind: "type",
        name: "properties/displayName" | "properties/description",
        severity: "properties/status/severity" | "properties/metadata/severity",
        generated: "properties/timeGenerated",
        changed: "properties/status/statusChangeDate",
        time: "time",
    }
}

/// Reads a record.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let subscription = segment(f.id, "subscriptions");
    let owner = record.owner(context, Claims { tenant: tenant(f.tenant), subscription, ..Claims::default() })?;
    let times = [("timeGenerated", f.generated), ("statusChangeDate", f.changed), ("time", f.time)];
    let time = first_time(record, &times)?;
    Ok(Event {
        id: f.id.text(),
        operation: f.kind.text().or_else(|| f.name.text()),
        severity: Severity::read(&word(f.severity)),
        ..record.event(owner, time, f.properties, Body::Plain)
    })
}
