//! The ties of an account: the keys that it shares with the accounts to which a query could join it, and by which aspect it bears
//! them. Knows the columns that queries compare; weighs nothing.
//!
//! Two keys that mean different things may have one hash: that only adds rows to a question.

use super::aspects::Aspects;
use super::profile::{Profile, Spell};
use super::row::Row;
use caponier_model::{AccountKey, Guid, NamingRule};
use foldhash::fast::FixedState;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, Hasher};

/// One key of one account.
///
/// Of a *whole* key every bearer matters: names, PUIDs, object ids, applications. Of a *sole* key (employee id, on-premises SID,
/// immutable id, display name) queries only ask, of each tenant, who its one bearer is: `class` tells apart the bearers that no
/// query takes for each other, and of two in one class more would not say more. A value is borne while it is the latest that the
/// directory says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) hash: u64,
    /// 0 for a whole key.
    pub(super) class: u64,
}

impl Key {
    pub(super) const fn is_sole(self) -> bool {
        self.class & SOLE != 0
    }

    /// Of a sole class: are several bearers passed over in silence?
    pub(super) const fn is_silent(class: u64) -> bool {
        class & SILENT != 0
    }
}

/// What a key is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Of {
    Name,
    Local,
    Puid,
    Object,
    App,
    Employee,
    Sid,
    Immutable,
    Display,
}

/// A key, and by what the account bears it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tie {
    pub(super) aspect: Aspects,
    pub(super) of: Of,
    pub(super) key: Key,
    /// The object id that is named, in whichever tenant it is.
    pub(super) object: Option<Guid>,
}

/// Marks a sole key; no class of one is 0.
const SOLE: u64 = 1 << 63;
/// Marks a sole key of which queries say something only of a tenant's one bearer, and of several nothing, not even that they are.
const SILENT: u64 = 1 << 62;

/// The account that bears the keys.
#[derive(Clone, Copy)]
pub(super) struct Bearer {
    pub(super) account: AccountKey,
    /// The tenant's number in the store.
    pub(super) tenant: u32,
}

fn hash(of: Of, value: impl Hash) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    of.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

/// The key under which others name the object id of `account`: borne by every account with that id, whatever its rows.
pub(super) fn object(account: AccountKey) -> u64 {
    hash(Of::Object, account.object)
}

/// The key that every account bears which signs in under `name`, or shows it.
pub(super) fn of_name(name: &str) -> u64 {
    hash(Of::Name, folded(before_ext(name).unwrap_or(name)))
}

/// `@` is folded to `_` as Entra does when it makes a guest name of a name.
fn folded(name: &str) -> String {
    name.chars().map(|c| if c == '@' { '_' } else { c }).collect()
}

/// Of a guest name what stands before `#ext#`.
fn before_ext(name: &str) -> Option<&str> {
    name.rfind("#ext#@").filter(|at| !name[at + 6..].contains('@')).map(|at| &name[..at])
}

/// Gathers the ties of one account.
pub(super) struct Ties<'a> {
    pub(super) bearer: Bearer,
    pub(super) naming: &'a [NamingRule],
    pub(super) all: Vec<Tie>,
}

impl<'a> Ties<'a> {
    pub(super) const fn new(bearer: Bearer, naming: &'a [NamingRule]) -> Self {
        Self { bearer, naming, all: Vec::new() }
    }

    /// The ties, sorted, each once.
    pub(super) fn sorted(mut self) -> Vec<Tie> {
        self.all.sort_unstable();
        self.all.dedup();
        self.all
    }

    /// The keys alone.
    pub(super) fn keys(self) -> BTreeSet<Key> {
        self.all.into_iter().map(|t| t.key).collect()
    }

    fn whole(&mut self, aspect: Aspects, of: Of, hash: u64) {
        self.all.push(Tie { aspect, of, key: Key { hash, class: 0 }, object: None });
    }

    fn object(&mut self, aspect: Aspects, object: Guid) {
        let key = Key { hash: hash(Of::Object, object), class: 0 };
        self.all.push(Tie { aspect, of: Of::Object, key, object: Some(object) });
    }

    /// A name and the guest name that Entra would make of it are one key.
    pub(super) fn name(&mut self, aspect: Aspects, name: &str) {
        self.whole(aspect, Of::Name, of_name(name));
        if before_ext(name).is_some() {
            // A home user may bear such a name as an address, where it stands for itself.
            self.whole(aspect, Of::Name, hash(Of::Name, folded(name)));
        }
    }

    /// A name that the directory shows; user names meet each other by naming rules, too.
    pub(super) fn spell(&mut self, spell: &Spell<'_>) {
        self.name(spell.aspect(), spell.name);
        if !spell.upn {
            return;
        }
        let local = spell.name.split_once('@').map_or(spell.name, |(local, _)| local);
        let tenant = self.bearer.account.tenant;
        for (number, rule) in self.naming.iter().enumerate() {
            if rule.home == tenant {
                self.whole(Aspects::UPN, Of::Local, hash(Of::Local, (number, local)));
            }
            if rule.resource == tenant
                && let Some(local) = local.strip_prefix(&*rule.prefix).and_then(|l| l.strip_suffix(&*rule.suffix))
            {
                self.whole(Aspects::UPN, Of::Local, hash(Of::Local, (number, local)));
            }
        }
    }

    /// A row of a log.
    pub(super) fn row(&mut self, row: Row<'_>) {
        match row {
            Row::SignIn(r) => r.upn.iter().for_each(|u| self.name(row.aspect(), u)),
            Row::Invitation(r) => self.name(row.aspect(), &r.address),
            Row::Provisioning(r) => self.object(row.aspect(), r.target),
            Row::Caller(r) => {
                r.home_puid.iter().chain(&r.puid).for_each(|p| self.whole(row.aspect(), Of::Puid, hash(Of::Puid, p)));
            }
            Row::Principal(r) => self.whole(row.aspect(), Of::App, hash(Of::App, r.app)),
            Row::Statement(r) => self.object(row.aspect(), r.home.object),
            // What follows from these is the profile's.
            Row::Account(_) | Row::Device(_) => {}
        }
    }

    /// Everything the directory shows.
    pub(super) fn directory(&mut self, profile: &Profile) {
        profile.spells().iter().for_each(|s| self.spell(s));
        profile.latest().extension.into_iter().for_each(|o| self.object(Aspects::EXTENSION, o));
        self.sole(profile);
    }

    /// The sole keys. An account's class goes by the kinds that it is of, over time, as bits, and by the last: queries count
    /// members, guests and others apart, and take what an account is by its last fact.
    pub(super) fn sole(&mut self, profile: &Profile) {
        let facts = &profile.facts;
        let kinds = facts.iter().fold(0_u16, |kinds, f| kinds | 1 << f.kind as u16);
        let last = facts.iter().max_by_key(|f| (f.from, f.until)).map_or(0, |f| 1 + f.kind as u64);
        let class = SOLE | last << 56 | u64::from(self.bearer.tenant) << 24 | u64::from(kinds) << 8;
        let latest = profile.latest();
        let fields = [
            (Aspects::EMPLOYEE, Of::Employee, latest.employee, class),
            (Aspects::SOURCE, Of::Sid, latest.sid, class),
            (Aspects::SOURCE, Of::Immutable, latest.immutable, class),
            (Aspects::DISPLAY, Of::Display, latest.display, class | SILENT),
        ];
        for (aspect, of, value, class) in fields {
            if let Some(value) = value {
                self.all.push(Tie { aspect, of, key: Key { hash: hash(of, value), class }, object: None });
            }
        }
    }
}
