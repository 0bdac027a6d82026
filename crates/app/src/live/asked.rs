//! What the operator asks for, as the configuration file says, and says anew when somebody asks to read it again (SIGHUP). A file with
//! faults, or one that asks for what only a restart can give, is told of and changes nothing.

use super::prepare;
use crate::command::tell;
use crate::config::{Config, Live, told};
use caponier_model::Configuration;
use caponier_transport::kafka::Cluster;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A configuration as it was read last.
#[derive(Clone, Debug)]
pub struct Current {
    /// How often it was read anew.
    pub generation: u64,
    /// It.
    pub config: Arc<Config>,
    /// What the journal is to be told of it.
    pub told: Arc<Configuration>,
}

/// The configuration file of a run.
#[derive(Debug)]
pub struct Asked {
    path: Option<PathBuf>,
    /// Somebody asks to read it anew.
    pub again: Arc<AtomicBool>,
    current: Mutex<Current>,
}

impl Asked {
    /// The file was read for the first time.
    pub fn new(path: Option<PathBuf>, config: Config) -> Self {
        let told = Arc::new(told(&config));
        let current = Current { generation: 0, config: Arc::new(config), told };
        Self { path, again: Arc::default(), current: Mutex::new(current) }
    }

    /// The configuration in force in this process.
    pub fn current(&self) -> Current {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file anew, where somebody asked.
    pub fn refresh(&self, cluster: &Cluster) {
        if !self.again.swap(false, Ordering::Relaxed) {
            return;
        }
        let before = self.current();
        let refused = |what: &str| tell(&format!("the configuration was not taken, the one before goes on: {what}\n"));
        let config = match Config::load(self.path.as_deref()) {
            Ok(config) => config,
            Err(faults) => return refused(&faults.to_string()),
        };
        if let Some(what) = needs_restart(&before.config, &config) {
            return refused(&what);
        }
        if let Err(fault) = prepare(&config, cluster) {
            return refused(&fault.to_string());
        }
        let generation = before.generation + 1;
        let said = Arc::new(told(&config));
        tell("the configuration was read anew\n");
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) =
            Current { generation, config: Arc::new(config), told: said };
    }
}

/// What differs that a running process cannot change.
fn needs_restart(before: &Config, after: &Config) -> Option<String> {
    if after.live.topics.is_empty() {
        return Some("it lists no [[topic]]".to_owned());
    }
    let fixed = |config: &Config| Live {
        topics: Vec::new(),
        lateness_seconds: 0,
        idle_seconds: 0,
        snapshot_seconds: 0,
        ..config.live.clone()
    };
    let same = fixed(before) == fixed(after) && before.operations == after.operations;
    (!same).then(|| {
        "[kafka] and [operations] are taken by a restart, but for lateness_seconds, idle_seconds and [[topic]]"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[topic]]
name = "alerts"
[[tenant]]
id = "aaaaaaaa-1111-4111-8111-111111111111"
name = "contoso"
role = "primary"
"#;

    #[test]
    fn what_only_a_restart_can_give_is_refused() {
        let read = |text: &str| crate::config::parse(text).unwrap();
        let before = read(GOOD);
        let late = read(&format!("[kafka]\nlateness_seconds = 5\n[guards]\ng1 = false\n{GOOD}"));
        assert_eq!(needs_restart(&before, &late), None);
        for (text, word) in [
            (format!("[kafka]\njournal = \"other\"\n{GOOD}"), "[kafka]"),
            (format!("[operations]\nlisten = \"none\"\n{GOOD}"), "[operations]"),
            (GOOD.replace("[[topic]]\nname = \"alerts\"\n", ""), "no [[topic]]"),
        ] {
            let what = needs_restart(&before, &read(&text)).unwrap_or_default();
            assert!(what.contains(word), "{text}: {what}");
        }
    }

    #[test]
    fn a_faulty_file_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "epok = 1\n").unwrap();
        let asked = Asked::new(Some(file.path().to_owned()), crate::config::parse(GOOD).unwrap());
        let cluster = asked.current().config.live.cluster();
        asked.refresh(&cluster);
        asked.again.store(true, Ordering::Relaxed);
        asked.refresh(&cluster);
        assert_eq!(asked.current().generation, 0);
        assert!(!asked.again.load(Ordering::Relaxed));
    }
}
