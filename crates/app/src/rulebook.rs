//! The rules that come with the program, and those of a folder. Reading only: `rules` says what is wrong with them.

use crate::failure::{Failure, failed};
use caponier_rules::{Fault, Operational, RuleFile, RuleSet, operational};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Beside a rule file lie its vectors, under this ending.
pub const VECTORS: &str = ".vectors.yml";

/// A file by its place below `rules/`.
macro_rules! shipped {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../rules/", $path)))),+]
    };
}

/// Every file of `rules/` that the program carries: rules and their vectors. A test compares it with the folder.
pub const SHIPPED: &[(&str, &str)] = shipped![
    "applications/x29.vectors.yml",
    "applications/x29.yml",
    "applications/x30.vectors.yml",
    "applications/x30.yml",
    "applications/x31.vectors.yml",
    "applications/x31.yml",
    "applications/x32.vectors.yml",
    "applications/x32.yml",
    "control-plane/x33.vectors.yml",
    "control-plane/x33.yml",
    "control-plane/x34.vectors.yml",
    "control-plane/x34.yml",
    "control-plane/x35.vectors.yml",
    "control-plane/x35.yml",
    "control-plane/x36.vectors.yml",
    "control-plane/x36.yml",
    "control-plane/x37.vectors.yml",
    "control-plane/x37.yml",
    "control-plane/x38.vectors.yml",
    "control-plane/x38.yml",
    "control-plane/x39.vectors.yml",
    "control-plane/x39.yml",
    "endpoint/x40.vectors.yml",
    "endpoint/x40.yml",
    "endpoint/x41.vectors.yml",
    "endpoint/x41.yml",
    "endpoint/x42.vectors.yml",
    "endpoint/x42.yml",
    "endpoint/x43.vectors.yml",
    "endpoint/x43.yml",
    "endpoint/x44.vectors.yml",
    "endpoint/x44.yml",
    "endpoint/x45.vectors.yml",
    "endpoint/x45.yml",
    "guest-lifecycle/x11.vectors.yml",
    "guest-lifecycle/x11.yml",
    "guest-lifecycle/x12.vectors.yml",
    "guest-lifecycle/x12.yml",
    "guest-lifecycle/x13.vectors.yml",
    "guest-lifecycle/x13.yml",
    "guest-lifecycle/x14.vectors.yml",
    "guest-lifecycle/x14.yml",
    "guest-lifecycle/x15.vectors.yml",
    "guest-lifecycle/x15.yml",
    "guest-lifecycle/x16.vectors.yml",
    "guest-lifecycle/x16.yml",
    "guest-lifecycle/x17.vectors.yml",
    "guest-lifecycle/x17.yml",
    "guest-lifecycle/x18.vectors.yml",
    "guest-lifecycle/x18.yml",
    "guest-lifecycle/x19.vectors.yml",
    "guest-lifecycle/x19.yml",
    "guest-lifecycle/x20.vectors.yml",
    "guest-lifecycle/x20.yml",
    "identity-risk/x01.vectors.yml",
    "identity-risk/x01.yml",
    "identity-risk/x02.vectors.yml",
    "identity-risk/x02.yml",
    "identity-risk/x03.vectors.yml",
    "identity-risk/x03.yml",
    "identity-risk/x04.vectors.yml",
    "identity-risk/x04.yml",
    "identity-risk/x05.vectors.yml",
    "identity-risk/x05.yml",
    "identity-risk/x06.vectors.yml",
    "identity-risk/x06.yml",
    "identity-risk/x07.vectors.yml",
    "identity-risk/x07.yml",
    "identity-risk/x08.vectors.yml",
    "identity-risk/x08.yml",
    "identity-risk/x09.vectors.yml",
    "identity-risk/x09.yml",
    "identity-risk/x10.vectors.yml",
    "identity-risk/x10.yml",
    "operational/clock_skew.vectors.yml",
    "operational/clock_skew.yml",
    "operational/identity_conflict.vectors.yml",
    "operational/identity_conflict.yml",
    "operational/orphan_guest.vectors.yml",
    "operational/orphan_guest.yml",
    "operational/policy_gap.vectors.yml",
    "operational/policy_gap.yml",
    "operational/prolific_value.vectors.yml",
    "operational/prolific_value.yml",
    "operational/source_silence.vectors.yml",
    "operational/source_silence.yml",
    "operational/stale_alias.vectors.yml",
    "operational/stale_alias.yml",
    "shared/base.yml",
    "trust/x21.vectors.yml",
    "trust/x21.yml",
    "trust/x22.vectors.yml",
    "trust/x22.yml",
    "trust/x23.vectors.yml",
    "trust/x23.yml",
    "trust/x24.vectors.yml",
    "trust/x24.yml",
    "trust/x25.vectors.yml",
    "trust/x25.yml",
    "trust/x26.vectors.yml",
    "trust/x26.yml",
    "trust/x27.vectors.yml",
    "trust/x27.yml",
    "trust/x28.vectors.yml",
    "trust/x28.yml",
    "templates/activity.json",
    "templates/alert.json",
    "templates/app-credential.json",
    "templates/app-operation.json",
    "templates/ca-policy.json",
    "templates/chat-link.json",
    "templates/consent.json",
    "templates/delegate.json",
    "templates/device-registered.json",
    "templates/domain.json",
    "templates/file.json",
    "templates/invited.json",
    "templates/mail-alert.json",
    "templates/mail-read.json",
    "templates/mail-sent.json",
    "templates/policy.json",
    "templates/principal-risk.json",
    "templates/principal-signin.json",
    "templates/provisioned.json",
    "templates/risk.json",
    "templates/risky-user.json",
    "templates/role-added.json",
    "templates/sentinel-alert.json",
    "templates/signin.json",
    "templates/site-read.json",
    "templates/subscription-made.json",
    "templates/user-operation.json",
    "templates/user-updated.json",
    "templates/user.json",
];

static EMBEDDED: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::read(&shipped()).0));
static OPERATIONAL: LazyLock<Arc<Vec<Operational>>> =
    LazyLock::new(|| Arc::new(operational::read(&shipped_operational()).0));

/// The rules that come with the program, compiled once.
pub fn embedded() -> Arc<RuleSet> {
    Arc::clone(&EMBEDDED)
}

/// What the program tells of operational findings.
pub fn operational() -> Arc<Vec<Operational>> {
    Arc::clone(&OPERATIONAL)
}

static TEXTS: LazyLock<Arc<Vec<RuleFile>>> = LazyLock::new(|| Arc::new([shipped(), shipped_operational()].concat()));

/// The files of both, read once.
pub fn texts() -> Arc<Vec<RuleFile>> {
    Arc::clone(&TEXTS)
}

/// Rules and operational findings of these files, and what is wrong with them.
pub fn of(files: &[RuleFile]) -> (RuleSet, Vec<Operational>, Vec<Fault>) {
    let (operations, scenarios): (Vec<RuleFile>, Vec<RuleFile>) =
        files.iter().cloned().partition(|file| operational::is_operational(&file.name));
    let (rules, mut faults) = RuleSet::read(&scenarios);
    let (operations, more) = operational::read(&operations);
    faults.extend(more);
    (rules, operations, faults)
}

/// The files of the rules that come with the program.
pub fn shipped() -> Vec<RuleFile> {
    carried(&|name| !operational::is_operational(name))
}

/// The files of the operational findings that come with the program.
pub fn shipped_operational() -> Vec<RuleFile> {
    carried(&operational::is_operational)
}

fn carried(keep: &dyn Fn(&str) -> bool) -> Vec<RuleFile> {
    let file = |(name, text): &(&str, &str)| RuleFile { name: (*name).into(), text: (*text).to_owned() };
    let told = |name: &str| name.ends_with(".yml") && !name.ends_with(VECTORS) && keep(name);
    SHIPPED.iter().filter(|(name, _)| told(name)).map(file).collect()
}

/// Every `.yml` and `.yaml` file below a folder (or the one file named) whose name passes, sorted by name.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn files(path: &Path, keep: &dyn Fn(&str) -> bool) -> Result<Vec<RuleFile>, Failure> {
    let mut out = Vec::new();
    let mut left = vec![path.to_owned()];
    while let Some(at) = left.pop() {
        let unreadable = |e| failed(&format!("cannot read the rules at {}", at.display()), e);
        if !at.exists() {
            return Err(Failure::Usage(format!("there is no folder {}: name one that holds rules", at.display())));
        }
        if at.is_dir() {
            for entry in std::fs::read_dir(&at).map_err(unreadable)? {
                left.push(entry.map_err(unreadable)?.path());
            }
            continue;
        }
        let yaml = at.extension().is_some_and(|e| e == "yml" || e == "yaml");
        let name =
            at.strip_prefix(path).ok().filter(|p| !p.as_os_str().is_empty()).unwrap_or(&at).display().to_string();
        if yaml && keep(&name) {
            out.push(RuleFile { name: name.into(), text: std::fs::read_to_string(&at).map_err(unreadable)? });
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

/// Rules of a folder, in place of those that come with the program.
///
/// # Errors
/// They cannot be read.
pub fn folder(path: &Path) -> Result<(RuleSet, Vec<Fault>), Failure> {
    Ok(RuleSet::read(&files(path, &|name| !name.ends_with(VECTORS) && !operational::is_operational(name))?))
}

/// Operational findings of a folder's `operational`; those of the program where it has none.
///
/// # Errors
/// They cannot be read.
pub fn folder_operational(path: &Path) -> Result<(Vec<Operational>, Vec<Fault>), Failure> {
    let own = files(path, &|name| !name.ends_with(VECTORS) && operational::is_operational(name))?;
    Ok(operational::read(&if own.is_empty() { shipped_operational() } else { own }))
}
