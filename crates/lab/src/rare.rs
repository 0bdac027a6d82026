//! The life of the rarer accounts and of the applications: what each kind of account leaves in the exports, and how names change
//! hands. Knows the shapes of records by their writers, nothing of attacks.

use crate::book::Book;
use crate::cast::{Account, Sort, Special};
use crate::day::{Hour, put};
use crate::plan::HOUR;
use crate::random::Random;
use crate::record::audit::{self, By, Row};
use crate::record::sign_in::{AMSTERDAM, APPS, PORTAL, SignIn};
use crate::record::{identity_info, principal};
use caponier_model::{EventTime, TenantId};

/// Hours after a turn until the account is used as what it then is.
const AFTER: i64 = 3;

impl Hour<'_> {
    /// Writes what the hour holds of the rarer accounts and the applications.
    pub fn rare(&self, book: &mut Book<'_>, random: &mut Random) {
        for special in &self.cast.specials {
            self.history(special, book, random);
            let turn_hour = self.hour_of(special.turn);
            let certain = usize::from(self.index == 1 || self.index == turn_hour + AFTER);
            for _ in 0..certain + self.times(60, random) {
                let at = self.instant(random);
                self.used(special, at, book, random);
            }
        }
        for application in &self.cast.applications {
            for (tenant, object) in &application.objects {
                for _ in 0..usize::from(self.index == 1) + self.times(400, random) {
                    let tenant = &self.cast.tenants[*tenant];
                    let (time, id) = (self.instant(random), random.guid());
                    let address = random.pick(&tenant.egress);
                    let row = principal::SignIn { tenant, application, object: *object, time, id, address, key: None };
                    book.put(row.table(), tenant.id, time, |envelope| row.record(envelope));
                }
            }
        }
    }

    fn hour_of(&self, time: EventTime) -> i64 {
        time.seconds_since(self.plan.start) / HOUR
    }

    /// One sign-in, where the kind signs in at all at that time.
    fn used(&self, special: &Special, at: EventTime, book: &mut Book<'_>, random: &mut Random) {
        let resource = self.cast.tenants[special.resource].id;
        let after = at >= special.turn;
        let account =
            special.earlier.as_ref().filter(|e| !after && e.key.tenant == resource).unwrap_or(&special.account);
        let (home, through) = match special.sort {
            Sort::LookAlike | Sort::Typed => return,
            // Between the deletion and the new invitation nobody can sign in, and nobody whose home account is gone.
            Sort::Invited if after && at < special.turn.plus_seconds(2 * HOUR) => return,
            Sort::Reused if after => return,
            Sort::Converted if after => (resource, None),
            Sort::Converted | Sort::Invited | Sort::Reused => (self.cast.tenants[0].id, None),
            Sort::DirectConnect => (self.cast.tenants[0].id, Some("b2bDirectConnect")),
            Sort::ServiceProvider => (self.cast.tenants[0].id, Some("serviceProvider")),
            Sort::InternalGuest | Sort::EmployeeTwin | Sort::DualSynced | Sort::Passcode => (resource, None),
        };
        let bearer = special.home.as_ref().filter(|_| home != resource);
        // A guest's row bears the home name, or the address that was proved (exports.md 4.2).
        let name =
            bearer.map_or(if special.sort.is_external() && !after { &account.mail } else { &account.upn }, |b| &b.upn);
        let address = random.pick(&self.cast.tenants[0].egress);
        let row = SignIn {
            log: resource,
            home,
            resource,
            object: account.key.object,
            name: if special.sort == Sort::Passcode { &account.mail } else { name },
            display: &account.display,
            user_type: account.user_type,
            time: at,
            id: random.guid(),
            correlation: random.guid(),
            app: if random.chance(500) { PORTAL } else { *random.pick(&APPS) },
            address,
            place: AMSTERDAM,
            machine: None,
            interactive: random.chance(700),
            error: 0,
            risk: None,
            through,
            single_factor: false,
            session: None,
        };
        put(self.cast, special.resource, &row, book);
        let Some(bearer) = bearer else { return };
        let row = SignIn {
            log: home,
            object: bearer.key.object,
            user_type: "Member",
            time: EventTime::from_nanos(at.nanos() + random.range(-30_000_000, 30_000_000) * 100),
            id: random.guid(),
            ..row
        };
        put(self.cast, 0, &row, book);
    }

    /// The rows that date what was before the turn and what came of it.
    fn history(&self, special: &Special, book: &mut Book<'_>, random: &mut Random) {
        let Some(earlier) = &special.earlier else { return };
        if self.index == 0 {
            self.shown(earlier, None, self.begins.plus_seconds(60), book);
        }
        if self.index != self.hour_of(special.turn) {
            return;
        }
        let turn = special.turn;
        match special.sort {
            Sort::Converted => {
                let changed = vec![
                    ("UserPrincipalName", format!("[\"{}\"]", special.account.upn)),
                    ("UserType", "[\"Member\"]".to_owned()),
                ];
                self.audited("Update user", &special.account, turn, changed, Vec::new(), book, random);
                self.shown(&special.account, None, turn, book);
            }
            Sort::Invited => {
                self.audited("Delete user", earlier, turn, Vec::new(), Vec::new(), book, random);
                self.shown(earlier, Some(turn), turn, book);
                let invited = vec![("invitedUserEmailAddress", special.account.mail.clone())];
                let again = special.account.created;
                self.audited("Invite external user", &special.account, again, Vec::new(), invited, book, random);
            }
            Sort::Reused => {
                self.audited("Delete user", earlier, turn, Vec::new(), Vec::new(), book, random);
                self.shown(earlier, Some(turn), turn, book);
                if let Some(newcomer) = &special.newcomer {
                    self.audited("Add user", newcomer, newcomer.created, Vec::new(), Vec::new(), book, random);
                    self.shown(newcomer, None, newcomer.created, book);
                }
            }
            _ => {}
        }
    }

    fn shown(&self, account: &Account, deleted: Option<EventTime>, time: EventTime, book: &mut Book<'_>) {
        book.put(&identity_info::TABLE, account.key.tenant, time, |envelope| {
            identity_info::row(account, deleted, time, envelope)
        });
    }

    #[expect(clippy::too_many_arguments, reason = "an audit row has that many parts; a struct would be the row itself")]
    fn audited(
        &self,
        activity: &str,
        target: &Account,
        time: EventTime,
        changed: Vec<audit::Changed<'_>>,
        details: Vec<(&str, String)>,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let tenant: TenantId = target.key.tenant;
        let row = Row {
            tenant,
            activity,
            category: "UserManagement",
            service: if activity.starts_with("Invite") { "Invited Users" } else { "Core Directory" },
            time,
            correlation: random.guid(),
            by: By::Account(self.cast.administrator(target.tenant, random), "10.0.0.5"),
            target,
            target_text: None,
            role: None,
            changed,
            details,
        };
        book.put(&audit::TABLE, tenant, time, |envelope| row.diagnostic(envelope));
    }
}
