//! The correlator against a naive model of it: everything computed anew from the set of findings, links and source incidents, by
//! comparing every pair, over thousands of seeded worlds.
//!
//! `CAPONIER_CASES` sets how many cases each property sees, `CAPONIER_SEED` the first one. A failure prints its seed and the
//! case with every entry dropped that it does not need.

mod attach;
mod changes;
mod decided;
mod dice;
mod joins;
mod known;
mod people;
mod shape;
mod snapshots;
mod values;
mod world;

use caponier_correlate::{Counts, Engine, Settings, incident_id};
use caponier_model::{
    Change, ChangeKind, Entry, EventTime, Incident, Journalled, Membership, MergePolicy, Pair, Policy, Text,
};
use dice::Dice;
use joins::Pairs;
use people::People;
use shape::outcome;
use std::collections::{BTreeMap, VecDeque};
use world::Case;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Seeds of a property: `share` of the cases that are asked for.
fn seeds(share: u64) -> std::ops::Range<u64> {
    let first = number("CAPONIER_SEED", 0);
    first..first + (number("CAPONIER_CASES", 2000) / share).max(1)
}

fn give(engine: &mut Engine<People>, entry: &Entry) {
    engine.handle(Journalled { at: EventTime::MIN, position: None, entry: entry.clone() });
}

fn polled(engine: &mut Engine<People>) -> Vec<Change> {
    std::iter::from_fn(|| engine.poll_change()).collect()
}

fn run(settings: &Settings, policy: &Policy, entries: &[Entry]) -> Engine<People> {
    let mut engine = Engine::new(settings.clone(), policy.clone(), People::default());
    // What is settled together is no part of the truth: single entries in some worlds, handfuls in others.
    let together = 1 + entries.len() % 7;
    for (n, entry) in entries.iter().enumerate() {
        give(&mut engine, entry);
        if n % together == 0 {
            engine.flush();
        }
    }
    engine.flush();
    engine
}

/// Final forms, history left out: incidents are named by their smallest member, and so are those they refer to.
fn final_forms(engine: &Engine<People>) -> Vec<Incident> {
    let mut all: Vec<Incident> = engine.incidents().collect();
    let name = |i: &Incident| i.findings.iter().map(|f| &f.key).min().map(|key| incident_id(i.epoch, key));
    let names: BTreeMap<_, _> = all.iter().filter_map(|i| Some((i.id.clone(), name(i)?))).collect();
    for incident in &mut all {
        incident.id = names[&incident.id].clone();
        incident.sequence = 0;
        incident.change = ChangeKind::Created;
        (incident.continues, incident.split_from) = (None, None);
        incident.title = Text::plain("");
        for related in &mut incident.related {
            related.incident = names[&related.incident].clone();
        }
        incident.related.sort();
    }
    all.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    all
}

/// What the model does not say: words for people, and the points that order the queue.
fn without_words(mut incident: Incident) -> Incident {
    incident.headline = Text::plain("");
    (incident.score, incident.score_parts) = (0, Vec::new());
    incident.guards = Vec::new();
    incident.remediation = Vec::new();
    incident.digest = "".into();
    incident.edges.iter_mut().for_each(|e| e.sentence = Text::plain(""));
    incident.related.iter_mut().for_each(|r| r.sentence = Text::plain(""));
    incident
}

/// The first difference between two lists, in words; empty where there is none.
fn difference(got: &[Incident], want: &[Incident]) -> String {
    if got.len() != want.len() {
        let members = |list: &[Incident]| {
            let keys = |i: &Incident| i.findings.iter().map(|f| f.key.id.to_string()).collect::<Vec<_>>().join(" ");
            list.iter().map(keys).collect::<Vec<_>>().join(" | ")
        };
        return format!("got  {}\nwant {}", members(got), members(want));
    }
    let Some((got, want)) = got.iter().zip(want).find(|(a, b)| a != b) else { return String::new() };
    let (got, want) = (format!("{got:#?}"), format!("{want:#?}"));
    let lines: Vec<(&str, &str)> = got.lines().zip(want.lines()).filter(|(a, b)| a != b).take(12).collect();
    lines.iter().map(|(a, b)| format!("got  {}\nwant {}\n", a.trim(), b.trim())).collect::<String>() + &got
}

/// The counters of the present partition, which are facts of the set.
fn counted(counts: &Counts) -> String {
    let Counts { findings, unpaired, values_cut, edges, refused, over_value, over_person, unlisted, .. } = counts;
    format!("{findings} {unpaired} {values_cut} {over_value} {over_person} {unlisted} {edges:?} {refused:?}")
}

/// What is wrong with a case, if anything.
fn fault(case: &Case) -> Option<String> {
    let engine = run(&case.settings, &case.policy, &case.entries);
    let want = outcome(&case.entries, &case.settings, &case.policy, Pairs::Neighbours);
    let got: Vec<Incident> = final_forms(&engine).into_iter().map(without_words).collect();
    let difference = difference(&got, &want.incidents);
    if !difference.is_empty() {
        return Some(difference);
    }
    let shape::Outcome { findings, unpaired, values_cut, edges, refused, over_value, over_person, unlisted, .. } = want;
    let rest = Counts::default();
    let counts = Counts { findings, unpaired, values_cut, edges, refused, over_value, over_person, unlisted, ..rest };
    let want = counted(&counts);
    let got = counted(&engine.counts());
    (got != want).then(|| format!("counts: got {got}\nwant {want}"))
}

/// The case in words, without every entry that it does not need to fail.
fn shrunk(seed: u64, mut case: Case, fault: impl Fn(&Case) -> Option<String>) -> String {
    let mut size = case.entries.len();
    while size > 0 {
        let mut at = 0;
        while at < case.entries.len() {
            let mut smaller = case.clone();
            smaller.entries.drain(at..(at + size).min(smaller.entries.len()));
            if fault(&smaller).is_some() {
                case = smaller;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    let why = fault(&case).unwrap_or_default();
    let entries: Vec<String> = case.entries.iter().map(|e| format!("{e:?}")).collect();
    format!("seed {seed}\n{why}\n{:?}\n{:?}\n{}", case.settings, case.policy, entries.join("\n"))
}

fn hold(share: u64, make: impl Fn(u64) -> Case, fault: impl Fn(&Case) -> Option<String>) {
    for seed in seeds(share) {
        let case = make(seed);
        assert!(fault(&case).is_none(), "{}", shrunk(seed, case, &fault));
    }
}

#[test]
fn the_engine_agrees_with_the_model() {
    hold(1, world::case, fault);
}

/// Whatever order they come in, and whoever speaks first of twelve that read a share of the capture each: equal final forms, byte
/// for byte. Of two statements about one account, or two forms of one rule chain, the later wins by design: they keep their order.
#[test]
fn order_does_not_matter() {
    for seed in seeds(50) {
        let mut case = world::case(seed);
        // What is taken back may be raised anew after it: a matter of order.
        case.entries.retain(|e| !matches!(e, Entry::Withdrawn(_)));
        let want = final_forms(&run(&case.settings, &case.policy, &case.entries));
        let mut dice = Dice(seed);
        for n in 0..20 {
            let mut shuffled = case.entries.clone();
            dice.shuffle(&mut shuffled);
            compare(&case, keep_statements(&case.entries, shuffled), &want, &format!("seed {seed}, shuffle {n}"));
        }
        for partitions in [1, 2, 3, 12] {
            let dealt = deal(&mut dice, &case.entries, partitions);
            compare(
                &case,
                keep_statements(&case.entries, dealt),
                &want,
                &format!("seed {seed}, {partitions} partitions"),
            );
        }
    }
}

fn compare(case: &Case, entries: Vec<Entry>, want: &[Incident], what: &str) {
    let got = final_forms(&run(&case.settings, &case.policy, &entries));
    assert!(got == want, "{what}\n{}", difference(&got, want));
}

/// The entries of `order`, with identities and rule chains in the order in which they were told at first.
fn keep_statements(told: &[Entry], mut order: Vec<Entry>) -> Vec<Entry> {
    for is_kept in [|e: &Entry| matches!(e, Entry::Identity(_)), |e: &Entry| matches!(e, Entry::Chain(_))] {
        let mut kept = told.iter().filter(|e| is_kept(e));
        for place in order.iter_mut().filter(|e| is_kept(e)) {
            if let Some(next) = kept.next() {
                *place = next.clone();
            }
        }
    }
    order
}

/// Deals entries to partitions, each of which keeps its order, and reads whichever partition the dice say.
fn deal(dice: &mut Dice, entries: &[Entry], partitions: usize) -> Vec<Entry> {
    let mut hands: Vec<VecDeque<Entry>> = vec![VecDeque::new(); partitions];
    for entry in entries {
        hands[dice.roll(partitions as u64) as usize].push_back(entry.clone());
    }
    let mut out = Vec::new();
    while out.len() < entries.len() {
        out.extend(hands[dice.roll(partitions as u64) as usize].pop_front());
    }
    out
}

/// Every change, in order: equal for one journal.
#[test]
fn one_journal_gives_one_history() {
    let history = |case: &Case| {
        let mut engine = run(&case.settings, &case.policy, &case.entries);
        std::iter::from_fn(move || engine.poll_change()).collect::<Vec<_>>()
    };
    for seed in seeds(10) {
        let case = world::case(seed);
        assert!(history(&case) == history(&case), "seed {seed}");
    }
}

/// Where no guard refuses anything, the pairs that are looked at connect what all pairs within the window would connect.
#[test]
fn neighbours_connect_what_all_pairs_connect() {
    hold(4, open_world, |case| {
        let parts = |pairs| {
            let incidents = outcome(&case.entries, &case.settings, &case.policy, pairs).incidents;
            let core = |i: &Incident| {
                let core = i.findings.iter().filter(|f| f.role == Membership::Core);
                core.map(|f| f.key.id.to_string()).collect::<Vec<_>>()
            };
            incidents.iter().map(core).collect::<Vec<_>>()
        };
        let (neighbours, all) = (parts(Pairs::Neighbours), parts(Pairs::All));
        (neighbours != all).then(|| format!("neighbours {neighbours:?}\nall pairs  {all:?}"))
    });
}

/// A world whose limits nobody reaches and whose tenants may all be merged, or one of them with none.
fn open_world(seed: u64) -> Case {
    let mut case = world::case(seed);
    let open = Settings::defaults();
    case.settings.caps = caponier_correlate::Caps { window: case.settings.caps.window, ..open.caps };
    (case.settings.limits, case.settings.shared_values) = (open.limits, Vec::new());
    case.settings.limits.span = i64::MAX;
    // Of two accounts of one person, the findings of each hold together by E1, as far as its window reaches.
    let windows = &mut case.settings.windows;
    windows.person = windows.person.min(windows.account);
    windows.detection = windows.detection.min(windows.account);
    case.settings.limits.cut_findings = u32::MAX;
    case.entries.retain(|e| !matches!(e, Entry::Decision(_)));
    case.policy = Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge };
    if seed.is_multiple_of(2) {
        for other in [1, 2] {
            let pair = Pair { home: world::tenant(other), resource: world::tenant(3) };
            case.policy.pairs.push((pair, MergePolicy::Suggest));
        }
    }
    case
}
