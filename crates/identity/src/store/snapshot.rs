//! A store as bytes, and back. The bytes are a function of what the store holds and of its configuration, not of the order in
//! which it came; whatever bytes are given, reading them ends in a store or in an error.
//!
//! `CAPSTORE`, the version (4 bytes, big-endian), the fingerprint of the configuration (8 bytes, big-endian), the words (GUIDs,
//! texts), the derived domains as last settled, the accounts in the order of their keys: key, rows, answer, rows as last settled
//! if other, whether to ask again. Checksums are the ledger's.

use super::answer::Answer;
use super::codec::{self, Coded, In, Out, Words};
use super::row::{self, Held};
use super::{Account, Store};
use crate::Settings;
use caponier_model::{AccountKey, Guid, NamingRule, Rows, TenantId, Tenants};
use compact_str::CompactString;
use std::fmt;

const MAGIC: &[u8; 8] = b"CAPSTORE";
const VERSION: u32 = 1;

/// Why bytes are no store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestoreError {
    /// They do not begin as a snapshot of a store does.
    Foreign,
    /// They are one of another version, which stands here.
    Version(u32),
    /// They end early, or say what no store holds: what was being read.
    Damaged(&'static str),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("this is no snapshot of an identity store; read the evidence again"),
            Self::Version(found) => {
                write!(f, "the identity store is of version {found}, not {VERSION}; read the evidence again")
            }
            Self::Damaged(what) => write!(f, "the identity store is damaged in its {what}; read the evidence again"),
        }
    }
}

impl std::error::Error for RestoreError {}

impl Store {
    /// Everything the store holds, with what is still to be asked. Cost of all rows.
    pub fn snapshot(&mut self) -> Vec<u8> {
        self.absorb();
        let mut words = Words::default();
        let mut body = Vec::new();
        let mut out = Out { bytes: &mut body, words: &mut words };
        out.number(self.settled_domains.len() as u64);
        for (domain, tenant) in &self.settled_domains {
            domain.write(&mut out);
            tenant.write(&mut out);
        }
        let mut slots: Vec<u32> = (0..self.accounts.len() as u32).filter(|s| !self.is_bare(*s)).collect();
        slots.sort_unstable_by_key(|s| self.accounts[*s as usize].key);
        out.number(slots.len() as u64);
        for slot in slots {
            let Account { key, rows, answer, tenant: _ } = &self.accounts[slot as usize];
            key.write(&mut out);
            self.write_rows(rows, &mut out);
            let answer = Answer::write(&answer.read(&self.words), out.words);
            bytes(answer.bytes(), &mut out);
            let settled = self.changed.get(&slot);
            settled.is_some().write(&mut out);
            settled.into_iter().for_each(|rows| self.write_rows(rows, &mut out));
            self.recheck.contains(&slot).write(&mut out);
        }
        let mut all = MAGIC.to_vec();
        all.extend_from_slice(&VERSION.to_be_bytes());
        all.extend_from_slice(&self.fingerprint().to_be_bytes());
        codec::number(&mut all, words.guids.all().len() as u64);
        words.guids.all().iter().for_each(|g| all.extend_from_slice(&g.as_u128().to_le_bytes()));
        codec::number(&mut all, words.texts.all().len() as u64);
        for text in words.texts.all() {
            codec::number(&mut all, text.len() as u64);
            all.extend_from_slice(text.as_bytes());
        }
        all.append(&mut body);
        all
    }

    /// The store that [`Store::snapshot`] wrote. Under another configuration than then everything will be asked again.
    ///
    /// # Errors
    /// The bytes are no such snapshot, of another version, or damaged.
    pub fn restore(
        snapshot: &[u8],
        tenants: &Tenants,
        naming: Vec<NamingRule>,
        settings: Settings,
    ) -> Result<Self, RestoreError> {
        let rest = snapshot.strip_prefix(MAGIC).ok_or(RestoreError::Foreign)?;
        let (version, rest) = rest.split_first_chunk().ok_or(RestoreError::Damaged("version"))?;
        let version = u32::from_be_bytes(*version);
        if version != VERSION {
            return Err(RestoreError::Version(version));
        }
        let (fingerprint, rest) = rest.split_first_chunk().ok_or(RestoreError::Damaged("fingerprint"))?;
        let (words, rest) = read_words(rest).ok_or(RestoreError::Damaged("words"))?;
        let mut store = Self::new(tenants, naming, settings);
        store.words = words.clone();
        let mut from = In { bytes: rest, words: &words };
        store.read_domains(&mut from).ok_or(RestoreError::Damaged("domains"))?;
        store.read_accounts(&mut from).ok_or(RestoreError::Damaged("accounts"))?;
        store.index().ok_or(RestoreError::Damaged("rows"))?;
        store.index_answers().ok_or(RestoreError::Damaged("answers"))?;
        if store.fingerprint() != u64::from_be_bytes(*fingerprint) {
            store.recheck();
        }
        Ok(store)
    }

    /// Nothing to say of it but that another account's row names it.
    fn is_bare(&self, slot: u32) -> bool {
        let Account { rows, answer, .. } = &self.accounts[slot as usize];
        rows.is_empty() && answer.size() == 0 && !self.changed.contains_key(&slot)
    }

    /// The rows in an order of their own, whatever their bytes here.
    fn write_rows(&self, held: &Held, out: &mut Out<'_>) {
        let mut rows: Rows = held.rows(&self.words);
        rows.canonical();
        let mut all: Vec<Vec<u8>> = Vec::new();
        for row in row::each(&rows) {
            let mut row_bytes = Vec::new();
            row.write(&mut Out { bytes: &mut row_bytes, words: out.words });
            all.push(row_bytes);
        }
        all.sort_unstable();
        let length = all.iter().map(|r| r.len() + codec::number_length(r.len() as u64)).sum::<usize>();
        out.number(length as u64);
        all.iter().for_each(|row| bytes(row, out));
    }

    fn read_domains(&mut self, from: &mut In<'_, '_>) -> Option<()> {
        for _ in 0..from.number()? {
            let (domain, tenant): (CompactString, TenantId) = (Coded::read(from)?, Coded::read(from)?);
            self.settled_domains.insert((domain, tenant));
        }
        Some(())
    }

    fn read_accounts(&mut self, from: &mut In<'_, '_>) -> Option<()> {
        let mut last: Option<AccountKey> = None;
        for _ in 0..from.number()? {
            let key = AccountKey::read(from)?;
            (last < Some(key)).then_some(())?;
            last = Some(key);
            let slot = self.slot(key);
            let length = from.number()?;
            self.accounts[slot as usize].rows = Held::from_bytes(from.take(length)?)?;
            let length = from.number()?;
            self.accounts[slot as usize].answer = Answer::from_bytes(from.take(length)?);
            if bool::read(from)? {
                let length = from.number()?;
                let settled = Held::from_bytes(from.take(length)?)?;
                let mut rows = Rows::default();
                settled.each().try_for_each(|row| row::read(row, from.words, &mut rows))?;
                self.changed.insert(slot, settled);
            }
            if bool::read(from)? {
                self.recheck.insert(slot);
            }
        }
        from.bytes.is_empty().then_some(())
    }

    /// One number for the configuration: answers given under another one are not to be trusted.
    fn fingerprint(&self) -> u64 {
        let Self { naming, settings, domains, .. } = self;
        row::mix(format!("{:?} {naming:?} {settings:?}", domains.configured()).as_bytes()) as u64
    }
}

fn bytes(bytes: &[u8], out: &mut Out<'_>) {
    out.number(bytes.len() as u64);
    out.bytes.extend_from_slice(bytes);
}

fn read_words(bytes: &[u8]) -> Option<(Words, &[u8])> {
    let (none, mut words) = (Words::default(), Words::default());
    let mut from = In { bytes, words: &none };
    for number in 0..from.number()? {
        let guid = Guid::read(&mut from)?;
        // A repeat would leave later numbers to other values.
        (u64::from(words.guids.number(&guid)) == number).then_some(())?;
    }
    for number in 0..from.number()? {
        let length = from.number()?;
        let text = CompactString::from_utf8(from.take(length)?).ok()?;
        (u64::from(words.texts.number(&text)) == number).then_some(())?;
    }
    Some((words, from.bytes))
}
