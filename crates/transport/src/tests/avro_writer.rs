//! A writer of Avro object containers, as far as tests need one. That it writes what others write is checked against
//! `data/capture-*.avro`, which the Apache library (apache-avro 0.21) wrote with the same bodies: as a dependency it would
//! turn on features below DataFusion and so build DataFusion a second time for the tests.

use std::io::Write;

/// The schema that Event Hubs Capture writes.
const CAPTURE: &str = r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[
  {"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"},
  {"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},
  {"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},
  {"name":"Body","type":["null","bytes"]}]}"#;

/// The codecs of the specification that Event Hubs Capture may use.
pub const CODECS: [&str; 4] = ["null", "deflate", "snappy", "zstandard"];

const MARKER: [u8; 16] = *b"sixteen-byte-key";

/// A container with blocks of a few records each.
pub fn capture(bodies: &[Option<&str>], codec: &str) -> Vec<u8> {
    let mut out = header(CAPTURE, codec);
    for (block, bodies) in bodies.chunks(3).enumerate() {
        let mut records = Vec::new();
        for (i, body) in bodies.iter().enumerate() {
            record(&mut records, (block * 3 + i) as i64 - 5, *body);
        }
        let packed = pack(codec, &records);
        long(&mut out, bodies.len() as i64);
        long(&mut out, packed.len() as i64);
        out.extend(packed);
        out.extend(MARKER);
    }
    out
}

/// A container's header; by itself it is a container without records.
pub fn header(schema: &str, codec: &str) -> Vec<u8> {
    let mut out = b"Obj\x01".to_vec();
    long(&mut out, 2);
    for (key, value) in [("avro.codec", codec), ("avro.schema", schema)] {
        bytes(&mut out, key.as_bytes());
        bytes(&mut out, value.as_bytes());
    }
    long(&mut out, 0);
    out.extend(MARKER);
    out
}

fn record(out: &mut Vec<u8>, sequence: i64, body: Option<&str>) {
    long(out, sequence);
    bytes(out, b"4294967296");
    bytes(out, b"7/18/2026 2:03:03 PM");
    // A map is a count, its pairs, and a zero; a value of a union is the index of its type and the value.
    long(out, 1);
    bytes(out, b"x-opt-partition-key");
    long(out, 2);
    bytes(out, b"key");
    long(out, 0);
    long(out, 1);
    bytes(out, b"n");
    long(out, 1);
    out.extend(1.5f64.to_le_bytes());
    long(out, 0);
    long(out, i64::from(body.is_some()));
    if let Some(body) = body {
        bytes(out, body.as_bytes());
    }
}

fn long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    long(out, value.len() as i64);
    out.extend(value);
}

fn pack(codec: &str, block: &[u8]) -> Vec<u8> {
    match codec {
        "deflate" => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(block).unwrap();
            encoder.finish().unwrap()
        }
        "snappy" => {
            let mut packed = snap::raw::Encoder::new().compress_vec(block).unwrap();
            let mut sum = flate2::Crc::new();
            sum.update(block);
            packed.extend(sum.sum().to_be_bytes());
            packed
        }
        "zstandard" => zstd::encode_all(block, 0).unwrap(),
        _ => block.to_vec(),
    }
}
