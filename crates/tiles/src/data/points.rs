//! Points of a tile: each for itself, or gathered by the cells of a grid.

use super::{Clusters, PART_BYTES_MAX, Severity, Thing};
use crate::mvt::{Layer, Path, Shape, Spot, Value};
use crate::tile::{EXTENT, Tile, WORLD, project};

/// Most cells along the edge of a tile.
const CELLS_MAX: u16 = 64;

/// The points that a tile shows. The cells of all tiles of one zoom make one grid, and each lies
/// within one tile: so clusters are the same whichever tile is asked for.
pub(super) struct Points<'a> {
    tile: Tile,
    /// Units of the tile along the edge of a cell.
    cell: i32,
    cells: Vec<Cell<'a>>,
    singles: Vec<(Spot, Thing<'a>)>,
    singles_max: usize,
    singles_bytes: usize,
    /// Points are gathered: there were too many to show each.
    gathered: bool,
    count: usize,
}

/// What lies in one cell.
#[derive(Clone, Default)]
struct Cell<'a> {
    first: Option<Thing<'a>>,
    count: u64,
    sum: [i64; 2],
    worst: Option<Severity>,
    value: f64,
    values: u64,
    fresh: u64,
    real: u64,
}

impl<'a> Points<'a> {
    pub(super) fn new(tile: Tile, clusters: &Clusters) -> Self {
        let across = clusters.cells.clamp(1, CELLS_MAX).next_power_of_two();
        let across_cells = usize::from(across);
        Self {
            tile,
            cell: EXTENT / i32::from(across),
            cells: vec![Cell::default(); across_cells * across_cells],
            singles: Vec::new(),
            singles_max: clusters.singles_max,
            singles_bytes: 0,
            gathered: tile.z() < clusters.below_zoom,
            count: 0,
        }
    }

    /// Takes a point, if it lies in the tile; what is nowhere on Earth lies in none.
    pub(super) fn add(&mut self, lon: f64, lat: f64, thing: Thing<'a>) {
        if !(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat) {
            return;
        }
        let Some(spot) = self.spot(lon, lat) else {
            return;
        };
        self.count += 1;
        let across = EXTENT / self.cell;
        let index = spot[1] / self.cell * across + spot[0] / self.cell;
        if let Some(cell) = self.cells.get_mut(index.unsigned_abs() as usize) {
            cell.add(spot, thing);
        }
        if self.gathered {
            return;
        }
        self.singles_bytes += thing.bytes();
        self.singles.push((spot, thing));
        if self.singles.len() > self.singles_max || self.singles_bytes > PART_BYTES_MAX {
            self.gathered = true;
            self.singles = Vec::new();
        }
    }

    /// The place in units of the tile, rounded down so that every place has one tile.
    fn spot(&self, lon: f64, lat: f64) -> Option<Spot> {
        let [x, y] = project(lon, lat).map(|part| part.min(WORLD - 1));
        let [west, north] = self.tile.corner();
        let shift = self.tile.shift();
        let unit = |step: i32| {
            if shift >= 0 {
                step >> shift
            } else {
                step.checked_shl(shift.unsigned_abs()).unwrap_or(-1)
            }
        };
        // A step that would overflow when it is scaled lies far outside: the range is checked first.
        let side = 1_i64 << (30 - i64::from(self.tile.z()));
        let within = |step: i32| (0..side).contains(&i64::from(step));
        let (dx, dy) = (x - west, y - north);
        (within(dx) && within(dy)).then(|| [unit(dx), unit(dy)])
    }

    /// Adds the points to a layer; how many there are, and how many features stand for several.
    pub(super) fn draw(mut self, layer: &mut Layer) -> (usize, usize) {
        let mut path = Path::default();
        if !self.gathered {
            self.singles
                .sort_by(|a, b| a.1.id.cmp(b.1.id).then(a.0.cmp(&b.0)));
            for (spot, thing) in &self.singles {
                thing.tag(layer);
                path.point(*spot);
                layer.end(Shape::Point, &mut path);
            }
            return (self.count, 0);
        }
        let (mut clusters, mut bytes) = (0, 0);
        for cell in self.cells.iter().filter(|cell| cell.count > 0) {
            let single = cell.first.filter(|_| cell.count == 1);
            bytes += single.map_or(0, |thing| thing.bytes());
            match single.filter(|_| bytes <= PART_BYTES_MAX / 2) {
                Some(thing) => thing.tag(layer),
                // A single thing too large for what room is left is shown without its name.
                None => cell.tag(layer),
            }
            clusters += usize::from(cell.count > 1);
            path.point(cell.middle());
            layer.end(Shape::Point, &mut path);
        }
        (self.count, clusters)
    }
}

impl<'a> Cell<'a> {
    fn add(&mut self, spot: Spot, thing: Thing<'a>) {
        if self.count == 0 {
            self.first = Some(thing);
        }
        self.count += 1;
        self.sum[0] += i64::from(spot[0]);
        self.sum[1] += i64::from(spot[1]);
        self.worst = self.worst.max(thing.severity);
        if let Some(value) = thing.value.filter(|value| value.is_finite()) {
            self.value += value;
            self.values += 1;
        }
        self.fresh += u64::from(!thing.stale);
        self.real += u64::from(!thing.simulated);
    }

    /// The mean place.
    fn middle(&self) -> Spot {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX).max(1);
        self.sum
            .map(|sum| i32::try_from(sum / count).unwrap_or_default())
    }

    fn tag(&self, layer: &mut Layer) {
        layer.tag("n", Value::Whole(self.count));
        if let Some(severity) = self.worst {
            layer.tag("s", Value::Text(severity.as_str()));
        }
        if let Some(mean) = self.mean() {
            layer.tag("v", Value::Number(mean));
        }
        if self.fresh == 0 {
            layer.tag("stale", Value::Flag(true));
        }
        if self.real == 0 {
            layer.tag("sim", Value::Flag(true));
        }
    }

    /// The mean value, to four decimals, so that it does not tell in which order things came.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nobody has 2^53 things in a tile"
    )]
    fn mean(&self) -> Option<f64> {
        let mean = self.value / self.values as f64;
        let rounded = (mean * 1e4).round() / 1e4;
        (self.values > 0 && rounded.is_finite()).then_some(rounded)
    }
}
