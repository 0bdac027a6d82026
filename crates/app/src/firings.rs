//! What the rules fired on: for each firing the records that it rests on, a line of JSON. Knows no file; what a firing was worth is
//! for the lab (`evaluate --firings`) or a reader to judge.

use caponier_model::{EventTime, FindingKey, Mention};
use caponier_rules::{Emission, Member};
use compact_str::CompactString;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What stands of the rules' emissions, by instance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Firings {
    standing: BTreeMap<CompactString, Firing>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Firing {
    rule: CompactString,
    first: EventTime,
    at: EventTime,
    /// A finding came of it: false for an instance that only serves another scenario.
    finds: bool,
    members: Vec<Member>,
}

impl Firings {
    /// Takes an emission: what is said last of an instance stands, and what turned out to be none is forgotten.
    pub fn take(&mut self, emission: &mut Emission) {
        let members = std::mem::take(&mut emission.members);
        if members.is_empty() {
            self.standing.remove(&emission.id);
            return;
        }
        let (rule, finds) = (emission.rule.clone(), !emission.findings.is_empty());
        let firing = Firing { rule, first: emission.first, at: emission.at, finds, members };
        self.standing.insert(emission.id.clone(), firing);
    }

    /// How often each rule fired.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let mut out = BTreeMap::new();
        for firing in self.standing.values().filter(|f| f.finds) {
            *out.entry(firing.rule.to_string()).or_default() += 1;
        }
        out
    }

    /// A line for each firing, by (rule, first activity, id).
    pub fn lines(&self) -> Vec<String> {
        let mut order: Vec<_> = self.standing.iter().filter(|(_, f)| f.finds).collect();
        order.sort_by_key(|(id, f)| (&f.rule, f.first, *id));
        order.into_iter().map(|(id, firing)| self.line(id, firing).to_string()).collect()
    }

    fn line(&self, id: &str, firing: &Firing) -> Value {
        let mut records = Vec::new();
        self.expand(firing, &mut records);
        records.sort_by_key(|m| (&m.key, &m.step));
        records.dedup();
        json!({
            "rule": firing.rule.as_str(), "id": id, "first": firing.first.to_string(), "at": firing.at.to_string(),
            "records": records.into_iter().map(record).collect::<Vec<_>>(),
        })
    }

    /// The records themselves: an instance that serves this one stands for those it rests on.
    fn expand<'f>(&'f self, firing: &'f Firing, out: &mut Vec<&'f Member>) {
        for member in &firing.members {
            match self.standing.get(&member.key.record) {
                Some(inner) => self.expand(inner, out),
                None => out.push(member),
            }
        }
    }
}

fn record(member: &Member) -> Value {
    json!({
        "step": member.step.as_str(), "tenant": member.key.tenant.to_string(), "at": member.key.at.to_string(),
        "record": member.key.record.as_str(), "finding": member.finding.as_ref().map(finding),
        "accounts": member.mentions.iter().map(account).collect::<Vec<_>>(),
    })
}

fn finding(key: &FindingKey) -> Value {
    json!({"tenant": key.tenant.to_string(), "product": key.product.as_str(), "id": key.id.as_str()})
}

fn account(mention: &Mention) -> Value {
    let object = mention.object.map(|object| object.to_string());
    json!({"tenant": mention.tenant.to_string(), "object": object, "name": mention.name.as_deref()})
}

#[cfg(test)]
mod tests {
    use crate::rulebook;
    use caponier_rules::RuleSet;

    #[test]
    fn every_scenario_rule_is_staged() {
        let staged = caponier_lab::scenarios();
        let rules = RuleSet::read(&rulebook::shipped()).0;
        let scenarios = rules.scenarios.iter().filter(|s| s.generate && s.name.starts_with('x'));
        for scenario in scenarios {
            let name = scenario.name.as_str();
            assert!(staged.iter().any(|s| s == name), "{name}: write a scene into crates/lab/src/stage/scenes.txt");
        }
    }
}
