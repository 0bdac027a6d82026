//! What each table of each tenant says of itself: in which hours it came, and how long after what it tells of. From that follow the sources
//! that fell silent and those whose clocks are off. Sets only, so that neither order nor repeats of records change what is said.

use super::PRODUCT;
use caponier_model::{Body, Event, EventTime, Matter, Sighting, StreamRow, TenantId, Text};
use caponier_rules::Operational;
use caponier_wire::{Json, parse_time};
use compact_str::{CompactString, ToCompactString, format_compact};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// A stream of more distinct hours than four years have is not judged.
const HOURS_MAX: usize = 4 * 366 * 24;
/// So many records of a day are asked when they were received: those whose content hashes lowest, which are the same in any order.
const SAMPLE: usize = 64;
/// Where records say when they were received, in the order in which they are asked.
const RECEIVED: [&str; 3] = ["_TimeReceivedBySvc", "time", "TimeGenerated"];
/// One table has a name for each envelope that it comes in.
const ENVELOPES: [&str; 4] = ["_diag", "_graph", "_la", "_rest"];

/// All streams.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Streams {
    by: BTreeMap<(TenantId, &'static str), Stream>,
    /// The last instant that any record tells of.
    end: Option<EventTime>,
}

/// One table of one tenant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Stream {
    /// By hour since the epoch: the first and last record.
    hours: BTreeMap<i64, (EventTime, EventTime)>,
    /// By day: the records that were asked, by content: when it happened, and how many seconds later it was received.
    days: BTreeMap<i64, BTreeMap<u128, (EventTime, i64)>>,
}

impl Streams {
    /// Notes a record. What is no log (alerts come when they come, a directory is read at once) has no rhythm and is not noted.
    ///
    /// Cost: two probes; the record's text is read for the sample alone.
    pub fn see(&mut self, event: &Event<'_>, record: &[u8]) {
        self.end = self.end.max(Some(event.time));
        if !matches!(
            event.body,
            Body::SignIn(_) | Body::Audit(_) | Body::Caller(_) | Body::Provisioning(_) | Body::Plain
        ) {
            return;
        }
        let stream = self.by.entry((event.tenant, stem(event.format))).or_default();
        let second = event.time.seconds_since(EventTime::from_seconds(0));
        let hour = second.div_euclid(HOUR);
        if let Some((first, last)) = stream.hours.get_mut(&hour) {
            (*first, *last) = ((*first).min(event.time), (*last).max(event.time));
        } else if stream.hours.len() <= HOURS_MAX {
            stream.hours.insert(hour, (event.time, event.time));
        } else {
            return;
        }
        let sample = stream.days.entry(day(event.time)).or_default();
        if sample.len() >= SAMPLE && sample.last_key_value().is_some_and(|(most, _)| event.content >= *most) {
            return;
        }
        if let Some(received) = received(record) {
            sample.insert(event.content, (event.time, received.seconds_since(event.time)));
            while sample.len() > SAMPLE {
                sample.pop_last();
            }
        }
    }

    /// Takes in what another reader noted.
    pub fn append(&mut self, other: Self) {
        self.end = self.end.max(other.end);
        for (key, stream) in other.by {
            let own = self.by.entry(key).or_default();
            for (hour, (first, last)) in stream.hours {
                let held = own.hours.entry(hour).or_insert((first, last));
                *held = (held.0.min(first), held.1.max(last));
            }
            for (day, sample) in stream.days {
                let held = own.days.entry(day).or_default();
                held.extend(sample);
                while held.len() > SAMPLE {
                    held.pop_last();
                }
            }
        }
    }

    /// The same as rows, by tenant and table.
    pub fn rows(&self) -> Vec<StreamRow> {
        let row = |((tenant, table), stream): (&(TenantId, &'static str), &Stream)| StreamRow {
            tenant: *tenant,
            table: CompactString::const_new(table),
            hours: stream.hours.iter().map(|(hour, (first, last))| (*hour, *first, *last)).collect(),
            asked: stream.days.values().flatten().map(|(content, (time, lag))| (*content, *time, *lag)).collect(),
        };
        self.by.iter().map(row).collect()
    }

    /// Takes in rows; those of a table that none of `formats` is an envelope of say nothing.
    pub fn take(&mut self, rows: Vec<StreamRow>, formats: &[&'static str]) {
        for row in rows {
            let Some(table) = formats.iter().map(|format| stem(format)).find(|table| *table == row.table) else {
                continue;
            };
            let hours: BTreeMap<_, _> =
                row.hours.into_iter().map(|(hour, first, last)| (hour, (first, last))).collect();
            let mut days: BTreeMap<i64, BTreeMap<u128, (EventTime, i64)>> = BTreeMap::new();
            for (content, time, lag) in row.asked {
                days.entry(day(time)).or_default().insert(content, (time, lag));
            }
            let end = hours.values().map(|(_, last)| *last).max();
            self.append(Self { by: BTreeMap::from([((row.tenant, table), Stream { hours, days })]), end });
        }
    }

    /// Forgets hours and days before `horizon`, and streams of which nothing is left.
    pub fn forget(&mut self, horizon: EventTime) {
        let second = horizon.seconds_since(EventTime::from_seconds(0));
        for stream in self.by.values_mut() {
            stream.hours = stream.hours.split_off(&second.div_euclid(HOUR));
            stream.days = stream.days.split_off(&day(horizon));
        }
        self.by.retain(|_, stream| !stream.hours.is_empty());
    }

    /// Forgets those of a tenant.
    pub fn forget_of(&mut self, tenant: TenantId) {
        self.by.retain(|(of, _), _| *of != tenant);
    }

    /// A tenant turned out to be another one.
    pub fn rename(&mut self, name: impl Fn(TenantId) -> TenantId) {
        for ((tenant, table), stream) in std::mem::take(&mut self.by) {
            let one = Self { by: BTreeMap::from([((name(tenant), table), stream)]), end: None };
            self.append(one);
        }
    }

    /// The last instant that any record tells of; `None` without records.
    pub const fn end(&self) -> Option<EventTime> {
        self.end
    }

    /// A finding for each pause of a steady stream that its own past does not explain, while another tenant's same table goes on. Only what
    /// lies before `until` is judged: up to there everything is told, beyond it one source may have been read further than another.
    pub fn silences(&self, told: &Operational, until: EventTime) -> Vec<Sighting> {
        let [history, least, factor] = ["history", "least", "factor"].map(|key| told.setting(key));
        let mut out = Vec::new();
        for ((tenant, table), stream) in &self.by {
            let others = || self.by.iter().filter(|((t, f), _)| t != tenant && f == table).map(|(_, s)| s);
            let end = others().filter_map(|s| s.hours.last_key_value()).map(|(_, (_, last))| *last).max();
            let end = end.map(|end| end.min(until));
            let (Some(end), Some((_, (begin, _)))) = (end, stream.hours.first_key_value()) else { continue };
            if stream.hours.len() > HOURS_MAX {
                continue;
            }
            let (mut longest, mut last) = (0_i64, *begin);
            let spans = stream.hours.values().copied().filter(|(first, _)| *first <= end).chain([(end, end)]);
            for (first, then) in spans {
                let pause = first.seconds_since(last);
                let steady = last.seconds_since(*begin) >= history;
                let goes_on = || others().any(|other| other.pause(last, first) * 2 < pause);
                if steady && pause > least.max(longest.saturating_mul(factor)) && goes_on() {
                    out.push(silence(*tenant, table, (last, first), pause));
                }
                (longest, last) = (longest.max(pause), last.max(then));
            }
        }
        out
    }

    /// A finding for each run of days on which a stream tells the time too late or ahead, of the days that are over at `until`.
    pub fn skews(&self, told: &Operational, until: EventTime) -> Vec<Sighting> {
        let (ahead, records) = (told.setting("ahead"), usize::try_from(told.setting("records")).unwrap_or(1).max(1));
        let mut out = Vec::new();
        for ((tenant, table), stream) in &self.by {
            let own = told.setting(&format!("behind_{table}"));
            let behind = if own > 0 { own } else { told.setting("behind") };
            let mut run: Option<Run> = None;
            let over = stream.days.iter().filter(|(number, _)| **number < day(until));
            for (day, sample) in over.filter(|(_, sample)| sample.len() >= records) {
                let mut lags: Vec<i64> = sample.values().map(|(_, lag)| *lag).collect();
                lags.sort_unstable();
                // Nine of ten lag by this much or more; one of ten by this much or less.
                let lag = lags[(lags.len() - 1) / 10];
                let (late, early) = (lag > behind, lag < -ahead);
                let times = sample.values().map(|(time, _)| *time);
                let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { continue };
                let goes_on = run.as_ref().is_some_and(|r| r.late == late && r.day + 1 == *day);
                match &mut run {
                    Some(run) if goes_on && (late || early) => {
                        (run.day, run.last) = (*day, last);
                        run.worst = if late { run.worst.max(lag) } else { run.worst.min(lag) };
                    }
                    _ => {
                        out.extend(run.take().map(|r| r.finding(*tenant, table)));
                        run = (late || early).then_some(Run { late, day: *day, first, last, worst: lag });
                    }
                }
            }
            out.extend(run.map(|r| r.finding(*tenant, table)));
        }
        out
    }
}

impl Stream {
    /// The longest pause within a span, its ends included.
    fn pause(&self, from: EventTime, until: EventTime) -> i64 {
        let (mut longest, mut last) = (0, from);
        let hour = |t: EventTime| t.seconds_since(EventTime::from_seconds(0)).div_euclid(HOUR);
        for (first, then) in self.hours.range(hour(from)..=hour(until)).map(|(_, span)| *span) {
            if then >= from && first <= until {
                longest = longest.max(first.seconds_since(last));
                last = last.max(then.min(until));
            }
        }
        longest.max(until.seconds_since(last))
    }
}

/// Days in a row on which a stream told the time wrongly in one direction.
struct Run {
    late: bool,
    day: i64,
    first: EventTime,
    last: EventTime,
    worst: i64,
}

impl Run {
    fn finding(self, tenant: TenantId, table: &str) -> Sighting {
        let words = if self.late {
            "records of {table} come {span} late: nine of ten on the worst day"
        } else {
            "records of {table} tell of what lies {span} after their receipt"
        };
        let title = Text::plain(words).with("table", table, None, None).with(
            "span",
            &span(self.worst.saturating_abs()),
            None,
            None,
        );
        let way = if self.late { "late" } else { "ahead" };
        // Which record of the day was asked first may be another one tomorrow.
        let subject = format_compact!("{table}:{way}:{}", EventTime::from_seconds(day(self.first) * DAY));
        let (first, last) = (self.first, self.last);
        let matter = Matter { detector: "clock_skew", tenant, subject, first, last, title, entities: Vec::new() };
        Sighting::operational(PRODUCT, matter)
    }
}

fn silence(tenant: TenantId, table: &str, (first, last): (EventTime, EventTime), pause: i64) -> Sighting {
    let title = Text::plain("no record of {table} for {span}, while another tenant's went on")
        .with("table", table, None, None)
        .with("span", &span(pause), None, None);
    let subject = format_compact!("{table}:{first}");
    let matter = Matter { detector: "source_silence", tenant, subject, first, last, title, entities: Vec::new() };
    Sighting::operational(PRODUCT, matter)
}

/// `2 d 4 h`, `35 min`, `20 s`.
fn span(seconds: i64) -> CompactString {
    match seconds {
        s if s >= DAY => format_compact!("{} d {} h", s / DAY, s % DAY / HOUR),
        s if s >= HOUR => format_compact!("{} h {} min", s / HOUR, s % HOUR / 60),
        s if s >= 60 => format_compact!("{} min", s / 60),
        s => format_compact!("{} s", s.to_compact_string()),
    }
}

/// Days since 1970.
fn day(time: EventTime) -> i64 {
    time.seconds_since(EventTime::from_seconds(0)).div_euclid(DAY)
}

fn stem(format: &'static str) -> &'static str {
    ENVELOPES.iter().find_map(|envelope| format.strip_suffix(envelope)).unwrap_or(format)
}

fn received(record: &[u8]) -> Option<EventTime> {
    let json = Json::new(std::str::from_utf8(record).ok()?);
    RECEIVED.iter().find_map(|key| parse_time(&json.get(key).text()?))
}
