//! Tenants, and what the operator allows between an ordered pair of them.

use crate::{Guid, TenantId};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Which side of the organisation a tenant is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TenantRole {
    /// Holds people, mail and workstations.
    Primary,
    /// Holds Azure subscriptions and servers.
    Secondary,
}

/// A tenant and the bytes it owns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tenant {
    /// Entra tenant id.
    pub id: TenantId,
    /// Short name for people.
    pub name: CompactString,
    /// Primary or secondary.
    pub role: TenantRole,
    /// Verified domains, lower case.
    pub domains: Vec<CompactString>,
    /// Log Analytics workspaces whose rows are this tenant's.
    pub workspaces: Vec<Guid>,
    /// Azure subscriptions attached to it.
    pub subscriptions: Vec<Guid>,
}

/// What may be joined across an ordered pair of tenants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum MergePolicy {
    /// Nothing is joined nor shown.
    Forbid,
    /// Shown as `related`, never merged.
    #[default]
    Suggest,
    /// May be merged into one incident.
    Merge,
}

/// An ordered pair: `home` owns the identity, `resource` the resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Pair {
    /// The tenant of the home account.
    pub home: TenantId,
    /// The tenant whose resource is used.
    pub resource: TenantId,
}

/// The policy of every ordered pair.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    /// The listed pairs.
    pub pairs: Vec<(Pair, MergePolicy)>,
    /// What holds for a pair that is not listed.
    pub unlisted: MergePolicy,
}

impl Policy {
    /// The policy of one ordered pair.
    pub fn of(&self, pair: Pair) -> MergePolicy {
        self.pairs.iter().find(|(p, _)| *p == pair).map_or(self.unlisted, |(_, m)| *m)
    }

    /// The policy between two tenants: forbidden if either direction is, else what the direction that allows more says, since
    /// an incident that spans both needs one.
    pub fn between(&self, a: TenantId, b: TenantId) -> MergePolicy {
        if a == b {
            return MergePolicy::Merge;
        }
        let listed = |home, resource| self.pairs.iter().find(|(p, _)| *p == Pair { home, resource }).map(|(_, m)| *m);
        match (listed(a, b), listed(b, a)) {
            (None, None) => self.unlisted,
            (x, y) if x == Some(MergePolicy::Forbid) || y == Some(MergePolicy::Forbid) => MergePolicy::Forbid,
            (x, y) => x.max(y).unwrap_or(self.unlisted),
        }
    }
}

/// Who owns which bytes: by tenant id, workspace or subscription.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tenants {
    /// Every known tenant.
    pub all: Vec<Tenant>,
}

impl Tenants {
    /// The tenant with this id.
    pub fn get(&self, id: TenantId) -> Option<&Tenant> {
        self.all.iter().find(|t| t.id == id)
    }

    /// The tenant that owns a Log Analytics workspace.
    pub fn by_workspace(&self, workspace: Guid) -> Option<TenantId> {
        self.all.iter().find(|t| t.workspaces.contains(&workspace)).map(|t| t.id)
    }

    /// The tenant that owns an Azure subscription.
    pub fn by_subscription(&self, subscription: Guid) -> Option<TenantId> {
        self.all.iter().find(|t| t.subscriptions.contains(&subscription)).map(|t| t.id)
    }

    /// The name people use for a tenant, else its id.
    pub fn name(&self, id: TenantId) -> CompactString {
        self.get(id).map_or_else(|| compact_str::format_compact!("{id}"), |t| t.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_word_wins_only_when_it_is_forbid() {
        let (a, b) = (TenantId(Guid::from_u128(1)), TenantId(Guid::from_u128(2)));
        let pair = |home, resource, m| (Pair { home, resource }, m);
        let policy = |pairs| Policy { pairs, unlisted: MergePolicy::Suggest };
        assert_eq!(policy(vec![]).between(a, b), MergePolicy::Suggest);
        assert_eq!(policy(vec![pair(a, b, MergePolicy::Merge)]).between(b, a), MergePolicy::Merge);
        let mixed = policy(vec![pair(a, b, MergePolicy::Merge), pair(b, a, MergePolicy::Forbid)]);
        assert_eq!(mixed.between(a, b), MergePolicy::Forbid);
        assert_eq!(mixed.between(a, a), MergePolicy::Merge);
    }
}
