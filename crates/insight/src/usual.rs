//! The usual range: between which values a series lies four times out of five at an hour of a kind
//! of day, honestly said when there is too little to say it from.

use base::Time;
use jiff::tz::TimeZone;

use crate::robust::quantile;
use crate::slot::{SLOTS, Slot};

/// How far back the usual looks: four weeks, in microseconds.
pub const LOOKBACK_MICROS: i64 = 28 * 86_400 * 1_000_000;
/// Samples below which nothing is said of an hour.
pub const SAMPLES_MIN: usize = 8;
/// Days from which the samples of an hour must come: one strange day is no habit.
pub const DAYS_MIN: usize = 3;
/// Samples below which nothing is said of all hours together.
pub const SAMPLES_MIN_ALL: usize = 24;
/// Days that all samples together must touch.
pub const DAYS_MIN_ALL: usize = 2;

/// The range of an hour counts as no narrower than this part of that of all hours: an hour at which
/// next to nothing happens would make every trifle look like an alarm.
pub const WIDTH_MIN_PART: f64 = 0.35;
/// A range from n samples counts as wider by this many n-ths: from few it is known badly.
pub const WIDEN: f64 = 8.0;

/// One value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was observed.
    pub at: Time,
    /// What was observed.
    pub value: f64,
}

/// A range: the 10th and the 90th percentile and the median, in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// One in ten is lower.
    pub low: f64,
    /// Half are lower.
    pub mid: f64,
    /// One in ten is higher.
    pub high: f64,
}

/// From which samples a range was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The same hour of the same kind of day.
    HourAndDay,
    /// The same hour of any day.
    Hour,
    /// All samples.
    All,
}

/// A usual range and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// The range.
    pub band: Band,
    /// From which samples.
    pub basis: Basis,
    /// How many they were.
    pub samples: usize,
}

/// A range and the measure of how far outside of it a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fence {
    /// The range.
    pub band: Band,
    /// Above 0: what counts as its width.
    pub width: f64,
}

/// The usual range of a series at every hour of workdays and weekends.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UsualTable {
    cells: Vec<Option<Usual>>,
    /// From the 10th to the 90th percentile of all samples.
    span: f64,
}

/// A sample with its place: slot, day, value.
type Placed = (usize, i32, f64);

impl Band {
    /// The range of values in any order; `None` of nothing. What is no finite number is left out.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            low: quantile(&values, 0.1)?,
            mid: quantile(&values, 0.5)?,
            high: quantile(&values, 0.9)?,
        })
    }
}

impl Usual {
    /// By what its width counts as wider, for the samples that it was made from.
    pub fn widened(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "there are far fewer samples than 2^52"
        )]
        let samples = self.samples.max(1) as f64;
        1.0 + WIDEN / samples
    }
}

impl Fence {
    /// How far a value lies outside, in widths: 0 within the range, positive above it, negative
    /// below it.
    pub fn excess(&self, value: f64) -> f64 {
        if value > self.band.high {
            (value - self.band.high) / self.width
        } else if value < self.band.low {
            (value - self.band.low) / self.width
        } else {
            0.0
        }
    }
}

impl UsualTable {
    /// Learns from samples in any order; those that are no finite numbers do not count.
    pub fn learn(samples: impl IntoIterator<Item = Sample>, zone: &TimeZone) -> Self {
        let mut memo = Memo::default();
        let mut placed: Vec<Placed> = samples
            .into_iter()
            .filter(|sample| sample.value.is_finite())
            .map(|sample| {
                let (slot, day) = memo.slot(sample.at, zone);
                (slot.index(), day, sample.value)
            })
            .collect();
        placed.sort_unstable_by_key(|(slot, ..)| *slot);
        let all = usual(&placed, Basis::All, SAMPLES_MIN_ALL, DAYS_MIN_ALL);
        let of_slot = |index: usize| {
            let start = placed.partition_point(|(slot, ..)| *slot < index);
            let end = placed.partition_point(|(slot, ..)| *slot <= index);
            placed.get(start..end).unwrap_or_default()
        };
        let by_hour: Vec<Option<Usual>> = (0..24)
            .map(|hour| {
                let both = [of_slot(hour), of_slot(hour + 24)].concat();
                usual(&both, Basis::Hour, SAMPLES_MIN, DAYS_MIN)
            })
            .collect();
        let cells = (0..SLOTS).map(|index| {
            usual(of_slot(index), Basis::HourAndDay, SAMPLES_MIN, DAYS_MIN)
                .or_else(|| by_hour.get(index % 24).copied().flatten())
                .or(all)
        });
        let span = Band::of(placed.iter().map(|(.., value)| *value).collect());
        Self {
            cells: cells.collect(),
            span: span.map_or(0.0, |band| band.high - band.low),
        }
    }

    /// By what a value in a slot is judged; `None`: too little is known, or the series never
    /// changes and has no width.
    pub fn fence(&self, slot: Slot) -> Option<Fence> {
        let usual = self.at(slot)?;
        let width = (usual.band.high - usual.band.low) * usual.widened();
        let width = width.max(self.width_min());
        (width > 0.0).then_some(Fence {
            band: usual.band,
            width,
        })
    }

    /// The least width of any hour.
    pub fn width_min(&self) -> f64 {
        self.span * WIDTH_MIN_PART
    }

    /// The usual of all slots, in the order of [`Slot::index`].
    pub fn cells(&self) -> &[Option<Usual>] {
        &self.cells
    }

    /// What is usual in a slot; `None`: too little is known.
    pub fn at(&self, slot: Slot) -> Option<Usual> {
        self.cells.get(slot.index()).copied().flatten()
    }

    /// Whether nothing is known at any hour.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(Option::is_none)
    }
}

/// The range of samples, if they are enough and from enough days.
fn usual(placed: &[Placed], basis: Basis, samples_min: usize, days_min: usize) -> Option<Usual> {
    let mut days: Vec<i32> = placed.iter().map(|(_, day, _)| *day).collect();
    days.sort_unstable();
    days.dedup();
    if placed.len() < samples_min || days.len() < days_min {
        return None;
    }
    Some(Usual {
        band: Band::of(placed.iter().map(|(.., value)| *value).collect())?,
        basis,
        samples: placed.len(),
    })
}

/// Remembers the slot of the last quarter of an hour: clocks change only between those.
#[derive(Debug, Clone, Default)]
pub struct Memo {
    last: Option<(i64, Slot, i32)>,
}

impl Memo {
    /// As [`Slot::of`], faster for moments that lie close together. Always of one zone.
    pub fn slot(&mut self, time: Time, zone: &TimeZone) -> (Slot, i32) {
        let quarter = time.as_micros().div_euclid(900_000_000);
        if let Some((last, slot, day)) = self.last
            && last == quarter
        {
            return (slot, day);
        }
        let (slot, day) = Slot::of(time, zone);
        self.last = Some((quarter, slot, day));
        (slot, day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000_000;
    /// Monday 2026-11-02 in UTC.
    const MONDAY: i64 = 1_793_577_600_000_000;

    fn series(hours: i64, every: i64, value: impl Fn(i64) -> f64) -> Vec<Sample> {
        let steps = 0..hours * HOUR / every;
        steps
            .map(|step| Sample {
                at: Time(MONDAY + step * every),
                value: value(step * every / HOUR),
            })
            .collect()
    }

    fn slot(hour: u8, weekend: bool) -> Slot {
        Slot { hour, weekend }
    }

    #[test]
    fn an_hour_of_workdays_has_its_own_range_when_there_are_enough_days() {
        // Four weeks by half hours: the value is the hour, a hundred more on weekends.
        let samples = series(28 * 24, HOUR / 2, |hour| {
            let weekend = (hour / 24) % 7 >= 5;
            f64::from(i32::try_from(hour % 24).expect("small")) + if weekend { 100.0 } else { 0.0 }
        });
        let table = UsualTable::learn(samples, &TimeZone::UTC);
        let work = table.at(slot(9, false)).expect("there is enough");
        assert_eq!((work.basis, work.samples), (Basis::HourAndDay, 40));
        assert_eq!(
            (work.band.low, work.band.mid, work.band.high),
            (9.0, 9.0, 9.0)
        );
        let rest = table.at(slot(9, true)).expect("there is enough");
        assert_eq!((rest.basis, rest.band.mid), (Basis::HourAndDay, 109.0));
    }

    #[test]
    fn one_weekend_is_no_habit_and_the_hour_of_any_day_stands_in() {
        let samples = series(7 * 24, HOUR / 2, |_| 1.0);
        let table = UsualTable::learn(samples, &TimeZone::UTC);
        assert_eq!(
            table.at(slot(9, false)).map(|u| u.basis),
            Some(Basis::HourAndDay)
        );
        let rest = table.at(slot(9, true)).expect("the hour has seven days");
        assert_eq!((rest.basis, rest.samples), (Basis::Hour, 14));
    }

    #[test]
    fn an_hour_without_samples_is_judged_by_all_and_too_little_by_nothing() {
        // Two hours a day, four days.
        let mut samples = series(4 * 24, HOUR / 6, |_| 1.0);
        samples.retain(|s| (s.at.0 - MONDAY) / HOUR % 24 < 2);
        let table = UsualTable::learn(samples, &TimeZone::UTC);
        assert_eq!(
            table.at(slot(1, false)).map(|u| u.basis),
            Some(Basis::HourAndDay)
        );
        assert_eq!(table.at(slot(15, false)).map(|u| u.basis), Some(Basis::All));
        // However many samples: one day says nothing.
        let day = series(24, HOUR / 60, |_| 1.0);
        assert!(UsualTable::learn(day, &TimeZone::UTC).is_empty());
        assert_eq!(UsualTable::default().at(slot(0, false)), None);
    }

    #[test]
    fn excess_is_counted_in_widths_of_the_range() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        let band = Band {
            low: 10.0,
            mid: 15.0,
            high: 20.0,
        };
        let fence = Fence { band, width: 10.0 };
        near(fence.excess(20.0), 0.0);
        near(fence.excess(30.0), 1.0);
        near(fence.excess(-15.0), -2.5);
    }

    #[test]
    fn a_quiet_hour_and_few_samples_make_a_wide_fence_and_a_constant_none() {
        // By night always 0, by day 0 to 99.
        let samples = series(28 * 24, HOUR, |hour| {
            let day = f64::from(u32::try_from(hour * 37 % 100).expect("small"));
            if hour % 24 < 6 { 0.0 } else { day }
        });
        let table = UsualTable::learn(samples, &TimeZone::UTC);
        let night = table.fence(slot(3, false)).expect("known");
        assert_eq!((night.band.low, night.band.high), (0.0, 0.0));
        assert!(night.width > 25.0 && night.excess(10.0) < 0.5, "{night:?}");
        let day = table.at(slot(12, false)).expect("known");
        let width = table.fence(slot(12, false)).expect("known").width;
        let plain = day.band.high - day.band.low;
        assert_eq!(day.samples, 20);
        assert!((width - plain * 1.4).abs() < 1e-9, "{width} of {plain}");
        let constant = UsualTable::learn(series(28 * 24, HOUR, |_| 7.0), &TimeZone::UTC);
        assert!(constant.at(slot(3, false)).is_some() && constant.fence(slot(3, false)).is_none());
    }

    proptest! {
        #[test]
        fn a_range_is_ordered_and_four_in_five_lie_within(
            values in prop::collection::vec(-1e6_f64..1e6, 1..200),
        ) {
            let band = Band::of(values.clone()).expect("there are values");
            prop_assert!(band.low <= band.mid && band.mid <= band.high);
            let within = values.iter().filter(|v| (band.low..=band.high).contains(*v)).count();
            // Up to one value at each end may lie on the far side of its percentile.
            prop_assert!(within + 2 >= values.len() * 4 / 5, "{within} of {}", values.len());
        }

        #[test]
        fn the_order_of_samples_does_not_matter(seed in 0_u64..1_000) {
            let mut samples = series(10 * 24, HOUR, |hour| {
                f64::from(u32::try_from((hour.unsigned_abs() * 7_919 + seed) % 101).expect("small"))
            });
            let table = UsualTable::learn(samples.clone(), &TimeZone::UTC);
            let by = usize::try_from(seed).expect("small") % samples.len();
            samples.rotate_left(by);
            samples.reverse();
            prop_assert_eq!(UsualTable::learn(samples, &TimeZone::UTC), table);
        }
    }
}
