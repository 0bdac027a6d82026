//! Rule files: Sigma documents read by rsigma's parser, our marked keys read beside them, every fault with its line.

use crate::fault::Fault;
use crate::scenario::Extension;
use crate::{derived, field, logsource, strict};
use compact_str::{CompactString, format_compact};
use rsigma_parser::{
    ConditionExpr, CorrelationCondition, CorrelationRule, Detections, FilterRule, SigmaCollection, SigmaRule,
};
use std::collections::BTreeMap;

/// The key under which a document says what Sigma cannot.
const MARK: &str = "caponier";

/// A rule file's text and name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleFile {
    /// Its name, for the reader.
    pub name: CompactString,
    /// Its text.
    pub text: String,
}

/// A document with its file and line.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub file: CompactString,
    pub line: u32,
    pub rule: T,
}

/// A correlation document.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub rule: CorrelationRule,
    pub extension: Extension,
    /// It says a condition of its own, rather than rsigma's default.
    pub conditioned: bool,
}

/// Everything that files say, before it is put together.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub base: Vec<Placed<SigmaRule>>,
    pub correlations: Vec<Placed<Correlation>>,
    pub filters: Vec<Placed<FilterRule>>,
}

/// The name by which other documents refer to a rule.
pub(crate) fn name(name: Option<&str>, id: Option<&str>, title: &str) -> CompactString {
    name.or(id).unwrap_or(title).into()
}

/// Reads files in the order of their names.
pub(crate) fn read(files: &[RuleFile], faults: &mut Vec<Fault>) -> Documents {
    let mut out = Documents::default();
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for file in sorted {
        match rsigma_parser::parse_sigma_yaml(&file.text) {
            Ok(collection) => take(file, collection, &mut out, faults),
            Err(error) => faults.push(fault(file, 1, None, format!("is no Sigma file: {}", lower(&error.to_string())))),
        }
    }
    out
}

fn take(file: &RuleFile, collection: SigmaCollection, out: &mut Documents, faults: &mut Vec<Fault>) {
    for error in collection.errors {
        let line = line_in(&error).or_else(|| line_saying(&file.text, &error)).unwrap_or(1);
        faults.push(fault(file, line, None, lower(&error) + way(&error)));
    }
    for filter in collection.filters {
        let line = line_of(&file.text, "title", &filter.title);
        let written = strict::filter(&file.text, &filter.title);
        let mut wrong = written.as_ref().map(strict::filter_faults).unwrap_or_default();
        let named = |name: &String| filter.detection.named.contains_key(name);
        let unnamed = filter.detection.conditions.iter().flat_map(identifiers).find(|name| !named(name));
        wrong.extend(unnamed.map(|name| format!("names {name} in its condition, and has no such selection")));
        if wrong.is_empty() {
            out.filters.push(Placed { file: file.name.clone(), line, rule: filter });
        } else {
            faults.extend(wrong.into_iter().map(|what| fault(file, line, Some(&filter.title), what)));
        }
    }
    for rule in collection.rules {
        let line = line_of(&file.text, "title", &rule.title);
        if logsource::formats(&rule.logsource).is_none() {
            let source = [&rule.logsource.product, &rule.logsource.service, &rule.logsource.category];
            let said: Vec<_> = source.into_iter().flatten().map(String::as_str).collect();
            let what = format!(
                "no table that we read is the log source {}; `rules list --sources` names those that are",
                said.join("/")
            );
            faults.push(Fault { fatal: false, ..fault(file, line, Some(&rule.title), what) });
        }
        out.base.push(Placed { file: file.name.clone(), line, rule });
    }
    let written = strict::correlations(&file.text);
    for (at, rule) in collection.correlations.into_iter().enumerate() {
        let raw = written.get(at).filter(|_| written.len() > at);
        let line = line_of(&file.text, "title", &rule.title);
        let extension = match rule.custom_attributes.get(MARK) {
            None => Extension::default(),
            Some(value) => yaml_serde::from_value(value.clone()).unwrap_or_else(|error| {
                let line = line_after(&file.text, line, "caponier:");
                faults.push(fault(file, line, Some(&rule.title), lower(&error.to_string())));
                Extension::default()
            }),
        };
        for what in raw.map(strict::faults).unwrap_or_default() {
            faults.push(fault(file, line, Some(&rule.title), what));
        }
        let conditioned = raw.is_none_or(strict::has_condition);
        out.correlations.push(Placed {
            file: file.name.clone(),
            line,
            rule: Correlation { rule, extension, conditioned },
        });
    }
}

/// Faults in the field names of base rules and filters: a name that begins like ours and is none of ours.
pub(crate) fn unknown_fields(documents: &Documents, faults: &mut Vec<Fault>) {
    let mut look = |file: &CompactString, line: u32, rule: CompactString, detections: &Detections| {
        for named in fields_of(detections) {
            let ours = named.starts_with("caponier.") && !named.starts_with(field::MODIFIED);
            if ours && !field::is_known(&named) {
                let what = format!("there is no field {named}; {}", nearest(&named));
                faults.push(Fault { file: file.clone(), line, rule: Some(rule.clone()), what, fatal: true });
            }
        }
    };
    for Placed { file, line, rule } in &documents.base {
        look(file, *line, name(rule.name.as_deref(), rule.id.as_deref(), &rule.title), &rule.detection);
    }
    for Placed { file, line, rule } in &documents.filters {
        look(file, *line, rule.title.as_str().into(), &rule.detection);
    }
    for Placed { file, line, rule } in &documents.correlations {
        let title = name(rule.rule.name.as_deref(), rule.rule.id.as_deref(), &rule.rule.title);
        for what in unknown_in(rule) {
            faults.push(Fault { file: file.clone(), line: *line, rule: Some(title.clone()), what, fatal: true });
        }
    }
}

/// Of a correlation, the names that begin like ours and are none of ours: what it groups by, counts, remembers and compares.
fn unknown_in(Correlation { rule, extension, .. }: &Correlation) -> Vec<String> {
    let is_alias = |name: &str| rule.aliases.iter().any(|alias| alias.alias == name);
    let bound = |name: &str| field::BOUND.iter().any(|(bound, _)| *bound == name);
    let wrong = |name: &str, may_be_bound: bool| {
        let ours = name.starts_with("caponier.") && !name.starts_with(field::MODIFIED) && !is_alias(name);
        ours && !field::is_known(name) && !(may_be_bound && bound(name))
    };
    let mapped = rule.aliases.iter().flat_map(|alias| alias.mapping.values());
    let grouped = rule.group_by.iter().chain(mapped).filter(|name| wrong(name, true));
    let counted = match &rule.condition {
        CorrelationCondition::Threshold { field, .. } => field.as_deref().unwrap_or_default(),
        CorrelationCondition::Extended(_) => &[],
    };
    let remembered = extension.seen.iter().flat_map(|seen| &seen.by);
    let compared = extension.apart.iter().flat_map(|apart| std::iter::once(&apart.place).chain(&apart.change));
    let read = counted.iter().chain(remembered).chain(compared).filter(|name| wrong(name, false));
    let mut all: Vec<_> = grouped
        .map(|name| format!("there is no field {name} to group by; {}", nearest(name)))
        .chain(read.map(|name| format!("there is no field {name}; {}", nearest(name))))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Every selection that a condition names.
fn identifiers(condition: &ConditionExpr) -> Vec<String> {
    match condition {
        ConditionExpr::And(parts) | ConditionExpr::Or(parts) => parts.iter().flat_map(identifiers).collect(),
        ConditionExpr::Not(part) => identifiers(part),
        ConditionExpr::Identifier(name) => vec![name.clone()],
        ConditionExpr::Selector { .. } => Vec::new(),
    }
}

fn nearest(name: &str) -> String {
    if field::BOUND.iter().any(|(bound, _)| *bound == name) {
        return "it is known only once accounts are bound: group a correlation by it instead".into();
    }
    let shared = |other: &str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let all = field::FIELDS.iter().map(|f| f.name).chain(derived::DERIVED.iter().map(|f| f.name));
    let all = all.chain(field::BOUND.iter().map(|(bound, _)| *bound));
    let near = all.max_by_key(|other| (shared(other), std::cmp::Reverse(other.len())));
    near.map_or_else(String::new, |near| format!("{near} may be meant"))
}

/// Every field that detections ask for, sorted, once.
pub(crate) fn fields_of(detections: &Detections) -> Vec<String> {
    let mut out = Vec::new();
    for detection in detections.named.values() {
        collect(detection, &mut out);
    }
    out.sort();
    out.dedup();
    out
}

fn collect(detection: &rsigma_parser::Detection, out: &mut Vec<String>) {
    use rsigma_parser::Detection;
    match detection {
        Detection::AllOf(items) => out.extend(items.iter().filter_map(|item| item.field.name.clone())),
        Detection::AnyOf(inner) | Detection::And(inner) => inner.iter().for_each(|d| collect(d, out)),
        Detection::Keywords(_) => {}
        Detection::ArrayMatch { field, .. } => out.push(field.clone()),
        Detection::Conditional { named, .. } => {
            let sorted: BTreeMap<_, _> = named.iter().collect();
            sorted.values().for_each(|d| collect(d, out));
        }
    }
}

pub(crate) fn fault(file: &RuleFile, line: u32, rule: Option<&str>, what: String) -> Fault {
    Fault { file: file.name.clone(), line, rule: rule.map(Into::into), what, fatal: true }
}

fn lower(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// `… at line 3 column 5`.
fn line_in(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("line ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The first line with the word that a message ends in or quotes: rsigma tells the word and not where it stands.
fn line_saying(text: &str, message: &str) -> Option<u32> {
    let quoted = message.split('\'').nth(1);
    let last = message.rsplit_once(": ").map(|(_, word)| word.trim());
    let word = quoted.or(last).filter(|word| !word.is_empty() && !word.contains(char::is_whitespace))?;
    let stands = |line: &str| line.split(|c: char| c.is_whitespace() || "'\"[]{},:".contains(c)).any(|w| w == word);
    text.lines().position(stands).map(|at| at as u32 + 1)
}

/// How to mend what rsigma only names.
fn way(message: &str) -> &'static str {
    if message.contains("correlation type") {
        "; there are event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_median, value_percentile"
    } else if message.contains("timespan") {
        "; write a number and one of s, m, h, d, w, M, y, such as 24h"
    } else {
        ""
    }
}

/// The first line that says `key: value`; 1 where none does.
fn line_of(text: &str, key: &str, value: &str) -> u32 {
    let wanted = format_compact!("{key}:");
    let at = text.lines().position(|line| {
        line.trim_start()
            .strip_prefix(wanted.as_str())
            .is_some_and(|rest| rest.trim().trim_matches(['\'', '"']) == value)
    });
    at.map_or(1, |at| at as u32 + 1)
}

fn line_after(text: &str, line: u32, start: &str) -> u32 {
    let at = text.lines().skip(line as usize).position(|l| l.starts_with(start));
    at.map_or(line, |at| line + at as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleSet;

    const BASE: &str = "title: a\nname: a\nlogsource: {product: caponier, service: signin}\ndetection: {s: {caponier.side: home}, condition: s}\n---\ntitle: X\nname: x\n";

    /// What a correlation says after the base rule and its own name, the line of the fault, and words of it.
    const CASES: &[(&str, u32, &str)] = &[
        ("correlation:\n  type: temporal_orderd\n  rules: [a]\n  timespan: 5m\n", 9, "there are event_count"),
        ("correlation:\n  type: temporal\n  rules: [a]\n  timespan: 5q\n", 11, "write a number and one of"),
        (
            "correlation: {type: temporal, rules: [a], group-by: [caponier.persn], timespan: 5m}\n",
            6,
            "caponier.person may be meant",
        ),
        (
            "correlation: {type: temporal, rules: [a], group-by: [who], aliases: {who: {a: caponier.target.persn}}, timespan: 5m}\n",
            6,
            "caponier.target.person may be meant",
        ),
    ];

    #[test]
    fn a_slip_of_the_pen_is_told_with_its_line_and_what_was_meant() {
        for (correlation, line, said) in CASES {
            let text = format!("{BASE}{correlation}");
            let (_, faults) = RuleSet::read(&[RuleFile { name: "t.yml".into(), text }]);
            let told = |f: &Fault| f.fatal && f.line == *line && f.what.contains(said);
            assert!(faults.iter().any(told), "{correlation}: {faults:?}");
        }
        for stands in
            ["[caponier.person]", "[caponier.modified.Any.Thing]", "[appId]", "[caponier.place, caponier.pair]"]
        {
            let text = format!(
                "{BASE}correlation: {{type: event_count, rules: [a], group-by: {stands}, timespan: 5m, condition: {{gte: 2}}}}\n"
            );
            let (_, faults) = RuleSet::read(&[RuleFile { name: "t.yml".into(), text }]);
            assert!(faults.iter().all(|f| !f.fatal), "{stands}: {faults:?}");
        }
    }
}
