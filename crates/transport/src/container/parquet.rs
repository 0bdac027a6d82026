//! Parquet: each row becomes one JSON object, typed as its columns are. Must not know which columns mean what.

use crate::read::{Flow, Out, PayloadKind, Source};
use arrow_json::LineDelimitedWriter;
use arrow_schema::{DataType, FieldRef, Fields, Schema};
use caponier_model::RejectReason;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How a file begins.
pub(super) const MAGIC: &[u8] = b"PAR1";

/// Rows turned into text at a time: enough to share the cost of a batch, few enough to stay small with wide rows.
const BATCH_ROWS: usize = 256;

/// Hands over each row with its ordinal.
pub(super) fn read(source: Source<'_>, out: &mut Out<'_>) -> Flow {
    let mut reader = match open(source, out) {
        Ok(reader) => reader,
        Err(detail) => return out.refuse(0, RejectReason::BadContainer, &detail, &[], true),
    };
    let (mut ordinal, mut text) = (0, Vec::new());
    loop {
        text.clear();
        match next_rows(&mut reader, &mut text) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(detail) => return out.refuse(ordinal + 1, RejectReason::BadContainer, &detail, &[], true),
        }
        // The writer escapes newlines inside values, so each line is one row.
        for row in text.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
            ordinal += 1;
            if row.len() > out.limits.line_bytes {
                let detail = format!("a row of {} bytes, more than the limit line_bytes", row.len());
                out.refuse(ordinal, RejectReason::TooLarge, &detail, row, false)?;
            } else {
                out.payload(ordinal, PayloadKind::Row, row)?;
            }
        }
    }
}

fn open(source: Source<'_>, out: &mut Out<'_>) -> Result<ParquetRecordBatchReader, String> {
    // Parquet is read from its end, so a compressed file is first unpacked into a temporary one.
    let file = spool(source, out).map_err(|error| format!("the Parquet file cannot be read to its end: {error}"))?;
    contained(|| batches(file).map_err(|error| error.to_string()))
}

fn batches(file: File) -> Result<ParquetRecordBatchReader, ParquetError> {
    let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    let schema = Schema::new(plain.schema().fields().iter().map(in_utc).collect::<Fields>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    let metadata = ArrowReaderMetadata::try_new(plain.metadata().clone(), options)?;
    ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(BATCH_ROWS).build()
}

/// The same field with instants in UTC. Parquet stores them so whatever zone a writer noted, and the JSON writer knows
/// zones by offset only.
fn in_utc(field: &FieldRef) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(item) => DataType::List(in_utc(item)),
        DataType::LargeList(item) => DataType::LargeList(in_utc(item)),
        DataType::Map(entries, sorted) => DataType::Map(in_utc(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(in_utc).collect()),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(kind))
}

fn spool(source: Source<'_>, out: &mut Out<'_>) -> io::Result<File> {
    if let Some(file) = source.file {
        out.read_whole(file.metadata()?.len());
        return Ok(file);
    }
    let mut reader = source.reader;
    let mut file = match &out.limits.temp_dir {
        Some(folder) => tempfile::tempfile_in(folder)?,
        None => tempfile::tempfile()?,
    };
    io::copy(&mut reader, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Writes the next rows as JSON Lines; false at the end.
fn next_rows(reader: &mut ParquetRecordBatchReader, text: &mut Vec<u8>) -> Result<bool, String> {
    contained(|| {
        let Some(batch) = reader.next() else { return Ok(false) };
        let batch = batch.map_err(|error| error.to_string())?;
        let mut writer = LineDelimitedWriter::new(text);
        writer.write(&batch).and_then(|()| writer.finish()).map_err(|error| error.to_string())?;
        Ok(true)
    })
}

/// The Parquet reader asserts where damaged files break its assumptions: that is a fault of the file, not of the run.
fn contained<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("its structure contradicts itself".to_owned()))
        .map_err(|detail| format!("the Parquet file is damaged: {detail}"))
}
