//! From intake to incidents: the identity join, then every entry in event-time order through the correlator.

use crate::command::tell;
use crate::config::Config;
use crate::course::{Aside, Course, Outcome};
use crate::failure::{Failure, failed};
use crate::firings::Firings;
use crate::intake::{Intake, intake, origin, read_value};
use crate::learned;
use crate::operations::{self, Operations};
use crate::progress;
use crate::reading::{context, found};
use crate::summary::Summary;
use crate::who::LATEST;
use caponier_identity as identity;
use caponier_model::{
    AccountFacts, Body, Change, Entry, EventTime, Incident, Journalled, Link, LinkState, Policy, Position, Refusal,
    Rows, Sighting, Tenants, Testimony,
};
use caponier_query::{Join, Queries, Question};
use caponier_rules::Suppressions;
use caponier_transport::{DeadLetters, Input, Sorter};
use caponier_wire as wire;

/// What a replay yields.
pub struct Replayed {
    /// Counters.
    pub summary: Summary,
    /// Every incident in its last form but the redirected ones, by (first activity, id).
    pub incidents: Vec<Incident>,
    /// Refused records.
    pub dead: DeadLetters,
    /// Tenants, configured or learned.
    pub tenants: Tenants,
    /// What could be merged.
    pub policy: Policy,
    /// What the rules fired on.
    pub firings: Firings,
    /// What is wrong with the watching.
    pub operations: Operations,
}

/// What the identity join found.
pub struct Identities {
    /// Tenants, configured or learned.
    pub tenants: Tenants,
    /// What the directories say.
    pub facts: Vec<AccountFacts>,
    /// What the queries found: evidence, refutations, ambiguities.
    pub testimony: Testimony,
    /// Combined links.
    pub links: Vec<Link>,
    /// What was not made a link, and why.
    pub refusals: Vec<Refusal>,
}

/// Runs inputs through the whole engine; `on_change` sees every change in order.
///
/// # Errors
/// The disk for spilled data, or the identity join, fails; or `on_change` says so.
pub fn replay(
    config: &Config,
    inputs: &[Input],
    not_after: EventTime,
    on_change: &mut dyn FnMut(&Change, &Tenants, &Policy) -> Result<(), Failure>,
) -> Result<Replayed, Failure> {
    let bar = progress::bytes(inputs.iter().map(|i| i.bytes).sum(), "reading");
    let mut taken = intake(config, inputs, not_after, &bar)?;
    bar.finish_and_clear();
    let step = progress::step("joining");
    let identities = join(config, &mut taken)?;
    taken.summary.tenants = identities.tenants.all.len() as u64;
    step.finish_and_clear();
    let step = progress::step("correlating");
    count_links(&mut taken.summary, &identities.links);
    let replayed = correlate(config, inputs, taken, identities, on_change);
    step.finish_and_clear();
    replayed
}

/// Evidence rows, and what people said, through the SQL join to links.
///
/// # Errors
/// A query of `queries/identity/` fails.
pub fn join(config: &Config, taken: &mut Intake) -> Result<Identities, Failure> {
    let tenants = if config.configured { config.tenants.clone() } else { learned::tenants(taken) };
    weigh(config, &mut taken.rows, tenants)
}

/// [`join`] over rows whose tenants are known; the statements among the rows are replaced by those of `config`.
///
/// # Errors
/// A query of `queries/identity/` fails.
pub fn weigh(config: &Config, rows: &mut Rows, tenants: Tenants) -> Result<Identities, Failure> {
    rows.statements = config.twins.iter().chain(&config.decisions).cloned().collect();
    rows.statements.sort_unstable();
    rows.statements.dedup();
    let failing = |e| failed("the identity join failed", e);
    let facts = identity::facts(rows);
    let join = Join::new(Queries::embedded()).map_err(failing)?;
    let verified = identity::domains(&facts, &tenants);
    let question = Question { rows, facts: &facts, tenants: &verified, naming: &config.naming };
    let testimony = join.testimony(&question).map_err(failing)?;
    let identity::Weighed { links, refusals } = combined(&facts, &testimony, &config.identity);
    Ok(Identities { tenants, facts, testimony, links, refusals })
}

/// What testimony amounts to under other settings than it was joined with: the join itself knows none of them.
pub fn combined(facts: &[AccountFacts], testimony: &Testimony, settings: &identity::Settings) -> identity::Weighed {
    // A tenant whose users were read is not called unknown, whether or not a pair names it.
    let monitored = facts.iter().filter(|f| f.upn.is_some()).map(|f| f.account.tenant).collect();
    let settings = identity::Settings { monitored, ..settings.clone() };
    identity::combine(testimony, facts, &settings)
}

fn count_links(summary: &mut Summary, links: &[Link]) {
    for link in links {
        *match link.state {
            LinkState::Accepted => &mut summary.links,
            LinkState::Possible => &mut summary.links_possible,
            LinkState::Conflict => &mut summary.links_conflict,
        } += 1;
    }
}

fn correlate(
    config: &Config,
    inputs: &[Input],
    taken: Intake,
    identities: Identities,
    on_change: &mut dyn FnMut(&Change, &Tenants, &Policy) -> Result<(), Failure>,
) -> Result<Replayed, Failure> {
    let mut worries = worries(config, &taken, &identities);
    let Intake { mut summary, sorter, dead, rows, .. } = taken;
    let Identities { tenants, facts, links, testimony, .. } = identities;
    summary.decisions = (rows.statements.len() + config.calls.len()) as u64;
    let policy = config.policy.clone();
    let conflicts = operations::graded(identity::conflicts(&links, &testimony), &config.operational);
    worries.extend(conflicts.iter().cloned());
    let (statements, calls, suppressions) = (rows.statements, config.calls.clone(), config.suppressions.clone());
    let aside = Aside { facts, links, conflicts, statements, calls, suppressions };
    let mut course = Course::begin(config.engine.clone(), policy.clone(), &config.rules, aside);
    let mut on_change = |change: &Change| on_change(change, &tenants, &policy);
    each_record(config, &tenants, inputs, sorter, &mut |entries| course.take(entries, &mut on_change))?;
    let Outcome { incidents, counts, unplaced, silenced, firings, prolific } = course.finish(&mut on_change)?;
    tell(&unplaced.iter().map(|what| format!("a decision has no effect: {what}\n")).collect::<String>());
    summary.silenced = silenced.into_iter().map(|(rule, times)| (rule.into(), times)).collect();
    summary.findings = counts.findings + counts.evicted;
    summary.unpaired = counts.unpaired + counts.evicted_unpaired;
    summary.incidents = incidents.len() as u64;
    summary.cross_tenant_incidents = incidents.iter().filter(|i| i.cross_tenant()).count() as u64;
    summary.firings = firings.counts();
    let late = operations::policy_gaps(&incidents, &policy).into_iter().chain(prolific.findings()).collect();
    worries.extend(operations::graded(late, &config.operational));
    let mut suppressions = Suppressions::new(config.suppressions.clone());
    let operations = Operations::new(worries, &mut suppressions);
    for (rule, times) in suppressions.silenced() {
        *summary.silenced.entry(rule.to_string()).or_default() += times;
    }
    summary.operational = operations.counts();
    Ok(Replayed { summary, incidents, dead, tenants, policy, firings, operations })
}

/// What intake and the identity join show to be wrong with the watching, as of the end of the capture.
fn worries(config: &Config, taken: &Intake, identities: &Identities) -> Vec<Sighting> {
    let told = |name| operations::told(&config.operational, name);
    let silences = told("source_silence").map(|t| taken.streams.silences(t, EventTime::MAX));
    let skews = told("clock_skew").map(|t| taken.streams.skews(t, EventTime::MAX));
    let weighed = identity::Weighed { links: identities.links.clone(), refusals: identities.refusals.clone() };
    let look = identity::audit::Look {
        rows: &taken.rows,
        facts: &identities.facts,
        testimony: &identities.testimony,
        weighed: &weighed,
        tenants: &identities.tenants,
        settings: &config.identity,
        at: taken.streams.end().unwrap_or(LATEST),
    };
    let guests = Some(identity::audit::overlooked(&look));
    let all = [silences, skews, guests].into_iter().flatten().flatten().collect();
    operations::graded(all, &config.operational)
}

/// The journal entries of each sorted record in order, once where there are exact copies.
///
/// # Errors
/// The disk that holds them fails, or `take` says so.
pub fn each_record(
    config: &Config,
    tenants: &Tenants,
    inputs: &[Input],
    sorter: Sorter,
    take: &mut dyn FnMut(Vec<Journalled>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut last_key = Vec::new();
    for entry in sorter.finish().map_err(|e| failed("cannot read back what was sorted on disk", e))? {
        let (key, value) = entry.map_err(|e| failed("cannot read back what was sorted on disk", e))?;
        // An exact copy has an equal key; it was counted as a duplicate at intake.
        if key != last_key {
            take(entries(config, tenants, inputs, &value))?;
            last_key = key;
        }
    }
    Ok(())
}

/// The journal entries of one sorted record, which decoded before and so decodes again.
fn entries(config: &Config, tenants: &Tenants, inputs: &[Input], value: &[u8]) -> Vec<Journalled> {
    let Some(kept) = read_value(value) else { return Vec::new() };
    let Some(input) = inputs.get(kept.place.input as usize) else { return Vec::new() };
    // Where what was learned contradicts itself about one record, it stays whose it was at intake.
    let decode =
        |tenants| wire::decode(&context(config, tenants, origin(input), None, kept.odata, kept.table), kept.record);
    let Ok(event) = decode(tenants).or_else(|_| decode(&config.tenants)) else { return Vec::new() };
    let position = Position { source: input.name.clone(), offset: kept.place.offset, index: kept.place.index };
    let at = event.time;
    let journalled = |entry| Journalled { at, position: Some(position.clone()), entry };
    let mut out = Vec::new();
    found(config, &event, kept.record, &position, &mut out);
    match event.body {
        Body::Sighting(sighting) => out.push(journalled(Entry::Sighting(sighting))),
        Body::Incident(incident) => out.push(journalled(Entry::Incident(incident))),
        _ => {}
    }
    out
}
