//! A table as data: what each column is called, means and holds, and how it is filled from rows. A query pays only for the
//! columns it names. Knows no particular table.

use super::known::Subject;
use async_trait::async_trait;
use caponier_model::{AccountKey, EventTime, Guid, TenantId};
use datafusion::arrow::array::{
    ArrayBuilder as _, ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, RecordBatch, RecordBatchOptions,
    StringBuilder, TimestampNanosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Rows of one batch: the engine's own default.
const BATCH: usize = 8192;

/// Takes the texts of a list, one by one.
pub(super) type Say<'s> = dyn FnMut(&str) + 's;

/// How a column gets its value from a row. Accounts appear as `tenant/object_id`, the ends of time as null.
pub(super) enum Value<R: 'static> {
    /// The name of a tenant, or its id where it has none.
    Tenant(fn(&R) -> Option<TenantId>),
    Id(fn(&R) -> Option<Guid>),
    Key(fn(&R) -> AccountKey),
    Text(for<'r> fn(&'r Subject, &'r R) -> Option<&'r str>),
    Texts(fn(&R, &mut Say<'_>)),
    Time(fn(&R) -> Option<EventTime>),
    Flag(fn(&Subject, &R) -> Option<bool>),
    Share(fn(&R) -> Option<f64>),
    Count(fn(&R) -> Option<u32>),
}

/// A column: name, meaning, value.
pub(super) type Column<R> = (&'static str, &'static str, Value<R>);

/// A table.
pub(super) struct Table<R: Clone + 'static> {
    pub(super) name: &'static str,
    /// One row per what.
    pub(super) about: &'static str,
    pub(super) rows: for<'s> fn(&'s Subject) -> Cow<'s, [R]>,
    pub(super) columns: &'static [Column<R>],
}

/// The type of a moment in every table: nanoseconds, UTC.
pub(super) fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

impl<R> Value<R> {
    fn data_type(&self) -> DataType {
        match self {
            Self::Tenant(_) | Self::Id(_) | Self::Key(_) | Self::Text(_) => DataType::Utf8,
            Self::Texts(_) => DataType::new_list(DataType::Utf8, true),
            Self::Time(_) => moment(),
            Self::Flag(_) => DataType::Boolean,
            Self::Share(_) => DataType::Float64,
            Self::Count(_) => DataType::Int64,
        }
    }

    fn array(&self, subject: &Subject, rows: &[R]) -> ArrayRef {
        let mut texts = StringBuilder::new();
        match self {
            Self::Tenant(get) => rows.iter().map(get).for_each(|id| match id {
                Some(id) => match subject.known.tenants.get(id) {
                    Some(tenant) => texts.append_value(&tenant.name),
                    None => written(&mut texts, id),
                },
                None => texts.append_null(),
            }),
            Self::Id(get) => rows.iter().map(get).for_each(|id| match id {
                Some(id) => written(&mut texts, id),
                None => texts.append_null(),
            }),
            Self::Key(get) => rows.iter().for_each(|r| written(&mut texts, get(r))),
            Self::Text(get) => rows.iter().for_each(|r| texts.append_option(get(subject, r))),
            Self::Texts(get) => {
                let mut lists = ListBuilder::new(texts);
                for row in rows {
                    get(row, &mut |text| lists.values().append_value(text));
                    lists.append(true);
                }
                return Arc::new(lists.finish());
            }
            Self::Time(get) => {
                let bounded = |t: &EventTime| *t != EventTime::MIN && *t != EventTime::MAX;
                let nanos = rows.iter().map(|r| get(r).filter(bounded).map(EventTime::nanos));
                return Arc::new(TimestampNanosecondArray::from_iter(nanos).with_timezone("UTC"));
            }
            Self::Flag(get) => return Arc::new(BooleanArray::from_iter(rows.iter().map(|r| get(subject, r)))),
            Self::Share(get) => return Arc::new(Float64Array::from_iter(rows.iter().map(get))),
            Self::Count(get) => return Arc::new(Int64Array::from_iter(rows.iter().map(|r| get(r).map(i64::from)))),
        }
        debug_assert_eq!(texts.len(), rows.len());
        Arc::new(texts.finish())
    }
}

/// Appends what `value` displays, without a string between.
pub(super) fn written(texts: &mut StringBuilder, value: impl fmt::Display) {
    // Writing to a string builder cannot fail.
    let _ = write!(texts, "{value}");
    texts.append_value("");
}

/// A [`Table`] without the type of its rows.
pub(super) trait Sheet: Send + Sync {
    fn name(&self) -> &'static str;
    fn about(&self) -> &'static str;
    /// What each column means, in the order of the schema.
    fn meanings(&self) -> Vec<&'static str>;
    fn schema(&self) -> SchemaRef;
    fn fill(&self, subject: &Subject, columns: &[usize]) -> Result<Vec<RecordBatch>, ArrowError>;
}

impl<R: Clone + Send + Sync> Sheet for Table<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn meanings(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(_, meaning, _)| *meaning).collect()
    }

    fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|(name, _, value)| Field::new(*name, value.data_type(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn fill(&self, subject: &Subject, columns: &[usize]) -> Result<Vec<RecordBatch>, ArrowError> {
        let schema = Arc::new(self.schema().project(columns)?);
        let rows = (self.rows)(subject);
        let batch = |rows: &[R]| {
            let arrays = columns.iter().map(|c| self.columns[*c].2.array(subject, rows)).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
        };
        rows.chunks(BATCH).map(batch).collect()
    }
}

/// What DataFusion scans.
pub(super) struct Provider {
    pub(super) sheet: &'static dyn Sheet,
    pub(super) subject: Arc<Subject>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} over {:?}", self.sheet.name(), self.subject)
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        self.sheet.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let batches = self.sheet.fill(&self.subject, &columns)?;
        let schema = Arc::new(schema.project(&columns)?);
        Ok(MemorySourceConfig::try_new_exec(&[batches], schema, None)?)
    }
}

/// The tables of a session, in the order people meet them. None can be added, replaced or dropped.
pub(super) struct Shelf(pub(super) Vec<(&'static str, Arc<dyn TableProvider>)>);

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[async_trait]
impl SchemaProvider for Shelf {
    fn table_names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.0.iter().find(|(n, _)| *n == name).map(|(_, table)| Arc::clone(table)))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| *n == name)
    }
}
