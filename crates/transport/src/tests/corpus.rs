//! The public captures, where `CAPONIER_CORPUS` names their folder: all of it is framed, nothing of it refused.

use super::read_input;
use crate::{Limits, PayloadKind, discover};
use std::collections::BTreeMap;

#[test]
fn the_corpus_is_framed_without_refusals() {
    let Some(folder) = std::env::var_os("CAPONIER_CORPUS") else { return };
    let found = discover(&[folder.into()]);
    assert!(found.missing.is_empty() && found.faults.is_empty(), "{:?} {:?}", found.missing, found.faults);
    assert!(!found.inputs.is_empty());
    let mut payloads = BTreeMap::<PayloadKind, u64>::new();
    for input in &found.inputs {
        let got = read_input(input, &Limits::default());
        assert!(got.refused.is_empty(), "{}: {:?}", input.name, got.refused);
        assert!(!got.payloads.is_empty() || input.bytes == 0, "{} holds nothing", input.name);
        for payload in &got.payloads {
            *payloads.entry(payload.kind).or_default() += 1;
            assert!(
                serde_json::from_str::<serde::de::IgnoredAny>(&payload.text).is_ok() || input.name.ends_with(".txt"),
                "{}:{}: {:.200}",
                input.name,
                payload.offset,
                payload.text
            );
        }
    }
    println!("{} files, {payloads:?}, skipped: {:?}", found.inputs.len(), found.skipped);
}
