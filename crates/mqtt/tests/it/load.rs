//! How many messages a second: sender, listener and receiver in one process.
//! `cargo test -p mqtt --release --test it load -- --ignored --nocapture`

use std::time::Duration;

use bytes::Bytes;
use mqtt::{Publisher, Qos, Version};
use tokio::time::Instant;

use super::raw::Running;

const MESSAGES: usize = 300_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes seconds and says figures"]
async fn load_by_few_and_by_many_devices() {
    for version in [Version::V3, Version::V5] {
        for (qos, devices) in [
            (Qos::AtMostOnce, 4),
            (Qos::AtLeastOnce, 1),
            (Qos::AtLeastOnce, 4),
            (Qos::AtLeastOnce, 500),
            (Qos::ExactlyOnce, 4),
        ] {
            let seconds = load(version, qos, devices).await.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
            let rate = MESSAGES as f64 / seconds;
            println!("{version:?} {qos:?}, {devices} devices: {rate:.0} messages/s");
            assert!(
                rate > 30_000.0,
                "the bar of the node, and this is a part of it"
            );
        }
    }
}

async fn load(version: Version, qos: Qos, devices: usize) -> Duration {
    let mut node = Running::open().await;
    let start = Instant::now();
    let (done, mut all_done) = tokio::sync::mpsc::channel::<()>(1);
    for device in 0..devices {
        let mut settings = node.client(version);
        settings.client_id = format!("t-{device}");
        let done = done.clone();
        node.tasks.spawn("device", async move {
            let payload = Bytes::from_static(
                br#"{"id":"t-0042","at":"2026-01-01T00:00:00Z","speed":43.5,"vehicles":12}"#,
            );
            let messages: Vec<_> = (0..MESSAGES / devices)
                .map(|_| (format!("city/traffic/t-{device}"), payload.clone()))
                .collect();
            let mut publisher = Publisher::connect(&settings).await.unwrap();
            publisher.publish(&messages, qos).await.unwrap();
            publisher.disconnect().await;
            drop(done);
        });
    }
    drop(done);
    let mut received = 0;
    let mut batch = Vec::new();
    while received < MESSAGES / devices * devices {
        received += node.messages.recv_many(&mut batch, 1_000).await;
        for message in batch.drain(..) {
            message.accept();
        }
    }
    assert!(all_done.recv().await.is_none(), "every answer was heard");
    let taken = start.elapsed();
    node.tasks.stop();
    node.tasks.ended().await;
    taken
}
