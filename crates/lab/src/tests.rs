//! The simulator as a whole: bytes, records, truth.

use super::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn simulated(plan: &Plan) -> (Memory, Written) {
    let mut out = Memory::default();
    let written = simulate(plan, &mut out).unwrap();
    (out, written)
}

fn small(seed: u64) -> Plan {
    Plan { seed, people: 200, attacks: 10, days: 3, tenants: 3, ..Plan::default() }
}

/// Every record with its container.
fn records(out: &Memory) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (path, bytes) in out.files.iter().filter(|(p, _)| p.starts_with("captures/")) {
        let container = path.split('/').nth(1).unwrap();
        for line in std::str::from_utf8(bytes).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{path}: {e}"));
            let inside = ["records", "value"].iter().find_map(|key| value.get(key).and_then(Value::as_array));
            let found = inside.cloned().unwrap_or_else(|| vec![value.clone()]);
            all.extend(found.into_iter().map(|record| (container.to_owned(), record)));
        }
    }
    all
}

fn truth(out: &Memory, kind: &str) -> Vec<Value> {
    let text = std::str::from_utf8(&out.files["truth.ndjson"]).unwrap();
    text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).filter(|v| v["type"] == kind).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

#[test]
fn same_seed_same_bytes() {
    let (first, _) = simulated(&small(7));
    assert!(first == simulated(&small(7)).0);
    assert!(first != simulated(&small(8)).0);
}

#[test]
fn every_record_parses_and_is_counted() {
    let (out, written) = simulated(&small(7));
    let all = records(&out);
    assert_eq!(all.len() as u64, written.records);
    assert_eq!(out.files.len() as u64, written.files);
    assert_eq!(out.files.values().map(|f| f.len() as u64).sum::<u64>(), written.bytes);
    let containers: BTreeSet<&str> = all.iter().map(|(c, _)| c.as_str()).collect();
    for wanted in [
        "am-AADManagedIdentitySignInLogs",
        "am-AADNonInteractiveUserSignInLogs",
        "am-AADServicePrincipalSignInLogs",
        "am-SecurityAlert",
        "am-SecurityIncident",
        "am-SigninLogs",
        "graph",
        "graph-alerts_v2",
        "insights-logs-advancedhunting-alertevidence",
        "insights-logs-advancedhunting-alertinfo",
        "insights-logs-advancedhunting-deviceinfo",
        "insights-logs-advancedhunting-devicelogonevents",
        "insights-logs-advancedhunting-identityinfo",
        "insights-logs-auditlogs",
        "insights-logs-managedidentitysigninlogs",
        "insights-logs-noninteractiveusersigninlogs",
        "insights-logs-operational-logs",
        "insights-logs-provisioninglogs",
        "insights-logs-riskyusers",
        "insights-logs-serviceprincipalsigninlogs",
        "insights-logs-signinlogs",
        "insights-logs-userriskevents",
    ] {
        assert!(containers.contains(wanted), "{wanted} is not among {containers:?}");
    }
}

#[test]
fn lines_end_as_the_storage_account_ends_them_and_messages_vary() {
    let (out, _) = simulated(&small(7));
    let lines = out.files.iter().find(|(p, _)| p.contains("insights-logs-signinlogs")).unwrap().1;
    assert!(lines.ends_with(b"}\r\n"));
    let sizes: BTreeSet<usize> = (out.files.iter().filter(|(p, _)| p.contains("am-SecurityAlert")))
        .flat_map(|(_, f)| std::str::from_utf8(f).unwrap().lines())
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["records"].as_array().unwrap().len())
        .collect();
    assert!(sizes.len() > 2, "{sizes:?}");
}

#[test]
fn times_lie_in_the_plan_and_envelopes_after_the_event() {
    let plan = small(7);
    let (out, _) = simulated(&plan);
    let (start, end) = (times::seven(plan.start), times::seven(plan.end()));
    let mut late = 0;
    for (container, record) in records(&out).iter().filter(|(c, _)| c == "insights-logs-signinlogs") {
        let (event, envelope) = (text(&record["properties"], "createdDateTime"), text(record, "time"));
        // The home copy of a cross-tenant sign-in may be seconds off the hour.
        assert!(event >= "2026-03-01T23:59" && event < end.as_str(), "{container}: {event} is not in {start}..{end}");
        assert!(envelope > &event[..19], "{container}: {envelope} is before {event}");
        late += usize::from(envelope[..13] > event[..13] && envelope[11..13] != event[11..13]);
    }
    assert!(late > 20, "{late} records in a later hour's file");
    for finding in truth(&out, "finding") {
        assert!((start.as_str()..end.as_str()).contains(&text(&finding, "first")), "{finding}");
    }
    let us = records(&out).into_iter().find(|(c, _)| c == "insights-logs-userriskevents").unwrap().1;
    assert!(text(&us, "time").starts_with("3/"), "{us}");
}

#[test]
fn copies_differ_in_the_envelope_alone() {
    let (out, written) = simulated(&small(7));
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, record) in records(&out).iter().filter(|(c, _)| c == "insights-logs-signinlogs") {
        seen.entry(record["properties"].to_string()).or_default().push(text(record, "time").to_owned());
    }
    let copied: Vec<_> = seen.values().filter(|t| t.len() > 1).collect();
    assert!(copied.iter().all(|t| t[0] != t[1]));
    let share = copied.len() as f64 / seen.len() as f64;
    assert!((0.02..0.04).contains(&share), "{share}");
    assert!((0.02..0.04).contains(&(written.copies as f64 / written.records as f64)), "{written:?}");
}

/// The ids by which records name findings: what truth must know.
fn sightings(out: &Memory) -> BTreeSet<(&'static str, String)> {
    let mut ids = BTreeSet::new();
    for (container, record) in records(out) {
        match container.as_str() {
            "am-SecurityAlert" => ids.insert(("SecurityAlert", text(&record, "SystemAlertId").to_owned())),
            "insights-logs-advancedhunting-alertinfo" => {
                ids.insert(("AlertInfo", text(&record["properties"], "AlertId").to_owned()))
            }
            "graph-alerts_v2" => ids.insert(("alerts_v2", text(&record, "id").to_owned())),
            "insights-logs-userriskevents" => {
                ids.insert(("UserRiskEvents", text(&record["properties"], "id").to_owned()))
            }
            _ => false,
        };
    }
    ids
}

#[test]
fn truth_knows_each_sighting_and_nothing_else() {
    let (out, written) = simulated(&small(7));
    let findings = truth(&out, "finding");
    assert_eq!(findings.len() as u64, written.findings);
    let mut known = BTreeSet::new();
    for finding in &findings {
        let sightings = finding["sightings"].as_array().unwrap();
        assert!(!sightings.is_empty(), "{finding} reaches no log");
        for sighting in sightings {
            let format = ["SecurityAlert", "AlertInfo", "alerts_v2", "UserRiskEvents"];
            let format = format.into_iter().find(|f| *f == text(sighting, "format")).unwrap();
            known.insert((format, text(sighting, "id").to_owned()));
        }
    }
    assert_eq!(known, sightings(&out));
    let several = findings.iter().filter(|f| f["sightings"].as_array().unwrap().len() > 1).count();
    assert!(several > findings.len() / 10, "{several} of {} come by several roads", findings.len());
    // Every evidence row belongs to an alert.
    for (_, record) in records(&out).iter().filter(|(c, _)| c.ends_with("alertevidence")) {
        assert!(known.contains(&("AlertInfo", text(&record["properties"], "AlertId").to_owned())));
    }
}

#[test]
fn noise_is_twenty_times_the_attacks_and_a_fifth_is_ambient() {
    for seed in [7, 8, 9] {
        let (out, _) = simulated(&small(seed));
        let count = |label: &str| truth(&out, "finding").iter().filter(|f| f["label"] == label).count();
        let (attack, ambient, noise) = (count("attack"), count("ambient"), count("noise"));
        assert!(ambient + noise >= 20 * attack, "{attack} {ambient} {noise}");
        let share = ambient as f64 / (ambient + noise) as f64;
        assert!((0.18..0.22).contains(&share), "{share}");
    }
}

#[test]
fn attacks_cross_tenants_and_lie_apart() {
    for seed in 7..12 {
        let plan = Plan { attacks: 20, ..small(seed) };
        let cast = cast::build(&plan);
        let attacks = attack::draw(&plan, &cast);
        assert_eq!(attacks.len(), 20, "seed {seed}");
        let (mut twice, mut together) = (0, 0);
        for (i, a) in attacks.iter().enumerate() {
            let tenants: BTreeSet<usize> = a.findings.iter().map(|f| f.tenant).collect();
            assert!(tenants.len() == 2 && a.last <= plan.end(), "seed {seed}, attack {i}");
            together += attacks[..i].iter().filter(|b| a.first.seconds_since(b.first).abs() < 60).count();
            for b in attacks[..i].iter().filter(|b| b.person == a.person) {
                twice += 1;
                let (early, late) = if a.first < b.first { (a, b) } else { (b, a) };
                assert!(late.first.seconds_since(early.last) > 49 * 3600, "seed {seed}, attack {i}");
            }
            assert!(attacks[..i].iter().all(|b| b.server != a.server));
        }
        assert!(together > 0 && twice > 0, "seed {seed}: {together} within a minute, {twice} on one person");
    }
}

#[test]
fn noise_elsewhere_leaves_the_victims_alone() {
    use finding::{Label, Thing};
    let plan = small(7);
    let cast = cast::build(&plan);
    let attacks = attack::draw(&plan, &cast);
    let noise = noise::draw(&plan, &cast, &attacks);
    let mut theirs = BTreeSet::new();
    for attack in &attacks {
        for side in [attack::AttackSide::Home, attack::AttackSide::Resource] {
            theirs.insert(attack.account(&cast, side).key.to_string());
            theirs.insert(attack.machine(&cast, side).defender.clone());
        }
    }
    for finding in &noise {
        for thing in &finding.things {
            let name = match thing {
                Thing::Account(account, _) => account.key.to_string(),
                Thing::Machine(machine) => machine.defender.clone(),
                _ => continue,
            };
            assert!(finding.label == Label::Ambient || !theirs.contains(&name), "{finding:?}");
        }
        if finding.label == Label::Ambient {
            let attack = attacks.iter().find(|a| Some(a.number) == finding.attack).unwrap();
            assert!(finding.first >= attack.first && finding.last <= attack.last, "{finding:?}");
        }
    }
}

#[test]
fn shared_addresses_are_shared_by_many() {
    use finding::Thing;
    let plan = Plan { attacks: 6, ..Plan::default() };
    let cast = cast::build(&plan);
    let attacks = attack::draw(&plan, &cast);
    let mut people: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for finding in noise::draw(&plan, &cast, &attacks) {
        let address =
            finding.things.iter().find_map(|t| if let Thing::Address(a) = t { Some(a.clone()) } else { None });
        let who =
            finding.things.iter().find_map(|t| if let Thing::Account(a, _) = t { Some(a.upn.clone()) } else { None });
        if let (Some(address), Some(who)) = (address, who) {
            people.entry(address).or_default().insert(who);
        }
    }
    for shared in cast.exits.iter().chain(&cast.tenants[0].egress) {
        assert!(people[shared].len() > 20, "{shared}: {}", people[shared].len());
    }
}

#[test]
fn impossible_plans_are_refused() {
    let mut out = Memory::default();
    for (plan, word) in [
        (Plan { tenants: 1, ..Plan::default() }, "--tenants"),
        (Plan { tenants: 9, ..Plan::default() }, "--tenants"),
        (Plan { people: 5, ..Plan::default() }, "--people"),
        (Plan { days: 0, ..Plan::default() }, "--days"),
        (Plan { attacks: 31, ..Plan::default() }, "--attacks"),
    ] {
        let error = simulate(&plan, &mut out).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(out.files.is_empty());
    for plan in [
        Plan { people: 20, days: 1, attacks: 2, ..Plan::default() },
        Plan { people: 20, days: 1, attacks: 0, tenants: 8, ..Plan::default() },
    ] {
        assert_eq!(simulate(&plan, &mut Memory::default()).unwrap().attacks, u64::from(plan.attacks));
    }
}

#[test]
fn the_configuration_names_every_tenant() {
    let (out, _) = simulated(&small(7));
    let config = std::str::from_utf8(&out.files["caponier.toml"]).unwrap();
    assert_eq!(config.matches("[[tenant]]").count(), 3);
    assert_eq!(config.matches("merge = \"merge\"").count(), 2);
    for folder in out.files.keys().filter_map(|p| p.split("tenantId=").nth(1)) {
        assert!(config.contains(&folder[..36]), "{folder}");
    }
}

#[test]
fn a_crowded_jump_host_sees_victims_of_several_attacks_and_a_crowd() {
    use finding::{Label, Thing};
    let plan = Plan { people: 2000, attacks: 40, days: 3, ..Plan::default() };
    let cast = cast::build(&plan);
    let attacks = attack::draw(&plan, &cast);
    let servers = &cast.tenants[1].servers;
    let jump = Thing::Machine(servers[servers.len() - 1].clone());
    let noise = noise::draw(&plan, &cast, &attacks);
    let on_it = || noise.iter().filter(|f| f.things.contains(&jump));
    let victims: BTreeSet<_> = on_it().filter(|f| f.label == Label::Ambient).filter_map(|f| f.attack).collect();
    let who = |f: &finding::Finding| {
        f.things.iter().find_map(|t| if let Thing::Account(a, _) = t { Some(a.key) } else { None })
    };
    let crowd: BTreeSet<_> = on_it().filter_map(who).collect();
    assert!(victims.len() > 5 && crowd.len() > 120, "{} {}", victims.len(), crowd.len());
}

#[test]
fn each_guard_has_its_herring_and_ordinary_plans_have_none() {
    let plan = Plan { people: 800, attacks: 60, days: 30, tenants: 3, herrings: true, ..small(7) };
    let cast = cast::build(&plan);
    let mut attacks = attack::draw(&plan, &cast);
    let plants = herring::plant(&plan, &cast, &mut attacks);
    let guards: BTreeSet<&str> = plants.herrings.iter().map(|h| h.guard).collect();
    assert_eq!(guards.len(), 12, "{guards:?}");
    let touched: Vec<u32> = plants.herrings.iter().flat_map(|h| &h.attacks).copied().collect();
    assert_eq!(touched.iter().collect::<BTreeSet<_>>().len(), touched.len(), "an attack serves one herring");
    for attack in &attacks {
        let first = attack.findings.iter().map(|f| f.first).min().unwrap();
        let last = attack.findings.iter().map(|f| f.last).max().unwrap();
        assert!(first >= plan.start && last <= plan.end(), "attack {}: {first} to {last}", attack.number);
        assert!(attack.first <= first && attack.last >= last, "attack {}", attack.number);
    }
    let canaries: Vec<_> = plants.herrings.iter().filter_map(|h| h.canary.as_ref()).collect();
    assert_eq!(canaries.len(), 2);
    let said: Vec<String> = plants.herrings.iter().flat_map(|h| truth::verdicts(h, &attacks, &cast)).collect();
    let verdicts: Vec<&str> = said.iter().filter_map(|l| l.rsplit('"').nth(1)).collect();
    assert_eq!(verdicts, ["truePositive", "falsePositive"]);
    let exercise = plants.herrings.iter().find(|h| h.guard == "G9").unwrap();
    for (line, number) in said.iter().zip(&exercise.attacks) {
        let ids = attacks.iter().find(|a| a.number == *number).unwrap().findings.iter().map(|f| &f.id);
        assert!(ids.into_iter().all(|id| line.contains(id.as_str())), "{line}");
    }
    let before: Vec<_> = attack::draw(&plan, &cast).iter().map(|a| a.first).collect();
    let mut same = attack::draw(&plan, &cast);
    let none = herring::plant(&Plan { herrings: false, ..plan }, &cast, &mut same);
    assert!(none.herrings.is_empty() && none.findings.is_empty());
    assert_eq!(before, same.iter().map(|a| a.first).collect::<Vec<_>>());
}
