//! What comes when nothing can follow from it any more.

use crate::broker::Broker;
use crate::decided::until;
use crate::scene::{Scene, text};
use std::time::{Duration, Instant};

/// A record of a year ago goes to the late lane with its bytes and where it stood, and changes nothing.
#[test]
fn what_comes_too_late_is_kept() {
    let broker = Broker::start("late");
    let scene = Scene::simulate(41, 200);
    let run = scene.live(&broker, "late");
    run.produce(1);
    let running = run.start_open("1");
    until(&run, |incidents| incidents.len() > 5);
    let (topic, message) = run.a_sign_in();
    let old = message.replace("2026-", "2025-");
    assert_ne!(old, message);
    let give_up = Instant::now() + Duration::from_secs(120);
    // Intake asks now and then how far event time has come: before it knows, nothing is late.
    while run.late().is_empty() {
        assert!(Instant::now() < give_up, "nothing was ever late");
        run.put(&topic, &old);
    }
    let before = run.changes().len();
    running.stops();
    let letters = run.late();
    assert!(letters.iter().all(|l| text(l, "reason") == "late"), "{letters:?}");
    assert!(
        text(&letters[0], "source").starts_with(&topic) && text(&letters[0], "raw").contains("2025-"),
        "{letters:?}"
    );
    assert_eq!(run.changes().len(), before);
}
