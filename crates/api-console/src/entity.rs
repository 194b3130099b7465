//! One entity, as the panel of what is selected shows it.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use base::{Name, Time};
use hashbrown::HashMap;
use ngsi::{Attribute, AttributeKind, AttributeValue, Entity};
use serde_json::{Value, json};
use trust::{Call, Operation};
use watch::Range;
use web::{Caller, Query};

use crate::error::Answer;
use crate::state::ApiConsole;
use crate::view::known::{self, short};
use crate::view::layer::Layer;
use crate::view::place::{Role, is_simulated, location, names};

/// Attributes of one entity whose usual range is looked up.
const USUAL_MAX: usize = 16;

/// `GET /console/entities/{id}`
pub(crate) async fn entity(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&[])?;
    let mut entity = (*api.broker.retrieve(&call, &id).await?).clone();
    let now = api.broker.now();
    entity.drop_expired(now);
    let usual = usual(&api, &call, &entity).await;
    let attributes: Vec<Value> = entity
        .attributes
        .iter()
        .filter(|attribute| is_shown(attribute))
        .map(|attribute| shown(attribute, usual.get(&attribute.name), now))
        .collect();
    let noted = api.watching.now();
    let attention = noted.attention(&entity.id);
    let kind = kind(&entity);
    Ok(Json(json!({
        "id": entity.id,
        "type": kind,
        "short": short(kind),
        "layer": layer(&api, &entity, kind),
        "names": names(&entity).json(),
        "location": location(&entity).map(|(geometry, _)| geometry.to_geojson()),
        "simulated": is_simulated(&entity),
        "attributes": attributes,
        "relations": relations(&entity),
        "attention": attention,
    }))
    .into_response())
}

/// The type under which an entity is shown.
fn kind(entity: &Entity) -> &str {
    let is_known = |iri: &&Name| known::of_type(short(iri)).is_some();
    let known = entity.types.iter().find(is_known);
    known.or(entity.types.first()).map_or("", |iri| iri)
}

fn layer(api: &ApiConsole, entity: &Entity, kind: &str) -> Option<Name> {
    {
        let view = api.view.read();
        if let Some(place) = view.of(&entity.id) {
            return Some(view.layer_of(place)?.id.clone());
        }
    }
    // It has no place, or the view has not heard of it yet.
    location(entity)?;
    known::of_type(short(kind)).map(|_| Layer::of_type(short(kind)).id)
}

fn is_shown(attribute: &Attribute) -> bool {
    let is_relation = matches!(
        attribute.value.kind(),
        Some(AttributeKind::Relationship | AttributeKind::ListRelationship)
    );
    Role::of(&attribute.name) == Role::Other && !is_relation
}

fn is_chartable(attribute: &Attribute) -> bool {
    matches!(
        &attribute.value,
        AttributeValue::Property(Value::Number(_) | Value::Bool(_))
    )
}

fn shown(attribute: &Attribute, usual: Option<&Range>, now: Time) -> Value {
    let seen = attribute.observed_at.unwrap_or(attribute.modified_at);
    let age = now.as_micros().saturating_sub(seen.as_micros()).max(0) / 1_000_000;
    let mut shown = json!({
        "iri": attribute.name,
        "short": short(&attribute.name),
        "kind": attribute.value.kind().map(AttributeKind::word),
        "value": value(&attribute.value),
        "unit": attribute.unit_code,
        "observedAt": attribute.observed_at.map(|time| time.to_string()),
        "modifiedAt": attribute.modified_at.to_string(),
        "ageSeconds": age,
        "chartable": is_chartable(attribute),
        "usual": usual,
    });
    if let AttributeValue::Language(languages) = &attribute.value {
        shown["languages"] = json!(languages);
    }
    if let Some(dataset) = &attribute.dataset_id {
        shown["datasetId"] = json!(dataset);
    }
    shown
}

fn value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Property(value) | AttributeValue::Json(value) => value.clone(),
        AttributeValue::Geo(geometry) => geometry.to_geojson(),
        AttributeValue::Vocab(terms) => {
            let terms = terms.as_slice().iter();
            json!(terms.map(|term| short(term)).collect::<Vec<_>>())
        }
        AttributeValue::List(items) => Value::Array(items.clone()),
        AttributeValue::Language(_)
        | AttributeValue::Relationship(_)
        | AttributeValue::ListRelationship(_)
        | AttributeValue::Null => Value::Null,
    }
}

/// The usual ranges of an entity's attributes at this hour, as far as they are known.
async fn usual(api: &ApiConsole, call: &Call, entity: &Entity) -> HashMap<Name, Range> {
    let names: Vec<Name> = entity
        .attributes
        .iter()
        .filter(|attribute| attribute.dataset_id.is_none() && is_chartable(attribute))
        .filter(|attribute| attribute.observed_at.is_some() && is_shown(attribute))
        .take(USUAL_MAX)
        .map(|attribute| attribute.name.clone())
        .collect();
    // Without a right to the past, or without a past, there is no usual range to show.
    let ranges = api.watching.usual_now(call, &entity.id, &names).await;
    let ranges = ranges.unwrap_or_default();
    let known = names.into_iter().zip(ranges);
    known
        .filter_map(|(name, range)| Some((name, range?)))
        .collect()
}

fn relations(entity: &Entity) -> Vec<Value> {
    let relations = entity.attributes.iter().filter_map(|attribute| {
        let objects = match &attribute.value {
            AttributeValue::Relationship(objects) => objects.as_slice(),
            AttributeValue::ListRelationship(objects) => objects,
            _ => return None,
        };
        Some(json!({
            "iri": attribute.name,
            "short": short(&attribute.name),
            "objects": objects,
        }))
    });
    relations.collect()
}
