//! `SecurityIncident` rows of Log Analytics: every change appends one (exports.md 3.4).

use crate::book::{Form, Table};
use crate::cast::TenantCast;
use crate::finding::{Finding, capitalised};
use crate::json::object;
use crate::times;
use caponier_model::{EventTime, Guid};

/// The stream.
pub const TABLE: Table =
    Table { container: "am-SecurityIncident", form: Form::Messages, delay: (5, 60), enveloped: false };

/// An incident of one tenant's Sentinel.
#[derive(Debug)]
pub struct Incident<'a> {
    /// `IncidentName`.
    pub name: Guid,
    /// Sequential in its workspace.
    pub number: u32,
    /// Its alerts, all of one tenant.
    pub alerts: Vec<&'a Finding>,
    /// When it was made.
    pub created: EventTime,
}

impl Incident<'_> {
    /// One version of it: as created, or as somebody took it on.
    pub fn row(&self, tenant: &TenantCast, owner: Option<&str>, changed: EventTime, generated: EventTime) -> String {
        let first = self.alerts.iter().map(|a| a.first).min().unwrap_or(self.created);
        let last = self.alerts.iter().map(|a| a.last).max().unwrap_or(self.created);
        let severity = self.alerts.iter().map(|a| a.severity).max().unwrap_or_default();
        let title = self.alerts.first().map_or("", |a| a.title.as_str());
        object(|o| {
            o.show("TenantId", tenant.workspace).text("TimeGenerated", times::seven(generated));
            o.show("IncidentName", self.name).text("Title", title).text("Description", title);
            o.text("Severity", capitalised(severity)).text("Status", if owner.is_some() { "Active" } else { "New" });
            o.members(r#""Classification":"","ClassificationComment":"","ClassificationReason":"""#);
            o.object("Owner", |w| {
                w.null("objectId").maybe("email", owner).maybe("assignedTo", owner).maybe("userPrincipalName", owner);
            });
            o.text("ProviderName", "Azure Sentinel").show("ProviderIncidentId", self.number);
            o.text("FirstActivityTime", times::seven(first)).text("LastActivityTime", times::seven(last));
            o.text("LastModifiedTime", times::seven(changed)).text("CreatedTime", times::seven(self.created));
            o.number("IncidentNumber", i64::from(self.number)).raw("RelatedAnalyticRuleIds", "[]");
            o.texts("AlertIds", self.alerts.iter().map(|a| a.system_alert.to_string()));
            o.members(r#""BookmarkIds":[],"Comments":[],"Tasks":[],"Labels":[]"#);
            o.text(
                "IncidentUrl",
                format!("https://portal.azure.com/#asset/Microsoft_Azure_Security_Insights/Incident/{}", self.name),
            );
            o.object("AdditionalData", |d| {
                d.number("alertsCount", self.alerts.len() as i64).members(r#""bookmarksCount":0,"commentsCount":0"#);
                d.texts("alertProductNames", self.alerts.iter().map(|a| a.product.names().sentinel.1));
                d.texts("tactics", self.alerts.iter().map(|a| a.tactic));
            });
            o.text("ModifiedBy", owner.unwrap_or("Incident created from alert")).text("SourceSystem", "Azure");
            o.text("Type", "SecurityIncident");
        })
    }
}
