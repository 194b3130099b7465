//! Data that is spread over nodes is answered as by one that has all.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};
use testkit::Random;

use super::super::node::Answer;
use super::town::Town;
use super::{car, warnings};

/// A random car: its speed, colour and place.
fn random_car(random: &mut Random, number: usize) -> Value {
    let mut car = car(number, json!({"speed": random.between(0, 100)}));
    car["colour"] = json!({"type": "Property", "value": random.word(&["red", "blue", "grey"])});
    if random.percent(50) {
        car["speed"]["observedAt"] = json!("2026-01-01T00:00:00Z");
    }
    let lon = random.between(-50, 50);
    car["location"] = json!({
        "type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 40]},
    });
    if random.percent(30) {
        car["scope"] = json!(random.word(&["/A", "/A/B", "/C"]));
    }
    if random.percent(40) {
        let other = random.below(60);
        car["follows"] = json!({
            "type": "Relationship", "object": format!("urn:ngsi-ld:Car:{other:03}"),
        });
    }
    car
}

/// Questions to be answered the same however the data is spread.
fn questions(split: bool) -> Vec<String> {
    let filters = [
        "type=Car",
        "type=Car&q=speed>50",
        "type=Car&q=speed>20;colour==\"red\"",
        "type=Car&q=colour==\"red\"|speed<10",
        "type=Car&attrs=follows",
        "type=Car&scopeQ=/A/%23",
        "type=Car&idPattern=.*7$",
        "type=Car&id=urn:ngsi-ld:Car:001,urn:ngsi-ld:Car:030",
        "type=Car&pick=id,colour",
        "type=Car&georel=near;maxDistance==1000000&geometry=Point&coordinates=[0,40]",
        "type=Car&join=inline&q=follows{speed}>50",
        "type=Car&join=flat&joinLevel=2&q=speed<30",
    ];
    let mut all = Vec::new();
    for filter in filters {
        for page in [
            "limit=7",
            "limit=7&offset=7&count=true",
            "limit=100&count=true",
        ] {
            let split = if split { "&splitEntities=true" } else { "" };
            all.push(
                format!("/entities?{filter}&{page}{split}")
                    .replace('>', "%3E")
                    .replace('<', "%3C")
                    .replace('"', "%22")
                    .replace('|', "%7C")
                    .replace('{', "%7B")
                    .replace('}', "%7D"),
            );
        }
    }
    for number in [0, 1, 30, 99] {
        all.push(format!("/entities/urn:ngsi-ld:Car:{number:03}"));
        all.push(format!("/entities/urn:ngsi-ld:Car:{number:03}?attrs=speed"));
        all.push(format!(
            "/entities/urn:ngsi-ld:Car:{number:03}?join=inline&joinLevel=2"
        ));
    }
    all.extend(
        [
            "/types",
            "/types?details=true",
            "/attributes",
            "/types/Car",
            "/attributes/speed",
        ]
        .map(ToOwned::to_owned),
    );
    all
}

/// What an answer comes to; numbers of entities that several nodes have parts of are left out.
pub(super) fn told(mut answer: Answer, split: bool) -> (StatusCode, Option<String>, Value) {
    let count = answer.headers.get("ngsild-results-count");
    let count = count.map(|v| v.to_str().expect("text").to_owned());
    if split && let Some(members) = answer.body.as_object_mut() {
        members.remove("entityCount");
    }
    if let Some(members) = answer.body.as_object_mut() {
        members.remove("detail");
    }
    if answer
        .body
        .get("id")
        .is_some_and(|id| id.as_str().is_some_and(|id| id.contains("List:")))
    {
        answer.body["id"] = json!(null);
    }
    (answer.status, count, answer.body)
}

async fn compare(town: &Town, split: bool, seed: u64) {
    for question in questions(split) {
        let whole = told(town.get("whole", &question).await, split);
        let spread = town.get("a", &question).await;
        assert_eq!(warnings(&spread), Vec::<&str>::new(), "{question}");
        assert_eq!(told(spread, split), whole, "seed {seed}: {question}");
    }
}

#[tokio::test]
async fn cars_that_are_spread_over_three_nodes_are_answered_as_by_one_that_has_all() {
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let town = Town::of(&["whole", "a", "b", "c"]);
        // In a row or as a star.
        town.register("a", "b", json!({})).await;
        let from = if seed % 2 == 0 { "a" } else { "b" };
        town.register(from, "c", json!({})).await;
        for number in 0..60 {
            let car = random_car(&mut random, number);
            town.create("whole", car.clone()).await;
            town.create(random.word(&["a", "b", "c"]), car).await;
        }
        compare(&town, false, seed).await;
    }
}

#[tokio::test]
async fn cars_of_which_each_node_has_some_attributes_are_answered_as_wholes() {
    for seed in 10..14 {
        let mut random = Random::new(seed);
        let town = Town::of(&["whole", "a", "b", "c"]);
        town.register("a", "b", json!({})).await;
        town.register("a", "c", json!({})).await;
        for number in 0..40 {
            let car = random_car(&mut random, number);
            town.create("whole", car.clone()).await;
            let mut parts: BTreeMap<&str, Value> = BTreeMap::new();
            // Every part knows the scope: a node is not asked for a part without the attributes
            // that are wanted.
            let mut bare = super::car(number, json!({}));
            if let Some(scope) = car.get("scope") {
                bare["scope"] = scope.clone();
            }
            for (name, value) in car.as_object().expect("an object") {
                if ["id", "type", "scope"].contains(&name.as_str()) {
                    continue;
                }
                let at = random.word(&["a", "b", "c"]);
                let part = parts.entry(at).or_insert_with(|| bare.clone());
                part[name.as_str()] = value.clone();
            }
            for (at, part) in parts {
                town.create(at, part).await;
            }
        }
        compare(&town, true, seed).await;
    }
}
