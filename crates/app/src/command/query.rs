//! `caponier query`: questions in SQL over what captures tell of accounts, links, persons and incidents.

use super::replay::{inputs, not_after};
use super::{print, tell};
use crate::cli::{AnswerFormat, Query};
use crate::config::Config;
use crate::decisions;
use crate::failure::{Exit, Failure, failed};
use crate::intake::intake;
use crate::journal::{Identities, join};
use crate::progress;
use crate::sheet::{Field, csv_line, table};
use crate::summary::grouped;
use anstyle::Style;
use caponier_identity::Index;
use caponier_ledger as ledger;
use caponier_model::{IdentityChange, Persons};
use caponier_query::{Answered, AskError, Asking, Cell, Hunt, Known, Sink, described_tables, functions};
use caponier_transport::Input;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BOLD: Style = Style::new().bold();

/// Rows of a table for eyes, unless more are asked for.
const TABLE_ROWS: usize = 1000;

/// Answers one question.
pub fn run(args: &Query, config: Option<&Path>) -> Result<Exit, Failure> {
    if args.tables {
        return print(&listing()?);
    }
    let sql = question(args.sql.as_deref().unwrap_or_default())?;
    let mut config = Config::load(config)?;
    // A slip of the pen is found before the captures are read.
    let empty = Asking::new(Known::default(), Arc::new(Index::default()), args.memory).map_err(fault)?;
    let empty = if args.incidents.is_some() { empty.with_incidents(&b""[..]).map_err(fault)? } else { empty };
    empty.check(&sql).map_err(fault)?;
    decisions::heed(&args.decided, &mut config)?;
    let asking = asking(args, &config)?;
    let rows = args.limit.unwrap_or(if args.format == AnswerFormat::Table { TABLE_ROWS } else { usize::MAX });
    let answered = match &args.out {
        Some(path) => {
            let mut answered = Err(AskError::Output(io::Error::other("nothing was asked")));
            let publish = ledger::publish(path, |out| {
                answered = write(args.format, None, out, |sink| asking.ask(&sql, rows, sink));
                answered.as_ref().map(drop).map_err(|e| io::Error::other(e.to_string()))
            });
            let answered = answered.map_err(fault)?;
            publish.map_err(|e| Failure::Failed(e.to_string()))?;
            answered
        }
        None => {
            let width =
                io::stdout().is_terminal().then(|| comfy_table::Table::new().width().map(usize::from)).flatten();
            let mut out = io::BufWriter::new(io::stdout().lock());
            let answered = write(args.format, width, &mut out, |sink| asking.ask(&sql, rows, sink));
            match answered {
                Err(AskError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
                other => other.map_err(fault)?,
            }
        }
    };
    if answered.cut {
        let more = if args.limit.is_none() { "; --limit N shows more, --format csv or ndjson all" } else { "" };
        tell(&format!("only the first {} rows are shown{more}\n", grouped(answered.rows as u64)));
    }
    Ok(Exit::Done)
}

/// SQL as it stands, or the question that `@name` names.
fn question(said: &str) -> Result<String, Failure> {
    let Some(name) = said.strip_prefix('@') else { return Ok(said.to_owned()) };
    Hunt::named(name).map(|h| h.text.to_owned()).ok_or_else(|| {
        let known: Vec<_> = Hunt::ALL.iter().map(|h| format!("@{}", h.name)).collect();
        Failure::Usage(format!("no question is called {said}; there are {}", known.join(", ")))
    })
}

/// A session over what the captures tell, with the incidents beside it.
fn asking(args: &Query, config: &Config) -> Result<Asking, Failure> {
    let (mut known, mut index) = (Known::default(), Index::default());
    if args.captures.is_empty() {
        tell("without --captures only the tables incidents and findings have rows\n");
    } else {
        let (inputs, _, _) = inputs(&args.captures)?;
        keep_inputs(args, &inputs)?;
        let bar = progress::bytes(inputs.iter().map(|i| i.bytes).sum(), "reading");
        let mut taken = intake(config, &inputs, not_after(config), &bar)?;
        bar.finish_and_clear();
        let refused = taken.summary.total.dead_letter;
        if refused > 0 {
            let refused = grouped(refused);
            tell(&format!("{refused} records were refused; caponier replay --dead-letter FILE says which and why\n"));
        }
        let step = progress::step("joining");
        let Identities { tenants, facts, testimony, links, refusals } = join(config, &mut taken)?;
        facts.iter().for_each(|f| drop(index.apply(IdentityChange::Account(f.clone()))));
        links.iter().for_each(|l| drop(index.apply(IdentityChange::Link(l.clone()))));
        known = Known { tenants, facts, testimony, links, refusals, rows: taken.rows };
        step.finish_and_clear();
    }
    let asking = Asking::new(known, Arc::new(index), args.memory).map_err(fault)?;
    let Some(path) = &args.incidents else { return Ok(asking) };
    keep_inputs(args, &[])?;
    let file = std::fs::File::open(path).map_err(|e| {
        Failure::Usage(format!("cannot read {}: {e}; write it with: caponier replay PATH --out FILE", path.display()))
    })?;
    asking.with_incidents(io::BufReader::new(file)).map_err(|e| failed(&path.display().to_string(), e))
}

/// No output takes the place of an input.
fn keep_inputs(args: &Query, inputs: &[Input]) -> Result<(), Failure> {
    let real = |path: &PathBuf| path.canonicalize().ok();
    let Some(out) = args.out.as_ref().and_then(real) else { return Ok(()) };
    if inputs.iter().any(|i| i.path == out) || args.incidents.as_ref().and_then(real).is_some_and(|i| i == out) {
        return Err(Failure::Usage(format!("--out {} is also an input, which would be lost", out.display())));
    }
    Ok(())
}

fn fault(error: AskError) -> Failure {
    match error {
        AskError::Question(text) => Failure::Usage(text),
        AskError::Memory { .. } => Failure::Failed(format!("{error} with --memory MIB")),
        other => Failure::Failed(other.to_string()),
    }
}

/// Tables, columns, functions and questions, with a line on each.
fn listing() -> Result<String, Failure> {
    let mut out = String::new();
    for described in described_tables().map_err(fault)? {
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}  one row per {}", described.name, described.about);
        for (name, kind, meaning) in described.columns {
            let _ = writeln!(out, "  {name:<20} {kind:<14} {meaning}");
        }
        out.push('\n');
    }
    for described in functions() {
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}\n  {}", described.name, described.about);
    }
    let _ = writeln!(out, "\nQuestions that come with the program:");
    for hunt in &Hunt::ALL {
        let _ = writeln!(out, "  {BOLD}@{}{BOLD:#}  {}", hunt.name, hunt.about());
    }
    Ok(out)
}

/// Runs `ask` with the sink of the format, and writes what can only be written at the end.
fn write(
    format: AnswerFormat,
    width: Option<usize>,
    out: &mut dyn Write,
    ask: impl FnOnce(&mut dyn Sink) -> Result<Answered, AskError>,
) -> Result<Answered, AskError> {
    let answered;
    match format {
        AnswerFormat::Table => {
            let mut sink = Sheet::default();
            answered = ask(&mut sink)?;
            let text = table(&sink.headings, &sink.rows, &sink.right, width);
            writeln!(out, "{text}").map_err(AskError::Output)?;
        }
        AnswerFormat::Csv => answered = ask(&mut Csv(out))?,
        AnswerFormat::Ndjson => answered = ask(&mut Json { out, names: Vec::new(), rows: None })?,
        AnswerFormat::Json => {
            let mut sink = Json { out, names: Vec::new(), rows: Some(0) };
            answered = ask(&mut sink)?;
            sink.out.write_all(if answered.rows == 0 { b"[]\n" } else { b"\n]\n" }).map_err(AskError::Output)?;
        }
    }
    out.flush().map_err(AskError::Output)?;
    Ok(answered)
}

/// Rows for eyes, kept until all widths are known.
#[derive(Default)]
struct Sheet {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
    /// What EXPLAIN says, several lines a cell.
    plan: bool,
}

impl Sink for Sheet {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.headings = names.to_vec();
        self.right = vec![false; names.len()];
        self.plan = names == ["plan_type", "plan"];
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (right, cell) in self.right.iter_mut().zip(cells) {
            *right |= matches!(cell, Cell::Whole(_) | Cell::Large(_) | Cell::Number(_));
        }
        let shown = |c: &Cell<'_>| if *c == Cell::Null { "-".to_owned() } else { text(c, ", ") };
        match cells {
            [Cell::Text(kind), Cell::Text(plan)] if self.plan => {
                let kinds = std::iter::once(kind.to_string()).chain(std::iter::repeat(String::new()));
                self.rows.extend(plan.lines().zip(kinds).map(|(line, kind)| vec![kind, line.to_owned()]));
            }
            _ => self.rows.push(cells.iter().map(shown).collect()),
        }
        Ok(())
    }
}

struct Csv<'a>(&'a mut dyn Write);

impl Sink for Csv<'_> {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        csv_line(self.0, names.iter().map(|n| Field::Text(n)))
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let texts: Vec<_> = cells.iter().map(|c| text(c, "; ")).collect();
        let fields = cells.iter().zip(&texts).map(|(cell, text)| match cell {
            Cell::Text(_) | Cell::List(_) | Cell::Record(_) => Field::Text(text),
            _ => Field::Plain(text),
        });
        csv_line(self.0, fields)
    }
}

/// One object a row; as an array where rows are counted.
struct Json<'a> {
    out: &'a mut dyn Write,
    names: Vec<String>,
    rows: Option<usize>,
}

impl Sink for Json<'_> {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.names = names.to_vec();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if let Some(rows) = &mut self.rows {
            self.out.write_all(if *rows == 0 { b"[\n" } else { b",\n" })?;
            *rows += 1;
        }
        serde_json::to_writer(&mut self.out, &Row(&self.names, cells))?;
        if self.rows.is_none() { self.out.write_all(b"\n") } else { Ok(()) }
    }
}

/// A row as an object, its keys in the order of the columns.
struct Row<'a>(&'a [String], &'a [Cell<'a>]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.1.len()))?;
        for (name, cell) in self.0.iter().zip(self.1) {
            map.serialize_entry(name, &Value(cell))?;
        }
        map.end()
    }
}

struct Value<'a>(&'a Cell<'a>);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cell::Null => serializer.serialize_none(),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Whole(n) => serializer.serialize_i64(*n),
            Cell::Large(n) => serializer.serialize_u64(*n),
            Cell::Number(n) => serializer.serialize_f64(*n),
            Cell::Flag(flag) => serializer.serialize_bool(*flag),
            Cell::Time(time) => serializer.collect_str(time),
            Cell::List(all) => {
                let mut list = serializer.serialize_seq(Some(all.len()))?;
                all.iter().try_for_each(|c| list.serialize_element(&Value(c)))?;
                list.end()
            }
            Cell::Record(all) => {
                let mut map = serializer.serialize_map(Some(all.len()))?;
                all.iter().try_for_each(|(name, c)| map.serialize_entry(name.as_ref(), &Value(c)))?;
                map.end()
            }
        }
    }
}

/// A cell as text; the values of a list stand between `separator`.
fn text(cell: &Cell<'_>, separator: &str) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.clone().into_owned(),
        Cell::Whole(n) => n.to_string(),
        Cell::Large(n) => n.to_string(),
        Cell::Number(n) => n.to_string(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Time(time) => time.to_string(),
        Cell::List(all) => all.iter().map(|c| text(c, separator)).collect::<Vec<_>>().join(separator),
        Cell::Record(_) => serde_json::to_string(&Value(cell)).unwrap_or_default(),
    }
}
