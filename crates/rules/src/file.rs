//! Rule files: Sigma documents read by rsigma's parser, our marked keys read beside them, every fault with its line.

use crate::fault::Fault;
use crate::scenario::Extension;
use crate::{field, logsource, strict};
use compact_str::{CompactString, format_compact};
use rsigma_parser::{ConditionExpr, CorrelationRule, Detections, FilterRule, SigmaCollection, SigmaRule};
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
        let line = line_in(&error).unwrap_or(1);
        faults.push(fault(file, line, None, lower(&error)));
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
    let near = field::FIELDS.iter().max_by_key(|f| (shared(f.name), std::cmp::Reverse(f.name.len())));
    near.map_or_else(String::new, |f| format!("{} may be meant", f.name))
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
