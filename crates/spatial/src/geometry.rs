//! The six GeoJSON geometries, always valid: made only from checked positions.

use base::limits::GEOMETRY_POSITIONS_MAX;

use crate::{Envelope, Error};

/// A place: WGS84 longitude and latitude in degrees, perhaps an altitude in metres.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// Degrees east, -180 to 180.
    pub lon: f64,
    /// Degrees north, -90 to 90.
    pub lat: f64,
    /// Metres above the ellipsoid; NaN where there is none, so that a position stays three words.
    alt: f64,
}

impl Position {
    /// A position on the ground. Checked when a geometry is made of it.
    pub fn new(lon: f64, lat: f64) -> Self {
        Self {
            lon,
            lat,
            alt: f64::NAN,
        }
    }

    /// The same place at an altitude in metres.
    #[must_use]
    pub fn with_altitude(self, alt: f64) -> Self {
        Self { alt, ..self }
    }

    /// Metres above the ellipsoid, if it was said.
    pub fn altitude(self) -> Option<f64> {
        (!self.alt.is_nan()).then_some(self.alt)
    }

    /// Whether both stand at the same longitude and latitude.
    pub(crate) fn same_place(self, other: Self) -> bool {
        self.lon - other.lon == 0.0 && self.lat - other.lat == 0.0
    }

    fn check(self) -> Result<(), Error> {
        if !(-180.0..=180.0).contains(&self.lon) {
            return Err(Error::Range(self.lon.to_string(), "longitude", 180));
        }
        if !(-90.0..=90.0).contains(&self.lat) {
            return Err(Error::Range(self.lat.to_string(), "latitude", 90));
        }
        if self.alt.is_infinite() {
            return Err(Error::Altitude);
        }
        Ok(())
    }
}

impl PartialEq for Position {
    /// Bit for bit, so that a geometry equals itself and a round trip can be checked.
    fn eq(&self, other: &Self) -> bool {
        self.lon.to_bits() == other.lon.to_bits()
            && self.lat.to_bits() == other.lat.to_bits()
            && self.altitude().map(f64::to_bits) == other.altitude().map(f64::to_bits)
    }
}

/// Which of the six a geometry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeometryType {
    /// One position.
    Point,
    /// Positions.
    MultiPoint,
    /// A line of two or more positions.
    LineString,
    /// Lines.
    MultiLineString,
    /// A shell and its holes.
    Polygon,
    /// Polygons.
    MultiPolygon,
}

impl GeometryType {
    /// GeoJSON's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Point => "Point",
            Self::MultiPoint => "MultiPoint",
            Self::LineString => "LineString",
            Self::MultiLineString => "MultiLineString",
            Self::Polygon => "Polygon",
            Self::MultiPolygon => "MultiPolygon",
        }
    }
}

impl std::str::FromStr for GeometryType {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "Point" => Self::Point,
            "MultiPoint" => Self::MultiPoint,
            "LineString" => Self::LineString,
            "MultiLineString" => Self::MultiLineString,
            "Polygon" => Self::Polygon,
            "MultiPolygon" => Self::MultiPolygon,
            other => return Err(Error::UnknownType(other.chars().take(64).collect())),
        })
    }
}

/// The positions, nested as the type wants it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    Point(Position),
    MultiPoint(Vec<Position>),
    LineString(Vec<Position>),
    MultiLineString(Vec<Vec<Position>>),
    Polygon(Vec<Vec<Position>>),
    MultiPolygon(Vec<Vec<Vec<Position>>>),
}

/// A valid GeoJSON geometry [RFC 7946 §3.1] other than a GeometryCollection, which NGSI-LD
/// excludes [CIM-009 §4.7.1]. Equal means the same type and the same positions; `equals` of
/// geo-queries is a [`Georel`](crate::Georel).
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry(Form);

impl Geometry {
    /// A point.
    pub fn point(position: Position) -> Result<Self, Error> {
        Self::checked(Form::Point(position))
    }

    /// A line through two or more positions.
    pub fn line(positions: Vec<Position>) -> Result<Self, Error> {
        Self::checked(Form::LineString(positions))
    }

    /// A polygon: the shell, then its holes; every ring closed.
    pub fn polygon(rings: Vec<Vec<Position>>) -> Result<Self, Error> {
        Self::checked(Form::Polygon(rings))
    }

    /// Polygons, each a shell and its holes.
    pub fn multi_polygon(polygons: Vec<Vec<Vec<Position>>>) -> Result<Self, Error> {
        Self::checked(Form::MultiPolygon(polygons))
    }

    pub(crate) fn checked(form: Form) -> Result<Self, Error> {
        match &form {
            Form::Point(position) => position.check()?,
            Form::MultiPoint(positions) => check_positions(positions)?,
            Form::LineString(line) => check_line(line)?,
            Form::MultiLineString(lines) => lines.iter().try_for_each(|line| check_line(line))?,
            Form::Polygon(rings) => check_rings(rings)?,
            Form::MultiPolygon(polygons) => {
                polygons.iter().try_for_each(|rings| check_rings(rings))?;
            }
        }
        let geometry = Self(form);
        match geometry.positions().count() {
            0 => Err(Error::Empty),
            1..=GEOMETRY_POSITIONS_MAX => Ok(geometry),
            _ => Err(Error::TooLarge(GEOMETRY_POSITIONS_MAX)),
        }
    }

    pub(crate) fn form(&self) -> &Form {
        &self.0
    }

    /// Which of the six it is.
    pub fn geometry_type(&self) -> GeometryType {
        match &self.0 {
            Form::Point(_) => GeometryType::Point,
            Form::MultiPoint(_) => GeometryType::MultiPoint,
            Form::LineString(_) => GeometryType::LineString,
            Form::MultiLineString(_) => GeometryType::MultiLineString,
            Form::Polygon(_) => GeometryType::Polygon,
            Form::MultiPolygon(_) => GeometryType::MultiPolygon,
        }
    }

    /// Every position in order; never none.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        let point = match &self.0 {
            Form::Point(position) => std::slice::from_ref(position),
            Form::MultiPoint(positions) => positions,
            _ => &[],
        };
        point.iter().chain(self.lines().flatten()).copied()
    }

    /// The lines: of a LineString or MultiLineString its own, of polygons their rings.
    pub fn lines(&self) -> impl Iterator<Item = &[Position]> {
        let (lines, polygons): (&[Vec<Position>], &[Vec<Vec<Position>>]) = match &self.0 {
            Form::Point(_) | Form::MultiPoint(_) => (&[], &[]),
            Form::LineString(line) => (std::slice::from_ref(line), &[]),
            Form::MultiLineString(lines) | Form::Polygon(lines) => (lines, &[]),
            Form::MultiPolygon(polygons) => (&[], polygons),
        };
        lines
            .iter()
            .chain(polygons.iter().flatten())
            .map(Vec::as_slice)
    }

    /// The polygons, each its shell and then its holes; none for points and lines.
    pub fn polygons(&self) -> &[Vec<Vec<Position>>] {
        match &self.0 {
            Form::Polygon(rings) => std::slice::from_ref(rings),
            Form::MultiPolygon(polygons) => polygons,
            _ => &[],
        }
    }

    /// The smallest box around it.
    pub fn envelope(&self) -> Envelope {
        Envelope::around(self.positions())
    }

    /// The middle: of areas weighted by area, of lines by length, of points their mean; planar in
    /// degrees, so good for labels and not for surveying.
    pub fn centroid(&self) -> Position {
        let origin = self.envelope().center();
        let mut sum = Weighted::default();
        match &self.0 {
            Form::Polygon(_) | Form::MultiPolygon(_) => {
                self.lines().for_each(|ring| sum.add_ring(ring, origin));
            }
            _ => {}
        }
        if sum.weight.abs() < f64::MIN_POSITIVE {
            sum = Weighted::default();
            self.lines().for_each(|line| sum.add_line(line, origin));
        }
        if sum.weight.abs() < f64::MIN_POSITIVE {
            sum = Weighted::default();
            self.positions().for_each(|position| {
                sum.add(position.lon - origin.lon, position.lat - origin.lat, 1.0);
            });
        }
        let inside = self.envelope();
        Position::new(
            (origin.lon + sum.lon / sum.weight).clamp(inside.min_lon, inside.max_lon),
            (origin.lat + sum.lat / sum.weight).clamp(inside.min_lat, inside.max_lat),
        )
    }
}

#[derive(Default)]
struct Weighted {
    lon: f64,
    lat: f64,
    weight: f64,
}

impl Weighted {
    fn add(&mut self, lon: f64, lat: f64, weight: f64) {
        self.lon += lon * weight;
        self.lat += lat * weight;
        self.weight += weight;
    }

    fn add_line(&mut self, line: &[Position], origin: Position) {
        for (a, b) in line.iter().zip(line.iter().skip(1)) {
            let length = (b.lon - a.lon).hypot(b.lat - a.lat);
            let (lon, lat) = (f64::midpoint(a.lon, b.lon), f64::midpoint(a.lat, b.lat));
            self.add(lon - origin.lon, lat - origin.lat, length);
        }
    }

    /// By the shoelace formula; the first ring adds and, wound the other way, holes take away.
    fn add_ring(&mut self, ring: &[Position], origin: Position) {
        for (a, b) in ring.iter().zip(ring.iter().skip(1)) {
            let (ax, ay) = (a.lon - origin.lon, a.lat - origin.lat);
            let (bx, by) = (b.lon - origin.lon, b.lat - origin.lat);
            let cross = ax * by - bx * ay;
            self.add((ax + bx) / 3.0, (ay + by) / 3.0, cross);
        }
    }
}

fn check_positions(positions: &[Position]) -> Result<(), Error> {
    positions.iter().try_for_each(|position| position.check())
}

fn check_line(line: &[Position]) -> Result<(), Error> {
    if line.len() < 2 {
        return Err(Error::ShortLine(line.len()));
    }
    check_positions(line)
}

fn check_rings(rings: &[Vec<Position>]) -> Result<(), Error> {
    if rings.is_empty() {
        return Err(Error::Empty);
    }
    for ring in rings {
        if ring.len() < 4 {
            return Err(Error::ShortRing(ring.len()));
        }
        check_positions(ring)?;
        if let (Some(first), Some(last)) = (ring.first(), ring.last())
            && !first.same_place(*last)
        {
            return Err(Error::OpenRing);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(points: &[(f64, f64)]) -> Vec<Position> {
        points
            .iter()
            .map(|&(lon, lat)| Position::new(lon, lat))
            .collect()
    }

    #[test]
    fn the_centroid_of_a_square_is_its_middle_and_of_a_line_its_half() {
        let square = ring(&[(0., 0.), (4., 0.), (4., 4.), (0., 4.), (0., 0.)]);
        let centroid = Geometry::polygon(vec![square]).unwrap().centroid();
        assert!((centroid.lon - 2.0).abs() < 1e-9 && (centroid.lat - 2.0).abs() < 1e-9);
        let centroid = Geometry::line(ring(&[(0., 0.), (1., 0.), (10., 0.)]))
            .unwrap()
            .centroid();
        assert!((centroid.lon - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_polygon_without_area_still_has_a_middle() {
        let flat = ring(&[(1., 1.), (1., 1.), (1., 1.), (1., 1.)]);
        assert_eq!(
            Geometry::polygon(vec![flat]).unwrap().centroid(),
            Position::new(1.0, 1.0)
        );
    }
}
