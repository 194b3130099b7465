//! What OpenStreetMap is made of, whatever file format it came in.

/// Parts of one element: OpenStreetMap itself allows 2,000 nodes of a way and some ten thousand
/// members of a relation.
pub(super) const PARTS_MAX: usize = 200_000;

/// The tags of an element, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Tags<'a>(pub Vec<(&'a str, &'a str)>);

impl<'a> Tags<'a> {
    /// The value of a key; of several the first.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| *value)
    }

    /// The value, or an empty text.
    pub fn text(&self, key: &str) -> &'a str {
        self.get(key).unwrap_or_default()
    }
}

/// Longitude and latitude in ten-millionths of a degree, the precision of OpenStreetMap itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Eastwards.
    pub lon: i32,
    /// Northwards.
    pub lat: i32,
}

impl Place {
    /// From billionths of a degree; `None` if that is nowhere on Earth.
    pub(super) fn from_nano(lon: i64, lat: i64) -> Option<Self> {
        let on_earth =
            lon.unsigned_abs() <= 180_000_000_000 && lat.unsigned_abs() <= 90_000_000_000;
        let fixed = |nano: i64| i32::try_from(nano / 100).ok();
        if on_earth {
            Some(Self {
                lon: fixed(lon)?,
                lat: fixed(lat)?,
            })
        } else {
            None
        }
    }

    /// Longitude and latitude in degrees.
    pub fn degrees(self) -> [f64; 2] {
        [f64::from(self.lon) / 1e7, f64::from(self.lat) / 1e7]
    }
}

/// What a relation is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    /// The id, if the member is a way.
    pub(super) way: Option<i64>,
    /// It bounds a hole.
    pub(super) inner: bool,
}

/// One element.
#[derive(Debug)]
pub(super) enum Element<'a> {
    Node {
        id: i64,
        place: Place,
        tags: Tags<'a>,
    },
    Way {
        id: i64,
        refs: &'a [i64],
        tags: Tags<'a>,
    },
    Relation {
        id: i64,
        members: &'a [Member],
        tags: Tags<'a>,
    },
}

/// Which elements a pass needs; the others need not be decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) nodes: bool,
    pub(super) ways: bool,
    pub(super) relations: bool,
}
