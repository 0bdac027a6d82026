//! Readers: one of a group, to which partitions come and from which they go, and one that follows a topic by itself.

use super::cluster::Cluster;
use super::ear::{Ear, hears};
use super::fault::{KafkaFault, Refusal};
use super::hold::{Hold, Holds};
use super::writer::{Membership, SINCE, TABLE};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::statistics::{Partition, Statistics};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A partition by topic and number.
type Place = (String, i32);

/// The client counts what is not read yet so often, in milliseconds.
const COUNTED: &str = "5000";

/// How long a client waits for its first token.
pub(super) const TOKEN: Duration = Duration::from_secs(30);

/// One message, as it lies in the client's memory.
pub struct Message<'c>(BorrowedMessage<'c>);

impl Message<'_> {
    /// Its topic.
    pub fn topic(&self) -> &str {
        self.0.topic()
    }

    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Its offset.
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// Its key; none where it has none.
    pub fn key(&self) -> &[u8] {
        self.0.key().unwrap_or_default()
    }

    /// Its bytes; none where it has none, as after compaction.
    pub fn payload(&self) -> &[u8] {
        self.0.payload().unwrap_or_default()
    }

    /// The table of its records, where a header names it.
    pub fn table(&self) -> Option<&str> {
        self.header(TABLE)
    }

    /// When the oldest of the messages that it was made of became available, in milliseconds since 1970, where a header says so.
    pub fn since(&self) -> Option<i64> {
        self.header(SINCE)?.parse().ok()
    }

    fn header(&self, key: &str) -> Option<&str> {
        let headers = self.0.headers()?;
        let named = headers.iter().find(|h| h.key == key)?.value?;
        std::str::from_utf8(named).ok()
    }

    /// When it became available, in milliseconds since 1970, by producer or broker; none where neither says.
    pub fn millis(&self) -> Option<i64> {
        self.0.timestamp().to_millis()
    }
}

/// What a reader hears.
pub enum Heard<'c> {
    /// A message.
    Message(Message<'c>),
    /// The end of a partition, for now: of a group's reader any with this number, of a follower its own.
    End(i32),
    /// Nothing, for as long as was waited.
    Silence,
}

/// Who is asked when partitions come and go.
#[derive(Debug, Default)]
pub(super) struct Watch {
    ear: Ear,
    /// What keeps partitions from being given away yet.
    holds: Holds,
    /// Partitions that were taken away since somebody asked.
    lost: Mutex<BTreeSet<Place>>,
    /// Messages not read yet, by partition, as the client last counted them.
    behind: Mutex<BTreeMap<Place, i64>>,
}

hears!(Watch {
    fn stats(&self, statistics: Statistics) {
        let topics = statistics.topics.into_iter();
        let counted = topics.flat_map(|(name, topic)| {
            topic.partitions.into_iter().filter_map(move |(number, p)| Some(((name.clone(), number), unread(&p)?)))
        });
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = counted.collect();
    }
});

impl ConsumerContext for Watch {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(gone) = rebalance {
            self.holds.wait();
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.extend(gone.elements().iter().map(|e| (e.topic().to_owned(), e.partition())));
        }
    }
}

/// One reader of a group.
pub struct Group {
    consumer: BaseConsumer<Watch>,
    brokers: String,
    name: String,
    topics: Mutex<Vec<String>>,
}

impl Group {
    /// Joins a group that reads these topics from their beginning, where it has read nothing yet. `instance` makes the
    /// membership static: who comes back under the same name within the session timeout gets its partitions back.
    ///
    /// # Errors
    /// The client cannot be made, or the topics cannot be subscribed to.
    pub fn join(
        cluster: &Cluster,
        group: &str,
        instance: Option<&str>,
        topics: &[&str],
        more: &[(&str, &str)],
    ) -> Result<Self, KafkaFault> {
        let mut client = cluster.client();
        client
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.partition.eof", "true")
            .set("statistics.interval.ms", COUNTED);
        if let Some(instance) = instance {
            client.set("group.instance.id", instance);
        }
        for (name, value) in more {
            client.set(*name, *value);
        }
        let failing = |e| KafkaFault::of(&format!("joining group {group}"), cluster.brokers(), &e);
        let consumer = watching(cluster, &client).map_err(failing)?;
        consumer.subscribe(topics).map_err(failing)?;
        let name = instance.unwrap_or(group).to_owned();
        let topics = Mutex::new(topics.iter().map(|t| (*t).to_owned()).collect());
        Ok(Self { consumer, brokers: cluster.brokers().to_owned(), name, topics })
    }

    /// The next that is heard. A topic that is gone is silent: its partitions are taken away.
    ///
    /// # Errors
    /// The client gives up, or another of this name has joined.
    pub fn hear(&self, wait: Duration) -> Result<Heard<'_>, KafkaFault> {
        match heard(&self.consumer, &self.brokers, &self.name, wait) {
            Err(KafkaFault::Gone { .. }) => Ok(Heard::Silence),
            heard => heard,
        }
    }

    /// While the hold lives, no partition is given away: [`Group::hear`] waits for its end instead. What is being committed for this
    /// reader by another thread holds it, so that whoever gets a partition begins behind that commit.
    pub fn hold(&self) -> Hold {
        self.consumer.context().holds.hold()
    }

    /// Joins anew. Who comes back under its name within the session timeout is given what it had, unseen; where it leads the group,
    /// joining once more makes the group look at its topics again, and give away partitions that were added meanwhile.
    ///
    /// # Errors
    /// The client gives up.
    pub fn rejoin(&self) -> Result<(), KafkaFault> {
        self.consumer.unsubscribe();
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.consumer.subscribe(&topics).map_err(|e| KafkaFault::of("joining anew", &self.brokers, &e))
    }

    /// Reads these topics from now on, instead of those before; what both have goes on.
    ///
    /// # Errors
    /// The client gives up.
    pub fn subscribe(&self, topics: &[&str]) -> Result<(), KafkaFault> {
        *self.topics.lock().unwrap_or_else(PoisonError::into_inner) = topics.iter().map(|t| (*t).to_owned()).collect();
        self.consumer.subscribe(topics).map_err(|e| KafkaFault::of("reading more topics", &self.brokers, &e))
    }

    /// All topics of the cluster, with the number of their partitions.
    ///
    /// # Errors
    /// The broker does not say.
    pub fn topics(&self, wait: Duration) -> Result<Vec<(String, usize)>, KafkaFault> {
        let asked = self.consumer.fetch_metadata(None, wait);
        let asked = asked.map_err(|e| KafkaFault::of("asking for topics", &self.brokers, &e))?;
        Ok(asked.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect())
    }

    /// Whether a topic is there.
    ///
    /// # Errors
    /// The broker does not say.
    pub fn exists(&self, topic: &str, wait: Duration) -> Result<bool, KafkaFault> {
        let asked = self.consumer.fetch_metadata(Some(topic), wait);
        let asked = asked.map_err(|e| KafkaFault::of("asking for a topic", &self.brokers, &e))?;
        Ok(asked.topics().iter().any(|t| t.name() == topic && t.error().is_none()))
    }

    /// The partitions that were taken away since this was last asked: what was read of them and not committed is another's now.
    pub fn lost(&self) -> BTreeSet<(String, i32)> {
        std::mem::take(&mut *self.consumer.context().lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The partitions that are this reader's now.
    ///
    /// # Errors
    /// The client gives up.
    pub fn assigned(&self) -> Result<BTreeSet<(String, i32)>, KafkaFault> {
        let list =
            self.consumer.assignment().map_err(|e| KafkaFault::of("asking for partitions", &self.brokers, &e))?;
        Ok(list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect())
    }

    /// Reads no more of these partitions until [`Group::resume`].
    ///
    /// # Errors
    /// The client gives up.
    pub fn pause(&self, places: &BTreeSet<(String, i32)>) -> Result<(), KafkaFault> {
        self.consumer.pause(&list(places)).map_err(|e| KafkaFault::of("pausing", &self.brokers, &e))
    }

    /// Reads on.
    ///
    /// # Errors
    /// The client gives up.
    pub fn resume(&self, places: &BTreeSet<(String, i32)>) -> Result<(), KafkaFault> {
        self.consumer.resume(&list(places)).map_err(|e| KafkaFault::of("resuming", &self.brokers, &e))
    }

    /// Goes back to what is committed, after a transaction was taken back.
    ///
    /// # Errors
    /// The client gives up.
    pub fn rewind(&self, wait: Duration) -> Result<(), KafkaFault> {
        let failing = |e: KafkaError| match e {
            // A partition that is not fetched yet: it begins at the last commit by itself, or is asked again.
            KafkaError::Seek(_) => KafkaFault::Busy { brokers: self.brokers.clone(), why: e.to_string() },
            _ => KafkaFault::of("going back to the last commit", &self.brokers, &e),
        };
        let committed = self.consumer.committed(wait).map_err(failing)?;
        for place in committed.elements() {
            let offset = if place.offset() == Offset::Invalid { Offset::Beginning } else { place.offset() };
            self.consumer.seek(place.topic(), place.partition(), offset, wait).map_err(failing)?;
        }
        Ok(())
    }

    /// Commits what was read, where no transaction does: `next` is the first offset of each partition that was not, `note` is kept
    /// beside it.
    ///
    /// # Errors
    /// The broker does not take it.
    pub fn commit(&self, next: &[(String, i32, i64)], note: &str) -> Result<(), KafkaFault> {
        let failing = |e| KafkaFault::of("committing offsets", &self.brokers, &e);
        let list = super::mark::noted(next, note).map_err(failing)?;
        self.consumer.commit(&list, CommitMode::Sync).map_err(failing)
    }

    /// What the group has committed of one partition; none where it has not.
    ///
    /// # Errors
    /// The broker does not say.
    pub fn committed(&self, topic: &str, partition: i32, wait: Duration) -> Result<Option<i64>, KafkaFault> {
        let asked = list(&BTreeSet::from([(topic.to_owned(), partition)]));
        let failing = |e| KafkaFault::of("asking what is committed", &self.brokers, &e);
        let until = Instant::now() + wait;
        let told = loop {
            match self.consumer.committed_offsets(asked.clone(), wait).map_err(failing) {
                // A cluster that was just made has nobody yet who knows.
                Err(KafkaFault::Busy { .. }) if Instant::now() < until => {}
                told => break told?,
            }
        };
        Ok(told.elements().first().and_then(|e| match e.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }))
    }

    /// Whether everything that a partition held a moment ago was read. What transactions leave behind at its end counts as
    /// unread: [`Heard::End`] knows better, where it is told of one topic alone.
    ///
    /// # Errors
    /// The broker does not say.
    pub fn is_at_end(&self, topic: &str, partition: i32, wait: Duration) -> Result<bool, KafkaFault> {
        let failing = |e| KafkaFault::of("asking for the end of a partition", &self.brokers, &e);
        let (low, high) = match self.consumer.fetch_watermarks(topic, partition, wait).map_err(failing) {
            // There is no more to come of what is gone.
            Err(KafkaFault::Gone { .. }) => return Ok(true),
            bounds => bounds?,
        };
        let positions = self.consumer.position().map_err(failing)?;
        let at = positions.find_partition(topic, partition).map(|e| e.offset());
        Ok(match at {
            Some(Offset::Offset(at)) => at >= high,
            _ => low >= high || self.committed(topic, partition, wait)?.is_some_and(|at| at >= high),
        })
    }

    /// Messages that the partitions of this reader hold and that it has not read, as the client counts them every few seconds:
    /// asking costs nothing. Marks of transactions count, up to the last end that was heard.
    pub fn behind(&self) -> BTreeMap<(String, i32), i64> {
        self.consumer.context().behind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Proof of membership, with which a writer commits this reader's offsets.
    pub fn membership(&self) -> Option<Membership> {
        self.consumer.group_metadata().map(Membership)
    }
}

/// A reader of the one partition of a topic, of its own.
pub struct Follower {
    consumer: BaseConsumer<Watch>,
    brokers: String,
    topic: String,
}

impl Follower {
    /// Follows a topic from an offset; from its beginning where there is none.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn open(cluster: &Cluster, topic: &str, from: Option<i64>) -> Result<Self, KafkaFault> {
        let mut client = cluster.client();
        client
            // It joins no group: the name is only asked for.
            .set("group.id", "caponier-follower")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("statistics.interval.ms", COUNTED);
        let failing = |e| KafkaFault::of(&format!("following {topic}"), cluster.brokers(), &e);
        let consumer = watching(cluster, &client).map_err(failing)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, from.map_or(Offset::Beginning, Offset::Offset)).map_err(failing)?;
        consumer.assign(&list).map_err(failing)?;
        Ok(Self { consumer, brokers: cluster.brokers().to_owned(), topic: topic.to_owned() })
    }

    /// The next that is heard.
    ///
    /// # Errors
    /// The client gives up, or what was to be read is gone from the topic.
    pub fn hear(&self, wait: Duration) -> Result<Heard<'_>, KafkaFault> {
        heard(&self.consumer, &self.brokers, &self.topic, wait)
    }

    /// Messages of the topic that were not read yet, as the client counts them every few seconds.
    pub fn behind(&self) -> i64 {
        self.consumer.context().behind.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// The first offset that the topic still holds, and the next that it will give.
    ///
    /// # Errors
    /// The broker does not say.
    pub fn bounds(&self, wait: Duration) -> Result<(i64, i64), KafkaFault> {
        let failing = |e| KafkaFault::of("asking for the ends of the journal", &self.brokers, &e);
        self.consumer.fetch_watermarks(&self.topic, 0, wait).map_err(failing)
    }
}

/// A client that has its token, where it needs one: it is handed over while something polls, and nothing is read yet.
pub(super) fn watching(cluster: &Cluster, client: &ClientConfig) -> Result<BaseConsumer<Watch>, KafkaError> {
    let ear = cluster.ear();
    let consumer = BaseConsumer::from_config_and_context(client, Watch { ear: ear.clone(), ..Watch::default() })?;
    let until = Instant::now() + TOKEN;
    while ear.awaits_token() && Instant::now() < until {
        drop(consumer.poll(Duration::from_millis(50)));
    }
    Ok(consumer)
}

fn heard<'c>(
    consumer: &'c BaseConsumer<Watch>,
    brokers: &str,
    name: &str,
    wait: Duration,
) -> Result<Heard<'c>, KafkaFault> {
    match consumer.poll(wait) {
        None => Ok(Heard::Silence),
        Some(Ok(message)) => Ok(Heard::Message(Message(message))),
        Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Heard::End(partition)),
        Some(Err(error)) => {
            let fault = KafkaFault::of(&format!("reading {name}"), brokers, &error);
            // Brokers go and come back, in the middle of a greeting too; librdkafka goes on trying.
            let hung_up = matches!(fault, KafkaFault::Refused { refusal: Refusal::Tls, .. });
            match fault {
                KafkaFault::Fenced { .. } => Err(KafkaFault::Fenced { name: name.to_owned() }),
                fault if hung_up || fault.may_pass() => Ok(Heard::Silence),
                fault => Err(fault),
            }
        }
    }
}

/// Messages of a partition that are to be read and were not; none while it is not read at all.
fn unread(partition: &Partition) -> Option<i64> {
    // All are negative while the client knows nothing; the last stable offset is as far as a reader of committed messages sees.
    let end = if partition.ls_offset >= 0 { partition.ls_offset } else { partition.hi_offset };
    let at = partition.app_offset.max(partition.eof_offset);
    (partition.partition >= 0 && end >= 0 && at >= 0).then(|| (end - at).max(0))
}

fn list(places: &BTreeSet<Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}
