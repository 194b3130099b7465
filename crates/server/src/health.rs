//! How the node is: alive, ready, in numbers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use base::{Kind, Tasks, Time};
use broker::Broker;
use http::{StatusCode, header};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;
use ports::Clock as _;
use serde_json::json;
use trust::Operation;
use web::{Caller, Problem};

use crate::real::SystemClock;
use crate::start;

/// The version of the program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Upper ends of the classes of the histogram of request times, in seconds.
const CLASSES: [f64; 13] = [
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// How often the recorder puts what was measured into its classes, in microseconds.
const UPKEEP_MICROS: i64 = 5_000_000;

/// How far the opening of the store has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<Stage>>);

#[derive(Debug, Clone, Default)]
struct Stage {
    name: String,
    done: u64,
    total: u64,
}

impl Progress {
    /// `done` of `total` of a stage is done.
    pub(crate) fn at(&self, name: &str, done: u64, total: u64) {
        let mut stage = self.0.lock();
        if stage.name != name {
            name.clone_into(&mut stage.name);
        }
        (stage.done, stage.total) = (done, total);
    }

    /// What of the current stage is done, and of how much.
    pub(crate) fn share(&self) -> (u64, u64) {
        let stage = self.0.lock();
        (stage.done, stage.total)
    }
}

/// The routes that answer while the store is being opened.
pub(crate) fn loading_routes(progress: Progress) -> Router {
    let not_yet = async || {
        Problem::new(
            Kind::Unavailable,
            "the node is loading its store: /ready says how far it is",
        )
    };
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(loading))
        .with_state(progress.clone())
        .merge(start::loading_routes(progress))
        .fallback(not_yet)
}

/// The routes of a node that is ready.
pub(crate) fn routes(broker: Arc<Broker>, metrics: PrometheusHandle, started_at: Time) -> Router {
    let numbers = Numbers {
        broker: Arc::clone(&broker),
        metrics,
        started_at,
    };
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready).with_state(broker))
        .route("/metrics", get(numbers_page).with_state(numbers))
}

async fn health() -> Response {
    Json(json!({ "status": "up", "version": VERSION })).into_response()
}

async fn loading(State(progress): State<Progress>) -> Response {
    let Stage { name, done, total } = progress.0.lock().clone();
    let body = json!({ "status": "loading", "stage": name, "done": done, "total": total });
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, "1")],
        Json(body),
    )
        .into_response()
}

async fn ready(State(broker): State<Arc<Broker>>) -> Response {
    Json(json!({ "status": "ready", "head": broker.store().head() })).into_response()
}

#[derive(Debug, Clone)]
struct Numbers {
    broker: Arc<Broker>,
    metrics: PrometheusHandle,
    started_at: Time,
}

/// The numbers in the text form of Prometheus.
async fn numbers_page(
    State(numbers): State<Numbers>,
    Caller(call): Caller,
) -> Result<Response, Problem> {
    let allowed = numbers.broker.authorize(&call, Operation::Read);
    allowed.map_err(|error| Problem::new(error.kind(), error))?;
    let up_micros = SystemClock.now().as_micros() - numbers.started_at.as_micros();
    gauge("chorsu_uptime_seconds", up_micros / 1_000_000);
    gauge(
        "chorsu_log_head",
        i64::try_from(numbers.broker.store().head().0).unwrap_or(i64::MAX),
    );
    if let Some(bytes) = resident_bytes() {
        gauge("process_resident_memory_bytes", bytes);
    }
    let text = numbers.metrics.render();
    Ok((
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response())
}

fn gauge(name: &'static str, value: i64) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge of 2^52 may be off by one"
    )]
    metrics::gauge!(name).set(value as f64);
}

/// Memory of the process that is in use, from Linux's own account of it.
pub(crate) fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

/// Starts counting. The counts are put in order every few seconds, so that they stay small when
/// nobody fetches them.
pub(crate) fn start_metrics(tasks: &Tasks) -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(web::meters::SECONDS.to_owned()), &CLASSES)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe();
    let (upkeep, inner) = (handle.clone(), tasks.clone());
    tasks.spawn("metrics", async move {
        loop {
            let next = SystemClock.now().plus_micros(UPKEEP_MICROS);
            tokio::select! {
                biased;
                () = inner.stopped() => return,
                () = SystemClock.sleep_until(next) => upkeep.run_upkeep(),
            }
        }
    });
    Ok(handle)
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        web::meters::REQUESTS,
        "Requests by method, route and class of status."
    );
    describe_histogram!(
        web::meters::SECONDS,
        Unit::Seconds,
        "Time to answer by method and route."
    );
    describe_gauge!("chorsu_http_connections", "Connections that are open.");
    describe_gauge!(
        "chorsu_uptime_seconds",
        Unit::Seconds,
        "Time since the node started."
    );
    describe_gauge!(
        "chorsu_log_head",
        "The number of the last committed change."
    );
    describe_gauge!(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Memory in use."
    );
    subscriptions::meters::describe();
    metrics::gauge!("chorsu_build_info", "version" => VERSION).set(1.0);
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(routes: &Router, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = routes.clone().oneshot(request).await.expect("infallible");
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_loading_node_lives_and_says_how_far_it_is() {
        let progress = Progress::default();
        let routes = loading_routes(progress.clone());
        progress.at("checkpoint", 3, 10);
        assert_eq!(ask(&routes, "/health").await.0, 200);
        let (status, body) = ask(&routes, "/ready").await;
        assert_eq!(status, 503);
        assert_eq!(body["stage"], "checkpoint");
        assert_eq!(
            (body["done"].as_u64(), body["total"].as_u64()),
            (Some(3), Some(10))
        );
        let (status, body) = ask(&routes, "/ngsi-ld/v1/entities").await;
        assert_eq!(status, 503);
        assert!(
            body["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("/ready")),
            "{body}"
        );
        assert_eq!(ask(&routes, "/").await.0, 503);
    }

    #[test]
    fn the_memory_in_use_is_read_from_the_system() {
        assert!(resident_bytes().is_none_or(|bytes| bytes > 1_000_000));
    }
}
