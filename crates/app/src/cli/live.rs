//! `caponier run` and `caponier produce`.

use crate::live::Role;
use clap::Args;
use std::path::PathBuf;

/// `caponier run`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  caponier run --config caponier.toml\n  \
    caponier run --config caponier.toml --role intake --instance intake-2\n  \
    caponier run --config caponier.toml --drain\n\n\
    The configuration lists the tenants, the brokers ([kafka]) and what is read ([[topic]]); all faults are told before anything is\n\
    opened. Changes of incidents go to one topic, their latest forms to another; each change is told on stderr. A second process\n\
    shares the reading, and stands by for the correlator. SIGTERM ends after what was begun is written, a second one at once.")]
pub struct Run {
    /// Which halves this process runs
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub role: Role,
    /// Name of this process among those that read: whoever comes back under its name takes up its partitions
    #[arg(long, value_name = "NAME", default_value = "1")]
    pub instance: String,
    /// Read what the topics hold now, tell everything, end the journal and exit
    #[arg(long)]
    pub drain: bool,
    /// Where /metrics, /healthz and /readyz are answered, in place of operations.listen; none to have none
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Do not tell of changes on stderr
    #[arg(long)]
    pub quiet: bool,
}

/// `caponier produce`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  caponier produce demo/captures --config demo/caponier.toml\n  \
    caponier produce demo/captures --config demo/caponier.toml --speed 60\n\n\
    Each file goes to the [[topic]] of its tenant (its folder tenantId=<GUID>) and table, else of its tenant, else to one that names\n\
    neither; topics that are named and missing are made. With --speed all files are played as one stream in the order of time.")]
pub struct Produce {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Partitions of the topics that are made; the messages go round
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub partitions: i32,
    /// Play the records as they happened, so many times as fast: 1 as they did, 60 an hour in a minute; without it all at once
    #[arg(long, value_name = "N", value_parser = speed)]
    pub speed: Option<f64>,
}

fn speed(text: &str) -> Result<f64, String> {
    let read = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    read.ok_or_else(|| "it must be a number above 0".to_owned())
}

/// `caponier purge`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  caponier purge --tenant fabrikam --by ada --reason 'contract ended, ticket 4711' --config caponier.toml\n\n\
    Take the tenant's [[topic]] out of the configuration first (SIGHUP or restart): what is still read comes back. The ledger and letters\n\
    are erased at once; runs forget the tenant when they read it in the journal, and write new snapshots in place of those that hold it.\n\
    What cannot be erased is told, with how long it is kept."
)]
pub struct Purge {
    /// The tenant: name, id, or a verified domain; its id where the configuration no longer lists it
    #[arg(long, value_name = "TENANT")]
    pub tenant: String,
    /// Who answers for it
    #[arg(long, visible_alias = "by", value_name = "NAME")]
    pub author: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// A topic that held this tenant's records alone: letters from it are erased too; may be repeated
    #[arg(long, value_name = "NAME")]
    pub topic: Vec<String>,
    /// Ledger; without it that of the configuration (caponier.db in the current folder)
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}
