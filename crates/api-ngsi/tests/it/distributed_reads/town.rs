//! Nodes that reach one another within the process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use ports::{Outbound, OutboundError, Reply};
use serde_json::{Value, json};
use testkit::StepClock;
use tower::ServiceExt as _;

use super::super::node::{Answer, Node};

/// Nodes by their hosts. A host that fell silent costs its whole time.
#[derive(Debug)]
pub(super) struct Web {
    pub(super) clock: Arc<StepClock>,
    pub(super) nodes: Mutex<HashMap<String, Router>>,
    pub(super) silent: Mutex<HashSet<String>>,
    pub(super) says: Mutex<HashMap<String, (StatusCode, String)>>,
    pub(super) asked: Mutex<Vec<(String, HeaderMap)>>,
}

#[async_trait]
impl Outbound for Web {
    async fn send(&self, request: ports::Request) -> Result<Reply, OutboundError> {
        let host = request.url.strip_prefix("http://").unwrap_or_default();
        let (host, _) = host.split_once('/').unwrap_or_default();
        let host = host.to_owned();
        self.asked
            .lock()
            .push((request.url.clone(), request.headers.clone()));
        if self.silent.lock().contains(&host) {
            return Err(OutboundError::TimedOut { host });
        }
        if let Some((status, body)) = self.says.lock().get(&host).cloned() {
            return Ok(Reply {
                status,
                headers: HeaderMap::new(),
                body: body.into(),
            });
        }
        let Some(app) = self.nodes.lock().get(&host).cloned() else {
            let reason = "no such host".to_owned();
            return Err(OutboundError::Unreachable { host, reason });
        };
        let mut asking = Request::builder().method(request.method).uri(&request.url);
        for (name, value) in &request.headers {
            asking = asking.header(name, value);
        }
        let asking = asking.header("content-length", request.body.len());
        let asking = asking.body(Body::from(request.body)).expect("a request");
        let (parts, body) = app.oneshot(asking).await.expect("an answer").into_parts();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.expect("a body").to_bytes(),
        })
    }
}

/// Some nodes.
pub(super) struct Town {
    pub(super) web: Arc<Web>,
    pub(super) nodes: BTreeMap<&'static str, Node>,
}

impl Town {
    pub(super) fn of(names: &[&'static str]) -> Self {
        let clock = Arc::new(StepClock::default());
        let web = Arc::new(Web {
            clock: Arc::clone(&clock),
            nodes: Mutex::default(),
            silent: Mutex::default(),
            says: Mutex::default(),
            asked: Mutex::default(),
        });
        let outbound = Arc::clone(&web) as Arc<dyn Outbound>;
        let mut nodes = BTreeMap::new();
        for name in names {
            let node = Node::among(name, &clock, &outbound);
            web.nodes.lock().insert((*name).to_owned(), node.app());
            nodes.insert(*name, node);
        }
        Self { web, nodes }
    }

    pub(super) fn node(&self, name: &str) -> &Node {
        &self.nodes[name]
    }

    /// Registers `there` at `here`; `more` is put over the usual registration.
    pub(super) async fn register(&self, here: &str, there: &str, more: Value) {
        let mut registration = json!({
            "id": format!("urn:ngsi-ld:ContextSourceRegistration:{there}"),
            "type": "ContextSourceRegistration",
            "information": [{"entities": [{"type": "Car"}]}],
            "endpoint": format!("http://{there}"),
        });
        for (name, value) in more.as_object().expect("an object") {
            registration[name.as_str()] = value.clone();
        }
        let path = "/csourceRegistrations";
        self.node(here).write("POST", path, registration).await;
    }

    pub(super) async fn create(&self, at: &str, entity: Value) {
        self.web.clock.advance_seconds(1);
        let path = "/entities?local=true";
        self.node(at).write("POST", path, entity).await;
    }

    pub(super) async fn get(&self, at: &str, path: &str) -> Answer {
        self.node(at).get(path).await
    }

    /// How often a host was asked.
    pub(super) fn asked(&self, host: &str) -> usize {
        let start = format!("http://{host}/");
        let asked = self.web.asked.lock();
        asked
            .iter()
            .filter(|(url, _)| url.starts_with(&start))
            .count()
    }
}
