//! Names of incidents: hashes of the operator's epoch and the key of a finding, and nothing else.

use caponier_model::FindingKey;
use compact_str::CompactString;
use sha2::{Digest, Sha256};

/// An incident's id before it is written in digits; it orders as its digits do.
pub(crate) type IncidentId = u128;

/// The id that an incident with this founder gets: 32 hexadecimal digits of a SHA-256 over (epoch, key).
pub fn incident_id(epoch: u32, founder: &FindingKey) -> CompactString {
    digits(incident_id_nth(epoch, founder, 0))
}

/// The id as it is handed on.
pub(crate) fn digits(id: IncidentId) -> CompactString {
    hex(&id.to_be_bytes())
}

/// The id that these digits are, if they are one.
pub(crate) fn id_of(digits: &str) -> Option<IncidentId> {
    let id = IncidentId::from_str_radix(digits, 16).ok()?;
    (self::digits(id) == digits).then_some(id)
}

/// The id of the `nth` incident with this founder: one finding may found another incident after its first was redirected.
pub(crate) fn incident_id_nth(epoch: u32, founder: &FindingKey, nth: u32) -> IncidentId {
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
    hash.finalize().iter().take(16).fold(0, |id, byte| id << 8 | IncidentId::from(*byte))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> CompactString {
    crate::digits::unpacked("", bytes)
}
