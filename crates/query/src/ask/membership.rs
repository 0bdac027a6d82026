//! Who was which person when: for every account, its life cut where its binding changes. The index decides; this only asks it.

use super::known::Subject;
use caponier_model::{AccountKey, EventTime, EvidenceKind, LinkState};

/// One account of one person from one moment to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Membership {
    pub(super) person: AccountKey,
    pub(super) account: AccountKey,
    /// The state of the link that decides: accepted, or else the strongest that is not; `None` without any.
    pub(super) state: Option<LinkState>,
    /// Of the accepted link, in millionths.
    pub(super) confidence: Option<u32>,
    /// Of the accepted link.
    pub(super) kinds: Vec<EvidenceKind>,
    pub(super) from: EventTime,
    pub(super) until: EventTime,
}

impl Membership {
    /// When to ask for the names of the account: the end of the span, where a later name replaces an earlier.
    pub(super) fn last(&self) -> EventTime {
        if self.until == EventTime::MAX { self.until } else { EventTime::from_nanos(self.until.nanos() - 1) }
    }
}

/// Every membership, by account and time.
pub(super) fn memberships(subject: &Subject) -> Vec<Membership> {
    let mut all: Vec<Membership> = Vec::new();
    let mut cuts = Vec::new();
    for &account in subject.accounts() {
        let facts = subject.facts_of(account).iter().map(|f| (f.from, f.until));
        let mut spans: Vec<_> = facts.chain(subject.links_of(account).iter().map(|l| (l.from, l.until))).collect();
        if spans.is_empty() {
            spans.push((EventTime::MIN, EventTime::MAX));
        }
        cuts.clear();
        cuts.extend(spans.iter().flat_map(|(from, until)| [*from, *until]));
        cuts.sort_unstable();
        cuts.dedup();
        for piece in cuts.windows(2) {
            let (from, until) = (piece[0], piece[1]);
            if spans.iter().any(|(a, b)| *a <= from && until <= *b) {
                join(&mut all, bound(subject, account, from, until));
            }
        }
    }
    all
}

fn bound(subject: &Subject, account: AccountKey, from: EventTime, until: EventTime) -> Membership {
    let binding = subject.persons.bind(account, from);
    // `Conflict` weighs more than `Possible`: it is the one to look at.
    let state = binding.via.as_ref().map(|l| l.state).or_else(|| binding.possible.iter().map(|l| l.state).max());
    let confidence = binding.via.as_ref().map(|l| l.confidence);
    let kinds = binding.via.map(|l| l.kinds).unwrap_or_default();
    Membership { person: binding.person, account, state, confidence, kinds, from, until }
}

/// Appends a membership, or carries the last one on where nothing but a name changed.
fn join(all: &mut Vec<Membership>, next: Membership) {
    match all.last_mut() {
        Some(last)
            if last.until == next.from
                && Membership { until: next.until, ..last.clone() }
                    == Membership { from: last.from, ..next.clone() } =>
        {
            last.until = next.until;
        }
        _ => all.push(next),
    }
}
