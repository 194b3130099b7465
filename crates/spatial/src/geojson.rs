//! GeoJSON in and out [RFC 7946 §3.1]; what goes in comes out, number for number.

use base::limits::GEOMETRY_POSITIONS_MAX;
use serde_json::{Map, Number, Value, json};

use crate::geometry::Form;
use crate::{Error, Geometry, GeometryType, Position};

impl Geometry {
    /// Reads a GeoJSON geometry object. Members other than `type` and `coordinates` are ignored.
    pub fn from_geojson(value: &Value) -> Result<Self, Error> {
        let object = value.as_object().ok_or(Error::NotAnObject)?;
        let word = object
            .get("type")
            .and_then(Value::as_str)
            .ok_or(Error::NoType)?;
        word.parse::<GeometryType>()?;
        let coordinates = object.get("coordinates").ok_or(Error::NoCoordinates)?;
        Self::from_coordinates(word, coordinates)
    }

    /// Reads the `geometry` and `coordinates` of a geo-query [CIM-009 §4.10].
    pub fn from_coordinates(geometry_type: &str, coordinates: &Value) -> Result<Self, Error> {
        let mut reader = Reader {
            kind: geometry_type.parse()?,
            positions: 0,
        };
        let form = reader.form(coordinates)?;
        Self::checked(form)
    }

    /// The GeoJSON object. Whole numbers are written without a fraction, as JavaScript does.
    pub fn to_geojson(&self) -> Value {
        let mut object = Map::with_capacity(2);
        object.insert("type".to_owned(), self.geometry_type().as_str().into());
        object.insert("coordinates".to_owned(), self.to_coordinates());
        Value::Object(object)
    }

    /// The `coordinates` of the GeoJSON object.
    pub fn to_coordinates(&self) -> Value {
        fn nest<T>(items: &[T], each: impl Fn(&T) -> Value) -> Value {
            Value::Array(items.iter().map(each).collect())
        }
        let line = |line: &Vec<Position>| nest(line, |p| position(*p));
        match self.form() {
            Form::Point(p) => position(*p),
            Form::MultiPoint(points) | Form::LineString(points) => line(points),
            Form::MultiLineString(lines) | Form::Polygon(lines) => nest(lines, line),
            Form::MultiPolygon(polygons) => nest(polygons, |rings| nest(rings, line)),
        }
    }
}

fn position(position: Position) -> Value {
    match position.altitude() {
        None => json!([number(position.lon), number(position.lat)]),
        Some(alt) => json!([number(position.lon), number(position.lat), number(alt)]),
    }
}

fn number(value: f64) -> Value {
    let whole = value.trunc().to_bits() == value.to_bits() && value.abs() < 9e15;
    if whole && !(value == 0.0 && value.is_sign_negative()) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole and below 2^53"
        )]
        return Value::Number((value as i64).into());
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Walks coordinates and counts positions, so that a huge array is refused before it is copied.
struct Reader {
    kind: GeometryType,
    positions: usize,
}

impl Reader {
    fn form(&mut self, value: &Value) -> Result<Form, Error> {
        Ok(match self.kind {
            GeometryType::Point => Form::Point(self.position(value)?),
            GeometryType::MultiPoint => Form::MultiPoint(self.line(value)?),
            GeometryType::LineString => Form::LineString(self.line(value)?),
            GeometryType::MultiLineString => Form::MultiLineString(self.lines(value)?),
            GeometryType::Polygon => Form::Polygon(self.lines(value)?),
            GeometryType::MultiPolygon => {
                let polygons = self.array(value)?;
                Form::MultiPolygon(
                    polygons
                        .iter()
                        .map(|p| self.lines(p))
                        .collect::<Result<_, _>>()?,
                )
            }
        })
    }

    fn lines(&mut self, value: &Value) -> Result<Vec<Vec<Position>>, Error> {
        self.array(value)?
            .iter()
            .map(|line| self.line(line))
            .collect()
    }

    fn line(&mut self, value: &Value) -> Result<Vec<Position>, Error> {
        self.array(value)?
            .iter()
            .map(|position| self.position(position))
            .collect()
    }

    fn position(&mut self, value: &Value) -> Result<Position, Error> {
        self.positions += 1;
        if self.positions > GEOMETRY_POSITIONS_MAX {
            return Err(Error::TooLarge(GEOMETRY_POSITIONS_MAX));
        }
        let numbers = self.array(value)?;
        let number = |index: usize| numbers.get(index).and_then(Value::as_f64);
        match (number(0), number(1), number(2), numbers.len()) {
            (Some(lon), Some(lat), None, 2) => Ok(Position::new(lon, lat)),
            (Some(lon), Some(lat), Some(alt), 3) => Ok(Position::new(lon, lat).with_altitude(alt)),
            _ => Err(self.nesting()),
        }
    }

    fn array<'v>(&self, value: &'v Value) -> Result<&'v [Value], Error> {
        value
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| self.nesting())
    }

    fn nesting(&self) -> Error {
        let shape = match self.kind {
            GeometryType::Point => "one position: [longitude, latitude] or with an altitude",
            GeometryType::MultiPoint => "an array of positions: [[longitude, latitude], …]",
            GeometryType::LineString => "an array of two or more positions",
            GeometryType::MultiLineString => "an array of lines, each an array of positions",
            GeometryType::Polygon => "an array of rings, each a closed array of positions",
            GeometryType::MultiPolygon => "an array of polygons, each an array of rings",
        };
        Error::Nesting(self.kind.as_str(), shape)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn positions() -> impl Strategy<Value = Position> {
        let degrees = |max: f64| {
            prop_oneof![
                (-10_i32..10).prop_map(f64::from),
                (-max..=max),
                (-max..=max).prop_map(|v| (v * 1e5).round() / 1e5),
                Just(max),
                Just(-0.0),
                Just(2.1e-322),
            ]
        };
        (
            degrees(180.0),
            degrees(90.0),
            prop::option::weighted(0.2, -1e4..1e6_f64),
        )
            .prop_map(|(lon, lat, alt)| {
                let position = Position::new(lon, lat);
                alt.map_or(position, |alt| position.with_altitude(alt))
            })
    }

    fn rings() -> impl Strategy<Value = Vec<Vec<Position>>> {
        let ring = prop::collection::vec(positions(), 3..8).prop_map(|mut ring| {
            ring.extend(ring.first().copied());
            ring
        });
        prop::collection::vec(ring, 1..3)
    }

    pub(crate) fn geometries() -> impl Strategy<Value = Geometry> {
        let line = || prop::collection::vec(positions(), 2..8);
        prop_oneof![
            positions().prop_map(Form::Point),
            prop::collection::vec(positions(), 1..6).prop_map(Form::MultiPoint),
            line().prop_map(Form::LineString),
            prop::collection::vec(line(), 1..4).prop_map(Form::MultiLineString),
            rings().prop_map(Form::Polygon),
            prop::collection::vec(rings(), 1..3).prop_map(Form::MultiPolygon),
        ]
        .prop_map(|form| Geometry::checked(form).unwrap())
    }

    #[track_caller]
    fn refused(value: &Value) -> String {
        Geometry::from_geojson(value).unwrap_err().to_string()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(geometry in geometries()) {
            let text = geometry.to_geojson().to_string();
            let value: Value = serde_json::from_str(&text).unwrap();
            let again = Geometry::from_geojson(&value).unwrap();
            prop_assert_eq!(&again, &geometry);
            prop_assert_eq!(again.to_geojson(), value);
        }
    }

    #[test]
    fn every_mistake_is_named() {
        assert!(refused(&json!(5)).contains("is an object"));
        assert!(refused(&json!({"coordinates": [1, 2]})).contains("has a `type`"));
        assert!(refused(&json!({"type": "Circle", "coordinates": []})).contains("`Circle`"));
        assert!(refused(&json!({"type": "GeometryCollection"})).contains("no supported"));
        assert!(refused(&json!({"type": "Point"})).contains("has `coordinates`"));
        let wrong = json!({"type": "Point", "coordinates": [[1, 2]]});
        assert!(refused(&wrong).contains("one position"));
        let wrong = json!({"type": "Polygon", "coordinates": [[1, 2], [3, 4]]});
        assert!(refused(&wrong).contains("array of rings"));
        let wrong = json!({"type": "Point", "coordinates": [1, "2"]});
        assert!(refused(&wrong).contains("one position"));
        let wrong = json!({"type": "Point", "coordinates": [1]});
        assert!(refused(&wrong).contains("one position"));
        let wrong = json!({"type": "Point", "coordinates": [1, 2, 3, 4]});
        assert!(refused(&wrong).contains("one position"));
        let wrong = json!({"type": "Point", "coordinates": [181, 0]});
        assert!(refused(&wrong).contains("181 is no WGS84 longitude"));
        let wrong = json!({"type": "Point", "coordinates": [0, -90.5]});
        assert!(refused(&wrong).contains("-90.5 is no WGS84 latitude"));
        let wrong = json!({"type": "LineString", "coordinates": [[0, 0]]});
        assert!(refused(&wrong).contains("at least two"));
        let wrong = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]});
        assert!(refused(&wrong).contains("at least four"));
        let wrong = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 0], [0, 1]]]});
        assert!(refused(&wrong).contains("closed"));
        let wrong = json!({"type": "MultiPoint", "coordinates": []});
        assert!(refused(&wrong).contains("at least one position"));
        let wrong = json!({"type": "MultiPolygon", "coordinates": [[]]});
        assert!(refused(&wrong).contains("at least one position"));
        let many = vec![json!([1, 1]); GEOMETRY_POSITIONS_MAX + 1];
        assert!(refused(&json!({"type": "MultiPoint", "coordinates": many})).contains("at most"));
    }

    #[test]
    fn a_bow_tie_is_accepted() {
        let bow = json!({"type": "Polygon", "coordinates": [[[0,0],[2,2],[2,0],[0,2],[0,0]]]});
        assert_eq!(Geometry::from_geojson(&bow).unwrap().to_geojson(), bow);
    }
}
