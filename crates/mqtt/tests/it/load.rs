//! Many messages by few and by many devices; `--release -- load --nocapture` says how fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mqtt::{Publisher, Qos, Version};
use tokio::time::Instant;

use super::raw::Running;

const MESSAGES: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_by_few_and_by_many_devices_is_answered_to_the_last() {
    for version in [Version::V3, Version::V5] {
        for (qos, devices) in [
            (Qos::AtMostOnce, 4),
            (Qos::AtLeastOnce, 1),
            (Qos::AtLeastOnce, 4),
            (Qos::AtLeastOnce, 200),
            (Qos::ExactlyOnce, 4),
        ] {
            let seconds = load(version, qos, devices).await.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
            let rate = MESSAGES as f64 / seconds;
            println!("{version:?} {qos:?}, {devices} devices: {rate:.0} messages/s");
        }
    }
}

async fn load(version: Version, qos: Qos, devices: usize) -> Duration {
    let mut node = Running::open().await;
    let answered = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let (done, mut all_done) = tokio::sync::mpsc::channel::<()>(1);
    for device in 0..devices {
        let mut settings = node.client(version);
        settings.client_id = format!("t-{device}");
        let (done, count) = (done.clone(), Arc::clone(&answered));
        node.tasks.spawn("device", async move {
            let payload = Bytes::from_static(
                br#"{"id":"t-0042","at":"2026-01-01T00:00:00Z","speed":43.5,"vehicles":12}"#,
            );
            let messages: Vec<_> = (0..MESSAGES / devices)
                .map(|_| (format!("city/traffic/t-{device}"), payload.clone()))
                .collect();
            let mut publisher = Publisher::connect(&settings).await.unwrap();
            assert_eq!(publisher.publish(&messages, qos).await.unwrap(), []);
            publisher.disconnect().await;
            count.fetch_add(1, Ordering::Relaxed);
            drop(done);
        });
    }
    drop(done);
    let mut received = 0;
    let mut batch = Vec::new();
    while received < MESSAGES {
        received += node.messages.recv_many(&mut batch, 1_000).await;
        for message in batch.drain(..) {
            message.accept();
        }
    }
    assert!(all_done.recv().await.is_none());
    assert_eq!(answered.load(Ordering::Relaxed), devices);
    let taken = start.elapsed();
    node.tasks.stop();
    node.tasks.ended().await;
    taken
}
