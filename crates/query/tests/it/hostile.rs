//! The hostile suite: named cases of accounts that lie, change hands or look alike, with what must come of them by default and in
//! pairs whose operator also governs the resource directory. All cases run in one join, each among tenants of its own.
//!
//! `CAPONIER_BLESS=1` rewrites `docs/hostile.md`, the table for readers; expectations are written by hand only.
//!
//! A case in `tests/data/hostile/*.txt`:
//!
//! ```text
//! case its_name
//! : Its story in words.
//! tenant H primary h.test          # left out: H primary h.test, R secondary r.test
//! home ada                         # a member of H: ada@h.test, created on the 1st
//! guest ada employee=7             # R/g.ada, invited as ada@h.test on the 2nd; whatever is given goes before
//! visit R/g.ada                    # R's log: from H as ada@h.test, portal, on the 5th at 10:00
//! depart H/ada                     # H's log of the same sign-in
//! truth R/g.ada H/ada from=02      # what an accepted link may say
//! both R/g.ada -> H/ada accepted [02T00:00:00 .. ) because ambiguous
//! ```
//!
//! and every other line of `cast.rs`. An expectation begins with `default`, `accept` or `both`; it names a link and its state,
//! `none`, or `itself` for an account that nothing takes for somebody else's; a link's span, where that matters; every reason of
//! every refusal, which say why not or why not at other times. `wrong` marks an accepted link that is not true.

use crate::cast::{Cast, span};
use caponier_identity::{DirectoryEvidence, PairSettings, Settings, Weighed, combine, facts};
use caponier_model::{AccountFacts, AccountKey, AccountKind, EventTime, Link, LinkState, Pair, TenantRole};
use caponier_query::{Join, Queries};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const FILES: [&str; 7] = [
    include_str!("../data/hostile/1-names.txt"),
    include_str!("../data/hostile/2-strangers.txt"),
    include_str!("../data/hostile/3-directory.txt"),
    include_str!("../data/hostile/4-logs.txt"),
    include_str!("../data/hostile/5-topology.txt"),
    include_str!("../data/hostile/6-letters.txt"),
    include_str!("../data/hostile/7-other-accounts.txt"),
];

/// The settings a case is judged under.
const CONFIGURATIONS: [&str; 2] = ["default", "accept"];

/// One case, its labels resolved.
#[derive(Default)]
struct Case {
    name: String,
    story: String,
    scope: String,
    truth: Vec<(AccountKey, AccountKey, EventTime, EventTime)>,
    expected: [BTreeMap<AccountKey, Outcome>; 2],
}

/// What comes of one account.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
struct Outcome {
    /// `-> H/ada accepted`, with its span where one was written.
    links: BTreeSet<String>,
    wrong: bool,
    reasons: BTreeSet<String>,
}

/// Everything that is read: the cases and the cast that plays them.
#[derive(Default)]
struct Suite {
    cast: Cast,
    cases: Vec<Case>,
}

impl Suite {
    fn read() -> Self {
        let mut suite = Self::default();
        let lines = || FILES.iter().flat_map(|text| text.lines()).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let all: Vec<&str> = lines().collect();
        for block in all.split(|l| l.starts_with("case ")).skip(1).zip(all.iter().filter(|l| l.starts_with("case "))) {
            suite.case(&block.1["case ".len()..], block.0);
        }
        suite
    }

    fn case(&mut self, name: &str, lines: &[&str]) {
        let scope = format!("{:02}.", self.cases.len() + 1);
        self.cast.scope.clone_from(&scope);
        let mut case = Case { name: name.to_owned(), scope: scope.clone(), ..Case::default() };
        if !lines.iter().any(|l| l.starts_with("tenant ")) {
            self.cast.line(&own("tenant H primary h.test", &scope));
            self.cast.line(&own("tenant R secondary r.test", &scope));
        }
        for line in lines {
            let (first, rest) = line.split_once(' ').unwrap();
            match first {
                ":" => case.story = format!("{}{}{rest}", case.story, if case.story.is_empty() { "" } else { " " }),
                "truth" => self.truth(&mut case, rest),
                "default" => self.expectation(&mut case, &[0], rest),
                "accept" => self.expectation(&mut case, &[1], rest),
                "both" => self.expectation(&mut case, &[0, 1], rest),
                _ => self.cast.line(&own(&spelled_out(first, rest), &scope)),
            }
        }
        self.cases.push(case);
    }

    fn truth(&mut self, case: &mut Case, rest: &str) {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let bound = |key: &str| words.iter().find_map(|w| w.strip_prefix(key)).map(crate::cast::time);
        let (from, until) = (bound("from=").unwrap_or(EventTime::MIN), bound("until=").unwrap_or(EventTime::MAX));
        case.truth.push((self.cast.account(words[0]), self.cast.account(words[1]), from, until));
    }

    fn expectation(&mut self, case: &mut Case, configurations: &[usize], rest: &str) {
        let (what, reasons) = rest.split_once(" because ").unwrap_or((rest, ""));
        let (account, what) = what.split_once(' ').unwrap();
        let account = self.cast.account(account);
        let (what, wrong) = what.strip_suffix(" wrong").map_or((what, false), |what| (what, true));
        for configuration in configurations {
            let outcome = case.expected[*configuration].entry(account).or_default();
            if what != "none" && what != "itself" {
                assert!(what.starts_with("-> "), "{}: {rest}", case.name);
                outcome.links.insert(what.to_owned());
            }
            outcome.wrong |= wrong;
            outcome.reasons.extend(reasons.split(", ").filter(|r| !r.is_empty()).map(str::to_owned));
        }
    }

    fn settings(&self, directory: DirectoryEvidence) -> Settings {
        let all = || self.cast.tenants.all.iter();
        let monitored = all().map(|t| t.id).collect();
        if directory == DirectoryEvidence::Suggest {
            return Settings { monitored, ..Settings::default() };
        }
        let mut pairs = Vec::new();
        for (home, resource) in all().flat_map(|h| all().map(move |r| (h, r))) {
            if home.id != resource.id && self.cast.scope_of(home.id) == self.cast.scope_of(resource.id) {
                let mut pair = PairSettings::new(Pair { home: home.id, resource: resource.id });
                if home.role == TenantRole::Primary && resource.role == TenantRole::Secondary {
                    pair.directory_evidence = directory;
                }
                pairs.push(pair);
            }
        }
        Settings { monitored, pairs: Some(pairs), ..Settings::default() }
    }

    /// What came of each account of a case, in the words of expectations.
    fn found(
        &self,
        case: &Case,
        weighed: &Weighed,
        facts: &[AccountFacts],
        wanted: usize,
    ) -> BTreeMap<AccountKey, Outcome> {
        let of_case = |a: &AccountKey| self.cast.scope_of(a.tenant) == case.scope;
        let mut found: BTreeMap<AccountKey, Outcome> = BTreeMap::new();
        let guests = facts.iter().filter(|f| is_guest(f.kind)).map(|f| f.account);
        guests.filter(of_case).chain(case.expected[wanted].keys().copied()).for_each(|a| {
            found.entry(a).or_default();
        });
        for link in weighed.links.iter().filter(|l| of_case(&l.account)) {
            let plain = format!("-> {} {}", self.cast.name(link.home), link.state.code());
            let dated = format!("{plain} {}", span(link.from, link.until));
            let expected = case.expected[wanted].get(&link.account);
            let is_dated = expected.is_some_and(|o| o.links.contains(&dated))
                || !expected.is_some_and(|o| o.links.contains(&plain));
            let outcome = found.entry(link.account).or_default();
            outcome.links.insert(if is_dated { dated } else { plain });
            outcome.wrong |= link.state == LinkState::Accepted && !is_true(case, link);
        }
        for refusal in weighed.refusals.iter().filter(|r| of_case(&r.account)) {
            found.entry(refusal.account).or_default().reasons.insert(refusal.reason.code().to_owned());
        }
        found
    }

    fn told(&self, outcomes: &BTreeMap<AccountKey, Outcome>) -> Vec<String> {
        let tell = |(account, outcome): (&AccountKey, &Outcome)| {
            let name = self.cast.name(*account);
            let wrong = if outcome.wrong { " wrong" } else { "" };
            let reasons: Vec<&str> = outcome.reasons.iter().map(String::as_str).collect();
            let because = if reasons.is_empty() { String::new() } else { format!(" because {}", reasons.join(", ")) };
            if outcome.links.is_empty() {
                return vec![format!("{name} {}{because}", if because.is_empty() { "itself" } else { "none" })];
            }
            let mut lines: Vec<String> = outcome.links.iter().map(|link| format!("{name} {link}{wrong}")).collect();
            lines.last_mut().into_iter().for_each(|l| *l += &because);
            lines
        };
        outcomes.iter().flat_map(tell).collect()
    }
}

/// Tells a case's names, ids and numbers apart from every other's: nothing joins across cases.
fn own(line: &str, scope: &str) -> String {
    const KEYS: [&str; 6] = ["employee=", "sid=", "immutable=", "puid=", "home_puid=", "display="];
    let domain = format!(".{scope}test");
    let word = |word: &str| {
        let key = KEYS.iter().find(|k| word.starts_with(*k) && word.len() > k.len() && !word.ends_with("=-"));
        let word = word.replace(".test", &domain).replace('␠', " ");
        key.map_or(word.clone(), |key| format!("{key}{scope}{}", &word[key.len()..]))
    };
    // Blanks inside a value survive as the unit separator, which no split takes for a blank.
    line.split(' ').map(word).map(|w| w.replace(' ', "\u{1f}")).collect::<Vec<_>>().join(" ")
}

/// Short lines for what most cases need.
fn spelled_out(first: &str, rest: &str) -> String {
    let (name, given) = rest.split_once(' ').unwrap_or((rest, ""));
    let bare = name.rsplit(['/', '.']).next().unwrap();
    match first {
        "home" => format!("account H/{name} {given} created=01 upn={name}@h.test mail={name}@h.test type=member"),
        "guest" => format!(
            "account R/g.{name} {given} created=02 upn={name}_h.test#ext#@r.test mail={name}@h.test type=guest state=accepted entra"
        ),
        "visit" | "depart" => {
            let tenant = name.split_once('/').unwrap().0;
            let resource = if first == "visit" { tenant } else { "R" };
            format!(
                "sign_in log={tenant} object={name} {given} home=H resource={resource} upn={bare}@h.test app=portal \
                 time=05T10:00:00 id={first}-{bare}"
            )
        }
        _ => format!("{first} {rest}"),
    }
}

fn is_guest(kind: AccountKind) -> bool {
    matches!(kind, AccountKind::ExternalGuest | AccountKind::ExternalMember | AccountKind::ConsumerGuest)
}

fn is_true(case: &Case, link: &Link) -> bool {
    let of = |t: &&(AccountKey, AccountKey, EventTime, EventTime)| (t.0, t.1) == (link.account, link.home);
    case.truth.iter().filter(of).any(|t| t.2 <= link.from && link.until <= t.3)
}

/// The table for readers.
fn table(suite: &Suite) -> String {
    let mut text = String::from(
        "# The hostile suite\n\n\
         What comes of accounts that lie, change hands or look alike: each case as `crates/query/tests/data/hostile/` tells it, with its\n\
         outcome under the default configuration and where the operator of the pair lets the resource directory stand alone\n\
         (`directory_evidence = \"accept\"`). This page is written by the suite's own test (`CAPONIER_BLESS=1`).\n\n\
         `H` is the primary tenant, `R` a secondary one, `T` a further one of ours, `X` nobody's of ours; `R/g.ada` is an account of `R`. An\n\
         *accepted* link may merge incidents, a *possible* one is shown, a *conflict* joins nobody. **wrong** marks an accepted link that\n\
         is not true: by default there is none; what `accept` costs is what it says. Reasons are those of `caponier resolve`.\n",
    );
    let count = suite.cases.len();
    let wrong = |i: usize| suite.cases.iter().flat_map(|c| c.expected[i].values()).filter(|o| o.wrong).count();
    let _ = writeln!(text, "\n{count} cases; wrong links: {} by default, {} under `accept`.\n", wrong(0), wrong(1));
    let _ = writeln!(text, "| case | story | default | accept |\n|---|---|---|---|");
    for case in &suite.cases {
        let cell = |i: usize| {
            let told = suite.told(&case.expected[i]).join("<br>");
            told.replace("->", "→").replace('_', "\\_").replace(" wrong", " **wrong**")
        };
        let (default, accept) = (cell(0), cell(1));
        let accept = if default == accept { "the same".to_owned() } else { accept };
        let _ = writeln!(
            text,
            "| {} | {} | {default} | {accept} |",
            case.name.replace('_', " "),
            case.story.replace('_', "\\_")
        );
    }
    text
}

#[test]
fn no_case_fools_the_join() {
    let mut suite = Suite::read();
    suite.cast.derive_domains();
    let facts = facts(&suite.cast.rows);
    let testimony = Join::new(Queries::embedded()).unwrap().testimony(&suite.cast.question(&facts)).unwrap();
    let mut faults = String::new();
    for (i, directory) in [DirectoryEvidence::Suggest, DirectoryEvidence::Accept].into_iter().enumerate() {
        let weighed = combine(&testimony, &facts, &suite.settings(directory));
        for case in &suite.cases {
            let found = suite.found(case, &weighed, &facts, i);
            if found != case.expected[i] {
                let (wanted, found) = (suite.told(&case.expected[i]), suite.told(&found));
                let (name, configuration) = (&case.name, CONFIGURATIONS[i]);
                let _ = writeln!(faults, "\n{name}, {configuration}: {}", case.story);
                for (said, all, others) in [("wanted", &wanted, &found), ("found ", &found, &wanted)] {
                    all.iter().filter(|l| !others.contains(l)).for_each(|l| faults += &format!("  {said} {l}\n"));
                }
            }
            let fooled = found.values().any(|o| o.wrong);
            assert!(i == 1 || !fooled, "{} is fooled by default: {:?}", case.name, suite.told(&found));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn the_suite_is_whole() {
    let suite = Suite::read();
    assert!(suite.cases.len() >= 60, "{} cases", suite.cases.len());
    let names: BTreeSet<&str> = suite.cases.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.len(), suite.cases.len(), "two cases of one name");
    for case in &suite.cases {
        assert!(!case.story.is_empty() && case.expected.iter().all(|e| !e.is_empty()), "{}", case.name);
        let mut outcomes = case.expected.iter().flat_map(|e| e.values());
        let explained = |o: &Outcome| o.links.iter().all(|l| l.contains(" accepted")) || !o.reasons.is_empty();
        assert!(outcomes.all(explained), "{} does not say why not", case.name);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile.md");
    let found = table(&suite);
    if std::env::var_os("CAPONIER_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let stale = found.lines().find(|line| !kept.lines().any(|l| l == *line));
    assert!(found == kept, "docs/hostile.md is stale, CAPONIER_BLESS=1 rewrites it; first at: {stale:?}");
}
