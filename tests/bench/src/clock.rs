//! The clock of the bench: the one place that looks at the real one.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::Time;
use ports::Clock;

/// Now.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets time pass while a process starts.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench waits for real processes"
)]
pub(crate) fn pause(length: Duration) {
    std::thread::sleep(length);
}

/// Returns when the moment has come; the runtime's timer is a millisecond coarse.
#[expect(clippy::disallowed_methods, reason = "a bench waits in real time")]
pub(crate) async fn until(moment: Instant) {
    let length = moment.saturating_duration_since(now());
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}

/// The clock of a client: it began with the epoch at that moment.
#[derive(Debug)]
pub(crate) struct Machine(pub(crate) Instant);

#[async_trait]
impl Clock for Machine {
    fn now(&self) -> Time {
        Time(i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, time: Time) {
        let micros = time.as_micros().saturating_sub(self.now().as_micros());
        let length = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        #[expect(clippy::disallowed_methods, reason = "a bench waits in real time")]
        tokio::time::sleep(length).await;
    }
}
