//! Writes down what happens: rows of directories and logs, and the truth. Knows the tenants and the calendar, no story.

use super::people::{HOT, NEW_DOMAIN, OLD_DOMAIN, People, Person, TAIL, tail_domain, tenant_of};
use super::{Answer, Organisation, Shape, Story};
use crate::random::Random;
use caponier_model::{
    Access, AccountKey, AccountRow, CallerRow, EventTime, Guid, InvitationRow, NamingRule, ProvisioningRow, Rows,
    SignInRow, Tenant, TenantId, TenantRole, Tenants,
};
use compact_str::{CompactString, ToCompactString, format_compact};

/// The logs begin.
pub(super) const BEGIN: EventTime = EventTime::from_seconds(1_767_225_600);
/// Logs are kept for so many seconds: ninety days.
pub(super) const KEPT: i64 = 90 * 86_400;
/// The directories are listed when the logs end.
pub(super) const END: EventTime = BEGIN.plus_seconds(KEPT);

/// Applications that people sign in to.
const APPS: usize = 40;

/// A tenant that holds guests.
pub(super) struct Resource {
    pub(super) id: TenantId,
    /// The domain that its members' names end in.
    pub(super) domain: CompactString,
    /// The initial domain, which its guests' names end in.
    pub(super) initial: CompactString,
}

/// The pen.
pub(super) struct Scribe {
    pub(super) shape: Shape,
    seed: u64,
    pub(super) people: People,
    pub(super) random: Random,
    pub(super) home: TenantId,
    pub(super) resources: Vec<Resource>,
    /// Where personal accounts live.
    pub(super) personal: TenantId,
    apps: Vec<Guid>,
    pub(super) rows: Rows,
    truth: Vec<Answer>,
    /// People above this number have been told about.
    told: usize,
}

impl Scribe {
    pub(super) fn new(seed: u64, shape: Shape) -> Self {
        let mut random = Random::new(seed, "organisation");
        let home = TenantId(random.guid());
        let resource = |(name, random): (&str, &mut Random)| Resource {
            id: TenantId(random.guid()),
            domain: format_compact!("{name}.example"),
            initial: format_compact!("{name}.onmicrosoft.com"),
        };
        let resources = ["fabrikam", "tailspin", "northwind"].map(|n| resource((n, &mut random))).into();
        Self {
            shape,
            seed,
            people: People::new(seed, home, shape),
            home,
            resources,
            personal: TenantId(random.guid()),
            apps: (0..APPS).map(|_| random.guid()).collect(),
            random,
            rows: Rows::default(),
            truth: Vec::new(),
            told: shape.people,
        }
    }

    /// The tenant that account number `guest` is in.
    pub(super) fn resource(&self, guest: usize) -> &Resource {
        &self.resources[tenant_of(guest, self.shape)]
    }

    /// Somebody of the home tenant to whom something may happen there; the caller writes their row.
    pub(super) fn special(&mut self) -> Person {
        self.told = self.told.saturating_sub(1);
        self.people.numbered(self.told)
    }

    /// Everybody at home of whom no story wrote a row, the members of the resource tenants, and sign-ins without an object.
    pub(super) fn bystanders(&mut self) {
        for number in 0..self.told {
            let person = self.people.numbered(number);
            let row = home_row(&person);
            self.rows.accounts.push(row);
        }
        for resource in 0..self.resources.len() {
            for number in 0..self.shape.people / 100 {
                let Resource { id, domain, .. } = &self.resources[resource];
                let upn = format_compact!("native{number}@{domain}");
                let account = AccountKey { tenant: *id, object: self.random.guid() };
                self.rows.accounts.push(member_row(account, &upn));
            }
        }
        for number in 0..self.shape.people / 500 {
            self.without_object(number);
        }
    }

    /// A delegate or a direct-connect user: the resource tenant's log names the home object, which has no local twin.
    fn without_object(&mut self, number: usize) {
        let person = self.people.anybody(&mut self.random);
        let resource = self.resources[number % 3].id;
        let access = if number.is_multiple_of(2) { Access::Delegated } else { Access::DirectConnect };
        let account = AccountKey { tenant: resource, object: person.key.object };
        let mut last = BEGIN;
        for _ in 0..3 {
            let at = self.instant();
            let id = self.random.guid();
            let mut row = self.sign_in_row(resource, account, Some(&person.upn), at, id);
            row.access = access;
            self.rows.sign_ins.push(row);
            last = last.max(at);
        }
        self.answer(Story::NoObject, account, last, Some(person.key), false);
    }

    /// A moment of the time that logs are kept of.
    pub(super) fn instant(&mut self) -> EventTime {
        self.between(BEGIN, END)
    }

    /// A moment between two, to 100 nanoseconds.
    pub(super) fn between(&mut self, from: EventTime, until: EventTime) -> EventTime {
        EventTime::from_nanos(self.random.range(from.nanos() / 100, until.nanos() / 100) * 100)
    }

    pub(super) fn answer(
        &mut self,
        story: Story,
        account: AccountKey,
        at: EventTime,
        home: Option<AccountKey>,
        supported: bool,
    ) {
        self.truth.push(Answer { account, at, home, story, supported });
    }

    /// How often an account signs in: mostly a few times, one in twenty very often. Nothing more once the budget is spent.
    pub(super) fn visits(&mut self) -> usize {
        let wanted = if self.random.chance(50) { 40 + self.random.below(120) } else { 2 + self.random.below(12) };
        let left = self.shape.sign_ins.saturating_sub(self.rows.sign_ins.len() + self.shape.guests / 10);
        wanted.min(left / 2)
    }

    fn sign_in_row(
        &mut self,
        home: TenantId,
        account: AccountKey,
        upn: Option<&str>,
        time: EventTime,
        id: Guid,
    ) -> SignInRow {
        SignInRow {
            log: account.tenant,
            home,
            resource: account.tenant,
            object: Some(account.object),
            upn: upn.map(Into::into),
            app: Some(*self.random.pick(&self.apps)),
            time,
            id: id.to_compact_string(),
            correlation: None,
            access: Access::Collaboration,
            success: !self.random.chance(30),
        }
    }

    /// Sign-ins of `account` seen in its own tenant's log only, at least one of them successful; returns the time of the last one.
    pub(super) fn seen_there(
        &mut self,
        account: AccountKey,
        home: TenantId,
        upn: Option<&str>,
        when: (EventTime, EventTime),
    ) -> EventTime {
        let mut last = when.0;
        for visit in 0..self.visits().max(1) {
            let time = self.between(when.0, when.1);
            let id = self.random.guid();
            let mut row = self.sign_in_row(home, account, upn, time, id);
            row.success |= visit == 0;
            last = last.max(time);
            self.rows.sign_ins.push(row);
        }
        last
    }

    /// Sign-ins of `person` as `account`, seen in both logs a few seconds apart; returns the time of the last one.
    ///
    /// One in five home rows is missing, and one pair in three shares its ids.
    pub(super) fn seen_in_both(
        &mut self,
        account: AccountKey,
        person: AccountKey,
        upn: &str,
        when: (EventTime, EventTime),
    ) -> EventTime {
        let mut last = when.0;
        for visit in 0..self.visits().max(1) {
            let time = self.between(when.0, when.1);
            let (id, correlation) = (self.random.guid(), self.random.guid());
            let mut there = self.sign_in_row(person.tenant, account, Some(upn), time, id);
            there.success |= visit == 0;
            last = last.max(time);
            if visit == 0 || !self.random.chance(200) {
                let lag = self.random.range(-5, 6);
                let shared = self.random.chance(333);
                let id = if shared { id } else { self.random.guid() };
                there.correlation = shared.then_some(correlation);
                let (log, object, time) = (person.tenant, Some(person.object), time.plus_seconds(lag));
                let here = SignInRow { log, object, time, id: id.to_compact_string(), ..there.clone() };
                self.rows.sign_ins.push(here);
            }
            self.rows.sign_ins.push(there);
        }
        last
    }

    /// An invitation, and its redemption where `redeemed` says when.
    pub(super) fn invitation(
        &mut self,
        guest: AccountKey,
        address: &str,
        time: EventTime,
        redeemed: Option<EventTime>,
    ) {
        for (time, redeemed) in [(Some(time), false), (redeemed, true)] {
            let Some(time) = time else { continue };
            let id = self.random.guid().to_compact_string();
            self.rows.invitations.push(InvitationRow { guest, address: address.into(), redeemed, time, id });
        }
    }

    pub(super) fn provisioning(&mut self, source: AccountKey, target: AccountKey, action: &str, time: EventTime) {
        let id = self.random.guid().to_compact_string();
        let target_tenant = self.random.chance(700).then_some(target.tenant);
        let row = ProvisioningRow { source, target: target.object, target_tenant, action: action.into(), time, id };
        self.rows.provisioning.push(row);
    }

    /// A control-plane call of `caller` in its own tenant, its token made by `provider` for the account with `home_puid`.
    pub(super) fn call(
        &mut self,
        caller: AccountKey,
        provider: TenantId,
        home_puid: Option<CompactString>,
        puid: Option<CompactString>,
        time: EventTime,
    ) {
        let id = format_compact!("{} write", self.random.guid());
        let provider = Some(provider);
        self.rows.callers.push(CallerRow {
            log: caller.tenant,
            caller,
            provider,
            home_puid,
            puid,
            onprem_sid: None,
            time,
            id,
        });
    }

    pub(super) fn finish(mut self) -> Organisation {
        self.truth.sort_unstable();
        let mut domains = vec![HOT.into(), OLD_DOMAIN.into(), NEW_DOMAIN.into(), format_compact!("mail.{HOT}")];
        domains.extend((0..TAIL).map(tail_domain));
        let tenant = |id, name: &str, role, domains| Tenant {
            id,
            name: name.into(),
            role,
            domains,
            workspaces: Vec::new(),
            subscriptions: Vec::new(),
        };
        let mut all = vec![tenant(self.home, "contoso", TenantRole::Primary, domains)];
        let mut naming = Vec::new();
        for Resource { id, domain, initial } in self.resources {
            let name = domain.split('.').next().unwrap_or_default();
            all.push(tenant(id, name, TenantRole::Secondary, vec![domain.clone(), initial]));
            naming.push(NamingRule { home: self.home, resource: id, prefix: "adm-".into(), suffix: "".into() });
        }
        Organisation {
            shape: self.shape,
            seed: self.seed,
            rows: self.rows,
            tenants: Tenants { all },
            naming,
            truth: self.truth,
        }
    }
}

/// An account of which nothing is known but its key.
pub(super) fn bare_row(account: AccountKey) -> AccountRow {
    AccountRow {
        account,
        seen: Some(END),
        created: None,
        deleted: None,
        upn: None,
        mail: None,
        addresses: Vec::new(),
        display: None,
        user_type: None,
        creation_type: None,
        external_state: None,
        external_entra: false,
        employee: None,
        onprem_sid: None,
        immutable_id: None,
        home_object: None,
        enabled: Some(true),
    }
}

/// What the home directory shows of somebody.
pub(super) fn home_row(person: &Person) -> AccountRow {
    AccountRow {
        created: Some(person.created),
        upn: Some(person.upn.clone()),
        mail: Some(person.mail.clone()),
        addresses: person.alias.iter().cloned().collect(),
        display: Some(person.display.clone()),
        user_type: Some("member".into()),
        employee: person.employee.clone(),
        onprem_sid: person.onprem_sid.clone(),
        immutable_id: person.immutable_id.clone(),
        ..bare_row(person.key)
    }
}

/// A member of a resource tenant, at home there.
pub(super) fn member_row(account: AccountKey, upn: &str) -> AccountRow {
    AccountRow {
        created: Some(BEGIN.plus_seconds(-KEPT)),
        upn: Some(upn.into()),
        mail: Some(upn.into()),
        user_type: Some("member".into()),
        ..bare_row(account)
    }
}

/// A guest invited under `address`, as Graph shows it once redeemed with an Entra account.
pub(super) fn guest_row(account: AccountKey, address: &str, initial: &str, display: &str) -> AccountRow {
    AccountRow {
        created: Some(BEGIN.plus_seconds(-KEPT)),
        upn: Some(ext_name(address, initial)),
        mail: Some(address.into()),
        display: Some(display.into()),
        user_type: Some("guest".into()),
        creation_type: Some("invitation".into()),
        external_state: Some("accepted".into()),
        external_entra: true,
        ..bare_row(account)
    }
}

/// `ada@contoso.example` becomes `ada_contoso.example#ext#@fabrikam.onmicrosoft.com`.
pub(super) fn ext_name(address: &str, initial: &str) -> CompactString {
    format_compact!("{}#ext#@{initial}", address.replace('@', "_"))
}
