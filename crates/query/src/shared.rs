//! Named subqueries that a query names more than once, or joins to a table, run once and first: their rows are held in memory and stand
//! where the name stood. Knows plans, not what any of them asks.
//!
//! DataFusion runs a named subquery (`WITH … AS`) anew each time it is named. For one that only filters a table this is right,
//! since each use then reads no more than it needs; one that groups or sorts costs as much as the query around it.
//!
//! How many rows come of grouping or sorting it guesses from the table below, and of a join it hashes the side that it takes for the
//! smaller: the whole directory, where a few accounts were to be found in it. Of rows that are held it knows the number (`held`).

use crate::held::Held;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, SubqueryAlias};
use datafusion::physical_plan::collect_partitioned;
use datafusion::prelude::{DataFrame, SessionContext};
use std::sync::Arc;

/// The name under which held rows are scanned; the subquery's own name is put over it again.
const HELD: &str = "held";

/// A query, ready to be run or explained, with what is worth running first already run.
pub(crate) async fn planned(session: &SessionContext, text: &str) -> Result<DataFrame> {
    let frame = session.sql(text).await?;
    let (_, plan) = frame.into_parts();
    let mut done = Vec::new();
    for subquery in shared(&plan)? {
        let held = hold(session, &replaced(subquery.clone(), &done)?).await?;
        done.push((subquery, held));
    }
    session.execute_logical_plan(replaced(plan, &done)?).await
}

/// The subqueries worth running first, each after those that it names itself.
fn shared(plan: &LogicalPlan) -> Result<Vec<LogicalPlan>> {
    let mut named = Vec::new();
    count(plan, false, &mut named)?;
    Ok(named.into_iter().filter(|n| n.times > 1 || n.joined).map(|n| n.subquery.clone()).collect())
}

/// A named subquery that groups or sorts.
struct Named<'a> {
    subquery: &'a LogicalPlan,
    /// How often it is named by what differs.
    times: usize,
    /// Is it joined to what only reads a table?
    joined: bool,
}

/// Every subquery that groups or sorts: what is named within one that was already counted is named there once.
fn count<'a>(plan: &'a LogicalPlan, joined: bool, named: &mut Vec<Named<'a>>) -> Result<()> {
    let counted = matches!(plan, LogicalPlan::SubqueryAlias(_)) && works(plan)?;
    if counted && let Some(known) = named.iter_mut().find(|known| known.subquery == plan) {
        known.times += 1;
        known.joined |= joined;
        return Ok(());
    }
    if let LogicalPlan::Join(join) = plan {
        count(&join.left, reads(&join.right)?, named)?;
        count(&join.right, reads(&join.left)?, named)?;
    } else {
        for input in plan.inputs() {
            count(input, false, named)?;
        }
    }
    if counted {
        named.push(Named { subquery: plan, times: 1, joined });
    }
    Ok(())
}

/// Are these rows of one table, as they are? How many rows come of a join is guessed so badly that to know the number of the others
/// is no help.
fn reads(plan: &LogicalPlan) -> Result<bool> {
    let joins = plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_))))?;
    Ok(!joins && !works(plan)? && plan.exists(|node| Ok(matches!(node, LogicalPlan::TableScan(_))))?)
}

fn works(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        Ok(matches!(
            node,
            LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Distinct(_) | LogicalPlan::Sort(_)
        ))
    })
}

/// Runs the subquery: a plan of the same columns that yields what it yielded.
async fn hold(session: &SessionContext, subquery: &LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::SubqueryAlias(named) = subquery else { return Ok(subquery.clone()) };
    let physical = session.state().create_physical_plan(&named.input).await?;
    let schema = physical.schema();
    let partitions = collect_partitioned(physical, session.task_ctx()).await?;
    let table = provider_as_source(Arc::new(Held { schema, partitions }));
    let scan = LogicalPlanBuilder::scan(HELD, table, None)?.build()?;
    Ok(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(scan), named.alias.clone())?))
}

fn replaced(plan: LogicalPlan, done: &[(LogicalPlan, LogicalPlan)]) -> Result<LogicalPlan> {
    let replace = |node: LogicalPlan| {
        Ok(match done.iter().find(|(subquery, _)| *subquery == node) {
            Some((_, held)) => Transformed::new(held.clone(), true, TreeNodeRecursion::Jump),
            None => Transformed::no(node),
        })
    };
    Ok(plan.transform_down(replace)?.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::error::DataFusionError;
    use tokio::runtime::Runtime;

    /// (held subqueries, rows, rows without holding anything)
    fn asked(text: &str) -> (usize, String, String) {
        let run = async {
            let session = SessionContext::new();
            let rows =
                "CREATE TABLE t AS SELECT * FROM (VALUES ('a', 1), ('a', 2), ('b', 1), ('c', 4)) AS v (name, size)";
            session.sql(rows).await?.collect().await?;
            let frame = planned(&session, text).await?;
            let held = frame.logical_plan().display_indent().to_string();
            let rows = pretty_format_batches(&frame.collect().await?)?.to_string();
            let plain = pretty_format_batches(&session.sql(text).await?.collect().await?)?.to_string();
            Ok::<_, DataFusionError>((held.matches("TableScan: held").count(), rows, plain))
        };
        Runtime::new().unwrap().block_on(run).unwrap()
    }

    #[test]
    fn what_groups_and_is_named_twice_runs_once() {
        let (held, rows, plain) = asked(
            "WITH base AS (SELECT name, size FROM t WHERE size < 4),
                  least AS (SELECT name, min(size) AS size, count(*) AS times FROM base GROUP BY name),
                  both AS (SELECT a.name, b.times FROM least a JOIN least b ON a.size = b.size)
             SELECT o.name, o.times, l.size FROM both o JOIN least l ON l.name = o.name ORDER BY 1, 2, 3",
        );
        assert_eq!(held, 3, "`least` is scanned wherever it is named");
        assert_eq!(rows, plain);
        assert!(rows.contains("| b    | 2     | 1    |"), "{rows}");
    }

    #[test]
    fn what_groups_and_is_joined_to_a_table_runs_first() {
        let (held, rows, plain) = asked(
            "WITH base AS (SELECT name, size FROM t WHERE size < 4),
                  least AS (SELECT name, min(size) AS size FROM base GROUP BY name)
             SELECT l.name, b.size FROM base b LEFT JOIN least l ON b.name = l.name ORDER BY 1, 2",
        );
        assert_eq!((held, rows), (1, plain));
    }

    #[test]
    fn what_groups_and_is_joined_to_a_join_of_tables_is_not_held() {
        let (held, rows, plain) = asked(
            "WITH base AS (SELECT a.name, b.size FROM t a JOIN t b ON a.name = b.name),
                  least AS (SELECT name, min(size) AS size FROM t GROUP BY name)
             SELECT l.name, b.size FROM base b JOIN least l ON b.name = l.name ORDER BY 1, 2",
        );
        assert_eq!((held, rows), (0, plain));
    }

    #[test]
    fn what_only_filters_or_is_named_once_is_not_held() {
        let (held, rows, plain) = asked(
            "WITH base AS (SELECT name, size FROM t WHERE size < 4),
                  least AS (SELECT name, min(size) AS size FROM base GROUP BY name),
                  most AS (SELECT name, max(size) AS size FROM base GROUP BY name)
             SELECT l.name, b.size, m.size AS most FROM least l JOIN most m ON m.name = l.name CROSS JOIN (VALUES (1)) b (size)
             ORDER BY 1, 2",
        );
        assert_eq!((held, rows), (0, plain));
    }
}
