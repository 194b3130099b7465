//! A node with a console, to be asked within the process.

use std::sync::Arc;

use ::watch::{Range, Usual, WatchError};
use api_console::{ApiConsole, Basemap, City, CityState, Noted, Parts, Watching};
use api_ngsi::Api;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use base::{Name, Seq, Tasks, Time};
use broker::{Broker, Contexts};
use federation::Gateway;
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use ports::{Clock, Store, StoreError};
use serde_json::{Value, json};
use store_memory::MemoryStore;
use subscriptions::Subscriptions;
use testkit::{ScriptedOutbound, SeededEntropy, StepClock};
use tokio::sync::watch;
use tower::ServiceExt as _;
use trust::{Access, Call, Denied, Operation, Principal};
use web::{Guard, Kit};

/// Knows the tokens `reader`, `writer` and, until it is revoked, `guest`.
#[derive(Debug, Default)]
pub(super) struct Door {
    pub(super) revoked: Mutex<bool>,
}

impl Guard for Door {
    fn identify(&self, bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
        let operations: &[Operation] = match bearer {
            None => return Ok(Principal::Public),
            Some("reader") => &[Operation::Read],
            Some("guest") if !*self.revoked.lock() => &[Operation::Read],
            Some("writer") => &[Operation::Read, Operation::History, Operation::Write],
            Some(_) => return Err(Denied::TokenRefused),
        };
        Ok(Principal::Token {
            id: "t1".into(),
            name: bearer.unwrap_or_default().into(),
            operations: operations.iter().copied().collect(),
        })
    }
}

/// Says what the test says.
#[derive(Debug)]
pub(super) struct Script {
    now: Mutex<Arc<Noted>>,
    version: watch::Sender<u64>,
    pub(super) noted: Mutex<Vec<(String, bool)>>,
}

impl Script {
    /// Says this from now on.
    pub(super) fn say(&self, now: &Value) {
        let version = *self.version.borrow() + 1;
        *self.now.lock() = Arc::new(Noted::new(version, now));
        self.version.send_replace(version);
    }
}

#[async_trait]
impl Watching for Script {
    fn now(&self) -> Arc<Noted> {
        Arc::clone(&self.now.lock())
    }

    async fn acknowledge(&self, _call: &Call, id: &str, seen: bool) -> Result<(), WatchError> {
        if id == "unknown" {
            return Err(WatchError::AttentionUnknown { id: id.into() });
        }
        self.noted.lock().push((id.to_owned(), seen));
        Ok(())
    }

    async fn usual(
        &self,
        _call: &Call,
        _entity: &str,
        _attribute: &str,
        (from, _until): (Time, Time),
    ) -> Result<Vec<Usual>, WatchError> {
        Ok(vec![Usual {
            at: from,
            low: 1.0,
            mid: 2.0,
            high: 3.0,
        }])
    }

    async fn usual_now(
        &self,
        _call: &Call,
        _entity: &str,
        attributes: &[Name],
    ) -> Result<Vec<Option<Range>>, WatchError> {
        let range = Range {
            low: 1.0,
            mid: 2.0,
            high: 3.0,
        };
        Ok(vec![Some(range); attributes.len()])
    }
}

/// A city with a basemap.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) changed: watch::Sender<u64>,
}

impl City for Town {
    fn state(&self) -> CityState {
        CityState {
            zone: Some("Asia/Tashkent".to_owned()),
            speed: 60.0,
            basemap: Some(Basemap {
                file: "town.pmtiles".to_owned(),
                version: "1a".to_owned(),
                bounds: [66.0, 41.0, 67.0, 42.0],
                min_zoom: 0,
                max_zoom: 14,
                attribution: "© OpenStreetMap contributors".to_owned(),
            }),
            loading: None,
            version: "0.1.0".to_owned(),
        }
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// A node and its clock, which begins with the year 2026.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) app: Router,
    pub(super) clock: Arc<StepClock>,
    pub(super) script: Arc<Script>,
    pub(super) town: Arc<Town>,
    pub(super) door: Arc<Door>,
    pub(super) store: Arc<dyn Store>,
    pub(super) folder: tempfile::TempDir,
    pub(super) tasks: Tasks,
    console: ApiConsole,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
    pub(super) body: Value,
}

impl Answer {
    /// The text of a header.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }
}

impl Node {
    /// An open node.
    pub(super) fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), Access::Open)
    }

    /// A node that lets in nobody without a token.
    pub(super) fn closed() -> Self {
        Self::over(Arc::new(MemoryStore::new()), Access::Closed)
    }

    /// A node over a store that may hold something.
    pub(super) fn over(store: Arc<dyn Store>, access: Access) -> Self {
        let clock = Arc::new(StepClock::default());
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let entropy = Arc::new(SeededEntropy::new(7));
        let tasks = Tasks::new();
        let contexts = Contexts::new(
            Arc::clone(&store),
            Arc::clone(&time),
            Arc::clone(&entropy) as _,
            Arc::new(ScriptedOutbound::new()),
            None,
        );
        let broker = Broker::new(Arc::clone(&store), Arc::clone(&time), access, tasks.clone());
        let script = Arc::new(Script {
            now: Mutex::default(),
            version: watch::Sender::new(0),
            noted: Mutex::default(),
        });
        let town = Arc::new(Town {
            changed: watch::Sender::new(0),
        });
        let folder = tempfile::tempdir().expect("a folder");
        let console = ApiConsole::start(Parts {
            broker: Arc::clone(&broker),
            clock: Arc::clone(&time),
            watching: Arc::clone(&script) as _,
            city: Arc::clone(&town) as _,
            basemaps: folder.path().to_owned(),
            tasks: tasks.clone(),
        });
        let ngsi = ngsi(broker, contexts, &time, &tasks);
        let door = Arc::new(Door::default());
        let kit = Kit::new(Arc::clone(&door) as _, time, &*entropy, 30_000_000);
        let routes = ngsi.merge(api_console::routes(console.clone()));
        Self {
            app: web::app(routes, Arc::new(kit)),
            clock,
            script,
            town,
            door,
            store,
            folder,
            tasks,
            console,
        }
    }

    /// Waits until the view has followed the log to its head.
    pub(super) async fn settled(&self) {
        let Seq(head) = self.store.head();
        for _ in 0..100_000 {
            let ready = self.get("/console/city").await.body["ready"] == json!(true);
            if ready && self.console.places().1 >= head {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the view does not follow");
    }

    /// Asks, as the administrator of an open node.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// Asks with headers.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).expect("a request"))
            .await
    }

    /// Sends any request.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let reply = self.app.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = reply.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
        }
    }

    /// Writes something through `/ngsi-ld/v1`, which must succeed.
    pub(super) async fn write(&self, method: &str, path: &str, body: &Value) {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("/ngsi-ld/v1{path}"))
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .body(Body::from(body))
            .expect("a request");
        let answer = self.send(request).await;
        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
    }

    /// Creates entities or puts others in their place, and waits until they are on the map.
    pub(super) async fn put(&self, entities: &[Value]) {
        self.write("POST", "/entityOperations/upsert", &json!(entities))
            .await;
        self.settled().await;
    }
}

/// A thing at a place.
pub(super) fn thing(kind: &str, local: &str, (lon, lat): (f64, f64)) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:{kind}:{local}"),
        "type": kind,
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [lon, lat]},
        },
    })
}

/// An air station that says `pm25`, observed at the beginning of 2026.
pub(super) fn air(local: &str, at: (f64, f64), pm25: f64) -> Value {
    let mut thing = thing("AirQualityObserved", local, at);
    thing["pm25"] = json!({
        "type": "Property", "value": pm25, "unitCode": "GQ",
        "observedAt": "2026-01-01T00:00:00Z",
    });
    thing
}

/// The routes of NGSI-LD over the same broker.
fn ngsi(broker: Arc<Broker>, contexts: Contexts, clock: &Arc<dyn Clock>, tasks: &Tasks) -> Router {
    let contexts = Arc::new(contexts);
    let entropy = Arc::new(SeededEntropy::new(8));
    let outbound = Arc::new(ScriptedOutbound::new());
    let subscriptions = Subscriptions::start(subscriptions::Parts {
        broker: Arc::clone(&broker),
        contexts: Arc::clone(&contexts),
        outbound: Arc::clone(&outbound) as _,
        clock: Arc::clone(clock),
        entropy: Arc::clone(&entropy) as _,
        tasks: tasks.clone(),
    });
    let subscriptions = at_once(subscriptions);
    let gateway = Gateway::start(federation::Parts {
        broker: Arc::clone(&broker),
        contexts: Arc::clone(&contexts),
        subscriptions: Arc::clone(&subscriptions),
        outbound,
        clock: Arc::clone(clock),
        entropy,
        alias: Arc::from("here"),
        tasks: tasks.clone(),
    });
    api_ngsi::routes(Api {
        broker,
        contexts,
        gateway: at_once(gateway),
        subscriptions,
        alias: Arc::from("here"),
        started_at: clock.now(),
        temporal_instances_max: 1_000,
    })
}

/// What the model store answers without waiting.
fn at_once<T>(starting: impl Future<Output = Result<T, StoreError>>) -> T {
    let started = starting
        .now_or_never()
        .expect("the model store never waits");
    started.expect("the model store answers")
}
