//! Reading the public captures end to end: found and framed by `transport`, recognised and decoded by `wire`. Knows no
//! format; what is refused must be listed, with a reason that a person agrees with, in `tests/data/corpus_refusals.tsv`.
//!
//! The table by family is written to `docs/corpus.md` (`CAPONIER_BLESS=1` rewrites it).

use caponier_model::Tenants;
use caponier_transport::{Input, Item, Limits, discover, read};
use caponier_wire::{Context, carried, decode, enclosed, exports, records};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The least share of well-formed records of the families that must decode.
const LEAST_DECODED: f64 = 0.99;
const REFUSALS: &str = "tests/data/corpus_refusals.tsv";
const PAGE: &str = "docs/corpus.md";

/// What reading everything came to.
#[derive(Default)]
struct Reading {
    /// Family -> format -> records.
    decoded: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    /// (file, reason) -> records.
    refused: BTreeMap<(String, &'static str), usize>,
    /// Each refusal in words.
    words: Vec<String>,
}

impl Reading {
    fn all(folder: &Path) -> Self {
        let mut reading = Self::default();
        let found = discover(&[folder.to_path_buf()]);
        assert!(!found.inputs.is_empty() && found.missing.is_empty(), "no captures in {}", folder.display());
        for letter in &found.faults {
            reading.refuse(&letter.position.source, letter.reject.reason.code(), &letter.reject.detail);
        }
        for input in &found.inputs {
            reading.input(input);
        }
        reading
    }

    fn input(&mut self, input: &Input) {
        let sink = &mut |item: Item<'_>| -> Result<(), Infallible> {
            match item {
                Item::Payload(payload) => self.payload(input, payload.bytes, true),
                Item::Refused(letter) => {
                    self.refuse(&input.name, letter.reject.reason.code(), &letter.reject.detail);
                }
            }
            Ok(())
        };
        let Ok(_) = read(input, &Limits::default(), sink);
    }

    fn payload(&mut self, input: &Input, bytes: &[u8], outer: bool) {
        let tenants = Tenants::default();
        let open = Context { folder: input.tenant, ..Context::discovering(&tenants) };
        for record in records(bytes, &open.limits) {
            let record = match record {
                Ok(record) => record,
                Err(broken) => {
                    self.refuse(&input.name, broken.reject.reason.code(), &broken.reject.detail);
                    continue;
                }
            };
            // What a file's name says holds for the records in it, not for those wrapped in them.
            let table = record.table.as_deref().or(input.table.as_deref().filter(|_| outer));
            let context = Context { odata: record.odata.as_deref(), table, ..open };
            match decode(&context, &record.bytes) {
                Ok(event) => {
                    let family = exports().find(|e| e.name == event.format).map_or("?", |e| e.family);
                    *self.decoded.entry(family).or_default().entry(event.format).or_default() += 1;
                    for inner in enclosed(&context, event.format, &record.bytes) {
                        self.payload(input, inner, false);
                    }
                }
                Err(reject) => match carried(&context, &record.bytes).filter(|_| outer) {
                    Some(inner) => self.payload(input, &inner, false),
                    None => self.refuse(&input.name, reject.reason.code(), &reject.detail),
                },
            }
        }
    }

    fn refuse(&mut self, file: &str, reason: &'static str, detail: &str) {
        self.words.push(format!("{file}\t{reason}\t{detail}"));
        *self.refused.entry((file.to_owned(), reason)).or_default() += 1;
    }
}

/// A listed refusal.
struct Listed {
    file: String,
    reason: String,
    records: usize,
    /// `outside`: no record of the families. `broken`: not well-formed at the source. `unread`: counts against us.
    kind: String,
    why: String,
    met: usize,
}

fn listed() -> Vec<Listed> {
    let text = fs::read_to_string(root().join(REFUSALS)).unwrap();
    let lines = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')).skip(1);
    let row = |line: &str| {
        let cells: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [file, reason, records, kind, why] =
            <[String; 5]>::try_from(cells).unwrap_or_else(|_| panic!("{REFUSALS}: five columns: {line}"));
        assert!(["outside", "broken", "unread"].contains(&kind.as_str()), "{REFUSALS}: {kind} is no kind");
        Listed { file, reason, records: records.parse().unwrap(), kind, why, met: 0 }
    };
    lines.map(row).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn page(reading: &Reading, listed: &[Listed]) -> String {
    let mut page = String::from(INTRODUCTION);
    for (family, formats) in &reading.decoded {
        let all: usize = formats.values().sum();
        let each = formats.iter().map(|(f, n)| format!("`{f}` {n}")).collect::<Vec<_>>().join(", ");
        writeln!(page, "| {family} | {all} | {each} |").unwrap();
    }
    let all: usize = reading.decoded.values().flat_map(BTreeMap::values).sum();
    let refused: usize = reading.refused.values().sum();
    write!(page, "\n{} records: {all} decoded, {refused} refused.\n{REFUSED}", all + refused).unwrap();
    for l in listed {
        writeln!(page, "| {} | {} | {} | {} | {} |", l.file, l.reason, l.kind, l.records, l.why).unwrap();
    }
    page
}

const INTRODUCTION: &str = "\
# Reading the public captures

What `corpus_families_are_read` finds in the folder that `CAPONIER_CORPUS` names: every file as `caponier replay` would \
find it, every record decoded by itself. Written by the test: `CAPONIER_BLESS=1 cargo test -p caponier-tests corpus_families`.

| family | decoded | formats |
|---|---:|---|
";

const REFUSED: &str = "
## What is refused, and why

*Outside*: no record of an export that is read (schemas, outputs of other people's pipelines, tables that are not \
decoded). *Broken*: not well-formed at the source. *Unread*: counts against us; at least 99 % of the well-formed records must \
decode. The list is `tests/data/corpus_refusals.tsv`; the test fails on a refusal that is not in it, and on a line of it \
that no longer occurs.

| files | reason | kind | records | why |
|---|---|---|---:|---|
";

#[test]
fn corpus_families_are_read() {
    let Some(corpus) = std::env::var_os("CAPONIER_CORPUS").map(PathBuf::from) else { return };
    let reading = Reading::all(&corpus);
    let mut listed = listed();
    let mut new = Vec::new();
    for ((file, reason), records) in &reading.refused {
        match listed.iter_mut().find(|l| l.reason == *reason && crate::oracle::matches(&l.file, file)) {
            Some(row) => row.met += records,
            None => new.extend(reading.words.iter().filter(|w| w.starts_with(&format!("{file}\t{reason}\t"))).cloned()),
        }
    }
    let page = page(&reading, &listed);
    println!("{page}");
    assert!(new.is_empty(), "{} refusals are not in {REFUSALS}:\n{}", new.len(), new.join("\n"));
    let stale = listed.iter().filter(|l| l.met != l.records);
    let stale: Vec<_> =
        stale.map(|l| format!("{} {}: {} listed, {} met", l.file, l.reason, l.records, l.met)).collect();
    assert!(stale.is_empty(), "{REFUSALS} says otherwise than the captures:\n{}", stale.join("\n"));
    let decoded: usize = reading.decoded.values().flat_map(BTreeMap::values).sum();
    let unread: usize = listed.iter().filter(|l| l.kind == "unread").map(|l| l.met).sum();
    let share = decoded as f64 / (decoded + unread) as f64;
    assert!(share >= LEAST_DECODED, "{share:.4} of the well-formed records are decoded");
    if std::env::var_os("CAPONIER_BLESS").is_some() {
        fs::write(root().join(PAGE), page).unwrap();
    } else {
        let kept = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
        assert!(kept == page, "{PAGE} is out of date: run this test with CAPONIER_BLESS=1");
    }
}
