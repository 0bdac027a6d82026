//! What every Advanced Hunting row has in common, streamed in an envelope or stored by Sentinel (exports.md 5.1, 5.3).
//!
//! One plan reads the columns that any table's shared facts need; the files of the tables choose among them.

use super::super::{Record, guid, inner, tenant};
use super::alert::first_time;
use crate::context::{Claims, Context};
use crate::entity::fold;
use crate::json::{Json, fields};
use caponier_model::{Actor, Body, DeviceRef, Event, EventTime, Outcome, Reject, TenantId};
use std::borrow::Cow;

fields! {
    /// The columns that shared facts come from.
    struct Fields {
        properties: "properties",
        tenant: "tenantId",
        stamp: "properties/Timestamp" | "Timestamp" | "Timestamp [UTC]",
        generated: "TimeGenerated" | "TimeGenerated [UTC]",
        handed: "time",
        report: "properties/ReportId" | "ReportId",
        action: "properties/ActionType" | "ActionType",
        operation: "properties/OperationName",
        delivery: "properties/DeliveryAction" | "DeliveryAction",
        device_id: "properties/DeviceId" | "DeviceId",
        device_name: "properties/DeviceName" | "DeviceName",
        name: "properties/AccountName" | "AccountName",
        domain: "properties/AccountDomain" | "AccountDomain",
        upn: "properties/AccountUpn" | "AccountUpn",
        object: "properties/AccountObjectId" | "AccountObjectId",
        sid: "properties/AccountSid" | "AccountSid",
        display: "properties/AccountDisplayName" | "AccountDisplayName",
        by_name: "properties/InitiatingProcessAccountName" | "InitiatingProcessAccountName",
        by_domain: "properties/InitiatingProcessAccountDomain" | "InitiatingProcessAccountDomain",
        by_upn: "properties/InitiatingProcessAccountUpn" | "InitiatingProcessAccountUpn",
        by_object: "properties/InitiatingProcessAccountObjectId" | "InitiatingProcessAccountObjectId",
        by_sid: "properties/InitiatingProcessAccountSid" | "InitiatingProcessAccountSid",
        request_name: "properties/RequestAccountName" | "RequestAccountName",
        request_domain: "properties/RequestAccountDomain" | "RequestAccountDomain",
        request_sid: "properties/RequestAccountSid" | "RequestAccountSid",
        request_ip: "properties/RequestSourceIP" | "RequestSourceIP",
        ip: "properties/IPAddress" | "IPAddress",
        local_ip: "properties/LocalIP" | "LocalIP",
        remote_ip: "properties/RemoteIP" | "RemoteIP",
        session_ip: "properties/InitiatingProcessRemoteSessionIP" | "InitiatingProcessRemoteSessionIP",
        public_ip: "properties/PublicIP" | "PublicIP",
        sender_ip: "properties/SenderIPv4" | "SenderIPv4",
        sender_ip6: "properties/SenderIPv6" | "SenderIPv6",
        sender: "properties/SenderFromAddress" | "SenderFromAddress" | "properties/SenderEmailAddress" | "SenderEmailAddress",
        sender_object: "properties/SenderObjectId" | "SenderObjectId",
        sender_display: "properties/SenderDisplayName" | "SenderDisplayName",
        entra_device: "properties/AadDeviceId" | "AadDeviceId",
        azure_device: "properties/AzureResourceId" | "AzureResourceId",
        techniques: "properties/AttackTechniques" | "AttackTechniques",
        more: "properties/AdditionalFields" | "AdditionalFields",
    }
}

/// A row whose owner and time are known.
pub(super) struct Row<'r, 'a> {
    record: &'r Record<'a>,
    fields: Fields<'a>,
    owner: TenantId,
    time: EventTime,
}

/// Whose log a hunting row is: an envelope names the Entra tenant, a stored row its workspace, under the same key.
pub(super) fn owner(
    record: &Record<'_>,
    context: &Context<'_>,
    properties: Json<'_>,
    tenant_id: Json<'_>,
) -> Result<TenantId, Reject> {
    let claims = if properties.is_object() {
        Claims { tenant: tenant(tenant_id), ..Claims::default() }
    } else {
        Claims { workspace: guid(tenant_id), ..Claims::default() }
    };
    record.owner(context, claims)
}

impl<'r, 'a> Row<'r, 'a> {
    /// Reads a row.
    pub(super) fn read(record: &'r Record<'a>, context: &Context<'_>) -> Result<Self, Reject> {
        let fields = Fields::read(record)?;
        let owner = owner(record, context, fields.properties, fields.tenant)?;
        // The envelope's time is when the row was handed over: only for rows that carry none of their own.
        let times = [("Timestamp", fields.stamp), ("TimeGenerated", fields.generated), ("time", fields.handed)];
        let time = first_time(record, &times)?;
        Ok(Self { record, fields, owner, time })
    }

    /// The event with id, operation and device; the table adds who, from where and how it ended.
    pub(super) fn event(&self, body: Body<'a>) -> Event<'a> {
        let f = &self.fields;
        let operation = [f.action, f.operation, f.delivery].into_iter().find_map(Json::text);
        Event {
            id: f.report.text(),
            operation,
            device: DeviceRef { id: f.device_id.text(), name: f.device_name.text() },
            techniques: f.techniques.text().map(|t| crate::product::techniques(&[&t])).unwrap_or_default(),
            ..self.record.event(self.owner, self.time, f.properties, body)
        }
    }

    /// The account of the row itself.
    pub(super) fn account(&self) -> Actor<'a> {
        let f = &self.fields;
        actor([f.object, f.upn, f.name, f.sid, f.domain, f.display])
    }

    /// The account that ran the initiating process.
    pub(super) fn initiator(&self) -> Actor<'a> {
        let f = &self.fields;
        actor([f.by_object, f.by_upn, f.by_name, f.by_sid, f.by_domain, Json::ABSENT])
    }

    /// The remote account of a file access over the network.
    pub(super) fn requester(&self) -> Actor<'a> {
        let f = &self.fields;
        actor([Json::ABSENT, Json::ABSENT, f.request_name, f.request_sid, f.request_domain, Json::ABSENT])
    }

    /// The sender of a message.
    pub(super) fn sender(&self) -> Actor<'a> {
        let f = &self.fields;
        actor([f.sender_object, f.sender, Json::ABSENT, Json::ABSENT, Json::ABSENT, f.sender_display])
    }

    /// Where an activity of an app or identity came from; the first of a list.
    pub(super) fn ip(&self) -> Option<Cow<'a, str>> {
        self.fields.ip.text().map(|text| match text.split_once(',') {
            None => text,
            Some((one, _)) => Cow::Owned(one.trim().to_owned()),
        })
    }

    /// The far end.
    pub(super) fn remote_ip(&self) -> Option<Cow<'a, str>> {
        self.fields.remote_ip.text()
    }

    /// Who opened a connection: the far end of an inbound one, else this device.
    pub(super) fn caller_ip(&self) -> Option<Cow<'a, str>> {
        let action = self.fields.action.text().unwrap_or_default();
        // Protocols that were looked into say their direction inside.
        let inbound = action.starts_with("Inbound")
            || action == "ConnectionAttempt"
            || (action.ends_with("Inspected") && inner(self.fields.more, "direction").is_some_and(|d| d == "In"));
        if inbound { self.remote_ip() } else { self.fields.local_ip.text().or_else(|| self.remote_ip()) }
    }

    /// Where a request on a share came from.
    pub(super) fn request_ip(&self) -> Option<Cow<'a, str>> {
        self.fields.request_ip.text()
    }

    /// Where a remote session came from, else the address of a device's own event.
    pub(super) fn session_ip(&self) -> Option<Cow<'a, str>> {
        self.fields.session_ip.text().or_else(|| self.fields.local_ip.text()).or_else(|| self.remote_ip())
    }

    /// The address a device is seen with.
    pub(super) fn public_ip(&self) -> Option<Cow<'a, str>> {
        self.fields.public_ip.text().filter(|t| t != "-")
    }

    /// The server a message came from.
    pub(super) fn sender_ip(&self) -> Option<Cow<'a, str>> {
        self.fields.sender_ip.text().or_else(|| self.fields.sender_ip6.text())
    }

    /// How it ended, from the action's last word (`LogonSuccess`, `ConnectionFailed`).
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let action = self.fields.action.text()?;
        let action = action.to_ascii_lowercase();
        let ends = |words: &[&str]| words.iter().any(|w| action.ends_with(w));
        match () {
            () if ends(&["success", "succeeded"]) => Some(Outcome::Success),
            () if ends(&["failed", "failure"]) => Some(Outcome::Failure),
            () => None,
        }
    }

    /// The ids of an inventory row.
    pub(super) fn inventory(&self) -> Body<'a> {
        let f = &self.fields;
        Body::Inventory {
            defender: f.device_id.text(),
            entra: f.entra_device.text().and_then(|t| fold::object(&t)),
            object: None,
            azure: f.azure_device.text(),
        }
    }
}

/// An account from its columns: object id, UPN, name, SID, domain, display name.
fn actor(columns: [Json<'_>; 6]) -> Actor<'_> {
    let [object, upn, name, sid, domain, display] = columns;
    Actor {
        id: object.text().and_then(|t| fold::object(&t)),
        name: upn.text().or_else(|| name.text()),
        display: display.text(),
        sid: sid.text(),
        domain: domain.text(),
    }
}

/// True where the columns named nobody.
pub(super) fn nobody(actor: &Actor<'_>) -> bool {
    actor.id.is_none() && actor.name.is_none() && actor.sid.is_none()
}
