//! A tenant that is to be forgotten.

use crate::broker::Broker;
use crate::decided::until;
use crate::scene::{Scene, text};
use serde_json::Value;

/// A tenant is purged while a run goes on: no incident that lives holds a finding of it, those that did end, what the other tenant recorded goes
/// on, no (id, sequence) is told twice, and no snapshot of before is left.
#[test]
fn a_purged_tenant_is_forgotten() {
    let broker = Broker::start("purged");
    let scene = Scene::simulate(43, 200);
    let run = scene.live(&broker, "purged");
    run.produce(2);
    let running = run.start_open("1");
    let owners = |i: &Value| -> Vec<String> {
        i["findings"].as_array().unwrap().iter().map(|f| text(&f["key"], "tenant")).collect()
    };
    let both = until(&run, |incidents| incidents.iter().any(|i| i["cross_tenant"] == true) && incidents.len() > 10);
    let (name, gone) = run.second_tenant();
    let held = both.iter().filter(|i| owners(i).contains(&gone)).count();
    assert!(held > 0, "nothing of {name} is there to be forgotten");
    let refused = run.purges(&name).unwrap_err();
    assert!(refused.contains("still read"), "{refused}");
    let before = run.kept();
    run.without_topics_of(&name);
    running.reads_anew();
    until(&run, |_| running.told().contains("read anew"));
    let told = run.purges(&name).unwrap();
    assert!(told.contains("not erased") && told.contains("days"), "{told}");
    let after = until(&run, |incidents| {
        running.told().contains("is forgotten from") && !incidents.iter().any(|i| owners(i).contains(&gone))
    });
    assert!(!after.is_empty(), "the other tenant is gone too");
    until(&run, |_| run.kept().iter().all(|s| !before.contains(s)));
    running.stops();
    run.drain();
    assert!(!run.latest().iter().any(|i| owners(i).contains(&gone)), "it came back");
    let mut told: Vec<_> = run.changes().iter().map(|c| (text(c, "id"), crate::scene::number(c, "sequence"))).collect();
    let all = told.len();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), all, "something was told twice");
    let again = run.reader_of_its_journal("auditor");
    again.correlate();
    assert_eq!(again.changes(), run.changes());
}

/// A tenant that comes later is read by a shadow run beside the first: the shadow ends in what a replay of both tenants ends in, and what the new
/// tenant does not touch keeps its ids.
#[test]
fn a_shadow_reads_what_was_before() {
    let broker = Broker::start("shadow");
    let scene = Scene::simulate(47, 200);
    let first = scene.live(&broker, "first");
    first.produce(2);
    let (name, _) = first.second_tenant();
    let shadow = first.shadow("shadow");
    first.without_topics_of(&name);
    first.drain();
    shadow.drain();
    assert_eq!(crate::scene::digests(&shadow.latest()), scene.replayed());
    let ids = |incidents: Vec<Value>| -> std::collections::BTreeMap<String, String> {
        incidents.iter().map(|i| (text(i, "digest"), text(i, "id"))).collect()
    };
    let (before, after) = (ids(first.latest()), ids(shadow.latest()));
    let same = before.iter().filter(|(digest, id)| after.get(*digest) == Some(id)).count();
    let untouched = before.keys().filter(|digest| after.contains_key(*digest)).count();
    assert!(untouched > 3, "{untouched} incidents are no test");
    assert_eq!(same, untouched);
}
