//! The identity join against goldens: every query over one small organisation of traps, then the links made of all of them.
//!
//! `CAPONIER_BLESS=1` rewrites the goldens; the difference is then for the reviewer to judge.

use crate::cast::Cast;
use caponier_identity::{Index, Settings, combine, facts};
use caponier_model::{EventTime, IdentityChange, LinkState, Persons};
use caponier_query::{Join, Queries, Query, QueryError};
use std::borrow::Cow;
use std::path::Path;

const ORGANISATION: &str = include_str!("../data/organisation.txt");

fn join() -> Join {
    Join::new(Queries::embedded()).unwrap()
}

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../queries/identity/goldens/{name}.txt"));
    if std::env::var_os("CAPONIER_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; CAPONIER_BLESS=1", path.display()));
    assert_eq!(found, wanted, "golden {name}; CAPONIER_BLESS=1 rewrites it");
}

/// A file is named after its number and the kind it yields, so one run tells them apart.
#[test]
fn each_query_yields_its_golden() {
    let cast = Cast::read(ORGANISATION);
    let found = join().testimony(&cast.question(&facts(&cast.rows))).unwrap();
    let (mut evidence, mut ambiguities) = (found.evidence, found.ambiguities);
    for query in Queries::embedded().evidence {
        let kind = query.name.split_once('_').unwrap().1;
        // A kind in two strengths comes of one query.
        let own: Vec<_> = evidence.extract_if(.., |e| e.kind.code().starts_with(kind)).collect();
        let unsure: Vec<_> = ambiguities.extract_if(.., |a| a.kind.code().starts_with(kind)).collect();
        golden(&query.name, &(cast.evidence(&own) + &cast.ambiguities(&unsure)));
        assert!(!own.is_empty(), "the organisation has no case for {}", query.name);
    }
    assert_eq!((evidence, ambiguities), (vec![], vec![]));
    golden("refutations", &cast.refutations(&found.refutations));
}

#[test]
fn the_organisation_resolves_to_its_people() {
    let mut cast = Cast::read(ORGANISATION);
    let facts = facts(&cast.rows);
    let found = join().testimony(&cast.question(&facts)).unwrap();
    let links = combine(&found, &facts, &Settings::default()).links;
    golden("links", &cast.links(&links));

    let mut index = Index::new();
    facts.into_iter().for_each(|f| drop(index.apply(IdentityChange::Account(f))));
    links.iter().cloned().for_each(|l| drop(index.apply(IdentityChange::Link(l))));
    for link in links {
        let person = index.bind(link.account, link.from).person;
        assert_eq!(person == link.home, link.state == LinkState::Accepted, "{link:?}");
    }
    let victim = cast.account("H/hana");
    let fooled = |s: &&_| index.bind(**s, EventTime::MAX).person == victim;
    assert_eq!(index.satellites_of(victim).iter().filter(fooled).count(), 0);
}

#[test]
fn order_and_repeats_of_rows_do_not_matter() {
    let cast = Cast::read(ORGANISATION);
    let mut other = Cast::read(ORGANISATION);
    other.rows.sign_ins.reverse();
    other.rows.accounts.reverse();
    other.rows.invitations.reverse();
    other.rows.append(cast.rows.clone());
    let join = join();
    let run = |cast: &Cast| join.testimony(&cast.question(&facts(&cast.rows))).unwrap();
    assert_eq!(run(&cast), run(&other));
}

#[test]
fn verified_domains_are_derived_where_none_are_configured() {
    let mut cast = Cast::read(ORGANISATION);
    let configured = join().testimony(&cast.question(&facts(&cast.rows)));
    // One reader's tenants, with and without their domains.
    cast.tenants.all.iter_mut().for_each(|t| t.domains.clear());
    let nothing = join().testimony(&cast.question(&facts(&cast.rows)));
    cast.derive_domains();
    let derived = join().testimony(&cast.question(&facts(&cast.rows)));
    let configured = configured.unwrap();
    assert_eq!(configured, derived.unwrap());
    // Deriving is not the join's: it takes the tenants as they are.
    assert_ne!(configured, nothing.unwrap());
}

#[test]
fn a_query_with_other_columns_is_refused_by_name() {
    let mut queries = Queries::embedded();
    queries.evidence.push(Query { name: "mine".into(), text: Cow::Borrowed("SELECT tenant, object FROM accounts") });
    let error = Join::new(queries.clone()).unwrap_err();
    assert!(matches!(&error, QueryError::Columns { name, .. } if name == "mine"), "{error}");
    queries.evidence.last_mut().unwrap().text = Cow::Borrowed("SELECT nothing FROM nowhere");
    let error = Join::new(queries).unwrap_err();
    assert!(matches!(&error, QueryError::Engine { name, .. } if name == "mine"), "{error}");
}
