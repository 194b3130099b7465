//! Chance from the seed alone: the same question has the same answer, in whatever order it is asked.

/// A source of chance; what it says depends on the seed and on what it is asked, on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chance(u64);

/// The finaliser of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15)))
    }

    /// Another source for another purpose.
    pub(crate) fn of(self, purpose: &str) -> Self {
        let mut word = 0xCBF2_9CE4_8422_2325_u64;
        for byte in purpose.bytes() {
            word = (word ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        self.at(word)
    }

    /// Another source for each number.
    pub(crate) fn at(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(0x9E37_79B9_7F4A_7C15))))
    }

    /// Another source for each of a list of things.
    pub(crate) fn nth(self, index: usize) -> Self {
        self.at(index as u64)
    }

    /// From 0 up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
    pub(crate) fn unit(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Between two numbers.
    pub(crate) fn between(self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of so many; 0 if there are none.
    pub(crate) fn below(self, count: usize) -> usize {
        usize::try_from(self.0 % (count.max(1) as u64)).unwrap_or(0)
    }

    /// True so often.
    pub(crate) fn happens(self, share: f64) -> bool {
        self.unit() < share
    }

    /// A smooth line through chance: from -1 to 1, one hill per unit of `x`.
    pub(crate) fn wave(self, x: f64) -> f64 {
        let base = x.floor();
        let part = x - base;
        let value = |step: f64| self.at((base + step + 0.0).to_bits()).unit() * 2.0 - 1.0;
        let ease = part * part * (3.0 - 2.0 * part);
        let (a, b) = (value(0.0), value(1.0));
        a + (b - a) * ease
    }

    /// A smooth surface through chance: from -1 to 1, one hill per unit of each side.
    pub(crate) fn hills(self, x: f64, y: f64) -> f64 {
        let row = y.floor();
        let part = y - row;
        let ease = part * part * (3.0 - 2.0 * part);
        let a = self.at(row.to_bits()).wave(x);
        let b = self.at((row + 1.0).to_bits()).wave(x);
        a + (b - a) * ease
    }
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}

/// A whole number as a number to reckon with.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds and lattice steps are far below 2^53"
)]
pub(crate) fn reals(whole: i64) -> f64 {
    whole as f64
}

/// The nearest whole number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast saturates, and what is counted here is far from the limits"
)]
pub(crate) fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// The nearest count; negative numbers are none.
pub(crate) fn count(number: f64) -> usize {
    usize::try_from(whole(number)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_waves_have_no_steps() {
        let chance = Chance::new(7).of("x");
        assert_eq!(chance.at(3), Chance::new(7).of("x").at(3));
        assert_ne!(chance.at(3), Chance::new(8).of("x").at(3));
        let mut last = chance.wave(-3.0);
        for step in -2_999..3_000 {
            let value = chance.wave(reals(step) / 1_000.0);
            assert!((-1.0..=1.0).contains(&value));
            assert!((value - last).abs() < 0.004, "a step at {step}");
            last = value;
        }
    }
}
