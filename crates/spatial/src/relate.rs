//! How two shapes lie to each other, as OGC Simple Features means it [OGC 06-103r4 §6.1.15].
//!
//! Every question is answered by cutting the segments of one shape where the other's meet them and
//! asking of each piece whether it runs inside, along or outside the other. Orientation is exact;
//! the cuts are rounded, so a piece shorter than a micrometre says nothing.

use crate::Position;
use crate::shape::{Area, Place, Segment, Segments, Shape, side};

/// About a micrometre in degrees: pieces between two cuts of the same crossing are shorter.
const SLIVER_DEGREES: f64 = 1e-11;

/// Whether they share a place.
pub(crate) fn intersects(one: &Shape, two: &Shape) -> bool {
    if !one.envelope.intersects(&two.envelope) {
        return false;
    }
    one.points.iter().any(|p| two.has(*p))
        || two.points.iter().any(|p| one.has(*p))
        || starts_in(one, two)
        || starts_in(two, one)
        || segments_meet(one, two)
}

/// Whether a line or edge starts in an area: where nothing crosses, the whole of it then lies there.
fn starts_in(one: &Shape, areas: &Shape) -> bool {
    let mut last: Option<Position> = None;
    !areas.areas.is_empty()
        && one.trees().flat_map(Segments::iter).any(|segment| {
            let is_start = last.is_none_or(|last| !last.same_place(segment.a));
            last = Some(segment.b);
            is_start && areas.place(segment.a) != Place::Outside
        })
}

fn segments_meet(one: &Shape, two: &Shape) -> bool {
    let mut meet = false;
    for segment in one.trees().flat_map(Segments::iter) {
        for tree in two.trees() {
            tree.touching(segment.envelope(), |other| {
                meet |= cross(segment, other);
            });
        }
        if meet {
            return true;
        }
    }
    false
}

/// Whether two segments share a place.
fn cross(s: Segment, o: Segment) -> bool {
    let apart = |x: f64, y: f64| (x > 0.0 && y > 0.0) || (x < 0.0 && y < 0.0);
    s.envelope().intersects(&o.envelope())
        && !apart(side(s.a, s.b, o.a), side(s.a, s.b, o.b))
        && !apart(side(o.a, o.b, s.a), side(o.a, o.b, s.b))
}

/// Whether `one` lies in `two` and their interiors meet.
pub(crate) fn within(one: &Shape, two: &Shape) -> bool {
    if !covered(one, two) {
        return false;
    }
    match (one.dimension(), two.dimension()) {
        (0, 1) => one
            .points
            .iter()
            .any(|p| !two.ends.iter().any(|end| end.same_place(*p))),
        (0, 2) => one.points.iter().any(|p| two.place(*p) == Place::Inside),
        (1, 2) => runs(one, two).inside,
        _ => true,
    }
}

/// Whether both are the same set of places.
pub(crate) fn equals(one: &Shape, two: &Shape) -> bool {
    one.dimension() == two.dimension() && covered(one, two) && covered(two, one)
}

/// Whether they are of one dimension, their interiors meet in it, and neither holds the other.
pub(crate) fn overlaps(one: &Shape, two: &Shape) -> bool {
    if one.dimension() != two.dimension() || !one.envelope.intersects(&two.envelope) {
        return false;
    }
    let meet = match one.dimension() {
        0 => one.points.iter().any(|p| two.has(*p)),
        1 => runs(one, two).along,
        _ => {
            runs(one, two).inside
                || runs(two, one).inside
                || one
                    .areas
                    .iter()
                    .filter_map(Area::some_inside)
                    .any(|p| two.place(p) == Place::Inside)
        }
    };
    meet && !covered(one, two) && !covered(two, one)
}

/// Whether every place of `one` is a place of `two`, boundaries included.
pub(crate) fn covered(one: &Shape, two: &Shape) -> bool {
    if !two.envelope.contains(&one.envelope) {
        return false;
    }
    match (one.dimension(), two.dimension()) {
        (0, _) => one.points.iter().all(|p| two.has(*p)),
        (1, 1 | 2) => !runs(one, two).outside,
        (2, 2) => {
            !runs(one, two).outside
                // No hole of the other, and no gap between its parts, opens inside this one.
                && !runs(two, one).inside
                && one
                    .areas
                    .iter()
                    .filter_map(Area::some_inside)
                    .all(|p| two.place(p) != Place::Outside)
        }
        _ => false,
    }
}

/// How the segments of one shape run by another.
#[derive(Debug, Default, Clone, Copy)]
struct Runs {
    /// Some piece is inside its areas.
    inside: bool,
    /// Some piece is on its lines or edges.
    along: bool,
    /// Some piece is apart from it.
    outside: bool,
}

fn runs(one: &Shape, two: &Shape) -> Runs {
    let mut runs = Runs::default();
    let mut cuts = Cuts::default();
    for segment in one.trees().flat_map(Segments::iter) {
        cuts.run(segment, two, &mut runs);
        if runs.inside && runs.along && runs.outside {
            break;
        }
    }
    runs
}

/// Where one segment is cut, as parts of its way; kept to reuse the memory.
#[derive(Debug, Default)]
struct Cuts {
    at: Vec<f64>,
    along: Vec<(f64, f64)>,
}

impl Cuts {
    fn run(&mut self, segment: Segment, other: &Shape, runs: &mut Runs) {
        let length = (segment.b.lon - segment.a.lon).hypot(segment.b.lat - segment.a.lat);
        if length <= SLIVER_DEGREES {
            // As good as a point: it is in the other or not.
            match (other.place(segment.a), other.has(segment.a)) {
                (Place::Inside, _) => runs.inside = true,
                (_, false) => runs.outside = true,
                (_, true) => {}
            }
            return;
        }
        self.cut(segment, other);
        let sliver = SLIVER_DEGREES / length;
        for (from, to) in self.at.iter().zip(self.at.iter().skip(1)) {
            if to - from <= sliver {
                continue;
            }
            let middle = f64::midpoint(*from, *to);
            if self
                .along
                .iter()
                .any(|(start, end)| *start <= middle && middle <= *end)
            {
                runs.along = true;
                continue;
            }
            match other.place(segment.at(middle)) {
                Place::Inside => runs.inside = true,
                Place::Outside => runs.outside = true,
                // So close to an edge that rounding decides: it says nothing.
                Place::Edge => {}
            }
        }
    }

    fn cut(&mut self, segment: Segment, other: &Shape) {
        self.at.clear();
        self.along.clear();
        self.at.extend([0.0, 1.0]);
        for tree in other.trees() {
            tree.touching(segment.envelope(), |edge| self.meet(segment, edge));
        }
        self.at.sort_by(f64::total_cmp);
    }

    fn meet(&mut self, s: Segment, edge: Segment) {
        let (from, to) = (side(s.a, s.b, edge.a), side(s.a, s.b, edge.b));
        if from == 0.0 && to == 0.0 {
            let (from, to) = (part(s, edge.a), part(s, edge.b));
            let (start, end) = (from.min(to).max(0.0), from.max(to).min(1.0));
            if start < end {
                self.along.push((start, end));
                self.at.extend([start, end]);
            }
        } else if cross(s, edge) {
            let (from, to) = (side(edge.a, edge.b, s.a), side(edge.a, edge.b, s.b));
            // Not parallel, so the two differ.
            self.at.push((from / (from - to)).clamp(0.0, 1.0));
        }
    }
}

/// Which part of the way along the segment a position on its line is, along its longer axis.
fn part(s: Segment, p: Position) -> f64 {
    let (east, north) = (s.b.lon - s.a.lon, s.b.lat - s.a.lat);
    if east.abs() >= north.abs() {
        (p.lon - s.a.lon) / east
    } else {
        (p.lat - s.a.lat) / north
    }
}

#[cfg(test)]
mod tests {
    use geo::relate::Relate as _;
    use proptest::prelude::*;

    use super::*;
    use crate::Georel::{Contains, Disjoint, Equals, Intersects, Overlaps, Within};
    use crate::geojson::tests::geometries;
    use crate::geometry::Form;
    use crate::{Geometry, Georel, Predicate};

    /// Boxes, lines and points on a small lattice, where rounding plays no part and everything
    /// touches everything.
    fn lattice() -> impl Strategy<Value = Geometry> {
        let place = || (0_u8..6, 0_u8..6).prop_map(|(x, y)| Position::new(x.into(), y.into()));
        let rectangle = |x: f64, y: f64, w: f64, h: f64| {
            [(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)]
                .map(|(lon, lat)| Position::new(lon, lat))
                .to_vec()
        };
        let boxes = (0_u8..5, 0_u8..5, 1_u8..5, 1_u8..5)
            .prop_map(move |(x, y, w, h)| rectangle(x.into(), y.into(), w.into(), h.into()));
        let holed = (0_u8..3, 0_u8..3, 1_u8..3, 1_u8..3).prop_map(move |(x, y, w, h)| {
            let (x, y, w, h) = (f64::from(x), f64::from(y), f64::from(w), f64::from(h));
            let hole = rectangle(x + 1.0, y + 1.0, w, h)
                .into_iter()
                .rev()
                .collect();
            Form::Polygon(vec![rectangle(x, y, w + 2.0, h + 2.0), hole])
        });
        let triangle = (place(), place(), place())
            .prop_filter("with an inside", |(a, b, c)| side(*a, *b, *c) != 0.0)
            .prop_map(|(a, b, c)| Form::Polygon(vec![vec![a, b, c, a]]));
        let pair = (1_u8..3, 1_u8..3, 1_u8..3).prop_map(move |(w, h, w2)| {
            let (w, h, w2) = (f64::from(w), f64::from(h), f64::from(w2));
            let two = vec![rectangle(w + 1.0, 1.0, w2, h)];
            Form::MultiPolygon(vec![vec![rectangle(0.0, 0.0, w, h)], two])
        });
        let line = prop::collection::vec(place(), 2..4)
            .prop_map(|mut line| {
                line.dedup_by(|a, b| a.same_place(*b));
                line
            })
            .prop_filter("with a length", |line| line.len() > 1);
        prop_oneof![
            place().prop_map(Form::Point),
            prop::collection::vec(place(), 1..4).prop_map(Form::MultiPoint),
            line.prop_map(Form::LineString),
            boxes.prop_map(|ring| Form::Polygon(vec![ring])),
            holed,
            triangle,
            pair,
        ]
        .prop_map(|form| Geometry::checked(form).unwrap())
    }

    fn to_geo(geometry: &Geometry) -> geo::Geometry {
        let line = |line: &[Position]| -> geo::LineString {
            line.iter()
                .map(|p| geo::Coord { x: p.lon, y: p.lat })
                .collect()
        };
        let polygon = |rings: &[Vec<Position>]| {
            let mut rings = rings.iter().map(|ring| line(ring));
            geo::Polygon::new(rings.next().unwrap(), rings.collect())
        };
        match geometry.form() {
            Form::Point(p) => geo::Point::new(p.lon, p.lat).into(),
            Form::MultiPoint(points) => points
                .iter()
                .map(|p| geo::Point::new(p.lon, p.lat))
                .collect::<geo::MultiPoint>()
                .into(),
            Form::LineString(positions) => line(positions).into(),
            Form::MultiLineString(lines) => {
                geo::MultiLineString::new(lines.iter().map(|l| line(l)).collect()).into()
            }
            Form::Polygon(rings) => polygon(rings).into(),
            Form::MultiPolygon(polygons) => {
                geo::MultiPolygon::new(polygons.iter().map(|p| polygon(p)).collect()).into()
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn valid_shapes_relate_as_the_de_9im_matrix_says(one in lattice(), two in lattice()) {
            let matrix = to_geo(&one).relate(&to_geo(&two));
            let holds = |relation| Predicate::new(relation, two.clone()).holds(&one);
            prop_assert_eq!(holds(Intersects), matrix.is_intersects(), "intersects");
            prop_assert_eq!(holds(Within), matrix.is_within(), "within");
            prop_assert_eq!(holds(Contains), matrix.is_contains(), "contains");
            prop_assert_eq!(holds(Equals), matrix.is_equal_topo(), "equals");
            prop_assert_eq!(holds(Overlaps), matrix.is_overlaps(), "overlaps");
        }
    }

    proptest! {
        #[test]
        fn the_laws_hold_for_any_two_geometries(one in geometries(), two in geometries()) {
            let ask = |relation, a: &Geometry, b: &Geometry| {
                Predicate::new(relation, b.clone()).holds(a)
            };
            prop_assert_eq!(ask(Within, &one, &two), ask(Contains, &two, &one));
            prop_assert_eq!(ask(Disjoint, &one, &two), !ask(Intersects, &one, &two));
            prop_assert_eq!(ask(Intersects, &one, &two), ask(Intersects, &two, &one));
            prop_assert_eq!(ask(Overlaps, &one, &two), ask(Overlaps, &two, &one));
            prop_assert_eq!(ask(Equals, &one, &two), ask(Equals, &two, &one));
            prop_assert!(ask(Equals, &one, &one) && ask(Intersects, &one, &one));
            if ask(Within, &one, &two) || ask(Overlaps, &one, &two) {
                prop_assert!(ask(Intersects, &one, &two));
            }
        }

        #[test]
        fn a_greater_distance_is_never_less_near(
            one in geometries(), two in geometries(), metres in 0.0..2e7_f64, more in 0.0..1e6_f64,
        ) {
            let near = |max| {
                let relation = Georel::Near { max_distance: Some(max), min_distance: None };
                Predicate::new(relation, two.clone()).holds(&one)
            };
            prop_assert!(!near(metres) || near(metres + more));
            let away = Georel::Near { max_distance: None, min_distance: Some(metres) };
            prop_assert!(near(metres) || Predicate::new(away, two.clone()).holds(&one));
            prop_assert!(near(crate::distance(&one, &two)));
        }
    }
}
