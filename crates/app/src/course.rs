//! One course of a journal through the engine: what is fed in which order, and what comes out. Knows no file: `replay` feeds it
//! from disk, a sweep from memory, and both get the same bytes.

use crate::failure::Failure;
use crate::firings::Firings;
use crate::operations::Prolific;
use crate::triage::{self, Call};
use caponier_correlate::{Counts, Engine, Settings};
use caponier_identity::Index;
use caponier_model::{
    AccountFacts, Change, Entry, EventTime, IdentityChange, Incident, IncidentState, Journalled, Link, Policy,
    Sighting, Statement,
};
use caponier_rules::{self as rules, Emission, RuleSet, Suppression, Suppressions, Windows};
use compact_str::CompactString;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

/// What a journal holds that no record brings: identities, conflicts among them, and what people said.
#[derive(Clone, Debug, Default)]
pub struct Aside {
    /// What the directories say.
    pub facts: Vec<AccountFacts>,
    /// Combined links.
    pub links: Vec<Link>,
    /// Findings of links that contradict each other, by time.
    pub conflicts: Vec<Sighting>,
    /// What people said of accounts, in any order.
    pub statements: Vec<Statement>,
    /// What analysts decided of incidents, in any order.
    pub calls: Vec<Call>,
    /// Findings of rules that need not be seen.
    pub suppressions: Vec<Suppression>,
}

/// What comes out in the end.
pub struct Outcome {
    /// Every incident in its last form but the redirected ones, by (first activity, id).
    pub incidents: Vec<Incident>,
    /// The engine's counters.
    pub counts: Counts,
    /// Decisions that have no effect, and why: their authors must know.
    pub unplaced: Vec<String>,
    /// Findings of rules that were silenced, by rule.
    pub silenced: BTreeMap<CompactString, u64>,
    /// What the rules fired on.
    pub firings: Firings,
    /// Values that came above their caps.
    pub prolific: Prolific,
}

/// The engine on its way through a journal.
pub struct Course {
    engine: Engine<Index>,
    windows: Windows,
    suppressions: Suppressions,
    conflicts: Peekable<IntoIter<Sighting>>,
    statements: Peekable<IntoIter<Statement>>,
    calls: Peekable<IntoIter<Call>>,
    unplaced: Vec<String>,
    firings: Firings,
    prolific: Prolific,
    latest: BTreeMap<CompactString, Incident>,
}

/// Sees every change in order.
pub type OnChange<'f> = dyn FnMut(&Change) -> Result<(), Failure> + 'f;

impl Course {
    /// An engine that knows the identities and has seen no record yet.
    pub fn begin(settings: Settings, policy: Policy, rules: &Arc<RuleSet>, aside: Aside) -> Self {
        let Aside { facts, links, conflicts, mut statements, calls, suppressions } = aside;
        let suppressions = Suppressions::new(suppressions);
        let windows = Windows::new(
            Arc::clone(rules),
            rules::Limits { epoch: i64::from(settings.epoch), ..rules::Limits::default() },
        );
        let mut engine = Engine::new(settings, policy, Index::default());
        let changes = facts.into_iter().map(IdentityChange::Account).chain(links.into_iter().map(IdentityChange::Link));
        for change in changes {
            engine.handle(Journalled { at: EventTime::MIN, position: None, entry: Entry::Identity(change) });
        }
        statements.sort_by_key(|s| s.at);
        let (conflicts, statements) = (conflicts.into_iter().peekable(), statements.into_iter().peekable());
        let calls = triage::in_order(calls).into_iter().peekable();
        let (unplaced, firings, latest) = (Vec::new(), Firings::default(), BTreeMap::new());
        let prolific = Prolific::default();
        Self { engine, windows, suppressions, conflicts, statements, calls, unplaced, firings, prolific, latest }
    }

    /// Takes the entries of one record; those of a later call are no earlier.
    ///
    /// # Errors
    /// `on_change` says so.
    pub fn take(
        &mut self,
        entries: impl IntoIterator<Item = Journalled>,
        on_change: &mut OnChange<'_>,
    ) -> Result<(), Failure> {
        for entry in entries {
            while let Some(conflict) = self.conflicts.next_if(|c| c.first <= entry.at) {
                self.conflict(conflict);
            }
            // What was said by then stands before it in the journal; it moves no time, which only findings do.
            while let Some(said) = self.statements.next_if(|s| s.at <= entry.at) {
                self.engine.handle(stated(said));
            }
            while let Some(call) = self.calls.next_if(|c| c.decision.at <= entry.at) {
                self.decide(&call);
            }
            self.pass(entry.at);
            self.engine.handle_time(entry.at);
            match entry.entry {
                Entry::Signal(signal) => self.windows.take(*signal, self.engine.persons()),
                Entry::Sighting(ref finding) if is_silenced(&mut self.suppressions, finding) => {}
                _ => self.engine.handle(entry),
            }
        }
        self.drain(on_change)
    }

    /// The end of the journal.
    ///
    /// # Errors
    /// `on_change` says so.
    pub fn finish(mut self, on_change: &mut OnChange<'_>) -> Result<Outcome, Failure> {
        while let Some(conflict) = self.conflicts.next() {
            self.conflict(conflict);
        }
        for said in self.statements.by_ref() {
            self.engine.handle(stated(said));
        }
        while let Some(call) = self.calls.next() {
            self.decide(&call);
        }
        self.pass(EventTime::MAX);
        self.engine.handle_time(EventTime::MAX);
        self.drain(on_change)?;
        let mut incidents: Vec<Incident> =
            self.latest.into_values().filter(|i: &Incident| i.state != IncidentState::Redirected).collect();
        incidents.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
        Ok(Outcome {
            incidents,
            counts: self.engine.counts(),
            unplaced: self.unplaced,
            silenced: self.suppressions.silenced().clone(),
            firings: self.firings,
            prolific: self.prolific,
        })
    }

    /// Rules whose windows have passed by `at` say what they found; it enters the journal here, as if a product had said it.
    fn pass(&mut self, at: EventTime) {
        self.windows.advance(at, self.engine.persons());
        while let Some(mut emission) = self.windows.poll() {
            self.suppressions.quieten(&mut emission);
            self.firings.take(&mut emission);
            enter(&mut self.engine, emission);
        }
    }

    /// A decision at its place: incidents stand for the members that they have here.
    fn decide(&mut self, call: &Call) {
        self.engine.flush();
        match call.placed(|id| self.engine.members(id)) {
            Ok(decision) => {
                let at = decision.at;
                self.engine.handle(Journalled { at, position: None, entry: Entry::Decision(Box::new(decision)) });
            }
            Err(what) => self.unplaced.push(what),
        }
    }

    fn conflict(&mut self, conflict: Sighting) {
        self.engine.handle_time(conflict.first);
        self.engine.handle(Journalled {
            at: conflict.first,
            position: None,
            entry: Entry::Sighting(Box::new(conflict)),
        });
    }

    fn drain(&mut self, on_change: &mut OnChange<'_>) -> Result<(), Failure> {
        while let Some(crossed) = self.engine.poll_prolific() {
            self.prolific.take(crossed);
        }
        while let Some(mut change) = self.engine.poll_change() {
            // What leaves is digested where it is written: the hash of exactly the final form that `--final` shows.
            change.incident.digest.clear();
            on_change(&change)?;
            self.latest.insert(change.incident.id.clone(), change.incident);
        }
        Ok(())
    }
}

fn stated(statement: Statement) -> Journalled {
    Journalled { at: statement.at, position: None, entry: Entry::Statement(statement) }
}

/// What the windows found enters as if a product had said it, and leaves where it turned out to be nothing.
pub fn enter(engine: &mut Engine<Index>, emission: Emission) {
    let journalled = |entry| Journalled { at: emission.at, position: None, entry };
    for key in emission.withdrawn {
        engine.handle(journalled(Entry::Withdrawn(Box::new(key))));
    }
    for finding in emission.findings {
        engine.handle(journalled(Entry::Sighting(Box::new(finding))));
    }
    if let Some(chain) = emission.chain {
        engine.handle(journalled(Entry::Chain(Box::new(chain))));
    }
}

/// A rule in Rust speaks as an alert does; what products say is never silenced.
pub fn is_silenced(suppressions: &mut Suppressions, finding: &Sighting) -> bool {
    let rule = rules::BASE.iter().find(|rule| finding.key.product == rule.product);
    rule.is_some_and(|rule| suppressions.silence(rule.name, finding))
}
