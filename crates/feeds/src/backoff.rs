//! How long to wait before the next try: longer each time, never exactly as long as others do.

use base::Time;
use ports::Entropy;

/// The waits between tries.
#[derive(Debug)]
pub(crate) struct Backoff {
    tries: u32,
    first_millis: u64,
    most_millis: u64,
}

impl Backoff {
    pub(crate) fn new(first_millis: u64, most_millis: u64) -> Self {
        Self {
            tries: 0,
            first_millis,
            most_millis,
        }
    }

    /// It went well: the next wait is a short one again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    /// When to try again.
    pub(crate) fn next(&mut self, now: Time, entropy: &dyn Entropy) -> Time {
        let doubled = self.first_millis.saturating_mul(1 << self.tries.min(20));
        self.tries = self.tries.saturating_add(1);
        jittered(now, doubled.min(self.most_millis), entropy)
    }
}

/// A moment after three quarters to five quarters of so many milliseconds.
pub(crate) fn jittered(now: Time, millis: u64, entropy: &dyn Entropy) -> Time {
    let mut random = [0; 2];
    entropy.fill(&mut random);
    let share = u64::from(u16::from_le_bytes(random)) % 501;
    let micros = millis.saturating_mul(750 + share);
    now.plus_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use testkit::SeededEntropy;

    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ() {
        let entropy = SeededEntropy::new(1);
        let mut backoff = Backoff::new(100, 30_000);
        let waits: Vec<i64> = (0..40)
            .map(|_| backoff.next(Time(0), &entropy).as_micros())
            .collect();
        assert!((75_000..=125_000).contains(&waits[0]), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 37_500_000), "{waits:?}");
        assert!(waits[20..].iter().all(|wait| *wait >= 22_500_000));
        assert!(waits[20..].windows(2).any(|two| two[0] != two[1]));
        backoff.reset();
        assert!(backoff.next(Time(0), &entropy).as_micros() <= 125_000);
    }
}
