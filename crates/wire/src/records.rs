//! A payload into its records: one object, a wrapper around an array, a bare array, a query response, or several of
//! these one after the other. Knows the wrappers of exports.md 2, not the formats inside.
//!
//! One bad record never loses its neighbours: inside an array the next record is found by the key that the records of
//! that array open with; between objects by the next line that opens one.

use crate::context::Limits;
use crate::json::{DEEPEST, Fault, FaultKind, Json, container_end, skip_space, string_end, value_end};
use caponier_model::{Reject, RejectReason};
use compact_str::format_compact;
use std::borrow::Cow;

/// One record of a payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawRecord<'a> {
    /// Index inside the payload, 0-based, broken records counted.
    pub index: u32,
    /// Its bytes; owned only where the wrapper had to be undone (rows of a query response, records inside a message).
    pub bytes: Cow<'a, [u8]>,
    /// The `@odata.context` of the response that held it.
    pub odata: Option<Cow<'a, str>>,
    /// The table that a query response names.
    pub table: Option<Cow<'a, str>>,
}

/// A stretch of a payload that is no record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken<'a> {
    /// Index inside the payload, 0-based.
    pub index: u32,
    /// Why.
    pub reject: Reject,
    /// The bytes.
    pub raw: &'a [u8],
}

/// Keys of wrappers whose array holds the records.
const ARRAYS: [&[u8]; 5] = [b"records", b"value", b"events", b"results", b"tables"];
/// Keys that stand beside such an array. An object whose first keys are others is a record itself.
const BESIDE: [&[u8]; 15] = [
    b"",
    b"@odata.context",
    b"@odata.nextlink",
    b"@odata.deltalink",
    b"@odata.count",
    b"odata.metadata",
    b"nextlink",
    b"count",
    b"$schema",
    b"schema",
    b"stats",
    b"statistics",
    b"eventprocessedutctime",
    b"partitionid",
    b"eventenqueuedutctime",
];

/// The records of `payload`, in order.
pub fn records<'a>(payload: &'a [u8], limits: &Limits) -> Records<'a> {
    let at = if payload.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    Records { payload, limits: *limits, at, index: 0, inside: None, rows: Vec::new(), done: false }
}

/// An iterator over the records of a payload.
#[derive(Debug)]
pub struct Records<'a> {
    payload: &'a [u8],
    limits: Limits,
    at: usize,
    index: u32,
    inside: Option<Array<'a>>,
    /// Records of a query response, last first.
    rows: Vec<RawRecord<'a>>,
    done: bool,
}

#[derive(Clone, Debug)]
struct Array<'a> {
    /// The wrapper object goes on after the array.
    wrapped: bool,
    odata: Option<Cow<'a, str>>,
    /// Items may wrap the record as text in `message`.
    messages: bool,
}

enum Wrapper<'a> {
    /// The object is a record.
    None,
    /// Its array of records starts after this position.
    Array { at: usize, array: Array<'a> },
    /// A query response.
    Tables { start: usize },
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RawRecord<'a>, Broken<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.pop() {
                return Some(Ok(RawRecord { index: self.count(), ..row }));
            }
            if self.done {
                return None;
            }
            let found = if self.inside.is_some() { self.item() } else { self.top() };
            if found.is_some() {
                return found;
            }
        }
    }
}

impl<'a> Records<'a> {
    fn count(&mut self) -> u32 {
        self.index += 1;
        self.index - 1
    }

    fn broken(&mut self, range: std::ops::Range<usize>, reject: Reject) -> Option<Result<RawRecord<'a>, Broken<'a>>> {
        let raw = self.payload.get(range).unwrap_or_default();
        Some(Err(Broken { index: self.count(), reject, raw }))
    }

    fn whole(&mut self, range: std::ops::Range<usize>) -> Option<Result<RawRecord<'a>, Broken<'a>>> {
        let bytes = self.payload.get(range.clone()).unwrap_or_default();
        if bytes.len() > self.limits.record_bytes {
            let detail =
                format_compact!("{} bytes, more than record_bytes = {}", bytes.len(), self.limits.record_bytes);
            return self.broken(range, Reject::new(RejectReason::TooLarge, detail));
        }
        let array = self.inside.as_ref();
        let odata = array.and_then(|a| a.odata.clone());
        let inner = array.filter(|a| a.messages).and_then(|_| message(bytes)).map(Cow::Owned);
        let bytes = inner.unwrap_or(Cow::Borrowed(bytes));
        Some(Ok(RawRecord { index: self.count(), bytes, odata, table: None }))
    }

    /// What stands between records: an object, an array, or nonsense.
    fn top(&mut self) -> Option<Result<RawRecord<'a>, Broken<'a>>> {
        let bytes = self.payload;
        let mut start = skip_space(bytes, self.at);
        while matches!(bytes.get(start), Some(b',' | 0x1e | 0)) {
            start = skip_space(bytes, start + 1);
        }
        match bytes.get(start) {
            None => {
                self.done = true;
                None
            }
            Some(b'[') => {
                self.at = start + 1;
                self.inside = Some(Array { wrapped: false, odata: None, messages: false });
                None
            }
            Some(b'{') => match wrapper(bytes, start) {
                Wrapper::Array { at, array } => {
                    self.at = at;
                    self.inside = Some(array);
                    None
                }
                Wrapper::Tables { start: tables } => self.tables(start, tables),
                Wrapper::None => match container_end(bytes, start, self.limits.depth) {
                    Ok(end) => {
                        self.at = end;
                        self.whole(start..end)
                    }
                    Err(fault) => {
                        self.at = next_line(bytes, start);
                        self.broken(start..self.at, reject(fault))
                    }
                },
            },
            Some(_) => {
                let end = value_end(bytes, start, DEEPEST).ok().filter(|end| line_ends(bytes, *end));
                self.at = end.unwrap_or_else(|| next_line(bytes, start));
                let reject = match end {
                    Some(_) => Reject::new(RejectReason::NotARecord, "a bare value, not an object"),
                    None => Reject::new(RejectReason::Malformed, "not json"),
                };
                self.broken(start..self.at, reject)
            }
        }
    }

    /// The next item of an array, or its end.
    fn item(&mut self) -> Option<Result<RawRecord<'a>, Broken<'a>>> {
        let bytes = self.payload;
        let mut start = skip_space(bytes, self.at);
        while bytes.get(start) == Some(&b',') {
            start = skip_space(bytes, start + 1);
        }
        match bytes.get(start) {
            Some(b']') => {
                let wrapped = self.inside.take().is_some_and(|a| a.wrapped);
                self.at = if wrapped { wrapper_end(bytes, start + 1) } else { start + 1 };
                None
            }
            Some(b'{') => match container_end(bytes, start, self.limits.depth) {
                Ok(end) => {
                    self.at = end;
                    self.whole(start..end)
                }
                Err(fault) => {
                    self.at = next_sibling(bytes, start);
                    if self.at == bytes.len() {
                        self.inside = None;
                    }
                    let raw = bytes[start..self.at].trim_ascii_end();
                    let raw = raw.strip_suffix(b",").unwrap_or(raw).len();
                    self.broken(start..start + raw, reject(fault))
                }
            },
            Some(_) => match value_end(bytes, start, self.limits.depth) {
                Ok(end) => {
                    self.at = end;
                    self.broken(
                        start..end,
                        Reject::new(RejectReason::NotARecord, "an array item that is not an object"),
                    )
                }
                Err(fault) => {
                    self.inside = None;
                    self.at = bytes.len();
                    self.broken(start..bytes.len(), reject(fault))
                }
            },
            None => {
                self.inside = None;
                self.at = start;
                // A complete last record may still be followed by nothing: then only the bracket was cut off.
                self.broken(bytes.len()..bytes.len(), Reject::new(RejectReason::Malformed, "the array is cut off"))
            }
        }
    }

    /// Turns the rows of a query response into objects.
    fn tables(&mut self, start: usize, tables: usize) -> Option<Result<RawRecord<'a>, Broken<'a>>> {
        let bytes = self.payload;
        let end = match container_end(bytes, start, self.limits.depth) {
            Ok(end) => end,
            Err(fault) => {
                self.at = next_line(bytes, start);
                return self.broken(start..self.at, reject(fault));
            }
        };
        self.at = end;
        let Ok(text) = simdutf8::basic::from_utf8(&bytes[tables..end]) else {
            return self
                .broken(start..end, Reject::new(RejectReason::InvalidUtf8, "a query response that is not utf-8"));
        };
        let array_end = container_end(text.as_bytes(), 0, DEEPEST).unwrap_or(text.len());
        for table in Json::new(text.get(..array_end).unwrap_or_default()).items() {
            let name = table.get("name").text();
            let columns: Vec<&str> = table.get("columns").items().map(|c| c.get("name").raw()).collect();
            for row in table.get("rows").items() {
                let bytes = Cow::Owned(row_object(&columns, row));
                self.rows.push(RawRecord { index: 0, bytes, odata: None, table: name.clone() });
            }
        }
        self.rows.reverse();
        None
    }
}

fn row_object(columns: &[&str], row: Json<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(row.raw().len() + columns.iter().map(|c| c.len() + 2).sum::<usize>());
    out.push(b'{');
    for (name, value) in columns.iter().zip(row.items()) {
        if !name.starts_with('"') {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value.raw().as_bytes());
    }
    out.push(b'}');
    out
}

/// The record inside an item that carries it as text (`{"message": "{…}"}`), as log shippers write it.
fn message(item: &[u8]) -> Option<Vec<u8>> {
    let item = Json::new(simdutf8::basic::from_utf8(item).ok()?);
    let inner = item.get("message");
    inner.is_string().then(|| inner.dynamic())??.json().raw().to_owned().into_bytes().into()
}

/// Is the object at `start` a wrapper? Looks at its first keys only.
fn wrapper(bytes: &[u8], start: usize) -> Wrapper<'_> {
    let mut odata = None;
    let mut at = skip_space(bytes, start + 1);
    while bytes.get(at) == Some(&b'"') {
        let Ok(end) = string_end(bytes, at + 1) else { break };
        let key = bytes.get(at + 1..end - 1).unwrap_or_default();
        let colon = skip_space(bytes, end);
        if bytes.get(colon) != Some(&b':') {
            break;
        }
        let value = skip_space(bytes, colon + 1);
        let is = |name: &&[u8]| key.eq_ignore_ascii_case(name);
        if bytes.get(value) == Some(&b'[') && ARRAYS.iter().any(is) {
            return match key.to_ascii_lowercase().as_slice() {
                b"tables" => Wrapper::Tables { start: value },
                name => {
                    let messages = name == b"events";
                    Wrapper::Array { at: value + 1, array: Array { wrapped: true, odata, messages } }
                }
            };
        }
        if !BESIDE.iter().any(is) {
            break;
        }
        let Ok(end) = value_end(bytes, value, DEEPEST) else { break };
        if key.eq_ignore_ascii_case(b"@odata.context") || key.eq_ignore_ascii_case(b"odata.metadata") {
            let text = bytes.get(value..end).and_then(|b| simdutf8::basic::from_utf8(b).ok());
            odata = text.and_then(|t| Json::new(t).text());
        }
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            break;
        }
        at = skip_space(bytes, at + 1);
    }
    Wrapper::None
}

/// The position after a wrapper object whose array of records ended before `at`.
fn wrapper_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = skip_space(bytes, at);
        match bytes.get(at) {
            Some(b'}') => return at + 1,
            Some(b',' | b':') => at += 1,
            Some(_) => match value_end(bytes, at, DEEPEST) {
                Ok(end) if end > at => at = end,
                _ => return next_line(bytes, at),
            },
            None => return at,
        }
    }
}

/// Where the next record of an array starts after the broken one at `start`: it opens with the same key.
fn next_sibling(bytes: &[u8], start: usize) -> usize {
    let opening = |bytes: &[u8]| {
        let key = skip_space(bytes, 1);
        (bytes.get(key) == Some(&b'"')).then(|| string_end(bytes, key + 1).ok()).flatten()
    };
    let rest = &bytes[start..];
    let Some(opening) = opening(rest).filter(|end| *end < 512).map(|end| &rest[..end]) else { return bytes.len() };
    memchr::memmem::find(&rest[1..], opening).map_or(bytes.len(), |next| start + 1 + next)
}

/// The start of the next line that opens an object or array, else the end.
fn next_line(bytes: &[u8], start: usize) -> usize {
    memchr::memchr_iter(b'\n', &bytes[start..])
        .map(|n| start + n + 1)
        .find(|at| matches!(bytes.get(*at), Some(b'{' | b'[')))
        .unwrap_or(bytes.len())
}

fn line_ends(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
    matches!(rest.get(blank), None | Some(b'\n' | b'{' | b'['))
}

pub(crate) fn reject(fault: Fault) -> Reject {
    match fault.kind {
        FaultKind::Cut => Reject::new(RejectReason::Malformed, format_compact!("cut off at byte {}", fault.at)),
        FaultKind::Unexpected => {
            Reject::new(RejectReason::Malformed, format_compact!("an unexpected character at byte {}", fault.at))
        }
        FaultKind::TooDeep => {
            Reject::new(RejectReason::TooDeep, format_compact!("nested too deeply at byte {}", fault.at))
        }
        FaultKind::NotAnObject => Reject::new(RejectReason::NotARecord, "a bare value, not an object"),
    }
}

/// True when `bytes` hold nothing but whole values: no bracket or string is left open. For transports that must find
/// the end of a pretty-printed record.
pub fn is_complete(bytes: &[u8]) -> bool {
    let mut at = skip_space(bytes, 0);
    while at < bytes.len() {
        match value_end(bytes, at, DEEPEST) {
            Ok(end) if end > at => at = skip_space(bytes, end),
            Ok(_) => return true,
            Err(fault) => return fault.kind != FaultKind::Cut,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Vec<String> {
        let show = |item| match item {
            Ok(RawRecord { bytes, .. }) => String::from_utf8(bytes.into_owned()).unwrap(),
            Err(Broken { reject, raw, .. }) => format!("{}:{}", reject.reason.code(), raw.len()),
        };
        records(payload.as_bytes(), &Limits::default()).map(show).collect()
    }

    #[test]
    fn every_wrapper_yields_its_records() {
        for payload in [
            r#"{"records":[{"a":1},{"b":[2]}]}"#,
            r#"{"":"","records" : [ {"a":1} , {"b":[2]} ], "x":{"y":"]"}}"#,
            r#"{"@odata.context":"c","value":[{"a":1},{"b":[2]}],"@odata.nextLink":"n"}"#,
            "[{\"a\":1},\n{\"b\":[2]}]",
            r#"{"events":[{"a":1},{"b":[2]}]}"#,
            r#"{"events":[{"message":"{\"a\":1}"},{"b":[2]}]}"#,
            "{\"a\":1}\r\n{\"b\":[2]}\r\n",
            "\u{feff}{\"a\":1}{\"b\":[2]}",
        ] {
            assert_eq!(read(payload), [r#"{"a":1}"#, r#"{"b":[2]}"#], "{payload}");
        }
    }

    #[test]
    fn a_query_response_becomes_objects() {
        let payload =
            r#"{"tables":[{"name":"T","columns":[{"name":"a","type":"int"},{"name":"b"}],"rows":[[1,"x"],[2,null]]}]}"#;
        assert_eq!(read(payload), [r#"{"a":1,"b":"x"}"#, r#"{"a":2,"b":null}"#]);
    }

    #[test]
    fn a_bad_record_keeps_its_neighbours() {
        let payload = r#"{"records":[{"t":1,"s":"x"},{"t":2,"s":["y"},{"t":3,"s":"z"},7,{"t":4}]}"#;
        let want = [r#"{"t":1,"s":"x"}"#, "malformed:16", r#"{"t":3,"s":"z"}"#, "not_a_record:1", r#"{"t":4}"#];
        assert_eq!(read(payload), want);
        assert_eq!(read(r#"{"records":[{"t":1},{"t":2,"s":"cu"#), [r#"{"t":1}"#, "malformed:14"]);
        assert_eq!(read("{\"a\":1}\nnonsense\n{\"a\":2}"), [r#"{"a":1}"#, "malformed:9", r#"{"a":2}"#]);
        assert_eq!(read("12"), ["not_a_record:2"]);
        assert_eq!(read(""), [""; 0]);
    }

    #[test]
    fn a_bomb_of_brackets_is_one_refusal() {
        let bomb = "[".repeat(1 << 20);
        assert_eq!(read(&format!("{{\"a\":{bomb}")).len(), 1);
        assert!(read(&bomb).iter().all(|r| r.starts_with("too_deep")));
    }

    #[test]
    fn complete_means_nothing_is_left_open() {
        for (text, want) in
            [("{\"a\":[1", false), ("{\"a\":[1]}", true), ("{\"a\":\"}", false), ("{}\n{}", true), ("", true)]
        {
            assert_eq!(is_complete(text.as_bytes()), want, "{text}");
        }
    }
}
