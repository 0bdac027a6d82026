//! What holds of live runs, whatever happens to them.

use crate::broker::Broker;
use crate::scene::{self, Scene, digests};
use std::collections::{BTreeMap, BTreeSet};

/// The capture through topics of one, three and twelve partitions ends in what a replay of the same files ends in.
#[test]
fn live_is_replay() {
    let broker = Broker::start("live");
    let scene = Scene::simulate(7, 200);
    let replayed = scene.replayed();
    assert!(replayed.len() > 20, "{} incidents are no test", replayed.len());
    for partitions in [1, 3, 12] {
        let run = scene.live(&broker, &format!("p{partitions}"));
        run.produce(partitions);
        run.drain();
        assert_eq!(digests(&run.latest()), replayed, "{partitions} partitions");
    }
}

/// Whoever reads the journal of a run again, from its start, has the same changes: ids, sequences, everything.
#[test]
fn the_journal_tells_the_same_twice() {
    let broker = Broker::start("journal");
    let scene = Scene::simulate(11, 200);
    let run = scene.live(&broker, "first");
    run.produce(3);
    run.drain();
    let first = run.changes();
    assert!(first.len() > 20, "{} changes are no test", first.len());
    let again = run.reader_of_its_journal("second");
    again.correlate();
    assert_eq!(again.changes(), first);
}

/// Killed at seeded instants, while it writes a snapshot and while it delivers, by turns, and started again, a run ends in what it ends
/// in when nobody kills it, and tells nothing twice. Of so many kills as `CAPONIER_KILLS` says (`make soak`), over as many captures as
/// they need; a snapshot a second is written meanwhile.
#[test]
fn killed_at_any_instant() {
    let broker = Broker::start("killed");
    let wanted: u64 = std::env::var("CAPONIER_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let (mut kills, mut snapshots, mut deliveries) = (0, 0, 0);
    for seed in 13.. {
        let scene = Scene::simulate(seed, 300);
        let run = scene.live(&broker, &format!("killed{seed}"));
        run.produce(3);
        let before = kills;
        let mut kill = |kills: u64| match kills % 3 {
            1 => {
                let (killed, caught) = run.killed_in_a_snapshot();
                snapshots += u32::from(caught);
                killed
            }
            2 => {
                let killed = run.killed_in_a_delivery(&broker);
                deliveries += u32::from(killed);
                killed
            }
            _ => run.killed_after(300 + (kills + seed) * 7919 % 4000),
        };
        while kills < wanted && kill(kills) {
            kills += 1;
        }
        run.drain();
        assert_eq!(digests(&run.latest()), scene.replayed(), "capture {seed}, kills {before} to {kills}");
        let mut told: BTreeMap<(String, u64), usize> = BTreeMap::new();
        for change in run.changes() {
            *told.entry((scene::text(&change, "id"), scene::number(&change, "sequence"))).or_default() += 1;
        }
        let twice: Vec<_> = told.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "told more than once: {twice:?}");
        println!("capture {seed}: killed {} times, as if nobody had", kills - before);
        if kills >= wanted {
            break;
        }
    }
    println!("of {kills} kills {snapshots} fell into the writing of a snapshot and {deliveries} into a delivery");
    assert!(deliveries > 0 || wanted < 3, "no kill was aimed well");
}

/// Of two processes the first is killed: the other takes over what it read and what it told, and the outcome is the same.
#[test]
fn a_standby_takes_over() {
    let broker = Broker::start("standby");
    let scene = Scene::simulate(17, 300);
    let replayed = scene.replayed();
    let run = scene.live(&broker, "standby");
    run.produce(4);
    let (mut active, standby) = (run.start("1"), run.start("2"));
    assert!(active.lives_for(3000), "it was done before anybody could kill it");
    drop(active);
    standby.ends();
    assert_eq!(digests(&run.latest()), replayed);
    let told: Vec<_> = run.changes().iter().map(|c| (scene::text(c, "id"), scene::number(c, "sequence"))).collect();
    let once: BTreeSet<_> = told.iter().collect();
    assert_eq!(once.len(), told.len(), "something was told twice");
}

/// A damaged snapshot is passed over for the one before it, and the outcome is the same.
#[test]
fn a_damaged_snapshot_is_passed_over() {
    let broker = Broker::start("damaged");
    let scene = Scene::simulate(19, 200);
    let replayed = scene.replayed();
    let run = scene.live(&broker, "damaged");
    run.produce(1);
    run.drain();
    let before = run.changes();
    assert!(run.damage_snapshots() > 0, "no snapshot was written");
    run.drain();
    assert_eq!(run.changes(), before, "a restart told something again, or otherwise");
    assert_eq!(digests(&run.latest()), replayed);
}
