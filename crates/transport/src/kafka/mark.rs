//! How far a group has come, read by somebody who is none of it, with the note that stands beside its offsets.

use super::cluster::Cluster;
use super::fault::KafkaFault;
use super::reader::{Watch, watching};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

/// Reads what a group has committed; joins nothing.
pub struct Mark {
    consumer: BaseConsumer<Watch>,
    brokers: String,
}

impl Mark {
    /// Of this group.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn open(cluster: &Cluster, group: &str) -> Result<Self, KafkaFault> {
        let mut client = cluster.client();
        client.set("group.id", group).set("enable.auto.commit", "false");
        let failing = |e| KafkaFault::of(&format!("asking how far {group} is"), cluster.brokers(), &e);
        let consumer = watching(cluster, &client).map_err(failing)?;
        Ok(Self { consumer, brokers: cluster.brokers().to_owned() })
    }

    /// The note beside what was committed of a partition last; none where nothing was, or none stands there.
    ///
    /// # Errors
    /// The broker does not say.
    pub fn note(&self, topic: &str, partition: i32, wait: Duration) -> Result<Option<String>, KafkaFault> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(topic, partition);
        let told = self.consumer.committed_offsets(asked, wait);
        let told = told.map_err(|e| KafkaFault::of("asking what is committed", &self.brokers, &e))?;
        let note = told.elements().first().map(|e| e.metadata().to_owned());
        Ok(note.filter(|note| !note.is_empty()))
    }
}

/// Offsets with a note beside each.
pub(super) fn noted(next: &[(String, i32, i64)], note: &str) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in next {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        if let Some(mut place) = list.find_partition(topic, *partition).filter(|_| !note.is_empty()) {
            place.set_metadata(note);
        }
    }
    Ok(list)
}
