//! Raw records inside what a shipper or a collector put around them. Knows the places, not the formats inside.
//!
//! Captures often come by way of Elastic Agent, Filebeat, Logstash, Panther or Sekoia, which keep the record they took as
//! text or as an object below a key of their own. It is opened only where the document itself could not be read, and
//! only where what lies inside is a known format: a real record that happens to have a `message` is left alone.
//!
//! What a vendor's pipeline *made* of a record is never read: those fields are its opinion, renamed and enriched, and
//! reading both would be the same evidence twice. Where such a document still holds the record it was made from
//! (`event.original`), that one is read and nothing else; beside the same capture in the clear it is an exact copy by its
//! content and is counted `duplicate`. A test vector's `expected` is no place in the table, so it stays unread.

use super::{Context, route};
use crate::json::Json;
use std::borrow::Cow;

/// Where a raw record may lie, the most faithful copy first; `/` separates levels, keys in any case.
const PLACES: &[&str] = &[
    // Elastic Agent and Filebeat with `preserve_original_event`: verbatim.
    "event/original",
    // Filebeat, Logstash, Fluent Bit, Event Hubs relays.
    "message",
    // Elastic's Office 365 input, decoded by the input itself.
    "o365audit",
    // Sekoia's intake and its test vectors.
    "input/message",
    // Panther.
    "log",
    // Collections of documentation examples.
    "example",
];

/// The payload inside a document that is itself no record of any known format: to be split by [`crate::records`].
///
/// Borrowed where it stands as an object, owned where it was text. `None` where nothing inside is a known format.
pub fn carried<'a>(context: &Context<'_>, document: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let document = Json::new(simdutf8::basic::from_utf8(document).ok()?);
    PLACES.iter().find_map(|place| {
        let found = place.split('/').fold(document, Json::get);
        let payload = if found.is_object() {
            Cow::Borrowed(found.raw().as_bytes())
        } else if found.is_string() {
            Cow::Owned(found.text()?.into_owned().into_bytes())
        } else {
            return None;
        };
        let first = crate::records::records(&payload, &context.limits).next()?.ok()?;
        let text = simdutf8::basic::from_utf8(&first.bytes).ok()?;
        route::route(text, context).is_ok().then(|| payload.clone())
    })
}

/// Where a record that was read holds whole records of other formats: an incident exported with `$expand=alerts` may be the
/// only place where its alerts are.
const ENCLOSED: &[(&str, &str)] = &[("GraphIncident", "alerts"), ("XdrIncident", "alerts")];

/// The records that a record of `format` encloses, each by itself; those of no known format are left to their encloser,
/// which has read what it needs of them.
pub fn enclosed<'a>(context: &Context<'_>, format: &str, record: &'a [u8]) -> Vec<&'a [u8]> {
    let Some((_, key)) = ENCLOSED.iter().find(|(name, _)| *name == format) else { return Vec::new() };
    let Ok(text) = simdutf8::basic::from_utf8(record) else { return Vec::new() };
    let found = Json::new(text).get(key);
    let one = Some(found).filter(|found| found.is_object());
    let unhinted = Context { table: None, odata: None, ..*context };
    let known = |inner: &Json<'_>| inner.is_object() && route::route(inner.raw(), &unhinted).is_ok();
    one.into_iter().chain(found.items()).filter(known).map(|inner| inner.raw().as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Route, exports};
    use caponier_model::Tenants;

    fn inside(document: &str) -> Option<String> {
        let tenants = Tenants::default();
        let found = carried(&Context::discovering(&tenants), document.as_bytes())?;
        Some(String::from_utf8(found.into_owned()).unwrap())
    }

    #[test]
    fn a_known_record_is_found_in_every_place_and_an_unknown_one_in_none() {
        let category = exports().flat_map(|e| e.routes).find_map(|r| match r {
            Route::Category(category) => Some(*category),
            _ => None,
        });
        let record = format!(r#"{{"time":"2026-07-18T14:04:13Z","category":"{}"}}"#, category.unwrap());
        for place in PLACES {
            for inner in [record.clone(), serde_json::to_string(&record).unwrap()] {
                let document = place.rsplit('/').fold(inner, |inner, key| format!(r#"{{"x":1,"{key}":{inner}}}"#));
                assert_eq!(inside(&document).as_deref(), Some(record.as_str()), "{document}");
            }
        }
        let batch = format!(r#"{{"records":[{record}]}}"#);
        assert_eq!(inside(&format!(r#"{{"message":{}}}"#, serde_json::to_string(&batch).unwrap())), Some(batch));
        for document in [
            r#"{"message":"plain words"}"#.to_owned(),
            r#"{"message":"{\"cut"}"#.to_owned(),
            r#"{"log":{"level":"info"}}"#.to_owned(),
            format!(r#"{{"expected":[{{"event":{{"original":{}}}}}]}}"#, serde_json::to_string(&record).unwrap()),
            "[1]".to_owned(),
            String::new(),
        ] {
            assert_eq!(inside(&document), None, "{document}");
        }
    }

    #[test]
    fn an_incident_yields_the_alerts_it_encloses() {
        let tenants = Tenants::default();
        let context = Context { table: Some("incidents"), ..Context::discovering(&tenants) };
        let alert = r##"{"@odata.type":"#microsoft.graph.security.alert","id":"da1"}"##;
        let incident = |alerts: &str| format!(r#"{{"id":"7","alerts":{alerts}}}"#);
        for (format, alerts, want) in [
            ("GraphIncident", format!("[{alert},{{\"x\":1}},7,{alert}]"), 2),
            ("GraphIncident", alert.to_owned(), 1),
            ("GraphIncident", "null".to_owned(), 0),
            ("GraphAlert", format!("[{alert}]"), 0),
        ] {
            let found = enclosed(&context, format, incident(&alerts).as_bytes()).len();
            assert_eq!(found, want, "{format} {alerts}");
        }
    }
}
