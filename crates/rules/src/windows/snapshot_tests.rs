//! Windows that are written and read back at any signal say what windows say that never stopped.

use super::*;
use crate::windows::tests::{Linked, minute, rules, signal};
use crate::{Emission, SnapshotError};
use caponier_model::EventTime;

/// Every kind of machine, and everything that waits, is remembered or derived.
pub(crate) const KINDS: &str = "title: O
name: ordered
correlation:
  type: temporal_ordered
  rules: [a, b, c]
  group-by: [caponier.person]
  timespan: 10m
---
title: T
name: together
correlation:
  type: temporal
  rules: [a, alert]
  group-by: [caponier.person]
  timespan: 7m
caponier:
  cancel: [c]
---
title: C
name: many
correlation:
  type: event_count
  rules: [b]
  group-by: [caponier.person]
  timespan: 9m
  condition: {gte: 3}
---
title: V
name: spread
correlation:
  type: value_count
  rules: [a]
  group-by: [caponier.person]
  timespan: 20m
  condition: {field: ip, gte: 3}
---
title: N
name: sum
correlation:
  type: value_sum
  rules: [c]
  timespan: 15m
  condition: {field: size, gte: 12}
---
title: P
name: median
correlation:
  type: value_median
  rules: [c]
  timespan: 15m
  condition: {field: size, gte: 4}
---
title: W
name: quiet
correlation:
  type: temporal_ordered
  rules: [a, b]
  group-by: [caponier.person]
  timespan: 10m
caponier:
  absent: [{rule: c, after: b, within: 6m}]
---
title: F
name: first
correlation:
  type: event_count
  rules: [a]
  group-by: [caponier.person]
  timespan: 1m
  condition: {gte: 1}
caponier:
  seen: [{rule: a, by: [ip], over: 30m}]
---
title: U
name: unusual
correlation:
  type: event_count
  rules: [b]
  group-by: [caponier.person]
  timespan: 5m
  condition: {gte: 2}
caponier:
  baseline: {over: 30m, factor: 1}
---
title: Y
name: far
correlation:
  type: temporal
  rules: [b, alert]
  group-by: [caponier.person]
  timespan: 12m
caponier:
  apart: {place: p, faster: 900, change: [ip]}
---
title: X
name: outer
correlation:
  type: event_count
  rules: [together]
  timespan: 40m
  condition: {gte: 2}
---
";

pub(crate) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Signals over two hours, a few of them late.
pub(crate) fn story(seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    (0..160)
        .map(|at| {
            let rule = ["a", "b", "c", "alert"][random.below(4) as usize];
            let late = if random.below(8) == 0 { random.below(12) } else { 0 };
            let minute = (at * 3_u64 / 4).saturating_sub(late);
            let who = format!("{}{}", ["h", "r"][random.below(2) as usize], random.below(3));
            let place = ["52.37,4.9", "52.52,13.4", "0,0"][random.below(3) as usize];
            format!("{rule}@{minute} {who} ip={} size={} p={place}", random.below(5), random.below(7))
        })
        .collect()
}

fn drain(windows: &mut Windows, out: &mut Vec<Emission>) {
    while let Some(said) = windows.poll() {
        out.push(said);
    }
}

/// What is said when the windows are written and read back before each of these signals.
fn told(rules: &Arc<RuleSet>, story: &[String], stops: &[usize]) -> (Vec<Emission>, Counts, Vec<u8>) {
    let (persons, mut out) = (Linked::default(), Vec::new());
    let limits = Limits { retention: 30 * 60, ..Limits::default() };
    let mut windows = Windows::new(Arc::clone(rules), limits);
    for (at, text) in story.iter().enumerate() {
        if stops.contains(&at) {
            let bytes = windows.snapshot().unwrap();
            windows = Windows::restore(&bytes, Arc::clone(rules), limits).unwrap();
            assert!(windows.snapshot().unwrap() == bytes, "written again, it is other bytes");
        }
        let signal = signal(text);
        let watermark = signal.key.at;
        windows.take(signal, &persons);
        windows.advance(watermark, &persons);
        drain(&mut windows, &mut out);
    }
    let last = windows.snapshot().unwrap();
    windows.advance(EventTime::MAX, &persons);
    drain(&mut windows, &mut out);
    (out, windows.counts(), last)
}

#[test]
fn windows_go_on_from_any_signal_as_if_they_had_never_stopped() {
    let rules = rules(KINDS);
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let (story, mut random) = (story(seed), Random(seed + 1_000));
        let stops: Vec<_> = (0..6).map(|_| random.below(160) as usize).collect();
        let whole = told(&rules, &story, &[]);
        kinds.extend(whole.0.iter().map(|e| (e.rule.clone(), e.withdrawn.is_empty())));
        assert!(whole == told(&rules, &story, &stops), "seed {seed}, stops {stops:?}");
    }
    let said: Vec<_> = kinds.iter().filter(|(_, stands)| *stands).map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(
        said,
        ["far", "first", "many", "median", "ordered", "outer", "quiet", "spread", "sum", "together", "unusual"]
    );
    assert!(kinds.iter().any(|(_, stands)| !stands), "nothing was taken back: the stories are too tame");
}

#[test]
fn what_is_no_snapshot_is_said_and_stops_nothing() {
    let rules = rules(KINDS);
    let bytes = told(&rules, &story(1), &[]).2;
    let restore = |bytes: &[u8]| Windows::restore(bytes, Arc::clone(&rules), Limits::default());
    assert!(restore(&bytes).is_ok());
    assert!(matches!(restore(&[]), Err(SnapshotError::Damaged(_))));
    assert!(matches!(restore(&bytes[..bytes.len() / 2]), Err(SnapshotError::Damaged(_))));
    let newer = [&[99], &bytes[1..]].concat();
    assert_eq!(restore(&newer).err(), Some(SnapshotError::Version { found: 99 }));
    let other = Windows::restore(
        &bytes,
        rules_of(
            "title: A\nname: x\ncorrelation:\n  type: event_count\n  rules: [a]\n  timespan: 1m\n  condition: {gte: 1}\n",
        ),
        Limits::default(),
    );
    assert_eq!(other.err(), Some(SnapshotError::Rules));
    // One byte changed anywhere: refused or read, never a panic, not even later.
    for at in (0..bytes.len()).step_by(7) {
        let mut broken = bytes.clone();
        broken[at] ^= 0x41;
        if let Ok(mut windows) = restore(&broken) {
            windows.take(signal("a@200 h1 ip=1 size=1"), &Linked::default());
            windows.advance(minute(400), &Linked::default());
        }
    }
}

fn rules_of(text: &str) -> Arc<RuleSet> {
    rules(text)
}
