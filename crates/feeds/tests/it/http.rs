//! `/feeds` as a client meets it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base::Time;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use store_memory::{Faulty, MemoryStore};
use testkit::SeededEntropy;
use tower::ServiceExt as _;
use trust::{Access, Denied, Operation, Principal};
use web::{Guard, Kit};

use super::kit::{Node, pushed, reading};

/// Lets in whoever says what it may do: `Bearer read,write`.
#[derive(Debug)]
struct ByWord;

impl Guard for ByWord {
    fn identify(&self, bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
        let words = bearer.unwrap_or_default().split(',');
        Ok(Principal::Token {
            id: "a".into(),
            name: "test".into(),
            operations: words.filter_map(Operation::from_word).collect(),
        })
    }
}

async fn face() -> (Node, Router) {
    let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new())));
    let node = Node::over(store, Access::Closed).await;
    let clock = Arc::clone(&node.clock);
    let kit = Kit::new(Arc::new(ByWord), clock, &SeededEntropy::new(1), 30_000_000);
    let app = web::app(feeds::http::routes(Arc::clone(&node.feeds)), Arc::new(kit));
    (node, app)
}

async fn ask(
    app: &Router,
    (method, path): (&str, &str),
    rights: &str,
    (kind, body): (&str, String),
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {rights}"))
        .header("content-type", kind)
        .header("content-length", body.len())
        .body(Body::from(body))
        .expect("a request");
    let answer = app.clone().oneshot(request).await.expect("an answer");
    let status = answer.status();
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn none() -> (&'static str, String) {
    ("text/plain", String::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_lives_its_life_over_http() {
    let (node, app) = face().await;
    let toml = ("application/toml", pushed());
    let (status, _) = ask(&app, ("PUT", "/feeds/air"), "write", toml.clone()).await;
    assert_eq!(status, 403);
    let (status, _) = ask(&app, ("PUT", "/feeds/air"), "administer", toml.clone()).await;
    assert_eq!(status, 201);
    let (status, _) = ask(&app, ("PUT", "/feeds/air"), "administer", toml.clone()).await;
    assert_eq!(status, 204);
    let (status, said) = ask(&app, ("PUT", "/feeds/A%20b"), "administer", toml).await;
    assert_eq!(
        (
            status.as_u16(),
            said["detail"].as_str().map(|d| d.contains("no name"))
        ),
        (400, Some(true))
    );
    assert_eq!(node.feeds.health().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_answered_when_it_is_stored_with_what_was_refused() {
    let (node, app) = face().await;
    node.feed("air", &pushed()).await;
    let push = "/feeds/air/push?topic=city/air/7";
    let (status, _) = ask(
        &app,
        ("POST", push),
        "read",
        ("application/json", reading("00:00:00", 1.0)),
    )
    .await;
    assert_eq!(status, 403);
    let (status, _) = ask(
        &app,
        ("POST", push),
        "write",
        ("application/json", reading("00:00:00", 1.0)),
    )
    .await;
    assert_eq!(status, 204);
    let lines = format!("{}\n{{}}\n", reading("00:00:01", 2.0));
    let (status, said) = ask(
        &app,
        ("POST", push),
        "write",
        ("application/x-ndjson", lines),
    )
    .await;
    assert_eq!(
        (status.as_u16(), &said["accepted"], &said["refused"]),
        (207, &json!(1), &json!(1))
    );
    assert_eq!(said["refusals"][0]["index"], 1);
    let csv = "t,pm25\n2026-01-01T00:00:02Z,3.5\n".to_owned();
    let (status, _) = ask(&app, ("POST", push), "write", ("text/csv", csv)).await;
    assert_eq!(status, 204);
    let (status, said) = ask(
        &app,
        ("POST", push),
        "write",
        ("application/json", "{}".to_owned()),
    )
    .await;
    assert_eq!(status, 400, "{said}");
    let (status, _) = ask(
        &app,
        ("POST", "/feeds/none/push"),
        "write",
        ("application/json", "{}".to_owned()),
    )
    .await;
    assert_eq!(status, 404);

    let (status, shown) = ask(&app, ("GET", "/feeds/air"), "read", none()).await;
    assert_eq!(status, 200);
    assert_eq!(shown["definition"]["source"]["kind"], "push");
    let health = &shown["health"];
    assert_eq!(
        (&health["received"], &health["accepted"], &health["refused"]),
        (&json!(5), &json!(3), &json!(2))
    );
    assert_eq!(health["lastReadingAt"], "2026-01-01T00:00:02Z");
    let (_, all) = ask(&app, ("GET", "/feeds?limit=1"), "read", none()).await;
    assert_eq!(all[0]["name"], "air");
    let (status, _) = ask(&app, ("DELETE", "/feeds/air"), "administer", none()).await;
    assert_eq!(status, 204);
    let (status, _) = ask(&app, ("GET", "/feeds/air"), "read", none()).await;
    assert_eq!(status, 404);
    assert!(
        node.entity("urn:x:air:7").await.is_some(),
        "what it stored stays"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_entities_and_reasons_and_writes_nothing() {
    let (node, app) = face().await;
    let wish = json!({
        "definition": pushed(),
        "samples": [
            {"topic": "city/air/7", "payload": {"t": "2026-01-01T00:00:00Z", "pm25": 3}},
            {"payload": "{\"t\":"},
        ],
    });
    let (status, said) = ask(
        &app,
        ("POST", "/feeds/try"),
        "write",
        ("application/json", wish.to_string()),
    )
    .await;
    assert_eq!(status, 200, "{said}");
    let results = &said["results"];
    assert_eq!(results[0]["entities"][0]["id"], "urn:x:air:7");
    assert_eq!(results[0]["entities"][0]["pm25"]["value"], 3);
    assert_eq!(results[0]["entities"][0]["simulated"]["value"], true);
    assert_eq!(
        (&results[1]["received"], &results[1]["refused"]),
        (&json!(1), &json!(1))
    );
    assert!(
        results[1]["reasons"][0]
            .as_str()
            .is_some_and(|reason| reason.contains("no JSON"))
    );
    assert!(node.entity("urn:x:air:7").await.is_none());
    assert!(node.feeds.health().is_empty());
    let wrong = json!({"definition": "[source]\nkind = \"poll\"", "samples": [{"payload": 1}]});
    let (status, said) = ask(
        &app,
        ("POST", "/feeds/try"),
        "write",
        ("application/json", wrong.to_string()),
    )
    .await;
    assert_eq!(status, 400);
    assert!(
        said["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("every_seconds")),
        "{said}"
    );
}
