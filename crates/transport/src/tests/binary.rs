//! Event Hubs Capture and Parquet: what their own libraries wrote, and what a test wants written.

use super::avro_writer::{CODECS, capture, header};
use super::{Dice, gz, read_bytes, tiny};
use crate::{Limits, PayloadKind};
use caponier_model::RejectReason;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// What the Apache library wrote, by codec.
const WRITTEN: [(&str, &[u8]); 4] = [
    ("null", include_bytes!("data/capture-null.avro")),
    ("deflate", include_bytes!("data/capture-deflate.avro")),
    ("snappy", include_bytes!("data/capture-snappy.avro")),
    ("zstandard", include_bytes!("data/capture-zstandard.avro")),
];

#[test]
fn capture_gives_the_bodies_in_every_codec() {
    let bodies = [Some("{\"records\":[{}]}"), None, Some(""), Some("{\"a\":\"ü\"}\r\n"), Some("not json")];
    let want = [(1, "{\"records\":[{}]}"), (4, "{\"a\":\"ü\"}"), (5, "not json")];
    let ours = CODECS.map(|codec| (codec, capture(&bodies, codec)));
    let theirs = WRITTEN.map(|(codec, bytes)| (codec, bytes.to_vec()));
    for (codec, bytes) in ours.into_iter().chain(theirs) {
        for (name, bytes) in [("x.avro", bytes.clone()), ("x.avro.gz", gz(&bytes)), ("no-extension", bytes)] {
            let got = read_bytes(name, &bytes, &Limits::default());
            assert!(got.refused.is_empty(), "{codec:?} {name}: {:?}", got.refused);
            assert_eq!(got.lines(), want, "{codec:?} {name}");
            assert!(got.payloads.iter().all(|p| p.kind == PayloadKind::Message));
        }
    }
}

#[test]
fn a_capture_cut_off_gives_what_it_had() {
    let texts: Vec<String> = (0..50).map(|i| format!("{{\"i\":{i}}}")).collect();
    let bodies: Vec<Option<&str>> = texts.iter().map(|t| Some(t.as_str())).collect();
    let whole = capture(&bodies, "null");
    for keep in [2, 10, 300, whole.len() / 2, whole.len() - 1] {
        let got = read_bytes("x.avro", &whole[..keep], &Limits::default());
        assert_eq!(got.refused.len(), 1, "{keep}");
        assert_eq!(got.refused[0].reject.reason, RejectReason::BadContainer, "{keep}");
        let given: Vec<&str> = got.payloads.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(given, texts[..given.len()], "{keep}");
    }
    assert!(read_bytes("x.avro", &whole[..whole.len() - 1], &Limits::default()).payloads.len() > 40);
}

#[test]
fn an_avro_file_that_is_no_capture_says_so() {
    for (schema, word) in [
        (r#"{"type":"record","name":"R","fields":[{"name":"Other","type":"bytes"}]}"#, "Body"),
        (r#"{"type":"record","name":"R","fields":[{"name":"Body","type":"long"}]}"#, "Body"),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"Body","type":"bytes"},{"name":"N","type":["null","R"]}]}"#,
            "name",
        ),
        (r#""long""#, "record"),
    ] {
        let got = read_bytes("x.avro", &header(schema, "null"), &Limits::default());
        assert_eq!(got.reasons(), [(0, RejectReason::BadContainer)]);
        assert!(got.refused[0].reject.detail.contains(word), "{:?}", got.refused[0].reject);
    }
}

#[test]
fn a_block_that_inflates_too_far_is_refused() {
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    for codec in CODECS {
        let bytes = capture(&[Some("{}"), Some(&long)], codec);
        let got = read_bytes("x.avro", &bytes, &Limits { document_bytes: 1 << 20, ..Limits::default() });
        assert_eq!(got.refused.len(), 1, "{codec:?}");
        assert_eq!(got.refused[0].reject.reason, RejectReason::TooLarge, "{codec:?}");
    }
}

/// Rows of a text, a nanosecond instant and a number of 18 digits.
fn parquet(rows: &[(Option<&str>, i64, i64)], compression: Compression) -> Vec<u8> {
    let schema = "message row { optional binary Text (STRING); required int64 Time (TIMESTAMP(NANOS,true)); required int64 Id; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = file.next_row_group().unwrap();
    let texts: Vec<ByteArray> = rows.iter().filter_map(|r| r.0).map(ByteArray::from).collect();
    let levels: Vec<i16> = rows.iter().map(|r| i16::from(r.0.is_some())).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None).unwrap();
    column.close().unwrap();
    for values in [rows.iter().map(|r| r.1).collect::<Vec<_>>(), rows.iter().map(|r| r.2).collect()] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    file.close().unwrap();
    bytes
}

#[test]
fn parquet_rows_keep_nanoseconds_and_long_integers() {
    let rows = [
        (Some("two\nlines \"quoted\""), 1_784_383_453_951_671_401, 639_199_803_770_463_703),
        (None, 0, -1),
        (Some(""), 1, 0),
    ];
    let want = [
        (1, r#"{"Text":"two\nlines \"quoted\"","Time":"2026-07-18T14:04:13.951671401Z","Id":639199803770463703}"#),
        (2, r#"{"Time":"1970-01-01T00:00:00Z","Id":-1}"#),
        (3, r#"{"Text":"","Time":"1970-01-01T00:00:00.000000001Z","Id":0}"#),
    ];
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let bytes = parquet(&rows, compression);
        for (name, bytes) in [("x.parquet", bytes.clone()), ("x.parquet.gz", gz(&bytes)), ("part-0", bytes)] {
            let got = read_bytes(name, &bytes, &tiny_rows());
            assert!(got.refused.is_empty(), "{name}: {:?}", got.refused);
            assert_eq!(got.lines(), want, "{name}");
            assert!(got.payloads.iter().all(|p| p.kind == PayloadKind::Row));
            assert_eq!(got.tally.bytes, bytes.len() as u64);
        }
    }
}

fn tiny_rows() -> Limits {
    Limits { line_bytes: 1000, ..tiny() }
}

#[test]
fn a_parquet_row_beyond_the_limit_is_refused_alone() {
    let long = "x".repeat(2000);
    let got =
        read_bytes("x.parquet", &parquet(&[(Some(&long), 1, 1), (Some("y"), 1, 1)], Compression::SNAPPY), &tiny_rows());
    assert_eq!(got.reasons(), [(1, RejectReason::TooLarge)]);
    assert_eq!(got.payloads[0].offset, 2);
}

#[test]
fn damaged_binaries_never_panic_and_never_go_unnoticed_when_cut() {
    let rows: Vec<_> = (0..300).map(|i| (Some("text"), i, i * i)).collect();
    let parquet = parquet(&rows, Compression::SNAPPY);
    let texts: Vec<String> = (0..40).map(|i| format!("{{\"i\":{i}}}")).collect();
    let bodies: Vec<Option<&str>> = texts.iter().map(|t| Some(t.as_str())).collect();
    let mut dice = Dice(17);
    for (name, whole) in [
        ("x.parquet", &parquet),
        ("x.avro", &capture(&bodies, "null")),
        ("x.avro", &capture(&bodies, "snappy")),
        ("x.avro", &capture(&bodies, "deflate")),
    ] {
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..=dice.roll(3) {
                let at = dice.roll(bytes.len() as u64) as usize;
                bytes[at] = dice.roll(256) as u8;
            }
            read_bytes(name, &bytes, &Limits { document_bytes: 1 << 20, ..Limits::default() });
            let keep = 4 + dice.roll(whole.len() as u64 - 4) as usize;
            assert!(name == "x.avro" || !read_bytes(name, &whole[..keep], &Limits::default()).refused.is_empty());
        }
    }
}
