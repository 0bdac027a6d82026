//! What operators ask for while a run goes on.

use crate::broker::Broker;
use crate::decided::until;
use crate::scene::{Scene, digests};
use serde_json::Value;

/// Settings change under a run that goes on (SIGHUP, after a file with faults was refused) and over a restart; it ends in what a
/// replay ends in under the last of them. Whoever reads the journal under the first file has the same changes.
#[test]
fn settings_change_while_it_runs() {
    let broker = Broker::start("asked");
    let scene = Scene::simulate(31, 200);
    let before = scene.replayed();
    let run = scene.live(&broker, "asked");
    run.produce(3);
    let running = run.start_open("1");
    let largest = |incidents: &[Value]| {
        incidents.iter().filter_map(|i| i["findings"].as_array()).map(Vec::len).max().unwrap_or_default()
    };
    until(&run, |incidents| largest(incidents) > 3);
    run.append("[gaurds]\nfindings = 3\n");
    running.reads_anew();
    until(&run, |_| running.told().contains("did you mean"));
    run.replace("[gaurds]", "[guards]");
    running.reads_anew();
    until(&run, |incidents| largest(incidents) <= 3);
    let told = running.told();
    assert!(told.contains("+ findings = 3") && told.contains("- findings = 150"), "{told}");
    running.stops();
    run.append("[windows]\naccount = 600\n");
    run.drain();
    let latest = digests(&run.latest());
    assert_eq!(latest, run.replayed());
    assert_ne!(latest, before, "the settings changed nothing");
    let again = run.reader_of_its_journal("reader");
    again.correlate();
    assert_eq!(again.changes(), run.changes());
}

/// Rules change under a run; whoever reads the journal has the same changes, without the files.
#[test]
fn rules_change_while_it_runs() {
    let broker = Broker::start("ruled");
    let scene = Scene::simulate(37, 200);
    let run = scene.live(&broker, "ruled");
    run.produce(2);
    let running = run.start_open("1");
    until(&run, |incidents| incidents.len() > 5);
    let folder = run.rules_without("x01.yml");
    run.append(&format!("[rules]\nfolder = {folder:?}\n"));
    running.reads_anew();
    until(&run, |_| running.told().contains("- rules/identity-risk/x01.yml"));
    running.stops();
    run.drain();
    assert!(run.changes().len() > 20);
    let again = run.reader_of_its_journal("auditor");
    again.correlate();
    assert_eq!(again.changes(), run.changes());
}
