//! What is wrong with a question, said so that its writer can mend it: where in the text, what was meant, what there is.

use super::function::Asked;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Column, SchemaError, Span};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use std::fmt::Write as _;
use std::io;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The question is at fault: the text says where and what to write instead.
    #[error("{0}")]
    Question(String),
    /// It needs more memory than it was given.
    #[error(
        "the question needs more than the {mebibytes} MiB it may use ({what}); select fewer columns, filter earlier, or allow more"
    )]
    Memory {
        /// The limit.
        mebibytes: usize,
        /// Which step asked for more.
        what: String,
    },
    /// The file of incidents is not one.
    #[error("cannot read the incidents: {0}")]
    Incidents(String),
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
    /// The engine failed.
    #[error("the query engine failed: {0}")]
    Engine(String),
    /// The thread or runtime that queries run in cannot be started.
    #[error("cannot start the query engine: {0}")]
    Start(#[from] io::Error),
}

/// What a session can be asked about, for hints.
pub(super) struct Vocabulary<'a> {
    pub(super) sql: &'a str,
    pub(super) tables: Vec<&'static str>,
    /// Tables that would need a file which was not given.
    pub(super) missing: &'a [&'static str],
    pub(super) mebibytes: usize,
}

impl Vocabulary<'_> {
    /// The fault behind what DataFusion says.
    pub(super) fn fault(&self, error: &DataFusionError) -> AskError {
        let spot = error.diagnostic().and_then(|d| d.span);
        let said = error.diagnostic().map(|d| d.message.as_str()).unwrap_or_default();
        match error.find_root() {
            DataFusionError::SQL(error, _) => self.syntax(error),
            DataFusionError::SchemaError(error, _) => self.names(error, spot),
            DataFusionError::ResourcesExhausted(what) => {
                let what = what.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
                AskError::Memory { mebibytes: self.mebibytes, what }
            }
            DataFusionError::Internal(what) => AskError::Engine(first_line(what)),
            DataFusionError::IoError(error) => AskError::Engine(error.to_string()),
            root => {
                let text = root.strip_backtrace();
                if let Some(name) =
                    between(said, "table '", "' not found").or_else(|| between(&text, "table '", "' not found"))
                {
                    return self.table(name.rsplit('.').next().unwrap_or(name), spot);
                }
                if let Some(name) = between(said, "Invalid function '", "'") {
                    return self.function(name, &text, spot);
                }
                self.other(&text, spot)
            }
        }
    }

    fn syntax(&self, error: &ParserError) -> AskError {
        let text = match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
            ParserError::RecursionLimitExceeded => "it is nested too deeply",
        };
        let (text, place) = match text.rsplit_once(" at Line: ") {
            Some((text, place)) => (text, place.split_once(", Column: ")),
            None => (text, None),
        };
        let place = place.and_then(|(line, column)| Some((line.trim().parse().ok()?, column.trim().parse().ok()?)));
        let text = text.replace("Expected: ", "expected ").replace("found: ", "found ");
        AskError::Question(self.shown(&format!("this is no SQL: {text}"), place.map(|(l, c)| (l, c, 1))))
    }

    fn names(&self, error: &SchemaError, spot: Option<Span>) -> AskError {
        let SchemaError::FieldNotFound { field, valid_fields } = error else {
            return self.other(&error.to_string(), spot);
        };
        let known: Vec<&str> = valid_fields.iter().map(|c| c.name.as_str()).collect();
        let spot = spot.or_else(|| field.spans().first());
        let mut text = format!("no column {:?}", plain(field));
        hint(&mut text, &field.name, &known);
        if let Some(first) = valid_fields.first() {
            // Of one table the names alone say enough.
            let one = valid_fields.iter().all(|f| f.relation == first.relation);
            let all: Vec<_> = valid_fields.iter().map(|f| if one { f.name.clone() } else { plain(f) }).collect();
            let _ = write!(text, "columns here are {}", all.join(", "));
        }
        AskError::Question(self.shown(&text, spot.map(place)))
    }

    fn table(&self, name: &str, spot: Option<Span>) -> AskError {
        if self.missing.contains(&name) {
            let text =
                format!("the table {name} needs the file that replay --out wrote: give it with --incidents FILE");
            return AskError::Question(self.shown(&text, spot.map(place)));
        }
        let mut text = format!("no table {name:?}");
        hint(&mut text, name, &self.tables);
        let _ = write!(text, "tables are {}", self.tables.join(", "));
        AskError::Question(self.shown(&text, spot.map(place)))
    }

    fn function(&self, name: &str, said: &str, spot: Option<Span>) -> AskError {
        let ours: Vec<&str> = Asked::ALL.iter().map(|a| a.name()).collect();
        let near = near(name, &ours).or_else(|| between(said, "Did you mean '", "'"));
        let mut text = format!("no function {name:?}");
        hint(&mut text, near.unwrap_or_default(), &[near.unwrap_or_default()]);
        let _ = write!(text, "beside SQL's own functions there are {}", ours.join(", "));
        AskError::Question(self.shown(&text, spot.map(place)))
    }

    fn other(&self, text: &str, spot: Option<Span>) -> AskError {
        let mut text = text;
        for prefix in
            ["Error during planning: ", "Execution error: ", "Arrow error: ", "This feature is not implemented: "]
        {
            text = text.strip_prefix(prefix).unwrap_or(text);
        }
        // A function that says itself how it is called needs no list of candidates.
        let own = between(text, "coercion failed with: Error during planning: ", ". No function matches");
        let text = own.unwrap_or(text);
        let refused = ["DDL not supported", "DML not supported", "Statement not supported"];
        if refused.iter().any(|r| text.starts_with(r)) {
            let what = text.rsplit(": ").next().unwrap_or_default();
            let text = format!(
                "only questions are answered (SELECT, WITH, VALUES, EXPLAIN, SHOW, DESCRIBE), not {what}: nothing can be changed here"
            );
            return AskError::Question(self.shown(&text, spot.map(place)));
        }
        AskError::Question(self.shown(&lower_first(text.trim_end_matches('.')), spot.map(place)))
    }

    /// The message, and under it the line of the question with a mark (line and column from 1, width in characters).
    fn shown(&self, message: &str, place: Option<(usize, usize, usize)>) -> String {
        let Some((number, column, width)) = place else { return message.to_owned() };
        let Some(line) = number.checked_sub(1).and_then(|n| self.sql.lines().nth(n)) else { return message.to_owned() };
        let column = column.saturating_sub(1);
        // A long line is shown around the mark.
        let first = column.saturating_sub(60);
        let shown: String = line.chars().skip(first).take(120).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let (pad, mark) = (" ".repeat(column - first), "^".repeat(width.clamp(1, 120)));
        format!("line {number}, column {}: {message}\n  {shown}\n  {pad}{mark}", column + 1)
    }
}

fn place(span: Span) -> (usize, usize, usize) {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let width = if span.start.line == span.end.line { span.end.column.saturating_sub(span.start.column) } else { 1 };
    (number(span.start.line), number(span.start.column), number(width))
}

fn plain(column: &Column) -> String {
    column.relation.as_ref().map_or_else(|| column.name.clone(), |r| format!("{}.{}", r.table(), column.name))
}

/// The nearest of `known`, where it is near at all: at most a third of the letters differ.
fn near<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let folded = name.to_lowercase();
    let nearest = known.iter().map(|k| (levenshtein(&folded, k), *k)).min()?;
    (nearest.0 * 3 <= folded.chars().count().max(3)).then_some(nearest.1)
}

/// What was meant, where something is near, and room for what there is.
fn hint(text: &mut String, name: &str, known: &[&str]) {
    let _ = match near(name, known).filter(|n| !n.is_empty()) {
        Some(near) => write!(text, ": did you mean {near}? "),
        None => write!(text, "; "),
    };
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let rest = &text[text.find(before)? + before.len()..];
    rest.find(after).map(|end| &rest[..end])
}

/// `Cast error` becomes `cast error`; `LIMIT` stays.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
