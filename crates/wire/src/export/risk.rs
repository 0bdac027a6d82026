//! Identity Protection: detections on users and workload identities as sightings, risk states as quiet facts.

use super::{Record, diagnostic_or_row, given, guid, techniques};
use crate::context::Context;
use crate::entity::{AccountWords, Named};
use crate::json::{Json, fields};
use caponier_model::{
    Actor, Body, EntityKind, EntityRole, Event, FindingKey, Reject, Severity, Sighting, SightingKind, SourceRank, Text,
};
use compact_str::{CompactString, ToCompactString};

fields! {
    /// What a detection says.
    struct Detection {
        envelope_time: "time" | "TimeGenerated" | "TimeGenerated [UTC]",
        tenant_id: "tenantId",
        resource_id: "resourceId",
        aad_tenant: "AADTenantId" | "properties/tenantId",
        operation: "operationName",
        caller: "callerIpAddress",
        properties: "properties",
        id: "properties/id" | "id",
        request: "properties/requestId" | "requestId",
        kind: "properties/riskEventType" | "riskEventType",
        broad_kind: "properties/riskType" | "riskType",
        state: "properties/riskState" | "riskState",
        level: "properties/riskLevel" | "riskLevel",
        address: "properties/ipAddress" | "ipAddress",
        activity: "properties/activityDateTime" | "activityDateTime" | "ActivityDateTime [UTC]",
        detected: "properties/detectedDateTime" | "detectedDateTime" | "DetectedDateTime [UTC]",
        updated: "properties/lastUpdatedDateTime" | "lastUpdatedDateTime" | "LastUpdatedDateTime [UTC]",
        user_id: "properties/userId" | "userId",
        upn: "properties/userPrincipalName" | "userPrincipalName",
        display: "properties/userDisplayName" | "userDisplayName",
        principal_id: "properties/servicePrincipalId" | "servicePrincipalId",
        principal_name: "properties/servicePrincipalDisplayName" | "servicePrincipalDisplayName",
        app: "properties/appId" | "appId",
        info: "properties/additionalInfo" | "additionalInfo" | "AdditionalInfo_string" | "AdditionalInfo_dynamic",
        technique: "properties/mitreTechniqueId" | "mitreTechniqueId",
    }
}

/// What the detector's word says about the attacker's aim.
const TACTICS: [(&str, &str); 22] = [
    ("adminConfirmedUserCompromised", "InitialAccess"),
    ("anomalousToken", "CredentialAccess"),
    ("anonymizedIPAddress", "InitialAccess"),
    ("attackerinTheMiddle", "CredentialAccess"),
    ("attemptedPrtAccess", "CredentialAccess"),
    ("impossibleTravel", "InitialAccess"),
    ("leakedCredentials", "CredentialAccess"),
    ("maliciousIPAddress", "InitialAccess"),
    ("mcasFinSuspiciousFileAccess", "Collection"),
    ("mcasImpossibleTravel", "InitialAccess"),
    ("mcasSuspiciousInboxManipulationRules", "Collection"),
    ("nationStateIP", "InitialAccess"),
    ("newCountry", "InitialAccess"),
    ("passwordSpray", "CredentialAccess"),
    ("riskyIPAddress", "InitialAccess"),
    ("suspiciousAPITraffic", "Discovery"),
    ("suspiciousBrowser", "InitialAccess"),
    ("suspiciousInboxForwarding", "Collection"),
    ("suspiciousSignins", "InitialAccess"),
    ("tokenIssuerAnomaly", "CredentialAccess"),
    ("unfamiliarFeatures", "InitialAccess"),
    ("unlikelyTravel", "InitialAccess"),
];

/// Reads a detection on a user or a workload identity.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Detection::read(record)?;
    let owner = record.owner(context, diagnostic_or_row(f.properties, f.tenant_id, f.resource_id, f.aad_tenant))?;
    let first_of = |times: &[Json<'a>]| times.iter().copied().find(|t| !t.is_absent()).unwrap_or_default();
    let time = record.time("activityDateTime", first_of(&[f.activity, f.detected, f.envelope_time]))?;
    let id = record.need("id", f.id.text())?;
    let kind = f.kind.text().or_else(|| f.broad_kind.text());
    let seen = |value: Json<'_>| value.text().and_then(|t| crate::time::parse_time(&t));
    let state = f.state.text().unwrap_or_default();
    let is = |word: &str| state.eq_ignore_ascii_case(word);
    let content = record.content(owner, f.properties);
    let found = found_techniques(&f);
    let detector = kind.as_deref().unwrap_or("generic");
    let sighting = Sighting {
        key: FindingKey { tenant: owner, product: "idp".into(), id: id.to_compact_string() },
        kind: SightingKind::Risk,
        format: record.format,
        id: id.to_compact_string(),
        url: None,
        rank: rank(record.format),
        version: seen(f.updated).or_else(|| seen(f.detected)).unwrap_or(time),
        content,
        title: Text::plain("Identity Protection: {risk}").with("risk", detector, None, Some(owner)),
        severity: f.level.text().map_or(Severity::Unknown, |l| Severity::read(&l)),
        closed: is("remediated") || is("dismissed") || is("confirmedSafe"),
        verdict: if is("confirmedCompromised") { Some(true) } else { is("confirmedSafe").then_some(false) },
        first: time,
        last: time,
        ingested: seen(f.envelope_time),
        entities: entities(&f, owner),
        tactics: TACTICS.iter().filter(|(k, _)| detector.eq_ignore_ascii_case(k)).map(|(_, t)| (*t).into()).collect(),
        techniques: found.clone(),
        source_incident: None,
        detector: kind.as_deref().map(CompactString::from),
    };
    Ok(Event {
        id: Some(id),
        operation: f.operation.text().or(kind),
        actor: Actor {
            id: guid(f.user_id).or_else(|| guid(f.principal_id)),
            name: f.upn.text(),
            display: f.display.text().or_else(|| f.principal_name.text()),
            ..Actor::default()
        },
        address: given(f.address.text().or_else(|| f.caller.text())),
        severity: sighting.severity,
        techniques: found,
        content,
        ..record.event(owner, time, f.properties, Body::Sighting(Box::new(sighting.canonical())))
    })
}

fn rank(format: &str) -> SourceRank {
    if format.ends_with("_graph") {
        SourceRank::GRAPH
    } else if format.ends_with("_la") {
        SourceRank::SENTINEL
    } else {
        SourceRank::STREAM
    }
}

fn entities(f: &Detection<'_>, owner: caponier_model::TenantId) -> Vec<caponier_model::Entity> {
    let mut named = Named::new(owner);
    let text = |value: Json<'_>| value.text().unwrap_or_default().into_owned();
    named.object(EntityRole::Impacted);
    named.account(AccountWords { object: &text(f.user_id), upn: &text(f.upn), ..AccountWords::default() });
    named.object(EntityRole::Impacted);
    named.put(EntityKind::ServicePrincipal, guid(f.principal_id).map(|g| g.to_compact_string()));
    named.put(EntityKind::Application, guid(f.app).map(|g| g.to_compact_string()));
    named.object(EntityRole::Related);
    named.address(&text(f.address));
    named.object(EntityRole::Related);
    named.put(EntityKind::SignInRequest, f.request.text().map(|r| r.to_ascii_lowercase().into()));
    named.into_list()
}

/// `additionalInfo` is a list of keys and values, as text or in place: one of them names techniques.
fn found_techniques(f: &Detection<'_>) -> Vec<CompactString> {
    let mut words = f.technique.text().unwrap_or_default().into_owned();
    if let Some(info) = f.info.dynamic() {
        for item in info.json().items() {
            if item.get("Key").text().is_some_and(|k| k.eq_ignore_ascii_case("mitreTechniques")) {
                words.push(',');
                let value = item.get("Value");
                words.push_str(&value.text().unwrap_or_else(|| value.raw().into()));
            }
        }
    }
    techniques(&words)
}

fields! {
    /// What the risk state of a user or a workload identity says.
    struct State {
        envelope_time: "time" | "TimeGenerated" | "TimeGenerated [UTC]",
        tenant_id: "tenantId",
        resource_id: "resourceId",
        aad_tenant: "AADTenantId" | "properties/tenantId",
        operation: "operationName",
        properties: "properties",
        id: "properties/id" | "id",
        level: "properties/riskLevel" | "riskLevel",
        updated: "properties/riskLastUpdatedDateTime" | "riskLastUpdatedDateTime" | "RiskLastUpdatedDateTime [UTC]",
        upn: "properties/userPrincipalName" | "userPrincipalName",
        display: "properties/userDisplayName" | "userDisplayName" | "properties/displayName" | "displayName",
    }
}

/// Reads the risk state of a user or a workload identity: a fact to look up, not a finding.
pub(super) fn decode_state<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = State::read(record)?;
    let owner = record.owner(context, diagnostic_or_row(f.properties, f.tenant_id, f.resource_id, f.aad_tenant))?;
    let time =
        record.time("riskLastUpdatedDateTime", if f.updated.is_absent() { f.envelope_time } else { f.updated })?;
    Ok(Event {
        id: f.id.text(),
        operation: f.operation.text(),
        actor: Actor { id: guid(f.id), name: f.upn.text(), display: f.display.text(), ..Actor::default() },
        severity: f.level.text().map_or(Severity::Unknown, |l| Severity::read(&l)),
        ..record.event(owner, time, f.properties, Body::Plain)
    })
}
