//! GUIDs and hexadecimal digits as bytes, and back: packed findings and snapshots hold most of their text so. Knows nothing of what
//! the text means.

use caponier_model::Guid;
use compact_str::CompactString;
use smallvec::SmallVec;

/// The number that a lower-case hexadecimal digit stands for.
const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The GUID of a text that is written exactly as we write one.
pub(crate) fn guid(text: &str) -> Option<Guid> {
    let digits = text.as_bytes();
    if digits.len() != 36 {
        return None;
    }
    let mut value: u128 = 0;
    for (at, digit) in digits.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *digit != b'-' {
                return None;
            }
        } else {
            value = value << 4 | u128::from(nibble(*digit)?);
        }
    }
    Some(Guid::from_u128(value))
}

/// The bytes of lower-case hexadecimal digits, two to a byte; none where anything else is among them.
pub(crate) fn packed(digits: &str) -> Option<SmallVec<[u8; 32]>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Lower-case hexadecimal digits of bytes, behind a prefix.
pub(crate) fn unpacked(prefix: &str, bytes: &[u8]) -> CompactString {
    let mut text: SmallVec<[u8; 96]> = SmallVec::from_slice(prefix.as_bytes());
    text.resize(prefix.len() + 2 * bytes.len(), 0);
    for (pair, byte) in text[prefix.len()..].chunks_exact_mut(2).zip(bytes) {
        (pair[0], pair[1]) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
    }
    CompactString::from_utf8_lossy(&text)
}

/// A GUID as we write one.
pub(crate) fn guid_text(guid: Guid) -> CompactString {
    let mut text = [b'-'; 36];
    let mut value = guid.as_u128();
    for (at, digit) in text.iter_mut().enumerate().rev() {
        if !matches!(at, 8 | 13 | 18 | 23) {
            *digit = DIGITS[(value & 15) as usize];
            value >>= 4;
        }
    }
    CompactString::from_utf8_lossy(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_back_the_same_is_packed() {
        for value in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677] {
            let guid_ = Guid::from_u128(value);
            assert_eq!(guid_text(guid_), guid_.to_string());
            assert_eq!(guid(&guid_text(guid_)), Some(guid_));
        }
        let upper = Guid::from_u128(u128::MAX).to_string().to_uppercase();
        for no in ["", "0", &upper, "00000000000000000000000000000000", "00000000-0000-0000-0000_000000000000"] {
            assert_eq!(guid(no), None, "{no}");
        }
        for text in ["", "00", "0aff10"] {
            assert_eq!(packed(text).map(|bytes| unpacked("", &bytes)).as_deref(), Some(text));
        }
        for no in ["0", "0A", "0g", "é"] {
            assert_eq!(packed(no), None, "{no}");
        }
        assert_eq!(unpacked("sha256:", &[0, 255]), "sha256:00ff");
    }
}
