//! Rows of every kind as one: whose a row is, which other accounts it names, and its bytes. Knows no keys.

use super::aspects::Aspects;
use super::codec::{self, Coded, In, Out, Words};
use caponier_model::{
    Access, AccountKey, AccountRow, CallerRow, DeviceRow, EventTime, Guid, InvitationRow, PrincipalRow,
    ProvisioningRow, Rows, SignInRow, Statement, TenantId,
};
use compact_str::CompactString;
use std::cmp::Ordering;

/// One row, borrowed.
#[derive(Clone, Copy)]
pub(super) enum Row<'a> {
    Account(&'a AccountRow),
    SignIn(&'a SignInRow),
    Invitation(&'a InvitationRow),
    Provisioning(&'a ProvisioningRow),
    Caller(&'a CallerRow),
    Device(&'a DeviceRow),
    Principal(&'a PrincipalRow),
    Statement(&'a Statement),
}

/// Every row of `rows`.
pub(super) fn each(rows: &Rows) -> impl Iterator<Item = Row<'_>> {
    // Roles and settings of partners are no evidence: only people's questions read them.
    let Rows {
        accounts,
        sign_ins,
        invitations,
        provisioning,
        callers,
        devices,
        principals,
        statements,
        roles: _,
        partners: _,
    } = rows;
    let accounts = accounts.iter().map(Row::Account).chain(sign_ins.iter().map(Row::SignIn));
    let accounts = accounts.chain(invitations.iter().map(Row::Invitation));
    let accounts = accounts.chain(provisioning.iter().map(Row::Provisioning)).chain(callers.iter().map(Row::Caller));
    let accounts = accounts.chain(devices.iter().map(Row::Device)).chain(principals.iter().map(Row::Principal));
    accounts.chain(statements.iter().map(Row::Statement))
}

impl Row<'_> {
    /// The account that holds the row: every row is held once. A row that names no object is held by a made-up one, so that
    /// rows which name the same thing stay together.
    pub(super) fn owner(self) -> AccountKey {
        match self {
            Self::Account(r) => r.account,
            Self::SignIn(r) => {
                AccountKey { tenant: r.log, object: r.object.unwrap_or_else(|| made_up(r.log, [&r.upn])) }
            }
            Self::Invitation(r) => r.guest,
            Self::Provisioning(r) => r.source,
            Self::Caller(r) => r.caller,
            Self::Device(r) => {
                let object = r.entra.unwrap_or_else(|| made_up(r.tenant, [&r.defender, &r.azure, &r.name]));
                AccountKey { tenant: r.tenant, object }
            }
            Self::Principal(r) => r.account,
            Self::Statement(r) => r.account,
        }
    }

    /// Another account that the row speaks of. It has a place in the store even if no row is its own, since testimony may be
    /// about it.
    pub(super) fn other(self) -> Option<AccountKey> {
        match self {
            Self::Provisioning(r) => r.target_tenant.map(|tenant| AccountKey { tenant, object: r.target }),
            Self::Statement(r) => Some(r.home),
            // What the log's tenant calls the caller.
            Self::Caller(r) => Some(AccountKey { tenant: r.log, object: r.caller.object }).filter(|a| *a != r.caller),
            // No object in the resource tenant: the row's object is the home account.
            Self::SignIn(r) if matches!(r.access, Access::DirectConnect | Access::Delegated) => {
                r.object.map(|object| AccountKey { tenant: r.home, object })
            }
            _ => None,
        }
    }

    /// Under which aspect queries read the row by itself; nothing for rows that only count together with others.
    pub(super) const fn aspect(self) -> Aspects {
        match self {
            Self::Account(_) | Self::Device(_) => Aspects::NONE,
            Self::SignIn(r) => sign_in(
                r.log.0.as_u128() == r.resource.0.as_u128(),
                matches!(r.access, Access::DirectConnect | Access::Delegated),
            ),
            Self::Invitation(_) => Aspects::INVITATIONS,
            Self::Provisioning(_) => Aspects::PROVISIONING,
            Self::Caller(_) => Aspects::CALLERS,
            Self::Principal(_) => Aspects::PRINCIPALS,
            Self::Statement(_) => Aspects::STATEMENTS,
        }
    }

    /// The row's bytes; the first says which kind of row follows.
    pub(super) fn write(self, out: &mut Out<'_>) {
        let mut put = |kind: u8, row: &dyn Fn(&mut Out<'_>)| {
            out.bytes.push(kind);
            row(out);
        };
        match self {
            Self::Account(r) => put(0, &|out| r.write(out)),
            Self::SignIn(r) => put(1, &|out| r.write(out)),
            Self::Invitation(r) => put(2, &|out| r.write(out)),
            Self::Provisioning(r) => put(3, &|out| r.write(out)),
            Self::Caller(r) => put(4, &|out| r.write(out)),
            Self::Device(r) => put(5, &|out| r.write(out)),
            Self::Principal(r) => put(6, &|out| r.write(out)),
            Self::Statement(r) => put(7, &|out| r.write(out)),
        }
    }
}

/// Reads the one row that `bytes` are, into its list; `None` when they are no row.
pub(super) fn read(bytes: &[u8], words: &Words, rows: &mut Rows) -> Option<()> {
    fn push<T: Coded>(from: &mut In<'_, '_>, rows: &mut Vec<T>) -> Option<()> {
        rows.push(T::read(from)?);
        Some(())
    }
    let (kind, bytes) = bytes.split_first()?;
    let mut from = In { bytes, words };
    match kind {
        0 => push(&mut from, &mut rows.accounts)?,
        1 => push(&mut from, &mut rows.sign_ins)?,
        2 => push(&mut from, &mut rows.invitations)?,
        3 => push(&mut from, &mut rows.provisioning)?,
        4 => push(&mut from, &mut rows.callers)?,
        5 => push(&mut from, &mut rows.devices)?,
        6 => push(&mut from, &mut rows.principals)?,
        7 => push(&mut from, &mut rows.statements)?,
        _ => return None,
    }
    from.bytes.is_empty().then_some(())
}

/// Kinds of rows, as a set: each is the bit that the first byte of its rows numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ACCOUNT: Self = Self(1);
    pub(super) const SIGN_IN: Self = Self(1 << 1);
    pub(super) const INVITATION: Self = Self(1 << 2);
    pub(super) const PROVISIONING: Self = Self(1 << 3);
    pub(super) const CALLER: Self = Self(1 << 4);
    pub(super) const DEVICE: Self = Self(1 << 5);
    pub(super) const PRINCIPAL: Self = Self(1 << 6);
    pub(super) const STATEMENT: Self = Self(1 << 7);

    /// Those that a [`super::profile::Profile`] is made of.
    pub(super) const DIRECTORY: Self = Self::ACCOUNT.or(Self::DEVICE).or(Self::PRINCIPAL);
    /// Rows of logs but sign-ins.
    pub(super) const OTHER_LOGS: Self =
        Self::INVITATION.or(Self::PROVISIONING).or(Self::CALLER).or(Self::PRINCIPAL).or(Self::STATEMENT);
    /// Those that facts follow from.
    pub(super) const FACTS: Self = Self::DIRECTORY.or(Self::CALLER);

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// That of a row's bytes.
    pub(super) fn of(row: &[u8]) -> Self {
        Self(row.first().and_then(|kind| 1_u8.checked_shl(u32::from(*kind))).unwrap_or(0))
    }
}

const fn sign_in(there: bool, delegated: bool) -> Aspects {
    match (there, delegated) {
        (true, true) => Aspects::DELEGATED,
        (true, false) => Aspects::THERE,
        (false, _) => Aspects::HERE,
    }
}

/// What of a sign-in tells with which others it could be one and the same: numbers of words instead of words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Brief {
    log: u32,
    home: u32,
    resource: u32,
    object: bool,
    /// The user name, as a word.
    pub(super) upn: Option<u32>,
    app: Option<u32>,
    time: EventTime,
}

/// Two rows of one sign-in lie at most so far apart, whole minutes counted.
const APART: i64 = 120 * 1_000_000_000;

impl Brief {
    /// Of a sign-in's bytes; `None` for another row's.
    pub(super) fn read(row: &[u8], words: &Words) -> Option<Self> {
        let (1, bytes) = row.split_first()? else { return None };
        let mut from = In { bytes, words };
        let word = |from: &mut In<'_, '_>| from.number().and_then(|n| u32::try_from(n).ok());
        let (log, home, resource) = (word(&mut from)?, word(&mut from)?, word(&mut from)?);
        let object = bool::read(&mut from)?;
        if object {
            from.take(16)?;
        }
        let upn = Option::<u32>::read(&mut from)?;
        let app = Option::<u32>::read(&mut from)?;
        Some(Self { log, home, resource, object, upn, app, time: EventTime::read(&mut from)? })
    }

    /// In the resource tenant's log?
    pub(super) const fn is_there(&self) -> bool {
        self.log == self.resource
    }

    /// Could there be a row of the same sign-in in the other tenant's log?
    pub(super) const fn crosses(&self) -> bool {
        self.home != self.resource && self.object && self.upn.is_some() && self.app.is_some()
    }

    /// Could the two be rows of one sign-in?
    pub(super) fn meets(&self, other: &Self) -> bool {
        let same = |b: &Self| (b.home, b.resource, b.upn, b.app);
        let apart = self.time.nanos().abs_diff(other.time.nanos());
        self.crosses() && self.is_there() != other.is_there() && same(self) == same(other) && apart <= APART as u64
    }
}

/// An object id that no directory gives out, the same for the same content on every machine.
fn made_up<'a>(tenant: TenantId, content: impl IntoIterator<Item = &'a Option<CompactString>>) -> Guid {
    let mut bytes = tenant.0.as_u128().to_le_bytes().to_vec();
    for text in content {
        bytes.push(u8::from(text.is_some()));
        bytes.extend_from_slice(text.as_deref().unwrap_or_default().as_bytes());
        bytes.push(0xff);
    }
    Guid::from_u128(mix(&bytes))
}

/// FNV-1a in 128 bits: no secret is kept by it and nobody gains from a collision, which only puts rows side by side.
pub(super) fn mix(bytes: &[u8]) -> u128 {
    let step =
        |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, step)
}

/// The rows of one account at rest: each with its length before it, in the order of their bytes, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Held(Box<[u8]>);

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes at rest.
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    /// Each row's bytes.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        let words = Words::default();
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let mut from = In { bytes: rest, words: &words };
            let length = from.number()?;
            let row = from.take(length)?;
            rest = from.bytes;
            Some(row)
        })
    }

    /// The rows of `changes` (sorted by their bytes, each once; true puts in, false takes out) put into these.
    pub(super) fn merged(&self, changes: &[(&[u8], bool)]) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + changes.iter().map(|(r, _)| r.len() + 2).sum::<usize>());
        let mut keep = |row: &[u8]| {
            codec::number(&mut bytes, row.len() as u64);
            bytes.extend_from_slice(row);
        };
        let mut left = changes.iter().peekable();
        for row in self.each() {
            while let Some((new, put)) = left.next_if(|(new, _)| *new < row) {
                if *put {
                    keep(new);
                }
            }
            match left.next_if(|(new, _)| *new == row) {
                Some((_, false)) => {}
                _ => keep(row),
            }
        }
        left.filter(|(_, put)| *put).for_each(|(new, _)| keep(new));
        Self(bytes.into())
    }

    /// The rows themselves.
    pub(super) fn rows(&self, words: &Words) -> Rows {
        let mut rows = Rows::default();
        self.read_into(words, &mut rows);
        rows
    }

    /// The rows themselves, added to `rows`.
    pub(super) fn read_into(&self, words: &Words, rows: &mut Rows) {
        for row in self.each() {
            // Written by this very module: a row that cannot be read was never put in.
            let read = read(row, words, rows);
            debug_assert!(read.is_some(), "a row at rest cannot be read");
        }
    }

    /// Is this one of the rows?
    pub(super) fn has(&self, wanted: &[u8]) -> bool {
        self.each().find(|row| *row >= wanted) == Some(wanted)
    }

    /// Which kinds of rows there are.
    pub(super) fn kinds(&self) -> Kinds {
        self.each().fold(Kinds::NONE, |kinds, row| kinds.or(Kinds::of(row)))
    }

    /// The rows of some kinds.
    pub(super) fn rows_of(&self, kinds: Kinds, words: &Words) -> Rows {
        let mut rows = Rows::default();
        for row in self.each().filter(|r| kinds.meets(Kinds::of(r))) {
            let read = read(row, words, &mut rows);
            debug_assert!(read.is_some(), "a row at rest cannot be read");
        }
        rows
    }

    /// The sign-ins, in brief.
    pub(super) fn briefs<'a>(&'a self, words: &'a Words) -> impl Iterator<Item = Brief> + 'a {
        let sign_ins = self.each().skip_while(|r| Kinds::of(r) == Kinds::ACCOUNT);
        sign_ins.take_while(|r| Kinds::of(r) == Kinds::SIGN_IN).filter_map(|r| Brief::read(r, words))
    }

    /// The rows that these or `other` have, but not both.
    pub(super) fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a [u8]> {
        let (mut mine, mut theirs) = (self.each().peekable(), other.each().peekable());
        let mut all = Vec::new();
        loop {
            let order = match (mine.peek(), theirs.peek()) {
                (None, None) => return all,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp(b),
            };
            match order {
                Ordering::Less => all.extend(mine.next()),
                Ordering::Greater => all.extend(theirs.next()),
                Ordering::Equal => drop((mine.next(), theirs.next())),
            }
        }
    }

    /// What [`Held::bytes`] gave out; `None` when it is nothing of the kind. Whether each row is one is not looked at.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let held = Self(bytes.into());
        let (mut read, mut last) = (0, None);
        for row in held.each() {
            // Sorted, each once, and each length in its shortest form: equal sets are equal bytes.
            (last < Some(row)).then_some(())?;
            last = Some(row);
            read += codec::number_length(row.len() as u64) + row.len();
        }
        (read == bytes.len()).then_some(held)
    }
}
