//! Answers as a reader prefers them, entity maps, snapshots.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::node::{Answer, Node};

/// Sends a request with headers.
async fn ask(node: &Node, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/ngsi-ld/v1{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    node.send(request.body(Body::empty()).expect("a request"))
        .await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let value = answer.headers.get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn ids(answer: &Answer) -> Vec<&str> {
    let entities = answer.body.as_array().expect("an array");
    entities.iter().filter_map(|e| e["id"].as_str()).collect()
}

async fn car(node: &Node, id: &str, speed: u32) {
    let speed = json!({"type": "Property", "value": speed});
    let car = json!({"id": id, "type": "Car", "speed": speed});
    node.write("POST", "/entities", car).await;
}

async fn five_cars() -> Node {
    let node = Node::new(100);
    for number in 0..5 {
        car(&node, &format!("urn:car:{number}"), number * 10).await;
    }
    node
}

#[tokio::test]
async fn a_reader_of_an_earlier_edition_gets_what_that_edition_knows() {
    let node = Node::new(100);
    let vocab = json!({"type": "VocabProperty", "vocab": "Term"});
    let entity = json!({"id": "urn:a", "type": "A", "v": vocab});
    node.write("POST", "/entities", entity).await;
    let early = ask(
        &node,
        "GET",
        "/entities/urn:a",
        &[("prefer", "ngsi-ld=1.5")],
    )
    .await;
    assert_eq!(early.status, StatusCode::NON_AUTHORITATIVE_INFORMATION);
    assert_eq!(header(&early, "preference-applied"), "ngsi-ld=1.5");
    assert_eq!(
        early.body["v"],
        json!({"type": "Property", "value": "Term"})
    );
    let own = ask(
        &node,
        "GET",
        "/entities?type=A",
        &[("prefer", "ngsi-ld=1.9")],
    )
    .await;
    assert_eq!(
        (own.status, &own.body[0]["v"]["vocab"]),
        (StatusCode::OK, &json!("Term"))
    );
    assert_eq!(header(&own, "preference-applied"), "ngsi-ld=1.9");
    let bare = [("accept", "application/geo+json"), ("prefer", "body=json")];
    let bare = ask(&node, "GET", "/entities?type=A", &bare).await;
    assert!(bare.body.get("@context").is_none() && header(&bare, "link").contains("json-ld"));
}

#[tokio::test]
async fn pages_of_a_map_neither_miss_nor_repeat_an_entity_when_others_are_deleted() {
    let node = five_cars().await;
    let first = node.get("/entities?type=Car&limit=2&entityMap=true").await;
    assert_eq!(
        (first.status, ids(&first)),
        (StatusCode::CREATED, vec!["urn:car:0", "urn:car:1"])
    );
    let place = header(&first, "ngsild-entitymap").to_owned();
    node.ask("DELETE", "/entities/urn:car:0", None).await;
    node.ask("DELETE", "/entities/urn:car:3", None).await;
    // Born after the map, so it is not in it.
    car(&node, "urn:car:15", 1).await;
    let by_map = [("ngsild-entitymap", place.as_str())];
    let next = "/entities?type=Car&limit=2&offset=2&count=true";
    let second = ask(&node, "GET", next, &by_map).await;
    assert_eq!(
        (second.status, ids(&second)),
        (StatusCode::OK, vec!["urn:car:2", "urn:car:4"])
    );
    assert_eq!(header(&second, "ngsild-results-count"), "3");
    assert_eq!(header(&second, "ngsild-entitymap"), place);
    assert!(!header(&second, "link").contains("next"));
    let map = node.get(place.trim_start_matches("/ngsi-ld/v1")).await;
    let pinned = map.body["entityMap"].as_object().expect("an object");
    assert_eq!(
        pinned.keys().collect::<Vec<_>>(),
        ["urn:car:1", "urn:car:2", "urn:car:4"]
    );
    assert_eq!(pinned["urn:car:1"], json!(["@none"]));
    let slow = ask(
        &node,
        "GET",
        "/entities?type=Car&orderBy=speed;desc&limit=2",
        &by_map,
    )
    .await;
    assert_eq!(ids(&slow), ["urn:car:4", "urn:car:2"]);
}

#[tokio::test]
async fn a_map_that_is_gone_is_made_anew_and_one_of_another_tenant_is_unknown() {
    let node = five_cars().await;
    let dead = [("ngsild-entitymap", "urn:ngsi-ld:EntityMap:dead")];
    let made = ask(&node, "GET", "/entities?type=Car", &dead).await;
    let place = header(&made, "ngsild-entitymap");
    assert!(
        made.status == StatusCode::CREATED && !place.contains("dead"),
        "{place}"
    );
    let path = place.trim_start_matches("/ngsi-ld/v1").to_owned();
    let other = ask(&node, "GET", &path, &[("ngsild-tenant", "other")]).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let ended = json!({"expiresAt": "2000-01-01T00:00:00Z", "entityMap": {}});
    node.write("PATCH", &path, ended).await;
    assert_eq!(node.get(&path).await.status, StatusCode::NOT_FOUND);
    for wrong in [
        "/entityMaps?id=urn:car:1",
        "/entityMaps?type=Car&entityMapLifetime=1hour",
        "/entityMaps/no%20uri",
        "/temporal/entityMaps?type=Car",
    ] {
        assert_eq!(
            node.get(wrong).await.status,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_map_pins_one_entity_and_what_was_as_well() {
    let node = five_cars().await;
    let one = node.get("/entities/urn:car:2?entityMap=true").await;
    assert_eq!(
        (one.status, &one.body["id"]),
        (StatusCode::OK, &json!("urn:car:2"))
    );
    let by_map = [("ngsild-entitymap", header(&one, "ngsild-entitymap"))];
    let all = ask(&node, "GET", "/entities?type=Car", &by_map).await;
    assert_eq!(ids(&all), ["urn:car:2"]);
    let other = ask(&node, "GET", "/entities/urn:car:1", &by_map).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let ever = "timerel=after&timeAt=2000-01-01T00:00:00Z&timeproperty=createdAt";
    let path = format!("/temporal/entities?type=Car&id=urn:car:3&entityMap=true&{ever}");
    let narrow = node.get(&path).await;
    assert_eq!(narrow.status, StatusCode::CREATED);
    let by_map = [("ngsild-entitymap", header(&narrow, "ngsild-entitymap"))];
    let path = format!("/temporal/entities?type=Car&{ever}");
    let wide = ask(&node, "GET", &path, &by_map).await;
    assert_eq!(
        (wide.status, ids(&wide)),
        (StatusCode::OK, vec!["urn:car:3"])
    );
}

/// Makes a snapshot and waits until it is ready.
async fn snapshot(node: &Node, path: &str, body: Value) -> (String, Value) {
    let made = node.ask("POST", path, Some(body)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let place = header(&made, "location")
        .trim_start_matches("/ngsi-ld/v1")
        .to_owned();
    for _ in 0..1_000 {
        let said = node.get(&place).await.body;
        if said["snapshotStatus"] != "preparing" {
            return (place, said);
        }
        tokio::task::yield_now().await;
    }
    panic!("the snapshot is never ready");
}

fn of_fast_cars() -> Value {
    let query = json!({"type": "Query", "entities": [{"type": "Car"}], "q": "speed>15"});
    json!({"type": "Snapshot", "snapshotQueries": [query]})
}

#[tokio::test]
async fn a_snapshot_stays_as_it_was_and_can_be_played_with() {
    let node = five_cars().await;
    let (place, said) = snapshot(&node, "/snapshots", of_fast_cars()).await;
    assert_eq!(
        (&said["snapshotStatus"], &said["snapshotPriority"]),
        (&json!("success"), &json!(5))
    );
    node.ask("DELETE", "/entities/urn:car:4", None).await;
    let id = said["id"].as_str().expect("an id").to_owned();
    let inside = [("ngsild-snapshot", id.as_str())];
    let frozen = ask(&node, "GET", "/entities?type=Car", &inside).await;
    assert_eq!(ids(&frozen), ["urn:car:2", "urn:car:3", "urn:car:4"]);
    assert_eq!(header(&frozen, "ngsild-snapshot"), id);
    // What is done in it is not done in the city.
    let deleted = ask(&node, "DELETE", "/entities/urn:car:2", &inside).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(
        ask(&node, "GET", "/entities/urn:car:2", &inside)
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(node.get("/entities/urn:car:2").await.status, StatusCode::OK);
    let types = ask(&node, "GET", "/types", &inside).await;
    assert_eq!(types.body["typeList"], json!(["Car"]));
    let subscribing = ask(&node, "GET", "/subscriptions", &inside).await;
    assert_eq!(subscribing.status, StatusCode::UNPROCESSABLE_ENTITY);
    let by_tenant = ask(
        &node,
        "GET",
        "/entities?type=Car",
        &[("ngsild-tenant", ".own.0")],
    )
    .await;
    assert_eq!(by_tenant.status, StatusCode::BAD_REQUEST);
    let gone = node.ask("DELETE", &place, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let gone = ask(&node, "GET", "/entities?type=Car", &inside).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_clone_outlives_its_original_and_a_purge_takes_those_that_match() {
    let node = five_cars().await;
    let (place, _) = snapshot(&node, "/snapshots", of_fast_cars()).await;
    let low = node
        .ask("PATCH", &place, Some(json!({"snapshotPriority": 2})))
        .await;
    assert_eq!(
        (low.status, &low.body["snapshotPriority"]),
        (StatusCode::OK, &json!(2))
    );
    let high = json!({"type": "Snapshot", "snapshotPriority": 9});
    let (copied, said) = snapshot(&node, &format!("{place}/clone"), high).await;
    for wrong in ["", "?q=speed%3E50", "?q=snapshotPriority%3C5;speed%3E1"] {
        let path = format!("/snapshots{wrong}");
        let refused = node.ask("DELETE", &path, None).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let purged = node
        .ask("DELETE", "/snapshots?q=snapshotPriority%3C5", None)
        .await;
    assert_eq!(purged.status, StatusCode::NO_CONTENT);
    assert_eq!(node.get(&place).await.status, StatusCode::NOT_FOUND);
    assert_eq!(node.get(&copied).await.status, StatusCode::OK);
    let inside = [("ngsild-snapshot", said["id"].as_str().expect("an id"))];
    let cars = ask(&node, "GET", "/entities?type=Car", &inside).await;
    assert_eq!(ids(&cars).len(), 3);
}

#[tokio::test]
async fn a_snapshot_of_nothing_is_empty_and_a_wrong_one_is_refused() {
    let node = five_cars().await;
    let mut nothing = of_fast_cars();
    nothing["snapshotQueries"][0]["q"] = json!("speed>1000");
    let (_, said) = snapshot(&node, "/snapshots", nothing).await;
    assert_eq!(said["snapshotStatus"], "empty");
    let inside = [("ngsild-snapshot", said["id"].as_str().expect("an id"))];
    let cars = ask(&node, "GET", "/entities?type=Car", &inside).await;
    assert_eq!((cars.status, ids(&cars).len()), (StatusCode::OK, 0));
    let change = |member: &str, value: Value| {
        let mut body = of_fast_cars();
        body[member] = value;
        body
    };
    let temporal = json!([{"type": "Query", "entities": [{"type": "Car"}], "temporalQ": {}}]);
    for wrong in [
        json!({"type": "Snapshot"}),
        change("snapshotQueries", temporal),
        change("snapshotQueries", json!([{"type": "Query"}])),
        change("snapshotPriority", json!(11)),
        change("snapshotLifetime", json!("soon")),
        change("snapshotStatus", json!("success")),
        change("endpoint", json!({"uri": "file:///etc/passwd"})),
    ] {
        let refused = node.ask("POST", "/snapshots", Some(wrong.clone())).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let twice = change("id", said["id"].clone());
    let refused = node.ask("POST", "/snapshots", Some(twice)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn who_may_do_nothing_learns_nothing_of_maps_and_snapshots() {
    let node = Node::closed();
    for (method, path) in [
        ("GET", "/entityMaps?type=Car"),
        ("GET", "/entityMaps/urn:a"),
        ("DELETE", "/entityMaps/urn:a"),
        ("GET", "/temporal/entityMaps?type=Car"),
        ("GET", "/snapshots/urn:a"),
        ("DELETE", "/snapshots?q=snapshotPriority%3C5"),
        ("POST", "/snapshots"),
        ("POST", "/snapshots/urn:a/clone"),
    ] {
        let refused = ask(&node, method, path, &[]).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    let inside = [("ngsild-snapshot", "urn:unknown")];
    let refused = ask(&node, "GET", "/entities?type=Car", &inside).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}
