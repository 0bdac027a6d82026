//! The engine against itself and against a model that computes everything anew: order must not matter, increments must agree.

use crate::finding::tests::sighting;
use crate::settle::Findings;
use crate::{Engine, Settings, incident_id};
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Binding, Change, ChangeKind, EdgeKind, Entity, EntityKind, EntityRole,
    Entry, EventTime, EvidenceKind, Guid, Handle, IdentityChange, Incident, Journalled, Link, LinkState, Membership,
    MergePolicy, Pair, Persons, Policy, ReasonCode, Sighting, SightingKind, SourceIncident, SourceIncidentKey,
    TenantId, Text,
};
use std::collections::{BTreeMap, BTreeSet};

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

/// The same bytes leave whether changes are taken at once or at the end.
#[test]
fn what_is_handed_on_does_not_depend_on_when_it_is_taken() {
    for seed in 0..20 {
        let mut dice = Dice(2000 + seed);
        let (mut settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        settings.limits.staged = 1 + dice.roll(7) as u32;
        let mut entries = world(&mut dice, 60);
        dice.shuffle(&mut entries);
        let take = |now_and_then: bool| {
            let (mut engine, mut out) = (engine(settings.clone(), policy.clone()), Vec::new());
            for entry in &entries {
                engine.handle(Journalled { at: EventTime::MIN, position: None, entry: entry.clone() });
                if now_and_then {
                    out.extend(changes(&mut engine));
                }
            }
            engine.flush();
            out.extend(changes(&mut engine));
            out
        };
        assert_eq!(take(true), take(false), "seed {seed}");
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
        engine.settle(everything, Vec::new(), &rebound, &Findings::default());
        assert_eq!(changes(&mut engine), [], "seed {seed}: nothing may change");
        assert_eq!(engine.incidents().collect::<Vec<_>>(), before, "seed {seed}");
    }
}

#[test]
fn the_last_change_of_an_id_is_its_present_form_and_sequences_have_no_gaps() {
    for seed in 200..240 {
        let mut dice = Dice(seed);
        let (settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        let mut entries = world(&mut dice, 60);
        dice.shuffle(&mut entries);
        let mut engine = run(&settings, &policy, &entries);
        let mut last: BTreeMap<String, Incident> = BTreeMap::new();
        for Change { incident } in changes(&mut engine) {
            let before = last.insert(incident.id.to_string(), incident.clone());
            assert_eq!(incident.sequence, before.map_or(0, |i| i.sequence) + 1, "seed {seed}");
        }
        last.retain(|_, i| i.redirect_to.is_none());
        let live: BTreeMap<String, Incident> = engine.incidents().map(|i| (i.id.to_string(), i)).collect();
        assert_eq!(live, last, "seed {seed}");
    }
}

/// All pairs, no chains, no guards: what bridge edges connect.
fn naive(sightings: &[Sighting], settings: &Settings) -> Vec<Vec<String>> {
    let window = |kind| match kind {
        EntityKind::Account | EntityKind::AccountName => settings.windows.account,
        _ => settings.windows.device,
    };
    let joined = |a: &Sighting, b: &Sighting| {
        let gap = a.first.max(b.first).seconds_since(a.last.min(b.last)).max(0);
        let equal = |x: &Entity, y: &Entity| {
            let strong = matches!(x.kind, EntityKind::Account | EntityKind::HostFqdn);
            strong && x.kind == y.kind && x.value == y.value && x.tenant == y.tenant && gap <= window(x.kind)
        };
        a.entities.iter().any(|x| b.entities.iter().any(|y| equal(x, y)))
    };
    let mut of: Vec<usize> = (0..sightings.len()).collect();
    loop {
        let before = of.clone();
        for i in 0..sightings.len() {
            for j in 0..sightings.len() {
                if joined(&sightings[i], &sightings[j]) {
                    of[i] = of[i].min(of[j]);
                }
            }
        }
        if of == before {
            break;
        }
    }
    let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (i, sighting) in sightings.iter().enumerate() {
        groups.entry(of[i]).or_default().push(sighting.key.id.to_string());
    }
    let mut groups: Vec<Vec<String>> = groups.into_values().collect();
    for group in &mut groups {
        group.sort();
    }
    groups.sort();
    groups
}

#[test]
fn chains_connect_what_all_pairs_connect() {
    for seed in 300..360 {
        let mut dice = Dice(seed);
        let mut settings = Settings::defaults();
        settings.windows.device = 7 * HOUR;
        settings.windows.account = 5 * HOUR;
        settings.edges.address = false;
        settings.edges.artefact = false;
        settings.limits.span = i64::MAX;
        settings.retention_days = None;
        let sightings: Vec<Sighting> = (0..60)
            .map(|n| {
                let object = guid(100 + u128::from(dice.roll(5)));
                let device = format!("d{}.corp.example", dice.roll(5));
                let entities = [(EntityKind::Account, object.as_str()), (EntityKind::HostFqdn, device.as_str())];
                let some = &entities[dice.roll(2) as usize..][..1];
                let mut made =
                    sighting(1 + u128::from(dice.roll(2)), &format!("f{n}"), dice.roll(300) as i64 * HOUR, some);
                if dice.roll(4) == 0 {
                    made.last = made.first.plus_seconds(dice.roll(40) as i64 * HOUR);
                }
                made
            })
            .collect();
        let entries: Vec<Entry> = sightings.iter().map(|s| Entry::Sighting(Box::new(s.clone()))).collect();
        assert_eq!(groups(&run(&settings, &merge_all(), &entries)), naive(&sightings, &settings), "seed {seed}");
    }
}

#[test]
fn windows_end_where_they_say() {
    let account = guid(7);
    let cases: [(EntityKind, &str, i64, bool); 6] = [
        (EntityKind::Account, &account, 48 * HOUR, true),
        (EntityKind::Account, &account, 48 * HOUR + 1, false),
        (EntityKind::Device, "aa", 48 * HOUR, true),
        (EntityKind::Device, "aa", 48 * HOUR + 1, false),
        (EntityKind::Session, "s-1", 24 * HOUR, true),
        (EntityKind::Session, "s-1", 24 * HOUR + 1, false),
    ];
    for (kind, value, gap, together) in cases {
        let entries = [alert(1, "a", 0, &[(kind, value)]), alert(1, "b", gap, &[(kind, value)])];
        let engine = run(&Settings::defaults(), &merge_all(), &entries);
        assert_eq!(engine.incidents().count(), if together { 1 } else { 2 }, "{kind:?} {gap}");
    }
}

#[test]
fn a_guest_joins_its_home_account_only_through_an_accepted_link_and_an_allowed_pair() {
    let (home, guest) = (account(1, 7), account(2, 8));
    let (h, g) = (guid(7), guid(8));
    let findings = [alert(1, "h", 0, &[(EntityKind::Account, &h)]), alert(2, "g", HOUR, &[(EntityKind::Account, &g)])];
    let cases = [
        (LinkState::Accepted, MergePolicy::Merge, 1, None),
        (LinkState::Accepted, MergePolicy::Suggest, 2, Some("policy_suggest")),
        (LinkState::Accepted, MergePolicy::Forbid, 2, None),
        (LinkState::Possible, MergePolicy::Merge, 2, Some("link_possible")),
        (LinkState::Possible, MergePolicy::Forbid, 2, None),
    ];
    for (state, allowed, count, related) in cases {
        let policy = Policy { pairs: Vec::new(), unlisted: allowed };
        let mut entries = findings.to_vec();
        entries.push(link(guest, home, state, 900_000));
        let engine = run(&Settings::defaults(), &policy, &entries);
        let incidents: Vec<Incident> = engine.incidents().collect();
        assert_eq!(incidents.len(), count, "{state:?} {allowed:?}");
        for incident in &incidents {
            let reasons: Vec<&str> = incident.related.iter().map(|r| r.reason.as_str()).collect();
            assert_eq!(reasons.first().copied(), related, "{state:?} {allowed:?}");
        }
        if count == 1 {
            let edge = &incidents[0].edges[1];
            assert_eq!(edge.reason, ReasonCode::Edge(EdgeKind::SamePerson));
            assert_eq!((edge.confidence, edge.attributions.len(), edge.tenants.len()), (900_000, 2, 2));
            assert_eq!(incidents[0].persons.len(), 1);
            assert_eq!(incidents[0].persons[0].home, home);
            let who: Vec<TenantId> = incidents[0].remediation.iter().map(|r| r.tenant).collect();
            assert_eq!(who, [tenant(1), tenant(2)], "the home tenant resets, the resource tenant removes");
        }
    }
}

/// The link comes after both findings were told to somebody: the two incidents become one, and what is true then is what it
/// would have been had the link come first.
#[test]
fn a_late_link_merges_what_was_already_emitted() {
    let (home, guest) = (account(1, 7), account(2, 8));
    let (h, g) = (guid(7), guid(8));
    let alerts = [alert(1, "h", 0, &[(EntityKind::Account, &h)]), alert(2, "g", HOUR, &[(EntityKind::Account, &g)])];
    let link = link(guest, home, LinkState::Accepted, 900_000);
    let mut late = run(&Settings::defaults(), &merge_all(), &alerts);
    assert_eq!(changes(&mut late).len(), 2);
    give(&mut late, link.clone());
    let kinds: Vec<ChangeKind> = changes(&mut late).iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Merged, ChangeKind::Redirected]);
    let early = run(&Settings::defaults(), &merge_all(), &[&[link][..], &alerts].concat());
    assert_eq!(final_forms(late.incidents()), final_forms(early.incidents()));
}

#[test]
fn retracting_a_link_splits_and_the_older_part_keeps_the_id() {
    let (home, guest) = (account(1, 7), account(2, 8));
    let (h, g) = (guid(7), guid(8));
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[
            link(guest, home, LinkState::Accepted, 900_000),
            alert(1, "h", 0, &[(EntityKind::Account, &h)]),
            alert(2, "g", HOUR, &[(EntityKind::Account, &g)]),
        ],
    );
    let id = engine.incidents().next().unwrap().id;
    changes(&mut engine);
    give(&mut engine, Entry::Identity(IdentityChange::Unlink(guest, home, EventTime::MIN)));
    let out = changes(&mut engine);
    let kinds: Vec<ChangeKind> = out.iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Corrected, ChangeKind::Split]);
    assert_eq!(out[0].incident.id, id);
    assert_eq!(out[1].incident.split_from.as_ref(), Some(&id));
}

#[test]
fn a_third_finding_merges_two_incidents_and_the_younger_redirects() {
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[alert(1, "a", 0, &[(EntityKind::Device, "d1")]), alert(1, "b", HOUR, &[(EntityKind::Device, "d2")])],
    );
    let ids: Vec<_> = engine.incidents().map(|i| i.id).collect();
    changes(&mut engine);
    give(&mut engine, alert(1, "c", 2 * HOUR, &[(EntityKind::Device, "d1"), (EntityKind::Device, "d2")]));
    let out = changes(&mut engine);
    let kinds: Vec<ChangeKind> = out.iter().map(|c| c.incident.change).collect();
    assert_eq!(kinds, [ChangeKind::Merged, ChangeKind::Redirected]);
    assert_eq!((&out[0].incident.id, &out[1].incident.id), (&ids[0], &ids[1]));
    assert_eq!(out[1].incident.redirect_to.as_ref(), Some(&ids[0]));
    assert_eq!(engine.resolve(&ids[1]), ids[0]);
    let reasons: Vec<_> = out[0].incident.edges.iter().map(|e| e.reason.code()).collect();
    assert_eq!(reasons, ["founder", "same_device", "same_device"]);
}

#[test]
fn a_source_incident_bridges_through_its_aliases_unless_switched_off() {
    let mut incident = source(1, "77", 5, &["a", "b"]);
    let sentinel = SourceIncidentKey { tenant: tenant(1), provider: "sentinel".into(), id: "x".into() };
    incident.aliases.push(sentinel.clone());
    let mut named = sighting(1, "c", 90 * 24 * HOUR, &[]);
    named.source_incident = Some(sentinel);
    let entries = [
        alert(1, "a", 0, &[]),
        Entry::Sighting(Box::new(named)),
        Entry::Incident(Box::new(incident)),
        alert(1, "b", 60 * 24 * HOUR, &[]),
    ];
    let mut settings = Settings { retention_days: None, ..Settings::defaults() };
    settings.limits.span = i64::MAX;
    let engine = run(&settings, &merge_all(), &entries);
    assert_eq!(groups(&engine), [["a", "b", "c"]]);
    assert_eq!(engine.incidents().next().unwrap().status.as_deref(), Some("active"));
    settings.edges.source_incident = false;
    assert_eq!(run(&settings, &merge_all(), &entries).incidents().count(), 3);
}

#[test]
fn a_weak_value_attaches_to_a_core_and_never_merges() {
    let ip = (EntityKind::Ip, "203.0.113.5");
    let d = |n| (EntityKind::Device, n);
    let entries = [
        alert(1, "a1", 0, &[d("d1"), ip]),
        alert(1, "a2", 60, &[d("d1")]),
        alert(1, "b1", 120, &[d("d2"), ip]),
        alert(1, "b2", 180, &[d("d2")]),
        alert(1, "loose", 130, &[ip]),
    ];
    let engine = run(&Settings::defaults(), &merge_all(), &entries);
    assert_eq!(groups(&engine), [vec!["a1", "a2"], vec!["b1", "b2", "loose"]]);
    let incident = engine.incidents().nth(1).unwrap();
    let roles: Vec<Membership> = incident.findings.iter().map(|f| f.role).collect();
    assert_eq!(roles, [Membership::Core, Membership::Attached, Membership::Core]);
    assert_eq!(incident.edges[1].reason, ReasonCode::Edge(EdgeKind::SameIp));
    // In another tenant an address alone attaches nothing, while an artefact does.
    for (value, count) in [(ip, 3), ((EntityKind::FileHash, "sha256:aa"), 2)] {
        let mut entries = entries[..4].to_vec();
        entries.push(alert(1, "a3", 150, &[d("d1"), value]));
        entries.push(alert(2, "there", 160, &[value]));
        assert_eq!(run(&Settings::defaults(), &merge_all(), &entries).incidents().count(), count, "{value:?}");
    }
    let two = run(&Settings::defaults(), &merge_all(), &[alert(1, "x", 0, &[ip]), alert(1, "y", 1, &[ip])]);
    assert_eq!(two.incidents().count(), 2, "two loose findings make no incident by attaching");
}

#[test]
fn an_address_and_an_artefact_together_bridge() {
    let both = [(EntityKind::Ip, "203.0.113.5"), (EntityKind::FileHash, "sha256:aa")];
    let entries = [alert(1, "a", 0, &both), alert(1, "b", HOUR, &both), alert(1, "c", 2 * HOUR + 1, &both)];
    let mut settings = Settings::defaults();
    let engine = run(&settings, &merge_all(), &entries);
    assert_eq!(groups(&engine), [vec!["a", "b"], vec!["c"]]);
    let edge = &engine.incidents().next().unwrap().edges[1];
    assert_eq!(edge.reason, ReasonCode::Edge(EdgeKind::WeakPair));
    assert_eq!(edge.second, Some((EntityKind::FileHash, "sha256:aa".into())));
    settings.edges.weak_pair = false;
    assert_eq!(run(&settings, &merge_all(), &entries).incidents().count(), 3);
}

#[test]
fn a_prolific_device_neither_bridges_nor_attaches() {
    let mut settings = Settings::defaults();
    settings.caps.device = 3;
    let many = |n: u128| -> Vec<Entry> {
        (0..n)
            .map(|i| {
                let who = guid(100 + i);
                alert(1, &format!("f{i}"), i as i64, &[(EntityKind::Device, "jump"), (EntityKind::Account, &who)])
            })
            .collect()
    };
    assert_eq!(run(&settings, &merge_all(), &many(3)).incidents().count(), 1);
    assert_eq!(run(&settings, &merge_all(), &many(4)).incidents().count(), 4);
    assert_eq!(run(&settings, &merge_all(), &many(9)).incidents().count(), 9);
    settings.caps.device = 50;
    settings.shared_values = vec!["jump".into()];
    assert_eq!(run(&settings, &merge_all(), &many(3)).incidents().count(), 3, "G4: the operator says it is shared");
}

#[test]
fn size_and_span_open_a_continuation() {
    let mut settings = Settings::defaults();
    settings.limits.findings = 3;
    let entries: Vec<Entry> =
        (0..5).map(|i| alert(1, &format!("f{i}"), i * 60, &[(EntityKind::Device, "d")])).collect();
    let engine = run(&settings, &merge_all(), &entries);
    let incidents: Vec<Incident> = engine.incidents().collect();
    assert_eq!(incidents.len(), 2);
    assert_eq!(incidents[1].continues.as_ref(), Some(&incidents[0].id));
    assert_eq!(incidents[1].related[0].reason, "incident_size");
    assert_eq!(engine.counts().refused.get("incident_size"), Some(&1));
}

#[test]
fn names_bind_when_the_directory_comes_late() {
    let h = guid(7);
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[
            alert(1, "by_id", 0, &[(EntityKind::Account, &h)]),
            alert(1, "by_name", HOUR, &[(EntityKind::AccountName, "mara@corp.example")]),
        ],
    );
    assert_eq!(engine.incidents().count(), 2);
    give(&mut engine, facts(account(1, 7), "mara@corp.example"));
    assert_eq!(groups(&engine), [["by_id", "by_name"]]);
    // A name that two accounts bear means nobody.
    give(&mut engine, facts(account(1, 9), "mara@corp.example"));
    assert_eq!(engine.incidents().count(), 2);
}

#[test]
fn ids_in_one_group_describe_one_account() {
    let grouped = |id: &str, at, entities: &[(EntityKind, &str)]| {
        let mut made = sighting(1, id, at, entities);
        for entity in &mut made.entities {
            *entity = Entity { group: 0, role: EntityRole::Related, ..entity.clone() };
        }
        Entry::Sighting(Box::new(made))
    };
    let h = guid(7);
    let sid = "S-1-5-21-1-2-3-1104";
    let entries = [
        grouped("both", 0, &[(EntityKind::Account, &h), (EntityKind::AccountSid, sid)]),
        grouped("sid", HOUR, &[(EntityKind::AccountSid, sid)]),
        grouped("id", 2 * HOUR, &[(EntityKind::Account, &h)]),
        grouped("system", HOUR, &[(EntityKind::AccountSid, "S-1-5-18")]),
    ];
    let engine = run(&Settings::defaults(), &merge_all(), &entries);
    assert_eq!(groups(&engine), [vec!["both", "id", "sid"], vec!["system"]]);
}

#[test]
fn evidence_waits_for_its_alert() {
    let mut evidence = sighting(1, "a", 0, &[(EntityKind::Device, "d")]);
    evidence.kind = SightingKind::Evidence;
    evidence.format = "evidence";
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[Entry::Sighting(Box::new(evidence)), alert(1, "b", 60, &[(EntityKind::Device, "d")])],
    );
    assert_eq!((engine.counts().unpaired, engine.incidents().count()), (1, 1));
    give(&mut engine, alert(1, "a", 0, &[]));
    assert_eq!(engine.counts().unpaired, 0);
    assert_eq!(groups(&engine), [["a", "b"]]);
}

#[test]
fn retention_lets_go_of_what_is_old_and_refuses_what_is_late() {
    let day = 24 * HOUR;
    let mut engine = run(
        &Settings::defaults(),
        &merge_all(),
        &[alert(1, "old", 0, &[(EntityKind::Device, "d")]), alert(1, "new", 10 * day, &[(EntityKind::Device, "e")])],
    );
    let due = engine.next_deadline().unwrap();
    assert_eq!(due, EventTime::from_seconds(15 * day + 1));
    engine.handle_time(EventTime::from_seconds(15 * day));
    assert_eq!(engine.incidents().count(), 2);
    engine.handle_time(due);
    assert_eq!(groups(&engine), [["new"]]);
    give(&mut engine, alert(1, "late", 0, &[]));
    let counts = engine.counts();
    assert_eq!((counts.evicted, counts.late, counts.findings), (1, 1, 1));
    engine.handle_time(EventTime::from_seconds(100 * day));
    assert_eq!((engine.incidents().count(), engine.next_deadline()), (0, None));
    assert!(engine.ids.is_empty() && engine.redirects.is_empty() && engine.groups.iter().next().is_none());
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

#[test]
fn eviction_leaves_nothing_behind_and_changes_nothing_that_stays() {
    for seed in 400..420 {
        let mut dice = Dice(seed);
        let (mut settings, policy) = (tight(&mut dice), any_policy(&mut dice));
        settings.retention_days = Some(3);
        let mut engine = engine(settings, policy);
        let mut entries = world(&mut dice, 80);
        entries.sort_by_key(|e| match e {
            Entry::Sighting(s) => s.first,
            _ => EventTime::MIN,
        });
        for entry in entries {
            if let Entry::Sighting(s) = &entry {
                changes(&mut engine);
                engine.handle_time(s.first);
                assert_eq!(changes(&mut engine), [], "seed {seed}: letting go is silent");
            }
            give(&mut engine, entry);
            check(&engine, seed);
        }
        let live: BTreeSet<u32> = engine.findings.iter().map(|(ix, _)| ix).collect();
        for (_, held) in engine.findings.iter() {
            assert!(held.links.iter().all(|l| live.contains(&l.a) && live.contains(&l.b)), "seed {seed}");
        }
        engine.handle_time(EventTime::from_seconds(i32::MAX.into()));
        assert_eq!(engine.incidents().count(), 0, "seed {seed}");
        assert_eq!(engine.postings.held(), 0, "seed {seed}");
    }
}

#[test]
fn no_more_is_held_than_may_be_and_what_goes_is_counted() {
    let mut settings = Settings::defaults();
    settings.limits.held_findings = 20;
    let mut engine = engine(settings, merge_all());
    for n in 0..100 {
        let device = format!("d{}", n / 2);
        give(&mut engine, alert(1, &format!("f{n}"), n * 60, &[(EntityKind::Device, &device)]));
        check(&engine, 0);
        assert!(engine.findings.len() <= 20, "{n}");
    }
    let counts = engine.counts();
    assert_eq!((counts.findings + counts.shed, counts.evicted, counts.late), (100, 0, 0));
    assert!(groups(&engine).iter().any(|g| *g == ["f98", "f99"]), "the youngest stay");
}
