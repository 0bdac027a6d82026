//! Where a finding stands, by its key and by the ids of its sightings: one table for both, since most alerts bear the id of their
//! finding.

use crate::place::{Places, hash};
use crate::posting::FindingIx;
use crate::slab::Slab;
use crate::state::Held;
use caponier_model::{FindingKey, TenantId};

/// Findings by (tenant, id); the findings themselves say whose id it is.
#[derive(Debug, Default)]
pub(crate) struct Names {
    places: Places,
}

fn of(tenant: TenantId, id: &str) -> u32 {
    hash(&(tenant, id))
}

impl Names {
    /// The finding of this key.
    pub(crate) fn find(&self, key: &FindingKey, findings: &Slab<Held>) -> Option<FindingIx> {
        self.places.find(of(key.tenant, &key.id), |ix| findings.get(ix).is_some_and(|held| held.key == *key))
    }

    /// The findings that a transport named so, in no order.
    pub(crate) fn alert(&self, tenant: TenantId, id: &str, findings: &Slab<Held>) -> impl Iterator<Item = FindingIx> {
        let bears = move |held: &Held| held.key.tenant == tenant && held.sightings().all().iter().any(|s| s.id == *id);
        self.places.all(of(tenant, id)).filter(move |ix| findings.get(*ix).is_some_and(bears))
    }

    /// Enters a finding under an id.
    pub(crate) fn enter(&mut self, tenant: TenantId, id: &str, ix: FindingIx) {
        self.places.insert(of(tenant, id), ix);
    }

    /// Enters a new finding under all its ids.
    pub(crate) fn enter_all(&mut self, held: &Held, ix: FindingIx) {
        // Its place is new, and stands nowhere yet.
        self.places.insert_new(of(held.key.tenant, &held.key.id), ix);
        for sighting in held.sightings().all().iter().filter(|s| s.id != held.key.id) {
            self.enter(held.key.tenant, &sighting.id, ix);
        }
    }

    /// Takes a finding out from under the id of a sighting that it holds no more.
    pub(crate) fn leave(&mut self, held: &Held, id: &str, ix: FindingIx) {
        if held.key.id != *id && !held.sightings().all().iter().any(|s| s.id == *id) {
            self.places.remove(of(held.key.tenant, id), ix);
        }
    }

    /// Takes a finding out.
    pub(crate) fn forget(&mut self, held: &Held, ix: FindingIx) {
        self.places.remove(of(held.key.tenant, &held.key.id), ix);
        for sighting in held.sightings().all() {
            self.places.remove(of(held.key.tenant, &sighting.id), ix);
        }
    }
}
