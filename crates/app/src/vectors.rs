//! Runs the vectors of rules: stories rendered to records in their real wire format, decoded, resolved and put through the windows.

mod observed;

use crate::columns::Row;
use crate::course::{Aside, Course};
use caponier_correlate as correlate;
use caponier_identity::Index;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Body, Change, Entry, Event, EventTime, EvidenceKind, Guid, IdentityChange,
    Journalled, Link, LinkState, MergePolicy, Persons as _, Policy, Signal, Tenant, TenantId, TenantRole, Tenants,
};
use caponier_rules::vectors::{Line, Links, Pair, Vector, Vectors, fill};
use caponier_rules::{Limits, Operational, RuleSet, Scenario, Shape, Windows, mutants, operational};
use caponier_wire::{self as wire, Context};
use compact_str::{CompactString, ToCompactString, format_compact};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const HOME: TenantId = TenantId(Guid::from_u128(0xc0c0_c0c0_0000_4000_8000_0000_0000_0001));
const RESOURCE: TenantId = TenantId(Guid::from_u128(0xfafa_fafa_0000_4000_8000_0000_0000_0002));
const SUBSCRIPTION: [u128; 2] = [0x5b5b_0000_0000_4000_8000_0000_0000_0001, 0x5b5b_0000_0000_4000_8000_0000_0000_0002];
const WORKSPACE: [u128; 2] = [0x3b3b_0000_0000_4000_8000_0000_0000_0001, 0x3b3b_0000_0000_4000_8000_0000_0000_0002];

/// Noon of a Monday: where stories begin.
const BEGIN: i64 = 1_772_452_800;

/// Templates by name.
pub type Templates = BTreeMap<String, String>;

/// How one vector ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The rule.
    pub rule: CompactString,
    /// The vector.
    pub name: String,
    /// What is wrong; nothing where it holds.
    pub wrong: Option<String>,
}

/// The two tenants that every story is played in.
pub fn tenants() -> Tenants {
    let tenant = |id, name: &str, role: TenantRole, at: usize| Tenant {
        id,
        name: name.into(),
        role,
        domains: vec![format_compact!("{name}.example")],
        workspaces: vec![Guid::from_u128(WORKSPACE[at])],
        subscriptions: vec![Guid::from_u128(SUBSCRIPTION[at])],
    };
    Tenants {
        all: vec![
            tenant(HOME, "contoso", TenantRole::Primary, 0),
            tenant(RESOURCE, "fabrikam", TenantRole::Secondary, 1),
        ],
    }
}

/// Plays every vector of a file, each three times: as written, with every event twice, and arriving in the opposite order.
pub fn play(rules: &Arc<RuleSet>, catalogue: &[Operational], vectors: &Vectors, templates: &Templates) -> Vec<Verdict> {
    let known = rules.scenario(&vectors.rule).is_some();
    let verdict = |vector: &Vector| {
        let wrong = if operational::KINDS.iter().any(|kind| kind.name == vectors.rule) {
            observed::wrong(&vectors.rule, vector, templates, catalogue)
        } else if known {
            wrong(rules, &vectors.rule, vector, templates)
        } else {
            Some("there is no such rule".into())
        };
        Verdict { rule: vectors.rule.as_str().into(), name: vector.name.clone(), wrong }
    };
    vectors.vectors.iter().map(verdict).collect()
}

/// The parts of a rule that its vectors do not need: taken out one by one, nothing fails.
pub fn untested(rules: &Arc<RuleSet>, vectors: &Vectors, templates: &Templates) -> Vec<String> {
    let Some(scenario) = rules.scenario(&vectors.rule) else { return Vec::new() };
    // A rule over rules is tested by the vectors of the outer one.
    let inner =
        scenario.steps.iter().filter_map(|step| rules.scenario(&step.rule)).filter(|s| s.shape != Shape::Single);
    let parts = inner.chain([scenario]).flat_map(|s| mutants(s).into_iter().map(|(what, m)| (s.name.clone(), what, m)));
    let survives = |mutant: &Scenario| {
        let changed = Arc::new(rules.with(mutant.clone()));
        vectors.vectors.iter().all(|vector| wrong(&changed, &vectors.rule, vector, templates).is_none())
    };
    parts.filter(|(.., mutant)| survives(mutant)).map(|(name, what, _)| format!("{name} {what}")).collect()
}

fn wrong(rules: &Arc<RuleSet>, rule: &str, vector: &Vector, templates: &Templates) -> Option<String> {
    let (signals, persons) = match stage(rules, vector, templates) {
        Ok(staged) => staged,
        Err(what) => return Some(what),
    };
    let twice: Vec<_> = signals.iter().flat_map(|s| [s.clone(), s.clone()]).collect();
    // What was new or usual when a signal came stays so: such rules are asked in the order of time alone.
    let remembers = remembers(rules, rule);
    let backwards: Vec<_> = if remembers { signals.clone() } else { signals.iter().rev().cloned().collect() };
    for (how, order) in [("as written", signals), ("with every event twice", twice), ("arriving backwards", backwards)]
    {
        let found = instances(rules, rule, order, &persons);
        if found != vector.finds {
            return Some(format!("found {found} instead of {} {how}", vector.finds));
        }
    }
    let across = vector.across?;
    match spanning(rules, vector, templates) {
        Ok(found) if found == across => None,
        Ok(found) => Some(format!("makes {found} incidents of both tenants instead of {across}")),
        Err(what) => Some(what),
    }
}

/// How many incidents of both tenants a story makes, played through the engine with all rules.
fn spanning(rules: &Arc<RuleSet>, vector: &Vector, templates: &Templates) -> Result<usize, String> {
    let told = records(vector, templates)?;
    let tenants = tenants();
    let mut entries = Vec::new();
    for told in &told.records {
        let event = told.decode(&tenants)?;
        let at = event.time;
        let (mut found, mut signals) = (Vec::new(), Vec::new());
        caponier_rules::apply(&event, &mut found);
        rules.signals(&event, &Row::of(told.text.as_bytes(), &event), &mut signals);
        let found = found.into_iter().map(|s| Entry::Sighting(Box::new(s)));
        let signals = signals.into_iter().map(|s| Entry::Signal(Box::new(s)));
        let own = match event.body {
            Body::Sighting(sighting) => Some(Entry::Sighting(sighting)),
            Body::Incident(incident) => Some(Entry::Incident(incident)),
            _ => None,
        };
        entries.extend(found.chain(signals).chain(own).map(|entry| Journalled { at, position: None, entry }));
    }
    entries.sort_by_key(|entry| entry.at);
    let mut aside = Aside::default();
    for change in told.identities(vector)? {
        match change {
            IdentityChange::Account(facts) => aside.facts.push(facts),
            IdentityChange::Link(link) => aside.links.push(link),
            _ => {}
        }
    }
    let mut course = Course::begin(correlate::Settings::defaults(), policy(vector.pair), rules, aside);
    let mut ignore = |_: &Change| Ok(());
    let fails = |failure| format!("cannot be played: {failure:?}");
    course.take(entries, &mut ignore).map_err(fails)?;
    let outcome = course.finish(&mut ignore).map_err(fails)?;
    Ok(outcome.incidents.iter().filter(|incident| incident.cross_tenant()).count())
}

/// What a configuration says that treats the pair so.
fn policy(pair: Pair) -> Policy {
    let listed = |merge| vec![(caponier_model::Pair { home: HOME, resource: RESOURCE }, merge)];
    let pairs = match pair {
        Pair::Merge => listed(MergePolicy::Merge),
        Pair::Suggest => listed(MergePolicy::Suggest),
        Pair::Forbid => listed(MergePolicy::Forbid),
        Pair::Unlisted => Vec::new(),
    };
    Policy { pairs, unlisted: MergePolicy::Suggest }
}

/// Whether a rule, or one that it reads, looks back on what came before it.
fn remembers(rules: &RuleSet, rule: &str) -> bool {
    rules.scenario(rule).is_some_and(|s| {
        let inner = s.steps.iter().filter(|step| step.rule != s.name);
        !s.seen.is_empty() || s.baseline.is_some() || inner.clone().any(|step| remembers(rules, &step.rule))
    })
}

/// How many instances of a rule signals make, each arriving when time has already reached it.
fn instances(rules: &Arc<RuleSet>, rule: &str, signals: Vec<Signal>, persons: &Index) -> usize {
    let mut windows =
        Windows::new(Arc::clone(rules), Limits { retention: i64::MAX / 4_000_000_000, ..Limits::default() });
    let mut standing = BTreeSet::new();
    for signal in signals {
        let at = signal.key.at;
        windows.take(signal, persons);
        windows.advance(at.plus_seconds(1), persons);
    }
    windows.advance(EventTime::MAX, persons);
    while let Some(emission) = windows.poll() {
        if emission.rule == rule {
            if emission.withdrawn.is_empty() && !emission.findings.is_empty() {
                standing.insert(emission.id);
            } else {
                standing.remove(&emission.id);
            }
        }
    }
    standing.len()
}

/// A story as records.
struct Story {
    records: Vec<Told>,
    people: BTreeSet<CompactString>,
}

/// One record of a story.
struct Told {
    /// The line that tells it.
    line: String,
    home: bool,
    text: String,
}

impl Told {
    fn decode<'t>(&'t self, tenants: &'t Tenants) -> Result<Event<'t>, String> {
        let context = Context { folder: Some(side(self.home)), discover: false, ..Context::discovering(tenants) };
        wire::decode(&context, self.text.as_bytes()).map_err(|r| format!("{:?} is no record: {r:?}", self.line))
    }
}

impl Story {
    /// Everybody's accounts and links.
    fn identities(&self, vector: &Vector) -> Result<Vec<IdentityChange>, String> {
        let mut out: Vec<_> = self.people.iter().flat_map(|who| accounts(who)).collect();
        // Where a pair is forbidden no link runs.
        let links = if vector.pair == Pair::Forbid { Links::None } else { vector.links };
        for who in &self.people {
            let moved = vector.rehomed.iter().find(|moved| moved.guest == *who);
            let until = moved.map(|m| m.offset().map(|s| EventTime::from_seconds(BEGIN + s))).transpose()?;
            let until = until.unwrap_or(EventTime::MAX);
            out.extend(link(who, who, links, (EventTime::MIN, until)));
            if let Some(home) = moved.and_then(|m| m.home.as_deref()) {
                out.extend(link(who, home, links, (until, EventTime::MAX)));
            }
        }
        Ok(out.into_iter().collect())
    }
}

fn records(vector: &Vector, templates: &Templates) -> Result<Story, String> {
    let (mut records, mut people) = (Vec::new(), BTreeSet::new());
    let mut lines = Vec::new();
    for text in &vector.events {
        lines.extend(Line::read(text)?.into_iter().map(|line| (text, line)));
    }
    for (at, (text, line)) in lines.into_iter().enumerate() {
        let template = templates.get(line.template.as_str());
        let template =
            template.ok_or_else(|| format!("{text:?} names the template {}, and there is none", line.template))?;
        let record = fill(template, &line.values, &|key| given(&line, at, key))
            .map_err(|what| format!("{}: {what}", line.template))?;
        people.insert(line.person.clone());
        people.extend(line.values.iter().filter(|(key, _)| key == "target").map(|(_, who)| who.clone()));
        records.push(Told { line: text.clone(), home: line.home, text: record });
    }
    people.extend(vector.rehomed.iter().flat_map(|moved| moved.home.clone()));
    Ok(Story { records, people })
}

fn stage(rules: &RuleSet, vector: &Vector, templates: &Templates) -> Result<(Vec<Signal>, Index), String> {
    let story = records(vector, templates)?;
    let (tenants, mut signals) = (tenants(), Vec::new());
    for told in &story.records {
        let event = told.decode(&tenants)?;
        rules.signals(&event, &Row::of(told.text.as_bytes(), &event), &mut signals);
    }
    let mut index = Index::default();
    for change in story.identities(vector)? {
        index.apply(change);
    }
    Ok((signals, index))
}

/// What fills the places of a template that a line does not.
fn given(line: &Line, at: usize, key: &str) -> Option<String> {
    let time = EventTime::from_seconds(BEGIN + line.offset);
    let target = line.values.iter().find(|(k, _)| k == "target").map_or(line.person.as_str(), |(_, who)| who.as_str());
    let id = Guid::from_u128(0x1111_0000_0000_4000_8000_0000_0000_0000 + at as u128);
    let text = match key {
        "time" => time.to_string(),
        "received" => {
            let lag = line.values.iter().find(|(k, _)| k == "lag").and_then(|(_, lag)| lag.parse().ok());
            time.plus_seconds(lag.unwrap_or(0)).to_string()
        }
        "issuer" => if line.home { "contoso.example" } else { "ExternalAzureAD" }.into(),
        "tenant" => side(line.home).to_string(),
        "home" => HOME.to_string(),
        "resource" => RESOURCE.to_string(),
        "subscription" => Guid::from_u128(SUBSCRIPTION[usize::from(!line.home)]).to_string(),
        "workspace" => Guid::from_u128(WORKSPACE[usize::from(!line.home)]).to_string(),
        "id" => id.to_string(),
        "digest" => format!("{:064x}", id.as_u128()),
        "object" => account(&line.person, line.home).object.to_string(),
        "guest_object" => account(&line.person, false).object.to_string(),
        "home_object" => account(&line.person, true).object.to_string(),
        "upn" => upn(&line.person, line.home),
        "mail" => upn(&line.person, true),
        "name" => line.person.to_string(),
        "domain" => "contoso.example".into(),
        "display" => line.person.to_string(),
        "target_object" => account(target, line.home).object.to_string(),
        "target_upn" => upn(target, line.home),
        "target_display" => target.into(),
        "access" => if line.home { "none" } else { "b2bCollaboration" }.into(),
        "usertype" => if line.home { "Member" } else { "Guest" }.into(),
        _ => return None,
    };
    Some(text)
}

const fn side(home: bool) -> TenantId {
    if home { HOME } else { RESOURCE }
}

fn upn(person: &str, home: bool) -> String {
    if home { format!("{person}@contoso.example") } else { format!("{person}_contoso.example#EXT#@fabrikam.example") }
}

/// Objects are made of the name, so that a story reads the same whoever else is in it.
fn account(person: &str, home: bool) -> AccountKey {
    let bytes = person.bytes().fold(0_u128, |sum, byte| (sum << 8 | u128::from(byte)) % (1 << 48));
    let base = if home { 0x0a0a_0000_0000_4000_8000_0000_0000_0000 } else { 0x0b0b_0000_0000_4000_8000_0000_0000_0000 };
    AccountKey { tenant: side(home), object: Guid::from_u128(base + bytes) }
}

fn accounts(person: &str) -> [IdentityChange; 2] {
    let facts = |home: bool| AccountFacts {
        account: account(person, home),
        kind: if home { AccountKind::Member } else { AccountKind::ExternalGuest },
        upn: Some(upn(person, home).to_lowercase().into()),
        display: Some(person.to_compact_string()),
        names: vec![upn(person, home).to_lowercase().into()],
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: Some(true),
        from: EventTime::MIN,
        until: EventTime::MAX,
    };
    [true, false].map(|home| IdentityChange::Account(facts(home)))
}

/// What joins a guest to a home account for a time, where anything does.
fn link(guest: &str, home: &str, links: Links, (from, until): (EventTime, EventTime)) -> Option<IdentityChange> {
    let (state, confidence) = match links {
        Links::Accepted => (LinkState::Accepted, 990_000),
        Links::Possible => (LinkState::Possible, 700_000),
        Links::None => return None,
    };
    Some(IdentityChange::Link(Link {
        account: account(guest, false),
        home: account(home, true),
        state,
        confidence,
        kinds: vec![EvidenceKind::Provisioning],
        sources: Vec::new(),
        from,
        until,
    }))
}
