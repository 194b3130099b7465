//! Places: distance, within, intersects. A geometry is a text, in GeoJSON or Well-Known Text.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, StringViewArray};
use datafusion::common::{Result as PlanResult, exec_err};
use serde_json::Value;
use spatial::{Geometry, Georel, Position, Predicate};

use super::{Definition, Kind, numbers, texts, wkt};

pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "distance_m",
        takes: &[&[Kind::Number; 4], &[Kind::Text; 2]],
        returns: Kind::Number,
        body: distance,
    },
    Definition {
        name: "within",
        takes: &[&[Kind::Text; 2]],
        returns: Kind::Truth,
        body: within,
    },
    Definition {
        name: "intersects",
        takes: &[&[Kind::Text; 2]],
        returns: Kind::Truth,
        body: intersects,
    },
    Definition {
        name: "point",
        takes: &[&[Kind::Number; 2]],
        returns: Kind::Text,
        body: point,
    },
    Definition {
        name: "longitude",
        takes: &[&[Kind::Text]],
        returns: Kind::Number,
        body: |columns| middle(columns, |at| at.lon),
    },
    Definition {
        name: "latitude",
        takes: &[&[Kind::Text]],
        returns: Kind::Number,
        body: |columns| middle(columns, |at| at.lat),
    },
];

/// Reads a geometry.
fn read(text: &str) -> PlanResult<Geometry> {
    let read = if text.trim_start().starts_with('{') {
        let value: Option<Value> = serde_json::from_str(text).ok();
        value.and_then(|value| Geometry::from_geojson(&value).ok())
    } else {
        wkt::read(text)
    };
    if let Some(geometry) = read {
        Ok(geometry)
    } else {
        let begins: String = text.chars().take(40).collect();
        exec_err!("'{begins}' is no geometry: write it as GeoJSON or as POLYGON ((…))")
    }
}

/// The last text that was read, and what was made of it: the same one often comes again.
struct Memo<'t, T>(Option<(&'t str, T)>);

impl<'t, T> Memo<'t, T> {
    fn of(&mut self, text: &'t str, make: impl Fn(Geometry) -> T) -> PlanResult<&T> {
        let known = self.0.take().filter(|(known, _)| *known == text);
        let known = match known {
            Some(known) => known,
            None => (text, make(read(text)?)),
        };
        Ok(&self.0.insert(known).1)
    }
}

fn position(lon: f64, lat: f64) -> PlanResult<Geometry> {
    if let Ok(point) = Geometry::point(Position::new(lon, lat)) {
        Ok(point)
    } else {
        exec_err!("{lon}, {lat} is no place: longitude goes to 180, latitude to 90")
    }
}

fn distance(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    if columns.len() == 2 {
        return distance_of_geometries(columns);
    }
    let from = numbers(columns, 0)?.zip(numbers(columns, 1)?);
    let to = numbers(columns, 2)?.zip(numbers(columns, 3)?);
    let metres = from.zip(to).map(|pairs| match pairs {
        ((Some(lon), Some(lat)), (Some(to_lon), Some(to_lat))) => {
            let (from, to) = (position(lon, lat)?, position(to_lon, to_lat)?);
            Ok(Some(spatial::distance(&from, &to)))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(metres.collect::<PlanResult<Float64Array>>()?))
}

fn distance_of_geometries(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let (mut left, mut right) = (Memo(None), Memo(None));
    let pairs = texts(columns, 0)?.iter().zip(texts(columns, 1)?);
    let metres = pairs.map(|pair| match pair {
        (Some(one), Some(two)) => {
            let one = left.of(one, |geometry| geometry)?;
            Ok(Some(spatial::distance(
                one,
                right.of(two, |geometry| geometry)?,
            )))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(metres.collect::<PlanResult<Float64Array>>()?))
}

fn within(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    holds(columns, |reference| {
        Predicate::new(Georel::Within, reference)
    })
}

fn intersects(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    holds(columns, |reference| {
        Predicate::new(Georel::Intersects, reference)
    })
}

fn holds(columns: &[ArrayRef], make: fn(Geometry) -> Predicate) -> PlanResult<ArrayRef> {
    let (mut subjects, mut references) = (Memo(None), Memo(None));
    let pairs = texts(columns, 0)?.iter().zip(texts(columns, 1)?);
    let truths = pairs.map(|pair| match pair {
        (Some(subject), Some(reference)) => {
            let subject = subjects.of(subject, |geometry| geometry)?;
            Ok(Some(references.of(reference, make)?.holds(subject)))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(truths.collect::<PlanResult<BooleanArray>>()?))
}

fn point(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let pairs = numbers(columns, 0)?.zip(numbers(columns, 1)?);
    let points = pairs.map(|pair| match pair {
        (Some(lon), Some(lat)) => Ok(Some(position(lon, lat)?.to_geojson().to_string())),
        _ => Ok(None),
    });
    Ok(Arc::new(points.collect::<PlanResult<StringViewArray>>()?))
}

fn middle(columns: &[ArrayRef], of: fn(Position) -> f64) -> PlanResult<ArrayRef> {
    let middles = texts(columns, 0)?.iter().map(|text| match text {
        Some(text) => Ok(Some(of(read(text)?.centroid()))),
        None => Ok(None),
    });
    Ok(Arc::new(middles.collect::<PlanResult<Float64Array>>()?))
}
