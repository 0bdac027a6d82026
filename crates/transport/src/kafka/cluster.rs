//! How a cluster is spoken to: addresses, security, and what a profile of brokers can and cannot do.

use super::fault::KafkaFault;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::{FromClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the brokers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Apache Kafka: transactions, compression, topics made by us.
    #[default]
    Kafka,
    /// Azure Event Hubs (exports.md section 8): no transactions, no compression, hubs made by the operator.
    EventHubs,
}

/// A cluster, as configured.
#[derive(Clone, Debug)]
pub struct Cluster {
    brokers: String,
    profile: Profile,
    settings: Vec<(String, String)>,
}

/// A topic of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Partitions, where it is made.
    pub partitions: i32,
    /// Settings, where it is made.
    pub settings: Vec<(&'static str, String)>,
}

/// What librdkafka last complained about: its errors come as events, long before a call gives up.
#[derive(Clone, Debug, Default)]
pub(super) struct Complaints(Arc<Mutex<Option<KafkaError>>>);

impl Complaints {
    pub(super) fn last(&self) -> Option<KafkaError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Complaints {
    fn error(&self, error: KafkaError, _: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // That all are down says less than why the last of them is.
        let vague = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if !vague || last.is_none() {
            *last = Some(error);
        }
    }
}

/// What Event Hubs documents for every client.
const EVENT_HUBS: [(&str, &str); 7] = [
    ("security.protocol", "SASL_SSL"),
    ("metadata.max.age.ms", "180000"),
    ("connections.max.idle.ms", "180000"),
    ("socket.keepalive.enable", "true"),
    ("session.timeout.ms", "30000"),
    ("heartbeat.interval.ms", "3000"),
    ("message.max.bytes", "1000000"),
];

impl Cluster {
    /// A cluster at these addresses (`host:port`, comma between); `settings` are librdkafka's own, and stand above the profile's.
    pub fn new(brokers: &str, profile: Profile, settings: &[(String, String)]) -> Self {
        let given = match profile {
            Profile::Kafka => &[][..],
            Profile::EventHubs => &EVENT_HUBS[..],
        };
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Self { brokers: brokers.to_owned(), profile, settings: given.chain(settings.iter().cloned()).collect() }
    }

    /// The addresses.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// True where writes of several topics are seen together or not at all.
    pub const fn has_transactions(&self) -> bool {
        matches!(self.profile, Profile::Kafka)
    }

    /// Whether the settings can be used at all, without opening anything.
    ///
    /// # Errors
    /// One for each setting that librdkafka does not know or take.
    pub fn check(&self) -> Result<(), Vec<KafkaFault>> {
        let faults = self.settings.iter().filter_map(|(name, value)| {
            let mut alone = ClientConfig::new();
            alone.set(name, value);
            let why = alone.create_native_config().err()?.to_string();
            let secret = ["password", "secret", "key", "token"].iter().any(|word| name.contains(word));
            let value = if secret { "***".to_owned() } else { value.clone() };
            Some(KafkaFault::Setting { name: name.clone(), value, why })
        });
        let faults: Vec<KafkaFault> = faults.collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The client's settings, to which each use adds its own.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers).set("client.id", "caponier");
        for (name, value) in &self.settings {
            client.set(name, value);
        }
        client
    }

    /// Asks the cluster for its topics: the first word with it, so that a wrong password is told here and not somewhere later.
    ///
    /// # Errors
    /// No broker answers, or one refuses.
    pub fn topics(&self, wait: Duration) -> Result<Vec<(String, usize)>, KafkaFault> {
        let complaints = Complaints::default();
        let consumer =
            BaseConsumer::<Listening>::from_config_and_context(&self.client(), Listening(complaints.clone()))
                .map_err(|e| KafkaFault::of("the kafka client", &self.brokers, &e))?;
        let metadata = consumer.fetch_metadata(None, wait).map_err(|e| {
            // Events are only handed on while something polls.
            drop(consumer.poll(Duration::ZERO));
            KafkaFault::of("asking for topics", &self.brokers, &complaints.last().unwrap_or(e))
        })?;
        Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect())
    }

    /// Makes the topics that are missing; where topics are the operator's, says which.
    ///
    /// # Errors
    /// No broker answers, one refuses, or a topic is missing that only the operator can make.
    pub fn prepare(&self, topics: &[Topic], wait: Duration) -> Result<(), KafkaFault> {
        let there = self.topics(wait)?;
        let missing: Vec<&Topic> = topics.iter().filter(|t| there.iter().all(|(name, _)| *name != t.name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if self.profile == Profile::EventHubs {
            let names: Vec<&str> = missing.iter().map(|t| t.name.as_str()).collect();
            let why = format!("create them with the tools of the service: {}", names.join(", "));
            return Err(KafkaFault::Other { doing: "event hubs are missing".into(), why });
        }
        let admin = AdminClient::<DefaultClientContext>::from_config(&self.client())
            .map_err(|e| KafkaFault::of("the kafka client", &self.brokers, &e))?;
        let made: Vec<NewTopic<'_>> = missing.iter().map(|topic| new_topic(topic)).collect();
        let asked = admin.create_topics(&made, &AdminOptions::new().operation_timeout(Some(wait)));
        let answers = pollster::block_on(asked).map_err(|e| KafkaFault::of("making topics", &self.brokers, &e))?;
        for answer in answers {
            match answer {
                // Somebody else was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(KafkaFault::Other { doing: format!("making topic {topic}"), why: code.to_string() });
                }
            }
        }
        Ok(())
    }
}

fn new_topic(topic: &Topic) -> NewTopic<'_> {
    let mut made = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(-1));
    for (name, value) in &topic.settings {
        made = made.set(name, value);
    }
    made
}

/// A consumer that is only asked for metadata.
struct Listening(Complaints);

impl ClientContext for Listening {
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Listening {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_nobody_knows_is_named_and_secrets_are_not_told() {
        let said = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let good = Cluster::new("127.0.0.1:9", Profile::EventHubs, &[said("sasl.mechanism", "PLAIN")]);
        assert!(good.check().is_ok(), "{:?}", good.check());
        let wrong =
            [said("sesion.timeout.ms", "1"), said("sasl.mechanism", "NONE"), said("session.timeout.ms", "soon")];
        let faults = Cluster::new("127.0.0.1:9", Profile::Kafka, &wrong).check().unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(told.len() >= 2 && told[0].contains("sesion.timeout.ms"), "{told:?}");
    }
}
