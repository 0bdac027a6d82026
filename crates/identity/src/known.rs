//! What was said of each account, to be asked by account: evidence, refutations, ambiguities, facts, statements. Decides nothing.

use crate::span::Span;
use crate::statement::Words;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Ambiguity, EventTime, Evidence, EvidenceKind, Refutation, Testimony,
};

/// Sorted lists, searched by account.
pub(crate) struct Known<'a> {
    evidence: Vec<&'a Evidence>,
    refutations: Vec<&'a Refutation>,
    ambiguities: Vec<&'a Ambiguity>,
    facts: Vec<&'a AccountFacts>,
    pub(crate) words: Words<'a>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(testimony: &'a Testimony, facts: &'a [AccountFacts]) -> Self {
        let mut facts: Vec<&AccountFacts> = facts.iter().collect();
        facts.sort_unstable_by(|a, b| (a.account, a.from).cmp(&(b.account, b.from)).then_with(|| a.cmp(b)));
        Self {
            evidence: sorted(&testimony.evidence),
            refutations: sorted(&testimony.refutations),
            ambiguities: sorted(&testimony.ambiguities),
            facts,
            words: Words::new(&testimony.statements),
        }
    }

    /// Every account that something speaks of, or that is a satellite by its directory; sorted, each once.
    pub(crate) fn accounts(&self) -> Vec<AccountKey> {
        let foreign = self.refutations.iter().filter(|r| r.home != r.account.tenant).map(|r| r.account);
        let satellites = self.facts.iter().filter(|f| from_elsewhere(f.kind)).map(|f| f.account);
        let mut all: Vec<AccountKey> = self.evidence.iter().map(|e| e.account).collect();
        all.extend(foreign.chain(satellites).chain(self.ambiguities.iter().map(|a| a.account)));
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(crate) fn evidence(&self, account: AccountKey) -> &[&'a Evidence] {
        equal_range(&self.evidence, |e| e.account, account)
    }

    pub(crate) fn refutations(&self, account: AccountKey) -> &[&'a Refutation] {
        equal_range(&self.refutations, |r| r.account, account)
    }

    pub(crate) fn ambiguities(&self, account: AccountKey) -> &[&'a Ambiguity] {
        equal_range(&self.ambiguities, |a| a.account, account)
    }

    fn facts(&self, account: AccountKey) -> &[&'a AccountFacts] {
        equal_range(&self.facts, |f| f.account, account)
    }

    /// When the directory lets the account be somebody's guest: while it exists, and until it is made internal.
    pub(crate) fn life(&self, account: AccountKey, kind: EvidenceKind) -> Span {
        let facts = self.facts(account);
        let (Some(first), Some(last)) = (facts.first(), facts.last()) else { return Span::ALWAYS };
        let until = facts.iter().map(|f| f.until).max().unwrap_or(last.until);
        let mut life = Span { from: first.from, until };
        let was_external = facts.iter().position(|f| is_external(f.kind));
        if let (Some(at), true) = (was_external, needs_external(kind)) {
            let converted =
                facts[at..].iter().find(|f| matches!(f.kind, AccountKind::Member | AccountKind::InternalGuest));
            life.until = life.until.min(converted.map_or(EventTime::MAX, |f| f.from));
        }
        life
    }

    /// The times at which the directory shows the account as one of `kinds`.
    pub(crate) fn times(&self, account: AccountKey, kinds: fn(AccountKind) -> bool) -> Vec<Span> {
        let facts = self.facts(account).iter().filter(|f| kinds(f.kind));
        facts.map(|f| Span { from: f.from, until: f.until }).filter(|s| !s.is_empty()).collect()
    }
}

fn sorted<T: Ord>(list: &[T]) -> Vec<&T> {
    let mut list: Vec<&T> = list.iter().collect();
    list.sort_unstable();
    list.dedup();
    list
}

pub(crate) fn equal_range<T, K: Ord>(sorted: &[T], key: impl Fn(&T) -> K, wanted: K) -> &[T] {
    let from = sorted.partition_point(|t| key(t) < wanted);
    let len = sorted[from..].partition_point(|t| key(t) == wanted);
    &sorted[from..from + len]
}

/// From another Entra tenant.
pub(crate) fn is_external(kind: AccountKind) -> bool {
    matches!(kind, AccountKind::ExternalGuest | AccountKind::ExternalMember)
}

/// Not from this tenant, wherever else, and so nobody's home.
pub(crate) fn from_elsewhere(kind: AccountKind) -> bool {
    is_external(kind) || kind == AccountKind::ConsumerGuest
}

/// Lives in its tenant and nowhere else.
pub(crate) fn is_rooted(kind: AccountKind) -> bool {
    matches!(kind, AccountKind::ManagedIdentity | AccountKind::Device)
}

/// Kinds that speak of an account which signs in elsewhere; the others also join twins and dual-synchronised accounts.
pub(crate) fn needs_external(kind: EvidenceKind) -> bool {
    use EvidenceKind as K;
    !matches!(kind, K::Statement | K::CommonSource | K::EmployeeId | K::NamingRule | K::LooksAlike)
}
