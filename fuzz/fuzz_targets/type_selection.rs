//! Any text is a selection of types or an error.

#![no_main]

use std::sync::LazyLock;

use chorsu_fuzz::{NOW, city};
use jsonld::Context;
use ngsi::query::TypeExpr;
use ngsi::{Entity, Query};

static CITY: LazyLock<Vec<Entity>> = LazyLock::new(city);

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(types) = TypeExpr::parse(text, &Context::core()) else {
        return;
    };
    let query = Query {
        types: Some(types),
        now: NOW,
        ..Query::default()
    };
    for entity in CITY.iter().filter(|entity| query.matches(entity)) {
        let Some(only) = query.only_types() else {
            continue;
        };
        assert!(
            only.iter().any(|name| entity.types.contains(name)),
            "{}",
            entity.id
        );
    }
});
