//! JSON Lines, documents and compression.

use super::{Dice, Outcome, file, gz, read_bytes, read_input, tiny, zst};
use crate::{Input, Item, Limits, PayloadKind, read, split};
use caponier_model::RejectReason;

#[test]
fn lines_in_every_dress() {
    let want = [(1, "{\"a\":1}"), (3, "{\"b\":2}")];
    for (what, text) in [
        ("plain", "{\"a\":1}\n\n{\"b\":2}\n"),
        ("no final newline", "{\"a\":1}\n  \n{\"b\":2}"),
        ("crlf", "{\"a\":1}\r\n\r\n{\"b\":2}\r\n"),
        ("mark", "\u{feff}{\"a\":1}\n\n{\"b\":2}\n"),
        ("mark and crlf", "\u{feff}{\"a\":1}\r\n\r\n{\"b\":2}"),
    ] {
        for limits in [tiny(), Limits::default()] {
            for (name, bytes) in
                [("x.json", text.into()), ("x.json.gz", gz(text.as_bytes())), ("x.log.zst", zst(text.as_bytes()))]
            {
                let got = read_bytes(name, &bytes, &limits);
                assert_eq!(got.lines(), want, "{what} {name}");
                assert!(got.refused.is_empty(), "{what} {name}: {:?}", got.refused);
                assert!(got.payloads.iter().all(|p| p.kind == PayloadKind::Line));
                assert_eq!((got.tally.bytes, got.tally.inflated), (bytes.len() as u64, text.len() as u64));
            }
        }
    }
}

#[test]
fn nothing_gives_nothing() {
    for (name, bytes) in
        [("a.json", &b""[..]), ("a.log", b"\n\r\n  \n"), ("a.jsonl", b"\xef\xbb\xbf"), ("a.json.gz", &gz(b""))]
    {
        let got = read_bytes(name, bytes, &tiny());
        assert!(got.payloads.is_empty() && got.refused.is_empty(), "{name}: {got:?}");
    }
}

#[test]
fn documents_are_found_with_their_lines() {
    let one = "{\n  \"a\": [1,\n 2]\n}";
    let got = read_bytes("d.json", format!("\n{one}\n").as_bytes(), &tiny());
    assert_eq!(got.lines(), [(2, one)]);
    assert_eq!(got.payloads[0].kind, PayloadKind::Document);

    let got = read_bytes("d.json", format!("{one}\r\n{{\"b\":1}}\n[\n]\n").as_bytes(), &tiny());
    assert_eq!(got.lines(), [(1, one), (5, "{\"b\":1}"), (6, "[\n]")]);

    let array = "[{\"a\":1},\n {\"a\":2},\n {\"a\":3}]";
    assert_eq!(read_bytes("d", array.as_bytes(), &tiny()).lines(), [(1, array)]);
    assert_eq!(read_bytes("d.json.gz", &gz(array.as_bytes()), &tiny()).lines(), [(1, array)]);
}

#[test]
fn a_damaged_first_line_does_not_take_the_file_with_it() {
    for first in ["{\"a\":\"tor", "{\"a\":1,", "{\"a\":", "garbage", "[1,"] {
        let text = format!("{first}\n{{\"b\":1}}\n{{\"c\":1}}\n{{\"d\":1}}\n");
        let got = read_bytes("x.json", text.as_bytes(), &tiny());
        assert_eq!(got.lines(), [(1, first), (2, "{\"b\":1}"), (3, "{\"c\":1}"), (4, "{\"d\":1}")], "{first}");
    }
    // Nor where the rest is more than a document may be.
    let text = format!("{{\"a\":1,\n{}", "{\"b\":1}\n".repeat(1000));
    let got = read_bytes("x.json", text.as_bytes(), &tiny());
    assert_eq!((got.payloads.len(), got.refused.len()), (1001, 0));
    assert_eq!(got.payloads.last().map(|p| p.offset), Some(1001));
    // A document that stops in the middle stays one payload: its records can still be split off.
    let torn = "{\"records\": [\n  {\"a\": 1},\n  {\"a\": 2},\n  {\"a\"";
    assert_eq!(read_bytes("x.json", torn.as_bytes(), &tiny()).lines(), [(1, torn)]);
}

#[test]
fn a_line_beyond_the_limit_is_refused_and_its_neighbours_are_not() {
    let limits = tiny();
    for length in [99, 100, 101, 115, 116, 117, 5000] {
        let long = format!("\"{}\"", "x".repeat(length - 2));
        for end in ["", "\n", "\n{\"b\":1}\n"] {
            let got = read_bytes("x.json", format!("{{\"a\":1}}\n{long}{end}").as_bytes(), &limits);
            let mut want = vec![(1, "{\"a\":1}")];
            if length <= limits.line_bytes {
                want.push((2, long.as_str()));
                assert!(got.refused.is_empty());
            } else {
                assert_eq!(got.reasons(), [(2, RejectReason::TooLarge)], "{length} {end:?}");
                assert_eq!(got.refused[0].raw, long.as_bytes()[..limits.kept_bytes]);
                assert!(got.refused[0].truncated);
                assert!(got.refused[0].reject.detail.contains(&length.to_string()), "{:?}", got.refused[0].reject);
            }
            if end.len() > 1 {
                want.push((3, "{\"b\":1}"));
            }
            assert_eq!(got.lines(), want, "{length} {end:?}");
        }
    }
}

#[test]
fn a_nested_bomb_is_framed_without_recursion() {
    let bomb = "[".repeat(1 << 20);
    for text in [bomb.clone(), format!("{bomb}\n"), format!("{{\"a\":1}}\n{bomb}\n{{\"b\":1}}\n")] {
        let got = read_bytes("x.json", text.as_bytes(), &Limits::default());
        assert!(got.refused.is_empty());
        assert!(got.payloads.iter().any(|p| p.text.len() == bomb.len()));
        assert_eq!(got.payloads.len(), if text.contains('1') { 3 } else { 1 });
    }
}

#[test]
fn a_document_beyond_the_limit_is_refused() {
    let got = read_bytes("x.json", format!("[\n{}1]", "1,\n".repeat(400)).as_bytes(), &tiny());
    assert_eq!(got.reasons(), [(1, RejectReason::TooLarge)]);
    assert_eq!(got.refused[0].raw.len(), 10);
}

#[test]
fn gzip_members_one_after_the_other_are_one_stream() {
    let mut bytes = gz(b"{\"a\":1}\n{\"b\"");
    bytes.extend(gz(b":2}\n"));
    assert_eq!(read_bytes("x.gz", &bytes, &tiny()).lines(), [(1, "{\"a\":1}"), (2, "{\"b\":2}")]);
}

#[test]
fn a_stream_cut_off_gives_what_it_had() {
    let mut dice = Dice(7);
    let text: String = (0..2000).map(|i| format!("{{\"i\":{i},\"x\":{}}}\n", dice.roll(u64::MAX))).collect();
    for (name, whole) in [("x.json.gz", gz(text.as_bytes())), ("x.json.zst", zst(text.as_bytes()))] {
        for keep in [3, 12, whole.len() / 2, whole.len() - 3] {
            let got = read_bytes(name, &whole[..keep], &Limits::default());
            let want: Vec<&str> = text.lines().take(got.payloads.len()).collect();
            assert_eq!(got.payloads.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), want, "{name} {keep}");
            assert_eq!(got.reasons().len(), 1, "{name} {keep}: {:?}", got.refused);
            assert_eq!(got.reasons()[0].1, RejectReason::BadContainer);
            if keep > 12 {
                assert_eq!(got.reasons()[0].0, got.payloads.len() as u64 + 1, "{name} {keep}");
            }
        }
        let half = read_bytes(name, &whole[..whole.len() - 3], &Limits::default());
        assert!(half.payloads.len() > 1000 || name.ends_with("zst"), "{name}: {}", half.payloads.len());
    }
}

#[test]
fn a_bomb_stops_early() {
    let mut text = b"{\"a\":1}\n".to_vec();
    text.extend(vec![b' '; 4 << 20]);
    for (name, bytes) in [("x.json.gz", gz(&text)), ("x.json.zst", zst(&text))] {
        let got = read_bytes(name, &bytes, &Limits { line_bytes: 8 << 20, ..tiny() });
        assert_eq!(got.lines(), [(1, "{\"a\":1}")]);
        assert_eq!(got.reasons(), [(2, RejectReason::BadContainer)], "{name}");
        assert!(got.tally.inflated < 1 << 20, "{name}: {}", got.tally.inflated);
        let wide = Limits { inflate_ratio: 1_000_000, inflate_bytes: 1 << 20, ..tiny() };
        let got = read_bytes(name, &bytes, &wide);
        assert!(got.refused.last().unwrap().reject.detail.contains("inflate_bytes"), "{:?}", got.refused);
    }
    // The same text is no bomb below the floor.
    assert!(read_bytes("x.gz", &gz(&text), &Limits::default()).refused.is_empty());
}

#[test]
fn what_is_not_read_says_what_to_do() {
    for (name, bytes, reason, word) in [
        ("x.json", &b"\xff\xfe{\0}\0"[..], RejectReason::InvalidUtf8, "UTF-16"),
        ("x.json", b"PK\x03\x04....", RejectReason::BadContainer, "zip"),
        ("x.gz", &gz(&gz(b"{}")), RejectReason::BadContainer, "twice"),
        ("x.json.gz", b"hello", RejectReason::BadContainer, "compressed"),
        ("x.json.zst", b"hello", RejectReason::BadContainer, "compressed"),
    ] {
        let got = read_bytes(name, bytes, &Limits::default());
        assert!(got.payloads.is_empty());
        assert_eq!(got.reasons(), [(0, reason)], "{name}");
        assert!(got.refused[0].reject.detail.contains(word), "{name}: {:?}", got.refused[0].reject);
        assert!(!got.refused[0].raw.is_empty());
    }
    // A name that promises compression over plain text is harmless.
    assert_eq!(read_bytes("x.json.gz", b"{\"a\":1}\n", &Limits::default()).lines(), [(1, "{\"a\":1}")]);
}

#[test]
fn a_folder_in_place_of_a_file_and_a_file_gone_are_refusals() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_path_buf(), dir.path().join("gone.json")] {
        let got = read_input(&Input::new(&path, "x.json", 0), &Limits::default());
        assert_eq!(got.reasons(), [(0, RejectReason::Unreadable)]);
    }
}

#[test]
fn the_sink_can_stop_the_reading() {
    let (_dir, input) = file("x.json", b"{}\n{}\n{}\n");
    let mut seen = 0;
    let got = read(&input, &Limits::default(), &mut |item| {
        seen += u64::from(matches!(item, Item::Payload(_)));
        if seen == 2 { Err("full") } else { Ok(()) }
    });
    assert_eq!((got, seen), (Err("full"), 2));
}

#[test]
fn ranges_cover_the_file_exactly_with_the_right_lines() {
    let mut dice = Dice(11);
    for round in 0..60 {
        let lines = dice.roll(40);
        let mut text: String = (0..lines)
            .map(|i| {
                let pad = "x".repeat(dice.roll(90) as usize);
                let end = ["\n", "\r\n", "\n\n"][dice.roll(3) as usize];
                format!("{{\"i\":{i},\"pad\":\"{pad}\"}}{end}")
            })
            .collect();
        if dice.roll(2) == 0 {
            text.truncate(text.trim_end().len());
        }
        let (_dir, input) = file("x.jsonl", text.as_bytes());
        let whole = read_input(&input, &tiny());
        for parts in 1..6 {
            let ranges = split(&input, parts, &tiny()).unwrap();
            let mut joined = Outcome::default();
            let mut end = 0;
            for part in &ranges {
                if let Some(range) = part.range {
                    assert_eq!(range.start, end);
                    end = range.end;
                }
                joined.add(read_input(part, &tiny()));
            }
            assert!(ranges.len() <= parts);
            assert!(ranges.len() == 1 || end == text.len() as u64);
            assert_eq!(joined.lines(), whole.lines(), "round {round} parts {parts}");
            assert_eq!(joined.reasons(), whole.reasons());
        }
    }
}

#[test]
fn only_plain_lines_are_cut() {
    let lines = "{\"a\":1}\n".repeat(100);
    let document = format!("[\n{}{{}}]", "{\"a\":1},\n".repeat(100));
    for (name, bytes, parts) in [
        ("x.jsonl", lines.clone().into_bytes(), 3),
        ("x.json", document.into_bytes(), 1),
        ("x.json.gz", gz(lines.as_bytes()), 1),
        ("x.json", gz(lines.repeat(50).as_bytes()), 1),
        ("x.json", format!("{{\"a\":\"{}\"}}", "x".repeat(90)).into_bytes(), 1),
    ] {
        let (_dir, input) = file(name, &bytes);
        assert_eq!(split(&input, 3, &tiny()).unwrap().len(), parts, "{name}");
    }
}
