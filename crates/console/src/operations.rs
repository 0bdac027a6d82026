//! What those who operate a run may ask, and how it is answered.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use std::sync::Arc;

/// The media type of Prometheus' text format, version 0.0.4.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What `/` says.
const INDEX: &str = "caponier: operations\n\n\
    /metrics   Prometheus text\n\
    /healthz   200 while every part of the process moves, else 503 and which does not\n\
    /readyz    200 once it has read what was there before it, else 503 and what it waits for\n";

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub holds: bool,
    /// What was seen, in words.
    pub seen: String,
}

/// Where the answers come from. Each is asked once for each request, on the server's thread: it must not wait for anything.
pub struct Operations {
    /// Metrics in Prometheus' text format.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// What must hold for the process to be left running.
    pub health: Box<dyn Fn() -> Vec<Check> + Send + Sync>,
    /// What must hold for the process to be counted on.
    pub readiness: Box<dyn Fn() -> Vec<Check> + Send + Sync>,
}

/// The routes. Whatever else is asked for is not there.
pub(crate) fn routes(operations: Operations) -> Router {
    Router::new()
        .route("/", get(async || INDEX))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async |State(of): State<Arc<Operations>>| verdict(&(of.health)())))
        .route("/readyz", get(async |State(of): State<Arc<Operations>>| verdict(&(of.readiness)())))
        .with_state(Arc::new(operations))
}

async fn metrics(State(of): State<Arc<Operations>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, PROMETHEUS)], (of.metrics)())
}

/// 200 where everything holds, else 503; the checks either way, so that nobody has to guess.
fn verdict(checks: &[Check]) -> Response {
    let holds = checks.iter().all(|c| c.holds);
    let listed: Vec<_> = checks.iter().map(|c| json!({"name": c.name, "ok": c.holds, "seen": c.seen})).collect();
    let body = json!({"ok": holds, "checks": listed});
    let status = if holds { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], format!("{body}\n"))
        .into_response()
}
