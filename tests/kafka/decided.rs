//! What analysts say to a live run.

use crate::broker::Broker;
use crate::scene::{Live, Scene, digests, text};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Two incidents are merged, one is split and two accounts are told apart while a run goes on; it ends in what a replay ends in that
/// heeds the same decisions from its beginning. What is no decision is a dead letter.
#[test]
fn what_is_decided_while_it_runs() {
    let broker = Broker::start("decided");
    let scene = Scene::simulate(23, 200);
    let run = scene.live(&broker, "decided");
    run.produce(3);
    let running = run.start_open("1");
    let before = until(&run, |incidents| cast(incidents).is_some());
    let (one, other, parted, linked) = cast(&before).unwrap();
    let told = run.decide(&["merge", &text(one, "id"), &text(other, "id")[..8]]);
    assert!(told.contains("merge of"), "{told}");
    let out = text(&parted["findings"][0]["key"], "id");
    run.decide(&["split", &text(parted, "id"), "--finding", &out]);
    let (link, name) = (linked, |key: &Value| (text(key, "tenant"), text(key, "object_id")));
    let ((tenant, account), (home, home_account)) = (name(&link["account"]), name(&link["home"]));
    run.decide(&["unlink", &tenant, &account, "--home", &home, &home_account]);
    run.say("{\"kind\":\"incident.merge\"}");
    let gone = format!(
        "{{\"schema_version\":\"1.0\",\"kind\":\"incident.close\",\"at\":\"2026-03-04T09:30:00Z\",\"author\":\"a\",\
         \"reason\":\"r\",\"incidents\":[\"{}\"]}}",
        "0".repeat(32)
    );
    run.say(&gone);
    // It takes effect in the run that goes on, not only in the drain after it.
    until(&run, |incidents| {
        let said = |kind: &str| incidents.iter().any(|i| of_kind(i, kind));
        said("merge") && said("split")
    });
    running.stops();
    run.drain();
    let said = run.said();
    assert_eq!(said.len(), 5, "{said:?}");
    let latest = digests(&run.latest());
    assert_eq!(latest, scene.replayed_heeding(&said[..3]));
    assert_ne!(latest, scene.replayed(), "the decisions changed nothing");
    let mut reasons: Vec<String> = run.dead_letters().iter().map(|l| text(l, "reason")).collect();
    reasons.retain(|r| r.contains("decision"));
    reasons.sort();
    assert_eq!(reasons, ["bad_decision", "unplaced_decision"]);
}

fn of_kind(incident: &Value, kind: &str) -> bool {
    incident["decisions"].as_array().into_iter().flatten().any(|d| text(d, "act") == kind)
}

/// Two incidents to merge, another to split, and a link to deny that none of them shows.
fn cast(incidents: &[Value]) -> Option<(&Value, &Value, &Value, &Value)> {
    let size = |i: &Value| i["findings"].as_array().map_or(0, Vec::len);
    let mut small = incidents.iter().filter(|i| size(i) == 1);
    let (one, other) = (small.next()?, small.next()?);
    let parted = incidents.iter().find(|i| size(i) == 3)?;
    let mut links = incidents.iter().flat_map(|i| i["persons"].as_array().into_iter().flatten());
    let linked = links.find_map(|p| p["links"].as_array()?.iter().find(|l| text(l, "state") == "accepted"))?;
    Some((one, other, parted, linked))
}

/// Waits until the latest forms are so.
pub fn until(run: &Live<'_>, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let latest = run.latest();
        if good(&latest) {
            return latest;
        }
        assert!(Instant::now() < until, "{} incidents, and never what was waited for", latest.len());
    }
}
