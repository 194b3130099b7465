//! A node with feeds: the model store with faults on order, a clock that steps, a scripted outside.

use std::sync::Arc;
use std::time::Duration;

use base::{Tasks, Tenant, Time};
use broker::{Broker, Contexts};
use bytes::Bytes;
use feeds::{Definition, Feeds, Health, Parts, Receipt};
use ngsi::Entity;
use ngsi::temporal::Span;
use ports::{Clock as _, Store, StoreError};
use store_memory::{Faulty, MemoryStore};
use testkit::{ScriptedOutbound, SeededEntropy, StepClock};
use trust::Access;

pub(crate) const AIR: &str = r#"
[source]
kind = "listener"
topic = "city/air/+"
expected_every_seconds = 60
simulated = true

[entity]
id = "urn:x:air:{topic.3}"
type = "Air"

[time]
column = "t"

[[attribute]]
name = "pm25"
column = "pm25"
unit = "GQ"

[[attribute]]
name = "maker"
column = "maker"
kind = "text"
static = true
"#;

/// The same, over HTTP.
pub(crate) fn pushed() -> String {
    AIR.replace("\"listener\"\ntopic = \"city/air/+\"", "\"push\"")
}

pub(crate) struct Node {
    pub(crate) store: Arc<Faulty>,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) outside: Arc<ScriptedOutbound>,
    pub(crate) tasks: Tasks,
    pub(crate) feeds: Arc<Feeds>,
}

impl Node {
    pub(crate) async fn new() -> Self {
        Self::over(
            Arc::new(Faulty::new(Arc::new(MemoryStore::new()))),
            Access::Open,
        )
        .await
    }

    pub(crate) async fn over(store: Arc<Faulty>, access: Access) -> Self {
        let clock = Arc::new(StepClock::default());
        let outside = Arc::new(ScriptedOutbound::new());
        let entropy = Arc::new(SeededEntropy::new(1));
        let tasks = Tasks::new();
        let broker = Broker::new(
            Arc::<Faulty>::clone(&store) as Arc<dyn Store>,
            Arc::<StepClock>::clone(&clock),
            access,
            tasks.clone(),
        );
        let contexts = Contexts::new(
            Arc::<Faulty>::clone(&store) as Arc<dyn Store>,
            Arc::<StepClock>::clone(&clock),
            Arc::<SeededEntropy>::clone(&entropy),
            Arc::<ScriptedOutbound>::clone(&outside),
            None,
        );
        let feeds = Feeds::start(Parts {
            broker,
            contexts: Arc::new(contexts),
            outbound: Arc::<ScriptedOutbound>::clone(&outside),
            clock: Arc::<StepClock>::clone(&clock),
            entropy,
            tasks: tasks.clone(),
        });
        let feeds = feeds.await.expect("the feeds start");
        Self {
            store,
            clock,
            outside,
            tasks,
            feeds,
        }
    }

    /// The same store in another process.
    pub(crate) async fn restarted(self) -> Self {
        self.tasks.stop();
        self.tasks.ended().await;
        Self::over(self.store, Access::Open).await
    }

    pub(crate) async fn feed(&self, name: &str, text: &str) {
        let definition = Definition::parse(text).expect("a definition");
        self.feeds.put(name, definition).await.expect("it is kept");
    }

    pub(crate) async fn push(&self, name: &str, topic: &str, payload: impl Into<Bytes>) -> Receipt {
        let receipt = self.feeds.push(name, Some(topic), payload.into()).await;
        receipt.expect("a receipt")
    }

    pub(crate) fn health(&self, name: &str) -> Health {
        let all = self.feeds.health();
        all.into_iter()
            .find(|feed| feed.name == name)
            .expect("the feed")
    }

    pub(crate) async fn entity(&self, id: &str) -> Option<Arc<Entity>> {
        let found = self.store.read(&Tenant::default_tenant(), id).await;
        found.expect("the store reads").map(|found| found.entity)
    }

    /// The moments of an attribute in history, each with its value.
    pub(crate) async fn history(&self, id: &str, name: &str) -> Vec<(String, String)> {
        let tenant = Tenant::default_tenant();
        let evolution = self.store.history(&tenant, id, &Span::all(1_000)).await;
        let series = evolution
            .expect("the store reads")
            .map(|e| e.series)
            .unwrap_or_default();
        let series = series.iter().filter(|series| series.name == *name);
        series
            .flat_map(|series| &series.instances)
            .map(|instance| {
                let at = instance.attribute.observed_at.map(|at| at.to_string());
                (
                    at.unwrap_or_default(),
                    format!("{:?}", instance.attribute.value),
                )
            })
            .collect()
    }

    /// Lets the tasks run until it holds, and fails if it never does.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if holds() {
                return;
            }
            pause().await;
        }
        panic!("never: {what}; {:#?}", self.feeds.health());
    }

    /// The same, while the clock goes on.
    pub(crate) async fn in_time(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if holds() {
                return;
            }
            self.clock.advance_seconds(1);
            pause().await;
        }
        panic!("never: {what}; {:#?}", self.feeds.health());
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }
}

pub(crate) async fn pause() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tasks of the node run on other threads, which the stepping clock does not move"
    )]
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable {
        reason: "the disk is full".to_owned(),
    }
}

pub(crate) fn reading(time: &str, pm25: f64) -> String {
    format!(r#"{{"t":"2026-01-01T{time}Z","pm25":{pm25},"maker":"Plantower"}}"#)
}
