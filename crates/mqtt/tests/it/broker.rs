//! The client and a broker that is played by the test.

use std::sync::Arc;
use std::time::Duration;

use base::Tasks;
use mqtt::{ClientState, Fault, Message, Qos, Subscription, Version, subscribe};
use testkit::StepClock;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::raw::{PATIENCE, Raw, client};

/// A client and the place of its broker.
struct Following {
    broker: TcpListener,
    messages: mpsc::Receiver<Message>,
    state: watch::Receiver<ClientState>,
    clock: Arc<StepClock>,
    tasks: Tasks,
}

impl Following {
    async fn start(version: Version) -> Self {
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = Arc::new(StepClock::default());
        let url = format!("mqtt://{}", broker.local_addr().unwrap());
        let mut settings = client(&clock, &url, version);
        settings.subscriptions = vec![Subscription {
            filter: "a/#".parse().unwrap(),
            qos: Qos::ExactlyOnce,
        }];
        let (out, messages) = mpsc::channel(10);
        let (shown, state) = watch::channel(ClientState::default());
        let tasks = Tasks::new();
        let inner = tasks.clone();
        tasks.spawn("client", async move {
            subscribe(settings, out, shown, inner).await.unwrap();
        });
        Self {
            broker,
            messages,
            state,
            clock,
            tasks,
        }
    }

    async fn accept(&self) -> Raw {
        let (stream, _) = timeout(PATIENCE, self.broker.accept())
            .await
            .unwrap()
            .unwrap();
        Raw(stream)
    }

    /// Greets with this CONNACK and grants the subscription of 3.1.1.
    async fn greet(&self, connack: &[u8]) -> Raw {
        let mut broker = self.accept().await;
        let connect = broker.packet().await.unwrap();
        assert_eq!(connect, b"\x10\x10\x00\x04MQTT\x04\x00\x00\x1e\x00\x04node");
        broker.send(connack).await;
        assert_eq!(
            broker.packet().await.unwrap(),
            b"\x82\x08\x00\x01\x00\x03a/#\x02"
        );
        broker.send(b"\x90\x03\x00\x01\x02").await;
        broker
    }

    async fn until(&mut self, wanted: impl Fn(&ClientState) -> bool) -> ClientState {
        let state = timeout(PATIENCE, self.state.wait_for(wanted)).await;
        state.unwrap().unwrap().clone()
    }

    async fn message(&mut self) -> Message {
        timeout(PATIENCE, self.messages.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

fn is_connected(state: &ClientState) -> bool {
    matches!(state, ClientState::Connected { .. })
}

fn is_waiting(state: &ClientState) -> bool {
    matches!(state, ClientState::Waiting { .. })
}

#[tokio::test]
async fn a_broker_that_dies_and_returns_costs_no_message() {
    let mut node = Following::start(Version::V3).await;
    let mut broker = node.greet(b"\x20\x02\x00\x00").await;
    node.until(is_connected).await;
    broker
        .send(b"\x32\x08\x00\x03a/b\x00\x05A\x34\x08\x00\x03a/b\x00\x06B")
        .await;
    let (first, second) = (node.message().await, node.message().await);
    assert!(broker.is_quiet().await, "nothing is stored yet");
    drop(broker);
    let ClientState::Waiting {
        failures: 1,
        reason,
        ..
    } = node.until(is_waiting).await
    else {
        unreachable!("waited for")
    };
    assert_eq!(reason, "the connection was closed");
    node.clock.advance_seconds(1);
    let mut broker = node.greet(b"\x20\x02\x01\x00").await;
    assert!(matches!(
        node.until(is_connected).await,
        ClientState::Connected { resumed: true, .. }
    ));
    // The broker sends again what was not acknowledged.
    broker
        .send(b"\x3a\x08\x00\x03a/b\x00\x05A\x3c\x08\x00\x03a/b\x00\x06B")
        .await;
    let again = node.message().await;
    assert_eq!(&again.payload[..], b"A", "at least once");
    first.accept();
    assert!(
        broker.is_quiet().await,
        "an answer goes to the connection of its message"
    );
    again.accept();
    assert_eq!(broker.packet().await.unwrap(), b"\x40\x02\x00\x05");
    second.accept();
    assert_eq!(
        broker.packet().await.unwrap(),
        b"\x50\x02\x00\x06",
        "exactly once"
    );
    broker.send(b"\x62\x02\x00\x06").await;
    assert_eq!(broker.packet().await.unwrap(), b"\x70\x02\x00\x06");
    node.messages.try_recv().unwrap_err();
}

#[tokio::test]
async fn a_refusal_is_said_and_tried_again_ever_more_patiently() {
    let mut node = Following::start(Version::V3).await;
    for failure in 1..4 {
        let mut broker = node.accept().await;
        broker.packet().await.unwrap();
        broker.send(b"\x20\x02\x00\x05").await;
        let wanted = |state: &ClientState| matches!(state, ClientState::Waiting { failures, .. } if *failures == failure);
        let ClientState::Waiting { reason, .. } = node.until(wanted).await else {
            unreachable!("waited for")
        };
        assert_eq!(
            reason,
            "the broker refused the connection: this client is not allowed to connect (code 0x05)"
        );
        timeout(Duration::from_millis(50), node.broker.accept())
            .await
            .unwrap_err();
        node.clock.advance_seconds(60);
    }
}

#[tokio::test]
async fn a_subscription_that_is_not_granted_is_said() {
    let mut node = Following::start(Version::V5).await;
    let mut broker = node.accept().await;
    broker.packet().await.unwrap();
    broker.send(b"\x20\x03\x00\x00\x00").await;
    assert_eq!(
        broker.packet().await.unwrap(),
        b"\x82\x09\x00\x01\x00\x00\x03a/#\x12"
    );
    broker.send(b"\x90\x04\x00\x01\x00\x87").await;
    let ClientState::Waiting { reason, .. } = node.until(is_waiting).await else {
        unreachable!("waited for")
    };
    assert_eq!(
        reason,
        "the broker refused the subscription to 'a/#' (code 0x87)"
    );
}

#[tokio::test]
async fn a_silent_broker_is_asked_and_then_left() {
    let mut node = Following::start(Version::V3).await;
    let mut broker = node.greet(b"\x20\x02\x00\x00").await;
    node.until(is_connected).await;
    node.clock.advance_seconds(15);
    assert_eq!(broker.packet().await.unwrap(), b"\xc0\x00");
    broker.send(b"\xd0\x00").await;
    assert!(broker.is_quiet().await);
    node.clock.advance_seconds(15);
    assert_eq!(broker.packet().await.unwrap(), b"\xc0\x00");
    node.clock.advance_seconds(40);
    assert_eq!(broker.packet().await, None);
    node.until(is_waiting).await;
}

#[tokio::test]
async fn a_client_that_nobody_listens_to_takes_its_leave() {
    let node = Following::start(Version::V3).await;
    let mut broker = node.greet(b"\x20\x02\x00\x00").await;
    drop(node.messages);
    assert_eq!(
        broker.packet().await.unwrap(),
        b"\xa2\x07\x00\x01\x00\x03a/#"
    );
    assert_eq!(broker.packet().await.unwrap(), b"\xe0\x00");
    node.tasks.stop();
    node.tasks.ended().await;
}

#[tokio::test]
async fn a_client_that_stops_keeps_its_session() {
    let mut node = Following::start(Version::V3).await;
    let mut broker = node.greet(b"\x20\x02\x00\x00").await;
    node.until(is_connected).await;
    node.tasks.stop();
    assert_eq!(broker.packet().await.unwrap(), b"\xe0\x00");
    assert_eq!(broker.packet().await, None);
    node.tasks.ended().await;
    assert_eq!(*node.state.borrow(), ClientState::Stopped);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let clock = Arc::new(StepClock::default());
    let mut settings = client(&clock, "http://broker.example", Version::V5);
    settings.subscriptions = vec![Subscription {
        filter: "a".parse().unwrap(),
        qos: Qos::AtMostOnce,
    }];
    let (out, _messages) = mpsc::channel(1);
    let (state, _) = watch::channel(ClientState::default());
    let refused = subscribe(settings, out, state, Tasks::new()).await;
    assert!(matches!(refused, Err(Fault::SettingsInvalid(_))));
}
