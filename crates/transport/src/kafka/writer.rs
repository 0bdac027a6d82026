//! A writer: what it writes between begin and commit, offsets read included, is seen together or not at all, where the brokers have
//! transactions; else each message by itself, in order and once for each time that it is sent.

use super::cluster::Cluster;
use super::ear::{Ear, hears};
use super::fault::KafkaFault;
use super::reader::TOKEN;
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The header that names the table of a record.
pub(super) const TABLE: &str = "caponier-table";
/// The header that says since when what a message was made of is available.
pub(super) const SINCE: &str = "caponier-since";
/// Largest message that the client takes, in bytes; the topic has a limit of its own.
const MESSAGE_BYTES: &str = "67108864";

/// Bytes that a message needs beside what it holds: headers, key, its batch.
const FRAME: usize = 4096;

/// Proof that a reader is of its group still.
pub struct Membership(pub(super) ConsumerGroupMetadata);

/// Who is told of what was delivered.
#[derive(Debug, Default)]
struct Receipts {
    ear: Ear,
    /// The first that could not be delivered since somebody asked: topic, bytes, why.
    lost: Mutex<Option<(String, usize, KafkaError)>>,
}

hears!(Receipts);

impl ProducerContext for Receipts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert_with(|| (message.topic().to_owned(), message.payload_len(), error.clone()));
        }
    }
}

/// A client that has its token, where it needs one: it is handed over while something polls.
fn receipted(cluster: &Cluster, client: &ClientConfig) -> Result<BaseProducer<Receipts>, KafkaError> {
    let ear = cluster.ear();
    let producer = BaseProducer::from_config_and_context(client, Receipts { ear: ear.clone(), ..Receipts::default() })?;
    let until = Instant::now() + TOKEN;
    while ear.awaits_token() && Instant::now() < until {
        producer.poll(Duration::from_millis(50));
    }
    Ok(producer)
}

/// A writer of messages.
pub struct Writer {
    producer: BaseProducer<Receipts>,
    name: String,
    brokers: String,
    transactional: bool,
    largest: usize,
    /// What was begun and has neither ended nor been taken back, because brokers did not answer.
    open: AtomicU8,
}

/// Sets what the operator has not.
fn or_else(client: &mut ClientConfig, name: &str, value: &str) {
    if client.get(name).is_none() {
        client.set(name, value);
    }
}

/// Bytes of the largest message that a client with these settings takes: what frames it is left out.
fn largest(client: &ClientConfig) -> usize {
    let told = client.get("message.max.bytes").and_then(|bytes| bytes.parse::<usize>().ok());
    told.unwrap_or(1_000_000).saturating_sub(FRAME)
}

/// Nothing is open.
const CLEAR: u8 = 0;
/// Something was begun.
const BEGUN: u8 = 1;
/// It was being committed when brokers stopped answering: nobody knows yet whether it is.
const COMMITTING: u8 = 2;

impl Writer {
    /// A writer. Where there are transactions, whoever wrote under this name before is fenced from here on, and what it left
    /// open is taken back.
    ///
    /// # Errors
    /// The client cannot be made, or no broker lets it begin in time.
    pub fn open(cluster: &Cluster, name: &str, wait: Duration) -> Result<Self, KafkaFault> {
        let transactional = cluster.has_transactions();
        let mut client = cluster.client();
        client.set("enable.idempotence", "true").set("linger.ms", "5").set("queue.buffering.max.kbytes", "262144");
        if transactional {
            or_else(&mut client, "message.max.bytes", MESSAGE_BYTES);
            or_else(&mut client, "compression.type", "lz4");
            // A transaction that its writer left behind holds readers up for so long.
            client.set("transactional.id", name).set("transaction.timeout.ms", "10000");
        }
        let failing = |e| KafkaFault::of(&format!("the writer {name}"), cluster.brokers(), &e);
        let producer = receipted(cluster, &client).map_err(failing)?;
        let writer = Self {
            producer,
            name: name.to_owned(),
            brokers: cluster.brokers().to_owned(),
            transactional,
            largest: largest(&client),
            open: AtomicU8::new(CLEAR),
        };
        if transactional {
            writer.producer.init_transactions(wait).map_err(|e| writer.fault("beginning to write", &e))?;
        }
        Ok(writer)
    }

    /// A writer without transactions, which fences nobody: for what is written once and looked at.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn open_plain(cluster: &Cluster) -> Result<Self, KafkaFault> {
        let mut client = cluster.client();
        client.set("enable.idempotence", "true").set("linger.ms", "20");
        if cluster.has_transactions() {
            or_else(&mut client, "message.max.bytes", MESSAGE_BYTES);
        }
        let name = "producer".to_owned();
        let producer =
            receipted(cluster, &client).map_err(|e| KafkaFault::of("the kafka client", cluster.brokers(), &e))?;
        Ok(Self {
            producer,
            name,
            brokers: cluster.brokers().to_owned(),
            transactional: false,
            largest: largest(&client),
            open: AtomicU8::new(CLEAR),
        })
    }

    /// Bytes of the largest message that it takes.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// Begins what belongs together, after [`Writer::clear`] where something failed before.
    ///
    /// # Errors
    /// The client gives up.
    pub fn begin(&self) -> Result<(), KafkaFault> {
        // Who has been silent may need a fresh token.
        self.producer.poll(Duration::ZERO);
        drop(self.lost());
        if !self.transactional {
            return Ok(());
        }
        self.producer.begin_transaction().map_err(|e| self.fault("beginning a transaction", &e))?;
        self.open.store(BEGUN, Ordering::Relaxed);
        Ok(())
    }

    /// Hands a message to the client, which sends it in the background; waits where too many wait already.
    ///
    /// # Errors
    /// The message is too large, or the client gives up.
    pub fn send(&self, topic: &str, partition: Option<i32>, key: &[u8], payload: &[u8]) -> Result<(), KafkaFault> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(payload);
        if !key.is_empty() {
            record = record.key(key);
        }
        if let Some(partition) = partition {
            record = record.partition(partition);
        }
        self.hand_over(topic, payload.len(), record)
    }

    /// The same without a key for what was made of other messages: `since`, when the oldest of them became available (milliseconds
    /// since 1970), stands in a header.
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub fn send_since(
        &self,
        topic: &str,
        partition: i32,
        since: Option<i64>,
        payload: &[u8],
    ) -> Result<(), KafkaFault> {
        let since = since.map(|millis| millis.to_string());
        self.send_headed(topic, partition, since.as_deref().map(|since| (SINCE, since)), payload)
    }

    /// Says of a key that there is nothing under it any more: a topic that is compacted forgets what stood there before.
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub fn erase(&self, topic: &str, partition: i32, key: &[u8]) -> Result<(), KafkaFault> {
        self.hand_over(topic, 0, BaseRecord::<[u8], [u8]>::to(topic).key(key).partition(partition))
    }

    /// The same for a record of an export whose table its own fields do not tell: it stands in a header.
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub fn send_of(&self, topic: &str, partition: i32, table: &str, payload: &[u8]) -> Result<(), KafkaFault> {
        self.send_headed(topic, partition, Some((TABLE, table)).filter(|_| !table.is_empty()), payload)
    }

    /// A message without a key, with one header or none.
    fn send_headed(
        &self,
        topic: &str,
        partition: i32,
        header: Option<(&str, &str)>,
        payload: &[u8],
    ) -> Result<(), KafkaFault> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(payload).partition(partition);
        if let Some((key, value)) = header {
            record = record.headers(OwnedHeaders::new().insert(Header { key, value: Some(value) }));
        }
        self.hand_over(topic, payload.len(), record)
    }

    fn hand_over(&self, topic: &str, bytes: usize, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), KafkaFault> {
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(20));
                }
                Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    return Err(KafkaFault::TooLarge { topic: topic.to_owned(), bytes });
                }
                Err((error, _)) => return Err(self.fault(&format!("writing to {topic}"), &error)),
            }
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Commits with what is written what a reader has read for it: `next` is the first offset of each partition that it has not.
    /// Only where there are transactions; elsewhere the reader commits for itself, after [`Writer::commit`]. `note` is kept beside the
    /// offsets, for [`super::Mark`].
    ///
    /// # Errors
    /// The reader is no longer of its group, or the client gives up.
    pub fn offsets(
        &self,
        of: &Membership,
        next: &[(String, i32, i64)],
        note: &str,
        wait: Duration,
    ) -> Result<(), KafkaFault> {
        let list = super::mark::noted(next, note).map_err(|e| self.fault("noting offsets", &e))?;
        self.producer.send_offsets_to_transaction(&list, &of.0, wait).map_err(|e| self.fault("committing offsets", &e))
    }

    /// Ends what belongs together: returns when all of it is written.
    ///
    /// # Errors
    /// Something could not be delivered, or another of this name took over: [`Writer::clear`] takes back what was sent.
    pub fn commit(&self, wait: Duration) -> Result<(), KafkaFault> {
        let flushed = self.producer.flush(wait);
        if let Some((topic, bytes, error)) = self.lost() {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
                return Err(KafkaFault::TooLarge { topic, bytes });
            }
            return Err(self.fault(&format!("writing to {topic}"), &error));
        }
        flushed.map_err(|e| self.fault("writing", &e))?;
        if !self.transactional {
            return Ok(());
        }
        self.open.store(COMMITTING, Ordering::Relaxed);
        let until = Instant::now() + wait;
        loop {
            match self.producer.commit_transaction(until.saturating_duration_since(Instant::now())) {
                Ok(()) => {
                    self.open.store(CLEAR, Ordering::Relaxed);
                    return Ok(());
                }
                // The same call goes on where it stopped.
                Err(KafkaError::Transaction(e)) if e.is_retriable() && Instant::now() < until => {}
                Err(error) => {
                    let fault = self.fault("committing", &error);
                    if matches!(fault, KafkaFault::Aborted { .. }) {
                        self.open.store(BEGUN, Ordering::Relaxed);
                    }
                    return Err(fault);
                }
            }
        }
    }

    /// After something failed: takes back what was begun, or ends what was being committed when brokers stopped answering. Only the
    /// reader's offsets tell which: ask for them afterwards.
    ///
    /// # Errors
    /// Brokers do not answer yet; call it again. Or another of this name took over.
    pub fn clear(&self, wait: Duration) -> Result<(), KafkaFault> {
        if !self.transactional {
            return Ok(());
        }
        if self.open.load(Ordering::Relaxed) == COMMITTING {
            match self.producer.commit_transaction(wait) {
                Ok(()) => {
                    self.open.store(CLEAR, Ordering::Relaxed);
                    return Ok(());
                }
                Err(KafkaError::Transaction(e)) if e.is_retriable() => {
                    return Err(KafkaFault::Unreachable { brokers: self.brokers.clone(), why: e.to_string() });
                }
                Err(error) => match self.fault("committing", &error) {
                    fenced @ KafkaFault::Fenced { .. } => return Err(fenced),
                    _ => self.open.store(BEGUN, Ordering::Relaxed),
                },
            }
        }
        if self.open.load(Ordering::Relaxed) == CLEAR {
            return Ok(());
        }
        match self.producer.abort_transaction(wait) {
            Err(KafkaError::Transaction(e)) if e.is_retriable() => {
                Err(KafkaFault::Unreachable { brokers: self.brokers.clone(), why: e.to_string() })
            }
            Err(error) => match self.fault("taking a transaction back", &error) {
                fenced @ KafkaFault::Fenced { .. } => Err(fenced),
                // It is gone already.
                _ => {
                    self.open.store(CLEAR, Ordering::Relaxed);
                    Ok(())
                }
            },
            Ok(()) => {
                self.open.store(CLEAR, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    fn lost(&self) -> Option<(String, usize, KafkaError)> {
        self.producer.context().lost.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fault(&self, doing: &str, error: &KafkaError) -> KafkaFault {
        if let KafkaError::Transaction(e) = error {
            let fenced = matches!(
                e.code(),
                RDKafkaErrorCode::Fenced
                    | RDKafkaErrorCode::ProducerFenced
                    | RDKafkaErrorCode::InvalidProducerEpoch
                    | RDKafkaErrorCode::FencedInstanceId
            );
            if fenced {
                return KafkaFault::Fenced { name: self.name.clone() };
            }
            if e.txn_requires_abort() {
                return KafkaFault::Aborted { why: e.to_string() };
            }
            // This client can write no more; one that is opened anew can, unless another has.
            if e.is_fatal() {
                return KafkaFault::Fenced { name: self.name.clone() };
            }
            if e.is_retriable() {
                return KafkaFault::Unreachable { brokers: self.brokers.clone(), why: e.to_string() };
            }
        }
        let known = error.rdkafka_error_code();
        if matches!(known, Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced)) {
            return KafkaFault::Fenced { name: self.name.clone() };
        }
        match self.producer.context().ear.complaint().filter(|_| known.is_none()) {
            Some(complaint) => KafkaFault::complained(doing, &self.brokers, &complaint),
            None => KafkaFault::of(doing, &self.brokers, error),
        }
    }
}
