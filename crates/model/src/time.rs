//! Event time: nanoseconds since 1970-01-01T00:00:00Z, taken from the record, never from a clock.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An instant of event time, in nanoseconds since the Unix epoch, UTC (1677-09-21 to 2262-04-11).
///
/// Microsoft's exports write up to seven fractional digits (100 ns), so microseconds would not round-trip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct EventTime(i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl EventTime {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant.
    pub const MAX: Self = Self(i64::MAX);

    /// An instant from nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// An instant from whole seconds since the Unix epoch, saturating at the ends of the range.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// This instant moved by `seconds` (may be negative), saturating.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(NANOS_PER_SECOND)))
    }

    /// Whole seconds from `earlier` to `self`, rounded towards zero; negative when `self` is the earlier one.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / NANOS_PER_SECOND
    }

    /// The instant of a civil UTC date and time, or `None` where a field is out of range.
    ///
    /// Days are counted with the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
    pub fn from_civil(date: (i32, u32, u32), clock: (u32, u32, u32), nanos: u32) -> Option<Self> {
        let (year, month, day) = date;
        let (hour, minute, second) = clock;
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        // A leap second is folded into the last nanosecond range of its minute's end, as Entra and Kusto never emit one.
        if hour > 23 || minute > 59 || second > 60 || nanos >= 1_000_000_000 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        let seconds = days.checked_mul(SECONDS_PER_DAY)? + i64::from(hour * 3600 + minute * 60 + second);
        seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(i64::from(nanos)).map(Self)
    }

    /// (year, month, day, hour, minute, second, nanosecond) in UTC.
    pub fn civil(self) -> (i32, u32, u32, u32, u32, u32, u32) {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let nanos = self.0.rem_euclid(NANOS_PER_SECOND) as u32;
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY) as u32;
        let (year, month, day) = civil_from_days(days);
        (year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60, nanos)
    }
}

impl fmt::Display for EventTime {
    /// ISO 8601 with `Z` and seven fractional digits when there are any (`2026-07-18T14:04:13.9516714Z`); nine only when needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, nanos) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if nanos % 100 != 0 {
            write!(f, ".{nanos:09}")?;
        } else if nanos != 0 {
            write!(f, ".{:07}", nanos / 100)?;
        }
        f.write_str("Z")
    }
}

const fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_from_civil(year: i32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i32, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    ((year_of_era + era * 400 + i64::from(month <= 2)) as i32, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_round_trips_over_four_centuries() {
        for day in (-146_097..146_097).step_by(13) {
            let time = EventTime::from_seconds(day * SECONDS_PER_DAY / 2 + 12_345);
            let (y, mo, d, h, mi, s, n) = time.civil();
            assert_eq!(EventTime::from_civil((y, mo, d), (h, mi, s), n), Some(time));
        }
    }

    #[test]
    fn text_keeps_100_ns() {
        let time = EventTime::from_civil((2026, 7, 18), (14, 4, 13), 951_671_400).unwrap();
        assert_eq!(time.to_string(), "2026-07-18T14:04:13.9516714Z");
        assert_eq!(EventTime::from_seconds(0).to_string(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn impossible_dates_are_none() {
        assert_eq!(EventTime::from_civil((2026, 2, 29), (0, 0, 0), 0), None);
        assert_eq!(EventTime::from_civil((2026, 13, 1), (0, 0, 0), 0), None);
        assert_eq!(EventTime::from_civil((2026, 1, 1), (24, 0, 0), 0), None);
    }
}
