//! A clock that steps when told.

use async_trait::async_trait;
use base::Time;
use ports::Clock;
use tokio::sync::watch;

/// Stands still until the test moves it.
#[derive(Debug)]
pub struct StepClock {
    now: watch::Sender<Time>,
}

impl StepClock {
    /// A clock that shows `now`.
    pub fn at(now: Time) -> Self {
        Self {
            now: watch::Sender::new(now),
        }
    }

    /// Moves it on, and wakes those who slept until then.
    pub fn advance_micros(&self, micros: i64) {
        self.now.send_modify(|now| *now = now.plus_micros(micros));
    }

    /// Moves it on by whole seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.advance_micros(seconds.saturating_mul(1_000_000));
    }
}

impl Default for StepClock {
    /// Shows the beginning of 2026.
    fn default() -> Self {
        Self::at(Time::from_seconds(1_767_225_600))
    }
}

#[async_trait]
impl Clock for StepClock {
    fn now(&self) -> Time {
        *self.now.borrow()
    }

    async fn sleep_until(&self, time: Time) {
        let mut now = self.now.subscribe();
        // It ends only with the clock, which is borrowed here.
        let _never_closed = now.wait_for(|now| *now >= time).await.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come() {
        let clock = StepClock::default();
        let start = clock.now();
        let until = start.plus_micros(2_000_000);
        let sleeper = async {
            clock.sleep_until(until).await;
            clock.now()
        };
        let stepper = async {
            tokio::task::yield_now().await;
            clock.advance_seconds(1);
            tokio::task::yield_now().await;
            clock.advance_seconds(1);
        };
        let (woke, ()) = tokio::join!(sleeper, stepper);
        assert_eq!(woke, until);
    }
}
