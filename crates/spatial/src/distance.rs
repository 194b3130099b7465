//! Metres between geometries, on the mean sphere.

use crate::relate::intersects;
use crate::shape::{Segment, Segments, Shape};
use crate::{Envelope, Geometry, Position};

/// The mean radius of the WGS84 ellipsoid: distances differ from its geodesics by at most 0.6 %.
pub(crate) const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

/// Metres between the nearest places of two geometries; 0 where they meet.
///
/// The nearest place on a line is found on a plane through the other's position.
/// Limit: on a line hundreds of kilometres long that place, and so the distance, is approximate.
pub fn distance(one: &Geometry, two: &Geometry) -> f64 {
    between(&Shape::of(one), &Shape::of(two))
}

pub(crate) fn between(one: &Shape, two: &Shape) -> f64 {
    if let ([a], [b]) = (one.points.as_slice(), two.points.as_slice()) {
        return haversine(*a, *b);
    }
    if intersects(one, two) {
        return 0.0;
    }
    // Apart, so the nearest place of one of them is a vertex.
    let mut best = f64::INFINITY;
    vertices(one).for_each(|p| nearest(p, two, &mut best));
    vertices(two).for_each(|p| nearest(p, one, &mut best));
    best
}

fn vertices(shape: &Shape) -> impl Iterator<Item = Position> + '_ {
    let segments = shape.trees().flat_map(Segments::iter);
    shape
        .points
        .iter()
        .copied()
        .chain(segments.flat_map(|segment| [segment.a, segment.b]))
}

fn nearest(p: Position, shape: &Shape, best: &mut f64) {
    for point in &shape.points {
        *best = best.min(haversine(p, *point));
    }
    for tree in shape.trees() {
        let wanted = |best: &f64, envelope: &Envelope| at_least(p, envelope) < *best;
        tree.visit(best, &wanted, &mut |best, segment| {
            if at_least(p, &segment.envelope()) < *best {
                *best = best.min(to_segment(p, segment));
            }
        });
    }
}

/// Metres along the great circle.
fn haversine(a: Position, b: Position) -> f64 {
    let half = |x: f64, y: f64| ((y - x).to_radians() / 2.0).sin().powi(2);
    let scale = a.lat.to_radians().cos() * b.lat.to_radians().cos();
    let h = half(a.lat, b.lat) + scale * half(a.lon, b.lon);
    2.0 * EARTH_RADIUS_METRES * h.clamp(0.0, 1.0).sqrt().asin()
}

/// Finds the nearest place on a plane around `p`, then measures to it on the sphere.
fn to_segment(p: Position, Segment { a, b }: Segment) -> f64 {
    let scale = p.lat.to_radians().cos();
    let (east, north) = ((b.lon - a.lon) * scale, b.lat - a.lat);
    let square = east * east + north * north;
    let mut best = haversine(p, a).min(haversine(p, b));
    // The position may be nearer around the back of the world.
    for turn in [-360.0, 0.0, 360.0] {
        let (x, y) = ((p.lon + turn - a.lon) * scale, p.lat - a.lat);
        let t = (x * east + y * north) / square;
        if t > 0.0 && t < 1.0 {
            best = best.min(haversine(p, Segment { a, b }.at(t)));
        }
    }
    best
}

/// A distance that no place of the box undercuts: to its latitudes, or to its nearest meridian.
fn at_least(p: Position, envelope: &Envelope) -> f64 {
    let north = (envelope.min_lat - p.lat)
        .max(p.lat - envelope.max_lat)
        .max(0.0)
        .to_radians();
    let gap = if p.lon < envelope.min_lon {
        (envelope.min_lon - p.lon).min(p.lon + 360.0 - envelope.max_lon)
    } else if p.lon > envelope.max_lon {
        (p.lon - envelope.max_lon).min(envelope.min_lon + 360.0 - p.lon)
    } else {
        0.0
    };
    let east = if gap >= 90.0 {
        std::f64::consts::FRAC_PI_2 - p.lat.to_radians().abs()
    } else {
        (p.lat.to_radians().cos() * gap.max(0.0).to_radians().sin())
            .clamp(0.0, 1.0)
            .asin()
    };
    // A hair less, so that rounding never prunes the nearest.
    north.max(east) * EARTH_RADIUS_METRES * (1.0 - 1e-9) - 1e-6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::geojson::tests::geometries;

    fn geometry(kind: &str, coordinates: &serde_json::Value) -> Geometry {
        Geometry::from_coordinates(kind, coordinates).unwrap()
    }

    #[test]
    fn a_degree_of_latitude_is_111_km_and_of_longitude_shrinks_with_the_cosine() {
        let origin = geometry("Point", &json!([0, 60]));
        assert!((distance(&origin, &geometry("Point", &json!([0, 61]))) - 111_195.08).abs() < 0.1);
        assert!((distance(&origin, &geometry("Point", &json!([1, 60]))) - 55_595.0).abs() < 10.0);
    }

    #[test]
    fn a_point_is_measured_to_the_nearest_place_of_a_line_and_is_at_zero_within_an_area() {
        let square = json!([[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]);
        let square = geometry("Polygon", &square);
        assert!(distance(&geometry("Point", &json!([1, 1])), &square) < 1e-9);
        let to_edge = distance(&geometry("Point", &json!([1, 3])), &square);
        assert!((to_edge - 111_195.08).abs() < 20.0, "{to_edge}");
        let line = geometry("LineString", &json!([[0, 0], [0, 10]]));
        let to_line = distance(&geometry("Point", &json!([0.001, 5])), &line);
        assert!((to_line - 110.77).abs() < 0.1, "{to_line}");
    }

    #[test]
    fn the_antimeridian_is_no_wall() {
        let (east, west) = (geometry("Point", &json!([179.99, 0])), json!([-179.99, 0]));
        assert!((distance(&east, &geometry("Point", &west)) - 2_223.9).abs() < 0.1);
        let line = geometry("LineString", &json!([[-179.99, -1], [-179.99, 1]]));
        assert!((distance(&east, &line) - 2_223.9).abs() < 0.1);
    }

    proptest! {
        #[test]
        fn distance_is_finite_symmetric_and_never_below_what_the_box_promises(
            one in geometries(), two in geometries(),
        ) {
            let there = distance(&one, &two);
            prop_assert!((0.0..=20_100_000.0).contains(&there));
            prop_assert!((there - distance(&two, &one)).abs() <= 1e-6 * there.max(1.0));
            for p in one.positions() {
                let bound = at_least(p, &two.envelope());
                let point = Geometry::point(p).unwrap();
                prop_assert!(bound <= distance(&point, &two));
            }
        }

        #[test]
        fn the_boxes_around_a_circle_hold_everything_in_it(
            one in geometries(), two in geometries(), more in 0.0..1e6_f64,
        ) {
            let metres = distance(&one, &two) + more;
            let boxes = one.envelope().expanded(metres);
            prop_assert!(boxes.iter().any(|envelope| envelope.intersects(&two.envelope())));
        }
    }
}
