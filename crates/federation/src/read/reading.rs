//! The reply of a source, read: entities with the times that the source gave them.

use std::collections::{HashMap, VecDeque};

use base::{Name, Seq, Tenant, Time};
use broker::Contexts;
use jsonld::Context;
use ngsi::parse::{Parser, Purpose};
use ngsi::patch::SCOPE;
use ngsi::temporal::{Evolution, Head, Instance, InstanceId, Series};
use ngsi::{Attribute, AttributeKey, Entity};
use serde_json::{Map, Value};

use crate::forward::Words;

/// Reads an entity or an array of them.
pub(super) async fn entities(
    contexts: &Contexts,
    tenant: &Tenant,
    words: &Words,
    body: Value,
) -> Result<Vec<Entity>, String> {
    each((contexts, tenant), words, body, entity).await
}

/// Reads the temporal evolution of entities: each series with its instances as they came.
pub(super) async fn evolutions(
    contexts: &Contexts,
    tenant: &Tenant,
    words: &Words,
    body: Value,
) -> Result<Vec<Evolution>, String> {
    each((contexts, tenant), words, body, evolution).await
}

/// Reads one item or an array of them. What carries no @context of its own is read in the words in
/// which was asked.
async fn each<T>(
    (contexts, tenant): (&Contexts, &Tenant),
    words: &Words,
    body: Value,
    read: fn(&Context, Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let items = match body {
        Value::Array(items) => items,
        one @ Value::Object(_) => vec![one],
        _ => return Err("it is neither an entity nor an array of them".to_owned()),
    };
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let own = match item.get("@context") {
            Some(member) => {
                let own = contexts.value(tenant, member).await;
                Some(own.map_err(|error| format!("its @context cannot be had: {error}"))?)
            }
            None => None,
        };
        all.push(read(own.as_ref().unwrap_or(&words.context), item)?);
    }
    Ok(all)
}

fn evolution(context: &Context, item: Value) -> Result<Evolution, String> {
    let mut known = instances(context, &item);
    let time = |name: &str| {
        let text = item.get(name).and_then(Value::as_str);
        text.and_then(|text| Time::parse(text).ok())
    };
    let (created, modified) = (time("createdAt"), time("modifiedAt"));
    let deleted_at = time("deletedAt");
    let fragment = Parser::new(context, Purpose::Temporal)
        .entity(item)
        .map_err(|error| error.to_string())?;
    let head = Head {
        id: fragment.id.unwrap_or_else(|| Name::from("")),
        types: fragment.types,
        scope: fragment.scope.unwrap_or_default(),
        created_at: created.unwrap_or_default(),
        modified_at: modified.unwrap_or_default(),
        deleted_at,
        expires_at: None,
    };
    let mut series: Vec<Series> = Vec::new();
    let own = fragment.attributes.into_iter();
    for (number, mut attribute) in own.filter(|a| *a.name != *SCOPE).enumerate() {
        let said = known
            .get_mut(&attribute.key())
            .and_then(VecDeque::pop_front);
        let (created, modified, id) = said.unwrap_or_default();
        let otherwise = attribute.observed_at.unwrap_or_default();
        let modified = modified.unwrap_or(otherwise);
        attribute.stamp(created.unwrap_or(modified), modified);
        // An instance of another node has no identity here; it is only told from its neighbours.
        let id = id.unwrap_or(InstanceId {
            seq: Seq(u64::MAX),
            index: u32::try_from(number).unwrap_or(u32::MAX),
        });
        let key = attribute.key();
        let same = |s: &&mut Series| s.name == key.name && s.dataset_id == key.dataset_id;
        let instance = Instance { id, attribute };
        match series.iter_mut().find(same) {
            Some(known) => known.instances.push(instance),
            None => series.push(Series {
                name: instance.attribute.name.clone(),
                dataset_id: instance.attribute.dataset_id.clone(),
                instances: vec![instance],
                is_cut: false,
            }),
        }
    }
    Ok(Evolution { head, series })
}

/// When an instance was created and last changed, and which it is.
type Said = (Option<Time>, Option<Time>, Option<InstanceId>);

/// What is said of the instances of each series, in their order.
fn instances(context: &Context, item: &Value) -> HashMap<AttributeKey, VecDeque<Said>> {
    let mut all: HashMap<AttributeKey, VecDeque<Said>> = HashMap::new();
    for (name, value) in item.as_object().into_iter().flatten() {
        let each = match value {
            Value::Object(_) => std::slice::from_ref(value),
            Value::Array(items) => items,
            _ => continue,
        };
        let Ok(name) = context.expand_name(name) else {
            continue;
        };
        for one in each.iter().filter_map(Value::as_object) {
            let text = |name: &str| one.get(name).and_then(Value::as_str);
            let time = |name: &str| text(name).and_then(|text| Time::parse(text).ok());
            let dataset_id = text("datasetId").filter(|id| *id != "@none");
            let key = AttributeKey {
                name: name.clone(),
                dataset_id: dataset_id.map(Name::from),
            };
            let id = text("instanceId").and_then(|text| text.parse().ok());
            let modified = time("deletedAt").or_else(|| time("modifiedAt"));
            let said = (time("createdAt"), modified, id);
            all.entry(key).or_default().push_back(said);
        }
    }
    all
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
        entity(&Context::core(), json!(1)).expect_err("a number is none");
    }
}
