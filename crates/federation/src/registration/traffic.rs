//! What went between the node and a source.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use base::Time;

/// Never.
const NEVER: i64 = i64::MIN;

/// How often a source was asked, and when that last went well or wrong [CIM-009 §5.2.9].
/// Limit: it is counted from the start of the node.
#[derive(Debug)]
pub struct Traffic {
    sent: AtomicU64,
    failed: AtomicU64,
    success: AtomicI64,
    failure: AtomicI64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            success: AtomicI64::new(NEVER),
            failure: AtomicI64::new(NEVER),
        }
    }
}

impl Traffic {
    /// Notes that the source was asked, and whether it answered.
    pub fn note(&self, answered: bool, at: Time) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        if answered {
            self.success.fetch_max(at.as_micros(), Ordering::Relaxed);
        } else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            self.failure.fetch_max(at.as_micros(), Ordering::Relaxed);
        }
    }

    /// How often it was asked.
    pub fn times_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How often it did not answer.
    pub fn times_failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// When it last answered.
    pub fn last_success(&self) -> Option<Time> {
        moment(&self.success)
    }

    /// When it last did not.
    pub fn last_failure(&self) -> Option<Time> {
        moment(&self.failure)
    }

    /// Whether it did not answer when it was last asked; `None`: it never was.
    pub fn is_failing(&self) -> Option<bool> {
        match (self.last_success(), self.last_failure()) {
            (None, None) => None,
            (success, failure) => Some(failure > success),
        }
    }
}

fn moment(micros: &AtomicI64) -> Option<Time> {
    match micros.load(Ordering::Relaxed) {
        NEVER => None,
        micros => Some(Time(micros)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_last_happened_tells_whether_a_source_fails() {
        let traffic = Traffic::default();
        assert_eq!(traffic.is_failing(), None);
        traffic.note(true, Time(1));
        assert_eq!(traffic.is_failing(), Some(false));
        traffic.note(false, Time(2));
        assert_eq!(traffic.is_failing(), Some(true));
        assert_eq!((traffic.times_sent(), traffic.times_failed()), (2, 1));
        assert_eq!(traffic.last_success(), Some(Time(1)));
    }
}
