//! What one audience may see: masks values by their owner and keeps a list of the places it masked.

use caponier_model::{AccountKey, Audience, FindingKey, MergePolicy, Policy, TenantId, Tenants, Text};
use compact_str::CompactString;

/// What stands in place of a value that the audience may not see.
pub const MASK: &str = "[masked]";

/// An audience's eyes: every value with an owner passes through here on its way out.
pub(super) struct Lens<'a> {
    audience: Audience,
    pub(super) tenants: &'a Tenants,
    policy: &'a Policy,
    masked: Vec<String>,
}

impl<'a> Lens<'a> {
    pub(super) fn new(audience: Audience, tenants: &'a Tenants, policy: &'a Policy) -> Self {
        Self { audience, tenants, policy, masked: Vec::new() }
    }

    /// May the audience see what this tenant owns?
    pub(super) fn sees(&self, owner: TenantId) -> bool {
        match self.audience {
            Audience::Operator => true,
            Audience::Tenant(reader) => self.policy.between(reader, owner) == MergePolicy::Merge,
        }
    }

    /// May the audience see a value that each of these tenants' evidence holds? One it may see into is enough.
    pub(super) fn sees_any(&self, owners: &[TenantId]) -> bool {
        owners.is_empty() || owners.iter().any(|t| self.sees(*t))
    }

    /// May the audience see a value that took all of these tenants' evidence to know?
    pub(super) fn sees_all(&self, owners: &[TenantId]) -> bool {
        owners.iter().all(|t| self.sees(*t))
    }

    /// The value, or the mask and a note of the place.
    pub(super) fn show(&mut self, visible: bool, value: &str, path: impl FnOnce() -> String) -> String {
        if visible {
            return value.to_owned();
        }
        self.note(path());
        MASK.to_owned()
    }

    /// As [`Lens::show`] for a value that may be absent: what is absent is not masked.
    pub(super) fn maybe(
        &mut self,
        visible: bool,
        value: Option<&CompactString>,
        path: impl FnOnce() -> String,
    ) -> Option<String> {
        value.map(|v| self.show(visible, v, path))
    }

    /// Renders a text; each parameter is masked by its own owner.
    pub(super) fn text(&mut self, text: &Text, path: impl FnOnce() -> String) -> String {
        let mut hidden = false;
        let out = text.render(|p| {
            if p.owner.is_none_or(|owner| self.sees(owner)) {
                return p.value.clone();
            }
            hidden = true;
            CompactString::const_new(MASK)
        });
        if hidden {
            self.note(path());
        }
        out
    }

    /// A finding's id under its key.
    pub(super) fn finding_id(&mut self, key: &FindingKey, path: impl FnOnce() -> String) -> String {
        let visible = self.sees(key.tenant);
        self.show(visible, &key.id, path)
    }

    /// An account's object id.
    pub(super) fn object_id(&mut self, account: AccountKey, path: impl FnOnce() -> String) -> String {
        let visible = self.sees(account.tenant);
        self.show(visible, &account.object.to_string(), path)
    }

    fn note(&mut self, path: String) {
        self.masked.push(path);
    }

    /// The places masked so far, sorted.
    pub(super) fn into_masked(mut self) -> Vec<String> {
        self.masked.sort();
        self.masked.dedup();
        self.masked
    }
}
