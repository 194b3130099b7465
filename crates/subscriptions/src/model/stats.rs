//! How the notifications of a subscription have fared [CIM-009 §5.2.14, output members].

use base::Time;
use parking_lot::Mutex;

/// Counts of one subscription, kept in memory and written down now and then.
#[derive(Debug, Default)]
pub struct Stats(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    counts: Counts,
    /// Whether they are other than those written down.
    changed: bool,
}

/// What the counts are at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Notifications that were sent, whether or not they arrived.
    pub times_sent: u64,
    /// Those that did not arrive.
    pub times_failed: u64,
    /// When one was last sent.
    pub last_notification: Option<Time>,
    /// When one last arrived.
    pub last_success: Option<Time>,
    /// When one last failed.
    pub last_failure: Option<Time>,
    /// Whether the last one failed.
    pub is_failing: bool,
}

impl Stats {
    /// Counts that go on from these.
    pub fn from_counts(counts: Counts) -> Self {
        Self(Mutex::new(Kept {
            counts,
            changed: false,
        }))
    }

    /// What they are now.
    pub fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// A notification was sent; whether it arrived is told by one of the next two.
    pub fn sent(&self, at: Time) {
        self.change(|counts| {
            counts.times_sent += 1;
            counts.last_notification = counts.last_notification.max(Some(at));
        });
    }

    /// A notification arrived.
    pub fn succeeded(&self, at: Time) {
        self.change(|counts| {
            counts.last_success = counts.last_success.max(Some(at));
            counts.is_failing = false;
        });
    }

    /// A notification did not arrive, when it was first tried or later.
    pub fn failed(&self, at: Time, is_first: bool) {
        self.change(|counts| {
            counts.times_failed += u64::from(is_first);
            counts.last_failure = counts.last_failure.max(Some(at));
            counts.is_failing = true;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut kept = self.0.lock();
        change(&mut kept.counts);
        kept.changed = true;
    }

    /// They are other than those written down.
    pub(crate) fn mark_changed(&self) {
        self.0.lock().changed = true;
    }

    /// The counts, if they changed since this was last asked.
    pub(crate) fn take_changed(&self) -> Option<Counts> {
        let mut kept = self.0.lock();
        std::mem::take(&mut kept.changed).then_some(kept.counts)
    }
}
