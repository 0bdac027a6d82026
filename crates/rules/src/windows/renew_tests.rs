//! What windows find under rules that came later.

use crate::windows::tests::{Linked, minute, rules, signal};
use crate::{Limits, Windows};
use std::sync::Arc;

const MANY: &str = "title: C
name: many
correlation:
  type: event_count
  rules: [b]
  group-by: [caponier.person]
  timespan: 9m
  condition: {gte: 3}
";

fn found(windows: &mut Windows) -> usize {
    std::iter::from_fn(|| windows.poll()).map(|emission| emission.findings.len()).sum()
}

#[test]
fn a_lower_threshold_finds_what_was_there_and_time_goes_on() {
    let persons = Linked::default();
    let limits = Limits::default();
    let mut windows = Windows::new(rules(MANY), limits);
    for said in ["b@1 h1", "b@2 h1", "b@2.5 h2", "b@30 h1"] {
        windows.take(signal(said), &persons);
    }
    windows.advance(minute(20), &persons);
    assert_eq!(found(&mut windows), 0);
    let lower = rules(&MANY.replace("gte: 3", "gte: 2"));
    let mut strict = Windows::new(Arc::clone(&lower), limits);
    windows.renew(lower, limits, &persons, |_| true);
    assert_eq!(found(&mut windows), 1, "what is held was not read again");
    windows.take(signal("b@31 h1"), &persons);
    windows.advance(minute(60), &persons);
    assert_eq!(found(&mut windows), 1, "what waited was lost");
    assert_eq!(windows.counts().signals, 5);
    // As if the rules had been these from the beginning.
    for said in ["b@1 h1", "b@2 h1", "b@2.5 h2", "b@30 h1", "b@31 h1"] {
        strict.take(signal(said), &persons);
    }
    strict.advance(minute(60), &persons);
    assert_eq!(found(&mut strict), 2);
}

#[test]
fn what_may_not_stay_counts_no_more() {
    let persons = Linked::default();
    let limits = Limits::default();
    let mut windows = Windows::new(rules(MANY), limits);
    for said in ["b@1 h1", "b@2 h1"] {
        windows.take(signal(said), &persons);
    }
    windows.renew(rules(MANY), limits, &persons, |s| s.key.at >= minute(2));
    assert_eq!(windows.held(), 1);
    windows.take(signal("b@3 h1"), &persons);
    windows.advance(minute(60), &persons);
    assert_eq!(found(&mut windows), 0);
}
