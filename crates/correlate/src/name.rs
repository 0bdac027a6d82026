//! Names of incidents: hashes of the operator's epoch and the key of a finding, and nothing else.

use caponier_model::FindingKey;
use compact_str::CompactString;
use sha2::{Digest, Sha256};
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
