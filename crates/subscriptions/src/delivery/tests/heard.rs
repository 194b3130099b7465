//! Listeners: what they hear, after what they come back, and when they are cut off.

use super::*;

fn told(heard: Heard) -> (u64, String) {
    match heard {
        Heard::Told { id, body } => (id, String::from_utf8_lossy(&body).into_owned()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn listeners_hear_what_comes_and_after_a_pause_what_they_missed() {
    let post = Post::open().await;
    let tenant = Tenant::default_tenant();
    let to = subscription("a", json!({"uri": "events:a"}));
    post.push(&to, "urn:a:1", 1);
    let mut first = post.outbox.listen(&tenant, &to, None).expect("a place");
    assert!(!first.has_missed());
    post.push(&to, "urn:a:1", 2);
    let (id, body) = told(first.next().await);
    assert_eq!(
        body,
        bodies([2])[0],
        "what came before it listened is not told"
    );
    drop(first);
    post.push(&to, "urn:a:1", 3);
    post.pass(60).await;
    let mut again = post.outbox.listen(&tenant, &to, Some(id)).expect("a place");
    assert!(!again.has_missed());
    assert_eq!(told(again.next().await).1, bodies([3])[0]);
    assert!(post.receivers.asked.lock().is_empty());
    assert_eq!(post.outbox.settled(), Seq(u64::MAX));
    drop(again);
    post.pass(130).await;
    let late = post.outbox.listen(&tenant, &to, Some(id)).expect("a place");
    assert!(late.has_missed(), "it came back too late");
}

#[tokio::test]
async fn who_is_too_slow_is_cut_off_and_costs_nothing() {
    let post = Post::open().await;
    let tenant = Tenant::default_tenant();
    let to = subscription("a", json!({"uri": "events:a"}));
    let mut slow = post.outbox.listen(&tenant, &to, None).expect("a place");
    let mut quick = post.outbox.listen(&tenant, &to, None).expect("a place");
    for seq in 1..=1_000 {
        post.push(&to, "urn:a:1", seq);
        assert_eq!(told(quick.next().await).1, bodies([seq])[0]);
    }
    assert_eq!(slow.next().await, Heard::TooSlow);
}

#[tokio::test]
async fn listening_ends_with_the_subscription_and_with_the_node() {
    let post = Post::open().await;
    let tenant = Tenant::default_tenant();
    let to = subscription("a", json!({"uri": "events:a"}));
    let mut one = post.outbox.listen(&tenant, &to, None).expect("a place");
    post.outbox.forget(&tenant, Kind::Entities, &to.id);
    assert_eq!(one.next().await, Heard::Gone);
    let mut other = post.outbox.listen(&tenant, &to, None).expect("a place");
    post.tasks.stop();
    assert_eq!(other.next().await, Heard::Stopping);
}
