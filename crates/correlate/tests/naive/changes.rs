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
    let back = |id: &str| Entry::Withdrawn(Box::new(key(id)));
    let cases: [(&str, Vec<Entry>, &[ChangeKind]); 10] = [
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
        ("one of two taken back", with(back("b")), &[Created, Updated, Corrected]),
        ("the only one taken back", vec![alert("a", 0, &["d"]), back("a")], &[Created, Closed]),
        (
            "the one that joined two taken back",
            vec![alert("a", 0, &["d"]), alert("b", 1, &["e"]), alert("c", 2, &["d", "e"]), back("c")],
            &[Created, Created, Merged, Redirected, Corrected, Split],
        ),
        ("one that nobody raised", vec![alert("a", 0, &["d"]), back("x")], &[Created]),
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

/// Raised anew before anything is settled, it never left; what was said of it before is forgotten.
#[test]
fn a_finding_that_is_taken_back_and_raised_anew_at_once_is_the_new_one() {
    let mut engine = Engine::new(Settings::defaults(), Policy::default(), People::default());
    give(&mut engine, &alert("a", 0, &["d"]));
    give(&mut engine, &alert("b", 1, &["d"]));
    engine.flush();
    polled(&mut engine);
    give(&mut engine, &Entry::Withdrawn(Box::new(key("b"))));
    let Entry::Sighting(mut older) = alert("b", 1, &["d"]) else { unreachable!() };
    (older.version, older.severity) = (EventTime::MIN, Severity::High);
    give(&mut engine, &Entry::Sighting(older));
    engine.flush();
    let changes = polled(&mut engine);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].incident.change, changes[0].incident.severity), (ChangeKind::Corrected, Severity::High));
    assert_eq!(engine.counts().withdrawn, 1);
    give(&mut engine, &Entry::Withdrawn(Box::new(key("a"))));
    give(&mut engine, &Entry::Withdrawn(Box::new(key("b"))));
    engine.flush();
    let last = polled(&mut engine).pop().map(|c| c.incident);
    let last = last.map(|i| (i.change, i.state.code(), i.redirect_to, i.findings.len()));
    assert_eq!(last, Some((ChangeKind::Closed, "redirected", None, 0)));
    assert_eq!((engine.incidents().count(), engine.counts().findings), (0, 0));
}
