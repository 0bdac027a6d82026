//! What operators meet: brokers that go and freeze, topics that change while they are read, messages that are none, processes that come
//! and go, one that slept too long. Each time nothing is lost and nothing is told twice.

use crate::broker::Broker;
use crate::scene::{Live, Scene, digests, number, text};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Each (id, sequence) of the changes stands there once.
fn told_once(run: &Live<'_>) {
    let mut told: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for change in run.changes() {
        *told.entry((text(&change, "id"), number(&change, "sequence"))).or_default() += 1;
    }
    let twice: Vec<_> = told.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "told more than once: {twice:?}");
}

/// Waits for what is to come.
fn until(what: &str, mut there: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !there() {
        assert!(Instant::now() < end, "{what} never came");
    }
}

/// The broker is stopped and started, then frozen, while a run goes on: it waits, and ends in what it ends in anyhow.
#[test]
fn brokers_go_away_and_come_back() {
    let mut broker = Broker::start("away");
    let scene = Scene::simulate(29, 400);
    let replayed = scene.replayed();
    let run = scene.live(&broker, "away");
    run.produce(3);
    let mut running = run.start("1");
    assert!(running.lives_for(2500), "it was done before anything happened");
    broker.stop();
    assert!(running.lives_for(3000), "it gave up while brokers were away");
    broker.again();
    assert!(running.lives_for(1500), "it was done before anything else happened");
    // The issue asks for a minute; twelve seconds are longer than a transaction may take, which is what makes the difference.
    let frozen: u64 = std::env::var("CAPONIER_FROZEN_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    broker.signal("STOP");
    let lived = running.lives_for(frozen * 1000);
    broker.signal("CONT");
    assert!(lived, "it gave up while the broker was frozen: {}", running.told());
    running.ends();
    assert_eq!(digests(&run.latest()), replayed);
    told_once(&run);
}

/// New partitions are read without a restart, and a drain knows them; a topic that is deleted holds nothing up.
#[test]
fn topics_change_while_they_are_read() {
    let broker = Broker::start("changing");
    let scene = Scene::simulate(31, 200);
    let replayed = scene.replayed();
    let run = scene.live_at(&broker.address(), "changing", "\"topic.metadata.refresh.interval.ms\" = 1000\n");
    run.produce(1);
    // What stands before it has been read when its dead letter is there.
    run.put_on("changing.shared", 0, b"the last of its topic");
    let running = run.start_open("1");
    until("the first incident", || !run.latest().is_empty());
    until("the last of a topic", || run.shared_letters().len() == 1);
    let topic = run.a_topic();
    broker.topics(&["--alter", "--topic", &topic, "--partitions", "3"]);
    let poisoned = |partition: i32| {
        let source = format!("{topic}/{partition}");
        run.dead_letters().iter().filter(|l| text(l, "source") == source).count()
    };
    run.put_on(&topic, 2, b"this is no export");
    until("a record of a new partition", || poisoned(2) == 1);
    broker.topics(&["--delete", "--topic", "changing.shared"]);
    run.put_on(&topic, 1, b"nor is this");
    until("a record after a topic was deleted", || poisoned(1) == 1);
    running.stops();
    let (code, said) = run.fails();
    assert!(code == Some(4) && said.contains("changing.shared"), "{code:?}: {said}");
    broker.topics(&["--create", "--topic", "changing.shared", "--partitions", "2"]);
    run.put_on(&topic, 2, b"and this came after the stop");
    run.drain();
    assert_eq!(poisoned(2), 2, "the drain ended before a partition that was added");
    assert_eq!(digests(&run.latest()), replayed);
    told_once(&run);
}

/// Garbage, a batch of a megabyte, twenty megabytes of records and of garbage, and records of a tenant that nobody lists.
#[test]
fn messages_that_nobody_expects() {
    let broker = Broker::start("odd");
    let scene = Scene::simulate(37, 200);
    let replayed = scene.replayed();
    let run = scene.live(&broker, "odd");
    run.produce(1);
    let records = scene.records_of("insights-logs-advancedhunting-devicelogonevents");
    let batch = |bytes: usize| {
        let once = records.join(",");
        format!("{{\"records\":[{}]}}", vec![once.as_str(); bytes / once.len() + 1].join(","))
    };
    let (small, large) = (batch(1 << 20), batch(20 << 20));
    assert!(small.len() > 1 << 20 && large.len() > 20 << 20);
    let tenant = records[0].split("\"tenantId\":\"").nth(1).unwrap()[..36].to_owned();
    let foreign = records[0].replace(&tenant, "99999999-9999-4999-8999-999999999999");
    let shared = "odd.shared";
    for message in
        [b"\xff\x00{{{".as_slice(), small.as_bytes(), large.as_bytes(), foreign.as_bytes(), &vec![b'x'; 20 << 20]]
    {
        run.put_on(shared, 0, message);
    }
    run.drain();
    let letters = run.shared_letters();
    let reasons: Vec<String> = letters.iter().map(|l| text(l, "reason")).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert_eq!(reasons.iter().filter(|r| *r == "unknown_tenant").count(), 1, "{reasons:?}");
    assert_eq!(letters.iter().filter(|l| l["truncated"] == true).count(), 1, "{reasons:?}");
    assert_eq!(digests(&run.latest()), replayed);
    told_once(&run);
}

/// Processes join and leave while there is much to read; the outcome is that of one.
#[test]
fn processes_come_and_go_while_loaded() {
    let broker = Broker::start("crowd");
    let scene = Scene::simulate(41, 400);
    let replayed = scene.replayed();
    let run = scene.live(&broker, "crowd");
    run.produce(6);
    let mut first = run.start_open("1");
    assert!(first.lives_for(2000));
    let mut second = run.start_open("2");
    assert!(second.lives_for(4000));
    first.stops();
    let mut third = run.start_open("3");
    assert!(third.lives_for(4000));
    drop(second);
    assert!(third.lives_for(2000));
    third.stops();
    run.drain();
    assert_eq!(digests(&run.latest()), replayed);
    told_once(&run);
}

/// The active one is frozen until another has taken over. When it wakes up it can deliver nothing of what it had begun.
#[test]
fn who_slept_too_long_is_fenced() {
    let broker = Broker::start("fenced");
    let scene = Scene::simulate(43, 300);
    let replayed = scene.replayed();
    let run = scene.live(&broker, "fenced");
    run.produce(4);
    let mut sleeper = run.start_open("1");
    until("the first incident", || !run.latest().is_empty());
    let mut standby = run.start_open("2");
    assert!(standby.lives_for(4000));
    let before = run.changes().len();
    sleeper.signal("STOP");
    let asleep = Instant::now();
    // A decision that only who delivers can answer.
    run.say("{\"kind\":\"incident.merge\"}");
    let id = text(&run.latest()[0], "id");
    run.decide(&["assign", &id, "--owner", "ada"]);
    until("a change by the standby", || run.changes().len() > before);
    println!("a standby delivered {:.1} s after the active one froze", asleep.elapsed().as_secs_f64());
    sleeper.signal("CONT");
    assert!(sleeper.lives_for(3000), "who was fenced stands by");
    assert!(standby.lives_for(1), "who took over goes on");
    standby.stops();
    sleeper.stops();
    run.drain();
    told_once(&run);
    let mut latest = digests(&run.latest());
    latest.retain(|d| replayed.contains(d));
    assert!(latest.len() + 1 >= replayed.len(), "one incident has an owner, all others are as ever");
}
