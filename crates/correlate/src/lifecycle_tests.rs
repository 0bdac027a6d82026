//! What becomes of an incident as findings, links and time come: merges, splits, redirects, retention.

use crate::Settings;
use crate::finding::tests::sighting;
use crate::tests::{
    Dice, HOUR, account, alert, any_policy, changes, check, engine, facts, final_forms, give, groups, guid, link,
    merge_all, run, tight, world,
};
use caponier_model::{
    Change, ChangeKind, EntityKind, Entry, EventTime, IdentityChange, Incident, Journalled, LinkState, SightingKind,
};
use std::collections::{BTreeMap, BTreeSet};

/// The same bytes leave whether changes are taken at once or at the end.
#[test]
fn what_is_handed_on_does_not_depend_on_when_it_is_taken() {
    for seed in 0..20 {
        let mut dice = Dice(2000 + seed);
        let (mut settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        settings.limits.staged = 1 + dice.roll(7) as u32;
        let mut entries = world(&mut dice, 60);
        dice.shuffle(&mut entries);
        let take = |now_and_then: bool| {
            let (mut engine, mut out) = (engine(settings.clone(), policy.clone()), Vec::new());
            for entry in &entries {
                engine.handle(Journalled { at: EventTime::MIN, position: None, entry: entry.clone() });
                if now_and_then {
                    out.extend(changes(&mut engine));
                }
            }
            engine.flush();
            out.extend(changes(&mut engine));
            out
        };
        assert_eq!(take(true), take(false), "seed {seed}");
    }
}

#[test]
fn the_last_change_of_an_id_is_its_present_form_and_sequences_have_no_gaps() {
    for seed in 200..240 {
        let mut dice = Dice(seed);
        let (settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let mut entries = world(&mut dice, 60);
        dice.shuffle(&mut entries);
        let mut engine = run(&settings, &policy, &entries);
        let mut last: BTreeMap<String, Incident> = BTreeMap::new();
        for Change { incident } in changes(&mut engine) {
            let before = last.insert(incident.id.to_string(), incident.clone());
            assert_eq!(incident.sequence, before.map_or(0, |i| i.sequence) + 1, "seed {seed}");
        }
        last.retain(|_, i| i.redirect_to.is_none());
        let live: BTreeMap<String, Incident> = engine.incidents().map(|i| (i.id.to_string(), i)).collect();
        assert_eq!(live, last, "seed {seed}");
    }
}

/// The link comes after both findings were told to somebody: the two incidents become one, and what is true then is what it
/// would have been had the link come first.
#[test]
fn a_late_link_merges_what_was_already_emitted() {
    let (home, guest) = (account(1, 7), account(2, 8));
    let (h, g) = (guid(7), guid(8));
    let alerts = [alert(1, "h", 0, &[(EntityKind::Account, &h)]), alert(2, "g", HOUR, &[(EntityKind::Account, &g)])];
    let link = link(guest, home, LinkState::Accepted, 900_000);
    let mut late = run(&Settings::defaults(), &merge_all(), &alerts);
    assert_eq!(changes(&mut late).len(), 2);
    give(&mut late, link.clone());
    let kinds: Vec<ChangeKind> = changes(&mut late).iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Merged, ChangeKind::Redirected]);
    let early = run(&Settings::defaults(), &merge_all(), &[&[link][..], &alerts].concat());
    assert_eq!(final_forms(late.incidents()), final_forms(early.incidents()));
}

#[test]
fn retracting_a_link_splits_and_the_older_part_keeps_the_id() {
    let (home, guest) = (account(1, 7), account(2, 8));
    let (h, g) = (guid(7), guid(8));
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[
            link(guest, home, LinkState::Accepted, 900_000),
            alert(1, "h", 0, &[(EntityKind::Account, &h)]),
            alert(2, "g", HOUR, &[(EntityKind::Account, &g)]),
        ],
    );
    let id = engine.incidents().next().unwrap().id;
    changes(&mut engine);
    give(&mut engine, Entry::Identity(IdentityChange::Unlink(guest, home, EventTime::MIN)));
    let out = changes(&mut engine);
    let kinds: Vec<ChangeKind> = out.iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Corrected, ChangeKind::Split]);
    assert_eq!(out[0].incident.id, id);
    assert_eq!(out[1].incident.split_from.as_ref(), Some(&id));
}

#[test]
fn a_third_finding_merges_two_incidents_and_the_younger_redirects() {
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[alert(1, "a", 0, &[(EntityKind::Device, "d1")]), alert(1, "b", HOUR, &[(EntityKind::Device, "d2")])],
    );
    let ids: Vec<_> = engine.incidents().map(|i| i.id).collect();
    changes(&mut engine);
    give(&mut engine, alert(1, "c", 2 * HOUR, &[(EntityKind::Device, "d1"), (EntityKind::Device, "d2")]));
    let out = changes(&mut engine);
    let kinds: Vec<ChangeKind> = out.iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Merged, ChangeKind::Redirected]);
    assert_eq!((&out[0].incident.id, &out[1].incident.id), (&ids[0], &ids[1]));
    assert_eq!(out[1].incident.redirect_to.as_ref(), Some(&ids[0]));
    assert_eq!(engine.resolve(&ids[1]), ids[0]);
    let reasons: Vec<_> = out[0].incident.edges.iter().map(|e| e.reason.code()).collect();
    assert_eq!(reasons, ["founder", "same_device", "same_device"]);
}

#[test]
fn names_bind_when_the_directory_comes_late() {
    let h = guid(7);
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[
            alert(1, "by_id", 0, &[(EntityKind::Account, &h)]),
            alert(1, "by_name", HOUR, &[(EntityKind::AccountName, "mara@corp.example")]),
        ],
    );
    assert_eq!(engine.incidents().count(), 2);
    give(&mut engine, facts(account(1, 7), "mara@corp.example"));
    assert_eq!(groups(&engine), [["by_id", "by_name"]]);
    // A name that two accounts bear means nobody.
    give(&mut engine, facts(account(1, 9), "mara@corp.example"));
    assert_eq!(engine.incidents().count(), 2);
}

#[test]
fn evidence_waits_for_its_alert() {
    let mut evidence = sighting(1, "a", 0, &[(EntityKind::Device, "d")]);
    evidence.kind = SightingKind::Evidence;
    evidence.format = "evidence";
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[Entry::Sighting(Box::new(evidence)), alert(1, "b", 60, &[(EntityKind::Device, "d")])],
    );
    assert_eq!((engine.counts().unpaired, engine.incidents().count()), (1, 1));
    give(&mut engine, alert(1, "a", 0, &[]));
    assert_eq!(engine.counts().unpaired, 0);
    assert_eq!(groups(&engine), [["a", "b"]]);
}

#[test]
fn retention_lets_go_of_what_is_old_and_refuses_what_is_late() {
    let day = 24 * HOUR;
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[alert(1, "old", 0, &[(EntityKind::Device, "d")]), alert(1, "new", 10 * day, &[(EntityKind::Device, "e")])],
    );
    let due = engine.next_deadline().unwrap();
    assert_eq!(due, EventTime::from_seconds(15 * day + 1));
    engine.handle_time(EventTime::from_seconds(15 * day));
    assert_eq!(engine.incidents().count(), 2);
    engine.handle_time(due);
    assert_eq!(groups(&engine), [["new"]]);
    give(&mut engine, alert(1, "late", 0, &[]));
    let counts = engine.counts();
    assert_eq!((counts.evicted, counts.late, counts.findings), (1, 1, 1));
    engine.handle_time(EventTime::from_seconds(100 * day));
    assert_eq!((engine.incidents().count(), engine.next_deadline()), (0, None));
    assert!(engine.ids.is_empty() && engine.redirects.is_empty() && engine.groups.iter().next().is_none());
}

#[test]
fn eviction_leaves_nothing_behind_and_changes_nothing_that_stays() {
    for seed in 400..420 {
        let mut dice = Dice(seed);
        let (mut settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        settings.retention_days = Some(3);
        let mut engine = engine(settings, policy);
        let mut entries = world(&mut dice, 80);
        entries.sort_by_key(|e| match e {
            Entry::Sighting(s) => s.first,
            _ => EventTime::MIN,
        });
        for entry in entries {
            if let Entry::Sighting(s) = &entry {
                changes(&mut engine);
                engine.handle_time(s.first);
                assert_eq!(changes(&mut engine), [], "seed {seed}: letting go is silent");
            }
            give(&mut engine, entry);
            check(&engine, seed);
        }
        let live: BTreeSet<u32> = engine.findings.iter().map(|(ix, _)| ix).collect();
        for (_, held) in engine.findings.iter() {
            assert!(held.links.iter().all(|l| live.contains(&l.a) && live.contains(&l.b)), "seed {seed}");
        }
        engine.handle_time(EventTime::from_seconds(i32::MAX.into()));
        assert_eq!(engine.incidents().count(), 0, "seed {seed}");
        assert_eq!(engine.postings.held(), 0, "seed {seed}");
    }
}

#[test]
fn no_more_is_held_than_may_be_and_what_goes_is_counted() {
    let mut settings = Settings::defaults();
    settings.limits.held_findings = 20;
    let mut engine = engine(settings, merge_all());
    for n in 0..100 {
        let device = format!("d{}", n / 2);
        give(&mut engine, alert(1, &format!("f{n}"), n * 60, &[(EntityKind::Device, &device)]));
        check(&engine, 0);
        assert!(engine.findings.len() <= 20, "{n}");
    }
    let counts = engine.counts();
    assert_eq!((counts.findings + counts.shed, counts.evicted, counts.late), (100, 0, 0));
    assert!(groups(&engine).iter().any(|g| *g == ["f98", "f99"]), "the youngest stay");
}
