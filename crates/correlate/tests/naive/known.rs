//! What the model starts from: the set of findings with their sightings merged, and the newest version of each source incident.
//!
//! scenarios.md 2.3 and 2.7; design 3 ("the same alert by several roads").

use crate::decided::Decided;
use crate::people::People;
use caponier_model::{
    Chain, Entity, Entry, EventTime, FindingKey, Persons, Severity, Sighting, SightingKind, SourceIncident,
    SourceIncidentKey, Text,
};
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

/// A finding with the fields that its sightings agree on by rank, version and content.
#[derive(Clone, Debug)]
pub struct Finding {
    pub key: FindingKey,
    pub sightings: Vec<Sighting>,
    pub title: Text,
    pub severity: Severity,
    pub verdict: Option<bool>,
    pub first: EventTime,
    pub last: EventTime,
    /// Entities that describe one thing share a list.
    pub things: Vec<Vec<Entity>>,
    pub tactics: BTreeSet<CompactString>,
    pub techniques: BTreeSet<CompactString>,
    /// E11: the kind of detection, and whether this is the detection and no alert.
    pub detection: Option<(CompactString, bool)>,
}

/// Everything that was ever said, order forgotten (but for identities, of which the last word holds).
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// By (first activity, key).
    pub findings: Vec<Finding>,
    pub unpaired: usize,
    pub sources: BTreeMap<SourceIncidentKey, SourceIncident>,
    pub people: People,
    pub decided: Decided,
    /// Rule chains, the last of each id.
    pub chains: BTreeMap<CompactString, Chain>,
}

impl Known {
    /// Takes the entries of a journal as a set.
    pub fn of(entries: &[Entry], sightings_max: usize) -> Self {
        let mut known = Self::default();
        let mut by_key: BTreeMap<FindingKey, Vec<Sighting>> = BTreeMap::new();
        for entry in entries {
            match entry {
                Entry::Sighting(s) => by_key.entry(s.key.clone()).or_default().push((**s).clone()),
                Entry::Withdrawn(key) => drop(by_key.remove(key)),
                Entry::Incident(i) => {
                    let newer = known.sources.get(&i.key).is_none_or(|held| age(held) < age(i));
                    if newer {
                        known.sources.insert(i.key.clone(), (**i).clone());
                    }
                }
                Entry::Identity(change) => drop(known.people.apply(change.clone())),
                Entry::Chain(chain) => drop(known.chains.insert(chain.id.clone(), (**chain).clone())),
                Entry::Decision(decision) => known.decided.take((**decision).clone()),
                _ => {}
            }
        }
        for (key, all) in by_key {
            match merge(key, newest(all, sightings_max)) {
                Some(finding) => known.findings.push(finding),
                None => known.unpaired += 1,
            }
        }
        known.findings.sort_by(|a, b| (a.first, &a.key).cmp(&(b.first, &b.key)));
        known
    }

    /// Every name of a source incident, through what held versions say, sorted.
    pub fn names(&self, key: &SourceIncidentKey) -> BTreeSet<SourceIncidentKey> {
        let mut names = BTreeSet::from([key.clone()]);
        loop {
            let before = names.len();
            for incident in self.sources.values() {
                for other in incident.aliases.iter().chain(&incident.redirect_to) {
                    if names.contains(other) || names.contains(&incident.key) {
                        names.extend([other.clone(), incident.key.clone()]);
                    }
                }
            }
            if names.len() == before {
                return names;
            }
        }
    }

    /// The rule of a chain and the smallest step that a finding matched.
    pub fn step(&self, chain: &str, key: &FindingKey) -> Option<(CompactString, CompactString)> {
        let chain = self.chains.get(chain)?;
        let step = chain.steps.iter().filter(|s| s.finding == *key).map(|s| &s.step).min()?;
        Some((chain.rule.clone(), step.clone()))
    }

    /// The source incidents that a finding is in, by their own names.
    pub fn incidents_of(&self, finding: &Finding) -> BTreeSet<SourceIncidentKey> {
        let mut keys: BTreeSet<SourceIncidentKey> =
            finding.sightings.iter().filter_map(|s| s.source_incident.clone()).collect();
        for incident in self.sources.values() {
            let lists = |s: &Sighting| s.key.tenant == incident.key.tenant && incident.alert_ids.contains(&s.id);
            if finding.sightings.iter().any(lists) {
                keys.insert(incident.key.clone());
            }
        }
        keys
    }
}

/// What decides between versions of one source incident: the version, else the whole content.
fn age(incident: &SourceIncident) -> impl Ord {
    let i = incident.clone();
    let rest = (i.aliases, i.redirect_to, i.first, i.last, i.title, i.severity, i.verdict);
    (i.version, i.alert_ids, i.status, i.owner, rest)
}

/// Of every alert record the newest version, of evidence every distinct row; so many as are allowed, by canonical place.
fn newest(all: Vec<Sighting>, max: usize) -> Vec<Sighting> {
    let mut places = BTreeMap::new();
    for sighting in all {
        let evidence = sighting.kind == SightingKind::Evidence;
        let content = if evidence { sighting.content } else { 0 };
        let place = (evidence, sighting.format, sighting.id.clone(), content);
        let held: &mut Sighting = places.entry(place).or_insert_with(|| sighting.clone());
        if (held.version, held.content) < (sighting.version, sighting.content) {
            *held = sighting;
        }
    }
    places.into_values().take(max).collect()
}

/// Evidence alone is no finding.
fn merge(key: FindingKey, sightings: Vec<Sighting>) -> Option<Finding> {
    let mut roads: Vec<&Sighting> = sightings.iter().filter(|s| s.kind != SightingKind::Evidence).collect();
    roads.sort_by_key(|s| std::cmp::Reverse((s.rank, s.version, s.content, s.format)));
    let lead = *roads.first()?;
    let mut used: Vec<&Sighting> = Vec::new();
    for road in &roads {
        if used.iter().all(|u| u.format != road.format) {
            used.push(road);
        }
    }
    used.extend(sightings.iter().filter(|s| s.kind == SightingKind::Evidence));
    let mut things = Vec::new();
    for sighting in &used {
        let groups: BTreeSet<u16> = sighting.entities.iter().map(|e| e.group).collect();
        for group in groups {
            things.push(sighting.entities.iter().filter(|e| e.group == group).cloned().collect());
        }
    }
    Some(Finding {
        title: lead.title.clone(),
        severity: roads.iter().map(|s| s.severity).find(|s| *s != Severity::Unknown).unwrap_or_default(),
        verdict: roads.iter().find_map(|s| s.verdict),
        first: lead.first,
        last: lead.last,
        things,
        tactics: used.iter().flat_map(|s| s.tactics.iter().cloned()).collect(),
        techniques: used.iter().flat_map(|s| s.techniques.iter().cloned()).collect(),
        detection: lead.detector.as_deref().and_then(|d| detection(d, lead.kind == SightingKind::Risk)),
        key,
        sightings,
    })
}

/// The kind of a detection in the words of the detection; an alert may have another, of which the generated worlds use one.
fn detection(detector: &str, risk: bool) -> Option<(CompactString, bool)> {
    let folded: String = detector.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let word = if folded == "impossibletravel" { "unlikelytravel" } else { &folded };
    (!word.is_empty()).then(|| (word.into(), risk))
}
