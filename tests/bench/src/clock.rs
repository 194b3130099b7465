//! The clock of the bench: the one place that looks at the real one.

use std::time::{Duration, Instant};

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
