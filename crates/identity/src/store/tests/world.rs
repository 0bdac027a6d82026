//! Small worlds where everything meets everything, and one large organisation where most people meet nobody.

use crate::Settings;
use caponier_model::{
    Access, AccountKey, AccountRow, CallerRow, DeviceRow, EventTime, Guid, InvitationRow, NamingRule, PrincipalRow,
    ProvisioningRow, Rows, SignInRow, Statement, Tenant, TenantId, TenantRole, Tenants, Verdict,
};
use compact_str::{CompactString, ToCompactString, format_compact};

/// A stream of numbers (xorshift64*).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((u128::from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)) * bound as u128) >> 64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Nothing as often as something.
    fn maybe(&mut self, of: &[&str]) -> Option<CompactString> {
        (self.below(2) == 0).then(|| CompactString::from(*self.one(of)))
    }
}

pub(super) struct World {
    pub(super) tenants: Tenants,
    pub(super) naming: Vec<NamingRule>,
    pub(super) settings: Settings,
}

const NAMES: [&str; 7] = ["ann@h.x", "bob@h.x", "cy@r.x", "dee@new.x", "ann@new.x", "adm-ann@r.x", "ann_b@h.x"];
const GUESTS: [&str; 4] =
    ["ann_h.x#ext#@r.x", "bob_h.x#ext#@s.x", "dee_new.x#ext#@r.x", "00000000000000000000000000000003cy@r.x"];
const VALUES: [&str; 3] = ["N/A", "E1", "E2"];

fn tenant(number: usize) -> TenantId {
    TenantId(Guid::from_u128(1 + number as u128))
}

impl World {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut all = Vec::new();
        for number in 0..3 {
            let role = if number == 0 { TenantRole::Primary } else { TenantRole::Secondary };
            let domains = if random.below(2) == 0 { vec![["h.x", "r.x", "s.x"][number].into()] } else { Vec::new() };
            all.push(listed(tenant(number), role, domains));
        }
        let rule = NamingRule { home: tenant(0), resource: tenant(1), prefix: "adm-".into(), suffix: "".into() };
        let naming = if random.below(2) == 0 { vec![rule] } else { Vec::new() };
        Self { tenants: Tenants { all }, naming, settings: Settings::default() }
    }

    fn account(random: &mut Random) -> AccountKey {
        AccountKey { tenant: tenant(random.below(3)), object: Guid::from_u128(1 + random.below(12) as u128) }
    }

    fn name(random: &mut Random) -> CompactString {
        let all: Vec<&str> = NAMES.into_iter().chain(GUESTS).collect();
        (*random.one(&all)).into()
    }

    fn time(random: &mut Random) -> EventTime {
        EventTime::from_seconds(random.below(5) as i64 * 100)
    }

    /// One row of any kind.
    pub(super) fn row(&self, random: &mut Random, rows: &mut Rows) {
        let (account, time, id) = (Self::account(random), Self::time(random), random.below(3).to_compact_string());
        match random.below(16) {
            0..=5 => rows.accounts.push(Self::directory(account, random)),
            6..=8 => rows.sign_ins.push(Self::sign_in(account, random)),
            9 => rows.invitations.push(InvitationRow {
                guest: account,
                address: Self::name(random),
                redeemed: true,
                time,
                id,
            }),
            10 => rows.provisioning.push(ProvisioningRow {
                source: account,
                target: Self::account(random).object,
                target_tenant: (random.below(2) == 0).then(|| tenant(random.below(3))),
                action: "create".into(),
                time,
                id,
            }),
            11 | 12 => rows.callers.push(CallerRow {
                log: tenant(random.below(3)),
                caller: account,
                provider: Some(tenant(random.below(3))),
                home_puid: random.maybe(&["P1", "P2"]),
                puid: random.maybe(&["P1", "P2"]),
                onprem_sid: None,
                time,
                id,
            }),
            13 => rows.principals.push(PrincipalRow {
                account: other(account, 100),
                app: Guid::from_u128(50 + random.below(3) as u128),
                owner: (random.below(2) == 0).then(|| tenant(random.below(3))),
                managed: random.below(4) == 0,
                name: None,
                time,
                id,
            }),
            14 => rows.devices.push(DeviceRow {
                tenant: account.tenant,
                defender: random.maybe(&["d1", "d2"]),
                entra: (random.below(2) == 0).then_some(other(account, 200).object),
                object: None,
                azure: None,
                name: random.maybe(&["host"]),
                time,
            }),
            _ => rows.statements.push(Statement {
                account,
                home: Self::account(random),
                at: time,
                verdict: *random.one(&Verdict::ALL),
                author: "ann".into(),
                reason: id,
                from: EventTime::MIN,
                until: *random.one(&[EventTime::MAX, EventTime::from_seconds(150)]),
            }),
        }
    }

    fn sign_in(account: AccountKey, random: &mut Random) -> SignInRow {
        SignInRow {
            log: account.tenant,
            home: tenant(random.below(3)),
            // A third is what the home tenant's log shows.
            resource: if random.below(3) > 0 { account.tenant } else { tenant(random.below(3)) },
            object: (random.below(8) > 0).then_some(account.object),
            upn: random.maybe(&NAMES),
            app: (random.below(4) > 0).then_some(Guid::from_u128(7)),
            time: Self::time(random),
            id: random.below(3).to_compact_string(),
            correlation: None,
            access: *random.one(&[Access::Unsaid, Access::DirectConnect]),
            success: true,
        }
    }

    fn directory(account: AccountKey, random: &mut Random) -> AccountRow {
        let guest = random.below(2) == 0;
        let upn = *random.one(if guest { &GUESTS[..] } else { &NAMES[..] });
        AccountRow {
            seen: (random.below(2) == 0).then(|| Self::time(random)),
            deleted: (random.below(8) == 0).then(|| EventTime::from_seconds(350)),
            upn: (random.below(6) > 0).then(|| upn.into()),
            mail: random.maybe(&NAMES),
            display: random.maybe(&VALUES),
            user_type: random.maybe(&["guest", "member", "member"]),
            external_state: random.maybe(&["accepted"]),
            external_entra: random.below(4) > 0,
            employee: random.maybe(&VALUES),
            onprem_sid: random.maybe(&VALUES),
            immutable_id: random.maybe(&VALUES),
            home_object: (random.below(8) == 0).then(|| Self::account(random).object),
            ..blank(account)
        }
    }
}

/// No object is both a person and a thing.
fn other(account: AccountKey, offset: u128) -> AccountKey {
    AccountKey { object: Guid::from_u128(offset + account.object.as_u128()), ..account }
}

fn listed(id: TenantId, role: TenantRole, domains: Vec<CompactString>) -> Tenant {
    Tenant { id, name: "".into(), role, domains, workspaces: Vec::new(), subscriptions: Vec::new() }
}

fn blank(account: AccountKey) -> AccountRow {
    AccountRow {
        account,
        seen: None,
        created: Some(EventTime::from_seconds(0)),
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

/// The same on every list of two sets of rows.
macro_rules! lists {
    ($rows:ident, $other:ident, $each:expr) => {
        $each(&mut $rows.accounts, &mut $other.accounts);
        $each(&mut $rows.sign_ins, &mut $other.sign_ins);
        $each(&mut $rows.invitations, &mut $other.invitations);
        $each(&mut $rows.provisioning, &mut $other.provisioning);
        $each(&mut $rows.callers, &mut $other.callers);
        $each(&mut $rows.devices, &mut $other.devices);
        $each(&mut $rows.principals, &mut $other.principals);
        $each(&mut $rows.statements, &mut $other.statements);
    };
}

/// About a tenth of the rows.
pub(super) fn some_of(rows: &Rows, random: &mut Random) -> Rows {
    fn pick<T: Clone>(from: &mut [T], into: &mut Vec<T>, random: &mut Random) {
        into.extend(from.iter().filter(|_| random.below(10) == 0).cloned());
    }
    let (mut all, mut some) = (rows.clone(), Rows::default());
    lists!(all, some, |from: &mut Vec<_>, into| pick(from, into, random));
    some
}

/// Takes all copies of `gone` out of `rows`.
pub(super) fn take_out(rows: &mut Rows, gone: &Rows) {
    fn without<T: PartialEq>(from: &mut Vec<T>, gone: &[T]) {
        from.retain(|row| !gone.contains(row));
    }
    let mut gone = gone.clone();
    lists!(rows, gone, |from: &mut Vec<_>, gone: &mut Vec<_>| without(from, gone));
    rows.canonical();
}

pub(super) fn reverse(rows: &mut Rows) {
    let mut none = Rows::default();
    lists!(rows, none, |from: &mut Vec<_>, _: &mut Vec<_>| from.reverse());
}

/// How many people a change of [`large`] changes.
pub(super) const CHANGED: usize = 20;

pub(super) struct Large {
    pub(super) tenants: Tenants,
    pub(super) rows: Rows,
    /// Taken out, put in.
    pub(super) changes: Vec<(Rows, Rows)>,
}

/// Every person has a home account, every third a guest in each of three tenants, and sign-ins there; every second has the employee
/// id of nobody, and all bear one of three display names.
pub(super) fn large(people: u128) -> Large {
    let all = (0..4).map(|n| {
        let role = if n == 0 { TenantRole::Primary } else { TenantRole::Secondary };
        listed(tenant(n), role, vec![format_compact!("{n}.example")])
    });
    let mut rows = Rows::default();
    (0..people).for_each(|n| person(n, "0.example", &mut rows));
    let of = |domain: &str| {
        let mut rows = Rows::default();
        (0..CHANGED as u128).for_each(|n| person(n * 7, domain, &mut rows));
        rows
    };
    let (before, after) = (of("0.example"), of("renamed.example"));
    let directory = |rows: &Rows| Rows { accounts: rows.accounts.clone(), ..Rows::default() };
    let changes = vec![
        // A renamed domain, back again, and sign-ins alone.
        (directory(&before), directory(&after)),
        (directory(&after), directory(&before)),
        (Rows { sign_ins: before.sign_ins.clone(), ..Rows::default() }, Rows::default()),
    ];
    Large { tenants: Tenants { all: all.collect() }, rows, changes }
}

fn person(n: u128, domain: &str, rows: &mut Rows) {
    let mail = format_compact!("person{n}@{domain}");
    let key = |t: usize| AccountKey { tenant: tenant(t), object: Guid::from_u128(n << 8 | t as u128) };
    let employee = if n.is_multiple_of(2) { "N/A".to_compact_string() } else { n.to_compact_string() };
    let display = Some(format_compact!("Jo {}", n % 3));
    let row = AccountRow {
        upn: Some(mail.clone()),
        mail: Some(mail.clone()),
        employee: Some(employee),
        display,
        user_type: Some("member".into()),
        ..blank(key(0))
    };
    rows.accounts.push(row.clone());
    for t in (1..4).filter(|_| n.is_multiple_of(3)) {
        let upn = Some(format_compact!("{}#ext#@{t}.example", mail.replace('@', "_")));
        rows.accounts.push(AccountRow { account: key(t), upn, user_type: Some("guest".into()), ..row.clone() });
        for log in [0, t] {
            rows.sign_ins.push(SignInRow {
                log: tenant(log),
                home: tenant(0),
                resource: tenant(t),
                object: Some(key(log).object),
                upn: Some(mail.clone()),
                app: Some(Guid::from_u128(7)),
                time: EventTime::from_seconds(n as i64),
                id: format_compact!("{n}"),
                correlation: None,
                access: Access::Unsaid,
                success: true,
            });
        }
    }
}
