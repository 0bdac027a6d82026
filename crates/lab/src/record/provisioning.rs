//! `ProvisioningLogs` of the home tenant: cross-tenant synchronisation names both objects (exports.md 7.5).

use super::entra_resource;
use crate::book::{Form, Table};
use crate::cast::{Account, TenantCast};
use crate::json::{Object, object};
use crate::times;
use caponier_model::{EventTime, Guid};

/// The stream.
pub const TABLE: Table =
    Table { container: "insights-logs-provisioninglogs", form: Form::Lines, delay: (5, 300), enveloped: true };

/// One cycle's work on one account.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The account at home.
    pub source: &'a Account,
    /// The account in the target tenant.
    pub target: &'a Account,
    /// The target tenant.
    pub resource: &'a TenantCast,
    /// `create` or `update`.
    pub action: &'a str,
    /// When.
    pub time: EventTime,
    /// The change, and the row's id.
    pub change: Guid,
}

impl Row<'_> {
    /// The record.
    pub fn diagnostic(&self, envelope: EventTime) -> String {
        let home = self.source.key.tenant;
        object(|o| {
            o.text("time", times::seven(envelope)).text("resourceId", entra_resource(home));
            o.members(
                r#""operationName":"Provisioning activity","operationVersion":"1.0","category":"ProvisioningLogs""#,
            );
            o.show("tenantId", home).text("resultType", "Success").number("durationMs", 828);
            o.show("correlationId", self.change).show("identity", self.change).number("Level", 4);
            o.object("properties", |p| {
                p.show("id", self.change).text("activityDateTime", times::seven(self.time)).show("tenantId", home);
                p.text("jobId", format!("Azure2Azure.{home}.{}", self.resource.id)).show("cycleId", self.change);
                p.show("changeId", self.change).text("action", self.action).text("provisioningAction", self.action);
                p.object("servicePrincipal", |s| { s.show("Id", self.resource.workspace).text("Name", "Cross-tenant sync"); });
                p.object("sourceSystem", |s| system(s, home.0, home.0));
                p.object("targetSystem", |s| system(s, self.resource.id.0, self.resource.id.0));
                p.members(r#""initiatedBy":{"Type":"system","Id":"","Name":"Azure AD Provisioning Service"}"#);
                p.object("sourceIdentity", |i| identity(i, self.source));
                p.object("targetIdentity", |i| identity(i, self.target));
                p.members(r#""provisioningStatusInfo":{"Status":"success","errorInformation":null},"statusInfo":{"Status":0},"provisioningSteps":[],"modifiedProperties":[],"durationInMilliseconds":828"#);
            });
        })
    }
}

fn system(s: &mut Object<'_>, id: Guid, tenant: Guid) {
    s.object("details", |d| {
        d.show("TenantId", tenant);
    })
    .show("Id", id)
    .text("Name", "Microsoft Entra ID");
}

fn identity(i: &mut Object<'_>, account: &Account) {
    i.text("identityType", "User").object("details", |d| {
        d.show("id", account.key.object).text("odatatype", "User").text("DisplayName", &account.display);
        d.text("UserPrincipalName", &account.upn);
    });
    i.show("Id", account.key.object).text("Name", &account.display);
}
