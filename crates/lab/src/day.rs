//! Ordinary life, hour by hour: sign-ins in all tenants' logs. Knows people's habits, nothing of attacks.

use crate::book::Book;
use crate::cast::{Cast, Kind, Proof, Satellite};
use crate::plan::{HOUR, Plan};
use crate::random::Random;
use crate::record::sign_in::{self, AMSTERDAM, APPS, App, PORTAL, SignIn};
use caponier_model::{EventTime, Guid};

/// How a working day's activity spreads over its hours (UTC), in permille.
const PROFILE: [u32; 24] = [4, 3, 2, 2, 4, 10, 30, 70, 110, 110, 100, 80, 70, 80, 90, 80, 60, 35, 20, 15, 10, 8, 5, 2];

/// One hour of ordinary life.
pub struct Hour<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The cast.
    pub cast: &'a Cast,
    /// When it begins.
    pub begins: EventTime,
    /// Which it is, from 0.
    pub index: i64,
}

impl Hour<'_> {
    /// An instant of this hour.
    pub fn instant(&self, random: &mut Random) -> EventTime {
        EventTime::from_nanos(self.begins.nanos() + random.range(0, HOUR * 10_000_000) * 100)
    }

    /// How often something that happens `daily` times (in hundredths) on a working day happens in this hour.
    pub fn times(&self, daily: u32, random: &mut Random) -> usize {
        let hour = (self.index % 24) as usize;
        // 1970-01-01 was a Thursday.
        let weekday = (self.begins.nanos().div_euclid(86_400_000_000_000) + 3).rem_euclid(7);
        let weekend = if weekday >= 5 { 5 } else { 1 };
        let hundred_thousandths = daily as usize * PROFILE[hour] as usize / weekend;
        hundred_thousandths / 100_000 + usize::from(random.below(100_000) < hundred_thousandths % 100_000)
    }

    /// Writes the hour's sign-ins.
    pub fn sign_ins(&self, book: &mut Book<'_>, random: &mut Random) {
        for (index, person) in self.cast.people.iter().enumerate() {
            for _ in 0..self.times(self.plan.ratios.sign_ins_per_day * person.pace, random) {
                self.at_home(index, book, random);
            }
        }
        for satellite in &self.cast.satellites {
            // A redemption counts with a sign-in after it, so that one comes an hour later.
            let first = satellite.first_hour + i64::from(satellite.proof == Proof::Redemption);
            let certain = usize::from(self.index == first && satellite.proof != Proof::Directory);
            let rate = match (satellite.kind, satellite.proof) {
                (Kind::Delegate, _) | (Kind::Leaver, _) | (Kind::Guest, Proof::Directory) => continue,
                (Kind::Guest | Kind::ExternalMember, _) => 180,
                _ => 60,
            };
            for _ in 0..certain + self.times(rate, random) {
                let at = self.instant(random);
                self.abroad(satellite, at, None, book, random);
            }
        }
    }

    fn at_home(&self, index: usize, book: &mut Book<'_>, random: &mut Random) {
        let person = &self.cast.people[index];
        let home = self.cast.tenants[0].id;
        let time = self.instant(random);
        let error = match random.below(100) {
            0..2 => 50_126,
            2..4 => 50_140,
            _ => 0,
        };
        let row = SignIn {
            log: home,
            home,
            resource: home,
            object: person.account.key.object,
            name: self.cast.upn_at(index, time),
            display: &person.account.display,
            user_type: "Member",
            time,
            id: random.guid(),
            correlation: random.guid(),
            app: *random.pick(&APPS),
            address: self.cast.address(index, random),
            place: AMSTERDAM,
            machine: random.chance(800).then_some(&person.machine),
            interactive: random.chance(333),
            error,
            risk: None,
            through: None,
            single_factor: false,
            session: None,
        };
        put(self.cast, 0, &row, book);
    }

    /// A satellite account signs in to its resource tenant: logged there, and at home too where home is ours.
    pub fn abroad(
        &self,
        satellite: &Satellite,
        time: EventTime,
        risk: Option<(&str, &str)>,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let resource = &self.cast.tenants[satellite.resource];
        let person = satellite.person.filter(|_| satellite.kind != Kind::Twin);
        let upn = person.map(|p| self.cast.upn_at(p, time));
        let name = upn.filter(|_| satellite.proof != Proof::Redemption).unwrap_or(&satellite.sign_in_name);
        let address = match (risk, person) {
            (Some((_, address)), _) => address.to_owned(),
            (None, Some(person)) => self.cast.address(person, random).to_owned(),
            (None, None) => crate::cast::build_place(random),
        };
        let id = random.guid();
        let row = SignIn {
            log: resource.id,
            home: satellite.home,
            resource: resource.id,
            object: satellite.account.key.object,
            name,
            display: &satellite.account.display,
            user_type: satellite.account.user_type,
            time,
            id,
            correlation: random.guid(),
            app: if random.chance(600) { PORTAL } else { *random.pick::<App>(&APPS) },
            address: &address,
            place: AMSTERDAM,
            machine: person.map(|p| &self.cast.people[p].machine).filter(|_| risk.is_none()),
            interactive: random.chance(700),
            error: 0,
            risk: risk.map(|(level, _)| (level, "unfamiliarFeatures")),
            through: None,
            single_factor: false,
            session: None,
        };
        put(self.cast, satellite.resource, &row, book);
        let (Some(person), Some(upn)) = (person, upn) else { return };
        // The same sign-in in the home tenant's log: seconds apart, seldom under the same id (exports.md 4.4).
        let home = SignIn {
            log: self.cast.tenants[0].id,
            object: self.cast.people[person].account.key.object,
            name: upn,
            user_type: "Member",
            time: EventTime::from_nanos(time.nanos() + random.range(-30_000_000, 30_000_000) * 100),
            id: if random.chance(200) { id } else { random.guid() },
            risk: None,
            ..row
        };
        put(self.cast, 0, &home, book);
    }
}

/// Writes one row into the log of a tenant, in the envelope that this tenant uses.
pub fn put(cast: &Cast, tenant: usize, row: &SignIn<'_>, book: &mut Book<'_>) {
    let log = &cast.tenants[tenant];
    let workspace: Guid = log.workspace;
    let table = match (log.exports_tables, row.interactive) {
        (false, true) => &sign_in::DIAGNOSTIC,
        (false, false) => &sign_in::DIAGNOSTIC_QUIET,
        (true, true) => &sign_in::EXPORTED,
        (true, false) => &sign_in::EXPORTED_QUIET,
    };
    book.put(table, log.id, row.time, |envelope| {
        if log.exports_tables { row.exported(workspace, envelope) } else { row.diagnostic(envelope) }
    });
}
