//! A bare consumer: reads topics to their end with the client that a live run reads with, and does nothing else. What
//! `scripts/bench_kafka.py` holds a live run against.
//!
//! ```text
//! drain BROKERS TOPIC...      prints: messages bytes seconds
//! ```

use caponier_transport::kafka::{Cluster, Group, Heard, Profile};
use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let brokers = arguments.next().ok_or("name the brokers, host:port")?;
    let topics: Vec<String> = arguments.collect();
    let cluster = Cluster::new(&brokers, Profile::Kafka, &[]);
    let wait = Duration::from_secs(30);
    let partitions: BTreeSet<(String, i32)> = cluster
        .topics(wait)?
        .into_iter()
        .filter(|(name, _)| topics.contains(name))
        .flat_map(|(name, count)| (0..count as i32).map(move |p| (name.clone(), p)))
        .collect();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let name = format!("drain-{}", std::process::id());
    let group = Group::join(&cluster, &name, None, &names, &[])?;
    let (mut messages, mut bytes, mut begun) = (0_u64, 0_u64, None);
    let mut last = Instant::now();
    loop {
        match group.hear(Duration::from_millis(200))? {
            Heard::Message(message) => {
                // Joining the group is not reading.
                begun.get_or_insert_with(Instant::now);
                messages += 1;
                bytes += message.payload().len() as u64;
                last = Instant::now();
            }
            Heard::Silence if begun.is_some() && last.elapsed() > Duration::from_secs(1) => {
                let mut read = true;
                for (topic, partition) in &partitions {
                    read &= group.is_at_end(topic, *partition, wait)?;
                }
                if read {
                    break;
                }
            }
            _ => {}
        }
    }
    let seconds = begun.map_or(0.0, |b| (last - b).as_secs_f64());
    writeln!(std::io::stdout(), "{messages} {bytes} {seconds:.3}")?;
    Ok(())
}
