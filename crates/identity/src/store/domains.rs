//! The domains that are held to be verified in each tenant. For a tenant without configured ones they are those of the user names
//! of its own members, whoever they are: the one thing about an account's testimony that rests on accounts with which it shares no
//! key. So they are counted here, over all accounts, and handed to every question.

use caponier_model::{AccountFacts, AccountKey, AccountKind, TenantId, Tenants};
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

/// `tenants` with the domains that `facts` show for those which have none configured; cost of one pass.
///
/// What another tenant has configured is not derived: a directory that lists a stranger's domain does not own it.
pub fn domains(facts: &[AccountFacts], tenants: &Tenants) -> Tenants {
    let mut counted = Domains::new(tenants);
    for facts in facts.chunk_by(|a, b| a.account == b.account) {
        let shown = counted.shown(facts[0].account, facts);
        counted.count(&shown, 1);
    }
    counted.tenants()
}

/// What one account shows: the domains of its names, and whether it is a member with a user name there.
pub(super) type Shown = BTreeMap<CompactString, Option<TenantId>>;

/// Domains as counted over all accounts.
#[derive(Clone, Debug)]
pub(super) struct Domains {
    configured: Tenants,
    /// Listed tenants without a configured domain.
    open: BTreeSet<TenantId>,
    /// Accounts of open tenants that make a domain their tenant's.
    members: BTreeMap<(CompactString, TenantId), usize>,
    /// Accounts with a name in the domain, in any tenant.
    bearers: BTreeMap<CompactString, usize>,
}

impl Domains {
    pub(super) fn new(tenants: &Tenants) -> Self {
        let open = tenants.all.iter().filter(|t| t.domains.is_empty()).map(|t| t.id).collect();
        Self { configured: tenants.clone(), open, members: BTreeMap::new(), bearers: BTreeMap::new() }
    }

    /// The tenants as configured.
    pub(super) const fn configured(&self) -> &Tenants {
        &self.configured
    }

    /// False where everything is configured and nothing needs counting.
    pub(super) fn are_counted(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn shown(&self, account: AccountKey, facts: &[AccountFacts]) -> Shown {
        let mut shown = Shown::new();
        if !self.are_counted() {
            return shown;
        }
        for name in facts.iter().flat_map(|f| &f.names) {
            shown.entry(domain(name).into()).or_default();
        }
        let members = facts.iter().filter(|f| f.kind == AccountKind::Member && self.open.contains(&account.tenant));
        for name in members.filter_map(|f| f.upn.as_deref()) {
            shown.insert(domain(name).into(), Some(account.tenant));
        }
        shown.remove("");
        shown
    }

    /// Counts what one account shows, or (-1) shows no more.
    pub(super) fn count(&mut self, shown: &Shown, change: isize) {
        fn add<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K, change: isize) {
            let count = counts.entry(key);
            let count = count.or_default();
            *count = count.saturating_add_signed(change);
        }
        for (domain, tenant) in shown {
            add(&mut self.bearers, domain.clone(), change);
            if let Some(tenant) = tenant {
                add(&mut self.members, (domain.clone(), *tenant), change);
            }
        }
        if change < 0 {
            for (domain, tenant) in shown {
                if self.bearers.get(domain) == Some(&0) {
                    self.bearers.remove(domain);
                }
                if let Some(key) = tenant.map(|t| (domain.clone(), t))
                    && self.members.get(&key) == Some(&0)
                {
                    self.members.remove(&key);
                }
            }
        }
    }

    /// How many accounts have a name in the domain.
    pub(super) fn bearers(&self, domain: &str) -> usize {
        self.bearers.get(domain).copied().unwrap_or(0)
    }

    /// Every domain derived so far, with the tenant that it is derived for.
    pub(super) fn derived(&self) -> BTreeSet<(CompactString, TenantId)> {
        self.members.keys().cloned().collect()
    }

    /// The tenants, each with its domains.
    pub(super) fn tenants(&self) -> Tenants {
        let configured: BTreeSet<&str> =
            self.configured.all.iter().flat_map(|t| &t.domains).map(CompactString::as_str).collect();
        let mut tenants = self.configured.clone();
        for tenant in tenants.all.iter_mut().filter(|t| t.domains.is_empty()) {
            let own = self.members.keys().filter(|(d, t)| *t == tenant.id && !configured.contains(d.as_str()));
            tenant.domains = own.map(|(d, _)| d.clone()).collect();
        }
        tenants
    }
}

/// What follows the last `@`; empty without one.
pub(super) fn domain(name: &str) -> &str {
    name.rsplit_once('@').map_or("", |(_, domain)| domain)
}
