//! How the taking over of history stands.

use base::{Seq, Time};
use parking_lot::Mutex;

use crate::LakeError;

/// A failure, and when it was.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What failed.
    pub what: String,
    /// When it did last.
    pub at: Time,
}

/// How the taking over of history stands.
#[derive(Debug, Clone, Default)]
pub struct Sealing {
    /// All that arrived before was taken over then.
    pub last: Option<Time>,
    /// Up to which change.
    pub until: Seq,
    /// About how many bytes of history are still to be taken over, when it was last looked.
    pub pending_bytes: u64,
    /// How many changes there have been since.
    pub pending_changes: u64,
    /// Why it does not go on; `None`: it does.
    pub failure: Option<Failure>,
}

/// Keeps it.
#[derive(Debug, Default)]
pub struct State {
    sealing: Mutex<Sealing>,
}

impl State {
    /// As it stands.
    pub fn sealing(&self) -> Sealing {
        self.sealing.lock().clone()
    }

    pub(crate) fn saw(&self, bytes: u64, changes: u64) {
        let mut sealing = self.sealing.lock();
        sealing.pending_bytes = bytes;
        sealing.pending_changes = changes;
    }

    pub(super) fn sealed(&self, until: Seq, began: Time) {
        let mut sealing = self.sealing.lock();
        sealing.last = Some(began);
        sealing.until = until;
        sealing.pending_bytes = 0;
        sealing.pending_changes = 0;
        sealing.failure = None;
    }

    pub(super) fn failed(&self, error: &LakeError, at: Time) {
        self.sealing.lock().failure = Some(Failure {
            what: error.to_string(),
            at,
        });
    }
}
