//! An organisation by the numbers: links must be true, those that evidence supports must be found, and a change must lead to what
//! the join of all rows says. The same is measured at full size by the bench `join`; `CAPONIER_PEOPLE` makes this one larger.

use caponier_identity::{Settings, Store, combine, facts};
use caponier_lab::{Change, Grades, Organisation, Shape, organisation};
use caponier_model::{AccountFacts, Rows, Testimony};
use caponier_query::{Join, Parts, Queries, Question};

fn made(people: usize) -> Organisation {
    let people = std::env::var("CAPONIER_PEOPLE").map_or(people, |n| n.parse().unwrap());
    organisation(7, Shape::of(people))
}

fn ask(join: &Join, all: &Organisation, rows: &Rows, facts: &[AccountFacts]) -> Testimony {
    let Organisation { tenants, naming, .. } = all;
    join.testimony(&Question { rows, facts, tenants, naming }).unwrap()
}

#[test]
fn links_are_true_and_supported_ones_are_found() {
    let all = made(5000);
    let join = Join::new(Queries::embedded()).unwrap();
    let facts = facts(&all.rows);
    let found = ask(&join, &all, &all.rows, &facts);
    let weighed = combine(&found, &facts, &Settings::default());
    let grades = Grades::of(&all.truth, &weighed.links, &weighed.refusals);
    assert!(grades.precision() >= 0.9995, "{grades}");
    assert!(grades.recall() >= 0.97, "{grades}");
    let fooled: usize = grades.by_story.iter().filter(|(s, _)| s.is_hostile()).map(|(_, g)| g.wrong).sum();
    assert_eq!((fooled, grades.stray), (0, 0), "{grades}");
}

#[test]
fn a_change_leads_to_what_the_join_of_all_rows_says() {
    let all = made(2000);
    let join = Join::new(Queries::embedded()).unwrap();
    let mut store = Store::new(&all.tenants, all.naming.clone(), Settings::default());
    let settle = |store: &mut Store| {
        let naming = &all.naming;
        store.settle(|portions, tenants| join.parts(&Parts { portions, tenants, naming })).unwrap();
        store.last().rows
    };
    store.insert(&all.rows);
    settle(&mut store);
    let before = store.answers();
    for change in Change::ALL {
        let added = change.rows(&all, 100, 0);
        store.insert(&added);
        let asked = settle(&mut store);
        let mut rows = all.rows.clone();
        rows.append(added.clone());
        assert!(asked < rows.len() / 2, "{change:?} asks about {asked} of {} rows", rows.len());
        let facts = facts(&rows);
        let testimony = ask(&join, &all, &rows, &facts);
        let weighed = combine(&testimony, &facts, &Settings::default());
        let (said, told) = store.answers();
        assert!(told == weighed, "{change:?}: other links or refusals than the full join");
        assert!(said.evidence == testimony.evidence, "{change:?}: other evidence than the full join");
        assert!(said.refutations == testimony.refutations, "{change:?}: other refutations than the full join");
        assert!(said.ambiguities == testimony.ambiguities, "{change:?}: other ambiguities than the full join");
        store.remove(&added);
        settle(&mut store);
        assert!(store.answers() == before, "{change:?}: taken back, and something stayed");
    }
}
