//! The OpenAPI document of the HTTP API: built from one table of operations, which a test
//! compares with the real routes, and a file of parameters and schemas.

mod operations;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::health::VERSION;
use operations::{Operation, operations};

const COMPONENTS: &str = include_str!("openapi/components.json");

/// What an answer to SQL may be besides JSON.
const OTHER_ANSWERS: &[&str] = &[
    "application/x-ndjson",
    "text/csv",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
];

/// `/api`: the document.
pub(crate) fn routes() -> Router {
    Router::new().route("/api", get(async || Json(document())))
}

/// The text of the document, as docs/api/openapi.json keeps it.
pub(crate) fn text() -> String {
    format!("{:#}\n", document())
}

/// The document.
fn document() -> Value {
    let components: Value = serde_json::from_str(COMPONENTS).unwrap_or_default();
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(operation.method.to_owned(), describe(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chorsu",
            "version": VERSION,
            "summary": "A city's node: NGSI-LD entities with their history.",
            "description": "The binding of ETSI GS CIM 009 v1.9.1 and the node's own operations. \
                Every error is a problem that says what to do. A closed node wants a bearer token.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "paths": paths,
        "security": [{}, { "token": [] }],
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of the node: chorsu_…" }
            },
            "parameters": parameters(&components),
            "schemas": components.get("schemas"),
            "responses": {
                "Problem": {
                    "description": "What is wrong and what to do.",
                    "content": { "application/json": { "schema": reference("Problem") } }
                }
            }
        }
    })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// The parameters of the query string and the headers that NGSI-LD operations share.
fn parameters(components: &Value) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, described) in components
        .get("parameters")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let mut parameter = json!({ "name": plain(name), "in": "query" });
        if let (Value::Object(to), Value::Object(from)) = (&mut parameter, described) {
            to.extend(from.clone());
        }
        all.insert(name.clone(), parameter);
    }
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "schema": { "type": "string" }, "description": description
        })
    };
    all.insert(
        "tenant".to_owned(),
        header("NGSILD-Tenant", "The tenant; without it the default one."),
    );
    all.insert(
        "link".to_owned(),
        header(
            "Link",
            "The @context: `<URL>; rel=\"http://www.w3.org/ns/json-ld#context\"`.",
        ),
    );
    all
}

/// The name of a parameter. One that means something else to the console than to the standard
/// stands as `console.NAME`.
fn plain(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn describe(operation: &Operation) -> Value {
    let is_standard = operation.path.starts_with("/ngsi-ld/");
    let mut parameters: Vec<Value> = in_path(operation.path)
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect();
    let shared = |name: &str| json!({ "$ref": format!("#/components/parameters/{name}") });
    let mut names: Vec<&str> = operation.parameters.concat();
    names.sort_unstable();
    names.dedup();
    parameters.extend(names.iter().map(|name| shared(name)));
    if is_standard {
        parameters.extend(["tenant", "link"].map(shared));
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag(operation.path)],
        "parameters": parameters,
    });
    if let Value::Object(members) = &mut described {
        if !operation.body.is_empty() {
            members.insert("requestBody".to_owned(), body(operation, is_standard));
        }
        members.insert("responses".to_owned(), responses(operation, is_standard));
    }
    described
}

fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn tag(path: &str) -> &'static str {
    let rest = path.strip_prefix("/ngsi-ld/v1/").unwrap_or("");
    match rest.split('/').next().unwrap_or("") {
        "entities" => "entities",
        "entityOperations" => "batches",
        "temporal" => "history",
        "types" | "attributes" => "discovery",
        "jsonldContexts" => "contexts",
        "subscriptions" => "subscriptions",
        "csourceRegistrations" | "csourceSubscriptions" => "sources",
        _ => match path.split('/').nth(1) {
            Some("console") => "console",
            Some("feeds") => "feeds",
            Some("records") => "records",
            Some("sql") => "sql",
            Some("subscriptions") => "subscriptions",
            _ => "node",
        },
    }
}

fn body(operation: &Operation, is_standard: bool) -> Value {
    let mut media = Map::new();
    if operation.body == "RecordBatch" {
        for format in lake::records::Format::known() {
            let schema = json!({ "schema": reference(operation.body) });
            media.insert(format.to_owned(), schema);
        }
        return json!({ "required": true, "content": media });
    }
    if operation.body == "SqlQuestion" {
        let text = json!({ "schema": { "type": "string" } });
        media.insert("application/sql".to_owned(), text);
    }
    let first = match operation.body {
        "File" | "Payload" => "application/octet-stream",
        _ => "application/json",
    };
    media.insert(
        first.to_owned(),
        json!({ "schema": reference(operation.body) }),
    );
    if is_standard {
        media.insert(
            "application/ld+json".to_owned(),
            json!({ "schema": reference(operation.body) }),
        );
        if operation.method == "patch" {
            let schema = json!({ "schema": reference(operation.body) });
            media.insert("application/merge-patch+json".to_owned(), schema);
        }
    }
    json!({ "required": true, "content": media })
}

fn responses(operation: &Operation, is_standard: bool) -> Value {
    let mut responses = Map::new();
    for (status, schema) in operation.answers {
        let mut response = json!({ "description": meaning(*status) });
        if let Value::Object(members) = &mut response
            && !schema.is_empty()
        {
            let content = json!({ "schema": reference(schema) });
            let mut media = Map::new();
            let first = match *schema {
                "Metrics" => "text/plain",
                "Stream" => "text/event-stream",
                "Tile" => "application/vnd.mapbox-vector-tile",
                "Archive" => "application/vnd.pmtiles",
                _ => "application/json",
            };
            media.insert(first.to_owned(), content.clone());
            if *schema == "SqlAnswer" {
                let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
                for name in OTHER_ANSWERS {
                    media.insert((*name).to_owned(), bytes.clone());
                }
            }
            if is_standard && *status != 207 {
                media.insert("application/ld+json".to_owned(), content.clone());
            }
            if is_standard && *status == 200 && matches!(*schema, "Entity" | "Entities") {
                let feature = json!({ "schema": { "type": "object" } });
                media.insert("application/geo+json".to_owned(), feature);
            }
            members.insert("content".to_owned(), Value::Object(media));
        }
        responses.insert(status.to_string(), response);
    }
    responses.insert(
        "default".to_owned(),
        json!({ "$ref": "#/components/responses/Problem" }),
    );
    Value::Object(responses)
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Here it is.",
        202 => "It has begun; `/console/city` says how far it is.",
        201 => "It was created; `Location` says where it is.",
        204 => "It is done, or there is nothing.",
        206 => "A part of it; `Content-Range` says which.",
        207 => "Not everything was done; the body says what was.",
        503 => "Not yet.",
        _ => "An answer.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::Body;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::wire_up::tests::open_face;

    /// Methods that routes have only to say what is missing, or to show a page of the console.
    const NOT_OPERATIONS: &[(&str, &str)] = &[
        ("/sql", "get"),
        ("/ngsi-ld/v1/entities", "put"),
        ("/ngsi-ld/v1/entities", "patch"),
    ];

    fn concrete(path: &str) -> String {
        let mut text = path.to_owned();
        for name in in_path(path) {
            text = text.replace(&format!("{{{name}}}"), "urn:ngsi-ld:X:1");
        }
        text
    }

    async fn ask(face: &Router, method: &str, path: &str) -> (StatusCode, String, String) {
        let request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(path)
            .header("Content-Type", "application/json")
            .header("Content-Length", "2")
            .body(Body::from("{}"))
            .expect("a request");
        let response = face.clone().oneshot(request).await.expect("infallible");
        let allow = response
            .headers()
            .get("allow")
            .map(|a| a.to_str().expect("ASCII").to_owned());
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        (
            status,
            allow.unwrap_or_default(),
            String::from_utf8_lossy(&body).into_owned(),
        )
    }

    #[tokio::test]
    async fn the_routes_know_the_methods_of_the_document_and_no_others() {
        let face = open_face().await;
        let paths: BTreeSet<&str> = operations().map(|operation| operation.path).collect();
        for path in paths {
            let (status, allow, _) = ask(&face, "trace", &concrete(path)).await;
            assert_eq!(status, 405, "{path}");
            let real: BTreeSet<String> = allow
                .split(',')
                .map(str::to_lowercase)
                .filter(|m| m != "head")
                .collect();
            let documented: BTreeSet<String> = operations()
                .filter(|operation| operation.path == path)
                .map(|operation| operation.method.to_owned())
                .chain(
                    NOT_OPERATIONS
                        .iter()
                        .filter(|(p, _)| *p == path)
                        .map(|(_, m)| (*m).to_owned()),
                )
                .collect();
            assert_eq!(real, documented, "{path}");
        }
    }

    #[tokio::test]
    async fn the_operations_know_the_parameters_of_the_document_and_no_others() {
        let face = open_face().await;
        let mut checked = 0;
        let mut differences = Vec::new();
        for operation in operations().filter(|operation| !operation.parameters.is_empty()) {
            let path = format!("{}?no-such-parameter=1", concrete(operation.path));
            let (status, _, body) = ask(&face, operation.method, &path).await;
            let at = format!("{} {path}", operation.method);
            assert_eq!(status, 400, "{at}: {body}");
            let problem: Value = serde_json::from_str(&body).expect("a problem");
            let detail = problem["detail"].as_str().expect("a detail");
            let (_, known) = detail.split_once("known are: ").unwrap_or_default();
            let real: BTreeSet<&str> = known
                .split(", ")
                .filter(|name| !matches!(*name, "none" | ""))
                .collect();
            let documented = operation.parameters.concat();
            let documented: BTreeSet<&str> = documented.into_iter().map(plain).collect();
            if real != documented {
                differences.push(format!(
                    "{at} knows {real:?} and not {documented:?}: {detail}"
                ));
            }
            checked += 1;
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert!(checked > 30, "{checked}");
    }

    #[test]
    fn everything_that_the_document_names_is_there() {
        let document = document();
        let text = document.to_string();
        let mut references = 0;
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().expect("a pointer");
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            references += 1;
        }
        assert!(references > 100);
        let ids: BTreeSet<&str> = operations().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), operations().count());
        assert!(operations().all(|operation| !operation.summary.is_empty()));
    }
}
