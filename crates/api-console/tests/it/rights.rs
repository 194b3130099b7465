//! Who may see and do what.

use serde_json::json;

use super::node::Node;

const ALL: &[&str] = &[
    "/console/city",
    "/console/now",
    "/console/live",
    "/console/layers",
    "/console/tiles/air/1/0/0.mvt",
    "/console/entities/urn:a",
    "/console/entities/urn:a/series?attribute=urn:b",
    "/console/list",
    "/console/search?q=a",
    "/console/basemap/a.pmtiles",
];

#[tokio::test]
async fn a_closed_node_shows_nothing_to_whoever_has_no_token() {
    let node = Node::closed();
    for path in ALL {
        let answer = node.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let answer = node
            .ask("GET", path, &[("authorization", "Bearer wrong")])
            .await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let path = "/console/attention/a/acknowledge";
    assert_eq!(node.ask("POST", path, &[]).await.status, 401);
    assert_eq!(node.ask("DELETE", path, &[]).await.status, 401);
}

#[tokio::test]
async fn whoever_may_only_read_may_neither_acknowledge_nor_see_the_past() {
    let node = Node::closed();
    let reader = [("authorization", "Bearer reader")];
    assert_eq!(node.ask("GET", "/console/now", &reader).await.status, 200);
    let path = "/console/attention/a/acknowledge";
    assert_eq!(node.ask("POST", path, &reader).await.status, 403);
    assert_eq!(node.ask("DELETE", path, &reader).await.status, 403);
    let series = "/console/entities/urn:a/series?attribute=urn:b";
    assert_eq!(node.ask("GET", series, &reader).await.status, 403);
    let then = "/console/tiles/air/1/0/0.mvt?t=2025-01-01T00:00:00Z";
    assert_eq!(node.ask("GET", then, &reader).await.status, 403);
    assert!(node.script.noted.lock().is_empty());

    let writer = [("authorization", "Bearer writer")];
    assert_eq!(node.ask("POST", path, &writer).await.status, 204);
    assert_eq!(node.ask("DELETE", path, &writer).await.status, 204);
    let noted = node.script.noted.lock().clone();
    assert_eq!(noted, [("a".to_owned(), true), ("a".to_owned(), false)]);
    let unknown = "/console/attention/unknown/acknowledge";
    assert_eq!(node.ask("POST", unknown, &writer).await.status, 404);
}

#[tokio::test]
async fn another_tenant_is_refused_with_a_reason() {
    let node = Node::new();
    for path in ALL.iter().filter(|path| !path.contains("series")) {
        let answer = node.ask("GET", path, &[("ngsild-tenant", "north")]).await;
        assert_eq!(answer.status, 422, "{path}");
        assert!(
            answer.body["detail"]
                .as_str()
                .is_some_and(|said| said.contains("'north'"))
        );
    }
}

#[tokio::test]
async fn the_city_now_is_what_the_watch_says() {
    let node = Node::new();
    let now = json!({"counts": {"critical": 1}, "attention": []});
    node.script.say(&now);
    assert_eq!(node.get("/console/now").await.body, now);
    assert_eq!(node.get("/console/now?x=1").await.status, 400);
}
