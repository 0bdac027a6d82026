//! The rows of identity evidence, kept by account and by key, so that a change costs what it touches.
//!
//! **What a change touches.** Every query obeys one rule: what it says of an account rests on some aspects of that account, on some
//! aspects of the accounts that share a key with it ([`ties`]), and on what is handed to every question (tenants with their
//! domains, naming rules). Which aspects and which keys, that is the footprint of its topic ([`aspects`]). So of the changed accounts
//! (whose rows differ from those last settled, in either direction), for each topic by itself:
//!
//! - A, the accounts of which it may say something else now: those with another own aspect that it reads, and whoever shares with
//!   one that has another near aspect a key by which that aspect was borne, before the change or after it;
//! - what it is asked about: the own aspects of A, and the near aspects of whoever shares a key with one of A.
//!
//! Aspects are compared as the tables of the join show them: a display name concerns the one query that compares display names, a
//! new mail address those that look for that address, and a sign-in at home whom it could be the counterpart of, if the other log
//! has one. The same SQL runs over those rows; of its answers on a topic those about the topic's A are kept, and they are the answers
//! of the whole; on other topics what was said before still holds. All of it is weighed account by account ([`crate::decide`]); then
//! those whose homes, or whose rivals by a statement, are among them are held against each other again ([`crate::star`]). What differs
//! from what was told before is the list of changes.
//!
//! **Values that everybody bears.** An employee id `N/A` on a hundred thousand accounts would make every change cost as much. Of an
//! employee id, on-premises SID, immutable id or display name a query may ask only how many bear it in a tenant, none, one or
//! more, told apart by the bearers' kinds; who the one is, where it is one; and of more than one nothing else. So two bearers
//! of each class (tenant, kinds) are asked about. A bearer outside of C is affected only where it is the
//! only one outside of C in its class (then C may have made or ended that it is the one), or where the number of a class, up
//! to two, is another than before (then all bearers are: it happens when a value begins to be shared, not while it is; of a
//! display name not even then, since nothing is said of those who share one). Of
//! addresses all bearers are followed: [`Settled::fan_out`] tells the most that one key had.
//!
//! **Domains.** Where a tenant has none configured they follow from its members' names, which share no key with the accounts they
//! matter to: they are counted over all accounts ([`domains`]), handed to each question, and one that comes or goes makes every
//! account with a name in it a changed one.
//!
//! **At rest** an account is its rows as bytes ([`codec`]), what was last said and decided about it, as bytes too, and its keys in
//! the postings; [`Store::size`] has the figures.

mod absorb;
mod accounts;
mod answer;
mod aspects;
mod change;
mod closure;
mod codec;
mod domains;
mod portions;
mod postings;
mod profile;
mod row;
mod settle;
mod snapshot;
mod ties;

pub use domains::domains;
pub use settle::Settled;
pub use snapshot::RestoreError;

use crate::Settings;
use absorb::Pending;
use accounts::{Account, Accounts};
use answer::Answer;
use caponier_model::{AccountKey, Guid, NamingRule, Refusal, Statement, TenantId, Tenants, Testimony};
use codec::Words;
use compact_str::CompactString;
use domains::Domains;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use postings::Postings;
use profile::Profiles;
use row::Held;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

/// Rows of evidence by account and key, what was last said of each account, and what is to be asked again.
#[derive(Clone, Debug)]
pub struct Store {
    naming: Vec<NamingRule>,
    settings: Settings,
    words: Words,
    /// Slot by account; the account itself stands in the slot.
    slots: HashTable<u32>,
    accounts: Accounts,
    postings: Postings,
    /// Statements by either of the two accounts they are about.
    statements: BTreeMap<AccountKey, BTreeSet<Statement>>,
    /// Satellites by the home of a link of theirs, as decided; sorted.
    satellites: HashMap<AccountKey, Vec<AccountKey>, FixedState>,
    domains: Domains,
    /// Tenants that have accounts here.
    tenants: Vec<TenantId>,
    pending: Pending,
    profiles: Profiles,
    /// Bytes of rows that may be held, those that are, and the rows that were turned away for it.
    limit: usize,
    held: usize,
    refused: usize,
    /// Accounts whose rows differ from those last settled, with those.
    changed: BTreeMap<u32, Held>,
    /// Accounts to be asked about again though their rows are what they were.
    recheck: BTreeSet<u32>,
    /// The derived domains as last settled.
    settled_domains: BTreeSet<(CompactString, TenantId)>,
    last: Settled,
}

/// What a store holds, in bytes and numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// Accounts, with those that only a row of another names.
    pub accounts: usize,
    /// Bytes of rows at rest.
    pub rows: usize,
    /// Bytes of answers at rest.
    pub answers: usize,
    /// Keys that some account bears.
    pub keys: usize,
    /// Rows that were turned away because the limit was reached.
    pub refused: usize,
}

impl Store {
    /// An empty store. `tenants` must list every tenant of which rows will come; one without domains has them derived from its
    /// members.
    pub fn new(tenants: &Tenants, naming: Vec<NamingRule>, settings: Settings) -> Self {
        Self {
            naming,
            settings,
            words: Words::default(),
            slots: HashTable::new(),
            accounts: Accounts::default(),
            postings: Postings::default(),
            statements: BTreeMap::new(),
            satellites: HashMap::default(),
            domains: Domains::new(tenants),
            tenants: Vec::new(),
            pending: Pending::default(),
            profiles: Profiles::default(),
            limit: usize::MAX,
            held: 0,
            refused: 0,
            changed: BTreeMap::new(),
            recheck: BTreeSet::new(),
            settled_domains: BTreeSet::new(),
            last: Settled::default(),
        }
    }

    /// Holds no more than about so many bytes of rows from now on. What comes beyond is turned away and counted
    /// ([`Size::refused`]); whoever wants it in makes room with [`Store::forget`]. Without a limit memory is.
    pub const fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// The tenants with the domains that hold now, as every question gets them.
    pub fn tenants(&self) -> Tenants {
        self.domains.tenants()
    }

    /// The last thing said of one account: evidence, refutations, ambiguities, and the statements that name it.
    pub fn testimony(&self, account: AccountKey) -> Testimony {
        let mut said = self.answer(account).testimony;
        said.statements = self.statements.get(&account).into_iter().flatten().cloned().collect();
        said
    }

    /// Why one account has no link, or none that is accepted, as last settled; sorted.
    pub fn refusals(&self, account: AccountKey) -> Vec<Refusal> {
        self.answer(account).told.refusals
    }

    /// Everything last settled: what was said, and what became of it; all sorted. Cost of everything that is held.
    pub fn answers(&self) -> (Testimony, crate::Weighed) {
        let (mut said, mut weighed) = (Testimony::default(), crate::Weighed::default());
        for account in self.accounts.held() {
            let answer = account.answer.read(&self.words);
            said.evidence.extend(answer.testimony.evidence);
            said.refutations.extend(answer.testimony.refutations);
            said.ambiguities.extend(answer.testimony.ambiguities);
            weighed.links.extend(answer.told.links);
            weighed.refusals.extend(answer.told.refusals);
        }
        said.statements = self.statements.values().flatten().cloned().collect();
        said.evidence.sort_unstable();
        said.refutations.sort_unstable();
        said.ambiguities.sort_unstable();
        said.statements.sort_unstable();
        said.statements.dedup();
        weighed.links.sort_unstable();
        weighed.refusals.sort_unstable();
        (said, weighed)
    }

    /// What the last [`Store::settle`] that went well did.
    pub const fn last(&self) -> Settled {
        self.last
    }

    /// What is held, counted. Cost of one pass over the accounts.
    pub fn size(&self) -> Size {
        let rows = self.accounts.held().map(|a| a.rows.size()).sum();
        let answers = self.accounts.held().map(|a| a.answer.size()).sum();
        Size { accounts: self.accounts.len(), rows, answers, keys: self.postings.len(), refused: self.refused }
    }

    /// Asks about everything again when next settled: after a change of the queries, which the store does not know.
    pub fn recheck(&mut self) {
        self.recheck = (0..self.accounts.len() as u32).collect();
    }

    fn answer(&self, account: AccountKey) -> answer::Said {
        let slot = self.find(account);
        slot.map(|slot| self.accounts[slot as usize].answer.read(&self.words)).unwrap_or_default()
    }

    fn find(&self, account: AccountKey) -> Option<u32> {
        let same = |slot: &u32| self.accounts[*slot as usize].key == account;
        self.slots.find(hashed(account), same).copied()
    }

    /// The slot of an account, given to it when it is new.
    fn slot(&mut self, account: AccountKey) -> u32 {
        if let Some(slot) = self.find(account) {
            return slot;
        }
        let slot = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        let tenant = self.words.guids.number(&account.tenant.0);
        self.accounts.push(Account { key: account, tenant, rows: Held::default(), answer: Answer::default() });
        let accounts = &self.accounts;
        self.slots.insert_unique(hashed(account), slot, |s| hashed(accounts.key(*s)));
        if let Err(at) = self.tenants.binary_search(&account.tenant) {
            self.tenants.insert(at, account.tenant);
        }
        slot
    }

    /// Every account with this object id.
    fn with_object(&self, object: Guid) -> impl Iterator<Item = u32> {
        self.tenants.iter().filter_map(move |tenant| self.find(AccountKey { tenant: *tenant, object }))
    }
}

fn hashed(account: AccountKey) -> u64 {
    FixedState::default().hash_one(account)
}

#[cfg(test)]
mod tests;
