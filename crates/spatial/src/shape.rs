//! A geometry prepared for questions: its points, lines and areas, each line in a small tree of boxes.

use crate::geometry::Form;
use crate::{Envelope, Geometry, Position};

/// A straight piece from one position to the next; planar in degrees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) a: Position,
    pub(crate) b: Position,
}

impl Segment {
    pub(crate) fn envelope(self) -> Envelope {
        Envelope::around([self.a, self.b])
    }

    /// The position a part `t` of the way along.
    pub(crate) fn at(self, t: f64) -> Position {
        let (a, b) = (self.a, self.b);
        Position::new(a.lon + (b.lon - a.lon) * t, a.lat + (b.lat - a.lat) * t)
    }

    pub(crate) fn has(self, p: Position) -> bool {
        side(self.a, self.b, p) == 0.0 && self.envelope().intersects(&Envelope::around([p]))
    }
}

/// On which side of the line from `a` to `b` the position lies: left > 0, right < 0, on it 0; exact.
pub(crate) fn side(a: Position, b: Position, p: Position) -> f64 {
    let coord = |p: Position| robust::Coord { x: p.lon, y: p.lat };
    robust::orient2d(coord(a), coord(b), coord(p))
}

/// Boxes over boxes over this many neighbours each.
const FAN: usize = 16;

/// The segments of some lines in their order, under a static tree of envelopes: lines wander, so
/// neighbours in order are neighbours in space.
#[derive(Debug, Clone, Default)]
pub(crate) struct Segments {
    list: Vec<Segment>,
    /// Level 0 has a box for each `FAN` segments, each further level for each `FAN` boxes below.
    levels: Vec<Vec<Envelope>>,
}

impl Segments {
    fn of<'l>(lines: impl IntoIterator<Item = &'l [Position]>) -> Self {
        let mut list = Vec::new();
        for line in lines {
            list.extend(
                line.iter()
                    .zip(line.iter().skip(1))
                    .map(|(&a, &b)| Segment { a, b }),
            );
        }
        let mut levels = Vec::new();
        let around = |boxes: &[Envelope]| {
            boxes
                .iter()
                .fold(Envelope::NOTHING, |sum, envelope| sum.union(*envelope))
        };
        if list.len() > FAN {
            let segments: Vec<_> = list.iter().map(|segment| segment.envelope()).collect();
            let mut level: Vec<_> = segments.chunks(FAN).map(around).collect();
            while level.len() > FAN {
                let above = level.chunks(FAN).map(around).collect();
                levels.push(std::mem::replace(&mut level, above));
            }
            levels.push(level);
        }
        Self { list, levels }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Segment> + '_ {
        self.list.iter().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Visits the segments whose boxes, and the boxes above them, are `wanted`. The visit of one
    /// may change what is wanted further on.
    pub(crate) fn visit<S>(
        &self,
        state: &mut S,
        wanted: &impl Fn(&S, &Envelope) -> bool,
        each: &mut impl FnMut(&mut S, Segment),
    ) {
        match self.levels.len() {
            0 => self.visit_list(0..self.list.len(), state, each),
            depth => {
                let top = self.levels.last().map_or(0, Vec::len);
                self.visit_level(depth - 1, 0..top, state, wanted, each);
            }
        }
    }

    fn visit_level<S>(
        &self,
        level: usize,
        range: std::ops::Range<usize>,
        state: &mut S,
        wanted: &impl Fn(&S, &Envelope) -> bool,
        each: &mut impl FnMut(&mut S, Segment),
    ) {
        let boxes = self.levels.get(level).map_or(&[][..], Vec::as_slice);
        for index in range.start..range.end.min(boxes.len()) {
            if !boxes
                .get(index)
                .is_some_and(|envelope| wanted(state, envelope))
            {
                continue;
            }
            let below = index * FAN..(index + 1) * FAN;
            match level {
                0 => self.visit_list(below, state, each),
                _ => self.visit_level(level - 1, below, state, wanted, each),
            }
        }
    }

    fn visit_list<S>(
        &self,
        range: std::ops::Range<usize>,
        state: &mut S,
        each: &mut impl FnMut(&mut S, Segment),
    ) {
        let range = range.start..range.end.min(self.list.len());
        self.list
            .get(range)
            .into_iter()
            .flatten()
            .for_each(|segment| each(state, *segment));
    }

    /// Visits the segments that may touch the box.
    pub(crate) fn touching(&self, envelope: Envelope, mut each: impl FnMut(Segment)) {
        self.visit(
            &mut (),
            &|(), boxed| boxed.intersects(&envelope),
            &mut |(), segment| {
                if segment.envelope().intersects(&envelope) {
                    each(segment);
                }
            },
        );
    }
}

/// Where a position is, seen from an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Inside,
    Edge,
    Outside,
}

/// One polygon.
#[derive(Debug, Clone)]
pub(crate) struct Area {
    pub(crate) envelope: Envelope,
    pub(crate) edges: Segments,
}

impl Area {
    fn of(rings: &[Vec<Position>]) -> Self {
        Self {
            envelope: Envelope::around(rings.iter().flatten().copied()),
            edges: Segments::of(rings.iter().map(Vec::as_slice)),
        }
    }

    /// By counting the edges east of the position: odd is inside. So a hole needs no special case,
    /// and a ring that crosses itself has a meaning.
    pub(crate) fn place(&self, p: Position) -> Place {
        if !self.envelope.intersects(&Envelope::around([p])) {
            return Place::Outside;
        }
        let ray = Envelope {
            max_lon: f64::INFINITY,
            ..Envelope::around([p])
        };
        let (mut inside, mut edge) = (false, false);
        self.edges.touching(ray, |segment| {
            let Segment { a, b } = segment;
            edge |= segment.has(p);
            let (low, high) = if a.lat <= b.lat { (a, b) } else { (b, a) };
            if low.lat <= p.lat && p.lat < high.lat && side(low, high, p) > 0.0 {
                inside = !inside;
            }
        });
        match (edge, inside) {
            (true, _) => Place::Edge,
            (false, true) => Place::Inside,
            (false, false) => Place::Outside,
        }
    }

    /// Some position well inside, if the area has an inside.
    pub(crate) fn some_inside(&self) -> Option<Position> {
        let mut lats: Vec<f64> = self.edges.iter().map(|segment| segment.a.lat).collect();
        lats.sort_by(f64::total_cmp);
        let gap = |pair: &(&f64, &f64)| *pair.1 - *pair.0;
        let widest = lats
            .iter()
            .zip(lats.iter().skip(1))
            .max_by(|x, y| gap(x).total_cmp(&gap(y)));
        let lat = widest.map(|(low, high)| f64::midpoint(*low, *high))?;
        let mut lons: Vec<f64> = Vec::new();
        for Segment { a, b } in self.edges.iter() {
            if (a.lat <= lat) != (b.lat <= lat) {
                lons.push(a.lon + (b.lon - a.lon) * ((lat - a.lat) / (b.lat - a.lat)));
            }
        }
        lons.sort_by(f64::total_cmp);
        let width = |pair: &&[f64]| pair.last().unwrap_or(&0.0) - pair.first().unwrap_or(&0.0);
        let widest = lons
            .chunks_exact(2)
            .max_by(|x, y| width(x).total_cmp(&width(y)))?;
        let lon = f64::midpoint(*widest.first()?, *widest.last()?);
        let middle = Position::new(lon, lat);
        (self.place(middle) == Place::Inside).then_some(middle)
    }
}

/// A geometry taken apart: one of the three lists is filled.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) envelope: Envelope,
    pub(crate) points: Vec<Position>,
    pub(crate) lines: Segments,
    pub(crate) areas: Vec<Area>,
    /// Ends of lines that an odd number of lines share: the boundary of a line [OGC 06-103r4 §6.1].
    pub(crate) ends: Vec<Position>,
}

impl Shape {
    pub(crate) fn of(geometry: &Geometry) -> Self {
        let mut shape = Self {
            envelope: geometry.envelope(),
            points: Vec::new(),
            lines: Segments::default(),
            areas: Vec::new(),
            ends: Vec::new(),
        };
        match geometry.form() {
            Form::Point(point) => shape.points = vec![*point],
            Form::MultiPoint(points) => shape.points.clone_from(points),
            Form::LineString(_) | Form::MultiLineString(_) => {
                shape.lines = Segments::of(geometry.lines());
                shape.ends = ends(geometry.lines());
            }
            Form::Polygon(rings) => shape.areas = vec![Area::of(rings)],
            Form::MultiPolygon(polygons) => {
                shape.areas = polygons.iter().map(|rings| Area::of(rings)).collect();
            }
        }
        shape
    }

    /// Points 0, lines 1, areas 2.
    pub(crate) fn dimension(&self) -> u8 {
        match (self.areas.is_empty(), self.lines.len()) {
            (false, _) => 2,
            (true, 0) => 0,
            (true, _) => 1,
        }
    }

    /// All segments: of the lines and of the edges of the areas, tree by tree.
    pub(crate) fn trees(&self) -> impl Iterator<Item = &Segments> {
        std::iter::once(&self.lines).chain(self.areas.iter().map(|area| &area.edges))
    }

    /// Where the position is among the areas.
    pub(crate) fn place(&self, p: Position) -> Place {
        let mut place = Place::Outside;
        for area in &self.areas {
            match area.place(p) {
                Place::Inside => return Place::Inside,
                Place::Edge => place = Place::Edge,
                Place::Outside => {}
            }
        }
        place
    }

    /// Whether the position belongs to the shape, its boundary included.
    pub(crate) fn has(&self, p: Position) -> bool {
        let mut on_line = false;
        self.lines
            .touching(Envelope::around([p]), |segment| on_line |= segment.has(p));
        on_line
            || self.points.iter().any(|point| point.same_place(p))
            || self.place(p) != Place::Outside
    }
}

fn ends<'l>(lines: impl Iterator<Item = &'l [Position]>) -> Vec<Position> {
    let mut all: Vec<Position> = lines
        .flat_map(|line| line.first().into_iter().chain(line.last()))
        .copied()
        .collect();
    // Adding zero makes -0.0 and 0.0 one place.
    let key = |p: &Position| (p.lon + 0.0, p.lat + 0.0);
    all.sort_by(|x, y| {
        let ((x_lon, x_lat), (y_lon, y_lat)) = (key(x), key(y));
        x_lon.total_cmp(&y_lon).then(x_lat.total_cmp(&y_lat))
    });
    let groups = all.chunk_by(|x, y| x.same_place(*y));
    groups
        .filter(|group| group.len() % 2 == 1)
        .filter_map(|group| group.first().copied())
        .collect()
}
