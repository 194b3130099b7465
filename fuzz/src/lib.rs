//! What the targets share: a small city to ask about.

pub mod import;

use base::Time;
use jsonld::Context;
use ngsi::Entity;
use ngsi::parse::{Parser, Purpose};
use serde_json::{Value, json};

/// The moment of every question.
pub const NOW: Time = Time(1_795_000_000_000_000);

/// Entities with every kind of attribute.
pub fn city() -> Vec<Entity> {
    let context = Context::core();
    let parser = Parser::new(&context, Purpose::Whole);
    let read = |value: Value| parser.entity(value).expect("the city is sound");
    [station(), street(), bus()]
        .into_iter()
        .map(|value| read(value).into_entity(NOW).expect("it has an id"))
        .collect()
}

fn station() -> Value {
    json!({
        "id": "urn:ngsi-ld:AirQualityObserved:1",
        "type": ["AirQualityObserved", "Device"],
        "scope": ["/Tashkent/Chorsu", "/Tashkent/Air"],
        "pm25": [
            {"type": "Property", "value": 150.5, "unitCode": "GQ", "observedAt": "2026-11-22T08:30:00Z",
             "accuracy": {"type": "Property", "value": 0.5}},
            {"type": "Property", "value": 12, "datasetId": "urn:ngsi-ld:Dataset:low"}
        ],
        "name": {"type": "LanguageProperty", "languageMap": {"uz": "Chorsu", "ru": ["Чорсу"], "@none": "x"}},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [69.235, 41.326]}},
        "category": {"type": "VocabProperty", "vocab": ["urban", "traffic"]},
        "raw": {"type": "JsonProperty", "json": {"a": [1, null, {"b": true}]}}
    })
}

fn street() -> Value {
    json!({
        "id": "urn:ngsi-ld:Road:1",
        "type": "Road",
        "location": {"type": "GeoProperty", "value": {"type": "LineString",
            "coordinates": [[69.23, 41.32], [69.24, 41.33], [69.25, 41.33, 450.5]]}},
        "lanes": {"type": "ListProperty", "valueList": [1, 2, 3]},
        "crosses": {"type": "ListRelationship",
            "objectList": [{"object": "urn:ngsi-ld:Road:2"}, {"object": "urn:ngsi-ld:Road:3"}]},
        "open": true,
        "opened": "2026-11-22"
    })
}

fn bus() -> Value {
    json!({
        "id": "urn:ngsi-ld:Vehicle:1",
        "type": "Vehicle",
        "speed": 12.5,
        "brandName": "Isuzu",
        "isOn": {"type": "Relationship", "object": ["urn:ngsi-ld:Road:1", "urn:ngsi-ld:Road:2"],
            "since": {"type": "Property", "value": {"type": "DateTime", "@value": "2026-11-22T08:30:00Z"}}},
        "location": {"type": "GeoProperty", "value": {"type": "Polygon",
            "coordinates": [[[69.2, 41.3], [69.3, 41.3], [69.3, 41.4], [69.2, 41.3]]]}}
    })
}
