//! Stories as text: what is told, and that it fits.

use super::*;
use crate::incidents::Told;
use serde_json::{Value, json};

fn example() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/incident/examples/operator.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The example with so many findings more, every third of another kind.
fn long(findings: usize) -> Told {
    let mut value = example();
    let key = |i: usize| json!({"tenant": value["tenants"][i % 2]["id"], "product": "mde", "id": format!("x{i}")});
    let made = |i: usize| {
        json!({"key": key(i), "role": if i.is_multiple_of(7) { "attached" } else { "core" }, "sightings": [{"format": "SecurityAlert"}],
            "title": if i.is_multiple_of(3) { format!("kind {}", i % 2) } else { format!("a rather long title of an alert, number {i}") },
            "severity": "low", "first_activity": format!("2027-03-{:02}T10:00:{:02}.0000000Z", 4 + i / 60, i % 60)})
    };
    let (list, edges): (Vec<Value>, Vec<Value>) = (0..findings)
        .map(|i| {
            let edge = json!({"finding": key(i), "reason_code": "same_account", "via_edge": "E1", "gap_seconds": i,
                "tenants": [key(i)["tenant"]], "window_seconds": 172_800,
                "sentence": format!("both findings name the account mara, {}", if i == 0 { "at the same time".into() } else if i < 120 { format!("{i} s apart") } else { format!("{} min apart", i / 60) })});
            (made(i), edge)
        })
        .unzip();
    value["findings"] = list.into();
    value["edges"] = edges.into();
    serde_json::from_value(value).unwrap()
}

fn plain(told: &Told, width: u16) -> String {
    anstream::adapter::strip_str(&tell(told, width)).to_string()
}

#[test]
fn every_line_fits_whatever_the_width() {
    let example: Told = serde_json::from_value(example()).unwrap();
    for told in [&example, &long(150)] {
        for width in [60, 80, 120, 200] {
            let text = plain(told, width);
            for line in text.lines() {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
                assert_eq!(line, line.trim_end(), "{width}");
            }
        }
    }
}

#[test]
fn a_long_middle_and_equal_reasons_are_counted() {
    let text = plain(&long(150), 120);
    assert!(text.contains("more findings (") && text.contains("low) from 2027-03-"), "{text}");
    assert_eq!(
        text.matches("both findings name the account mara, at most 2 min apart (2 d allowed)").count(),
        2,
        "{text}"
    );
    assert!(text.contains("same account E1") && text.contains("1, 3, 5, 7"), "{text}");
    for day in ["2027-03-04", "2027-03-06"] {
        assert!(text.lines().any(|l| l.trim() == day), "{day}");
    }
}

#[test]
fn what_is_alike_and_follows_is_one_line() {
    let mut told = long(3);
    for finding in &mut told.findings {
        finding.title = "Scheduled task created".into();
        finding.role = "core".into();
        finding.key.tenant = told.tenants[0].id.clone();
    }
    let text = plain(&told, 120);
    assert!(text.contains("1-3  10:00:00  low Scheduled task created (mde) ×3 until 10:00:02"), "{text}");
}

#[test]
fn a_word_longer_than_a_line_is_broken() {
    assert_eq!(lines("ab cdefghij k", 4), ["ab", "cdef", "ghij", "k"]);
    assert_eq!(lines("", 4), [""]);
}
