//! Tiles of the layers, as they are now or were then.

mod then;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use base::{Kind, Name, Time};
use bytes::Bytes;
use hashbrown::HashMap;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use spatial::{Envelope, Geometry};
use tiles::Tile;
use tiles::data::{Clusters, Place as Drawn, Thing};
use trust::{Call, Operation};
use web::{Caller, Query};

use crate::ask;
use crate::error::{Answer, Failure, fail, invalid, not_found};
use crate::kept::Made;
use crate::layers::classes;
use crate::noted::Noted;
use crate::state::ApiConsole;
use crate::view::View;
use crate::view::layer::{Classes, Layer};
use crate::view::place::{Place, location};

use then::Then;

/// Lines and areas of one tile that are drawn as such; smaller ones are drawn as points.
const SHAPES_MAX: usize = 4_000;
/// Parts of a tile's side below which a shape is drawn as a point.
const SHAPE_PARTS: f64 = 512.0;
/// Stale is told anew every so often, though nothing has changed.
const AGE_MICROS: i64 = 60 * 1_000_000;

/// What is asked for.
struct Asked {
    layer: String,
    tile: Tile,
    then: Option<Time>,
}

/// `GET /console/tiles/{layer}/{z}/{x}/{y}.mvt`
pub(crate) async fn tile(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    Path((layer, z, x, y)): Path<(String, String, String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&["t"])?;
    let asked = Asked {
        tile: numbers(&z, &x, &y)?,
        then: ask::time(&query, "t")?.filter(|then| *then < api.broker.now()),
        layer,
    };
    if asked.then.is_some() {
        api.allow(&call, Operation::History)?;
    }
    let now = asked.then.unwrap_or_else(|| api.broker.now());
    let noted = api.watching.now();
    let tag = tag(&api, &asked, &noted, now)?;
    let (layer, tile) = (asked.layer.clone(), asked.tile);
    let is_now = asked.then.is_none();
    let kept = api.tiles.get(&layer, tile, &tag, now).filter(|_| is_now);
    let tag = kept.as_ref().map_or(tag, |kept| kept.tag.clone());
    if asks_for_change(&headers, &tag) {
        return Ok(with_tag(StatusCode::NOT_MODIFIED.into_response(), &tag));
    }
    if let Some(kept) = kept {
        return Ok(with_tag(answer(kept.bytes), &tag));
    }
    let made = made(&api, &call, asked, noted).await?;
    let (things, bytes) = (made.points, Bytes::from(made.bytes));
    if is_now {
        let made = Made {
            tag: tag.clone(),
            at: now,
            things,
            bytes: bytes.clone(),
        };
        api.tiles.keep(&layer, tile, made);
    }
    Ok(with_tag(answer(bytes), &tag))
}

fn answer(bytes: Bytes) -> Response {
    if bytes.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let mut response = bytes.into_response();
    let media = HeaderValue::from_static("application/vnd.mapbox-vector-tile");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// The tile of the numbers in the path.
fn numbers(z: &str, x: &str, y: &str) -> Result<Tile, Failure> {
    let wrong =
        || invalid("a tile is {z}/{x}/{y}.mvt with whole numbers, such as 14/11201/6100.mvt");
    let y = y.strip_suffix(".mvt").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_reason| wrong());
    Ok(Tile::new(number(z)?, number(x)?, number(y)?)?)
}

/// The version of what the tile shows: of the layer, its classes, what needs attention, and where
/// values grow old, the minute.
fn tag(api: &ApiConsole, asked: &Asked, noted: &Noted, now: Time) -> Result<String, Failure> {
    let view = api.view.read();
    let layer = find(&view, &asked.layer)?;
    let minute = layer.ages().then(|| now.as_micros() / AGE_MICROS);
    let classes = classes(&view, layer, api.broker.now()).unwrap_or(Classes(Vec::new()));
    let mut hash = 0_u64;
    for limit in &classes.0 {
        hash = hash.rotate_left(5) ^ limit.to_bits();
    }
    let then = asked.then.map_or(0, Time::as_micros);
    Ok(format!(
        "\"{:x}-{:x}-{hash:x}-{:x}-{then:x}\"",
        layer.version,
        noted.severities_version(),
        minute.unwrap_or_default()
    ))
}

fn find<'v>(view: &'v View, id: &str) -> Result<&'v Layer, Failure> {
    let layer = view.layer(id).map(|(_, layer)| layer);
    layer.ok_or_else(|| {
        let shown: String = id.chars().take(64).collect();
        not_found(format_args!(
            "there is no layer '{shown}': see /console/layers for what is"
        ))
    })
}

fn asks_for_change(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag)
}

fn with_tag(mut response: Response, tag: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    let often = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, often);
    response
}

/// Makes the tile, off the threads that answer requests.
async fn made(
    api: &ApiConsole,
    call: &Call,
    asked: Asked,
    noted: Arc<Noted>,
) -> Result<tiles::data::Made, Failure> {
    let area = reach(asked.tile);
    let shapes = shapes(api, call, &asked, &area).await?;
    let then = match asked.then {
        Some(time) => Some(then::read(api, call, (&asked.layer, time), &area).await?),
        None => None,
    };
    let view = Arc::clone(&api.view);
    let now = asked.then.unwrap_or_else(|| api.broker.now());
    let drawing = tokio::task::spawn_blocking(move || {
        let view = view.read();
        let drawer = Drawer {
            layer: find(&view, &asked.layer)?,
            view: &view,
            noted: &noted,
            shapes: &shapes,
            then: then.as_ref(),
            now,
        };
        Ok(drawer.draw(asked.tile, &area))
    });
    drawing
        .await
        .map_err(|error| fail(Kind::Internal, format_args!("a tile was not made: {error}")))?
}

fn reach(tile: Tile) -> Envelope {
    let [min_lon, min_lat, max_lon, max_lat] = tile.reach();
    Envelope {
        min_lon,
        min_lat,
        max_lon,
        max_lat,
    }
}

/// The geometries of what is drawn as a line or an area.
async fn shapes(
    api: &ApiConsole,
    call: &Call,
    asked: &Asked,
    area: &Envelope,
) -> Result<HashMap<Name, Arc<Geometry>>, Failure> {
    let mut shapes = HashMap::new();
    let large = large(&api.view.read(), &asked.layer, asked.tile, area);
    for (id, at) in large {
        if let Some(known) = api.shapes.get(&id, &at) {
            shapes.insert(id, known);
            continue;
        }
        // Without the view's lock: the store may have to read from disk.
        let Some(found) = api.broker.store().read(&call.tenant, &id).await? else {
            continue;
        };
        if let Some((geometry, _)) = location(&found.entity) {
            let geometry = Arc::new(geometry.clone());
            api.shapes.keep(id.clone(), Arc::clone(&geometry));
            shapes.insert(id, geometry);
        }
    }
    Ok(shapes)
}

/// The shapes that are large enough in the tile to be drawn, the largest first.
fn large(
    view: &View,
    layer: &str,
    tile: Tile,
    area: &Envelope,
) -> Vec<(Name, crate::view::place::Where)> {
    let Some((_, layer)) = view.layer(layer).filter(|(_, layer)| layer.shapes() > 0) else {
        return Vec::new();
    };
    let [west, south, east, north] = tile.bbox();
    let mut found: Vec<(f64, &Place)> = view
        .within(layer, area)
        .into_iter()
        .filter_map(|slot| view.place(slot))
        .filter(|place| place.at.has_shape())
        .filter_map(|place| {
            let around = place.at.envelope();
            let wide = (around.max_lon - around.min_lon) / (east - west);
            let high = (around.max_lat - around.min_lat) / (north - south);
            let size = wide.max(high);
            (size * SHAPE_PARTS >= 1.0).then_some((size, place))
        })
        .collect();
    found.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
    found.truncate(SHAPES_MAX);
    found
        .into_iter()
        .map(|(_, place)| (place.id.clone(), place.at.clone()))
        .collect()
}

/// All that a tile is drawn from.
struct Drawer<'v> {
    view: &'v View,
    layer: &'v Layer,
    noted: &'v Noted,
    shapes: &'v HashMap<Name, Arc<Geometry>>,
    then: Option<&'v Then>,
    now: Time,
}

impl Drawer<'_> {
    fn draw(&self, tile: Tile, area: &Envelope) -> tiles::data::Made {
        let slots = if self.then.is_some() && self.layer.moves {
            // What is elsewhere now may have been here then.
            self.view.within(self.layer, &Envelope::WORLD)
        } else {
            self.view.within(self.layer, area)
        };
        let main = self.layer.attribute();
        let classes = classes(self.view, self.layer, self.now);
        let places = slots.into_iter().filter_map(|slot| self.view.place(slot));
        let things = places.filter_map(|place| self.thing(place, main, classes.as_ref()));
        tiles::data::tile(tile, things, &Clusters::default())
    }

    fn thing<'t>(
        &'t self,
        place: &'t Place,
        main: u16,
        classes: Option<&Classes>,
    ) -> Option<Thing<'t>> {
        let (value, at, stale) = match self.then {
            None => {
                let value = place.value().filter(|_| place.attribute == main);
                let stale = self.layer.is_stale(place, self.now);
                (value, place.at.middle(), stale)
            }
            Some(then) => then.of(place)?,
        };
        let place_drawn = match self.shapes.get(&place.id) {
            Some(shape) => Drawn::Shape(shape),
            None => Drawn::Point([at.0, at.1]),
        };
        Some(Thing {
            id: &place.id,
            type_name: self.view.kind(place).map_or("", |kind| kind.short()),
            place: place_drawn,
            names: place.names.drawn(),
            value,
            class: value.and_then(|value| Some(classes?.of(value))),
            // What needs attention now says nothing of then.
            severity: match self.then {
                None => self.noted.severity(&place.id),
                Some(_) => None,
            },
            stale,
            simulated: place.simulated,
        })
    }
}
