//! Laws that hold for every context and every name.

use jsonld::Context;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::local;

/// Few and short names, so that terms, prefixes and IRIs meet often.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{1,2}",
        "[ab]:[ab/]{0,2}",
        "[ab]://[ab]",
        "urn:[ab]:[ab#]{0,2}",
        "https://[ab]/[ab#:]{0,2}",
        Just("location".to_owned()),
        Just("ngsi-ld:hasValue".to_owned()),
        Just("@type".to_owned()),
        "_:[ab]",
    ]
}

fn definition() -> impl Strategy<Value = Value> {
    let object = (
        proptest::option::of(name()),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(id, prefix)| {
            let mut members = Map::new();
            members.extend(id.map(|id| ("@id".to_owned(), json!(id))));
            members.extend(prefix.map(|prefix| ("@prefix".to_owned(), json!(prefix))));
            Value::Object(members)
        });
    prop_oneof![4 => name().prop_map(Value::from), 2 => object, 1 => Just(Value::Null)]
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("@id".to_owned()),
        Just("@type".to_owned()),
        Just("@container".to_owned()),
        Just("@context".to_owned()),
        Just("@vocab".to_owned()),
        Just("@import".to_owned()),
        Just("@reverse".to_owned()),
        Just("@protected".to_owned()),
        name(),
        ".{0,4}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map(word.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_name_expands_to_compacts_to_a_name_for_the_same(
        terms in proptest::collection::hash_map(name(), definition(), 0..8),
        names in proptest::collection::vec(name(), 1..8),
    ) {
        let Ok(context) = local(&Value::Object(terms.into_iter().collect())) else { return Ok(()) };
        for name in names {
            let Ok(iri) = context.expand_term(&name) else { continue };
            let compact = context.compact_term(&iri);
            let again = context.expand_term(&compact);
            prop_assert_eq!(again.as_deref(), Ok(&*iri));
            let shared = context.expand_name(&name).unwrap();
            prop_assert_eq!(&*shared, &*iri);
        }
    }

    #[test]
    fn compacting_an_iri_of_elsewhere_keeps_it_or_names_it(
        terms in proptest::collection::hash_map(name(), definition(), 0..8),
        iri in "https://[ab]/[ab#:]{0,3}|https://uri.etsi.org/ngsi-ld/[ab:/]{0,3}",
    ) {
        let Ok(context) = local(&Value::Object(terms.into_iter().collect())) else { return Ok(()) };
        let compact = context.compact_term(&iri);
        prop_assert!(compact == iri || context.expand_term(&compact).as_deref() == Ok(&*iri));
    }

    #[test]
    fn hostile_json_is_an_error_or_a_context(value in any_json(), name in ".{0,12}") {
        if let Ok(jsonld::Resolution::Ready(context)) = Context::resolve(&value, &|_| None) {
            prop_assert_eq!(context.expand_term("location").unwrap(), "https://uri.etsi.org/ngsi-ld/location");
            if let Ok(iri) = context.expand_term(&name) {
                prop_assert!(!context.compact_term(&iri).is_empty());
            }
        }
    }
}
