//! The command line: what can be asked, with examples. Parsing only; `command` does the work.

mod decide;
mod identity;
mod incident;
mod live;
mod rules;

pub use decide::{DecideAction, DecideArgs, Sent, Spoken};
pub use identity::{Audit, AuditFormat, Couple, Decided, IdentityAction, IdentityArgs, Statements, Stating};
pub use incident::{IncidentAction, IncidentArgs, Listed, Outcome, Said, Verb};

pub use live::{Produce, Purge, Run};
pub use rules::{RulesAction, RulesArgs, RulesCoverage, RulesExplain, RulesLint, RulesList, RulesTest};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// One incident per attack, across tenants.
#[derive(Parser, Debug)]
#[command(
    name = "caponier",
    version,
    about = "Joins guests to their home accounts and emits one incident per attack across Microsoft tenants",
    after_help = "Examples:\n  caponier simulate --out demo --seed 7\n  caponier replay demo/captures --out incidents.ndjson\n  \
                  caponier explain gravest --incidents incidents.ndjson\n\nLogs go to stderr, results to stdout. \
                  Exit: 0 done; 1 failed or a check said no; 2 usage or configuration; 3 invalid input under --strict; \
                  4 a dependency is unavailable; 130 interrupted."
)]
pub struct Cli {
    /// Configuration (TOML); without one, tenants are discovered from the data
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of this release.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write exports of invented tenants, with attacks in them and the truth beside them
    Simulate(Simulate),
    /// Run captured exports through the whole engine
    Replay(Replay),
    /// Live: topics of all tenants in, incidents out
    Run(Run),
    /// Put captures on Kafka topics
    Produce(Produce),
    /// Who is this account? Home account, links, evidence, conflicts
    Resolve(Resolve),
    /// Audit foreign accounts; state who is who, and who is not
    Identity(IdentityArgs),
    /// Decide of incidents: merge, split, pin, close, assign, verdict
    Incident(IncidentArgs),
    /// Say to a live run what was decided, of incidents or accounts
    Decide(DecideArgs),
    /// Forget a tenant: in the ledger, in dead letters, and in live runs with their snapshots
    Purge(Purge),
    /// Questions in SQL over accounts, links, persons, incidents
    Query(Query),
    /// Why are these findings together?
    Explain(Explain),
    /// Score incidents against the truth; sweep settings over labelled captures
    Evaluate(Evaluate),
    /// The scenario rules: list, lint, test, explain, coverage
    Rules(RulesArgs),
    /// Check, show or begin a configuration
    Config(ConfigArgs),
}

/// `caponier simulate`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caponier simulate --out demo --seed 7 --people 300 --days 2 --attacks 6\n\n\
    Writes DIR/captures (the exports), DIR/truth.ndjson (what evaluate compares with) and DIR/caponier.toml;\n\
    with --herrings DIR/decisions.ndjson, too: verdicts of analysts, for --decisions.\n\
    The same seed writes the same bytes. All of it is invented.")]
pub struct Simulate {
    /// Folder to write; it must be empty or not exist
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed: the same seed writes the same bytes
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// People in the primary tenant
    #[arg(long, default_value_t = 300)]
    pub people: u32,
    /// Days
    #[arg(long, default_value_t = 2)]
    pub days: u32,
    /// Tenants, the first of them primary
    #[arg(long, default_value_t = 2)]
    pub tenants: u32,
    /// Attacks
    #[arg(long, default_value_t = 6)]
    pub attacks: u32,
    /// Sign-ins of a person on a working day: most of the records are these, and a long plan may do with fewer
    #[arg(long, value_name = "N", default_value_t = 14)]
    pub sign_ins: u32,
    /// Plant red herrings: for each guard something that makes two attacks look like one to whoever has not got it
    #[arg(long)]
    pub herrings: bool,
    /// Stage the scenarios of the rules: of each an attack, as raw records, and an innocent twin of the same shape
    #[arg(long)]
    pub scenarios: bool,
}

/// `caponier replay`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  caponier replay captures/ --out incidents.ndjson\n  \
    caponier replay a.json.gz b/ --config caponier.toml --dead-letter dead.ndjson --summary summary.json --strict\n  \
    caponier replay captures/ --config tuned.toml --out new.ndjson --compare incidents.ndjson\n\n\
    Reads NDJSON, JSON arrays, {\"records\":[]}, query responses, portal CSV, Parquet, Event Hubs Capture (Avro), .gz and .zst,\n\
    and folders in blob layout; a folder named tenantId=<GUID> gives its tenant to everything below it.\n\
    Without --out the incidents go to stdout. The summary table goes to stderr.")]
pub struct Replay {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Incidents, one a line, sorted by (first_activity, id); stdout without it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Every change of every incident, in order
    #[arg(long, value_name = "FILE")]
    pub changes: Option<PathBuf>,
    /// Final forms: what must be equal however the input was ordered
    #[arg(long = "final", value_name = "FILE")]
    pub final_forms: Option<PathBuf>,
    /// Refused records with their bytes and the reason
    #[arg(long, value_name = "FILE")]
    pub dead_letter: Option<PathBuf>,
    /// The summary as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// What the rules fired on: a line for each firing, with the records that it rests on
    #[arg(long, value_name = "FILE")]
    pub firings: Option<PathBuf>,
    /// Operational findings: what is wrong with the watching (stale guests, silent sources, clocks, gaps in the policy), one a line by time
    #[arg(long, value_name = "FILE")]
    pub operational: Option<PathBuf>,
    /// What an earlier run wrote with --out: tells which incidents are merged, split, gained and lost since, by their findings
    #[arg(long, value_name = "OLD")]
    pub compare: Option<PathBuf>,
    /// Rules of this folder in place of those that come with the program
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Do not use the incidents of the source products (E5)
    #[arg(long)]
    pub without_source_incidents: bool,
    /// Exit 3 when any record was refused
    #[arg(long)]
    pub strict: bool,
    /// Decisions to heed.
    #[command(flatten)]
    pub decided: Decided,
}

/// `caponier resolve`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  caponier resolve fabrikam adele_contoso.com#EXT#@fabrikam.onmicrosoft.com --captures captures/\n  \
    caponier resolve fabrikam bbbbbbbb-0001-4001-8001-000000000001 --at 2026-03-02T12:00:00Z \\\n    \
    --captures captures/ --config caponier.toml --ledger caponier.db\n\n\
    An account is named by its object id, UPN, mail, SID, PUID, application id, Defender device id or ARM resource id."
)]
pub struct Resolve {
    /// Tenant: name, id, or a verified domain
    pub tenant: String,
    /// Account: object id, UPN, mail, SID, PUID, application id, device id
    pub account: String,
    /// As of when (event time); the latest known state without it
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Captures to learn from
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub captures: Vec<PathBuf>,
    /// JSON instead of words
    #[arg(long)]
    pub json: bool,
    /// Decisions to heed.
    #[command(flatten)]
    pub decided: Decided,
}

/// `caponier query`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  caponier query \"SELECT tenant, upn, home_account(tenant, object_id) FROM accounts WHERE kind = 'external_guest'\" --captures captures/\n  \
    caponier query @unresolved_guests --captures captures/ --format csv --out unresolved.csv\n  \
    caponier query --tables\n\nOnly questions are answered: nothing can be changed, and SQL reads no files. Names are in docs/query.md."
)]
pub struct Query {
    /// SQL, or @NAME for a question that comes with the program
    #[arg(required_unless_present = "tables", value_name = "SQL|@NAME")]
    pub sql: Option<String>,
    /// Captures to learn from
    #[arg(long, required_unless_present_any = ["tables", "incidents"], num_args = 1.., value_name = "PATH")]
    pub captures: Vec<PathBuf>,
    /// What replay wrote with --out: gives the tables incidents and findings
    #[arg(long, value_name = "FILE")]
    pub incidents: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = AnswerFormat::Table)]
    pub format: AnswerFormat,
    /// Where to; stdout without it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// At most so many rows; for a table 1000 without it
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Memory that one question may use for its work, in MiB
    #[arg(long, default_value_t = 1024, value_name = "MIB")]
    pub memory: usize,
    /// List tables, columns, functions and named questions
    #[arg(long)]
    pub tables: bool,
    /// Decisions to heed.
    #[command(flatten)]
    pub decided: Decided,
}

/// How `caponier query` writes an answer.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerFormat {
    /// Aligned columns; wide ones are cut on a terminal
    Table,
    /// One array of objects
    Json,
    /// Comma-separated, texts guarded against formulas
    Csv,
    /// One object a line
    Ndjson,
}

/// `caponier explain`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  caponier explain gravest --incidents incidents.ndjson\n  caponier explain 3f9c --incidents incidents.ndjson"
)]
pub struct Explain {
    /// Incident id, the start of one, or `gravest` (the highest score among cross-tenant incidents)
    pub incident: String,
    /// What replay wrote with --out
    #[arg(long, value_name = "FILE", default_value = "incidents.ndjson")]
    pub incidents: PathBuf,
}

/// `caponier evaluate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  caponier evaluate --truth demo/truth.ndjson demo/incidents.ndjson --min-cross-precision 0.99 --min-cross-recall 0.85\n  \
    caponier evaluate --sweep docs/sweep.example.toml --truth demo/truth.ndjson demo/captures\n  \
    caponier evaluate --sweep sweep.toml --json\n\n\
    A sweep measures labelled captures under many settings, whose names are those of the configuration (caponier config init),\n\
    and prints each figure beside its difference from the base row (*). Its file names captures of its own, or takes those of\n\
    the command line. With a --min… option a figure below it (with --sweep: of a base row) exits 1."
)]
pub struct Evaluate {
    /// The simulator's truth
    #[arg(long, value_name = "FILE", required_unless_present = "sweep")]
    pub truth: Option<PathBuf>,
    /// What replay wrote with --firings: which rule found its staged attack, which its innocent twin, and how many of its firings are false
    #[arg(long, value_name = "FILE", conflicts_with = "sweep")]
    pub firings: Option<PathBuf>,
    /// With --firings: most false firings of one rule for every 10,000 person-days
    #[arg(long, value_name = "N", requires = "firings")]
    pub max_false_firings: Option<f64>,
    /// What replay wrote with --out; with --sweep captures
    #[arg(value_name = "INCIDENTS|CAPTURES", required_unless_present_any = ["sweep", "firings"])]
    pub paths: Vec<PathBuf>,
    /// Measure captures under the settings of this file (TOML), side by side
    #[arg(long, value_name = "FILE")]
    pub sweep: Option<PathBuf>,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Least cross-tenant pairwise precision
    #[arg(long, value_name = "0..1")]
    pub min_cross_precision: Option<f64>,
    /// Least cross-tenant pairwise recall
    #[arg(long, value_name = "0..1")]
    pub min_cross_recall: Option<f64>,
    /// Most incidents that hold more than one attack
    #[arg(long, value_name = "N")]
    pub max_over_merged: Option<u64>,
    /// Most ambient findings that an incident with an attack absorbs, in the median
    #[arg(long, value_name = "N")]
    pub max_ambient: Option<u64>,
    /// Decisions to heed.
    #[command(flatten)]
    pub decided: Decided,
}

/// `caponier config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What `caponier config` can do.
#[derive(Subcommand, Debug, Clone, Copy)]
pub enum ConfigAction {
    /// All faults of --config FILE at once; exit 2 when there are any
    Check,
    /// The effective configuration
    Show,
    /// A commented template, to stdout
    Init,
}
