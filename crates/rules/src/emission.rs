//! What a scenario's instance becomes: a finding in each tenant whose records made it, and the chain that holds them together.
//!
//! One finding per tenant, each naming only what that tenant's own records say: whether they may stand in one incident is for the
//! pair's policy to decide, as for any two findings. The steps that are findings themselves (alerts, risk detections) join by the
//! same chain (E6).

use crate::scenario::Scenario;
use caponier_model::{
    Chain, ChainStep, Entity, EntityRole, EventTime, FindingKey, Mention, Severity, Sighting, SightingKind, Signal,
    SignalKey, SourceRank, TenantId, Text,
};
use compact_str::{CompactString, format_compact};
use std::collections::{BTreeMap, BTreeSet};

/// The product of findings that rules make.
pub const PRODUCT: &str = "caponier";

/// The format under which findings of rules are seen.
pub const FORMAT: &str = "rule";

/// What the windows have to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Emission {
    /// The scenario.
    pub rule: CompactString,
    /// The instance: unique to the scenario, its group and its first signal.
    pub id: CompactString,
    /// Its first activity.
    pub first: EventTime,
    /// Its last activity.
    pub at: EventTime,
    /// Its findings, by tenant; empty for a rule that only serves others, and where the instance turned out to be none.
    pub findings: Vec<Sighting>,
    /// Its findings and the findings among its steps; without steps where the instance turned out to be none.
    pub chain: Option<Chain>,
    /// It turned out to be none: these findings are to be taken back, before anything else that is said.
    pub withdrawn: Vec<FindingKey>,
    /// The records it rests on, in order of time; none where it turned out to be none.
    pub members: Vec<Member>,
}

/// A record that an instance rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The rule that it matched: a base rule, or a scenario that serves this one and whose instance it is.
    pub step: CompactString,
    /// When, whose log, which record.
    pub key: SignalKey,
    /// The finding that the record itself is.
    pub finding: Option<FindingKey>,
    /// Whom it names.
    pub mentions: Vec<Mention>,
}

/// Tells of an instance, by its group, the operator's epoch and the signal that it began with. `members` are its signals with their steps,
/// in order of time.
pub(crate) fn tell(
    scenario: &Scenario,
    (group, epoch, began): (&str, i64, &SignalKey),
    members: &[(u16, &Signal)],
    times: u32,
    withdrawn: bool,
) -> Emission {
    let id = id(scenario, group, epoch, began);
    let times_of = || members.iter().map(|(_, s)| s.key.at);
    let at = times_of().max().unwrap_or(EventTime::MIN);
    let first = times_of().min().unwrap_or(at);
    let tenants: BTreeSet<TenantId> = members.iter().map(|(_, s)| s.key.tenant).collect();
    let key = |tenant: &TenantId| FindingKey { tenant: *tenant, product: PRODUCT.into(), id: id.clone() };
    let mut steps: Vec<ChainStep> = members
        .iter()
        .filter_map(|(step, signal)| {
            let finding = signal.finding.clone()?;
            Some(ChainStep { finding, step: scenario.steps[usize::from(*step)].rule.clone() })
        })
        .collect();
    steps.extend(tenants.iter().map(|tenant| ChainStep { finding: key(tenant), step: scenario.name.clone() }));
    steps.sort();
    steps.dedup();
    let chain = |steps| Chain { rule: scenario.name.clone(), id: id.clone(), steps };
    if withdrawn {
        let keys = if scenario.generate { tenants.iter().map(key).collect() } else { Vec::new() };
        let chain = scenario.correlate.then(|| chain(Vec::new()));
        let rule = scenario.name.clone();
        return Emission { rule, id, first, at, findings: Vec::new(), chain, withdrawn: keys, members: Vec::new() };
    }
    let findings = if scenario.generate {
        tenants.iter().map(|tenant| finding(scenario, key(tenant), members, times)).collect()
    } else {
        Vec::new()
    };
    let chain = (scenario.correlate && steps.len() > 1).then(|| chain(steps));
    let member = |(step, signal): &(u16, &Signal)| Member {
        step: scenario.steps[usize::from(*step)].rule.clone(),
        key: signal.key.clone(),
        finding: signal.finding.clone(),
        mentions: signal.mentions.clone(),
    };
    let members = members.iter().map(member).collect();
    Emission { rule: scenario.name.clone(), id, first, at, findings, chain, withdrawn: Vec::new(), members }
}

/// Hash of rule, epoch, group and the first signal: history and arrival have no part in it.
fn id(scenario: &Scenario, group: &str, epoch: i64, first: &SignalKey) -> CompactString {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let parts = [scenario.name.as_str(), group, first.record.as_str(), first.rule.as_str()];
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&epoch.to_le_bytes());
    hash.update(&first.at.nanos().to_le_bytes());
    hash.update(&first.tenant.0.as_u128().to_le_bytes());
    format_compact!("{}-{:032x}", scenario.name, hash.digest128())
}

/// What the finding names. Where alerts are among the steps, or the rule ties nothing, all of it is for the reader: the chain ties the
/// finding to them, and a benign record of the same account a day later must tie it to nothing else.
fn named(scenario: &Scenario, members: &[(u16, &Signal)], last: &Signal) -> Vec<Entity> {
    let tied = !scenario.correlate || members.iter().any(|(_, signal)| signal.finding.is_some());
    let role = |entity: &Entity| if tied { EntityRole::Context } else { entity.role };
    last.entities.iter().map(|entity| Entity { role: role(entity), ..entity.clone() }).collect()
}

/// The finding of one tenant stands where its last record there stands, in time and in what it names: what came before is tied to
/// it by the chain, and a week of waiting makes it no neighbour of everything in that week.
fn finding(scenario: &Scenario, key: FindingKey, members: &[(u16, &Signal)], times: u32) -> Sighting {
    let here: Vec<&Signal> = members.iter().map(|(_, s)| *s).filter(|s| s.key.tenant == key.tenant).collect();
    let last = here.iter().max_by_key(|s| &s.key);
    let at = last.map_or(EventTime::MIN, |s| s.key.at);
    let severity = if scenario.level == Severity::Unknown { Severity::Medium } else { scenario.level };
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for signal in &here {
        hash.update(signal.key.record.as_bytes());
        hash.update(&signal.key.at.nanos().to_le_bytes());
    }
    let title = Text::plain(&scenario.title.replace(['{', '}'], ""));
    Sighting {
        id: key.id.clone(),
        kind: SightingKind::Alert,
        format: FORMAT,
        url: None,
        rank: SourceRank::STREAM,
        // Grows with the instance, so that what is said last stands.
        version: EventTime::from_nanos(at.nanos().saturating_add(i64::from(times))),
        content: hash.digest128(),
        title,
        severity,
        closed: false,
        verdict: None,
        first: at,
        last: at,
        ingested: None,
        entities: last.map_or_else(Vec::new, |last| named(scenario, members, last)),
        tactics: scenario.tactics.clone(),
        techniques: scenario.techniques.clone(),
        source_incident: None,
        detector: Some(scenario.name.clone()),
        key,
    }
    .canonical()
}

/// Everything the records name, each once; groups are numbered anew so that those of different records stay apart.
fn entities(signals: &[&Signal]) -> Vec<Entity> {
    let mut seen = BTreeMap::new();
    let mut base = 0_u16;
    for signal in signals {
        let top = signal.entities.iter().map(|e| e.group).max().unwrap_or(0);
        for entity in signal.entities.iter() {
            let key = (entity.kind, entity.value.clone(), entity.tenant);
            seen.entry(key).or_insert_with(|| Entity { group: base.saturating_add(entity.group), ..entity.clone() });
        }
        base = base.saturating_add(top).saturating_add(1);
    }
    seen.into_values().collect()
}

/// The signal by which a scenario's instance serves other scenarios: its last record's place and time, everybody it names.
pub(crate) fn derived(scenario: &Scenario, told: &Emission, members: &[(u16, &Signal)]) -> Signal {
    let last = members[members.len() - 1].1;
    let collect = |part: fn(&Signal) -> Vec<_>| {
        let mut all: Vec<_> = members.iter().flat_map(|(_, s)| part(s)).collect();
        all.sort();
        all.dedup();
        all
    };
    let mut fields: Vec<_> = members.iter().flat_map(|(_, s)| s.fields.clone()).collect();
    fields.sort();
    fields.dedup();
    Signal {
        key: SignalKey { at: told.at, tenant: last.key.tenant, record: told.id.clone(), rule: scenario.name.clone() },
        finding: told.findings.iter().find(|f| f.key.tenant == last.key.tenant).map(|f| f.key.clone()),
        side: last.side,
        home: last.home,
        mentions: collect(|s| s.mentions.clone()),
        fields,
        entities: entities(&members.iter().map(|(_, s)| *s).collect::<Vec<_>>()).into(),
    }
}
