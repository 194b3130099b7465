//! Entities over time [CIM-009 §5.6.11 to §5.6.16, §5.7.3, §5.7.4].

use base::Time;
use http::StatusCode;
use serde_json::{Value, json};

use super::node::{Answer, Node};

const ROOM: usize = 10;

fn observed(value: impl Into<Value>, time: &str) -> Value {
    json!({"type": "Property", "value": value.into(), "observedAt": time})
}

/// The values of an attribute in a normalized answer.
fn values(of: &Value) -> Vec<Value> {
    let instances = of.as_array().expect("instances");
    instances
        .iter()
        .map(|instance| instance["value"].clone())
        .collect()
}

async fn bus(node: &Node, attributes: Value) {
    let mut bus = json!({"id": "urn:bus:1", "type": "Bus"});
    for (name, value) in attributes.as_object().expect("attributes") {
        bus[name] = value.clone();
    }
    node.write("POST", "/temporal/entities", bus).await;
}

/// Minutes of 2020-01-01, as instances.
fn minutes(count: u8) -> Value {
    let minutes = 0..count;
    minutes
        .map(|m| observed(m, &format!("2020-01-01T{:02}:{:02}:00Z", m / 60, m % 60)))
        .collect()
}

fn range(answer: &Answer) -> Option<&str> {
    answer
        .headers
        .get("content-range")
        .map(|range| range.to_str().expect("ASCII"))
}

#[tokio::test]
async fn pages_by_time_leave_nothing_out() {
    let node = Node::new(ROOM);
    let late = json!([observed("late", "2020-01-01T00:25:30Z")]);
    bus(&node, json!({"speed": minutes(27), "stop": late})).await;
    let mut seen: Vec<Value> = Vec::new();
    let mut from = "2020-01-01T00:00:00Z".to_owned();
    loop {
        let path = format!("/temporal/entities/urn:bus:1?timerel=after&timeAt={from}");
        let answer = node.get(&path).await;
        let page = values(&answer.body["speed"]);
        assert!(page.len() <= ROOM);
        seen.extend(page);
        seen.dedup();
        if answer.status == StatusCode::OK {
            assert_eq!(values(&answer.body["stop"]), ["late"]);
            break;
        }
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(answer.body["stop"], json!([]), "it is beyond the range");
        let range = range(&answer).expect("a range");
        let end = range
            .strip_prefix(&format!("date-time {from}-"))
            .expect("the start asked for");
        from = end.strip_suffix("/*").expect("no size").to_owned();
    }
    assert_eq!(seen, (0..27).map(Value::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_instances_come_with_a_range_only_if_there_is_no_room_for_them() {
    let node = Node::new(ROOM);
    bus(&node, json!({"speed": minutes(27)})).await;
    let few = node.get("/temporal/entities/urn:bus:1?lastN=3").await;
    assert_eq!((few.status, range(&few)), (StatusCode::OK, None));
    assert_eq!(values(&few.body["speed"]), [24, 25, 26]);
    let many = node.get("/temporal/entities/urn:bus:1?lastN=20").await;
    assert_eq!(many.status, StatusCode::PARTIAL_CONTENT);
    let expected = "date-time 2020-01-01T00:26:00Z-2020-01-01T00:17:00Z/20";
    assert_eq!(range(&many), Some(expected));
}

#[tokio::test]
async fn a_scope_is_kept_over_time() {
    let node = Node::new(ROOM);
    let bus = json!({"id": "urn:bus:1", "type": "Bus", "scope": "/Old", "speed": 1});
    node.write("POST", "/entities", bus).await;
    node.clock.advance_seconds(60);
    node.write(
        "PATCH",
        "/entities/urn:bus:1",
        json!({"scope": ["/New", "/B"], "speed": 2}),
    )
    .await;
    node.clock.advance_seconds(60);
    node.write("PATCH", "/entities/urn:bus:1", json!({"speed": 3}))
        .await;
    let gone = node
        .ask("DELETE", "/entities/urn:bus:1/attrs/scope", None)
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let all = node.get("/temporal/entities/urn:bus:1").await.body;
    let scope: Vec<_> = all["scope"]
        .as_array()
        .expect("instances")
        .iter()
        .map(|i| json!([i["value"], i["observedAt"], i["deletedAt"]]))
        .collect();
    let times = [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:01:00Z",
        "2026-01-01T00:02:00Z",
    ];
    assert_eq!(
        scope,
        [
            json!(["/Old", times[0], null]),
            json!([["/New", "/B"], times[1], null]),
            json!([[], null, times[2]]),
        ]
    );
    let query = "timerel=after&timeAt=2026-01-01T00:00:00Z&timeproperty=modifiedAt&type=Bus";
    for (scope, speeds) in [("/Old", vec![json!(1)]), ("/New", vec![json!(2)])] {
        let found = node
            .get(&format!("/temporal/entities?scopeQ={scope}&{query}"))
            .await;
        assert_eq!(values(&found.body[0]["speed"]), speeds, "{scope}");
    }
    assert_eq!(
        node.get(&format!("/temporal/entities?scopeQ=/C&{query}"))
            .await
            .body,
        json!([])
    );
    let deleted = node
        .get("/temporal/entities/urn:bus:1?timeproperty=deletedAt")
        .await
        .body;
    assert_eq!(deleted["scope"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn only_the_newest_scope_given_over_time_is_the_scope_now() {
    let node = Node::new(ROOM);
    let at = |scope: &str, time: &str| observed(scope, time);
    let two = json!([
        at("/B", "2020-01-02T00:00:00Z"),
        at("/A", "2020-01-01T00:00:00Z")
    ]);
    bus(&node, json!({"scope": two, "speed": minutes(1)})).await;
    assert_eq!(node.get("/entities/urn:bus:1").await.body["scope"], "/B");
    bus(&node, json!({"scope": at("/C", "2020-01-01T12:00:00Z")})).await;
    assert_eq!(node.get("/entities/urn:bus:1").await.body["scope"], "/B");
    let history = node.get("/temporal/entities/urn:bus:1").await.body;
    assert_eq!(values(&history["scope"]), ["/A", "/C", "/B"]);
    let path = "/temporal/entities/urn:bus:1/attrs/scope";
    assert_eq!(
        node.ask("DELETE", path, None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        node.get("/temporal/entities/urn:bus:1")
            .await
            .body
            .get("scope"),
        None
    );
}

#[tokio::test]
async fn a_plain_scope_holds_for_the_instances_that_come_with_it() {
    let node = Node::new(ROOM);
    bus(&node, json!({"scope": ["/A"], "speed": minutes(2)})).await;
    bus(&node, json!({"scope": ["/A"], "speed": minutes(3)})).await;
    let history = node.get("/temporal/entities/urn:bus:1").await.body;
    assert_eq!(
        values(&history["scope"]),
        ["/A"],
        "the same scope again is no news"
    );
    let query = "type=Bus&scopeQ=/A&timerel=before&timeAt=2021-01-01T00:00:00Z";
    let found = node.get(&format!("/temporal/entities?{query}")).await.body;
    assert_eq!(values(&found[0]["speed"]), [0, 1, 2]);
}

#[tokio::test]
async fn a_deleted_attribute_is_found_by_when_it_was_deleted() {
    let node = Node::new(ROOM);
    let link = json!({"type": "Relationship", "object": "urn:stop:1"});
    node.write(
        "POST",
        "/entities",
        json!({"id": "urn:bus:1", "type": "Bus", "at": link, "speed": 1}),
    )
    .await;
    node.clock.advance_seconds(60);
    node.ask("DELETE", "/entities/urn:bus:1/attrs/at", None)
        .await;
    let deleted = node
        .get("/temporal/entities/urn:bus:1?timeproperty=deletedAt")
        .await
        .body;
    assert_eq!(deleted.get("speed"), None);
    let instance = &deleted["at"][0];
    assert_eq!(
        (&instance["type"], &instance["object"]),
        (&json!("Relationship"), &json!("urn:ngsi-ld:null"))
    );
    assert_eq!(instance["deletedAt"], "2026-01-01T00:01:00Z");
    let path = "/temporal/entities/urn:bus:1?timeproperty=modifiedAt&timerel=before&timeAt=2030-01-01T00:00:00Z";
    assert_eq!(
        node.get(path).await.body["at"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn history_with_deletions_can_be_brought_in_again() {
    let node = Node::new(ROOM);
    let speed = json!([
        observed(1, "2020-01-01T00:00:00Z"),
        observed("urn:ngsi-ld:null", "2020-01-02T00:00:00Z"),
    ]);
    bus(&node, json!({"speed": speed})).await;
    bus(&node, json!({"speed": speed})).await;
    bus(&node, json!({"type": ["Bus", "Truck"], "speed": speed})).await;
    let history = node
        .get("/temporal/entities/urn:bus:1?options=sysAttrs")
        .await
        .body;
    assert_eq!(history["type"], json!(["Bus", "Truck"]));
    assert_eq!(
        values(&history["speed"]),
        [json!(1), json!("urn:ngsi-ld:null")]
    );
    assert_eq!(history["speed"][1]["observedAt"], "2020-01-02T00:00:00Z");
    let nested = json!({"type": "Property", "value": 1, "by": {"type": "Property", "value": "urn:ngsi-ld:null"}});
    let wrong = json!({"id": "urn:bus:2", "type": "Bus", "speed": [nested]});
    let answer = node.ask("POST", "/temporal/entities", Some(wrong)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn values_are_aggregated_over_all_instances_and_not_over_a_page() {
    let node = Node::new(ROOM);
    let start = Time::parse("2020-01-31T00:00:00Z").expect("a date-time");
    let instance = |n: i64| observed(1, &start.plus_micros(n * 3_600_000_000).to_string());
    for piece in [0..1_300, 1_300..2_600] {
        bus(
            &node,
            json!({"speed": piece.map(instance).collect::<Value>()}),
        )
        .await;
    }
    let asked = "options=aggregatedValues&aggrMethods=sum,totalCount";
    let all = node
        .get(&format!("/temporal/entities/urn:bus:1?{asked}"))
        .await;
    assert_eq!(all.status, StatusCode::OK);
    let row = json!([2_600, "2020-01-31T00:00:00Z", "2020-05-18T07:00:00Z"]);
    assert_eq!(
        all.body["speed"],
        json!({"type": "Property", "sum": [row], "totalCount": [row]})
    );
    let months = format!(
        "/temporal/entities?{asked}&aggrPeriodDuration=P1M&type=Bus&timerel=between\
        &timeAt=2020-01-31T00:00:00Z&endTimeAt=2020-04-01T00:00:00Z"
    );
    let months = node.get(&months).await.body;
    let hours = |days: i64| days * 24;
    assert_eq!(
        months[0]["speed"]["sum"],
        json!([
            [hours(29), "2020-01-31T00:00:00Z", "2020-02-29T00:00:00Z"],
            [hours(31), "2020-02-29T00:00:00Z", "2020-03-31T00:00:00Z"],
            [hours(1), "2020-03-31T00:00:00Z", "2020-04-30T00:00:00Z"],
        ])
    );
}

#[tokio::test]
async fn a_query_is_held_against_all_instances_of_the_time_asked_for() {
    let node = Node::new(1);
    bus(&node, json!({"speed": minutes(30)})).await;
    let ask = |query: &str, until: &str| {
        format!(
            "/temporal/entities?type=Bus&q={query}&timerel=before&timeAt=2020-01-01T{until}:00Z"
        )
    };
    let found = async |path: String| node.get(&path).await.body.as_array().map(Vec::len);
    assert_eq!(found(ask("speed==29", "12:00")).await, Some(1));
    assert_eq!(found(ask("speed==29", "00:20")).await, Some(0));
}

#[tokio::test]
async fn what_has_no_meaning_over_time_is_refused() {
    let node = Node::new(ROOM);
    bus(&node, json!({"speed": minutes(2)})).await;
    let when = "timerel=before&timeAt=2021-01-01T00:00:00Z";
    for (wrong, status) in [
        (format!("/temporal/entities?{when}"), 400),
        (format!("/temporal/entities?{when}&attrs=createdAt"), 400),
        (
            format!("/temporal/entities?{when}&type=Bus&orderBy=speed"),
            400,
        ),
        (
            format!("/temporal/entities?{when}&type=Bus&q=at{{speed}}==1"),
            400,
        ),
        (
            format!("/temporal/entities?{when}&type=Bus&pick=at{{speed}}"),
            400,
        ),
        ("/temporal/entities?type=Bus".to_owned(), 400),
        (
            "/temporal/entities/urn:bus:1?pick=at{speed}".to_owned(),
            400,
        ),
        ("/temporal/entities/urn:bus:1?attrs=height".to_owned(), 404),
        ("/temporal/entities/urn:bus:1?pick=height".to_owned(), 404),
        ("/temporal/entities/urn:bus:1?join=inline".to_owned(), 400),
    ] {
        assert_eq!(
            node.get(&wrong.replace('{', "%7B").replace('}', "%7D"))
                .await
                .status,
            status,
            "{wrong}"
        );
    }
    let early = "timerel=before&timeAt=2019-01-01T00:00:00Z";
    let answer = node
        .get(&format!("/temporal/entities/urn:bus:1?attrs=speed&{early}"))
        .await;
    assert_eq!(
        (answer.status, answer.body.get("speed")),
        (StatusCode::OK, None)
    );
    let local = node
        .get(&format!("/temporal/entities?{when}&local=true"))
        .await;
    assert_eq!(local.body.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn entities_over_time_come_in_the_order_of_their_ids() {
    let node = Node::new(ROOM);
    for n in [2, 3, 1] {
        let bus = json!({"id": format!("urn:bus:{n}"), "type": "Bus", "speed": minutes(1)});
        node.write("POST", "/temporal/entities", bus).await;
    }
    let when = "type=Bus&timerel=before&timeAt=2021-01-01T00:00:00Z";
    let ids = async |query: &str| {
        let answer = node
            .get(&format!("/temporal/entities?{when}&{query}"))
            .await;
        let count = answer.headers.get("ngsild-results-count").cloned();
        let found = answer.body.as_array().expect("entities").iter();
        let ids: Vec<_> = found
            .map(|e| e["id"].as_str().expect("an id").to_owned())
            .collect();
        (
            ids.join(" "),
            count.map(|c| c.to_str().expect("a number").to_owned()),
        )
    };
    assert_eq!(
        ids("").await,
        ("urn:bus:1 urn:bus:2 urn:bus:3".to_owned(), None)
    );
    assert_eq!(
        ids("orderBy=id%3Bdesc&limit=2").await.0,
        "urn:bus:3 urn:bus:2"
    );
    assert_eq!(
        ids("limit=1&offset=1&count=true").await,
        ("urn:bus:2".to_owned(), Some("3".to_owned()))
    );
}

#[tokio::test]
async fn the_history_of_what_was_transient_goes_with_it() {
    let node = Node::new(ROOM);
    let flash = json!({"type": "Property", "value": 1, "expiresAt": "2026-01-01T00:01:00Z"});
    let bus = json!({"id": "urn:bus:1", "type": "Bus", "flash": flash, "speed": 1});
    node.write("POST", "/entities", bus).await;
    let path = "/temporal/entities/urn:bus:1?timeproperty=modifiedAt&timerel=before&timeAt=2030-01-01T00:00:00Z";
    assert_eq!(values(&node.get(path).await.body["flash"]), [1]);
    node.clock.advance_seconds(120);
    let later = node.get(path).await.body;
    assert_eq!(
        (later.get("flash"), values(&later["speed"])),
        (None, vec![json!(1)])
    );
}
