//! Evidence about one account, cut to the times at which it counts; what is cut off is refused with the reason.
//! Weighs nothing.

use crate::known::{About, Known, is_rooted};
use crate::refuse::{Refusals, Refused};
use crate::settings::Settings;
use crate::span::Span;
use crate::statement::span;
use caponier_model::{
    AccountKey, AccountKind, EventTime, Evidence, EvidenceKind, Guid, Pair, RefusalReason, Verdict, Writer,
};
use compact_str::{CompactString, format_compact};

/// What a directory says stands for itself.
pub(crate) const DIRECTORY: &str = "directory";

/// One piece of evidence with the times at which it counts.
pub(crate) struct Claim<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) spans: Vec<Span>,
}

/// The claims of one account.
pub(crate) fn claims<'a>(
    about: &About<'_, 'a>,
    known: &Known<'a>,
    settings: &Settings,
    refusals: &mut Refusals,
) -> Vec<Claim<'a>> {
    let observed = observed(about, known);
    let mut out = Vec::with_capacity(about.evidence.len());
    for e in about.evidence.iter().filter(|e| e.home != about.account) {
        let whole = Span { from: e.from, until: e.until };
        if whole.is_empty() {
            continue;
        }
        let mut cutter = Cutter { evidence: e, spans: vec![whole], refusals };
        cutter.stated(known);
        if e.kind.writer() == Writer::Log {
            cutter.carry(&observed);
        }
        if cutter.pair(settings) {
            cutter.different(known);
            // A statement overrides what directories and logs say: whoever makes it has seen them.
            if e.kind != EvidenceKind::Statement {
                cutter.life(about, whole);
                cutter.homeless(about);
                cutter.refuted(about);
                cutter.external_home(known);
            }
            let spans = cutter.spans;
            if !spans.is_empty() {
                out.push(Claim { evidence: e, spans });
            }
        }
    }
    out
}

/// One piece of evidence on its way through what speaks against it.
struct Cutter<'a, 'r> {
    evidence: &'a Evidence,
    spans: Vec<Span>,
    refusals: &'r mut Refusals,
}

impl Cutter<'_, '_> {
    /// Of statements only the last word about a couple counts: the rest is no evidence any more.
    fn stated(&mut self, known: &Known<'_>) {
        let Evidence { account, home, kind, .. } = *self.evidence;
        if kind != EvidenceKind::Statement {
            return;
        }
        match known.words.of(account, home) {
            Some(said) if said.verdict == Verdict::Same && (said.account, said.home) == (account, home) => {
                self.spans.retain_mut(|s| {
                    *s = s.and(span(said));
                    !s.is_empty()
                });
            }
            Some(said) if said.verdict != Verdict::Different => self.spans.clear(),
            _ => {}
        }
    }

    fn carry(&mut self, observed: &[(AccountKey, Span)]) {
        let home = self.evidence.home;
        self.spans.iter_mut().for_each(|s| *s = carried(home, *s, observed));
    }

    /// May links run here, and does the kind say anything in this pair?
    fn pair(&mut self, settings: &Settings) -> bool {
        let Evidence { account, home, kind, .. } = *self.evidence;
        let reason = match settings.scale(Pair { home: home.tenant, resource: account.tenant }) {
            Some(scale) if scale.confidence(kind) > 0 => return true,
            Some(_) => RefusalReason::TooWeak,
            None => RefusalReason::PairNotAllowed,
        };
        for span in std::mem::take(&mut self.spans) {
            self.refuse(reason, span, self.evidence.source.clone());
        }
        false
    }

    fn different(&mut self, known: &Known<'_>) {
        let said = known.words.of(self.evidence.account, self.evidence.home);
        if let Some(said) = said.filter(|s| s.verdict == Verdict::Different) {
            self.cut(RefusalReason::Stated, &[span(said)], &said_by(&said.author, &said.reason));
        }
    }

    /// Evidence reaches beyond the account's life as a matter of course; worth telling is what was seen outside of it.
    fn life(&mut self, about: &About<'_, '_>, whole: Span) {
        let life = about.life(self.evidence.kind);
        let before = std::mem::take(&mut self.spans);
        self.spans = before.iter().map(|s| s.and(life)).filter(|s| !s.is_empty()).collect();
        let told = match (self.spans.is_empty(), self.evidence.kind.writer()) {
            (true, _) => before,
            (false, Writer::Log) => before.iter().map(|s| s.and(whole)).collect(),
            (false, _) => Vec::new(),
        };
        for outside in told.iter().filter(|s| !s.is_empty()).flat_map(|s| s.without(&[life])) {
            self.refuse(RefusalReason::OutsideLife, outside, DIRECTORY.into());
        }
    }

    /// Who has no home in another tenant: a managed identity, a device; a personal account, unless a log knows better.
    fn homeless(&mut self, about: &About<'_, '_>) {
        let mut cuts: Vec<Span> = about.times(is_rooted).collect();
        if self.evidence.kind.writer() == Writer::ResourceDirectory {
            cuts.extend(about.times(|k| k == AccountKind::ConsumerGuest));
        }
        self.cut(RefusalReason::NoEntraHome, &cuts, DIRECTORY);
    }

    fn refuted(&mut self, about: &About<'_, '_>) {
        for r in about.refutations {
            let cuts = about.against(r, self.evidence.home.tenant, self.evidence.kind);
            self.cut(RefusalReason::Refuted, &cuts, &r.source);
        }
    }

    fn external_home(&mut self, known: &Known<'_>) {
        let cuts: Vec<Span> = known.outside(self.evidence.home).collect();
        self.cut(RefusalReason::HomeIsExternal, &cuts, DIRECTORY);
    }

    /// Takes `cuts` out of the spans and refuses what was there.
    fn cut(&mut self, reason: RefusalReason, cuts: &[Span], source: &str) {
        if cuts.is_empty() {
            return;
        }
        let before = std::mem::take(&mut self.spans);
        self.spans = before.iter().flat_map(|s| s.without(cuts)).collect();
        let gone: Vec<Span> = before.iter().flat_map(|s| s.without(&self.spans)).collect();
        for span in gone {
            self.refuse(reason, span, source.into());
        }
    }

    fn refuse(&mut self, reason: RefusalReason, span: Span, source: CompactString) {
        let Evidence { home, kind, .. } = *self.evidence;
        self.refusals.add(Refused { reason, tenant: home.tenant, home: Some(home), kinds: &[kind], span, source });
    }
}

/// Who said it, and why.
pub(crate) fn said_by(author: &str, reason: &str) -> CompactString {
    if reason.is_empty() { author.into() } else { format_compact!("{author}: {reason}") }
}

/// What logs observed of one account: each home with its observed spans, sorted. A home that was stated not to be it was not
/// observed; one in a pair where no link may run was, and ends what came before. So does a sign-in under a name that could be
/// anybody's: whoever it was, from then on nothing is known until somebody is seen again.
fn observed(about: &About<'_, '_>, known: &Known<'_>) -> Vec<(AccountKey, Span)> {
    let logs = about.evidence.iter().filter(|e| e.kind.writer() == Writer::Log && e.home != e.account);
    let mut out: Vec<_> = logs
        .flat_map(|e| {
            let said = known.words.of(e.account, e.home).filter(|s| s.verdict == Verdict::Different);
            let cuts: Vec<Span> = said.map(span).into_iter().collect();
            Span { from: e.from, until: e.until }.without(&cuts).into_iter().map(|s| (e.home, s))
        })
        .filter(|(_, s)| !s.is_empty())
        .collect();
    let strangers = about.ambiguities.iter().filter(|a| a.kind == EvidenceKind::NamedSignIn);
    let nobody = |tenant| AccountKey { tenant, object: Guid::ZERO };
    out.extend(strangers.map(|a| (nobody(a.home), Span { from: a.from, until: a.until })));
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
