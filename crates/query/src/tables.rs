//! The tables of the identity join, as `queries/identity/*.sql` see them. Knows rows and facts; weighs nothing.

use crate::columns::Columns;
use crate::{QueryError, Question};
use caponier_model::{
    Access, AccountFacts, AccountKey, AccountKind, AccountRow, EventTime, NamingRule, Rows, TenantId, TenantRole,
    Tenants,
};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Name and content of every table.
///
/// | table | one row per | columns |
/// |---|---|---|
/// | `tenants` | known tenant | tenant, role (`primary`, `secondary`) |
/// | `domains` | verified domain | tenant, domain |
/// | `naming` | agreed naming rule | home, resource, prefix, suffix |
/// | `accounts` | account | tenant, object, side, display, display_text, employee, employee_text, onprem_sid, onprem_sid_text, immutable_id, immutable_id_text, home_object, home_object_text, valid_from, valid_until |
/// | `names` | name an account bore without a break | tenant, object, name, name_text, encoded, domain, source (`upn`, `address`), ext, side, valid_from, valid_until |
/// | `sign_ins` | sign-in that names two tenants | log, home, resource, object, upn, app, time, id, correlation, direct, success |
/// | `invitations` | invitation or redemption | tenant, object, address, address_text, redeemed, time, id |
/// | `provisioning` | provisioning row | source_tenant, source_object, target_tenant, target_object, action, time, id |
/// | `callers` | control-plane caller | log, tenant, object, provider, home_puid, puid, onprem_sid, time, id |
/// | `principals` | sighting of a service principal | tenant, object, app, owner, managed, name, time, id |
/// | `statements` | statement about two accounts | account_tenant, account_object, home_tenant, home_object, time, verdict, author, reason, valid_from, valid_until |
///
/// A query may compare and group identifiers, names and addresses and take the least of them, but neither show them nor take
/// them apart: what it needs for that is in a column `…_text`, so that numbers can stand for the others (`numbers`). `encoded`
/// is the name as an `#EXT#` name begins with it. Times are nanoseconds since 1970 (`i64::MIN` and `i64::MAX` where nothing
/// bounds them). `side` is `home`,
/// `satellite` (an account from another Entra tenant) or `neither`; `ext` marks a name with `#ext#`; `direct` a sign-in
/// of the home account itself, which has no other in the resource tenant (B2B direct connect, service provider); `verdict` is one of `same`, `different`, `withdrawn`.
pub(crate) fn tables(question: &Question<'_>) -> Result<Vec<(&'static str, RecordBatch)>, QueryError> {
    let Question { rows, facts, tenants, naming } = *question;
    let mut all = shared_tables(tenants, naming)?;
    let own = || BUILDERS.iter().map(|(name, build)| Ok((*name, build(rows, facts)?))).collect::<Result<Vec<_>, _>>();
    all.extend(own().map_err(failed)?);
    Ok(all)
}

/// The tables that every query gets whole: `tenants`, `domains` and `naming`.
pub(crate) fn shared_tables(
    tenants: &Tenants,
    naming: &[NamingRule],
) -> Result<Vec<(&'static str, RecordBatch)>, QueryError> {
    let build = || -> Result<_, ArrowError> {
        Ok(vec![("tenants", tenant_table(tenants)?), ("domains", domains(tenants)?), ("naming", naming_rules(naming)?)])
    };
    build().map_err(failed)
}

/// The tables of rows, those left out that have none. Tables of several portions, one below the other, are those of all their
/// rows, if all rows of an account are in one portion.
pub(crate) fn row_tables(rows: &Rows, facts: &[AccountFacts]) -> Result<Vec<(&'static str, RecordBatch)>, QueryError> {
    let mut all = Vec::new();
    for (name, build) in BUILDERS {
        let table = build(rows, facts).map_err(failed)?;
        if table.num_rows() > 0 {
            all.push((name, table));
        }
    }
    Ok(all)
}

fn failed(error: ArrowError) -> QueryError {
    QueryError::engine("tables")(error.into())
}

type Builder = fn(&Rows, &[AccountFacts]) -> Result<RecordBatch, ArrowError>;

const BUILDERS: [(&str, Builder); 8] = [
    ("accounts", accounts),
    ("names", |_, facts| names(facts)),
    ("sign_ins", |rows, _| sign_ins(rows)),
    ("invitations", |rows, _| invitations(rows)),
    ("provisioning", |rows, _| provisioning(rows)),
    ("callers", |rows, _| callers(rows)),
    ("principals", |rows, _| principals(rows)),
    ("statements", |rows, _| statements(rows)),
];

fn tenant_table(tenants: &Tenants) -> Result<RecordBatch, ArrowError> {
    let all = || tenants.all.iter();
    let role = |r| match r {
        TenantRole::Primary => "primary",
        TenantRole::Secondary => "secondary",
    };
    Columns::default()
        .tenants("tenant", all().map(|t| Some(t.id)))
        .texts("role", all().map(|t| Some(role(t.role))))
        .finish()
}

/// The verified domains. One is verified in one tenant at a time: what two tenants claim belongs to neither, else a directory that
/// lists a stranger's domain could claim its users.
fn domains(tenants: &Tenants) -> Result<RecordBatch, ArrowError> {
    let mut all: BTreeSet<(TenantId, &str)> =
        tenants.all.iter().flat_map(|t| t.domains.iter().map(|d| (t.id, d.as_str()))).collect();
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|(_, d)| *owners.entry(*d).or_default() += 1);
    all.retain(|(_, d)| owners.get(d) == Some(&1));
    Columns::default()
        .tenants("tenant", all.iter().map(|(t, _)| Some(*t)))
        .texts("domain", all.iter().map(|(_, d)| Some(*d)))
        .finish()
}

fn naming_rules(rules: &[NamingRule]) -> Result<RecordBatch, ArrowError> {
    let all = || rules.iter();
    Columns::default()
        .tenants("home", all().map(|r| Some(r.home)))
        .tenants("resource", all().map(|r| Some(r.resource)))
        .texts("prefix", all().map(|r| Some(r.prefix.as_str())))
        .texts("suffix", all().map(|r| Some(r.suffix.as_str())))
        .finish()
}

fn side(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::ExternalGuest | AccountKind::ExternalMember => "satellite",
        AccountKind::Member | AccountKind::Unknown => "home",
        AccountKind::InternalGuest
        | AccountKind::ConsumerGuest
        | AccountKind::ServicePrincipal
        | AccountKind::ManagedIdentity
        | AccountKind::Device => "neither",
    }
}

/// What the directory rows of one account say beyond its facts: the latest word on each.
#[derive(Default, Clone, Copy)]
struct Extra<'a> {
    display: Option<&'a str>,
    employee: Option<&'a str>,
    onprem_sid: Option<&'a str>,
    immutable_id: Option<&'a str>,
    home_object: Option<caponier_model::Guid>,
}

fn extras(rows: &Rows) -> BTreeMap<AccountKey, Extra<'_>> {
    let mut sorted: Vec<&AccountRow> = rows.accounts.iter().collect();
    sorted.sort_unstable_by(|a, b| (a.account, a.seen).cmp(&(b.account, b.seen)).then_with(|| a.cmp(b)));
    let mut out: BTreeMap<AccountKey, Extra<'_>> = BTreeMap::new();
    for row in sorted {
        let extra = out.entry(row.account).or_default();
        extra.display = row.display.as_deref().or(extra.display);
        extra.employee = row.employee.as_deref().or(extra.employee);
        extra.onprem_sid = row.onprem_sid.as_deref().or(extra.onprem_sid);
        extra.immutable_id = row.immutable_id.as_deref().or(extra.immutable_id);
        extra.home_object = row.home_object.or(extra.home_object);
    }
    out
}

/// An account is a satellite as soon as it ever was one: what it was before or after is a matter of dates, not of rows.
fn accounts(rows: &Rows, facts: &[AccountFacts]) -> Result<RecordBatch, ArrowError> {
    let extras = extras(rows);
    let mut all: BTreeMap<AccountKey, (&'static str, EventTime, EventTime)> = BTreeMap::new();
    for fact in facts {
        let side = side(fact.kind);
        let entry = all.entry(fact.account).or_insert((side, fact.from, fact.until));
        entry.0 = if entry.0 == "satellite" || side == "satellite" { "satellite" } else { side };
        entry.1 = entry.1.min(fact.from);
        entry.2 = entry.2.max(fact.until);
    }
    let extra = |a: &AccountKey| extras.get(a).copied().unwrap_or_default();
    Columns::default()
        .tenants("tenant", all.keys().map(|a| Some(a.tenant)))
        .guids("object", all.keys().map(|a| Some(a.object)))
        .texts("side", all.values().map(|v| Some(v.0)))
        .texts("display", all.keys().map(|a| extra(a).display))
        .texts("display_text", all.keys().map(|a| extra(a).display))
        .texts("employee", all.keys().map(|a| extra(a).employee))
        .texts("employee_text", all.keys().map(|a| extra(a).employee))
        .texts("onprem_sid", all.keys().map(|a| extra(a).onprem_sid))
        .texts("onprem_sid_text", all.keys().map(|a| extra(a).onprem_sid))
        .texts("immutable_id", all.keys().map(|a| extra(a).immutable_id))
        .texts("immutable_id_text", all.keys().map(|a| extra(a).immutable_id))
        .guids("home_object", all.keys().map(|a| extra(a).home_object))
        .guids("home_object_text", all.keys().map(|a| extra(a).home_object))
        .times("valid_from", all.values().map(|v| v.1))
        .times("valid_until", all.values().map(|v| v.2))
        .finish()
}

/// A name that an account bore from one moment to another.
struct Name<'a> {
    account: AccountKey,
    name: &'a str,
    source: &'static str,
    side: &'static str,
    from: EventTime,
    until: EventTime,
}

impl<'a> Name<'a> {
    /// What follows the last `@`.
    fn domain(&self) -> Option<&'a str> {
        self.name.rsplit_once('@').map(|(_, domain)| domain).filter(|d| !d.is_empty())
    }

    /// The name as an `#EXT#` name begins with it: `@` becomes `_` and nothing else changes (exports.md 7.3). Of a satellite's
    /// `#EXT#` name, what it begins with.
    fn encoded(&self) -> Cow<'a, str> {
        let begins = || self.name.rsplit_once("#ext#@").filter(|(_, domain)| !domain.contains('@'));
        if self.side == "satellite" && self.name.contains("#ext#@") {
            return begins().map_or(self.name, |(beginning, _)| beginning).into();
        }
        self.name.replace('@', "_").into()
    }
}

/// Names by account, text and role, with neighbouring facts that both have them run together.
fn spells(facts: &[AccountFacts]) -> Vec<Name<'_>> {
    let mut all = Vec::with_capacity(facts.len() * 2);
    for fact in facts {
        for name in &fact.names {
            let source = if fact.upn.as_ref() == Some(name) { "upn" } else { "address" };
            let (from, until) = (fact.from, fact.until);
            all.push(Name { account: fact.account, name, source, side: side(fact.kind), from, until });
        }
    }
    let key = |n: &Name<'_>| (n.account, n.side, n.source);
    all.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then(a.name.cmp(b.name)).then(a.from.cmp(&b.from)));
    all.dedup_by(|next, last| {
        let same = key(next) == key(last) && next.name == last.name && next.from <= last.until;
        if same {
            last.until = last.until.max(next.until);
        }
        same
    });
    all
}

fn names(facts: &[AccountFacts]) -> Result<RecordBatch, ArrowError> {
    let all = spells(facts);
    let encoded: Vec<Cow<'_, str>> = all.iter().map(Name::encoded).collect();
    Columns::default()
        .tenants("tenant", all.iter().map(|n| Some(n.account.tenant)))
        .guids("object", all.iter().map(|n| Some(n.account.object)))
        .texts("name", all.iter().map(|n| Some(n.name)))
        .texts("name_text", all.iter().map(|n| Some(n.name)))
        .texts("encoded", encoded.iter().map(|e| Some(&**e)))
        .texts("domain", all.iter().map(Name::domain))
        .texts("source", all.iter().map(|n| Some(n.source)))
        .flags("ext", all.iter().map(|n| n.name.contains("#ext#@")))
        .texts("side", all.iter().map(|n| Some(n.side)))
        .times("valid_from", all.iter().map(|n| n.from))
        .times("valid_until", all.iter().map(|n| n.until))
        .finish()
}

fn sign_ins(rows: &Rows) -> Result<RecordBatch, ArrowError> {
    let all = || rows.sign_ins.iter();
    Columns::default()
        .tenants("log", all().map(|r| Some(r.log)))
        .tenants("home", all().map(|r| Some(r.home)))
        .tenants("resource", all().map(|r| Some(r.resource)))
        .guids("object", all().map(|r| r.object))
        .texts("upn", all().map(|r| r.upn.as_deref()))
        .guids("app", all().map(|r| r.app))
        .times("time", all().map(|r| r.time))
        .texts("id", all().map(|r| Some(r.id.as_str())))
        .guids("correlation", all().map(|r| r.correlation))
        .flags("direct", all().map(|r| matches!(r.access, Access::DirectConnect | Access::Delegated)))
        .flags("success", all().map(|r| r.success))
        .finish()
}

fn invitations(rows: &Rows) -> Result<RecordBatch, ArrowError> {
    let all = || rows.invitations.iter();
    Columns::default()
        .tenants("tenant", all().map(|r| Some(r.guest.tenant)))
        .guids("object", all().map(|r| Some(r.guest.object)))
        .texts("address", all().map(|r| Some(r.address.as_str())))
        .texts("address_text", all().map(|r| Some(r.address.as_str())))
        .flags("redeemed", all().map(|r| r.redeemed))
        .times("time", all().map(|r| r.time))
        .texts("id", all().map(|r| Some(r.id.as_str())))
        .finish()
}

fn provisioning(rows: &Rows) -> Result<RecordBatch, ArrowError> {
    let all = || rows.provisioning.iter();
    Columns::default()
        .tenants("source_tenant", all().map(|r| Some(r.source.tenant)))
        .guids("source_object", all().map(|r| Some(r.source.object)))
        .tenants("target_tenant", all().map(|r| r.target_tenant))
        .guids("target_object", all().map(|r| Some(r.target)))
        .texts("action", all().map(|r| Some(r.action.as_str())))
        .times("time", all().map(|r| r.time))
        .texts("id", all().map(|r| Some(r.id.as_str())))
        .finish()
}

fn callers(rows: &Rows) -> Result<RecordBatch, ArrowError> {
    let all = || rows.callers.iter();
    Columns::default()
        .tenants("log", all().map(|r| Some(r.log)))
        .tenants("tenant", all().map(|r| Some(r.caller.tenant)))
        .guids("object", all().map(|r| Some(r.caller.object)))
        .tenants("provider", all().map(|r| r.provider))
        .texts("home_puid", all().map(|r| r.home_puid.as_deref()))
        .texts("puid", all().map(|r| r.puid.as_deref()))
        .texts("onprem_sid", all().map(|r| r.onprem_sid.as_deref()))
        .times("time", all().map(|r| r.time))
        .texts("id", all().map(|r| Some(r.id.as_str())))
        .finish()
}

fn principals(rows: &Rows) -> Result<RecordBatch, ArrowError> {
    let all = || rows.principals.iter();
    Columns::default()
        .tenants("tenant", all().map(|r| Some(r.account.tenant)))
        .guids("object", all().map(|r| Some(r.account.object)))
        .guids("app", all().map(|r| Some(r.app)))
        .tenants("owner", all().map(|r| r.owner))
        .flags("managed", all().map(|r| r.managed))
        .texts("name", all().map(|r| r.name.as_deref()))
        .times("time", all().map(|r| r.time))
        .texts("id", all().map(|r| Some(r.id.as_str())))
        .finish()
}

fn statements(rows: &Rows) -> Result<RecordBatch, ArrowError> {
    let all = || rows.statements.iter();
    Columns::default()
        .tenants("account_tenant", all().map(|r| Some(r.account.tenant)))
        .guids("account_object", all().map(|r| Some(r.account.object)))
        .tenants("home_tenant", all().map(|r| Some(r.home.tenant)))
        .guids("home_object", all().map(|r| Some(r.home.object)))
        .times("time", all().map(|r| r.at))
        .texts("verdict", all().map(|r| Some(r.verdict.code())))
        .texts("author", all().map(|r| Some(r.author.as_str())))
        .texts("reason", all().map(|r| Some(r.reason.as_str())))
        .times("valid_from", all().map(|r| r.from))
        .times("valid_until", all().map(|r| r.until))
        .finish()
}
