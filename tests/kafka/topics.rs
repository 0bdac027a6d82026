//! Which topics are read, and whose records they hold.

use crate::broker::Broker;
use crate::scene::{Scene, digests, text};
use std::time::{Duration, Instant};

/// Topics by a pattern are read as those that are named are, and so is one that is made while the run goes on; ours, which the pattern
/// matches too, are not.
#[test]
fn a_pattern_takes_topics_that_come_later() {
    let broker = Broker::start("pattern");
    let scene = Scene::simulate(43, 200);
    let replayed = scene.replayed();
    let run = scene.live_at(&broker.address(), "pattern", "\"topic.metadata.refresh.interval.ms\" = 1000\n");
    run.produce(3);
    let (second, _) = run.second_tenant();
    run.replace(&format!("name = \"pattern.{second}\""), "pattern = 'pattern[.].*'");
    let running = run.start_open("1");
    broker.topics(&["--create", "--topic", "pattern.later", "--partitions", "2"]);
    run.put_on("pattern.later", 1, b"this is no export");
    let letters = || run.dead_letters().iter().filter(|l| text(l, "source") == "pattern.later/1").count();
    let give_up = Instant::now() + Duration::from_secs(120);
    while letters() == 0 {
        assert!(Instant::now() < give_up, "nothing of a topic that came later was read: {}", running.told());
    }
    running.stops();
    run.drain();
    assert_eq!(digests(&run.latest()), replayed);
    assert_eq!(run.dead_letters().len(), 1, "something of ours was read");
}

/// Records of all tenants in one topic are each its tenant's: by their tenant id, workspace or subscription.
#[test]
fn a_shared_topic_holds_records_of_all_tenants() {
    let broker = Broker::start("shared");
    let scene = Scene::simulate(47, 200);
    let flat = scene.flattened();
    let run = scene.live(&broker, "shared");
    for (tenant, _) in run.tenants() {
        run.without_topics_of(&tenant);
    }
    run.produce_from(&flat, 3);
    run.drain();
    let latest = run.latest();
    for (tenant, id) in run.tenants() {
        let of = latest.iter().filter(|i| i["tenants"].to_string().contains(&id)).count();
        assert!(of > 5, "{of} incidents of {tenant} are no test");
    }
    assert_eq!(digests(&latest), scene.replayed_of(&flat));
}
