//! Spans of event time, half open, and sets of them. Knows no identities.

use caponier_model::EventTime;

/// `[from, until)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span {
    pub(crate) from: EventTime,
    pub(crate) until: EventTime,
}

impl Span {
    /// All of event time.
    pub(crate) const ALWAYS: Self = Self { from: EventTime::MIN, until: EventTime::MAX };

    /// The part of both, which may be empty.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.from >= self.until
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }

    pub(crate) fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }

    pub(crate) fn holds(self, at: EventTime) -> bool {
        // The end of time is the end of an open span, so it belongs to it.
        self.from <= at && (at < self.until || self.until == EventTime::MAX)
    }

    /// What remains of `self` without any of `cuts`, in order.
    pub(crate) fn without(self, cuts: &[Self]) -> Vec<Self> {
        let mut left = vec![self];
        for cut in cuts {
            left = left
                .into_iter()
                .flat_map(|s| {
                    if !s.overlaps(*cut) {
                        return [Some(s), None];
                    }
                    let before = Self { from: s.from, until: cut.from };
                    let after = Self { from: cut.until, until: s.until };
                    [Some(before), Some(after)]
                })
                .flatten()
                .filter(|s| !s.is_empty())
                .collect();
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, until: i64) -> Span {
        Span { from: EventTime::from_nanos(from), until: EventTime::from_nanos(until) }
    }

    #[test]
    fn cutting_leaves_what_no_cut_touches() {
        assert_eq!(span(0, 10).without(&[span(2, 3), span(5, 20)]), [span(0, 2), span(3, 5)]);
        assert_eq!(span(0, 10).without(&[span(-5, 12)]), []);
        assert_eq!(span(0, 10).without(&[span(10, 12)]), [span(0, 10)]);
        assert_eq!(Span::ALWAYS.without(&[]), [Span::ALWAYS]);
    }

    #[test]
    fn an_open_span_holds_the_end_of_time() {
        assert!(Span::ALWAYS.holds(EventTime::MAX));
        assert!(!span(0, 10).holds(EventTime::from_nanos(10)));
    }
}
