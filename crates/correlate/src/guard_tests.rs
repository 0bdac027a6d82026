//! One fixture for each guard: with the guard the findings stand apart (or together), without it they do not.

use crate::tests::{Dice, HOUR, account, alert, any_policy, give, guid, link, merge_all, run, tight, truth, world};
use crate::{Guards, Settings};
use caponier_model::{EntityKind, Entry, LinkState, MergePolicy, Policy, Setting, Severity, Text};

const DAY: i64 = 24 * HOUR;

/// How many incidents there are with all guards, and with all but the one that `off` switches off.
fn with_and_without(settings: &Settings, policy: &Policy, off: fn(&mut Guards), entries: &[Entry]) -> (usize, usize) {
    let mut without = settings.clone();
    off(&mut without.guards);
    (run(settings, policy, entries).incidents().count(), run(&without, policy, entries).incidents().count())
}

fn person(n: u128) -> String {
    guid(100 + n)
}

/// `n` findings a minute apart, each of another person, all with this value.
fn shared(n: u128, value: (EntityKind, &str)) -> Vec<Entry> {
    let each = |i: u128| alert(1, &format!("f{i:02}"), i as i64 * 60, &[value, (EntityKind::Account, &person(i))]);
    (0..n).map(each).collect()
}

#[test]
fn g1_stop_values_join_nothing() {
    for value in [(EntityKind::AccountName, "administrator@corp.example"), (EntityKind::HostFqdn, "localhost.corp")] {
        let entries = [alert(1, "a", 0, &[value]), alert(1, "b", 60, &[value])];
        let settings = Settings { stop_values: vec![value.1.into()], ..Settings::defaults() };
        assert_eq!(with_and_without(&settings, &merge_all(), |g| g.g1 = false, &entries), (2, 1), "{value:?}");
    }
}

#[test]
fn g2_prolific_values_do_not_bridge() {
    let entries = shared(51, (EntityKind::HostFqdn, "jump.corp.example"));
    assert_eq!(with_and_without(&Settings::defaults(), &merge_all(), |g| g.g2 = false, &entries), (51, 1));
}

#[test]
fn g2_a_value_above_its_cap_is_told_once_and_one_at_its_cap_is_not() {
    let told = |n: u128| {
        let mut engine =
            run(&Settings::defaults(), &merge_all(), &shared(n, (EntityKind::HostFqdn, "jump.corp.example")));
        std::iter::from_fn(|| engine.poll_prolific()).collect::<Vec<_>>()
    };
    assert_eq!(told(50), []);
    let crossed = told(60);
    assert_eq!(crossed.len(), 1, "{crossed:?}");
    assert_eq!(
        (crossed[0].kind, crossed[0].value.as_str(), crossed[0].cap),
        (EntityKind::HostFqdn, "jump.corp.example", 50)
    );
    assert!(crossed[0].first <= crossed[0].last);
}

/// What a detector says of everybody that week says nothing of one: an account alone ties it to nothing, the same address does.
#[test]
fn g2_a_common_detector_needs_more_than_an_account() {
    let raised = |id: &str, at: i64, title: &str, who: u128, address: &str| {
        let Entry::Sighting(mut made) =
            alert(1, id, at, &[(EntityKind::Account, &person(who)), (EntityKind::Ip, address)])
        else {
            unreachable!()
        };
        made.title = Text::quoted(title, made.key.tenant);
        Entry::Sighting(made)
    };
    let crowd = |at: i64, n: u128| -> Vec<Entry> {
        (1..=n).map(|i| raised(&format!("n{i}"), at, "Mail reported as junk", i, &format!("192.0.2.{i}"))).collect()
    };
    let attack = raised("attack", 3 * DAY, "Token stolen", 1, "203.0.113.5");
    let common = |address: &str| raised("common", 3 * DAY + HOUR * 5, "Mail reported as junk", 1, address);
    let settings = Settings { retention_days: None, ..Settings::defaults() };
    let apart = |entries: &[Entry]| with_and_without(&settings, &merge_all(), |g| g.g2 = false, entries);
    let week = crowd(2 * DAY, 26);
    // The first of the crowd is the victim: without the guard all three of that person are one incident.
    assert_eq!(apart(&[week.clone(), vec![attack.clone(), common("192.0.2.77")]].concat()), (28, 26));
    assert_eq!(
        apart(&[week[..25].to_vec(), vec![attack.clone(), common("192.0.2.77")]].concat()),
        (25, 25),
        "at the cap"
    );
    assert_eq!(apart(&[week.clone(), vec![attack.clone(), common("203.0.113.5")]].concat()), (27, 26), "by an address");
    let engine = run(&settings, &merge_all(), &[week.clone(), vec![attack.clone(), common("203.0.113.5")]].concat());
    let joined = engine.incidents().find(|i| i.findings.len() == 2).unwrap();
    let said = joined.edges[1].sentence.render(|p| p.value.clone());
    assert!(said.contains("at the address 203.0.113.5"), "{said}");
    assert_eq!(joined.guards.iter().map(|g| (g.guard, g.count)).collect::<Vec<_>>(), [("common_detector", 1)]);
    assert_eq!(engine.counts().common, 27);
    let later = crowd(12 * DAY, 26);
    assert_eq!(
        apart(&[later[1..].to_vec(), vec![attack.clone(), common("192.0.2.77")]].concat()),
        (26, 26),
        "next week"
    );
    let severe = |mut entry: Entry| {
        if let Entry::Sighting(made) = &mut entry {
            made.severity = Severity::High;
        }
        entry
    };
    assert_eq!(
        apart(&[week[1..].to_vec(), crowd(2 * DAY, 1), vec![attack, severe(common("192.0.2.77"))]].concat()),
        (27, 26)
    );
}

/// A device that many people share over months, a few in any one week, is an ordinary device in each of those weeks.
#[test]
fn g3_counts_by_interval() {
    let mut settings = Settings { retention_days: None, ..Settings::defaults() };
    settings.caps.device = 3;
    let device = (EntityKind::HostFqdn, "pool.corp.example");
    let each =
        |i: i64| alert(1, &format!("f{i}"), i / 2 * 8 * DAY, &[device, (EntityKind::Account, &person(i as u128))]);
    let entries: Vec<Entry> = (0..8).map(each).collect();
    assert_eq!(with_and_without(&settings, &merge_all(), |g| g.g3 = false, &entries), (4, 8));
}

#[test]
fn g4_shared_values_do_not_bridge() {
    let entries = shared(3, (EntityKind::HostFqdn, "scan.corp.example"));
    let settings = Settings { shared_values: vec!["scan.corp.example".into()], ..Settings::defaults() };
    assert_eq!(with_and_without(&settings, &merge_all(), |g| g.g4 = false, &entries), (3, 1));
}

#[test]
fn g5_one_weak_value_does_not_bridge() {
    for value in [(EntityKind::Ip, "203.0.113.5"), (EntityKind::FileHash, "sha256:aa")] {
        let entries = shared(2, value);
        assert_eq!(
            with_and_without(&Settings::defaults(), &merge_all(), |g| g.g5 = false, &entries),
            (2, 1),
            "{value:?}"
        );
    }
}

#[test]
fn g6_an_incident_has_a_size() {
    let device = (EntityKind::HostFqdn, "pc.corp.example");
    let entries: Vec<Entry> = (0..151).map(|i| alert(1, &format!("f{i:03}"), i, &[device])).collect();
    assert_eq!(with_and_without(&Settings::defaults(), &merge_all(), |g| g.g6 = false, &entries), (2, 1));
    let urls: Vec<String> = (0..101).map(|i| format!("https://u{i}.example/")).collect();
    let entries: Vec<Entry> = urls.iter().map(|u| alert(1, u, 0, &[(EntityKind::Url, u.as_str()), device])).collect();
    assert_eq!(with_and_without(&Settings::defaults(), &merge_all(), |g| g.g6 = false, &entries), (2, 1), "values");
}

#[test]
fn g7_an_incident_has_a_span() {
    let device = (EntityKind::HostFqdn, "pc.corp.example");
    let entries: Vec<Entry> = (0..9).map(|i| alert(1, &format!("f{i}"), i * 2 * DAY, &[device])).collect();
    let settings = Settings { retention_days: None, ..Settings::defaults() };
    assert_eq!(with_and_without(&settings, &merge_all(), |g| g.g7 = false, &entries), (2, 1));
}

/// Two incidents of ten findings each, held together by one link that is just good enough for one finding.
#[test]
fn g8_one_doubtful_edge_does_not_merge_two_large_incidents() {
    let (home, guest) = (guid(7), guid(8));
    let side = |t: u128, who: &str, at: i64| -> Vec<Entry> {
        (0..10).map(|i| alert(t, &format!("t{t}f{i}"), at + i * 60, &[(EntityKind::Account, who)])).collect()
    };
    let mut entries = [side(1, &home, 0), side(2, &guest, HOUR)].concat();
    entries.push(link(account(2, 8), account(1, 7), LinkState::Accepted, 820_000));
    assert_eq!(with_and_without(&Settings::defaults(), &merge_all(), |g| g.g8 = false, &entries), (2, 1));
    let small = [&entries[..5], &entries[10..15], &entries[20..]].concat();
    assert_eq!(run(&Settings::defaults(), &merge_all(), &small).incidents().count(), 1, "small ones may");
}

#[test]
fn g10_the_policy_of_tenants_decides() {
    let (home, guest) = (guid(7), guid(8));
    let entries = [
        link(account(2, 8), account(1, 7), LinkState::Accepted, 990_000),
        alert(1, "h", 0, &[(EntityKind::Account, &home)]),
        alert(2, "g", HOUR, &[(EntityKind::Account, &guest)]),
    ];
    for unlisted in [MergePolicy::Suggest, MergePolicy::Forbid] {
        let policy = Policy { pairs: Vec::new(), unlisted };
        assert_eq!(with_and_without(&Settings::defaults(), &policy, |g| g.g10 = false, &entries), (2, 1));
    }
}

#[test]
fn g12_a_finding_has_a_budget_of_values() {
    let devices: Vec<String> = (0..300).map(|i| format!("d{i:03}.corp.example")).collect();
    let named: Vec<(EntityKind, &str)> = devices.iter().map(|d| (EntityKind::HostFqdn, d.as_str())).collect();
    let entries = [alert(1, "a", 0, &named), alert(1, "b", 60, &named[299..])];
    assert_eq!(with_and_without(&Settings::defaults(), &merge_all(), |g| g.g12 = false, &entries), (2, 1));
    let mut engine = run(&Settings::defaults(), &merge_all(), &entries);
    assert_eq!(engine.counts().values_cut, 44);
    give(&mut engine, entries[0].clone());
    assert_eq!(engine.counts().duplicates, 1);
}

#[test]
fn settings_go_by_the_names_of_the_configuration() {
    let mut settings = Settings::defaults();
    assert!(settings.set("windows.device", 60) && settings.set("guards.findings", 7) && settings.set("guards.g7", 0));
    assert_eq!((settings.windows.device, settings.limits.findings, settings.guards.g7), (60, 7, false));
    let before = settings.clone();
    for (name, value) in [("guards.g11", 0), ("guards.g7", 2), ("windows.device", -1), ("guards.findings", 1 << 40)] {
        assert!(!settings.set(name, value), "{name}");
    }
    assert_eq!(settings, before);
}

/// What holds after a policy or a setting changed is what would hold had it been so from the start.
#[test]
fn policies_and_settings_change_what_is_held() {
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let (settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let entries = world(&mut dice, 60);
        let mut engine = run(&settings, &policy, &entries[..40]);
        let later = any_policy(&mut dice);
        let mut wanted = settings.clone();
        give(&mut engine, Entry::Policy(later.clone()));
        for (name, value) in [("guards.findings", 6), ("windows.device", 5 * HOUR), ("guards.g2", 0), ("guards.g5", 0)]
        {
            assert!(wanted.set(name, value));
            give(&mut engine, Entry::Setting(Setting { name: name.into(), value }));
        }
        entries[40..].iter().for_each(|entry| give(&mut engine, entry.clone()));
        give(&mut engine, Entry::Setting(Setting { name: "no.such".into(), value: 1 }));
        assert_eq!(truth(&engine), truth(&run(&wanted, &later, &entries)), "seed {seed}");
        let counts = engine.counts();
        assert_eq!((counts.policies, counts.settings, counts.settings_unknown), (1, 5, 1));
    }
}

/// What guards held back of the members' own values is told in words and counted.
#[test]
fn an_incident_tells_what_guards_held_back() {
    let devices: Vec<String> = (0..300).map(|i| format!("d{i:03}.corp.example")).collect();
    let mut named: Vec<(EntityKind, &str)> = devices.iter().map(|d| (EntityKind::HostFqdn, d.as_str())).collect();
    named.extend([(EntityKind::Ip, "127.0.0.1"), (EntityKind::HostFqdn, "d000.corp.example")]);
    let who = person(1);
    named.push((EntityKind::Account, &who));
    let settings = Settings {
        shared_values: vec!["d000.corp.example".into()],
        privileged: vec![who.as_str().into()],
        ..Settings::defaults()
    };
    let engine = run(&settings, &merge_all(), &[alert(1, "a", 0, &named)]);
    let incident = engine.incidents().next().unwrap();
    let notes: Vec<(&str, u32)> = incident.guards.iter().map(|g| (g.guard, g.count)).collect();
    assert_eq!(notes, [("budget", 46), ("role_tag", 1), ("stop_value", 1)]);
    let words = incident.guards[1].sentence.render(|p| p.value.clone());
    assert_eq!(words, "d000.corp.example is known to be shared and joins no findings by itself; it is named by 1");
    assert!(incident.score_parts.iter().any(|p| (p.name, p.points) == ("privilege", 10)));
    assert_eq!(incident.score, incident.score_parts.iter().map(|p| p.points).sum::<u32>());
    let counts = engine.counts();
    assert_eq!((counts.values_cut, counts.values_stopped), (46, 1));
}

/// A flood of alerts about one account within an hour: with its budget the first are joined, the rest hang on them and are counted; an
/// incident holds no more of it than it lists.
#[test]
fn g12_what_a_person_has_beyond_the_budget_of_an_hour_is_counted() {
    let flood: Vec<Entry> =
        (0..90).map(|i| alert(1, &format!("f{i:02}"), i * 10, &[(EntityKind::Account, &person(1))])).collect();
    let mut settings = Settings::defaults();
    assert!(settings.set("guards.person_rate", 20) && settings.set("guards.findings", 30));
    // Without a budget: three incidents of thirty, each a continuation of the one before.
    assert_eq!(with_and_without(&settings, &merge_all(), |g| g.g12 = false, &flood), (1, 3));
    for backwards in [false, true] {
        let mut order = flood.clone();
        if backwards {
            order.reverse();
        }
        let engine = run(&settings, &merge_all(), &order);
        let incident = engine.incidents().next().unwrap();
        assert_eq!(incident.findings.len(), 30);
        let core = incident.findings.iter().filter(|f| f.role == caponier_model::Membership::Core).count();
        assert_eq!(core, 20);
        let notes: Vec<_> = incident.guards.iter().map(|g| (g.guard, g.count)).collect();
        assert_eq!(notes, [("person_rate", 70), ("unlisted", 60)]);
        let said = incident.guards[0].sentence.render(|p| p.value.clone());
        assert!(said.starts_with("findings beyond what ") && said.ends_with("attach and join nothing: 70"), "{said}");
        assert_eq!(incident.edges[20].guards, ["attach_only", "budget"]);
        // Under the account and under the person.
        assert_eq!((engine.counts().over_person, engine.counts().unlisted), (140, 60));
        assert_eq!(engine.members(&incident.id).map(|m| m.len()), Some(90), "nothing is discarded");
    }
}

#[test]
fn g12_the_budget_begins_anew_each_hour_and_a_device_has_one_of_its_own() {
    let device = |n: i64, at: i64| alert(1, &format!("f{n:02}"), at, &[(EntityKind::Device, &format!("{:040x}", 7))]);
    let mut settings = Settings::defaults();
    assert!(settings.set("guards.value_rate", 5) && settings.set("guards.person_rate", 1));
    let core = |entries: &[Entry]| {
        let engine = run(&settings, &merge_all(), entries);
        let roles = engine.incidents().flat_map(|i| i.findings.into_iter().map(|f| f.role).collect::<Vec<_>>());
        let core = roles.filter(|r| *r == caponier_model::Membership::Core).count();
        (core, engine.counts().over_value, engine.counts().over_person)
    };
    let within: Vec<Entry> = (0..8).map(|i| device(i, i * 60)).collect();
    assert_eq!(core(&within), (5, 3, 0));
    let over_two_hours: Vec<Entry> = (0..8).map(|i| device(i, HOUR - 4 * 60 + i * 60)).collect();
    assert_eq!(core(&over_two_hours), (8, 0, 0));
}

#[test]
fn g12_an_incident_holds_so_many_of_one_hour() {
    // Each shares a device with the one before and nothing with the others.
    let chain: Vec<Entry> = (0..12)
        .map(|i: i64| {
            let (one, other) = (format!("{i:040x}"), format!("{:040x}", i + 1));
            alert(1, &format!("f{i:02}"), i * 60, &[(EntityKind::Device, &one), (EntityKind::Device, &other)])
        })
        .collect();
    let mut settings = Settings::defaults();
    assert!(settings.set("guards.incident_rate", 6));
    assert_eq!(with_and_without(&settings, &merge_all(), |g| g.g12 = false, &chain), (2, 1));
    let engine = run(&settings, &merge_all(), &chain);
    assert_eq!(engine.counts().refused.get("incident_rate"), Some(&1));
    let second = engine.incidents().nth(1).unwrap();
    assert_eq!(second.related[0].reason, "incident_rate");
    assert_eq!(second.continues, engine.incidents().next().map(|i| i.id));
    assert_eq!(second.guards.iter().map(|g| (g.guard, g.count)).collect::<Vec<_>>(), [("incident_rate", 1)]);
}
