//! Kafka: topics in, topics out. The only place that names rdkafka; it moves opaque bytes and knows no record.
//!
//! ```text
//! Cluster::new(brokers, profile, client settings) -> Cluster          checked before anything is opened
//! cluster.prepare(&[Topic])                                           makes topics that are missing
//! Group::join(&cluster, name, topics)   .hear(wait) -> Heard          one of many readers; partitions come and go
//! Follower::open(&cluster, topic, from) .hear(wait) -> Heard          all of one topic with one partition, from an offset
//! Writer::open(&cluster, name)          .begin() .send() .offsets() .commit()
//! ```
//!
//! Readers see only what was committed. Nothing here retries by itself: librdkafka does, and says when it gives up.

mod certificate;
mod cluster;
mod ear;
mod entra;
mod fault;
mod hold;
mod mark;
mod reader;
mod writer;

pub use cluster::{Cluster, Profile, Topic};
pub use ear::{Token, Tokens};
pub use entra::{Credential, Entra, EntraTokens};
pub use fault::{KafkaFault, Refusal};
pub use hold::Hold;
pub use mark::Mark;
pub use reader::{Follower, Group, Heard, Message};
pub use writer::{Membership, Writer};
