//! The clock.

use async_trait::async_trait;
use base::Time;

/// What time it is. In tests it steps when told.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> Time;
    /// Returns when `time` has come.
    async fn sleep_until(&self, time: Time);
}
