//! Feeds that ask others: a polled URL, a stream of events.

use std::sync::Arc;

use feeds::State;
use http::StatusCode;
use mqtt::{ClientSettings, ListenSettings, OpenDoor, Publisher, Qos};
use ports::OutboundError;

use testkit::SeededEntropy;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::kit::{AIR, Node, pushed, reading};

fn polled() -> String {
    let source = "kind = \"poll\"\nurl = \"https://example.org/air\"\nevery_seconds = 60";
    let text = pushed().replace("kind = \"push\"", source);
    text.replace("{topic.3}", "one")
}

fn streamed() -> String {
    let source = "kind = \"sse\"\nurl = \"https://example.org/events\"\nevents = [\"air\"]";
    let text = pushed().replace("kind = \"push\"", source);
    text.replace("{topic.3}", "one")
}

fn unreachable() -> OutboundError {
    OutboundError::Unreachable {
        host: "example.org".to_owned(),
        reason: "refused".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polled_url_is_asked_again_after_failures_and_then_goes_on() {
    let node = Node::new().await;
    node.outside.fail("https://example.org/air", unreachable());
    node.outside
        .reply("https://example.org/air", StatusCode::FOUND, "");
    node.outside.reply(
        "https://example.org/air",
        StatusCode::OK,
        reading("00:00:00", 1.0),
    );
    node.outside
        .reply("https://example.org/air", StatusCode::NOT_MODIFIED, "");
    node.outside
        .reply("https://example.org/air", StatusCode::OK, "<html>");
    node.outside.reply(
        "https://example.org/air",
        StatusCode::OK,
        reading("00:01:00", 2.0),
    );
    node.feed("poll", &polled()).await;
    node.until("it fails", || node.health("poll").state == State::Failing)
        .await;
    let said = node.health("poll").last_error.expect("an error").reason;
    assert!(said.contains("cannot be reached"), "{said}");
    node.in_time("it is stored", || node.health("poll").accepted == 1)
        .await;
    node.in_time("it goes on", || node.health("poll").accepted == 2)
        .await;
    let health = node.health("poll");
    assert_eq!((health.received, health.refused), (3, 1));
    assert!(health.refusals[0].sample.contains("<html>"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_resumed_behind_the_last_event_that_is_on_disk() {
    let node = Node::new().await;
    let one = format!(
        "retry: 5000\nevent: air\nid: 41\ndata: {}\n\nevent: other\nid: 42\ndata: x\n\n",
        reading("00:00:00", 1.0)
    );
    let two = format!("event: air\nid: 43\ndata: {}\n\n", reading("00:00:01", 2.0));
    node.outside
        .reply("https://example.org/events", StatusCode::OK, one);
    node.outside
        .fail("https://example.org/events", unreachable());
    node.outside
        .reply("https://example.org/events", StatusCode::OK, two);
    node.feed("sse", &streamed()).await;
    node.in_time("both are stored", || node.health("sse").accepted == 2)
        .await;
    node.in_time("it asks again", || node.outside.asked().len() >= 4)
        .await;
    let asked = node.outside.asked();
    assert_eq!(asked[0].headers.get("last-event-id"), None);
    assert_eq!(asked[1].headers["last-event-id"], "41");
    assert_eq!(asked[2].headers["last-event-id"], "41");
    assert_eq!(asked[3].headers["last-event-id"], "43");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_publishes_is_answered_when_it_is_stored() {
    let node = Node::new().await;
    node.feed("air", AIR).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("mqtt://{}", listener.local_addr().expect("an address"));
    let (clock, entropy) = (Arc::clone(&node.clock), Arc::new(SeededEntropy::new(3)));
    let settings = ListenSettings::new(clock, Arc::clone(&entropy) as _);
    let (out, mut messages) = mpsc::channel(16);
    let door = Arc::new(OpenDoor);
    let listening = mqtt::listen(listener, settings, door, out, node.tasks.clone());
    node.tasks.spawn("listen", listening);
    let feeds = Arc::clone(&node.feeds);
    node.tasks.spawn("messages", async move {
        while let Some(message) = messages.recv().await {
            feeds.message(message).await;
        }
    });
    let settings = ClientSettings::new(Arc::clone(&node.clock) as _, entropy, &url, "device");
    let mut device = Publisher::connect(&settings).await.expect("it is let in");
    let messages = [
        ("city/air/1".to_owned(), reading("00:00:00", 1.5).into()),
        ("city/air/2".to_owned(), "poison".into()),
        ("city/water/1".to_owned(), "{}".into()),
        ("city/air/3".to_owned(), reading("00:00:00", 3.5).into()),
    ];
    let unwanted = device.publish(&messages, Qos::AtLeastOnce).await;
    let unwanted = unwanted.expect("all are answered");
    let places: Vec<usize> = unwanted.iter().map(|one| one.place).collect();
    assert_eq!(places, [1, 2], "{unwanted:?}");
    assert!(unwanted[0].reason.contains("no JSON"), "{unwanted:?}");
    assert!(node.entity("urn:x:air:1").await.is_some());
    assert!(node.entity("urn:x:air:3").await.is_some());
    device.disconnect().await;
}
