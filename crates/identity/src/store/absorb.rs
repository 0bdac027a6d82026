//! Rows come in and go out: gathered until they are worth sorting, then merged into the accounts that hold them, whose keys and
//! domains follow. Asks nothing.

use super::Store;
use super::codec::Out;
use super::profile::{Profile, Profiles};
use super::row::{self, Held, Kinds, Row};
use super::ties::Key;
use caponier_model::{AccountKey, EventTime, Rows, Statement, TenantId};
use std::collections::BTreeSet;

/// Rows are merged when so many bytes of them are waiting, or when they are asked about.
const WAITING: usize = 16 << 20;

/// Rows not yet merged, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    moves: Vec<Move>,
}

/// One row put in or taken out.
#[derive(Clone, Copy, Debug)]
struct Move {
    slot: u32,
    put: bool,
    start: usize,
    end: usize,
}

impl Store {
    /// Takes rows in, up to the limit. A row that is there already counts once. Nothing is asked before [`Store::settle`].
    pub fn insert(&mut self, rows: &Rows) {
        self.gather(rows, true);
    }

    /// Takes rows out: exactly these, as they were put in. One that is not there is passed over.
    pub fn remove(&mut self, rows: &Rows) {
        self.gather(rows, false);
    }

    fn gather(&mut self, rows: &Rows, put: bool) {
        for row in row::each(rows) {
            self.gather_row(row, put);
            if self.pending.bytes.len() > WAITING {
                self.absorb();
            }
        }
    }

    /// Takes out the sign-ins and control-plane calls that were seen before a moment, and tells how many these are: what logs
    /// repeat without end. What directories, invitations, provisioning and statements say stays. Cost of one pass over all rows.
    ///
    /// What they proved is then proven no more, unless others prove it: the store is what a join of the rest would be.
    pub fn forget(&mut self, before: EventTime) -> usize {
        self.absorb();
        let logs = Kinds::SIGN_IN.or(Kinds::CALLER);
        let mut forgotten = 0;
        for slot in 0..self.accounts.len() as u32 {
            let held = &self.accounts[slot as usize].rows;
            if !held.kinds().meets(logs) {
                continue;
            }
            let mut rows = held.rows_of(logs, &self.words);
            rows.sign_ins.retain(|r| r.time < before);
            rows.callers.retain(|r| r.time < before);
            forgotten += rows.len();
            self.remove(&rows);
        }
        self.absorb();
        forgotten
    }

    /// Takes out every row that a tenant's own logs and directory brought, and what was stated of its accounts; tells how many. Cost of one
    /// pass over all rows. What follows is told by the next settlement, as of any rows that go.
    pub fn purge(&mut self, tenant: TenantId) -> usize {
        self.absorb();
        let mut purged = 0;
        for slot in 0..self.accounts.len() as u32 {
            let account = &self.accounts[slot as usize];
            if account.rows.is_empty() {
                continue;
            }
            let own = account.key.tenant == tenant;
            let mut rows = account.rows.rows(&self.words);
            if !own {
                rows.sign_ins.retain(|r| r.log == tenant);
                rows.callers.retain(|r| r.log == tenant);
                rows.statements.retain(|s| s.account.tenant == tenant || s.home.tenant == tenant);
                rows = Rows {
                    sign_ins: rows.sign_ins,
                    callers: rows.callers,
                    statements: rows.statements,
                    ..Rows::default()
                };
            }
            purged += rows.len();
            self.remove(&rows);
        }
        self.absorb();
        purged
    }

    fn gather_row(&mut self, row: Row<'_>, put: bool) {
        if put && self.held + self.pending.bytes.len() >= self.limit {
            self.refused += 1;
            return;
        }
        let slot = self.slot(row.owner());
        if let Some(other) = row.other() {
            self.slot(other);
        }
        let start = self.pending.bytes.len();
        row.write(&mut Out { bytes: &mut self.pending.bytes, words: &mut self.words });
        let end = self.pending.bytes.len();
        self.pending.moves.push(Move { slot, put, start, end });
    }

    /// Merges what is waiting.
    pub(super) fn absorb(&mut self) {
        let Pending { bytes, mut moves } = std::mem::take(&mut self.pending);
        // Of several moves of one row the last one counts.
        moves.sort_by(|a, b| (a.slot, &bytes[a.start..a.end]).cmp(&(b.slot, &bytes[b.start..b.end])));
        for moves in moves.chunk_by(|a, b| a.slot == b.slot) {
            let same = |a: &Move, b: &Move| bytes[a.start..a.end] == bytes[b.start..b.end];
            let last = moves.chunk_by(same).filter_map(|moves| moves.last());
            let rows: Vec<(&[u8], bool)> = last.map(|m| (&bytes[m.start..m.end], m.put)).collect();
            self.merge(moves[0].slot, &rows);
        }
    }

    /// Puts rows into one account, and takes rows out of it.
    fn merge(&mut self, slot: u32, rows: &[(&[u8], bool)]) {
        let before = &self.accounts[slot as usize].rows;
        let real: Vec<(&[u8], bool)> = rows.iter().copied().filter(|(row, put)| before.has(row) != *put).collect();
        if real.is_empty() {
            return;
        }
        let after = before.merged(&real);
        self.held = (self.held + after.size()).saturating_sub(before.size());
        let before = std::mem::replace(&mut self.accounts[slot as usize].rows, after);
        self.follow(slot, &before, &real);
        self.mark(slot, before);
    }

    /// What follows from the rows of an account, now that some came and others went. Costs these, and all of the account's only
    /// where it may have ceased to bear a key.
    fn follow(&mut self, slot: u32, before: &Held, moved: &[(&[u8], bool)]) {
        let now = &self.accounts[slot as usize].rows;
        let directory = moved.iter().any(|(row, _)| Kinds::DIRECTORY.meets(Kinds::of(row)));
        let of_logs = |wanted: bool| {
            let rows = moved.iter().filter(|(_, put)| *put == wanted).map(|(row, _)| *row);
            let mut ties = self.bearing(slot);
            let others = self.log_ties(rows, &mut ties);
            (ties.keys(), others.statements)
        };
        let ((mut old, went), (mut new, came)) = (of_logs(false), of_logs(true));
        let mut shown = [super::domains::Shown::new(), super::domains::Shown::new()];
        let mut profiles = None;
        if directory {
            let [before, now] = [self.profile(before), self.profile(now)];
            old.extend(self.directory_keys(slot, &before));
            new.extend(self.directory_keys(slot, &now));
            let account = self.accounts[slot as usize].key;
            shown = [&before, &now].map(|p| self.domains.shown(account, &p.facts));
            profiles = Some((before, now));
        }
        old.retain(|key| !new.contains(key));
        if !old.is_empty() {
            let borne: BTreeSet<Key> = self.ties(slot, now).into_iter().map(|t| t.key).collect();
            old.retain(|key| !borne.contains(key));
        }
        old.into_iter().for_each(|key| self.postings.remove(key, slot));
        new.into_iter().for_each(|key| self.postings.add(key, slot));
        if let Some((before, now)) = profiles {
            self.domains.count(&shown[0], -1);
            self.domains.count(&shown[1], 1);
            let before = Some(before).filter(|_| !self.changed.contains_key(&slot));
            self.profiles.learn(slot, before, now);
        }
        self.follow_statements(went, came);
    }

    fn directory_keys(&self, slot: u32, profile: &Profile) -> BTreeSet<Key> {
        let mut ties = self.bearing(slot);
        ties.directory(profile);
        ties.keys()
    }

    /// The account differs from what was last settled, unless this change has taken the difference back.
    fn mark(&mut self, slot: u32, before: Held) {
        let settled = self.changed.entry(slot).or_insert(before);
        if *settled == self.accounts[slot as usize].rows {
            self.changed.remove(&slot);
            self.profiles.forget(slot);
        }
    }

    fn follow_statements(&mut self, went: Vec<Statement>, came: Vec<Statement>) {
        for gone in went {
            for account in [gone.account, gone.home] {
                if let Some(said) = self.statements.get_mut(&account) {
                    said.remove(&gone);
                    if said.is_empty() {
                        self.statements.remove(&account);
                    }
                }
            }
        }
        for said in came {
            for account in [said.account, said.home] {
                self.statements.entry(account).or_default().insert(said.clone());
            }
        }
    }

    /// Rebuilds everything that follows from the rows of every account, as after reading them from a snapshot.
    pub(super) fn index(&mut self) -> Option<()> {
        for slot in 0..self.accounts.len() as u32 {
            for row in self.others(slot)? {
                self.slot(row);
            }
            let held = self.accounts[slot as usize].rows.clone();
            self.held += held.size();
            let rows: Vec<(&[u8], bool)> = held.each().map(|row| (row, true)).collect();
            self.follow(slot, &Held::default(), &rows);
        }
        self.profiles = Profiles::default();
        Some(())
    }

    /// The accounts that rows of this one name; `None` when one of its rows is none.
    fn others(&self, slot: u32) -> Option<Vec<AccountKey>> {
        let account = &self.accounts[slot as usize];
        let mut rows = Rows::default();
        for row in account.rows.each() {
            row::read(row, &self.words, &mut rows)?;
        }
        row::each(&rows).all(|r| r.owner() == account.key).then_some(())?;
        Some(row::each(&rows).filter_map(Row::other).collect())
    }
}
