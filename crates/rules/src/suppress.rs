//! What need not be seen: findings of a rule that somebody answers for until a day. Nothing is forgotten about them but the finding itself:
//! the rule still serves the rules that read it, and every silence is counted.

use crate::emission::Emission;
use caponier_model::{EventTime, Sighting, TenantId};
use compact_str::CompactString;
use std::collections::BTreeMap;

/// One suppression. It says who answers for it, why, and when it ends: without an end it would be forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suppression {
    /// The rule by name.
    pub rule: CompactString,
    /// Who answers for it.
    pub owner: CompactString,
    /// Why.
    pub reason: CompactString,
    /// Findings whose last activity is earlier are seen.
    pub from: EventTime,
    /// Findings whose last activity is this or later are seen again.
    pub until: EventTime,
    /// Only findings of these tenants; all where it is empty.
    pub tenants: Vec<TenantId>,
    /// Only findings that name one of these: object ids, user names, addresses, devices, in lower case; all where it is empty.
    pub names: Vec<CompactString>,
}

impl Suppression {
    /// Is this finding of the rule silenced? Event time alone decides, so that a replay says what the live run said.
    pub fn silences(&self, rule: &str, finding: &Sighting) -> bool {
        self.rule == rule
            && self.from <= finding.last
            && finding.last < self.until
            && (self.tenants.is_empty() || self.tenants.contains(&finding.key.tenant))
            && (self.names.is_empty() || finding.entities.iter().any(|e| self.is_named(&e.value)))
    }

    fn is_named(&self, value: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(value))
    }
}

/// All suppressions, and what they silenced.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suppressions {
    rows: Vec<Suppression>,
    silenced: BTreeMap<CompactString, u64>,
}

impl Suppressions {
    /// Suppressions in the order in which they are asked.
    pub const fn new(rows: Vec<Suppression>) -> Self {
        Self { rows, silenced: BTreeMap::new() }
    }

    /// Other suppressions from here on; what was silenced stays counted.
    #[must_use]
    pub fn under(self, rows: Vec<Suppression>) -> Self {
        Self { rows, ..self }
    }

    /// These go on from what was silenced before.
    #[must_use]
    pub fn after(self, silenced: BTreeMap<CompactString, u64>) -> Self {
        Self { silenced, ..self }
    }

    /// How many findings each rule was silenced of; one that is said again counts again.
    pub const fn silenced(&self) -> &BTreeMap<CompactString, u64> {
        &self.silenced
    }

    /// Counts a finding that is silenced. Cost: a comparison for each suppression.
    pub fn silence(&mut self, rule: &str, finding: &Sighting) -> bool {
        let silent = self.rows.iter().any(|row| row.silences(rule, finding));
        if silent {
            *self.silenced.entry(rule.into()).or_default() += 1;
        }
        silent
    }

    /// Takes the silenced findings out of what windows said, and out of the chain that names them.
    pub fn quieten(&mut self, emission: &mut Emission) {
        let rule = emission.rule.clone();
        let mut gone = Vec::new();
        emission.findings.retain(|finding| {
            let silent = self.silence(&rule, finding);
            if silent {
                gone.push(finding.key.clone());
            }
            !silent
        });
        if gone.is_empty() {
            return;
        }
        if let Some(chain) = &mut emission.chain {
            chain.steps.retain(|step| !gone.contains(&step.finding));
        }
        // What nobody wants to see ties nothing either: its alerts stand as they stood before.
        if emission.findings.is_empty() {
            emission.chain = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{
        Chain, ChainStep, Entity, EntityKind, EntityRole, FindingKey, Guid, Severity, SightingKind, SourceRank, Text,
    };

    const TENANTS: [TenantId; 2] = [TenantId(Guid::from_u128(1)), TenantId(Guid::from_u128(2))];

    fn finding(tenant: usize, second: i64, name: &str) -> Sighting {
        let at = EventTime::from_seconds(second);
        let tenant = TENANTS[tenant];
        Sighting {
            key: FindingKey { tenant, product: crate::PRODUCT.into(), id: "x-1".into() },
            kind: SightingKind::Alert,
            format: crate::FORMAT,
            id: "x-1".into(),
            url: None,
            rank: SourceRank::STREAM,
            version: at,
            content: 0,
            title: Text::plain("t"),
            severity: Severity::Low,
            closed: false,
            verdict: None,
            first: at,
            last: at,
            ingested: None,
            entities: vec![Entity {
                kind: EntityKind::AccountName,
                value: name.into(),
                tenant,
                group: 0,
                role: EntityRole::Related,
            }],
            tactics: Vec::new(),
            techniques: Vec::new(),
            source_incident: None,
            detector: Some("x01".into()),
        }
    }

    fn row() -> Suppression {
        Suppression {
            rule: "x01".into(),
            owner: "soc".into(),
            reason: "a test".into(),
            from: EventTime::from_seconds(10),
            until: EventTime::from_seconds(20),
            tenants: Vec::new(),
            names: Vec::new(),
        }
    }

    #[test]
    fn its_rule_its_time_its_tenants_and_its_names_bound_it() {
        let table: [(&str, Suppression, bool); 8] = [
            ("its own", row(), true),
            ("another rule", Suppression { rule: "x02".into(), ..row() }, false),
            ("not yet", Suppression { from: EventTime::from_seconds(16), ..row() }, false),
            ("from exactly then", Suppression { from: EventTime::from_seconds(15), ..row() }, true),
            ("over", Suppression { until: EventTime::from_seconds(15), ..row() }, false),
            ("its tenant", Suppression { tenants: vec![TENANTS[0]], ..row() }, true),
            ("another tenant", Suppression { tenants: vec![TENANTS[1]], ..row() }, false),
            ("another name", Suppression { names: vec!["mara@contoso.example".into()], ..row() }, false),
        ];
        for (case, row, silent) in table {
            assert_eq!(row.silences("x01", &finding(0, 15, "noor@contoso.example")), silent, "{case}");
        }
        let named = Suppression { names: vec!["Noor@Contoso.example".into()], ..row() };
        assert!(named.silences("x01", &finding(0, 15, "noor@contoso.example")));
    }

    fn emission() -> Emission {
        let findings = vec![finding(0, 15, "a"), finding(1, 15, "a")];
        let alert = FindingKey { tenant: TENANTS[0], product: "IPC".into(), id: "7".into() };
        let keys = findings.iter().map(|f| f.key.clone()).chain([alert]);
        let steps = keys.map(|finding| ChainStep { finding, step: "s".into() }).collect();
        Emission {
            rule: "x01".into(),
            id: "x-1".into(),
            first: EventTime::from_seconds(15),
            at: EventTime::from_seconds(15),
            findings,
            chain: Some(Chain { rule: "x01".into(), id: "x-1".into(), steps }),
            withdrawn: Vec::new(),
            members: Vec::new(),
        }
    }

    #[test]
    fn one_tenants_silence_leaves_the_other_its_finding() {
        let mut suppressions = Suppressions::new(vec![Suppression { tenants: vec![TENANTS[0]], ..row() }]);
        let mut said = emission();
        suppressions.quieten(&mut said);
        assert_eq!(said.findings.len(), 1);
        assert_eq!(said.findings[0].key.tenant, TENANTS[1]);
        assert_eq!(said.chain.map(|c| c.steps.len()), Some(2), "the other's finding and the alert");
        assert_eq!(suppressions.silenced().get("x01"), Some(&1));
    }

    #[test]
    fn what_is_silenced_everywhere_ties_nothing() {
        let mut suppressions = Suppressions::new(vec![row()]);
        let mut said = emission();
        suppressions.quieten(&mut said);
        assert!(said.findings.is_empty() && said.chain.is_none());
        assert_eq!(suppressions.silenced().get("x01"), Some(&2));
    }
}
