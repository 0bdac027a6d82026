//! The live halves of the program against a real broker: Apache Kafka from its published artifacts, started and stopped here, on
//! loopback. What is claimed of transactions, isolation and offsets is claimed from these tests alone.
//!
//! `CAPONIER_KAFKA_LIBS` names the folder of the artifacts, `CAPONIER` the program; `make test-kafka` sets both.

#[cfg(test)]
mod asked;
#[cfg(test)]
mod broker;
#[cfg(test)]
mod decided;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod late;
#[cfg(test)]
mod live;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod purged;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod security;
#[cfg(test)]
mod tokens;
mod topics;
