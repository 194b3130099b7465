//! What changes make of an entity, with the times that they leave.

use base::{Name, Time};
use expect_test::{Expect, expect};
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::patch::{self, Instances, MergeOptions};
use ngsi::render::{Out, Renderer};
use ngsi::{Attribute, Delta, Entity};
use serde_json::{Value, json};

const BORN: Time = Time(0);

fn now() -> Time {
    Time::from_seconds(60)
}

fn room() -> Entity {
    let body = json!({
        "id": "urn:a", "type": "T", "scope": "/A",
        "n": {"value": 1, "unitCode": "CEL", "by": {"object": "urn:b"}},
        "m": [{"value": 1}, {"value": 2, "datasetId": "urn:d"}],
        "l": {"languageMap": {"en": "x", "uz": "y"}},
        "o": {"value": {"p": {"q": 1}, "r": 2}},
    });
    let context = Context::core();
    let fragment = Parser::new(&context, Purpose::Whole).entity(body);
    let entity = fragment.expect("an entity").into_entity(BORN);
    entity.expect("it has an id")
}

/// The entity after a change: what changed, concise, with the times of what is new.
fn check(change: impl FnOnce(&mut Entity, &Context) -> String, expected: &Expect) {
    let (before, context) = (room(), Context::core());
    let mut after = before.clone();
    let said = change(&mut after, &context);
    let delta = Delta::between(&before, &after);
    let mut again = before;
    delta.apply(&mut again);
    assert_eq!(
        sorted(again),
        sorted(after.clone()),
        "the delta leads there"
    );
    let mut out = Out::default();
    Renderer::new(&context, now()).entity(&mut out, &after, None);
    let written: Vec<String> = delta.set.iter().map(|a| stamp(a, &context)).collect();
    let text = format!(
        "{said}\n{}\nmodified: {}\nwritten: {}\n",
        out.into_string(),
        after.modified_at == now(),
        written.join(" ")
    );
    expected.assert_eq(&text);
}

fn sorted(mut entity: Entity) -> Entity {
    entity.attributes.sort_by_key(Attribute::key);
    entity
}

fn stamp(attribute: &Attribute, context: &Context) -> String {
    format!(
        "{}@{}-{}",
        context.compact_term(&attribute.name),
        attribute.created_at.as_micros() / 1_000_000,
        attribute.modified_at.as_micros() / 1_000_000
    )
}

fn fragment(context: &Context, purpose: Purpose, body: Value) -> ngsi::parse::Fragment {
    let fragment = Parser::new(context, purpose).fragment(body);
    fragment.expect("the test gives a valid fragment")
}

fn outcome(outcome: &patch::Outcome, context: &Context) -> String {
    let names = |names: Vec<&Name>| {
        let short: Vec<_> = names.into_iter().map(|n| context.compact_term(n)).collect();
        short.join(",")
    };
    let not = outcome.not_updated.iter().map(|n| &n.name).collect();
    format!(
        "updated: {}; not: {}",
        names(outcome.updated.iter().collect()),
        names(not)
    )
}

fn append(body: Value, overwrite: bool, expected: &Expect) {
    check(
        |entity, context| {
            let fragment = fragment(context, Purpose::Whole, body);
            outcome(&patch::append(entity, fragment, overwrite, now()), context)
        },
        expected,
    );
}

fn update(body: Value, expected: &Expect) {
    check(
        |entity, context| {
            let fragment = fragment(context, Purpose::Update, body);
            outcome(&patch::update(entity, fragment, now()), context)
        },
        expected,
    );
}

fn merge(body: Value, options: &MergeOptions, expected: &Expect) {
    check(
        |entity, context| {
            let fragment = fragment(context, Purpose::Merge, body);
            match patch::merge(entity, fragment, options, now()) {
                Ok(()) => "merged".to_owned(),
                Err(error) => error.to_string(),
            }
        },
        expected,
    );
}

fn update_attribute(name: &str, body: Value, expected: &Expect) {
    check(
        |entity, context| {
            let name = context.expand_name(name).expect("a name");
            let instances = Parser::new(context, Purpose::Update).attribute_fragment(&name, body);
            let instances = instances.expect("the test gives instances");
            match patch::update_attribute(entity, instances, now()) {
                Ok(there) => format!("there: {}", there.is_some()),
                Err(error) => error.to_string(),
            }
        },
        expected,
    );
}

#[test]
fn append_adds_and_overwrites_what_it_may() {
    let body = json!({"type": "U", "scope": "/B", "n": 2, "k": 1});
    append(
        body.clone(),
        true,
        &expect![[r#"
        updated: n,k; not: 
        {"id":"urn:a","type":["T","U"],"scope":"/B","n":{"type":"Property","value":2},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}},"k":{"type":"Property","value":1}}
        modified: true
        written: n@0-60 k@60-60
    "#]],
    );
    append(
        body,
        false,
        &expect![[r#"
        updated: k; not: n
        {"id":"urn:a","type":["T","U"],"scope":["/A","/B"],"n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}},"k":{"type":"Property","value":1}}
        modified: true
        written: k@60-60
    "#]],
    );
    append(
        json!({"n": 2}),
        false,
        &expect![[r#"
        updated: ; not: n
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: false
        written: 
    "#]],
    );
    append(
        json!({"m": {"value": 3, "datasetId": "urn:e"}}),
        false,
        &expect![[r#"
            updated: m; not: 
            {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"},{"type":"Property","value":3,"datasetId":"urn:e"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
            modified: true
            written: m@60-60
        "#]],
    );
}

#[test]
fn update_replaces_adds_and_deletes() {
    update(
        json!({"n": 2, "k": 1, "l": "urn:ngsi-ld:null", "gone": "urn:ngsi-ld:null",
            "scope": ["/B", "/C"]}),
        &expect![[r#"
            updated: n,k,l; not: gone
            {"id":"urn:a","type":"T","scope":["/B","/C"],"n":{"type":"Property","value":2},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"o":{"type":"Property","value":{"p":{"q":1},"r":2}},"k":{"type":"Property","value":1}}
            modified: true
            written: n@0-60 k@60-60
        "#]],
    );
    update(
        json!({"m": {"value": "urn:ngsi-ld:null", "datasetId": "urn:d"},
            "n": {"value": 5, "by": "urn:ngsi-ld:null", "since": 7}}),
        &expect![[r#"
            updated: m,n; not: 
            {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":5,"since":{"type":"Property","value":7}},"m":{"type":"Property","value":1},"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
            modified: true
            written: n@0-60
        "#]],
    );
    update(
        json!({"scope": "urn:ngsi-ld:null"}),
        &expect![[r#"
        updated: ; not: 
        {"id":"urn:a","type":"T","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: true
        written: 
    "#]],
    );
}

#[test]
fn merge_goes_into_values_and_nulls_delete() {
    let options = MergeOptions::default();
    merge(
        json!({"o": {"value": {"p": {"q": "urn:ngsi-ld:null", "s": 3}, "t": 4}}}),
        &options,
        &expect![[r#"
            merged
            {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"s":3},"r":2,"t":4}}}
            modified: true
            written: o@0-60
        "#]],
    );
    merge(
        json!({"new": {"value": {"a": 1, "b": "urn:ngsi-ld:null"}},
            "o": {"value": {"r": {"u": "urn:ngsi-ld:null", "v": 1}}}}),
        &options,
        &expect![[r#"
            merged
            {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":{"v":1}}},"new":{"type":"Property","value":{"a":1}}}
            modified: true
            written: o@0-60 new@60-60
        "#]],
    );
    merge(
        json!({"l": {"languageMap": {"en": "urn:ngsi-ld:null", "ru": "z"}}}),
        &options,
        &expect![[r#"
            merged
            {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"uz":"y","ru":"z"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
            modified: true
            written: l@0-60
        "#]],
    );
    merge(
        json!({"m": {"value": "urn:ngsi-ld:null", "datasetId": "urn:d"}, "n": "urn:ngsi-ld:null"}),
        &options,
        &expect![[r#"
            merged
            {"id":"urn:a","type":"T","scope":"/A","m":{"type":"Property","value":1},"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
            modified: true
            written: 
        "#]],
    );
    merge(
        json!({"n": {"unitCode": "FAH"}, "type": "U"}),
        &options,
        &expect![[r#"
            merged
            {"id":"urn:a","type":["T","U"],"scope":"/A","n":{"type":"Property","value":1,"unitCode":"FAH","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
            modified: true
            written: n@0-60
        "#]],
    );
    merge(
        json!({"new": {"unitCode": "FAH"}}),
        &options,
        &expect![[r#"
        https://uri.etsi.org/ngsi-ld/default-context/new: has no value, and there is no such attribute whose value could stay
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: false
        written: 
    "#]],
    );
}

#[test]
fn a_merge_of_another_kind_keeps_nothing_that_was_said_of_the_old_value() {
    let options = MergeOptions::default();
    merge(
        json!({"n": {"object": "urn:c"}}),
        &options,
        &expect![[r#"
        merged
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Relationship","object":"urn:c","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: true
        written: n@0-60
    "#]],
    );
}

#[test]
fn a_merged_text_is_in_the_language_asked_for() {
    let options = MergeOptions {
        observed_at: None,
        lang: Some("fr".to_owned()),
    };
    merge(
        json!({"l": "z"}),
        &options,
        &expect![[r#"
        merged
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y","fr":"z"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: true
        written: l@0-60
    "#]],
    );
}

#[test]
fn an_attribute_is_changed_in_part() {
    update_attribute(
        "n",
        json!({"value": 7}),
        &expect![[r#"
        there: true
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":7,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: true
        written: n@0-60
    "#]],
    );
    update_attribute(
        "n",
        json!({"unitCode": "FAH"}),
        &expect![[r#"
        there: true
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"FAH","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: true
        written: n@0-60
    "#]],
    );
    update_attribute(
        "n",
        json!({"object": "urn:c"}),
        &expect![[r#"
        https://uri.etsi.org/ngsi-ld/default-context/n: is a Property and stays one
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: false
        written: 
    "#]],
    );
    update_attribute(
        "n",
        json!("urn:ngsi-ld:null"),
        &expect![[r#"
        there: true
        {"id":"urn:a","type":"T","scope":"/A","m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: true
        written: 
    "#]],
    );
    update_attribute(
        "k",
        json!({"value": 7}),
        &expect![[r#"
        there: false
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: false
        written: 
    "#]],
    );
    update_attribute(
        "m",
        json!({"value": 7, "datasetId": "urn:d"}),
        &expect![[r#"
        there: true
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":7,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"p":{"q":1},"r":2}}}
        modified: true
        written: m@0-60
    "#]],
    );
    update_attribute(
        "o",
        json!({"value": {"x": 1}}),
        &expect![[r#"
        there: true
        {"id":"urn:a","type":"T","scope":"/A","n":{"type":"Property","value":1,"unitCode":"CEL","by":{"type":"Relationship","object":"urn:b"}},"m":[{"type":"Property","value":1},{"type":"Property","value":2,"datasetId":"urn:d"}],"l":{"type":"LanguageProperty","languageMap":{"en":"x","uz":"y"}},"o":{"type":"Property","value":{"x":1}}}
        modified: true
        written: o@0-60
    "#]],
    );
}

#[test]
fn instances_are_deleted_one_by_one_or_all() {
    let name = Context::core().expand_name("m").expect("a name");
    let gone = |which: Instances| {
        let mut entity = room();
        let there = patch::delete_attribute(&mut entity, &name, &which, now()).is_some();
        (there, entity.instances(&name).count())
    };
    assert_eq!(gone(Instances::All), (true, 0));
    assert_eq!(gone(Instances::One(None)), (true, 1));
    assert_eq!(gone(Instances::One(Some("urn:d".into()))), (true, 1));
    assert_eq!(gone(Instances::One(Some("urn:x".into()))), (false, 2));
}

#[test]
fn replace_keeps_the_birth_and_types_unsaid() {
    check(
        |entity, context| {
            let fragment = fragment(context, Purpose::Whole, json!({"k": 1}));
            patch::replace(entity, fragment, now());
            format!("born: {}", entity.created_at == BORN)
        },
        &expect![[r#"
            born: true
            {"id":"urn:a","type":"T","k":{"type":"Property","value":1}}
            modified: true
            written: k@60-60
        "#]],
    );
}
