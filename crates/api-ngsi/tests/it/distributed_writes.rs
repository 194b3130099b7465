//! Writes that are done together with other sources: each mode and each operation.

use http::{Method, StatusCode};
use ports::OutboundError;
use serde_json::{Value, json};

use super::node::{Answer, Node};

const CAR: &str = "urn:ngsi-ld:Car:1";
const SPEED: &str = "https://uri.etsi.org/ngsi-ld/default-context/speed";

/// A node that knows one source of cars, or of what `information` says.
async fn node(mode: &str, operations: &[&str], attributes: &[&str]) -> Node {
    let node = Node::new(100);
    register(&node, "a", mode, operations, attributes).await;
    node
}

async fn register(node: &Node, name: &str, mode: &str, operations: &[&str], attributes: &[&str]) {
    let mut information = json!({ "entities": [{ "id": CAR, "type": "Car" }] });
    if !attributes.is_empty() {
        information["propertyNames"] = json!(attributes);
    }
    let registration = json!({
        "id": format!("urn:ngsi-ld:ContextSourceRegistration:{name}"),
        "type": "ContextSourceRegistration",
        "mode": mode,
        "operations": operations,
        "information": [information],
        "endpoint": format!("http://{name}.example"),
    });
    node.write("POST", "/csourceRegistrations", registration)
        .await;
}

fn car(attributes: &[&str]) -> Value {
    let mut car = json!({ "id": CAR, "type": "Car" });
    for name in attributes {
        car[*name] = json!({ "type": "Property", "value": 1 });
    }
    car
}

/// The methods, paths and bodies of what the sources were asked.
fn asked(node: &Node) -> Vec<(Method, String, Value)> {
    let asked = node.outbound.asked();
    let one = |request: ports::Request| {
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        (request.method, request.url, body)
    };
    asked.into_iter().map(one).collect()
}

async fn is_here(node: &Node) -> Option<Value> {
    let answer = node.get(&format!("/entities/{CAR}?local=true")).await;
    (answer.status == StatusCode::OK).then_some(answer.body)
}

fn errors(answer: &Answer) -> Vec<(u64, Option<&str>)> {
    let errors = answer.body["errors"].as_array().into_iter().flatten();
    let one = |entry: &'_ Value| entry["error"]["status"].as_u64().unwrap_or_default();
    errors
        .map(|entry| (one(entry), entry["registrationId"].as_str()))
        .collect()
}

#[tokio::test]
async fn what_an_exclusive_source_has_is_created_there_and_the_rest_here() {
    let node = node("exclusive", &["createEntity"], &["speed"]).await;
    node.outbound
        .reply("http://a.example", StatusCode::CREATED, "");
    let answer = node
        .ask("POST", "/entities", Some(car(&["speed", "colour"])))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let url = "http://a.example/ngsi-ld/v1/entities".to_owned();
    assert_eq!(asked(&node), [(Method::POST, url, car(&["speed"]))]);
    let here = is_here(&node).await.expect("the rest");
    assert!(here.get("colour").is_some() && here.get("speed").is_none());
}

#[tokio::test]
async fn what_a_redirected_source_has_is_not_here() {
    let node = node("redirect", &["redirectionOps"], &[]).await;
    node.outbound
        .reply("http://a.example", StatusCode::CREATED, "");
    let answer = node.ask("POST", "/entities", Some(car(&["speed"]))).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(
        answer.headers["location"],
        "/ngsi-ld/v1/entities/urn:ngsi-ld:Car:1"
    );
    assert_eq!(is_here(&node).await, None);
}

#[tokio::test]
async fn an_inclusive_source_gets_a_copy_and_an_auxiliary_one_nothing() {
    let node = node("inclusive", &["createEntity"], &[]).await;
    register(&node, "aux", "auxiliary", &["retrieveOps"], &[]).await;
    node.outbound
        .reply("http://a.example", StatusCode::CREATED, "");
    let answer = node.ask("POST", "/entities", Some(car(&["speed"]))).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(asked(&node).len(), 1);
    assert!(is_here(&node).await.is_some());
}

#[tokio::test]
async fn a_local_write_asks_nobody() {
    let node = node("redirect", &["redirectionOps"], &[]).await;
    node.write("POST", "/entities?local=true", car(&["speed"]))
        .await;
    assert!(asked(&node).is_empty());
    assert!(is_here(&node).await.is_some());
}

#[tokio::test]
async fn a_source_that_does_not_do_it_is_a_conflict_and_nothing_is_done_here() {
    let node = node("redirect", &["queryEntity"], &[]).await;
    let answer = node.ask("POST", "/entities", Some(car(&["speed"]))).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let uri = answer.body["type"].as_str().unwrap_or_default();
    assert!(uri.ends_with("errors/Conflict"));
    assert!(asked(&node).is_empty());
    assert_eq!(is_here(&node).await, None);
}

#[tokio::test]
async fn an_entity_that_is_there_and_not_here_is_told_in_207() {
    let node = node("inclusive", &["createEntity"], &[]).await;
    let problem = r#"{"type":"x","title":"there","detail":"it is there","status":409}"#;
    node.outbound
        .reply("http://a.example", StatusCode::CONFLICT, problem);
    let answer = node.ask("POST", "/entities", Some(car(&["speed"]))).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let source = "urn:ngsi-ld:ContextSourceRegistration:a";
    assert_eq!(errors(&answer), [(409, Some(source))]);
    assert_eq!(answer.body["success"], json!([CAR]));
}

#[tokio::test]
async fn a_source_alone_that_is_silent_is_a_gateway_error() {
    let node = node("redirect", &["redirectionOps"], &[]).await;
    let create = || node.ask("POST", "/entities", Some(car(&["speed"])));
    assert_eq!(create().await.status, StatusCode::BAD_GATEWAY);
    let host = "a.example".to_owned();
    node.outbound
        .fail("http://a.example", OutboundError::TimedOut { host });
    assert_eq!(create().await.status, StatusCode::GATEWAY_TIMEOUT);
    node.outbound
        .reply("http://a.example", StatusCode::FORBIDDEN, "");
    assert_eq!(create().await.status, StatusCode::BAD_GATEWAY);
    node.outbound
        .reply("http://a.example", StatusCode::CONFLICT, "");
    assert_eq!(create().await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_request_that_came_by_here_goes_round_no_more() {
    let node = node("redirect", &["redirectionOps"], &[]).await;
    let request = http::Request::builder()
        .method("DELETE")
        .uri(format!("/ngsi-ld/v1/entities/{CAR}"))
        .header("via", "1.1 there, 1.1 here")
        .body(axum::body::Body::empty())
        .expect("a request");
    assert_eq!(node.send(request).await.status, StatusCode::LOOP_DETECTED);
    assert!(asked(&node).is_empty());
}

/// Method, path, body, what a source is asked, and whether its body is the fragment.
fn operations() -> Vec<(&'static str, String, Option<Value>, &'static str)> {
    let value = json!({ "type": "Property", "value": 2 });
    let one = || Some(value.clone());
    let entity = |rest: &str| format!("/entities/{CAR}{rest}");
    vec![
        (
            "POST",
            entity("/attrs"),
            Some(json!({ "speed": value })),
            "appendAttrs",
        ),
        (
            "PATCH",
            entity("/attrs"),
            Some(json!({ "speed": value })),
            "updateEntity",
        ),
        (
            "PATCH",
            entity(""),
            Some(json!({ "speed": value })),
            "mergeEntity",
        ),
        ("PUT", entity(""), Some(car(&["speed"])), "replaceEntity"),
        ("PATCH", entity("/attrs/speed"), one(), "updateAttrs"),
        ("PUT", entity("/attrs/speed"), one(), "replaceAttrs"),
        ("DELETE", entity("/attrs/speed"), None, "deleteAttrs"),
        ("DELETE", entity(""), None, "deleteEntity"),
        (
            "POST",
            format!("/temporal/entities/{CAR}/attrs"),
            Some(
                json!({ "speed": [{ "type": "Property", "value": 2, "observedAt": "2026-01-01T00:00:00Z" }] }),
            ),
            "appendAttrsTemporal",
        ),
        (
            "DELETE",
            format!("/temporal/entities/{CAR}/attrs/speed"),
            None,
            "deleteAttrsTemporal",
        ),
        (
            "DELETE",
            format!("/temporal/entities/{CAR}"),
            None,
            "deleteTemporal",
        ),
        (
            "DELETE",
            format!("/temporal/entities/{CAR}/attrs/speed/urn:ngsi-ld:Instance:1-0"),
            None,
            "deleteAttrInstanceTemporal",
        ),
        (
            "PATCH",
            format!("/temporal/entities/{CAR}/attrs/speed/urn:ngsi-ld:Instance:1-0"),
            one(),
            "updateAttrInstanceTemporal",
        ),
    ]
}

#[tokio::test]
async fn every_operation_goes_to_the_source_that_has_the_attribute() {
    for (method, path, body, operation) in operations() {
        let node = node("redirect", &[operation], &["speed"]).await;
        node.outbound
            .reply("http://a.example", StatusCode::NO_CONTENT, "");
        let answer = node.ask(method, &path, body.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::NO_CONTENT,
            "{operation} {answer:?}"
        );
        let asked = asked(&node);
        assert_eq!(asked.len(), 1, "{operation}");
        assert_eq!(asked[0].0.as_str(), method, "{operation}");
        assert_eq!(asked[0].1, format!("http://a.example/ngsi-ld/v1{path}"));
        assert_eq!(asked[0].2, body.unwrap_or_default(), "{operation}");
    }
}

#[tokio::test]
async fn no_operation_goes_to_a_source_that_is_not_registered_for_it() {
    for (method, path, body, operation) in operations() {
        let node = node("redirect", &["retrieveEntity"], &["speed"]).await;
        let answer = node.ask(method, &path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::CONFLICT,
            "{operation} {answer:?}"
        );
        assert!(asked(&node).is_empty());
    }
}

#[tokio::test]
async fn an_update_that_fails_there_names_the_attributes_and_the_source() {
    let node = node("redirect", &["redirectionOps"], &["speed"]).await;
    node.write("POST", "/entities?local=true", car(&["colour"]))
        .await;
    let fragment = json!({ "speed": { "type": "Property", "value": 2 },
        "colour": { "type": "Property", "value": 2 } });
    let path = format!("/entities/{CAR}/attrs");
    let answer = node.ask("PATCH", &path, Some(fragment)).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let not = &answer.body["notUpdated"];
    assert_eq!(not[0]["attributeName"], SPEED);
    assert_eq!(
        not[0]["registrationId"],
        "urn:ngsi-ld:ContextSourceRegistration:a"
    );
    assert_eq!(not.as_array().map(Vec::len), Some(1));
    assert_eq!(answer.body["updated"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_entity_that_goes_there_need_not_be_here() {
    let node = node("redirect", &["deleteEntity"], &["speed"]).await;
    let delete = || node.ask("DELETE", "/entities/urn:ngsi-ld:Car:1", None);
    node.outbound
        .reply("http://a.example", StatusCode::NO_CONTENT, "");
    assert_eq!(delete().await.status, StatusCode::NO_CONTENT);
    node.outbound
        .reply("http://a.example", StatusCode::NOT_FOUND, "");
    assert_eq!(delete().await.status, StatusCode::NOT_FOUND);
    node.write("POST", "/entities?local=true", car(&["colour"]))
        .await;
    node.outbound
        .reply("http://a.example", StatusCode::NOT_FOUND, "");
    let answer = delete().await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!(errors(&answer).len(), 1);
    assert_eq!(is_here(&node).await, None);
}

#[tokio::test]
async fn a_batch_asks_each_source_once_for_all_that_is_its_own() {
    let node = node("exclusive", &["createBatch"], &["speed"]).await;
    node.outbound
        .reply("http://a.example", StatusCode::CREATED, "");
    let mut other = car(&["speed"]);
    other["id"] = json!("urn:ngsi-ld:Car:2");
    let batch = json!([car(&["speed", "colour"]), other]);
    let answer = node
        .ask("POST", "/entityOperations/create", Some(batch))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.body, json!([CAR, "urn:ngsi-ld:Car:2"]));
    let url = "http://a.example/ngsi-ld/v1/entityOperations/create".to_owned();
    assert_eq!(
        asked(&node),
        [(Method::POST, url, json!([car(&["speed"])]))]
    );
}

#[tokio::test]
async fn a_source_without_batches_is_asked_entity_by_entity() {
    let kinds = [
        ("create", "createEntity", "POST", "/entities".to_owned()),
        ("merge", "mergeEntity", "PATCH", format!("/entities/{CAR}")),
        (
            "update",
            "appendAttrs",
            "POST",
            format!("/entities/{CAR}/attrs"),
        ),
        (
            "upsert?options=update",
            "updateEntity",
            "PATCH",
            format!("/entities/{CAR}/attrs"),
        ),
        ("upsert", "replaceEntity", "PUT", format!("/entities/{CAR}")),
    ];
    for (batch, operation, method, path) in kinds {
        let node = node("redirect", &[operation], &[]).await;
        node.outbound
            .reply("http://a.example", StatusCode::NO_CONTENT, "");
        let batch = format!("/entityOperations/{batch}");
        let answer = node
            .ask("POST", &batch, Some(json!([car(&["speed"])])))
            .await;
        assert!(answer.status.is_success(), "{batch} {answer:?}");
        assert_ne!(
            answer.status,
            StatusCode::MULTI_STATUS,
            "{batch} {answer:?}"
        );
        let method = method.parse().expect("a method");
        let url = format!("http://a.example/ngsi-ld/v1{path}");
        assert_eq!(asked(&node), [(method, url, car(&["speed"]))], "{batch}");
    }
}

#[tokio::test]
async fn an_upsert_replaces_there_what_was_there() {
    let node = node("redirect", &["redirectionOps"], &[]).await;
    node.outbound
        .reply("http://a.example", StatusCode::CONFLICT, "");
    node.outbound
        .reply("http://a.example", StatusCode::NO_CONTENT, "");
    let batch = json!([car(&["speed"])]);
    let answer = node
        .ask("POST", "/entityOperations/upsert", Some(batch))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    let methods: Vec<Method> = asked(&node).into_iter().map(|(m, ..)| m).collect();
    assert_eq!(methods, [Method::POST, Method::PUT]);
}

#[tokio::test]
async fn a_batch_tells_what_failed_there_and_what_was_done_here() {
    let node = node("redirect", &["deleteBatch"], &[]).await;
    let mut other = car(&["speed"]);
    other["id"] = json!("urn:ngsi-ld:Car:2");
    node.write("POST", "/entities", other).await;
    let errors_there = json!({ "success": [], "errors": [
        { "entityId": CAR, "error": { "status": 404, "title": "not there" } }] });
    node.outbound.reply(
        "http://a.example",
        StatusCode::MULTI_STATUS,
        errors_there.to_string(),
    );
    let ids = json!([CAR, "urn:ngsi-ld:Car:2"]);
    let answer = node
        .ask("POST", "/entityOperations/delete", Some(ids))
        .await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!(answer.body["success"], json!(["urn:ngsi-ld:Car:2"]));
    let source = "urn:ngsi-ld:ContextSourceRegistration:a";
    assert_eq!(errors(&answer), [(404, Some(source))]);
    assert_eq!(asked(&node)[0].2, json!([CAR]));
}

#[tokio::test]
async fn a_purge_goes_to_the_sources_and_tells_of_those_that_failed() {
    let node = node("inclusive", &["purgeEntity"], &[]).await;
    node.write("POST", "/entities?local=true", car(&["speed"]))
        .await;
    node.outbound
        .reply("http://a.example", StatusCode::NO_CONTENT, "");
    let purge = || node.ask("DELETE", "/entities?type=Car", None);
    assert_eq!(purge().await.status, StatusCode::NO_CONTENT);
    assert_eq!(is_here(&node).await, None);
    let url = "http://a.example/ngsi-ld/v1/entities?type=Car".to_owned();
    assert_eq!(asked(&node), [(Method::DELETE, url, Value::Null)]);
    let answer = purge().await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!(errors(&answer)[0].0, 502);
}
