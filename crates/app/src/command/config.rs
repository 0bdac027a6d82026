//! `caponier config check | show | init`.

use super::print;
use crate::cli::ConfigAction;
use crate::config::{Config, effective, template};
use crate::failure::{Exit, Failure};
use std::path::Path;

/// Checks, shows or begins a configuration.
pub fn run(action: ConfigAction, path: Option<&Path>) -> Result<Exit, Failure> {
    match action {
        ConfigAction::Init => print(&template()),
        ConfigAction::Show => print(&effective(&mut Config::load(path)?)),
        ConfigAction::Check => {
            let Some(path) = path else {
                return Err(Failure::Usage("config check needs --config FILE".into()));
            };
            let config = Config::load(Some(path))?;
            print(&format!(
                "{}: no faults; tenants: {}, pairs: {}\n",
                path.display(),
                config.tenants.all.len(),
                config.policy.pairs.len()
            ))
        }
    }
}
