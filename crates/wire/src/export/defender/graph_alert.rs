//! An alert of Graph's `alerts_v2` (exports.md 5.6): the product's own record, with evidence by kind.

use super::super::{Record, tenant};
use super::alert::{Alert, first_time, list, maybe_time, tenant_of_link, word};
use super::graph_evidence;
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use caponier_model::{Event, Reject, SourceRank};

fields! {
    /// What the object says.
    struct Fields {
        id: "id",
        tenant: "tenantId",
        link: "alertWebUrl",
        title: "title",
        category: "category",
        categories: "categories",
        severity: "severity",
        status: "status",
        classification: "classification",
        service: "serviceSource",
        product: "productName",
        incident: "incidentId",
        detector: "detectorId",
        created: "createdDateTime",
        first: "firstActivityDateTime",
        last: "lastActivityDateTime",
        updated: "lastUpdateDateTime",
        techniques: "mitreTechniques",
        evidence: "evidence",
    }
}

/// Reads an object.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let linked = tenant_of_link(&word(f.link));
    let claims = Claims { tenant: tenant(f.tenant).or(linked), second: linked, ..Claims::default() };
    let owner = record.owner(context, claims)?;
    let id = record.need("id", f.id.text())?;
    let first = first_time(record, &[("firstActivityDateTime", f.first), ("createdDateTime", f.created)])?;
    let last = maybe_time(f.last);
    let updated = maybe_time(f.updated);
    let created = maybe_time(f.created);
    let products = [word(f.service), word(f.product)];
    let (title, severity, status, class) = (word(f.title), word(f.severity), word(f.status), word(f.classification));
    let (category, categories, techniques) = (word(f.category), list(f.categories), list(f.techniques));
    let mut alert = Alert {
        products: &[&products[0], &products[1]],
        last: last.unwrap_or(first),
        version: updated.or(created).unwrap_or(first),
        title: &title,
        severity: &severity,
        status: &status,
        classification: &class,
        tactics: &[&category, &categories],
        techniques: &[&techniques],
        incident: f.incident.text(),
        url: f.link.text(),
        detector: f.detector.text(),
        ingested: created,
        ..Alert::new(owner, &id, first, SourceRank::GRAPH)
    };
    graph_evidence::read(f.evidence, &mut alert.named);
    Ok(alert.event(record, Json::ABSENT))
}
