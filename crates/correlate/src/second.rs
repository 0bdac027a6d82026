//! Second evidence: what makes two weak coincidences in one finding into a value that may bridge (G5). An address with an artefact,
//! one tool raised by one alert, an address named by lateral movement. Knows a finding, nothing of its neighbours.
//!
//! What was tried, and what it found and missed on real incidents, is in docs/accuracy.md.

use crate::Settings;
use crate::bind::Use;
use crate::finding::Merged;
use crate::value::Value;
use caponier_model::{EntityKind, TenantId};
use compact_str::CompactString;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The tactic whose alerts name the other end of a connection.
const MOVEMENT: &str = "LateralMovement";

/// Tools taken from one finding at most: an alert that lists a whole process tree says nothing by each of its leaves.
const TOOLS_MAX: usize = 16;

/// Images that run on every machine all day: the same one on two machines is no coincidence.
const EVERYWHERE: [&str; 40] = [
    "bash",
    "chrome.exe",
    "cmd.exe",
    "conhost.exe",
    "cscript.exe",
    "csrss.exe",
    "dash",
    "dllhost.exe",
    "excel.exe",
    "explorer.exe",
    "firefox.exe",
    "lsass.exe",
    "msedge.exe",
    "mshta.exe",
    "msiexec.exe",
    "outlook.exe",
    "powerpnt.exe",
    "powershell.exe",
    "pwsh.exe",
    "python",
    "python.exe",
    "python3",
    "regsvr32.exe",
    "rundll32.exe",
    "runtimebroker.exe",
    "services.exe",
    "sh",
    "smss.exe",
    "spoolsv.exe",
    "svchost.exe",
    "system",
    "systemd",
    "taskhostw.exe",
    "teams.exe",
    "userinit.exe",
    "wininit.exe",
    "winlogon.exe",
    "winword.exe",
    "wmiprvse.exe",
    "wscript.exe",
];

/// The values of second evidence that a finding holds, in canonical order. `uses` are its other values.
pub(crate) fn second(merged: &Merged<'_>, tenant: TenantId, uses: &[Use], settings: &Settings) -> Vec<Use> {
    let edges = &settings.edges;
    let mut out: Vec<Use> = Vec::new();
    let addresses = || weak(uses, true).map(|(_, ip)| ip);
    let mut add = |value| out.push(Use::of(value));
    if edges.weak_pair && edges.address && edges.artefact {
        for ip in addresses() {
            let pairs = weak(uses, false).map(|(kind, text)| Box::new((ip.clone(), kind, text.clone())));
            pairs.map(Value::Pair).for_each(&mut add);
        }
    }
    if edges.movement && edges.address && merged.tactics.iter().any(|t| *t == MOVEMENT) {
        addresses().map(|ip| Value::Movement(ip.clone())).for_each(&mut add);
    }
    if edges.tool {
        tools(merged).map(|tool| Value::Tool(Box::new((tenant, tool, alert(merged).into())))).for_each(&mut add);
    }
    // Persons at addresses stand behind the others, as their kind does.
    if settings.caps.detector < u32::MAX {
        let people =
            uses.iter().filter_map(|u| if let Value::Person(who) = u.value { Some((who, u.account)) } else { None });
        out.extend(people.flat_map(|(who, account)| {
            addresses().map(move |ip| Use { value: Value::At(Box::new((who, ip.clone()))), account, part: 0 })
        }));
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// The addresses or the artefacts among a finding's values.
fn weak(uses: &[Use], want_ip: bool) -> impl Iterator<Item = (EntityKind, &CompactString)> {
    uses.iter().filter_map(move |u| match &u.value {
        Value::Weak(kind, text) if (*kind == EntityKind::Ip) == want_ip => Some((*kind, text)),
        _ => None,
    })
}

/// What the source calls this kind of alert: its title, since a product's alerts share one detector more often than not.
pub(crate) fn alert<'s>(merged: &'s Merged<'_>) -> Cow<'s, str> {
    match &merged.title.params[..] {
        [] => Cow::Borrowed(&merged.title.template),
        [one] => Cow::Borrowed(&one.value),
        more => {
            let words: Vec<&str> = more.iter().map(|p| p.value.as_str()).collect();
            Cow::Owned(words.join(" "))
        }
    }
}

/// The images of the processes that an alert names, without those that run everywhere.
fn tools(merged: &Merged<'_>) -> impl Iterator<Item = CompactString> {
    let processes = merged.entities.iter().filter(|e| e.kind == EntityKind::Process);
    let images: BTreeSet<CompactString> = processes.filter_map(|e| image(e.value)).collect();
    images.into_iter().filter(|image| !EVERYWHERE.contains(&image.as_str())).take(TOOLS_MAX)
}

/// The file name of the program that a command line starts, in lower case: `"c:\a b\whoami.exe" /user` is `whoami.exe`.
fn image(command: &str) -> Option<CompactString> {
    let command = command.trim_start();
    let program = match command.strip_prefix('"') {
        Some(rest) => rest.split('"').next(),
        None => command.split_whitespace().next(),
    };
    let name = program?.rsplit(['\\', '/']).next().filter(|name| !name.is_empty())?;
    Some(name.to_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::tests::sighting;
    use crate::tests::{HOUR, groups, merge_all, run};
    use caponier_model::{EdgeKind, Entry, ReasonCode, Text};

    /// An alert of one kind on a machine, naming a process.
    fn raised(tenant: u128, id: &str, at: i64, device: &str, command: &str) -> Entry {
        let mut made = sighting(tenant, id, at, &[(EntityKind::Device, device), (EntityKind::Process, command)]);
        made.title = Text::quoted("Possible attempt to access Primary Refresh Token", made.key.tenant);
        Entry::Sighting(Box::new(made))
    }

    fn without(switch: &str) -> Settings {
        let mut settings = Settings::defaults();
        assert!(settings.set(switch, 0), "{switch}");
        settings
    }

    #[test]
    fn one_tool_in_one_kind_of_alert_bridges_two_machines() {
        let tool = "\"c:\\x\\BrowserCore.exe\" chrome-extension";
        let first = raised(1, "a", 0, "d1", tool);
        let count = |settings: &Settings, second: Entry| {
            run(settings, &merge_all(), &[first.clone(), second]).incidents().count()
        };
        let usual = Settings::defaults();
        assert_eq!(count(&usual, raised(1, "b", HOUR, "d2", "browsercore.exe")), 1);
        assert_eq!(count(&usual, raised(1, "b", HOUR + 1, "d2", tool)), 2, "beyond the window");
        assert_eq!(count(&usual, raised(2, "b", 60, "d2", tool)), 2, "in another tenant");
        assert_eq!(count(&usual, raised(1, "b", 60, "d2", "other.exe")), 2, "another tool");
        assert_eq!(count(&without("edges.tool"), raised(1, "b", 60, "d2", tool)), 2, "switched off");
        let everywhere = [raised(1, "a", 0, "d1", "powershell.exe -x"), raised(1, "b", 60, "d2", "powershell.exe -x")];
        assert_eq!(run(&usual, &merge_all(), &everywhere).incidents().count(), 2, "what runs everywhere");
        let engine = run(&usual, &merge_all(), &[first, raised(1, "b", 60, "d2", tool)]);
        let edge = &engine.incidents().next().unwrap().edges[1];
        assert_eq!((edge.reason, edge.confidence), (ReasonCode::Edge(EdgeKind::WeakPair), 900_000));
        assert_eq!(edge.entity_value.as_deref(), Some("browsercore.exe"));
        let sentence = edge.sentence.render(|p| p.value.clone());
        assert!(sentence.contains("Primary Refresh Token was raised for the tool browsercore.exe"), "{sentence}");
    }

    #[test]
    fn a_tool_on_many_machines_bridges_none() {
        let mut settings = Settings::defaults();
        let all: Vec<Entry> = (0..9).map(|i| raised(1, &format!("f{i}"), i, &format!("d{i}"), "updater.exe")).collect();
        assert_eq!(run(&settings, &merge_all(), &all[..8]).incidents().count(), 1);
        assert_eq!(run(&settings, &merge_all(), &all).incidents().count(), 9);
        assert!(settings.set("guards.g2", 0));
        assert_eq!(run(&settings, &merge_all(), &all).incidents().count(), 1);
    }

    #[test]
    fn an_address_named_by_lateral_movement_bridges() {
        let moved = |id: &str, at: i64, tactic: &str| {
            let mut made = sighting(1, id, at, &[(EntityKind::Device, id), (EntityKind::Ip, "203.0.113.5")]);
            made.tactics = vec![tactic.into()];
            Entry::Sighting(Box::new(made))
        };
        let entries = [moved("a", 0, MOVEMENT), moved("b", HOUR, MOVEMENT), moved("c", HOUR, "Execution")];
        let engine = run(&Settings::defaults(), &merge_all(), &entries);
        // What is of another tactic attaches by the address alone, as it always did.
        assert_eq!(groups(&engine), [vec!["a", "b", "c"]]);
        let edge = &engine.incidents().next().unwrap().edges[1];
        assert_eq!(edge.reason, ReasonCode::Edge(EdgeKind::WeakPair));
        assert!(edge.sentence.render(|p| p.value.clone()).contains("of lateral movement"));
        assert_eq!(run(&without("edges.movement"), &merge_all(), &entries).incidents().count(), 3);
        assert_eq!(run(&without("edges.address"), &merge_all(), &entries).incidents().count(), 3);
        let far = [moved("a", 0, MOVEMENT), moved("b", HOUR + 1, MOVEMENT)];
        assert_eq!(run(&Settings::defaults(), &merge_all(), &far).incidents().count(), 2);
        // Prolific by findings of any tactic: the address itself says nothing then.
        let busy = (0..10).map(|i| moved(&format!("x{i}"), 10 + i, "Execution"));
        let all: Vec<Entry> = [moved("a", 0, MOVEMENT), moved("b", 60, MOVEMENT)].into_iter().chain(busy).collect();
        let engine = run(&Settings::defaults(), &merge_all(), &all);
        assert!(groups(&engine).iter().all(|g| g.len() == 1), "{:?}", groups(&engine));
    }

    #[test]
    fn a_command_line_is_known_by_the_program_it_starts() {
        for (command, want) in [
            ("\"whoami.exe\" /user", Some("whoami.exe")),
            ("\"C:\\Program Files\\A B\\BrowserCore.exe\" chrome-extension://x", Some("browsercore.exe")),
            ("c:\\windows\\system32\\rubeus.exe dump", Some("rubeus.exe")),
            ("/usr/bin/socat TCP:1", Some("socat")),
            ("lsass.exe", Some("lsass.exe")),
            ("", None),
            ("\"", None),
        ] {
            assert_eq!(image(command).as_deref(), want, "{command}");
        }
    }

    #[test]
    fn what_runs_everywhere_is_sorted_and_in_lower_case() {
        assert!(EVERYWHERE.is_sorted() && EVERYWHERE.iter().all(|name| name.to_lowercase() == *name));
    }
}
