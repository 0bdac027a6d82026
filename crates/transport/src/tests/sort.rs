//! Sorting, counting repeats and dead letters against the obvious in-memory way.

use super::{Dice, tiny};
use crate::{DeadLetters, Distinct, Limits, Sorter};
use caponier_model::{DeadLetter, Position, Reject, RejectReason};
use std::collections::BTreeMap;

#[test]
fn sorter_agrees_with_vec_sort_whatever_the_budget() {
    let mut dice = Dice(3);
    for (round, budget) in [0, 1, 64, 300, 4096, 1 << 20].into_iter().cycle().take(36).enumerate() {
        let limits = Limits { sort_bytes: budget, ..Limits::default() };
        let count = dice.roll(if budget < 64 { 200 } else { 3000 });
        let mut bytes = |most| (0..dice.roll(most)).map(|_| dice.roll(3) as u8).collect::<Vec<u8>>();
        let mut want: Vec<(Vec<u8>, Vec<u8>)> = (0..count).map(|_| (bytes(6), bytes(9))).collect();
        let mut parts: Vec<Sorter> = (0..1 + round % 3).map(|_| Sorter::new(&limits)).collect();
        for (i, (key, value)) in want.iter().enumerate() {
            let n = parts.len();
            parts[i % n].push(key, value).unwrap();
        }
        let sorter = Sorter::merge(parts);
        assert_eq!((sorter.len(), sorter.is_empty()), (count, count == 0));
        let got: Vec<_> = sorter.finish().unwrap().map(Result::unwrap).collect();
        want.sort();
        assert_eq!(got, want, "round {round} budget {budget}");
    }
    assert_eq!(Sorter::merge(Vec::new()).finish().unwrap().count(), 0);
}

#[test]
fn more_runs_than_may_be_open_at_once_are_merged_in_tiers() {
    let limits = Limits { sort_bytes: 0, ..Limits::default() };
    let mut sorter = Sorter::new(&limits);
    for i in 0..2100u32 {
        sorter.push((i * 7919 % 2100).to_be_bytes(), []).unwrap();
    }
    let got: Vec<_> = sorter.finish().unwrap().map(|p| p.unwrap().0).collect();
    assert_eq!(got, (0..2100u32).map(|i| i.to_be_bytes().to_vec()).collect::<Vec<_>>());
}

#[test]
fn distinct_agrees_with_a_map_whatever_the_budget() {
    let mut dice = Dice(5);
    for (round, budget) in [0, 16, 100, 1000, 1 << 20].into_iter().cycle().take(30).enumerate() {
        let limits = Limits { sort_bytes: budget, ..Limits::default() };
        let mut parts: Vec<Distinct> = (0..1 + round % 3).map(|_| Distinct::new(&limits)).collect();
        let mut want: BTreeMap<u128, u64> = BTreeMap::new();
        let count = dice.roll(if budget < 100 { 150 } else { 3000 });
        for i in 0..count {
            let value = u128::from(dice.roll(1 + count / 2)) << 70;
            *want.entry(value).or_default() += 1;
            let n = parts.len();
            parts[i as usize % n].push(value).unwrap();
        }
        let distinct = want.len() as u64;
        want.retain(|_, n| *n > 1);
        let merged = Distinct::merge(parts);
        assert_eq!(merged.total(), count);
        let mut got = BTreeMap::new();
        let sum = merged.repeats(|value, extra| assert_eq!(got.insert(value, extra + 1), None)).unwrap();
        assert_eq!((got, sum), (want, count - distinct), "round {round} budget {budget}");
    }
}

fn letter(source: &str, offset: u64, index: u32, raw: &[u8], truncated: bool) -> DeadLetter {
    DeadLetter {
        position: Position { source: source.into(), offset, index },
        reject: Reject { format: Some("SigninLogs"), ..Reject::new(RejectReason::BadTime, "no \"time\"") },
        raw: raw.to_vec(),
        truncated,
    }
}

#[test]
fn dead_letters_come_out_by_position_whoever_brought_them() {
    let mut all: Vec<DeadLetter> = (0..200)
        .map(|i| letter(["b.json", "a", "a.json"][i % 3], (i as u64 * 37) % 50, i as u32 % 4, b"{}", false))
        .collect();
    let write = |letters: &[DeadLetter], threads: usize| {
        let mut parts: Vec<_> = (0..threads).map(|_| DeadLetters::new(&tiny())).collect();
        for (i, letter) in letters.iter().enumerate() {
            parts[i % threads].push(letter.clone()).unwrap();
        }
        let mut out = Vec::new();
        let merged = DeadLetters::merge(parts);
        assert_eq!(merged.len(), 200);
        assert_eq!(merged.write(&mut out).unwrap(), 200);
        String::from_utf8(out).unwrap()
    };
    let want = write(&all, 1);
    all.reverse();
    assert_eq!(write(&all, 3), want);
    let first = want.lines().next().unwrap();
    assert_eq!(
        first,
        "{\"source\":\"a\",\"line\":0,\"index\":0,\"reason\":\"bad_time\",\"format\":\"SigninLogs\",\"detail\":\"no \\\"time\\\"\",\"raw\":\"{}\",\"truncated\":false}"
    );
    all.sort_by(|a, b| a.position.cmp(&b.position));
    let order: Vec<_> = want.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()).collect();
    let positions: Vec<_> = all.iter().map(|l| (&*l.position.source, l.position.offset, l.position.index)).collect();
    let got: Vec<_> = order
        .iter()
        .map(|v| (v["source"].as_str().unwrap(), v["line"].as_u64().unwrap(), v["index"].as_u64().unwrap() as u32))
        .collect();
    assert_eq!(got, positions);
}

#[test]
fn raw_bytes_survive_as_text_or_base64() {
    for (raw, truncated, key, want, cut) in [
        (&b"plain"[..], false, "raw", "plain", false),
        (b"", false, "raw", "", false),
        (b"\xff", false, "raw_base64", "/w==", false),
        (b"\xfft", false, "raw_base64", "/3Q=", false),
        (b"\xffte", false, "raw_base64", "/3Rl", false),
        (b"ten bytes and more", false, "raw", "ten bytes ", true),
        ("äöüäöü".as_bytes(), false, "raw", "äöüäö", true),
        ("xäöüäöü".as_bytes(), false, "raw", "xäöüä", true),
        (b"cut \xc3", true, "raw", "cut ", true),
        (b"cut \xc3", false, "raw_base64", "Y3V0IMM=", false),
    ] {
        let mut letters = DeadLetters::new(&tiny());
        letters.push(letter("x", 1, 0, raw, truncated)).unwrap();
        let mut out = Vec::new();
        letters.write(&mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((value[key].as_str(), value["truncated"].as_bool()), (Some(want), Some(cut)), "{raw:?}");
        assert_eq!(value.as_object().unwrap().keys().filter(|k| k.starts_with("raw")).count(), 1);
    }
}
