//! Vocabularies that alerts of all roads share: which product found it, the product's own id, tactics, techniques, verdicts.
//!
//! One fact has three spellings (`MDATP`, `Microsoft Defender for Endpoint`, `microsoftDefenderForEndpoint`): the tables
//! here make them one, so that the same alert has the same key by every road. Must not know where a word came from.

use caponier_model::Guid;
use compact_str::{CompactString, ToCompactString};

/// Spellings of providers, services and products, folded to letters and digits in lower case; our spelling.
const PRODUCTS: [(&str, &str); 45] = [
    ("mdatp", "mde"),
    ("microsoftdefenderforendpoint", "mde"),
    ("microsoftdefenderatp", "mde"),
    ("microsoftdefenderadvancedthreatprotection", "mde"),
    ("windowsdefenderatp", "mde"),
    ("windowsdefenderadvancedthreatprotection", "mde"),
    ("aatp", "mdi"),
    ("azureatp", "mdi"),
    ("azureadvancedthreatprotection", "mdi"),
    ("microsoftdefenderforidentity", "mdi"),
    ("oatp", "mdo"),
    ("officeatp", "mdo"),
    ("office365advancedthreatprotection", "mdo"),
    ("microsoftdefenderforoffice365", "mdo"),
    ("mcas", "mda"),
    ("cloudappsecurity", "mda"),
    ("microsoftcloudappsecurity", "mda"),
    ("microsoftdefenderforcloudapps", "mda"),
    ("ipc", "idp-alert"),
    ("aadidentityprotection", "idp-alert"),
    ("azureadidentityprotection", "idp-alert"),
    ("azureactivedirectoryidentityprotection", "idp-alert"),
    ("entraidprotection", "idp-alert"),
    ("microsoftentraidprotection", "idp-alert"),
    ("mtp", "xdr"),
    ("microsoftthreatprotection", "xdr"),
    ("microsoft365defender", "xdr"),
    ("microsoftdefenderxdr", "xdr"),
    ("microsoftxdr", "xdr"),
    ("azuresentinel", "sentinel"),
    ("microsoftsentinel", "sentinel"),
    ("asischeduledalerts", "sentinel"),
    ("asinrtalerts", "sentinel"),
    ("asc", "defender-for-cloud"),
    ("azuresecuritycenter", "defender-for-cloud"),
    ("microsoftdefenderforcloud", "defender-for-cloud"),
    ("azuresecuritycenterforiot", "defender-for-iot"),
    ("microsoftdefenderforiot", "defender-for-iot"),
    ("datalossprevention", "dlp"),
    ("microsoftdatalossprevention", "dlp"),
    ("appgovernance", "app-governance"),
    ("microsoftappgovernance", "app-governance"),
    ("appgovernancepolicy", "app-governance"),
    ("insiderriskmanagement", "insider-risk"),
    ("microsoftinsiderriskmanagement", "insider-risk"),
];

/// Defender's two letters in front of a provider's own id (exports.md 5.4).
const PREFIXES: [&str; 16] =
    ["da", "ed", "fa", "aa", "ri", "ca", "ma", "rm", "ra", "ta", "ea", "ad", "dl", "dc", "sn", "ir"];

/// ATT&CK tactics in the matrix's spelling without spaces, as Microsoft's products name them.
const TACTICS: [&str; 18] = [
    "Reconnaissance",
    "ResourceDevelopment",
    "InitialAccess",
    "Execution",
    "Persistence",
    "PrivilegeEscalation",
    "DefenseEvasion",
    "CredentialAccess",
    "Discovery",
    "LateralMovement",
    "Collection",
    "CommandAndControl",
    "Exfiltration",
    "Impact",
    "PreAttack",
    "InhibitResponseFunction",
    "ImpairProcessControl",
    "Evasion",
];

/// Our spelling of a product; the first name that says anything decides, an unknown one is kept, folded.
pub(crate) fn product(names: &[&str]) -> CompactString {
    let folded = names.iter().map(|n| fold(n)).find(|n| !n.is_empty()).unwrap_or_else(|| "unknown".into());
    if let Some((_, code)) = PRODUCTS.iter().find(|(name, _)| *name == folded) {
        return CompactString::const_new(code);
    }
    // Sentinel's own engines (`ASI Fusion`, `ASI Scheduled Alerts`, ...).
    if folded.starts_with("asi") { CompactString::const_new("sentinel") } else { folded }
}

/// The product's own alert id: without Defender's prefix where there is one, in lower case.
///
/// Two letters in front of something that is whole without them are the prefix; an id that is whole as it stands (a GUID
/// that happens to begin with `da`) keeps them.
pub(crate) fn own_id(id: &str) -> CompactString {
    let id = id.trim().to_ascii_lowercase();
    let (Some(head), Some(rest)) = (id.get(..2), id.get(2..)) else { return id.to_compact_string() };
    if PREFIXES.contains(&head) && !whole(&id) && !rest.is_empty() {
        return rest.to_compact_string();
    }
    id.to_compact_string()
}

/// A GUID, a GUID with a counter (`…_1`), or a digest of a usual length.
fn whole(id: &str) -> bool {
    let stem = id.rsplit_once('_').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit())).map_or(id, |(stem, _)| stem);
    if Guid::parse(stem).is_some() {
        return true;
    }
    matches!(id.len(), 24 | 32 | 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The tactics named in a list of words, JSON text or not; words that are no tactic (`Malware`, `Unknown`) are left out.
pub(crate) fn tactics(texts: &[&str]) -> Vec<CompactString> {
    let mut out: Vec<CompactString> = texts
        .iter()
        .flat_map(|text| text.split([',', ';', '[', ']', '"', '|']))
        .map(fold)
        .filter_map(|word| TACTICS.iter().find(|t| t.eq_ignore_ascii_case(&word)))
        .map(|t| CompactString::const_new(t))
        .collect();
    out.sort();
    out.dedup();
    out
}

/// Every ATT&CK technique that stands anywhere in the texts: `T1078`, `Cloud Accounts (T1078.004)`, `["T1047"]`.
pub(crate) fn techniques(texts: &[&str]) -> Vec<CompactString> {
    let mut out: Vec<CompactString> = texts.iter().flat_map(|text| technique_words(text)).collect();
    out.sort();
    out.dedup();
    out
}

fn technique_words(text: &str) -> impl Iterator<Item = CompactString> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).filter_map(|word| {
        let digits = word.strip_prefix(['T', 't'])?;
        let (number, sub) = digits.split_once('.').map_or((digits, None), |(n, s)| (n, Some(s)));
        let all = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        (all(number, 4) && sub.is_none_or(|s| all(s, 3))).then(|| word.to_ascii_uppercase().to_compact_string())
    })
}

/// A classification as a verdict: true positive, or false and benign; `None` for anything undecided.
pub(crate) fn verdict(classification: &str) -> Option<bool> {
    match fold(classification).as_str() {
        "truepositive" => Some(true),
        "falsepositive" | "benignpositive" | "benign" | "informationalexpectedactivity" => Some(false),
        _ => None,
    }
}

/// Resolved, dismissed, closed: nobody works on it any more.
pub(crate) fn closed(status: &str) -> bool {
    matches!(fold(status).as_str(), "resolved" | "dismissed" | "closed" | "remediated")
}

/// Letters and digits in lower case.
pub(crate) fn fold(text: &str) -> CompactString {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_vocabularies_agree() {
        let cases = [
            ("mde", ["MDATP", "Microsoft Defender for Endpoint", "microsoftDefenderForEndpoint"]),
            ("idp-alert", ["IPC", "AAD Identity Protection", "azureAdIdentityProtection"]),
            ("sentinel", ["ASI Scheduled Alerts", "Microsoft Sentinel", "microsoftSentinel"]),
            ("mdo", ["OATP", "MicrosoftDefenderforOffice365", "microsoftDefenderForOffice365"]),
            ("xdr", ["MicrosoftThreatProtection", "Microsoft Defender XDR", "microsoft365Defender"]),
        ];
        for (want, names) in cases {
            for name in names {
                assert_eq!(product(&[name]), want, "{name}");
            }
        }
        assert_eq!(product(&["", "Contoso Radar 9"]), "contosoradar9");
        assert_eq!(product(&[]), "unknown");
    }

    #[test]
    fn only_a_prefix_is_stripped() {
        let guid = "da12ab34-0000-4000-8000-000000000001";
        let cases = [
            ("da638034938542563831_172489803", "638034938542563831_172489803"),
            ("da7d9031bd-68b8-4a8b-9a0a-e3789eba907d_1", "7d9031bd-68b8-4a8b-9a0a-e3789eba907d_1"),
            ("7d9031bd-68b8-4a8b-9a0a-e3789eba907d_1", "7d9031bd-68b8-4a8b-9a0a-e3789eba907d_1"),
            ("DA12AB34-0000-4000-8000-000000000001_1", "da12ab34-0000-4000-8000-000000000001_1"),
            ("sn34c87846-505a-4c84-b125-44bce1202df4", "34c87846-505a-4c84-b125-44bce1202df4"),
            ("ad6450625369250ba3fc4b5752f34f474ec80b20ae", "6450625369250ba3fc4b5752f34f474ec80b20ae"),
            ("2516797850179999999_x", "2516797850179999999_x"),
            ("", ""),
            ("da", "da"),
        ];
        for (id, want) in cases {
            assert_eq!(own_id(id), want, "{id}");
        }
        assert_eq!(own_id(guid), guid);
        let digest = format!("ad{}", "0f".repeat(19));
        assert_eq!(own_id(&digest), digest, "forty digits are a whole digest");
    }

    #[test]
    fn tactics_and_techniques_in_every_dress() {
        assert_eq!(tactics(&["Initial access", "[\"InitialAccess\"]"]), ["InitialAccess"]);
        assert_eq!(tactics(&["LateralMovement, Execution, Unknown, Malware"]), ["Execution", "LateralMovement"]);
        assert_eq!(
            techniques(&[
                "[\"Valid Accounts (T1078)\",\"Cloud Accounts (T1078.004)\"]",
                "T1047;t1082",
                "T107 XT1078 T10789"
            ]),
            ["T1047", "T1078", "T1078.004", "T1082"]
        );
    }

    #[test]
    fn verdicts() {
        assert_eq!(verdict("truePositive"), Some(true));
        assert_eq!(verdict("Informational, expected activity"), Some(false));
        assert_eq!(verdict("Undetermined"), None);
        assert!(closed("Resolved") && closed("dismissed") && !closed("InProgress"));
    }
}
