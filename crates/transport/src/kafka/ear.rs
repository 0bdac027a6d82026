//! What every client of ours has in common: it remembers what librdkafka complains of, long before a call gives up, and it hands
//! over tokens where brokers ask for them.

use rdkafka::client::OAuthToken;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A proof of who we are, for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// The token, as it is shown to brokers.
    pub value: String,
    /// Whom it names, for logs of the brokers.
    pub principal: String,
    /// Until when it holds, in milliseconds since 1970.
    pub until_millis: i64,
}

/// Who gives tokens.
pub trait Tokens: Send + Sync + std::fmt::Debug {
    /// A token that still holds.
    ///
    /// # Errors
    /// None is to be had; the text says why.
    fn token(&self) -> Result<Token, String>;
}

/// What a client complained of: its kind, and what librdkafka says of it.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    pub error: KafkaError,
    pub reason: String,
}

impl Complaint {
    pub(super) fn code(&self) -> Option<RDKafkaErrorCode> {
        self.error.rdkafka_error_code()
    }

    /// How much it tells: that all brokers are down says less than why the last of them is.
    fn weight(&self) -> u8 {
        match self.code() {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => 4,
            Some(RDKafkaErrorCode::SSL) => 3,
            Some(RDKafkaErrorCode::Resolve) => 2,
            Some(RDKafkaErrorCode::AllBrokersDown) => 0,
            _ => 1,
        }
    }
}

/// Shared by a client and whoever asks it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ear(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    complaint: Mutex<Option<Complaint>>,
    tokens: Option<Arc<dyn Tokens>>,
    handed: AtomicBool,
}

impl Ear {
    pub(super) fn new(tokens: Option<Arc<dyn Tokens>>) -> Self {
        Self(Arc::new(Inner { tokens, ..Inner::default() }))
    }

    /// The complaint that tells most, the last of those.
    pub(super) fn complaint(&self) -> Option<Complaint> {
        self.0.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True until the client has got the token without which it speaks to nobody.
    pub(super) fn awaits_token(&self) -> bool {
        self.0.tokens.is_some() && !self.0.handed.load(Ordering::Relaxed)
    }

    pub(super) fn hear(&self, error: KafkaError, reason: &str) {
        let complaint = Complaint { error, reason: reason.to_owned() };
        let mut last = self.0.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|l| l.weight() <= complaint.weight()) {
            *last = Some(complaint);
        }
    }

    pub(super) fn hand_token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let Some(tokens) = &self.0.tokens else {
            return Err("sasl.mechanism OAUTHBEARER needs [kafka.entra]".into());
        };
        let Token { value, principal, until_millis } = tokens.token()?;
        self.0.handed.store(true, Ordering::Relaxed);
        Ok(OAuthToken { token: value, principal_name: principal, lifetime_ms: until_millis })
    }
}

/// What a context has to say to be told of errors and asked for tokens, where its ear is the field `ear`; and what else it is to be told of.
macro_rules! hears {
    ($context:ty) => { hears!($context {}); };
    ($context:ty { $($more:item)* }) => {
        impl rdkafka::ClientContext for $context {
            const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

            fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
                self.ear.hear(error, reason);
            }

            fn generate_oauth_token(
                &self,
                _: Option<&str>,
            ) -> Result<rdkafka::client::OAuthToken, Box<dyn std::error::Error>> {
                self.ear.hand_token()
            }

            $($more)*
        }
    };
}
pub(super) use hears;
