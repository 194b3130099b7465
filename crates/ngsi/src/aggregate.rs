//! Aggregated values: what the instances of one attribute come to, period by period
//! [CIM-009 §4.5.19].
//!
//! Of what the methods are computed: numbers as they are, booleans as 0 and 1, arrays by how many
//! items they have. Strings and dates have a `min` and a `max`, in the order of their characters.
//! Everything can be counted.
//!
//! What is left of instances that are no longer kept counts where its period begins, with all that
//! is known of them: see [`Aggregated::blur`] for what that cannot answer.

mod blur;
mod period;
mod tally;

use std::collections::BTreeMap;

use base::{Kind, Time};
use serde_json::Value;

use crate::entity::{AttributeKind, AttributeValue};
use crate::temporal::Sample;

pub use blur::Blur;
pub use period::Period;
use tally::Tally;

/// What is computed of the values of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `totalCount`: how many there are.
    TotalCount,
    /// `distinctCount`: how many different ones there are.
    DistinctCount,
    /// `sum`.
    Sum,
    /// `avg`: the arithmetic mean.
    Avg,
    /// `min`.
    Min,
    /// `max`.
    Max,
    /// `stddev`: the standard deviation, of all the values and not of a sample.
    StdDev,
    /// `sumsq`: the sum of the squares.
    SumSq,
}

/// Why an aggregation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AggregateError {
    /// No method of that name.
    #[error(
        "'aggrMethods' names '{0}': known are totalCount, distinctCount, sum, avg, min, max, \
         stddev and sumsq"
    )]
    Method(String),
    /// No method at all.
    #[error("aggregated values need 'aggrMethods', such as avg,max")]
    NoMethod,
    /// No duration.
    #[error(
        "'aggrPeriodDuration' is '{0}': it must be a duration of ISO 8601, such as PT1H or P1M"
    )]
    Period(String),
    /// The answer would be too long.
    #[error("there would be more than {0} periods: ask for longer ones or for a shorter time")]
    Periods(usize),
}

impl AggregateError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Method(_) | Self::NoMethod | Self::Period(_) => Kind::Invalid,
            Self::Periods(_) => Kind::Limit,
        }
    }
}

impl Method {
    const ALL: [Self; 8] = [
        Self::TotalCount,
        Self::DistinctCount,
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::StdDev,
        Self::SumSq,
    ];

    /// The standard's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::TotalCount => "totalCount",
            Self::DistinctCount => "distinctCount",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::StdDev => "stddev",
            Self::SumSq => "sumsq",
        }
    }

    /// Reads words; each counts once.
    pub fn parse<'w>(
        words: impl IntoIterator<Item = &'w str>,
    ) -> Result<Vec<Self>, AggregateError> {
        let mut methods = Vec::new();
        for word in words.into_iter().map(str::trim) {
            let method = Self::ALL.into_iter().find(|method| method.word() == word);
            let shown = || AggregateError::Method(word.chars().take(64).collect());
            let method = method.ok_or_else(shown)?;
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        if methods.is_empty() {
            Err(AggregateError::NoMethod)
        } else {
            Ok(methods)
        }
    }
}

/// How instances are aggregated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregation {
    /// What is computed.
    pub methods: Vec<Method>,
    /// Of how long.
    pub period: Period,
    /// At most so many periods of an attribute, those at the end; `None`: all.
    pub last: Option<usize>,
}

/// What the instances of one attribute and dataset come to.
#[derive(Debug)]
pub struct Aggregated<'a> {
    aggregation: &'a Aggregation,
    /// When the first period begins.
    origin: Time,
    kind: Option<AttributeKind>,
    tallies: BTreeMap<i64, Tally>,
    latest: Time,
    /// The period of the value before: its number, where it begins and where the next one does.
    /// Values come in the order of time, so that nearly every one is of it.
    current: Option<(i64, Time, Time)>,
    /// What was rolled up.
    past: blur::Past,
}

/// A value, and the period that it is of: from the first moment on, to before the second one.
pub type Row = (Value, Time, Time);

impl<'a> Aggregated<'a> {
    /// Nothing yet.
    pub fn new(aggregation: &'a Aggregation, origin: Time) -> Self {
        Self {
            aggregation,
            origin,
            kind: None,
            tallies: BTreeMap::new(),
            latest: origin,
            current: None,
            past: blur::Past::default(),
        }
    }

    /// The kind of the attribute, once there was an instance.
    pub fn kind(&self) -> AttributeKind {
        self.kind.unwrap_or(AttributeKind::Property)
    }

    /// Counts the value that the attribute had at a time; deletions and what was before the origin
    /// do not count. `periods_max` bounds the answer.
    pub fn add(
        &mut self,
        time: Time,
        value: &AttributeValue,
        periods_max: usize,
    ) -> Result<(), AggregateError> {
        let Some(kind) = value.kind() else {
            return Ok(());
        };
        let distinct = self.is_distinct();
        if let Some(tally) = self.tally(time, periods_max)? {
            tally.add(value, distinct);
            self.kind = Some(kind);
        }
        Ok(())
    }

    /// The same of a sample; one that has expired by `now` does not count.
    pub fn add_sample(
        &mut self,
        time: Time,
        sample: &Sample,
        now: Time,
        periods_max: usize,
    ) -> Result<(), AggregateError> {
        match sample {
            Sample::Number(number) => {
                let distinct = self.is_distinct();
                if let Some(tally) = self.tally(time, periods_max)? {
                    tally.add_number(*number, distinct);
                    self.kind = Some(AttributeKind::Property);
                }
                Ok(())
            }
            Sample::Wide(attribute) if attribute.is_expired(now) => Ok(()),
            Sample::Wide(attribute) => self.add(time, &attribute.value, periods_max),
            Sample::Rolled(rolled) => self.add_rolled(time, rolled, periods_max),
        }
    }

    fn is_distinct(&self) -> bool {
        self.aggregation.methods.contains(&Method::DistinctCount)
    }

    /// Where a value of that time is counted; `None`: it is before the origin.
    fn tally(
        &mut self,
        time: Time,
        periods_max: usize,
    ) -> Result<Option<&mut Tally>, AggregateError> {
        let Some(index) = self.index(time) else {
            return Ok(None);
        };
        self.latest = self.latest.max(time);
        if self.tallies.len() >= periods_max && !self.tallies.contains_key(&index) {
            return Err(AggregateError::Periods(periods_max));
        }
        Ok(Some(self.tallies.entry(index).or_default()))
    }

    /// The number of the period of a time; `None` before the origin.
    fn index(&mut self, time: Time) -> Option<i64> {
        if let Some((index, from, until)) = self.current
            && from <= time
            && time < until
        {
            return Some(index);
        }
        let period = &self.aggregation.period;
        let index = period.index(self.origin, time)?;
        if !period.is_whole() {
            let from = period.edge(self.origin, index);
            let until = period.edge(self.origin, index.saturating_add(1));
            self.current = Some((index, from, until));
        }
        Some(index)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }

    /// Method by method, the values of the periods in which there are any. A method that says
    /// nothing of values such as these has no rows. `end` is where the time asked for ends: a
    /// period without a duration of its own ends there, or with its last value.
    pub fn rows(&self, end: Option<Time>) -> Vec<(Method, Vec<Row>)> {
        let periods = self.tallies.len();
        let passed = periods.saturating_sub(self.aggregation.last.unwrap_or(periods));
        let tallies = || self.tallies.iter().skip(passed);
        let row = |method, (index, tally): (&i64, &Tally)| {
            let (from, until) = self.period(*index, end);
            Some((tally.value(method)?, from, until))
        };
        let methods = self.aggregation.methods.iter();
        methods
            .map(|method| (*method, tallies().filter_map(|t| row(*method, t)).collect()))
            .collect()
    }

    fn period(&self, index: i64, end: Option<Time>) -> (Time, Time) {
        let period = &self.aggregation.period;
        if period.is_whole() {
            return (self.origin, end.unwrap_or(self.latest));
        }
        (
            period.edge(self.origin, index),
            period.edge(self.origin, index.saturating_add(1)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Time {
        text.parse().expect("a date-time")
    }

    fn aggregated(methods: &str, period: &str, values: &[(&str, Value)]) -> Value {
        let aggregation = Aggregation {
            methods: Method::parse(methods.split(',')).expect("methods"),
            period: Period::parse(period).expect("a period"),
            last: None,
        };
        let mut all = Aggregated::new(&aggregation, at(values[0].0));
        for (time, value) in values {
            all.add(at(time), &AttributeValue::Property(value.clone()), 100)
                .expect("room");
        }
        let rows = all
            .rows(None)
            .into_iter()
            .filter(|(_, rows)| !rows.is_empty());
        let shown = rows.map(|(method, rows)| {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(value, from, until)| json!([value, from.to_string(), until.to_string()]))
                .collect();
            (method.word().to_owned(), Value::Array(rows))
        });
        Value::Object(shown.collect())
    }

    #[test]
    fn values_of_an_hour_come_together() {
        let values = [
            ("2020-08-01T12:03:00Z", json!(67)),
            ("2020-08-01T13:05:00Z", json!(53)),
            ("2020-08-01T14:02:59Z", json!(54)),
            ("2020-08-01T16:07:00Z", json!(40)),
        ];
        let expected = json!({"avg": [
            [67, "2020-08-01T12:03:00Z", "2020-08-01T13:03:00Z"],
            [53.5, "2020-08-01T13:03:00Z", "2020-08-01T14:03:00Z"],
            [40, "2020-08-01T16:03:00Z", "2020-08-01T17:03:00Z"],
        ]});
        assert_eq!(aggregated("avg", "PT1H", &values), expected);
    }

    #[test]
    fn every_method_says_what_its_name_says() {
        let values = ["01", "02", "03", "04"]
            .iter()
            .zip([2, 4, 4, 6])
            .map(|(day, value)| (format!("2020-08-{day}T00:00:00Z"), json!(value)));
        let values: Vec<_> = values.collect();
        let values: Vec<_> = values
            .iter()
            .map(|(t, v)| (t.as_str(), v.clone()))
            .collect();
        let all = "totalCount,distinctCount,sum,avg,min,max,stddev,sumsq";
        let found = aggregated(all, "PT0S", &values);
        for (method, value) in [
            ("totalCount", json!(4)),
            ("distinctCount", json!(3)),
            ("sum", json!(16)),
            ("avg", json!(4)),
            ("min", json!(2)),
            ("max", json!(6)),
            ("stddev", json!(std::f64::consts::SQRT_2)),
            ("sumsq", json!(72)),
        ] {
            let rows = json!([[value, "2020-08-01T00:00:00Z", "2020-08-04T00:00:00Z"]]);
            assert_eq!(found[method], rows, "{method}");
        }
    }

    #[test]
    fn texts_have_an_order_and_no_sum() {
        let values = [
            ("2020-08-01T00:00:00Z", json!("b")),
            ("2020-08-01T01:00:00Z", json!("a")),
        ];
        let span = ["2020-08-01T00:00:00Z", "2020-08-01T01:00:00Z"];
        let expected = json!({
            "min": [["a", span[0], span[1]]],
            "max": [["b", span[0], span[1]]],
            "totalCount": [[2, span[0], span[1]]],
        });
        assert_eq!(
            aggregated("min,max,sum,avg,totalCount", "PT0S", &values),
            expected
        );
    }

    #[test]
    fn the_last_periods_can_be_asked_for_alone() {
        let aggregation = Aggregation {
            methods: vec![Method::Sum],
            period: Period::parse("P1D").expect("a day"),
            last: Some(1),
        };
        let mut all = Aggregated::new(&aggregation, at("2020-08-01T00:00:00Z"));
        for day in ["2020-08-01T05:00:00Z", "2020-08-03T05:00:00Z"] {
            all.add(at(day), &AttributeValue::Property(json!(1)), 2)
                .expect("room");
        }
        let days = (at("2020-08-03T00:00:00Z"), at("2020-08-04T00:00:00Z"));
        assert_eq!(
            all.rows(None),
            [(Method::Sum, vec![(json!(1), days.0, days.1)])]
        );
        let more = all.add(
            at("2020-08-09T05:00:00Z"),
            &AttributeValue::Property(json!(1)),
            2,
        );
        assert_eq!(more, Err(AggregateError::Periods(2)));
    }

    #[test]
    fn a_method_that_is_none_is_refused() {
        let unknown = AggregateError::Method("median".to_owned());
        assert_eq!(Method::parse(["avg", "median"]), Err(unknown));
        assert_eq!(Method::parse([]), Err(AggregateError::NoMethod));
        assert_eq!(
            Method::parse(["max", " avg", "max"]),
            Ok(vec![Method::Max, Method::Avg])
        );
    }
}
