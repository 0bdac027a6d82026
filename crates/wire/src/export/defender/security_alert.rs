//! `SecurityAlert`: Sentinel's row of an alert of any product, and the same record as Defender for Cloud streams it
//! (exports.md 3.3, 3.7). The Entra tenant is not a column: the workspace decides, a portal link cross-checks.

use super::super::{Record, guid, segment};
use super::alert::{Alert, first_time, list, maybe_time, tenant_of_link, word};
use crate::context::{Claims, Context};
use crate::entity::sentinel;
use crate::json::{Json, fields};
use crate::product;
use caponier_model::{Event, Reject, SourceRank};

fields! {
    /// The columns of all years: 2019 (`…Utc`, `ProviderAlertId`), now, and Defender for Cloud's own.
    struct Fields {
        workspace: "TenantId" | "WorkspaceId",
        system_id: "SystemAlertId",
        vendor_id: "VendorOriginalId" | "ProviderAlertId",
        title: "DisplayName" | "AlertDisplayName",
        name: "AlertName",
        severity: "AlertSeverity" | "Severity",
        provider: "ProviderName",
        product: "ProductName",
        start: "StartTime" | "StartTimeUtc" | "StartTime [UTC]",
        end: "EndTime" | "EndTimeUtc" | "EndTime [UTC]",
        generated: "TimeGenerated" | "TimeGenerated [UTC]",
        processed: "ProcessingEndTime" | "ProcessingEndTime [UTC]",
        status: "Status",
        entities: "Entities",
        extended: "ExtendedProperties",
        tactics: "Tactics",
        intent: "Intent",
        techniques: "Techniques",
        sub_techniques: "SubTechniques",
        link: "AlertLink" | "AlertUri",
        detector: "AlertType",
        resource: "_Internal_WorkspaceResourceId",
        subscription: "WorkspaceSubscriptionId",
    }
}

/// Facts inside `ExtendedProperties` that the row's own columns lack.
#[derive(Default)]
struct Extended {
    incident: Option<String>,
    classification: String,
    techniques: String,
    category: String,
}

/// Reads a row.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let link = word(f.link);
    let claims = Claims {
        tenant: tenant_of_link(&link),
        workspace: guid(f.workspace),
        subscription: guid(f.subscription).or_else(|| segment(f.resource, "subscriptions")),
        ..Claims::default()
    };
    let owner = record.owner(context, claims)?;
    let id = record.need("SystemAlertId", f.system_id.text().or_else(|| f.vendor_id.text()))?;
    let generated = maybe_time(f.generated);
    let processed = maybe_time(f.processed);
    let first = first_time(record, &[("StartTime", f.start), ("TimeGenerated", f.generated)])?;
    let last = maybe_time(f.end);
    let products = [word(f.provider), word(f.product)];
    let products = [products[0].as_ref(), products[1].as_ref()];
    let vendor_id = f.vendor_id.text();
    // Sentinel's own alerts are named by Sentinel alone; every other by its product.
    let own_id = match &vendor_id {
        Some(vendor) if product::product(&products) != "sentinel" => vendor,
        _ => &id,
    };
    let extended = extended(f.extended);
    let (title, severity, status) = (f.title.text().unwrap_or_else(|| word(f.name)), word(f.severity), word(f.status));
    let (tactics, techniques, subs) = (list(f.tactics), list(f.techniques), list(f.sub_techniques));
    let intent = word(f.intent);
    let mut alert = Alert {
        products: &products,
        own_id,
        last: last.unwrap_or(first),
        version: generated.or(processed).unwrap_or(first),
        title: &title,
        severity: &severity,
        status: &status,
        classification: &extended.classification,
        tactics: &[&tactics, &intent, &extended.category],
        techniques: &[&techniques, &subs, &extended.techniques],
        incident: extended.incident.as_deref().map(Into::into),
        url: f.link.text(),
        detector: f.detector.text(),
        ingested: generated,
        ..Alert::new(owner, &id, first, SourceRank::SENTINEL)
    };
    sentinel::read(&list(f.entities), "", &mut alert.named);
    Ok(alert.event(record, Json::ABSENT))
}

fn extended(column: Json<'_>) -> Extended {
    let Some(dynamic) = column.dynamic() else { return Extended::default() };
    let object = dynamic.json();
    let say = |key: &str| object.get(key).text().map(|t| t.into_owned());
    Extended {
        incident: say("IncidentId"),
        classification: say("Classification").unwrap_or_default(),
        techniques: say("MitreTechniques").unwrap_or_default(),
        category: say("MicrosoftDefenderAtp.Category").or_else(|| say("Category")).unwrap_or_default(),
    }
}
