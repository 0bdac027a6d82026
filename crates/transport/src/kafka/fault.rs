//! What can go wrong with a broker, in words that say what to do. Must not know what the topics are for.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why something did not work with Kafka.
#[derive(Debug, thiserror::Error)]
pub enum KafkaFault {
    /// A client setting that librdkafka does not know or take.
    #[error("kafka setting {name} = {value:?}: {why}")]
    Setting {
        /// Its name.
        name: String,
        /// Its value, secrets masked.
        value: String,
        /// What the client says.
        why: String,
    },
    /// No broker answers.
    #[error("no kafka broker answers at {brokers}: {why}; check the address, the listener's protocol and the network")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// What the client says.
        why: String,
    },
    /// The broker refuses who we are, or we do not believe who it is.
    #[error(
        "kafka at {brokers} refuses the connection: {why}; check sasl.username, sasl.password, and the certificates"
    )]
    Refused {
        /// As configured.
        brokers: String,
        /// What the client says.
        why: String,
    },
    /// The brokers are finding out which of them answers: ask again.
    #[error("kafka at {brokers} is not ready yet: {why}")]
    Busy {
        /// As configured.
        brokers: String,
        /// What the client says.
        why: String,
    },
    /// Another of the same name took over: this one must stop writing.
    #[error("another instance of {name} has taken over; this one may write no more")]
    Fenced {
        /// Name of the writer.
        name: String,
    },
    /// A message that the broker does not take for its size.
    #[error(
        "a message of {bytes} bytes for topic {topic} is larger than the broker takes; raise max.message.bytes of the topic"
    )]
    TooLarge {
        /// The topic.
        topic: String,
        /// Bytes of the message.
        bytes: usize,
    },
    /// A transaction that was taken back; what was in it is to be sent again.
    #[error("a transaction was taken back: {why}")]
    Aborted {
        /// What the client says.
        why: String,
    },
    /// Anything else.
    #[error("{doing}: {why}")]
    Other {
        /// What was tried.
        doing: String,
        /// What the client says.
        why: String,
    },
}

impl KafkaFault {
    /// A fault of what was tried.
    pub(super) fn of(doing: &str, brokers: &str, error: &KafkaError) -> Self {
        let (why, brokers) = (error.to_string(), brokers.to_owned());
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut,
            ) => Self::Unreachable { brokers, why },
            Some(
                RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::TransactionalIdAuthorizationFailed,
            ) => Self::Refused { brokers, why },
            Some(
                RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::WaitingForCoordinator
                | RDKafkaErrorCode::ConcurrentTransactions,
            ) => Self::Busy { brokers, why },
            _ => Self::Other { doing: doing.to_owned(), why },
        }
    }

    /// True where waiting and trying again may help.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. } | Self::Aborted { .. })
    }
}
