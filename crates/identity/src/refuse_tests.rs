//! Why not: each reason on a case of its own, as text.

use crate::combine::case::{Case, account, refusals};
use crate::combine::combine;
use crate::settings::{DirectoryEvidence, PairSettings, Settings};
use caponier_model::{EvidenceKind, Pair, RefusalReason};
use std::collections::BTreeSet;

fn pair() -> Settings {
    let pair = Pair { home: account("H0").tenant, resource: account("R0").tenant };
    Settings { pairs: Some(vec![PairSettings::new(pair)]), ..Settings::default() }
}

/// Lines of a case, and the refusals wanted.
type Story = (&'static [&'static str], &'static [&'static str]);

const STORIES: &[Story] = &[
    (&["R1 H1 named_sign_in 0 9", "fact R1 external_guest -inf inf"], &[]),
    (
        &["R1 H1 address 0 inf", "R1 H1 ext_name 0 50"],
        &[
            "R1 H1 resource_directory_alone address,ext_name 0 50 (address)",
            "R1 H1 resource_directory_alone address 50 inf (address)",
        ],
    ),
    (&["R1 H1 looks_alike 0 inf"], &["R1 H1 too_weak looks_alike 0 inf (looks_alike)"]),
    (
        &["R1 H1 address -inf inf", "R1 H1 ext_name -inf inf", "refute R1 X 50 inf"],
        &[
            "R1 H1 resource_directory_alone address,ext_name -inf 50 (address)",
            "R1 H1 refuted address,ext_name 50 inf (log)",
            "R1 X home_not_monitored - 50 inf (log)",
        ],
    ),
    (&["ambiguous R1 H address 0 inf"], &["R1 H ambiguous address 0 inf (shared)"]),
    // What is known by other means is not in doubt; what a log says comes from elsewhere is not either.
    (&["ambiguous R1 H address 0 inf", "R1 H1 statement 0 50"], &["R1 H ambiguous address 50 inf (shared)"]),
    (
        &["ambiguous R1 H address 0 inf", "refute R1 X -inf inf"],
        &["R1 H refuted address 0 inf (log)", "R1 X home_not_monitored - -inf inf (log)"],
    ),
    (
        &["R1 H1 provisioning 0 9", "R1 H2 named_sign_in 0 9"],
        &[
            "R1 H1 two_homes provisioning -inf inf (provisioning)",
            "R1 H2 two_homes named_sign_in -inf inf (named_sign_in)",
        ],
    ),
    (
        &["R1 H1 provisioning 0 9", "fact H1 external_guest 20 inf"],
        &["H1 H no_evidence - 20 inf (directory)", "R1 H1 home_is_external provisioning 20 inf (directory)"],
    ),
    (
        &["R1 H1 address -inf inf", "different R1 H1 @5 0 9"],
        &[
            "R1 H1 resource_directory_alone address -inf 0 (address)",
            "R1 H1 resource_directory_alone address 9 inf (address)",
            "R1 H1 stated address 0 9 (ann: asked)",
        ],
    ),
    (&["R1 S1 provisioning 0 9"], &["R1 S1 pair_not_allowed provisioning -inf inf (provisioning)"]),
    (&["ambiguous R1 S address 0 9"], &["R1 S pair_not_allowed address 0 9 (shared)"]),
    // Before the creation nothing was seen; after the deletion something was.
    (
        &["R1 H1 named_sign_in 20 60", "fact R1 external_guest 10 50"],
        &["R1 H1 outside_life named_sign_in 50 60 (directory)"],
    ),
    (
        &["R1 H1 address 60 70", "fact R1 external_guest 10 50"],
        &["R1 R no_evidence - 10 50 (directory)", "R1 H1 outside_life address 60 70 (directory)"],
    ),
    (
        &["refute R1 X 5 inf", "fact R1 external_guest -inf inf"],
        &["R1 R no_evidence - -inf 5 (directory)", "R1 X home_not_monitored - 5 inf (log)"],
    ),
    // The home tenant is watched, and nobody there is it.
    (&["refute R1 H -inf inf", "fact R1 external_guest 0 50"], &["R1 H no_evidence - 0 50 (log)"]),
    (
        &["refute R1 H -inf inf", "R1 H1 statement 0 50"],
        &["R1 H no_evidence - -inf 0 (log)", "R1 H no_evidence - 50 inf (log)"],
    ),
    (
        &["R1 H1 address -inf inf", "fact R1 consumer_guest 0 inf"],
        &["R1 R no_entra_home - 0 inf (directory)", "R1 H1 no_entra_home address 0 inf (directory)"],
    ),
    (
        &["refute R1 R 5 inf", "fact R1 external_guest 0 50", "R1 H1 address 0 50"],
        &[
            "R1 H1 resource_directory_alone address 0 5 (address)",
            "R1 H1 refuted address 5 50 (log)",
            "R1 R no_entra_home - 5 50 (log)",
        ],
    ),
    (
        &["R1 H1 application 0 9", "fact R1 managed_identity -inf inf"],
        &["R1 H1 no_entra_home application -inf inf (directory)"],
    ),
    (&["fact R1 external_member 0 50"], &["R1 R no_evidence - 0 50 (directory)"]),
    // Somebody at home is nobody's satellite.
    (&["fact R1 member 0 50", "refute R1 R -inf inf"], &[]),
    // An accepted link leaves nothing to explain but the rival that the directory names.
    (
        &["R1 H1 named_sign_in 0 9", "R1 H2 address 0 9", "refute R1 H -inf inf", "ambiguous R1 H ext_name 0 9"],
        &["R1 H2 resource_directory_alone address 0 9 (address)"],
    ),
    (&["H1 H1 delegated_caller 0 9"], &[]),
];

#[test]
fn each_story_has_its_reasons() {
    for (lines, wanted) in STORIES {
        let Case { testimony, facts } = Case::read(lines);
        let mut found = refusals(&combine(&testimony, &facts, &pair()).refusals);
        let mut wanted = wanted.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{lines:#?}");
    }
}

#[test]
fn a_home_that_is_a_satellite_is_said_to_be_one() {
    let Case { testimony, facts } =
        Case::read(&["R1 H1 provisioning 0 9", "H1 S1 named_sign_in 0 9", "R1 H1 address 0 9"]);
    let found = refusals(&combine(&testimony, &facts, &Settings::default()).refusals);
    let wanted = [
        "R1 H1 home_is_satellite provisioning -inf 0 (named_sign_in)",
        "R1 H1 home_is_satellite provisioning 9 inf (named_sign_in)",
        "R1 H1 home_is_satellite provisioning,address 0 9 (named_sign_in)",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn a_pair_that_believes_its_directory_says_when_it_does_not() {
    let mut settings = pair();
    settings.pairs.as_mut().unwrap()[0].directory_evidence = DirectoryEvidence::Accept;
    let Case { testimony, facts } = Case::read(&["R1 H1 address 0 9", "ambiguous R1 H employee_id 5 inf"]);
    let found = refusals(&combine(&testimony, &facts, &settings).refusals);
    let wanted = ["R1 H ambiguous employee_id 5 inf (shared)", "R1 H1 ambiguous address 5 9 (address)"];
    assert_eq!(found, wanted);
    settings.pairs.as_mut().unwrap()[0].confidence.insert(EvidenceKind::Address, 0);
    let silent = Case::read(&["R1 H1 address 0 9"]);
    let found = refusals(&combine(&silent.testimony, &[], &settings).refusals);
    assert_eq!(found, ["R1 H1 too_weak address 0 9 (address)"]);
}

#[test]
fn no_reason_is_left_without_a_story() {
    let mut told: BTreeSet<RefusalReason> = BTreeSet::new();
    let star: Story = (&["R1 H1 provisioning 0 9", "H1 R1 provisioning 0 9"], &[]);
    for (lines, _) in STORIES.iter().chain([&star]) {
        let Case { testimony, facts } = Case::read(lines);
        for settings in [pair(), Settings::default()] {
            told.extend(combine(&testimony, &facts, &settings).refusals.iter().map(|r| r.reason));
        }
    }
    assert_eq!(told, RefusalReason::ALL.into());
}
