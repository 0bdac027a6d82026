//! The tables of the identity join as Parquet files, and its queries over them: for an organisation that does not fit in memory,
//! and for whoever wants to ask the same questions with another engine. Knows files and the engine's settings, no query.

use crate::numbers::numbered;
use crate::shared::planned;
use crate::tables::tables;
use crate::{Query, QueryError, Question};
use datafusion::config::TableParquetOptions;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// Rows in a group: small enough that a few threads find equal work in a table of a million rows.
const GROUP: usize = 1 << 17;
/// Deep plans recurse deeply, most of all unoptimised.
const STACK_BYTES: usize = 16 << 20;
/// Up to so many rows, or bytes, the smaller side of a join is one hash table that all threads look into, instead of one for each of
/// them, for which both sides would be dealt out anew. DataFusion's own bounds, an eighth and a sixty-fourth, think of many threads.
const ONE_TABLE_ROWS: usize = 1 << 20;
const ONE_TABLE_BYTES: usize = 64 << 20;

/// Writes every table of the join to `folder`, which must exist: `accounts.parquet`, `sign_ins.parquet` and so on, and
/// `words.parquet` (number, text): what the numbers in the others stand for.
///
/// Must not be called inside an async runtime.
///
/// # Errors
/// Tables that cannot be built, files that cannot be written; by name.
pub fn write_tables(question: &Question<'_>, folder: &Path) -> Result<(), QueryError> {
    let engine = Engine::new(1)?;
    let (mut all, words) = numbered(tables(question)?).map_err(|e| QueryError::engine("numbers")(e.into()))?;
    all.push(("words", words.table().map_err(|e| QueryError::engine("words")(e.into()))?));
    for (name, table) in all {
        let path = file(folder, name);
        let frame = engine.session.read_batch(table).map_err(QueryError::engine(name))?;
        engine.write(name, frame, &path)?;
    }
    Ok(())
}

/// The tables in a folder, ready to be asked.
pub struct Files {
    engine: Engine,
}

impl Files {
    /// Opens what [`write_tables`] wrote: every Parquet file of `folder` is a table with the file's name.
    ///
    /// Queries run on `threads` threads, with the settings that variables of the environment (`DATAFUSION_…`) change. Must not be called inside an async runtime.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn open(folder: &Path, threads: usize) -> Result<Self, QueryError> {
        let engine = Engine::new(threads)?;
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        paths.retain(|p| p.extension().is_some_and(|e| e == "parquet"));
        paths.sort_unstable();
        for path in paths {
            let (Some(name), Some(text)) = (path.file_stem().and_then(|n| n.to_str()), path.to_str()) else { continue };
            let options = ParquetReadOptions::default();
            let opened = engine.runtime.block_on(engine.session.register_parquet(name, text, options));
            opened.map_err(QueryError::engine(name))?;
        }
        Ok(Self { engine })
    }

    /// Runs one query, holds its result in memory, and returns how many rows that is.
    ///
    /// # Errors
    /// A query that cannot be planned or fails.
    pub fn count(&self, query: &Query) -> Result<usize, QueryError> {
        let run = async { planned(&self.engine.session, &query.text).await?.collect().await };
        let batches = self.engine.runtime.block_on(run).map_err(QueryError::engine(&query.name))?;
        Ok(batches.iter().map(|b| b.num_rows()).sum())
    }

    /// Runs one query and writes its result to the file `to`.
    ///
    /// # Errors
    /// A query that cannot be planned or fails, a file that cannot be written.
    pub fn save(&self, query: &Query, to: &Path) -> Result<(), QueryError> {
        let frame = self.engine.runtime.block_on(planned(&self.engine.session, &query.text));
        self.engine.write(&query.name, frame.map_err(QueryError::engine(&query.name))?, to)
    }

    /// How the engine means to run a query, as text, with what each step took if it was run.
    ///
    /// # Errors
    /// A query that cannot be planned or fails.
    pub fn explain(&self, query: &Query) -> Result<String, QueryError> {
        let run = async { planned(&self.engine.session, &query.text).await?.explain(false, true)?.to_string().await };
        self.engine.runtime.block_on(run).map_err(QueryError::engine(&query.name))
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).with_extension("parquet")
}

/// A session and the threads it runs on.
struct Engine {
    session: SessionContext,
    runtime: Runtime,
}

impl Engine {
    fn new(threads: usize) -> Result<Self, QueryError> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(threads).thread_stack_size(STACK_BYTES).build()?;
        let mut config =
            SessionConfig::from_env().map_err(QueryError::engine("settings"))?.with_target_partitions(threads);
        let optimizer = &mut config.options_mut().optimizer;
        optimizer.hash_join_single_partition_threshold = ONE_TABLE_BYTES;
        optimizer.hash_join_single_partition_threshold_rows = ONE_TABLE_ROWS;
        let session = SessionContext::new_with_config(config);
        Ok(Self { session, runtime })
    }

    fn write(&self, name: &str, frame: datafusion::prelude::DataFrame, to: &Path) -> Result<(), QueryError> {
        let mut options = TableParquetOptions::default();
        options.global.max_row_group_size = GROUP;
        options.global.compression = Some("snappy".to_owned());
        let layout = DataFrameWriteOptions::new().with_single_file_output(true);
        let to = to.to_string_lossy();
        let run = frame.write_parquet(&to, layout, Some(options));
        self.runtime.block_on(run).map(drop).map_err(QueryError::engine(name))
    }
}
