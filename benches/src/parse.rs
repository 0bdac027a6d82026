//! The limit: the nine fields of a sign-in by the two fastest typed parses, and nothing else.

use serde::Deserialize;

/// A batch.
#[derive(Deserialize, Debug)]
pub struct Batch<'a> {
    /// Its records.
    #[serde(borrow)]
    pub records: Vec<Row<'a>>,
}

/// An envelope.
#[derive(Deserialize, Debug)]
pub struct Row<'a> {
    /// The sign-in.
    #[serde(borrow)]
    pub properties: Properties<'a>,
}

/// The nine fields.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Properties<'a> {
    /// When.
    pub created_date_time: &'a str,
    /// Request id.
    pub id: &'a str,
    /// Object id.
    pub user_id: &'a str,
    /// Sign-in name.
    pub user_principal_name: &'a str,
    /// Home tenant.
    pub home_tenant_id: &'a str,
    /// Resource tenant.
    pub resource_tenant_id: &'a str,
    /// Client.
    pub app_id: &'a str,
    /// Address.
    pub ip_address: &'a str,
    /// Outcome.
    pub status: Status,
}

/// The outcome.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// 0 is success.
    pub error_code: i64,
}

impl Batch<'_> {
    /// Something of every record, so that nothing is optimised away.
    pub fn weigh(&self) -> usize {
        self.records.iter().map(|r| r.properties.id.len() + r.properties.status.error_code as usize).sum()
    }
}

/// `serde_json` into borrowed structs; 0 where it fails.
pub fn serde_json(payload: &[u8]) -> usize {
    ::serde_json::from_slice::<Batch<'_>>(payload).map_or(0, |batch| batch.weigh())
}

/// `sonic-rs` into the same structs; 0 where it fails.
pub fn sonic(payload: &[u8]) -> usize {
    sonic_rs::from_slice::<Batch<'_>>(payload).map_or(0, |batch| batch.weigh())
}
