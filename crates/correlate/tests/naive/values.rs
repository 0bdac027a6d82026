//! What each finding holds: accounts, persons and values, bound at its own time, and how each kind of value joins.
//!
//! scenarios.md 2.1, 2.2 and guards G1, G2, G5, G6, G12; docs/adr/0004 for what one finding adds to G6.

use crate::known::{Finding, Known};
use caponier_correlate::Settings;
use caponier_model::{
    AccountKey, Binding, EdgeKind, Entity, EntityKind, EntityRole, Guid, Handle, Persons, Severity, SourceIncidentKey,
    TenantId,
};
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

/// What two findings may share; the order is canonical, strongest kinds first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    Account(AccountKey),
    Sid(TenantId, CompactString),
    Name(TenantId, CompactString),
    Person(AccountKey),
    Possible(AccountKey),
    Device(TenantId, EntityKind, CompactString),
    EntraDevice(CompactString),
    Session(CompactString),
    SourceIncident(SourceIncidentKey),
    Chain(CompactString),
    Detection(AccountKey, CompactString),
    Weak(EntityKind, CompactString),
    Pair(CompactString, EntityKind, CompactString),
    Movement(CompactString),
    /// Tenant, program, what the alert is called.
    Tool(TenantId, CompactString, String),
    Trust(TenantId, TenantId),
    Label(TenantId, EntityKind, CompactString),
    At(AccountKey, CompactString),
}

/// A finding, bound.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// Each account it names and who that is.
    pub accounts: BTreeMap<AccountKey, Binding>,
    /// (value, the account that led there).
    pub uses: Vec<(Value, Option<AccountKey>)>,
    /// G6.
    pub counted: BTreeSet<Value>,
    /// G2: persons, devices.
    pub persons: BTreeSet<Value>,
    pub devices: BTreeSet<Value>,
    pub incidents: BTreeSet<SourceIncidentKey>,
    pub cut: u64,
}

/// What G2 counts for a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    Persons,
    Devices,
    /// Persons, or devices for findings that name no person.
    Either,
}

/// How a value joins.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub kind: EdgeKind,
    pub window: Option<i64>,
    pub cap: Option<u32>,
    pub counts: Counts,
    pub strength: u32,
    pub bridges: bool,
    pub attaches: bool,
    /// G12: findings of one hour that it joins.
    pub rate: Option<u32>,
}

/// The table of scenarios.md 2.2, with the strengths of the engine's own table.
pub fn rule(value: &Value, settings: &Settings) -> Rule {
    use EdgeKind::{
        RuleChain, SameAccount, SameArtefact, SameDetection, SameDevice, SameIp, SameName, SamePerson, SameSession,
        SourceIncident, TrustContext, WeakPair,
    };
    let (w, c, e) = (&settings.windows, &settings.caps, &settings.edges);
    let weak_window = |kind| match kind {
        EntityKind::Ip => w.address,
        EntityKind::FileHash => w.hash,
        EntityKind::Url => w.url,
        _ => w.mail,
    };
    let row = |kind, window, cap, counts, strength, bridges, attaches| Rule {
        kind,
        window,
        cap,
        counts,
        strength,
        bridges,
        attaches,
        rate: (bridges && attaches).then_some(match value {
            Value::Account(_) | Value::Sid(..) | Value::Name(..) | Value::Person(_) => settings.limits.person_rate,
            _ => settings.limits.value_rate,
        }),
    };
    let (account, device) = (Some(c.account), Some(c.device));
    match value {
        Value::Account(_) => row(SameAccount, Some(w.account), account, Counts::Devices, 1_000_000, true, true),
        Value::Sid(..) | Value::Name(..) => {
            row(SameAccount, Some(w.account), account, Counts::Devices, 950_000, true, true)
        }
        Value::Person(_) => row(SamePerson, Some(w.person), account, Counts::Devices, 1_000_000, true, true),
        Value::Possible(_) => row(SamePerson, Some(w.person), None, Counts::Either, 0, false, false),
        Value::Device(..) | Value::EntraDevice(_) => {
            row(SameDevice, Some(w.device), device, Counts::Persons, 960_000, true, true)
        }
        Value::Session(_) => row(SameSession, Some(w.session), None, Counts::Either, 980_000, e.session, false),
        Value::SourceIncident(_) => row(SourceIncident, None, None, Counts::Either, 970_000, e.source_incident, false),
        Value::Chain(_) => row(RuleChain, None, None, Counts::Either, 990_000, e.rule_chain, false),
        Value::Detection(..) => {
            row(SameDetection, Some(w.detection), None, Counts::Either, 975_000, e.detection, false)
        }
        Value::Trust(..) => row(TrustContext, Some(w.trust), None, Counts::Either, 200_000, false, false),
        Value::Label(_, EntityKind::HostName, _) => {
            row(SameName, Some(w.name), device, Counts::Persons, 250_000, false, true)
        }
        Value::Label(..) => row(SameName, Some(w.name), account, Counts::Devices, 250_000, false, true),
        Value::Weak(EntityKind::Ip, _) => {
            row(SameIp, Some(w.address), Some(c.address), Counts::Either, 400_000, false, e.address)
        }
        Value::Weak(kind, _) => {
            let strength = match kind {
                EntityKind::MailMessage => 700_000,
                EntityKind::Url => 600_000,
                _ => 500_000,
            };
            row(SameArtefact, Some(weak_window(*kind)), Some(c.artefact), Counts::Either, strength, false, e.artefact)
        }
        Value::Movement(_) => {
            let on = e.movement && e.address;
            row(WeakPair, Some(w.address), Some(c.address), Counts::Either, 800_000, on, false)
        }
        Value::Tool(..) => row(WeakPair, Some(w.tool), Some(c.tool), Counts::Devices, 800_000, e.tool, false),
        Value::At(..) => row(WeakPair, Some(w.person), None, Counts::Either, 940_000, e.address, false),
        Value::Pair(_, kind, _) => {
            let window = w.address.min(weak_window(*kind));
            let on = e.weak_pair && e.address && e.artefact;
            row(WeakPair, Some(window), Some(c.artefact), Counts::Either, 800_000, on, false)
        }
    }
}

/// The kind and text of a value as a reader sees it.
pub fn shown(value: &Value) -> (EntityKind, CompactString) {
    match value {
        Value::Account(a) | Value::Person(a) | Value::Possible(a) | Value::Detection(a, _) | Value::At(a, _) => {
            (EntityKind::Account, a.object.to_string().into())
        }
        Value::Sid(_, sid) => (EntityKind::AccountSid, sid.clone()),
        Value::Name(_, name) => (EntityKind::AccountName, name.clone()),
        Value::Device(_, kind, id) | Value::Weak(kind, id) | Value::Label(_, kind, id) => (*kind, id.clone()),
        Value::Chain(id) => (EntityKind::Other, id.clone()),
        Value::Trust(a, b) => (EntityKind::Tenant, format!("{a} {b}").into()),
        Value::EntraDevice(id) => (EntityKind::EntraDevice, id.clone()),
        Value::Session(id) => (EntityKind::Session, id.clone()),
        Value::SourceIncident(key) => (EntityKind::Other, format!("{}/{}", key.provider, key.id).into()),
        Value::Pair(ip, ..) | Value::Movement(ip) => (EntityKind::Ip, ip.clone()),
        Value::Tool(_, program, _) => (EntityKind::Process, program.clone()),
    }
}

/// G1, as far as the generated worlds go: what they hold beside good values.
fn is_stop(entity: &Entity, settings: &Settings) -> bool {
    let value = entity.value.as_str();
    let built_in = ["unknown", "127.0.0.1", "10.0.0.7", "S-1-5-18", "administrator@corp.example", "localhost"];
    let zero = value == Guid::ZERO.to_string();
    let listed = built_in.contains(&value) || settings.stop_values.iter().any(|v| v == value);
    zero || listed || entity.kind == EntityKind::Process
}

/// Binds one finding.
pub fn bind(finding: &Finding, known: &Known, settings: &Settings) -> Bound {
    let mut out = Bound { incidents: known.incidents_of(finding), ..Bound::default() };
    let mut uses: BTreeSet<(Value, Option<AccountKey>)> = BTreeSet::new();
    for thing in &finding.things {
        // What is named for the reader ties nothing.
        let thing: Vec<&Entity> =
            thing.iter().filter(|e| e.role != EntityRole::Context && !is_stop(e, settings)).collect();
        who(&thing, finding, known, &mut uses, &mut out);
        device(&thing, &mut uses, &mut out);
        weak(&thing, settings, &mut uses, &mut out);
        labels(&thing, finding.key.tenant, settings, &mut uses);
    }
    if let Some((kind, risk)) = finding.detection.as_ref().filter(|_| settings.edges.detection) {
        let by = |account| (Value::Detection(account, kind.clone()), risk.then_some(account));
        uses.extend(out.accounts.keys().copied().map(by));
    }
    if settings.edges.rule_chain {
        let chains = known.chains.values().filter(|c| c.steps.iter().any(|s| s.finding == finding.key));
        uses.extend(chains.map(|c| (Value::Chain(c.id.clone()), None)));
    }
    if settings.edges.source_incident {
        let smallest = |key| known.names(key).first().cloned();
        uses.extend(out.incidents.iter().filter_map(smallest).map(|key| (Value::SourceIncident(key), None)));
    }
    let room = settings.limits.finding_values as usize;
    out.cut = uses.len().saturating_sub(room) as u64;
    out.uses = uses.into_iter().take(room).collect();
    // What was cut joins nothing and counts nowhere.
    let kept: BTreeSet<Value> = out.uses.iter().map(|(v, _)| v.clone()).collect();
    let named = out.uses.clone();
    out.counted = out.counted.into_iter().take(16).filter(|v| kept.contains(v)).collect();
    out.persons.retain(|v| kept.contains(v));
    out.devices.retain(|v| kept.contains(v));
    add(seconds(finding, &named, settings), room, &mut out);
    out
}

/// Second evidence (G5), in canonical order: pairs of an address and an artefact, addresses of lateral movement, tools, and
/// persons at addresses, for what common detectors say.
fn seconds(
    finding: &Finding,
    named: &[(Value, Option<AccountKey>)],
    settings: &Settings,
) -> Vec<(Value, Option<AccountKey>)> {
    let edges = &settings.edges;
    let pairs = edges.weak_pair && edges.address && edges.artefact;
    let mut out = BTreeSet::new();
    for (one, account) in named {
        for (other, _) in named {
            match (one, other) {
                (Value::Weak(EntityKind::Ip, ip), Value::Weak(kind, text)) if pairs && *kind != EntityKind::Ip => {
                    out.insert((Value::Pair(ip.clone(), *kind, text.clone()), None));
                }
                (Value::Person(who), Value::Weak(EntityKind::Ip, ip)) => {
                    out.insert((Value::At(*who, ip.clone()), *account));
                }
                _ => {}
            }
        }
        if let Value::Weak(EntityKind::Ip, ip) = one
            && edges.movement
            && edges.address
            && finding.tactics.contains("LateralMovement")
        {
            out.insert((Value::Movement(ip.clone()), None));
        }
    }
    let processes = finding.things.iter().flatten().filter(|e| e.kind == EntityKind::Process);
    for process in processes.filter(|e| edges.tool && e.role != EntityRole::Context) {
        // The generated worlds start programs as products write them: bare, by their paths, quoted.
        let program = ["rubeus.exe", "socat"].into_iter().find(|p| process.value.to_lowercase().contains(p));
        if let Some(program) = program {
            out.insert((Value::Tool(finding.key.tenant, program.into(), title(finding)), None));
        }
    }
    out.into_iter().collect()
}

/// What the product calls this kind of alert.
fn title(finding: &Finding) -> String {
    finding.title.params.iter().map(|p| p.value.to_string()).collect::<Vec<_>>().join(" ")
}

/// What comes on top of a finding's values, as far as there is room.
fn add(more: Vec<(Value, Option<AccountKey>)>, room: usize, out: &mut Bound) {
    let left = room - out.uses.len();
    out.cut += more.len().saturating_sub(left) as u64;
    out.uses.extend(more.into_iter().take(left));
}

/// True for what says who or which machine.
pub fn is_personal(value: &Value) -> bool {
    use Value::{Account, Device, EntraDevice, Label, Name, Person, Sid};
    matches!(value, Account(_) | Sid(..) | Name(..) | Person(_) | Device(..) | EntraDevice(_) | Label(..))
}

/// Whose detector is common: by counting, for each finding, the victims of every seven days in a row that hold its day.
pub fn common(findings: &[Finding], bound: &[Bound], settings: &Settings) -> Vec<bool> {
    let day = |f: &Finding| f.first.nanos().div_euclid(86_400_000_000_000);
    let days = (settings.caps.window / 86_400).max(1);
    let kind = |f: &Finding| (f.key.product.clone(), title(f));
    let victim = |b: &Bound| b.persons.first().or(b.devices.first()).cloned();
    let is_common = |f: &Finding| {
        (0..days.min(400)).map(|back| day(f) - back).any(|start| {
            let inside = findings
                .iter()
                .zip(bound)
                .filter(|(g, _)| kind(g) == kind(f) && day(g) >= start && day(g) - start < days);
            let victims: BTreeSet<Value> = inside.filter_map(|(_, b)| victim(b)).collect();
            victims.len() > settings.caps.detector as usize
        })
    };
    findings.iter().map(|f| f.severity < Severity::High && is_common(f)).collect()
}

/// An object id says who is meant; without one, a name or SID does where one account bears it at that time.
fn who(
    thing: &[&Entity],
    finding: &Finding,
    known: &Known,
    uses: &mut BTreeSet<(Value, Option<AccountKey>)>,
    out: &mut Bound,
) {
    let (mut objects, mut handles) = (BTreeSet::new(), BTreeSet::new());
    for e in thing {
        match e.kind {
            EntityKind::Account => {
                objects.extend(Guid::parse(&e.value).map(|object| AccountKey { tenant: e.tenant, object }));
            }
            EntityKind::AccountSid => match Guid::from_cloud_sid(&e.value) {
                Some(object) => drop(objects.insert(AccountKey { tenant: e.tenant, object })),
                None => drop(handles.insert(Value::Sid(e.tenant, e.value.clone()))),
            },
            EntityKind::AccountName | EntityKind::Mailbox => {
                handles.insert(Value::Name(e.tenant, e.value.clone()));
            }
            _ => {}
        }
    }
    if objects.is_empty() {
        objects.extend(handles.iter().filter_map(|handle| match handle {
            Value::Sid(tenant, sid) => known.people.account(*tenant, Handle::Sid(sid), finding.first),
            Value::Name(tenant, name) => known.people.account(*tenant, Handle::Name(name), finding.first),
            _ => None,
        }));
    }
    let meant = objects.first().copied().filter(|_| objects.len() == 1);
    for account in objects {
        let binding = known.people.bind(account, finding.first);
        uses.insert((Value::Account(account), None));
        uses.insert((Value::Person(binding.person), Some(account)));
        uses.extend(binding.possible.iter().map(|l| (Value::Possible(l.home), Some(account))));
        out.counted.insert(Value::Person(binding.person));
        out.persons.insert(Value::Person(binding.person));
        out.accounts.insert(account, binding);
    }
    for handle in handles {
        if meant.is_none() {
            out.counted.insert(handle.clone());
            out.persons.insert(handle.clone());
        }
        uses.insert((handle, meant));
    }
}

/// A host by several ids is one device; its full name stands for it where devices are counted.
fn device(thing: &[&Entity], uses: &mut BTreeSet<(Value, Option<AccountKey>)>, out: &mut Bound) {
    let ids: BTreeSet<Value> = thing
        .iter()
        .filter_map(|e| match e.kind {
            EntityKind::HostFqdn | EntityKind::Device | EntityKind::AzureResource => {
                Some(Value::Device(e.tenant, e.kind, e.value.clone()))
            }
            EntityKind::EntraDevice => Some(Value::EntraDevice(e.value.clone())),
            _ => None,
        })
        .collect();
    let named = ids.iter().find(|v| matches!(v, Value::Device(_, EntityKind::HostFqdn, _)));
    if let Some(id) = named.or(ids.first()) {
        out.counted.insert(id.clone());
        out.devices.insert(id.clone());
    }
    uses.extend(ids.into_iter().map(|v| (v, None)));
}

/// Sessions, addresses and artefacts; a SHA-1 counts where no SHA-256 of the same file is known.
fn weak(thing: &[&Entity], settings: &Settings, uses: &mut BTreeSet<(Value, Option<AccountKey>)>, out: &mut Bound) {
    let edges = &settings.edges;
    let sha256 = |e: &Entity| e.kind == EntityKind::FileHash && e.value.starts_with("sha256:");
    let better = thing.iter().any(|e| sha256(e));
    for e in thing {
        let weak = Value::Weak(e.kind, e.value.clone());
        let value = match e.kind {
            EntityKind::Session | EntityKind::SignInRequest if edges.session => Value::Session(e.value.clone()),
            EntityKind::Ip if edges.address => weak,
            EntityKind::Url | EntityKind::MailMessage if edges.artefact => weak,
            EntityKind::FileHash if edges.artefact && (sha256(e) || (e.value.starts_with("sha1:") && !better)) => weak,
            _ => continue,
        };
        if matches!(value, Value::Weak(..)) {
            out.counted.insert(value.clone());
        }
        uses.insert((value, None));
    }
}

/// Names that no stable id comes with, and tenants whose trust was changed.
fn labels(thing: &[&Entity], tenant: TenantId, settings: &Settings, uses: &mut BTreeSet<(Value, Option<AccountKey>)>) {
    use EntityKind::{Account, AccountLocal, AccountName, AccountSid, Device, EntraDevice, HostFqdn, HostName, Tenant};
    let has = |kinds: &[EntityKind]| thing.iter().any(|e| kinds.contains(&e.kind));
    for e in thing {
        let stable = match e.kind {
            HostName => has(&[HostFqdn, Device, EntraDevice]),
            AccountLocal => has(&[Account, AccountSid, AccountName]),
            Tenant if settings.edges.trust => {
                if let Some(other) = TenantId::parse(&e.value).filter(|other| *other != tenant) {
                    uses.insert((Value::Trust(tenant.min(other), tenant.max(other)), None));
                }
                continue;
            }
            _ => continue,
        };
        if settings.edges.name && !stable {
            uses.insert((Value::Label(e.tenant, e.kind, e.value.clone()), None));
        }
    }
}
