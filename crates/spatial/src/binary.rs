//! Geometry as compact bytes: a head byte, then counts and coordinates.
//!
//! Head: bits 0–2 the type in GeoJSON's order, bit 3 altitudes follow each position (`f64`, NaN for
//! none), bit 4 coordinates are `f64`. Without bit 4 they are whole ten-millionths of a degree,
//! each the zigzag varint of its difference from the position before: four to five bytes for the
//! first, one to three after. That form is chosen only where it gives back the very same number.
//! Counts are varints. Little-endian throughout.

use base::limits::GEOMETRY_POSITIONS_MAX;

use crate::geometry::Form;
use crate::{Error, Geometry, Position};

const ALTITUDES: u8 = 1 << 3;
const FLOATS: u8 = 1 << 4;
const SCALE: f64 = 1e7;

impl Geometry {
    /// Appends the compact form to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let altitudes = self.positions().any(|p| p.altitude().is_some());
        let floats = !self
            .positions()
            .all(|p| fixed(p.lon).is_some() && fixed(p.lat).is_some());
        let kind = match self.form() {
            Form::Point(_) => 0,
            Form::MultiPoint(_) => 1,
            Form::LineString(_) => 2,
            Form::MultiLineString(_) => 3,
            Form::Polygon(_) => 4,
            Form::MultiPolygon(_) => 5,
        };
        out.push(kind | if altitudes { ALTITUDES } else { 0 } | if floats { FLOATS } else { 0 });
        let mut writer = Writer {
            out,
            altitudes,
            floats,
            last: (0, 0),
        };
        match self.form() {
            Form::Point(position) => writer.position(*position),
            Form::MultiPoint(line) | Form::LineString(line) => writer.line(line),
            Form::MultiLineString(lines) | Form::Polygon(lines) => writer.lines(lines),
            Form::MultiPolygon(polygons) => {
                writer.varint(polygons.len() as u64);
                for rings in polygons {
                    writer.lines(rings);
                }
            }
        }
    }

    /// Reads one geometry from the front of `bytes` and moves them past it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for anything that [`Self::encode`] does not write.
    pub fn decode(bytes: &mut &[u8]) -> Result<Self, Error> {
        let (head, rest) = bytes.split_first().ok_or(Error::Corrupt)?;
        let mut reader = Reader {
            bytes: rest,
            head: *head,
            last: (0, 0),
            positions: 0,
        };
        let form = match head & 0b111 {
            0 => Form::Point(reader.position()?),
            1 => Form::MultiPoint(reader.line()?),
            2 => Form::LineString(reader.line()?),
            3 => Form::MultiLineString(reader.lines()?),
            4 => Form::Polygon(reader.lines()?),
            5 => Form::MultiPolygon(reader.list(Reader::lines)?),
            _ => return Err(Error::Corrupt),
        };
        if head & !(0b111 | ALTITUDES | FLOATS) != 0 {
            return Err(Error::Corrupt);
        }
        *bytes = reader.bytes;
        Self::checked(form).map_err(|_invalid| Error::Corrupt)
    }
}

/// Ten-millionths of a degree, if that is exactly the number.
fn fixed(degrees: f64) -> Option<i32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "180e7 is below 2^31, and it is checked"
    )]
    let whole = (degrees * SCALE).round() as i32;
    ((f64::from(whole) / SCALE).to_bits() == degrees.to_bits()).then_some(whole)
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    altitudes: bool,
    floats: bool,
    last: (i32, i32),
}

impl Writer<'_> {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    fn difference(&mut self, from: i32, to: i32) {
        let difference = i64::from(to) - i64::from(from);
        self.varint(((difference << 1) ^ (difference >> 63)).cast_unsigned());
    }

    fn position(&mut self, position: Position) {
        if let (false, Some(lon), Some(lat)) =
            (self.floats, fixed(position.lon), fixed(position.lat))
        {
            self.difference(self.last.0, lon);
            self.difference(self.last.1, lat);
            self.last = (lon, lat);
        } else {
            self.out.extend_from_slice(&position.lon.to_le_bytes());
            self.out.extend_from_slice(&position.lat.to_le_bytes());
        }
        if self.altitudes {
            let altitude = position.altitude().unwrap_or(f64::NAN);
            self.out.extend_from_slice(&altitude.to_le_bytes());
        }
    }

    fn line(&mut self, line: &[Position]) {
        self.varint(line.len() as u64);
        for position in line {
            self.position(*position);
        }
    }

    fn lines(&mut self, lines: &[Vec<Position>]) {
        self.varint(lines.len() as u64);
        for line in lines {
            self.line(line);
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    head: u8,
    last: (i32, i32),
    positions: usize,
}

impl Reader<'_> {
    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.bytes.split_first().ok_or(Error::Corrupt)?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::Corrupt)
    }

    fn difference(&mut self, from: i32) -> Result<i32, Error> {
        let zigzag = self.varint()?;
        let difference = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        let value = i64::from(from)
            .checked_add(difference)
            .ok_or(Error::Corrupt)?;
        i32::try_from(value).map_err(|_out_of_range| Error::Corrupt)
    }

    fn float(&mut self) -> Result<f64, Error> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or(Error::Corrupt)?;
        self.bytes = rest;
        Ok(f64::from_le_bytes(*head))
    }

    fn position(&mut self) -> Result<Position, Error> {
        self.positions += 1;
        if self.positions > GEOMETRY_POSITIONS_MAX {
            return Err(Error::Corrupt);
        }
        let position = if self.head & FLOATS == 0 {
            self.last = (self.difference(self.last.0)?, self.difference(self.last.1)?);
            Position::new(
                f64::from(self.last.0) / SCALE,
                f64::from(self.last.1) / SCALE,
            )
        } else {
            Position::new(self.float()?, self.float()?)
        };
        if self.head & ALTITUDES == 0 {
            return Ok(position);
        }
        Ok(position.with_altitude(self.float()?))
    }

    /// A counted list; a count that cannot be true is refused before anything is reserved.
    fn list<T>(&mut self, each: fn(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let count = usize::try_from(self.varint()?).map_err(|_too_many| Error::Corrupt)?;
        if count > self.bytes.len() {
            return Err(Error::Corrupt);
        }
        (0..count).map(|_| each(self)).collect()
    }

    fn line(&mut self) -> Result<Vec<Position>, Error> {
        self.list(Self::position)
    }

    fn lines(&mut self) -> Result<Vec<Vec<Position>>, Error> {
        self.list(Self::line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geojson::tests::geometries;

    #[test]
    fn a_point_is_eleven_bytes_or_less_and_its_bytes_stay_the_same() {
        let mut bytes = Vec::new();
        Geometry::point(Position::new(13.3986, 52.5547))
            .unwrap()
            .encode(&mut bytes);
        assert_eq!(bytes, [0, 160, 219, 227, 127, 240, 215, 153, 245, 3]);
    }

    proptest! {
        #[test]
        fn bytes_give_back_the_geometry_and_leave_the_rest(geometry in geometries()) {
            let mut bytes = Vec::new();
            geometry.encode(&mut bytes);
            bytes.extend([7, 8]);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(Geometry::decode(&mut rest).unwrap(), geometry);
            prop_assert_eq!(rest, &[7, 8]);
        }

        #[test]
        fn arbitrary_bytes_are_a_geometry_or_corrupt(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            match Geometry::decode(&mut bytes.as_slice()) {
                Ok(geometry) => prop_assert!(geometry.positions().count() > 0),
                Err(error) => prop_assert_eq!(error, Error::Corrupt),
            }
        }
    }
}
