//! Refusals: what was not made a link, and why; gathered piece by piece, told once per stretch of time. Decides nothing.

use crate::span::Span;
use caponier_model::{AccountKey, EventTime, EvidenceKind, Refusal, RefusalReason, TenantId};
use compact_str::CompactString;

/// The refusals of one account, as they are found: overlapping, in any order.
pub(crate) struct Refusals {
    account: AccountKey,
    list: Vec<Refusal>,
}

/// One finding.
pub(crate) struct Refused<'a> {
    pub(crate) reason: RefusalReason,
    pub(crate) tenant: TenantId,
    pub(crate) home: Option<AccountKey>,
    pub(crate) kinds: &'a [EvidenceKind],
    pub(crate) span: Span,
    pub(crate) source: CompactString,
}

impl Refusals {
    pub(crate) const fn new(account: AccountKey) -> Self {
        Self { account, list: Vec::new() }
    }

    pub(crate) fn add(&mut self, refused: Refused<'_>) {
        let Refused { reason, tenant, home, kinds, span, source } = refused;
        let Span { from, until } = span;
        if !span.is_empty() {
            self.list.push(Refusal {
                account: self.account,
                tenant,
                home,
                reason,
                kinds: kinds.into(),
                from,
                until,
                source,
            });
        }
    }

    /// The times at which any refusal holds.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.list.iter().map(|r| Span { from: r.from, until: r.until }).collect()
    }

    pub(crate) fn tidied(self) -> Vec<Refusal> {
        tidied(self.list)
    }
}

/// Refusals of one meaning (account, tenant, home, reason) never overlap: where several hold, they are one with all their
/// kinds and the least of their sources; equal neighbours are one stretch. Sorted; a function of the set, and of its own result.
pub(crate) fn tidied(mut list: Vec<Refusal>) -> Vec<Refusal> {
    let meaning = |r: &Refusal| (r.account, r.tenant, r.home, r.reason);
    list.sort_unstable_by(|a, b| meaning(a).cmp(&meaning(b)).then_with(|| a.cmp(b)));
    let mut out: Vec<Refusal> = Vec::with_capacity(list.len());
    for group in list.chunk_by(|a, b| meaning(a) == meaning(b)) {
        if let [alone] = group {
            out.push(alone.clone());
            continue;
        }
        let first = out.len();
        let mut bounds: Vec<EventTime> = group.iter().flat_map(|r| [r.from, r.until]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        for piece in bounds.windows(2) {
            let holding = || group.iter().filter(|r| r.from <= piece[0] && piece[1] <= r.until);
            let Some(source) = holding().map(|r| &r.source).min() else { continue };
            let mut kinds: Vec<EvidenceKind> = holding().flat_map(|r| r.kinds.iter().copied()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            match out[first..].last_mut() {
                Some(last) if last.until == piece[0] && last.kinds == kinds && last.source == *source => {
                    last.until = piece[1];
                }
                _ => out.push(Refusal {
                    kinds,
                    source: source.clone(),
                    from: piece[0],
                    until: piece[1],
                    ..group[0].clone()
                }),
            }
        }
    }
    out.sort_unstable();
    out
}

#[cfg(test)]
#[path = "refuse_tests.rs"]
mod tests;
