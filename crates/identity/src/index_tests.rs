//! Questions to the index after changes in any order.

use super::*;
use caponier_model::{AccountKind, EvidenceKind, LinkState};

const H: TenantId = TenantId(Guid::from_u128(1));
const R: TenantId = TenantId(Guid::from_u128(2));

fn account(tenant: TenantId, object: u128) -> AccountKey {
    AccountKey { tenant, object: Guid::from_u128(object) }
}

fn time(seconds: i64) -> EventTime {
    EventTime::from_seconds(seconds)
}

fn facts(account: AccountKey, names: &[&str], from: i64, until: Option<i64>) -> IdentityChange {
    IdentityChange::Account(AccountFacts {
        account,
        kind: AccountKind::Member,
        upn: names.first().map(|n| (*n).into()),
        display: None,
        names: names.iter().map(|n| (*n).into()).collect(),
        sids: vec![compact_str::format_compact!("S-1-5-21-{}", account.object.as_u128())],
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: None,
        from: time(from),
        until: until.map_or(EventTime::MAX, time),
    })
}

fn link(account: AccountKey, home: AccountKey, state: LinkState, from: i64, until: Option<i64>) -> IdentityChange {
    IdentityChange::Link(Link {
        account,
        home,
        state,
        confidence: 900_000,
        kinds: vec![EvidenceKind::NamedSignIn],
        sources: Vec::new(),
        from: time(from),
        until: until.map_or(EventTime::MAX, time),
    })
}

fn organisation() -> Vec<IdentityChange> {
    use LinkState::{Accepted, Conflict, Possible};
    vec![
        facts(account(H, 1), &["adele@h"], 0, Some(50)),
        facts(account(H, 1), &["adele.vance@h"], 50, None),
        facts(account(H, 2), &["bruno@h", "shared@h"], 0, None),
        facts(account(H, 3), &["shared@h"], 10, Some(20)),
        facts(account(H, 4), &["adele@h"], 80, None),
        facts(account(R, 11), &["adele@h"], 0, None),
        link(account(R, 11), account(H, 1), Accepted, 0, Some(60)),
        link(account(R, 11), account(H, 2), Accepted, 60, None),
        link(account(R, 12), account(H, 1), Accepted, 0, None),
        link(account(R, 13), account(H, 1), Possible, 0, None),
        link(account(R, 14), account(H, 1), Conflict, 0, None),
        link(account(R, 14), account(H, 2), Conflict, 0, None),
    ]
}

fn build(changes: impl IntoIterator<Item = IdentityChange>) -> Index {
    let mut index = Index::new();
    changes.into_iter().for_each(|c| drop(index.apply(c)));
    index
}

#[test]
fn names_mean_whoever_bears_them_then() {
    let index = build(organisation());
    let who = |tenant, name, at| index.account(tenant, Handle::Name(name), time(at)).map(|a| a.object.as_u128());
    assert_eq!(who(H, "adele@h", 10), Some(1));
    assert_eq!(who(H, "adele@h", 60), None, "renamed, and not yet given to another");
    assert_eq!(who(H, "adele@h", 80), Some(4));
    assert_eq!(who(H, "adele.vance@h", 80), Some(1));
    assert_eq!(who(H, "shared@h", 5), Some(2));
    assert_eq!(who(H, "shared@h", 15), None, "two bear it");
    assert_eq!(who(H, "shared@h", 20), Some(2));
    assert_eq!(who(R, "adele@h", 10), Some(11), "another tenant's name is another name");
    assert_eq!(who(R, "nobody@h", 10), None);
    assert_eq!(index.bearers(H, Handle::Name("adele@h")), [account(H, 1), account(H, 4)]);
}

#[test]
fn sids_mean_their_account_and_cloud_sids_need_no_directory() {
    let index = build(organisation());
    let who = |sid: &str| index.account(H, Handle::Sid(sid), time(15));
    assert_eq!(who("S-1-5-21-2"), Some(account(H, 2)));
    assert_eq!(who("S-1-5-21-77"), None);
    let unheard = account(H, 0x5289_e9c7_3945_4ffd_8fd3_d561_24ba_f45d);
    assert_eq!(who(&unheard.object.cloud_sid()), Some(unheard));
}

#[test]
fn satellites_of_one_home_are_one_person_while_their_links_hold() {
    let index = build(organisation());
    let person = |object, at| index.bind(account(R, object), time(at)).person;
    assert_eq!(person(11, 10), account(H, 1));
    assert_eq!(person(12, 10), person(11, 10));
    assert_eq!(index.bind(account(H, 1), time(10)).person, account(H, 1));
    assert_eq!(person(11, 60), account(H, 2), "the next link begins where the last one ends");
    let possible = index.bind(account(R, 13), time(10));
    assert_eq!((possible.person, possible.via, possible.possible.len()), (account(R, 13), None, 1));
    let conflict = index.bind(account(R, 14), time(10));
    assert_eq!((conflict.person, conflict.via, conflict.possible.len()), (account(R, 14), None, 2));
    assert_eq!(person(99, 10), account(R, 99), "who is not known is somebody, too");
    let all: Vec<_> = [11, 12, 13, 14].map(|o| account(R, o)).into();
    assert_eq!(index.satellites_of(account(H, 1)), all);
}

#[test]
fn facts_are_those_of_the_moment() {
    let index = build(organisation());
    let upn = |at| index.facts(account(H, 1), time(at)).and_then(|f| f.upn.clone());
    assert_eq!(upn(49).as_deref(), Some("adele@h"));
    assert_eq!(upn(50).as_deref(), Some("adele.vance@h"));
    assert_eq!(upn(-1), None);
}

#[test]
fn a_change_names_everybody_it_touches() {
    let mut index = build(organisation());
    // A second bearer makes a name of account 2 ambiguous: both must be bound again.
    let both = [account(H, 2), account(H, 5)];
    assert_eq!(index.apply(facts(account(H, 5), &["bruno@h"], 0, None)), both);
    assert_eq!(index.apply(facts(account(H, 5), &["bruno@h"], 0, None)), [], "nothing new, nobody touched");
    // Taking the name away again touches both, too: the old names count as well as the new.
    assert_eq!(index.apply(facts(account(H, 5), &["other@h"], 0, None)), both);
    assert_eq!(index.account(H, Handle::Name("bruno@h"), time(1)), Some(account(H, 2)));

    let pair = [account(H, 4), account(R, 12)];
    assert_eq!(index.apply(link(account(R, 12), account(H, 4), LinkState::Accepted, 90, None)), pair);
    assert_eq!(index.bind(account(R, 12), time(95)).person, account(R, 12), "two accepted at once are none");
    assert_eq!(index.apply(IdentityChange::Unlink(account(R, 12), account(H, 4), time(90))), pair);
    assert_eq!(index.apply(IdentityChange::Unlink(account(R, 12), account(H, 4), time(90))), []);
    assert_eq!(index.bind(account(R, 12), time(95)).person, account(H, 1));
}

/// Every question there is, over every moment at which an answer changes.
fn answers(index: &Index) -> Vec<String> {
    let mut out = Vec::new();
    for at in [-1, 0, 5, 10, 15, 20, 50, 55, 60, 80, 90].map(time) {
        for account in [(H, 1), (H, 2), (H, 3), (H, 4), (R, 11), (R, 12), (R, 13), (R, 14)].map(|(t, o)| account(t, o))
        {
            out.push(format!("{:?} {:?}", index.bind(account, at), index.facts(account, at)));
        }
        for (tenant, name) in [(H, "adele@h"), (H, "shared@h"), (H, "bruno@h"), (R, "adele@h")] {
            out.push(format!("{:?}", index.account(tenant, Handle::Name(name), at)));
        }
    }
    out
}

#[test]
fn any_order_of_changes_gives_the_same_answers() {
    let changes = organisation();
    let wanted = answers(&build(changes.clone()));
    let mut seed = 7_u64;
    for _ in 0..50 {
        let mut shuffled = changes.clone();
        for i in (1..shuffled.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (seed >> 33) as usize % (i + 1));
        }
        let index = build(shuffled.into_iter().chain(changes.iter().take(4).cloned()));
        assert_eq!(answers(&index), wanted);
        assert_eq!((index.accounts(), index.links()), (8, 6));
    }
}
