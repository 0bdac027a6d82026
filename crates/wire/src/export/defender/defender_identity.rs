//! Defender for Identity's tables: logons, directory changes and queries.

use super::super::Record;
use super::hunting::Row;
use crate::context::Context;
use caponier_model::{Body, Event, Reject};

/// `IdentityLogonEvents`: who logged on, from where, and whether it worked.
pub(super) fn logon<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.account(), address: row.ip(), outcome: row.outcome(), ..row.event(Body::Plain) })
}

/// `IdentityDirectoryEvents`, `IdentityQueryEvents`: who changed or asked what.
pub(super) fn directory<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.account(), address: row.ip(), ..row.event(Body::Plain) })
}
