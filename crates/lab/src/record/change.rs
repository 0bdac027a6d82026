//! `AuditLogs` rows about anything: policies, applications, devices, domains, accounts; done or failed (exports.md 4.6).
//! The rows of ordinary life are in `audit`; those of the stage need more of the format.

use super::entra_resource;
use crate::cast::Account;
use crate::json::{Array, object};
use crate::times;
use caponier_model::{EventTime, Guid, TenantId};

/// What it was done to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Object id, or the name of a domain.
    pub id: String,
    /// Display name.
    pub display: String,
    /// `User`, `Policy`, `ServicePrincipal`, `Device`, `Role`, `Other`.
    pub kind: String,
    /// UPN of a user.
    pub upn: Option<String>,
    /// Changed properties: name, before, after, the latter two as JSON inside text.
    pub changed: Vec<(String, String, String)>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Whose log.
    pub tenant: TenantId,
    /// `Update conditional access policy`, ….
    pub activity: &'a str,
    /// `Policy`, ….
    pub category: &'a str,
    /// `success` or `failure`.
    pub result: &'a str,
    /// When.
    pub time: EventTime,
    /// Correlation id, from which the row's id is made.
    pub correlation: Guid,
    /// Who did it, from where.
    pub by: (&'a Account, &'a str),
    /// To what.
    pub targets: Vec<Target>,
    /// Additional details.
    pub details: Vec<(&'static str, String)>,
}

impl Change<'_> {
    /// The record.
    pub fn diagnostic(&self, envelope: EventTime) -> String {
        object(|o| {
            o.text("time", times::seven(envelope)).text("resourceId", entra_resource(self.tenant));
            o.text("operationName", self.activity).members(r#""operationVersion":"1.0","category":"AuditLogs""#);
            o.show("tenantId", self.tenant).members(r#""resultSignature":"None","durationMs":0"#);
            o.show("correlationId", self.correlation).text("level", "Informational");
            o.object("properties", |p| {
                let serial = self.correlation.as_u128() as u64 % 100_000_000;
                p.show("id", format!("Core Directory_{}_{:05}_{serial}", self.correlation, serial % 90_000));
                p.text("category", self.category).show("correlationId", self.correlation);
                p.text("result", self.result).text("resultReason", "").text("activityDisplayName", self.activity);
                p.text("activityDateTime", times::six_offset(self.time)).text("loggedByService", "Core Directory");
                p.text("operationType", if self.activity.starts_with("Add") { "Assign" } else { "Update" });
                p.object("initiatedBy", |by| {
                    let (account, address) = self.by;
                    by.object("user", |u| {
                        u.show("id", account.key.object).text("displayName", &account.display);
                        u.text("userPrincipalName", &account.upn).text("ipAddress", address).raw("roles", "[]");
                    });
                });
                p.array("targetResources", |a| self.targets.iter().for_each(|t| target(t, a)));
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
}

fn target(target: &Target, targets: &mut Array<'_>) {
    targets.object(|t| {
        t.text("id", &target.id).text("displayName", &target.display).text("type", &target.kind);
        t.maybe("userPrincipalName", target.upn.as_deref()).null("groupType").array("modifiedProperties", |m| {
            for (name, before, after) in &target.changed {
                m.object(|c| {
                    c.text("displayName", name).text("oldValue", before).text("newValue", after);
                });
            }
        });
    });
}
