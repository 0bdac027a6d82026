//! The incidents of the model in their final form: everything that is true of them, in the words of design 6, history left out.

use crate::attach::{Group, Offer, attach};
use crate::decided::Told;
use crate::joins::{Edge, Pairs, Set, Why};
use crate::known::{Finding, Known};
use crate::values::{Bound, Value, bind, shown};
use caponier_correlate::{Settings, incident_id};
use caponier_model::{
    self as model, AccountKey, AccountView, Attribution, ChangeKind, DecisionView, EdgeKind, Entity, EntityKind,
    EntityRole, Entry, EventTime, FindingKey, FindingView, Incident, IncidentState, LinkView, Membership, MergePolicy,
    PersonView, Persons, Policy, ReasonCode, Related, Severity, SightingView, SourceIncident, TenantId, Text,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Related incidents that are named at most.
const RELATED_MAX: usize = 20;

/// What the model makes of a journal.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Final forms, by (first activity, id).
    pub incidents: Vec<Incident>,
    pub findings: u64,
    pub unpaired: u64,
    pub values_cut: u64,
    pub over_value: u64,
    pub over_person: u64,
    pub unlisted: u64,
    pub edges: BTreeMap<EdgeKind, u64>,
    pub refused: BTreeMap<&'static str, u64>,
}

struct World<'a> {
    known: &'a Known,
    set: &'a Set<'a>,
    groups: &'a [Group],
    /// The group of each finding.
    of: BTreeMap<usize, usize>,
}

/// Computes everything from the set.
pub fn outcome(entries: &[Entry], settings: &Settings, policy: &Policy, pairs: Pairs) -> Outcome {
    let known = Known::of(entries, settings.limits.finding_sightings as usize);
    let bound: Vec<Bound> = known.findings.iter().map(|f| bind(f, &known, settings)).collect();
    let set = Set::new(&known, &bound, settings, policy);
    let cores = set.cores(&set.edges(pairs));
    // Both sides hold a refused edge.
    let refused: BTreeSet<&(Edge, &'static str)> = cores.iter().flat_map(|c| &c.refused).collect();
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (_, reason) in refused {
        *counts.entry(*reason).or_default() += 1;
    }
    let groups = attach(&set, cores);
    let mut out = Outcome {
        findings: known.findings.len() as u64,
        unpaired: known.unpaired as u64,
        values_cut: bound.iter().map(|b| b.cut).sum(),
        refused: counts,
        ..Outcome::default()
    };
    for (value, entries) in &set.values {
        let beyond = entries.iter().filter(|e| set.is_surplus(value, e.finding)).count() as u64;
        let who = matches!(value, Value::Account(_) | Value::Sid(..) | Value::Name(..) | Value::Person(_));
        *if who { &mut out.over_person } else { &mut out.over_value } += beyond;
    }
    out.unlisted = groups.iter().map(|g| g.unlisted.len() as u64).sum();
    let mut of = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        of.extend(members(group).into_iter().map(|f| (f, at)));
        for edge in &group.core.tree {
            *out.edges.entry(edge.kind).or_default() += 1;
        }
        for offer in group.attached.values() {
            *out.edges.entry(set.rule(&offer.value).kind).or_default() += 1;
        }
    }
    let world = World { known: &known, set: &set, groups: &groups, of };
    out.incidents = (0..groups.len()).map(|at| world.incident(at)).collect();
    out.incidents.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    out
}

fn members(group: &Group) -> BTreeSet<usize> {
    group.core.members.iter().chain(group.attached.keys()).copied().collect()
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    items.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

impl World<'_> {
    fn finding(&self, at: usize) -> &Finding {
        &self.known.findings[at]
    }

    fn bound(&self, at: usize) -> &Bound {
        &self.set.bound[at]
    }

    fn name(&self, group: usize) -> (Option<&FindingKey>, compact_str::CompactString) {
        let group = &self.groups[group];
        let listed = members(group).into_iter().filter(|f| !group.unlisted.contains(f));
        let key = listed.map(|f| &self.finding(f).key).min();
        (key, key.map(|k| incident_id(self.set.settings.epoch, k)).unwrap_or_default())
    }

    fn incident(&self, at: usize) -> Incident {
        let group = &self.groups[at];
        let everyone = members(group);
        let everyone: Vec<usize> = everyone.into_iter().collect();
        let list: Vec<usize> = everyone.iter().copied().filter(|f| !group.unlisted.contains(f)).collect();
        let all = || everyone.iter().map(|f| self.finding(*f));
        let edges: Vec<model::Edge> = self.edges(group, &list);
        let known: Vec<&SourceIncident> = {
            let keys: BTreeSet<_> = everyone.iter().flat_map(|f| &self.bound(*f).incidents).collect();
            let mut known: Vec<_> = keys.into_iter().filter_map(|k| self.known.sources.get(k)).collect();
            known.sort_by_key(|i| std::cmp::Reverse((i.version, i.key.clone())));
            known
        };
        let covered = everyone.iter().all(|f| !self.bound(*f).incidents.is_empty());
        let closed = |i: &&SourceIncident| ["closed", "resolved"].iter().any(|w| i.status.eq_ignore_ascii_case(w));
        let done = !known.is_empty() && covered && known.iter().all(closed);
        let source = if done { IncidentState::Resolved } else { IncidentState::Active };
        let told = everyone.iter().map(|f| self.set.told[*f].clone()).fold(Told::default(), Told::and);
        let verdict = known.iter().find_map(|i| i.verdict).or_else(|| all().filter_map(|f| f.verdict).max());
        let (status, state) = match (group.core.is_closed, &told.owner) {
            (true, _) => (Some("closed".into()), IncidentState::Resolved),
            (false, Some(_)) => (Some("assigned".into()), IncidentState::InProgress),
            (false, None) => (known.first().map(|i| i.status.clone()), source),
        };
        Incident {
            epoch: self.set.settings.epoch,
            id: self.name(at).1,
            sequence: 0,
            change: ChangeKind::Created,
            state,
            redirect_to: None,
            continues: None,
            split_from: None,
            title: Text::plain(""),
            headline: Text::plain(""),
            status,
            owner: told.owner.map(|(_, who)| who).or_else(|| known.iter().find_map(|i| i.owner.clone())),
            verdict: told.verdict.map(|(_, v)| v).or(verdict),
            score: 0,
            score_parts: Vec::new(),
            severity: all().map(|f| f.severity).max().unwrap_or(Severity::Unknown),
            confidence: edges.iter().map(|e| e.confidence).min().unwrap_or(1_000_000),
            tenants: sorted(all().map(|f| f.key.tenant)),
            first: all().map(|f| f.first).min().unwrap_or_default(),
            last: all().map(|f| f.last).max().unwrap_or_default(),
            persons: self.persons(&list),
            entities: self.entities(&list),
            tactics: sorted(list.iter().flat_map(|f| self.finding(*f).tactics.iter().cloned())),
            techniques: sorted(list.iter().flat_map(|f| self.finding(*f).techniques.iter().cloned())),
            findings: list.iter().map(|f| self.view(*f, group)).collect(),
            edges,
            more_edges: group.core.more.iter().map(|(k, n)| (*k, *n)).collect(),
            related: self.related(at, group, &everyone),
            guards: Vec::new(),
            decisions: self.decisions(&everyone),
            source_incidents: sorted(everyone.iter().flat_map(|f| self.bound(*f).incidents.iter().cloned())),
            remediation: Vec::new(),
            digest: "".into(),
        }
    }

    fn view(&self, at: usize, group: &Group) -> FindingView {
        let f = self.finding(at);
        let sighting = |s: &model::Sighting| SightingView { format: s.format, id: s.id.clone(), url: s.url.clone() };
        FindingView {
            key: f.key.clone(),
            role: if group.attached.contains_key(&at) { Membership::Attached } else { Membership::Core },
            sightings: sorted(f.sightings.iter().map(sighting)),
            title: f.title.clone(),
            severity: f.severity,
            first: f.first,
            last: f.last,
            accounts: self.bound(at).accounts.keys().copied().collect(),
        }
    }

    /// Persons with their accounts as the directories described them at the first finding that names them.
    fn persons(&self, list: &[usize]) -> Vec<PersonView> {
        let mut people: BTreeMap<AccountKey, (BTreeMap<AccountKey, EventTime>, BTreeSet<LinkView>)> = BTreeMap::new();
        for at in list {
            for (account, binding) in &self.bound(*at).accounts {
                let (accounts, links) = people.entry(binding.person).or_default();
                for one in [binding.person, *account] {
                    accounts.entry(one).or_insert(self.finding(*at).first);
                }
                links.extend(binding.via.iter().cloned().map(|l| LinkView {
                    account: l.account,
                    home: l.home,
                    state: l.state,
                    kinds: l.kinds,
                    confidence: l.confidence,
                    sources: l.sources,
                }));
            }
        }
        let view = |(account, at): (AccountKey, EventTime)| {
            let facts = self.known.people.facts(account, at);
            AccountView {
                account,
                upn: facts.as_ref().and_then(|f| f.upn.clone()),
                display: facts.as_ref().and_then(|f| f.display.clone()),
                kind: facts.map(|f| f.kind).unwrap_or_default(),
            }
        };
        let person = |(home, (accounts, links)): (AccountKey, (BTreeMap<_, _>, BTreeSet<_>))| PersonView {
            home,
            accounts: accounts.into_iter().map(view).collect(),
            links: links.into_iter().collect(),
        };
        people.into_iter().map(person).collect()
    }

    fn entities(&self, list: &[usize]) -> Vec<(Entity, Vec<TenantId>)> {
        let mut all: BTreeMap<(EntityKind, &str, TenantId), (EntityRole, BTreeSet<TenantId>)> = BTreeMap::new();
        for at in list {
            let finding = self.finding(*at);
            for e in finding.things.iter().flatten() {
                let key = (e.kind, e.value.as_str(), e.tenant);
                let held = all.entry(key).or_insert_with(|| (e.role, BTreeSet::new()));
                held.0 = held.0.max(e.role);
                held.1.insert(finding.key.tenant);
            }
        }
        all.into_iter()
            .map(|((kind, value, tenant), (role, tenants))| {
                (Entity { kind, value: value.into(), tenant, group: 0, role }, tenants.into_iter().collect())
            })
            .collect()
    }

    /// One reason for each member: core members by the tree, walked from the smallest; attached ones by their offer.
    fn edges(&self, group: &Group, list: &[usize]) -> Vec<model::Edge> {
        let mut by_tree: BTreeMap<usize, (usize, &Edge)> = BTreeMap::new();
        let root = group.core.members[0];
        let mut open = VecDeque::from([root]);
        while let Some(here) = open.pop_front() {
            for edge in &group.core.tree {
                let there = if edge.a == here {
                    edge.b
                } else if edge.b == here {
                    edge.a
                } else {
                    continue;
                };
                if there != root && !by_tree.contains_key(&there) {
                    by_tree.insert(there, (here, edge));
                    open.push_back(there);
                }
            }
        }
        let explain = |at: &usize| match (group.attached.get(at), by_tree.get(at)) {
            (Some(offer), _) => self.attached(*at, offer),
            (None, Some((peer, edge))) => self.joined(*at, *peer, edge),
            (None, None) => self.alone(*at),
        };
        list.iter().map(explain).collect()
    }

    fn alone(&self, at: usize) -> model::Edge {
        let key = &self.finding(at).key;
        model::Edge {
            finding: key.clone(),
            peer: None,
            membership: Membership::Core,
            reason: ReasonCode::Founder,
            entity_kind: None,
            entity_value: None,
            second: None,
            tenants: vec![key.tenant],
            attributions: Vec::new(),
            confidence: 1_000_000,
            gap_seconds: 0,
            window_seconds: None,
            guards: Vec::new(),
            rule: None,
            decision: None,
            sentence: Text::plain(""),
        }
    }

    fn beside(&self, at: usize, peer: usize, value: &Value) -> model::Edge {
        let (kind, text) = shown(value);
        let tenants = sorted([at, peer].map(|f| self.finding(f).key.tenant));
        model::Edge {
            peer: Some(self.finding(peer).key.clone()),
            reason: ReasonCode::Edge(self.set.rule(value).kind),
            entity_kind: Some(kind),
            entity_value: Some(text),
            second: match value {
                Value::Pair(_, kind, text) => Some((*kind, text.clone())),
                Value::Tool(_, _, alert) => Some((EntityKind::Other, alert.as_str().into())),
                Value::At(_, ip) => Some((EntityKind::Ip, ip.clone())),
                _ => None,
            },
            guards: if tenants.len() > 1 { vec!["policy_merge".into()] } else { Vec::new() },
            tenants,
            gap_seconds: self.set.gap(at, peer),
            window_seconds: self.set.rule(value).window,
            rule: match value {
                Value::Chain(id) => self.known.step(id, &self.finding(at).key),
                _ => None,
            },
            ..self.alone(at)
        }
    }

    fn attached(&self, at: usize, offer: &Offer) -> model::Edge {
        let mut edge = self.beside(at, offer.peer, &offer.value);
        edge.membership = Membership::Attached;
        edge.confidence = offer.strength.0;
        let words = ["attach_only"].into_iter().chain(offer.prolific.then_some("prolific"));
        let words = words.chain(offer.surplus.then_some("budget"));
        edge.guards = words.map(Into::into).chain(edge.guards).collect();
        edge
    }

    fn joined(&self, at: usize, peer: usize, why: &Edge) -> model::Edge {
        let mut edge = match &why.why {
            Why::Shared(value) => self.beside(at, peer, value),
            Why::Decided(id) => model::Edge {
                peer: Some(self.finding(peer).key.clone()),
                reason: ReasonCode::Edge(EdgeKind::Decision),
                tenants: sorted([at, peer].map(|f| self.finding(f).key.tenant)),
                gap_seconds: self.set.gap(at, peer),
                decision: Some(*id),
                ..self.alone(at)
            },
        };
        edge.confidence = why.strength.0;
        if why.kind == EdgeKind::SamePerson {
            let sides = [(why.a, why.accounts.0), (why.b, why.accounts.1)];
            let attribution = |(f, account): (usize, Option<AccountKey>)| {
                let account = account?;
                let via = self.bound(f).accounts.get(&account)?.via.clone();
                let (kinds, confidence) = via.map_or((Vec::new(), 1_000_000), |l| (l.kinds, l.confidence));
                Some(Attribution { account, kinds, confidence })
            };
            edge.attributions = sides.into_iter().filter_map(attribution).collect();
            edge.attributions.sort();
        }
        edge
    }

    /// The last decisions in force on any member.
    fn decisions(&self, list: &[usize]) -> Vec<DecisionView> {
        let naming = list.iter().flat_map(|f| self.known.decided.naming(&self.finding(*f).key));
        let mut views: Vec<DecisionView> = sorted(naming.map(|((at, id), d)| {
            let (author, reason) = (d.author.clone(), d.reason.clone());
            DecisionView { at, id, act: d.act.code(), author, reason }
        }));
        views.split_off(views.len().saturating_sub(64))
    }

    /// What a guard or a policy kept apart, and who may be the same person; one for each (incident, reason).
    fn related(&self, at: usize, group: &Group, list: &[usize]) -> Vec<Related> {
        let mut out: Vec<(usize, &str, usize, usize)> = Vec::new();
        let mut add = |reason, here: usize, there: usize| {
            let other = self.of[&there];
            if other != at && out.len() < RELATED_MAX && !out.iter().any(|o| (o.0, o.1) == (other, reason)) {
                out.push((other, reason, here, there));
            }
        };
        for (edge, reason) in group.core.refused.iter().chain(&group.refused_attached) {
            if *reason != "policy_forbid" {
                let inside = list.contains(&edge.a);
                let (here, there) = if inside { (edge.a, edge.b) } else { (edge.b, edge.a) };
                add(reason, here, there);
            }
        }
        for here in list {
            for there in self.possibly_same(*here) {
                add("link_possible", *here, there);
            }
        }
        let key = |f: usize| self.finding(f).key.clone();
        sorted(out.into_iter().map(|(other, reason, here, there)| Related {
            incident: self.name(other).1,
            reason: reason.into(),
            findings: (key(here), key(there)),
            sentence: Text::plain(""),
        }))
    }

    /// Findings of a person to whom a link that is not accepted points, either way, nearest first.
    fn possibly_same(&self, here: usize) -> Vec<usize> {
        let homes = |f: usize, want_possible: bool| {
            let uses = self.bound(f).uses.iter();
            let homes = uses.filter_map(move |(v, _)| match v {
                Value::Possible(home) if want_possible => Some(*home),
                Value::Person(home) if !want_possible => Some(*home),
                _ => None,
            });
            homes.collect::<BTreeSet<_>>()
        };
        let mine = self.finding(here);
        let mut out = Vec::new();
        for there in (0..self.known.findings.len()).filter(|there| *there != here) {
            let gap = self.set.gap(here, there);
            let may_be = homes(here, true).intersection(&homes(there, false)).next().is_some()
                || homes(here, false).intersection(&homes(there, true)).next().is_some();
            let tenant = self.finding(there).key.tenant;
            let shown = self.set.policy.between(mine.key.tenant, tenant) != MergePolicy::Forbid;
            if may_be && shown && gap <= self.set.settings.windows.person {
                out.push((gap, there));
            }
        }
        out.sort_unstable();
        out.into_iter().map(|(_, f)| f).collect()
    }
}
