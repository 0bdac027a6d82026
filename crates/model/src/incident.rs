//! Unified incidents: what the correlator emits and `wire::encode` writes for an audience.

use crate::{
    AccountKey, AccountKind, DecisionId, Entity, EntityKind, EventTime, EvidenceKind, FindingKey, LinkState, Severity,
    SourceIncidentKey, TenantId, Text,
};
use compact_str::CompactString;

/// Who reads. A tenant's audience sees another tenant's values only as the pair's policy allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// The operator of Caponier: everything.
    Operator,
    /// People of one tenant: values that another tenant owns are masked.
    Tenant(TenantId),
}

/// The state of an incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IncidentState {
    /// Being worked or waiting.
    Active,
    /// Somebody is on it.
    InProgress,
    /// Closed.
    Resolved,
    /// Absorbed by another; with nothing to redirect to, all that it held was taken back.
    Redirected,
}

impl IncidentState {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::InProgress => "inProgress",
            Self::Resolved => "resolved",
            Self::Redirected => "redirected",
        }
    }
}

/// Why a version of an incident was emitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ChangeKind {
    /// First emission.
    Created,
    /// New or changed members.
    Updated,
    /// Absorbed another incident.
    Merged,
    /// Part of another incident until now.
    Split,
    /// Absorbed by another incident.
    Redirected,
    /// Closed.
    Closed,
    /// Changed by something late.
    Corrected,
}

impl ChangeKind {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Merged => "merged",
            Self::Split => "split",
            Self::Redirected => "redirected",
            Self::Closed => "closed",
            Self::Corrected => "corrected",
        }
    }
}

/// The kinds of edges (scenarios.md 2.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EdgeKind {
    /// E1: same account.
    SameAccount,
    /// E2: same person, by an accepted link.
    SamePerson,
    /// E3: same device.
    SameDevice,
    /// E4: same session or token.
    SameSession,
    /// E5: same source incident.
    SourceIncident,
    /// E6: steps of one instance of a scenario rule.
    RuleChain,
    /// E7: same address.
    SameIp,
    /// E8: same artefact (hash, URL, mail).
    SameArtefact,
    /// E9: a change of trust between the two tenants of the incident; attaches only.
    TrustContext,
    /// E10: same host name or account name where no stable id is known; attaches only.
    SameName,
    /// E11: a risk detection and its alert.
    SameDetection,
    /// Two different weak kinds together (G5).
    WeakPair,
    /// An analyst's decision.
    Decision,
}

impl EdgeKind {
    /// All kinds, in order.
    pub const ALL: [Self; 13] = [
        Self::SameAccount,
        Self::SamePerson,
        Self::SameDevice,
        Self::SameSession,
        Self::SourceIncident,
        Self::RuleChain,
        Self::SameIp,
        Self::SameArtefact,
        Self::TrustContext,
        Self::SameName,
        Self::SameDetection,
        Self::WeakPair,
        Self::Decision,
    ];

    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SameAccount => "same_account",
            Self::SamePerson => "same_person",
            Self::SameDevice => "same_device",
            Self::SameSession => "same_session",
            Self::SourceIncident => "source_incident",
            Self::RuleChain => "rule_chain",
            Self::SameIp => "same_ip",
            Self::SameArtefact => "same_artefact",
            Self::TrustContext => "trust_context",
            Self::SameName => "same_name",
            Self::SameDetection => "same_detection",
            Self::WeakPair => "weak_pair",
            Self::Decision => "decision",
        }
    }
}

/// How a finding belongs to its incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Membership {
    /// Joined by bridge edges (or the founder).
    Core,
    /// Attached to one core finding; anchors nothing.
    Attached,
}

impl Membership {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Attached => "attached",
        }
    }
}

/// The machine-readable reason of an edge: its kind's code, or `founder` for the first member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReasonCode {
    /// The member that founds the incident.
    Founder,
    /// Joined by an edge of this kind.
    Edge(EdgeKind),
}

impl ReasonCode {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Founder => "founder",
            Self::Edge(kind) => kind.code(),
        }
    }
}

/// How an account takes part in an edge: the link that led to the person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Attribution {
    /// The account named by the finding.
    pub account: AccountKey,
    /// Kinds of the evidence behind its link; empty when it is the home account itself.
    pub kinds: Vec<EvidenceKind>,
    /// Confidence in millionths.
    pub confidence: u32,
}

/// The explanation record of one membership (scenarios.md 2.6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// The member it explains.
    pub finding: FindingKey,
    /// The member it is joined to; `None` for the founder.
    pub peer: Option<FindingKey>,
    /// Core or attached.
    pub membership: Membership,
    /// Why.
    pub reason: ReasonCode,
    /// The kind of the shared value.
    pub entity_kind: Option<EntityKind>,
    /// The shared value, with its owner; for a weak pair the first of the two.
    pub entity_value: Option<CompactString>,
    /// The second shared value of a weak pair.
    pub second: Option<(EntityKind, CompactString)>,
    /// The tenants of the two findings, sorted, each once.
    pub tenants: Vec<TenantId>,
    /// How accounts led to the person (E2).
    pub attributions: Vec<Attribution>,
    /// Confidence of the edge in millionths.
    pub confidence: u32,
    /// Seconds between the nearest ends of the two intervals.
    pub gap_seconds: i64,
    /// The window that allowed it; `None` where the kind has none.
    pub window_seconds: Option<i64>,
    /// Guard decisions that concerned it, as codes.
    pub guards: Vec<CompactString>,
    /// The rule and the step that the member matched (E6).
    pub rule: Option<(CompactString, CompactString)>,
    /// The decision that joined them.
    pub decision: Option<DecisionId>,
    /// One sentence for a person.
    pub sentence: Text,
}

/// A sighting, for the reader.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SightingView {
    /// Format name.
    pub format: &'static str,
    /// The id as that transport names it.
    pub id: CompactString,
    /// Portal link.
    pub url: Option<CompactString>,
}

/// A finding inside an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FindingView {
    /// Key.
    pub key: FindingKey,
    /// Core or attached.
    pub role: Membership,
    /// Sightings, sorted.
    pub sightings: Vec<SightingView>,
    /// Title.
    pub title: Text,
    /// Severity.
    pub severity: Severity,
    /// First activity.
    pub first: EventTime,
    /// Last activity.
    pub last: EventTime,
    /// The accounts it names, after binding, sorted.
    pub accounts: Vec<AccountKey>,
}

/// A link, for the reader.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkView {
    /// Satellite.
    pub account: AccountKey,
    /// Home.
    pub home: AccountKey,
    /// State.
    pub state: LinkState,
    /// Kinds of evidence.
    pub kinds: Vec<EvidenceKind>,
    /// Confidence in millionths.
    pub confidence: u32,
    /// Records it rests on.
    pub sources: Vec<CompactString>,
}

/// An account of a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountView {
    /// Which account.
    pub account: AccountKey,
    /// UPN, as its directory says.
    pub upn: Option<CompactString>,
    /// Display name.
    pub display: Option<CompactString>,
    /// Kind.
    pub kind: AccountKind,
}

/// A person named by the incident's findings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PersonView {
    /// The home account, which represents the person.
    pub home: AccountKey,
    /// Every account of theirs that the findings name, and the home account; sorted.
    pub accounts: Vec<AccountView>,
    /// The links that join them.
    pub links: Vec<LinkView>,
}

/// Another incident that could be the same, and why it was not merged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Related {
    /// Its id.
    pub incident: CompactString,
    /// The guard, policy or state that refused (`policy_suggest`, `link_possible`, …).
    pub reason: CompactString,
    /// The two findings that would have joined them.
    pub findings: (FindingKey, FindingKey),
    /// The reason in words.
    pub sentence: Text,
}

/// What a guard kept from joining inside an incident: values left aside, findings only counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GuardNote {
    /// The guard's code (`stop_value`, `prolific_value`, `role_tag`, `budget`, …).
    pub guard: &'static str,
    /// How often.
    pub count: u32,
    /// In words.
    pub sentence: Text,
}

/// A decision in force on members of an incident, for the reader.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DecisionView {
    /// When.
    pub at: EventTime,
    /// Its id.
    pub id: DecisionId,
    /// `merge`, `split`, ….
    pub act: &'static str,
    /// By whom.
    pub author: CompactString,
    /// Why.
    pub reason: CompactString,
}

/// What can be done, and by whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remediation {
    /// The tenant that can act.
    pub tenant: TenantId,
    /// What.
    pub action: Text,
}

/// One part of the score.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ScorePart {
    /// `severity`, `tactics`, `tenants`, ….
    pub name: &'static str,
    /// Points.
    pub points: u32,
}

/// A unified incident (design 6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    /// The operator's epoch.
    pub epoch: u32,
    /// Id: hash of (epoch, founder key), fixed at first emission.
    pub id: CompactString,
    /// Starts at 1, one more with each emission.
    pub sequence: u64,
    /// Why this version.
    pub change: ChangeKind,
    /// State.
    pub state: IncidentState,
    /// The incident that absorbed it.
    pub redirect_to: Option<CompactString>,
    /// The incident it continues.
    pub continues: Option<CompactString>,
    /// The incident it was part of.
    pub split_from: Option<CompactString>,
    /// Fixed at creation.
    pub title: Text,
    /// May change.
    pub headline: Text,
    /// `closed` or `assigned` where somebody decided so, else the sources' status in their words.
    pub status: Option<CompactString>,
    /// Owner by decision, else by the source incidents.
    pub owner: Option<CompactString>,
    /// Verdict by decision, else by the source incidents or alerts.
    pub verdict: Option<bool>,
    /// Orders the queue.
    pub score: u32,
    /// Its parts, summing to `score`.
    pub score_parts: Vec<ScorePart>,
    /// Never lower than the highest member.
    pub severity: Severity,
    /// The least confident spanning edge, in millionths.
    pub confidence: u32,
    /// Tenants of the members, sorted.
    pub tenants: Vec<TenantId>,
    /// First activity.
    pub first: EventTime,
    /// Last activity.
    pub last: EventTime,
    /// Persons, sorted by home account.
    pub persons: Vec<PersonView>,
    /// Entities with the tenants whose findings name them; sorted.
    pub entities: Vec<(Entity, Vec<TenantId>)>,
    /// Tactics, sorted.
    pub tactics: Vec<CompactString>,
    /// Techniques, sorted.
    pub techniques: Vec<CompactString>,
    /// Members, by (first, key).
    pub findings: Vec<FindingView>,
    /// One explanation for each member, in the members' order.
    pub edges: Vec<Edge>,
    /// Edges beyond the spanning set, counted by kind.
    pub more_edges: Vec<(EdgeKind, u32)>,
    /// What was not merged and why.
    pub related: Vec<Related>,
    /// What guards held back inside, by code.
    pub guards: Vec<GuardNote>,
    /// Decisions that hold for its members, by (at, id).
    pub decisions: Vec<DecisionView>,
    /// Source incidents whose alerts are members; sorted.
    pub source_incidents: Vec<SourceIncidentKey>,
    /// What could be done, by tenant.
    pub remediation: Vec<Remediation>,
    /// Digest of the final form, lower-case hexadecimal.
    pub digest: CompactString,
}

impl Incident {
    /// True when members come from more than one tenant.
    pub fn cross_tenant(&self) -> bool {
        self.tenants.len() > 1
    }
}

/// A change to hand on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The incident in its new form.
    pub incident: Incident,
}
