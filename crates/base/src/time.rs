//! Time: microseconds since 1970 in UTC, and its text in ISO 8601.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub i64);

/// Why a text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no date-time: write it as 2026-11-22T08:30:00Z")]
pub struct TimeInvalid(pub String);

impl Time {
    /// The earliest moment that has a text.
    pub const MIN: Self = Self(-377_705_023_201_000_000);
    /// The latest moment that has a text.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// From whole seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// This moment moved by so many microseconds, kept within the years that have a text.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros)).clamp(Self::MIN, Self::MAX)
    }

    /// Appends the ISO 8601 text in UTC: milliseconds when there is a fraction of that size,
    /// microseconds when there is more, no fraction when there is none.
    pub fn write(self, out: &mut String) {
        use fmt::Write as _;
        // Writing to a String cannot fail.
        let _infallible = write!(out, "{self}");
    }

    /// Reads an ISO 8601 date-time with `Z` or an offset; a date alone is refused.
    /// A comma is accepted as the decimal sign, as ISO 8601 allows.
    pub fn parse(text: &str) -> Result<Self, TimeInvalid> {
        let invalid = || TimeInvalid(text.chars().take(64).collect());
        if text.len() < 20 || text.len() > 64 || !text.contains('T') {
            return Err(invalid());
        }
        let stamp = if text.contains(',') {
            text.replacen(',', ".", 1).parse::<jiff::Timestamp>()
        } else {
            text.parse::<jiff::Timestamp>()
        };
        let stamp = stamp.map_err(|_reason| invalid())?;
        Ok(Self(stamp.as_microsecond()))
    }
}

/// Days since 1970 to year, month, day (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        u32::try_from(month).unwrap_or(1),
        u32::try_from(day).unwrap_or(1),
    )
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000_000);
        let micros = self.0.rem_euclid(1_000_000);
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let rest = seconds.rem_euclid(86_400);
        let (h, m, s) = (rest / 3_600, rest / 60 % 60, rest % 60);
        if (0..=9_999).contains(&year) {
            write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}")?;
        } else {
            write!(f, "{year:+07}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}")?;
        }
        if micros == 0 {
            f.write_str("Z")
        } else if micros % 1_000 == 0 {
            write!(f, ".{:03}Z", micros / 1_000)
        } else {
            write!(f, ".{micros:06}Z")
        }
    }
}

impl FromStr for Time {
    type Err = TimeInvalid;
    fn from_str(text: &str) -> Result<Self, TimeInvalid> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_moment_reads_back_to_it() {
        for text in [
            "2026-11-22T08:30:00Z",
            "1969-12-31T23:59:59.999Z",
            "2020-02-29T00:00:00.000001Z",
            "0001-01-01T00:00:00Z",
        ] {
            let time = Time::parse(text).expect("a date-time");
            assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn an_offset_and_a_comma_are_understood() {
        let a = Time::parse("2026-11-22T11:30:00,5+03:00").expect("a date-time");
        assert_eq!(a.to_string(), "2026-11-22T08:30:00.500Z");
    }

    #[test]
    fn a_date_alone_or_nonsense_is_refused() {
        for text in [
            "2026-11-22",
            "yesterday",
            "",
            "2026-13-01T00:00:00Z",
            "2026-11-22T08:30:00",
        ] {
            assert!(Time::parse(text).is_err(), "{text}");
        }
    }
}
