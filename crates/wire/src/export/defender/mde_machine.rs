//! A machine of Defender for Endpoint's own interface (`/api/machines`): its ids belong together.

use super::super::{Record, guid, tenant};
use super::alert::first_time;
use crate::context::{Claims, Context};
use crate::json::{Json, fields};
use caponier_model::{Body, DeviceRef, Event, Reject};

fields! {
    /// What the object says.
    struct Fields {
        id: "id",
        tenant: "aadTenantId",
        name: "computerDnsName",
        first_seen: "firstSeen",
        last_seen: "lastSeen",
        address: "lastExternalIpAddress",
        entra: "aadDeviceId",
        azure: "vmMetadata/resourceId",
    }
}

/// Reads an object.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let owner = record.owner(context, Claims { tenant: tenant(f.tenant), ..Claims::default() })?;
    let time = first_time(record, &[("lastSeen", f.last_seen), ("firstSeen", f.first_seen)])?;
    let body = Body::Inventory { defender: f.id.text(), entra: guid(f.entra), object: None, azure: f.azure.text() };
    Ok(Event {
        id: f.id.text(),
        address: f.address.text(),
        device: DeviceRef { id: f.id.text(), name: f.name.text() },
        ..record.event(owner, time, Json::ABSENT, body)
    })
}
