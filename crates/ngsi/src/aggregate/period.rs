//! Periods: durations of ISO 8601, true to the calendar.

use base::Time;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::AggregateError;

/// How long each period of an aggregation is. Months and years are those of the calendar (UTC);
/// a period of no length is all of the time asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    months: i64,
    days: i64,
    micros: i64,
}

/// Bytes of a duration: every part with ten digits stays below.
const BYTES_MAX: usize = 96;
/// Micros of a mean month of the Gregorian calendar.
const MONTH_MICROS: i64 = 2_629_746_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

impl Period {
    /// Reads `P1Y2M10DT2H30M`, `P1W`, `PT0.5S` …: at least one part, each once, in this order, and
    /// a fraction only of seconds.
    pub fn parse(text: &str) -> Result<Self, AggregateError> {
        let wrong = || AggregateError::Period(text.chars().take(64).collect());
        if text.len() > BYTES_MAX {
            return Err(wrong());
        }
        read(text).ok_or_else(wrong)
    }

    /// The moment that lies this long after another.
    pub fn after(self, origin: Time) -> Time {
        self.edge(origin, 1)
    }

    /// Whether it is all of the time asked for.
    pub fn is_whole(self) -> bool {
        self == Self::default()
    }

    /// When the period of that number begins, counted from `origin`. Each is counted from there,
    /// so that the months after a 31st of January begin on the last day of each and not ever
    /// earlier. Kept within the years that have a text.
    pub(super) fn edge(self, origin: Time, index: i64) -> Time {
        let edge = || {
            let span = jiff::Span::new()
                .try_months(self.months.checked_mul(index)?)
                .ok()?
                .try_days(self.days.checked_mul(index)?)
                .ok()?
                .try_microseconds(self.micros.checked_mul(index)?)
                .ok()?;
            let edge = civil(origin)?.checked_add(span).ok()?;
            let edge = edge.to_zoned(TimeZone::UTC).ok()?;
            Some(Time(edge.timestamp().as_microsecond()))
        };
        edge().unwrap_or(Time::MAX).min(Time::MAX)
    }

    /// The number of the period in which a moment lies; `None` before the origin.
    pub(super) fn index(self, origin: Time, time: Time) -> Option<i64> {
        if time < origin {
            return None;
        }
        if self.is_whole() {
            return Some(0);
        }
        let passed = time.0.saturating_sub(origin.0);
        let mut index = passed.checked_div(self.about())?;
        // About right is at most some periods off, as months are of different length.
        while index > 0 && self.edge(origin, index) > time {
            index -= 1;
        }
        while self.edge(origin, index.saturating_add(1)) <= time && time < Time::MAX {
            index += 1;
        }
        Some(index)
    }

    /// Its length in micros, months being of mean length; at least 1.
    pub fn about(self) -> i64 {
        let months = self.months.saturating_mul(MONTH_MICROS);
        let days = self.days.saturating_mul(DAY_MICROS);
        months
            .saturating_add(days)
            .saturating_add(self.micros)
            .max(1)
    }
}

fn civil(time: Time) -> Option<DateTime> {
    let stamp = jiff::Timestamp::from_microsecond(time.0).ok()?;
    Some(TimeZone::UTC.to_datetime(stamp))
}

fn read(text: &str) -> Option<Period> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let [years, months, weeks, days] = whole(date, ['Y', 'M', 'W', 'D'])?;
    let (time, seconds) = match time.strip_suffix('S') {
        None => (time, 0),
        Some(rest) => {
            let start = rest.rfind(['H', 'M']).map_or(0, |at| at + 1);
            let (time, seconds) = rest.split_at(start);
            (time, micros(seconds)?)
        }
    };
    let [hours, minutes] = whole(time, ['H', 'M'])?;
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    Some(Period {
        months: years.checked_mul(12)?.checked_add(months)?,
        days: weeks.checked_mul(7)?.checked_add(days)?,
        micros: minutes.checked_mul(60_000_000)?.checked_add(seconds)?,
    })
}

/// Parts that are whole numbers, each followed by its letter, in order.
fn whole<const N: usize>(mut text: &str, letters: [char; N]) -> Option<[i64; N]> {
    let mut parts = [0; N];
    for (part, letter) in parts.iter_mut().zip(letters) {
        let end = text.find(|c: char| !c.is_ascii_digit());
        let Some((digits, rest)) = end.and_then(|end| text.split_at_checked(end)) else {
            break;
        };
        if let Some(rest) = rest.strip_prefix(letter) {
            *part = digits.parse().ok()?;
            text = rest;
        }
    }
    text.is_empty().then_some(parts)
}

/// Seconds with a fraction, in micros; what is finer is cut off.
fn micros(text: &str) -> Option<i64> {
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    if !whole
        .bytes()
        .chain(fraction.bytes())
        .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let whole: i64 = whole.parse().ok()?;
    whole
        .checked_mul(1_000_000)?
        .checked_add(fraction.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Time {
        text.parse().expect("a date-time")
    }

    #[test]
    fn durations_are_read_as_iso_8601_writes_them() {
        let read = |text: &str| Period::parse(text).map(|p| (p.months, p.days, p.micros));
        assert_eq!(read("P1Y2M10DT2H30M"), Ok((14, 10, 9_000_000_000)));
        assert_eq!(read("P2W"), Ok((0, 14, 0)));
        assert_eq!(read("PT1M"), Ok((0, 0, 60_000_000)));
        assert_eq!(read("PT1H0.25S"), Ok((0, 0, 3_600_250_000)));
        assert_eq!(read("PT0S"), Ok((0, 0, 0)));
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "1H",
            "PT1D",
            "P1H",
            "P1DT",
            "P1M1Y",
            "PT1S1H",
            "PT.S",
            "PT1.S",
            "P-1D",
            "bogus",
            "PT1.5H",
            "P1Y1Y",
            "P99999999999999999999D",
            "PT99999999999999H",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let month = Period::parse("P1M").expect("a month");
        let origin = at("2024-01-31T06:00:00Z");
        let edges: Vec<_> = (1..4).map(|n| month.edge(origin, n).to_string()).collect();
        assert_eq!(
            edges,
            [
                "2024-02-29T06:00:00Z",
                "2024-03-31T06:00:00Z",
                "2024-04-30T06:00:00Z"
            ]
        );
        assert_eq!(month.index(origin, at("2024-02-29T05:59:59Z")), Some(0));
        assert_eq!(month.index(origin, at("2024-02-29T06:00:00Z")), Some(1));
        let year = Period::parse("P1Y").expect("a year");
        assert_eq!(
            year.edge(at("2020-02-29T00:00:00Z"), 4),
            at("2024-02-29T00:00:00Z")
        );
        assert_eq!(month.index(origin, at("2024-01-31T05:00:00Z")), None);
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_the_period_of_its_number(
            months in 0_i64..30, days in 0_i64..400, micros in 0_i64..10_000_000_000,
            origin in -3_000_000_000_000_000_i64..3_000_000_000_000_000,
            later in 0_i64..30_000_000_000_000_000,
        ) {
            let period = Period { months, days, micros };
            let (origin, time) = (Time(origin), Time(origin + later));
            prop_assume!(!period.is_whole());
            let index = period.index(origin, time).expect("after the origin");
            prop_assert!(period.edge(origin, index) <= time);
            prop_assert!(time < period.edge(origin, index + 1));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "P?[0-9YMWDTHS.,]{0,20}") {
            let _any = Period::parse(&text);
        }
    }
}
