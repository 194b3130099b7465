//! Areas: rings from the pieces of their boundary, holes into the ring that holds them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::element::Place;

/// Joins pieces, given by their nodes, into closed rings; `None` if a piece is left over.
pub(super) fn join(pieces: Vec<Vec<i64>>) -> Option<Vec<Vec<i64>>> {
    let (rings, whole) = closed(pieces);
    whole.then_some(rings)
}

/// The closed rings that the pieces make, and whether no piece is left over.
pub(super) fn closed(mut pieces: Vec<Vec<i64>>) -> (Vec<Vec<i64>>, bool) {
    pieces.retain(|piece| piece.len() > 1);
    let mut ends: HashMap<i64, Vec<usize>> = HashMap::new();
    for (index, piece) in pieces.iter().enumerate().rev() {
        for end in [piece.first(), piece.last()].into_iter().flatten() {
            ends.entry(*end).or_default().push(index);
        }
    }
    let (mut rings, mut whole) = (Vec::new(), true);
    for index in (0..pieces.len()).rev() {
        let mut ring = pieces
            .get_mut(index)
            .map(std::mem::take)
            .unwrap_or_default();
        while let (Some(first), Some(last)) = (ring.first(), ring.last().copied())
            && *first != last
        {
            let Some(mut piece) = next(&mut pieces, &mut ends, last) else {
                break;
            };
            if piece.first() != Some(&last) {
                piece.reverse();
            }
            ring.extend(piece.into_iter().skip(1));
        }
        if ring.is_empty() {
            continue;
        }
        if ring.len() < 4 || ring.first() != ring.last() {
            whole = false;
        } else {
            rings.push(ring);
        }
    }
    (rings, whole)
}

/// Takes a piece that ends at a node and was not taken yet.
fn next(
    pieces: &mut [Vec<i64>],
    ends: &mut HashMap<i64, Vec<usize>>,
    node: i64,
) -> Option<Vec<i64>> {
    let here = ends.get_mut(&node)?;
    while let Some(index) = here.pop() {
        let piece = pieces.get_mut(index).map(std::mem::take);
        if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
            return Some(piece);
        }
    }
    None
}

/// Polygons, each a shell against the clock and its holes, from outer and inner rings.
pub(super) fn polygons(outer: Vec<Vec<Place>>, inner: Vec<Vec<Place>>) -> Vec<Vec<Vec<Place>>> {
    let mut polygons: Vec<Vec<Vec<Place>>> = outer
        .into_iter()
        .filter_map(|ring| turned(ring, true))
        .map(|ring| vec![ring])
        .collect();
    for hole in inner.into_iter().filter_map(|ring| turned(ring, false)) {
        let only = polygons.len() == 1;
        let first = hole.first().copied().unwrap_or_default();
        let around = polygons
            .iter_mut()
            .find(|rings| only || rings.first().is_some_and(|ring| holds(ring, first)));
        if let Some(around) = around {
            around.push(hole);
        }
    }
    polygons
}

/// A Polygon or MultiPolygon of GeoJSON from outer and inner rings; `None` if there is no area.
pub(super) fn area(outer: Vec<Vec<Place>>, inner: Vec<Vec<Place>>) -> Option<Value> {
    let mut list: Vec<Value> = polygons(outer, inner)
        .into_iter()
        .map(|rings| rings.into_iter().map(|ring| line(&ring)).collect())
        .collect();
    match list.len() {
        0 => None,
        1 => Some(json!({"type": "Polygon", "coordinates": list.pop()})),
        _ => Some(json!({"type": "MultiPolygon", "coordinates": list})),
    }
}

/// Coordinates in degrees.
pub(super) fn line(places: &[Place]) -> Value {
    places.iter().map(|place| json!(place.degrees())).collect()
}

/// The ring without repeated points, turned as RFC 7946 wants it: outer ones against the clock.
fn turned(mut ring: Vec<Place>, against: bool) -> Option<Vec<Place>> {
    ring.dedup();
    if ring.len() < 4 || ring.first() != ring.last() {
        return None;
    }
    let twice: i128 = ring
        .windows(2)
        .filter_map(|pair| Some((pair.first()?, pair.get(1)?)))
        .map(|(a, b)| i128::from(a.lon) * i128::from(b.lat) - i128::from(b.lon) * i128::from(a.lat))
        .sum();
    if twice == 0 {
        return None;
    }
    if (twice > 0) != against {
        ring.reverse();
    }
    Some(ring)
}

/// The point lies within the ring.
fn holds(ring: &[Place], point: Place) -> bool {
    let mut within = false;
    for pair in ring.windows(2) {
        let [a, b] = pair else { continue };
        if (a.lat > point.lat) != (b.lat > point.lat) {
            let (rise, run) = (
                i128::from(b.lat - a.lat),
                i128::from(b.lon) - i128::from(a.lon),
            );
            let over = i128::from(point.lat - a.lat) * run;
            let left = (i128::from(point.lon) - i128::from(a.lon)) * rise;
            if (left < over) == (rise > 0) {
                within = !within;
            }
        }
    }
    within
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(at: i32, size: i32) -> Vec<Place> {
        [(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)]
            .map(|(x, y)| Place {
                lon: at + x * size,
                lat: at + y * size,
            })
            .to_vec()
    }

    #[test]
    fn pieces_join_in_any_order_and_direction() {
        let rings = join(vec![
            vec![1, 2, 3],
            vec![5, 1],
            vec![5, 4, 3],
            vec![7, 8, 9, 7],
        ])
        .unwrap();
        assert_eq!(rings, [vec![7, 8, 9, 7], vec![5, 4, 3, 2, 1, 5]]);
        assert_eq!(join(vec![vec![1, 2], vec![3, 4]]), None);
        assert_eq!(join(vec![vec![1, 2, 1]]), None);
    }

    #[test]
    fn what_does_not_close_leaves_the_rings_that_do() {
        let (rings, whole) = closed(vec![vec![1, 2], vec![3, 4, 5], vec![5, 3], vec![2, 6]]);
        assert_eq!(rings, [vec![5, 3, 4, 5]]);
        assert!(!whole);
    }

    #[test]
    fn holes_find_the_ring_around_them() {
        let outer = vec![square(0, 100), square(1_000, 100)];
        let area = area(outer, vec![square(1_010, 10)]).unwrap();
        assert_eq!(area["type"], "MultiPolygon");
        let sizes: Vec<usize> = area["coordinates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rings| rings.as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [1, 2]);
    }

    #[test]
    fn outer_rings_turn_against_the_clock_and_holes_with_it() {
        let ring = turned(square(0, 10), true).unwrap();
        assert_eq!(ring.get(1), Some(&Place { lon: 10, lat: 0 }));
        let hole = turned(square(0, 10), false).unwrap();
        assert_eq!(hole.get(1), Some(&Place { lon: 0, lat: 10 }));
        let flat = vec![
            Place { lon: 0, lat: 0 },
            Place { lon: 1, lat: 1 },
            Place { lon: 2, lat: 2 },
            Place { lon: 0, lat: 0 },
        ];
        assert_eq!(turned(flat, true), None);
    }
}
