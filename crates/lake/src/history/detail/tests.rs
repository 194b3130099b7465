//! What is written of an attribute is read as the same.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use spatial::Position;

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(Value::from),
        Just(json!(-0.0)),
        any::<bool>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((".{0,4}", inner), 0..3)
                .prop_map(|members| { Value::Object(members.into_iter().collect()) }),
        ]
    })
}

fn any_uris() -> impl Strategy<Value = Uris> {
    prop_oneof![
        "urn:[a-z]{0,5}".prop_map(|uri| Uris::One(uri.into())),
        vec("urn:[a-z]{0,5}".prop_map(Name::from), 0..3).prop_map(Uris::Many),
    ]
}

fn any_value() -> impl Strategy<Value = AttributeValue> {
    let point = |(lon, lat)| {
        let geometry = Geometry::point(Position::new(lon, lat));
        AttributeValue::Geo(geometry.expect("a place on earth"))
    };
    prop_oneof![
        4 => any_json().prop_map(AttributeValue::Property),
        1 => any_uris().prop_map(AttributeValue::Relationship),
        1 => (-180f64..180., -90f64..90.).prop_map(point),
        1 => vec(("[a-z]{2}", any_json()), 0..3)
            .prop_map(|map| AttributeValue::Language(map.into_iter().collect())),
        1 => any_json().prop_map(AttributeValue::Json),
        1 => any_uris().prop_map(AttributeValue::Vocab),
        1 => vec(any_json(), 0..3).prop_map(AttributeValue::List),
        1 => vec("urn:[a-z]{0,3}".prop_map(Name::from), 0..3)
            .prop_map(AttributeValue::ListRelationship),
        1 => Just(AttributeValue::Null),
    ]
}

fn any_time() -> impl Strategy<Value = Time> {
    any::<i64>().prop_map(Time)
}

fn any_attribute() -> impl Strategy<Value = Attribute> {
    let times = (
        any_time(),
        any_time(),
        option::of(any_time()),
        option::of(any_time()),
    );
    let words = (
        "urn:[a-z]{1,4}",
        option::of("[A-C]"),
        option::of("[A-C]"),
        option::of("urn:[d-f]"),
        vec("urn:T[a-c]".prop_map(Name::from), 0..3),
    );
    let leaf = (any_value(), times, words).prop_map(|(value, times, words)| {
        let mut attribute = Attribute::new(words.0.into(), value);
        (
            attribute.created_at,
            attribute.modified_at,
            attribute.observed_at,
            attribute.expires_at,
        ) = times;
        attribute.unit_code = words.1.map(Name::from);
        attribute.value_type = words.2.map(Name::from);
        attribute.dataset_id = words.3.map(Name::from);
        attribute.object_type = words.4;
        attribute
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        (inner.clone(), vec(inner, 0..3)).prop_map(|(mut attribute, sub)| {
            attribute.sub = sub;
            attribute
        })
    })
}

fn encoded(attribute: &Attribute) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(attribute, &mut bytes);
    bytes
}

/// What the columns say of an attribute.
fn said(attribute: &Attribute) -> Attribute {
    Attribute {
        value: AttributeValue::Null,
        object_type: Vec::new(),
        expires_at: None,
        sub: Vec::new(),
        ..attribute.clone()
    }
}

proptest! {
    #[test]
    fn an_attribute_comes_back_from_its_bytes(attribute in any_attribute()) {
        let back = decode(&encoded(&attribute), said(&attribute));
        prop_assert_eq!(back.ok(), Some(attribute));
    }

    #[test]
    fn damaged_bytes_are_refused_without_harm(
        attribute in any_attribute(), at in 0usize..200, mask in 1u8..,
    ) {
        let mut bytes = encoded(&attribute);
        let at = at % bytes.len();
        bytes[at] ^= mask;
        let _any = decode(&bytes, said(&attribute));
        let _cut = decode(&bytes[..at], said(&attribute));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
        let _any = decode(&bytes, Attribute::new("urn:a".into(), AttributeValue::Null));
    }
}

#[test]
fn the_bytes_of_a_known_attribute_stay_the_same() {
    let mut attribute = Attribute::new("urn:a".into(), AttributeValue::Property(json!("dry")));
    attribute.stamp(Time(1_000_000), Time(2_000_000));
    attribute.observed_at = Some(Time(-1));
    attribute.unit_code = Some("P1".into());
    let mut sub = Attribute::new("urn:b".into(), AttributeValue::Property(json!(0.5)));
    sub.stamp(Time(1_000_001), Time(2_000_000));
    attribute.sub.push(sub);
    let found = hex::encode(encoded(&attribute));
    expect_test::expect!["0140010575726e3a620200000003302e350b03647279"].assert_eq(&found);
}

#[test]
fn depth_beyond_any_entity_is_refused() {
    let mut attribute = Attribute::new("urn:a".into(), AttributeValue::Null);
    for _ in 0..=DEPTH_MAX {
        let mut above = Attribute::new("urn:a".into(), AttributeValue::Null);
        above.sub.push(attribute);
        attribute = above;
    }
    decode(&encoded(&attribute), said(&attribute)).unwrap_err();
    let inner = attribute.sub.remove(0);
    let back = decode(&encoded(&inner), said(&inner));
    assert_eq!(back.ok(), Some(inner));
}
