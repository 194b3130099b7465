//! The search: names in all languages, ids, coordinates.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use hashbrown::HashMap;
use serde_json::{Value, json};
use trust::{Call, Operation};
use web::{Caller, Query};

use crate::ask;
use crate::error::{Answer, invalid};
use crate::list::text;
use crate::state::ApiConsole;
use crate::view::View;
use crate::view::known::short;
use crate::view::layer::Kind;
use crate::view::place::{Place, location, names};
use crate::view::words::{fold, tail, transliterated};

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;

/// `GET /console/search`
pub(crate) async fn search(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    query: Query,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&["q", "limit", "lang"])?;
    let limit = ask::limit(&query, "limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let language = query.get("lang").unwrap_or("en");
    let Some(text) = text(&query)? else {
        return Err(invalid("say what to search for: q=…"));
    };
    let mut items: Vec<Value> = coordinates(text).into_iter().collect();
    if let Some(item) = by_id(&api, &call, text).await {
        items.push(item);
    }
    items.extend(best(&api.view.read(), text, language, limit));
    items.dedup_by(|a, b| a["id"] == b["id"] && a["kind"] == b["kind"]);
    items.truncate(limit);
    Ok(Json(json!({ "items": items })).into_response())
}

/// The slots whose words hold a text, in its own letters or in Latin ones, and how well.
/// Limit: Chinese names are found by their characters, not by their sound.
pub(crate) fn found(view: &View, text: &str) -> Vec<(u32, u8)> {
    let folded = fold(tail(text));
    let mut found: HashMap<u32, u8> = view.find(&folded).into_iter().collect();
    if let Some(latin) = transliterated(&folded) {
        for (slot, rank) in view.find(&latin) {
            // The name as it was typed comes before the same in other letters.
            found.entry(slot).or_insert(rank.saturating_add(4));
        }
    }
    found.into_iter().collect()
}

fn best(view: &View, text: &str, language: &str, limit: usize) -> Vec<Value> {
    let mut found: Vec<(u8, &str, &Place)> = found(view, text)
        .into_iter()
        .filter_map(|(slot, rank)| {
            let place = view.place(slot)?;
            Some((
                rank,
                place.names.best(language).unwrap_or("\u{10ffff}"),
                place,
            ))
        })
        .collect();
    found.sort_unstable_by(|(a_rank, a_name, a), (b_rank, b_name, b)| {
        let by_name = a_name.chars().count().cmp(&b_name.chars().count());
        let by_name = by_name.then_with(|| a_name.cmp(b_name));
        a_rank
            .cmp(b_rank)
            .then(by_name)
            .then_with(|| a.id.cmp(&b.id))
    });
    found.truncate(limit);
    found.iter().map(|(.., place)| shown(view, place)).collect()
}

fn shown(view: &View, place: &Place) -> Value {
    let (lon, lat) = place.at.middle();
    json!({
        "kind": "entity",
        "id": place.id,
        "names": place.names.json(),
        "short": view.kind(place).map(Kind::short),
        "location": [lon, lat],
        "layer": view.layer_of(place).map(|layer| &layer.id),
    })
}

/// An entity that has no place on the map, by its whole id.
async fn by_id(api: &ApiConsole, call: &Call, text: &str) -> Option<Value> {
    if !text.contains(':') || api.view.read().of(text).is_some() {
        return None;
    }
    let entity = api.broker.retrieve(call, text).await.ok()?;
    let middle = location(&entity).map(|(geometry, _)| geometry.centroid());
    Some(json!({
        "kind": "entity",
        "id": entity.id,
        "names": names(&entity).json(),
        "short": entity.types.first().map(|iri| short(iri)),
        "location": middle.map(|middle| [middle.lon, middle.lat]),
        "layer": null,
    }))
}

/// A place by latitude and longitude, as people write them: `41.3, 69.2`.
fn coordinates(text: &str) -> Option<Value> {
    let parts: Vec<f64> = text
        .split([',', ' ', ';'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [lat, lon] = *parts else { return None };
    let is_place = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
    is_place.then(|| {
        json!({
            "kind": "coordinates",
            "id": null,
            "names": {},
            "short": null,
            "location": [lon, lat],
            "layer": null,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_latitude_and_longitude() {
        let at = |text: &str| coordinates(text).map(|item| item["location"].clone());
        assert_eq!(at("41.3, 69.2"), Some(json!([69.2, 41.3])));
        assert_eq!(at("-41.3 69"), Some(json!([69.0, -41.3])));
        for none in ["41.3", "91, 0", "0, 181", "a, b", "1, 2, 3", "NaN, 1"] {
            assert_eq!(at(none), None, "{none}");
        }
    }
}
