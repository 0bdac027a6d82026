//! Defender for Endpoint's tables: the inventory and the telemetry of devices. Who acted stands in other columns per table.

use super::super::Record;
use super::hunting::{Row, nobody};
use crate::context::Context;
use caponier_model::{Body, Event, Reject};

/// `DeviceInfo`: a snapshot of a device; its ids belong together.
pub(super) fn info<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { address: row.public_ip(), ..row.event(row.inventory()) })
}

/// `DeviceLogonEvents`: who logged on, from where.
pub(super) fn logon<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.account(), address: row.remote_ip(), outcome: row.outcome(), ..row.event(Body::Plain) })
}

/// `DeviceProcessEvents`: the account of the new process.
pub(super) fn process<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.account(), ..row.event(Body::Plain) })
}

/// `DeviceNetworkEvents`: who opened a connection.
pub(super) fn network<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.initiator(), address: row.caller_ip(), ..row.event(Body::Plain) })
}

/// `DeviceFileEvents`: the remote account on a share, else the process's.
pub(super) fn file<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    let requester = row.requester();
    let actor = if nobody(&requester) { row.initiator() } else { requester };
    Ok(Event { actor, address: row.request_ip(), ..row.event(Body::Plain) })
}

/// `DeviceRegistryEvents`, `DeviceImageLoadEvents`: the process's account.
pub(super) fn initiated<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.initiator(), ..row.event(Body::Plain) })
}

/// `DeviceEvents`: the account it concerns, else the process's.
pub(super) fn event<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    let account = row.account();
    let actor = if nobody(&account) { row.initiator() } else { account };
    Ok(Event { actor, address: row.session_ip(), ..row.event(Body::Plain) })
}

/// Tables that name a device and nobody.
pub(super) fn bare<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(row.event(Body::Plain))
}
