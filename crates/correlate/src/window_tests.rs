//! What joins two findings and what does not: windows, links, weak values, caps, sizes.

use crate::Settings;
use crate::finding::tests::sighting;
use crate::tests::{Dice, HOUR, account, alert, groups, guid, link, merge_all, run, source, tenant};
use caponier_model::{
    EdgeKind, Entity, EntityKind, EntityRole, Entry, Incident, LinkState, Membership, MergePolicy, Policy, ReasonCode,
    Sighting, SourceIncidentKey, TenantId,
};
use std::collections::BTreeMap;

/// All pairs, no chains, no guards: what bridge edges connect.
fn naive(sightings: &[Sighting], settings: &Settings) -> Vec<Vec<String>> {
    let window = |kind| match kind {
        EntityKind::Account | EntityKind::AccountName => settings.windows.account,
        _ => settings.windows.device,
    };
    let joined = |a: &Sighting, b: &Sighting| {
        let gap = a.first.max(b.first).seconds_since(a.last.min(b.last)).max(0);
        let equal = |x: &Entity, y: &Entity| {
            let strong = matches!(x.kind, EntityKind::Account | EntityKind::HostFqdn);
            strong && x.kind == y.kind && x.value == y.value && x.tenant == y.tenant && gap <= window(x.kind)
        };
        a.entities.iter().any(|x| b.entities.iter().any(|y| equal(x, y)))
    };
    let mut of: Vec<usize> = (0..sightings.len()).collect();
    loop {
        let before = of.clone();
        for i in 0..sightings.len() {
            for j in 0..sightings.len() {
                if joined(&sightings[i], &sightings[j]) {
                    of[i] = of[i].min(of[j]);
                }
            }
        }
        if of == before {
            break;
        }
    }
    let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (i, sighting) in sightings.iter().enumerate() {
        groups.entry(of[i]).or_default().push(sighting.key.id.to_string());
    }
    let mut groups: Vec<Vec<String>> = groups.into_values().collect();
    for group in &mut groups {
        group.sort();
    }
    groups.sort();
    groups
}

#[test]
fn chains_connect_what_all_pairs_connect() {
    for seed in 300..360 {
        let mut dice = Dice(seed);
        let mut settings = Settings::defaults();
        settings.windows.device = 7 * HOUR;
        settings.windows.account = 5 * HOUR;
        settings.edges.address = false;
        settings.edges.artefact = false;
        settings.limits.span = i64::MAX;
        settings.retention_days = None;
        let sightings: Vec<Sighting> = (0..60)
            .map(|n| {
                let object = guid(100 + u128::from(dice.roll(5)));
                let device = format!("d{}.corp.example", dice.roll(5));
                let entities = [(EntityKind::Account, object.as_str()), (EntityKind::HostFqdn, device.as_str())];
                let some = &entities[dice.roll(2) as usize..][..1];
                let mut made =
                    sighting(1 + u128::from(dice.roll(2)), &format!("f{n}"), dice.roll(300) as i64 * HOUR, some);
                if dice.roll(4) == 0 {
                    made.last = made.first.plus_seconds(dice.roll(40) as i64 * HOUR);
                }
                made
            })
            .collect();
        let entries: Vec<Entry> = sightings.iter().map(|s| Entry::Sighting(Box::new(s.clone()))).collect();
        assert_eq!(groups(&run(&settings, &merge_all(), &entries)), naive(&sightings, &settings), "seed {seed}");
    }
}

#[test]
fn windows_end_where_they_say() {
    let account = guid(7);
    let cases: [(EntityKind, &str, i64, bool); 6] = [
        (EntityKind::Account, &account, 48 * HOUR, true),
        (EntityKind::Account, &account, 48 * HOUR + 1, false),
        (EntityKind::Device, "aa", 48 * HOUR, true),
        (EntityKind::Device, "aa", 48 * HOUR + 1, false),
        (EntityKind::Session, "s-1", 24 * HOUR, true),
        (EntityKind::Session, "s-1", 24 * HOUR + 1, false),
    ];
    for (kind, value, gap, together) in cases {
        let entries = [alert(1, "a", 0, &[(kind, value)]), alert(1, "b", gap, &[(kind, value)])];
        let engine = run(&Settings::defaults(), &merge_all(), &entries);
        assert_eq!(engine.incidents().count(), if together { 1 } else { 2 }, "{kind:?} {gap}");
    }
}

#[test]
fn a_guest_joins_its_home_account_only_through_an_accepted_link_and_an_allowed_pair() {
    let (home, guest) = (account(1, 7), account(2, 8));
    let (h, g) = (guid(7), guid(8));
    let findings = [alert(1, "h", 0, &[(EntityKind::Account, &h)]), alert(2, "g", HOUR, &[(EntityKind::Account, &g)])];
    let cases = [
        (LinkState::Accepted, MergePolicy::Merge, 1, None),
        (LinkState::Accepted, MergePolicy::Suggest, 2, Some("policy_suggest")),
        (LinkState::Accepted, MergePolicy::Forbid, 2, None),
        (LinkState::Possible, MergePolicy::Merge, 2, Some("link_possible")),
        (LinkState::Possible, MergePolicy::Forbid, 2, None),
    ];
    for (state, allowed, count, related) in cases {
        let policy = Policy { pairs: Vec::new(), unlisted: allowed };
        let mut entries = findings.to_vec();
        entries.push(link(guest, home, state, 900_000));
        let engine = run(&Settings::defaults(), &policy, &entries);
        let incidents: Vec<Incident> = engine.incidents().collect();
        assert_eq!(incidents.len(), count, "{state:?} {allowed:?}");
        for incident in &incidents {
            let reasons: Vec<&str> = incident.related.iter().map(|r| r.reason.as_str()).collect();
            assert_eq!(reasons.first().copied(), related, "{state:?} {allowed:?}");
        }
        if count == 1 {
            let edge = &incidents[0].edges[1];
            assert_eq!(edge.reason, ReasonCode::Edge(EdgeKind::SamePerson));
            assert_eq!((edge.confidence, edge.attributions.len(), edge.tenants.len()), (900_000, 2, 2));
            assert_eq!(incidents[0].persons.len(), 1);
            assert_eq!(incidents[0].persons[0].home, home);
            let who: Vec<TenantId> = incidents[0].remediation.iter().map(|r| r.tenant).collect();
            assert_eq!(who, [tenant(1), tenant(2)], "the home tenant resets, the resource tenant removes");
        }
    }
}

#[test]
fn a_source_incident_bridges_through_its_aliases_unless_switched_off() {
    let mut incident = source(1, "77", 5, &["a", "b"]);
    let sentinel = SourceIncidentKey { tenant: tenant(1), provider: "sentinel".into(), id: "x".into() };
    incident.aliases.push(sentinel.clone());
    let mut named = sighting(1, "c", 90 * 24 * HOUR, &[]);
    named.source_incident = Some(sentinel);
    let entries = [
        alert(1, "a", 0, &[]),
        Entry::Sighting(Box::new(named)),
        Entry::Incident(Box::new(incident)),
        alert(1, "b", 60 * 24 * HOUR, &[]),
    ];
    let mut settings = Settings { retention_days: None, ..Settings::defaults() };
    settings.limits.span = i64::MAX;
    let engine = run(&settings, &merge_all(), &entries);
    assert_eq!(groups(&engine), [["a", "b", "c"]]);
    assert_eq!(engine.incidents().next().unwrap().status.as_deref(), Some("active"));
    settings.edges.source_incident = false;
    assert_eq!(run(&settings, &merge_all(), &entries).incidents().count(), 3);
}

#[test]
fn a_weak_value_attaches_to_a_core_and_never_merges() {
    let ip = (EntityKind::Ip, "203.0.113.5");
    let d = |n| (EntityKind::Device, n);
    let entries = [
        alert(1, "a1", 0, &[d("d1"), ip]),
        alert(1, "a2", 60, &[d("d1")]),
        alert(1, "b1", 120, &[d("d2"), ip]),
        alert(1, "b2", 180, &[d("d2")]),
        alert(1, "loose", 130, &[ip]),
    ];
    let engine = run(&Settings::defaults(), &merge_all(), &entries);
    assert_eq!(groups(&engine), [vec!["a1", "a2"], vec!["b1", "b2", "loose"]]);
    let incident = engine.incidents().nth(1).unwrap();
    let roles: Vec<Membership> = incident.findings.iter().map(|f| f.role).collect();
    assert_eq!(roles, [Membership::Core, Membership::Attached, Membership::Core]);
    assert_eq!(incident.edges[1].reason, ReasonCode::Edge(EdgeKind::SameIp));
    // In another tenant an address alone attaches nothing, while an artefact does.
    for (value, count) in [(ip, 3), ((EntityKind::FileHash, "sha256:aa"), 2)] {
        let mut entries = entries[..4].to_vec();
        entries.push(alert(1, "a3", 150, &[d("d1"), value]));
        entries.push(alert(2, "there", 160, &[value]));
        assert_eq!(run(&Settings::defaults(), &merge_all(), &entries).incidents().count(), count, "{value:?}");
    }
    let two = run(&Settings::defaults(), &merge_all(), &[alert(1, "x", 0, &[ip]), alert(1, "y", 1, &[ip])]);
    assert_eq!(two.incidents().count(), 2, "two loose findings make no incident by attaching");
}

#[test]
fn an_address_and_an_artefact_together_bridge() {
    let both = [(EntityKind::Ip, "203.0.113.5"), (EntityKind::FileHash, "sha256:aa")];
    let entries = [alert(1, "a", 0, &both), alert(1, "b", HOUR, &both), alert(1, "c", 2 * HOUR + 1, &both)];
    let mut settings = Settings::defaults();
    let engine = run(&settings, &merge_all(), &entries);
    assert_eq!(groups(&engine), [vec!["a", "b"], vec!["c"]]);
    let edge = &engine.incidents().next().unwrap().edges[1];
    assert_eq!(edge.reason, ReasonCode::Edge(EdgeKind::WeakPair));
    assert_eq!(edge.second, Some((EntityKind::FileHash, "sha256:aa".into())));
    settings.edges.weak_pair = false;
    assert_eq!(run(&settings, &merge_all(), &entries).incidents().count(), 3);
}

#[test]
fn a_prolific_device_neither_bridges_nor_attaches() {
    let mut settings = Settings::defaults();
    settings.caps.device = 3;
    let many = |n: u128| -> Vec<Entry> {
        (0..n)
            .map(|i| {
                let who = guid(100 + i);
                alert(1, &format!("f{i}"), i as i64, &[(EntityKind::Device, "jump"), (EntityKind::Account, &who)])
            })
            .collect()
    };
    assert_eq!(run(&settings, &merge_all(), &many(3)).incidents().count(), 1);
    assert_eq!(run(&settings, &merge_all(), &many(4)).incidents().count(), 4);
    assert_eq!(run(&settings, &merge_all(), &many(9)).incidents().count(), 9);
    settings.caps.device = 50;
    settings.shared_values = vec!["jump".into()];
    assert_eq!(run(&settings, &merge_all(), &many(3)).incidents().count(), 3, "G4: the operator says it is shared");
}

#[test]
fn size_and_span_open_a_continuation() {
    let mut settings = Settings::defaults();
    settings.limits.findings = 3;
    let entries: Vec<Entry> =
        (0..5).map(|i| alert(1, &format!("f{i}"), i * 60, &[(EntityKind::Device, "d")])).collect();
    let engine = run(&settings, &merge_all(), &entries);
    let incidents: Vec<Incident> = engine.incidents().collect();
    assert_eq!(incidents.len(), 2);
    assert_eq!(incidents[1].continues.as_ref(), Some(&incidents[0].id));
    assert_eq!(incidents[1].related[0].reason, "incident_size");
    assert_eq!(engine.counts().refused.get("incident_size"), Some(&1));
}

#[test]
fn ids_in_one_group_describe_one_account() {
    let grouped = |id: &str, at, entities: &[(EntityKind, &str)]| {
        let mut made = sighting(1, id, at, entities);
        for entity in &mut made.entities {
            *entity = Entity { group: 0, role: EntityRole::Related, ..entity.clone() };
        }
        Entry::Sighting(Box::new(made))
    };
    let h = guid(7);
    let sid = "S-1-5-21-1-2-3-1104";
    let entries = [
        grouped("both", 0, &[(EntityKind::Account, &h), (EntityKind::AccountSid, sid)]),
        grouped("sid", HOUR, &[(EntityKind::AccountSid, sid)]),
        grouped("id", 2 * HOUR, &[(EntityKind::Account, &h)]),
        grouped("system", HOUR, &[(EntityKind::AccountSid, "S-1-5-18")]),
    ];
    let engine = run(&Settings::defaults(), &merge_all(), &entries);
    assert_eq!(groups(&engine), [vec!["both", "id", "sid"], vec!["system"]]);
}
