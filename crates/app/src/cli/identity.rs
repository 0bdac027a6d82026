//! The command line of `caponier identity`, and the options by which any command heeds decisions.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Decisions to heed.
#[derive(Args, Debug, Default)]
pub struct Decided {
    /// Ledger whose decisions are heeded; without it that of the configuration (caponier.db), where there is one
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Heed no ledger, also where there is one
    #[arg(long, conflicts_with = "ledger")]
    pub without_ledger: bool,
    /// Decisions, one JSON object a line, as `identity statements --json` writes them; may be repeated
    #[arg(long, value_name = "FILE")]
    pub decisions: Vec<PathBuf>,
}

/// `caponier identity`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  caponier identity audit --captures captures/ --config caponier.toml\n  \
    caponier identity statements\n\n\
    link, unlink and withdraw record what an analyst says in a ledger; audit, resolve, replay and\n\
    query heed it. caponier identity link --help has more.")]
pub struct IdentityArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: IdentityAction,
}

/// What `caponier identity` can do.
#[derive(Subcommand, Debug)]
pub enum IdentityAction {
    /// Foreign accounts by pair of tenants: kinds, resolved by what, unresolved, ambiguous, orphan, stale, conflicts
    Audit(Audit),
    /// State that two accounts are one person
    Link(Stated),
    /// State that two accounts are two different people, whatever the evidence says
    Unlink(Stated),
    /// Take back the last statement about two accounts
    Withdraw(Withdrawn),
    /// What was stated, in the order of recording
    Statements(Statements),
}

/// `caponier identity audit`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  caponier identity audit --captures captures/ --config caponier.toml\n  \
    caponier identity audit --captures captures/ --accounts --format csv --out guests.csv\n\n  \
    stale   usable here, while the home account is disabled, deleted or gone\n  \
    orphan  from a tenant whose directory is not read, or of nobody in one that is\n  \
    local   at home here, or nowhere that can be seen: nothing to resolve")]
pub struct Audit {
    /// Captures to learn from
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub captures: Vec<PathBuf>,
    /// One row per account instead of counts by pair
    #[arg(long)]
    pub accounts: bool,
    /// As of when (event time); the latest known state without it
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = AuditFormat::Table)]
    pub format: AuditFormat,
    /// Where to; stdout without it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Decisions to heed.
    #[command(flatten)]
    pub decided: Decided,
}

/// How `caponier identity audit` is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuditFormat {
    /// For eyes
    Table,
    /// One object
    Json,
    /// Comma-separated, texts guarded against formulas
    Csv,
}

/// Two accounts, and who says something of them.
#[derive(Args, Debug, Clone)]
pub struct Couple {
    /// Tenant of the guest or second account: name, id, or a verified domain
    pub tenant: String,
    /// The guest or second account: object id; with --captures also UPN, mail, SID
    pub account: String,
    /// The home account, in another tenant
    #[arg(long, num_args = 2, value_names = ["TENANT", "ACCOUNT"], required = true)]
    pub home: Vec<String>,
    /// Who answers for it
    #[arg(long, visible_alias = "by", value_name = "NAME")]
    pub author: String,
    /// Why: a ticket, a call, a list
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Captures in which the accounts are found, and what changes is shown
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub captures: Vec<PathBuf>,
}

/// `caponier identity link` and `unlink`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  caponier identity link fabrikam bbbbbbbb-0001-4001-8001-000000000001 \\\n    \
    --home contoso aaaaaaaa-0001-4001-8001-000000000001 \\\n    \
    --author a.nalyst --reason 'ticket 4711' --config caponier.toml\n  \
    caponier identity unlink fabrikam adele_contoso.com#EXT#@fabrikam.onmicrosoft.com \\\n    \
    --home contoso adele@contoso.com \\\n    \
    --author a.nalyst --reason 'two people of one name' --captures captures/\n\n\
    It is appended to the ledger and never changed; replay, resolve, query and identity audit heed\n\
    it. Take it back with: caponier identity withdraw")]
pub struct Stated {
    /// What is said.
    #[command(flatten)]
    pub stating: Stating,
    /// Ledger to record it in; without it that of the configuration (caponier.db in the current folder)
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// Two accounts, what is said of them, and how long it holds.
#[derive(Args, Debug)]
pub struct Stating {
    /// The two accounts.
    #[command(flatten)]
    pub couple: Couple,
    /// Holds from this event time; always without it
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Holds until this event time, exclusive; for ever without it
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// `caponier identity withdraw`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caponier identity withdraw fabrikam bbbbbbbb-0001-4001-8001-000000000001 \\\n    \
    --home contoso aaaaaaaa-0001-4001-8001-000000000001 --config caponier.toml \\\n    \
    --author lead --reason 'the ticket was about somebody else'\n\n\
    What was said before stays in the ledger; from now on evidence alone decides about the two.")]
pub struct Withdrawn {
    /// The two accounts.
    #[command(flatten)]
    pub couple: Couple,
    /// Ledger to record it in; without it that of the configuration (caponier.db in the current folder)
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// `caponier identity statements`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  caponier identity statements\n  \
    caponier identity statements --ledger caponier.db --json > decisions.ndjson\n\n\
    What --json writes, --decisions reads: see schemas/decision.")]
pub struct Statements {
    /// Ledger to read; without it that of the configuration (caponier.db in the current folder)
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// One JSON object a line instead of words
    #[arg(long)]
    pub json: bool,
}
