//! What can be wrong with a geometry or a geo-query, said so that the caller can mend it.

use base::Kind;

/// Why something is not a geometry, or not a geo-relation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// A GeoJSON geometry is an object.
    #[error("a GeoJSON geometry is an object with `type` and `coordinates`")]
    NotAnObject,
    /// The type is none of the six.
    #[error(
        "`{0}` is no supported geometry type: use Point, MultiPoint, LineString, MultiLineString, \
         Polygon or MultiPolygon"
    )]
    UnknownType(String),
    /// There is no `type`, or it is not a string.
    #[error("a GeoJSON geometry has a `type`, a string")]
    NoType,
    /// There is no `coordinates` member.
    #[error("a GeoJSON geometry has `coordinates`")]
    NoCoordinates,
    /// The coordinates are not nested as the type wants it.
    #[error("the coordinates of a {0} are {1}")]
    Nesting(&'static str, &'static str),
    /// A longitude or latitude is out of range or no number.
    #[error("{0} is no WGS84 {1}: it lies between -{2} and {2} degrees")]
    Range(String, &'static str, u16),
    /// An altitude that is not finite.
    #[error("an altitude is a finite number of metres")]
    Altitude,
    /// A line needs two positions.
    #[error("a LineString has at least two positions, not {0}")]
    ShortLine(usize),
    /// A ring needs four positions.
    #[error("a ring of a polygon has at least four positions, not {0}")]
    ShortRing(usize),
    /// The ring does not end where it began.
    #[error("a ring of a polygon is closed: its last position equals its first")]
    OpenRing,
    /// Nothing in it.
    #[error("a geometry has at least one position")]
    Empty,
    /// More positions than a geometry may have.
    #[error("a geometry has at most {0} positions: simplify it")]
    TooLarge(usize),
    /// The geo-relation is not one of the seven.
    #[error(
        "`{0}` is no geo-relation: use near;maxDistance==METRES, near;minDistance==METRES, within, \
         contains, intersects, equals, disjoint or overlaps"
    )]
    UnknownRelation(String),
    /// `near` without a distance says nothing.
    #[error("`near` needs a distance: near;maxDistance==METRES or near;minDistance==METRES")]
    NoDistance,
    /// A distance that is no number of metres.
    #[error("`{0}` is no distance: use a number of metres, zero or more")]
    Distance(String),
    /// Stored bytes that are no geometry.
    #[error("the stored bytes are no geometry")]
    Corrupt,
}

impl GeometryError {
    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::TooLarge(_) => Kind::Limit,
            Self::Corrupt => Kind::Corrupt,
            _ => Kind::Invalid,
        }
    }
}
