//! Rows held in memory that tell the planner how many they are, and nothing of their bytes. Knows no query.
//!
//! What a grouping yields are slices of one long column, and DataFusion counts the whole column for each of them: a kilobyte a row where
//! there are seventy bytes. Of a join it then hashes the other side, all names there are, since that is thought the smaller one.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source::DataSource;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use std::fmt;
use std::sync::Arc;

/// A table of rows that were computed before.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) schema: SchemaRef,
    /// One list of batches for each thread that is to read them.
    pub(crate) partitions: Vec<Vec<RecordBatch>>,
}

#[async_trait]
impl TableProvider for Held {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = MemorySourceConfig::try_new(&self.partitions, self.schema.clone(), projection.cloned())?;
        Ok(DataSourceExec::from_data_source(Counted(Arc::new(rows))))
    }
}

/// A source whose rows are counted, and whose bytes are not told.
#[derive(Debug)]
struct Counted(Arc<dyn DataSource>);

impl Counted {
    fn over(source: Arc<dyn DataSource>) -> Arc<dyn DataSource> {
        Arc::new(Self(source))
    }
}

impl DataSource for Counted {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.0.open(partition, context)
    }

    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(t, f)
    }

    fn repartitioned(
        &self,
        partitions: usize,
        least_bytes: usize,
        ordering: Option<LexOrdering>,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(self.0.repartitioned(partitions, least_bytes, ordering)?.map(Self::over))
    }

    fn output_partitioning(&self) -> Partitioning {
        self.0.output_partitioning()
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        self.0.eq_properties()
    }

    fn scheduling_type(&self) -> SchedulingType {
        self.0.scheduling_type()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let mut told = Arc::unwrap_or_clone(self.0.partition_statistics(partition)?);
        told.total_byte_size = Precision::Absent;
        Ok(Arc::new(told))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        self.0.with_fetch(limit).map(Self::over)
    }

    fn fetch(&self) -> Option<usize> {
        self.0.fetch()
    }

    fn try_swapping_with_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(self.0.try_swapping_with_projection(projection)?.map(Self::over))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.0.apply_expressions(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;
    use tokio::runtime::Runtime;

    /// Rows as a grouping yields them: slices of one column that is longer than all other rows together.
    fn sliced() -> Held {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100_000));
        let whole = RecordBatch::try_from_iter([("a", column.clone()), ("b", column)]).unwrap();
        let slices = (0..10).map(|at| whole.slice(at * 8, 8)).collect();
        Held { schema: whole.schema(), partitions: vec![slices, Vec::new()] }
    }

    /// The plan over a table of 1,000 rows and the held ones, and how many rows come of it.
    fn planned(text: &str) -> (String, usize) {
        let run = async {
            let session = SessionContext::new();
            session.register_table("held", Arc::new(sliced())).unwrap();
            let many = "CREATE TABLE many AS SELECT value AS a FROM generate_series(1, 1000)";
            session.sql(many).await.unwrap().collect().await.unwrap();
            let frame = session.sql(text).await.unwrap();
            let plan = frame.clone().create_physical_plan().await.unwrap();
            let rows = frame.collect().await.unwrap().iter().map(RecordBatch::num_rows).sum();
            (displayable(plan.as_ref()).set_show_statistics(true).indent(false).to_string(), rows)
        };
        Runtime::new().unwrap().block_on(run)
    }

    #[test]
    fn rows_are_counted_and_bytes_are_not_told() {
        for text in ["SELECT * FROM held", "SELECT a FROM held", "SELECT b, a FROM held LIMIT 100"] {
            let (plan, rows) = planned(text);
            assert_eq!(rows, 80, "{text}");
            let scan = plan.lines().find(|l| l.contains("DataSourceExec")).unwrap();
            assert!(scan.contains("Rows=Exact(80), Bytes=Absent"), "{text}: {scan}");
        }
    }

    #[test]
    fn the_few_held_rows_are_hashed_and_not_the_many_of_a_table() {
        for text in [
            "SELECT many.a FROM many JOIN held ON held.a = many.a",
            "SELECT many.a FROM held JOIN many ON held.a = many.a",
        ] {
            let (plan, rows) = planned(text);
            assert_eq!(rows, 79, "{text}");
            let join = plan.lines().position(|l| l.contains("HashJoinExec")).unwrap();
            let hashed = plan.lines().skip(join).find(|l| l.contains("DataSourceExec")).unwrap();
            assert!(hashed.contains("Rows=Exact(80)"), "{text}:\n{plan}");
        }
    }
}
