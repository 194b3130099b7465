//! Well-Known Text: `POLYGON ((69.2 41.3, …))`, as far as GeoJSON has the same.

use serde_json::{Value, json};
use spatial::Geometry;

/// Depth of brackets of a multipolygon.
const DEPTH_MAX: usize = 3;

/// Reads a geometry; `None`: it is none.
pub(super) fn read(text: &str) -> Option<Geometry> {
    let text = text.trim();
    // `SRID=4326;POINT(…)`, as PostGIS writes it.
    let text = text.strip_prefix("SRID=4326;").unwrap_or(text);
    let at = text.find('(')?;
    let (word, body) = text.split_at(at);
    let (geometry_type, depth) = match word.trim().to_ascii_uppercase().as_str() {
        "POINT" => ("Point", 1),
        "LINESTRING" => ("LineString", 1),
        "POLYGON" => ("Polygon", 2),
        "MULTIPOINT" => ("MultiPoint", 1),
        "MULTILINESTRING" => ("MultiLineString", 2),
        "MULTIPOLYGON" => ("MultiPolygon", 3),
        _ => return None,
    };
    let (coordinates, rest) = list(body, depth)?;
    if !rest.trim().is_empty() {
        return None;
    }
    let coordinates = match geometry_type {
        "Point" => coordinates.as_array()?.first()?.clone(),
        _ => coordinates,
    };
    Geometry::from_geojson(&json!({"type": geometry_type, "coordinates": coordinates})).ok()
}

/// A list in brackets: of positions, or of lists; what stands behind it.
fn list(text: &str, depth: usize) -> Option<(Value, &str)> {
    let mut rest = text.trim_start().strip_prefix('(')?;
    let mut items = Vec::new();
    loop {
        let (item, behind) = if depth > 1 && depth <= DEPTH_MAX {
            list(rest, depth - 1)?
        } else {
            position(rest)?
        };
        items.push(item);
        let behind = behind.trim_start();
        if let Some(more) = behind.strip_prefix(',') {
            rest = more;
        } else {
            return Some((Value::Array(items), behind.strip_prefix(')')?));
        }
    }
}

/// `69.2 41.3`, in brackets of its own or not.
fn position(text: &str) -> Option<(Value, &str)> {
    let text = text.trim_start();
    let Some(inner) = text.strip_prefix('(') else {
        return bare_position(text);
    };
    let (position, rest) = bare_position(inner)?;
    Some((position, rest.trim_start().strip_prefix(')')?))
}

fn bare_position(text: &str) -> Option<(Value, &str)> {
    let end = text.find([',', ')'])?;
    let (numbers, rest) = text.split_at(end);
    let numbers: Option<Vec<f64>> = numbers
        .split_whitespace()
        .map(|number| number.parse().ok())
        .collect();
    let numbers = numbers.filter(|numbers| matches!(numbers.len(), 2 | 3))?;
    Some((json!(numbers), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geojson(text: &str) -> Option<String> {
        read(text).map(|geometry| geometry.to_geojson().to_string())
    }

    #[test]
    fn each_kind_of_geometry_reads_as_its_geojson() {
        for (wkt, expected) in [
            (
                "POINT (69.2 41.3)",
                r#"{"type":"Point","coordinates":[69.2,41.3]}"#,
            ),
            (
                "SRID=4326;point(1 2)",
                r#"{"type":"Point","coordinates":[1,2]}"#,
            ),
            (
                "LINESTRING(0 0, 1 1)",
                r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#,
            ),
            (
                "MULTIPOINT((0 0), (1 1))",
                r#"{"type":"MultiPoint","coordinates":[[0,0],[1,1]]}"#,
            ),
            (
                "POLYGON((0 0,1 0,1 1,0 0))",
                r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#,
            ),
            (
                "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
                r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}"#,
            ),
        ] {
            assert_eq!(geojson(wkt).as_deref(), Some(expected), "{wkt}");
        }
    }

    #[test]
    fn what_is_no_geometry_is_none() {
        for text in [
            "",
            "POINT",
            "POINT(",
            "POINT()",
            "POINT(1)",
            "POINT(a b)",
            "POINT(1 2",
            "POINT(1 2) x",
            "CIRCLE(1 2)",
            "POLYGON(0 0)",
            "((((((((",
            "POINT(((((1 2)))))",
        ] {
            assert_eq!(geojson(text), None, "{text}");
        }
    }
}
