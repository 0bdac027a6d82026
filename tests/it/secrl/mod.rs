//! Real incidents: 126 alerts that Defender XDR itself grouped into five incidents, regrouped by the engine.
//!
//! The answer is taken out first: no incident rows, E5 off, no `IncidentId` inside the alerts. Three readings under one
//! configuration: *plain*; *overlay* (all incidents begin at one instant, accounts and devices renamed per incident);
//! *two-tenant* (half of the devices moved to a second tenant, the accounts seen there rewritten as guests of the first).
//! Five incidents are few: the figures say that nothing is grossly wrong, not more.
//!
//! With `CAPONIER_READINGS` the readings stay in the folder that it names, with a sweep over them (`make real-incidents`).

mod readings;

use caponier::{Config, Replayed, replay};
use caponier_model::EventTime;
use readings::{Capture, load, write};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SWEEP: &str = include_str!("../../data/real_incidents.toml");

fn run(folder: &Path) -> Replayed {
    let mut config = Config::discovering();
    config.engine.edges.source_incident = false;
    let found = caponier_transport::discover(&[folder.to_path_buf()]);
    replay(&config, &found.inputs, EventTime::MAX, &mut |_, _, _| Ok(())).unwrap()
}

/// The groups of alert ids, singletons included; attached members count.
fn groups(replayed: &Replayed, capture: &Capture) -> BTreeMap<String, usize> {
    let mut group = BTreeMap::new();
    for (number, incident) in replayed.incidents.iter().enumerate() {
        // What our own rules say of alerts on two sides of a pair is said in one reading only: the alerts are compared.
        for sighting in incident.findings.iter().filter(|f| f.key.product != "caponier").flat_map(|f| &f.sightings) {
            group.insert(sighting.id.to_string(), number);
        }
    }
    for id in capture.truth.keys() {
        assert!(group.contains_key(id), "alert {id} is in no incident");
    }
    group
}

/// Pairwise precision and recall over the alerts.
fn score(truth: &BTreeMap<String, usize>, group: &BTreeMap<String, usize>) -> (f64, f64) {
    let ids: Vec<&String> = truth.keys().collect();
    let (mut both, mut ours, mut theirs) = (0u32, 0u32, 0u32);
    for (i, a) in ids.iter().enumerate() {
        for b in &ids[i + 1..] {
            let (same, together) = (truth[*a] == truth[*b], group[*a] == group[*b]);
            both += u32::from(same && together);
            ours += u32::from(together);
            theirs += u32::from(same);
        }
    }
    (f64::from(both) / f64::from(ours.max(1)), f64::from(both) / f64::from(theirs))
}

/// One set of alert ids per group, sorted: equal partitions are equal values.
fn partition(group: &BTreeMap<String, usize>) -> BTreeSet<BTreeSet<&str>> {
    let mut sets = BTreeMap::<usize, BTreeSet<&str>>::new();
    for (id, number) in group {
        sets.entry(*number).or_default().insert(id);
    }
    sets.into_values().collect()
}

#[test]
fn corpus_real_incidents_are_found_again() {
    let Some(capture) = load() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("CAPONIER_READINGS").map(PathBuf::from);
    let folder = kept.as_deref().unwrap_or(scratch.path());
    write(folder, &capture);
    fs::write(folder.join("sweep.toml"), SWEEP).unwrap();

    let show = |name: &str, group: &BTreeMap<String, usize>| {
        let (precision, recall) = score(&capture.truth, group);
        println!("{name:<10} precision {precision:.4} recall {recall:.4} groups {}", partition(group).len());
        (precision, recall)
    };
    let [plain, overlaid, two] =
        ["plain", "overlay", "two-tenant"].map(|name| groups(&run(&folder.join(name).join("captures")), &capture));
    let figures = [show("plain", &plain), show("overlay", &overlaid), show("two-tenant", &two)];
    for (precision, recall) in &figures[..2] {
        assert!(*precision >= 0.99, "precision {precision}");
        assert!(*recall >= 0.94, "recall {recall}");
    }
    assert_eq!(partition(&two), partition(&plain), "two tenants see other groups than one");
}
