//! The join asked part by part: plans that are kept see the rows of each question, topics see their portions, and a change of any
//! kind of row reaches the queries that read it.

use crate::cast::Cast;
use crate::incremental::without;
use caponier_identity::{Settings, Store, combine, facts};
use caponier_model::{Portion, Rows, Tenants, Testimony, Topic, Topics};
use caponier_query::{Join, Parts, Queries, Question};

const ORGANISATION: &str = include_str!("../data/organisation.txt");

fn join() -> Join {
    Join::new(Queries::embedded()).unwrap()
}

fn whole(join: &Join, cast: &Cast, rows: &Rows) -> Testimony {
    let facts = facts(rows);
    let question = Question { rows, facts: &facts, tenants: &cast.tenants, naming: &cast.naming };
    Testimony { statements: Vec::new(), ..join.testimony(&question).unwrap() }
}

/// By the plans that are kept: of one portion with everything the join would make new ones.
fn by_parts(join: &Join, cast: &Cast, rows: &Rows, topics: Topics) -> Testimony {
    let portions = [Portion { topics, rows: rows.clone(), facts: facts(rows) }, Portion::default()];
    join.parts(&Parts { portions: &portions, tenants: &cast.tenants, naming: &cast.naming }).unwrap()
}

#[test]
fn kept_plans_see_the_rows_of_each_question() {
    let (join, cast) = (join(), Cast::read(ORGANISATION));
    let all = &cast.rows;
    let questions = [
        all.clone(),
        Rows { sign_ins: Vec::new(), invitations: Vec::new(), ..all.clone() },
        Rows { accounts: all.accounts[..all.accounts.len() / 2].to_vec(), ..all.clone() },
        Rows { accounts: Vec::new(), ..all.clone() },
        Rows { statements: all.statements.clone(), ..Rows::default() },
        all.clone(),
    ];
    let mut told = Vec::new();
    for rows in &questions {
        let (found, wanted) = (by_parts(&join, &cast, rows, Topics::ALL), whole(&join, &cast, rows));
        assert_eq!(found, wanted);
        told.push(found);
    }
    assert!(told.windows(2).all(|two| two[0] != two[1]), "each question has another answer than the one before it");
}

#[test]
fn each_topic_is_asked_about_the_portions_that_name_it() {
    let (join, cast) = (join(), Cast::read(ORGANISATION));
    let all = whole(&join, &cast, &cast.rows);
    for topic in Topic::ALL {
        let of = |said: &Testimony| {
            let mut said = said.clone();
            said.evidence.retain(|e| Topic::of(e.kind) == topic);
            said.ambiguities.retain(|a| Topic::of(a.kind) == topic);
            said.refutations.retain(|_| topic == Topic::Refutations);
            said
        };
        let found = by_parts(&join, &cast, &cast.rows, Topics::of(&[topic]));
        assert_eq!(found, of(&all), "{topic:?}");
        assert_ne!(found, Testimony::default(), "{topic:?}: the organisation has no case for it");
    }
}

/// The lists of rows, each with one of them alone.
fn singles(rows: &Rows) -> Vec<(&'static str, Topics, Vec<Rows>)> {
    use Topic as T;
    let one = Rows::default;
    macro_rules! single {
        ($list:ident, $($topic:ident),*) => {
            (stringify!($list), Topics::of(&[$(T::$topic),*]),
             rows.$list.iter().map(|row| Rows { $list: vec![row.clone()], ..one() }).collect())
        };
    }
    vec![
        single!(accounts, Address, ExtName, LooksAlike, EmployeeId, CommonSource, Extension, NamedSignIn, NamingRule),
        single!(sign_ins, Refutations, NamedSignIn, DelegatedCaller, PairedSignIn),
        single!(invitations, Redemption, Address),
        single!(provisioning, Provisioning),
        single!(callers, Puid, Refutations, DelegatedCaller),
        single!(principals, Application),
        single!(statements, Statement),
    ]
}

#[test]
fn a_change_of_each_kind_of_row_reruns_what_reads_it() {
    let (join, cast) = (join(), Cast::read(ORGANISATION));
    let mut store = Store::new(&cast.tenants, cast.naming.clone(), Settings::default());
    let settle = |store: &mut Store| {
        let mut asked = Topics::NONE;
        let ask = |portions: &[Portion], tenants: &Tenants| {
            asked = portions.iter().fold(Topics::NONE, |all, p| all.or(p.topics));
            join.parts(&Parts { portions, tenants, naming: &cast.naming })
        };
        store.settle(ask).unwrap();
        asked
    };
    store.insert(&cast.rows);
    settle(&mut store);
    let before = store.answers();
    let mut differing = 0;
    for (list, readers, singles) in singles(&cast.rows) {
        assert!(!singles.is_empty(), "{list}");
        let step = singles.len().div_ceil(4);
        for gone in singles.into_iter().step_by(step) {
            store.remove(&gone);
            settle(&mut store);
            let mut left = cast.rows.clone();
            without(&mut left, &gone);
            let facts = facts(&left);
            let tenants = store.tenants();
            let question = Question { rows: &left, facts: &facts, tenants: &tenants, naming: &cast.naming };
            let said = join.testimony(&question).unwrap();
            let weighed = combine(&said, &facts, &Settings::default());
            assert_eq!(store.answers(), (said, weighed), "{list}: {gone:?}");
            let differs = store.answers() != before;
            store.insert(&gone);
            let asked = settle(&mut store);
            differing += usize::from(differs);
            assert!(!differs || !asked.and(readers).is_empty(), "{list} asks {asked:?}: {gone:?}");
            assert_eq!(store.answers(), before, "{list}: {gone:?} put back");
        }
    }
    assert!(differing > 10, "{differing} rows made a difference");
}

#[test]
fn a_display_name_concerns_only_who_looks_alike() {
    let (join, cast) = (join(), Cast::read(ORGANISATION));
    let mut store = Store::new(&cast.tenants, cast.naming.clone(), Settings::default());
    let mut asked = Vec::new();
    let mut settle = |store: &mut Store| {
        let ask = |portions: &[Portion], tenants: &Tenants| {
            asked.push(portions.iter().fold(Topics::NONE, |all, p| all.or(p.topics)));
            join.parts(&Parts { portions, tenants, naming: &cast.naming })
        };
        store.settle(ask).unwrap();
    };
    store.insert(&cast.rows);
    settle(&mut store);
    let row = cast.rows.accounts.iter().find(|r| r.seen.is_none() && r.display.is_some()).unwrap();
    let renamed = caponier_model::AccountRow { display: Some("Somebody Else".into()), ..row.clone() };
    store.remove(&Rows { accounts: vec![row.clone()], ..Rows::default() });
    store.insert(&Rows { accounts: vec![renamed], ..Rows::default() });
    settle(&mut store);
    assert_eq!(asked, [Topics::ALL, Topics::of(&[Topic::LooksAlike])]);
}
