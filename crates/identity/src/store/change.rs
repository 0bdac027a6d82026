//! How one account differs from when it was last settled: which of its aspects, and whom that could concern. Reads only the rows
//! that came or went, and the directory's where one of those did. Asks nothing.

use super::Store;
use super::aspects::Aspects;
use super::profile::{Profile, Profiles};
use super::row::{self, Brief, Held, Kinds};
use super::ties::{self, Bearer, Tie, Ties};
use caponier_model::{AccountKey, Rows};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Why an account counts as changed, beyond the rows that came or went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// They did.
    Rows,
    /// A domain in which it has a name came or went.
    Domain,
    /// Everything is to be asked again.
    Recheck,
}

/// A difference.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) aspects: Aspects,
    /// What it shared with others by what differs now, and shares: whole keys in either list, sole keys in the one of their time.
    pub(super) before: Vec<Tie>,
    pub(super) after: Vec<Tie>,
    /// Sign-ins that came or went.
    pub(super) sign_ins: Vec<Brief>,
    /// The other accounts of statements that came or went.
    pub(super) stated: Vec<AccountKey>,
    /// Did rows of directories or inventories come or go?
    pub(super) directory: bool,
    /// Is it nobody's home at other times?
    pub(super) outside: bool,
    /// Counterparts of sign-ins are not looked for: any could matter.
    pub(super) paired: bool,
}

/// Sign-ins that could have a counterpart, by whose they are.
type Briefs = HashMap<u32, Vec<Brief>, FixedState>;

impl Store {
    /// The difference of one account.
    pub(super) fn change(&self, slot: u32, why: Why, profiles: &mut Profiles) -> Change {
        let mut change = Change::default();
        let now = &self.accounts[slot as usize].rows;
        if let Some(before) = self.changed.get(&slot) {
            self.rows_differ(slot, before, now, profiles, &mut change);
        }
        match why {
            Why::Rows => {}
            Why::Domain => {
                change.aspects = change.aspects.or(Aspects::NAMES);
                change.directory = true;
                let mut ties = self.bearing(slot);
                profiles.now(slot, || self.profile(now)).spells().iter().for_each(|s| ties.spell(s));
                change.after.extend(ties.sorted());
            }
            Why::Recheck => {
                (change.aspects, change.paired, change.directory) = (Aspects::ALL, true, true);
                let before = self.changed.get(&slot).map(|held| self.ties(slot, held));
                change.after = self.ties(slot, now);
                change.before = before.unwrap_or_else(|| change.after.clone());
            }
        }
        change
    }

    fn rows_differ(&self, slot: u32, before: &Held, now: &Held, profiles: &mut Profiles, change: &mut Change) {
        let mut rows = Rows::default();
        for bytes in now.differing(before) {
            change.directory |= Kinds::DIRECTORY.meets(Kinds::of(bytes));
            change.sign_ins.extend(Brief::read(bytes, &self.words));
            // Written by this very store.
            let _ = row::read(bytes, &self.words, &mut rows);
        }
        let mut ties = self.bearing(slot);
        for row in row::each(&rows) {
            change.aspects = change.aspects.or(row.aspect());
            ties.row(row);
        }
        change.stated = rows.statements.iter().map(|s| s.home).collect();
        if change.directory {
            profiles.before(slot, || self.profile(before));
            profiles.now(slot, || self.profile(now));
            let Some((before, now)) = profiles.both(slot) else { return };
            let differences = now.differences(before);
            change.aspects = change.aspects.or(differences.aspects);
            change.outside = differences.outside;
            differences.spells.iter().for_each(|s| ties.spell(s));
            let differs = |t: &Tie| differences.aspects.meets(t.aspect.or(Aspects::BEING));
            let sole = |profile: &Profile| {
                let mut ties = self.bearing(slot);
                ties.sole(profile);
                ties.all.into_iter().filter(differs).collect::<Vec<_>>()
            };
            change.before = sole(before);
            change.after = sole(now);
        }
        change.after.extend(ties.sorted());
    }

    /// What the directories' rows of one account say.
    pub(super) fn profile(&self, held: &Held) -> Profile {
        Profile::new(held.rows_of(Kinds::DIRECTORY, &self.words))
    }

    /// Everything that an account with these rows shares, by sole keys and whole ones, sorted.
    pub(super) fn ties(&self, slot: u32, held: &Held) -> Vec<Tie> {
        let mut ties = self.bearing(slot);
        if held.is_empty() {
            return ties.all;
        }
        let kinds = held.kinds();
        if kinds.meets(Kinds::DIRECTORY) {
            ties.directory(&self.profile(held));
        }
        self.log_ties(held.each(), &mut ties);
        ties.sorted()
    }

    /// What an account shares by rows of logs; gives back those that are no sign-ins. Of sign-ins, of which there are most and
    /// most repeat one name, nothing else is read.
    pub(super) fn log_ties<'a>(&self, rows: impl Iterator<Item = &'a [u8]>, ties: &mut Ties<'_>) -> Rows {
        let (mut names, mut others) = (Vec::new(), Rows::default());
        for row in rows {
            if let Some(brief) = Brief::read(row, &self.words) {
                names.extend(brief.upn.map(|name| (brief.is_there(), name)));
            } else if Kinds::OTHER_LOGS.meets(Kinds::of(row)) {
                // Written by this very store.
                let _ = row::read(row, &self.words, &mut others);
            }
        }
        names.sort_unstable();
        names.dedup();
        for (there, name) in names {
            if let Some(name) = self.words.texts.get(name as usize) {
                ties.name(if there { Aspects::THERE } else { Aspects::HERE }, name);
            }
        }
        row::each(&others).for_each(|row| ties.row(row));
        others
    }

    /// Its ties, still to be gathered.
    pub(super) fn bearing(&self, slot: u32) -> Ties<'_> {
        let account = &self.accounts[slot as usize];
        Ties::new(Bearer { account: account.key, tenant: account.tenant }, &self.naming)
    }

    /// Notes of which changed accounts a sign-in that came or went could have a row in the other tenant's log: where none has,
    /// nobody is the other by that sign-in, neither before nor now.
    pub(super) fn find_counterparts(&self, changes: &mut BTreeMap<u32, Change>) {
        // Rows that went are nobody's any more.
        let mut moved: Vec<Brief> = changes.values().flat_map(|c| c.sign_ins.iter().copied()).collect();
        moved.sort_unstable_by_key(|b| b.upn);
        let mut known = Briefs::default();
        for change in changes.values_mut().filter(|c| !c.paired) {
            change.paired = change.sign_ins.iter().filter(|b| b.crosses()).any(|b| {
                let from = moved.partition_point(|m| m.upn < b.upn);
                moved[from..].iter().take_while(|m| m.upn == b.upn).any(|m| b.meets(m)) || self.is_met(b, &mut known)
            });
        }
    }

    fn is_met(&self, brief: &Brief, known: &mut Briefs) -> bool {
        let Some(name) = brief.upn.and_then(|n| self.words.texts.get(n as usize)) else { return false };
        self.postings.bearers(ties::of_name(name)).any(|(_, slot)| {
            let briefs = known.entry(slot).or_insert_with(|| {
                self.accounts[slot as usize].rows.briefs(&self.words).filter(Brief::crosses).collect()
            });
            briefs.iter().any(|b| brief.meets(b))
        })
    }
}
