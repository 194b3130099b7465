//! What an aggregation cannot say any more, because its instances are no longer kept.

use std::collections::{BTreeMap, BTreeSet};

use base::Time;

use super::{AggregateError, Aggregated, Method};
use crate::entity::AttributeKind;
use crate::temporal::{Rolled, period_text};

/// How exact aggregated values are of which some instances are no longer kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blur {
    /// The lengths of the periods into which instances were rolled up, in microseconds.
    pub periods: BTreeSet<i64>,
    /// Whether such a period may lie across the edge of one of the answer: its instances count
    /// where it begins.
    pub is_across: bool,
    /// The methods that were asked for and are left out of the periods with such instances.
    pub unknown: Vec<Method>,
}

/// What was rolled up of that which was counted.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// By length of the period: when the first one begins and the last one ends.
    reach: BTreeMap<i64, (Time, Time)>,
    is_across: bool,
}

impl Blur {
    /// Takes in what is so of another attribute of the same answer.
    pub fn unite(&mut self, other: Self) {
        self.periods.extend(other.periods);
        self.is_across |= other.is_across;
        for method in other.unknown {
            if !self.unknown.contains(&method) {
                self.unknown.push(method);
            }
        }
    }

    /// The periods as ISO 8601 writes them, the shortest first.
    pub fn period_texts(&self) -> Vec<String> {
        self.periods.iter().map(|p| period_text(*p)).collect()
    }
}

impl Aggregated<'_> {
    /// Counts what is left of the instances of a period that begins at a time.
    pub fn add_rolled(
        &mut self,
        time: Time,
        rolled: &Rolled,
        periods_max: usize,
    ) -> Result<(), AggregateError> {
        let Some(tally) = self.tally(time, periods_max)? else {
            return Ok(());
        };
        tally.add_rolled(rolled);
        self.kind.get_or_insert(AttributeKind::Property);
        self.latest = self.latest.max(rolled.last_at);
        let end = Time(time.0.saturating_add(rolled.period));
        let reach = self.past.reach.entry(rolled.period).or_insert((time, end));
        *reach = (reach.0.min(time), reach.1.max(end));
        if let Some((_, _, until)) = self.current {
            self.past.is_across |= end > until;
        }
        Ok(())
    }

    /// What cannot be said of the values, if some were rolled up; `end` is where the time asked
    /// for ends.
    pub fn blur(&self, end: Option<Time>) -> Option<Blur> {
        if self.past.reach.is_empty() {
            return None;
        }
        let mut reach = self.past.reach.iter();
        let cut = reach.any(|(period, (first, last))| {
            // The period before the first one may have begun before the time asked for.
            let is_cut = self.origin < *first
                && first.0.saturating_sub(self.origin.0) < *period
                && self.origin.0.rem_euclid(*period) != 0;
            is_cut || end.is_some_and(|end| end < *last)
        });
        let methods = self.aggregation.methods.iter().copied();
        let known = |method| self.tallies.values().all(|tally| tally.knows(method));
        Some(Blur {
            periods: self.past.reach.keys().copied().collect(),
            is_across: cut || self.past.is_across,
            unknown: methods.filter(|method| !known(*method)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Aggregation, Period};
    use crate::temporal::{RolledNumbers, RolledValue, Sample};
    use serde_json::Value;

    const HOUR: i64 = 3_600_000_000;

    fn rolled(numbers: &[f64]) -> Rolled {
        let fold = |f: fn(f64, f64) -> f64, start| numbers.iter().copied().fold(start, f);
        Rolled {
            period: HOUR,
            count: numbers.len() as u64,
            value: RolledValue::Numbers(RolledNumbers {
                min: fold(f64::min, f64::MAX),
                max: fold(f64::max, f64::MIN),
                sum: numbers.iter().sum(),
                sum_of_squares: numbers.iter().map(|n| n * n).sum(),
                last: numbers.last().copied().unwrap_or_default(),
            }),
            last_at: Time(HOUR - 1),
        }
    }

    fn aggregation(period: &str) -> Aggregation {
        Aggregation {
            methods: Method::ALL.to_vec(),
            period: Period::parse(period).expect("a period"),
            last: None,
        }
    }

    fn first_values(all: &Aggregated<'_>) -> Vec<(Method, Option<f64>)> {
        let rows = all.rows(None).into_iter();
        rows.map(|(m, rows)| (m, rows.first().and_then(|(value, ..)| Value::as_f64(value))))
            .collect()
    }

    #[test]
    fn rolled_up_numbers_and_measured_ones_come_to_what_all_measured_ones_would() {
        let hours = [vec![1.5, -2.0, 7.25], vec![4.0], vec![1e3, 1.5]];
        let aggregation = aggregation("P1D");
        let mut measured = Aggregated::new(&aggregation, Time(0));
        let mut mixed = Aggregated::new(&aggregation, Time(0));
        for (hour, numbers) in (0..).zip(&hours) {
            let begin = hour * HOUR;
            for (n, number) in (0..).zip(numbers) {
                let (at, sample) = (Time(begin + n), Sample::Number(*number));
                measured.add_sample(at, &sample, Time(0), 9).expect("room");
                if hour == 2 {
                    mixed.add_sample(at, &sample, Time(0), 9).expect("room");
                }
            }
            if hour < 2 {
                let sample = Sample::Rolled(Box::new(rolled(numbers)));
                mixed
                    .add_sample(Time(begin), &sample, Time(0), 9)
                    .expect("room");
            }
        }
        for (expected, found) in first_values(&measured).iter().zip(first_values(&mixed)) {
            if expected.0 == Method::DistinctCount {
                assert_eq!(found.1, None, "it is not known any more");
                continue;
            }
            let (expected, found) = (expected.1.expect("a value"), found.1.expect("a value"));
            assert!((expected - found).abs() < 1e-9, "{expected} {found}");
        }
        let blur = mixed.blur(None).expect("some were rolled up");
        assert_eq!(blur.unknown, [Method::DistinctCount]);
        assert_eq!(blur.period_texts(), ["PT1H"]);
        assert!(!blur.is_across && measured.blur(None).is_none());
    }

    #[test]
    fn a_period_across_an_edge_is_said_to_be_so() {
        let across = |period, origin, end: Option<i64>| {
            let aggregation = aggregation(period);
            let mut all = Aggregated::new(&aggregation, Time(origin));
            for hour in 1..4 {
                all.add_rolled(Time(hour * HOUR), &rolled(&[1.0]), 100)
                    .expect("room");
            }
            all.blur(end.map(Time)).expect("rolled up").is_across
        };
        assert!(!across("PT1H", 0, None));
        assert!(!across("PT3H", HOUR, None));
        assert!(!across("PT0S", 0, Some(4 * HOUR)));
        assert!(across("PT30M", 0, None));
        assert!(across("PT1H", HOUR / 2, None));
        assert!(across("PT0S", 0, Some(4 * HOUR - 1)));
    }

    #[test]
    fn of_what_is_no_number_only_how_many_is_known() {
        let aggregation = aggregation("PT1H");
        let mut all = Aggregated::new(&aggregation, Time(0));
        let texts = Rolled {
            value: RolledValue::Last("open".to_owned()),
            ..rolled(&[1.0, 2.0])
        };
        all.add_rolled(Time(0), &texts, 9).expect("room");
        let known: Vec<_> = first_values(&all)
            .into_iter()
            .filter(|(_, v)| v.is_some())
            .collect();
        assert_eq!(known, [(Method::TotalCount, Some(2.0))]);
        assert_eq!(all.blur(None).map(|b| b.unknown.len()), Some(7));
    }
}
