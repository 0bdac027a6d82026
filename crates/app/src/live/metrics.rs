//! What a live run counts of itself. Each run has a registry of its own; names begin with `caponier_`, and units are in the names.
//!
//! Counters count what was committed: a round that is taken back is read again and counted then. Nothing here decides anything, and no
//! label holds what a record says: topics and reasons are of the configuration and of closed lists.

use super::Role;
use crate::failure::{Failure, failed};
use caponier_console::Check;
use caponier_correlate::Counts;
use caponier_model::{Class, EventTime};
use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A half that has not come round for so long is stuck: nothing that it does takes longer.
const STUCK: Duration = Duration::from_secs(300);

/// Seconds from when a record was there to be read to when the change that it made was committed.
const LATENCY: [f64; 13] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Seconds that a checkpoint takes.
const CHECKPOINT: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// One half of a run, as seen from outside.
#[derive(Debug)]
pub struct Pulse {
    begun: Instant,
    /// Milliseconds from `begun` to when it last came round; 0 before it first did.
    last: AtomicU64,
    /// It has what it needs to be counted on.
    ready: AtomicBool,
    /// It is part of this process.
    wanted: bool,
}

impl Pulse {
    fn new(wanted: bool) -> Self {
        Self { begun: Instant::now(), last: AtomicU64::new(0), ready: AtomicBool::new(false), wanted }
    }

    /// It comes round.
    pub fn beat(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(millis.max(1), Ordering::Relaxed);
    }

    /// It can be counted on, or not any more.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    fn moves(&self, name: &'static str) -> Check {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let still = self.begun.elapsed().saturating_sub(last);
        Check { name, holds: still < STUCK, seen: format!("came round {:.1} s ago", still.as_secs_f64()) }
    }

    fn serves(&self, name: &'static str, waits_for: &str) -> Check {
        let holds = self.ready.load(Ordering::Relaxed);
        let seen = if holds { "ready".to_owned() } else { format!("waits for {waits_for}") };
        Check { name, holds, seen }
    }
}

/// The counters, gauges and histograms of one run.
pub struct Metrics {
    registry: Registry,
    /// Intake, as seen from outside.
    pub intake: Pulse,
    /// The correlator, as seen from outside.
    pub correlator: Pulse,
    /// Messages read, by topic.
    pub messages: IntCounterVec,
    /// Their bytes, by topic.
    pub bytes: IntCounterVec,
    records: IntCounterVec,
    dead_letters: IntCounterVec,
    lag: IntGaugeVec,
    /// Rounds that were taken back and made again, by half.
    pub retries: IntCounterVec,
    /// Pages written into the journal, by half.
    pub pages: IntCounterVec,
    /// Pages read from the journal.
    pub pages_read: IntCounter,
    /// Messages of the journal that were not read yet.
    pub journal_lag: IntGauge,
    /// 1 while this process is the one that delivers.
    pub active: IntGauge,
    watermark: Gauge,
    watermark_delay: Gauge,
    /// Changes delivered, by kind.
    pub changes: IntCounterVec,
    latency: Histogram,
    state: IntGaugeVec,
    refused: IntGaugeVec,
    dropped: IntGaugeVec,
    settle: Histogram,
    checkpoint: Histogram,
    /// Snapshots that could not be written.
    pub checkpoint_failures: IntCounter,
    checkpoint_bytes: IntGauge,
    checkpoint_at: Gauge,
}

/// Makes a metric and has it collected.
struct Maker(Registry);

impl Maker {
    fn kept<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> Result<C, Failure> {
        let failing = |e| failed("cannot set up the metrics", e);
        let metric = made.map_err(failing)?;
        self.0.register(Box::new(metric.clone())).map_err(failing)?;
        Ok(metric)
    }

    fn counters(&self, name: &str, help: &str, by: &[&str]) -> Result<IntCounterVec, Failure> {
        self.kept(IntCounterVec::new(Opts::new(name, help), by))
    }

    fn gauges(&self, name: &str, help: &str, by: &[&str]) -> Result<IntGaugeVec, Failure> {
        self.kept(IntGaugeVec::new(Opts::new(name, help), by))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Failure> {
        self.kept(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// None that a run can cause.
    pub fn new(role: Role) -> Result<Self, Failure> {
        let make = Maker(Registry::new());
        let on =
            make.kept(IntGaugeVec::new(Opts::new("caponier_build_info", "1; its version as a label."), &["version"]))?;
        on.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        make.0
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .map_err(|e| failed("cannot set up the metrics", e))?;
        let (t, p) = ("topic", "partition");
        Ok(Self {
            intake: Pulse::new(role != Role::Correlator),
            correlator: Pulse::new(role != Role::Intake),
            messages: make.counters("caponier_messages_total", "Messages read and committed.", &[t])?,
            bytes: make.counters("caponier_bytes_total", "Bytes of these messages, as they lie in the topic.", &[t])?,
            records: make.counters("caponier_records_total", "Records in these messages, by what became of them at intake.", &[t, "class"])?,
            dead_letters: make.counters("caponier_dead_letters_total", "Records refused and kept, by reason.", &["reason"])?,
            lag: make.gauges("caponier_lag_messages", "Messages that the partitions of this intake hold and that it has not read.", &[t, p])?,
            retries: make.counters("caponier_retries_total", "Rounds that the brokers took back and that were made again.", &["half"])?,
            pages: make.counters("caponier_pages_written_total", "Pages written into the journal.", &["half"])?,
            pages_read: make.kept(IntCounter::new("caponier_pages_read_total", "Pages read from the journal."))?,
            journal_lag: make.kept(IntGauge::new("caponier_journal_lag_messages", "Messages of the journal not read yet."))?,
            active: make.kept(IntGauge::new("caponier_active", "1 while this process is the one that delivers."))?,
            watermark: make.kept(Gauge::new("caponier_watermark_timestamp_seconds", "Event time up to which everything is taken as told."))?,
            watermark_delay: make.kept(Gauge::new("caponier_watermark_delay_seconds", "How far event time lies behind the clock."))?,
            changes: make.counters("caponier_changes_total", "Changes of incidents delivered, by kind.", &["change"])?,
            latency: make.histogram("caponier_latency_seconds", "From when the oldest record of a page was in its topic to when the changes that the page made were committed.", &LATENCY)?,
            state: make.gauges("caponier_state", "How many of each the engine holds.", &["what"])?,
            refused: make.gauges("caponier_guard_refused", "Joins refused now, by guard, policy or state.", &["guard"])?,
            dropped: make.gauges("caponier_limit_dropped", "What limits have cut or let go since this process began from its snapshot.", &["limit"])?,
            settle: make.histogram("caponier_settle_seconds", "Time that the identity join took for what had changed.", &CHECKPOINT)?,
            checkpoint: make.histogram("caponier_checkpoint_seconds", "Time that a snapshot took.", &CHECKPOINT)?,
            checkpoint_failures: make.kept(IntCounter::new("caponier_checkpoint_failures_total", "Snapshots that could not be written."))?,
            checkpoint_bytes: make.kept(IntGauge::new("caponier_checkpoint_bytes", "Size of the last snapshot."))?,
            checkpoint_at: make.kept(Gauge::new("caponier_checkpoint_timestamp_seconds", "When the last snapshot was written; 0 before the first."))?,
            registry: make.0,
        })
    }

    /// Counts records of a topic.
    pub fn count(&self, topic: &str, class: Class, records: u64) {
        if records > 0 {
            self.records.with_label_values(&[topic, class.code()]).inc_by(records);
        }
    }

    /// Counts a dead letter.
    pub fn refuse(&self, reason: &str) {
        self.dead_letters.with_label_values(&[reason]).inc();
    }

    /// What is not read yet, by partition; those that are another's now are told no more.
    pub fn set_lag(&self, behind: &BTreeMap<(String, i32), i64>) {
        self.lag.reset();
        for ((topic, partition), messages) in behind {
            self.lag.with_label_values(&[topic.as_str(), &partition.to_string()]).set(*messages);
        }
    }

    /// Event time so far; before the first and after the last there is nothing to tell.
    pub fn set_watermark(&self, at: EventTime) {
        if at > EventTime::MIN && at < EventTime::MAX {
            let seconds = at.nanos() as f64 / 1e9;
            self.watermark.set(seconds);
            self.watermark_delay.set(now_seconds() - seconds);
        }
    }

    /// A change was committed that follows from what was available `since` (milliseconds since 1970).
    pub fn emitted(&self, since: i64) {
        self.latency.observe((now_seconds() - since as f64 / 1e3).max(0.0));
    }

    /// The identity join has answered.
    pub fn settled(&self, took: Duration) {
        self.settle.observe(took.as_secs_f64());
    }

    /// A snapshot was written.
    pub fn checkpointed(&self, took: Duration, bytes: usize) {
        self.checkpoint.observe(took.as_secs_f64());
        self.checkpoint_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.checkpoint_at.set(now_seconds());
    }

    /// What the engine holds and what it has refused.
    pub fn set_state(&self, counts: &Counts) {
        let set = |gauges: &IntGaugeVec, name: &str, value: u64| {
            gauges.with_label_values(&[name]).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        for (what, value) in [
            ("findings", counts.findings),
            ("unpaired", counts.unpaired),
            ("incidents", counts.incidents),
            ("cross_tenant_incidents", counts.cross_tenant_incidents),
            ("decisions", counts.decisions_held),
            ("edges", counts.edges.values().sum()),
            ("stop_values", counts.values_stopped),
        ] {
            set(&self.state, what, value);
        }
        for (limit, value) in [
            ("findings_shed", counts.shed),
            ("findings_late", counts.late),
            ("values_cut", counts.values_cut),
            ("sightings_cut", counts.sightings_cut),
        ] {
            set(&self.dropped, limit, value);
        }
        // What is refused no more is 0, not forgotten.
        self.refused.reset();
        counts.refused.iter().for_each(|(guard, value)| set(&self.refused, guard, *value));
    }

    /// Everything, in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // An empty family cannot be encoded and is left out by the registry: there is no other error.
        drop(TextEncoder::new().encode_utf8(&self.registry.gather(), &mut out));
        out
    }

    /// What must hold for the process to be left running.
    pub fn health(&self) -> Vec<Check> {
        let halves = [("intake", &self.intake), ("correlator", &self.correlator)];
        halves.into_iter().filter(|(_, half)| half.wanted).map(|(name, half)| half.moves(name)).collect()
    }

    /// What must hold for the process to be counted on.
    pub fn readiness(&self) -> Vec<Check> {
        let intake = ("intake", &self.intake, "its place in the group");
        let correlator = ("correlator", &self.correlator, "the rest of the journal");
        let halves = [intake, correlator].into_iter().filter(|(_, half, _)| half.wanted);
        halves.map(|(name, half, waits)| half.serves(name, waits)).collect()
    }
}

fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_and_labels_are_closed_lists() {
        let metrics = Metrics::new(Role::All).unwrap();
        metrics.count("alerts", Class::Used, 3);
        metrics.count("alerts", Class::Quiet, 0);
        metrics.refuse("malformed");
        metrics.set_lag(&BTreeMap::from([(("alerts".to_owned(), 2), 9)]));
        metrics.set_lag(&BTreeMap::from([(("alerts".to_owned(), 1), 4)]));
        metrics.set_state(&Counts { findings: 5, refused: [("G3", 2)].into(), ..Counts::default() });
        metrics.set_watermark(EventTime::MAX);
        let text = metrics.text();
        for line in [
            "caponier_records_total{class=\"used\",topic=\"alerts\"} 3",
            "caponier_dead_letters_total{reason=\"malformed\"} 1",
            "caponier_lag_messages{partition=\"1\",topic=\"alerts\"} 4",
            "caponier_state{what=\"findings\"} 5",
            "caponier_guard_refused{guard=\"G3\"} 2",
            "caponier_watermark_timestamp_seconds 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("quiet") && !text.contains("partition=\"2\""), "{text}");
    }

    #[test]
    fn a_half_that_is_not_here_is_not_waited_for() {
        let metrics = Metrics::new(Role::Intake).unwrap();
        metrics.intake.beat();
        assert_eq!(metrics.health().len(), 1);
        assert!(metrics.health()[0].holds && !metrics.readiness()[0].holds);
        metrics.intake.set_ready(true);
        assert!(metrics.readiness().iter().all(|c| c.holds));
    }

    /// The names between quotes in a text that begin as ours do, without what Prometheus hangs on to histograms.
    fn names(text: &str) -> std::collections::BTreeSet<String> {
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let ours =
            words.filter(|w| w.starts_with("caponier_") && *w != "caponier_console" && *w != "caponier_correlate");
        let base = |w: &str| {
            ["_bucket", "_sum", "_count"].iter().find_map(|tail| w.strip_suffix(tail)).unwrap_or(w).to_owned()
        };
        ours.map(base).filter(|w| !matches!(w.as_str(), "caponier_" | "caponier_model")).collect()
    }

    #[test]
    fn alerts_and_panels_ask_for_metrics_that_there_are_and_the_manual_has_all() {
        let (here, _) = include_str!("metrics.rs").split_once("#[cfg(test)]").unwrap();
        let there = names(here);
        assert!(there.len() > 20, "{there:?}");
        for asked in [
            include_str!("../../../../deploy/prometheus/caponier.rules.yml"),
            include_str!("../../../../deploy/prometheus/caponier.rules.test.yml"),
            include_str!("../../../../deploy/grafana/dashboards/caponier.json"),
        ] {
            let unknown: Vec<_> = names(asked).difference(&there).cloned().collect();
            assert!(unknown.is_empty(), "{unknown:?}");
        }
        let manual = names(include_str!("../../../../docs/operations.md"));
        let unsaid: Vec<_> = there.difference(&manual).collect();
        assert!(unsaid.is_empty(), "docs/operations.md does not tell of {unsaid:?}");
    }
}
