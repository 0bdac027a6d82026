//! What the directories say of each account, as dated facts: names, identifiers, kind, existence. Several rows of one account,
//! from several exports, become one history; a rename or a conversion begins a new fact. Knows nothing of links.

mod inventory;

use crate::known::equal_range;
use caponier_model::{AccountFacts, AccountKey, AccountKind, AccountRow, EventTime, Rows};
use compact_str::{CompactString, format_compact};
use std::collections::BTreeSet;

/// The dated facts of every account that a directory or an inventory shows, sorted by account and time; n log n. The facts of an
/// account follow from the rows of that account alone.
///
/// An account holds from its creation, where that is known, else from the beginning of time: a directory seldom says when it
/// first knew somebody, and an account that is listed today was mostly there yesterday. It holds until its deletion. So two
/// accounts that bore one name, one after the other, both bear it where their dates do not tell them apart: whoever asks by name
/// finds two, and nobody is guessed. A row that leaves a field empty does not contradict an earlier one. Rows without a time count
/// as the oldest, but their names are true throughout.
///
/// PUIDs are those of the account's own tokens, as control-plane callers show them. Accounts seen only in logs get no facts:
/// their kind would be guessed. Service principals, managed identities and devices do, because their rows say what they are.
pub fn facts(rows: &Rows) -> Vec<AccountFacts> {
    let mut sorted: Vec<&AccountRow> = rows.accounts.iter().collect();
    sorted.sort_unstable_by(|a, b| (a.account, a.seen).cmp(&(b.account, b.seen)).then_with(|| a.cmp(b)));
    sorted.dedup();
    let mut puids: Vec<(AccountKey, &CompactString)> =
        rows.callers.iter().filter_map(|c| c.puid.as_ref().map(|p| (c.caller, p))).collect();
    puids.sort_unstable();
    puids.dedup();
    let mut out = Vec::with_capacity(sorted.len());
    for rows in sorted.chunk_by(|a, b| a.account == b.account) {
        let start = out.len();
        history(rows, &mut out);
        let own = equal_range(&puids, |p| p.0, rows[0].account);
        out[start..].iter_mut().for_each(|f| f.puids = own.iter().map(|p| p.1.clone()).collect());
    }
    let others = inventory::inventory(rows);
    if others.is_empty() { out } else { with_inventory(out, others) }
}

/// An account with rows of both sorts keeps its dates; its kind, where the directory does not say, is the inventory's.
fn with_inventory(mut facts: Vec<AccountFacts>, others: Vec<AccountFacts>) -> Vec<AccountFacts> {
    let shown = facts.len();
    for other in others {
        let from = facts[..shown].partition_point(|f| f.account < other.account);
        let both = facts[from..shown].iter_mut().take_while(|f| f.account == other.account);
        let mut found = false;
        for fact in both {
            found = true;
            fact.kind = if fact.kind == AccountKind::Unknown { other.kind } else { fact.kind };
            fact.display = fact.display.take().or_else(|| other.display.clone());
            fact.app = other.app;
            fact.devices.clone_from(&other.devices);
        }
        if !found {
            facts.push(other);
        }
    }
    facts.sort_unstable_by_key(|f| (f.account, f.from));
    facts
}

/// What a directory shows of an account at one moment.
#[derive(Clone, PartialEq, Eq, Default)]
struct State {
    upn: Option<CompactString>,
    mail: Option<CompactString>,
    addresses: BTreeSet<CompactString>,
    display: Option<CompactString>,
    user_type: Option<CompactString>,
    external_state: Option<CompactString>,
    external_entra: bool,
    created: bool,
    onprem_sid: Option<CompactString>,
    enabled: Option<bool>,
}

impl State {
    /// Overwrites what the row says, keeps what it leaves out.
    fn learn(&mut self, row: &AccountRow) {
        fn take<T: Clone>(into: &mut Option<T>, from: &Option<T>) {
            if from.is_some() {
                into.clone_from(from);
            }
        }
        take(&mut self.upn, &upn(row));
        take(&mut self.mail, &row.mail);
        take(&mut self.display, &row.display);
        take(&mut self.user_type, &row.user_type);
        take(&mut self.external_state, &row.external_state);
        take(&mut self.onprem_sid, &row.onprem_sid);
        take(&mut self.enabled, &row.enabled);
        self.external_entra |= row.external_entra;
        self.created |= row.created.is_some() && row.external_state.is_some();
        if !row.addresses.is_empty() {
            self.addresses = row.addresses.iter().cloned().collect();
        }
    }

    /// A guest's UPN carries `#EXT#`; the user type says nothing about where somebody authenticates (exports.md 7.1).
    fn kind(&self) -> AccountKind {
        let guest = self.user_type.as_deref() == Some("guest");
        let external_name = self.upn.as_deref().is_some_and(|u| u.contains("#ext#@"));
        // Only Graph shows identities, where the absence of an Entra one means something; of the exports that show a state it is
        // also the only one that shows the creation.
        let consumer = self.created && self.external_state.as_deref() == Some("accepted") && !self.external_entra;
        match (external_name, guest) {
            (true, _) if consumer => AccountKind::ConsumerGuest,
            (true, true) => AccountKind::ExternalGuest,
            (true, false) if self.user_type.is_some() => AccountKind::ExternalMember,
            (true, false) => AccountKind::ExternalGuest,
            (false, true) => AccountKind::InternalGuest,
            (false, false) if self.user_type.is_some() => AccountKind::Member,
            (false, false) => AccountKind::Unknown,
        }
    }

    fn fact(&self, account: AccountKey, always: &BTreeSet<CompactString>) -> AccountFacts {
        let mut names: BTreeSet<_> = self.addresses.union(always).cloned().collect();
        names.extend(self.upn.iter().chain(&self.mail).cloned());
        let mut sids: Vec<_> = self.onprem_sid.iter().cloned().collect();
        sids.push(account.object.cloud_sid().into());
        sids.sort_unstable();
        AccountFacts {
            account,
            kind: self.kind(),
            upn: self.upn.clone(),
            display: self.display.clone(),
            names: names.into_iter().collect(),
            sids,
            puids: Vec::new(),
            app: None,
            devices: Vec::new(),
            enabled: self.enabled,
            from: EventTime::MIN,
            until: EventTime::MAX,
        }
    }
}

/// The user name that the account bore: a deleted account is listed with its own object id put before it, so that the name can be
/// given to another.
fn upn(row: &AccountRow) -> Option<CompactString> {
    let upn = row.upn.as_ref()?;
    let id = format_compact!("{:032x}", row.account.object.as_u128());
    let bare = upn.strip_prefix(id.as_str()).filter(|bare| row.deleted.is_some() && !bare.starts_with('@'));
    Some(bare.map_or_else(|| upn.clone(), CompactString::from))
}

/// The facts of one account; its rows come sorted by time, the undated first.
fn history(rows: &[&AccountRow], out: &mut Vec<AccountFacts>) {
    let Some(first) = rows.first() else { return };
    let account = first.account;
    let created = rows.iter().filter_map(|r| r.created).min();
    let deleted = deleted(rows);
    let undated = rows.iter().take_while(|r| r.seen.is_none()).count();
    let mut always = BTreeSet::new();
    let mut state = State::default();
    for row in &rows[..undated] {
        state.learn(row);
        always.extend(row.addresses.iter().chain(&row.mail).cloned().chain(upn(row)));
    }
    let start = out.len();
    let mut begin = created.unwrap_or(EventTime::MIN);
    if undated == rows.len() {
        out.push(AccountFacts { from: begin, ..state.fact(account, &always) });
    }
    for moment in rows[undated..].chunk_by(|a, b| a.seen == b.seen) {
        moment.iter().for_each(|row| state.learn(row));
        let seen = moment[0].seen.unwrap_or(begin);
        let fact = state.fact(account, &always);
        match out[start..].last_mut() {
            None => out.push(AccountFacts { from: begin, ..fact }),
            // Only what changes begins a new fact.
            Some(last) if same(last, &fact) => {}
            // A row older than the creation it reports corrects, it does not follow.
            Some(last) if seen <= begin => *last = AccountFacts { from: begin, ..fact },
            Some(last) => {
                last.until = seen;
                begin = seen;
                out.push(AccountFacts { from: begin, ..fact });
            }
        }
    }
    if let Some(deleted) = deleted {
        close(out, start, deleted);
    }
}

/// Ends the facts that `start` begins at the moment of deletion; an account that was never seen alive keeps one fact.
fn close(out: &mut Vec<AccountFacts>, start: usize, deleted: EventTime) {
    while out.len() > start + 1 && out.last().is_some_and(|f| f.from >= deleted) {
        out.pop();
    }
    if let Some(last) = out.last_mut() {
        last.from = if last.from < deleted { last.from } else { EventTime::MIN };
        last.until = deleted;
    }
}

/// The deletion that holds: the last one said, unless a later row shows the account again.
fn deleted(rows: &[&AccountRow]) -> Option<EventTime> {
    let said = rows.iter().filter(|r| r.deleted.is_some()).max_by_key(|r| (r.seen, r.deleted))?;
    let restored = rows.iter().any(|r| r.deleted.is_none() && r.seen > said.seen && r.seen > said.deleted);
    said.deleted.filter(|_| !restored)
}

fn same(a: &AccountFacts, b: &AccountFacts) -> bool {
    (a.kind, &a.upn, &a.display, &a.names, &a.sids, a.enabled)
        == (b.kind, &b.upn, &b.display, &b.names, &b.sids, b.enabled)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
