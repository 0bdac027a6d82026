//! The identity join: rows become tables, the queries run over them, their rows become evidence. Knows the columns that every
//! query must yield, not what any of them means.

use crate::QueryError;
use crate::numbers::{Words, numbered};
use crate::plans::Plans;
use crate::shared::planned;
use crate::tables::tables;
use caponier_model::{
    AccountFacts, AccountKey, Ambiguity, EventTime, Evidence, EvidenceKind, Guid, NamingRule, Portion, Refutation,
    Rows, TenantId, Tenants, Testimony, Topics,
};
use datafusion::arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Runtime;

/// One query and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// The file's name without its ending: how errors call it.
    pub name: Cow<'static, str>,
    /// The SQL.
    pub text: Cow<'static, str>,
}

/// The queries of the join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queries {
    /// Yields (account_tenant, account_object, home_tenant, valid_from, valid_until, source).
    pub refutations: Query,
    /// Each yields (account_tenant, account_object, home_tenant, home_object, kind, candidates, valid_from, valid_until, source).
    ///
    /// `candidates` is 1 where one account on either side matches, which makes evidence; 2 where several do, which makes an
    /// ambiguity of the account in the home tenant, whose `home_object` is then not read. How many are several is not
    /// counted: the answer must not depend on more bearers of a value than two.
    pub evidence: Vec<Query>,
}

/// One row per file of `queries/identity/`.
macro_rules! queries {
    ($($name:literal),* $(,)?) => {
        [$(Query {
            name: Cow::Borrowed($name),
            text: Cow::Borrowed(include_str!(concat!("../../../queries/identity/", $name, ".sql"))),
        }),*]
    };
}

impl Queries {
    /// The queries that come with the program.
    pub fn embedded() -> Self {
        let [refutations] = queries!["refutations"];
        let evidence = queries! {
            "k01_statement",
            "k02_provisioning",
            "k03_delegated_caller",
            "k04_puid",
            "k05_paired_sign_in",
            "k06_named_sign_in",
            "k07_redemption",
            "k08_common_source",
            "k09_extension",
            "k10_employee_id",
            "k11_address",
            "k12_ext_name",
            "k13_naming_rule",
            "k14_looks_alike",
            "k15_application",
        };
        Self { refutations, evidence: evidence.into() }
    }
}

/// What the whole join runs over.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Rows of evidence.
    pub rows: &'a Rows,
    /// The dated names of the same rows' accounts (from `identity`).
    pub facts: &'a [AccountFacts],
    /// Tenants and their domains, those included that are derived for tenants without configured ones (`identity`).
    pub tenants: &'a Tenants,
    /// Agreed naming rules (K13).
    pub naming: &'a [NamingRule],
}

/// What a part of the join runs over: of each topic, the portions that name it.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Rows of evidence; all that one portion has of an account's directory rows is all that any has.
    pub portions: &'a [Portion],
    /// Tenants and their domains, those included that are derived for tenants without configured ones (`identity`).
    pub tenants: &'a Tenants,
    /// Agreed naming rules (K13).
    pub naming: &'a [NamingRule],
}

const REFUTATION: [&str; 6] =
    ["account_tenant", "account_object", "home_tenant", "valid_from", "valid_until", "source"];
const EVIDENCE: [&str; 9] = [
    "account_tenant",
    "account_object",
    "home_tenant",
    "home_object",
    "kind",
    "candidates",
    "valid_from",
    "valid_until",
    "source",
];

/// Deep plans recurse deeply, most of all unoptimised.
const STACK_BYTES: usize = 16 << 20;

/// The identity join, its queries checked.
#[derive(Debug)]
pub struct Join {
    queries: Queries,
    /// Plans for parts of the join, made when the first part is asked for.
    plans: Mutex<Option<Plans>>,
}

impl Join {
    /// Plans every query over empty tables, so that a fault in one is found before there is data.
    ///
    /// # Errors
    /// A query that cannot be planned or yields other columns than the join reads, by name.
    pub fn new(queries: Queries) -> Result<Self, QueryError> {
        let join = Self { queries, plans: Mutex::new(None) };
        apart(|| join.check())?;
        Ok(join)
    }

    /// Runs the queries over the rows of `question`.
    ///
    /// Blocks until done, on one thread of its own; safe to call from any thread, also inside an async runtime.
    ///
    /// # Errors
    /// A query that fails, or yields a value that is no identifier or kind, by name.
    pub fn testimony(&self, question: &Question<'_>) -> Result<Testimony, QueryError> {
        if question.rows.is_empty() {
            return Ok(Testimony::default());
        }
        apart(|| self.run(question))
    }

    /// Runs each query over the portions that name its topic. What it says of accounts of which the portions have not everything
    /// is not to be trusted; the caller knows which these are. Statements are not repeated.
    ///
    /// Costs the rows, and nothing for planning but the first time: the plans are kept. Blocks as [`Join::testimony`] does; one
    /// caller at a time.
    ///
    /// # Errors
    /// As [`Join::testimony`]; a query whose name stands for no topic.
    pub fn parts(&self, parts: &Parts<'_>) -> Result<Testimony, QueryError> {
        if parts.portions.iter().all(|p| p.rows.is_empty()) {
            return Ok(Testimony::default());
        }
        if let [Portion { topics: Topics::ALL, rows, facts }] = parts.portions {
            // Nothing small: worth planning by what the tables hold.
            let Parts { tenants, naming, .. } = *parts;
            return self.testimony(&Question { rows, facts, tenants, naming });
        }
        self.with_plans(|plans, runtime| {
            let mut out = Testimony::default();
            let answered = plans.run(parts, runtime)?;
            for (query, batches) in answered {
                for batch in &batches {
                    if query == self.queries.refutations.name {
                        refutations(&query, batch, &mut out.refutations)?;
                    } else {
                        evidence(&query, batch, &mut out)?;
                    }
                }
            }
            Ok(sorted(out))
        })
    }

    /// Makes the plans that [`Join::parts`] needs, if they are not made: else the first change of a stream waits for them.
    ///
    /// # Errors
    /// As [`Join::parts`].
    pub fn prepare(&self) -> Result<(), QueryError> {
        self.with_plans(|_, _| Ok(()))
    }

    fn with_plans<T: Send>(
        &self,
        work: impl FnOnce(&mut Plans, &Runtime) -> Result<T, QueryError> + Send,
    ) -> Result<T, QueryError> {
        // Whoever panicked with the plans in hand left them as they were: each run sets all that it reads.
        let mut guard = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *guard;
        apart(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            let plans = match kept {
                Some(plans) => plans,
                none => none.insert(runtime.block_on(Plans::new(self.all()))?),
            };
            work(plans, &runtime)
        })
    }

    fn all(&self) -> impl Iterator<Item = &Query> {
        std::iter::once(&self.queries.refutations).chain(&self.queries.evidence)
    }

    fn run(&self, question: &Question<'_>) -> Result<Testimony, QueryError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (session, words) = session(question)?;
        let mut out = Testimony::default();
        let query = &self.queries.refutations;
        for batch in &runtime.block_on(collect(&session, &words, query))? {
            refutations(&query.name, batch, &mut out.refutations)?;
        }
        for query in &self.queries.evidence {
            for batch in &runtime.block_on(collect(&session, &words, query))? {
                evidence(&query.name, batch, &mut out)?;
            }
        }
        out.statements.clone_from(&question.rows.statements);
        Ok(sorted(out))
    }

    fn check(&self) -> Result<(), QueryError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (session, _) =
            session(&Question { rows: &Rows::default(), facts: &[], tenants: &Tenants::default(), naming: &[] })?;
        let all = self.queries.evidence.iter().map(|q| (q, &EVIDENCE[..]));
        for (query, wanted) in all.chain([(&self.queries.refutations, &REFUTATION[..])]) {
            let frame = runtime.block_on(session.sql(&query.text)).map_err(QueryError::engine(&query.name))?;
            let found: Vec<&str> = frame.schema().fields().iter().map(|f| f.name().as_str()).collect();
            if found != wanted {
                let (wanted, found) = (wanted.join(", "), found.join(", "));
                return Err(QueryError::Columns { name: query.name.to_string(), wanted, found });
            }
        }
        Ok(())
    }
}

/// Equal sets are equal values.
fn sorted(mut said: Testimony) -> Testimony {
    fn tidy<T: Ord>(list: &mut Vec<T>) {
        list.sort_unstable();
        list.dedup();
    }
    tidy(&mut said.statements);
    tidy(&mut said.refutations);
    tidy(&mut said.evidence);
    tidy(&mut said.ambiguities);
    said
}

/// Runs `work` on a thread with a deep stack, outside of any runtime the caller may be in.
fn apart<T: Send>(work: impl FnOnce() -> Result<T, QueryError> + Send) -> Result<T, QueryError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("query".into()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, work)?.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// One partition: the tables are in memory and the machine's other cores have other work.
fn session(question: &Question<'_>) -> Result<(SessionContext, Words), QueryError> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let (all, words) = numbered(tables(question)?).map_err(|e| QueryError::engine("numbers")(e.into()))?;
    for (name, table) in all {
        session.register_batch(name, table).map_err(QueryError::engine(name))?;
    }
    Ok((session, words))
}

async fn collect(session: &SessionContext, words: &Words, query: &Query) -> Result<Vec<RecordBatch>, QueryError> {
    let frame = planned(session, &query.text).await.map_err(QueryError::engine(&query.name))?;
    let batches = frame.collect().await.map_err(QueryError::engine(&query.name))?;
    let spelled = batches.iter().map(|b| words.spelled(b)).collect::<Result<_, _>>();
    spelled.map_err(|e| QueryError::engine(&query.name)(e.into()))
}

fn refutations(name: &str, batch: &RecordBatch, out: &mut Vec<Refutation>) -> Result<(), QueryError> {
    let reader = Reader::new(name, batch)?;
    for row in 0..batch.num_rows() {
        let (from, until) = (reader.time("valid_from", row)?, reader.time("valid_until", row)?);
        if from < until {
            let account = reader.account("account_tenant", "account_object", row)?;
            let home = TenantId(reader.guid("home_tenant", row)?);
            out.push(Refutation { account, home, from, until, source: reader.text("source", row)?.into() });
        }
    }
    Ok(())
}

fn evidence(name: &str, batch: &RecordBatch, out: &mut Testimony) -> Result<(), QueryError> {
    let reader = Reader::new(name, batch)?;
    for row in 0..batch.num_rows() {
        let word = reader.text("kind", row)?;
        let wanted = "a kind of evidence";
        let kind = EvidenceKind::read(word).ok_or_else(|| reader.fault("kind", row, word, wanted))?;
        let account = reader.account("account_tenant", "account_object", row)?;
        let (from, until) = (reader.time("valid_from", row)?, reader.time("valid_until", row)?);
        let source = reader.text("source", row)?.into();
        match reader.count("candidates", row)? {
            1 => {
                let home = reader.account("home_tenant", "home_object", row)?;
                out.evidence.push(Evidence { account, home, kind, from, until, source });
            }
            candidates => {
                let home = TenantId(reader.guid("home_tenant", row)?);
                out.ambiguities.push(Ambiguity { account, home, kind, candidates, from, until, source });
            }
        }
    }
    Ok(())
}

/// Typed access to the columns of a result.
struct Reader<'a> {
    name: &'a str,
    texts: Vec<(String, StringArray)>,
    numbers: Vec<(String, Int64Array)>,
}

impl<'a> Reader<'a> {
    /// Times and counts are numbers, everything else is text in whatever layout the engine chose.
    fn new(name: &'a str, batch: &RecordBatch) -> Result<Self, QueryError> {
        let fault = |e: datafusion::arrow::error::ArrowError| QueryError::engine(name)(e.into());
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if field.name().starts_with("valid_") || field.name() == "candidates" {
                let column = cast(column, &DataType::Int64).map_err(fault)?;
                numbers.extend(column.as_any().downcast_ref().map(|c: &Int64Array| (field.name().clone(), c.clone())));
            } else {
                let column = cast(column, &DataType::Utf8).map_err(fault)?;
                texts.extend(column.as_any().downcast_ref().map(|c: &StringArray| (field.name().clone(), c.clone())));
            }
        }
        Ok(Self { name, texts, numbers })
    }

    fn text(&self, column: &'static str, row: usize) -> Result<&str, QueryError> {
        let found = self.texts.iter().find(|(n, _)| n == column).filter(|(_, c)| c.is_valid(row));
        found.map(|(_, c)| c.value(row)).ok_or_else(|| self.fault(column, row, "null", "a text"))
    }

    fn number(&self, column: &'static str, row: usize) -> Option<i64> {
        let found = self.numbers.iter().find(|(n, _)| n == column).filter(|(_, c)| c.is_valid(row));
        found.map(|(_, c)| c.value(row))
    }

    fn time(&self, column: &'static str, row: usize) -> Result<EventTime, QueryError> {
        let value = self.number(column, row).map(EventTime::from_nanos);
        value.ok_or_else(|| self.fault(column, row, "null", "a time in nanoseconds"))
    }

    fn count(&self, column: &'static str, row: usize) -> Result<u32, QueryError> {
        let value = self.number(column, row).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        value.ok_or_else(|| self.fault(column, row, "null, zero or negative", "how many accounts match, from 1"))
    }

    fn guid(&self, column: &'static str, row: usize) -> Result<Guid, QueryError> {
        let text = self.text(column, row)?;
        Guid::parse(text).ok_or_else(|| self.fault(column, row, text, "a GUID"))
    }

    fn account(&self, tenant: &'static str, object: &'static str, row: usize) -> Result<AccountKey, QueryError> {
        Ok(AccountKey { tenant: TenantId(self.guid(tenant, row)?), object: self.guid(object, row)? })
    }

    fn fault(&self, column: &'static str, row: usize, value: &str, wanted: &'static str) -> QueryError {
        QueryError::Value { name: self.name.to_owned(), column, row, value: value.to_owned(), wanted }
    }
}
