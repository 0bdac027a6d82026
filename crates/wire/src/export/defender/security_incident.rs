//! `SecurityIncident`: one row per version of a Sentinel incident (exports.md 3.4). Dynamic columns come as objects or as text.

use super::super::{Record, guid};
use super::alert::{first_time, maybe_time, word, words, xdr_incident};
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use crate::product;
use caponier_model::{Body, Event, Reject, Severity, SourceIncident, SourceIncidentKey, TenantId, Text};
use compact_str::{CompactString, ToCompactString};

fields! {
    /// What the row says.
    struct Fields {
        workspace: "TenantId",
        name: "IncidentName",
        title: "Title",
        severity: "Severity",
        status: "Status",
        classification: "Classification",
        owner: "Owner",
        provider: "ProviderName",
        provider_id: "ProviderIncidentId",
        first: "FirstActivityTime" | "FirstActivityTime [UTC]",
        last: "LastActivityTime" | "LastActivityTime [UTC]",
        created: "CreatedTime" | "CreatedTime [UTC]",
        modified: "LastModifiedTime" | "LastModifiedTime [UTC]",
        generated: "TimeGenerated" | "TimeGenerated [UTC]",
        alerts: "AlertIds",
    }
}

/// Reads a row.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let tenant = record.owner(context, Claims { workspace: guid(f.workspace), ..Claims::default() })?;
    let name = record.need("IncidentName", f.name.text())?;
    let version = first_time(record, &[("LastModifiedTime", f.modified), ("TimeGenerated", f.generated)])?;
    let created = maybe_time(f.created);
    let first = maybe_time(f.first).or(created).unwrap_or(version);
    let last = maybe_time(f.last).unwrap_or(first);
    let incident = SourceIncident {
        key: sentinel_key(tenant, &name),
        aliases: aliases(tenant, f.provider, f.provider_id),
        redirect_to: None,
        version,
        first,
        last: last.max(first),
        alert_ids: sorted(words(f.alerts)),
        title: Text::quoted(&word(f.title), tenant),
        severity: Severity::read(&word(f.severity)),
        status: word(f.status).to_compact_string(),
        verdict: product::verdict(&word(f.classification)),
        owner: owner(f.owner),
    };
    let severity = incident.severity;
    let shared = record.event(tenant, version, Json::ABSENT, Body::Incident(Box::new(incident)));
    Ok(Event { id: f.name.text(), severity, ..shared })
}

/// A Sentinel incident's key: the ARM resource name, in lower case.
pub(super) fn sentinel_key(tenant: TenantId, name: &str) -> SourceIncidentKey {
    SourceIncidentKey {
        tenant,
        provider: CompactString::const_new("sentinel"),
        id: name.trim().to_lowercase().to_compact_string(),
    }
}

/// A workspace in the Defender portal names Defender's incident beside its own.
pub(super) fn aliases(tenant: TenantId, provider: Json<'_>, id: Json<'_>) -> Vec<SourceIncidentKey> {
    let from_xdr = product::product(&[&word(provider)]) == "xdr";
    id.text().filter(|_| from_xdr).map(|id| xdr_incident(tenant, &id)).into_iter().collect()
}

/// The owner's UPN, mail, or the name it is assigned to.
pub(super) fn owner(column: Json<'_>) -> Option<CompactString> {
    let dynamic = column.dynamic()?;
    let keys = ["userPrincipalName", "user_principal_name", "email", "assignedTo", "assigned_to"];
    keys.iter().find_map(|k| dynamic.json().get(k).text().map(|t| t.to_compact_string()))
}

/// A set as a list.
pub(super) fn sorted(mut list: Vec<CompactString>) -> Vec<CompactString> {
    list.sort();
    list.dedup();
    list
}
