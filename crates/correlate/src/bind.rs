//! Binding: what a finding names becomes accounts, persons and values, at the finding's own time.
//!
//! Nothing is resolved before this place, so that a link that comes to light later can still change all that rests on it.

use crate::finding::{Merged, Named};
use crate::second::{alert, second};
use crate::value::{Value, is_stop_value, joins};
use crate::{Edges, Settings};
use caponier_model::{
    AccountKey, Binding, EntityKind, EventTime, Guid, Handle, Link, Persons, SourceIncidentKey, TenantId,
};
use compact_str::CompactString;

/// What one finding adds at most to the values that G6 counts, accounts and devices first: a single alert that lists a
/// hundred mails of one campaign is not a sprawling incident.
const COUNTED_MAX: usize = 16;

/// An account that a finding names, and who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bound {
    pub account: AccountKey,
    pub person: AccountKey,
    pub via: Option<Box<Link>>,
    pub possible: Vec<Link>,
}

/// A value a finding holds. `account`: for a person the account that led there, for a name or SID the account it means.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Use {
    pub value: Value,
    pub account: Option<AccountKey>,
}

/// A name or SID by which a record names an account.
#[derive(Clone, Debug)]
enum HandleKey {
    Name(TenantId, CompactString),
    Sid(TenantId, CompactString),
}

/// Everything that binding says of a finding; lists are sorted and hold each item once.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    /// Accounts by key.
    pub accounts: Vec<Bound>,
    /// Values to correlate on.
    pub uses: Vec<Use>,
    /// One value for each account, device, address, hash, URL and mail: what G6 counts.
    pub counted: Vec<Value>,
    /// Persons (or names that mean nobody known): what G2 counts for devices.
    pub persons: Vec<Value>,
    /// Devices: what G2 counts for accounts.
    pub devices: Vec<Value>,
    /// What its product calls this kind of alert.
    pub alert: CompactString,
    /// Values left out for lack of room (G12).
    pub cut: u64,
    /// Values that mean nothing or that the operator stopped (G1), of kinds that join otherwise.
    pub stopped: u64,
}

/// What is known of a finding beside what its sightings say.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Its source incidents by their smallest names.
    pub incidents: Vec<SourceIncidentKey>,
    /// Instances of scenario rules that it is part of.
    pub chains: Vec<CompactString>,
}

/// Binds a merged finding.
pub(crate) fn bind<P: Persons>(
    merged: &Merged<'_>,
    tenant: TenantId,
    given: Given,
    persons: &P,
    settings: &Settings,
) -> Bindings {
    let mut out = Bindings::default();
    let (stopped, mut named): (Vec<&Named<'_>>, Vec<&Named<'_>>) =
        merged.entities.iter().partition(|e| is_stop_value(e.kind, e.value, settings));
    out.stopped = stopped.iter().filter(|e| joins(e.kind)).count() as u64;
    named.sort_by_key(|e| (e.group, e.kind));
    for group in named.chunk_by(|a, b| a.group == b.group) {
        bind_accounts(group, merged.first, persons, &mut out);
        bind_devices(group, &mut out);
        bind_weak(group, settings, &mut out);
        bind_labels(group, tenant, settings, &mut out);
    }
    let mut add = |value| out.uses.push(Use { value, account: None });
    if settings.edges.source_incident {
        given.incidents.into_iter().map(Value::SourceIncident).for_each(&mut add);
    }
    if settings.edges.rule_chain {
        given.chains.into_iter().map(Value::Chain).for_each(&mut add);
    }
    bind_detection(merged, settings, &mut out);
    finish(&mut out, merged, tenant, settings);
    out
}

fn finish(out: &mut Bindings, merged: &Merged, tenant: TenantId, settings: &Settings) {
    out.alert = alert(merged);
    out.accounts.sort_by_key(|b| b.account);
    out.accounts.dedup_by_key(|b| b.account);
    for list in [&mut out.counted, &mut out.persons, &mut out.devices] {
        list.sort();
        list.dedup();
    }
    // It is kept as long as the finding is.
    out.accounts.shrink_to_fit();
    out.uses.sort();
    out.uses.dedup();
    // Canonical order puts what bridges first, so that what is cut is the weakest.
    let room = settings.limits.finding_values as usize;
    out.cut = out.uses.len().saturating_sub(room) as u64;
    out.uses.truncate(room);
    out.counted.truncate(COUNTED_MAX);
    let seconds = second(merged, tenant, &out.uses, settings);
    let left = room.saturating_sub(out.uses.len());
    out.cut += seconds.len().saturating_sub(left) as u64;
    out.uses.extend(seconds.into_iter().take(left));
}

/// The accounts of one group: an object id where there is one, else what a SID or a name means at that time.
fn bind_accounts<P: Persons>(group: &[&Named<'_>], at: EventTime, persons: &P, out: &mut Bindings) {
    let mut objects: Vec<AccountKey> = Vec::new();
    let mut handles: Vec<HandleKey> = Vec::new();
    for named in group {
        match named.kind {
            EntityKind::Account => {
                objects.extend(Guid::parse(named.value).map(|object| AccountKey { tenant: named.tenant, object }));
            }
            EntityKind::AccountSid => match Guid::from_cloud_sid(named.value) {
                Some(object) => objects.push(AccountKey { tenant: named.tenant, object }),
                None => handles.push(HandleKey::Sid(named.tenant, named.value.clone())),
            },
            EntityKind::AccountName | EntityKind::Mailbox => {
                handles.push(HandleKey::Name(named.tenant, named.value.clone()));
            }
            _ => {}
        }
    }
    if objects.is_empty() {
        objects.extend(handles.iter().filter_map(|handle| match handle {
            HandleKey::Name(tenant, name) => persons.account(*tenant, Handle::Name(name), at),
            HandleKey::Sid(tenant, sid) => persons.account(*tenant, Handle::Sid(sid), at),
        }));
    }
    objects.sort();
    objects.dedup();
    let meant = if let [one] = objects[..] { Some(one) } else { None };
    for account in objects {
        let Binding { person, via, possible } = persons.bind(account, at);
        out.uses.push(Use { value: Value::Account(account), account: None });
        out.uses.push(Use { value: Value::Person(person), account: Some(account) });
        out.uses
            .extend(possible.iter().map(|link| Use { value: Value::Possible(link.home), account: Some(link.account) }));
        // G6 counts the person once, however many of their accounts the tenants know.
        out.counted.push(Value::Person(person));
        out.persons.push(Value::Person(person));
        out.accounts.push(Bound { account, person, via: via.map(Box::new), possible });
    }
    for handle in &handles {
        let value = match handle.clone() {
            HandleKey::Name(tenant, name) => Value::Name(tenant, name),
            HandleKey::Sid(tenant, sid) => Value::Sid(tenant, sid),
        };
        if meant.is_none() {
            out.counted.push(value.clone());
            out.persons.push(value.clone());
        }
        out.uses.push(Use { value, account: meant });
    }
}

/// The ids of one device; the host name, which most records carry, stands for it where things are counted.
fn bind_devices(group: &[&Named<'_>], out: &mut Bindings) {
    let mut ids: Vec<Value> = group
        .iter()
        .filter_map(|named| match named.kind {
            EntityKind::HostFqdn | EntityKind::Device | EntityKind::AzureResource => {
                Some(Value::Device(named.tenant, named.kind, named.value.clone()))
            }
            EntityKind::EntraDevice => Some(Value::EntraDevice(named.value.clone())),
            _ => None,
        })
        .collect();
    ids.sort();
    let fqdn = |v: &&Value| matches!(v, Value::Device(_, EntityKind::HostFqdn, _));
    if let Some(shown) = ids.iter().find(fqdn).or(ids.first()).cloned() {
        out.counted.push(shown.clone());
        out.devices.push(shown);
    }
    out.uses.extend(ids.into_iter().map(|value| Use { value, account: None }));
}

/// E9 and E10: tenants whose trust was changed, and names that no stable id comes with.
fn bind_labels(group: &[&Named<'_>], tenant: TenantId, settings: &Settings, out: &mut Bindings) {
    use EntityKind as K;
    let has = |kinds: &[K]| group.iter().any(|e| kinds.contains(&e.kind));
    let known_host = has(&[K::HostFqdn, K::Device, K::EntraDevice, K::AzureResource]);
    let known_account = has(&[K::Account, K::AccountSid, K::AccountName, K::Mailbox]);
    for named in group {
        let value = match named.kind {
            K::HostName if settings.edges.name && !known_host => {
                Value::Label(named.tenant, named.kind, named.value.clone())
            }
            K::AccountLocal if settings.edges.name && !known_account => {
                Value::Label(named.tenant, named.kind, named.value.clone())
            }
            K::Tenant if settings.edges.trust => match Guid::parse(named.value).map(TenantId) {
                Some(other) if other != tenant => Value::Trust(tenant.min(other), tenant.max(other)),
                _ => continue,
            },
            _ => continue,
        };
        out.uses.push(Use { value, account: None });
    }
}

/// E11: a detection stands under its account and kind, and so do alerts of that kind; like is never joined to like.
fn bind_detection(merged: &Merged<'_>, settings: &Settings, out: &mut Bindings) {
    let Some((kind, risk)) = merged.detection.as_ref().filter(|_| settings.edges.detection) else { return };
    out.uses.extend(out.accounts.iter().map(|bound| Use {
        value: Value::Detection(bound.account, kind.clone()),
        account: risk.then_some(bound.account),
    }));
}

/// Sessions and weak values. A file's SHA-1 counts only where its SHA-256 is not known.
fn bind_weak(group: &[&Named<'_>], settings: &Settings, out: &mut Bindings) {
    let Edges { session, address, artefact, .. } = settings.edges;
    let strong_hash = group.iter().any(|e| e.kind == EntityKind::FileHash && e.value.starts_with("sha256:"));
    for named in group {
        let weak = || Value::Weak(named.kind, named.value.clone());
        let value = match named.kind {
            EntityKind::Session | EntityKind::SignInRequest if session => Value::Session(named.value.clone()),
            EntityKind::Ip if address => weak(),
            EntityKind::Url | EntityKind::MailMessage if artefact => weak(),
            EntityKind::FileHash if artefact && named.value.starts_with("sha256:") => weak(),
            EntityKind::FileHash if artefact && named.value.starts_with("sha1:") && !strong_hash => weak(),
            _ => continue,
        };
        if matches!(value, Value::Weak(..)) {
            out.counted.push(value.clone());
        }
        out.uses.push(Use { value, account: None });
    }
}
