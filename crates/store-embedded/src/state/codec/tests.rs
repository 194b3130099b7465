//! Round trips, golden bytes and hostile bytes; the strategies other tests draw entities from.

use ngsi::{AttributeValue, Uris};
use proptest::prelude::*;
use serde_json::{Value, json};
use spatial::{Geometry, Position};

use super::*;

pub(in crate::state) fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1000_i32..1000).prop_map(|n| Value::from(f64::from(n) / 10.0)),
        prop::num::f64::NORMAL.prop_map(Value::from),
        Just(Value::from(-0.0)),
        ".{0,12}".prop_map(Value::from),
        "(urn:ngsi-ld:[A-C]:[0-9]|20[0-9]{2}-01-0[1-9]T0[0-9]:00:00Z)".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c]|@value", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn names(pattern: &'static str) -> impl Strategy<Value = Name> {
    pattern.prop_map(Name::from)
}

fn uris() -> impl Strategy<Value = Uris> {
    prop_oneof![
        names("urn:ngsi-ld:[A-C]:[0-9]").prop_map(Uris::One),
        prop::collection::vec(names("urn:ngsi-ld:[A-C]:[0-9]"), 0..3).prop_map(Uris::Many),
    ]
}

fn geometries() -> impl Strategy<Value = Geometry> {
    let position = || {
        (-500_i32..500, -500_i32..500)
            .prop_map(|(lon, lat)| Position::new(f64::from(lon) / 100.0, f64::from(lat) / 100.0))
    };
    prop_oneof![
        position().prop_map(|p| Geometry::point(p).unwrap()),
        prop::collection::vec(position(), 2..5).prop_map(|line| Geometry::line(line).unwrap()),
    ]
}

fn values() -> BoxedStrategy<AttributeValue> {
    let languages = prop::collection::vec(("[a-z]{2}", "[a-d]{0,3}"), 1..3).prop_map(|map| {
        map.into_iter()
            .map(|(tag, text)| (tag, Value::from(text)))
            .collect()
    });
    prop_oneof![
        4 => json_values().prop_map(AttributeValue::Property),
        2 => (0..40_i64).prop_map(|n| AttributeValue::Property(json!(n))),
        1 => "[a-d]{0,2}".prop_map(|text| AttributeValue::Property(json!(text))),
        1 => "2020-01-0[1-4](T0[0-3]:00:00[+]01:00)?".prop_map(|text| AttributeValue::Property(json!(text))),
        2 => uris().prop_map(AttributeValue::Relationship),
        2 => geometries().prop_map(AttributeValue::Geo),
        1 => languages.prop_map(AttributeValue::Language),
        1 => json_values().prop_map(AttributeValue::Json),
        1 => uris().prop_map(AttributeValue::Vocab),
        1 => prop::collection::vec(json_values(), 0..3).prop_map(AttributeValue::List),
        1 => prop::collection::vec(names("urn:ngsi-ld:[A-C]:[0-9]"), 0..3)
            .prop_map(AttributeValue::ListRelationship),
    ]
    .boxed()
}

fn times() -> impl Strategy<Value = Time> {
    prop_oneof![
        Just(Time(0)),
        (0..5_i64).prop_map(Time::from_seconds),
        any::<i64>().prop_map(Time)
    ]
}

fn attributes(depth: u32) -> BoxedStrategy<Attribute> {
    let sub = match depth {
        0 => Just(Vec::new()).boxed(),
        _ => prop::collection::vec(attributes(depth - 1), 0..2).boxed(),
    };
    let name = || {
        prop::option::weighted(
            0.3,
            names("https://uri[.]etsi[.]org/ngsi-ld/default-context/[a-c]"),
        )
    };
    let optional = || prop::option::weighted(0.3, times());
    let objects = prop::collection::vec(names("[a-c]"), 0..2);
    let head = (
        names("https://uri[.]etsi[.]org/ngsi-ld/default-context/[a-f]"),
        name(),
        values(),
        objects,
    );
    (
        head,
        (times(), times(), optional(), optional()),
        (name(), name()),
        sub,
    )
        .prop_map(|(head, times, (unit_code, value_type), sub)| {
            let (name, dataset_id, value, object_type) = head;
            let (created_at, modified_at, observed_at, expires_at) = times;
            Attribute {
                dataset_id,
                observed_at,
                unit_code,
                value_type,
                object_type,
                created_at,
                modified_at,
                expires_at,
                sub,
                ..Attribute::new(name, value)
            }
        })
        .boxed()
}

pub(in crate::state) fn entities() -> impl Strategy<Value = Entity> {
    let types = prop::collection::btree_set(
        names("https://uri[.]etsi[.]org/ngsi-ld/default-context/[T-W]"),
        1..3,
    );
    let scope = prop::collection::vec(names("/[a-c](/[a-c])?"), 0..2);
    let end = prop::option::weighted(0.2, times());
    let attributes = prop::collection::vec(attributes(1), 0..6);
    let head = (names("urn:ngsi-ld:[A-C]:[0-9]{1,2}"), types, scope);
    (head, times(), times(), end, attributes).prop_map(
        |((id, types, scope), created_at, modified_at, expires_at, mut attributes)| {
            // No two have the same name and dataset.
            let mut seen = std::collections::BTreeSet::new();
            attributes.retain(|a| seen.insert(a.key()));
            let types = types.into_iter().collect();
            Entity {
                id,
                types,
                scope,
                created_at,
                modified_at,
                expires_at,
                attributes,
            }
        },
    )
}

proptest! {
    #[test]
    fn bytes_give_back_the_entity(entity in entities()) {
        let mut dictionary = Dictionary::default();
        let mut bytes = Vec::new();
        encode(&entity, &mut dictionary, &mut bytes);
        let again = decode(&bytes, &dictionary).unwrap();
        prop_assert_eq!(format!("{again:?}"), format!("{entity:?}"));
        prop_assert_eq!(id_of(&bytes), entity.id.as_bytes());
    }

    #[test]
    fn damaged_bytes_are_refused_or_another_entity_and_never_a_panic(
        entity in entities(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut dictionary = Dictionary::default();
        let mut bytes = Vec::new();
        encode(&entity, &mut dictionary, &mut bytes);
        let cut = bytes.get(..at.index(bytes.len())).unwrap_or_default();
        prop_assert!(decode(cut, &dictionary).is_err());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(other) = decode(&bytes, &dictionary) {
            let mut again = Vec::new();
            encode(&other, &mut dictionary, &mut again);
            prop_assert!(decode(&again, &dictionary).is_ok());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut dictionary = Dictionary::default();
        dictionary.number(&"a".into());
        let mut bytes = bytes;
        bytes.insert(0, FORMAT);
        drop(decode(&bytes, &dictionary));
    }
}

#[test]
fn deep_nesting_is_damage_and_no_overflow() {
    let dictionary = Dictionary::default();
    let mut bytes = vec![FORMAT, 1, b'x', 0, 0, 0, 0, 0, 1, 0, 0];
    bytes.extend(std::iter::repeat_n([7, 1], 100_000).flatten());
    assert_eq!(decode(&bytes, &dictionary), Err(Damaged));
}

pub(in crate::state) fn typical(number: u32) -> Entity {
    let at = Time::from_seconds(1_700_000_000 + i64::from(number % 1000));
    let attribute = |name: &str, value| {
        let name = jsonld::Context::core().expand_name(name).unwrap();
        let mut attribute = Attribute::new(name, value);
        attribute.stamp(at, at);
        attribute
    };
    let spread = |step: u32, range: u32| f64::from(number.wrapping_mul(step) % range);
    // As people write them: with few decimals.
    let round = |degrees: f64| (degrees * 1e4).round() / 1e4;
    let place = Position::new(
        round(spread(7919, 3_600_000) / 1e4 - 180.0),
        round(spread(104_729, 1_700) / 10.0 - 85.0),
    );
    let mut pm = attribute(
        "pm25",
        AttributeValue::Property(json!(spread(31, 5000) / 10.0)),
    );
    pm.observed_at = Some(at);
    pm.unit_code = Some("GQ".into());
    let street = format!("Street {}", number % 5000);
    let device = format!("urn:ngsi-ld:Device:{:06}", number % 100_000);
    Entity {
        id: Name::from(format!("urn:ngsi-ld:AirQualityObserved:city:{number:07}")),
        types: vec![
            jsonld::Context::core()
                .expand_name("AirQualityObserved")
                .unwrap(),
        ],
        scope: Vec::new(),
        created_at: at,
        modified_at: at,
        expires_at: None,
        attributes: vec![
            attribute(
                "location",
                AttributeValue::Geo(Geometry::point(place).unwrap()),
            ),
            pm,
            attribute(
                "temperature",
                AttributeValue::Property(json!(spread(17, 400) / 10.0)),
            ),
            attribute("address", AttributeValue::Property(json!(street))),
            attribute(
                "refDevice",
                AttributeValue::Relationship(Uris::One(device.into())),
            ),
        ],
    }
}

#[test]
fn a_typical_entity_is_small_and_its_bytes_stay_the_same() {
    let mut dictionary = Dictionary::default();
    let mut bytes = Vec::new();
    encode(&typical(4711), &mut dictionary, &mut bytes);
    assert!(bytes.len() <= 300, "{} bytes", bytes.len());
    let hex = format!("{bytes:02x?}");
    expect_test::expect!["[01, 2b, 75, 72, 6e, 3a, 6e, 67, 73, 69, 2d, 6c, 64, 3a, 41, 69, 72, 51, 75, 61, 6c, 69, 74, 79, 4f, 62, 73, 65, 72, 76, 65, 64, 3a, 63, 69, 74, 79, 3a, 30, 30, 30, 34, 37, 31, 31, 01, 00, 00, 80, ff, f9, a7, 88, 89, 85, 06, 00, 00, 05, 01, 00, 22, 00, af, e7, dc, d6, 03, 80, ed, e6, 41, 02, 06, 00, 03, 11, a2, 10, 04, 00, 11, ae, 01, 05, 00, 06, 0b, 53, 74, 72, 65, 65, 74, 20, 34, 37, 31, 31, 06, 00, 20, 19, 75, 72, 6e, 3a, 6e, 67, 73, 69, 2d, 6c, 64, 3a, 44, 65, 76, 69, 63, 65, 3a, 30, 30, 34, 37, 31, 31]"].assert_eq(&hex);
}
