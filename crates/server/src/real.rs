//! The real clock and the real chance: the one place where the node touches either.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base::Time;
use ports::{Clock, Entropy};

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that all others stand for"
        )]
        let now = SystemTime::now();
        let micros = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()),
            Err(before) => i64::try_from(before.duration().as_micros()).map(|micros| -micros),
        };
        micros.map_or(Time::MAX, Time)
    }

    async fn sleep_until(&self, time: Time) {
        let micros = time.as_micros().saturating_sub(self.now().as_micros());
        let duration = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that all others stand for"
        )]
        let sleep = tokio::time::sleep(duration);
        sleep.await;
    }
}

/// The random source of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
