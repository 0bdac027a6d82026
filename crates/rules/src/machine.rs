//! What comes together in one group, signal by signal in order of time. Knows times, steps and values; no signal, no person.
//!
//! Every machine takes a signal in time that does not depend on how many are in its window (a percentile: on how many distinct
//! values are). A signal at exactly the span's distance is inside.

use crate::apart::Stays;
use crate::scenario::{Aggregate, Presence, Role, Scenario, Shape, Window, holds};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rsigma_parser::{ConditionExpr, ConditionOperator, Quantifier};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// One signal as a group holds it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    /// When, in nanoseconds.
    pub at: i64,
    /// Which step it is.
    pub step: u16,
    /// Where the signal is kept.
    pub place: u32,
    /// Hashes of the values that count, for a number the values in millionths.
    pub values: Vec<i128>,
    /// Whether what the step must be new to is new; fixed when it came.
    pub fresh: bool,
    /// What a count must exceed, as was usual when it came; `None` while history does not tell.
    pub usual: Option<u64>,
}

/// What one signal completes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Hit {
    /// (when, step, place), in order of time.
    pub items: Vec<Seat>,
}

/// A hit names at most so many signals, the latest: a spray of a hundred thousand is counted, not listed.
const LISTED_MAX: usize = 64;

/// A signal in a window: (when, step, place).
pub(crate) type Seat = (i64, u16, u32);

/// A signal in a window with the values it brought.
type Valued = (i64, u16, u32, Vec<i128>);

/// The state of one group.
#[derive(Debug)]
pub(crate) struct Machine {
    state: State,
    /// Begin of the window in force, for those that do not slide.
    begun: Option<i64>,
    last: i64,
}

#[derive(Debug)]
enum State {
    Count(VecDeque<Seat>),
    Values { window: VecDeque<Valued>, counts: HashMap<i128, u32, FixedState> },
    Together(Vec<Option<(i64, u32)>>),
    Apart(Stays),
    Ordered(Vec<Option<Vec<Seat>>>),
    Number { window: VecDeque<Valued>, sum: i128, sorted: BTreeMap<i128, u32>, held: u64 },
}

impl Default for Machine {
    /// Of no scenario yet.
    fn default() -> Self {
        Self { state: State::Count(VecDeque::new()), begun: None, last: i64::MIN }
    }
}

impl Machine {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let steps = scenario.steps.len();
        let state = match &scenario.shape {
            Shape::Single | Shape::Count(_) => State::Count(VecDeque::new()),
            Shape::Values(_) => State::Values { window: VecDeque::new(), counts: HashMap::default() },
            Shape::Together(_) if scenario.apart.is_some() => State::Apart(Stays::default()),
            Shape::Together(_) => State::Together(vec![None; steps]),
            Shape::Ordered => State::Ordered(vec![None; scenario.pattern().count()]),
            Shape::Number(..) => State::Number { window: VecDeque::new(), sum: 0, sorted: BTreeMap::new(), held: 0 },
        };
        Self { state, begun: None, last: i64::MIN }
    }

    /// Takes the next signal in order of time.
    pub(crate) fn take(&mut self, item: &Item, scenario: &Scenario) -> Option<Hit> {
        let horizon = self.horizon(item.at, scenario);
        self.last = item.at;
        if scenario.cancel.contains(&usize::from(item.step)) {
            self.clear();
            return None;
        }
        if scenario.steps[usize::from(item.step)].role == Role::Mark || !item.fresh {
            return None;
        }
        match &mut self.state {
            State::Count(window) => count(window, item, horizon, scenario),
            State::Values { window, counts } => distinct(window, counts, item, horizon, scenario),
            State::Together(last) => together(last, item, horizon, scenario),
            State::Apart(stays) => {
                let pair = stays.take(item, horizon, scenario.apart.as_ref()?)?;
                Some(Hit { items: pair.to_vec() })
            }
            State::Ordered(best) => ordered(best, item, horizon, scenario),
            State::Number { window, sum, sorted, held } => {
                expire(window, horizon, |values| {
                    for value in values {
                        *sum -= value;
                        *held -= 1;
                        forget(sorted, *value);
                    }
                });
                for value in &item.values {
                    *sum += value;
                    *held += 1;
                    *sorted.entry(*value).or_default() += 1;
                }
                window.push_back((item.at, item.step, item.place, item.values.clone()));
                let Shape::Number(kind, test) = &scenario.shape else { return None };
                number(*kind, *sum, *held, sorted).filter(|n| holds(test, *n)).map(|_| listed(window))
            }
        }
    }

    /// The earliest time that still counts at `at`.
    fn horizon(&mut self, at: i64, scenario: &Scenario) -> i64 {
        let sliding = at.saturating_sub(scenario.span);
        match scenario.window {
            Window::Sliding => sliding,
            Window::Tumbling => at.div_euclid(scenario.span.max(1)).saturating_mul(scenario.span.max(1)),
            Window::Session(gap) => {
                let begun = self.begun.filter(|b| at.saturating_sub(self.last) <= gap && *b >= sliding).unwrap_or(at);
                self.begun = Some(begun);
                begun
            }
        }
    }

    /// What has begun is broken off.
    fn clear(&mut self) {
        match &mut self.state {
            State::Count(window) => window.clear(),
            State::Values { window, counts } => {
                window.clear();
                counts.clear();
            }
            State::Together(last) => last.fill(None),
            State::Apart(stays) => stays.clear(),
            State::Ordered(best) => best.fill(None),
            State::Number { window, sum, sorted, held } => {
                window.clear();
                sorted.clear();
                (*sum, *held) = (0, 0);
            }
        }
    }
}

fn count(window: &mut VecDeque<Seat>, item: &Item, horizon: i64, scenario: &Scenario) -> Option<Hit> {
    while window.front().is_some_and(|(at, ..)| *at < horizon) {
        window.pop_front();
    }
    window.push_back((item.at, item.step, item.place));
    let test: &[(ConditionOperator, u64)] = if let Shape::Count(test) = &scenario.shape { test } else { &[] };
    let unusual = item.usual.is_some_and(|usual| scenario.baseline.is_none() || window.len() as u64 > usual);
    (unusual && holds(test, window.len() as f64))
        .then(|| Hit { items: window.iter().rev().take(LISTED_MAX).rev().copied().collect() })
}

fn distinct(
    window: &mut VecDeque<Valued>,
    counts: &mut HashMap<i128, u32, FixedState>,
    item: &Item,
    horizon: i64,
    scenario: &Scenario,
) -> Option<Hit> {
    expire(window, horizon, |values| {
        for value in values {
            if let Some(held) = counts.get_mut(value) {
                *held -= 1;
                if *held == 0 {
                    counts.remove(value);
                }
            }
        }
    });
    for value in &item.values {
        *counts.entry(*value).or_default() += 1;
    }
    window.push_back((item.at, item.step, item.place, item.values.clone()));
    let Shape::Values(test) = &scenario.shape else { return None };
    holds(test, counts.len() as f64).then(|| listed(window))
}

fn expire(window: &mut VecDeque<Valued>, horizon: i64, mut leave: impl FnMut(&[i128])) {
    while window.front().is_some_and(|(at, ..)| *at < horizon) {
        if let Some((.., values)) = window.pop_front() {
            leave(&values);
        }
    }
}

fn listed(window: &VecDeque<Valued>) -> Hit {
    Hit { items: window.iter().rev().take(LISTED_MAX).rev().map(|(at, step, place, _)| (*at, *step, *place)).collect() }
}

/// Each step's latest signal; complete where all are inside the span, or where the condition over those that are holds.
fn together(last: &mut [Option<(i64, u32)>], item: &Item, horizon: i64, scenario: &Scenario) -> Option<Hit> {
    last[usize::from(item.step)] = Some((item.at, item.place));
    let there = |step: usize| last[step].is_some_and(|(at, _)| at >= horizon);
    let complete = match &scenario.shape {
        Shape::Together(Presence::Condition(condition)) => meets(condition, scenario, &there),
        Shape::Together(Presence::Steps(test)) => {
            holds(test, scenario.pattern().filter(|(step, _)| there(*step)).count() as f64)
        }
        _ => scenario.pattern().all(|(step, _)| there(step)),
    };
    complete.then(|| {
        let inside = last.iter().enumerate().filter_map(|(step, l)| l.map(|(at, place)| (at, step as u16, place)));
        let mut items: Vec<_> = inside.filter(|(at, ..)| *at >= horizon).collect();
        items.sort_unstable();
        Hit { items }
    })
}

fn meets(condition: &ConditionExpr, scenario: &Scenario, there: &dyn Fn(usize) -> bool) -> bool {
    match condition {
        ConditionExpr::And(parts) => parts.iter().all(|part| meets(part, scenario, there)),
        ConditionExpr::Or(parts) => parts.iter().any(|part| meets(part, scenario, there)),
        ConditionExpr::Not(part) => !meets(part, scenario, there),
        ConditionExpr::Identifier(name) => scenario.pattern().any(|(at, step)| step.rule == *name && there(at)),
        ConditionExpr::Selector { quantifier, pattern } => {
            let chosen = || scenario.pattern().filter(|(_, step)| pattern.matches_detection_name(&step.rule));
            let met = chosen().filter(|(at, _)| there(*at)).count() as u64;
            match quantifier {
                Quantifier::Any => met > 0,
                Quantifier::All => met == chosen().count() as u64,
                Quantifier::Count(n) => met >= *n,
            }
        }
    }
}

/// For each length of a prefix, the chain that begins latest: where any chain fits the span, that one does.
fn ordered(best: &mut [Option<Vec<Seat>>], item: &Item, horizon: i64, scenario: &Scenario) -> Option<Hit> {
    let here = (item.at, item.step, item.place);
    // From the last place to the first, so that one signal never serves two steps.
    for at in (0..best.len()).rev() {
        if scenario.pattern().nth(at).is_none_or(|(step, _)| step != usize::from(item.step)) {
            continue;
        }
        if at == 0 {
            best[0] = Some(vec![here]);
        } else if let Some(prefix) = best[at - 1].as_ref().filter(|p| p[0].0 >= horizon) {
            let mut chain = prefix.clone();
            chain.push(here);
            best[at] = Some(chain);
        }
        if at + 1 == best.len() {
            return best[at].clone().filter(|c| c.last() == Some(&here)).map(|items| Hit { items });
        }
    }
    None
}

fn forget(sorted: &mut BTreeMap<i128, u32>, value: i128) {
    if let Some(held) = sorted.get_mut(&value) {
        *held -= 1;
        if *held == 0 {
            sorted.remove(&value);
        }
    }
}

/// Values are in millionths.
fn number(kind: Aggregate, sum: i128, held: u64, sorted: &BTreeMap<i128, u32>) -> Option<f64> {
    const SCALE: f64 = 1e6;
    if held == 0 {
        return None;
    }
    match kind {
        Aggregate::Sum => Some(sum as f64 / SCALE),
        Aggregate::Mean => Some(sum as f64 / SCALE / held as f64),
        Aggregate::Percentile(rank) => {
            let place = f64::from(rank) / 100.0 * (held - 1) as f64;
            let low = at_rank(sorted, place.floor() as u64)?;
            let high = at_rank(sorted, place.ceil() as u64)?;
            Some((low as f64 + (high - low) as f64 * (place - place.floor())) / SCALE)
        }
    }
}

fn at_rank(sorted: &BTreeMap<i128, u32>, rank: u64) -> Option<i128> {
    let mut passed = 0;
    sorted
        .iter()
        .find(|(_, held)| {
            passed += u64::from(**held);
            passed > rank
        })
        .map(|(value, _)| *value)
}
