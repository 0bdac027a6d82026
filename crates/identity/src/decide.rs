//! One account's claims become its links, and what they do not become its refusals (scenarios.md 2.1, rules 1, 2, 4 and 5).
//! Looks at no other account's links.
//!
//! Event time is cut wherever anything about the account begins or ends; within a piece every candidate home has one confidence
//! and the rules are decided once; equal neighbours become one link again.

use crate::claim::{Claim, DIRECTORY, claims};
use crate::combine::Weighed;
use crate::known::{About, Known, from_elsewhere, is_external};
use crate::refuse::{Refusals, Refused};
use crate::settings::{DirectoryEvidence, ONE, Settings};
use crate::span::Span;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Ambiguity, EventTime, Evidence, EvidenceKind, Link, LinkState, Pair,
    RefusalReason, Testimony, Writer,
};
use compact_str::CompactString;
use std::collections::BTreeSet;

/// How many sources a link names.
const SOURCES: usize = 8;

/// Decides each account by itself: the first half of [`crate::combine`], for whoever holds a part of the accounts.
///
/// The answers of an account depend on the testimony about it, on the statements that name it, and on the facts of it and of the
/// homes that its evidence names; whatever else is there changes nothing. So the accounts may be decided in any portions, if
/// only the answers of accounts are kept whose own testimony and facts were there in whole. Whether a home is itself a satellite
/// is not asked here but by [`crate::star`].
pub fn decide(testimony: &Testimony, facts: &[AccountFacts], settings: &Settings) -> Weighed {
    let known = Known::new(testimony, facts);
    let mut out = Weighed::default();
    for about in known.accounts() {
        let mut refusals = Refusals::new(about.account);
        let claims = claims(&about, &known, settings, &mut refusals);
        let links = links(&about, &claims, settings, &mut refusals);
        let accepted: Vec<Span> = links.iter().filter(|l| l.state == LinkState::Accepted).map(of_link).collect();
        ambiguous(&about, &accepted, settings, &mut refusals);
        homeless(&about, &accepted, &mut refusals);
        named_elsewhere(&about, &accepted, settings, &mut refusals);
        unexplained(&about, &accepted, &mut refusals);
        out.links.extend(links);
        out.refusals.extend(refusals.tidied());
    }
    out.links.sort_unstable();
    out.refusals.sort_unstable();
    out
}

pub(crate) fn of_link(link: &Link) -> Span {
    Span { from: link.from, until: link.until }
}

/// The dated links of one account, and refusals of the candidates that are not accepted.
fn links(about: &About<'_, '_>, claims: &[Claim<'_>], settings: &Settings, refusals: &mut Refusals) -> Vec<Link> {
    let mut bounds: Vec<EventTime> = claims.iter().flat_map(|c| &c.spans).flat_map(|s| [s.from, s.until]).collect();
    bounds.extend(about.ambiguities.iter().flat_map(|a| [a.from, a.until]));
    bounds.sort_unstable();
    bounds.dedup();
    let mut links: Vec<Link> = Vec::new();
    for piece in bounds.windows(2) {
        let piece = Span { from: piece[0], until: piece[1] };
        let candidates = candidates(claims, piece, about.ambiguities, settings);
        let settled = candidates.iter().any(|c| matches!(c.state, Some(LinkState::Accepted | LinkState::Conflict)));
        for candidate in candidates {
            let Candidate { home, state, why, confidence, kinds, sources, .. } = candidate;
            if let Some(reason) = why {
                let source = sources.first().cloned().unwrap_or_default();
                let tenant = home.tenant;
                refusals.add(Refused { reason, tenant, home: Some(home), kinds: &kinds, span: piece, source });
            }
            // Whoever is somebody is not possibly somebody else.
            let Some(state) = state.filter(|s| *s != LinkState::Possible || !settled) else { continue };
            let Span { from, until } = piece;
            let link = Link { account: about.account, home, state, confidence, kinds, sources, from, until };
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

/// A candidate home within a piece of time.
struct Candidate {
    home: AccountKey,
    /// The link it makes, if any.
    state: Option<LinkState>,
    /// Why that is not an accepted one.
    why: Option<RefusalReason>,
    /// Accepted only because the pair's operator governs the resource directory.
    governed: bool,
    confidence: u32,
    kinds: Vec<EvidenceKind>,
    sources: Vec<CompactString>,
}

impl Candidate {
    fn refuse(&mut self, state: LinkState, why: RefusalReason) {
        (self.state, self.why) = (Some(state), Some(why));
    }
}

/// The candidate homes of one piece, with the functional constraint applied.
fn candidates(claims: &[Claim<'_>], piece: Span, ambiguities: &[&Ambiguity], settings: &Settings) -> Vec<Candidate> {
    let holding = claims.iter().filter(|c| c.spans.iter().any(|s| s.covers(piece)));
    let mut holding: Vec<&Evidence> = holding.map(|c| c.evidence).collect();
    holding.sort_unstable_by_key(|e| (e.home, e.kind, &e.source));
    let doubts = |home: AccountKey| {
        ambiguities.iter().any(|a| {
            let span = Span { from: a.from, until: a.until };
            a.home == home.tenant && a.kind != EvidenceKind::LooksAlike && span.overlaps(piece)
        })
    };
    let by_home = holding.chunk_by(|a, b| a.home == b.home);
    let mut found: Vec<Candidate> = by_home.filter_map(|e| weigh(e, doubts(e[0].home), settings)).collect();
    let accepted = |c: &Candidate| c.state == Some(LinkState::Accepted);
    if found.iter().any(|c| accepted(c) && !c.governed) {
        // What stands in the resource directory never speaks against somebody whom a log names.
        let weaker = found.iter_mut().filter(|c| accepted(c) && c.governed);
        weaker.for_each(|c| c.refuse(LinkState::Possible, RefusalReason::ResourceDirectoryAlone));
    }
    if found.iter().filter(|c| accepted(c)).count() > 1 {
        let both = found.iter_mut().filter(|c| accepted(c));
        both.for_each(|c| c.refuse(LinkState::Conflict, RefusalReason::TwoHomes));
    }
    found
}

/// Rules 1 and 2 for one home; its evidence comes sorted by kind and source. `doubted`: more than one account of the home's
/// tenant could be meant at the time.
fn weigh(evidence: &[&Evidence], doubted: bool, settings: &Settings) -> Option<Candidate> {
    let Evidence { account, home, .. } = **evidence.first()?;
    let scale = settings.scale(Pair { home: home.tenant, resource: account.tenant })?;
    let mut best = [0_u32; 4];
    for e in evidence {
        let of_writer = &mut best[e.kind.writer() as usize];
        *of_writer = (*of_writer).max(scale.confidence(e.kind));
    }
    let doubt = best.iter().fold(1_u128, |doubt, c| doubt * u128::from(ONE - c));
    // Four factors of a millionth each; the one division at the end keeps the result independent of any order.
    let confidence = ONE - u32::try_from(doubt.div_ceil(u128::from(ONE).pow(3))).unwrap_or(ONE);
    let independent = evidence.iter().any(|e| e.kind.writer() != Writer::ResourceDirectory);
    let proven = independent && confidence >= scale.accept();
    let directory = scale.directory_evidence() == DirectoryEvidence::Accept;
    let alone = directory && evidence.iter().any(|e| may_stand_alone(e.kind));
    let never = evidence.iter().all(|e| e.kind == EvidenceKind::LooksAlike);
    let (state, why) = if proven || (alone && !doubted) {
        (Some(LinkState::Accepted), None)
    } else if confidence < scale.possible() || never {
        (None, Some(RefusalReason::TooWeak))
    } else if alone {
        (Some(LinkState::Possible), Some(RefusalReason::Ambiguous))
    } else if independent {
        (Some(LinkState::Possible), Some(RefusalReason::TooWeak))
    } else {
        (Some(LinkState::Possible), Some(RefusalReason::ResourceDirectoryAlone))
    };
    let mut kinds: Vec<_> = evidence.iter().map(|e| e.kind).collect();
    kinds.dedup();
    let sources: BTreeSet<_> = evidence.iter().map(|e| e.source.clone()).collect();
    let sources = sources.into_iter().take(SOURCES).collect();
    Some(Candidate { home, state, why, governed: !proven, confidence, kinds, sources })
}

/// Kinds that `directory_evidence = "accept"` lets prove a link alone (K9, K10, K11).
fn may_stand_alone(kind: EvidenceKind) -> bool {
    matches!(kind, EvidenceKind::Extension | EvidenceKind::EmployeeId | EvidenceKind::Address)
}

/// Matches of more than one account, while the account has no home by other means.
fn ambiguous(about: &About<'_, '_>, accepted: &[Span], settings: &Settings, refusals: &mut Refusals) {
    for a in about.ambiguities {
        let mut refuse = |reason, span, source: &CompactString| {
            let source = source.clone();
            refusals.add(Refused { reason, tenant: a.home, home: None, kinds: &[a.kind], span, source });
        };
        let whole = Span { from: a.from, until: a.until };
        if settings.scale(Pair { home: a.home, resource: about.account.tenant }).is_none() {
            refuse(RefusalReason::PairNotAllowed, whole, &a.source);
            continue;
        }
        let mut spans = whole.without(accepted);
        for r in about.refutations {
            let cuts = about.against(r, a.home, a.kind);
            let left: Vec<Span> = spans.iter().flat_map(|s| s.without(&cuts)).collect();
            let gone = spans.iter().flat_map(|s| s.without(&left));
            gone.for_each(|s| refuse(RefusalReason::Refuted, s, &r.source));
            spans = left;
        }
        let life = about.life(a.kind);
        spans.into_iter().for_each(|s| refuse(RefusalReason::Ambiguous, s.and(life), &a.source));
    }
}

/// Accounts from no Entra tenant: by their directory, or a guest whose log names no other tenant than this.
fn homeless(about: &About<'_, '_>, accepted: &[Span], refusals: &mut Refusals) {
    let consumer = about.times(|k| k == AccountKind::ConsumerGuest);
    let mut found: Vec<(Span, CompactString)> = consumer.map(|s| (s, DIRECTORY.into())).collect();
    for r in about.refutations.iter().filter(|r| r.home == about.account.tenant) {
        let whole = Span { from: r.from, until: r.until };
        found.extend(about.times(is_external).map(|s| (s.and(whole), r.source.clone())));
    }
    for (span, source) in found {
        for span in span.without(accepted) {
            let (reason, tenant) = (RefusalReason::NoEntraHome, about.account.tenant);
            refusals.add(Refused { reason, tenant, home: None, kinds: &[], span, source: source.clone() });
        }
    }
}

/// A log names a home tenant, and nothing speaks of an account there.
fn named_elsewhere(about: &About<'_, '_>, accepted: &[Span], settings: &Settings, refusals: &mut Refusals) {
    let life = about.life(EvidenceKind::NamedSignIn);
    for r in about.refutations.iter().filter(|r| r.home != about.account.tenant) {
        let spoken_of = about.evidence.iter().any(|e| e.home.tenant == r.home)
            || about.ambiguities.iter().any(|a| a.home == r.home);
        let reason = match (spoken_of, settings.monitors(r.home)) {
            (true, _) => continue,
            (false, true) => RefusalReason::NoEvidence,
            (false, false) => RefusalReason::HomeNotMonitored,
        };
        for span in (Span { from: r.from, until: r.until }).and(life).without(accepted) {
            let source = r.source.clone();
            refusals.add(Refused { reason, tenant: r.home, home: None, kinds: &[], span, source });
        }
    }
}

/// Every moment at which the directory shows a satellite, or a log names another tenant as its home, has a link or a reason.
fn unexplained(about: &About<'_, '_>, accepted: &[Span], refusals: &mut Refusals) {
    let mut told = refusals.spans();
    told.extend_from_slice(accepted);
    let life = about.life(EvidenceKind::NamedSignIn);
    for r in about.refutations.iter().filter(|r| r.home != about.account.tenant) {
        let span = Span { from: r.from, until: r.until }.and(life);
        for span in span.without(&told) {
            let (tenant, source) = (r.home, r.source.clone());
            refusals.add(Refused { reason: RefusalReason::NoEvidence, tenant, home: None, kinds: &[], span, source });
            told.push(span);
        }
    }
    for satellite in about.times(from_elsewhere) {
        for span in satellite.without(&told) {
            let (tenant, source) = (about.account.tenant, DIRECTORY.into());
            refusals.add(Refused { reason: RefusalReason::NoEvidence, tenant, home: None, kinds: &[], span, source });
        }
    }
}
