//! What can go wrong with a broker, in words that say what to do. Must not know what the topics are for.

use super::ear::Complaint;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::fmt;

/// Why something did not work with Kafka.
#[derive(Debug, thiserror::Error)]
pub enum KafkaFault {
    /// A client setting that librdkafka does not know or take, or that the brokers do not.
    #[error("kafka setting {name} = {value:?}: {why}")]
    Setting {
        /// Its name.
        name: String,
        /// Its value, secrets masked.
        value: String,
        /// What the client says, or what to write instead.
        why: String,
    },
    /// No broker answers.
    #[error("no kafka broker answers at {brokers}: {why}; check kafka.brokers, that the broker runs, and the network")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// What the client says.
        why: String,
    },
    /// The broker refuses who we are, or we do not believe who it is.
    #[error("kafka at {brokers}: {refusal}: {why}; {}", refusal.advice())]
    Refused {
        /// As configured.
        brokers: String,
        /// What is refused.
        refusal: Refusal,
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
    /// A topic is gone, or not there yet.
    #[error("a topic is not there (any more): {why}")]
    Gone {
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

/// What is refused, and by whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// User and password, or the mechanism.
    Login,
    /// No token is to be had, or the brokers do not take it.
    Token,
    /// The broker's certificate has expired, or is not valid yet.
    Expired,
    /// Nobody that we believe has signed the broker's certificate.
    Authority,
    /// The broker's certificate is for another name.
    Name,
    /// TLS does not come about for another reason.
    Tls,
    /// The broker closes the connection before a word is said.
    Protocol,
    /// Who we are may not do this.
    Forbidden,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "the broker refuses user or password",
            Self::Token => "no token that the broker takes",
            Self::Expired => "the broker's certificate has expired, or is not valid yet",
            Self::Authority => "the broker's certificate is of an authority that is not known here",
            Self::Name => "the broker's certificate is for another name",
            Self::Tls => "no TLS with the broker",
            Self::Protocol => "the broker closes the connection before a word is said",
            Self::Forbidden => "the broker does not allow it",
        })
    }
}

impl Refusal {
    /// What to do about it.
    const fn advice(self) -> &'static str {
        match self {
            Self::Login => "check sasl.username, sasl.password and sasl.mechanism in [kafka.client]",
            Self::Token => "check [kafka.entra], and that the identity may receive and send there",
            Self::Expired => "renew the certificate of the broker, or check the clock of this machine",
            Self::Authority => "name the file with the authority's certificate in ssl.ca.location in [kafka.client]",
            Self::Name => "write kafka.brokers with a name that the certificate holds",
            Self::Tls | Self::Protocol => "check security.protocol in [kafka.client] and the port in kafka.brokers",
            Self::Forbidden => "let its user read and write the topics, groups and transactional ids of this run",
        }
    }
}

impl KafkaFault {
    /// A fault of what was tried.
    pub(super) fn of(doing: &str, brokers: &str, error: &KafkaError) -> Self {
        Self::told(doing, brokers, error.rdkafka_error_code(), error.to_string())
    }

    /// A fault as a client complained of it, before or instead of an answer.
    pub(super) fn complained(doing: &str, brokers: &str, complaint: &Complaint) -> Self {
        Self::told(doing, brokers, complaint.code(), brief(&complaint.reason))
    }

    fn told(doing: &str, brokers: &str, code: Option<RDKafkaErrorCode>, why: String) -> Self {
        let brokers = brokers.to_owned();
        match code {
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::MessageTimedOut,
            ) => Self::Unreachable { brokers, why },
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                let refusal = if why.contains("OAUTHBEARER") { Refusal::Token } else { Refusal::Login };
                Self::Refused { brokers, refusal, why }
            }
            Some(RDKafkaErrorCode::SSL) => Self::Refused { brokers, refusal: Refusal::Tls, why },
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::TransactionalIdAuthorizationFailed,
            ) => Self::Refused { brokers, refusal: Refusal::Forbidden, why },
            Some(
                RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::WaitingForCoordinator
                | RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::ConcurrentTransactions
                // What was under way while brokers were away.
                | RDKafkaErrorCode::PollExceeded
                | RDKafkaErrorCode::PurgeQueue
                | RDKafkaErrorCode::PurgeInflight
                | RDKafkaErrorCode::Retry
                | RDKafkaErrorCode::TimedOutQueue
                | RDKafkaErrorCode::WaitCache
                | RDKafkaErrorCode::NetworkException
                | RDKafkaErrorCode::NotEnoughReplicas
                | RDKafkaErrorCode::UnstableOffsetCommit,
            ) => Self::Busy { brokers, why },
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopicId,
            ) => Self::Gone { why },
            Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::FencedInstanceId) => Self::Fenced { name: doing.to_owned() },
            _ => Self::Other { doing: doing.to_owned(), why },
        }
    }

    /// True where waiting and trying again may help.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. } | Self::Aborted { .. })
    }
}

/// What librdkafka says, without the address in front (it is told anyhow) and without how long it took.
fn brief(reason: &str) -> String {
    let told = reason.split_once("/bootstrap: ").map_or(reason, |(_, told)| told);
    told.rsplit_once(" (after ").map_or(told, |(told, _)| told).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_words_of_its_own() {
        let said = |code, reason: &str| {
            let complaint = Complaint { error: KafkaError::Global(code), reason: reason.into() };
            KafkaFault::complained("asking", "broker:9093", &complaint).to_string()
        };
        let refused = said(
            RDKafkaErrorCode::Authentication,
            "sasl_ssl://broker:9093/bootstrap: SASL authentication error: Invalid username or password (after 4ms in state AUTH_REQ)",
        );
        assert_eq!(
            refused,
            "kafka at broker:9093: the broker refuses user or password: SASL authentication error: Invalid username or \
             password; check sasl.username, sasl.password and sasl.mechanism in [kafka.client]"
        );
        let away = said(
            RDKafkaErrorCode::BrokerTransportFailure,
            "ssl://broker:9093/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
        );
        assert!(away.contains("Connection refused; check kafka.brokers") && !away.contains("bootstrap"), "{away}");
    }

    #[test]
    fn every_refusal_says_something_else() {
        use Refusal::{Authority, Expired, Forbidden, Login, Name, Protocol, Tls, Token};
        let all = [Login, Token, Expired, Authority, Name, Tls, Protocol, Forbidden];
        let texts: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), all.len());
    }
}
