//! The queue before the committer: bounded by bytes, taken in groups.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use ports::{Batch, Committed, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::Error;
use crate::log::record::Seen;
use std::sync::Arc;

/// Batches that share one sync, at most: enough for any number of callers, few enough to answer
/// the first soon.
const GROUP_BATCHES_MAX: usize = 4_096;
/// Bytes that one permit stands for.
const PERMIT_BYTES: usize = 1 << 10;

/// A batch that waits, and whom to tell.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) batch: Batch,
    /// Where the instances were seen that it takes out or replaces.
    pub(super) seen: Seen,
    /// The batch as the log will have it.
    pub(super) bytes: Vec<u8>,
    pub(super) answer: oneshot::Sender<Result<Committed, StoreError>>,
    _room: OwnedSemaphorePermit,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    room: Arc<Semaphore>,
    permits: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

impl Queue {
    /// An empty queue with room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let permits = bytes
            .div_ceil(PERMIT_BYTES)
            .clamp(1, Semaphore::MAX_PERMITS >> 1);
        let (waiting, filled) = (Mutex::default(), Condvar::new());
        Self {
            waiting,
            filled,
            room: Arc::new(Semaphore::new(permits)),
            permits,
        }
    }

    /// Waits for room, then leaves a batch; the answer comes once it is durable and true.
    pub(super) async fn push(
        &self,
        batch: Batch,
        seen: Seen,
        bytes: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<Committed, StoreError>>, Error> {
        let permits = bytes.len().div_ceil(PERMIT_BYTES).clamp(1, self.permits);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await;
        let room = room.map_err(|_closed| Error::Closed)?;
        let (answer, ticket) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            return Err(Error::Closed);
        }
        waiting.jobs.push_back(Job {
            batch,
            seen,
            bytes,
            answer,
            _room: room,
        });
        drop(waiting);
        self.filled.notify_one();
        Ok(ticket)
    }

    /// Waits for batches and takes what fits one group, at least one; `None` when the queue is
    /// closed and empty.
    pub(super) fn take(&self, bytes_max: usize) -> Option<Vec<Job>> {
        let mut waiting = self.waiting.lock();
        while waiting.jobs.is_empty() {
            if waiting.is_closed {
                return None;
            }
            self.filled.wait(&mut waiting);
        }
        let mut bytes = 0_usize;
        let fitting = waiting
            .jobs
            .iter()
            .take(GROUP_BATCHES_MAX)
            .take_while(|job| {
                bytes = bytes.saturating_add(job.bytes.len());
                bytes <= bytes_max
            });
        let count = fitting.count().max(1);
        Some(waiting.jobs.drain(..count).collect())
    }

    /// Takes no more batches; those that wait are still taken out.
    pub(super) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.room.close();
        self.filled.notify_all();
    }
}
