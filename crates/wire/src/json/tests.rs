//! Tests of the scanner, the cursor and the plans, with `serde_json` as the judge of validity.

use super::*;
use crate::json::value::unescape;

#[test]
fn values_read_as_the_exports_mean_them() {
    let text = r#"{"a":"x\u0041\n","b":null,"c":"None","d":"639199803770463703","e":0,"f":"True","g":"{\"h\":[1,2]}","I":[{"j":""},"k"],"l":-12.000}"#;
    let json = Json::new(text);
    assert_eq!(json.get("A").text().as_deref(), Some("xA\n"));
    assert!(json.get("b").is_absent() && json.get("c").text().is_none());
    assert_eq!(json.get("d").integer(), Some(639_199_803_770_463_703));
    assert_eq!(
        (json.get("e").boolean(), json.get("f").boolean(), json.get("b").boolean()),
        (Some(false), Some(true), None)
    );
    let unpacked = json.get("g").dynamic().unwrap();
    assert_eq!(unpacked.json().get("h").items().map(Json::raw).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(json.get("i").items().count(), 2);
    assert_eq!(json.get("l").integer(), Some(-12));
    assert_eq!(unescape(r"\ud83d\ude00 \ud83d \q \u00e"), "😀 \u{fffd} \\q \\u00e");
}

#[test]
fn a_plan_fills_its_slots_in_one_pass() {
    let plan = Plan::new(&[&["properties/id", "Id"], &["properties"], &["properties/status/errorCode"], &["time"]]);
    let text = r#" { "TIME" : "t" , "skip":[{"id":"]}"},"\\\""], "properties":{"status":{"x":{},"errorcode":5},"ID":"i","e":{}},"z":1 } "#;
    let mut slots = [Json::ABSENT; 4];
    plan.extract(text, 64, &mut slots).unwrap();
    assert_eq!(slots[0].raw(), "\"i\"");
    assert_eq!(slots[1].raw(), r#"{"status":{"x":{},"errorcode":5},"ID":"i","e":{}}"#);
    assert_eq!((slots[2].raw(), slots[3].raw()), ("5", "\"t\""));
}

#[test]
fn broken_records_are_refused() {
    let plan = Plan::new(&[&["a/b"], &["c"]]);
    for text in [
        "",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\":tru}",
        "{\"a\":01x}",
        "{\"a\":\"x}",
        "{\"a\":{\"b\":1}",
        "{\"a\":[1}}",
        "{\"a\":{\"b\":}}",
        "{\"a\" 1}",
        "{,}",
        "{\"a\":1}}",
        "{\"a\":1}x",
        "[]",
        "7",
    ] {
        let mut slots = [Json::ABSENT; 2];
        assert!(plan.extract(text, 64, &mut slots).is_err(), "{text}");
    }
}

#[test]
fn containers_end_where_a_byte_by_byte_reading_says() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    for round in 0..4000 {
        let mut text = String::from("[");
        for _ in 0..(round % 90) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(
                ["\\\\", "\"a\\\"b\"", "\"[\"", "[", "]", "{", "}", "\"\\\\\"", "é", ",1"][(state % 10) as usize],
            );
        }
        text.push(']');
        assert_eq!(container_end(text.as_bytes(), 0, 128).ok(), plain_end(text.as_bytes()), "{text}");
    }
}

/// The obvious reading.
fn plain_end(bytes: &[u8]) -> Option<usize> {
    let (mut stack, mut string, mut escape) = (Vec::new(), false, false);
    for (i, b) in bytes.iter().enumerate() {
        let was = std::mem::take(&mut escape);
        match b {
            b'\\' if !was => escape = true,
            b'"' if !was => string = !string,
            b'[' | b'{' if !string => stack.push(*b),
            b']' | b'}' if !string => {
                if stack.pop() != Some(b - 2) {
                    return None;
                }
                if stack.is_empty() {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}
