//! The store against a join of everything, over random histories; what a change costs; what a snapshot keeps.

mod join;
mod world;

use super::{RestoreError, Settled, Store, domains};
use crate::{Settings, combine, facts};
use caponier_model::{
    AccountFacts, AccountKey, EventTime, IdentityChange, Link, NamingRule, Portion, Rows, Tenants, Testimony,
};
use join::{by_topic, join};
use std::collections::BTreeMap;
use std::convert::Infallible;
use world::{Random, World};

/// What the changes told so far add up to.
#[derive(Default)]
struct Told {
    facts: BTreeMap<(AccountKey, EventTime), AccountFacts>,
    links: BTreeMap<(AccountKey, AccountKey, EventTime), Link>,
}

impl Told {
    /// Applies changes, each of which must change something.
    fn apply(&mut self, changes: Vec<IdentityChange>) {
        assert!(changes.is_sorted(), "{changes:?}");
        for change in changes {
            let shown = format!("{change:?}");
            let changed = match change {
                IdentityChange::Account(f) => self.facts.insert((f.account, f.from), f.clone()) != Some(f),
                IdentityChange::Forget(account, from) => self.facts.remove(&(account, from)).is_some(),
                IdentityChange::Link(l) => self.links.insert((l.account, l.home, l.from), l.clone()) != Some(l),
                IdentityChange::Unlink(account, home, from) => self.links.remove(&(account, home, from)).is_some(),
            };
            assert!(changed, "told in vain: {shown}");
        }
    }
}

fn sure(testimony: Testimony) -> Result<Testimony, Infallible> {
    Ok(testimony)
}

fn settle(store: &mut Store, naming: &[NamingRule]) -> Vec<IdentityChange> {
    store.settle(|portions, tenants| sure(by_topic(portions, tenants, naming))).unwrap()
}

/// The store has just been settled and must say what a join of all its rows says.
fn check(store: &Store, told: &Told, rows: &Rows, world: &World) {
    let facts = facts(rows);
    let tenants = domains(&facts, &world.tenants);
    assert_eq!(store.tenants(), tenants);
    let said = join(rows, &facts, &tenants, &world.naming);
    let weighed = combine(&said, &facts, &world.settings);
    let (found, answers) = store.answers();
    assert_eq!(found, said);
    assert_eq!(answers.links, weighed.links);
    assert_eq!(answers.refusals, weighed.refusals);
    for (told, fact) in told.facts.values().zip(&facts) {
        assert_eq!(told, fact);
    }
    assert_eq!(told.facts.len(), facts.len());
    let mut links: Vec<&Link> = told.links.values().collect();
    links.sort_unstable();
    assert!(links.into_iter().eq(&weighed.links), "links");
}

fn restored(store: &mut Store, world: &World) -> Store {
    let snapshot = store.snapshot();
    let mut copy = Store::restore(&snapshot, &world.tenants, world.naming.clone(), world.settings.clone()).unwrap();
    assert!(copy.snapshot() == snapshot, "a snapshot of the restored store is another");
    copy
}

/// One history: rows come and go in portions of any size; what is settled is checked; sometimes the join fails, sometimes the
/// store is written down and read back.
fn history(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let world = World::new(&mut random);
    let mut store = Store::new(&world.tenants, world.naming.clone(), world.settings.clone());
    let (mut rows, mut told) = (Rows::default(), Told::default());
    for step in 0..14 {
        let some = if step == 0 { 60 } else { 1 + random.below(4) };
        let mut new = Rows::default();
        (0..some).for_each(|_| world.row(&mut random, &mut new));
        let gone = if step > 0 && random.below(2) == 0 { world::some_of(&rows, &mut random) } else { Rows::default() };
        if random.below(8) == 0 {
            store.insert(&gone);
        }
        store.insert(&new);
        store.remove(&gone);
        rows.append(new);
        world::take_out(&mut rows, &gone);
        if random.below(6) == 0 {
            store = restored(&mut store, &world);
        }
        if random.below(6) == 0 {
            let failed = store.settle(|_, _| Err("no"));
            assert!(failed.is_err() || failed == Ok(Vec::new()));
        }
        if random.below(3) > 0 || step == 0 {
            told.apply(settle(&mut store, &world.naming));
            check(&store, &told, &rows, &world);
            assert_eq!(settle(&mut store, &world.naming), [], "nothing has changed");
        }
        if random.below(6) == 0 {
            store = restored(&mut store, &world);
        }
    }
}

#[test]
fn any_history_ends_in_what_a_join_of_everything_says() {
    let histories = std::env::var("CAPONIER_HISTORIES").map_or(400, |n| n.parse().unwrap());
    for seed in 1..=histories {
        let result = std::panic::catch_unwind(|| history(seed));
        assert!(result.is_ok(), "history {seed}");
    }
}

#[test]
fn a_snapshot_does_not_tell_in_which_order_rows_came() {
    let mut random = Random(77);
    let world = World::new(&mut random);
    let mut rows = Rows::default();
    (0..200).for_each(|_| world.row(&mut random, &mut rows));
    let snapshot = |rows: &[Rows]| {
        let mut store = Store::new(&world.tenants, world.naming.clone(), world.settings.clone());
        for rows in rows {
            store.insert(rows);
            settle(&mut store, &world.naming);
        }
        store.snapshot()
    };
    let mut parts = vec![Rows::default(), Rows::default()];
    parts[0] = world::some_of(&rows, &mut random);
    parts[1] = rows.clone();
    world::reverse(&mut parts[1]);
    assert!(snapshot(&[rows]) == snapshot(&parts));
}

#[test]
fn damaged_snapshots_are_refused_or_harmless() {
    let mut random = Random(5);
    let world = World::new(&mut random);
    let mut store = Store::new(&world.tenants, world.naming.clone(), world.settings.clone());
    let mut rows = Rows::default();
    (0..40).for_each(|_| world.row(&mut random, &mut rows));
    store.insert(&rows);
    settle(&mut store, &world.naming);
    world.row(&mut random, &mut rows);
    store.insert(&rows);
    let whole = store.snapshot();
    let restore = |bytes: &[u8]| Store::restore(bytes, &world.tenants, world.naming.clone(), world.settings.clone());
    assert_eq!(restore(b"CAPINDEX and more").unwrap_err(), RestoreError::Foreign);
    let mut other = whole.clone();
    other[11] = 9;
    assert_eq!(restore(&other).unwrap_err(), RestoreError::Version(9));
    for cut in 0..whole.len() {
        assert!(restore(&whole[..cut]).is_err(), "cut at {cut}");
    }
    assert!(restore(&[&whole[..], b"!"].concat()).is_err());
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        // A checksum is the ledger's: what reads as a store may be one. It must work, whatever it says.
        if let Ok(mut store) = restore(&bytes) {
            store.recheck();
            settle(&mut store, &world.naming);
            store.snapshot();
        }
    }
}

#[test]
fn another_configuration_asks_about_everything_again() {
    let mut random = Random(9);
    let world = World::new(&mut random);
    let mut store = Store::new(&world.tenants, world.naming.clone(), world.settings.clone());
    let mut rows = Rows::default();
    (0..80).for_each(|_| world.row(&mut random, &mut rows));
    store.insert(&rows);
    let mut told = Told::default();
    told.apply(settle(&mut store, &world.naming));
    let strict = World { settings: Settings { accept: 999_999, ..world.settings.clone() }, ..world };
    let mut store = restored_as(&mut store, &strict);
    told.apply(settle(&mut store, &strict.naming));
    check(&store, &told, &rows, &strict);
}

fn restored_as(store: &mut Store, world: &World) -> Store {
    Store::restore(&store.snapshot(), &world.tenants, world.naming.clone(), world.settings.clone()).unwrap()
}

#[test]
fn what_is_forgotten_was_never_there() {
    let mut random = Random(31);
    let world = World::new(&mut random);
    let mut store = Store::new(&world.tenants, world.naming.clone(), world.settings.clone());
    let (mut rows, mut told) = (Rows::default(), Told::default());
    (0..120).for_each(|_| world.row(&mut random, &mut rows));
    rows.canonical();
    store.insert(&rows);
    told.apply(settle(&mut store, &world.naming));
    let (moment, all) = (EventTime::from_seconds(200), rows.len());
    assert_eq!(store.forget(EventTime::MIN), 0);
    let forgotten = store.forget(moment);
    rows.sign_ins.retain(|r| r.time >= moment);
    rows.callers.retain(|r| r.time >= moment);
    assert!(forgotten > 5, "{forgotten}");
    assert_eq!(forgotten, all - rows.len());
    told.apply(settle(&mut store, &world.naming));
    check(&store, &told, &rows, &world);
}

#[test]
fn a_full_store_turns_rows_away_and_counts_them() {
    let mut random = Random(32);
    let world = World::new(&mut random);
    let mut store = Store::new(&world.tenants, world.naming.clone(), world.settings.clone());
    let (mut rows, mut more) = (Rows::default(), Rows::default());
    (0..60).for_each(|_| world.row(&mut random, &mut rows));
    (0..60).for_each(|_| world.row(&mut random, &mut more));
    rows.canonical();
    store.insert(&rows);
    let mut told = Told::default();
    told.apply(settle(&mut store, &world.naming));
    store.limit(store.size().rows);
    store.insert(&more);
    assert_eq!(settle(&mut store, &world.naming), []);
    assert_eq!(store.size().refused, more.len());
    check(&store, &told, &rows, &world);
    // Room is made, and taken.
    store.forget(EventTime::MAX);
    store.insert(&Rows { statements: more.statements.clone(), ..Rows::default() });
    assert_eq!(store.size().refused, more.len());
}

/// Half of a sign-in goes, and comes again: the account that the other half is of has a pair less, then one more.
#[test]
fn a_sign_in_concerns_whoever_is_its_counterpart() {
    let world = world::large(30);
    let mut store = Store::new(&world.tenants, Vec::new(), Settings::default());
    store.insert(&world.rows);
    settle(&mut store, &[]);
    let said = |rows: &Rows| join(rows, &facts(rows), &world.tenants, &[]);
    assert_eq!(store.answers().0, said(&world.rows));
    for at in 0..6 {
        let gone = Rows { sign_ins: vec![world.rows.sign_ins[at].clone()], ..Rows::default() };
        let mut left = world.rows.clone();
        world::take_out(&mut left, &gone);
        store.remove(&gone);
        settle(&mut store, &[]);
        assert_eq!(store.answers().0, said(&left));
        store.insert(&gone);
        settle(&mut store, &[]);
        assert_eq!(store.answers().0, said(&world.rows));
    }
}

/// What each change of a large organisation costs, after everything is settled.
fn costs(people: u128, ask: impl Fn(&[Portion], &Tenants) -> Testimony) -> Vec<Settled> {
    let world = world::large(people);
    let mut store = Store::new(&world.tenants, Vec::new(), Settings::default());
    let mut settle = |gone: &Rows, new: &Rows| {
        store.remove(gone);
        store.insert(new);
        store.settle(|portions, tenants| sure(ask(portions, tenants))).unwrap();
        store.last()
    };
    settle(&Rows::default(), &world.rows);
    world.changes.iter().map(|(gone, new)| settle(gone, new)).collect()
}

/// One organisation, and the same three or ten times as large: a change must ask about as many rows in both, look at accounts as
/// often, and come to as much.
#[test]
fn a_change_costs_the_same_however_many_people_there_are() {
    let silent = |_: &[Portion], _: &Tenants| Testimony::default();
    let joined = |portions: &[Portion], tenants: &Tenants| by_topic(portions, tenants, &[]);
    let large = costs(3_000, silent);
    assert_eq!(costs(300, silent), large);
    assert_eq!(costs(150, joined), costs(450, joined));
    let most = large.iter().map(|c| c.rows).max().unwrap();
    assert!(most <= 40 * world::CHANGED, "{large:?}");
    for cost in large {
        assert!(cost.looks <= 40 * cost.changed, "{cost:?}");
    }
    let tenants: &Tenants = &world::large(1).tenants;
    assert_eq!(tenants.all.len(), 4);
}
