//! A live run: topics to the journal (intake, any number), the journal to incidents (the correlator, one at a time). Each half is a
//! loop on a thread of its own; what they share is Kafka and whether to stop.

mod asked;
mod correlator;
mod course;
mod horizon;
mod identities;
mod intake;
mod metrics;
mod outbox;
mod pieces;
mod snapshot;
mod spoken;
mod worries;

pub use asked::Asked;
pub use correlator::{Correlator, Role};
pub use intake::{IntakeLoop, moves_time};
pub use metrics::Metrics;

use crate::config::Config;
use crate::failure::{Failure, failed};
use caponier_rules as rules;
use caponier_transport::kafka::{Cluster, Follower, Group, Heard, KafkaFault, Membership, Message, Topic, Writer};
use caponier_wire as wire;
use compact_str::{CompactString, format_compact};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the brokers may take for anything before it counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Largest message of ours, in bytes: a record may be 20 MB, and what is said of it is smaller.
const MESSAGE_BYTES: u64 = 64 << 20;

/// Whether everything is to end: somebody asked, or a half failed.
#[derive(Clone, Debug, Default)]
pub struct Stop(pub Arc<AtomicBool>);

impl Stop {
    /// True once it is to end.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What Kafka does not do is a dependency that is not there.
fn broken(doing: &str, fault: &KafkaFault) -> Failure {
    match fault {
        KafkaFault::Unreachable { .. } | KafkaFault::Refused { .. } => {
            Failure::Unavailable(format!("{doing}: {fault}"))
        }
        _ => failed(doing, fault),
    }
}

/// What ends a round of either half: what Kafka does not do may pass, and the round is made again.
enum Fault {
    Kafka(KafkaFault),
    /// The reader is of its group no more: brokers know another of its name.
    Expelled(KafkaFault),
    Failure(Failure),
}

impl From<KafkaFault> for Fault {
    fn from(fault: KafkaFault) -> Self {
        Self::Kafka(fault)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What a reader that hears nothing more comes to.
fn unheard(fault: KafkaFault) -> Fault {
    match fault {
        KafkaFault::Fenced { .. } => Fault::Expelled(fault),
        _ => Fault::Failure(broken("intake", &fault)),
    }
}

/// Ends what was written, and with it what a reader has read for it: together where there are transactions, else one after the other.
/// A note stands beside the offset. `membership` proves that the reader was of its group when it had read: brokers refuse the offsets
/// where it has been given other partitions since, and nothing is written without them.
fn commit(
    cluster: &Cluster,
    writer: &Writer,
    (reader, membership): (&Group, Option<&Membership>),
    next: &[(String, i32, i64)],
    note: &str,
) -> Result<(), Fault> {
    if cluster.has_transactions() {
        if !next.is_empty() {
            let why = || "the reader is of no group now".to_owned();
            let membership = membership.ok_or_else(|| KafkaFault::Aborted { why: why() })?;
            writer.offsets(membership, next, note, PATIENCE)?;
        }
        writer.commit(PATIENCE)?;
    } else {
        writer.commit(PATIENCE)?;
        if !next.is_empty() {
            reader.commit(next, note)?;
        }
    }
    Ok(())
}

/// The names that a sighting's format may have.
fn formats() -> Vec<&'static str> {
    wire::exports().map(|e| e.name).chain([rules::FORMAT, caponier_identity::CONFLICT]).collect()
}

/// The topic of decisions. What people said is kept for ever: nothing else could tell it again.
fn decisions_topic(config: &Config) -> Topic {
    let settings = vec![("max.message.bytes", MESSAGE_BYTES.to_string()), ("retention.ms", "-1".to_owned())];
    Topic { name: config.live.decisions.to_string(), partitions: 1, settings }
}

/// The cluster for whoever speaks to runs by the topic of decisions, which is made where it is missing.
///
/// # Errors
/// No broker answers, one refuses, or the topic cannot be made.
pub fn open_decisions(config: &Config) -> Result<Cluster, Failure> {
    let cluster = config.live.cluster();
    cluster
        .prepare(&[decisions_topic(config)], PATIENCE)
        .map_err(|e| Failure::Unavailable(format!("cannot make the topic of decisions: {e}")))?;
    Ok(cluster)
}

/// A topic of letters: each has a key of its own, so that one can be erased.
pub fn letters_topic(config: &Config, name: &str) -> Topic {
    let days = (config.live.journal_days * 86_400_000).to_string();
    let settings = vec![
        ("max.message.bytes", MESSAGE_BYTES.to_string()),
        ("cleanup.policy", "compact,delete".to_owned()),
        ("retention.ms", days),
    ];
    Topic { name: name.to_owned(), partitions: 1, settings }
}

/// Speaks to the cluster for the first time, and makes the topics of ours that are missing; returns the partitions to read.
///
/// # Errors
/// No broker answers or one refuses; a topic that is to be read does not exist.
pub fn prepare(config: &Config, cluster: &Cluster) -> Result<Vec<CompactString>, Failure> {
    let live = &config.live;
    let bytes = ("max.message.bytes", MESSAGE_BYTES.to_string());
    let days = ("retention.ms", (live.journal_days * 86_400_000).to_string());
    let topic = |name: &str, settings| Topic { name: name.to_owned(), partitions: 1, settings };
    let ours = [
        topic(&live.journal, vec![bytes.clone(), days.clone()]),
        topic(&live.changes, vec![bytes.clone(), days.clone()]),
        topic(&live.operational, vec![bytes.clone(), days]),
        topic(&live.incidents, vec![bytes.clone(), ("cleanup.policy", "compact".to_owned())]),
        letters_topic(config, &live.dead_letters),
        letters_topic(config, &live.late),
        decisions_topic(config),
    ];
    cluster.prepare(&ours, PATIENCE).map_err(|e| broken("cannot make the topics", &e))?;
    let there = known(cluster, &ours)?;
    let missing: Vec<&str> = live.named().filter(|t| !there.iter().any(|(n, _)| n == t)).collect();
    if !missing.is_empty() {
        let what = format!("topics that are to be read do not exist at {}: {}", cluster.brokers(), missing.join(", "));
        return Err(Failure::Unavailable(what));
    }
    Ok(sources(config, there))
}

/// The topics that are read, of all that the cluster has; those that are named in any case, so that they are read once they are there.
fn subscribed(config: &Config, there: &[(String, usize)]) -> BTreeSet<String> {
    let live = &config.live;
    let named = live.named().chain([live.decisions.as_str()]).map(str::to_owned);
    named.chain(there.iter().map(|(name, _)| name).filter(|name| live.is_read(name)).cloned()).collect()
}

/// The partitions that are read, as `topic/partition`, of all that the cluster has.
fn sources(config: &Config, there: Vec<(String, usize)>) -> Vec<CompactString> {
    let read = there.into_iter().filter(|(name, _)| config.live.is_read(name));
    read.flat_map(|(name, count)| (0..count).map(move |p| format_compact!("{name}/{p}"))).collect()
}

/// Every message that a topic of one partition holds now, in order.
///
/// # Errors
/// The topic cannot be read to its end.
pub fn each_message(cluster: &Cluster, topic: &str, take: &mut dyn FnMut(&Message<'_>)) -> Result<(), Failure> {
    let failing = |e: &KafkaFault| broken(&format!("cannot read {topic}"), e);
    let there = cluster.topics(PATIENCE).map_err(|e| failing(&e))?;
    if !there.iter().any(|(name, _)| name == topic) {
        return Err(Failure::Unavailable(format!("there is no topic {topic} at {}", cluster.brokers())));
    }
    let follower = Follower::open(cluster, topic, None).map_err(|e| failing(&e))?;
    loop {
        match follower.hear(PATIENCE).map_err(|e| failing(&e))? {
            Heard::Message(message) => take(&message),
            Heard::End(_) => return Ok(()),
            Heard::Silence => return Err(Failure::Unavailable(format!("topic {topic} does not answer"))),
        }
    }
}

/// The topics of the cluster, once it knows those of ours: who subscribes to one that was made a moment ago must find it.
fn known(cluster: &Cluster, ours: &[Topic]) -> Result<Vec<(String, usize)>, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let there = cluster.topics(PATIENCE).map_err(|e| broken("cannot ask for topics", &e))?;
        let all = ours.iter().all(|topic| there.iter().any(|(name, _)| *name == topic.name));
        if all || Instant::now() > until {
            return Ok(there);
        }
    }
}
