//! The elements of an extract as pieces of the map, each with its style.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use ingest::osm::{self, Drawn, Origin, Outline, Place, Tags};
use ingest::{Complaint, Progress, Source};

use super::classes::{self, Class, Layer, NAMES};
use super::{MAX_ZOOM, sea};
use crate::clip::{self, Bounds, Vertex};
use crate::error::TileError;
use crate::mvt::shortened;
use crate::tile::{Tile, project};

/// Metres of a storey, floor to floor.
const STOREY_METRES: f64 = 3.2;
/// What is smaller than this, in units of the world, belongs to the place of the map: 10 km.
const LOCAL: i64 = 1 << 18;
/// Areas that are asked whether they lie in the sea.
const DRY_SAMPLES: usize = 400;
/// Bytes of a name that a tile carries.
const NAME_BYTES_MAX: usize = 200;

/// All that the features of a tile say; features that say the same share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Style {
    pub(super) class: Class,
    pub(super) names: [Option<Box<str>>; 4],
    /// Decimetres.
    pub(super) height: Option<u32>,
    pub(super) bridge: bool,
    pub(super) tunnel: bool,
}

/// Where a piece is.
#[derive(Debug, Clone)]
pub(super) enum Form {
    Point(Vertex),
    Line(Vec<Vertex>),
    /// The shell and its holes; the first point of a ring is not repeated.
    Area(Vec<Vec<Vertex>>),
}

/// A point, a line or a polygon of the map.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The number of its style.
    pub(super) style: u32,
    pub(super) bounds: Bounds,
    pub(super) form: Form,
}

/// The whole map before it is cut into tiles.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) styles: Vec<Style>,
    pub(super) pieces: Vec<Piece>,
    /// What it shows: a boundary or a forest that the extract only begins does not widen it.
    pub(super) bounds: Bounds,
    /// Elements that lack some of their parts.
    pub(super) broken: u64,
}

/// Reads an extract.
pub(super) fn read(
    source: &Source,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<Map, TileError> {
    let mut reader = Reader::new();
    let mut watch = Watch {
        progress,
        broken: 0,
    };
    osm::shapes(
        source,
        &wanted,
        &mut |drawn| reader.element(&drawn),
        &mut watch,
    )?;
    if reader.pieces.is_empty() {
        return Err(TileError::Empty(source.name()));
    }
    let mut bounds = reader.frame;
    if bounds == Bounds::NOTHING {
        let all = reader.pieces.iter();
        bounds = all.fold(bounds, |bounds, piece| bounds.union(piece.bounds));
    }
    reader.sea(&bounds);
    Ok(Map {
        styles: reader.styles,
        pieces: reader.pieces,
        bounds,
        broken: watch.broken,
    })
}

fn wanted(origin: Origin, tags: &Tags<'_>) -> bool {
    let body = origin != Origin::Node
        && (classes::is_coast(tags)
            || classes::area(tags).is_some()
            || classes::line(tags).is_some()
            || classes::boundary(tags).is_some());
    body || classes::label(tags).is_some()
}

struct Watch<'p> {
    progress: &'p mut dyn FnMut(&str, u64, u64),
    broken: u64,
}

impl Progress for Watch<'_> {
    fn at(&mut self, _stage: &str, done: u64, total: u64) {
        (self.progress)("read", done, total);
    }

    fn complaint(&mut self, _complaint: &Complaint) {
        self.broken += 1;
    }
}

struct Reader {
    styles: Vec<Style>,
    numbers: HashMap<Style, u32, FixedState>,
    pieces: Vec<Piece>,
    coasts: Vec<Vec<Vertex>>,
    /// Around all that is local.
    frame: Bounds,
    /// For every zoom the square of the distance, in the world, that a point may be moved.
    tolerances: Vec<f64>,
}

impl Reader {
    fn new() -> Self {
        let tolerance = |zoom: u8| {
            // A pixel is eight units. At the last zoom less, as it is drawn larger later on.
            let units = if zoom >= MAX_ZOOM { 1.5 } else { 6.0 };
            let length = units * f64::from(1_u32 << Tile::at(zoom, 0.0, 0.0).shift());
            length * length
        };
        Self {
            styles: Vec::new(),
            numbers: HashMap::default(),
            pieces: Vec::new(),
            coasts: Vec::new(),
            frame: Bounds::NOTHING,
            tolerances: (0..=MAX_ZOOM).map(tolerance).collect(),
        }
    }

    fn element(&mut self, drawn: &Drawn<'_>) {
        let tags = drawn.tags;
        let label = classes::label(tags);
        match &drawn.outline {
            Outline::Point(place) => {
                if let Some(label) = label {
                    self.point(label, tags, vertex(*place));
                }
            }
            Outline::Line { places, closed } => {
                if classes::is_coast(tags) {
                    let coast = places.iter().map(|place| vertex(*place));
                    self.coasts.push(coast.collect());
                }
                if let Some(class) = classes::boundary(tags) {
                    self.line(class, tags, places);
                }
                let area = classes::area(tags).filter(|_| *closed);
                if let Some(class) = area {
                    self.polygon(class, tags, std::slice::from_ref(places));
                } else if let Some(class) = classes::line(tags) {
                    self.line(class, tags, places);
                }
                if let Some(label) = label.filter(|_| *closed)
                    && let Some(at) = middle(std::slice::from_ref(places))
                {
                    self.point(label, tags, at);
                }
            }
            Outline::Area(polygons) => {
                if let Some(class) = classes::area(tags) {
                    for rings in polygons {
                        self.polygon(class, tags, rings);
                    }
                }
                let largest = polygons
                    .iter()
                    .max_by_key(|rings| rings.first().map_or(0, Vec::len));
                if let Some((label, rings)) = label.zip(largest)
                    && let Some(at) = middle(rings)
                {
                    self.point(label, tags, at);
                }
            }
        }
    }

    fn point(&mut self, class: Class, tags: &Tags<'_>, at: Vertex) {
        self.push(class, tags, Bounds::around(&[at]), Form::Point(at));
    }

    fn line(&mut self, class: Class, tags: &Tags<'_>, places: &[Place]) {
        let points = self.vertices(places);
        if points.len() > 1 {
            let bounds = Bounds::around(&points);
            self.push(class, tags, bounds, Form::Line(points));
        }
    }

    fn polygon(&mut self, class: Class, tags: &Tags<'_>, rings: &[Vec<Place>]) {
        let mut cut: Vec<Vec<Vertex>> = Vec::with_capacity(rings.len());
        for ring in rings {
            let mut points = self.vertices(ring);
            points.pop();
            if points.len() > 2 {
                cut.push(points);
            } else if cut.is_empty() {
                return;
            }
        }
        let bounds = Bounds::around(cut.iter().flatten());
        self.push(class, tags, bounds, Form::Area(cut));
    }

    /// Fills the sea, unless that would drown the city: then the coasts are not whole.
    fn sea(&mut self, frame: &Bounds) {
        let sea = sea::sea(std::mem::take(&mut self.coasts), frame);
        let step = (self.pieces.len() / DRY_SAMPLES).max(1);
        let (mut dry, mut wet) = (0, 0);
        for piece in self.pieces.iter().step_by(step) {
            if let Form::Area(rings) = &piece.form
                && let Some(place) = rings.first().and_then(|ring| ring.first())
            {
                if sea::floods(&sea, *place) {
                    wet += 1;
                } else {
                    dry += 1;
                }
            }
        }
        if wet > dry / 4 {
            return;
        }
        for mut rings in sea {
            for ring in &mut rings {
                ring.extend(ring.first().copied());
                clip::simplify(ring, &self.tolerances);
                ring.pop();
            }
            let bounds = Bounds::around(rings.iter().flatten());
            self.push(classes::SEA, &Tags::default(), bounds, Form::Area(rings));
        }
    }

    fn vertices(&self, places: &[Place]) -> Vec<Vertex> {
        let mut points: Vec<Vertex> = places.iter().map(|place| vertex(*place)).collect();
        points.dedup();
        clip::simplify(&mut points, &self.tolerances);
        points.shrink_to_fit();
        points
    }

    fn push(&mut self, class: Class, tags: &Tags<'_>, bounds: Bounds, form: Form) {
        if bounds.size() <= LOCAL {
            self.frame = self.frame.union(bounds);
        }
        let style = style(class, tags);
        let number = self.numbers.get(&style).copied().unwrap_or_else(|| {
            let number = u32::try_from(self.styles.len()).unwrap_or(u32::MAX);
            self.styles.push(style.clone());
            self.numbers.insert(style, number);
            number
        });
        self.pieces.push(Piece {
            style: number,
            bounds,
            form,
        });
    }
}

fn style(class: Class, tags: &Tags<'_>) -> Style {
    let named = match class.layer {
        Layer::Road | Layer::Rail | Layer::Place => true,
        Layer::Water => class.kind != "water",
        Layer::Landuse | Layer::Building | Layer::Boundary => false,
    };
    let name = |key: &str| {
        let name = tags.get(key).filter(|name| named && !name.is_empty())?;
        Some(shortened(name, NAME_BYTES_MAX).into())
    };
    let way = matches!(class.layer, Layer::Road | Layer::Rail);
    let is = |key: &str| way && tags.get(key).is_some_and(|value| value != "no");
    Style {
        class,
        names: NAMES.map(name),
        height: (class.layer == Layer::Building)
            .then(|| height(tags))
            .flatten(),
        bridge: is("bridge"),
        tunnel: is("tunnel"),
    }
}

/// The height in decimetres, as it is said or from the storeys.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the height is checked to be between 0 and 1,000 metres"
)]
fn height(tags: &Tags<'_>) -> Option<u32> {
    let said = tags.get("height").and_then(|text| {
        let text = text.trim();
        text.strip_suffix('m').unwrap_or(text).trim().parse().ok()
    });
    let storeys = || {
        let levels: f64 = tags.get("building:levels")?.trim().parse().ok()?;
        Some(levels * STOREY_METRES)
    };
    let metres: f64 = said.or_else(storeys)?;
    (metres > 0.0 && metres <= 1_000.0).then(|| (metres * 10.0).round() as u32)
}

fn vertex(place: Place) -> Vertex {
    let [lon, lat] = place.degrees();
    Vertex::new(project(lon, lat))
}

/// A point well within a polygon, for its name: in the middle of the widest stretch of the line
/// that halves its height.
fn middle(rings: &[Vec<Place>]) -> Option<Vertex> {
    let shell = rings.first()?;
    let south = shell.iter().map(|place| place.lat).min()?;
    let north = shell.iter().map(|place| place.lat).max()?;
    let lat = f64::midpoint(f64::from(south), f64::from(north)) + 0.25;
    let mut crossings = Vec::new();
    for (a, b) in rings
        .iter()
        .flat_map(|ring| ring.iter().zip(ring.iter().skip(1)))
    {
        let (from, to) = (f64::from(a.lat), f64::from(b.lat));
        if (from < lat) != (to < lat) {
            let part = (lat - from) / (to - from);
            crossings.push(f64::from(a.lon) + part * (f64::from(b.lon) - f64::from(a.lon)));
        }
    }
    crossings.sort_by(f64::total_cmp);
    let stretches = crossings
        .chunks_exact(2)
        .filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
    let (west, east) = stretches.max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))?;
    let lon = f64::midpoint(west, east);
    Some(Vertex::new(project(lon / 1e7, lat / 1e7)))
}
