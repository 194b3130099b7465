//! What time it is in the city, where the sun stands, and what the weather is like.

use base::Time;

use crate::chance::{Chance, reals};
use crate::ground::CENTRE;

/// The zone of the city.
pub(crate) const ZONE: &str = "Asia/Tashkent";
/// Seconds by which its clocks are ahead of UTC, summer and winter since 1991.
const AHEAD_SECONDS: i64 = 5 * 3_600;
pub(crate) const DAY_SECONDS: i64 = 86_400;
/// Hour of the day at which the sun stands highest here.
const NOON: f64 = 12.6;
const DAYS_OF_YEAR: f64 = 365.242_5;

/// A moment as the city's clocks show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Seconds since 1970 in UTC.
    pub(crate) utc: i64,
    /// Seconds since 1970 on the city's clocks.
    pub(crate) local: i64,
    /// Hours since midnight.
    pub(crate) hour: f64,
    /// 1 on Saturday and Sunday, 0 otherwise.
    pub(crate) weekend: f64,
}

impl Moment {
    pub(crate) fn of(time: Time) -> Self {
        Self::at(time.as_micros().div_euclid(1_000_000))
    }

    pub(crate) fn at(utc: i64) -> Self {
        let local = utc + AHEAD_SECONDS;
        // The first of January 1970 was a Thursday.
        let weekday = (local.div_euclid(DAY_SECONDS) + 3).rem_euclid(7);
        Self {
            utc,
            local,
            hour: reals(local.rem_euclid(DAY_SECONDS)) / 3_600.0,
            weekend: if weekday >= 5 { 1.0 } else { 0.0 },
        }
    }

    pub(crate) fn time(self) -> Time {
        Time::from_seconds(self.utc)
    }

    /// Hours since 1970, to draw smooth lines over.
    pub(crate) fn hours(self) -> f64 {
        reals(self.utc) / 3_600.0
    }

    /// The sine of how high the sun stands, negative at night.
    pub(crate) fn sun(self) -> f64 {
        let day = reals(self.local) / reals(DAY_SECONDS);
        let year = (day + 10.0) / DAYS_OF_YEAR * std::f64::consts::TAU;
        let declination = (-23.44 * year.cos()).to_radians();
        let (sin, cos) = CENTRE[1].to_radians().sin_cos();
        let turn = ((self.hour - NOON) * 15.0).to_radians();
        sin * declination.sin() + cos * declination.cos() * turn.cos()
    }
}

/// The weather over the city.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Degrees Celsius.
    pub(crate) temperature: f64,
    /// 0 to 1.
    pub(crate) humidity: f64,
    /// 0 to 1.
    pub(crate) clouds: f64,
    /// Metres a second.
    pub(crate) wind: f64,
    /// Degrees from which it blows.
    pub(crate) direction: f64,
    /// Millimetres an hour.
    pub(crate) rain: f64,
    /// Hectopascal.
    pub(crate) pressure: f64,
    /// Watts a square metre on the ground.
    pub(crate) light: f64,
}

impl Weather {
    pub(crate) fn at(chance: Chance, moment: Moment) -> Self {
        let chance = chance.of("weather");
        let hours = moment.hours();
        let front = chance.at(1).wave(hours / 61.0) + 0.4 * chance.at(2).wave(hours / 17.0);
        let clouds = (0.38
            + 0.5 * chance.at(3).wave(hours / 29.0)
            + 0.25 * front
            + 0.12 * chance.at(4).wave(hours / 3.0))
        .clamp(0.0, 1.0);
        let sun = moment.sun();
        let light = 990.0 * sun.max(0.0).powf(1.15) * (1.0 - 0.72 * clouds);
        let day = reals(moment.local) / 86_400.0;
        let season = ((day - 201.0) / DAYS_OF_YEAR * std::f64::consts::TAU).cos();
        let daily = ((moment.hour - 15.3) / 24.0 * std::f64::consts::TAU).cos();
        let temperature = 13.2 + 14.8 * season + daily * (5.6 - 2.6 * clouds) - 4.0 * front
            + 0.5 * chance.at(5).wave(hours / 1.7);
        let rain = ((clouds - 0.74) * 9.0).max(0.0) * (0.6 + 0.4 * chance.at(6).wave(hours / 0.6));
        let humidity = (0.58 - 0.013 * (temperature - 12.0)
            + 0.22 * (clouds - 0.4)
            + 0.05 * chance.at(7).wave(hours / 5.0)
            + 0.12 * rain.min(1.0))
        .clamp(0.08, 0.99);
        let wind = (3.1
            + 2.3 * chance.at(8).wave(hours / 13.0)
            + 1.2 * front.abs()
            + 0.8 * chance.at(9).wave(hours / 0.9))
        .max(0.2);
        Self {
            temperature,
            humidity,
            clouds,
            wind,
            direction: (255.0 + 110.0 * chance.at(10).wave(hours / 23.0)).rem_euclid(360.0),
            rain: if rain < 0.05 { 0.0 } else { rain },
            pressure: 1_015.0 - 9.0 * front,
            light,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_days_and_the_sun_agree() {
        let moment = Moment::of(Time::parse("2026-11-22T08:30:00Z").unwrap());
        assert!((moment.hour - 13.5).abs() < 1e-9);
        assert!(moment.weekend > 0.5, "a Sunday");
        assert!(moment.sun() > 0.3);
        assert!(Moment::of(Time::parse("2026-11-22T20:30:00Z").unwrap()).sun() < -0.5);
        let mean = |month: &str| {
            let from = Moment::of(Time::parse(&format!("2026-{month}-01T00:00:00Z")).unwrap());
            let at = |hour: i64| Weather::at(Chance::new(1), Moment::at(from.utc + hour * 3_600));
            (0_i64..720).map(|hour| at(hour).temperature).sum::<f64>() / 720.0
        };
        assert!(mean("07") > mean("01") + 18.0);
    }

    #[test]
    fn the_weather_has_no_jumps() {
        let at = |minute: i64| Weather::at(Chance::new(5), Moment::at(1_790_000_000 + minute * 60));
        for minute in 0..20_000 {
            let (a, b) = (at(minute), at(minute + 1));
            assert!((a.temperature - b.temperature).abs() < 0.1);
            assert!((a.clouds - b.clouds).abs() < 0.03);
            assert!((-40.0..50.0).contains(&a.temperature));
        }
    }
}
