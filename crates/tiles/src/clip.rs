//! Lines and rings in the world square: which points matter at which zoom, and cutting to a box.

use crate::mvt::Spot;
use crate::tile::{BUFFER, EXTENT, Tile};

/// Points that are simplified at once: bounds the work of a hostile shape, and keeps one point in
/// so many at every zoom.
const RUN_MAX: usize = 256;

/// A point of a line or ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vertex {
    pub(crate) x: i32,
    pub(crate) y: i32,
    /// The first zoom at which the shape would look wrong without it.
    pub(crate) zoom: u8,
}

impl Vertex {
    pub(crate) fn new([x, y]: [i32; 2]) -> Self {
        Self { x, y, zoom: 0 }
    }
}

/// A box in the world square, edges included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: [i32; 2],
    pub(crate) max: [i32; 2],
}

impl Bounds {
    /// Holds nothing, and grows from there.
    pub(crate) const NOTHING: Self = Self {
        min: [i32::MAX; 2],
        max: [i32::MIN; 2],
    };

    pub(crate) fn around<'a>(points: impl IntoIterator<Item = &'a Vertex>) -> Self {
        points.into_iter().fold(Self::NOTHING, |bounds, point| {
            bounds.union(Self {
                min: [point.x, point.y],
                max: [point.x, point.y],
            })
        })
    }

    pub(crate) fn union(self, other: Self) -> Self {
        let [a, b] = [self, other];
        Self {
            min: [a.min[0].min(b.min[0]), a.min[1].min(b.min[1])],
            max: [a.max[0].max(b.max[0]), a.max[1].max(b.max[1])],
        }
    }

    pub(crate) fn touches(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.min[axis] <= other.max[axis] && other.min[axis] <= self.max[axis])
    }

    pub(crate) fn holds(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.min[axis] <= other.min[axis] && other.max[axis] <= self.max[axis])
    }

    /// The longer side.
    pub(crate) fn size(&self) -> i64 {
        let side = |axis: usize| i64::from(self.max[axis]) - i64::from(self.min[axis]);
        side(0).max(side(1))
    }

    /// What a tile shows of the world, with its buffer.
    pub(crate) fn of(tile: Tile) -> Self {
        let [x, y] = tile.corner();
        let length = |units: i32| scale(units, tile.shift());
        let (low, high) = (length(BUFFER), length(EXTENT + BUFFER));
        Self {
            min: [x.saturating_sub(low), y.saturating_sub(low)],
            max: [x.saturating_add(high), y.saturating_add(high)],
        }
    }
}

/// Units of a tile as units of the world.
fn scale(units: i32, shift: i32) -> i32 {
    if shift >= 0 {
        i32::try_from(i64::from(units) << shift).unwrap_or(i32::MAX)
    } else {
        units >> -shift
    }
}

/// A place of the world in units of a tile, rounded.
pub(crate) fn spot(vertex: Vertex, tile: Tile) -> Spot {
    let corner = tile.corner();
    let shift = tile.shift();
    let unit = |place: i32, corner: i32| {
        let step = i64::from(place) - i64::from(corner);
        let units = if shift > 0 {
            (step + (1 << (shift - 1))) >> shift
        } else {
            step << -shift
        };
        i32::try_from(units).unwrap_or(i32::MAX)
    };
    [unit(vertex.x, corner[0]), unit(vertex.y, corner[1])]
}

/// Finds for every point the first zoom that needs it, by the method of Douglas and Peucker, and
/// drops those that none needs. `tolerances` are the squares of distances in the world, falling
/// with the zoom. The two ends are needed always.
pub(crate) fn simplify(points: &mut Vec<Vertex>, tolerances: &[f64]) {
    let last = points.len().saturating_sub(1);
    let never = u8::try_from(tolerances.len()).unwrap_or(u8::MAX);
    let mut start = 0;
    while start < last {
        let end = (start + RUN_MAX).min(last);
        let run = points.get_mut(start..=end).unwrap_or_default();
        simplify_run(run, tolerances, never);
        start = end;
    }
    points.retain(|point| point.zoom < never);
}

fn simplify_run(points: &mut [Vertex], tolerances: &[f64], never: u8) {
    let mut open = vec![(0, points.len().saturating_sub(1), 0_u8)];
    while let Some((from, to, outer)) = open.pop() {
        let (Some(&a), Some(&b)) = (points.get(from), points.get(to)) else {
            continue;
        };
        let inner = points.get_mut(from + 1..to).unwrap_or_default();
        let mut farthest = (-1.0, 0);
        for (index, point) in inner.iter().enumerate() {
            let away = apart(*point, a, b);
            if away > farthest.0 {
                farthest = (away, index);
            }
        }
        let needed = tolerances.iter().position(|square| farthest.0 > *square);
        let zoom = needed.and_then(|zoom| u8::try_from(zoom).ok());
        let Some(zoom) = zoom else {
            for point in inner {
                point.zoom = never;
            }
            continue;
        };
        // What hangs on a point is not needed before that point is.
        let zoom = zoom.max(outer);
        if let Some(point) = inner.get_mut(farthest.1) {
            point.zoom = zoom;
        }
        let middle = from + 1 + farthest.1;
        open.push((from, middle, zoom));
        open.push((middle, to, zoom));
    }
}

/// The square of the distance of a point from the line between two others.
fn apart(point: Vertex, a: Vertex, b: Vertex) -> f64 {
    let minus = |p: i32, q: i32| f64::from(p) - f64::from(q);
    let (dx, dy) = (minus(b.x, a.x), minus(b.y, a.y));
    let (px, py) = (minus(point.x, a.x), minus(point.y, a.y));
    let square = dx * dx + dy * dy;
    let along = if square > 0.0 {
        ((px * dx + py * dy) / square).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (px - along * dx).powi(2) + (py - along * dy).powi(2)
}

/// The parts of a line within a box.
pub(crate) fn line(points: &[Vertex], bounds: &Bounds) -> Vec<Vec<Vertex>> {
    let mut parts = Vec::new();
    let mut part: Vec<Vertex> = Vec::new();
    for pair in points.windows(2) {
        let &[a, b] = pair else { continue };
        let Some((enter, leave)) = within(a, b, bounds) else {
            finish(&mut part, &mut parts);
            continue;
        };
        if part.is_empty() {
            part.push(if enter > 0.0 { between(a, b, enter) } else { a });
        }
        if leave < 1.0 {
            part.push(between(a, b, leave));
            finish(&mut part, &mut parts);
        } else {
            part.push(b);
        }
    }
    finish(&mut part, &mut parts);
    parts
}

fn finish(part: &mut Vec<Vertex>, parts: &mut Vec<Vec<Vertex>>) {
    if part.len() > 1 {
        parts.push(std::mem::take(part));
    }
    part.clear();
}

/// Which stretch of the way from `a` to `b` lies in the box, by the method of Liang and Barsky.
fn within(a: Vertex, b: Vertex, bounds: &Bounds) -> Option<(f64, f64)> {
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (from, to, low, high) in [
        (a.x, b.x, bounds.min[0], bounds.max[0]),
        (a.y, b.y, bounds.min[1], bounds.max[1]),
    ] {
        let step = f64::from(to) - f64::from(from);
        if from == to {
            if from < low || from > high {
                return None;
            }
            continue;
        }
        let part = |edge: i32| (f64::from(edge) - f64::from(from)) / step;
        let (first, second) = if step > 0.0 {
            (part(low), part(high))
        } else {
            (part(high), part(low))
        };
        enter = enter.max(first);
        leave = leave.min(second);
    }
    (enter <= leave).then_some((enter, leave))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a place between two others is no farther out than they are"
)]
fn between(a: Vertex, b: Vertex, part: f64) -> Vertex {
    let mix = |from: i32, to: i32| {
        (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as i32
    };
    Vertex::new([mix(a.x, b.x), mix(a.y, b.y)])
}

/// The part of a ring within a box, by the method of Sutherland and Hodgman; empty if there is none.
/// The first point of a ring is not repeated at its end.
///
/// Limit: a ring that leaves the box and comes back stays one ring, joined along the edge of the
/// buffer, where nobody sees it.
pub(crate) fn ring(points: &[Vertex], bounds: &Bounds) -> Vec<Vertex> {
    let west = half(
        points,
        |p| p.x >= bounds.min[0],
        |a, b| at_x(a, b, bounds.min[0]),
    );
    let east = half(
        &west,
        |p| p.x <= bounds.max[0],
        |a, b| at_x(a, b, bounds.max[0]),
    );
    let north = half(
        &east,
        |p| p.y >= bounds.min[1],
        |a, b| at_y(a, b, bounds.min[1]),
    );
    half(
        &north,
        |p| p.y <= bounds.max[1],
        |a, b| at_y(a, b, bounds.max[1]),
    )
}

fn half(
    points: &[Vertex],
    inside: impl Fn(Vertex) -> bool,
    cut: impl Fn(Vertex, Vertex) -> Vertex,
) -> Vec<Vertex> {
    let mut kept = Vec::with_capacity(points.len());
    let Some(mut before) = points.last().copied() else {
        return kept;
    };
    for &point in points {
        if inside(before) != inside(point) {
            kept.push(cut(before, point));
        }
        if inside(point) {
            kept.push(point);
        }
        before = point;
    }
    kept
}

fn at_x(a: Vertex, b: Vertex, x: i32) -> Vertex {
    let part = (f64::from(x) - f64::from(a.x)) / (f64::from(b.x) - f64::from(a.x));
    Vertex {
        x,
        ..between(a, b, part)
    }
}

fn at_y(a: Vertex, b: Vertex, y: i32) -> Vertex {
    let part = (f64::from(y) - f64::from(a.y)) / (f64::from(b.y) - f64::from(a.y));
    Vertex {
        y,
        ..between(a, b, part)
    }
}

/// The points of a line that a tile of this zoom needs, in its units, without repetition.
pub(crate) fn spots(points: &[Vertex], tile: Tile) -> Vec<Spot> {
    let needed = points.iter().filter(|point| point.zoom <= tile.z());
    let mut spots: Vec<Spot> = needed.map(|point| spot(*point, tile)).collect();
    spots.dedup();
    spots
}

/// The same of a ring; empty if nothing of an area is left.
pub(crate) fn ring_spots(points: &[Vertex], tile: Tile) -> Vec<Spot> {
    let mut spots = spots(points, tile);
    if spots.len() > 1 && spots.first() == spots.last() {
        spots.pop();
    }
    if spots.len() < 3 || twice_area(&spots) == 0 {
        spots.clear();
    }
    spots
}

/// Twice the area of a ring; more than zero if it turns with the clock on a screen, as outer rings
/// of tiles do [MVT §4.3.4.4].
pub(crate) fn twice_area(spots: &[Spot]) -> i64 {
    let next = spots.iter().cycle().skip(1);
    let cross =
        |[a, b]: Spot, [c, d]: Spot| i64::from(a) * i64::from(d) - i64::from(c) * i64::from(b);
    spots.iter().zip(next).map(|(p, q)| cross(*p, *q)).sum()
}

/// A polygon, its shell and then its holes, in units of a tile and turned as the format wants it;
/// holes of less than `least` square units are filled. Empty if nothing is left of the shell.
pub(crate) fn polygon(rings: &[Vec<Vertex>], tile: Tile, least: i64) -> Vec<Vec<Spot>> {
    let mut turned = Vec::with_capacity(rings.len());
    for (index, points) in rings.iter().enumerate() {
        let mut spots = ring_spots(points, tile);
        let twice = twice_area(&spots);
        let shell = index == 0;
        if spots.is_empty() || (!shell && twice.abs() < 2 * least) {
            if shell {
                return turned;
            }
            continue;
        }
        if (twice > 0) != shell {
            spots.reverse();
        }
        turned.push(spots);
    }
    turned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(places: &[[i32; 2]]) -> Vec<Vertex> {
        places.iter().map(|place| Vertex::new(*place)).collect()
    }

    const BOX: Bounds = Bounds {
        min: [0, 0],
        max: [100, 100],
    };

    #[test]
    fn a_line_that_leaves_and_comes_back_has_two_parts() {
        let path = points(&[[10, 10], [110, 10], [110, 50], [50, 50]]);
        let parts = line(&path, &BOX);
        assert_eq!(
            parts,
            [
                points(&[[10, 10], [100, 10]]),
                points(&[[100, 50], [50, 50]])
            ]
        );
        assert!(line(&points(&[[-10, 50], [-20, 60]]), &BOX).is_empty());
        assert_eq!(
            line(&points(&[[-50, -50], [150, 150]]), &BOX),
            [points(&[[0, 0], [100, 100]])]
        );
    }

    #[test]
    fn a_ring_around_the_box_becomes_the_box() {
        let around = points(&[[-50, -50], [500, -50], [500, 500], [-50, 500]]);
        let cut = ring(&around, &BOX);
        let spots: Vec<Spot> = cut.iter().map(|point| [point.x, point.y]).collect();
        assert_eq!(twice_area(&spots), 2 * 100 * 100);
        assert!(ring(&points(&[[200, 0], [300, 0], [300, 50]]), &BOX).is_empty());
    }

    #[test]
    fn a_point_is_needed_from_the_zoom_that_shows_its_distance() {
        let mut path = points(&[[0, 0], [50, 3], [100, 0], [150, 30], [200, 0]]);
        simplify(&mut path, &[100.0, 25.0, 4.0]);
        let zooms: Vec<u8> = path.iter().map(|point| point.zoom).collect();
        // The point that is 3 away shows at the last zoom only, those far away from the first.
        assert_eq!(zooms, [0, 2, 0, 0, 0]);
    }

    #[test]
    fn points_on_a_straight_line_are_dropped() {
        let mut path = points(&[[0, 0], [10, 10], [20, 20], [30, 30]]);
        simplify(&mut path, &[1.0]);
        assert_eq!(path, points(&[[0, 0], [30, 30]]));
    }

    #[test]
    fn shells_turn_with_the_clock_and_holes_against_it() {
        let tile = Tile::at(0, 0.0, 0.0);
        let unit = 1 << tile.shift();
        let square = |at: i32, size: i32| {
            [
                [at, at],
                [at + size, at],
                [at + size, at + size],
                [at, at + size],
            ]
            .map(|[x, y]| Vertex::new([x * unit, y * unit]))
            .to_vec()
        };
        let mut shell = square(100, 500);
        shell.reverse();
        let rings = polygon(&[shell, square(200, 100), square(400, 2)], tile, 16);
        let areas: Vec<i64> = rings.iter().map(|ring| twice_area(ring)).collect();
        assert_eq!(areas, [2 * 500 * 500, -2 * 100 * 100]);
    }

    proptest! {
        #[test]
        fn what_is_cut_lies_in_the_box(
            places in prop::collection::vec(any::<[i32; 2]>(), 0..60),
        ) {
            let path = points(&places);
            let inside = |point: &Vertex| {
                (0..=100).contains(&point.x) && (0..=100).contains(&point.y)
            };
            prop_assert!(ring(&path, &BOX).iter().all(inside));
            prop_assert!(line(&path, &BOX).iter().flatten().all(inside));
        }

        #[test]
        fn simplifying_keeps_the_ends_and_moves_nothing_far(
            places in prop::collection::vec([-1000..1000_i32, -1000..1000_i32], 2..200),
        ) {
            let path = points(&places);
            let mut simple = path.clone();
            simplify(&mut simple, &[100.0]);
            prop_assert_eq!(simple.first(), path.first());
            prop_assert_eq!(simple.last(), path.last());
            for point in &path {
                let near = simple.windows(2).any(|pair| apart(*point, pair[0], pair[1]) <= 100.0);
                prop_assert!(near);
            }
        }
    }
}
