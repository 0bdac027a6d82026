//! The accounts by slot, and how often one of them was looked at: so that what a settlement costs can be held against what it was
//! about, on any machine. Knows no rows.

use super::answer::Answer;
use super::row::Held;
use caponier_model::AccountKey;
use std::cell::Cell;
use std::ops::{Index, IndexMut};

/// One account at rest.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) key: AccountKey,
    /// The tenant as a word.
    pub(super) tenant: u32,
    pub(super) rows: Held,
    pub(super) answer: Answer,
}

/// All of them. A settlement has no way to one that is not counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    all: Vec<Account>,
    looks: Cell<usize>,
}

impl Accounts {
    pub(super) fn push(&mut self, account: Account) {
        self.all.push(account);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them, each looked at once.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.all.iter().inspect(|_| self.look())
    }

    /// All of them, not counted: for those who ask what is held, between settlements.
    pub(super) fn held(&self) -> impl Iterator<Item = &Account> {
        self.all.iter()
    }

    /// Whose slot it is, not counted: a table that grows asks this of everybody, as often as the number of accounts doubles.
    pub(super) fn key(&self, slot: u32) -> AccountKey {
        self.all[slot as usize].key
    }

    /// How often an account was looked at since this was last asked.
    pub(super) fn take_looks(&self) -> usize {
        self.looks.take()
    }

    fn look(&self) {
        self.looks.set(self.looks.get() + 1);
    }
}

impl Index<usize> for Accounts {
    type Output = Account;

    fn index(&self, slot: usize) -> &Account {
        self.look();
        &self.all[slot]
    }
}

impl IndexMut<usize> for Accounts {
    fn index_mut(&mut self, slot: usize) -> &mut Account {
        self.look();
        &mut self.all[slot]
    }
}
