//! A finding: the sightings of one alert merged into one, the same whatever order they came in.

use crate::cold::Cold;
use caponier_model::{EntityKind, EntityRole, EventTime, FindingKey, Severity, Sighting, SightingKind, TenantId, Text};
use compact_str::CompactString;
use smallvec::SmallVec;
use std::borrow::Cow;

/// What became of a sighting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// It may change the finding.
    Changed,
    /// Nothing new: an exact copy, or older than what is held.
    Known,
    /// The finding holds as many as it may (G12): the sighting of this id was left out, this one or another.
    Cut(CompactString),
}

/// The sightings of one key: of each alert record the newest version, of evidence every distinct row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sightings {
    held: Vec<Sighting>,
}

/// An entity of a merged finding; the group is unique within the finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'s> {
    pub kind: EntityKind,
    pub value: &'s CompactString,
    pub tenant: TenantId,
    pub group: u32,
}

/// What is kept of a finding after its sightings are merged; the rest is merged again where somebody reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    pub severity: Severity,
    pub verdict: Option<bool>,
    pub first: EventTime,
    pub last: EventTime,
}

/// What a finding is bound by, after its sightings are merged.
#[derive(Clone, Debug)]
pub(crate) struct Merged<'s> {
    pub first: EventTime,
    pub entities: Vec<Named<'s>>,
    /// E11: the kind of detection, and whether this is the detection itself and not an alert.
    pub detection: Option<(CompactString, bool)>,
    /// What the source calls this kind of alert.
    pub title: &'s Text,
    /// Tactics of all sightings that count, repeats among them.
    pub tactics: Vec<&'s CompactString>,
}

impl Brief {
    /// Seconds between the nearest ends of the two intervals.
    pub(crate) fn gap(&self, other: &Self) -> i64 {
        self.first.max(other.first).seconds_since(self.last.min(other.last)).max(0)
    }
}

/// The sightings of a finding that is held: as they came while it waits, as bytes afterwards.
#[derive(Debug)]
pub(crate) enum Kept {
    Open(Sightings),
    Cold(Cold),
}

impl Kept {
    /// Takes out what lies open; whoever does puts it back.
    pub(crate) fn take(&mut self) -> Sightings {
        match self {
            Self::Open(sightings) => std::mem::take(sightings),
            Self::Cold(_) => Sightings::default(),
        }
    }

    /// The sightings of the finding of this key.
    pub(crate) fn get(&self, key: &FindingKey) -> Cow<'_, Sightings> {
        match self {
            Self::Open(sightings) => Cow::Borrowed(sightings),
            Self::Cold(cold) => Cow::Owned(cold.unpack(key)),
        }
    }
}

impl Sightings {
    /// Those in canonical order that were taken before.
    pub(crate) const fn of(held: Vec<Sighting>) -> Self {
        Self { held }
    }

    /// Takes in one sighting; at most `limit` are kept, by canonical order and not by arrival.
    pub(crate) fn take(&mut self, sighting: Sighting, limit: u32) -> Taken {
        fn place(s: &Sighting) -> (bool, &str, &str, u128) {
            let content = if s.kind == SightingKind::Evidence { s.content } else { 0 };
            (s.kind == SightingKind::Evidence, s.format, &s.id, content)
        }
        match self.held.binary_search_by(|held| place(held).cmp(&place(&sighting))) {
            Ok(at) => {
                let held = &mut self.held[at];
                if (held.version, held.content) >= (sighting.version, sighting.content) {
                    return Taken::Known;
                }
                *held = sighting;
                Taken::Changed
            }
            Err(at) => {
                if self.held.is_empty() {
                    // Most findings have one.
                    self.held.reserve_exact(1);
                }
                self.held.insert(at, sighting);
                if self.held.len() <= limit as usize {
                    return Taken::Changed;
                }
                self.held.pop().map_or(Taken::Known, |gone| Taken::Cut(gone.id))
            }
        }
    }

    /// All of them, in canonical order.
    pub(crate) fn all(&self) -> &[Sighting] {
        &self.held
    }

    /// The latest instant that any of them names.
    pub(crate) fn last(&self) -> EventTime {
        self.held.iter().map(|s| s.last).max().unwrap_or(EventTime::MIN)
    }

    /// Alerts and detections, the one that speaks for all first.
    fn ranked(&self) -> SmallVec<[&Sighting; 4]> {
        let order = |s: &&Sighting| (s.rank, s.version, s.content, s.format);
        let mut ranked: SmallVec<[&Sighting; 4]> =
            self.held.iter().filter(|s| s.kind != SightingKind::Evidence).collect();
        ranked.sort_by(|a, b| order(b).cmp(&order(a)));
        ranked
    }

    /// The title of the merged finding.
    pub(crate) fn title(&self) -> Option<&Text> {
        self.ranked().first().map(|s| &s.title)
    }

    /// What is kept of the merged finding; `None` while there is only evidence.
    pub(crate) fn brief(&self) -> Option<Brief> {
        let ranked = self.ranked();
        let lead = *ranked.first()?;
        Some(Brief {
            severity: ranked.iter().map(|s| s.severity).find(|s| *s != Severity::Unknown).unwrap_or_default(),
            verdict: ranked.iter().find_map(|s| s.verdict),
            first: lead.first,
            last: lead.last,
        })
    }

    /// Sightings whose lists count: entities, tactics and techniques are the union over the newest sighting of each format and
    /// all evidence, since each road cuts its list somewhere else. Single fields come from the first, which has the greatest
    /// (rank, version, content); empty while there is only evidence.
    pub(crate) fn used(&self) -> SmallVec<[&Sighting; 4]> {
        let mut used: SmallVec<[&Sighting; 4]> = SmallVec::new();
        for sighting in self.ranked() {
            if !used.iter().any(|u| u.format == sighting.format) {
                used.push(sighting);
            }
        }
        if !used.is_empty() {
            used.extend(self.held.iter().filter(|s| s.kind == SightingKind::Evidence));
        }
        used
    }

    /// The merged finding; `None` while there is only evidence.
    pub(crate) fn merged(&self) -> Option<Merged<'_>> {
        let used = self.used();
        let lead = *used.first()?;
        let detection = lead.detector.as_deref().and_then(|d| detection(d, lead.kind == SightingKind::Risk));
        let count = used.iter().map(|s| s.entities.len()).sum();
        let tactics = used.iter().flat_map(|s| &s.tactics).collect();
        let entities = Vec::with_capacity(count);
        let mut merged = Merged { first: lead.first, entities, detection, title: &lead.title, tactics };
        let mut base = 0;
        for sighting in used {
            let ties = sighting.entities.iter().filter(|e| e.role != EntityRole::Context);
            merged.entities.extend(ties.map(|e| Named {
                kind: e.kind,
                value: &e.value,
                tenant: e.tenant,
                group: base + u32::from(e.group),
            }));
            base += 1 + sighting.entities.iter().map(|e| u32::from(e.group)).max().unwrap_or(0);
        }
        Some(merged)
    }
}

/// What Identity Protection calls a detection, and what its alerts call it where that is another word (both folded).
const DETECTIONS: [(&str, &str); 6] = [
    ("anonymouslogin", "anonymizedipaddress"),
    ("impossibletravel", "unlikelytravel"),
    ("maliciousip", "maliciousipaddress"),
    ("malwareinfectedip", "malwareinfectedipaddress"),
    ("suspiciousip", "suspiciousipaddress"),
    ("unfamiliarlocation", "unfamiliarfeatures"),
];

/// The kind of a detection, the same in the detection and in its alert.
fn detection(detector: &str, risk: bool) -> Option<(CompactString, bool)> {
    let mut word: CompactString = detector.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    word.make_ascii_lowercase();
    if let Some((_, ours)) = DETECTIONS.iter().find(|(theirs, _)| word == *theirs) {
        word = (*ours).into();
    }
    (!word.is_empty()).then_some((word, risk))
}

/// The order in which findings are named, listed and compared: by first activity, then key.
pub(crate) type Rank = (EventTime, FindingKey);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use caponier_model::{Entity, Guid, SourceRank};

    /// A sighting of an alert at a second, with entities of the same tenant, each in a group of its own.
    pub(crate) fn sighting(tenant: u128, id: &str, at: i64, entities: &[(EntityKind, &str)]) -> Sighting {
        let tenant = TenantId(Guid::from_u128(tenant));
        let first = EventTime::from_seconds(at);
        Sighting {
            key: FindingKey { tenant, product: "mde".into(), id: id.into() },
            kind: SightingKind::Alert,
            format: "alert",
            id: id.into(),
            url: None,
            rank: SourceRank::SENTINEL,
            version: first,
            content: 1,
            title: Text::quoted(id, tenant),
            severity: Severity::Medium,
            closed: false,
            verdict: None,
            first,
            last: first,
            ingested: None,
            entities: entities
                .iter()
                .enumerate()
                .map(|(i, (kind, value))| Entity {
                    kind: *kind,
                    value: (*value).into(),
                    tenant,
                    group: i as u16,
                    role: EntityRole::Related,
                })
                .collect(),
            tactics: Vec::new(),
            techniques: Vec::new(),
            source_incident: None,
            detector: None,
        }
        .canonical()
    }

    #[test]
    fn merging_does_not_depend_on_arrival() {
        let device = (EntityKind::Device, "d");
        let mut all = vec![sighting(1, "a", 10, &[device]), sighting(1, "a", 10, &[(EntityKind::Ip, "203.0.113.1")])];
        all[1].format = "graph";
        all[1].rank = SourceRank::GRAPH;
        all[1].severity = Severity::High;
        let mut newer = all[0].clone();
        newer.version = EventTime::from_seconds(99);
        newer.severity = Severity::Low;
        all.push(newer);
        let mut evidence = sighting(1, "a", 5, &[(EntityKind::Ip, "203.0.113.2")]);
        evidence.kind = SightingKind::Evidence;
        all.push(evidence);
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
            let mut sightings = Sightings::default();
            assert!(sightings.merged().is_none());
            for i in order {
                sightings.take(all[i].clone(), 100);
                assert_eq!(sightings.take(all[i].clone(), 100), Taken::Known);
            }
            let merged = sightings.merged().unwrap();
            let brief = sightings.brief().unwrap();
            assert_eq!((brief.severity, brief.first), (Severity::High, EventTime::from_seconds(10)));
            let values: Vec<_> = merged.entities.iter().map(|e| e.value.as_str()).collect();
            assert_eq!(values, ["203.0.113.1", "d", "203.0.113.2"]);
        }
    }

    #[test]
    fn evidence_alone_is_no_finding_and_the_limit_is_a_fact_of_the_set() {
        let mut rows: Vec<Sighting> = (0..5).map(|i| sighting(1, "a", i, &[])).collect();
        for (i, row) in rows.iter_mut().enumerate() {
            row.kind = SightingKind::Evidence;
            row.content = i as u128;
        }
        let take = |order: &[usize]| {
            let mut sightings = Sightings::default();
            for i in order {
                sightings.take(rows[*i].clone(), 3);
            }
            assert!(sightings.merged().is_none());
            sightings.all().iter().map(|s| s.content).collect::<Vec<_>>()
        };
        assert_eq!(take(&[0, 1, 2, 3, 4]), [0, 1, 2]);
        assert_eq!(take(&[4, 3, 2, 1, 0]), [0, 1, 2]);
    }
}
