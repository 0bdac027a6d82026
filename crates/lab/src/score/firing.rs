//! Judges what the rules fired on (`replay --firings`) against the truth: was it a step of an attack, or nothing?
//!
//! A firing is **true** when at least one record that it rests on is a finding of an attack, or names somebody who plays in a staged
//! attack; where none of its records is a finding at all, also when it names a victim during the attack. Everything else is false:
//! what rests on noise alone, be it noise about a victim meanwhile (ambient), and what rests on an innocent twin.

use super::read::{Account, account, lines, text};
use crate::plan::LabError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// What one rule's firings were worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fired {
    /// Firings that rest on an attack of the plan.
    pub attack: u64,
    /// Firings that rest on a staged attack.
    pub staged: u64,
    /// False: nothing but noise about a victim during the attack.
    pub ambient: u64,
    /// False: an innocent twin.
    pub twin: u64,
    /// False: anything else.
    pub noise: u64,
}

impl Fired {
    /// All false firings.
    pub const fn wrong(&self) -> u64 {
        self.ambient + self.twin + self.noise
    }
}

/// A staged scenario: how often its own rule fired on its attack, and how often on the twin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scene {
    /// On the attack: wanted.
    pub attack: u64,
    /// On the innocent twin: none wanted.
    pub twin: u64,
}

/// The verdicts on one run's firings.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Judged {
    /// By rule; only rules that fired.
    pub rules: BTreeMap<String, Fired>,
    /// By scenario that is staged.
    pub scenes: BTreeMap<String, Scene>,
    /// People times days of the plan.
    pub person_days: u64,
}

impl Judged {
    /// False firings of a rule for every 10,000 person-days.
    pub fn rate(&self, fired: &Fired) -> f64 {
        fired.wrong() as f64 * 10_000.0 / self.person_days as f64
    }
}

/// First and last activity of something, as text.
type Span = Option<(String, String)>;

/// Who was attacked, and what is noise.
#[derive(Default)]
struct Facts {
    person_days: u64,
    /// Findings: whether of an attack (else ambient, else noise).
    findings: BTreeMap<(String, String, String), (bool, bool)>,
    /// Victims by attack, and from when to when.
    victims: BTreeMap<String, (BTreeSet<Account>, Span)>,
    satellites: BTreeMap<Account, Vec<Account>>,
    /// Who plays in which scenario, and whether in the attack.
    players: BTreeMap<Account, (String, bool)>,
    scenes: BTreeSet<String>,
}

/// Judges firings.
///
/// # Errors
/// [`LabError::Line`] for a line that is not what it should be, [`LabError::Io`] where reading fails.
pub fn judge(truth: impl BufRead, firings: impl BufRead) -> Result<Judged, LabError> {
    let facts = Facts::read(truth)?;
    let scenes = facts.scenes.iter().map(|s| (s.clone(), Scene::default())).collect();
    let mut out = Judged { scenes, person_days: facts.person_days, ..Judged::default() };
    lines("firings", firings, |value| {
        let rule = text(value, "rule").ok_or("no rule; is this what replay --firings writes?")?;
        let records = list(value, "records");
        let accounts: Vec<Account> = records.iter().flat_map(|r| list(r, "accounts")).filter_map(account).collect();
        let staged = |attack: bool| {
            accounts.iter().filter_map(|a| facts.players.get(a)).any(|(s, part)| *s == rule && *part == attack)
        };
        if let Some(scene) = out.scenes.get_mut(&rule) {
            scene.attack += u64::from(staged(true));
            scene.twin += u64::from(staged(false));
        }
        let fired = out.rules.entry(rule).or_default();
        *facts.class(records, &accounts, fired) += 1;
        Ok(())
    })?;
    Ok(out)
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Facts {
    fn read(truth: impl BufRead) -> Result<Self, LabError> {
        let mut facts = Self::default();
        lines("truth", truth, |value| {
            match text(value, "type").as_deref() {
                Some("plan") => {
                    let number = |key| value.get(key).and_then(Value::as_u64).unwrap_or(0);
                    facts.person_days = number("people") * number("days");
                }
                Some("attack") => {
                    let id = text(value, "id").ok_or("an attack without id")?;
                    facts.victims.entry(id).or_default().0.extend(list(value, "persons").iter().filter_map(account));
                }
                Some("link") => {
                    let pair = value.get("home").and_then(account).zip(value.get("account").and_then(account));
                    if let Some((home, satellite)) = pair {
                        facts.satellites.entry(home).or_default().push(satellite);
                    }
                }
                Some("scene") => {
                    let scenario = text(value, "scenario").ok_or("a scene without scenario")?;
                    let attack = text(value, "part").as_deref() == Some("attack");
                    for account in list(value, "accounts").iter().filter_map(account) {
                        facts.players.insert(account, (scenario.clone(), attack));
                    }
                    facts.scenes.insert(scenario);
                }
                Some("finding") => facts.finding(value),
                _ => {}
            }
            Ok(())
        })?;
        for (accounts, _) in facts.victims.values_mut() {
            let satellites: Vec<_> =
                accounts.iter().filter_map(|a| facts.satellites.get(a)).flatten().cloned().collect();
            accounts.extend(satellites);
        }
        Ok(facts)
    }

    fn finding(&mut self, value: &Value) {
        let (Some(key), Some(label), Some(first)) = (key(value), text(value, "label"), text(value, "first")) else {
            return;
        };
        if let Some(attack) = text(value, "attack").filter(|_| label == "attack") {
            let span = &mut self.victims.entry(attack).or_default().1;
            let (from, to) = span.take().unwrap_or_else(|| (first.clone(), first.clone()));
            *span = Some((from.min(first.clone()), to.max(first)));
        }
        self.findings.insert(key, (label == "attack", label == "ambient"));
    }

    /// The counter that a firing belongs to.
    fn class<'f>(&self, records: &[Value], accounts: &[Account], fired: &'f mut Fired) -> &'f mut u64 {
        let known = || records.iter().filter_map(|r| self.findings.get(&key(r.get("finding")?)?));
        let parts: BTreeSet<bool> =
            accounts.iter().filter_map(|a| self.players.get(a)).map(|(_, part)| *part).collect();
        let raw = records.iter().all(|r| r.get("finding").is_none_or(Value::is_null));
        let victim = || {
            self.victims.values().any(|(victims, span)| {
                let during = |at: &String| span.as_ref().is_some_and(|(from, to)| from <= at && at <= to);
                accounts.iter().any(|a| victims.contains(a))
                    && records.iter().filter_map(|r| text(r, "at")).any(|at| during(&at))
            })
        };
        if known().any(|(attack, _)| *attack) || raw && victim() {
            &mut fired.attack
        } else if parts.contains(&true) {
            &mut fired.staged
        } else if parts.contains(&false) {
            &mut fired.twin
        } else if known().any(|(_, ambient)| *ambient) {
            &mut fired.ambient
        } else {
            &mut fired.noise
        }
    }
}

fn key(value: &Value) -> Option<(String, String, String)> {
    Some((text(value, "tenant")?, text(value, "product")?, text(value, "id")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: &str = r#"
{"type":"plan","people":1000,"days":30}
{"type":"attack","id":"A000","persons":[{"tenant":"h","object":"1"}]}
{"type":"link","account":{"tenant":"r","object":"2"},"home":{"tenant":"h","object":"1"}}
{"type":"finding","tenant":"h","product":"idp","id":"f1","first":"2026-03-02T01:00:00Z","label":"attack","attack":"A000"}
{"type":"finding","tenant":"r","product":"mde","id":"f2","first":"2026-03-02T03:00:00Z","label":"attack","attack":"A000"}
{"type":"finding","tenant":"h","product":"mde","id":"f3","first":"2026-03-02T03:00:00Z","label":"ambient","attack":"A000"}
{"type":"finding","tenant":"h","product":"mde","id":"f4","first":"2026-03-02T03:00:00Z","label":"noise","attack":null}
{"type":"scene","scenario":"x01","part":"attack","accounts":[{"tenant":"h","object":"7"}]}
{"type":"scene","scenario":"x01","part":"twin","accounts":[{"tenant":"h","object":"8"}]}
"#;

    fn fired(rule: &str, finding: &str, at: &str, object: &str) -> String {
        let finding = if finding.is_empty() {
            "null".into()
        } else {
            format!(r#"{{"tenant":"h","product":"{}","id":"{finding}"}}"#, if finding == "f1" { "idp" } else { "mde" })
        };
        format!(
            r#"{{"rule":"{rule}","records":[{{"at":"{at}","finding":{finding},"accounts":[{{"tenant":"h","object":"{object}"}}]}}]}}"#
        )
    }

    #[test]
    fn each_firing_has_one_class_and_scenes_count_their_own_rule_only() {
        let (during, after) = ("2026-03-02T02:00:00Z", "2026-03-09T02:00:00Z");
        let firings = [
            fired("x01", "f1", after, "9"),
            fired("x01", "", during, "1"),
            fired("x01", "", after, "1"),
            fired("x01", "f3", during, "1"),
            fired("x01", "f4", during, "1"),
            fired("x01", "", after, "7"),
            fired("x01", "", after, "8"),
            fired("x02", "", after, "7"),
        ];
        let judged = judge(TRUTH.as_bytes(), firings.join("\n").as_bytes()).unwrap();
        assert_eq!(judged.rules["x01"], Fired { attack: 2, staged: 1, ambient: 1, twin: 1, noise: 2 });
        assert_eq!(judged.rules["x02"], Fired { staged: 1, ..Fired::default() });
        assert_eq!(judged.scenes["x01"], Scene { attack: 1, twin: 1 });
        assert!((judged.rate(&judged.rules["x01"]) - 4.0 / 3.0).abs() < 1e-9);
        assert!(judge(TRUTH.as_bytes(), "{}".as_bytes()).is_err());
    }
}
