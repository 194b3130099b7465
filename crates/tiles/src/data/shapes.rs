//! Lines and areas of a tile, simplified for its zoom and cut to its buffer.

use spatial::{Geometry, GeometryType, Position};

use super::{PART_BYTES_MAX, SMALL, Thing};
use crate::clip::{self, Bounds, Vertex};
use crate::mvt::{Layer, Path, Shape, Spot};
use crate::tile::{Tile, project};

/// Square units of a tile below which a hole is filled.
const HOLE: i64 = 64;

/// The lines and areas that a tile shows.
pub(super) struct Shapes<'a> {
    tile: Tile,
    bounds: Bounds,
    drawn: Vec<Drawn<'a>>,
}

struct Drawn<'a> {
    thing: Thing<'a>,
    /// Its longer side in the world: the larger lie below the smaller.
    size: i64,
    shape: Shape,
    parts: Vec<Vec<Spot>>,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(tile: Tile) -> Self {
        Self {
            tile,
            bounds: Bounds::of(tile),
            drawn: Vec::new(),
        }
    }

    /// Takes a line or an area, if the tile touches it; `false` if it is a point at this zoom.
    pub(super) fn add(&mut self, geometry: &Geometry, thing: Thing<'a>) -> bool {
        let shape = match geometry.geometry_type() {
            GeometryType::Point | GeometryType::MultiPoint => return false,
            GeometryType::LineString | GeometryType::MultiLineString => Shape::Line,
            GeometryType::Polygon | GeometryType::MultiPolygon => Shape::Area,
        };
        let envelope = geometry.envelope();
        let around = Bounds::around(&[
            vertex(Position::new(envelope.min_lon, envelope.max_lat)),
            vertex(Position::new(envelope.max_lon, envelope.min_lat)),
        ]);
        let size = around.size();
        let shift = self.tile.shift();
        if size < SMALL << shift.max(0) >> (-shift).max(0) {
            return false;
        }
        if !around.touches(&self.bounds) {
            return true;
        }
        let parts = match shape {
            Shape::Area => geometry
                .polygons()
                .iter()
                .flat_map(|rings| self.polygon(rings))
                .collect(),
            _ => geometry.lines().flat_map(|line| self.line(line)).collect(),
        };
        let drawn = Drawn {
            thing,
            size,
            shape,
            parts,
        };
        if !drawn.parts.is_empty() {
            self.drawn.push(drawn);
        }
        true
    }

    fn line(&self, line: &[Position]) -> Vec<Vec<Spot>> {
        clip::line(&self.vertices(line), &self.bounds)
            .iter()
            .map(|part| clip::spots(part, self.tile))
            .filter(|spots| spots.len() > 1)
            .collect()
    }

    fn polygon(&self, rings: &[Vec<Position>]) -> Vec<Vec<Spot>> {
        let cut = |ring: &Vec<Position>| {
            let mut points = self.vertices(ring);
            points.pop();
            clip::ring(&points, &self.bounds)
        };
        let rings: Vec<Vec<Vertex>> = rings.iter().map(cut).collect();
        clip::polygon(&rings, self.tile, HOLE)
    }

    /// The points that this zoom needs.
    fn vertices(&self, line: &[Position]) -> Vec<Vertex> {
        let mut points: Vec<Vertex> = line.iter().map(|place| vertex(*place)).collect();
        // One unit of the tile, an eighth of a pixel.
        let unit = 2_f64.powi(self.tile.shift());
        clip::simplify(&mut points, &[unit * unit]);
        points
    }

    /// Adds them to a layer, the largest first; how many were drawn, and how many did not fit.
    pub(super) fn draw(mut self, layer: &mut Layer) -> (usize, usize) {
        self.drawn
            .sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.thing.id.cmp(b.thing.id)));
        let (mut room, mut count) = (PART_BYTES_MAX, 0);
        let mut path = Path::default();
        for drawn in &self.drawn {
            let geometry: usize = drawn.parts.iter().map(|part| Path::bytes(part.len())).sum();
            let Some(left) = room.checked_sub(geometry + drawn.thing.bytes()) else {
                continue;
            };
            room = left;
            count += 1;
            drawn.thing.tag(layer);
            for part in &drawn.parts {
                match drawn.shape {
                    Shape::Area => path.ring(part),
                    _ => path.line(part),
                }
            }
            layer.end(drawn.shape, &mut path);
        }
        (count, self.drawn.len() - count)
    }
}

fn vertex(place: Position) -> Vertex {
    Vertex::new(project(place.lon, place.lat))
}
