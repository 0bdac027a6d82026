//! The table of formats: which export a record is, and who reads it. One row per format, one file per kind.
//!
//! # How to add a format
//!
//! 1. Write `export/<kind>.rs`. Name what you read with `fields!`, one line per fact with every path it may stand at
//!    (keys are compared without regard to case, `/` separates levels, the first value that says something wins):
//!
//!    ```ignore
//!    fields! {
//!        /// What an alert row says.
//!        struct Fields {
//!            time: "properties/createdDateTime" | "CreatedDateTime",
//!            properties: "properties",
//!            tenant: "tenantId",
//!        }
//!    }
//!    pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
//!        let fields = Fields::read(record)?;
//!        let owner = record.owner(context, Claims { tenant: record.entra(fields.tenant), ..Claims::default() })?;
//!        let time = record.time("createdDateTime", fields.time)?;
//!        Ok(Event { id: fields.id.text(), ..record.event(owner, time, fields.properties, Body::Plain) })
//!    }
//!    ```
//!
//! 2. Add one row per envelope to your table of rows (`entra::ROWS`, `defender::ROWS`), with its routes:
//!    [`Route::Category`] for records in an envelope (`category` beside `time` or `properties`), [`Route::Table`] for
//!    flat rows (`Type`, or the table hint of a file or folder), [`Route::Odata`] for `@odata.type` or the end of
//!    `@odata.context`, and [`Route::Keys`] for a set of root keys that no other format has (the last resort; the first
//!    key is the anchor and should be the rarest).
//! 3. Add `schemas/exports/<name>/schema.json` and `examples/*.json`; a test loops over rows and examples.

mod activity;
mod audit;
mod carrier;
mod defender;
mod directory;
mod entra;
mod platform;
mod provisioning;
mod risk;
mod route;
mod sign_in;

pub use carrier::{carried, enclosed};

use crate::context::{Basis, Claims, Context};
use crate::json::{Dynamic, Json, Plan};
use crate::records::reject;
use caponier_model::{Actor, Body, DeviceRef, Event, EventTime, Guid, Reject, RejectReason, Severity, TenantId};
use compact_str::{CompactString, format_compact};
use std::borrow::Cow;
use std::cell::Cell;

/// A decoder of one format.
pub type Decode = for<'a> fn(&Record<'a>, &Context<'_>) -> Result<Event<'a>, Reject>;

/// One way to recognise a format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// The `category` of a record in a diagnostic or streaming envelope.
    Category(&'static str),
    /// The `Type` of a flat row, or the hint that a file or folder name gives.
    Table(&'static str),
    /// The `@odata.type` of an object, or what follows `$metadata#` in an `@odata.context`.
    Odata(&'static str),
    /// Root keys that must all be there, the rarest first.
    Keys(&'static [&'static str]),
}

/// One row of the format table.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// The format's name: in events, counters, and under `schemas/exports/`.
    pub name: &'static str,
    /// The family that the corpus table counts by.
    pub family: &'static str,
    /// How it is recognised.
    pub routes: &'static [Route],
    /// Who reads it.
    pub decode: Decode,
}

impl Export {
    const fn new(name: &'static str, family: &'static str, routes: &'static [Route], decode: Decode) -> Self {
        Self { name, family, routes, decode }
    }
}

/// Every format, one table per owner.
pub const EXPORTS: &[&[Export]] = &[entra::ROWS, defender::ROWS];

/// Every row of the format table.
pub fn exports() -> impl Iterator<Item = &'static Export> {
    EXPORTS.iter().copied().flatten()
}

/// The formats that the records of a table, or of a category of diagnostics, are read as, whatever the case of its name.
pub fn formats_of(table: &str) -> impl Iterator<Item = &'static str> {
    let named = move |route: &Route| match route {
        Route::Category(name) | Route::Table(name) => name.eq_ignore_ascii_case(table),
        _ => false,
    };
    exports().filter(move |export| export.routes.iter().any(named)).map(|export| export.name)
}

/// A decoded record, and on what ground it was given to its tenant.
#[derive(Clone, PartialEq, Debug)]
pub struct Decoded<'a> {
    /// The event.
    pub event: Event<'a>,
    /// Why the event's tenant is its tenant.
    pub basis: Basis,
    /// What the record says about its owner: a caller can learn which workspace is whose.
    pub claims: Claims,
}

/// Reads one record.
///
/// # Errors
/// Every record that is not understood, with the counted reason: never a panic, whatever the bytes.
pub fn decode<'a>(context: &Context<'_>, record: &'a [u8]) -> Result<Event<'a>, Reject> {
    decode_full(context, record).map(|decoded| decoded.event)
}

/// As [`decode`], with the ground of attribution.
///
/// # Errors
/// As [`decode`].
pub fn decode_full<'a>(context: &Context<'_>, record: &'a [u8]) -> Result<Decoded<'a>, Reject> {
    let text = readable(context, record)?;
    let row = route::route(text, context)?;
    run(row, context, text)
}

/// Reads arbitrary bytes as a record of the given format: what fuzz targets call.
pub fn fuzz_one(row: &'static Export, data: &[u8]) {
    let tenants = caponier_model::Tenants::default();
    let context = Context::discovering(&tenants);
    for record in crate::records::records(data, &context.limits).flatten() {
        // The outcome does not matter here: returning at all is the property.
        drop(decode(&context, &record.bytes));
        drop(carried(&context, &record.bytes));
        drop(enclosed(&context, row.name, &record.bytes));
        drop(readable(&context, &record.bytes).and_then(|text| run(row, &context, text)));
    }
    drop(readable(&context, data).and_then(|text| run(row, &context, text)));
}

fn readable<'a>(context: &Context<'_>, record: &'a [u8]) -> Result<&'a str, Reject> {
    if record.len() > context.limits.record_bytes {
        let detail =
            format_compact!("{} bytes, more than record_bytes = {}", record.len(), context.limits.record_bytes);
        return Err(Reject::new(RejectReason::TooLarge, detail));
    }
    simdutf8::basic::from_utf8(record).map_err(|_| {
        let at = std::str::from_utf8(record).map_or_else(|e| e.valid_up_to(), str::len);
        Reject::new(RejectReason::InvalidUtf8, format_compact!("not utf-8 at byte {at}"))
    })
}

fn run<'a>(row: &'static Export, context: &Context<'_>, text: &'a str) -> Result<Decoded<'a>, Reject> {
    let record = Record::new(text, row, context.limits.depth);
    let named = |mut reject: Reject| {
        reject.format = Some(row.name);
        reject
    };
    let event = (row.decode)(&record, context).map_err(named)?;
    let latest = latest(&event);
    if let Some(limit) = context.not_after.filter(|limit| latest > *limit) {
        let detail = format_compact!("{latest} is after {limit}");
        return Err(named(Reject::new(RejectReason::FutureTime, detail)));
    }
    Ok(Decoded { event, basis: record.basis.get(), claims: record.claims.get() })
}

/// The latest instant that an event says something happened at: an end in the future would hold its incident open.
fn latest(event: &Event<'_>) -> EventTime {
    match &event.body {
        Body::Sighting(sighting) => event.time.max(sighting.last),
        Body::Incident(incident) => event.time.max(incident.last),
        _ => event.time,
    }
}

/// A record on its way to an event: its text, its row, and what was found out about its owner.
#[derive(Debug)]
pub struct Record<'a> {
    /// The whole record.
    pub text: &'a str,
    /// The name of its row.
    pub format: &'static str,
    depth: u32,
    basis: Cell<Basis>,
    claims: Cell<Claims>,
}

impl<'a> Record<'a> {
    fn new(text: &'a str, row: &'static Export, depth: u32) -> Self {
        Self { text, format: row.name, depth, basis: Cell::default(), claims: Cell::default() }
    }

    /// The record as one value.
    pub fn json(&self) -> Json<'a> {
        Json::new(self.text)
    }

    pub(crate) fn extract(&self, plan: &Plan, slots: &mut [Json<'a>]) -> Result<(), Reject> {
        plan.extract(self.text, self.depth, slots).map_err(reject)
    }

    /// Whose record it is; remembers the ground for [`Decoded`].
    ///
    /// # Errors
    /// As [`Context::attribute`].
    pub fn owner(&self, context: &Context<'_>, claims: Claims) -> Result<TenantId, Reject> {
        self.claims.set(claims);
        let (tenant, basis) = context.attribute(&claims)?;
        self.basis.set(basis);
        Ok(tenant)
    }

    /// The event time in the field called `name`.
    ///
    /// # Errors
    /// `MissingField` where nothing is there, `BadTime` where no known form reads it.
    pub fn time(&self, name: &str, value: Json<'_>) -> Result<EventTime, Reject> {
        let Some(text) = value.text() else {
            return Err(Reject::new(RejectReason::MissingField, format_compact!("no {name}")));
        };
        crate::time::parse_time(&text)
            .ok_or_else(|| Reject::new(RejectReason::BadTime, format_compact!("{name} is {:.60}", text)))
    }

    /// A stable hash of `content` (the properties, or the row), mixed with format and tenant.
    pub fn content(&self, tenant: TenantId, content: Json<'_>) -> u128 {
        let text = if content.is_absent() { self.text } else { content.raw() };
        let format = xxhash_rust::xxh3::xxh3_64(self.format.as_bytes());
        xxhash_rust::xxh3::xxh3_128(text.as_bytes())
            ^ tenant.0.as_u128().rotate_left(29)
            ^ u128::from(format).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    /// An event with the shared facts left empty: `Event { id, ..record.event(owner, time, properties, body) }`.
    pub fn event(&self, tenant: TenantId, time: EventTime, content: Json<'_>, body: Body<'a>) -> Event<'a> {
        Event {
            format: self.format,
            tenant,
            time,
            id: None,
            operation: None,
            actor: Actor::default(),
            address: None,
            device: DeviceRef::default(),
            outcome: None,
            severity: Severity::Unknown,
            techniques: Vec::new(),
            content: self.content(tenant, content),
            body,
        }
    }

    /// The value of a required field.
    ///
    /// # Errors
    /// `MissingField` where nothing is there.
    pub fn need<T>(&self, name: &str, value: Option<T>) -> Result<T, Reject> {
        value.ok_or_else(|| Reject::new(RejectReason::MissingField, format_compact!("no {name}")))
    }
}

/// A GUID in a field, the all-zero one left out.
pub(crate) fn guid(value: Json<'_>) -> Option<Guid> {
    // The usual spelling is found without looking for escapes.
    let usual = value.raw().get(1..37).filter(|_| value.raw().len() == 38).and_then(Guid::parse);
    usual.or_else(|| Guid::parse(&value.text()?)).filter(|g| *g != Guid::ZERO)
}

/// A tenant in a field.
pub(crate) fn tenant(value: Json<'_>) -> Option<TenantId> {
    guid(value).map(TenantId)
}

/// The GUID after `/<segment>/` in a path (`/tenants/…`, `/subscriptions/…`), in any case.
pub(crate) fn segment(value: Json<'_>, segment: &str) -> Option<Guid> {
    let text = value.text()?;
    let mut parts = text.split('/');
    parts.find(|part| part.eq_ignore_ascii_case(segment))?;
    Guid::parse(parts.next()?).filter(|g| *g != Guid::ZERO)
}

/// The Entra tenant of a diagnostic envelope: `tenantId`, else the one inside `resourceId`.
pub(crate) fn envelope_tenant(tenant_id: Json<'_>, resource_id: Json<'_>) -> Option<TenantId> {
    tenant(tenant_id).or_else(|| resource_tenant(resource_id))
}

/// The tenant inside a `resourceId` of the directory (`/tenants/<GUID>/providers/…`); Azure's resources name none.
pub(crate) fn resource_tenant(resource_id: Json<'_>) -> Option<TenantId> {
    segment(resource_id, "tenants").map(TenantId)
}

/// The claims of a record that is either in a diagnostic envelope (`tenantId` is the Entra tenant) or a Log Analytics row
/// (`TenantId` is the workspace, `AADTenantId` the tenant).
pub(crate) fn diagnostic_or_row(
    properties: Json<'_>,
    tenant_id: Json<'_>,
    resource_id: Json<'_>,
    aad_tenant: Json<'_>,
) -> Claims {
    if properties.is_object() {
        let named = envelope_tenant(tenant_id, resource_id).or_else(|| tenant(aad_tenant));
        Claims { tenant: named, second: resource_tenant(resource_id), ..Claims::default() }
    } else {
        let named = tenant(aad_tenant).or_else(|| resource_tenant(resource_id));
        Claims { tenant: named, workspace: guid(tenant_id), ..Claims::default() }
    }
}

/// An address, unless it is a placeholder (`<null>`, `null`, `-`).
pub(crate) fn given(address: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    address.filter(|a| a.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':' || c == '['))
}

/// Text that outlives what it was read from.
pub(crate) fn own<'a>(text: Option<Cow<'_, str>>) -> Option<Cow<'a, str>> {
    text.map(|t| Cow::Owned(t.into_owned()))
}

/// A key of a dynamic column, as text.
pub(crate) fn inner<'a>(column: Json<'a>, key: &str) -> Option<Cow<'a, str>> {
    match column.dynamic()? {
        Dynamic::Here(json) => json.get(key).text(),
        unpacked @ Dynamic::Unpacked(_) => own(unpacked.json().get(key).text()),
    }
}

/// ATT&CK technique ids in a text (`T1090.003,T1078`, a JSON array as text), upper case, sorted, each once.
pub(crate) fn techniques(text: &str) -> Vec<CompactString> {
    let is_id = |w: &&str| {
        let digits = w.get(1..).unwrap_or_default();
        w.starts_with(['T', 't']) && digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let mut found: Vec<CompactString> = words.filter(is_id).map(|w| w.to_ascii_uppercase().into()).collect();
    found.sort();
    found.dedup();
    found
}
