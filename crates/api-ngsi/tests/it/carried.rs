//! Subscriptions that other sources carry for this node, and what they tell.

use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::node::Node;

const SUBSCRIPTION: &str = "urn:ngsi-ld:Subscription:1";

/// A node that knows one source of cars, which may be subscribed to.
async fn node() -> Node {
    let node = Node::new(100);
    let registration = json!({
        "id": "urn:ngsi-ld:ContextSourceRegistration:a",
        "type": "ContextSourceRegistration",
        "information": [{ "entities": [{ "type": "Car" }] }],
        "contextSourceAlias": "there",
        "endpoint": "http://a.example",
    });
    node.write("POST", "/csourceRegistrations", registration)
        .await;
    node
}

fn subscription(more: &Value) -> Value {
    let mut said = json!({
        "id": SUBSCRIPTION,
        "type": "Subscription",
        "entities": [{ "type": "Car" }],
        "q": "speed>50",
        "notification": { "endpoint": { "uri": "http://subscriber.example/n" } },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        said[name] = value.clone();
    }
    said
}

/// What was sent to a host.
fn sent(node: &Node, host: &str) -> Vec<(Method, String, Value)> {
    let asked = node.outbound.asked();
    let to_it = asked.into_iter().filter(|one| one.url.starts_with(host));
    to_it
        .map(|one| {
            let body = serde_json::from_slice(&one.body).unwrap_or_default();
            (one.method, one.url, body)
        })
        .collect()
}

/// Waits until so much was sent to a host.
async fn wait(node: &Node, host: &str, count: usize) -> Vec<(Method, String, Value)> {
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
        let sent = sent(node, host);
        if sent.len() >= count {
            return sent;
        }
    }
    sent(node, host)
}

/// A source tells how fast a car is, under the id of its copy.
async fn tell(node: &Node, id: &str, speed: u32) -> StatusCode {
    let speed = json!({ "type": "Property", "value": speed });
    let car = json!({ "id": "urn:ngsi-ld:Car:1", "type": "Car", "speed": speed });
    tell_of(node, id, car).await
}

/// A source tells of an entity, under the id of its copy.
async fn tell_of(node: &Node, id: &str, entity: Value) -> StatusCode {
    let body = json!({ "type": "Notification", "subscriptionId": id, "data": [entity] });
    let body = body.to_string();
    let request = Request::builder()
        .method("POST")
        .uri("/ngsi-ld/ex/remote-notify")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(axum::body::Body::from(body))
        .expect("a request");
    node.send(request).await.status
}

/// The id under which the source carries the subscription.
async fn carried(node: &Node, more: &Value) -> (String, Value) {
    node.outbound
        .reply("http://a.example", StatusCode::CREATED, "");
    node.write("POST", "/subscriptions", subscription(more))
        .await;
    let sent = wait(node, "http://a.example", 1).await;
    let (method, url, body) = sent.into_iter().next().expect("a copy");
    assert_eq!(method, Method::POST);
    assert_eq!(url, "http://a.example/ngsi-ld/v1/subscriptions");
    (body["id"].as_str().expect("an id").to_owned(), body)
}

#[tokio::test]
async fn a_source_carries_less_than_was_said_and_tells_this_node() {
    let node = node().await;
    let (id, copy) = carried(&node, &json!({})).await;
    assert_ne!(id, SUBSCRIPTION);
    assert_eq!(copy["q"], "speed>50");
    let endpoint = copy["notification"]["endpoint"]["uri"].as_str();
    assert!(endpoint.is_some_and(|uri| uri.ends_with("/ngsi-ld/ex/remote-notify")));
    assert!(!copy.to_string().contains("subscriber.example"));
    let beside = node.get("/csourceSubscriptions").await.body;
    assert_eq!(beside.as_array().map(Vec::len), Some(1));

    node.outbound
        .reply("http://subscriber.example", StatusCode::OK, "");
    assert_eq!(tell(&node, &id, 60).await, StatusCode::OK);
    let told = wait(&node, "http://subscriber.example", 1).await;
    assert_eq!(told[0].2["subscriptionId"], SUBSCRIPTION);
    assert_eq!(told[0].2["data"][0]["speed"]["value"], 60);

    node.outbound
        .reply("http://a.example", StatusCode::NO_CONTENT, "");
    let gone = node
        .ask("DELETE", &format!("/subscriptions/{SUBSCRIPTION}"), None)
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let sent = wait(&node, "http://a.example", 2).await;
    assert_eq!(sent[1].0, Method::DELETE);
    assert!(sent[1].1.ends_with(&id));
    let beside = node.get("/csourceSubscriptions").await.body;
    assert_eq!(beside, json!([]));
    assert_eq!(tell(&node, &id, 60).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_entity_in_parts_is_put_together_before_it_is_asked_about() {
    let node = node().await;
    let split = json!({ "splitEntities": true, "q": "speed>50;brand==\"Tesla\"" });
    let (id, copy) = carried(&node, &split).await;
    assert!(copy.get("q").is_none());
    assert_eq!(copy["splitEntities"], true);
    node.write(
        "POST",
        "/entities",
        json!({ "id": "urn:ngsi-ld:Car:1", "type": "Car",
            "brand": { "type": "Property", "value": "Tesla" } }),
    )
    .await;
    node.outbound
        .reply("http://subscriber.example", StatusCode::OK, "");
    assert_eq!(tell(&node, &id, 10).await, StatusCode::OK);
    assert_eq!(tell(&node, &id, 60).await, StatusCode::OK);
    let told = wait(&node, "http://subscriber.example", 2).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].2["data"][0]["brand"]["value"], "Tesla");
    assert_eq!(told[0].2["data"][0]["speed"]["value"], 60);
}

#[tokio::test]
async fn a_source_is_asked_for_the_attributes_that_it_offers() {
    let node = Node::new(100);
    let registration = json!({
        "type": "ContextSourceRegistration",
        "information": [{ "entities": [{ "type": "Car" }], "propertyNames": ["speed"] }],
        "endpoint": "http://a.example",
    });
    node.write("POST", "/csourceRegistrations", registration)
        .await;
    let (_, copy) = carried(&node, &json!({})).await;
    assert_eq!(copy["watchedAttributes"], json!(["speed"]));
    assert_eq!(copy["notification"]["attributes"], json!(["speed"]));
}

#[tokio::test]
async fn what_is_gone_there_is_told_as_gone() {
    let node = node().await;
    let (id, _) = carried(&node, &json!({})).await;
    node.outbound
        .reply("http://subscriber.example", StatusCode::OK, "");
    let gone = json!({ "id": "urn:ngsi-ld:Car:1", "type": "Car",
        "deletedAt": "2026-01-01T00:00:00Z" });
    assert_eq!(tell_of(&node, &id, gone).await, StatusCode::OK);
    let told = wait(&node, "http://subscriber.example", 1).await;
    assert_eq!(told[0].2["data"][0]["deletedAt"], "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn what_changes_here_changes_there() {
    let node = node().await;
    let (id, _) = carried(&node, &json!({})).await;
    node.outbound
        .reply("http://a.example", StatusCode::NO_CONTENT, "");
    let path = format!("/subscriptions/{SUBSCRIPTION}");
    node.write("PATCH", &path, json!({ "q": "speed>90" })).await;
    let sent = wait(&node, "http://a.example", 2).await;
    assert_eq!(sent[1].0, Method::PATCH);
    assert!(sent[1].1.ends_with(&id));
    assert_eq!(sent[1].2["q"], "speed>90");
}

#[tokio::test]
async fn a_source_that_registers_later_carries_what_stands() {
    let node = Node::new(100);
    node.write("POST", "/subscriptions", subscription(&json!({})))
        .await;
    node.outbound
        .reply("http://b.example", StatusCode::CREATED, "");
    let registration = json!({
        "id": "urn:ngsi-ld:ContextSourceRegistration:b",
        "type": "ContextSourceRegistration",
        "information": [{ "entities": [{ "type": "Car" }] }],
        "endpoint": "http://b.example",
    });
    node.write("POST", "/csourceRegistrations", registration)
        .await;
    assert_eq!(wait(&node, "http://b.example", 1).await.len(), 1);
    node.outbound
        .reply("http://b.example", StatusCode::NO_CONTENT, "");
    let path = "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b";
    assert!(node.ask("DELETE", path, None).await.status.is_success());
    let sent = wait(&node, "http://b.example", 2).await;
    assert_eq!(sent[1].0, Method::DELETE);
}

#[tokio::test]
async fn a_subscription_is_carried_by_nobody_that_it_came_by_nor_when_it_is_local() {
    let node = node().await;
    let body = subscription(&json!({})).to_string();
    let request = Request::builder()
        .method("POST")
        .uri("/ngsi-ld/v1/subscriptions")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .header("via", "1.1 there")
        .body(axum::body::Body::from(body))
        .expect("a request");
    assert_eq!(node.send(request).await.status, StatusCode::CREATED);
    let local = json!({ "id": "urn:ngsi-ld:Subscription:2", "localOnly": true });
    node.write("POST", "/subscriptions", subscription(&local))
        .await;
    assert!(wait(&node, "http://a.example", 1).await.is_empty());
}
