//! Collects what many events contribute, and forgets repeats that no query can tell from the rows that stay. Knows nothing of who
//! is who.
//!
//! Control-plane calls, principals' sign-ins and inventories say the same of the same account all day long. Of rows that are equal
//! in everything but their time and id, and whose times lie in one hour (callers) or one day (principals, devices), three stay:
//! the earliest, the latest, and the one with the least id. That is a function of the set of rows, whatever their order and
//! however they are spread over observers, because least and greatest are; and it costs no answer:
//!
//! - whatever groups by what the rows say (K3, K4, the application's evidence) takes the least and the greatest time and the least
//!   id of a group, and each of them stays;
//! - the refutations ask when the logs begin to name another home for an account: the first row of each home in each hour stays.
//!   Only where the logs return to a home within the hour in which they left it can the return be dated later, and never beyond
//!   that hour's last row of that home.
//!
//! Sign-ins are kept one by one: K7 cuts their times at an invitation and the refutations at every other home, so that no row
//! between two others is without use.

use crate::observe;
use caponier_model::{CallerRow, DeviceRow, Event, EventTime, PrincipalRow, Rows};
use compact_str::CompactString;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000_000_000;

/// Collects rows; see the module for what it forgets.
#[derive(Debug, Default)]
pub struct Observer {
    rows: Rows,
    callers: Folded<CallerRow>,
    principals: Folded<PrincipalRow>,
    devices: Folded<DeviceRow>,
}

impl Observer {
    /// Takes in what the event says about identities, and tells whether it said anything ([`observe`]); a repeat did, too.
    pub fn observe(&mut self, event: &Event<'_>) -> bool {
        let said = observe(event, &mut self.rows);
        if said {
            self.fold();
        }
        said
    }

    /// Takes in all that another has collected.
    pub fn append(&mut self, other: Self) {
        self.rows.append(other.rows);
        self.callers.append(other.callers);
        self.principals.append(other.principals);
        self.devices.append(other.devices);
    }

    /// What was collected. Order carries no meaning, as always with rows.
    pub fn into_rows(mut self) -> Rows {
        self.rows.callers = self.callers.into_rows();
        self.rows.principals = self.principals.into_rows();
        self.rows.devices = self.devices.into_rows();
        self.rows
    }

    fn fold(&mut self) {
        self.rows.callers.drain(..).for_each(|row| self.callers.push(row));
        self.rows.principals.drain(..).for_each(|row| self.principals.push(row));
        self.rows.devices.drain(..).for_each(|row| self.devices.push(row));
    }
}

/// A row that repeats itself.
trait Repeats: Ord + Clone {
    /// Rows further apart are no repeats: length of a window, in nanoseconds.
    const WINDOW: i64;

    /// Exchanges the row's time and id.
    fn exchange(&mut self, moment: Moment) -> Moment;
}

/// When, and the row's id (empty for rows without one).
type Moment = (EventTime, CompactString);

impl Repeats for CallerRow {
    const WINDOW: i64 = HOUR;

    fn exchange(&mut self, (time, id): Moment) -> Moment {
        (std::mem::replace(&mut self.time, time), std::mem::replace(&mut self.id, id))
    }
}

impl Repeats for PrincipalRow {
    const WINDOW: i64 = 24 * HOUR;

    fn exchange(&mut self, (time, id): Moment) -> Moment {
        (std::mem::replace(&mut self.time, time), std::mem::replace(&mut self.id, id))
    }
}

impl Repeats for DeviceRow {
    const WINDOW: i64 = 24 * HOUR;

    fn exchange(&mut self, (time, _): Moment) -> Moment {
        (std::mem::replace(&mut self.time, time), CompactString::default())
    }
}

/// Rows without their moments (the time is that of the window), each with the moments that stay.
#[derive(Debug)]
struct Folded<R>(BTreeMap<R, Stays>);

impl<R> Default for Folded<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

#[derive(Debug)]
struct Stays {
    earliest: Moment,
    latest: Moment,
    /// The moment with the least id, and of those the earliest.
    least: Moment,
}

impl Stays {
    fn see(&mut self, moment: Moment) {
        if moment < self.earliest {
            self.earliest.clone_from(&moment);
        }
        if moment > self.latest {
            self.latest.clone_from(&moment);
        }
        if (&moment.1, moment.0) < (&self.least.1, self.least.0) {
            self.least = moment;
        }
    }
}

impl<R: Repeats> Folded<R> {
    fn push(&mut self, mut row: R) {
        let (time, id) = row.exchange(Moment::default());
        let window = time.nanos() - time.nanos().rem_euclid(R::WINDOW);
        row.exchange((EventTime::from_nanos(window), CompactString::default()));
        self.see(row, (time, id));
    }

    fn see(&mut self, row: R, moment: Moment) {
        match self.0.entry(row) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut().see(moment),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Stays { earliest: moment.clone(), latest: moment.clone(), least: moment });
            }
        }
    }

    fn append(&mut self, other: Self) {
        for (row, stays) in other.0 {
            self.see(row.clone(), stays.earliest);
            self.see(row.clone(), stays.latest);
            self.see(row, stays.least);
        }
    }

    fn into_rows(self) -> Vec<R> {
        let mut out = Vec::with_capacity(self.0.len());
        for (mut row, Stays { earliest, latest, least }) in self.0 {
            let mut moments = vec![earliest, latest, least];
            moments.sort_unstable();
            moments.dedup();
            for moment in moments {
                row.exchange(moment);
                out.push(row.clone());
            }
        }
        out
    }
}

#[cfg(test)]
#[path = "observer_tests.rs"]
mod tests;
