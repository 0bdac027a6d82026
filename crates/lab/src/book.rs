//! Puts records into the files they would be found in: one blob an hour and stream, copies and late arrivals included.
//!
//! Holds one hour of text (and the few records that arrive later), so memory grows with the people, not with the days.
//! Knows nothing of what a record says.

use crate::output::Output;
use crate::plan::{HOUR, LabError, Plan, Written};
use crate::random::Random;
use crate::times;
use caponier_model::{EventTime, TenantId};
use std::collections::BTreeMap;

/// How records lie in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// One record a line, CRLF: diagnostic settings in a storage account.
    Lines,
    /// `{"records":[…]}` a line: several messages, of several records each.
    Messages,
}

/// A kind of stream: one container of blobs in each tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table {
    /// The container's name.
    pub container: &'static str,
    /// How its files look.
    pub form: Form,
    /// Seconds from the event to the envelope, when all is well.
    pub delay: (i64, i64),
    /// False where the row has no envelope time: a copy is then equal to the byte.
    pub enveloped: bool,
}

struct Line {
    envelope: EventTime,
    text: String,
}

/// The files being written.
pub struct Book<'a> {
    out: &'a mut dyn Output,
    /// Hours not yet closed, then path, then lines. Ordered, because the order of calls reaches the medium.
    open: BTreeMap<i64, BTreeMap<String, (Form, Vec<Line>)>>,
    random: Random,
    copies: u32,
    late: u32,
    /// What has been written so far.
    pub written: Written,
}

/// Largest number of records in one message.
const MESSAGE: usize = 24;

impl<'a> Book<'a> {
    /// Nothing written yet.
    pub fn new(plan: &Plan, out: &'a mut dyn Output) -> Self {
        Self {
            out,
            open: BTreeMap::new(),
            random: Random::new(plan.seed, "book"),
            copies: plan.ratios.copies,
            late: plan.ratios.late,
            written: Written::default(),
        }
    }

    /// Writes one record of `table` in `tenant`'s folder. `render` makes its text for an envelope time; it is called
    /// again for a copy, and must write the same record.
    pub fn put(&mut self, table: &Table, tenant: TenantId, event: EventTime, render: impl Fn(EventTime) -> String) {
        let mut delay = self.random.range(table.delay.0, table.delay.1);
        if self.random.chance(self.late) {
            delay += self.random.range(HOUR, 9 * HOUR);
            self.written.late += 1;
        }
        let envelope = self.instant(event, delay);
        let text = render(envelope);
        if self.random.chance(self.copies) {
            let again = self.random.range(60, 1800);
            let later = self.instant(envelope, again);
            let copy = if table.enveloped { render(later) } else { text.clone() };
            self.written.copies += 1;
            self.keep(table, tenant, later, copy);
        }
        self.keep(table, tenant, envelope, text);
    }

    fn instant(&mut self, from: EventTime, seconds: i64) -> EventTime {
        EventTime::from_nanos(from.plus_seconds(seconds).nanos() + self.random.range(0, 10_000_000) * 100)
    }

    fn keep(&mut self, table: &Table, tenant: TenantId, envelope: EventTime, text: String) {
        let hour = envelope.nanos().div_euclid(HOUR * 1_000_000_000);
        let path = format!("captures/{}/tenantId={tenant}/{}", table.container, times::blob(envelope));
        let (_, lines) = self.open.entry(hour).or_default().entry(path).or_insert_with(|| (table.form, Vec::new()));
        lines.push(Line { envelope, text });
        self.written.records += 1;
    }

    /// Writes out every hour that ends at or before `until`.
    ///
    /// # Errors
    /// [`LabError::Io`] with the file that could not be written.
    pub fn close(&mut self, until: EventTime) -> Result<(), LabError> {
        while let Some(entry) = self.open.first_entry() {
            if (entry.key() + 1) * HOUR > until.nanos().div_euclid(1_000_000_000) {
                break;
            }
            for (path, (form, mut lines)) in entry.remove() {
                // A stable sort: equal envelopes stay in the order they were made.
                lines.sort_by_key(|l| l.envelope);
                let bytes = match form {
                    Form::Lines => as_lines(&lines),
                    Form::Messages => as_messages(&lines, &mut self.random),
                };
                self.file(&path, bytes.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Writes one whole file.
    ///
    /// # Errors
    /// [`LabError::Io`] with its path.
    pub fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), LabError> {
        self.out.append(path, bytes).map_err(|source| LabError::Io { path: path.to_owned(), source })?;
        self.written.files += 1;
        self.written.bytes += bytes.len() as u64;
        Ok(())
    }
}

fn as_lines(lines: &[Line]) -> String {
    let mut out = String::with_capacity(lines.iter().map(|l| l.text.len() + 2).sum());
    for line in lines {
        out.push_str(&line.text);
        out.push_str("\r\n");
    }
    out
}

fn as_messages(lines: &[Line], random: &mut Random) -> String {
    let mut out = String::with_capacity(lines.iter().map(|l| l.text.len() + 8).sum());
    let mut rest = lines;
    while !rest.is_empty() {
        let take = (1 + random.below(MESSAGE)).min(rest.len());
        let (now, later) = rest.split_at(take);
        out.push_str("{\"records\":[");
        for (i, line) in now.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str(&line.text);
        }
        out.push_str("]}\n");
        rest = later;
    }
    out
}
