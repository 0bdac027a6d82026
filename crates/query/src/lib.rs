//! Questions asked in SQL: Arrow tables over identity rows, and the join of `queries/identity/` run over them.
//!
//! The only crate that names DataFusion. Its interface is synchronous and speaks the nouns of `model`; how evidence is
//! weighed is not its business, nor is where rows come from. Results are sorted: equal sets of rows give equal answers.

mod ask;
mod columns;
mod held;
mod join;
mod numbers;
mod parquet;
mod plans;
mod shared;
mod tables;

pub use ask::{Answered, AskError, Asking, Cell, Described, Hunt, Known, Sink, functions, tables as described_tables};
pub use join::{Join, Parts, Queries, Query, Question};
pub use parquet::{Files, write_tables};

/// What can go wrong with a query.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A query cannot be planned, or fails while it runs.
    #[error("query {name} failed: {source}")]
    Engine {
        /// The query, or the step of the engine.
        name: String,
        /// What DataFusion says.
        source: Box<datafusion::error::DataFusionError>,
    },
    /// A query yields other columns than the join reads.
    #[error("query {name} must yield ({wanted}) but yields ({found}); change its last select")]
    Columns {
        /// The query.
        name: String,
        /// The columns the join reads.
        wanted: String,
        /// The columns it yields.
        found: String,
    },
    /// A query that is to be asked about a part of the rows speaks of no topic.
    #[error(
        "query {name} speaks of nothing that is known; name it as the file in queries/identity that it takes the place of"
    )]
    Topic {
        /// The query.
        name: String,
    },
    /// A row holds a value that is no identifier, kind or time.
    #[error("query {name} yields {value:?} in column {column}, row {row}; expected {wanted}")]
    Value {
        /// The query.
        name: String,
        /// The column.
        column: &'static str,
        /// The row, from 0.
        row: usize,
        /// The value.
        value: String,
        /// What was expected.
        wanted: &'static str,
    },
    /// The thread or runtime that queries run in cannot be started.
    #[error("cannot start the query engine: {0}")]
    Start(#[from] std::io::Error),
}

impl QueryError {
    pub(crate) fn engine(name: &str) -> impl FnOnce(datafusion::error::DataFusionError) -> Self {
        move |source| Self::Engine { name: name.to_owned(), source: Box::new(source) }
    }
}
