//! The queries' stand-in: a join by brute force over whatever rows it is given, under the rule that all queries obey. Only the
//! shape matters here, which rows meet which; the SQL itself is held against the store in the tests of `query`.

use caponier_model::{
    Access, AccountFacts, AccountKey, AccountKind, Ambiguity, EventTime, Evidence, EvidenceKind, NamingRule, Portion,
    Refutation, Rows, SignInRow, Tenants, Testimony, Topic, Verdict,
};
use compact_str::{CompactString, format_compact};
use std::collections::{BTreeMap, BTreeSet};

/// One text of a directory row.
type Field = fn(&caponier_model::AccountRow) -> Option<&CompactString>;

struct Join<'a> {
    rows: &'a Rows,
    facts: &'a [AccountFacts],
    out: Testimony,
}

/// What each topic says of the portions that name it.
pub(super) fn by_topic(portions: &[Portion], tenants: &Tenants, naming: &[NamingRule]) -> Testimony {
    let mut out = Testimony::default();
    for topic in Topic::ALL {
        let (mut rows, mut facts) = (Rows::default(), Vec::new());
        for portion in portions.iter().filter(|p| p.topics.has(topic)) {
            rows.append(portion.rows.clone());
            facts.extend(portion.facts.iter().cloned());
        }
        facts.sort_unstable_by_key(|f| (f.account, f.from));
        let said = join(&rows, &facts, tenants, naming);
        out.evidence.extend(said.evidence.into_iter().filter(|e| Topic::of(e.kind) == topic));
        out.ambiguities.extend(said.ambiguities.into_iter().filter(|a| Topic::of(a.kind) == topic));
        out.refutations.extend(said.refutations.into_iter().filter(|_| topic == Topic::Refutations));
    }
    out
}

pub(super) fn join(rows: &Rows, facts: &[AccountFacts], tenants: &Tenants, naming: &[NamingRule]) -> Testimony {
    let mut join = Join { rows, facts, out: Testimony::default() };
    join.named();
    join.paired();
    join.addressed(tenants);
    join.local_names(naming);
    join.sole_values();
    join.objects();
    join.puids_and_applications();
    let Testimony { evidence, refutations, ambiguities, statements } = &mut join.out;
    statements.clone_from(&rows.statements);
    tidy(evidence);
    tidy(refutations);
    tidy(ambiguities);
    tidy(statements);
    join.out
}

fn tidy<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

type Found = BTreeSet<AccountKey>;

impl Join<'_> {
    /// One match is evidence, several are ambiguous; in the homes' tenants one by one.
    fn matched(&mut self, kind: EvidenceKind, account: AccountKey, homes: &Found, source: &str, span: [EventTime; 2]) {
        let homes: Vec<AccountKey> = homes.iter().copied().filter(|h| h.tenant != account.tenant).collect();
        for homes in homes.chunk_by(|a, b| a.tenant == b.tenant) {
            let ([from, until], source) = (span, CompactString::from(source));
            if let [home] = *homes {
                self.out.evidence.push(Evidence { account, home, kind, from, until, source });
            } else {
                let (home, candidates) = (homes[0].tenant, homes.len() as u32);
                self.out.ambiguities.push(Ambiguity { account, home, kind, candidates, from, until, source });
            }
        }
    }

    fn side(&self, account: AccountKey) -> &'static str {
        let kinds: Vec<_> = self.facts.iter().filter(|f| f.account == account).map(|f| f.kind).collect();
        if kinds.iter().any(|k| matches!(k, AccountKind::ExternalGuest | AccountKind::ExternalMember)) {
            "satellite"
        } else if kinds.iter().any(|k| matches!(k, AccountKind::Member | AccountKind::Unknown)) {
            "home"
        } else {
            "neither"
        }
    }

    /// Who bears something while at home.
    fn homes(&self, bears: impl Fn(&AccountFacts) -> bool) -> Found {
        let at_home = |f: &&AccountFacts| matches!(f.kind, AccountKind::Member | AccountKind::Unknown);
        self.facts.iter().filter(at_home).filter(|f| bears(f)).map(|f| f.account).collect()
    }

    /// Rows of one sign-in in two logs.
    fn paired(&mut self) {
        let minute = |r: &SignInRow| r.time.nanos().div_euclid(60_000_000_000);
        let all: Vec<&SignInRow> =
            self.rows.sign_ins.iter().filter(|r| r.object.is_some() && r.upn.is_some()).collect();
        let named = |r: &SignInRow| (r.home, r.resource, r.upn.clone(), r.app);
        let key = |r: &SignInRow| AccountKey { tenant: r.log, object: r.object.unwrap() };
        for there in all.iter().filter(|r| r.log == r.resource && r.home != r.resource && r.app.is_some()) {
            let near =
                |r: &&&SignInRow| r.log == r.home && named(r) == named(there) && minute(r).abs_diff(minute(there)) <= 1;
            let homes: Found = all.iter().filter(near).map(|r| key(r)).collect();
            let span = [there.time, there.time.plus_seconds(1)];
            self.matched(EvidenceKind::PairedSignIn, key(there), &homes, &there.id, span);
        }
    }

    fn named(&mut self) {
        for row in &self.rows.sign_ins {
            let (Some(object), Some(upn)) = (row.object, &row.upn) else { continue };
            if row.log != row.resource || row.access == Access::DirectConnect {
                continue;
            }
            let account = AccountKey { tenant: row.log, object };
            let span = [row.time, row.time.plus_seconds(1)];
            let homes = self.homes(|f| f.account.tenant == row.home && f.names.contains(upn));
            self.matched(EvidenceKind::NamedSignIn, account, &homes, upn, span);
            let ([from, until], home, source) = (span, row.home, row.id.clone());
            self.out.refutations.push(Refutation { account, home, from, until, source });
        }
    }

    fn addressed(&mut self, tenants: &Tenants) {
        let domains: BTreeMap<_, _> = tenants.all.iter().map(|t| (t.id, &t.domains)).collect();
        let verified = |f: &AccountFacts, name: &str| {
            let domain = name.rsplit_once('@').map_or("", |(_, d)| d);
            domains.get(&f.account.tenant).is_some_and(|d| d.iter().any(|d| d == domain))
        };
        let bears = |f: &AccountFacts, name: &str| f.names.iter().any(|n| n == name) && verified(f, name);
        let facts = self.facts;
        for guest in facts {
            if !matches!(guest.kind, AccountKind::ExternalGuest | AccountKind::ExternalMember) {
                continue;
            }
            let span = [guest.from, guest.until];
            for name in &guest.names {
                let (kind, homes) = match name.rsplit_once("#ext#@") {
                    Some((prefix, _)) => {
                        let made =
                            |n: &CompactString, f: &AccountFacts| n.replace('@', "_") == prefix && verified(f, n);
                        (EvidenceKind::ExtName, self.homes(|f| f.names.iter().any(|n| made(n, f))))
                    }
                    None => (EvidenceKind::Address, self.homes(|f| bears(f, name))),
                };
                self.matched(kind, guest.account, &homes, name, span);
            }
        }
        for row in &self.rows.invitations {
            let homes = self.homes(|f| bears(f, &row.address));
            self.matched(EvidenceKind::Redemption, row.guest, &homes, &row.id, [row.time, EventTime::MAX]);
        }
    }

    fn local_names(&mut self, naming: &[NamingRule]) {
        for rule in naming {
            for twin in self.facts.iter().filter(|f| f.account.tenant == rule.resource) {
                for name in twin.upn.iter() {
                    let Some((local, _)) = name.split_once('@') else { continue };
                    let says = |n: &CompactString| {
                        let home = n.split_once('@').map_or("", |(l, _)| l);
                        format!("{}{home}{}", rule.prefix, rule.suffix) == local
                    };
                    let homes = self.homes(|f| f.account.tenant == rule.home && f.upn.iter().any(says));
                    self.matched(EvidenceKind::NamingRule, twin.account, &homes, name, [twin.from, twin.until]);
                }
            }
        }
    }

    /// Values of which only none, one or more counts, among the accounts of a side that matters, and who the one is.
    fn sole_values(&mut self) {
        let mut rows: Vec<_> = self.rows.accounts.iter().collect();
        rows.sort_unstable_by(|a, b| (a.account, a.seen).cmp(&(b.account, b.seen)).then_with(|| a.cmp(b)));
        let fields: [(EvidenceKind, Field, &[&str]); 4] = [
            (EvidenceKind::EmployeeId, |r| r.employee.as_ref(), &["home", "satellite"]),
            (EvidenceKind::CommonSource, |r| r.onprem_sid.as_ref(), &["home"]),
            (EvidenceKind::CommonSource, |r| r.immutable_id.as_ref(), &["home"]),
            (EvidenceKind::LooksAlike, |r| r.display.as_ref(), &["home", "satellite", "neither"]),
        ];
        for (kind, field, sides) in fields {
            let mut latest: BTreeMap<AccountKey, &CompactString> = BTreeMap::new();
            latest.extend(rows.iter().filter_map(|r| Some((r.account, field(r)?))));
            latest.retain(|account, _| sides.contains(&self.side(*account)));
            let bearers = |value, tenant| -> Vec<AccountKey> {
                latest.iter().filter(|(a, v)| **v == value && a.tenant == tenant).map(|(a, _)| *a).collect()
            };
            let tenants: BTreeSet<_> = latest.keys().map(|a| a.tenant).collect();
            let mut out = Testimony::default();
            for (account, value) in &latest {
                for home in tenants.iter().filter(|t| **t != account.tenant) {
                    let (own, theirs) = (bearers(*value, account.tenant), bearers(*value, *home));
                    let life = |a: AccountKey| {
                        let facts = || self.facts.iter().filter(move |f| f.account == a);
                        (facts().map(|f| f.from).min().unwrap(), facts().map(|f| f.until).max().unwrap())
                    };
                    let (from, until) = life(*account);
                    let (account, home, source) = (*account, *home, (*value).clone());
                    match (&own[..], &theirs[..]) {
                        (_, []) => {}
                        // Of several who look alike nothing is said.
                        ([_, _, ..], _) | (_, [_, _, ..]) if kind == EvidenceKind::LooksAlike => {}
                        ([_], [one]) => {
                            let from = from.max(life(*one).0);
                            out.evidence.push(Evidence { account, home: *one, kind, from, until, source });
                        }
                        _ => {
                            out.ambiguities.push(Ambiguity { account, home, kind, candidates: 2, from, until, source })
                        }
                    }
                }
            }
            self.out.evidence.append(&mut out.evidence);
            self.out.ambiguities.append(&mut out.ambiguities);
        }
    }

    /// Rows that name objects: provisioning, statements, extensions, delegates.
    fn objects(&mut self) {
        let known: BTreeSet<AccountKey> = self.facts.iter().map(|f| f.account).collect();
        let satellites: BTreeSet<_> = known.iter().copied().filter(|a| self.side(*a) == "satellite").collect();
        let mut push = |account, home, kind, source: &CompactString| {
            let (from, until, source) = (EventTime::MIN, EventTime::MAX, source.clone());
            self.out.evidence.push(Evidence { account, home, kind, from, until, source });
        };
        for row in &self.rows.provisioning {
            let named = |tenant| AccountKey { tenant, object: row.target };
            let targets: Vec<AccountKey> = match row.target_tenant {
                Some(tenant) => vec![named(tenant)],
                None => known.iter().copied().filter(|a| a.object == row.target).collect(),
            };
            let targets = targets.into_iter().filter(|t| t.tenant != row.source.tenant);
            targets.for_each(|t| push(t, row.source, EvidenceKind::Provisioning, &row.id));
        }
        let mut rows: Vec<_> = self.rows.accounts.iter().filter(|r| r.home_object.is_some()).collect();
        rows.sort_unstable_by(|a, b| (a.account, a.seen).cmp(&(b.account, b.seen)).then_with(|| a.cmp(b)));
        let latest: BTreeMap<AccountKey, _> = rows.iter().map(|r| (r.account, r.home_object)).collect();
        for (account, object) in latest.into_iter().filter(|(a, _)| satellites.contains(a)) {
            let homes = known.iter().filter(|a| Some(a.object) == object && a.tenant != account.tenant);
            homes.for_each(|h| push(account, *h, EvidenceKind::Extension, &format_compact!("{h}")));
        }
        for row in self.rows.callers.iter().filter(|r| r.log != r.caller.tenant) {
            let local = AccountKey { tenant: row.log, object: row.caller.object };
            if !known.contains(&local) {
                push(local, row.caller, EvidenceKind::DelegatedCaller, &row.id);
            }
        }
        for said in self.rows.statements.iter().filter(|s| s.verdict == Verdict::Same) {
            push(said.account, said.home, EvidenceKind::Statement, &said.reason);
        }
    }

    fn puids_and_applications(&mut self) {
        for row in &self.rows.callers {
            let (Some(puid), Some(home)) = (&row.home_puid, row.provider) else { continue };
            let own = self.rows.callers.iter().filter(|r| r.puid.as_ref() == Some(puid) && r.caller.tenant == home);
            let homes: Found = own.map(|r| r.caller).collect();
            self.matched(EvidenceKind::Puid, row.caller, &homes, puid, [row.time, row.time.plus_seconds(1)]);
        }
        for row in &self.rows.principals {
            let own = self.rows.principals.iter().filter(|r| r.app == row.app && Some(r.account.tenant) == row.owner);
            let homes: Found = own.map(|r| r.account).collect();
            self.matched(EvidenceKind::Application, row.account, &homes, &row.id, [row.time, EventTime::MAX]);
        }
    }
}
