//! Numbers stand for texts: in their order, the same in all tables of a set, and back again.

use super::{Tables, numbered};
use crate::columns::Columns;
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, LargeStringArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::Int64Type;
use std::sync::Arc;

/// Texts that tell each other apart early, late, by length and not at all; and none.
const TEXTS: [Option<&str>; 8] = [
    Some("zoe@h.example"),
    Some(""),
    Some("anna.long.name@h.example"),
    None,
    Some("anna.long.nama@h.example"),
    Some("anna"),
    Some("ärger"),
    Some("zoe@h.example"),
];

fn table(columns: &[(&str, &[Option<&str>])]) -> RecordBatch {
    let made = |texts: &[Option<&str>]| Arc::new(texts.iter().copied().collect::<StringArray>()) as ArrayRef;
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, texts)| (*name, made(texts), true))).unwrap()
}

fn domains(texts: &[Option<&str>]) -> (&'static str, RecordBatch) {
    ("domains", table(&[("tenant", &vec![Some("t"); texts.len()]), ("domain", texts)]))
}

fn column(tables: &Tables, table: usize, name: &str) -> Vec<Option<i64>> {
    tables[table].1.column_by_name(name).unwrap().as_primitive::<Int64Type>().iter().collect()
}

#[test]
fn numbers_are_in_the_order_of_the_texts() {
    let (tables, words) = numbered(vec![domains(&TEXTS)]).unwrap();
    let numbers = column(&tables, 0, "domain");
    for (a, text) in numbers.iter().zip(TEXTS) {
        assert_eq!(a.is_none(), text.is_none());
        for (b, other) in numbers.iter().zip(TEXTS) {
            assert_eq!(a.cmp(b), text.cmp(&other), "{text:?} {other:?}");
        }
    }
    // Every text has one, and no number is left out.
    let table = words.table().unwrap();
    let texts: &LargeStringArray = table.column(1).as_string();
    let texts: Vec<&str> = texts.iter().flatten().collect();
    let mut wanted: Vec<&str> = TEXTS.into_iter().flatten().chain(["t"]).collect();
    wanted.sort_unstable();
    wanted.dedup();
    assert_eq!(texts, wanted);
    let given: &Int64Array = table.column(0).as_primitive();
    assert!(given.values().iter().copied().eq(0..wanted.len() as i64));
}

#[test]
fn one_text_has_one_number_in_all_tables_of_a_set() {
    let invitations: &[(&str, &[Option<&str>])] = &[
        ("tenant", &[Some("t"), Some("anna")]),
        ("object", &[None, Some("zoe@h.example")]),
        ("address", &[Some("anna"), None]),
        ("address_text", &[Some("anna"), None]),
    ];
    let (tables, _) = numbered(vec![domains(&TEXTS), ("invitations", table(invitations))]).unwrap();
    let (domain, tenant) = (column(&tables, 0, "domain"), column(&tables, 0, "tenant"));
    assert_eq!(column(&tables, 1, "tenant"), [tenant[0], domain[5]]);
    assert_eq!(column(&tables, 1, "object"), [None, domain[0]]);
    assert_eq!(column(&tables, 1, "address"), [domain[5], None]);
    // What a query may show stays as it is.
    let shown: &StringArray = tables[1].1.column_by_name("address_text").unwrap().as_string();
    assert_eq!(shown.iter().collect::<Vec<_>>(), [Some("anna"), None]);
}

#[test]
fn what_a_query_yields_is_spelled_again_but_times_and_counts() {
    let (tables, words) = numbered(vec![domains(&TEXTS)]).unwrap();
    let numbers = column(&tables, 0, "domain");
    let all = || numbers.iter().copied();
    let ints = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let columns = [
        ("home_object", ints(all().collect())),
        ("candidates", ints(all().map(|_| Some(2)).collect())),
        ("valid_from", ints(all().map(|_| Some(1)).collect())),
        ("valid_until", ints(all().map(|_| None).collect())),
        ("source", Arc::new(TEXTS.into_iter().collect::<StringArray>()) as ArrayRef),
    ];
    let found = words.spelled(&RecordBatch::try_from_iter(columns.clone()).unwrap()).unwrap();
    let spelled: &StringArray = found.column(0).as_string();
    assert_eq!(spelled.iter().collect::<Vec<_>>(), TEXTS);
    for (at, (name, before)) in columns.iter().enumerate().skip(1) {
        assert_eq!(found.column(at), before, "{name}");
    }
}

#[test]
fn a_number_that_none_has_spells_nothing() {
    let (_, words) = numbered(vec![domains(&TEXTS)]).unwrap();
    let strange: ArrayRef = Arc::new(Int64Array::from(vec![-1, 7, i64::MAX, i64::MIN, 0]));
    let strange = RecordBatch::try_from_iter_with_nullable([("home_object", strange, true)]).unwrap();
    let found = words.spelled(&strange).unwrap();
    let found: &StringArray = found.column(0).as_string();
    assert_eq!(found.iter().collect::<Vec<_>>(), [None, None, None, None, Some("")]);
}

#[test]
fn tables_without_rows_have_numbers_for_columns() {
    let (tables, words) = numbered(vec![domains(&[])]).unwrap();
    assert_eq!(column(&tables, 0, "domain"), []);
    assert_eq!(words.table().unwrap().num_rows(), 0);
}

#[test]
fn a_column_that_is_no_text_is_named() {
    let wrong = Columns::default().texts("tenant", [Some("t")].into_iter()).flags("domain", [true].into_iter());
    let error = numbered(vec![("domains", wrong.finish().unwrap())]).err().unwrap().to_string();
    assert!(error.contains("domain of domains"), "{error}");
    let error = numbered(vec![("domains", table(&[("tenant", &[Some("t")])]))]).err().unwrap().to_string();
    assert!(error.contains("domain"), "{error}");
}
