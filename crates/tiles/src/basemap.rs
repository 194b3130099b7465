//! OpenStreetMap data as a basemap: one PMTiles file of vector tiles, zoom 6 to 15.
//!
//! Layers and the values of their `kind`:
//!
//! | layer | geometry | kind | more |
//! |---|---|---|---|
//! | `landuse` | area | `green` `pitch` `residential` `commercial` `industrial` `civic` `sand` | |
//! | `water` | area, line | `water` `river` `stream` | names on lines |
//! | `building` | area | `building` | `h`: height in metres, where it is known |
//! | `road` | line | `motorway` `trunk` `primary` `link` `secondary` `tertiary` `minor` `service` `path` `runway` `pier` | names; `bridge`, `tunnel`: true |
//! | `rail` | line | `rail` `transit` | names; `bridge`, `tunnel`: true |
//! | `boundary` | line | `country` `region` `district` | |
//! | `place` | point | `city` `town` `suburb` `locality` `station` `civic` `park` `water` | names; `rank`: lower is more important |
//!
//! Names are `name`, `name:en`, `name:ru`, `name:zh`, each only where the data has it.

mod classes;
mod draw;
mod pyramid;
mod read;
mod sea;

use std::io::{Seek, Write};

use ingest::Source;
use serde_json::{Value, json};

use crate::error::TileError;
use crate::pmtiles;
use crate::tile::unproject;
use classes::{Layer, NAMES};

/// Whose map it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name of the map in its metadata.
    pub name: String,
    /// Whom a viewer has to credit; the licence of OpenStreetMap asks for it.
    pub attribution: String,
}

impl Settings {
    /// A map made from real data of OpenStreetMap.
    pub fn openstreetmap(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            attribution: "© OpenStreetMap contributors".to_owned(),
        }
    }

    /// A map of a city that does not exist.
    pub fn simulated(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            attribution: "Simulated city".to_owned(),
        }
    }
}

/// A basemap that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// West, south, east and north of what it shows, in degrees.
    pub bounds: [f64; 4],
    /// The first zoom with tiles.
    pub min_zoom: u8,
    /// The last zoom with tiles; deeper ones are drawn from it.
    pub max_zoom: u8,
    /// Tiles that can be asked for.
    pub tiles: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Features in the tiles of the last zoom; what lies in two tiles counts twice.
    pub features: u64,
    /// Buildings left out of tiles that would have been too large, counted in every such tile.
    pub left_out: u64,
    /// Elements of the extract that could not be drawn: their parts are not in it.
    pub broken: u64,
}

/// The first zoom of a basemap.
const MIN_ZOOM: u8 = 6;
/// The last zoom of a basemap.
const MAX_ZOOM: u8 = 15;
/// Bytes of one tile before it is packed.
const TILE_BYTES_MAX: usize = 500_000;
/// Tiles of one zoom: a large country.
const TILES_MAX: usize = 1_000_000;

/// Makes a basemap from OpenStreetMap data (`.osm.pbf`, `.osm`, also packed with gzip).
///
/// `progress` is told the stage (`read`, `draw`), what is done of it, and all of it. `out` is
/// written from its beginning. The same data and settings give the same bytes.
///
/// Limit: the sea is filled within the bounds of the map only, and not at all if its coasts do not
/// bound it or most of the land would lie in it.
/// Limit: memory holds the whole map, some ten times the size of a `.osm.pbf`.
pub fn build(
    osm: &Source,
    settings: &Settings,
    out: &mut (impl Write + Seek),
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<Built, TileError> {
    build_within(TILES_MAX, osm, settings, out, progress)
}

fn build_within(
    tiles_max: usize,
    osm: &Source,
    settings: &Settings,
    out: &mut (impl Write + Seek),
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<Built, TileError> {
    let map = read::read(osm, progress)?;
    let (frame, styles) = (map.bounds, map.styles);
    let mut writer = pmtiles::Writer::new(out, &metadata(settings))?;
    let (mut features, mut left_out) = (0, 0);
    let mut level = vec![pyramid::world(map.pieces)];
    for zoom in 0..=MAX_ZOOM {
        let mut below = Vec::new();
        let tiles = level.len();
        for (index, part) in level.into_iter().enumerate() {
            if zoom >= MIN_ZOOM {
                let sheet = draw::draw(part.tile, &part.pieces, &styles);
                if !sheet.bytes.is_empty() {
                    writer.add(part.tile, &sheet.bytes)?;
                }
                left_out += sheet.left_out;
                if zoom == MAX_ZOOM {
                    features += sheet.features;
                }
            }
            if zoom < MAX_ZOOM {
                below.extend(pyramid::split(part, &frame));
            }
            if below.len() > tiles_max {
                return Err(TileError::TooLarge("a million tiles of one zoom"));
            }
            tell(progress, zoom, index + 1, tiles);
        }
        level = below;
    }
    let [west, north] = unproject(frame.min);
    let [east, south] = unproject(frame.max);
    let bounds = [west, south, east, north];
    let written = writer.finish(&pmtiles::About {
        bounds,
        min_zoom: MIN_ZOOM,
        max_zoom: MAX_ZOOM,
        center_zoom: 13,
    })?;
    Ok(Built {
        bounds,
        min_zoom: MIN_ZOOM,
        max_zoom: MAX_ZOOM,
        tiles: written.tiles,
        bytes: written.bytes,
        features,
        left_out,
        broken: map.broken,
    })
}

/// Parts of the progress of drawing: each zoom is as much work as all before it.
const PROGRESS: u64 = 1 << 20;

fn tell(progress: &mut dyn FnMut(&str, u64, u64), zoom: u8, done: usize, tiles: usize) {
    if done.is_multiple_of(64) || done == tiles {
        let share = PROGRESS >> (MAX_ZOOM - zoom);
        let part = (share - share / 2) * done as u64 / tiles.max(1) as u64;
        progress("draw", share / 2 + part, PROGRESS);
    }
}

/// What a viewer reads of the map before its tiles [PMTiles v3 §5].
fn metadata(settings: &Settings) -> Vec<u8> {
    let layers: Vec<Value> = Layer::ALL
        .into_iter()
        .map(|layer| {
            let mut fields = serde_json::Map::new();
            fields.insert("kind".to_owned(), json!("String"));
            let more: &[(&str, &str)] = match layer {
                Layer::Building => &[("h", "Number")],
                Layer::Road | Layer::Rail => &[("bridge", "Boolean"), ("tunnel", "Boolean")],
                Layer::Place => &[("rank", "Number")],
                _ => &[],
            };
            for (key, kind) in more {
                fields.insert((*key).to_owned(), json!(kind));
            }
            if matches!(
                layer,
                Layer::Water | Layer::Road | Layer::Rail | Layer::Place
            ) {
                for name in NAMES {
                    fields.insert(name.to_owned(), json!("String"));
                }
            }
            json!({"id": layer.name(), "minzoom": MIN_ZOOM, "maxzoom": MAX_ZOOM, "fields": fields})
        })
        .collect();
    json!({
        "name": settings.name,
        "format": "pbf",
        "type": "baselayer",
        "attribution": settings.attribution,
        "vector_layers": layers,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests;
