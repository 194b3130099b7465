//! What columns tell of an entity before it is read: that it surely does not match, or that it may.

use ngsi::Query;
use spatial::{Envelope, Position, cells};

use crate::state::column::{ABSENT, Column, MANY};
use crate::state::index::IndexId;
use crate::state::order::Slot;
use crate::state::plan::Source;
use crate::state::world::World;

/// Tests of one filter at most: of long lists an index finds the few entities sooner.
const TESTS_MAX: usize = 32;

/// A test that every match passes.
pub(super) struct Filter<'w> {
    any: Vec<(&'w Column, Test)>,
}

/// What must be so of a key in a column.
enum Test {
    /// It is one of these.
    Range { low: u64, high: u64 },
    /// It is a cell that meets the box between the two leaves.
    Cells { low: u64, high: u64 },
}

impl Filter<'_> {
    /// Whether the entity in the slot can match.
    #[inline]
    pub(super) fn may_hold(&self, slot: Slot) -> bool {
        self.any
            .iter()
            .any(|(column, test)| match column.get(slot) {
                ABSENT => false,
                MANY => true,
                key => test.holds(key),
            })
    }
}

impl Test {
    fn of(envelope: &Envelope) -> Self {
        Self::Cells {
            low: cells::leaf(Position::new(envelope.min_lon, envelope.min_lat)),
            high: cells::leaf(Position::new(envelope.max_lon, envelope.max_lat)),
        }
    }

    #[inline]
    fn holds(&self, key: u64) -> bool {
        // Every other bit of a cell's number is of its column, the rest of its row: by themselves
        // they stand in the order of the columns, or of the rows.
        const EVERY_OTHER: u64 = 0x5555_5555_5555_5555;
        match self {
            Self::Range { low, high } => (*low..=*high).contains(&key),
            Self::Cells { low, high } => {
                let (first, last) = cells::descendants(key).into_inner();
                [EVERY_OTHER, !EVERY_OTHER]
                    .into_iter()
                    .all(|bits| first & bits <= high & bits && low & bits <= last & bits)
            }
        }
    }
}

/// The filters that the sources of a query imply, each alone.
pub(super) fn filters<'w>(query: &Query, sources: &[Source], world: &'w World) -> Vec<Filter<'w>> {
    let places = query.geo.as_ref().and_then(|geo| {
        let boxes = geo.predicate.search()?.iter().map(Test::of);
        let id = IndexId::Places(world.dictionary.known(&geo.property)?);
        filter(boxes.map(|test| (id, test)), world)
    });
    let rest = sources.iter().filter_map(|source| {
        let tests = source.iter().map(|(id, range)| {
            let (low, high) = range.majors();
            (*id, Test::Range { low, high })
        });
        filter(tests, world)
    });
    places.into_iter().chain(rest).collect()
}

/// None if the columns do not know all that is to be tested.
fn filter(
    tests: impl ExactSizeIterator<Item = (IndexId, Test)>,
    world: &World,
) -> Option<Filter<'_>> {
    if tests.len() > TESTS_MAX {
        return None;
    }
    let any = tests.map(|(id, test)| Some((world.indexes.column(id)?, test)));
    Some(Filter {
        any: any.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_box_is_met_by_the_cells_of_what_meets_it(
            (west, south) in (-190.0..190.0_f64, -95.0..95.0_f64),
            (width, height) in (0.0..5.0_f64, 0.0..5.0_f64),
            (lon, lat) in (-190.0..190.0_f64, -95.0..95.0_f64),
            (part_lon, part_lat) in (0.0..=1.0_f64, 0.0..=1.0_f64),
        ) {
            let envelope = Envelope {
                min_lon: west,
                min_lat: south,
                max_lon: west + width,
                max_lat: south + height,
            };
            let test = Test::of(&envelope);
            let within = Position::new(west + width * part_lon, south + height * part_lat);
            let leaf = cells::leaf(within);
            prop_assert!(test.holds(leaf));
            prop_assert!(cells::ancestors(leaf).all(|cell| test.holds(cell)));
            let other = Envelope::around([Position::new(lon, lat)]);
            let apart = lon < west - 1e-6 || lon > west + width + 1e-6
                || lat < south - 1e-6 || lat > south + height + 1e-6;
            let world = lon.abs() <= 180.0 && lat.abs() <= 90.0;
            if world && apart && !envelope.intersects(&other) && Envelope::WORLD.contains(&envelope) {
                prop_assert!(!test.holds(cells::leaf(Position::new(lon, lat))));
            }
        }
    }
}
