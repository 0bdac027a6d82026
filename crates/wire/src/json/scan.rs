//! Where strings, literals and containers end. Works on bytes, 16 or 64 at a time; knows no keys and no values.
//!
//! A container is skipped by bit masks over blocks of 64 bytes: which bytes are quotes, which lie inside strings, which
//! are brackets outside of them (Langdale and Lemire, "Parsing gigabytes of JSON per second"). `wide` makes the masks:
//! SSE2 on every x86-64, NEON on ARM, without unsafe code of ours.

/// What is wrong, and at which byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Byte offset in the text that was scanned.
    pub at: usize,
}

/// The kinds of faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The text ends inside a value.
    Cut,
    /// A byte that cannot stand here.
    Unexpected,
    /// More levels than allowed.
    TooDeep,
    /// Valid as far as read, but not an object.
    NotAnObject,
}

impl Fault {
    pub(crate) const fn new(kind: FaultKind, at: usize) -> Self {
        Self { kind, at }
    }

    /// A fault for whatever stands at `at`: the end of the text or a wrong byte.
    pub(crate) const fn here(bytes: &[u8], at: usize) -> Self {
        Self::new(if at < bytes.len() { FaultKind::Unexpected } else { FaultKind::Cut }, at)
    }
}

/// The deepest nesting that can be followed, whatever a limit says: one bit of a word per level.
pub(crate) const DEEPEST: u32 = 128;

/// The first position at or after `at` that holds no JSON white space.
#[inline]
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The position after the closing quote of the string whose first inner byte is at `at`.
#[inline]
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) else {
            return string_end_slow(bytes, at);
        };
        let hits = lanes::quote_or_backslash(chunk);
        if hits == 0 {
            at += 16;
            continue;
        }
        at += hits.trailing_zeros() as usize;
        if bytes.get(at) == Some(&b'"') {
            return Ok(at + 1);
        }
        at += 2;
    }
}

#[cold]
fn string_end_slow(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return Err(Fault::new(FaultKind::Cut, bytes.len())),
        }
    }
}

/// The position after the value that starts at `at`; scalars are checked, containers matched bracket by bracket.
#[inline]
pub(crate) fn value_end(bytes: &[u8], at: usize, depth: u32) -> Result<usize, Fault> {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at + 1),
        Some(b'{' | b'[') => container_end(bytes, at, depth),
        Some(_) => literal_end(bytes, at),
        None => Err(Fault::new(FaultKind::Cut, at)),
    }
}

/// The position after the literal or number at `at`.
#[inline]
fn literal_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let known = match rest {
        [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => 4,
        [b'f', b'a', b'l', b's', b'e', ..] => 5,
        _ => 0,
    };
    let mut end = at + known;
    while let Some(byte) = bytes.get(end) {
        if matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
            break;
        }
        end += 1;
    }
    if (known > 0 && end == at + known) || number_is_valid(&bytes[at..end]) {
        return Ok(end);
    }
    let cut = end == bytes.len() && (end == at || b"truefalsenull".windows(end - at).any(|w| w == &bytes[at..end]));
    Err(Fault::new(if cut { FaultKind::Cut } else { FaultKind::Unexpected }, at))
}

/// Is this text a whole literal: `true`, `false`, `null` or a number?
pub(crate) fn literal_is_valid(text: &[u8]) -> bool {
    matches!(text, b"true" | b"false" | b"null") || number_is_valid(text)
}

fn number_is_valid(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = &fraction[n..];
    }
    if let [b'e' | b'E', power @ ..] = rest {
        let power = match power {
            [b'+' | b'-', power @ ..] => power,
            _ => power,
        };
        let n = digits(power);
        if n == 0 {
            return false;
        }
        rest = &power[n..];
    }
    rest.is_empty()
}

/// The position after the object or array that opens at `at`. Strings and the kinds of brackets are respected; nothing
/// else inside is looked at. Iterative: a bomb of brackets costs one bit per level and stops at `depth`.
pub(crate) fn container_end(bytes: &[u8], at: usize, depth: u32) -> Result<usize, Fault> {
    let limit = depth.min(DEEPEST);
    let (mut kinds, mut level) = (0u128, 0u32);
    let (mut inside, mut escape) = (0u64, 0u64);
    let mut from = at;
    let mut tail = [0u8; 64];
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let block: &[u8; 64] = match rest.first_chunk::<64>() {
            Some(block) => block,
            None if rest.is_empty() => return Err(Fault::new(FaultKind::Cut, bytes.len())),
            None => {
                tail[..rest.len()].copy_from_slice(rest);
                tail[rest.len()..].fill(0);
                &tail
            }
        };
        let masks = lanes::masks(block);
        let backslash = if masks.backslash { lanes::backslashes(block) } else { 0 };
        let quotes = masks.quote & !escaped(backslash, &mut escape);
        let strings = prefix_xor(quotes) ^ inside;
        inside = ((strings as i64) >> 63) as u64;
        let mut brackets = masks.bracket & !strings;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            brackets &= brackets - 1;
            let byte = block[bit as usize & 63];
            // Bit 5 tells braces (0x7b, 0x7d) from brackets (0x5b, 0x5d); bit 1 tells opening from closing.
            let kind = u128::from(byte >> 5 & 1);
            if byte & 2 != 0 {
                level += 1;
                if level > limit {
                    return Err(Fault::new(FaultKind::TooDeep, from + bit as usize));
                }
                kinds = kinds << 1 | kind;
            } else if level == 0 || kinds & 1 != kind {
                return Err(Fault::new(FaultKind::Unexpected, from + bit as usize));
            } else {
                kinds >>= 1;
                level -= 1;
                if level == 0 {
                    return Ok(from + bit as usize + 1);
                }
            }
        }
        from += 64;
    }
}

/// Which bytes are escaped by a backslash before them; `carry` says whether the next block's first byte is.
#[inline]
fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    if backslash == 0 {
        return std::mem::take(carry);
    }
    let backslash = backslash & !*carry;
    let follows = backslash << 1 | *carry;
    let odd_starts = backslash & !EVEN & !follows;
    let (runs, overflow) = odd_starts.overflowing_add(backslash);
    *carry = u64::from(overflow);
    (EVEN ^ (runs << 1)) & follows
}

/// Bit i of the result is the parity of bits 0..=i.
#[inline]
const fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    bits
}

/// One bit per byte of a block.
struct Masks {
    quote: u64,
    /// Brackets and braces, opening and closing.
    bracket: u64,
    /// There is a backslash somewhere: rare enough to look for its place only then.
    backslash: bool,
}

/// Sixteen bytes at a time.
mod lanes {
    use super::Masks;
    use wide::u8x16;

    #[inline]
    fn equal(lane: u8x16, byte: u8) -> u8x16 {
        lane.simd_eq(u8x16::splat(byte))
    }

    #[inline]
    pub(super) fn quote_or_backslash(bytes: &[u8; 16]) -> u32 {
        let lane = u8x16::new(*bytes);
        (equal(lane, b'"') | equal(lane, b'\\')).to_bitmask()
    }

    #[inline]
    pub(super) fn has_backslash(bytes: &[u8; 16]) -> bool {
        equal(u8x16::new(*bytes), b'\\').to_bitmask() != 0
    }

    #[inline]
    pub(super) fn masks(block: &[u8; 64]) -> Masks {
        let mut masks = Masks { quote: 0, bracket: 0, backslash: false };
        let mut backslash = u8x16::splat(0);
        let (chunks, _) = block.as_chunks::<16>();
        for (i, chunk) in chunks.iter().enumerate() {
            let lane = u8x16::new(*chunk);
            // Setting bit 5 makes `[` equal to `{` and `]` equal to `}`, and nothing else equal to either.
            let folded = lane | u8x16::splat(0x20);
            let bracket = equal(folded, b'{') | equal(folded, b'}');
            masks.quote |= u64::from(equal(lane, b'"').to_bitmask()) << (16 * i);
            masks.bracket |= u64::from(bracket.to_bitmask()) << (16 * i);
            backslash |= equal(lane, b'\\');
        }
        masks.backslash = backslash.to_bitmask() != 0;
        masks
    }

    #[inline]
    pub(super) fn backslashes(block: &[u8; 64]) -> u64 {
        let (chunks, _) = block.as_chunks::<16>();
        let mask = |chunk: &[u8; 16]| u64::from(equal(u8x16::new(*chunk), b'\\').to_bitmask());
        chunks.iter().enumerate().fold(0, |bits, (i, chunk)| bits | mask(chunk) << (16 * i))
    }
}

/// Is there a backslash in a string?
#[inline]
pub(crate) fn has_backslash(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<16>();
    if chunks.iter().any(lanes::has_backslash) {
        return true;
    }
    match bytes.last_chunk::<16>() {
        Some(last) => lanes::has_backslash(last),
        None => rest.contains(&b'\\'),
    }
}
