//! Reads over several nodes that reach one another within the process.

mod spread;
mod town;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use testkit::Random;

use super::node::Answer;

use spread::told;
use town::Town;

#[expect(
    clippy::needless_pass_by_value,
    reason = "every test writes it down in place"
)]
fn car(number: usize, attributes: Value) -> Value {
    let mut car = json!({"id": format!("urn:ngsi-ld:Car:{number:03}"), "type": "Car"});
    for (name, value) in attributes.as_object().expect("an object") {
        car[name.as_str()] = json!({"type": "Property", "value": value});
    }
    car
}

fn ids(answer: &Answer) -> Vec<&str> {
    let entities = answer.body.as_array().expect("an array");
    let ids = entities.iter().map(|e| e["id"].as_str());
    ids.collect::<Option<_>>().expect("ids")
}

fn warnings(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.get_all("ngsild-warning").iter();
    all.map(|v| v.to_str().expect("text")).collect()
}

#[tokio::test]
async fn of_two_values_the_one_observed_or_else_modified_later_counts() {
    let town = Town::of(&["a", "b"]);
    town.register("a", "b", json!({})).await;
    let mut here = car(1, json!({"speed": 1, "colour": "red", "name": "x"}));
    here["speed"]["observedAt"] = json!("2026-01-02T00:00:00Z");
    town.create("a", here).await;
    let mut there = car(1, json!({"speed": 2, "colour": "blue", "size": 3}));
    there["speed"]["observedAt"] = json!("2026-01-01T00:00:00Z");
    there["type"] = json!(["Car", "Taxi"]);
    there["colour"] = json!([
        {"type": "Property", "value": "blue"},
        {"type": "Property", "value": "green", "datasetId": "urn:d:1"},
    ]);
    town.create("b", there).await;
    let path = "/entities/urn:ngsi-ld:Car:001?options=keyValues";
    let merged = town.get("a", path).await;
    assert_eq!(
        merged.body,
        json!({
            "id": "urn:ngsi-ld:Car:001", "type": ["Car", "Taxi"], "speed": 1, "name": "x", "size": 3,
            "colour": {"dataset": {"@none": "blue", "urn:d:1": "green"}},
        })
    );
}

#[tokio::test]
async fn what_an_exclusive_source_has_is_taken_from_it_alone() {
    let town = Town::of(&["a", "b", "c"]);
    town.create("a", car(1, json!({"colour": "red"}))).await;
    town.create("b", car(1, json!({"speed": 2, "colour": "blue"})))
        .await;
    town.create("c", car(1, json!({"size": 3}))).await;
    let exclusive = json!({
        "mode": "exclusive", "operations": ["retrieveOps"],
        "information": [{
            "entities": [{"id": "urn:ngsi-ld:Car:001", "type": "Car"}], "propertyNames": ["speed"],
        }],
    });
    town.register("a", "b", exclusive).await;
    let auxiliary = json!({"mode": "auxiliary", "operations": ["retrieveOps"]});
    town.register("a", "c", auxiliary).await;
    let expected = json!({
        "id": "urn:ngsi-ld:Car:001", "type": "Car", "colour": "red", "speed": 2, "size": 3,
    });
    let one = town
        .get("a", "/entities/urn:ngsi-ld:Car:001?options=keyValues")
        .await;
    assert_eq!(one.body, expected);
    let many = town
        .get("a", "/entities?type=Car&options=keyValues&count=true")
        .await;
    assert_eq!(many.body, json!([expected]));
    assert_eq!(many.headers["ngsild-results-count"], "1");
    let asked = town.web.asked.lock().clone();
    assert!(
        asked.iter().any(|(url, _)| url.contains("attrs=speed")),
        "{asked:?}"
    );
    let local = town
        .get("a", "/entities?type=Car&options=keyValues&local=true")
        .await;
    assert_eq!(local.body[0].get("speed"), None);
}

#[tokio::test]
async fn a_source_that_is_missing_costs_its_time_and_leaves_a_warning() {
    let town = Town::of(&["a", "b"]);
    town.create("a", car(1, json!({"speed": 1}))).await;
    town.register("a", "b", json!({})).await;
    town.register("a", "nobody", json!({})).await;
    let unreachable = town.get("a", "/entities?type=Car").await;
    assert_eq!(ids(&unreachable), ["urn:ngsi-ld:Car:001"]);
    assert_eq!(warnings(&unreachable).len(), 1, "{unreachable:?}");
    assert!(
        warnings(&unreachable)[0]
            .starts_with("199 a \"urn:ngsi-ld:ContextSourceRegistration:nobody: ")
    );
    let garbage = [
        (StatusCode::OK, "not json", "111"),
        (StatusCode::OK, "[{\"id\": \"urn:x\"}]", "111"),
        (StatusCode::OK, "3", "111"),
        (StatusCode::FORBIDDEN, "{}", "299"),
        (StatusCode::INTERNAL_SERVER_ERROR, "{}", "299"),
    ];
    for (status, body, code) in garbage {
        town.web
            .says
            .lock()
            .insert("b".to_owned(), (status, body.to_owned()));
        let answer = town.get("a", "/entities?type=Car").await;
        assert_eq!((answer.status, ids(&answer).len()), (StatusCode::OK, 1));
        let all = warnings(&answer).concat();
        assert!(
            all.contains(&format!("{code} a")),
            "{all} of {status} {body}"
        );
        let one = town.get("a", "/entities/urn:ngsi-ld:Car:002").await;
        assert_eq!(one.status, StatusCode::NOT_FOUND);
        assert!(warnings(&one).concat().contains(code), "{one:?}");
    }
    town.web
        .says
        .lock()
        .insert("b".to_owned(), (StatusCode::NOT_FOUND, String::new()));
    let answer = town.get("a", "/entities?type=Car").await;
    assert_eq!(warnings(&answer).len(), 1, "404 is no failure: {answer:?}");
}

#[tokio::test]
async fn what_is_missing_behind_a_source_is_missing_here() {
    let town = Town::of(&["a", "b"]);
    town.register("a", "b", json!({})).await;
    town.register("b", "nobody", json!({})).await;
    town.create("b", car(1, json!({"speed": 1}))).await;
    for path in [
        "/entities?type=Car",
        "/entities/urn:ngsi-ld:Car:001",
        "/types",
    ] {
        let answer = town.get("a", path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(warnings(&answer)[0].starts_with("199 b "), "{answer:?}");
    }
}

#[tokio::test]
async fn a_source_that_keeps_silent_is_left_alone_until_it_may_have_returned() {
    let town = Town::of(&["a", "b"]);
    town.create("b", car(1, json!({"speed": 1}))).await;
    town.register("a", "b", json!({})).await;
    town.web.silent.lock().insert("b".to_owned());
    for _ in 0..10 {
        let answer = town.get("a", "/entities?type=Car").await;
        assert!(warnings(&answer)[0].starts_with("199"), "{answer:?}");
    }
    assert_eq!(town.asked("b"), 3);
    town.web.silent.lock().clear();
    town.web.clock.advance_seconds(3);
    let answer = town.get("a", "/entities?type=Car").await;
    assert_eq!((ids(&answer).len(), warnings(&answer).len()), (1, 0));
}

#[tokio::test]
async fn nodes_that_ask_each_other_in_a_ring_come_to_an_end() {
    let town = Town::of(&["a", "b", "c"]);
    for (here, there, number) in [("a", "b", 1), ("b", "c", 2), ("c", "a", 3)] {
        town.register(here, there, json!({})).await;
        town.create(here, car(number, json!({"speed": number})))
            .await;
    }
    let answer = town.get("a", "/entities?type=Car&count=true").await;
    assert_eq!(ids(&answer).len(), 3);
    assert_eq!(warnings(&answer), Vec::<&str>::new());
    assert_eq!(answer.headers["ngsild-results-count"], "3");
    assert_eq!(town.asked("a"), 1, "the ring was closed, and seen to be");
    let asked = town.web.asked.lock().clone();
    let via = asked.iter().filter_map(|(_, headers)| headers.get("via"));
    let via: Vec<_> = via.map(|v| v.to_str().expect("text")).collect();
    assert_eq!(via, ["1.1 a", "1.1 a, 1.1 b", "1.1 a, 1.1 b, 1.1 c"]);
}

#[tokio::test]
async fn a_source_is_asked_with_its_headers_its_tenant_and_in_its_bounds() {
    let town = Town::of(&["a", "b"]);
    let more = json!({
        "tenant": "fleet", "localOnly": true,
        "information": [{"entities": [{"idPattern": ".*:Car:0.*", "type": "Car"}], "propertyNames": ["speed"]}],
        "contextSourceInfo": [
            {"key": "X-Token", "value": "secret"}, {"key": "Via", "value": "1.1 evil"},
            {"key": "NGSILD-Tenant", "value": "other"}, {"key": "X-User", "value": "urn:ngsi-ld:request"},
        ],
    });
    town.register("a", "b", more).await;
    let request = Request::builder()
        .uri("/ngsi-ld/v1/entities?type=Car&q=speed%3E1")
        .header("x-user", "ann")
        .body(Body::empty())
        .expect("a request");
    town.node("a").send(request).await;
    let (url, headers) = town.web.asked.lock().pop().expect("it was asked");
    for part in [
        "type=Car",
        "idPattern=.*:Car:0.*",
        "attrs=speed",
        "q=speed%3E1",
        "local=true",
        "limit=100",
    ] {
        assert!(url.contains(part), "{part}: {url}");
    }
    let header = |name: &str| headers.get(name).map(|v| v.to_str().expect("text"));
    assert_eq!(header("x-token"), Some("secret"));
    assert_eq!(header("x-user"), Some("ann"));
    assert_eq!(header("via"), Some("1.1 a"));
    assert_eq!(header("ngsild-tenant"), Some("fleet"));
    assert_eq!(header("accept"), Some("application/json"));
}

#[tokio::test]
async fn a_filter_for_sources_and_the_local_scope_decide_who_is_asked() {
    let town = Town::of(&["a", "b", "c"]);
    let sensor = json!({"sourceType": {"type": "Property", "value": "sensor"}});
    town.register("a", "b", sensor).await;
    town.register("a", "c", json!({})).await;
    town.create("b", car(1, json!({"speed": 1}))).await;
    town.create("c", car(2, json!({"speed": 1}))).await;
    let found = town
        .get("a", "/entities?type=Car&csf=sourceType==%22sensor%22")
        .await;
    assert_eq!(ids(&found), ["urn:ngsi-ld:Car:001"]);
    assert_eq!(town.asked("c"), 0);
    let local = town.get("a", "/entities?type=Car&local=true").await;
    assert_eq!(ids(&local), Vec::<&str>::new());
    let ordered = town.get("a", "/entities?type=Car&orderBy=speed").await;
    assert_eq!(ordered.status, StatusCode::BAD_REQUEST);
    let ordered = town
        .get("a", "/entities?type=Car&orderBy=speed&local=true")
        .await;
    assert_eq!(ordered.status, StatusCode::OK);
}

#[tokio::test]
async fn every_entity_of_a_large_source_stands_on_one_page() {
    let town = Town::of(&["a", "b"]);
    town.register("a", "b", json!({})).await;
    for batch in 0..5 {
        let cars: Vec<Value> = (0..500)
            .map(|n| json!({"id": format!("urn:ngsi-ld:Car:{batch}{n:03}"), "type": "Car"}))
            .collect();
        town.node("b")
            .write("POST", "/entityOperations/create", json!(cars))
            .await;
    }
    for number in 0..50 {
        town.create(
            "a",
            json!({"id": format!("urn:ngsi-ld:Car:{}x", number * 50), "type": "Car"}),
        )
        .await;
    }
    let mut seen = Vec::new();
    for page in 0..6 {
        let path = format!(
            "/entities?type=Car&limit=500&offset={}&count=true",
            page * 500
        );
        let answer = town.get("a", &path).await;
        assert_eq!(answer.headers["ngsild-results-count"], "2550");
        seen.extend(ids(&answer).into_iter().map(ToOwned::to_owned));
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(seen, sorted);
    assert_eq!(seen.len(), 2550);
    let before = town.asked("b");
    town.get("a", "/entities?type=Car&limit=20").await;
    assert_eq!(town.asked("b"), before + 1, "the first page needs one ask");
}

#[tokio::test]
async fn it_is_told_which_source_gave_what_and_why_one_is_missing() {
    let town = Town::of(&["a", "b"]);
    town.register("a", "b", json!({})).await;
    town.register("a", "nobody", json!({})).await;
    town.create("a", car(1, json!({"speed": 1, "colour": "red"})))
        .await;
    town.create("b", car(1, json!({"speed": 2, "size": 4})))
        .await;
    let body = json!({"type": "Query", "entities": [{"type": "Car"}]}).to_string();
    let request = Request::builder()
        .method("POST")
        .uri("/federation/explain")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Body::from(body))
        .expect("a request");
    let report = town.node("a").send(request).await.body;
    assert_eq!(report["isWhole"], false);
    assert_eq!(report["entities"], json!(["urn:ngsi-ld:Car:001"]));
    let b = "urn:ngsi-ld:ContextSourceRegistration:b";
    assert_eq!(
        report["origins"]["urn:ngsi-ld:Car:001"],
        json!({"speed": [b], "colour": ["here"], "size": [b]})
    );
    let sources = report["sources"].as_array().expect("an array");
    let of = |endpoint: &str| {
        sources
            .iter()
            .find(|s| s["endpoint"] == endpoint)
            .expect("one")
    };
    assert_eq!(of("http://b")["entities"], 1);
    assert_eq!(of("http://b")["attributes"], json!(["speed", "size"]));
    assert_eq!(of("http://nobody")["missing"]["reason"], "unreachable");
    assert_eq!(of("")["mode"], "here");
}

#[tokio::test]
async fn history_that_is_spread_over_nodes_is_answered_as_by_one_that_has_all() {
    let town = Town::of(&["whole", "a", "b", "c"]);
    let operations = json!({"operations": ["retrieveTemporal", "queryTemporal"]});
    town.register("a", "b", operations.clone()).await;
    town.register("a", "c", operations).await;
    let mut random = Random::new(5);
    for minute in 0..60 {
        let mut reading = car(minute % 7, json!({"speed": random.between(0, 100)}));
        reading["speed"]["observedAt"] = json!(format!("2026-01-01T00:{minute:02}:00Z"));
        for at in ["whole", random.word(&["a", "b", "c"])] {
            let path = "/temporal/entities?local=true";
            town.node(at).write("POST", path, reading.clone()).await;
        }
    }
    let between = "timerel=between&timeAt=2026-01-01T00:10:00Z&endTimeAt=2026-01-01T00:50:00Z";
    let one = "/temporal/entities/urn:ngsi-ld:Car:003";
    let all = format!("/temporal/entities?type=Car&{between}");
    for question in [
        format!("{one}?options=temporalValues"),
        format!("{one}?{between}&lastN=2&options=temporalValues"),
        format!(
            "{one}?{between}&options=aggregatedValues&aggrMethods=avg,totalCount&aggrPeriodDuration=PT10M"
        ),
        format!("{all}&options=temporalValues&count=true"),
        format!("{all}&options=temporalValues&limit=3&offset=3"),
        format!("{all}&options=aggregatedValues&aggrMethods=max"),
        format!("{all}&options=temporalValues&id=urn:ngsi-ld:Car:001"),
        "/temporal/entities/urn:ngsi-ld:Car:099".to_owned(),
    ] {
        let whole = told(town.get("whole", &question).await, false);
        let spread = town.get("a", &question).await;
        assert_eq!(warnings(&spread), Vec::<&str>::new(), "{question}");
        assert_eq!(told(spread, false), whole, "{question}");
    }
    town.web.silent.lock().insert("b".to_owned());
    let partial = town.get("a", &all).await;
    assert_eq!(
        (partial.status, warnings(&partial).len()),
        (StatusCode::OK, 1)
    );
}

#[tokio::test]
async fn a_source_is_not_asked_about_places_and_times_of_which_it_has_nothing() {
    let town = Town::of(&["here", "there"]);
    let berlin = json!({"type": "Polygon", "coordinates":
        [[[13.0, 52.2], [13.8, 52.2], [13.8, 52.8], [13.0, 52.8], [13.0, 52.2]]]});
    town.register("here", "there", json!({"location": berlin}))
        .await;
    let near = |lon: f64, lat: f64, distance: &str| {
        format!(
            "/entities?type=Car&georel=near;{distance}&geometry=Point&coordinates=[{lon},{lat}]"
        )
    };
    let within = "/entities?type=Car&georel=within&geometry=Polygon&coordinates=\
        [[[13.4,52.4],[20,52.4],[20,60],[13.4,60],[13.4,52.4]]]";
    for (path, times) in [
        (near(2.35, 48.85, "maxDistance==5000"), 0),
        (near(13.4, 52.52, "maxDistance==5000"), 1),
        (near(2.35, 48.85, "minDistance==5000"), 1),
        (within.to_owned(), 1),
        ("/entities?type=Car".to_owned(), 1),
    ] {
        let before = town.asked("there");
        assert_eq!(town.get("here", &path).await.status, StatusCode::OK);
        assert_eq!(town.asked("there") - before, times, "{path}");
    }

    let town = Town::of(&["here", "there"]);
    let january = json!({"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-02-01T00:00:00Z"});
    let more = json!({"operations": ["queryTemporal"], "observationInterval": january});
    town.register("here", "there", more).await;
    for (time, times) in [
        ("timerel=before&timeAt=2026-01-01T00:00:00Z", 0),
        ("timerel=before&timeAt=2026-01-02T00:00:00Z", 1),
        ("timerel=after&timeAt=2026-03-01T00:00:00Z", 0),
        (
            "timerel=after&timeAt=2026-03-01T00:00:00Z&timeproperty=modifiedAt",
            1,
        ),
        (
            "timerel=between&timeAt=2026-01-31T00:00:00Z&endTimeAt=2026-03-01T00:00:00Z",
            1,
        ),
    ] {
        let before = town.asked("there");
        let path = format!("/temporal/entities?type=Car&{time}");
        assert_eq!(town.get("here", &path).await.status, StatusCode::OK);
        assert_eq!(town.asked("there") - before, times, "{path}");
    }
}
