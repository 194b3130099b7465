//! The lines that trips follow.

use std::collections::hash_map::Entry;

use serde_json::{Value, json};

use super::archive::Archive;
use super::{City, ID_BYTES_MAX, MODEL, values};
use crate::entity::{Entity, decimal};
use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::rows::Row;

/// Points held at once, since a feed may give them in any order: 2 GB at most.
const POINTS_MAX: usize = 100_000_000;
/// Parts of a degree kept: a centimetre.
const PARTS: f64 = 1e7;

/// One point: 20 bytes, as there are many.
struct Point {
    shape: u32,
    sequence: u32,
    lon: i32,
    lat: i32,
    distance: f32,
}

/// Shapes, in the order in which the feed first names them.
pub(super) fn shapes(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "shapes.txt";
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let column = |name| table.column(name);
    let (key, order) = (column("shape_id"), column("shape_pt_sequence"));
    let (lon, lat) = (column("shape_pt_lon"), column("shape_pt_lat"));
    let distance = column("shape_dist_traveled");
    let mut ids: Vec<String> = Vec::new();
    let mut points: Vec<Point> = Vec::new();
    let mut row = Row::default();
    while table.next(&mut row, out)? {
        let id = row.at(key);
        let place = values::place(row.at(lon), row.at(lat));
        let sequence = row.at(order).parse::<u32>().ok();
        let (Some((lon, lat)), Some(sequence)) = (place, sequence) else {
            out.complain(
                FILE,
                Some(row.line),
                "no place or no sequence number; left out",
            );
            continue;
        };
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            out.complain(
                FILE,
                Some(row.line),
                format!("shape_id {}; left out", shown(id)),
            );
            continue;
        }
        if points.len() >= POINTS_MAX {
            return Err(ImportError::too_large(
                FILE,
                "more than a hundred million points",
            ));
        }
        let shape = number(id, city, &mut ids);
        let distance = row
            .at(distance)
            .parse::<f32>()
            .ok()
            .filter(|number| number.is_finite());
        let distance = distance.unwrap_or(f32::NAN);
        points.push(Point {
            shape,
            sequence,
            lon: fixed(lon),
            lat: fixed(lat),
            distance,
        });
    }
    points.sort_by_key(|point| (point.shape, point.sequence));
    for shape in points.chunk_by(|a, b| a.shape == b.shape) {
        let Some(id) = shape
            .first()
            .and_then(|point| ids.get(point.shape as usize))
        else {
            continue;
        };
        if shape.len() < 2 {
            let reason = format!("shape {} has one point only; left out", shown(id));
            out.complain(FILE, None, reason);
            continue;
        }
        out.entity(FILE, entity(id, shape, city))?;
    }
    Ok(())
}

fn number(id: &str, city: &mut City, ids: &mut Vec<String>) -> u32 {
    if let Some(number) = city.shapes.get(id) {
        return *number;
    }
    let number = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    if let Entry::Vacant(free) = city.shapes.entry(id.to_owned()) {
        free.insert(number);
        ids.push(id.to_owned());
    }
    number
}

fn entity(id: &str, points: &[Point], city: &City) -> Value {
    let mut entity = Entity::new(MODEL, "GtfsShape", city.urn("GtfsShape", id));
    let line: Vec<[f64; 2]> = points
        .iter()
        .map(|point| [degrees(point.lon), degrees(point.lat)])
        .collect();
    entity.geometry(
        "location",
        &json!({"type": "LineString", "coordinates": line}),
    );
    if points.iter().all(|point| !point.distance.is_nan()) {
        let distances: Vec<f64> = points.iter().map(|point| decimal(point.distance)).collect();
        entity.property("distanceTravelled", distances);
    }
    entity.into_value()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "180 degrees are 1.8e9 parts, within i32"
)]
fn fixed(degrees: f64) -> i32 {
    (degrees * PARTS).round() as i32
}

fn degrees(fixed: i32) -> f64 {
    f64::from(fixed) / PARTS
}
