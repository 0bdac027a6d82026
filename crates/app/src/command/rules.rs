//! `caponier rules`: the rules as tables, their faults, their vectors, what they cover.

use super::print;
use crate::cli::{RulesAction, RulesCoverage, RulesExplain, RulesLint, RulesList, RulesTest};
use crate::columns::Row;
use crate::config::{Config, Live};
use crate::failure::{Exit, Failure, failed};
use crate::intake::origin;
use crate::reading::context;
use crate::rulebook::{self, SHIPPED, VECTORS};
use crate::sheet::table;
use crate::vectors::{Templates, Verdict, play, untested};
use caponier_ledger as ledger;
use caponier_rules::{Fault, Operational, RuleSet, Scenario, Shape, derived, field, logsource, operational, vectors};
use caponier_transport::{self as transport, Item};
use caponier_wire as wire;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Does what was asked.
pub fn run(action: &RulesAction, config: Option<&Path>) -> Result<Exit, Failure> {
    match action {
        RulesAction::List(args) => list(args, config),
        RulesAction::Lint(args) => lint(args),
        RulesAction::Test(args) => test(args),
        RulesAction::Explain(args) => explain(args),
        RulesAction::Coverage(args) => coverage(args),
    }
}

/// Rules of a folder for a run: any fatal fault stops it, all are told.
pub(crate) fn chosen(folder: &Path) -> Result<(Arc<RuleSet>, Arc<Vec<Operational>>), Failure> {
    let (set, mut faults) = rulebook::folder(folder)?;
    let (operational, more) = rulebook::folder_operational(folder)?;
    faults.extend(more);
    let fatal: Vec<_> = faults.iter().filter(|f| f.fatal).map(|f| format!("  {f}")).collect();
    if !fatal.is_empty() {
        return Err(Failure::Usage(format!("the rules of {} cannot run:\n{}", folder.display(), fatal.join("\n"))));
    }
    Ok((Arc::new(set), Arc::new(operational)))
}

fn read(folder: Option<&PathBuf>) -> Result<(RuleSet, Vec<Fault>), Failure> {
    folder.map_or_else(|| Ok(RuleSet::read(&rulebook::shipped())), |folder| rulebook::folder(folder))
}

fn read_operational(folder: Option<&PathBuf>) -> Result<(Vec<Operational>, Vec<Fault>), Failure> {
    let shipped = || Ok(operational::read(&rulebook::shipped_operational()));
    folder.map_or_else(shipped, |folder| rulebook::folder_operational(folder))
}

fn list(args: &RulesList, config: Option<&Path>) -> Result<Exit, Failure> {
    let width = terminal();
    if args.sources {
        let rows: Vec<_> = logsource::SOURCES
            .iter()
            .map(|s| vec![s.product.to_owned(), s.service.to_owned(), s.formats.join(" ")])
            .collect();
        return print(&(table(&heads(&["product", "service", "formats"]), &rows, &[false; 3], width) + "\n"));
    }
    if args.fields {
        let mut rows: Vec<_> = field::FIELDS.iter().map(|f| vec![f.name.to_owned(), f.about.to_owned()]).collect();
        rows.extend(derived::DERIVED.iter().map(|f| vec![f.name.to_owned(), f.about.to_owned()]));
        rows.extend(
            field::BOUND
                .iter()
                .filter(|(name, _)| field::find(name).is_none())
                .map(|(name, about)| vec![(*name).to_owned(), format!("{about} (to group by)")]),
        );
        rows.push(vec![
            format!("{}<property>", field::MODIFIED),
            "new value of a changed property of an audit row; .old: the old one".into(),
        ]);
        rows.sort();
        return print(&(table(&heads(&["field", "says"]), &rows, &[false; 2], width) + "\n"));
    }
    let (set, _) = read(args.folder.as_ref())?;
    let config = Config::load(config)?;
    let brought = brought(&config.live);
    let rows: Vec<_> = set
        .scenarios
        .iter()
        .filter(|s| s.generate)
        .map(|s| {
            let unread = lacking(&set, s, &|formats| !formats.is_empty());
            let missing = brought.as_ref().map(|brought| lacking(&set, s, &|f| f.iter().any(|f| brought.contains(f))));
            let reads = match missing {
                _ if !unread.is_empty() => format!("no: {}", unread.join(", ")),
                Some(missing) if !missing.is_empty() => format!("no topic: {}", missing.join(", ")),
                _ => "yes".to_owned(),
            };
            vec![
                s.name.to_string(),
                s.level.code().to_owned(),
                shape(s).to_owned(),
                span(s.span),
                s.title.to_string(),
                reads,
            ]
        })
        .collect();
    let text = table(
        &heads(&["rule", "severity", "kind", "within", "finds", "tables read"]),
        &rows,
        &[false, false, false, true, false, false],
        width,
    );
    let (watching, _) = read_operational(args.folder.as_ref())?;
    let own: Vec<_> = watching
        .iter()
        .map(|o| vec![o.name.to_string(), o.level.code().to_owned(), o.title.to_string(), o.tables.join(", ")])
        .collect();
    let beside = table(&heads(&["operational finding", "severity", "finds", "reads"]), &own, &[false; 4], width);
    let silent = super::suppressed::sheet(&config, &set, super::replay::now(), width);
    let counted = format!("{} rules, {} base rules, {} operational findings", rows.len(), set.base.len(), own.len());
    print(&format!("{text}\n\n{beside}\n{silent}\n{counted}\n"))
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn terminal() -> Option<usize> {
    use std::io::IsTerminal as _;
    std::io::stdout().is_terminal().then(|| usize::from(super::resolve::width()))
}

/// The formats that the topics of a configuration bring; none where nobody can tell: no topic is listed, or one does not name its table.
fn brought(live: &Live) -> Option<BTreeSet<&'static str>> {
    let tables: Option<Vec<_>> = live.topics.iter().map(|topic| topic.table.as_deref()).collect();
    let tables = tables.filter(|tables| !tables.is_empty())?;
    Some(tables.into_iter().flat_map(wire::formats_of).collect())
}

/// The base rules of a scenario of whose formats `has` says no.
fn lacking<'s>(set: &'s RuleSet, scenario: &Scenario, has: &dyn Fn(&[&'static str]) -> bool) -> Vec<&'s str> {
    let mut out = Vec::new();
    for step in &scenario.steps {
        match set.base(&step.rule) {
            Some(base) if !has(base.formats) => out.push(base.name.as_str()),
            Some(_) => {}
            None => out.extend(set.scenario(&step.rule).into_iter().flat_map(|inner| lacking(set, inner, has))),
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

const fn shape(scenario: &Scenario) -> &'static str {
    match scenario.shape {
        Shape::Single => "single",
        Shape::Count(_) => "count",
        Shape::Values(_) => "values",
        Shape::Together(_) => "together",
        Shape::Ordered => "ordered",
        Shape::Number(..) => "number",
    }
}

fn span(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    match seconds {
        0 => "-".into(),
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

fn lint(args: &RulesLint) -> Result<Exit, Failure> {
    let (set, mut faults) = read(args.folder.as_ref())?;
    let (watching, more) = read_operational(args.folder.as_ref())?;
    faults.extend(more);
    let mut out = String::new();
    for fault in &faults {
        let _ = writeln!(out, "{} {fault}", if fault.fatal { "error" } else { "advice" });
    }
    let fatal = faults.iter().filter(|f| f.fatal).count();
    let _ = writeln!(
        out,
        "{} rules, {} base rules, {} operational findings: {fatal} errors, {} advices",
        set.scenarios.len(),
        set.base.len(),
        watching.len(),
        faults.len() - fatal
    );
    print(&out)?;
    Ok(if fatal == 0 { Exit::Done } else { Exit::Failed })
}

fn test(args: &RulesTest) -> Result<Exit, Failure> {
    let (set, mut faults) = read(args.folder.as_ref())?;
    let (watching, more) = read_operational(args.folder.as_ref())?;
    faults.extend(more);
    let set = Arc::new(set);
    let templates = templates(args.folder.as_deref())?;
    let files = match &args.folder {
        Some(folder) => rulebook::files(folder, &|name| name.ends_with(VECTORS))?
            .into_iter()
            .map(|f| (f.name.to_string(), f.text))
            .collect(),
        None => shipped_vectors(),
    };
    let mut verdicts = Vec::new();
    for (name, text) in files {
        match vectors::read(&text) {
            Ok(read) if args.rule.as_ref().is_none_or(|rule| *rule == read.rule) => {
                verdicts.extend(play(&set, &watching, &read, &templates));
                let loose = if args.thorough { untested(&set, &read, &templates) } else { Vec::new() };
                verdicts.extend(loose.into_iter().map(|part| Verdict {
                    rule: read.rule.as_str().into(),
                    name: part,
                    wrong: Some("no vector notices".into()),
                }));
            }
            Ok(_) => {}
            Err(what) => verdicts.push(Verdict { rule: name.as_str().into(), name, wrong: Some(what) }),
        }
    }
    let mut out = String::new();
    for fault in faults.iter().filter(|f| f.fatal) {
        let _ = writeln!(out, "error {fault}");
    }
    for verdict in verdicts.iter().filter(|v| v.wrong.is_some()) {
        let _ = writeln!(
            out,
            "FAILED {}: {}: {}",
            verdict.rule,
            verdict.name,
            verdict.wrong.as_deref().unwrap_or_default()
        );
    }
    let wrong = verdicts.iter().filter(|v| v.wrong.is_some()).count();
    let tested: BTreeSet<_> = verdicts.iter().map(|v| &v.rule).collect();
    let untested: Vec<_> =
        set.scenarios.iter().filter(|s| s.generate && !tested.contains(&s.name)).map(|s| s.name.as_str()).collect();
    if !untested.is_empty() && args.rule.is_none() {
        let _ = writeln!(out, "without vectors: {}", untested.join(", "));
    }
    let _ = writeln!(out, "{} vectors of {} rules, {wrong} failed", verdicts.len(), tested.len());
    if let Some(path) = &args.junit {
        let xml = junit(&verdicts);
        ledger::publish(path, |out| std::io::Write::write_all(out, xml.as_bytes()))
            .map_err(|e| Failure::Failed(e.to_string()))?;
    }
    print(&out)?;
    Ok(if wrong == 0 && faults.iter().all(|f| !f.fatal) { Exit::Done } else { Exit::Failed })
}

pub(crate) fn shipped_vectors() -> Vec<(String, String)> {
    let vectors = SHIPPED.iter().filter(|(name, _)| name.ends_with(VECTORS));
    vectors.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The templates that come with the program, and over them those of a folder's own `templates`.
pub(crate) fn templates(folder: Option<&Path>) -> Result<Templates, Failure> {
    let named = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let shipped = SHIPPED.iter().filter(|(name, _)| name.starts_with("templates/"));
    let mut out: Templates = shipped.map(|(name, text)| (named(Path::new(name)), (*text).to_owned())).collect();
    let Some(own) = folder.map(|f| f.join("templates")).filter(|f| f.is_dir()) else { return Ok(out) };
    for entry in std::fs::read_dir(&own).map_err(|e| failed("cannot read the templates", e))? {
        let path = entry.map_err(|e| failed("cannot read the templates", e))?.path();
        if path.extension().is_some_and(|e| e == "json") {
            let text =
                std::fs::read_to_string(&path).map_err(|e| failed(&format!("cannot read {}", path.display()), e))?;
            out.insert(named(&path), text);
        }
    }
    Ok(out)
}

fn junit(verdicts: &[Verdict]) -> String {
    let safe = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let wrong = verdicts.iter().filter(|v| v.wrong.is_some()).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"rules\" tests=\"{}\" failures=\"{wrong}\">\n",
        verdicts.len()
    );
    for verdict in verdicts {
        let _ = write!(out, "  <testcase classname=\"{}\" name=\"{}\"", safe(&verdict.rule), safe(&verdict.name));
        let _ = match &verdict.wrong {
            None => writeln!(out, "/>"),
            Some(what) => writeln!(out, "><failure message=\"{}\"/></testcase>", safe(what)),
        };
    }
    out + "</testsuite>\n"
}

/// Every base rule below a scenario, itself included where it is one.
fn bases<'s>(set: &'s RuleSet, rule: &str, out: &mut Vec<&'s caponier_rules::Base>) {
    if let Some(base) = set.base(rule) {
        if !out.iter().any(|b| b.name == base.name) {
            out.push(base);
        }
        return;
    }
    if let Some(scenario) = set.scenario(rule) {
        scenario.steps.iter().for_each(|step| bases(set, &step.rule, out));
    }
}

fn explain(args: &RulesExplain) -> Result<Exit, Failure> {
    let (set, _) = read(args.rules.as_ref())?;
    let mut found = Vec::new();
    bases(&set, &args.rule, &mut found);
    if found.is_empty() {
        return Err(Failure::Usage(format!("there is no rule {}; `caponier rules list` names them", args.rule)));
    }
    let config = Config::discovering();
    let (inputs, _, _) = super::inputs(&args.events)?;
    let mut tally = BTreeMap::<&str, (u64, u64)>::new();
    let mut lines = Vec::new();
    for input in &inputs {
        transport::read(input, &config.limits, &mut |item| {
            let Item::Payload(payload) = item else { return Ok::<(), Failure>(()) };
            for record in wire::records(payload.bytes, &config.record).flatten() {
                let (odata, named) = (record.odata.as_deref(), record.table.as_deref());
                let context = context(&config, &config.tenants, origin(input), None, odata, named);
                let Ok(event) = wire::decode(&context, &record.bytes) else { continue };
                for base in &found {
                    if !base.formats.contains(&event.format) {
                        continue;
                    }
                    let seen = tally.entry(&base.name).or_default();
                    seen.0 += 1;
                    if set.matches(base, &event, &Row::of(&record.bytes, &event)) {
                        seen.1 += 1;
                        let who = event.actor.name.as_deref().unwrap_or("-").to_owned();
                        let what = event.operation.as_deref().unwrap_or("-").to_owned();
                        lines.push((event.time, base.name.to_string(), event.tenant.to_string(), who, what));
                    }
                }
            }
            Ok(())
        })?;
    }
    print(&told(&set, &args.rule, &found, &tally, lines))
}

/// A record that matched: when, which base rule, whose log, who, what.
type Matched = (caponier_model::EventTime, String, String, String, String);

fn told(
    set: &RuleSet,
    rule: &str,
    found: &[&caponier_rules::Base],
    tally: &BTreeMap<&str, (u64, u64)>,
    mut lines: Vec<Matched>,
) -> String {
    let mut out = String::new();
    if let Some(scenario) = set.scenario(rule) {
        let _ = writeln!(out, "{rule}: {}\n{}\n", scenario.title, scenario.about);
    }
    for base in found {
        let (asked, matched) = tally.get(base.name.as_str()).copied().unwrap_or_default();
        let why = match (asked, matched) {
            (0, _) if base.formats.is_empty() => "no table that we read is its log source".to_owned(),
            (0, _) => format!("no record of its tables: {}", base.formats.join(", ")),
            (_, 0) => format!("none of {asked} records of its tables matches"),
            _ => format!("{matched} of {asked} records of its tables match"),
        };
        let _ = writeln!(out, "  {:<16} {}: {why}", base.name, base.title);
    }
    lines.sort();
    if !lines.is_empty() {
        out.push('\n');
    }
    for (time, base, tenant, who, what) in lines.iter().take(200) {
        let _ = writeln!(out, "  {time}  {base:<16} {tenant}  {who}  {what}");
    }
    if lines.len() > 200 {
        let _ = writeln!(out, "  … and {} more", lines.len() - 200);
    }
    out
}

fn coverage(args: &RulesCoverage) -> Result<Exit, Failure> {
    let (set, _) = read(args.folder.as_ref())?;
    let mut by = BTreeMap::<&str, Vec<&str>>::new();
    for scenario in set.scenarios.iter().filter(|s| s.generate) {
        for technique in &scenario.techniques {
            by.entry(technique).or_default().push(&scenario.name);
        }
    }
    if let Some(path) = &args.navigator {
        let techniques: Vec<_> = by
            .iter()
            .map(|(id, rules)| json!({"techniqueID": id, "score": rules.len(), "comment": rules.join(", "), "enabled": true}))
            .collect();
        let layer = json!({
            "name": "Caponier rules", "versions": {"layer": "4.5", "navigator": "5.1.0"}, "domain": "enterprise-attack",
            "description": "Techniques that the scenario rules name", "techniques": techniques,
            "gradient": {"colors": ["#ffffff", "#66b1ff"], "minValue": 0, "maxValue": 5},
        });
        ledger::publish(path, |out| std::io::Write::write_all(out, format!("{layer:#}\n").as_bytes()))
            .map_err(|e| Failure::Failed(e.to_string()))?;
    }
    let rows: Vec<_> =
        by.iter().map(|(id, rules)| vec![(*id).to_owned(), rules.len().to_string(), rules.join(", ")]).collect();
    print(&(table(&heads(&["technique", "rules", "which"]), &rows, &[false, true, false], terminal()) + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(set: &Arc<RuleSet>) -> Vec<Verdict> {
        let templates = templates(None).unwrap();
        let read =
            |(name, text): (String, String)| vectors::read(&text).unwrap_or_else(|what| panic!("{name}: {what}"));
        shipped_vectors()
            .into_iter()
            .flat_map(|file| play(set, &rulebook::operational(), &read(file), &templates))
            .collect()
    }

    #[test]
    fn the_shipped_rules_have_no_faults_and_every_vector_holds() {
        let (set, faults) = RuleSet::read(&rulebook::shipped());
        assert_eq!(faults, []);
        let set = Arc::new(set);
        let verdicts = verdicts(&set);
        let wrong: Vec<_> = verdicts.iter().filter(|v| v.wrong.is_some()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        for scenario in set.scenarios.iter().filter(|s| s.generate) {
            assert!(verdicts.iter().any(|v| v.rule == scenario.name), "{} has no vectors", scenario.name);
            let unread = lacking(&set, scenario, &|formats| !formats.is_empty());
            assert!(unread.is_empty(), "{} names tables that are not read: {unread:?}", scenario.name);
        }
    }

    #[test]
    fn what_no_topic_brings_is_told_where_all_topics_name_their_tables() {
        let set = RuleSet::read(&rulebook::shipped()).0;
        let topics = |tables: &[&str]| {
            let topic = |table: &&str| {
                format!(
                    "[[topic]]\nname = \"t{table}\"\n{}",
                    if table.is_empty() { String::new() } else { format!("table = {table:?}\n") }
                )
            };
            let tenant =
                "[[tenant]]\nid = \"aaaaaaaa-1111-4111-8111-111111111111\"\nname = \"a\"\nrole = \"primary\"\n";
            crate::config::parse(&(tables.iter().map(topic).collect::<String>() + tenant)).unwrap().live
        };
        assert_eq!((brought(&topics(&[])), brought(&topics(&["SigninLogs", ""]))), (None, None));
        let lacks = |tables: &[&str], rule: &str| {
            let brought = brought(&topics(tables)).unwrap();
            let scenario = set.scenarios.iter().find(|s| s.name == rule).unwrap();
            lacking(&set, scenario, &|formats| formats.iter().any(|f| brought.contains(f))).len()
        };
        assert_eq!(lacks(&["signinlogs"], "x09"), 0);
        assert!(lacks(&["DeviceEvents"], "x09") > 0 && lacks(&["SigninLogs"], "x11") > 0);
        assert_eq!(lacks(&["SigninLogs", "AuditLogs"], "x11"), 0);
    }

    #[test]
    fn no_part_of_a_rule_can_go_without_a_vector_failing() {
        let set = Arc::new(RuleSet::read(&rulebook::shipped()).0);
        let templates = templates(None).unwrap();
        let untested: Vec<_> = shipped_vectors()
            .into_iter()
            .flat_map(|(_, text)| untested(&set, &vectors::read(&text).unwrap(), &templates))
            .collect();
        assert_eq!(untested, Vec::<String>::new());
    }

    #[test]
    fn the_program_carries_every_file_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
        let mut on_disk = Vec::new();
        for group in std::fs::read_dir(&folder).unwrap().flatten().filter(|e| e.path().is_dir()) {
            for file in std::fs::read_dir(group.path()).unwrap().flatten() {
                on_disk.push(format!("{}/{}", group.file_name().to_string_lossy(), file.file_name().to_string_lossy()));
            }
        }
        on_disk.sort();
        let mut carried: Vec<_> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
        carried.sort();
        assert_eq!(carried, on_disk);
    }
}
