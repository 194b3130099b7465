//! One device and one of its series.

use base::{Name, Time};
use insight::Alarm;

use crate::compact::Compact;

/// A device whose place was another one so often is one that moves.
const MOVES_MIN: u8 = 2;
/// No place.
pub(super) const NONE: u32 = u32::MAX;
/// Nobody is called silent sooner than after five minutes.
pub(super) const PATIENCE_MIN_MICROS: i64 = 300_000_000;
/// A device is silent after so many of its usual intervals.
const PATIENCE_INTERVALS: i64 = 3;
/// Intervals that must be known before a device has a usual one.
const INTERVALS_MIN: usize = 3;
/// Intervals that are remembered.
const INTERVALS: usize = 8;
/// Of a device that has no usual interval yet it is taken that it is heard within an hour.
const PATIENCE_UNKNOWN_MICROS: i64 = 3_600_000_000;

/// An entity that says something.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    /// Its URI; empty: a free place.
    pub(crate) id: Name,
    /// The number of its type.
    pub(super) kind: u16,
    /// The first of its series.
    pub(super) first: u32,
    /// When it was last observed, in microseconds; `i64::MIN`: it has no observations.
    pub(super) last: i64,
    /// The last distances between its observations, in seconds, up to 18 hours.
    gaps: [u16; INTERVALS],
    gaps_known: u8,
    /// A sum over the place where it last was, and how often it was elsewhere.
    pub(super) place: u32,
    moves: u8,
    /// When its history was last read; 0: never.
    pub(super) learned_minutes: u32,
    /// Whether its history was written since.
    pub(super) rewritten: bool,
    /// Whether it waits for its history to be read.
    pub(super) wanted: bool,
    /// Whether it is a simulated one.
    pub(crate) simulated: bool,
}

/// The last value of one attribute.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) device: u32,
    pub(super) next: u32,
    pub(super) attribute: u16,
    pub(super) alarm: Alarm,
    pub(super) value: f64,
    /// When it was observed; `i64::MIN`: never.
    pub(super) at: i64,
    pub(super) table: Option<Box<Compact>>,
}

impl Series {
    pub(super) fn new(device: u32, attribute: u16) -> Self {
        Self {
            device,
            next: NONE,
            attribute,
            alarm: Alarm::default(),
            value: f64::NAN,
            at: i64::MIN,
            table: None,
        }
    }
}

impl Device {
    pub(super) fn new(id: Name, kind: u16) -> Self {
        Self {
            id,
            kind,
            first: NONE,
            last: i64::MIN,
            gaps: [0; INTERVALS],
            gaps_known: 0,
            place: 0,
            moves: 0,
            learned_minutes: 0,
            rewritten: false,
            wanted: false,
            simulated: false,
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.id.is_empty()
    }

    /// Whether it moves: then it neither falls silent nor has usual values.
    pub(super) fn is_moving(&self) -> bool {
        self.moves >= MOVES_MIN
    }

    /// It moves by its nature.
    pub(super) fn is_mover(&mut self) {
        self.moves = MOVES_MIN;
    }

    /// Takes a place, by a sum over it; returns whether that makes it one that moves.
    pub(super) fn placed(&mut self, place: u32) -> bool {
        let elsewhere = self.place != 0 && self.place != place;
        self.place = place;
        if !elsewhere || self.is_moving() {
            return false;
        }
        self.moves += 1;
        self.is_moving()
    }

    /// Takes the moment of an observation; late arrivals do not count.
    pub(super) fn heard(&mut self, at: i64) {
        if self.last != i64::MIN && at > self.last {
            let seconds = (at - self.last).div_euclid(1_000_000);
            let place = usize::from(self.gaps_known) % INTERVALS;
            self.gaps[place] = u16::try_from(seconds).unwrap_or(u16::MAX);
            // Counts on from the second round as from the first.
            let next = self.gaps_known + 1;
            self.gaps_known = if usize::from(next) == 2 * INTERVALS {
                u8::try_from(INTERVALS).unwrap_or(8)
            } else {
                next
            };
        }
        self.last = self.last.max(at);
    }

    /// Takes the distances from moments in ascending order.
    pub(super) fn take_gaps(&mut self, moments: &[Time]) {
        let last = self.last;
        self.gaps_known = 0;
        self.last = i64::MIN;
        let skip = moments.len().saturating_sub(INTERVALS + 1);
        for moment in moments.iter().skip(skip) {
            self.heard(moment.as_micros());
        }
        self.last = self.last.max(last);
    }

    /// Its usual interval: the upper quartile of the last ones, so that bursts do not deceive.
    pub(crate) fn interval_seconds(&self) -> Option<i64> {
        let known = usize::from(self.gaps_known).min(INTERVALS);
        if known < INTERVALS_MIN {
            return None;
        }
        let mut gaps = self.gaps;
        let gaps = gaps.get_mut(..known)?;
        gaps.sort_unstable();
        gaps.get((known * 3).div_ceil(4) - 1)
            .map(|gap| i64::from(*gap).max(1))
    }

    /// After how long without a word it is silent; `None`: its interval is not known.
    pub(super) fn patience_micros(&self) -> Option<i64> {
        let interval = self.interval_seconds()?;
        Some((interval * PATIENCE_INTERVALS * 1_000_000).max(PATIENCE_MIN_MICROS))
    }

    /// Whether it was heard in time. What has no observations is as it stands.
    pub(super) fn is_fresh(&self, now: Time) -> bool {
        let patience = self.patience_micros().unwrap_or(PATIENCE_UNKNOWN_MICROS);
        self.last == i64::MIN || now.as_micros() - self.last <= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(moments: &[i64]) -> Option<i64> {
        let mut device = Device::new("urn:a".into(), 0);
        for at in moments {
            device.heard(at * 1_000_000);
        }
        device.interval_seconds()
    }

    #[test]
    fn an_interval_is_known_from_the_fourth_word_on() {
        assert_eq!(interval(&[0, 60, 120]), None);
        assert_eq!(interval(&[0, 60, 120, 180]), Some(60));
        // Late arrivals and repetitions do not count.
        assert_eq!(interval(&[0, 60, 30, 60, 120, 120]), None);
    }

    #[test]
    fn bursts_do_not_deceive_and_habits_change() {
        // Two words within ten seconds, every quarter of an hour.
        let bursts: Vec<i64> = (0..8).flat_map(|n| [n * 900, n * 900 + 10]).collect();
        assert_eq!(interval(&bursts), Some(890));
        let mut faster: Vec<i64> = (0..20).map(|n| n * 1_800).collect();
        faster.extend((1..=8).map(|n| 19 * 1_800 + n * 60));
        assert_eq!(interval(&faster), Some(60));
        assert_eq!(interval(&[0, 100_000, 200_000, 300_000]), Some(65_535));
    }

    #[test]
    fn patience_is_three_intervals_but_five_minutes_at_least() {
        let mut device = Device::new("urn:a".into(), 0);
        let minutes: Vec<Time> = (0..40).map(|n| Time::from_seconds(n * 600)).collect();
        device.take_gaps(&minutes);
        assert_eq!(device.patience_micros(), Some(1_800_000_000));
        let seconds: Vec<Time> = (0..40).map(|n| Time::from_seconds(24_000 + n)).collect();
        device.take_gaps(&seconds);
        assert_eq!(device.patience_micros(), Some(PATIENCE_MIN_MICROS));
    }

    #[test]
    fn a_device_and_a_series_are_small() {
        assert!(size_of::<Device>() <= 72, "{}", size_of::<Device>());
        assert!(size_of::<Series>() <= 48, "{}", size_of::<Series>());
    }
}
