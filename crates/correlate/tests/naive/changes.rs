//! Every kind of change has a journal that emits it.

use crate::people::People;
use crate::world::{HOUR, tenant};
use crate::{give, polled};
use caponier_correlate::{Engine, Settings};
use caponier_model::{
    Act, ChangeKind, Decision, Entity, EntityKind, EntityRole, Entry, EventTime, FindingKey, Policy, Severity,
    Sighting, SightingKind, SourceRank, Text,
};
use std::collections::BTreeSet;

fn key(id: &str) -> FindingKey {
    FindingKey { tenant: tenant(1), product: "mde".into(), id: id.into() }
}

/// An alert at an hour that names devices.
fn alert(id: &str, hour: i64, devices: &[&str]) -> Entry {
    let at = EventTime::from_seconds(hour * HOUR);
    let device = |(group, name): (u16, &&str)| Entity {
        kind: EntityKind::Device,
        value: (*name).into(),
        tenant: tenant(1),
        group,
        role: EntityRole::Related,
    };
    Entry::Sighting(Box::new(Sighting {
        key: key(id),
        kind: SightingKind::Alert,
        format: "alert",
        id: id.into(),
        url: None,
        rank: SourceRank::SENTINEL,
        version: at,
        content: 1,
        title: Text::quoted(id, tenant(1)),
        severity: Severity::Low,
        closed: false,
        verdict: None,
        first: at,
        last: at,
        ingested: None,
        entities: (0..).zip(devices).map(device).collect(),
        tactics: Vec::new(),
        techniques: Vec::new(),
        source_incident: None,
        detector: None,
    }))
}

fn decided(act: Act) -> Entry {
    let at = EventTime::from_seconds(9 * HOUR);
    Entry::Decision(Box::new(Decision { at, author: "ada".into(), reason: "".into(), act }))
}

#[test]
fn every_change_kind_has_a_journal_that_emits_it() {
    use ChangeKind::{Closed, Corrected, Created, Merged, Redirected, Split, Updated};
    let two = || vec![alert("a", 0, &["d"]), alert("b", 1, &["d"])];
    let with = |more: Entry| [two(), vec![more]].concat();
    let apart = vec![alert("a", 0, &["d"]), alert("b", 1, &["e"]), alert("c", 2, &["d", "e"])];
    let late = vec![alert("a", 5, &["d"]), Entry::Watermark(EventTime::from_seconds(9 * HOUR)), alert("b", 4, &["d"])];
    let (these, those) = (vec![key("a")], vec![key("b")]);
    let cases: [(&str, Vec<Entry>, &[ChangeKind]); 6] = [
        ("an alert", vec![alert("a", 0, &["d"])], &[Created]),
        ("a second on its device", two(), &[Created, Updated]),
        ("a third that joins two", apart, &[Created, Created, Merged, Redirected]),
        ("a split", with(decided(Act::Split { these, those })), &[Created, Updated, Updated, Split]),
        (
            "a close",
            with(decided(Act::Close { findings: vec![key("a"), key("b")], verdict: Some(true) })),
            &[Created, Updated, Closed],
        ),
        ("an alert that comes late", late, &[Created, Corrected]),
    ];
    let mut seen = BTreeSet::new();
    for (what, entries, want) in cases {
        let mut engine = Engine::new(Settings::defaults(), Policy::default(), People::default());
        let mut kinds = Vec::new();
        for entry in &entries {
            give(&mut engine, entry);
            engine.flush();
            kinds.extend(polled(&mut engine).iter().map(|c| c.incident.change));
        }
        assert_eq!(kinds, want, "{what}");
        seen.extend(kinds);
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
}
