//! The queries planned once, for small questions asked again and again: the plans stay, the rows under them are swapped. Knows
//! plans and tables, not what is asked.
//!
//! Planning sixteen queries costs more than running them over the rows of a day's changes. A plan that is kept must not rest on
//! what the tables held when it was made: the tables tell the planner nothing of their sizes, and filters that would be filled in
//! while a plan runs are switched off.

use crate::join::{Parts, Query};
use crate::numbers::numbered;
use crate::tables::{row_tables, shared_tables, tables};
use crate::{QueryError, Question};
use caponier_model::{Rows, Tenants, Topic, Topics};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::JoinType;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Runtime;

/// Plans for all queries, over tables that can be filled.
pub(crate) struct Plans {
    tables: Vec<(&'static str, Arc<Swapped>)>,
    plans: Vec<Kept>,
    context: Arc<TaskContext>,
}

/// One query's plan.
struct Kept {
    name: String,
    topic: Topic,
    plan: Arc<dyn ExecutionPlan>,
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.plans.iter().map(|p| &p.name)).finish()
    }
}

/// What each query yielded, by name.
pub(crate) type Answered = Vec<(String, Vec<RecordBatch>)>;

impl Plans {
    /// Plans every query.
    pub(crate) async fn new(queries: impl Iterator<Item = &Query>) -> Result<Self, QueryError> {
        let mut config = SessionConfig::new().with_target_partitions(1);
        config.options_mut().optimizer.enable_dynamic_filter_pushdown = false;
        config.options_mut().optimizer.enable_topk_dynamic_filter_pushdown = false;
        config.options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
        config.options_mut().optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        let session = SessionContext::new_with_config(config);
        let nothing = Question { rows: &Rows::default(), facts: &[], tenants: &Tenants::default(), naming: &[] };
        let mut all = Vec::new();
        let (empty, _) = numbered(tables(&nothing)?).map_err(failed)?;
        for (name, table) in empty {
            let table = Arc::new(Swapped { schema: table.schema(), batches: Mutex::default() });
            session.register_table(name, Arc::new(Table(table.clone()))).map_err(QueryError::engine(name))?;
            all.push((name, table));
        }
        let mut plans = Vec::new();
        for query in queries {
            let name = query.name.to_string();
            let topic = topic(&name).ok_or_else(|| QueryError::Topic { name: name.clone() })?;
            let plan = async { session.sql(&query.text).await?.create_physical_plan().await };
            let plan = plan.await.map_err(QueryError::engine(&name))?;
            plans.push(Kept { name, topic, plan });
        }
        Ok(Self { tables: all, plans, context: session.task_ctx() })
    }

    /// Runs each query over the portions that name its topic; one that nothing could come of is passed over.
    pub(crate) fn run(&mut self, parts: &Parts<'_>, runtime: &Runtime) -> Result<Answered, QueryError> {
        let Parts { portions, tenants, naming } = *parts;
        // Those that everybody gets first, then portion by portion: one set of tables, one set of numbers.
        let mut built = shared_tables(tenants, naming)?;
        let mut topics = vec![Topics::ALL; built.len()];
        for portion in portions {
            built.extend(row_tables(&portion.rows, &portion.facts)?);
            topics.resize(built.len(), portion.topics);
        }
        let (built, words) = numbered(built).map_err(failed)?;
        let mut all = Vec::new();
        for Kept { name, topic, plan } in &self.plans {
            for (table, swapped) in &self.tables {
                let read = built.iter().zip(&topics).filter(|((n, _), topics)| n == table && topics.has(*topic));
                let batches = read.map(|((_, batch), _)| batch).filter(|batch| batch.num_rows() > 0);
                *swapped.batches() = batches.cloned().collect();
            }
            if self.is_barren(plan) {
                continue;
            }
            let run = async { collect(reset_plan_states(plan.clone())?, self.context.clone()).await };
            let batches = runtime.block_on(run).map_err(QueryError::engine(name))?;
            let spelled = batches.iter().map(|batch| words.spelled(batch)).collect::<Result<_, _>>();
            all.push((name.clone(), spelled.map_err(failed)?));
        }
        self.tables.iter().for_each(|(_, table)| table.batches().clear());
        Ok(all)
    }

    /// Can nothing come of the plan, because tables that it needs rows of are empty?
    fn is_barren(&self, plan: &Arc<dyn ExecutionPlan>) -> bool {
        let children = plan.children();
        let barren = |at: usize| children.get(at).is_some_and(|child| self.is_barren(child));
        if let Some(leaf) = plan.downcast_ref::<StreamingTableExec>() {
            let schema = leaf.partitions().first().map(|p| p.schema());
            let table = self.tables.iter().find(|(_, t)| schema.is_some_and(|s| Arc::ptr_eq(&t.schema, s)));
            return table.is_some_and(|(_, t)| t.batches().is_empty());
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            return needs(*join.join_type(), barren(0), barren(1));
        }
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            return needs(*join.join_type(), barren(0), barren(1));
        }
        if plan.downcast_ref::<CrossJoinExec>().is_some() {
            return barren(0) || barren(1);
        }
        if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
            // Without groups even nothing has a count.
            return !aggregate.group_expr().expr().is_empty() && barren(0);
        }
        match plan.name() {
            "UnionExec" | "InterleaveExec" => children.iter().all(|child| self.is_barren(child)),
            "FilterExec"
            | "ProjectionExec"
            | "SortExec"
            | "SortPreservingMergeExec"
            | "CoalesceBatchesExec"
            | "CoalescePartitionsExec"
            | "RepartitionExec"
            | "CooperativeExec"
            | "WindowAggExec"
            | "BoundedWindowAggExec" => barren(0),
            _ => false,
        }
    }
}

fn failed(error: ArrowError) -> QueryError {
    QueryError::engine("numbers")(error.into())
}

/// Does a join yield nothing when its left or its right side does?
const fn needs(join: JoinType, left: bool, right: bool) -> bool {
    match join {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => left || right,
        JoinType::Left | JoinType::LeftAnti | JoinType::LeftMark => left,
        JoinType::Right | JoinType::RightAnti | JoinType::RightMark => right,
        JoinType::Full => left && right,
    }
}

/// The topic of the query that a file of `queries/identity/` holds.
fn topic(name: &str) -> Option<Topic> {
    Some(match name {
        "refutations" => Topic::Refutations,
        "k01_statement" => Topic::Statement,
        "k02_provisioning" => Topic::Provisioning,
        "k03_delegated_caller" => Topic::DelegatedCaller,
        "k04_puid" => Topic::Puid,
        "k05_paired_sign_in" => Topic::PairedSignIn,
        "k06_named_sign_in" => Topic::NamedSignIn,
        "k07_redemption" => Topic::Redemption,
        "k08_common_source" => Topic::CommonSource,
        "k09_extension" => Topic::Extension,
        "k10_employee_id" => Topic::EmployeeId,
        "k11_address" => Topic::Address,
        "k12_ext_name" => Topic::ExtName,
        "k13_naming_rule" => Topic::NamingRule,
        "k14_looks_alike" => Topic::LooksAlike,
        "k15_application" => Topic::Application,
        _ => return None,
    })
}

/// A table whose rows are others each time it is read.
struct Swapped {
    schema: SchemaRef,
    batches: Mutex<Vec<RecordBatch>>,
}

impl Swapped {
    fn batches(&self) -> MutexGuard<'_, Vec<RecordBatch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Swapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swapped").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for Swapped {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches: Vec<Result<RecordBatch>> = self.batches().iter().cloned().map(Ok).collect();
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), futures::stream::iter(batches)))
    }
}

/// The table as the planner sees it.
#[derive(Debug)]
struct Table(Arc<Swapped>);

#[async_trait::async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        self.0.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions: Vec<Arc<dyn PartitionStream>> = vec![self.0.clone()];
        let schema = self.0.schema.clone();
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, projection, [], false, limit)?))
    }
}
