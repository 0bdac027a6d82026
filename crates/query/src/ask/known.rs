//! What a session of questions is about: everything the identity join learnt, and the look-ups that its tables and functions
//! share. Knows model values only.

use caponier_model::{AccountFacts, AccountKey, EventTime, Link, Persons, Refusal, Rows, TenantId, Tenants, Testimony};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What identity knows of one set of captures, handed over as plain values.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Tenants with their names and domains.
    pub tenants: Tenants,
    /// Dated facts of accounts.
    pub facts: Vec<AccountFacts>,
    /// Evidence, refutations and ambiguities.
    pub testimony: Testimony,
    /// Weighed links.
    pub links: Vec<Link>,
    /// What was not made a link, and why.
    pub refusals: Vec<Refusal>,
    /// The rows that evidence was drawn from.
    pub rows: Rows,
}

/// [`Known`] in order, with the index beside it.
pub(super) struct Subject {
    pub(super) known: Known,
    pub(super) persons: Arc<dyn Persons + Send + Sync>,
    accounts: OnceLock<Vec<AccountKey>>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} facts and {} links", self.known.facts.len(), self.known.links.len())
    }
}

impl Subject {
    pub(super) fn new(mut known: Known, persons: Arc<dyn Persons + Send + Sync>) -> Self {
        known.facts.sort_unstable_by(|a, b| (a.account, a.from).cmp(&(b.account, b.from)).then_with(|| a.cmp(b)));
        known.links.sort_unstable();
        known.refusals.sort_unstable();
        Self { known, persons, accounts: OnceLock::new() }
    }

    /// The tenant of this id, name or verified domain.
    pub(super) fn tenant(&self, said: &str) -> Option<TenantId> {
        TenantId::parse(said).or_else(|| {
            let named = |t: &&caponier_model::Tenant| {
                t.name.eq_ignore_ascii_case(said) || t.domains.iter().any(|d| d.eq_ignore_ascii_case(said))
            };
            self.known.tenants.all.iter().find(named).map(|t| t.id)
        })
    }

    /// Every fact of one account, in order of time.
    pub(super) fn facts_of(&self, account: AccountKey) -> &[AccountFacts] {
        let facts = &self.known.facts;
        let first = facts.partition_point(|f| f.account < account);
        let rest = &facts[first..];
        &rest[..rest.partition_point(|f| f.account == account)]
    }

    /// Every link of one account.
    pub(super) fn links_of(&self, account: AccountKey) -> &[Link] {
        let links = &self.known.links;
        let first = links.partition_point(|l| l.account < account);
        let rest = &links[first..];
        &rest[..rest.partition_point(|l| l.account == account)]
    }

    /// Every refusal about one account.
    pub(super) fn refusals_of(&self, account: AccountKey) -> &[Refusal] {
        let refusals = &self.known.refusals;
        let first = refusals.partition_point(|r| r.account < account);
        let rest = &refusals[first..];
        &rest[..rest.partition_point(|r| r.account == account)]
    }

    /// What is known of an account when something about it began; its last fact where nothing is known of that moment.
    pub(super) fn fact(&self, account: AccountKey, at: EventTime) -> Option<&AccountFacts> {
        let facts = self.facts_of(account);
        let then = facts.iter().rev().find(|f| f.from <= at && (at < f.until || f.until == EventTime::MAX));
        then.or_else(|| facts.last())
    }

    pub(super) fn upn(&self, account: AccountKey, at: EventTime) -> Option<&str> {
        self.fact(account, at).and_then(|f| f.upn.as_deref())
    }

    /// Every account that a directory, a link, or evidence names; sorted. Gathered on first use.
    pub(super) fn accounts(&self) -> &[AccountKey] {
        self.accounts.get_or_init(|| {
            let known = &self.known;
            let linked = known.links.iter().flat_map(|l| [l.account, l.home]);
            let witnessed = known.testimony.evidence.iter().flat_map(|e| [e.account, e.home]);
            let refused = known.refusals.iter().map(|r| r.account);
            let mut all: Vec<_> = known.facts.iter().map(|f| f.account).collect();
            all.extend(linked.chain(witnessed).chain(refused));
            all.sort_unstable();
            all.dedup();
            all
        })
    }

    pub(super) fn is_known(&self, account: AccountKey) -> bool {
        self.accounts().binary_search(&account).is_ok()
    }
}
