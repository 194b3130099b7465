//! Any text is a `q` or an error, and its answer about a city is that of the laws of a query.

#![no_main]

use std::sync::LazyLock;

use chorsu_fuzz::{NOW, city};
use jsonld::Context;
use ngsi::query::{QExpr, QOptions};
use ngsi::{Entity, Query};

static CITY: LazyLock<Vec<Entity>> = LazyLock::new(city);

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(q) = QExpr::parse(text, QOptions::default(), &Context::core()) else {
        return;
    };
    let query = Query {
        q: Some(q),
        now: NOW,
        ..Query::default()
    };
    let weaker = query.unlinked();
    assert!(!weaker.needs_linked());
    for entity in CITY.iter().filter(|entity| query.matches(entity)) {
        assert!(
            weaker.matches(entity),
            "the weaker query lacks {}",
            entity.id
        );
    }
});
