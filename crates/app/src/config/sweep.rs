//! The file of `evaluate --sweep`: labelled captures, a base, rows that change something, and grids of such changes. Read whole,
//! checked whole, faulted all at once, like a configuration, whose names it uses. Opens nothing.

use super::read::{Reader, Value, unknown};
use super::{Config, Fault, KNOBS};
use caponier_model::{MergePolicy, Pair};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// Most rows that one file may ask for: a grid multiplies.
pub const ROWS_MAX: usize = 2000;

/// What a sweep is asked to measure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sweep {
    /// The configuration that every capture is read with unless it names its own.
    pub config: Option<String>,
    /// Labelled captures, in the file's order.
    pub captures: Vec<Labelled>,
    /// The base row first, then the rows, then the cells of the grids, each in the file's order.
    pub rows: Vec<Row>,
}

/// A capture and the truth about it; paths as the file writes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labelled {
    /// What people call it.
    pub name: String,
    /// Files and folders.
    pub paths: Vec<String>,
    /// Its truth.
    pub truth: String,
    /// Its own configuration.
    pub config: Option<String>,
}

/// One configuration to measure.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// What people call it: its name, or what it sets.
    pub name: String,
    /// What it sets beyond the base.
    pub own: Vec<Setting>,
    /// What the base sets.
    pub base: Vec<Setting>,
}

/// One value of a knob or policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// `section.key` as in a configuration, `policy`, or `policy.HOME.RESOURCE`.
    pub path: String,
    /// The value as TOML.
    pub text: String,
}

/// The words of a policy.
const POLICIES: [(&str, MergePolicy); 3] =
    [("forbid", MergePolicy::Forbid), ("suggest", MergePolicy::Suggest), ("merge", MergePolicy::Merge)];

/// Reads the file of a sweep; on failure all faults, by line.
pub fn parse(text: &str) -> Result<Sweep, Vec<Fault>> {
    let mut reader = Reader::over(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        reader.fault(error.span().map_or(0, |s| s.start), error.message().to_owned());
    }
    let table = table.get_ref();
    for key in table.keys() {
        let known = ["config", "capture", "base", "row", "grid"];
        if !known.contains(&key.get_ref().as_ref()) {
            reader.fault(key.span().start, unknown("key", key.get_ref(), known.into_iter()));
        }
    }
    let mut sheet = Sheet { reader, text };
    let config = sheet.maybe(table, "config");
    let captures = sheet.tables(table, "capture").into_iter().filter_map(|(t, at)| sheet.capture(t, at)).collect();
    let base = table.get("base").map(|value| sheet.settings(value)).unwrap_or_default();
    let mut rows = vec![Row { name: "base".into(), own: Vec::new(), base: base.clone() }];
    for (item, at) in sheet.tables(table, "row") {
        rows.extend(sheet.row(item, at, &base));
    }
    if let Some(value) = table.get("grid") {
        sheet.grids(value, &base, &mut rows);
    }
    let mut faults = sheet.reader.into_faults();
    if faults.is_empty() {
        return Ok(Sweep { config, captures, rows });
    }
    faults.sort_by_key(|f| f.line);
    Err(faults)
}

impl Row {
    /// Sets everything on a configuration whose tenants are known. The faults are words: a value was read before, so that only
    /// what depends on the configuration is left to be wrong.
    pub fn apply(&self, config: &mut Config) -> Vec<String> {
        self.base.iter().chain(&self.own).flat_map(|setting| setting.apply(config)).collect()
    }
}

impl Setting {
    fn apply(&self, config: &mut Config) -> Vec<String> {
        let text = format!("value = {}", self.text);
        let (table, _) = DeTable::parse_recoverable(&text);
        let Some(value) = table.get_ref().get("value") else { return Vec::new() };
        let mut reader = Reader::over(&text);
        if is_policy(&self.path) {
            if let Err(fault) = set_policy(&self.path, value.get_ref(), config) {
                reader.fault(0, fault);
            }
        } else {
            reader.knob(&self.path, value, config);
        }
        reader.into_faults().into_iter().map(|f| f.what).collect()
    }

    /// True where it changes what is read of a capture, so that the capture must be read again.
    pub fn changes_reading(&self) -> bool {
        ["intake.", "limits.", "ledger."].iter().any(|section| self.path.starts_with(section))
    }
}

fn is_policy(path: &str) -> bool {
    path == "policy" || path.starts_with("policy.")
}

/// `policy` sets every pair, listed or not; `policy.HOME.RESOURCE` one.
fn set_policy(path: &str, value: &DeValue<'_>, config: &mut Config) -> Result<(), String> {
    let word = value.as_str().and_then(|word| POLICIES.iter().find(|(w, _)| *w == word));
    let Some((_, merge)) = word else {
        return Err(format!("{path} must be \"forbid\", \"suggest\" or \"merge\""));
    };
    let Some(names) = path.strip_prefix("policy.") else {
        config.policy.unlisted = *merge;
        config.policy.pairs.iter_mut().for_each(|(_, m)| *m = *merge);
        return Ok(());
    };
    let find = |name: &str| {
        let all = &config.tenants.all;
        all.iter().find(|t| t.name == name || t.id.to_string() == name).map(|t| t.id).ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|t| t.name.as_str()).collect();
            format!("{path}: no tenant is called {name:?}; the configuration lists: {}", known.join(", "))
        })
    };
    let Some((home, resource)) = names.split_once('.') else {
        return Err(format!("{path}: write policy.HOME.RESOURCE, or policy for all pairs"));
    };
    let pair = Pair { home: find(home)?, resource: find(resource)? };
    match config.policy.pairs.iter_mut().find(|(p, _)| *p == pair) {
        Some((_, held)) => *held = *merge,
        None => config.policy.pairs.push((pair, *merge)),
    }
    Ok(())
}

/// The file while it is read.
struct Sheet<'t> {
    reader: Reader<'t>,
    text: &'t str,
}

/// The values of one axis of a grid: each the settings that it makes, of one knob mostly.
type Axis = Vec<Setting>;

impl Sheet<'_> {
    fn maybe(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let value = table.get(key)?;
        let text = value.get_ref().as_str().filter(|t| !t.is_empty());
        if text.is_none() {
            self.reader.fault(value.span().start, format!("{key} must be a text that is not empty"));
        }
        text.map(str::to_owned)
    }

    fn need(&mut self, table: &DeTable<'_>, key: &str, of: &str, at: usize) -> Option<String> {
        if table.get(key).is_none() {
            self.reader.fault(at, format!("[[{of}]] lacks {key}"));
        }
        self.maybe(table, key)
    }

    fn tables<'v, 'i>(&mut self, table: &'v DeTable<'i>, key: &str) -> Vec<(&'v DeTable<'i>, usize)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let list = value.get_ref().as_array().map(|list| {
            list.iter().map(|item| Some((item.get_ref().as_table()?, item.span().start))).collect::<Option<Vec<_>>>()
        });
        list.flatten().unwrap_or_else(|| {
            self.reader.fault(value.span().start, format!("{key} must be a list of tables: write [[{key}]]"));
            Vec::new()
        })
    }

    fn only(&mut self, table: &DeTable<'_>, of: &str, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let what = unknown(&format!("key in [[{of}]]"), key.get_ref(), known.iter().copied());
            self.reader.fault(key.span().start, what);
        }
    }

    fn capture(&mut self, table: &DeTable<'_>, at: usize) -> Option<Labelled> {
        self.only(table, "capture", &["name", "paths", "truth", "config"]);
        let (name, truth) = (self.need(table, "name", "capture", at), self.need(table, "truth", "capture", at));
        let config = self.maybe(table, "config");
        let paths = table
            .get("paths")
            .and_then(|v| v.get_ref().as_array())
            .and_then(|list| list.iter().map(|v| v.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
        let paths = paths.filter(|paths| !paths.is_empty());
        if paths.is_none() {
            self.reader.fault(at, "[[capture]] must have paths, a list of files and folders".into());
        }
        Some(Labelled { name: name?, paths: paths?, truth: truth?, config })
    }

    fn row(&mut self, table: &DeTable<'_>, at: usize, base: &[Setting]) -> Option<Row> {
        self.only(table, "row", &["name", "set"]);
        let name = self.need(table, "name", "row", at);
        let Some(set) = table.get("set") else {
            self.reader.fault(at, "[[row]] lacks set, a table of what it changes".into());
            return None;
        };
        let own = self.settings(set);
        Some(Row { name: name?, own, base: base.to_vec() })
    }

    /// `[grid]` or several `[[grid]]`: the product of the lists of each, its axes in the order of their names.
    fn grids(&mut self, value: &Value<'_>, base: &[Setting], rows: &mut Vec<Row>) {
        let tables: Vec<&Value<'_>> = match value.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => vec![value],
        };
        for value in tables {
            let mut axes = Vec::new();
            self.leaves(value, "", &mut |sheet, path, value| {
                let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
                    sheet.reader.fault(value.span().start, format!("{path} in [grid] must be a list of values to try"));
                    return;
                };
                let axis: Axis = list.iter().filter_map(|value| sheet.setting(path, value)).collect();
                axes.push((path.to_owned(), axis));
            });
            axes.sort_by(|(a, _), (b, _)| a.cmp(b));
            let axes: Vec<Axis> = axes.into_iter().map(|(_, axis)| axis).collect();
            let cells = axes.iter().map(Vec::len).try_fold(1usize, usize::checked_mul);
            match cells.filter(|cells| rows.len() + cells <= ROWS_MAX) {
                Some(_) if axes.is_empty() => {}
                Some(_) => rows.extend(product(&axes).into_iter().map(|own| Row {
                    name: own.iter().map(|s| format!("{}={}", s.path, s.text)).collect::<Vec<_>>().join(" "),
                    own,
                    base: base.to_vec(),
                })),
                None => {
                    self.reader.fault(value.span().start, format!("the grid makes more than {ROWS_MAX} rows"));
                }
            }
        }
    }

    fn settings(&mut self, value: &Value<'_>) -> Vec<Setting> {
        let mut out = Vec::new();
        self.leaves(value, "", &mut |sheet, path, value| out.extend(sheet.setting(path, value)));
        out
    }

    /// Every value below `value` that is not a section; keys may be quoted (`"windows.url"`), dotted or nested.
    fn leaves(&mut self, value: &Value<'_>, prefix: &str, act: &mut dyn FnMut(&mut Self, &str, &Value<'_>)) {
        let Some(table) = value.get_ref().as_table() else {
            let what = if prefix.is_empty() { "must be a table".to_owned() } else { unknown_path(prefix) };
            return self.reader.fault(value.span().start, what);
        };
        for (key, value) in table {
            let path =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            let known = KNOBS.iter().any(|k| k.path == path);
            if !known && value.get_ref().is_table() {
                // A section nobody knows is told by what stands in it: `edge.session` is nearer to `edges.session`.
                self.leaves(value, &path, act);
            } else if known || is_policy(&path) {
                act(self, &path, value);
            } else {
                self.reader.fault(key.span().start, unknown_path(&path));
            }
        }
    }

    /// One value, read once to find its faults at their line.
    fn setting(&mut self, path: &str, value: &Value<'_>) -> Option<Setting> {
        let before = self.reader.count();
        if !is_policy(path) {
            self.reader.knob(path, value, &mut Config::discovering());
        } else if path == "policy"
            && let Err(fault) = set_policy(path, value.get_ref(), &mut Config::discovering())
        {
            self.reader.fault(value.span().start, fault);
        }
        let text = self.text.get(value.span())?.to_owned();
        (self.reader.count() == before).then(|| Setting { path: path.to_owned(), text })
    }
}

fn unknown_path(path: &str) -> String {
    unknown("key", path, KNOBS.iter().map(|k| &*k.path).chain(["policy"]))
}

/// Every choice of one setting from each axis, the last axis running fastest.
fn product(axes: &[Axis]) -> Vec<Vec<Setting>> {
    axes.iter().fold(vec![Vec::new()], |cells, axis| {
        let with = |cell: &Vec<Setting>, setting: &Setting| cell.iter().chain([setting]).cloned().collect();
        cells.iter().flat_map(|cell| axis.iter().map(move |setting| with(cell, setting))).collect()
    })
}

/// What a row sets, by path, base included, as TOML: for programs.
pub fn values(row: &Row) -> BTreeMap<String, String> {
    row.base.iter().chain(&row.own).map(|setting| (setting.path.clone(), setting.text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Slot;

    const GOOD: &str = r#"
config = "caponier.toml"
[[capture]]
name = "lab"
paths = ["captures"]
truth = "truth.ndjson"
[base]
edges.source_incident = false
"windows.url" = 7200
[[row]]
name = "no sessions"
set = { edges.session = false, policy = "forbid" }
[grid.windows]
address = [0, 3600]
[grid.guards]
address_persons = [5, 10, 20]
"#;

    #[test]
    fn rows_come_in_the_order_of_the_file_and_the_last_axis_runs_fastest() {
        let sweep = parse(GOOD).unwrap();
        let names: Vec<_> = sweep.rows.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names[..2], ["base", "no sessions"]);
        assert_eq!(
            names[2..4],
            ["guards.address_persons=5 windows.address=0", "guards.address_persons=5 windows.address=3600"]
        );
        assert_eq!(names.len(), 8);
        let mut config = Config::discovering();
        assert!(sweep.rows[3].apply(&mut config).is_empty());
        let (windows, edges) = (&config.engine.windows, &config.engine.edges);
        assert_eq!((windows.url, windows.address, config.engine.caps.address), (7200, 3600, 5));
        assert!(!edges.source_incident && edges.session);
        assert!(sweep.rows[1].apply(&mut config).is_empty() && !config.engine.edges.session);
        assert_eq!(config.policy.unlisted, MergePolicy::Forbid);
    }

    #[test]
    fn every_knob_can_be_swept() {
        for knob in KNOBS.iter() {
            let mut config = Config::discovering();
            let value = match knob.slot(&mut config) {
                Slot::Switch(_) => "false",
                Slot::Text(_) => "\"a\"",
                Slot::Texts(_) => "[\"a\"]",
                _ => "33",
            };
            let sweep = parse(&format!("[base]\n{} = {value}\n[grid]\n\"{}\" = [{value}]", knob.path, knob.path));
            let sweep = sweep.unwrap_or_else(|f| panic!("{}: {f:?}", knob.path));
            assert_eq!((sweep.rows.len(), sweep.rows[1].own.len()), (2, 1), "{}", knob.path);
            assert!(sweep.rows[1].apply(&mut config).is_empty(), "{}", knob.path);
            assert_eq!(knob.slot(&mut config).text(), value, "{}", knob.path);
        }
    }

    #[test]
    fn all_unknown_names_are_told_at_once_with_their_lines() {
        let bad = GOOD
            .replace("edges.source_incident", "edges.source_incidnet")
            .replace("\"windows.url\" = 7200", "\"windows.url\" = \"long\"")
            .replace("edges.session", "edge.session")
            .replace("address = [0, 3600]", "address = 3600")
            .replace("truth =", "thruth =")
            .replace("policy = \"forbid\"", "policy = \"never\"");
        let faults = parse(&bad).unwrap_err();
        let has = |line: usize, word: &str| {
            assert!(faults.iter().any(|f| f.line == line && f.what.contains(word)), "{line} {word}: {faults:#?}")
        };
        has(3, "[[capture]] lacks truth");
        has(6, "thruth");
        has(8, "did you mean \"edges.source_incident\"");
        has(9, "windows.url must be");
        has(12, "edge.session");
        has(12, "\"forbid\", \"suggest\" or \"merge\"");
        has(14, "must be a list of values to try");
    }

    #[test]
    fn a_policy_of_tenants_nobody_knows_is_a_fault_when_it_is_applied() {
        let sweep = parse("[[row]]\nname = \"x\"\nset = { policy.contoso.fabrikam = \"forbid\" }").unwrap();
        let faults = sweep.rows[1].apply(&mut Config::discovering());
        assert!(faults[0].contains("no tenant is called \"contoso\""), "{faults:?}");
    }

    #[test]
    fn a_grid_that_explodes_is_refused() {
        let axis = (0..50).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let text = format!("[grid]\nwindows.url = [{axis}]\nwindows.hash = [{axis}]");
        assert!(parse(&text).unwrap_err()[0].what.contains("more than 2000 rows"));
    }
}
