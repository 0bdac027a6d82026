//! An alert of Defender for Endpoint's own interface (`/api/alerts`, exports.md 5.5).

use super::super::{Record, own, tenant};
use super::alert::{Alert, first_time, list, maybe_time, word};
use super::mde_evidence;
use crate::context::{Claims, Context};
use crate::entity::{AccountWords, HostWords};
use crate::json::{Json, fields};
use caponier_model::{Actor, DeviceRef, EntityRole, Event, Reject, SourceRank};

fields! {
    /// What the object says.
    struct Fields {
        id: "id",
        tenant: "aadTenantId",
        title: "title",
        category: "category",
        severity: "severity",
        status: "status",
        classification: "classification",
        incident: "incidentId",
        detector: "detectorId",
        created: "alertCreationTime",
        first: "firstEventTime",
        last: "lastEventTime",
        updated: "lastUpdateTime",
        techniques: "mitreTechniques",
        machine: "machineId",
        host: "computerDnsName",
        user: "relatedUser/userName",
        user_domain: "relatedUser/domainName",
        evidence: "evidence",
    }
}

/// Reads an object.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let owner = record.owner(context, Claims { tenant: tenant(f.tenant), ..Claims::default() })?;
    let id = record.need("id", f.id.text())?;
    let first = first_time(record, &[("firstEventTime", f.first), ("alertCreationTime", f.created)])?;
    let last = maybe_time(f.last);
    let updated = maybe_time(f.updated);
    let created = maybe_time(f.created);
    let (title, severity, status, class) = (word(f.title), word(f.severity), word(f.status), word(f.classification));
    let (category, techniques) = (word(f.category), list(f.techniques));
    let mut alert = Alert {
        // This interface serves one product, whatever engine of it detected.
        products: &["MDATP"],
        last: last.unwrap_or(first),
        version: updated.or(created).unwrap_or(first),
        title: &title,
        severity: &severity,
        status: &status,
        classification: &class,
        tactics: &[&category],
        techniques: &[&techniques],
        incident: f.incident.text(),
        detector: f.detector.text(),
        ingested: created,
        ..Alert::new(owner, &id, first, SourceRank::MDE_REST)
    };
    alert.named.object(EntityRole::Impacted);
    alert.named.host(HostWords { defender: &word(f.machine), name: &word(f.host), ..Default::default() });
    alert.named.object(EntityRole::Related);
    let (user, user_domain) = (word(f.user), word(f.user_domain));
    alert.named.account(AccountWords { name: &user, domain: &user_domain, ..Default::default() });
    mde_evidence::read(f.evidence, &mut alert.named);
    let event = alert.event(record, Json::ABSENT);
    Ok(Event {
        actor: Actor { name: own(f.user.text()), domain: f.user_domain.text(), ..Actor::default() },
        device: DeviceRef { id: f.machine.text(), name: f.host.text() },
        ..event
    })
}
