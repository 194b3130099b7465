//! What definitions mean, and which are refused.

use std::borrow::Cow;

use expect_test::{Expect, expect};
use jsonld::{Coercion, Context, Error};
use serde_json::{Value, json};

use super::local;

/// Shows how names are read in a context.
fn check(context: &Value, names: &[&str], expected: &Expect) {
    let context = local(context).unwrap();
    let read = |name: &str| {
        context
            .expand_term(name)
            .map_or_else(|fault| format!("! {fault}"), Cow::into_owned)
    };
    let shown: Vec<String> = names
        .iter()
        .map(|name| format!("{name} = {}", read(name)))
        .collect();
    expected.assert_eq(&shown.join("\n"));
}

fn check_refused(contexts: &[Value], expected: &Expect) {
    let fault = |context| local(context).unwrap_err().to_string();
    expected.assert_eq(&contexts.iter().map(fault).collect::<Vec<_>>().join("\n"));
}

#[test]
fn names_are_read_by_term_prefix_iri_and_vocab() {
    check(
        &json!({
            "ex": "https://example.org/ns#",
            "speed": "ex:speed",
            "Vehicle": {"@id": "ex:Vehicle"},
            "ex:odd": "https://example.org/odd",
            "late": "soon:late",
            "soon": "https://example.org/soon/",
        }),
        &[
            "speed",
            "Vehicle",
            "ex:any",
            "ex:odd",
            "late",
            "other",
            "location",
            "urn:ngsi-ld:x",
            "https://a.b/c",
            "ex://a",
            "a b:c",
        ],
        &expect![[r"
            speed = https://example.org/ns#speed
            Vehicle = https://example.org/ns#Vehicle
            ex:any = https://example.org/ns#any
            ex:odd = https://example.org/odd
            late = https://example.org/soon/late
            other = https://uri.etsi.org/ngsi-ld/default-context/other
            location = https://uri.etsi.org/ngsi-ld/location
            urn:ngsi-ld:x = urn:ngsi-ld:x
            https://a.b/c = https://a.b/c
            ex://a = ex://a
            a b:c = https://uri.etsi.org/ngsi-ld/default-context/a b:c"]],
    );
}

#[test]
fn keywords_their_aliases_and_null_name_nothing() {
    check(
        &json!({"kind": "@type", "gone": null, "gone2": {"@id": null}, "parent": {"@reverse": "urn:x:child"}}),
        &[
            "", "@id", "@unknown", "id", "type", "kind", "gone", "gone2", "parent", "@1",
        ],
        &expect![[r#"
             = ! a name must not be empty
            @id = ! "@id" is a JSON-LD keyword or an alias of one: it cannot name an attribute or a type
            @unknown = ! "@unknown" is a JSON-LD keyword or an alias of one: it cannot name an attribute or a type
            id = ! "id" is a JSON-LD keyword or an alias of one: it cannot name an attribute or a type
            type = ! "type" is a JSON-LD keyword or an alias of one: it cannot name an attribute or a type
            kind = ! "kind" is a JSON-LD keyword or an alias of one: it cannot name an attribute or a type
            gone = ! @context gives "gone" no meaning (null or @reverse): define it, or use another name
            gone2 = ! @context gives "gone2" no meaning (null or @reverse): define it, or use another name
            parent = ! @context gives "parent" no meaning (null or @reverse): define it, or use another name
            @1 = https://uri.etsi.org/ngsi-ld/default-context/@1"#]],
    );
}

#[test]
fn the_core_prevails_over_every_user_context() {
    let context = json!([
        {"@vocab": "https://example.org/v/", "location": "urn:x:loc", "ngsi-ld": "urn:x:", "mine": {"@type": "@id"}, "id": "urn:x:id"},
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld",
        {"value": null},
    ]);
    check(
        &context,
        &["location", "ngsi-ld:x", "mine", "undefined", "value", "id"],
        &expect![[r#"
            location = https://uri.etsi.org/ngsi-ld/location
            ngsi-ld:x = https://uri.etsi.org/ngsi-ld/x
            mine = https://example.org/v/mine
            undefined = https://uri.etsi.org/ngsi-ld/default-context/undefined
            value = https://uri.etsi.org/ngsi-ld/hasValue
            id = ! "id" is a JSON-LD keyword or an alias of one: it cannot name an attribute or a type"#]],
    );
}

#[test]
fn later_definitions_override_earlier_ones_and_null_forgets() {
    check(
        &json!([{"a": "urn:x:1"}, {"a": "urn:x:2"}]),
        &["a"],
        &expect!["a = urn:x:2"],
    );
    check(
        &json!([{"a": "urn:x:1"}, null, {"b": "urn:x:2"}]),
        &["a", "b"],
        &expect![[r"
            a = https://uri.etsi.org/ngsi-ld/default-context/a
            b = urn:x:2"]],
    );
}

#[test]
fn only_fitting_terms_are_prefixes() {
    check(
        &json!({
            "simple": "urn:x:",
            "word": "urn:x:word",
            "long": {"@id": "urn:y:"},
            "stated": {"@id": "urn:z", "@prefix": true},
            "denied": {"@id": "urn:z:", "@prefix": false},
        }),
        &["simple:a", "word:a", "long:a", "stated:a", "denied:a"],
        &expect![[r"
            simple:a = urn:x:a
            word:a = word:a
            long:a = long:a
            stated:a = urn:za
            denied:a = denied:a"]],
    );
}

#[test]
fn published_names_and_iris_with_slashes_and_spaces_are_taken() {
    check(
        &json!({"CCS/SAE": "https://example.org/CCS/SAE", "a b": "https://example.org/#a b"}),
        &["CCS/SAE", "a b", "https://example.org/#c d"],
        &expect![[r"
            CCS/SAE = https://example.org/CCS/SAE
            a b = https://example.org/#a b
            https://example.org/#c d = https://example.org/#c d"]],
    );
}

#[test]
fn coercions_and_containers_are_told() {
    let context = local(&json!({
        "when": {"@id": "urn:x:when", "@type": "DateTime"},
        "who": {"@type": "@id", "@container": ["@set", "@index"]},
        "colour": {"@type": "@vocab"},
        "raw": {"@type": "@json"},
        "plain": "urn:x:plain",
    }))
    .unwrap();
    let date_time = Coercion::Iri("https://uri.etsi.org/ngsi-ld/DateTime".into());
    assert_eq!(context.coercion("when"), Some(&date_time));
    assert_eq!(context.coercion("observedAt"), Some(&date_time));
    assert_eq!(context.coercion("who"), Some(&Coercion::Id));
    assert_eq!(context.coercion("colour"), Some(&Coercion::Vocab));
    assert_eq!(context.coercion("raw"), Some(&Coercion::Json));
    assert_eq!(context.coercion("plain"), None);
    assert_eq!(context.coercion("unknown"), None);
    assert!(context.container("who").has("@set") && context.container("who").has("@index"));
    assert!(!context.container("who").has("@list"));
    assert!(context.container("languageMap").has("@language"));
    assert!(context.container("plain").is_empty());
    assert_eq!(context.keyword("id"), Some("@id"));
    assert_eq!(context.keyword("plain"), None);
}

#[test]
fn what_is_no_context_is_refused() {
    check_refused(
        &[
            json!(42),
            json!(true),
            json!([
                "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
                7
            ]),
            json!("ContextURI"),
            json!("file:///etc/passwd"),
        ],
        &expect![[r#"
            @context must be a URL, an object of terms, an array of these, or null; it holds a number
            @context must be a URL, an object of terms, an array of these, or null; it holds a boolean
            @context must be a URL, an object of terms, an array of these, or null; it holds a number
            @context names "ContextURI": give the absolute http or https URL of a JSON-LD context
            @context names "file:///etc/passwd": give the absolute http or https URL of a JSON-LD context"#]],
    );
}

#[test]
fn faulty_definitions_are_refused_with_what_to_write() {
    check_refused(
        &[
            json!({"a": 1}),
            json!({"a": {"@id": 1}}),
            json!({"a": {"id": "urn:x:y"}}),
            json!({"a": {"@type": "@list"}}),
            json!({"a": {"@container": "@bag"}}),
            json!({"": "urn:x:y"}),
            json!({"@id": "urn:x:y"}),
            json!({"@version": 1.0}),
            json!({"@vocab": "@type"}),
            json!({"@vocab": null, "a": {}}),
            json!({"a": "b:x", "b": "a:y"}),
            json!({"a": "a:x"}),
            json!([{"a": {"@id": "urn:x:1", "@protected": true}}, {"a": "urn:x:2"}]),
            json!([{"@protected": true, "a": "urn:x:1"}, null]),
        ],
        &expect![[r#"
            @context defines "a" wrongly: give an IRI, an object with "@id", or null
            @context defines "a" wrongly: its @id must be an IRI or null
            @context defines "a" wrongly: only @id, @type, @container and the other members of JSON-LD are allowed
            @context defines "a" wrongly: its @type must be @id, @vocab, @json, @none, or the IRI of a data type
            @context defines "a" wrongly: its @container must be @list, @set, @language, @index, @id, @type or @graph
            @context defines "" wrongly: a term must not be empty
            @context defines "@id" wrongly: this keyword cannot be defined so; leave it out
            @context defines "@version" wrongly: this keyword cannot be defined so; leave it out
            @context defines "@vocab" wrongly: its value must be an IRI
            @context defines "a" wrongly: it has no @id, and there is no @vocab to put before it
            the term "a" is defined by itself: write its full IRI
            the term "a" is defined by itself: write its full IRI
            @context defines the protected term "a" anew: leave that definition out
            @context defines the protected term "a" anew: leave that definition out"#]],
    );
}

#[test]
fn a_protected_term_may_be_said_again() {
    check(
        &json!([{"@protected": true, "a": "urn:x:1"}, {"a": "urn:x:1"}]),
        &["a"],
        &expect!["a = urn:x:1"],
    );
}

#[test]
fn long_chains_and_long_names_are_refused_not_followed() {
    let chain: serde_json::Map<String, Value> = (0..10_000)
        .map(|n| (format!("t{n}"), json!(format!("t{}:", n + 1))))
        .collect();
    assert_eq!(
        local(&Value::Object(chain)).unwrap_err(),
        Error::Chain("t64".to_owned())
    );
    let long = "x".repeat(3_000);
    assert_eq!(
        local(&json!({long.as_str(): "urn:x:y"})).unwrap_err(),
        Error::Long
    );
    assert_eq!(
        local(&json!({"a": format!("urn:{long}")})).unwrap_err(),
        Error::Long
    );
    assert_eq!(Context::core().expand_term(&long), Err(Error::Long));
    let many: serde_json::Map<String, Value> = (0..40_000)
        .map(|n| (format!("t{n}"), json!("urn:x:y")))
        .collect();
    assert_eq!(local(&Value::Object(many)).unwrap_err(), Error::Terms);
}

/// 120 contexts made by chance, each with what names mean in it according to PyLD 3.3, an independent JSON-LD
/// processor, when the core is put before and behind the context; null where a name means nothing or a keyword.
#[test]
fn names_mean_what_another_processor_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("reads.json")).unwrap();
    assert_eq!(cases.len(), 120);
    for case in cases {
        let context = local(&case["context"]).unwrap();
        for (name, iri) in case["reads"].as_object().unwrap() {
            let read = context.expand_term(name).ok();
            assert_eq!(
                read.as_deref(),
                iri.as_str(),
                "{name} in {}",
                case["context"]
            );
        }
    }
}
