//! Scores incidents against the truth. What is counted, and what is not, is said at each field of [`Scores`].
//!
//! The measured set is the **attack findings**. Every incident is a cluster; an attack finding in no incident is a cluster
//! of its own. Ambient findings (noise on the victim meanwhile) may be absorbed or not: no pair with one is counted,
//! their number is reported. Pairs of two noise findings are not counted either, since noise on one account may well be
//! one incident; pairs of an attack finding with noise are counted as false in the figures named `with_noise`.

mod contingency;
mod firing;
mod read;

use crate::json;
use crate::plan::LabError;
use contingency::{Contingency, Pairs};
use read::{Label, Predicted, Truth};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

pub use firing::{Fired, Judged, Scene, judge};

/// The figures of one run. Ratios lie in 0 to 1; "not a number" where there is nothing to divide by.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// Attack, ambient and noise findings of the truth.
    pub attack_findings: u64,
    /// Ambient findings of the truth.
    pub ambient_findings: u64,
    /// Noise findings of the truth.
    pub noise_findings: u64,
    /// Findings of the truth that are in no incident.
    pub missing: u64,
    /// Attack findings among them.
    pub missing_attack: u64,
    /// Findings of incidents that the truth does not know (matches of the engine's own rules).
    pub unknown: u64,
    /// Incidents.
    pub incidents: u64,
    /// Attacks of which at least one finding is in an incident.
    pub attacks_seen: u64,
    /// Attacks whose every finding is in one incident.
    pub attacks_whole: u64,
    /// Attacks.
    pub attacks: u64,
    /// Of the pairs of attack findings in one incident, those of one attack.
    pub precision: f64,
    /// Of the pairs of findings of one attack, those in one incident.
    pub recall: f64,
    /// As `precision`, with each (attack finding, noise finding) pair in one incident counted as false.
    pub precision_with_noise: f64,
    /// `precision` over the pairs whose findings are of two tenants.
    pub cross_precision: f64,
    /// `recall` over the pairs whose findings are of two tenants.
    pub cross_recall: f64,
    /// `precision_with_noise` over the pairs whose findings are of two tenants.
    pub cross_precision_with_noise: f64,
    /// Adjusted Rand index.
    pub adjusted_rand: f64,
    /// Homogeneity.
    pub homogeneity: f64,
    /// Completeness.
    pub completeness: f64,
    /// V measure.
    pub v_measure: f64,
    /// B-cubed precision.
    pub b_cubed_precision: f64,
    /// B-cubed recall.
    pub b_cubed_recall: f64,
    /// Findings of the largest incident, of whatever label.
    pub biggest: u64,
    /// Incidents that hold findings of more than one attack.
    pub over_merged: u64,
    /// Red herrings of two attacks that were planted.
    pub herrings: u64,
    /// Of those, taken: one incident holds findings of both attacks.
    pub herrings_taken: u64,
    /// Ambient findings absorbed by an incident with an attack: least, median, most.
    pub ambient_absorbed: (u64, u64, u64),
    /// Noise findings in incidents with an attack.
    pub noise_absorbed: u64,
    /// Findings for each incident: meaningless without the precision beside it.
    pub reduction: f64,
    /// Accepted links shown by incidents.
    pub links: u64,
    /// Of those that the truth knows, those that lead to the right home.
    pub link_precision: f64,
    /// Of the provable satellite accounts that incidents name, those joined to the right home.
    pub link_recall: f64,
}

/// Scores the incidents (native NDJSON, design 6) against `truth.ndjson`.
///
/// # Errors
/// [`LabError::Line`] for a line that is not what it should be, [`LabError::Io`] where reading fails.
pub fn score(truth: impl BufRead, incidents: impl BufRead) -> Result<Scores, LabError> {
    let truth = Truth::read(truth)?;
    let incidents = truth.incidents(incidents)?;
    let mut scores = Scores::default();
    let home = homes(&truth, &incidents);
    counts(&truth, &incidents, &home, &mut scores);
    agreement(&truth, &home, &mut scores);
    noise(&truth, &incidents, &mut scores);
    links(&truth, &incidents, &mut scores);
    Ok(scores)
}

/// The incident of each finding; the first, where an engine errs and puts one into two.
fn homes(truth: &Truth, incidents: &[Predicted]) -> Vec<Option<u32>> {
    let mut home = vec![None; truth.findings.len()];
    for (incident, number) in incidents.iter().zip(0u32..) {
        for member in &incident.members {
            home[*member].get_or_insert(number);
        }
    }
    home
}

fn counts(truth: &Truth, incidents: &[Predicted], home: &[Option<u32>], scores: &mut Scores) {
    let count = |label| truth.findings.iter().filter(|f| f.label == label).count() as u64;
    scores.attack_findings = count(Label::Attack);
    scores.ambient_findings = count(Label::Ambient);
    scores.noise_findings = count(Label::Noise);
    let missing = || truth.findings.iter().zip(home).filter(|(_, h)| h.is_none());
    scores.missing = missing().count() as u64;
    scores.missing_attack = missing().filter(|(f, _)| f.label == Label::Attack).count() as u64;
    scores.unknown = incidents.iter().map(|i| i.unknown).sum();
    scores.incidents = incidents.len() as u64;
    scores.biggest = incidents.iter().map(|i| i.members.len() as u64 + i.unknown).max().unwrap_or(0);
    let held: u64 = incidents.iter().map(|i| i.members.len() as u64 + i.unknown).sum();
    scores.reduction = held as f64 / incidents.len() as f64;
}

/// Everything that compares the partition of the attack findings with their attacks.
fn agreement(truth: &Truth, home: &[Option<u32>], scores: &mut Scores) {
    // Alone is a cluster of its own: numbers from the far end, which no incident bears.
    let elements: Vec<(u32, u32, u32)> = truth
        .findings
        .iter()
        .zip(home)
        .zip((0..=u32::MAX).rev())
        .filter(|((f, _), _)| f.label == Label::Attack)
        .filter_map(|((f, home), alone)| Some((f.tenant, f.attack?, home.unwrap_or(alone))))
        .collect();
    let all = Contingency::new(elements.iter().map(|(_, a, c)| (*a, *c)));
    let cross = within_tenants(&elements).into_iter().fold(all.pairs(), Pairs::without);
    (scores.precision, scores.recall) = (all.pairs().precision(), all.pairs().recall());
    (scores.cross_precision, scores.cross_recall) = (cross.precision(), cross.recall());
    let foreign = noise_pairs(truth, home);
    let with = |pairs: Pairs, noise: u64| Pairs { predicted: pairs.predicted + noise, ..pairs }.precision();
    scores.precision_with_noise = with(all.pairs(), foreign.0);
    scores.cross_precision_with_noise = with(cross, foreign.1);
    scores.adjusted_rand = all.adjusted_rand();
    (scores.homogeneity, scores.completeness, scores.v_measure) = all.homogeneity_completeness_v();
    (scores.b_cubed_precision, scores.b_cubed_recall) = all.b_cubed();
    let mut clusters: BTreeMap<u32, (BTreeSet<u32>, bool)> = BTreeMap::new();
    for ((_, attack, cluster), seen) in elements.iter().map(|e| (e, (e.2 as usize) < home.len())) {
        let entry = clusters.entry(*attack).or_default();
        entry.0.insert(*cluster);
        entry.1 |= seen;
    }
    scores.attacks = clusters.len() as u64;
    scores.attacks_seen = clusters.values().filter(|(_, seen)| *seen).count() as u64;
    scores.attacks_whole = clusters.values().filter(|(c, seen)| *seen && c.len() == 1).count() as u64;
}

/// The pairs inside each tenant: what is left of all pairs without them crosses.
fn within_tenants(elements: &[(u32, u32, u32)]) -> Vec<Pairs> {
    let tenants: BTreeSet<u32> = elements.iter().map(|(t, ..)| *t).collect();
    let of = |tenant: u32| elements.iter().filter(move |(t, ..)| *t == tenant).map(|(_, a, c)| (*a, *c));
    tenants.into_iter().map(|t| Contingency::new(of(t)).pairs()).collect()
}

/// Pairs of an attack finding and a noise finding in one incident: all, and those of two tenants.
fn noise_pairs(truth: &Truth, home: &[Option<u32>]) -> (u64, u64) {
    let mut held: BTreeMap<u32, BTreeMap<u32, (u64, u64)>> = BTreeMap::new();
    for (finding, incident) in truth.findings.iter().zip(home) {
        let Some(incident) = incident else { continue };
        let cell = held.entry(*incident).or_default().entry(finding.tenant).or_default();
        match finding.label {
            Label::Attack => cell.0 += 1,
            Label::Noise => cell.1 += 1,
            Label::Ambient => {}
        }
    }
    let mut sum = (0, 0);
    for tenants in held.values() {
        let (attack, noise) = tenants.values().fold((0, 0), |(a, n), (b, m)| (a + b, n + m));
        let inside: u64 = tenants.values().map(|(a, n)| a * n).sum();
        sum = (sum.0 + attack * noise, sum.1 + attack * noise - inside);
    }
    sum
}

fn noise(truth: &Truth, incidents: &[Predicted], scores: &mut Scores) {
    let (mut ambient, mut taken) = (Vec::new(), BTreeSet::new());
    for incident in incidents {
        let of = |label| incident.members.iter().map(|m| &truth.findings[*m]).filter(move |f| f.label == label);
        let attacks: BTreeSet<Option<u32>> = of(Label::Attack).map(|f| f.attack).collect();
        if attacks.is_empty() {
            continue;
        }
        scores.over_merged += u64::from(attacks.len() > 1);
        let both = |(_, herring): &(usize, &BTreeSet<u32>)| herring.iter().all(|a| attacks.contains(&Some(*a)));
        taken.extend(truth.herrings.iter().enumerate().filter(both).map(|(at, _)| at));
        scores.noise_absorbed += of(Label::Noise).count() as u64;
        ambient.push(of(Label::Ambient).count() as u64);
    }
    (scores.herrings, scores.herrings_taken) = (truth.herrings.len() as u64, taken.len() as u64);
    ambient.sort_unstable();
    if let (Some(least), Some(most)) = (ambient.first(), ambient.last()) {
        scores.ambient_absorbed = (*least, ambient[ambient.len() / 2], *most);
    }
}

fn links(truth: &Truth, incidents: &[Predicted], scores: &mut Scores) {
    let shown: BTreeSet<_> = incidents.iter().flat_map(|i| &i.links).collect();
    let named: BTreeSet<_> = incidents.iter().flat_map(|i| &i.accounts).collect();
    scores.links = shown.len() as u64;
    let right = |satellite: &read::Account, home: &read::Account| {
        truth.links.get(satellite).map(|(true_home, _)| true_home.as_ref() == Some(home))
    };
    let verdicts: Vec<bool> = shown.iter().filter_map(|(s, h)| right(s, h)).collect();
    let share = |good: usize, all: usize| if all == 0 { f64::NAN } else { good as f64 / all as f64 };
    scores.link_precision = share(verdicts.iter().filter(|v| **v).count(), verdicts.len());
    let joined: BTreeSet<_> = shown.iter().filter(|(s, h)| right(s, h) == Some(true)).map(|(s, _)| s).collect();
    let wanted: Vec<_> = truth.links.iter().filter(|(s, (_, provable))| *provable && named.contains(s)).collect();
    scores.link_recall = share(wanted.iter().filter(|(s, _)| joined.contains(s)).count(), wanted.len());
}

enum Figure {
    Count(u64),
    Ratio(f64),
    Spread((u64, u64, u64)),
}

impl Scores {
    fn figures(&self) -> Vec<(&'static str, Figure)> {
        use Figure::{Count, Ratio, Spread};
        vec![
            ("attack_findings", Count(self.attack_findings)),
            ("ambient_findings", Count(self.ambient_findings)),
            ("noise_findings", Count(self.noise_findings)),
            ("missing_findings", Count(self.missing)),
            ("missing_attack_findings", Count(self.missing_attack)),
            ("unknown_findings", Count(self.unknown)),
            ("incidents", Count(self.incidents)),
            ("attacks", Count(self.attacks)),
            ("attacks_seen", Count(self.attacks_seen)),
            ("attacks_whole", Count(self.attacks_whole)),
            ("pairwise_precision", Ratio(self.precision)),
            ("pairwise_recall", Ratio(self.recall)),
            ("pairwise_precision_with_noise", Ratio(self.precision_with_noise)),
            ("cross_tenant_precision", Ratio(self.cross_precision)),
            ("cross_tenant_recall", Ratio(self.cross_recall)),
            ("cross_tenant_precision_with_noise", Ratio(self.cross_precision_with_noise)),
            ("adjusted_rand_index", Ratio(self.adjusted_rand)),
            ("homogeneity", Ratio(self.homogeneity)),
            ("completeness", Ratio(self.completeness)),
            ("v_measure", Ratio(self.v_measure)),
            ("b_cubed_precision", Ratio(self.b_cubed_precision)),
            ("b_cubed_recall", Ratio(self.b_cubed_recall)),
            ("biggest_cluster", Count(self.biggest)),
            ("over_merged", Count(self.over_merged)),
            ("herrings", Count(self.herrings)),
            ("herrings_taken", Count(self.herrings_taken)),
            ("ambient_absorbed", Spread(self.ambient_absorbed)),
            ("noise_absorbed", Count(self.noise_absorbed)),
            ("reduction", Ratio(self.reduction)),
            ("links", Count(self.links)),
            ("link_precision", Ratio(self.link_precision)),
            ("link_recall", Ratio(self.link_recall)),
        ]
    }

    /// One JSON object; a figure that does not exist is null.
    pub fn to_json(&self) -> String {
        json::object(|o| {
            for (name, figure) in self.figures() {
                match figure {
                    Figure::Count(n) => o.number(name, n.cast_signed()),
                    Figure::Ratio(r) if r.is_finite() => o.raw(name, &format!("{r:.6}")),
                    Figure::Ratio(_) => o.null(name),
                    Figure::Spread((least, median, most)) => o.object(name, |s| {
                        s.number("min", least.cast_signed()).number("median", median.cast_signed());
                        s.number("max", most.cast_signed());
                    }),
                };
            }
        })
    }

    /// Names and values for a table.
    pub fn rows(&self) -> Vec<(String, String)> {
        let show = |figure| match figure {
            Figure::Count(n) => n.to_string(),
            Figure::Ratio(r) if r.is_finite() => format!("{r:.4}"),
            Figure::Ratio(_) => "-".to_owned(),
            Figure::Spread((least, median, most)) => format!("{least} / {median} / {most}"),
        };
        self.figures().into_iter().map(|(name, figure)| (name.replace('_', " "), show(figure))).collect()
    }
}

#[cfg(test)]
mod tests;
