//! Agreement of two partitions of one set, from their contingency table. Knows nothing of findings.
//!
//! A *pair* is an unordered pair of different elements. A pair is *true* when the truth puts both into one class,
//! *predicted* when the prediction puts both into one cluster. All counts are exact integers.

use std::collections::BTreeMap;

/// Pairs that the truth joins, that the prediction joins, and that both join.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pairs {
    /// Joined by both.
    pub both: u64,
    /// Joined by the prediction.
    pub predicted: u64,
    /// Joined by the truth.
    pub truth: u64,
}

impl Pairs {
    /// Share of the predicted pairs that are true; 1 when nothing was predicted and nothing was there to predict,
    /// not a number when nothing was predicted although there was.
    pub fn precision(&self) -> f64 {
        ratio(self.both, self.predicted, self.truth)
    }

    /// Share of the true pairs that were predicted; 1 when there were none.
    pub fn recall(&self) -> f64 {
        if self.truth == 0 { 1.0 } else { self.both as f64 / self.truth as f64 }
    }

    /// Pairs of `self` that are not pairs of `part`.
    pub fn without(self, part: Self) -> Self {
        Self { both: self.both - part.both, predicted: self.predicted - part.predicted, truth: self.truth - part.truth }
    }
}

fn ratio(part: u64, of: u64, wanted: u64) -> f64 {
    match (of, wanted) {
        (0, 0) => 1.0,
        (0, _) => f64::NAN,
        _ => part as f64 / of as f64,
    }
}

/// The counts of elements by (class, cluster).
#[derive(Clone, Debug, Default)]
pub struct Contingency {
    cells: BTreeMap<(u32, u32), u64>,
    classes: BTreeMap<u32, u64>,
    clusters: BTreeMap<u32, u64>,
    total: u64,
}

const fn choose2(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

impl Contingency {
    /// From each element's (class, cluster).
    pub fn new(elements: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut table = Self::default();
        for (class, cluster) in elements {
            *table.cells.entry((class, cluster)).or_default() += 1;
            *table.classes.entry(class).or_default() += 1;
            *table.clusters.entry(cluster).or_default() += 1;
            table.total += 1;
        }
        table
    }

    /// Pair counts.
    pub fn pairs(&self) -> Pairs {
        let sum = |counts: &mut dyn Iterator<Item = u64>| counts.map(choose2).sum();
        Pairs {
            both: sum(&mut self.cells.values().copied()),
            predicted: sum(&mut self.clusters.values().copied()),
            truth: sum(&mut self.classes.values().copied()),
        }
    }

    /// Adjusted Rand index (Hubert and Arabie 1985); 1 when both partitions are trivial in the same way.
    pub fn adjusted_rand(&self) -> f64 {
        let pairs = self.pairs();
        let all = choose2(self.total) as f64;
        if all == 0.0 {
            return 1.0;
        }
        let expected = pairs.predicted as f64 * pairs.truth as f64 / all;
        let most = (pairs.predicted + pairs.truth) as f64 / 2.0;
        if most == expected { 1.0 } else { (pairs.both as f64 - expected) / (most - expected) }
    }

    /// Homogeneity, completeness and their harmonic mean V (Rosenberg and Hirschberg 2007).
    pub fn homogeneity_completeness_v(&self) -> (f64, f64, f64) {
        let total = self.total as f64;
        let entropy = |counts: &BTreeMap<u32, u64>| -> f64 {
            counts.values().map(|n| *n as f64 / total).map(|p| -p * p.ln()).sum()
        };
        let (classes, clusters) = (entropy(&self.classes), entropy(&self.clusters));
        let joint: f64 = self.cells.values().map(|n| *n as f64 / total).map(|p| -p * p.ln()).sum();
        let share = |own: f64, given: f64| if own <= f64::EPSILON { 1.0 } else { 1.0 - given.max(0.0) / own };
        let homogeneity = share(classes, joint - clusters);
        let completeness = share(clusters, joint - classes);
        let sum = homogeneity + completeness;
        (homogeneity, completeness, if sum == 0.0 { 0.0 } else { 2.0 * homogeneity * completeness / sum })
    }

    /// B-cubed precision and recall (Bagga and Baldwin 1998): averages over elements, each counting itself.
    pub fn b_cubed(&self) -> (f64, f64) {
        if self.total == 0 {
            return (1.0, 1.0);
        }
        let (mut precision, mut recall) = (0.0, 0.0);
        for ((class, cluster), n) in &self.cells {
            let square = (*n * *n) as f64;
            precision += square / self.clusters.get(cluster).copied().unwrap_or(1) as f64;
            recall += square / self.classes.get(class).copied().unwrap_or(1) as f64;
        }
        (precision / self.total as f64, recall / self.total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn brute(elements: &[(u32, u32)]) -> Pairs {
        let mut pairs = Pairs::default();
        for (i, a) in elements.iter().enumerate() {
            for b in &elements[..i] {
                pairs.both += u64::from(a == b);
                pairs.predicted += u64::from(a.1 == b.1);
                pairs.truth += u64::from(a.0 == b.0);
            }
        }
        pairs
    }

    fn brute_b_cubed(elements: &[(u32, u32)]) -> (f64, f64) {
        let average = |by: &dyn Fn(&(u32, u32)) -> u32| {
            let each = elements.iter().map(|e| {
                let group = elements.iter().filter(|o| by(o) == by(e));
                let (all, right) = group.fold((0.0, 0.0), |(n, r), o| (n + 1.0, r + f64::from(u8::from(o == e))));
                right / all
            });
            each.sum::<f64>() / elements.len() as f64
        };
        (average(&|e| e.1), average(&|e| e.0))
    }

    #[test]
    fn formulas_agree_with_counting() {
        let mut random = Random::new(3, "contingency");
        for round in 0..200 {
            let (classes, clusters) = (1 + random.below(6), 1 + random.below(6));
            let elements: Vec<(u32, u32)> =
                (0..1 + round % 40).map(|_| (random.below(classes) as u32, random.below(clusters) as u32)).collect();
            let table = Contingency::new(elements.iter().copied());
            let pairs = brute(&elements);
            assert_eq!(table.pairs(), pairs, "{elements:?}");
            let (precision, recall) = table.b_cubed();
            let (want_precision, want_recall) = brute_b_cubed(&elements);
            assert!((precision - want_precision).abs() < 1e-9 && (recall - want_recall).abs() < 1e-9, "{elements:?}");
            // ARI from the four kinds of pairs, another form of the same definition.
            let all = choose2(elements.len() as u64) as f64;
            let (a, b, c) =
                (pairs.both as f64, (pairs.truth - pairs.both) as f64, (pairs.predicted - pairs.both) as f64);
            let d = all - a - b - c;
            let under = (a + b) * (b + d) + (a + c) * (c + d);
            if under > 0.0 {
                let want = 2.0 * (a * d - b * c) / under;
                assert!((table.adjusted_rand() - want).abs() < 1e-9, "{elements:?}");
            }
            let (h, c, v) = table.homogeneity_completeness_v();
            assert!([h, c, v].iter().all(|x| (-1e-9..=1.0 + 1e-9).contains(x)), "{elements:?}");
        }
    }

    #[test]
    fn known_figures() {
        // scikit-learn's example: v_measure_score([0, 0, 1, 1], [0, 0, 1, 2]) = 0.8, homogeneity 1, completeness 2/3.
        let table = Contingency::new([(0, 0), (0, 0), (1, 1), (1, 2)]);
        let (h, c, v) = table.homogeneity_completeness_v();
        assert!((h - 1.0).abs() < 1e-9 && (c - 2.0 / 3.0).abs() < 1e-9 && (v - 0.8).abs() < 1e-9, "{h} {c} {v}");
        // adjusted_rand_score([0, 0, 1, 1], [0, 0, 1, 2]) = 0.571428…
        assert!((table.adjusted_rand() - 4.0 / 7.0).abs() < 1e-9);
        let same = Contingency::new([(0, 5), (0, 5), (1, 6)]);
        assert!((same.adjusted_rand() - 1.0).abs() < 1e-9);
        assert_eq!(same.b_cubed(), (1.0, 1.0));
    }
}
