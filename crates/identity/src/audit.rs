//! The audit of an organisation's foreign accounts: what kind each is, whether it resolves to a home account and by what, and what
//! an identity-governance team should look at. Reads what was weighed; decides no link.

mod oversight;

pub use oversight::overlooked;

use crate::Settings;
use crate::combine::Weighed;
use crate::known::{equal_range, is_external};
use crate::span::Span;
use caponier_model::{
    Access, AccountFacts, AccountKey, AccountKind, EventTime, EvidenceKind, Link, LinkState, Pair, PrincipalRow,
    Refusal, RefusalReason, Rows, TenantId, Tenants, Testimony,
};
use std::collections::{BTreeMap, BTreeSet};

/// What an audit looks at, all of one run of the join.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The evidence rows.
    pub rows: &'a Rows,
    /// What the directories say; sorted by account and time, as [`crate::facts`] yields it.
    pub facts: &'a [AccountFacts],
    /// What the queries found.
    pub testimony: &'a Testimony,
    /// What it amounts to.
    pub weighed: &'a Weighed,
    /// The tenants and their domains.
    pub tenants: &'a Tenants,
    /// The figures it was weighed with.
    pub settings: &'a Settings,
    /// As of when.
    pub at: EventTime,
}

/// What sort of foreign account it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sort {
    /// A guest from another Entra tenant, also one that only sign-ins show.
    ExternalGuest,
    /// A member from another Entra tenant (cross-tenant synchronisation, multitenant organisation).
    ExternalMember,
    /// A guest with a password here.
    InternalGuest,
    /// Once from another tenant, made internal since.
    Converted,
    /// Works here with its home object alone (Lighthouse, GDAP).
    Delegate,
    /// Signs in here by B2B direct connect: no object here.
    DirectConnect,
    /// A second account made here for a person at home elsewhere.
    Twin,
    /// One on-premises person synchronised into both tenants.
    DualSynchronised,
    /// A personal account or one-time passcode: no home that can be seen.
    Consumer,
    /// A service principal.
    ServicePrincipal,
    /// A managed identity.
    ManagedIdentity,
    /// A device.
    Device,
}

impl Sort {
    /// All sorts, in the order they are shown.
    pub const ALL: [Self; 12] = [
        Self::ExternalGuest,
        Self::ExternalMember,
        Self::InternalGuest,
        Self::Converted,
        Self::Delegate,
        Self::DirectConnect,
        Self::Twin,
        Self::DualSynchronised,
        Self::Consumer,
        Self::ServicePrincipal,
        Self::ManagedIdentity,
        Self::Device,
    ];

    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ExternalGuest => "external_guest",
            Self::ExternalMember => "external_member",
            Self::InternalGuest => "internal_guest",
            Self::Converted => "converted",
            Self::Delegate => "delegate",
            Self::DirectConnect => "direct_connect",
            Self::Twin => "cloud_only_twin",
            Self::DualSynchronised => "dual_synchronised",
            Self::Consumer => "consumer",
            Self::ServicePrincipal => "service_principal",
            Self::ManagedIdentity => "managed_identity",
            Self::Device => "device",
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// An accepted link, or it is the home account itself.
    Resolved,
    /// A link that is only possible.
    Possible,
    /// Links that contradict each other.
    Conflict,
    /// No link, and why is in [`Audited::reasons`].
    Unresolved,
    /// At home here, or nowhere that can be seen: nothing to resolve.
    Local,
}

impl Outcome {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Possible => "possible",
            Self::Conflict => "conflict",
            Self::Unresolved => "unresolved",
            Self::Local => "local",
        }
    }
}

/// What somebody should look at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Flag {
    /// Usable here while the home account is disabled.
    StaleHomeDisabled,
    /// Usable here while the home account is deleted.
    StaleHomeDeleted,
    /// Usable here while the home directory no longer shows the home account.
    StaleHomeGone,
    /// From a tenant whose directory is not read.
    OrphanHomeNotMonitored,
    /// From a tenant whose directory is read, and shows no account that it could be.
    OrphanNoHomeAccount,
    /// Invited and never redeemed.
    Pending,
    /// Signs in, and the directory export does not show it.
    NotInDirectory,
}

impl Flag {
    /// All flags.
    pub const ALL: [Self; 7] = [
        Self::StaleHomeDisabled,
        Self::StaleHomeDeleted,
        Self::StaleHomeGone,
        Self::OrphanHomeNotMonitored,
        Self::OrphanNoHomeAccount,
        Self::Pending,
        Self::NotInDirectory,
    ];

    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::StaleHomeDisabled => "stale_home_disabled",
            Self::StaleHomeDeleted => "stale_home_deleted",
            Self::StaleHomeGone => "stale_home_gone",
            Self::OrphanHomeNotMonitored => "orphan_home_not_monitored",
            Self::OrphanNoHomeAccount => "orphan_no_home_account",
            Self::Pending => "pending",
            Self::NotInDirectory => "not_in_directory",
        }
    }

    /// A guest that outlived its home account.
    pub const fn is_stale(self) -> bool {
        matches!(self, Self::StaleHomeDisabled | Self::StaleHomeDeleted | Self::StaleHomeGone)
    }

    /// A guest without a home account that is read.
    pub const fn is_orphan(self) -> bool {
        matches!(self, Self::OrphanHomeNotMonitored | Self::OrphanNoHomeAccount)
    }
}

/// One foreign account in one tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audited {
    /// Where it is met.
    pub resource: TenantId,
    /// Its home tenant, as far as a link, a log, a refusal or its name says; `None` where nothing does or there is none.
    pub home: Option<TenantId>,
    /// The account; for a delegate and a direct connection the home account itself, which has no object here.
    pub account: AccountKey,
    /// What sort it is.
    pub sort: Sort,
    /// What became of it.
    pub outcome: Outcome,
    /// The link that says so: the accepted one, else the most confident of the others.
    pub link: Option<Link>,
    /// The kind of evidence with the greatest confidence among those of [`Audited::link`].
    pub strongest: Option<EvidenceKind>,
    /// Why it is not resolved, the most telling first; empty for what is.
    pub reasons: Vec<RefusalReason>,
    /// What somebody should look at, sorted.
    pub flags: Vec<Flag>,
    /// What its directory says, where it says anything.
    pub facts: Option<AccountFacts>,
}

/// Every foreign account of every tenant as of [`Look::at`], sorted by (resource, home, account).
///
/// An account that is deleted by then is left out. Members of their own tenant are left out, too, unless something joins them to
/// an account elsewhere or they were converted. Cost: n log n of rows and facts.
pub fn audit(look: &Look<'_>) -> Vec<Audited> {
    let auditor = Auditor::new(look);
    let mut out: BTreeMap<(TenantId, AccountKey), Audited> = BTreeMap::new();
    for facts in look.facts.chunk_by(|a, b| a.account == b.account) {
        if let Some(found) = auditor.listed(facts) {
            out.insert((found.resource, found.account), found);
        }
    }
    for (resource, account, sort) in auditor.met() {
        // What the directory shows, or once showed, was judged by it.
        if account.tenant == resource && !auditor.history(account).is_empty() {
            continue;
        }
        out.entry((resource, account)).or_insert_with(|| auditor.judge(resource, account, sort));
    }
    let mut out: Vec<Audited> = out.into_values().collect();
    out.sort_by_key(|a| (a.resource, a.home, a.account));
    out
}

/// How many, of one kind in one pair.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Accounts.
    pub accounts: u64,
    /// By what became of them.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The resolved, by their strongest kind of evidence.
    pub evidence: BTreeMap<EvidenceKind, u64>,
    /// The unresolved, by their most telling reason.
    pub reasons: BTreeMap<RefusalReason, u64>,
    /// By flag.
    pub flags: BTreeMap<Flag, u64>,
    /// More than one account at home could be meant, and nothing decides.
    pub ambiguous: u64,
    /// With a stale flag.
    pub stale: u64,
    /// With an orphan flag.
    pub orphan: u64,
}

impl Counts {
    /// How many ended so.
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }

    /// Counts one account.
    pub fn add(&mut self, one: &Audited) {
        self.accounts += 1;
        *self.outcomes.entry(one.outcome).or_default() += 1;
        if let (Outcome::Resolved, Some(kind)) = (one.outcome, one.strongest) {
            *self.evidence.entry(kind).or_default() += 1;
        }
        if let (Outcome::Unresolved, Some(reason)) = (one.outcome, one.reasons.first()) {
            *self.reasons.entry(*reason).or_default() += 1;
        }
        for flag in &one.flags {
            *self.flags.entry(*flag).or_default() += 1;
        }
        self.ambiguous += u64::from(one.reasons.contains(&RefusalReason::Ambiguous));
        self.stale += u64::from(one.flags.iter().any(|f| f.is_stale()));
        self.orphan += u64::from(one.flags.iter().any(|f| f.is_orphan()));
    }
}

/// One ordered pair of tenants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PairAudit {
    /// The tenant of the home accounts; `None` for accounts of no known home.
    pub home: Option<TenantId>,
    /// The tenant where they are met.
    pub resource: TenantId,
    /// All of them.
    pub all: Counts,
    /// By sort.
    pub sorts: BTreeMap<Sort, Counts>,
}

/// Counts by ordered pair, sorted by (resource, home), those of no known home last.
pub fn by_pair(audited: &[Audited]) -> Vec<PairAudit> {
    let mut pairs: BTreeMap<(TenantId, bool, Option<TenantId>), PairAudit> = BTreeMap::new();
    for one in audited {
        let (home, resource) = (one.home, one.resource);
        let fresh = || PairAudit { home, resource, all: Counts::default(), sorts: BTreeMap::new() };
        let pair = pairs.entry((resource, home.is_none(), home)).or_insert_with(fresh);
        pair.all.add(one);
        pair.sorts.entry(one.sort).or_default().add(one);
    }
    pairs.into_values().collect()
}

/// The look, with lists that are searched by account.
struct Auditor<'a> {
    look: &'a Look<'a>,
    links: Vec<&'a Link>,
    refusals: Vec<&'a Refusal>,
    /// Satellite and the home tenant that a log names, in order of time.
    named: Vec<(AccountKey, EventTime, TenantId)>,
    /// Tenants whose directory is read.
    monitored: BTreeSet<TenantId>,
    pending: BTreeSet<AccountKey>,
    owners: BTreeMap<AccountKey, &'a PrincipalRow>,
}

impl<'a> Auditor<'a> {
    fn new(look: &'a Look<'a>) -> Self {
        let mut links: Vec<&Link> = look.weighed.links.iter().collect();
        links.sort_unstable();
        let mut refusals: Vec<&Refusal> = look.weighed.refusals.iter().collect();
        refusals.sort_unstable();
        let refuted = look.testimony.refutations.iter().map(|r| (r.account, r.from, r.home));
        let inbound = look.rows.sign_ins.iter().filter(|r| r.log == r.resource && r.home != r.log);
        let inbound = inbound.filter_map(|r| Some((AccountKey { tenant: r.log, object: r.object? }, r.time, r.home)));
        let mut named: Vec<_> =
            refuted.chain(inbound).filter(|(a, from, home)| a.tenant != *home && *from <= look.at).collect();
        named.sort_unstable();
        let mut pending: BTreeMap<AccountKey, (Option<EventTime>, bool)> = BTreeMap::new();
        for row in look.rows.accounts.iter().filter(|r| r.external_state.is_some()) {
            let is = row.external_state.as_deref() == Some("pendingacceptance");
            let entry = pending.entry(row.account).or_insert((row.seen, is));
            *entry = (*entry).max((row.seen, is));
        }
        let mut owners: BTreeMap<AccountKey, &PrincipalRow> = BTreeMap::new();
        for row in &look.rows.principals {
            let entry = owners.entry(row.account).or_insert(row);
            // A row that names the owner says more than one that does not.
            *entry = if (row.owner.is_some(), row) > (entry.owner.is_some(), *entry) { row } else { *entry };
        }
        Self {
            look,
            links,
            refusals,
            named,
            monitored: look.facts.iter().filter(|f| is_user(f.kind)).map(|f| f.account.tenant).collect(),
            pending: pending.into_iter().filter(|(_, (_, is))| *is).map(|(account, _)| account).collect(),
            owners,
        }
    }

    fn history(&self, account: AccountKey) -> &'a [AccountFacts] {
        equal_range(self.look.facts, |f| f.account, account)
    }

    fn facts(&self, account: AccountKey) -> Option<&'a AccountFacts> {
        self.history(account).iter().rev().find(|f| Span { from: f.from, until: f.until }.holds(self.look.at))
    }

    fn links(&self, account: AccountKey) -> &[&'a Link] {
        equal_range(&self.links, |l| l.account, account)
    }

    fn refusals(&self, account: AccountKey) -> impl Iterator<Item = &'a Refusal> {
        let all = equal_range(&self.refusals, |r| r.account, account).iter().copied();
        all.filter(|r| Span { from: r.from, until: r.until }.holds(self.look.at))
    }

    fn holding(&self, account: AccountKey) -> impl Iterator<Item = &'a Link> {
        let all = self.links(account).iter().copied();
        all.filter(|l| Span { from: l.from, until: l.until }.holds(self.look.at))
    }

    /// An account that its directory shows, when it is somebody's business.
    fn listed(&self, history: &[AccountFacts]) -> Option<Audited> {
        let account = history.first()?.account;
        let facts = self.facts(account)?;
        let was_external = history.iter().any(|f| f.from < facts.from && is_external(f.kind));
        let sort = match facts.kind {
            AccountKind::ExternalGuest => Sort::ExternalGuest,
            AccountKind::ExternalMember => Sort::ExternalMember,
            AccountKind::ConsumerGuest => Sort::Consumer,
            AccountKind::ServicePrincipal => Sort::ServicePrincipal,
            AccountKind::ManagedIdentity => Sort::ManagedIdentity,
            AccountKind::Device => Sort::Device,
            AccountKind::InternalGuest | AccountKind::Member | AccountKind::Unknown if was_external => Sort::Converted,
            AccountKind::InternalGuest => Sort::InternalGuest,
            AccountKind::Member | AccountKind::Unknown => self.second(account)?,
        };
        Some(self.judge(account.tenant, account, sort))
    }

    /// A member here that something joins to an account elsewhere.
    fn second(&self, account: AccountKey) -> Option<Sort> {
        use EvidenceKind as K;
        let links = self.holding(account).flat_map(|l| &l.kinds);
        let refused = self.refusals(account).flat_map(|r| &r.kinds);
        let joining = refused.filter(|k| matches!(k, K::Statement | K::CommonSource | K::EmployeeId | K::NamingRule));
        let kinds: BTreeSet<K> = links.chain(joining).copied().collect();
        match kinds.contains(&K::CommonSource) {
            true => Some(Sort::DualSynchronised),
            false => (!kinds.is_empty()).then_some(Sort::Twin),
        }
    }

    /// Accounts that logs show at work in another tenant than their own, or as somebody from elsewhere.
    fn met(&self) -> BTreeSet<(TenantId, AccountKey, Sort)> {
        let rows = self.look.rows;
        let mut out = BTreeSet::new();
        for row in rows.sign_ins.iter().filter(|r| r.log == r.resource && r.home != r.log && r.time <= self.look.at) {
            let Some(object) = row.object else { continue };
            let (tenant, sort) = match row.access {
                Access::DirectConnect => (row.home, Sort::DirectConnect),
                Access::Delegated => (row.home, Sort::Delegate),
                Access::Unsaid | Access::Collaboration | Access::Other => (row.log, Sort::ExternalGuest),
            };
            out.insert((row.log, AccountKey { tenant, object }, sort));
        }
        let delegates = rows.callers.iter().filter(|r| r.caller.tenant != r.log && r.time <= self.look.at);
        out.extend(delegates.map(|r| (r.log, r.caller, Sort::Delegate)));
        for row in rows.principals.iter().filter(|r| r.time <= self.look.at) {
            let sort = if row.managed { Sort::ManagedIdentity } else { Sort::ServicePrincipal };
            out.insert((row.account.tenant, row.account, sort));
        }
        let devices = rows.devices.iter().filter(|r| r.time <= self.look.at);
        out.extend(
            devices.filter_map(|r| Some((r.tenant, AccountKey { tenant: r.tenant, object: r.entra? }, Sort::Device))),
        );
        out
    }

    fn judge(&self, resource: TenantId, account: AccountKey, sort: Sort) -> Audited {
        let elsewhere = matches!(sort, Sort::Delegate | Sort::DirectConnect);
        // Logs of the resource tenant speak of the home object as if it were one of theirs.
        let link = self.link(AccountKey { tenant: resource, ..account });
        let reasons = self.reasons(account);
        let owner = self.owners.get(&account).and_then(|row| row.owner);
        let at_home = match sort {
            Sort::ManagedIdentity | Sort::Device | Sort::Consumer => true,
            Sort::ServicePrincipal => owner.is_none_or(|o| o == resource),
            Sort::InternalGuest | Sort::Converted => reasons.iter().all(|r| *r == RefusalReason::NoEvidence),
            _ => false,
        };
        let outcome = match link.map(|l| l.state) {
            _ if elsewhere => Outcome::Resolved,
            Some(LinkState::Accepted) => Outcome::Resolved,
            Some(LinkState::Conflict) => Outcome::Conflict,
            Some(LinkState::Possible) => Outcome::Possible,
            None if at_home => Outcome::Local,
            None => Outcome::Unresolved,
        };
        let home = match outcome {
            _ if elsewhere => Some(account.tenant),
            Outcome::Local => None,
            _ => link.map(|l| l.home.tenant).or(owner.filter(|o| *o != resource)).or_else(|| self.home_tenant(account)),
        };
        let seen_as = if sort == Sort::Delegate { Some(EvidenceKind::DelegatedCaller) } else { None };
        let mut one = Audited {
            resource,
            home,
            account,
            sort,
            outcome,
            link: link.cloned().filter(|_| !elsewhere),
            strongest: link.and_then(|l| self.strongest(l)).or(seen_as),
            reasons: if matches!(outcome, Outcome::Resolved | Outcome::Local) { Vec::new() } else { reasons },
            flags: Vec::new(),
            facts: self.facts(account).cloned(),
        };
        if outcome == Outcome::Unresolved && one.reasons.is_empty() {
            one.reasons.push(RefusalReason::NoEvidence);
        }
        one.flags = self.flags(&one);
        one
    }

    /// The accepted link, else the most confident of those in conflict, else of those that are possible.
    fn link(&self, account: AccountKey) -> Option<&'a Link> {
        let rank = |l: &&Link| match l.state {
            LinkState::Accepted => 2,
            LinkState::Conflict => 1,
            LinkState::Possible => 0,
        };
        self.holding(account).max_by_key(|l| (rank(l), l.confidence, std::cmp::Reverse(l.home)))
    }

    fn strongest(&self, link: &Link) -> Option<EvidenceKind> {
        let pair = Pair { home: link.home.tenant, resource: link.account.tenant };
        let weight = |kind: EvidenceKind| self.look.settings.scale(pair).map_or(0, |scale| scale.confidence(kind));
        link.kinds.iter().copied().max_by_key(|kind| (weight(*kind), std::cmp::Reverse(*kind)))
    }

    fn reasons(&self, account: AccountKey) -> Vec<RefusalReason> {
        let mut reasons: Vec<_> = self.refusals(account).map(|r| r.reason).collect();
        reasons.sort_unstable_by_key(|r| telling(*r));
        reasons.dedup();
        reasons
    }

    /// The home tenant that the last log names, else that a refusal is about, else that owns the domain of its name.
    fn home_tenant(&self, account: AccountKey) -> Option<TenantId> {
        let logged = equal_range(&self.named, |n| n.0, account).last().map(|n| n.2);
        let refused = || self.refusals(account).map(|r| r.tenant).find(|t| *t != account.tenant);
        logged.or_else(refused).or_else(|| self.owner_of_name(account))
    }

    /// The other tenant that owns the domain of the account's address or of its `#EXT#` name; none when they disagree.
    fn owner_of_name(&self, account: AccountKey) -> Option<TenantId> {
        let facts = self.facts(account)?;
        let mut owners = BTreeSet::new();
        for name in &facts.names {
            let prefix = name.rsplit_once("#ext#@").map(|(prefix, _)| prefix);
            for tenant in self.look.tenants.all.iter().filter(|t| t.id != account.tenant) {
                let owns = |domain: &str| match prefix {
                    Some(prefix) => {
                        prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('_') && rest.len() > 1)
                    }
                    None => name.rsplit_once('@').is_some_and(|(_, of)| of == domain),
                };
                if tenant.domains.iter().any(|d| owns(d)) {
                    owners.insert(tenant.id);
                }
            }
        }
        owners.first().copied().filter(|_| owners.len() == 1)
    }

    fn flags(&self, one: &Audited) -> Vec<Flag> {
        let mut flags = Vec::new();
        let from_elsewhere = matches!(one.sort, Sort::ExternalGuest | Sort::ExternalMember);
        if let Some(stale) = self.stale(one) {
            flags.push(stale);
        }
        if from_elsewhere && one.outcome == Outcome::Unresolved {
            let monitored = one.home.is_some_and(|home| self.monitored.contains(&home));
            let candidate =
                self.refusals(one.account).any(|r| r.home.is_some() || r.reason == RefusalReason::Ambiguous);
            match (monitored, candidate) {
                (false, _) => flags.push(Flag::OrphanHomeNotMonitored),
                (true, false) => flags.push(Flag::OrphanNoHomeAccount),
                (true, true) => {}
            }
        }
        if from_elsewhere && self.pending.contains(&one.account) {
            flags.push(Flag::Pending);
        }
        // Where no directory was read at all, its silence says nothing.
        if from_elsewhere && one.facts.is_none() && self.monitored.contains(&one.resource) {
            flags.push(Flag::NotInDirectory);
        }
        flags.sort_unstable();
        flags
    }

    /// A home account that is no longer usable, behind an account that is.
    fn stale(&self, one: &Audited) -> Option<Flag> {
        let home = self.outlived(one)?;
        match (self.facts(home), self.history(home)) {
            (Some(facts), _) => (facts.enabled == Some(false)).then_some(Flag::StaleHomeDisabled),
            (None, []) => self.monitored.contains(&home.tenant).then_some(Flag::StaleHomeGone),
            (None, history) => history.iter().all(|f| f.until <= self.look.at).then_some(Flag::StaleHomeDeleted),
        }
    }

    /// The home account that an account which is usable may have outlived. The link may have ended with it.
    fn outlived(&self, one: &Audited) -> Option<AccountKey> {
        let usable = one.facts.as_ref().is_none_or(|f| f.enabled != Some(false));
        let elsewhere = matches!(one.sort, Sort::Delegate | Sort::DirectConnect | Sort::ServicePrincipal);
        if !usable || elsewhere {
            return None;
        }
        let accepted =
            self.links(one.account).iter().filter(|l| l.state == LinkState::Accepted && l.from <= self.look.at);
        let last = accepted.max_by_key(|l| (l.until, l.from));
        last.filter(|l| one.home.is_none_or(|h| h == l.home.tenant)).map(|l| l.home)
    }
}

/// Users, whose presence shows that the directory of people is read.
fn is_user(kind: AccountKind) -> bool {
    !matches!(kind, AccountKind::ServicePrincipal | AccountKind::ManagedIdentity | AccountKind::Device)
}

/// How little a reason tells of what to do; the least first.
fn telling(reason: RefusalReason) -> usize {
    use RefusalReason as R;
    const ORDER: [R; 13] = [
        R::Stated,
        R::TwoHomes,
        R::Ambiguous,
        R::HomeNotMonitored,
        R::Refuted,
        R::HomeIsSatellite,
        R::HomeIsExternal,
        R::PairNotAllowed,
        R::OutsideLife,
        R::TooWeak,
        R::ResourceDirectoryAlone,
        R::NoEntraHome,
        R::NoEvidence,
    ];
    ORDER.iter().position(|r| *r == reason).unwrap_or(ORDER.len())
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
