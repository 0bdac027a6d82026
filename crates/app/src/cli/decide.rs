//! The command line of `caponier decide`: what analysts say to a live run.

use super::identity::{Couple, Stating};
use super::incident::Verb;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `caponier decide`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    caponier decide merge 3f9c 77aa --by ada --reason 'one phishing wave' --config caponier.toml\n  \
    caponier decide split 3f9c --finding 638675309_1 --by ada --reason 'another device of that name' --config caponier.toml\n  \
    caponier decide link fabrikam bbbbbbbb-0001-4001-8001-000000000001 \\\n    \
    --home contoso aaaaaaaa-0001-4001-8001-000000000001 --by ada --reason 'ticket 4711' --config caponier.toml\n  \
    caponier decide send decisions.ndjson --config caponier.toml\n\n\
    The verbs are those of caponier incident and caponier identity. A decision goes to the topic kafka.decisions with the findings\n\
    that its incidents have in the topic kafka.incidents; a run heeds it within seconds. It is never taken out of the topic: take\n\
    it back with withdraw (by its id) or unsay.")]
pub struct DecideArgs {
    /// What to say.
    #[command(subcommand)]
    pub action: DecideAction,
}

/// What `caponier decide` can say.
#[derive(Subcommand, Debug)]
pub enum DecideAction {
    /// Decide something of incidents.
    #[command(flatten)]
    Incident(Verb<Spoken>),
    /// State that two accounts are one person
    Link(Stating),
    /// State that two accounts are two different people, whatever the evidence says
    Unlink(Stating),
    /// Take back the last statement about two accounts
    Unsay(Couple),
    /// Send decisions of files, one JSON object a line, as incident decisions --json and identity statements --json write them
    Send(Sent),
}

/// Who says so, why, and where incidents are looked up.
#[derive(Args, Debug)]
pub struct Spoken {
    /// Who answers for it
    #[arg(long, visible_alias = "by", value_name = "NAME")]
    pub author: String,
    /// Why: a ticket, a call, a list
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Incidents, one a line, to look in instead of the topic
    #[arg(long, value_name = "FILE")]
    pub incidents: Option<PathBuf>,
}

/// `caponier decide send`.
#[derive(Args, Debug)]
pub struct Sent {
    /// Files of decisions
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}
