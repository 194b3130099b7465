//! The committer: the one thread that writes the log and makes batches true.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::{Seq, limits};
use ports::{Batch, Committed, StoreError};

use super::core::Mode;
use super::expect::Expectations;
use super::queue::Job;
use super::{Health, Shared};
use crate::error::Error;
use crate::log::record::Logged;
use crate::log::{Group, Log};

/// The committer.
#[derive(Debug)]
pub(super) struct Committer {
    shared: Arc<Shared>,
    log: Log,
    group: Group,
    expectations: Expectations,
}

/// A batch that goes into the log, and where.
#[derive(Debug)]
struct Accepted {
    job: Job,
    first: Seq,
    count: u32,
}

impl Accepted {
    /// The batch as it stands in the log.
    fn take(&mut self) -> Logged {
        let batch = &mut self.job.batch;
        let (acts, cursor) = (std::mem::take(&mut batch.acts), batch.cursor.take());
        let batch = Batch {
            tenant: batch.tenant.clone(),
            time: batch.time,
            acts,
            cursor,
        };
        Logged::from_batch(batch, std::mem::take(&mut self.job.seen))
    }

    fn settled(self) -> Settled {
        let last = Seq(self.first.0 + u64::from(self.count) - 1);
        (
            self.job,
            Ok(Committed {
                first: self.first,
                last,
            }),
        )
    }
}

/// What came of a batch, kept until everything of its group is settled.
type Settled = (Job, Result<Committed, StoreError>);

impl Committer {
    pub(super) fn new(shared: Arc<Shared>, log: Log) -> Self {
        Self {
            shared,
            log,
            group: Group::new(),
            expectations: Expectations::default(),
        }
    }

    /// Commits until the queue is closed.
    pub(super) fn run(mut self) {
        let _guard = Guard(Arc::clone(&self.shared));
        while let Some(jobs) = self.shared.queue.take(self.shared.settings.group_bytes) {
            for (job, outcome) in self.commit(jobs) {
                // Who does not wait any more is not told.
                let _unheard = job.answer.send(outcome);
            }
        }
        self.end();
    }

    /// An empty frame behind the last one: damage to that cannot pass for a torn tail any more.
    fn end(&mut self) {
        self.group.clear();
        if !self.log.is_poisoned()
            && let Err(error) = self.log.append(&mut self.group)
        {
            tracing::warn!(%error, "the log could not be ended; the next start is slower");
        }
    }

    /// Makes a group of batches durable, then true.
    fn commit(&mut self, jobs: Vec<Job>) -> Vec<Settled> {
        if self.log.is_poisoned() || self.shared.is_poisoned() {
            let refuse = |job| (job, Err(Error::Poisoned.into()));
            return jobs.into_iter().map(refuse).collect();
        }
        let mut settled = Vec::new();
        let accepted = self.gather(jobs, &mut settled);
        if accepted.is_empty() {
            return settled;
        }
        if let Err(error) = self.log.append(&mut self.group) {
            self.failed(&error);
            let refuse = |accepted: Accepted| (accepted.job, Err(StoreError::from(&error)));
            settled.extend(accepted.into_iter().map(refuse));
            return settled;
        }
        self.publish(accepted, &mut settled);
        settled
    }

    /// Checks the batches and lays those that hold into the group.
    fn gather(&mut self, jobs: Vec<Job>, settled: &mut Vec<Settled>) -> Vec<Accepted> {
        self.group.clear();
        self.expectations.clear();
        let mut next = self.log.next();
        let mut accepted = Vec::with_capacity(jobs.len());
        for job in jobs {
            match self.check(&job, next) {
                Ok(count) => {
                    self.group.push(count, &job.bytes);
                    accepted.push(Accepted {
                        job,
                        first: next,
                        count,
                    });
                    next = Seq(next.0 + u64::from(count));
                }
                Err(error) => settled.push((job, Err(error))),
            }
        }
        accepted
    }

    fn check(&mut self, job: &Job, first: Seq) -> Result<u32, StoreError> {
        let rooms = &self.shared.core.rooms;
        let is_new = rooms.get(&job.batch.tenant).is_none() && !job.batch.acts.is_empty();
        if is_new && rooms.len() >= limits::TENANTS_MAX {
            let (what, found, max) = (
                "the number of tenants",
                rooms.len() + 1,
                limits::TENANTS_MAX,
            );
            return Err(Error::Limit { what, found, max }.into());
        }
        self.expectations
            .check(&self.shared.core, &job.batch, first)?;
        let found = job.batch.acts.len();
        let what = "the acts of a batch";
        u32::try_from(found).map_err(|_many| {
            Error::Limit {
                what,
                found,
                max: u32::MAX as usize,
            }
            .into()
        })
    }

    /// A group is durable: makes it true and lets everybody see it.
    fn publish(&mut self, mut accepted: Vec<Accepted>, settled: &mut Vec<Settled>) {
        let shared = &self.shared;
        let mut applying = shared.core.applying.lock();
        let time = accepted
            .last()
            .map_or(applying.time, |last| last.job.batch.time);
        let batches = accepted
            .iter_mut()
            .map(|accepted| (accepted.first, accepted.take()));
        let changes = match shared.core.apply(batches.collect::<Vec<_>>(), Mode::Live) {
            Ok(changes) => changes,
            Err(error) => {
                self.failed(&error);
                let refuse = |accepted: Accepted| (accepted.job, Err(StoreError::from(&error)));
                settled.extend(accepted.into_iter().map(refuse));
                return;
            }
        };
        applying.head = Seq(self.log.next().0 - 1);
        applying.time = time;
        {
            let mut recent = shared.recent.lock();
            for (changes, accepted) in changes.into_iter().zip(&accepted) {
                recent.push(changes, accepted.job.bytes.len());
            }
        }
        shared.head.send_replace(applying.head);
        drop(applying);
        settled.extend(accepted.into_iter().map(Accepted::settled));
        let written = self.group.payload_bytes() as u64;
        let total = shared.logged_bytes.fetch_add(written, Ordering::Relaxed) + written;
        shared.bell.heard(shared, total, time);
    }

    fn failed(&self, error: &Error) {
        if matches!(error, Error::Full { .. }) {
            tracing::error!(%error, "a batch was refused");
            return;
        }
        tracing::error!(%error, "the store takes no more batches: the node must be restarted");
        self.shared.poison(&error.to_string());
    }
}

/// Whatever ends the committer, nobody waits for it in vain.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("the committer ended by a panic");
        }
        self.0.queue.close();
        while self.0.queue.take(usize::MAX).is_some() {}
    }
}

impl Shared {
    pub(super) fn poison(&self, why: &str) {
        self.health.send_if_modified(|health| {
            let was_running = *health == Health::Running;
            if was_running {
                *health = Health::Poisoned(why.to_owned());
            }
            was_running
        });
    }

    pub(super) fn is_poisoned(&self) -> bool {
        matches!(&*self.health.borrow(), Health::Poisoned(_))
    }
}
