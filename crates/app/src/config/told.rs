//! What of a configuration the journal holds, and a configuration read back from it. Everything that an outcome rests on is in it, rule files
//! word for word; how Kafka is reached, what is read, and what no outcome rests on, is each process's own.

use super::{Config, SHIPPED, parse, show};
use crate::rulebook;
use caponier_model::{Configuration, RuleText};
use caponier_rules::RuleFile;
use std::sync::Arc;

/// Sections that say nothing of an outcome.
const OWN: [&str; 7] = ["intake", "limits", "ledger", "kafka", "operations", "rules", "snapshots"];

/// What the journal is told.
pub fn told(config: &Config) -> Configuration {
    let mut config = config.clone();
    let settings = show::in_force(&mut config, &OWN);
    let rule = |file: &RuleFile| RuleText { name: file.name.clone(), text: file.text.clone() };
    Configuration { settings, rules: config.rule_files.iter().map(rule).collect() }
}

/// The configuration that the journal tells; what it does not tell is as `own` has it.
///
/// # Errors
/// This version does not read it: every fault.
pub fn heard(told: &Configuration, own: &Config) -> Result<Config, String> {
    let read = parse(&told.settings).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|f| format!("  line {}: {}", f.line, f.what)).collect();
        faults.join("\n")
    })?;
    let files: Vec<RuleFile> =
        told.rules.iter().map(|rule| RuleFile { name: rule.name.clone(), text: rule.text.clone() }).collect();
    let config = Config {
        future_minutes: own.future_minutes,
        intake_threads: own.intake_threads,
        live: own.live.clone(),
        operations: own.operations.clone(),
        ledger: own.ledger.clone(),
        limits: own.limits.clone(),
        record: own.record,
        ..read
    };
    if files == *config.rule_files {
        return Ok(config);
    }
    // Rules with faults were refused when they were told; what an older version took and this one does not, is left out.
    let (rules, operational, _) = rulebook::of(&files);
    let (rules, operational) = (Arc::new(rules), Arc::new(operational));
    Ok(Config { rules, operational, rule_files: Arc::new(files), rules_folder: SHIPPED.into(), ..config })
}

/// What differs between two, in few words, for whoever watches.
pub fn difference(before: &Configuration, after: &Configuration) -> String {
    let lines =
        |told: &Configuration| told.settings.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(before), lines(after));
    let bare = |line: &str| line.split("  #").next().unwrap_or(line).trim_end().to_owned();
    let gone = old.iter().filter(|l| !new.contains(l)).map(|l| format!("- {}", bare(l)));
    let come = new.iter().filter(|l| !old.contains(l)).map(|l| format!("+ {}", bare(l)));
    let files = |a: &Configuration, b: &Configuration, sign: char| {
        let other = a.rules.iter().filter(|f| !b.rules.contains(f));
        other.map(|f| format!("{sign} rules/{}", f.name)).collect::<Vec<_>>()
    };
    let rules = [files(before, after, '-'), files(after, before, '+')].concat();
    let mut all: Vec<String> = gone.chain(come).chain(rules).collect();
    if all.is_empty() {
        all.push("the order of its parts".to_owned());
    }
    all.iter().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{effective, template};

    #[test]
    fn what_is_told_is_heard() {
        let text = template()
            .replace("# epoch = 1 ", "epoch = 7 ")
            .replace("merge = \"suggest\"                                      #", "merge = \"merge\" #")
            .replace("# stop_values = []", "stop_values = [\"10.0.0.1\"]")
            .replace("# [guards]", "[guards]")
            .replace("# [[suppress]]", "[[suppress]]")
            .replace("# rule =", "rule =")
            .replace("# owner =", "owner =")
            .replace("# reason = \"patch", "reason = \"patch")
            .replace("# expires =", "expires =");
        let own = parse(&text).unwrap();
        assert_eq!((own.engine.epoch, own.suppressions.len(), own.engine.stop_values.len()), (7, 1, 1));
        let said = told(&own);
        assert!(!said.settings.contains("kafka") && said.rules.len() > 50);
        let mut other = Config::discovering();
        other.live.group = "mine".into();
        let mut back = heard(&said, &other).unwrap();
        assert_eq!(back.live.group, "mine");
        assert_eq!((&back.engine, &back.policy, &back.tenants), (&own.engine, &own.policy, &own.tenants));
        assert_eq!((&back.suppressions, back.rules.digest), (&own.suppressions, own.rules.digest));
        assert_eq!(told(&back), said);
        back.live = own.live.clone();
        assert_eq!(effective(&mut back), effective(&mut own.clone()));
        assert!(heard(&Configuration { settings: "epok = 1".into(), rules: Vec::new() }, &other).is_err());
    }

    #[test]
    fn other_rules_are_those_of_the_journal() {
        let mut said = told(&parse(&template()).unwrap());
        let before = said.clone();
        said.rules.retain(|rule| !rule.name.contains("x01"));
        let back = heard(&said, &Config::discovering()).unwrap();
        assert!(back.rules.scenario("x01").is_none() && back.rules.scenarios.len() > 30);
        assert_eq!(told(&back), said);
        let words = difference(&before, &said);
        assert!(words.contains("- rules/identity-risk/x01.yml"), "{words}");
    }
}
