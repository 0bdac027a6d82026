//! Questions in SQL: every table's golden, the functions against the index they probe, what is refused, what is said of a slip.
//!
//! `CAPONIER_BLESS=1` rewrites the goldens and docs/query.md; the difference is then for the reviewer to judge.

use crate::cast::Cast;
use crate::people::people;
use caponier_identity::{Index, Settings, combine, facts};
use caponier_model::{AccountKey, EventTime, Guid, IdentityChange, Persons};
use caponier_query::{Answered, AskError, Asking, Cell, Hunt, Join, Known, Queries, Sink, described_tables, functions};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An answer as texts.
#[derive(Default)]
struct Texts {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sink for Texts {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.names = names.to_vec();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.rows.push(cells.iter().map(text).collect());
        Ok(())
    }
}

fn text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => "-".to_owned(),
        Cell::Text(text) => text.to_string(),
        Cell::Whole(n) => n.to_string(),
        Cell::Large(n) => n.to_string(),
        Cell::Number(n) => n.to_string(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Time(time) => time.to_string(),
        Cell::List(all) => format!("[{}]", all.iter().map(text).collect::<Vec<_>>().join(", ")),
        Cell::Record(all) => {
            format!("{{{}}}", all.iter().map(|(name, c)| format!("{name}: {}", text(c))).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Identifiers of the fixture are the bytes of their labels: shown as those, goldens can be read.
fn labelled(text: &str) -> String {
    let label = |guid: &str| {
        let bytes = Guid::parse(guid)?.as_u128().to_be_bytes();
        String::from_utf8(bytes.into_iter().skip_while(|b| *b == 0).collect()).ok()
    };
    match text.split_once('/') {
        Some((tenant, object)) => match (label(tenant), label(object)) {
            (Some(tenant), Some(object)) => format!("{tenant}/{object}"),
            _ => text.to_owned(),
        },
        None => label(text).unwrap_or_else(|| text.to_owned()),
    }
}

fn index(known: &Known) -> Index {
    let mut index = Index::new();
    known.facts.iter().for_each(|f| drop(index.apply(IdentityChange::Account(f.clone()))));
    known.links.iter().for_each(|l| drop(index.apply(IdentityChange::Link(l.clone()))));
    index
}

fn asking(known: &Known) -> Asking {
    Asking::new(known.clone(), Arc::new(index(known)), 64).unwrap()
}

fn asked(asking: &Asking, sql: &str) -> Texts {
    let mut texts = Texts::default();
    asking.ask(sql, usize::MAX, &mut texts).unwrap_or_else(|e| panic!("{sql}: {e}"));
    texts
}

/// The one column of an answer.
fn column(asking: &Asking, sql: &str) -> Vec<String> {
    asked(asking, sql).rows.into_iter().map(|mut row| row.remove(0)).collect()
}

fn fault(asking: &Asking, sql: &str) -> String {
    match asking.ask(sql, 10, &mut Texts::default()) {
        Err(AskError::Question(text)) => text,
        other => panic!("{sql}: {other:?}"),
    }
}

/// Everything that the organisation of the join's own test tells.
fn organisation() -> Known {
    let cast = Cast::read(include_str!("../data/organisation.txt"));
    let facts = facts(&cast.rows);
    let testimony = Join::new(Queries::embedded()).unwrap().testimony(&cast.question(&facts)).unwrap();
    let weighed = combine(&testimony, &facts, &Settings::default());
    Known { tenants: cast.tenants, facts, testimony, links: weighed.links, refusals: weighed.refusals, rows: cast.rows }
}

fn golden(path: &str, found: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("CAPONIER_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; CAPONIER_BLESS=1", path.display()));
    assert_eq!(found, wanted, "{}; CAPONIER_BLESS=1 rewrites it", path.display());
}

fn incidents() -> Vec<u8> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/incident/examples/operator.json");
    std::fs::read(example).unwrap()
}

#[test]
fn every_table_yields_its_golden() {
    let asking = asking(&people()).with_incidents(&incidents()[..]).unwrap();
    for table in described_tables().unwrap() {
        let answer = asked(&asking, &format!("SELECT * FROM {}", table.name));
        let wanted: Vec<_> = table.columns.iter().map(|(name, ..)| name.clone()).collect();
        assert_eq!(answer.names, wanted, "{} is described otherwise", table.name);
        assert!(!answer.rows.is_empty(), "the fixture has no row for {}", table.name);
        let mut out = String::new();
        for row in &answer.rows {
            for (name, value) in answer.names.iter().zip(row) {
                let _ = writeln!(out, "{name:<20} {}", labelled(value));
            }
            out.push('\n');
        }
        golden(&format!("tests/data/ask/{}.txt", table.name), &out);
    }
}

/// A moment just before, at and just after everything that begins or ends.
fn moments(known: &Known) -> BTreeSet<EventTime> {
    let ends = known.facts.iter().flat_map(|f| [f.from, f.until]);
    let ends = ends.chain(known.links.iter().flat_map(|l| [l.from, l.until]));
    let bounded = ends.filter(|t| *t != EventTime::MIN && *t != EventTime::MAX).map(EventTime::nanos);
    bounded.flat_map(|n| [n - 1, n, n + 1]).map(EventTime::from_nanos).collect()
}

/// The moments as a table `m` with one column, `at`.
fn moments_table(known: &Known) -> String {
    let all: Vec<_> = moments(known).iter().map(|at| format!("('{at}')")).collect();
    format!("(VALUES {}) AS m (at)", all.join(", "))
}

#[test]
fn the_functions_say_what_the_index_says_at_every_moment() {
    for known in [people(), organisation()] {
        let (index, asking) = (index(&known), asking(&known));
        let sql = format!(
            "SELECT a.account, arrow_cast(m.at, 'Timestamp(Nanosecond, Some(\"UTC\"))'), \
             home_account(a.tenant_id, a.object_id, m.at), person(a.tenant, a.object_id, m.at) \
             FROM (SELECT DISTINCT account, tenant, tenant_id, object_id FROM accounts) a CROSS JOIN {}",
            moments_table(&known)
        );
        let rows = asked(&asking, &sql).rows;
        let mut away = 0;
        for row in &rows {
            let (account, at) = (key(&row[0]), time(&row[1]));
            let binding = index.bind(account, at);
            let home = binding.via.as_ref().map_or("-".to_owned(), |l| l.home.to_string());
            assert_eq!([&home, &binding.person.to_string()], [&row[2], &row[3]], "{account} at {at}");
            away += usize::from(binding.via.is_some());
        }
        assert!(away > 10 && rows.len() > 100, "{away} of {}", rows.len());
    }
}

/// Reads what a time displays.
fn time(text: &str) -> EventTime {
    let number = |from: usize, until: usize| text[from..until].parse::<u32>().unwrap();
    let nanos: String = text[19..].chars().filter(char::is_ascii_digit).chain("000000000".chars()).take(9).collect();
    let date = (i32::try_from(number(0, 4)).unwrap(), number(5, 7), number(8, 10));
    EventTime::from_civil(date, (number(11, 13), number(14, 16), number(17, 19)), nanos.parse().unwrap()).unwrap()
}

fn key(text: &str) -> AccountKey {
    let (tenant, object) = text.split_once('/').unwrap();
    AccountKey { tenant: caponier_model::TenantId(Guid::parse(tenant).unwrap()), object: Guid::parse(object).unwrap() }
}

/// At every moment of an account's life exactly one row of `persons` holds, and it names the person of the index.
#[test]
fn the_table_of_persons_says_what_the_index_says() {
    for known in [people(), organisation()] {
        let (index, asking) = (index(&known), asking(&known));
        let sql = format!(
            "WITH m AS (SELECT arrow_cast(at, 'Timestamp(Nanosecond, Some(\"UTC\"))') AS at FROM {}) \
             SELECT p.person, p.tenant_id || '/' || p.object_id, m.at FROM persons p CROSS JOIN m \
             WHERE (p.valid_from IS NULL OR p.valid_from <= m.at) AND (p.valid_until IS NULL OR p.valid_until > m.at)",
            moments_table(&known)
        );
        let rows = asked(&asking, &sql).rows;
        let once: BTreeSet<_> = rows.iter().map(|r| (&r[1], &r[2])).collect();
        assert_eq!(once.len(), rows.len(), "two persons at one time");
        for row in &rows {
            assert_eq!(row[0], index.bind(key(&row[1]), time(&row[2])).person.to_string(), "{} at {}", row[1], row[2]);
        }
        assert!(rows.len() > 100);
    }
}

#[test]
fn a_tenant_goes_by_id_name_or_domain_and_a_time_by_moment_or_text() {
    let asking = asking(&people());
    let ways = [
        "home_account('R', object_id, TIMESTAMP '2026-03-03T00:00:00Z')",
        "home_account('r', upper(object_id), '2026-03-03')",
        "home_account('fabrikam.example', object_id, DATE '2026-03-03')",
        "home_account(tenant_id, object_id, arrow_cast('2026-03-03T00:00:00', 'Timestamp(Second, None)'))",
        "home_account(tenant, replace(object_id, '-', ''), CAST(valid_from AS VARCHAR))",
        "home_account(tenant, object_id)",
    ];
    for way in ways {
        let sql = format!("SELECT {way} FROM accounts WHERE upn LIKE 'adele_%' AND tenant = 'R' AND latest");
        let found: Vec<_> = column(&asking, &sql).iter().map(|k| labelled(k)).collect();
        assert_eq!(found, ["H/adele"], "{way}");
    }
}

#[test]
fn what_is_no_identifier_has_no_answer_and_what_is_no_time_is_said() {
    let asking = asking(&people());
    let nobody = "01234567-89ab-4cde-8f01-23456789abcd";
    for call in [
        "home_account('nowhere', 'x')".to_owned(),
        "person('R', 'x', '2026-03-03')".to_owned(),
        format!("person('R', '{nobody}')"),
        "person(NULL, NULL, NULL)".to_owned(),
        format!("home_account('R', '{nobody}', NULL)"),
        "account_named('R', 'nobody@nowhere.example')".to_owned(),
    ] {
        assert_eq!(column(&asking, &format!("SELECT {call}")), ["-"], "{call}");
    }
    let column_of_words = "SELECT home_account(tenant, object_id, upn) FROM accounts";
    assert!(column(&asking, column_of_words).iter().all(|v| v == "-"));
    let said = fault(&asking, "SELECT home_account('R', 'x', 'tomorrow')");
    assert!(said.contains("\"tomorrow\" is no time") && said.contains("2026-03-02T12:00:00Z"), "{said}");
    let said = fault(&asking, "SELECT person('R')");
    assert!(said.contains("person(tenant, object_id[, at])") && !said.contains("Candidate"), "{said}");
    let said = fault(&asking, "SELECT person('R', 7)");
    assert!(said.contains("argument 2") && said.contains("Int64"), "{said}");
}

#[test]
fn a_name_finds_its_account_as_of_a_time() {
    let asking = asking(&people());
    let named =
        |at: &str| labelled(&column(&asking, &format!("SELECT account_named('H', 'CARLA@contoso.example'{at})"))[0]);
    assert_eq!(named(", '2026-03-03'"), "carla");
    assert_eq!(named(", '2026-03-07'"), "-", "she was renamed on the 5th");
    let sid = "SELECT account_named('H', 's-1-5-21-7-7-7-1104')";
    assert_eq!(labelled(&column(&asking, sid)[0]), "adele");
}

#[test]
fn nothing_can_be_changed_and_no_file_is_read() {
    let asking = asking(&people());
    let file = std::env::temp_dir().join("caponier-query-must-not-write.csv");
    // What a broken run left behind is no fault of this one.
    let _ = std::fs::remove_file(&file);
    let refused = [
        "CREATE TABLE mine AS SELECT 1".to_owned(),
        "CREATE VIEW mine AS SELECT 1".to_owned(),
        "CREATE EXTERNAL TABLE mine STORED AS CSV LOCATION 'Cargo.toml'".to_owned(),
        "DROP TABLE accounts".to_owned(),
        "INSERT INTO accounts VALUES (1)".to_owned(),
        "DELETE FROM accounts".to_owned(),
        "UPDATE accounts SET upn = 'x'".to_owned(),
        format!("COPY accounts TO '{}'", file.display()),
        format!("EXPLAIN ANALYZE COPY accounts TO '{}'", file.display()),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "PREPARE mine AS SELECT 1".to_owned(),
        "BEGIN".to_owned(),
        "SELECT * FROM 'Cargo.toml'".to_owned(),
        "SELECT * FROM read_csv('Cargo.toml')".to_owned(),
        "SELECT 1; DROP TABLE accounts".to_owned(),
        "CREATE FUNCTION mine(a TEXT) RETURNS TEXT RETURN a".to_owned(),
    ];
    let before = asked(&asking, "SELECT * FROM accounts").rows;
    for sql in &refused {
        let said = fault(&asking, sql);
        assert!(!said.is_empty(), "{sql}");
    }
    assert!(fault(&asking, &refused[0]).contains("only questions are answered"));
    assert!(!file.exists());
    assert_eq!(asked(&asking, "SELECT * FROM accounts").rows, before);
}

#[test]
fn a_slip_is_shown_where_it_stands_with_what_was_meant() {
    let asking = asking(&people());
    for (sql, parts) in [
        (
            "SELECT upnn FROM accounts",
            &["line 1, column 8", "no column \"upnn\"", "did you mean upn?", "display_name", "       ^^^^"][..],
        ),
        (
            "SELECT upn\nFROM acounts",
            &["line 2, column 6", "no table \"acounts\"", "did you mean accounts?", "conflicts"],
        ),
        ("SELECT hom_account(tenant, object_id) FROM accounts", &["column 8", "did you mean home_account?"]),
        ("SELECT upn FROM accounts WHERE", &["this is no SQL"]),
        ("SELECT a.upn FROM accounts a JOIN links b ON a.x = b.tenant", &["no column \"a.x\"", "b.home_upn"]),
        ("SELECT upn FROM incidents", &["--incidents FILE"]),
        ("", &["no SQL statements"]),
    ] {
        let said = fault(&asking, sql);
        for part in parts {
            assert!(said.contains(part), "{part:?} is missing: {said}");
        }
        assert_eq!(said, fault_of_check(&asking, sql), "planning alone says the same");
    }
}

fn fault_of_check(asking: &Asking, sql: &str) -> String {
    asking.check(sql).unwrap_err().to_string()
}

#[test]
fn a_limit_says_that_there_is_more() {
    let asking = asking(&people());
    let all = asked(&asking, "SELECT * FROM accounts").rows.len();
    for (rows, cut) in [(1, true), (all - 1, true), (all, false), (usize::MAX, false), (0, true)] {
        let mut texts = Texts::default();
        let answered = asking.ask("SELECT * FROM accounts", rows, &mut texts).unwrap();
        assert_eq!(answered, Answered { rows: rows.min(all), cut }, "{rows}");
        assert_eq!(texts.rows.len(), rows.min(all));
    }
}

#[test]
fn a_question_that_needs_too_much_memory_is_told_the_limit() {
    let known = organisation();
    let asking = Asking::new(known.clone(), Arc::new(index(&known)), 1).unwrap();
    let sql = "SELECT array_agg(DISTINCT a.upn || b.upn || c.upn) FROM accounts a, accounts b, accounts c";
    let error = asking.ask(sql, 1, &mut Texts::default()).unwrap_err();
    assert!(matches!(&error, AskError::Memory { mebibytes: 1, .. }), "{error}");
}

/// A sink that breaks.
struct Broken;

impl Sink for Broken {
    fn columns(&mut self, _: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &[Cell<'_>]) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_question() {
    let asking = asking(&people());
    let sql = "SELECT a.upn FROM accounts a, accounts b, accounts c, accounts d, accounts e";
    let error = asking.ask(sql, usize::MAX, &mut Broken).unwrap_err();
    assert!(matches!(&error, AskError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe), "{error}");
}

#[test]
fn columns_of_one_name_are_told_apart() {
    let asking = asking(&people());
    let answer = asked(&asking, "SELECT a.upn, b.upn, 1 AS n FROM accounts a JOIN links b ON a.upn = b.upn");
    assert_eq!(answer.names, ["a.upn", "b.upn", "n"]);
}

#[test]
fn the_named_questions_are_the_files_and_can_be_asked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries/hunt");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    let (files, named): (BTreeSet<_>, BTreeSet<_>) =
        (files.collect(), Hunt::ALL.iter().map(|h| h.name.to_owned()).collect());
    assert_eq!(files, named);
    let asking = asking(&people());
    let told = |name: &str| asked(&asking, Hunt::named(name).unwrap().text).rows;
    let ids = |rows: Vec<Vec<String>>, at: usize| rows.into_iter().map(|r| labelled(&r[at])).collect::<Vec<_>>();
    assert_eq!(ids(told("guests_of_disabled_homes"), 2), ["g.leo"]);
    assert_eq!(ids(told("dormant_guests"), 2), ["g.kim", "g.leo", "g.otto", "g.carla"]);
    // Leo's role was taken again, Adele is not dormant, Kim may activate one and never came.
    assert_eq!(ids(told("dormant_guests_with_roles"), 2), ["g.kim", "g.carla"]);
    // The last word on each setting; partner X went with all of its settings.
    let trust: Vec<_> =
        told("trust_by_partner").into_iter().map(|r| [r[1].clone(), r[3].clone(), r[5].clone()]).collect();
    assert_eq!(trust, [["H", "b2bCollaborationInbound", "allowed"], ["H", "inboundTrust", "mfa"]]);
    let unresolved: Vec<_> = told("unresolved_guests").into_iter().map(|r| (r[2].clone(), r[4].clone())).collect();
    let wanted = [("no_evidence", "1"), ("two_homes", "1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(unresolved, wanted);
    assert!(Hunt::ALL.iter().all(|h| h.text.starts_with("-- ") && h.about().ends_with('.')));
}

/// A guest signs in and calls, and the same person's home account calls by delegation.
#[test]
fn who_acts_in_another_tenant_is_found_however_they_come() {
    let mut known = people();
    let mut delegated = known.rows.callers[0].clone();
    (delegated.caller, delegated.id) = (known.links[0].home, "delegated".into());
    known.rows.callers.push(delegated);
    let asking = asking(&known);
    let told = |name: &str, columns: &[usize]| -> Vec<Vec<String>> {
        let rows = asked(&asking, Hunt::named(name).unwrap().text).rows;
        rows.iter().map(|row| columns.iter().map(|at| labelled(&row[*at])).collect()).collect()
    };
    assert_eq!(told("delegations", &[0, 2, 4]), [["R", "H", "1"]]);
    let acts = ["control_plane", "delegation", "sign_in"].map(|how| ["H/adele", "R", how, "1"]);
    assert_eq!(told("who_acted_where", &[1, 2, 3, 4]), acts);
}

#[test]
fn a_file_that_holds_no_incidents_is_refused() {
    for (lines, part) in
        [("{\"id\":\"a\"}\n{\"x\":1}\n", "incident 2 has no id"), ("{\"id\":7}\n", "id"), ("nonsense", "")]
    {
        let error = asking(&people()).with_incidents(lines.as_bytes()).err().unwrap().to_string();
        assert!(error.starts_with("cannot read the incidents") && error.contains(part), "{error}");
    }
}

#[test]
fn the_page_describes_what_there_is() {
    let mut page = String::from(include_str!("../data/ask/page.md"));
    for table in described_tables().unwrap() {
        let _ = writeln!(
            page,
            "\n### {}\n\nOne row per {}.\n\n| column | type | meaning |\n| --- | --- | --- |",
            table.name, table.about
        );
        for (name, kind, meaning) in &table.columns {
            let _ = writeln!(page, "| `{name}` | {kind} | {meaning} |");
        }
    }
    page.push_str("\n## Functions\n\nBeside those of SQL:\n\n| function | yields |\n| --- | --- |\n");
    for function in functions() {
        let _ = writeln!(page, "| `{}` | {} |", function.name, function.about);
    }
    page.push_str("\n## Named questions\n\n| name | asks |\n| --- | --- |\n");
    for hunt in &Hunt::ALL {
        let _ = writeln!(page, "| [`@{0}`](../queries/hunt/{0}.sql) | {1} |", hunt.name, hunt.about());
    }
    golden("../../docs/query.md", &page);
}
