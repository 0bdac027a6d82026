//! What the engine would have joined and may not: pairs of tenants that nobody configured, and values that tie too many together.

use super::PRODUCT;
use caponier_correlate::Crossed;
use caponier_model::{Entity, EntityKind, EntityRole, EventTime, Incident, Matter, Policy, Sighting, TenantId, Text};
use compact_str::{CompactString, ToCompactString, format_compact};
use std::collections::{BTreeMap, BTreeSet};

/// The reason under which the engine names an incident that a pair's policy keeps apart.
const SUGGESTED: &str = "policy_suggest";

/// A finding for each two tenants whose findings would be one incident but for a pair that is not listed. It is of the tenant with the smaller
/// id, and as old as the first incident that it concerns.
pub fn policy_gaps(incidents: &[Incident], policy: &Policy) -> Vec<Sighting> {
    let mut gaps: BTreeMap<(TenantId, TenantId), (BTreeSet<&str>, EventTime, EventTime)> = BTreeMap::new();
    for incident in incidents {
        for related in incident.related.iter().filter(|r| r.reason == SUGGESTED) {
            let (a, b) = (related.findings.0.tenant, related.findings.1.tenant);
            let listed =
                policy.pairs.iter().any(|(p, _)| (p.home, p.resource) == (a, b) || (p.home, p.resource) == (b, a));
            if a == b || listed {
                continue;
            }
            let gap = gaps.entry((a.min(b), a.max(b))).or_insert((BTreeSet::new(), incident.first, incident.last));
            gap.0.insert(&incident.id);
            (gap.1, gap.2) = (gap.1.min(incident.first), gap.2.max(incident.last));
        }
    }
    let finding = |((a, b), (ids, first, last)): ((TenantId, TenantId), (BTreeSet<&str>, EventTime, EventTime))| {
        let title = Text::plain("{count} incidents stand apart because no pair of {a} and {b} is configured")
            .with("count", &ids.len().to_compact_string(), None, None)
            .with("a", &a.to_compact_string(), Some(EntityKind::Tenant), None)
            .with("b", &b.to_compact_string(), Some(EntityKind::Tenant), None);
        let other = entity(EntityKind::Tenant, b.to_compact_string(), a);
        let matter = Matter {
            detector: "policy_gap",
            tenant: a,
            subject: b.to_compact_string(),
            first,
            last,
            title,
            entities: vec![other],
        };
        Sighting::operational(PRODUCT, matter)
    };
    gaps.into_iter().map(finding).collect()
}

/// Values that came above their caps, each once.
#[derive(Clone, Debug, Default)]
pub struct Prolific {
    by: BTreeMap<(EntityKind, CompactString, TenantId), (u32, EventTime, EventTime)>,
}

impl Prolific {
    /// Takes what the engine says. A value that was let go and came again is one finding, from the first time on.
    pub fn take(&mut self, crossed: Crossed) {
        let Crossed { kind, value, tenant, cap, first, last } = crossed;
        let held = self.by.entry((kind, value, tenant)).or_insert((cap, first, last));
        (held.1, held.2) = (held.1.min(first), held.2.max(last));
    }

    /// A finding for each value.
    pub fn findings(self) -> Vec<Sighting> {
        let finding = |(named, met): ((EntityKind, CompactString, TenantId), (u32, EventTime, EventTime))| {
            let ((kind, value, tenant), (cap, first, last)) = (named, met);
            let title =
                Text::plain("{kind} {value} came together with more than {cap} in seven days: it joins nothing")
                    .with("kind", &kind.code().replace('_', " "), None, None)
                    .with("value", &value, Some(kind), Some(tenant))
                    .with("cap", &cap.to_compact_string(), None, None);
            let subject = format_compact!("{}:{value}", kind.code());
            let entities = vec![entity(kind, value, tenant)];
            let matter = Matter { detector: "prolific_value", tenant, subject, first, last, title, entities };
            Sighting::operational(PRODUCT, matter)
        };
        self.by.into_iter().map(finding).collect()
    }
}

fn entity(kind: EntityKind, value: CompactString, tenant: TenantId) -> Entity {
    Entity { kind, value, tenant, group: 0, role: EntityRole::Context }
}
