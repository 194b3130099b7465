//! What is now: every resource, as it should answer and as it should refuse.

use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::node::{Answer, Node};

const LD: &str = "application/ld+json";

fn room(number: u32) -> Value {
    json!({"id": format!("urn:room:{number}"), "type": "Room", "temperature": 20 + number,
        "inside": {"type": "Relationship", "object": "urn:house:1"},
        "location": {"type": "Point", "coordinates": [69.25, 41.5]}})
}

async fn city() -> Node {
    let node = Node::new(100);
    let house = json!({"id": "urn:house:1", "type": "House", "label": {"languageMap": {"uz": "uy", "en": "house"}}});
    let all: Vec<Value> = (1..=5).map(room).chain([house]).collect();
    node.write("POST", "/entityOperations/create", json!(all))
        .await;
    node
}

async fn ask(node: &Node, request: http::request::Builder, body: &str) -> Answer {
    let request = request.header("content-length", body.len());
    let request = request.body(body.to_owned().into()).expect("a request");
    node.send(request).await
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("/ngsi-ld/v1{path}"))
}

fn error_of(answer: &Answer) -> &str {
    let uri = answer.body["type"].as_str().unwrap_or_default();
    uri.rsplit('/').next().unwrap_or_default()
}

#[tokio::test]
async fn an_entity_lives_its_life() {
    let node = Node::new(100);
    let id = "urn:x:Par\u{ed}s?1";
    let path = "/entities/urn:x:Par%C3%ADs%3F1";
    let created = node
        .ask(
            "POST",
            "/entities",
            Some(json!({"id": id, "type": "T", "n": 1})),
        )
        .await;
    assert_eq!(created.status, 201);
    assert_eq!(created.headers["location"], format!("/ngsi-ld/v1{path}"));
    let again = node
        .ask("POST", "/entities", Some(json!({"id": id, "type": "T"})))
        .await;
    assert_eq!(
        (again.status.as_u16(), error_of(&again)),
        (409, "AlreadyExists")
    );
    node.write("PATCH", path, json!({"n": 2, "m": 1})).await;
    let shown = node.get(&format!("{path}?format=simplified")).await;
    assert_eq!(shown.body, json!({"id": id, "type": "T", "n": 2, "m": 1}));
    node.write("PUT", path, json!({"type": "T", "k": 1})).await;
    let shown = node.get(&format!("{path}?options=keyValues")).await;
    assert_eq!(shown.body, json!({"id": id, "type": "T", "k": 1}));
    assert_eq!(node.ask("DELETE", path, None).await.status, 204);
    let gone = node.get(path).await;
    assert_eq!(
        (gone.status.as_u16(), error_of(&gone)),
        (404, "ResourceNotFound")
    );
    assert_eq!(node.ask("DELETE", path, None).await.status, 404);
    let other_id = node
        .ask("PATCH", path, Some(json!({"id": "urn:b", "n": 1})))
        .await;
    assert_eq!(error_of(&other_id), "BadRequestData");
}

#[tokio::test]
async fn attributes_are_appended_updated_replaced_and_deleted() {
    let node = city().await;
    let attrs = "/entities/urn:room:1/attrs";
    let part = node
        .ask(
            "POST",
            &format!("{attrs}?options=noOverwrite"),
            Some(json!({"temperature": 1, "co2": 400})),
        )
        .await;
    assert_eq!(part.status, StatusCode::MULTI_STATUS);
    assert_eq!(part.body["notUpdated"].as_array().map(Vec::len), Some(1));
    node.write("POST", attrs, json!({"co2": 500})).await;
    node.write("PATCH", attrs, json!({"temperature": 30})).await;
    let one = |name: &str| format!("{attrs}/{name}");
    node.write(
        "PATCH",
        &one("co2"),
        json!({"value": 600, "unitCode": "59"}),
    )
    .await;
    node.write(
        "PUT",
        &one("temperature"),
        json!({"type": "Property", "value": 31}),
    )
    .await;
    let shown = node
        .get("/entities/urn:room:1?pick=temperature,co2&format=concise")
        .await;
    assert_eq!(
        shown.body,
        json!({"temperature": 31, "co2": {"value": 600, "unitCode": "59"}})
    );
    assert_eq!(node.ask("DELETE", &one("co2"), None).await.status, 204);
    assert_eq!(node.ask("DELETE", &one("co2"), None).await.status, 404);
    for (method, path, body) in [
        ("PATCH", one("missing"), json!({"value": 1})),
        ("PUT", one("missing"), json!({"value": 1})),
        (
            "PATCH",
            "/entities/urn:none/attrs".to_owned(),
            json!({"a": 1}),
        ),
    ] {
        let refused = node.ask(method, &path, Some(body)).await;
        assert_eq!(refused.status, 404, "{method} {path}: {refused:?}");
    }
    for (method, body) in [("PATCH", json!({"object": "urn:b"})), ("PATCH", json!({}))] {
        let refused = node.ask(method, &one("temperature"), Some(body)).await;
        assert_eq!(error_of(&refused), "BadRequestData", "{refused:?}");
    }
}

#[tokio::test]
async fn a_question_is_answered_in_pages_with_links_and_a_count() {
    let node = city().await;
    let first = node
        .get("/entities?type=Room&limit=2&count=true&q=temperature%3E21")
        .await;
    assert_eq!(first.status, 200);
    assert_eq!(first.headers["ngsild-results-count"], "4");
    let links: Vec<&str> = first
        .headers
        .get_all("link")
        .iter()
        .filter_map(|link| link.to_str().ok())
        .collect();
    assert!(
        links
            .iter()
            .any(|l| l.contains("offset=2") && l.contains("next")),
        "{links:?}"
    );
    let ids: Vec<_> = first
        .body
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| &e["id"])
        .collect();
    assert_eq!(ids, [&json!("urn:room:2"), &json!("urn:room:3")]);
    let sorted = node
        .get("/entities?type=Room&orderBy=temperature;desc&limit=1&pick=id")
        .await;
    assert_eq!(sorted.body, json!([{"id": "urn:room:5"}]));
    let near = node
        .get("/entities?type=Room&georel=near;maxDistance==10&geometry=Point&coordinates=%5B69.25,41.5%5D&limit=0&count=true")
        .await;
    assert_eq!(near.headers["ngsild-results-count"], "5", "{near:?}");
}

#[tokio::test]
async fn a_question_that_is_wrong_is_refused() {
    let node = city().await;
    for (path, error) in [
        ("/entities", "BadRequestData"),
        ("/entities?type=Room&limit=-1", "BadRequestData"),
        ("/entities?type=Room&q=((", "BadRequestData"),
        ("/entities?type=Room&colour=red", "InvalidRequest"),
        ("/entities?type=Room&format=thing", "InvalidRequest"),
        ("/entities/Room1", "BadRequestData"),
    ] {
        let refused = node.get(path).await;
        assert_eq!(refused.status, 400, "{path}: {refused:?}");
        let allowed = [error, "InvalidRequest", "BadRequestData"];
        assert!(allowed.contains(&error_of(&refused)), "{path}: {refused:?}");
    }
}

#[tokio::test]
async fn a_question_by_post_is_answered_as_one_by_get() {
    let node = city().await;
    let body = json!({"type": "Query", "entities": [{"type": "Room"}], "q": "temperature==23"});
    let found = node
        .ask("POST", "/entityOperations/query", Some(body))
        .await;
    assert_eq!(found.body[0]["id"], "urn:room:3");
    for wrong in [
        json!({"type": "Query", "entities": []}),
        json!({"type": "Question"}),
        json!({"type": "Query", "what": 1}),
    ] {
        let refused = node
            .ask("POST", "/entityOperations/query", Some(wrong))
            .await;
        assert_eq!(error_of(&refused), "BadRequestData");
    }
}

#[tokio::test]
async fn a_batch_says_of_each_what_became_of_it() {
    let node = city().await;
    let mixed = json!([room(1), room(6), {"id": "urn:x"}]);
    let created = node
        .ask("POST", "/entityOperations/create", Some(mixed))
        .await;
    assert_eq!(created.status, 207);
    assert_eq!(created.body["success"], json!(["urn:room:6"]));
    assert_eq!(created.body["errors"].as_array().map(Vec::len), Some(2));
    let upserted = node
        .ask(
            "POST",
            "/entityOperations/upsert?options=update",
            Some(json!([room(6), room(7)])),
        )
        .await;
    assert_eq!(
        (upserted.status.as_u16(), upserted.body),
        (201, json!(["urn:room:7"]))
    );
    let path = "/entityOperations/upsert?options=skipUnchanged";
    let same = node.ask("POST", path, Some(json!([room(6)]))).await;
    assert_eq!(same.headers["chorsu-unchanged"], "1");
    node.write("POST", "/entityOperations/update", json!([room(7)]))
        .await;
    let merged = json!([{"id": "urn:room:7", "temperature": 99}]);
    node.write("POST", "/entityOperations/merge", merged).await;
    let removed = node
        .ask(
            "POST",
            "/entityOperations/delete",
            Some(json!(["urn:room:7", "urn:none"])),
        )
        .await;
    assert_eq!(removed.status, 207);
    assert_eq!(removed.body["success"], json!(["urn:room:7"]));
    for wrong in [json!([]), json!({}), json!([null])] {
        let refused = node
            .ask("POST", "/entityOperations/create", Some(wrong))
            .await;
        assert_eq!(refused.status, 400, "{refused:?}");
    }
}

#[tokio::test]
async fn a_purge_takes_what_matches_and_nothing_else() {
    let node = city().await;
    let refused = node.ask("DELETE", "/entities", None).await;
    assert_eq!(refused.status, 400);
    let purged = node
        .ask("DELETE", "/entities?type=Room&drop=temperature", None)
        .await;
    assert_eq!(purged.status, 204);
    let one = node.get("/entities/urn:room:1?format=simplified").await;
    assert_eq!(
        (&one.body["temperature"], &one.body["inside"]),
        (&Value::Null, &json!("urn:house:1"))
    );
    let purged = node.ask("DELETE", "/entities?type=Room", None).await;
    assert_eq!(purged.status, 204);
    let left = node.get("/entities?type=Room,House&pick=id").await;
    assert_eq!(left.body, json!([{"id": "urn:house:1"}]));
}

#[tokio::test]
async fn types_and_attributes_tell_what_there_is() {
    let node = city().await;
    let types = node.get("/types").await;
    assert_eq!(types.body["typeList"], json!(["House", "Room"]));
    let details = node.get("/types?details=true").await;
    assert_eq!(details.body.as_array().map(Vec::len), Some(2));
    let one = node.get("/types/Room").await;
    assert_eq!(one.body["entityCount"], 5);
    assert_eq!(node.get("/types/None").await.status, 404);
    let attributes = node.get("/attributes").await;
    assert!(
        attributes.body["attributeList"]
            .as_array()
            .expect("a list")
            .contains(&json!("inside"))
    );
    let one = node.get("/attributes/inside").await;
    assert_eq!(
        (&one.body["attributeCount"], &one.body["attributeTypes"]),
        (&json!(5), &json!(["Relationship"]))
    );
    assert_eq!(node.get("/attributes/none").await.status, 404);
    let who = node.get("/info/sourceIdentity").await;
    assert_eq!(who.body["contextSourceAlias"], "here");
}

#[tokio::test]
async fn linked_entities_come_along_when_asked_for() {
    let node = city().await;
    let inline = node
        .get("/entities/urn:room:1?join=inline&format=simplified&pick=inside%7Bid%7D")
        .await;
    assert_eq!(inline.body["inside"]["id"], "urn:house:1", "{inline:?}");
    let flat = node.get("/entities/urn:room:1?join=flat").await;
    assert_eq!(flat.body[1]["id"], "urn:house:1", "{flat:?}");
}

#[tokio::test]
async fn an_answer_comes_in_the_form_asked_for() {
    let node = city().await;
    let accept = |accept: &str, path: &str| request("GET", path).header("accept", accept);
    let place = ask(
        &node,
        accept("application/geo+json", "/entities?type=Room"),
        "",
    )
    .await;
    assert_eq!(place.body["type"], "FeatureCollection");
    assert_eq!(place.body["features"].as_array().map(Vec::len), Some(5));
    let one = ask(&node, accept(LD, "/entities/urn:house:1"), "").await;
    assert!(one.body.get("@context").is_some());
    assert!(one.headers.get("link").is_none());
    let plain = node
        .get("/entities/urn:house:1?lang=uz&format=simplified")
        .await;
    assert_eq!(plain.body["label"], "uy");
    assert!(
        plain.headers["link"]
            .to_str()
            .is_ok_and(|l| l.contains("json-ld#context"))
    );
    let picture = ask(&node, accept("image/png", "/entities?type=Room"), "").await;
    assert_eq!(picture.status, 406);
}

#[tokio::test]
async fn contexts_are_hosted_used_and_deleted() {
    let node = Node::new(100);
    let document = json!({"@context": {"speed": "https://vehicles.example/speed"}});
    let hosted = node
        .ask("POST", "/jsonldContexts", Some(document.clone()))
        .await;
    assert_eq!(hosted.status, 201);
    let place = hosted.headers["location"]
        .to_str()
        .expect("text")
        .to_owned();
    let path = place.strip_prefix("/ngsi-ld/v1").expect("ours");
    assert_eq!(node.get(path).await.body, document);
    let listed = node.get("/jsonldContexts?details=true").await;
    assert_eq!(listed.body[0]["kind"], "Hosted");
    let link = format!(
        "<http://here{place}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
    );
    let body = json!({"id": "urn:bus:1", "type": "Bus", "speed": 7}).to_string();
    let post = request("POST", "/entities").header("content-type", "application/json");
    let created = ask(&node, post.header("link", &link), &body).await;
    assert_eq!(created.status, 201);
    let shown = node.get("/entities/urn:bus:1?format=simplified").await;
    assert_eq!(shown.body["https://vehicles.example/speed"], 7);
    assert_eq!(node.ask("DELETE", path, None).await.status, 204);
    assert_eq!(node.get(path).await.status, 404);
    let refused = node.ask("POST", "/jsonldContexts", Some(json!({}))).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_body_and_its_context_must_fit_its_type() {
    let node = Node::new(100);
    let link = "<http://none.example/c>; rel=\"http://www.w3.org/ns/json-ld#context\"";
    let plain = json!({"id": "urn:a", "type": "T"}).to_string();
    let with_context = json!({"@context": [], "id": "urn:a", "type": "T"}).to_string();
    let post = |media: &str| request("POST", "/entities").header("content-type", media);
    for (request, body, status) in [
        (post("application/json"), &with_context, 400),
        (post(LD), &plain, 400),
        (post(LD).header("link", link), &with_context, 400),
        (post("application/json").header("link", link), &plain, 504),
        (post("text/plain"), &plain, 415),
        (post("application/json"), &"{".to_owned(), 400),
        (post("application/json"), &"[".repeat(100_000), 400),
        (post(LD), &with_context, 201),
    ] {
        let answer = ask(&node, request, body).await;
        assert_eq!(answer.status, status, "{body:.60}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_of_unsaid_length_is_refused_by_the_status_alone() {
    let node = Node::new(100);
    let request = request("POST", "/entities").header("content-type", "application/json");
    let answer = node
        .send(request.body("{}".to_owned().into()).expect("a request"))
        .await;
    assert_eq!(answer.status, 411);
    assert_eq!(answer.text, "");
}

#[tokio::test]
async fn a_tenant_stands_in_the_answer_and_comes_to_be_by_a_write() {
    let node = Node::new(100);
    let within = |method: &str, path: &str| {
        request(method, path)
            .header("ngsild-tenant", "north")
            .header("content-type", "application/json")
    };
    let unknown = ask(&node, within("GET", "/entities?type=T"), "").await;
    assert_eq!(error_of(&unknown), "NonexistentTenant");
    let body = json!({"id": "urn:a", "type": "T"}).to_string();
    let created = ask(&node, within("POST", "/entities"), &body).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.headers["ngsild-tenant"], "north");
    let known = ask(&node, within("GET", "/entities?type=T"), "").await;
    assert_eq!(known.body.as_array().map(Vec::len), Some(1));
    let elsewhere = node.get("/entities?type=T").await;
    assert_eq!(elsewhere.body, json!([]));
}

#[tokio::test]
async fn a_closed_node_fetches_reads_and_changes_nothing_for_strangers() {
    let node = Node::closed();
    let link = "<http://none.example/c>; rel=\"http://www.w3.org/ns/json-ld#context\"";
    for (method, path) in [
        ("GET", "/entities?type=T"),
        ("POST", "/entities"),
        ("DELETE", "/entities?type=T"),
        ("GET", "/entities/urn:a"),
        ("PUT", "/entities/urn:a"),
        ("PATCH", "/entities/urn:a"),
        ("DELETE", "/entities/urn:a?type=T"),
        ("POST", "/entities/urn:a/attrs"),
        ("PATCH", "/entities/urn:a/attrs"),
        ("PATCH", "/entities/urn:a/attrs/n"),
        ("PUT", "/entities/urn:a/attrs/n"),
        ("DELETE", "/entities/urn:a/attrs/n"),
        ("POST", "/entityOperations/create"),
        ("POST", "/entityOperations/upsert"),
        ("POST", "/entityOperations/update"),
        ("POST", "/entityOperations/merge"),
        ("POST", "/entityOperations/delete"),
        ("POST", "/entityOperations/query"),
        (
            "GET",
            "/temporal/entities?type=T&timerel=after&timeAt=2026-01-01T00:00:00Z",
        ),
        ("POST", "/temporal/entities"),
        ("GET", "/temporal/entities/urn:a"),
        ("DELETE", "/temporal/entities/urn:a"),
        ("POST", "/temporal/entities/urn:a/attrs"),
        ("DELETE", "/temporal/entities/urn:a/attrs/n"),
        ("PATCH", "/temporal/entities/urn:a/attrs/n/urn:i"),
        ("DELETE", "/temporal/entities/urn:a/attrs/n/urn:i"),
        ("POST", "/temporal/entityOperations/query"),
        ("GET", "/types"),
        ("GET", "/types/T"),
        ("GET", "/attributes"),
        ("GET", "/attributes/n"),
        ("GET", "/jsonldContexts"),
        ("POST", "/jsonldContexts"),
        ("GET", "/jsonldContexts/x"),
        ("DELETE", "/jsonldContexts/x"),
        ("GET", "/info/sourceIdentity"),
    ] {
        let request = request(method, path)
            .header("content-type", "application/json")
            .header("link", link);
        // A body that is no JSON: who reads it before asking who sent it says 400.
        let answer = ask(&node, request, "{").await;
        assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert!(node.outbound.asked().is_empty(), "nothing was fetched");
    let huge = request("POST", "/entities")
        .header("content-type", "application/json")
        .header("content-length", 100_000_000);
    let answer = node
        .send(huge.body("{".to_owned().into()).expect("a request"))
        .await;
    assert_eq!(answer.status, 401, "nor was the body waited for");
}
