//! Scoring by hand-made truth and incidents whose figures are known.

use super::*;

const TRUTH: &str = r#"
{"type":"plan","generated":true}
{"type":"finding","tenant":"H","product":"mde","id":"1","sightings":[],"label":"attack","attack":"A000"}
{"type":"finding","tenant":"H","product":"mde","id":"2","sightings":[],"label":"attack","attack":"A000"}
{"type":"finding","tenant":"R","product":"sentinel","id":"3","sightings":[{"format":"SecurityAlert","id":"S3"}],"label":"attack","attack":"A000"}
{"type":"finding","tenant":"H","product":"mde","id":"4","sightings":[],"label":"attack","attack":"A001"}
{"type":"finding","tenant":"R","product":"mde","id":"5","sightings":[],"label":"attack","attack":"A001"}
{"type":"finding","tenant":"H","product":"mde","id":"6","sightings":[],"label":"ambient","attack":"A000"}
{"type":"finding","tenant":"R","product":"mde","id":"7","sightings":[],"label":"noise","attack":null}
{"type":"finding","tenant":"R","product":"mde","id":"8","sightings":[],"label":"noise","attack":null}
{"type":"link","account":{"tenant":"R","object":"g1"},"home":{"tenant":"H","object":"h1"},"kind":"guest","provable":true}
{"type":"link","account":{"tenant":"R","object":"g2"},"home":{"tenant":"H","object":"h2"},"kind":"guest","provable":true}
{"type":"link","account":{"tenant":"R","object":"g3"},"home":null,"kind":"hostile","provable":false}
"#;

fn incident(members: &[(&str, &str, &str)], rest: &str) -> String {
    let findings: Vec<String> = members
        .iter()
        .map(|(t, p, i)| format!(r#"{{"key":{{"tenant":"{t}","product":"{p}","id":"{i}"}},"sightings":[]}}"#))
        .collect();
    format!("{{\"state\":\"active\",\"findings\":[{}]{rest}}}\n", findings.join(","))
}

fn close(value: f64, want: f64) {
    assert!((value - want).abs() < 1e-9, "{value} is not {want}");
}

#[test]
fn a_perfect_run() {
    let text = [
        incident(&[("H", "mde", "1"), ("H", "mde", "2"), ("R", "sentinel", "3"), ("H", "mde", "6")], ""),
        incident(&[("H", "mde", "4"), ("R", "mde", "5")], ""),
        incident(&[("R", "mde", "7"), ("R", "mde", "8")], ""),
    ]
    .concat();
    let scores = score(TRUTH.as_bytes(), text.as_bytes()).unwrap();
    for value in [scores.precision, scores.recall, scores.cross_precision, scores.cross_recall, scores.adjusted_rand] {
        close(value, 1.0);
    }
    for value in [scores.v_measure, scores.b_cubed_precision, scores.b_cubed_recall, scores.precision_with_noise] {
        close(value, 1.0);
    }
    assert_eq!((scores.over_merged, scores.missing, scores.biggest), (0, 0, 4));
    assert_eq!(scores.ambient_absorbed, (0, 1, 1));
    assert_eq!((scores.attacks, scores.attacks_seen, scores.attacks_whole), (2, 2, 2));
}

#[test]
fn a_run_with_known_faults() {
    // One incident holds the first attack but for finding 3, the second attack, and noise 7; finding 3 is alone.
    let members = [("H", "mde", "1"), ("H", "mde", "2"), ("H", "mde", "4"), ("R", "mde", "5"), ("R", "mde", "7")];
    let text = incident(&members, "") + &incident(&[("R", "rule", "x")], "");
    let scores = score(TRUTH.as_bytes(), text.as_bytes()).unwrap();
    // Predicted pairs of attack findings: 6 of {1,2,4,5}; right: 1-2 and 4-5. True pairs: 3 + 1.
    close(scores.precision, 2.0 / 6.0);
    close(scores.recall, 2.0 / 4.0);
    // Across tenants: predicted 1-5, 2-5, 4-5; right 4-5. True: 1-3, 2-3, 4-5.
    close(scores.cross_precision, 1.0 / 3.0);
    close(scores.cross_recall, 1.0 / 3.0);
    // Noise 7 with four attack findings, three of them of the other tenant.
    close(scores.precision_with_noise, 2.0 / 10.0);
    close(scores.cross_precision_with_noise, 1.0 / 6.0);
    assert_eq!((scores.over_merged, scores.noise_absorbed, scores.unknown), (1, 1, 1));
    // 3, 6 and 8 are nowhere.
    assert_eq!((scores.missing, scores.missing_attack), (3, 1));
    assert_eq!((scores.attacks_seen, scores.attacks_whole), (2, 1));
}

#[test]
fn a_herring_is_taken_where_one_incident_holds_both_attacks() {
    let truth = format!("{TRUTH}{}\n", r#"{"type":"herring","guard":"G5","attacks":["A000","A001"]}"#);
    for (members, taken) in [(vec![("H", "mde", "1"), ("H", "mde", "4")], 1), (vec![("H", "mde", "1")], 0)] {
        let scores = score(truth.as_bytes(), incident(&members, "").as_bytes()).unwrap();
        assert_eq!((scores.herrings, scores.herrings_taken), (1, taken));
    }
}

#[test]
fn a_sighting_s_id_finds_it_too() {
    let text =
        r#"{"findings":[{"key":{"tenant":"R","product":"other","id":"?"},"sightings":[{"format":"x","id":"s3"}]}]}"#;
    let scores = score(TRUTH.as_bytes(), text.as_bytes()).unwrap();
    assert_eq!((scores.unknown, scores.missing_attack), (0, 4));
}

#[test]
fn links_are_checked() {
    let link = |state: &str, s: &str, h: &str| {
        format!(
            r#"{{"account":{{"tenant":"R","object_id":"{s}"}},"home":{{"tenant":"H","object_id":"{h}"}},"state":"{state}"}}"#
        )
    };
    let links = [link("accepted", "g1", "h1"), link("accepted", "g3", "h3"), link("possible", "g2", "h9")].join(",");
    let accounts = r#"{"tenant":"R","object_id":"g1"},{"tenant":"R","object_id":"g2"}"#;
    let rest = format!(r#","persons":[{{"accounts":[{accounts}],"links":[{links}]}}]"#);
    let text = incident(&[("H", "mde", "1")], &rest);
    let scores = score(TRUTH.as_bytes(), text.as_bytes()).unwrap();
    assert_eq!(scores.links, 2);
    close(scores.link_precision, 0.5);
    close(scores.link_recall, 0.5);
}

#[test]
fn nothing_predicted_is_no_precision() {
    let scores = score(TRUTH.as_bytes(), "".as_bytes()).unwrap();
    assert!(scores.precision.is_nan() && scores.reduction.is_nan());
    close(scores.recall, 0.0);
    assert!(scores.to_json().contains("\"pairwise_precision\":null"));
    serde_json::from_str::<serde_json::Value>(&scores.to_json()).unwrap();
}

#[test]
fn faults_name_the_line() {
    for (truth, incidents, want) in [
        ("{}", "", "truth, line 1: no type"),
        ("\n{", "", "truth, line 2: not JSON"),
        ("{\"type\":\"finding\",\"tenant\":\"H\"}", "", "truth, line 1: a finding without product"),
        ("", "{}", "incidents, line 1: no findings"),
    ] {
        let error = score(truth.as_bytes(), incidents.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
    }
}
