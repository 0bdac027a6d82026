//! Snapshots: an engine restored from one goes on byte for byte, and bytes that are none are refused and never a panic.

use crate::people::People;
use crate::world::{self, Case};
use crate::{Dice, give, hold, polled, seeds};
use caponier_correlate::{Engine, Settings, SnapshotError, seal};
use caponier_model::{Entry, EventTime};

const FORMATS: [&str; 3] = ["alert", "evidence", "graph"];

fn restore(bytes: &[u8], engine: &Engine<People>) -> Result<Engine<People>, SnapshotError> {
    Engine::restore(bytes, &FORMATS, engine.persons().clone())
}

/// An engine that was told a journal and polled after each entry; what waits waits.
fn told(case: &Case, entries: &[Entry]) -> Engine<People> {
    let mut engine = Engine::new(case.settings.clone(), case.policy.clone(), People::default());
    for entry in entries {
        give(&mut engine, entry);
        polled(&mut engine);
    }
    engine
}

/// Every third journal is in order of time, which passes, and keeps its findings for a few days only; more or fewer findings wait.
fn journal(seed: u64) -> Case {
    let mut case = world::case(seed);
    case.settings.limits.staged = [1, 4, 4096][(seed / 3 % 3) as usize];
    case.settings.limits.settle_seconds = [0, 10, 20 * world::HOUR][(seed / 9 % 3) as usize];
    if seed.is_multiple_of(3) {
        case.settings.retention_days = Some(1 + (seed % 4) as u32);
        case.entries.sort_by_key(|e| match e {
            Entry::Sighting(s) => s.first,
            _ => EventTime::from_seconds((seed % 200) as i64 * world::HOUR),
        });
        case.entries = case.entries.into_iter().flat_map(|e| [now(&e), Some(e)]).flatten().collect();
    }
    case
}

fn now(entry: &Entry) -> Option<Entry> {
    match entry {
        Entry::Sighting(s) => Some(Entry::Watermark(s.first)),
        _ => None,
    }
}

/// What differs after a restart before entry `at`, if anything.
fn restarted(case: &Case, at: usize) -> Option<String> {
    let mut engine = told(case, &case.entries[..at.min(case.entries.len())]);
    let bytes = engine.snapshot();
    let mut other = match restore(&bytes, &engine) {
        Ok(other) => other,
        Err(error) => return Some(format!("before entry {at}: {error}")),
    };
    if other.snapshot() != bytes {
        return Some(format!("before entry {at}: the snapshot of what was restored differs"));
    }
    if other.incidents().ne(engine.incidents()) || other.counts() != engine.counts() {
        return Some(format!("before entry {at}: incidents differ\n{:?}\n{:?}", other.counts(), engine.counts()));
    }
    for (n, entry) in case.entries.iter().enumerate().skip(at) {
        give(&mut engine, entry);
        give(&mut other, entry);
        let (want, got) = (polled(&mut engine), polled(&mut other));
        if got != want {
            return Some(format!(
                "restored before entry {at}, changes of entry {n} differ\ngot  {got:#?}\nwant {want:#?}"
            ));
        }
        if engine.next_deadline() != other.next_deadline() {
            return Some(format!("restored before entry {at}, the deadline after entry {n} differs"));
        }
    }
    engine.flush();
    other.flush();
    if polled(&mut engine) != polled(&mut other) {
        return Some(format!("restored before entry {at}, what waited last differs"));
    }
    (engine.snapshot() != other.snapshot()).then(|| format!("restored before entry {at}, the last snapshot differs"))
}

#[test]
fn a_restart_before_any_entry_changes_nothing() {
    hold(200, journal, |case| (0..=case.entries.len()).find_map(|at| restarted(case, at)));
    hold(10, journal, |case| {
        let mut dice = Dice(case.entries.len() as u64);
        (0..3).find_map(|_| restarted(case, dice.roll(case.entries.len() as u64 + 1) as usize))
    });
}

/// One restart after every entry: what is lost in one would add up.
#[test]
fn restarting_after_every_entry_changes_nothing() {
    hold(8, journal, |case| {
        let (mut engine, mut other) = (told(case, &[]), told(case, &[]));
        for (n, entry) in case.entries.iter().enumerate() {
            give(&mut engine, entry);
            give(&mut other, entry);
            let (want, got) = (polled(&mut engine), polled(&mut other));
            if got != want {
                return Some(format!("changes of entry {n} differ\ngot  {got:#?}\nwant {want:#?}"));
            }
            other = restore(&other.snapshot(), &other).ok()?;
        }
        (engine.snapshot() != other.snapshot()).then(|| "the last snapshot differs".to_owned())
    });
}

const HEADER: usize = 52;

/// Bytes with a right checksum that no engine wrote: an error, or an engine that works.
#[test]
fn a_wrong_body_is_refused_and_never_a_panic() {
    let mut refused = 0;
    for seed in seeds(2) {
        let case = journal(seed);
        let mut dice = Dice(seed);
        let half = &case.entries[..case.entries.len() / 2];
        let engine = told(&case, half);
        let whole = engine.snapshot();
        for _ in 0..6 {
            let mut body = whole[HEADER..].to_vec();
            for _ in 0..1 + dice.roll(3) {
                if body.is_empty() {
                    break;
                }
                let at = dice.roll(body.len() as u64) as usize;
                match dice.roll(5) {
                    0 => drop(body.remove(at)),
                    1 => body.insert(at, dice.next() as u8),
                    2 => body.truncate(at + 1),
                    3 => body[at] = [0, 1, 0x7f, 0x80, 0xff][dice.roll(5) as usize],
                    _ => body[at] ^= 1 << dice.roll(8),
                }
            }
            match restore(&seal(&body), &engine) {
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
                Ok(mut other) => {
                    case.entries.iter().for_each(|entry| give(&mut other, entry));
                    other.flush();
                    other.handle_time(EventTime::from_seconds(1_000 * world::HOUR));
                    assert!(polled(&mut other).iter().all(|c| c.incident.sequence > 0), "seed {seed}");
                }
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn what_is_no_snapshot_is_refused_by_name() {
    let case = journal(5);
    let engine = told(&case, &case.entries);
    let whole = engine.snapshot();
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let longer = [&whole[..], b"x"].concat();
    let cases = [
        (b"hello".to_vec(), "not a snapshot of the engine"),
        (Vec::new(), "not a snapshot of the engine"),
        (changed(11, 9), "a snapshot of version 9, and only version 3 is read: read the journal from its start"),
        (changed(HEADER + 5, !whole[HEADER + 5]), "the snapshot is damaged: its checksum is not that of its bytes"),
        (changed(30, !whole[30]), "the snapshot is damaged: its checksum is not that of its bytes"),
    ];
    for (bytes, want) in cases {
        assert_eq!(restore(&bytes, &engine).err().map(|e| e.to_string()).as_deref(), Some(want));
    }
    for bytes in [&whole[..10], &whole[..40], &whole[..whole.len() - 1], &longer] {
        assert!(matches!(restore(bytes, &engine), Err(SnapshotError::Length { .. })), "{}", bytes.len());
    }
    let unknown = Engine::restore(&whole, &["graph"], engine.persons().clone()).err();
    assert!(matches!(unknown, Some(SnapshotError::Format { .. })), "{unknown:?}");
}

/// An engine with settings of its own goes on with those, whatever the defaults are by then.
#[test]
fn settings_and_policy_are_part_of_the_state() {
    let case = world::case(1);
    let engine = told(&case, &[]);
    assert_ne!(case.settings, Settings::defaults());
    let other = restore(&engine.snapshot(), &engine).unwrap();
    assert_eq!(other.asked(), (&case.settings, &case.policy));
}
