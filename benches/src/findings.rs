//! Generated findings in order of time, with the mix of an estate's alert queue: most stand alone, some name busy values, a few
//! belong to attacks. Nothing here is a record of anybody.
//!
//! Density in time does not depend on how many are drawn, so that holding more of them means a longer time and not a busier one.

use caponier_model::{
    Entity, EntityKind, EntityRole, EventTime, FindingKey, Guid, Severity, Sighting, SightingKind, SourceRank,
    TenantId, Text,
};
use compact_str::{CompactString, format_compact};

/// Seconds of event time between two findings: a hundred thousand of them fill every window and the longest incident (14 d), so
/// that holding more is all that changes.
pub const STEP_SECONDS: i64 = 15;

const ACCOUNTS: u64 = 40_000;
const DEVICES: u64 = 35_000;
const ADDRESSES: u64 = 55_000;
const START_SECONDS: i64 = 1_772_000_000;
const TITLES: [&str; 6] = [
    "Suspicious sign-in from an unfamiliar location",
    "Malware was prevented",
    "Possible credential theft",
    "Unusual volume of file downloads",
    "Suspicious PowerShell command line",
    "Mail with a malicious link was delivered",
];
/// Titles of each of these: so many that no detector is common, and all that may join does. A queue of six detectors would stand alone.
const VARIANTS: u64 = 1000;
const TACTICS: [&str; 6] =
    ["InitialAccess", "Execution", "CredentialAccess", "Exfiltration", "Persistence", "LateralMovement"];

/// An endless, seeded sequence of findings.
pub struct Findings {
    random: Random,
    number: u64,
    /// Accounts and devices of the attacks under way, with the findings each has left.
    attacks: Vec<(u64, u64, u32)>,
}

impl Findings {
    /// A sequence; equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self { random: Random(seed), number: 0, attacks: Vec::new() }
    }

    /// When the last finding drawn happened.
    pub fn now(&self) -> EventTime {
        EventTime::from_seconds(START_SECONDS + self.number as i64 * STEP_SECONDS)
    }

    /// The next finding.
    pub fn draw(&mut self) -> Sighting {
        self.number += 1;
        let mut names = Names::default();
        match self.random.below(1000) {
            // One finding in twelve belongs to an attack of about a dozen.
            0..80 => self.attack(&mut names),
            // Scanners, jump hosts, service accounts, proxies.
            80..120 => self.busy(&mut names),
            _ => self.noise(&mut names),
        }
        self.sighting(names)
    }

    fn noise(&mut self, names: &mut Names) {
        // People work on their own devices, mostly.
        let account = self.random.skewed(ACCOUNTS);
        let device = if self.random.below(20) == 0 { self.random.skewed(DEVICES) } else { account % DEVICES };
        match self.random.below(4) {
            0 => names.account(account),
            1 => names.device(device),
            _ => {
                names.account(account);
                names.device(device);
            }
        }
        if self.random.below(2) == 0 {
            // At home or somewhere else.
            let home = mixed(account) % ADDRESSES;
            let address = if self.random.below(4) > 0 { home } else { self.random.skewed(ADDRESSES) };
            names.address(address);
        }
        if self.random.below(3) == 0 {
            // Half of the files are seen once, ever.
            let file = if self.random.below(2) == 0 { self.number << 20 } else { self.random.skewed(7_000) };
            names.file(file);
        }
        if self.random.below(6) == 0 {
            let page = if self.random.below(2) == 0 { self.number << 20 } else { self.random.skewed(3_000) };
            names.page(page);
        }
    }

    fn busy(&mut self, names: &mut Names) {
        let busy = self.random.below(40);
        match self.random.below(3) {
            0 => {
                names.device(DEVICES + busy);
                names.account(self.random.skewed(ACCOUNTS));
            }
            1 => {
                names.account(ACCOUNTS + busy);
                names.device(self.random.skewed(DEVICES));
            }
            _ => {
                names.account(self.random.skewed(ACCOUNTS));
                names.address(ADDRESSES + busy);
            }
        }
    }

    fn attack(&mut self, names: &mut Names) {
        if self.attacks.len() < 8 || self.random.below(12) == 0 {
            let left = 4 + self.random.below(16) as u32;
            self.attacks.push((mixed(self.number) % ACCOUNTS, mixed(self.number + 1) % DEVICES, left));
        }
        let at = self.random.below(self.attacks.len() as u64) as usize;
        let (account, device, left) = &mut self.attacks[at];
        let (who, place) = (*account, *device);
        *left -= 1;
        if *left == 0 {
            self.attacks.swap_remove(at);
        }
        match self.random.below(3) {
            0 => names.account(who),
            1 => names.device(place),
            _ => {
                names.account(who);
                names.device(place);
            }
        }
        if self.random.below(3) == 0 {
            names.address(mixed(who) % ADDRESSES);
        }
        if self.random.below(3) == 0 {
            names.file(mixed(place) << 8);
        }
    }

    fn sighting(&mut self, names: Names) -> Sighting {
        let kind = self.random.below(6) as usize;
        let tenant = tenant(1 + self.random.below(3));
        let id: CompactString = guid(self.number, 7).to_string().into();
        let entities = names.0.into_iter().map(|(kind, value, group)| Entity {
            kind,
            value,
            tenant,
            group,
            role: EntityRole::Related,
        });
        Sighting {
            key: FindingKey { tenant, product: "mde".into(), id: id.clone() },
            kind: SightingKind::Alert,
            format: "sentinel.security_alert",
            id,
            url: None,
            rank: SourceRank::SENTINEL,
            version: self.now(),
            content: u128::from(mixed(self.number)),
            title: Text::quoted(&format_compact!("{} ({})", TITLES[kind], mixed(self.number) % VARIANTS), tenant),
            severity: [Severity::Low, Severity::Medium, Severity::High][kind % 3],
            closed: false,
            verdict: None,
            first: self.now(),
            last: self.now().plus_seconds(self.random.below(30) as i64),
            ingested: None,
            entities: entities.collect(),
            tactics: vec![TACTICS[kind].into()],
            techniques: vec!["T1078.004".into()],
            source_incident: None,
            detector: None,
        }
        .canonical()
    }
}

/// True for entities that findings are correlated by; each of them is one upsert of the yardstick.
pub fn correlates(kind: EntityKind) -> bool {
    !matches!(kind, EntityKind::Process | EntityKind::Other)
}

#[derive(Default)]
struct Names(Vec<(EntityKind, CompactString, u16)>);

impl Names {
    /// An account as products name it: object id and name in one group.
    fn account(&mut self, account: u64) {
        self.0.push((EntityKind::Account, guid(account, 1).to_string().into(), 0));
        self.0.push((EntityKind::AccountName, format_compact!("person{account}@corp.example"), 0));
    }

    fn device(&mut self, device: u64) {
        self.0.push((EntityKind::HostFqdn, format_compact!("pc{device}.corp.example"), 1));
        self.0.push((EntityKind::Device, format_compact!("{:040x}", u128::from(mixed(device)) << 9), 1));
    }

    fn address(&mut self, address: u64) {
        let [_, a, b, c] = ((address % 16_000_000) as u32).to_be_bytes();
        self.0.push((EntityKind::Ip, format_compact!("81.{a}.{b}.{c}"), 2));
    }

    fn file(&mut self, file: u64) {
        let half = u128::from(mixed(file)) << 64 | u128::from(mixed(!file));
        self.0.push((EntityKind::FileHash, format_compact!("sha256:{half:032x}{:032x}", !half), 3));
    }

    fn page(&mut self, page: u64) {
        self.0.push((EntityKind::Url, format_compact!("https://host{}.example/{page:x}", page % 977), 4));
    }
}

fn tenant(number: u64) -> TenantId {
    TenantId(guid(number, 3))
}

fn guid(number: u64, salt: u64) -> Guid {
    Guid::from_u128(u128::from(mixed(number)) << 64 | u128::from(mixed(number ^ salt << 40)))
}

/// A number that looks like none of its neighbours'.
pub const fn mixed(value: u64) -> u64 {
    let value = (value ^ value >> 30 ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// Numbers that every machine agrees on (SplitMix64), from a seed.
pub struct Random(pub u64);

impl Random {
    /// The next one.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Zipf-like, mildly: ranks fall with the square of a uniform draw, so that the busiest hundredth is drawn ten times as often.
    fn skewed(&mut self, population: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        mixed((unit * unit * population as f64) as u64) % population
    }
}
