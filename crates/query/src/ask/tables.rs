//! The tables about accounts and who they are. One entry per column; `docs/query.md` is written from them.

use super::known::Subject;
use super::membership::{Membership, memberships};
use super::row_tables;
use super::sheet::{Sheet, Table, Value};
use caponier_model::{
    AccountFacts, AccountKey, Ambiguity, EventTime, Evidence, EvidenceKind, Link, LinkState, Refusal, RefusalReason,
    Refutation, Tenant, TenantId, TenantRole,
};
use compact_str::CompactString;
use std::borrow::Cow;

/// Every table that needs no further file, in the order people meet them.
pub(super) fn all() -> Vec<&'static dyn Sheet> {
    let mut all: Vec<&'static dyn Sheet> =
        vec![&ACCOUNTS, &LINKS, &PERSONS, &CONFLICTS, &EVIDENCE, &REFUTATIONS, &REFUSALS, &TENANTS];
    all.extend(row_tables::all());
    all
}

fn words(kinds: &[EvidenceKind], say: &mut dyn FnMut(&str)) {
    kinds.iter().for_each(|k| say(k.code()));
}

pub(super) fn texts(all: &[CompactString], say: &mut dyn FnMut(&str)) {
    all.iter().for_each(|t| say(t));
}

fn share(millionths: u32) -> f64 {
    f64::from(millionths) / 1e6
}

static ACCOUNTS: Table<AccountFacts> = Table {
    name: "accounts",
    about: "account and period in which its directory said the same of it",
    rows: |s| Cow::Borrowed(&s.known.facts),
    columns: &[
        ("tenant", "the tenant, by name", Value::Tenant(|f| Some(f.account.tenant))),
        ("tenant_id", "the tenant", Value::Id(|f| Some(f.account.tenant.0))),
        ("object_id", "the object in its directory", Value::Id(|f| Some(f.account.object))),
        ("account", "`tenant_id/object_id`: what `person` and `home_account` yield", Value::Key(|f| f.account)),
        (
            "kind",
            "member, external_guest, external_member, internal_guest, consumer_guest, service_principal, \
             managed_identity, device, unknown",
            Value::Text(|_, f| Some(f.kind.code())),
        ),
        ("upn", "user principal name, lower case", Value::Text(|_, f| f.upn.as_deref())),
        ("display_name", "display name", Value::Text(|_, f| f.display.as_deref())),
        ("names", "every name that finds it: UPN, mail, other addresses", Value::Texts(|f, say| texts(&f.names, say))),
        ("sids", "security identifiers, on-premises and cloud", Value::Texts(|f, say| texts(&f.sids, say))),
        ("puids", "PUIDs that tokens showed", Value::Texts(|f, say| texts(&f.puids, say))),
        ("app_id", "the application, for a service principal", Value::Id(|f| f.app)),
        ("devices", "Defender and ARM ids, for a device", Value::Texts(|f, say| texts(&f.devices, say))),
        ("enabled", "may sign in", Value::Flag(|_, f| f.enabled)),
        ("latest", "true for the last period that is known of the account", Value::Flag(|s, f| Some(is_last(s, f)))),
        ("valid_from", "since when; null: as far back as is known", Value::Time(|f| Some(f.from))),
        ("valid_until", "until when, exclusive; null: still", Value::Time(|f| Some(f.until))),
    ],
};

fn is_last(subject: &Subject, fact: &AccountFacts) -> bool {
    subject.facts_of(fact.account).last().is_some_and(|last| last.from == fact.from)
}

static LINKS: Table<Link> = Table {
    name: "links",
    about: "dated link from a satellite account to its home account",
    rows: |s| Cow::Borrowed(&s.known.links),
    columns: &[
        ("tenant", "the satellite's tenant, by name", Value::Tenant(|l| Some(l.account.tenant))),
        ("tenant_id", "the satellite's tenant", Value::Id(|l| Some(l.account.tenant.0))),
        ("object_id", "the satellite account", Value::Id(|l| Some(l.account.object))),
        ("upn", "its user principal name then", Value::Text(|s, l| s.upn(l.account, l.from))),
        ("home_tenant", "the home tenant, by name", Value::Tenant(|l| Some(l.home.tenant))),
        ("home_tenant_id", "the home tenant", Value::Id(|l| Some(l.home.tenant.0))),
        ("home_object_id", "the home account", Value::Id(|l| Some(l.home.object))),
        ("home_upn", "its user principal name then", Value::Text(|s, l| s.upn(l.home, l.from))),
        ("state", "accepted, possible, conflict", Value::Text(|_, l| Some(l.state.code()))),
        ("confidence", "combined confidence, 0 to 1", Value::Share(|l| Some(share(l.confidence)))),
        ("evidence", "kinds of evidence", Value::Texts(|l, say| words(&l.kinds, say))),
        ("sources", "records it rests on, at most eight", Value::Texts(|l, say| texts(&l.sources, say))),
        ("valid_from", "since when; null: as far back as is known", Value::Time(|l| Some(l.from))),
        ("valid_until", "until when, exclusive; null: still", Value::Time(|l| Some(l.until))),
    ],
};

static PERSONS: Table<Membership> = Table {
    name: "persons",
    about: "person, account and period in which the account was that person's",
    rows: |s| Cow::Owned(memberships(s)),
    columns: &[
        ("person", "the person's home account, `tenant_id/object_id`", Value::Key(|m| m.person)),
        ("person_upn", "the home account's user principal name", Value::Text(|s, m| s.upn(m.person, m.last()))),
        ("tenant", "the account's tenant, by name", Value::Tenant(|m| Some(m.account.tenant))),
        ("tenant_id", "the account's tenant", Value::Id(|m| Some(m.account.tenant.0))),
        ("object_id", "the account", Value::Id(|m| Some(m.account.object))),
        ("upn", "its user principal name, the last of the period", Value::Text(|s, m| s.upn(m.account, m.last()))),
        (
            "kind",
            "kind of account, as in `accounts`",
            Value::Text(|s, m| s.fact(m.account, m.last()).map(|f| f.kind.code())),
        ),
        (
            "role",
            "home (the account is the person) or satellite (an accepted link leads to the person)",
            Value::Text(|_, m| Some(if m.account == m.person { "home" } else { "satellite" })),
        ),
        (
            "link_state",
            "accepted for a satellite; possible or conflict where links exist that do not count; null without any",
            Value::Text(|_, m| m.state.map(LinkState::code)),
        ),
        ("confidence", "of the accepted link, 0 to 1", Value::Share(|m| m.confidence.map(share))),
        ("evidence", "kinds of evidence of the accepted link", Value::Texts(|m, say| words(&m.kinds, say))),
        ("valid_from", "since when; null: as far back as is known", Value::Time(|m| Some(m.from))),
        ("valid_until", "until when, exclusive; null: still", Value::Time(|m| Some(m.until))),
    ],
};

/// A link in conflict, or a match that more than one account could be.
#[derive(Clone)]
struct Conflict {
    account: AccountKey,
    tenant: TenantId,
    home: Option<AccountKey>,
    reason: &'static str,
    kinds: Vec<EvidenceKind>,
    candidates: Option<u32>,
    sources: Vec<CompactString>,
    from: EventTime,
    until: EventTime,
}

impl From<&Link> for Conflict {
    fn from(l: &Link) -> Self {
        Self {
            account: l.account,
            tenant: l.home.tenant,
            home: Some(l.home),
            reason: "conflict",
            kinds: l.kinds.clone(),
            candidates: None,
            sources: l.sources.clone(),
            from: l.from,
            until: l.until,
        }
    }
}

impl From<&Ambiguity> for Conflict {
    fn from(a: &Ambiguity) -> Self {
        Self {
            account: a.account,
            tenant: a.home,
            home: None,
            reason: RefusalReason::Ambiguous.code(),
            kinds: vec![a.kind],
            candidates: Some(a.candidates),
            sources: vec![a.source.clone()],
            from: a.from,
            until: a.until,
        }
    }
}

/// Links in conflict and ambiguities; the reason of a link in conflict is what weighing says of it, where it says so.
fn conflicts(subject: &Subject) -> Vec<Conflict> {
    let mut all: Vec<Conflict> = Vec::new();
    for link in subject.known.links.iter().filter(|l| l.state == LinkState::Conflict) {
        let about = |r: &&Refusal| {
            matches!(r.reason, RefusalReason::TwoHomes | RefusalReason::HomeIsSatellite | RefusalReason::HomeIsExternal)
                && r.home == Some(link.home)
                && r.from < link.until
                && link.from < r.until
        };
        let refusal = subject.refusals_of(link.account).iter().find(about);
        let reason = refusal.map_or("conflict", |r| r.reason.code());
        all.push(Conflict { reason, ..Conflict::from(link) });
    }
    all.extend(subject.known.testimony.ambiguities.iter().map(Conflict::from));
    all.sort_by(|a, b| (a.account, a.from, a.home, &a.kinds).cmp(&(b.account, b.from, b.home, &b.kinds)));
    all
}

static CONFLICTS: Table<Conflict> = Table {
    name: "conflicts",
    about: "link in conflict, or match that more than one account could be: joined to nobody until somebody decides",
    rows: |s| Cow::Owned(conflicts(s)),
    columns: &[
        ("tenant", "the account's tenant, by name", Value::Tenant(|c| Some(c.account.tenant))),
        ("tenant_id", "the account's tenant", Value::Id(|c| Some(c.account.tenant.0))),
        ("object_id", "the account", Value::Id(|c| Some(c.account.object))),
        ("upn", "its user principal name then", Value::Text(|s, c| s.upn(c.account, c.from))),
        ("home_tenant", "the tenant where its home could be, by name", Value::Tenant(|c| Some(c.tenant))),
        ("home_tenant_id", "the tenant where its home could be", Value::Id(|c| Some(c.tenant.0))),
        ("home_object_id", "the candidate; null where it is not a single one", Value::Id(|c| c.home.map(|h| h.object))),
        (
            "home_upn",
            "the candidate's user principal name then",
            Value::Text(|s, c| c.home.and_then(|h| s.upn(h, c.from))),
        ),
        (
            "reason",
            "ambiguous, or for a link in conflict why: two_homes, home_is_satellite, … as in `refusals`; else conflict",
            Value::Text(|_, c| Some(c.reason)),
        ),
        ("candidates", "how many match, for an ambiguity; 2 stands for several", Value::Count(|c| c.candidates)),
        ("evidence", "kinds of evidence", Value::Texts(|c, say| words(&c.kinds, say))),
        ("sources", "what it rests on", Value::Texts(|c, say| texts(&c.sources, say))),
        ("valid_from", "since when; null: as far back as is known", Value::Time(|c| Some(c.from))),
        ("valid_until", "until when, exclusive; null: still", Value::Time(|c| Some(c.until))),
    ],
};

static EVIDENCE: Table<Evidence> = Table {
    name: "evidence",
    about: "piece of evidence that an account is another one's satellite, before anything is weighed",
    rows: |s| Cow::Borrowed(&s.known.testimony.evidence),
    columns: &[
        ("tenant", "the satellite's tenant, by name", Value::Tenant(|e| Some(e.account.tenant))),
        ("tenant_id", "the satellite's tenant", Value::Id(|e| Some(e.account.tenant.0))),
        ("object_id", "the satellite account", Value::Id(|e| Some(e.account.object))),
        ("upn", "its user principal name then", Value::Text(|s, e| s.upn(e.account, e.from))),
        ("home_tenant", "the home tenant, by name", Value::Tenant(|e| Some(e.home.tenant))),
        ("home_tenant_id", "the home tenant", Value::Id(|e| Some(e.home.tenant.0))),
        ("home_object_id", "the home account", Value::Id(|e| Some(e.home.object))),
        ("home_upn", "its user principal name then", Value::Text(|s, e| s.upn(e.home, e.from))),
        ("kind", "kind of evidence", Value::Text(|_, e| Some(e.kind.code()))),
        (
            "writer",
            "who could have written it: analyst, home_directory, log, resource_directory",
            Value::Text(|_, e| Some(e.kind.writer().code())),
        ),
        ("source", "the record it rests on", Value::Text(|_, e| Some(&e.source))),
        ("valid_from", "since when; null: as far back as is known", Value::Time(|e| Some(e.from))),
        ("valid_until", "until when, exclusive; null: still", Value::Time(|e| Some(e.until))),
    ],
};

static REFUTATIONS: Table<Refutation> = Table {
    name: "refutations",
    about: "observation that names the home tenant of an account, and so excludes every other",
    rows: |s| Cow::Borrowed(&s.known.testimony.refutations),
    columns: &[
        ("tenant", "the account's tenant, by name", Value::Tenant(|r| Some(r.account.tenant))),
        ("tenant_id", "the account's tenant", Value::Id(|r| Some(r.account.tenant.0))),
        ("object_id", "the account", Value::Id(|r| Some(r.account.object))),
        ("upn", "its user principal name then", Value::Text(|s, r| s.upn(r.account, r.from))),
        ("home_tenant", "the tenant that the log names, by name", Value::Tenant(|r| Some(r.home))),
        ("home_tenant_id", "the tenant that the log names", Value::Id(|r| Some(r.home.0))),
        ("source", "the record it rests on", Value::Text(|_, r| Some(&r.source))),
        ("valid_from", "since when; null: as far back as is known", Value::Time(|r| Some(r.from))),
        ("valid_until", "until when, exclusive; null: still", Value::Time(|r| Some(r.until))),
    ],
};

static REFUSALS: Table<Refusal> = Table {
    name: "refusals",
    about: "link that was not made, or not accepted, and why",
    rows: |s| Cow::Borrowed(&s.known.refusals),
    columns: &[
        ("tenant", "the account's tenant, by name", Value::Tenant(|r| Some(r.account.tenant))),
        ("tenant_id", "the account's tenant", Value::Id(|r| Some(r.account.tenant.0))),
        ("object_id", "the account", Value::Id(|r| Some(r.account.object))),
        ("upn", "its user principal name then", Value::Text(|s, r| s.upn(r.account, r.from))),
        ("home_tenant", "the tenant where its home would be, by name", Value::Tenant(|r| Some(r.tenant))),
        ("home_tenant_id", "the tenant where its home would be", Value::Id(|r| Some(r.tenant.0))),
        (
            "home_object_id",
            "the account it would have been; null where it is not a single one",
            Value::Id(|r| r.home.map(|h| h.object)),
        ),
        (
            "home_upn",
            "that account's user principal name then",
            Value::Text(|s, r| r.home.and_then(|h| s.upn(h, r.from))),
        ),
        (
            "reason",
            "resource_directory_alone, too_weak, refuted, ambiguous, two_homes, home_is_satellite, home_is_external, \
             stated, pair_not_allowed, outside_life, home_not_monitored, no_entra_home",
            Value::Text(|_, r| Some(r.reason.code())),
        ),
        ("evidence", "the kinds of evidence that were refused", Value::Texts(|r, say| words(&r.kinds, say))),
        ("source", "what it rests on", Value::Text(|_, r| Some(&r.source))),
        ("valid_from", "since when; null: as far back as is known", Value::Time(|r| Some(r.from))),
        ("valid_until", "until when, exclusive; null: still", Value::Time(|r| Some(r.until))),
    ],
};

static TENANTS: Table<Tenant> = Table {
    name: "tenants",
    about: "known tenant, configured or learned from the captures",
    rows: |s| Cow::Borrowed(&s.known.tenants.all),
    columns: &[
        ("tenant", "its name", Value::Text(|_, t| Some(&t.name))),
        ("tenant_id", "its Entra tenant id", Value::Id(|t| Some(t.id.0))),
        (
            "role",
            "primary (people, mail, workstations) or secondary (subscriptions, servers)",
            Value::Text(|_, t| Some(if t.role == TenantRole::Primary { "primary" } else { "secondary" })),
        ),
        ("domains", "verified domains", Value::Texts(|t, say| texts(&t.domains, say))),
        (
            "workspaces",
            "Log Analytics workspaces whose rows are this tenant's",
            Value::Texts(|t, say| t.workspaces.iter().for_each(|w| say(&w.to_string()))),
        ),
        (
            "subscriptions",
            "Azure subscriptions attached to it",
            Value::Texts(|t, say| t.subscriptions.iter().for_each(|w| say(&w.to_string()))),
        ),
    ],
};
