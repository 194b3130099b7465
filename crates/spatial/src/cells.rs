//! Cells: the world as a square halved in both directions again and again, each cell a number.
//!
//! A cell's number is its path of quarters from the top, two bits a level, then a one bit, then
//! zeros up to 64 bits. So all cells within a cell lie in one range of numbers around it
//! ([`descendants`]), and an ordered set of numbers is an index of places: a query looks up the
//! ranges of the cells that cover it, and the few larger cells around those ([`ancestors`]).

use crate::{Envelope, Position};

/// Levels below the world: a cell of the last one is 19 millimetres wide or less.
pub const LEVELS: u32 = 31;

/// The number of a cell.
pub type Cell = u64;

/// The world.
const TOP: Cell = 1 << 62;

/// The smallest cell that holds the position.
pub fn leaf(position: Position) -> Cell {
    ((interleave(column(position.lon)) << 1 | interleave(row(position.lat))) << 1) | 1
}

/// At most four cells that together hold the box, about as small as the box itself.
pub fn around(envelope: &Envelope) -> Vec<Cell> {
    let (west, east) = (column(envelope.min_lon), column(envelope.max_lon));
    let (south, north) = (row(envelope.min_lat), row(envelope.max_lat));
    // The level at which the box spans at most two columns and rows.
    let span = (east - west).max(north - south);
    let shift = (u32::BITS - span.leading_zeros()).min(LEVELS);
    let mut cells: Vec<Cell> = [(west, south), (east, south), (west, north), (east, north)]
        .into_iter()
        .map(|(x, y)| at(x, y, shift))
        .collect();
    cells.sort_unstable();
    cells.dedup();
    cells
}

/// Cells that together hold the box, at most `max` (at least four): the finer, the fewer places
/// outside of the box they hold. In order, none within another.
pub fn cover(envelope: &Envelope, max: usize) -> Vec<Cell> {
    let wanted = Span {
        west: column(envelope.min_lon),
        east: column(envelope.max_lon),
        south: row(envelope.min_lat),
        north: row(envelope.max_lat),
    };
    let mut cells: Vec<(u32, u32, u32)> = vec![(0, 0, LEVELS)];
    // Whole levels at a time: the cells of a level are of one size, so none deserves it more.
    loop {
        let mut finer = Vec::with_capacity(cells.len() * 2);
        for &(x, y, shift) in &cells {
            let span = Span::of(x, y, shift);
            if shift == 0 || wanted.holds(&span) {
                finer.push((x, y, shift));
                continue;
            }
            let half = 1_u32 << (shift - 1);
            for (east, north) in [(0, 0), (0, half), (half, 0), (half, half)] {
                let quarter = (x + east, y + north, shift - 1);
                if Span::of(quarter.0, quarter.1, quarter.2).meets(&wanted) {
                    finer.push(quarter);
                }
            }
        }
        if finer.len() > max.max(4) || finer == cells {
            break;
        }
        cells = finer;
    }
    let mut cells: Vec<Cell> = cells
        .into_iter()
        .map(|(x, y, shift)| at(x, y, shift))
        .collect();
    cells.sort_unstable();
    cells
}

/// The numbers of the cell and of all cells within it.
pub fn descendants(cell: Cell) -> std::ops::RangeInclusive<Cell> {
    let below = (cell & cell.wrapping_neg()) - 1;
    cell - below..=cell + below
}

/// The cells around this one, up to the world, itself not included.
pub fn ancestors(cell: Cell) -> impl Iterator<Item = Cell> {
    std::iter::successors(Some(cell), |&cell| {
        (cell != TOP).then(|| {
            let bit = (cell & cell.wrapping_neg()) << 2;
            (cell & !(bit - 1)) | bit
        })
    })
    .skip(1)
}

/// The cell of so many halvings less than a leaf around column and row.
fn at(x: u32, y: u32, shift: u32) -> Cell {
    let leaf = interleave(x) << 1 | interleave(y);
    (leaf >> (2 * shift) << 1 | 1) << (2 * shift)
}

fn column(lon: f64) -> u32 {
    step((lon + 180.0) / 360.0)
}

fn row(lat: f64) -> u32 {
    step((lat + 90.0) / 180.0)
}

fn step(part: f64) -> u32 {
    let steps = 2_147_483_648.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 31 bits"
    )]
    let step = (part * steps).floor().clamp(0.0, steps - 1.0) as u32;
    step
}

/// Spreads 31 bits to every other bit.
fn interleave(bits: u32) -> u64 {
    let mut x = u64::from(bits);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & 0x5555_5555_5555_5555
}

/// A rectangle of leaf columns and rows, ends included.
struct Span {
    west: u32,
    east: u32,
    south: u32,
    north: u32,
}

impl Span {
    fn of(x: u32, y: u32, shift: u32) -> Self {
        let less = u32::try_from((1_u64 << shift) - 1).unwrap_or(u32::MAX);
        Self {
            west: x,
            east: x + less,
            south: y,
            north: y + less,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        self.west <= other.east
            && other.west <= self.east
            && self.south <= other.north
            && other.south <= self.north
    }

    fn holds(&self, other: &Self) -> bool {
        self.west <= other.west
            && self.east >= other.east
            && self.south <= other.south
            && self.north >= other.north
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geojson::tests::geometries;

    fn found(indexed: &[Cell], covered: &[Cell]) -> bool {
        covered.iter().any(|cell| {
            indexed.iter().any(|one| {
                descendants(*cell).contains(one) || ancestors(*cell).any(|above| above == *one)
            })
        })
    }

    #[test]
    fn the_corners_of_the_world_have_cells() {
        for (lon, lat) in [
            (-180.0, -90.0),
            (180.0, 90.0),
            (-180.0, 90.0),
            (180.0, -90.0),
        ] {
            let cell = leaf(Position::new(lon, lat));
            assert!(descendants(TOP).contains(&cell));
            assert_eq!(ancestors(cell).last(), Some(TOP));
            assert_eq!(ancestors(cell).count(), 31);
        }
        assert_eq!(cover(&Envelope::WORLD, 16), [TOP]);
        assert_eq!(around(&Envelope::WORLD), [TOP]);
    }

    proptest! {
        #[test]
        fn what_meets_the_box_is_found_by_its_cover(
            one in geometries(), two in geometries(), max in 4_usize..40,
        ) {
            let cover = cover(&two.envelope(), max);
            prop_assert!(cover.len() <= max);
            let around = around(&one.envelope());
            prop_assert!(around.len() <= 4);
            if one.envelope().intersects(&two.envelope()) {
                prop_assert!(found(&around, &cover));
            }
            for position in two.positions() {
                prop_assert!(found(&[leaf(position)], &cover));
            }
        }
    }
}
