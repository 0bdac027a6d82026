//! Sign-ins: `SignInLogs` and `NonInteractiveUserSignInLogs` of diagnostic settings, `SigninLogs` and
//! `AADNonInteractiveUserSignInLogs` of Log Analytics (exports.md 4.1 to 4.4). Knows the shapes, not who signs in why.

use super::entra_resource;
use crate::book::{Form, Table};
use crate::cast::Machine;
use crate::json::{Object, object};
use crate::times;
use caponier_model::{EventTime, Guid, TenantId};

/// Interactive, diagnostic.
pub const DIAGNOSTIC: Table =
    Table { container: "insights-logs-signinlogs", form: Form::Lines, delay: (28, 1077), enveloped: true };
/// Non-interactive, diagnostic.
pub const DIAGNOSTIC_QUIET: Table = Table {
    container: "insights-logs-noninteractiveusersigninlogs",
    form: Form::Lines,
    delay: (28, 1077),
    enveloped: true,
};
/// Interactive, Log Analytics.
pub const EXPORTED: Table =
    Table { container: "am-SigninLogs", form: Form::Messages, delay: (60, 900), enveloped: false };
/// Non-interactive, Log Analytics.
pub const EXPORTED_QUIET: Table =
    Table { container: "am-AADNonInteractiveUserSignInLogs", form: Form::Messages, delay: (60, 900), enveloped: false };

/// A client and what it signs in to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct App {
    /// Client id.
    pub id: &'static str,
    /// Client name.
    pub name: &'static str,
    /// Resource application id.
    pub resource: &'static str,
    /// Resource name.
    pub resource_name: &'static str,
}

/// The portal and the control plane.
pub const PORTAL: App = App {
    id: "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    name: "Azure Portal",
    resource: "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    resource_name: "Windows Azure Service Management API",
};

/// What people use all day.
pub const APPS: [App; 4] = [
    App {
        id: "9199bf20-a13f-4107-85dc-02114787ef48",
        name: "One Outlook Web",
        resource: "00000002-0000-0ff1-ce00-000000000000",
        resource_name: "Office 365 Exchange Online",
    },
    App {
        id: "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
        name: "Microsoft Teams",
        resource: "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe",
        resource_name: "Microsoft Teams Services",
    },
    App {
        id: "d7b530a4-7680-4c23-a8bf-c52c121d2e87",
        name: "Microsoft Edge Enterprise New Tab Page",
        resource: "f920ab6b-8a48-4438-9255-1650179a3a0f",
        resource_name: "Microsoft News Feed",
    },
    PORTAL,
];

/// Where a sign-in came from, as a log places its address.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place {
    /// City, as written.
    pub city: &'static str,
    /// State or province, as written.
    pub state: &'static str,
    /// Country, two letters.
    pub country: &'static str,
    /// Latitude in degrees.
    pub latitude: &'static str,
    /// Longitude in degrees.
    pub longitude: &'static str,
    /// The network's number.
    pub network: u32,
}

/// Where everybody works who is not said to be elsewhere.
pub const AMSTERDAM: Place = Place {
    city: "Amsterdam",
    state: "Noord-Holland",
    country: "NL",
    latitude: "52.37",
    longitude: "4.9",
    network: 64_500,
};

/// Elsewhere, behind another network.
pub const NEW_YORK: Place = Place {
    city: "New York",
    state: "New York",
    country: "US",
    latitude: "40.71",
    longitude: "-74.01",
    network: 64_777,
};

impl Place {
    fn location(self) -> String {
        let Self { city, state, country, latitude, longitude, .. } = self;
        object(|o| {
            o.text("city", city).text("state", state).text("countryOrRegion", country);
            o.object("geoCoordinates", |g| {
                g.null("altitude").raw("latitude", latitude).raw("longitude", longitude);
            });
        })
    }
}

/// One row of one tenant's sign-in log.
#[derive(Clone, Debug)]
pub struct SignIn<'a> {
    /// Whose log.
    pub log: TenantId,
    /// Home tenant that the row names.
    pub home: TenantId,
    /// Resource tenant.
    pub resource: TenantId,
    /// Object id in the log's tenant.
    pub object: Guid,
    /// Sign-in name.
    pub name: &'a str,
    /// Display name.
    pub display: &'a str,
    /// `Member` or `Guest`.
    pub user_type: &'a str,
    /// When.
    pub time: EventTime,
    /// Request id.
    pub id: Guid,
    /// Correlation id, the client's.
    pub correlation: Guid,
    /// Client and resource.
    pub app: App,
    /// Address.
    pub address: &'a str,
    /// Where that is.
    pub place: Place,
    /// The device, where the log may show it; another tenant's device is redacted.
    pub machine: Option<&'a Machine>,
    /// By a person at a prompt?
    pub interactive: bool,
    /// Error code; 0 is success.
    pub error: u32,
    /// Risk level and event type, where risk was seen.
    pub risk: Option<(&'a str, &'a str)>,
    /// How it crosses, where not by a guest object.
    pub through: Option<&'static str>,
    /// A password was enough.
    pub single_factor: bool,
    /// Session id, where the row shows one.
    pub session: Option<Guid>,
}

impl SignIn<'_> {
    fn crosses(&self) -> bool {
        self.home != self.log || self.resource != self.log
    }

    fn access(&self) -> &'static str {
        self.through.unwrap_or(if self.crosses() { "b2bCollaboration" } else { "none" })
    }

    fn requirement(&self) -> &'static str {
        if self.single_factor { "singleFactorAuthentication" } else { "multiFactorAuthentication" }
    }

    fn category(&self) -> &'static str {
        if self.interactive { "SignInLogs" } else { "NonInteractiveUserSignInLogs" }
    }

    /// The record as diagnostic settings write it.
    pub fn diagnostic(&self, envelope: EventTime) -> String {
        object(|o| {
            o.text("time", times::seven(envelope)).text("resourceId", entra_resource(self.log));
            o.members(r#""operationName":"Sign-in activity","operationVersion":"1.0""#)
                .text("category", self.category());
            o.show("tenantId", self.log).show("resultType", self.error);
            o.text("resultSignature", if self.error == 0 { "SUCCESS" } else { "FAILURE" });
            if self.error != 0 {
                o.text("resultDescription", failure(self.error));
            }
            o.members(r#""durationMs":0"#)
                .text("callerIpAddress", self.address)
                .show("correlationId", self.correlation);
            o.text("identity", self.display).members(r#""Level":4"#).text("location", self.place.country);
            o.object("properties", |p| self.properties(p));
        })
    }

    fn properties(&self, p: &mut Object<'_>) {
        p.show("id", self.id).text("createdDateTime", times::seven_offset(self.time));
        p.text("userDisplayName", self.display).text("userPrincipalName", self.name).show("userId", self.object);
        p.text("appId", self.app.id).text("appDisplayName", self.app.name).text("ipAddress", self.address);
        p.members(r#""clientAppUsed":"Browser","userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0""#);
        p.show("correlationId", self.correlation).members(r#""conditionalAccessStatus":"success""#);
        p.show("originalRequestId", self.id).truth("isInteractive", self.interactive);
        p.members(r#""tokenIssuerName":"","tokenIssuerType":"AzureAD","clientCredentialType":"none","processingTimeInMilliseconds":239"#);
        let (level, kinds) = self.risk_fields();
        p.text("riskDetail", "none").text("riskLevelAggregated", level).text("riskLevelDuringSignIn", level);
        p.text("riskState", if self.risk.is_some() { "atRisk" } else { "none" });
        p.raw("riskEventTypes", &kinds).raw("riskEventTypes_v2", &kinds);
        p.text("resourceDisplayName", self.app.resource_name).text("resourceId", self.app.resource);
        p.show("resourceTenantId", self.resource).show("homeTenantId", self.home).text("homeTenantName", "");
        p.members(r#""authenticationMethodsUsed":[]"#).text("authenticationRequirement", self.requirement());
        p.text("signInIdentifier", "");
        p.texts("signInEventTypes", [if self.interactive { "interactiveUser" } else { "nonInteractiveUser" }]);
        p.members(r#""servicePrincipalId":"""#).text("userType", self.user_type);
        p.members(r#""flaggedForReview":false,"isTenantRestricted":false"#)
            .number("autonomousSystemNumber", i64::from(self.place.network));
        p.text("crossTenantAccessType", self.access()).text("uniqueTokenIdentifier", base64(&self.id.to_string()));
        p.members(r#""incomingTokenType":"none","authenticationProtocol":"none""#);
        if let Some(session) = self.session {
            p.show("sessionId", session);
        }
        p.raw("status", &self.status()).raw("deviceDetail", &self.device());
        p.raw("location", &self.place.location()).members(MFA).members(POLICIES);
    }

    /// The row as Log Analytics data export writes it.
    pub fn exported(&self, workspace: Guid, envelope: EventTime) -> String {
        let quiet = !self.interactive;
        object(|o| {
            o.show("TenantId", workspace)
                .text("SourceSystem", "Azure AD")
                .text("TimeGenerated", times::seven(envelope));
            o.show("AADTenantId", self.log).members(r#""OperationName":"Sign-in activity","OperationVersion":"1.0""#);
            o.text("Category", self.category()).show("ResultType", self.error);
            o.text("ResultSignature", if self.error == 0 { "SUCCESS" } else { "FAILURE" });
            if self.error != 0 {
                o.text("ResultDescription", failure(self.error));
            }
            o.number("DurationMs", 0).show("CorrelationId", self.correlation).text("Identity", self.display);
            o.members(r#""Level":"4""#)
                .text("Location", self.place.country)
                .text("AppDisplayName", self.app.name)
                .text("AppId", self.app.id);
            o.text("CreatedDateTime", times::seven(self.time)).show("Id", self.id).text("IPAddress", self.address);
            o.truth("IsInteractive", self.interactive).show("OriginalRequestId", self.id);
            let (level, kinds) = self.risk_fields();
            o.text("RiskDetail", "none").text("RiskEventTypes", &kinds).text("RiskEventTypes_V2", &kinds);
            o.text("RiskLevelAggregated", level).text("RiskLevelDuringSignIn", level);
            o.text("RiskState", if self.risk.is_some() { "atRisk" } else { "none" });
            o.text("ResourceDisplayName", self.app.resource_name).text("ResourceIdentity", self.app.resource);
            o.text("UserDisplayName", self.display).text("UserPrincipalName", self.name).show("UserId", self.object);
            o.text("UserType", self.user_type).show("HomeTenantId", self.home).show("ResourceTenantId", self.resource);
            o.text("CrossTenantAccessType", self.access()).show("AutonomousSystemNumber", self.place.network);
            o.text("UniqueTokenIdentifier", base64(&self.id.to_string()));
            o.text("AuthenticationRequirement", self.requirement()).text("AuthenticationDetails", "[]");
            if let Some(session) = self.session {
                o.show("SessionId", session);
            }
            // The quiet table holds as text what the other holds as an object (exports.md 4.3).
            for (key, json) in
                [("Status", self.status()), ("DeviceDetail", self.device()), ("LocationDetails", self.place.location())]
            {
                if quiet {
                    o.text(key, &json)
                } else {
                    o.raw(key, &json)
                };
            }
            o.text("Type", if quiet { "AADNonInteractiveUserSignInLogs" } else { "SigninLogs" });
        })
    }

    fn risk_fields(&self) -> (&str, String) {
        self.risk.map_or(("none", "[]".to_owned()), |(level, kind)| (level, format!("[\"{kind}\"]")))
    }

    fn status(&self) -> String {
        object(|o| {
            o.number("errorCode", i64::from(self.error)).text("failureReason", failure(self.error));
            o.text("additionalDetails", "MFA requirement satisfied by claim in the token");
        })
    }

    fn device(&self) -> String {
        object(|o| {
            match (self.machine, self.home == self.log) {
                (Some(machine), true) => {
                    o.show("deviceId", machine.entra).text("displayName", machine.name.to_uppercase());
                }
                (Some(_), false) => {
                    o.text("deviceId", "{PII Removed}").text("displayName", "{PII Removed}");
                }
                (None, _) => {
                    o.text("deviceId", "").text("displayName", "");
                }
            }
            let known = self.machine.is_some();
            o.members(r#""operatingSystem":"Windows 10","browser":"Firefox 141.0""#).truth("isCompliant", known);
            o.truth("isManaged", known).text("trustType", if known { "Azure AD joined" } else { "" });
        })
    }
}

fn failure(code: u32) -> &'static str {
    match code {
        0 => "Other.",
        50_126 => "Error validating credentials due to invalid username or password.",
        50_140 => "This error occurred due to 'Keep me signed in' interrupt when the user was signing-in.",
        500_121 => "Authentication failed during strong authentication request.",
        _ => "Access has been blocked by Conditional Access policies.",
    }
}

const MFA: &str = r#""mfaDetail":{"authMethod":null,"authDetail":null}"#;
const POLICIES: &str = r#""appliedConditionalAccessPolicies":[{"id":"9bc14439-0b78-4d1e-bb27-8fab658d0e83","displayName":"Require MFA for everyone","enforcedGrantControls":["Mfa"],"enforcedSessionControls":[],"result":"success","conditionsSatisfied":19,"conditionsNotSatisfied":0}],"authenticationContextClassReferences":[],"networkLocationDetails":[],"authenticationRequirementPolicies":[{"requirementProvider":"multiConditionalAccess","detail":"Conditional Access"}],"sessionLifetimePolicies":[],"privateLinkDetails":{}"#;

/// Base64 without padding, as `uniqueTokenIdentifier` has it: of the request id's 36 characters, so no padding is due.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(text.len() * 4 / 3 + 4);
    for chunk in text.as_bytes().chunks(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * i) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_of_a_request_id() {
        // The pair in the captured sample.
        assert_eq!(
            super::base64("d70d10b6-221a-4840-899d-87ee20ff5900"),
            "ZDcwZDEwYjYtMjIxYS00ODQwLTg5OWQtODdlZTIwZmY1OTAw"
        );
    }
}
