//! Snapshots over a restart, at their end, and when there is no room.

use broker::{Broker, Command, Contexts};
use jsonld::Context;
use ngsi::Query;
use ngsi::parse::{Parser, Purpose};
use ngsi::query::TypeExpr;
use serde_json::json;
use store_memory::MemoryStore;
use subscriptions::Subscriptions;
use testkit::{ScriptedOutbound, SeededEntropy, StepClock};
use trust::Access;

use crate::Words;

use super::*;

/// A city with three cars, whose node can be started again.
struct City {
    store: Arc<dyn Store>,
    clock: Arc<StepClock>,
    outbound: Arc<ScriptedOutbound>,
}

impl City {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(StepClock::at(Time::from_seconds(1_000_000))),
            outbound: Arc::new(ScriptedOutbound::new()),
        }
    }

    async fn start(&self) -> Arc<Gateway> {
        let clock = Arc::clone(&self.clock) as Arc<dyn ports::Clock>;
        let entropy = Arc::new(SeededEntropy::new(self.store.head().0)) as Arc<dyn ports::Entropy>;
        let outbound = Arc::clone(&self.outbound) as Arc<dyn ports::Outbound>;
        let tasks = base::Tasks::new();
        let store = Arc::clone(&self.store);
        let broker = Broker::new(store, Arc::clone(&clock), Access::Open, tasks.clone());
        let contexts = Arc::new(Contexts::new(
            Arc::clone(&self.store),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&outbound),
            None,
        ));
        let subscriptions = Subscriptions::start(subscriptions::Parts {
            broker: Arc::clone(&broker),
            contexts: Arc::clone(&contexts),
            outbound: Arc::clone(&outbound),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            tasks: tasks.clone(),
        });
        let parts = Parts {
            broker,
            contexts,
            subscriptions: subscriptions.await.expect("the store answers"),
            outbound,
            clock,
            entropy,
            alias: Arc::from("here"),
            tasks,
        };
        Gateway::start(parts).await.expect("the store answers")
    }

    async fn with_cars(&self) -> Arc<Gateway> {
        let gateway = self.start().await;
        for number in 0..3 {
            let id = format!("urn:car:{number}");
            let car = json!({"id": id, "type": "Car", "expiresAt": "1970-01-13T00:00:00Z"});
            let parsed = Parser::new(&Context::core(), Purpose::Whole).entity(car);
            let command = Command::Create(parsed.expect("an entity"));
            let done = gateway.broker().apply_one(&call(), command).await;
            done.expect("created");
        }
        gateway
    }
}

fn tenant() -> Tenant {
    Tenant::default_tenant()
}

fn call() -> Call {
    Call::of_the_node(tenant())
}

fn said(gateway: &Gateway, members: &Value) -> Said {
    let members = members.as_object().expect("an object");
    Said::of_new(members, gateway.snapshots().now()).expect("a description")
}

async fn begin(gateway: &Arc<Gateway>, members: Value) -> Result<Arc<Snapshot>, SnapshotError> {
    let context = Context::core();
    let question = Question {
        query: Query {
            types: TypeExpr::parse("Car", &context).ok(),
            now: gateway.snapshots().now(),
            ..Query::default()
        },
        filters: crate::Filters::default(),
        words: Words::core(),
        datasets: Vec::new(),
        sources: None,
        split: false,
        among: None,
    };
    let frozen = Frozen {
        question,
        shape: Box::new(Some),
    };
    let said = said(gateway, &members);
    let how = (&call(), Route::default());
    gateway
        .snapshots()
        .create(gateway, how, (None, said), vec![frozen])
        .await
}

/// Lets what goes on beside the requests come to its end.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

async fn cars_in(gateway: &Gateway, snapshot: &Snapshot) -> Vec<Name> {
    let world = gateway.snapshots().enter(&tenant(), &snapshot.id);
    let call = Call::of_the_node(world.expect("it is ready"));
    let all = Query {
        now: gateway.snapshots().now(),
        ..Query::default()
    };
    gateway
        .broker()
        .ids(&call, &all)
        .await
        .expect("the store answers")
}

#[tokio::test]
async fn a_snapshot_survives_a_restart_and_nothing_in_it_ends() {
    let city = City::new();
    let gateway = city.with_cars().await;
    let made = begin(&gateway, json!({"snapshotPriority": 7}))
        .await
        .expect("made");
    let early = gateway.snapshots().enter(&tenant(), &made.id);
    assert!(matches!(early, Err(SnapshotError::Preparing { .. })));
    settle().await;
    assert_eq!(
        (made.said().status, made.said().entities),
        (Status::Success, 3)
    );
    // The cars of the city have expired by then, those of the snapshot have not.
    city.clock.advance_seconds(60_000);
    let again = city.start().await;
    let read = again
        .snapshots()
        .get(&tenant(), &made.id)
        .expect("it is kept");
    assert_eq!(read.said(), made.said());
    assert_eq!(cars_in(&again, &read).await.len(), 3);
    let expired = again.broker().retrieve(&call(), "urn:car:1").await;
    expired.expect_err("it has expired");
}

#[tokio::test]
async fn one_whose_making_was_interrupted_has_failed() {
    let city = City::new();
    let gateway = city.with_cars().await;
    let made = begin(&gateway, json!({})).await.expect("made");
    // The node starts again before anything was asked.
    let again = city.start().await;
    let read = again
        .snapshots()
        .get(&tenant(), &made.id)
        .expect("it is kept");
    assert_eq!(read.said().status, Status::Failure);
}

#[tokio::test]
async fn a_snapshot_ends_in_its_time_and_its_world_is_cleared() {
    let city = City::new();
    let gateway = city.with_cars().await;
    let made = begin(&gateway, json!({"snapshotLifetime": "PT10S"}))
        .await
        .expect("made");
    settle().await;
    let world = world::tenant(made.world);
    assert_eq!(
        city.store
            .count(&world, &Query::default())
            .await
            .expect("a count"),
        3
    );
    city.clock.advance_seconds(11);
    let ended = gateway.snapshots().get(&tenant(), &made.id);
    ended.expect_err("it has ended");
    settle().await;
    assert_eq!(
        city.store
            .count(&world, &Query::default())
            .await
            .expect("a count"),
        0
    );
    let heads = city.store.heads(&world, &[], None, 9).await.expect("heads");
    assert!(heads.is_empty() && gateway.snapshots().state.lock().free.len() == WORLDS_MAX);
}

#[tokio::test]
async fn without_room_the_least_important_gives_way_to_a_more_important_one() {
    let city = City::new();
    let gateway = city.with_cars().await;
    let mut first = None;
    for number in 0..WORLDS_MAX {
        let priority = if number == 3 { 2 } else { 5 };
        let made = begin(&gateway, json!({"snapshotPriority": priority}))
            .await
            .expect("made");
        if number == 3 {
            first = Some(made);
        }
    }
    settle().await;
    let least = first.expect("the fourth");
    let refused = begin(&gateway, json!({"snapshotPriority": 2})).await;
    assert!(matches!(refused, Err(SnapshotError::Full { .. })));
    let made = begin(&gateway, json!({"snapshotPriority": 3}))
        .await
        .expect("made");
    settle().await;
    let gone = gateway.snapshots().get(&tenant(), &least.id);
    gone.expect_err("it gave way");
    assert_eq!(cars_in(&gateway, &made).await.len(), 3);
}

#[tokio::test]
async fn whoever_wanted_to_know_is_told_that_it_is_ready() {
    let city = City::new();
    let gateway = city.with_cars().await;
    city.outbound
        .reply("http://told.example/", http::StatusCode::OK, "");
    let info = json!([{"key": "X-Key", "value": "k"}]);
    let endpoint = json!({"endpoint": {"uri": "http://told.example/n"}, "receiverInfo": info});
    let made = begin(&gateway, endpoint).await.expect("made");
    settle().await;
    let asked = city.outbound.asked();
    assert_eq!(asked.len(), 1);
    let body: Value = serde_json::from_slice(&asked[0].body).expect("JSON");
    assert_eq!(body["snapshotId"], json!(made.id));
    assert_eq!(body["snapshotStatus"], "success");
    assert_eq!(asked[0].headers["x-key"], "k");
}
