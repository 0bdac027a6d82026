//! `AuditLogs` of diagnostic settings (exports.md 4.6). Knows the shape of the few activities that the lab performs.

use super::entra_resource;
use crate::book::{Form, Table};
use crate::cast::Account;
use crate::json::{Array, object};
use crate::times;
use caponier_model::{EventTime, Guid, TenantId};

/// The stream. Envelope and event times agree.
pub const TABLE: Table =
    Table { container: "insights-logs-auditlogs", form: Form::Lines, delay: (1, 240), enveloped: true };

/// Who did it.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A directory object of the log's tenant, from an address.
    Account(&'a Account, &'a str),
    /// An address that was invited: no object yet.
    Invited(&'a str, &'a str),
    /// An application.
    App(&'a str),
}

/// A changed property: name, new value as JSON inside text.
pub type Changed<'a> = (&'a str, String);

/// One row.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Whose log.
    pub tenant: TenantId,
    /// `Redeem external user invite`, ….
    pub activity: &'a str,
    /// `UserManagement`, ….
    pub category: &'a str,
    /// `Core Directory`, ….
    pub service: &'a str,
    /// When.
    pub time: EventTime,
    /// Correlation id, from which the row's id is made.
    pub correlation: Guid,
    /// Who did it.
    pub by: By<'a>,
    /// The account it was done to.
    pub target: &'a Account,
    /// Text in place of the target's display name, as redemptions have it.
    pub target_text: Option<String>,
    /// A role that is a second target.
    pub role: Option<(Guid, &'a str)>,
    /// Changed properties of the target.
    pub changed: Vec<Changed<'a>>,
    /// Additional details.
    pub details: Vec<(&'a str, String)>,
}

impl Row<'_> {
    /// The record.
    pub fn diagnostic(&self, envelope: EventTime) -> String {
        object(|o| {
            o.text("time", times::seven(envelope)).text("resourceId", entra_resource(self.tenant));
            o.text("operationName", self.activity).members(r#""operationVersion":"1.0","category":"AuditLogs""#);
            o.show("tenantId", self.tenant).members(r#""resultSignature":"None","durationMs":0"#);
            o.show("correlationId", self.correlation).text("level", "Informational");
            o.object("properties", |p| {
                let serial = self.correlation.as_u128() as u64 % 100_000_000;
                p.show("id", format!("{}_{}_{:05}_{serial}", self.service, self.correlation, serial % 90_000));
                p.text("category", self.category).show("correlationId", self.correlation);
                p.members(r#""result":"success","resultReason":"""#).text("activityDisplayName", self.activity);
                p.text("activityDateTime", times::six_offset(self.time)).text("loggedByService", self.service);
                p.text("operationType", if self.activity.starts_with("Add") { "Assign" } else { "Update" });
                p.raw("initiatedBy", &self.initiated_by());
                p.array("targetResources", |a| self.targets(a));
                p.array("additionalDetails", |a| {
                    for (key, value) in &self.details {
                        a.object(|d| {
                            d.text("key", key).text("value", value);
                        });
                    }
                });
            });
        })
    }

    fn initiated_by(&self) -> String {
        object(|o| {
            match self.by {
                By::Account(account, address) => o.object("user", |u| {
                    u.show("id", account.key.object).text("displayName", &account.display);
                    u.text("userPrincipalName", &account.upn).text("ipAddress", address).raw("roles", "[]");
                }),
                By::Invited(name, address) => o.object("user", |u| {
                    u.null("id").null("displayName").text("userPrincipalName", name).text("ipAddress", address);
                    u.raw("roles", "[]");
                }),
                By::App(name) => o.object("app", |a| {
                    a.null("appId").text("displayName", name).null("servicePrincipalId").null("servicePrincipalName");
                }),
            };
        })
    }

    fn targets(&self, targets: &mut Array<'_>) {
        targets.object(|t| {
            t.show("id", self.target.key.object);
            t.maybe("displayName", self.target_text.as_deref()).text("type", "User");
            t.text("userPrincipalName", &self.target.upn).null("groupType").array("modifiedProperties", |m| {
                for (name, value) in &self.changed {
                    m.object(|c| {
                        c.text("displayName", name).null("oldValue").text("newValue", value);
                    });
                }
                if let Some((id, name)) = &self.role {
                    for (key, value) in [("Role.ObjectID", id.to_string()), ("Role.DisplayName", (*name).to_owned())] {
                        m.object(|c| {
                            c.text("displayName", key).null("oldValue").text("newValue", format!("\"{value}\""));
                        });
                    }
                }
            });
        });
        if let Some((id, _)) = &self.role {
            targets.object(|t| {
                t.show("id", id).null("displayName").text("type", "Role").null("userPrincipalName").null("groupType");
                t.raw("modifiedProperties", "[]");
            });
        }
    }
}
