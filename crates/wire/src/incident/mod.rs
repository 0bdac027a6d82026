//! Incidents out: one shape a file, each written for an audience. The only place where a text is rendered.
//!
//! A value that another tenant owns is replaced by [`MASK`] unless the policy of the two tenants is `merge`, and the
//! JSON Pointer of every such place is listed in `masked`, so that a reader knows what was withheld. This module must
//! not know how incidents come about, nor where the bytes go.

mod final_form;
mod lens;
mod native;

#[cfg(test)]
mod tests;

pub use final_form::{digest, final_form};
pub use lens::MASK;

use caponier_model::{Audience, Incident, Policy, Tenants};

/// The native shape's version: the first number changes when a reader must.
pub const SCHEMA_VERSION: &str = "1.0";

/// One incident in the native shape (design 6, `schemas/incident/schema.json`), one JSON object without a line end.
///
/// Keys stand in the schema's order and are always present; what is absent is `null`. The same incident, audience,
/// tenants and policy give the same bytes.
pub fn encode(incident: &Incident, audience: Audience, tenants: &Tenants, policy: &Policy) -> Vec<u8> {
    native::encode(incident, audience, tenants, policy)
}

/// Writes a value that cannot fail to serialise: only maps with string keys, no floats beyond range, no I/O.
fn to_bytes<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
