//! Finding the inputs under the paths that were named: sorted, each file once, loops and faults reported.
//! Must not know what the files hold, but for telling a text file that is JSON from one that is not.

use crate::Input;
use caponier_model::{DeadLetter, Position, Reject, RejectReason};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Discovery {
    /// The inputs, sorted by name, names distinct. The order of the arguments never shows.
    pub inputs: Vec<Input>,
    /// Files that are no exports and files that are here twice, with the reason; sorted by name. They hold no records.
    pub skipped: Vec<Skipped>,
    /// Arguments that do not exist or cannot be read: a fault of the command line rather than of the data.
    pub missing: Vec<DeadLetter>,
    /// What could not be read below the arguments; each counts as one refused record.
    pub faults: Vec<DeadLetter>,
}

/// A file that is not read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Skipped {
    /// Its name, as an input's would be.
    pub name: String,
    /// Why, in lower case, without a final stop.
    pub why: String,
}

/// Extensions of files that lie beside exports and are none.
const NOT_EXPORTS: &[&str] =
    &["md", "yml", "yaml", "graphml", "tsv", "xml", "html", "png", "svg", "pdf", "toml", "sql"];

/// Finds every file at and under `paths`.
///
/// A file reached by two ways is one input. Names are relative to the argument; where two files would share one, the
/// folders above their arguments are put before them, as many as it takes.
pub fn discover(paths: &[PathBuf]) -> Discovery {
    let mut walk = Walk::default();
    let mut arguments = BTreeMap::new();
    for path in paths {
        match fs::canonicalize(path) {
            Ok(real) => {
                arguments.entry(real).or_insert_with(|| path.clone());
            }
            Err(error) => {
                let detail = format!("cannot be read: {error}; check the path and the permissions");
                walk.found.missing.push(fault(&path.to_string_lossy(), detail));
            }
        }
    }
    // In the order of the real paths a folder comes before what lies in it, whatever the order of the arguments.
    for (real, path) in arguments {
        let root = real.parent().unwrap_or(&real).to_path_buf();
        if real.is_dir() {
            if let Err(error) = fs::read_dir(&real) {
                walk.found.missing.push(fault(&path.to_string_lossy(), format!("the folder cannot be read: {error}")));
                continue;
            }
            walk.folder(&real, &real, "", &mut Vec::new());
        } else {
            let name = real.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            walk.file(&root, &real, name, true);
        }
    }
    walk.finish()
}

fn fault(name: &str, detail: String) -> DeadLetter {
    DeadLetter {
        position: Position { source: name.into(), offset: 0, index: 0 },
        reject: Reject::new(RejectReason::Unreadable, detail),
        raw: Vec::new(),
        truncated: false,
    }
}

#[derive(Default)]
struct Walk {
    found: Discovery,
    /// Real paths of files and folders met, with the name they were met under.
    met: BTreeMap<PathBuf, String>,
    /// Inputs with the folder of their argument.
    inputs: Vec<(PathBuf, Input)>,
}

impl Walk {
    /// Everything in a folder. `above` holds the real paths of the folders that lead here.
    fn folder(&mut self, root: &Path, folder: &Path, name: &str, above: &mut Vec<PathBuf>) {
        let real = match fs::canonicalize(folder) {
            Ok(real) => real,
            Err(error) => return self.fault(name, format!("the folder cannot be read: {error}")),
        };
        if above.contains(&real) {
            return self.fault(name, "a link back to a folder above it; the loop is not followed".to_owned());
        }
        if let Some(first) = self.met.get(&real) {
            let why = format!("the same folder as {first:?}");
            return self.skip(name, why);
        }
        self.met.insert(real.clone(), name.to_owned());
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.fault(name, format!("the folder cannot be read: {error}")),
        };
        let mut children = BTreeSet::new();
        for entry in entries {
            match entry {
                Ok(entry) => {
                    children.insert(entry.file_name());
                }
                Err(error) => self.fault(name, format!("the folder cannot be listed to its end: {error}")),
            }
        }
        above.push(real);
        for child in children {
            let text = child.to_string_lossy();
            let inner = if name.is_empty() { text.into_owned() } else { format!("{name}/{text}") };
            let path = folder.join(&child);
            if path.is_dir() {
                if inner.rsplit('/').next().is_some_and(|n| n.starts_with('.')) {
                    self.skip(&inner, "a hidden folder".to_owned());
                } else {
                    self.folder(root, &path, &inner, above);
                }
            } else {
                self.file(root, &path, inner, false);
            }
        }
        above.pop();
    }

    fn file(&mut self, root: &Path, path: &Path, name: String, argument: bool) {
        let (real, meta) = match fs::canonicalize(path).and_then(|real| Ok((real, fs::metadata(path)?))) {
            Ok(both) => both,
            Err(error) => return self.fault(&name, format!("cannot be read: {error}; a link may lead nowhere")),
        };
        if !meta.is_file() {
            return self.fault(&name, "not a regular file (a pipe, a socket or a device); it is not read".to_owned());
        }
        if let Some(first) = self.met.get(&real) {
            let why = format!("the same file as {first:?}");
            return self.skip(&name, why);
        }
        self.met.insert(real, name.clone());
        // What somebody named as an argument is read whatever it is called.
        match not_an_export(path, &name).filter(|_| !argument) {
            Some(why) => self.skip(&name, why.to_owned()),
            None => self.inputs.push((root.to_path_buf(), Input::new(path, &name, meta.len()))),
        }
    }

    fn fault(&mut self, name: &str, detail: String) {
        self.found.faults.push(fault(name, detail));
    }

    fn skip(&mut self, name: &str, why: String) {
        self.found.skipped.push(Skipped { name: name.to_owned(), why });
    }

    fn finish(mut self) -> Discovery {
        make_distinct(&mut self.inputs);
        let mut found = self.found;
        found.inputs = self.inputs.into_iter().map(|(_, input)| input).collect();
        found.inputs.sort_by(|a, b| a.name.cmp(&b.name));
        found.skipped.sort();
        for faults in [&mut found.missing, &mut found.faults] {
            faults.sort_by(|a, b| (&a.position, &a.reject.detail).cmp(&(&b.position, &b.reject.detail)));
        }
        found
    }
}

/// Puts folders of the argument's own path before names that several inputs share, until they differ.
fn make_distinct(inputs: &mut [(PathBuf, Input)]) {
    let mut depth = 0;
    loop {
        let mut seen: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
        for (i, (_, input)) in inputs.iter().enumerate() {
            seen.entry(input.name.clone()).or_default().push(i);
        }
        let mut longer = false;
        for shared in seen.into_values().filter(|s| s.len() > 1) {
            for i in shared {
                let (root, input) = &mut inputs[i];
                if let Some(part) = root.components().rev().nth(depth) {
                    let part = part.as_os_str().to_string_lossy();
                    input.name = format!("{}/{}", part.trim_matches('/'), input.name).into();
                    longer = true;
                }
            }
        }
        if !longer {
            return;
        }
        depth += 1;
    }
}

/// Why a file below a folder is left out, if it is.
fn not_an_export(path: &Path, name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let extension = file.rsplit_once('.').map_or("", |(_, e)| e);
    if file.starts_with('.') {
        return Some("a hidden file");
    }
    if NOT_EXPORTS.contains(&extension) {
        return Some("not an export, by its extension");
    }
    (extension == "txt" && !begins_like_json(path)).then_some("a text file that is not JSON")
}

fn begins_like_json(path: &Path) -> bool {
    let mut head = Vec::new();
    let Ok(file) = fs::File::open(path) else { return true };
    if file.take(4096).read_to_end(&mut head).is_err() {
        return true;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    text.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'{' | b'['))
}
