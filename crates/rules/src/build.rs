//! Documents to rules: base rules compiled, references resolved, gates drawn from conditions. Faults are told, never guessed away.

use crate::condition::Condition;
use crate::fault::Fault;
use crate::field::fold;
use crate::file::{Correlation, Documents, Placed, name};
use crate::logsource;
use crate::profile::STRETCHES_MAX;
use crate::scenario::{
    Absence, Aggregate, Apart, Baseline, Extension, Presence, Role, SECOND, Scenario, Seen, Shape, Step, Term, Window,
};
use crate::set::Base;
use crate::view::Source;
use caponier_model::{Outcome, Severity, Side};
use compact_str::CompactString;
use rsigma_parser::{
    ConditionExpr, CorrelationCondition, CorrelationRule, CorrelationType, Detection, SigmaRule, SigmaString,
    SigmaValue, Timespan, WindowMode,
};
use std::collections::{BTreeMap, BTreeSet};

/// Builds all rules: bases by name, scenarios so that each stands after those it reads.
pub(crate) fn build(documents: Documents, faults: &mut Vec<Fault>) -> (Vec<Base>, Vec<Scenario>) {
    let mut names = BTreeMap::<CompactString, CompactString>::new();
    let mut base: Vec<(Base, SigmaRule)> = documents.base.into_iter().filter_map(|p| base_rule(p, faults)).collect();
    for (rule, sigma) in &base {
        add_name(&mut names, &rule.name, sigma.id.as_deref(), &sigma.title);
    }
    for placed in &documents.correlations {
        let rule = &placed.rule.rule;
        let main = name(rule.name.as_deref(), rule.id.as_deref(), &rule.title);
        add_name(&mut names, &main, rule.id.as_deref(), &rule.title);
    }
    let mut scenarios: Vec<Scenario> =
        documents.correlations.into_iter().filter_map(|placed| scenario(placed, &names, faults)).collect();
    // Sigma: what a correlation reads says nothing by itself, unless every reader wants it to.
    let mut read = BTreeMap::<CompactString, bool>::new();
    for scenario in &scenarios {
        for step in &scenario.steps {
            *read.entry(step.rule.clone()).or_insert(true) &= scenario.generate;
        }
    }
    for scenario in &mut scenarios {
        scenario.generate = read.get(&scenario.name).copied().unwrap_or(true);
    }
    for (rule, sigma) in &mut base {
        rule.read = read.contains_key(&rule.name);
        if read.get(&rule.name).copied().unwrap_or(true) {
            scenarios.push(single(rule, sigma));
        }
    }
    let mut base: Vec<Base> = base.into_iter().map(|(rule, _)| rule).collect();
    unique(&mut base, &mut scenarios, faults);
    let scenarios = in_order(scenarios, &base, faults);
    carry(&mut base, &scenarios);
    (base, scenarios)
}

fn add_name(names: &mut BTreeMap<CompactString, CompactString>, main: &CompactString, id: Option<&str>, title: &str) {
    for other in [Some(main.as_str()), id, Some(title)].into_iter().flatten() {
        names.entry(other.into()).or_insert_with(|| main.clone());
    }
}

fn unique(base: &mut Vec<Base>, scenarios: &mut Vec<Scenario>, faults: &mut Vec<Fault>) {
    base.sort_by(|a, b| a.name.cmp(&b.name));
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    let mut twice = |file: &CompactString, rule: &CompactString| {
        let what = "another rule bears this name; give each its own `name`".into();
        faults.push(Fault { file: file.clone(), line: 0, rule: Some(rule.clone()), what, fatal: true });
    };
    base.dedup_by(|again, first| {
        again.name == first.name && {
            twice(&again.file, &again.name);
            true
        }
    });
    scenarios.dedup_by(|again, first| {
        again.name == first.name && {
            twice(&again.file, &again.name);
            true
        }
    });
}

// ---------------------------------------------------------------------------------------------------------------- base

fn base_rule(placed: Placed<SigmaRule>, faults: &mut Vec<Fault>) -> Option<(Base, SigmaRule)> {
    let Placed { file, line, mut rule } = placed;
    let main = name(rule.name.as_deref(), rule.id.as_deref(), &rule.title);
    for detection in rule.detection.named.values_mut() {
        fold_operations(detection);
    }
    let compiled = match rsigma_eval::compile_rule(&rule) {
        Ok(compiled) => compiled,
        Err(error) => {
            faults.push(Fault {
                file,
                line,
                rule: Some(main),
                what: format!("cannot be compiled: {error}"),
                fatal: true,
            });
            return None;
        }
    };
    let required = |field: &str| required(&rule, field);
    let word =
        |field: &str| required(field).and_then(|v| if let [one] = &v[..] { Some(one.to_lowercase()) } else { None });
    let side = word("caponier.side").and_then(|w| side(&w));
    let outcome = word("caponier.outcome").and_then(|w| match w.as_str() {
        "success" => Some(Outcome::Success),
        "failure" => Some(Outcome::Failure),
        _ => None,
    });
    let operations = required("caponier.operation");
    let base = Base {
        name: main,
        title: rule.title.as_str().into(),
        formats: logsource::formats(&rule.logsource).unwrap_or_default(),
        operations,
        side,
        outcome,
        read: false,
        carried: Vec::new(),
        file,
        condition: Condition::new(&compiled, (side, outcome)),
        compiled,
        sources: Vec::new(),
    };
    Some((base, rule))
}

fn side(word: &str) -> Option<Side> {
    match word {
        "home" => Some(Side::Home),
        "resource" => Some(Side::Resource),
        _ => None,
    }
}

/// Operations are compared folded, so the rule's words are folded too.
fn fold_operations(detection: &mut Detection) {
    match detection {
        Detection::AllOf(items) => {
            for item in items {
                if item.field.name.as_deref() == Some("caponier.operation") {
                    for value in &mut item.values {
                        if let SigmaValue::String(text) = value {
                            *text = SigmaString::new(&fold(&text.original));
                        }
                    }
                }
            }
        }
        Detection::AnyOf(inner) | Detection::And(inner) => inner.iter_mut().for_each(fold_operations),
        Detection::ArrayMatch { body, .. } => fold_operations(body),
        Detection::Conditional { named, .. } => named.values_mut().for_each(fold_operations),
        Detection::Keywords(_) => {}
    }
}

/// The plain values one of which the field must have for the rule to match at all; `None` where that cannot be told.
fn required(rule: &SigmaRule, field: &str) -> Option<Vec<String>> {
    let [condition] = &rule.detection.conditions[..] else { return None };
    let mut names = Vec::new();
    conjuncts(condition, &mut names);
    names.iter().find_map(|name| of_detection(rule.detection.named.get(*name)?, field))
}

fn conjuncts<'c>(condition: &'c ConditionExpr, out: &mut Vec<&'c String>) {
    match condition {
        ConditionExpr::Identifier(name) => out.push(name),
        ConditionExpr::And(parts) => parts.iter().for_each(|part| conjuncts(part, out)),
        _ => {}
    }
}

fn of_detection(detection: &Detection, field: &str) -> Option<Vec<String>> {
    match detection {
        Detection::AllOf(items) => items.iter().find_map(|item| {
            let plain = item.field.name.as_deref() == Some(field) && item.field.modifiers.is_empty();
            let text = |value: &SigmaValue| if let SigmaValue::String(s) = value { s.as_plain() } else { None };
            if plain { item.values.iter().map(text).collect() } else { None }
        }),
        Detection::And(parts) => parts.iter().find_map(|part| of_detection(part, field)),
        Detection::AnyOf(parts) => {
            let each: Option<Vec<_>> = parts.iter().map(|part| of_detection(part, field)).collect();
            each.map(|lists| lists.into_iter().flatten().collect())
        }
        _ => None,
    }
}

/// A base rule that nothing reads is a scenario of its own.
fn single(base: &Base, sigma: &SigmaRule) -> Scenario {
    let (tactics, techniques) = attack(&sigma.tags);
    Scenario {
        name: base.name.clone(),
        title: base.title.clone(),
        about: sigma.description.as_deref().unwrap_or_default().trim().into(),
        level: sigma.level.map_or(Severity::Unknown, |l| Severity::read(l.as_str())),
        tactics,
        techniques,
        false_positives: sigma.falsepositives.clone(),
        references: sigma.references.clone(),
        shape: Shape::Single,
        steps: vec![Step { rule: base.name.clone(), side: None, role: Role::Match, values: Vec::new() }],
        keys: Vec::new(),
        span: 0,
        window: Window::Sliding,
        tenants: 1,
        absent: Vec::new(),
        cancel: Vec::new(),
        seen: Vec::new(),
        apart: None,
        baseline: None,
        early: false,
        correlate: true,
        generate: true,
        file: base.file.clone(),
    }
}

/// Sigma's `attack.` tags as tactics and techniques.
fn attack(tags: &[String]) -> (Vec<CompactString>, Vec<CompactString>) {
    let (mut tactics, mut techniques) = (Vec::new(), Vec::new());
    for tag in tags {
        let Some(word) = tag.strip_prefix("attack.") else { continue };
        if numbered(word, 't') {
            techniques.push(word.to_uppercase().into());
        } else if !is_group(word) {
            let pieces = word.split(['-', '_']);
            let tactic: String = pieces.map(capital).collect();
            tactics.push(tactic.into());
        }
    }
    tactics.sort();
    tactics.dedup();
    techniques.sort();
    techniques.dedup();
    (tactics, techniques)
}

/// A letter and a number: `t1078`, `g0016`, `s0002`.
fn numbered(word: &str, letter: char) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| c.eq_ignore_ascii_case(&letter)) && chars.next().is_some_and(|c| c.is_ascii_digit())
}

/// A group or a piece of software, which are no tactic.
fn is_group(word: &str) -> bool {
    numbered(word, 'g') || numbered(word, 's') || numbered(word, 'c')
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

// ----------------------------------------------------------------------------------------------------------- scenarios

/// What a document being read needs at hand.
struct Reading<'r> {
    names: &'r BTreeMap<CompactString, CompactString>,
    file: CompactString,
    line: u32,
    rule: CompactString,
    steps: Vec<Step>,
    faults: &'r mut Vec<Fault>,
    broken: bool,
}

impl Reading<'_> {
    fn wrong(&mut self, what: String) {
        let (file, rule) = (self.file.clone(), Some(self.rule.clone()));
        self.faults.push(Fault { file, line: self.line, rule, what, fatal: true });
        self.broken = true;
    }

    /// The name of the rule that a reference means.
    fn resolve(&mut self, reference: &str) -> CompactString {
        if let Some(found) = self.names.get(reference) {
            return found.clone();
        }
        self.wrong(format!("reads {reference}, and no rule has that name, id or title"));
        reference.into()
    }

    /// The place of a rule among the steps, where it is one.
    fn step(&mut self, reference: &str) -> Option<usize> {
        let rule = self.resolve(reference);
        let at = self.steps.iter().position(|s| s.rule == rule && s.role == Role::Match);
        if at.is_none() {
            self.wrong(format!("names {reference} as a step, and it is none of `rules`"));
        }
        at
    }

    /// A rule that is only marked, added where it is not yet a step.
    fn mark(&mut self, reference: &str, side: Option<Side>) -> usize {
        let rule = self.resolve(reference);
        let step = Step { rule, side, role: Role::Mark, values: Vec::new() };
        self.steps.iter().position(|s| *s == step).unwrap_or_else(|| {
            self.steps.push(step);
            self.steps.len() - 1
        })
    }

    fn span(&mut self, text: &str) -> i64 {
        match Timespan::parse(text) {
            Ok(span) => nanos(&span),
            Err(_) => {
                self.wrong(format!("{text} is no timespan; write a number and one of s, m, h, d, w, M, y"));
                0
            }
        }
    }
}

fn nanos(span: &Timespan) -> i64 {
    i64::try_from(span.seconds).unwrap_or(i64::MAX / SECOND).saturating_mul(SECOND)
}

fn scenario(
    placed: Placed<Correlation>,
    names: &BTreeMap<CompactString, CompactString>,
    faults: &mut Vec<Fault>,
) -> Option<Scenario> {
    let Placed { file, line, rule: Correlation { rule, mut extension, conditioned } } = placed;
    let main = name(rule.name.as_deref(), rule.id.as_deref(), &rule.title);
    let mut reading =
        Reading { names, file: file.clone(), line, rule: main.clone(), steps: Vec::new(), faults, broken: false };
    list_steps(&rule, &mut extension, &mut reading);
    let shape = shape(&rule, conditioned, &mut reading);
    let sides = sides(&extension, &mut reading);
    let absent = absent(&extension, &sides, &mut reading);
    let cancel = extension
        .cancel
        .iter()
        .map(|r| {
            let s = sides.get(r.as_str()).copied();
            reading.mark(r, s)
        })
        .collect();
    let seen = seen(&extension, &mut reading);
    let apart = apart(&extension, &shape, &mut reading);
    let baseline = baseline(&extension, &shape, nanos(&rule.timespan), &mut reading);
    let keys = keys(&rule, &reading);
    let early = match extension.emit.as_deref() {
        None | Some("final") => false,
        Some("early") => true,
        Some(other) => {
            reading.wrong(format!("emit = {other} is unknown; write final or early"));
            false
        }
    };
    let (tactics, techniques) = attack(&rule.tags);
    let window = match (rule.window, &rule.gap) {
        (WindowMode::Sliding, _) => Window::Sliding,
        (WindowMode::Tumbling, _) => Window::Tumbling,
        (WindowMode::Session, gap) => Window::Session(gap.as_ref().map_or(0, nanos)),
    };
    let built = Scenario {
        name: main,
        title: rule.title.as_str().into(),
        about: rule.description.as_deref().unwrap_or_default().trim().into(),
        level: rule.level.map_or(Severity::Unknown, |l| Severity::read(l.as_str())),
        tactics,
        techniques,
        false_positives: rule.falsepositives.clone(),
        references: rule.references.clone(),
        shape,
        keys,
        span: nanos(&rule.timespan),
        window,
        tenants: extension.tenants.unwrap_or(1),
        absent,
        cancel,
        seen,
        apart,
        baseline,
        early,
        correlate: extension.correlate.unwrap_or(true),
        generate: rule.generate,
        steps: std::mem::take(&mut reading.steps),
        file,
    };
    if reading.broken { None } else { Some(built) }
}

/// The rules that a correlation reads as steps: those of `rules`, else those of its condition; what an ordered condition excludes cancels.
fn list_steps(rule: &CorrelationRule, extension: &mut Extension, reading: &mut Reading<'_>) {
    let expression =
        if let CorrelationCondition::Extended(expression) = &rule.condition { Some(expression) } else { None };
    let mut named = Vec::new();
    expression.iter().for_each(|e| identifiers(e, &mut named));
    if let (Some(expression), CorrelationType::TemporalOrdered) = (expression, rule.correlation_type) {
        match in_conjunction(expression) {
            Some(cancelling) => extension.cancel.extend(cancelling),
            None => reading.wrong("an ordered pattern may only join its rules by `and` and `and not`".into()),
        }
    }
    let listed = if rule.rules.is_empty() { &named } else { &rule.rules };
    for reference in listed.iter().filter(|r| !extension.cancel.contains(r)) {
        let resolved = reading.resolve(reference);
        reading.steps.push(Step { rule: resolved, side: None, role: Role::Match, values: Vec::new() });
    }
    let twice = reading.steps.iter().enumerate().find(|(at, step)| reading.steps[..*at].contains(step));
    if let Some(rule) = twice.map(|(_, step)| step.rule.clone()) {
        reading.wrong(format!("reads {rule} twice; count it with event_count, or write two rules"));
    }
    if listed.is_empty() {
        reading.wrong("has no `rules`; name the rules that it reads".into());
    }
    if expression.is_some() {
        for missing in rule.rules.iter().filter(|r| !named.contains(r)) {
            reading.wrong(format!("reads {missing}, which its condition does not name"));
        }
        for extra in named.iter().filter(|n| !listed.contains(n)) {
            reading.wrong(format!("names {extra} in its condition, which is none of `rules`"));
        }
    }
}

fn shape(rule: &CorrelationRule, conditioned: bool, reading: &mut Reading<'_>) -> Shape {
    let (test, fields, percentile) = match &rule.condition {
        CorrelationCondition::Threshold { predicates, field, percentile } => {
            (predicates.clone(), field.clone().unwrap_or_default(), *percentile)
        }
        CorrelationCondition::Extended(expression) => match rule.correlation_type {
            CorrelationType::Temporal => return Shape::Together(Presence::Condition(expression.clone())),
            CorrelationType::TemporalOrdered => return Shape::Ordered,
            _ => {
                reading.wrong("a condition over rules belongs to the type temporal".into());
                return Shape::Ordered;
            }
        },
    };
    let counts_values = !matches!(
        rule.correlation_type,
        CorrelationType::EventCount | CorrelationType::Temporal | CorrelationType::TemporalOrdered
    );
    if counts_values && fields.is_empty() {
        reading.wrong(format!("{} needs condition.field", rule.correlation_type.as_str()));
    }
    for at in 0..reading.steps.len() {
        let alias = |field: &String| aliased(rule, &reading.steps[at].rule, reading.names, field);
        reading.steps[at].values = fields.iter().map(alias).collect();
    }
    let aggregate = |kind| Shape::Number(kind, test.clone());
    match rule.correlation_type {
        CorrelationType::EventCount => Shape::Count(test),
        CorrelationType::ValueCount => Shape::Values(test),
        CorrelationType::Temporal if conditioned => Shape::Together(Presence::Steps(test)),
        CorrelationType::Temporal => Shape::Together(Presence::All),
        CorrelationType::TemporalOrdered => Shape::Ordered,
        CorrelationType::ValueSum => aggregate(Aggregate::Sum),
        CorrelationType::ValueAvg => aggregate(Aggregate::Mean),
        CorrelationType::ValueMedian => aggregate(Aggregate::Percentile(50)),
        CorrelationType::ValuePercentile => {
            aggregate(Aggregate::Percentile(u8::try_from(percentile.unwrap_or(50)).unwrap_or(100).min(100)))
        }
    }
}

/// Every rule that a condition names, in its order, once.
fn identifiers(expression: &ConditionExpr, out: &mut Vec<String>) {
    match expression {
        ConditionExpr::And(parts) | ConditionExpr::Or(parts) => parts.iter().for_each(|part| identifiers(part, out)),
        ConditionExpr::Not(part) => identifiers(part, out),
        ConditionExpr::Identifier(name) => {
            if !out.contains(name) {
                out.push(name.clone());
            }
        }
        ConditionExpr::Selector { .. } => {}
    }
}

/// The rules that a conjunction excludes; `None` where the condition is more than a conjunction.
fn in_conjunction(expression: &ConditionExpr) -> Option<Vec<String>> {
    match expression {
        ConditionExpr::Identifier(_) => Some(Vec::new()),
        ConditionExpr::Not(part) => match &**part {
            ConditionExpr::Identifier(name) => Some(vec![name.clone()]),
            _ => None,
        },
        ConditionExpr::And(parts) => {
            let each: Option<Vec<_>> = parts.iter().map(in_conjunction).collect();
            each.map(|lists| lists.into_iter().flatten().collect())
        }
        _ => None,
    }
}

/// What a rule calls a field: its alias there, else the same name.
fn aliased(
    rule: &CorrelationRule,
    step: &CompactString,
    names: &BTreeMap<CompactString, CompactString>,
    field: &str,
) -> CompactString {
    let alias = rule.aliases.iter().find(|a| a.alias == field);
    let named = alias.and_then(|a| a.mapping.iter().find(|(reference, _)| names.get(reference.as_str()) == Some(step)));
    named.map_or(field, |(_, name)| name.as_str()).into()
}

fn keys(rule: &CorrelationRule, reading: &Reading<'_>) -> Vec<Vec<Term>> {
    let term = |key: &String, step: &Step| Term::read(&aliased(rule, &step.rule, reading.names, key));
    rule.group_by.iter().map(|key| reading.steps.iter().map(|step| term(key, step)).collect()).collect()
}

fn sides<'x>(extension: &'x Extension, reading: &mut Reading<'_>) -> BTreeMap<&'x str, Side> {
    let mut out = BTreeMap::new();
    for (reference, word) in &extension.sides {
        let Some(side) = side(word) else {
            reading.wrong(format!("sides.{reference} = {word} is no side; write home or resource"));
            continue;
        };
        out.insert(reference.as_str(), side);
        let rule = reading.resolve(reference);
        for step in reading.steps.iter_mut().filter(|s| s.rule == rule) {
            step.side = Some(side);
        }
    }
    out
}

fn absent(extension: &Extension, sides: &BTreeMap<&str, Side>, reading: &mut Reading<'_>) -> Vec<Absence> {
    let mut out = Vec::new();
    for absent in &extension.absent {
        let (before, reference) = match (&absent.after, &absent.before) {
            (Some(step), None) => (false, step),
            (None, Some(step)) => (true, step),
            _ => {
                reading.wrong(format!("absent {}: say either `after` or `before` and a step", absent.rule));
                continue;
            }
        };
        let mark = reading.mark(&absent.rule, sides.get(absent.rule.as_str()).copied());
        let within = reading.span(&absent.within);
        if let Some(from) = reading.step(reference) {
            out.push(Absence { mark, from, before, within });
        }
    }
    out
}

fn seen(extension: &Extension, reading: &mut Reading<'_>) -> Vec<Seen> {
    let mut out = Vec::new();
    for new in &extension.seen {
        let over = reading.span(&new.over);
        let Some(step) = reading.step(&new.rule) else { continue };
        let memory = match &new.memory {
            None => step,
            Some(rule) => reading.mark(rule, reading.steps[step].side),
        };
        let by: Vec<CompactString> = new.by.iter().map(Into::into).collect();
        for at in [step, memory] {
            let values = &mut reading.steps[at].values;
            values.extend(by.iter().filter(|b| !values.contains(b)).cloned().collect::<Vec<_>>());
        }
        out.push(Seen { step, memory, by, over, dormant: new.dormant });
    }
    out
}

fn apart(extension: &Extension, shape: &Shape, reading: &mut Reading<'_>) -> Option<Apart> {
    let said = extension.apart.as_ref()?;
    let steps = reading.steps.iter().filter(|s| s.role == Role::Match).count();
    if *shape != Shape::Together(Presence::All) || steps != 2 {
        reading.wrong("apart: belongs to the type temporal over two rules, without a condition".into());
    }
    if said.faster == 0 {
        reading.wrong("apart: faster = 0; write kilometres an hour, such as 900".into());
    }
    let apart = Apart {
        place: said.place.as_str().into(),
        faster: said.faster,
        beyond: said.beyond,
        change: said.change.iter().map(Into::into).collect(),
    };
    for step in reading.steps.iter_mut().filter(|s| s.role == Role::Match) {
        step.values.push(apart.place.clone());
        step.values.extend(apart.change.iter().cloned());
    }
    Some(apart)
}

fn baseline(extension: &Extension, shape: &Shape, span: i64, reading: &mut Reading<'_>) -> Option<Baseline> {
    let said = extension.baseline.as_ref()?;
    let over = reading.span(&said.over);
    if !matches!(shape, Shape::Count(_)) {
        reading.wrong("baseline: belongs to the type event_count".into());
    }
    if said.factor == 0 {
        reading.wrong("baseline: factor = 0; write how many times the usual is too much, such as 3".into());
    }
    if over < span || over / span.max(1) > STRETCHES_MAX {
        let what = format!("baseline: over = {} is none of 1 to {STRETCHES_MAX} timespans", said.over);
        reading.wrong(what);
    }
    Some(Baseline { over, factor: said.factor })
}

// ------------------------------------------------------------------------------------------------------------- wiring

/// Which fields each base rule's signals must carry for the scenarios that read them, which stand in order.
fn carry(base: &mut [Base], scenarios: &[Scenario]) {
    let mut wanted = BTreeMap::<CompactString, BTreeSet<CompactString>>::new();
    // From the outermost inward: what is asked of a scenario is asked of each rule that it reads.
    for scenario in scenarios.iter().rev() {
        let passed = wanted.get(&scenario.name).cloned().unwrap_or_default();
        for (at, step) in scenario.steps.iter().enumerate() {
            let fields = wanted.entry(step.rule.clone()).or_default();
            fields.extend(passed.iter().cloned());
            fields.extend(step.values.iter().cloned());
            fields.extend(scenario.keys.iter().filter_map(|key| match &key[at] {
                Term::Field(name) => Some(name.clone()),
                _ => None,
            }));
        }
    }
    for rule in base {
        rule.carried = wanted.get(&rule.name).into_iter().flatten().cloned().collect();
        rule.sources = rule.carried.iter().map(|name| Source::of(name)).collect();
    }
}

/// Scenarios in an order in which each stands after those it reads; those in a circle, or that read what is left out, are faults.
fn in_order(scenarios: Vec<Scenario>, base: &[Base], faults: &mut Vec<Fault>) -> Vec<Scenario> {
    let mut known: BTreeSet<CompactString> = base.iter().map(|b| b.name.clone()).collect();
    let (mut out, mut left) = (Vec::with_capacity(scenarios.len()), scenarios);
    loop {
        let before = out.len();
        let (ready, rest): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|s| s.shape == Shape::Single || s.steps.iter().all(|step| known.contains(&step.rule)));
        known.extend(ready.iter().map(|s| s.name.clone()));
        out.extend(ready);
        left = rest;
        if out.len() == before {
            break;
        }
    }
    for scenario in left {
        let missing: Vec<_> = scenario.steps.iter().map(|s| &s.rule).filter(|r| !known.contains(*r)).collect();
        let list = missing.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", ");
        let what = format!("reads {list}, which is left out or reads this rule in turn");
        faults.push(Fault { file: scenario.file, line: 0, rule: Some(scenario.name), what, fatal: true });
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::{RuleFile, RuleSet};

    /// A correlation with marked keys, and a word of what is wrong with it; nothing where it stands.
    const CASES: &[(&str, &str, &str)] = &[
        ("type: temporal, rules: [a, b]", "apart: {place: p, faster: 900}", ""),
        ("type: temporal, rules: [a, b]", "apart: {place: p, faster: 900, beyond: 100, change: [n]}", ""),
        ("type: temporal, rules: [a, b]", "apart: {place: p, faster: 0}", "faster = 0"),
        ("type: temporal, rules: [a, b]", "apart: {place: p}", "faster"),
        ("type: temporal, rules: [a, b]", "apart: {place: p, faster: 900, slower: 3}", "slower"),
        ("type: temporal, rules: [a, b, c]", "apart: {place: p, faster: 900}", "over two rules"),
        ("type: temporal, rules: [a, b], condition: a or b", "apart: {place: p, faster: 900}", "over two rules"),
        ("type: temporal_ordered, rules: [a, b]", "apart: {place: p, faster: 900}", "over two rules"),
        ("type: event_count, rules: [a], condition: {gte: 5}", "baseline: {over: 30d, factor: 3}", ""),
        ("type: event_count, rules: [a], condition: {gte: 5}", "baseline: {over: 30d, factor: 0}", "factor = 0"),
        ("type: event_count, rules: [a], condition: {gte: 5}", "baseline: {over: 1h, factor: 3}", "none of 1 to 400"),
        ("type: event_count, rules: [a], condition: {gte: 5}", "baseline: {over: 2y, factor: 3}", "none of 1 to 400"),
        ("type: event_count, rules: [a], condition: {gte: 5}", "baseline: {over: soon, factor: 3}", "timespan"),
        ("type: temporal, rules: [a, b]", "baseline: {over: 30d, factor: 3}", "event_count"),
        ("type: temporal, rules: [a, b]", "sides: {a: there}", "no side"),
        ("type: temporal, rules: [a, b]", "emit: soon", "final or early"),
        ("type: temporal, rules: [a, b]", "unheard: 1", "unheard"),
        ("type: value_count, rules: [a], condition: {field: caponier.tenant, gte: 2}", "emit: final", ""),
        ("type: value_count, rules: [a], condition: {field: caponier.tennant, gte: 2}", "emit: final", "tenant may be"),
        ("type: value_count, rules: [a], condition: {field: caponier.person, gte: 2}", "emit: final", "once accounts"),
        ("type: temporal, rules: [a, b]", "seen: [{rule: a, by: [caponier.adress], over: 7d}]", "caponier.address"),
        ("type: temporal, rules: [a, b]", "apart: {place: caponier.plaze, faster: 900}", "caponier.place"),
    ];

    #[test]
    fn marked_keys_stand_or_say_what_is_wrong() {
        for (correlation, marked, wrong) in CASES {
            let mut text = String::new();
            for rule in ["a", "b", "c"] {
                text += &format!(
                    "title: {rule}\nname: {rule}\nlogsource: {{product: azure, service: signinlogs}}\ndetection: {{s: {{R: '{rule}'}}, condition: s}}\n---\n"
                );
            }
            text += &format!(
                "title: X\nname: x\ncorrelation: {{{correlation}, group-by: [caponier.person], timespan: 24h}}\ncaponier: {{{marked}}}\n"
            );
            let (set, faults) = RuleSet::read(&[RuleFile { name: "t.yml".into(), text }]);
            let fatal: Vec<_> = faults.iter().filter(|f| f.fatal).map(|f| f.what.as_str()).collect();
            if wrong.is_empty() {
                assert!(fatal.is_empty() && set.scenario("x").is_some(), "{correlation} {marked}: {fatal:?}");
            } else {
                assert!(fatal.iter().any(|what| what.contains(wrong)), "{correlation} {marked}: {fatal:?}");
            }
        }
    }
}
