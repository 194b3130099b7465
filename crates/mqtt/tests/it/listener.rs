//! The listener and its devices.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mqtt::{ClosedDoor, Credentials, Door, Fault, OpenDoor, Publisher, Qos, Refusal, Version};
use proptest::prelude::*;

use super::raw::{CONNECT_3, CONNECT_5, Running};

const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

fn readings(count: usize) -> Vec<(String, Bytes)> {
    (0..count)
        .map(|n| {
            (
                format!("city/air/{n}"),
                Bytes::from(format!("{{\"pm25\":{n}}}")),
            )
        })
        .collect()
}

#[tokio::test]
async fn every_message_arrives_once_in_both_versions_and_all_qualities() {
    for version in [Version::V3, Version::V5] {
        for qos in QOS {
            let mut node = Running::open().await;
            let settings = node.client(version);
            let given = readings(3_000);
            let device = async {
                let mut device = Publisher::connect(&settings).await.unwrap();
                assert_eq!(device.publish(&given, qos).await.unwrap(), []);
                device.disconnect().await;
            };
            let receiver = async {
                for (topic, payload) in &given {
                    let message = node.message().await;
                    assert_eq!((&message.topic, &message.payload), (topic, payload));
                    assert_eq!(&*message.client, "node");
                    message.accept();
                }
            };
            tokio::join!(device, receiver);
            node.tasks.stop();
            node.tasks.ended().await;
            assert!(node.messages.recv().await.is_none());
        }
    }
}

#[tokio::test]
async fn an_acknowledgement_goes_out_when_the_message_is_accepted_and_in_order() {
    let mut node = Running::open().await;
    let mut device = node.device(CONNECT_3).await;
    device
        .send(b"\x32\x06\x00\x01t\x00\x01A\x32\x06\x00\x01t\x00\x02B")
        .await;
    let (first, second) = (node.message().await, node.message().await);
    second.accept();
    assert!(
        device.is_quiet().await,
        "the second answer waits for the first"
    );
    first.accept();
    assert_eq!(device.packet().await.unwrap(), b"\x40\x02\x00\x01");
    assert_eq!(device.packet().await.unwrap(), b"\x40\x02\x00\x02");
}

#[tokio::test]
async fn a_publisher_may_be_silent_for_a_while() {
    let mut node = Running::open().await;
    let mut device = Publisher::connect(&node.client(Version::V5)).await.unwrap();
    node.device(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01e")
        .await;
    node.clock.advance_seconds(300);
    let given = readings(1);
    let receiver = async { node.message().await.accept() };
    let (answered, ()) = tokio::join!(device.publish(&given, Qos::AtLeastOnce), receiver);
    assert_eq!(answered, Ok(vec![]));
}

#[tokio::test]
async fn a_refusal_says_why_in_mqtt_5_and_is_plain_in_3() {
    for version in [Version::V3, Version::V5] {
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let mut node = Running::open().await;
            let settings = node.client(version);
            let device = async {
                let mut device = Publisher::connect(&settings).await.unwrap();
                device.publish(&readings(3), qos).await.unwrap()
            };
            let receiver = async {
                node.message().await.accept();
                node.message().await.refuse("no number in 'pm25'");
                node.message().await.accept();
            };
            let (unwanted, ()) = tokio::join!(device, receiver);
            let heard: Vec<_> = unwanted
                .iter()
                .map(|one| (one.place, one.code, one.reason.as_str()))
                .collect();
            match version {
                Version::V3 => assert_eq!(heard, []),
                Version::V5 => assert_eq!(heard, [(1, 0x99, "no number in 'pm25'")]),
            }
        }
    }
}

#[tokio::test]
async fn a_message_dropped_unanswered_ends_the_connection_so_that_it_comes_again() {
    let mut node = Running::open().await;
    let mut device = node.device(CONNECT_5).await;
    device.send(b"\x32\x07\x00\x01t\x00\x01\x00A").await;
    drop(node.message().await);
    assert_eq!(device.packet().await.unwrap(), b"\xe0\x01\x83");
    assert_eq!(device.packet().await, None);
}

#[tokio::test]
async fn a_message_of_qos_2_sent_again_is_handed_over_once() {
    const KEPT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x3c\x00\x01d";
    let mut node = Running::open().await;
    let mut device = node.device(KEPT).await;
    device.send(b"\x34\x06\x00\x01t\x00\x07A").await;
    let message = node.message().await;
    drop(device);
    let mut device = node.raw(KEPT).await;
    assert_eq!(
        device.packet().await.unwrap(),
        b"\x20\x02\x01\x00",
        "the session is there"
    );
    device.send(b"\x3c\x06\x00\x01t\x00\x07A").await;
    assert!(device.is_quiet().await);
    message.accept();
    assert_eq!(device.packet().await.unwrap(), b"\x50\x02\x00\x07");
    device.send(b"\x3c\x06\x00\x01t\x00\x07A").await;
    assert_eq!(device.packet().await.unwrap(), b"\x50\x02\x00\x07");
    device.send(b"\x62\x02\x00\x07").await;
    assert_eq!(device.packet().await.unwrap(), b"\x70\x02\x00\x07");
    // Released: the packet id is free for another message.
    device.send(b"\x34\x06\x00\x01t\x00\x07B").await;
    assert_eq!(&node.message().await.payload[..], b"B");
    node.messages.try_recv().unwrap_err();
}

#[tokio::test]
async fn packets_may_come_byte_by_byte() {
    let mut node = Running::open().await;
    let mut device = node.raw(b"").await;
    for byte in [CONNECT_5, b"\x30\x05\x00\x01t\x00A"].concat() {
        device.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(&node.message().await.payload[..], b"A");
}

#[tokio::test]
async fn what_is_wrong_ends_the_connection_with_the_reason() {
    let large = [&b"\x30\xff\xff\xff\x7f"[..], &[0; 100]].concat();
    for (bytes, code) in [
        (&b"\x36\x07\x00\x01t\x00\x01\x00A"[..], 0x81), // QoS 3
        (b"\x30\x05\x00\x02\xc3\x28\x00", 0x81),        // not UTF-8
        (b"\x30\x06\x00\x03a/#\x00", 0x90),             // a wildcard
        (b"\x30\x03\x00\x00\x00", 0x82),                // no topic
        (b"\x32\x06\x00\x01t\x00\x00\x00", 0x82),       // packet id 0
        (b"\x30\x07\x00\x01t\x03\x23\x00\x21", 0x94),   // topic alias 33
        (b"\x30\x06\x00\x00\x03\x23\x00\x01", 0x82),    // an alias never set
        (b"\x00\x00", 0x81),
        (b"\x60\x02\x00\x01", 0x81),         // PUBREL with wrong flags
        (b"\xc0\x80\x80\x80\x80\x01", 0x81), // a length of five bytes
        (b"\x40\x02\x00\x01", 0x82),         // an acknowledgement of nothing
        (b"\xf0\x00", 0x82),                 // AUTH
        (CONNECT_5, 0x82),
        (&large, 0x95),
    ] {
        let mut node = Running::open().await;
        let mut device = node.device(CONNECT_5).await;
        device.send(bytes).await;
        assert_eq!(
            device.packet().await,
            Some(vec![0xe0, 1, code]),
            "{bytes:x?}"
        );
        assert_eq!(device.packet().await, None);
        node.messages.try_recv().unwrap_err();
    }
}

#[tokio::test]
async fn who_is_still_sending_hears_the_reason_too() {
    let node = Running::open().await;
    let mut device = node.device(CONNECT_5).await;
    device.send(b"\x30\x80\x89\x7a").await;
    device.send(&vec![0; 1_000_000]).await;
    device.send(&vec![0; 1_000_000]).await;
    assert_eq!(device.packet().await.unwrap(), b"\xe0\x01\x95");
    assert_eq!(device.packet().await, None);
}

#[tokio::test]
async fn who_does_not_begin_with_connect_hears_nothing_but_the_end() {
    let node = Running::open().await;
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x30\x04\x00\x01tA",
        b"\x16\x03\x01\x00\xf8",
        b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x3c\x00\x01d",
        b"\x10\xff\xff\x7f\x00\x04MQTT",
    ] {
        let mut device = node.raw(bytes).await;
        assert_eq!(device.packet().await, None, "{bytes:x?}");
    }
    let mut old = node
        .raw(b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01d")
        .await;
    assert_eq!(old.packet().await.unwrap(), b"\x20\x02\x00\x01");
}

#[tokio::test]
async fn nobody_can_subscribe() {
    let node = Running::open().await;
    let mut device = node.device(CONNECT_3).await;
    device
        .send(b"\x82\x0b\x00\x09\x00\x01a\x00\x00\x02b/\x01")
        .await;
    assert_eq!(device.packet().await.unwrap(), b"\x90\x04\x00\x09\x80\x80");
    device.send(b"\xa2\x05\x00\x0a\x00\x01a\xc0\x00").await;
    assert_eq!(device.packet().await.unwrap(), b"\xb0\x02\x00\x0a");
    assert_eq!(device.packet().await.unwrap(), b"\xd0\x00");
    let mut device = node.device(CONNECT_5).await;
    device.send(b"\x82\x07\x00\x09\x00\x00\x01a\x00").await;
    let suback = device.packet().await.unwrap();
    assert_eq!((suback[0], suback.last()), (0x90, Some(&0x83)));
}

#[tokio::test]
async fn a_topic_alias_stands_for_its_topic() {
    let mut node = Running::open().await;
    let mut device = node.device(CONNECT_5).await;
    device.send(b"\x30\x08\x00\x01t\x03\x23\x00\x05A").await;
    device.send(b"\x30\x07\x00\x00\x03\x23\x00\x05B").await;
    assert_eq!(node.message().await.topic, "t");
    let second = node.message().await;
    assert_eq!(
        (second.topic.as_str(), &second.payload[..]),
        ("t", &b"B"[..])
    );
}

#[derive(Debug)]
struct Token;

#[async_trait]
impl Door for Token {
    async fn connect(&self, who: &Credentials<'_>) -> Result<(), Refusal> {
        match who.password {
            Some(b"sesame") => Ok(()),
            _ => Err(Refusal::Credentials),
        }
    }
}

#[tokio::test]
async fn only_who_passes_the_door_is_let_in() {
    for (version, code) in [(Version::V3, 4), (Version::V5, 0x86)] {
        let node = Running::with(Arc::new(Token), 10, |_| {}).await;
        let mut settings = node.client(version);
        settings.user = Some("device".to_owned());
        let refused = Publisher::connect(&settings).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused { code: heard, .. } if heard == code));
        settings.password = Some("sesame".to_owned());
        Publisher::connect(&settings).await.unwrap();
    }
    let node = Running::with(Arc::new(ClosedDoor), 10, |_| {}).await;
    let refused = Publisher::connect(&node.client(Version::V5))
        .await
        .unwrap_err();
    assert!(matches!(refused, Fault::Refused { code: 0x87, .. }));
}

#[tokio::test]
async fn a_slow_receiver_stops_the_reading_and_loses_nothing() {
    let mut node = Running::with(Arc::new(OpenDoor), 1, |settings| {
        settings.packet_bytes_max = 64 * 1024;
        settings.unanswered_bytes_max = 64 * 1024;
    })
    .await;
    let settings = node.client(Version::V3);
    let payload = Bytes::from(vec![b'x'; 30_000]);
    let sent: Vec<_> = (0..2_000)
        .map(|n| (n.to_string(), payload.clone()))
        .collect();
    let (done, mut finished) = tokio::sync::oneshot::channel();
    node.tasks.spawn("device", async move {
        let mut device = Publisher::connect(&settings).await.unwrap();
        device.publish(&sent, Qos::AtMostOnce).await.unwrap();
        done.send(()).unwrap();
    });
    tokio::time::timeout(std::time::Duration::from_millis(300), &mut finished)
        .await
        .expect_err("60 MB fit into no buffer between the two");
    for n in 0..2_000 {
        let message = node.message().await;
        assert_eq!(message.topic, n.to_string());
        message.accept();
    }
    finished.await.unwrap();
}

#[tokio::test]
async fn more_unanswered_messages_than_agreed_end_the_connection() {
    let mut node = Running::with(Arc::new(OpenDoor), 10, |settings| {
        settings.unanswered_max = 2;
    })
    .await;
    let mut device = node.device(CONNECT_5).await;
    let mut held = Vec::new();
    device
        .send(b"\x34\x07\x00\x01t\x00\x01\x00A\x34\x07\x00\x01t\x00\x02\x00B")
        .await;
    for packet in 1..=2 {
        node.message().await.accept();
        assert_eq!(device.packet().await.unwrap(), [0x50, 2, 0, packet]);
    }
    device.send(b"\x32\x07\x00\x01t\x00\x03\x00C").await;
    assert_eq!(device.packet().await.unwrap(), b"\xe0\x01\x93");
    // 3.1.1 knows no such agreement: reading waits instead.
    let mut device = node.device(CONNECT_3).await;
    device
        .send(b"\x32\x06\x00\x01t\x00\x01A\x32\x06\x00\x01t\x00\x02B\x32\x06\x00\x01t\x00\x03C")
        .await;
    held.push(node.message().await);
    held.push(node.message().await);
    assert!(device.is_quiet().await);
    node.messages.try_recv().unwrap_err();
    held.remove(0).accept();
    assert_eq!(&node.message().await.payload[..], b"C");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let node = Running::with(Arc::new(OpenDoor), 10, |settings| {
        settings.connections_max = 1;
    })
    .await;
    let first = node.device(CONNECT_3).await;
    let mut second = node.raw(CONNECT_3).await;
    assert!(second.is_quiet().await);
    drop(first);
    assert_eq!(second.packet().await.unwrap(), b"\x20\x02\x00\x00");
}

#[tokio::test]
async fn when_the_node_stops_what_was_handed_over_is_still_answered() {
    let mut node = Running::open().await;
    let mut device = node.device(CONNECT_5).await;
    device.send(b"\x32\x07\x00\x01t\x00\x01\x00A").await;
    let message = node.message().await;
    node.tasks.stop();
    assert!(device.is_quiet().await);
    message.accept();
    assert_eq!(device.packet().await.unwrap(), b"\x40\x02\x00\x01");
    assert_eq!(device.packet().await.unwrap(), b"\xe0\x01\x8b");
    assert_eq!(device.packet().await, None);
    node.tasks.ended().await;
}

#[tokio::test]
async fn a_device_without_a_client_id_is_given_one() {
    let mut node = Running::open().await;
    let mut device = node
        .raw(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00")
        .await;
    let connack = device.packet().await.unwrap();
    let id = connack.windows(5).position(|five| five == b"auto-");
    assert!(id.is_some(), "{connack:?}");
    device.send(b"\x30\x05\x00\x01t\x00A").await;
    assert!(node.message().await.client.starts_with("auto-"));
    let mut kept = node
        .raw(b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00")
        .await;
    assert_eq!(kept.packet().await.unwrap(), b"\x20\x02\x00\x02");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_a_device_sends_others_are_served(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), connects in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut node = Running::open().await;
            let hello: &[u8] = if connects { CONNECT_5 } else { b"" };
            let mut strange = node.raw(hello).await;
            strange.send(&bytes).await;
            let mut device = node.device(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01e").await;
            device.send(b"\x32\x06\x00\x01t\x00\x01A").await;
            loop {
                let message = node.message().await;
                let mine = &*message.client == "e";
                message.accept();
                if mine {
                    break;
                }
            }
            assert_eq!(device.packet().await.unwrap(), b"\x40\x02\x00\x01");
        });
    }
}
