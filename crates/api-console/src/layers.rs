//! The layers of the map.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use base::Time;
use serde_json::{Value, json};
use trust::Operation;
use web::{Caller, Query};

use crate::error::Answer;
use crate::state::ApiConsole;
use crate::view::View;
use crate::view::known::short;
use crate::view::layer::{Classes, Layer};

/// `GET /console/layers`
pub(crate) async fn layers(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    query: Query,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&[])?;
    let now = api.broker.now();
    let view = api.view.read();
    let mut layers: Vec<&Layer> = view.layers().iter().filter(|l| l.count() > 0).collect();
    layers.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
    let all: Vec<Value> = layers
        .iter()
        .map(|layer| shown(&view, layer, now))
        .collect();
    Ok(Json(all).into_response())
}

/// The classes of a layer that has a main attribute.
pub(crate) fn classes(view: &View, layer: &Layer, now: Time) -> Option<Classes> {
    let number = layer.attribute();
    let attribute = view.attribute(number)?;
    let values = view.all().filter_map(|(_, place)| {
        let is_its =
            place.attribute == number && view.layer_of(place).is_some_and(|of| of.id == layer.id);
        is_its.then_some(place.value)
    });
    Some(layer.classes(&attribute.iri, now, values))
}

fn shown(view: &View, layer: &Layer, now: Time) -> Value {
    let types: Vec<&str> = layer
        .kinds
        .iter()
        .filter_map(|kind| Some(&*view.kind_at(*kind)?.iri))
        .collect();
    let first = types.first().map_or("", |iri| short(iri));
    let attribute = view.attribute(layer.attribute()).map(|attribute| {
        json!({
            "iri": attribute.iri,
            "short": short(&attribute.iri),
            "unit": attribute.unit,
        })
    });
    let classes = classes(view, layer, now).map(|Classes(limits)| {
        let limits = limits.into_iter().map(|max| json!({"max": max}));
        limits.chain([json!({"max": null})]).collect::<Vec<_>>()
    });
    json!({
        "id": layer.id,
        "types": types,
        "group": layer.group,
        "short": first,
        "count": layer.count(),
        "geometry": layer.dimension().word(),
        "attribute": attribute,
        "classes": classes,
        "moving": layer.moves,
        "updatedAt": layer.updated_at.to_string(),
    })
}
