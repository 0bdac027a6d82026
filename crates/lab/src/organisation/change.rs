//! A thousand rows that change: what an organisation writes down in a day. Knows rows, not who reads them.

use super::Organisation;
use super::people::{HOT, NEW_DOMAIN, People};
use super::scribe::{END, home_row};
use crate::random::Random;
use caponier_model::{AccountRow, Rows};
use compact_str::{CompactString, ToCompactString, format_compact};

/// What kind of change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Rows of every kind, all over the organisation.
    RandomKeys,
    /// New addresses for accounts in the domain that most people have.
    HotDomain,
    /// A domain gets a new name, and so do all user names and addresses in it: one person in a thousand.
    RenamedDomain,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RandomKeys, Self::HotDomain, Self::RenamedDomain];

    /// The rows that come on top of those of `organisation`, all dated the day after its directories were listed.
    ///
    /// `size` rows; for a renamed domain as many as there are people in it. Changes of another `number` are other rows, but for
    /// the renamed domain, of which there is one.
    pub fn rows(self, organisation: &Organisation, size: usize, number: u64) -> Rows {
        let mut random = Random::new(organisation.seed.wrapping_add(number), "change");
        match self {
            Self::RandomKeys => anywhere(organisation, size, &mut random),
            Self::HotDomain => hot(organisation, size, &mut random),
            Self::RenamedDomain => renamed(organisation),
        }
    }
}

/// Half sign-ins, a third accounts, the rest from the other logs: what was there happens again a day later.
fn anywhere(organisation: &Organisation, size: usize, random: &mut Random) -> Rows {
    let (from, mut to) = (&organisation.rows, Rows::default());
    let day = |t: caponier_model::EventTime| t.plus_seconds(86_400);
    for number in 0..size {
        let id = random.guid().to_compact_string();
        match number % 12 {
            0..6 if !from.sign_ins.is_empty() => {
                let mut row = random.pick(&from.sign_ins).clone();
                (row.time, row.id) = (day(row.time), id);
                to.sign_ins.push(row);
            }
            6..8 if !from.invitations.is_empty() => {
                let mut row = random.pick(&from.invitations).clone();
                (row.time, row.id) = (day(row.time), id);
                to.invitations.push(row);
            }
            8 if !from.callers.is_empty() => {
                let mut row = random.pick(&from.callers).clone();
                (row.time, row.id) = (day(row.time), id);
                to.callers.push(row);
            }
            _ => {
                let row = random.pick(&from.accounts).clone();
                let display = Some(format_compact!("Renamed {number}"));
                let enabled = Some(random.chance(500));
                to.accounts.push(AccountRow { seen: Some(END.plus_seconds(86_400)), display, enabled, ..row });
            }
        }
    }
    to
}

fn hot(organisation: &Organisation, size: usize, random: &mut Random) -> Rows {
    let ends = |text: &CompactString| text.rsplit_once('@').is_some_and(|(_, domain)| domain == HOT);
    let mut to = Rows::default();
    // Seven in ten are in the domain; a bound, in case that an organisation is too small to have any.
    for _ in 0..size * 100 {
        if to.accounts.len() == size || organisation.rows.accounts.is_empty() {
            break;
        }
        let row = random.pick(&organisation.rows.accounts);
        if row.mail.as_ref().is_some_and(ends) {
            let mail = Some(format_compact!("moved{}@{HOT}", to.accounts.len()));
            to.accounts.push(AccountRow { seen: Some(END.plus_seconds(86_400)), mail, ..row.clone() });
        }
    }
    to
}

fn renamed(organisation: &Organisation) -> Rows {
    let Some(home) = organisation.tenants.all.first() else { return Rows::default() };
    let people = People::new(organisation.seed, home.id, organisation.shape);
    let accounts = people.of_renamed_domain().map(|person| {
        let name = Some(format_compact!("{}@{NEW_DOMAIN}", person.local()));
        AccountRow { seen: Some(END.plus_seconds(86_400)), upn: name.clone(), mail: name, ..home_row(&person) }
    });
    Rows { accounts: accounts.collect(), ..Rows::default() }
}
