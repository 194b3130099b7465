//! What a notification tells, in each representation.

use std::sync::Arc;

use base::{Name, Time};
use jsonld::Context;
use serde_json::{Map, Value, json};

use super::*;
use crate::entity::Uris;

fn expanded(name: &str) -> Name {
    Context::core().expand_name(name).expect("a name")
}

fn attribute(name: &str, value: AttributeValue) -> Attribute {
    Attribute::new(expanded(name), value)
}

fn entity(attributes: Vec<Attribute>) -> Entity {
    Entity {
        id: "urn:a".into(),
        types: vec![expanded("House")],
        scope: vec!["/a".into()],
        created_at: Time::default(),
        modified_at: Time::default(),
        expires_at: None,
        attributes,
    }
}

fn told(format: Format, told: &Told<'_>, change: impl FnOnce(&mut Renderer<'_>)) -> Value {
    let context: Arc<Context> = Context::core();
    let mut renderer = Renderer {
        format,
        ..Renderer::new(&context, Time::default())
    };
    change(&mut renderer);
    let mut out = Out::default();
    renderer.told(&mut out, told, None);
    serde_json::from_str(&out.into_string()).expect("JSON")
}

#[test]
fn a_change_shows_what_was_before() {
    let before = attribute("a", AttributeValue::Property(json!(1)));
    let after = attribute("a", AttributeValue::Relationship(Uris::One("urn:b".into())));
    let entity = entity(vec![after.clone()]);
    let what = Told {
        entity: &entity,
        instances: vec![Instance {
            attribute: &after,
            previous: Some(&before),
            deleted_at: None,
        }],
        deleted_at: None,
    };
    assert_eq!(
        told(Format::Normalized, &what, |_| {})["a"],
        json!({"type": "Relationship", "object": "urn:b", "previousValue": 1})
    );
    assert_eq!(
        told(Format::Concise, &what, |_| {})["a"],
        json!({"object": "urn:b", "previousValue": 1})
    );
    assert_eq!(
        told(Format::Simplified, &what, |_| {}),
        json!({"id": "urn:a", "type": "House", "scope": "/a", "a": "urn:b"})
    );
}

#[test]
fn what_is_gone_is_told_by_a_null_of_its_kind() {
    let map = Map::from_iter([("en".to_owned(), json!("x"))]);
    let mut of_dataset = attribute("p", AttributeValue::Property(json!(1)));
    of_dataset.dataset_id = Some("urn:d".into());
    let gone = [
        attribute("l", AttributeValue::Language(map)),
        attribute("v", AttributeValue::List(vec![json!(1)])),
        of_dataset,
    ];
    let entity = entity(Vec::new());
    let instances = gone.iter().map(|attribute| Instance {
        attribute,
        previous: Some(attribute),
        deleted_at: Some(Time::default()),
    });
    let what = Told {
        entity: &entity,
        instances: instances.collect(),
        deleted_at: None,
    };
    let all = told(Format::Normalized, &what, |r| r.sys_attrs = false);
    assert_eq!(
        all["l"],
        json!({"type": "LanguageProperty", "languageMap": {"@none": "urn:ngsi-ld:null"}, "previousLanguageMap": {"en": "x"}})
    );
    assert_eq!(all["v"]["valueList"], json!(["urn:ngsi-ld:null"]));
    assert_eq!(all["p"]["datasetId"], "urn:d");
    let simple = told(Format::Simplified, &what, |_| {});
    assert_eq!(
        simple["p"],
        json!({"dataset": {"urn:d": "urn:ngsi-ld:null"}})
    );
    assert_eq!(
        simple["l"],
        json!({"languageMap": {"@none": "urn:ngsi-ld:null"}})
    );
}

#[test]
fn a_deleted_entity_is_its_id_its_type_and_when() {
    let entity = entity(Vec::new());
    let what = Told {
        entity: &entity,
        instances: Vec::new(),
        deleted_at: Some(Time::default()),
    };
    let plain = told(Format::Normalized, &what, |_| {});
    assert_eq!(plain.as_object().map(Map::len), Some(3), "{plain}");
    let with_times = told(Format::Simplified, &what, |r| r.sys_attrs = true);
    assert_eq!(
        with_times.as_object().map(Map::len),
        Some(5),
        "{with_times}"
    );
    assert!(with_times["deletedAt"].is_string());
}
