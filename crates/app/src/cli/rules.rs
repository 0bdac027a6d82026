//! The command line of `caponier rules`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `caponier rules`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    caponier rules list\n  \
    caponier rules lint my-rules/\n  \
    caponier rules test my-rules/ --junit rules.xml\n  \
    caponier rules explain x01 events.ndjson\n  \
    caponier rules coverage --navigator layer.json\n\n\
    Rules are Sigma 2.1: base rules and correlations, with our own keys under `caponier:` (docs/rules.md).\n\
    Without a folder the rules that come with the program are meant.")]
pub struct RulesArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: RulesAction,
}

/// What can be done with rules.
#[derive(Subcommand, Debug)]
pub enum RulesAction {
    /// Every rule, what it finds, and whether its tables are read
    List(RulesList),
    /// Faults of rule files: file, line, what, how to mend it; exit 1 when a rule cannot run
    Lint(RulesLint),
    /// Play the vectors that lie beside the rules; exit 1 when one fails
    Test(RulesTest),
    /// Which steps of a rule records match, and why the rest do not
    Explain(RulesExplain),
    /// ATT&CK techniques that the rules cover
    Coverage(RulesCoverage),
}

/// `caponier rules list`.
#[derive(Args, Debug)]
pub struct RulesList {
    /// Folder of rules
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// The log sources that a rule may name, and the formats that are it
    #[arg(long)]
    pub sources: bool,
    /// The fields that a rule may name beside a source's own columns
    #[arg(long, conflicts_with = "sources")]
    pub fields: bool,
}

/// `caponier rules lint`.
#[derive(Args, Debug)]
pub struct RulesLint {
    /// Folder of rules, or one file
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// `caponier rules test`.
#[derive(Args, Debug)]
pub struct RulesTest {
    /// Folder of rules with their vectors
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Only this rule
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Also take each part out of each rule, and name those whose loss no vector notices
    #[arg(long)]
    pub thorough: bool,
    /// Results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// `caponier rules explain`.
#[derive(Args, Debug)]
pub struct RulesExplain {
    /// The rule's name
    pub rule: String,
    /// Captures, as for replay
    #[arg(required = true, value_name = "PATH")]
    pub events: Vec<PathBuf>,
    /// Folder of rules
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
}

/// `caponier rules coverage`.
#[derive(Args, Debug)]
pub struct RulesCoverage {
    /// Folder of rules
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// An ATT&CK Navigator layer
    #[arg(long, value_name = "FILE")]
    pub navigator: Option<PathBuf>,
}
