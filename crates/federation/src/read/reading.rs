//! The reply of a source, read: entities with the times that the source gave them.

use base::{Name, Tenant, Time};
use broker::Contexts;
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::{Attribute, Entity};
use serde_json::{Map, Value};

use crate::forward::Words;

/// Reads an entity or an array of them. What carries no @context of its own is read in the words in
/// which was asked.
pub(super) async fn entities(
    contexts: &Contexts,
    tenant: &Tenant,
    words: &Words,
    body: Value,
) -> Result<Vec<Entity>, String> {
    let items = match body {
        Value::Array(items) => items,
        one @ Value::Object(_) => vec![one],
        _ => return Err("it is neither an entity nor an array of them".to_owned()),
    };
    let mut read = Vec::with_capacity(items.len());
    for item in items {
        let own = match item.get("@context") {
            Some(member) => {
                let own = contexts.value(tenant, member).await;
                Some(own.map_err(|error| format!("its @context cannot be had: {error}"))?)
            }
            None => None,
        };
        read.push(entity(own.as_ref().unwrap_or(&words.context), item)?);
    }
    Ok(read)
}

fn entity(context: &Context, item: Value) -> Result<Entity, String> {
    let stamps = Stamps::of(&item, context);
    let fragment = Parser::new(context, Purpose::Whole)
        .entity(item)
        .map_err(|error| error.to_string())?;
    let mut entity = fragment
        .into_entity(Time::default())
        .ok_or_else(|| "an entity has no id".to_owned())?;
    (entity.created_at, entity.modified_at) = (stamps.created, stamps.modified);
    stamp(&mut entity.attributes, &stamps);
    Ok(entity)
}

/// The system times of an entity or attribute and what is beneath it. A source that does not say
/// them is older than every other that does.
struct Stamps {
    created: Time,
    modified: Time,
    below: Vec<(Name, Option<Name>, Self)>,
}

impl Stamps {
    fn of(item: &Value, context: &Context) -> Self {
        match item {
            Value::Object(members) => Self::of_members(members, context, Time::default()),
            _ => Self::none(Time::default()),
        }
    }

    fn none(time: Time) -> Self {
        Self {
            created: time,
            modified: time,
            below: Vec::new(),
        }
    }

    fn of_members(members: &Map<String, Value>, context: &Context, otherwise: Time) -> Self {
        let time = |name: &str| {
            let text = members.get(name).and_then(Value::as_str);
            text.and_then(|text| Time::parse(text).ok())
        };
        let modified = time("modifiedAt").unwrap_or(otherwise);
        let mut stamps = Self {
            created: time("createdAt").unwrap_or(modified),
            modified,
            below: Vec::new(),
        };
        for (name, value) in members {
            let instances = match value {
                Value::Object(_) => std::slice::from_ref(value),
                Value::Array(items) => items,
                _ => continue,
            };
            let has_times = |v: &Value| v.get("modifiedAt").is_some() || v.get("type").is_some();
            if !instances.iter().any(has_times) {
                continue;
            }
            let Ok(expanded) = context.expand_name(name) else {
                continue;
            };
            for instance in instances.iter().filter_map(Value::as_object) {
                let dataset = instance.get("datasetId").and_then(Value::as_str);
                let dataset = dataset.filter(|id| *id != "@none").map(Name::from);
                let below = Self::of_members(instance, context, modified);
                stamps.below.push((expanded.clone(), dataset, below));
            }
        }
        stamps
    }

    fn find(&self, attribute: &Attribute) -> Option<&Self> {
        let is = |(name, dataset, _): &&(Name, Option<Name>, Self)| {
            *name == attribute.name && *dataset == attribute.dataset_id
        };
        self.below.iter().find(is).map(|(_, _, stamps)| stamps)
    }
}

fn stamp(attributes: &mut [Attribute], stamps: &Stamps) {
    for attribute in attributes {
        match stamps.find(attribute) {
            Some(own) => {
                attribute.created_at = own.created;
                attribute.modified_at = own.modified;
                stamp(&mut attribute.sub, own);
            }
            None => attribute.stamp(stamps.created, stamps.modified),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_times_of_a_source_are_kept_down_to_sub_attributes() {
        let item = json!({
            "id": "urn:e", "type": "T",
            "createdAt": "2026-01-01T00:00:00Z", "modifiedAt": "2026-01-02T00:00:00Z",
            "a": [
                {"type": "Property", "value": 1, "modifiedAt": "2026-01-03T00:00:00Z",
                 "s": {"type": "Property", "value": 1, "modifiedAt": "2026-01-04T00:00:00Z"}},
                {"type": "Property", "value": 2, "datasetId": "urn:d"},
            ],
        });
        let read = entity(&Context::core(), item).expect("an entity");
        let day = |text: &str| Time::parse(text).expect("a time");
        assert_eq!(read.created_at, day("2026-01-01T00:00:00Z"));
        let [first, second] = read.attributes.as_slice() else {
            panic!("two instances: {read:?}");
        };
        assert_eq!(first.modified_at, day("2026-01-03T00:00:00Z"));
        assert_eq!(first.sub[0].modified_at, day("2026-01-04T00:00:00Z"));
        assert_eq!(second.modified_at, day("2026-01-02T00:00:00Z"));
    }

    #[test]
    fn what_is_no_entity_is_refused_with_the_reason() {
        assert!(
            entity(&Context::core(), json!({"id": "urn:e"})).is_err_and(|e| e.contains("type"))
        );
        assert!(entity(&Context::core(), json!(1)).is_err());
    }
}
