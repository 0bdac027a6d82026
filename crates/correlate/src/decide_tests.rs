//! What each decision does, alone and against guards and other decisions (docs/adr/0010), and which changes it emits.

use crate::Settings;
use crate::tests::{
    Dice, HOUR, account, alert, any_policy, changes, engine, give, groups, guid, link, merge_all, run, tenant, tight,
    truth, world,
};
use caponier_model::{
    Act, ChangeKind, Decision, DecisionId, EdgeKind, EntityKind, Entry, EventTime, FindingKey, Incident, IncidentState,
    LinkState, MergePolicy, Policy, ReasonCode,
};

fn key(t: u128, id: &str) -> FindingKey {
    FindingKey { tenant: tenant(t), product: "mde".into(), id: id.into() }
}

/// Findings of tenant 1.
fn keys(ids: &[&str]) -> Vec<FindingKey> {
    ids.iter().map(|id| key(1, id)).collect()
}

fn said(at: i64, act: Act) -> Decision {
    Decision { at: EventTime::from_seconds(at), author: "ada".into(), reason: "ticket 7".into(), act }
}

fn decide(at: i64, act: Act) -> Entry {
    Entry::Decision(Box::new(said(at, act)))
}

fn merge(at: i64, ids: &[&str]) -> Entry {
    decide(at, Act::Merge { findings: keys(ids) })
}

fn split(at: i64, these: &[&str], those: &[&str]) -> Entry {
    decide(at, Act::Split { these: keys(these), those: keys(those) })
}

fn close(at: i64, ids: &[&str], verdict: Option<bool>) -> Entry {
    decide(at, Act::Close { findings: keys(ids), verdict })
}

fn assign(at: i64, ids: &[&str], owner: Option<&str>) -> Entry {
    decide(at, Act::Assign { findings: keys(ids), owner: owner.map(Into::into) })
}

fn verdict(at: i64, ids: &[&str], verdict: Option<bool>) -> Entry {
    decide(at, Act::Verdict { findings: keys(ids), verdict })
}

fn on(t: u128, id: &str, at: i64, device: &str) -> Entry {
    alert(t, id, at, &[(EntityKind::HostFqdn, device)])
}

/// a and b on one device, c and d on another, e alone.
fn two_and_two() -> Vec<Entry> {
    vec![
        on(1, "a", 0, "one.corp.example"),
        on(1, "b", HOUR, "one.corp.example"),
        on(1, "c", 2 * HOUR, "two.corp.example"),
        on(1, "d", 3 * HOUR, "two.corp.example"),
        on(1, "e", 4 * HOUR, "three.corp.example"),
    ]
}

fn with(more: &[Entry]) -> Vec<Entry> {
    [two_and_two(), more.to_vec()].concat()
}

fn outcome(entries: &[Entry]) -> Vec<Vec<String>> {
    groups(&run(&Settings::defaults(), &merge_all(), entries))
}

fn sets(groups: &[&[&str]]) -> Vec<Vec<String>> {
    groups.iter().map(|g| g.iter().map(|id| (*id).to_owned()).collect()).collect()
}

fn kinds(engine: &mut crate::Engine<crate::tests::People>) -> Vec<(ChangeKind, IncidentState)> {
    changes(engine).iter().map(|c| (c.incident.change, c.incident.state)).collect()
}

fn reasons(incident: &Incident) -> Vec<&str> {
    incident.related.iter().map(|r| r.reason.as_str()).collect()
}

#[test]
fn a_merge_joins_what_nothing_else_joins_and_says_who_did() {
    let mut engine = run(&Settings::defaults(), &merge_all(), &two_and_two());
    changes(&mut engine);
    give(&mut engine, merge(9, &["b", "c"]));
    let out = changes(&mut engine);
    assert_eq!(groups(&engine), sets(&[&["a", "b", "c", "d"], &["e"]]));
    let kinds: Vec<ChangeKind> = out.iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Merged, ChangeKind::Redirected]);
    let incident = &out[0].incident;
    let edge = incident.edges.iter().find(|e| e.reason == ReasonCode::Edge(EdgeKind::Decision)).unwrap();
    let id = said(9, Act::Merge { findings: keys(&["b", "c"]) }).id();
    assert_eq!((edge.finding.id.as_str(), edge.decision), ("c", Some(id)));
    let sentence = edge.sentence.render(|p| p.value.clone());
    assert_eq!(sentence, "ada decided that both findings belong together; they are 60 min apart");
    assert_eq!((incident.decisions.len(), incident.decisions[0].id), (1, id));
    give(&mut engine, merge(9, &["c", "b"]));
    assert_eq!((changes(&mut engine).len(), engine.counts().duplicate_decisions), (0, 1));
}

/// A person may join what size, span, doubt or `suggest` would not; a policy that forbids stands above them.
#[test]
fn a_merge_overrides_guards_but_not_a_policy_that_forbids() {
    let entries = [on(1, "a", 0, "x.corp.example"), on(2, "b", 90 * 24 * HOUR, "y.corp.example")];
    let joined = decide(9, Act::Merge { findings: vec![key(1, "a"), key(2, "b")] });
    let mut settings = Settings { retention_days: None, ..Settings::defaults() };
    settings.limits.findings = 1;
    for (unlisted, count) in [(MergePolicy::Merge, 1), (MergePolicy::Suggest, 1), (MergePolicy::Forbid, 2)] {
        let policy = Policy { pairs: Vec::new(), unlisted };
        let engine = run(&settings, &policy, &[&entries[..], std::slice::from_ref(&joined)].concat());
        assert_eq!(engine.incidents().count(), count, "{unlisted:?}");
        assert!(engine.incidents().all(|i| i.related.is_empty()), "what is forbidden is not even shown");
    }
    // What a person joined across a pair goes on growing on both sides.
    settings.limits.findings = 150;
    settings.limits.span = i64::MAX;
    let more = [on(1, "c", HOUR, "x.corp.example"), on(2, "d", 90 * 24 * HOUR + 1, "y.corp.example")];
    let policy = Policy { pairs: Vec::new(), unlisted: MergePolicy::Suggest };
    let engine = run(&settings, &policy, &[&entries[..], &[joined], &more].concat());
    assert_eq!(engine.incidents().count(), 1);
}

#[test]
fn a_split_takes_apart_and_a_later_merge_puts_together_again() {
    let mut engine = run(&Settings::defaults(), &merge_all(), &two_and_two());
    let id = engine.incidents().next().unwrap().id;
    changes(&mut engine);
    give(&mut engine, split(9, &["b"], &["a"]));
    let out = changes(&mut engine);
    let kinds: Vec<ChangeKind> = out.iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Updated, ChangeKind::Split]);
    assert_eq!((&out[0].incident.id, out[1].incident.split_from.as_ref()), (&id, Some(&id)));
    assert_eq!((reasons(&out[0].incident), reasons(&out[1].incident)), (vec!["split"], vec!["split"]));
    give(&mut engine, on(1, "f", HOUR, "one.corp.example"));
    assert_eq!(groups(&engine).len(), 4, "what comes later goes to one of them and joins them not");
    give(&mut engine, merge(8, &["a", "b"]));
    assert_eq!(groups(&engine).len(), 4, "said before the split");
    give(&mut engine, merge(10, &["a", "b"]));
    assert_eq!(groups(&engine), sets(&[&["a", "b", "f"], &["c", "d"], &["e"]]));
    assert_eq!(engine.resolve(&out[1].incident.id), engine.resolve(&id), "one id leads to the other");
}

#[test]
fn a_split_keeps_a_loose_finding_from_attaching() {
    let ip = (EntityKind::Ip, "203.0.113.5");
    let device = (EntityKind::HostFqdn, "one.corp.example");
    let mut entries =
        vec![alert(1, "a", 0, &[device, ip]), alert(1, "b", 60, &[device]), alert(1, "loose", 120, &[ip])];
    assert_eq!(outcome(&entries), sets(&[&["a", "b", "loose"]]));
    entries.push(split(9, &["loose"], &["a", "b"]));
    assert_eq!(outcome(&entries), sets(&[&["a", "b"], &["loose"]]));
    entries.push(decide(10, Act::Pin { finding: key(1, "loose"), to: key(1, "b") }));
    assert_eq!(outcome(&entries), sets(&[&["a", "b", "loose"]]), "the later word");
}

#[test]
fn a_pin_moves_one_finding_and_nothing_with_it() {
    let entries = with(&[decide(9, Act::Pin { finding: key(1, "b"), to: key(1, "c") })]);
    let engine = run(&Settings::defaults(), &merge_all(), &entries);
    assert_eq!(groups(&engine), sets(&[&["a"], &["b", "c", "d"], &["e"]]));
    let incidents: Vec<Incident> = engine.incidents().collect();
    assert_eq!(reasons(&incidents[0]), ["pinned"]);
    // Where it is put is not held (yet): it stays with its own.
    let elsewhere = decide(9, Act::Pin { finding: key(1, "b"), to: key(1, "z") });
    let mut engine = run(&Settings::defaults(), &merge_all(), &with(&[elsewhere]));
    assert_eq!(groups(&engine), sets(&[&["a", "b"], &["c", "d"], &["e"]]));
    give(&mut engine, on(1, "z", 5 * HOUR, "four.corp.example"));
    assert_eq!(groups(&engine), sets(&[&["a"], &["b", "z"], &["c", "d"], &["e"]]));
}

#[test]
fn what_is_closed_stays_and_new_evidence_continues_it() {
    let mut engine = run(&Settings::defaults(), &merge_all(), &two_and_two());
    let id = engine.incidents().next().unwrap().id;
    changes(&mut engine);
    give(&mut engine, close(9, &["a", "b"], Some(true)));
    let out = changes(&mut engine);
    assert_eq!(out.len(), 1);
    let closed = &out[0].incident;
    assert_eq!((closed.change, closed.state, &closed.id), (ChangeKind::Closed, IncidentState::Resolved, &id));
    assert_eq!((closed.verdict, closed.status.as_deref()), (Some(true), Some("closed")));
    assert_eq!(closed.edges[1].reason, ReasonCode::Edge(EdgeKind::SameDevice), "it keeps its reasons");
    for (id, at) in [("new", 2 * HOUR), ("newer", 3 * HOUR)] {
        give(&mut engine, on(1, id, at, "one.corp.example"));
    }
    assert_eq!(groups(&engine), sets(&[&["a", "b"], &["c", "d"], &["e"], &["new", "newer"]]));
    let next = engine.incidents().find(|i| i.findings[0].key.id == "new").unwrap();
    assert_eq!((next.continues.as_ref(), reasons(&next)), (Some(&id), vec!["closed"]));
    let closed = engine.incidents().find(|i| i.id == id).unwrap();
    assert_eq!((closed.state, closed.continues.as_ref()), (IncidentState::Resolved, None));
    for act in [merge(10, &["a", "new"]), decide(11, Act::Pin { finding: key(1, "e"), to: key(1, "a") })] {
        give(&mut engine, act);
        assert_eq!(groups(&engine).len(), 4, "nobody joins what is closed");
    }
    // A loose finding does not attach to what is closed either, and one that is closed alone attaches to nothing.
    let ip = (EntityKind::Ip, "203.0.113.5");
    let device = (EntityKind::HostFqdn, "one.corp.example");
    let core = [alert(1, "a", 0, &[device, ip]), alert(1, "b", 60, &[device]), alert(1, "loose", 120, &[ip])];
    for ids in [&["a", "b"][..], &["loose"]] {
        assert_eq!(outcome(&[&core[..], &[close(9, ids, None)]].concat()), sets(&[&["a", "b"], &["loose"]]));
    }
    assert_eq!(outcome(&[&core[..], &[close(9, &["a", "b", "loose"], None)]].concat()).len(), 1);
}

#[test]
fn a_closed_incident_outlives_the_link_that_made_it() {
    let (home, guest) = (guid(7), guid(8));
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[
            link(account(2, 8), account(1, 7), LinkState::Accepted, 990_000),
            alert(1, "h", 0, &[(EntityKind::Account, &home)]),
            alert(2, "g", HOUR, &[(EntityKind::Account, &guest)]),
            decide(9, Act::Close { findings: vec![key(1, "h"), key(2, "g")], verdict: None }),
        ],
    );
    let gone = caponier_model::IdentityChange::Unlink(account(2, 8), account(1, 7), EventTime::MIN);
    give(&mut engine, Entry::Identity(gone));
    let incidents: Vec<Incident> = engine.incidents().collect();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].edges[1].reason, ReasonCode::Edge(EdgeKind::Decision));
}

/// What would join two incidents that different people work on only relates them.
#[test]
fn two_owners_keep_two_incidents() {
    let both = alert(
        1,
        "both",
        90 * 60,
        &[(EntityKind::HostFqdn, "one.corp.example"), (EntityKind::HostFqdn, "two.corp.example")],
    );
    let mine = assign(9, &["a", "b"], Some("ada"));
    let cases = [
        (vec![mine.clone(), assign(10, &["c", "d"], Some("bob"))], false),
        (vec![mine.clone(), assign(10, &["c", "d"], Some("ada"))], true),
        (vec![mine.clone(), assign(10, &["c", "d"], Some("bob")), assign(11, &["c", "d"], None)], true),
        (vec![mine.clone()], true),
    ];
    for (said, together) in cases {
        let engine =
            run(&Settings::defaults(), &merge_all(), &with(&[&said[..], std::slice::from_ref(&both)].concat()));
        let incidents: Vec<Incident> = engine.incidents().collect();
        assert_eq!(incidents.len(), if together { 2 } else { 3 }, "{said:?}");
        assert_eq!(reasons(&incidents[0]).contains(&"owner_conflict"), !together);
        assert_eq!(incidents[0].owner.as_deref(), Some("ada"));
        assert_eq!((incidents[0].state, incidents[0].status.as_deref()), (IncidentState::InProgress, Some("assigned")));
    }
}

#[test]
fn g9_opposite_verdicts_are_never_merged() {
    let entries = with(&[verdict(9, &["a"], Some(true)), verdict(9, &["b"], Some(false))]);
    let engine = run(&Settings::defaults(), &merge_all(), &entries);
    assert_eq!(groups(&engine), sets(&[&["a"], &["b"], &["c", "d"], &["e"]]));
    let first = engine.incidents().next().unwrap();
    assert_eq!((reasons(&first), first.verdict), (vec!["verdict_conflict"], Some(true)));
    assert_eq!(engine.counts().refused.get("verdict_conflict"), Some(&1));
    let mut without = Settings::defaults();
    without.guards.g9 = false;
    assert_eq!(run(&without, &merge_all(), &entries).incidents().count(), 3);
    let forced = [entries.clone(), vec![merge(10, &["a", "b"])]].concat();
    assert_eq!(outcome(&forced).len(), 4, "nor by a person");
    let taken_back = [forced, vec![verdict(11, &["b"], None)]].concat();
    assert_eq!(outcome(&taken_back).len(), 3);
}

#[test]
fn what_is_withdrawn_is_as_if_never_said() {
    let taken = |at, act: &Decision| decide(at, Act::Withdraw { decision: act.id() });
    let first = said(9, Act::Merge { findings: keys(&["a", "c"]) });
    let back = said(10, Act::Withdraw { decision: first.id() });
    let mut engine = run(&Settings::defaults(), &merge_all(), &with(&[Entry::Decision(Box::new(first.clone()))]));
    let merged = truth(&engine);
    changes(&mut engine);
    give(&mut engine, Entry::Decision(Box::new(back.clone())));
    assert_eq!(kinds(&mut engine), [ChangeKind::Updated, ChangeKind::Split].map(|k| (k, IncidentState::Active)));
    assert_eq!(truth(&engine), truth(&run(&Settings::defaults(), &merge_all(), &two_and_two())));
    give(&mut engine, taken(11, &back));
    assert_eq!(truth(&engine), merged, "and taking that back restores it");
    // A withdrawal may come before what it takes back.
    let early = with(&[Entry::Decision(Box::new(back)), Entry::Decision(Box::new(first))]);
    assert_eq!(outcome(&early).len(), 3);
    let nothing = with(&[taken(9, &said(1, Act::Withdraw { decision: DecisionId::from_u128(1) }))]);
    assert_eq!(outcome(&nothing).len(), 3);
}

/// Random decisions about findings of a random world.
pub(crate) fn decisions(dice: &mut Dice, findings: u64) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    let mut said: Vec<DecisionId> = Vec::new();
    for _ in 0..dice.roll(12) {
        let some = |dice: &mut Dice, most: u64| -> Vec<FindingKey> {
            (0..=dice.roll(most + 1))
                .map(|_| key(1 + u128::from(dice.roll(3)), &format!("f{}", dice.roll(findings))))
                .collect()
        };
        let truth = |dice: &mut Dice| [None, Some(true), Some(false)][dice.roll(3) as usize];
        let mut findings = some(dice, 5);
        let act = match dice.roll(8) {
            0 | 1 => Act::Merge { findings },
            2 | 3 => Act::Split { these: findings, those: some(dice, 4) },
            4 => {
                let to = some(dice, 0).remove(0);
                Act::Pin { finding: findings.remove(0), to }
            }
            5 => Act::Close { findings, verdict: truth(dice) },
            6 => {
                let owner = [None, Some("ada".into()), Some("bob".into())][dice.roll(3) as usize].clone();
                Act::Assign { findings, owner }
            }
            _ if dice.roll(3) == 0 && !said.is_empty() => {
                Act::Withdraw { decision: said[dice.roll(said.len() as u64) as usize] }
            }
            _ => Act::Verdict { findings, verdict: truth(dice) },
        };
        let made = self::said(dice.roll(20) as i64, act);
        said.push(made.id());
        out.push(Entry::Decision(Box::new(made)));
    }
    out
}

#[test]
fn the_order_of_decisions_among_findings_does_not_matter() {
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let (settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let entries = world(&mut dice, 40);
        let is_identity = |e: &Entry| matches!(e, Entry::Identity(_));
        let (identity, mut rest): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_identity);
        rest.extend(decisions(&mut dice, 40));
        let all = |rest: &[Entry]| [&identity[..], rest].concat();
        let expected = truth(&run(&settings, &policy, &all(&rest)));
        for _ in 0..3 {
            dice.shuffle(&mut rest);
            let mut engine = engine(settings.clone(), policy.clone());
            for entry in all(&rest) {
                give(&mut engine, entry);
                crate::tests::check(&engine, seed);
            }
            assert_eq!(truth(&engine), expected, "seed {seed}");
        }
    }
}

/// Every kind of change, in the life of a few findings.
#[test]
fn every_kind_of_change_is_emitted() {
    let mut engine = engine(Settings::defaults(), merge_all());
    let mut seen: Vec<Vec<ChangeKind>> = Vec::new();
    let mut titles: Vec<String> = Vec::new();
    for entry in [
        on(1, "b", HOUR, "one.corp.example"),
        on(1, "c", HOUR, "one.corp.example"),
        on(1, "d", 2 * HOUR, "two.corp.example"),
        merge(1, &["b", "d"]),
        split(2, &["d"], &["b", "c"]),
        Entry::Watermark(EventTime::from_seconds(9 * HOUR)),
        on(1, "a", 0, "one.corp.example"),
        close(3, &["a", "b", "c"], None),
    ] {
        give(&mut engine, entry);
        engine.flush();
        let out = changes(&mut engine);
        titles.extend(out.iter().map(|c| c.incident.title.render(|p| p.value.clone())));
        seen.push(out.iter().map(|c| c.incident.change).collect());
    }
    use ChangeKind::{Closed, Corrected, Created, Merged, Redirected, Split, Updated};
    // The one that was split off names it: it is told that its first finding is another, and then that it is closed.
    let want: [&[ChangeKind]; 8] = [
        &[Created],
        &[Updated],
        &[Created],
        &[Merged, Redirected],
        &[Updated, Split],
        &[],
        &[Corrected, Corrected],
        &[Closed, Updated],
    ];
    assert_eq!(seen, want);
    titles.sort();
    titles.dedup();
    assert_eq!(titles, ["b", "d"], "a title is fixed at creation, whatever becomes of the first finding");
}
