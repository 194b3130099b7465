//! Records: their bytes, their round trips, and what hostile bytes do.

use std::fmt::Write as _;

use ngsi::temporal::{HistoryEdit, InstanceId};
use ngsi::{Attribute, AttributeKey, AttributeValue, Delta, Entity, Uris};
use ports::Expect;
use proptest::prelude::*;
use serde_json::{Value, json};
use spatial::{Geometry, Position};

use super::*;

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        Just("https://uri.etsi.org/ngsi-ld/name".to_owned()),
        "[a-zé]{0,6}"
    ]
    .prop_map(Name::from)
}

fn names() -> impl Strategy<Value = Vec<Name>> {
    prop::collection::vec(name(), 0..3)
}

fn time() -> impl Strategy<Value = Time> {
    any::<i64>().prop_map(Time)
}

fn json_value() -> impl Strategy<Value = Value> {
    let float = prop::num::f64::NORMAL | prop::num::f64::ZERO;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        float.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let object = prop::collection::vec(("[a-c]{0,2}", inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn geometry() -> impl Strategy<Value = Geometry> {
    (-180.0..180.0, -90.0..90.0)
        .prop_map(|(lon, lat)| Geometry::point(Position::new(lon, lat)).unwrap())
}

fn attribute_value() -> impl Strategy<Value = AttributeValue> {
    let members = json_value().prop_map(|value| match value {
        Value::Object(map) => map,
        other => [("en".to_owned(), other)].into_iter().collect(),
    });
    prop_oneof![
        json_value().prop_map(AttributeValue::Property),
        name().prop_map(|n| AttributeValue::Relationship(Uris::One(n))),
        names().prop_map(|n| AttributeValue::Relationship(Uris::Many(n))),
        geometry().prop_map(AttributeValue::Geo),
        members.prop_map(AttributeValue::Language),
        json_value().prop_map(AttributeValue::Json),
        name().prop_map(|n| AttributeValue::Vocab(Uris::One(n))),
        names().prop_map(|n| AttributeValue::Vocab(Uris::Many(n))),
        prop::collection::vec(json_value(), 0..3).prop_map(AttributeValue::List),
        names().prop_map(AttributeValue::ListRelationship),
        Just(AttributeValue::Null),
    ]
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let maybe_time = || prop::option::of(time());
    let maybe_name = || prop::option::of(name());
    let parts = (
        name(),
        attribute_value(),
        maybe_name(),
        maybe_name(),
        maybe_name(),
        names(),
    );
    let flat = (
        parts,
        maybe_time(),
        maybe_time(),
        time(),
        time(),
        any::<bool>(),
    )
        .prop_map(
            |(
                (name, value, dataset_id, unit_code, value_type, object_type),
                observed_at,
                expires_at,
                a,
                b,
                same,
            )| {
                let created_at = if same { b } else { a };
                let bare = Attribute::new(name, value);
                let sub = Vec::new();
                Attribute {
                    dataset_id,
                    unit_code,
                    value_type,
                    object_type,
                    observed_at,
                    expires_at,
                    created_at,
                    modified_at: b,
                    sub,
                    ..bare
                }
            },
        );
    flat.prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..3)).prop_map(|(mut attribute, sub)| {
            attribute.sub = sub;
            attribute
        })
    })
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    prop::collection::vec(attribute(), 0..3)
}

fn entity_change(id: Name) -> impl Strategy<Value = EntityChange> {
    let put = (
        names(),
        names(),
        time(),
        time(),
        prop::option::of(time()),
        attributes(),
    )
        .prop_map(
            move |(types, scope, created_at, modified_at, expires_at, attributes)| {
                let id = id.clone();
                EntityChange::Put(Arc::new(Entity {
                    id,
                    types,
                    scope,
                    created_at,
                    modified_at,
                    expires_at,
                    attributes,
                }))
            },
        );
    let key = (name(), prop::option::of(name()))
        .prop_map(|(name, dataset_id)| AttributeKey { name, dataset_id });
    let expires_at = prop::option::of(prop::option::of(time()));
    let patch = (
        time(),
        prop::option::of(names()),
        prop::option::of(names()),
        expires_at,
        attributes(),
        prop::collection::vec(key, 0..3),
    )
        .prop_map(
            |(modified_at, types, scope, expires_at, set, remove)| EntityChange::Patch {
                delta: Delta {
                    modified_at,
                    types,
                    scope,
                    expires_at,
                    set,
                    remove,
                },
            },
        );
    let delete = (time(), names()).prop_map(|(at, types)| EntityChange::Delete { at, types });
    prop_oneof![put, patch, delete]
}

fn edit() -> impl Strategy<Value = HistoryEdit> {
    let instance = || {
        (any::<u64>(), any::<u32>()).prop_map(|(seq, index)| InstanceId {
            seq: Seq(seq),
            index,
        })
    };
    prop_oneof![
        (names(), names(), attributes()).prop_map(|(types, scope, instances)| HistoryEdit::Add {
            types,
            scope,
            instances
        }),
        (name(), prop::option::of(prop::option::of(name())))
            .prop_map(|(name, dataset_id)| HistoryEdit::RemoveAttribute { name, dataset_id }),
        (name(), instance())
            .prop_map(|(name, instance)| HistoryEdit::RemoveInstance { name, instance }),
        (instance(), attribute()).prop_map(|(instance, attribute)| HistoryEdit::ReplaceInstance {
            instance,
            attribute
        }),
        Just(HistoryEdit::RemoveEntity),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let entity = name().prop_flat_map(|id| (Just(id.clone()), entity_change(id)));
    prop_oneof![
        entity.prop_map(|(id, change)| Act::Entity {
            id,
            expect: Expect::Any,
            change,
            around: Around::default(),
        }),
        (name(), edit()).prop_map(|(id, edit)| Act::History { id, edit }),
        (
            name(),
            name(),
            prop::option::of(json_value().prop_map(Arc::new))
        )
            .prop_map(|(kind, id, body)| Act::Doc {
                kind,
                id,
                expect: Expect::Any,
                body
            }),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let tenant = "[a-z]{0,5}".prop_map(|text| Tenant::new(&text).unwrap());
    let cursor = prop::option::of((name(), any::<u64>().prop_map(Seq)));
    (tenant, time(), prop::collection::vec(act(), 0..4), cursor).prop_map(
        |(tenant, time, acts, cursor)| Batch {
            tenant,
            time,
            acts,
            cursor,
        },
    )
}

proptest! {
    #[test]
    fn a_batch_is_read_back_as_it_was(batch in batch()) {
        let bytes = encode(&batch, &[]).unwrap();
        prop_assert_eq!(time_of(&bytes), Ok(batch.time));
        prop_assert_eq!(decode(&bytes).unwrap(), Logged::from_batch(batch, Vec::new()));
    }

    #[test]
    fn a_damaged_record_is_refused_or_read_but_never_panics(
        batch in batch(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&batch, &[]).unwrap();
        let cut = cut.index(bytes.len());
        prop_assert!(decode(&bytes[..cut]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _read_or_refused = decode(&bytes);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let with_format: Vec<u8> = std::iter::once(FORMAT).chain(bytes).collect();
        let _read_or_refused = decode(&with_format);
    }
}

use super::time as time_of;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn sample() -> Batch {
    let at = Time(1_700_000_000_000_000);
    let mut level = Attribute::new(Name::from("level"), AttributeValue::Property(json!(-3)));
    level.stamp(at, at);
    let mut near = Attribute::new(
        Name::from("near"),
        AttributeValue::Relationship(Uris::One(Name::from("urn:b"))),
    );
    near.stamp(at, at.plus_micros(2));
    near.sub = vec![level.clone()];
    let entity = Entity {
        id: Name::from("urn:a"),
        types: vec![Name::from("T")],
        scope: Vec::new(),
        created_at: at,
        modified_at: at,
        expires_at: None,
        attributes: vec![level.clone(), near],
    };
    let delta = Delta {
        modified_at: at,
        set: vec![level],
        ..Delta::default()
    };
    let of = |change| Act::Entity {
        id: Name::from("urn:a"),
        expect: Expect::Any,
        change,
        around: Around::default(),
    };
    let doc = |body: Option<Value>| Act::Doc {
        kind: Name::from("k"),
        id: Name::from("i"),
        expect: Expect::Any,
        body: body.map(Arc::new),
    };
    Batch {
        tenant: Tenant::new("city").unwrap(),
        time: at,
        acts: vec![
            of(EntityChange::Put(Arc::new(entity))),
            of(EntityChange::Patch { delta }),
            of(EntityChange::Delete {
                at,
                types: vec![Name::from("T")],
            }),
            Act::History {
                id: Name::from("urn:a"),
                edit: HistoryEdit::RemoveEntity,
            },
            doc(Some(json!({"x": [1.5, true, "y"]}))),
            doc(None),
        ],
        cursor: Some((Name::from("tail"), Seq(300))),
    }
}

#[test]
fn the_bytes_of_a_batch_are_these() {
    expect_test::expect!["018080f28183898506046369747901047461696cac0206010575726e3a610100015400000000020000056c6576656c01040500c00100046e65617202000575726e3a62010002010405000004020575726e3a6100000100020104050000030575726e3a61000101040575726e3a61050500016b016908010178070305000000000000f83f0206017906050169"].assert_eq(&hex(&encode(&sample(), &[]).unwrap()));
}

#[test]
fn a_value_too_deep_to_be_read_back_is_not_written() {
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let mut batch = sample();
    let mut attribute = Attribute::new(Name::from("a"), AttributeValue::Json(deep));
    attribute.stamp(batch.time, batch.time);
    let edit = HistoryEdit::Add {
        types: Vec::new(),
        scope: Vec::new(),
        instances: vec![attribute],
    };
    batch.acts = vec![Act::History {
        id: Name::from("urn:a"),
        edit,
    }];
    assert!(matches!(encode(&batch, &[]), Err(Error::Limit { .. })));
}

#[test]
fn a_repeated_update_is_small() {
    let mut batch = sample();
    batch.acts = (0..100)
        .map(|n| {
            let mut set = Attribute::new(
                Name::from("https://uri.etsi.org/ngsi-ld/default-context/temperature"),
                AttributeValue::Property(json!(20.5)),
            );
            set.stamp(batch.time, batch.time);
            set.observed_at = Some(batch.time);
            let delta = Delta {
                modified_at: batch.time,
                set: vec![set],
                ..Delta::default()
            };
            let change = EntityChange::Patch { delta };
            Act::Entity {
                id: Name::from(format!("urn:ngsi-ld:Sensor:{n:05}")),
                expect: Expect::Any,
                change,
                around: Around::default(),
            }
        })
        .collect();
    assert!(encode(&batch, &[]).unwrap().len() < 100 * 60);
}
