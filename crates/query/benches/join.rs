//! What the identity join costs, and how well it does, at the size of a large organisation.
//!
//! `cargo bench --profile join -p caponier-query --bench join` prints the cost of the full join, accuracy by kind, the bytes an account takes at
//! rest, and what changes of a thousand rows cost: several of each of three kinds, then one of each kind beside a full join of all
//! rows with it, to which it must be equal. `CAPONIER_PEOPLE` (a million) and `CAPONIER_SEED` (7) may be set.
//!
//! With arguments it is one side of a comparison that `scripts/bench_identity_join.py` drives:
//! `… -- parquet FOLDER` writes the tables, `… -- datafusion FOLDER QUERIES THREADS` runs the SQL files of QUERIES over them and
//! prints milliseconds and rows, `… -- answers FOLDER QUERIES TO` writes their results, `… -- explain FOLDER FILE` shows where
//! one query spends its time.

use caponier_identity::{Index, Settings, Store, Weighed, combine, facts};
use caponier_lab::{Change, Grades, Organisation, Shape, organisation};
use caponier_model::{AccountFacts, IdentityChange, Persons, Portion, Rows, Tenants, Testimony};
use caponier_query::{Files, Join, Parts, Queries, Query, QueryError, Question, write_tables};
use std::io::{Write, stdout};
use std::path::Path;
use std::time::Instant;
use tikv_jemallocator::Jemalloc;

/// The program's own.
#[global_allocator]
static MEMORY: Jemalloc = Jemalloc;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => whole(),
        ["parquet", folder] => parquet(Path::new(folder)),
        ["datafusion", folder, queries, threads] => datafusion(Path::new(folder), queries, threads.parse()?),
        ["answers", folder, queries, to] => answers(Path::new(folder), queries, Path::new(to)),
        ["explain", folder, file] => explain(Path::new(folder), Path::new(file)),
        _ => Err(format!("unknown arguments {args:?}; see the head of benches/join.rs").into()),
    }
}

fn setting(name: &str, default: usize) -> Outcome<usize> {
    Ok(std::env::var(name).map_or(Ok(default), |v| v.parse())?)
}

fn made() -> Outcome<Organisation> {
    let (people, seed) = (setting("CAPONIER_PEOPLE", 1_000_000)?, setting("CAPONIER_SEED", 7)?);
    Ok(organisation(u64::try_from(seed)?, Shape::of(people)))
}

fn read(file: &Path) -> Outcome<Query> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Query { name: name.into(), text: std::fs::read_to_string(file)?.into() })
}

/// The SQL files of a folder, by name.
fn queries(folder: &str) -> Outcome<Vec<Query>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|f| f.extension().is_some_and(|e| e == "sql"));
    files.sort_unstable();
    files.iter().map(|f| read(f)).collect()
}

/// The queries that come with the program, or those of the folder that `CAPONIER_QUERIES` names: to try a change without a build.
fn chosen() -> Outcome<Queries> {
    let Some(folder) = std::env::var_os("CAPONIER_QUERIES") else { return Ok(Queries::embedded()) };
    let mut evidence = queries(&folder.to_string_lossy())?;
    let at = evidence.iter().position(|q| q.name == "refutations").ok_or("no refutations.sql")?;
    Ok(Queries { refutations: evidence.remove(at), evidence })
}

fn parquet(folder: &Path) -> Outcome {
    let all = made()?;
    let facts = facts(&all.rows);
    let question = Question { rows: &all.rows, facts: &facts, tenants: &all.tenants, naming: &all.naming };
    std::fs::create_dir_all(folder)?;
    write_tables(&question, folder)?;
    Ok(())
}

/// One line a query: name, milliseconds, rows. The first is what opening the files took.
fn datafusion(folder: &Path, sql: &str, threads: usize) -> Outcome {
    let start = Instant::now();
    let files = Files::open(folder, threads)?;
    writeln!(stdout(), "open {:.1} 0", start.elapsed().as_secs_f64() * 1e3)?;
    for query in queries(sql)? {
        let start = Instant::now();
        let rows = files.count(&query)?;
        writeln!(stdout(), "{} {:.1} {rows}", query.name, start.elapsed().as_secs_f64() * 1e3)?;
    }
    writeln!(stdout(), "peak {} 0", peak())?;
    Ok(())
}

fn answers(folder: &Path, sql: &str, to: &Path) -> Outcome {
    let files = Files::open(folder, 2)?;
    std::fs::create_dir_all(to)?;
    for query in queries(sql)? {
        files.save(&query, &to.join(&*query.name).with_extension("parquet"))?;
    }
    Ok(())
}

fn explain(folder: &Path, file: &Path) -> Outcome {
    writeln!(stdout(), "{}", Files::open(folder, 2)?.explain(&read(file)?)?)?;
    Ok(())
}

/// Prints how long `work` took.
fn timed<T>(name: &str, work: impl FnOnce() -> T) -> std::io::Result<(T, f64)> {
    let start = Instant::now();
    let result = work();
    let took = start.elapsed().as_secs_f64();
    writeln!(stdout(), "{name:40} {took:9.3} s   peak {:6} MB", peak())?;
    Ok((result, took))
}

/// Seconds that processors have spent on this process, to a hundredth; 0 where the system does not say. Other work on the machine
/// lengthens the time by the clock, but hardly this.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |at: usize| after_name.split_whitespace().nth(at).and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
    f64::from(ticks(11) + ticks(12)) / 100.0
}

/// The most memory this process ever held, in megabytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// What is asked, and of what.
struct Bench {
    all: Organisation,
    join: Join,
}

/// The whole of an answer.
struct Full {
    facts: Vec<AccountFacts>,
    testimony: Testimony,
    weighed: Weighed,
    /// Seconds.
    took: f64,
}

impl Bench {
    fn ask(&self, rows: &Rows, facts: &[AccountFacts], tenants: &Tenants) -> Result<Testimony, QueryError> {
        self.join.testimony(&Question { rows, facts, tenants, naming: &self.all.naming })
    }

    fn ask_parts(&self, portions: &[Portion], tenants: &Tenants) -> Result<Testimony, QueryError> {
        self.join.parts(&Parts { portions, tenants, naming: &self.all.naming })
    }

    fn full(&self, rows: &Rows) -> Outcome<Full> {
        let (facts, first) = timed("full join: facts", || facts(rows))?;
        let (testimony, second) = timed("full join: tables and queries", || self.ask(rows, &facts, &self.all.tenants))?;
        let testimony = testimony?;
        let (weighed, third) = timed("full join: weigh", || combine(&testimony, &facts, &Settings::default()))?;
        Ok(Full { facts, testimony, weighed, took: first + second + third })
    }

    /// Settles what the store was given: seconds in tables and queries.
    fn settle(&self, store: &mut Store) -> Outcome<f64> {
        let mut asked = 0.0;
        store.settle(|portions, tenants| {
            let start = Instant::now();
            let said = self.ask_parts(portions, tenants);
            asked = start.elapsed().as_secs_f64();
            said
        })?;
        Ok(asked)
    }

    /// Puts rows in and settles.
    fn put_in(&self, added: &Rows, store: &mut Store) -> Outcome<Spent> {
        let (start, before) = (Instant::now(), processor());
        store.insert(added);
        let queries = self.settle(store)?;
        Ok(Spent { clock: start.elapsed().as_secs_f64(), processor: processor() - before, queries })
    }

    /// What changes of each kind cost, taken in turns so that each finds the caches as the others left them. Memory that was let go
    /// of before is swept up by whoever next asks for some: the first pays for the first load.
    fn rounds(&self, store: &mut Store) -> Outcome<[Vec<Spent>; Change::ALL.len()]> {
        let mut spent = [const { Vec::new() }; Change::ALL.len()];
        for number in 0..ROUNDS {
            for (change, spent) in Change::ALL.into_iter().zip(&mut spent) {
                let added = change.rows(&self.all, 1000, number);
                spent.push(self.put_in(&added, store)?);
                if number == 0 {
                    writeln!(stdout(), "{change:?}: {} rows; {:?}", added.len(), store.last())?;
                }
                store.remove(&added);
                self.settle(store)?;
            }
        }
        writeln!(stdout(), "\neach of {ROUNDS} changes, seconds:        by clock, all of them")?;
        for (change, spent) in Change::ALL.into_iter().zip(&spent) {
            let all: Vec<String> = spent.iter().map(|s| format!("{:.3}", s.clock)).collect();
            writeln!(stdout(), "{:40} {}", format!("{change:?}"), all.join(" "))?;
        }
        Ok(spent)
    }

    /// One change: whether it leads to what the join of all rows says, and how its kind's cost compares with it.
    fn change(&mut self, change: Change, spent: &[Spent], store: &mut Store) -> Outcome {
        let added = change.rows(&self.all, 1000, 0);
        writeln!(stdout(), "\n{change:?}: {} rows", added.len())?;
        let this = self.put_in(&added, store)?;
        let before = lengths(&self.all.rows);
        self.all.rows.append(added.clone());
        let start = processor();
        let full = self.full(&self.all.rows)?;
        let whole = Spent { clock: full.took, processor: processor() - start, queries: 0.0 };
        cut(&mut self.all.rows, before);
        let (testimony, weighed) = store.answers();
        let same = same(&testimony, &full.testimony) && weighed == full.weighed;
        let verdict = if same { "equal to the full join, row for row" } else { "NOT EQUAL to the full join" };
        let middle = Spent::middle(spent);
        writeln!(stdout(), "  {verdict}; full join {:.3} s, {:.2} s of a processor", whole.clock, whole.processor)?;
        for (name, cost) in [("median of its kind", middle), ("this one", this)] {
            writeln!(
                stdout(),
                "  {name:20} {:.4} s ({:.4} s in tables and queries): {:.0} times cheaper; {:.3} s of a processor: {:.0} times",
                cost.clock,
                cost.queries,
                whole.clock / cost.clock,
                cost.processor,
                whole.processor / cost.processor.max(0.01),
            )?;
        }
        // What the full join holds is let go of first, and the memory swept up while the change is taken back.
        drop((full, testimony, weighed));
        store.remove(&added);
        self.settle(store)?;
        if same { Ok(()) } else { Err(format!("{change:?}: the store differs from the full join").into()) }
    }
}

/// So many changes of each kind.
const ROUNDS: u64 = 9;

/// Seconds.
#[derive(Clone, Copy, Default)]
struct Spent {
    clock: f64,
    processor: f64,
    /// Of the clock's, in tables and queries.
    queries: f64,
}

impl Spent {
    /// The one in the middle by the clock; of what processors spent, which is measured to a hundredth of a second, the mean.
    fn middle(all: &[Self]) -> Self {
        let mut sorted = all.to_vec();
        sorted.sort_unstable_by(|a, b| a.clock.total_cmp(&b.clock));
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        Self { processor: all.iter().map(|s| s.processor).sum::<f64>() / all.len() as f64, ..middle }
    }
}

/// How many rows there are of each kind that a change adds to.
fn lengths(rows: &Rows) -> [usize; 4] {
    [rows.accounts.len(), rows.sign_ins.len(), rows.invitations.len(), rows.callers.len()]
}

/// Takes back what was added: a copy of millions of rows would count as memory that the join needs.
fn cut(rows: &mut Rows, to: [usize; 4]) {
    rows.accounts.truncate(to[0]);
    rows.sign_ins.truncate(to[1]);
    rows.invitations.truncate(to[2]);
    rows.callers.truncate(to[3]);
}

/// Compared list by list, so that nothing has to be copied.
fn same(a: &Testimony, b: &Testimony) -> bool {
    a.evidence == b.evidence && a.refutations == b.refutations && a.ambiguities == b.ambiguities
}

fn whole() -> Outcome {
    let (all, _) = timed("make the organisation", made)?;
    let mut bench = Bench { all: all?, join: Join::new(chosen()?)? };
    let Organisation { rows, truth, .. } = &bench.all;
    let (accounts, sign_ins) = (rows.accounts.len(), rows.sign_ins.len());
    writeln!(stdout(), "{accounts} account rows, {sign_ins} sign-ins, {} rows in all\n", rows.len())?;
    let Full { facts, testimony, weighed, took } = bench.full(rows)?;
    let Testimony { evidence, refutations, ambiguities, .. } = &testimony;
    writeln!(stdout(), "full join {took:39.3} s")?;
    let (evidence, refutations, ambiguities) = (evidence.len(), refutations.len(), ambiguities.len());
    writeln!(stdout(), "{evidence} pieces of evidence, {refutations} refutations, {ambiguities} ambiguities")?;
    writeln!(stdout(), "{} links, {} refusals\n", weighed.links.len(), weighed.refusals.len())?;
    writeln!(stdout(), "{}", Grades::of(truth, &weighed.links, &weighed.refusals))?;

    let links = weighed.links.into_iter().map(IdentityChange::Link);
    let (index, _) = timed("index: fill", || {
        let mut index = Index::new();
        for change in facts.into_iter().map(IdentityChange::Account).chain(links) {
            index.apply(change);
        }
        index
    })?;
    let each = |bytes: usize| bytes as f64 / accounts as f64;
    writeln!(stdout(), "index: {:.0} bytes an account", each(index.footprint().total()))?;
    drop(index);

    let Organisation { rows, tenants, naming, .. } = &bench.all;
    let mut store = Store::new(tenants, naming.clone(), Settings::default());
    timed("store: insert everything", || store.insert(rows))?;
    let (asked, _) = timed("store: settle everything", || bench.settle(&mut store))?;
    writeln!(stdout(), "  of these {:.3} s in tables and queries; {:?}", asked?, store.last())?;
    let size = store.size();
    writeln!(stdout(), "store: {:.0} bytes an account in rows, {:.0} in answers", each(size.rows), each(size.answers))?;
    timed("join: make plans for parts", || bench.join.prepare())?.0?;
    writeln!(stdout())?;
    let spent = bench.rounds(&mut store)?;
    for (change, spent) in Change::ALL.into_iter().zip(&spent) {
        bench.change(change, spent, &mut store)?;
    }
    Ok(())
}
