//! Rows of the alert, Defender, Sentinel and Office formats.

mod alert;
mod cloud_posture;
mod defender_alert;
mod defender_cloud;
mod defender_device;
mod defender_identity;
mod graph_alert;
mod graph_alert_legacy;
mod graph_evidence;
mod graph_incident;
mod hunting;
mod mde_alert;
mod mde_evidence;
mod mde_machine;
mod office_audit;
mod security_alert;
mod security_incident;
mod sentinel_incident;
mod xdr_incident;

#[cfg(test)]
mod tests;

use super::Route::{Category, Keys, Odata, Table};
use super::{Decode, Export, Route};

const SENTINEL: &str = "Sentinel";
const GRAPH: &str = "Defender XDR and Graph security";
const HUNTING: &str = "Advanced Hunting";
const CLOUD: &str = "Defender for Cloud";
const OFFICE: &str = "Office 365 audit";

/// An Advanced Hunting table: streamed in an envelope, or stored by Sentinel as flat rows.
macro_rules! hunting {
    ($table:literal, $decode:path) => {
        hunting($table, const { &[Category(concat!("AdvancedHunting-", $table)), Table($table)] }, $decode)
    };
}

const fn hunting(name: &'static str, routes: &'static [Route], decode: Decode) -> Export {
    Export::new(name, HUNTING, routes, decode)
}

/// One row per format.
pub(super) const ROWS: &[Export] = &[
    Export::new(
        "SecurityAlert",
        SENTINEL,
        &[Table("SecurityAlert"), Keys(&["SystemAlertId", "AlertType"])],
        security_alert::decode,
    ),
    Export::new(
        "SecurityIncident",
        SENTINEL,
        &[Table("SecurityIncident"), Keys(&["IncidentName", "AlertIds"])],
        security_incident::decode,
    ),
    Export::new(
        "SentinelIncident",
        SENTINEL,
        // The last part of `Microsoft.SecurityInsights/Incidents`.
        &[Table("Incidents"), Keys(&["last_modified_time_utc", "incident_number"])],
        sentinel_incident::decode,
    ),
    Export::new(
        "GraphIncident",
        GRAPH,
        &[
            Odata("microsoft.graph.security.incident"),
            Odata("security/incidents"),
            Keys(&["redirectIncidentId", "incidentWebUrl"]),
        ],
        graph_incident::decode,
    ),
    Export::new(
        "GraphAlert",
        GRAPH,
        &[
            Odata("microsoft.graph.security.alert"),
            Odata("security/alerts_v2"),
            Keys(&["providerAlertId", "serviceSource"]),
        ],
        graph_alert::decode,
    ),
    Export::new(
        "GraphAlertLegacy",
        GRAPH,
        &[Odata("microsoft.graph.alert"), Odata("security/alerts"), Keys(&["vendorInformation", "azureTenantId"])],
        graph_alert_legacy::decode,
    ),
    Export::new(
        "MdeAlert",
        GRAPH,
        &[Odata("Alerts"), Keys(&["computerDnsName", "detectionSource"])],
        mde_alert::decode,
    ),
    Export::new("MdeMachine", GRAPH, &[Odata("Machines"), Keys(&["lastSeen", "computerDnsName"])], mde_machine::decode),
    Export::new(
        "XdrIncident",
        GRAPH,
        &[Odata("Incidents"), Keys(&["incidentName", "incidentId", "alerts"])],
        xdr_incident::decode,
    ),
    Export::new(
        "DefenderCloudPosture",
        CLOUD,
        &[
            Table("assessments"),
            Table("subAssessments"),
            Table("secureScoreControls"),
            Table("secureScores"),
            Table("regulatoryComplianceAssessments"),
        ],
        cloud_posture::decode,
    ),
    hunting!("AlertInfo", defender_alert::info),
    hunting!("AlertEvidence", defender_alert::evidence),
    hunting!("DeviceInfo", defender_device::info),
    hunting!("DeviceLogonEvents", defender_device::logon),
    Export::new(
        "DeviceProcessEvents",
        HUNTING,
        &[
            Category("AdvancedHunting-DeviceProcessEvents"),
            Table("DeviceProcessEvents"),
            Keys(&["ProcessIntegrityLevel", "ProcessCreationTime", "ActionType"]),
        ],
        defender_device::process,
    ),
    hunting!("DeviceNetworkEvents", defender_device::network),
    hunting!("DeviceFileEvents", defender_device::file),
    hunting!("DeviceRegistryEvents", defender_device::initiated),
    hunting!("DeviceImageLoadEvents", defender_device::initiated),
    hunting!("DeviceEvents", defender_device::event),
    hunting!("DeviceNetworkInfo", defender_device::bare),
    hunting!("DeviceFileCertificateInfo", defender_device::bare),
    hunting!("IdentityLogonEvents", defender_identity::logon),
    hunting!("IdentityDirectoryEvents", defender_identity::directory),
    hunting!("IdentityQueryEvents", defender_identity::directory),
    hunting!("CloudAppEvents", defender_cloud::app),
    hunting!("CloudAuditEvents", defender_cloud::app),
    hunting!("CloudProcessEvents", defender_cloud::app),
    hunting!("CloudStorageAggregatedEvents", defender_cloud::app),
    hunting!("BehaviorInfo", defender_cloud::behavior),
    hunting!("BehaviorEntities", defender_cloud::behavior),
    hunting!("EmailEvents", defender_cloud::email),
    hunting!("EmailAttachmentInfo", defender_cloud::email),
    hunting!("EmailUrlInfo", defender_cloud::email),
    hunting!("EmailPostDeliveryEvents", defender_cloud::email),
    hunting!("UrlClickEvents", defender_cloud::click),
    hunting!("MessageEvents", defender_cloud::email),
    hunting!("MessageUrlInfo", defender_cloud::email),
    hunting!("MessagePostDeliveryEvents", defender_cloud::email),
    Export::new(
        "OfficeAudit",
        OFFICE,
        &[
            Table("OfficeActivity"),
            Keys(&["RecordType", "Workload"]),
            Keys(&["UserKey", "Operation"]),
            Keys(&["RecordType", "CreationTime"]),
        ],
        office_audit::decode,
    ),
];
