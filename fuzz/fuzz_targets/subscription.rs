//! Any JSON is a subscription or an error; one that is shown, to its owner or in other words, reads
//! as the same.

#![no_main]

use std::sync::Arc;

use jsonld::{Context, Resolution};
use serde_json::{Value, json};
use subscriptions::model::{Kind, Spoken, Subscription};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let core = Spoken {
        context: Context::core(),
        member: json!(jsonld::CORE_URL),
    };
    for kind in [Kind::Entities, Kind::Sources] {
        let Ok(read) = Subscription::parse(value.clone(), &core, kind) else {
            continue;
        };
        let shown = read.show(&core.context, true, chorsu_fuzz::NOW);
        let again = Subscription::parse(shown.clone(), &core, kind);
        // Without an id it is not yet kept, and is shown with an empty one.
        if read.id.is_empty() {
            continue;
        }
        let again = again.unwrap_or_else(|e| panic!("{e} in our own {shown}"));
        assert_eq!(again.query, read.query);
        assert_eq!(again.watched, read.watched);
        assert_eq!(again.notification.endpoint, read.notification.endpoint);
        read.changed(shown, &core)
            .expect("what is shown can be sent back");
        // In other words it is JSON at least: they may have no short name for something.
        drop(
            read.show(&other_words(), true, chorsu_fuzz::NOW)
                .to_string(),
        );
    }
});

/// An @context that calls things otherwise.
fn other_words() -> Arc<Context> {
    let terms = json!({ "warm": "https://uri.etsi.org/ngsi-ld/default-context/heat", "ex": "https://x.org/" });
    match Context::resolve(&terms, &|_| None) {
        Ok(Resolution::Ready(context)) => context,
        _ => panic!("it needs nothing else"),
    }
}
