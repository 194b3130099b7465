//! An alarm that does not flicker: it takes two readings to rise and two to fall, and it falls
//! lower than it rose.

/// Excess (in widths of the usual range) beyond which a value is a warning.
pub const WARNING: f64 = 1.0;
/// Excess beyond which it is critical.
pub const CRITICAL: f64 = 2.0;
/// How far below its limit a level must fall before it ends.
pub const HYSTERESIS: f64 = 0.5;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Within the usual range, or close to it.
    #[default]
    Usual,
    /// Outside by more than the width of the range.
    Warning,
    /// Outside by more than twice the width.
    Critical,
}

/// On which side of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// Above it.
    #[default]
    High,
    /// Below it.
    Low,
}

/// The state of one alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarm {
    level: Level,
    side: Side,
    /// What the reading before wanted, if that was another level.
    wanted: Option<(Level, Side)>,
}

impl Alarm {
    /// How bad it is now.
    pub fn level(self) -> Level {
        self.level
    }

    /// On which side; of no meaning while it is usual.
    pub fn side(self) -> Side {
        self.side
    }

    /// Takes a reading by its signed excess; returns whether level or side changed.
    pub fn step(&mut self, excess: f64) -> bool {
        let side = if excess < 0.0 { Side::Low } else { Side::High };
        let distance = if excess.is_finite() {
            excess.abs()
        } else {
            0.0
        };
        let wanted = self.reading_alone(distance, side);
        if wanted == self.level && (wanted == Level::Usual || side == self.side) {
            self.wanted = None;
            return false;
        }
        let Some((before, before_side)) = self.wanted.replace((wanted, side)) else {
            return false;
        };
        // Two readings agree on no more than the milder of them, when it rises, and no less than
        // the worse of them, when it falls.
        let same_side = before_side == side;
        let agreed = if wanted > self.level || side != self.side {
            if same_side {
                wanted.min(before)
            } else {
                Level::Usual
            }
        } else {
            wanted.max(before)
        };
        let changed = agreed != self.level || (agreed != Level::Usual && side != self.side);
        if changed {
            (self.level, self.side, self.wanted) = (agreed, side, None);
        }
        changed
    }

    /// The level that a reading alone would have, given the level that is.
    fn reading_alone(self, distance: f64, side: Side) -> Level {
        let held = if side == self.side {
            self.level
        } else {
            Level::Usual
        };
        let limit = |level: Level, limit: f64| {
            if held >= level {
                limit - HYSTERESIS
            } else {
                limit
            }
        };
        if distance > limit(Level::Critical, CRITICAL) {
            Level::Critical
        } else if distance > limit(Level::Warning, WARNING) {
            Level::Warning
        } else {
            Level::Usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(readings: &[f64]) -> (Level, Side) {
        let mut alarm = Alarm::default();
        for reading in readings {
            alarm.step(*reading);
        }
        (alarm.level(), alarm.side())
    }

    #[test]
    fn one_reading_is_no_alarm_two_are() {
        assert_eq!(after(&[5.0]).0, Level::Usual);
        assert_eq!(after(&[5.0, 0.0, 5.0]).0, Level::Usual);
        assert_eq!(after(&[1.2, 1.2]), (Level::Warning, Side::High));
        assert_eq!(after(&[-2.2, -3.0]), (Level::Critical, Side::Low));
        // One beyond the warning, one beyond the critical: both agree on a warning.
        assert_eq!(after(&[1.2, 2.5]).0, Level::Warning);
        assert_eq!(after(&[1.2, 2.5, 2.5, 2.5]).0, Level::Critical);
    }

    #[test]
    fn it_ends_lower_than_it_began_and_after_two_readings() {
        assert_eq!(after(&[1.2, 1.2, 0.8, 0.8, 0.6]).0, Level::Warning);
        assert_eq!(after(&[1.2, 1.2, 0.1]).0, Level::Warning);
        assert_eq!(after(&[1.2, 1.2, 0.1, 0.1]).0, Level::Usual);
        assert_eq!(after(&[3.0, 3.0, 1.7, 1.7]).0, Level::Critical);
        assert_eq!(after(&[3.0, 3.0, 1.2, 0.0]).0, Level::Warning);
        assert_eq!(after(&[3.0, 3.0, 1.2, 0.0, 0.0]).0, Level::Warning);
        assert_eq!(after(&[3.0, 3.0, 1.2, 0.0, 0.0, 0.0]).0, Level::Usual);
    }

    #[test]
    fn it_changes_sides_by_two_readings() {
        assert_eq!(after(&[3.0, 3.0, -3.0]), (Level::Critical, Side::High));
        assert_eq!(after(&[3.0, 3.0, -3.0, -3.0]), (Level::Critical, Side::Low));
        assert_eq!(after(&[f64::NAN, f64::NAN]).0, Level::Usual);
    }

    proptest! {
        #[test]
        fn a_value_that_trembles_at_a_limit_does_not_flicker(
            trembles in prop::collection::vec(-0.24_f64..0.24, 2..200),
            limit in prop::sample::select(vec![WARNING, CRITICAL]),
        ) {
            let mut alarm = Alarm::default();
            let changes = trembles.iter().filter(|t| alarm.step(limit + **t)).count();
            // Up to the limit in at most two steps, and never down again.
            prop_assert!(changes <= 2);
        }

        #[test]
        fn it_is_never_worse_than_all_readings_nor_usual_among_bad_ones(
            readings in prop::collection::vec(-4.0_f64..4.0, 0..100),
        ) {
            let mut alarm = Alarm::default();
            for pair in readings.windows(2) {
                alarm.step(pair[0]);
            }
            let worst = readings.iter().fold(0.0_f64, |worst, r| worst.max(r.abs()));
            prop_assert!(alarm.level() < Level::Critical || worst > CRITICAL);
            prop_assert!(alarm.level() < Level::Warning || worst > WARNING);
            alarm.step(3.0);
            alarm.step(3.0);
            alarm.step(3.0);
            prop_assert_eq!(alarm.level(), Level::Critical);
        }
    }
}
