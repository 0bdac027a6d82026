//! A rule with one of its parts taken out: vectors that do not notice do not test that part.

use crate::scenario::{Apart, Baseline, Role, Scenario, Shape};
use rsigma_parser::ConditionOperator;

/// A window so wide that it is none, in nanoseconds: about three years.
const NONE: i64 = 100_000_000_000_000_000;

/// Every rule that lacks one part of `scenario`, and which part that is.
pub fn mutants(scenario: &Scenario) -> Vec<(String, Scenario)> {
    let mut out = marked(scenario);
    let mut add = |what: String, change: &dyn Fn(&mut Scenario)| {
        let mut changed = scenario.clone();
        change(&mut changed);
        out.push((what, changed));
    };
    let matched = scenario.pattern().count();
    for (at, step) in scenario.pattern().filter(|_| matched > 1) {
        add(format!("without the step {}", step.rule), &|s| without_step(s, at));
    }
    if scenario.shape != Shape::Single {
        add("without the window".into(), &|s| s.span = NONE);
    }
    for (at, mark) in scenario.cancel.iter().enumerate() {
        add(format!("without the cancellation {}", scenario.steps[*mark].rule), &|s| {
            s.cancel.remove(at);
        });
    }
    for (at, absence) in scenario.absent.iter().enumerate() {
        let name = &scenario.steps[absence.mark].rule;
        add(format!("without the absence of {name}"), &|s| {
            s.absent.remove(at);
        });
        add(format!("with {name} absent for ever"), &|s| s.absent[at].within = NONE);
    }
    for (at, seen) in scenario.seen.iter().enumerate() {
        add(format!("without what is new to {}", scenario.steps[seen.step].rule), &|s| {
            s.seen.remove(at);
        });
        add(format!("with a memory of a second for {}", scenario.steps[seen.step].rule), &|s| {
            s.seen[at].over = 1_000_000_000
        });
    }
    for at in 0..scenario.keys.len() {
        add(format!("without the key {}", at + 1), &|s| {
            s.keys.remove(at);
        });
    }
    for (at, step) in scenario.steps.iter().enumerate().filter(|(_, step)| step.side.is_some()) {
        if step.role == Role::Match {
            add(format!("without the side of {}", step.rule), &|s| s.steps[at].side = None);
        }
    }
    if scenario.tenants > 1 {
        add("without the number of tenants".into(), &|s| s.tenants = 1);
    }
    if let Shape::Count(test) | Shape::Values(test) | Shape::Number(_, test) = &scenario.shape
        && *test != [(ConditionOperator::Gte, 1)]
    {
        add("without the threshold".into(), &|s| {
            if let Shape::Count(test) | Shape::Values(test) | Shape::Number(_, test) = &mut s.shape {
                *test = vec![(ConditionOperator::Gte, 1)];
            }
        });
    }
    out
}

/// Distances and baselines, part by part.
fn marked(scenario: &Scenario) -> Vec<(String, Scenario)> {
    let mut out = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Scenario)| {
        let mut changed = scenario.clone();
        change(&mut changed);
        out.push((what, changed));
    };
    if let Some(apart) = &scenario.apart {
        let mut with = |what: &str, change: &dyn Fn(&mut Apart)| {
            add(what.into(), &|s| {
                s.apart.iter_mut().for_each(change);
            });
        };
        with("however slow", &|a| a.faster = 0);
        if apart.beyond > 0 {
            with("however near", &|a| a.beyond = 0);
        }
        for at in 0..apart.change.len() {
            let what = format!("without a change of {}", apart.change[at]);
            with(&what, &|a| {
                a.change.remove(at);
            });
        }
        if !apart.change.is_empty() {
            with("without any change", &|a| a.change.clear());
        }
        add("without the distance".into(), &|s| s.apart = None);
    }
    if scenario.baseline.is_some() {
        let mut with = |what: &str, change: &dyn Fn(&mut Baseline)| {
            add(what.into(), &|s| {
                s.baseline.iter_mut().for_each(change);
            });
        };
        with("with a baseline of a second", &|b| b.over = 1_000_000_000);
        with("with a baseline of once", &|b| b.factor = 1);
        add("without the baseline".into(), &|s| s.baseline = None);
    }
    out
}

/// Takes a step out; what pointed at later steps points at them still.
fn without_step(scenario: &mut Scenario, gone: usize) {
    scenario.apart = None;
    scenario.steps.remove(gone);
    scenario.keys.iter_mut().for_each(|key| {
        key.remove(gone);
    });
    let moved = |at: usize| if at > gone { at - 1 } else { at };
    scenario.absent.retain(|a| a.from != gone && a.mark != gone);
    for absence in &mut scenario.absent {
        (absence.mark, absence.from) = (moved(absence.mark), moved(absence.from));
    }
    scenario.cancel.retain(|at| *at != gone);
    scenario.cancel.iter_mut().for_each(|at| *at = moved(*at));
    scenario.seen.retain(|s| s.step != gone && s.memory != gone);
    for seen in &mut scenario.seen {
        (seen.step, seen.memory) = (moved(seen.step), moved(seen.memory));
    }
}
