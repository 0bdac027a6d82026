//! A small simulated capture, made once, and what one run of the program left behind.

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use tempfile::TempDir;

/// A capture with two attacks in it, and what an undisturbed replay makes of it.
pub struct Ground {
    folder: TempDir,
    /// The undisturbed replay.
    pub calm: Run,
}

/// Made once for all tests.
pub static GROUND: LazyLock<Ground> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let lab = folder.path().join("lab");
    let told = program(
        ["simulate", "--seed", "11", "--people", "40", "--days", "1", "--attacks", "2", "--out"].map(OsStr::new),
        [&lab],
    );
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    // Limits that a test can reach without writing a hundred megabytes.
    let limits = "\n[limits]\nline_bytes = 1000000\ndocument_bytes = 2000000\ninflate_floor = 1000000\n";
    let config = fs::read_to_string(lab.join("caponier.toml")).unwrap() + limits;
    fs::write(folder.path().join("caponier.toml"), config).unwrap();
    let calm = replay(folder.path(), &[lab.join("captures")]);
    assert!(calm.count("records") > 100 && !calm.incidents.is_empty(), "{}", calm.words);
    Ground { folder, calm }
});

impl Ground {
    /// The exports that the simulator wrote.
    pub fn captures(&self) -> PathBuf {
        self.folder.path().join("lab/captures")
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("caponier.toml")
    }

    /// A file of sign-ins, named within the capture (its folders say whose it is), and its first line.
    pub fn a_sign_in(&self) -> (PathBuf, String) {
        let captures = self.captures();
        let mut folder = captures.join("insights-logs-signinlogs");
        while folder.is_dir() {
            folder = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).min().unwrap();
        }
        let text = fs::read_to_string(&folder).unwrap();
        (folder.strip_prefix(&captures).unwrap().to_path_buf(), text.lines().next().unwrap().to_owned())
    }

    /// Other paths under the capture's configuration.
    pub fn replay(&self, paths: &[PathBuf]) -> Run {
        replay(self.folder.path(), paths)
    }

    /// The capture and something beside it.
    pub fn replay_with(&self, beside: &Path) -> Run {
        replay(self.folder.path(), &[self.captures(), beside.to_path_buf()])
    }
}

/// What one replay left behind.
pub struct Run {
    /// What it wrote for people.
    pub words: String,
    /// `--summary`.
    pub summary: Value,
    /// `--out`, as bytes.
    pub incidents: Vec<u8>,
    /// `--dead-letter`, line by line.
    pub dead: Vec<Value>,
}

impl Run {
    /// A total of the summary.
    pub fn count(&self, class: &str) -> u64 {
        self.summary[class].as_u64().unwrap_or_default()
    }

    /// How many records were refused for `reason`.
    pub fn refused(&self, reason: &str) -> u64 {
        self.summary["by_reason"][reason].as_u64().unwrap_or_default()
    }
}

fn replay(config: &Path, paths: &[PathBuf]) -> Run {
    let out = TempDir::new().unwrap();
    let file = |name: &str| out.path().join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_caponier"));
    command.arg("--config").arg(config.join("caponier.toml")).arg("replay").args(paths);
    command
        .arg("--out")
        .arg(file("incidents"))
        .arg("--summary")
        .arg(file("summary"))
        .arg("--dead-letter")
        .arg(file("dead"));
    let told = command.output().unwrap();
    let words = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.success(), "{}: {words}", told.status);
    let dead = fs::read_to_string(file("dead")).unwrap();
    Run {
        words,
        summary: serde_json::from_slice(&fs::read(file("summary")).unwrap()).unwrap(),
        incidents: fs::read(file("incidents")).unwrap(),
        dead: dead.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

/// Starts the program with words and paths.
pub fn program<'a>(
    words: impl IntoIterator<Item = &'a OsStr>,
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_caponier"));
    command.args(words);
    for path in paths {
        command.arg(path.as_ref());
    }
    command.output().unwrap()
}
