//! A box of longitudes and latitudes.

use crate::Position;
use crate::distance::EARTH_RADIUS_METRES;

/// The smallest box around something, in degrees; it never crosses the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Envelope {
    /// Western edge.
    pub min_lon: f64,
    /// Southern edge.
    pub min_lat: f64,
    /// Eastern edge, not west of the western one.
    pub max_lon: f64,
    /// Northern edge, not south of the southern one.
    pub max_lat: f64,
}

impl Envelope {
    /// The whole world.
    pub const WORLD: Self = Self {
        min_lon: -180.0,
        min_lat: -90.0,
        max_lon: 180.0,
        max_lat: 90.0,
    };

    /// Holds nothing, and grows from there.
    pub(crate) const NOTHING: Self = Self {
        min_lon: f64::INFINITY,
        min_lat: f64::INFINITY,
        max_lon: f64::NEG_INFINITY,
        max_lat: f64::NEG_INFINITY,
    };

    /// The box around all of these positions.
    pub fn around(positions: impl IntoIterator<Item = Position>) -> Self {
        positions.into_iter().fold(Self::NOTHING, |envelope, p| {
            envelope.union(Self {
                min_lon: p.lon,
                min_lat: p.lat,
                max_lon: p.lon,
                max_lat: p.lat,
            })
        })
    }

    /// The box around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            min_lon: self.min_lon.min(other.min_lon),
            min_lat: self.min_lat.min(other.min_lat),
            max_lon: self.max_lon.max(other.max_lon),
            max_lat: self.max_lat.max(other.max_lat),
        }
    }

    /// Whether they share a place, edges included.
    pub fn intersects(&self, other: &Self) -> bool {
        self.min_lon <= other.max_lon
            && other.min_lon <= self.max_lon
            && self.min_lat <= other.max_lat
            && other.min_lat <= self.max_lat
    }

    /// Whether the other lies in this one, edges included.
    pub fn contains(&self, other: &Self) -> bool {
        self.min_lon <= other.min_lon
            && self.max_lon >= other.max_lon
            && self.min_lat <= other.min_lat
            && self.max_lat >= other.max_lat
    }

    /// The middle.
    pub fn center(&self) -> Position {
        Position::new(
            f64::midpoint(self.min_lon, self.max_lon),
            f64::midpoint(self.min_lat, self.max_lat),
        )
    }

    /// One or two boxes that hold every place within so many metres of this one: two where it
    /// reaches over the antimeridian, all longitudes where it reaches a pole.
    pub fn expanded(&self, metres: f64) -> Vec<Self> {
        // A hair more than asked, so that rounding never loses a place on the edge.
        let angle = metres / EARTH_RADIUS_METRES * (1.0 + 1e-9) + 1e-11;
        let lat = angle.to_degrees();
        let wide = Self {
            min_lat: (self.min_lat - lat).max(-90.0),
            max_lat: (self.max_lat + lat).min(90.0),
            ..Self::WORLD
        };
        if self.min_lat - lat <= -90.0 || self.max_lat + lat >= 90.0 {
            return vec![wide];
        }
        // The meridian that a circle of this radius just touches [spherical law of sines].
        let furthest = self.min_lat.abs().max(self.max_lat.abs()).to_radians();
        let lon = (angle.sin() / furthest.cos()).min(1.0).asin().to_degrees() + 1e-9;
        let (west, east) = (self.min_lon - lon, self.max_lon + lon);
        if east - west >= 360.0 {
            vec![wide]
        } else if west < -180.0 {
            vec![
                Self {
                    max_lon: east,
                    ..wide
                },
                Self {
                    min_lon: west + 360.0,
                    ..wide
                },
            ]
        } else if east > 180.0 {
            vec![
                Self {
                    min_lon: west,
                    ..wide
                },
                Self {
                    max_lon: east - 360.0,
                    ..wide
                },
            ]
        } else {
            vec![Self {
                min_lon: west,
                max_lon: east,
                ..wide
            }]
        }
    }
}
