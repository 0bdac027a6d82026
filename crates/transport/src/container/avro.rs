//! Event Hubs Capture: an Avro object container whose records carry a message's bytes in the field `Body`.
//!
//! Only what it takes to find the bodies: the container's blocks are opened, each record is walked by its schema and its
//! body handed out where it lies. Nothing is built from a record, so a hostile file cannot make us allocate.
//! (Apache Avro 1.11 specification, "Object Container Files" and "Binary Encoding".)

use crate::Limits;
use crate::read::{Flow, Out, PayloadKind, Source};
use caponier_model::RejectReason;
use serde_json::Value;
use std::io::{self, Read};

/// How a file begins.
pub(super) const MAGIC: &[u8] = b"Obj\x01";

/// Schemas and lists nested deeper than this are refused.
const DEEPEST: u32 = 64;

/// Metadata (schema and codec) larger than this is refused, in bytes.
const METADATA_BYTES: u64 = 1 << 20;

/// Hands over the body of each record, with the record's ordinal in the file.
pub(super) fn read(source: Source<'_>, out: &mut Out<'_>) -> Flow {
    let mut stream = source.reader;
    let header = match header(&mut stream) {
        Ok(header) => header,
        Err(fault) => return fault.refuse(0, "Avro header", source.packed, out),
    };
    let mut ordinal = 0;
    let mut block = Vec::new();
    loop {
        let records = match next_block(&mut stream, &header, out.limits, &mut block) {
            Ok(None) => return Ok(()),
            Ok(Some(records)) => records,
            Err(fault) => return fault.refuse(ordinal + 1, "Avro block", source.packed, out),
        };
        let mut bytes = block.as_slice();
        for _ in 0..records {
            ordinal += 1;
            let mut body = None;
            if let Err(fault) = walk(&header.schema, &mut bytes, &mut body) {
                // The next block begins at a marker of its own: only the rest of this one is lost.
                fault.refuse(ordinal, "Avro record", None, out)?;
                break;
            }
            match body.map(<[u8]>::trim_ascii).filter(|b| !b.is_empty()) {
                Some(body) => out.payload(ordinal, PayloadKind::Message, body)?,
                None => continue, // Event Hubs lets a message have no body; it holds no record
            }
        }
    }
}

/// Why reading stops.
enum Fault {
    Stream(io::Error),
    Content(&'static str),
    TooLarge(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}

impl Fault {
    fn refuse(self, ordinal: u64, what: &str, packed: Option<&'static str>, out: &mut Out<'_>) -> Flow {
        match self {
            Self::Stream(error) => out.broken(ordinal, &error, &[], Some(packed.unwrap_or("Avro"))),
            Self::Content(detail) => {
                out.refuse(ordinal, RejectReason::BadContainer, &format!("{what}: {detail}"), &[], true)
            }
            Self::TooLarge(detail) => {
                out.refuse(ordinal, RejectReason::TooLarge, &format!("{what}: {detail}"), &[], true)
            }
        }
    }
}

/// What the beginning of a file says.
struct Header {
    schema: Shape,
    codec: Codec,
    marker: [u8; 16],
}

/// A schema, as far as it takes to walk over a value.
enum Shape {
    Nothing,
    /// So many bytes.
    Fixed(usize),
    /// A number of variable length.
    Number,
    /// A length and so many bytes; `true` for the body.
    Bytes(bool),
    Record(Vec<Shape>),
    Union(Vec<Shape>),
    List(Box<Shape>),
    Map(Box<Shape>),
}

/// A codec of the container: inflates a block up to a number of bytes.
type Codec = fn(&[u8], usize, &mut Vec<u8>) -> Result<(), Fault>;

/// One row per codec.
const CODECS: &[(&str, Codec)] = &[("null", plain), ("deflate", deflate), ("snappy", snappy), ("zstandard", zstandard)];

fn header(stream: &mut dyn Read) -> Result<Header, Fault> {
    let mut limited = stream.take(METADATA_BYTES);
    let mut magic = [0; 4];
    limited.read_exact(&mut magic)?;
    let (mut schema, mut codec) = (None, plain as Codec);
    loop {
        let mut entries = long(&mut limited)?.ok_or_else(cut_off)?;
        if entries == 0 {
            break;
        }
        if entries < 0 {
            long(&mut limited)?; // the size of the entries, for readers that skip them
            entries = entries.saturating_neg();
        }
        for _ in 0..entries {
            let key = sized(&mut limited)?;
            let value = sized(&mut limited)?;
            match key.as_slice() {
                b"avro.schema" => schema = Some(value),
                b"avro.codec" => {
                    let row = CODECS.iter().find(|(name, _)| name.as_bytes() == value);
                    codec = row.ok_or(Fault::Content("a codec other than null, deflate, snappy and zstandard"))?.1;
                }
                _ => {}
            }
        }
    }
    let schema = schema.ok_or(Fault::Content("no schema"))?;
    let schema: Value = serde_json::from_slice(&schema).map_err(|_| Fault::Content("the schema is not JSON"))?;
    let mut marker = [0; 16];
    limited.read_exact(&mut marker)?;
    let schema = shape(&schema, true, DEEPEST)?;
    let Shape::Record(fields) = &schema else { return Err(Fault::Content("the schema is no record")) };
    if !fields.iter().any(holds_body) {
        return Err(Fault::Content("no field Body of bytes; only Event Hubs Capture files are read"));
    }
    Ok(Header { schema, codec, marker })
}

fn holds_body(shape: &Shape) -> bool {
    match shape {
        Shape::Bytes(body) => *body,
        Shape::Union(branches) => branches.iter().any(holds_body),
        _ => false,
    }
}

/// Reads a schema; `top` where it is the record whose field `Body` is wanted.
fn shape(schema: &Value, top: bool, depth: u32) -> Result<Shape, Fault> {
    let depth = depth.checked_sub(1).ok_or(Fault::Content("a schema nested too deep"))?;
    let kind = match schema {
        Value::Array(branches) => {
            return Ok(Shape::Union(branches.iter().map(|b| shape(b, false, depth)).collect::<Result<_, _>>()?));
        }
        Value::Object(object) => match object.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(inner) => return shape(inner, top, depth),
            None => return Err(Fault::Content("a schema without a type")),
        },
        Value::String(kind) => kind.as_str(),
        _ => return Err(Fault::Content("a schema that is neither name, list nor object")),
    };
    let part = |name: &str| schema.get(name).ok_or(Fault::Content("a schema without its parts"));
    Ok(match kind {
        "null" => Shape::Nothing,
        "boolean" => Shape::Fixed(1),
        "float" => Shape::Fixed(4),
        "double" => Shape::Fixed(8),
        "int" | "long" | "enum" => Shape::Number,
        "bytes" | "string" => Shape::Bytes(false),
        "fixed" => Shape::Fixed(part("size")?.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)),
        "array" => Shape::List(Box::new(shape(part("items")?, false, depth)?)),
        "map" => Shape::Map(Box::new(shape(part("values")?, false, depth)?)),
        "record" => {
            let fields = part("fields")?.as_array().ok_or(Fault::Content("a record without fields"))?;
            let fields = fields.iter().map(|field| {
                let kind = field.get("type").ok_or(Fault::Content("a field without a type"))?;
                let mut inner = shape(kind, false, depth)?;
                if top && field.get("name").and_then(Value::as_str) == Some("Body") {
                    mark_body(&mut inner);
                }
                Ok(inner)
            });
            Shape::Record(fields.collect::<Result<_, Fault>>()?)
        }
        // Event Hubs Capture names no type twice; a schema that refers to itself could nest without end.
        _ => return Err(Fault::Content("a schema with a type by name; only Event Hubs Capture files are read")),
    })
}

fn mark_body(shape: &mut Shape) {
    match shape {
        Shape::Bytes(body) => *body = true,
        Shape::Union(branches) => branches.iter_mut().for_each(mark_body),
        _ => {}
    }
}

/// Walks over one value and remembers the body where it comes by.
fn walk<'b>(shape: &Shape, bytes: &mut &'b [u8], body: &mut Option<&'b [u8]>) -> Result<(), Fault> {
    match shape {
        Shape::Nothing => {}
        Shape::Fixed(length) => {
            skip(bytes, *length)?;
        }
        Shape::Number => {
            number(bytes)?;
        }
        Shape::Bytes(is_body) => {
            let length = usize::try_from(number(bytes)?).map_err(|_| Fault::Content("a negative length"))?;
            let value = skip(bytes, length)?;
            if *is_body {
                *body = Some(value);
            }
        }
        Shape::Record(fields) => fields.iter().try_for_each(|field| walk(field, bytes, body))?,
        Shape::Union(branches) => {
            let branch = usize::try_from(number(bytes)?).ok().and_then(|i| branches.get(i));
            walk(branch.ok_or(Fault::Content("a branch that its union does not have"))?, bytes, body)?;
        }
        Shape::List(item) => walk_blocks(bytes, |bytes| walk(item, bytes, body))?,
        Shape::Map(value) => walk_blocks(bytes, |bytes| {
            walk(&Shape::Bytes(false), bytes, &mut None)?;
            walk(value, bytes, body)
        })?,
    }
    Ok(())
}

/// Walks over the blocks of a list or map.
fn walk_blocks<'b>(
    bytes: &mut &'b [u8],
    mut item: impl FnMut(&mut &'b [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    loop {
        let items = number(bytes)?;
        if items == 0 {
            return Ok(());
        }
        if items < 0 {
            let length = number(bytes)?;
            skip(bytes, usize::try_from(length).map_err(|_| Fault::Content("a negative length"))?)?;
            continue;
        }
        for _ in 0..items {
            let before = bytes.len();
            item(bytes)?;
            if bytes.len() == before {
                break; // items without bytes: however many they claim to be, there is nothing to walk over
            }
        }
    }
}

fn skip<'b>(bytes: &mut &'b [u8], length: usize) -> Result<&'b [u8], Fault> {
    let (value, rest) = bytes.split_at_checked(length).ok_or(Fault::Content("a value longer than its block"))?;
    *bytes = rest;
    Ok(value)
}

fn number(bytes: &mut &[u8]) -> Result<i64, Fault> {
    long(bytes).ok().flatten().ok_or(Fault::Content("a number cut off or too long"))
}

/// A zigzag number of variable length; `None` at the end of the stream.
fn long(stream: &mut dyn Read) -> io::Result<Option<i64>> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return if shift == 0 { Ok(None) } else { Err(cut_off()) };
        }
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(Some((value >> 1) as i64 ^ -((value & 1) as i64)));
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a number of more than ten bytes"))
}

fn cut_off() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// A length and so many bytes, within what the stream's limit leaves.
fn sized(stream: &mut dyn Read) -> Result<Vec<u8>, Fault> {
    let length = long(stream)?.ok_or_else(cut_off)?;
    let length = u64::try_from(length).map_err(|_| Fault::Content("a negative length"))?;
    let mut value = Vec::new();
    // Read as far as there is anything: a length alone reserves no memory.
    if (stream.take(length).read_to_end(&mut value)? as u64) < length {
        return Err(cut_off().into());
    }
    Ok(value)
}

/// Reads and inflates the next block; the number of its records, `None` at the end of the file.
fn next_block(
    stream: &mut dyn Read,
    header: &Header,
    limits: &Limits,
    block: &mut Vec<u8>,
) -> Result<Option<u64>, Fault> {
    let Some(records) = long(stream)? else { return Ok(None) };
    let size = long(stream)?.ok_or_else(cut_off)?;
    let records = u64::try_from(records).map_err(|_| Fault::Content("a negative number of records"))?;
    let size = u64::try_from(size).map_err(|_| Fault::Content("a negative length"))?;
    if size > limits.document_bytes as u64 {
        return Err(Fault::TooLarge("a block larger than the limit document_bytes"));
    }
    let mut packed = Vec::new();
    if ((&mut *stream).take(size).read_to_end(&mut packed)? as u64) < size {
        return Err(cut_off().into());
    }
    let mut marker = [0; 16];
    stream.read_exact(&mut marker)?;
    if marker != header.marker {
        return Err(Fault::Content("a block that does not end with the file's marker"));
    }
    block.clear();
    (header.codec)(&packed, limits.document_bytes, block)?;
    Ok(Some(records))
}

fn plain(packed: &[u8], _: usize, block: &mut Vec<u8>) -> Result<(), Fault> {
    block.extend_from_slice(packed);
    Ok(())
}

fn deflate(packed: &[u8], most: usize, block: &mut Vec<u8>) -> Result<(), Fault> {
    inflate(flate2::read::DeflateDecoder::new(packed), most, block)
}

fn zstandard(packed: &[u8], most: usize, block: &mut Vec<u8>) -> Result<(), Fault> {
    inflate(zstd::stream::read::Decoder::with_buffer(packed)?, most, block)
}

fn inflate(decoder: impl Read, most: usize, block: &mut Vec<u8>) -> Result<(), Fault> {
    if decoder.take(most as u64 + 1).read_to_end(block)? > most {
        return Err(INFLATES_TOO_FAR);
    }
    Ok(())
}

const INFLATES_TOO_FAR: Fault = Fault::TooLarge("a block that inflates beyond the limit document_bytes");

/// Avro's snappy blocks end with the CRC-32 of what they inflate to, which the JSON of the bodies makes up for.
fn snappy(packed: &[u8], most: usize, block: &mut Vec<u8>) -> Result<(), Fault> {
    let damaged = |_| Fault::Content("a damaged snappy block");
    let packed = packed.get(..packed.len().saturating_sub(4)).unwrap_or_default();
    if snap::raw::decompress_len(packed).map_err(damaged)? > most {
        return Err(INFLATES_TOO_FAR);
    }
    *block = snap::raw::Decoder::new().decompress_vec(packed).map_err(damaged)?;
    Ok(())
}
