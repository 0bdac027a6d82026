//! Times as each export writes them (exports.md 1.3). Knows the shapes, not the records that use them.

use caponier_model::EventTime;

/// `2026-03-02T14:04:13.9516714Z`: always seven digits (Log Analytics, Defender, diagnostic envelopes).
pub fn seven(time: EventTime) -> String {
    let (y, mo, d, h, mi, s, n) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:07}Z", n / 100)
}

/// `2026-03-02T14:04:13.9516714+00:00`: sign-ins' `createdDateTime`.
pub fn seven_offset(time: EventTime) -> String {
    let mut text = seven(time);
    text.pop();
    text.push_str("+00:00");
    text
}

/// `2026-03-02T14:04:13.951671+00:00`: audit rows' `activityDateTime`.
pub fn six_offset(time: EventTime) -> String {
    let (y, mo, d, h, mi, s, n) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:06}+00:00", n / 1000)
}

/// `2026-03-02T14:04:13.951671Z`: Defender's `Timestamp` and Sentinel's entity times.
pub fn six(time: EventTime) -> String {
    let (y, mo, d, h, mi, s, n) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:06}Z", n / 1000)
}

/// `2026-03-02T14:04:13Z`: Graph's directory times.
pub fn whole(time: EventTime) -> String {
    let (y, mo, d, h, mi, s, _) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}

/// `3/2/2026 2:03:03 PM`: month first, no zone, UTC: the envelope of risk records.
pub fn us(time: EventTime) -> String {
    let (y, mo, d, h, mi, s, _) = time.civil();
    let half = if h < 12 { "AM" } else { "PM" };
    let hour = if h % 12 == 0 { 12 } else { h % 12 };
    format!("{mo}/{d}/{y} {hour}:{mi:02}:{s:02} {half}")
}

/// `2026-03-02T8:48:50.361Z`: inner times of risk records, whose hour may have one digit.
pub fn risk(time: EventTime) -> String {
    let (y, mo, d, h, mi, s, n) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h}:{mi:02}:{s:02}.{:03}Z", n / 1_000_000)
}

/// The blob layout's part of a path for the hour of `time`: `y=2026/m=03/d=02/h=00/m=00/PT1H.json`.
pub fn blob(time: EventTime) -> String {
    let (y, mo, d, h, ..) = time.civil();
    format!("y={y:04}/m={mo:02}/d={d:02}/h={h:02}/m=00/PT1H.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_the_sample_s_form() {
        let at = EventTime::from_civil((2026, 7, 8), (8, 4, 13), 951_671_400).unwrap();
        assert_eq!(seven(at), "2026-07-08T08:04:13.9516714Z");
        assert_eq!(seven_offset(at), "2026-07-08T08:04:13.9516714+00:00");
        assert_eq!(six_offset(at), "2026-07-08T08:04:13.951671+00:00");
        assert_eq!(six(at), "2026-07-08T08:04:13.951671Z");
        assert_eq!(whole(at), "2026-07-08T08:04:13Z");
        assert_eq!(us(at), "7/8/2026 8:04:13 AM");
        assert_eq!(risk(at), "2026-07-08T8:04:13.951Z");
        assert_eq!(blob(at), "y=2026/m=07/d=08/h=08/m=00/PT1H.json");
    }

    #[test]
    fn noon_and_midnight_are_twelve() {
        let clock = |h| us(EventTime::from_civil((2026, 3, 2), (h, 0, 5), 0).unwrap());
        assert_eq!(clock(0), "3/2/2026 12:00:05 AM");
        assert_eq!(clock(12), "3/2/2026 12:00:05 PM");
        assert_eq!(clock(23), "3/2/2026 11:00:05 PM");
        assert_eq!(seven(EventTime::from_seconds(0)), "1970-01-01T00:00:00.0000000Z");
    }
}
