//! The HTTP server. Today it answers those who operate a live run: is it alive, is it ready, how is it doing.
//!
//! ```text
//! Server::start("127.0.0.1:9464", operations) -> Server      a thread of its own; dropping it ends it
//!   GET /metrics    Prometheus text                          scraped
//!   GET /healthz    200 or 503, with what is stuck           restart it when this says no
//!   GET /readyz     200 or 503, with what is waited for      send work, or count as standby, when this says yes
//! ```
//!
//! It knows no Kafka, no engine and no metric: it asks closures. Nothing that it answers holds evidence of a tenant, so the port asks
//! nobody who they are; it listens on the loopback interface unless the configuration says otherwise.

mod operations;
mod server;

pub use operations::{Check, Operations};
pub use server::{ConsoleFault, Server};
