//! A usual table in 112 bytes: of every hour the low and the high end, in 254ths of the whole range.

use insight::slot::{SLOTS, Slot};
use insight::{Band, Fence, UsualTable};

/// The byte of an hour of which nothing is known.
const NOTHING: u8 = u8::MAX;
/// The steps into which the whole range is divided.
const STEPS: f64 = 254.0;

/// The usual range at every hour, a little coarser than it was learned: never narrower, and wider
/// by at most a 254th of the span from the lowest low to the highest high at each end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compact {
    base: f32,
    step: f32,
    /// The least width of any hour.
    width_min: f32,
    /// By what widths count as wider: as of the hour with the fewest samples.
    widened: f32,
    low: [u8; SLOTS],
    high: [u8; SLOTS],
}

impl Compact {
    /// `None` when nothing is known at any hour.
    pub(crate) fn of(table: &UsualTable) -> Option<Box<Self>> {
        let known = || table.cells().iter().flatten();
        let lowest = known().map(|usual| usual.band.low).reduce(f64::min)?;
        let highest = known().map(|usual| usual.band.high).reduce(f64::max)?;
        let widened = known().map(insight::Usual::widened).reduce(f64::max)?;
        let base = down(lowest);
        let step = up((highest - f64::from(base)) / STEPS).max(f32::MIN_POSITIVE);
        let mut compact = Self {
            base,
            step,
            width_min: up(table.width_min()),
            widened: up(widened),
            low: [NOTHING; SLOTS],
            high: [NOTHING; SLOTS],
        };
        for (index, usual) in table.cells().iter().enumerate().take(SLOTS) {
            let Some(band) = usual.map(|usual| usual.band) else {
                continue;
            };
            let place = |value: f64| (value - f64::from(base)) / f64::from(step);
            compact.low[index] = byte(place(band.low).floor());
            compact.high[index] = byte(place(band.high).ceil());
        }
        Some(Box::new(compact))
    }

    /// By what a value in a slot is judged; the middle of the range is that of its ends.
    pub(crate) fn fence(&self, slot: Slot) -> Option<Fence> {
        let (low, high) = (self.low[slot.index()], self.high[slot.index()]);
        if high == NOTHING {
            return None;
        }
        let value = |byte: u8| f64::from(self.base) + f64::from(byte) * f64::from(self.step);
        let (low, high) = (value(low), value(high));
        let width = ((high - low) * f64::from(self.widened)).max(f64::from(self.width_min));
        let mid = f64::midpoint(low, high);
        (self.width_min > 0.0).then_some(Fence {
            band: Band { low, mid, high },
            width,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte before"
)]
fn byte(steps: f64) -> u8 {
    steps.clamp(0.0, STEPS) as u8
}

/// The next number of half the width that is not greater.
#[expect(clippy::cast_possible_truncation, reason = "rounded down right after")]
fn down(value: f64) -> f32 {
    let near = value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
    if f64::from(near) > value {
        near.next_down()
    } else {
        near
    }
}

/// The next number of half the width that is not smaller.
fn up(value: f64) -> f32 {
    -down(-value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;
    use insight::Sample;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Compact>(), 112);
        assert_eq!(Compact::of(&UsualTable::default()), None);
    }

    proptest! {
        #[test]
        fn it_is_never_narrower_and_little_wider(
            values in prop::collection::vec(-1e7_f64..1e7, 24 * 12),
        ) {
            let samples = values.iter().zip(0..).map(|(value, hour)| Sample {
                at: Time::from_seconds(1_793_577_600 + hour * 3_600),
                value: *value,
            });
            let table = UsualTable::learn(samples, &TimeZone::UTC);
            let compact = Compact::of(&table).expect("twelve days are enough");
            let known = table.cells().iter().flatten();
            let span = known.clone().map(|u| u.band.high).fold(f64::MIN, f64::max)
                - known.map(|u| u.band.low).fold(f64::MAX, f64::min);
            // A 254th, and what numbers of half the width cannot say.
            let coarse = span / 254.0 + 3.0;
            for weekend in [false, true] {
                for hour in 0..24 {
                    let slot = Slot { hour, weekend };
                    let (fence, near) = (table.fence(slot), compact.fence(slot));
                    let (fence, near) = (fence.expect("known"), near.expect("known"));
                    let (band, coarser) = (fence.band, near.band);
                    prop_assert!(coarser.low <= band.low + 1e-3 && band.high <= coarser.high + 1e-3);
                    prop_assert!(coarser.low >= band.low - coarse && coarser.high <= band.high + coarse);
                    prop_assert!(near.width >= fence.width);
                }
            }
        }
    }
}
