//! What is read, and what is refused and why.

use expect_test::{Expect, expect};
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::render::{Out, Renderer};
use serde_json::{Value, json};

/// Reads an entity and shows it in the normalized form, or says why it is refused.
fn check(attributes: Value, expected: &Expect) {
    expected.assert_eq(&read(Purpose::Whole, attributes));
}

fn check_refused(purpose: Purpose, body: Value, expected: &Expect) {
    let context = Context::core();
    let refused = Parser::new(&context, purpose).fragment(body);
    let error = refused.expect_err("it should be refused");
    expected.assert_eq(&error.to_string());
}

fn read(purpose: Purpose, mut body: Value) -> String {
    body["id"] = json!("urn:a");
    body["type"] = json!("T");
    let context = Context::core();
    let now = base::Time::from_seconds(0);
    match Parser::new(&context, purpose).entity(body) {
        Ok(fragment) => {
            let entity = fragment.into_entity(now).expect("it has an id");
            let mut out = Out::default();
            Renderer::new(&context, now).entity(&mut out, &entity, None);
            let text = out.into_string();
            text.replace(r#""id":"urn:a","type":"T","#, "")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_eight_kinds_are_read_in_the_normalized_form() {
    check(
        json!({"a": {"type": "Property", "value": {"x": 1}, "unitCode": "CEL",
            "observedAt": "2026-01-01T00:00:00Z"}}),
        &expect![[
            r#"{"a":{"type":"Property","value":{"x":1},"observedAt":"2026-01-01T00:00:00Z","unitCode":"CEL"}}"#
        ]],
    );
    check(
        json!({"a": {"type": "Relationship", "object": ["urn:b", "urn:c"], "objectType": "U"}}),
        &expect![[r#"{"a":{"type":"Relationship","object":["urn:b","urn:c"],"objectType":"U"}}"#]],
    );
    check(
        json!({"location": {"type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [69.24, 41.33]}}}),
        &expect![[
            r#"{"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[69.24,41.33]}}}"#
        ]],
    );
    check(
        json!({"a": {"type": "LanguageProperty", "languageMap": {"uz": "xona", "@none": ["a"]}}}),
        &expect![[
            r#"{"a":{"type":"LanguageProperty","languageMap":{"uz":"xona","@none":["a"]}}}"#
        ]],
    );
    check(
        json!({"a": {"type": "JsonProperty", "json": {"id": null, "type": [1]}}}),
        &expect![[r#"{"a":{"type":"JsonProperty","json":{"id":null,"type":[1]}}}"#]],
    );
    check(
        json!({"a": {"type": "VocabProperty", "vocab": ["Good", "https://b.example/c"]}}),
        &expect![[r#"{"a":{"type":"VocabProperty","vocab":["Good","https://b.example/c"]}}"#]],
    );
    check(
        json!({"a": {"type": "ListProperty", "valueList": [1, {"value": 2}, [3]]}}),
        &expect![[r#"{"a":{"type":"ListProperty","valueList":[1,2,[3]]}}"#]],
    );
    check(
        json!({"a": {"type": "ListRelationship", "objectList": ["urn:b", {"object": "urn:c"}]}}),
        &expect![[
            r#"{"a":{"type":"ListRelationship","objectList":[{"object":"urn:b"},{"object":"urn:c"}]}}"#
        ]],
    );
}

#[test]
fn the_concise_form_says_the_kind_by_its_members() {
    check(
        json!({
            "a": {"value": 1, "b": {"object": "urn:b"}},
            "c": {"value": {"type": "Point", "coordinates": [0, 0]}},
            "d": {"languageMap": {"en": "x"}},
            "e": {"json": {}},
            "f": {"vocab": "Good"},
            "g": {"valueList": []},
            "h": {"objectList": []},
            "i": [{"value": 1}, {"value": 2, "datasetId": "urn:d"}],
        }),
        &expect![[
            r#"{"a":{"type":"Property","value":1,"b":{"type":"Relationship","object":"urn:b"}},"c":{"type":"GeoProperty","value":{"type":"Point","coordinates":[0,0]}},"d":{"type":"LanguageProperty","languageMap":{"en":"x"}},"e":{"type":"JsonProperty","json":{}},"f":{"type":"VocabProperty","vocab":"Good"},"g":{"type":"ListProperty","valueList":[]},"h":{"type":"ListRelationship","objectList":[]},"i":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}]}"#
        ]],
    );
}

#[test]
fn plain_json_is_a_property_and_a_place_a_geo_property() {
    check(
        json!({
            "a": 1, "b": "x", "c": true, "d": [1, "x"], "e": {"street": "Navoiy"},
            "location": {"type": "Point", "coordinates": [1, 2]},
            "f": {"type": "Engine", "power": 7},
        }),
        &expect![[
            r#"{"a":{"type":"Property","value":1},"b":{"type":"Property","value":"x"},"c":{"type":"Property","value":true},"d":{"type":"Property","value":[1,"x"]},"e":{"type":"Property","value":{"street":"Navoiy"}},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}},"f":{"type":"Property","value":{"type":"Engine","power":7}}}"#
        ]],
    );
}

#[test]
fn what_only_the_node_says_is_passed_over() {
    check(
        json!({"createdAt": "x", "a": {"value": 1, "modifiedAt": 7, "instanceId": "i"}}),
        &expect![[r#"{"a":{"type":"Property","value":1}}"#]],
    );
}

#[test]
fn what_is_no_entity_is_refused() {
    use Purpose::Whole;
    for (purpose, body, expected) in [
        (Whole, json!([]), expect!["the body: must be a JSON object"]),
        (
            Whole,
            json!({"id": "no uri"}),
            expect!["id: 'no uri' is no URI: write it as urn:ngsi-ld:Room:12"],
        ),
        (
            Whole,
            json!({"id": "urn:ngsi-ld:null"}),
            expect!["id: the NGSI-LD Null names no entity"],
        ),
        (
            Whole,
            json!({"type": []}),
            expect!["type: must be a string or an array of strings"],
        ),
        (
            Whole,
            json!({"type": "<x>"}),
            expect![
                "type: '<x>' is no name: it must begin with a letter and have letters, digits and '_'"
            ],
        ),
        (
            Whole,
            json!({"scope": "9"}),
            expect![
                "scope: '9' is no scope: write it as /Madrid/Gardens, each level beginning with a letter"
            ],
        ),
        (
            Whole,
            json!({"expiresAt": "tomorrow"}),
            expect!["expiresAt: must be a UTC date-time such as 2026-11-22T08:30:00Z"],
        ),
        (
            Whole,
            json!({"9a": 1}),
            expect![
                "9a: '9a' is no name: it must begin with a letter and have letters, digits and '_'"
            ],
        ),
    ] {
        check_refused(purpose, body, &expected);
    }
}

#[test]
fn what_is_no_name_is_refused() {
    use Purpose::Whole;
    for (purpose, body, expected) in [
        (
            Whole,
            json!({"observedAt": 1}),
            expect!["observedAt: is a term of the core @context and cannot name an attribute"],
        ),
        (
            Whole,
            json!({"ngsi-ld:hasValue": 1}),
            expect![
                "ngsi-ld:hasValue: stands for a term of the core @context and cannot name an attribute"
            ],
        ),
        (
            Whole,
            json!({"https://uri.etsi.org/ngsi-ld/scope": 1}),
            expect![
                "https://uri.etsi.org/ngsi-ld/scope: stands for a term of the core @context and cannot name an attribute"
            ],
        ),
    ] {
        check_refused(purpose, body, &expected);
    }
}

#[test]
fn a_null_where_nothing_can_be_deleted_is_refused() {
    use Purpose::{Update, Whole};
    for (purpose, body, expected) in [
        (
            Whole,
            json!({"a": null}),
            expect!["a: null is no value; to delete write 'urn:ngsi-ld:null'"],
        ),
        (
            Whole,
            json!({"a": "urn:ngsi-ld:null"}),
            expect!["a: 'urn:ngsi-ld:null' can only delete in an update or merge"],
        ),
        (
            Whole,
            json!({"a": {"value": null}}),
            expect!["a.value: null is no value"],
        ),
        (
            Whole,
            json!({"a": {"value": {"b": "urn:ngsi-ld:null"}}}),
            expect!["a.value: 'urn:ngsi-ld:null' cannot stand within a value"],
        ),
        (
            Update,
            json!({"a": {"value": {"b": "urn:ngsi-ld:null"}}}),
            expect!["a.value: 'urn:ngsi-ld:null' cannot stand within a value"],
        ),
    ] {
        check_refused(purpose, body, &expected);
    }
}

#[test]
fn members_that_do_not_fit_the_kind_are_refused() {
    use Purpose::Whole;
    for (purpose, body, expected) in [
        (
            Whole,
            json!({"a": {"type": "Property"}}),
            expect!["a.value: is missing; a Property needs it"],
        ),
        (
            Whole,
            json!({"a": {"type": "Thing", "value": 1}}),
            expect!["a.type: must be Property, Relationship or one of their kin"],
        ),
        (
            Whole,
            json!({"a": {"type": "Property", "object": "urn:b"}}),
            expect!["a.object: cannot stand in a Property"],
        ),
        (
            Whole,
            json!({"a": {"value": 1, "object": "urn:b"}}),
            expect!["a.object: cannot stand in a Property"],
        ),
        (
            Whole,
            json!({"a": {"value": 1, "previousValue": 2}}),
            expect!["a.previousValue: cannot stand in a Property"],
        ),
        (
            Whole,
            json!({"a": {"value": 1, "@context": {}}}),
            expect!["a.@context: cannot stand within an attribute"],
        ),
        (
            Whole,
            json!({"a": {"value": 1, "entity": {}}}),
            expect!["a.entity: a linked entity is written on its own"],
        ),
    ] {
        check_refused(purpose, body, &expected);
    }
}

#[test]
fn what_is_no_relationship_is_refused() {
    use Purpose::Whole;
    for (purpose, body, expected) in [
        (
            Whole,
            json!({"a": {"object": "b"}}),
            expect!["a.object: 'b' is no URI: write it as urn:ngsi-ld:Room:12"],
        ),
        (
            Whole,
            json!({"a": {"object": 1}}),
            expect!["a.object: must be a string or an array of strings"],
        ),
        (
            Whole,
            json!({"a": {"object": "urn:b", "unitCode": "CEL"}}),
            expect!["a.unitCode: only properties with a value have a unit"],
        ),
    ] {
        check_refused(purpose, body, &expected);
    }
}

#[test]
fn values_that_do_not_fit_the_kind_are_refused() {
    use Purpose::Whole;
    for (purpose, body, expected) in [
        (
            Whole,
            json!({"a": {"languageMap": {"e n": "x"}}}),
            expect!["a.languageMap.e n: is no language tag such as en, zh-CN or @none"],
        ),
        (
            Whole,
            json!({"a": {"languageMap": {"en": 1}}}),
            expect!["a.languageMap.en: must be a string or an array of strings"],
        ),
        (
            Whole,
            json!({"a": {"languageMap": {"en": "x"}, "valueType": "y"}}),
            expect!["a.valueType: of a LanguageProperty is langString"],
        ),
        (
            Whole,
            json!({"a": {"json": 1}}),
            expect!["a.json: must be a JSON object or an array of objects"],
        ),
        (
            Whole,
            json!({"a": {"valueList": 1}}),
            expect!["a.valueList: must be an array"],
        ),
        (
            Whole,
            json!({"a": {"objectList": [1]}}),
            expect!["a.objectList: must be a URI in a string"],
        ),
        (
            Whole,
            json!({"a": {"type": "GeoProperty", "value": 1}}),
            expect!["a.value: a GeoJSON geometry is an object with `type` and `coordinates`"],
        ),
        (
            Whole,
            json!({"location": 1}),
            expect!["location: is a GeoProperty by the core @context"],
        ),
    ] {
        check_refused(purpose, body, &expected);
    }
}

#[test]
fn metadata_and_depths_out_of_bounds_are_refused() {
    use Purpose::{Merge, Temporal, Whole};
    let deep = (0..10).fold(
        json!({"value": 1}),
        |inner, _| json!({"value": 1, "s": inner}),
    );
    let many: serde_json::Map<_, _> = (0..300).map(|n| (format!("s{n}"), json!(n))).collect();
    let mut many = Value::Object(many);
    many["value"] = json!(1);
    for (purpose, body, expected) in [
        (
            Whole,
            json!({"a": {"value": 1, "datasetId": "x"}}),
            expect!["a.datasetId: 'x' is no URI: write it as urn:ngsi-ld:Room:12"],
        ),
        (
            Whole,
            json!({"a": {"value": 1, "observedAt": "2026-01-01T00:00:00+05:00"}}),
            expect!["a.observedAt: must be a UTC date-time such as 2026-11-22T08:30:00Z"],
        ),
        (
            Whole,
            json!({"a": [{"value": 1}, {"value": 2}]}),
            expect![
                "https://uri.etsi.org/ngsi-ld/default-context/a: has two instances with the same datasetId: give each its own"
            ],
        ),
        (
            Merge,
            json!({"a": {"value": 1, "datasetId": "urn:ngsi-ld:null"}}),
            expect!["a.datasetId: a dataset cannot be deleted by its id"],
        ),
        (
            Temporal,
            json!({"a": {"value": 1, "b": {"value": "urn:ngsi-ld:null"}}}),
            expect!["a.b: only an attribute of the entity can be said to have been deleted"],
        ),
        (
            Whole,
            json!({"a": deep}),
            expect!["a.s: attributes of attributes go at most 8 deep"],
        ),
        (
            Whole,
            json!({"a": many}),
            expect!["a: there must be 1 to 256 sub-attributes"],
        ),
    ] {
        check_refused(purpose, body, &expected);
    }
}
