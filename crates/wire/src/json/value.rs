//! A lazy cursor over the text of one JSON value. Reads what the exports mean, not only what JSON says: see exports.md 1.2.

use super::scan::{DEEPEST, has_backslash, literal_is_valid, skip_space, string_end, value_end};
use std::borrow::Cow;

/// The text of one JSON value, not yet read. The default is "absent", which reads as nothing whatever is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Json<'a> {
    raw: &'a str,
}

/// A dynamic column: an object or array in place, or unpacked from text.
#[derive(Clone, Debug)]
pub enum Dynamic<'a> {
    /// In place.
    Here(Json<'a>),
    /// Unpacked from JSON inside text.
    Unpacked(String),
}

impl Dynamic<'_> {
    /// The object or array.
    pub fn json(&self) -> Json<'_> {
        match self {
            Self::Here(json) => *json,
            Self::Unpacked(text) => Json::new(text),
        }
    }
}

impl<'a> Json<'a> {
    /// Nothing: what a missing key reads as.
    pub const ABSENT: Self = Self { raw: "" };

    /// A cursor over `text`, white space around it removed. Nothing is checked until it is read.
    pub fn new(text: &'a str) -> Self {
        Self { raw: text.trim_matches([' ', '\n', '\r', '\t']) }
    }

    /// A cursor over text that is exactly one value.
    pub(crate) const fn exact(raw: &'a str) -> Self {
        Self { raw }
    }

    /// The text of the value as it stands.
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// True where nothing is said: missing, `null`, `""` or `"None"` (habit 6).
    pub fn is_absent(self) -> bool {
        matches!(self.raw, "" | "null" | "\"\"" | "\"None\"")
    }

    /// True for an object.
    pub fn is_object(self) -> bool {
        self.raw.starts_with('{')
    }

    /// True for an array.
    pub fn is_array(self) -> bool {
        self.raw.starts_with('[')
    }

    /// True for a string.
    pub fn is_string(self) -> bool {
        self.raw.starts_with('"')
    }

    /// The text of a string, unescaped only where needed; a number or boolean as written; `None` where nothing is said
    /// and for containers.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.raw.as_bytes() {
            [b'"', inner @ .., b'"'] => {
                let text = self.raw.get(1..=inner.len())?;
                if inner.is_empty() || inner == b"None" {
                    None
                } else if !has_backslash(inner) {
                    Some(Cow::Borrowed(text))
                } else {
                    Some(unescape(text)).filter(|t| !t.is_empty()).map(Cow::Owned)
                }
            }
            b"null" => None,
            raw if literal_is_valid(raw) => Some(Cow::Borrowed(self.raw)),
            _ => None,
        }
    }

    /// A whole number, from a number or from text; never by way of a float, so 18 digits survive (habit 5).
    pub fn integer(self) -> Option<i64> {
        let text = self.text()?;
        let text = text.trim();
        let text = text.split_once('.').filter(|(_, f)| f.bytes().all(|b| b == b'0')).map_or(text, |(whole, _)| whole);
        text.parse().ok()
    }

    /// A boolean in any of its spellings: `true`, `0`, `"0"`, `"True"` (habit 7).
    pub fn boolean(self) -> Option<bool> {
        let text = self.text()?;
        match text.as_ref() {
            "1" => Some(true),
            "0" => Some(false),
            t if t.eq_ignore_ascii_case("true") => Some(true),
            t if t.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// An object or array, in place or as JSON inside text (habit 7).
    pub fn dynamic(self) -> Option<Dynamic<'a>> {
        if self.is_object() || self.is_array() {
            return Some(Dynamic::Here(self));
        }
        if !self.is_string() {
            return None;
        }
        let text = self.text()?;
        let trimmed = text.trim_start_matches([' ', '\n', '\r', '\t', '\u{feff}']);
        if !trimmed.starts_with(['{', '[']) {
            return None;
        }
        Some(Dynamic::Unpacked(trimmed.to_owned()))
    }

    /// The value of the first key that equals `key` without regard to ASCII case and says something; else absent.
    pub fn get(self, key: &str) -> Self {
        self.entries().find(|(k, v)| k.eq_ignore_ascii_case(key) && !v.is_absent()).map_or(Self::ABSENT, |(_, v)| v)
    }

    /// The keys and values of an object, in order; nothing for anything else, and nothing after a fault.
    pub fn entries(self) -> Entries<'a> {
        Entries { text: if self.is_object() { self.raw } else { "" }, at: 1 }
    }

    /// The elements of an array, in order; nothing for anything else, and nothing after a fault.
    pub fn items(self) -> Items<'a> {
        Items { text: if self.is_array() { self.raw } else { "" }, at: 1 }
    }
}

/// The entries of an object.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Cow<'a, str>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let end = string_end(bytes, at + 1).ok()?;
        let key = self.text.get(at + 1..end - 1)?;
        let key = if key.contains('\\') { Cow::Owned(unescape(key)) } else { Cow::Borrowed(key) };
        let colon = skip_space(bytes, end);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let start = skip_space(bytes, colon + 1);
        self.at = value_end(bytes, start, DEEPEST).ok()?;
        Some((key, Json::exact(self.text.get(start..self.at)?)))
    }
}

/// The elements of an array.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
        if matches!(bytes.get(at), None | Some(b']')) {
            return None;
        }
        self.at = value_end(bytes, at, DEEPEST).ok()?;
        Some(Json::exact(self.text.get(at..self.at)?))
    }
}

/// The text that the inside of a JSON string stands for. An impossible escape stays as written; half a surrogate pair
/// becomes U+FFFD.
pub(crate) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(slash) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..slash]);
        let tail = &rest[slash + 1..];
        let simple = match tail.as_bytes().first() {
            Some(b'n') => Some('\n'),
            Some(b't') => Some('\t'),
            Some(b'r') => Some('\r'),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'"') => Some('"'),
            Some(b'\\') => Some('\\'),
            Some(b'/') => Some('/'),
            _ => None,
        };
        rest = match (simple, unicode(tail)) {
            (Some(c), _) => {
                out.push(c);
                &tail[1..]
            }
            (None, Some((c, used))) => {
                out.push(c);
                tail.get(used..).unwrap_or_default()
            }
            (None, None) => {
                out.push('\\');
                tail
            }
        };
    }
    out.push_str(rest);
    out
}

/// Reads `uXXXX`, or a pair of them, at the start of `tail`: the character and the bytes used.
fn unicode(tail: &str) -> Option<(char, usize)> {
    let unit =
        |text: &str| text.strip_prefix('u').and_then(|t| t.get(..4)).and_then(|t| u32::from_str_radix(t, 16).ok());
    let high = unit(tail)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 5));
    }
    let low = tail.get(5..).and_then(|t| t.strip_prefix('\\')).and_then(unit).filter(|l| (0xdc00..0xe000).contains(l));
    match low {
        Some(low) => Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 11)),
        None => Some((char::REPLACEMENT_CHARACTER, 5)),
    }
}
