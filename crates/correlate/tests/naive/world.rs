//! Generated worlds, small enough for everything to collide: few accounts, devices, addresses, hashes, tenants and hours.

use crate::dice::Dice;
use caponier_correlate::Settings;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Act, Chain, ChainStep, Decision, Entity, EntityKind, EntityRole, Entry,
    EventTime, EvidenceKind, FindingKey, Guid, IdentityChange, Link, LinkState, MergePolicy, Pair, Policy, Severity,
    Sighting, SightingKind, SourceIncident, SourceIncidentKey, SourceRank, TenantId, Text,
};

pub const HOUR: i64 = 3600;

/// One case: what is configured and what is told, in order.
#[derive(Clone, Debug)]
pub struct Case {
    pub settings: Settings,
    pub policy: Policy,
    pub entries: Vec<Entry>,
}

pub fn tenant(n: u64) -> TenantId {
    TenantId(Guid::from_u128(n.into()))
}

pub fn account(t: u64, object: u64) -> AccountKey {
    AccountKey { tenant: tenant(t), object: Guid::from_u128(object.into()) }
}

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let mut dice = Dice(seed);
    let settings = settings(&mut dice);
    let policy = policy(&mut dice);
    let entries = entries(&mut dice);
    Case { settings, policy, entries }
}

/// Guards so tight that small worlds run into all of them; some cases keep the defaults.
pub fn settings(dice: &mut Dice) -> Settings {
    let mut s = Settings { retention_days: None, ..Settings::defaults() };
    if dice.once_in(8) {
        return s;
    }
    s.caps.address = 1 + dice.roll(3) as u32;
    s.caps.artefact = 1 + dice.roll(4) as u32;
    s.caps.device = 1 + dice.roll(4) as u32;
    s.caps.account = 1 + dice.roll(3) as u32;
    s.caps.window = (24 + dice.roll(200) as i64) * HOUR;
    if dice.once_in(2) {
        s.caps.detector = 1 + dice.roll(4) as u32;
    }
    s.limits.findings = 2 + dice.roll(20) as u32;
    s.limits.values = 4 + dice.roll(30) as u32;
    s.limits.span = (20 + dice.roll(300) as i64) * HOUR;
    s.limits.cut_findings = 1 + dice.roll(4) as u32;
    s.limits.cut_confidence = 900_000 + dice.roll(10) as u32 * 10_000;
    s.limits.source_alerts = 2 + dice.roll(4) as u32;
    if dice.once_in(4) {
        s.limits.finding_values = 1 + dice.roll(8) as u32;
    }
    if dice.once_in(4) {
        s.limits.finding_sightings = 1 + dice.roll(3) as u32;
    }
    if dice.once_in(3) {
        for rate in [&mut s.limits.value_rate, &mut s.limits.person_rate, &mut s.limits.incident_rate] {
            *rate = 1 + dice.roll(4) as u32;
        }
    }
    s.caps.tool = 1 + dice.roll(3) as u32;
    s.windows.tool = dice.roll(3) as i64 * HOUR;
    for window in [&mut s.windows.account, &mut s.windows.person, &mut s.windows.device, &mut s.windows.session] {
        *window = (1 + dice.roll(60) as i64) * HOUR;
    }
    s.windows.trust = (1 + dice.roll(200) as i64) * HOUR;
    for window in [&mut s.windows.name, &mut s.windows.detection] {
        *window = (1 + dice.roll(60) as i64) * HOUR;
    }
    for window in [&mut s.windows.address, &mut s.windows.hash, &mut s.windows.url, &mut s.windows.mail] {
        *window = (1 + dice.roll(40) as i64) * HOUR;
    }
    for edge in [
        &mut s.edges.source_incident,
        &mut s.edges.session,
        &mut s.edges.address,
        &mut s.edges.artefact,
        &mut s.edges.weak_pair,
        &mut s.edges.rule_chain,
        &mut s.edges.trust,
        &mut s.edges.name,
        &mut s.edges.detection,
        &mut s.edges.movement,
        &mut s.edges.tool,
    ] {
        *edge = !dice.once_in(6);
    }
    s.guards.g9 = !dice.once_in(6);
    if dice.once_in(4) {
        s.shared_values.push(format!("d{}.corp.example", dice.roll(4)).into());
        s.shared_values.push(Guid::from_u128(u128::from(100 + dice.roll(5))).to_string().into());
        s.shared_values.push(format!("203.0.113.{}", dice.roll(4)).into());
    }
    if dice.once_in(4) {
        s.stop_values.push(format!("https://u{}.example/", dice.roll(4)).into());
    }
    s
}

pub fn policy(dice: &mut Dice) -> Policy {
    use MergePolicy::{Forbid, Merge, Suggest};
    let mut pairs = Vec::new();
    for (home, resource) in [(1, 2), (1, 3), (2, 3), (2, 1)] {
        let pair = Pair { home: tenant(home), resource: tenant(resource) };
        if !dice.once_in(3) {
            pairs.push((pair, [Forbid, Suggest, Merge, Merge, Merge][dice.roll(5) as usize]));
        }
    }
    Policy { pairs, unlisted: [Suggest, Merge][dice.roll(2) as usize] }
}

/// Everything that is told, shuffled.
pub fn entries(dice: &mut Dice) -> Vec<Entry> {
    let findings = 3 + dice.roll(30);
    let mut out: Vec<Entry> = Vec::new();
    // Some worlds happen within a few hours.
    let hours = if dice.once_in(4) { 5 } else { 200 };
    for n in 0..findings {
        sightings(dice, (n, hours), &mut out);
    }
    for _ in 0..dice.roll(10) {
        out.push(Entry::Identity(identity(dice)));
    }
    for _ in 0..dice.roll(5) {
        out.push(Entry::Incident(Box::new(source(dice, findings))));
    }
    if dice.once_in(2) {
        decisions(dice, findings, &mut out);
    }
    for _ in 0..dice.roll(6).saturating_sub(3) {
        out.push(Entry::Chain(Box::new(chain(dice, findings))));
    }
    for _ in 0..dice.roll(9).saturating_sub(5) {
        let n = dice.roll(findings);
        let key = FindingKey { tenant: tenant(tenant_of(n)), product: "mde".into(), id: format!("f{n}").into() };
        out.push(Entry::Withdrawn(Box::new(key)));
    }
    for _ in 0..dice.roll(3) {
        out.push(Entry::Watermark(EventTime::from_seconds(dice.roll(300) as i64 * HOUR)));
    }
    dice.shuffle(&mut out);
    out
}

/// Whose a finding is: decisions must be able to name it.
fn tenant_of(finding: u64) -> u64 {
    1 + finding * 7 / 3 % 3
}

/// A few decisions about a few findings, some of which contradict each other, some taken back, some told twice.
fn decisions(dice: &mut Dice, findings: u64, out: &mut Vec<Entry>) {
    let mut said: Vec<Decision> = Vec::new();
    for _ in 0..1 + dice.roll(8) {
        let key = |dice: &mut Dice| {
            let n = dice.roll(findings + 1);
            FindingKey { tenant: tenant(tenant_of(n)), product: "mde".into(), id: format!("f{n}").into() }
        };
        let keys = |dice: &mut Dice, most: u64| (0..1 + dice.roll(most)).map(|_| key(dice)).collect::<Vec<_>>();
        let verdict = [None, Some(true), Some(false)][dice.roll(3) as usize];
        let act = match dice.roll(10) {
            0 | 1 => Act::Merge { findings: keys(dice, 4) },
            2 | 3 => Act::Split { these: keys(dice, 3), those: keys(dice, 3) },
            4 => Act::Pin { finding: key(dice), to: key(dice) },
            5 => Act::Close { findings: keys(dice, 4), verdict },
            6 => Act::Assign {
                findings: keys(dice, 4),
                owner: (!dice.once_in(4)).then(|| format!("analyst{}", dice.roll(2)).into()),
            },
            7 => Act::Verdict { findings: keys(dice, 4), verdict },
            _ if said.is_empty() => Act::Merge { findings: keys(dice, 3) },
            8 => Act::Withdraw { decision: said[dice.roll(said.len() as u64) as usize].id() },
            _ => said[dice.roll(said.len() as u64) as usize].act.clone(),
        };
        let at = EventTime::from_seconds(dice.roll(6) as i64 * 30 * HOUR);
        said.push(Decision { at, author: "ada".into(), reason: "".into(), act });
    }
    out.extend(said.into_iter().map(|d| Entry::Decision(Box::new(d))));
}

/// An instance of a rule, or the news that it is none.
fn chain(dice: &mut Dice, findings: u64) -> Chain {
    let step = |dice: &mut Dice| {
        let n = dice.roll(findings);
        let finding = FindingKey { tenant: tenant(tenant_of(n)), product: "mde".into(), id: format!("f{n}").into() };
        ChainStep { finding, step: format!("step{}", dice.roll(3)).into() }
    };
    let steps = (0..dice.roll(5)).map(|_| step(dice)).collect();
    Chain { rule: format!("r{}", dice.roll(2)).into(), id: format!("c{}", dice.roll(3)).into(), steps }
}

/// One finding by one or several roads, with copies and rows of evidence.
fn sightings(dice: &mut Dice, (n, hours): (u64, u64), out: &mut Vec<Entry>) {
    let t = tenant_of(n);
    let at = EventTime::from_seconds(dice.roll(hours) as i64 * HOUR + dice.roll(3) as i64 * 50);
    let made = sighting(dice, t, &format!("f{n}"), at);
    if dice.once_in(8) {
        let later = at.plus_seconds(dice.roll(9) as i64 * HOUR);
        let mut other = sighting(dice, t, &format!("f{n}"), later);
        (other.format, other.rank) = ("graph", SourceRank::GRAPH);
        other.id = format!("g{n}").into();
        out.push(Entry::Sighting(Box::new(other)));
    }
    if dice.once_in(8) {
        let mut newer = sighting(dice, t, &format!("f{n}"), at);
        newer.version = made.version.plus_seconds(dice.roll(2) as i64 * 60);
        out.push(Entry::Sighting(Box::new(newer)));
    }
    for _ in 0..dice.roll(12).saturating_sub(9) {
        let later = at.plus_seconds(dice.roll(20) as i64 * HOUR);
        let mut row = sighting(dice, t, &format!("f{n}"), later);
        (row.kind, row.format, row.rank) = (SightingKind::Evidence, "evidence", SourceRank::EVIDENCE);
        out.push(Entry::Sighting(Box::new(row)));
    }
    if dice.once_in(12) {
        out.push(Entry::Sighting(Box::new(made.clone())));
    }
    if !dice.once_in(15) {
        out.push(Entry::Sighting(Box::new(made)));
    }
}

fn sighting(dice: &mut Dice, t: u64, id: &str, first: EventTime) -> Sighting {
    let owner = tenant(t);
    let severities = [Severity::Unknown, Severity::Low, Severity::Medium, Severity::High];
    let lasts = if dice.once_in(6) { dice.roll(60) as i64 * HOUR } else { dice.roll(2) as i64 * 60 };
    Sighting {
        key: FindingKey { tenant: owner, product: "mde".into(), id: id.into() },
        kind: if dice.once_in(6) { SightingKind::Risk } else { SightingKind::Alert },
        format: "alert",
        id: id.into(),
        url: dice.once_in(4).then(|| "https://portal.example/".into()),
        rank: SourceRank::SENTINEL,
        version: first,
        content: dice.next().into(),
        title: Text::quoted(&if dice.once_in(2) { id.to_owned() } else { format!("alert {}", dice.roll(3)) }, owner),
        severity: severities[dice.roll(4) as usize],
        closed: false,
        verdict: [None, None, Some(true), Some(false)][dice.roll(4) as usize],
        first,
        last: first.plus_seconds(lasts),
        ingested: None,
        entities: entities(dice, t),
        tactics: (0..dice.roll(3))
            .map(|_| ["Execution", "Impact", "LateralMovement"][dice.roll(3) as usize].into())
            .collect(),
        techniques: (0..dice.roll(2)).map(|_| format!("T{}", dice.roll(4)).into()).collect(),
        source_incident: dice.once_in(12).then(|| source_key(dice, t)),
        detector: dice
            .once_in(3)
            .then(|| ["unlikelyTravel", "ImpossibleTravel", "leakedCredentials"][dice.roll(3) as usize].into()),
    }
    .canonical()
}

fn entities(dice: &mut Dice, t: u64) -> Vec<Entity> {
    let mut out: Vec<Entity> = Vec::new();
    let mut group = 0;
    let roles = [EntityRole::Related, EntityRole::Impacted, EntityRole::Attacker, EntityRole::Context];
    let mut thing = |dice: &mut Dice, of: u64, parts: &[(EntityKind, String, u64)]| {
        group += 1;
        for (kind, value, odds) in parts {
            if dice.once_in(*odds) {
                let role = if dice.once_in(12) { roles[3] } else { roles[dice.roll(3) as usize] };
                out.push(Entity { kind: *kind, value: value.as_str().into(), tenant: tenant(of), group, role });
            }
        }
    };
    for _ in 0..1 + dice.roll(2) {
        let n = dice.roll(5);
        let object = Guid::from_u128(u128::from(if dice.once_in(25) { 0 } else { 100 + n })).to_string();
        let name = if dice.once_in(20) { "administrator".into() } else { format!("p{}", dice.roll(5)) };
        let sid = if dice.once_in(20) { "S-1-5-18".into() } else { format!("S-1-5-21-1-2-3-110{}", dice.roll(5)) };
        let of = if dice.once_in(8) { 1 } else { t };
        thing(
            dice,
            of,
            &[
                (EntityKind::Account, object, 3),
                (EntityKind::AccountName, format!("{name}@corp.example"), 6),
                (EntityKind::AccountSid, sid, 8),
            ],
        );
    }
    let bare = if dice.once_in(9) { "localhost".into() } else { format!("d{}", dice.roll(4)) };
    let (host, id, entra) = (dice.roll(4), dice.roll(4), Guid::from_u128(u128::from(500 + dice.roll(3))));
    thing(
        dice,
        t,
        &[
            (EntityKind::HostName, bare, 6),
            (EntityKind::HostFqdn, format!("d{host}.corp.example"), 4),
            (EntityKind::Device, format!("{id:040x}"), 8),
            (EntityKind::EntraDevice, entra.to_string(), 9),
        ],
    );
    for _ in 0..1 + dice.roll(2) {
        let address = ["203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3", "127.0.0.1"][dice.roll(5) as usize];
        thing(dice, t, &[(EntityKind::Ip, address.into(), 3)]);
    }
    let (file, other) = (dice.roll(4), dice.roll(3));
    thing(
        dice,
        t,
        &[
            (EntityKind::FileHash, format!("sha256:{file:064x}"), 4),
            (EntityKind::FileHash, format!("sha1:{other:040x}"), 6),
        ],
    );
    let (url, mail, session) = (dice.roll(4), dice.roll(3), dice.roll(3));
    thing(dice, t, &[(EntityKind::Url, format!("https://u{url}.example/"), 5)]);
    thing(dice, t, &[(EntityKind::MailMessage, format!("mail-{mail}"), 8)]);
    thing(dice, t, &[(EntityKind::Session, format!("session-{session}"), 9)]);
    let other = tenant(1 + dice.roll(3)).to_string();
    thing(dice, t, &[(EntityKind::Tenant, other, 12)]);
    let programs = ["cmd.exe", "rubeus.exe dump", "\"c:\\a b\\Rubeus.exe\" /x", "/usr/bin/socat TCP:1"];
    let program = programs[dice.roll(4) as usize];
    thing(dice, t, &[(EntityKind::Process, program.into(), 4)]);
    out
}

fn source_key(dice: &mut Dice, t: u64) -> SourceIncidentKey {
    let provider = ["xdr", "sentinel"][dice.roll(2) as usize].into();
    SourceIncidentKey { tenant: tenant(t), provider, id: format!("i{}", dice.roll(3)).into() }
}

fn source(dice: &mut Dice, findings: u64) -> SourceIncident {
    let t = 1 + dice.roll(3);
    let version = EventTime::from_seconds(dice.roll(4) as i64);
    SourceIncident {
        key: source_key(dice, t),
        aliases: (0..dice.roll(3).saturating_sub(1)).map(|_| source_key(dice, t)).collect(),
        redirect_to: dice.once_in(5).then(|| source_key(dice, t)),
        version,
        first: EventTime::from_seconds(0),
        last: version,
        alert_ids: (0..dice.roll(6)).map(|_| format!("f{}", dice.roll(findings)).into()).collect(),
        title: Text::plain("incident"),
        severity: Severity::Low,
        status: ["new", "active", "Closed"][dice.roll(3) as usize].into(),
        verdict: [None, Some(true), Some(false)][dice.roll(3) as usize],
        owner: dice.once_in(3).then(|| format!("analyst{}", dice.roll(2)).into()),
    }
}

/// Links and facts, dated or for ever, that appear, change and go.
pub fn identity(dice: &mut Dice) -> IdentityChange {
    let at = |dice: &mut Dice| EventTime::from_seconds(dice.roll(5) as i64 * 50 * HOUR);
    let (from, until) = match dice.roll(4) {
        0 => (at(dice), EventTime::MAX),
        1 => (EventTime::MIN, at(dice)),
        _ => (EventTime::MIN, EventTime::MAX),
    };
    let satellite = account(2 + dice.roll(2), 100 + dice.roll(5));
    let home = account(1, 100 + dice.roll(5));
    let anyone = account(1 + dice.roll(3), 100 + dice.roll(5));
    match dice.roll(10) {
        0 => IdentityChange::Unlink(satellite, home, from),
        1 => IdentityChange::Forget(anyone, from),
        2..5 => IdentityChange::Account(AccountFacts {
            account: anyone,
            kind: AccountKind::Member,
            upn: dice.once_in(2).then(|| format!("u{}@corp.example", dice.roll(5)).into()),
            display: None,
            names: (0..dice.roll(3)).map(|_| format!("p{}@corp.example", dice.roll(5)).into()).collect(),
            sids: (0..dice.roll(2)).map(|_| format!("S-1-5-21-1-2-3-110{}", dice.roll(5)).into()).collect(),
            puids: Vec::new(),
            app: None,
            devices: Vec::new(),
            enabled: None,
            from,
            until,
        }),
        _ => IdentityChange::Link(Link {
            account: satellite,
            home,
            state: [LinkState::Accepted, LinkState::Accepted, LinkState::Possible, LinkState::Conflict]
                [dice.roll(4) as usize],
            confidence: 800_000 + dice.roll(5) as u32 * 40_000,
            kinds: vec![EvidenceKind::NamedSignIn],
            sources: Vec::new(),
            from,
            until,
        }),
    }
}
