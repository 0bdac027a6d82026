//! GUIDs and hexadecimal digits as bytes, and back: packed findings and snapshots hold most of their text so. Knows nothing of what
//! the text means.

use caponier_model::Guid;
use compact_str::CompactString;
use smallvec::SmallVec;

/// What no digit stands for.
const NONE: u8 = 0xff;

/// The number that each byte stands for as a lower-case hexadecimal digit.
const NIBBLES: [u8; 256] = {
    let (mut table, mut digit) = ([NONE; 256], 0);
    while digit < DIGITS.len() {
        table[DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

/// The byte of two digits; `seen` gathers what was no digit.
fn byte(high: u8, low: u8, seen: &mut u8) -> u8 {
    let (high, low) = (NIBBLES[usize::from(high)], NIBBLES[usize::from(low)]);
    *seen |= high | low;
    high << 4 | low & 15
}

/// Where the bytes of a GUID stand in its text.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The GUID of a text that is written exactly as we write one.
pub(crate) fn guid(text: &str) -> Option<Guid> {
    let digits: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut seen = 0;
    let mut bytes = [0; 16];
    for (out, at) in bytes.iter_mut().zip(PAIRS) {
        *out = byte(digits[at], digits[at + 1], &mut seen);
    }
    let written = seen < 16 && [8, 13, 18, 23].iter().all(|at| digits[*at] == b'-');
    written.then(|| Guid::from_u128(u128::from_be_bytes(bytes)))
}

/// The bytes of lower-case hexadecimal digits, two to a byte; none where anything else is among them.
pub(crate) fn packed(digits: &str) -> Option<SmallVec<[u8; 32]>> {
    let (pairs, odd) = digits.as_bytes().as_chunks();
    let mut seen = 0;
    let mut bytes = SmallVec::from_elem(0, pairs.len());
    for (out, [high, low]) in bytes.iter_mut().zip(pairs) {
        *out = byte(*high, *low, &mut seen);
        // Most texts are words, which their first letters tell.
        if seen >= 16 {
            return None;
        }
    }
    odd.is_empty().then_some(bytes)
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
