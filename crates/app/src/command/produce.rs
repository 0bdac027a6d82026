//! `caponier produce`: captures on topics, at once or paced as they happened.

use super::pace::{Played, play};
use super::{inputs, live, not_after, tell};
use crate::cli::Produce;
use crate::config::{Called, Config};
use crate::failure::{Exit, Failure, failed};
use crate::live::{PATIENCE, moves_time};
use crate::reading::{Keep, Origin, Reading};
use caponier_model::{DeadLetter, EventTime, TenantId};
use caponier_transport::kafka::{Cluster, Topic, Writer};
use caponier_transport::{self as transport, Input, Item, Payload};
use caponier_wire::{Decoded, RawRecord};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Puts captures on the topics that the configuration lists.
pub fn run(args: &Produce, config: Option<&Path>) -> Result<Exit, Failure> {
    let config = live::told(config)?;
    let cluster = config.live.cluster();
    let (found, skipped, faults) = inputs(&args.paths)?;
    for fault in &faults {
        tell(&format!("cannot read {}: {}\n", fault.position.source, fault.reject));
    }
    let topics = config.live.named().map(|name| Topic {
        name: name.to_owned(),
        partitions: args.partitions,
        settings: vec![("max.message.bytes", (64 << 20).to_string())],
    });
    cluster
        .prepare(&topics.collect::<Vec<_>>(), PATIENCE)
        .map_err(|e| Failure::Unavailable(format!("cannot make the topics: {e}")))?;
    let writer = Writer::open_plain(&cluster).map_err(|e| failed("cannot write", e))?;
    let mut unplaced = Vec::new();
    let mut placed = Vec::new();
    for input in &found {
        match topic_of(&config, input) {
            Some(topic) => placed.push((input, topic)),
            None => unplaced.push(format!("{}: no [[topic]] takes it\n", input.name)),
        }
    }
    let mut producing =
        Producing { config: &config, cluster: &cluster, writer, partitions: args.partitions, sent: BTreeMap::new() };
    match args.speed {
        Some(speed) => producing.paced(&placed, speed)?,
        None => placed.iter().try_for_each(|(input, topic)| producing.at_once(input, topic))?,
    }
    producing.writer.commit(PATIENCE).map_err(|e| failed("cannot write", e))?;
    for (topic, (messages, bytes)) in producing.sent {
        tell(&format!("{topic}: {messages} messages, {:.1} MB\n", bytes as f64 / 1e6));
    }
    if skipped > 0 {
        tell(&format!("{skipped} files skipped\n"));
    }
    tell(&unplaced.concat());
    Ok(if unplaced.is_empty() && faults.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The topic for a file: one of its tenant and table, else of its tenant, else one that is nobody's.
fn topic_of<'c>(config: &'c Config, input: &Input) -> Option<&'c str> {
    let named = |tenant: Option<TenantId>, table: Option<&str>| {
        let mut of = config.live.topics.iter().filter(|t| t.tenant == tenant && t.table.as_deref() == table);
        // A pattern says what is read, not where to write.
        of.find_map(|t| if let Called::Name(name) = &t.called { Some(name.as_str()) } else { None })
    };
    let table = input.table.as_deref();
    named(input.tenant, table)
        .or_else(|| named(input.tenant, None))
        .or_else(|| named(None, table))
        .or_else(|| named(None, None))
}

/// What is being put where.
struct Producing<'p> {
    config: &'p Config,
    cluster: &'p Cluster,
    writer: Writer,
    partitions: i32,
    /// Messages and bytes by topic.
    sent: BTreeMap<&'p str, (u64, u64)>,
}

impl<'p> Producing<'p> {
    /// The payloads of one file, in their order, as fast as brokers take them.
    fn at_once(&mut self, input: &Input, topic: &'p str) -> Result<(), Failure> {
        let mut number = 0;
        transport::read(input, &self.config.limits, &mut |item| match item {
            Item::Payload(payload) => {
                number += 1;
                self.put(input, topic, number - 1, payload.bytes)
            }
            Item::Refused(letter) => {
                tell(&format!("{}: {}\n", letter.position, letter.reject));
                Ok(())
            }
        })?;
        Ok(())
    }

    /// The payloads of all files in the order of their times, each when it is due.
    fn paced(&mut self, placed: &[(&Input, &'p str)], speed: f64) -> Result<(), Failure> {
        let files: Vec<&Input> = placed.iter().map(|(input, _)| *input).collect();
        let config = self.config;
        let time = |input: &Input, payload: &Payload<'_>| time_of(config, input, payload);
        let mut numbers = vec![0; files.len()];
        let begun = Instant::now();
        let mut said = false;
        play(&files, &config.limits, &time, &mut |played| match played {
            Played::Refused(letter) => {
                tell(&format!("{}: {}\n", letter.position, letter.reject));
                Ok(())
            }
            Played::Payload { file, at, after, bytes } => {
                if let (Some(at), false) = (at, said) {
                    said = true;
                    tell(&format!("playing from {at} on, {speed} times as fast as it happened\n"));
                }
                until(begun, Duration::try_from_secs_f64(after.as_secs_f64() / speed).unwrap_or(Duration::MAX));
                let Some((input, topic)) = placed.get(file) else { return Ok(()) };
                let number = numbers.get_mut(file).map_or(0, |n| std::mem::replace(n, *n + 1));
                self.put(input, topic, number, &bytes)
            }
        })
    }

    /// One payload; those of a file go round the partitions.
    fn put(&mut self, input: &Input, topic: &'p str, number: u64, bytes: &[u8]) -> Result<(), Failure> {
        let partition = (number % u64::from(self.partitions.unsigned_abs().max(1))) as i32;
        self.writer
            .send_of(topic, partition, input.table.as_deref().unwrap_or_default(), bytes)
            .map_err(|e| failed(&format!("cannot write to {topic} at {}", self.cluster.brokers()), e))?;
        let total = self.sent.entry(topic).or_default();
        *total = (total.0 + 1, total.1 + bytes.len() as u64);
        Ok(())
    }
}

/// Waits until so long after the beginning.
fn until(begun: Instant, after: Duration) {
    loop {
        let left = after.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

/// When the first thing happened of which a payload tells; none where it tells how things are.
fn time_of(config: &Config, input: &Input, payload: &Payload<'_>) -> Option<EventTime> {
    let origin = Origin { name: &input.name, tenant: input.tenant, table: input.table.as_deref() };
    let mut first = First(None);
    // What is refused has no time, and is refused again by whoever reads the topic.
    Reading { config, origin, not_after: not_after(config) }.payload(payload.offset, payload.bytes, &mut first).ok()?;
    first.0
}

/// The earliest time.
struct First(Option<EventTime>);

impl Keep for First {
    fn decoded(&mut self, _: u64, _: &RawRecord<'_>, decoded: &Decoded<'_>) -> Result<(), Failure> {
        if moves_time(&decoded.event) {
            let time = decoded.event.time;
            self.0 = Some(self.0.map_or(time, |first| first.min(time)));
        }
        Ok(())
    }

    fn refused(&mut self, _: DeadLetter) -> Result<(), Failure> {
        Ok(())
    }
}
