//! The engine against itself and against a model that computes everything anew: order must not matter, increments must agree. And the
//! small world that these tests share.

use crate::finding::tests::sighting;
use crate::settle::Findings;
use crate::{Engine, Settings, incident_id};
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Binding, Change, ChangeKind, EntityKind, Entry, EventTime, EvidenceKind,
    Guid, Handle, IdentityChange, Incident, Journalled, Link, LinkState, MergePolicy, Pair, Persons, Policy,
    SightingKind, SourceIncident, SourceIncidentKey, TenantId, Text,
};
use std::collections::BTreeMap;

pub(crate) const HOUR: i64 = 3600;

/// Links and facts without time: the real index is `identity`'s.
#[derive(Debug, Default)]
pub(crate) struct People {
    links: BTreeMap<AccountKey, Link>,
    facts: BTreeMap<AccountKey, AccountFacts>,
}

impl Persons for People {
    fn account(&self, tenant: TenantId, handle: Handle<'_>, _: EventTime) -> Option<AccountKey> {
        let bears = |f: &&AccountFacts| match handle {
            Handle::Name(name) => f.names.iter().any(|n| n == name),
            Handle::Sid(sid) => f.sids.iter().any(|s| s == sid),
            Handle::Puid(_) | Handle::App(_) | Handle::Device(_) => false,
        };
        let mut found = self.facts.values().filter(|f| f.account.tenant == tenant).filter(bears);
        found.next().filter(|_| found.next().is_none()).map(|f| f.account)
    }

    fn bind(&self, account: AccountKey, _: EventTime) -> Binding {
        match self.links.get(&account) {
            Some(link) if link.state == LinkState::Accepted => {
                Binding { person: link.home, via: Some(link.clone()), possible: Vec::new() }
            }
            other => Binding { person: account, via: None, possible: other.cloned().into_iter().collect() },
        }
    }

    fn facts(&self, account: AccountKey, _: EventTime) -> Option<AccountFacts> {
        self.facts.get(&account).cloned()
    }

    fn apply(&mut self, change: IdentityChange) -> Vec<AccountKey> {
        let mut touched = match change {
            IdentityChange::Account(facts) => {
                let account = facts.account;
                self.facts.insert(account, facts);
                vec![account]
            }
            IdentityChange::Link(link) => {
                let touched = vec![link.account, link.home];
                self.links.insert(link.account, link);
                touched
            }
            IdentityChange::Forget(account, _) => {
                self.facts.remove(&account);
                vec![account]
            }
            IdentityChange::Unlink(account, home, _) => {
                self.links.remove(&account);
                vec![account, home]
            }
        };
        touched.sort();
        touched
    }
}

pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId(Guid::from_u128(n))
}

pub(crate) fn account(t: u128, object: u128) -> AccountKey {
    AccountKey { tenant: tenant(t), object: Guid::from_u128(object) }
}

pub(crate) fn guid(n: u128) -> String {
    Guid::from_u128(n).to_string()
}

pub(crate) fn link(from: AccountKey, home: AccountKey, state: LinkState, confidence: u32) -> Entry {
    Entry::Identity(IdentityChange::Link(Link {
        account: from,
        home,
        state,
        confidence,
        kinds: vec![EvidenceKind::NamedSignIn],
        sources: Vec::new(),
        from: EventTime::MIN,
        until: EventTime::MAX,
    }))
}

pub(crate) fn facts(account: AccountKey, name: &str) -> Entry {
    Entry::Identity(IdentityChange::Account(AccountFacts {
        account,
        kind: AccountKind::Member,
        upn: Some(name.into()),
        display: None,
        names: vec![name.into()],
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: None,
        from: EventTime::MIN,
        until: EventTime::MAX,
    }))
}

pub(crate) fn source(t: u128, id: &str, version: i64, alerts: &[&str]) -> SourceIncident {
    SourceIncident {
        key: SourceIncidentKey { tenant: tenant(t), provider: "xdr".into(), id: id.into() },
        aliases: Vec::new(),
        redirect_to: None,
        version: EventTime::from_seconds(version),
        first: EventTime::from_seconds(0),
        last: EventTime::from_seconds(version),
        alert_ids: alerts.iter().map(|a| (*a).into()).collect(),
        title: Text::plain("incident"),
        severity: caponier_model::Severity::Low,
        status: "active".into(),
        verdict: None,
        owner: None,
    }
}

pub(crate) fn merge_all() -> Policy {
    Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge }
}

pub(crate) fn engine(settings: Settings, policy: Policy) -> Engine<People> {
    Engine::new(settings, policy, People::default())
}

/// Gives one entry and settles it.
pub(crate) fn give(engine: &mut Engine<People>, entry: Entry) {
    engine.handle(Journalled { at: EventTime::MIN, position: None, entry });
    engine.flush();
}

pub(crate) fn run(settings: &Settings, policy: &Policy, entries: &[Entry]) -> Engine<People> {
    let mut engine = engine(settings.clone(), policy.clone());
    for entry in entries {
        give(&mut engine, entry.clone());
    }
    engine
}

pub(crate) fn alert(t: u128, id: &str, at: i64, entities: &[(EntityKind, &str)]) -> Entry {
    Entry::Sighting(Box::new(sighting(t, id, at, entities)))
}

/// The members of each incident by id, smallest first.
pub(crate) fn groups(engine: &Engine<People>) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> =
        engine.incidents().map(|i| i.findings.iter().map(|f| f.key.id.to_string()).collect()).collect();
    for group in &mut groups {
        group.sort();
    }
    groups.sort();
    groups
}

pub(crate) fn changes(engine: &mut Engine<People>) -> Vec<Change> {
    std::iter::from_fn(|| engine.poll_change()).collect()
}

/// A generator of numbers that every machine agrees on (SplitMix64).
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.roll(i as u64 + 1) as usize);
        }
    }
}

/// A world small enough for everything to collide: few accounts, devices, addresses and hours.
pub(crate) fn world(dice: &mut Dice, findings: u64) -> Vec<Entry> {
    let mut out = Vec::new();
    for n in 0..findings {
        let t = 1 + u128::from(dice.roll(3));
        let hours = dice.roll(400) as i64;
        let mut entities = Vec::new();
        let mut add = |dice: &mut Dice, kind, value: String, of: u64| {
            if dice.roll(of) == 0 {
                entities.push((kind, value));
            }
        };
        let person = guid(100 + u128::from(dice.roll(6)));
        add(dice, EntityKind::Account, person, 2);
        let name = format!("p{}@corp.example", dice.roll(6));
        add(dice, EntityKind::AccountName, name, 4);
        let device = format!("d{}.corp.example", dice.roll(6));
        add(dice, EntityKind::HostFqdn, device, 3);
        let entra = guid(500 + u128::from(dice.roll(4)));
        add(dice, EntityKind::EntraDevice, entra, 8);
        let ip = format!("203.0.113.{}", dice.roll(5));
        add(dice, EntityKind::Ip, ip, 2);
        let hash = format!("sha256:{:02}", dice.roll(5));
        add(dice, EntityKind::FileHash, hash, 3);
        let url = format!("https://u{}.example/", dice.roll(5));
        add(dice, EntityKind::Url, url, 4);
        let pairs: Vec<(EntityKind, &str)> = entities.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let mut made = sighting(t, &format!("f{n}"), hours * HOUR, &pairs);
        if dice.roll(10) == 0 {
            made.last = made.first.plus_seconds(dice.roll(100) as i64 * HOUR);
        }
        if dice.roll(12) == 0 {
            let mut copy = made.clone();
            copy.version = copy.version.plus_seconds(60);
            copy.entities.pop();
            out.push(Entry::Sighting(Box::new(copy)));
        }
        if dice.roll(15) == 0 {
            made.kind = SightingKind::Evidence;
        }
        out.push(Entry::Sighting(Box::new(made)));
    }
    for object in 0..6 {
        let home = account(1, 100 + u128::from(dice.roll(6)));
        let state = if dice.roll(3) == 0 { LinkState::Possible } else { LinkState::Accepted };
        let confidence = 800_000 + dice.roll(200_000) as u32;
        out.push(link(account(2, 100 + object), home, state, confidence));
        out.push(facts(
            account(1 + u128::from(dice.roll(3)), 100 + object),
            &format!("p{}@corp.example", dice.roll(6)),
        ));
    }
    for n in 0..dice.roll(4) {
        let alerts: Vec<String> = (0..dice.roll(5)).map(|_| format!("f{}", dice.roll(findings))).collect();
        let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
        let mut incident = source(1 + u128::from(dice.roll(3)), &format!("i{n}"), n as i64, &alerts);
        if dice.roll(3) == 0 {
            let other = format!("i{}", dice.roll(4));
            incident.aliases.push(SourceIncidentKey { id: other.into(), ..incident.key.clone() });
        }
        out.push(Entry::Incident(Box::new(incident)));
    }
    out
}

/// Tight guards, so that random worlds run into all of them.
pub(crate) fn tight(dice: &mut Dice) -> Settings {
    let mut settings = Settings::defaults();
    settings.caps.address = 1 + dice.roll(3) as u32;
    settings.caps.artefact = 1 + dice.roll(4) as u32;
    settings.caps.device = 2 + dice.roll(4) as u32;
    settings.caps.account = 1 + dice.roll(4) as u32;
    settings.limits.findings = 3 + dice.roll(20) as u32;
    settings.limits.values = 5 + dice.roll(30) as u32;
    settings.limits.span = (50 + dice.roll(300) as i64) * HOUR;
    settings.limits.cut_findings = 2;
    settings.limits.cut_confidence = 970_000;
    settings.limits.source_alerts = 3;
    settings.windows.account = (1 + dice.roll(40) as i64) * HOUR;
    settings.windows.address = (1 + dice.roll(30) as i64) * HOUR;
    settings.windows.hash = (1 + dice.roll(30) as i64) * HOUR;
    settings.retention_days = None;
    settings
}

pub(crate) fn any_policy(dice: &mut Dice) -> Policy {
    let words = [MergePolicy::Forbid, MergePolicy::Suggest, MergePolicy::Merge, MergePolicy::Merge];
    let mut pairs = Vec::new();
    for (home, resource) in [(1, 2), (1, 3), (2, 3)] {
        let pair = Pair { home: tenant(home), resource: tenant(resource) };
        pairs.push((pair, words[dice.roll(4) as usize]));
    }
    Policy { pairs, unlisted: MergePolicy::Suggest }
}

/// The final forms of a run's incidents, sorted by (first activity, id).
///
/// History is left out: ids become hashes of (epoch, smallest member key), sequences 0, changes `created`; redirects,
/// continuations, splits and titles are cleared. References between incidents follow the new ids; a reference to an
/// incident that is not in the list is dropped.
pub(crate) fn final_forms(incidents: impl IntoIterator<Item = Incident>) -> Vec<Incident> {
    let mut all: Vec<Incident> = incidents.into_iter().filter(|i| !i.findings.is_empty()).collect();
    let names: BTreeMap<_, _> = all
        .iter()
        .filter_map(|i| Some((i.id.clone(), incident_id(i.epoch, i.findings.iter().map(|f| &f.key).min()?))))
        .collect();
    for incident in &mut all {
        if let Some(name) = names.get(&incident.id) {
            incident.id = name.clone();
        }
        incident.sequence = 0;
        incident.change = ChangeKind::Created;
        incident.redirect_to = None;
        incident.continues = None;
        incident.split_from = None;
        incident.title = Text::plain("");
        incident.related.retain_mut(|r| match names.get(&r.incident) {
            Some(name) => {
                r.incident = name.clone();
                true
            }
            None => false,
        });
        incident.related.sort();
        incident.related.dedup();
    }
    all.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    all
}

pub(crate) fn truth(engine: &Engine<People>) -> Vec<Incident> {
    final_forms(engine.incidents())
}

#[test]
fn order_does_not_matter() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let (settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let mut entries = world(&mut dice, 60);
        // Of two identity statements about one account the later wins by design: their order is kept by sending them first.
        let (identity, mut rest): (Vec<Entry>, Vec<Entry>) =
            entries.drain(..).partition(|e| matches!(e, Entry::Identity(_)));
        let all = |rest: &[Entry]| identity.iter().chain(rest).cloned().collect::<Vec<_>>();
        let want = truth(&run(&settings, &policy, &all(&rest)));
        for _ in 0..3 {
            dice.shuffle(&mut rest);
            let got = truth(&run(&settings, &policy, &all(&rest)));
            assert_eq!(got.len(), want.len(), "seed {seed}");
            for (got, want) in got.iter().zip(&want) {
                assert_eq!(got, want, "seed {seed}");
            }
        }
        // Links that come to light last change everything that rests on them.
        let late: Vec<Entry> = rest.iter().chain(&identity).cloned().collect();
        assert_eq!(truth(&run(&settings, &policy, &late)), want, "seed {seed}, identity last");
    }
}

/// What is settled together, and when, is no part of the truth.
#[test]
fn batches_do_not_matter() {
    for seed in 0..60 {
        let mut dice = Dice(1000 + seed);
        let (mut settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let mut entries = world(&mut dice, 80);
        dice.shuffle(&mut entries);
        let want = truth(&run(&settings, &policy, &entries));
        for staged in [u32::MAX, 2 + dice.roll(20) as u32] {
            settings.limits.staged = staged;
            let mut engine = engine(settings.clone(), policy.clone());
            for entry in &entries {
                engine.handle(Journalled { at: EventTime::MIN, position: None, entry: entry.clone() });
                if dice.roll(9) == 0 {
                    changes(&mut engine);
                }
            }
            engine.flush();
            check(&engine, seed);
            assert_eq!(truth(&engine), want, "seed {seed}, {staged} staged");
        }
    }
}

#[test]
fn increments_equal_computing_everything_anew() {
    for seed in 100..160 {
        let mut dice = Dice(seed);
        let (settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let mut entries = world(&mut dice, 80);
        dice.shuffle(&mut entries);
        let mut engine = run(&settings, &policy, &entries);
        changes(&mut engine);
        let before: Vec<Incident> = engine.incidents().collect();
        let everything: Vec<u32> = engine.findings.iter().map(|(ix, _)| ix).collect();
        let rebound = everything.iter().copied().collect();
        engine.settle(&[], everything, Vec::new(), &rebound, &Findings::default());
        assert_eq!(changes(&mut engine), [], "seed {seed}: nothing may change");
        assert_eq!(engine.incidents().collect::<Vec<_>>(), before, "seed {seed}");
    }
}

/// What must hold between findings, groups and incidents after every entry.
pub(crate) fn check(engine: &Engine<People>, seed: u64) {
    for (ix, held) in engine.findings.iter() {
        let name = &held.key.id;
        let record = held.record.and_then(|r| engine.records.get(r));
        assert!(record.is_some_and(|r| r.members.contains(&ix)), "seed {seed}: {name} is not in its incident");
        let Some(wish) = held.prefers.as_deref() else {
            assert!(!held.attached, "seed {seed}: {name} is attached to nothing");
            continue;
        };
        let core = engine.groups.get(wish.group).unwrap();
        assert!(core.wooers.contains(&ix), "seed {seed}: {name} is unknown to its core");
        assert_eq!(core.attached.contains(&ix), held.attached, "seed {seed}: {name}");
    }
}
