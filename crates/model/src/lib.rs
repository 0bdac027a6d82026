//! The nouns of Caponier: tenants, accounts, events, findings, links, incidents, positions and event time.
//!
//! Everything else knows this crate; this crate knows nothing but `std`, a small string and a hash. It performs no I/O, reads no
//! clock, names no wire format and no JSON: wire forms live in `wire`, questions in `query`, decisions in `correlate`.

mod decision;
mod entity;
mod event;
mod evidence;
mod finding;
mod id;
mod incident;
mod journal;
mod link;
mod position;
mod rows;
mod signal;
mod tenant;
mod text;
mod time;
mod topic;

pub use decision::{Act, Call, Decision, DecisionId};
pub use entity::{Entity, EntityKind, EntityRole};
pub use event::{
    Actor, Audit, AuditTarget, Body, Caller, ChangedSetting, DeviceRef, Directory, Event, Invitation, Outcome,
    PartnerChange, Principal, Provisioning, RoleChange, SIGN_IN_COLUMNS, SignIn,
};
pub use evidence::{
    Ambiguity, Evidence, EvidenceKind, NamingRule, Refusal, RefusalReason, Refutation, Statement, Testimony, Verdict,
    Writer,
};
pub use finding::{
    FindingKey, Matter, Severity, Sighting, SightingKind, SourceIncident, SourceIncidentKey, SourceRank,
};
pub use id::{AccountKey, Guid, TenantId};
pub use incident::{
    AccountView, Attribution, Audience, Change, ChangeKind, DecisionView, Edge, EdgeKind, FindingView, GuardNote,
    Incident, IncidentState, LinkView, Membership, PersonView, ReasonCode, Related, Remediation, ScorePart,
    SightingView,
};
pub use journal::{Chain, ChainStep, Configuration, Entry, Flow, Journalled, Page, RuleText, Setting, StreamRow};
pub use link::{AccountFacts, AccountKind, Binding, Handle, IdentityChange, Link, LinkState, Persons};
pub use position::{Class, DeadLetter, Position, Reject, RejectReason};
pub use rows::{
    Access, AccountRow, CallerRow, DeviceRow, InvitationRow, PartnerRow, PrincipalRow, ProvisioningRow, RoleRow, Rows,
    SignInRow,
};
pub use signal::{Mention, Party, Side, Signal, SignalKey};
pub use tenant::{MergePolicy, Pair, Policy, Tenant, TenantRole, Tenants};
pub use text::{Param, Text};
pub use time::EventTime;
pub use topic::{Portion, Topic, Topics};
