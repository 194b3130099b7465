//! Slots: the hour of a kind of day, on the clock of the city.

use base::Time;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Slots of a table: 24 hours of workdays, then 24 of weekends.
pub const SLOTS: usize = 48;

/// An hour of a workday or of the weekend (Saturday and Sunday).
/// Limit: public holidays count as the day of the week on which they fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// 0 to 23, on the clock of the city.
    pub hour: u8,
    /// Whether it is Saturday or Sunday.
    pub weekend: bool,
}

impl Slot {
    /// The slot of a moment, and the number of its day since 1970, both on the city's clock.
    pub fn of(time: Time, zone: &TimeZone) -> (Self, i32) {
        let stamp = Timestamp::from_microsecond(time.as_micros()).unwrap_or_default();
        let local = zone.to_datetime(stamp);
        let weekend = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
        let hour = u8::try_from(local.hour()).unwrap_or(0);
        let since = i64::from(zone.to_offset(stamp).seconds()) + stamp.as_second();
        let day = i32::try_from(since.div_euclid(86_400)).unwrap_or(0);
        (Self { hour, weekend }, day)
    }

    /// Its place among the [`SLOTS`].
    pub fn index(self) -> usize {
        usize::from(self.hour.min(23)) + if self.weekend { 24 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(text: &str, zone: &str) -> (u8, bool) {
        let zone = TimeZone::get(zone).expect("a zone");
        let (slot, _) = Slot::of(Time::parse(text).expect("a moment"), &zone);
        (slot.hour, slot.weekend)
    }

    #[test]
    fn the_hour_and_the_kind_of_day_are_those_of_the_city() {
        // Friday evening in London is Saturday morning in Tashkent.
        assert_eq!(slot("2026-11-20T21:30:00Z", "Asia/Tashkent"), (2, true));
        assert_eq!(slot("2026-11-20T21:30:00Z", "Europe/London"), (21, false));
        assert_eq!(slot("2026-11-22T20:00:00Z", "Asia/Tashkent"), (1, false));
    }

    #[test]
    fn the_clock_change_is_minded() {
        assert_eq!(slot("2026-07-01T06:00:00Z", "Europe/Berlin"), (8, false));
        assert_eq!(slot("2026-12-01T06:00:00Z", "Europe/Berlin"), (7, false));
    }

    #[test]
    fn days_are_counted_on_the_citys_clock_and_all_times_have_a_slot() {
        let zone = TimeZone::get("Asia/Tashkent").expect("a zone");
        let midnight = Time::parse("2026-11-21T19:00:00Z").expect("a moment");
        let day = |micros| Slot::of(midnight.plus_micros(micros), &zone).1;
        assert_eq!(
            (day(0), day(-1), day(86_400_000_000)),
            (20_779, 20_778, 20_780)
        );
        for time in [Time::MIN, Time::MAX, Time(i64::MAX)] {
            assert!(Slot::of(time, &zone).0.index() < SLOTS);
        }
    }
}
