//! Many tiny batches stay cheap: their files become few.

use super::kit::{Node, csv, taps};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_many_tiny_batches_become_few_and_say_the_same() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    for number in 0..200_u32 {
        let batch = csv(&[(number * 7 % 1_000, "a", "1"), (number, "b", "2")]);
        assert_eq!(node.bring("taps", &format!("{number}"), batch).await.0, 201);
    }
    let before = node.rows("taps").await;
    node.lake.merge_records(false).await.expect("merged");
    let files = || {
        let manifest = node.lake.manifest();
        manifest
            .partitions()
            .map(|(_, files)| files.len())
            .sum::<usize>()
    };
    assert!(files() < 32, "{}", files());
    assert_eq!(node.rows("taps").await, before);
    node.lake.merge_records(true).await.expect("merged");
    assert_eq!(files(), 1);
    assert_eq!(node.rows("taps").await, before);
    let node = node.restarted().await;
    assert_eq!(node.rows("taps").await, before);
    assert_eq!(node.files().len(), 1, "what was merged is gone");
}
