//! The tables of incidents and findings, read from the lines that `replay --out` wrote. Knows the fields it shows, no more.

use super::sheet::{moment, written};
use caponier_model::{TenantId, Tenants};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringBuilder, UInt64Array};
use datafusion::arrow::compute::{concat_batches, take};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use std::io::BufRead;
use std::sync::Arc;

/// A column: its name, its meaning, and where it stands in a line.
pub(super) type Place = (&'static str, &'static str, &'static [&'static str]);

/// The name, content and columns of a table that needs the file.
pub(super) struct Filed {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: &'static [Place],
}

pub(super) const INCIDENTS: Filed = Filed {
    name: "incidents",
    about: "incident; only with the file that `replay --out` wrote",
    columns: &[
        ("incident", "its id", &["id"]),
        ("state", "active, inProgress, resolved", &["state"]),
        ("title", "title", &["title"]),
        ("headline", "what and where in one line", &["headline"]),
        ("status", "status of the queue it is worked in", &["status"]),
        ("owner", "who works on it", &["owner"]),
        ("verdict", "what was decided", &["verdict"]),
        ("severity", "informational, low, medium, high", &["severity"]),
        ("score", "score, a sum of points", &["score", "total"]),
        ("confidence", "confidence, 0 to 1", &["confidence"]),
        ("tenants", "tenants, by name", &["tenants", "name"]),
        ("tenant_ids", "tenants", &["tenants", "id"]),
        ("cross_tenant", "true where it spans tenants", &["cross_tenant"]),
        ("first_activity", "first activity", &["first_activity"]),
        ("last_activity", "last activity", &["last_activity"]),
        ("persons", "persons, each as the function `person` yields it", &["persons", "person"]),
        ("tactics", "tactics", &["tactics"]),
        ("techniques", "techniques", &["techniques"]),
        ("digest", "digest of the final form", &["digest"]),
    ],
};

pub(super) const FINDINGS: Filed = Filed {
    name: "findings",
    about: "finding of an incident; only with the file that `replay --out` wrote",
    columns: &[
        ("incident", "the incident it is in", &[]),
        ("tenant", "the tenant that owns it, by name", &[]),
        ("tenant_id", "the tenant that owns it", &["key", "tenant"]),
        ("product", "the product that raised it", &["key", "product"]),
        ("id", "the product's own id", &["key", "id"]),
        ("role", "core or attached", &["role"]),
        ("title", "title", &["title"]),
        ("severity", "informational, low, medium, high", &["severity"]),
        ("first_activity", "first activity", &["first_activity"]),
        ("last_activity", "last activity", &["last_activity"]),
        ("formats", "formats it was seen in", &["sightings", "format"]),
    ],
};

fn text() -> DataType {
    DataType::Utf8
}

fn record(fields: &[(&str, DataType)]) -> DataType {
    DataType::Struct(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect())
}

fn list(of: DataType) -> DataType {
    DataType::new_list(of, true)
}

/// The part of an incident's line that the tables show (design 6).
fn line() -> SchemaRef {
    let key = record(&[("tenant", text()), ("product", text()), ("id", text())]);
    let finding = record(&[
        ("key", key),
        ("role", text()),
        ("title", text()),
        ("severity", text()),
        ("first_activity", moment()),
        ("last_activity", moment()),
        ("sightings", list(record(&[("format", text())]))),
    ]);
    let texts = ["id", "state", "title", "headline", "status", "owner", "verdict", "severity", "digest"];
    let others = [
        ("score", record(&[("total", DataType::Int64)])),
        ("confidence", DataType::Float64),
        ("tenants", list(record(&[("id", text()), ("name", text())]))),
        ("cross_tenant", DataType::Boolean),
        ("first_activity", moment()),
        ("last_activity", moment()),
        ("persons", list(record(&[("person", text())]))),
        ("tactics", list(text())),
        ("techniques", list(text())),
        ("findings", list(finding)),
    ];
    let all = texts.into_iter().map(|name| (name, text())).chain(others);
    Arc::new(Schema::new(all.map(|(name, kind)| Field::new(name, kind, true)).collect::<Fields>()))
}

/// Reads the lines of `reader`.
///
/// # Errors
/// A line that is no JSON object, has another type of value where the tables need one, or has no `id`.
pub(super) fn read(reader: impl BufRead, tenants: &Tenants) -> Result<[RecordBatch; 2], ArrowError> {
    let schema = line();
    let batches = ReaderBuilder::new(Arc::clone(&schema)).build(reader)?.collect::<Result<Vec<_>, _>>()?;
    let lines = concat_batches(&schema, &batches)?;
    let ids = at(&lines, "id")?;
    if let Some(row) = (0..ids.len()).find(|row| ids.is_null(*row)) {
        let fault = format!("incident {} has no id, so this is not what replay --out writes", row + 1);
        return Err(ArrowError::JsonError(fault));
    }
    let whole: ArrayRef = Arc::new(datafusion::arrow::array::StructArray::from(lines.clone()));
    let incidents = INCIDENTS.columns.iter().map(|(name, _, place)| Ok((*name, walk(&whole, place)?)));
    let incidents = incidents.collect::<Result<Vec<_>, ArrowError>>()?;
    Ok([table(incidents)?, findings(&lines, &ids, tenants)?])
}

fn table(columns: Vec<(&'static str, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
}

fn findings(lines: &RecordBatch, ids: &ArrayRef, tenants: &Tenants) -> Result<RecordBatch, ArrowError> {
    let lists = at(lines, "findings")?;
    let lists = lists.as_list::<i32>();
    let (mut owners, mut places) = (Vec::new(), Vec::new());
    for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
        let (from, until) = (lists.value_offsets()[row], lists.value_offsets()[row + 1]);
        places.extend((from..until).map(i64::from).filter_map(|p| u64::try_from(p).ok()));
        owners.resize(places.len(), row as u64);
    }
    let each = take(lists.values(), &UInt64Array::from(places), None)?;
    let mut columns = Vec::new();
    for (name, _, place) in FINDINGS.columns {
        let array = match *name {
            "incident" => take(ids, &UInt64Array::from(owners.clone()), None)?,
            "tenant" => tenant_names(&walk(&each, &["key", "tenant"])?, tenants),
            _ => walk(&each, place)?,
        };
        columns.push((*name, array));
    }
    table(columns)
}

fn tenant_names(ids: &ArrayRef, tenants: &Tenants) -> ArrayRef {
    let mut names = StringBuilder::new();
    for id in ids.as_string::<i32>() {
        match id.map(|id| (id, TenantId::parse(id))) {
            Some((_, Some(tenant))) => written(&mut names, tenants.name(tenant)),
            Some((id, None)) => names.append_value(id),
            None => names.append_null(),
        }
    }
    Arc::new(names.finish())
}

fn at(batch: &RecordBatch, name: &str) -> Result<ArrayRef, ArrowError> {
    batch.column_by_name(name).cloned().ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
}

/// The values at a place below `array`; below a list, the list of them.
fn walk(array: &ArrayRef, place: &[&str]) -> Result<ArrayRef, ArrowError> {
    let Some((first, rest)) = place.split_first() else { return Ok(Arc::clone(array)) };
    if let Some(lists) = array.as_list_opt::<i32>() {
        let values = walk(lists.values(), place)?;
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let lists = ListArray::try_new(field, lists.offsets().clone(), values, lists.nulls().cloned())?;
        return Ok(Arc::new(lists));
    }
    let below = array.as_struct_opt().and_then(|s| s.column_by_name(first));
    walk(below.ok_or_else(|| ArrowError::SchemaError(format!("no field {first}")))?, rest)
}
