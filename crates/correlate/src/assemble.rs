//! Assembly: an incident as it is handed on, from the members, the tree of edges and the identity index.

use crate::Engine;
use crate::decisions::Standing;
use crate::digest::digest;
use crate::explain;
use crate::finding::Sightings;
use crate::name::digits;
use crate::partition::Refusal;
use crate::posting::FindingIx;
use crate::state::{Group, Held, Record, RecordIx, Told};
use crate::value::Value;
use caponier_model::{
    AccountKey, AccountView, ChangeKind, DecisionView, Entity, EntityKind, EntityRole, EventTime, FindingKey,
    FindingView, GuardNote, Guid, Incident, IncidentState, LinkView, Membership, MergePolicy, PersonView, Persons,
    Related, ScorePart, Severity, Sighting, SightingView, SourceIncident, TenantId, Text,
};
use compact_str::CompactString;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Related incidents named at most; the rest would not be read.
const RELATED_MAX: usize = 20;
/// Decisions shown at most, the last ones; all of them hold.
const DECISIONS_MAX: usize = 64;
/// Shared values named at most.
const SHARED_MAX: usize = 20;

impl<P: Persons> Engine<P> {
    /// The incident in its present form with the last sequence.
    pub(crate) fn assemble(&self, ix: RecordIx) -> Option<Incident> {
        let record = self.records.get(ix)?;
        let group = self.groups.get(record.group)?;
        let members: Vec<(FindingIx, &Held)> =
            record.members.iter().filter_map(|f| Some((*f, self.findings.get(*f)?))).collect();
        // What a flood adds beyond the size of an incident is counted and not listed (G12).
        let listed: Vec<(FindingIx, &Held)> = members.iter().filter(|(_, held)| !held.unlisted).copied().collect();
        let told: Vec<(TenantId, Cow<'_, Sightings>)> =
            listed.iter().map(|(_, held)| (held.key.tenant, held.sightings())).collect();
        let used: Vec<(TenantId, &Sighting)> =
            told.iter().flat_map(|(tenant, s)| s.used().into_iter().map(|s| (*tenant, s))).collect();
        let mut incident = self.husk(record);
        incident.change = record.change;
        incident.sequence = record.sequence;
        incident.findings = listed
            .iter()
            .zip(&told)
            .map(|((f, held), (_, sightings))| FindingView {
                accounts: held.accounts.list(&self.postings).iter().map(|b| b.account).collect(),
                ..view(held, sightings, group.attached.contains(f))
            })
            .collect();
        incident.first = members.iter().map(|(_, h)| h.merged.first).min()?;
        incident.last = members.iter().map(|(_, h)| h.merged.last).max()?;
        incident.tenants = sorted(members.iter().map(|(_, h)| h.key.tenant));
        incident.tactics = sorted(used.iter().flat_map(|(_, s)| s.tactics.iter().cloned()));
        incident.techniques = sorted(used.iter().flat_map(|(_, s)| s.techniques.iter().cloned()));
        incident.severity = members.iter().map(|(_, h)| h.merged.severity).max().unwrap_or_default();
        incident.entities = entities(&used);
        incident.persons = self.person_views(&listed);
        incident.edges = explain::edges(self, group, &listed);
        incident.confidence = incident.edges.iter().map(|e| e.confidence).min().unwrap_or(1_000_000);
        incident.more_edges = group.core.more.to_vec();
        incident.headline = self.headline(&members, &incident);
        incident.remediation = explain::remediation(self, &listed, &incident.persons);
        self.sources(&members, &mut incident);
        self.decided(group, &members, &mut incident);
        incident.guards = self.notes(group, &members);
        incident.score_parts = score(&incident, self.privileged(&incident));
        incident.score = incident.score_parts.iter().map(|p| p.points).sum();
        let related = self.related(ix, group, &members);
        incident.continues = self.continues(record, &related);
        let shown: Vec<(Related, FindingKey)> = related.iter().filter_map(|r| self.show(r)).collect();
        incident.digest = digest(&incident, &shown);
        incident.related = shown.into_iter().map(|(r, _)| r).collect();
        incident.related.sort();
        Some(incident)
    }

    /// The incidents that it names as related.
    pub(crate) fn partners(&self, ix: RecordIx) -> Vec<RecordIx> {
        let Some(record) = self.records.get(ix) else { return Vec::new() };
        let Some(group) = self.groups.get(record.group) else { return Vec::new() };
        if group.core.refused.is_empty() && group.attached.is_empty() && !self.postings.any_possible() {
            return Vec::new();
        }
        let members: Vec<(FindingIx, &Held)> =
            record.members.iter().filter_map(|f| Some((*f, self.findings.get(*f)?))).collect();
        self.related(ix, group, &members).into_iter().map(|r| r.record).collect()
    }

    /// An incident with its history and nothing else: what a redirected one looks like.
    pub(crate) fn husk(&self, record: &Record) -> Incident {
        let Told { founder, title, split_from } = self.told(record);
        Incident {
            epoch: self.settings.epoch,
            id: digits(record.id),
            sequence: 0,
            change: ChangeKind::Redirected,
            state: IncidentState::Redirected,
            redirect_to: None,
            continues: None,
            split_from,
            headline: title.clone(),
            title,
            status: None,
            owner: None,
            verdict: None,
            score: 0,
            score_parts: Vec::new(),
            severity: Severity::Unknown,
            confidence: 0,
            tenants: vec![founder.1.tenant],
            first: founder.0,
            last: founder.0,
            persons: Vec::new(),
            entities: Vec::new(),
            tactics: Vec::new(),
            techniques: Vec::new(),
            findings: Vec::new(),
            edges: Vec::new(),
            more_edges: Vec::new(),
            related: Vec::new(),
            guards: Vec::new(),
            decisions: Vec::new(),
            source_incidents: Vec::new(),
            remediation: Vec::new(),
            digest: CompactString::const_new(""),
        }
    }

    /// What an incident was founded with.
    pub(crate) fn told(&self, record: &Record) -> Told {
        let own = || self.findings.get(record.founder).map(Told::by);
        // An incident has members, always; an empty one would be named after nothing and hold nothing.
        let nobody = || Told {
            founder: (
                EventTime::MAX,
                FindingKey {
                    tenant: TenantId(Guid::ZERO),
                    product: CompactString::default(),
                    id: CompactString::default(),
                },
            ),
            title: Text::plain(""),
            split_from: None,
        };
        record.told.as_deref().cloned().or_else(own).unwrap_or_else(nobody)
    }

    /// Who founded an incident.
    pub(crate) fn founder<'a>(&'a self, record: &'a Record) -> Option<(EventTime, &'a FindingKey)> {
        match &record.told {
            Some(told) => Some((told.founder.0, &told.founder.1)),
            None => self.findings.get(record.founder).map(|h| (h.merged.first, &h.key)),
        }
    }

    /// Writes down what the incident of a finding was founded with, before the finding says something else.
    pub(crate) fn keep_told(&mut self, finding: FindingIx) {
        if let Some(ix) = self.findings.get(finding).and_then(|h| h.record)
            && self.records.get(ix).is_some_and(|r| r.told.is_none() && r.founder == finding)
        {
            self.write_told(ix);
        }
    }

    /// Writes down what an incident was founded with.
    pub(crate) fn write_told(&mut self, ix: RecordIx) {
        let told = self.records.get(ix).map(|r| Box::new(self.told(r)));
        if let Some(record) = self.records.get_mut(ix) {
            record.told = told;
        }
    }

    fn person_views(&self, members: &[(FindingIx, &Held)]) -> Vec<PersonView> {
        let mut people: BTreeMap<AccountKey, (BTreeMap<AccountKey, EventTime>, BTreeSet<LinkView>)> = BTreeMap::new();
        for (_, held) in members {
            for bound in &*held.accounts.list(&self.postings) {
                let (accounts, links) = people.entry(bound.person).or_default();
                for account in [bound.person, bound.account] {
                    accounts.entry(account).or_insert(held.merged.first);
                }
                links.extend(bound.via.iter().map(|link| LinkView {
                    account: link.account,
                    home: link.home,
                    state: link.state,
                    kinds: link.kinds.clone(),
                    confidence: link.confidence,
                    sources: link.sources.clone(),
                }));
            }
        }
        let account = |(account, at): (AccountKey, EventTime)| {
            let facts = self.persons.facts(account, at);
            let kind = facts.as_ref().map(|f| f.kind).unwrap_or_default();
            let (upn, display) = facts.map_or((None, None), |f| (f.upn, f.display));
            AccountView { account, upn, display, kind }
        };
        people
            .into_iter()
            .map(|(home, (accounts, links))| PersonView {
                home,
                accounts: accounts.into_iter().map(account).collect(),
                links: links.into_iter().collect(),
            })
            .collect()
    }

    /// "{n} findings on {person} across {tenants} tenants": on whom most findings are.
    fn headline(&self, members: &[(FindingIx, &Held)], incident: &Incident) -> Text {
        let mut named: BTreeMap<AccountKey, usize> = BTreeMap::new();
        for (_, held) in members {
            for person in sorted(held.accounts.list(&self.postings).iter().map(|b| b.person)) {
                *named.entry(person).or_insert(0) += 1;
            }
        }
        let main = named.iter().max_by(|(a, n), (b, m)| n.cmp(m).then(b.cmp(a))).map(|(person, _)| *person);
        let mut devices: BTreeMap<u32, usize> = BTreeMap::new();
        for device in members.iter().flat_map(|(_, h)| h.posted.devices()) {
            *devices.entry(*device).or_insert(0) += 1;
        }
        let device = devices
            .iter()
            .max_by(|(a, n), (b, m)| n.cmp(m).then_with(|| self.by_value(**b, **a)))
            .and_then(|(device, _)| self.postings.get(*device));
        let what = if members.len() == 1 { "{n} finding" } else { "{n} findings" };
        let across = if incident.cross_tenant() { " across {tenants} tenants" } else { "" };
        let on = if main.is_some() {
            " on {person}"
        } else if device.is_some() {
            " on {device}"
        } else {
            ""
        };
        let mut text = Text::plain(&format!("{what}{on}{across}")).with("n", &members.len().to_string(), None, None);
        match (main, device) {
            (Some(person), _) => text = explain::with_account(self, text, "person", person, incident.first),
            (None, Some(device)) => {
                let (kind, value) = device.value.shown();
                let owner = members.first().map(|(_, h)| h.key.tenant);
                text = text.with("device", &value, Some(kind), owner);
            }
            (None, None) => {}
        }
        if incident.cross_tenant() {
            text = text.with("tenants", &incident.tenants.len().to_string(), None, None);
        }
        text
    }

    /// What guards held back of the members' own values. What rests on other findings (G2) is told where it made an edge.
    fn notes(&self, group: &Group, members: &[(FindingIx, &Held)]) -> Vec<GuardNote> {
        let mut notes = Vec::new();
        let mut note = |guard: &'static str, count: u64, sentence: Text| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            if count > 0 {
                let sentence = sentence.with("n", &count.to_string(), None, None);
                notes.push(GuardNote { guard, count, sentence });
            }
        };
        let cut = members.iter().map(|(_, h)| u64::from(h.cut)).sum();
        note("budget", cut, Text::plain("values beyond what is taken of one finding, joining nothing: {n}"));
        let common = members.iter().filter(|(_, h)| h.common).count() as u64;
        let text = "findings of detectors that many others met that week, which an account or a device alone ties to nothing: {n}";
        note("common_detector", common, Text::plain(text));
        let mut shared: BTreeMap<&Value, (TenantId, u64)> = BTreeMap::new();
        for (_, held) in members {
            for posting in held.posted.values().iter().filter_map(|ix| self.postings.get(*ix)).filter(|p| p.is_shared())
            {
                shared.entry(&posting.value).or_insert((held.key.tenant, 0)).1 += 1;
            }
        }
        for (value, (tenant, count)) in shared.into_iter().take(SHARED_MAX) {
            let (kind, shown) = value.shown();
            let text = Text::plain("{value} is known to be shared and joins no findings by itself; it is named by {n}");
            note("role_tag", count, text.with("value", &shown, Some(kind), Some(tenant)));
        }
        let mut beyond: BTreeMap<(&Value, TenantId), u64> = BTreeMap::new();
        for (_, held) in members.iter().filter(|(_, held)| held.attached) {
            let wish = held.prefers.as_deref().filter(|wish| wish.surplus);
            if let Some(posting) = wish.and_then(|wish| self.postings.get(wish.value)) {
                *beyond.entry((&posting.value, held.key.tenant)).or_insert(0) += 1;
            }
        }
        for ((value, tenant), count) in beyond.into_iter().take(SHARED_MAX) {
            let (kind, shown) = value.shown();
            let text =
                Text::plain("findings beyond what {value} joins within one hour, which attach and join nothing: {n}");
            let guard = if value.is_who() { "person_rate" } else { "value_rate" };
            note(guard, count, text.with("value", &shown, Some(kind), Some(tenant)));
        }
        let kept_off = group.core.refused.iter().filter(|(_, reason)| *reason == Refusal::Rate).count() as u64;
        note(
            "incident_rate",
            kept_off,
            Text::plain("edges that would have put more findings of one hour into this incident than it may hold: {n}"),
        );
        let unlisted = members.iter().filter(|(_, h)| h.unlisted).count() as u64;
        note("unlisted", unlisted, Text::plain("findings that are part of this incident, counted and not listed: {n}"));
        let stopped = members.iter().map(|(_, h)| u64::from(h.stopped)).sum();
        note("stop_value", stopped, Text::plain("values that mean nothing, or are listed, and join nothing: {n}"));
        notes
    }

    /// Accounts of the incident that the operator calls privileged.
    fn privileged(&self, incident: &Incident) -> usize {
        let listed = |text: &str| self.settings.privileged.iter().any(|p| p == text);
        let accounts = incident.persons.iter().flat_map(|p| &p.accounts);
        accounts.filter(|a| listed(&a.account.object.to_string()) || a.upn.as_deref().is_some_and(listed)).count()
    }

    /// State, owner and verdict as people decided: before all that sources say.
    fn decided(&self, group: &Group, members: &[(FindingIx, &Held)], incident: &mut Incident) {
        if self.decisions.is_empty() {
            return;
        }
        let told = members.iter().map(|(_, held)| Box::new(self.decisions.standing(&held.key)));
        let Some(told) = told.map(Some).reduce(Standing::together).flatten() else { return };
        if let Some((_, owner)) = told.owner {
            incident.owner = Some(owner);
            incident.status = Some("assigned".into());
            incident.state = IncidentState::InProgress;
        }
        if let Some((_, verdict)) = told.verdict {
            incident.verdict = Some(verdict);
        }
        if group.core.is_closed() {
            incident.status = Some("closed".into());
            incident.state = IncidentState::Resolved;
        }
        let mut views: Vec<DecisionView> = members
            .iter()
            .flat_map(|(_, held)| self.decisions.naming(&held.key))
            .map(|(_, (at, id), d)| DecisionView {
                at,
                id,
                act: d.act.code(),
                author: d.author.clone(),
                reason: d.reason.clone(),
            })
            .collect();
        views.sort();
        views.dedup();
        incident.decisions = views.split_off(views.len().saturating_sub(DECISIONS_MAX));
    }

    /// Status, owner and verdict as the source incidents have them; the newest version speaks.
    fn sources(&self, members: &[(FindingIx, &Held)], incident: &mut Incident) {
        incident.source_incidents = sorted(members.iter().flat_map(|(_, h)| h.incidents.iter().cloned()));
        let mut known: Vec<&SourceIncident> =
            incident.source_incidents.iter().filter_map(|key| self.sources.get(key)).collect();
        known.sort_by(|a, b| (b.version, &b.key).cmp(&(a.version, &a.key)));
        incident.status = known.first().map(|i| i.status.clone());
        incident.owner = known.iter().find_map(|i| i.owner.clone());
        let verdicts = || members.iter().filter_map(|(_, h)| h.merged.verdict);
        incident.verdict = known.iter().find_map(|i| i.verdict).or_else(|| verdicts().max());
        let closed = |i: &&SourceIncident| ["closed", "resolved"].iter().any(|w| i.status.eq_ignore_ascii_case(w));
        let covered = members.iter().all(|(_, h)| !h.incidents.is_empty());
        let done = !known.is_empty() && covered && known.iter().all(closed);
        incident.state = if done { IncidentState::Resolved } else { IncidentState::Active };
    }
}

/// A reason not to merge, between a member and a finding elsewhere.
#[derive(Debug)]
pub(crate) struct Neighbour {
    pub record: RecordIx,
    reason: &'static str,
    here: FindingIx,
    there: FindingIx,
}

impl<P> Engine<P> {
    /// Incidents that could be the same: refused edges and possible links, one for each (incident, reason).
    fn related(&self, ix: RecordIx, group: &Group, members: &[(FindingIx, &Held)]) -> Vec<Neighbour> {
        let own: Vec<FindingIx> = members.iter().map(|(f, _)| *f).collect();
        let mut found: Vec<Neighbour> = Vec::new();
        let mut add = |reason, here, there| {
            let Some(record) = self.findings.get(there).and_then(|h| h.record).filter(|r| *r != ix) else { return };
            if found.len() < RELATED_MAX && !found.iter().any(|n| n.record == record && n.reason == reason) {
                found.push(Neighbour { record, reason, here, there });
            }
        };
        // An attached finding is a group of one, whose own refusals are this incident's too.
        let satellites = group.attached.iter().filter_map(|f| self.groups.get(self.findings.get(*f)?.group?));
        let refused = std::iter::once(group).chain(satellites).flat_map(|g| &g.core.refused);
        for (link, reason) in refused {
            if *reason != Refusal::Forbid {
                let inside = own.contains(&link.a);
                let (here, there) = if inside { (link.a, link.b) } else { (link.b, link.a) };
                add(reason.code(), here, there);
            }
        }
        for (finding, held) in members.iter().filter(|_| self.postings.any_possible()) {
            for there in self.possibly_same(*finding, held) {
                add("link_possible", *finding, there);
            }
        }
        found
    }

    /// Findings of a person that a link which is not accepted connects with this one, nearest in time first.
    fn possibly_same(&self, finding: FindingIx, held: &Held) -> Vec<FindingIx> {
        let mut out: Vec<(i64, FindingIx)> = Vec::new();
        for ix in held.posted.values() {
            let other = match self.postings.get(*ix).map(|p| &p.value) {
                Some(Value::Possible(home)) => Value::Person(*home),
                Some(Value::Person(home)) => Value::Possible(*home),
                _ => continue,
            };
            let Some(posting) = self.postings.find(&other).and_then(|ix| self.postings.get(ix)) else { continue };
            let near = posting.around(held.merged.first, held.merged.last, self.settings.windows.person);
            out.extend(near.filter(|(e, _)| e.finding != finding).map(|(e, gap)| (gap, e.finding)));
        }
        let tenant = |f: FindingIx| self.findings.get(f).map(|h| h.key.tenant);
        let forbidden =
            |t: Option<TenantId>| t.is_none_or(|t| self.policy.between(t, held.key.tenant) == MergePolicy::Forbid);
        out.retain(|(_, f)| !forbidden(tenant(*f)));
        out.sort_by(|(g, a), (h, b)| g.cmp(h).then_with(|| self.by_rank(Some(*a), Some(*b))));
        out.into_iter().map(|(_, f)| f).collect()
    }

    /// For the reader, with the smallest listed key of the other incident, which names it in the final form.
    fn show(&self, neighbour: &Neighbour) -> Option<(Related, FindingKey)> {
        let record = self.records.get(neighbour.record)?;
        let key = |f: FindingIx| self.findings.get(f).map(|h| h.key.clone());
        let listed = record.members.iter().filter(|f| self.findings.get(**f).is_some_and(|h| !h.unlisted));
        let smallest = listed.filter_map(|f| key(*f)).min()?;
        let findings = (key(neighbour.here)?, key(neighbour.there)?);
        let sentence = explain::refused(neighbour.reason);
        Some((Related { incident: digits(record.id), reason: neighbour.reason.into(), findings, sentence }, smallest))
    }

    /// The older incident that this one would be part of but for its size or span, or that is closed.
    fn continues(&self, record: &Record, related: &[Neighbour]) -> Option<CompactString> {
        let start = |r: &Record| r.members.first().copied();
        let closed = |r: &Record| self.groups.get(r.group).is_some_and(|g| g.core.is_closed());
        let later = |other: &Record| self.by_rank(start(other), start(record)).is_lt();
        related
            .iter()
            .filter_map(|n| Some((n.reason, self.records.get(n.record)?)))
            .filter(|(reason, other)| match *reason {
                "incident_size" | "incident_span" | "incident_rate" => later(other),
                "closed" => closed(other) && (!closed(record) || later(other)),
                _ => false,
            })
            .max_by(|(_, a), (_, b)| self.by_rank(start(a), start(b)))
            .map(|(_, other)| digits(other.id))
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = items.collect();
    list.sort();
    list.dedup();
    list
}

fn view(held: &Held, sightings: &Sightings, attached: bool) -> FindingView {
    let all = sightings.all().iter();
    FindingView {
        key: held.key.clone(),
        role: if attached { Membership::Attached } else { Membership::Core },
        sightings: sorted(all.map(|s| SightingView { format: s.format, id: s.id.clone(), url: s.url.clone() })),
        title: sightings.title().cloned().unwrap_or_else(|| Text::plain("")),
        severity: held.merged.severity,
        first: held.merged.first,
        last: held.merged.last,
        accounts: Vec::new(),
    }
}

fn entities(used: &[(TenantId, &Sighting)]) -> Vec<(Entity, Vec<TenantId>)> {
    let mut all: BTreeMap<(EntityKind, &CompactString, TenantId), (EntityRole, BTreeSet<TenantId>)> = BTreeMap::new();
    for (owner, sighting) in used {
        for named in &sighting.entities {
            let (role, tenants) =
                all.entry((named.kind, &named.value, named.tenant)).or_insert_with(|| (named.role, BTreeSet::new()));
            *role = (*role).max(named.role);
            tenants.insert(*owner);
        }
    }
    all.into_iter()
        .map(|((kind, value, tenant), (role, tenants))| {
            (Entity { kind, value: value.clone(), tenant, group: 0, role }, tenants.into_iter().collect())
        })
        .collect()
}

/// What orders the queue; integers, so that every machine agrees.
fn score(incident: &Incident, privileged: usize) -> Vec<ScorePart> {
    let severity = match incident.severity {
        Severity::Unknown => 0,
        Severity::Informational => 5,
        Severity::Low => 15,
        Severity::Medium => 30,
        Severity::High => 50,
        Severity::Critical => 60,
    };
    let small = |n: usize, max: usize| n.min(max) as u32;
    let findings = incident.findings.len();
    let parts = [
        ("severity", severity),
        ("tactics", 4 * small(incident.tactics.len(), 5)),
        ("tenants", 15 * small(incident.tenants.len().saturating_sub(1), 2)),
        ("privilege", 10 * small(privileged, 2)),
        ("findings", 2 * small(findings.max(1).ilog2() as usize, 5)),
        ("confidence", if findings > 1 { incident.confidence / 100_000 } else { 0 }),
    ];
    parts.into_iter().filter(|(_, points)| *points > 0).map(|(name, points)| ScorePart { name, points }).collect()
}
