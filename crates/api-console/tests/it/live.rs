//! The live stream: what is told, what is told again after a disconnection, and who may hear it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::{Value, json};
use store_memory::MemoryStore;
use tower::ServiceExt as _;
use trust::Access;

use super::node::{Node, air, thing};

const HERE: (f64, f64) = (66.1, 41.9);

/// An event of the stream.
#[derive(Debug, Clone)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

/// Somebody who listens.
struct Listener {
    body: Body,
    text: String,
}

impl Listener {
    async fn at(node: &Node, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let reply = node.app.clone().oneshot(request).await.expect("an answer");
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        Self {
            body: reply.into_body(),
            text: String::new(),
        }
    }

    /// The next event; `None` when the stream is over, or says nothing for now.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = read(event);
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame = self.body.frame();
            let frame = tokio::time::timeout(Duration::from_millis(50), frame).await;
            let data = frame.ok()??.expect("no error").into_data().expect("data");
            self.text
                .push_str(std::str::from_utf8(&data).expect("text"));
        }
    }

    /// All that is said for now.
    async fn all(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// Whether the stream is over.
    async fn is_over(&mut self) -> bool {
        let frame = self.body.frame();
        let ended = tokio::time::timeout(Duration::from_secs(5), frame).await;
        matches!(ended, Ok(None))
    }
}

fn read(text: &str) -> Event {
    let mut event = Event {
        name: String::new(),
        id: None,
        data: Value::Null,
    };
    for line in text.lines() {
        match line.split_once(": ").expect("a field") {
            ("event", name) => event.name = name.to_owned(),
            ("id", id) => event.id = id.parse().ok(),
            ("data", data) => event.data = serde_json::from_str(data).expect("JSON"),
            other => panic!("{other:?}"),
        }
    }
    event
}

/// What events tell of entities: id and change, in order.
fn told(events: &[Event]) -> Vec<Value> {
    let changes = events.iter().filter(|event| event.name == "changes");
    changes
        .flat_map(|event| event.data.as_array().expect("changes").clone())
        .collect()
}

#[tokio::test]
async fn changes_are_gathered_and_the_latest_wins() {
    let node = Node::new();
    node.put(&[air("0", HERE, 1.0)]).await;
    let mut listener = Listener::at(&node, "/console/live", &[]).await;
    let first = listener.all().await;
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].name.as_str(), first[0].id), ("tick", Some(1)));
    assert_eq!(first[0].data["time"], "2026-01-01T00:00:00Z");
    node.put(&[air("1", HERE, 1.0)]).await;
    node.put(&[air("1", HERE, 2.0)]).await;
    assert!(
        listener.all().await.is_empty(),
        "not before a second is over"
    );
    node.clock.advance_seconds(1);
    let events = listener.all().await;
    let told = told(&events);
    assert_eq!(told.len(), 1, "{events:?}");
    assert_eq!(told[0]["id"], "urn:ngsi-ld:AirQualityObserved:1");
    assert_eq!(
        (&told[0]["value"], &told[0]["layer"]),
        (&json!(2.0), &json!("air"))
    );
    assert_eq!(told[0]["location"], json!([66.1, 41.9]));
    assert_eq!(events[0].id, told[0]["seq"].as_u64());
    node.write(
        "DELETE",
        "/entities/urn:ngsi-ld:AirQualityObserved:1",
        &Value::Null,
    )
    .await;
    node.settled().await;
    node.clock.advance_seconds(1);
    let gone = super::live::told(&listener.all().await);
    assert_eq!(gone[0]["id"], "urn:ngsi-ld:AirQualityObserved:1");
    assert_eq!(gone[0]["deleted"], json!(true));
}

#[tokio::test]
async fn a_stream_tells_how_fresh_it_is_and_what_the_city_is_like() {
    let node = Node::new();
    node.settled().await;
    let mut listener = Listener::at(&node, "/console/live", &[]).await;
    listener.all().await;
    node.script
        .say(&json!({"counts": {"critical": 3}, "attention": []}));
    node.town.changed.send_replace(1);
    node.clock.advance_seconds(1);
    let events = listener.all().await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["now", "city"]);
    assert_eq!(events[0].data["counts"]["critical"], 3);
    node.script.say(&json!({"attention": []}));
    node.clock.advance_seconds(1);
    assert!(listener.all().await.is_empty(), "not twice in two seconds");
    node.clock.advance_seconds(1);
    assert_eq!(listener.all().await[0].name, "now");
    node.clock.advance_seconds(2);
    assert_eq!(listener.all().await[0].name, "tick");
}

#[tokio::test]
async fn only_what_is_asked_for_is_told_also_when_it_leaves() {
    let node = Node::new();
    node.settled().await;
    let path = "/console/live?types=Vehicle&bbox=66,41,67,42";
    let mut listener = Listener::at(&node, path, &[]).await;
    node.put(&[
        thing("Vehicle", "in", HERE),
        thing("Vehicle", "out", (10.0, 10.0)),
        thing("Bench", "in", HERE),
    ])
    .await;
    node.clock.advance_seconds(1);
    let ids = |events: &[Event]| -> Vec<Value> {
        told(events).iter().map(|told| told["id"].clone()).collect()
    };
    assert_eq!(ids(&listener.all().await), ["urn:ngsi-ld:Vehicle:in"]);
    node.put(&[thing("Vehicle", "in", (66.5, 41.5))]).await;
    node.put(&[thing("Vehicle", "in", (20.0, 20.0))]).await;
    node.put(&[thing("Vehicle", "in", (21.0, 20.0))]).await;
    node.clock.advance_seconds(1);
    let left = told(&listener.all().await);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["location"], json!([21.0, 20.0]));
    node.put(&[thing("Vehicle", "in", (22.0, 20.0))]).await;
    node.clock.advance_seconds(1);
    assert!(told(&listener.all().await).is_empty());
}

#[tokio::test]
async fn whoever_is_too_far_behind_or_ahead_begins_anew() {
    let node = Node::new();
    node.put(&[air("1", HERE, 1.0)]).await;
    let mut listener = Listener::at(&node, "/console/live", &[("last-event-id", "99")]).await;
    let events = listener.all().await;
    assert_eq!(events[0].name, "reset");
    assert_eq!(events[0].data["seq"], 1);
    for wrong in ["abc", "-1", "99999999999999999999999"] {
        let answer = node
            .ask("GET", "/console/live", &[("last-event-id", wrong)])
            .await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    for wrong in ["bbox=1", "types=a,,b", "x=1"] {
        let answer = node.get(&format!("/console/live?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn who_loses_the_right_hears_no_more() {
    let node = Node::closed();
    let guest = [("authorization", "Bearer guest")];
    let mut listener = Listener::at(&node, "/console/live", &guest).await;
    listener.all().await;
    node.clock.advance_seconds(5);
    assert_eq!(listener.all().await[0].name, "tick");
    *node.door.revoked.lock() = true;
    node.clock.advance_seconds(5);
    assert!(listener.is_over().await);
}

#[tokio::test]
async fn streams_are_numbered_and_end_with_the_node() {
    let node = Node::new();
    let mut listeners = Vec::new();
    for _ in 0..api_console::STREAMS_MAX {
        listeners.push(Listener::at(&node, "/console/live", &[]).await);
    }
    let refused = node.get("/console/live").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "1");
    listeners.pop();
    let mut last = Listener::at(&node, "/console/live", &[]).await;
    last.all().await;
    node.tasks.stop();
    assert!(last.is_over().await);
}

#[tokio::test]
async fn after_a_restart_the_log_tells_what_was_missed() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::over(Arc::clone(&store) as _, Access::Open);
    node.put(&[
        air("1", HERE, 1.0),
        air("2", HERE, 1.0),
        air("3", HERE, 1.0),
    ])
    .await;
    let seen = node.get("/console/city").await.body["seq"].to_string();
    node.put(&[air("2", HERE, 2.0)]).await;
    node.write(
        "DELETE",
        "/entities/urn:ngsi-ld:AirQualityObserved:3",
        &Value::Null,
    )
    .await;
    let again = Node::over(store, Access::Open);
    again.settled().await;
    again.put(&[air("1", HERE, 7.0)]).await;
    let after = [("last-event-id", seen.as_str())];
    let mut listener = Listener::at(&again, "/console/live", &after).await;
    let events = listener.all().await;
    let told: Vec<Value> = told(&events)
        .iter()
        .map(|told| told["id"].clone())
        .collect();
    let of = |local: u32| json!(format!("urn:ngsi-ld:AirQualityObserved:{local}"));
    assert_eq!(told, [of(2), of(3), of(1)], "{events:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_disconnection_leaves_no_gap_and_nothing_is_told_twice(
        // What happens: an entity is written or deleted, a second passes, the line is cut.
        steps in prop::collection::vec((0_u8..10, 0_u8..5), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let node = Node::new();
            node.settled().await;
            let mut known: BTreeMap<String, f64> = BTreeMap::new();
            let mut is: BTreeMap<String, f64> = BTreeMap::new();
            let mut told_seqs: Vec<(String, u64)> = Vec::new();
            let mut last_id: Option<u64> = None;
            let mut listener = Listener::at(&node, "/console/live", &[]).await;
            for (value, (what, which)) in (0_u32..).zip(steps.into_iter().chain([(8, 0), (8, 0)])) {
                let id = format!("urn:ngsi-ld:AirQualityObserved:{which}");
                match what {
                    0..=4 => {
                        node.put(&[air(&which.to_string(), HERE, f64::from(value))]).await;
                        is.insert(id, f64::from(value));
                    }
                    5 => if is.remove(&id).is_some() {
                        node.write("DELETE", &format!("/entities/{id}"), &Value::Null).await;
                        node.settled().await;
                    },
                    6 => {
                        let text = last_id.unwrap_or_default().to_string();
                        let after = [("last-event-id", text.as_str())];
                        listener = Listener::at(&node, "/console/live", &after).await;
                    }
                    _ => {
                        node.clock.advance_seconds(1);
                        for event in listener.all().await {
                            prop_assert!(event.name != "reset");
                            last_id = event.id.or(last_id);
                            if event.name != "changes" {
                                continue;
                            }
                            for change in event.data.as_array().expect("changes") {
                                let id = change["id"].as_str().expect("an id").to_owned();
                                if change["deleted"] == json!(true) {
                                    known.remove(&id);
                                    continue;
                                }
                                let seq = change["seq"].as_u64().expect("a number");
                                let told = (id.clone(), seq);
                                prop_assert!(!told_seqs.contains(&told), "twice: {told:?}");
                                told_seqs.push(told);
                                known.insert(id, change["value"].as_f64().expect("a value"));
                            }
                        }
                    }
                }
            }
            prop_assert_eq!(known, is);
            Ok(())
        })?;
    }
}
