//! A histogram of latencies: 32 steps to each doubling, so values are within 3 %.

use std::time::Duration;

const STEPS: u64 = 32;
const BITS: u32 = STEPS.ilog2();

/// Counts of latencies in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

fn place(nanos: u64) -> usize {
    if nanos < STEPS {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let doubling = nanos.ilog2() - BITS;
    let step = (nanos >> doubling) - STEPS;
    usize::try_from((u64::from(doubling) + 1) * STEPS + step).unwrap_or(usize::MAX)
}

fn value(place: u64) -> u64 {
    if place < STEPS {
        return place;
    }
    let (doubling, step) = (place / STEPS - 1, place % STEPS);
    (STEPS + step) << doubling
}

impl Histogram {
    /// Counts one.
    pub(crate) fn add(&mut self, latency: Duration) {
        let place = place(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.total += 1;
    }

    /// Adds all of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The latency that so many of a thousand do not exceed.
    pub(crate) fn quantile(&self, per_mille: u64) -> Duration {
        let wanted = (self.total * per_mille).div_ceil(1_000);
        let mut seen = 0;
        for (place, count) in (0..).zip(&self.counts) {
            seen += count;
            if seen >= wanted && *count > 0 {
                return Duration::from_nanos(value(place));
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thirtieth() {
        let mut histogram = Histogram::default();
        for micros in 1..=10_000 {
            histogram.add(Duration::from_micros(micros));
        }
        for (per_mille, micros) in [(500, 5_000u64), (990, 9_900), (1_000, 10_000)] {
            let found = u64::try_from(histogram.quantile(per_mille).as_micros()).unwrap();
            assert!(
                found.abs_diff(micros) <= micros / 30,
                "{found} for {micros}"
            );
        }
        let mut both = histogram.clone();
        both.merge(&histogram);
        assert_eq!(
            (both.total(), both.quantile(500)),
            (20_000, histogram.quantile(500))
        );
    }
}
