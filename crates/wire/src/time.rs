//! Every time form of the exports, read to the nanosecond. Knows no format and no clock.

use crate::json::Json;
use caponier_model::EventTime;

/// Reads a time in any form of exports.md 1.3: ISO with `T` or a space, 0 to 9 fractional digits, `Z`, an offset or no
/// zone (UTC), an hour of one digit; US format, month first, with `AM`/`PM`. `None` where no form fits.
pub fn parse_time(text: &str) -> Option<EventTime> {
    iso_fast(text.as_bytes()).or_else(|| slow(text.trim()))
}

/// The common form: `2026-07-18T14:04:13[.fraction](Z|+00:00)`.
fn iso_fast(b: &[u8]) -> Option<EventTime> {
    let head = b.first_chunk::<19>()?;
    if head[4] != b'-' || head[7] != b'-' || head[10] != b'T' || head[13] != b':' || head[16] != b':' {
        return None;
    }
    let mut wrong = false;
    let mut digit = |i: usize| {
        let d = head[i].wrapping_sub(b'0');
        wrong |= d > 9;
        u32::from(d)
    };
    let year = digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3);
    let mut two = |i: usize| digit(i) * 10 + digit(i + 1);
    let (month, day, hour, minute, second) = (two(5), two(8), two(11), two(14), two(17));
    if wrong {
        return None;
    }
    let (nanos, zone) = fraction(&b[19..])?;
    if !matches!(zone, b"Z" | b"+00:00") {
        return None;
    }
    EventTime::from_civil((year as i32, month, day), (hour, minute, second), nanos)
}

/// A leading `.digits` as nanoseconds (digits beyond nine are dropped), and what follows.
fn fraction(b: &[u8]) -> Option<(u32, &[u8])> {
    let Some(rest) = b.strip_prefix(b".").or_else(|| b.strip_prefix(b",")) else { return Some((0, b)) };
    let n = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    if n == 0 {
        return None;
    }
    let digits = rest[..n].iter().map(|c| u32::from(c - b'0')).chain(std::iter::repeat(0));
    let nanos = digits.take(9).fold(0, |nanos, digit| nanos * 10 + digit);
    Some((nanos, &rest[n..]))
}

/// A number of one to `most` digits, and what follows.
fn number(b: &[u8], most: usize) -> Option<(u32, &[u8])> {
    let n = b.iter().take(most).take_while(|c| c.is_ascii_digit()).count();
    if n == 0 {
        return None;
    }
    Some((b[..n].iter().fold(0, |v, c| v * 10 + u32::from(c - b'0')), &b[n..]))
}

fn slow(text: &str) -> Option<EventTime> {
    let b = text.as_bytes();
    let (first, rest) = number(b, 4)?;
    let (separator, rest) = rest.split_first()?;
    let (second, rest) = number(rest, 2)?;
    let rest = rest.strip_prefix(&[*separator])?;
    let (third, rest) = number(rest, 4)?;
    let date = match separator {
        b'-' if first >= 1000 => (first as i32, second, third),
        b'/' if first >= 1000 => (first as i32, second, third),
        b'/' => (third as i32, first, second),
        _ => return None,
    };
    if date.0 < 1000 {
        return None;
    }
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    if rest.is_empty() {
        return EventTime::from_civil(date, (0, 0, 0), 0);
    }
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b"t")).or_else(|| rest.strip_prefix(b" "))?;
    clock(date, rest.trim_ascii_start())
}

/// The time of day, an `AM`/`PM` and a zone.
fn clock(date: (i32, u32, u32), rest: &[u8]) -> Option<EventTime> {
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => number(rest, 2)?,
        None => (0, rest),
    };
    let (nanos, rest) = fraction(rest)?;
    let rest = rest.trim_ascii();
    let (hour, rest) = match rest.get(..2) {
        Some(m) if m.eq_ignore_ascii_case(b"PM") => (half_day(hour, 12)?, &rest[2..]),
        Some(m) if m.eq_ignore_ascii_case(b"AM") => (half_day(hour, 0)?, &rest[2..]),
        _ => (hour, rest),
    };
    let local = EventTime::from_civil(date, (hour, minute, second), nanos)?;
    Some(local.plus_seconds(-zone(rest.trim_ascii())?))
}

fn half_day(hour: u32, add: u32) -> Option<u32> {
    (1..=12).contains(&hour).then_some(hour % 12 + add)
}

/// Seconds east of UTC; no zone means UTC.
fn zone(b: &[u8]) -> Option<i64> {
    let (sign, rest) = match b {
        [] | [b'Z' | b'z'] | b"UTC" | b"GMT" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { number(rest, 2)? };
    (rest.is_empty() && hours <= 14 && minutes < 60).then_some(sign * i64::from(hours * 3600 + minutes * 60))
}

/// Reads epoch seconds or milliseconds, from a number or text: the size tells which (below 10^11 it is seconds).
pub fn parse_epoch(value: Json<'_>) -> Option<EventTime> {
    let number = value.integer()?;
    if number.unsigned_abs() < 100_000_000_000 {
        Some(EventTime::from_seconds(number))
    } else {
        Some(EventTime::from_nanos(number.checked_mul(1_000_000)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_as_its_instant() {
        for (text, want) in [
            ("2026-07-18T14:04:13.9516714Z", "2026-07-18T14:04:13.9516714Z"),
            ("2026-07-18T14:04:13.9140000Z", "2026-07-18T14:04:13.9140000Z"),
            ("2026-07-18T14:04:37Z", "2026-07-18T14:04:37Z"),
            ("2026-07-18T14:04:37.29Z", "2026-07-18T14:04:37.2900000Z"),
            ("2026-07-16T15:31:34.1881867+00:00", "2026-07-16T15:31:34.1881867Z"),
            ("2026-07-16T15:31:34.1881867-05:00", "2026-07-16T20:31:34.1881867Z"),
            ("2026-07-18T10:55:48.828746+00:00", "2026-07-18T10:55:48.8287460Z"),
            ("7/18/2026 2:03:03 PM", "2026-07-18T14:03:03Z"),
            ("7/18/2026 12:03:03 AM", "2026-07-18T00:03:03Z"),
            ("7/18/2026, 2:03:03.123 PM", "2026-07-18T14:03:03.1230000Z"),
            ("2022-09-09T8:48:50.361Z", "2022-09-09T08:48:50.3610000Z"),
            ("1/9/2007 9:41:00 AM", "2007-01-09T09:41:00Z"),
            ("1/9/2007 9:41:00 AM +01:00", "2007-01-09T08:41:00Z"),
            ("2007-01-09T09:41:00.12", "2007-01-09T09:41:00.1200000Z"),
            ("2007-01-09T09:41:00.123456789Z", "2007-01-09T09:41:00.123456789Z"),
            ("2026-07-18 14:04:13.9516714+00:00", "2026-07-18T14:04:13.9516714Z"),
            ("2026-07-18", "2026-07-18T00:00:00Z"),
        ] {
            assert_eq!(parse_time(text).map(|t| t.to_string()).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in
            ["", "now", "2026-13-01T00:00:00Z", "2026-07-18T14:04:13.Z", "18.7.2026", "2026-07-18T14:04:13+99:00"]
        {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn epochs_tell_seconds_from_milliseconds() {
        let read = |t| parse_epoch(Json::new(t)).map(|t| t.to_string());
        assert_eq!(read("\"1421876371\"").as_deref(), Some("2015-01-21T21:39:31Z"));
        assert_eq!(read("1784393869239").as_deref(), Some("2026-07-18T16:57:49.2390000Z"));
        assert_eq!(read("\"soon\""), None);
    }
}
