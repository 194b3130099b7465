//! Delivery with a clock that steps when told and receivers that do what the test says.

mod by_mqtt;
mod dead;
mod heard;
mod posted;

use std::sync::Arc;

use async_trait::async_trait;
use base::{Name, Seq, Tasks, Tenant, Time};
use bytes::Bytes;
use hashbrown::HashMap;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use ports::{Clock as _, Outbound, OutboundError, Reply, Request};
use serde_json::{Value, json};
use store_memory::MemoryStore;
use testkit::{SeededEntropy, StepClock};
use tokio::sync::Notify;

use super::*;
use crate::model::Spoken;

/// What a receiver does with a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It answers so.
    Answers(u16),
    /// Nobody is there.
    Refuses,
    /// It answers never.
    Hangs,
    /// It answers when the test lets it.
    Waits,
}

/// Receivers, by how their URL begins; whoever is not named answers well.
#[derive(Debug)]
struct Receivers {
    clock: Arc<StepClock>,
    manners: Mutex<HashMap<String, Manner>>,
    /// All that was asked, in order.
    asked: Mutex<Vec<Request>>,
    /// What was taken, in order: host and body.
    taken: Mutex<Vec<(String, String)>>,
    go: Notify,
}

impl Receivers {
    fn behave(&self, url: &str, manner: Manner) {
        self.manners.lock().insert(url.to_owned(), manner);
    }

    fn manner(&self, url: &str) -> Manner {
        let manners = self.manners.lock();
        let mut found = manners
            .iter()
            .filter(|(start, _)| url.starts_with(start.as_str()));
        found
            .next()
            .map_or(Manner::Answers(200), |(_, manner)| *manner)
    }

    fn asked(&self) -> usize {
        self.asked.lock().len()
    }

    /// The bodies that a receiver took.
    fn taken(&self, url: &str) -> Vec<String> {
        let taken = self.taken.lock();
        let of = taken.iter().filter(|(from, _)| from.starts_with(url));
        of.map(|(_, body)| body.clone()).collect()
    }
}

#[async_trait]
impl Outbound for Receivers {
    async fn send(&self, request: Request) -> Result<Reply, OutboundError> {
        let url = request.url.clone();
        self.asked.lock().push(request.clone());
        let status = match self.manner(&url) {
            Manner::Answers(status) => status,
            Manner::Waits => {
                self.go.notified().await;
                200
            }
            Manner::Refuses => {
                let reason = "connection refused".to_owned();
                return Err(OutboundError::Unreachable { host: url, reason });
            }
            Manner::Hangs => {
                self.clock.sleep_until(request.deadline).await;
                return Err(OutboundError::TimedOut { host: url });
            }
        };
        if status < 300 {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            self.taken.lock().push((url, body));
        }
        Ok(Reply {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        })
    }
}

/// An outbox with what it is made of.
struct Post {
    clock: Arc<StepClock>,
    receivers: Arc<Receivers>,
    store: Arc<MemoryStore>,
    tasks: Tasks,
    outbox: Arc<Outbox>,
}

impl Post {
    async fn open() -> Self {
        let clock = Arc::new(StepClock::default());
        let receivers = Arc::new(Receivers {
            clock: Arc::clone(&clock),
            manners: Mutex::default(),
            asked: Mutex::default(),
            taken: Mutex::default(),
            go: Notify::new(),
        });
        Self::over(Arc::new(MemoryStore::new()), clock, receivers).await
    }

    async fn over(
        store: Arc<MemoryStore>,
        clock: Arc<StepClock>,
        receivers: Arc<Receivers>,
    ) -> Self {
        let tasks = Tasks::new();
        let means = Means {
            store: Arc::clone(&store) as _,
            outbound: Arc::clone(&receivers) as _,
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SeededEntropy::new(11)),
            tasks: tasks.clone(),
        };
        let outbox = Outbox::start(means).await.expect("an outbox");
        Self {
            clock,
            receivers,
            store,
            tasks,
            outbox,
        }
    }

    /// Stops as a node does, and starts anew over the same store.
    async fn restart(self) -> Self {
        self.tasks.stop();
        self.tasks.ended().await;
        Self::over(self.store, self.clock, self.receivers).await
    }

    /// Pushes a notification about an entity that follows from a change.
    fn push(&self, to: &Arc<Subscription>, entity: &str, seq: u64) {
        self.outbox.push(Notification {
            tenant: Tenant::default_tenant(),
            subscription: Arc::clone(to),
            about: vec![Name::from(entity)],
            body: Bytes::from(format!("{{\"n\":{seq}}}")),
            content_type: "application/json".to_owned(),
            link: None,
            seq: Seq(seq),
            at: self.clock.now(),
        });
    }

    fn report(&self, of: &Subscription) -> Value {
        self.outbox
            .report(&Tenant::default_tenant(), of, (0, 1_000))
    }

    /// Lets everything happen that may happen without the clock.
    async fn settle(&self) {
        for _ in 0..400 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets seconds pass, one by one.
    async fn pass(&self, seconds: i64) {
        for _ in 0..seconds {
            self.clock.advance_seconds(1);
            self.settle().await;
        }
    }

    async fn docs(&self) -> usize {
        let tenant = Tenant::default_tenant();
        let docs = self.store.docs(&tenant, "dead-letter", None, 10_000);
        docs.await.expect("docs").len()
    }
}

/// A subscription with an endpoint.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is written where it is given"
)]
fn subscription(id: &str, endpoint: Value) -> Arc<Subscription> {
    let spoken = Spoken {
        context: jsonld::Context::core(),
        member: json!([]),
    };
    let said = json!({
        "id": format!("urn:ngsi-ld:Subscription:{id}"),
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": endpoint},
    });
    let parsed = Subscription::parse(said, &spoken, Kind::Entities);
    Arc::new(parsed.expect("a subscription"))
}

/// The bodies of the notifications that follow from these changes.
fn bodies(seqs: impl IntoIterator<Item = u64>) -> Vec<String> {
    let body = |seq: u64| format!("{{\"n\":{seq}}}");
    seqs.into_iter().map(body).collect()
}

/// How long ago something was, in seconds.
fn since(then: Time, now: Time) -> i64 {
    (now.as_micros() - then.as_micros()) / 1_000_000
}
