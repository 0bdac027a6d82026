//! Which formats a Sigma log source means. One row per log source; the public rules' names and our own stand side by side.

use rsigma_parser::LogSource;

/// A log source and the formats of the export table that are it.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Sigma's product; empty matches any.
    pub product: &'static str,
    /// Sigma's service or category.
    pub service: &'static str,
    /// Names of formats.
    pub formats: &'static [&'static str],
}

const SIGN_INS: &[&str] = &[
    "signin_diag",
    "signin_graph",
    "signin_la",
    "signin_noninteractive_diag",
    "signin_noninteractive_la",
    "signin_service_principal_diag",
    "signin_service_principal_la",
    "signin_managed_identity_diag",
    "signin_managed_identity_la",
];
/// Where a person sat down: neither tokens that renew themselves nor services.
const INTERACTIVE: &[&str] = &["signin_diag", "signin_graph", "signin_la"];
const APPLICATIONS: &[&str] = &["signin_service_principal_diag", "signin_service_principal_la"];
const AUDIT: &[&str] = &["audit_diag", "audit_graph", "audit_la"];
const ACTIVITY: &[&str] = &["activity_diag", "activity_la", "activity_rest"];
const RISK: &[&str] = &[
    "risk_detection_graph",
    "user_risk_event_diag",
    "user_risk_event_la",
    "service_principal_risk_detection_graph",
    "service_principal_risk_event_diag",
    "service_principal_risk_event_la",
];
const RISKY_USERS: &[&str] = &["risky_user_diag", "risky_user_graph", "risky_user_la"];
const PROVISIONING: &[&str] = &["provisioning_diag", "provisioning_graph", "provisioning_la"];
const ALERTS: &[&str] = &["AlertInfo", "GraphAlert", "GraphAlertLegacy", "MdeAlert", "SecurityAlert"];
const OFFICE: &[&str] = &["OfficeAudit"];
const GRAPH_ACTIVITY: &[&str] = &["graph_activity_diag", "graph_activity_la"];

/// The table. SigmaHQ's names come first; ours, under the product `caponier`, name kinds of formats.
pub const SOURCES: &[Source] = &[
    Source { product: "azure", service: "signinlogs", formats: SIGN_INS },
    Source { product: "azure", service: "auditlogs", formats: AUDIT },
    Source { product: "azure", service: "activitylogs", formats: ACTIVITY },
    Source { product: "azure", service: "azureactivity", formats: ACTIVITY },
    Source { product: "azure", service: "riskdetection", formats: RISK },
    Source { product: "azure", service: "pim", formats: AUDIT },
    Source { product: "azure", service: "microsoftgraphactivitylogs", formats: GRAPH_ACTIVITY },
    Source { product: "m365", service: "audit", formats: OFFICE },
    Source { product: "m365", service: "exchange", formats: OFFICE },
    Source { product: "m365", service: "threat_management", formats: OFFICE },
    Source { product: "m365", service: "threat_detection", formats: OFFICE },
    Source { product: "caponier", service: "signin", formats: SIGN_INS },
    Source { product: "caponier", service: "signin_interactive", formats: INTERACTIVE },
    Source { product: "caponier", service: "signin_application", formats: APPLICATIONS },
    Source { product: "caponier", service: "audit", formats: AUDIT },
    Source { product: "caponier", service: "activity", formats: ACTIVITY },
    Source { product: "caponier", service: "risk", formats: RISK },
    Source { product: "caponier", service: "risky_user", formats: RISKY_USERS },
    Source { product: "caponier", service: "provisioning", formats: PROVISIONING },
    Source { product: "caponier", service: "alert", formats: ALERTS },
    Source { product: "caponier", service: "office", formats: OFFICE },
    Source { product: "caponier", service: "graph_activity", formats: GRAPH_ACTIVITY },
    Source { product: "caponier", service: "cloud_app", formats: &["CloudAppEvents"] },
    Source { product: "caponier", service: "device_logon", formats: &["DeviceLogonEvents"] },
    Source { product: "caponier", service: "device_process", formats: &["DeviceProcessEvents"] },
    Source { product: "caponier", service: "identity_logon", formats: &["IdentityLogonEvents"] },
    Source { product: "caponier", service: "mail", formats: &["EmailEvents"] },
    Source { product: "caponier", service: "url_click", formats: &["UrlClickEvents"] },
    Source { product: "caponier", service: "message", formats: &["MessageEvents"] },
];

/// The formats a rule's log source means, or `None` where no table we read is it.
pub fn formats(source: &LogSource) -> Option<&'static [&'static str]> {
    let product = source.product.as_deref().unwrap_or_default();
    let service = source.service.as_deref().or(source.category.as_deref()).unwrap_or_default();
    SOURCES
        .iter()
        .find(|s| s.product.eq_ignore_ascii_case(product) && s.service.eq_ignore_ascii_case(service))
        .map(|s| s.formats)
}
