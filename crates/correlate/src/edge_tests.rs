//! One fixture for each edge that a test of its own kind has not: within its window it joins, beyond it and switched off it does not.

use crate::Settings;
use crate::finding::tests::sighting;
use crate::tests::{
    Dice, HOUR, account, alert, any_policy, changes, check, engine, give, groups, guid, link, merge_all, run, tenant,
    tight, truth, world,
};
use caponier_model::{
    Chain, ChainStep, ChangeKind, EdgeKind, EntityKind, Entry, FindingKey, LinkState, Membership, MergePolicy, Policy,
    ReasonCode, Sighting, SightingKind,
};

const DAY: i64 = 24 * HOUR;

fn chain(id: &str, steps: &[(u128, &str, &str)]) -> Entry {
    let key = |t, id: &str| FindingKey { tenant: tenant(t), product: "mde".into(), id: id.into() };
    let steps = steps.iter().map(|(t, id, step)| ChainStep { finding: key(*t, id), step: (*step).into() }).collect();
    Entry::Chain(Box::new(Chain { rule: "guest_to_owner".into(), id: id.into(), steps }))
}

fn off(switch: &str) -> Settings {
    let mut settings = Settings { retention_days: None, ..Settings::defaults() };
    assert!(settings.set(switch, 0), "{switch}");
    settings
}

#[test]
fn e6_steps_of_one_instance_of_a_rule_are_one_incident() {
    let findings = [alert(1, "a", 0, &[]), alert(2, "b", 9 * DAY, &[])];
    let mut engine = run(&Settings::defaults(), &merge_all(), &findings);
    changes(&mut engine);
    give(&mut engine, chain("i", &[(1, "a", "invited"), (2, "b", "owner_added"), (1, "none", "x")]));
    let out = changes(&mut engine);
    assert_eq!(out.iter().map(|c| c.incident.change).collect::<Vec<_>>(), [ChangeKind::Merged, ChangeKind::Redirected]);
    let edge = &out[0].incident.edges[1];
    assert_eq!(edge.reason, ReasonCode::Edge(EdgeKind::RuleChain));
    assert_eq!(edge.rule, Some(("guest_to_owner".into(), "owner_added".into())));
    assert!(edge.sentence.render(|p| p.value.clone()).contains("the rule guest_to_owner, 9 d apart"));
    // The instance turned out to be none.
    give(&mut engine, chain("i", &[]));
    assert_eq!(engine.incidents().count(), 2);
    let all = [&findings[..], &[chain("i", &[(1, "a", "x"), (2, "b", "y")])]].concat();
    assert_eq!(run(&off("edges.rule_chain"), &merge_all(), &all).incidents().count(), 2);
    let suggest = Policy { pairs: Vec::new(), unlisted: MergePolicy::Suggest };
    assert_eq!(run(&Settings::defaults(), &suggest, &all).incidents().count(), 2, "a rule joins no more than a policy");
}

/// A change of trust joins the incident of its two tenants, and makes none.
#[test]
fn e9_a_change_of_trust_attaches_to_an_incident_of_its_tenants() {
    let (home, guest, other) = (guid(7), guid(8), tenant(2).to_string());
    let cross = [
        link(account(2, 8), account(1, 7), LinkState::Accepted, 990_000),
        alert(1, "h", 8 * DAY, &[(EntityKind::Account, &home)]),
        alert(2, "g", 8 * DAY + HOUR, &[(EntityKind::Account, &guest)]),
    ];
    let trust = |at| alert(1, "trust", at, &[(EntityKind::Tenant, &other)]);
    for (at, count) in [(DAY, 1), (15 * DAY, 1), (DAY - 1, 2), (16 * DAY, 2)] {
        for entries in [[&cross[..], &[trust(at)]].concat(), [&[trust(at)], &cross[..]].concat()] {
            let settings = Settings { retention_days: None, ..Settings::defaults() };
            let mut settings = settings;
            settings.limits.span = 60 * DAY;
            let engine = run(&settings, &merge_all(), &entries);
            assert_eq!(engine.incidents().count(), count, "{at}");
            if count == 1 {
                let incident = engine.incidents().next().unwrap();
                let at = incident.findings.iter().position(|f| f.key.id == "trust").unwrap();
                assert_eq!(incident.findings[at].role, Membership::Attached);
                assert_eq!(incident.edges[at].reason, ReasonCode::Edge(EdgeKind::TrustContext));
            }
        }
    }
    let near = [&cross[..], &[trust(8 * DAY)]].concat();
    assert_eq!(run(&off("edges.trust"), &merge_all(), &near).incidents().count(), 2);
    let mut engine = run(&Settings::defaults(), &merge_all(), &near);
    let gone = caponier_model::IdentityChange::Unlink(account(2, 8), account(1, 7), caponier_model::EventTime::MIN);
    give(&mut engine, Entry::Identity(gone));
    assert_eq!(engine.incidents().count(), 3, "no incident of the pair is left");
    let one_tenant = [cross[1].clone(), alert(1, "h2", 8 * DAY + 1, &[(EntityKind::Account, &home)]), trust(8 * DAY)];
    assert_eq!(run(&Settings::defaults(), &merge_all(), &one_tenant).incidents().count(), 2);
}

#[test]
fn e10_a_bare_name_attaches_where_no_stable_id_is_known() {
    for (kind, name) in [(EntityKind::HostName, "pc7"), (EntityKind::AccountLocal, "corp\\mara")] {
        let d = (EntityKind::Session, "s-1");
        let entries = |t, at| {
            [alert(1, "a", 0, &[d, (kind, name)]), alert(1, "b", 60, &[d]), alert(t, "loose", at, &[(kind, name)])]
        };
        let count = |settings: &Settings, t, at| run(settings, &merge_all(), &entries(t, at)).incidents().count();
        let usual = Settings::defaults();
        assert_eq!((count(&usual, 1, DAY), count(&usual, 1, DAY + 1)), (1, 2), "{kind:?}");
        assert_eq!((count(&usual, 2, 60), count(&off("edges.name"), 1, 60)), (2, 2), "{kind:?}");
        let pair = [alert(1, "x", 0, &[(kind, name)]), alert(1, "y", 60, &[(kind, name)])];
        assert_eq!(run(&usual, &merge_all(), &pair).incidents().count(), 2, "{kind:?} never bridges");
    }
}

fn detection(id: &str, at: i64, kind: SightingKind, word: &str, who: &str) -> Sighting {
    let mut made = sighting(1, id, at, &[(EntityKind::Account, who)]);
    (made.kind, made.detector) = (kind, Some(word.into()));
    made
}

/// The account is known to be shared, so that E1 says nothing; the detection and its alert are one thing all the same.
#[test]
fn e11_a_detection_and_its_alert_are_one_incident() {
    let who = guid(7);
    let given = |word: &str, at, kind| {
        [
            Entry::Sighting(Box::new(detection("risk", 0, SightingKind::Risk, "unfamiliarFeatures", &who))),
            Entry::Sighting(Box::new(detection("alert", at, kind, word, &who))),
        ]
    };
    let shared = Settings { shared_values: vec![who.as_str().into()], ..Settings::defaults() };
    let count = |word: &str, at, kind| run(&shared, &merge_all(), &given(word, at, kind)).incidents().count();
    assert_eq!(count("UnfamiliarLocation", DAY, SightingKind::Alert), 1);
    assert_eq!(count("unfamiliarFeatures", DAY, SightingKind::Alert), 1);
    assert_eq!(count("UnfamiliarLocation", DAY + 1, SightingKind::Alert), 2);
    assert_eq!(count("AnonymousLogin", 60, SightingKind::Alert), 2, "another kind");
    assert_eq!(count("unfamiliarFeatures", 60, SightingKind::Risk), 2, "two detections");
    let engine = run(&shared, &merge_all(), &given("UnfamiliarLocation", 60, SightingKind::Alert));
    assert_eq!(engine.incidents().next().unwrap().edges[1].reason, ReasonCode::Edge(EdgeKind::SameDetection));
    let mut off = shared.clone();
    off.edges.detection = false;
    assert_eq!(run(&off, &merge_all(), &given("UnfamiliarLocation", 60, SightingKind::Alert)).incidents().count(), 2);
}

/// Entities and chains of these kinds over a random world: the order of arrival does not matter.
#[test]
fn the_order_of_arrival_does_not_matter_for_these_edges() {
    for seed in 700..760 {
        let mut dice = Dice(seed);
        let (settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let is_identity = |e: &Entry| matches!(e, Entry::Identity(_));
        let (identity, mut rest): (Vec<Entry>, Vec<Entry>) = world(&mut dice, 40).into_iter().partition(is_identity);
        for entry in &mut rest {
            let Entry::Sighting(made) = entry else { continue };
            let mut named = vec![(EntityKind::HostName, format!("h{}", dice.roll(3)))];
            named.push((EntityKind::AccountLocal, format!("corp\\u{}", dice.roll(3))));
            if dice.roll(4) == 0 {
                named.push((EntityKind::Tenant, tenant(1 + u128::from(dice.roll(3))).to_string()));
            }
            for (kind, value) in named {
                let mut entity = sighting(1, "x", 0, &[(kind, &value)]).entities.remove(0);
                (entity.tenant, entity.group) = (made.key.tenant, 90 + dice.roll(3) as u16);
                made.entities.push(entity);
            }
            if dice.roll(3) == 0 {
                made.kind = if dice.roll(2) == 0 { SightingKind::Risk } else { SightingKind::Alert };
                made.detector = Some(["MaliciousIP", "maliciousIPAddress", "other"][dice.roll(3) as usize].into());
            }
            **made = made.clone().canonical();
        }
        for n in 0..dice.roll(4) {
            let names: Vec<(u128, String)> =
                (0..dice.roll(4) + 1).map(|_| (1 + u128::from(dice.roll(3)), format!("f{}", dice.roll(40)))).collect();
            let steps: Vec<(u128, &str, &str)> = names.iter().map(|(t, id)| (*t, id.as_str(), "s")).collect();
            rest.push(chain(&format!("i{n}"), &steps));
        }
        let mut wanted = None;
        for _ in 0..4 {
            let mut engine = engine(settings.clone(), policy.clone());
            for entry in identity.iter().chain(&rest) {
                give(&mut engine, entry.clone());
                check(&engine, seed);
            }
            let forms = truth(&engine);
            assert_eq!(wanted.get_or_insert_with(|| forms.clone()), &forms, "seed {seed}");
            assert!(groups(&engine).len() > 1);
            dice.shuffle(&mut rest);
        }
    }
}
