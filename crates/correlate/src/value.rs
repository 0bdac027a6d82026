//! Values that findings share, the kind of edge each makes, and those that join nothing (G1).

use crate::{Settings, Windows};
use caponier_model::{AccountKey, EdgeKind, EntityKind, SourceIncidentKey, TenantId};
use compact_str::CompactString;
use std::net::{IpAddr, Ipv4Addr};

/// A value in its namespace. Two findings that hold equal values may be joined, by the rules of [`Value::rule`]. What is large and
/// rare lies apart, so that the others are small.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Value {
    /// E1: a directory object.
    Account(AccountKey),
    /// E1: a domain SID in a tenant.
    Sid(TenantId, CompactString),
    /// E1: a UPN or address in a tenant.
    Name(TenantId, CompactString),
    /// E2: a person, by home account.
    Person(AccountKey),
    /// A person that a link which is not accepted points to; joins nothing, is shown.
    Possible(AccountKey),
    /// E3: a device by an id that means something in one tenant.
    Device(TenantId, EntityKind, CompactString),
    /// E3: a device by its Entra device id, which is the same in every tenant.
    EntraDevice(CompactString),
    /// E4: a session, a token or a sign-in.
    Session(CompactString),
    /// E5: a source incident, by the smallest of its names.
    SourceIncident(Box<SourceIncidentKey>),
    /// E6: an instance of a scenario rule.
    Chain(CompactString),
    /// E11: a kind of detection on an account.
    Detection(Box<(AccountKey, CompactString)>),
    /// E7 or E8: an address, hash, URL or mail.
    Weak(EntityKind, CompactString),
    /// G5: an address and an artefact in one finding.
    Pair(Box<(CompactString, EntityKind, CompactString)>),
    /// E9: two tenants, the smaller first, whose trust a finding says was changed.
    Trust(TenantId, TenantId),
    /// E10: a host or account name in a tenant that no stable id comes with.
    Label(TenantId, EntityKind, CompactString),
    /// G5: an address in an alert of lateral movement, which names the other end of a connection.
    Movement(CompactString),
    /// G5: a tool in an alert of one kind, both by name, in one tenant.
    Tool(Box<(TenantId, CompactString, CompactString)>),
    /// A person at an address: what ties the finding of a common detector to another.
    At(Box<(AccountKey, CompactString)>),
}

/// How a value joins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rule {
    /// The kind of edge.
    pub kind: EdgeKind,
    /// The widest gap in seconds; `None` without limit.
    pub window: Option<i64>,
    /// Distinct counterparts above which the value is prolific; `None` without limit.
    pub cap: Option<u32>,
    /// What is counted against the cap.
    pub counts: Counterpart,
    /// Confidence in millionths; for a person the links decide.
    pub strength: u32,
    /// Whether one such value alone may bridge.
    pub bridges: bool,
    /// Whether it may attach a loose finding to a core.
    pub attaches: bool,
    /// G12: findings of one hour that it joins by bridges, where it has such a budget.
    pub rate: Option<u32>,
}

/// What G2 counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counterpart {
    /// Persons, and devices for findings that name no person.
    Either,
    /// Persons.
    Persons,
    /// Devices.
    Devices,
}

fn bridge(kind: EdgeKind, window: i64, cap: Option<u32>, counts: Counterpart, strength: u32) -> Rule {
    Rule { kind, window: Some(window), cap, counts, strength, bridges: true, attaches: cap.is_some(), rate: None }
}

impl Value {
    /// A byte of its text, where that lies elsewhere.
    pub(crate) fn glance(&self) -> u32 {
        match self {
            Self::Sid(_, text) | Self::Name(_, text) | Self::Device(_, _, text) | Self::Weak(_, text) => {
                text.as_bytes().first().map_or(0, |byte| u32::from(*byte))
            }
            _ => 0,
        }
    }

    /// The rule of this value's kind under the settings.
    pub(crate) fn rule(&self, settings: &Settings) -> Rule {
        let rule = self.joining(settings);
        let limits = &settings.limits;
        let rate = if self.is_who() { limits.person_rate } else { limits.value_rate };
        // What could not attach is left to other limits: a source incident's alerts, a session's accounts.
        Rule { rate: (rule.bridges && rule.attaches).then_some(rate), ..rule }
    }

    /// True for what says who: the budget of a person is its own.
    pub(crate) const fn is_who(&self) -> bool {
        matches!(self, Self::Account(_) | Self::Sid(..) | Self::Name(..) | Self::Person(_))
    }

    fn joining(&self, settings: &Settings) -> Rule {
        let Settings { windows, caps, edges, .. } = settings;
        let (account, device) = (Some(caps.account), Some(caps.device));
        match self {
            Self::Account(_) => {
                bridge(EdgeKind::SameAccount, windows.account, account, Counterpart::Devices, 1_000_000)
            }
            Self::Sid(..) | Self::Name(..) => {
                bridge(EdgeKind::SameAccount, windows.account, account, Counterpart::Devices, 950_000)
            }
            Self::Person(_) => bridge(EdgeKind::SamePerson, windows.person, account, Counterpart::Devices, 1_000_000),
            Self::Device(..) | Self::EntraDevice(_) => {
                bridge(EdgeKind::SameDevice, windows.device, device, Counterpart::Persons, 960_000)
            }
            Self::Session(_) => Rule {
                bridges: edges.session,
                ..bridge(EdgeKind::SameSession, windows.session, None, Counterpart::Either, 980_000)
            },
            Self::SourceIncident(_) => Rule {
                window: None,
                bridges: edges.source_incident,
                ..bridge(EdgeKind::SourceIncident, 0, None, Counterpart::Either, 970_000)
            },
            Self::Chain(_) => Rule {
                window: None,
                bridges: edges.rule_chain,
                ..bridge(EdgeKind::RuleChain, 0, None, Counterpart::Either, 990_000)
            },
            Self::Detection(..) => Rule {
                bridges: edges.detection,
                ..bridge(EdgeKind::SameDetection, windows.detection, None, Counterpart::Either, 975_000)
            },
            // Nobody shares it: the cores of the pair are looked for where it is asked for.
            Self::Trust(..) => Rule {
                bridges: false,
                ..bridge(EdgeKind::TrustContext, windows.trust, None, Counterpart::Either, 200_000)
            },
            Self::Label(_, kind, _) => {
                let host = *kind == EntityKind::HostName;
                let (cap, counts) = if host { (device, Counterpart::Persons) } else { (account, Counterpart::Devices) };
                Rule { bridges: false, ..bridge(EdgeKind::SameName, windows.name, cap, counts, 250_000) }
            }
            Self::Possible(_) => {
                Rule { bridges: false, ..bridge(EdgeKind::SamePerson, windows.person, None, Counterpart::Either, 0) }
            }
            Self::Weak(kind, _) => weak_rule(*kind, settings),
            Self::Movement(_) | Self::Tool(..) | Self::Pair(..) | Self::At(..) => self.second(settings),
        }
    }

    /// The rule of second evidence (G5); of any other value, the rule of an address that joins nothing.
    fn second(&self, settings: &Settings) -> Rule {
        let Settings { windows, caps, edges, .. } = settings;
        match self {
            Self::Tool(..) => Rule {
                attaches: false,
                bridges: edges.tool,
                ..bridge(EdgeKind::WeakPair, windows.tool, Some(caps.tool), Counterpart::Devices, 800_000)
            },
            Self::At(..) => Rule {
                attaches: false,
                bridges: edges.address,
                ..bridge(EdgeKind::WeakPair, windows.person, None, Counterpart::Either, 940_000)
            },
            Self::Pair(pair) => Rule {
                kind: EdgeKind::WeakPair,
                window: Some(windows.address.min(weak_window(pair.1, windows))),
                strength: 800_000,
                bridges: edges.weak_pair && edges.address && edges.artefact,
                attaches: false,
                ..weak_rule(pair.1, settings)
            },
            _ => Rule {
                kind: EdgeKind::WeakPair,
                strength: 800_000,
                bridges: matches!(self, Self::Movement(_)) && edges.movement && edges.address,
                attaches: false,
                ..weak_rule(EntityKind::Ip, settings)
            },
        }
    }

    /// True for a pair: it rests on two other values.
    pub(crate) const fn is_pair(&self) -> bool {
        matches!(self, Self::Movement(_) | Self::At(_) | Self::Pair(_))
    }

    /// The weak values of a pair, which must not be prolific either.
    pub(crate) fn halves(&self) -> Option<[Self; 2]> {
        match self {
            // It rests on one: an address that is prolific moves nobody.
            Self::Movement(ip) => Some([ip, ip].map(|ip| Self::Weak(EntityKind::Ip, ip.clone()))),
            Self::At(at) => Some([Self::Person(at.0), Self::Weak(EntityKind::Ip, at.1.clone())]),
            Self::Pair(pair) => {
                let (ip, kind, value) = &**pair;
                Some([Self::Weak(EntityKind::Ip, ip.clone()), Self::Weak(*kind, value.clone())])
            }
            _ => None,
        }
    }

    /// The confidence of an edge of this value over a gap in seconds. A tool on two machines within a minute is hardly chance:
    /// sixty times less likely than within the hour.
    pub(crate) const fn strength(&self, rule: &Rule, gap: i64) -> u32 {
        match self {
            Self::Tool(..) if gap <= 60 => 900_000,
            _ => rule.strength,
        }
    }

    /// True for what says who or which machine: by that alone a common detector's finding joins nothing.
    pub(crate) const fn is_personal(&self) -> bool {
        use Value::{Account, Device, EntraDevice, Label, Name, Person, Sid};
        matches!(self, Account(_) | Sid(..) | Name(..) | Person(_) | Device(..) | EntraDevice(_) | Label(..))
    }

    /// Of a value that is one thing a reader knows, the tenant in which it means something: `Some(None)` where that is every tenant.
    #[expect(clippy::option_option, reason = "whether it is one thing, and whether it has an owner, are two questions")]
    pub(crate) const fn owner(&self) -> Option<Option<TenantId>> {
        match self {
            Self::Account(key) | Self::Person(key) => Some(Some(key.tenant)),
            Self::Sid(tenant, _) | Self::Name(tenant, _) | Self::Device(tenant, ..) => Some(Some(*tenant)),
            Self::EntraDevice(_) | Self::Session(_) | Self::Weak(..) | Self::Movement(_) => Some(None),
            _ => None,
        }
    }

    /// The kind and text that an explanation shows.
    pub(crate) fn shown(&self) -> (EntityKind, CompactString) {
        use compact_str::format_compact;
        match self {
            Self::Account(key) | Self::Person(key) | Self::Possible(key) => {
                (EntityKind::Account, format_compact!("{}", key.object))
            }
            Self::At(named) | Self::Detection(named) => (EntityKind::Account, format_compact!("{}", named.0.object)),
            Self::Sid(_, sid) => (EntityKind::AccountSid, sid.clone()),
            Self::Name(_, name) => (EntityKind::AccountName, name.clone()),
            Self::Device(_, kind, id) => (*kind, id.clone()),
            Self::EntraDevice(id) => (EntityKind::EntraDevice, id.clone()),
            Self::Session(id) => (EntityKind::Session, id.clone()),
            Self::SourceIncident(key) => (EntityKind::Other, format_compact!("{}/{}", key.provider, key.id)),
            Self::Weak(kind, text) => (*kind, text.clone()),
            Self::Chain(id) => (EntityKind::Other, id.clone()),
            Self::Trust(a, b) => (EntityKind::Tenant, format_compact!("{a} {b}")),
            Self::Label(_, kind, text) => (*kind, text.clone()),
            Self::Pair(pair) => (EntityKind::Ip, pair.0.clone()),
            Self::Movement(ip) => (EntityKind::Ip, ip.clone()),
            Self::Tool(tool) => (EntityKind::Process, tool.1.clone()),
        }
    }
}

fn weak_window(kind: EntityKind, windows: &Windows) -> i64 {
    match kind {
        EntityKind::Ip => windows.address,
        EntityKind::FileHash => windows.hash,
        EntityKind::Url => windows.url,
        _ => windows.mail,
    }
}

fn weak_rule(kind: EntityKind, settings: &Settings) -> Rule {
    let address = kind == EntityKind::Ip;
    Rule {
        kind: if address { EdgeKind::SameIp } else { EdgeKind::SameArtefact },
        window: Some(weak_window(kind, &settings.windows)),
        cap: Some(if address { settings.caps.address } else { settings.caps.artefact }),
        counts: Counterpart::Either,
        strength: match kind {
            EntityKind::MailMessage => 700_000,
            EntityKind::Url => 600_000,
            EntityKind::FileHash => 500_000,
            _ => 400_000,
        },
        bridges: !settings.guards.g5,
        attaches: if address { settings.edges.address } else { settings.edges.artefact },
        rate: None,
    }
}

/// Values that mean nothing whatever their kind.
const EMPTY: [&str; 8] = ["", "-", "unknown", "null", "none", "n/a", "undefined", "compromisedentity"];

/// Hash values of the empty file, which every product reports sooner or later.
const EMPTY_FILES: [&str; 2] = [
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
];

/// Names that many accounts bear (exports.md 3.6); compared with the part before the `@`.
const GENERIC_NAMES: [&str; 12] = [
    "admin",
    "administrator",
    "anonymous",
    "authenticated user",
    "local system",
    "localsystem",
    "network",
    "network service",
    "null",
    "root",
    "system",
    "unknown",
];

/// G1: true where a value of this kind joins nothing.
pub(crate) fn is_stop_value(kind: EntityKind, value: &str, settings: &Settings) -> bool {
    if !settings.guards.g1 {
        return false;
    }
    if EMPTY.iter().any(|word| value.eq_ignore_ascii_case(word)) || settings.stop_values.iter().any(|v| v == value) {
        return true;
    }
    match kind {
        EntityKind::Ip => value.parse().map_or(true, is_local),
        EntityKind::AccountName | EntityKind::Mailbox => match value.split_once('@') {
            Some((local, domain)) => domain.is_empty() || GENERIC_NAMES.contains(&local),
            None => true,
        },
        EntityKind::AccountSid => !is_domain_sid(value),
        EntityKind::Account | EntityKind::EntraDevice => is_zero_guid(value),
        EntityKind::AzureResource => !value.contains("/microsoft.compute/virtualmachines/"),
        EntityKind::HostFqdn => !value.contains('.') || value.starts_with("localhost."),
        EntityKind::FileHash => EMPTY_FILES.contains(&value),
        EntityKind::Session | EntityKind::SignInRequest | EntityKind::Tenant => is_zero_guid(value),
        EntityKind::HostName => matches!(value, "localhost" | "host" | "workgroup"),
        EntityKind::AccountLocal => GENERIC_NAMES.contains(&value.rsplit('\\').next().unwrap_or_default()),
        EntityKind::Device | EntityKind::Url | EntityKind::MailMessage => false,
        _ => true,
    }
}

/// True for kinds of entities whose values may join findings.
pub(crate) const fn joins(kind: EntityKind) -> bool {
    use EntityKind as K;
    matches!(
        kind,
        K::Ip
            | K::AccountName
            | K::Mailbox
            | K::AccountSid
            | K::Account
            | K::EntraDevice
            | K::HostFqdn
            | K::FileHash
            | K::Session
            | K::SignInRequest
            | K::Tenant
            | K::HostName
            | K::AccountLocal
            | K::Device
            | K::Url
            | K::MailMessage
    )
}

fn is_zero_guid(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, b'0' | b'-' | b'{' | b'}'))
}

/// A SID of a domain or machine account has an authority of its own; the well-known ones (`S-1-5-18`, `S-1-5-32-544`) have not.
fn is_domain_sid(sid: &str) -> bool {
    sid.starts_with("S-") && sid.split('-').count() >= 8
}

/// An address that names nothing on the internet: E7 is about public addresses.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_local_v4(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_values_join_nothing() {
        let settings = Settings { stop_values: vec!["203.0.113.9".into()], ..Settings::defaults() };
        let cases = [
            (EntityKind::Ip, "127.0.0.1", true),
            (EntityKind::Ip, "::1", true),
            (EntityKind::Ip, "10.1.2.3", true),
            (EntityKind::Ip, "100.64.0.1", true),
            (EntityKind::Ip, "::ffff:192.168.0.1", true),
            (EntityKind::Ip, "fe80::1", true),
            (EntityKind::Ip, "not an address", true),
            (EntityKind::Ip, "203.0.113.9", true),
            (EntityKind::Ip, "203.0.113.8", false),
            (EntityKind::AccountSid, "S-1-5-18", true),
            (EntityKind::AccountSid, "S-1-5-32-544", true),
            (EntityKind::AccountSid, "S-1-5-21-1-2-3-1104", false),
            (EntityKind::Account, "00000000-0000-0000-0000-000000000000", true),
            (EntityKind::AccountName, "administrator@corp.example", true),
            (EntityKind::AccountName, "mara", true),
            (EntityKind::AccountName, "mara@corp.example", false),
            (EntityKind::HostFqdn, "pc1", true),
            (EntityKind::HostFqdn, "pc1.corp.example", false),
            (EntityKind::AzureResource, "/subscriptions/s/providers/microsoft.compute/virtualmachines/vm1", false),
            (EntityKind::AzureResource, "/subscriptions/s/providers/microsoft.storage/storageaccounts/a", true),
            (EntityKind::Process, "cmd.exe", true),
            (EntityKind::Device, "unknown", true),
        ];
        for (kind, value, want) in cases {
            assert_eq!(is_stop_value(kind, value, &settings), want, "{kind:?} {value}");
        }
    }
}
