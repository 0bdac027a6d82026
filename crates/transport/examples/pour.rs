//! Pours what a topic holds into another at a constant rate, in the order in which it lies there: load for `scripts/bench_kafka.py`.
//!
//! ```text
//! pour BROKERS RATE TO FROM...    RATE messages a second; messages of FROM go to the partition of TO that has their number
//! ```

use caponier_transport::kafka::{Cluster, Group, Heard, Profile, Writer};
use std::error::Error;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("name {what}"));
    let (brokers, rate, to) = (next("the brokers")?, next("the rate")?.parse::<f64>()?, next("the topic to fill")?);
    let from: Vec<String> = arguments.collect();
    let cluster = Cluster::new(&brokers, Profile::Kafka, &[]);
    let name = format!("pour-{}", std::process::id());
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    let (group, writer) = (Group::join(&cluster, &name, None, &from, &[])?, Writer::open_plain(&cluster)?);
    let (mut poured, mut begun, mut silence) = (0_u64, None, 0);
    // Ten seconds without a message: what there was is poured.
    while silence < 10 {
        let message = match group.hear(Duration::from_secs(1))? {
            Heard::Message(message) => message,
            Heard::End(_) => continue,
            Heard::Silence => {
                silence += i32::from(begun.is_some());
                continue;
            }
        };
        silence = 0;
        let due = *begun.get_or_insert_with(Instant::now) + Duration::from_secs_f64(poured as f64 / rate);
        std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        writer.send_of(&to, message.partition(), message.table().unwrap_or_default(), message.payload())?;
        poured += 1;
    }
    writer.commit(Duration::from_secs(30))?;
    Ok(())
}
