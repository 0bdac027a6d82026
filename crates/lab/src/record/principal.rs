//! Service principals and managed identities: their sign-ins in both envelopes, and Graph's `servicePrincipals` (exports.md 4.1 to
//! 4.3). The application's owner stands in `appOwnerTenantId`; there is no user and no home tenant.

use super::entra_resource;
use crate::book::{Form, Table};
use crate::cast::{Application, TenantCast};
use crate::json::object;
use crate::times;
use caponier_model::{EventTime, Guid, TenantId};

const fn diagnostic(container: &'static str) -> Table {
    Table { container, form: Form::Lines, delay: (28, 1077), enveloped: true }
}

const fn exported(container: &'static str) -> Table {
    Table { container, form: Form::Messages, delay: (60, 900), enveloped: false }
}

const DIAGNOSTIC: Table = diagnostic("insights-logs-serviceprincipalsigninlogs");
const DIAGNOSTIC_MANAGED: Table = diagnostic("insights-logs-managedidentitysigninlogs");
const EXPORTED: Table = exported("am-AADServicePrincipalSignInLogs");
const EXPORTED_MANAGED: Table = exported("am-AADManagedIdentitySignInLogs");

/// One sign-in of a service principal.
#[derive(Clone, Debug)]
pub struct SignIn<'a> {
    /// Whose log.
    pub tenant: &'a TenantCast,
    /// The application.
    pub application: &'a Application,
    /// Its object in this tenant.
    pub object: Guid,
    /// When.
    pub time: EventTime,
    /// Request id.
    pub id: Guid,
    /// Where from; a managed identity shows no address.
    pub address: &'a str,
    /// The key it proved itself with, where the row shows one.
    pub key: Option<Guid>,
}

impl SignIn<'_> {
    /// Where it is written.
    pub fn table(&self) -> &'static Table {
        match (self.tenant.exports_tables, self.application.managed) {
            (false, false) => &DIAGNOSTIC,
            (false, true) => &DIAGNOSTIC_MANAGED,
            (true, false) => &EXPORTED,
            (true, true) => &EXPORTED_MANAGED,
        }
    }

    fn category(&self) -> &'static str {
        if self.application.managed { "ManagedIdentitySignInLogs" } else { "ServicePrincipalSignInLogs" }
    }

    fn shown_address(&self) -> &str {
        if self.application.managed { "" } else { self.address }
    }

    /// The record, in the envelope that this tenant uses.
    pub fn record(&self, envelope: EventTime) -> String {
        if self.tenant.exports_tables { self.exported(envelope) } else { self.diagnostic(envelope) }
    }

    fn diagnostic(&self, envelope: EventTime) -> String {
        let app = self.application;
        object(|o| {
            o.text("time", times::seven(envelope)).text("resourceId", entra_resource(self.tenant.id));
            o.members(r#""operationName":"Sign-in activity","operationVersion":"1.0""#)
                .text("category", self.category());
            o.show("tenantId", self.tenant.id).members(r#""resultType":"0","resultSignature":"None","durationMs":0"#);
            o.text("callerIpAddress", self.shown_address()).show("correlationId", self.id);
            o.members(r#""Level":4,"location":"NL""#).object("properties", |p| {
                p.show("id", self.id).text("createdDateTime", times::seven_offset(self.time)).null("userId");
                p.show("appId", app.app).text("ipAddress", self.shown_address()).show("correlationId", self.id);
                p.members(r#""status":{"errorCode":0},"isInteractive":false,"tokenIssuerType":"AzureAD""#);
                p.members(r#""resourceDisplayName":"Windows Azure Service Management API","resourceId":"797f4846-ba00-4fd7-ba43-dac1f8f63013""#);
                p.text("servicePrincipalName", &app.name).show("servicePrincipalId", self.object);
                p.texts("signInEventTypes", [if app.managed { "managedIdentity" } else { "servicePrincipal" }]);
                p.members(r#""riskLevelDuringSignIn":"none","crossTenantAccessType":"none","federatedCredentialId":"""#);
                if !app.managed {
                    p.show("appOwnerTenantId", app.owner);
                }
                if let Some(key) = self.key {
                    p.show("servicePrincipalCredentialKeyId", key);
                }
            });
        })
    }

    fn exported(&self, envelope: EventTime) -> String {
        let app = self.application;
        object(|o| {
            o.show("TenantId", self.tenant.workspace).text("SourceSystem", "Azure AD");
            o.text("TimeGenerated", times::seven(envelope)).show("AADTenantId", self.tenant.id);
            o.members(r#""OperationName":"Sign-in activity","OperationVersion":"1.0","ResultType":"0","ResultSignature":"None""#);
            o.text("Category", self.category()).show("CorrelationId", self.id).show("Id", self.id);
            o.text("CreatedDateTime", times::seven(self.time)).show("AppId", app.app);
            o.show("AppOwnerTenantId", if app.managed { String::new() } else { app.owner.to_string() });
            o.text("IPAddress", self.shown_address()).text("ServicePrincipalName", &app.name);
            o.show("ServicePrincipalId", self.object)
                .members(r#""ResourceDisplayName":"Windows Azure Service Management API""#);
            if let Some(key) = self.key {
                o.show("ServicePrincipalCredentialKeyId", key);
            }
            o.text("Type", if app.managed { "AADManagedIdentitySignInLogs" } else { "AADServicePrincipalSignInLogs" });
        })
    }
}

/// Where the snapshot of a tenant's service principals lies.
pub fn path(tenant: &TenantCast) -> String {
    format!("captures/graph/tenantId={}/servicePrincipals.json", tenant.id)
}

/// What stands before the first row of the snapshot.
pub const OPEN: &str =
    "{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals\",\"value\":[";

/// A row of the snapshot.
pub fn row(application: &Application, object_id: Guid, created: EventTime) -> String {
    let owner = (!application.managed).then(|| application.owner.to_string());
    object(|o| {
        o.show("id", object_id).truth("accountEnabled", true).show("appId", application.app);
        o.text("appDisplayName", &application.name).maybe("appOwnerOrganizationId", owner.as_deref());
        o.text("createdDateTime", times::whole(created)).text("displayName", &application.name);
        o.text("servicePrincipalType", if application.managed { "ManagedIdentity" } else { "Application" });
        o.texts("servicePrincipalNames", [application.app.to_string()]);
    })
}

/// The truth of one service principal: the owner's object of the same application, where the owner is ours.
pub fn home(application: &Application, tenants: &[TenantCast]) -> Option<(TenantId, Guid)> {
    let owned = |(tenant, _): &&(usize, Guid)| tenants[*tenant].id == application.owner && !application.managed;
    application.objects.iter().find(owned).map(|(_, object)| (application.owner, *object))
}
