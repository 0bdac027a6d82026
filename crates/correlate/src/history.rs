//! Ids and sequences: which incident of before a group of now continues, and what is handed on.
//!
//! A group inherits the id of the incident it shares most members with (tie: the older founder); the others redirect.

use crate::Engine;
use crate::few::Few;
use crate::name::{IncidentId, digits, incident_id_nth};
use crate::settle::{Findings, Touched};
use crate::state::{GroupIx, Members, Record, RecordIx, Told};
use caponier_model::{Change, ChangeKind, EventTime, IncidentState, Persons};
use compact_str::format_compact;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

/// (unit, incident, members that came from it).
type Share = (usize, RecordIx, usize);

/// (incident, what became of it, whether something late made it so).
type Handed = (RecordIx, ChangeKind, bool);

/// A group that is an incident, with its members by (first, key).
struct Unit {
    group: GroupIx,
    members: Members,
    /// One finding that never was in another incident.
    new: bool,
}

impl<P: Persons> Engine<P> {
    /// Gives every touched group its incident, and hands on what changed.
    pub(crate) fn rename(&mut self, mut touched: Touched, corrected: &Findings) {
        let units = self.units(&touched);
        for finding in units.iter().filter(|u| !u.new).flat_map(|u| &u.members) {
            touched.records.extend(self.findings.get(*finding).and_then(|h| h.record));
        }
        touched.records.extend(touched.groups.iter().filter_map(|g| self.groups.get(*g)?.record));
        let (heirs, shares) = self.inherit(&units, &touched.records);
        let kept: BTreeSet<RecordIx> = heirs.values().copied().collect();
        let mut lost: BTreeMap<RecordIx, usize> = BTreeMap::new();
        let mut origins: BTreeMap<usize, RecordIx> = BTreeMap::new();
        for (unit, record, _) in &shares {
            origins.entry(*unit).or_insert(*record);
            if !kept.contains(record) {
                lost.entry(*record).or_insert(*unit);
            }
        }
        let absorbing: BTreeSet<usize> = lost.values().copied().collect();
        let mut told: Vec<Handed> = Vec::with_capacity(units.len());
        for (at, unit) in units.iter().enumerate() {
            let (absorbs, origin) = (absorbing.contains(&at), origins.get(&at).copied());
            let late = !corrected.is_empty() && unit.members.iter().any(|f| corrected.contains(f));
            let (record, kind) = match heirs.get(&at) {
                Some(record) if absorbs => (*record, ChangeKind::Merged),
                Some(record) if late => (*record, ChangeKind::Corrected),
                Some(record) => (*record, ChangeKind::Updated),
                None if origin.is_some() => (self.found(unit, origin), ChangeKind::Split),
                None => (self.found(unit, origin), ChangeKind::Created),
            };
            told.push((record, kind, late));
            self.assign(record, unit);
        }
        self.clear_attached(&touched);
        let known: Findings = told.iter().map(|(record, ..)| *record).collect();
        let gone = touched.records.iter().filter(|r| !known.contains(*r));
        let gone: Vec<(RecordIx, Option<RecordIx>)> = gone.map(|r| (*r, lost.get(r).map(|u| told[*u].0))).collect();
        self.hand_on(&told, &known, gone, !corrected.is_empty());
    }

    /// The incidents among the touched groups, by their smallest finding.
    fn units(&self, touched: &Touched) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        // What is new and was attached at once is told among the others.
        let new = touched.new.iter().filter(|g| !touched.groups.contains(*g));
        for (group, new) in touched.groups.iter().map(|g| (g, false)).chain(new.map(|g| (g, true))) {
            let Some(held) = self.groups.get(*group) else { continue };
            if let [single] = held.core.members[..]
                && self.findings.get(single).is_none_or(|h| h.attached)
            {
                continue;
            }
            let mut members: Members = held.core.members.iter().chain(&held.attached).copied().collect();
            if members.len() > 1 {
                members.sort_by(|a, b| self.by_rank(Some(*a), Some(*b)));
            }
            units.push(Unit { group: *group, members, new });
        }
        units.sort_by(|a, b| self.by_rank(a.members.first().copied(), b.members.first().copied()));
        units
    }

    /// The heir of each unit, and (unit, incident, members shared), most shared first.
    fn inherit(&self, units: &[Unit], records: &BTreeSet<RecordIx>) -> (BTreeMap<usize, RecordIx>, Vec<Share>) {
        let mut shares: Vec<Share> = Vec::new();
        for (at, unit) in units.iter().enumerate().filter(|(_, unit)| !unit.new) {
            if let [single] = unit.members[..] {
                let record = self.findings.get(single).and_then(|h| h.record).filter(|r| records.contains(r));
                shares.extend(record.map(|record| (at, record, 1)));
                continue;
            }
            let mut counts: BTreeMap<RecordIx, usize> = BTreeMap::new();
            for record in unit.members.iter().filter_map(|f| self.findings.get(*f)?.record) {
                if records.contains(&record) {
                    *counts.entry(record).or_insert(0) += 1;
                }
            }
            shares.extend(counts.into_iter().map(|(record, n)| (at, record, n)));
        }
        let founder = |record: RecordIx| self.records.get(record).map(|r| (self.founder(r), r.id));
        shares.sort_by(|(u, a, n), (v, b, m)| {
            Reverse(n).cmp(&Reverse(m)).then_with(|| founder(*a).cmp(&founder(*b))).then(u.cmp(v))
        });
        let mut heirs: BTreeMap<usize, RecordIx> = BTreeMap::new();
        let mut given: BTreeSet<RecordIx> = BTreeSet::new();
        for (unit, record, _) in &shares {
            if !heirs.contains_key(unit) && given.insert(*record) {
                heirs.insert(*unit, *record);
            }
        }
        (heirs, shares)
    }

    /// A new incident for a unit; its founder is its smallest finding, for ever.
    fn found(&mut self, unit: &Unit, origin: Option<RecordIx>) -> RecordIx {
        let split_from = origin.and_then(|o| self.records.get(o)).map(|r| digits(r.id));
        let mut record = Record {
            id: 0,
            sequence: 0,
            change: ChangeKind::Created,
            told: None,
            founder: unit.members.first().copied().unwrap_or_default(),
            members: unit.members.clone(),
            group: unit.group,
            last: EventTime::MIN,
            partners: Few::default(),
            emitted: None,
            state: IncidentState::Active,
        };
        // A finding that founded an incident which then redirected may found another: ids are never given twice.
        let mut nth = 0;
        while let Some((_, key)) = self.founder(&record) {
            record.id = incident_id_nth(self.settings.epoch, key, nth);
            if self.ids.insert(record.id) {
                break;
            }
            nth += 1;
        }
        if split_from.is_some() {
            record.told = Some(Box::new(Told { split_from, ..self.told(&record) }));
        }
        self.records.insert(record)
    }

    fn assign(&mut self, record: RecordIx, unit: &Unit) {
        if self.records.get(record).is_some_and(|held| held.told.is_none() && !unit.members.contains(&held.founder)) {
            self.write_told(record);
        }
        for member in &unit.members {
            if let Some(held) = self.findings.get_mut(*member) {
                held.record = Some(record);
            }
        }
        if let Some(group) = self.groups.get_mut(unit.group) {
            group.record = Some(record);
        }
        if let Some(held) = self.records.get_mut(record) {
            held.members = unit.members.clone();
            held.group = unit.group;
        }
        self.schedule(record);
    }

    /// A loose finding that is attached elsewhere has no incident of its own.
    fn clear_attached(&mut self, touched: &Touched) {
        for group in &touched.groups {
            let single =
                self.groups.get(*group).and_then(|g| if let [f] = g.core.members[..] { Some(f) } else { None });
            if single.and_then(|f| self.findings.get(f)).is_some_and(|h| h.attached)
                && let Some(group) = self.groups.get_mut(*group)
            {
                group.record = None;
            }
        }
    }

    /// Emits what changed: the units' incidents, those redirected, and those whose references changed.
    fn hand_on(&mut self, told: &[Handed], known: &Findings, gone: Vec<(RecordIx, Option<RecordIx>)>, corrected: bool) {
        // Incidents named by one that changed, and whether it changed late.
        let mut echo: BTreeMap<RecordIx, bool> = BTreeMap::new();
        let mut hear = |engine: &Self, record: RecordIx, late: bool| {
            for partner in engine.records.get(record).map_or(&[][..], |r| &*r.partners) {
                *echo.entry(*partner).or_insert(false) |= late;
            }
        };
        told.iter().for_each(|(record, _, late)| hear(self, *record, *late));
        gone.iter().for_each(|(record, _)| hear(self, *record, corrected));
        for (record, kind, late) in told {
            self.emit(*record, *kind);
            hear(self, *record, *late);
        }
        let mut redirects: Vec<(IncidentId, RecordIx, Option<RecordIx>)> = gone
            .into_iter()
            .filter_map(|(record, target)| Some((self.records.get(record)?.id, record, target)))
            .collect();
        redirects.sort();
        for (_, record, target) in redirects {
            self.redirect(record, target);
            echo.remove(&record);
        }
        let mut echo: Vec<(IncidentId, RecordIx, bool)> = echo
            .into_iter()
            .filter(|(record, _)| !known.contains(record))
            .filter_map(|(record, late)| Some((self.records.get(record)?.id, record, late)))
            .collect();
        echo.sort();
        for (_, record, late) in echo {
            self.emit(record, if late { ChangeKind::Corrected } else { ChangeKind::Updated });
        }
    }

    /// Queues an incident, to be handed on where it is not what was handed on last.
    fn emit(&mut self, ix: RecordIx, kind: ChangeKind) {
        let partners = self.partners(ix);
        if let Some(record) = self.records.get_mut(ix) {
            record.partners = partners.into();
            self.push_due(ix, kind);
        }
    }

    /// The change that tells of an incident; none where it is what was handed on last.
    pub(crate) fn render(&mut self, ix: RecordIx, kind: ChangeKind) -> Option<Change> {
        let mut incident = self.assemble(ix)?;
        let references: Vec<&str> = incident.related.iter().map(|r| r.incident.as_str()).collect();
        let content = format_compact!("{} {:?} {}", incident.digest, incident.continues, references.join(" "));
        let record = self.records.get_mut(ix)?;
        let content = foldhash::fast::FixedState::default().hash_one(content);
        if record.emitted == Some(content) {
            return None;
        }
        record.emitted = Some(content);
        record.sequence += 1;
        let first = record.sequence == 1;
        let was = std::mem::replace(&mut record.state, incident.state);
        let resolved = incident.state == IncidentState::Resolved && was != IncidentState::Resolved;
        let closes = resolved && matches!(kind, ChangeKind::Updated | ChangeKind::Corrected);
        record.change = match kind {
            ChangeKind::Split => ChangeKind::Split,
            _ if first => ChangeKind::Created,
            _ if closes => ChangeKind::Closed,
            kind => kind,
        };
        incident.sequence = record.sequence;
        incident.change = record.change;
        Some(Change { incident })
    }

    /// Emits that an incident was absorbed, or that nothing is left of it, and forgets it.
    fn redirect(&mut self, ix: RecordIx, target: Option<RecordIx>) {
        let target = target.and_then(|t| self.records.get(t)).map(|r| digits(r.id));
        let Some(record) = self.records.remove(ix) else { return };
        self.deadlines.remove(&(record.last, ix));
        let mut incident = self.husk(&record);
        incident.sequence = record.sequence + 1;
        incident.redirect_to = target.clone();
        if target.is_none() {
            // All that it held was taken back, and nothing took its place.
            incident.change = ChangeKind::Closed;
        }
        if let Some(target) = target {
            self.redirected.entry(target.clone()).or_default().push(digits(record.id));
            self.redirects.insert(digits(record.id), target);
        }
        self.push(Change { incident });
    }
}
