//! Identifiers: GUIDs in one canonical form, tenants, and accounts keyed by (tenant, object id).

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A GUID as one number. Read in any case, with or without dashes or braces; written in lower case with dashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Guid(u128);

impl Guid {
    /// The all-zero GUID, which Entra writes where it has nothing to say.
    pub const ZERO: Self = Self(0);

    /// From the 128-bit number whose hexadecimal digits are the GUID's text.
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    /// The number whose hexadecimal digits are the GUID's text.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// Reads 32 hexadecimal digits, with the usual dashes and braces or without (activity logs drop the dashes).
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let bytes = match bytes {
            [b'{', inner @ .., b'}'] => inner,
            _ => bytes,
        };
        let mut digits = [0u8; 32];
        match bytes.len() {
            36 => {
                if bytes[8] != b'-' || bytes[13] != b'-' || bytes[18] != b'-' || bytes[23] != b'-' {
                    return None;
                }
                digits[..8].copy_from_slice(&bytes[..8]);
                digits[8..12].copy_from_slice(&bytes[9..13]);
                digits[12..16].copy_from_slice(&bytes[14..18]);
                digits[16..20].copy_from_slice(&bytes[19..23]);
                digits[20..].copy_from_slice(&bytes[24..]);
            }
            32 => digits.copy_from_slice(bytes),
            _ => return None,
        }
        let (words, _) = digits.as_chunks::<8>();
        words.iter().try_fold(0u128, |value, word| Some(value << 32 | u128::from(hexadecimal(*word)?))).map(Self)
    }

    /// The object id that a cloud SID (`S-1-12-1-a-b-c-d`) encodes: four little-endian 32-bit words of the GUID's binary form.
    pub fn from_cloud_sid(sid: &str) -> Option<Self> {
        let rest = sid.get(..9).filter(|p| p.eq_ignore_ascii_case("S-1-12-1-")).and_then(|_| sid.get(9..))?;
        let mut words = rest.split('-');
        let mut bytes = [0u8; 16];
        for chunk in bytes.chunks_exact_mut(4) {
            chunk.copy_from_slice(&words.next()?.parse::<u32>().ok()?.to_le_bytes());
        }
        if words.next().is_some() {
            return None;
        }
        Some(Self::from_binary(bytes))
    }

    /// The cloud SID of this object id.
    pub fn cloud_sid(self) -> String {
        let b = self.binary();
        let word = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        format!("S-1-12-1-{}-{}-{}-{}", word(0), word(4), word(8), word(12))
    }

    /// Microsoft's binary layout: the first three groups little-endian, the last eight bytes as written.
    fn binary(self) -> [u8; 16] {
        let mut b = self.0.to_be_bytes();
        b[0..4].reverse();
        b[4..6].reverse();
        b[6..8].reverse();
        b
    }

    fn from_binary(mut b: [u8; 16]) -> Self {
        b[0..4].reverse();
        b[4..6].reverse();
        b[6..8].reverse();
        Self(u128::from_be_bytes(b))
    }
}

/// Eight hexadecimal digits at once: GUIDs are read several times per record, so every byte of a word is worked on together.
fn hexadecimal(digits: [u8; 8]) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_be_bytes(digits);
    // The high bit of each byte says whether the byte is at least `low` and at most `high`.
    let within = |word: u64, low: u64, high: u64| (word + EACH * (0x80 - low)) & !(word + EACH * (0x7f - high));
    if word & (EACH * 0x80) != 0 {
        return None;
    }
    let letter = within(word | (EACH * 0x20), 0x61, 0x66);
    let digit = within(word, 0x30, 0x39);
    if (letter | digit) & (EACH * 0x80) != EACH * 0x80 {
        return None;
    }
    let nibbles = (word & (EACH * 0x0f)) + (word >> 6 & EACH) * 9;
    let pairs = (nibbles >> 4 | nibbles) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs >> 8 | pairs) & 0x0000_ffff_0000_ffff;
    Some((quads >> 16 | quads) as u32)
}

impl Guid {
    /// Its text, in lower case. What [`Display`](fmt::Display) writes, in one piece.
    pub fn text(self) -> CompactString {
        CompactString::from(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }

    fn digits(self) -> [u8; 36] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.0.to_be_bytes();
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        text
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A Microsoft Entra tenant. Never a Log Analytics workspace, whose column is misleadingly named `TenantId`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantId(pub Guid);

impl TenantId {
    /// Reads the GUID of a tenant; the all-zero GUID is nobody's.
    pub fn parse(text: &str) -> Option<Self> {
        Guid::parse(text).filter(|g| *g != Guid::ZERO).map(Self)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One directory object: never keyed by UPN, mail or display name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AccountKey {
    /// The tenant whose directory holds the object.
    pub tenant: TenantId,
    /// Its object id there.
    pub object: Guid,
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guid_text_forms_agree() {
        let want = Guid::parse("5289e9c7-3945-4ffd-8fd3-d56124baf45d").unwrap();
        for text in [
            "5289E9C7-3945-4FFD-8FD3-D56124BAF45D",
            "5289e9c739454ffd8fd3d56124baf45d",
            "{5289e9c7-3945-4ffd-8fd3-d56124baf45d}",
        ] {
            assert_eq!(Guid::parse(text), Some(want));
        }
        assert_eq!(want.to_string(), "5289e9c7-3945-4ffd-8fd3-d56124baf45d");
        for text in ["", "5289e9c7", "5289e9c7-3945-4ffd-8fd3-d56124baf45g", "5289e9c7+3945-4ffd-8fd3-d56124baf45d"] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
    }

    // The two pairs checked against live records in exports.md 7.2.
    #[test]
    fn cloud_sid_is_the_object_id() {
        for (guid, sid) in [
            ("5289e9c7-3945-4ffd-8fd3-d56124baf45d", "S-1-12-1-1384769991-1341995333-1641403279-1576319524"),
            ("0a85025c-4238-4148-978f-587a8dd7960e", "S-1-12-1-176489052-1095254584-2052624279-244766605"),
        ] {
            let guid = Guid::parse(guid).unwrap();
            assert_eq!(guid.cloud_sid(), sid);
            assert_eq!(Guid::from_cloud_sid(sid), Some(guid));
        }
        assert_eq!(Guid::from_cloud_sid("S-1-5-21-1-2-3-4"), None);
        assert_eq!(Guid::from_cloud_sid("S-1-12-1-1-2-3-4-5"), None);
    }
}
