//! What is counted of notifications.

use super::Outbox;

/// Notifications that were taken by their receivers.
pub const DELIVERED: &str = "chorsu_notifications_delivered_total";
/// Attempts that failed.
pub const FAILED: &str = "chorsu_notification_attempts_failed_total";
/// Dead letters that had to make room for later ones.
pub const DROPPED: &str = "chorsu_notifications_dropped_total";
/// Notifications that wait or are on their way.
pub const QUEUED: &str = "chorsu_notifications_queued";
/// Dead letters.
pub const DEAD: &str = "chorsu_notifications_dead";

/// Says what the meters mean.
pub fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_counter!(
        DELIVERED,
        "Notifications that were taken by their receivers."
    );
    describe_counter!(FAILED, "Attempts to deliver a notification that failed.");
    describe_counter!(
        DROPPED,
        "Dead letters that had to make room for later ones."
    );
    describe_gauge!(QUEUED, "Notifications that wait or are on their way.");
    describe_gauge!(
        DEAD,
        "Notifications that were given up and can be replayed."
    );
}

impl Outbox {
    /// Tells the meters how much there is.
    pub(super) fn count(&self) {
        let (mut queued, mut dead) = (0_usize, 0_usize);
        for lane in self.lanes.read().values() {
            let state = lane.state.lock();
            queued += state.waiting.len();
            dead += state.dead.len();
        }
        for (name, value) in [(QUEUED, queued), (DEAD, dead)] {
            metrics::gauge!(name).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
        }
    }
}
