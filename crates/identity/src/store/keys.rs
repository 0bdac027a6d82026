//! The keys of an account: what it shares with the accounts that any query could join it to. Knows the columns that queries
//! compare; weighs nothing.
//!
//! Two keys that mean different things may have one hash: that only adds rows to a question.

use caponier_model::{AccountFacts, AccountKey, AccountRow, CallerRow, Guid, NamingRule, Rows};
use foldhash::fast::FixedState;
use std::collections::BTreeMap;
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Of {
    Name,
    Local(usize),
    Puid,
    Object,
    App,
    Employee,
    Sid,
    Immutable,
    Display,
}

/// How an account comes to bear a sole key: by its directory, or by a token's claim.
const DIRECTORY: u64 = 1;
const CLAIM: u64 = 2;
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

/// What an account shares with others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Shared {
    /// Its keys, sorted, each once.
    pub(super) keys: Vec<Key>,
    /// The object ids that its rows name, in whichever tenant they are, sorted, each once.
    pub(super) objects: Vec<Guid>,
}

/// What the account that holds `rows` shares with others; `facts` are those of its rows.
pub(super) fn shared(rows: &Rows, facts: &[AccountFacts], bearer: Bearer, naming: &[NamingRule]) -> Shared {
    let (whole, sole, objects) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut keys = Keys { bearer, naming, whole, sole, objects, folded: String::new() };
    keys.directory(&rows.accounts);
    // Rows and facts of one account mostly repeat one name.
    let mut names: Vec<&str> = rows.sign_ins.iter().filter_map(|r| r.upn.as_deref()).collect();
    names.extend(facts.iter().flat_map(|f| &f.names).map(|n| n.as_str()));
    names.extend(rows.invitations.iter().map(|r| r.address.as_str()));
    names.sort_unstable();
    names.dedup();
    names.into_iter().for_each(|n| keys.name(n));
    rows.provisioning.iter().for_each(|r| keys.object(r.target));
    rows.callers.iter().for_each(|r| keys.caller(r));
    rows.principals.iter().for_each(|r| keys.whole(Of::App, r.app));
    rows.statements.iter().for_each(|r| keys.object(r.home.object));
    keys.sorted(facts)
}

/// One text of a directory row.
type Field = fn(&AccountRow) -> Option<&str>;

struct Keys<'a> {
    bearer: Bearer,
    naming: &'a [NamingRule],
    whole: Vec<u64>,
    sole: BTreeMap<u64, u64>,
    objects: Vec<Guid>,
    folded: String,
}

impl Keys<'_> {
    fn whole(&mut self, of: Of, value: impl Hash) {
        self.whole.push(hash(of, value));
    }

    fn object(&mut self, object: Guid) {
        self.whole(Of::Object, object);
        self.objects.push(object);
    }

    fn sole(&mut self, of: Of, value: &str, how: u64) {
        *self.sole.entry(hash(of, value)).or_default() |= how;
    }

    /// A name and the guest name that Entra would make of it are one key: `@` is folded to `_` as Entra does, and of a guest name
    /// only what stands before `#ext#` counts.
    fn name(&mut self, name: &str) {
        let made = name.rfind("#ext#@").filter(|at| !name[at + 6..].contains('@'));
        self.folded.clear();
        self.folded.extend(name[..made.unwrap_or(name.len())].chars().map(|c| if c == '@' { '_' } else { c }));
        self.whole.push(hash(Of::Name, self.folded.as_str()));
        if made.is_some() {
            // A home user may bear such a name as an address, where it stands for itself.
            self.folded.clear();
            self.folded.extend(name.chars().map(|c| if c == '@' { '_' } else { c }));
            self.whole.push(hash(Of::Name, self.folded.as_str()));
        }
        let local = name.split_once('@').map_or(name, |(local, _)| local);
        let tenant = self.bearer.account.tenant;
        for (number, rule) in self.naming.iter().enumerate() {
            if rule.home == tenant {
                self.whole.push(hash(Of::Local(number), local));
            }
            if rule.resource == tenant
                && let Some(local) = local.strip_prefix(&*rule.prefix).and_then(|l| l.strip_suffix(&*rule.suffix))
            {
                self.whole.push(hash(Of::Local(number), local));
            }
        }
    }

    fn caller(&mut self, row: &CallerRow) {
        row.home_puid.iter().chain(&row.puid).for_each(|p| self.whole(Of::Puid, p));
        row.onprem_sid.iter().for_each(|s| self.sole(Of::Sid, s, CLAIM));
    }

    /// Of several directory rows the latest word on each field holds, by time, then by content, as the tables of the join say.
    fn directory(&mut self, rows: &[AccountRow]) {
        let mut sorted: Vec<&AccountRow> = rows.iter().collect();
        sorted.sort_unstable_by(|a, b| a.seen.cmp(&b.seen).then_with(|| a.cmp(b)));
        sorted.iter().filter_map(|r| r.home_object).for_each(|o| self.object(o));
        let fields: [(Of, u64, Field); 4] = [
            (Of::Employee, DIRECTORY, |r| r.employee.as_deref()),
            (Of::Sid, DIRECTORY, |r| r.onprem_sid.as_deref()),
            (Of::Immutable, DIRECTORY, |r| r.immutable_id.as_deref()),
            (Of::Display, DIRECTORY | SILENT, |r| r.display.as_deref()),
        ];
        for (of, how, field) in fields {
            if let Some(latest) = sorted.iter().rev().find_map(|r| field(r)) {
                self.sole(of, latest, how);
            }
        }
    }

    /// An account's class goes by the kinds that it is of, over time, as bits, and by the last: queries count members, guests and
    /// others apart, and take what an account is by its last fact.
    fn sorted(mut self, facts: &[AccountFacts]) -> Shared {
        let tenant = self.bearer.tenant;
        let kinds = facts.iter().fold(0_u16, |kinds, f| kinds | 1 << f.kind as u16);
        let last = facts.iter().max_by_key(|f| (f.from, f.until)).map_or(0, |f| 1 + f.kind as u64);
        let class = |how: u64| SOLE | last << 56 | u64::from(tenant) << 24 | u64::from(kinds) << 8 | how;
        let sole = self.sole.into_iter().map(|(hash, how)| Key { hash, class: class(how) });
        let mut keys: Vec<Key> = self.whole.into_iter().map(|hash| Key { hash, class: 0 }).chain(sole).collect();
        keys.sort_unstable();
        keys.dedup();
        self.objects.sort_unstable();
        self.objects.dedup();
        Shared { keys, objects: self.objects }
    }
}
