//! When a row was observed: from one column, from several parts, or from its place in the file.

use std::collections::BTreeMap;

use base::Time;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::Deserialize;

use crate::out::shown;

/// Where moments stand, as the mapping says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeSpec {
    /// One column …
    column: Option<String>,
    /// … in this form of `strptime`, or `epoch` or `epoch-ms`; ISO 8601 without it.
    format: Option<String>,
    /// Or several columns: `year`, and from `month` to `second` what there is.
    #[serde(default)]
    parts: BTreeMap<String, String>,
    /// What words in a part mean: the first month of a quarter.
    #[serde(default)]
    words: BTreeMap<String, i64>,
    /// Or no column: the first row has this moment …
    start: Option<String>,
    /// … and each further row comes so many seconds later.
    step_seconds: Option<i64>,
    /// The time zone of all that names none; UTC without it.
    zone: Option<String>,
}

/// The form of numbers that count seconds since 1970 …
const EPOCH: &str = "epoch";
/// … or milliseconds.
const EPOCH_MS: &str = "epoch-ms";

/// Gives the moment of each row.
#[derive(Debug, Clone)]
pub(super) struct Clockwork {
    how: How,
    zone: TimeZone,
}

#[derive(Debug, Clone)]
enum How {
    Column {
        name: String,
        format: Option<String>,
    },
    Parts {
        columns: Vec<(usize, String)>,
        words: BTreeMap<String, i64>,
    },
    Steps {
        start: Time,
        step_seconds: i64,
    },
}

/// The parts of a moment from the largest, each with the value it has when it is not given.
const PARTS: [(&str, i64); 6] = [
    ("year", 0),
    ("month", 1),
    ("day", 1),
    ("hour", 0),
    ("minute", 0),
    ("second", 0),
];

impl Clockwork {
    pub(super) fn new(spec: TimeSpec) -> Result<Self, String> {
        let zone = match spec.zone.as_deref() {
            Some(name) => {
                TimeZone::get(name).map_err(|_invalid| format!("time zone {name:?} is unknown"))?
            }
            None => TimeZone::UTC,
        };
        let how = match (spec.column, spec.parts.is_empty(), spec.start) {
            (Some(name), true, None) => How::Column {
                name,
                format: spec.format,
            },
            (None, false, None) => {
                let mut columns = Vec::new();
                for (part, column) in spec.parts {
                    let place = PARTS.iter().position(|(name, _)| *name == part);
                    let place = place.ok_or_else(|| format!("{part:?} is no part of a moment"))?;
                    columns.push((place, column));
                }
                How::Parts {
                    columns,
                    words: spec.words,
                }
            }
            (None, true, Some(start)) => {
                let step_seconds = spec.step_seconds.filter(|step| *step > 0);
                let step_seconds = step_seconds.ok_or("start needs step_seconds above 0")?;
                let start = parse(&start, None, &zone, None)
                    .ok_or_else(|| format!("start {start:?} is no moment"))?;
                How::Steps {
                    start,
                    step_seconds,
                }
            }
            _ => return Err("[time] needs one of column, parts and start".to_owned()),
        };
        Ok(Self { how, zone })
    }

    /// Whether the moment comes from the place of the row in its file.
    pub(super) fn counts_rows(&self) -> bool {
        matches!(self.how, How::Steps { .. })
    }

    /// The columns that it needs.
    pub(super) fn columns(&self) -> Vec<&str> {
        match &self.how {
            How::Column { name, .. } => vec![name],
            How::Parts { columns, .. } => columns.iter().map(|(_, name)| name.as_str()).collect(),
            How::Steps { .. } => Vec::new(),
        }
    }

    /// The moment of a row; `number` counts rows from 0, `before` is the moment of the same
    /// entity's row before, which decides in the hour that the clocks are turned back over.
    pub(super) fn at<'v>(
        &self,
        value: impl Fn(&str) -> &'v str,
        number: u64,
        before: Option<Time>,
    ) -> Result<Time, String> {
        match &self.how {
            How::Column { name, format } => {
                let text = value(name);
                parse(text, format.as_deref(), &self.zone, before)
                    .ok_or_else(|| format!("{} is no moment", shown(text)))
            }
            How::Parts { columns, words } => {
                let mut numbers = PARTS.map(|(_, absent)| absent);
                for (place, column) in columns {
                    let text = value(column);
                    let number = words.get(text).copied().or_else(|| text.parse().ok());
                    let number =
                        number.ok_or_else(|| format!("{column} {} is no number", shown(text)))?;
                    if let Some(slot) = numbers.get_mut(*place) {
                        *slot = number;
                    }
                }
                civil(numbers)
                    .and_then(|civil| zoned(civil, &self.zone, before))
                    .ok_or_else(|| format!("{numbers:?} is no moment"))
            }
            How::Steps {
                start,
                step_seconds,
            } => {
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                let micros = number
                    .saturating_mul(*step_seconds)
                    .saturating_mul(1_000_000);
                Ok(start.plus_micros(micros))
            }
        }
    }
}

/// Seconds or milliseconds since 1970, also with a fraction; a moment that has a text.
fn epoch(text: &str, is_millis: bool) -> Option<Time> {
    let scale = if is_millis { 1_000 } else { 1_000_000 };
    let micros = if let Ok(whole) = text.parse::<i64>() {
        whole.checked_mul(scale)?
    } else {
        let micros = (text.parse::<f64>().ok()? * f64::from(i32::try_from(scale).ok()?)).round();
        // Beyond 2^53 a float has no whole microseconds; its moment has none of our years either.
        let text = format!("{micros:.0}");
        text.parse().ok()?
    };
    let time = Time(micros);
    (Time::MIN..=Time::MAX).contains(&time).then_some(time)
}

fn civil(numbers: [i64; 6]) -> Option<DateTime> {
    let [year, month, day, hour, minute, second] = numbers;
    let small = |number: i64| i8::try_from(number).ok();
    let date =
        jiff::civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    // Hour 24 of a day is hour 0 of the next, as many weather services count.
    let (date, hour) = if hour == 24 {
        (date.tomorrow().ok()?, 0)
    } else {
        (date, small(hour)?)
    };
    let time = jiff::civil::Time::new(hour, small(minute)?, small(second)?, 0).ok()?;
    Some(date.to_datetime(time))
}

fn parse(text: &str, format: Option<&str>, zone: &TimeZone, before: Option<Time>) -> Option<Time> {
    if let Some(EPOCH | EPOCH_MS) = format {
        return epoch(text, format == Some(EPOCH_MS));
    }
    let Some(format) = format else {
        return match text.parse::<jiff::Timestamp>() {
            Ok(stamp) => Some(Time(stamp.as_microsecond())),
            Err(_) => zoned(text.parse().ok()?, zone, before),
        };
    };
    let parsed = strtime::parse(format, text).ok()?;
    if let Ok(stamp) = parsed.to_timestamp() {
        return Some(Time(stamp.as_microsecond()));
    }
    let civil = parsed
        .to_datetime()
        .or_else(|_| parsed.to_date().map(DateTime::from));
    zoned(civil.ok()?, zone, before)
}

/// The moment of a local time. In the hour that comes twice it is the first one, unless the row
/// before has already reached that.
fn zoned(civil: DateTime, zone: &TimeZone, before: Option<Time>) -> Option<Time> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let twice = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
    let micros = |stamp: jiff::Timestamp| Time(stamp.as_microsecond());
    let first = micros(ambiguous.compatible().ok()?);
    if twice && before.is_some_and(|before| before >= first) {
        return zone.to_ambiguous_timestamp(civil).later().ok().map(micros);
    }
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(text: &str) -> Clockwork {
        Clockwork::new(toml::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn a_moment_is_read_from_a_column_parts_or_the_place_of_the_row() {
        let iso = clock("column = 'd'\nzone = 'Asia/Shanghai'");
        for text in [
            "2016-07-01 00:00:00",
            "2016-07-01T00:00:00",
            "2016-06-30T16:00:00Z",
        ] {
            let time = iso.at(|_| text, 0, None).unwrap();
            assert_eq!(time.to_string(), "2016-06-30T16:00:00Z", "{text}");
        }
        let form = clock("column = 'd'\nformat = '%d.%m.%Y %H:%M'");
        assert_eq!(
            form.at(|_| "05.03.2020 07:30", 0, None)
                .unwrap()
                .to_string(),
            "2020-03-05T07:30:00Z"
        );
        let day = clock("column = 'd'\nformat = '%d.%m.%Y'");
        assert_eq!(
            day.at(|_| "05.03.2020", 0, None).unwrap().to_string(),
            "2020-03-05T00:00:00Z"
        );
        let parts =
            clock("parts = {year = 'y', month = 'q'}\nwords = {IV = 10}\nzone = 'Europe/Moscow'");
        let value = |name: &str| if name == "y" { "2021" } else { "IV" };
        assert_eq!(
            parts.at(value, 0, None).unwrap().to_string(),
            "2021-09-30T21:00:00Z"
        );
        let steps = clock(
            "start = '2012-03-01T00:00:00'\nstep_seconds = 300\nzone = 'America/Los_Angeles'",
        );
        assert_eq!(
            steps.at(|_| "", 2, None).unwrap().to_string(),
            "2012-03-01T08:10:00Z"
        );
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_apart_by_the_row_before() {
        let clock = clock("column = 'd'\nzone = 'Europe/Vilnius'");
        let at = |before| clock.at(|_| "2018-10-28 03:30:00", 0, before).unwrap();
        let first = at(None);
        assert_eq!(first.to_string(), "2018-10-28T00:30:00Z");
        assert_eq!(at(Some(first)).to_string(), "2018-10-28T01:30:00Z");
    }

    #[test]
    fn what_is_no_moment_is_said() {
        let parts = clock("parts = {year = 'y', month = 'm', day = 'd'}");
        let error = parts.at(|_| "13", 0, None).unwrap_err();
        assert!(error.contains("is no moment"), "{error}");
        assert!(
            parts
                .at(|_| "x", 0, None)
                .unwrap_err()
                .contains("is no number")
        );
        for text in [
            "column = 'a'\nstart = '2020-01-01T00:00:00'",
            "",
            "start = 'x'\nstep_seconds = 1",
            "column = 'a'\nzone = 'Mars/Base'",
            "parts = {eon = 'e'}",
            "start = '2020-01-01T00:00:00'",
        ] {
            assert!(
                Clockwork::new(toml::from_str(text).unwrap()).is_err(),
                "{text}"
            );
        }
    }
}
