//! What directories and inventories say of one account, as the tables of the join will show it, so that a change which no table
//! shows costs nothing. Knows fields and spans, no queries.

use super::aspects::Aspects;
use crate::facts::facts;
use crate::known::{from_elsewhere, is_external};
use caponier_model::{AccountFacts, AccountKind, AccountRow, EventTime, Guid, Rows};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Rows of directories and inventories of one account, and their facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) rows: Rows,
    pub(super) facts: Vec<AccountFacts>,
}

/// A name that an account bore without a break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Spell<'a> {
    pub(super) name: &'a str,
    /// As a user name.
    pub(super) upn: bool,
    kind: AccountKind,
    from: EventTime,
    until: EventTime,
}

impl Spell<'_> {
    pub(super) const fn aspect(&self) -> Aspects {
        if self.upn { Aspects::UPN } else { Aspects::ADDRESS }
    }
}

/// The latest word on each field, by time, then by content, as the tables of the join say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Latest<'a> {
    pub(super) display: Option<&'a str>,
    pub(super) employee: Option<&'a str>,
    pub(super) sid: Option<&'a str>,
    pub(super) immutable: Option<&'a str>,
    pub(super) extension: Option<Guid>,
}

impl Profile {
    pub(super) fn new(rows: Rows) -> Self {
        let facts = facts(&rows);
        Self { rows, facts }
    }

    /// Every name with its spans, sorted.
    pub(super) fn spells(&self) -> Vec<Spell<'_>> {
        let mut all: Vec<Spell<'_>> = Vec::new();
        for fact in &self.facts {
            let AccountFacts { kind, from, until, .. } = *fact;
            let upn = |name| fact.upn.as_ref() == Some(name);
            all.extend(fact.names.iter().map(|n| Spell { name: n, upn: upn(n), kind, from, until }));
        }
        all.sort_unstable();
        all.dedup_by(|next, last| {
            let same = (next.name, next.upn, next.kind) == (last.name, last.upn, last.kind) && next.from <= last.until;
            if same {
                last.until = last.until.max(next.until);
            }
            same
        });
        all
    }

    pub(super) fn latest(&self) -> Latest<'_> {
        let mut sorted: Vec<&AccountRow> = self.rows.accounts.iter().collect();
        sorted.sort_unstable_by(|a, b| a.seen.cmp(&b.seen).then_with(|| a.cmp(b)));
        let mut latest = Latest::default();
        for row in sorted {
            latest.display = row.display.as_deref().or(latest.display);
            latest.employee = row.employee.as_deref().or(latest.employee);
            latest.sid = row.onprem_sid.as_deref().or(latest.sid);
            latest.immutable = row.immutable_id.as_deref().or(latest.immutable);
            latest.extension = row.home_object.or(latest.extension);
        }
        latest
    }

    /// Which kind of account it was when.
    fn being(&self) -> Vec<(AccountKind, EventTime, EventTime)> {
        let mut all: Vec<_> = self.facts.iter().map(|f| (f.kind, f.from, f.until)).collect();
        all.dedup_by(|next, last| {
            let same = next.0 == last.0 && next.1 == last.2;
            if same {
                last.2 = next.2;
            }
            same
        });
        all
    }

    /// Is it, or was it ever, an account from another Entra tenant?
    pub(super) fn is_satellite(&self) -> bool {
        self.facts.iter().any(|f| is_external(f.kind))
    }

    /// When the account is nobody's home: all that decisions about others ask of it.
    pub(super) fn outside(&self) -> Vec<(EventTime, EventTime)> {
        self.being().into_iter().filter(|b| from_elsewhere(b.0)).map(|b| (b.1, b.2)).collect()
    }

    /// What differs from `before`.
    pub(super) fn differences<'a>(&'a self, before: &'a Self) -> Differences<'a> {
        let mut aspects = Aspects::NONE;
        let mut note = |differs: bool, aspect| aspects = if differs { aspects.or(aspect) } else { aspects };
        note(self.being() != before.being(), Aspects::BEING);
        let (old, new) = (before.latest(), self.latest());
        note(old.display != new.display, Aspects::DISPLAY);
        note(old.employee != new.employee, Aspects::EMPLOYEE);
        note((old.sid, old.immutable) != (new.sid, new.immutable), Aspects::SOURCE);
        note(old.extension != new.extension, Aspects::EXTENSION);
        let old: BTreeSet<Spell<'_>> = before.spells().into_iter().collect();
        let new: BTreeSet<Spell<'_>> = self.spells().into_iter().collect();
        let spells: Vec<Spell<'_>> = old.symmetric_difference(&new).copied().collect();
        spells.iter().for_each(|s| note(true, s.aspect()));
        Differences { aspects, spells, outside: self.outside() != before.outside() }
    }
}

/// How one profile differs from another.
pub(super) struct Differences<'a> {
    pub(super) aspects: Aspects,
    /// Names with spans that only one of the two has.
    pub(super) spells: Vec<Spell<'a>>,
    /// Is it nobody's home at other times than before?
    pub(super) outside: bool,
}

/// Profiles that were made of rows lately, so that none is made twice while a change is settled.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles {
    now: HashMap<u32, Profile, FixedState>,
    /// As they were when last settled.
    before: HashMap<u32, Profile, FixedState>,
}

/// So many are kept between settlements: what a change needs, not what a first load does.
const KEPT: usize = 1 << 14;

impl Profiles {
    /// Keeps what an account shows now, and, unless something earlier is known, what it showed before.
    pub(super) fn learn(&mut self, slot: u32, before: Option<Profile>, now: Profile) {
        if self.now.len() < KEPT || self.now.contains_key(&slot) {
            self.now.insert(slot, now);
            before.into_iter().for_each(|before| drop(self.before.insert(slot, before)));
        } else {
            self.forget(slot);
        }
    }

    /// The account is what it was before.
    pub(super) fn forget(&mut self, slot: u32) {
        self.now.remove(&slot);
        self.before.remove(&slot);
    }

    pub(super) fn before(&mut self, slot: u32, make: impl FnOnce() -> Profile) -> &Profile {
        self.before.entry(slot).or_insert_with(make)
    }

    pub(super) fn now(&mut self, slot: u32, make: impl FnOnce() -> Profile) -> &Profile {
        self.now.entry(slot).or_insert_with(make)
    }

    /// The rows of a profile, which has none from now on, and its facts, which it keeps.
    pub(super) fn hand_over(&mut self, slot: u32) -> (Rows, &[AccountFacts]) {
        self.now.get_mut(&slot).map_or_else(Default::default, |p| (std::mem::take(&mut p.rows), &p.facts[..]))
    }

    /// Both, if both are known.
    pub(super) fn both(&self, slot: u32) -> Option<(&Profile, &Profile)> {
        Some((self.before.get(&slot)?, self.now.get(&slot)?))
    }
}
