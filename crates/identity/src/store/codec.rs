//! Values as bytes: how the store holds what it knows at rest and in snapshots. Knows the shape of the model's nouns, not what
//! any of them means.
//!
//! Equal values have equal bytes under one set of [`Words`], so that bytes may stand for rows in a set. Every structure is taken
//! apart field by field: a field added to the model does not compile until it is kept here, too.

use caponier_model::{
    Access, AccountKey, AccountRow, Ambiguity, CallerRow, DeviceRow, EventTime, Evidence, EvidenceKind, Guid,
    InvitationRow, Link, LinkState, PrincipalRow, ProvisioningRow, Refusal, RefusalReason, Refutation, SignInRow,
    Statement, TenantId, Verdict,
};
use compact_str::{CompactString, ToCompactString};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, Hash};

/// Values that many rows repeat (tenants, applications, sign-in names), each kept once and called by its number.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    pub(super) guids: Interned<Guid>,
    pub(super) texts: Interned<CompactString>,
}

/// Distinct values, numbered in order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Interned<T> {
    list: Vec<T>,
    index: HashTable<u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { list: Vec::new(), index: HashTable::new() }
    }
}

impl<T: Hash + Eq + Clone> Interned<T> {
    /// The number of a value, given to it when it is new.
    pub(super) fn number(&mut self, value: &T) -> u32 {
        let Self { list, index } = self;
        let hash = |v: &T| FixedState::default().hash_one(v);
        match index.entry(hash(value), |at| list[*at as usize] == *value, |at| hash(&list[*at as usize])) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let number = u32::try_from(list.len()).unwrap_or(u32::MAX);
                place.insert(number);
                list.push(value.clone());
                number
            }
        }
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.list.get(number)
    }

    /// All values, by number.
    pub(super) fn all(&self) -> &[T] {
        &self.list
    }
}

/// Where bytes go.
pub(super) struct Out<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) words: &'a mut Words,
}

/// Seven bits a byte, the least significant first.
pub(super) fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// How many bytes [`number`] takes.
pub(super) const fn number_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

impl Out<'_> {
    pub(super) fn number(&mut self, value: u64) {
        number(self.bytes, value);
    }

    fn guid(&mut self, guid: Guid) {
        self.bytes.extend_from_slice(&guid.as_u128().to_le_bytes());
    }

    fn word(&mut self, guid: Guid) {
        let number = self.words.guids.number(&guid);
        self.number(u64::from(number));
    }
}

/// Where bytes come from. Whatever they are, reading ends: with a value or with `None`.
#[derive(Clone, Copy)]
pub(super) struct In<'a, 'w> {
    pub(super) bytes: &'a [u8],
    pub(super) words: &'w Words,
}

impl<'a> In<'a, '_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits.checked_shl(shift).filter(|v| v >> shift == bits)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(usize::try_from(length).ok()?)?;
        self.bytes = rest;
        Some(taken)
    }

    fn guid(&mut self) -> Option<Guid> {
        let (first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(Guid::from_u128(u128::from_le_bytes(*first)))
    }

    fn word(&mut self) -> Option<Guid> {
        let number = self.number()?;
        self.words.guids.get(usize::try_from(number).ok()?).copied()
    }
}

/// A value that has a form in bytes.
pub(super) trait Coded: Sized {
    fn write(&self, out: &mut Out<'_>);
    fn read(from: &mut In<'_, '_>) -> Option<Self>;
}

impl Coded for bool {
    fn write(&self, out: &mut Out<'_>) {
        out.bytes.push(u8::from(*self));
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Coded for u32 {
    fn write(&self, out: &mut Out<'_>) {
        out.number(u64::from(*self));
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        from.number()?.try_into().ok()
    }
}

impl Coded for EventTime {
    fn write(&self, out: &mut Out<'_>) {
        out.bytes.extend_from_slice(&self.nanos().to_le_bytes());
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        let (first, rest) = from.bytes.split_first_chunk()?;
        from.bytes = rest;
        Some(Self::from_nanos(i64::from_le_bytes(*first)))
    }
}

impl Coded for Guid {
    fn write(&self, out: &mut Out<'_>) {
        out.guid(*self);
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        from.guid()
    }
}

impl Coded for TenantId {
    fn write(&self, out: &mut Out<'_>) {
        out.word(self.0);
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        from.word().map(Self)
    }
}

impl Coded for AccountKey {
    fn write(&self, out: &mut Out<'_>) {
        self.tenant.write(out);
        self.object.write(out);
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        Some(Self { tenant: Coded::read(from)?, object: Coded::read(from)? })
    }
}

/// Ids are mostly GUIDs in their canonical text: sixteen bytes instead of thirty-six.
impl Coded for CompactString {
    fn write(&self, out: &mut Out<'_>) {
        match Guid::parse(self).filter(|g| self.len() == 36 && g.to_compact_string() == *self) {
            Some(guid) => {
                out.number(1);
                out.guid(guid);
            }
            None => {
                out.number((self.len() as u64) << 1);
                out.bytes.extend_from_slice(self.as_bytes());
            }
        }
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        match from.number()? {
            1 => Some(from.guid()?.to_compact_string()),
            length if length % 2 == 0 => Self::from_utf8(from.take(length >> 1)?).ok(),
            _ => None,
        }
    }
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, out: &mut Out<'_>) {
        out.bytes.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        if bool::read(from)? { T::read(from).map(Some) } else { Some(None) }
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, out: &mut Out<'_>) {
        out.number(self.len() as u64);
        self.iter().for_each(|value| value.write(out));
    }

    /// A length that lies costs nothing: memory grows with what is read.
    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        let mut values = Self::new();
        for _ in 0..from.number()? {
            values.push(T::read(from)?);
        }
        Some(values)
    }
}

/// A value of a fixed list is its place in the list.
macro_rules! listed {
    ($($name:ty: $all:expr;)*) => {$(
        impl Coded for $name {
            fn write(&self, out: &mut Out<'_>) {
                let place = $all.iter().position(|v| v == self).unwrap_or($all.len());
                out.number(place as u64);
            }

            fn read(from: &mut In<'_, '_>) -> Option<Self> {
                $all.get(usize::try_from(from.number()?).ok()?).copied()
            }
        }
    )*};
}

const ACCESS: [Access; 5] =
    [Access::Unsaid, Access::Collaboration, Access::DirectConnect, Access::Delegated, Access::Other];
const STATES: [LinkState; 3] = [LinkState::Accepted, LinkState::Possible, LinkState::Conflict];

listed! {
    EvidenceKind: EvidenceKind::ALL;
    RefusalReason: RefusalReason::ALL;
    Verdict: Verdict::ALL;
    LinkState: STATES;
    Access: ACCESS;
}

/// A structure is its fields, in the order written here.
macro_rules! coded {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Coded for $name {
            fn write(&self, out: &mut Out<'_>) {
                let Self { $($field),* } = self;
                $($field.write(out);)*
            }

            fn read(from: &mut In<'_, '_>) -> Option<Self> {
                $(let $field = Coded::read(from)?;)*
                Some(Self { $($field),* })
            }
        }
    )*};
}

coded! {
    AccountRow {
        account, seen, created, deleted, upn, mail, addresses, display, user_type, creation_type, external_state,
        external_entra, employee, onprem_sid, immutable_id, home_object, enabled
    }
    InvitationRow { guest, address, redeemed, time, id }
    ProvisioningRow { source, target, target_tenant, action, time, id }
    CallerRow { log, caller, provider, home_puid, puid, onprem_sid, time, id }
    DeviceRow { tenant, defender, entra, object, azure, name, time }
    PrincipalRow { account, app, owner, managed, name, time, id }
    Statement { account, home, at, verdict, author, reason, from, until }
    Evidence { account, home, kind, from, until, source }
    Refutation { account, home, from, until, source }
    Ambiguity { account, home, kind, candidates, from, until, source }
    Link { account, home, state, confidence, kinds, sources, from, until }
    Refusal { account, tenant, home, reason, kinds, from, until, source }
}

/// The row of which there are most: what rows of many accounts repeat are words.
impl Coded for SignInRow {
    fn write(&self, out: &mut Out<'_>) {
        let Self { log, home, resource, object, upn, app, time, id, correlation, access, success } = self;
        log.write(out);
        home.write(out);
        resource.write(out);
        object.write(out);
        let name = upn.as_ref().map(|u| out.words.texts.number(u));
        name.write(out);
        app.map(TenantId).write(out);
        time.write(out);
        id.write(out);
        correlation.write(out);
        access.write(out);
        success.write(out);
    }

    fn read(from: &mut In<'_, '_>) -> Option<Self> {
        let (log, home, resource) = (Coded::read(from)?, Coded::read(from)?, Coded::read(from)?);
        let object = Coded::read(from)?;
        let upn = match Option::<u32>::read(from)? {
            Some(number) => Some(from.words.texts.get(number as usize)?.clone()),
            None => None,
        };
        let app = Option::<TenantId>::read(from)?.map(|word| word.0);
        let (time, id, correlation) = (Coded::read(from)?, Coded::read(from)?, Coded::read(from)?);
        let (access, success) = (Coded::read(from)?, Coded::read(from)?);
        Some(Self { log, home, resource, object, upn, app, time, id, correlation, access, success })
    }
}
