//! Notifications by HTTP: what is sent, when it is tried again, and in which order.

use super::*;

#[tokio::test]
async fn a_notification_is_posted_with_what_its_receiver_wants_to_know() {
    let post = Post::open().await;
    let to = subscription(
        "a",
        json!({
            "uri": "http://a.example/notify?x=1",
            "timeout": 700,
            "receiverInfo": [
                {"key": "Authorization", "value": "Bearer secret"},
                {"key": "Content-Type", "value": "text/plain"},
            ],
        }),
    );
    post.outbox.push(Notification {
        tenant: Tenant::new("north").expect("a tenant"),
        subscription: Arc::clone(&to),
        about: vec![Name::from("urn:a:1")],
        body: Bytes::from_static(b"{}"),
        content_type: "application/ld+json".to_owned(),
        link: Some("<http://c.example/>; rel=\"x\"".to_owned()),
        seq: Seq(7),
        at: post.clock.now(),
    });
    assert_eq!(post.outbox.settled(), Seq(6));
    post.settle().await;
    let asked = post.receivers.asked.lock().pop().expect("a request");
    assert_eq!(asked.method, http::Method::POST);
    assert_eq!(asked.url, "http://a.example/notify?x=1");
    assert_eq!(asked.deadline, post.clock.now().plus_micros(700_000));
    let header = |name: &str| asked.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("authorization"), Some("Bearer secret"));
    assert_eq!(header("content-type"), Some("application/ld+json"));
    assert_eq!(header("link"), Some("<http://c.example/>; rel=\"x\""));
    assert_eq!(header("ngsild-tenant"), Some("north"));
    assert_eq!(post.outbox.settled(), Seq(u64::MAX));
    let counts = to.stats.counts();
    assert_eq!((counts.times_sent, counts.times_failed), (1, 0));
    assert!(counts.last_success.is_some() && !counts.is_failing);
}

#[tokio::test]
async fn what_fails_is_tried_again_ever_later_and_arrives_in_order() {
    let post = Post::open().await;
    let to = subscription("a", json!({"uri": "http://a.example/"}));
    post.receivers.behave("http://a", Manner::Answers(503));
    for seq in 1..=5 {
        post.push(&to, "urn:a:1", seq);
    }
    let mut tries = Vec::new();
    let start = post.clock.now();
    for _ in 0..40 {
        let before = post.receivers.asked();
        post.settle().await;
        for _ in before..post.receivers.asked() {
            tries.push(since(start, post.clock.now()));
        }
        post.clock.advance_seconds(1);
    }
    assert!((5..=7).contains(&tries.len()), "{tries:?}");
    let pauses: Vec<i64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.last() > pauses.first(), "{tries:?}");
    assert_eq!(
        post.outbox.settled(),
        Seq(u64::MAX),
        "they are on disk meanwhile"
    );
    let report = post.report(&to);
    assert_eq!(report["queued"], 5);
    let why = report["why"].as_str().expect("a sentence");
    assert!(why.contains("5 wait") && why.contains("503"), "{why}");
    post.receivers.behave("http://a", Manner::Answers(200));
    post.pass(40).await;
    assert_eq!(post.receivers.taken("http://a"), bodies(1..=5));
    assert_eq!(post.report(&to)["why"], "everything was delivered");
    assert_eq!(post.docs().await, 0, "nothing is left on disk");
}

#[tokio::test]
async fn what_tells_of_one_entity_comes_in_order_and_nothing_else_waits_for_it() {
    let post = Post::open().await;
    let to = subscription("a", json!({"uri": "http://a.example/"}));
    post.receivers.behave("http://a", Manner::Waits);
    for seq in 1..=4 {
        post.push(&to, "urn:a:1", seq);
    }
    for seq in 5..=20 {
        post.push(&to, &format!("urn:b:{seq}"), seq);
    }
    post.settle().await;
    let on_their_way: Vec<String> = post
        .receivers
        .asked
        .lock()
        .iter()
        .map(|r| String::from_utf8_lossy(&r.body).into_owned())
        .collect();
    assert_eq!(on_their_way, bodies([1, 5, 6, 7, 8, 9, 10, 11]));
    assert_eq!(post.outbox.settled(), Seq(0));
    for _ in 0..20 {
        post.receivers.go.notify_one();
        post.settle().await;
    }
    let taken = post.receivers.taken("http://a");
    assert_eq!(taken.len(), 20);
    let place = |body: &str| taken.iter().position(|one| one == body).expect("taken");
    let places: Vec<usize> = bodies(1..=4).iter().map(|body| place(body)).collect();
    assert!(places.is_sorted(), "{taken:?}");
}

#[tokio::test]
async fn a_cooldown_is_kept_after_a_failure() {
    let post = Post::open().await;
    let to = subscription("a", json!({"uri": "http://a.example/", "cooldown": 20_000}));
    post.receivers.behave("http://a", Manner::Answers(404));
    post.push(&to, "urn:a:1", 1);
    post.settle().await;
    post.receivers.behave("http://a", Manner::Answers(200));
    post.push(&to, "urn:a:1", 2);
    post.pass(18).await;
    assert_eq!(post.receivers.asked(), 1);
    post.pass(3).await;
    assert_eq!(post.receivers.taken("http://a"), bodies([2]));
}

#[tokio::test]
async fn dead_hosts_do_not_hold_up_those_that_live() {
    let post = Post::open().await;
    let mut dead = Vec::new();
    for n in 0..300 {
        let host = format!("http://dead{n}.example/");
        post.receivers.behave(&host, Manner::Hangs);
        dead.push(subscription(&format!("d{n}"), json!({ "uri": host })));
    }
    let live = subscription("live", json!({"uri": "http://live.example/"}));
    for round in 0..5 {
        for to in &dead {
            post.push(to, "urn:a:1", 1 + round);
        }
        post.settle().await;
        post.pass(12).await;
    }
    // Now that they are known, whatever they hold up is each other.
    for seq in 100..200 {
        for to in dead.iter().take(50) {
            post.push(to, "urn:a:1", seq);
        }
        post.push(&live, "urn:a:1", seq);
        post.settle().await;
        assert_eq!(
            post.receivers.taken("http://live").len(),
            usize::try_from(seq - 99).unwrap()
        );
    }
}

#[tokio::test]
async fn many_subscriptions_at_one_dead_host_ask_it_seldom() {
    let post = Post::open().await;
    post.receivers.behave("http://dead", Manner::Refuses);
    let dead: Vec<_> = (0..200)
        .map(|n| subscription(&format!("d{n}"), json!({"uri": "http://dead.example/"})))
        .collect();
    for to in &dead {
        post.push(to, "urn:a:1", 1);
    }
    post.settle().await;
    let at_first = post.receivers.asked();
    assert!(at_first <= 40, "as many as fly at once: {at_first}");
    assert_ne!(post.report(&dead[199])["breaker"], "closed");
    post.pass(60).await;
    let asked = post.receivers.asked() - at_first;
    assert!((10..=30).contains(&asked), "one asks for all: {asked}");
    post.receivers.behave("http://dead", Manner::Answers(204));
    post.pass(70).await;
    assert_eq!(post.receivers.taken("http://dead").len(), 200);
    assert_eq!(post.report(&dead[199])["breaker"], "closed");
}
