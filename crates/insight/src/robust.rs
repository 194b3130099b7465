//! Statistics that a few wild values do not move.

/// The `q`-quantile (0 to 1) of values that stand in ascending order, between neighbours by a
/// straight line; `None` of nothing.
pub fn quantile(ascending: &[f64], q: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "series are far shorter than 2^52"
    )]
    let place = q.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the place lies between 0 and the last index"
    )]
    let below = place.floor() as usize;
    let low = *ascending.get(below)?;
    let high = *ascending.get((below + 1).min(last))?;
    // Written so that the result never leaves the two neighbours.
    let share = place - place.floor();
    Some((low * (1.0 - share) + high * share).clamp(low, high))
}

/// The middle of the values, which are put in order; what is no finite number is left out.
pub fn median(values: &mut Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quantile_lies_on_the_line_between_its_neighbours() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[0.0, 10.0], 0.25), Some(2.5));
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 1.0), Some(3.0));
    }

    #[test]
    fn what_is_no_number_does_not_count() {
        assert_eq!(median(&mut vec![5.0, f64::NAN, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&mut vec![f64::INFINITY]), None);
    }

    proptest! {
        #[test]
        fn quantiles_grow_with_q_and_stay_within_the_values(
            mut values in prop::collection::vec(-1e9_f64..1e9, 1..60), a in 0.0..1.0_f64, b in 0.0..1.0_f64,
        ) {
            values.sort_unstable_by(f64::total_cmp);
            let low = quantile(&values, a.min(b)).expect("there are values");
            let high = quantile(&values, a.max(b)).expect("there are values");
            prop_assert!(low <= high);
            prop_assert!(values[0] <= low && high <= values[values.len() - 1]);
        }
    }
}
