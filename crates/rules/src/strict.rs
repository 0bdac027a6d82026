//! What the specification forbids in a correlation document and rsigma's parser lets pass. Reads the YAML once more; the behaviour is
//! that of pySigma's correlation tests.

use serde::Deserialize as _;
use yaml_serde::Value;

/// Keys of a condition beside its operators.
const CONDITION: [&str; 8] = ["lt", "lte", "gt", "gte", "eq", "neq", "field", "percentile"];

/// Every document with a correlation, in order.
pub(crate) fn correlations(text: &str) -> Vec<Value> {
    documents(text, "correlation")
}

/// The document with a filter of this title.
pub(crate) fn filter(text: &str, title: &str) -> Option<Value> {
    documents(text, "filter").into_iter().find(|d| d.get("title").and_then(Value::as_str) == Some(title))
}

/// What is wrong with the shape of a filter document.
pub(crate) fn filter_faults(document: &Value) -> Vec<String> {
    let mut out = Vec::new();
    if !document.get("logsource").is_some_and(Value::is_mapping) {
        out.push("has no logsource; say which rules' it is".into());
    }
    let Some(filter) = document.get("filter") else { return out };
    if !filter.get("rules").is_some_and(|rules| is_list(rules) && rules.as_sequence().is_none_or(|l| !l.is_empty())) {
        out.push("has no `rules`; name the base rules that it narrows, or any".into());
    }
    if !filter.get("condition").is_some_and(Value::is_string) {
        out.push("needs one condition, as text".into());
    }
    out
}

/// Every document with such a key, in order.
fn documents(text: &str, key: &str) -> Vec<Value> {
    let mut out = Vec::new();
    for document in yaml_serde::Deserializer::from_str(text) {
        // A broken document ends the stream; the parser proper tells why.
        let Ok(value) = Value::deserialize(document) else { break };
        if value.get(key).is_some() {
            out.push(value);
        }
    }
    out
}

/// Whether the document says a condition.
pub(crate) fn has_condition(document: &Value) -> bool {
    document.get("correlation").and_then(|c| c.get("condition")).is_some()
}

/// What is wrong with the shape of a correlation document.
pub(crate) fn faults(document: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let Some(correlation) = document.get("correlation") else { return out };
    for key in ["rules", "group-by"] {
        if correlation.get(key).is_some_and(|v| !is_list(v)) {
            out.push(format!("{key} must be text or a list of texts"));
        }
    }
    for generate in [document.get("generate"), correlation.get("generate")].into_iter().flatten() {
        if !generate.is_bool() {
            out.push("generate must be true or false".into());
        }
    }
    if let Some(aliases) = correlation.get("aliases") {
        let pairs = |v: &Value| v.as_mapping().is_some_and(|m| m.iter().all(|(k, v)| k.is_string() && v.is_string()));
        if !aliases.as_mapping().is_some_and(|m| m.iter().all(|(k, v)| k.is_string() && pairs(v))) {
            out.push("aliases must give each name what each rule calls it: name: {rule: field}".into());
        }
    }
    if let Some(condition) = correlation.get("condition").and_then(Value::as_mapping) {
        for key in condition.iter().filter_map(|(k, _)| k.as_str()).filter(|k| !CONDITION.contains(k)) {
            out.push(format!("condition.{key} is unknown; write one of {}", CONDITION.join(", ")));
        }
    }
    out
}

fn is_list(value: &Value) -> bool {
    value.is_string() || value.as_sequence().is_some_and(|items| items.iter().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use crate::{Fault, Presence, RuleFile, RuleSet, Shape};

    fn read(correlation: &str) -> (RuleSet, Vec<Fault>) {
        let mut text = String::new();
        for rule in ["rule_a", "rule_b", "rule_c", "rule_d", "failed_login"] {
            text += &format!(
                "title: {rule}\nname: {rule}\nlogsource: {{product: azure, service: signinlogs}}\ndetection: {{s: {{ResultType: 1}}, condition: s}}\n---\n"
            );
        }
        let text = format!("{text}title: X\nname: x\ncorrelation: {{{correlation}}}\n");
        RuleSet::read(&[RuleFile { name: "t.yml".into(), text }])
    }

    /// The cases of pySigma's correlation tests: what a correlation says, and whether it stands.
    const CASES: &[(&str, bool)] = &[
        ("type: event_count, rules: failed_login, group-by: user, timespan: 10m, condition: {gte: 10}", true),
        ("type: event_count, rules: failed_login, group-by: [user], timespan: 10m, condition: {neq: 10}", true),
        (
            "type: temporal, rules: [rule_a, rule_b], group-by: [source, user], timespan: 1h, aliases: {source: {rule_a: source_ip, rule_b: source_address}, user: {rule_a: username, rule_b: user_name}}",
            true,
        ),
        ("type: test, rules: failed_login, group-by: [user], timespan: 10m, condition: {gte: 10}", false),
        ("rules: failed_login, group-by: [user], timespan: 10m, condition: {gte: 10}", false),
        ("type: event_count, rules: {test: test}, group-by: [user], timespan: 10m, condition: {gte: 10}", false),
        ("type: event_count, group-by: [user], timespan: 10m, condition: {gte: 10}", false),
        ("type: event_count, rules: failed_login, group-by: {test: test}, timespan: 10m, condition: {gte: 10}", false),
        ("type: event_count, rules: failed_login, group-by: [user], timespan: '10', condition: {gte: 10}", false),
        ("type: event_count, rules: failed_login, group-by: [user], condition: {gte: 10}", false),
        ("type: event_count, rules: failed_login, group-by: [user], timespan: 10m, condition: test", false),
        ("type: event_count, rules: failed_login, group-by: [user], timespan: 10m", false),
        ("type: value_count, rules: failed_login, group-by: [user], timespan: 10m, condition: {gte: 10}", false),
        (
            "type: value_count, rules: failed_login, group-by: [user], timespan: 10m, condition: {field: test, gte: 10}",
            true,
        ),
        (
            "type: value_count, rules: failed_login, group-by: [user], timespan: 10m, condition: {field: [a, b], gte: 10}",
            true,
        ),
        (
            "type: event_count, rules: failed_login, group-by: user, timespan: 10m, aliases: {user: {failed_login: username}}, condition: {gte: 10}",
            true,
        ),
        (
            "type: event_count, rules: failed_login, group-by: [user], timespan: 10m, aliases: test, condition: {gte: 10}",
            false,
        ),
        (
            "type: event_count, rules: failed_login, group-by: [user], timespan: 10m, aliases: {test: test}, condition: {gte: 10}",
            false,
        ),
        (
            "type: event_count, rules: failed_login, group-by: [user], timespan: 10m, condition: {gte: 10, test1: 20, test2: 30}",
            false,
        ),
        ("type: event_count, rules: failed_login, group-by: [user], timespan: 10m, condition: {gte: test}", false),
        ("type: event_count, rules: nobody, group-by: [user], timespan: 10m, condition: {gte: 10}", false),
        (
            "type: event_count, rules: failed_login, generate: true, group-by: user, timespan: 10m, condition: {gte: 10}",
            true,
        ),
        (
            "type: event_count, rules: failed_login, generate: test, group-by: user, timespan: 10m, condition: {gte: 10}",
            false,
        ),
        ("type: value_sum, rules: rule_a, timespan: 10m, condition: {gte: 1000}", false),
        ("type: value_avg, rules: rule_a, timespan: 10m, condition: {gte: 100}", false),
        ("type: value_percentile, rules: rule_a, timespan: 10m, condition: {gte: 95}", false),
        ("type: value_sum, rules: rule_a, timespan: 10m, condition: {field: n, gte: 1000}", true),
        (
            "type: temporal, rules: [rule_a, rule_b], group-by: [user], timespan: 5m, condition: rule_a and not rule_b",
            true,
        ),
        (
            "type: temporal_ordered, rules: [rule_a, rule_b, rule_c], group-by: [user], timespan: 30s, condition: rule_a and not rule_b and rule_c",
            true,
        ),
        (
            "type: event_count, rules: [rule_a, rule_b], group-by: [user], timespan: 5m, condition: rule_a and rule_b",
            false,
        ),
        ("type: temporal, rules: [rule_a, rule_b], group-by: [user], timespan: 5m, condition: {gte: 1}", true),
        (
            "type: temporal, rules: [rule_a, rule_b, rule_c, rule_d], group-by: [user, host], timespan: 10m, condition: (rule_a or rule_b) and not (rule_c or rule_d)",
            true,
        ),
        (
            "type: temporal, rules: [rule_a, rule_b, rule_c], group-by: [user], timespan: 5m, condition: rule_a and rule_b",
            false,
        ),
        (
            "type: temporal, rules: [rule_a, rule_b], group-by: [user], timespan: 5m, condition: rule_a and rule_b and rule_c",
            false,
        ),
        (
            "type: temporal, rules: [rule_a, rule_b], group-by: [user], timespan: 5m, condition: rule_a and and rule_b",
            false,
        ),
        ("type: temporal, group-by: [user], timespan: 5m, condition: rule_a and (rule_b or rule_c)", true),
        // The specification's own range, which pySigma refuses and the text allows.
        ("type: event_count, rules: rule_a, group-by: [user], timespan: 5m, condition: {gt: 100, lte: 200}", true),
    ];

    #[test]
    fn correlations_stand_or_fall_as_the_reference_says() {
        for (correlation, stands) in CASES {
            let (set, faults) = read(correlation);
            let fatal: Vec<_> = faults.iter().filter(|f| f.fatal).map(|f| f.what.clone()).collect();
            assert_eq!(fatal.is_empty(), *stands, "{correlation}\n{fatal:?}");
            assert_eq!(set.scenario("x").is_some() && fatal.is_empty(), *stands, "{correlation}");
        }
    }

    #[test]
    fn a_threshold_over_rules_counts_those_that_are_there() {
        let (set, _) = read(
            "type: temporal, rules: [rule_a, rule_b, rule_c], group-by: [user], timespan: 5m, condition: {gte: 2}",
        );
        assert!(matches!(set.scenario("x").unwrap().shape, Shape::Together(Presence::Steps(_))));
        let (set, _) = read("type: temporal, rules: [rule_a, rule_b, rule_c], group-by: [user], timespan: 5m");
        assert_eq!(set.scenario("x").unwrap().shape, Shape::Together(Presence::All));
    }

    #[test]
    fn a_chain_of_correlations_reads_the_inner_one() {
        let text = "title: T\nname: outer\ncorrelation: {type: temporal_ordered, rules: [rule_a, inner], group-by: [User], timespan: 10m}\n---\n\
            title: I\nname: inner\ncorrelation: {type: event_count, rules: [rule_b], group-by: [User], timespan: 10m, condition: {gte: 10}}\n---\n\
            title: A\nname: rule_a\nlogsource: {product: windows}\ndetection: {s: {EventID: 1}, condition: s}\n---\n\
            title: B\nname: rule_b\nlogsource: {product: windows}\ndetection: {s: {EventID: 2}, condition: s}\n";
        let (set, faults) = RuleSet::read(&[RuleFile { name: "t.yml".into(), text: text.into() }]);
        assert!(faults.iter().all(|f| !f.fatal), "{faults:?}");
        let names: Vec<_> = set.scenarios.iter().map(|s| (s.name.as_str(), s.generate)).collect();
        assert_eq!(names, [("inner", false), ("outer", true)]);
        let circle = text.replace("rules: [rule_b]", "rules: [rule_b, outer]");
        let (_, faults) = RuleSet::read(&[RuleFile { name: "t.yml".into(), text: circle }]);
        assert_eq!(faults.iter().filter(|f| f.fatal).count(), 2, "{faults:?}");
    }
}

#[cfg(test)]
mod hostile {
    use crate::{RuleFile, RuleSet};

    const RULE: &str = include_str!("../../../rules/identity-risk/x02.yml");

    /// A generator that needs no crate: splitmix64.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[test]
    fn damaged_rule_files_are_faults_and_never_a_panic() {
        let mut state = 7;
        let mut refused = 0;
        for _ in 0..400 {
            let mut bytes = RULE.as_bytes().to_vec();
            for _ in 0..1 + next(&mut state) % 4 {
                let at = next(&mut state) as usize % bytes.len().max(1);
                if bytes.len() < 2 {
                    break;
                }
                match next(&mut state) % 3 {
                    0 => bytes[at] = b" :-[]{}|&*!'\"\n0a"[next(&mut state) as usize % 16],
                    1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let (_, faults) = RuleSet::read(&[RuleFile { name: "x.yml".into(), text }]);
            refused += usize::from(faults.iter().any(|f| f.fatal));
        }
        assert!(refused > 100, "{refused}");
    }
}
