//! The rules of scenarios.md 2.1: cases as text, links as text. What is refused and why is in `refuse_tests.rs`.

use super::case::{Case, account, links, show};
use super::*;
use crate::settings::{DirectoryEvidence, PairSettings};
use caponier_model::{EvidenceKind, Pair};

#[track_caller]
fn check(rows: &[&str], wanted: &[&str]) {
    check_with(rows, &Settings::default(), wanted);
}

#[track_caller]
fn check_with(rows: &[&str], settings: &Settings, wanted: &[&str]) {
    let Case { testimony, facts } = Case::read(rows);
    let found = combine(&testimony, &facts, settings);
    let (mut lines, mut wanted) = (links(&found.links), wanted.to_vec());
    lines.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(lines, wanted, "{:#?}", show(&found));
}

/// Only the pair from R to H, whose resource directory is believed.
fn governed() -> Settings {
    let pair = Pair { home: account("H0").tenant, resource: account("R0").tenant };
    let pair = PairSettings { directory_evidence: DirectoryEvidence::Accept, ..PairSettings::new(pair) };
    Settings { pairs: Some(vec![pair]), ..Settings::default() }
}

#[test]
fn one_writer_counts_once_and_writers_combine() {
    check(&["R1 H1 named_sign_in 0 9"], &["R1 H1 accepted 900000 -inf inf"]);
    check(&["R1 H1 named_sign_in 0 9", "R1 H1 paired_sign_in 0 9"], &["R1 H1 accepted 900000 -inf inf"]);
    check(&["R1 H1 paired_sign_in_by_id 0 9", "R1 H1 paired_sign_in 0 9"], &["R1 H1 accepted 980000 -inf inf"]);
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
    // Even if an operator believes in it: confidence is not independence.
    let mut settings = Settings::default();
    settings.confidence[EvidenceKind::Address as usize] = 990_000;
    check_with(&["R1 H1 address -inf inf"], &settings, &["R1 H1 possible 990000 -inf inf"]);
    // A log that is believed in nothing is no second witness.
    settings.confidence[EvidenceKind::NamedSignIn as usize] = 0;
    let rows = ["R1 H1 address -inf inf", "R1 H1 named_sign_in 0 9"];
    check_with(&rows, &settings, &["R1 H1 possible 990000 -inf inf"]);
}

#[test]
fn looking_alike_is_nothing_by_itself() {
    check(&["R1 H1 looks_alike -inf inf"], &[]);
    let mut settings = governed();
    settings.confidence[EvidenceKind::LooksAlike as usize] = 990_000;
    check_with(&["R1 H1 looks_alike -inf inf"], &settings, &[]);
    let rows = ["R1 H1 looks_alike -inf inf", "R1 H1 naming_rule -inf inf"];
    check(&rows, &["R1 H1 possible 600000 -inf inf"]);
    let sure = "R1 H1 possible 990000 -inf inf";
    check_with(&rows, &settings, &[sure]);
}

#[test]
fn a_pair_may_accept_its_resource_directory() {
    for (kind, wanted) in [
        ("extension", "accepted 750000"),
        ("employee_id", "accepted 700000"),
        ("address", "accepted 700000"),
        ("common_source", "possible 950000"),
        ("ext_name", "possible 600000"),
        ("naming_rule", "possible 600000"),
    ] {
        check_with(&[&format!("R1 H1 {kind} -inf inf")], &governed(), &[&format!("R1 H1 {wanted} -inf inf")]);
    }
    let weak = ["R1 H1 named_sign_in 0 9", "R1 H1 address -inf inf"];
    let mut settings = governed();
    settings.confidence[EvidenceKind::NamedSignIn as usize] = 10_000;
    check_with(&weak, &settings, &["R1 H1 accepted 703000 -inf inf"]);
    // The other direction and other tenants are not listed.
    check_with(&["H1 R1 provisioning 0 1", "S1 H1 provisioning 0 1"], &governed(), &[]);
}

#[test]
fn an_accepted_directory_never_stands_against_a_log_or_a_doubt() {
    let address = "R1 H1 address -inf inf";
    // A log names another tenant from 50 on.
    check_with(&[address, "refute R1 X 50 inf"], &governed(), &["R1 H1 accepted 700000 -inf 50"]);
    // Two employees bear the number until 50.
    let doubted = ["R1 H1 possible 700000 -inf 50", "R1 H1 accepted 700000 50 inf"];
    check_with(&[address, "ambiguous R1 H employee_id -inf 50"], &governed(), &doubted);
    let sure = ["R1 H1 accepted 700000 -inf inf"];
    check_with(&[address, "ambiguous R1 H looks_alike -inf inf"], &governed(), &sure);
    check_with(&[address, "ambiguous R1 S employee_id -inf inf"], &governed(), &sure);
    // Doubt in the directory is nothing to a log.
    let named = ["R1 H1 named_sign_in 0 9", "ambiguous R1 H address -inf inf"];
    check_with(&named, &governed(), &["R1 H1 accepted 900000 -inf inf"]);
    // A log that names somebody else wins, as it does where the directory is not believed.
    check_with(&[address, "R1 H2 named_sign_in 0 9"], &governed(), &["R1 H2 accepted 900000 -inf inf"]);
    let two = ["R1 H1 conflict 700000 -inf inf", "R1 H2 conflict 750000 -inf inf"];
    check_with(&[address, "R1 H2 extension -inf inf"], &governed(), &two);
}

#[test]
fn each_pair_has_its_own_figures() {
    let mut settings = governed();
    let mut strict = PairSettings::new(Pair { home: account("H0").tenant, resource: account("S0").tenant });
    strict.accept = Some(950_000);
    strict.possible = Some(650_000);
    strict.confidence.insert(EvidenceKind::ExtName, 640_000);
    settings.pairs.as_mut().unwrap().push(strict);
    let rows = ["R1 H1 named_sign_in 0 9", "S1 H1 named_sign_in 0 9", "S2 H1 ext_name 0 9", "S3 H1 address 0 9"];
    let wanted = ["R1 H1 accepted 900000 -inf inf", "S1 H1 possible 900000 -inf inf", "S3 H1 possible 700000 0 9"];
    check_with(&rows, &settings, &wanted);
}

#[test]
fn two_accepted_homes_are_none() {
    let two = ["R1 H1 provisioning 5 6", "R1 H2 named_sign_in 0 9"];
    check(&two, &["R1 H1 conflict 990000 -inf inf", "R1 H2 conflict 900000 -inf inf"]);
    let three = [two[0], two[1], "R1 S1 puid 5 7"];
    let wanted = ["R1 H1 conflict 990000 -inf inf", "R1 H2 conflict 900000 -inf inf", "R1 S1 conflict 970000 -inf inf"];
    check(&three, &wanted);
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
    // Also when the next is from a tenant that is none of ours: what it was is over.
    let rows = ["R1 H1 named_sign_in 10 20", "R1 X2 named_sign_in 50 60"];
    check_with(&rows, &governed(), &["R1 H1 accepted 900000 -inf 50"]);
}

#[test]
fn a_refutation_ends_what_logs_and_directories_said() {
    let rows = [
        "R1 H1 named_sign_in 0 9",
        "R1 H1 address -inf inf",
        "R2 H2 address -inf inf",
        "R3 H3 common_source -inf inf",
        "refute R1 H -inf 50",
        "refute R1 X 50 inf",
        "refute R2 X -inf inf",
        "refute R3 X -inf inf",
    ];
    check(&rows, &["R1 H1 accepted 970000 -inf 50", "R3 H3 possible 950000 -inf inf"]);
}

#[test]
fn a_twin_that_signs_in_where_it_lives_is_still_somebodys_twin() {
    let twin = ["R1 H1 employee_id -inf inf", "fact R1 member -inf inf", "refute R1 R -inf inf"];
    check_with(&twin, &governed(), &["R1 H1 accepted 700000 -inf inf"]);
    let guest = ["R1 H1 employee_id -inf inf", "fact R1 external_guest -inf inf", "refute R1 R -inf inf"];
    check_with(&guest, &governed(), &[]);
    let elsewhere = ["R1 H1 employee_id -inf inf", "fact R1 member -inf inf", "refute R1 X 5 inf"];
    check_with(&elsewhere, &governed(), &["R1 H1 accepted 700000 -inf 5"]);
}

#[test]
fn links_live_as_long_as_the_account_is_a_guest() {
    let rows = [
        "R1 H1 named_sign_in 10 20",
        "R2 H2 named_sign_in 10 20",
        "R3 H3 common_source 0 inf",
        "fact R1 external_guest 0 100",
        "fact R1 member 100 inf",
        "fact R2 external_guest 5 40",
        "fact R3 member 7 inf",
    ];
    let wanted = ["R1 H1 accepted 900000 0 100", "R2 H2 accepted 900000 5 40", "R3 H3 possible 950000 7 inf"];
    check(&rows, &wanted);
}

#[test]
fn a_satellite_is_nobodys_home() {
    // By its directory.
    check(&["R1 H1 provisioning 0 1", "fact H1 external_member -inf inf"], &[]);
    check(&["R1 H1 provisioning 0 1", "fact H1 external_member -inf 50"], &["R1 H1 accepted 990000 50 inf"]);
    // By a link: the chain keeps its last link, the cycle keeps none.
    check(
        &["R1 H1 provisioning 0 1", "H1 S1 provisioning 0 1"],
        &["H1 S1 accepted 990000 -inf inf", "R1 H1 conflict 990000 -inf inf"],
    );
    check(
        &["R1 H1 provisioning 0 1", "H1 R1 provisioning 0 1"],
        &["H1 R1 conflict 990000 -inf inf", "R1 H1 conflict 990000 -inf inf"],
    );
    check(
        &["R1 H1 provisioning 0 1", "H1 S1 provisioning 0 1", "S1 R1 provisioning 0 1"],
        &["H1 S1 conflict 990000 -inf inf", "R1 H1 conflict 990000 -inf inf", "S1 R1 conflict 990000 -inf inf"],
    );
    // Only while it is one.
    check(
        &["R1 H1 provisioning 0 1", "H1 S1 statement 30 40"],
        &[
            "H1 S1 accepted 1000000 30 40",
            "R1 H1 accepted 990000 -inf 30",
            "R1 H1 conflict 990000 30 40",
            "R1 H1 accepted 990000 40 inf",
        ],
    );
    // Satellites of one home meet there, and never in each other.
    check(
        &["R1 H1 provisioning 0 1", "S1 H1 provisioning 0 1", "R1 S1 extension 0 inf"],
        &["R1 H1 accepted 990000 -inf inf", "S1 H1 accepted 990000 -inf inf"],
    );
    // An account is never its own satellite, nor one of its own tenant's.
    check(&["H1 H1 delegated_caller 0 1", "H2 H1 statement 0 1"], &[]);
}

#[test]
fn a_delegate_is_its_home_account_without_an_object_of_its_own() {
    check(&["R1 H1 delegated_caller 5 9"], &["R1 H1 accepted 1000000 -inf inf"]);
    check_with(&["S1 H1 delegated_caller 5 9"], &governed(), &[]);
}

#[test]
fn an_application_joins_its_principals_and_a_managed_identity_stays_where_it_is() {
    let principals =
        ["R1 H1 application 5 9", "fact R1 service_principal -inf inf", "fact H1 service_principal -inf inf"];
    check(&principals, &["R1 H1 accepted 990000 -inf inf"]);
    check(&["R1 H1 application 5 9", "fact R1 managed_identity -inf inf"], &[]);
}

#[test]
fn a_personal_account_has_no_home_on_the_directorys_word() {
    let consumer = "fact R1 consumer_guest -inf inf";
    check_with(&["R1 H1 address -inf inf", consumer], &governed(), &[]);
    check(&["R1 H1 named_sign_in 0 9", consumer], &["R1 H1 accepted 900000 -inf inf"]);
}

#[test]
fn a_statement_overrides_what_logs_and_directories_say() {
    let rows = [
        "R1 H1 statement -inf inf",
        "same R1 H1 @1 -inf inf",
        "refute R1 X -inf inf",
        "fact R1 external_guest 0 20",
        "fact H1 external_guest -inf inf",
    ];
    check(&rows, &["R1 H1 accepted 1000000 -inf inf"]);
    // But not the functional constraint: nobody has two homes.
    let two = ["R1 H1 statement -inf inf", "R1 H2 named_sign_in 0 9"];
    check(&two, &["R1 H1 conflict 1000000 -inf inf", "R1 H2 conflict 900000 -inf inf"]);
}

#[test]
fn only_the_last_word_about_a_couple_counts() {
    let evidence = "R1 H1 statement -inf inf";
    check(&[evidence, "same R1 H1 @1 -inf inf", "same R1 H1 @2 5 inf"], &["R1 H1 accepted 1000000 5 inf"]);
    check(&[evidence, "same R1 H1 @1 -inf inf", "withdrawn R1 H1 @2 -inf inf"], &[]);
    check(&[evidence, "same R1 H1 @1 -inf inf", "different R1 H1 @2 -inf inf"], &[]);
    check(&[evidence, "same R1 H1 @1 -inf inf", "same H1 R1 @2 -inf inf"], &[]);
    let mended = [evidence, "different R1 H1 @1 -inf inf", "same R1 H1 @2 -inf inf"];
    check(&mended, &["R1 H1 accepted 1000000 -inf inf"]);
    // What is said of one couple is nothing to another.
    check(&[evidence, "withdrawn R1 H2 @2 -inf inf"], &["R1 H1 accepted 1000000 -inf inf"]);
}

#[test]
fn who_is_somebody_else_is_not_joined() {
    let rows = ["R1 H1 provisioning 0 9", "R1 H1 delegated_caller 0 9", "R1 H2 address -inf inf"];
    let different = |span: &str| {
        [rows[0], rows[1], rows[2]]
            .map(String::from)
            .into_iter()
            .chain([format!("different R1 H1 @5 {span}")])
            .collect::<Vec<_>>()
    };
    let always = different("-inf inf");
    let always: Vec<_> = always.iter().map(String::as_str).collect();
    check(&always, &["R1 H2 possible 700000 -inf inf"]);
    let meanwhile = different("10 20");
    let meanwhile: Vec<_> = meanwhile.iter().map(String::as_str).collect();
    check(
        &meanwhile,
        &["R1 H1 accepted 1000000 -inf 10", "R1 H1 accepted 1000000 20 inf", "R1 H2 possible 700000 10 20"],
    );
    // In either direction.
    check(&["R1 H1 provisioning 0 9", "different H1 R1 @5 -inf inf"], &[]);
    // What is not it did not take it over either.
    check(
        &["R1 H1 named_sign_in 0 9", "R1 H2 named_sign_in 20 29", "different R1 H2 @5 -inf inf"],
        &["R1 H1 accepted 900000 -inf inf"],
    );
}

#[test]
fn two_people_have_no_home_in_common() {
    let different = "different R1 S1 @5 10 20";
    let rows = ["R1 H1 provisioning 0 9", "S1 H1 provisioning 0 9", "S2 H1 provisioning 0 9", different];
    let wanted = [
        "R1 H1 accepted 990000 -inf 10",
        "R1 H1 conflict 990000 10 20",
        "R1 H1 accepted 990000 20 inf",
        "S1 H1 accepted 990000 -inf 10",
        "S1 H1 conflict 990000 10 20",
        "S1 H1 accepted 990000 20 inf",
        "S2 H1 accepted 990000 -inf inf",
    ];
    check(&rows, &wanted);
    // Whom a statement joins to it keeps it.
    let rows = ["R1 H1 statement -inf inf", "S1 H1 provisioning 0 9", "different S1 R1 @5 -inf inf"];
    check(&rows, &["R1 H1 accepted 1000000 -inf inf", "S1 H1 conflict 990000 -inf inf"]);
}
