//! Columns of an Arrow table, built field by field from rows. Knows the types of columns, no tables.

use caponier_model::{EventTime, Guid, TenantId};
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringBuilder};
use datafusion::arrow::error::ArrowError;
use std::fmt::Write;
use std::sync::Arc;

/// A table in the making.
#[derive(Default)]
pub(crate) struct Columns {
    columns: Vec<(&'static str, ArrayRef, bool)>,
}

impl Columns {
    /// Identifiers, as text, in whose order numbers are given (`numbers`).
    pub(crate) fn guids(mut self, name: &'static str, values: impl Iterator<Item = Option<Guid>>) -> Self {
        let mut builder = StringBuilder::new();
        for value in values {
            match value {
                // Writing to a string builder cannot fail.
                Some(guid) => {
                    let _ = write!(builder, "{guid}");
                    builder.append_value("");
                }
                None => builder.append_null(),
            }
        }
        self.columns.push((name, Arc::new(builder.finish()), true));
        self
    }

    pub(crate) fn tenants(self, name: &'static str, values: impl Iterator<Item = Option<TenantId>>) -> Self {
        self.guids(name, values.map(|v| v.map(|t| t.0)))
    }

    pub(crate) fn texts<'a>(mut self, name: &'static str, values: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut builder = StringBuilder::new();
        values.for_each(|v| builder.append_option(v));
        self.columns.push((name, Arc::new(builder.finish()), true));
        self
    }

    /// Nanoseconds since the epoch.
    pub(crate) fn times(mut self, name: &'static str, values: impl Iterator<Item = EventTime>) -> Self {
        let array = Int64Array::from_iter_values(values.map(EventTime::nanos));
        self.columns.push((name, Arc::new(array), false));
        self
    }

    pub(crate) fn flags(mut self, name: &'static str, values: impl Iterator<Item = bool>) -> Self {
        self.columns.push((name, Arc::new(BooleanArray::from_iter(values.map(Some))), false));
        self
    }

    pub(crate) fn finish(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_from_iter_with_nullable(self.columns)
    }
}
