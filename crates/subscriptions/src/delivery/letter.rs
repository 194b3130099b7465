//! A letter: a notification in a lane, and the count of those that are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Name, Seq, Time};
use bytes::Bytes;
use parking_lot::Mutex;

/// Bytes that a letter costs besides its body and its ids.
const LETTER_BYTES: usize = 200;

/// A notification in a lane.
#[derive(Debug)]
pub(super) struct Letter {
    /// Its place in the lane: greater than that of all before it.
    pub(super) key: u64,
    /// The entities it tells of.
    pub(super) about: Vec<Name>,
    /// The whole JSON.
    pub(super) body: Bytes,
    /// Its `Content-Type`.
    pub(super) content_type: String,
    /// The whole `Link` header.
    pub(super) link: Option<String>,
    /// When it was made.
    pub(super) at: Time,
    /// Open as long as it is neither delivered nor on disk.
    pub(super) open: Opened,
}

impl Letter {
    /// What it costs in memory.
    pub(super) fn bytes(&self) -> usize {
        let about: usize = self.about.iter().map(|id| id.len() + 16).sum();
        LETTER_BYTES + self.body.len() + about
    }

    /// Whether it must come after another: both tell of an entity, or one tells of none.
    pub(super) fn follows(&self, other: &Self) -> bool {
        self.about.is_empty()
            || other.about.is_empty()
            || self.about.iter().any(|id| other.about.contains(id))
    }
}

/// The changes from which something open follows.
#[derive(Debug, Default)]
pub(super) struct Open(Mutex<BTreeMap<Seq, u32>>);

impl Open {
    /// Something follows from a change; what comes from the clock follows from none.
    pub(super) fn begin(self: &Arc<Self>, seq: Seq) -> Opened {
        if seq == Seq::ZERO {
            return Opened::default();
        }
        *self.0.lock().entry(seq).or_default() += 1;
        Opened(Mutex::new(Some((Arc::clone(self), seq))))
    }

    /// Nothing is open at or before this change.
    pub(super) fn settled(&self) -> Seq {
        let open = self.0.lock();
        open.first_key_value()
            .map_or(Seq(u64::MAX), |(first, _)| Seq(first.0.saturating_sub(1)))
    }

    fn end(&self, seq: Seq) {
        let mut open = self.0.lock();
        if let Some(count) = open.get_mut(&seq) {
            *count -= 1;
            if *count == 0 {
                open.remove(&seq);
            }
        }
    }
}

/// Something open; it is closed when it is dropped, or before.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<Option<(Arc<Open>, Seq)>>);

impl Opened {
    /// It is no longer open.
    pub(super) fn close(&self) {
        let taken = self.0.lock().take();
        if let Some((open, seq)) = taken {
            open.end(seq);
        }
    }

    /// The change from which it follows, as long as it is open.
    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.0.lock().is_some()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_stands_before_the_first_that_is_open() {
        let open = Arc::<Open>::default();
        assert_eq!(open.settled(), Seq(u64::MAX));
        let (first, twin, second) = (open.begin(Seq(5)), open.begin(Seq(5)), open.begin(Seq(9)));
        assert_eq!(open.settled(), Seq(4));
        first.close();
        first.close();
        assert!(!first.is_open());
        assert_eq!(open.settled(), Seq(4), "its twin is still open");
        drop(twin);
        assert_eq!(open.settled(), Seq(8));
        second.close();
        assert_eq!(open.settled(), Seq(u64::MAX));
    }
}
