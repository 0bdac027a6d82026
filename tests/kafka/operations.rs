//! What a live run says of itself, and how it ends.

use crate::broker::Broker;
use crate::scene::{Scene, Watched};

/// The value of all lines of a metric, summed; those without the label are left out.
fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let of_it = |line: &&str| line.starts_with(name) && line.contains(label);
    metrics.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Asks until an answer is as wanted; the run must not end meanwhile.
fn until(run: &mut Watched, path: &str, wanted: impl Fn(&str) -> bool) -> String {
    for _ in 0..300 {
        let answer = run.get(path);
        if wanted(&answer) {
            return answer;
        }
        assert!(run.running.lives_for(200), "it ended by itself");
    }
    panic!("{path} never said what was waited for:\n{}", run.get(path));
}

/// What was read, what was told and what is left agree with the topics; on SIGTERM it ends well and leaves a snapshot.
#[test]
fn it_says_how_it_is() {
    let broker = Broker::start("operations");
    let scene = Scene::simulate(19, 100);
    let live = scene.live(&broker, "operations");
    let produced = live.produce(3);
    assert!(produced > 100, "{produced} messages are no test");
    let mut run = live.watched();
    until(&mut run, "/readyz", |a| a.starts_with("HTTP/1.1 200"));
    assert!(run.get("/healthz").starts_with("HTTP/1.1 200"));
    // Lag, state and snapshots are looked at every few seconds.
    let metrics = until(&mut run, "/metrics", |m| {
        sum(m, "caponier_messages_total", "") >= produced as f64
            && sum(m, "caponier_settle_seconds_count", "") > 0.0
            && sum(m, "caponier_journal_lag_messages", "") == 0.0
            && sum(m, "caponier_lag_messages", "partition") == 0.0
            && sum(m, "caponier_checkpoint_timestamp_seconds", "") > 0.0
            && sum(m, "caponier_state", "\"incidents\"") > 0.0
    });
    assert_eq!(sum(&metrics, "caponier_messages_total", "") as u64, produced, "each message counts once");
    assert_eq!(sum(&metrics, "caponier_active", "") as u64, 1);
    assert!(sum(&metrics, "caponier_records_total", "used") > 0.0);
    assert_eq!(
        sum(&metrics, "caponier_records_total", "dead_letter"),
        sum(&metrics, "caponier_dead_letters_total", "reason")
    );
    run.asked_to_end();
    assert!(live.snapshots() > 0, "it left no snapshot");
}
