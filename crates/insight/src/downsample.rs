//! A long series in few pixels: the lowest and the highest value of each pixel are kept, so that no
//! peak is lost, and gaps stay gaps.

use crate::robust::quantile;

/// A point of a chart: milliseconds since 1970 and a value; no value is a gap.
pub type Point = (i64, Option<f64>);

/// A hole between two readings counts as a gap beyond so many times the usual distance.
const GAP_INTERVALS: f64 = 3.5;

/// Points in the order of their times, within `from..=until`, in at most `pixels` pixels of equal
/// width: each gives its lowest and its highest value in the order of their times (or all its
/// points, when there are no more than two a pixel on the whole), so at most `2 * pixels` values.
/// Between two values that are further apart than `gap` and than a pixel, and where a value is
/// missing or no finite number, one point without value stands.
pub fn downsample(
    points: &[Point],
    (from, until): (i64, i64),
    pixels: usize,
    gap: Option<i64>,
) -> Vec<Point> {
    let start = points.partition_point(|(at, _)| *at < from);
    let end = points.partition_point(|(at, _)| *at <= until);
    let inside = points.get(start..end).unwrap_or_default();
    let pixels = pixels.max(1);
    let whole = inside.len() <= pixels.saturating_mul(2);
    let width = pixel_width(from, until, pixels);
    let mut chart = Chart {
        out: Vec::with_capacity(inside.len().min(pixels.saturating_mul(2))),
        gap: gap.map(|gap| if whole { gap } else { gap.max(width) }),
    };
    let mut pixel = Pixel::default();
    let mut current = None;
    for (at, value) in inside {
        let number = at.saturating_sub(from) / width;
        if whole || current != Some(number) {
            pixel.give(&mut chart);
            current = Some(number);
        }
        match value.filter(|value| value.is_finite()) {
            Some(value) => pixel.take(*at, value),
            // A pixel with a reading shows it; the gap stands beside it.
            None => pixel.missing = Some(*at),
        }
    }
    pixel.give(&mut chart);
    chart.out
}

/// The distance beyond which two neighbours have a gap between them: three and a half times the
/// upper quartile of the distances; `None` of fewer than three points.
pub fn gap_of(points: &[Point]) -> Option<i64> {
    if points.len() < 3 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds between readings of one chart"
    )]
    let mut distances: Vec<f64> = points
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].0) as f64)
        .collect();
    distances.sort_unstable_by(f64::total_cmp);
    let usual = quantile(&distances, 0.75)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a distance in milliseconds fits"
    )]
    let gap = (usual * GAP_INTERVALS).ceil() as i64;
    Some(gap.max(1))
}

fn pixel_width(from: i64, until: i64, pixels: usize) -> i64 {
    let pixels = i64::try_from(pixels).unwrap_or(i64::MAX);
    let span = until.saturating_sub(from).max(0);
    (span / pixels).saturating_add(1)
}

/// What has been drawn.
struct Chart {
    out: Vec<Point>,
    gap: Option<i64>,
}

impl Chart {
    fn value(&mut self, at: i64, value: f64) {
        if let (Some((before, Some(_))), Some(gap)) = (self.out.last(), self.gap) {
            let distance = at.saturating_sub(*before);
            if distance > gap {
                let middle = before + distance / 2;
                self.out.push((middle, None));
            }
        }
        self.out.push((at, Some(value)));
    }

    fn missing(&mut self, at: i64) {
        if matches!(self.out.last(), Some((_, Some(_)))) {
            self.out.push((at, None));
        }
    }
}

/// The lowest and highest value of the pixel that is being read.
#[derive(Default)]
struct Pixel {
    low: Option<(i64, f64)>,
    high: Option<(i64, f64)>,
    missing: Option<i64>,
}

impl Pixel {
    fn take(&mut self, at: i64, value: f64) {
        if self.low.is_none_or(|(_, low)| value < low) {
            self.low = Some((at, value));
        }
        if self.high.is_none_or(|(_, high)| value > high) {
            self.high = Some((at, value));
        }
    }

    fn give(&mut self, chart: &mut Chart) {
        let Self { low, high, missing } = std::mem::take(self);
        let values = low.zip(high);
        if let (Some(at), Some(((first, _), (second, _)))) = (missing, values)
            && at < first.min(second)
        {
            chart.missing(at);
        }
        if let Some((low, high)) = values {
            let (first, second) = if low.0 <= high.0 {
                (low, high)
            } else {
                (high, low)
            };
            chart.value(first.0, first.1);
            if second.0 != first.0 {
                chart.value(second.0, second.1);
            }
            if let Some(at) = missing
                && at > second.0
            {
                chart.missing(at);
            }
        } else if let Some(at) = missing {
            chart.missing(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(chart: &[Point]) -> Vec<f64> {
        chart.iter().filter_map(|(_, value)| *value).collect()
    }

    #[test]
    fn a_peak_of_one_reading_among_many_survives() {
        let mut points: Vec<Point> = (0..10_000).map(|at| (at, Some(1.0))).collect();
        points[7_321].1 = Some(99.0);
        points[5].1 = Some(-4.0);
        let chart = downsample(&points, (0, 10_000), 50, Some(10));
        assert!(chart.contains(&(7_321, Some(99.0))) && chart.contains(&(5, Some(-4.0))));
        assert!(chart.len() <= 100 && chart.iter().all(|(_, value)| value.is_some()));
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let points: Vec<Point> = (0..1_000)
            .filter(|at| !(400..600).contains(at))
            .map(|at| (at, Some(2.0)))
            .collect();
        assert_eq!(gap_of(&points), Some(4));
        for pixels in [20, 5_000] {
            let chart = downsample(&points, (0, 999), pixels, gap_of(&points));
            let gaps: Vec<i64> = chart
                .iter()
                .filter(|p| p.1.is_none())
                .map(|p| p.0)
                .collect();
            assert!(gaps.len() == 1 && (400..600).contains(&gaps[0]), "{gaps:?}");
        }
    }

    #[test]
    fn a_missing_value_breaks_the_line_once() {
        let points = [
            (0, Some(1.0)),
            (1, None),
            (2, Some(f64::NAN)),
            (3, Some(2.0)),
        ];
        let chart = downsample(&points, (0, 3), 10, None);
        assert_eq!(chart, [(0, Some(1.0)), (1, None), (3, Some(2.0))]);
        assert_eq!(downsample(&[], (0, 3), 10, Some(1)), []);
    }

    #[test]
    fn what_lies_outside_is_left_out_and_strange_bounds_do_no_harm() {
        let points: Vec<Point> = (0..100).map(|at| (at, Some(0.0))).collect();
        assert_eq!(downsample(&points, (10, 19), 100, None).len(), 10);
        assert_eq!(downsample(&points, (50, 20), 0, None), []);
        let all = downsample(&points, (i64::MIN, i64::MAX), 3, Some(0));
        assert!(!all.is_empty());
    }

    proptest! {
        #[test]
        fn extremes_survive_and_few_points_come_back(
            steps in prop::collection::vec((1_i64..50, -1e6_f64..1e6), 1..600),
            pixels in 1_usize..80,
        ) {
            let mut at = 0;
            let points: Vec<Point> = steps
                .iter()
                .map(|(step, value)| { at += step; (at, Some(*value)) })
                .collect();
            let chart = downsample(&points, (0, at), pixels, gap_of(&points));
            let (all, kept) = (values(&points), values(&chart));
            let low = |v: &[f64]| v.iter().copied().fold(f64::INFINITY, f64::min);
            let high = |v: &[f64]| v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(low(&all).total_cmp(&low(&kept)).is_eq());
            prop_assert!(high(&all).total_cmp(&high(&kept)).is_eq());
            prop_assert!(kept.len() <= 2 * pixels);
            prop_assert!(chart.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            // What is drawn was measured.
            prop_assert!(chart.iter().all(|p| p.1.is_none() || points.contains(p)));
        }
    }
}
