//! Operational findings (scenarios.md 4.7): what is wrong with the watching. They make a stream of their own beside the incidents, since they are
//! work for whoever runs the sources and not for an analyst's queue; only conflicts of identity enter both. All are functions of the
//! journal: no clock is asked.

mod gaps;
mod streams;

pub use gaps::{Prolific, policy_gaps};
pub use streams::Streams;

use caponier_model::{Severity, Sighting, Tenants};
use caponier_rules::{Operational, Suppressions};
use compact_str::CompactString;
use serde_json::json;
use std::collections::BTreeMap;

/// Whose findings the ones of streams, policy and values are.
const PRODUCT: &str = "operations";

/// What the catalogue says of a kind of finding, where it tells it at all.
pub fn told<'c>(catalogue: &'c [Operational], name: &str) -> Option<&'c Operational> {
    catalogue.iter().find(|o| o.name == name)
}

/// Findings as the catalogue grades them; a kind that it does not tell is not found.
pub fn graded(found: Vec<Sighting>, catalogue: &[Operational]) -> Vec<Sighting> {
    let grade = |mut finding: Sighting| {
        let told = told(catalogue, finding.detector.as_deref()?)?;
        (finding.severity, finding.techniques) = (told.level, told.techniques.clone());
        Some(finding)
    };
    found.into_iter().filter_map(grade).collect()
}

/// Every operational finding of a run, by (first activity, key), those that the configuration suppresses left out and counted.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    findings: Vec<Sighting>,
}

impl Operations {
    /// Puts findings in order.
    pub fn new(mut findings: Vec<Sighting>, suppressions: &mut Suppressions) -> Self {
        findings.retain(|f| !suppressions.silence(f.detector.as_deref().unwrap_or_default(), f));
        findings.sort_by(|a, b| (a.first, &a.key, a.last).cmp(&(b.first, &b.key, b.last)));
        findings.dedup_by(|a, b| a.key == b.key);
        Self { findings }
    }

    /// How many there are of each kind.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let mut out = BTreeMap::new();
        for finding in &self.findings {
            *out.entry(finding.detector.as_deref().unwrap_or_default().to_owned()).or_default() += 1;
        }
        out
    }

    /// A line of JSON for each, for the operator, who may see every tenant's evidence.
    pub fn lines(&self, catalogue: &[Operational], tenants: &Tenants) -> Vec<String> {
        self.findings.iter().map(|finding| line(finding, catalogue, tenants)).collect()
    }
}

fn line(finding: &Sighting, catalogue: &[Operational], tenants: &Tenants) -> String {
    let rule = finding.detector.as_deref().unwrap_or_default();
    let entity = |e: &caponier_model::Entity| json!({"kind": e.kind.code(), "value": e.value.as_str(), "tenant": e.tenant.to_string()});
    let severity: Severity = finding.severity;
    json!({
        "rule": rule,
        "key": {"tenant": finding.key.tenant.to_string(), "product": finding.key.product.as_str(), "id": finding.key.id.as_str()},
        "tenant_name": tenants.name(finding.key.tenant).as_str(),
        "title": told(catalogue, rule).map_or("", |t| t.title.as_str()),
        "sentence": finding.title.render(|p| p.value.clone()),
        "severity": severity.code(),
        "techniques": finding.techniques.iter().map(CompactString::as_str).collect::<Vec<_>>(),
        "first_activity": finding.first.to_string(),
        "last_activity": finding.last.to_string(),
        "entities": finding.entities.iter().map(entity).collect::<Vec<_>>(),
    })
    .to_string()
}
