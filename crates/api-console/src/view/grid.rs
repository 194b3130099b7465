//! Which places lie in a box: a grid of map tiles, each with the slots in it.

use std::collections::BTreeMap;

use spatial::Envelope;

/// The zoom of the grid's cells: some two kilometres wide, a few hundred places in a dense one.
const ZOOM: u32 = 14;
const CELLS: f64 = (1_u32 << ZOOM) as f64;
/// Cells of one place at most; what covers more stands in a list of its own.
const CELLS_MAX: u32 = 16;

/// The slots of one layer by place.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    cells: BTreeMap<(u32, u32), Vec<u32>>,
    wide: Vec<u32>,
}

/// The cells under a box: first and last row, first and last column.
type Cells = (u32, u32, u32, u32);

fn cells(area: &Envelope) -> Cells {
    let (top, left) = cell(area.min_lon, area.max_lat);
    let (bottom, right) = cell(area.max_lon, area.min_lat);
    (top, bottom, left, right)
}

/// Row and column of a position.
fn cell(lon: f64, lat: f64) -> (u32, u32) {
    let x = (lon + 180.0) / 360.0 * CELLS;
    let sin = lat.to_radians().sin().clamp(-0.999_999, 0.999_999);
    let y = (0.5 - ((1.0 + sin) / (1.0 - sin)).ln() / (4.0 * std::f64::consts::PI)) * CELLS;
    (clamped(y), clamped(x))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the cells of the grid"
)]
fn clamped(at: f64) -> u32 {
    at.clamp(0.0, CELLS - 1.0) as u32
}

impl Grid {
    /// Adds a slot that covers this box.
    pub(crate) fn add(&mut self, slot: u32, area: &Envelope) {
        let at = cells(area);
        if is_wide(at) {
            self.wide.push(slot);
            return;
        }
        for key in keys(at) {
            self.cells.entry(key).or_default().push(slot);
        }
    }

    /// Takes out a slot that was added with this box.
    pub(crate) fn remove(&mut self, slot: u32, area: &Envelope) {
        let at = cells(area);
        if is_wide(at) {
            take(&mut self.wide, slot);
            return;
        }
        for key in keys(at) {
            if let Some(slots) = self.cells.get_mut(&key) {
                take(slots, slot);
                if slots.is_empty() {
                    self.cells.remove(&key);
                }
            }
        }
    }

    /// Whether a slot that moves so stays in the same cells.
    pub(crate) fn is_same(from: &Envelope, to: &Envelope) -> bool {
        cells(from) == cells(to)
    }

    /// Calls `each` with every slot whose cells the box touches; with one that covers several
    /// cells perhaps more than once.
    pub(crate) fn visit(&self, area: &Envelope, each: &mut dyn FnMut(u32)) {
        self.wide.iter().copied().for_each(&mut *each);
        let (top, bottom, left, right) = cells(area);
        let (Some(((first, _), _)), Some(((last, _), _))) =
            (self.cells.first_key_value(), self.cells.last_key_value())
        else {
            return;
        };
        let (top, bottom) = (top.max(*first), bottom.min(*last));
        if left == 0 && right == clamped(CELLS) {
            if top <= bottom {
                let rows = self.cells.range((top, 0)..=(bottom, right));
                rows.flat_map(|(_, slots)| slots).copied().for_each(each);
            }
            return;
        }
        for row in top..=bottom {
            let cells = self.cells.range((row, left)..=(row, right));
            cells
                .flat_map(|(_, slots)| slots)
                .copied()
                .for_each(&mut *each);
        }
    }
}

fn is_wide((top, bottom, left, right): Cells) -> bool {
    (bottom - top + 1).saturating_mul(right - left + 1) > CELLS_MAX
}

fn keys((top, bottom, left, right): Cells) -> impl Iterator<Item = (u32, u32)> {
    (top..=bottom).flat_map(move |row| (left..=right).map(move |column| (row, column)))
}

fn take(slots: &mut Vec<u32>, slot: u32) {
    if let Some(at) = slots.iter().position(|held| *held == slot) {
        slots.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(lon: f64, lat: f64, width: f64) -> Envelope {
        Envelope {
            min_lon: lon,
            min_lat: lat,
            max_lon: (lon + width).min(180.0),
            max_lat: (lat + width).min(90.0),
        }
    }

    proptest! {
        #[test]
        fn whatever_meets_the_box_is_visited(
            places in prop::collection::vec((-180.0..180.0, -85.0..85.0, 0.0..0.3_f64), 1..50),
            gone in 0_usize..50,
            (lon, lat, width) in (-180.0..180.0, -85.0..85.0, 0.0..90.0_f64),
        ) {
            let mut grid = Grid::default();
            let places: Vec<Envelope> =
                places.into_iter().map(|(lon, lat, width)| area(lon, lat, width)).collect();
            for (slot, place) in (0..).zip(&places) {
                grid.add(slot, place);
            }
            let gone = gone % places.len();
            grid.remove(u32::try_from(gone).expect("few"), &places[gone]);
            let asked = area(lon, lat, width);
            let mut seen = Vec::new();
            grid.visit(&asked, &mut |slot| seen.push(slot as usize));
            for (slot, place) in places.iter().enumerate() {
                if slot == gone {
                    prop_assert!(!seen.contains(&slot));
                } else if place.intersects(&asked) {
                    prop_assert!(seen.contains(&slot), "{place:?} {asked:?}");
                }
            }
        }
    }
}
