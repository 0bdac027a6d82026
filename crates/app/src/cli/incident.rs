//! The command line of `caponier incident`: what an analyst decides of incidents.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `caponier incident`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    caponier incident merge 3f9c 77aa --author ada --reason 'one phishing wave'\n  \
    caponier incident split 3f9c --finding 638675309_1 --author ada --reason 'another device of that name'\n  \
    caponier incident close 3f9c --verdict true-positive --author ada --reason 'ticket 4711'\n\n\
    A decision is written into the ledger with the findings that the incidents have in --incidents FILE;\n\
    the next replay heeds it. Incidents are named by their id or the start of it, findings by their id.")]
pub struct IncidentArgs {
    /// What to decide.
    #[command(subcommand)]
    pub action: IncidentAction,
}

/// What `caponier incident` can do.
#[derive(Subcommand, Debug)]
pub enum IncidentAction {
    /// Decide something.
    #[command(flatten)]
    Decide(Verb<Said>),
    /// What was decided, in the order of recording
    Decisions(Listed),
}

/// What can be decided of incidents; `S` is who says so, why, and where incidents are looked up.
#[derive(Subcommand, Debug)]
pub enum Verb<S: Args> {
    /// These incidents are one
    Merge(Named<S>),
    /// These findings do not belong with the rest of the incident
    Split(Parted<S>),
    /// This finding belongs to that incident
    Pin(Parted<S>),
    /// The incident is done with: nothing joins it any more
    Close(Judged<S>),
    /// Somebody works on the incident
    Assign(Assigned<S>),
    /// What the incident turned out to be
    Verdict(Judged<S>),
    /// Take back an earlier decision, by its id
    Withdraw(TakenBack<S>),
}

impl<S: Args> Verb<S> {
    /// Who says so.
    pub const fn said(&self) -> &S {
        match self {
            Self::Merge(args) => &args.said,
            Self::Split(args) | Self::Pin(args) => &args.said,
            Self::Close(args) | Self::Verdict(args) => &args.said,
            Self::Assign(args) => &args.said,
            Self::Withdraw(args) => &args.said,
        }
    }

    /// The incidents that are named, as they are named.
    pub fn incidents(&self) -> Vec<&str> {
        match self {
            Self::Merge(args) => args.named.iter().map(String::as_str).collect(),
            Self::Split(args) | Self::Pin(args) => vec![&args.incident],
            Self::Close(args) | Self::Verdict(args) => vec![&args.incident],
            Self::Assign(args) => vec![&args.incident],
            Self::Withdraw(_) => Vec::new(),
        }
    }

    /// Findings that are looked for in all incidents.
    pub fn sought(&self) -> &[String] {
        if let Self::Pin(args) = self { &args.finding } else { &[] }
    }
}

/// Who says so, why, and where it is kept.
#[derive(Args, Debug)]
pub struct Said {
    /// Who answers for it
    #[arg(long, visible_alias = "by", value_name = "NAME")]
    pub author: String,
    /// Why: a ticket, a call, a list
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Ledger to record it in; without it that of the configuration (caponier.db in the current folder)
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// What replay wrote with --out
    #[arg(long, value_name = "FILE", default_value = "incidents.ndjson")]
    pub incidents: PathBuf,
}

/// Incidents.
#[derive(Args, Debug)]
pub struct Named<S: Args> {
    /// Incident ids, or the starts of them
    #[arg(required = true, num_args = 2.., value_name = "INCIDENT")]
    pub named: Vec<String>,
    /// Who and why.
    #[command(flatten)]
    pub said: S,
}

/// An incident and findings that go out of it, or into it.
#[derive(Args, Debug)]
pub struct Parted<S: Args> {
    /// Incident id, or the start of it
    pub incident: String,
    /// Finding id as the incident lists it; may be repeated for a split
    #[arg(long, required = true, value_name = "ID")]
    pub finding: Vec<String>,
    /// Who and why.
    #[command(flatten)]
    pub said: S,
}

/// An incident and what it is.
#[derive(Args, Debug)]
pub struct Judged<S: Args> {
    /// Incident id, or the start of it
    pub incident: String,
    /// What it turned out to be; without it nothing is said of that, or what was said is taken away
    #[arg(long, value_enum)]
    pub verdict: Option<Outcome>,
    /// Who and why.
    #[command(flatten)]
    pub said: S,
}

/// What an incident turned out to be.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// An attack
    TruePositive,
    /// None
    FalsePositive,
}

/// An incident and who works on it.
#[derive(Args, Debug)]
pub struct Assigned<S: Args> {
    /// Incident id, or the start of it
    pub incident: String,
    /// Who works on it; nobody without it
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Who and why.
    #[command(flatten)]
    pub said: S,
}

/// A decision to take back.
#[derive(Args, Debug)]
pub struct TakenBack<S: Args> {
    /// The decision's id, as `incident decisions` lists it
    pub decision: String,
    /// Who and why.
    #[command(flatten)]
    pub said: S,
}

/// What was decided.
#[derive(Args, Debug)]
pub struct Listed {
    /// Ledger to read; without it that of the configuration (caponier.db in the current folder)
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// One JSON object a line, as --decisions reads it
    #[arg(long)]
    pub json: bool,
}
