//! Any `@context` is a context or an error, and what it expands it compacts back.

#![no_main]

use std::sync::Arc;

use jsonld::{Context, Resolution};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    // Every remote document is this one: it may include itself.
    let remote = Arc::new(value.clone());
    let Ok(Resolution::Ready(context)) = Context::resolve(&value, &|_| Some(Arc::clone(&remote)))
    else {
        return;
    };
    let terms: Vec<String> = context
        .user_terms()
        .map(|(name, _)| name.to_string())
        .collect();
    for term in terms {
        let Ok(iri) = context.expand_term(&term) else {
            continue;
        };
        let compact = context.compact_term(&iri);
        assert_eq!(
            context.expand_term(&compact).as_deref(),
            Ok(&*iri),
            "{term} by way of {compact}"
        );
    }
});
