//! What a running feed does with good payloads, bad ones and late ones, and with a store that fails.

use feeds::{FeedError, State};
use mqtt::{Message, Verdict};
use ngsi::AttributeValue;
use serde_json::json;
use store_memory::Fault;

use super::kit::{AIR, Node, pause, pushed, reading, unavailable};

const PM25: &str = "https://uri.etsi.org/ngsi-ld/default-context/pm25";
const MAKER: &str = "https://uri.etsi.org/ngsi-ld/default-context/maker";
const SIMULATED: &str = "https://uri.etsi.org/ngsi-ld/default-context/simulated";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_acknowledged_when_it_is_on_disk_and_not_before() {
    let node = Node::new().await;
    node.feed("air", AIR).await;
    node.store.inject(Fault::Commit(unavailable()));
    node.store.inject(Fault::Commit(unavailable()));
    let (message, witness) = Message::watched("city/air/7", reading("00:00:00", 12.5), "device");
    node.feeds.message(message).await;
    node.until("the feed sees the store fail", || {
        node.health("air").state == State::Failing
    })
    .await;
    assert_eq!(witness.verdict(), None);
    assert!(node.entity("urn:x:air:7").await.is_none());
    let said = node.health("air").last_error.expect("an error").reason;
    assert!(said.contains("the disk is full"), "{said}");
    node.in_time("it is acknowledged", || witness.verdict().is_some())
        .await;
    assert_eq!(witness.verdict(), Some(Verdict::Accepted));
    let entity = node.entity("urn:x:air:7").await.expect("the entity");
    let value = |name: &str| entity.attribute(name, None).map(|a| a.value.clone());
    assert_eq!(value(PM25), Some(AttributeValue::Property(json!(12.5))));
    assert_eq!(
        value(SIMULATED),
        Some(AttributeValue::Property(json!(true)))
    );
    let health = node.health("air");
    assert_eq!(
        (health.received, health.accepted, health.refused),
        (1, 1, 0)
    );
    assert_eq!(health.state, State::Live);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_stored_when_the_node_stops_is_not_acknowledged() {
    let node = Node::new().await;
    node.feed("air", AIR).await;
    for _ in 0..50 {
        node.store.inject(Fault::Commit(unavailable()));
    }
    let (message, witness) = Message::watched("city/air/7", reading("00:00:00", 12.5), "device");
    node.feeds.message(message).await;
    node.until("the feed sees the store fail", || {
        node.health("air").state == State::Failing
    })
    .await;
    node.tasks.stop();
    node.tasks.ended().await;
    assert_eq!(witness.verdict(), Some(Verdict::Dropped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_payload_refuses_only_itself() {
    let node = Node::new().await;
    node.feed("air", AIR).await;
    let payloads = [
        reading("00:00:00", 1.0),
        "{\"t\":".to_owned(),
        "\u{0}\u{1}".to_owned(),
        reading("00:00:01", 2.0).replace("2026", "20x6"),
        reading("00:00:02", 3.0),
    ];
    let mut witnesses = Vec::new();
    for payload in payloads {
        let (message, witness) = Message::watched("city/air/1", payload, "device");
        node.feeds.message(message).await;
        witnesses.push(witness);
    }
    node.until("all are answered", || {
        witnesses.iter().all(|w| w.verdict().is_some())
    })
    .await;
    let accepted: Vec<bool> = witnesses
        .iter()
        .map(|witness| witness.verdict() == Some(Verdict::Accepted))
        .collect();
    assert_eq!(accepted, [true, false, false, false, true]);
    let health = node.health("air");
    assert_eq!(
        (health.received, health.accepted, health.refused),
        (5, 2, 3)
    );
    assert_eq!(health.state, State::Live);
    let reasons: Vec<_> = health.reasons.into_iter().collect();
    assert_eq!(reasons, [("payload", 2), ("time", 1)]);
    assert!(health.refusals[2].reason.contains("is no moment"));
    assert!(
        health
            .refusals
            .iter()
            .all(|seen| seen.sample.chars().count() <= 200)
    );
    assert_eq!(node.history("urn:x:air:1", PM25).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_feed_wants_is_refused() {
    let node = Node::new().await;
    node.feed("air", AIR).await;
    let (message, witness) = Message::watched("city/water/1", "{}", "device");
    node.feeds.message(message).await;
    assert!(
        matches!(witness.verdict(), Some(Verdict::Refused(reason)) if reason.contains("topic"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_is_history_and_leaves_what_is_newer() {
    let node = Node::new().await;
    node.feed("air", &pushed()).await;
    for (time, value) in [
        ("00:00:10", 10.0),
        ("00:00:05", 5.0),
        ("00:00:05", 5.0),
        ("00:00:20", 20.0),
    ] {
        let receipt = node.push("air", "city/air/1", reading(time, value)).await;
        assert_eq!(receipt.accepted, 1, "{receipt:?}");
    }
    // Within one payload, too.
    let both = format!(
        "[{},{}]",
        reading("00:00:30", 30.5),
        reading("00:00:25", 25.0)
    );
    assert_eq!(node.push("air", "city/air/1", both).await.accepted, 2);
    let entity = node.entity("urn:x:air:1").await.expect("the entity");
    let now = entity.attribute(PM25, None).expect("pm25");
    assert_eq!(now.value, AttributeValue::Property(json!(30.5)));
    let mut moments: Vec<_> = node
        .history("urn:x:air:1", PM25)
        .await
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    moments.sort();
    let expected = ["00:00:05", "00:00:10", "00:00:20", "00:00:25", "00:00:30"];
    assert_eq!(moments, expected.map(|time| format!("2026-01-01T{time}Z")));
    // What stands still is said once.
    assert_eq!(node.history("urn:x:air:1", MAKER).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_from_the_future_is_refused_unless_it_is_simulated() {
    let node = Node::new().await;
    node.feed("real", &pushed().replace("simulated = true\n", ""))
        .await;
    node.feed("model", &pushed()).await;
    let payload = reading("00:00:00", 1.0).replace("2026", "2027");
    let real = node.push("real", "city/air/1", payload.clone()).await;
    assert!(
        real.refusals[0]
            .reason
            .contains("ahead of the node's clock"),
        "{real:?}"
    );
    assert_eq!(node.push("model", "city/air/2", payload).await.accepted, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_survive_a_restart_with_their_secrets() {
    let node = Node::new().await;
    node.feed("air", AIR).await;
    let poll = pushed().replace("\"push\"", "\"poll\"\nurl = \"https://example.org/x\"\nevery_seconds = 60\nuser = \"u\"\npassword = \"secret\"\nheaders = { X-Key = \"key\" }");
    node.feed("poll", &poll).await;
    node.feed("gone", AIR).await;
    node.feeds.remove("gone").await.expect("it goes");
    // What is shown can be sent back: the secrets stay.
    let shown = feeds::Definition::parse(&poll)
        .expect("a definition")
        .to_json();
    assert_eq!(shown["source"]["password"], "***");
    assert_eq!(shown["source"]["headers"]["X-Key"], "***");
    node.feed("poll", &shown.to_string()).await;
    let node = node.restarted().await;
    let names: Vec<String> = node
        .feeds
        .health()
        .into_iter()
        .map(|feed| feed.name)
        .collect();
    assert_eq!(names, ["air", "poll"]);
    node.until("it polls", || !node.outside.asked().is_empty())
        .await;
    let asked = node.outside.asked();
    assert_eq!(asked[0].headers["authorization"], "Basic dTpzZWNyZXQ=");
    assert_eq!(asked[0].headers["x-key"], "key");
    let (message, witness) = Message::watched("city/air/7", reading("00:00:00", 12.5), "device");
    node.feeds.message(message).await;
    node.until("it is stored", || {
        witness.verdict() == Some(Verdict::Accepted)
    })
    .await;
    assert!(matches!(
        node.feeds.remove("gone").await,
        Err(FeedError::Unknown(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_definition_takes_over_and_loses_nothing() {
    let node = Node::new().await;
    node.feed("air", AIR).await;
    let mut witnesses = Vec::new();
    for round in 0..20 {
        for device in 0..10 {
            let (message, witness) = Message::watched(
                &format!("city/air/{device}"),
                reading(&format!("00:00:{round}"), 1.0).replace(":0Z", ":00Z"),
                "d",
            );
            node.feeds.message(message).await;
            witnesses.push(witness);
        }
        node.feed("air", AIR).await;
    }
    node.until("all are answered", || {
        witnesses.iter().all(|w| w.verdict().is_some())
    })
    .await;
    let dropped = witnesses
        .iter()
        .filter(|w| w.verdict() == Some(Verdict::Dropped))
        .count();
    assert_eq!(dropped, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_goes_from_waiting_to_live_to_late_and_back() {
    let node = Node::new().await;
    node.feed("air", &pushed()).await;
    assert_eq!(node.health("air").state, State::Waiting);
    node.clock.advance_seconds(121);
    assert_eq!(node.health("air").state, State::Late);
    let at = node.now();
    node.push(
        "air",
        "city/air/1",
        format!("{{\"t\":\"{at}\",\"pm25\":1}}"),
    )
    .await;
    let health = node.health("air");
    assert_eq!((health.state, health.lag_seconds), (State::Live, Some(0)));
    assert_eq!(health.last_reading_at, Some(at));
    node.clock.advance_seconds(120);
    assert_eq!(node.health("air").state, State::Live);
    node.clock.advance_seconds(1);
    let health = node.health("air");
    assert_eq!((health.state, health.lag_seconds), (State::Late, Some(121)));
    for _ in 0..20 {
        node.push("air", "city/air/1", "{}").await;
    }
    let health = node.health("air");
    assert_eq!(health.state, State::Failing);
    assert!(
        health
            .last_error
            .is_some_and(|error| error.reason.contains("no moment"))
    );
    assert_eq!((health.refused, health.refusals.len()), (20, 20));
    let at = node.now();
    node.push(
        "air",
        "city/air/1",
        format!("{{\"t\":\"{at}\",\"pm25\":1}}"),
    )
    .await;
    assert_eq!(node.health("air").state, State::Live);
    node.feed(
        "air",
        &pushed().replace("[entity]", "enabled = false\n[entity]"),
    )
    .await;
    assert_eq!(node.health("air").state, State::Stopped);
    let pushed = node.feeds.push("air", None, "{}".into()).await;
    assert!(matches!(pushed, Err(FeedError::Disabled(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_that_the_broker_refuses_costs_the_others_nothing() {
    let node = Node::new().await;
    let ngsi = "[source]\nkind = \"push\"\nformat = \"ngsi\"";
    node.feed("ngsi", ngsi).await;
    // Each is within the limits of an entity, but not what they make together.
    let many = |id: &str, from: usize| {
        let mut entity = json!({"id": id, "type": "T"});
        for number in from..from + 1_500 {
            entity[format!("n{number}")] = json!(number);
        }
        entity
    };
    let first = json!([many("urn:x:1", 0)]);
    assert_eq!(node.push("ngsi", "", first.to_string()).await.accepted, 1);
    let second = json!([
        {"id": "urn:x:0", "type": "T", "n": 1},
        many("urn:x:1", 1_500),
        {"id": "urn:x:2", "type": "T", "n": 1},
        {"id": "no uri", "type": "T"},
    ]);
    let receipt = node.push("ngsi", "", second.to_string()).await;
    assert_eq!(
        (receipt.received, receipt.accepted, receipt.refused),
        (4, 2, 2),
        "{receipt:?}"
    );
    assert!(node.entity("urn:x:2").await.is_some());
    pause().await;
}
