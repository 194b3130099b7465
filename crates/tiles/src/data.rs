//! Entities as one vector tile: layer `things`, points gathered into clusters where there are many.
//!
//! A single thing carries `id`, `type`, `name`, `name:en`, `name:ru`, `name:zh`, `v` (value), `c`
//! (class 0 to 4), `s` (severity), `stale` and `sim`, each only where it is known or true. A cluster
//! carries `n` (how many), `s` (the worst severity), `v` (the mean value), `stale` and `sim` (true
//! of all of them) and stands at the mean place of its things. What a shape is too small to show at
//! this zoom counts as a point. Points are never repeated in a neighbouring tile; lines and areas
//! are cut 64 units beyond the edge.

mod points;
mod shapes;

use spatial::Geometry;

use crate::mvt::{Layer, Value, shortened};
use crate::tile::Tile;
use points::Points;
use shapes::Shapes;

/// Where a thing is.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Longitude and latitude in degrees.
    Point([f64; 2]),
    /// A line, an area, or points.
    Shape(&'a Geometry),
}

/// How bad it is; the last is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// The word in the tile: `notice`, `warning` or `critical`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Notice, Self::Warning, Self::Critical]
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }
}

/// What a thing is called.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// In no language in particular: `name`.
    pub plain: Option<&'a str>,
    /// In English: `name:en`.
    pub en: Option<&'a str>,
    /// In Russian: `name:ru`.
    pub ru: Option<&'a str>,
    /// In Chinese: `name:zh`.
    pub zh: Option<&'a str>,
}

/// One entity to show.
#[derive(Debug, Clone, Copy)]
pub struct Thing<'a> {
    /// Its id, a URN.
    pub id: &'a str,
    /// The short name of its type.
    pub type_name: &'a str,
    /// Where it is.
    pub place: Place<'a>,
    /// What it is called.
    pub names: Names<'a>,
    /// The value that its layer shows.
    pub value: Option<f64>,
    /// The class of the value, 0 to 4.
    pub class: Option<u8>,
    /// The worst that needs attention at it.
    pub severity: Option<Severity>,
    /// It has been silent for longer than it should.
    pub stale: bool,
    /// It is simulated.
    pub simulated: bool,
}

/// How points are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clusters {
    /// Below this zoom points are always gathered.
    pub below_zoom: u8,
    /// A tile with more points than this gathers them at any zoom.
    pub singles_max: usize,
    /// Cells along the edge of a tile, rounded to a power of two from 1 to 64: 8 make clusters some
    /// 64 pixels apart.
    pub cells: u16,
}

impl Default for Clusters {
    fn default() -> Self {
        Self {
            below_zoom: 0,
            singles_max: 2_000,
            cells: 8,
        }
    }
}

/// A tile, and what went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The tile, not compressed; empty if there is nothing to show.
    pub bytes: Vec<u8>,
    /// Points, whether single or in clusters.
    pub points: usize,
    /// Features that stand for several points.
    pub clusters: usize,
    /// Lines and areas.
    pub shapes: usize,
    /// Lines and areas that had to be left out, the smallest first, for a tile within its limit.
    pub left_out: usize,
}

/// Bytes of a tile at most.
pub const BYTES_MAX: usize = 1_000_000;
/// Bytes of points, and bytes of shapes, that a tile gets at most, names of keys aside.
const PART_BYTES_MAX: usize = 480_000;
/// Shapes of less than three pixels count as points, in units of a tile.
const SMALL: i64 = 24;
/// Bytes of a name that a tile carries.
const NAME_BYTES_MAX: usize = 200;

/// Makes the tile of those things that it shows; others are passed over, so the caller may give
/// more, but must give all within [`Tile::reach`]. Never more than [`BYTES_MAX`] bytes.
pub fn tile<'a>(
    tile: Tile,
    things: impl IntoIterator<Item = Thing<'a>>,
    clusters: &Clusters,
) -> Made {
    let mut points = Points::new(tile, clusters);
    let mut shapes = Shapes::new(tile);
    for thing in things {
        match thing.place {
            Place::Point([lon, lat]) => points.add(lon, lat, thing),
            Place::Shape(geometry) => {
                if !shapes.add(geometry, thing) {
                    let middle = geometry.centroid();
                    points.add(middle.lon, middle.lat, thing);
                }
            }
        }
    }
    let mut layer = Layer::new("things");
    let (drawn, left_out) = shapes.draw(&mut layer);
    let (count, clusters) = points.draw(&mut layer);
    let mut bytes = Vec::new();
    layer.write(&mut bytes);
    Made {
        bytes,
        points: count,
        clusters,
        shapes: drawn,
        left_out,
    }
}

impl Thing<'_> {
    /// Tags the next feature of a layer as this thing.
    fn tag(&self, layer: &mut Layer) {
        layer.tag("id", Value::Text(self.id));
        layer.tag("type", Value::Text(self.type_name));
        for (key, name) in self.names.keyed() {
            layer.tag(key, Value::Text(shortened(name, NAME_BYTES_MAX)));
        }
        if let Some(value) = self.value.filter(|value| value.is_finite()) {
            layer.tag("v", Value::Number(value));
        }
        if let Some(class) = self.class {
            layer.tag("c", Value::Whole(class.into()));
        }
        if let Some(severity) = self.severity {
            layer.tag("s", Value::Text(severity.as_str()));
        }
        if self.stale {
            layer.tag("stale", Value::Flag(true));
        }
        if self.simulated {
            layer.tag("sim", Value::Flag(true));
        }
    }

    /// Bytes that it takes in a tile at most, its geometry aside.
    fn bytes(&self) -> usize {
        let names = self.names.keyed();
        let names: usize = names
            .map(|(_, name)| shortened(name, NAME_BYTES_MAX).len() + 12)
            .sum();
        self.id.len() + self.type_name.len() + names + 128
    }
}

impl<'a> Names<'a> {
    fn keyed(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        [
            ("name", self.plain),
            ("name:en", self.en),
            ("name:ru", self.ru),
            ("name:zh", self.zh),
        ]
        .into_iter()
        .filter_map(|(key, name)| Some((key, name?)))
    }
}

#[cfg(test)]
mod tests;
