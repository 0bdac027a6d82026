//! Questions of people, in SQL, over what identity knows: tables with friendly columns, the index as functions, answers cell by
//! cell. Nothing can be changed and no file named in SQL is read. Apart from the identity join: docs/adr/0007.

mod answer;
mod fault;
mod function;
mod hunt;
mod incidents;
mod known;
mod membership;
mod row_tables;
mod sheet;
mod tables;

pub use answer::{Cell, Sink};
pub use fault::AskError;
pub use hunt::Hunt;
pub use known::Known;

use answer::HandOver;
use caponier_model::{Persons, Tenants};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use fault::Vocabulary;
use function::Asked as Function;
use known::Subject;
use sheet::{Provider, Sheet, Shelf};
use std::collections::BTreeSet;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::runtime::Runtime;

/// Deep plans recurse deeply, most of all unoptimised.
const STACK_BYTES: usize = 16 << 20;

/// Where the tables stand, for those who write out full names.
const CATALOG: &str = "caponier";
const SCHEMA: &str = "known";

/// Who asks for memory, in the message that it is not there.
const CONSUMERS: NonZeroUsize = NonZeroUsize::MIN;

/// A session of questions over one [`Known`].
pub struct Asking {
    session: SessionContext,
    subject: Arc<Subject>,
    tables: Vec<(&'static str, Arc<dyn TableProvider>)>,
    missing: Vec<&'static str>,
    mebibytes: usize,
}

/// How an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answered {
    /// Rows handed over.
    pub rows: usize,
    /// True where there would have been more.
    pub cut: bool,
}

impl Asking {
    /// A session over `known`, whose functions probe `persons`; a question may use `mebibytes` for its work (sorting, grouping,
    /// joining; the rows themselves stand beside it).
    ///
    /// # Errors
    /// The engine cannot be set up.
    pub fn new(known: Known, persons: Arc<dyn Persons + Send + Sync>, mebibytes: usize) -> Result<Self, AskError> {
        let subject = Arc::new(Subject::new(known, persons));
        // One partition: an answer without ORDER BY still comes in the order of its table.
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_target_partitions(1)
            .with_information_schema(true)
            .set_bool("datafusion.sql_parser.collect_spans", true);
        let pool = TrackConsumersPool::new(GreedyMemoryPool::new(mebibytes.saturating_mul(1 << 20)), CONSUMERS);
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc().map_err(|e| engine(&e))?;
        let session = SessionContext::new_with_config_rt(config, runtime);
        let provider = |sheet: &'static dyn Sheet| -> (&'static str, Arc<dyn TableProvider>) {
            (sheet.name(), Arc::new(Provider { sheet, subject: Arc::clone(&subject) }))
        };
        let tables = tables::all().into_iter().map(provider).collect();
        function::functions(&subject).for_each(|f| session.register_udf(f));
        let asking = Self { session, subject, tables, missing: Vec::new(), mebibytes };
        asking.shelve()?;
        Ok(Self { missing: [incidents::INCIDENTS.name, incidents::FINDINGS.name].into(), ..asking })
    }

    /// Puts the tables where SQL finds them.
    fn shelve(&self) -> Result<(), AskError> {
        let shelf = Shelf(self.tables.clone());
        let catalog = self.session.catalog(CATALOG).ok_or_else(|| AskError::Engine("it has no catalog".into()))?;
        catalog.register_schema(SCHEMA, Arc::new(shelf)).map(drop).map_err(|e| engine(&e))
    }

    /// Adds the tables `incidents` and `findings` from the lines that `replay --out` wrote.
    ///
    /// # Errors
    /// A line that is no incident.
    pub fn with_incidents(mut self, lines: impl BufRead) -> Result<Self, AskError> {
        let read = incidents::read(lines, &self.subject.known.tenants);
        let batches = read.map_err(|e| AskError::Incidents(e.to_string()))?;
        for (name, batch) in self.missing.drain(..).zip(batches) {
            let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(|e| engine(&e))?;
            self.tables.push((name, Arc::new(table)));
        }
        self.shelve()?;
        Ok(self)
    }

    /// Plans a question without answering it.
    ///
    /// # Errors
    /// The question is at fault.
    pub fn check(&self, sql: &str) -> Result<(), AskError> {
        let work =
            |runtime: &Runtime| runtime.block_on(self.plan(sql)).map(drop).map_err(|e| self.vocabulary(sql).fault(&e));
        std::thread::scope(|scope| {
            let engine = thread().spawn_scoped(scope, || with_runtime(work))?;
            engine.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Answers one question: at most `rows` rows go to `sink`, as they come.
    ///
    /// Blocks until done; the engine runs on one thread of its own, the sink is called on this one. Safe to call from any
    /// thread, also inside an async runtime.
    ///
    /// # Errors
    /// The question is at fault, needs too much memory, or its answer cannot be written.
    pub fn ask(&self, sql: &str, rows: usize, sink: &mut dyn Sink) -> Result<Answered, AskError> {
        let (sender, parts) = sync_channel(1);
        std::thread::scope(|scope| {
            let work = move || with_runtime(|runtime| runtime.block_on(self.answer(sql, rows, &sender)));
            let engine = thread().spawn_scoped(scope, work)?;
            let handed = self.hand_over(sql, rows, parts, sink);
            // A sink that failed has closed the channel, so the engine stops too.
            let ran = engine.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let answered = handed?;
            ran.map(|()| answered)
        })
    }

    fn hand_over(
        &self,
        sql: &str,
        rows: usize,
        parts: Receiver<Part>,
        sink: &mut dyn Sink,
    ) -> Result<Answered, AskError> {
        let mut answered = Answered::default();
        for part in parts {
            let batch = match part {
                Part::Headings(names) => {
                    sink.columns(&names).map_err(AskError::Output)?;
                    continue;
                }
                Part::Rows(batch) => batch,
            };
            let left = rows - answered.rows;
            answer::hand_over(&batch, left, sink).map_err(|e| match e {
                HandOver::Output(error) => AskError::Output(error),
                HandOver::Value(error) => self.vocabulary(sql).fault(&error.into()),
            })?;
            answered.cut |= batch.num_rows() > left;
            answered.rows += left.min(batch.num_rows());
        }
        Ok(answered)
    }

    fn vocabulary<'a>(&'a self, sql: &'a str) -> Vocabulary<'a> {
        let tables = self.tables.iter().map(|(name, _)| *name).collect();
        Vocabulary { sql, tables, missing: &self.missing, mebibytes: self.mebibytes }
    }

    async fn plan(&self, sql: &str) -> Result<DataFrame, DataFusionError> {
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        self.session.sql_with_options(sql, options).await
    }

    /// Sends the parts of an answer for as long as anybody takes them.
    async fn answer(&self, sql: &str, rows: usize, parts: &SyncSender<Part>) -> Result<(), AskError> {
        let fault = |e: DataFusionError| self.vocabulary(sql).fault(&e);
        let frame = self.plan(sql).await.map_err(fault)?;
        let mut taken = parts.send(Part::Headings(headings(&frame))).is_ok();
        // One row more than is wanted tells whether there are more. The engine counts rows in 63 bits.
        let more = rows.checked_add(1).filter(|n| i64::try_from(*n).is_ok() && !is_about_queries(&frame));
        let frame = if more.is_some() { frame.limit(0, more).map_err(fault)? } else { frame };
        let mut stream = frame.execute_stream().await.map_err(fault)?;
        while taken && let Some(batch) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
            taken = parts.send(Part::Rows(batch.map_err(fault)?)).is_ok();
        }
        Ok(())
    }
}

/// What the engine's thread sends.
enum Part {
    Headings(Vec<String>),
    Rows(RecordBatch),
}

fn thread() -> std::thread::Builder {
    std::thread::Builder::new().name("query".into()).stack_size(STACK_BYTES)
}

fn with_runtime<T>(work: impl FnOnce(&Runtime) -> Result<T, AskError>) -> Result<T, AskError> {
    work(&tokio::runtime::Builder::new_current_thread().build()?)
}

/// What explains or describes cannot be a part of another plan.
fn is_about_queries(frame: &DataFrame) -> bool {
    matches!(frame.logical_plan(), LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_))
}

/// Names of columns, each once: one that stands twice bears its table's name, or else a number.
fn headings(frame: &DataFrame) -> Vec<String> {
    let all: Vec<_> = frame.schema().iter().map(|(table, field)| (table, field.name())).collect();
    let mut taken = BTreeSet::new();
    let heading = |(table, name): &(Option<&TableReference>, &String)| {
        let twice = all.iter().filter(|(_, other)| other == name).count() > 1;
        let plain = match table.filter(|_| twice) {
            Some(table) => format!("{}.{name}", table.table()),
            None => (*name).clone(),
        };
        let numbered = (2..).map(|n| format!("{plain}_{n}"));
        std::iter::once(plain.clone()).chain(numbered).find(|name| taken.insert(name.clone())).unwrap_or(plain)
    };
    all.iter().map(heading).collect()
}

fn engine(error: &DataFusionError) -> AskError {
    AskError::Engine(error.strip_backtrace())
}

/// A table, as documentation shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    /// Its name; for a function with its arguments.
    pub name: String,
    /// One row per what; for a function what it yields.
    pub about: &'static str,
    /// Name, type and meaning of each column.
    pub columns: Vec<(String, String, &'static str)>,
}

/// Every table, also those that need a file.
///
/// # Errors
/// The engine cannot read an empty file of incidents.
pub fn tables() -> Result<Vec<Described>, AskError> {
    let mut all = Vec::new();
    for sheet in tables::all() {
        let schema = sheet.schema();
        let columns = schema.fields().iter().zip(sheet.meanings());
        let columns = columns.map(|(f, meaning)| (f.name().clone(), type_word(f.data_type()), meaning)).collect();
        all.push(Described { name: sheet.name().to_owned(), about: sheet.about(), columns });
    }
    let batches = incidents::read(&b""[..], &Tenants::default()).map_err(|e| AskError::Incidents(e.to_string()))?;
    for (filed, batch) in [incidents::INCIDENTS, incidents::FINDINGS].iter().zip(batches) {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(filed.columns);
        let columns =
            columns.map(|(f, (_, meaning, _))| (f.name().clone(), type_word(f.data_type()), *meaning)).collect();
        all.push(Described { name: filed.name.to_owned(), about: filed.about, columns });
    }
    Ok(all)
}

/// Every function beside SQL's own.
pub fn functions() -> Vec<Described> {
    let described = |f: Function| Described {
        name: format!("{}{}", f.name(), f.arguments()),
        about: f.about(),
        columns: Vec::new(),
    };
    Function::ALL.into_iter().map(described).collect()
}

fn type_word(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "text".to_owned(),
        DataType::List(field) => format!("list of {}", type_word(field.data_type())),
        DataType::Timestamp(..) => "time".to_owned(),
        DataType::Boolean => "flag".to_owned(),
        DataType::Int64 => "whole number".to_owned(),
        DataType::Float64 => "number".to_owned(),
        other => other.to_string(),
    }
}
