//! The native incident: its shape as private serde structs, and how an incident fills them for an audience.
//!
//! The order of the fields here is the order of the keys on the wire. Domain types do not serialise themselves: what
//! leaves the house is decided in this file and nowhere else.

use super::lens::Lens;
use super::{SCHEMA_VERSION, final_form, to_bytes};
use caponier_model::{
    AccountKey, AccountView, Audience, DecisionView, Edge, EdgeKind, Entity, EntityRole, FindingKey, FindingView,
    GuardNote, Incident, LinkView, PersonView, Policy, ReasonCode, Related, Remediation, SourceIncidentKey, TenantId,
    Tenants,
};
use serde::Serialize;

#[derive(Serialize)]
struct Native<'a> {
    schema_version: &'static str,
    epoch: u32,
    id: &'a str,
    sequence: u64,
    change: &'static str,
    state: &'static str,
    redirect_to: Option<&'a str>,
    continues: Option<&'a str>,
    split_from: Option<&'a str>,
    title: String,
    headline: String,
    status: Option<&'a str>,
    owner: Option<String>,
    verdict: Option<&'static str>,
    score: Score,
    severity: &'static str,
    confidence: f64,
    tenants: Vec<TenantOut>,
    cross_tenant: bool,
    first_activity: String,
    last_activity: String,
    persons: Vec<PersonOut>,
    entities: Vec<EntityOut>,
    tactics: Vec<&'a str>,
    techniques: Vec<&'a str>,
    findings: Vec<FindingOut>,
    edges: Vec<EdgeOut>,
    more_edges: Vec<CountOut>,
    related: Vec<RelatedOut<'a>>,
    guards: Vec<GuardOut>,
    decisions: Vec<DecisionOut>,
    source_incidents: Vec<SourceOut<'a>>,
    remediation: Vec<RemediationOut>,
    masked: Vec<String>,
    digest: String,
}

#[derive(Serialize)]
struct Score {
    total: u32,
    parts: Vec<PartOut>,
}

#[derive(Serialize)]
struct PartOut {
    name: &'static str,
    points: u32,
}

#[derive(Serialize)]
struct TenantOut {
    id: String,
    name: String,
}

#[derive(Serialize)]
struct AccountOut {
    tenant: String,
    object_id: String,
}

#[derive(Serialize)]
struct PersonOut {
    person: String,
    home: AccountOut,
    accounts: Vec<AccountFull>,
    links: Vec<LinkOut>,
}

#[derive(Serialize)]
struct AccountFull {
    tenant: String,
    object_id: String,
    upn: Option<String>,
    display_name: Option<String>,
    kind: &'static str,
}

#[derive(Serialize)]
struct LinkOut {
    account: AccountOut,
    home: AccountOut,
    state: &'static str,
    kinds: Vec<&'static str>,
    confidence: f64,
    sources: Vec<String>,
}

#[derive(Serialize)]
struct EntityOut {
    kind: &'static str,
    value: String,
    tenant: String,
    role: &'static str,
    named_by: Vec<String>,
}

#[derive(Serialize)]
struct KeyOut {
    tenant: String,
    product: String,
    id: String,
}

#[derive(Serialize)]
struct FindingOut {
    key: KeyOut,
    role: &'static str,
    sightings: Vec<SightingOut>,
    title: String,
    severity: &'static str,
    first_activity: String,
    last_activity: String,
    accounts: Vec<AccountOut>,
}

#[derive(Serialize)]
struct SightingOut {
    format: &'static str,
    id: String,
    url: Option<String>,
}

#[derive(Serialize)]
struct EdgeOut {
    finding: KeyOut,
    peer_finding: Option<KeyOut>,
    membership: &'static str,
    via_edge: Option<&'static str>,
    reason_code: &'static str,
    entity_kind: Option<&'static str>,
    entity_value: Option<String>,
    second: Option<ValueOut>,
    tenants: Vec<String>,
    alias_kinds: Vec<&'static str>,
    accounts: Vec<AttributionOut>,
    confidence: f64,
    gap_seconds: i64,
    window_seconds: Option<i64>,
    guard_decisions: Vec<String>,
    rule_id: Option<String>,
    rule_step: Option<String>,
    decision: Option<String>,
    sentence: String,
}

#[derive(Serialize)]
struct ValueOut {
    entity_kind: &'static str,
    entity_value: String,
}

#[derive(Serialize)]
struct AttributionOut {
    tenant: String,
    object_id: String,
    kinds: Vec<&'static str>,
    confidence: f64,
}

#[derive(Serialize)]
struct CountOut {
    reason_code: &'static str,
    count: u32,
}

#[derive(Serialize)]
struct RelatedOut<'a> {
    incident: &'a str,
    reason: &'a str,
    findings: [KeyOut; 2],
    sentence: String,
}

#[derive(Serialize)]
struct GuardOut {
    guard: &'static str,
    count: u32,
    sentence: String,
}

#[derive(Serialize)]
struct DecisionOut {
    id: String,
    at: String,
    act: &'static str,
    author: String,
    reason: String,
}

#[derive(Serialize)]
struct SourceOut<'a> {
    tenant: String,
    provider: &'a str,
    id: String,
}

#[derive(Serialize)]
struct RemediationOut {
    tenant: String,
    action: String,
}

/// See [`super::encode`].
pub(super) fn encode(incident: &Incident, audience: Audience, tenants: &Tenants, policy: &Policy) -> Vec<u8> {
    let mut lens = Lens::new(audience, tenants, policy);
    let mut out = head(incident, &mut lens);
    out.persons = each(&incident.persons, |i, p| person(p, i, &mut lens));
    out.entities = each(&incident.entities, |i, (e, by)| entity(e, by, i, &mut lens));
    out.findings = each(&incident.findings, |i, f| finding(f, i, &mut lens));
    out.edges = each(&incident.edges, |i, e| edge(e, i, &mut lens));
    out.related = each(&incident.related, |i, r| related(r, i, &mut lens));
    out.guards = each(&incident.guards, |i, g| guard(g, i, &mut lens));
    let all = lens.sees_all(&incident.tenants);
    out.decisions = each(&incident.decisions, |i, d| decision(d, all, i, &mut lens));
    out.source_incidents = each(&incident.source_incidents, |i, s| source(s, i, &mut lens));
    out.remediation = each(&incident.remediation, |i, r| remediation(r, i, &mut lens));
    out.masked = lens.into_masked();
    to_bytes(&out)
}

/// Everything that is one value; the lists that the lens must pass through are filled by the caller.
fn head<'a>(incident: &'a Incident, lens: &mut Lens<'_>) -> Native<'a> {
    let source_tenants: Vec<TenantId> = incident.source_incidents.iter().map(|s| s.tenant).collect();
    let owner_visible = lens.sees_all(&source_tenants);
    let digest = if incident.digest.is_empty() { final_form::digest(incident) } else { incident.digest.clone() };
    Native {
        schema_version: SCHEMA_VERSION,
        epoch: incident.epoch,
        id: &incident.id,
        sequence: incident.sequence,
        change: incident.change.code(),
        state: incident.state.code(),
        redirect_to: incident.redirect_to.as_deref(),
        continues: incident.continues.as_deref(),
        split_from: incident.split_from.as_deref(),
        title: lens.text(&incident.title, || "/title".to_owned()),
        headline: lens.text(&incident.headline, || "/headline".to_owned()),
        status: incident.status.as_deref(),
        owner: lens.maybe(owner_visible, incident.owner.as_ref(), || "/owner".to_owned()),
        verdict: incident.verdict.map(|v| if v { "truePositive" } else { "falsePositive" }),
        score: Score {
            total: incident.score,
            parts: incident.score_parts.iter().map(|p| PartOut { name: p.name, points: p.points }).collect(),
        },
        severity: incident.severity.code(),
        confidence: ratio(incident.confidence),
        tenants: incident
            .tenants
            .iter()
            .map(|t| TenantOut { id: t.to_string(), name: lens.tenants.name(*t).to_string() })
            .collect(),
        cross_tenant: incident.cross_tenant(),
        first_activity: incident.first.to_string(),
        last_activity: incident.last.to_string(),
        persons: Vec::new(),
        entities: Vec::new(),
        tactics: incident.tactics.iter().map(|t| t.as_str()).collect(),
        techniques: incident.techniques.iter().map(|t| t.as_str()).collect(),
        findings: Vec::new(),
        edges: Vec::new(),
        more_edges: more_edges(&incident.more_edges),
        related: Vec::new(),
        guards: Vec::new(),
        decisions: Vec::new(),
        source_incidents: Vec::new(),
        remediation: Vec::new(),
        masked: Vec::new(),
        digest: digest.to_string(),
    }
}

fn more_edges(counts: &[(EdgeKind, u32)]) -> Vec<CountOut> {
    counts.iter().map(|(kind, count)| CountOut { reason_code: kind.code(), count: *count }).collect()
}

fn person(person: &PersonView, i: usize, lens: &mut Lens<'_>) -> PersonOut {
    let at = format!("/persons/{i}");
    let visible = lens.sees(person.home.tenant);
    PersonOut {
        person: lens.show(visible, &person.home.to_string(), || format!("{at}/person")),
        home: account(person.home, lens, || format!("{at}/home/object_id")),
        accounts: each(&person.accounts, |j, a| full_account(a, &format!("{at}/accounts/{j}"), lens)),
        links: each(&person.links, |j, l| link(l, &format!("{at}/links/{j}"), lens)),
    }
}

fn account(key: AccountKey, lens: &mut Lens<'_>, path: impl FnOnce() -> String) -> AccountOut {
    AccountOut { tenant: key.tenant.to_string(), object_id: lens.object_id(key, path) }
}

fn full_account(view: &AccountView, at: &str, lens: &mut Lens<'_>) -> AccountFull {
    let visible = lens.sees(view.account.tenant);
    AccountFull {
        tenant: view.account.tenant.to_string(),
        object_id: lens.object_id(view.account, || format!("{at}/object_id")),
        upn: lens.maybe(visible, view.upn.as_ref(), || format!("{at}/upn")),
        display_name: lens.maybe(visible, view.display.as_ref(), || format!("{at}/display_name")),
        kind: view.kind.code(),
    }
}

/// The records behind a link come from both tenants' logs: they are shown to who may see both.
fn link(view: &LinkView, at: &str, lens: &mut Lens<'_>) -> LinkOut {
    let visible = lens.sees_all(&[view.account.tenant, view.home.tenant]);
    LinkOut {
        account: account(view.account, lens, || format!("{at}/account/object_id")),
        home: account(view.home, lens, || format!("{at}/home/object_id")),
        state: view.state.code(),
        kinds: view.kinds.iter().map(|k| k.code()).collect(),
        confidence: ratio(view.confidence),
        sources: each(&view.sources, |k, s| lens.show(visible, s, || format!("{at}/sources/{k}"))),
    }
}

/// An entity that one's own findings name is no secret of another tenant whose findings name it too.
fn entity(entity: &Entity, named_by: &[TenantId], i: usize, lens: &mut Lens<'_>) -> EntityOut {
    let visible = lens.sees_any(named_by);
    EntityOut {
        kind: entity.kind.code(),
        value: lens.show(visible, &entity.value, || format!("/entities/{i}/value")),
        tenant: entity.tenant.to_string(),
        role: role(entity.role),
        named_by: named_by.iter().map(ToString::to_string).collect(),
    }
}

const fn role(role: EntityRole) -> &'static str {
    match role {
        EntityRole::Context => "context",
        EntityRole::Related => "related",
        EntityRole::Impacted => "impacted",
        EntityRole::Attacker => "attacker",
    }
}

fn key(key: &FindingKey, lens: &mut Lens<'_>, path: impl FnOnce() -> String) -> KeyOut {
    KeyOut { tenant: key.tenant.to_string(), product: key.product.to_string(), id: lens.finding_id(key, path) }
}

fn finding(view: &FindingView, i: usize, lens: &mut Lens<'_>) -> FindingOut {
    let at = format!("/findings/{i}");
    let visible = lens.sees(view.key.tenant);
    FindingOut {
        key: key(&view.key, lens, || format!("{at}/key/id")),
        role: view.role.code(),
        sightings: each(&view.sightings, |j, s| SightingOut {
            format: s.format,
            id: lens.show(visible, &s.id, || format!("{at}/sightings/{j}/id")),
            url: lens.maybe(visible, s.url.as_ref(), || format!("{at}/sightings/{j}/url")),
        }),
        title: lens.text(&view.title, || format!("{at}/title")),
        severity: view.severity.code(),
        first_activity: view.first.to_string(),
        last_activity: view.last.to_string(),
        accounts: each(&view.accounts, |j, a| account(*a, lens, || format!("{at}/accounts/{j}/object_id"))),
    }
}

fn edge(edge: &Edge, i: usize, lens: &mut Lens<'_>) -> EdgeOut {
    let at = format!("/edges/{i}");
    // A value that both ends hold is known to either; a person is known only to who sees the link's both tenants.
    let visible = match edge.reason {
        ReasonCode::Edge(EdgeKind::SamePerson) => lens.sees_all(&edge.tenants),
        _ => lens.sees_any(&edge.tenants),
    };
    let mut alias_kinds: Vec<_> = edge.attributions.iter().flat_map(|a| a.kinds.iter().copied()).collect();
    alias_kinds.sort_unstable();
    alias_kinds.dedup();
    EdgeOut {
        finding: key(&edge.finding, lens, || format!("{at}/finding/id")),
        peer_finding: edge.peer.as_ref().map(|p| key(p, lens, || format!("{at}/peer_finding/id"))),
        membership: edge.membership.code(),
        via_edge: via(edge.reason),
        reason_code: edge.reason.code(),
        entity_kind: edge.entity_kind.map(|k| k.code()),
        entity_value: lens.maybe(visible, edge.entity_value.as_ref(), || format!("{at}/entity_value")),
        second: edge.second.as_ref().map(|(kind, value)| ValueOut {
            entity_kind: kind.code(),
            entity_value: lens.show(visible, value, || format!("{at}/second/entity_value")),
        }),
        tenants: edge.tenants.iter().map(ToString::to_string).collect(),
        alias_kinds: alias_kinds.iter().map(|k| k.code()).collect(),
        accounts: each(&edge.attributions, |j, a| AttributionOut {
            tenant: a.account.tenant.to_string(),
            object_id: lens.object_id(a.account, || format!("{at}/accounts/{j}/object_id")),
            kinds: a.kinds.iter().map(|k| k.code()).collect(),
            confidence: ratio(a.confidence),
        }),
        confidence: ratio(edge.confidence),
        gap_seconds: edge.gap_seconds,
        window_seconds: edge.window_seconds,
        guard_decisions: edge.guards.iter().map(ToString::to_string).collect(),
        rule_id: edge.rule.as_ref().map(|(rule, _)| rule.to_string()),
        rule_step: edge.rule.as_ref().map(|(_, step)| step.to_string()),
        decision: edge.decision.map(|d| d.to_string()),
        sentence: lens.text(&edge.sentence, || format!("{at}/sentence")),
    }
}

/// The edge's number in the catalogue of edges and guards; the founder has none.
const fn via(reason: ReasonCode) -> Option<&'static str> {
    match reason {
        ReasonCode::Founder => None,
        ReasonCode::Edge(kind) => Some(match kind {
            EdgeKind::SameAccount => "E1",
            EdgeKind::SamePerson => "E2",
            EdgeKind::SameDevice => "E3",
            EdgeKind::SameSession => "E4",
            EdgeKind::SourceIncident => "E5",
            EdgeKind::RuleChain => "E6",
            EdgeKind::SameIp => "E7",
            EdgeKind::SameArtefact => "E8",
            EdgeKind::TrustContext => "E9",
            EdgeKind::SameName => "E10",
            EdgeKind::SameDetection => "E11",
            EdgeKind::WeakPair => "G5",
            EdgeKind::Decision => "decision",
        }),
    }
}

fn related<'a>(related: &'a Related, i: usize, lens: &mut Lens<'_>) -> RelatedOut<'a> {
    let (a, b) = &related.findings;
    RelatedOut {
        incident: &related.incident,
        reason: &related.reason,
        findings: [
            key(a, lens, || format!("/related/{i}/findings/0/id")),
            key(b, lens, || format!("/related/{i}/findings/1/id")),
        ],
        sentence: lens.text(&related.sentence, || format!("/related/{i}/sentence")),
    }
}

fn guard(note: &GuardNote, i: usize, lens: &mut Lens<'_>) -> GuardOut {
    GuardOut {
        guard: note.guard,
        count: note.count,
        sentence: lens.text(&note.sentence, || format!("/guards/{i}/sentence")),
    }
}

/// An analyst's words may tell of every tenant of the incident: they are for who may see all of them.
fn decision(view: &DecisionView, visible: bool, i: usize, lens: &mut Lens<'_>) -> DecisionOut {
    DecisionOut {
        id: view.id.to_string(),
        at: view.at.to_string(),
        act: view.act,
        author: lens.show(visible, &view.author, || format!("/decisions/{i}/author")),
        reason: lens.show(visible, &view.reason, || format!("/decisions/{i}/reason")),
    }
}

fn source<'a>(source: &'a SourceIncidentKey, i: usize, lens: &mut Lens<'_>) -> SourceOut<'a> {
    let visible = lens.sees(source.tenant);
    SourceOut {
        tenant: source.tenant.to_string(),
        provider: &source.provider,
        id: lens.show(visible, &source.id, || format!("/source_incidents/{i}/id")),
    }
}

fn remediation(item: &Remediation, i: usize, lens: &mut Lens<'_>) -> RemediationOut {
    RemediationOut {
        tenant: item.tenant.to_string(),
        action: lens.text(&item.action, || format!("/remediation/{i}/action")),
    }
}

/// Millionths as a number from 0 to 1: the division is exact to the last bit on every machine, and its shortest text is
/// the decimal that was meant.
fn ratio(millionths: u32) -> f64 {
    f64::from(millionths) / 1_000_000.0
}

fn each<'a, T, U>(items: &'a [T], mut make: impl FnMut(usize, &'a T) -> U) -> Vec<U> {
    items.iter().enumerate().map(|(i, item)| make(i, item)).collect()
}
