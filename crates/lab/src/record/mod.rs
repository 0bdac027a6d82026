//! One file for each export format: an action of the simulation in, the record as the real export has it out.
//!
//! Shapes are those of exports.md; which records exist at all is decided elsewhere.

pub mod activity;
pub mod alert;
pub mod audit;
pub mod change;
pub mod device;
pub mod directory;
pub mod graph_alert;
pub mod identity_info;
pub mod incident;
pub mod office;
pub mod principal;
pub mod provisioning;
pub mod risk;
pub mod sign_in;
pub mod stream_alert;

use caponier_model::TenantId;

/// `/tenants/<tenant>/providers/Microsoft.aadiam`: what Entra's diagnostic records call their resource.
fn entra_resource(tenant: TenantId) -> String {
    format!("/tenants/{tenant}/providers/Microsoft.aadiam")
}
