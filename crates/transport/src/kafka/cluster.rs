//! How a cluster is spoken to: addresses, security, and what a profile of brokers can and cannot do.

use super::certificate;
use super::ear::{Complaint, Ear, Tokens, hears};
use super::fault::{KafkaFault, Refusal};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{FromClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the brokers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Apache Kafka: transactions, compression, topics made by us.
    #[default]
    Kafka,
    /// Azure Event Hubs (exports.md section 8): no transactions, no compression, hubs made by the operator.
    EventHubs,
}

/// How long the first question may wait for an answer; each further one twice as long as the one before.
const FIRST: Duration = Duration::from_secs(1);
/// How long complaints are listened to.
const EVENTS: Duration = Duration::from_millis(100);

/// A cluster, as configured.
#[derive(Clone, Debug)]
pub struct Cluster {
    brokers: String,
    profile: Profile,
    settings: Vec<(String, String)>,
    tokens: Option<Arc<dyn Tokens>>,
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

/// Settings on which what is promised rests.
const OURS: [&str; 10] = [
    "bootstrap.servers",
    "group.id",
    "group.instance.id",
    "transactional.id",
    "enable.idempotence",
    "enable.auto.commit",
    "auto.offset.reset",
    "isolation.level",
    "enable.partition.eof",
    "partition.assignment.strategy",
];

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
        Self {
            brokers: brokers.to_owned(),
            profile,
            settings: given.chain(settings.iter().cloned()).collect(),
            tokens: None,
        }
    }

    /// The same, where brokers are shown tokens (`sasl.mechanism` OAUTHBEARER).
    #[must_use]
    pub fn with_tokens(mut self, tokens: Arc<dyn Tokens>) -> Self {
        for (name, value) in [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")] {
            if self.setting(name).is_none() {
                self.settings.push((name.to_owned(), value.to_owned()));
            }
        }
        Self { tokens: Some(tokens), ..self }
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
        let files = self.settings.iter().filter_map(|(name, value)| {
            let named = ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location"].contains(&name.as_str());
            let why = std::fs::metadata(value).err().filter(|_| named)?.to_string();
            Some(KafkaFault::Setting { name: name.clone(), value: value.clone(), why })
        });
        let others = self.settings.iter().filter_map(|(name, value)| {
            let why = self.unfit(name, value)?;
            Some(KafkaFault::Setting { name: name.clone(), value: value.clone(), why: why.to_owned() })
        });
        let faults: Vec<KafkaFault> = faults.chain(files).chain(others).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Why a setting that librdkafka would take does not fit.
    fn unfit(&self, name: &str, value: &str) -> Option<&'static str> {
        if OURS.contains(&name) {
            return Some("is set by the program; leave it out");
        }
        match (name, value) {
            ("sasl.mechanism" | "sasl.mechanisms", "OAUTHBEARER") if self.tokens.is_none() => {
                Some("needs [kafka.entra], from which the tokens come")
            }
            ("sasl.mechanism" | "sasl.mechanisms", mechanism)
                if self.tokens.is_some() && mechanism != "OAUTHBEARER" =>
            {
                Some("goes not with [kafka.entra]: leave one of them out")
            }
            _ if self.profile != Profile::EventHubs => None,
            ("group.protocol", "consumer") => {
                Some("Event Hubs know the classic protocol of groups alone; leave it out")
            }
            ("compression.type" | "compression.codec", codec) if !matches!(codec, "none" | "gzip") => {
                Some("Event Hubs take none, or gzip in the tiers Premium and Dedicated")
            }
            ("security.protocol", protocol) if protocol != "SASL_SSL" => Some("Event Hubs speak SASL_SSL alone"),
            ("message.max.bytes", bytes) if bytes.parse::<u64>().is_ok_and(|b| b > 1_046_528) => {
                Some("Event Hubs close the connection on requests of more than 1046528 bytes")
            }
            _ => None,
        }
    }

    /// The client's settings, to which each use adds its own.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers).set("client.id", "caponier");
        // New partitions and topics are found within so many milliseconds.
        client.set("topic.metadata.refresh.interval.ms", "30000");
        for (name, value) in &self.settings {
            client.set(name, value);
        }
        client
    }

    /// What a new client remembers complaints with, and asks for tokens.
    pub(super) fn ear(&self) -> Ear {
        Ear::new(self.tokens.clone())
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Asks the cluster for its topics: the first word with it, so that a wrong password is told here and not somewhere later.
    ///
    /// # Errors
    /// No broker answers, or one refuses: what the client complained of meanwhile, which says why.
    pub fn topics(&self, wait: Duration) -> Result<Vec<(String, usize)>, KafkaFault> {
        let until = Instant::now() + wait;
        let ear = self.ear();
        let consumer =
            BaseConsumer::<Listening>::from_config_and_context(&self.client(), Listening { ear: ear.clone() })
                .map_err(|e| KafkaFault::of("the kafka client", &self.brokers, &e))?;
        let mut patience = FIRST;
        loop {
            while ear.awaits_token() && !ear.complaint().is_some_and(|c| is_final(&c)) && Instant::now() < until {
                drop(consumer.poll(EVENTS));
            }
            let asked = consumer.fetch_metadata(None, patience.min(until.saturating_duration_since(Instant::now())));
            let error = match asked {
                Ok(metadata) => {
                    return Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect());
                }
                Err(error) => error,
            };
            // Complaints are only handed on while something polls.
            let heard_until = Instant::now() + EVENTS;
            while Instant::now() < heard_until {
                drop(consumer.poll(heard_until.saturating_duration_since(Instant::now())));
            }
            match ear.complaint() {
                Some(complaint) if is_final(&complaint) || Instant::now() >= until => {
                    return Err(self.diagnosed(&complaint));
                }
                None if Instant::now() >= until => {
                    return Err(KafkaFault::of("asking for topics", &self.brokers, &error));
                }
                _ => patience *= 2,
            }
        }
    }

    /// What lies behind a complaint, as far as it can be found out.
    fn diagnosed(&self, complaint: &Complaint) -> KafkaFault {
        let fault = KafkaFault::complained("asking for topics", &self.brokers, complaint);
        let refused =
            |refusal, why: &str| KafkaFault::Refused { brokers: self.brokers.clone(), refusal, why: why.to_owned() };
        match &fault {
            KafkaFault::Refused { refusal: Refusal::Tls, why, .. } if complaint.reason.contains("verif") => {
                match certificate::refusal(&self.brokers, self.setting("ssl.ca.location")) {
                    Some((refusal, found)) => refused(refusal, &found),
                    None => refused(Refusal::Authority, why),
                }
            }
            KafkaFault::Unreachable { why, .. } if self.speaks_otherwise(why) => refused(Refusal::Protocol, why),
            KafkaFault::Refused { refusal: Refusal::Login, why, .. } if self.tokens.is_some() => {
                refused(Refusal::Token, why)
            }
            _ => fault,
        }
    }

    /// True where somebody listens, and closes the connection because another protocol is spoken there.
    fn speaks_otherwise(&self, why: &str) -> bool {
        let told = ["security.protocol", "PLAINTEXT broker listener", "SSL listener"].iter().any(|w| why.contains(w));
        // Some brokers only hang up, and the client says no more than that, or that they are down.
        told || ["brokers are down", "closed by peer"].iter().any(|w| why.contains(w))
            && self.brokers.split(',').any(|broker| certificate::listens(broker.trim()))
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
        // The client that makes topics never asks for a token.
        if self.profile == Profile::EventHubs || self.tokens.is_some() {
            let names: Vec<&str> = missing.iter().map(|t| t.name.as_str()).collect();
            let why = format!("create them with the tools of the service: {}", names.join(", "));
            return Err(KafkaFault::Other { doing: "topics are missing".into(), why });
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
struct Listening {
    ear: Ear,
}

hears!(Listening);

impl rdkafka::consumer::ConsumerContext for Listening {}

/// True where waiting helps nobody: who refuses once refuses again.
fn is_final(complaint: &Complaint) -> bool {
    match complaint.code() {
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => true,
        // A connection that breaks while TLS is agreed upon is one of these, too.
        Some(RDKafkaErrorCode::SSL) => ["verif", "SSL routines"].iter().any(|w| complaint.reason.contains(w)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_nobody_knows_is_named_and_secrets_are_not_told() {
        let said = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let good = Cluster::new("127.0.0.1:9", Profile::EventHubs, &[said("sasl.mechanism", "PLAIN")]);
        assert!(good.check().is_ok(), "{:?}", good.check());
        let hub = |k: &str, v: &str| Cluster::new("n.servicebus.windows.net:9093", Profile::EventHubs, &[said(k, v)]);
        for (name, value) in [
            ("group.protocol", "consumer"),
            ("compression.type", "lz4"),
            ("transactional.id", "x"),
            ("security.protocol", "PLAINTEXT"),
            ("message.max.bytes", "5000000"),
            ("sasl.mechanism", "OAUTHBEARER"),
        ] {
            let faults = hub(name, value).check().unwrap_err();
            assert!(faults.len() == 1 && faults[0].to_string().contains(name), "{name}: {faults:?}");
        }
        assert!(hub("compression.type", "gzip").check().is_ok());
        let wrong =
            [said("sesion.timeout.ms", "1"), said("sasl.mechanism", "NONE"), said("session.timeout.ms", "soon")];
        let faults = Cluster::new("127.0.0.1:9", Profile::Kafka, &wrong).check().unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(told.len() >= 2 && told[0].contains("sesion.timeout.ms"), "{told:?}");
    }
}
