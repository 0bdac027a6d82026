//! Whom a signal means, as of its own time: the accounts it names, the persons behind them, the side they lie on. Knows no window.

use crate::scenario::{Scenario, Term};
use caponier_model::{AccountKey, Handle, Mention, Party, Persons, Side, Signal, TenantId};

/// The accounts of a signal, bound.
pub(super) struct Bound {
    /// (part, account, person).
    accounts: Vec<(Party, AccountKey, AccountKey)>,
    side: Option<Side>,
    home: Option<TenantId>,
}

impl Bound {
    /// Binds what a signal names; what names nobody is left out.
    pub(super) fn of(signal: &Signal, persons: &impl Persons) -> Self {
        let at = signal.key.at;
        let account = |mention: &Mention| match (mention.object, &mention.name) {
            (Some(object), _) => Some(AccountKey { tenant: mention.tenant, object }),
            (None, Some(name)) => persons.account(mention.tenant, Handle::Name(name), at),
            (None, None) => None,
        };
        let mut accounts = Vec::with_capacity(signal.mentions.len());
        accounts.extend(
            signal
                .mentions
                .iter()
                .filter_map(|m| account(m).map(|account| (m.party, account, persons.person(account, at)))),
        );
        let actor = accounts.iter().find(|(party, ..)| *party == Party::Actor);
        let told =
            actor.map(|(.., person)| if person.tenant == signal.key.tenant { Side::Home } else { Side::Resource });
        let linked = actor.filter(|(_, account, person)| account != person).map(|(.., person)| person.tenant);
        let home = linked.or(signal.home).or_else(|| actor.map(|(.., person)| person.tenant));
        Self { side: signal.side.or(told), home, accounts }
    }

    /// Whether the record lies on that side of the person whom the step is about: of who acted, and where the step is grouped by whom
    /// it was done to, of one of those. Whoever removes a guest is at home where the guest is not.
    pub(super) fn lies(&self, side: Side, signal: &Signal, scenario: &Scenario, step: u16) -> bool {
        if !scenario.is_about_target(usize::from(step)) {
            return self.side == Some(side);
        }
        let targets = self.accounts.iter().filter(|(party, ..)| *party == Party::Target);
        targets.into_iter().any(|(.., person)| (person.tenant == signal.key.tenant) == (side == Side::Home))
    }

    /// Calls `see` with the parts of each value that a signal has for a term; a value is its parts one after the other.
    pub(super) fn each(&self, term: &Term, signal: &Signal, mut see: impl FnMut(&[Part<'_>])) {
        let of = |party: &Party| {
            let party = *party;
            self.accounts.iter().filter(move |(p, ..)| *p == party)
        };
        let mut account = |key: &AccountKey| see(&[Part::Id(key.tenant.0), Part::Text("/"), Part::Id(key.object)]);
        match term {
            Term::Person(party) => of(party).for_each(|(.., person)| account(person)),
            Term::Account(party) => of(party).for_each(|(_, key, _)| account(key)),
            Term::HomeTenant => self.home.iter().for_each(|home| see(&[Part::Id(home.0)])),
            Term::Pair => {
                for home in self.home.iter().filter(|home| **home != signal.key.tenant) {
                    see(&[Part::Id(home.0), Part::Text(">"), Part::Id(signal.key.tenant.0)]);
                }
            }
            Term::Field(name) => {
                signal.fields.iter().filter(|(n, _)| n == name).for_each(|(_, v)| see(&[Part::Text(v)]));
            }
        }
    }
}

/// A part of a value.
pub(super) enum Part<'a> {
    /// As it stands.
    Text(&'a str),
    /// As its digits.
    Id(caponier_model::Guid),
}
