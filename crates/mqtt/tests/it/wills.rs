//! Devices that go: keep alive, wills, and others with the same client id.

use super::raw::{CONNECT_5, Running};

/// 3.1.1, "d", keep alive 10 s, the will "gone" at "w".
const WILL_3: &[u8] = b"\x10\x16\x00\x04MQTT\x04\x06\x00\x0a\x00\x01d\x00\x01w\x00\x04gone";
/// 5, "d", session 600 s, the same will after 60 s.
const WILL_5: &[u8] = b"\x10\x22\x00\x04MQTT\x05\x04\x00\x0a\x05\x11\x00\x00\x02\x58\x00\x01d\x05\x18\x00\x00\x00\x3c\x00\x01w\x00\x04gone";

async fn settle() {
    tokio::time::timeout(
        std::time::Duration::from_millis(50),
        std::future::pending::<()>(),
    )
    .await
    .unwrap_err();
}

async fn is_gone(node: &mut Running) {
    let will = node.message().await;
    assert_eq!(
        (will.topic.as_str(), &will.payload[..]),
        ("w", &b"gone"[..])
    );
    assert_eq!(&*will.client, "d");
    will.accept();
}

#[tokio::test]
async fn a_device_that_vanishes_leaves_its_will() {
    let mut node = Running::open().await;
    drop(node.device(WILL_3).await);
    is_gone(&mut node).await;
}

#[tokio::test]
async fn a_device_that_says_good_bye_leaves_none() {
    let mut node = Running::open().await;
    let mut device = node.device(WILL_3).await;
    device.send(b"\xe0\x00").await;
    assert_eq!(device.packet().await, None);
    settle().await;
    node.messages.try_recv().unwrap_err();
    let mut device = node.device(WILL_5).await;
    device.send(b"\xe0\x07\x04\x05\x11\x00\x00\x00\x00").await;
    is_gone(&mut node).await;
}

#[tokio::test]
async fn silence_beyond_the_keep_alive_is_the_end() {
    let mut node = Running::open().await;
    let mut device = node.device(WILL_3).await;
    node.clock.advance_seconds(14);
    device.send(b"\xc0\x00").await;
    assert_eq!(device.packet().await.unwrap(), b"\xd0\x00");
    node.clock.advance_seconds(14);
    assert!(device.is_quiet().await, "it was heard 14 s ago");
    node.clock.advance_seconds(2);
    assert_eq!(device.packet().await, None);
    is_gone(&mut node).await;
}

#[tokio::test]
async fn a_greeting_that_does_not_come_is_not_waited_for() {
    let node = Running::open().await;
    let mut device = node.raw(b"\x10\x0d\x00\x04MQ").await;
    settle().await;
    node.clock.advance_seconds(11);
    assert_eq!(device.packet().await, None);
}

#[tokio::test]
async fn a_will_waits_for_its_time_and_not_longer_than_the_device() {
    let mut node = Running::open().await;
    drop(node.device(WILL_5).await);
    settle().await;
    node.clock.advance_seconds(59);
    settle().await;
    node.messages.try_recv().unwrap_err();
    let device = node.device(WILL_5).await;
    node.clock.advance_seconds(5);
    settle().await;
    node.messages.try_recv().unwrap_err();
    drop(device);
    settle().await;
    node.clock.advance_seconds(61);
    is_gone(&mut node).await;
}

#[tokio::test]
async fn a_will_that_waits_is_due_when_the_session_ends() {
    let mut node = Running::open().await;
    drop(node.device(WILL_5).await);
    settle().await;
    let _clean = node.device(CONNECT_5).await;
    is_gone(&mut node).await;
}

#[tokio::test]
async fn the_second_device_of_a_name_takes_the_place_of_the_first() {
    let mut node = Running::open().await;
    let mut first = node.device(CONNECT_5).await;
    let mut second = node.device(CONNECT_5).await;
    assert_eq!(first.packet().await.unwrap(), b"\xe0\x01\x8e");
    assert_eq!(first.packet().await, None);
    second.send(b"\x30\x05\x00\x01t\x00A").await;
    assert_eq!(node.message().await.topic, "t");
}

#[tokio::test]
async fn a_node_that_stops_publishes_no_wills() {
    let mut node = Running::open().await;
    let mut device = node.device(WILL_3).await;
    node.tasks.stop();
    assert_eq!(device.packet().await, None);
    node.tasks.ended().await;
    assert!(node.messages.recv().await.is_none());
}
