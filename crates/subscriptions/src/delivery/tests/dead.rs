//! Dead letters: when there are any, how many are kept, and what becomes of them.

use super::*;

#[tokio::test]
async fn what_fails_for_too_long_is_given_up_and_can_be_replayed() {
    let post = Post::open().await;
    let to = subscription("a", json!({"uri": "http://a.example/"}));
    post.receivers.behave("http://a", Manner::Refuses);
    for seq in 1..=3 {
        post.push(&to, "urn:a:1", seq);
    }
    post.settle().await;
    for _ in 0..130 {
        post.clock.advance_seconds(5);
        post.settle().await;
    }
    let report = post.report(&to);
    assert_eq!(
        (&report["queued"], &report["deadLetterCount"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(report["deadLetters"][0]["entities"], json!(["urn:a:1"]));
    let why = report["why"].as_str().expect("a sentence");
    assert!(
        why.contains("3 were given up") && why.contains("connection refused"),
        "{why}"
    );
    assert_eq!(post.docs().await, 3);
    assert!(to.stats.counts().is_failing);

    let tenant = Tenant::default_tenant();
    let post = post.restart().await;
    let report = post.report(&to);
    assert_eq!(report["deadLetterCount"], 3, "they outlive the node");
    let key = report["deadLetters"][1]["id"]
        .as_str()
        .and_then(|id| id.parse().ok());
    let key: u64 = key.expect("a number");
    let (body, _) = post
        .outbox
        .dead_letter(&tenant, &to, key)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(body, bodies([2])[0]);

    post.receivers.behave("http://a", Manner::Answers(200));
    assert_eq!(post.outbox.discard(&tenant, &to, Some(key)), 1);
    assert_eq!(post.outbox.discard(&tenant, &to, Some(key)), 0);
    assert_eq!(post.outbox.replay(&tenant, &to, None).await.unwrap(), 2);
    post.push(&to, "urn:a:1", 9);
    post.pass(2).await;
    assert_eq!(post.receivers.taken("http://a"), bodies([1, 3, 9]));
    assert_eq!(
        (
            post.docs().await,
            post.report(&to)["deadLetterCount"].clone()
        ),
        (0, json!(0))
    );
}

#[tokio::test]
async fn what_a_receiver_does_not_want_is_given_up_at_once() {
    let post = Post::open().await;
    for (at, manner) in [(1, 400), (2, 410), (3, 302)] {
        let to = subscription(
            &at.to_string(),
            json!({"uri": format!("http://h{at}.example/")}),
        );
        post.receivers
            .behave(&format!("http://h{at}"), Manner::Answers(manner));
        post.push(&to, "urn:a:1", at);
        post.settle().await;
        assert_eq!(post.report(&to)["deadLetterCount"], 1, "{manner}");
    }
    assert_eq!(post.receivers.asked(), 3);
    assert_eq!(post.outbox.settled(), Seq(0), "they are not on disk yet");
    post.pass(2).await;
    assert_eq!(post.outbox.settled(), Seq(u64::MAX));
    assert_eq!(post.docs().await, 3);
}

#[tokio::test]
async fn what_waits_is_bounded_and_the_last_ones_are_kept() {
    let post = Post::open().await;
    let to = subscription("a", json!({"uri": "http://a.example/"}));
    post.receivers.behave("http://a", Manner::Refuses);
    post.push(&to, "urn:a:1", 1);
    post.settle().await;
    for seq in 2..=2_000 {
        post.push(&to, "urn:a:1", seq);
        if seq % 500 == 0 {
            post.pass(1).await;
        }
    }
    post.pass(2).await;
    let report = post.report(&to);
    let number = |member: &str| report[member].as_u64().expect("a number");
    assert!(number("queued") <= 1_000, "{report}");
    assert_eq!(number("deadLetterCount"), 500);
    assert_eq!(number("queued") + number("dropped") + 500, 2_000);
    let on_disk = u64::try_from(post.docs().await).unwrap();
    assert!((500..=1_500).contains(&on_disk), "{on_disk}");
    post.receivers.behave("http://a", Manner::Answers(200));
    post.pass(70).await;
    let taken = post.receivers.taken("http://a");
    assert_eq!(taken.last(), bodies([2_000]).last());
    assert_eq!(u64::try_from(taken.len()).unwrap(), number("queued"));
    assert_eq!(post.docs().await, 500);
}

#[tokio::test]
async fn what_waits_outlives_a_restart() {
    let post = Post::open().await;
    let to = subscription("a", json!({"uri": "http://a.example/"}));
    post.receivers.behave("http://a", Manner::Refuses);
    for seq in 1..=2_500 {
        post.push(&to, "urn:a:1", seq);
    }
    post.settle().await;
    let outbox = Arc::clone(&post.outbox);
    let post = post.restart().await;
    outbox.rested().await;
    assert_eq!(outbox.settled(), Seq(u64::MAX), "all were put aside");
    assert_eq!(post.docs().await, 2_500);
    post.receivers.behave("http://a", Manner::Answers(200));
    post.outbox.introduce(&Tenant::default_tenant(), &to);
    post.push(&to, "urn:a:1", 9_999);
    for _ in 0..10 {
        post.pass(1).await;
        post.settle().await;
    }
    let expected: Vec<u64> = (1..=2_500).chain([9_999]).collect();
    let is_whole = post.receivers.taken("http://a") == bodies(expected);
    assert!(is_whole, "all arrive, in order, and none twice");
    post.pass(5).await;
    assert_eq!(post.docs().await, 0);
}

#[tokio::test]
async fn nothing_is_brought_for_a_subscription_that_is_no_more() {
    let post = Post::open().await;
    let to = subscription("a", json!({"uri": "http://a.example/"}));
    post.receivers.behave("http://a", Manner::Answers(500));
    post.push(&to, "urn:a:1", 1);
    post.pass(20).await;
    assert_eq!(post.docs().await, 1, "it waits for long");
    post.outbox
        .forget(&Tenant::default_tenant(), Kind::Entities, &to.id);
    let asked = post.receivers.asked();
    post.receivers.behave("http://a", Manner::Answers(200));
    post.pass(60).await;
    assert_eq!(post.receivers.asked(), asked);
    assert_eq!(
        (post.docs().await, post.outbox.settled()),
        (0, Seq(u64::MAX))
    );
    assert!(post.outbox.lanes.read().is_empty());
}

#[tokio::test]
async fn a_new_endpoint_gets_what_waits_for_the_old_one() {
    let post = Post::open().await;
    let before = subscription("a", json!({"uri": "http://old.example/"}));
    post.receivers.behave("http://old", Manner::Refuses);
    post.push(&before, "urn:a:1", 1);
    post.settle().await;
    let after = subscription("a", json!({"uri": "http://new.example/"}));
    post.outbox.introduce(&Tenant::default_tenant(), &after);
    post.pass(3).await;
    assert_eq!(post.receivers.taken("http://new"), bodies([1]));
}
