//! Who is who in a generated world: dated facts and links in two maps, searched from end to end.

use caponier_model::{
    AccountFacts, AccountKey, Binding, EventTime, Handle, IdentityChange, Link, LinkState, Persons, TenantId,
};
use std::collections::{BTreeMap, BTreeSet};

/// Facts and links as stated last.
#[derive(Clone, Debug, Default)]
pub struct People {
    facts: BTreeMap<(AccountKey, EventTime), AccountFacts>,
    links: BTreeMap<(AccountKey, AccountKey, EventTime), Link>,
}

impl Persons for People {
    fn account(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<AccountKey> {
        let bears = |f: &&AccountFacts| match handle {
            Handle::Name(name) => f.names.iter().any(|n| n == name),
            Handle::Sid(sid) => f.sids.iter().any(|s| s == sid),
            Handle::Puid(_) | Handle::App(_) | Handle::Device(_) => false,
        };
        let holds = |f: &&AccountFacts| f.account.tenant == tenant && f.from <= at && at < f.until;
        let found: BTreeSet<AccountKey> = self.facts.values().filter(holds).filter(bears).map(|f| f.account).collect();
        found.first().copied().filter(|_| found.len() == 1)
    }

    fn bind(&self, account: AccountKey, at: EventTime) -> Binding {
        let holds = |l: &&Link| l.account == account && l.from <= at && at < l.until;
        let mut held: Vec<Link> = self.links.values().filter(holds).cloned().collect();
        held.sort();
        let accepted: Vec<Link> = held.iter().filter(|l| l.state == LinkState::Accepted).cloned().collect();
        let [via] = &accepted[..] else { return Binding { person: account, via: None, possible: held } };
        held.retain(|l| l.state != LinkState::Accepted);
        Binding { person: via.home, via: Some(via.clone()), possible: held }
    }

    fn facts(&self, account: AccountKey, at: EventTime) -> Option<AccountFacts> {
        let holds = |f: &&AccountFacts| f.account == account && f.from <= at && at < f.until;
        self.facts.values().filter(holds).max_by_key(|f| f.from).cloned()
    }

    fn apply(&mut self, change: IdentityChange) -> Vec<AccountKey> {
        let mut touched = match change {
            IdentityChange::Account(facts) => {
                let account = facts.account;
                self.facts.insert((account, facts.from), facts);
                vec![account]
            }
            IdentityChange::Forget(account, from) => {
                self.facts.remove(&(account, from));
                vec![account]
            }
            IdentityChange::Link(link) => {
                let ends = vec![link.account, link.home];
                self.links.insert((link.account, link.home, link.from), link);
                ends
            }
            IdentityChange::Unlink(account, home, from) => {
                self.links.remove(&(account, home, from));
                vec![account, home]
            }
        };
        touched.sort();
        touched
    }
}
