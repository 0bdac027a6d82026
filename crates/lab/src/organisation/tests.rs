//! The organisation is what its documentation says: proportions, determinism, and truth that a judge who knows it confirms.

use super::{Change, Grades, Shape, Story, organisation};
use caponier_model::{AccountKey, EventTime, EvidenceKind, Link, LinkState};
use std::collections::{BTreeMap, BTreeSet};

fn link(account: AccountKey, home: AccountKey) -> Link {
    let (from, until) = (EventTime::MIN, EventTime::MAX);
    let kinds = vec![EvidenceKind::Puid];
    Link { account, home, state: LinkState::Accepted, confidence: 1, kinds, sources: Vec::new(), from, until }
}

#[test]
fn proportions_hold_at_any_size() {
    for people in [10_000, 20_000] {
        let shape = Shape::of(people);
        let all = organisation(7, shape);
        let home = all.tenants.all[0].id;
        let at_home: BTreeSet<_> = all.rows.accounts.iter().map(|r| r.account).filter(|a| a.tenant == home).collect();
        assert_eq!(at_home.len(), people);
        let known: BTreeSet<_> = all.rows.accounts.iter().map(|r| r.account).collect();
        let told: BTreeMap<_, _> =
            all.truth.iter().filter(|a| a.account.tenant != home).map(|a| (a.account, a.story)).collect();
        let objects = told.iter().filter(|(account, _)| known.contains(account)).count();
        // Every deleted and invited account is two objects.
        let again = told.values().filter(|s| **s == Story::InvitedAgain).count() / 2;
        assert_eq!(objects - again, shape.guests);
        let hostile = told.values().filter(|s| s.is_hostile()).count();
        assert_eq!(hostile, shape.guests / 20);
        assert!(all.rows.sign_ins.len() <= shape.sign_ins, "{}", all.rows.sign_ins.len());
        assert!(all.rows.sign_ins.len() >= shape.sign_ins / 2, "{}", all.rows.sign_ins.len());
        assert!(all.truth.iter().all(|a| a.home.is_none_or(|h| at_home.contains(&h))));
        assert_eq!(Story::ALL.iter().map(|(_, share)| share).sum::<u16>(), 1000);
        assert_eq!(Change::RenamedDomain.rows(&all, 0, 0).accounts.len(), people / 1000);
        assert_eq!(Change::HotDomain.rows(&all, 50, 0).accounts.len(), 50);
        assert_eq!(Change::RandomKeys.rows(&all, 1000, 0).len(), 1000);
        assert_ne!(Change::RandomKeys.rows(&all, 1000, 0), Change::RandomKeys.rows(&all, 1000, 1));
    }
}

#[test]
fn names_are_borne_by_one_person_unless_a_story_says_otherwise() {
    let all = organisation(7, Shape::of(5000));
    let home = all.tenants.all[0].id;
    let mut bearers: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for row in all.rows.accounts.iter().filter(|r| r.account.tenant == home) {
        bearers.entry(row.upn.clone().unwrap()).or_default().insert(row.account);
    }
    let shared = bearers.values().filter(|b| b.len() > 1).count();
    let reused = all.truth.iter().filter(|a| a.story == Story::AddressReused).count();
    assert_eq!(shared, reused);
}

#[test]
fn the_same_seed_makes_the_same_rows() {
    let (a, b) = (organisation(7, Shape::of(1000)), organisation(7, Shape::of(1000)));
    assert_eq!((a.rows, a.truth), (b.rows, b.truth));
    assert_ne!(organisation(8, Shape::of(1000)).truth, organisation(7, Shape::of(1000)).truth);
}

#[test]
fn the_judge_tells_right_from_wrong() {
    let all = organisation(7, Shape::of(5000));
    // Every home that is supported, at all times: wrong only where an account changes hands or becomes nobody's.
    let steady = |s: Story| !matches!(s, Story::Converted | Story::GivenAway);
    let supported = || all.truth.iter().filter(|a| a.supported && steady(a.story));
    let links: Vec<_> = supported().map(|a| link(a.account, a.home.unwrap())).collect();
    let grades = Grades::of(&all.truth, &links, &[]);
    assert_eq!((grades.all.wrong, grades.stray, grades.precision()), (0, 0, 1.0));
    assert_eq!(grades.all.found, supported().count());
    assert!(grades.recall() < 1.0 && grades.recall() > 0.9);
    let victim = all.truth.iter().find(|a| a.home.is_some()).unwrap().home.unwrap();
    let forged = all.truth.iter().find(|a| a.story == Story::Forged).unwrap();
    let grades = Grades::of(&all.truth, &[link(forged.account, victim), link(victim, forged.account)], &[]);
    assert_eq!((grades.all.wrong, grades.stray, grades.precision()), (1, 1, 0.0));
    assert_eq!(grades.by_story[&Story::Forged].wrong, 1);
    assert_eq!(grades.by_kind[&EvidenceKind::Puid], (0, 1));
}
