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

/// What can be decided.
#[derive(Subcommand, Debug)]
pub enum IncidentAction {
    /// These incidents are one
    Merge(Named),
    /// These findings do not belong with the rest of the incident
    Split(Parted),
    /// This finding belongs to that incident
    Pin(Parted),
    /// The incident is done with: nothing joins it any more
    Close(Judged),
    /// Somebody works on the incident
    Assign(Assigned),
    /// What the incident turned out to be
    Verdict(Judged),
    /// Take back an earlier decision, by its id
    Withdraw(TakenBack),
    /// What was decided, in the order of recording
    Decisions(Listed),
}

/// Who says so, why, and where it is kept.
#[derive(Args, Debug)]
pub struct Said {
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
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
pub struct Named {
    /// Incident ids, or the starts of them
    #[arg(required = true, num_args = 2.., value_name = "INCIDENT")]
    pub named: Vec<String>,
    /// Who and why.
    #[command(flatten)]
    pub said: Said,
}

/// An incident and findings that go out of it, or into it.
#[derive(Args, Debug)]
pub struct Parted {
    /// Incident id, or the start of it
    pub incident: String,
    /// Finding id as the incident lists it; may be repeated for a split
    #[arg(long, required = true, value_name = "ID")]
    pub finding: Vec<String>,
    /// Who and why.
    #[command(flatten)]
    pub said: Said,
}

/// An incident and what it is.
#[derive(Args, Debug)]
pub struct Judged {
    /// Incident id, or the start of it
    pub incident: String,
    /// What it turned out to be; without it nothing is said of that, or what was said is taken away
    #[arg(long, value_enum)]
    pub verdict: Option<Outcome>,
    /// Who and why.
    #[command(flatten)]
    pub said: Said,
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
pub struct Assigned {
    /// Incident id, or the start of it
    pub incident: String,
    /// Who works on it; nobody without it
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Who and why.
    #[command(flatten)]
    pub said: Said,
}

/// A decision to take back.
#[derive(Args, Debug)]
pub struct TakenBack {
    /// The decision's id, as `incident decisions` lists it
    pub decision: String,
    /// Who and why.
    #[command(flatten)]
    pub said: Said,
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
