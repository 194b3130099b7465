//! Exactly once, whatever breaks.

use lake::records::Format;
use ports::StoreError;
use store_memory::Fault;
use testkit::Random;

use super::kit::{Node, csv, taps};

fn unavailable() -> StoreError {
    StoreError::Unavailable {
        reason: "the disk is full".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_not_committed_is_not_there_and_comes_again() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    node.store.inject(Fault::Commit(unavailable()));
    let batch = csv(&[(0, "a", "1")]);
    let (status, _) = node.bring("taps", "1", batch.clone()).await;
    assert_eq!(status, 503);
    assert_eq!(node.rows("taps").await.len(), 0);
    assert_eq!(node.bring("taps", "1", batch.clone()).await.0, 201);
    assert_eq!(node.rows("taps").await.len(), 1);
    let node = node.restarted().await;
    assert_eq!(node.rows("taps").await.len(), 1);
    assert_eq!(node.files().len(), 1, "what the first try left is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_acknowledgement_was_lost_is_there_once() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    node.store.inject(Fault::Acknowledgement(unavailable()));
    let batch = csv(&[(0, "a", "1"), (2_000, "b", "")]);
    let (status, _) = node.bring("taps", "1", batch.clone()).await;
    assert_eq!(status, 503);
    let node = node.restarted().await;
    assert_eq!(node.bring("taps", "1", batch).await.0, 200);
    assert_eq!(node.rows("taps").await.len(), 2);
    assert_eq!(node.files().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_and_whenever_the_node_dies_each_batch_counts_once() {
    let mut random = Random::new(5);
    let mut node = Node::new().await;
    node.declare("taps", &taps()).await;
    let mut acknowledged = 0;
    for number in 0..120_u32 {
        let stop = format!("s{number}");
        // Some batches are small and shared, some have files of their own.
        let count = if random.percent(10) { 25_000 } else { 3 };
        let rows: Vec<_> = (0..count)
            .map(|n| (number + n % 3_000, stop.as_str(), "1"))
            .collect();
        let batch = csv(&rows);
        loop {
            match random.below(6) {
                0 => node.store.inject(Fault::Commit(unavailable())),
                1 => node.store.inject(Fault::Read(unavailable())),
                2 => {
                    node.store.inject(Fault::Acknowledgement(unavailable()));
                    let (status, _) = node.bring("taps", &stop, batch.clone()).await;
                    assert!(matches!(status, 200 | 201 | 503), "{status}");
                    // A store that is in doubt ends the node.
                    node = node.restarted().await;
                }
                _ => {}
            }
            if random.percent(5) {
                node = node.restarted().await;
            }
            let (status, said) = node.bring("taps", &stop, batch.clone()).await;
            match status {
                200 | 201 => break,
                503 => {}
                other => panic!("{other}: {said}"),
            }
        }
        acknowledged += rows.len();
        if random.percent(10) {
            node.store.inject(Fault::Commit(unavailable()));
            let _may_fail = node.lake.merge_records(true).await;
        }
    }
    let pages = node.pages("taps", "csv", 100_000).await;
    let lines = |pages: &[bytes::Bytes]| -> usize {
        let lines = pages
            .iter()
            .map(|page| page.split(|byte| *byte == b'\n').count() - 2);
        lines.sum()
    };
    assert_eq!(lines(&pages), acknowledged);
    let node = node.restarted().await;
    assert_eq!(
        lines(&node.pages("taps", "csv", 100_000).await),
        acknowledged
    );
    let named = node
        .lake
        .manifest()
        .partitions()
        .map(|(_, files)| files.len())
        .sum::<usize>();
    assert_eq!(node.files().len(), named, "no file that nobody knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_leaves_nothing() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let (_, body) = csv(&[(0, "a", "1"), (1, "b", "2")]);
    let half = bytes::Bytes::copy_from_slice(&body[..body.len() / 2]);
    let parts = vec![Ok(half), Err("reset".to_owned())];
    let batch = lake::records::Batch {
        tenant: base::Tenant::default_tenant(),
        table: "taps".to_owned(),
        id: "1".to_owned(),
        format: Format::Csv,
        bytes: None,
    };
    let brought = node
        .lake
        .bring_records(batch, Box::pin(futures_util::stream::iter(parts)))
        .await;
    let refused = brought.expect_err("it broke off").to_string();
    assert!(refused.contains("broke off"), "{refused}");
    assert_eq!(node.rows("taps").await.len(), 0);
    assert_eq!(node.files(), Vec::<String>::new());
    assert_eq!(node.bring("taps", "1", (Format::Csv, body)).await.0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_falls_silent_is_not_waited_for() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let batch = lake::records::Batch {
        tenant: base::Tenant::default_tenant(),
        table: "taps".to_owned(),
        id: "1".to_owned(),
        format: Format::Csv,
        bytes: None,
    };
    let silent = Box::pin(futures_util::stream::pending());
    let bringing = node.lake.bring_records(batch, silent);
    let stepping = async {
        loop {
            tokio::task::yield_now().await;
            node.clock.advance_seconds(10);
        }
    };
    let brought = tokio::select! {
        biased;
        brought = bringing => brought,
        () = stepping => unreachable!("it has no end"),
    };
    let refused = brought.expect_err("nothing came").to_string();
    assert!(refused.contains("in time"), "{refused}");
}
