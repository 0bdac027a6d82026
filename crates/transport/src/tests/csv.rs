//! CSV rows as JSON objects.

use super::{gz, read_bytes, tiny};
use crate::{Limits, PayloadKind};
use caponier_model::RejectReason;

#[test]
fn rows_become_objects_of_text() {
    for (what, text, want) in [
        ("plain", "A,B\n1,x\n2,\n", vec![(2, r#"{"A":"1","B":"x"}"#), (3, r#"{"A":"2","B":""}"#)]),
        ("crlf, no final newline", "A,B\r\n1,x\r\n2,y", vec![(2, r#"{"A":"1","B":"x"}"#), (3, r#"{"A":"2","B":"y"}"#)]),
        ("mark", "\u{feff}A\n1\n", vec![(2, r#"{"A":"1"}"#)]),
        (
            "portal header",
            "TimeGenerated [UTC],A\n\"7/18/2026, 2:03:03.000 PM\",1\n",
            vec![(2, r#"{"TimeGenerated":"7/18/2026, 2:03:03.000 PM","A":"1"}"#)],
        ),
        ("semicolon", "A;B\n1,5;x\n", vec![(2, r#"{"A":"1,5","B":"x"}"#)]),
        ("tab", "A\tB\n1\tx\n", vec![(2, r#"{"A":"1","B":"x"}"#)]),
        ("delimiter inside quotes", "\"A;;;\",B\n1,2\n", vec![(2, r#"{"A;;;":"1","B":"2"}"#)]),
        (
            "quotes and newlines",
            "A,B\n\"{\"\"k\"\":\"\"v\"\"}\",\"two\nlines\"\nx,y\n",
            vec![(2, r#"{"A":"{\"k\":\"v\"}","B":"two\nlines"}"#), (4, r#"{"A":"x","B":"y"}"#)],
        ),
        (
            "empty and repeated names",
            ",A,A, \n1,2,3,4\n",
            vec![(2, r#"{"column_1":"1","A":"2","A_3":"3","column_4":"4"}"#)],
        ),
        ("control characters", "A\n\"\t\u{1}\\\"\n", vec![(2, r#"{"A":"\t\u0001\\"}"#)]),
        ("blank lines", "A,B\r\n\r\n\n1,x\r\n\n2,y\n", vec![(4, r#"{"A":"1","B":"x"}"#), (6, r#"{"A":"2","B":"y"}"#)]),
        ("header only", "A,B\n", vec![]),
    ] {
        for (name, bytes) in [("x.csv", text.as_bytes().to_vec()), ("x.csv.gz", gz(text.as_bytes()))] {
            let got = read_bytes(name, &bytes, &tiny());
            assert!(got.refused.is_empty(), "{what}: {:?}", got.refused);
            assert_eq!(got.lines(), want, "{what} {name}");
            for payload in &got.payloads {
                assert_eq!(payload.kind, PayloadKind::Row);
                serde_json::from_str::<serde_json::Value>(&payload.text).unwrap();
            }
        }
    }
}

#[test]
fn a_bad_row_leaves_its_neighbours_alone() {
    let got = read_bytes("x.csv", b"A,B\n1,x\n2\n3,y,z\n\xff,q\n4,w\n", &Limits::default());
    assert_eq!(got.lines(), [(2, r#"{"A":"1","B":"x"}"#), (6, r#"{"A":"4","B":"w"}"#)]);
    let malformed = RejectReason::Malformed;
    assert_eq!(got.reasons(), [(3, malformed), (4, malformed), (5, RejectReason::InvalidUtf8)]);
    assert_eq!(got.refused[1].raw, b"3,y,z");
    assert_eq!(got.refused[2].raw, b"\xff,q");
}

#[test]
fn a_bad_last_row_is_named_by_its_own_line() {
    for (text, line) in [
        ("A,B\n1,x\n2", 3),
        ("A,B\n1,x\n2\n", 3),
        ("A,B\n1,x\n\"2", 3),
        ("A,B\n1,x\n\"2\n", 3),
        ("A,B\n1,x\n\n\"2\n3,y", 4),
        ("A,B\n1,x\n\"2\n\"", 3),
    ] {
        let got = read_bytes("x.csv", text.as_bytes(), &Limits::default());
        assert_eq!(got.reasons(), [(line, RejectReason::Malformed)], "{text:?}");
    }
}

#[test]
fn a_quote_that_is_never_closed_stops_at_the_limit() {
    let text = format!("A,B\n1,x\n2,\"{}", "y\n".repeat(2 << 20));
    let got = read_bytes("x.csv", text.as_bytes(), &Limits { line_bytes: 1 << 20, ..Limits::default() });
    assert_eq!(got.lines(), [(2, r#"{"A":"1","B":"x"}"#)]);
    assert_eq!(got.reasons(), [(3, RejectReason::TooLarge)]);
    assert!(got.tally.bytes < 3 << 20, "{}", got.tally.bytes);
}

#[test]
fn json_under_a_csv_name_is_json() {
    assert_eq!(read_bytes("x.csv", b"{\"a\":1}\n", &tiny()).lines(), [(1, "{\"a\":1}")]);
}
