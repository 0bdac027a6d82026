//! What is known about a record before it is read, and whose record it is. Knows tenants, not formats.

use caponier_model::{EventTime, Guid, Reject, RejectReason, TenantId, Tenants};
use compact_str::format_compact;

/// The tenant of records that nothing names: rows of a directory export outside any tenant's folder, without configuration.
pub const UNNAMED_TENANT: TenantId = TenantId(Guid::from_u128(0xcafe_0000_0000_0000_0000_0000_0000_0001));

/// Limits of one record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one record; beyond it the record is refused.
    pub record_bytes: usize,
    /// Levels of nesting; at most 128 whatever is set.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { record_bytes: 16 << 20, depth: 64 }
    }
}

/// What the transport and the configuration know about a record.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The configured (or learned) tenants.
    pub tenants: &'c Tenants,
    /// The tenant of the folder or topic.
    pub folder: Option<TenantId>,
    /// A hint at the table, from a file, folder or topic name (`SigninLogs`, `insights-logs-auditlogs`, `users`).
    pub table: Option<&'c str>,
    /// The OData context of the response that held the record.
    pub odata: Option<&'c str>,
    /// True without a configuration: tenants are taken from folders and records.
    pub discover: bool,
    /// True for a hub that several tenants are configured to share: the record may then name its tenant.
    pub shared: bool,
    /// Refuse records later than this.
    pub not_after: Option<EventTime>,
    /// Limits of one record.
    pub limits: Limits,
}

impl<'c> Context<'c> {
    /// A context without folder, hints or configuration: tenants are discovered.
    pub fn discovering(tenants: &'c Tenants) -> Self {
        Self {
            tenants,
            folder: None,
            table: None,
            odata: None,
            discover: true,
            shared: false,
            not_after: None,
            limits: Limits::default(),
        }
    }
}

/// What a record says about its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Claims {
    /// The Entra tenant that wrote the record, in its own words.
    pub tenant: Option<TenantId>,
    /// The tenant at a second place of the record (its resource id, its portal link): never an owner, only a cross-check.
    pub second: Option<TenantId>,
    /// The Log Analytics workspace that held it.
    pub workspace: Option<Guid>,
    /// The Azure subscription it is about.
    pub subscription: Option<Guid>,
    /// The tenant of a caller's token: no proof of ownership, only a last resort of discovery.
    pub caller: Option<TenantId>,
}

/// On what ground a record was given to its tenant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Basis {
    /// Its folder or topic.
    Folder,
    /// A configured (or learned) workspace.
    Workspace,
    /// A configured (or learned) subscription.
    Subscription,
    /// The record's own Entra tenant.
    Record,
    /// Assumed: the workspace's own id stands in for a tenant that nothing names.
    AssumedWorkspace,
    /// Assumed: the tenant of the caller's token.
    AssumedCaller,
    /// Assumed: the subscription's own id stands in for a tenant that nothing names.
    AssumedSubscription,
    /// Assumed: [`UNNAMED_TENANT`].
    #[default]
    Unnamed,
}

impl Context<'_> {
    /// Decides whose record it is: folder, workspace and subscription first, the record as a cross-check.
    ///
    /// # Errors
    /// `TenantMismatch` where the record names another tenant than its folder, workspace or subscription belongs to, or
    /// names two tenants below a folder or a configuration;
    /// `UnknownTenant` where a configuration exists and nothing leads to one of its tenants.
    pub fn attribute(&self, claims: &Claims) -> Result<(TenantId, Basis), Reject> {
        // Where only discovery is at work no owner is asserted that could be crossed: anonymised captures hold such records.
        if let (Some(one), Some(two)) = (claims.tenant, claims.second)
            && one != two
            && (!self.discover || self.folder.is_some())
        {
            let detail = format_compact!("the record names the tenants {one} and {two}");
            return Err(Reject::new(RejectReason::TenantMismatch, detail));
        }
        let workspace = claims.workspace.and_then(|w| self.tenants.by_workspace(w));
        let subscription = claims.subscription.and_then(|s| self.tenants.by_subscription(s));
        let owners = [
            (self.folder, Basis::Folder),
            (workspace, Basis::Workspace),
            (subscription, Basis::Subscription),
            (claims.tenant, Basis::Record),
        ];
        let named = |(tenant, basis): (Option<TenantId>, Basis)| tenant.map(|t| (t, basis));
        let found = if self.shared {
            // A shared hub says nothing about the owner: the record's own word counts first.
            owners[1..].iter().rev().copied().find_map(named).or_else(|| named(owners[0]))
        } else {
            owners.iter().copied().find_map(named)
        };
        let Some((owner, basis)) = found else { return self.assume(claims) };
        if !self.shared
            && let Some((other, by)) = owners.iter().copied().filter_map(named).find(|(t, _)| *t != owner)
        {
            return Err(mismatch(owner, basis, other, by));
        }
        if !self.discover && self.tenants.get(owner).is_none() {
            let detail = format_compact!("tenant {owner} is not configured; add a [[tenant]] for it");
            return Err(Reject::new(RejectReason::UnknownTenant, detail));
        }
        Ok((owner, basis))
    }

    fn assume(&self, claims: &Claims) -> Result<(TenantId, Basis), Reject> {
        if !self.discover {
            let detail = match (claims.workspace, claims.subscription) {
                (Some(w), _) => format_compact!("workspace {w} is not configured; add it to its tenant's workspaces"),
                (None, Some(s)) => {
                    format_compact!("subscription {s} is not configured; add it to its tenant's subscriptions")
                }
                (None, None) => "nothing says whose record this is; put it below a folder tenantId=<GUID>".into(),
            };
            return Err(Reject::new(RejectReason::UnknownTenant, detail));
        }
        Ok(match (claims.workspace, claims.caller, claims.subscription) {
            (Some(w), _, _) if w != Guid::ZERO => (TenantId(w), Basis::AssumedWorkspace),
            (_, Some(t), _) => (t, Basis::AssumedCaller),
            (_, None, Some(s)) => (TenantId(s), Basis::AssumedSubscription),
            _ => (UNNAMED_TENANT, Basis::Unnamed),
        })
    }
}

fn mismatch(owner: TenantId, basis: Basis, other: TenantId, by: Basis) -> Reject {
    let place = |basis| match basis {
        Basis::Folder => "folder or topic",
        Basis::Workspace => "workspace",
        Basis::Subscription => "subscription",
        _ => "record",
    };
    let detail = format_compact!("the {} belongs to {owner}, the {} to {other}", place(basis), place(by));
    Reject::new(RejectReason::TenantMismatch, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{Tenant, TenantRole};

    fn id(n: u128) -> TenantId {
        TenantId(Guid::from_u128(n))
    }

    fn configured() -> Tenants {
        Tenants {
            all: vec![Tenant {
                id: id(1),
                name: "north".into(),
                role: TenantRole::Primary,
                domains: vec![],
                workspaces: vec![Guid::from_u128(11)],
                subscriptions: vec![Guid::from_u128(12)],
            }],
        }
    }

    #[test]
    fn configuration_first_record_as_a_cross_check() {
        let tenants = configured();
        let strict = Context { discover: false, ..Context::discovering(&tenants) };
        let own = |tenant| Claims { tenant, workspace: Some(Guid::from_u128(11)), ..Claims::default() };
        assert_eq!(strict.attribute(&own(None)), Ok((id(1), Basis::Workspace)));
        assert_eq!(strict.attribute(&own(Some(id(2)))).unwrap_err().reason, RejectReason::TenantMismatch);
        let alone = Claims { tenant: Some(id(2)), ..Claims::default() };
        assert_eq!(strict.attribute(&alone).unwrap_err().reason, RejectReason::UnknownTenant);
        let in_folder = Context { folder: Some(id(1)), ..strict };
        assert_eq!(in_folder.attribute(&Claims::default()), Ok((id(1), Basis::Folder)));
        assert_eq!(in_folder.attribute(&alone).unwrap_err().reason, RejectReason::TenantMismatch);
        let shared = Context { shared: true, ..in_folder };
        let torn = Claims { tenant: Some(id(1)), second: Some(id(2)), ..Claims::default() };
        for context in [&strict, &in_folder, &shared] {
            assert_eq!(context.attribute(&torn).unwrap_err().reason, RejectReason::TenantMismatch);
        }
        assert_eq!(shared.attribute(&Claims { tenant: Some(id(1)), ..Claims::default() }), Ok((id(1), Basis::Record)));
        assert_eq!(shared.attribute(&alone).unwrap_err().reason, RejectReason::UnknownTenant);
    }

    #[test]
    fn discovery_takes_the_best_word_there_is() {
        let tenants = Tenants::default();
        let open = Context::discovering(&tenants);
        let (w, s) = (Some(Guid::from_u128(11)), Some(Guid::from_u128(12)));
        for (claims, want) in [
            (Claims { tenant: Some(id(2)), workspace: w, ..Claims::default() }, (id(2), Basis::Record)),
            (Claims { workspace: w, subscription: s, ..Claims::default() }, (id(11), Basis::AssumedWorkspace)),
            (Claims { subscription: s, caller: Some(id(3)), ..Claims::default() }, (id(3), Basis::AssumedCaller)),
            (Claims { subscription: s, ..Claims::default() }, (id(12), Basis::AssumedSubscription)),
            (Claims::default(), (UNNAMED_TENANT, Basis::Unnamed)),
        ] {
            assert_eq!(open.attribute(&claims), Ok(want));
        }
    }
}
