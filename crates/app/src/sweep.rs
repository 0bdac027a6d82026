//! A sweep: labelled captures, read once, correlated under many settings, each scored against the truth.
//!
//! What reading and the identity join yield is kept in memory; only settings that change those (`intake`, `limits`, `ledger`) read
//! a capture again, and those of `identity` weigh the same testimony again. Rows are correlated on all cores, told in their order.

use crate::config::Config;
use crate::config::sweep::{Row, Sweep};
use crate::course::{Aside, Course};
use crate::failure::{Failure, failed};
use crate::intake::intake;
use crate::journal::{combined, each_record, join};
use crate::progress;
use crate::triage::Call;
use caponier_correlate::Counts;
use caponier_identity as identity;
use caponier_lab as lab;
use caponier_model::{
    AccountFacts, Audience, EventTime, Incident, Journalled, MergePolicy, Policy, Statement, TenantId, Tenants,
    Testimony,
};
use caponier_transport::Input;
use caponier_wire as wire;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A capture to measure, its files found and its truth read.
pub struct Labelled {
    /// What people call it.
    pub name: String,
    /// Its files.
    pub inputs: Vec<Input>,
    /// The bytes of its truth.
    pub truth: Vec<u8>,
    /// The configuration that the rows change.
    pub config: Config,
}

/// What one row came to on one capture.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Against the truth.
    pub scores: lab::Scores,
    /// The engine's counters.
    pub counts: Counts,
    /// Findings, those included that retention let go.
    pub findings: u64,
    /// Incidents across tenants.
    pub cross_tenant: u64,
    /// Incidents that hold two tenants whose pair the configuration of the row does not allow to merge.
    pub against_policy: u64,
    /// Canaries of the truth that a reader sees whose tenant may not be joined with the owner's: with masking (G11) and without.
    pub leaks: [u64; 2],
}

/// What reading a capture and joining its identities yields: nothing of windows, guards and policies.
struct Read {
    tenants: Tenants,
    entries: Vec<Vec<Journalled>>,
    facts: Vec<AccountFacts>,
    testimony: Testimony,
    statements: Vec<Statement>,
    calls: Vec<Call>,
}

/// Measures every row of a sweep on one capture, in the rows' order. `heed` adds what people decided to a configuration.
///
/// # Errors
/// A row cannot be applied to this capture's configuration, a disk or the join fails, or the truth cannot be read: said with
/// the capture's name.
pub fn measure(
    sweep: &Sweep,
    capture: &Labelled,
    not_after: EventTime,
    heed: &dyn Fn(&mut Config) -> Result<(), Failure>,
) -> Result<Vec<Measured>, Failure> {
    let configs = configs(&sweep.rows, capture)?;
    let mut out: Vec<Option<Measured>> = Vec::new();
    out.resize_with(sweep.rows.len(), || None);
    let reading = |row: &Row| -> Vec<(String, String)> {
        let settings = row.base.iter().chain(&row.own).filter(|s| s.changes_reading());
        settings.map(|s| (s.path.clone(), s.text.clone())).collect()
    };
    for (first, row) in sweep.rows.iter().enumerate() {
        if out[first].is_some() {
            continue;
        }
        let alike: Vec<usize> =
            (first..sweep.rows.len()).filter(|i| reading(&sweep.rows[*i]) == reading(row)).collect();
        let mut config = configs[first].clone();
        heed(&mut config)?;
        let read = read(&config, &capture.inputs, not_after)?;
        let jobs: Vec<(usize, &Config)> = alike.iter().map(|i| (*i, &configs[*i])).collect();
        for (index, measured) in correlate_all(&read, &jobs, &capture.truth)? {
            out[index] = Some(measured);
        }
    }
    Ok(out.into_iter().flatten().collect())
}

/// The configuration of each row; all that is wrong is told at once.
fn configs(rows: &[Row], capture: &Labelled) -> Result<Vec<Config>, Failure> {
    let mut faults = Vec::new();
    let configs = rows
        .iter()
        .map(|row| {
            let mut config = capture.config.clone();
            let told = row.apply(&mut config);
            faults.extend(told.into_iter().map(|fault| format!("capture {}, row {}: {fault}", capture.name, row.name)));
            config
        })
        .collect();
    faults.dedup();
    if faults.is_empty() { Ok(configs) } else { Err(Failure::Usage(faults.join("\n"))) }
}

fn read(config: &Config, inputs: &[Input], not_after: EventTime) -> Result<Read, Failure> {
    let bar = progress::bytes(inputs.iter().map(|i| i.bytes).sum(), "reading");
    let mut taken = intake(config, inputs, not_after, &bar)?;
    bar.finish_and_clear();
    let step = progress::step("joining");
    let identities = join(config, &mut taken)?;
    let mut entries = Vec::new();
    each_record(config, &identities.tenants, inputs, taken.sorter, &mut |record| {
        entries.push(record);
        Ok(())
    })?;
    step.finish_and_clear();
    let (facts, testimony) = (identities.facts, identities.testimony);
    Ok(Read {
        tenants: identities.tenants,
        entries,
        facts,
        testimony,
        statements: taken.rows.statements,
        calls: config.calls.clone(),
    })
}

/// Runs the jobs on all cores; the results in any order.
fn correlate_all(read: &Read, jobs: &[(usize, &Config)], truth: &[u8]) -> Result<Vec<(usize, Measured)>, Failure> {
    let bar = progress::rows(jobs.len() as u64);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Measured)>, Failure> {
        let mut done = Vec::new();
        while let Some((index, config)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*index, correlate(read, config, truth)?));
            bar.inc(1);
        }
        Ok(done)
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(jobs.len()).max(1);
    let results: Result<Vec<_>, Failure> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(|h| h.join().unwrap_or_else(|_| Err(failed("sweep", "a correlator stopped")))).collect()
    });
    bar.finish_and_clear();
    Ok(results?.into_iter().flatten().collect())
}

fn correlate(read: &Read, config: &Config, truth: &[u8]) -> Result<Measured, Failure> {
    let identity::Weighed { links, .. } = combined(&read.facts, &read.testimony, &config.identity);
    let conflicts = identity::conflicts(&links, &read.testimony);
    let (facts, statements, calls) = (read.facts.clone(), read.statements.clone(), read.calls.clone());
    let suppressions = config.suppressions.clone();
    let aside = Aside { facts, links, conflicts, statements, calls, suppressions };
    let mut course = Course::begin(config.engine.clone(), config.policy.clone(), &config.rules, aside);
    for record in &read.entries {
        course.take(record.iter().cloned(), &mut |_| Ok(()))?;
    }
    let outcome = course.finish(&mut |_| Ok(()))?;
    let mut lines = Vec::new();
    for incident in &outcome.incidents {
        lines.extend(wire::encode(incident, Audience::Operator, &read.tenants, &config.policy));
        lines.push(b'\n');
    }
    let scores = lab::score(truth, &lines[..]).map_err(|e| failed("cannot score", e))?;
    Ok(Measured {
        scores,
        findings: outcome.counts.findings + outcome.counts.evicted,
        cross_tenant: outcome.incidents.iter().filter(|i| i.cross_tenant()).count() as u64,
        leaks: [true, false].map(|masked| leaks(&outcome.incidents, (truth, &read.tenants), &config.policy, masked)),
        against_policy: outcome.incidents.iter().filter(|i| forbidden(i, &config.policy)).count() as u64,
        counts: outcome.counts,
    })
}

/// How many canaries some stranger to their owner reads in these incidents.
fn leaks(incidents: &[Incident], (truth, tenants): (&[u8], &Tenants), policy: &Policy, masked: bool) -> u64 {
    let canary = |line: &[u8]| {
        let line: serde_json::Value = serde_json::from_slice(line).ok()?;
        Some((TenantId::parse(line["owner"].as_str()?)?, line["canary"].as_str()?.to_owned()))
    };
    // A line of findings has no such word: most are never parsed.
    let marked = truth.split(|b| *b == b'\n').filter(|l| l.starts_with(b"{\"type\":\"herring\""));
    let canaries: Vec<(TenantId, String)> = marked.filter_map(canary).collect();
    let readers: BTreeSet<TenantId> = incidents.iter().flat_map(|i| &i.tenants).copied().collect();
    let mut seen = BTreeSet::new();
    for reader in readers {
        let strange = |owner: &TenantId| *owner != reader && policy.between(reader, *owner) != MergePolicy::Merge;
        let words: Vec<&String> = canaries.iter().filter(|(owner, _)| strange(owner)).map(|(_, word)| word).collect();
        if words.is_empty() {
            continue;
        }
        let audience = if masked { Audience::Tenant(reader) } else { Audience::Operator };
        for incident in incidents {
            let text = String::from_utf8(wire::encode(incident, audience, tenants, policy)).unwrap_or_default();
            seen.extend(words.iter().filter(|word| text.contains(word.as_str())).map(|word| (reader, *word)));
        }
    }
    seen.len() as u64
}

/// True for an incident that holds two tenants whose pair may not merge.
fn forbidden(incident: &Incident, policy: &Policy) -> bool {
    let tenants = &incident.tenants;
    let mut pairs = tenants.iter().enumerate().flat_map(|(i, a)| tenants[i + 1..].iter().map(move |b| (*a, *b)));
    pairs.any(|(a, b)| policy.between(a, b) != MergePolicy::Merge)
}
