//! What is shown, in every representation.

use std::collections::HashMap;
use std::sync::Arc;

use base::Time;
use expect_test::{Expect, expect};
use jsonld::Context;
use ngsi::Entity;
use ngsi::parse::{Parser, Purpose};
use ngsi::query::Projection;
use ngsi::render::{Format, Languages, Linked, Out, Renderer};
use serde_json::{Value, json};

const NOW: Time = Time(1_000_000);

fn entity(body: Value) -> Entity {
    let context = Context::core();
    let fragment = Parser::new(&context, Purpose::Whole).entity(body);
    let entity = fragment.expect("an entity").into_entity(Time(0));
    entity.expect("it has an id")
}

fn room() -> Entity {
    entity(json!({
        "id": "urn:a", "type": ["T", "U"], "scope": ["/A", "/B"],
        "n": {"value": 1, "unitCode": "CEL", "observedAt": "2026-01-01T00:00:00Z", "q": {"value": 0.5}},
        "m": [{"value": 1}, {"value": {"x": 2}, "datasetId": "urn:d"}],
        "l": {"languageMap": {"en": "x", "uz": "y"}},
        "v": {"vocab": "Good"},
        "j": {"json": {"k": null}},
        "s": {"valueList": [1, 2]},
        "r": {"object": "urn:b", "objectType": "T"},
        "rs": {"objectList": ["urn:b", "urn:c"]},
        "arr": {"value": [{"value": 1}]},
        "gone": {"value": 1, "expiresAt": "1970-01-01T00:00:01Z"},
        "location": {"type": "Point", "coordinates": [69.25, 41.5]},
    }))
}

fn check(change: impl FnOnce(&mut Renderer<'_>), expected: &Expect) {
    let context = Context::core();
    let mut renderer = Renderer::new(&context, NOW);
    change(&mut renderer);
    let mut out = Out::default();
    renderer.entity(&mut out, &room(), None);
    let text = out.into_string();
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(value["gone"], Value::Null, "what has expired is not shown");
    expected.assert_eq(&text);
}

#[test]
fn every_representation_shows_all_kinds() {
    check(
        |_| {},
        &expect![[
            r#"{"id":"urn:a","type":["T","U"],"scope":["/A","/B"],"n":{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z","unitCode":"CEL","q":{"type":"Property","value":0.5}},"m":[{"type":"Property","value":1},{"type":"Property","value":{"x":2},"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"v":{"type":"VocabProperty","vocab":"Good"},"j":{"type":"JsonProperty","json":{"k":null}},"s":{"type":"ListProperty","valueList":[1,2]},"r":{"type":"Relationship","object":"urn:b","objectType":"T"},"rs":{"type":"ListRelationship","objectList":[{"object":"urn:b"},{"object":"urn:c"}]},"arr":{"type":"Property","value":[{"value":1}]},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[69.25,41.5]}}}"#
        ]],
    );
    check(
        |r| r.format = Format::Concise,
        &expect![[
            r#"{"id":"urn:a","type":["T","U"],"scope":["/A","/B"],"n":{"value":1,"observedAt":"2026-01-01T00:00:00Z","unitCode":"CEL","q":0.5},"m":[{"value":1},{"value":{"x":2},"datasetId":"urn:d"}],"l":{"languageMap":{"en":"x","uz":"y"}},"v":{"vocab":"Good"},"j":{"json":{"k":null}},"s":{"valueList":[1,2]},"r":{"object":"urn:b","objectType":"T"},"rs":{"objectList":["urn:b","urn:c"]},"arr":{"value":[{"value":1}]},"location":{"type":"Point","coordinates":[69.25,41.5]}}"#
        ]],
    );
    check(
        |r| r.format = Format::Simplified,
        &expect![[
            r#"{"id":"urn:a","type":["T","U"],"scope":["/A","/B"],"n":1,"m":{"dataset":{"@none":1,"urn:d":{"x":2}}},"l":{"languageMap":{"en":"x","uz":"y"}},"v":{"vocab":"Good"},"j":{"json":{"k":null}},"s":[1,2],"r":"urn:b","rs":["urn:b","urn:c"],"arr":[{"value":1}],"location":{"type":"Point","coordinates":[69.25,41.5]}}"#
        ]],
    );
}

#[test]
fn a_language_asked_for_makes_a_property() {
    let languages = Languages::parse("uz");
    check(
        |r| r.languages = Some(languages.clone()),
        &expect![[
            r#"{"id":"urn:a","type":["T","U"],"scope":["/A","/B"],"n":{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z","unitCode":"CEL","q":{"type":"Property","value":0.5}},"m":[{"type":"Property","value":1},{"type":"Property","value":{"x":2},"datasetId":"urn:d"}],"l":{"type":"Property","value":"y","lang":"uz"},"v":{"type":"VocabProperty","vocab":"Good"},"j":{"type":"JsonProperty","json":{"k":null}},"s":{"type":"ListProperty","valueList":[1,2]},"r":{"type":"Relationship","object":"urn:b","objectType":"T"},"rs":{"type":"ListRelationship","objectList":[{"object":"urn:b"},{"object":"urn:c"}]},"arr":{"type":"Property","value":[{"value":1}]},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[69.25,41.5]}}}"#
        ]],
    );
    check(
        |r| {
            r.languages = Some(languages);
            r.format = Format::Simplified;
        },
        &expect![[
            r#"{"id":"urn:a","type":["T","U"],"scope":["/A","/B"],"n":1,"m":{"dataset":{"@none":1,"urn:d":{"x":2}}},"l":"y","v":{"vocab":"Good"},"j":{"json":{"k":null}},"s":[1,2],"r":"urn:b","rs":["urn:b","urn:c"],"arr":[{"value":1}],"location":{"type":"Point","coordinates":[69.25,41.5]}}"#
        ]],
    );
}

#[test]
fn system_attributes_are_shown_when_asked_for() {
    let context = Context::core();
    let small = entity(
        json!({"id": "urn:a", "type": "T", "n": {"value": 1, "q": 2},
        "expiresAt": "2030-01-01T00:00:00Z"}),
    );
    for (format, expected) in [
        (
            Format::Normalized,
            expect![[
                r#"{"id":"urn:a","type":"T","createdAt":"1970-01-01T00:00:00Z","modifiedAt":"1970-01-01T00:00:00Z","expiresAt":"2030-01-01T00:00:00Z","n":{"type":"Property","value":1,"createdAt":"1970-01-01T00:00:00Z","modifiedAt":"1970-01-01T00:00:00Z","q":{"type":"Property","value":2,"createdAt":"1970-01-01T00:00:00Z","modifiedAt":"1970-01-01T00:00:00Z"}}}"#
            ]],
        ),
        (
            Format::Concise,
            expect![[
                r#"{"id":"urn:a","type":"T","createdAt":"1970-01-01T00:00:00Z","modifiedAt":"1970-01-01T00:00:00Z","expiresAt":"2030-01-01T00:00:00Z","n":{"value":1,"createdAt":"1970-01-01T00:00:00Z","modifiedAt":"1970-01-01T00:00:00Z","q":{"value":2,"createdAt":"1970-01-01T00:00:00Z","modifiedAt":"1970-01-01T00:00:00Z"}}}"#
            ]],
        ),
    ] {
        let renderer = Renderer {
            format,
            sys_attrs: true,
            ..Renderer::new(&context, NOW)
        };
        let mut out = Out::default();
        renderer.entity(&mut out, &small, None);
        expected.assert_eq(&out.into_string());
    }
}

#[test]
fn a_projection_shows_what_was_picked() {
    let context = Context::core();
    let show = |pick: Option<&str>, omit: Option<&str>, expected: &Expect| {
        let projection = Projection::parse(pick, omit, &context).expect("a projection");
        let renderer = Renderer::new(&context, NOW);
        let mut out = Out::default();
        renderer
            .showing(Some(&projection))
            .entity(&mut out, &room(), None);
        expected.assert_eq(&out.into_string());
    };
    show(
        Some("id,n"),
        None,
        &expect![[
            r#"{"id":"urn:a","n":{"type":"Property","value":1,"observedAt":"2026-01-01T00:00:00Z","unitCode":"CEL","q":{"type":"Property","value":0.5}}}"#
        ]],
    );
    show(
        Some("type,scope"),
        None,
        &expect![[r#"{"type":["T","U"],"scope":["/A","/B"]}"#]],
    );
    show(
        None,
        Some("id,n,m,l,v,j,s,r,rs,arr,location"),
        &expect![[r#"{"type":["T","U"],"scope":["/A","/B"]}"#]],
    );
}

#[test]
fn a_feature_has_its_place_and_the_rest_as_properties() {
    let context = Context::core();
    let renderer = Renderer {
        format: Format::Simplified,
        ..Renderer::new(&context, NOW)
    };
    let small = entity(json!({"id": "urn:a", "type": "T", "n": 1,
        "location": {"type": "Point", "coordinates": [69.25, 41.5]}}));
    let show = |place: &str, expected: &Expect| {
        let place = context.expand_name(place).expect("a name");
        let mut out = Out::default();
        renderer.feature(&mut out, &small, &place, Some("[]"));
        expected.assert_eq(&out.into_string());
    };
    show(
        "location",
        &expect![[
            r#"{"id":"urn:a","type":"Feature","geometry":{"type":"Point","coordinates":[69.25,41.5]},"properties":{"type":"T","n":1,"location":{"type":"Point","coordinates":[69.25,41.5]}},"@context":[]}"#
        ]],
    );
    show(
        "elsewhere",
        &expect![[
            r#"{"id":"urn:a","type":"Feature","geometry":null,"properties":{"type":"T","n":1,"location":{"type":"Point","coordinates":[69.25,41.5]}},"@context":[]}"#
        ]],
    );
}

#[test]
fn linked_entities_stand_within_as_deep_as_asked() {
    let context = Context::core();
    let link = |id: &str, to: &str| entity(json!({"id": id, "type": "T", "r": {"object": to}}));
    let (a, b) = (link("urn:a", "urn:b"), link("urn:b", "urn:a"));
    let all = HashMap::from([
        (a.id.clone(), Arc::new(a.clone())),
        (b.id.clone(), Arc::new(b)),
    ]);
    let show = |format: Format, levels: usize, expected: &Expect| {
        let renderer = Renderer {
            format,
            linked: Some(Linked {
                entities: &all,
                levels,
            }),
            ..Renderer::new(&context, NOW)
        };
        let mut out = Out::default();
        renderer.entity(&mut out, &a, None);
        expected.assert_eq(&out.into_string());
    };
    show(
        Format::Concise,
        1,
        &expect![[
            r#"{"id":"urn:a","type":"T","r":{"object":"urn:b","entity":{"id":"urn:b","type":"T","r":{"object":"urn:a"}}}}"#
        ]],
    );
    show(
        Format::Simplified,
        2,
        &expect![[
            r#"{"id":"urn:a","type":"T","r":{"id":"urn:b","type":"T","r":{"id":"urn:a","type":"T","r":"urn:b"}}}"#
        ]],
    );
}

#[test]
fn linked_entities_that_multiply_fill_an_answer_and_no_more() {
    let context = Context::core();
    let ids: Vec<String> = (0..20).map(|n| format!("urn:{n}")).collect();
    let all: HashMap<_, _> = ids
        .iter()
        .map(|id| entity(json!({"id": id, "type": "T", "r": {"object": ids}})))
        .map(|e| (e.id.clone(), Arc::new(e)))
        .collect();
    let renderer = Renderer {
        linked: Some(Linked {
            entities: &all,
            levels: 10,
        }),
        ..Renderer::new(&context, NOW)
    };
    let mut out = Out::default().limited(100_000);
    renderer.entity(&mut out, &all["urn:0"], None);
    assert!(out.is_full());
    assert!(out.into_string().len() < 300_000);
}

#[test]
fn many_attributes_are_shown_as_few_are() {
    let many = (0..500).map(|n| {
        (
            format!("a{n}"),
            json!([{"value": n}, {"value": 1, "datasetId": "urn:d"}]),
        )
    });
    let mut body = Value::Object(many.collect());
    body["id"] = json!("urn:a");
    body["type"] = json!("T");
    let context = Context::core();
    let mut out = Out::default();
    let renderer = Renderer {
        format: Format::Concise,
        ..Renderer::new(&context, NOW)
    };
    let mut entity = entity(body.clone());
    // The instances of a name need not stand together.
    entity.attributes.sort_by_key(|a| a.dataset_id.clone());
    renderer.entity(&mut out, &entity, None);
    let shown: Value = serde_json::from_str(&out.into_string()).expect("it is JSON");
    for n in 0..500 {
        let name = format!("a{n}");
        assert_eq!(shown[&name][0]["value"], json!(n), "{name}");
        assert_eq!(shown[&name][1]["value"], json!(1), "{name}");
    }
}
