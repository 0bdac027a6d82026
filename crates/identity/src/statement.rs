//! What people said of two accounts: the last word about each couple. Knows nothing of evidence.

use crate::span::Span;
use caponier_model::{AccountKey, Statement, Verdict};
use std::collections::BTreeMap;

/// The last word about each couple that has not been withdrawn, sorted; cost n log n.
///
/// Of several statements about one couple the last holds, by `at`, then by the rest, and nothing of the earlier ones is left,
/// also outside its span. A couple is two accounts, whichever of them is called the satellite: who says that B is A's home has
/// taken back that they are different people.
pub fn spoken(statements: &[Statement]) -> Vec<Statement> {
    let mut out: Vec<Statement> = Words::new(statements).last.into_values().cloned().collect();
    out.retain(|s| s.verdict != Verdict::Withdrawn);
    out.sort_unstable();
    out
}

/// The last words, to be asked by couple.
pub(crate) struct Words<'a> {
    last: BTreeMap<(AccountKey, AccountKey), &'a Statement>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(statements: &'a [Statement]) -> Self {
        let mut last: BTreeMap<_, &Statement> = BTreeMap::new();
        for said in statements {
            let word = last.entry(couple(said.account, said.home)).or_insert(said);
            if (said.at, said.verdict, said) > (word.at, word.verdict, word) {
                *word = said;
            }
        }
        Self { last }
    }

    /// The last word about two accounts, withdrawn or not.
    pub(crate) fn of(&self, a: AccountKey, b: AccountKey) -> Option<&'a Statement> {
        self.last.get(&couple(a, b)).copied()
    }

    /// All that say that two accounts are two people.
    pub(crate) fn different(&self) -> impl Iterator<Item = &'a Statement> {
        self.last.values().copied().filter(|s| s.verdict == Verdict::Different && !span(s).is_empty())
    }
}

pub(crate) const fn span(said: &Statement) -> Span {
    Span { from: said.from, until: said.until }
}

fn couple(a: AccountKey, b: AccountKey) -> (AccountKey, AccountKey) {
    if a <= b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{EventTime, Guid, TenantId};

    fn said(account: u128, home: u128, at: i64, verdict: Verdict) -> Statement {
        let key = |n: u128| AccountKey { tenant: TenantId(Guid::from_u128(n)), object: Guid::from_u128(n) };
        Statement {
            account: key(account),
            home: key(home),
            at: EventTime::from_seconds(at),
            verdict,
            author: "ann".into(),
            reason: "known".into(),
            from: EventTime::MIN,
            until: EventTime::MAX,
        }
    }

    #[test]
    fn the_last_word_about_a_couple_holds_in_any_order() {
        use Verdict::{Different, Same, Withdrawn};
        let (first, second) = (said(1, 2, 10, Same), said(1, 2, 20, Different));
        let (turned, withdrawn) = (said(2, 1, 30, Same), said(1, 2, 40, Withdrawn));
        let other = said(1, 3, 5, Same);
        let cases: [(&[&Statement], &[&Statement]); 5] = [
            (&[&first, &second], &[&second]),
            (&[&first, &second, &turned], &[&turned]),
            (&[&first, &second, &turned, &withdrawn], &[]),
            (&[&first, &other, &withdrawn], &[&other]),
            // At one moment the more careful word holds.
            (&[&said(1, 2, 10, Different), &first], &[&said(1, 2, 10, Different)]),
        ];
        for (given, wanted) in cases {
            let mut given: Vec<_> = given.iter().map(|s| (*s).clone()).collect();
            let wanted: Vec<_> = wanted.iter().map(|s| (*s).clone()).collect();
            assert_eq!(spoken(&given), wanted);
            given.reverse();
            assert_eq!(spoken(&given), wanted);
        }
    }
}
