//! One tile of the basemap from the pieces that it shows.

use super::classes::{Layer, NAMES};
use super::read::{Form, Piece, Style};
use super::{MAX_ZOOM, TILE_BYTES_MAX};
use crate::clip;
use crate::mvt::{self, Path, Shape, Spot, Value};
use crate::tile::{EXTENT, Tile};

/// Twice the area, in square units, below which an area is not drawn: a pixel has 64.
const AREA_LEAST: i64 = 2 * 4 * 64;
/// The same of buildings at the last zoom, which is drawn larger later on.
const BUILDING_LEAST: i64 = 2 * 64;
/// The same of buildings one zoom before they are all shown: only the large ones.
const BUILDING_LARGE: i64 = 2 * 32 * 64;
/// From here on every building is drawn.
const BUILDINGS_FROM: u8 = 14;
/// Lines narrower than this are not named before zoom 13.
const NAMED_RANK_MAX: u8 = 4;

/// A feature of the tile, or a part of one.
struct Drawn<'s> {
    style: &'s Style,
    number: u32,
    named: bool,
    /// Twice its area: the larger lie below the smaller, and are left out last.
    area: i64,
    shape: Shape,
    parts: Vec<Vec<Spot>>,
}

/// A tile, and how many features had to be left out of it.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Not compressed; empty if there is nothing to show.
    pub(super) bytes: Vec<u8>,
    pub(super) features: u64,
    pub(super) left_out: u64,
}

pub(super) fn draw(tile: Tile, pieces: &[Piece], styles: &[Style]) -> Sheet {
    let mut drawn: Vec<Drawn<'_>> = pieces
        .iter()
        .filter_map(|piece| Drawn::of(tile, piece, styles))
        .collect();
    let left_out = fit(&mut drawn);
    drawn.sort_by(|a, b| {
        a.style
            .class
            .layer
            .cmp(&b.style.class.layer)
            .then_with(|| a.order().cmp(&b.order()))
            .then(a.number.cmp(&b.number))
    });
    let mut sheet = Sheet {
        features: drawn.len() as u64,
        left_out,
        ..Sheet::default()
    };
    for layer in Layer::ALL {
        let mut written = mvt::Layer::new(layer.name());
        let mut path = Path::default();
        let mut rest = drawn
            .iter()
            .filter(|drawn| drawn.style.class.layer == layer)
            .peekable();
        while let Some(drawn) = rest.next() {
            drawn.trace(&mut path);
            if rest.peek().is_some_and(|next| drawn.joins(next)) {
                continue;
            }
            drawn.tag(&mut written);
            written.end(drawn.shape, &mut path);
        }
        written.write(&mut sheet.bytes);
    }
    sheet
}

/// Leaves out what does not fit into a tile: the smallest buildings first, then what else matters
/// least. Returns how much was left out.
fn fit(drawn: &mut Vec<Drawn<'_>>) -> u64 {
    let total: usize = drawn.iter().map(Drawn::bytes).sum();
    if total <= TILE_BYTES_MAX {
        return 0;
    }
    drawn.sort_by(|a, b| a.matters().cmp(&b.matters()).then(a.number.cmp(&b.number)));
    let before = drawn.len();
    let mut room = TILE_BYTES_MAX;
    drawn.retain(|drawn| match room.checked_sub(drawn.bytes()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    });
    (before - drawn.len()) as u64
}

impl<'s> Drawn<'s> {
    /// The piece as this tile shows it, if it does.
    fn of(tile: Tile, piece: &Piece, styles: &'s [Style]) -> Option<Self> {
        let style = styles.get(usize::try_from(piece.style).ok()?)?;
        let class = style.class;
        if class.zoom > tile.z() {
            return None;
        }
        let (shape, parts) = match &piece.form {
            Form::Point(at) => {
                let spot = clip::spot(*at, tile);
                let inside = spot.iter().all(|unit| (0..EXTENT).contains(unit));
                (
                    Shape::Point,
                    inside.then(|| vec![spot]).into_iter().collect(),
                )
            }
            Form::Line(points) => {
                let spots = clip::spots(points, tile);
                let seen = spots.len() > 1;
                (Shape::Line, seen.then_some(spots).into_iter().collect())
            }
            Form::Area(rings) => (Shape::Area, clip::polygon(rings, tile, AREA_LEAST / 4)),
        };
        let first: &Vec<Spot> = parts.first()?;
        let area = if shape == Shape::Area {
            clip::twice_area(first).abs()
        } else {
            0
        };
        let building = class.layer == Layer::Building;
        let least = match (shape, tile.z()) {
            (Shape::Area, MAX_ZOOM) if building => BUILDING_LEAST,
            (Shape::Area, zoom) if building && zoom < BUILDINGS_FROM => BUILDING_LARGE,
            (Shape::Area, _) => AREA_LEAST,
            _ => 0,
        };
        let named = class.layer == Layer::Place
            || tile.z() >= 13
            || class.rank <= NAMED_RANK_MAX && tile.z() >= 11;
        (area >= least).then_some(Self {
            style,
            number: piece.style,
            named,
            area,
            shape,
            parts,
        })
    }

    /// The order in a layer: large areas first, so that small ones lie on them; important lines
    /// last, for the same reason; important names first, as they take their place first.
    fn order(&self) -> (i64, u8) {
        let rank = self.style.class.rank;
        match self.style.class.layer {
            Layer::Landuse => (-self.area, 0),
            Layer::Place => (0, rank),
            _ => (0, u8::MAX - rank),
        }
    }

    /// What fits first.
    fn matters(&self) -> (u8, u8, i64) {
        let class = self.style.class;
        let turn = match class.layer {
            Layer::Place => 0,
            Layer::Boundary => 1,
            Layer::Water => 2,
            Layer::Road if class.rank < 6 => 3,
            Layer::Rail => 4,
            Layer::Landuse => 5,
            Layer::Road => 6,
            Layer::Building => 7,
        };
        (turn, class.rank, -self.area)
    }

    /// Bytes that it takes at most.
    fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(|part| Path::bytes(part.len())).sum();
        let names = self.style.names.iter().flatten().filter(|_| self.named);
        let names: usize = names.map(|name| name.len() + 8).sum();
        parts + names + 24
    }

    /// Both can be one feature: nothing tells them apart.
    fn joins(&self, next: &Self) -> bool {
        let (a, b) = (self.style, next.style);
        let silent = !self.named && !next.named;
        self.shape == next.shape
            && self.shape != Shape::Point
            && (self.number == next.number
                || silent
                    && a.class == b.class
                    && (a.height, a.bridge, a.tunnel) == (b.height, b.bridge, b.tunnel))
    }

    fn trace(&self, path: &mut Path) {
        for part in &self.parts {
            match (self.shape, part.first()) {
                (Shape::Point, Some(spot)) => path.point(*spot),
                (Shape::Area, _) => path.ring(part),
                _ => path.line(part),
            }
        }
    }

    fn tag(&self, layer: &mut mvt::Layer) {
        let style = self.style;
        layer.tag("kind", Value::Text(style.class.kind));
        for (key, name) in NAMES.into_iter().zip(&style.names) {
            if let Some(name) = name.as_ref().filter(|_| self.named) {
                layer.tag(key, Value::Text(name));
            }
        }
        if let Some(height) = style.height {
            layer.tag("h", Value::Number(f64::from(height) / 10.0));
        }
        if style.bridge {
            layer.tag("bridge", Value::Flag(true));
        }
        if style.tunnel {
            layer.tag("tunnel", Value::Flag(true));
        }
        if style.class.layer == Layer::Place {
            layer.tag("rank", Value::Whole(style.class.rank.into()));
        }
    }
}
