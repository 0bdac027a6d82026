//! The store against the join: whatever was built row by row, in any order, is what the same queries say over all rows at once.

use crate::cast::Cast;
use caponier_identity::{Index, Settings, Store, combine, domains, facts};
use caponier_model::{
    Access, AccountKey, AccountRow, EventTime, Guid, IdentityChange, InvitationRow, Persons, Portion, Rows, SignInRow,
    TenantId, Tenants,
};
use caponier_query::{Join, Parts, Queries, QueryError, Question};
use std::collections::BTreeSet;

const ORGANISATION: &str = include_str!("../data/organisation.txt");

/// A stream of numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((u128::from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)) * bound as u128) >> 64) as usize
    }
}

/// The organisation of traps with some hundred people around it.
struct Story {
    rows: Rows,
    tenants: Tenants,
    home: TenantId,
    resource: TenantId,
}

impl Story {
    fn new(people: usize) -> Self {
        let mut cast = Cast::read(ORGANISATION);
        let (home, resource) = (cast.account("H/x").tenant, cast.account("R/x").tenant);
        let mut story = Self { rows: cast.rows, tenants: cast.tenants, home, resource };
        (0..people).for_each(|n| story.person(n));
        story
    }

    fn key(&self, tenant: TenantId, number: usize, life: usize) -> AccountKey {
        let side = usize::from(tenant == self.resource);
        AccountKey { tenant, object: Guid::from_u128(1 << 100 | (number * 16 + life * 2 + side) as u128) }
    }

    fn row(&self, tenant: TenantId, number: usize, life: usize) -> AccountRow {
        AccountRow {
            account: self.key(tenant, number, life),
            seen: None,
            created: Some(at(1, number)),
            deleted: None,
            upn: None,
            mail: None,
            addresses: Vec::new(),
            display: Some(format!("Jo {}", number % 40).into()),
            user_type: Some(if tenant == self.home { "member" } else { "guest" }.into()),
            creation_type: None,
            external_state: Some("accepted".into()),
            external_entra: true,
            // Half of all carry what somebody typed who had no number for them.
            employee: Some(if number.is_multiple_of(2) { "N/A".into() } else { format!("{number}").into() }),
            onprem_sid: number.is_multiple_of(5).then(|| format!("S-1-5-21-1-{number}").into()),
            immutable_id: None,
            home_object: None,
            enabled: Some(true),
        }
    }

    /// Somebody at home and, for two of three, a guest; every kind of story once in a while.
    fn person(&mut self, n: usize) {
        let name = format!("p{n}@contoso.example");
        let mail = if n.is_multiple_of(3) { format!("p{n}@hot.example") } else { name.clone() };
        let (upn, address) = (Some(name.as_str().into()), Some(mail.as_str().into()));
        let dated = n.is_multiple_of(7).then(|| at(2, n));
        let at_home = AccountRow { upn, mail: address.clone(), seen: dated, ..self.row(self.home, n, 0) };
        let renamed = n.is_multiple_of(7).then(|| AccountRow {
            upn: Some(format!("p{n}@renamed.example").into()),
            seen: Some(at(9, n)),
            ..at_home.clone()
        });
        // A leaver's name that another bears after.
        let heir = n.is_multiple_of(11).then(|| AccountRow { created: Some(at(12, n)), ..self.row(self.home, n, 1) });
        let heir = heir.map(|row| AccountRow { upn: at_home.upn.clone(), mail: address.clone(), ..row });
        let at_home = AccountRow { deleted: heir.is_some().then(|| at(11, n)), ..at_home };
        self.rows.accounts.extend([at_home].into_iter().chain(renamed).chain(heir));
        if n % 3 < 2 {
            self.guest(n, &name, &mail);
        }
    }

    fn guest(&mut self, n: usize, name: &str, mail: &str) {
        let upn = Some(format!("{}#ext#@fabrikam.example", mail.replace('@', "_")).into());
        let guest = AccountRow { upn, mail: Some(mail.into()), ..self.row(self.resource, n, 0) };
        let again = n.is_multiple_of(5).then(|| AccountRow {
            account: self.key(self.resource, n, 1),
            created: Some(at(10, n)),
            ..guest.clone()
        });
        let guest = AccountRow { deleted: again.is_some().then(|| at(8, n)), ..guest };
        if n.is_multiple_of(4) {
            let (address, time, id) = (mail.into(), at(3, n), format!("invited-{n}").into());
            self.rows.invitations.push(InvitationRow { guest: guest.account, address, redeemed: true, time, id });
        }
        for (log, lag) in [(self.home, 0), (self.resource, 3)] {
            for day in [4, 12] {
                let of = if log == self.home { self.home } else { self.resource };
                self.rows.sign_ins.push(SignInRow {
                    log,
                    home: self.home,
                    resource: self.resource,
                    object: Some(self.key(of, n, 0).object),
                    upn: Some(name.into()),
                    app: Some(Guid::from_u128(7)),
                    time: at(day, n).plus_seconds(lag),
                    id: format!("{n}-{day}").into(),
                    correlation: None,
                    access: Access::Unsaid,
                    success: true,
                });
            }
        }
        self.rows.accounts.extend([guest].into_iter().chain(again));
    }

    /// Every row by itself, in a random order.
    fn shuffled(&self, random: &mut Random) -> Vec<Rows> {
        let mut all: Vec<Rows> = Vec::with_capacity(self.rows.len());
        let one = Rows::default;
        let Rows { accounts, sign_ins, invitations, provisioning, callers, devices, principals, statements, .. } =
            self.rows.clone();
        all.extend(accounts.into_iter().map(|r| Rows { accounts: vec![r], ..one() }));
        all.extend(sign_ins.into_iter().map(|r| Rows { sign_ins: vec![r], ..one() }));
        all.extend(invitations.into_iter().map(|r| Rows { invitations: vec![r], ..one() }));
        all.extend(provisioning.into_iter().map(|r| Rows { provisioning: vec![r], ..one() }));
        all.extend(callers.into_iter().map(|r| Rows { callers: vec![r], ..one() }));
        all.extend(devices.into_iter().map(|r| Rows { devices: vec![r], ..one() }));
        all.extend(principals.into_iter().map(|r| Rows { principals: vec![r], ..one() }));
        all.extend(statements.into_iter().map(|r| Rows { statements: vec![r], ..one() }));
        for i in (1..all.len()).rev() {
            all.swap(i, random.below(i + 1));
        }
        all
    }
}

/// A moment of a day of March 2026, another one for each person.
fn at(day: u32, number: usize) -> EventTime {
    EventTime::from_civil((2026, 3, day), (8, 0, 0), 0).unwrap().plus_seconds(number as i64 * 61)
}

/// A store under way: what it has, and what the changes it told have made of an index.
struct Run {
    join: Join,
    store: Store,
    index: Index,
    rows: Rows,
    tenants: Tenants,
}

impl Run {
    fn settle(&mut self) {
        let Self { join, store, index, .. } = self;
        let ask = |portions: &[Portion], tenants: &Tenants| -> Result<_, QueryError> {
            join.parts(&Parts { portions, tenants, naming: &[] })
        };
        for change in store.settle(ask).unwrap() {
            index.apply(change);
        }
    }

    /// Row for row what a join of all rows says, under the tenants as configured.
    fn check(&self) {
        let facts = facts(&self.rows);
        let tenants = domains(&facts, &self.tenants);
        let question = Question { rows: &self.rows, facts: &facts, tenants: &tenants, naming: &[] };
        let mut whole = self.join.testimony(&question).unwrap();
        whole.statements.sort_unstable();
        let weighed = combine(&whole, &facts, &Settings::default());
        let (said, answers) = self.store.answers();
        assert_same(&said.evidence, &whole.evidence);
        assert_same(&said.refutations, &whole.refutations);
        assert_same(&said.ambiguities, &whole.ambiguities);
        assert_same(&said.statements, &whole.statements);
        assert_same(&answers.links, &weighed.links);
        assert_same(&answers.refusals, &weighed.refusals);
        let mut full = Index::new();
        facts.iter().cloned().for_each(|f| drop(full.apply(IdentityChange::Account(f))));
        weighed.links.iter().cloned().for_each(|l| drop(full.apply(IdentityChange::Link(l))));
        let accounts: BTreeSet<AccountKey> = facts.iter().map(|f| f.account).collect();
        for account in accounts {
            assert_eq!(self.index.links_of(account), full.links_of(account), "{account}");
            for day in [2, 8, 11, 20] {
                assert_eq!(self.index.person(account, at(day, 0)), full.person(account, at(day, 0)), "{account}");
                assert_eq!(self.index.facts(account, at(day, 0)), full.facts(account, at(day, 0)), "{account}");
            }
        }
    }
}

/// Equal lists, else the first difference: the lists themselves fill pages.
fn assert_same<T: PartialEq + std::fmt::Debug>(found: &[T], wanted: &[T]) {
    let first = found.iter().zip(wanted).position(|(f, w)| f != w);
    let at = first.unwrap_or(found.len().min(wanted.len()));
    assert!(found == wanted, "found {:?}\nwanted {:?}", found.get(at), wanted.get(at));
}

fn run(configured: bool, seed: u64) {
    let story = Story::new(240);
    let mut tenants = story.tenants.clone();
    if !configured {
        tenants.all.iter_mut().for_each(|t| t.domains.clear());
    }
    let mut random = Random(seed);
    let mut left = story.shuffled(&mut random);
    let join = Join::new(Queries::embedded()).unwrap();
    let store = Store::new(&tenants, Vec::new(), Settings::default());
    let mut run = Run { join, store, index: Index::new(), rows: Rows::default(), tenants };
    // Most of it at once, then what is left in small portions, of which some go again.
    let small = 25;
    while !left.is_empty() {
        let portion = if run.rows.is_empty() { left.len() - 2 * small } else { small.min(left.len()) };
        let portion = left.split_off(left.len() - portion);
        let mut gone = Rows::default();
        for (i, row) in portion.into_iter().enumerate() {
            run.store.insert(&row);
            if i % 5 == 4 && !run.rows.is_empty() {
                gone.append(row.clone());
            }
            run.rows.append(row);
        }
        run.settle();
        let last = run.store.last();
        assert!(last.changed > 100 || last.rows < run.rows.len() / 3, "{last:?} of {}", run.rows.len());
        if !gone.is_empty() && left.len() > small / 2 {
            run.store.remove(&gone);
            without(&mut run.rows, &gone);
            run.settle();
            run.check();
        }
        let snapshot = run.store.snapshot();
        run.store = Store::restore(&snapshot, &run.tenants, Vec::new(), Settings::default()).unwrap();
    }
    run.check();
}

/// Takes away the rows that `gone` names.
pub fn without(rows: &mut Rows, gone: &Rows) {
    rows.accounts.retain(|r| !gone.accounts.contains(r));
    rows.sign_ins.retain(|r| !gone.sign_ins.contains(r));
    rows.invitations.retain(|r| !gone.invitations.contains(r));
    rows.provisioning.retain(|r| !gone.provisioning.contains(r));
    rows.callers.retain(|r| !gone.callers.contains(r));
    rows.devices.retain(|r| !gone.devices.contains(r));
    rows.principals.retain(|r| !gone.principals.contains(r));
    rows.statements.retain(|r| !gone.statements.contains(r));
}

#[test]
fn what_is_built_in_a_random_order_is_the_join_row_for_row() {
    run(true, 1);
}

#[test]
fn so_it_is_where_domains_are_derived() {
    run(false, 2);
}
