//! Every sort of account, outcome and flag, from facts, links and refusals written by hand: tenant 1 is the home, 2 the resource,
//! 3 is not read.

use super::*;
use caponier_model::{AccountRow, CallerRow, Guid, Refutation, SignInRow, Tenant, TenantRole};
use compact_str::CompactString;

const AT: EventTime = EventTime::from_seconds(1_000);

fn tenant(n: u128) -> TenantId {
    TenantId(Guid::from_u128(n))
}

fn key(t: u128, object: u128) -> AccountKey {
    AccountKey { tenant: tenant(t), object: Guid::from_u128(object) }
}

fn fact(t: u128, object: u128, kind: AccountKind, upn: &str) -> AccountFacts {
    AccountFacts {
        account: key(t, object),
        kind,
        upn: Some(upn.into()),
        display: None,
        names: vec![upn.into()],
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: Some(true),
        from: EventTime::MIN,
        until: EventTime::MAX,
    }
}

fn link(object: u128, home: u128, state: LinkState, kinds: &[EvidenceKind]) -> Link {
    Link {
        account: key(2, object),
        home: key(1, home),
        state,
        confidence: 970_000,
        kinds: kinds.to_vec(),
        sources: Vec::new(),
        from: EventTime::MIN,
        until: EventTime::MAX,
    }
}

fn refusal(
    object: u128,
    tenant_of_home: u128,
    home: Option<u128>,
    reason: RefusalReason,
    kinds: &[EvidenceKind],
) -> Refusal {
    Refusal {
        account: key(2, object),
        tenant: tenant(tenant_of_home),
        home: home.map(|h| key(1, h)),
        reason,
        kinds: kinds.to_vec(),
        from: EventTime::MIN,
        until: EventTime::MAX,
        source: "".into(),
    }
}

fn sign_in(home: u128, object: u128, access: Access) -> SignInRow {
    SignInRow {
        log: tenant(2),
        home: tenant(home),
        resource: tenant(2),
        object: Some(Guid::from_u128(object)),
        upn: None,
        app: None,
        time: EventTime::from_seconds(10),
        id: "s".into(),
        correlation: None,
        access,
        success: true,
    }
}

/// Everything an audit looks at, to be filled in by a test.
#[derive(Default)]
struct Ground {
    rows: Rows,
    facts: Vec<AccountFacts>,
    testimony: Testimony,
    weighed: Weighed,
}

impl Ground {
    /// A home user at home, whom the tests link to.
    fn new() -> Self {
        Self { facts: vec![fact(1, 1, AccountKind::Member, "adele@contoso.com")], ..Self::default() }
    }

    fn audit(self) -> Vec<Audited> {
        self.look(audit)
    }

    fn look<T>(mut self, see: impl FnOnce(&Look<'_>) -> T) -> T {
        self.facts.sort();
        let named = |n: u128, name: &str, domain: &str| Tenant {
            id: tenant(n),
            name: name.into(),
            role: TenantRole::Secondary,
            domains: vec![domain.into()],
            workspaces: Vec::new(),
            subscriptions: Vec::new(),
        };
        let tenants = Tenants { all: vec![named(1, "contoso", "contoso.com"), named(2, "fabrikam", "fabrikam.com")] };
        let (rows, facts, testimony, weighed) = (&self.rows, &self.facts[..], &self.testimony, &self.weighed);
        see(&Look { rows, facts, testimony, weighed, tenants: &tenants, settings: &Settings::default(), at: AT })
    }

    fn only(self) -> Audited {
        let mut all = self.audit();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }
}

use AccountKind as A;
use EvidenceKind as K;
use LinkState as L;
use RefusalReason as R;

#[test]
fn a_guest_is_resolved_by_its_strongest_evidence() {
    let mut ground = Ground::new();
    ground.facts.push(fact(2, 7, A::ExternalGuest, "adele_contoso.com#ext#@fabrikam.com"));
    ground.weighed.links.push(link(7, 1, L::Accepted, &[K::PairedSignIn, K::Redemption, K::Address]));
    ground.weighed.refusals.push(refusal(7, 1, Some(1), R::Refuted, &[K::ExtName]));
    let one = ground.only();
    assert_eq!(
        (one.sort, one.outcome, one.home, one.strongest),
        (Sort::ExternalGuest, Outcome::Resolved, Some(tenant(1)), Some(K::Redemption))
    );
    assert!(one.reasons.is_empty() && one.flags.is_empty(), "{one:?}");
}

#[test]
fn what_is_not_resolved_says_why_with_the_most_telling_reason_first() {
    let mut ground = Ground::new();
    ground.facts.push(fact(2, 7, A::ExternalGuest, "adele_contoso.com#ext#@fabrikam.com"));
    ground.weighed.refusals.push(refusal(7, 1, Some(1), R::ResourceDirectoryAlone, &[K::ExtName]));
    ground.weighed.refusals.push(refusal(7, 1, None, R::Ambiguous, &[K::Address]));
    let one = ground.only();
    assert_eq!((one.outcome, one.home), (Outcome::Unresolved, Some(tenant(1))));
    assert_eq!(one.reasons, [R::Ambiguous, R::ResourceDirectoryAlone]);
    assert!(one.flags.is_empty(), "there are candidates at home, so it is no orphan: {one:?}");
    for state in [L::Possible, L::Conflict] {
        let mut ground = Ground::new();
        ground.facts.push(fact(2, 7, A::ExternalGuest, "x_contoso.com#ext#@fabrikam.com"));
        ground.weighed.links.push(link(7, 1, state, &[K::Address]));
        let wanted = if state == L::Possible { Outcome::Possible } else { Outcome::Conflict };
        assert_eq!(ground.only().outcome, wanted);
    }
}

#[test]
fn an_orphan_is_of_a_tenant_that_is_not_read_or_of_nobody_in_one_that_is() {
    for (upn, home, reason, flag) in [
        ("gone_contoso.com#ext#@fabrikam.com", Some(1), R::NoEvidence, Flag::OrphanNoHomeAccount),
        ("a_partner.org#ext#@fabrikam.com", None, R::NoEvidence, Flag::OrphanHomeNotMonitored),
        ("a_partner.org#ext#@fabrikam.com", Some(3), R::HomeNotMonitored, Flag::OrphanHomeNotMonitored),
    ] {
        let mut ground = Ground::new();
        ground.facts.push(fact(2, 7, A::ExternalGuest, upn));
        if home == Some(3) {
            ground.rows.sign_ins.push(sign_in(3, 7, Access::Collaboration));
        }
        ground.weighed.refusals.push(refusal(7, home.unwrap_or(2), None, reason, &[]));
        let one = ground.only();
        assert_eq!(
            (one.outcome, one.home, &one.flags[..]),
            (Outcome::Unresolved, home.map(tenant), &[flag][..]),
            "{upn}"
        );
    }
}

#[test]
fn a_domain_is_matched_whole() {
    let mut ground = Ground::new();
    ground.facts.push(fact(2, 7, A::ExternalGuest, "a_notcontoso.com#ext#@fabrikam.com"));
    assert_eq!(ground.only().home, None);
}

#[test]
fn a_guest_outlives_its_home_account_in_three_ways() {
    let gone = |change: fn(&mut Ground)| {
        let mut ground = Ground::new();
        ground.facts.push(fact(2, 7, A::ExternalGuest, "adele_contoso.com#ext#@fabrikam.com"));
        ground.facts.push(fact(1, 2, A::Member, "lee@contoso.com"));
        ground.weighed.links.push(link(7, 1, L::Accepted, &[K::Provisioning]));
        change(&mut ground);
        ground.audit().remove(0).flags
    };
    assert_eq!(gone(|_| {}), []);
    assert_eq!(gone(|g| g.facts[0].enabled = Some(false)), [Flag::StaleHomeDisabled]);
    assert_eq!(gone(|g| g.facts[0].until = EventTime::from_seconds(500)), [Flag::StaleHomeDeleted]);
    assert_eq!(gone(|g| drop(g.facts.remove(0))), [Flag::StaleHomeGone]);
    // A guest that is disabled itself is dealt with; a link that ended with the home account still tells.
    assert_eq!(
        gone(|g| {
            g.facts[0].enabled = Some(false);
            g.facts[1].enabled = Some(false);
        }),
        []
    );
    let ended = gone(|g| {
        g.facts[0].until = EventTime::from_seconds(500);
        g.weighed.links[0].until = EventTime::from_seconds(500);
    });
    assert!(ended.contains(&Flag::StaleHomeDeleted), "{ended:?}");
}

#[test]
fn every_sort_is_told() {
    let mut ground = Ground::new();
    let mut user = |object: u128, kind| ground.facts.push(fact(2, object, kind, &format!("u{object}@fabrikam.com")));
    user(10, A::ExternalGuest);
    user(11, A::ExternalMember);
    user(12, A::InternalGuest);
    user(14, A::Member);
    user(15, A::Member);
    user(16, A::ConsumerGuest);
    user(17, A::ServicePrincipal);
    user(18, A::ManagedIdentity);
    user(19, A::Device);
    user(20, A::Member); // an ordinary member: nobody's business
    let before = AccountFacts {
        until: EventTime::from_seconds(100),
        ..fact(2, 13, A::ExternalGuest, "c_contoso.com#ext#@fabrikam.com")
    };
    ground.facts.push(before);
    ground.facts.push(AccountFacts { from: EventTime::from_seconds(100), ..fact(2, 13, A::Member, "c@fabrikam.com") });
    ground.facts.push(AccountFacts { until: EventTime::from_seconds(100), ..fact(2, 21, A::ExternalGuest, "deleted") });
    ground.weighed.links.push(link(14, 1, L::Accepted, &[K::EmployeeId, K::NamingRule]));
    ground.weighed.links.push(link(15, 1, L::Possible, &[K::CommonSource]));
    ground.rows.sign_ins.push(sign_in(1, 30, Access::DirectConnect));
    ground.rows.sign_ins.push(sign_in(1, 31, Access::Delegated));
    ground.rows.sign_ins.push(sign_in(1, 32, Access::Unsaid));
    ground.rows.sign_ins.push(sign_in(1, 21, Access::Unsaid));
    let caller = CallerRow {
        log: tenant(2),
        caller: key(1, 33),
        provider: None,
        home_puid: None,
        puid: None,
        onprem_sid: None,
        time: EventTime::from_seconds(10),
        id: "c".into(),
    };
    ground.rows.callers.push(caller);
    let found = ground.audit();
    let of = |t: u128, object: u128| {
        found.iter().find(|a| a.account == key(t, object)).unwrap_or_else(|| panic!("no {t}/{object}: {found:#?}"))
    };
    for (t, object, sort, outcome) in [
        (2, 10, Sort::ExternalGuest, Outcome::Unresolved),
        (2, 11, Sort::ExternalMember, Outcome::Unresolved),
        (2, 12, Sort::InternalGuest, Outcome::Local),
        (2, 13, Sort::Converted, Outcome::Local),
        (2, 14, Sort::Twin, Outcome::Resolved),
        (2, 15, Sort::DualSynchronised, Outcome::Possible),
        (2, 16, Sort::Consumer, Outcome::Local),
        (2, 17, Sort::ServicePrincipal, Outcome::Local),
        (2, 18, Sort::ManagedIdentity, Outcome::Local),
        (2, 19, Sort::Device, Outcome::Local),
        (1, 30, Sort::DirectConnect, Outcome::Resolved),
        (1, 31, Sort::Delegate, Outcome::Resolved),
        (2, 32, Sort::ExternalGuest, Outcome::Unresolved),
        (1, 33, Sort::Delegate, Outcome::Resolved),
    ] {
        assert_eq!((of(t, object).sort, of(t, object).outcome), (sort, outcome), "{t}/{object}");
    }
    assert_eq!(found.len(), 14, "neither the ordinary member nor the deleted guest is listed: {found:#?}");
    assert_eq!(of(2, 32).flags, [Flag::OrphanNoHomeAccount, Flag::NotInDirectory]);
    assert_eq!(
        (of(1, 33).resource, of(1, 33).home, of(1, 33).strongest),
        (tenant(2), Some(tenant(1)), Some(K::DelegatedCaller))
    );
}

#[test]
fn an_invitation_that_nobody_redeemed_is_pending_until_somebody_does() {
    let row = |seen: i64, state: &str| AccountRow {
        account: key(2, 7),
        seen: Some(EventTime::from_seconds(seen)),
        created: None,
        deleted: None,
        upn: None,
        mail: None,
        addresses: Vec::new(),
        display: None,
        user_type: None,
        creation_type: None,
        external_state: Some(state.into()),
        external_entra: false,
        employee: None,
        onprem_sid: None,
        immutable_id: None,
        home_object: None,
        enabled: None,
    };
    let flags = |rows: Vec<AccountRow>| {
        let mut ground = Ground::new();
        ground.facts.push(fact(2, 7, A::ExternalGuest, "adele_contoso.com#ext#@fabrikam.com"));
        ground.rows.accounts = rows;
        ground.only().flags
    };
    assert!(flags(vec![row(1, "pendingacceptance")]).contains(&Flag::Pending));
    assert!(!flags(vec![row(2, "accepted"), row(1, "pendingacceptance")]).contains(&Flag::Pending));
}

#[test]
fn counts_of_a_pair_add_up_and_those_of_no_known_home_come_last() {
    let mut ground = Ground::new();
    for object in 10..20 {
        ground.facts.push(fact(2, object, A::ExternalGuest, &format!("u{object}_contoso.com#ext#@fabrikam.com")));
    }
    ground.facts.push(fact(2, 20, A::ConsumerGuest, "c@live.com"));
    ground.weighed.links.extend((10..13).map(|o| link(o, 1, L::Accepted, &[K::PairedSignIn])));
    ground.weighed.links.push(link(13, 1, L::Possible, &[K::Address]));
    ground.weighed.refusals.push(refusal(14, 1, None, R::Ambiguous, &[K::Address]));
    let pairs = by_pair(&ground.audit());
    let told: Vec<_> = pairs.iter().map(|p| (p.home, p.resource, p.all.accounts)).collect();
    assert_eq!(told, [(Some(tenant(1)), tenant(2), 10), (None, tenant(2), 1)]);
    let all = &pairs[0].all;
    assert_eq!(all.outcomes, [(Outcome::Resolved, 3), (Outcome::Possible, 1), (Outcome::Unresolved, 6)].into());
    assert_eq!(all.evidence, [(K::PairedSignIn, 3)].into());
    assert_eq!(all.reasons, [(R::Ambiguous, 1), (R::NoEvidence, 5)].into());
    assert_eq!((all.ambiguous, all.orphan, all.stale), (1, 5, 0));
    assert_eq!(pairs[0].sorts[&Sort::ExternalGuest], *all);
}

#[test]
fn the_order_of_what_is_looked_at_changes_nothing() {
    let ground = |reversed: bool| {
        let mut ground = Ground::new();
        for object in 10..16 {
            ground.facts.push(fact(2, object, A::ExternalGuest, &format!("u{object}_contoso.com#ext#@fabrikam.com")));
            ground.rows.sign_ins.push(sign_in(1 + 2 * (object % 2), object, Access::Unsaid));
        }
        ground.weighed.links.push(link(10, 1, L::Conflict, &[K::PairedSignIn]));
        ground.weighed.links.push(link(10, 2, L::Conflict, &[K::PairedSignIn]));
        ground.weighed.refusals.push(refusal(11, 1, None, R::Ambiguous, &[]));
        ground.weighed.refusals.push(refusal(11, 1, Some(1), R::TooWeak, &[]));
        if reversed {
            ground.rows.sign_ins.reverse();
            ground.weighed.links.reverse();
            ground.weighed.refusals.reverse();
        }
        ground.audit()
    };
    assert_eq!(ground(false), ground(true));
}

/// Detector and instant of each operational finding.
fn worries(ground: Ground) -> Vec<(CompactString, EventTime)> {
    let all = ground.look(overlooked);
    all.into_iter().map(|s| (s.detector.unwrap_or_default(), s.first)).collect()
}

#[test]
fn a_guest_that_outlived_its_home_is_a_finding_from_then_on_and_one_that_is_off_is_none() {
    let ground = |home: Option<bool>, guest: bool| {
        let mut ground = Ground::new();
        let since = EventTime::from_seconds(300);
        ground.facts[0].until = since;
        ground.facts.extend(home.map(|on| AccountFacts { enabled: Some(on), from: since, ..ground.facts[0].clone() }));
        ground.facts.iter_mut().skip(1).for_each(|f| f.until = EventTime::MAX);
        let listed = fact(2, 7, A::ExternalGuest, "adele_contoso.com#ext#@fabrikam.com");
        ground.facts.push(AccountFacts { enabled: Some(guest), ..listed });
        ground.weighed.links.push(link(7, 1, L::Accepted, &[K::Provisioning]));
        ground
    };
    let stale = vec![("stale_alias".into(), EventTime::from_seconds(300))];
    assert_eq!(worries(ground(Some(false), true)), stale, "disabled");
    assert_eq!(worries(ground(None, true)), stale, "deleted");
    assert_eq!(worries(ground(Some(true), true)), [], "enabled again");
    assert_eq!(worries(ground(Some(false), false)), [], "the guest is off as well");
}

#[test]
fn a_guest_of_a_tenant_that_nobody_watches_is_a_finding_and_one_of_a_watched_tenant_is_none() {
    let ground = |home: u128| {
        let mut ground = Ground::new();
        ground.facts.push(fact(2, 7, A::ExternalGuest, "kim_x.example#ext#@fabrikam.com"));
        ground.rows.sign_ins.push(sign_in(home, 7, Access::Collaboration));
        if home == 1 {
            ground.weighed.links.push(link(7, 1, L::Accepted, &[K::PairedSignIn]));
        } else {
            // What refutes other homes for all time does not date the guest.
            let (from, until) = (EventTime::MIN, EventTime::MAX);
            let refutation = Refutation { account: key(2, 7), home: tenant(home), from, until, source: "s".into() };
            ground.testimony.refutations.push(refutation);
        }
        ground
    };
    assert_eq!(worries(ground(3)), [("orphan_guest".into(), EventTime::from_seconds(10))]);
    assert_eq!(worries(ground(1)), []);
    let dark = || Ground { facts: Vec::new(), ..Ground::new() };
    assert_eq!(worries(dark()), [], "an empty world has no worries");
}
