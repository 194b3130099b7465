//! What is found is what a look at every entity finds, whatever the query and the history.

use base::{Seq, Time};
use jsonld::Context;
use ngsi::query::{GeoQuery, Pattern, QExpr, QOptions, ScopeExpr, Selector, TypeExpr};
use ngsi::{Attribute, Delta, Entity};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::state::codec::tests::entities;
use crate::state::{Stored, decode, encode};

const NAME: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

fn context() -> std::sync::Arc<Context> {
    Context::core()
}

fn literals() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..40_u8).prop_map(|n| n.to_string()),
        (-1000_i32..1000).prop_map(|n| (f64::from(n) / 10.0).to_string()),
        "\"[a-d]{0,2}\"",
        "\"urn:ngsi-ld:[A-C]:[0-9]\"",
        "(true|false)",
        "2020-01-0[1-4]T0[0-3]:00:00Z",
        "2020-01-0[1-4]",
        "0[0-9]:00:00Z",
    ]
}

fn terms() -> impl Strategy<Value = String> {
    let path = (
        "[a-f]",
        prop_oneof![
            8 => Just(String::new()),
            1 => "\\[[a-c]\\]",
            1 => "[.][a-f]",
            1 => Just(".observedAt".to_owned()),
        ],
    );
    let test = prop_oneof![
        1 => Just(String::new()),
        6 => literals().prop_map(|l| format!("=={l}")),
        1 => literals().prop_map(|l| format!("!={l}")),
        4 => ("(<|<=|>|>=)", literals()).prop_map(|(op, l)| format!("{op}{l}")),
        2 => (literals(), literals()).prop_map(|(a, b)| format!("=={a}..{b}")),
        2 => (literals(), literals()).prop_map(|(a, b)| format!("=={a},{b}")),
        1 => Just("~=\"^[a-b]\"".to_owned()),
    ];
    (any::<prop::sample::Index>(), path, test).prop_map(|(index, (name, rest), test)| {
        let not = if index.index(8) == 0 && test.is_empty() {
            "!"
        } else {
            ""
        };
        format!("{not}{name}{rest}{test}")
    })
}

fn q() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => terms().boxed(),
        1 => (terms().boxed(), terms().boxed()).prop_map(|(a, b)| format!("{a};{b}")),
        1 => (terms().boxed(), terms().boxed()).prop_map(|(a, b)| format!("{a}|{b}")),
        1 => (terms().boxed(), terms().boxed(), terms().boxed()).prop_map(|(a, b, c)| format!("({a}|{b});{c}")),
    ]
}

fn geo() -> impl Strategy<Value = GeoQuery> {
    let place = (-5_i32..5, -5_i32..5);
    let relation = prop_oneof![
        Just("near;maxDistance==300000"),
        Just("near;minDistance==300000"),
        Just("within"),
        Just("intersects"),
        Just("disjoint"),
        Just("equals"),
    ];
    ("[a-f]", place, relation, any::<bool>()).prop_map(|(name, (x, y), relation, area)| {
        let (kind, coordinates) = if area {
            (
                "Polygon",
                json!([[[x, y], [x + 3, y], [x + 3, y + 3], [x, y + 3], [x, y]]]),
            )
        } else {
            ("Point", json!([x, y]))
        };
        GeoQuery::parse(relation, kind, &coordinates, Some(&name), &context()).unwrap()
    })
}

fn selectors() -> impl Strategy<Value = Selector> {
    let ids = prop::collection::vec("urn:ngsi-ld:[A-C]:[0-9]{1,2}".prop_map(Name::from), 0..3);
    (
        ids,
        prop::option::of("[T-W]"),
        prop::option::weighted(0.2, "[A-C]"),
    )
        .prop_map(|(ids, kind, pattern)| Selector {
            ids,
            id_pattern: pattern.map(|text| Pattern::parse("idPattern", &text).unwrap()),
            types: kind.map(|text| TypeExpr::parse(&text, &context()).unwrap()),
        })
}

fn queries() -> impl Strategy<Value = Query> {
    let ids = prop::collection::vec("urn:ngsi-ld:[A-C]:[0-9]{1,2}".prop_map(Name::from), 0..4);
    let some = prop::option::weighted::<BoxedStrategy<String>>;
    let types = prop_oneof![
        3 => "[T-W]",
        1 => "[T-W],[T-W]",
        1 => "\\([T-W];[T-W]\\)",
        1 => Just("*".to_owned()),
    ];
    let attrs = prop::collection::vec("[a-f]".prop_map(|n| Name::from(format!("{NAME}{n}"))), 0..2);
    (
        prop_oneof![4 => Just(Vec::new()), 1 => ids],
        some(0.2, "urn:ngsi-ld:[A-C]:[0-9]".boxed()),
        some(0.5, types.boxed()),
        prop_oneof![3 => Just(Vec::new()), 1 => attrs],
        some(0.6, q().boxed()),
        some(
            0.2,
            "/[a-c](/(#|[+]|[a-c]))?".prop_map(String::from).boxed(),
        ),
        prop::option::weighted(0.3, geo().boxed()),
        prop_oneof![5 => Just(Vec::new()), 1 => prop::collection::vec(selectors(), 1..3)],
        prop_oneof![Just(Time(0)), Just(Time::from_seconds(2)), Just(Time::MIN)],
    )
        .prop_map(
            |(ids, pattern, types, attrs, q, scope, geo, selectors, now)| Query {
                ids,
                id_pattern: pattern.map(|text| Pattern::parse("idPattern", &text).unwrap()),
                types: types.map(|text| TypeExpr::parse(&text, &context()).unwrap()),
                attrs,
                // Some of the drawn texts are refused: ends of a range of two kinds, booleans in order.
                q: q.and_then(|text| QExpr::parse(&text, QOptions::default(), &context()).ok()),
                scope: scope.map(|text| ScopeExpr::parse(&text).unwrap()),
                geo,
                selectors,
                now,
            },
        )
}

/// All pages of a search, read with a small page and budget.
fn paged(world: &World, query: &Query, limit: usize, budget: usize) -> Vec<Name> {
    let mut ids: Vec<Name> = Vec::new();
    let mut after: Option<Name> = None;
    loop {
        let found = world.find(query, after.as_deref(), limit, budget).unwrap();
        assert!(found.entities.len() <= limit);
        ids.extend(
            found
                .entities
                .iter()
                .map(|versioned| versioned.entity.id.clone()),
        );
        let full = found.entities.len() == limit;
        after = match found.resume {
            Some(id) => Some(id),
            None if full => ids.last().cloned(),
            None => return ids,
        };
    }
}

fn counted(world: &World, query: &Query, budget: usize) -> u64 {
    let mut counted = world.count(query, None, budget).unwrap();
    let mut sum = counted.count;
    while let Some(id) = counted.resume.take() {
        counted = world.count(query, Some(&id), budget).unwrap();
        sum += counted.count;
    }
    sum
}

/// The attributes of `before` with the values that `other` has of the same kind, if it has one.
fn revalued(before: &Entity, other: &Entity) -> Vec<Attribute> {
    let value = |a: &Attribute| {
        let same = other
            .attributes
            .iter()
            .find(|b| b.value.kind() == a.value.kind());
        same.map(|b| Attribute {
            value: b.value.clone(),
            ..a.clone()
        })
    };
    before.attributes.iter().filter_map(value).collect()
}

fn loaded(entities: &[Entity]) -> World {
    let mut dictionary = crate::state::Dictionary::default();
    let stored = entities.iter().map(|entity| {
        let mut bytes = Vec::new();
        encode(entity, &mut dictionary, &mut bytes);
        Stored {
            seq: Seq(1),
            bytes: bytes.into_boxed_slice(),
        }
    });
    let stored = stored.collect();
    World::load(dictionary, stored).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_search_finds_what_a_look_at_every_entity_finds(
        first in prop::collection::vec(entities().boxed(), 0..40),
        then in prop::collection::vec((entities().boxed(), 0..5_u8), 0..60),
        at_once in 1_usize..8,
        queries in prop::collection::vec(queries().boxed(), 1..12),
        limit in 1_usize..8,
        budget in 1_usize..40,
    ) {
        let mut model: std::collections::BTreeMap<Name, Entity> =
            first.into_iter().map(|entity| (entity.id.clone(), entity)).collect();
        let mut world = loaded(&model.values().cloned().collect::<Vec<_>>());
        for (seq, changes) in (2..).zip(then.chunks(at_once)) {
            let mut edit = world.edit(changes.iter().map(|(entity, _)| &*entity.id));
            for (entity, what) in changes {
                let id = &entity.id;
                match (what, model.get_mut(id)) {
                    (0, before) => {
                        prop_assert_eq!(edit.remove(id).unwrap(), before.is_some());
                        model.remove(id);
                    }
                    (1, Some(before)) => {
                        let delta = Delta::between(before, entity);
                        prop_assert!(edit.patch(id, &delta, Seq(seq)).unwrap());
                        delta.apply(before);
                    }
                    (2, Some(before)) => {
                        // Other values, everything else as it was.
                        let set = revalued(before, entity);
                        let delta = Delta { modified_at: entity.modified_at, set, ..Delta::default() };
                        prop_assert!(edit.patch(id, &delta, Seq(seq)).unwrap());
                        delta.apply(before);
                    }
                    _ => {
                        edit.put(entity, Seq(seq)).unwrap();
                        prop_assert_eq!(edit.seq(id), Some(Seq(seq)));
                        model.insert(id.clone(), entity.clone());
                    }
                }
            }
        }
        prop_assert_eq!(world.len(), model.len());
        for query in &queries {
            let expected: Vec<&Name> =
                model.values().filter(|entity| query.matches(entity)).map(|e| &e.id).collect();
            let found = paged(&world, query, limit, budget);
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected.clone(), "{:?}", query);
            let all = world.find(query, None, usize::MAX, usize::MAX).unwrap();
            prop_assert_eq!(all.entities.len(), expected.len());
            prop_assert_eq!(counted(&world, query, budget), expected.len() as u64);
        }
        let fresh = loaded(&model.values().cloned().collect::<Vec<_>>());
        prop_assert_eq!(world.census(), fresh.census());
        let stored = world.stored(None).map(|(_, bytes)| decode(bytes, world.dictionary()).unwrap());
        prop_assert!(stored.eq(model.into_values()));
    }
}
