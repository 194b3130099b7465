//! Limits: of time, of memory, of queries at once; and what is free again afterwards.

use std::time::Duration;

use analytics::{Options, Settings};
use base::Kind;
use futures_util::StreamExt as _;
use testkit::entity;

use crate::world::{Plan, within};

/// A join of ten thousand million pairs.
const HOSTILE: &str = "SELECT count(*) FROM generate_series(1, 100000) a(x), generate_series(1, 100000) b(y) WHERE (a.x * b.y) % 7 = 3";

fn plan(settings: Settings) -> Plan {
    let mut plan = Plan::of([entity("urn:a").of("Room").build()]);
    plan.settings = settings;
    plan
}

/// Lets the threads of queries work a while.
#[expect(
    clippy::disallowed_methods,
    reason = "threads of queries know no clock that steps"
)]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_query_ends_by_its_time() {
    let world = plan(Settings {
        micros_max: 30_000_000,
        ..Settings::default()
    })
    .build()
    .await;
    let call = within("");
    let asked = world.try_ask(&call, HOSTILE);
    let stepped = async {
        for _ in 0..200 {
            pause().await;
        }
        world.clock.advance_seconds(31);
    };
    let (answer, ()) = tokio::join!(asked, stepped);
    let error = answer.expect_err("it has no time");
    assert_eq!(error.kind(), Kind::Limit);
    assert!(error.to_string().contains("30 s"), "{error}");
    // Others are answered then.
    assert!(world.ask("SELECT 1 AS one").await.contains("| 1 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_away_ends_a_query_and_makes_room() {
    let world = plan(Settings {
        queries_max: 1,
        ..Settings::default()
    })
    .build()
    .await;
    let endless = "SELECT x FROM generate_series(1, 100000000000) a(x)";
    let call = within("");
    let mut answer = world
        .analytics
        .query(&call, endless, Options::default())
        .await
        .expect("it begins");
    assert!(
        answer
            .stream
            .next()
            .await
            .is_some_and(|batch| batch.is_ok())
    );
    let full = world.refusal("SELECT 1").await;
    assert_eq!(full.kind(), Kind::Unavailable);
    drop(answer);
    for _ in 0..500 {
        if world.try_ask(&call, "SELECT 1").await.is_ok() {
            return;
        }
        pause().await;
    }
    panic!("the place of a query that nobody reads is not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_memory_goes_to_disk_or_ends() {
    let settings = Settings {
        memory_bytes: 24 << 20,
        spill_bytes_max: 1 << 30,
        threads: 2,
        ..Settings::default()
    };
    let world = plan(settings.clone()).build().await;
    let sorted = "SELECT max(n) FROM (SELECT x, row_number() OVER (ORDER BY (x * 7919) % 3000017) n FROM generate_series(1, 3000000) a(x))";
    let table = world.ask(sorted).await;
    assert!(table.contains("3000000"), "{table}");
    let world = plan(Settings {
        spill_bytes_max: 1 << 20,
        ..settings
    })
    .build()
    .await;
    assert_eq!(world.refusal(sorted).await.kind(), Kind::Limit);
}

#[tokio::test]
async fn a_text_too_long_or_too_deep_is_refused() {
    let world = plan(Settings::default()).build().await;
    let long = format!("SELECT '{}'", "x".repeat(300_000));
    assert_eq!(world.refusal(&long).await.kind(), Kind::Limit);
    let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(world.refusal(&deep).await.kind(), Kind::Limit);
    let sum = |terms: usize| format!("SELECT 1 {} AS sum", "+ 1".repeat(terms - 1));
    assert_eq!(world.refusal(&sum(20_000)).await.kind(), Kind::Limit);
    let table = world.ask(&sum(1_000)).await;
    assert!(table.contains("| 1000 |"), "{table}");
    let one_of = (0..20_000)
        .map(|n| n.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let table = world.ask(&format!("SELECT 7 IN ({one_of}) AS found")).await;
    assert!(table.contains("true"), "{table}");
    let united = vec!["SELECT 1 AS one"; 900].join(" UNION ALL ");
    let table = world.ask(&format!("SELECT sum(one) FROM ({united})")).await;
    assert!(table.contains("900"), "{table}");
    assert_eq!(
        world.refusal("SELECT 1; SELECT 2").await.kind(),
        Kind::Invalid
    );
    assert_eq!(world.refusal("").await.kind(), Kind::Invalid);
}

#[tokio::test]
async fn the_end_of_the_node_ends_queries() {
    let world = plan(Settings::default()).build().await;
    let call = within("");
    let endless = "SELECT x FROM generate_series(1, 100000000000) a(x)";
    let mut answer = world
        .analytics
        .query(&call, endless, Options::default())
        .await
        .expect("it begins");
    world.stop();
    let mut last = None;
    while let Some(batch) = answer.stream.next().await {
        last = Some(batch.map_err(|error| error.kind()));
    }
    assert!(matches!(last, Some(Err(Kind::Unavailable))));
}
