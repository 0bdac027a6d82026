//! Windows against what their rules say: each case is a rule, signals by the minute, and the first minutes of what must be found.

use super::*;
use crate::{Emission, NoColumns, RuleFile, RuleSet};
use caponier_model::{AccountFacts, Binding, EventTime, FindingKey, Guid, Link, SignalKey};
use caponier_model::{Handle, Party};
use compact_str::ToCompactString;

const HOME: TenantId = TenantId(Guid::from_u128(0xA));
const RESOURCE: TenantId = TenantId(Guid::from_u128(0xB));

/// Object 0xB0 + n in the resource tenant is 0xA0 + n at home, from minute `from` on.
#[derive(Default)]
pub(super) struct Linked {
    pub(super) from: i64,
    pub(super) broken: bool,
}

impl Persons for Linked {
    fn account(&self, _: TenantId, _: Handle<'_>, _: EventTime) -> Option<AccountKey> {
        None
    }

    fn bind(&self, account: AccountKey, at: EventTime) -> Binding {
        let object = account.object.as_u128();
        let linked =
            account.tenant == RESOURCE && (0xB0..0xC0).contains(&object) && !self.broken && at >= minute(self.from);
        let person = if linked { AccountKey { tenant: HOME, object: Guid::from_u128(object - 0x10) } } else { account };
        Binding { person, via: None, possible: Vec::new() }
    }

    fn facts(&self, _: AccountKey, _: EventTime) -> Option<AccountFacts> {
        None
    }

    fn apply(&mut self, _: IdentityChange) -> Vec<AccountKey> {
        Vec::new()
    }
}

pub(super) fn minute(at: i64) -> EventTime {
    EventTime::from_seconds(at * 60)
}

/// `rule@minute who [field=value …]`: `who` is h<n> for home object n, r<n> for its guest.
pub(super) fn signal(text: &str) -> Signal {
    let mut words = text.split(' ');
    let (rule, at) = words.next().unwrap().split_once('@').unwrap();
    let who = words.next().unwrap();
    let (tenant, base) = if who.starts_with('h') { (HOME, 0xA0) } else { (RESOURCE, 0xB0) };
    let object = Guid::from_u128(base + who[1..].parse::<u128>().unwrap());
    let fields: Vec<_> = words.map(|w| w.split_once('=').unwrap()).map(|(n, v)| (n.into(), v.into())).collect();
    let seconds = (at.parse::<f64>().unwrap() * 60.0).round() as i64;
    let at = EventTime::from_seconds(seconds);
    Signal {
        key: SignalKey { at, tenant, record: text.into(), rule: rule.into() },
        finding: (rule == "alert").then(|| FindingKey { tenant, product: "mde".into(), id: text.into() }),
        side: None,
        home: None,
        mentions: vec![Mention { party: Party::Actor, tenant, object: Some(object), name: None }],
        fields,
        entities: Arc::default(),
    }
}

const BASES: &[&str] = &["a", "b", "c", "alert"];

pub(super) fn rules(correlations: &str) -> Arc<RuleSet> {
    let mut text = String::new();
    for base in BASES {
        text += &format!(
            "title: {base}\nname: {base}\nlogsource: {{product: azure, service: signinlogs}}\ndetection:\n  s:\n    ResultType: '{base}'\n  condition: s\n---\n"
        );
    }
    text += correlations;
    let text = text.trim_end_matches("---\n").to_owned();
    let (set, faults) = RuleSet::read(&[RuleFile { name: "t.yml".into(), text }]);
    let fatal: Vec<_> = faults.iter().filter(|f| f.fatal).map(|f| f.to_compact_string()).collect();
    assert!(fatal.is_empty(), "{fatal:?}");
    Arc::new(set)
}

/// Of the rule `x`: the minute of each instance's first signal, and how many tenants spoke.
fn run(rules: &Arc<RuleSet>, signals: &[&str], persons: &Linked) -> Vec<(i64, usize)> {
    let mut windows = Windows::new(Arc::clone(rules), Limits::default());
    let mut said = BTreeMap::new();
    for text in signals {
        windows.take(signal(text), persons);
    }
    windows.advance(EventTime::MAX, persons);
    collect(&mut windows, &mut said);
    firsts(&said)
}

fn collect(windows: &mut Windows, said: &mut BTreeMap<CompactString, Emission>) {
    while let Some(emission) = windows.poll() {
        if emission.rule != "x" {
            continue;
        }
        if emission.withdrawn.is_empty() {
            said.insert(emission.id.clone(), emission);
        } else {
            said.remove(&emission.id);
        }
    }
}

fn firsts(said: &BTreeMap<CompactString, Emission>) -> Vec<(i64, usize)> {
    let first = |e: &Emission| e.first.seconds_since(minute(0)) / 60;
    let mut out: Vec<_> = said.values().map(|e| (first(e), e.findings.len())).collect();
    out.sort_unstable();
    out
}

fn correlation(kind: &str, of: &str, rest: &str) -> String {
    format!("title: X\nname: x\ncorrelation:\n  type: {kind}\n  rules: [{of}]\n  timespan: 10m\n{rest}")
}

/// Signals, and the instances they make: the minute of the first signal, how many tenants speak.
type Told = (&'static [&'static str], &'static [(i64, usize)]);

/// A rule, then signals and what they make.
struct Case {
    rule: String,
    of: &'static [Told],
}

#[expect(clippy::too_many_lines, reason = "a table, a rule a row")]
fn cases() -> Vec<Case> {
    let person = "  group-by: [caponier.person]\n";
    let ordered = |rest: &str| correlation("temporal_ordered", "a, b", &format!("{person}{rest}"));
    vec![
        Case {
            rule: ordered(""),
            of: &[
                (&["a@0 h1", "b@5 r1"], &[(0, 2)]),
                (&["a@0 h1", "b@10 r1"], &[(0, 2)]),
                (&["a@0 h1", "b@10.02 r1"], &[]),
                (&["b@0 r1", "a@5 h1"], &[]),
                (&["a@0 h1", "b@5 r2"], &[]),
                (&["a@0 h1", "a@0 h1", "b@5 r1", "b@5 r1"], &[(0, 2)]),
                (&["b@5 r1", "a@0 h1"], &[(0, 2)]),
                (&["a@0 h1", "b@5 h1"], &[(0, 1)]),
                (&["a@0 h1", "b@5 r1", "a@20 h1", "b@25 r1"], &[(0, 2), (20, 2)]),
                (&["a@0 h1", "b@5 r1", "b@6 r1"], &[(0, 2)]),
            ],
        },
        Case {
            rule: ordered("caponier:\n  sides: {a: home, b: resource}\n  tenants: 2\n"),
            of: &[(&["a@0 h1", "b@5 r1"], &[(0, 2)]), (&["a@0 h1", "b@5 h1"], &[]), (&["a@0 r1", "b@5 r1"], &[])],
        },
        Case {
            rule: ordered("caponier:\n  cancel: [c]\n"),
            of: &[
                (&["a@0 h1", "c@2 h1", "b@5 r1"], &[]),
                (&["a@0 h1", "c@2 h2", "b@5 r1"], &[(0, 2)]),
                (&["c@0 h1", "a@2 h1", "b@5 r1"], &[(2, 2)]),
                (&["a@0 h1", "b@5 r1", "c@7 h1"], &[(0, 2)]),
            ],
        },
        Case {
            rule: correlation(
                "event_count",
                "a",
                &format!("{person}  condition: {{gte: 1}}\ncaponier:\n  absent: [{{rule: b, after: a, within: 3m}}]\n"),
            ),
            of: &[
                (&["a@0 h1"], &[(0, 1)]),
                (&["a@0 h1", "b@2 r1"], &[]),
                (&["a@0 h1", "b@3 r1"], &[]),
                (&["a@0 h1", "b@3.02 r1"], &[(0, 1)]),
                (&["b@0 r1", "a@1 h1"], &[(1, 1)]),
            ],
        },
        Case {
            rule: correlation(
                "event_count",
                "a",
                &format!(
                    "{person}  condition: {{gte: 1}}\ncaponier:\n  absent: [{{rule: b, before: a, within: 3m}}]\n"
                ),
            ),
            of: &[(&["b@0 r1", "a@1 h1"], &[]), (&["b@0 r1", "a@4 h1"], &[(4, 1)]), (&["a@1 h1", "b@2 r1"], &[(1, 1)])],
        },
        Case {
            rule: correlation("event_count", "a", &format!("{person}  condition: {{gte: 3}}\n")),
            of: &[
                (&["a@0 h1", "a@4 r1", "a@9 h1"], &[(0, 2)]),
                (&["a@0 h1", "a@4 h1", "a@10.1 h1"], &[]),
                (&["a@0 h1", "a@4 h1", "a@11 h1", "a@12 h1"], &[(4, 1)]),
            ],
        },
        Case {
            rule: correlation(
                "temporal",
                "a, b",
                &format!("{person}caponier:\n  apart: {{place: p, faster: 900, beyond: 50, change: [n]}}\n"),
            ),
            of: &[
                (&["a@0 h1 p=52.37,4.9 n=1", "b@5 r1 p=52.52,13.4 n=2"], &[(0, 2)]),
                (&["b@0 r1 p=52.37,4.9 n=1", "a@5 h1 p=52.52,13.4 n=2"], &[(0, 2)]),
                (&["a@0 h1 p=52.37,4.9 n=1", "b@0 r1 p=52.52,13.4 n=2"], &[(0, 2)]),
                (&["a@0 h1 p=52.37,4.9 n=1", "b@5 r1 p=52.52,13.4 n=1"], &[]),
                (&["a@0 h1 p=52.37,4.9 n=1", "b@5 r1 p=52.52,13.4"], &[]),
                (&["a@0 h1 p=52.37,4.9 n=1", "b@0 r1 p=52.3,4.8 n=2"], &[]),
                (&["a@0 h1 p=52.37,4.9 n=1", "b@10 r1 p=52.37,6.9 n=2"], &[]),
                (&["a@0 h1 n=1", "b@5 r1 p=52.52,13.4 n=2"], &[]),
                (&["a@0 h1 p=52.37,4.9 n=1", "a@4 h1 p=52.52,13.4 n=2", "b@5 r1 p=52.52,13.4 n=2"], &[(0, 2)]),
                (&["b@5 r1 p=52.52,13.4 n=2", "a@0 h1 p=52.37,4.9 n=1"], &[(0, 2)]),
            ],
        },
        Case {
            rule: correlation(
                "event_count",
                "a",
                &format!("{person}  condition: {{gte: 2}}\ncaponier:\n  baseline: {{over: 30m, factor: 2}}\n"),
            ),
            of: &[
                (&["b@-60 h2", "a@-60 h2", "a@0 h1", "a@1 h1"], &[(0, 1)]),
                (&["a@0 h1", "a@1 h1"], &[]),
                (&["a@-31 h1", "a@-15 h1", "a@0 h1", "a@1 h1"], &[]),
                (&["a@-31 h1", "a@-15 h1", "a@0 h1", "a@1 h1", "a@2 h1"], &[(0, 1)]),
                (&["a@-60 h1", "a@-59 h1", "a@-58 h1", "a@0 h1", "a@1 h1"], &[(0, 1)]),
                (&["a@-31 h2", "a@-15 h2", "a@0 h1", "a@1 h1"], &[(0, 1)]),
            ],
        },
        Case {
            rule: correlation("value_count", "a", &format!("{person}  condition: {{field: ip, gte: 2}}\n")),
            of: &[
                (&["a@0 h1 ip=1", "a@1 h1 ip=1"], &[]),
                (&["a@0 h1 ip=1", "a@1 h1 ip=2"], &[(0, 1)]),
                (&["a@0 h1 ip=1", "a@11 h1 ip=2"], &[]),
            ],
        },
        Case {
            rule: correlation("temporal", "a, b", person),
            of: &[(&["b@0 r1", "a@5 h1"], &[(0, 2)]), (&["a@0 h1", "a@5 h1"], &[]), (&["b@0 r1", "a@10.1 h1"], &[])],
        },
        Case {
            rule: correlation("temporal", "a, b, c", &format!("{person}  condition: a and (b or c)\n")),
            of: &[(&["c@0 r1", "a@5 h1"], &[(0, 2)]), (&["b@0 r1", "c@5 h1"], &[])],
        },
        Case {
            rule: correlation("value_sum", "a", &format!("{person}  condition: {{field: n, gt: 10}}\n")),
            of: &[(&["a@0 h1 n=4.5", "a@1 h1 n=5.5"], &[]), (&["a@0 h1 n=4.5", "a@1 h1 n=5.6"], &[(0, 1)])],
        },
        Case {
            rule: correlation("value_median", "a", &format!("{person}  condition: {{field: n, gte: 5}}\n")),
            of: &[(&["a@0 h1 n=4", "a@1 h1 n=6"], &[(0, 1)]), (&["a@0 h1 n=4", "a@1 h1 n=5"], &[])],
        },
        Case {
            rule: correlation(
                "event_count",
                "a",
                &format!("{person}  condition: {{gte: 1}}\ncaponier:\n  seen: [{{rule: a, by: [app], over: 60m}}]\n"),
            ),
            of: &[
                (&["a@0 h1 app=1", "a@70 h1 app=1"], &[(70, 1)]),
                (&["a@0 h1 app=1", "a@50 h1 app=1", "a@70 h1 app=1", "a@80 h1 app=2"], &[(80, 1)]),
                (&["a@0 h1 app=1", "a@50 h1 app=2"], &[]),
            ],
        },
    ]
}

#[test]
fn every_rule_finds_what_it_says_and_nothing_else() {
    for case in cases() {
        let rules = rules(&case.rule);
        for (signals, want) in case.of {
            assert_eq!(run(&rules, signals, &Linked::default()), *want, "{}\n{signals:?}", case.rule);
        }
    }
}

#[test]
fn any_order_of_arrival_ends_with_the_same_findings() {
    for case in cases().iter().filter(|case| !["seen:", "baseline:"].iter().any(|key| case.rule.contains(key))) {
        let rules = rules(&case.rule);
        for (signals, want) in case.of {
            for turn in 0..signals.len() {
                let mut windows = Windows::new(Arc::clone(&rules), Limits::default());
                let mut said = BTreeMap::new();
                let persons = Linked::default();
                let rotated = signals.iter().cycle().skip(turn).take(signals.len());
                for text in rotated {
                    let signal = signal(text);
                    // Time runs ahead of what comes later: all but the first turn has late signals.
                    let at = signal.key.at;
                    windows.take(signal, &persons);
                    windows.advance(at.plus_seconds(1), &persons);
                    collect(&mut windows, &mut said);
                }
                windows.advance(EventTime::MAX, &persons);
                collect(&mut windows, &mut said);
                assert_eq!(firsts(&said), *want, "{}\n{signals:?} from {turn}", case.rule);
            }
        }
    }
}

#[test]
fn a_link_that_comes_late_makes_the_finding_and_its_end_takes_it_back() {
    let rules = rules(&correlation("temporal_ordered", "a, b", "  group-by: [caponier.person]\n"));
    let mut windows = Windows::new(rules, Limits::default());
    let (mut said, mut persons) = (BTreeMap::new(), Linked { broken: true, ..Linked::default() });
    for text in ["a@0 h1", "b@5 r1"] {
        windows.take(signal(text), &persons);
    }
    windows.advance(minute(6), &persons);
    collect(&mut windows, &mut said);
    assert_eq!(firsts(&said), []);
    let account = AccountKey { tenant: RESOURCE, object: Guid::from_u128(0xB1) };
    let home = AccountKey { tenant: HOME, object: Guid::from_u128(0xA1) };
    let link = IdentityChange::Link(Link {
        account,
        home,
        state: caponier_model::LinkState::Accepted,
        confidence: 990_000,
        kinds: Vec::new(),
        sources: Vec::new(),
        from: EventTime::MIN,
        until: EventTime::MAX,
    });
    persons.broken = false;
    windows.rebind(&link, &persons);
    collect(&mut windows, &mut said);
    assert_eq!(firsts(&said), [(0, 2)]);
    persons.broken = true;
    windows.rebind(&IdentityChange::Unlink(account, home, EventTime::MIN), &persons);
    collect(&mut windows, &mut said);
    assert_eq!(firsts(&said), []);
    assert_eq!((windows.counts().findings, windows.counts().withdrawn), (1, 1));
}

#[test]
fn a_rule_over_rules_reads_their_findings() {
    let inner = "title: I\nname: i\ncorrelation:\n  type: event_count\n  rules: [a]\n  timespan: 10m\n  group-by: [caponier.person]\n  condition: {gte: 2}\n---\n";
    let rules =
        rules(&(inner.to_owned() + &correlation("temporal_ordered", "i, b", "  group-by: [caponier.person]\n")));
    assert_eq!(run(&rules, &["a@0 h1", "a@1 h1", "b@5 r1"], &Linked::default()), [(1, 2)]);
    assert_eq!(run(&rules, &["a@0 h1", "b@5 r1"], &Linked::default()), []);
}

#[test]
fn the_chain_names_the_alerts_among_the_steps() {
    let rules = rules(&correlation("temporal_ordered", "alert, b", "  group-by: [caponier.person]\n"));
    let mut windows = Windows::new(rules, Limits::default());
    let persons = Linked::default();
    for text in ["alert@0 h1", "b@5 r1"] {
        windows.take(signal(text), &persons);
    }
    windows.advance(EventTime::MAX, &persons);
    let emission = std::iter::from_fn(|| windows.poll()).find(|e| e.rule == "x").unwrap();
    let chain = emission.chain.unwrap();
    let steps: Vec<_> = chain.steps.iter().map(|s| (s.finding.product.as_str(), s.step.as_str())).collect();
    assert_eq!(steps, [("caponier", "x"), ("mde", "alert"), ("caponier", "x")]);
    // Each finding names one tenant's records and says so by its key.
    let tenants: Vec<_> = emission.findings.iter().map(|f| f.key.tenant).collect();
    assert_eq!(tenants, [HOME, RESOURCE]);
}

#[test]
fn what_is_held_is_bounded_and_what_leaves_is_counted() {
    let rules = rules(&correlation("event_count", "a", "  group-by: [caponier.person]\n  condition: {gte: 3}\n"));
    let mut windows = Windows::new(rules, Limits { signals: 10, ..Limits::default() });
    let persons = Linked::default();
    for at in 0..50 {
        windows.take(signal(&format!("a@{at} h{}", at % 7)), &persons);
        windows.advance(minute(at), &persons);
    }
    assert!(windows.held() <= 11, "{}", windows.held());
    let mut windows_by_time = Windows::new(Arc::clone(&windows.rules), Limits { retention: 60, ..Limits::default() });
    for at in 0..500 {
        windows_by_time.take(signal(&format!("a@{at} h{}", at % 7)), &persons);
        windows_by_time.advance(minute(at), &persons);
    }
    assert!(windows_by_time.held() <= 22, "{}", windows_by_time.held());
    assert_eq!(windows_by_time.counts().shed, 0);
}

#[test]
fn an_event_that_no_rule_names_is_passed_by() {
    let rules = rules("");
    let event = caponier_model::Event {
        format: "user_graph",
        tenant: HOME,
        time: minute(0),
        id: None,
        operation: None,
        actor: caponier_model::Actor::default(),
        address: None,
        device: caponier_model::DeviceRef::default(),
        outcome: None,
        severity: caponier_model::Severity::Unknown,
        techniques: Vec::new(),
        content: 1,
        body: caponier_model::Body::Plain,
    };
    let mut out = Vec::new();
    rules.signals(&event, &NoColumns, &mut out);
    assert!(out.is_empty());
}

#[test]
fn a_rule_that_stands_alone_speaks_once_for_each_record() {
    let rules = rules("");
    let mut windows = Windows::new(Arc::clone(&rules), Limits::default());
    for at in 0..3 {
        windows.take(signal(&format!("a@{at} h1")), &Linked::default());
    }
    windows.advance(minute(10), &Linked::default());
    let said = std::iter::from_fn(|| windows.poll()).take(10).count();
    assert_eq!((said, windows.counts().findings), (3, 3));
}
