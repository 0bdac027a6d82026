//! Canonical values: equal things must be equal bytes, whatever the source's spelling (see `EntityKind` for each form).
//!
//! Pure text; must not know which record a value came from.

use caponier_model::Guid;
use compact_str::{CompactString, ToCompactString, format_compact};
use std::net::{IpAddr, Ipv4Addr};

/// Lower case by Unicode, as the identity tables fold names.
pub(crate) fn lower(text: &str) -> CompactString {
    CompactString::from_str_to_lowercase(text.trim())
}

/// `None` for what the sources write where they have nothing to say.
pub(crate) fn present(text: &str) -> Option<&str> {
    let text = text.trim();
    let nothing = ["", "-", "none", "null", "n/a", "unknown", "[]", "{}"];
    (!nothing.iter().any(|n| text.eq_ignore_ascii_case(n))).then_some(text)
}

/// A security identifier of one account. Well-known SIDs (`S-1-5-18`, `S-1-1-0`) name everyone's system account and are `None`.
pub(crate) fn account_sid(text: &str) -> Option<CompactString> {
    let text = text.trim();
    let own = |prefix: &str| text.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix));
    (own("S-1-5-21-") || own("S-1-12-1-")).then(|| text.to_ascii_uppercase().to_compact_string())
}

/// A PUID: 16 hexadecimal digits, upper case.
pub(crate) fn puid(text: &str) -> Option<CompactString> {
    let text = text.trim();
    (text.len() == 16 && is_hex(text)).then(|| text.to_ascii_uppercase().to_compact_string())
}

/// A Defender device id: 40 hexadecimal digits, lower case.
pub(crate) fn device(text: &str) -> Option<CompactString> {
    let text = text.trim();
    (text.len() == 40 && is_hex(text)).then(|| text.to_ascii_lowercase().to_compact_string())
}

/// An address in canonical text: brackets, port and zone stripped, a mapped IPv4 address unwrapped.
///
/// The unspecified and loopback addresses say nothing and are `None`.
pub(crate) fn address(text: &str) -> Option<CompactString> {
    let address = parse_address(text)?;
    (!address.is_unspecified() && !address.is_loopback()).then(|| address.to_compact_string())
}

/// The bare address inside `[::1]:443`, `203.0.113.9:443`, `fe80::1%3`, `::ffff:203.0.113.9`.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let inner = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((inner, _)) => inner,
        None => text,
    };
    let inner = inner.split_once('%').map_or(inner, |(address, _zone)| address);
    if let Ok(address) = inner.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (host, port) = inner.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

/// A URL with scheme and host in lower case, the rest as written.
pub(crate) fn url(text: &str) -> Option<CompactString> {
    let text = present(text)?;
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at(cut);
    let host = host.to_lowercase();
    // A lone slash says no more than none.
    let tail = if tail == "/" { "" } else { tail };
    Some(match scheme {
        Some(scheme) => format_compact!("{}://{host}{tail}", scheme.to_ascii_lowercase()),
        None => format_compact!("{host}{tail}"),
    })
}

/// A DNS name in lower case, without the root's dot.
pub(crate) fn domain(text: &str) -> Option<CompactString> {
    present(text).map(|t| lower(t.trim_end_matches('.')))
}

/// `algorithm:hex`; an algorithm without a name is told by its length.
pub(crate) fn hash(algorithm: &str, value: &str) -> Option<CompactString> {
    let value = value.trim();
    if !is_hex(value) || value.bytes().all(|b| b == b'0') {
        return None;
    }
    let by_length = match value.len() {
        32 => "md5",
        40 => "sha1",
        64 => "sha256",
        _ => return None,
    };
    let named = if algorithm.eq_ignore_ascii_case("sha256ac") { "sha256ac" } else { by_length };
    Some(format_compact!("{named}:{}", value.to_ascii_lowercase()))
}

/// An ARM resource id: lower case, no slash at the end.
pub(crate) fn resource(text: &str) -> Option<CompactString> {
    let text = present(text)?;
    text.starts_with('/').then(|| lower(text.trim_end_matches('/')))
}

/// A GUID in canonical text, or another id in lower case.
pub(crate) fn id(text: &str) -> Option<CompactString> {
    present(text).map(|t| Guid::parse(t).map_or_else(|| lower(t), |g| g.to_compact_string()))
}

/// A directory object's id; the all-zero GUID is nobody's.
pub(crate) fn object(text: &str) -> Option<Guid> {
    Guid::parse(text.trim()).filter(|g| *g != Guid::ZERO)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_agree() {
        let cases = [
            ("203.0.113.9", "203.0.113.9"),
            (" 203.0.113.9:49210", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:443", "203.0.113.9"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("fe80::1%12", "fe80::1"),
        ];
        for (text, want) in cases {
            assert_eq!(address(text).as_deref(), Some(want), "{text}");
        }
        for text in ["", "::1", "127.0.0.1", "0.0.0.0", "host:80", "203.0.113", "203.0.113.9:99999"] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn urls_fold_only_what_has_no_case() {
        assert_eq!(url("HTTPS://Evil.Example/A?b=C").as_deref(), Some("https://evil.example/A?b=C"));
        assert_eq!(url("Evil.Example/").as_deref(), Some("evil.example"));
        assert_eq!(url("none"), None);
    }

    #[test]
    fn weak_values_are_nobody() {
        assert_eq!(account_sid("S-1-5-18"), None);
        assert_eq!(account_sid("s-1-5-21-1-2-3-1104").as_deref(), Some("S-1-5-21-1-2-3-1104"));
        assert_eq!(hash("SHA256", &"0".repeat(64)), None);
        assert_eq!(hash("", &"AB".repeat(20)), Some(format_compact!("sha1:{}", "ab".repeat(20))));
        assert_eq!(object("00000000-0000-0000-0000-000000000000"), None);
        assert_eq!(device("mde-1"), None);
    }
}
