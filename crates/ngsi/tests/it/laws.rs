//! Laws that hold for any input.

use base::Time;
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::patch::{self, MergeOptions};
use ngsi::render::{Format, Out, Renderer};
use ngsi::{Attribute, Delta, Entity};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NOW: Time = Time(5_000_000);

const NAMES: [&str; 12] = [
    "a",
    "b",
    "value",
    "object",
    "type",
    "id",
    "scope",
    "datasetId",
    "observedAt",
    "languageMap",
    "location",
    "x",
];
const TEXTS: [&str; 8] = [
    "",
    "x",
    "чорсу \"\\\n",
    "urn:b",
    "urn:ngsi-ld:null",
    "Property",
    "/A",
    "2026-01-01T00:00:00Z",
];

/// JSON such as an attacker, or a careless client, would send.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let names = prop::sample::select(&NAMES[..]).prop_map(ToOwned::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// An attribute that is valid, with its metadata.
fn attribute() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec!["", "x", "чорсу \"\\\n", "Property"]);
    let scalar = prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-1_000_i32..1_000).prop_map(|n| json!(f64::from(n) / 8.0)),
        text.prop_map(Value::from),
    ];
    let several = prop::collection::vec(scalar.clone(), 0..3);
    let object = scalar.clone().prop_map(|s| json!({"k": s, "value": [s]}));
    let value = prop_oneof![
        scalar.clone(),
        several.clone().prop_map(Value::from),
        object.clone(),
        object.clone().prop_map(|o| json!([o])),
    ];
    let kind = prop_oneof![
        value.prop_map(|v| json!({"type": "Property", "value": v, "unitCode": "CEL"})),
        Just(json!({"type": "Property", "value": 1})),
        several
            .clone()
            .prop_map(|v| json!({"type": "ListProperty", "valueList": v})),
        object.prop_map(|v| json!({"type": "JsonProperty", "json": v})),
        Just(json!({"type": "Relationship", "object": "urn:b", "objectType": "T"})),
        Just(json!({"type": "Relationship", "object": ["urn:b", "urn:c"]})),
        Just(json!({"type": "ListRelationship", "objectList": ["urn:b", "urn:b"]})),
        Just(json!({"type": "VocabProperty", "vocab": ["Good", "https://b.example/c"]})),
        Just(json!({"type": "LanguageProperty", "languageMap": {"en": "x", "@none": ["y"]}})),
        Just(json!({"type": "GeoProperty",
            "value": {"type": "LineString", "coordinates": [[1.5, 2.0], [3.0, 4.0]]}})),
    ];
    (kind, any::<[bool; 3]>(), scalar).prop_map(|(mut attribute, has, sub)| {
        if has[0] {
            attribute["observedAt"] = json!("2026-01-01T00:00:00Z");
        }
        if has[1] {
            attribute["sub"] = json!({"type": "Property", "value": sub});
        }
        if has[2] {
            attribute["datasetId"] = json!("urn:d");
        }
        attribute
    })
}

fn body() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec!["a", "b", "c", "d", "e"]).prop_map(ToOwned::to_owned);
    let several = (attribute(), attribute()).prop_map(|(mut one, mut two)| {
        one["datasetId"] = json!("@none");
        two["datasetId"] = json!("urn:e");
        json!([one, two])
    });
    let instances = prop_oneof![attribute(), several];
    (
        prop::collection::vec((names, instances), 0..6),
        any::<bool>(),
    )
        .prop_map(|(all, scoped)| {
            let mut body = Value::Object(all.into_iter().collect());
            body["id"] = json!("urn:a");
            body["type"] = json!(["T", "https://b.example/U"]);
            if scoped {
                body["scope"] = json!(["/A", "/B/C"]);
            }
            body
        })
}

fn read(body: Value) -> Entity {
    let context = Context::core();
    let fragment = Parser::new(&context, Purpose::Whole).entity(body);
    let entity = fragment.expect("it is valid").into_entity(NOW);
    entity.expect("it has an id")
}

fn show(entity: &Entity, format: Format, sys_attrs: bool) -> Value {
    let context = Context::core();
    let renderer = Renderer {
        format,
        sys_attrs,
        ..Renderer::new(&context, NOW)
    };
    let mut out = Out::default();
    renderer.entity(&mut out, entity, Some("\"c\""));
    serde_json::from_str(&out.into_string()).expect("what is shown is JSON")
}

fn sorted(mut entity: Entity) -> Entity {
    entity.attributes.sort_by_key(Attribute::key);
    entity
}

proptest! {
    #[test]
    fn what_is_shown_can_be_read_again_and_is_the_same(body in body(), sys_attrs: bool) {
        let entity = read(body);
        for format in [Format::Normalized, Format::Concise] {
            let shown = show(&entity, format, sys_attrs);
            prop_assert_eq!(&read(shown.clone()), &entity, "{}", shown);
        }
        show(&entity, Format::Simplified, sys_attrs);
    }

    #[test]
    fn reading_never_panics_and_what_is_read_can_be_shown(json in any_json()) {
        let context = Context::core();
        for purpose in [Purpose::Whole, Purpose::Update, Purpose::Merge, Purpose::Temporal] {
            let mut body = json!({"id": "urn:a", "type": "T", "x": json.clone()});
            if let (Value::Object(body), Value::Object(members)) = (&mut body, &json) {
                body.extend(members.clone());
            }
            let fragment = Parser::new(&context, purpose).entity(body);
            if let Some(entity) = fragment.ok().and_then(|f| f.into_entity(NOW)) {
                for format in [Format::Normalized, Format::Concise, Format::Simplified] {
                    show(&entity, format, true);
                }
            }
        }
    }

    #[test]
    fn a_delta_leads_from_one_state_to_the_next(one in body(), two in body()) {
        let (before, after) = (read(one), read(two));
        let delta = Delta::between(&before, &after);
        let mut entity = before.clone();
        delta.apply(&mut entity);
        prop_assert_eq!(sorted(entity), sorted(after));
        prop_assert!(Delta::between(&before, &before).is_empty());
    }

    #[test]
    fn no_change_leaves_a_null_or_a_twin_behind(one in body(), json in any_json()) {
        let context = Context::core();
        let body = json!({"a": json, "b": {"value": json}, "n": {"value": {"m": json}}});
        for purpose in [Purpose::Update, Purpose::Merge] {
            let Ok(fragment) = Parser::new(&context, purpose).fragment(body.clone()) else {
                continue;
            };
            let mut entity = read(one.clone());
            let before = entity.clone();
            if purpose == Purpose::Update {
                patch::update(&mut entity, fragment, NOW);
            } else if patch::merge(&mut entity, fragment, &MergeOptions::default(), NOW).is_err() {
                prop_assert_eq!(&entity, &before);
            }
            let mut keys: Vec<_> = entity.attributes.iter().map(Attribute::key).collect();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(keys.len(), entity.attributes.len());
            let shown = show(&entity, Format::Normalized, false);
            prop_assert!(!has_null_member(&shown), "{}", shown);
        }
    }
}

/// Whether the NGSI-LD Null stands as a member; within an array it is a text like any other.
fn has_null_member(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .values()
            .any(|v| v.as_str() == Some(ngsi::NULL) || has_null_member(v)),
        _ => false,
    }
}
