//! The city and what it is like now.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use base::Kind;
use http::{HeaderValue, StatusCode, header};
use ngsi::{AttributeValue, Query as EntityQuery};
use serde_json::{Value, json};
use spatial::Envelope;
use trust::{Call, Operation};
use web::{Caller, Query};

use crate::error::{Answer, fail};
use crate::state::{ApiConsole, Basemap};
use crate::view::View;
use crate::view::known::short;

/// Bytes of the id of something that needs attention.
const ID_BYTES_MAX: usize = 4_096;

/// `GET /console/city`
pub(crate) async fn city(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    query: Query,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&[])?;
    let state = api.city.state();
    let everything = EntityQuery {
        now: api.broker.now(),
        ..EntityQuery::default()
    };
    let entities = api.broker.store().count(&call.tenant, &everything).await?;
    let (mut body, id) = shown(&api.view.read());
    let zone = match id {
        Some(id) => zone_of(&api, &call, &id).await,
        None => None,
    };
    let fields = json!({
        "zone": zone.or(state.zone).unwrap_or_else(|| "UTC".to_owned()),
        "speed": if state.speed > 0.0 { state.speed } else { 1.0 },
        "basemap": state.basemap.as_ref().map(basemap),
        "entities": entities,
        "now": api.broker.now().to_string(),
        "loading": state.loading,
        "version": state.version,
    });
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    Ok(Json(body).into_response())
}

/// What the view says of the city, and the entity that speaks for it.
fn shown(view: &View) -> (Value, Option<base::Name>) {
    let city = view.city();
    let of_city = city.filter(|city| city.at.has_shape());
    let around = match of_city {
        Some(city) => Some(city.at.envelope()),
        None => view
            .all()
            .map(|(_, place)| place.at.envelope())
            .reduce(Envelope::union),
    };
    let middle = match (city, &around) {
        (Some(city), _) => Some(city.at.middle()),
        (None, Some(around)) => {
            let middle = around.center();
            Some((middle.lon, middle.lat))
        }
        (None, None) => None,
    };
    let names = city.map(|city| city.names.json());
    let body = json!({
        "name": names.filter(|names| names.as_object().is_some_and(|names| !names.is_empty())),
        "simulated": city.is_some_and(|city| city.simulated),
        "bounds": around.map(|a| [a.min_lon, a.min_lat, a.max_lon, a.max_lat]),
        "centre": middle.map(|(lon, lat)| [lon, lat]),
        "empty": view.is_complete && view.len() == 0,
        "ready": view.is_complete,
        "seq": view.seq,
    });
    (body, city.map(|city| city.id.clone()))
}

/// The zone that the city entity names.
async fn zone_of(api: &ApiConsole, call: &Call, id: &str) -> Option<String> {
    let entity = api.broker.retrieve(call, id).await.ok()?;
    let zone = entity
        .attributes
        .iter()
        .find(|a| short(&a.name) == "timezone")?;
    match &zone.value {
        AttributeValue::Property(Value::String(zone)) => Some(zone.clone()),
        _ => None,
    }
}

fn basemap(map: &Basemap) -> Value {
    json!({
        "url": format!("/console/basemap/{}?v={}", map.file, map.version),
        "bounds": map.bounds,
        "minzoom": map.min_zoom,
        "maxzoom": map.max_zoom,
        "attribution": map.attribution,
    })
}

/// `GET /console/now`
pub(crate) async fn now(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    query: Query,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&[])?;
    let text = api.watching.now().text().to_string();
    Ok(json_text(text))
}

fn json_text(text: String) -> Response {
    let mut response = text.into_response();
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// `POST /console/attention/{id}/acknowledge`
pub(crate) async fn acknowledge(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    note(&api, &call, &id, &query, true).await
}

/// `DELETE /console/attention/{id}/acknowledge`
pub(crate) async fn unacknowledge(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    note(&api, &call, &id, &query, false).await
}

async fn note(api: &ApiConsole, call: &Call, id: &str, query: &Query, seen: bool) -> Answer {
    api.allow(call, Operation::Write)?;
    query.allow(&[])?;
    if id.len() > ID_BYTES_MAX {
        return Err(fail(Kind::Invalid, "the id is too long to be one"));
    }
    api.watching.acknowledge(call, id, seen).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
