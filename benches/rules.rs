//! `cargo bench -p caponier-benches --bench rules`: what rules cost. Three questions, each answered by a ratio from one run: the whole path over
//! mixed telemetry with all shipped rules and with none; a `value_count` over many values in one window; and the same Sigma rules over the
//! same records by rsigma's own correlation engine.

// A record's columns as the program reads them: the program itself is not linked, it would bring the query engine with it.
#[path = "../crates/app/src/columns.rs"]
#[cfg_attr(test, expect(dead_code, unused_imports, reason = "its own tests run where it lives"))]
mod columns;

use caponier_benches::load::Load;
use caponier_benches::machine::busy;
use caponier_correlate::{Engine, Settings};
use caponier_identity::{Index, observe};
use caponier_lab::{Memory, Plan, simulate};
use caponier_model::{
    Audience, Body, Entity, EntityKind, Entry, Event, EventTime, Journalled, Mention, MergePolicy, Party, Policy, Rows,
    Signal, SignalKey, TenantId, Tenants,
};
use caponier_rules::{self as rules, Limits, RuleFile, RuleSet, Windows};
use caponier_wire::{Context, decode, encode, records};
use columns::Row;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, JsonEvent, ProcessResultExt as _};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Passes of each contestant; the median of their times counts.
const ROUNDS: usize = 9;
/// Distinct values in the window of the second question.
const VALUES: i64 = 100_000;
/// What makes a signal of every interactive sign-in at home.
const EVERY_SIGN_IN: &[&str] = &["x08.yml", "x17.yml"];
/// A watermark after so many records.
const WATERMARK: usize = 500;

/// Answers itself on stdout.
type Question = fn(&mut io::StdoutLock<'_>) -> io::Result<()>;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let questions: [(&str, Question); 3] = [("telemetry", telemetry), ("distinct", distinct), ("rsigma", rsigma)];
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, answer) in questions {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            answer(&mut out)?;
        }
    }
    Ok(())
}

/// Medians of the seconds that each contestant works, all of them in each round.
fn rounds<T, const N: usize>(mut contestants: [&mut dyn FnMut() -> T; N]) -> [f64; N] {
    let mut times = [(); N].map(|()| Vec::new());
    for round in 0..=ROUNDS {
        for (work, times) in contestants.iter_mut().zip(&mut times) {
            let begun = busy();
            let left = std::hint::black_box(work());
            let taken = busy() - begun;
            // What is left is dropped at the end of a process, not of a record.
            drop(left);
            // The first round warms caches and tables.
            if round > 0 {
                times.push(taken);
            }
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

/// A record and the tenant whose folder held it, in order of time.
struct Kept {
    time: EventTime,
    folder: Option<TenantId>,
    bytes: Vec<u8>,
}

/// Exports of two simulated days: sign-ins, audit, activity, alerts, risk, devices, office.
fn capture() -> io::Result<Vec<Kept>> {
    let mut files = Memory::default();
    let plan = Plan { people: 400, days: 2, attacks: 8, ..Plan::default() };
    simulate(&plan, &mut files).map_err(io::Error::other)?;
    let tenants = Tenants::default();
    let mut kept = Vec::new();
    for (path, text) in files.files.iter().filter(|(path, _)| path.starts_with("captures/")) {
        let folder = path.split('/').find_map(|part| TenantId::parse(part.strip_prefix("tenantId=")?));
        let context = Context { folder, ..Context::discovering(&tenants) };
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            for record in records(line, &context.limits).filter_map(Result::ok) {
                if let Ok(event) = decode(&context, &record.bytes) {
                    kept.push(Kept { time: event.time, folder, bytes: record.bytes.to_vec() });
                }
            }
        }
    }
    kept.sort_by(|a, b| (a.time, &a.bytes).cmp(&(b.time, &b.bytes)));
    Ok(kept)
}

/// The rules of the repository but for those named.
fn shipped(but: &[&str]) -> Arc<RuleSet> {
    let mut files = Vec::new();
    let mut left = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")];
    while let Some(at) = left.pop() {
        for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.display().to_string();
            if path.is_dir() {
                left.push(path);
            } else if name.ends_with(".yml")
                && !name.ends_with(".vectors.yml")
                && !but.iter().any(|b| name.ends_with(b))
            {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                // A base rule that nothing reads any more would find something in each record.
                let kept = |document: &&str| but.is_empty() || !document.contains("name: person_signs_in");
                let text = text.split("\n---\n").filter(kept).collect::<Vec<_>>().join("\n---\n");
                files.push(RuleFile { name: name.into(), text });
            }
        }
    }
    Arc::new(RuleSet::read(&files).0)
}

/// From bytes to written incidents; how many findings rules made.
fn whole(kept: &[Kept], rules: &Arc<RuleSet>) -> (usize, Windows, Engine<Index>) {
    let tenants = Tenants::default();
    let policy = Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge };
    let mut engine = Engine::new(Settings::defaults(), policy.clone(), Index::default());
    let mut windows = Windows::new(Arc::clone(rules), Limits::default());
    let (mut rows, mut found, mut signals, mut sum) = (Rows::default(), Vec::new(), Vec::new(), 0);
    for (at, record) in kept.iter().enumerate() {
        let context = Context { folder: record.folder, ..Context::discovering(&tenants) };
        let Ok(event) = decode(&context, &record.bytes) else { continue };
        sum += usize::from(observe(&event, &mut rows));
        rules::apply(&event, &mut found);
        rules.signals(&event, &Row::of(&record.bytes, &event), &mut signals);
        let journalled = |entry| Journalled { at: record.time, position: None, entry };
        found.drain(..).for_each(|sighting| engine.handle(journalled(Entry::Sighting(Box::new(sighting)))));
        signals.drain(..).for_each(|signal| windows.take(signal, engine.persons()));
        match event.body {
            Body::Sighting(sighting) => engine.handle(journalled(Entry::Sighting(sighting))),
            Body::Incident(incident) => engine.handle(journalled(Entry::Incident(incident))),
            _ => {}
        }
        if at % WATERMARK == 0 || at + 1 == kept.len() {
            pass(&mut windows, &mut engine, record.time);
            engine.handle_time(record.time);
            while let Some(change) = engine.poll_change() {
                sum += encode(&change.incident, Audience::Operator, &tenants, &policy).len();
            }
        }
    }
    (sum, windows, engine)
}

fn pass(windows: &mut Windows, engine: &mut Engine<Index>, at: EventTime) {
    windows.advance(at, engine.persons());
    while let Some(said) = windows.poll() {
        let journalled = |entry| Journalled { at: said.at, position: None, entry };
        for key in said.withdrawn {
            engine.handle(journalled(Entry::Withdrawn(Box::new(key))));
        }
        for finding in said.findings {
            engine.handle(journalled(Entry::Sighting(Box::new(finding))));
        }
        if let Some(chain) = said.chain {
            engine.handle(journalled(Entry::Chain(Box::new(chain))));
        }
    }
}

fn telemetry(out: &mut io::StdoutLock<'_>) -> io::Result<()> {
    let kept = capture()?;
    let bytes: usize = kept.iter().map(|k| k.bytes.len()).sum();
    let (all, few, none) = (shipped(&[]), shipped(EVERY_SIGN_IN), Arc::new(RuleSet::read(&[]).0));
    let counts = whole(&kept, &all).1.counts();
    let [without, with, fewer] =
        rounds([&mut || whole(&kept, &none), &mut || whole(&kept, &all), &mut || whole(&kept, &few)]);
    let (rules, base) = (all.scenarios.len(), all.base.len());
    writeln!(out, "{} records of mixed telemetry, {bytes} bytes; {rules} rules over {base} base rules", kept.len())?;
    writeln!(
        out,
        "from bytes to incidents with rules {:.2} of the rate without; {} signals, {} instances",
        without / with,
        counts.signals,
        counts.findings
    )?;
    writeln!(out, "without X08 and X17, which remember every sign-in at home: {:.2} of it", without / fewer)
}

fn one(text: &str) -> Arc<RuleSet> {
    let (set, faults) = RuleSet::read(&[RuleFile { name: "bench.yml".into(), text: text.to_owned() }]);
    assert!(faults.iter().all(|f| !f.fatal), "{faults:?}");
    Arc::new(set)
}

const SPRAY: &str = "title: Tries
name: tries
logsource: {product: azure, service: signinlogs}
detection:
  s: {ResultType: '50126'}
  condition: s
---
title: Many addresses
name: many
correlation:
  type: value_count
  rules: [tries]
  group-by: [app]
  timespan: 24h
  condition: {field: ip, gte: 50}
level: high
";

/// The time of the first and of the last tenth of the values, all of them in one window that never stops being full.
fn distinct(out: &mut io::StdoutLock<'_>) -> io::Result<()> {
    let rules = one(SPRAY);
    let tenant = TenantId(caponier_model::Guid::from_u128(7));
    let signal = |n: i64| Signal {
        key: SignalKey {
            at: EventTime::from_nanos(n * 800_000_000),
            tenant,
            record: compact_str::format_compact!("{n}"),
            rule: "tries".into(),
        },
        finding: None,
        side: None,
        home: None,
        mentions: vec![Mention { party: Party::Actor, tenant, object: None, name: Some("a@b.example".into()) }],
        fields: vec![("app".into(), "portal".into()), ("ip".into(), compact_str::format_compact!("10.{n}"))],
        entities: Arc::default(),
    };
    let persons = Index::default();
    let tenths: Vec<Vec<f64>> = (0..ROUNDS)
        .map(|_| {
            let mut windows = Windows::new(Arc::clone(&rules), Limits::default());
            let mut times = Vec::new();
            for tenth in 0..10 {
                let begun = busy();
                for n in tenth * VALUES / 10..(tenth + 1) * VALUES / 10 {
                    let signal = signal(n);
                    let at = signal.key.at;
                    windows.take(signal, &persons);
                    windows.advance(at, &persons);
                }
                times.push(busy() - begun);
            }
            while windows.poll().is_some() {}
            times
        })
        .collect();
    let median = |tenth: usize| {
        let mut times: Vec<f64> = tenths.iter().map(|t| t[tenth]).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (first, last) = (median(1), median(9));
    writeln!(
        out,
        "value_count of {VALUES} values in one window: the last tenth takes {:.2} of the second's time",
        last / first
    )
}

/// Rules in the shapes of rsigma's own correlation bench: simple detections, counts and pairs over them, grouped by one field.
fn fixture() -> String {
    let mut text = String::new();
    for n in 0..20 {
        let code = if n % 2 == 0 { 0 } else { 50126 };
        text += &format!(
            "title: base {n}\nid: 00000000-0000-4000-8000-0000000000{n:02}\nname: base_{n}\nlogsource: {{product: azure, service: signinlogs}}\ndetection:\n  s:\n    \
             properties.ipAddress|startswith: '203.0.{}'\n    properties.status.errorCode: {code}\n  condition: s\n---\n",
            n + 1
        );
    }
    for n in 0..20 {
        let (kind, rest) = if n < 10 {
            (format!("event_count\n  rules: [base_{n}]"), "\n  condition: {gte: 3}")
        } else {
            (format!("temporal\n  rules: [base_{}, base_{}]", n - 10, n), "")
        };
        text += &format!(
            "title: pair {n}\nname: pair_{n}\ncorrelation:\n  type: {kind}\n  group-by: [properties.userPrincipalName]\n  \
             timespan: {}m{rest}\nlevel: high\n---\n",
            10 + n
        );
    }
    text.trim_end_matches("---\n").to_owned()
}

/// (rule, user) of everything that hit.
type Hits = BTreeSet<(String, String)>;

fn ours(payloads: &[Vec<u8>], rules: &Arc<RuleSet>) -> Hits {
    let (tenants, persons, mut hits, mut signals) = (Tenants::default(), Index::default(), Hits::new(), Vec::new());
    let context = Context::discovering(&tenants);
    let mut windows = Windows::new(Arc::clone(rules), Limits::default());
    for payload in payloads {
        for record in records(payload, &context.limits).filter_map(Result::ok) {
            let Ok(mut event) = decode(&context, &record.bytes) else { continue };
            event.time = whole_second(&event);
            rules.signals(&event, &Row::of(&record.bytes, &event), &mut signals);
            let at = event.time;
            signals.drain(..).for_each(|signal| windows.take(signal, &persons));
            windows.advance(at, &persons);
        }
    }
    windows.advance(EventTime::MAX, &persons);
    while let Some(said) = windows.poll() {
        let named = |e: &Entity| e.kind == EntityKind::AccountName;
        let users = said.findings.iter().flat_map(|f| f.entities.iter().filter(|e| named(e)));
        hits.extend(users.map(|e| (said.rule.to_string(), e.value.to_string())));
    }
    hits
}

/// rsigma reads seconds.
fn whole_second(event: &Event<'_>) -> EventTime {
    EventTime::from_seconds(event.time.seconds_since(EventTime::from_seconds(0)))
}

fn theirs(payloads: &[Vec<u8>], engine: &mut CorrelationEngine) -> Hits {
    let mut hits = Hits::new();
    for payload in payloads {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(payload) else { continue };
        for record in value["records"].as_array().into_iter().flatten() {
            let seconds = record["properties"]["createdDateTime"].as_str().and_then(caponier_wire::parse_time);
            let seconds = seconds.map_or(0, |t| t.seconds_since(EventTime::from_seconds(0)));
            let result = engine.process_event_at(&JsonEvent::borrow(record), seconds);
            for hit in result.correlations() {
                let user = hit.as_correlation().and_then(|c| c.group_key.first());
                let rule = hit.header.rule_title.replace(' ', "_");
                hits.extend(user.map(|(_, user)| (rule, user.clone())));
            }
        }
    }
    hits
}

/// Which two of a pair's base rules a user met within its span, read straight off the records.
fn naive(payloads: &[Vec<u8>]) -> Hits {
    let mut seen = BTreeMap::<(i64, String), Vec<i64>>::new();
    for payload in payloads {
        let value = serde_json::from_slice::<serde_json::Value>(payload).unwrap_or_default();
        for record in value["records"].as_array().into_iter().flatten() {
            let text = |name: &str| record["properties"][name].as_str().unwrap_or_default();
            let time = caponier_wire::parse_time(text("createdDateTime")).unwrap_or_default();
            let error = record["properties"]["status"]["errorCode"].as_i64();
            for n in 0..20 {
                let code = if n % 2 == 0 { 0 } else { 50126 };
                if text("ipAddress").starts_with(&format!("203.0.{}", n + 1)) && error == Some(code) {
                    let seconds = time.seconds_since(EventTime::from_seconds(0));
                    seen.entry((n, text("userPrincipalName").to_owned())).or_default().push(seconds);
                }
            }
        }
    }
    let near = |one: &[i64], other: &[i64], span: i64| one.iter().any(|a| other.iter().any(|b| (a - b).abs() <= span));
    let met = |((n, user), first): (&(i64, String), &Vec<i64>)| {
        let second = seen.get(&(n + 10, user.clone()))?;
        near(first, second, (20 + n) * 60).then(|| (format!("pair_{}", n + 10), user.clone()))
    };
    seen.iter().filter(|((n, _), _)| *n < 10).filter_map(met).collect()
}

fn rsigma(out: &mut io::StdoutLock<'_>) -> io::Result<()> {
    let text = fixture();
    let rules = one(&text);
    let collection = rsigma_parser::parse_sigma_yaml(&text).map_err(io::Error::other)?;
    let payloads = Load::new(7, 40).batches(250);
    let mut loaded = CorrelationEngine::new(CorrelationConfig::default());
    loaded.add_collection(&collection).map_err(io::Error::other)?;
    // Rules that load once load again.
    let fresh = || {
        let mut engine = CorrelationEngine::new(CorrelationConfig::default());
        engine.add_collection(&collection).map(|()| engine)
    };
    let (mine, other) = (ours(&payloads, &rules), theirs(&payloads, &mut loaded));
    let [mine_s, other_s] = rounds([&mut || ours(&payloads, &rules).len(), &mut || {
        fresh().map_or(0, |mut engine| theirs(&payloads, &mut engine).len())
    }]);
    let pairs = |hits: &Hits| hits.iter().filter(|(rule, _)| rule.len() > "pair_9".len()).cloned().collect::<Hits>();
    let (mine_pairs, other_pairs, referee) = (pairs(&mine), pairs(&other), naive(&payloads));
    let counts = |hits: &Hits, pairs: &Hits| hits.difference(pairs).cloned().collect::<Hits>();
    let word = |same| if same { "the same" } else { "OTHER" };
    writeln!(
        out,
        "rsigma's shapes, 20 base rules and 20 correlations: {:.2} times rsigma's rate from bytes to hits",
        other_s / mine_s
    )?;
    let same = counts(&mine, &mine_pairs) == counts(&other, &other_pairs);
    writeln!(out, "event_count: {} hits, {} as rsigma's", mine.len() - mine_pairs.len(), word(same))?;
    writeln!(
        out,
        "temporal: {} hits, {} as counted by hand; rsigma has {}",
        mine_pairs.len(),
        word(mine_pairs == referee),
        other_pairs.len()
    )
}
