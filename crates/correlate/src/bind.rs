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
use smallvec::SmallVec;
use std::borrow::Cow;

/// What one finding adds at most to the values that G6 counts, accounts and devices first: a single alert that lists a
/// hundred mails of one campaign is not a sprawling incident.
pub(crate) const COUNTED_MAX: usize = 16;

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
    /// What guards count it as, of the three below.
    pub part: u8,
}

/// One of each account, device, address, hash, URL and mail: what G6 counts.
pub(crate) const COUNTED: u8 = 1;
/// A person, or a name that means nobody known: what G2 counts for devices.
pub(crate) const PERSON: u8 = 2;
/// A device: what G2 counts for accounts.
pub(crate) const DEVICE: u8 = 4;

impl Use {
    pub(crate) const fn of(value: Value) -> Self {
        Self { value, account: None, part: 0 }
    }
}

/// Everything that binding says of a finding; lists are sorted and hold each item once.
#[derive(Debug, Default)]
pub(crate) struct Bindings<'s> {
    /// Accounts by key.
    pub accounts: Vec<Bound>,
    /// Values to correlate on.
    pub uses: Vec<Use>,
    /// What its product calls this kind of alert.
    pub alert: Cow<'s, str>,
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

/// What a group of entities names that joins.
type Group<'a, 's> = &'a [&'a Named<'s>];

/// Binds a merged finding.
pub(crate) fn bind<'s, P: Persons>(
    merged: &'s Merged<'_>,
    tenant: TenantId,
    given: &Given,
    persons: &P,
    settings: &Settings,
) -> Bindings<'s> {
    let mut out = Bindings { uses: Vec::with_capacity(2 * merged.entities.len() + 2), ..Bindings::default() };
    let mut named: SmallVec<[&Named<'_>; 16]> = SmallVec::new();
    for entity in &merged.entities {
        if is_stop_value(entity.kind, entity.value, settings) {
            out.stopped += u64::from(joins(entity.kind));
        } else {
            named.push(entity);
        }
    }
    named.sort_by_key(|e| (e.group, e.kind));
    for group in named.chunk_by(|a, b| a.group == b.group) {
        bind_accounts(group, merged.first, persons, &mut out);
        bind_devices(group, &mut out);
        bind_weak(group, settings, &mut out);
        bind_labels(group, tenant, settings, &mut out);
    }
    let mut add = |value| out.uses.push(Use::of(value));
    if settings.edges.source_incident {
        given.incidents.iter().map(|key| Value::SourceIncident(Box::new(key.clone()))).for_each(&mut add);
    }
    if settings.edges.rule_chain {
        given.chains.iter().cloned().map(Value::Chain).for_each(&mut add);
    }
    bind_detection(merged, settings, &mut out);
    finish(&mut out, merged, tenant, settings);
    out
}

fn finish<'s>(out: &mut Bindings<'s>, merged: &'s Merged<'_>, tenant: TenantId, settings: &Settings) {
    out.alert = alert(merged);
    out.accounts.sort_by_key(|b| b.account);
    out.accounts.dedup_by_key(|b| b.account);
    // It is kept as long as the finding is.
    out.accounts.shrink_to_fit();
    out.uses.sort_unstable();
    out.uses.dedup_by(|again, one| {
        let same = again.value == one.value && again.account == one.account;
        one.part |= if same { again.part } else { 0 };
        same
    });
    // Canonical order puts what bridges first, so that what is cut is the weakest.
    let room = settings.limits.finding_values as usize;
    out.cut = out.uses.len().saturating_sub(room) as u64;
    out.uses.truncate(room);
    let seconds = second(merged, tenant, &out.uses, settings);
    let left = room.saturating_sub(out.uses.len());
    out.cut += seconds.len().saturating_sub(left) as u64;
    out.uses.extend(seconds.into_iter().take(left));
}

/// The accounts of one group: an object id where there is one, else what a SID or a name means at that time.
fn bind_accounts<P: Persons>(group: Group<'_, '_>, at: EventTime, persons: &P, out: &mut Bindings<'_>) {
    let mut objects: SmallVec<[AccountKey; 4]> = SmallVec::new();
    let mut handles: SmallVec<[&Named<'_>; 4]> = SmallVec::new();
    for named in group {
        match named.kind {
            EntityKind::Account => {
                objects.extend(Guid::parse(named.value).map(|object| AccountKey { tenant: named.tenant, object }));
            }
            EntityKind::AccountSid => match Guid::from_cloud_sid(named.value) {
                Some(object) => objects.push(AccountKey { tenant: named.tenant, object }),
                None => handles.push(named),
            },
            EntityKind::AccountName | EntityKind::Mailbox => handles.push(named),
            _ => {}
        }
    }
    let is_sid = |named: &Named<'_>| named.kind == EntityKind::AccountSid;
    if objects.is_empty() {
        objects.extend(handles.iter().filter_map(|named| {
            let handle = if is_sid(named) { Handle::Sid(named.value) } else { Handle::Name(named.value) };
            persons.account(named.tenant, handle, at)
        }));
    }
    objects.sort();
    objects.dedup();
    let meant = if let [one] = objects[..] { Some(one) } else { None };
    for account in objects {
        let Binding { person, via, possible } = persons.bind(account, at);
        out.uses.push(Use::of(Value::Account(account)));
        // G6 counts the person once, however many of their accounts the tenants know.
        out.uses.push(Use { value: Value::Person(person), account: Some(account), part: COUNTED | PERSON });
        out.uses.extend(possible.iter().map(|link| {
            let (value, account) = (Value::Possible(link.home), Some(link.account));
            Use { value, account, part: 0 }
        }));
        out.accounts.push(Bound { account, person, via: via.map(Box::new), possible });
    }
    for named in handles {
        let text = named.value.clone();
        let value = if is_sid(named) { Value::Sid(named.tenant, text) } else { Value::Name(named.tenant, text) };
        let part = if meant.is_none() { COUNTED | PERSON } else { 0 };
        out.uses.push(Use { value, account: meant, part });
    }
}

/// The ids of one device; the host name, which most records carry, stands for it where things are counted.
fn bind_devices(group: Group<'_, '_>, out: &mut Bindings<'_>) {
    let from = out.uses.len();
    out.uses.extend(group.iter().filter_map(|named| match named.kind {
        EntityKind::HostFqdn | EntityKind::Device | EntityKind::AzureResource => {
            Some(Use::of(Value::Device(named.tenant, named.kind, named.value.clone())))
        }
        EntityKind::EntraDevice => Some(Use::of(Value::EntraDevice(named.value.clone()))),
        _ => None,
    }));
    let ids = &mut out.uses[from..];
    ids.sort_unstable();
    let fqdn = |id: &Use| matches!(id.value, Value::Device(_, EntityKind::HostFqdn, _));
    let at = ids.iter().position(fqdn).unwrap_or_default();
    if let Some(shown) = ids.get_mut(at) {
        shown.part = COUNTED | DEVICE;
    }
}

/// E9 and E10: tenants whose trust was changed, and names that no stable id comes with.
fn bind_labels(group: Group<'_, '_>, tenant: TenantId, settings: &Settings, out: &mut Bindings<'_>) {
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
        out.uses.push(Use::of(value));
    }
}

/// E11: a detection stands under its account and kind, and so do alerts of that kind; like is never joined to like.
fn bind_detection(merged: &Merged<'_>, settings: &Settings, out: &mut Bindings<'_>) {
    let Some((kind, risk)) = merged.detection.as_ref().filter(|_| settings.edges.detection) else { return };
    out.uses.extend(out.accounts.iter().map(|bound| Use {
        value: Value::Detection(Box::new((bound.account, kind.clone()))),
        account: risk.then_some(bound.account),
        part: 0,
    }));
}

/// Sessions and weak values. A file's SHA-1 counts only where its SHA-256 is not known.
fn bind_weak(group: Group<'_, '_>, settings: &Settings, out: &mut Bindings<'_>) {
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
        let part = if matches!(value, Value::Weak(..)) { COUNTED } else { 0 };
        out.uses.push(Use { value, account: None, part });
    }
}
