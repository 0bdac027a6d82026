//! `UserRiskEvents` and `RiskyUsers` of diagnostic settings, with their US-format envelope times (exports.md 6.1).

use crate::book::{Form, Table};
use crate::cast::Account;
use crate::json::object;
use crate::times;
use caponier_model::{EventTime, Guid};

/// Detections.
pub const DETECTIONS: Table =
    Table { container: "insights-logs-userriskevents", form: Form::Lines, delay: (60, 600), enveloped: true };
/// States of users.
pub const USERS: Table =
    Table { container: "insights-logs-riskyusers", form: Form::Lines, delay: (60, 600), enveloped: true };

/// One detection.
#[derive(Clone, Debug)]
pub struct Detection<'a> {
    /// Whose risk.
    pub account: &'a Account,
    /// The UPN they bore.
    pub upn: &'a str,
    /// Detection id, 64 hexadecimal digits.
    pub id: &'a str,
    /// Request id of the sign-in.
    pub request: Guid,
    /// `leakedCredentials`, ….
    pub kind: &'a str,
    /// `low`, `medium`, `high`.
    pub level: &'a str,
    /// Address.
    pub address: &'a str,
    /// When it happened.
    pub activity: EventTime,
    /// When it was detected.
    pub detected: EventTime,
    /// Techniques, comma-separated.
    pub techniques: &'a str,
    /// `atRisk`, or what became of it.
    pub state: &'a str,
}

impl Detection<'_> {
    /// The record.
    pub fn diagnostic(&self, envelope: EventTime) -> String {
        let tenant = self.account.key.tenant;
        object(|o| {
            o.text("time", times::us(envelope));
            o.text("resourceId", format!("/tenants/{tenant}/providers/microsoft.aadiam"));
            o.members(r#""operationName":"User Risk Detection","operationVersion":"1.0","category":"UserRiskEvents""#);
            o.show("tenantId", tenant).members(r#""resultSignature":"None","durationMs":0"#);
            o.text("callerIpAddress", self.address).text("correlationId", self.id);
            o.text("identity", self.account.display.to_lowercase()).members(r#""Level":4,"location":"nl""#);
            o.object("properties", |p| {
                p.text("id", self.id).show("requestId", self.request).show("correlationId", self.request);
                p.text("riskType", self.kind).text("riskEventType", self.kind).text("riskState", self.state);
                p.text("riskLevel", self.level).text("riskDetail", "none").text("source", "IdentityProtection");
                let online = self.detected.seconds_since(self.activity) < 600;
                p.text("detectionTimingType", if online { "realtime" } else { "offline" });
                p.text("activity", "signin").text("ipAddress", self.address);
                p.members(r#""location":{"city":"Amsterdam","state":"Noord-Holland","countryOrRegion":"NL","geoCoordinates":{"altitude":0,"latitude":52.37,"longitude":4.9}}"#);
                p.text("activityDateTime", times::risk(self.activity));
                p.text("detectedDateTime", times::risk(self.detected));
                p.text("lastUpdatedDateTime", times::risk(self.detected));
                p.show("userId", self.account.key.object).text("userDisplayName", &self.account.display);
                p.text("userPrincipalName", self.upn);
                p.text("additionalInfo", format!("[{{\"Key\":\"mitreTechniques\",\"Value\":\"{}\"}}]", self.techniques));
                p.text("tokenIssuerType", "AzureAD").null("resourceTenantId").show("homeTenantId", tenant);
                p.members(r#""userType":"member","crossTenantAccessType":"none""#);
            });
        })
    }

    /// The state of the user that follows from it.
    pub fn risky_user(&self, envelope: EventTime) -> String {
        let tenant = self.account.key.tenant;
        object(|o| {
            o.text("time", times::us(envelope));
            o.text("resourceId", format!("/tenants/{tenant}/providers/microsoft.aadiam"));
            o.members(r#""operationName":"Risky user","operationVersion":"1.0","category":"RiskyUsers""#);
            o.show("tenantId", tenant).members(r#""resultSignature":"None","durationMs":0"#);
            o.show("correlationId", self.account.key.object).text("identity", self.account.display.to_lowercase());
            o.members(r#""Level":4,"location":"weu""#);
            o.object("properties", |p| {
                p.show("id", self.account.key.object).text("userDisplayName", &self.account.display);
                p.text("userPrincipalName", self.upn).text("riskLastUpdatedDateTime", times::risk(self.detected));
                p.text("riskState", self.state).text("riskDetail", "none").text("riskLevel", self.level);
                p.members(r#""isGuest":false,"isDeleted":false,"isProcessing":false"#);
            });
        })
    }
}
