//! Operational findings of a live run: what is wrong with the watching, as far as the journal tells it. Each is told once while it is remembered.
//!
//! Guests that nobody looks after are not here: `identity audit` tells of them.

use crate::config::Config;
use crate::operations::{self, Operations, Prolific};
use caponier_correlate::Crossed;
use caponier_model::{Change, EventTime, FindingKey, Policy, Sighting, TenantId};
use caponier_rules::Suppressions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was told, with when it was last active.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Worries {
    told: BTreeMap<FindingKey, EventTime>,
}

impl Worries {
    /// What values, incidents and findings of one page make, as the lines that are to be told. Suppressed ones count as told.
    pub fn of_page(
        &mut self,
        (crossed, changes, raised): (Vec<Crossed>, &[Change], Vec<Sighting>),
        config: &Config,
        suppressions: &mut Suppressions,
    ) -> Vec<(FindingKey, String)> {
        let mut prolific = Prolific::default();
        crossed.into_iter().for_each(|value| prolific.take(value));
        let mut found = prolific.findings();
        let gaps = |change: &Change| gaps(change, &config.policy);
        found.extend(changes.iter().flat_map(gaps));
        found.extend(raised);
        let mut found = operations::graded(found, &config.operational);
        found.retain(|finding| self.told.insert(finding.key.clone(), finding.last).is_none());
        let told: Vec<(FindingKey, Operations)> = found
            .into_iter()
            .map(|finding| (finding.key.clone(), Operations::new(vec![finding], suppressions)))
            .collect();
        let lines = |(key, one): (FindingKey, Operations)| {
            let lines = one.lines(&config.operational, &config.tenants);
            lines.into_iter().map(move |line| (key.clone(), line)).collect::<Vec<_>>()
        };
        told.into_iter().flat_map(lines).collect()
    }

    /// Forgets those of a tenant.
    pub fn forget_of(&mut self, tenant: TenantId) {
        self.told.retain(|key, _| key.tenant != tenant);
    }

    /// Forgets what was last active before `horizon`: it is told again if it comes again.
    pub fn forget(&mut self, horizon: EventTime) {
        self.told.retain(|_, last| *last >= horizon);
    }
}

fn gaps(change: &Change, policy: &Policy) -> Vec<Sighting> {
    operations::policy_gaps(std::slice::from_ref(&change.incident), policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{EntityKind, Guid, TenantId};

    fn crossed(value: &str, last: i64) -> Crossed {
        let at = EventTime::from_seconds;
        let tenant = TenantId(Guid::from_u128(1));
        Crossed { kind: EntityKind::Ip, value: value.into(), tenant, cap: 10, first: at(last - 5), last: at(last) }
    }

    #[test]
    fn a_worry_is_told_once_until_it_is_forgotten() {
        let (mut worries, config) = (Worries::default(), Config::discovering());
        let mut suppressions = Suppressions::default();
        let mut told = |worries: &mut Worries, all: Vec<Crossed>| {
            worries.of_page((all, &[], Vec::new()), &config, &mut suppressions).len()
        };
        assert_eq!(told(&mut worries, vec![crossed("10.0.0.1", 100), crossed("10.0.0.2", 50)]), 2);
        assert_eq!(told(&mut worries, vec![crossed("10.0.0.1", 120), crossed("10.0.0.2", 50)]), 0);
        let again: Worries = postcard::from_bytes(&postcard::to_stdvec(&worries).unwrap()).unwrap();
        assert_eq!(again, worries);
        worries.forget(EventTime::from_seconds(60));
        assert_eq!(told(&mut worries, vec![crossed("10.0.0.1", 120), crossed("10.0.0.2", 130)]), 1);
    }
}
