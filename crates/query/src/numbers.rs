//! Numbers in place of texts that queries only compare: an engine groups and joins eight bytes several times faster than an
//! identifier of thirty-six. Knows which columns these are, not what queries ask of them.
//!
//! Numbers are given in the order of the texts, so that the least number is the least text, and hold for one set of tables only.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, LargeStringArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::sync::Arc;

/// The columns of each table that become numbers. What a query shows or takes apart stays text, or stands beside as `…_text`.
const NUMBERED: [(&str, &[&str]); 9] = [
    ("tenants", &["tenant"]),
    ("domains", &["tenant", "domain"]),
    ("naming", &["home", "resource"]),
    ("accounts", &["tenant", "object", "display", "employee", "onprem_sid", "immutable_id", "home_object"]),
    ("names", &["tenant", "object", "name", "encoded", "domain"]),
    ("sign_ins", &["log", "home", "resource", "object", "upn", "app", "id", "correlation"]),
    ("invitations", &["tenant", "object", "address"]),
    ("provisioning", &["source_tenant", "source_object", "target_tenant", "target_object"]),
    ("callers", &["log", "tenant", "object", "provider", "home_puid", "puid", "id"]),
];

/// Stands for no text while numbers are given.
const NONE: u32 = u32::MAX;

/// Name and content of tables.
pub(crate) type Tables = Vec<(&'static str, RecordBatch)>;

/// Replaces texts by numbers. Costs the texts once each, and the sorting of those that differ.
pub(crate) fn numbered(tables: Tables) -> Result<(Tables, Words), ArrowError> {
    let mut seen = Seen::default();
    let mut given: Vec<Vec<(usize, Vec<u32>)>> = Vec::with_capacity(tables.len());
    for (name, table) in &tables {
        let columns = NUMBERED.iter().filter(|(n, _)| n == name).flat_map(|(_, columns)| *columns);
        let number = |column: &&str| {
            let at = table.schema_ref().index_of(column)?;
            let texts: &StringArray = table.column(at).as_string_opt::<i32>().ok_or_else(|| {
                ArrowError::SchemaError(format!("column {column} of {name} is no text and cannot be numbered"))
            })?;
            Ok((at, texts.iter().map(|text| text.map_or(Ok(NONE), |t| seen.number(t))).collect::<Result<_, _>>()?))
        };
        given.push(columns.map(number).collect::<Result<_, ArrowError>>()?);
    }
    let (ranks, words) = seen.ranked()?;
    let replaced =
        tables.iter().zip(given).map(|((name, table), columns)| Ok((*name, replace(table, columns, &ranks)?)));
    Ok((replaced.collect::<Result<_, ArrowError>>()?, words))
}

fn replace(table: &RecordBatch, numbers: Vec<(usize, Vec<u32>)>, ranks: &[i64]) -> Result<RecordBatch, ArrowError> {
    let ranked = |all: Vec<u32>| all.into_iter().map(|n| ranks.get(n as usize).copied()).collect::<Int64Array>();
    with(table, numbers.into_iter().map(|(at, all)| (at, Arc::new(ranked(all)) as ArrayRef)))
}

/// The batch with some of its columns replaced.
fn with(batch: &RecordBatch, columns: impl Iterator<Item = (usize, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let mut fields: Vec<Field> = batch.schema_ref().fields().iter().map(|f| f.as_ref().clone()).collect();
    let mut arrays = batch.columns().to_vec();
    for (at, array) in columns {
        fields[at] = fields[at].clone().with_data_type(array.data_type().clone());
        arrays[at] = array;
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// Texts in the order they were first met.
#[derive(Default)]
struct Seen<'a> {
    numbers: HashMap<&'a str, u32, FixedState>,
    texts: Vec<&'a str>,
}

impl<'a> Seen<'a> {
    fn number(&mut self, text: &'a str) -> Result<u32, ArrowError> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let next = u32::try_from(self.texts.len()).ok().filter(|n| *n != NONE);
        let next = next.ok_or_else(|| ArrowError::ComputeError("more texts than numbers".to_owned()))?;
        self.numbers.insert(text, next);
        self.texts.push(text);
        Ok(next)
    }

    /// The place of each text among all of them in order, and the texts in that order.
    fn ranked(self) -> Result<(Vec<i64>, Words), ArrowError> {
        // Most texts differ within their first bytes: compared as a number, they need not be fetched.
        let start = |text: &str| {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
            u64::from_be_bytes(bytes)
        };
        let mut order: Vec<(u64, &str, u32)> = self.texts.iter().zip(0..).map(|(t, n)| (start(t), *t, n)).collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len()];
        for ((_, _, number), rank) in order.iter().zip(0_i64..) {
            ranks[*number as usize] = rank;
        }
        Ok((ranks, Words(LargeStringArray::from_iter_values(order.iter().map(|(_, text, _)| *text)))))
    }
}

/// The texts that numbers stand for, in order.
pub(crate) struct Words(LargeStringArray);

impl Words {
    /// A result in which numbers that stand for texts are those texts: all but times and counts.
    pub(crate) fn spelled(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let counts = |name: &str| name.starts_with("valid_") || name == "candidates";
        let fields = batch.schema_ref().fields().iter().enumerate();
        let numbers = fields.filter(|(_, f)| *f.data_type() == DataType::Int64 && !counts(f.name()));
        let spell = |(at, _)| {
            let column: &Int64Array = batch.column(at).as_primitive::<Int64Type>();
            let word = |n: Option<i64>| n.and_then(|n| usize::try_from(n).ok()).filter(|n| *n < self.0.len());
            let texts = column.iter().map(|n| word(n).map(|n| self.0.value(n)));
            (at, Arc::new(texts.collect::<StringArray>()) as ArrayRef)
        };
        with(batch, numbers.map(spell))
    }

    /// As a table: `number`, `text`.
    pub(crate) fn table(&self) -> Result<RecordBatch, ArrowError> {
        let numbers: Int64Array = (0_i64..).take(self.0.len()).map(Some).collect();
        let columns: [(&str, ArrayRef); 2] = [("number", Arc::new(numbers)), ("text", Arc::new(self.0.clone()))];
        RecordBatch::try_from_iter(columns)
    }
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
