//! Evidence and refutations become dated links (scenarios.md 2.1, rules 1 to 6). Knows nothing of where evidence comes from.
//!
//! For each account event time is cut wherever anything about it begins or ends; within a piece every candidate home has one
//! confidence and the rules are decided once; equal neighbours become one link again.

use crate::settings::{DirectoryEvidence, ONE, Settings};
use crate::span::Span;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, EventTime, Evidence, EvidenceKind, Link, LinkState, Pair, Refusal,
    Refutation, Testimony, Writer,
};
use compact_str::CompactString;
use std::collections::BTreeSet;

/// How many sources a link names.
const SOURCES: usize = 8;

/// Combines evidence into links, sorted; a function of the sets, whatever their order.
///
/// - Evidence of one writer counts once, with its largest confidence; writers combine as `1 - prod(1 - c)`.
/// - A link is accepted from [`Settings::accept`] on, with a writer other than the resource directory or a pair that accepts that
///   directory; possible from [`Settings::possible`] on; else not made.
/// - What a log observed holds before and after, until the same account is observed with another home, a refutation names
///   another home tenant, or the account is deleted or converted to an internal one (`facts`).
/// - A refutation removes all but statements and common sources for homes in other tenants while it holds.
/// - Two accepted homes at one time are a conflict of both. A home that is itself a satellite then is a conflict, too.
/// - Links run only inside [`Settings::pairs`] and never where [`Settings::cannot_link`] forbids.
pub fn combine(testimony: &Testimony, facts: &[AccountFacts], settings: &Settings) -> Weighed {
    let mut evidence: Vec<&Evidence> = testimony.evidence.iter().filter(|e| allowed(e, settings)).collect();
    evidence.sort_unstable();
    evidence.dedup();
    let mut refutations: Vec<&Refutation> = testimony.refutations.iter().collect();
    refutations.sort_unstable();
    let mut facts: Vec<&AccountFacts> = facts.iter().collect();
    facts.sort_unstable_by_key(|f| (f.account, f.from));
    let known = Known { refutations, facts };
    let mut links = Vec::new();
    for evidence in evidence.chunk_by(|a, b| a.account == b.account) {
        let claims = claims(evidence, &known);
        links.extend(decide(evidence[0].account, &claims, settings));
    }
    let mut links = star(links);
    links.sort_unstable();
    Weighed { links, refusals: Vec::new() }
}

/// What the testimony amounts to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Weighed {
    /// Dated links, sorted: accepted, possible, in conflict.
    pub links: Vec<Link>,
    /// What was not made a link, or not an accepted one, and why; sorted.
    pub refusals: Vec<Refusal>,
}

/// May this evidence make a link at all?
fn allowed(evidence: &Evidence, settings: &Settings) -> bool {
    let Evidence { account, home, .. } = evidence;
    settings.scale(Pair { home: home.tenant, resource: account.tenant }).is_some()
        && !settings.cannot_link.contains(&(*account, *home))
}

/// Sorted lists that are searched by account.
struct Known<'a> {
    refutations: Vec<&'a Refutation>,
    facts: Vec<&'a AccountFacts>,
}

impl<'a> Known<'a> {
    fn refutations(&self, account: AccountKey) -> &[&'a Refutation] {
        equal_range(&self.refutations, |r| r.account, account)
    }

    fn facts(&self, account: AccountKey) -> &[&'a AccountFacts] {
        equal_range(&self.facts, |f| f.account, account)
    }

    /// When the directory lets the account be somebody's guest: while it exists, and until it is made internal.
    fn life(&self, account: AccountKey, kind: EvidenceKind) -> Span {
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

    /// The times at which the account is itself from elsewhere, and so nobody's home.
    fn external(&self, account: AccountKey) -> Vec<Span> {
        let outside = |k| is_external(k) || matches!(k, AccountKind::ConsumerGuest);
        let facts = self.facts(account).iter().filter(|f| outside(f.kind));
        facts.map(|f| Span { from: f.from, until: f.until }).collect()
    }
}

fn equal_range<T, K: Ord>(sorted: &[T], key: impl Fn(&T) -> K, wanted: K) -> &[T] {
    let from = sorted.partition_point(|t| key(t) < wanted);
    let len = sorted[from..].partition_point(|t| key(t) == wanted);
    &sorted[from..from + len]
}

fn is_external(kind: AccountKind) -> bool {
    matches!(kind, AccountKind::ExternalGuest | AccountKind::ExternalMember)
}

/// Kinds that speak of an account which signs in elsewhere; the others also join twins and dual-synchronised accounts.
fn needs_external(kind: EvidenceKind) -> bool {
    use EvidenceKind as K;
    !matches!(kind, K::Statement | K::CommonSource | K::EmployeeId | K::NamingRule | K::LooksAlike)
}

/// One piece of evidence with the times at which it counts.
struct Claim<'a> {
    evidence: &'a Evidence,
    spans: Vec<Span>,
}

fn claims<'a>(evidence: &[&'a Evidence], known: &Known<'_>) -> Vec<Claim<'a>> {
    let account = evidence[0].account;
    let refutations = known.refutations(account);
    let observed = observed(evidence);
    evidence
        .iter()
        .map(|e| {
            let mut span = Span { from: e.from, until: e.until };
            if e.kind.writer() == Writer::Log {
                span = carried(e.home, span, &observed);
            }
            if e.kind != EvidenceKind::Statement {
                span = span.and(known.life(account, e.kind));
            }
            let mut cuts = Vec::new();
            if needs_external(e.kind) || e.kind == EvidenceKind::EmployeeId {
                let others = refutations.iter().filter(|r| r.home != e.home.tenant);
                cuts.extend(others.map(|r| Span { from: r.from, until: r.until }));
            }
            if e.kind != EvidenceKind::Statement {
                cuts.extend(known.external(e.home));
            }
            Claim { evidence: e, spans: if span.is_empty() { Vec::new() } else { span.without(&cuts) } }
        })
        .filter(|c| !c.spans.is_empty())
        .collect()
}

/// What logs observed of one account: each home with its observed spans, sorted.
fn observed(evidence: &[&Evidence]) -> Vec<(AccountKey, Span)> {
    let logs = evidence.iter().filter(|e| e.kind.writer() == Writer::Log);
    let mut out: Vec<_> = logs.map(|e| (e.home, Span { from: e.from, until: e.until })).collect();
    out.sort_unstable();
    out
}

/// An observed span, carried back to where the last other home was observed before it and on to where the next one is.
///
/// From one home's last sighting to the next home's first, the account counts as the former's: an account changes hands
/// when somebody is first seen to use it.
fn carried(home: AccountKey, span: Span, observed: &[(AccountKey, Span)]) -> Span {
    let others = || observed.iter().filter(|(other, _)| *other != home).map(|(_, s)| *s);
    let own = || observed.iter().filter(|(other, _)| *other == home).map(|(_, s)| *s);
    let back_to = others().filter(|s| s.until <= span.from).map(|s| s.until).max();
    let until = others().filter(|s| s.from >= span.until).map(|s| s.from).min().unwrap_or(EventTime::MAX);
    // Another home came before: this one begins with its own first sighting after that.
    let from = back_to.map_or(EventTime::MIN, |limit| {
        own().filter(|s| s.from >= limit).map(|s| s.from).min().unwrap_or(span.from).min(span.from)
    });
    Span { from, until }
}

/// A candidate home within a piece of time.
struct Candidate {
    home: AccountKey,
    state: LinkState,
    confidence: u32,
    kinds: Vec<EvidenceKind>,
    sources: Vec<CompactString>,
}

fn decide(account: AccountKey, claims: &[Claim<'_>], settings: &Settings) -> Vec<Link> {
    let mut bounds: Vec<EventTime> = claims.iter().flat_map(|c| &c.spans).flat_map(|s| [s.from, s.until]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let mut links: Vec<Link> = Vec::new();
    for piece in bounds.windows(2) {
        let piece = Span { from: piece[0], until: piece[1] };
        for candidate in candidates(account, claims, piece, settings) {
            let Candidate { home, state, confidence, kinds, sources } = candidate;
            let Span { from, until } = piece;
            let link = Link { account, home, state, confidence, kinds, sources, from, until };
            let before = links.iter_mut().rev().find(|l| l.home == home && l.until == from);
            match before.filter(|l| alike(l, &link)) {
                Some(before) => before.until = until,
                None => links.push(link),
            }
        }
    }
    links
}

fn alike(a: &Link, b: &Link) -> bool {
    (a.state, a.confidence, &a.kinds, &a.sources) == (b.state, b.confidence, &b.kinds, &b.sources)
}

/// The candidate homes of one piece, with the functional constraint applied.
fn candidates(account: AccountKey, claims: &[Claim<'_>], piece: Span, settings: &Settings) -> Vec<Candidate> {
    let holding = claims.iter().filter(|c| c.spans.iter().any(|s| s.covers(piece)));
    let mut holding: Vec<&Evidence> = holding.map(|c| c.evidence).collect();
    holding.sort_unstable_by_key(|e| (e.home, e.kind, &e.source));
    let mut found: Vec<Candidate> =
        holding.chunk_by(|a, b| a.home == b.home).filter_map(|evidence| weigh(account, evidence, settings)).collect();
    let accepted = found.iter().filter(|c| c.state == LinkState::Accepted).count();
    if accepted > 1 {
        found.iter_mut().filter(|c| c.state == LinkState::Accepted).for_each(|c| c.state = LinkState::Conflict);
    }
    if accepted > 0 {
        // Whoever is somebody is not possibly somebody else.
        found.retain(|c| c.state != LinkState::Possible);
    }
    found
}

/// Rules 1 and 2 for one home; its evidence comes sorted by kind and source.
fn weigh(account: AccountKey, evidence: &[&Evidence], settings: &Settings) -> Option<Candidate> {
    let home = evidence.first()?.home;
    let scale = settings.scale(Pair { home: home.tenant, resource: account.tenant })?;
    let mut best = [0_u32; 4];
    for e in evidence {
        let of_writer = &mut best[e.kind.writer() as usize];
        *of_writer = (*of_writer).max(scale.confidence(e.kind));
    }
    let doubt = best.iter().fold(1_u128, |doubt, c| doubt * u128::from(ONE - c));
    // Four factors of a millionth each; the one division at the end keeps the result independent of any order.
    let confidence = ONE - u32::try_from(doubt.div_ceil(u128::from(ONE).pow(3))).unwrap_or(ONE);
    let governed =
        scale.directory_evidence() == DirectoryEvidence::Accept && evidence.iter().any(|e| may_stand_alone(e.kind));
    let independent = evidence.iter().any(|e| e.kind.writer() != Writer::ResourceDirectory);
    let state = if governed || (independent && confidence >= scale.accept()) {
        LinkState::Accepted
    } else if confidence >= scale.possible() {
        LinkState::Possible
    } else {
        return None;
    };
    let mut kinds: Vec<_> = evidence.iter().map(|e| e.kind).collect();
    kinds.dedup();
    let sources: BTreeSet<_> = evidence.iter().map(|e| e.source.clone()).collect();
    Some(Candidate { home, state, confidence, kinds, sources: sources.into_iter().take(SOURCES).collect() })
}

/// Kinds that `directory_evidence = "accept"` lets prove a link alone (K9, K10, K11).
fn may_stand_alone(kind: EvidenceKind) -> bool {
    matches!(kind, EvidenceKind::Extension | EvidenceKind::EmployeeId | EvidenceKind::Address)
}

/// Rule 3: a home that is itself an accepted satellite at that time is nobody's home. Judged on the links as decided, so
/// that a cycle refuses all of its links and no order matters.
fn star(links: Vec<Link>) -> Vec<Link> {
    let mut satellites: Vec<(AccountKey, Span)> = links
        .iter()
        .filter(|l| l.state == LinkState::Accepted)
        .map(|l| (l.account, Span { from: l.from, until: l.until }))
        .collect();
    satellites.sort_unstable();
    let split = |link: Link| {
        let whole = Span { from: link.from, until: link.until };
        let away: Vec<Span> = equal_range(&satellites, |s| s.0, link.home).iter().map(|s| s.1.and(whole)).collect();
        let away: Vec<Span> = away.into_iter().filter(|s| !s.is_empty()).collect();
        if link.state != LinkState::Accepted || away.is_empty() {
            return vec![link];
        }
        let kept = whole.without(&away).into_iter().map(|s| (s, LinkState::Accepted));
        let refused = away.iter().map(|s| (*s, LinkState::Conflict));
        let part = |(s, state): (Span, _)| Link { state, from: s.from, until: s.until, ..link.clone() };
        kept.chain(refused).map(part).collect()
    };
    links.into_iter().flat_map(split).collect()
}

#[cfg(test)]
#[path = "combine_tests.rs"]
mod tests;
