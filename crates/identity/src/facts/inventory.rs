//! What logs and inventories say of accounts that are no people: service principals, managed identities, devices. They say what
//! kind it is, so nothing is guessed. Knows nothing of links.

use caponier_model::{AccountFacts, AccountKey, AccountKind, DeviceRow, EventTime, PrincipalRow, Rows};
use std::collections::BTreeSet;

/// One fact for each service principal, managed identity and device, valid throughout: what their rows say does not change, but
/// for the name, of which the latest counts. Sorted by account.
///
/// - A row of a principal that says it is managed decides; a principal whose rows name several applications gets none.
/// - A device is its Entra device id in the tenant whose inventory has it; rows without that id name no account. All Defender and
///   ARM ids that were ever seen with it find it: where two devices bore one, the index finds neither.
pub(crate) fn inventory(rows: &Rows) -> Vec<AccountFacts> {
    let mut principals: Vec<&PrincipalRow> = rows.principals.iter().collect();
    principals.sort_unstable_by(|a, b| (a.account, a.time, *a).cmp(&(b.account, b.time, *b)));
    let key = |d: &DeviceRow| d.entra.map(|object| AccountKey { tenant: d.tenant, object });
    let mut devices: Vec<(AccountKey, &DeviceRow)> =
        rows.devices.iter().filter_map(|d| key(d).map(|account| (account, d))).collect();
    devices.sort_unstable_by(|a, b| (a.0, a.1.time, a.1).cmp(&(b.0, b.1.time, b.1)));
    let mut out: Vec<AccountFacts> = principals.chunk_by(|a, b| a.account == b.account).filter_map(principal).collect();
    out.extend(devices.chunk_by(|a, b| a.0 == b.0).filter_map(device));
    out.sort_unstable();
    out
}

fn principal(rows: &[&PrincipalRow]) -> Option<AccountFacts> {
    let last = rows.last()?;
    let managed = rows.iter().any(|r| r.managed);
    let kind = if managed { AccountKind::ManagedIdentity } else { AccountKind::ServicePrincipal };
    let display = rows.iter().rev().find_map(|r| r.name.clone());
    let app = Some(last.app).filter(|app| rows.iter().all(|r| r.app == *app));
    Some(AccountFacts { display, app, ..throughout(last.account, kind) })
}

fn device(rows: &[(AccountKey, &DeviceRow)]) -> Option<AccountFacts> {
    let (account, _) = *rows.last()?;
    let display = rows.iter().rev().find_map(|(_, d)| d.name.clone());
    let ids: BTreeSet<_> = rows.iter().flat_map(|(_, d)| d.defender.iter().chain(&d.azure).cloned()).collect();
    // The cloud SID is made of the directory's object id, which only a directory export tells.
    let sids: BTreeSet<_> = rows.iter().filter_map(|(_, d)| Some(d.object?.cloud_sid().into())).collect();
    let (devices, sids) = (ids.into_iter().collect(), sids.into_iter().collect());
    Some(AccountFacts { display, devices, sids, ..throughout(account, AccountKind::Device) })
}

fn throughout(account: AccountKey, kind: AccountKind) -> AccountFacts {
    AccountFacts {
        account,
        kind,
        upn: None,
        display: None,
        names: Vec::new(),
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: None,
        from: EventTime::MIN,
        until: EventTime::MAX,
    }
}
