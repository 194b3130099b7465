//! From IRIs back to names.

use expect_test::{Expect, expect};
use jsonld::Context;
use serde_json::{Value, json};

use super::local;

fn check(context: &Value, iris: &[&str], expected: &Expect) {
    let context = local(context).unwrap();
    let shown: Vec<_> = iris.iter().map(|iri| context.compact_term(iri)).collect();
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn terms_come_before_vocab_and_prefixes() {
    check(
        &json!({
            "ex": "https://example.org/ns#",
            "sub": "https://example.org/ns#sub/",
            "speed": "ex:speed",
            "velocity": "ex:speed",
            "area": "ex:speed",
            "kind": "@type",
        }),
        &[
            "https://example.org/ns#speed",
            "https://example.org/ns#other",
            "https://example.org/ns#sub/x",
            "https://example.org/ns#",
            "https://uri.etsi.org/ngsi-ld/default-context/free",
            "https://uri.etsi.org/ngsi-ld/location",
            "https://uri.etsi.org/ngsi-ld/later",
            "https://elsewhere.org/x",
            "@type",
            "@id",
        ],
        &expect![[r"
            area
            ex:other
            sub:x
            ex
            free
            location
            ngsi-ld:later
            https://elsewhere.org/x
            type
            id"]],
    );
}

#[test]
fn a_name_that_would_be_read_otherwise_is_not_used() {
    check(
        &json!({"free": "urn:x:free", "ex": "https://example.org/", "ex:taken": "urn:x:taken", "gone": null}),
        &[
            "https://uri.etsi.org/ngsi-ld/default-context/free",
            "https://uri.etsi.org/ngsi-ld/default-context/gone",
            "https://uri.etsi.org/ngsi-ld/default-context/location",
            "https://uri.etsi.org/ngsi-ld/default-context/@id",
            "https://uri.etsi.org/ngsi-ld/default-context/urn:a",
            "https://uri.etsi.org/ngsi-ld/default-context/",
            "https://example.org/taken",
            "https://example.org///x",
        ],
        &expect![[r"
            ngsi-ld:default-context/free
            ngsi-ld:default-context/gone
            ngsi-ld:default-context/location
            ngsi-ld:default-context/@id
            ngsi-ld:default-context/urn:a
            ngsi-ld:default-context/
            https://example.org/taken
            https://example.org///x"]],
    );
}

#[test]
fn identifiers_are_only_read_by_prefix() {
    let context = local(&json!({"ex": "https://example.org/", "speed": "ex:speed"})).unwrap();
    assert_eq!(context.expand_iri("ex:a"), "https://example.org/a");
    assert_eq!(context.expand_iri("speed"), "speed");
    assert_eq!(
        context.expand_iri("urn:ngsi-ld:Vehicle:1"),
        "urn:ngsi-ld:Vehicle:1"
    );
    assert_eq!(context.expand_iri("https://a.b/c"), "https://a.b/c");
}

#[test]
fn every_term_of_the_core_comes_back_as_itself() {
    let core = Context::core();
    for name in [
        "location",
        "observationSpace",
        "Property",
        "value",
        "Point",
        "title",
        "observedAt",
        "containedBy",
    ] {
        let iri = core.expand_name(name).unwrap();
        assert_eq!(core.compact_term(&iri), name);
    }
}
