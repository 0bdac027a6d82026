//! The index against a model that keeps everything in two sorted maps and looks through all of it for every answer.

use super::*;
use crate::span::Span;
use caponier_model::{AccountKind, EvidenceKind, LinkState};
use compact_str::format_compact;
use std::collections::{BTreeMap, BTreeSet};

/// Everything, sorted.
#[derive(Default)]
struct Model {
    facts: BTreeMap<(AccountKey, EventTime), AccountFacts>,
    links: BTreeMap<(AccountKey, AccountKey, EventTime), Link>,
}

impl Model {
    fn apply(&mut self, change: IdentityChange) {
        match change {
            IdentityChange::Account(facts) => drop(self.facts.insert((facts.account, facts.from), facts)),
            IdentityChange::Forget(account, from) => drop(self.facts.remove(&(account, from))),
            IdentityChange::Link(link) => drop(self.links.insert((link.account, link.home, link.from), link)),
            IdentityChange::Unlink(account, home, from) => drop(self.links.remove(&(account, home, from))),
        }
    }

    fn bearers(&self, tenant: TenantId, handle: Handle<'_>, at: Option<EventTime>) -> BTreeSet<AccountKey> {
        let holds = |f: &&AccountFacts| at.is_none_or(|at| Span { from: f.from, until: f.until }.holds(at));
        let facts = self.facts.values().filter(|f| f.account.tenant == tenant).filter(holds);
        facts.filter(|f| bears(f, handle)).map(|f| f.account).collect()
    }

    fn account(&self, tenant: TenantId, handle: Handle<'_>, at: EventTime) -> Option<AccountKey> {
        if let Handle::Sid(sid) = handle
            && let Some(object) = Guid::from_cloud_sid(sid)
        {
            return Some(AccountKey { tenant, object });
        }
        let found = self.bearers(tenant, handle, Some(at));
        found.first().copied().filter(|_| found.len() == 1)
    }

    fn bind(&self, account: AccountKey, at: EventTime) -> Binding {
        let holds = |l: &&Link| l.account == account && Span { from: l.from, until: l.until }.holds(at);
        let mut held: Vec<Link> = self.links.values().filter(holds).cloned().collect();
        held.sort();
        let accepted: Vec<Link> = held.iter().filter(|l| l.state == LinkState::Accepted).cloned().collect();
        let [via] = &accepted[..] else { return Binding { person: account, via: None, possible: held } };
        held.retain(|l| l.state != LinkState::Accepted);
        Binding { person: via.home, via: Some(via.clone()), possible: held }
    }

    fn facts(&self, account: AccountKey, at: EventTime) -> Option<AccountFacts> {
        let holds = |f: &&AccountFacts| f.account == account && Span { from: f.from, until: f.until }.holds(at);
        self.facts.values().filter(holds).max_by_key(|f| f.from).cloned()
    }

    fn changes(&self) -> Vec<IdentityChange> {
        let facts = self.facts.values().cloned().map(IdentityChange::Account);
        facts.chain(self.links.values().cloned().map(IdentityChange::Link)).collect()
    }
}

fn bears(facts: &AccountFacts, handle: Handle<'_>) -> bool {
    let has = |list: &[CompactString], text: &str| list.iter().any(|t| t == text);
    match handle {
        Handle::Name(text) => has(&facts.names, text),
        Handle::Sid(text) => has(&facts.sids, text),
        Handle::Puid(text) => has(&facts.puids, text),
        Handle::Device(text) => has(&facts.devices, text),
        Handle::App(app) => facts.app == Some(app),
    }
}

/// A seeded source of changes over few accounts, names and instants, so that they meet.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    fn some(&mut self, of: &[CompactString], most: u64) -> Vec<CompactString> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.one(of)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn from(&mut self) -> EventTime {
        self.one(&instants()[..4])
    }

    fn until(&mut self) -> EventTime {
        self.one(&instants()[2..])
    }

    fn change(&mut self, display: usize) -> IdentityChange {
        let account = self.one(&accounts());
        match self.below(10) {
            0..5 => IdentityChange::Account(self.facts(account, display)),
            5 => IdentityChange::Forget(account, self.from()),
            6..9 => {
                let kinds: BTreeSet<EvidenceKind> = (0..self.below(4)).map(|_| self.one(&EvidenceKind::ALL)).collect();
                IdentityChange::Link(Link {
                    account,
                    home: self.one(&accounts()),
                    state: self.one(&[
                        LinkState::Accepted,
                        LinkState::Accepted,
                        LinkState::Possible,
                        LinkState::Conflict,
                    ]),
                    confidence: self.below(1_000_001) as u32,
                    kinds: kinds.into_iter().collect(),
                    sources: self.some(&names(), 3),
                    from: self.from(),
                    until: self.until(),
                })
            }
            _ => IdentityChange::Unlink(account, self.one(&accounts()), self.from()),
        }
    }

    fn facts(&mut self, account: AccountKey, display: usize) -> AccountFacts {
        let names = self.some(&names(), 4);
        let upn = match self.below(4) {
            0 => None,
            1 => Some("its.own@elsewhere.example".into()),
            _ => names.last().cloned(),
        };
        let mut sids = self.some(&sids(), 2);
        if self.below(2) == 0 {
            sids.push(account.object.cloud_sid().into());
        }
        sids.sort();
        AccountFacts {
            account,
            kind: self.one(&[AccountKind::Member, AccountKind::ExternalGuest, AccountKind::Device]),
            upn,
            display: (self.below(2) == 0).then(|| "Zoë ".repeat(display).into()),
            names,
            sids,
            puids: self.some(&["1003200000000001".into(), "10032000000000AB".into()], 1),
            app: (self.below(8) == 0).then(|| Guid::from_u128(u128::from(self.below(3)))),
            devices: self.some(&["/subscriptions/a/virtualmachines/vm1".into(), "0a".repeat(20).into()], 1),
            enabled: self.one(&[None, Some(false), Some(true)]),
            from: self.from(),
            until: self.until(),
        }
    }
}

fn tenants() -> [TenantId; 3] {
    [3, 1, 2].map(|t| TenantId(Guid::from_u128(t)))
}

fn accounts() -> Vec<AccountKey> {
    let each = |tenant| (1..9).map(move |object| AccountKey { tenant, object: Guid::from_u128(object << 90 | 7) });
    tenants().into_iter().flat_map(each).collect()
}

fn instants() -> [EventTime; 7] {
    let seconds = EventTime::from_seconds;
    [
        EventTime::MIN,
        seconds(-50),
        seconds(100),
        EventTime::from_nanos(150_000_000_001),
        seconds(200),
        seconds(300),
        EventTime::MAX,
    ]
}

fn names() -> Vec<CompactString> {
    let mails = (0..12).map(|n| format_compact!("person{n}@{}.example", ["north", "south"][n % 2]));
    let odd = ["plain", "5289e9c7-3945-4ffd-8fd3-d56124baf45d", "", "a.name.too.long.for.its.record@north.example"];
    // A name that is its bearer's own cloud SID is kept in no letters at all.
    let own = accounts().into_iter().take(2).map(|account| account.object.cloud_sid().into());
    mails.chain(odd.map(CompactString::from)).chain(own).collect()
}

fn sids() -> Vec<CompactString> {
    let cloud = accounts()[0].object.cloud_sid();
    ["S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-501", "S-1-5-21-9-9-9-500", &cloud].map(CompactString::from).into()
}

/// Every handle there is.
fn handles() -> Vec<(u8, CompactString)> {
    let puids = ["1003200000000001", "10032000000000AB"].map(|p| (2, p.into()));
    let devices = ["/subscriptions/a/virtualmachines/vm1".to_owned(), "0a".repeat(20)].map(|d| (3, d.into()));
    let apps = ["0", "1", "2"].map(|a| (4, a.into()));
    let lists = names().into_iter().map(|n| (0, n)).chain(sids().into_iter().map(|s| (1, s)));
    lists.chain(puids).chain(devices).chain(apps).collect()
}

fn handle((kind, text): &(u8, CompactString)) -> Handle<'_> {
    match kind {
        0 => Handle::Name(text),
        1 => Handle::Sid(text),
        2 => Handle::Puid(text),
        3 => Handle::Device(text),
        _ => Handle::App(Guid::from_u128(text.parse().unwrap())),
    }
}

/// Compares every answer at every instant, one by one and many at once.
fn compare(index: &Index, model: &Model, what: &str) {
    let known: BTreeSet<AccountKey> = model.facts.keys().map(|(a, _)| *a).collect();
    let linked = model.links.keys().flat_map(|(a, h, _)| [*a, *h]);
    assert_eq!(index.accounts(), known.into_iter().chain(linked).collect::<BTreeSet<_>>().len(), "{what}");
    assert_eq!(index.links(), model.links.len(), "{what}");
    let handles = handles();
    let (mut probes, mut named, mut persons, mut persons_named) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for account in accounts() {
        let of: Vec<AccountFacts> = model.facts.values().filter(|f| f.account == account).cloned().collect();
        assert_eq!(index.history_of(account), of, "{what}");
        let mut links: Vec<Link> = model.links.values().filter(|l| l.account == account).cloned().collect();
        links.sort();
        assert_eq!(index.links_of(account), links, "{what}");
        let satellites: BTreeSet<_> = model.links.values().filter(|l| l.home == account).map(|l| l.account).collect();
        assert!(index.satellites_of(account).into_iter().eq(satellites), "{what}");
        for at in instants() {
            let binding = model.bind(account, at);
            assert_eq!(index.bind(account, at), binding, "{what} {account:?} {at}");
            assert_eq!(index.person(account, at), binding.person, "{what}");
            assert_eq!(index.facts(account, at), model.facts(account, at), "{what}");
            probes.push((account, at));
            persons.push(binding.person);
        }
    }
    for tenant in tenants() {
        for (handle, at) in handles.iter().map(handle).flat_map(|h| instants().map(|at| (h, at))) {
            let meant = model.account(tenant, handle, at);
            assert_eq!(index.account(tenant, handle, at), meant, "{what} {handle:?} {at}");
            assert!(index.bearers(tenant, handle).into_iter().eq(model.bearers(tenant, handle, None)), "{what}");
            named.push((tenant, handle, at));
            persons_named.push(meant.map(|account| model.bind(account, at).person));
        }
    }
    let mut found = Vec::new();
    index.persons(&probes, &mut found);
    assert_eq!(found, persons, "{what}");
    let mut found = Vec::new();
    index.persons_named(&named, &mut found);
    assert_eq!(found, persons_named, "{what}");
}

/// Applies a change to both, and holds the index to naming everybody for whom a handle of the change means something else now.
fn step(index: &mut Index, model: &mut Model, change: IdentityChange) {
    let tenant = match &change {
        IdentityChange::Account(facts) => facts.account.tenant,
        IdentityChange::Forget(account, _) | IdentityChange::Unlink(account, ..) => account.tenant,
        IdentityChange::Link(link) => link.account.tenant,
    };
    let handles = handles();
    let mean = |model: &Model| {
        let each = handles.iter().map(handle).flat_map(|h| instants().map(|at| (h, at)));
        each.map(|(h, at)| model.account(tenant, h, at)).collect::<Vec<_>>()
    };
    let bound =
        |model: &Model| accounts().into_iter().map(|a| (a, instants().map(|at| model.bind(a, at)))).collect::<Vec<_>>();
    let (before, bound_before) = (mean(model), bound(model));
    model.apply(change.clone());
    let touched = index.apply(change.clone());
    assert!(touched.is_sorted_by(|a, b| a < b));
    for (before, after) in before.into_iter().zip(mean(model)).filter(|(a, b)| a != b) {
        let named = before.into_iter().chain(after).all(|account| touched.contains(&account));
        assert!(named, "{change:?} makes {before:?} {after:?} and names {touched:?}");
    }
    for (before, after) in bound_before.into_iter().zip(bound(model)).filter(|(a, b)| a != b) {
        assert!(touched.contains(&before.0), "{change:?} binds {after:?} and names {touched:?}");
    }
}

fn shuffled(mut changes: Vec<IdentityChange>, chance: &mut Chance) -> Vec<IdentityChange> {
    for i in (1..changes.len()).rev() {
        changes.swap(i, chance.below(i as u64 + 1) as usize);
    }
    changes
}

#[test]
fn it_answers_what_the_model_answers_and_its_snapshot_too() {
    for seed in 0..8 {
        let mut chance = Chance(seed);
        let (mut index, mut model) = (Index::new(), Model::default());
        for round in 0..180 {
            let change = chance.change(1);
            step(&mut index, &mut model, change);
            if round % 60 == 59 {
                compare(&index, &model, &format!("seed {seed} round {round}"));
            }
        }
        let snapshot = index.snapshot();
        let restored = Index::restore(&snapshot).unwrap();
        compare(&restored, &model, &format!("seed {seed} restored"));
        assert!(restored.snapshot() == snapshot, "seed {seed}");
        let mut other = Index::new();
        shuffled(model.changes(), &mut chance).into_iter().for_each(|c| drop(other.apply(c)));
        compare(&other, &model, &format!("seed {seed} shuffled"));
        assert!(other.snapshot() == snapshot, "seed {seed}: order shows in the snapshot");
        // What was restored changes on like what it was written from, down to nothing.
        let mut restored = restored;
        for change in shuffled(model.changes(), &mut chance) {
            step(
                &mut restored,
                &mut model,
                match change {
                    IdentityChange::Account(f) => IdentityChange::Forget(f.account, f.from),
                    IdentityChange::Link(l) => IdentityChange::Unlink(l.account, l.home, l.from),
                    other => other,
                },
            );
        }
        compare(&restored, &model, &format!("seed {seed} emptied"));
        assert!(restored.snapshot() == Index::new().snapshot());
    }
}

#[test]
fn space_of_what_changed_is_taken_back() {
    let mut chance = Chance(99);
    let (mut index, mut model) = (Index::new(), Model::default());
    for _ in 0..6000 {
        let change = chance.change(60);
        model.apply(change.clone());
        index.apply(change);
    }
    compare(&index, &model, "after many changes");
    let footprint = index.footprint();
    assert!(footprint.compactions > 3, "{footprint:?}");
    assert!(footprint.texts < 300_000, "{footprint:?}");
    assert!(Index::restore(&index.snapshot()).unwrap().snapshot() == index.snapshot());
}

/// A name that very many bear means nobody, and one more bearer touches only itself.
#[test]
fn a_name_of_many_costs_no_more_than_a_name_of_three() {
    let mut index = Index::new();
    let tenant = tenants()[0];
    for object in 1..=20_000 {
        let account = AccountKey { tenant, object: Guid::from_u128(object) };
        let facts = AccountFacts {
            account,
            names: vec!["helpdesk@north.example".into()],
            upn: None,
            display: None,
            sids: Vec::new(),
            puids: Vec::new(),
            devices: Vec::new(),
            app: None,
            kind: AccountKind::Member,
            enabled: None,
            from: EventTime::MIN,
            until: EventTime::MAX,
        };
        let touched = index.apply(IdentityChange::Account(facts));
        assert!(touched.len() <= 2, "{object}: {}", touched.len());
    }
    let handle = Handle::Name("helpdesk@north.example");
    assert_eq!(index.account(tenant, handle, EventTime::MIN), None);
    assert_eq!(index.bearers(tenant, handle).len(), 20_000);
}

/// Bytes that were cut are refused; bytes that were changed are refused or are a whole index of other content.
#[test]
fn a_broken_snapshot_is_refused_and_never_believed_halfway() {
    let mut chance = Chance(5);
    let mut index = Index::new();
    (0..40).for_each(|_| drop(index.apply(chance.change(1))));
    let snapshot = index.snapshot();
    for cut in 0..snapshot.len() {
        Index::restore(&snapshot[..cut]).unwrap_err();
    }
    let longer = [&snapshot[..], &[0]].concat();
    assert!(Index::restore(&longer).unwrap_err().to_string().contains("its end"));
    let mut refused = 0;
    for place in 0..snapshot.len() {
        for flip in [1, 0x80, 1 + chance.below(255) as u8] {
            let mut changed = snapshot.clone();
            changed[place] ^= flip;
            let Ok(other) = Index::restore(&changed) else {
                refused += 1;
                continue;
            };
            let again = other.snapshot();
            assert!(Index::restore(&again).unwrap().snapshot() == again, "byte {place} flipped by {flip}");
            for account in other.all() {
                let _ = (other.bind(account, EventTime::MAX), other.history_of(account), other.satellites_of(account));
            }
        }
    }
    assert!(refused > snapshot.len() / 2, "{refused} of {} flips", snapshot.len() * 3);
    // Anything at all.
    for round in 0..2000 {
        let mut bytes: Vec<u8> = (0..chance.below(200)).map(|_| chance.below(256) as u8).collect();
        if round % 2 == 0 {
            bytes.splice(..0, snapshot[..(40 + chance.below(400) as usize).min(snapshot.len())].iter().copied());
        }
        let _ = Index::restore(&bytes);
    }
}
