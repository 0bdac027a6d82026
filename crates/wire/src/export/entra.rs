//! Rows of the Entra, Azure and directory formats.
//!
//! Relays write an audit row's group (`RoleManagement`) where the hub writes `AuditLogs`: both are routes of one row.

use super::Route::{Category, Keys, Odata, Table};
use super::{Export, activity, audit, directory, platform, provisioning, risk, sign_in};

/// One row per format, one line per row.
#[rustfmt::skip]
pub(super) const ROWS: &[Export] = &[
    Export::new("signin_diag", "Entra sign-ins", &[Category("SignInLogs")], sign_in::decode),
    Export::new("signin_la", "Entra sign-ins", &[Table("SigninLogs"), Keys(&["IPAddress", "ResultType", "UserPrincipalName", "CreatedDateTime"])], sign_in::decode),
    Export::new("signin_noninteractive_diag", "Entra sign-ins", &[Category("NonInteractiveUserSignInLogs")], sign_in::decode),
    Export::new("signin_noninteractive_la", "Entra sign-ins", &[Table("AADNonInteractiveUserSignInLogs"), Table("NonInteractiveUserSignInLogs")], sign_in::decode),
    Export::new("signin_service_principal_diag", "Entra sign-ins", &[Category("ServicePrincipalSignInLogs")], sign_in::decode),
    Export::new("signin_service_principal_la", "Entra sign-ins", &[Table("AADServicePrincipalSignInLogs"), Table("ServicePrincipalSignInLogs")], sign_in::decode),
    Export::new("signin_managed_identity_diag", "Entra sign-ins", &[Category("ManagedIdentitySignInLogs")], sign_in::decode),
    Export::new("signin_managed_identity_la", "Entra sign-ins", &[Table("AADManagedIdentitySignInLogs"), Table("ManagedIdentitySignInLogs")], sign_in::decode),
    Export::new("signin_microsoft_service_principal_diag", "Entra sign-ins", &[Category("MicrosoftServicePrincipalSignInLogs")], sign_in::decode),
    Export::new("signin_microsoft_service_principal_la", "Entra sign-ins", &[Table("MicrosoftServicePrincipalSignInLogs")], sign_in::decode),
    Export::new("signin_adfs_diag", "Entra sign-ins", &[Category("ADFSSignInLogs")], sign_in::decode),
    Export::new("signin_adfs_la", "Entra sign-ins", &[Table("ADFSSignInLogs")], sign_in::decode),
    Export::new("signin_graph", "Entra sign-ins", &[Odata("microsoft.graph.signIn"), Odata("auditLogs/signIns"), Odata("signIns"), Table("signIns"), Keys(&["appId", "createdDateTime", "userPrincipalName", "ipAddress", "status"]), Keys(&["clientAppUsed", "createdDateTime", "appId"]), Keys(&["servicePrincipalName", "createdDateTime", "appId", "ipAddress"])], sign_in::decode),
    Export::new("audit_diag", "Entra audit", &[Category("AuditLogs"), Category("AdministrativeUnit"), Category("ApplicationManagement"), Category("Authentication"), Category("Authorization"), Category("CrossTenantAccessSettings"), Category("CrossTenantIdentitySyncSettings"), Category("DeviceManagement"), Category("DirectoryManagement"), Category("GroupManagement"), Category("MultiTenantOrg"), Category("MultiTenantOrgTenant"), Category("ProvisioningManagement"), Category("RoleManagement"), Category("UserManagement")], audit::decode),
    Export::new("audit_la", "Entra audit", &[Table("AuditLogs"), Keys(&["TargetResources", "InitiatedBy", "OperationName"])], audit::decode),
    Export::new("audit_graph", "Entra audit", &[Odata("microsoft.graph.directoryAudit"), Odata("auditLogs/directoryAudits"), Odata("directoryAudits"), Table("directoryAudits"), Keys(&["loggedByService", "activityDisplayName"]), Keys(&["initiatedBy", "activityDateTime", "activityDisplayName"])], audit::decode),
    Export::new("activity_diag", "Azure activity", &[Category("Administrative"), Category("Write"), Category("Action"), Category("Delete"), Category("ResourceHealth"), Category("ServiceHealth"), Category("Alert"), Category("Autoscale"), Category("Recommendation"), Category("Security"), Category("Policy"), Table("operational-logs"), Table("activity-logs")], activity::decode),
    Export::new("activity_la", "Azure activity", &[Table("AzureActivity"), Keys(&["OperationNameValue", "ActivityStatusValue"])], activity::decode),
    Export::new("activity_rest", "Azure activity", &[Keys(&["eventTimestamp", "operationName"]), Keys(&["event_timestamp", "operation_name"])], activity::decode),
    Export::new("user_risk_event_diag", "Identity Protection", &[Category("UserRiskEvents")], risk::decode),
    Export::new("user_risk_event_la", "Identity Protection", &[Table("AADUserRiskEvents"), Table("UserRiskEvents")], risk::decode),
    Export::new("risk_detection_graph", "Identity Protection", &[Odata("microsoft.graph.riskDetection"), Odata("identityProtection/riskDetections"), Odata("riskDetections"), Table("riskDetections"), Keys(&["riskEventType", "detectedDateTime"]), Keys(&["riskType", "detectedDateTime"])], risk::decode),
    Export::new("service_principal_risk_event_diag", "Identity Protection", &[Category("ServicePrincipalRiskEvents")], risk::decode),
    Export::new("service_principal_risk_event_la", "Identity Protection", &[Table("AADServicePrincipalRiskEvents"), Table("ServicePrincipalRiskEvents")], risk::decode),
    Export::new("service_principal_risk_detection_graph", "Identity Protection", &[Odata("microsoft.graph.servicePrincipalRiskDetection"), Odata("servicePrincipalRiskDetections"), Table("servicePrincipalRiskDetections"), Keys(&["riskEventType", "detectedDateTime", "servicePrincipalId"])], risk::decode),
    Export::new("risky_user_diag", "Identity Protection", &[Category("RiskyUsers")], risk::decode_state),
    Export::new("risky_user_la", "Identity Protection", &[Table("AADRiskyUsers")], risk::decode_state),
    Export::new("risky_user_graph", "Identity Protection", &[Odata("microsoft.graph.riskyUser"), Odata("riskyUsers"), Table("RiskyUsers"), Keys(&["riskLastUpdatedDateTime", "userPrincipalName"])], risk::decode_state),
    Export::new("risky_service_principal_diag", "Identity Protection", &[Category("RiskyServicePrincipals")], risk::decode_state),
    Export::new("risky_service_principal_la", "Identity Protection", &[Table("AADRiskyServicePrincipals")], risk::decode_state),
    Export::new("risky_service_principal_graph", "Identity Protection", &[Odata("microsoft.graph.riskyServicePrincipal"), Odata("riskyServicePrincipals"), Table("RiskyServicePrincipals"), Keys(&["riskLastUpdatedDateTime", "appId"])], risk::decode_state),
    Export::new("provisioning_diag", "Provisioning", &[Category("ProvisioningLogs")], provisioning::decode),
    Export::new("provisioning_la", "Provisioning", &[Table("AADProvisioningLogs"), Table("ProvisioningLogs")], provisioning::decode),
    Export::new("provisioning_graph", "Provisioning", &[Odata("microsoft.graph.provisioningObjectSummary"), Odata("auditLogs/provisioning"), Table("provisioning"), Keys(&["provisioningAction", "sourceIdentity"]), Keys(&["sourceIdentity", "targetIdentity"])], provisioning::decode),
    Export::new("user_graph", "Directory", &[Odata("microsoft.graph.user"), Odata("users"), Table("users"), Keys(&["userPrincipalName", "id", "displayName"]), Keys(&["userPrincipalName", "id", "mail"]), Keys(&["userPrincipalName", "id", "userType"]), Keys(&["userPrincipalName", "id", "identities"]), Keys(&["azure_ad"])], directory::decode_user),
    Export::new("service_principal_graph", "Directory", &[Odata("microsoft.graph.servicePrincipal"), Odata("servicePrincipals"), Table("servicePrincipals"), Keys(&["appOwnerOrganizationId", "appId"]), Keys(&["servicePrincipalNames", "appId"])], directory::decode_principal),
    Export::new("device_graph", "Directory", &[Odata("microsoft.graph.device"), Odata("devices"), Table("devices"), Keys(&["approximateLastSignInDateTime", "deviceId"]), Keys(&["profileType", "deviceId", "trustType"])], directory::decode_device),
    Export::new("identity_info_diag", "Directory", &[Category("AdvancedHunting-IdentityInfo")], directory::decode_info),
    Export::new("identity_info_la", "Directory", &[Table("IdentityInfo"), Keys(&["AccountTenantId", "AccountObjectId"])], directory::decode_info),
    Export::new("user_info_la", "Directory", &[Table("AADUserInfo"), Table("AADUserInfov2_CL"), Table("AADUserInfo_CL"), Keys(&["UserPrincipalName_s", "ObjectId_g"])], directory::decode_row),
    Export::new("graph_activity_diag", "Azure platform", &[Category("MicrosoftGraphActivityLogs")], platform::decode_graph_call),
    Export::new("graph_activity_la", "Azure platform", &[Table("MicrosoftGraphActivityLogs"), Keys(&["RequestUri", "RequestMethod", "AppId"])], platform::decode_graph_call),
    Export::new("azure_resource_diag", "Azure platform", &[Keys(&["resourceId", "category", "operationName", "time"]), Keys(&["EventTimeString", "resourceId", "category"]), Keys(&["resourceId", "category", "time"]), Keys(&["resourceId", "operationName", "time"])], platform::decode_resource),
    Export::new("intune_diag", "Azure platform", &[Category("OperationalLogs"), Category("DeviceComplianceOrg"), Category("Devices")], platform::decode_intune),
];
