//! What captures tell of identities, to be asked by whoever names a tenant and an account in words. Knows how people name accounts;
//! weighs nothing.

use crate::command::{inputs, not_after};
use crate::config::Config;
use crate::failure::Failure;
use crate::intake::intake;
use crate::journal::{Identities, join, weigh};
use crate::progress;
use caponier_identity::Index;
use caponier_model::{
    AccountFacts, AccountKey, EventTime, Guid, Handle, IdentityChange, Link, Persons, Rows, TenantId, Tenants,
};
use caponier_wire as wire;
use std::path::PathBuf;

/// As of the latest known state: just before the end of time, where what has ended has ended.
pub const LATEST: EventTime = EventTime::from_nanos(i64::MAX - 1);

/// Everything that captures tell of identities.
pub struct Scene {
    /// The rows of evidence, with what people said.
    pub rows: Rows,
    /// What was made of them.
    pub identities: Identities,
    /// The same, to be probed.
    pub index: Index,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

impl Scene {
    /// Reads captures and runs the join.
    ///
    /// # Errors
    /// A path is missing, the disk fails, or a query does.
    pub fn learn(config: &Config, captures: &[PathBuf]) -> Result<Self, Failure> {
        let (inputs, _, _) = inputs(captures)?;
        let bar = progress::bytes(inputs.iter().map(|i| i.bytes).sum(), "reading");
        let mut taken = intake(config, &inputs, not_after(config), &bar)?;
        bar.finish_and_clear();
        let step = progress::step("joining");
        let identities = join(config, &mut taken)?;
        step.finish_and_clear();
        let files = inputs.into_iter().map(|input| input.path).collect();
        Ok(Self { index: index(&identities), rows: taken.rows, identities, files })
    }

    /// The same captures with other decisions.
    ///
    /// # Errors
    /// A query fails.
    pub fn again(&self, config: &Config) -> Result<Self, Failure> {
        let mut rows = self.rows.clone();
        let identities = weigh(config, &mut rows, self.identities.tenants.clone())?;
        Ok(Self { index: index(&identities), rows, identities, files: self.files.clone() })
    }

    /// The tenant that a word names.
    ///
    /// # Errors
    /// None is called so.
    pub fn tenant(&self, said: &str) -> Result<TenantId, Failure> {
        tenant(said, &self.identities.tenants)
    }

    /// The account that a word names in a tenant at one instant.
    ///
    /// # Errors
    /// Nobody bears it then, or more than one account does; the message says who did or does.
    pub fn account(&self, said: &str, tenant: TenantId, at: EventTime) -> Result<AccountKey, Failure> {
        let said = said.trim();
        let (lower, upper) = (said.to_lowercase(), said.to_ascii_uppercase());
        let guid = Guid::parse(said);
        if let Some(key) = guid.map(|object| AccountKey { tenant, object }).filter(|key| self.knows(*key)) {
            return Ok(key);
        }
        let handles: Vec<Handle<'_>> = match guid {
            Some(app) => vec![Handle::App(app), Handle::Device(&lower)],
            None if upper.starts_with("S-1-") => vec![Handle::Sid(&upper)],
            None => vec![Handle::Name(&lower), Handle::Puid(&upper), Handle::Device(&lower)],
        };
        if let Some(found) = handles.iter().find_map(|h| self.index.account(tenant, *h, at)) {
            return Ok(found);
        }
        let name = self.identities.tenants.name(tenant);
        let mut bearers: Vec<AccountKey> = handles.iter().flat_map(|h| self.index.bearers(tenant, *h)).collect();
        bearers.sort_unstable();
        bearers.dedup();
        let told = match &bearers[..] {
            [] => format!("nothing that was read shows {said:?} in {name}; check the tenant, or name the object id"),
            [one] => format!("nobody in {name} bears {said:?} at that time; {} did at another (see --at)", one.object),
            many => {
                let ids: Vec<_> = many.iter().map(|k| k.object.to_string()).collect();
                format!(
                    "{said:?} in {name} is no single account at that time; name one by its object id: {}",
                    ids.join(", ")
                )
            }
        };
        Err(Failure::Failed(told))
    }

    /// Does anything that was read speak of the account?
    fn knows(&self, key: AccountKey) -> bool {
        let Identities { testimony, refusals, .. } = &self.identities;
        !self.history(key).is_empty()
            || !self.links(key).is_empty()
            || self.to(key).next().is_some()
            || testimony.evidence.iter().any(|e| e.account == key || e.home == key)
            || testimony.refutations.iter().any(|r| r.account == key)
            || refusals.iter().any(|r| r.account == key)
    }

    /// Every fact of an account, in order of time.
    pub fn history(&self, key: AccountKey) -> &[AccountFacts] {
        let facts = &self.identities.facts;
        let from = facts.partition_point(|f| f.account < key);
        &facts[from..from + facts[from..].partition_point(|f| f.account == key)]
    }

    /// Every link of an account, in any state, in order of time.
    pub fn links(&self, key: AccountKey) -> Vec<&Link> {
        let all = &self.identities.links;
        let from = all.partition_point(|l| l.account < key);
        let mut links: Vec<_> = all[from..].iter().take_while(|l| l.account == key).collect();
        links.sort_by_key(|l| (l.from, l.until, l.home));
        links
    }

    /// Every link to an account, in any state.
    pub fn to(&self, home: AccountKey) -> impl Iterator<Item = &Link> {
        self.identities.links.iter().filter(move |l| l.home == home)
    }

    /// The name people use for a tenant, else its id.
    pub fn tenant_name(&self, id: TenantId) -> String {
        self.identities.tenants.name(id).to_string()
    }
}

fn index(identities: &Identities) -> Index {
    let mut index = Index::default();
    for facts in &identities.facts {
        index.apply(IdentityChange::Account(facts.clone()));
    }
    for link in &identities.links {
        index.apply(IdentityChange::Link(link.clone()));
    }
    index
}

/// The tenant that a word names: its id, name or a verified domain.
///
/// # Errors
/// None is called so; the message lists those that are known.
pub fn tenant(said: &str, tenants: &Tenants) -> Result<TenantId, Failure> {
    let (folded, id) = (said.trim().to_ascii_lowercase(), TenantId::parse(said.trim()));
    let called = |t: &&caponier_model::Tenant| {
        Some(t.id) == id || t.name.eq_ignore_ascii_case(&folded) || t.domains.iter().any(|d| *d == folded)
    };
    let found = tenants.all.iter().find(called);
    found.map(|t| t.id).ok_or_else(|| {
        let known: Vec<_> = tenants.all.iter().map(|t| format!("{} ({})", t.name, t.id)).collect();
        Failure::Usage(format!("no tenant is called {said:?}; known are {}", known.join(", ")))
    })
}

/// A time of the command line; [`LATEST`] without one.
///
/// # Errors
/// It is no time.
pub fn as_of(said: Option<&str>) -> Result<EventTime, Failure> {
    said.map_or(Ok(LATEST), |text| time("--at", text))
}

/// A time of the command line.
///
/// # Errors
/// It is no time.
pub fn time(flag: &str, said: &str) -> Result<EventTime, Failure> {
    let told = || Failure::Usage(format!("{flag} {said:?} is no time; write it like 2026-03-02T12:00:00Z"));
    wire::parse_time(said).ok_or_else(told)
}
