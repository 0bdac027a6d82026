//! The vectors of operational findings: the story is written as a capture and replayed whole, identity join and all, since what these
//! findings rest on is known nowhere else.

use super::{Pair, Templates, Vector, policy, records, side, tenants};
use crate::config::Config;
use crate::failure::Failure;
use crate::intake::intake;
use crate::journal::replay;
use crate::operations;
use caponier_identity::PairSettings;
use caponier_model::{EventTime, MergePolicy};
use caponier_rules::Operational;
use caponier_transport as transport;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What is wrong with a vector of this kind; nothing where it holds. Asked twice: as written, and backwards with every record in two files.
pub(super) fn wrong(kind: &str, vector: &Vector, templates: &Templates, catalogue: &[Operational]) -> Option<String> {
    for (how, times, backwards) in [("as written", 1, false), ("backwards and twice", 2, true)] {
        match found(kind, vector, templates, catalogue, (times, backwards)) {
            Ok(found) if found == vector.finds => {}
            Ok(found) => return Some(format!("found {found} instead of {} {how}", vector.finds)),
            Err(what) => return Some(what),
        }
    }
    None
}

fn found(
    kind: &str,
    vector: &Vector,
    templates: &Templates,
    catalogue: &[Operational],
    (times, backwards): (usize, bool),
) -> Result<usize, String> {
    let told = records(vector, templates)?;
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let mut texts = BTreeMap::<bool, String>::new();
    let mut order: Vec<_> = told.records.iter().collect();
    if backwards {
        order.reverse();
    }
    for told in order {
        let line: String = told.text.lines().map(str::trim).collect();
        let _ = writeln!(texts.entry(told.home).or_default(), "{line}");
    }
    let unwritten = |e: std::io::Error| format!("cannot write the story: {e}");
    for (home, text) in &texts {
        let own = folder.path().join(format!("tenantId={}", side(*home)));
        std::fs::create_dir(&own).map_err(unwritten)?;
        for copy in 0..times {
            std::fs::write(own.join(format!("{copy}.ndjson")), text).map_err(unwritten)?;
        }
    }
    let inputs = transport::discover(&[folder.path().to_path_buf()]).inputs;
    let config = Config { operational: Arc::new(catalogue.to_vec()), ..config(vector.pair) };
    // What streams say needs no identities, and so no join.
    if let Some(told) = operations::told(catalogue, kind).filter(|_| STREAMS.contains(&kind)) {
        let bar = ProgressBar::hidden();
        let taken = intake(&config, &inputs, EventTime::MAX, &bar).map_err(unplayed)?;
        return Ok(if kind == STREAMS[0] {
            taken.streams.skews(told, EventTime::MAX)
        } else {
            taken.streams.silences(told, EventTime::MAX)
        }
        .len());
    }
    let replayed = replay(&config, &inputs, EventTime::MAX, &mut |_, _, _| Ok(())).map_err(unplayed)?;
    let refused = replayed.summary.total.dead_letter;
    if refused > 0 {
        return Err(format!("{refused} of its records are refused: {:?}", replayed.summary.by_reason));
    }
    Ok(replayed.summary.operational.get(kind).map_or(0, |n| usize::try_from(*n).unwrap_or(usize::MAX)))
}

/// Kinds that rest on streams alone.
const STREAMS: [&str; 2] = ["clock_skew", "source_silence"];

fn unplayed(failure: Failure) -> String {
    format!("cannot be replayed: {failure:?}")
}

fn config(pair: Pair) -> Config {
    let mut config = Config { configured: true, tenants: tenants(), policy: policy(pair), ..Config::discovering() };
    // As the configuration file would say it: links run in every pair but a forbidden one.
    let listed = caponier_model::Pair { home: side(true), resource: side(false) };
    let runs = config.policy.of(listed) != MergePolicy::Forbid;
    config.identity.pairs = Some(if runs { vec![PairSettings::new(listed)] } else { Vec::new() });
    config.intake_threads = 1;
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::rules::{shipped_vectors, templates};
    use crate::rulebook;
    use caponier_rules::operational::{KINDS, read};
    use caponier_rules::vectors;

    fn all() -> Vec<vectors::Vectors> {
        let read = shipped_vectors().into_iter().map(|(_, text)| vectors::read(&text).unwrap());
        read.filter(|v| KINDS.iter().any(|kind| kind.name == v.rule)).collect()
    }

    #[test]
    fn every_kind_is_told_and_has_a_story_that_emits_it_and_an_innocent_one() {
        let (told, faults) = read(&rulebook::shipped_operational());
        assert_eq!(faults, []);
        assert_eq!(
            told.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(),
            KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>()
        );
        for kind in KINDS {
            let own: Vec<_> = all().into_iter().filter(|v| v.rule == kind.name).flat_map(|v| v.vectors).collect();
            assert!(own.iter().any(|v| v.finds > 0) && own.iter().any(|v| v.finds == 0), "{}", kind.name);
        }
    }

    #[test]
    fn no_figure_can_be_other_without_a_vector_failing() {
        let templates = templates(None).unwrap();
        let usual = rulebook::operational();
        for vectors in all().iter().filter(|v| STREAMS.contains(&v.rule.as_str())) {
            let kind = KINDS.iter().find(|k| k.name == vectors.rule).unwrap();
            for (key, figure) in kind.settings {
                for other in [figure - 1, figure + 1] {
                    let told = operations::told(&usual, kind.name).unwrap().clone().with(key, other);
                    let holds = |v: &Vector| {
                        found(kind.name, v, &templates, std::slice::from_ref(&told), (1, false)) == Ok(v.finds)
                    };
                    assert!(!vectors.vectors.iter().all(holds), "{} {key} = {other}", kind.name);
                }
            }
        }
    }
}
