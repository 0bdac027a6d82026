//! Rows of every kind as one: whose a row is, which other accounts it names, and its bytes. Knows no keys.

use super::codec::{self, Coded, In, Out, Words};
use caponier_model::{
    Access, AccountKey, AccountRow, CallerRow, DeviceRow, Guid, InvitationRow, PrincipalRow, ProvisioningRow, Rows,
    SignInRow, Statement, TenantId,
};
use compact_str::CompactString;

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
    let Rows { accounts, sign_ins, invitations, provisioning, callers, devices, principals, statements } = rows;
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
