//! What the configuration suppresses, for people: in force, expired, or of a rule that is not there.

use super::tell;
use crate::config::Config;
use crate::sheet::table;
use caponier_model::EventTime;
use caponier_rules::{BASE, RuleSet, Suppression, operational::KINDS};

/// Says which suppressions silence nothing because their rule does not exist.
pub(super) fn warn(config: &Config) {
    for row in config.suppressions.iter().filter(|row| !exists(&config.rules, row)) {
        tell(&format!("a suppression by {} names the rule {:?}, and there is none\n", row.owner, row.rule));
    }
}

/// The suppressions as a table under the rules; nothing where there are none.
pub(super) fn sheet(config: &Config, rules: &RuleSet, now: EventTime, width: Option<usize>) -> String {
    if config.suppressions.is_empty() {
        return String::new();
    }
    let heads = ["suppressed", "state", "owner", "expires", "only", "reason"].map(str::to_owned);
    let rows: Vec<_> = config
        .suppressions
        .iter()
        .map(|row| {
            let tenants = row.tenants.iter().map(|t| config.tenants.name(*t).to_string());
            let only: Vec<String> = tenants.chain(row.names.iter().map(ToString::to_string)).collect();
            vec![
                row.rule.to_string(),
                state(rules, row, now).to_owned(),
                row.owner.to_string(),
                row.until.to_string(),
                if only.is_empty() { "-".into() } else { only.join(" ") },
                row.reason.to_string(),
            ]
        })
        .collect();
    format!("\n{}\n", table(&heads, &rows, &[false; 6], width))
}

fn exists(rules: &RuleSet, row: &Suppression) -> bool {
    let ours = || BASE.iter().any(|rule| rule.name == row.rule) || KINDS.iter().any(|kind| kind.name == row.rule);
    rules.scenario(&row.rule).is_some() || ours()
}

fn state(rules: &RuleSet, row: &Suppression, now: EventTime) -> &'static str {
    match () {
        () if !exists(rules, row) => "no such rule",
        () if row.until <= now => "expired",
        () if row.from > now => "not yet",
        () => "in force",
    }
}
