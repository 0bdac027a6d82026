//! The rest of ordinary life: synchronisation, redemptions, control-plane work, inventories, administration. This is where
//! the logs say who satellite accounts are. Knows habits, nothing of attacks.

use crate::book::Book;
use crate::cast::{Account, Cast, Kind, Machine, Proof, Satellite};
use crate::day::Hour;
use crate::random::Random;
use crate::record::activity::{self, Operation};
use crate::record::audit::{self, By, Row};
use crate::record::{device, provisioning};
use caponier_model::EventTime;

/// What ordinary operators do in a subscription.
const OPERATIONS: [&str; 4] = [
    "Microsoft.Compute/virtualMachines/start/action",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Network/networkSecurityGroups/write",
    "Microsoft.Insights/diagnosticSettings/write",
];

impl Hour<'_> {
    /// Writes what the hour holds beside sign-ins.
    pub fn records(&self, book: &mut Book<'_>, random: &mut Random) {
        for satellite in &self.cast.satellites {
            if self.index == satellite.first_hour {
                self.first_evidence(satellite, book, random);
            }
            let rate = match satellite.kind {
                Kind::Delegate => 200,
                Kind::Guest if satellite.proof == Proof::SignIns => 20,
                _ => 0,
            };
            for _ in 0..self.times(rate, random) {
                let at = self.instant(random);
                self.operation(satellite, at, random.below(OPERATIONS.len()), None, book, random);
            }
        }
        self.machines(book, random);
        self.administration(book, random);
    }

    /// The rows that prove a satellite account, where rows do: early, so that the attacks find them proven.
    fn first_evidence(&self, satellite: &Satellite, book: &mut Book<'_>, random: &mut Random) {
        let at = self.begins.plus_seconds(random.range(0, 600));
        match satellite.proof {
            Proof::Provisioning => self.provision(satellite, at, book, random),
            Proof::Redemption => self.redeem(satellite, at, book, random),
            Proof::Claims => self.operation(satellite, at, 0, None, book, random),
            Proof::Elsewhere if satellite.kind != Kind::Twin => self.invite(satellite, at, book, random),
            Proof::SignIns | Proof::Directory | Proof::Elsewhere => {}
        }
    }

    /// An invitation that leads nobody home: to a personal address, or to a colleague's address that an impostor redeems.
    fn invite(&self, satellite: &Satellite, at: EventTime, book: &mut Book<'_>, random: &mut Random) {
        let tenant = self.cast.tenants[satellite.resource].id;
        let account = &satellite.account;
        let address = satellite.claims.map_or(&account.mail, |p| &self.cast.people[p].account.mail);
        let by = self.cast.administrator(satellite.resource, random);
        let mut row = self.update(tenant, "Invite external user", by, account, at, random);
        row.service = "Invited Users";
        row.details = vec![("invitedUserEmailAddress", address.clone())];
        book.put(&audit::TABLE, tenant, at, |envelope| row.diagnostic(envelope));
    }

    fn provision(&self, satellite: &Satellite, at: EventTime, book: &mut Book<'_>, random: &mut Random) {
        let Some(person) = satellite.person else { return };
        let row = provisioning::Row {
            source: &self.cast.people[person].account,
            target: &satellite.account,
            resource: &self.cast.tenants[satellite.resource],
            action: "update",
            time: at,
            change: random.guid(),
        };
        book.put(&provisioning::TABLE, self.cast.tenants[0].id, at, |envelope| row.diagnostic(envelope));
    }

    /// The pair of rows that a redemption leaves, in one second.
    fn redeem(&self, satellite: &Satellite, at: EventTime, book: &mut Book<'_>, random: &mut Random) {
        let tenant = self.cast.tenants[satellite.resource].id;
        let account = &satellite.account;
        let address = satellite.person.map_or("", |p| self.cast.people[p].home_address.as_str());
        let correlation = random.guid();
        let text = format!("UPN: {}, Email: {}, InvitationId: {correlation}, Source: AAD", account.upn, account.mail);
        let redeemed = Row {
            tenant,
            activity: "Redeem external user invite",
            category: "UserManagement",
            service: "B2B Auth",
            time: at,
            correlation,
            by: By::Invited(&account.mail, address),
            target: account,
            target_text: Some(text),
            role: None,
            changed: Vec::new(),
            details: Vec::new(),
        };
        let updated = Row {
            activity: "Update user",
            service: "Core Directory",
            by: By::App("Microsoft B2B Admin Worker"),
            target_text: None,
            changed: vec![("UserState", "[\"Accepted\"]".to_owned())],
            correlation: random.guid(),
            ..redeemed.clone()
        };
        for row in [redeemed, updated] {
            book.put(&audit::TABLE, tenant, at, |envelope| row.diagnostic(envelope));
        }
    }

    /// A control-plane operation of a satellite account, from `address` or from where its bearer works.
    pub fn operation(
        &self,
        satellite: &Satellite,
        time: EventTime,
        which: usize,
        address: Option<&str>,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let Some(person) = satellite.person else { return };
        let tenant = &self.cast.tenants[satellite.resource];
        let home = &self.cast.people[person].account;
        let own = self.cast.address(person, random).to_owned();
        let server = random.pick(&tenant.servers);
        let operation = Operation {
            tenant,
            caller: &satellite.account,
            guest_of: (satellite.kind != Kind::Delegate).then_some((home.key.tenant, home.puid.as_str())),
            name: self.cast.upn_at(person, time),
            operation: OPERATIONS[which % OPERATIONS.len()],
            resource: server.azure.as_deref().unwrap_or_default(),
            address: address.unwrap_or(&own),
            time,
            correlation: random.guid(),
        };
        book.put(&activity::TABLE, tenant.id, time, |_| operation.record());
    }

    /// Each machine reports once a day and sees a few logons of its user.
    fn machines(&self, book: &mut Book<'_>, random: &mut Random) {
        for (index, person) in self.cast.people.iter().enumerate() {
            let user = person.account.upn.split('@').next().unwrap_or_default();
            if (index as i64 + self.index) % 24 == 0 {
                self.report(&person.machine, user, book, random);
            }
            for _ in 0..self.times(150, random) {
                let at = self.instant(random);
                self.logon(&person.machine, &person.account, at, book, random);
            }
        }
        for tenant in &self.cast.tenants[1..] {
            for (index, server) in tenant.servers.iter().enumerate() {
                if (index as i64 + self.index) % 24 == 0 {
                    self.report(server, "svc-backup", book, random);
                }
                for _ in 0..self.times(100, random) {
                    let at = self.instant(random);
                    let services = &tenant.natives[tenant.first_service..];
                    self.logon(server, random.pick(services), at, book, random);
                }
            }
        }
    }

    fn report(&self, machine: &Machine, user: &str, book: &mut Book<'_>, random: &mut Random) {
        let at = self.instant(random);
        let tenant = &self.cast.tenants[machine.tenant];
        let report = 639_100_000_000_000_000 + random.range(0, 99_999_999_999_999);
        book.put(&device::INFO, tenant.id, at, |envelope| device::info(machine, tenant, user, report, at, envelope));
    }

    /// A logon to a machine.
    pub fn logon(&self, machine: &Machine, account: &Account, at: EventTime, book: &mut Book<'_>, random: &mut Random) {
        let tenant = &self.cast.tenants[machine.tenant];
        let report = random.range(1, 1 << 40);
        book.put(&device::LOGONS, tenant.id, at, |envelope| {
            device::logon(machine, tenant, account, &machine.address, report, (at, envelope))
        });
    }

    /// Passwords reset, users updated, renames: by administrators, about people that nobody attacks more than others.
    fn administration(&self, book: &mut Book<'_>, random: &mut Random) {
        let home = self.cast.tenants[0].id;
        for _ in 0..self.times(self.plan.people * 4, random) {
            let person = random.below(self.cast.people.len());
            let at = self.instant(random);
            let activity = *random.pick(&["Reset password", "Update user", "Change user password"]);
            let by = self.cast.administrator(0, random);
            let row = self.update(home, activity, by, &self.cast.people[person].account, at, random);
            book.put(&audit::TABLE, home, at, |envelope| row.diagnostic(envelope));
        }
        for person in &self.cast.people {
            let Some((when, old)) = person.renamed.as_ref().filter(|(w, _)| *w == self.begins) else { continue };
            let by = self.cast.administrator(0, random);
            let mut row = self.update(home, "Update user", by, &person.account, *when, random);
            row.changed = vec![("UserPrincipalName", format!("[\"{}\"]", person.account.upn))];
            row.details = vec![("PreviousUserPrincipalName", old.clone())];
            book.put(&audit::TABLE, home, *when, |envelope| row.diagnostic(envelope));
        }
    }

    fn update<'a>(
        &self,
        tenant: caponier_model::TenantId,
        activity: &'a str,
        by: &'a Account,
        target: &'a Account,
        time: EventTime,
        random: &mut Random,
    ) -> Row<'a> {
        Row {
            tenant,
            activity,
            category: "UserManagement",
            service: "Core Directory",
            time,
            correlation: random.guid(),
            by: By::Account(by, "10.0.0.5"),
            target,
            target_text: None,
            role: None,
            changed: Vec::new(),
            details: Vec::new(),
        }
    }
}

/// A role given by one account to another: an attack's trace in the audit log.
pub fn role_grant<'a>(
    cast: &Cast,
    satellite: &'a Satellite,
    to: &'a Account,
    address: &'a str,
    time: EventTime,
    random: &mut Random,
) -> Row<'a> {
    Row {
        tenant: cast.tenants[satellite.resource].id,
        activity: "Add member to role",
        category: "RoleManagement",
        service: "Core Directory",
        time,
        correlation: random.guid(),
        by: By::Account(&satellite.account, address),
        target: to,
        target_text: None,
        role: Some((random.guid(), "Privileged Role Administrator")),
        changed: Vec::new(),
        details: Vec::new(),
    }
}
