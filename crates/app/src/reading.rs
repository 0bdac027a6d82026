//! Payloads to records: what is enclosed in a record or wrapped around it is found here, and every record is either decoded or
//! refused. Keeps nothing: whoever reads says what becomes of each.

use crate::columns::Row;
use crate::config::Config;
use crate::failure::Failure;
use caponier_model::{
    DeadLetter, Entry, Event, EventTime, Journalled, Position, Reject, RejectReason, TenantId, Tenants,
};
use caponier_rules as rules;
use caponier_wire::{self as wire, Context, Decoded, RawRecord};
use std::borrow::Cow;
use std::sync::Arc;

/// Where records come from: a file or a topic.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'o> {
    /// Its name, as positions give it.
    pub name: &'o Arc<str>,
    /// Whose it is, where its place says so.
    pub tenant: Option<TenantId>,
    /// The table that its place names.
    pub table: Option<&'o str>,
}

/// What becomes of records.
pub trait Keep {
    /// One that was decoded.
    ///
    /// # Errors
    /// It cannot be kept: reading ends.
    fn decoded(&mut self, offset: u64, record: &RawRecord<'_>, decoded: &Decoded<'_>) -> Result<(), Failure>;

    /// One that was refused.
    ///
    /// # Errors
    /// It cannot be kept: reading ends.
    fn refused(&mut self, letter: DeadLetter) -> Result<(), Failure>;
}

/// Reads the payloads of one origin.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'r> {
    /// What the run is told.
    pub config: &'r Config,
    /// Where the payloads come from.
    pub origin: Origin<'r>,
    /// Later records are not believed.
    pub not_after: EventTime,
}

impl Reading<'_> {
    /// Every record of a payload.
    ///
    /// # Errors
    /// As [`Keep`] says.
    pub fn payload(&self, offset: u64, bytes: &[u8], keep: &mut impl Keep) -> Result<(), Failure> {
        for found in wire::records(bytes, &self.config.record) {
            match found {
                Ok(record) => self.record(offset, &record, true, keep)?,
                Err(broken) => self.refuse(offset, broken.index, broken.reject, broken.raw, keep)?,
            }
        }
        Ok(())
    }

    /// One record, the records it encloses, or (at the `outer` level only) those that a shipper wrapped in it.
    fn record(&self, offset: u64, record: &RawRecord<'_>, outer: bool, keep: &mut impl Keep) -> Result<(), Failure> {
        let (odata, table) = (record.odata.as_deref(), record.table.as_deref());
        let context = context(self.config, &self.config.tenants, self.origin, Some(self.not_after), odata, table);
        let reject = match wire::decode_full(&context, &record.bytes) {
            Ok(decoded) => {
                keep.decoded(offset, record, &decoded)?;
                let enclosed =
                    if outer { wire::enclosed(&context, decoded.event.format, &record.bytes) } else { Vec::new() };
                return enclosed
                    .into_iter()
                    .try_for_each(|inner| self.record(offset, &unhinted(record.index, inner.into()), false, keep));
            }
            Err(reject) => reject,
        };
        let unread = matches!(reject.reason, RejectReason::UnknownFormat | RejectReason::MissingField);
        let carried = if outer && unread { wire::carried(&context, &record.bytes) } else { None };
        let Some(payload) = carried else { return self.refuse(offset, record.index, reject, &record.bytes, keep) };
        for found in wire::records(&payload, &self.config.record) {
            match found {
                Ok(inner) => self.record(offset, &unhinted(record.index, inner.bytes), false, keep)?,
                Err(broken) => self.refuse(offset, record.index, broken.reject, broken.raw, keep)?,
            }
        }
        Ok(())
    }

    fn refuse(&self, offset: u64, index: u32, reject: Reject, raw: &[u8], keep: &mut impl Keep) -> Result<(), Failure> {
        let kept = raw.len().min(self.config.limits.kept_bytes);
        let position = Position { source: Arc::clone(self.origin.name), offset, index };
        keep.refused(DeadLetter { position, reject, raw: raw[..kept].to_vec(), truncated: kept < raw.len() })
    }
}

/// A record taken out of another: what its file's name says about the outer one does not hold for it.
fn unhinted(index: u32, bytes: Cow<'_, [u8]>) -> RawRecord<'_> {
    RawRecord { index, bytes, odata: None, table: Some(Cow::Borrowed("-")) }
}

/// What is known of a record before it is read.
pub fn context<'x>(
    config: &'x Config,
    tenants: &'x Tenants,
    origin: Origin<'x>,
    not_after: Option<EventTime>,
    odata: Option<&'x str>,
    table: Option<&'x str>,
) -> Context<'x> {
    Context {
        tenants,
        folder: origin.tenant,
        table: table.or(origin.table),
        odata,
        discover: !config.configured,
        shared: false,
        not_after,
        limits: config.record,
    }
}

/// What rules find in one event, as entries of the journal: what a rule in Rust says, then the signals of base rules.
pub fn found(config: &Config, event: &Event<'_>, record: &[u8], position: &Position, out: &mut Vec<Journalled>) {
    let journalled = |entry| Journalled { at: event.time, position: Some(position.clone()), entry };
    let mut found = Vec::new();
    rules::apply(event, &mut found);
    out.extend(found.into_iter().map(|s| journalled(Entry::Sighting(Box::new(s)))));
    let mut signals = Vec::new();
    config.rules.signals(event, &Row::of(record, event), &mut signals);
    out.extend(signals.into_iter().map(|s| journalled(Entry::Signal(Box::new(s)))));
}
