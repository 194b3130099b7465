//! The values in the fields of a feed: dates, times of day beyond midnight, coordinates.

/// Seconds since noon minus twelve hours of `H:MM:SS`; more than 24 hours are usual, the trip then
/// runs into the next day.
pub(super) fn seconds(text: &str) -> Option<i32> {
    let mut parts = text.split(':').map(|part| {
        let part = part.trim();
        let digits = !part.is_empty() && part.len() <= 3;
        (digits && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<i32>().ok())
            .flatten()
    });
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    (parts.next().is_none() && minutes < 60 && seconds < 60)
        .then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// `20260131` as `2026-01-31`.
pub(super) fn date(text: &str) -> Option<String> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u32 = text.parse().ok()?;
    let year = i16::try_from(number / 10_000).ok()?;
    let month = i8::try_from(number / 100 % 100).ok()?;
    let day = i8::try_from(number % 100).ok()?;
    jiff::civil::Date::new(year, month, day)
        .ok()
        .map(|date| date.to_string())
}

/// Longitude and latitude in degrees, if they are on Earth and not the 0, 0 of a missing value.
pub(super) fn place(lon: &str, lat: &str) -> Option<(f64, f64)> {
    let (lon, lat) = (lon.parse::<f64>().ok()?, lat.parse::<f64>().ok()?);
    let known = lon != 0.0 || lat != 0.0;
    (known && lon.abs() <= 180.0 && lat.abs() <= 90.0).then_some((lon, lat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_run_beyond_midnight() {
        assert_eq!(seconds("06:25:00"), Some(23_100));
        assert_eq!(seconds("6:25:00"), Some(23_100));
        assert_eq!(seconds("25:10:05"), Some(90_605));
        for text in [
            "",
            "24",
            "1:60:00",
            "-1:00:00",
            "a:b:c",
            "1:2:3:4",
            "9999:00:00",
            "1:+2:00",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_must_be_in_the_calendar() {
        assert_eq!(date("20240229").as_deref(), Some("2024-02-29"));
        for text in ["20230229", "2024-02-29", "", "99999999", "²0240229"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_place_is_on_earth() {
        assert_eq!(place("23.8", "54.9"), Some((23.8, 54.9)));
        for (lon, lat) in [
            ("0", "0.0"),
            ("181", "1"),
            ("1", "91"),
            ("", ""),
            ("NaN", "1"),
            ("inf", "1"),
        ] {
            assert_eq!(place(lon, lat), None, "{lon} {lat}");
        }
    }
}
