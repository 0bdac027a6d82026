//! What was said of each account, to be asked by account: evidence, refutations, ambiguities, facts, statements. Decides nothing.

use crate::span::Span;
use crate::statement::Words;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Ambiguity, EventTime, Evidence, EvidenceKind, Refutation, TenantId,
    Testimony,
};

/// Everything that was said, sorted by account.
pub(crate) struct Known<'a> {
    evidence: Vec<&'a Evidence>,
    refutations: Vec<&'a Refutation>,
    ambiguities: Vec<&'a Ambiguity>,
    facts: Vec<&'a AccountFacts>,
    /// When which account is not from its own tenant: asked for homes, in any order, and much shorter than `facts`.
    outside: Vec<(AccountKey, Span)>,
    pub(crate) words: Words<'a>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(testimony: &'a Testimony, facts: &'a [AccountFacts]) -> Self {
        let mut facts: Vec<&AccountFacts> = facts.iter().collect();
        facts.sort_unstable_by(|a, b| (a.account, a.from).cmp(&(b.account, b.from)).then_with(|| a.cmp(b)));
        let outside = facts.iter().filter(|f| from_elsewhere(f.kind)).map(|f| (f.account, of_fact(f)));
        Self {
            evidence: sorted(&testimony.evidence),
            refutations: sorted(&testimony.refutations),
            ambiguities: sorted(&testimony.ambiguities),
            outside: outside.filter(|(_, s)| !s.is_empty()).collect(),
            facts,
            words: Words::new(&testimony.statements),
        }
    }

    /// Every account that something speaks of, or that is a satellite by its directory, with all that is said of it; sorted.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = About<'_, 'a>> {
        let foreign = self.refutations.iter().filter(|r| r.home != r.account.tenant).map(|r| r.account);
        let mut all: Vec<AccountKey> = self.evidence.iter().map(|e| e.account).collect();
        all.extend(foreign.chain(self.outside.iter().map(|o| o.0)).chain(self.ambiguities.iter().map(|a| a.account)));
        all.sort_unstable();
        all.dedup();
        let (mut evidence, mut refutations) = (&self.evidence[..], &self.refutations[..]);
        let (mut ambiguities, mut facts) = (&self.ambiguities[..], &self.facts[..]);
        all.into_iter().map(move |account| About {
            account,
            evidence: next(&mut evidence, |e| e.account, account),
            refutations: next(&mut refutations, |r| r.account, account),
            ambiguities: next(&mut ambiguities, |a| a.account, account),
            facts: next(&mut facts, |f| f.account, account),
        })
    }

    /// The times at which the account is not from its own tenant, and so nobody's home.
    pub(crate) fn outside(&self, account: AccountKey) -> impl Iterator<Item = Span> {
        equal_range(&self.outside, |o| o.0, account).iter().map(|o| o.1)
    }
}

/// Everything that was said of one account; each list sorted.
pub(crate) struct About<'k, 'a> {
    pub(crate) account: AccountKey,
    pub(crate) evidence: &'k [&'a Evidence],
    pub(crate) refutations: &'k [&'a Refutation],
    pub(crate) ambiguities: &'k [&'a Ambiguity],
    facts: &'k [&'a AccountFacts],
}

impl About<'_, '_> {
    /// When the directory lets the account be somebody's guest: while it exists, and until it is made internal.
    pub(crate) fn life(&self, kind: EvidenceKind) -> Span {
        let facts = self.facts;
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
    pub(crate) fn times(&self, kinds: fn(AccountKind) -> bool) -> impl Iterator<Item = Span> {
        self.facts.iter().filter(move |f| kinds(f.kind)).map(|f| of_fact(f)).filter(|s| !s.is_empty())
    }

    /// The spans at which a refutation speaks against a home in `tenant`, by that kind of evidence.
    pub(crate) fn against(&self, refutation: &Refutation, tenant: TenantId, kind: EvidenceKind) -> Vec<Span> {
        let whole = Span { from: refutation.from, until: refutation.until };
        let concerned = needs_external(kind) || kind == EvidenceKind::EmployeeId;
        if !concerned || refutation.home == tenant {
            Vec::new()
        } else if kind == EvidenceKind::EmployeeId && refutation.home == self.account.tenant {
            // A twin signs in where it lives: that says nothing of whose twin it is. A guest that does has no other home.
            self.times(from_elsewhere).map(|s| s.and(whole)).collect()
        } else {
            vec![whole]
        }
    }
}

fn of_fact(fact: &AccountFacts) -> Span {
    Span { from: fact.from, until: fact.until }
}

/// The elements of the next account in a list that is walked account by account.
fn next<'k, T>(rest: &mut &'k [T], key: impl Fn(&T) -> AccountKey, account: AccountKey) -> &'k [T] {
    let from = rest.iter().position(|t| key(t) >= account).unwrap_or(rest.len());
    let len = rest[from..].iter().position(|t| key(t) > account).unwrap_or(rest.len() - from);
    let (found, after) = rest[from..].split_at(len);
    *rest = after;
    found
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
