//! What every road of an alert has in common: its key, its words, its times. The roads differ only in where these stand.
//!
//! Must not know any road's columns.

use super::super::Record;
use crate::entity::Named;
use crate::json::Json;
use crate::product;
use crate::time::parse_time;
use caponier_model::{
    Body, Event, EventTime, FindingKey, Reject, Severity, Sighting, SightingKind, SourceIncidentKey, SourceRank,
    TenantId, Text,
};
use compact_str::{CompactString, ToCompactString};
use std::borrow::Cow;

/// An alert as a road tells it, before it is a sighting.
pub(super) struct Alert<'t> {
    /// Whose evidence it is.
    pub tenant: TenantId,
    /// Spellings of the product; the first that says anything decides.
    pub products: &'t [&'t str],
    /// The product's own id, with Defender's prefix or without.
    pub own_id: &'t str,
    /// The id as this transport names it.
    pub id: &'t str,
    /// Alert or evidence.
    pub kind: SightingKind,
    /// Rank of the road.
    pub rank: SourceRank,
    /// First activity.
    pub first: EventTime,
    /// Last activity.
    pub last: EventTime,
    /// The source's last update, else the row's time.
    pub version: EventTime,
    /// Title in the source's words.
    pub title: &'t str,
    /// Severity in the source's word.
    pub severity: &'t str,
    /// Status in the source's word.
    pub status: &'t str,
    /// Classification in the source's word.
    pub classification: &'t str,
    /// Tactics: words, lists, JSON text.
    pub tactics: &'t [&'t str],
    /// Techniques: words, lists, JSON text.
    pub techniques: &'t [&'t str],
    /// What it names.
    pub named: Named,
    /// Defender's incident number, where the alert says it.
    pub incident: Option<Cow<'t, str>>,
    /// Portal link.
    pub url: Option<Cow<'t, str>>,
    /// Detector or rule.
    pub detector: Option<Cow<'t, str>>,
    /// When the source handed it over.
    pub ingested: Option<EventTime>,
}

impl<'t> Alert<'t> {
    /// An alert with everything optional left out.
    pub(super) fn new(tenant: TenantId, id: &'t str, first: EventTime, rank: SourceRank) -> Self {
        Self {
            tenant,
            products: &[],
            own_id: id,
            id,
            kind: SightingKind::Alert,
            rank,
            first,
            last: first,
            version: first,
            title: "",
            severity: "",
            status: "",
            classification: "",
            tactics: &[],
            techniques: &[],
            named: Named::new(tenant),
            incident: None,
            url: None,
            detector: None,
            ingested: None,
        }
    }

    /// The event of this alert; `content` is what is hashed for its content.
    pub(super) fn event<'a>(self, record: &Record<'a>, content: Json<'a>) -> Event<'a> {
        let tenant = self.tenant;
        let techniques = product::techniques(self.techniques);
        let severity = Severity::read(self.severity.trim());
        let id: CompactString = self.id.to_compact_string();
        let sighting = Sighting {
            key: FindingKey { tenant, product: product::product(self.products), id: product::own_id(self.own_id) },
            kind: self.kind,
            format: record.format,
            id: id.clone(),
            url: owned(self.url),
            rank: self.rank,
            version: self.version,
            content: record.content(tenant, content),
            title: Text::quoted(self.title, tenant),
            severity,
            closed: product::closed(self.status),
            verdict: product::verdict(self.classification),
            first: self.first,
            last: self.last,
            ingested: self.ingested,
            entities: self.named.into_list(),
            tactics: product::tactics(self.tactics),
            techniques: techniques.clone(),
            source_incident: self.incident.filter(|i| real_incident(i)).map(|i| xdr_incident(tenant, &i)),
            detector: owned(self.detector),
        };
        let first = sighting.first;
        let body = Body::Sighting(Box::new(sighting.canonical()));
        let shared = record.event(tenant, first, content, body);
        Event { id: Some(Cow::Owned(id.to_string())), severity, techniques, ..shared }
    }
}

/// The key of an incident by Defender's number.
pub(super) fn xdr_incident(tenant: TenantId, id: &str) -> SourceIncidentKey {
    SourceIncidentKey { tenant, provider: CompactString::const_new("xdr"), id: id.trim().to_compact_string() }
}

/// `0` and `-1` stand where an alert has no incident yet.
fn real_incident(id: &str) -> bool {
    let id = id.trim();
    !id.is_empty() && id != "0" && !id.starts_with('-')
}

fn owned(text: Option<Cow<'_, str>>) -> Option<CompactString> {
    text.map(|t| t.to_compact_string())
}

/// Text of a field; empty where nothing is said.
pub(super) fn word(value: Json<'_>) -> Cow<'_, str> {
    value.text().unwrap_or_default()
}

/// The raw text of a list column: an array in place, or the text that holds it; empty where nothing is said.
pub(super) fn list(value: Json<'_>) -> Cow<'_, str> {
    if value.is_array() { Cow::Borrowed(value.raw()) } else { word(value) }
}

/// The words of a list column, in place or as text inside text.
pub(super) fn words(value: Json<'_>) -> Vec<CompactString> {
    let Some(dynamic) = value.dynamic() else { return Vec::new() };
    dynamic.json().items().filter_map(|i| i.text().map(|t| t.to_compact_string())).collect()
}

/// A time beside the event's own; none where nothing readable is there. An alert is not lost for a side date: .NET's empty
/// date (`0001-01-01`) stands in many columns of alerts that go on.
pub(super) fn maybe_time(value: Json<'_>) -> Option<EventTime> {
    if is_said(value) { parse_time(&value.text()?) } else { None }
}

/// The first of the times that is there.
///
/// # Errors
/// `MissingField` where none is, `BadTime` where the first that is there cannot be read.
pub(super) fn first_time(record: &Record<'_>, times: &[(&str, Json<'_>)]) -> Result<EventTime, Reject> {
    let names = times.first().map_or("time", |(name, _)| *name);
    let (name, value) = times.iter().find(|(_, v)| is_said(*v)).copied().unwrap_or((names, Json::ABSENT));
    record.time(name, value)
}

/// Does the field say a time, be it unreadable? .NET's empty date says none.
fn is_said(time: Json<'_>) -> bool {
    time.text()
        .is_some_and(|t| !["0001-01-01", "1/1/0001", "01/01/0001"].iter().any(|empty| t.trim().starts_with(empty)))
}

/// The tenant that a portal link names (`…?tid=<GUID>`).
pub(super) fn tenant_of_link(link: &str) -> Option<TenantId> {
    let at = link.find("tid=")?;
    TenantId::parse(link.get(at + 4..at + 40)?)
}
