//! The list that is the map's twin: what is on it, page by page.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use base::Time;
use hashbrown::HashSet;
use serde_json::{Value, json};
use spatial::Envelope;
use tiles::data::Severity;
use trust::Operation;
use web::{Caller, Query};

use crate::ask;
use crate::error::{Answer, Failure, invalid, not_found};
use crate::noted::Noted;
use crate::search::found;
use crate::state::ApiConsole;
use crate::view::View;
use crate::view::layer::Kind;
use crate::view::place::Place;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Letters of what is searched for.
pub(crate) const TEXT_MAX: usize = 200;

/// `GET /console/list`
pub(crate) async fn list(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    query: Query,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&["layer", "bbox", "q", "limit", "after"])?;
    let limit = ask::limit(&query, "limit", PAGE_DEFAULT, PAGE_MAX)?;
    let area = ask::bbox(&query)?;
    let text = text(&query)?;
    let (noted, now) = (api.watching.now(), api.broker.now());
    let view = api.view.read();
    let slots = candidates(&view, query.get("layer"), area.as_ref(), text)?;
    let total = slots.len();
    let (page, more) = page(&view, slots, query.get("after"), limit);
    let items: Vec<Value> = page
        .iter()
        .map(|place| shown(&view, place, &noted, now))
        .collect();
    let next = more.then(|| page.last().map(|place| place.id.clone()));
    Ok(Json(json!({"items": items, "next": next.flatten(), "total": total})).into_response())
}

/// What is searched for, if anything is.
pub(crate) fn text(query: &Query) -> Result<Option<&str>, Failure> {
    let text = query
        .get("q")
        .map(str::trim)
        .filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > TEXT_MAX) {
        return Err(invalid(format_args!(
            "q is longer than {TEXT_MAX} letters: search for less"
        )));
    }
    Ok(text)
}

/// The slots that are asked for, in no order.
fn candidates(
    view: &View,
    layer: Option<&str>,
    area: Option<&Envelope>,
    text: Option<&str>,
) -> Result<Vec<u32>, Failure> {
    let world = Envelope::WORLD;
    let area = area.unwrap_or(&world);
    let mut slots = match layer.filter(|layer| !layer.is_empty()) {
        Some(id) => {
            let layer = view.layer(id).map(|(_, layer)| layer);
            let layer = layer.ok_or_else(|| not_found("there is no such layer"))?;
            view.within(layer, area)
        }
        None => view
            .layers()
            .iter()
            .flat_map(|layer| view.within(layer, area))
            .collect(),
    };
    if let Some(text) = text {
        let hits: HashSet<u32> = found(view, text)
            .into_iter()
            .map(|(slot, _)| slot)
            .collect();
        slots.retain(|slot| hits.contains(slot));
    }
    Ok(slots)
}

/// A place by its id, the greatest of them first in a heap.
struct ById<'v>(&'v Place);

impl Ord for ById<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

impl PartialOrd for ById<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ById<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById<'_> {}

/// The first places after `after` by id, and whether there are more.
fn page<'v>(
    view: &'v View,
    slots: Vec<u32>,
    after: Option<&str>,
    limit: usize,
) -> (Vec<&'v Place>, bool) {
    let mut first: BinaryHeap<ById<'v>> = BinaryHeap::with_capacity(limit + 2);
    for place in slots.into_iter().filter_map(|slot| view.place(slot)) {
        let is_after = after.is_none_or(|after| *place.id > *after);
        let is_early =
            first.len() <= limit || first.peek().is_some_and(|last| place.id < last.0.id);
        if is_after && is_early {
            first.push(ById(place));
            if first.len() > limit + 1 {
                first.pop();
            }
        }
    }
    let more = first.len() > limit;
    let mut places: Vec<&Place> = first.into_sorted_vec().iter().map(|by| by.0).collect();
    places.truncate(limit);
    (places, more)
}

fn shown(view: &View, place: &Place, noted: &Noted, now: Time) -> Value {
    let (lon, lat) = place.at.middle();
    let kind = view.kind(place);
    let attribute = view.attribute(place.attribute);
    let age = now
        .as_micros()
        .saturating_sub(place.time.as_micros())
        .max(0)
        / 1_000_000;
    json!({
        "id": place.id,
        "type": kind.map(|kind| &kind.iri),
        "short": kind.map(Kind::short),
        "layer": view.layer_of(place).map(|layer| &layer.id),
        "names": place.names.json(),
        "location": [lon, lat],
        "value": place.value(),
        "attribute": attribute.map(|attribute| &attribute.iri),
        "unit": attribute.and_then(|attribute| attribute.unit.as_ref()),
        "severity": noted.severity(&place.id).map(Severity::as_str),
        "ageSeconds": age,
        "simulated": place.simulated,
    })
}
