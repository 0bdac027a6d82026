//! Rules put together: compiled base rules with an index that passes most events by, and the scenarios that read their signals.
//!
//! Cost: an event whose format no rule names costs one probe; one whose format is named, a probe by operation and a look at two
//! bytes for each rule that remains. Only then is a rule asked, and only then are columns read.

use crate::build;
use crate::condition::Condition;
use crate::fault::Fault;
use crate::field::{self, fold};
use crate::file::{self, RuleFile};
use crate::filter;
use crate::scenario::Scenario;
use crate::value::Columns;
use crate::view::{Source, View};
use caponier_model::{
    Body, Entity, EntityKind, EntityRole, Event, FindingKey, Mention, Outcome, Party, Side, Signal, SignalKey, TenantId,
};
use compact_str::{CompactString, ToCompactString, format_compact};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rsigma_eval::{CompiledRule, evaluate_rule};
use std::collections::BTreeMap;
use std::sync::Arc;

/// At most so many values of one field go into a signal.
const VALUES_MAX: usize = 64;

/// A compiled base rule.
#[derive(Debug)]
pub struct Base {
    /// Unique name.
    pub name: CompactString,
    /// Title.
    pub title: CompactString,
    /// Formats it reads; empty where we read none of its log source.
    pub formats: &'static [&'static str],
    /// Operations, folded, one of which an event must bear; `None` where any may match.
    pub operations: Option<Vec<String>>,
    /// The side an event must tell.
    pub side: Option<Side>,
    /// The outcome an event must have.
    pub outcome: Option<Outcome>,
    /// Whether correlations read it.
    pub read: bool,
    /// Fields that its signals carry, sorted.
    pub carried: Vec<CompactString>,
    /// Where it stands.
    pub file: CompactString,
    pub(crate) compiled: CompiledRule,
    /// The same as it is asked of records whose side and outcome are already known to be the rule's.
    pub(crate) condition: Condition,
    /// Where the carried fields come from.
    pub(crate) sources: Vec<Source>,
}

/// Which base rules may match an event of one format.
#[derive(Debug, Default)]
struct Routes {
    any: Gates,
    by_operation: HashMap<String, Gates, FixedState>,
}

/// Rules by the side and the outcome that an event tells: what passes most events by before a rule itself is looked at.
#[derive(Debug, Default)]
struct Gates([Vec<u32>; 9]);

impl Gates {
    /// Opens the ways to a rule: where it wants a side, an event must tell it; where only its readers want one, links may tell it later.
    fn open(&mut self, at: u32, rule: &Base, wanted: Option<Side>) {
        for side in [None, Some(Side::Home), Some(Side::Resource)] {
            for outcome in [None, Some(Outcome::Success), Some(Outcome::Failure)] {
                let passes = side.is_none_or(|told| wanted.is_none_or(|wanted| wanted == told))
                    && rule.side.is_none_or(|s| side == Some(s))
                    && rule.outcome.is_none_or(|o| outcome == Some(o));
                if passes {
                    self.0[way(side, outcome)].push(at);
                }
            }
        }
    }
}

/// Where [`Gates`] keeps the rules for what an event tells.
fn way(side: Option<Side>, outcome: Option<Outcome>) -> usize {
    let side = side.map_or(0, |side| 1 + usize::from(side == Side::Resource));
    let outcome = outcome.map_or(0, |outcome| 1 + usize::from(outcome == Outcome::Failure));
    side * 3 + outcome
}

/// Every rule, compiled.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Base rules, by name.
    pub base: Arc<Vec<Base>>,
    /// Scenario rules, by name; every rule they read stands before them.
    pub scenarios: Vec<Scenario>,
    /// What all files say, as one number: the same files in any order are the same rules.
    pub digest: u128,
    routes: Arc<HashMap<&'static str, Routes, FixedState>>,
}

impl RuleSet {
    /// Reads rule files, in any order. Rules with a fatal fault, and those that read them, are left out.
    pub fn read(files: &[RuleFile]) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut documents = file::read(files, &mut faults);
        file::unknown_fields(&documents, &mut faults);
        filter::apply(&mut documents, &mut faults);
        let (base, scenarios) = build::build(documents, &mut faults);
        faults.sort();
        faults.dedup();
        let routes = Arc::new(routes(&base, &scenarios));
        (Self { base: Arc::new(base), scenarios, digest: digest(files), routes }, faults)
    }

    /// Asks every base rule that may match an event, and appends a signal for each that does.
    pub fn signals(&self, event: &Event<'_>, columns: &dyn Columns, out: &mut Vec<Signal>) {
        let Some(routes) = self.routes.get(event.format) else { return };
        let (view, side) = (View::new(event, columns), field::side_of(event));
        let mut matching = self.matching(routes, &view, side).peekable();
        let mut facts = None;
        while let Some(rule) = matching.next() {
            let said = facts.take().unwrap_or_else(|| Facts::of(event, side));
            // Few records match twice.
            facts = matching.peek().is_some().then(|| said.clone());
            out.push(said.signal(rule, &view));
        }
    }

    /// Whether an event makes any signal; none is made.
    pub fn makes_signals(&self, event: &Event<'_>, columns: &dyn Columns) -> bool {
        let Some(routes) = self.routes.get(event.format) else { return false };
        let view = View::new(event, columns);
        self.matching(routes, &view, field::side_of(event)).next().is_some()
    }

    fn matching<'s>(
        &'s self,
        routes: &'s Routes,
        view: &'s View<'_>,
        side: Option<Side>,
    ) -> impl Iterator<Item = &'s Base> {
        let operation = view.event.operation.as_deref().filter(|_| !routes.by_operation.is_empty());
        let named = operation.and_then(|operation| routes.by_operation.get(fold(operation).as_str()));
        let way = way(side, view.event.outcome);
        let rules = routes.any.0[way].iter().chain(named.into_iter().flat_map(move |gates| &gates.0[way]));
        rules.map(|rule| &self.base[*rule as usize]).filter(|rule| rule.condition.holds(&rule.compiled, view))
    }

    /// Whether one named base rule matches one event, whatever the index says.
    pub fn matches(&self, rule: &Base, event: &Event<'_>, columns: &dyn Columns) -> bool {
        rule.formats.contains(&event.format) && evaluate_rule(&rule.compiled, &View::new(event, columns)).is_some()
    }

    /// The same rules with one scenario in another form, for asking whether its vectors notice.
    pub fn with(&self, scenario: Scenario) -> Self {
        let mut scenarios = self.scenarios.clone();
        for held in scenarios.iter_mut().filter(|held| held.name == scenario.name) {
            *held = scenario.clone();
        }
        let routes = Arc::new(routes(&self.base, &scenarios));
        Self { base: Arc::clone(&self.base), scenarios, digest: self.digest, routes }
    }

    /// A base rule by name.
    pub fn base(&self, name: &str) -> Option<&Base> {
        self.base.iter().find(|rule| rule.name == name)
    }

    /// A scenario by name.
    pub fn scenario(&self, name: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|rule| rule.name == name)
    }
}

fn routes(base: &[Base], scenarios: &[Scenario]) -> HashMap<&'static str, Routes, FixedState> {
    let mut by_format = HashMap::<&'static str, Routes, FixedState>::default();
    let wanted = wanted(base, scenarios);
    for (at, (rule, wanted)) in base.iter().zip(wanted).enumerate() {
        for format in rule.formats {
            let routes = by_format.entry(format).or_default();
            match &rule.operations {
                None => routes.any.open(at as u32, rule, wanted),
                Some(operations) => {
                    for operation in operations {
                        routes.by_operation.entry(operation.clone()).or_default().open(at as u32, rule, wanted);
                    }
                }
            }
        }
    }
    by_format
}

/// By base rule: the one side that every step reading it wants.
fn wanted(base: &[Base], scenarios: &[Scenario]) -> Vec<Option<Side>> {
    let mut sides = BTreeMap::<&str, Option<Side>>::new();
    for scenario in scenarios {
        for (at, step) in scenario.steps.iter().enumerate() {
            // The record tells the side of who acted; a step about somebody else wants that one's.
            let side = step.side.filter(|_| !scenario.is_about_target(at));
            let one = sides.entry(&step.rule).or_insert(side);
            *one = one.filter(|one| side == Some(*one));
        }
    }
    base.iter().map(|rule| sides.get(rule.name.as_str()).copied().flatten()).collect()
}

fn digest(files: &[RuleFile]) -> u128 {
    let mut sorted: Vec<_> = files.iter().map(|f| (&f.name, &f.text)).collect();
    sorted.sort();
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for (name, text) in sorted {
        for part in [name.as_bytes(), text.as_bytes()] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.digest128()
}

/// What every signal of one record says, whatever rule matched.
#[derive(Clone)]
struct Facts {
    record: CompactString,
    finding: Option<FindingKey>,
    side: Option<Side>,
    home: Option<TenantId>,
    mentions: Vec<Mention>,
    entities: Arc<[Entity]>,
}

impl Facts {
    fn of(event: &Event<'_>, side: Option<Side>) -> Self {
        let record = match event.id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => id.to_ascii_lowercase().into(),
            None => format_compact!("{:032x}", event.content),
        };
        let home = field::home_of(event);
        if let Body::Sighting(s) = &event.body {
            let (mentions, finding) = (of_entities(&s.entities), Some(s.key.clone()));
            return Self { record, finding, side, home, mentions, entities: s.entities.as_slice().into() };
        }
        let mentions = mentions(event);
        let entities = entities(event, &mentions).into();
        Self { record, finding: None, side, home, mentions, entities }
    }

    fn signal(self, rule: &Base, view: &View<'_>) -> Signal {
        let Self { record, finding, side, home, mentions, entities } = self;
        let key = SignalKey { at: view.event.time, tenant: view.event.tenant, record, rule: rule.name.clone() };
        Signal { key, finding, side, home, mentions, fields: fields(rule, view), entities }
    }
}

fn fields(rule: &Base, view: &View<'_>) -> Vec<(CompactString, CompactString)> {
    // Most fields have one value, a few have two.
    let mut out = Vec::with_capacity(rule.carried.len() + rule.carried.len() / 2);
    for (name, source) in rule.carried.iter().zip(&rule.sources) {
        let mut kept = 0;
        view.each(source, &mut |text: &str| {
            if !text.is_empty() && kept < VALUES_MAX {
                out.push((name.clone(), lower(text)));
                kept += 1;
            }
        });
    }
    out.sort();
    out.dedup();
    out
}

/// In lower case, which most of what records say already is.
fn lower(text: &str) -> CompactString {
    let plain = text.bytes().fold(true, |plain, b| plain & b.is_ascii() & !b.is_ascii_uppercase());
    if plain { text.into() } else { CompactString::from_str_to_lowercase(text) }
}

/// Whom the entities of a finding name: the accounts it is about.
fn of_entities(entities: &[Entity]) -> Vec<Mention> {
    let mut out = Vec::new();
    for entity in entities {
        let (object, name) = match entity.kind {
            EntityKind::Account => (caponier_model::Guid::parse(&entity.value), None),
            EntityKind::AccountName | EntityKind::Mailbox => (None, Some(entity.value.clone())),
            _ => continue,
        };
        // A name in the group of an object id is that object's.
        let known = object.is_none()
            && entities.iter().any(|other| other.kind == EntityKind::Account && other.group == entity.group);
        if !known {
            out.push(Mention { party: Party::Actor, tenant: entity.tenant, object, name });
        }
    }
    out.sort();
    out.dedup();
    out
}

/// Whom a record names: who acted, and each user it was done to.
fn mentions(event: &Event<'_>) -> Vec<Mention> {
    let named = |name: Option<&str>| name.filter(|n| n.contains('@')).map(lower);
    let mut out = Vec::new();
    let mut add = |party, tenant: TenantId, object: Option<caponier_model::Guid>, name: Option<CompactString>| {
        if object.is_some() || name.is_some() {
            out.push(Mention { party, tenant, object, name });
        }
    };
    let (tenant, object) = match &event.body {
        // The caller of a delegated operation is an object of the tenant that issued the token.
        Body::Caller(caller) => (caller.tenant.unwrap_or(event.tenant), caller.object.or(event.actor.id)),
        _ => (event.tenant, event.actor.id),
    };
    add(Party::Actor, tenant, object, named(event.actor.name.as_deref()));
    match &event.body {
        Body::Audit(audit) => {
            for target in &audit.targets {
                let user = target.kind.as_deref().is_none_or(|k| k.eq_ignore_ascii_case("user"));
                if user {
                    let object = target.id.as_deref().and_then(caponier_model::Guid::parse);
                    add(Party::Target, event.tenant, object, named(target.name.as_deref()));
                }
            }
        }
        Body::Provisioning(row) => {
            add(Party::Actor, event.tenant, row.source, None);
            if let Some(target) = row.target_tenant {
                add(Party::Target, target, row.target, None);
            }
        }
        _ => {}
    }
    out.sort();
    out.dedup();
    out
}

/// What the finding of a scenario names of a record: accounts, address, device, session, ARM resource.
fn entities(event: &Event<'_>, mentions: &[Mention]) -> Vec<Entity> {
    let mut out = Vec::with_capacity(8);
    let mut group = 0;
    let mut add = |kind, value: CompactString, tenant, group| {
        if !value.is_empty() {
            out.push(Entity { kind, value, tenant, group, role: EntityRole::Related });
        }
    };
    for mention in mentions {
        if let Some(object) = mention.object {
            add(EntityKind::Account, object.text(), mention.tenant, group);
        }
        if let Some(name) = &mention.name {
            add(EntityKind::AccountName, name.clone(), mention.tenant, group);
        }
        group += 1;
    }
    let mut alone = |kind, value: Option<CompactString>| {
        if let Some(value) = value {
            add(kind, value, event.tenant, group);
            group += 1;
        }
    };
    alone(EntityKind::Ip, event.address.as_deref().map(address));
    alone(EntityKind::HostName, event.device.name.as_deref().map(lower));
    match &event.body {
        Body::SignIn(sign_in) => {
            alone(EntityKind::Session, sign_in.session.as_deref().map(CompactString::from));
            alone(EntityKind::SignInRequest, event.id.as_deref().map(lower));
        }
        Body::Caller(caller) => alone(EntityKind::AzureResource, caller.resource.as_deref().map(CompactString::from)),
        _ => {}
    }
    out.sort();
    out
}

fn address(text: &str) -> CompactString {
    // What reads as such an address is written so already.
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return text.into();
    }
    text.parse::<std::net::IpAddr>().map_or_else(|_| text.into(), |ip| ip.to_compact_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn files(folder: &Path, out: &mut Vec<RuleFile>) {
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                files(&path, out);
            } else if path.extension().is_some_and(|e| e == "yml") {
                let text = std::fs::read_to_string(&path).unwrap();
                out.push(RuleFile { name: path.display().to_string().into(), text });
            }
        }
    }

    /// Only where `SIGMA_RULES` names a folder of public rules; docs/sigma.md says which was read.
    #[test]
    fn sigma_rules_of_a_folder_load() {
        let Some(folder) = std::env::var_os("SIGMA_RULES") else { return };
        let mut found = Vec::new();
        files(Path::new(&folder), &mut found);
        assert!(!found.is_empty(), "{} holds no rules", folder.display());
        let (set, faults) = RuleSet::read(&found);
        let read = set.base.iter().filter(|b| !b.formats.is_empty()).count();
        let fatal: Vec<_> = faults.iter().filter(|f| f.fatal).collect();
        println!(
            "{} files, {} rules, {read} of tables that we read, {} faults",
            found.len(),
            set.base.len(),
            fatal.len()
        );
        assert!(fatal.is_empty(), "{fatal:#?}");
    }

    #[test]
    fn the_digest_is_of_the_files_and_not_of_their_order() {
        let file = |name: &str, text: &str| RuleFile { name: name.into(), text: text.into() };
        let digest = |files: &[RuleFile]| RuleSet::read(files).0.digest;
        let (a, b) = (file("a.yml", "title: a"), file("b.yml", "title: b"));
        assert_eq!(digest(&[a.clone(), b.clone()]), digest(&[b.clone(), a.clone()]));
        assert_ne!(digest(&[a.clone(), b]), digest(&[a, file("b.yml", "title: c")]));
    }
}
