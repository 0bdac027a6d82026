//! Configuration: who owns which bytes, what may be merged, and the knobs. Read whole, checked whole, faulted all at once.
//!
//! The text is TOML (design 5). Nothing here opens a port or reads a capture; the engine's crates receive plain values.

mod entra;
mod knobs;
mod live;
mod pairs;
mod read;
mod show;
mod silence;
pub mod sweep;
mod told;

pub use knobs::{KNOBS, Slot};
pub use live::{Called, Live};
pub use read::{Fault, parse};
pub use show::{effective, template};
pub use told::{difference, heard, told};

use crate::rulebook;
use crate::triage::Call;
use caponier_correlate as correlate;
use caponier_identity as identity;
use caponier_model::{MergePolicy, NamingRule, Policy, Statement, Tenants};
use caponier_rules::operational::is_operational;
use caponier_rules::{Operational, RuleFile, RuleSet, Suppression};
use caponier_transport as transport;
use caponier_wire as wire;
use compact_str::CompactString;
use std::path::Path;
use std::sync::Arc;

/// In place of a folder: the rules that come with the program.
pub const SHIPPED: &str = "shipped";

/// Everything a run is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// False when no configuration was given: tenants are then discovered, and what was assumed is said.
    pub configured: bool,
    /// Who owns which bytes.
    pub tenants: Tenants,
    /// What may be merged between ordered pairs.
    pub policy: Policy,
    /// Records later than the wall clock plus this many minutes are refused as `future_time`.
    pub future_minutes: u64,
    /// Threads that read and decode; 0 = one per core.
    pub intake_threads: u64,
    /// The engine's settings.
    pub engine: correlate::Settings,
    /// The identity join's settings.
    pub identity: identity::Settings,
    /// Rules: those that come with the program, unless a folder of others is named.
    pub rules: Arc<RuleSet>,
    /// The folder of rules that is named, or the word for those that come with the program.
    pub rules_folder: CompactString,
    /// The files of the rules, word for word.
    pub rule_files: Arc<Vec<RuleFile>>,
    /// What operational findings are called and how grave they are; of the same folder as the rules, where it tells any.
    pub operational: Arc<Vec<Operational>>,
    /// Findings of rules that need not be seen, each with who answers for it and until when.
    pub suppressions: Vec<Suppression>,
    /// Agreed naming rules for cloud-only twins (K13).
    pub naming: Vec<NamingRule>,
    /// The configured table of twins, as statements older than any other: an analyst's overrides them.
    pub twins: Vec<Statement>,
    /// What people said elsewhere, in ledgers and files that the command was told to heed.
    pub decisions: Vec<Statement>,
    /// What analysts decided of incidents, from the same places.
    pub calls: Vec<Call>,
    /// Where a live run reads and writes.
    pub live: Live,
    /// Where a live run answers those who operate it.
    pub operations: Operations,
    /// The ledger's file.
    pub ledger: CompactString,
    /// Limits of reading.
    pub limits: transport::Limits,
    /// Limits of one record.
    pub record: wire::Limits,
}

/// Where a live run answers those who operate it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operations {
    /// `host:port`, or `none`.
    pub listen: CompactString,
}

impl Default for Operations {
    /// The loopback interface: who else may scrape is the operator's to say. Nobody else is known to use the port.
    fn default() -> Self {
        Self { listen: "127.0.0.1:9466".into() }
    }
}

impl Config {
    /// What holds without a configuration: nothing is listed, and the pairs a capture shows may be merged.
    pub fn discovering() -> Self {
        Self {
            configured: false,
            tenants: Tenants::default(),
            policy: Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge },
            future_minutes: 24 * 60,
            intake_threads: 0,
            engine: correlate::Settings::defaults(),
            identity: identity::Settings::default(),
            rules: rulebook::embedded(),
            rules_folder: SHIPPED.into(),
            rule_files: rulebook::texts(),
            operational: rulebook::operational(),
            suppressions: Vec::new(),
            naming: Vec::new(),
            twins: Vec::new(),
            decisions: Vec::new(),
            calls: Vec::new(),
            live: Live::default(),
            operations: Operations::default(),
            ledger: "caponier.db".into(),
            limits: transport::Limits::default(),
            record: wire::Limits::default(),
        }
    }

    /// Reads `path`, or falls back to discovery when none is named.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::discovering()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.display().to_string(), source })?;
        let faulty = |faults| ConfigError::Faulty { path: path.display().to_string(), faults };
        let config = parse(&text).map_err(faulty)?;
        if config.rules_folder == SHIPPED { Ok(config) } else { config.ruled().map_err(faulty) }
    }

    /// With the rules of the folder that is named.
    fn ruled(self) -> Result<Self, Vec<Fault>> {
        let folder = Path::new(self.rules_folder.as_str());
        let fault = |what: String| Fault { line: 0, what };
        let mut files = rulebook::files(folder, &|name| !name.ends_with(rulebook::VECTORS))
            .map_err(|e| vec![fault(e.to_string())])?;
        if !files.iter().any(|file| is_operational(&file.name)) {
            files.extend(rulebook::shipped_operational());
        }
        let (rules, operational, faults) = rulebook::of(&files);
        let fatal: Vec<Fault> = faults.iter().filter(|f| f.fatal).map(|f| fault(f.to_string())).collect();
        if !fatal.is_empty() {
            return Err(fatal);
        }
        let (rules, operational, rule_files) = (Arc::new(rules), Arc::new(operational), Arc::new(files));
        Ok(Self { rules, operational, rule_files, ..self })
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}; check the path after --config")]
    Unreadable {
        /// The path as given.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The text has faults; all of them are listed.
    #[error("{path} has {} fault{}:\n{}", faults.len(), if faults.len() == 1 { "" } else { "s" }, list(faults))]
    Faulty {
        /// The path as given.
        path: String,
        /// Every fault, by line.
        faults: Vec<Fault>,
    },
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(|f| format!("  line {}: {}", f.line, f.what)).collect::<Vec<_>>().join("\n")
}
