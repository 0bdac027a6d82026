//! Tenants without a configuration: their ids come from the records, their names and domains from their directories.
//!
//! A learned domain counts as verified only because nothing better is known; the run says that it assumed so.

use crate::intake::{Intake, Owners};
use caponier_model::{AccountRow, Guid, Rows, Tenant, TenantId, TenantRole, Tenants};
use caponier_wire::UNNAMED_TENANT;
use compact_str::{CompactString, format_compact};
use std::collections::{BTreeMap, BTreeSet};

/// A domain is held to be verified when at least this many members (or one in this many of them) sign in under it.
const MEMBERS_SHARE: usize = 50;

/// The tenants that a capture shows, by id, with the workspaces and subscriptions that belong to exactly one of them.
///
/// A workspace or subscription whose own id stood in for a tenant gives way to the tenant it turns out to belong to: its
/// rows become that tenant's here, its findings when they are decoded again for the journal.
pub fn tenants(taken: &mut Intake) -> Tenants {
    let stand_ins = stand_ins(&taken.owners);
    if taken.tenants.iter().any(|t| stand_ins.contains_key(t)) {
        each_tenant(&mut taken.rows, |tenant| *tenant = *stand_ins.get(tenant).unwrap_or(tenant));
        taken.rows.canonical();
        taken.tenants.retain(|t| !stand_ins.contains_key(t));
        taken.streams.rename(|tenant| *stand_ins.get(&tenant).unwrap_or(&tenant));
    }
    let mut tenants = named(&taken.rows, &taken.tenants);
    for tenant in &mut tenants.all {
        let owned = |map: &BTreeMap<Guid, BTreeSet<TenantId>>| {
            let sole = map.iter().filter(|(_, owners)| owners.len() == 1 && owners.contains(&tenant.id));
            sole.map(|(id, _)| *id).collect()
        };
        (tenant.workspaces, tenant.subscriptions) =
            (owned(&taken.owners.workspaces), owned(&taken.owners.subscriptions));
    }
    tenants
}

/// The tenant behind each id that may have stood in for one.
fn stand_ins(owners: &Owners) -> BTreeMap<TenantId, TenantId> {
    let sole = |(id, owners): (&Guid, &BTreeSet<TenantId>)| {
        let owner = owners.first().copied().filter(|o| owners.len() == 1 && o.0 != *id)?;
        Some((TenantId(*id), owner))
    };
    owners.subscriptions.iter().chain(&owners.workspaces).filter_map(sole).collect()
}

/// Every place where a row names the tenant whose log or directory it is of, or may name it for want of another.
fn each_tenant(rows: &mut Rows, mut act: impl FnMut(&mut TenantId)) {
    rows.accounts.iter_mut().for_each(|r| act(&mut r.account.tenant));
    rows.sign_ins.iter_mut().for_each(|r| [&mut r.log, &mut r.home, &mut r.resource].into_iter().for_each(&mut act));
    rows.invitations.iter_mut().for_each(|r| act(&mut r.guest.tenant));
    rows.provisioning.iter_mut().for_each(|r| act(&mut r.source.tenant));
    rows.callers.iter_mut().for_each(|r| [&mut r.log, &mut r.caller.tenant].into_iter().for_each(&mut act));
    rows.devices.iter_mut().for_each(|r| act(&mut r.tenant));
    rows.principals.iter_mut().for_each(|r| act(&mut r.account.tenant));
    rows.roles.iter_mut().for_each(|r| act(&mut r.account.tenant));
    rows.partners.iter_mut().for_each(|r| act(&mut r.tenant));
}

fn named(rows: &Rows, seen: &BTreeSet<TenantId>) -> Tenants {
    let mut domains = BTreeMap::<TenantId, BTreeMap<CompactString, usize>>::new();
    let mut members = BTreeMap::<TenantId, usize>::new();
    for row in rows.accounts.iter().filter(|r| is_native(r)) {
        let Some((_, domain)) = row.upn.as_deref().and_then(|u| u.rsplit_once('@')) else { continue };
        *domains.entry(row.account.tenant).or_default().entry(domain.into()).or_default() += 1;
        *members.entry(row.account.tenant).or_default() += 1;
    }
    let most = members.iter().max_by_key(|(id, n)| (**n, std::cmp::Reverse(**id))).map(|(id, _)| *id);
    let mut taken = BTreeSet::new();
    let all = seen.iter().map(|&id| {
        let counted = domains.remove(&id).unwrap_or_default();
        let least = members.get(&id).copied().unwrap_or(0) / MEMBERS_SHARE;
        let role = if Some(id) == most { TenantRole::Primary } else { TenantRole::Secondary };
        let name = name(id, &counted, &mut taken);
        let domains = counted.into_iter().filter(|(_, n)| *n > least).map(|(d, _)| d).collect();
        Tenant { id, name, role, domains, workspaces: Vec::new(), subscriptions: Vec::new() }
    });
    Tenants { all: all.collect() }
}

/// A member of its own tenant, as far as its directory says: neither a guest nor `#EXT#`.
fn is_native(row: &AccountRow) -> bool {
    row.user_type.as_deref() != Some("guest")
        && !row.external_entra
        && row.upn.as_deref().is_some_and(|u| !u.contains("#ext#"))
}

/// The first label of the commonest domain, where no other tenant took it; else the start of the id.
fn name(id: TenantId, domains: &BTreeMap<CompactString, usize>, taken: &mut BTreeSet<CompactString>) -> CompactString {
    if id == UNNAMED_TENANT {
        return "unnamed".into();
    }
    let common = domains.iter().max_by_key(|(domain, n)| (**n, std::cmp::Reverse(domain.as_str())));
    let label = common.and_then(|(domain, _)| domain.split('.').next()).map(CompactString::from);
    match label.filter(|l| !l.is_empty() && taken.insert(l.clone())) {
        Some(label) => label,
        None => format_compact!("tenant-{}", &id.to_string()[..8]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::AccountKey;

    fn row(tenant: u128, object: u128, upn: &str) -> AccountRow {
        AccountRow {
            account: AccountKey { tenant: TenantId(Guid::from_u128(tenant)), object: Guid::from_u128(object) },
            upn: Some(upn.into()),
            user_type: Some("member".into()),
            seen: None,
            created: None,
            deleted: None,
            mail: None,
            addresses: Vec::new(),
            display: None,
            creation_type: None,
            external_state: None,
            external_entra: false,
            employee: None,
            onprem_sid: None,
            immutable_id: None,
            home_object: None,
            enabled: None,
        }
    }

    #[test]
    fn a_guest_teaches_no_domain() {
        let rows = Rows {
            accounts: vec![
                row(1, 1, "adele@contoso.com"),
                row(1, 2, "lee@contoso.com"),
                row(2, 3, "megan@fabrikam.onmicrosoft.com"),
                row(2, 4, "adele_contoso.com#ext#@fabrikam.onmicrosoft.com"),
            ],
            ..Rows::default()
        };
        let seen = [1, 2, 3].map(|n| TenantId(Guid::from_u128(n))).into();
        let tenants = named(&rows, &seen);
        assert_eq!(tenants.all[0].name, "contoso");
        assert_eq!(tenants.all[0].role, TenantRole::Primary);
        assert_eq!(tenants.all[1].domains, ["fabrikam.onmicrosoft.com"]);
        assert_eq!(tenants.all[2].name, "tenant-00000000");
        assert!(tenants.all[2].domains.is_empty());
    }

    #[test]
    fn a_workspace_of_two_tenants_belongs_to_neither() {
        let (a, b) = (TenantId(Guid::from_u128(1)), TenantId(Guid::from_u128(2)));
        let (one, two) = (Guid::from_u128(11), Guid::from_u128(12));
        let owners = Owners { workspaces: [(one, [a].into()), (two, [a, b].into())].into(), ..Owners::default() };
        assert_eq!(stand_ins(&owners), [(TenantId(one), a)].into());
    }
}
