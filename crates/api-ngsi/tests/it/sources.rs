//! Registrations over HTTP, how they are found, and who is told of them.

use http::StatusCode;
use serde_json::{Value, json};

use super::node::{Answer, Node};

fn registration(id: &str, kind: &str) -> Value {
    json!({
        "id": id, "type": "ContextSourceRegistration",
        "information": [{ "entities": [{ "type": kind }], "propertyNames": ["speed"] }],
        "endpoint": "http://partner.example",
    })
}

fn with(mut document: Value, member: &str, value: Value) -> Value {
    document[member] = value;
    document
}

async fn register(node: &Node, document: Value) -> Answer {
    node.ask("POST", "/csourceRegistrations", Some(document))
        .await
}

fn ids(answer: &Answer) -> Vec<&str> {
    let all = answer.body.as_array().into_iter().flatten();
    all.filter_map(|one| one["id"].as_str()).collect()
}

fn problem(answer: &Answer) -> &str {
    let kind = answer.body["type"].as_str().unwrap_or_default();
    kind.rsplit('/').next().unwrap_or_default()
}

#[tokio::test]
async fn a_registration_lives_from_its_making_to_its_end() {
    let node = Node::new(100);
    let made = register(&node, registration("urn:x:r", "Car")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let path = "/csourceRegistrations/urn:x:r";
    assert_eq!(made.headers["location"], format!("/ngsi-ld/v1{path}"));
    let again = register(&node, registration("urn:x:r", "Car")).await;
    assert_eq!(
        (again.status, problem(&again)),
        (StatusCode::CONFLICT, "AlreadyExists")
    );
    assert_eq!(node.get(path).await.body, registration("urn:x:r", "Car"));

    node.clock.advance_seconds(1);
    node.write(
        "PATCH",
        path,
        json!({ "endpoint": "http://other.example", "description": "x" }),
    )
    .await;
    let shown = node.get(&format!("{path}?options=sysAttrs")).await.body;
    assert_eq!(shown["endpoint"], "http://other.example");
    assert_ne!(shown["createdAt"], shown["modifiedAt"]);
    let wrong = node
        .ask("PATCH", path, Some(json!({ "information": null })))
        .await;
    assert_eq!(
        (wrong.status, problem(&wrong)),
        (StatusCode::BAD_REQUEST, "BadRequestData")
    );

    assert_eq!(
        node.ask("DELETE", path, None).await.status,
        StatusCode::NO_CONTENT
    );
    for method in ["GET", "PATCH", "DELETE"] {
        let gone = node.ask(method, path, Some(json!({}))).await;
        assert_eq!(
            (gone.status, problem(&gone)),
            (StatusCode::NOT_FOUND, "ResourceNotFound")
        );
    }
    assert_eq!(
        node.get("/csourceRegistrations/r").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn what_is_found_is_what_is_looked_for() {
    let node = Node::new(100);
    let old = json!({ "startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z" });
    let place = json!({ "type": "Point", "coordinates": [8.0, 40.0] });
    for document in [
        registration("urn:x:a", "Car"),
        with(
            with(registration("urn:x:b", "Car"), "rank", json!(3)),
            "location",
            place,
        ),
        with(
            registration("urn:x:c", "Bus"),
            "scope",
            json!("/Madrid/Centro"),
        ),
        with(registration("urn:x:d", "Car"), "observationInterval", old),
    ] {
        register(&node, document).await;
    }
    for (query, found) in [
        ("type=Car", vec!["urn:x:a", "urn:x:b"]),
        ("type=Car&limit=1&offset=1", vec!["urn:x:b"]),
        ("attrs=speed", vec!["urn:x:a", "urn:x:b", "urn:x:c"]),
        ("attrs=color", vec![]),
        ("id=urn:x:any&type=Bus", vec!["urn:x:c"]),
        ("idPattern=.*&type=Bus", vec!["urn:x:c"]),
        ("attrs=speed&scopeQ=/Madrid/%23", vec!["urn:x:c"]),
        ("q=rank==3", vec!["urn:x:b"]),
        ("type=Car&csf=rank%3E3", vec![]),
        (
            "type=Car&csf=endpoint==%22http://partner.example%22",
            vec!["urn:x:a", "urn:x:b"],
        ),
        (
            "georel=near;maxDistance==1000&geometry=Point&coordinates=[8,40]",
            vec!["urn:x:b"],
        ),
        (
            "type=Car&timerel=before&timeAt=2020-01-01T00:00:00Z",
            vec![],
        ),
        (
            "type=Car&timerel=before&timeAt=2020-06-01T00:00:00Z",
            vec!["urn:x:d"],
        ),
        ("type=Car&timerel=after&timeAt=2021-06-01T00:00:00Z", vec![]),
        (
            "type=Car&timerel=after&timeAt=2020-06-01T00:00:00Z&timeproperty=createdAt",
            vec![],
        ),
        (
            "type=Car&timerel=between&timeAt=2020-12-01T00:00:00Z&endTimeAt=2030-01-01T00:00:00Z",
            vec!["urn:x:d"],
        ),
    ] {
        let answer = node.get(&format!("/csourceRegistrations?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
        assert_eq!(ids(&answer), found, "{query}");
    }
    let count = node
        .get("/csourceRegistrations?type=Car&count=true&limit=0")
        .await;
    assert_eq!(count.headers["ngsild-results-count"], "2");
}

#[tokio::test]
async fn a_search_that_says_too_little_or_nonsense_is_refused() {
    let node = Node::new(100);
    for wrong in [
        "",
        "scopeQ=/A",
        "type=",
        "id=x",
        "q=(a",
        "georel=within",
        "type=Car&timerel=before",
        "type=Car&timerel=between&timeAt=2020-01-01T00:00:00Z",
        "type=Car&timeAt=2020-01-01T00:00:00Z",
        "type=Car&options=keyValues",
        "type=Car&unknown=1",
    ] {
        let answer = node.get(&format!("/csourceRegistrations?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn what_conflicts_is_refused_as_a_conflict() {
    let node = Node::new(100);
    node.write(
        "POST",
        "/entities",
        json!({ "id": "urn:x:1", "type": "Car", "speed": 3 }),
    )
    .await;
    let redirect = with(registration("urn:x:r", "Car"), "mode", json!("redirect"));
    let refused = register(&node, redirect.clone()).await;
    assert_eq!(
        (refused.status, problem(&refused)),
        (StatusCode::CONFLICT, "Conflict")
    );
    assert_eq!(
        node.ask("DELETE", "/entities/urn:x:1", None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(register(&node, redirect).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_closed_node_shows_no_sources() {
    let node = Node::closed();
    for (method, path) in [
        ("GET", "/csourceRegistrations?type=Car"),
        ("POST", "/csourceRegistrations"),
        ("GET", "/csourceRegistrations/urn:x:r"),
        ("PATCH", "/csourceRegistrations/urn:x:r"),
        ("DELETE", "/csourceRegistrations/urn:x:r"),
        ("GET", "/csourceSubscriptions"),
        ("POST", "/csourceSubscriptions"),
        ("GET", "/csourceSubscriptions/urn:x:s"),
        ("PATCH", "/csourceSubscriptions/urn:x:s"),
        ("DELETE", "/csourceSubscriptions/urn:x:s"),
    ] {
        let answer = node.ask(method, path, Some(json!({}))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

fn subscription(id: &str, kind: &str) -> Value {
    json!({
        "id": id, "type": "Subscription", "entities": [{ "type": kind }],
        "notification": { "endpoint": { "uri": "http://listener.example/notify" } },
    })
}

/// Lets the tasks of the node run until so many notifications went out, and reads them.
async fn told(node: &Node, number: usize) -> Vec<Value> {
    for _ in 0..1_000 {
        if node.outbound.asked().len() >= number {
            break;
        }
        tokio::task::yield_now().await;
    }
    // What is too much would come now.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let asked = node.outbound.asked();
    assert_eq!(asked.len(), number, "{asked:?}");
    let bodies = asked
        .iter()
        .map(|request| serde_json::from_slice(&request.body));
    bodies.collect::<Result<_, _>>().expect("JSON")
}

fn reply(node: &Node, times: usize) {
    for _ in 0..times {
        node.outbound
            .reply("http://listener.example", StatusCode::OK, "");
    }
}

fn said(notification: &Value) -> (&str, Vec<&str>) {
    let data = notification["data"].as_array().into_iter().flatten();
    let ids = data.filter_map(|one| one["id"].as_str()).collect();
    (
        notification["triggerReason"].as_str().unwrap_or_default(),
        ids,
    )
}

#[tokio::test]
async fn who_subscribes_is_told_what_matches_changes_and_matches_no_more() {
    let node = Node::new(100);
    reply(&node, 9);
    let both = json!([
        { "entities": [{ "type": "Bus" }] },
        { "entities": [{ "type": "Car" }], "propertyNames": ["speed"] },
    ]);
    let secret = json!([{ "key": "Authorization", "value": "Bearer x" }]);
    let first = with(registration("urn:x:a", "Car"), "information", both);
    register(&node, with(first, "contextSourceInfo", secret)).await;
    register(&node, registration("urn:x:other", "Bus")).await;
    let made = node
        .ask(
            "POST",
            "/csourceSubscriptions",
            Some(subscription("urn:x:s", "Car")),
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let all = told(&node, 1).await;
    assert_eq!(said(&all[0]), ("newlyMatching", vec!["urn:x:a"]));
    assert_eq!(all[0]["type"], "ContextSourceNotification");
    assert_eq!(all[0]["subscriptionId"], "urn:x:s");
    let shown = &all[0]["data"][0];
    assert_eq!(
        shown["information"].as_array().map(Vec::len),
        Some(1),
        "{shown}"
    );
    assert_eq!(shown.get("contextSourceInfo"), None, "it may be a secret");

    register(&node, registration("urn:x:b", "Car")).await;
    assert_eq!(
        said(&told(&node, 2).await[1]),
        ("newlyMatching", vec!["urn:x:b"])
    );
    let path = "/csourceRegistrations/urn:x:b";
    node.write("PATCH", path, json!({ "description": "x" }))
        .await;
    assert_eq!(said(&told(&node, 3).await[2]), ("updated", vec!["urn:x:b"]));
    let bus = json!({ "information": [{ "entities": [{ "type": "Bus" }] }] });
    node.write("PATCH", path, bus).await;
    assert_eq!(
        said(&told(&node, 4).await[3]),
        ("noLongerMatching", vec!["urn:x:b"])
    );
    node.ask("DELETE", "/csourceRegistrations/urn:x:a", None)
        .await;
    assert_eq!(
        said(&told(&node, 5).await[4]),
        ("noLongerMatching", vec!["urn:x:a"])
    );
    let counts = &node.get("/csourceSubscriptions/urn:x:s").await.body["notification"];
    assert_eq!(counts["timesSent"], 5, "{counts}");

    // Who changes what is looked for is told all that matches then; who pauses, nothing.
    let change = json!({ "entities": [{ "type": "Bus" }] });
    node.write("PATCH", "/csourceSubscriptions/urn:x:s", change)
        .await;
    let all = told(&node, 6).await;
    assert_eq!(
        said(&all[5]),
        ("newlyMatching", vec!["urn:x:b", "urn:x:other"])
    );
    node.write(
        "PATCH",
        "/csourceSubscriptions/urn:x:s",
        json!({ "isActive": false }),
    )
    .await;
    register(&node, registration("urn:x:c", "Bus")).await;
    told(&node, 6).await;
}

#[tokio::test]
async fn an_end_is_told_and_a_rhythm_is_kept() {
    let node = Node::new(100);
    reply(&node, 9);
    let end = ports::Clock::now(&*node.clock)
        .plus_micros(10_000_000)
        .to_string();
    register(
        &node,
        with(registration("urn:x:a", "Car"), "expiresAt", json!(end)),
    )
    .await;
    let often = with(subscription("urn:x:often", "Car"), "timeInterval", json!(4));
    node.write("POST", "/csourceSubscriptions", often).await;
    assert_eq!(
        said(&told(&node, 1).await[0]),
        ("newlyMatching", vec!["urn:x:a"])
    );
    node.clock.advance_seconds(4);
    assert_eq!(said(&told(&node, 2).await[1]), ("updated", vec!["urn:x:a"]));
    node.ask("DELETE", "/csourceSubscriptions/urn:x:often", None)
        .await;
    node.write(
        "POST",
        "/csourceSubscriptions",
        subscription("urn:x:s", "Car"),
    )
    .await;
    told(&node, 3).await;
    node.clock.advance_seconds(4);
    told(&node, 3).await;
    node.clock.advance_seconds(4);
    assert_eq!(
        said(&told(&node, 4).await[3]),
        ("noLongerMatching", vec!["urn:x:a"])
    );
}
