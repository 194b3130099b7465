//! The changes of late, in memory, so that tails that keep up never read the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use base::Seq;
use ports::Change;

/// The last batches, bounded by the bytes that they take in the log.
#[derive(Debug)]
pub(super) struct Recent {
    batches: VecDeque<(Arc<[Change]>, usize)>,
    bytes: usize,
    bytes_max: usize,
}

impl Recent {
    /// Nothing yet.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Adds the changes of a batch of so many bytes.
    pub(super) fn push(&mut self, changes: Arc<[Change]>, bytes: usize) {
        if changes.is_empty() {
            return;
        }
        self.bytes += bytes;
        self.batches.push_back((changes, bytes));
        while self.bytes > self.bytes_max
            && let Some((_, bytes)) = self.batches.pop_front()
        {
            self.bytes -= bytes;
        }
    }

    /// The batches that hold what follows `after`, for up to `limit` changes; `None` when what
    /// follows immediately is not here any more.
    pub(super) fn after(&self, after: Seq, limit: usize) -> Option<Vec<Arc<[Change]>>> {
        let first = self
            .batches
            .front()
            .and_then(|(changes, _)| changes.first())?;
        if first.seq > after.next() {
            return None;
        }
        let is_before = |(changes, _): &(Arc<[Change]>, usize)| {
            changes.last().is_none_or(|last| last.seq <= after)
        };
        let begin = self.batches.partition_point(is_before);
        let mut found = 0;
        let batches = self
            .batches
            .range(begin..)
            .map(|(changes, _)| Arc::clone(changes));
        let enough = batches.take_while(|changes| {
            let goes_on = found < limit;
            found += changes.iter().filter(|change| change.seq > after).count();
            goes_on
        });
        Some(enough.collect())
    }
}
