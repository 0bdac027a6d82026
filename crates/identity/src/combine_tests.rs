//! The rules of scenarios.md 2.1 on evidence given as rows: `sat home kind from until`, links as text.

use super::*;
use crate::settings::{DirectoryEvidence, PairSettings};
use caponier_model::{
    AccountKey, AccountKind, Ambiguity, EventTime, Evidence, EvidenceKind, Guid, LinkState, Pair, RefusalReason,
    Refutation, Statement, TenantId, Verdict,
};

/// `H1`: object 1 of tenant H.
fn account(label: &str) -> AccountKey {
    let tenant = TenantId(Guid::from_u128(u128::from(label.as_bytes()[0])));
    AccountKey { tenant, object: Guid::from_u128(label[1..].parse().unwrap()) }
}

fn time(text: &str) -> EventTime {
    match text {
        "-inf" => EventTime::MIN,
        "inf" => EventTime::MAX,
        seconds => EventTime::from_seconds(seconds.parse().unwrap()),
    }
}

fn evidence(rows: &[&str]) -> Vec<Evidence> {
    rows.iter()
        .map(|row| {
            let f: Vec<_> = row.split_whitespace().collect();
            let kind = EvidenceKind::read(f[2]).unwrap();
            let (from, until) = (time(f[3]), time(f[4]));
            Evidence { account: account(f[0]), home: account(f[1]), kind, from, until, source: f[2].into() }
        })
        .collect()
}

fn refutation(account_label: &str, home: &str, from: &str, until: &str) -> Refutation {
    let home = account(home).tenant;
    Refutation { account: account(account_label), home, from: time(from), until: time(until), source: "log".into() }
}

fn fact(label: &str, kind: AccountKind, from: &str, until: &str) -> AccountFacts {
    AccountFacts {
        account: account(label),
        kind,
        upn: None,
        display: None,
        names: Vec::new(),
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: None,
        from: time(from),
        until: time(until),
    }
}

fn show(links: &[Link]) -> Vec<String> {
    let name = |a: AccountKey| format!("{}{}", char::from(a.tenant.0.as_u128() as u8), a.object.as_u128());
    let when = |t: EventTime| match t {
        EventTime::MIN => "-inf".to_owned(),
        EventTime::MAX => "inf".to_owned(),
        t => t.seconds_since(EventTime::default()).to_string(),
    };
    let line = |l: &Link| {
        let (state, confidence) = (l.state.code(), l.confidence);
        format!("{} {} {state} {confidence} {} {}", name(l.account), name(l.home), when(l.from), when(l.until))
    };
    links.iter().map(line).collect()
}

fn said(account_label: &str, home: &str, at: i64, verdict: Verdict, from: &str, until: &str) -> Statement {
    Statement {
        account: account(account_label),
        home: account(home),
        at: EventTime::from_seconds(at),
        verdict,
        author: "ann".into(),
        reason: "asked them".into(),
        from: time(from),
        until: time(until),
    }
}

/// The links alone.
fn weighed(
    evidence: &[Evidence],
    refutations: &[Refutation],
    facts: &[AccountFacts],
    settings: &Settings,
) -> Vec<Link> {
    let (evidence, refutations) = (evidence.to_vec(), refutations.to_vec());
    let testimony = Testimony { evidence, refutations, ..Testimony::default() };
    combine(&testimony, facts, settings).links
}

#[track_caller]
fn check(rows: &[&str], wanted: &[&str]) {
    assert_eq!(show(&weighed(&evidence(rows), &[], &[], &Settings::default())), wanted);
}

#[test]
fn one_writer_counts_once_and_writers_combine() {
    check(&["R1 H1 named_sign_in 0 9"], &["R1 H1 accepted 900000 -inf inf"]);
    check(&["R1 H1 named_sign_in 0 9", "R1 H1 paired_sign_in 0 9"], &["R1 H1 accepted 900000 -inf inf"]);
    check(&["R1 H1 named_sign_in 0 9", "R1 H1 address -inf inf"], &["R1 H1 accepted 970000 -inf inf"]);
    // Both stand in the resource directory (docs/adr/0006); a log is a second witness.
    check(&["R1 H1 common_source -inf inf", "R1 H1 address -inf inf"], &["R1 H1 possible 950000 -inf inf"]);
    check(&["R1 H1 common_source -inf inf", "R1 H1 named_sign_in 0 9"], &["R1 H1 accepted 995000 -inf inf"]);
    check(&["R1 H1 statement 5 9"], &["R1 H1 accepted 1000000 5 9"]);
}

#[test]
fn the_resource_directory_alone_is_never_enough() {
    let all = ["common_source", "extension", "employee_id", "address", "ext_name", "naming_rule", "looks_alike"];
    let rows: Vec<_> = all.iter().map(|kind| format!("R1 H1 {kind} -inf inf")).collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    check(&rows, &["R1 H1 possible 950000 -inf inf"]);
    check(&["R1 H1 looks_alike -inf inf"], &[]);
    // Even if an operator believes in it: confidence is not independence.
    let mut settings = Settings::default();
    settings.confidence[EvidenceKind::Address as usize] = 990_000;
    let links = weighed(&evidence(&["R1 H1 address -inf inf"]), &[], &[], &settings);
    assert_eq!(show(&links), ["R1 H1 possible 990000 -inf inf"]);
}

#[test]
fn a_pair_may_accept_its_resource_directory() {
    let pair = Pair { home: account("H0").tenant, resource: account("R0").tenant };
    let governed = PairSettings { directory_evidence: DirectoryEvidence::Accept, ..PairSettings::new(pair) };
    let pairs = Some(vec![governed]);
    let settings = Settings { pairs, ..Settings::default() };
    let links = |rows: &[&str]| show(&weighed(&evidence(rows), &[], &[], &settings));
    assert_eq!(links(&["R1 H1 address -inf inf"]), ["R1 H1 accepted 700000 -inf inf"]);
    assert_eq!(links(&["R1 H1 extension -inf inf"]), ["R1 H1 accepted 750000 -inf inf"]);
    assert_eq!(links(&["R1 H1 employee_id -inf inf"]), ["R1 H1 accepted 700000 -inf inf"]);
    assert_eq!(links(&["R1 H1 ext_name -inf inf"]), ["R1 H1 possible 600000 -inf inf"]);
    // The other direction and other tenants are not listed.
    assert_eq!(links(&["H1 R1 provisioning 0 1", "S1 H1 provisioning 0 1"]), [""; 0]);
}

#[test]
fn two_accepted_homes_are_none() {
    let two = ["R1 H1 provisioning 5 6", "R1 H2 named_sign_in 0 9"];
    check(&two, &["R1 H1 conflict 990000 -inf inf", "R1 H2 conflict 900000 -inf inf"]);
    // A third that is only possible is not shown beside them, nor beside an accepted one.
    check(&["R1 H1 provisioning 5 6", "R1 H2 address -inf inf"], &["R1 H1 accepted 990000 -inf inf"]);
    check(
        &["R1 H1 ext_name -inf inf", "R1 H2 address -inf inf"],
        &["R1 H1 possible 600000 -inf inf", "R1 H2 possible 700000 -inf inf"],
    );
}

#[test]
fn an_account_that_changes_hands_changes_when_the_next_is_first_seen() {
    check(
        &["R1 H1 named_sign_in 10 20", "R1 H2 named_sign_in 50 60", "R1 H1 paired_sign_in 12 30"],
        &["R1 H1 accepted 900000 -inf 50", "R1 H2 accepted 900000 50 inf"],
    );
}

#[test]
fn a_refutation_ends_what_logs_and_directories_said() {
    let rows =
        ["R1 H1 named_sign_in 0 9", "R1 H1 address -inf inf", "R2 H2 address -inf inf", "R3 H3 common_source -inf inf"];
    let from_x = [
        refutation("R1", "H0", "-inf", "50"),
        refutation("R1", "X0", "50", "inf"),
        refutation("R2", "X0", "-inf", "inf"),
        refutation("R3", "X0", "-inf", "inf"),
    ];
    let links = weighed(&evidence(&rows), &from_x, &[], &Settings::default());
    assert_eq!(show(&links), ["R1 H1 accepted 970000 -inf 50", "R3 H3 possible 950000 -inf inf"]);
}

#[test]
fn links_live_as_long_as_the_account_is_a_guest() {
    let rows = ["R1 H1 named_sign_in 10 20", "R2 H2 named_sign_in 10 20", "R3 H3 common_source 0 inf"];
    let facts = [
        fact("R1", AccountKind::ExternalGuest, "0", "100"),
        fact("R1", AccountKind::Member, "100", "inf"),
        fact("R2", AccountKind::ExternalGuest, "5", "40"),
        fact("R3", AccountKind::Member, "7", "inf"),
    ];
    let links = weighed(&evidence(&rows), &[], &facts, &Settings::default());
    let wanted = ["R1 H1 accepted 900000 0 100", "R2 H2 accepted 900000 5 40", "R3 H3 possible 950000 7 inf"];
    assert_eq!(show(&links), wanted);
}

#[test]
fn a_satellite_is_nobodys_home() {
    // By its directory.
    let facts = [fact("H1", AccountKind::ExternalMember, "-inf", "inf")];
    let links = weighed(&evidence(&["R1 H1 provisioning 0 1"]), &[], &facts, &Settings::default());
    assert_eq!(show(&links), [""; 0]);
    // By a link: the chain keeps its last link, the cycle keeps none.
    check(
        &["R1 H1 provisioning 0 1", "H1 S1 provisioning 0 1"],
        &["H1 S1 accepted 990000 -inf inf", "R1 H1 conflict 990000 -inf inf"],
    );
    check(
        &["R1 H1 provisioning 0 1", "H1 R1 provisioning 0 1"],
        &["H1 R1 conflict 990000 -inf inf", "R1 H1 conflict 990000 -inf inf"],
    );
    // An account is never its own satellite, nor one of its own tenant's.
    check(&["H1 H1 delegated_caller 0 1", "H2 H1 statement 0 1"], &[]);
}

#[test]
fn who_may_not_be_linked_is_not() {
    let rows = evidence(&["R1 H1 statement -inf inf", "R1 H2 named_sign_in 0 9"]);
    let statements = vec![said("R1", "H1", 5, Verdict::Different, "-inf", "inf")];
    let testimony = Testimony { evidence: rows, statements, ..Testimony::default() };
    let links = combine(&testimony, &[], &Settings::default()).links;
    assert_eq!(show(&links), ["R1 H2 accepted 900000 -inf inf"]);
}

#[test]
fn order_and_repeats_do_not_matter() {
    let rows = [
        "R1 H1 named_sign_in 10 20",
        "R1 H2 named_sign_in 50 60",
        "R1 H1 address -inf 70",
        "R1 H3 ext_name 0 inf",
        "R2 H1 provisioning 5 6",
        "H1 S1 statement 30 40",
    ];
    let refutations = [refutation("R1", "X0", "80", "inf"), refutation("R1", "H0", "-inf", "80")];
    let wanted = weighed(&evidence(&rows), &refutations, &[], &Settings::default());
    assert!(wanted.len() > 4, "{:?}", show(&wanted));
    for turn in 0..rows.len() {
        let mut rows = rows;
        rows.rotate_left(turn);
        let mut all = evidence(&rows);
        all.reverse();
        all.extend(evidence(&rows[..turn]));
        let refutations: Vec<_> = refutations.iter().cycle().skip(turn).take(3).cloned().collect();
        assert_eq!(weighed(&all, &refutations, &[], &Settings::default()), wanted);
    }
}
