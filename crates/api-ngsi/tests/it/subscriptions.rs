//! Subscriptions over HTTP: made, shown, changed, listed and ended.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::node::{Answer, Node};

const ID: &str = "urn:ngsi-ld:Subscription:1";

fn subscription(id: &str) -> Value {
    json!({
        "id": id, "type": "Subscription",
        "entities": [{"type": "Room"}], "watchedAttributes": ["temperature"], "q": "temperature>20",
        "notification": {
            "attributes": ["temperature"], "format": "keyValues",
            "endpoint": {"uri": "http://listener.example/notify"},
        },
    })
}

fn detail(answer: &Answer) -> &str {
    answer.body["detail"].as_str().unwrap_or_default()
}

/// Sends a body of JSON-LD.
async fn send_ld(node: &Node, method: &str, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let request = Request::builder()
        .method(method)
        .uri(format!("/ngsi-ld/v1{path}"))
        .header("content-type", "application/ld+json")
        .header("content-length", body.len())
        .header("host", "city.example:9090");
    let request = request.body(Body::from(body)).expect("a request");
    node.send(request).await
}

#[tokio::test]
async fn a_subscription_lives_from_its_making_to_its_end() {
    let node = Node::new(100);
    let made = node
        .ask("POST", "/subscriptions", Some(subscription(ID)))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(
        made.headers["location"],
        format!("/ngsi-ld/v1/subscriptions/{ID}")
    );
    let again = node
        .ask("POST", "/subscriptions", Some(subscription(ID)))
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(
        again.body["type"]
            .as_str()
            .is_some_and(|t| t.ends_with("/AlreadyExists"))
    );

    let path = format!("/subscriptions/{ID}");
    let shown = node.get(&path).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert_eq!(shown.body["q"], "temperature>20");
    assert_eq!(shown.body["status"], "active");
    assert!(shown.body.get("createdAt").is_none());
    let times = node.get(&format!("{path}?options=sysAttrs")).await;
    assert_eq!(times.body["createdAt"], times.body["modifiedAt"]);

    node.clock.advance_seconds(5);
    let fragment = json!({"q": null, "isActive": false});
    node.write("PATCH", &path, fragment).await;
    let times = node.get(&format!("{path}?options=sysAttrs")).await;
    assert_ne!(times.body["createdAt"], times.body["modifiedAt"]);
    assert_eq!(
        (times.body.get("q"), &times.body["status"]),
        (None, &json!("paused"))
    );

    let ended = node.ask("DELETE", &path, None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    for method in ["GET", "PATCH", "DELETE"] {
        let body = (method == "PATCH").then(|| json!({"isActive": true}));
        let gone = node.ask(method, &path, body).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{method}");
    }
}

#[tokio::test]
async fn a_subscription_without_an_id_gets_one() {
    let node = Node::new(100);
    let mut body = subscription(ID);
    body.as_object_mut().expect("an object").remove("id");
    let made = node.ask("POST", "/subscriptions", Some(body)).await;
    let location = made.headers["location"].to_str().expect("ASCII");
    let path = location.strip_prefix("/ngsi-ld/v1").expect("a path");
    let shown = node.get(path).await;
    let id = shown.body["id"].as_str().expect("an id");
    assert!(
        id.starts_with("urn:ngsi-ld:Subscription:") && path.ends_with(id),
        "{path}"
    );
    node.write("PATCH", path, json!({"throttling": 3})).await;
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_that_says_so() {
    let node = Node::new(100);
    for (change, said) in [
        (json!({"id": "one"}), "id: "),
        (json!({"throttling": -1}), "throttling: "),
        (
            json!({"expiresAt": "2025-12-31T00:00:00Z"}),
            "in the future",
        ),
        (json!({"jsonldContext": "nowhere"}), "jsonldContext: "),
        (
            json!({"notification": {"format": "keyValues"}}),
            "notification.endpoint: ",
        ),
    ] {
        let mut body = subscription(ID);
        let members = body.as_object_mut().expect("an object");
        members.extend(change.as_object().expect("an object").clone());
        let refused = node.ask("POST", "/subscriptions", Some(body)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{change}");
        assert!(
            refused.body["type"]
                .as_str()
                .is_some_and(|t| t.ends_with("/BadRequestData"))
        );
        assert!(detail(&refused).contains(said), "{change}: {refused:?}");
    }
    for (method, path, status) in [
        ("GET", "/subscriptions/one", StatusCode::BAD_REQUEST),
        ("DELETE", "/subscriptions/one", StatusCode::BAD_REQUEST),
        ("DELETE", "/subscriptions/", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/subscriptions?limit=0", StatusCode::BAD_REQUEST),
        ("GET", "/subscriptions?type=Room", StatusCode::BAD_REQUEST),
        (
            "GET",
            "/subscriptions?options=keyValues",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let refused = node.ask(method, path, None).await;
        assert_eq!(refused.status, status, "{method} {path}");
    }
    let request = Request::builder()
        .method("POST")
        .uri("/ngsi-ld/v1/subscriptions")
        .header("content-type", "text/plain")
        .header("content-length", "2");
    let request = request.body(Body::from("{}")).expect("a request");
    assert_eq!(
        node.send(request).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn a_subscription_that_ends_is_expired_until_it_is_given_more_time() {
    let node = Node::new(100);
    let mut body = subscription(ID);
    body["expiresAt"] = json!("2026-01-01T00:00:10Z");
    node.write("POST", "/subscriptions", body).await;
    let path = format!("/subscriptions/{ID}");
    node.clock.advance_seconds(10);
    assert_eq!(node.get(&path).await.body["status"], "expired");
    node.write("PATCH", &path, json!({"isActive": true})).await;
    assert_eq!(node.get(&path).await.body["status"], "expired");
    let past = json!({"expiresAt": "2026-01-01T00:00:05Z"});
    let refused = node.ask("PATCH", &path, Some(past)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let later = json!({"expiresAt": "2026-02-01T00:00:00Z"});
    node.write("PATCH", &path, later).await;
    assert_eq!(node.get(&path).await.body["status"], "active");
}

#[tokio::test]
async fn subscriptions_are_listed_page_by_page() {
    let node = Node::new(100);
    for number in 1..=3 {
        let id = format!("urn:ngsi-ld:Subscription:{number}");
        node.write("POST", "/subscriptions", subscription(&id))
            .await;
    }
    let page = node.get("/subscriptions?limit=1&offset=1&count=true").await;
    assert_eq!(page.body[0]["id"], "urn:ngsi-ld:Subscription:2");
    assert_eq!(page.body.as_array().map(Vec::len), Some(1));
    assert_eq!(page.headers["ngsild-results-count"], "3");
    let links: Vec<_> = page.headers.get_all("link").iter().collect();
    let has = |rel: &str| {
        links
            .iter()
            .any(|link| link.to_str().is_ok_and(|l| l.contains(rel)))
    };
    assert!(has("rel=\"prev\"") && has("rel=\"next\""), "{links:?}");
    let last = node.get("/subscriptions?limit=2&offset=2").await;
    assert_eq!(last.body.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_inline_context_is_hosted_for_the_notifications() {
    let node = Node::new(100);
    let mut body = subscription(ID);
    body["@context"] = json!([{"Room": "https://x.org/Room"}]);
    let made = send_ld(&node, "POST", "/subscriptions", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let shown = node.get(&format!("/subscriptions/{ID}")).await;
    assert_eq!(shown.body["entities"][0]["type"], "https://x.org/Room");
    let url = shown.body["jsonldContext"].as_str().expect("a URL");
    let path = url
        .strip_prefix("http://city.example:9090/ngsi-ld/v1")
        .expect("ours");
    assert_eq!(node.get(path).await.body["@context"], body["@context"]);
    body["id"] = json!("urn:ngsi-ld:Subscription:2");
    send_ld(&node, "POST", "/subscriptions", &body).await;
    let hosted = node.get("/jsonldContexts?kind=ImplicitlyCreated").await;
    assert_eq!(
        hosted.body.as_array().map(Vec::len),
        Some(1),
        "hosted once: {hosted:?}"
    );
}

#[tokio::test]
async fn a_context_that_cannot_be_had_is_said() {
    let node = Node::new(100);
    let mut body = subscription(ID);
    body["jsonldContext"] = json!("http://contexts.example/gone.jsonld");
    let url = "http://contexts.example/gone.jsonld";
    node.outbound.reply(url, StatusCode::NOT_FOUND, "");
    let refused = node.ask("POST", "/subscriptions", Some(body)).await;
    assert_eq!(refused.status, StatusCode::GATEWAY_TIMEOUT, "{refused:?}");
    let kind = refused.body["type"].as_str().unwrap_or_default();
    assert!(kind.ends_with("/LdContextNotAvailable"), "{kind}");
    assert_eq!(
        node.get(&format!("/subscriptions/{ID}")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn nobody_subscribes_without_a_right_to() {
    let node = Node::closed();
    for (method, path) in [
        ("POST", "/subscriptions".to_owned()),
        ("GET", "/subscriptions".to_owned()),
        ("GET", format!("/subscriptions/{ID}")),
        ("PATCH", format!("/subscriptions/{ID}")),
        ("DELETE", format!("/subscriptions/{ID}")),
    ] {
        let body = matches!(method, "POST" | "PATCH").then(|| subscription(ID));
        let refused = node.ask(method, &path, body).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}
