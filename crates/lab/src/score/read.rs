//! Reads the truth and the native incidents (design 6), as far as scoring needs them.

use crate::plan::LabError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// A directory object, as text: (tenant, object id), lower case.
pub type Account = (String, String);
type Key = (String, String, String);

/// What a truth line says of a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Label {
    /// A step of an attack.
    Attack,
    /// Noise on a victim during the attack.
    Ambient,
    /// Noise elsewhere.
    Noise,
}

/// A finding of the truth.
#[derive(Debug)]
pub struct TrueFinding {
    /// Index of its tenant, in order of first appearance.
    pub tenant: u32,
    /// Label.
    pub label: Label,
    /// Index of its attack, in order of first appearance.
    pub attack: Option<u32>,
}

/// The truth.
#[derive(Debug, Default)]
pub struct Truth {
    /// Findings.
    pub findings: Vec<TrueFinding>,
    /// Red herrings: the attacks that each makes look like one.
    pub herrings: Vec<BTreeSet<u32>>,
    /// Satellite accounts: their home, and whether the logs prove it.
    pub links: BTreeMap<Account, (Option<Account>, bool)>,
    by_key: BTreeMap<Key, usize>,
    by_sighting: BTreeMap<(String, String), usize>,
    tenants: BTreeMap<String, u32>,
    attacks: BTreeMap<String, u32>,
}

/// An incident: its findings as indices of the truth's, and the links it shows.
#[derive(Debug, Default)]
pub struct Predicted {
    /// Known findings.
    pub members: Vec<usize>,
    /// Findings the truth does not know: matches of the engine's own rules.
    pub unknown: u64,
    /// Accepted links: account, home.
    pub links: Vec<(Account, Account)>,
    /// Accounts that its persons have.
    pub accounts: BTreeSet<Account>,
}

pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_lowercase)
}

pub(super) fn lines(
    what: &'static str,
    reader: impl BufRead,
    mut take: impl FnMut(&Value) -> Result<(), String>,
) -> Result<(), LabError> {
    for (number, line) in reader.lines().enumerate() {
        let line = line.map_err(|source| LabError::Io { path: what.to_owned(), source })?;
        if line.trim().is_empty() {
            continue;
        }
        let parsed = serde_json::from_str(&line).map_err(|e| format!("not JSON: {e}"));
        parsed.and_then(|value| take(&value)).map_err(|why| LabError::Line { what, line: number as u64 + 1, why })?;
    }
    Ok(())
}

impl Truth {
    /// Reads `truth.ndjson`. Lines of a type it does not know are passed over.
    pub fn read(reader: impl BufRead) -> Result<Self, LabError> {
        let mut truth = Self::default();
        lines("truth", reader, |value| match text(value, "type").as_deref() {
            Some("finding") => truth.finding(value),
            Some("link") => truth.link(value),
            Some("herring") => truth.herring(value),
            Some(_) => Ok(()),
            None => Err("no type; is this a truth.ndjson of caponier simulate?".to_owned()),
        })?;
        Ok(truth)
    }

    fn finding(&mut self, value: &Value) -> Result<(), String> {
        let need = |key: &str| text(value, key).ok_or_else(|| format!("a finding without {key}"));
        let (tenant, product, id) = (need("tenant")?, need("product")?, need("id")?);
        let label = match need("label")?.as_str() {
            "attack" => Label::Attack,
            "ambient" => Label::Ambient,
            "noise" => Label::Noise,
            other => return Err(format!("the label {other} is none of attack, ambient, noise")),
        };
        let attack = text(value, "attack").map(|a| number(&mut self.attacks, a));
        if label == Label::Attack && attack.is_none() {
            return Err("an attack finding without its attack".to_owned());
        }
        let index = self.findings.len();
        for sighting in value.get("sightings").and_then(Value::as_array).into_iter().flatten() {
            if let Some(id) = text(sighting, "id") {
                self.by_sighting.insert((tenant.clone(), id), index);
            }
        }
        let home = number(&mut self.tenants, tenant.clone());
        self.findings.push(TrueFinding { tenant: home, label, attack });
        self.by_key.insert((tenant, product, id), index);
        Ok(())
    }

    fn herring(&mut self, value: &Value) -> Result<(), String> {
        let attacks = value.get("attacks").and_then(Value::as_array).ok_or("a herring without its attacks")?;
        let names = attacks.iter().filter_map(Value::as_str).map(str::to_lowercase);
        let attacks: BTreeSet<u32> = names.map(|a| number(&mut self.attacks, a)).collect();
        self.herrings.extend((attacks.len() > 1).then_some(attacks));
        Ok(())
    }

    fn link(&mut self, value: &Value) -> Result<(), String> {
        let satellite = value.get("account").and_then(account).ok_or("a link without an account")?;
        let home = value.get("home").and_then(account);
        let provable = value.get("provable").and_then(Value::as_bool).unwrap_or(false);
        // A delegate's satellite is the home account itself: nothing to join.
        if home.as_ref() != Some(&satellite) {
            self.links.insert(satellite, (home, provable));
        }
        Ok(())
    }

    /// Reads incidents; redirected ones are history and passed over.
    pub fn incidents(&self, reader: impl BufRead) -> Result<Vec<Predicted>, LabError> {
        let mut out = Vec::new();
        lines("incidents", reader, |value| {
            if text(value, "state").as_deref() == Some("redirected") {
                return Ok(());
            }
            let findings = value.get("findings").and_then(Value::as_array);
            let findings = findings.ok_or("no findings; is this the native form that replay --out writes?")?;
            let mut incident = Predicted::default();
            for finding in findings {
                match self.find(finding) {
                    Some(index) => incident.members.push(index),
                    None => incident.unknown += 1,
                }
            }
            for person in value.get("persons").and_then(Value::as_array).into_iter().flatten() {
                incident.person(person);
            }
            out.push(incident);
            Ok(())
        })?;
        Ok(out)
    }

    /// The true finding that `finding` is: by its key, else by the id of any sighting.
    fn find(&self, finding: &Value) -> Option<usize> {
        let key = finding.get("key")?;
        let tenant = text(key, "tenant")?;
        let full = (tenant.clone(), text(key, "product")?, text(key, "id")?);
        self.by_key.get(&full).copied().or_else(|| {
            let sightings = finding.get("sightings").and_then(Value::as_array)?;
            let mut ids = sightings.iter().filter_map(|s| text(s, "id"));
            ids.find_map(|id| self.by_sighting.get(&(tenant.clone(), id)).copied())
        })
    }
}

impl Predicted {
    fn person(&mut self, person: &Value) {
        let list = |key: &str| person.get(key).and_then(Value::as_array).into_iter().flatten();
        self.accounts.extend(list("accounts").filter_map(account));
        for link in list("links").filter(|l| text(l, "state").as_deref() == Some("accepted")) {
            if let (Some(satellite), Some(home)) =
                (link.get("account").and_then(account), link.get("home").and_then(account))
            {
                self.links.push((satellite, home));
            }
        }
    }
}

pub(super) fn account(value: &Value) -> Option<Account> {
    Some((text(value, "tenant")?, text(value, "object_id").or_else(|| text(value, "object"))?))
}

fn number(names: &mut BTreeMap<String, u32>, name: String) -> u32 {
    let next = names.len() as u32;
    *names.entry(name).or_insert(next)
}
