//! The engine: takes journal entries, keeps the partition, hands out changes.
//!
//! It performs no I/O, reads no clock, starts no thread and cannot fail.

use crate::{Counts, Settings};
use caponier_model::{Change, EventTime, Incident, Journalled, Persons, Policy};

/// The correlator: a state machine over the journal.
#[derive(Debug)]
pub struct Engine<P> {
    settings: Settings,
    policy: Policy,
    persons: P,
}

impl<P: Persons> Engine<P> {
    /// An engine that has seen nothing yet; `persons` may already know identities.
    pub fn new(settings: Settings, policy: Policy, persons: P) -> Self {
        Self { settings, policy, persons }
    }

    /// Takes one entry. Call [`Engine::poll_change`] afterwards until it returns `None`.
    pub fn handle(&mut self, entry: Journalled) {
        let _ = (entry, &self.settings, &self.policy);
    }

    /// Moves event time forward: nothing earlier than `now` is expected any more. Lets go of what retention no longer holds.
    pub fn handle_time(&mut self, now: EventTime) {
        let _ = now;
    }

    /// The next change to hand on, in order.
    pub fn poll_change(&mut self) -> Option<Change> {
        None
    }

    /// When [`Engine::handle_time`] would next have something to do; `None` while nothing is held.
    pub fn next_deadline(&self) -> Option<EventTime> {
        None
    }

    /// Every live incident in its present form, by (first activity, id). An incident that retention has let go is not
    /// here: whoever needs it keeps the last change of its id.
    pub fn incidents(&self) -> impl Iterator<Item = Incident> {
        std::iter::empty()
    }

    /// The id under which an incident lives now, after redirects.
    pub fn resolve<'a>(&'a self, id: &'a str) -> &'a str {
        id
    }

    /// Counters.
    pub fn counts(&self) -> Counts {
        Counts::default()
    }

    /// The identity index.
    pub fn persons(&self) -> &P {
        &self.persons
    }
}
