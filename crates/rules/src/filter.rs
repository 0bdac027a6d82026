//! Sigma filters: an exception written beside the rules that it narrows, by whoever runs them. Applied before a rule is compiled.
//!
//! A filter names base rules, or `any`, and says what must hold as well; its log source narrows which of them it means. A
//! correlation is narrowed through the rules that it reads.

use crate::fault::Fault;
use crate::file::{Documents, Placed};
use rsigma_parser::{ConditionExpr, FilterRule, FilterRuleTarget, LogSource, SelectorPattern, SigmaRule};

/// Narrows base rules by every filter, in the order in which files and documents stand. A filter that narrows nothing is told of.
pub(crate) fn apply(documents: &mut Documents, faults: &mut Vec<Fault>) {
    for (at, Placed { file, line, rule: filter }) in documents.filters.iter().enumerate() {
        let meant = |rule: &SigmaRule| is_named(filter, rule) && covers(filter.logsource.as_ref(), &rule.logsource);
        let mut narrowed = false;
        for placed in documents.base.iter_mut().filter(|placed| meant(&placed.rule)) {
            narrow(&mut placed.rule, filter, at);
            narrowed = true;
        }
        if !narrowed {
            let what = "narrows no base rule; look at its `rules` (names, ids or titles of base rules, or any) and its log source";
            let rule = Some(filter.title.as_str().into());
            faults.push(Fault { file: file.clone(), line: *line, rule, what: what.into(), fatal: false });
        }
    }
}

fn is_named(filter: &FilterRule, rule: &SigmaRule) -> bool {
    let bears =
        |name: &String| rule.name.as_ref() == Some(name) || rule.id.as_ref() == Some(name) || rule.title == *name;
    match &filter.rules {
        FilterRuleTarget::Any => true,
        FilterRuleTarget::Specific(names) => names.iter().any(bears),
    }
}

/// Whether a filter's log source says nothing that the rule's does not.
fn covers(filter: Option<&LogSource>, rule: &LogSource) -> bool {
    let same = |filter: &Option<String>, rule: &Option<String>| {
        filter.as_ref().is_none_or(|f| rule.as_ref().is_some_and(|r| f.eq_ignore_ascii_case(r)))
    };
    filter.is_none_or(|filter| {
        same(&filter.product, &rule.product)
            && same(&filter.service, &rule.service)
            && same(&filter.category, &rule.category)
    })
}

/// Adds a filter's detections under names of their own, and its condition to each of the rule's.
fn narrow(rule: &mut SigmaRule, filter: &FilterRule, at: usize) {
    // `them` passes by what begins with an underscore, so a rule's own selectors do not see these.
    let prefix = format!("_filter_{at}_");
    for (name, detection) in &filter.detection.named {
        rule.detection.named.insert(format!("{prefix}{name}"), detection.clone());
    }
    for condition in &mut rule.detection.conditions {
        let added = filter.detection.conditions.iter().map(|c| renamed(c, &prefix));
        *condition = ConditionExpr::And(std::iter::once(condition.clone()).chain(added).collect());
    }
}

fn renamed(condition: &ConditionExpr, prefix: &str) -> ConditionExpr {
    let all = |parts: &[ConditionExpr]| parts.iter().map(|part| renamed(part, prefix)).collect();
    match condition {
        ConditionExpr::And(parts) => ConditionExpr::And(all(parts)),
        ConditionExpr::Or(parts) => ConditionExpr::Or(all(parts)),
        ConditionExpr::Not(part) => ConditionExpr::Not(Box::new(renamed(part, prefix))),
        ConditionExpr::Identifier(name) => ConditionExpr::Identifier(format!("{prefix}{name}")),
        ConditionExpr::Selector { quantifier, pattern } => {
            let pattern = match pattern {
                SelectorPattern::Them => format!("{prefix}*"),
                SelectorPattern::Pattern(pattern) => format!("{prefix}{pattern}"),
            };
            ConditionExpr::Selector { quantifier: quantifier.clone(), pattern: SelectorPattern::Pattern(pattern) }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Columns, RuleFile, RuleSet, Value};
    use caponier_model::{Actor, Body, DeviceRef, Event, EventTime, Guid, Severity, SignIn, TenantId};
    use std::borrow::Cow;

    const RULE: &str = "title: Failed login\nid: 6f3e2987-db24-4c78-a860-b4f4095a7095\nname: failed_login\nlogsource: {category: signin, product: caponier}\ndetection:\n  selection:\n    - EventID: 4625\n    - EventID: 4624\n  condition: 1 of them\n---\n";

    struct Row(&'static str);

    impl Columns for Row {
        fn column(&self, path: &[&str]) -> Option<Value<'_>> {
            match path {
                ["EventID"] => Some(Value::Integer(4625)),
                ["User"] => Some(Value::Text(Cow::Borrowed(self.0))),
                _ => None,
            }
        }

        fn each_text(&self, _: &mut dyn FnMut(&str)) {}
    }

    fn read(filter: &str) -> (RuleSet, Vec<String>, usize) {
        let (set, faults) = RuleSet::read(&[
            RuleFile { name: "a.yml".into(), text: RULE.trim_end_matches("---\n").into() },
            RuleFile { name: "f.yml".into(), text: filter.into() },
        ]);
        let told = faults.iter().map(|f| f.what.clone()).collect();
        (set, told, faults.iter().filter(|f| f.fatal).count())
    }

    fn matches(set: &RuleSet, user: &'static str) -> bool {
        let event = Event {
            format: "signin_diag",
            tenant: TenantId(Guid::from_u128(1)),
            time: EventTime::MIN,
            id: None,
            operation: None,
            actor: Actor::default(),
            address: None,
            device: DeviceRef::default(),
            outcome: None,
            severity: Severity::Unknown,
            techniques: Vec::new(),
            content: 0,
            body: Body::SignIn(SignIn::default()),
        };
        let mut out = Vec::new();
        set.signals(&event, &Row(user), &mut out);
        !out.is_empty()
    }

    fn filter(logsource: &str, inside: &str) -> String {
        format!("title: Administrators are excepted\nlogsource: {logsource}\nfilter:\n{inside}")
    }

    /// (log source, what stands under `filter`, whether it narrows the rule), after the behaviour of pySigma's tests.
    const READ: &[(&str, &str, bool)] = &[
        (
            "{category: signin}",
            "  rules: [6f3e2987-db24-4c78-a860-b4f4095a7095]\n  selection: {User|startswith: adm_}\n  condition: not selection\n",
            true,
        ),
        (
            "{product: caponier}",
            "  rules: [failed_login, df0841c0-9846-4e9f-ad8a-7df91571771b]\n  selection: {User|startswith: adm_}\n  condition: not selection\n",
            true,
        ),
        (
            "{product: caponier}",
            "  rules: [Failed login]\n  filter: {User|startswith: adm_}\n  condition: not ((filter))\n",
            true,
        ),
        (
            "{product: caponier}",
            "  rules: any\n  a: {User|startswith: adm_}\n  b: {User: root}\n  condition: not 1 of them\n",
            true,
        ),
        (
            "{product: caponier}",
            "  rules: [failed_login]\n  a_1: {User|startswith: adm_}\n  b: {EventID: 4625}\n  condition: not (1 of a_* and b)\n",
            true,
        ),
        (
            "{product: windows}",
            "  rules: [failed_login]\n  selection: {User|startswith: adm_}\n  condition: not selection\n",
            false,
        ),
        (
            "{category: signin, service: x}",
            "  rules: [failed_login]\n  selection: {User|startswith: adm_}\n  condition: not selection\n",
            false,
        ),
        (
            "{product: caponier}",
            "  rules: [nobody]\n  selection: {User|startswith: adm_}\n  condition: not selection\n",
            false,
        ),
    ];

    #[test]
    fn filters_narrow_the_rules_they_name_and_no_others() {
        for (source, inside, narrows) in READ {
            let (set, told, fatal) = read(&filter(source, inside));
            assert_eq!(fatal, 0, "{inside}: {told:?}");
            assert_eq!(told.iter().any(|what| what.contains("narrows no base rule")), !narrows, "{inside}: {told:?}");
            assert_eq!(matches(&set, "adm_mara"), !narrows, "{inside}");
            assert!(matches(&set, "mara"), "{inside}");
        }
        let twice = filter("{product: caponier}", READ[0].1);
        let (set, told, _) = read(&format!("{twice}---\n{}", twice.replace("adm_", "svc_")));
        assert_eq!(
            (matches(&set, "adm_x"), matches(&set, "svc_x"), matches(&set, "x")),
            (false, false, true),
            "{told:?}"
        );
    }

    #[test]
    fn filters_that_are_not_whole_are_refused() {
        let whole = filter("{product: caponier}", READ[1].1);
        let rules = "  rules: [failed_login, df0841c0-9846-4e9f-ad8a-7df91571771b]\n";
        for broken in [
            whole.replace("logsource: {product: caponier}\n", ""),
            whole.replace("logsource: {product: caponier}", "logsource:"),
            whole.replace("title: Administrators are excepted\n", ""),
            whole.replace("  condition: not selection\n", ""),
            whole.replace("condition: not selection", "condition:"),
            whole.replace("condition: not selection", "condition: [selection, not selection]"),
            whole.replace("condition: not selection", "condition: not selection_with_suffix"),
            whole.replace("  selection: {User|startswith: adm_}\n", ""),
            whole.replace(rules, ""),
            whole.replace(rules, "  rules:\n"),
            whole.replace("User|startswith", "caponier.usr"),
            "title: T\nlogsource: {product: caponier}\nfilter:\n".into(),
        ] {
            let (set, told, fatal) = read(&broken);
            assert!(fatal > 0, "{broken}\n{told:?}");
            assert!(matches(&set, "mara"), "{broken}");
        }
    }
}
