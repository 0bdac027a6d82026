//! Defender for Cloud Apps' and for Office 365's tables: activities in apps, behaviours, mails, messages and clicks.

use super::super::Record;
use super::hunting::Row;
use crate::context::Context;
use caponier_model::{Body, Event, Reject};

/// `CloudAppEvents` and its younger siblings: who did what in an app.
pub(super) fn app<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.account(), address: row.ip(), ..row.event(Body::Plain) })
}

/// `BehaviorInfo`, `BehaviorEntities`: a behaviour is no alert yet; kept for hunts.
pub(super) fn behavior<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.account(), address: row.remote_ip(), ..row.event(Body::Plain) })
}

/// Mails and Teams messages: the sender acted.
pub(super) fn email<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.sender(), address: row.sender_ip(), ..row.event(Body::Plain) })
}

/// `UrlClickEvents`: who clicked, from where.
pub(super) fn click<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let row = Row::read(record, context)?;
    Ok(Event { actor: row.account(), address: row.ip(), ..row.event(Body::Plain) })
}
