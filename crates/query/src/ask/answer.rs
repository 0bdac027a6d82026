//! An answer, cell by cell, in plain values: how it is shown is the caller's business. Knows Arrow's arrays, no table.

use caponier_model::EventTime;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use std::borrow::Cow;
use std::io;

/// One value of an answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A text, and whatever has no better form (decimals, intervals, days).
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// A whole number beyond [`Cell::Whole`].
    Large(u64),
    /// Any other number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A moment, UTC.
    Time(EventTime),
    /// Several values.
    List(Vec<Cell<'a>>),
    /// Named values.
    Record(Vec<(Cow<'a, str>, Cell<'a>)>),
}

/// Takes in an answer: first the columns, then row after row.
pub trait Sink {
    /// The names of the columns, each once.
    ///
    /// # Errors
    /// Whatever is written to fails.
    fn columns(&mut self, names: &[String]) -> io::Result<()>;

    /// One row, as many cells as columns.
    ///
    /// # Errors
    /// Whatever is written to fails.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;
}

/// Hands `rows` rows of the batch to the sink.
pub(super) fn hand_over(batch: &RecordBatch, rows: usize, sink: &mut dyn Sink) -> Result<(), HandOver> {
    let mut cells = Vec::with_capacity(batch.num_columns());
    for row in 0..rows.min(batch.num_rows()) {
        for column in batch.columns() {
            cells.push(cell(column, row).map_err(HandOver::Value)?);
        }
        sink.row(&cells).map_err(HandOver::Output)?;
        cells.clear();
    }
    Ok(())
}

/// Why a batch could not be handed over.
pub(super) enum HandOver {
    Value(ArrowError),
    Output(io::Error),
}

fn cell(array: &ArrayRef, row: usize) -> Result<Cell<'_>, ArrowError> {
    if array.is_null(row) {
        return Ok(Cell::Null);
    }
    macro_rules! primitive {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row)
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).into()),
        DataType::Boolean => Cell::Flag(array.as_boolean().value(row)),
        DataType::Int8 => Cell::Whole(primitive!(Int8Type).into()),
        DataType::Int16 => Cell::Whole(primitive!(Int16Type).into()),
        DataType::Int32 => Cell::Whole(primitive!(Int32Type).into()),
        DataType::Int64 => Cell::Whole(primitive!(Int64Type)),
        DataType::UInt8 => Cell::Whole(primitive!(UInt8Type).into()),
        DataType::UInt16 => Cell::Whole(primitive!(UInt16Type).into()),
        DataType::UInt32 => Cell::Whole(primitive!(UInt32Type).into()),
        DataType::UInt64 => {
            let large = primitive!(UInt64Type);
            i64::try_from(large).map_or(Cell::Large(large), Cell::Whole)
        }
        DataType::Float16 => Cell::Number(primitive!(Float16Type).into()),
        DataType::Float32 => Cell::Number(primitive!(Float32Type).into()),
        DataType::Float64 => Cell::Number(primitive!(Float64Type)),
        DataType::Timestamp(unit, _) => {
            let (count, nanos) = match unit {
                TimeUnit::Second => (primitive!(TimestampSecondType), 1_000_000_000),
                TimeUnit::Millisecond => (primitive!(TimestampMillisecondType), 1_000_000),
                TimeUnit::Microsecond => (primitive!(TimestampMicrosecondType), 1_000),
                TimeUnit::Nanosecond => (primitive!(TimestampNanosecondType), 1),
            };
            // A time beyond what nanoseconds can say keeps its text.
            count.checked_mul(nanos).map_or_else(|| text(array, row), |n| Ok(Cell::Time(EventTime::from_nanos(n))))?
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row))?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let named = columns.map(|(column, field)| Ok((field.name().as_str().into(), cell(column, row)?)));
            Cell::Record(named.collect::<Result<_, ArrowError>>()?)
        }
        _ => text(array, row)?,
    })
}

/// A list's values are cut out of their array, so what they hold is owned.
fn list<'a>(values: &ArrayRef) -> Result<Cell<'a>, ArrowError> {
    (0..values.len()).map(|row| Ok(owned(cell(values, row)?))).collect::<Result<_, ArrowError>>().map(Cell::List)
}

fn owned<'a>(cell: Cell<'_>) -> Cell<'a> {
    match cell {
        Cell::Null => Cell::Null,
        Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
        Cell::Whole(n) => Cell::Whole(n),
        Cell::Large(n) => Cell::Large(n),
        Cell::Number(n) => Cell::Number(n),
        Cell::Flag(b) => Cell::Flag(b),
        Cell::Time(t) => Cell::Time(t),
        Cell::List(all) => Cell::List(all.into_iter().map(owned).collect()),
        Cell::Record(all) => {
            Cell::Record(all.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), owned(value))).collect())
        }
    }
}

fn text<'a>(array: &ArrayRef, row: usize) -> Result<Cell<'a>, ArrowError> {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default())?;
    Ok(Cell::Text(formatter.value(row).try_to_string()?.into()))
}
