//! The final form: an incident without its history, so that two runs can be compared byte for byte.

use caponier_model::{ChangeKind, FindingKey, Incident};
use compact_str::CompactString;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The id that an incident with this founder gets: 32 hexadecimal digits of a SHA-256 over (epoch, key).
pub fn incident_id(epoch: u32, founder: &FindingKey) -> CompactString {
    incident_id_nth(epoch, founder, 0)
}

/// The id of the `nth` incident with this founder: one finding may found another incident after its first was redirected.
pub(crate) fn incident_id_nth(epoch: u32, founder: &FindingKey, nth: u32) -> CompactString {
    let mut hash = Sha256::new();
    hash.update(b"caponier.incident.1\0");
    hash.update(epoch.to_be_bytes());
    hash.update(founder.tenant.0.as_u128().to_be_bytes());
    for part in [&founder.product, &founder.id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    if nth > 0 {
        hash.update(nth.to_be_bytes());
    }
    hex(&hash.finalize()[..16])
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> CompactString {
    let mut text = CompactString::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The final forms of a run's incidents, sorted by (first activity, id).
///
/// History is left out: ids become hashes of (epoch, smallest member key), sequences 0, changes `created`; redirects,
/// continuations, splits and titles are cleared. References between incidents follow the new ids; a reference to an
/// incident that is not in the list is dropped.
pub fn final_forms(incidents: impl IntoIterator<Item = Incident>) -> Vec<Incident> {
    let mut all: Vec<Incident> = incidents.into_iter().filter(|i| !i.findings.is_empty()).collect();
    let names: BTreeMap<CompactString, CompactString> = all
        .iter()
        .filter_map(|i| Some((i.id.clone(), incident_id(i.epoch, i.findings.iter().map(|f| &f.key).min()?))))
        .collect();
    for incident in &mut all {
        if let Some(name) = names.get(&incident.id) {
            incident.id = name.clone();
        }
        incident.sequence = 0;
        incident.change = ChangeKind::Created;
        incident.redirect_to = None;
        incident.continues = None;
        incident.split_from = None;
        incident.title = caponier_model::Text::plain("");
        incident.related.retain_mut(|r| match names.get(&r.incident) {
            Some(name) => {
                r.incident = name.clone();
                true
            }
            None => false,
        });
        incident.related.sort();
        incident.related.dedup();
    }
    all.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    all
}
