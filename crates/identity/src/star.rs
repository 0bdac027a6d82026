//! What one account's links mean for another's (scenarios.md 2.1, rules 3 and 6): a home that is itself a satellite is nobody's
//! home, and two accounts that are two people have no home in common. Knows links and statements, no evidence.

use crate::claim::said_by;
use crate::combine::Weighed;
use crate::decide::of_link;
use crate::known::equal_range;
use crate::refuse::tidied;
use crate::span::Span;
use crate::statement::{Words, span};
use caponier_model::{AccountKey, EvidenceKind, Link, LinkState, Refusal, RefusalReason, Statement};
use compact_str::CompactString;
use hashbrown::HashMap;

/// Refuses accepted links whose home is an accepted satellite at that time, and those that join two accounts which were stated
/// to be two people: the second half of [`crate::combine`].
///
/// Judged on the links as [`crate::decide`] left them, so that a cycle refuses all of its links, a chain all but its last, and no
/// order matters. The answers of an account are right where `decided` holds the links of that account, of its homes, and of
/// the accounts that the last word of `statements` calls different from it: one hop, and no more. Of two accounts that are
/// different people and have one home, the one that a statement joins to it keeps it; else neither does.
pub fn star(decided: Weighed, statements: &[Statement]) -> Weighed {
    let Weighed { links, mut refusals } = decided;
    let accepted = Accepted::new(&links);
    let words = Words::new(statements);
    let mut apart: HashMap<AccountKey, Vec<&Statement>, foldhash::fast::FixedState> = HashMap::default();
    for said in words.different() {
        apart.entry(said.account).or_default().push(said);
        apart.entry(said.home).or_default().push(said);
    }
    let mut out = Vec::with_capacity(links.len());
    let mut refused = false;
    for link in &links {
        let mut cuts: Vec<(Span, RefusalReason, CompactString)> = Vec::new();
        if link.state == LinkState::Accepted {
            let away = accepted.of(link.home).iter();
            cuts.extend(away.map(|l| (of_link(l), RefusalReason::HomeIsSatellite, source(l))));
            for said in apart.get(&link.account).into_iter().flatten() {
                let others = accepted.of(if said.account == link.account { said.home } else { said.account });
                let rivals = others.iter().filter(|l| l.home == link.home && (stated(l) || !stated(link)));
                let source = said_by(&said.author, &said.reason);
                cuts.extend(rivals.map(|l| (of_link(l).and(span(said)), RefusalReason::Stated, source.clone())));
            }
        }
        let whole = of_link(link);
        cuts.iter_mut().for_each(|(s, ..)| *s = s.and(whole));
        cuts.retain(|(s, ..)| !s.is_empty());
        if cuts.is_empty() {
            out.push(link.clone());
            continue;
        }
        refused = true;
        out.extend(split(link, &cuts.iter().map(|c| c.0).collect::<Vec<_>>()));
        refusals.extend(cuts.into_iter().map(|(s, reason, source)| refusal(link, s, reason, source)));
    }
    out.sort_unstable();
    if refused {
        refusals = tidied(refusals);
    } else {
        refusals.sort_unstable();
    }
    Weighed { links: out, refusals }
}

/// Accepted links, to be asked by account.
struct Accepted<'a>(Vec<&'a Link>);

impl<'a> Accepted<'a> {
    fn new(links: &'a [Link]) -> Self {
        let mut accepted: Vec<&Link> = links.iter().filter(|l| l.state == LinkState::Accepted).collect();
        accepted.sort_unstable();
        Self(accepted)
    }

    fn of(&self, account: AccountKey) -> &[&'a Link] {
        equal_range(&self.0, |l| l.account, account)
    }
}

fn stated(link: &Link) -> bool {
    link.kinds.contains(&EvidenceKind::Statement)
}

fn source(link: &Link) -> CompactString {
    link.sources.first().cloned().unwrap_or_default()
}

/// The link as it was outside of `cuts`, in conflict inside.
fn split(link: &Link, cuts: &[Span]) -> Vec<Link> {
    let kept = of_link(link).without(cuts);
    let lost = of_link(link).without(&kept);
    let kept = kept.into_iter().map(|s| (s, LinkState::Accepted));
    let parts = kept.chain(lost.into_iter().map(|s| (s, LinkState::Conflict)));
    parts.map(|(s, state)| Link { state, from: s.from, until: s.until, ..link.clone() }).collect()
}

fn refusal(link: &Link, span: Span, reason: RefusalReason, source: CompactString) -> Refusal {
    let Link { account, home, .. } = *link;
    let (tenant, kinds) = (home.tenant, link.kinds.clone());
    Refusal { account, tenant, home: Some(home), reason, kinds, from: span.from, until: span.until, source }
}
