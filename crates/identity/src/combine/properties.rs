//! What holds for any testimony: checked on random cases of few accounts and few moments, where everything meets everything.

use super::*;
use crate::combine::case::{account, show, tenant};
use crate::settings::{DirectoryEvidence, PairSettings};
use crate::statement::spoken;
use caponier_model::{
    AccountKey, AccountKind, Ambiguity, EventTime, Evidence, EvidenceKind, LinkState, Pair, RefusalReason, Refutation,
    Statement, Verdict, Writer,
};

/// How many cases each property sees.
const CASES: u64 = 3_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn account(&mut self, of: &[&str]) -> AccountKey {
        account(self.one(of))
    }

    fn span(&mut self) -> (EventTime, EventTime) {
        let mut ends = [self.time(), self.time()];
        ends.sort_unstable();
        (ends[0], ends[1])
    }

    fn time(&mut self) -> EventTime {
        match self.below(9) {
            0 | 1 => EventTime::MIN,
            2 | 3 => EventTime::MAX,
            n => EventTime::from_seconds(n as i64),
        }
    }
}

const SATELLITES: [&str; 5] = ["R1", "R2", "R3", "S1", "H1"];
const HOMES: [&str; 6] = ["H1", "H2", "H3", "S1", "X1", "R2"];
const TENANTS: [&str; 4] = ["H", "R", "S", "X"];

#[derive(Clone)]
struct Case {
    testimony: Testimony,
    facts: Vec<AccountFacts>,
    settings: Settings,
}

fn case(seed: u64) -> Case {
    let mut random = Random(seed);
    let mut testimony = Testimony::default();
    for _ in 0..random.below(7) {
        let (account, home, kind) =
            (random.account(&SATELLITES), random.account(&HOMES), random.one(&EvidenceKind::ALL));
        let (from, until) = random.span();
        testimony.evidence.push(Evidence { account, home, kind, from, until, source: random.one(&["a", "b"]).into() });
    }
    for _ in 0..random.below(4) {
        let (account, home) = (random.account(&SATELLITES), tenant(random.one(&TENANTS)));
        let (from, until) = random.span();
        testimony.refutations.push(Refutation { account, home, from, until, source: random.one(&["c", "d"]).into() });
    }
    for _ in 0..random.below(3) {
        let (account, home) = (random.account(&SATELLITES), tenant(random.one(&TENANTS)));
        let (from, until) = random.span();
        let (kind, source) = (random.one(&EvidenceKind::ALL), "e".into());
        testimony.ambiguities.push(Ambiguity { account, home, kind, candidates: 2, from, until, source });
    }
    for _ in 0..random.below(4) {
        let (account, home) = (random.account(&SATELLITES), random.account(&HOMES));
        let (from, until) = random.span();
        let (at, verdict) = (random.time(), random.one(&Verdict::ALL));
        let (author, reason) = (random.one(&["ann", "bob"]).into(), "".into());
        testimony.statements.push(Statement { account, home, at, verdict, author, reason, from, until });
    }
    let facts = SATELLITES.iter().chain(&HOMES).flat_map(|label| history(account(label), &mut random)).collect();
    let settings = settings(&mut random);
    Case { testimony, facts, settings }
}

fn settings(random: &mut Random) -> Settings {
    if random.below(2) == 0 {
        return Settings::default();
    }
    let mut pairs = Vec::new();
    for (home, resource) in [("H", "R"), ("H", "S"), ("S", "R"), ("X", "R"), ("S", "H")] {
        let mut pair = PairSettings::new(Pair { home: tenant(home), resource: tenant(resource) });
        pair.directory_evidence = random.one(&[DirectoryEvidence::Suggest, DirectoryEvidence::Accept]);
        pair.accept = random.one(&[None, Some(950_000)]);
        pair.confidence.insert(random.one(&EvidenceKind::ALL), random.one(&[0, 400_000, 990_000]));
        if random.below(4) > 0 {
            pairs.push(pair);
        }
    }
    Settings { pairs: Some(pairs), ..Settings::default() }
}

/// No facts, or one to three without a gap.
fn history(account: AccountKey, random: &mut Random) -> Vec<AccountFacts> {
    use AccountKind as K;
    let mut bounds: Vec<EventTime> = (0..random.below(5)).map(|_| random.time()).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let kinds = [K::Member, K::Member, K::ExternalGuest, K::ExternalMember, K::ConsumerGuest, K::ManagedIdentity];
    let fact = |bounds: &[EventTime]| AccountFacts {
        account,
        kind: random.one(&kinds),
        upn: None,
        display: None,
        names: Vec::new(),
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: None,
        from: bounds[0],
        until: bounds[1],
    };
    bounds.windows(2).map(fact).collect()
}

/// Runs `check` on each case, and says which one it was that failed.
fn each(check: impl Fn(&Case, &Weighed)) {
    for seed in 0..CASES {
        let case = case(seed);
        let found = combine(&case.testimony, &case.facts, &case.settings);
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&case, &found)));
        assert!(told.is_ok(), "case {seed}: {:#?}\n{:#?}", show(&found), case.testimony);
    }
}

/// A moment within each stretch in which nothing of these cases begins or ends.
fn moments() -> impl Iterator<Item = EventTime> {
    let within = (0..9).map(|s| EventTime::from_nanos(s * 1_000_000_000 + 1));
    std::iter::once(EventTime::from_seconds(-1)).chain(within)
}

fn holds(from: EventTime, until: EventTime, at: EventTime) -> bool {
    from <= at && at < until
}

fn accepted(found: &Weighed, at: EventTime) -> impl Iterator<Item = &Link> + Clone {
    found.links.iter().filter(move |l| l.state == LinkState::Accepted && holds(l.from, l.until, at))
}

fn of(weighed: &Weighed, account: AccountKey) -> Weighed {
    let links = weighed.links.iter().filter(|l| l.account == account).cloned().collect();
    Weighed { links, refusals: weighed.refusals.iter().filter(|r| r.account == account).cloned().collect() }
}

#[test]
fn cases_are_worth_checking() {
    let mut states = [0; 3];
    let mut reasons = std::collections::BTreeSet::new();
    each(|_, _| {});
    for seed in 0..CASES {
        let Case { testimony, facts, settings } = case(seed);
        let found = combine(&testimony, &facts, &settings);
        found.links.iter().for_each(|l| states[l.state as usize] += 1);
        reasons.extend(found.refusals.iter().map(|r| r.reason));
    }
    assert!(states.iter().all(|n| *n > 200), "{states:?}");
    assert_eq!(reasons, RefusalReason::ALL.into());
}

#[test]
fn order_and_repeats_do_not_matter() {
    fn turned<T: Clone>(list: &[T], random: &mut Random) -> Vec<T> {
        let mut list: Vec<T> = list.iter().chain(list.first()).cloned().collect();
        for i in (1..list.len()).rev() {
            list.swap(i, random.below(i + 1));
        }
        list
    }
    each(|case, found| {
        let mut random = Random(case.testimony.evidence.len() as u64);
        let testimony = Testimony {
            evidence: turned(&case.testimony.evidence, &mut random),
            refutations: turned(&case.testimony.refutations, &mut random),
            ambiguities: turned(&case.testimony.ambiguities, &mut random),
            statements: turned(&case.testimony.statements, &mut random),
        };
        let facts = turned(&case.facts, &mut random);
        assert_eq!(combine(&testimony, &facts, &case.settings), *found);
    });
}

#[test]
fn accounts_are_decided_one_by_one_and_the_star_looks_one_hop_far() {
    each(|case, found| {
        let whole = decide(&case.testimony, &case.facts, &case.settings);
        for label in SATELLITES {
            let account = account(label);
            let about = Testimony {
                evidence: case.testimony.evidence.iter().filter(|e| e.account == account).cloned().collect(),
                refutations: case.testimony.refutations.iter().filter(|r| r.account == account).cloned().collect(),
                ambiguities: case.testimony.ambiguities.iter().filter(|a| a.account == account).cloned().collect(),
                statements: named(case, account),
            };
            let wanted = |a| a == account || about.evidence.iter().any(|e| e.home == a);
            let facts: Vec<_> = case.facts.iter().filter(|f| wanted(f.account)).cloned().collect();
            assert_eq!(of(&decide(&about, &facts, &case.settings), account), of(&whole, account), "{label}");

            let mine = of(&whole, account);
            let near = |other: AccountKey| {
                other == account
                    || mine.links.iter().any(|l| l.home == other)
                    || about.statements.iter().any(|s| s.account == other || s.home == other)
            };
            let links = whole.links.iter().filter(|l| near(l.account)).cloned().collect();
            let near = star(Weighed { links, refusals: mine.refusals }, &about.statements);
            assert_eq!(of(&near, account), of(found, account), "{label}");
        }
    });
}

fn named(case: &Case, account: AccountKey) -> Vec<Statement> {
    let all = case.testimony.statements.iter();
    all.filter(|s| s.account == account || s.home == account).cloned().collect()
}

#[test]
fn every_piece_of_evidence_ends_in_an_accepted_link_or_a_refusal() {
    each(|case, found| {
        let last = spoken(&case.testimony.statements);
        for e in &case.testimony.evidence {
            let said_again = |s: &Statement| {
                (s.account, s.home, s.verdict) == (e.account, e.home, Verdict::Same)
                    && s.from.max(e.from) < s.until.min(e.until)
            };
            let mut about = case.testimony.statements.iter();
            let spoken_of =
                about.any(|s| [s.account, s.home].contains(&e.account) && [s.account, s.home].contains(&e.home));
            let different = |s: &Statement| {
                s.verdict == Verdict::Different
                    && [s.account, s.home].contains(&e.account)
                    && [s.account, s.home].contains(&e.home)
            };
            let taken_back =
                e.kind == EvidenceKind::Statement && spoken_of && !last.iter().any(|s| said_again(s) || different(s));
            if e.account == e.home || e.from >= e.until || taken_back {
                continue;
            }
            let linked = found.links.iter().any(|l| {
                (l.account, l.home, l.state) == (e.account, e.home, LinkState::Accepted) && l.kinds.contains(&e.kind)
            });
            let refused = found.refusals.iter().any(|r| {
                (r.account, r.tenant, r.home) == (e.account, e.home.tenant, Some(e.home)) && r.kinds.contains(&e.kind)
            });
            assert!(linked || refused, "{e:?}");
        }
    });
}

#[test]
fn a_satellite_has_a_home_or_a_reason_at_every_moment() {
    each(|case, found| {
        for label in SATELLITES {
            let account = account(label);
            let facts: Vec<_> = case.facts.iter().filter(|f| f.account == account).collect();
            for at in moments() {
                let fact = facts.iter().find(|f| holds(f.from, f.until, at));
                let outside = |k| {
                    matches!(k, AccountKind::ExternalGuest | AccountKind::ExternalMember | AccountKind::ConsumerGuest)
                };
                let by_directory = fact.is_some_and(|f| outside(f.kind));
                let mut logs = case.testimony.refutations.iter();
                let by_log =
                    logs.any(|r| r.account == account && r.home != account.tenant && holds(r.from, r.until, at));
                // Converted to an internal account, or gone: it is no satellite any more.
                let internal = facts.iter().any(|f| f.kind == AccountKind::Member && f.from <= at);
                let alive = facts.is_empty() || (fact.is_some() && !internal);
                let satellite = by_directory || (by_log && alive);
                if !satellite {
                    continue;
                }
                let linked = accepted(found, at).any(|l| l.account == account);
                let refused = found.refusals.iter().any(|r| r.account == account && holds(r.from, r.until, at));
                assert!(linked || refused, "{label} at {at:?}");
            }
        }
    });
}

#[test]
fn at_no_moment_has_anybody_two_homes_or_a_satellite_for_a_home() {
    each(|_, found| {
        for at in moments() {
            let links: Vec<_> = accepted(found, at).collect();
            for link in &links {
                assert_eq!(links.iter().filter(|l| l.account == link.account).count(), 1, "{link:?}");
                assert!(links.iter().all(|l| l.account != link.home), "{link:?}");
            }
        }
    });
}

#[test]
fn nothing_is_accepted_on_what_the_resource_directory_alone_says() {
    each(|case, found| {
        for link in found.links.iter().filter(|l| l.state == LinkState::Accepted) {
            let scale = case.settings.scale(Pair { home: link.home.tenant, resource: link.account.tenant });
            let scale = scale.expect("a link in a pair where none may run");
            let independent = link.kinds.iter().any(|k| k.writer() != Writer::ResourceDirectory);
            let governed = scale.directory_evidence() == DirectoryEvidence::Accept
                && link
                    .kinds
                    .iter()
                    .any(|k| matches!(k, EvidenceKind::Extension | EvidenceKind::EmployeeId | EvidenceKind::Address));
            assert!(governed || (independent && link.confidence >= scale.accept()), "{link:?}");
        }
    });
}

#[test]
fn two_people_are_never_one() {
    each(|case, found| {
        for said in spoken(&case.testimony.statements).iter().filter(|s| s.verdict == Verdict::Different) {
            for at in moments().filter(|at| holds(said.from, said.until, *at)) {
                let links = accepted(found, at);
                let person = |a: AccountKey| links.clone().find(|l| l.account == a).map_or(a, |l| l.home);
                if said.account != said.home {
                    assert_ne!(person(said.account), person(said.home), "{said:?} at {at:?}");
                }
            }
        }
    });
}

#[test]
fn refusals_of_one_meaning_are_one_line_of_time() {
    each(|_, found| {
        let meaning = |r: &Refusal| (r.account, r.tenant, r.home, r.reason);
        for (i, a) in found.refusals.iter().enumerate() {
            assert!(a.from < a.until && !a.source.is_empty(), "{a:?}");
            for b in found.refusals[i + 1..].iter().filter(|b| meaning(b) == meaning(a)) {
                assert!(a.until <= b.from || b.until <= a.from, "{a:?} {b:?}");
                let same = (&a.kinds, &a.source) == (&b.kinds, &b.source);
                let adjacent = a.until == b.from || b.until == a.from;
                assert!(!same || !adjacent, "{a:?} {b:?}");
            }
        }
        assert!(found.refusals.is_sorted() && found.links.is_sorted());
    });
}
