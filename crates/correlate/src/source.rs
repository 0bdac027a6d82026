//! Source incidents: what Sentinel and Defender grouped themselves (E5), and the status, owner and verdict they hold.

use caponier_model::{EventTime, Sighting, SourceIncident, SourceIncidentKey, TenantId};
use compact_str::CompactString;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The source incidents held, newest version of each, with their aliases.
#[derive(Debug, Default)]
pub(crate) struct SourceIncidents {
    held: BTreeMap<SourceIncidentKey, SourceIncident>,
    /// Both directions of "is the same incident as", with the incident that says so.
    aliases: BTreeMap<SourceIncidentKey, BTreeSet<(SourceIncidentKey, SourceIncidentKey)>>,
    by_alert: HashMap<(TenantId, CompactString), BTreeSet<SourceIncidentKey>, foldhash::fast::FixedState>,
}

impl SourceIncidents {
    /// Takes in one version. Returns the alert ids and incident names whose findings may be concerned; both empty where
    /// it is not newer than what is held.
    pub(crate) fn take(&mut self, incident: SourceIncident) -> (Vec<CompactString>, Vec<SourceIncidentKey>) {
        let mut alerts = incident.alert_ids.clone();
        let mut names = self.names(&incident.key);
        if let Some(held) = self.held.get(&incident.key) {
            // Between equal versions the greater content wins, so that arrival does not matter.
            if content(held) >= content(&incident) {
                return (Vec::new(), Vec::new());
            }
            alerts.extend(held.alert_ids.iter().cloned());
            self.forget(&incident.key.clone());
        }
        for other in incident.aliases.iter().chain(&incident.redirect_to) {
            for (a, b) in [(&incident.key, other), (other, &incident.key)] {
                self.aliases.entry(a.clone()).or_default().insert((b.clone(), incident.key.clone()));
            }
        }
        for alert in &incident.alert_ids {
            self.by_alert.entry((incident.key.tenant, alert.clone())).or_default().insert(incident.key.clone());
        }
        names.extend(self.names(&incident.key));
        self.held.insert(incident.key.clone(), incident);
        alerts.sort();
        alerts.dedup();
        names.sort();
        names.dedup();
        (alerts, names)
    }

    fn forget(&mut self, key: &SourceIncidentKey) {
        let Some(old) = self.held.remove(key) else { return };
        for alert in &old.alert_ids {
            let place = (key.tenant, alert.clone());
            if let Some(keys) = self.by_alert.get_mut(&place) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_alert.remove(&place);
                }
            }
        }
        for other in old.aliases.iter().chain(&old.redirect_to) {
            for (a, b) in [(key, other), (other, key)] {
                if let Some(set) = self.aliases.get_mut(a) {
                    set.remove(&(b.clone(), key.clone()));
                    if set.is_empty() {
                        self.aliases.remove(a);
                    }
                }
            }
        }
    }

    /// Every name of the incident that `key` names, sorted; the first stands for all.
    pub(crate) fn names(&self, key: &SourceIncidentKey) -> Vec<SourceIncidentKey> {
        let mut names = BTreeSet::from([key.clone()]);
        let mut open = vec![key.clone()];
        while let Some(next) = open.pop() {
            for (other, _) in self.aliases.get(&next).into_iter().flatten() {
                if names.insert(other.clone()) {
                    open.push(other.clone());
                }
            }
        }
        names.into_iter().collect()
    }

    /// The incidents that these sightings are in, as the sources name them, sorted.
    pub(crate) fn of(&self, sightings: &[Sighting]) -> Vec<SourceIncidentKey> {
        let mut keys: Vec<SourceIncidentKey> = Vec::new();
        for sighting in sightings {
            keys.extend(sighting.source_incident.iter().cloned());
            if !self.by_alert.is_empty() {
                let listed = self.by_alert.get(&(sighting.key.tenant, sighting.id.clone()));
                keys.extend(listed.into_iter().flatten().cloned());
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    /// The newest version of the incident under this name.
    pub(crate) fn get(&self, key: &SourceIncidentKey) -> Option<&SourceIncident> {
        self.held.get(key)
    }

    /// All that are held, by key.
    pub(crate) fn held(&self) -> impl ExactSizeIterator<Item = &SourceIncident> {
        self.held.values()
    }

    /// Lets go of those of a tenant.
    pub(crate) fn forget_of(&mut self, tenant: TenantId) {
        let own: Vec<SourceIncidentKey> = self.held.keys().filter(|key| key.tenant == tenant).cloned().collect();
        own.iter().for_each(|key| self.forget(key));
    }

    /// Lets go of incidents whose last activity and version lie before `horizon`.
    pub(crate) fn evict(&mut self, horizon: EventTime) {
        let old: Vec<SourceIncidentKey> =
            self.held.values().filter(|i| i.last.max(i.version) < horizon).map(|i| i.key.clone()).collect();
        for key in old {
            self.forget(&key);
        }
    }
}

/// What decides between two versions of one incident: when it was modified, else everything that it says.
fn content(i: &SourceIncident) -> impl Ord + '_ {
    let said = (&i.aliases, &i.redirect_to, i.first, i.last, &i.title, i.severity, i.verdict);
    (i.version, &i.alert_ids, &i.status, &i.owner, said)
}
