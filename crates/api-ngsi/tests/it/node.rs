//! A node to be asked over HTTP, within the process.

use std::sync::Arc;

use api_ngsi::Api;
use axum::Router;
use axum::body::Body;
use base::{Tasks, Time};
use broker::{Broker, Contexts};
use federation::Gateway;
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use ports::{Clock, Outbound, Store, StoreError};
use serde_json::Value;
use store_memory::MemoryStore;
use subscriptions::Subscriptions;
use testkit::{ScriptedOutbound, SeededEntropy, StepClock};
use tower::ServiceExt as _;
use trust::{Access, Denied, Principal};
use web::{Guard, Kit};

/// Lets everybody in.
#[derive(Debug)]
struct Anybody;

impl Guard for Anybody {
    fn identify(&self, _bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
        Ok(Principal::Administrator)
    }
}

/// Knows nobody.
#[derive(Debug)]
struct Nobody;

impl Guard for Nobody {
    fn identify(&self, _bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
        Ok(Principal::Public)
    }
}

/// A node and its clock, which begins with the year 2026.
#[derive(Debug)]
pub(super) struct Node {
    app: Router,
    pub(super) clock: Arc<StepClock>,
    pub(super) outbound: Arc<ScriptedOutbound>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) text: String,
}

impl Node {
    /// A node with room for so many instances of an attribute in one temporal answer.
    pub(super) fn new(temporal_instances_max: usize) -> Self {
        Self::with(temporal_instances_max, Access::Open, Arc::new(Anybody))
    }

    /// A node that lets nobody in who has no token, asked by those who have none.
    pub(super) fn closed() -> Self {
        Self::with(100, Access::Closed, Arc::new(Nobody))
    }

    fn with(temporal_instances_max: usize, access: Access, guard: Arc<dyn Guard>) -> Self {
        let scripted = Arc::new(ScriptedOutbound::new());
        let outbound = Arc::clone(&scripted) as Arc<dyn Outbound>;
        let clock = Arc::new(StepClock::default());
        let who = (access, guard);
        let app = app("here", temporal_instances_max, who, (&clock, &outbound));
        Self {
            app,
            clock,
            outbound: scripted,
        }
    }

    /// A node with this name that lets everybody in, has the clock of others and reaches them so.
    pub(super) fn among(alias: &str, clock: &Arc<StepClock>, outbound: &Arc<dyn Outbound>) -> Self {
        let who = (Access::Open, Arc::new(Anybody) as _);
        Self {
            app: app(alias, 100, who, (clock, outbound)),
            clock: Arc::clone(clock),
            outbound: Arc::new(ScriptedOutbound::new()),
        }
    }

    /// What answers its requests.
    pub(super) fn app(&self) -> Router {
        self.app.clone()
    }

    /// Asks for a path beneath `/ngsi-ld/v1`.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    /// Asks, and expects this status.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("/ngsi-ld/v1{path}"))
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .body(Body::from(body))
            .expect("a request");
        self.send(request).await
    }

    /// Sends any request.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let reply = self.app.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Writes something, which must succeed.
    pub(super) async fn write(&self, method: &str, path: &str, body: Value) {
        let answer = self.ask(method, path, Some(body)).await;
        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
    }
}

/// A whole node over the model store.
fn app(
    alias: &str,
    temporal_instances_max: usize,
    (access, guard): (Access, Arc<dyn Guard>),
    (clock, outbound): (&Arc<StepClock>, &Arc<dyn Outbound>),
) -> Router {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let time = Arc::clone(clock) as Arc<dyn Clock>;
    let entropy = Arc::new(SeededEntropy::new(7));
    let contexts = Contexts::new(
        Arc::clone(&store),
        Arc::clone(&time),
        Arc::clone(&entropy) as _,
        Arc::clone(outbound),
        None,
    );
    let contexts = Arc::new(contexts);
    let tasks = Tasks::new();
    let broker = Broker::new(store, Arc::clone(&time), access, tasks.clone());
    let subscriptions = Subscriptions::start(subscriptions::Parts {
        broker: Arc::clone(&broker),
        contexts: Arc::clone(&contexts),
        outbound: Arc::clone(outbound),
        clock: Arc::clone(&time),
        entropy: Arc::clone(&entropy) as _,
        tasks: tasks.clone(),
    });
    let subscriptions = at_once(subscriptions);
    let gateway = at_once(Gateway::start(federation::Parts {
        broker: Arc::clone(&broker),
        contexts: Arc::clone(&contexts),
        subscriptions: Arc::clone(&subscriptions),
        outbound: Arc::clone(outbound),
        clock: Arc::clone(&time),
        entropy: Arc::clone(&entropy) as _,
        alias: Arc::from(alias),
        tasks,
    }));
    let api = Api {
        broker,
        contexts,
        gateway,
        subscriptions,
        alias: Arc::from(alias),
        started_at: clock.now(),
        temporal_instances_max,
    };
    let kit = Kit::new(guard, time, &*entropy, 30_000_000);
    web::app(api_ngsi::routes(api), Arc::new(kit))
}

/// What the model store answers without waiting.
fn at_once<T>(starting: impl Future<Output = Result<T, StoreError>>) -> T {
    let started = starting
        .now_or_never()
        .expect("the model store never waits");
    started.expect("the model store answers")
}
