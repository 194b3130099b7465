//! How numbers are spread, so that percentiles can still be told: a DDSketch.
//!
//! Buckets grow by a constant factor, so a percentile is off by at most 1 % of itself, however many
//! sketches were merged. A bucket's number is `i + 65536` for numbers in `(γ^(i-1), γ^i]`, its
//! negative for their negatives, and 0 for zero, with `γ = 1.01 / 0.99`: buckets are ordered as the
//! numbers are. What stands for all numbers of a bucket is `2 γ^i / (γ + 1)`.

use std::collections::BTreeMap;

use arrow::array::{Array as _, AsArray as _, StructArray};
use arrow::datatypes::{Int32Type, Int64Type};

/// By how much of itself a percentile may be off.
pub const RELATIVE_ERROR: f64 = 0.01;
/// What is added to the index of a bucket, so that it is positive: no `f64` has one beyond ± 37,300.
const SHIFT: i32 = 65_536;

/// `ln γ`.
fn ln_gamma() -> f64 {
    (2.0 * RELATIVE_ERROR / (1.0 - RELATIVE_ERROR)).ln_1p()
}

/// The spread of some numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketch {
    buckets: BTreeMap<i32, u64>,
}

impl Sketch {
    /// Counts a number; one that is not finite is none.
    pub fn add(&mut self, number: f64) {
        if number.is_finite() {
            *self.buckets.entry(bucket(number)).or_default() += 1;
        }
    }

    /// Counts so many of a bucket.
    pub(crate) fn count(&mut self, bucket: i32, count: u64) {
        let known = self.buckets.entry(bucket).or_default();
        *known = known.saturating_add(count);
    }

    /// Counts all that another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.count(bucket, count);
        }
    }

    /// The buckets and how many numbers each has, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> {
        self.buckets.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// How many buckets it has.
    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Reads the list of one row: of structs of `bucket` and `count`. `None`: it is no sketch.
    pub fn from_list(list: &StructArray) -> Option<Self> {
        let buckets = list.column_by_name("bucket")?;
        let buckets = buckets.as_primitive_opt::<Int32Type>()?;
        let counts = list.column_by_name("count")?;
        let counts = counts.as_primitive_opt::<Int64Type>()?;
        let mut sketch = Self::default();
        for (bucket, count) in buckets.values().iter().zip(counts.values()) {
            sketch.count(*bucket, u64::try_from(*count).ok()?);
        }
        (buckets.null_count() == 0 && counts.null_count() == 0).then_some(sketch)
    }

    /// The number that a share `p` of all numbers, from 0 to 1, is not above: the one of rank
    /// `p (n - 1)`, off by at most 1 % of itself. `None`: there are no numbers, or `p` is no share.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&p) {
            return None;
        }
        let all = self
            .buckets
            .values()
            .fold(0_u64, |all, count| all.saturating_add(*count));
        let rank = as_float(all.checked_sub(1)?) * p;
        let mut below = 0_u64;
        for (bucket, count) in &self.buckets {
            below = below.saturating_add(*count);
            if as_float(below) > rank {
                return Some(number(*bucket));
            }
        }
        self.buckets.keys().next_back().map(|last| number(*last))
    }
}

/// A percentile of the sketch of one row; see [`Sketch::quantile`].
pub fn quantile(sketch: &StructArray, p: f64) -> Option<f64> {
    Sketch::from_list(sketch)?.quantile(p)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rank may be off by one in 2^53"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an index is within ± 37,300"
)]
fn bucket(number: f64) -> i32 {
    if number == 0.0 {
        return 0;
    }
    let index = (number.abs().ln() / ln_gamma()).ceil() as i32;
    let bucket = index + SHIFT;
    if number < 0.0 { -bucket } else { bucket }
}

/// What stands for all numbers of a bucket.
fn number(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let index = f64::from(bucket.saturating_abs() - SHIFT);
    let gamma = ln_gamma().exp();
    let number = index.mul_add(ln_gamma(), (2.0 / (gamma + 1.0)).ln()).exp();
    number.min(f64::MAX).copysign(f64::from(bucket))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(numbers: &[f64], p: f64) -> f64 {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank of a small list"
        )]
        let rank = (as_float(sorted.len() as u64 - 1) * p).floor() as usize;
        sorted[rank]
    }

    proptest! {
        #[test]
        fn a_percentile_is_off_by_one_percent_at_most(
            parts in prop::collection::vec(
                prop::collection::vec(prop_oneof![-1e9..1e9, -1.0..1.0, Just(0.0), any::<i32>().prop_map(f64::from)], 1..60),
                1..5,
            ),
            p in 0.0..=1.0,
        ) {
            let mut merged = Sketch::default();
            for part in &parts {
                let mut sketch = Sketch::default();
                for number in part {
                    sketch.add(*number);
                }
                merged.merge(&sketch);
            }
            let numbers: Vec<f64> = parts.concat();
            let (told, exact) = (merged.quantile(p).expect("numbers"), exact(&numbers, p));
            prop_assert!((told - exact).abs() <= exact.abs() * (RELATIVE_ERROR + 1e-9), "{told} for {exact}");
        }

        #[test]
        fn buckets_are_ordered_as_numbers_are(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            let (small, large) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(bucket(small) <= bucket(large));
            prop_assert!(number(bucket(a)).is_finite());
        }
    }

    #[test]
    fn there_is_no_percentile_of_nothing_and_none_beyond_all() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        sketch.add(f64::NAN);
        assert_eq!(sketch.quantile(0.5), None);
        sketch.add(0.0);
        assert_eq!(sketch.quantile(0.5), Some(0.0));
        assert_eq!(sketch.quantile(1.5), None);
        assert_eq!(sketch.quantile(f64::NAN), None);
    }
}
